//! The provider proxies as a whole: bytes in, bytes out, over pipes in memory, with providers that answer by script.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod common;

use common::provider::*;
use common::*;
use reference_impl::identity::key::Grant;
use reference_impl::store::database::{ConnectionStatus, Profile};
use reference_impl::store::wallet::LedgerKind::{Hold, Settle};
use reference_impl::{Adapter, ConnectionId, Guard, KeyId, Worker};
use std::time::Duration;

const USAGE: &str = r#"{"id":"x","usage":{"prompt_tokens":3,"completion_tokens":5}}"#;

fn micros(of: u64) -> i64 {
    i64::try_from(of).unwrap()
}

/// A hold of an amount, and its settlement at a cost.
fn held(amount: u64, cost: u64) -> Vec<(reference_impl::store::wallet::LedgerKind, i64)> {
    vec![(Hold, -micros(amount)), (Settle, micros(amount) - micros(cost))]
}

#[tokio::test]
async fn every_adapter_serves_its_owner_and_charges_what_was_used() {
    let world = Providers::start().await;
    let anthropic = r#"{"usage":{"input_tokens":3,"output_tokens":5}}"#;
    let gemini = r#"{"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":5}}"#;
    let mut spent = 0;
    for (adapter, target, field, prefix, reply, cost) in [
        (Adapter::Openai, "/v1/chat/completions", "authorization", "Bearer ", USAGE, 156),
        (Adapter::Anthropic, "/v1/messages", "x-api-key", "", anthropic, 156),
        (Adapter::Openrouter, "/api/v1/chat/completions", "authorization", "Bearer ", USAGE, 156),
        (Adapter::Gemini, "/v1beta/models/m:generateContent", "x-goog-api-key", "", gemini, 156),
        (Adapter::Elevenlabs, "/v1/text-to-speech/V1", "xi-api-key", "", "{}", 240),
        (Adapter::Assemblyai, "/v2/transcript", "authorization", "", r#"{"id":"t1","status":"queued"}"#, 0),
        (Adapter::Muapi, "/api/v1/flux", "x-api-key", "", r#"{"request_id":"p1"}"#, 60_000),
    ] {
        world.script(adapter, answer(reply));
        let before = world.ledger("T-acme").await.len();
        let got = world.spend(adapter).await;
        assert_eq!((got.status, got.text()), (200, reply), "{adapter}");
        assert_eq!(got.all("access-control-allow-origin"), ["*"]);
        // The end of the answer was seen: it is settled.
        let ledger = world.ledger("T-acme").await.split_off(before);
        assert_eq!(ledger, held(adapter.hold_micros(), cost), "{adapter}");
        spent += cost;
        assert_eq!(world.spent("T-acme").await, spent);
        let [seen] = &world.reached(adapter)[..] else { panic!("{adapter}: one request") };
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", target));
        assert_eq!(seen.body, metered(adapter).2.as_bytes());
        let one = |name| seen.header(name).map(|value| String::from_utf8(value.to_vec()).unwrap()).collect::<Vec<_>>();
        assert_eq!(one("host"), [adapter.upstream_host()]);
        assert_eq!(one(field), [format!("{prefix}{}", credential("T-acme", adapter))]);
        assert_eq!(one("accept-encoding"), ["identity"]);
        assert_eq!(one("content-length"), [seen.body.len().to_string()]);
        assert!(!String::from_utf8_lossy(&seen.head_bytes).contains("vendo"), "{seen:?}");
    }
    assert!(world.ledger("T-globex").await.is_empty());
    assert_eq!(world.reached_any(), 0);
}

#[tokio::test]
async fn free_routes_are_sent_on_without_a_hold() {
    let world = Providers::start().await;
    for (adapter, what, target) in [
        (Adapter::Openai, ("GET", "/v1/models?limit=2", ""), "/v1/models?limit=2".to_owned()),
        (Adapter::Openai, ("GET", "/v1/models/ft:gpt-4o", ""), "/v1/models/ft:gpt-4o".to_owned()),
        (
            Adapter::Anthropic,
            ("POST", "/v1/messages/count_tokens", r#"{"a":1,"a":2}"#),
            "/v1/messages/count_tokens".to_owned(),
        ),
        (Adapter::Telegram, ("GET", "/getMe", ""), format!("/bot{}/getMe", credential("T-acme", Adapter::Telegram))),
        (
            Adapter::Telegram,
            ("POST", "/sendMessage?a=b&key=1", "anything"),
            format!("/bot{}/sendMessage?a=b", credential("T-acme", Adapter::Telegram)),
        ),
    ] {
        let got = world.call(adapter, world.acme(), what, "").await;
        assert_eq!(got.status, 200, "{adapter} {what:?}");
        let [seen] = &world.reached(adapter)[..] else { panic!("{adapter}: one request") };
        assert_eq!(seen.target, target);
        assert_eq!(seen.body, what.2.as_bytes());
    }
    // Free is free: also with nothing in the wallet, and with the wallet out of reach.
    world.platform.control().set_wallet_available(false);
    assert_eq!(world.call(Adapter::Openai, world.acme(), ("GET", "/v1/models", ""), "").await.status, 200);
    assert!(world.ledger("T-acme").await.is_empty());
}

#[tokio::test]
async fn refusals_are_constants_and_leave_no_trace() {
    let world = Providers::start().await;
    let openai = Adapter::Openai;
    let post = metered(openai);
    let revoked = world.key("T-acme", "revoked", Grant::App(app_id("T-acme", "app"))).await;
    world.workspace("T-acme").revoke_key(&KeyId::parse("k-T-acme-revoked").unwrap()).await.unwrap();
    let new = reference_impl::NewKey {
        id: KeyId::parse("k-expiring").unwrap(),
        grant: Grant::App(app_id("T-acme", "app")),
        expires_at_s: Some(START_MS / 1000 + 10),
        daily_cap_micros: None,
        monthly_cap_micros: None,
    };
    let expiring = world.workspace("T-acme").issue_key(new).await.unwrap().plaintext;
    assert_eq!(world.call(openai, &expiring, ("GET", "/v1/models", ""), "").await.status, 200);
    world.clock.advance(Duration::from_secs(10));
    world.app("T-acme", "unbound").await;
    let unbound = world.key("T-acme", "unbound", Grant::App(app_id("T-acme", "unbound"))).await;
    let of_gemini = world.key("T-acme", "gemini", Grant::Connection(connection("T-acme", "gemini"))).await;
    world.reached_any();
    world.watch.take();
    let unknown = format!("vendo_sk_{}", "0".repeat(32));
    let acme = world.acme().to_owned();
    let bearer = |key: &str| format!("authorization: Bearer {key}\r\n");
    let long = format!("/v1/models?{}", "a".repeat(8192 - 10));
    for (lines, what, status, code, word) in [
        (bearer(&acme), ("GET", "/v1/../v1/models", ""), 400, None, "bad_request"),
        (bearer(&acme), ("GET", "/v1/%2e%2e/models", ""), 400, None, "bad_request"),
        (bearer(&acme), ("GET", "/v1/%252e%252e/models", ""), 400, None, "bad_request"),
        (bearer(&acme), ("GET", long.as_str(), ""), 400, None, "bad_request"),
        (String::new(), post, 401, Some("app_unknown"), "app_unknown"),
        (bearer(&unknown), post, 401, Some("app_unknown"), "app_unknown"),
        (bearer(&acme) + &bearer(&acme), post, 401, Some("app_unknown"), "app_unknown"),
        (bearer(&acme) + "x-api-key: other\r\n", post, 401, Some("app_unknown"), "app_unknown"),
        (format!("cookie: authorization=Bearer {acme}\r\n"), post, 401, Some("app_unknown"), "app_unknown"),
        (bearer(&revoked), post, 401, Some("app_revoked"), "app_revoked"),
        (bearer(&expiring), post, 401, Some("app_expired"), "app_expired"),
        (bearer(&unbound), post, 403, Some("binding_missing"), "binding_missing"),
        (bearer(&of_gemini), post, 403, Some("binding_missing"), "binding_missing"),
        (bearer(&acme), ("POST", "/v1/images/generations", "{}"), 403, None, "route_blocked"),
        (bearer(&acme), ("DELETE", "/v1/models/m", ""), 403, None, "route_blocked"),
        (bearer(&acme) + "content-encoding: gzip\r\n", post, 400, Some("validation_failed"), "validation_failed"),
        (bearer(&acme), ("POST", post.1, "[]"), 400, Some("validation_failed"), "validation_failed"),
        (bearer(&acme), ("POST", post.1, "{}"), 400, Some("validation_failed"), "validation_failed"),
        (
            bearer(&acme),
            ("POST", post.1, r#"{"model":"m","model":"m"}"#),
            400,
            Some("validation_failed"),
            "validation_failed",
        ),
        (bearer(&acme), ("POST", post.1, r#"{"model":"M"}"#), 402, None, "rate_missing"),
        (bearer(&acme), ("POST", post.1, r#"{"model":"m "}"#), 402, None, "rate_missing"),
        (bearer(&acme), ("POST", post.1, r#"{"model":"half-rated"}"#), 402, None, "rate_missing"),
    ] {
        let got = world.ask(request(openai, &lines, what)).await;
        assert_eq!((got.status, got.header("vendo-error-code")), (status, code), "{lines} {what:?}: {}", got.text());
        let json: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
        assert_eq!(json["error"]["code"], word, "{what:?}");
        assert_eq!(json["error"].get("slug").is_some(), word == "binding_missing");
        assert_eq!(got.all("access-control-allow-origin"), ["*"]);
        let mut names: Vec<_> = got.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.retain(|name| *name != "vendo-error-code");
        names.sort_unstable();
        assert_eq!(names, ["access-control-allow-origin", "cache-control", "content-length", "content-type"]);
        let log = world.log();
        let [line] = &log[..] else { panic!("one line: {log:?}") };
        assert!(line.starts_with(&format!("worker=openai-proxy status={status} code={word} ")), "{line}");
    }
    assert_eq!(world.reached_any(), 0);
    assert!(world.ledger("T-acme").await.is_empty() && world.ledger("T-globex").await.is_empty());
    // And after all of it the owner is served.
    assert_eq!(world.spend(openai).await.status, 200);
}

#[tokio::test]
async fn each_check_refuses_before_the_next_one() {
    let world = Providers::start().await;
    let foreign = connection("T-globex", "openai");
    world
        .workspace("T-acme")
        .set_connection_status(&connection("T-acme", "openai"), ConnectionStatus::NeedsReauth)
        .await
        .unwrap();
    let acme = format!("authorization: Bearer {}\r\n", world.acme());
    let named = format!("{acme}x-vendo-connection: {foreign}\r\n");
    let blocked = ("POST", "/v1/files", r#"{"model":"none"}"#);
    for (lines, what, status) in [
        ("origin: x\r\naccess-control-request-method: GET\r\n", ("OPTIONS", "/..", ""), 400),
        ("", ("GET", "/..", ""), 400),
        ("origin: x\r\naccess-control-request-method: GET\r\n", ("OPTIONS", "/v1/files", ""), 204),
        ("origin: x\r\n", ("OPTIONS", "/v1/models", ""), 401),
        ("", blocked, 401),
        (named.as_str(), blocked, 403),
        (acme.as_str(), blocked, 401),
    ] {
        assert_eq!(world.ask(request(Adapter::Openai, lines, what)).await.status, status, "{lines} {what:?}");
    }
    world
        .workspace("T-acme")
        .set_connection_status(&connection("T-acme", "openai"), ConnectionStatus::Active)
        .await
        .unwrap();
    let code = async |what| {
        let got = world.ask(request(Adapter::Openai, &acme, what)).await;
        let json: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
        json["error"]["code"].as_str().unwrap_or_default().to_owned()
    };
    world.platform.control().set_wallet_available(false);
    assert_eq!(code(blocked).await, "route_blocked");
    assert_eq!(code(("POST", "/v1/responses", "{}")).await, "validation_failed");
    assert_eq!(code(("POST", "/v1/responses", r#"{"model":"none"}"#)).await, "rate_missing");
    assert_eq!(code(metered(Adapter::Openai)).await, "wallet_unavailable");
    assert_eq!(world.reached_any(), 0);
    assert!(world.ledger("T-acme").await.is_empty());
}

#[tokio::test]
async fn hosts_doors_and_adapters() {
    let world = Providers::start().await;
    let bearer = format!("authorization: Bearer {}\r\n", world.acme());
    let models = |host: &str, target: &str| format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n{bearer}\r\n");
    // An adapter that isn't there: 404, as any path that is none is 400 there too.
    let missing = world.ask(models("slack-proxy.vendo.run", "/v1/models")).await;
    assert_eq!((missing.status, missing.all("access-control-allow-origin")), (404, vec!["*"]));
    assert_eq!(world.ask(models("slack-proxy.vendo.run", "/v1/../x")).await.status, 400);
    // The common checks come first.
    assert_eq!(world.ask(models("OPENAI-proxy.vendo.run.:443", "/v1/models")).await.status, 200);
    assert_eq!(
        world.ask(models("openai-proxy.vendo.run", "http://openai-proxy.vendo.run/v1/models")).await.status,
        400
    );
    assert_eq!(
        world.ask(models("openai-proxy.vendo.run", "http://gemini-proxy.vendo.run/v1/models")).await.status,
        400
    );
    assert_eq!(world.reached(Adapter::Openai).len(), 1);
    // At its own door any one host will do.
    for host in ["127.0.0.1:1", "mem-3", "gemini-proxy.vendo.run"] {
        assert_eq!(world.at_own_door(Adapter::Openai, models(host, "/v1/models")).await.status, 200, "{host}");
    }
    assert_eq!(world.reached(Adapter::Openai).len(), 3);
    for request in [
        format!("GET /v1/models HTTP/1.1\r\n{bearer}\r\n"),
        format!("GET /v1/models HTTP/1.1\r\nhost: a\r\nhost: a\r\n{bearer}\r\n"),
        models("a", "http://a/v1/models"),
    ] {
        assert_eq!(world.at_own_door(Adapter::Openai, request).await.status, 400);
    }
    assert_eq!(world.reached_any(), 0);
    let edges = world.watch.take();
    let at_openai = |seen: &&Seen| matches!(seen, Seen::Edge(Worker::Provider(Adapter::Openai), ..));
    assert_eq!(edges.iter().filter(at_openai).count(), 8, "{edges:?}");
}

#[tokio::test]
async fn a_preflight_is_answered_at_once() {
    let world = Providers::start().await;
    let lines = "origin: https://x.example\r\naccess-control-request-method: POST\r\n";
    let got = world.ask(request(Adapter::Anthropic, lines, ("OPTIONS", "/v1/messages", ""))).await;
    assert_eq!(got.status, 204);
    let mut headers: Vec<_> =
        got.headers.iter().map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value))).collect();
    headers.sort();
    assert_eq!(
        headers,
        [
            "access-control-allow-headers: *, Authorization",
            "access-control-allow-methods: GET, POST, PUT, PATCH, DELETE, OPTIONS",
            "access-control-allow-origin: *",
            "access-control-max-age: 86400",
        ]
    );
    assert_eq!(world.reached_any(), 0);
}

#[tokio::test]
async fn balance_and_caps() {
    let world = Providers::start().await;
    let (day, month) = (START_MS / 1000 % 86_400, 86_400);
    let until_midnight = u64::try_from(month - day).unwrap();
    for (name, daily, monthly, app_daily, app_monthly, code) in [
        ("kd", Some(100), None, None, None, "spend_cap_daily"),
        ("km", None, Some(100), None, None, "spend_cap_monthly"),
        ("ad", None, None, Some(100), None, "spend_cap_daily"),
        ("am", None, None, None, Some(100), "spend_cap_monthly"),
        ("both", Some(100), Some(100), None, None, "spend_cap_daily"),
    ] {
        world.capped_app("T-acme", name, app_daily, app_monthly).await;
        world.bind("T-acme", name, connection("T-acme", "openai").as_str()).await;
        let key = world.capped_key("T-acme", name, Grant::App(app_id("T-acme", name)), daily, monthly).await;
        world.script(Adapter::Openai, answer(USAGE));
        assert_eq!(world.call(Adapter::Openai, &key, metered(Adapter::Openai), "").await.status, 200, "{name}");
        let before = world.lines("T-acme").await.len();
        world.reached_any();
        let got = world.call(Adapter::Openai, &key, metered(Adapter::Openai), "").await;
        assert_eq!((got.status, got.header("vendo-error-code")), (429, Some(code)), "{name}");
        let json: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
        let seconds = json["error"]["retry_after"].as_u64().unwrap();
        assert_eq!(got.header("retry-after"), Some(seconds.to_string().as_str()));
        if code == "spend_cap_daily" {
            assert_eq!(seconds, until_midnight);
        }
        assert_eq!((world.reached_any(), world.lines("T-acme").await.len()), (0, before));
    }
    // The next day the daily caps are free again.
    world.clock.advance(Duration::from_secs(until_midnight));
    let poor = world.key("T-acme", "poor", Grant::App(app_id("T-acme", "app"))).await;
    let mut spent = world.spent("T-acme").await;
    while FUNDS - spent >= 1_000_000 {
        world.script(Adapter::Openai, answer(r#"{"usage":{"prompt_tokens":2000000,"completion_tokens":0}}"#));
        assert_eq!(world.call(Adapter::Openai, &poor, metered(Adapter::Openai), "").await.status, 200);
        spent = world.spent("T-acme").await;
    }
    world.reached_any();
    let got = world.call(Adapter::Openai, &poor, metered(Adapter::Openai), "").await;
    assert_eq!((got.status, got.header("vendo-error-code")), (402, Some("balance_exhausted")));
    assert_eq!(world.reached_any(), 0);
    // Another tenant's money is another tenant's.
    assert_eq!(world.call(Adapter::Openai, world.globex(), metered(Adapter::Openai), "").await.status, 200);
}

#[tokio::test]
async fn a_key_opens_its_own_connections_and_no_other() {
    let world = Providers::start().await;
    let second = "c-second";
    world.connect("T-acme", second, "openai", Profile::ByokStatic, "second-Qm55").await;
    world.bind("T-acme", "app", second).await;
    world.connect("T-acme", "c-sibling", "openai", Profile::ByokStatic, "sibling-Qm56").await;
    world.app("T-acme", "sibling").await;
    world.bind("T-acme", "sibling", "c-sibling").await;
    world.connect("T-acme", "c-pooled", "openai", Profile::VendoManagedPool, "unused").await;
    world.bind("T-acme", "app", "c-pooled").await;
    let own = connection("T-acme", "openai");
    let openai = async |named: &str| {
        let lines = if named.is_empty() { String::new() } else { format!("x-vendo-connection: {named}\r\n") };
        let got = world.call(Adapter::Openai, world.acme(), metered(Adapter::Openai), &lines).await;
        (got, world.reached(Adapter::Openai))
    };
    for (named, secret) in [
        ("", credential("T-acme", Adapter::Openai)),
        (own.as_str(), credential("T-acme", Adapter::Openai)),
        (second, "second-Qm55".to_owned()),
        ("c-pooled", POOLED_OPENAI.to_owned()),
    ] {
        let (got, seen) = openai(named).await;
        assert_eq!(got.status, 200, "{named}");
        let sent: Vec<_> = seen[0].header("authorization").collect();
        assert_eq!(sent, [format!("Bearer {secret}").as_bytes()], "{named}");
    }
    let lines = world.lines("T-acme").await;
    let used: Vec<_> =
        lines.iter().filter(|line| line.kind == Hold).map(|line| line.connection.clone().unwrap()).collect();
    let ids = [own.as_str(), own.as_str(), second, "c-pooled"].map(|id| ConnectionId::parse(id).unwrap());
    assert_eq!(used, ids);
    let mut first = None;
    let repeated = format!("{own}\r\nx-vendo-connection: {own}");
    for named in ["c-none", "c-T-globex-openai", "c-sibling", "c-T-acme-gemini", "a b", "../x", &repeated] {
        let (got, seen) = openai(named).await;
        assert_eq!((got.status, seen.len()), (403, 0), "{named}");
        assert_eq!(*first.get_or_insert(got.raw.clone()), got.raw, "{named}: hidden equals absent");
    }
    // The spelling with underscores names nothing.
    let got =
        world.call(Adapter::Openai, world.acme(), metered(Adapter::Openai), "x_vendo_connection: c-none\r\n").await;
    assert_eq!(got.status, 200);
    // A connection's key opens that connection alone.
    let key = world.key("T-acme", "second", Grant::Connection(ConnectionId::parse(second).unwrap())).await;
    world.reached_any();
    assert_eq!(world.call(Adapter::Openai, &key, metered(Adapter::Openai), "").await.status, 200);
    assert!(world.reached(Adapter::Openai)[0].header("authorization").any(|value| value.ends_with(b"second-Qm55")));
    for (lines, status) in [("x-vendo-connection: c-second\r\n", 200), ("x-vendo-connection: c-T-acme-openai\r\n", 403)]
    {
        assert_eq!(world.call(Adapter::Openai, &key, metered(Adapter::Openai), lines).await.status, status);
    }
    assert_eq!(world.call(Adapter::Gemini, &key, metered(Adapter::Gemini), "").await.status, 403);
}

#[tokio::test]
async fn the_status_and_the_profile_of_a_connection_are_looked_at() {
    let world = Providers::start().await;
    let own = connection("T-acme", "openai");
    let by_connection = world.key("T-acme", "conn", Grant::Connection(own.clone())).await;
    let workspace = world.workspace("T-acme");
    for (status, code, word) in [
        (ConnectionStatus::NeedsReauth, 401, "connection_needs_reauth"),
        (ConnectionStatus::Error, 502, "upstream_error"),
    ] {
        workspace.set_connection_status(&own, status).await.unwrap();
        for key in [world.acme(), &by_connection] {
            let got = world.call(Adapter::Openai, key, metered(Adapter::Openai), "").await;
            assert_eq!((got.status, got.header("vendo-error-code")), (code, Some(word)));
            if code == 401 {
                let json: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
                assert_eq!(json["error"]["connect_url"], "https://vendo.run/connections");
                assert_eq!(json["error"]["slug"], "openai");
            }
        }
    }
    // The namespace forgets after a minute, and the database is asked.
    workspace.set_connection_status(&own, ConnectionStatus::Active).await.unwrap();
    world.clock.advance(Duration::from_secs(61));
    world.watch.take();
    assert_eq!(world.spend(Adapter::Openai).await.status, 200);
    workspace.revoke_connection(&own).await.unwrap();
    world.reached_any();
    assert_eq!(world.spend(Adapter::Openai).await.header("vendo-error-code"), Some("binding_missing"));
    let got = world.call(Adapter::Openai, &by_connection, metered(Adapter::Openai), "").await;
    assert_eq!((got.status, got.header("vendo-error-code")), (403, Some("connection_revoked")));
    for (profile, name) in
        [(Profile::WebhookInbound, "hook"), (Profile::UserOauth, "user"), (Profile::ComposioManaged, "managed")]
    {
        let id = format!("c-{name}");
        world.connect("T-acme", &id, "openai", profile, "x-Qm57").await;
        let key = world.key("T-acme", name, Grant::Connection(ConnectionId::parse(&id).unwrap())).await;
        let got = world.call(Adapter::Openai, &key, metered(Adapter::Openai), "").await;
        assert_eq!((got.status, got.header("vendo-error-code")), (403, Some("binding_missing")), "{name}");
    }
    assert_eq!(world.reached_any(), 0);
}

#[tokio::test]
async fn a_key_whose_record_the_namespace_lost_is_found_in_the_database() {
    use reference_impl::identity::bearer::Bearer;
    let world = Providers::start().await;
    let digest = Bearer::parse(world.acme().as_bytes()).unwrap().digest();
    world.platform.control().drop_key_record(&digest).unwrap();
    assert_eq!(world.spend(Adapter::Openai).await.status, 200);
    assert_eq!(world.lines("T-acme").await.len(), 2);
}

#[tokio::test]
async fn nothing_a_client_says_chooses_the_tenant() {
    let world = Providers::start().await;
    let lines = "x-vendo-tenant-id: T-globex\r\nx-vendo-user-jwt: a.b.c\r\nx_vendo_tenant_id: T-globex\r\ncookie: vendoAuth=x\r\n\
                 x-forwarded-host: gemini-proxy.vendo.run\r\nx-connected-account-id: acc-c-T-globex-gmail\r\n";
    let body = r#"{"model":"m","tenant_id":"T-globex","user":"T-globex"}"#;
    let what = ("POST", "/v1/chat/completions?tenant_id=T-globex", body);
    world.script(Adapter::Openai, answer(USAGE));
    assert_eq!(world.call(Adapter::Openai, world.acme(), what, lines).await.status, 200);
    assert_eq!((world.spent("T-acme").await, world.spent("T-globex").await), (156, 0));
    let seen = &world.reached(Adapter::Openai)[0];
    let head = String::from_utf8_lossy(&seen.head_bytes).into_owned();
    assert!(head.contains(&credential("T-acme", Adapter::Openai)));
    assert!(!head.contains("x-") && !head.contains("cookie"), "{head}");
    assert_eq!(seen.body, body.as_bytes(), "the body goes on as it came");
}

#[tokio::test]
async fn tenants_take_turns_on_one_connection_and_share_nothing() {
    let world = Providers::start().await;
    let mut client = world.client().await;
    let mut spent = [0, 0];
    for turn in 0..12 {
        let (who, key) = if turn % 3 == 0 { (1, world.globex()) } else { (0, world.acme()) };
        let reply = format!(r#"{{"turn":{turn},"usage":{{"prompt_tokens":{turn},"completion_tokens":0}}}}"#);
        world.script(Adapter::Openai, answer(&reply));
        let lines = format!("authorization: Bearer {key}\r\n");
        client.send(request(Adapter::Openai, &lines, metered(Adapter::Openai))).await;
        assert_eq!(client.answer().await.text(), reply);
        spent[who] += turn * 12;
        let [seen] = &world.reached(Adapter::Openai)[..] else { panic!("one request") };
        let sent: Vec<_> = seen.header("authorization").collect();
        assert_eq!(sent, [format!("Bearer {}", credential(TENANTS[who], Adapter::Openai)).as_bytes()]);
        assert_eq!([world.spent("T-acme").await, world.spent("T-globex").await], spent);
    }
}

#[tokio::test]
async fn jobs_belong_to_the_tenant_that_ordered_them() {
    let world = Providers::start().await;
    let order = async |key: &str, adapter: Adapter, reply: &str| {
        world.script(adapter, answer(reply));
        assert_eq!(world.call(adapter, key, metered(adapter), "").await.status, 200);
    };
    order(world.acme(), Adapter::Assemblyai, r#"{"id":"t1","status":"queued"}"#).await;
    order(world.acme(), Adapter::Muapi, r#"{"request_id":"p1"}"#).await;
    assert_eq!(world.spent("T-acme").await, 60_000);
    world.reached_any();
    let (transcript, prediction) = (("GET", "/v2/transcript/t1", ""), ("GET", "/api/v1/predictions/p1/result", ""));
    let mut first = None;
    for (adapter, what) in [
        (Adapter::Assemblyai, transcript),
        (Adapter::Assemblyai, ("GET", "/v2/transcript/none", "")),
        (Adapter::Assemblyai, ("GET", "/v2/transcript/p1", "")),
        (Adapter::Muapi, prediction),
        (Adapter::Muapi, ("GET", "/api/v1/predictions/t1/result", "")),
    ] {
        let got = world.call(adapter, world.globex(), what, "").await;
        assert_eq!((got.status, got.header("vendo-error-code")), (404, None), "{what:?}");
        assert_eq!(*first.get_or_insert(got.raw.clone()), got.raw, "{what:?}: hidden equals absent");
    }
    assert_eq!(world.reached_any(), 0);
    assert!(world.ledger("T-globex").await.is_empty());
    // The owner polls: nothing, then the seconds once, then nothing.
    for (reply, cost) in [
        (r#"{"id":"t1","status":"processing"}"#, 0),
        (r#"{"id":"t1","status":"completed","audio_duration":10,"speech_model":"nano"}"#, 600),
        (r#"{"id":"t1","status":"completed","audio_duration":10,"speech_model":"best"}"#, 0),
    ] {
        let before = world.lines("T-acme").await.len();
        world.script(Adapter::Assemblyai, answer(reply));
        assert_eq!(world.call(Adapter::Assemblyai, world.acme(), transcript, "").await.text(), reply);
        assert_eq!(world.ledger("T-acme").await.split_off(before), held(200_000, cost), "{reply}");
    }
    let before = world.lines("T-acme").await.len();
    assert_eq!(world.call(Adapter::Muapi, world.acme(), prediction, "").await.status, 200);
    assert_eq!(world.ledger("T-acme").await.split_off(before), held(500_000, 0));
}

#[tokio::test]
async fn composio_asks_for_the_toolkit_of_the_action() {
    let world = Providers::start().await;
    let execute = |action: &str| format!(r#"{{"action_id":"{action}","args":{{}}}}"#);
    let gmail = execute("GMAIL_SEND_EMAIL");
    let what = ("POST", "/v1/execute", gmail.as_str());
    let got =
        world.call(Adapter::Composio, world.acme(), what, "x-connected-account-id: acc-c-T-globex-gmail\r\n").await;
    assert_eq!(got.status, 200);
    assert_eq!(world.spent("T-acme").await, 12_000);
    let seen = &world.reached(Adapter::Composio)[0];
    assert_eq!(seen.header("x-api-key").collect::<Vec<_>>(), [POOLED.as_bytes()]);
    assert_eq!(seen.header("x-connected-account-id").collect::<Vec<_>>(), [b"acc-c-T-acme-gmail"]);
    assert_eq!(seen.body, gmail.as_bytes());
    let by_gmail = world.key("T-acme", "gmail", Grant::Connection(connection("T-acme", "gmail"))).await;
    let by_openai = world.key("T-acme", "openai", Grant::Connection(connection("T-acme", "openai"))).await;
    assert_eq!(world.call(Adapter::Composio, &by_gmail, what, "").await.status, 200);
    world.reached_any();
    let before = world.lines("T-acme").await.len();
    let (slack, openai) = (execute("SLACK_POST"), execute("OPENAI_CHAT"));
    let long = execute(&format!("{}_X", "A".repeat(40)));
    for (key, body, toolkit) in [
        (world.acme(), &slack, "slack"),
        (world.acme(), &long, &"a".repeat(40)),
        (world.acme(), &openai, "openai"),
        (&by_gmail, &slack, "slack"),
        (&by_openai, &gmail, "gmail"),
        (&by_openai, &openai, "openai"),
    ] {
        let got = world.call(Adapter::Composio, key, ("POST", "/v1/execute", body), "").await;
        assert_eq!(got.text(), format!(r#"{{"error":"binding_missing","toolkit":"{toolkit}"}}"#));
        assert_eq!((got.status, got.header("vendo-error-code")), (403, Some("binding_missing")));
    }
    for (key, what, status) in [
        (world.acme(), ("POST", "/v1/execute", execute("gmail_send").as_str()), 400),
        (world.acme(), ("POST", "/v1/execute", "{}"), 400),
        (world.acme(), ("POST", "/v1/accounts", "{}"), 403),
        ("vendo_sk_x", ("POST", "/v1/execute", "not json"), 401),
    ] {
        assert_eq!(world.call(Adapter::Composio, key, what, "").await.status, status, "{what:?}");
    }
    assert_eq!((world.reached_any(), world.lines("T-acme").await.len()), (0, before));
}

#[tokio::test]
async fn a_body_has_a_longest_length() {
    let world = Providers::start().await;
    let lines = format!("authorization: Bearer {}\r\n", world.acme());
    let declared = format!(
        "POST /v1/responses HTTP/1.1\r\nhost: openai-proxy.vendo.run\r\n{lines}content-length: {}\r\n\r\n",
        8 * 1024 * 1024 + 1
    );
    assert_eq!(world.ask(declared).await.status, 413);
    let mut client = world.client().await;
    let head = format!(
        "POST /v1/responses HTTP/1.1\r\nhost: openai-proxy.vendo.run\r\n{lines}transfer-encoding: chunked\r\n\r\n"
    );
    client.send(head).await;
    let piece = [format!("{:x}\r\n", 64 * 1024).as_bytes(), &[b'x'; 64 * 1024][..], b"\r\n"].concat();
    for _ in 0..=8 * 16 {
        client.send(&piece).await;
    }
    assert_eq!(client.answer().await.status, 413);
    assert!(world.ledger("T-acme").await.is_empty());
}

#[tokio::test]
async fn guards_and_the_log_of_one_request() {
    let world = Providers::start().await;
    world.script(Adapter::Openai, answer(USAGE));
    let what = ("POST", "/v1/chat/completions?x=secret-in-query", r#"{"model":"m","x":"secret-in-body"}"#);
    assert_eq!(world.call(Adapter::Openai, world.acme(), what, "").await.status, 200);
    world.settled("T-acme", 1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let seen = world.watch.take();
    let mut reached = Vec::new();
    let mut log = Vec::new();
    for seen in &seen {
        match seen {
            Seen::Edge(worker, guards, status) => {
                assert_eq!((*worker, *status), (Worker::Provider(Adapter::Openai), 200));
                reached.extend(guards.iter());
            }
            Seen::Guards(guards) => reached.extend(guards.iter()),
            Seen::Log(line) => log.push(line.as_str()),
            Seen::Kv(..) => {}
            Seen::Request(..) | Seen::Response(_) | Seen::Probe(_) => panic!("{seen:?}"),
        }
    }
    for guard in [
        Guard::PathGuard,
        Guard::Adapter,
        Guard::KeyLookup,
        Guard::Scope,
        Guard::BindingChain,
        Guard::ConnectionMatch,
        Guard::RouteClass,
        Guard::Hold,
        Guard::SpendCap,
        Guard::CredentialInject,
        Guard::Settle,
    ] {
        assert!(reached.contains(&guard), "{}", guard.name());
    }
    let prefix = &world.acme()[..12];
    assert_eq!(
        log,
        [format!(
            "worker=openai-proxy status=200 code=- tenant=T-acme key={prefix} connection=c-T-acme-openai \
             provider=openai micros=156"
        )]
    );
    let everything = format!("{seen:?}");
    for secret in [&world.acme()[13..], "Zq39fTxW7", "secret-in-query", "secret-in-body"] {
        assert!(!everything.contains(secret), "{secret}");
    }
}
