//! What was seen of a webhook against what was due: its delivery, its answer, and what both let out.

use std::collections::BTreeSet;

use super::canaries::{visible_to_container, visible_to_sender};
use super::{Answer, CONTENT_TYPE, Expected, SIGNATURE, TIMESTAMP, signature};
use crate::action::Method;
use crate::action::edge::HookCall;
use crate::canary::{CanaryId, Scanner};
use crate::claim::ClaimId;
use crate::observation::{self, Delivery, End, Exchange, Fields, Nothing, UpstreamRequest};
use crate::oracle::compare::{FRAMING, excerpt, own_answer, permitted, surplus};
use crate::oracle::{Finding, Judgement, Leak, Oracle, expect};
use crate::world::World;

/// The shortest text that is looked for as a secret.
const SECRET_MIN: usize = 8;

/// An answer that must not be told apart from others of its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// The class.
    pub class: String,
    /// All of the answer that counts.
    pub bytes: Vec<u8>,
    /// The claim that falls when two of a class differ.
    pub claim: ClaimId,
    /// Why it is in the class.
    pub why: &'static str,
}

/// The observed delivery that a webhook's is: at the same container, with the same body and signature if there is a
/// choice. It is taken out of those that are left.
pub fn take<'o>(left: &mut Vec<&'o Delivery>, expected: &Expected) -> Option<&'o Delivery> {
    let due = expected.delivery.as_ref()?;
    let at = |wanted: &dyn Fn(&Delivery) -> bool| left.iter().position(|d| d.deployment == due.deployment && wanted(d));
    let signed = first(&due.headers, SIGNATURE);
    let position = at(&|d| d.body == due.body && first(&d.headers, SIGNATURE) == signed)
        .or_else(|| at(&|d| d.body == due.body && d.target == due.target))
        .or_else(|| at(&|d| d.target == due.target))
        .or_else(|| at(&|_| true))?;
    Some(left.remove(position))
}

/// Judges one webhook. `delivered` is what [`take`] found for it. True when it was delivered and answered as it must be.
pub fn judge(
    world: &World,
    scanner: &Scanner,
    call: &HookCall,
    expected: &Expected,
    exchange: Option<&Exchange>,
    delivered: Option<&Delivery>,
    judgement: &mut Judgement,
) -> bool {
    let before = judgement.findings.len() + judgement.shortfalls.len();
    let judge = Judge { world, scanner, call, expected };
    if let Some(delivered) = delivered {
        judge.delivery(delivered, judgement);
    }
    match exchange {
        Some(Exchange::Answer(answer)) => judge.answer(answer, delivered, judgement),
        Some(Exchange::Nothing(nothing)) => judge.nothing(nothing, judgement),
        None => judgement.shortfalls.push("the webhook was never answered".to_owned()),
    }
    if expected.delivery.is_some() && delivered.is_none() {
        judgement.shortfalls.push("a webhook that is due to a container did not reach it".to_owned());
    }
    let clean = before == judgement.findings.len() + judgement.shortfalls.len();
    clean && !expected.reason.refuses()
}

/// A delivery that no webhook of the step leads to. `refused` is one of the step that had to be refused, if any.
pub fn unexpected(
    world: &World,
    scanner: &Scanner,
    delivery: &Delivery,
    refused: Option<&Expected>,
    judgement: &mut Judgement,
) {
    let whose = container(world, delivery.deployment);
    let why = refused.map_or_else(
        || "no webhook of this step leads there".to_owned(),
        |expected| format!("the webhook must be refused ({})", expected.reason.words()),
    );
    judgement.findings.push(permitted(
        ClaimId::Hks1,
        format!("{whose} received `{} {}`, but {why}", delivery.method, delivery.target.escape_ascii()),
    ));
    let bytes = [delivery.raw.as_slice(), b"\n", &delivery.body].concat();
    scan(world, scanner, &bytes, &BTreeSet::new(), (&whose, "request to a container"), ClaimId::Hks1, judgement);
}

/// A request that left the platform in a step of webhooks alone: nothing of them leads there.
pub fn elsewhere(world: &World, scanner: &Scanner, request: &UpstreamRequest, judgement: &mut Judgement) {
    let whose = format!("{:?}", request.place);
    judgement.findings.push(permitted(
        ClaimId::Hks1,
        format!("a webhook led to `{} {}` at {whose}", request.method, request.target.escape_ascii()),
    ));
    let bytes = [request.raw.as_slice(), b"\n", &request.body].concat();
    scan(world, scanner, &bytes, &BTreeSet::new(), (&whose, "request to an upstream"), ClaimId::Hks1, judgement);
}

/// The classes in which an answer must not be told apart: the worker's own answers of one status are the same bytes,
/// and for one shape of request they also say the same of the connection.
#[must_use]
pub fn alike(call: &HookCall, expected: &Expected, exchange: &Exchange) -> Vec<Alike> {
    let (Exchange::Answer(answer), Answer::Own(status)) = (exchange, expected.answer) else { return Vec::new() };
    if answer.status != status {
        return Vec::new();
    }
    let headless = if call.method == Method::Head { " to HEAD" } else { "" };
    let class = format!("hooks {status}{headless}");
    let shape = format!("{class}, {:?} {:?} {:?}", call.carrier.transport, call.method, call.body);
    let one = |class: String, with: &dyn Fn(&str) -> bool| Alike {
        class,
        bytes: bytes_of(answer, with),
        claim: expected.reason.claim(),
        why: expected.reason.words(),
    };
    let of_status = one(class, &|name| !FRAMING.contains(&name));
    if expected.reason.hides() {
        vec![of_status, one(shape, &|name| !FRAMING.contains(&name) || name == "connection")]
    } else {
        vec![of_status]
    }
}

fn bytes_of(answer: &observation::Answer, counts: &dyn Fn(&str) -> bool) -> Vec<u8> {
    let mut headers: Fields = answer.headers.iter().filter(|(name, _)| counts(name)).cloned().collect();
    headers.sort();
    let mut bytes: Vec<u8> =
        headers.iter().flat_map(|(name, value)| [name.as_bytes(), b": ", value, b"\n"].concat()).collect();
    bytes.extend_from_slice(&answer.body);
    bytes
}

/// One webhook and what it must lead to.
struct Judge<'a> {
    world: &'a World,
    scanner: &'a Scanner,
    call: &'a HookCall,
    expected: &'a Expected,
}

impl Judge<'_> {
    fn delivery(&self, delivered: &Delivery, judgement: &mut Judgement) {
        let Some(due) = &self.expected.delivery else { return };
        let whose = container(self.world, delivered.deployment);
        if delivered.method != due.method || delivered.target != due.target {
            found(
                judgement,
                format!(
                    "{whose} received `{} {}` instead of `{} {}`",
                    delivered.method,
                    delivered.target.escape_ascii(),
                    due.method,
                    due.target.escape_ascii()
                ),
            );
        }
        if !delivered.complete {
            judgement.shortfalls.push(format!("{whose} received a webhook whose body did not end"));
        } else if delivered.body != due.body {
            found(
                judgement,
                format!(
                    "{whose} received a body of {} bytes that isn't the {} bytes that were sent",
                    delivered.body.len(),
                    due.body.len()
                ),
            );
        }
        self.envelope(due, delivered, &whose, judgement);
        let bytes = [delivered.raw.as_slice(), b"\n", &delivered.body].concat();
        let presented = self.expected.presented.iter().filter(|text| text.len() >= SECRET_MIN);
        if self.expected.secrets.iter().chain(presented).any(|secret| contains(&bytes, secret.as_bytes())) {
            found(judgement, format!("a webhook's secret, or the app's, went on to {whose}"));
        }
        let visible = visible_to_container(self.world, self.call);
        let channel = (whose.as_str(), "request to a container");
        scan(self.world, self.scanner, &bytes, &visible, channel, ClaimId::Hks1, judgement);
    }

    /// The headers: the envelope's, the host and the content type, and no other.
    fn envelope(&self, due: &expect::Delivery, delivered: &Delivery, whose: &str, judgement: &mut Judgement) {
        let counts = |(name, _): &&(String, Vec<u8>)| !matches!(name.as_str(), "content-length" | "transfer-encoding");
        let seen: Fields = delivered.headers.iter().filter(counts).cloned().collect();
        for (name, value) in surplus(&seen, &due.headers) {
            let signer = if name == SIGNATURE { self.signer(delivered, &value) } else { String::new() };
            found(judgement, format!("{whose} received `{name}: {}`, which isn't due{signer}", excerpt(&value, 0)));
        }
        for (name, value) in surplus(&due.headers, &seen) {
            let what = format!("{whose} did not receive `{name}: {}`", excerpt(&value, 0));
            if name == CONTENT_TYPE {
                judgement.shortfalls.push(what);
            } else {
                found(judgement, what);
            }
        }
    }

    /// Whose signature it is, in words.
    fn signer(&self, delivered: &Delivery, seen: &[u8]) -> String {
        let timestamp = first(&delivered.headers, TIMESTAMP).unwrap_or_default();
        let apps = &self.world.edge.apps;
        let signer = apps.iter().find(|app| signature(app, timestamp, &delivered.body).as_bytes() == seen);
        signer.map_or_else(
            || ": it is no app's signature".to_owned(),
            |app| format!(": it is the signature of the app {} of {}", app.id, self.world.tenant(app.tenant).slug),
        )
    }

    fn nothing(&self, nothing: &Nothing, judgement: &mut Judgement) {
        let may_end = matches!(self.expected.answer, Answer::Entry(_))
            && matches!(nothing, Nothing::Closed | Nothing::Reset | Nothing::NotSent);
        if !may_end {
            let due = self.expected.answer.status();
            judgement.shortfalls.push(format!("no answer to a webhook ({nothing:?}), and {due} is due"));
        }
    }

    fn answer(&self, answer: &observation::Answer, delivered: Option<&Delivery>, judgement: &mut Judgement) {
        let expected = self.expected;
        let due = expected.answer.status();
        if answer.status != due {
            self.other_status(answer, judgement);
        } else {
            match expected.answer {
                Answer::Entry(_) => own_answer(answer, ClaimId::Hks1, judgement),
                Answer::Own(_) => {
                    own_answer(answer, expected.reason.claim(), judgement);
                    self.names_nobody(answer, judgement);
                }
                Answer::Container(_) => self.status_alone(answer, delivered, judgement),
            }
        }
        if !answer.interim.is_empty() || !answer.trailers.is_empty() {
            found(judgement, "interim answers or trailers came through to a webhook's sender".to_owned());
        }
        if !matches!(answer.end, End::Complete | End::Closed) {
            judgement.shortfalls.push(format!("the answer to a webhook ended badly: {:?}", answer.end));
        }
        let bytes = everything(answer);
        let presented = expected.presented.as_deref().unwrap_or_default();
        let others = expected.secrets.iter().filter(|secret| !presented.contains(secret.as_str()));
        if others.into_iter().any(|secret| contains(&bytes, secret.as_bytes())) {
            found(judgement, "the answer to a webhook holds a secret that its sender did not send".to_owned());
        }
        let visible = visible_to_sender(self.world, self.call);
        scan(self.world, self.scanner, &bytes, &visible, ("a webhook's sender", "answer"), ClaimId::Hks1, judgement);
    }

    fn other_status(&self, answer: &observation::Answer, judgement: &mut Judgement) {
        let expected = self.expected;
        let (seen, due) = (answer.status, expected.answer.status());
        let what = format!("the answer is {seen}, and {due} is due ({})", expected.reason.words());
        let claim = if (200..400).contains(&seen) { ClaimId::Hks1 } else { expected.reason.claim() };
        match expected.answer {
            // In whatever words.
            Answer::Entry(_) if (400..600).contains(&seen) => {}
            // That an event failed is no leak. That it went well, or elsewhere, is for its container to say.
            Answer::Container(_) if seen >= 400 => judgement.shortfalls.push(what),
            Answer::Entry(_) | Answer::Own(_) | Answer::Container(_) => judgement.findings.push(permitted(claim, what)),
        }
    }

    /// A container's status, with nothing of the container beside it.
    fn status_alone(&self, answer: &observation::Answer, delivered: Option<&Delivery>, judgement: &mut Judgement) {
        if delivered.is_none() {
            let what = format!("the answer is a container's {}, and the container received nothing", answer.status);
            found(judgement, what);
        }
        if !answer.body.is_empty() {
            found(judgement, format!("the sender got a body: `{}`", excerpt(&answer.body, 0)));
        }
        for (name, value) in &answer.headers {
            let own = FRAMING.contains(&name.as_str()) || name == "cache-control" && value == b"no-store";
            if !own {
                found(judgement, format!("the sender got `{name}: {}`", excerpt(value, 0)));
            }
        }
    }

    /// The worker's own answers name nobody and nothing.
    fn names_nobody(&self, answer: &observation::Answer, judgement: &mut Judgement) {
        let said = everything(answer);
        let world = self.world;
        let tenants = world.tenants.iter().flat_map(|tenant| [&tenant.id, &tenant.slug]);
        let deployments = world.deployments.iter().map(|deployment| &deployment.id);
        let connections = world.edge.connections.iter().flat_map(|own| [&own.id, &own.external_id]);
        let apps = world.edge.apps.iter().map(|app| &app.id);
        let mut all = tenants.chain(deployments).chain(connections).chain(apps);
        if let Some(name) = all.find(|name| contains(&said, name.as_bytes())) {
            judgement.findings.push(Finding {
                claim: self.expected.reason.claim(),
                oracle: Oracle::HiddenEqualsAbsent,
                what: format!("an answer {} of the hooks worker names `{}`", answer.status, name.escape_debug()),
                leak: None,
            });
        }
    }
}

fn scan(
    world: &World,
    scanner: &Scanner,
    bytes: &[u8],
    visible: &BTreeSet<CanaryId>,
    (reached, channel): (&str, &str),
    claim: ClaimId,
    judgement: &mut Judgement,
) {
    let scan = scanner.scan(bytes);
    for limit in &scan.incomplete {
        judgement.shortfalls.push(format!("what reached {reached} could not be scanned to its end: {limit:?}"));
    }
    for leak in scan.findings.into_iter().filter(|leak| !visible.contains(&leak.canary)) {
        let label = world.canaries.label(leak.canary);
        judgement.findings.push(Finding {
            claim,
            oracle: Oracle::Canary,
            what: format!("{} of {} reached {reached}", label.field, label.owner),
            leak: Some(Leak {
                datum: label.clone(),
                reached: reached.to_owned(),
                channel: channel.to_owned(),
                encoding: format!("{:?}", leak.encoding),
            }),
        });
    }
}

fn found(judgement: &mut Judgement, what: String) {
    judgement.findings.push(permitted(ClaimId::Hks1, what));
}

fn container(world: &World, index: usize) -> String {
    world.deployments.get(index).map_or_else(
        || "an unknown container".to_owned(),
        |own| format!("the container of {}/{}", world.tenant(own.tenant).slug, own.slug),
    )
}

fn everything(answer: &observation::Answer) -> Vec<u8> {
    let mut bytes = answer.raw.clone();
    for (name, value) in answer.headers.iter().chain(&answer.trailers) {
        bytes.extend_from_slice(&[b"\n", name.as_bytes(), b": ", value].concat());
    }
    bytes.push(b'\n');
    bytes.extend_from_slice(&answer.body);
    bytes
}

fn first<'a>(headers: &'a Fields, name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_slice())
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests;
