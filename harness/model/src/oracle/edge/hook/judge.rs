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
mod tests {
    use super::*;
    use crate::action::Action;
    use crate::action::edge::EdgeCall;
    use crate::action::edge::hook::{HookBody, HookPath, HookReply, SecretRef};
    use crate::choose::Seeded;
    use crate::moves::realise;
    use crate::oracle::edge::hook::{Reason, expect};
    use crate::state::State;
    use crate::world::edge::Slot;
    use crate::world::{Profile, World};

    struct Case {
        world: World,
        state: State,
        hook: u8,
    }

    /// What a target shows of one webhook.
    struct Seen {
        answer: observation::Answer,
        deliveries: Vec<Delivery>,
    }

    impl Case {
        fn new() -> Self {
            let world = World::generate(&mut Seeded::new(21), Profile { tenants_min: 3, ..Profile::default() });
            let state = State::new(&world);
            let hook = world.connection_in(1, Slot::TelegramHook).unwrap();
            Self { world, state, hook }
        }

        fn call(&self, change: impl Fn(&mut HookCall)) -> HookCall {
            let mut call = HookCall::plain(0, self.hook);
            change(&mut call);
            call.canonical()
        }

        /// What a target shows that does all as it must.
        fn ideal(&self, call: &HookCall) -> Seen {
            let expected = expect(&self.world, &self.state, call);
            let body = match expected.answer {
                Answer::Container(_) => Vec::new(),
                Answer::Entry(status) | Answer::Own(status) if call.method != Method::Head => {
                    format!("{{\"error\":{status}}}").into_bytes()
                }
                Answer::Entry(_) | Answer::Own(_) => Vec::new(),
            };
            let answer = observation::Answer {
                status: expected.answer.status(),
                headers: vec![field("cache-control", "no-store"), field("content-length", "0")],
                body,
                trailers: Vec::new(),
                interim: Vec::new(),
                upgraded: None,
                end: End::Complete,
                raw: Vec::new(),
            };
            let deliveries = expected.delivery.into_iter().map(|due| delivered(&due)).collect();
            Seen { answer, deliveries }
        }

        fn judge(&self, call: &HookCall, seen: &Seen) -> (Judgement, bool) {
            let scanner = self.world.canaries.scanner();
            let expected = expect(&self.world, &self.state, call);
            let mut judgement = Judgement::default();
            let mut left: Vec<&Delivery> = seen.deliveries.iter().collect();
            let own = take(&mut left, &expected);
            let exchange = Exchange::Answer(seen.answer.clone());
            let served = judge(&self.world, &scanner, call, &expected, Some(&exchange), own, &mut judgement);
            for delivery in left {
                let refused = expected.reason.refuses().then_some(&expected);
                unexpected(&self.world, &scanner, delivery, refused, &mut judgement);
            }
            (judgement, served)
        }

        /// The claims of what is found when a target that is else ideal does this.
        fn claims(
            &self,
            change_call: impl Fn(&mut HookCall),
            change_seen: impl Fn(&mut Seen),
        ) -> BTreeSet<(ClaimId, Oracle)> {
            let call = self.call(change_call);
            let mut seen = self.ideal(&call);
            let (clean, _) = self.judge(&call, &seen);
            assert!(clean.is_clean(), "{call:?}: {clean:?}");
            change_seen(&mut seen);
            let (judgement, _) = self.judge(&call, &seen);
            judgement.findings.into_iter().map(|finding| (finding.claim, finding.oracle)).collect()
        }
    }

    const OUTCOME: Oracle = Oracle::PermittedOutcomes;

    fn field(name: &str, value: &str) -> (String, Vec<u8>) {
        (name.to_owned(), value.as_bytes().to_vec())
    }

    fn delivered(due: &expect::Delivery) -> Delivery {
        let mut raw = format!("{} ", due.method).into_bytes();
        for (name, value) in &due.headers {
            raw.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        Delivery {
            deployment: due.deployment,
            method: due.method.to_owned(),
            target: due.target.clone(),
            headers: due.headers.iter().cloned().chain([field("content-length", "1")]).collect(),
            body: due.body.clone(),
            complete: true,
            raw,
        }
    }

    fn none(_: &mut HookCall) {}

    #[test]
    fn what_is_as_it_must_be_is_clean() {
        let case = Case::new();
        let other = case.world.connection_in(0, Slot::TelegramHook).unwrap();
        let hook = case.hook;
        for secret in SecretRef::ALONE.into_iter().chain([SecretRef::Of(other), SecretRef::OfApp(0)]) {
            for path in [HookPath::Of(hook), HookPath::OtherCase(hook), HookPath::Unknown, HookPath::Root] {
                for method in Method::ORDINARY {
                    for body in [HookBody::Update, HookBody::Empty, HookBody::Odd, HookBody::Names(2)] {
                        let call = case.call(|call| {
                            (call.secret, call.path, call.method, call.body) = (secret, path, method, body);
                        });
                        let (judgement, served) = case.judge(&call, &case.ideal(&call));
                        assert!(judgement.is_clean(), "{call:?}: {judgement:?}");
                        let due = expect(&case.world, &case.state, &call).reason == Reason::Delivered;
                        assert_eq!(served, due, "{call:?}");
                    }
                }
            }
        }
        for container in HookReply::ALONE {
            let call = case.call(|call| call.container = container);
            let (judgement, served) = case.judge(&call, &case.ideal(&call));
            assert!(judgement.is_clean() && served, "{container:?}: {judgement:?}");
        }
    }

    #[test]
    fn a_delivery_to_another_container_is_found() {
        let case = Case::new();
        let moved = |seen: &mut Seen| seen.deliveries[0].deployment += 1;
        assert!(case.claims(none, moved).contains(&(ClaimId::Hks1, OUTCOME)));
        let twice = |seen: &mut Seen| {
            let mut second = seen.deliveries[0].clone();
            second.deployment = 0;
            seen.deliveries.push(second);
        };
        assert!(case.claims(none, twice).contains(&(ClaimId::Hks1, OUTCOME)));
    }

    #[test]
    fn a_delivery_of_what_must_be_refused_is_found() {
        let case = Case::new();
        let good = case.ideal(&case.call(none));
        for change in [
            |call: &mut HookCall| call.secret = SecretRef::Wrong,
            |call: &mut HookCall| call.secret = SecretRef::Twice,
            |call: &mut HookCall| call.method = Method::Put,
        ] {
            let claims = case.claims(change, |seen| {
                seen.deliveries = good.deliveries.clone();
                seen.answer = good.answer.clone();
            });
            assert!(claims.contains(&(ClaimId::Hks1, OUTCOME)), "{claims:?}");
        }
    }

    #[test]
    fn each_part_of_the_envelope_counts() {
        let case = Case::new();
        let world = &case.world;
        let sibling = world.edge.apps.iter().rfind(|app| app.tenant == 1).unwrap();
        let changes: [&dyn Fn(&mut Delivery); 9] = [
            &|d| d.headers.retain(|(name, _)| name != SIGNATURE),
            &|d| {
                let timestamp = first(&d.headers, TIMESTAMP).unwrap().to_vec();
                let by_sibling = signature(sibling, &timestamp, &d.body).into_bytes();
                d.headers.iter_mut().find(|(name, _)| name == SIGNATURE).unwrap().1 = by_sibling;
            },
            &|d| d.headers.iter_mut().find(|(name, _)| name == TIMESTAMP).unwrap().1 = b"1".to_vec(),
            &|d| d.headers.iter_mut().find(|(name, _)| name == "x-vendo-connection-id").unwrap().1.push(b'x'),
            &|d| d.headers.push(field(TIMESTAMP, "1")),
            &|d| d.headers.push(field("x-app-0", "y")),
            &|d| d.body.push(b' '),
            &|d| d.target = b"/vendo/webhooks/github".to_vec(),
            &|d| d.method = "PUT".to_owned(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let claims = case.claims(none, |seen| change(&mut seen.deliveries[0]));
            assert_eq!(claims, BTreeSet::from([(ClaimId::Hks1, OUTCOME)]), "{number}");
        }
        // Whose signature it is stands in the words.
        let call = case.call(none);
        let mut seen = case.ideal(&call);
        changes[1](&mut seen.deliveries[0]);
        let (judgement, served) = case.judge(&call, &seen);
        assert!(judgement.findings.iter().any(|finding| finding.what.contains(&sibling.id)), "{judgement:?}");
        assert!(!served);
    }

    #[test]
    fn a_secret_that_goes_on_is_found_be_it_the_first_or_a_replaced_one() {
        let mut case = Case::new();
        for times in 0..3 {
            let index = case.world.edge.connection_index(case.hook);
            case.state.edge.connections[index].webhook_secret = times;
            let secret = expect(&case.world, &case.state, &case.call(none)).presented.unwrap();
            let claims = case.claims(none, |seen| seen.deliveries[0].raw.extend_from_slice(secret.as_bytes()));
            assert!(claims.contains(&(ClaimId::Hks1, OUTCOME)), "{times}: {claims:?}");
            assert_eq!(claims.contains(&(ClaimId::Hks1, Oracle::Canary)), times == 0, "{times}: {claims:?}");
            let wrong = |call: &mut HookCall| call.secret = SecretRef::Wrong;
            let claims = case.claims(wrong, |seen| seen.answer.body = secret.clone().into_bytes());
            assert!(claims.contains(&(ClaimId::Hks1, OUTCOME)), "{times}: {claims:?}");
        }
    }

    #[test]
    fn the_sender_gets_the_status_and_nothing_else() {
        let case = Case::new();
        let page = case.world.deployments[2].page_canary.text.clone();
        let outcome = BTreeSet::from([(ClaimId::Hks1, OUTCOME)]);
        let more = [
            field("set-cookie", "vendoAuth=planted"),
            field("location", "https://elsewhere.example/"),
            field("cache-control", "public"),
            field("x-app-mark", "y"),
        ];
        for header in more {
            let claims = case.claims(none, |seen| seen.answer.headers.push(header.clone()));
            assert_eq!(claims, outcome, "{header:?}");
        }
        let claims = case.claims(none, |seen| seen.answer.body = page.clone().into_bytes());
        assert_eq!(claims, BTreeSet::from([(ClaimId::Hks1, OUTCOME), (ClaimId::Hks1, Oracle::Canary)]));
        // A redirect that was followed shows as another status than the container's.
        let redirected = |call: &mut HookCall| call.container = HookReply::RedirectStray;
        assert_eq!(case.claims(redirected, |seen| seen.answer.status = 200), outcome);
    }

    #[test]
    fn a_status_that_tells_that_a_connection_is_there_is_found() {
        let case = Case::new();
        let hks2 = BTreeSet::from([(ClaimId::Hks2, OUTCOME)]);
        for status in [401, 403, 404, 405, 413, 503] {
            let wrong = |call: &mut HookCall| call.secret = SecretRef::Wrong;
            assert_eq!(case.claims(wrong, |seen| seen.answer.status = status), hks2, "{status}");
            let unknown = |call: &mut HookCall| call.path = HookPath::Unknown;
            assert_eq!(case.claims(unknown, |seen| seen.answer.status = status), hks2, "{status}");
        }
        let external = case.world.connection(case.hook).external_id.clone();
        let wrong = |call: &mut HookCall| call.secret = SecretRef::Wrong;
        let claims = case.claims(wrong, |seen| seen.answer.body = external.clone().into_bytes());
        assert_eq!(claims, BTreeSet::from([(ClaimId::Hks2, Oracle::HiddenEqualsAbsent)]));
    }

    #[test]
    fn an_event_that_is_lost_is_a_shortfall_and_no_finding() {
        let case = Case::new();
        let call = case.call(none);
        let mut seen = case.ideal(&call);
        seen.deliveries.clear();
        seen.answer.status = 502;
        let (judgement, served) = case.judge(&call, &seen);
        assert!(judgement.findings.is_empty() && judgement.shortfalls.len() == 2 && !served, "{judgement:?}");
        // Yet an answer of a container's that received nothing can't be its own.
        seen.answer.status = 200;
        assert!(!case.judge(&call, &seen).0.findings.is_empty());
    }

    #[test]
    fn the_two_requests_of_each_comparison_hide_alike() {
        let mut compared = 0;
        for seed in 0..40 {
            let case = Case::new();
            for id in [
                "HKS-2.unknown-against-wrong",
                "HKS-2.unknown-against-missing",
                "HKS-2.malformed-id",
                "HKS-2.other-methods",
                "HKS-2.body-read",
            ] {
                let Some(tried) = realise(id, &case.world, &mut Seeded::case(seed, 1)) else { continue };
                let calls: Vec<&HookCall> = tried.actions.iter().rev().take(2).filter_map(hook_of).collect();
                let [second, first] = calls.as_slice() else { panic!("{id}: {:?}", tried.actions) };
                let classes = [first, second].map(|call| {
                    let expected = expect(&case.world, &case.state, call);
                    assert!(expected.reason.hides(), "{id}: {call:?}");
                    let answer = Exchange::Answer(case.ideal(call).answer);
                    alike(call, &expected, &answer)
                        .into_iter()
                        .map(|own| (own.class, own.bytes, own.claim))
                        .collect::<Vec<_>>()
                });
                assert_eq!(classes[0].len(), 2, "{id}");
                assert_eq!(classes[0], classes[1], "{id}");
                compared += 1;
            }
        }
        assert!(compared > 150, "{compared}");
    }

    fn hook_of(action: &Action) -> Option<&HookCall> {
        match action {
            Action::Edge(call) => match call.as_ref() {
                EdgeCall::Hook(call) => Some(call),
                EdgeCall::Provider(_) | EdgeCall::Vend(_) => None,
            },
            _ => None,
        }
    }

    #[test]
    fn answers_that_must_be_alike_are_of_one_class() {
        let case = Case::new();
        let alike_of = |change: &dyn Fn(&mut HookCall), seen_change: &dyn Fn(&mut observation::Answer)| {
            let call = case.call(change);
            let mut answer = case.ideal(&call).answer;
            seen_change(&mut answer);
            alike(&call, &expect(&case.world, &case.state, &call), &Exchange::Answer(answer))
        };
        let unknown = alike_of(&|call| call.path = HookPath::Unknown, &|_| {});
        assert_eq!(unknown.len(), 2);
        let wrong = alike_of(&|call| call.secret = SecretRef::Wrong, &|_| {});
        let classes = |all: &[Alike]| all.iter().map(|own| own.class.clone()).collect::<Vec<_>>();
        assert_eq!(classes(&unknown), classes(&wrong));
        assert!(unknown.iter().zip(&wrong).all(|(a, b)| a.bytes == b.bytes && a.claim == ClaimId::Hks2));
        let told = alike_of(&|call| call.secret = SecretRef::Wrong, &|answer| answer.body.push(b' '));
        assert!(unknown.iter().zip(&told).all(|(a, b)| a.class == b.class && a.bytes != b.bytes));
        let closed = |answer: &mut observation::Answer| answer.headers.push(field("connection", "close"));
        let told = alike_of(&|call| call.secret = SecretRef::Wrong, &closed);
        assert!(unknown[0].bytes == told[0].bytes && unknown[1].bytes != told[1].bytes);
        assert!(alike_of(&|_| {}, &|_| {}).is_empty(), "a container's answer is its own");
        assert!(alike_of(&|call| call.secret = SecretRef::Wrong, &|answer| answer.status = 404).is_empty());
    }
}
