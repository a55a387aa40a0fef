//! The oracle of the edge is silent about a target that does what it must, and each of its parts can fail.

#![expect(
    clippy::wildcard_enum_match_arm,
    clippy::type_complexity,
    reason = "a table is read as a whole, and a variant more is no case of it"
)]

use std::collections::BTreeSet;

use super::expect::{Due, DueAnswer};
use super::ideal;
use super::step::{CallDue, dues, spent};
use crate::action::Action;
use crate::action::edge::control::{ConnectionStatus, DestinationUrl, GrantRef, KeyTarget};
use crate::action::edge::header::{ConnectionSpelling, EdgeHeader, NamedConnection, TenantField};
use crate::action::edge::hook::SecretRef;
use crate::action::edge::key::KeyRef;
use crate::action::edge::provider::{
    EchoForm, JobRef, PathSpelling, ProviderCall, RedirectTo, Route, UpstreamKind, UpstreamReply, Usage,
};
use crate::action::edge::{EdgeCall, EdgeControl, HookCall, Presented, VendCall};
use crate::action::header::NameSpelling;
use crate::choose::Seeded;
use crate::claim::ClaimId;
use crate::generate::edge::{EdgeSwarm, action};
use crate::observation::{Answer, Exchange, KvAccess, KvOperation, LedgerKind, Observation, Place};
use crate::oracle::judge::Judge;
use crate::oracle::{Judgement, Oracle};
use crate::state::State;
use crate::state::edge::Spender;
use crate::world::edge::{Provider, Slot};
use crate::world::{Profile, World};

struct Case {
    world: World,
}

impl Case {
    fn new(seed: u64) -> Self {
        Self {
            world: World::generate(&mut Seeded::new(seed), Profile { tenants_min: 4, tenants_max: 4, deployments: 2 }),
        }
    }

    /// A tenant whose wallet covers everything.
    fn rich(&self) -> usize {
        self.world.tenants_with(10_000_000)[0]
    }

    /// Another tenant than this one.
    fn other(&self, tenant: usize) -> usize {
        (0..self.world.tenants.len()).find(|other| *other != tenant).unwrap()
    }

    fn app_key(&self, tenant: usize, which: usize) -> u8 {
        self.world.key_of_app(self.world.app_of_tenant(tenant, which).unwrap()).unwrap()
    }

    fn slot(&self, tenant: usize, slot: Slot) -> u8 {
        self.world.connection_in(tenant, slot).unwrap()
    }

    fn sender(&self, tenant: usize) -> u8 {
        u8::try_from(self.world.members.iter().position(|m| m.tenant == tenant).unwrap()).unwrap()
    }

    /// The plain call of a tenant's first app.
    fn call(&self, tenant: usize, adapter: Provider, route: Route) -> ProviderCall {
        ProviderCall::plain(self.sender(tenant), self.app_key(tenant, 0), adapter, route)
    }

    fn vend(&self, tenant: usize, provider: Provider) -> VendCall {
        VendCall::plain(self.sender(tenant), self.app_key(tenant, 0), provider)
    }

    fn ideal(&self, state: &State, action: &Action) -> Observation {
        ideal::observation(&self.world, state, action)
    }

    fn judged(&self, state: &State, action: &Action, seen: &Observation) -> Judgement {
        Judge::new(&self.world).judge(state, action, seen, None).0
    }

    /// Carries actions out as they must be, each of which has to be silent. Returns the state behind them.
    fn after(&self, actions: &[Action]) -> State {
        let mut state = State::new(&self.world);
        for action in actions {
            assert!(state.allows(&self.world, action), "{action:?}");
            let seen = self.ideal(&state, action);
            assert_eq!(self.judged(&state, action, &seen), silent(&self.judged(&state, action, &seen)), "{action:?}");
            state.apply(&self.world, action, &seen);
        }
        state
    }

    /// The findings about an action that is carried out as it must be, but for what `spoil` does.
    fn spoiled(&self, state: &State, action: &Action, spoil: impl FnOnce(&mut Observation)) -> Vec<(ClaimId, Oracle)> {
        let mut seen = self.ideal(state, action);
        let before = self.judged(state, action, &seen);
        assert!(before.is_clean(), "{before:?}");
        spoil(&mut seen);
        let judgement = self.judged(state, action, &seen);
        judgement.findings.into_iter().map(|finding| (finding.claim, finding.oracle)).collect()
    }
}

fn silent(judgement: &Judgement) -> Judgement {
    Judgement { findings: Vec::new(), shortfalls: Vec::new(), ..judgement.clone() }
}

fn provider(call: ProviderCall) -> Action {
    Action::edge(EdgeCall::Provider(call))
}

fn vend(call: VendCall) -> Action {
    Action::edge(EdgeCall::Vend(call))
}

fn answer(seen: &mut Observation) -> &mut Answer {
    match seen.exchanges.first_mut() {
        Some(Exchange::Answer(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

fn claims(found: &[(ClaimId, Oracle)]) -> BTreeSet<ClaimId> {
    found.iter().map(|(claim, _)| *claim).collect()
}

/// What an action's first call must lead to.
fn due(case: &Case, state: &State, action: &Action) -> Due {
    match dues(&case.world, state, action).remove(0) {
        CallDue::Call(due) => *due,
        CallDue::Hook(due) => panic!("{due:?}"),
    }
}

/// As if the call had been served, with another's credential in it.
fn serve_with(seen: &mut Observation, like: &Due, status: u16) {
    *answer(seen) = ideal::answer(like);
    answer(seen).status = status;
    seen.edge.upstream.extend(like.upstream.as_ref().map(ideal::upstream));
}

#[test]
fn a_target_that_does_what_it_must_is_met_with_silence() {
    let mut calls = 0;
    for seed in 0..40 {
        let case = Case::new(seed);
        let mut choose = Seeded::case(seed, 7);
        let mut judge = Judge::new(&case.world);
        let mut state = State::new(&case.world);
        for _ in 0..60 {
            let action = action(&mut choose, &case.world, EdgeSwarm::ALL);
            if !state.allows(&case.world, &action) {
                continue;
            }
            calls += super::step::calls(&action).len();
            let seen = case.ideal(&state, &action);
            let (judgement, _) = judge.judge(&state, &action, &seen, None);
            assert!(judgement.is_clean(), "seed {seed}: {action:#?}\n{judgement:#?}");
            state.apply(&case.world, &action, &seen);
        }
    }
    assert!(calls > 500, "{calls}");
}

#[test]
fn each_wrong_of_a_ledger_is_found() {
    let case = Case::new(1);
    let tenant = case.rich();
    let other = case.other(tenant);
    let state = State::new(&case.world);
    let action = provider(case.call(tenant, Provider::Openai, Route::Chat));
    let found = |spoil: &dyn Fn(&mut Observation)| case.spoiled(&state, &action, spoil);
    let paid = [ClaimId::Wal1, ClaimId::Prx2];
    let spoils: [(&str, &dyn Fn(&mut Observation)); 8] = [
        ("nobody pays", &|seen| {
            seen.edge.ledger.clear();
            seen.edge.balances = state.edge.wallets.clone();
        }),
        ("settled twice", &|seen| {
            let lines = seen.edge.ledger.get_mut(&tenant).unwrap();
            let mut again = lines[1].clone();
            again.balance_after += again.micros.unsigned_abs();
            lines.push(again.clone());
            seen.edge.balances[tenant] = again.balance_after;
        }),
        ("never settled", &|seen| {
            let lines = seen.edge.ledger.get_mut(&tenant).unwrap();
            lines.pop();
            seen.edge.balances[tenant] = lines[0].balance_after;
        }),
        ("a micro-dollar too little", &|seen| {
            let lines = seen.edge.ledger.get_mut(&tenant).unwrap();
            lines[1].micros += 1;
            lines[1].balance_after += 1;
            seen.edge.balances[tenant] += 1;
        }),
        ("free", &|seen| {
            let lines = seen.edge.ledger.get_mut(&tenant).unwrap();
            lines[1].micros = -lines[0].micros;
            lines[1].balance_after = state.edge.wallets[tenant];
            seen.edge.balances[tenant] = state.edge.wallets[tenant];
        }),
        ("another hold", &|seen| {
            let lines = seen.edge.ledger.get_mut(&tenant).unwrap();
            lines[0].micros = -1;
            lines[0].balance_after = state.edge.wallets[tenant] - 1;
            lines[1].micros = 1;
            lines[1].balance_after = state.edge.wallets[tenant];
            seen.edge.balances[tenant] = state.edge.wallets[tenant];
        }),
        ("a balance that is not its ledger's", &|seen| seen.edge.balances[tenant] += 5),
        ("another key in the lines", &|seen| {
            let id = case.world.key(case.app_key(tenant, 1)).id.clone();
            seen.edge.ledger.get_mut(&tenant).unwrap()[0].key = Some(id);
        }),
    ];
    for (name, spoil) in spoils {
        let found = found(spoil);
        assert!(found.contains(&(ClaimId::Wal1, Oracle::Ledger)), "{name}: {found:?}");
    }
    let elsewhere = found(&|seen| {
        let mut lines = seen.edge.ledger.remove(&tenant).unwrap();
        seen.edge.balances[tenant] = state.edge.wallets[tenant];
        let start = state.edge.wallets[other];
        lines[0].balance_after = start.saturating_sub(1_000_000);
        lines[1].balance_after = start;
        lines[1].micros = 1_000_000;
        seen.edge.balances[other] = start;
        seen.edge.ledger.insert(other, lines);
    });
    assert!(claims(&elsewhere).is_superset(&BTreeSet::from([ClaimId::Prx1, ClaimId::Prx2, ClaimId::Wal1])));
    let _ = paid;
    let refused = provider(ProviderCall {
        presented: Presented { key: KeyRef::NeverIssued, ..Presented::key(0) },
        ..case.call(tenant, Provider::Openai, Route::Chat)
    });
    let bill = due(&case, &state, &action).bill.unwrap();
    let billed = case.spoiled(&state, &refused, |seen| {
        let lines = ideal::lines(&case.world, &state, &bill, "h");
        seen.edge.balances[tenant] = lines[1].balance_after;
        seen.edge.ledger.insert(tenant, lines);
    });
    assert!(billed.contains(&(ClaimId::Wal1, Oracle::Ledger)), "a refusal that bills: {billed:?}");
}

#[test]
fn what_another_tenant_would_pay_is_a_cache_of_prices() {
    let case = Case::new(13);
    let tenant = case.rich();
    let mut world = case.world;
    world.edge.margins =
        vec![crate::world::edge::Margin { tenant: Some(tenant), integration: None, meter: None, percent: "300" }];
    let case = Case { world };
    let state = State::new(&case.world);
    let call = ProviderCall {
        upstream: UpstreamReply { kind: UpstreamKind::Answer, usage: Usage::Reported { input: 90_000, output: 0 } },
        ..case.call(tenant, Provider::Openai, Route::Chat)
    };
    let action = provider(call);
    let bill = due(&case, &state, &action).bill.unwrap();
    let [cheaper] = bill.elsewhere[..] else { panic!("{bill:?}") };
    let charge = |seen: &mut Observation, micros: u64| {
        let lines = seen.edge.ledger.get_mut(&tenant).unwrap();
        lines[1].micros = 1_000_000 - i64::try_from(micros).unwrap();
        lines[1].balance_after = state.edge.wallets[tenant] - micros;
        seen.edge.balances[tenant] = state.edge.wallets[tenant] - micros;
    };
    let found = claims(&case.spoiled(&state, &action, |seen| charge(seen, cheaper)));
    assert!(found.contains(&ClaimId::Prx3), "{found:?}");
    let found = claims(&case.spoiled(&state, &action, |seen| charge(seen, cheaper + 1)));
    assert!(found.contains(&ClaimId::Wal1) && !found.contains(&ClaimId::Prx3), "{found:?}");
}

#[test]
fn each_wrong_of_what_goes_on_is_found() {
    let case = Case::new(2);
    let tenant = case.rich();
    let other = case.other(tenant);
    let state = State::new(&case.world);
    let action = provider(case.call(tenant, Provider::Openai, Route::Chat));
    let credential = |connection: u8| case.world.connection(connection).credential.clone().unwrap().text;
    let with_credential = |seen: &mut Observation, text: String| {
        let own = seen.edge.upstream[0].headers.iter_mut().find(|(name, _)| name == "authorization").unwrap();
        own.1 = format!("Bearer {text}").into_bytes();
    };
    let stranger = |seen: &mut Observation, place: Place, target: &[u8]| {
        let mut second = seen.edge.upstream[0].clone();
        second.place = place;
        second.target = target.to_vec();
        seen.edge.upstream.push(second);
    };
    type Spoil<'a> = &'a dyn Fn(&mut Observation);
    let table: [(&str, &[ClaimId], Spoil<'_>); 12] = [
        ("another tenant's credential", &[ClaimId::Prx5, ClaimId::Prx3, ClaimId::Prx4, ClaimId::Prx2], &|seen| {
            with_credential(seen, credential(case.slot(other, Slot::OpenaiOlder)));
        }),
        ("a sibling's credential", &[ClaimId::Prx5, ClaimId::Prx4], &|seen| {
            with_credential(seen, credential(case.slot(tenant, Slot::OpenaiSibling)));
        }),
        ("another path", &[ClaimId::Prx6], &|seen| seen.edge.upstream[0].target = b"/v1/files".to_vec()),
        ("another upstream", &[ClaimId::Prx6], &|seen| {
            seen.edge.upstream[0].place = Place::Upstream(Provider::Gemini);
        }),
        ("a redirect that is followed", &[ClaimId::Prx6, ClaimId::Prx5], &|seen| {
            stranger(seen, Place::Stray, b"/stolen");
        }),
        ("a second request", &[ClaimId::Prx6], &|seen| {
            stranger(seen, Place::Upstream(Provider::Openai), b"/v1/admin/keys");
        }),
        ("the bearer goes on", &[ClaimId::Prx5], &|seen| {
            let bearer = case.world.bearer(case.app_key(tenant, 0)).as_bytes().to_vec();
            seen.edge.upstream[0].headers.push(("x-api-key".to_owned(), bearer));
        }),
        ("a header of the platform's goes on", &[ClaimId::Prx5], &|seen| {
            seen.edge.upstream[0].headers.push(("x-vendo-tenant-id".to_owned(), b"t".to_vec()));
        }),
        ("an answer from nowhere", &[ClaimId::Prx3], &|seen| seen.edge.upstream.clear()),
        ("a key in the log", &[ClaimId::Prx5, ClaimId::Key1], &|seen| {
            seen.edge.log.push(format!("key={}", case.world.bearer(case.app_key(tenant, 0))));
        }),
        ("another tenant's balance is read", &[ClaimId::Prx3, ClaimId::Kv1], &|seen| {
            let key = format!("balance:{}", case.world.tenants[other].id);
            seen.kv.push(KvAccess { operation: KvOperation::Get, key, by_worker: true });
        }),
        ("keys are enumerated", &[ClaimId::Kv2], &|seen| {
            seen.kv.push(KvAccess { operation: KvOperation::List, key: "key:".to_owned(), by_worker: true });
        }),
    ];
    for (name, due, spoil) in table {
        let found = claims(&case.spoiled(&state, &action, spoil));
        assert!(due.iter().all(|claim| found.contains(claim)), "{name}: {found:?}");
    }
}

#[test]
fn each_wrong_of_an_answer_is_found() {
    let case = Case::new(3);
    let tenant = case.rich();
    let state = State::new(&case.world);
    let credential = case.world.connection(case.slot(tenant, Slot::OpenaiOlder)).credential.clone().unwrap().text;
    for kind in [
        UpstreamKind::Answer,
        UpstreamKind::Stream(3),
        UpstreamKind::Echo(EchoForm::Body),
        UpstreamKind::Echo(EchoForm::Base64(1)),
        UpstreamKind::Redirect(RedirectTo::WithCredential),
    ] {
        let call =
            ProviderCall { upstream: UpstreamReply::of(kind), ..case.call(tenant, Provider::Openai, Route::Chat) };
        let action = provider(call);
        let table: [(&str, &dyn Fn(&mut Observation)); 5] = [
            ("the credential comes back", &|seen| answer(seen).body.extend_from_slice(credential.as_bytes())),
            ("the credential comes back in a header", &|seen| {
                answer(seen).headers.push(("x-echo".to_owned(), credential.clone().into_bytes()));
            }),
            ("a cookie comes back", &|seen| answer(seen).headers.push(("set-cookie".to_owned(), b"a=b".to_vec()))),
            ("trailers come back", &|seen| answer(seen).trailers.push(("x".to_owned(), b"y".to_vec()))),
            ("credentials of any page", &|seen| {
                answer(seen).headers.push(("access-control-allow-credentials".to_owned(), b"true".to_vec()));
            }),
        ];
        for (name, spoil) in table {
            let found = claims(&case.spoiled(&state, &action, spoil));
            assert!(found.contains(&ClaimId::Prx5), "{kind:?}, {name}: {found:?}");
        }
    }
    // A credential that isn't masked where it came back.
    let echo = provider(ProviderCall {
        upstream: UpstreamReply::of(UpstreamKind::Echo(EchoForm::HexUpper)),
        ..case.call(tenant, Provider::Openai, Route::Chat)
    });
    let DueAnswer::Relayed(relayed) = due(&case, &state, &echo).answer else { panic!("it is served") };
    let found = case.spoiled(&state, &echo, |seen| answer(seen).body = relayed.body.sent.clone());
    assert!(found.contains(&(ClaimId::Prx5, Oracle::Canary)), "{found:?}");
}

#[test]
fn what_must_be_refused_and_is_served_is_found_under_its_claim() {
    let case = Case::new(4);
    let tenant = case.rich();
    let other = case.other(tenant);
    let plain = case.call(tenant, Provider::Openai, Route::Chat);
    let named = |which, spelling| {
        let mut call = plain.clone();
        call.carrier.headers.push(EdgeHeader::Connection { which, spelling });
        call
    };
    let key = case.app_key(tenant, 0);
    let revoke = EdgeControl::RevokeKey { actor: tenant as u8, key: KeyTarget::Key(key) };
    let reauth = EdgeControl::SetConnection {
        connection: case.slot(tenant, Slot::OpenaiOlder),
        status: ConnectionStatus::NeedsReauth,
    };
    let spelled = |spelling| {
        let mut call = plain.clone();
        call.ask.spelling = spelling;
        call
    };
    let poll = case.call(tenant, Provider::Assemblyai, Route::Transcript(JobRef::Of { tenant: other as u8, job: 1 }));
    let begin = case.call(other, Provider::Assemblyai, Route::Transcribe(1));
    let foreign = NamedConnection::Of(case.slot(other, Slot::OpenaiOlder));
    let sibling = NamedConnection::Of(case.slot(tenant, Slot::OpenaiSibling));
    let table: Vec<(&str, Vec<Action>, ProviderCall, u16, &[ClaimId])> = vec![
        ("no key", vec![], ProviderCall { presented: Presented::none(), ..plain.clone() }, 401, &[ClaimId::Prx1]),
        ("a revoked key", vec![Action::EdgeControl(revoke)], plain.clone(), 401, &[ClaimId::Key1]),
        (
            "a foreign connection",
            vec![],
            named(foreign, ConnectionSpelling::Plain),
            403,
            &[ClaimId::Prx4, ClaimId::Prx2],
        ),
        ("a sibling's connection", vec![], named(sibling, ConnectionSpelling::Plain), 403, &[ClaimId::Prx4]),
        ("two connections", vec![], named(sibling, ConnectionSpelling::Twice), 403, &[ClaimId::Prx4]),
        ("authorisation anew", vec![Action::EdgeControl(reauth)], plain.clone(), 401, &[ClaimId::Prx4]),
        ("dot segments", vec![], spelled(PathSpelling::EncodedTwiceDots), 400, &[ClaimId::Prx6]),
        ("no route", vec![], spelled(PathSpelling::EncodedLetter), 403, &[ClaimId::Prx6]),
        ("another tenant's job", vec![provider(begin)], poll, 404, &[ClaimId::Prx2, ClaimId::Prx3]),
    ];
    for (name, before, call, status, due_claims) in table {
        let state = case.after(&before);
        let action = provider(call);
        let like = due(&case, &State::new(&case.world), &provider(plain.clone()));
        let seen = case.ideal(&state, &action);
        let Exchange::Answer(refused) = &seen.exchanges[0] else { panic!("{name}") };
        assert_eq!(refused.status, status, "{name}");
        let found = claims(&case.spoiled(&state, &action, |seen| serve_with(seen, &like, 200)));
        assert!(due_claims.iter().all(|claim| found.contains(claim)), "{name}: {found:?}");
    }
}

#[test]
fn a_foreign_thing_is_told_from_an_absent_one_by_status_words_and_bytes() {
    let case = Case::new(5);
    let tenant = case.rich();
    let other = case.other(tenant);
    let state = State::new(&case.world);
    let named = |which| {
        let mut call = case.call(tenant, Provider::Openai, Route::Chat);
        call.carrier.headers.push(EdgeHeader::Connection { which, spelling: ConnectionSpelling::Plain });
        provider(call)
    };
    let foreign = named(NamedConnection::Of(case.slot(other, Slot::OpenaiOlder)));
    let absent = named(NamedConnection::Unknown);
    let other_status = claims(&case.spoiled(&state, &foreign, |seen| answer(seen).status = 404));
    assert!(other_status.contains(&ClaimId::Prx4));
    let id = case.world.connection(case.slot(other, Slot::OpenaiOlder)).id.clone();
    let names = case.spoiled(&state, &foreign, |seen| {
        let body = serde_json::json!({"error": {"code": "binding_missing", "message": id, "slug": "openai"}});
        answer(seen).body = body.to_string().into_bytes();
    });
    assert!(names.contains(&(ClaimId::Prx4, Oracle::HiddenEqualsAbsent)), "{names:?}");
    let mut judge = Judge::new(&case.world);
    let seen = case.ideal(&state, &absent);
    assert!(judge.judge(&state, &absent, &seen, None).0.is_clean());
    let mut seen = case.ideal(&state, &foreign);
    let body = serde_json::json!({"error": {"code": "binding_missing", "message": "other", "slug": "openai"}});
    answer(&mut seen).body = body.to_string().into_bytes();
    let judgement = judge.judge(&state, &foreign, &seen, None).0;
    assert!(judgement.findings.iter().any(|f| f.claim == ClaimId::Prx4 && f.oracle == Oracle::HiddenEqualsAbsent));
}

#[test]
fn each_wrong_of_a_vended_token_is_found() {
    let case = Case::new(6);
    // Tenants 0 and 1 have one external account behind Notion.
    let state = State::new(&case.world);
    let slack = vend(case.vend(0, Provider::Slack));
    let foreign = case.world.connection(case.slot(1, Slot::Slack)).credential.clone().unwrap().text;
    let refresh = case.world.connection(case.slot(0, Slot::Slack)).refresh.clone().unwrap().text;
    let token = |seen: &mut Observation, text: &str| {
        let body = serde_json::json!({"access_token": text, "expires_at": null, "token_type": "Bearer"});
        answer(seen).body = body.to_string().into_bytes();
    };
    let found = claims(&case.spoiled(&state, &slack, |seen| token(seen, &foreign)));
    assert!(found.contains(&ClaimId::Crd1) && found.contains(&ClaimId::Crd3), "{found:?}");
    let found = claims(&case.spoiled(&state, &slack, |seen| token(seen, &refresh)));
    assert!(found.contains(&ClaimId::Crd3), "{found:?}");
    let found = claims(&case.spoiled(&state, &slack, |seen| {
        answer(seen).headers.push(("x-refresh".to_owned(), refresh.clone().into_bytes()));
    }));
    assert!(found.contains(&ClaimId::Crd3), "{found:?}");
    let found = claims(&case.spoiled(&state, &slack, |seen| seen.edge.log.push(format!("token {refresh}"))));
    assert!(found.contains(&ClaimId::Crd3), "{found:?}");

    // Kept for a connection, not for a provider and not for an account.
    let state = case.after(&[vend(case.vend(0, Provider::Notion))]);
    let notion = vend(case.vend(1, Provider::Notion));
    let kept = case.world.edge.broker_token(0, 0);
    let found = claims(&case.spoiled(&state, &notion, |seen| {
        seen.edge.upstream.clear();
        token(seen, &kept);
    }));
    assert!(found.contains(&ClaimId::Crd1), "{found:?}");
    // And for as long as it is good.
    let again = vend(case.vend(0, Provider::Notion));
    assert!(due(&case, &state, &again).broker.is_empty());
    let mut later = state.clone();
    later.now_s += 50 * 60;
    assert_eq!(due(&case, &later, &again).broker.len(), 1);
}

#[test]
fn each_wrong_of_keys_that_are_shown_is_found() {
    let case = Case::new(7);
    let state = State::new(&case.world);
    let issue = |actor, app| {
        let grant = GrantRef::App(app);
        Action::EdgeControl(EdgeControl::IssueKey { actor, grant, expires_in_s: None })
    };
    let foreign_app = case.world.app_of_tenant(1, 0).unwrap();
    let found = claims(&case.spoiled(&state, &issue(0, foreign_app), |seen| seen.control = Some(Ok(()))));
    assert!(found.contains(&ClaimId::Key1), "{found:?}");
    let list = Action::EdgeControl(EdgeControl::ListKeys { actor: 0 });
    let dump = Action::EdgeControl(EdgeControl::Dump);
    let bearer = case.world.bearer(0).to_owned();
    let id = case.world.keys_where(|key| key.tenant == 1);
    let foreign = case.world.key(id[0]).id.clone();
    let spoils: [(&Action, &dyn Fn(&mut Observation)); 4] = [
        (&list, &|seen| seen.edge.listing.as_mut().unwrap().push_str(&bearer)),
        (&list, &|seen| seen.edge.listing.as_mut().unwrap().push_str(&format!("\n{foreign} "))),
        (&list, &|seen| seen.edge.listing.as_mut().unwrap().push_str(&bearer[..14])),
        (&dump, &|seen| seen.edge.dump.as_mut().unwrap().push_str(&bearer)),
    ];
    for (action, spoil) in spoils {
        let found = claims(&case.spoiled(&state, action, spoil));
        assert!(found.contains(&ClaimId::Key1), "{action:?}: {found:?}");
    }
    let credential = case.world.connection(0).credential.clone().unwrap().text;
    let found = claims(&case.spoiled(&state, &dump, |seen| seen.edge.dump.as_mut().unwrap().push_str(&credential)));
    assert!(found.contains(&ClaimId::Sec3), "{found:?}");
    let revoke = |key| Action::EdgeControl(EdgeControl::RevokeKey { actor: 0, key });
    let mut judge = Judge::new(&case.world);
    for (key, words) in [(KeyTarget::Unknown, "not found"), (KeyTarget::Key(id[0]), "not yours")] {
        let seen = Observation { control: Some(Err(words.to_owned())), ..case.ideal(&state, &revoke(key)) };
        let found = judge.judge(&state, &revoke(key), &seen, None).0.findings;
        assert_eq!(found.iter().any(|f| f.claim == ClaimId::Key1), words == "not yours", "{found:?}");
    }
}

#[test]
fn a_webhook_that_is_delivered_without_its_secret_is_found() {
    let case = Case::new(8);
    let state = State::new(&case.world);
    let hook = case.slot(0, Slot::TelegramHook);
    let plain = HookCall::plain(0, hook);
    let good = case.ideal(&state, &Action::edge(EdgeCall::Hook(plain.clone())));
    assert_eq!(good.deliveries.len(), 1);
    let missing = Action::edge(EdgeCall::Hook(HookCall { secret: SecretRef::Missing, ..plain }));
    let found = claims(&case.spoiled(&state, &missing, |seen| {
        seen.deliveries = good.deliveries.clone();
        seen.exchanges = good.exchanges.clone();
    }));
    assert!(found.contains(&ClaimId::Hks1), "{found:?}");
    let second = EdgeControl::Bind {
        actor: 0,
        app: case.world.app_of_tenant(0, 1).unwrap(),
        connection: hook,
        url: Some(DestinationUrl::Own),
    };
    let found = claims(&case.spoiled(&state, &Action::EdgeControl(second), |seen| seen.control = Some(Ok(()))));
    assert!(found.contains(&ClaimId::Hks1), "{found:?}");
}

#[test]
fn of_calls_at_once_some_order_must_explain_all() {
    let case = Case::new(9);
    // Covers two holds and not a third.
    let tight = (0..case.world.tenants.len()).find(|t| case.world.edge.wallets[*t] == 2_700_003).unwrap();
    let state = State::new(&case.world);
    let call = EdgeCall::Provider(case.call(tight, Provider::Openai, Route::Chat));
    let three = Action::together([call.clone(), call.clone(), call]);
    let served = case.ideal(&state, &three);
    assert!(case.judged(&state, &three, &served).is_clean());
    // All three holds at once: the last is not covered.
    let mut crowded = served.clone();
    let lines = crowded.edge.ledger.get_mut(&tight).unwrap();
    let charged: Vec<u64> =
        lines.chunks(2).map(|pair| pair[0].micros.unsigned_abs() - pair[1].micros.unsigned_abs()).collect();
    let mut balance = state.edge.wallets[tight];
    let mut reordered = Vec::new();
    for pair in lines.chunks(2).take(2) {
        balance -= 1_000_000;
        reordered.push(crate::observation::LedgerLine { balance_after: balance, ..pair[0].clone() });
    }
    for pair in lines.chunks(2).take(2) {
        balance += 1_000_000 - charged[0];
        reordered.push(crate::observation::LedgerLine { balance_after: balance, ..pair[1].clone() });
    }
    *lines = reordered;
    crowded.edge.balances[tight] = balance;
    let broke = Action::edge(EdgeCall::Provider(case.call(tight, Provider::Openai, Route::Chat)));
    let mut empty = state.clone();
    empty.edge.wallets[tight] = 5;
    let refusal = ideal::answer(&due(&case, &empty, &broke));
    crowded.exchanges[2] = Exchange::Answer(refusal.clone());
    crowded.edge.upstream.pop();
    let judgement = case.judged(&state, &three, &crowded);
    assert!(judgement.is_clean(), "{judgement:#?}");
    // A refusal that no order explains, and a call that nobody pays.
    let mut unfounded = served.clone();
    unfounded.exchanges[2] = Exchange::Answer(refusal);
    unfounded.edge.upstream.pop();
    let lines = unfounded.edge.ledger.get_mut(&tight).unwrap();
    lines.truncate(4);
    unfounded.edge.balances[tight] = lines[3].balance_after;
    let found = case.judged(&state, &three, &unfounded).findings;
    assert!(found.iter().any(|finding| finding.claim == ClaimId::Prx3), "{found:?}");
    let mut free = served;
    let lines = free.edge.ledger.get_mut(&tight).unwrap();
    lines.truncate(4);
    free.edge.balances[tight] = lines[3].balance_after;
    let found = case.judged(&state, &three, &free).findings;
    assert!(found.iter().any(|finding| finding.claim == ClaimId::Wal1), "{found:?}");
}

#[test]
fn a_cap_holds_until_the_day_or_the_month_is_over() {
    let case = Case::new(10);
    let tenant = case.rich();
    let key = case.world.capped_key(tenant).unwrap();
    let action =
        provider(ProviderCall { presented: Presented::key(key), ..case.call(tenant, Provider::Openai, Route::Chat) });
    let mut state = State::new(&case.world);
    let index = case.world.edge.key_index(key);
    let status = |state: &State| match due(&case, state, &action).answer {
        DueAnswer::Refused(refusal) => (refusal.status, refusal.code.unwrap_or(""), refusal.retry_after_s),
        DueAnswer::Relayed(relayed) => (relayed.status.unwrap(), "", None),
        other => panic!("{other:?}"),
    };
    let midnight = (state.now_s.div_euclid(86_400) + 1) * 86_400;
    state.now_s = midnight - 1;
    let spend = |state: &mut State, micros: u64| {
        let day = state.now_s.div_euclid(86_400);
        *state.edge.spent.entry(Spender::Key(index)).or_default().entry(day).or_default() = micros;
    };
    spend(&mut state, 1_499_999);
    assert_eq!(status(&state).0, 200);
    spend(&mut state, 1_500_000);
    assert_eq!(status(&state), (429, "spend_cap_daily", Some(1)));
    assert_eq!(spent(&state, Spender::Key(index), true), 1_500_000);
    state.now_s = midnight;
    let is_first_of_month = crate::render::edge::time::civil(midnight.div_euclid(86_400)).2 == 1;
    assert_eq!(status(&state).0, 200);
    if !is_first_of_month {
        spend(&mut state, 300_000);
        assert_eq!(status(&state).1, "spend_cap_monthly");
    }
    // What another key of the app spent is not this one's.
    let mut other = State::new(&case.world);
    *other.edge.spent.entry(Spender::Key(index + 1)).or_default().entry(other.now_s.div_euclid(86_400)).or_default() =
        9_000_000;
    assert_eq!(status(&other).0, 200);
}

#[test]
fn usage_that_is_not_reported_is_estimated_of_bytes_and_events() {
    let case = Case::new(11);
    let tenant = case.rich();
    let state = State::new(&case.world);
    let cost = |kind: UpstreamKind, usage: Usage| {
        let call = ProviderCall {
            upstream: UpstreamReply { kind, usage },
            ..case.call(tenant, Provider::Openai, Route::Chat)
        };
        let (asked, action) = (crate::render::edge::body::body_text(&case.world, &call).unwrap().len(), provider(call));
        (due(&case, &state, &action).bill.unwrap().cost, asked as u64)
    };
    use crate::world::edge::Meter;
    let of = |input: u64, output: u64| {
        let one = |meter, units| {
            super::cost::cost_micros(&case.world, tenant, Provider::Openai, "gpt-4.1-mini", meter, units).unwrap()
        };
        one(Meter::InputTokens, input) + one(Meter::OutputTokens, output)
    };
    let reported = Usage::Reported { input: 1000, output: 70 };
    assert_eq!(cost(UpstreamKind::Answer, reported).0, of(1000, 70));
    assert_eq!(cost(UpstreamKind::Stream(4), reported).0, of(1000, 70));
    let (streamed, asked) = cost(UpstreamKind::Stream(4), Usage::Missing);
    assert_eq!(streamed, of(asked.div_ceil(4), 4));
    let (died, asked) = cost(UpstreamKind::StreamDies(3), reported);
    assert_eq!(died, of(asked.div_ceil(4), 3));
    let lies = crate::action::edge::provider::Lie::ALONE;
    for lie in lies {
        let (cost, asked) = cost(UpstreamKind::Stream(4), Usage::Lies(lie));
        let due = match lie {
            crate::action::edge::provider::Lie::NegativeInput => of(asked.div_ceil(4), 5),
            crate::action::edge::provider::Lie::Largest => of(5, 1_000_000_000_000),
            _ => of(5, 4),
        };
        assert_eq!(cost, due, "{lie:?}");
    }
    for failed in [UpstreamKind::Error(crate::action::edge::provider::ErrorStatus::TooMany), UpstreamKind::Garbage] {
        assert_eq!(cost(failed, reported).0, 0, "{failed:?}");
    }
}

#[test]
fn what_names_a_tenant_changes_nothing() {
    let case = Case::new(12);
    let tenant = case.rich();
    let other = u8::try_from(case.other(tenant)).unwrap();
    let state = State::new(&case.world);
    let plain = case.call(tenant, Provider::Openai, Route::Chat);
    let mut named = plain.clone();
    for field in TenantField::ALL {
        named.carrier.headers.push(EdgeHeader::TenantNamed {
            field,
            spelling: NameSpelling::Underscore,
            tenant: other,
        });
    }
    named.payload.names_tenant = Some(other);
    let (plain, named) = (due(&case, &state, &provider(plain)), due(&case, &state, &provider(named)));
    assert_eq!(plain.bill, named.bill);
    let ledger = case.ideal(&state, &provider(case.call(tenant, Provider::Openai, Route::Chat))).edge.ledger;
    assert_eq!(
        ledger[&tenant].iter().map(|line| line.kind).collect::<Vec<_>>(),
        [LedgerKind::Hold, LedgerKind::Settle]
    );
}
