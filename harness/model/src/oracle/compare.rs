//! One message against the one that was due: a request as a container received it, an answer as a client got it.

use crate::claim::ClaimId;
use crate::observation::{self, Delivery, End, Fields};

use super::expect::{Body, Relayed};
use super::{Finding, Judgement, Oracle};

/// Headers of the framing and of the connection, which say nothing of the answer.
pub(super) const FRAMING: [&str; 6] =
    ["content-length", "transfer-encoding", "connection", "date", "upgrade", "sec-websocket-accept"];

/// What a container received in headers, against what it had to.
pub(super) fn delivered_headers(due: &Fields, delivered: &Fields, whose: &str, judgement: &mut Judgement) {
    let ignored = |name: &str| matches!(name, "content-length" | "transfer-encoding");
    let normal = |fields: &Fields| -> Fields {
        let mut fields: Fields = fields
            .iter()
            .filter(|(name, _)| !ignored(name))
            .map(|(name, value)| {
                // The words of an upgrade have no case.
                let value = if matches!(name.as_str(), "connection" | "upgrade") {
                    value.to_ascii_lowercase()
                } else {
                    value.clone()
                };
                (name.clone(), value)
            })
            .collect();
        fields.sort();
        fields
    };
    let (due, delivered) = (normal(due), normal(delivered));
    for (name, value) in surplus(&delivered, &due) {
        judgement.findings.push(permitted(
            header_claim(&name),
            format!("{whose} received `{name}: {}`, which it must not see", excerpt(&value, 0)),
        ));
    }
    for (name, value) in surplus(&due, &delivered) {
        let what = format!("{whose} did not receive `{name}: {}`", excerpt(&value, 0));
        if plain(&name).starts_with("x-vendo-") {
            judgement.findings.push(permitted(ClaimId::Apx3, what));
        } else {
            judgement.shortfalls.push(what);
        }
    }
}

fn header_claim(name: &str) -> ClaimId {
    match plain(name).as_str() {
        "cookie" => ClaimId::Apx4,
        "host" | "connection" | "upgrade" | "te" | "trailer" | "keep-alive" | "proxy-connection" | "expect"
        | "content-length" => ClaimId::Apx5,
        _ => ClaimId::Apx3,
    }
}

fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// The fields of `a` that `b` doesn't have as often.
pub(super) fn surplus(a: &Fields, b: &Fields) -> Fields {
    let mut rest = b.clone();
    a.iter()
        .filter(|field| match rest.iter().position(|other| other == *field) {
            Some(position) => {
                rest.remove(position);
                false
            }
            None => true,
        })
        .cloned()
        .collect()
}

/// An answer that a container gave, as the client got it.
pub(super) fn relayed_answer(
    answer: &observation::Answer,
    due: &Relayed,
    delivered: Option<&Delivery>,
    judgement: &mut Judgement,
) {
    if answer.status != due.status {
        let what = format!("the answer is {}, and the container's {} is due", answer.status, due.status);
        judgement.shortfalls.push(what);
        return;
    }
    relayed_headers(answer, due, judgement);
    let body = match &due.body {
        Body::Exact(body) => Some(body.clone()),
        Body::Echo => delivered.map(|d| [d.raw.as_slice(), &d.body].concat()),
    };
    match body {
        Some(body) if answer.body == body => {}
        Some(body) => judgement.findings.push(permitted(
            ClaimId::Apx6,
            format!(
                "the body isn't what the container sent: `{}` instead of `{}`",
                excerpt(&answer.body, 0),
                excerpt(&body, 0)
            ),
        )),
        None => judgement.shortfalls.push("the container that has to answer received nothing".to_owned()),
    }
    if !matches!(answer.end, End::Complete | End::Closed) {
        judgement.shortfalls.push(format!("the answer ended badly: {:?}", answer.end));
    }
    if delivered.is_none() {
        judgement.findings.push(permitted(
            ClaimId::Apx6,
            "an answer came, though the container that has to give it received nothing".to_owned(),
        ));
    }
}

/// The headers of a container's answer, as the client got them.
pub(super) fn relayed_headers(answer: &observation::Answer, due: &Relayed, judgement: &mut Judgement) {
    let framing = |(name, _): &(String, Vec<u8>)| !FRAMING.contains(&name.as_str());
    let seen: Fields = answer.headers.iter().filter(|field| framing(field)).cloned().collect();
    for (name, value) in surplus(&seen, &due.headers) {
        let claim = match plain(&name).as_str() {
            "set-cookie" | "set-cookie2" => ClaimId::Apx4,
            vendo if vendo.starts_with("x-vendo-") => ClaimId::Apx4,
            _ => ClaimId::Apx6,
        };
        judgement
            .findings
            .push(permitted(claim, format!("the client got `{name}: {}`, which it must not get", excerpt(&value, 0))));
    }
    for (name, value) in surplus(&due.headers, &seen) {
        judgement.shortfalls.push(format!("the client did not get `{name}: {}`", excerpt(&value, 0)));
    }
}

/// An answer that broke off in the container: it may be lost, but it may not look whole.
pub(super) fn broken_answer(answer: &observation::Answer, due: &Relayed, judgement: &mut Judgement) {
    if matches!(answer.status, 502 | 504) {
        return;
    }
    if answer.status != due.status {
        judgement
            .shortfalls
            .push(format!("the answer is {}, and the container's {} is due", answer.status, due.status));
        return;
    }
    relayed_headers(answer, due, judgement);
    let Body::Exact(body) = &due.body else { return };
    if !body.starts_with(&answer.body) {
        judgement.findings.push(permitted(
            ClaimId::Apx6,
            format!("the body isn't how the container's began: `{}`", excerpt(&answer.body, 0)),
        ));
    }
    if answer.body.len() < body.len() && answer.end == End::Complete {
        judgement
            .findings
            .push(permitted(ClaimId::Apx6, "a body that broke off was passed on as if it were whole".to_owned()));
    }
}

/// An answer of the proxy's own: no container's header may be in it.
pub(super) fn own_answer(answer: &observation::Answer, claim: ClaimId, judgement: &mut Judgement) {
    for (name, value) in &answer.headers {
        if plain(name).starts_with("x-vendo-") || name == "set-cookie" {
            judgement.findings.push(permitted(claim, format!("a refusal carries `{name}: {}`", excerpt(value, 0))));
        }
    }
}

pub(super) fn permitted(claim: ClaimId, what: String) -> Finding {
    Finding { claim, oracle: Oracle::PermittedOutcomes, what, leak: None }
}

pub(super) fn excerpt(bytes: &[u8], from: usize) -> String {
    let rest = bytes.get(from..).unwrap_or(&[]);
    let shown = rest.get(..rest.len().min(80)).unwrap_or(rest);
    let dots = if rest.len() > shown.len() { "\u{2026}" } else { "" };
    format!("{}{dots}", shown.escape_ascii())
}
