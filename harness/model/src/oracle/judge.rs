//! The judgement of a step: what was seen against what may be.

use std::collections::{BTreeMap, BTreeSet};

use crate::action::{Action, Request};
use crate::canary::{CanaryId, Scanner};
use crate::claim::ClaimId;
use crate::observation::{self, Delivery, End, Exchange, Fields, KvOperation, Nothing, Observation};
use crate::state::{ControlOutcome, State};
use crate::token;
use crate::world::World;

use super::alternatives::{Alternative, alternatives};
use super::canaries;
use super::compare::{
    FRAMING, broken_answer, delivered_headers, excerpt, own_answer, permitted, relayed_answer, relayed_headers,
};
use super::edge;
use super::expect::{Answer, COOKIE_LIFETIME_S, Expected, Reason};
use super::{Finding, Judgement, Leak, Oracle};

/// What judging needs of a case, and what it remembers from step to step.
pub struct Judge<'w> {
    world: &'w World,
    scanner: Scanner,
    /// The first answer of each kind that must not be told apart, with the step's words for it.
    alike: BTreeMap<String, (Vec<u8>, String)>,
}

impl<'w> Judge<'w> {
    /// A judge of cases in this world.
    #[must_use]
    pub fn new(world: &'w World) -> Self {
        Self { world, scanner: world.canaries.scanner(), alike: BTreeMap::new() }
    }

    /// The scanner, for its self-test.
    #[must_use]
    pub fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// Judges one step. `state` is the state before it. Returns the judgement and the sign-in codes that were spent.
    pub fn judge(
        &mut self,
        state: &State,
        action: &Action,
        observation: &Observation,
        connection_sni: Option<&Option<String>>,
    ) -> (Judgement, Vec<String>) {
        match action {
            Action::Edge(_)
            | Action::Together(_)
            | Action::During { .. }
            | Action::EdgeControl(_)
            | Action::Vault(_) => {
                let judgement =
                    edge::judge::judge(self.world, &self.scanner, state, action, observation, &mut self.alike);
                return (judgement, Vec::new());
            }
            Action::Request(_)
            | Action::Race { .. }
            | Action::Malformed { .. }
            | Action::Control(_)
            | Action::Advance { .. }
            | Action::KvKey { .. } => {}
        }
        let requests = canaries::requests(action);
        let ways = alternatives(self.world, state, action, connection_sni);
        let mut best: Option<(Judgement, &Alternative)> = None;
        for way in &ways {
            let judgement = self.against(state, &requests, observation, way);
            let better = best.as_ref().is_none_or(|(known, _)| {
                (judgement.findings.len(), judgement.shortfalls.len()) < (known.findings.len(), known.shortfalls.len())
            });
            if better {
                best = Some((judgement, way));
            }
        }
        let Some((mut judgement, way)) = best else {
            return (Judgement::default(), Vec::new());
        };
        self.control(state, action, observation, &mut judgement);
        self.stores(action, observation, way, &mut judgement);
        for (expected, exchange) in way.requests.iter().zip(&observation.exchanges) {
            self.indistinguishable(expected, exchange, &mut judgement);
        }
        judgement.findings.sort();
        judgement.findings.dedup();
        let spent = way.requests.iter().filter_map(|expected| expected.spends.clone()).collect();
        (judgement, spent)
    }

    fn against(&self, state: &State, requests: &[&Request], observation: &Observation, way: &Alternative) -> Judgement {
        let mut judgement = Judgement::default();
        let mut left: Vec<&Delivery> = observation.deliveries.iter().collect();
        for (number, expected) in way.requests.iter().enumerate() {
            let Some(request) = requests.get(number) else { continue };
            let delivered = take(&mut left, expected);
            if let Some(delivered) = delivered {
                self.delivery(request, expected, delivered, &mut judgement);
            }
            let mut served = false;
            match observation.exchanges.get(number) {
                Some(exchange) => {
                    served = self.exchange(state, request, expected, exchange, delivered, &mut judgement);
                }
                None => judgement.shortfalls.push("the request was never answered nor refused".to_owned()),
            }
            judgement.refusals.push(expected.reason.refuses());
            judgement.served.push(served && !expected.reason.refuses());
        }
        for delivery in left {
            self.unexpected_delivery(delivery, way, &mut judgement);
        }
        if way.closes && !observation.closed_after {
            judgement.findings.push(permitted(
                ClaimId::Apx5,
                "the connection stayed open after bytes that are no request".to_owned(),
            ));
        }
        judgement
    }

    /// One delivery that was due: it must be what was sent, with the identity that was verified and nothing else.
    fn delivery(&self, request: &Request, expected: &Expected, delivered: &Delivery, judgement: &mut Judgement) {
        let Some(due) = &expected.delivery else { return };
        let whose = self.container(delivered.deployment);
        if delivered.method != due.method || delivered.target != due.target {
            judgement.findings.push(permitted(
                ClaimId::Apx5,
                format!(
                    "{whose} received `{} {}` instead of `{} {}`",
                    delivered.method,
                    delivered.target.escape_ascii(),
                    due.method,
                    due.target.escape_ascii()
                ),
            ));
        }
        let broken = matches!(expected.answer, Answer::BodyBroken(_));
        let body_is_right = if delivered.complete && !broken {
            delivered.body == due.body
        } else {
            // What was received before the body broke must be how it began.
            delivered.body.len() <= due.body.len() && due.body.starts_with(&delivered.body)
                || broken && delivered.body.starts_with(&due.body)
        };
        if !body_is_right {
            judgement.findings.push(permitted(
                ClaimId::Apx5,
                format!(
                    "{whose} received a body of {} bytes that isn't the {} bytes that were sent to it",
                    delivered.body.len(),
                    due.body.len()
                ),
            ));
        }
        delivered_headers(&due.headers, &delivered.headers, &whose, judgement);
        let visible = canaries::visible_to_container(self.world, request, expected);
        let scanned = [delivered.raw.as_slice(), b"\n", &delivered.body].concat();
        self.scan(&scanned, &visible, &whose, "request to a container", judgement, |field, _| match field {
            "email" => ClaimId::Apx4,
            "request" => ClaimId::Apx5,
            _ => ClaimId::Apx6,
        });
    }

    fn unexpected_delivery(&self, delivery: &Delivery, way: &Alternative, judgement: &mut Judgement) {
        let whose = self.container(delivery.deployment);
        let refused = way.requests.iter().find(|expected| expected.reason.refuses());
        let claim = refused.map_or(ClaimId::Apx5, |expected| expected.reason.claim());
        let why = refused.map_or_else(
            || "no request of this step leads there".to_owned(),
            |expected| format!("the request must be refused ({})", words(expected.reason)),
        );
        judgement.findings.push(permitted(
            claim,
            format!("{whose} received `{} {}`, but {why}", delivery.method, delivery.target.escape_ascii()),
        ));
        let scanned = [delivery.raw.as_slice(), b"\n", &delivery.body].concat();
        self.scan(&scanned, &BTreeSet::new(), &whose, "request to a container", judgement, |_, _| claim);
    }

    /// One answer. True when the request was served as it must be.
    fn exchange(
        &self,
        state: &State,
        request: &Request,
        expected: &Expected,
        exchange: &Exchange,
        delivered: Option<&Delivery>,
        judgement: &mut Judgement,
    ) -> bool {
        let before = judgement.findings.len() + judgement.shortfalls.len();
        let claim = expected.reason.claim();
        match exchange {
            Exchange::Nothing(nothing) => self.no_answer(expected, nothing, judgement),
            Exchange::Answer(answer) => {
                self.answered(state, expected, answer, delivered, judgement);
                let visible = canaries::visible_to_client(self.world, request, expected);
                let who = format!("the client of {}", self.member(request.sender));
                self.scan(&everything(answer), &visible, &who, "answer", judgement, |_, _| claim);
            }
        }
        before == judgement.findings.len() + judgement.shortfalls.len()
    }

    fn no_answer(&self, expected: &Expected, nothing: &Nothing, judgement: &mut Judgement) {
        match (&expected.answer, nothing) {
            (
                Answer::Rejected | Answer::NotExecuted | Answer::BodyBroken(_) | Answer::Broken(_),
                Nothing::Closed | Nothing::Reset | Nothing::NotSent,
            ) => {}
            (Answer::NotExecuted | Answer::Rejected | Answer::BodyBroken(_), Nothing::TimedOut) => {
                judgement.findings.push(permitted(
                    ClaimId::Apx5,
                    "the connection was left open and silent after bytes that are no request".to_owned(),
                ));
            }
            (_, nothing) => {
                judgement.shortfalls.push(format!("no answer ({nothing:?}); due was {}", due(&expected.answer)))
            }
        }
    }

    fn answered(
        &self,
        state: &State,
        expected: &Expected,
        answer: &observation::Answer,
        delivered: Option<&Delivery>,
        judgement: &mut Judgement,
    ) {
        let claim = expected.reason.claim();
        if !answer.interim.is_empty() {
            let found = answer.interim.iter().map(|(status, _)| status.to_string()).collect::<Vec<_>>().join(", ");
            judgement.findings.push(permitted(ClaimId::Apx4, format!("interim answers came through: {found}")));
        }
        if !answer.trailers.is_empty() {
            judgement.findings.push(permitted(ClaimId::Apx4, "trailers came through".to_owned()));
        }
        match &expected.answer {
            Answer::Refusal { status, closes } => {
                if answer.status == *status {
                    own_answer(answer, claim, judgement);
                    self.names_nobody(answer, claim, judgement);
                    if *closes && answer.end == End::Complete && !is_http2(answer) {
                        judgement.findings.push(permitted(
                            ClaimId::Apx5,
                            format!("the connection stayed open after a {status} that must close it"),
                        ));
                    }
                } else {
                    judgement.findings.push(permitted(
                        claim,
                        format!("the answer is {}, and {status} is due ({})", answer.status, words(expected.reason)),
                    ));
                }
            }
            Answer::Worker { statuses } => {
                if statuses.contains(&answer.status) {
                    own_answer(answer, claim, judgement);
                    self.names_nobody(answer, claim, judgement);
                } else {
                    judgement.findings.push(permitted(
                        claim,
                        format!(
                            "the answer is {}, and one of {statuses:?} is due ({})",
                            answer.status,
                            words(expected.reason)
                        ),
                    ));
                }
            }
            Answer::SignIn { location } => {
                let found = first(&answer.headers, "location");
                if answer.status != 302 {
                    judgement.findings.push(permitted(
                        claim,
                        format!(
                            "the answer is {}, and a redirect to the sign-in is due ({})",
                            answer.status,
                            words(expected.reason)
                        ),
                    ));
                } else if found != Some(location.as_bytes()) {
                    judgement.findings.push(permitted(
                        ClaimId::Apx4,
                        format!("the sign-in leads to `{}` instead of `{location}`", text(found)),
                    ));
                } else {
                    own_answer(answer, claim, judgement);
                }
            }
            Answer::SignedIn { location, member } => {
                self.signed_in(state, answer, location, *member, judgement);
            }
            Answer::Relayed(relayed) => relayed_answer(answer, relayed, delivered, judgement),
            Answer::Broken(relayed) => broken_answer(answer, relayed, judgement),
            Answer::BadGateway => {
                if matches!(answer.status, 502 | 504) {
                    own_answer(answer, claim, judgement);
                    self.names_nobody(answer, claim, judgement);
                } else {
                    judgement.findings.push(permitted(
                        ClaimId::Apx6,
                        format!("the answer is {}, though the container sent none that counts", answer.status),
                    ));
                }
            }
            Answer::Switched(due) => match (&answer.upgraded, answer.status) {
                (Some(echo), 101) if echo == TUNNEL_TEXT => relayed_headers(answer, due, judgement),
                (Some(echo), 101) => judgement
                    .findings
                    .push(permitted(ClaimId::Apx6, format!("the tunnel sent back `{}`", echo.escape_ascii()))),
                (_, status) => judgement.shortfalls.push(format!("the answer is {status}, and a tunnel is due")),
            },
            Answer::Rejected | Answer::NotExecuted => {
                if (400..600).contains(&answer.status) {
                    own_answer(answer, claim, judgement);
                } else {
                    judgement.findings.push(permitted(
                        claim,
                        format!("the answer is {}, though nothing may be executed", answer.status),
                    ));
                }
            }
            Answer::BodyBroken(inner) => {
                if !(400..600).contains(&answer.status) {
                    let inner = Expected { answer: (**inner).clone(), ..expected.clone() };
                    self.answered(state, &inner, answer, delivered, judgement);
                }
            }
        }
    }

    /// A refusal names no tenant, no deployment and no person.
    fn names_nobody(&self, answer: &observation::Answer, claim: ClaimId, judgement: &mut Judgement) {
        let mut said = answer.body.clone();
        for (name, value) in &answer.headers {
            said.extend_from_slice(&[b"\n", name.as_bytes(), b": ", value].concat());
        }
        let tenants = self.world.tenants.iter().flat_map(|tenant| [&tenant.id, &tenant.slug]);
        let deployments = self.world.deployments.iter().map(|deployment| &deployment.id);
        let members = self.world.members.iter().map(|member| &member.user_id);
        let named = tenants.chain(deployments).chain(members).find(|name| contains(&said, name.as_bytes()));
        if let Some(name) = named {
            let what = format!("a refusal with {} names `{}`", answer.status, name.escape_debug());
            judgement.findings.push(Finding { claim, oracle: Oracle::HiddenEqualsAbsent, what, leak: None });
        }
    }

    fn signed_in(
        &self,
        state: &State,
        answer: &observation::Answer,
        location: &str,
        member: usize,
        judgement: &mut Judgement,
    ) {
        if answer.status != 302 {
            judgement
                .shortfalls
                .push(format!("the answer is {}, and a good sign-in code is due a session", answer.status));
            return;
        }
        let found = first(&answer.headers, "location");
        let mut wrong = |what: String| judgement.findings.push(permitted(ClaimId::Apx4, what));
        if found != Some(location.as_bytes()) {
            wrong(format!("the sign-in leads to `{}` instead of `{location}`", text(found)));
        }
        let cookies: Vec<&[u8]> =
            answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_slice()).collect();
        let [cookie] = cookies.as_slice() else {
            wrong(format!("{} cookies are set by a sign-in, and one is due", cookies.len()));
            return;
        };
        let cookie = String::from_utf8_lossy(cookie);
        let attributes = "; Path=/; Max-Age=900; Secure; HttpOnly; SameSite=Lax";
        let Some(token) = cookie.strip_prefix("vendoAuth=").and_then(|rest| rest.strip_suffix(attributes)) else {
            wrong("the session's cookie isn't host-only, Secure, HttpOnly and SameSite=Lax as it must be".to_owned());
            return;
        };
        let Some(due) = self.world.members.get(member) else {
            return;
        };
        match token::issued_claims(self.world, token) {
            Err(error) => wrong(format!("the session that was issued is none: {error}")),
            Ok(claims) => {
                let is = |name: &str, value: serde_json::Value| claims.get(name) == Some(&value);
                let right = is("sub", due.user_id.clone().into())
                    && is("email", due.email.clone().into())
                    && is("name", due.name.clone().into())
                    && is("tenant_id", self.world.tenant(due.tenant).id.clone().into())
                    && is("role", due.role.as_str().into())
                    && is("aud", "app-proxy".into())
                    && is("exp", (state.now_s + COOKIE_LIFETIME_S).into());
                if !right {
                    wrong(format!("the session that was issued isn't that of {}", self.member_at(member)));
                }
            }
        }
    }

    fn control(&self, state: &State, action: &Action, observation: &Observation, judgement: &mut Judgement) {
        match action {
            Action::Control(control) => {
                let due = state.control_outcome(self.world, control);
                match (due, &observation.control) {
                    (ControlOutcome::Done, Some(Ok(()))) | (ControlOutcome::Refused, Some(Err(_))) => {}
                    (ControlOutcome::Refused, Some(Ok(()))) => judgement.findings.push(permitted(
                        if matches!(control, crate::action::Control::SignInCode { .. }) {
                            ClaimId::Apx4
                        } else {
                            ClaimId::Kv1
                        },
                        format!("the control plane did what it must refuse: {control:?}"),
                    )),
                    (ControlOutcome::Done, Some(Err(error))) => {
                        judgement.shortfalls.push(format!("the control plane refused {control:?}: {error}"));
                    }
                    (_, None) => judgement.shortfalls.push(format!("the control plane said nothing to {control:?}")),
                }
            }
            Action::KvKey { kind, identifier } => {
                let text = identifier.text(*kind);
                match (&observation.kv_key, identifier.is_good()) {
                    (Some(Ok(key)), Some(true)) if *key == kind.key(&text) => {}
                    (Some(Ok(key)), Some(true)) => judgement
                        .findings
                        .push(permitted(ClaimId::Kv1, format!("the identifier `{text}` became the key `{key}`"))),
                    (Some(Ok(key)), Some(false)) => judgement.findings.push(permitted(
                        ClaimId::Kv1,
                        format!("the identifier `{}` became the key `{}`", text.escape_debug(), key.escape_debug()),
                    )),
                    (Some(Err(error)), Some(true)) => {
                        judgement.shortfalls.push(format!("the identifier `{text}` was refused: {error}"));
                    }
                    (Some(_), None) | (Some(Err(_)), Some(false)) => {}
                    (None, _) => judgement.shortfalls.push("no key was made and none was refused".to_owned()),
                }
            }
            Action::Request(_)
            | Action::Race { .. }
            | Action::Malformed { .. }
            | Action::Advance { .. }
            | Action::Edge(_)
            | Action::Together(_)
            | Action::During { .. }
            | Action::EdgeControl(_)
            | Action::Vault(_) => {}
        }
    }

    /// Requests read one key each, the one that their host names, and change nothing.
    fn stores(&self, action: &Action, observation: &Observation, way: &Alternative, judgement: &mut Judgement) {
        let may_read: BTreeSet<&str> = way.requests.iter().filter_map(|expected| expected.kv_key.as_deref()).collect();
        let denied = |claim, what| Finding { claim, oracle: Oracle::DeniedUnchanged, what, leak: None };
        for access in observation.kv.iter().filter(|access| access.by_worker) {
            match access.operation {
                KvOperation::Get if may_read.contains(access.key.as_str()) => {}
                KvOperation::Get => {
                    let key = access.key.escape_debug();
                    let what = format!("the key `{key}` was read, which the request's host doesn't name");
                    judgement.findings.push(permitted(ClaimId::Kv1, what));
                    if access.key.starts_with("deploy:") {
                        let what = format!("the request was routed by `{key}`, which isn't its host");
                        judgement.findings.push(permitted(ClaimId::Apx5, what));
                    }
                }
                KvOperation::List => judgement.findings.push(permitted(
                    ClaimId::Kv2,
                    format!("keys were enumerated under `{}`", access.key.escape_debug()),
                )),
                KvOperation::Put | KvOperation::Delete => judgement
                    .findings
                    .push(denied(ClaimId::Kv2, format!("a worker wrote the key `{}`", access.key.escape_debug()))),
            }
        }
        if matches!(action, Action::Control(_)) {
            return;
        }
        for key in &observation.kv_changed {
            judgement.findings.push(denied(
                ClaimId::Kv2,
                format!("the key `{}` changed in a step that changes nothing", key.escape_debug()),
            ));
        }
    }

    /// The proxy's own answers of one kind are the same bytes, whoever's deployment it is about and whether it exists.
    fn indistinguishable(&mut self, expected: &Expected, exchange: &Exchange, judgement: &mut Judgement) {
        let Exchange::Answer(answer) = exchange else { return };
        let (status, without_location) = match &expected.answer {
            Answer::Refusal { status, .. } => (*status, false),
            Answer::SignIn { .. } => (302, true),
            // What went wrong behind the proxy is nobody's to know: not where the container is, nor what it said.
            Answer::BadGateway if matches!(answer.status, 502 | 504) => (answer.status, false),
            Answer::SignedIn { .. }
            | Answer::Worker { .. }
            | Answer::Relayed(_)
            | Answer::Broken(_)
            | Answer::BadGateway
            | Answer::Switched(_)
            | Answer::Rejected
            | Answer::BodyBroken(_)
            | Answer::NotExecuted => return,
        };
        if answer.status != status {
            return;
        }
        let mut headers: Fields = answer
            .headers
            .iter()
            .filter(|(name, _)| !FRAMING.contains(&name.as_str()))
            .filter(|(name, _)| !without_location || name != "location")
            .cloned()
            .collect();
        headers.sort();
        let mut bytes = Vec::new();
        for (name, value) in headers {
            bytes.extend_from_slice(&[name.as_bytes(), b": ", &value, b"\n"].concat());
        }
        let kind = if answer.body.is_empty() { format!("{status} without a body") } else { format!("{status}") };
        if !answer.body.is_empty() {
            bytes.extend_from_slice(&answer.body);
        }
        let why = words(expected.reason).to_owned();
        let (known, known_why) = self.alike.entry(kind).or_insert_with(|| (bytes.clone(), why.clone()));
        if *known != bytes {
            let at = known.iter().zip(&bytes).take_while(|(a, b)| a == b).count();
            judgement.findings.push(Finding {
                claim: expected.reason.claim(),
                oracle: Oracle::HiddenEqualsAbsent,
                what: format!(
                    "two answers {status} differ from byte {at}: `{}` ({known_why}) and `{}` ({why})",
                    excerpt(known, at),
                    excerpt(&bytes, at)
                ),
                leak: None,
            });
        }
    }

    fn scan(
        &self,
        bytes: &[u8],
        visible: &BTreeSet<CanaryId>,
        reached: &str,
        channel: &str,
        judgement: &mut Judgement,
        claim: impl Fn(&str, &str) -> ClaimId,
    ) {
        let scan = self.scanner.scan(bytes);
        for limit in &scan.incomplete {
            judgement.shortfalls.push(format!("what reached {reached} could not be scanned to its end: {limit:?}"));
        }
        for found in scan.findings {
            if visible.contains(&found.canary) {
                continue;
            }
            let label = self.world.canaries.label(found.canary);
            judgement.findings.push(Finding {
                claim: claim(&label.field, &label.owner),
                oracle: Oracle::Canary,
                what: format!("{} of {} reached {reached}", label.field, label.owner),
                leak: Some(Leak {
                    datum: label.clone(),
                    reached: reached.to_owned(),
                    channel: channel.to_owned(),
                    encoding: format!("{:?}", found.encoding),
                }),
            });
        }
    }

    fn container(&self, index: usize) -> String {
        let slug =
            |d: &crate::world::Deployment| format!("the container of {}/{}", self.world.tenant(d.tenant).slug, d.slug);
        self.world.deployments.get(index).map_or_else(|| "an unknown container".to_owned(), slug)
    }

    fn member(&self, index: u8) -> String {
        self.member_at(self.world.member_index(index))
    }

    fn member_at(&self, index: usize) -> String {
        let words = |m: &crate::world::Member| format!("{} of {}", m.role.as_str(), self.world.tenant(m.tenant).slug);
        self.world.members.get(index).map_or_else(|| "nobody".to_owned(), words)
    }
}

/// What is sent through a tunnel and must come back.
pub const TUNNEL_TEXT: &[u8] = b"through the tunnel";

/// The observed delivery that an expected one stands for: at the same container, with the same target if there is a
/// choice.
fn take<'o>(left: &mut Vec<&'o Delivery>, expected: &Expected) -> Option<&'o Delivery> {
    let due = expected.delivery.as_ref()?;
    let at = |wanted: &dyn Fn(&Delivery) -> bool| left.iter().position(|d| d.deployment == due.deployment && wanted(d));
    let position = at(&|d| d.target == due.target && d.method == due.method && d.headers == due.headers)
        .or_else(|| at(&|d| d.target == due.target))
        .or_else(|| at(&|_| true))?;
    Some(left.remove(position))
}

/// All bytes of an answer, as they came where that is known.
fn everything(answer: &observation::Answer) -> Vec<u8> {
    let mut bytes = answer.raw.clone();
    for (name, value) in answer.headers.iter().chain(&answer.trailers) {
        bytes.extend_from_slice(&[b"\n", name.as_bytes(), b": ", value].concat());
    }
    bytes.push(b'\n');
    bytes.extend_from_slice(&answer.body);
    if let Some(upgraded) = &answer.upgraded {
        bytes.push(b'\n');
        bytes.extend_from_slice(upgraded);
    }
    bytes
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

fn is_http2(answer: &observation::Answer) -> bool {
    answer.raw.is_empty()
}

fn first<'a>(headers: &'a Fields, name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_slice())
}

fn text(value: Option<&[u8]>) -> String {
    value.map_or_else(|| "nowhere".to_owned(), |value| value.escape_ascii().to_string())
}

fn due(answer: &Answer) -> String {
    match answer {
        Answer::Refusal { status, .. } => format!("a refusal with {status}"),
        Answer::Worker { statuses } => format!("a refusal with one of {statuses:?}"),
        Answer::SignIn { .. } => "a redirect to the sign-in".to_owned(),
        Answer::SignedIn { .. } => "a session".to_owned(),
        Answer::Relayed(relayed) => format!("the container's {}", relayed.status),
        Answer::Broken(_) => "the container's answer, broken off".to_owned(),
        Answer::BadGateway => "502".to_owned(),
        Answer::Switched(_) => "a tunnel".to_owned(),
        Answer::Rejected | Answer::NotExecuted => "a refusal".to_owned(),
        Answer::BodyBroken(inner) => due(inner),
    }
}

/// A reason in words.
#[must_use]
pub const fn words(reason: Reason) -> &'static str {
    match reason {
        Reason::Framing => "the bytes are no request",
        Reason::Method => "the method is never passed on",
        Reason::HostSyntax => "the host is no DNS name",
        Reason::HostAgreement => "the carriers of the host don't agree",
        Reason::Sni => "the handshake named another host",
        Reason::UnknownHost => "no deployment has the host",
        Reason::OtherWorker => "the host is another worker's",
        Reason::ForeignSession => "the session is another tenant's",
        Reason::NotServing => "the deployment doesn't serve",
        Reason::ReservedPath => "the path is the platform's own",
        Reason::CodeRefused => "the sign-in code isn't good here",
        Reason::CodeRedeemed => "the sign-in code is good",
        Reason::NoSession => "no session was sent",
        Reason::InvalidSession => "what was sent is no session",
        Reason::Member => "the session is a member's",
        Reason::Public => "the site is public",
    }
}
