//! The hooks worker: what reaches a container, and that nobody learns which ids exist.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use common::estate::{Estate, EstateOptions, HOOKS, NOW_S, app_id, connection_id};
use common::{Answer, Client, Seen, deployment, slug, tenant};
use hmac::{Hmac, KeyInit, Mac};
use reference_impl::store::database::{ConnectionStatus, Profile};
use reference_impl::{
    AccountError, ExternalId, Guard, Limits, NewApp, NewConnection, NewDeployment, ProviderSlug, Received, Reply,
    Status, Worker,
};
use std::time::Duration;
use zeroize::Zeroizing;

const BODY: &str = r#"{"update_id":7,"message":"hello"}"#;

fn secret(of: &str) -> String {
    format!("x-webhook-secret: hook-of-{of}\r\n")
}

/// The signature as a container computes it, by its own reading of the contract.
fn signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{timestamp}.").as_bytes());
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn one(received: &Received, name: &str) -> String {
    let values: Vec<&[u8]> = received.header(name).collect();
    let [value] = values.as_slice() else { panic!("{name}: {values:?}") };
    String::from_utf8(value.to_vec()).unwrap()
}

/// What a container was sent, verified.
fn verified(estate: &Estate, app: &str, connection: &str, provider: &str, body: &[u8]) -> Received {
    let mut received = estate.container(app).drain();
    assert_eq!(received.len(), 1, "{app}");
    let received = received.remove(0);
    assert_eq!(
        (received.method.as_str(), received.target.as_str()),
        ("POST", format!("/vendo/webhooks/{provider}").as_str())
    );
    assert_eq!(received.body, body);
    let timestamp = one(&received, "vendo-timestamp");
    assert_eq!(one(&received, "vendo-signature"), signature(&estate.app_secrets[app], &timestamp, body));
    assert_eq!(
        (one(&received, "x-vendo-connection-id"), one(&received, "x-vendo-provider")),
        (connection.to_owned(), provider.to_owned())
    );
    assert_eq!(one(&received, "host"), estate.container(app).endpoint().to_string());
    received
}

#[track_caller]
fn assert_constant(answer: &Answer, status: u16) {
    assert_eq!((answer.status, answer.header("cache-control")), (status, Some("no-store")), "{}", answer.text());
    assert_eq!((answer.header("date"), answer.header("server"), answer.header("connection")), (None, None, None));
}

#[tokio::test]
async fn a_webhook_reaches_its_deployment_signed_with_its_apps_secret() {
    let estate = Estate::start().await;
    for (target, lines, app, connection, provider) in [
        ("/ext-a-hook", secret("a-hook"), "a-app", "a-hook", "discord"),
        ("/ext-g-hook", secret("g-hook"), "g-app", "g-hook", "discord"),
        (
            "/ext-a-telegram?x=1",
            "X-Telegram-Bot-Api-Secret-Token: hook-of-a-telegram\r\n".to_owned(),
            "a-app",
            "a-telegram",
            "telegram",
        ),
    ] {
        let answer = estate.hook(target, &format!("{lines}content-type: application/json\r\n"), BODY).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        let received = verified(&estate, app, connection, provider, BODY.as_bytes());
        assert_eq!(one(&received, "vendo-timestamp"), NOW_S.to_string());
        assert_eq!(one(&received, "content-type"), "application/json");
        assert_eq!(estate.reached(), []);
    }
    let empty = estate.hook("/ext-a-hook", &secret("a-hook"), "").await;
    assert_eq!(empty.status, 200);
    let received = verified(&estate, "a-app", "a-hook", "discord", b"");
    assert_eq!(received.header("content-type").count(), 0);
}

#[tokio::test]
async fn nothing_of_the_senders_passes_but_body_and_content_type() {
    let estate = Estate::start().await;
    let lines = format!(
        "{}vendo-timestamp: 1\r\nvendo-signature: forged\r\nx-vendo-connection-id: g-hook\r\nx-vendo-provider: slack\r\n\
         x-vendo-tenant-id: T-globex\r\nx_vendo_provider: slack\r\nauthorization: Bearer x\r\ncookie: a=b\r\n\
         user-agent: sender\r\naccept: */*\r\nx-forwarded-host: evil.example\r\ncontent-encoding: identity\r\n\
         content-type: text/plain\r\n",
        secret("a-hook")
    );
    assert_eq!(estate.hook("/ext-a-hook", &lines, BODY).await.status, 200);
    let received = verified(&estate, "a-app", "a-hook", "discord", BODY.as_bytes());
    let mut names: Vec<String> = received.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    let expected = [
        "content-length",
        "content-type",
        "host",
        "vendo-signature",
        "vendo-timestamp",
        "x-vendo-connection-id",
        "x-vendo-provider",
    ];
    assert_eq!(names, expected);
    assert!(!String::from_utf8_lossy(&received.head_bytes).contains("hook-of-"), "the secret never goes on");
}

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_one() {
    let estate = Estate::start().await;
    estate.workspace("acme").revoke_connection(&connection_id("a-hook-loose")).await.unwrap();
    let unknown = estate.hook("/ext-never-was", &secret("a-hook"), BODY).await;
    assert_constant(&unknown, 412);
    for (target, lines) in [
        ("/ext-a-hook", String::new()),
        ("/ext-a-hook", "x-webhook-secret: wrong\r\n".to_owned()),
        ("/ext-a-hook", "x-webhook-secret: \r\n".to_owned()),
        ("/ext-a-hook", "x-webhook-secret: hook-of-a-hoo\r\n".to_owned()),
        ("/ext-a-hook", "x-webhook-secret: hook-of-a-hookk\r\n".to_owned()),
        ("/ext-a-hook", "x-webhook-secret: HOOK-OF-A-HOOK\r\n".to_owned()),
        ("/ext-a-hook", "x_webhook_secret: hook-of-a-hook\r\n".to_owned()),
        ("/ext-a-hook", "x-telegram-bot-api-secret-token: hook-of-a-hook\r\n".to_owned()),
        ("/ext-a-telegram", "x-webhook-secret: hook-of-a-telegram\r\n".to_owned()),
        ("/ext-a-hook", format!("{0}{0}", secret("a-hook"))),
        // Another's secret: of another tenant, of a sibling, of the same provider.
        ("/ext-a-hook", secret("g-hook")),
        ("/ext-a-hook", secret("a-telegram")),
        ("/ext-a-hook", secret("a-slack")),
        ("/ext-g-hook", secret("a-hook")),
        // No id of the provider's.
        ("/a-hook", secret("a-hook")),
        ("/", secret("a-hook")),
        ("/ext-a-hook/", secret("a-hook")),
        ("/ext-a-hook/x", secret("a-hook")),
        ("//ext-a-hook", secret("a-hook")),
        ("/EXT-A-HOOK", secret("a-hook")),
        ("/ext%2Da-hook", secret("a-hook")),
        ("/x/../ext-a-hook", secret("a-hook")),
        ("/ext-a-hook-loose", secret("a-hook-loose")),
    ] {
        let answer = estate.hook(target, &lines, BODY).await;
        assert_eq!(answer.raw, unknown.raw, "{target} {lines}");
    }
    assert_eq!(estate.reached(), []);
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        for target in ["/ext-a-hook", "/ext-never-was", "/"] {
            let request = format!("{method} {target} HTTP/1.1\r\nhost: {HOOKS}\r\nx-webhook-secret: wrong\r\n\r\n");
            assert_eq!(estate.send(request).await.raw, unknown.raw, "{method} {target}");
        }
    }
    let (events, lines) = estate.traces();
    assert!(events.iter().all(|(worker, guards, _)| *worker == Worker::Hooks && guards.contains(Guard::WebhookSecret)));
    let line = "worker=hooks status=412 code=precondition_failed tenant=- key=- connection=- provider=- micros=-";
    assert!(lines.iter().all(|seen| seen == line), "{lines:?}");
}

#[tokio::test]
async fn a_body_is_not_waited_for_until_the_secret_is_right() {
    let estate = Estate::start().await;
    let mut answers = Vec::new();
    for (target, lines) in
        [("/ext-a-hook", "x-webhook-secret: wrong\r\n".to_owned()), ("/ext-never-was", secret("a-hook"))]
    {
        for length in [10, 10_000_000] {
            let mut client = Client::new(estate.network.dial(&estate.platform.http_endpoint()).await.unwrap());
            client
                .send(format!("POST {target} HTTP/1.1\r\nhost: {HOOKS}\r\n{lines}content-length: {length}\r\n\r\n"))
                .await;
            answers.push(client.answer().await);
        }
    }
    assert!(answers.iter().all(|answer| answer.status == 412 && answer.raw == answers[0].raw), "{answers:?}");
}

#[tokio::test]
async fn an_unproven_request_closes_nothing() {
    let estate = Estate::start().await;
    let mut client = Client::new(estate.network.dial(&estate.platform.http_endpoint()).await.unwrap());
    for (lines, status) in
        [("x-webhook-secret: wrong\r\n".to_owned(), 412), (secret("a-hook"), 200), (String::new(), 412)]
    {
        client
            .send(format!("POST /ext-a-hook HTTP/1.1\r\nhost: {HOOKS}\r\n{lines}content-length: 2\r\n\r\n{{}}"))
            .await;
        assert_eq!(client.answer().await.status, status);
    }
}

#[tokio::test]
async fn with_the_right_secret_the_rest_is_told() {
    let estate = Estate::start().await;
    let own = secret("a-hook");
    for method in ["GET", "PUT", "OPTIONS", "DELETE"] {
        let answer = estate.send(format!("{method} /ext-a-hook HTTP/1.1\r\nhost: {HOOKS}\r\n{own}\r\n")).await;
        assert_constant(&answer, 405);
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    let fits = "x".repeat(1024 * 1024);
    assert_eq!(estate.hook("/ext-a-hook", &own, &fits).await.status, 200);
    verified(&estate, "a-app", "a-hook", "discord", fits.as_bytes());
    let mut client = Client::new(estate.network.dial(&estate.platform.http_endpoint()).await.unwrap());
    client.send(format!("POST /ext-a-hook HTTP/1.1\r\nhost: {HOOKS}\r\n{own}content-length: 1048577\r\n\r\n")).await;
    assert_constant(&client.answer().await, 413);
    let mut client = Client::new(estate.network.dial(&estate.platform.http_endpoint()).await.unwrap());
    let chunk = format!("{:x}\r\n{fits}\r\n1\r\nx\r\n0\r\n\r\n", fits.len());
    client
        .send(format!("POST /ext-a-hook HTTP/1.1\r\nhost: {HOOKS}\r\n{own}transfer-encoding: chunked\r\n\r\n{chunk}"))
        .await;
    assert_constant(&client.answer().await, 413);
    assert_constant(&estate.hook("/ext-a-hook-loose", &secret("a-hook-loose"), BODY).await, 404);
    assert_eq!(estate.reached(), []);
}

#[tokio::test]
async fn a_deployment_that_does_not_run_gets_nothing() {
    let estate = Estate::start().await;
    let control = estate.platform.control();
    for status in Status::ALL {
        control.set_status(&deployment("a-app"), status).unwrap();
        let answer = estate.hook("/ext-a-hook", &secret("a-hook"), BODY).await;
        let expected = match status {
            Status::Running => 200,
            Status::Destroyed => 404,
            Status::Suspending
            | Status::Suspended
            | Status::Resuming
            | Status::SuspendFailed
            | Status::ResumeFailed => 503,
        };
        assert_eq!((answer.status, estate.reached().len()), (expected, usize::from(expected == 200)), "{status:?}");
    }
    control.set_status(&deployment("a-app"), Status::Running).unwrap();
    control.teardown(&deployment("a-app")).unwrap();
    assert_constant(&estate.hook("/ext-a-hook", &secret("a-hook"), BODY).await, 404);
    assert_eq!(estate.reached(), []);
}

#[tokio::test]
async fn a_destination_is_named_by_the_binding_and_by_nothing_else() {
    let estate = Estate::start().await;
    let workspace = estate.workspace("acme");
    for (target, lines, body) in [
        ("/ext-a-hook?deployment=g-app&deployment_url=https://globex-app.vendo.run", String::new(), BODY),
        (
            "/ext-a-hook",
            "x-vendo-deployment-id: g-app\r\nx-vendo-tenant-id: T-globex\r\nx-forwarded-host: globex-app.vendo.run\r\n"
                .to_owned(),
            BODY,
        ),
        ("/ext-a-hook", String::new(), r#"{"deployment_url":"https://globex-app.vendo.run","deployment_id":"g-app"}"#),
        ("/ext-a-hook", "x-vendo-connection: g-hook\r\n".to_owned(), BODY),
    ] {
        assert_eq!(estate.hook(target, &format!("{}{lines}", secret("a-hook")), body).await.status, 200);
        verified(&estate, "a-app", "a-hook", "discord", body.as_bytes());
        assert_eq!(estate.reached(), []);
    }
    for url in [
        "https://globex-app.vendo.run",
        "https://acme-site.vendo.run",
        "http://acme-app.vendo.run",
        "https://acme-app.vendo.run:443",
        "https://acme-app.vendo.run/",
        "https://user@acme-app.vendo.run",
        "https://acme-app.vendo.run.evil.example",
        "https://127.0.0.1",
        "",
    ] {
        let refused = workspace.bind(&app_id("a-app"), &connection_id("a-hook-loose"), Some(url)).await;
        assert!(matches!(refused, Err(AccountError::BadDeploymentUrl)), "{url}: {refused:?}");
    }
    // A binding that moves takes the webhook with it, and one at a time is live.
    let taken = workspace.bind(&app_id("a-site"), &connection_id("a-hook"), None).await;
    assert!(matches!(taken, Err(AccountError::ConnectionInUse)), "{taken:?}");
    workspace.unbind(&app_id("a-app"), &connection_id("a-hook")).await.unwrap();
    assert_constant(&estate.hook("/ext-a-hook", &secret("a-hook"), BODY).await, 404);
    workspace.bind(&app_id("a-site"), &connection_id("a-hook"), Some("https://acme-site.vendo.run")).await.unwrap();
    assert_eq!(estate.hook("/ext-a-hook", &secret("a-hook"), BODY).await.status, 200);
    verified(&estate, "a-site", "a-hook", "discord", BODY.as_bytes());
    assert_eq!(estate.reached(), []);
}

#[tokio::test]
async fn only_the_newest_secret_is_good() {
    let estate = Estate::start().await;
    let workspace = estate.workspace("acme");
    assert_eq!(estate.hook("/ext-a-hook", &secret("a-hook"), BODY).await.status, 200);
    workspace.replace_webhook_secret(&connection_id("a-hook"), Zeroizing::new("anew".to_owned())).await.unwrap();
    assert_eq!(estate.hook("/ext-a-hook", &secret("a-hook"), BODY).await.status, 412);
    assert_eq!(estate.hook("/ext-a-hook", "x-webhook-secret: anew\r\n", BODY).await.status, 200);
    for status in [ConnectionStatus::NeedsReauth, ConnectionStatus::Error] {
        workspace.set_connection_status(&connection_id("a-hook"), status).await.unwrap();
        assert_eq!(estate.hook("/ext-a-hook", "x-webhook-secret: anew\r\n", BODY).await.status, 200, "{status:?}");
    }
    workspace.revoke_connection(&connection_id("a-hook")).await.unwrap();
    assert_eq!(estate.hook("/ext-a-hook", "x-webhook-secret: anew\r\n", BODY).await.status, 412);
}

#[tokio::test]
async fn the_containers_status_is_the_answer_and_nothing_else_of_it() {
    let limits = Limits { response_head_timeout: Duration::from_millis(300), ..Limits::default() };
    let estate = Estate::with(EstateOptions { limits, ..EstateOptions::default() }).await;
    let container = estate.container("a-app");
    for (status, location) in
        [(200, None), (204, None), (418, None), (500, None), (302, Some("g-app")), (307, Some("g-app"))]
    {
        let mut headers =
            vec![("x-container".to_owned(), b"says".to_vec()), ("set-cookie".to_owned(), b"a=b".to_vec())];
        if let Some(other) = location {
            headers
                .push(("location".to_owned(), format!("http://{}/", estate.container(other).endpoint()).into_bytes()));
        }
        container.script(Reply::Response {
            status,
            headers,
            chunks: vec![b"body".to_vec()],
            chunked: false,
            trailers: vec![],
        });
        let answer = estate.hook("/ext-a-hook", &secret("a-hook"), BODY).await;
        assert_eq!((answer.status, answer.body.len()), (status, 0));
        let names: Vec<&str> =
            answer.headers.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "content-length").collect();
        assert_eq!(names, ["cache-control"]);
        assert_eq!(estate.reached(), [("a-app", 1)], "{status}: no redirect is followed");
    }
    for reply in [
        Reply::Raw(b"nonsense\r\n\r\n".to_vec()),
        Reply::Raw(Vec::new()),
        Reply::Raw(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_vec()),
        Reply::Hold(Box::new(Reply::Page)),
    ] {
        container.script(reply.clone());
        let answer = estate.hook("/ext-a-hook", &secret("a-hook"), BODY).await;
        assert_constant(&answer, 502);
        assert_eq!(estate.reached().len(), 1, "{reply:?}");
    }
}

#[tokio::test]
async fn a_delivery_leaves_its_guards_and_one_line() {
    let estate = Estate::start().await;
    estate.hook("/ext-a-hook?token=hidden", &secret("a-hook"), BODY).await;
    let (events, lines) = estate.traces();
    let [(Worker::Hooks, guards, 200)] = events.as_slice() else { panic!("{events:?}") };
    for guard in [Guard::WebhookSecret, Guard::Scope, Guard::WebhookDelivery] {
        assert!(guards.contains(guard), "{guard:?} in {guards:?}");
    }
    let line = "worker=hooks status=200 code=- tenant=T-acme key=- connection=a-hook provider=discord micros=-";
    assert_eq!(lines, [line]);
}

/// What is done to acme while a webhook for `a-hook` is under way.
#[derive(Debug, Clone, Copy)]
enum Meanwhile {
    Nothing,
    SecretReplaced,
    ConnectionRevoked,
    Unbound,
    BoundElsewhere,
    Suspended,
    TornDown,
}

impl Meanwhile {
    async fn happen(self, estate: &Estate) {
        let (workspace, hook) = (estate.workspace("acme"), connection_id("a-hook"));
        match self {
            Self::Nothing => {}
            Self::SecretReplaced => {
                workspace.replace_webhook_secret(&hook, Zeroizing::new("anew".to_owned())).await.unwrap();
            }
            Self::ConnectionRevoked => workspace.revoke_connection(&hook).await.unwrap(),
            Self::Unbound => workspace.unbind(&app_id("a-app"), &hook).await.unwrap(),
            Self::BoundElsewhere => {
                workspace.unbind(&app_id("a-app"), &hook).await.unwrap();
                workspace.bind(&app_id("a-site"), &hook, None).await.unwrap();
            }
            Self::Suspended => {
                estate.platform.control().set_status(&deployment("a-app"), Status::Suspended).unwrap();
            }
            Self::TornDown => estate.platform.control().teardown(&deployment("a-app")).unwrap(),
        }
    }
}

#[tokio::test]
async fn what_ends_while_a_body_is_read_is_not_delivered() {
    for (meanwhile, expected) in [
        (Meanwhile::Nothing, 200),
        (Meanwhile::SecretReplaced, 412),
        (Meanwhile::ConnectionRevoked, 412),
        (Meanwhile::Unbound, 404),
        (Meanwhile::Suspended, 503),
        (Meanwhile::TornDown, 404),
    ] {
        let estate = Estate::start().await;
        let mut client = Client::new(estate.network.dial(&estate.platform.http_endpoint()).await.unwrap());
        let (begin, last) = BODY.split_at(BODY.len() - 1);
        let (lines, length) = (secret("a-hook"), BODY.len());
        let head = format!("POST /ext-a-hook HTTP/1.1\r\nhost: {HOOKS}\r\n{lines}content-length: {length}\r\n\r\n");
        client.send(head + begin).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        meanwhile.happen(&estate).await;
        client.send(last).await;
        let answer = client.answer().await;
        let reached = if expected == 200 { vec![("a-app", 1)] } else { vec![] };
        assert_eq!((answer.status, estate.reached()), (expected, reached), "{meanwhile:?}");
    }
    // To the app that it is bound to when its body is there, and signed by that one.
    let estate = Estate::start().await;
    let mut client = Client::new(estate.network.dial(&estate.platform.http_endpoint()).await.unwrap());
    let lines = secret("a-hook");
    client.send(format!("POST /ext-a-hook HTTP/1.1\r\nhost: {HOOKS}\r\n{lines}content-length: 2\r\n\r\n{{")).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    Meanwhile::BoundElsewhere.happen(&estate).await;
    client.send("}").await;
    assert_eq!(client.answer().await.status, 200);
    verified(&estate, "a-site", "a-hook", "discord", b"{}");
    assert_eq!(estate.reached(), []);
}

#[tokio::test]
async fn what_ends_while_a_connection_to_the_container_is_awaited_is_not_sent() {
    use tokio::io::AsyncReadExt as _;
    for (meanwhile, expected) in [
        (Meanwhile::SecretReplaced, 412),
        (Meanwhile::ConnectionRevoked, 412),
        (Meanwhile::Unbound, 404),
        (Meanwhile::BoundElsewhere, 503),
        (Meanwhile::Suspended, 503),
    ] {
        let estate = Estate::start().await;
        let (mut acceptor, target) = estate.network.bind().unwrap();
        let control = estate.platform.control();
        let new = NewDeployment {
            id: deployment("a-full"),
            tenant: tenant("T-acme"),
            slug: slug("full"),
            vendo_auth: false,
            legacy: false,
            target,
        };
        control.deploy(new).unwrap();
        let workspace = estate.workspace("acme");
        let app = NewApp {
            id: app_id("a-full"),
            deployment: Some(deployment("a-full")),
            webhook_secret: None,
            daily_cap_micros: None,
            monthly_cap_micros: None,
        };
        workspace.create_app(app).await.unwrap();
        workspace.unbind(&app_id("a-app"), &connection_id("a-hook")).await.unwrap();
        workspace.bind(&app_id("a-full"), &connection_id("a-hook"), None).await.unwrap();
        let mut queue = Vec::new();
        while let Ok(dialled) = tokio::time::timeout(Duration::from_millis(50), estate.network.dial(&target)).await {
            queue.push(dialled.unwrap());
        }
        let mut client = Client::new(estate.network.dial(&estate.platform.http_endpoint()).await.unwrap());
        let lines = secret("a-hook");
        let head = format!("POST /ext-a-hook HTTP/1.1\r\nhost: {HOOKS}\r\n{lines}content-length: 2\r\n\r\n{{}}");
        client.send(head).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        match meanwhile {
            Meanwhile::Unbound => workspace.unbind(&app_id("a-full"), &connection_id("a-hook")).await.unwrap(),
            Meanwhile::BoundElsewhere => {
                workspace.unbind(&app_id("a-full"), &connection_id("a-hook")).await.unwrap();
                workspace.bind(&app_id("a-app"), &connection_id("a-hook"), None).await.unwrap();
            }
            Meanwhile::Suspended => control.set_status(&deployment("a-full"), Status::Suspended).unwrap(),
            Meanwhile::Nothing | Meanwhile::SecretReplaced | Meanwhile::ConnectionRevoked | Meanwhile::TornDown => {
                meanwhile.happen(&estate).await
            }
        }
        for _ in &queue {
            acceptor.accept().await.unwrap();
        }
        let mut container = acceptor.accept().await.unwrap();
        assert_eq!(client.answer().await.status, expected, "{meanwhile:?}");
        let mut sent = Vec::new();
        container.read_to_end(&mut sent).await.unwrap();
        assert!(sent.is_empty(), "{meanwhile:?}: the container was sent {} bytes", sent.len());
        assert_eq!(estate.reached(), [], "{meanwhile:?}");
    }
}

#[tokio::test]
async fn a_tenant_whose_webhooks_fill_its_share_is_refused_and_another_is_not() {
    let limits = Limits { held_bytes_of_tenant: 100_000, ..Limits::default() };
    let estate = Estate::with(EstateOptions { limits, ..EstateOptions::default() }).await;
    let large = "x".repeat(80_000);
    let begun = async |path: &str, lines: String| {
        let mut client = Client::new(estate.network.dial(&estate.platform.http_endpoint()).await.unwrap());
        let head = format!("POST {path} HTTP/1.1\r\nhost: {HOOKS}\r\n{lines}content-length: 80001\r\n\r\n");
        client.send(head + &large).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        client
    };
    let mut first = begun("/ext-a-hook", secret("a-hook")).await;
    let telegram = "x-telegram-bot-api-secret-token: hook-of-a-telegram\r\n".to_owned();
    let refused = begun("/ext-a-telegram", telegram).await.answer().await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    let mut other = begun("/ext-g-hook", secret("g-hook")).await;
    for client in [&mut first, &mut other] {
        client.send("x").await;
        assert_eq!(client.answer().await.status, 200);
    }
    assert_eq!(estate.reached(), [("a-app", 1), ("g-app", 1)]);
}

#[tokio::test]
async fn an_external_id_of_another_tenant_is_neither_told_nor_taken() {
    let estate = Estate::start().await;
    let (acme, globex) = (estate.workspace("acme"), estate.workspace("globex"));
    let new = |id: &str, external: &str, secret: &str| NewConnection {
        id: connection_id(id),
        external_id: ExternalId::parse(external).unwrap(),
        provider: ProviderSlug::parse("discord").unwrap(),
        profile: Profile::WebhookInbound,
        user_id: None,
        account: None,
        credential: None,
        refresh_token: None,
        webhook_secret: Some(Zeroizing::new(secret.to_owned())),
    };
    // One that is acme's and one that is nobody's are answered alike, and globex's own is its own affair.
    globex.connect(new("g-new-1", "ext-a-hook", "hook-of-g-new-1")).await.unwrap();
    globex.connect(new("g-new-2", "ext-never-was", "hook-of-g-new-2")).await.unwrap();
    let own = globex.connect(new("g-new-3", "ext-g-hook", "x")).await;
    assert!(matches!(own, Err(AccountError::Taken)), "{own:?}");
    let own = acme.connect(new("a-new-1", "ext-a-hook", "x")).await;
    assert!(matches!(own, Err(AccountError::Taken)), "{own:?}");
    globex.unbind(&app_id("g-app"), &connection_id("g-hook")).await.unwrap();
    globex.bind(&app_id("g-app"), &connection_id("g-new-1"), None).await.unwrap();
    // Each gets what is sent with its secret, and nothing else.
    assert_eq!(estate.hook("/ext-a-hook", &secret("a-hook"), BODY).await.status, 200);
    verified(&estate, "a-app", "a-hook", "discord", BODY.as_bytes());
    assert_eq!(estate.hook("/ext-a-hook", &secret("g-new-1"), BODY).await.status, 200);
    verified(&estate, "g-app", "g-new-1", "discord", BODY.as_bytes());
    for wrong in ["g-hook", "g-new-2"] {
        assert_constant(&estate.hook("/ext-a-hook", &secret(wrong), BODY).await, 412);
    }
    // Revoking one leaves the other. Two that can't be told apart get nothing.
    globex.revoke_connection(&connection_id("g-new-1")).await.unwrap();
    assert_constant(&estate.hook("/ext-a-hook", &secret("g-new-1"), BODY).await, 412);
    assert_eq!(estate.hook("/ext-a-hook", &secret("a-hook"), BODY).await.status, 200);
    verified(&estate, "a-app", "a-hook", "discord", BODY.as_bytes());
    globex.connect(new("g-new-4", "ext-a-telegram", "hook-of-a-telegram")).await.unwrap();
    let ambiguous = format!("{}x-telegram-bot-api-secret-token: hook-of-a-telegram\r\n", secret("a-telegram"));
    assert_constant(&estate.hook("/ext-a-telegram", &ambiguous, BODY).await, 412);
    assert_eq!(estate.reached(), []);
}

#[tokio::test]
async fn an_external_id_that_never_was_takes_the_same_work_as_one_that_is() {
    let estate = Estate::start().await;
    let opened = async |path: &str| {
        estate.watch.take();
        assert_constant(&estate.hook(path, &secret("wrong"), BODY).await, 412);
        let is_open = |seen: &Seen| matches!(seen, Seen::Guards(guards) if guards.contains(Guard::Aad));
        estate.watch.take().iter().filter(|seen| is_open(seen)).count()
    };
    let known = opened("/ext-a-hook").await;
    assert!(known > 0);
    assert_eq!((opened("/ext-never-was").await, opened("/no/id").await), (known, known));
}
