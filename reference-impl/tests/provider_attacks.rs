//! Attempts to get more out of the provider proxies than was paid for, or longer than a key is good.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod common;

use common::Client;
use common::provider::*;
use reference_impl::identity::key::Grant;
use reference_impl::store::database::{ConnectionStatus, Profile};
use reference_impl::{Adapter, ConnectionId, KeyId, Limits, Network, Reply, Stream};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;

const USAGE: &str = r#"{"id":"x","usage":{"prompt_tokens":3,"completion_tokens":5}}"#;

/// Sends a metered request but for the last byte of its body, lets `meanwhile` happen, and sends that.
async fn slowly(
    world: &Providers,
    adapter: Adapter,
    key: &str,
    meanwhile: impl AsyncFnOnce(),
) -> (u16, Option<String>) {
    let whole = request(adapter, &format!("authorization: Bearer {key}\r\n"), metered(adapter));
    let (begin, last) = whole.split_at(whole.len() - 1);
    let mut client = world.client().await;
    client.send(begin).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    meanwhile().await;
    client.send(last).await;
    let answer = client.answer().await;
    (answer.status, answer.header("vendo-error-code").map(str::to_owned))
}

#[tokio::test]
async fn what_ends_while_a_body_is_read_is_refused_behind_it() {
    let world = Providers::start().await;
    let app = Grant::App(app_id("T-acme", "app"));
    for adapter in [Adapter::Openai, Adapter::Composio] {
        let name = format!("slow-{adapter}");
        let key = world.key("T-acme", &name, app.clone()).await;
        let id = KeyId::parse(&format!("k-T-acme-{name}")).unwrap();
        let got = slowly(&world, adapter, &key, async || {
            world.workspace("T-acme").revoke_key(&id).await.unwrap();
        });
        assert_eq!(got.await, (401, Some("app_revoked".to_owned())), "{adapter}");
    }
    let shared = world.acme().to_owned();
    for (adapter, provider) in [(Adapter::Openai, "openai"), (Adapter::Composio, "gmail")] {
        let id: ConnectionId = connection("T-acme", provider);
        let got = slowly(&world, adapter, &shared, async || {
            world.workspace("T-acme").revoke_connection(&id).await.unwrap();
        });
        assert_eq!(got.await, (403, Some("binding_missing".to_owned())), "{adapter}");
    }
    assert_eq!(world.reached_any(), 0);
    assert!(world.ledger("T-acme").await.is_empty());
}

#[tokio::test]
async fn a_transcript_that_is_taken_but_for_its_end_is_paid_for() {
    let world = Providers::start().await;
    world.script(Adapter::Assemblyai, answer(r#"{"id":"t1","status":"queued"}"#));
    assert_eq!(world.spend(Adapter::Assemblyai).await.status, 200);
    let (text, rest) = (r#"{"id":"t1","text":"all of it","words":["#, r#"],"status":"completed","audio_duration":10}"#);
    let words = vec!["1234567"; 200_000].join(",");
    let body = [text, &words, rest].concat();
    world.script(Adapter::Assemblyai, answer(&body));
    let mut client = world.client().await;
    let lines = format!("authorization: Bearer {}\r\n", world.acme());
    client.send(request(Adapter::Assemblyai, &lines, ("GET", "/v2/transcript/t1", ""))).await;
    while !String::from_utf8_lossy(&client.buffer).contains("all of it") {
        assert!(client.fill().await);
    }
    drop(client);
    assert_eq!(world.settled("T-acme", 2).await, 1200);
}

#[tokio::test]
async fn a_text_that_cannot_be_counted_is_not_spoken() {
    let world = Providers::start().await;
    for body in ["{}", r#"{"text":12345}"#, r#"{"text":"\ud800 and all that follows"}"#, r#"{"text":null}"#] {
        let what = ("POST", "/v1/text-to-speech/V1", body);
        let got = world.call(Adapter::Elevenlabs, world.acme(), what, "").await;
        assert_eq!((got.status, got.header("vendo-error-code")), (400, Some("validation_failed")), "{body}");
    }
    assert_eq!(world.reached_any(), 0);
}

#[tokio::test]
async fn nothing_a_client_sends_hides_the_usage_or_moves_the_request() {
    let world = Providers::start().await;
    world.script(Adapter::Gemini, answer(USAGE));
    let what = ("POST", "/v1beta/models/m:generateContent?alt=proto&fields=candidates&%24fields=x&a=b", "{}");
    let lines = "x-goog-fieldmask: candidates\r\nrange: bytes=0-9\r\nx-http-method-override: DELETE\r\n\
                 x_original_url: /v1/files\r\n";
    assert_eq!(world.call(Adapter::Gemini, world.acme(), what, lines).await.status, 200);
    let seen = &world.reached(Adapter::Gemini)[0];
    assert_eq!(seen.target, "/v1beta/models/m:generateContent?a=b");
    for name in ["x-goog-fieldmask", "range", "x-http-method-override", "x_original_url"] {
        assert_eq!(seen.header(name).count(), 0, "{name}");
    }
}

#[tokio::test]
async fn no_body_names_an_account_of_the_broker() {
    let world = Providers::start().await;
    for name in ["connected_account_id", "connectedAccountId", "entity_id", "user\\u005fid"] {
        let body = format!(r#"{{"action_id":"GMAIL_SEND","args":{{}},"{name}":"acc-c-T-globex-gmail"}}"#);
        let got = world.call(Adapter::Composio, world.acme(), ("POST", "/v1/execute", &body), "").await;
        assert_eq!(got.status, 400, "{name}");
    }
    assert_eq!(world.reached_any(), 0);
}

#[tokio::test]
async fn a_job_that_no_path_can_name_is_not_kept() {
    let world = Providers::start().await;
    let long = "x".repeat(100_000);
    world.script(Adapter::Muapi, answer(&format!(r#"{{"request_id":"{long}"}}"#)));
    assert_eq!(world.spend(Adapter::Muapi).await.status, 200);
    let dump = world.platform.control().dump();
    assert!(!dump.contains(&long));
    world.script(Adapter::Muapi, Reply::Page);
}

#[tokio::test]
async fn what_ends_while_a_connection_to_the_provider_is_awaited_is_not_sent() {
    /// More than a listener in memory keeps for later.
    const QUEUE: usize = 1025;
    let app = || Grant::App(app_id("T-acme", "app"));
    for (ends, adapter, status, code) in [
        ("nothing", Adapter::Openai, 200, None),
        ("key", Adapter::Openai, 401, Some("app_revoked")),
        ("connection", Adapter::Openai, 403, Some("binding_missing")),
        ("binding", Adapter::Openai, 403, Some("binding_missing")),
        ("grant", Adapter::Openai, 401, Some("connection_needs_reauth")),
        // A free route has no hold, and is looked at all the same.
        ("connection", Adapter::Telegram, 403, Some("binding_missing")),
        ("connection", Adapter::Composio, 403, Some("binding_missing")),
    ] {
        let network = Network::in_memory();
        let (mut acceptor, endpoint) = network.bind().unwrap();
        let own = BTreeMap::from([(adapter, endpoint)]);
        let world = Providers::with(Setup { network: Some(network.clone()), own, ..Setup::default() }).await;
        let key = world.key("T-acme", "waiting", app()).await;
        let mut queue = Vec::new();
        while let Ok(dialled) = tokio::time::timeout(Duration::from_millis(50), network.dial(&endpoint)).await {
            queue.push(dialled.unwrap());
            assert!(queue.len() < QUEUE);
        }
        let request = request(adapter, &format!("authorization: Bearer {key}\r\n"), metered(adapter));
        let mut client = world.client().await;
        client.send(request).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let workspace = world.workspace("T-acme");
        let id = connection("T-acme", if adapter == Adapter::Composio { "gmail" } else { adapter.slug() });
        match ends {
            "key" => workspace.revoke_key(&KeyId::parse("k-T-acme-waiting").unwrap()).await.unwrap(),
            "connection" => workspace.revoke_connection(&id).await.unwrap(),
            "binding" => workspace.unbind(&app_id("T-acme", "app"), &id).await.unwrap(),
            "grant" => workspace.set_connection_status(&id, ConnectionStatus::NeedsReauth).await.unwrap(),
            _ => {}
        }
        for _ in &queue {
            acceptor.accept().await.unwrap();
        }
        drop(queue);
        let mut provider = acceptor.accept().await.unwrap();
        let mut sent = Vec::new();
        if ends == "nothing" {
            provider.read_buf(&mut sent).await.unwrap();
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            tokio::io::AsyncWriteExt::write_all(&mut provider, answer.as_bytes()).await.unwrap();
        }
        let got = client.answer().await;
        assert_eq!((got.status, got.header("vendo-error-code")), (status, code), "{ends} {adapter}");
        if ends != "nothing" {
            provider.read_to_end(&mut sent).await.unwrap();
            assert!(sent.is_empty(), "{ends} {adapter}: the provider was sent {} bytes", sent.len());
            assert_eq!(world.spent("T-acme").await, 0, "{ends} {adapter}");
        }
    }
}

/// A metered request of which the head and so many bytes of the body have arrived, and the rest of it.
async fn begun(world: &Providers, key: &str, bytes: usize) -> (Client<Stream>, String) {
    let body = format!(r#"{{"model":"m","messages":[],"x":"{}"}}"#, "x".repeat(bytes));
    let whole =
        request(Adapter::Openai, &format!("authorization: Bearer {key}\r\n"), ("POST", "/v1/chat/completions", &body));
    let (begin, rest) = whole.split_at(whole.len() - 3);
    let mut client = world.client().await;
    client.send(begin).await;
    (client, rest.to_owned())
}

#[tokio::test]
async fn a_tenant_whose_bodies_fill_its_share_is_refused_and_another_is_not() {
    let limits = Limits { held_bytes_of_tenant: 100_000, ..Limits::default() };
    let world = Providers::with(Setup { limits, ..Setup::default() }).await;
    world.script(Adapter::Openai, answer(USAGE));
    let (mut first, rest) = begun(&world, world.acme(), 80_000).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (mut second, _) = begun(&world, world.acme(), 80_000).await;
    let refused = second.answer().await;
    let expected =
        r#"{"error":{"code":"too_many_requests","message":"Too many bodies are on their way.","retry_after":1}}"#;
    assert_eq!((refused.status, refused.text()), (429, expected));
    assert_eq!((refused.header("retry-after"), refused.header("vendo-error-code")), (Some("1"), None));
    // Another tenant has a share of its own, and what is on its way goes on.
    let (mut other, end) = begun(&world, world.globex(), 80_000).await;
    other.send(end).await;
    assert_eq!(other.answer().await.status, 200);
    first.send(rest).await;
    assert_eq!(first.answer().await.status, 200);
    // Whatever has ended, well or not, is given back.
    drop(second);
    let (mut third, rest) = begun(&world, world.acme(), 80_000).await;
    third.send(rest).await;
    assert_eq!(third.answer().await.status, 200);
    world.settled("T-acme", 2).await;
    assert_eq!(world.ledger("T-acme").await.len(), 4, "what was refused left nothing in the ledger");
}

#[tokio::test]
async fn what_all_hold_together_is_bounded() {
    let limits = Limits { held_bytes: 900_000, ..Limits::default() };
    let world = Providers::with(Setup { limits, ..Setup::default() }).await;
    let (mut alone, _) = begun(&world, world.acme(), 110_000).await;
    let refused = alone.answer().await;
    let expected = r#"{"error":{"code":"overloaded","message":"Try again in a moment.","retry_after":1}}"#;
    assert_eq!((refused.status, refused.text(), refused.header("retry-after")), (503, expected, Some("1")));
    let (mut smaller, rest) = begun(&world, world.acme(), 90_000).await;
    smaller.send(rest).await;
    assert_eq!(smaller.answer().await.status, 200);
}

#[tokio::test]
async fn a_transcript_too_long_to_be_read_is_billed_by_its_length_and_once() {
    let world = Providers::start().await;
    world.script(Adapter::Assemblyai, answer(r#"{"id":"t1","status":"queued"}"#));
    assert_eq!(world.spend(Adapter::Assemblyai).await.status, 200);
    let text = "x".repeat(9 * 1024 * 1024);
    let body = format!(r#"{{"id":"t1","text":"{text}","status":"completed","audio_duration":10}}"#);
    for _ in 0..2 {
        world.script(Adapter::Assemblyai, answer(&body));
        let got = world.call(Adapter::Assemblyai, world.acme(), ("GET", "/v2/transcript/t1", ""), "").await;
        assert_eq!((got.status, got.body.len()), (200, body.len()));
    }
    assert_eq!(world.settled("T-acme", 3).await, (body.len() as u64).div_ceil(2048) * 120);
    assert!(world.spent("T-acme").await > 200_000, "no less than what was reserved");
}

#[tokio::test]
async fn a_stream_that_reports_nothing_is_billed_by_what_it_carried() {
    let world = Providers::start().await;
    let what =
        ("POST", "/v1/chat/completions", r#"{"model":"m","stream":true,"stream_options":{"include_usage":false}}"#);
    let input = what.2.len().div_ceil(4) as u64 * 12;
    let word = format!(r#"{{"choices":[{{"delta":{{"role":"assistant","content":"{}"}}}}]}}"#, "x".repeat(402));
    let unknown = format!(r#"{{"kind":"of another age","text":"{}"}}"#, "x".repeat(10_000));
    for (stream, tokens) in [(vec![word.as_str(); 3], 3 * 101), (vec![unknown.as_str()], 10), (vec!["[DONE]"], 1)] {
        let before = world.spent("T-acme").await;
        world.script(Adapter::Openai, events(&stream));
        assert_eq!(world.call(Adapter::Openai, world.acme(), what, "").await.status, 200);
        assert_eq!(world.spent("T-acme").await - before, input + tokens * 24, "{stream:?}");
    }
}

#[tokio::test]
async fn what_has_no_rate_is_refused_by_name_before_anything_is_held() {
    let world = Providers::start().await;
    for (adapter, path, body, member) in [
        (Adapter::Openai, "/v1/chat/completions", r#"{"model":"m","service_tier":"priority"}"#, Some("service_tier")),
        (Adapter::Openai, "/v1/responses", r#"{"model":"m","tools":[{"type":"web_search"}]}"#, Some("tools")),
        (Adapter::Openrouter, "/api/v1/chat/completions", r#"{"model":"m","models":["dear"]}"#, Some("models")),
        (Adapter::Anthropic, "/v1/messages", r#"{"model":"m","speed":"fast"}"#, Some("speed")),
        (Adapter::Gemini, "/v1beta/models/m:generateContent", r#"{"tools":[{"googleSearch":{}}]}"#, Some("tools")),
        (Adapter::Assemblyai, "/v2/transcript", r#"{"speech_models":["dear"]}"#, Some("speech_models")),
        // What two readers could take two ways is not even read.
        (Adapter::Openai, "/v1/chat/completions", r#"{"model":"m","Model":"dear"}"#, None),
        (Adapter::Openai, "/v1/chat/completions", r#"{"model":"m","Service_Tier":"priority"}"#, None),
        (Adapter::Composio, "/v1/execute", r#"{"action_id":"GMAIL_SEND","Entity_Id":"x"}"#, None),
    ] {
        let got = world.call(adapter, world.acme(), ("POST", path, body), "").await;
        assert_eq!((got.status, got.header("vendo-error-code")), (400, Some("validation_failed")), "{body}");
        let told = member.map(|member| format!(r#""member":"{member}""#));
        assert_eq!(got.text().contains("\"member\""), told.is_some(), "{body}");
        assert!(told.is_none_or(|told| got.text().contains(&told)), "{}", got.text());
    }
    assert_eq!(world.reached_any(), 0);
    assert!(world.ledger("T-acme").await.is_empty());
    // The positive twin: the client's own tools, and the tier that everybody has.
    let body = r#"{"model":"m","service_tier":"default","tools":[{"type":"function","function":{"name":"f"}}]}"#;
    world.script(Adapter::Openai, answer(USAGE));
    let got = world.call(Adapter::Openai, world.acme(), ("POST", "/v1/chat/completions", body), "").await;
    assert_eq!((got.status, world.reached(Adapter::Openai).len()), (200, 1));
}

#[tokio::test]
async fn with_a_pooled_credential_nothing_that_is_stored_at_the_provider_is_reached() {
    let world = Providers::start().await;
    for (tenant, provider) in [("T-acme", "openai"), ("T-acme", "telegram")] {
        world.app(tenant, &format!("pooled-{provider}")).await;
        let id = format!("c-pooled-{provider}");
        world.connect(tenant, &id, provider, Profile::VendoManagedPool, "unused").await;
        world.bind(tenant, &format!("pooled-{provider}"), &id).await;
    }
    let pooled = world.key("T-acme", "pooled", Grant::App(app_id("T-acme", "pooled-openai"))).await;
    let mut refused = Vec::new();
    for id in ["resp_of_globex", "resp_that_never_was"] {
        let body = format!(r#"{{"model":"m","previous_response_id":"{id}"}}"#);
        let got = world.call(Adapter::Openai, &pooled, ("POST", "/v1/responses", &body), "").await;
        assert_eq!(got.status, 400, "{id}");
        refused.push(got.raw);
        let item = format!(r#"{{"model":"m","input":[{{"id":"{id}"}}]}}"#);
        assert_eq!(world.call(Adapter::Openai, &pooled, ("POST", "/v1/responses", &item), "").await.status, 400);
    }
    assert_eq!(refused[0], refused[1], "hidden equals absent");
    let bot = world.key("T-acme", "bot", Grant::App(app_id("T-acme", "pooled-telegram"))).await;
    for method in ["/getUpdates", "/setWebhook", "/sendMessage"] {
        let got = world.call(Adapter::Telegram, &bot, ("POST", method, "{}"), "").await;
        assert_eq!(got.status, 403, "{method}");
        assert!(got.text().contains("route_blocked"), "{}", got.text());
    }
    assert_eq!(world.reached_any(), 0);
    // What names nothing is served, and with a credential of the tenant's own it may name what is there.
    let plain = ("POST", "/v1/responses", r#"{"model":"m","input":"text"}"#);
    assert_eq!(world.call(Adapter::Openai, &pooled, plain, "").await.status, 200);
    let own = ("POST", "/v1/responses", r#"{"model":"m","previous_response_id":"resp_1"}"#);
    assert_eq!(world.call(Adapter::Openai, world.acme(), own, "").await.status, 200);
    assert_eq!(world.call(Adapter::Telegram, world.acme(), ("POST", "/getUpdates", "{}"), "").await.status, 200);
    assert_eq!(world.reached_any(), 3);
}
