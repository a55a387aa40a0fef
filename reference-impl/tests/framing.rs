//! HTTP/1 framing: what is ambiguous is refused, and nothing behind it on the connection is executed.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod common;

use common::*;
use reference_impl::{Limits, Reply};
use std::time::Duration;

const BAD_REQUEST: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncache-control: no-store\r\n\
    content-length: 13\r\nconnection: close\r\n\r\nBad request.\n";

fn smuggled() -> String {
    format!("GET /smuggled HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\n\r\n")
}

#[tokio::test]
async fn an_ambiguous_length_is_refused_and_nothing_behind_it_runs() {
    let world = World::start();
    for fields in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5\r\ncontent-length: 5\r\n",
        "content-length: 5, 5\r\n",
        "content-length: +5\r\n",
        "content-length: -1\r\n",
        "content-length: 5x\r\n",
        "content-length: 0x5\r\n",
        "content-length:\r\n",
        "content-length: 99999999999999999999\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked, gzip\r\n",
        "transfer-encoding: identity\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked, chunked\r\n",
        "transfer-encoding:\r\n",
        "transfer-encoding: \"chunked\"\r\n",
        "transfer-encoding : chunked\r\n",
        "content-length : 5\r\n",
        "x: y\r\n transfer-encoding: chunked\r\n",
        "x: y\n",
        "x: y\ncontent-length: 5\r\n",
        "x: a\rb\r\n",
        "x: a\0b\r\n",
        "x y: z\r\n",
        ": z\r\n",
        "x\r\n",
        "\u{e9}: z\r\n",
    ] {
        let mut client = world.client().await;
        client.send(format!("POST /a HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\n{fields}\r\n0\r\n\r\n{}", smuggled())).await;
        while client.fill().await {}
        assert_eq!(String::from_utf8_lossy(&client.buffer), BAD_REQUEST, "{fields:?}");
        assert_eq!(world.reached(), (0, 0, 0), "{fields:?}");
    }
}

#[tokio::test]
async fn a_malformed_request_line_is_refused() {
    let world = World::start();
    for line in [
        "GET / HTTP/1.1\nhost: acme-site.vendo.run\n\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.2\r\n\r\n",
        "GET /\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "G@T\t/ HTTP/1.1\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "\x16\x03\x01\x02\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.0\r\nhost: acme-site.vendo.run\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: acme-site.vendo.run\r\nhalf",
    ] {
        let mut client = world.client().await;
        client.send(line).await;
        tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.unwrap();
        while client.fill().await {}
        assert_eq!(String::from_utf8_lossy(&client.buffer), BAD_REQUEST, "{line:?}");
    }
    assert_eq!(world.reached(), (0, 0, 0));
}

#[tokio::test]
async fn a_broken_chunk_is_refused_and_nothing_behind_it_runs() {
    let world = World::start();
    for body in [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "x\r\n",
        "\r\n",
        "-1\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n",
        "5;\nx\r\nhello\r\n0\r\n\r\n",
        "0\r\nx: y\n\r\n",
        "0\r\n\n",
        "5\r\nhello\r\n0\n\r\n",
    ] {
        let mut client = world.client().await;
        client
            .send(format!(
                "POST /a HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\ntransfer-encoding: chunked\r\n\r\n{body}{}",
                smuggled()
            ))
            .await;
        while client.fill().await {}
        assert_eq!(String::from_utf8_lossy(&client.buffer), BAD_REQUEST, "{body:?}");
        let received = world.site.drain();
        assert!(received.iter().all(|one| one.target == "/a" && !one.complete), "{body:?} {received:?}");
    }
}

#[tokio::test]
async fn a_body_that_stops_short_never_completes_at_the_container() {
    let world = World::start();
    let mut client = world.client().await;
    client.send(format!("POST /a HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\ncontent-length: 10\r\n\r\nhalf")).await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.unwrap();
    while client.fill().await {}
    assert!(client.buffer.is_empty() || client.buffer == BAD_REQUEST.as_bytes());
    assert!(world.site.drain().iter().all(|received| !received.complete));
}

#[tokio::test]
async fn a_good_request_before_a_bad_one_is_answered_first() {
    let world = World::start();
    world.site.script(Reply::Hold(Box::new(Reply::Page)));
    let mut client = world.client().await;
    let good = format!("GET /good HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\n\r\n");
    client.send(format!("{good}GET /bad HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n{good}")).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.site.release();
    assert_eq!(client.answer().await.text(), "site page");
    assert_eq!(client.answer().await.raw, BAD_REQUEST.as_bytes());
    assert!(client.ends().await);
    assert_eq!(world.reached(), (0, 1, 0));
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_order() {
    let world = World::start();
    let mut client = world.client().await;
    let one = |path: &str, body: &str| {
        format!("POST /{path} HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    client.send(format!("{}\r\n{}{}", one("1", "GET /x HTTP/1.1\r\n\r\n"), one("2", ""), one("3", "abc"))).await;
    for _ in 0..3 {
        assert_eq!(client.answer().await.status, 200);
    }
    let received = world.site.drain();
    assert_eq!(received.iter().map(|one| one.target.as_str()).collect::<Vec<_>>(), ["/1", "/2", "/3"]);
    assert_eq!(received[0].body, b"GET /x HTTP/1.1\r\n\r\n");
}

#[tokio::test]
async fn nothing_runs_after_a_refusal_that_closes_or_a_connection_that_the_client_ends() {
    let world = World::start();
    for head in [
        "GET / HTTP/1.1\r\nhost: a_b\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\nconnection: close\r\n\r\n"),
    ] {
        let mut client = world.client().await;
        client.send(format!("{head}{}GET bad\r\n\r\n", smuggled())).await;
        client.answer().await;
        assert!(client.ends().await, "{head:?}");
    }
    assert_eq!(world.site.drain().iter().filter(|received| received.target == "/smuggled").count(), 0);
}

#[tokio::test]
async fn a_head_has_bounds() {
    let world = World::start();
    let fields = |count: usize| (0..count).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    assert_eq!(world.get(PUBLIC_HOST, "/", None, &fields(99)).await.status, 200);
    let mut client = world.client().await;
    client.send(format!("GET / HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\n{}\r\n{}", fields(100), smuggled())).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (431, Some("close")));
    assert!(client.ends().await);
    let long = |bytes: usize| format!("x: {}\r\n", "y".repeat(bytes));
    assert_eq!(world.get(PUBLIC_HOST, "/", None, &long(65_000)).await.status, 200);
    for bytes in [65_536, 70_000] {
        let mut client = world.client().await;
        client.send(format!("GET / HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\n{}", long(bytes))).await;
        assert_eq!(client.answer().await.status, 431, "{bytes}");
        assert!(client.ends().await);
    }
    assert_eq!(world.reached(), (0, 2, 0));
}

#[tokio::test]
async fn a_slow_head_and_an_idle_connection_are_closed() {
    let limits = Limits {
        head_read_timeout: Duration::from_millis(100),
        idle_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let world = World::with(Options { limits, ..Options::default() });
    for begin in ["", "G", "GET / HTTP/1.1\r\nhost: "] {
        let mut client = world.client().await;
        client.send(begin).await;
        assert!(client.ends().await, "{begin:?}");
    }
    let mut client = world.client().await;
    client.send(smuggled()).await;
    client.answer().await;
    client.send("GET / HT").await;
    assert!(client.ends().await);
    let mut client = world.client().await;
    client.send(smuggled()).await;
    client.answer().await;
    assert!(client.ends().await);
}

#[tokio::test]
async fn a_container_that_is_away_is_a_502_and_one_that_is_silent_a_504() {
    let limits = Limits { response_head_timeout: Duration::from_millis(100), ..Limits::default() };
    let world = World::with(Options { limits, ..Options::default() });
    world.site.script(Reply::Hold(Box::new(Reply::Page)));
    let answer = world.get(PUBLIC_HOST, "/", None, "").await;
    assert_eq!((answer.status, answer.text()), (504, "Gateway timeout.\n"));
    let mut client = world.client().await;
    client.send(format!("POST / HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\ncontent-length: 6\r\n\r\n")).await;
    for byte in ["a", "b", "c", "d", "e", "f"] {
        tokio::time::sleep(Duration::from_millis(40)).await;
        client.send(byte).await;
    }
    assert_eq!(client.answer().await.status, 200, "a slow upload is not a silent container");
    let World { platform, network, site, .. } = world;
    drop(site);
    let mut client = Client::new(network.dial(&platform.http_endpoint()).await.unwrap());
    client.send(smuggled()).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text()), (502, "Bad gateway.\n"));
}

#[tokio::test]
async fn a_client_that_has_sent_its_last_byte_still_gets_its_answer() {
    for sockets in [false, true] {
        let world = World::with(Options { sockets, ..Options::default() });
        world.site.script(Reply::Hold(Box::new(Reply::Page)));
        let mut client = world.client().await;
        client.send(smuggled()).await;
        tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
        world.site.release();
        assert_eq!(client.answer().await.text(), "site page");
        assert!(client.ends().await);
    }
}

#[tokio::test]
async fn a_refusal_reaches_a_client_whose_body_was_not_read_over_real_sockets() {
    let world = World::with(Options { sockets: true, ..Options::default() });
    for fields in
        ["content-length: 200000\r\ncontent-length: 200000\r\n", "content-length: 200000\r\nx: a_b\r\nhost: x\r\n"]
    {
        let mut client = world.client().await;
        client.send(format!("POST / HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\n{fields}\r\n")).await;
        client.send(vec![b'x'; 200_000]).await;
        assert_eq!(client.answer().await.raw, BAD_REQUEST.as_bytes());
    }
}
