//! What a tenant's account shows, refuses and leaves behind, and what a key is worth afterwards.

use super::tests::control;
use super::*;
use crate::identity::bearer::{Bearer, KeyDigest};
use crate::identity::hook;
use crate::identity::key::{Caller, Grant, KeyLookup, KeyRefusal};
use crate::ids::{AppId, ExternalId, KeyId, ProviderSlug};
use crate::store::database::{ConnectionRow, ConnectionStatus, Database, Profile};
use crate::store::kv::{Conn, Key};
use crate::store::vault::Field;
use zeroize::Zeroizing;

const START_MS: i64 = 1_700_000_000_000;
const SECOND: Duration = Duration::from_secs(1);

struct Account {
    control: ControlPlane,
    clock: Clock,
    lookup: KeyLookup,
    acme: Workspace,
    globex: Workspace,
}

fn id<T: std::str::FromStr<Err = ids::IdError>>(text: &str) -> T {
    text.parse().unwrap()
}

fn secret(text: &str) -> Option<Zeroizing<String>> {
    Some(Zeroizing::new(text.to_owned()))
}

fn new_app(name: &str, deployment: Option<&str>) -> NewApp {
    NewApp {
        id: id(name),
        deployment: deployment.map(id),
        webhook_secret: secret("app-webhook-secret"),
        daily_cap_micros: None,
        monthly_cap_micros: None,
    }
}

fn new_key(name: &str, grant: Grant) -> NewKey {
    NewKey { id: id(name), grant, expires_at_s: None, daily_cap_micros: None, monthly_cap_micros: None }
}

fn new_connection(name: &str, profile: Profile) -> NewConnection {
    NewConnection {
        id: id(name),
        external_id: id(&format!("ext-{name}")),
        provider: ProviderSlug::parse("openai").unwrap(),
        profile,
        user_id: None,
        account: None,
        credential: secret(&format!("sk-credential-of-{name}")),
        refresh_token: secret(&format!("refresh/token+of={name}")),
        webhook_secret: secret(&format!("hook-secret-of-{name}")),
    }
}

/// Two tenants; acme has the deployment `d-app`, its app `a-app`, the app `a-free` and the connection `c-1`.
async fn account() -> Account {
    let clock = Clock::manual(START_MS);
    let control = control(Duration::ZERO, &clock);
    for (name, slug) in [("T-acme", "acme"), ("T-globex", "globex")] {
        control.create_tenant(id(name), id(slug)).unwrap();
    }
    for (name, owner, slug) in [("d-app", "T-acme", "app"), ("d-two", "T-acme", "two"), ("d-glx", "T-globex", "app")] {
        let new = NewDeployment {
            id: id(name),
            tenant: id(owner),
            slug: id(slug),
            vendo_auth: true,
            legacy: true,
            target: "mem-1".parse().unwrap(),
        };
        control.deploy(new).unwrap();
    }
    let (acme, globex) = (control.workspace(&id("T-acme")).unwrap(), control.workspace(&id("T-globex")).unwrap());
    acme.create_app(new_app("a-app", Some("d-app"))).await.unwrap();
    acme.create_app(new_app("a-free", None)).await.unwrap();
    globex.create_app(new_app("a-glx", Some("d-glx"))).await.unwrap();
    acme.connect(new_connection("c-1", Profile::ByokStatic)).await.unwrap();
    globex.connect(new_connection("c-glx", Profile::ByokStatic)).await.unwrap();
    let lookup = control.key_lookup();
    Account { control, clock, lookup, acme, globex }
}

impl Account {
    async fn caller(&self, plaintext: &str) -> Result<Caller, KeyRefusal> {
        let bearer = Bearer::parse(plaintext.as_bytes()).unwrap();
        self.lookup.caller(bearer, self.clock.now_s()).await.unwrap()
    }

    async fn row(&self, name: &str) -> ConnectionRow {
        self.control.0.database.connection(&self.acme.scope, &id(name)).await.unwrap().unwrap()
    }

    /// The result with the namespace's record, and without it.
    async fn warm_and_cold(&self, plaintext: &str) -> [Result<(), KeyRefusal>; 2] {
        let warm = self.caller(plaintext).await.map(|_| ());
        self.control.drop_key_record(&digest(plaintext)).unwrap();
        [warm, self.caller(plaintext).await.map(|_| ())]
    }
}

fn digest(plaintext: &str) -> KeyDigest {
    Bearer::parse(plaintext.as_bytes()).unwrap().digest()
}

#[tokio::test]
async fn a_key_is_its_tenants_and_opens_what_it_was_issued_for() {
    let account = account().await;
    let of_app = account.acme.issue_key(new_key("k-1", Grant::App(id("a-app")))).await.unwrap();
    let of_connection = account.acme.issue_key(new_key("k-2", Grant::Connection(id("c-1")))).await.unwrap();
    for (issued, name, grant) in
        [(&of_app, "k-1", Grant::App(id("a-app"))), (&of_connection, "k-2", Grant::Connection(id("c-1")))]
    {
        for _ in ["warm", "cold"] {
            let caller = account.caller(&issued.plaintext).await.unwrap();
            assert_eq!(caller.scope().tenant().as_str(), "T-acme");
            assert_eq!((caller.key(), caller.grant()), (&id::<KeyId>(name), &grant));
            assert_eq!((caller.prefix(), issued.prefix.as_str()), (&issued.plaintext[..12], &issued.plaintext[..12]));
            account.control.drop_key_record(&digest(&issued.plaintext)).unwrap();
        }
    }
    let mut other = of_app.plaintext.to_string();
    other.replace_range(40.., if other.ends_with('A') { "B" } else { "A" });
    assert_eq!(account.caller(&other).await.unwrap_err(), KeyRefusal::Unknown);
}

#[tokio::test]
async fn keys_are_drawn_from_the_whole_alphabet_and_never_twice() {
    let account = account().await;
    let mut seen = BTreeMap::<char, usize>::new();
    let mut keys = BTreeSet::new();
    for number in 0..200 {
        let new = new_key(&format!("k-{number}"), Grant::App(id("a-free")));
        let issued = account.acme.issue_key(new).await.unwrap();
        assert!(issued.plaintext.starts_with("vendo_sk_") && issued.plaintext.len() == 41);
        for character in issued.plaintext[9..].chars() {
            *seen.entry(character).or_default() += 1;
        }
        keys.insert(issued.plaintext.to_string());
    }
    assert_eq!((keys.len(), seen.len()), (200, 64));
    // 6400 draws of 64: each about 100 times, and none more than 50 off.
    assert!(seen.values().all(|count| (50..=150).contains(count)), "{seen:?}");
}

#[tokio::test]
async fn a_revoked_key_is_refused_from_then_on() {
    let account = account().await;
    let issued = account.acme.issue_key(new_key("k-1", Grant::App(id("a-app")))).await.unwrap();
    let other = account.acme.issue_key(new_key("k-2", Grant::App(id("a-app")))).await.unwrap();
    assert!(account.caller(&issued.plaintext).await.is_ok());
    for _ in 0..2 {
        account.acme.revoke_key(&id("k-1")).await.unwrap();
        assert_eq!(account.warm_and_cold(&issued.plaintext).await, [Err(KeyRefusal::Revoked); 2]);
    }
    let key = Key::new(&digest(&issued.plaintext).hex()).unwrap();
    assert!(account.control.0.kv.worker().get(&key).await.is_none());
    // Who issued it a moment ago comes late with what he tells the namespace.
    let row = account.control.0.database.keys(&account.acme.scope).await.unwrap().remove(0);
    account.control.0.publications.issued(&account.control.0.kv, &row).unwrap();
    assert_eq!(account.caller(&issued.plaintext).await.unwrap_err(), KeyRefusal::Revoked);
    assert!(account.control.0.kv.worker().get(&key).await.is_none());
    assert!(account.caller(&other.plaintext).await.is_ok());
    let shown = account.acme.keys().await.unwrap();
    assert_eq!(shown.iter().map(|key| key.revoked).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn a_key_ends_at_its_second_and_revoked_comes_first() {
    let account = account().await;
    let now_s = START_MS / 1000;
    let new = NewKey { expires_at_s: Some(now_s + 10), ..new_key("k-1", Grant::App(id("a-app"))) };
    let issued = account.acme.issue_key(new).await.unwrap();
    account.clock.advance(10 * SECOND - Duration::from_millis(1));
    assert!(account.caller(&issued.plaintext).await.is_ok());
    account.clock.advance(Duration::from_millis(1));
    assert_eq!(account.warm_and_cold(&issued.plaintext).await, [Err(KeyRefusal::Expired); 2]);
    account.acme.revoke_key(&id("k-1")).await.unwrap();
    assert_eq!(account.caller(&issued.plaintext).await.unwrap_err(), KeyRefusal::Revoked);
}

#[tokio::test]
async fn a_destroyed_deployments_keys_end_with_it() {
    let account = account().await;
    let mut keys = Vec::new();
    account.acme.create_app(new_app("a-two", Some("d-two"))).await.unwrap();
    for (name, grant) in [
        ("k-app", Grant::App(id("a-app"))),
        ("k-two", Grant::App(id("a-two"))),
        ("k-free", Grant::App(id("a-free"))),
        ("k-con", Grant::Connection(id("c-1"))),
    ] {
        keys.push(account.acme.issue_key(new_key(name, grant)).await.unwrap().plaintext);
    }
    account.control.teardown(&id("d-app")).unwrap();
    account.control.set_status(&id("d-two"), Status::Suspended).unwrap();
    assert_eq!(account.warm_and_cold(&keys[0]).await, [Err(KeyRefusal::Revoked); 2]);
    for key in &keys[1..] {
        assert_eq!(account.warm_and_cold(key).await, [Ok(()); 2]);
    }
    account.control.set_status(&id("d-two"), Status::Destroyed).unwrap();
    assert_eq!(account.warm_and_cold(&keys[1]).await, [Err(KeyRefusal::Revoked); 2]);
    // No new key and no new app for what is gone.
    let late = account.acme.issue_key(new_key("k-late", Grant::App(id("a-app")))).await;
    assert!(matches!(late, Err(AccountError::NotFound)));
    let late = account.acme.create_app(new_app("a-late", Some("d-app"))).await;
    assert!(matches!(late, Err(AccountError::NotFound)));
}

#[tokio::test]
async fn what_is_anothers_is_refused_as_what_never_was() {
    let account = account().await;
    let issued = account.acme.issue_key(new_key("k-1", Grant::App(id("a-app")))).await.unwrap();
    let globex = &account.globex;
    let before = account.control.dump();
    for (app, connection, key, deployment) in [("a-app", "c-1", "k-1", "d-app"), ("none", "none", "none", "none")] {
        let (app, connection, key): (AppId, ConnectionId, KeyId) = (id(app), id(connection), id(key));
        let results = [
            globex.issue_key(new_key("k-x", Grant::App(app.clone()))).await.map(|_| ()),
            globex.issue_key(new_key("k-x", Grant::Connection(connection.clone()))).await.map(|_| ()),
            globex.revoke_key(&key).await,
            globex.create_app(new_app("a-x", Some(deployment))).await.map(|_| ()),
            globex.set_connection_status(&connection, ConnectionStatus::Active).await,
            globex.revoke_connection(&connection).await,
            globex.replace_credential(&connection, Zeroizing::new("x".to_owned()), None).await,
            globex.replace_webhook_secret(&connection, Zeroizing::new("x".to_owned())).await,
            globex.bind(&app, &id("c-glx"), None).await,
            globex.bind(&id("a-glx"), &connection, None).await,
            globex.bind(&id("a-glx"), &connection, Some("https://globex-app.vendo.run")).await,
            globex.bind(&id("a-glx"), &connection, Some("https://acme-app.vendo.run")).await,
            globex.unbind(&app, &connection).await,
            globex.unbind(&id("a-glx"), &id("c-glx")).await,
        ];
        for (number, result) in results.into_iter().enumerate() {
            assert_eq!(result.unwrap_err().to_string(), "not_found", "{number} {app}");
        }
    }
    assert_eq!(account.control.dump(), before);
    assert!(account.caller(&issued.plaintext).await.is_ok());
    assert!(globex.keys().await.unwrap().is_empty());
    assert!(matches!(account.control.workspace(&id("T-none")), Err(ControlError::UnknownTenant(_))));
}

#[tokio::test]
async fn a_webhooks_destination_is_a_live_host_of_its_own_deployment() {
    let account = account().await;
    account.control.claim_domain(&id("d-app"), "crm.acme.example").unwrap();
    account.acme.connect(new_connection("c-2", Profile::WebhookInbound)).await.unwrap();
    let long = format!("https://{}.example", "x".repeat(70));
    for bad in [
        "",
        "https://",
        "acme-app.vendo.run",
        "http://acme-app.vendo.run",
        "HTTPS://acme-app.vendo.run",
        "https://acme-app.vendo.run/",
        "https://acme-app.vendo.run/x",
        "https://acme-app.vendo.run?x",
        "https://acme-app.vendo.run#x",
        "https://acme-app.vendo.run:443",
        "https://acme-app.vendo.run.",
        "https://ACME-app.vendo.run",
        "https://user@acme-app.vendo.run",
        "https://acme-app.vendo.run@globex-app.vendo.run",
        "https://acme-app.vendo.run\\@x",
        "https://acme-app.vendo.run\r\n",
        "https://acme-two.vendo.run",
        "https://globex-app.vendo.run",
        "https://hooks.vendo.run",
        "https://vendo.run",
        "https://127.0.0.1",
        "https://none.example",
        &long,
    ] {
        let result = account.acme.bind(&id("a-app"), &id("c-2"), Some(bad)).await;
        assert!(matches!(result, Err(AccountError::BadDeploymentUrl)), "{bad:?}");
        let none = account.acme.bind(&id("a-free"), &id("c-2"), Some(bad)).await;
        assert!(matches!(none, Err(AccountError::BadDeploymentUrl)), "an app without a deployment: {bad:?}");
    }
    for good in ["https://acme-app.vendo.run", "https://app.acme.vendo.run", "https://crm.acme.example"] {
        account.acme.bind(&id("a-app"), &id("c-2"), Some(good)).await.unwrap();
        account.acme.unbind(&id("a-app"), &id("c-2")).await.unwrap();
    }
    account.control.release_domain(&id("d-app"), "crm.acme.example").unwrap();
    let released = account.acme.bind(&id("a-app"), &id("c-2"), Some("https://crm.acme.example")).await;
    assert!(matches!(released, Err(AccountError::BadDeploymentUrl)));
    account.acme.bind(&id("a-app"), &id("c-2"), None).await.unwrap();
    let second = account.acme.bind(&id("a-free"), &id("c-2"), None).await;
    assert_eq!(second.unwrap_err().to_string(), "connection_in_use");
}

#[tokio::test]
async fn what_a_row_held_before_opens_there_no_more() {
    let account = account().await;
    let vault = account.control.vault().unwrap();
    let columns = |row: &ConnectionRow| {
        [
            ("credential", row.credential.clone()),
            ("refresh", row.refresh.clone()),
            ("webhook_secret", row.webhook_secret.clone()),
        ]
    };
    let read = |row: &ConnectionRow| {
        columns(row).map(|(column, sealed)| {
            String::from_utf8(vault.open(&Field::of_connection(row, column), &sealed.unwrap()).unwrap().to_vec())
                .unwrap()
        })
    };
    let first = account.row("c-1").await;
    let old = ["sk-credential-of-c-1", "refresh/token+of=c-1", "hook-secret-of-c-1"];
    assert_eq!((first.version, read(&first)), (1, old.map(str::to_owned)));
    account.acme.set_connection_status(&id("c-1"), ConnectionStatus::NeedsReauth).await.unwrap();
    let second = account.row("c-1").await;
    assert_eq!((second.version, read(&second)), (2, old.map(str::to_owned)), "a write of the row seals anew");
    account.acme.replace_credential(&id("c-1"), Zeroizing::new("sk-new".to_owned()), None).await.unwrap();
    account.acme.replace_webhook_secret(&id("c-1"), Zeroizing::new("hook-new".to_owned())).await.unwrap();
    let last = account.row("c-1").await;
    assert_eq!((last.version, last.status), (4, ConnectionStatus::NeedsReauth));
    assert_eq!(read(&last), ["sk-new", "refresh/token+of=c-1", "hook-new"]);
    let newer = Zeroizing::new("refresh-new".to_owned());
    account.acme.replace_credential(&id("c-1"), Zeroizing::new("sk-newer".to_owned()), Some(newer)).await.unwrap();
    let now = account.row("c-1").await;
    assert_eq!(read(&now), ["sk-newer", "refresh-new", "hook-new"]);
    for past in [&first, &second, &last] {
        for (column, sealed) in columns(past) {
            assert!(vault.open(&Field::of_connection(&now, column), &sealed.unwrap()).is_err(), "{column} put back");
        }
    }
    for ((column, _), (_, moved)) in columns(&now).into_iter().zip(columns(&now).into_iter().cycle().skip(1)) {
        assert!(vault.open(&Field::of_connection(&now, column), &moved.unwrap()).is_err(), "moved to {column}");
    }
}

#[tokio::test]
async fn a_revoked_connection_is_gone_from_every_place() {
    let account = account().await;
    let purged = Arc::new(Mutex::new(Vec::new()));
    let seen = purged.clone();
    account.control.on_connection_change(Arc::new(move |id| seen.lock().unwrap().push(id.to_string())));
    account.acme.bind(&id("a-app"), &id("c-1"), None).await.unwrap();
    let key = account.acme.issue_key(new_key("k", Grant::Connection(id("c-1")))).await.unwrap();
    let conn = Conn::new("c-1").unwrap();
    let entry = account.control.0.kv.worker().get(&conn).await.unwrap();
    assert_eq!((entry.tenant_id.as_str(), entry.status.as_str()), ("T-acme", "active"));
    account.acme.revoke_connection(&id("c-1")).await.unwrap();
    assert!(account.control.0.kv.worker().get(&conn).await.is_none());
    let row = account.row("c-1").await;
    assert_eq!(row.status, ConnectionStatus::Revoked);
    assert!(row.credential.is_none() && row.refresh.is_none() && row.webhook_secret.is_none());
    let bound = account.control.0.database.bindings(&account.acme.scope, &id("a-app"), "openai").await.unwrap();
    assert!(bound.is_empty());
    assert_eq!(*purged.lock().unwrap(), ["c-1"]);
    // An older state that comes late is not told any more.
    let late = ConnectionRow { version: 1, status: ConnectionStatus::Active, ..row };
    account.control.0.publications.connection(&account.control.0.kv, &late).unwrap();
    assert!(account.control.0.kv.worker().get(&conn).await.is_none());
    assert!(account.caller(&key.plaintext).await.is_ok(), "its key still says whose it is");
    for result in [
        account.acme.set_connection_status(&id("c-1"), ConnectionStatus::Active).await,
        account.acme.replace_credential(&id("c-1"), Zeroizing::new("x".to_owned()), None).await,
        account.acme.bind(&id("a-app"), &id("c-1"), None).await,
        account.acme.issue_key(new_key("k-2", Grant::Connection(id("c-1")))).await.map(|_| ()),
        account.control.stale_connection(&id("c-1"), ConnectionStatus::Active).await,
    ] {
        assert!(matches!(result, Err(AccountError::Revoked)), "{result:?}");
    }
    account.acme.revoke_connection(&id("c-1")).await.unwrap();
}

#[tokio::test]
async fn a_connections_record_follows_its_row_and_lives_a_minute() {
    let account = account().await;
    let conn = Conn::new("c-1").unwrap();
    let worker = account.control.0.kv.worker();
    account.acme.set_connection_status(&id("c-1"), ConnectionStatus::Error).await.unwrap();
    assert_eq!(worker.get(&conn).await.unwrap().status, "error");
    account.control.stale_connection(&id("c-1"), ConnectionStatus::NeedsReauth).await.unwrap();
    assert_eq!(worker.get(&conn).await.unwrap().status, "error", "stale");
    assert_eq!(account.row("c-1").await.status, ConnectionStatus::NeedsReauth);
    account.clock.advance(60 * SECOND);
    assert!(worker.get(&conn).await.is_none());
    let unknown = account.control.stale_connection(&id("none"), ConnectionStatus::Active).await;
    assert!(matches!(unknown, Err(AccountError::NotFound)));
}

#[tokio::test]
async fn writes_of_one_row_at_once_all_count() {
    let account = account().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let acme = account.acme.clone();
        tasks.spawn(async move {
            acme.replace_credential(&id("c-1"), Zeroizing::new(format!("sk-{number}")), None).await.unwrap();
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let row = account.row("c-1").await;
    assert_eq!(row.version, 9);
    let vault = account.control.vault().unwrap();
    assert!(vault.open(&Field::of_connection(&row, "credential"), &row.credential.clone().unwrap()).is_ok());
}

#[tokio::test]
async fn a_webhooks_sender_acts_for_the_connections_tenant_alone() {
    let account = account().await;
    let vault = account.control.vault().unwrap();
    let external: ExternalId = id("ext-c-1");
    let row = account.control.0.database.hook_connections(&external).await.unwrap().remove(0);
    let scope = hook::admit(&vault, Some(&row), Some(b"hook-secret-of-c-1")).unwrap();
    assert_eq!(scope.tenant().as_str(), "T-acme");
    let other = account.control.0.database.hook_connections(&id("ext-c-glx")).await.unwrap().remove(0);
    let bare = ConnectionRow { webhook_secret: None, ..row.clone() };
    for (connection, presented) in [
        (Some(&row), None),
        (Some(&row), Some(&b""[..])),
        (Some(&row), Some(&b"hook-secret-of-c-"[..])),
        (Some(&row), Some(&b"hook-secret-of-c-1 "[..])),
        (Some(&row), Some(&b"hook-secret-of-c-glx"[..])),
        (Some(&other), Some(&b"hook-secret-of-c-1"[..])),
        (Some(&bare), Some(&b"hook-secret-of-c-1"[..])),
        (Some(&bare), Some(&b""[..])),
        (Some(&bare), None),
        (None, Some(&b"hook-secret-of-c-1"[..])),
        (None, Some(&b""[..])),
        (None, None),
    ] {
        assert!(hook::admit(&vault, connection, presented).is_none(), "{presented:?}");
    }
    account.acme.replace_webhook_secret(&id("c-1"), Zeroizing::new("newest".to_owned())).await.unwrap();
    let row = account.control.0.database.hook_connections(&external).await.unwrap().remove(0);
    assert!(hook::admit(&vault, Some(&row), Some(b"hook-secret-of-c-1")).is_none());
    assert!(hook::admit(&vault, Some(&row), Some(b"newest")).is_some());
    account.acme.revoke_connection(&id("c-1")).await.unwrap();
    let row = account.control.0.database.hook_connections(&external).await.unwrap().remove(0);
    assert!(hook::admit(&vault, Some(&row), Some(b"newest")).is_none());
}

#[tokio::test]
async fn secrets_are_drawn_where_none_is_given_and_checked_where_one_is() {
    let account = account().await;
    let first = account.acme.create_app(NewApp { webhook_secret: None, ..new_app("a-1", None) }).await.unwrap();
    let second = account.acme.create_app(NewApp { webhook_secret: None, ..new_app("a-2", None) }).await.unwrap();
    assert!(first.len() == 43 && first != second);
    let hook = NewConnection { webhook_secret: None, ..new_connection("c-2", Profile::WebhookInbound) };
    let drawn = account.acme.connect(hook).await.unwrap().unwrap();
    let row = account.row("c-2").await;
    let vault = account.control.vault().unwrap();
    assert!(hook::admit(&vault, Some(&row), Some(drawn.as_bytes())).is_some());
    let plain = NewConnection { webhook_secret: None, ..new_connection("c-3", Profile::ByokStatic) };
    assert!(account.acme.connect(plain).await.unwrap().is_none());
    assert!(account.row("c-3").await.webhook_secret.is_none());
    let long = "x".repeat(4097);
    for bad in ["", "a b", "a\r\nb", "a/b", "a?b", "a%20", "caf\u{e9}", "a\0", &long] {
        let new = NewConnection { credential: secret(bad), ..new_connection("c-4", Profile::ByokStatic) };
        assert!(matches!(account.acme.connect(new).await, Err(AccountError::BadSecret("credential"))), "{bad:?}");
    }
    for bad in ["", "a b", "a\r\nb", "a\0", &long] {
        let of = || new_connection("c-4", Profile::ByokStatic);
        for new in [
            NewConnection { refresh_token: secret(bad), ..of() },
            NewConnection { webhook_secret: secret(bad), ..of() },
            NewConnection { account: Some(bad.to_owned()), ..of() },
        ] {
            assert!(matches!(account.acme.connect(new).await, Err(AccountError::BadSecret(_))), "{bad:?}");
        }
    }
    let good = NewConnection { credential: secret("123456:AAE-x_y~z.0"), ..new_connection("c-4", Profile::ByokStatic) };
    account.acme.connect(good).await.unwrap();
}

#[tokio::test]
async fn an_imported_key_is_known_by_its_digest() {
    let account = account().await;
    let plaintext = "vendo_sk_ABCDEFGHIJKLMNOPQRSTUVWXYZabc-_9";
    for bad in ["", "vendo_sk_AB", "vendo_sk_ABCD", "vendo-sk-ABC", "vendo_sk_A C"] {
        let new = new_key("k-1", Grant::App(id("a-app")));
        assert!(account.acme.import_key(new, digest(plaintext), bad).await.is_err(), "{bad:?}");
    }
    let new = new_key("k-1", Grant::App(id("a-app")));
    account.acme.import_key(new, digest(plaintext), "vendo_sk_ABC").await.unwrap();
    assert_eq!(account.caller(plaintext).await.unwrap().key().as_str(), "k-1");
    let again = new_key("k-2", Grant::App(id("a-glx")));
    let taken = account.globex.import_key(again, digest(plaintext), "vendo_sk_ABC").await;
    assert!(matches!(taken, Err(AccountError::Taken)));
}

#[tokio::test]
async fn nothing_that_is_stored_or_printed_holds_a_secret() {
    let account = account().await;
    let issued = account.acme.issue_key(new_key("k-1", Grant::App(id("a-app")))).await.unwrap();
    account.acme.bind(&id("a-app"), &id("c-1"), None).await.unwrap();
    account.acme.top_up(5_000_000, "r-1").await.unwrap();
    let dump = account.control.dump();
    for there in
        ["keys KeyRow", "connections ConnectionRow", "data_keys T-acme 1 ", "kv key:", "kv conn:c-1", "credits"]
    {
        assert!(dump.contains(there), "the dump has no {there}");
    }
    assert!(dump.contains(&digest(&issued.plaintext).hex()) && dump.contains(&issued.prefix));
    let printed = format!(
        "{dump} {issued:?} {:?} {:?} {:?} {:?} {:?}",
        account.acme,
        account.caller(&issued.plaintext).await.unwrap(),
        new_connection("c-1", Profile::ByokStatic),
        new_app("a", None),
        account.acme.keys().await.unwrap(),
    );
    for secret in [&issued.plaintext[9..], "sk-credential-of", "refresh/token", "hook-secret-of", "app-webhook-secret"]
    {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!printed.contains(secret) && !printed.contains(&hex), "{secret}");
    }
}

#[tokio::test]
async fn money_is_the_tenants_own() {
    let account = account().await;
    assert_eq!(account.acme.top_up(5, "r-1").await.unwrap(), 5);
    assert_eq!(account.acme.top_up(5, "r-1").await.unwrap(), 5);
    assert!(matches!(account.acme.top_up(6, "r-1").await, Err(AccountError::BadReference)));
    assert!(matches!(account.acme.top_up(6, "").await, Err(AccountError::BadReference)));
    assert!(matches!(account.acme.top_up(u64::MAX, "r-2").await, Err(AccountError::Range)));
    assert_eq!(account.globex.balance().await.unwrap(), 0);
    assert_eq!(account.globex.top_up(7, "r-1").await.unwrap(), 7, "a reference is the tenant's own, too");
    let ledgers = account.control.ledgers();
    assert_eq!(ledgers[&id("T-acme")], account.acme.ledger().await.unwrap());
    assert_eq!(ledgers[&id("T-acme")].len(), 1);
    assert_eq!(account.control.kv_snapshot()["balance:T-acme"], r#"{"micros":5}"#);
    account.control.set_wallet_available(false);
    assert!(account.acme.balance().await.is_err() && account.acme.top_up(1, "r-3").await.is_err());
    account.control.set_wallet_available(true);
    assert_eq!(account.acme.balance().await.unwrap(), 5);
}

#[tokio::test]
async fn members_come_and_go() {
    let account = account().await;
    let is_member = async |user: &str| account.control.0.database.is_member(&account.acme.scope, user).await.unwrap();
    account.control.add_member(&id("T-acme"), "u-1", Role::Viewer).unwrap();
    account.control.add_member(&id("T-globex"), "u-2", Role::Owner).unwrap();
    assert!(is_member("u-1").await && !is_member("u-2").await && !is_member("").await);
    account.control.remove_member(&id("T-acme"), "u-1").unwrap();
    assert!(!is_member("u-1").await);
    let again = account.control.remove_member(&id("T-acme"), "u-1");
    assert!(matches!(again, Err(ControlError::NotAMember(_))));
    let nobody = account.control.add_member(&id("T-none"), "u-1", Role::Viewer);
    assert!(matches!(nobody, Err(ControlError::UnknownTenant(_))));
}
