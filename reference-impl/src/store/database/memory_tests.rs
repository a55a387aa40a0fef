//! What a scope reaches, and that no order of events loses or makes money.

use super::*;
use crate::identity::{self, Role};
use crate::ids::ProviderSlug;
use crate::store::wallet::LedgerKind;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::task::{Context, Poll, Waker};

const NOW: i64 = 1_700_000_000;
const TENANTS: [&str; 3] = ["T-a", "T-b", "T-c"];

/// The result of something that has no reason to wait.
fn now<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the database in memory waited"),
    }
}

fn scope(tenant: &str) -> TenantScope {
    identity::operator(TenantId::parse(tenant).unwrap())
}

fn id<T: std::str::FromStr<Err = crate::ids::IdError>>(text: &str) -> T {
    text.parse().unwrap()
}

fn app(tenant: &str) -> AppRow {
    AppRow {
        id: id(&format!("app-{tenant}")),
        tenant: id(tenant),
        deployment: None,
        webhook_secret: Envelope::from_bytes(&[]),
        daily_cap_micros: None,
        monthly_cap_micros: None,
        version: 1,
        created: 0,
    }
}

fn key(tenant: &str) -> KeyRow {
    let mut digest = [0; 32];
    digest[..3].copy_from_slice(tenant.as_bytes());
    KeyRow {
        id: id(&format!("key-{tenant}")),
        tenant: id(tenant),
        digest: KeyDigest::from_bytes(digest),
        prefix: "vendo_sk_abc".to_owned(),
        grant: Grant::App(id(&format!("app-{tenant}"))),
        revoked_at_s: None,
        expires_at_s: None,
        daily_cap_micros: None,
        monthly_cap_micros: None,
        created: 0,
        #[cfg(feature = "faults")]
        plaintext: None,
    }
}

fn connection(tenant: &str, name: &str, profile: Profile) -> ConnectionRow {
    ConnectionRow {
        id: id(&format!("{name}-{tenant}")),
        tenant: id(tenant),
        external_id: id(&format!("ext-{name}-{tenant}")),
        provider: ProviderSlug::parse("openai").unwrap(),
        profile,
        status: ConnectionStatus::Active,
        user_id: None,
        account: None,
        credential: None,
        refresh: None,
        webhook_secret: None,
        version: 1,
        created: 0,
    }
}

/// Three tenants, each with an app, a key for it, and two connections bound to it.
fn database() -> MemoryDatabase {
    let rates = Rates::new(&[], &[]).unwrap();
    let database = MemoryDatabase::new(rates, Entropy::seeded(1), FaultSet::none());
    for tenant in TENANTS {
        let scope = scope(tenant);
        database.create_tenant(scope.tenant()).unwrap();
        now(database.insert_app(&scope, app(tenant))).unwrap();
        now(database.insert_key(&scope, key(tenant))).unwrap();
        for name in ["first", "second"] {
            let row = connection(tenant, name, Profile::ByokStatic);
            now(database.insert_connection(&scope, row.clone())).unwrap();
            now(database.bind(&scope, &app(tenant).id, &row.id)).unwrap();
        }
    }
    database
}

fn new_hold(tenant: &str, amount: u64) -> NewHold {
    NewHold {
        amount,
        key: key(tenant).id,
        app: Some(app(tenant).id),
        connection: id(&format!("first-{tenant}")),
        provider: "openai",
        model: None,
        at_s: NOW,
    }
}

#[test]
fn a_scope_reaches_its_own_rows_and_another_tenants_are_not_there() {
    let database = database();
    let (own, foreign) = (scope("T-a"), scope("T-b"));
    let (app, first) = (app("T-a").id, id("first-T-a"));
    let user = MemberRow { user_id: "u".to_owned(), tenant: id("T-a"), role: Role::Owner };
    database.put_member(&own, user).unwrap();
    let job = JobRef { provider: "assemblyai", id: "t1".to_owned() };
    now(database.record_job(&own, job.clone())).unwrap();
    now(database.record_job(&foreign, job.clone())).unwrap();
    now(database.top_up(&own, Micros::new(100).unwrap(), "r", NOW)).unwrap();
    let held = now(database.hold(&own, new_hold("T-a", 10))).unwrap();
    for (scope, there) in [(&own, true), (&foreign, false), (&own, true)] {
        assert_eq!(now(database.app(scope, &app)).unwrap().is_some(), there);
        assert_eq!(now(database.connection(scope, &first)).unwrap().is_some(), there);
        assert_eq!(now(database.bindings(scope, &app, "openai")).unwrap().len(), if there { 2 } else { 0 });
        assert_eq!(now(database.bindings_of(scope, &first)).unwrap().len(), usize::from(there));
        assert_eq!(now(database.is_member(scope, "u")).unwrap(), there);
        assert_eq!(now(database.owns_job(scope, &job)).unwrap(), there);
        assert_eq!(now(database.ledger(scope)).unwrap().len(), if there { 2 } else { 0 });
        assert_eq!(now(database.balance(scope)).unwrap(), if there { 90 } else { 0 });
        assert_eq!(now(database.keys(scope)).unwrap().iter().any(|row| row.id == key("T-a").id), there);
    }
    assert!(now(database.bindings(&own, &app, "gemini")).unwrap().is_empty());
    // What is another's can't be changed, and the refusal is that of what never was.
    let other = connection("T-a", "first", Profile::ByokStatic);
    let absent: ConnectionId = id("never");
    for connection in [&first, &absent] {
        assert_eq!(now(database.bind(&foreign, &id("app-T-b"), connection)), Err(DatabaseError::NoRow));
        assert_eq!(now(database.revoke_connection(&foreign, connection)), Err(DatabaseError::NoRow));
        assert_eq!(now(database.unbind(&foreign, &app, connection)), Err(DatabaseError::NoRow));
    }
    assert_eq!(now(database.bind(&foreign, &app, &id("first-T-b"))), Err(DatabaseError::NoRow));
    assert_eq!(
        now(database.update_connection(&foreign, ConnectionRow { version: 2, ..other })),
        Err(DatabaseError::NoRow)
    );
    for key in [key("T-a").id, id("never")] {
        assert_eq!(now(database.revoke_key(&foreign, &key, NOW)), Err(DatabaseError::NoRow));
    }
    for hold in [&held.id, &id("never")] {
        let settled = now(database.settle(&foreign, hold, Settlement::release(NOW)));
        assert_eq!(settled, Err(DatabaseError::NoRow));
    }
    assert!(now(database.key(&key("T-a").digest)).unwrap().unwrap().revoked_at_s.is_none());
    assert_eq!(now(database.bindings(&own, &app, "openai")).unwrap().len(), 2);
    assert_eq!(now(database.balance(&own)).unwrap(), 90);
}

#[test]
fn a_key_is_for_what_its_tenant_has() {
    let database = database();
    let grants = [
        (Grant::App(id("app-T-a")), Ok(())),
        (Grant::App(id("app-T-b")), Err(DatabaseError::NoRow)),
        (Grant::App(id("never")), Err(DatabaseError::NoRow)),
        (Grant::Connection(id("first-T-a")), Ok(())),
        (Grant::Connection(id("first-T-b")), Err(DatabaseError::NoRow)),
        (Grant::Connection(id("never")), Err(DatabaseError::NoRow)),
    ];
    for (number, (grant, result)) in (0..).zip(grants) {
        let digest = KeyDigest::from_bytes([100 + number; 32]);
        let row = KeyRow { id: id(&format!("k{number}")), digest, grant: grant.clone(), ..key("T-a") };
        assert_eq!(now(database.insert_key(&scope("T-a"), row)).map(|_| ()), result, "{grant:?}");
        assert_eq!(now(database.key(&digest)).unwrap().is_some(), result.is_ok(), "{grant:?}");
    }
}

#[test]
fn the_oldest_binding_comes_first_and_a_webhooks_is_the_only_one() {
    let database = database();
    let scope = scope("T-a");
    let bound = |database: &MemoryDatabase| -> Vec<String> {
        let rows = now(database.bindings(&scope, &id("app-T-a"), "openai")).unwrap();
        rows.iter().map(|row| row.connection.to_string()).collect()
    };
    assert_eq!(bound(&database), ["first-T-a", "second-T-a"]);
    now(database.bind(&scope, &id("app-T-a"), &id("first-T-a"))).unwrap();
    assert_eq!(bound(&database), ["first-T-a", "second-T-a"], "bound already");
    now(database.unbind(&scope, &id("app-T-a"), &id("first-T-a"))).unwrap();
    now(database.bind(&scope, &id("app-T-a"), &id("first-T-a"))).unwrap();
    assert_eq!(bound(&database), ["second-T-a", "first-T-a"], "bound anew");

    now(database.insert_app(&scope, AppRow { id: id("other"), ..app("T-a") })).unwrap();
    now(database.insert_connection(&scope, connection("T-a", "hook", Profile::WebhookInbound))).unwrap();
    now(database.bind(&scope, &id("app-T-a"), &id("hook-T-a"))).unwrap();
    now(database.bind(&scope, &id("app-T-a"), &id("hook-T-a"))).unwrap();
    assert_eq!(now(database.bind(&scope, &id("other"), &id("hook-T-a"))), Err(DatabaseError::ConnectionInUse));
    now(database.unbind(&scope, &id("app-T-a"), &id("hook-T-a"))).unwrap();
    now(database.bind(&scope, &id("other"), &id("hook-T-a"))).unwrap();
    now(database.bind(&scope, &id("other"), &id("first-T-a"))).unwrap();
}

#[test]
fn a_revoked_connection_has_nothing_left_and_stays_revoked() {
    let database = database();
    let scope = scope("T-a");
    let sealed = Some(Envelope::from_bytes(b"sealed"));
    let row = now(database.connection(&scope, &id("first-T-a"))).unwrap().unwrap();
    let row = ConnectionRow {
        version: 2,
        credential: sealed.clone(),
        refresh: sealed.clone(),
        webhook_secret: sealed,
        ..row
    };
    now(database.update_connection(&scope, row.clone())).unwrap();
    assert_eq!(now(database.update_connection(&scope, row.clone())), Err(DatabaseError::Conflict));
    let ended = now(database.revoke_connection(&scope, &row.id)).unwrap();
    assert_eq!((ended.status, ended.version), (ConnectionStatus::Revoked, 3));
    assert!(ended.credential.is_none() && ended.refresh.is_none() && ended.webhook_secret.is_none());
    assert!(now(database.bindings_of(&scope, &row.id)).unwrap().is_empty());
    assert_eq!(now(database.revoke_connection(&scope, &row.id)).unwrap(), ended, "once more changes nothing");
    assert_eq!(now(database.bind(&scope, &id("app-T-a"), &row.id)), Err(DatabaseError::Revoked));
    let again = ConnectionRow { version: 4, ..row };
    assert_eq!(now(database.update_connection(&scope, again)), Err(DatabaseError::Revoked));
    let other = now(database.connection(&scope, &id("second-T-a"))).unwrap().unwrap();
    assert_eq!(other.status, ConnectionStatus::Active);
}

#[test]
fn identifiers_are_unique_over_all_tenants() {
    let database = database();
    let scope = scope("T-b");
    let taken = Err(DatabaseError::Taken);
    let foreign = AppRow { id: app("T-a").id, ..app("T-b") };
    assert_eq!(now(database.insert_app(&scope, foreign)), taken);
    let by_id = KeyRow { id: key("T-a").id, digest: KeyDigest::from_bytes([9; 32]), ..key("T-b") };
    assert_eq!(now(database.insert_key(&scope, by_id)).map(|_| ()), taken);
    let by_digest = KeyRow { id: id("new"), digest: key("T-a").digest, ..key("T-b") };
    assert_eq!(now(database.insert_key(&scope, by_digest)).map(|_| ()), taken);
    let other = connection("T-b", "third", Profile::ByokStatic);
    let by_id = ConnectionRow { id: id("first-T-a"), ..other.clone() };
    assert_eq!(now(database.insert_connection(&scope, by_id)), taken);
    // But for what a provider calls them: that another tenant has the same says nothing.
    let by_external = ConnectionRow { external_id: id("ext-first-T-a"), ..other };
    assert_eq!(now(database.insert_connection(&scope, by_external.clone())), Ok(()));
    let so_called = now(database.hook_connections(&id("ext-first-T-a"))).unwrap();
    let owners: Vec<&str> = so_called.iter().map(|row| row.tenant.as_str()).collect();
    assert_eq!(owners, ["T-a", "T-b"]);
    let own = ConnectionRow { id: id("fourth-T-b"), ..by_external };
    assert_eq!(now(database.insert_connection(&scope, own)), taken);
    assert_eq!(now(database.key(&key("T-a").digest)).unwrap().unwrap().tenant.as_str(), "T-a");
    assert_eq!(database.create_tenant(&id("T-a")), taken);
}

#[test]
fn a_wallet_out_of_reach_does_nothing() {
    let database = database();
    let scope = scope("T-a");
    now(database.top_up(&scope, Micros::new(100).unwrap(), "r", NOW)).unwrap();
    let held = now(database.hold(&scope, new_hold("T-a", 10))).unwrap();
    database.set_wallet_available(false);
    assert_eq!(now(database.hold(&scope, new_hold("T-a", 10))), Err(HoldRefusal::Unavailable));
    assert_eq!(now(database.settle(&scope, &held.id, Settlement::release(NOW))), Err(DatabaseError::Unavailable));
    assert_eq!(now(database.balance(&scope)), Err(DatabaseError::Unavailable));
    database.set_wallet_available(true);
    assert_eq!(now(database.settle(&scope, &held.id, Settlement::release(NOW))).unwrap().balance_after, 100);
}

/// What can happen to wallets, in any order.
#[derive(Debug, Clone)]
enum Step {
    TopUp {
        tenant: usize,
        amount: u64,
    },
    Hold {
        tenant: usize,
        amount: u64,
    },
    /// Settles a hold that somebody made, in the scope of a tenant who may be another.
    Settle {
        tenant: usize,
        hold: prop::sample::Index,
        cost: u64,
        job: Option<u8>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let tenant = 0..TENANTS.len();
    prop_oneof![
        1 => (tenant.clone(), 0..200_u64).prop_map(|(tenant, amount)| Step::TopUp { tenant, amount }),
        4 => (tenant.clone(), 0..80_u64).prop_map(|(tenant, amount)| Step::Hold { tenant, amount }),
        5 => (tenant, any::<prop::sample::Index>(), 0..160_u64, prop::option::of(0..3_u8))
            .prop_map(|(tenant, hold, cost, job)| Step::Settle { tenant, hold, cost, job }),
    ]
}

/// The money of one tenant, told by adding up alone.
#[derive(Default)]
struct Told {
    paid_in: u64,
    payments: BTreeSet<u64>,
    open: BTreeMap<HoldId, u64>,
    charged: BTreeMap<HoldId, u64>,
    jobs: BTreeSet<u8>,
    lines: usize,
}

impl Told {
    fn balance(&self) -> u64 {
        self.paid_in - self.open.values().sum::<u64>() - self.charged.values().sum::<u64>()
    }
}

/// Each ledger sums to its balance, at every line, and each hold has one line and at the most one settlement.
fn sound(database: &MemoryDatabase, scope: &TenantScope) -> u64 {
    let lines = now(database.ledger(scope)).unwrap();
    let mut sum = 0_i64;
    let (mut held, mut settled) = (BTreeMap::new(), BTreeSet::new());
    for (line, seq) in lines.iter().zip(1..) {
        sum += line.micros;
        assert!(sum >= 0, "{line:?}");
        assert_eq!((line.seq, line.balance_after), (seq, u64::try_from(sum).unwrap()), "{line:?}");
        match (&line.hold, line.kind) {
            (None, LedgerKind::Credit) => assert!(line.micros >= 0),
            (Some(hold), LedgerKind::Hold) => {
                assert!(line.micros <= 0 && held.insert(hold.clone(), -line.micros).is_none(), "{line:?}");
            }
            (Some(hold), LedgerKind::Settle) => {
                assert!(held.contains_key(hold) && settled.insert(hold.clone()), "{line:?}");
                assert!(line.micros <= held[hold], "a settlement gives back no more than was held: {line:?}");
            }
            _ => panic!("{line:?}"),
        }
        if let Some(key) = &line.key {
            assert_eq!(*key, id(&format!("key-{}", scope.tenant())), "a line is of its own tenant's key");
        }
    }
    assert_eq!(now(database.balance(scope)).unwrap(), u64::try_from(sum).unwrap());
    u64::try_from(sum).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_order_of_events_loses_or_makes_money(steps in prop::collection::vec(step(), 1..120)) {
        let database = database();
        let scopes = TENANTS.map(scope);
        let mut told: [Told; 3] = Default::default();
        let mut holds: Vec<(usize, HoldId)> = Vec::new();
        for step in steps {
            match step {
                Step::TopUp { tenant, amount } => {
                    // The amount is the reference, so that the same amount again is the same payment again.
                    let (amount_micros, reference) = (Micros::new(amount).unwrap(), format!("r{amount}"));
                    let told = &mut told[tenant];
                    if told.payments.insert(amount) {
                        told.paid_in += amount;
                        told.lines += 1;
                    }
                    let balance = now(database.top_up(&scopes[tenant], amount_micros, &reference, NOW));
                    prop_assert_eq!(balance, Ok(told.balance()));
                }
                Step::Hold { tenant, amount } => {
                    let before = told[tenant].balance();
                    match now(database.hold(&scopes[tenant], new_hold(TENANTS[tenant], amount))) {
                        Ok(held) => {
                            prop_assert!(before >= amount);
                            prop_assert_eq!(held.balance_after, before - amount);
                            told[tenant].open.insert(held.id.clone(), amount);
                            told[tenant].lines += 1;
                            holds.push((tenant, held.id));
                        }
                        Err(refusal) => {
                            prop_assert_eq!(refusal, HoldRefusal::BalanceExhausted);
                            prop_assert!(before < amount);
                        }
                    }
                }
                Step::Settle { tenant, hold, cost, job } => {
                    if holds.is_empty() {
                        continue;
                    }
                    let (owner, hold) = hold.get(&holds).clone();
                    let settlement = Settlement {
                        cost: Micros::new(cost).unwrap(),
                        once_for: job.map(|job| JobRef { provider: "assemblyai", id: job.to_string() }),
                        at_s: NOW,
                    };
                    let result = now(database.settle(&scopes[tenant], &hold, settlement));
                    if owner != tenant {
                        prop_assert_eq!(result, Err(DatabaseError::NoRow));
                        continue;
                    }
                    let told = &mut told[tenant];
                    let before = told.balance();
                    let settled = result.unwrap();
                    let Some(amount) = told.open.remove(&hold) else {
                        prop_assert!(settled.repeated);
                        prop_assert_eq!(settled.charged, told.charged[&hold]);
                        continue;
                    };
                    let due = if job.is_none_or(|job| cost > 0 && told.jobs.insert(job)) { cost } else { 0 };
                    let charged = due.min(amount + before);
                    told.charged.insert(hold, charged);
                    told.lines += 1;
                    prop_assert_eq!(
                        settled,
                        Settled { charged, unpaid: due - charged, balance_after: told.balance(), repeated: false }
                    );
                }
            }
        }
        for (told, scope) in told.iter().zip(&scopes) {
            prop_assert_eq!(sound(&database, scope), told.balance());
            prop_assert_eq!(now(database.ledger(scope)).unwrap().len(), told.lines);
        }
    }
}

#[test]
fn threads_that_hold_and_settle_at_once_lose_and_make_nothing() {
    const THREADS: usize = 4;
    const ROUNDS: u64 = 300;
    let database = database();
    let scopes = TENANTS.map(scope);
    for scope in &scopes {
        now(database.top_up(scope, Micros::new(20_000).unwrap(), "r", NOW)).unwrap();
    }
    let barrier = std::sync::Barrier::new(THREADS);
    let charged: Vec<[u64; 3]> = std::thread::scope(|threads| {
        let run = |thread: usize| {
            let (database, scopes, barrier) = (&database, &scopes, &barrier);
            move || {
                let mut charged = [0; 3];
                let mut open: Vec<(usize, HoldId)> = Vec::new();
                barrier.wait();
                for round in 0..ROUNDS {
                    let tenant = (thread + usize::try_from(round).unwrap()) % 3;
                    if let Ok(held) = now(database.hold(&scopes[tenant], new_hold(TENANTS[tenant], 100 + round % 7))) {
                        open.push((tenant, held.id));
                    }
                    if open.len() > 5 || round + 1 == ROUNDS {
                        for (tenant, hold) in open.drain(..) {
                            let cost = Micros::new((round * 13) % 160).unwrap();
                            let settlement = Settlement { cost, once_for: None, at_s: NOW };
                            let first = now(database.settle(&scopes[tenant], &hold, settlement.clone())).unwrap();
                            let again = now(database.settle(&scopes[tenant], &hold, settlement.clone())).unwrap();
                            let foreign = now(database.settle(&scopes[(tenant + 1) % 3], &hold, settlement));
                            assert!(!first.repeated && again.repeated && foreign == Err(DatabaseError::NoRow));
                            charged[tenant] += first.charged;
                        }
                    }
                }
                charged
            }
        };
        let running: Vec<_> = (0..THREADS).map(|thread| threads.spawn(run(thread))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (place, scope) in scopes.iter().enumerate() {
        let taken: u64 = charged.iter().map(|of_thread| of_thread[place]).sum();
        assert!(taken > 0);
        assert_eq!(sound(&database, scope), 20_000 - taken);
    }
}

#[test]
fn of_threads_that_settle_one_hold_one_is_first() {
    let database = database();
    let scope = scope("T-a");
    now(database.top_up(&scope, Micros::new(1000).unwrap(), "r", NOW)).unwrap();
    for round in 0..50 {
        let held = now(database.hold(&scope, new_hold("T-a", 10))).unwrap();
        let barrier = std::sync::Barrier::new(4);
        let firsts = std::thread::scope(|threads| {
            let settle = |cost: u64| {
                let (database, scope, barrier, hold) = (&database, &scope, &barrier, &held.id);
                move || {
                    barrier.wait();
                    let settlement = Settlement { cost: Micros::new(cost).unwrap(), once_for: None, at_s: NOW };
                    now(database.settle(scope, hold, settlement)).unwrap()
                }
            };
            let running: Vec<_> = (0..4).map(|cost| threads.spawn(settle(cost))).collect();
            let settled: Vec<Settled> = running.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert!(settled.iter().all(|one| one.charged == settled[0].charged), "{settled:?}");
            settled.iter().filter(|one| !one.repeated).count()
        });
        assert_eq!(firsts, 1, "round {round}");
        sound(&database, &scope);
    }
}

#[test]
fn of_threads_that_hold_the_last_money_one_gets_it() {
    for round in 0..50 {
        let database = database();
        let scope = scope("T-a");
        now(database.top_up(&scope, Micros::new(150).unwrap(), "r", NOW)).unwrap();
        let barrier = std::sync::Barrier::new(4);
        let granted = std::thread::scope(|threads| {
            let hold = || {
                barrier.wait();
                now(database.hold(&scope, new_hold("T-a", 100))).is_ok()
            };
            let running: Vec<_> = (0..4).map(|_| threads.spawn(hold)).collect();
            running.into_iter().filter_map(|thread| thread.join().unwrap().then_some(())).count()
        });
        assert_eq!((granted, sound(&database, &scope)), (1, 50), "round {round}");
    }
}
