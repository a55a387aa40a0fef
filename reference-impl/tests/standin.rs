//! The stand-ins of the providers, each in its provider's form, and what their modes do.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod common;

use common::{Answer, Client};
use reference_impl::Network;
use reference_impl::provider::Adapter;
use reference_impl::standin::{Broker, BrokerReply, MODES, Upstream};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const KEY: &str = "sk-upstream-0123456789";

/// The credential in the place where a provider looks for it.
fn credential(adapter: Adapter) -> String {
    match adapter {
        Adapter::Openai | Adapter::Openrouter => format!("authorization: Bearer {KEY}\r\n"),
        Adapter::Anthropic => format!("x-api-key: {KEY}\r\nanthropic-version: 2023-06-01\r\n"),
        Adapter::Muapi | Adapter::Composio => format!("x-api-key: {KEY}\r\n"),
        Adapter::Gemini => format!("x-goog-api-key: {KEY}\r\n"),
        Adapter::Elevenlabs => format!("xi-api-key: {KEY}\r\n"),
        Adapter::Assemblyai => format!("authorization: {KEY}\r\n"),
        Adapter::Telegram => String::new(),
    }
}

/// A metered request of a provider for a model.
fn request(adapter: Adapter, model: &str, stream: bool) -> (String, Value) {
    let messages = json!([{"role": "user", "content": "three short words"}]);
    match adapter {
        Adapter::Openai => (
            "/v1/chat/completions".to_owned(),
            json!({"model": model, "messages": messages, "stream": stream,
            "stream_options": {"include_usage": true}}),
        ),
        Adapter::Openrouter => (
            "/api/v1/chat/completions".to_owned(),
            json!({"model": model, "messages": messages,
            "stream": stream, "usage": {"include": true}}),
        ),
        Adapter::Anthropic => {
            ("/v1/messages".to_owned(), json!({"model": model, "messages": messages, "stream": stream}))
        }
        Adapter::Gemini if stream => (
            format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
            json!({"contents": [{"parts": [{"text": "three short words"}]}]}),
        ),
        Adapter::Gemini => (
            format!("/v1beta/models/{model}:generateContent"),
            json!({"contents": [{"parts": [{"text": "three short words"}]}]}),
        ),
        Adapter::Elevenlabs => (
            format!("/v1/text-to-speech/voice{}", if stream { "/stream" } else { "" }),
            json!({"model_id": model, "text": "three short words"}),
        ),
        Adapter::Assemblyai => {
            ("/v2/transcript".to_owned(), json!({"speech_model": model, "audio_url": "https://audio.example/90.mp3"}))
        }
        Adapter::Muapi => (format!("/api/v1/{model}"), json!({"prompt": "three short words"})),
        Adapter::Telegram => (format!("/bot{KEY}/sendMessage"), json!({"chat_id": 7, "text": "hello"})),
        Adapter::Composio => ("/v1/execute".to_owned(), json!({"action_id": "GITHUB_STAR", "args": {}})),
    }
}

struct Stand {
    network: Network,
    upstream: Upstream,
    adapter: Adapter,
}

impl Stand {
    fn start(adapter: Adapter) -> Self {
        let network = Network::in_memory();
        let upstream = Upstream::start(&network, adapter).unwrap();
        Self { network, upstream, adapter }
    }

    async fn try_send(&self, method: &str, target: &str, lines: &str, body: &str) -> Option<Answer> {
        let mut client = Client::new(self.network.dial(&self.upstream.endpoint()).await.unwrap());
        let length = body.len();
        client
            .send(format!(
                "{method} {target} HTTP/1.1\r\nhost: upstream\r\n{lines}content-length: {length}\r\n\r\n{body}"
            ))
            .await;
        client.try_answer().await
    }

    async fn get(&self, target: &str) -> Answer {
        self.try_send("GET", target, &credential(self.adapter), "").await.expect("an answer")
    }

    /// A metered request under a mode, which stands in the header where the adapter has no model.
    async fn ask(&self, mode: &str, stream: bool) -> Option<Answer> {
        let (target, body) = request(self.adapter, mode, stream);
        let lines = format!("{}x-standin: {mode}\r\ncontent-type: application/json\r\n", credential(self.adapter));
        self.try_send("POST", &target, &lines, &body.to_string()).await
    }

    async fn post(&self, target: &str, body: Value) -> Answer {
        let sent = self.try_send("POST", target, &credential(self.adapter), &body.to_string()).await;
        sent.expect("an answer")
    }
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.text()))
}

/// The data of an event stream.
fn events(answer: &Answer) -> Vec<String> {
    let text = answer.text().replace("\r\n", "\n");
    text.split("\n\n")
        .filter_map(|event| event.lines().find_map(|line| line.strip_prefix("data: ")))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn each_provider_reports_its_usage_in_its_own_place() {
    for (adapter, input, output) in [
        (Adapter::Openai, "/usage/prompt_tokens", "/usage/completion_tokens"),
        (Adapter::Openrouter, "/usage/prompt_tokens", "/usage/completion_tokens"),
        (Adapter::Anthropic, "/usage/input_tokens", "/usage/output_tokens"),
        (Adapter::Gemini, "/usageMetadata/promptTokenCount", "/usageMetadata/candidatesTokenCount"),
    ] {
        let stand = Stand::start(adapter);
        let body = json_of(&stand.ask("plain-model", false).await.unwrap());
        assert_eq!(
            (body.pointer(input), body.pointer(output)),
            (Some(&json!(3)), Some(&json!(7))),
            "{adapter:?} {body}"
        );
        let body = json_of(&stand.ask("tokens-1000-50", false).await.unwrap());
        assert_eq!((body.pointer(input), body.pointer(output)), (Some(&json!(1000)), Some(&json!(50))), "{adapter:?}");
        let body = json_of(&stand.ask("no-usage", false).await.unwrap());
        assert_eq!((body.pointer(input), body.pointer(output)), (None, None), "{adapter:?}");
        let body = json_of(&stand.ask("usage-negative", false).await.unwrap());
        assert_eq!(body.pointer(input), Some(&json!(-12)), "{adapter:?}");
    }
}

#[tokio::test]
async fn each_stream_is_in_its_providers_form() {
    let openai = events(&Stand::start(Adapter::Openai).ask("tokens-10-20", true).await.unwrap());
    assert_eq!(openai.last().unwrap(), "[DONE]");
    let chunks: Vec<Value> =
        openai[..openai.len() - 1].iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"));
    let (last, before) = chunks.split_last().unwrap();
    assert_eq!((&last["choices"], &last["usage"]["total_tokens"]), (&json!([]), &json!(30)));
    assert!(before.iter().all(|chunk| chunk["usage"].is_null()));
    let text: String = before.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, "These are the words of a stand-in.");

    let anthropic = events(&Stand::start(Adapter::Anthropic).ask("tokens-10-20", true).await.unwrap());
    let kinds: Vec<String> = anthropic
        .iter()
        .map(|data| serde_json::from_str::<Value>(data).unwrap()["type"].as_str().unwrap().to_owned())
        .collect();
    let mut expected = vec!["message_start", "content_block_start", "ping"];
    expected.extend(
        [["content_block_delta"; 7].as_slice(), &["content_block_stop", "message_delta", "message_stop"]].concat(),
    );
    assert_eq!(kinds, expected);
    let parsed: Vec<Value> = anthropic.iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    assert_eq!(parsed[0]["message"]["usage"]["input_tokens"], 10);
    assert_eq!(parsed[11]["usage"]["output_tokens"], 20);

    let router = Stand::start(Adapter::Openrouter).ask("vendor/tokens-10-20", true).await.unwrap();
    assert!(router.text().starts_with(": OPENROUTER PROCESSING\n\n"));
    assert!(router.text().contains(r#""prompt_tokens":10"#));

    let gemini = events(&Stand::start(Adapter::Gemini).ask("tokens-10-20", true).await.unwrap());
    let last: Value = serde_json::from_str(gemini.last().unwrap()).unwrap();
    assert_eq!(
        (&last["usageMetadata"]["promptTokenCount"], &last["candidates"][0]["finishReason"]),
        (&json!(10), &json!("STOP"))
    );
    let stand = Stand::start(Adapter::Gemini);
    let array = stand.post("/v1beta/models/m:streamGenerateContent", json!({"contents": "a b"})).await;
    assert_eq!(json_of(&array).as_array().unwrap().len(), 7);
}

#[tokio::test]
async fn the_responses_api_tells_its_story_in_numbered_events() {
    let stand = Stand::start(Adapter::Openai);
    let body = json!({"model": "tokens-10-20", "input": "three short words", "stream": true});
    let told = stand.post("/v1/responses", body).await;
    let parsed: Vec<Value> = events(&told).iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    let numbers: Vec<u64> = parsed.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..parsed.len() as u64).collect::<Vec<_>>());
    let last = parsed.last().unwrap();
    assert_eq!(
        (&last["type"], &last["response"]["usage"]["output_tokens"]),
        (&json!("response.completed"), &json!(20))
    );
    let whole = json_of(&stand.post("/v1/responses", json!({"model": "m", "input": "three short words"})).await);
    assert_eq!(
        (&whole["usage"]["input_tokens"], &whole["output"][0]["content"][0]["type"]),
        (&json!(3), &json!("output_text"))
    );
}

#[tokio::test]
async fn errors_are_in_the_providers_own_form() {
    for (adapter, pointer) in [
        (Adapter::Openai, "/error/message"),
        (Adapter::Openrouter, "/error/message"),
        (Adapter::Anthropic, "/error/message"),
        (Adapter::Gemini, "/error/message"),
        (Adapter::Elevenlabs, "/detail/message"),
        (Adapter::Assemblyai, "/error"),
        (Adapter::Muapi, "/error"),
        (Adapter::Telegram, "/description"),
        (Adapter::Composio, "/error/message"),
    ] {
        let stand = Stand::start(adapter);
        for status in [400, 429, 500, 529] {
            let answer = stand.ask(&format!("error-{status}"), false).await.unwrap();
            assert_eq!(answer.status, status);
            assert_eq!(json_of(&answer).pointer(pointer), Some(&json!("the error that was asked for")), "{adapter:?}");
            assert_eq!(answer.header("retry-after"), (status == 429).then_some("7"));
        }
        let (target, body) = request(adapter, "m", false);
        let target = target.replace(KEY, "");
        let unknown = stand.try_send("POST", &target, "", &body.to_string()).await.unwrap();
        assert_eq!(unknown.status, 401, "{adapter:?}: no credential");
    }
}

#[tokio::test]
async fn free_routes_are_answered() {
    let openai = Stand::start(Adapter::Openai);
    assert_eq!(json_of(&openai.get("/v1/models").await)["data"][0]["object"], "model");
    assert_eq!(json_of(&openai.get("/v1/models/gpt-4o").await)["id"], "gpt-4o");
    assert_eq!(openai.get("/v1/files").await.status, 404);
    let anthropic = Stand::start(Adapter::Anthropic);
    assert_eq!(json_of(&anthropic.get("/v1/models").await)["has_more"], false);
    let count = json!({"model": "m", "messages": [{"role": "user", "content": "a b c d"}]});
    assert_eq!(json_of(&anthropic.post("/v1/messages/count_tokens", count).await)["input_tokens"], 4);
    let telegram = Stand::start(Adapter::Telegram);
    assert_eq!(json_of(&telegram.get(&format!("/bot{KEY}/getMe")).await)["result"]["is_bot"], true);
}

#[tokio::test]
async fn jobs_go_on_and_belong_to_their_credential() {
    let stand = Stand::start(Adapter::Assemblyai);
    let posted = json_of(&stand.ask("best", false).await.unwrap());
    assert_eq!((&posted["status"], &posted["audio_duration"]), (&json!("queued"), &Value::Null));
    let target = format!("/v2/transcript/{}", posted["id"].as_str().unwrap());
    let done = json_of(&stand.get(&target).await);
    assert_eq!(
        (&done["status"], &done["audio_duration"], &done["speech_model"]),
        (&json!("completed"), &json!(90), &json!("best"))
    );
    let foreign = stand.try_send("GET", &target, "authorization: other\r\n", "").await.unwrap();
    assert_eq!(foreign.status, 404);
    let slow = json_of(&stand.ask("slow", false).await.unwrap());
    let target = format!("/v2/transcript/{}", slow["id"].as_str().unwrap());
    let mut states = Vec::new();
    for _ in 0..3 {
        states.push(json_of(&stand.get(&target).await)["status"].clone());
    }
    assert_eq!(states, ["processing", "processing", "completed"]);

    let muapi = Stand::start(Adapter::Muapi);
    let posted = json_of(&muapi.ask("flux-dev", false).await.unwrap());
    let target = format!("/api/v1/predictions/{}/result", posted["request_id"].as_str().unwrap());
    assert_eq!(json_of(&muapi.get(&target).await)["status"], "completed");
}

#[tokio::test]
async fn every_echo_gives_the_credential_back() {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD.encode(KEY);
    let hex: String = KEY.bytes().map(|byte| format!("{byte:02x}")).collect();
    for adapter in Adapter::ALL {
        let stand = Stand::start(adapter);
        for (mode, needle) in [
            ("echo", KEY),
            ("echo-header", KEY),
            ("echo-error", KEY),
            ("echo-redirect", KEY),
            ("echo-base64", base64.as_str()),
            ("echo-hex", hex.as_str()),
            ("echo-split", KEY),
        ] {
            let answer = stand.ask(mode, false).await.unwrap();
            let raw = String::from_utf8_lossy(&answer.raw).into_owned();
            assert!(raw.contains(needle), "{adapter:?} {mode}: {raw}");
        }
    }
}

#[tokio::test]
async fn a_trailer_comes_though_nobody_asked() {
    let stand = Stand::start(Adapter::Openai);
    for stream in [false, true] {
        let (target, body) = request(Adapter::Openai, "echo-trailer", stream);
        let mut client = Client::new(stand.network.dial(&stand.upstream.endpoint()).await.unwrap());
        let (lines, body) = (credential(Adapter::Openai), body.to_string());
        let head = format!("POST {target} HTTP/1.1\r\nhost: u\r\n{lines}content-length: {}\r\n\r\n{body}", body.len());
        client.send(head).await;
        while client.fill().await {}
        let raw = String::from_utf8(client.buffer).unwrap();
        assert!(raw.ends_with(&format!("\r\n0\r\nx-sent-key: {KEY}\r\n\r\n")), "{raw}");
    }
}

#[tokio::test]
async fn bodies_die_and_connections_hang_up() {
    for adapter in Adapter::ALL {
        let stand = Stand::start(adapter);
        assert_eq!(stand.ask("dies", false).await, None, "{adapter:?}");
        assert_eq!(stand.ask("hangs-up", false).await, None, "{adapter:?}");
        assert_eq!(stand.upstream.count(), 2);
    }
}

#[tokio::test]
async fn a_held_stream_stops_in_the_middle_until_it_is_released() {
    let stand = Stand::start(Adapter::Openai);
    let (target, body) = request(Adapter::Openai, "held", true);
    let mut client = Client::new(stand.network.dial(&stand.upstream.endpoint()).await.unwrap());
    let (lines, body) = (credential(Adapter::Openai), body.to_string());
    client
        .send(format!("POST {target} HTTP/1.1\r\nhost: u\r\n{lines}content-length: {}\r\n\r\n{body}", body.len()))
        .await;
    while !String::from_utf8_lossy(&client.buffer).contains("These") {
        assert!(client.fill().await);
    }
    let soon =
        tokio::time::timeout(std::time::Duration::from_millis(100), async { while client.fill().await {} }).await;
    assert!(soon.is_err() && !String::from_utf8_lossy(&client.buffer).contains("[DONE]"));
    stand.upstream.release();
    let answer = client.answer().await;
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn the_modes_that_only_change_the_head() {
    let stand = Stand::start(Adapter::Openai);
    let cookies = stand.ask("cookies", false).await.unwrap();
    assert_eq!((cookies.all("set-cookie").len(), cookies.header("vendo-error-code")), (2, Some("app_revoked")));
    let redirect = stand.ask("redirect", false).await.unwrap();
    assert_eq!((redirect.status, redirect.header("location")), (302, Some("https://elsewhere.example/v1/next")));
    let compressed = stand.ask("compressed", false).await.unwrap();
    assert_eq!((compressed.header("content-encoding"), &compressed.body[..2]), (Some("gzip"), &[0x1f, 0x8b][..]));
    let large = stand.ask("large", true).await.unwrap();
    assert!(large.body.len() > 2 * 1024 * 1024);
    let error = stand.ask("error-in-stream", true).await.unwrap();
    assert!(events(&error).last().unwrap().contains("the error that was asked for"));
}

#[tokio::test]
async fn each_mode_differs_from_a_plain_answer() {
    let stand = Stand::start(Adapter::Openai);
    let plain = stand.ask("plain", true).await.unwrap().raw;
    let mut alike = BTreeSet::new();
    for (name, _) in MODES.iter().filter(|(name, _)| !matches!(*name, "silent" | "held")) {
        let mode = name.replace("NNN", "500").replace("I-O", "10-20");
        // The name of the model and the number of the answer differ in any case.
        let masked = |raw: &[u8], mode: &str| {
            let text = String::from_utf8_lossy(raw).replace(mode, "M");
            text.split("chatcmpl-").map(|part| part.get(24..).unwrap_or(part)).collect::<String>()
        };
        let answer = stand.ask(&mode, true).await;
        if answer.is_some_and(|answer| masked(&answer.raw, &mode) == masked(&plain, "plain")) {
            alike.insert(*name);
        }
    }
    // It is slow, and says the same.
    assert_eq!(alike, BTreeSet::from(["slow"]));
}

#[tokio::test]
async fn what_arrives_is_kept_as_it_came() {
    let stand = Stand::start(Adapter::Openai);
    stand.ask("plain", false).await.unwrap();
    let kept = stand.upstream.requests();
    assert_eq!((kept.len(), kept[0].method.as_str(), kept[0].target.as_str()), (1, "POST", "/v1/chat/completions"));
    assert_eq!(kept[0].header("authorization").collect::<Vec<_>>(), [format!("Bearer {KEY}").as_bytes()]);
    assert_eq!(kept[0].body_bytes, Some(kept[0].body.len() as u64));
    assert_eq!(stand.upstream.drain(), kept);
    assert!(stand.upstream.requests().is_empty());
}

#[tokio::test]
async fn the_broker_gives_an_accounts_tokens() {
    let network = Network::in_memory();
    let token = BrokerReply::Token {
        access_token: "at-1".to_owned(),
        refresh_token: "rt-1".to_owned(),
        expires_at: Some("2030-01-01T00:00:00Z".to_owned()),
    };
    let broker = Broker::start(&network, BTreeMap::from([("acc-1".to_owned(), token)])).unwrap();
    let ask = async |path: &str, lines: &str, account: &str| {
        let mut client = Client::new(network.dial(&broker.endpoint()).await.unwrap());
        let body = json!({"connected_account_id": account}).to_string();
        client
            .send(format!("POST {path} HTTP/1.1\r\nhost: b\r\n{lines}content-length: {}\r\n\r\n{body}", body.len()))
            .await;
        client.try_answer().await
    };
    let good = ask("/v1/tokens", "x-api-key: k\r\n", "acc-1").await.unwrap();
    let expected = json!({"access_token": "at-1", "refresh_token": "rt-1", "expires_at": "2030-01-01T00:00:00Z"});
    assert_eq!((good.status, json_of(&good)), (200, expected));
    assert_eq!(ask("/v1/tokens", "", "acc-1").await.unwrap().status, 401);
    assert_eq!(ask("/v1/tokens", "x-api-key: k\r\n", "acc-2").await.unwrap().status, 404);
    assert_eq!(ask("/v1/other", "x-api-key: k\r\n", "acc-1").await.unwrap().status, 404);
    for (reply, status) in [
        (BrokerReply::Failure(500, "secret stack".to_owned()), Some(500)),
        (BrokerReply::Json("[".to_owned()), Some(200)),
        (BrokerReply::Redirect("http://127.0.0.1:1/".to_owned()), Some(307)),
        (BrokerReply::HangsUp, None),
    ] {
        broker.set("acc-2", reply);
        assert_eq!(ask("/v1/tokens", "x-api-key: k\r\n", "acc-2").await.map(|answer| answer.status), status);
    }
    broker.set("acc-2", BrokerReply::Held(Box::new(BrokerReply::Failure(503, String::new()))));
    broker.release();
    assert_eq!(ask("/v1/tokens", "x-api-key: k\r\n", "acc-2").await.unwrap().status, 503);
    assert_eq!(broker.drain().len(), 9);
}
