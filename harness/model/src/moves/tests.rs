//! Every move is realised in many worlds; each try is what its guard waits for, judged by the oracle's expectations.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use serde::Serialize;
use serde_json::Value;

use crate::action::cookie::{Alteration, Cookie, Writing};
use crate::action::framing::Defect;
use crate::action::header::{EdgeField, ForwardingField, HintField, HopField, NameSpelling, VendoField};
use crate::action::host::{HostLayout, HostOf, HostSpec, IpForm, PlatformHost, Sni, Spelling};
use crate::action::path::{Code, Next, OddPath, Path, ReservedSpelling};
use crate::action::reply::{DomainAttribute, ReplyKind, SetCookieName};
use crate::action::{Control, Identifier, KvKind, Method, Status, Transport};
use crate::choose::{FromBytes, Seeded};
use crate::claim::{Claim, Guard, Milestone, Move, register};
use crate::generate;
use crate::observation::Observation;
use crate::oracle::alternatives::alternatives;
use crate::oracle::canaries::requests;
use crate::oracle::expect::{Answer, Expected, Reason};
use crate::state::{State, presented_code};
use crate::world::Profile;

const WORLDS: u64 = 20;

/// Moves that leave nothing open but what their one action says.
const WITHOUT_FREEDOM: [&str; 3] = ["KV-1.key-hash-not-hex", "KV-1.label-with-dot", "KV-1.dotless-custom-domain"];

fn light_moves() -> impl Iterator<Item = (&'static Claim, &'static Move)> {
    register()
        .filter(|claim| claim.held_from == Milestone::Light)
        .flat_map(|claim| claim.moves.iter().map(move |attempt| (claim, attempt)))
}

fn world(seed: u64) -> World {
    World::generate(&mut Seeded::new(seed), Profile::default())
}

fn tried(id: &str, world: &World, seed: u64) -> Realisation {
    realise(id, world, &mut Seeded::case(seed, 1)).unwrap_or_else(|| panic!("{id} has no realisation"))
}

#[test]
fn every_move_of_every_light_claim_is_realised_and_canonical() {
    for seed in 0..WORLDS {
        let world = world(seed);
        for (_, attempt) in light_moves() {
            let id = attempt.id;
            let realisation = tried(id, &world, seed);
            assert_eq!(realisation.attack + 1, realisation.actions.len(), "{id}");
            for action in &realisation.actions {
                for request in requests(action) {
                    assert_eq!(&request.clone().canonical(), request, "{id}");
                    assert!(request.reply.headers.is_empty() || request.reply.kind.has_headers(), "{id}");
                    assert!(!request.reuse || request.transport.is_tls() || request.sni == Sni::Same, "{id}");
                }
                match action {
                    Action::Race { first, second } => {
                        assert_eq!(&generate::race(first.clone(), second.clone()), action, "{id}");
                    }
                    Action::Malformed { request, defect, follow_up } => {
                        let fitted = generate::malformed(request.clone(), *defect, follow_up.clone());
                        assert_eq!(&fitted, action, "{id}");
                        assert_eq!(request.transport, follow_up.transport, "{id}");
                    }
                    Action::Request(_) | Action::Control(_) | Action::Advance { .. } | Action::KvKey { .. } => {}
                    Action::Edge(_)
                    | Action::Together(_)
                    | Action::During { .. }
                    | Action::EdgeControl(_)
                    | Action::Vault(_) => panic!("{id} is no move at the edge"),
                }
            }
        }
    }
}

#[test]
fn what_is_no_move_of_a_claim_that_is_due_is_not_realised() {
    let world = world(1);
    let later = register()
        .filter(|claim| !claim.is_due(Milestone::Edge))
        .flat_map(|claim| claim.moves)
        .map(|attempt| attempt.id);
    let unknown = [
        "",
        "APX-1",
        "APX-1.",
        "APX-1.foreign",
        "APX-2.foreign-cookie",
        "APX-4.forward",
        "APX-7.x",
        "apx-1.foreign-cookie",
    ];
    for id in later.chain(unknown) {
        assert_eq!(realise(id, &world, &mut Seeded::new(1)), None, "{id}");
    }
}

#[test]
fn spent_choices_and_the_smallest_world_realise_or_decline() {
    let small = Profile { tenants_min: 2, tenants_max: 2, deployments: 1 };
    let small = World::generate(&mut Seeded::new(1), small);
    let mut declined = BTreeSet::new();
    for (_, attempt) in light_moves() {
        let realised = realise(attempt.id, &small, &mut FromBytes::new(&[]));
        if realised.is_none() {
            declined.insert(attempt.id);
        }
        assert!(realise(attempt.id, &world(1), &mut FromBytes::new(&[])).is_some(), "{}", attempt.id);
    }
    // A second deployment of one tenant, names that only some member has.
    assert!(declined.contains("APX-4.code-other-deployment"));
    assert!(declined.len() <= 8, "{declined:?}");
}

#[test]
fn twenty_tries_of_a_move_differ_where_the_move_leaves_them_free() {
    let world = world(3);
    for (_, attempt) in light_moves() {
        let different: BTreeSet<String> =
            (0..20).map(|seed| format!("{:?}", tried(attempt.id, &world, seed))).collect();
        if WITHOUT_FREEDOM.contains(&attempt.id) {
            assert_eq!(different.len(), 1, "{} is freer than the table says", attempt.id);
        } else {
            assert!(different.len() > 1, "all tries of {} are equal", attempt.id);
        }
        if attempt.id.starts_with("APX") {
            assert!(different.len() >= 15, "{} tries of {} differ", different.len(), attempt.id);
        }
    }
}

/// The ways in which the attack may go, after everything that prepares it.
fn expectations(world: &World, realisation: &Realisation, id: &str) -> Vec<Vec<Expected>> {
    let mut state = State::new(world);
    let mut servers: BTreeMap<Transport, Option<String>> = BTreeMap::new();
    let mut last = Vec::new();
    for (index, action) in realisation.actions.iter().enumerate() {
        assert!(state.allows(world, action), "{id}: {action:?} says nothing definite");
        let reused = requests(action)
            .first()
            .filter(|request| request.reuse)
            .and_then(|request| servers.get(&request.transport));
        let ways = alternatives(world, &state, action, reused);
        if let Action::Request(request) = action
            && !request.reuse
        {
            let sni = crate::render::wire(world, &state, request).sni;
            servers.insert(request.transport, sni);
        }
        for expected in ways.iter().flat_map(|way| &way.requests) {
            if let Some(code) = &expected.spends {
                state.spend(code);
            }
        }
        let observation = Observation { code: Some(format!("code-{index}")), ..Observation::default() };
        state.apply(world, action, &observation);
        last = ways.into_iter().map(|way| way.requests).collect();
    }
    last
}

/// Whether a request that is decided for this reason has passed the guard.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other marks belong to later claims")]
fn is_past(guard: Guard, attack: &Action, expected: &Expected) -> bool {
    let reason = expected.reason;
    let upgrade = requests(attack).last().is_some_and(|request| request.upgrade);
    match guard {
        Guard::Framing => {
            let breaks = matches!(expected.answer, Answer::BodyBroken(_));
            let star = requests(attack).iter().any(|request| request.path == Path::Asterisk);
            matches!(reason, Reason::Framing | Reason::Method) || breaks || star
        }
        Guard::HostSyntax => reason == Reason::HostSyntax,
        Guard::HostAgreement => reason == Reason::HostAgreement || reason > Reason::Sni,
        Guard::Sni => reason == Reason::Sni,
        // Some are looked up all the same, since they read like a legacy host.
        Guard::HostClass => matches!(reason, Reason::UnknownHost | Reason::OtherWorker),
        Guard::RouteLookup => expected.kv_key.is_some(),
        Guard::CookieParse | Guard::CookieVerify => {
            matches!(reason, Reason::InvalidSession | Reason::NoSession)
        }
        Guard::TenantMatch => expected.session.is_some(),
        Guard::Status => reason == Reason::NotServing,
        Guard::ReservedPath => reason == Reason::ReservedPath,
        Guard::SignIn => reason == Reason::NoSession,
        Guard::CodeRedeem => matches!(reason, Reason::CodeRefused | Reason::CodeRedeemed),
        Guard::RequestStrip | Guard::ResponseFilter => matches!(reason, Reason::Member | Reason::Public),
        Guard::IdentityInject => reason == Reason::Member,
        Guard::Upgrade => upgrade && expected.delivery.is_some(),
        Guard::KvGet => expected.kv_key.is_some(),
        Guard::KvKey => false,
        _ => panic!("{guard} is no mark of the light claims"),
    }
}

#[test]
fn every_attack_reaches_its_guard() {
    for seed in 0..WORLDS {
        let world = world(seed);
        for (_, attempt) in light_moves() {
            let realisation = tried(attempt.id, &world, seed);
            let attack = &realisation.actions[realisation.attack];
            if let Action::KvKey { .. } = attack {
                assert_eq!(attempt.guard, Guard::KvKey, "{}", attempt.id);
                continue;
            }
            let ways = expectations(&world, &realisation, attempt.id);
            // A proxy may refuse what it may also read in one way: then the refusal is the guard.
            let reached =
                ways.iter().any(|requests| requests.iter().any(|expected| is_past(attempt.guard, attack, expected)));
            assert!(reached, "{} with {attack:?} leads to {ways:?}", attempt.id);
        }
    }
}

#[test]
fn attacks_are_refused_for_the_reason_that_their_move_is_about() {
    for seed in 0..WORLDS {
        let world = world(seed);
        for (_, attempt) in light_moves() {
            let id = attempt.id;
            let expected: &[Reason] = match id {
                "APX-1.foreign-then-own" => &[Reason::Member, Reason::Public],
                "APX-1.own-suspended" | "APX-1.own-suspended-upgrade" | "APX-1.own-destroyed" => &[Reason::NotServing],
                _ if id.starts_with("APX-1.anonymous") => &[Reason::NoSession],
                "APX-2.token-in-authorization" | "APX-2.token-in-query" => &[Reason::NoSession],
                "APX-4.code-foreign-cookie" | "KV-2.foreign-cookie" => &[Reason::ForeignSession],
                _ if id.starts_with("APX-1.") => &[Reason::ForeignSession],
                _ if id.starts_with("APX-2.") => &[Reason::InvalidSession],
                _ if id.starts_with("APX-4.next-") => &[Reason::CodeRedeemed],
                "APX-4.code-concurrent" => continue,
                _ if id.starts_with("APX-4.code-") && attempt.guard == Guard::CodeRedeem => &[Reason::CodeRefused],
                _ => continue,
            };
            let ways = expectations(&world, &tried(id, &world, seed), id);
            for requests in ways {
                let last = requests.last().unwrap();
                assert!(expected.contains(&last.reason), "{id}: {last:?}");
            }
        }
    }
}

#[test]
fn a_code_is_presented_only_after_it_was_given_out() {
    for seed in 0..WORLDS {
        let world = world(seed);
        for (_, attempt) in light_moves() {
            let mut minted = 0;
            for action in &tried(attempt.id, &world, seed).actions {
                if matches!(action, Action::Control(Control::SignInCode { .. })) {
                    minted += 1;
                }
                for request in requests(action) {
                    if let Some(
                        Code::Issued(n) | Code::Altered(n) | Code::OtherCase(n) | Code::Cut(n) | Code::Extended(n),
                    ) = presented_code(request)
                    {
                        assert!(n < minted, "{}", attempt.id);
                    }
                }
            }
        }
    }
}

/// What of the vocabulary occurs, as `field=variant`, read from the serialised form.
#[derive(Default)]
struct Used(BTreeSet<String>);

impl Used {
    fn note(&mut self, field: &str, variant: &str) {
        self.0.insert(format!("{field}={variant}"));
    }

    fn walk(&mut self, field: &str, value: &Value) {
        match value {
            Value::String(variant) => self.note(field, variant),
            Value::Array(items) => items.iter().for_each(|item| self.walk(field, item)),
            Value::Object(members) => {
                for (name, value) in members {
                    self.note(field, name);
                    self.walk(name, value);
                }
                let text = |name: &str| members.get(name).and_then(Value::as_str);
                match (text("field"), text("spelling"), text("kind"), text("identifier")) {
                    // Headers of a request say something, those of an answer only are there.
                    (Some(of), Some(spelling), ..) if members.contains_key("value") => {
                        self.note("spoofed", &format!("{of}/{spelling}"));
                    }
                    (Some(of), Some(spelling), ..) => self.note("answered", &format!("{of}/{spelling}")),
                    (None, Some(spelling), ..) => self.note("host-spelling", spelling),
                    (.., Some(kind), Some(identifier)) => self.note("key", &format!("{kind}/{identifier}")),
                    _ => {}
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// The name of a variant without what it holds.
fn name(value: impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap();
    let tagged = value.as_object().and_then(|members| members.keys().next());
    tagged.map(String::as_str).or(value.as_str()).unwrap().to_owned()
}

fn names<T: Serialize>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    values.into_iter().map(name).collect()
}

fn pairs<A: Serialize + Copy, B: Serialize + Copy>(first: &[A], second: &[B]) -> Vec<String> {
    let of = |a: A| second.iter().map(move |b| format!("{}/{}", name(a), name(*b)));
    first.iter().flat_map(|a| of(*a)).collect()
}

#[test]
fn nothing_in_the_vocabulary_is_dead() {
    let mut used = Used::default();
    for seed in 0..3 * WORLDS {
        let world = world(seed);
        for (_, attempt) in light_moves() {
            for action in tried(attempt.id, &world, seed).actions {
                used.walk("action", &serde_json::to_value(action).unwrap());
            }
        }
    }
    let other = HostSpec::of(0);
    // Hosts that come into being by a rename or a claim belong to later claims.
    let hosts = [
        HostOf::Single(0),
        HostOf::Legacy(0),
        HostOf::Custom(0),
        HostOf::Unknown,
        HostOf::UnknownDomain,
        HostOf::BareLabel(0),
        HostOf::Deeper(0),
        HostOf::DeeperLegacy(0),
        HostOf::BadSlug,
        HostOf::SwappedLegacy(0),
        HostOf::WithSuffix(0),
        HostOf::WithGlue(0),
        HostOf::WithPrefix(0),
        HostOf::UnderCustom(0),
        HostOf::WholeKey(0),
        HostOf::Wildcard,
        HostOf::CommaList(0, 0),
        HostOf::LongLabel,
        HostOf::LongName,
    ];
    // HTTP/1.0 with one `Host` is no attack.
    let layouts = [
        HostLayout::Host,
        HostLayout::Absolute,
        HostLayout::AbsoluteOther(other),
        HostLayout::AbsoluteUserInfo,
        HostLayout::AbsoluteScheme,
        HostLayout::AbsoluteAlone,
        HostLayout::Twice,
        HostLayout::ThenOther(other),
        HostLayout::Missing,
        HostLayout::Empty,
        HostLayout::Version10Missing,
        HostLayout::Version10Twice,
        HostLayout::AuthorityUserInfo,
        HostLayout::AuthorityAndHost,
        HostLayout::AuthorityAndOther(other),
    ];
    let hints = [HintField::Host, HintField::OriginalHost, HintField::OriginalUrl, HintField::RewriteUrl];
    let odd_paths = [OddPath::DoubleSlash, OddPath::Backslash, OddPath::At, OddPath::Query, OddPath::EncodedCrLf];
    // Ids may hold dots, and only a host and a label can take each other's form.
    let any_kind: Vec<Identifier> = Identifier::ALL
        .into_iter()
        .filter(|identifier| !matches!(identifier, Identifier::OtherForm | Identifier::DotSegments))
        .collect();
    let deploy = [KvKind::DeployLabel, KvKind::DeployHost];
    let wanted: [(&str, Vec<String>); 31] = [
        ("alteration", names(Alteration::ALL)),
        ("writing", names(Writing::ALL)),
        ("cookies", names([Cookie::App(0), Cookie::Dashboard, Cookie::BareName, Cookie::Many])),
        ("defect", names(Defect::ALL)),
        ("host-spelling", names(Spelling::VALID)),
        ("host-spelling", names(Spelling::INVALID)),
        ("of", names(hosts)),
        ("platform", names(PlatformHost::ALL)),
        ("ip", names(IpForm::ALL)),
        ("layout", names(layouts)),
        ("sni", names([Sni::Same, Sni::Missing, Sni::Of(0)])),
        ("reserved", names(ReservedSpelling::ALL)),
        ("odd", names(odd_paths)),
        ("next", names(Next::ALL)),
        (
            "code",
            names([
                Code::Issued(0),
                Code::Altered(0),
                Code::OtherCase(0),
                Code::Cut(0),
                Code::Extended(0),
                Code::Guessed,
                Code::Missing,
                Code::Empty,
            ]),
        ),
        ("path", names([Path::Root, Path::Shared(0), Path::NamesTenantOf(0), Path::SessionInQuery(0), Path::Asterisk])),
        ("spoofed", pairs(&VendoField::ALL, &NameSpelling::ALL)),
        ("field", names(EdgeField::ALL)),
        ("field", names(ForwardingField::ALL)),
        ("field", names(hints)),
        ("hop", names(HopField::ALL)),
        ("answered", pairs(&VendoField::ALL, &NameSpelling::ALL)),
        ("name", names(SetCookieName::ALL)),
        ("domain", names(DomainAttribute::FIXED)),
        ("domain", names([DomainAttribute::Sibling(0)])),
        ("kind", names(ReplyKind::ALL)),
        // That a deployment runs is how worlds begin, and how one comes back.
        ("status", names(Status::ALL)),
        ("transport", names(Transport::ALL)),
        ("method", names(Method::ORDINARY)),
        ("key", pairs(&KvKind::ALL, &any_kind)),
        ("key", pairs(&deploy, &[Identifier::OtherForm, Identifier::DotSegments])),
    ];
    let missing: Vec<String> = wanted
        .iter()
        .flat_map(|(field, names)| names.iter().map(move |name| format!("{field}={name}")))
        .filter(|wanted| !used.0.contains(wanted))
        .collect();
    assert!(missing.is_empty(), "no move uses {missing:?}");
}
