//! A target that does all as it must is clean, and each thing that it does otherwise is found.

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
    let Action::Edge(call) = action else { return None };
    if let EdgeCall::Hook(call) = call.as_ref() { Some(call) } else { None }
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
