//! Every move at the edge is realised in many worlds, can be carried as it stands, and is the attack it is called.

#![expect(clippy::wildcard_enum_match_arm, reason = "the other guards belong to other claims")]

use std::collections::BTreeSet;

use super::*;
use crate::action::edge::control::{GrantRef, KeyTarget};
use crate::action::edge::header::NamedConnection;
use crate::action::edge::hook::{HookPath, SecretRef};
use crate::action::edge::key::KeyRef;
use crate::action::edge::provider::{ClientEnd, UpstreamKind, Usage};
use crate::action::edge::{EdgeCall, EdgeControl, EdgeHeader};
use crate::choose::{FromBytes, Seeded};
use crate::claim::{Guard, Move, register};
use crate::oracle::edge::step::{CallDue, dues};
use crate::oracle::edge::why::Why;
use crate::oracle::edge::{hook, ideal};
use crate::oracle::judge::Judge;
use crate::state::State;
use crate::world::Profile;

const WORLDS: u64 = 40;
const CLAIMS: [&str; 8] = ["WAL-1", "CRD-1", "CRD-2", "CRD-3", "HKS-1", "HKS-2", "KEY-1", "SEC-3"];

fn edge_moves() -> impl Iterator<Item = &'static Move> {
    register().filter(|claim| CLAIMS.contains(&claim.id.as_str())).flat_map(|claim| claim.moves)
}

fn world(seed: u64) -> World {
    World::generate(&mut Seeded::new(seed), Profile::default())
}

fn tried(id: &str, world: &World, seed: u64) -> Realisation {
    realise(id, world, &mut Seeded::case(seed, 2)).unwrap_or_else(|| panic!("{id} has no realisation"))
}

/// The calls of an action.
fn calls(action: &Action) -> Vec<&EdgeCall> {
    match action {
        Action::Edge(call) | Action::During { call, .. } => vec![call],
        Action::Together(calls) => calls.iter().collect(),
        Action::Request(_)
        | Action::Race { .. }
        | Action::Malformed { .. }
        | Action::Control(_)
        | Action::Advance { .. }
        | Action::KvKey { .. }
        | Action::EdgeControl(_)
        | Action::Vault(_) => Vec::new(),
    }
}

/// Tries of one move in many worlds.
fn each(id: &str, mut check: impl FnMut(&World, &[Action], &Action)) {
    for seed in 0..WORLDS {
        let world = world(seed);
        let actions = tried(id, &world, seed).actions;
        let (attack, before) = actions.split_last().unwrap();
        check(&world, before, attack);
    }
}

/// The tenant of a world's key, as a call presents it.
fn holder(world: &World, call: &EdgeCall) -> Option<usize> {
    match call.presented()?.key {
        KeyRef::Key(key) => Some(world.key(key).tenant),
        KeyRef::Issued(_)
        | KeyRef::NeverIssued
        | KeyRef::Malformed { .. }
        | KeyRef::HashOf(_)
        | KeyRef::PrefixOf(_)
        | KeyRef::None => None,
    }
}

fn named_connection(call: &EdgeCall) -> Option<NamedConnection> {
    call.carrier()
        .headers
        .iter()
        .find_map(|header| if let EdgeHeader::Connection { which, .. } = header { Some(*which) } else { None })
}

#[test]
fn every_move_is_realised_and_can_be_carried() {
    for seed in 0..WORLDS {
        let world = world(seed);
        for attempt in edge_moves() {
            let id = attempt.id;
            let realisation = tried(id, &world, seed);
            assert_eq!(realisation.attack + 1, realisation.actions.len(), "{id}");
            for action in &realisation.actions {
                for call in calls(action) {
                    assert_eq!(call.clone().canonical(), *call, "{id}");
                }
                if let Action::Together(calls) = action {
                    assert!((2..=4).contains(&calls.len()), "{id}");
                    assert_eq!(Action::together(calls.clone()), *action, "{id}");
                }
                if let Action::During { call, control } = action {
                    assert_eq!(Action::during((**call).clone(), *control), *action, "{id}");
                }
            }
        }
    }
}

#[test]
fn twenty_tries_of_a_move_differ() {
    let world = world(3);
    for attempt in edge_moves() {
        let different: BTreeSet<String> =
            (0..20).map(|seed| format!("{:?}", tried(attempt.id, &world, seed))).collect();
        let enough = if attempt.id.starts_with("SEC-3") { 5 } else { 18 };
        assert!(different.len() >= enough, "{} tries of {} differ", different.len(), attempt.id);
    }
}

#[test]
fn spent_choices_and_the_smallest_world_realise_or_decline() {
    let small = Profile { tenants_min: 2, tenants_max: 2, deployments: 1 };
    let small = World::generate(&mut Seeded::new(1), small);
    let mut declined = BTreeSet::new();
    for attempt in edge_moves() {
        if realise(attempt.id, &small, &mut FromBytes::new(&[])).is_none() {
            declined.insert(attempt.id);
        }
        assert!(realise(attempt.id, &world(1), &mut FromBytes::new(&[])).is_some(), "{}", attempt.id);
    }
    assert!(declined.is_empty(), "{declined:?}");
}

#[test]
fn an_issued_key_is_used_after_its_issue_alone() {
    for seed in 0..WORLDS {
        let world = world(seed);
        for attempt in edge_moves().filter(|attempt| attempt.id != "KEY-1.issue-for-foreign") {
            let mut issued = 0;
            for action in tried(attempt.id, &world, seed).actions {
                if let Action::EdgeControl(EdgeControl::IssueKey { actor, grant, .. }) = action {
                    let owner = match grant {
                        GrantRef::App(app) => world.app(app).tenant,
                        GrantRef::Connection(connection) => world.connection(connection).tenant,
                        GrantRef::UnknownApp | GrantRef::UnknownConnection => panic!("{}", attempt.id),
                    };
                    assert_eq!(owner, usize::from(actor), "{}", attempt.id);
                    issued += 1;
                }
                for call in calls(&action) {
                    if let Some(KeyRef::Issued(nth)) = call.presented().map(|presented| presented.key) {
                        assert!(nth < issued, "{}", attempt.id);
                    }
                }
            }
        }
    }
}

/// Whether what a call leads to shows that the guard was reached.
fn is_past(guard: Guard, due: &CallDue) -> bool {
    let due = match due {
        CallDue::Hook(due) => {
            return match guard {
                Guard::WebhookSecret => due.reason >= hook::Reason::Nobody,
                Guard::WebhookDelivery => due.reason >= hook::Reason::Unbound,
                other => panic!("{other} is no guard of the hooks worker"),
            };
        }
        CallDue::Call(due) => due,
    };
    let nowhere = matches!(due.why, Why::BadPath | Why::NoProvider);
    match guard {
        Guard::KeyLookup => due.why >= Why::NoKey,
        Guard::Scope | Guard::BindingChain => due.why >= Why::Unbound && !nowhere,
        Guard::ConnectionMatch => due.why >= Why::NeedsReauth && !nowhere,
        Guard::Hold => due.bill.is_some() || matches!(due.why, Why::NoFunds | Why::Capped | Why::WalletAway),
        Guard::Settle => due.bill.is_some(),
        Guard::Vend => !due.connections.is_empty() || !due.broker.is_empty(),
        other => panic!("{other} is no guard of these workers"),
    }
}

#[test]
fn every_move_says_something_definite_and_reaches_its_guard() {
    // Most spellings are no provider's, and what is no provider's is looked up no further.
    let rarely = ["CRD-2.provider-spelling"];
    for attempt in edge_moves() {
        let mut reached = 0;
        for seed in 0..WORLDS {
            let world = world(seed);
            let realisation = tried(attempt.id, &world, seed);
            let mut state = State::new(&world);
            let mut judge = Judge::new(&world);
            for (at, action) in realisation.actions.iter().enumerate() {
                assert!(state.allows(&world, action), "{} in world {seed}: {action:?}", attempt.id);
                if at == realisation.attack {
                    let operated = matches!(
                        (attempt.guard, action),
                        (Guard::KeyIssue, Action::EdgeControl(EdgeControl::IssueKey { .. }))
                            | (Guard::RouteScope, Action::EdgeControl(_))
                            | (Guard::Seal | Guard::Aad, Action::Vault(_))
                    );
                    let dues = dues(&world, &state, action);
                    reached += u64::from(operated || dues.iter().any(|due| is_past(attempt.guard, due)));
                }
                let mut seen = ideal::observation(&world, &state, action);
                // Deployments are another part of the control plane.
                seen.control = seen.control.or_else(|| matches!(action, Action::Control(_)).then_some(Ok(())));
                let (judgement, _) = judge.judge(&state, action, &seen, None);
                assert!(judgement.is_clean(), "{} in world {seed}: {action:#?}\n{judgement:#?}", attempt.id);
                state.apply(&world, action, &seen);
            }
        }
        let enough = if rarely.contains(&attempt.id) { WORLDS / 10 } else { WORLDS };
        assert!(reached >= enough, "{} reached its guard in {reached} of {WORLDS} tries", attempt.id);
    }
}

#[test]
fn what_is_named_belongs_to_another_tenant() {
    for id in ["CRD-1.foreign-connection-named", "CRD-2.app-key-foreign", "WAL-1.foreign-connection-id"] {
        let mut plainly = 0;
        each(id, |world, _, attack| {
            let call = calls(attack)[0];
            let (NamedConnection::Of(named)
            | NamedConnection::OtherCase(named)
            | NamedConnection::External(named)
            | NamedConnection::Traversal(named)) = named_connection(call).unwrap()
            else {
                panic!("{id}")
            };
            plainly += u32::from(matches!(named_connection(call), Some(NamedConnection::Of(_))));
            assert_ne!(Some(world.connection(named).tenant), holder(world, call), "{id}");
        });
        assert!(plainly > 8, "{id}");
    }
}

#[test]
fn a_foreign_provider_is_nobodys_of_the_asker() {
    each("CRD-1.foreign-key", |world, _, attack| {
        let EdgeCall::Vend(call) = calls(attack)[0] else { panic!() };
        let tenant = holder(world, calls(attack)[0]).unwrap();
        let crate::action::edge::vend::VendAsk::One { provider, .. } = call.ask else { return };
        assert!(world.connection_where(|own| own.tenant == tenant && own.provider == provider).is_none());
    });
}

#[test]
fn calls_at_once_go_beyond_the_balance() {
    each("WAL-1.concurrent", |world, before, attack| {
        let calls = calls(attack);
        let tenant = holder(world, calls[0]).unwrap();
        let mut balance = world.edge.wallets[tenant];
        for action in before {
            let Action::EdgeControl(EdgeControl::TopUp { cents, .. }) = action else { panic!() };
            balance += u64::from(*cents) * 10_000;
        }
        let held = |call: &&EdgeCall| match call {
            EdgeCall::Provider(call) => call.adapter.meant().unwrap().hold_micros(),
            EdgeCall::Vend(_) | EdgeCall::Hook(_) => 0,
        };
        assert!(calls.iter().all(|call| holder(world, call) == Some(tenant)));
        assert!(calls.iter().map(held).sum::<u64>() > balance, "{balance}");
    });
}

#[test]
fn calls_at_once_are_of_two_tenants() {
    for id in ["WAL-1.concurrent-tenants", "CRD-1.concurrent"] {
        each(id, |world, _, attack| {
            let tenants: BTreeSet<_> = calls(attack).into_iter().map(|call| holder(world, call).unwrap()).collect();
            assert_eq!(tenants.len(), 2, "{id}");
        });
    }
}

#[test]
fn streams_die_where_there_are_streams() {
    each("WAL-1.died-stream", |_, _, attack| {
        let EdgeCall::Provider(call) = calls(attack)[0] else { panic!() };
        assert!(matches!(call.client, ClientEnd::HangsUpAfter(_)) && call.upstream.kind.is_stream());
    });
    each("WAL-1.upstream-died", |_, _, attack| {
        let EdgeCall::Provider(call) = calls(attack)[0] else { panic!() };
        assert!(matches!(call.upstream.kind, UpstreamKind::StreamDies(_) | UpstreamKind::AnswerDies));
    });
    each("WAL-1.upstream-usage-lies", |_, _, attack| {
        let EdgeCall::Provider(call) = calls(attack)[0] else { panic!() };
        assert!(matches!(call.upstream.usage, Usage::Lies(_)));
    });
    each("WAL-1.reused-connection", |_, before, attack| {
        let last = calls(attack)[0];
        let before = calls(before.last().unwrap())[0];
        assert!(last.carrier().reuse);
        assert_eq!(
            (last.carrier().transport, last.carrier().door),
            (before.carrier().transport, before.carrier().door)
        );
        assert_ne!(last.presented().unwrap().key, before.presented().unwrap().key);
    });
}

#[test]
fn a_revoked_key_is_what_is_used() {
    for id in ["KEY-1.revoked-cold", "KEY-1.revoked-warm", "KEY-1.store-miss"] {
        let mut workers = BTreeSet::new();
        each(id, |_, before, attack| {
            let revoked = before.iter().find_map(|action| {
                if let Action::EdgeControl(EdgeControl::RevokeKey { key, .. }) = action { Some(*key) } else { None }
            });
            for call in calls(attack) {
                workers.insert(matches!(call, EdgeCall::Vend(_)));
                let used = match call.presented().unwrap().key {
                    KeyRef::Key(key) => Some(KeyTarget::Key(key)),
                    KeyRef::Issued(nth) => Some(KeyTarget::Issued(nth)),
                    KeyRef::NeverIssued
                    | KeyRef::Malformed { .. }
                    | KeyRef::HashOf(_)
                    | KeyRef::PrefixOf(_)
                    | KeyRef::None => None,
                };
                assert_eq!(used, revoked, "{id}");
                assert!(used.is_some(), "{id}");
            }
            if id == "KEY-1.revoked-warm" {
                assert!(before.iter().any(|action| !calls(action).is_empty()));
            }
        });
        assert_eq!(workers.len(), 2, "{id} comes to both workers");
    }
}

#[test]
fn nobody_ends_or_makes_a_key_of_his_own_when_he_tries_anothers() {
    each("KEY-1.foreign-revoke", |world, _, attack| {
        let Action::EdgeControl(EdgeControl::RevokeKey { actor, key }) = attack else { panic!() };
        if let KeyTarget::Key(key) = key {
            assert_ne!(world.key(*key).tenant, usize::from(*actor));
        }
    });
    each("KEY-1.issue-for-foreign", |world, _, attack| {
        let Action::EdgeControl(EdgeControl::IssueKey { actor, grant, .. }) = attack else { panic!() };
        let owner = match grant {
            GrantRef::App(app) => world.app(*app).tenant,
            GrantRef::Connection(connection) => world.connection(*connection).tenant,
            GrantRef::UnknownApp | GrantRef::UnknownConnection => panic!(),
        };
        assert_ne!(owner, usize::from(*actor));
    });
}

#[test]
fn two_compared_events_differ_in_path_and_secret_alone() {
    for attempt in edge_moves().filter(|attempt| attempt.id.starts_with("HKS-2")) {
        each(attempt.id, |_, before, attack| {
            let event = |action: &Action| {
                let EdgeCall::Hook(event) = calls(action)[0].clone() else { panic!() };
                event
            };
            let (first, second) = (event(before.last().unwrap()), event(attack));
            let alike = |of: crate::action::edge::HookCall| crate::action::edge::HookCall {
                path: HookPath::Root,
                secret: SecretRef::Missing,
                ..of
            };
            assert_ne!(first.path, second.path, "{}", attempt.id);
            assert_eq!(alike(first), alike(second), "{}", attempt.id);
        });
    }
}
