//! The judgement of a step at the edge: what was seen against what may be.

use std::collections::{BTreeMap, BTreeSet};

use super::expect::{Bill, Context, Due, DueAnswer, Shape};
use super::scan::{Reached, Scan, contains, visible_to_broker, visible_to_client, visible_to_upstream};
use super::step::{CallDue, calls, claims_of, of_worker, ways};
use super::{bill, compare, control, hook, ledger, vault};
use crate::action::edge::{EdgeCall, EdgeControl};
use crate::action::{Action, Method};
use crate::canary::Scanner;
use crate::claim::ClaimId;
use crate::observation::{Answer, Delivery, Exchange, Fields, KvOperation, Observation, Place, UpstreamRequest};
use crate::oracle::compare::{FRAMING, excerpt, permitted};
use crate::oracle::{Finding, Judgement, Oracle};
use crate::render::edge::CALL_MARKER;
use crate::state::State;
use crate::world::World;

/// The first answer of each kind that must not be told apart, with the words for it.
pub type Alike = BTreeMap<String, (Vec<u8>, String)>;

/// Judges one step at the edge. `state` is the state before it.
pub(crate) fn judge(
    world: &World,
    scanner: &Scanner,
    state: &State,
    action: &Action,
    observation: &Observation,
    alike: &mut Alike,
) -> Judgement {
    let scan = Scan { world, state, scanner };
    if let Action::Vault(tried) = action {
        return vault::judge(world, scanner, *tried, observation.edge.vault.as_ref());
    }
    let mut judgement = Judgement::default();
    let step = Step { scan, calls: calls(action), observation };
    let dues = step.calls(&mut judgement);
    let change = match action {
        Action::EdgeControl(control) | Action::During { control, .. } => Some(*control),
        Action::Edge(_)
        | Action::Together(_)
        | Action::Vault(_)
        | Action::Request(_)
        | Action::Race { .. }
        | Action::Malformed { .. }
        | Action::Control(_)
        | Action::Advance { .. }
        | Action::KvKey { .. } => None,
    };
    if let Some(change) = change {
        control::judge(scan, change, observation, alike, &mut judgement);
    }
    step.money(&dues, change, &mut judgement);
    step.stores(&dues, change, &mut judgement);
    step.logs(&mut judgement);
    step.alike(&dues, alike, &mut judgement);
    judgement.findings.sort();
    judgement.findings.dedup();
    judgement
}

struct Step<'a> {
    scan: Scan<'a>,
    calls: Vec<&'a EdgeCall>,
    observation: &'a Observation,
}

/// What is left of what was seen, once each call has found its own.
struct Left<'o> {
    deliveries: Vec<&'o Delivery>,
    upstream: Vec<&'o UpstreamRequest>,
}

impl<'a> Step<'a> {
    /// Judges each call in the way that fits best, then what belongs to none. Returns the ways.
    fn calls(&self, judgement: &mut Judgement) -> Vec<CallDue> {
        let (world, state) = (self.scan.world, self.scan.state);
        let seen = &self.observation.edge;
        let lowest = bill::lowest(state, seen);
        let plain: Vec<CallDue> = self
            .calls
            .iter()
            .enumerate()
            .map(|(number, call)| {
                let context = Context { world, state, number, lack: None, broker_before: 0 };
                ways(context, call, &[], &lowest)
                    .into_iter()
                    .next()
                    .unwrap_or_else(|| CallDue::Call(Box::new(Due::nothing())))
            })
            .collect();
        let bills: Vec<Option<&Bill>> = plain.iter().map(|due| due.call().and_then(|due| due.bill.as_ref())).collect();
        let answers: u32 = plain.iter().map(CallDue::asks_broker).sum();
        let mut left =
            Left { deliveries: self.observation.deliveries.iter().collect(), upstream: seen.upstream.iter().collect() };
        let mut dues: Vec<CallDue> = Vec::new();
        for (number, call) in self.calls.iter().enumerate() {
            let others: Vec<&Bill> =
                bills.iter().enumerate().filter(|(other, _)| *other != number).filter_map(|(_, bill)| *bill).collect();
            // Of calls at once each may get the broker's answer to another that asks about the same account.
            let befores = if self.calls.len() > 1 { 0..answers.max(1) } else { 0..1 };
            let mut alternatives: Vec<CallDue> = Vec::new();
            for broker_before in befores {
                let context = Context { world, state, number, lack: None, broker_before };
                for way in ways(context, call, &others, &lowest) {
                    if !alternatives.contains(&way) {
                        alternatives.push(way);
                    }
                }
            }
            dues.push(self.best(number, call, alternatives, &mut left, judgement));
        }
        self.leftover(&dues, &left, judgement);
        dues
    }

    /// Judges a call against each way that is permitted, and keeps the judgement of the one that fits best.
    fn best(
        &self,
        number: usize,
        call: &EdgeCall,
        ways: Vec<CallDue>,
        left: &mut Left<'a>,
        judgement: &mut Judgement,
    ) -> CallDue {
        let mut best: Option<(Judgement, CallDue, Left<'a>)> = None;
        for way in ways {
            let mut own = Judgement::default();
            let mut rest = Left { deliveries: left.deliveries.clone(), upstream: left.upstream.clone() };
            self.call(number, call, &way, &mut rest, &mut own);
            let weight = |judgement: &Judgement| (judgement.findings.len(), judgement.shortfalls.len());
            if best.as_ref().is_none_or(|(known, ..)| weight(&own) < weight(known)) {
                best = Some((own, way, rest));
            }
        }
        let Some((own, way, rest)) = best else { return CallDue::Call(Box::new(Due::nothing())) };
        judgement.findings.extend(own.findings);
        judgement.shortfalls.extend(own.shortfalls);
        judgement.served.extend(own.served);
        judgement.refusals.extend(own.refusals);
        *left = rest;
        way
    }

    fn call(&self, number: usize, call: &EdgeCall, way: &CallDue, left: &mut Left<'a>, judgement: &mut Judgement) {
        let exchange = self.observation.exchanges.get(number);
        let right = match (call, way) {
            (EdgeCall::Hook(call), CallDue::Hook(due)) => {
                let delivered = hook::judge::take(&mut left.deliveries, due);
                let (world, scanner) = (self.scan.world, self.scan.scanner);
                hook::judge::judge(world, scanner, call, due, exchange, delivered, judgement)
            }
            (EdgeCall::Provider(_) | EdgeCall::Vend(_) | EdgeCall::Hook(_), CallDue::Call(due)) => {
                self.money_or_token(number, call, way, due, left, judgement)
            }
            (EdgeCall::Provider(_) | EdgeCall::Vend(_), CallDue::Hook(_)) => false,
        };
        judgement.refusals.push(way.refuses());
        judgement.served.push(right && !way.refuses());
    }

    fn money_or_token(
        &self,
        number: usize,
        call: &EdgeCall,
        way: &CallDue,
        due: &Due,
        left: &mut Left<'a>,
        judgement: &mut Judgement,
    ) -> bool {
        let before = judgement.findings.len() + judgement.shortfalls.len();
        let exchange = self.observation.exchanges.get(number);
        compare::answer(call, due, exchange, judgement);
        if let Some(Exchange::Answer(answer)) = exchange {
            self.answer_says_nothing(call, way, due, answer, judgement);
        }
        let answered = matches!((exchange, &due.answer), (Some(Exchange::Answer(answer)), DueAnswer::Relayed(relayed))
            if relayed.status == Some(answer.status));
        if let Some(wanted) = &due.upstream {
            match take_upstream(&mut left.upstream, number, wanted.adapter) {
                Some(seen) => {
                    compare::upstream(wanted, seen, judgement);
                    self.scan_upstream(call, way, seen, judgement);
                }
                None if answered => {
                    let what = format!("an answer came, though {}'s upstream received nothing", wanted.adapter.slug());
                    judgement.findings.push(permitted(ClaimId::Prx3, what));
                }
                None => {
                    judgement.shortfalls.push(format!("{}'s upstream received nothing", wanted.adapter.slug()));
                }
            }
        }
        for account in &due.broker {
            let position = left.upstream.iter().position(|seen| compare::asks_about(self.scan.world, seen, *account));
            match position.map(|position| left.upstream.remove(position)) {
                Some(seen) => {
                    compare::broker(self.scan.world, seen, judgement);
                    let visible = visible_to_broker(self.scan.world);
                    self.scan.scan(&bytes_of(seen), &visible, Reached::Broker, "the broker", None, judgement);
                }
                None => {
                    let what = "a token was due from the broker, which was not asked about its account";
                    judgement.findings.push(permitted(ClaimId::Crd1, what.to_owned()));
                }
            }
        }
        before == judgement.findings.len() + judgement.shortfalls.len()
    }

    /// Nothing in an answer is anybody's but the caller's to know.
    fn answer_says_nothing(
        &self,
        call: &EdgeCall,
        way: &CallDue,
        due: &Due,
        answer: &Answer,
        judgement: &mut Judgement,
    ) {
        let (reached, who) = match call {
            EdgeCall::Provider(_) => (Reached::Client, "the client of a provider proxy"),
            EdgeCall::Vend(_) | EdgeCall::Hook(_) => (Reached::Vended, "the client of the credentials worker"),
        };
        let visible = visible_to_client(self.scan.world, call, way);
        self.scan.scan(&everything(answer), &visible, reached, who, self.tenant(due), judgement);
        if matches!(due.answer, DueAnswer::Refused(_) | DueAnswer::Entry { .. }) {
            self.names_nobody(call, due, answer, judgement);
        }
    }

    fn tenant(&self, due: &Due) -> Option<usize> {
        due.key.and_then(|key| self.scan.state.edge.keys.get(key)).map(|key| key.tenant)
    }

    /// A refusal names no tenant, no person, no app, no key and no connection.
    fn names_nobody(&self, call: &EdgeCall, due: &Due, answer: &Answer, judgement: &mut Judgement) {
        let world = self.scan.world;
        let mut said = answer.body.clone();
        for (name, value) in answer.headers.iter().filter(|(name, _)| !FRAMING.contains(&name.as_str())) {
            said.extend_from_slice(&[b"\n", name.as_bytes(), b": ", value].concat());
        }
        let edge = &world.edge;
        let tenants = world.tenants.iter().flat_map(|tenant| [&tenant.id, &tenant.slug]);
        let connections = edge.connections.iter().flat_map(|own| [&own.id, &own.external_id]);
        let rest = edge.apps.iter().map(|own| &own.id).chain(edge.keys.iter().map(|own| &own.id));
        let accounts = edge.accounts.iter().map(|own| &own.id);
        let members = world.members.iter().map(|own| &own.user_id);
        let mut names = tenants.chain(connections).chain(rest).chain(accounts).chain(members);
        if let Some(name) = names.find(|name| contains(&said, name.as_bytes())) {
            let what = format!("a refusal with {} names `{}`", answer.status, name.escape_debug());
            let oracle = Oracle::HiddenEqualsAbsent;
            let mut claims = of_worker(call, due.why).to_vec();
            claims.push(if matches!(call, EdgeCall::Provider(_)) { ClaimId::Prx4 } else { ClaimId::Crd1 });
            let findings = claims.into_iter().map(|claim| Finding { claim, oracle, what: what.clone(), leak: None });
            judgement.findings.extend(findings);
        }
    }

    fn scan_upstream(&self, call: &EdgeCall, way: &CallDue, seen: &UpstreamRequest, judgement: &mut Judgement) {
        let reached = match seen.place {
            Place::Upstream(_) => Reached::Upstream,
            Place::Broker => Reached::Broker,
            Place::Stray => Reached::Stray,
        };
        let visible = visible_to_upstream(self.scan.world, call, way);
        let tenant = way.call().and_then(|due| self.tenant(due));
        self.scan.scan(&bytes_of(seen), &visible, reached, &place(seen.place), tenant, judgement);
    }

    /// What reached anything behind the edge and belongs to no call.
    fn leftover(&self, dues: &[CallDue], left: &Left<'a>, judgement: &mut Judgement) {
        let (world, scanner) = (self.scan.world, self.scan.scanner);
        for seen in &left.upstream {
            let number = marker(seen);
            let from = number.and_then(|number| self.calls.get(number).copied().zip(dues.get(number)));
            let first = self.calls.first().copied().zip(dues.first());
            let Some((call, way)) = from.or(first) else { continue };
            if matches!(call, EdgeCall::Hook(_)) {
                hook::judge::elsewhere(world, scanner, seen, judgement);
                continue;
            }
            let mut claims = match (seen.place, call) {
                (Place::Stray, EdgeCall::Provider(_)) => vec![ClaimId::Prx6, ClaimId::Prx5],
                (Place::Stray, EdgeCall::Vend(_) | EdgeCall::Hook(_)) => vec![ClaimId::Crd3],
                (Place::Broker, _) => vec![ClaimId::Crd1],
                (Place::Upstream(_), _) if way.refuses() => Vec::new(),
                // A second request of one call follows a redirect, or is paid for by nobody.
                (Place::Upstream(_), _) => vec![ClaimId::Prx6, ClaimId::Wal1],
            };
            if way.refuses() {
                claims.extend(claims_of(call, way));
            }
            let why = way.call().map_or("it is a webhook", |due| due.why.words());
            let what = format!(
                "{} received `{} {}`, which no call may lead to ({why})",
                place(seen.place),
                seen.method,
                seen.target.escape_ascii()
            );
            judgement.findings.extend(claims.into_iter().map(|claim| permitted(claim, what.clone())));
            self.scan_upstream(call, way, seen, judgement);
        }
        for delivery in &left.deliveries {
            let hooks = dues.iter().filter_map(|due| match due {
                CallDue::Hook(due) => Some(due),
                CallDue::Call(_) => None,
            });
            let refused = hooks.clone().find(|due| due.reason.refuses());
            hook::judge::unexpected(world, scanner, delivery, refused.map(|due| &**due), judgement);
        }
    }

    /// Each tenant's ledger adds up, and each call costs whom it should what it should.
    fn money(&self, dues: &[CallDue], change: Option<EdgeControl>, judgement: &mut Judgement) {
        let (world, state, seen) = (self.scan.world, self.scan.state, &self.observation.edge);
        let bills: Vec<&Bill> = dues.iter().filter_map(|due| due.call()).filter_map(|due| due.bill.as_ref()).collect();
        let credits = change.map(|change| control::credits(world, state, change)).unwrap_or_default();
        let mut payers: BTreeSet<usize> = bills.iter().map(|bill| bill.tenant).collect();
        payers.extend(credits.keys());
        // Of a refused call it is its key's tenant who would be billed for it; that is found as such.
        payers.extend(dues.iter().filter_map(|due| due.call()).filter_map(|due| self.tenant(due)));
        judgement.findings.extend(ledger::findings(world, &state.edge, seen, &payers));
        bill::judge(world, state, seen, &bills, &credits, judgement);
    }

    /// Calls read the records that their key and their names lead to, and change nothing but balances.
    fn stores(&self, dues: &[CallDue], change: Option<EdgeControl>, judgement: &mut Judgement) {
        let reads: BTreeSet<&str> = dues
            .iter()
            .flat_map(|due| match due {
                CallDue::Call(due) => due.reads.iter(),
                CallDue::Hook(due) => due.reads.iter(),
            })
            .map(String::as_str)
            .collect();
        for access in self.observation.kv.iter().filter(|access| access.by_worker) {
            let key = access.key.escape_debug();
            match access.operation {
                KvOperation::Get if reads.contains(access.key.as_str()) => {}
                KvOperation::Get => {
                    let what = format!("the key `{key}` was read, which the call doesn't lead to");
                    judgement.findings.push(permitted(ClaimId::Kv1, what.clone()));
                    if access.key.starts_with("balance:") {
                        judgement.findings.push(permitted(ClaimId::Prx3, what));
                    }
                }
                KvOperation::List => {
                    judgement.findings.push(permitted(ClaimId::Kv2, format!("keys were enumerated under `{key}`")));
                }
                KvOperation::Put | KvOperation::Delete if access.key.starts_with("balance:") => {}
                KvOperation::Put | KvOperation::Delete => {
                    judgement.findings.push(permitted(ClaimId::Kv2, format!("a worker wrote the key `{key}`")));
                }
            }
        }
        if change.is_some() {
            return;
        }
        for key in self.observation.kv_changed.iter().filter(|key| !key.starts_with("balance:")) {
            let what = format!("the key `{}` changed in a step that changes nothing", key.escape_debug());
            let finding = Finding { claim: ClaimId::Kv2, oracle: Oracle::DeniedUnchanged, what, leak: None };
            judgement.findings.push(finding);
        }
    }

    /// No log line holds a secret.
    fn logs(&self, judgement: &mut Judgement) {
        let (reached, who) = match self.calls.first() {
            Some(EdgeCall::Vend(_)) => (Reached::VendLog, "the log of the credentials worker"),
            Some(EdgeCall::Hook(_)) => (Reached::HookLog, "the log of the hooks worker"),
            Some(EdgeCall::Provider(_)) | None => (Reached::ProviderLog, "the log of a provider proxy"),
        };
        let lines = self.observation.edge.log.join("\n");
        if !lines.is_empty() {
            self.scan.scan(lines.as_bytes(), &BTreeSet::new(), reached, who, None, judgement);
        }
    }

    /// Refusals of one kind are the same bytes, whoever's the thing is and whether it is there.
    fn alike(&self, dues: &[CallDue], alike: &mut Alike, judgement: &mut Judgement) {
        for ((call, due), exchange) in self.calls.iter().zip(dues).zip(&self.observation.exchanges) {
            let found: Vec<(String, Vec<u8>, Vec<ClaimId>, &'static str)> = match (call, due) {
                (EdgeCall::Hook(call), CallDue::Hook(due)) => hook::judge::alike(call, due, exchange)
                    .into_iter()
                    .map(|own| (own.class, own.bytes, vec![own.claim], own.why))
                    .collect(),
                (EdgeCall::Hook(_) | EdgeCall::Provider(_) | EdgeCall::Vend(_), CallDue::Call(due)) => {
                    refusal_class(call, due, exchange)
                        .into_iter()
                        .map(|(class, bytes)| (class, bytes, of_worker(call, due.why).to_vec(), due.why.words()))
                        .collect()
                }
                (EdgeCall::Provider(_) | EdgeCall::Vend(_), CallDue::Hook(_)) => Vec::new(),
            };
            for (class, bytes, claims, why) in found {
                let (known, known_why) = alike.entry(class).or_insert_with(|| (bytes.clone(), why.to_owned()));
                if *known != bytes {
                    let at = known.iter().zip(&bytes).take_while(|(a, b)| a == b).count();
                    let what = format!(
                        "two refusals differ from byte {at}: `{}` ({known_why}) and `{}` ({why})",
                        excerpt(known, at),
                        excerpt(&bytes, at)
                    );
                    let oracle = Oracle::HiddenEqualsAbsent;
                    let finding = |claim| Finding { claim, oracle, what: what.clone(), leak: None };
                    judgement.findings.extend(claims.into_iter().map(finding));
                }
            }
        }
    }
}

/// The class of refusals that an answer must not be told apart from, and all of it that counts.
fn refusal_class(call: &EdgeCall, due: &Due, exchange: &Exchange) -> Option<(String, Vec<u8>)> {
    let (Exchange::Answer(answer), DueAnswer::Refused(refusal)) = (exchange, &due.answer) else { return None };
    if answer.status != refusal.status {
        return None;
    }
    let (worker, method) = match call {
        EdgeCall::Provider(call) => (call.adapter.meant().map_or("none", |own| own.slug()), call.ask.method_sent()),
        EdgeCall::Vend(call) => ("credentials", call.method),
        EdgeCall::Hook(_) => return None,
    };
    let what = match &refusal.shape {
        Shape::Provider { word, .. } => word,
        Shape::Toolkit(toolkit) => toolkit.as_str(),
        Shape::Vend(code) => code.unwrap_or("none"),
        Shape::Any => "any",
    };
    let headless = if method == Method::Head { " to HEAD" } else { "" };
    let class = format!("{worker} {} {what}{headless}", answer.status);
    let mut headers: Fields =
        answer.headers.iter().filter(|(name, _)| !FRAMING.contains(&name.as_str())).cloned().collect();
    headers.sort();
    let mut bytes = Vec::new();
    for (name, value) in headers {
        // How long somebody has to wait is his own affair.
        let value = if name == "retry-after" { b"-".to_vec() } else { value };
        bytes.extend_from_slice(&[name.as_bytes(), b": ", &value, b"\n"].concat());
    }
    let mut body = String::from_utf8_lossy(&answer.body).into_owned();
    if let Some(seconds) = refusal.retry_after_s {
        body = body.replace(&seconds.to_string(), "-");
    }
    bytes.extend_from_slice(body.as_bytes());
    Some((class, bytes))
}

/// The number of the call that an upstream's request belongs to, by its marker.
fn marker(seen: &UpstreamRequest) -> Option<usize> {
    let value = compare::values(&seen.headers, CALL_MARKER).first().copied()?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The request of a call's at its upstream, or else at another.
fn take_upstream<'o>(
    left: &mut Vec<&'o UpstreamRequest>,
    number: usize,
    adapter: crate::world::edge::Provider,
) -> Option<&'o UpstreamRequest> {
    let its = |seen: &UpstreamRequest| marker(seen).is_none_or(|own| own == number);
    let at = |wanted: &dyn Fn(&UpstreamRequest) -> bool| left.iter().position(|seen| its(seen) && wanted(seen));
    let position = at(&|seen| seen.place == Place::Upstream(adapter))
        .or_else(|| at(&|seen| matches!(seen.place, Place::Upstream(_))))?;
    Some(left.remove(position))
}

fn place(place: Place) -> String {
    match place {
        Place::Upstream(adapter) => format!("{}'s upstream", adapter.slug()),
        Place::Broker => "the broker".to_owned(),
        Place::Stray => "a server that is nobody's provider".to_owned(),
    }
}

fn bytes_of(seen: &UpstreamRequest) -> Vec<u8> {
    let mut bytes = seen.raw.clone();
    if bytes.is_empty() {
        bytes.extend_from_slice(&seen.target);
        for (name, value) in &seen.headers {
            bytes.extend_from_slice(&[b"\n", name.as_bytes(), b": ", value].concat());
        }
    }
    bytes.push(b'\n');
    bytes.extend_from_slice(&seen.body);
    bytes
}

/// All bytes of an answer, as they came where that is known.
fn everything(answer: &Answer) -> Vec<u8> {
    let mut bytes = answer.raw.clone();
    for (name, value) in answer.headers.iter().chain(&answer.trailers) {
        bytes.extend_from_slice(&[b"\n", name.as_bytes(), b": ", value].concat());
    }
    bytes.push(b'\n');
    bytes.extend_from_slice(&answer.body);
    bytes
}
