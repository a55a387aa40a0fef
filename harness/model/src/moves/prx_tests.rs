//! Every move at the provider proxies is realised in many worlds, can be carried as it stands, comes as far as its guard,
//! and is the attack it is called.

#![expect(clippy::wildcard_enum_match_arm, reason = "the other variants are none of what is asked about")]

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::edge_draft::{Service, Way, named, ways};
use super::*;
use crate::action::edge::control::ConnectionStatus;
use crate::action::edge::header::{
    ConnectionSpelling, CredentialField, EdgeNominee, EnvelopeField, NamedConnection, TenantField,
};
use crate::action::edge::key::{BadBearer, CookieField, KeyCarrier, KeyHeader, KeyRef, QueryField, SchemeSpelling};
use crate::action::edge::provider::{
    ClientEnd, ComposioAction, EchoForm, ErrorStatus, JobRef, Lie, ModelName, NearAdapter, PathModel, PathSpelling,
    QueryCredential, QueryPair, RedirectTo, Route, SpellingMeans, UpstreamHeader, UpstreamKind, Usage,
};
use crate::action::edge::{EdgeCall, EdgeControl, EdgeHeader, HostLine, ProviderCall};
use crate::action::header::{HopField, NameSpelling};
use crate::action::{Method, Transport};
use crate::choose::{FromBytes, Seeded};
use crate::claim::{Guard, Move, register};
use crate::world::Profile;
use crate::world::edge::{Grant, Provider};

const WORLDS: u64 = 40;

fn moves() -> impl Iterator<Item = &'static Move> {
    register().filter(|claim| claim.id.as_str().starts_with("PRX-")).flat_map(|claim| claim.moves)
}

fn world(seed: u64) -> World {
    World::generate(&mut Seeded::new(seed), Profile::default())
}

fn tried(id: &str, world: &World, seed: u64) -> Realisation {
    realise(id, world, &mut Seeded::case(seed, 3)).unwrap_or_else(|| panic!("{id} has no realisation"))
}

/// The calls of an action; every call of these moves goes to a provider proxy.
fn calls(action: &Action) -> Vec<&ProviderCall> {
    let all: Vec<&EdgeCall> = match action {
        Action::Edge(call) | Action::During { call, .. } => vec![call],
        Action::Together(calls) => calls.iter().collect(),
        Action::Advance { .. } | Action::EdgeControl(_) => Vec::new(),
        other => panic!("{other:?} is nothing that happens here"),
    };
    fn of(call: &EdgeCall) -> &ProviderCall {
        match call {
            EdgeCall::Provider(call) => call,
            other => panic!("{other:?} goes elsewhere"),
        }
    }
    all.into_iter().map(of).collect()
}

/// Tries of one move in many worlds: what prepares the attack, and the attack.
fn each(id: &str, mut check: impl FnMut(&World, &[Action], &Action)) {
    for seed in 0..WORLDS {
        let world = world(seed);
        let actions = tried(id, &world, seed).actions;
        let (attack, before) = actions.split_last().unwrap();
        check(&world, before, attack);
    }
}

/// The last call of an attack of one call.
fn sole(attack: &Action) -> &ProviderCall {
    let [call] = calls(attack)[..] else { panic!("{attack:?} is more than one call") };
    call
}

/// The tenant of the key that a call presents.
fn holder(world: &World, call: &ProviderCall) -> Option<usize> {
    match call.presented.key {
        KeyRef::Key(key) => Some(world.key(key).tenant),
        _ => None,
    }
}

fn is_good(call: &ProviderCall) -> bool {
    let written = match call.presented.how {
        KeyCarrier::Authorization | KeyCarrier::ApiKey | KeyCarrier::BothSame => true,
        KeyCarrier::Scheme(scheme) => scheme.is_good(),
        _ => false,
    };
    written && matches!(call.presented.key, KeyRef::Key(_))
}

#[test]
fn every_move_is_realised_and_can_be_carried() {
    for seed in 0..WORLDS {
        let world = world(seed);
        for attempt in moves() {
            let id = attempt.id;
            let realisation = tried(id, &world, seed);
            assert_eq!(realisation.attack + 1, realisation.actions.len(), "{id}");
            assert!(!calls(realisation.actions.last().unwrap()).is_empty(), "{id} ends without a call");
            for action in &realisation.actions {
                for call in calls(action) {
                    assert_eq!(&call.clone().canonical(), call, "{id}");
                }
                match action {
                    Action::Together(calls) => {
                        assert!((2..=4).contains(&calls.len()), "{id}");
                        assert_eq!(&Action::together(calls.clone()), action, "{id}");
                    }
                    Action::During { call, control } => {
                        assert_eq!(&Action::during((**call).clone(), *control), action, "{id}");
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn twenty_tries_of_a_move_differ() {
    for attempt in moves() {
        let world = world(3);
        let different: BTreeSet<String> =
            (0..20).map(|seed| format!("{:?}", tried(attempt.id, &world, seed))).collect();
        assert!(different.len() >= 18, "{} tries of {} differ", different.len(), attempt.id);
    }
}

#[test]
fn spent_choices_and_the_smallest_world_realise() {
    let small = Profile { tenants_min: 2, tenants_max: 2, deployments: 1 };
    let small = World::generate(&mut Seeded::new(1), small);
    for attempt in moves() {
        for world in [&small, &world(1)] {
            assert!(realise(attempt.id, world, &mut FromBytes::new(&[])).is_some(), "{}", attempt.id);
        }
        for seed in 0..WORLDS {
            tried(attempt.id, &small, seed);
        }
    }
}

/// How far a call comes, in the order in which the proxies look at one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Parser,
    PathGuard,
    Adapter,
    /// And no further: whoever has no good key.
    Key,
    /// The key is good; its scope, then its bindings are looked at.
    Chain,
    /// A connection is found and compared.
    Connection,
    /// The connection is of use; the route is classed.
    Class,
    /// The route is metered, and its body good: money is looked at.
    Money,
    /// It is sent.
    Sent,
}

/// What of the edge a case has changed.
struct Now {
    balances: Vec<u64>,
    unbound: BTreeSet<(u8, u8)>,
    bad: BTreeSet<u8>,
    stale: BTreeSet<u8>,
}

impl Now {
    fn new(world: &World) -> Self {
        let balances = world.edge.wallets.clone();
        Self { balances, unbound: BTreeSet::new(), bad: BTreeSet::new(), stale: BTreeSet::new() }
    }

    fn apply(&mut self, world: &World, action: &Action) {
        match action {
            Action::Advance { .. } => self.bad.append(&mut self.stale),
            Action::EdgeControl(control) | Action::During { control, .. } => self.operate(world, *control),
            _ => {}
        }
        for call in calls(action) {
            let tenant = holder(world, call);
            // A call that takes all there is.
            if let (Some(tenant), Usage::Lies(Lie::Largest)) = (tenant, call.upstream.usage) {
                self.balances[tenant] = 0;
            }
        }
    }

    fn operate(&mut self, world: &World, control: EdgeControl) {
        match control {
            EdgeControl::TopUp { tenant, cents } => self.balances[usize::from(tenant)] += u64::from(cents) * 10_000,
            EdgeControl::SetConnection { connection, status: ConnectionStatus::Active } => {
                self.bad.remove(&connection);
            }
            EdgeControl::SetConnection { connection, .. } => {
                self.bad.insert(connection);
            }
            EdgeControl::StaleConnection { connection, .. } => {
                self.stale.insert(connection);
            }
            EdgeControl::RevokeConnection { connection, .. } => {
                self.bad.insert(connection);
                for app in 0..named(world.edge.apps.len()) {
                    self.unbound.insert((app, connection));
                }
            }
            EdgeControl::Unbind { app, connection, .. } => {
                self.unbound.insert((app, connection));
            }
            EdgeControl::DropKeyRecord { .. } | EdgeControl::ReplaceCredential { .. } => {}
            other => panic!("{other:?} is nothing that happens here"),
        }
    }

    /// The connection that a call with a good key leads to.
    fn connection(&self, world: &World, call: &ProviderCall, key: u8) -> Option<u8> {
        let adapter = call.adapter.meant()?;
        let provider = match call.ask.route {
            Route::Execute(ComposioAction::Of(toolkit)) if adapter == Provider::Composio => toolkit,
            _ if adapter == Provider::Composio => return None,
            _ => adapter,
        };
        let is = |connection: &u8| world.connection(*connection).provider == provider;
        let open: Vec<u8> = match world.key(key).grant {
            Grant::Connection(own) => vec![named(own)].into_iter().filter(is).collect(),
            Grant::App(app) => {
                let app = named(app);
                let bound = |connection: &u8| !self.unbound.contains(&(app, *connection));
                world.bound_to(app).into_iter().filter(is).filter(bound).collect()
            }
        };
        let mut names = call.carrier.headers.iter().filter_map(|header| match header {
            EdgeHeader::Connection { spelling: ConnectionSpelling::Underscore, .. } => None,
            EdgeHeader::Connection { which, spelling } => Some((*which, *spelling)),
            _ => None,
        });
        match names.next() {
            None => open.first().copied(),
            Some((NamedConnection::Of(own), ConnectionSpelling::Plain | ConnectionSpelling::Upper)) => {
                open.into_iter().find(|other| *other == own)
            }
            Some(_) => None,
        }
    }

    fn stage(&self, world: &World, call: &ProviderCall) -> Stage {
        let folded =
            |header: &EdgeHeader| matches!(header, EdgeHeader::Connection { spelling: ConnectionSpelling::Folded, .. });
        if call.carrier.headers.iter().any(folded)
            || matches!(call.carrier.host, HostLine::Twice | HostLine::Missing | HostLine::AbsoluteOther(_))
            || matches!(
                call.ask.spelling,
                PathSpelling::RawCrLf | PathSpelling::RawHigh | PathSpelling::AbsoluteForm | PathSpelling::Asterisk
            )
        {
            return Stage::Parser;
        }
        if call.carrier.host == HostLine::Absolute || call.ask.spelling.means() == SpellingMeans::Guarded {
            return Stage::PathGuard;
        }
        let Some(adapter) = call.adapter.meant() else { return Stage::Adapter };
        let KeyRef::Key(key) = call.presented.key else { return Stage::Key };
        if !is_good(call) {
            return Stage::Key;
        }
        let Some(connection) = self.connection(world, call, key) else {
            // Composio's body is read before the bindings are looked at, and its route is classed first of all.
            return if adapter == Provider::Composio { Stage::Class } else { Stage::Chain };
        };
        let own = world.connection(connection);
        assert_eq!(own.tenant, world.key(key).tenant);
        if self.bad.contains(&connection) {
            return Stage::Connection;
        }
        let is_way = |way: &Way| way.key == key && way.connection == connection;
        let usable = ways(world, own.tenant, Service::Proxy).iter().any(is_way);
        if !usable {
            return Stage::Connection;
        }
        let plain = call.ask.spelling == PathSpelling::Plain && call.ask.method.is_none();
        let known = match call.ask.route {
            Route::Transcript(JobRef::Of { tenant, .. }) | Route::Prediction(JobRef::Of { tenant, .. }) => {
                usize::from(tenant) == own.tenant
            }
            Route::Transcript(_) | Route::Prediction(_) => false,
            route => Route::of(adapter).iter().any(|own| std::mem::discriminant(own) == std::mem::discriminant(&route)),
        };
        if !plain || !known {
            return Stage::Class;
        }
        let free = matches!(
            call.ask.route,
            Route::Models | Route::Model(_) | Route::CountTokens | Route::SendMessage | Route::GetMe
        );
        if free {
            return Stage::Sent;
        }
        let listed =
            matches!(call.payload.model, ModelName::Listed(_) | ModelName::Escaped(_)) && call.payload.shape.is_good();
        if !listed {
            return Stage::Class;
        }
        if self.balances[own.tenant] < adapter.hold_micros() { Stage::Money } else { Stage::Sent }
    }
}

/// Where a call has come to when the guard has been reached.
fn wanted(guard: Guard) -> Stage {
    match guard {
        Guard::PathGuard => Stage::PathGuard,
        Guard::Adapter => Stage::Adapter,
        Guard::KeyLookup => Stage::Key,
        Guard::Scope | Guard::BindingChain => Stage::Chain,
        Guard::ConnectionMatch => Stage::Connection,
        Guard::RouteClass => Stage::Class,
        Guard::Hold => Stage::Money,
        Guard::Settle | Guard::CredentialInject => Stage::Sent,
        other => panic!("{other} is no guard of the provider proxies"),
    }
}

#[test]
fn every_attack_reaches_its_guard() {
    for seed in 0..WORLDS {
        let world = world(seed);
        for attempt in moves() {
            let realisation = tried(attempt.id, &world, seed);
            let (attack, before) = realisation.actions.split_last().unwrap();
            let mut now = Now::new(&world);
            for action in before {
                now.apply(&world, action);
            }
            let stages: Vec<Stage> = calls(attack).into_iter().map(|call| now.stage(&world, call)).collect();
            let wanted = wanted(attempt.guard);
            assert!(stages.iter().any(|stage| *stage >= wanted), "{} with {attack:?} comes to {stages:?}", attempt.id);
            if matches!(attempt.guard, Guard::Hold | Guard::Settle) {
                let metered = |call: &ProviderCall| call.adapter.meant().is_some_and(|own| own.hold_micros() > 0);
                assert!(calls(attack).into_iter().any(metered), "{}", attempt.id);
            }
        }
    }
}

#[test]
fn who_is_to_be_refused_is_refused_for_what_the_move_is_about() {
    let exactly: [(&str, Stage); 25] = [
        ("PRX-1.no-bearer", Stage::Key),
        ("PRX-1.malformed-bearer", Stage::Key),
        ("PRX-1.unknown-bearer", Stage::Key),
        ("PRX-1.hash-as-bearer", Stage::Key),
        ("PRX-1.two-authorizations", Stage::Key),
        ("PRX-1.bearer-against-api-key", Stage::Key),
        ("PRX-1.bearer-in-query", Stage::Key),
        ("PRX-1.cookie", Stage::Key),
        ("PRX-1.reused-connection", Stage::Key),
        ("PRX-2.foreign-connection", Stage::Chain),
        ("PRX-3.warm-balance", Stage::Money),
        ("PRX-3.warm-refusal", Stage::Sent),
        ("PRX-3.warm-connection", Stage::Sent),
        ("PRX-3.warm-response", Stage::Sent),
        ("PRX-3.same-connection", Stage::Sent),
        ("PRX-4.connection-key-other-provider", Stage::Chain),
        ("PRX-4.connection-key-other-connection", Stage::Chain),
        ("PRX-4.connection-key-foreign", Stage::Chain),
        ("PRX-4.app-key-sibling-connection", Stage::Chain),
        ("PRX-4.app-key-foreign-connection", Stage::Chain),
        ("PRX-4.absent-against-foreign", Stage::Chain),
        ("PRX-4.needs-reauth", Stage::Connection),
        ("PRX-4.revoked", Stage::Connection),
        ("PRX-6.unknown-adapter", Stage::Adapter),
        ("PRX-6.blocked-route", Stage::Class),
    ];
    for (id, stage) in exactly {
        each(id, |world, before, attack| {
            let mut now = Now::new(world);
            for action in before {
                now.apply(world, action);
            }
            let call = sole(attack);
            let reached = now.stage(world, call);
            let composio = call.adapter.meant() == Some(Provider::Composio) && stage == Stage::Chain;
            assert!(reached == stage || (composio && reached == Stage::Class), "{id} comes to {reached:?}: {attack:?}");
        });
    }
}

/// The keys of the world whose whole text is in a call.
fn keys_in(call: &ProviderCall) -> Vec<u8> {
    let whole = |key: KeyRef| match key {
        KeyRef::Key(key) => Some(key),
        _ => None,
    };
    let second = match call.presented.how {
        KeyCarrier::BothDiffer(second)
        | KeyCarrier::TwoAuthorizations { second }
        | KeyCarrier::TwoApiKeys { second } => whole(second),
        _ => None,
    };
    let in_headers = call.carrier.headers.iter().filter_map(|header| match header {
        EdgeHeader::BearerElsewhere(key) | EdgeHeader::KeyBeside { key, .. } => Some(*key),
        _ => None,
    });
    let in_query = call.query.iter().filter_map(|pair| match pair {
        QueryPair::Bearer(key) | QueryPair::EncodedBearer(key) => Some(*key),
        _ => None,
    });
    whole(call.presented.key).into_iter().chain(second).chain(in_headers).chain(in_query).collect()
}

#[test]
fn nobody_holds_the_keys_of_two_tenants() {
    for seed in 0..WORLDS {
        let world = world(seed);
        for attempt in moves() {
            for action in &tried(attempt.id, &world, seed).actions {
                for call in calls(action) {
                    let tenants: BTreeSet<usize> = keys_in(call).into_iter().map(|key| world.key(key).tenant).collect();
                    assert!(tenants.len() <= 1, "{}: {call:?}", attempt.id);
                }
            }
        }
    }
}

fn named_connection(call: &ProviderCall) -> Option<NamedConnection> {
    call.carrier.headers.iter().find_map(|header| match header {
        EdgeHeader::Connection { which, .. } => Some(*which),
        _ => None,
    })
}

#[test]
fn what_is_named_is_another_tenants_or_another_of_the_own() {
    let foreign = ["PRX-2.foreign-connection", "PRX-4.connection-key-foreign", "PRX-4.app-key-foreign-connection"];
    let sibling = ["PRX-4.connection-key-other-connection", "PRX-4.app-key-sibling-connection"];
    for id in foreign.into_iter().chain(sibling) {
        let (mut plainly, mut alike) = (0, 0);
        each(id, |world, _, attack| {
            let call = sole(attack);
            let own = holder(world, call).unwrap();
            let NamedConnection::Of(theirs) = named_connection(call).unwrap() else { return };
            plainly += 1;
            let named = world.connection(theirs);
            alike += u32::from(Some(named.provider) == call.adapter.meant());
            assert_eq!(named.tenant == own, sibling.contains(&id), "{id}");
        });
        assert!(plainly >= 20 && alike >= 5, "{id}: {plainly} and {alike}");
    }
}

#[test]
fn another_tenant_is_named_wherever_the_move_says() {
    let headers = |call: &ProviderCall, world: &World| {
        let own = holder(world, call);
        call.carrier.headers.iter().any(|header| match header {
            EdgeHeader::TenantNamed { tenant, .. } => own.is_none_or(|own| usize::from(*tenant) != own),
            _ => false,
        })
    };
    let query = |call: &ProviderCall, world: &World| {
        let own = holder(world, call);
        call.query.iter().any(|pair| match pair {
            QueryPair::Tenant(tenant) => own.is_none_or(|own| usize::from(*tenant) != own),
            _ => false,
        })
    };
    let body = |call: &ProviderCall| call.payload.names_tenant.is_some();
    each("PRX-1.header-names-tenant", |world, _, attack| assert!(headers(sole(attack), world)));
    each("PRX-1.query-names-tenant", |world, _, attack| assert!(query(sole(attack), world)));
    each("PRX-1.body-names-tenant", |_, _, attack| {
        assert!(body(sole(attack)) && sole(attack).ask.method_sent() == Method::Post);
    });
    each("PRX-2.tenant-named", |world, _, attack| {
        let call = sole(attack);
        assert!(headers(call, world) && query(call, world) && body(call));
    });
}

#[test]
fn the_named_and_the_caller_are_rich_and_poor_by_turns() {
    for id in ["PRX-1.header-names-tenant", "PRX-2.tenant-named", "PRX-2.foreign-connection"] {
        let mut seen = BTreeSet::new();
        for seed in 0..4 * WORLDS {
            let world = world(seed);
            let realisation = tried(id, &world, seed);
            let (attack, before) = realisation.actions.split_last().unwrap();
            let Some(own) = holder(&world, sole(attack)) else { continue };
            let mut now = Now::new(&world);
            for action in before {
                now.apply(&world, action);
            }
            let rich = |tenant: usize| now.balances[tenant] >= 1_000_000;
            let others = (0..world.tenants.len()).filter(|tenant| *tenant != own).all(rich);
            seen.insert((rich(own), others));
        }
        assert!(seen.contains(&(true, false)) && seen.contains(&(false, true)), "{id}: {seen:?}");
    }
}

#[test]
fn two_tenants_ask_the_same() {
    for id in ["PRX-2.deduplicated", "PRX-3.warm-response", "PRX-3.same-connection", "PRX-3.warm-balance"] {
        let (mut same_body, mut one_connection) = (0, 0);
        each(id, |world, before, attack| {
            let call = sole(attack);
            let earlier: Vec<&ProviderCall> = before.iter().flat_map(calls).collect();
            let other = earlier.iter().rev().find(|other| holder(world, other) != holder(world, call)).unwrap();
            assert_eq!((other.adapter, other.ask, &other.query), (call.adapter, call.ask, &call.query), "{id}");
            assert_eq!(other.payload, call.payload, "{id}");
            same_body += u32::from(other.sender == call.sender);
            one_connection += u32::from(call.carrier.reuse && call.carrier.transport == other.carrier.transport);
        });
        assert!(same_body >= 10 && one_connection >= 10, "{id}: {same_body}, {one_connection}");
    }
    for id in ["PRX-2.concurrent", "PRX-3.concurrent-miss"] {
        each(id, |world, _, attack| {
            let tenants: BTreeSet<Option<usize>> =
                calls(attack).into_iter().filter(|call| is_good(call)).map(|call| holder(world, call)).collect();
            assert_eq!(tenants.len(), 2, "{id}");
        });
    }
}

#[test]
fn a_job_is_asked_for_by_somebody_else_after_it_was_begun() {
    for id in ["PRX-2.transcript-id", "PRX-3.transcript"] {
        each(id, |world, before, attack| {
            let asked = |call: &ProviderCall| match call.ask.route {
                Route::Transcript(JobRef::Of { tenant, job }) | Route::Prediction(JobRef::Of { tenant, job }) => {
                    Some((usize::from(tenant), job))
                }
                _ => None,
            };
            let foreign = calls(attack)
                .into_iter()
                .find(|call| asked(call).is_some_and(|(tenant, _)| holder(world, call) != Some(tenant)));
            let (tenant, number) = asked(foreign.unwrap()).unwrap();
            let began = before.iter().flat_map(calls).any(|call| {
                let job = match call.ask.route {
                    Route::Transcribe(job) | Route::Predict(_, job) => Some(job),
                    _ => None,
                };
                holder(world, call) == Some(tenant) && job == Some(number)
            });
            assert!(began, "{id}");
        });
    }
}

#[test]
fn a_stream_is_left_by_its_client() {
    each("PRX-2.died-stream", |_, _, attack| {
        let call = sole(attack);
        assert!(matches!(call.client, ClientEnd::HangsUpAfter(_)) && call.upstream.kind.is_stream());
        assert!(call.payload.stream);
    });
}

#[test]
fn what_was_removed_is_asked_for() {
    let mut served_by_the_next = 0;
    each("PRX-4.unbound-between", |world, before, attack| {
        let mut now = Now::new(world);
        let used: Vec<&ProviderCall> = before.iter().flat_map(calls).collect();
        assert_eq!(now.stage(world, used[0]).max(Stage::Class), now.stage(world, used[0]));
        for action in before {
            now.apply(world, action);
        }
        let KeyRef::Key(key) = sole(attack).presented.key else { panic!() };
        let (was, is) = (Now::new(world).connection(world, used[0], key), now.connection(world, sole(attack), key));
        assert_ne!(was, is);
        served_by_the_next += u32::from(is.is_some());
    });
    assert!(served_by_the_next > 0);
}

#[test]
fn connections_and_adapters_meet_on_one_connection_in_the_clear() {
    let mut met = 0;
    each("PRX-5.other-adapter", |_, before, attack| {
        let call = sole(attack);
        let Some(opener) = before.iter().flat_map(calls).last() else { return };
        if call.carrier.reuse && opener.adapter != call.adapter && call.carrier.door == opener.carrier.door {
            assert!(!call.carrier.transport.is_tls());
            met += u32::from(call.carrier.transport == opener.carrier.transport);
        }
    });
    assert!(met > 3, "{met}");
}

/// What of the vocabulary occurs, as `field=variant`, read from the serialised form.
#[derive(Default)]
struct Used(BTreeMap<String, BTreeSet<String>>);

impl Used {
    fn note(&mut self, field: &str, variant: &str) {
        self.0.entry(field.to_owned()).or_default().insert(variant.to_owned());
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

#[test]
fn nothing_that_is_said_of_the_proxies_is_dead() {
    let mut used = Used::default();
    for seed in 0..6 * WORLDS {
        let world = world(seed % WORLDS);
        for attempt in moves() {
            for action in tried(attempt.id, &world, seed).actions {
                used.walk("action", &serde_json::to_value(action).unwrap());
            }
        }
    }
    // Left to random actions: what is no attack of a move of its own.
    let random = [PathSpelling::TooLong, PathSpelling::Fragment, PathSpelling::RawHigh];
    let spellings = PathSpelling::GUARDED.into_iter().chain(PathSpelling::NO_ROUTE);
    let other = NamedConnection::Of(0);
    let wanted: Vec<(&str, Vec<String>)> = vec![
        ("spelling", names(spellings.filter(|spelling| !random.contains(spelling)))),
        ("kind", names(BadBearer::ALL)),
        ("scheme", names(SchemeSpelling::ALL)),
        ("query", names(QueryField::ALL)),
        ("cookie", names(CookieField::ALL)),
        ("other-header", names(KeyHeader::ALL)),
        ("field", names(TenantField::ALL)),
        ("spelling", names(NameSpelling::ALL)),
        ("own-credential", names(CredentialField::ALL)),
        ("nominate", names(EdgeNominee::ALL)),
        ("field", names(EnvelopeField::ALL)),
        ("hop", names(HopField::ALL)),
        ("credential", names(QueryCredential::ALL)),
        ("echo", names(EchoForm::ALL)),
        ("error-quotes", names(ErrorStatus::ALL)),
        ("redirect", names(RedirectTo::ALL)),
        ("header", names(UpstreamHeader::ALL)),
        ("kind", names(UpstreamKind::BROKEN)),
        ("kind", names(UpstreamKind::QUOTING)),
        ("near", names(NearAdapter::ALL)),
        ("provider", names(Provider::ADAPTERS)),
        ("transport", names(Transport::ALL)),
        ("method", names(Method::ORDINARY)),
        (
            "spelling",
            names([
                ConnectionSpelling::Upper,
                ConnectionSpelling::Underscore,
                ConnectionSpelling::Twice,
                ConnectionSpelling::ThenOther(0),
                ConnectionSpelling::AfterOther(0),
                ConnectionSpelling::CommaList(0),
                ConnectionSpelling::Folded,
                ConnectionSpelling::Quoted,
            ]),
        ),
        (
            "which",
            names([
                other,
                NamedConnection::OtherCase(0),
                NamedConnection::External(0),
                NamedConnection::Unknown,
                NamedConnection::Malformed,
                NamedConnection::Traversal(0),
                NamedConnection::Empty,
            ]),
        ),
        (
            "model",
            names([
                ModelName::OtherCase(0),
                ModelName::TrailingSpace(0),
                ModelName::Suffixed(0),
                ModelName::Prefixed(0),
                ModelName::Escaped(0),
                ModelName::Unlisted,
                ModelName::Missing,
                ModelName::Number,
                ModelName::Null,
                ModelName::Array(0),
                ModelName::Empty,
            ]),
        ),
        ("predict", names([PathModel::OtherCase(0), PathModel::Unlisted, PathModel::TenantId(0)])),
        (
            "execute",
            names([
                ComposioAction::UnknownToolkit,
                ComposioAction::Lower(Provider::Notion),
                ComposioAction::NoUnderscore(Provider::Notion),
                ComposioAction::NoToolkit,
                ComposioAction::Dotted(Provider::Notion),
                ComposioAction::Missing,
                ComposioAction::Number,
            ]),
        ),
    ];
    let none = BTreeSet::new();
    let missing: Vec<String> = wanted
        .iter()
        .flat_map(|(field, names)| names.iter().map(move |name| (*field, name)))
        .filter(|(field, name)| !used.0.get(*field).unwrap_or(&none).contains(*name))
        .map(|(field, name)| format!("{field}={name}"))
        .collect();
    assert!(missing.is_empty(), "no move uses {missing:?}; of {:?}", used.0.keys());
}
