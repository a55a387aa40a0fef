//! One call to a provider proxy or to the credentials worker: its answer and what went on of it, against what was due.

use serde_json::Value;

use super::expect::{Due, DueAnswer, DueUpstream, Refusal, Shape, Token, UpstreamBody};
use super::step::of_worker;
use super::why::Why;
use crate::action::Method;
use crate::action::edge::EdgeCall;
use crate::action::edge::provider::ClientEnd;
use crate::claim::ClaimId;
use crate::observation::{Answer, End, Exchange, Fields, Nothing, Place, UpstreamRequest};
use crate::oracle::Judgement;
use crate::oracle::compare::{FRAMING, excerpt, permitted, surplus};
use crate::render::edge::upstream::{RelayedDue, credential_header};
use crate::world::World;
use crate::world::edge::Provider;

/// Judges the answer to a call. True when the call was served, or refused, as it must be.
pub(super) fn answer(call: &EdgeCall, due: &Due, exchange: Option<&Exchange>, judgement: &mut Judgement) -> bool {
    let before = judgement.findings.len() + judgement.shortfalls.len();
    let mut compare = Compare { call, due, judgement };
    match exchange {
        None => compare.short("the call was never answered nor refused".to_owned()),
        Some(Exchange::Nothing(nothing)) => compare.nothing(nothing),
        Some(Exchange::Answer(answer)) => compare.answered(answer),
    }
    before == judgement.findings.len() + judgement.shortfalls.len()
}

struct Compare<'a, 'j> {
    call: &'a EdgeCall,
    due: &'a Due,
    judgement: &'j mut Judgement,
}

impl Compare<'_, '_> {
    fn short(&mut self, what: String) {
        self.judgement.shortfalls.push(what);
    }

    fn wrong(&mut self, claims: &[ClaimId], what: &str) {
        self.judgement.findings.extend(claims.iter().map(|claim| permitted(*claim, what.to_owned())));
    }

    /// The claims that fall when the call isn't answered as it must be.
    fn claims(&self) -> &'static [ClaimId] {
        of_worker(self.call, self.due.why)
    }

    fn is_vend(&self) -> bool {
        matches!(self.call, EdgeCall::Vend(_))
    }

    /// Whether the client hung up by itself.
    fn hung_up(&self) -> bool {
        matches!(self.call, EdgeCall::Provider(call) if call.client != ClientEnd::Reads)
    }

    fn nothing(&mut self, nothing: &Nothing) {
        let ended = matches!(nothing, Nothing::Closed | Nothing::Reset | Nothing::NotSent);
        let may_end = match &self.due.answer {
            DueAnswer::Entry { .. } => true,
            DueAnswer::Relayed(relayed) => relayed.breaks || self.hung_up(),
            // What is left of a body that nobody reads may reset the connection.
            DueAnswer::Refused(refusal) => refusal.status == 413,
            DueAnswer::Preflight | DueAnswer::Token(_) | DueAnswer::Tokens(_) => false,
        };
        if !(ended && may_end) {
            self.short(format!("no answer ({nothing:?}); due was {}", self.due.answer.words()));
        }
    }

    fn answered(&mut self, answer: &Answer) {
        self.of_the_kind(answer);
        match &self.due.answer {
            DueAnswer::Entry { statuses } => {
                if !statuses.contains(&answer.status) {
                    self.otherwise(answer);
                }
            }
            DueAnswer::Refused(refusal) => self.refused(answer, refusal),
            DueAnswer::Preflight => self.preflight(answer),
            DueAnswer::Relayed(relayed) => self.relayed(answer, relayed),
            DueAnswer::Token(token) => self.token(answer, token),
            DueAnswer::Tokens(tokens) => {
                let due: serde_json::Map<String, Value> = tokens
                    .iter()
                    .map(|(slug, token)| (slug.clone(), token.as_ref().map_or(Value::Null, one_of_many)))
                    .collect();
                let body = self.vended(answer);
                let Some(body) = body else { return };
                if body != serde_json::json!({"tokens": due}) {
                    self.wrong(
                        &[ClaimId::Crd1, ClaimId::Crd2],
                        "the tokens that were vended aren't those that are due",
                    );
                }
            }
        }
    }

    /// What holds for every answer of a worker, its own or an upstream's.
    fn of_the_kind(&mut self, answer: &Answer) {
        let own = self.is_vend();
        if !answer.interim.is_empty() {
            self.wrong(&[if own { ClaimId::Crd3 } else { ClaimId::Prx5 }], "interim answers came through");
        }
        if !answer.trailers.is_empty() {
            self.wrong(&[if own { ClaimId::Crd3 } else { ClaimId::Prx5 }], "trailers came through");
        }
        if own || matches!(self.due.answer, DueAnswer::Entry { .. }) {
            return;
        }
        let origins = values(&answer.headers, "access-control-allow-origin");
        if origins.len() != 1 || origins.first().is_some_and(|origin| *origin != b"*") {
            self.short(format!("{} `Access-Control-Allow-Origin` fields, and one `*` is due", origins.len()));
        }
        if !values(&answer.headers, "access-control-allow-credentials").is_empty() {
            self.wrong(&[ClaimId::Prx5], "pages of any origin may send a visitor's own credentials");
        }
    }

    /// The status isn't the one that is due.
    fn otherwise(&mut self, answer: &Answer) {
        let due = self.due.answer.words();
        let what = format!("the answer is {}, and {due} is due ({})", answer.status, self.due.why.words());
        if self.due.why.refuses() || matches!(self.due.why, Why::NoToken | Why::BadGateway) {
            self.wrong(self.claims(), &what);
        } else if answer.status == 402 && code(answer) == Some(b"balance_exhausted") {
            // Its own wallet covers the call: it was judged by another's.
            self.wrong(&[ClaimId::Prx3], &what);
        } else {
            self.short(what);
        }
    }

    fn refused(&mut self, answer: &Answer, refusal: &Refusal) {
        if answer.status != refusal.status {
            self.otherwise(answer);
            return;
        }
        let claims = self.claims();
        let found = code(answer);
        if found != refusal.code.map(str::as_bytes) {
            let found = found.map_or_else(|| "none".to_owned(), |code| code.escape_ascii().to_string());
            let due = refusal.code.unwrap_or("none");
            self.wrong(claims, &format!("`Vendo-Error-Code` is {found}, and {due} is due ({})", self.due.why.words()));
        }
        self.own_headers(answer);
        let is_head = match self.call {
            EdgeCall::Provider(call) => call.ask.method_sent() == Method::Head,
            EdgeCall::Vend(call) => call.method == Method::Head,
            EdgeCall::Hook(_) => false,
        };
        if !is_head {
            self.refusal_body(answer, refusal);
        }
        if let Some(due) = refusal.retry_after_s {
            let found = values(&answer.headers, "retry-after");
            if found != [due.to_string().as_bytes()] {
                self.wrong(claims, &format!("`Retry-After` isn't the {due} seconds that are due"));
            }
        }
    }

    /// A worker's own answer holds nothing that an upstream or a tenant sent.
    fn own_headers(&mut self, answer: &Answer) {
        let claims = self.claims();
        for (name, value) in &answer.headers {
            let plain = name.replace('_', "-");
            if plain.starts_with("x-vendo-") || plain == "set-cookie" || plain == "location" {
                self.wrong(claims, &format!("a refusal carries `{name}: {}`", excerpt(value, 0)));
            }
        }
        if values(&answer.headers, "cache-control") != [b"no-store".as_slice()] {
            self.short(format!("an answer {} may be stored", answer.status));
        }
    }

    fn refusal_body(&mut self, answer: &Answer, refusal: &Refusal) {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        let right = match &refusal.shape {
            Shape::Any => true,
            Shape::Toolkit(toolkit) => body == serde_json::json!({"error": "binding_missing", "toolkit": toolkit}),
            Shape::Vend(code) => {
                let error = body.get("error").and_then(Value::as_str);
                code.is_none_or(|code| error == Some(code)) && body.get("detail").is_some_and(Value::is_string)
            }
            Shape::Provider { word, adapter } => {
                let error = body.get("error");
                let is = |name: &str, due: Value| error.and_then(|error| error.get(name)) == Some(&due);
                let slug = adapter.is_none_or(|adapter| !names_slug(word) || is("slug", adapter.slug().into()));
                let retry = refusal.retry_after_s.is_none_or(|due| is("retry_after", due.into()));
                let url =
                    *word != "connection_needs_reauth" || is("connect_url", "https://vendo.run/connections".into());
                is("code", (*word).into()) && slug && retry && url
            }
        };
        if !right {
            let what = format!(
                "a refusal with {} says `{}`, which isn't what is due ({})",
                answer.status,
                excerpt(&answer.body, 0),
                self.due.why.words()
            );
            self.wrong(self.claims(), &what);
        }
    }

    fn preflight(&mut self, answer: &Answer) {
        let due: [(&str, &[u8]); 3] = [
            ("access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE, OPTIONS"),
            ("access-control-allow-headers", b"*, Authorization"),
            ("access-control-max-age", b"86400"),
        ];
        if answer.status != 204 {
            self.short(format!("a preflight is answered with {}", answer.status));
        }
        for (name, value) in due {
            if values(&answer.headers, name) != [value] {
                self.short(format!("a preflight's `{name}` isn't `{}`", value.escape_ascii()));
            }
        }
    }

    fn relayed(&mut self, answer: &Answer, due: &RelayedDue) {
        let Some(status) = due.status else { return };
        if answer.status != status {
            if due.breaks && matches!(answer.status, 502 | 504) {
                return;
            }
            self.otherwise(answer);
            return;
        }
        let framing = |(name, _): &(String, Vec<u8>)| !FRAMING.contains(&name.as_str());
        let seen: Fields = answer.headers.iter().filter(|field| framing(field)).cloned().collect();
        for (name, value) in surplus(&seen, &due.headers) {
            let what = format!("the client got `{name}: {}`, which it must not get", excerpt(&value, 0));
            self.wrong(&[ClaimId::Prx5], &what);
        }
        for (name, value) in surplus(&due.headers, &seen) {
            self.short(format!("the client did not get `{name}: {}`", excerpt(&value, 0)));
        }
        let early = due.breaks || self.hung_up();
        if !due.body.is(&answer.body, !early) {
            let what = format!(
                "the body isn't what the upstream sent, with its credential masked: `{}` instead of `{}`",
                excerpt(&answer.body, 0),
                excerpt(&due.body.sent, 0)
            );
            self.wrong(&[ClaimId::Prx3, ClaimId::Prx5], &what);
        }
        if early {
            if !self.hung_up() && answer.end == End::Complete {
                self.short("a body that broke off was passed on as if it were whole".to_owned());
            }
        } else if !matches!(answer.end, End::Complete | End::Closed) {
            self.short(format!("the answer ended badly: {:?}", answer.end));
        }
    }

    /// The body of a good answer of the credentials worker.
    fn vended(&mut self, answer: &Answer) -> Option<Value> {
        if answer.status != 200 {
            self.otherwise(answer);
            return None;
        }
        if values(&answer.headers, "cache-control") != [b"no-store".as_slice()] {
            self.short("a vended token may be stored".to_owned());
        }
        for (name, value) in &answer.headers {
            if matches!(name.as_str(), "set-cookie" | "location") || name.starts_with("x-") {
                self.wrong(&[ClaimId::Crd3], &format!("a vended token comes with `{name}: {}`", excerpt(value, 0)));
            }
        }
        let body = serde_json::from_slice(&answer.body);
        if body.is_err() {
            self.short(format!("a vended token is no JSON: `{}`", excerpt(&answer.body, 0)));
        }
        body.ok()
    }

    fn token(&mut self, answer: &Answer, token: &Token) {
        let Some(body) = self.vended(answer) else { return };
        let mut due = one_of_many(token);
        if let Some(members) = due.as_object_mut() {
            members.insert("token_type".to_owned(), "Bearer".into());
        }
        if body.get("access_token") != due.get("access_token") {
            self.wrong(&[ClaimId::Crd1], "the token that was vended isn't the one that is due");
        } else if body != due {
            let members = body.as_object().map(|members| members.keys().cloned().collect::<Vec<_>>().join(", "));
            let what = format!("a vended token has the members {}", members.unwrap_or_default());
            self.wrong(&[ClaimId::Crd3], &what);
        }
    }
}

fn one_of_many(token: &Token) -> Value {
    serde_json::json!({"access_token": token.access_token, "expires_at": token.expires_at})
}

/// Whether a refusal of a provider proxy names the adapter.
fn names_slug(word: &str) -> bool {
    word == "binding_missing" || word.starts_with("connection_")
}

pub(super) fn values<'a>(headers: &'a Fields, name: &str) -> Vec<&'a [u8]> {
    headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_slice()).collect()
}

/// `Vendo-Error-Code`.
pub(super) fn code(answer: &Answer) -> Option<&[u8]> {
    values(&answer.headers, "vendo-error-code").first().copied()
}

impl DueAnswer {
    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Entry { statuses } => format!("one of {statuses:?}"),
            Self::Refused(refusal) => format!("a refusal with {}", refusal.status),
            Self::Preflight => "a preflight's answer".to_owned(),
            Self::Relayed(relayed) => {
                relayed.status.map_or_else(|| "502".to_owned(), |status| format!("the upstream's {status}"))
            }
            Self::Token(_) => "a token".to_owned(),
            Self::Tokens(_) => "tokens".to_owned(),
        }
    }
}

/// Judges what an upstream received.
pub(super) fn upstream(due: &DueUpstream, seen: &UpstreamRequest, judgement: &mut Judgement) {
    let mut wrong = |claims: &[ClaimId], what: String| {
        judgement.findings.extend(claims.iter().map(|claim| permitted(*claim, what.clone())));
    };
    let whose = due.adapter.slug();
    if seen.place != Place::Upstream(due.adapter) {
        wrong(&[ClaimId::Prx6], format!("the call went to {:?} instead of {whose}'s upstream", seen.place));
    }
    if seen.method != due.method || seen.target != due.target {
        // The path holds the credential there.
        let claims: &[ClaimId] =
            if due.adapter == Provider::Telegram { &[ClaimId::Prx6, ClaimId::Prx5] } else { &[ClaimId::Prx6] };
        let what = format!("{whose}'s upstream received `{} {}`", seen.method, seen.target.escape_ascii());
        wrong(claims, format!("{what} instead of `{} {}`", due.method, due.target.escape_ascii()));
    }
    let ignored = |name: &str| matches!(name, "content-length" | "transfer-encoding");
    let mut headers: Fields = seen.headers.iter().filter(|(name, _)| !ignored(name)).cloned().collect();
    headers.sort();
    for (name, value) in surplus(&headers, &due.headers) {
        let what = format!("{whose}'s upstream received `{name}: {}`, which it must not", excerpt(&value, 0));
        wrong(header_claims(due.adapter, &name), what);
    }
    for (name, value) in surplus(&due.headers, &headers) {
        let what = format!("{whose}'s upstream did not receive `{name}: {}`", excerpt(&value, 0));
        if credential_header(due.adapter, "").is_some_and(|(own, _)| own == name) || name == "host" {
            wrong(header_claims(due.adapter, &name), what);
        } else {
            judgement.shortfalls.push(what);
        }
    }
    let body = match &due.body {
        UpstreamBody::Bytes(bytes) => *bytes == seen.body,
        UpstreamBody::Json(value) => serde_json::from_slice::<Value>(&seen.body).ok().as_ref() == Some(value),
    };
    if !body && seen.complete {
        let what = format!("{whose}'s upstream received another body than was sent: `{}`", excerpt(&seen.body, 0));
        judgement.findings.extend([ClaimId::Prx3, ClaimId::Prx6].map(|claim| permitted(claim, what.clone())));
    }
    if !seen.complete {
        judgement.shortfalls.push(format!("{whose}'s upstream received a part of the body"));
    }
}

/// The claims that fall when an upstream receives a header that it must not.
fn header_claims(adapter: Provider, name: &str) -> &'static [ClaimId] {
    let plain = name.replace('_', "-");
    if credential_header(adapter, "").is_some_and(|(own, _)| own == plain) {
        return &[ClaimId::Prx5, ClaimId::Prx4];
    }
    match plain.as_str() {
        "host" | "forwarded" | "x-real-ip" | "te" | "trailer" | "upgrade" | "connection" | "keep-alive" | "expect" => {
            &[ClaimId::Prx6]
        }
        "x-connected-account-id" => &[ClaimId::Prx4, ClaimId::Prx5],
        name if name.starts_with("x-forwarded-") || name.starts_with("cf-") => &[ClaimId::Prx6],
        _ => &[ClaimId::Prx5],
    }
}

/// Whether a request of the broker's is the question about an account.
pub(super) fn asks_about(world: &World, seen: &UpstreamRequest, account: usize) -> bool {
    let id = world.edge.accounts.get(account).map(|own| own.id.as_str());
    let body: Value = serde_json::from_slice(&seen.body).unwrap_or(Value::Null);
    seen.place == Place::Broker
        && body.as_object().is_some_and(|members| members.len() == 1)
        && body.get("connected_account_id").and_then(Value::as_str) == id
}

/// Judges a question to the broker.
pub(super) fn broker(world: &World, seen: &UpstreamRequest, judgement: &mut Judgement) {
    let mut wrong = |what: String| judgement.findings.push(permitted(ClaimId::Crd3, what));
    if seen.method != "POST" || seen.target != b"/v1/tokens" {
        wrong(format!("the broker received `{} {}`", seen.method, seen.target.escape_ascii()));
    }
    let due = world.edge.pools.get(&Provider::Composio).map(|pool| pool.text.as_bytes());
    if values(&seen.headers, "x-api-key").first().copied() != due {
        wrong("the broker was asked without the platform's key".to_owned());
    }
    for (name, value) in &seen.headers {
        let plain = name.replace('_', "-");
        if matches!(plain.as_str(), "authorization" | "cookie") || plain.starts_with("x-vendo-") {
            wrong(format!("the broker received `{name}: {}`", excerpt(value, 0)));
        }
    }
}
