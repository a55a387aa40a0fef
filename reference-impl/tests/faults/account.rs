//! Probes of the faults in keys, the vault, the wallet and the bindings.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests fail by panicking, and each probe is of some faults only"
)]

use super::common::{START_MS, World, deployment, tenant};
use reference_impl::control::{NewApp, NewConnection, NewKey, Workspace};
use reference_impl::identity::bearer::{Bearer, KeyDigest};
use reference_impl::identity::key::{Caller, Grant, KeyRefusal};
use reference_impl::store::database::{Database, Profile};
use reference_impl::store::money::Micros;
use reference_impl::store::vault::{Envelope, Field, Vault};
use reference_impl::store::wallet::{NewHold, Settlement};
use reference_impl::{AppId, ConnectionId, ExternalId, Fault, KeyId, ProviderSlug};
use std::time::Duration;

const NOW_S: i64 = START_MS / 1000;

fn workspace(world: &World, owner: &str) -> Workspace {
    world.platform.control().workspace(&tenant(owner)).unwrap()
}

fn app(name: &str) -> AppId {
    AppId::parse(name).unwrap()
}

fn connection(name: &str) -> ConnectionId {
    ConnectionId::parse(name).unwrap()
}

fn new_app(name: &str, of: Option<&str>) -> NewApp {
    NewApp {
        id: app(name),
        deployment: of.map(deployment),
        webhook_secret: None,
        daily_cap_micros: Some(100),
        monthly_cap_micros: None,
    }
}

fn new_key(name: &str, of: &str) -> NewKey {
    NewKey {
        id: KeyId::parse(name).unwrap(),
        grant: Grant::App(app(of)),
        expires_at_s: None,
        daily_cap_micros: None,
        monthly_cap_micros: None,
    }
}

/// Whom a key stands for, with the namespace's record of it or without.
async fn caller(world: &World, plaintext: &str) -> Result<Caller, KeyRefusal> {
    let lookup = world.platform.control().key_lookup();
    lookup.caller(Bearer::parse(plaintext.as_bytes()).unwrap(), world.clock.now_s()).await.unwrap()
}

async fn whose(world: &World, plaintext: &str) -> String {
    match caller(world, plaintext).await {
        Ok(caller) => format!("{} {}", caller.scope().tenant(), caller.key()),
        Err(refusal) => refusal.to_string(),
    }
}

pub(super) async fn key_probe(fault: Fault, world: &World) -> String {
    let control = world.platform.control();
    let (acme, globex) = (workspace(world, "T-acme"), workspace(world, "T-globex"));
    acme.create_app(new_app("a-app", Some("d-app"))).await.unwrap();
    let new = NewKey { expires_at_s: Some(NOW_S + 10), ..new_key("k-1", "a-app") };
    let key = acme.issue_key(new).await.unwrap();
    let before = whose(world, &key.plaintext).await;
    assert_eq!(before, "T-acme k-1", "a fault leaves an honest caller alone");
    match fault {
        Fault::KeyFoundByPrefix => whose(world, &format!("{}{}", key.prefix, "x".repeat(29))).await,
        Fault::KeyDigestTruncated => {
            let known = format!("vendo_sk_{}", "x".repeat(32));
            let mut digest = *Bearer::parse(known.as_bytes()).unwrap().digest().as_bytes();
            digest[31] ^= 1;
            let new = new_key("k-2", "a-app");
            acme.import_key(new, KeyDigest::from_bytes(digest), "vendo_sk_xxx").await.unwrap();
            whose(world, &known).await
        }
        Fault::RevokedKeyFromCache => {
            acme.revoke_key(&key.id).await.unwrap();
            whose(world, &key.plaintext).await
        }
        Fault::ExpiryNotChecked => {
            world.clock.advance(Duration::from_secs(10));
            whose(world, &key.plaintext).await
        }
        Fault::DestroyedDeploymentKeepsKeys => {
            control.teardown(&deployment("d-app")).unwrap();
            whose(world, &key.plaintext).await
        }
        Fault::KeyStoredInPlain => control.dump().contains(key.plaintext.as_str()).to_string(),
        Fault::RevokeForeignKey => {
            let revoked = globex.revoke_key(&key.id).await.is_ok();
            format!("{revoked} {}", whose(world, &key.plaintext).await)
        }
        Fault::IssueForForeignApp => match globex.issue_key(new_key("k-2", "a-app")).await {
            Ok(issued) => whose(world, &issued.plaintext).await,
            Err(error) => error.to_string(),
        },
        other => panic!("no probe of a key: {}", other.id()),
    }
}

const FIELD: Field<'static> =
    Field { table: "connections", column: "credential", row: "c-1", tenant: "T-acme", version: 1 };

pub(super) fn vault_probe(fault: Fault, vault: &Vault) -> String {
    let sealed = vault.seal(&FIELD, b"value").unwrap();
    assert!(vault.open(&FIELD, &sealed).is_ok(), "a fault leaves an honest reader alone");
    let opens = |field: &Field<'_>, sealed: &Envelope| vault.open(field, sealed).is_ok().to_string();
    match fault {
        Fault::VaultNoAad => opens(&Field { row: "c-2", ..FIELD }, &sealed),
        Fault::VaultAadJoined => opens(&Field { table: "connection", column: "scredential", ..FIELD }, &sealed),
        Fault::VaultVersionLeftOut => opens(&Field { version: 2, ..FIELD }, &sealed),
        Fault::VaultNonceRepeats => {
            let again = vault.restarted(&vault.export_keys()).unwrap();
            let second = |vault: &Vault| {
                vault.seal(&FIELD, b"a").unwrap();
                vault.seal(&FIELD, b"b").unwrap().as_bytes()[5..17].to_vec()
            };
            let nonces = [&again, &vault.restarted(&vault.export_keys()).unwrap()].map(second);
            (nonces[0] == nonces[1]).to_string()
        }
        Fault::VaultOneKeyForAll => {
            vault.seal(&Field { tenant: "T-globex", ..FIELD }, b"value").unwrap();
            vault.export_keys().len().to_string()
        }
        Fault::VaultKeyIdIgnored => {
            let mut altered = sealed.as_bytes().to_vec();
            altered[4] ^= 2;
            opens(&FIELD, &Envelope::from_bytes(&altered))
        }
        other => panic!("no probe of the vault: {}", other.id()),
    }
}

/// A tenant with 150 micro-dollars, an app, a key for it, and a connection bound to a second app.
async fn funded(world: &World, owner: &str, name: &str) -> Caller {
    let workspace = workspace(world, owner);
    workspace.top_up(150, "r").await.unwrap();
    let [first, second] = [1, 2].map(|number| format!("a-{name}{number}"));
    for app in [&first, &second] {
        workspace.create_app(new_app(app, None)).await.unwrap();
    }
    let new = NewConnection {
        id: connection(&format!("c-{name}")),
        external_id: ExternalId::parse(&format!("x-{name}")).unwrap(),
        provider: ProviderSlug::parse("openai").unwrap(),
        profile: Profile::ByokStatic,
        user_id: None,
        account: None,
        credential: None,
        refresh_token: None,
        webhook_secret: None,
    };
    workspace.connect(new).await.unwrap();
    workspace.bind(&app(&second), &connection(&format!("c-{name}")), None).await.unwrap();
    let key = workspace.issue_key(new_key(&format!("k-{name}"), &first)).await.unwrap();
    caller(world, &key.plaintext).await.unwrap()
}

fn new_hold(caller: &Caller, amount: u64) -> NewHold {
    let Grant::App(app) = caller.grant() else { panic!("a key for an app") };
    NewHold {
        amount,
        key: caller.key().clone(),
        app: Some(app.clone()),
        connection: connection("c-any"),
        provider: "openai",
        model: None,
        at_s: NOW_S,
    }
}

/// Every ledger in short.
fn ledgers(world: &World) -> String {
    let ledgers = world.platform.control().ledgers();
    let short = ledgers.into_iter().map(|(tenant, lines)| {
        let lines: Vec<i64> = lines.iter().map(|line| line.micros).collect();
        format!("{tenant} {lines:?}")
    });
    short.collect::<Vec<_>>().join("; ")
}

pub(super) async fn wallet_probe(fault: Fault, world: &World) -> String {
    let database = world.platform.control().database();
    let (acme, globex) = (funded(world, "T-acme", "acme").await, funded(world, "T-globex", "globex").await);
    let settle = |cost: u64| Settlement { cost: Micros::new(cost).unwrap(), once_for: None, at_s: NOW_S };
    match fault {
        Fault::HoldOnSharedWallet => {
            let (first, second) = tokio::join!(
                database.hold(acme.scope(), new_hold(&acme, 10)),
                database.hold(globex.scope(), new_hold(&globex, 20)),
            );
            assert!(first.is_ok() && second.is_ok());
        }
        Fault::SettleIgnoresHoldOwner => {
            let held = database.hold(acme.scope(), new_hold(&acme, 10)).await.unwrap();
            database.hold(globex.scope(), new_hold(&globex, 20)).await.unwrap();
            database.settle(acme.scope(), &held.id, settle(5)).await.unwrap();
        }
        Fault::SettledTwice => {
            let held = database.hold(acme.scope(), new_hold(&acme, 10)).await.unwrap();
            database.settle(acme.scope(), &held.id, settle(5)).await.unwrap();
        }
        Fault::RefusalBills => {
            database.hold(acme.scope(), new_hold(&acme, 100)).await.unwrap();
            database.hold(acme.scope(), new_hold(&acme, 10)).await.unwrap_err();
        }
        Fault::BalanceNotChecked => return database.hold(acme.scope(), new_hold(&acme, 151)).await.is_ok().to_string(),
        Fault::MarginCachedByMeter => {
            database.margin(acme.scope(), "openai", "input_tokens").await.unwrap();
            return database.margin(globex.scope(), "openai", "input_tokens").await.unwrap().to_string();
        }
        Fault::BindingByProviderAlone => {
            let found = database.bindings(acme.scope(), &app("a-acme1"), "openai").await.unwrap();
            return found.len().to_string();
        }
        other => panic!("no probe of a wallet: {}", other.id()),
    }
    ledgers(world)
}
