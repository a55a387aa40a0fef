//! Peers that keep still: none of them holds a connection, its own or a container's, for ever.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod common;

use bytes::Bytes;
use common::*;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use reference_impl::{Acceptor, Limits, NewDeployment, Stream};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};

const STALL: Duration = Duration::from_millis(200);
const HALF_STALL: Duration = Duration::from_millis(100);
const BARE: &str = "acme-bare.vendo.run";

/// A world with a public deployment whose container is the test.
fn bare() -> (World, Acceptor) {
    let limits = Limits { stall_timeout: STALL, idle_timeout: STALL, head_read_timeout: STALL, ..Limits::default() };
    let world = World::with(Options { limits, ..Options::default() });
    let (acceptor, target) = world.network.bind().unwrap();
    let new = NewDeployment {
        id: deployment("d-bare"),
        tenant: tenant("T-acme"),
        slug: slug("bare"),
        vendo_auth: false,
        legacy: false,
        target,
    };
    world.platform.control().deploy(new).unwrap();
    (world, acceptor)
}

/// The next connection to the container, after the head of its first request.
async fn requested(acceptor: &mut Acceptor) -> Client<Stream> {
    let mut container = Client::new(timeout(PATIENCE, acceptor.accept()).await.unwrap().unwrap());
    while !container.buffer.windows(4).any(|window| window == b"\r\n\r\n") {
        assert!(container.fill().await);
    }
    container.buffer.clear();
    container
}

/// Writes until nobody is there to read.
async fn fill_up(container: &mut Client<Stream>) {
    let forever = async { while container.stream.write_all(&[b'x'; 16 * 1024]).await.is_ok() {} };
    timeout(PATIENCE, forever).await.expect("the connection is ended");
}

#[tokio::test]
async fn a_client_that_reads_nothing_loses_its_answer_and_frees_the_container() {
    let (world, mut acceptor) = bare();
    let mut client = world.client().await;
    client.send(format!("GET / HTTP/1.1\r\nhost: {BARE}\r\n\r\n")).await;
    let mut container = requested(&mut acceptor).await;
    container.send("HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n").await;
    fill_up(&mut container).await;
    sleep(2 * STALL).await;
    while client.fill().await {}
    assert!(client.buffer.len() < 1_000_000, "what was buffered, and no more");
}

#[tokio::test]
async fn an_http2_client_that_opens_no_window_frees_the_container() {
    let (world, mut acceptor) = bare();
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(1000)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(world.client().await.stream))
        .await
        .unwrap();
    tokio::spawn(async move { connection.await.unwrap_or_default() });
    let request = http::Request::get(format!("http://{BARE}/")).body(Empty::new()).unwrap();
    let answered = tokio::spawn(async move { (sender.send_request(request).await.unwrap(), sender) });
    let mut container = requested(&mut acceptor).await;
    container.send("HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n").await;
    let (response, _sender) = answered.await.unwrap();
    fill_up(&mut container).await;
    assert!(timeout(PATIENCE, response.into_body().collect()).await.unwrap().is_err(), "never a clean end");
}

#[tokio::test]
async fn a_container_that_falls_silent_does_not_keep_a_client_that_is_gone() {
    let (world, mut acceptor) = bare();
    for framing in ["content-length: 11", "transfer-encoding: chunked", "connection: close"] {
        let mut client = world.client().await;
        client.send(format!("GET / HTTP/1.1\r\nhost: {BARE}\r\n\r\n")).await;
        let mut container = requested(&mut acceptor).await;
        container.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n")).await;
        client.stream.shutdown().await.unwrap();
        assert!(container.ends().await, "{framing}");
        while client.fill().await {}
        assert!(!client.buffer.ends_with(b"0\r\n\r\n"), "never a clean end: {framing}");
    }
}

#[tokio::test]
async fn an_answer_that_moves_slowly_comes_whole() {
    let (world, mut acceptor) = bare();
    let mut client = world.client().await;
    client.send(format!("GET / HTTP/1.1\r\nhost: {BARE}\r\n\r\n")).await;
    let mut container = requested(&mut acceptor).await;
    container.send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n").await;
    for byte in ["a", "b", "c", "d", "e", "f"] {
        sleep(HALF_STALL).await;
        container.send(byte).await;
    }
    assert_eq!(client.answer().await.text(), "abcdef");
}

#[tokio::test]
async fn a_body_that_stops_after_its_answer_ends_the_exchange() {
    let (world, mut acceptor) = bare();
    for body in ["", "content-length: 3\r\n\r\nabc"] {
        let mut client = world.client().await;
        client.send(format!("POST / HTTP/1.1\r\nhost: {BARE}\r\ncontent-length: 1000\r\n\r\nx")).await;
        let mut container = requested(&mut acceptor).await;
        let answer = if body.is_empty() { "content-length: 0\r\n\r\n" } else { body };
        container.send(format!("HTTP/1.1 200 OK\r\n{answer}")).await;
        assert_eq!(client.answer().await.status, 200);
        for _ in 0..4 {
            sleep(HALF_STALL).await;
            client.send("x").await;
        }
        // What moves is let be; what stops is ended.
        while container.fill().await {}
        assert!(container.buffer.ends_with(b"xxxx"));
        assert!(client.ends().await);
    }
}

#[tokio::test]
async fn a_request_that_is_still_sent_does_not_share_its_connection() {
    let (world, mut acceptor) = bare();
    let mut client = world.client().await;
    client.send(format!("POST / HTTP/1.1\r\nhost: {BARE}\r\ncontent-length: 1000\r\n\r\nx")).await;
    let mut first = requested(&mut acceptor).await;
    first.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 200);
    let mut other = world.client().await;
    other.send(format!("GET / HTTP/1.1\r\nhost: {BARE}\r\n\r\n")).await;
    let mut second = requested(&mut acceptor).await;
    second.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    assert_eq!(other.answer().await.text(), "ok");
}

#[tokio::test]
async fn an_idle_connection_to_a_container_is_given_up() {
    let (world, mut acceptor) = bare();
    let mut client = world.client().await;
    client.send(format!("GET / HTTP/1.1\r\nhost: {BARE}\r\n\r\n")).await;
    let mut container = requested(&mut acceptor).await;
    container.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    assert_eq!(client.answer().await.text(), "ok");
    assert!(container.ends().await);
}

#[tokio::test]
async fn an_http2_connection_without_streams_is_closed() {
    let (world, mut acceptor) = bare();
    for begin in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0"] {
        let mut client = world.client().await;
        client.send(begin).await;
        while client.fill().await {}
    }
    let stream = world.client().await.stream;
    let (mut sender, connection) =
        http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let ended = tokio::spawn(connection);
    let request = http::Request::get(format!("http://{BARE}/")).body(Empty::new()).unwrap();
    let answered = tokio::spawn(async move { (sender.send_request(request).await.unwrap(), sender) });
    let mut container = requested(&mut acceptor).await;
    sleep(2 * STALL).await;
    container.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n").await;
    let (response, _sender) = answered.await.unwrap();
    sleep(HALF_STALL).await;
    container.send("ok").await;
    let body = timeout(PATIENCE, response.into_body().collect()).await.unwrap().unwrap();
    assert_eq!(body.to_bytes(), "ok", "a stream under way keeps its connection");
    timeout(PATIENCE, ended).await.expect("then it is closed").unwrap().unwrap();
}
