//! WebSockets through the app-proxy.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod common;

use common::*;
use reference_impl::{Guard, NewDeployment, Reply};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const ASK: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n";

fn ask(host: &str, lines: &str) -> String {
    format!("GET /ws HTTP/1.1\r\nhost: {host}\r\n{ASK}{lines}\r\n")
}

#[tokio::test]
async fn a_member_gets_a_tunnel_whose_bytes_are_not_http_to_the_proxy() {
    for sockets in [false, true] {
        let world = World::with(Options { sockets, ..Options::default() });
        let cookie = world.cookie("T-acme");
        let mut client = world.client().await;
        client.send(ask(HOST, &format!("cookie: vendoAuth={cookie}; a=b\r\n"))).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 101);
        assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!((answer.header("upgrade"), answer.header("connection")), (Some("websocket"), Some("Upgrade")));
        for piece in ["GET / HTTP/1.1\r\nhost: x\r\n\r\n", "\0\u{1}\n\n", "content-length: 1\r\n\r\n"] {
            client.send(piece).await;
            while client.buffer.len() < piece.len() {
                assert!(client.fill().await);
            }
            assert_eq!(std::mem::take(&mut client.buffer), piece.as_bytes());
        }
        let received = world.acme.drain().remove(0);
        assert_eq!(received.header("connection").collect::<Vec<_>>(), [b"Upgrade"]);
        assert_eq!(received.header("upgrade").collect::<Vec<_>>(), [b"websocket"]);
        assert_eq!(received.header("cookie").collect::<Vec<_>>(), [b"a=b"]);
        assert_eq!(received.header("x-vendo-role").collect::<Vec<_>>(), [b"member"]);
        assert!(received.upgraded.starts_with(b"GET / HTTP/1.1"));
        client.stream.shutdown().await.unwrap();
        assert!(client.ends().await);
        let seen = world.watch.take();
        let upgrades = seen.iter().filter(|seen| match seen {
            Seen::Request(guards, ..) | Seen::Response(guards) => guards.contains(Guard::Upgrade),
            Seen::Kv(..) | Seen::Probe(_) | Seen::Edge(..) | Seen::Guards(_) | Seen::Log(_) => false,
        });
        assert_eq!(upgrades.count(), 2);
    }
}

#[tokio::test]
async fn bytes_sent_right_behind_the_request_go_through_the_tunnel() {
    let world = World::start();
    let mut client = world.client().await;
    client.send(format!("{}early bytes", ask(PUBLIC_HOST, ""))).await;
    assert_eq!(client.answer().await.status, 101);
    while client.buffer.len() < 11 {
        assert!(client.fill().await);
    }
    assert_eq!(client.buffer, b"early bytes");
}

#[tokio::test]
async fn an_upgrade_passes_the_same_checks() {
    let world = World::start();
    let foreign = world.cookie("T-globex");
    assert_eq!(world.ask(ask(HOST, &format!("cookie: vendoAuth={foreign}\r\n"))).await.status, 403);
    assert_eq!(world.ask(ask(PUBLIC_HOST, &format!("cookie: vendoAuth={foreign}\r\n"))).await.status, 403);
    assert_eq!(world.ask(ask(HOST, "accept: text/html\r\n")).await.status, 401);
    assert_eq!(world.ask(ask("nobody.example", "")).await.status, 404);
    assert_eq!(world.reached(), (0, 0, 0));
}

#[tokio::test]
async fn after_a_refused_upgrade_the_connection_speaks_http_on() {
    let world = World::start();
    let mut client = world.client().await;
    let plain = format!("GET /next HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\n\r\n");
    client.send(format!("{}{plain}", ask(HOST, ""))).await;
    assert_eq!(client.answer().await.status, 401);
    assert_eq!(client.answer().await.text(), "site page");
    world.site.script(Reply::Page);
    client.send(format!("{}{plain}", ask(PUBLIC_HOST, ""))).await;
    assert_eq!(client.answer().await.status, 200, "the container would not");
    assert_eq!(client.answer().await.text(), "site page");
    let received = world.site.drain();
    assert_eq!(received.len(), 3);
}

#[tokio::test]
async fn any_other_upgrade_is_stripped_and_plain() {
    let world = World::start();
    for (request, lines) in [
        ("GET", "connection: upgrade\r\nupgrade: h2c\r\n"),
        ("GET", "upgrade: websocket\r\n"),
        ("POST", "connection: upgrade\r\nupgrade: websocket\r\n"),
        ("GET", "connection: upgrade\r\nupgrade: websocket, h2c\r\n"),
        ("GET", "connection: upgrade\r\nupgrade: websocket\r\nupgrade: websocket\r\n"),
    ] {
        let mut client = world.client().await;
        let head = format!("{request} / HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\n{lines}\r\n");
        client.send(format!("{head}{head}")).await;
        for _ in 0..2 {
            assert_eq!(client.answer().await.status, 200, "{lines:?}");
        }
        for received in world.site.drain() {
            assert!(received.header("upgrade").next().is_none() && received.header("connection").next().is_none());
        }
    }
}

#[tokio::test]
async fn what_a_client_sends_still_arrives_when_the_container_has_said_its_last() {
    let world = World::start();
    let (mut acceptor, endpoint) = world.network.bind().unwrap();
    world
        .platform
        .control()
        .deploy(NewDeployment {
            id: deployment("d-half"),
            tenant: tenant("T-acme"),
            slug: slug("half"),
            vendo_auth: false,
            legacy: false,
            target: endpoint,
        })
        .unwrap();
    let mut client = world.client().await;
    client.send(ask("acme-half.vendo.run", "")).await;
    let mut container = Client::new(acceptor.accept().await.unwrap());
    while !container.buffer.ends_with(b"\r\n\r\n") {
        assert!(container.fill().await);
    }
    container.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 101);
    // More than the pipes and buffers on the way hold, so that some of it waits in the proxy.
    let sent: Vec<u8> = (0..400_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let (mut from, mut to) = tokio::io::split(client.stream);
    let whole = sent.clone();
    let sending = tokio::spawn(async move { to.write_all(&whole).await.map(|()| to) });
    tokio::time::sleep(Duration::from_millis(30)).await;
    container.stream.shutdown().await.unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, from.read(&mut [0; 8])).await.unwrap().unwrap(), 0, "the end passes");
    container.buffer.clear();
    while container.buffer.len() < sent.len() {
        assert!(container.fill().await, "{} bytes arrived", container.buffer.len());
    }
    assert!(container.buffer == sent);
    sending.await.unwrap().unwrap();
}
