//! What becomes of a provider's answer: how it passes, what is taken out of it, and what it costs, whoever ends it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod common;

use common::provider::*;
use reference_impl::store::wallet::LedgerKind::Hold;
use reference_impl::{Adapter, Reply};
use std::time::Duration;

const USAGE: &str = r#"{"id":"x","usage":{"prompt_tokens":3,"completion_tokens":5}}"#;

#[tokio::test]
async fn a_stream_passes_as_it_comes_and_is_billed_by_its_last_usage() {
    let world = Providers::start().await;
    let word = r#"{"choices":[{"delta":{"content":"a"}}],"usage":null}"#;
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}"#;
    world.script(Adapter::Openai, events(&[word, word, usage, "[DONE]"]));
    let got = world.spend(Adapter::Openai).await;
    assert_eq!(got.header("content-type"), Some("text/event-stream"));
    assert_eq!(got.text(), format!("data: {word}\n\ndata: {word}\n\ndata: {usage}\n\ndata: [DONE]\n\n"));
    assert_eq!(world.spent("T-acme").await, 156);
    // A stream that never says: 4 tokens in for a body of 13 bytes, one out for each word.
    world.script(Adapter::Openai, events(&[word, word, "[DONE]"]));
    assert_eq!(world.spend(Adapter::Openai).await.status, 200);
    assert_eq!(world.spent("T-acme").await, 156 + 4 * 12 + 2 * 24);
    // An answer that never says: a token out for each 4 bytes begun.
    world.script(Adapter::Openai, answer("{\"a\":1}"));
    assert_eq!(world.spend(Adapter::Openai).await.status, 200);
    assert_eq!(world.spent("T-acme").await, 156 + 96 + 4 * 12 + 2 * 24);
    let got = world.spend(Adapter::Openrouter).await;
    assert_eq!(got.status, 200);
    assert_eq!(world.reached(Adapter::Openrouter)[0].body, br#"{"model":"m"}"#);
    let stream = ("POST", "/v1/chat/completions", r#"{"usage":{"include":false},"model":"m","stream":true}"#);
    world.script(Adapter::Openrouter, events(&[word, usage]));
    assert_eq!(world.call(Adapter::Openrouter, world.acme(), stream, "").await.status, 200);
    let seen = &world.reached(Adapter::Openrouter)[0];
    assert_eq!(seen.target, "/api/v1/chat/completions");
    assert_eq!(seen.body, br#"{"model":"m","stream":true,"usage":{"include":true}}"#);
}

#[tokio::test]
async fn events_reach_the_client_while_the_stream_goes_on() {
    let world = Providers::start().await;
    let piece = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let open = format!("{head}{:x}\r\n{piece}\r\n", piece.len());
    world.script(Adapter::Openai, Reply::RawKeep(open.into_bytes()));
    let mut client = world.client().await;
    let lines = format!("authorization: Bearer {}\r\n", world.acme());
    client.send(request(Adapter::Openai, &lines, metered(Adapter::Openai))).await;
    while !String::from_utf8_lossy(&client.buffer).contains(piece) {
        assert!(client.fill().await, "the event comes before the stream ends");
    }
    assert_eq!(world.ledger("T-acme").await, [(Hold, -1_000_000)]);
    drop(client);
}

#[tokio::test]
async fn a_stream_that_dies_is_billed_by_what_was_seen() {
    let world = Providers::start().await;
    let word = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}\n\n";
    let mut holds = 0;
    let mut spent = 0;
    for (sent, cost) in [
        (format!("{head}{}", chunk(word)), 4 * 12 + 24),
        (format!("{head}{}{}", chunk(word), chunk(usage)), 156),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\":1}".to_owned(), 4 * 12 + 2 * 24),
        (format!("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{USAGE}"), 156),
    ] {
        world.script(Adapter::Openai, Reply::Raw(sent.clone().into_bytes()));
        let mut client = world.client().await;
        let lines = format!("authorization: Bearer {}\r\n", world.acme());
        client.send(request(Adapter::Openai, &lines, metered(Adapter::Openai))).await;
        assert_eq!(client.try_answer().await, None, "it must not look whole: {sent}");
        holds += 1;
        spent += cost;
        assert_eq!(world.settled("T-acme", holds).await, spent, "{sent}");
    }
    // Before the head nothing was used.
    for reply in [Reply::Raw(vec![]), Reply::Raw(b"nonsense\r\n\r\n".to_vec())] {
        world.script(Adapter::Openai, reply);
        let got = world.spend(Adapter::Openai).await;
        assert_eq!((got.status, got.header("vendo-error-code")), (502, Some("upstream_error")));
        holds += 1;
        assert_eq!(world.settled("T-acme", holds).await, spent);
    }
}

#[tokio::test]
async fn a_client_that_leaves_pays_for_what_was_sent_and_leaves_no_hold() {
    let limits = reference_impl::Limits { stall_timeout: Duration::from_millis(300), ..Default::default() };
    let world = Providers::with(Setup { limits, ..Setup::default() }).await;
    let lines = format!("authorization: Bearer {}\r\n", world.acme());
    let whole = request(Adapter::Openai, &lines, metered(Adapter::Openai));
    // In the middle of the request: nothing was held.
    for cut in [10, whole.len() - 1] {
        let mut client = world.client().await;
        client.send(&whole[..cut]).await;
        drop(client);
    }
    // Behind the request, before an answer.
    world.script(Adapter::Openai, Reply::Hold(Box::new(answer(USAGE))));
    let mut client = world.client().await;
    client.send(&whole).await;
    while world.upstream(Adapter::Openai).waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(client);
    world.upstream(Adapter::Openai).release();
    let spent = world.settled("T-acme", 1).await;
    assert!(spent > 0, "what the provider has done is paid for");
    // In the middle of a stream.
    let word = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let open = format!("{head}{:x}\r\n{word}\r\n", word.len());
    world.script(Adapter::Openai, Reply::RawKeep(open.into_bytes()));
    let mut client = world.client().await;
    client.send(&whole).await;
    while !String::from_utf8_lossy(&client.buffer).contains(word) {
        assert!(client.fill().await);
    }
    drop(client);
    assert_eq!(world.settled("T-acme", 2).await, spent + 4 * 12 + 24);
}

#[tokio::test]
async fn a_stream_that_goes_on_after_its_client_has_left_is_cut_off() {
    let world = Providers::start().await;
    let word = r#"{"choices":[{"delta":{"content":"a"}}]}"#;
    let many = vec![word; 20_000];
    world.script(Adapter::Openai, events(&many));
    let mut client = world.client().await;
    let lines = format!("authorization: Bearer {}\r\n", world.acme());
    client.send(request(Adapter::Openai, &lines, metered(Adapter::Openai))).await;
    assert!(client.fill().await);
    drop(client);
    let spent = world.settled("T-acme", 1).await;
    assert!((4 * 12 + 24..4 * 12 + 24 * 20_000).contains(&spent), "{spent}");
}

#[tokio::test]
async fn over_http2_it_is_the_same_and_a_reset_stream_is_settled_at_once() {
    use http_body_util::{BodyExt, Full};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let world = Providers::start().await;
    let stream = world.client().await.stream;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move { connection.await.unwrap_or_default() });
    let (_, path, body) = metered(Adapter::Openai);
    let ask = || {
        http::Request::post(format!("http://openai-proxy.vendo.run{path}"))
            .header("authorization", format!("Bearer {}", world.acme()))
            .body(Full::new(bytes::Bytes::from_static(body.as_bytes())))
            .unwrap()
    };
    world.script(Adapter::Openai, answer(USAGE));
    let got = sender.send_request(ask()).await.unwrap();
    assert_eq!(got.status().as_u16(), 200);
    assert_eq!(got.headers().get("access-control-allow-origin").unwrap(), "*");
    assert_eq!(got.into_body().collect().await.unwrap().to_bytes(), USAGE);
    assert_eq!(world.settled("T-acme", 1).await, 156);
    // The provider never answers; the client gives up. What was sent is billed, and nothing is waited for.
    world.script(Adapter::Openai, Reply::Hold(Box::new(Reply::Page)));
    world.reached_any();
    let asked = tokio::time::timeout(Duration::from_millis(200), sender.send_request(ask())).await;
    assert!(asked.is_err());
    assert_eq!(world.reached(Adapter::Openai).len(), 1);
    assert_eq!(world.settled("T-acme", 2).await, 156 + 4 * 12);
    // And the connection still serves.
    assert_eq!(sender.send_request(ask()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn redirects_and_errors_pass_and_cost_nothing() {
    let world = Providers::start().await;
    let usage = format!("{{\"error\":{{\"code\":\"x\"}},{}", USAGE.trim_start_matches('{'));
    for code in [301, 302, 307, 400, 401, 429, 500, 503] {
        let headers = [("location", "http://mem-1/elsewhere"), ("x-request-id", "r"), ("server", "up"), ("date", "d")];
        world.script(Adapter::Openai, respond(code, &headers, &[&usage], false));
        let got = world.spend(Adapter::Openai).await;
        assert_eq!((got.status, got.text()), (code, usage.as_str()));
        assert_eq!(got.header("location"), Some("http://mem-1/elsewhere"));
        assert_eq!((got.header("server"), got.header("date")), (Some("up"), Some("d")));
        assert_eq!(got.header("vendo-error-code"), None);
        assert_eq!(world.reached_any(), 1, "a redirect is not followed");
    }
    assert_eq!(world.settled("T-acme", 8).await, 0);
}

#[tokio::test]
async fn an_upstream_speaks_neither_for_the_platform_nor_of_the_credential() {
    let world = Providers::start().await;
    let secret = credential("T-acme", Adapter::Openai);
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let location = format!("https://x.example/?k={secret}");
    let headers = [
        ("set-cookie", "a=b"),
        ("vendo-error-code", "app_revoked"),
        ("x-vendo-tenant-id", "T-globex"),
        ("access-control-allow-origin", "https://x.example"),
        ("access-control-allow-credentials", "true"),
        ("location", location.as_str()),
        ("x-echo", secret.as_str()),
        ("x-hex", hex.as_str()),
        ("x-kept", "yes"),
    ];
    let (front, back) = secret.split_at(9);
    let body = [format!("{{\"key\":\"{front}"), format!("{back}\",\"hex\":\"{hex}\"}}")];
    world.script(Adapter::Openai, respond(200, &headers, &[&body[0], &body[1]], true));
    let got = world.spend(Adapter::Openai).await;
    let mut names: Vec<_> = got.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["access-control-allow-origin", "transfer-encoding", "x-kept"]);
    let stars = |count: usize| "*".repeat(count);
    assert_eq!(got.text(), format!("{{\"key\":\"{}\",\"hex\":\"{}\"}}", stars(secret.len()), stars(hex.len())));
    // The head of the request, given back as the body.
    world.script(Adapter::Openai, Reply::Echo);
    let got = world.spend(Adapter::Openai).await;
    assert!(got.text().contains(&format!("authorization: Bearer {}", stars(secret.len()))), "{}", got.text());
    world.script(Adapter::Telegram, Reply::Echo);
    let got = world.call(Adapter::Telegram, world.acme(), ("GET", "/getMe", ""), "").await;
    assert!(got.text().starts_with("GET /bot***"), "{}", got.text());
    assert!(!String::from_utf8_lossy(&got.raw).contains("Zq39"));
}

#[tokio::test]
async fn an_answer_that_cannot_be_searched_or_trusted_is_502() {
    let world = Providers::start().await;
    for reply in [
        respond(200, &[("content-encoding", "gzip")], &["x"], false),
        respond(500, &[("content-encoding", "br")], &["x"], false),
        Reply::Raw(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_vec(),
        ),
        Reply::Raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_vec()),
        Reply::Upgrade101,
    ] {
        world.script(Adapter::Openai, reply.clone());
        let got = world.spend(Adapter::Openai).await;
        assert_eq!((got.status, got.header("vendo-error-code")), (502, Some("upstream_error")), "{reply:?}");
    }
    assert_eq!(world.settled("T-acme", 5).await, 0);
    let unreachable = Providers::with(Setup { unreachable: vec![Adapter::Openai], ..Setup::default() }).await;
    assert_eq!(unreachable.spend(Adapter::Openai).await.status, 502);
    assert!(unreachable.ledger("T-acme").await.is_empty());
}

#[tokio::test]
async fn an_upstream_that_says_nothing_in_time_is_504() {
    let limits = reference_impl::Limits { response_head_timeout: Duration::from_millis(100), ..Default::default() };
    let world = Providers::with(Setup { limits, ..Setup::default() }).await;
    world.script(Adapter::Openai, Reply::Hold(Box::new(Reply::Page)));
    let got = world.spend(Adapter::Openai).await;
    assert_eq!((got.status, got.header("vendo-error-code")), (504, Some("upstream_error")));
    assert_eq!(world.settled("T-acme", 1).await, 0);
}

#[tokio::test]
async fn a_wallet_out_of_reach_refuses_before_and_settles_later() {
    let world = Providers::start().await;
    world.platform.control().set_wallet_available(false);
    let got = world.spend(Adapter::Openai).await;
    assert_eq!((got.status, got.header("vendo-error-code")), (503, None));
    assert_eq!(world.reached_any(), 0);
    world.platform.control().set_wallet_available(true);
    world.script(Adapter::Openai, Reply::Hold(Box::new(answer(USAGE))));
    let (got, ()) = tokio::join!(world.spend(Adapter::Openai), async {
        while world.upstream(Adapter::Openai).waiting() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.platform.control().set_wallet_available(false);
        world.upstream(Adapter::Openai).release();
    });
    assert_eq!((got.status, got.text()), (200, USAGE));
    assert_eq!(world.ledger("T-acme").await, [(Hold, -1_000_000)]);
    world.platform.control().set_wallet_available(true);
    assert_eq!(world.settled("T-acme", 1).await, 156);
}
