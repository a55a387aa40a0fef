//! TLS, server names and HTTP/2.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod common;

use bytes::Bytes;
use common::*;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use reference_impl::{Reply, Stream, TlsIdentity};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

struct Secure {
    world: World,
    roots: RootCertStore,
}

impl Secure {
    fn start() -> Self {
        let names = [HOST, OTHER_HOST, PUBLIC_HOST, DOMAIN, "app.acme.vendo.run", "nobody.example"];
        let made = rcgen::generate_simple_self_signed(names.map(str::to_owned)).unwrap();
        let (chain_pem, key_pem) = (made.cert.pem(), made.signing_key.serialize_pem());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(chain_pem.as_bytes()).unwrap()).unwrap();
        let tls = Some(TlsIdentity { chain_pem, key_pem });
        Self { world: World::with(Options { tls, ..Options::default() }), roots }
    }

    async fn connect(&self, name: Option<&'static str>, alpn: &[&[u8]]) -> TlsStream<Stream> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.enable_sni = name.is_some();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let stream = self.world.network.dial(&self.world.platform.https_endpoint().unwrap()).await.unwrap();
        let name = ServerName::try_from(name.unwrap_or(HOST)).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    async fn h2(&self, name: &'static str) -> http2::SendRequest<Full<Bytes>> {
        let stream = self.connect(Some(name), &[b"h2"]).await;
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(async move { connection.await.unwrap_or_default() });
        sender
    }
}

#[tokio::test]
async fn the_server_name_must_be_the_host() {
    let secure = Secure::start();
    let cookie = secure.world.cookie("T-acme");
    for (name, host, status) in [
        (Some(HOST), HOST, 200),
        (Some(HOST), "ACME-app.vendo.run.:443", 200),
        (Some(DOMAIN), DOMAIN, 200),
        (Some(OTHER_HOST), HOST, 421),
        (Some(HOST), OTHER_HOST, 421),
        (Some(HOST), DOMAIN, 421),
        (None, HOST, 421),
        (Some(HOST), "nobody.example", 421),
        (Some("nobody.example"), "nobody.example", 404),
        (Some(OTHER_HOST), "a_b", 400),
    ] {
        let mut client = Client::new(secure.connect(name, &[]).await);
        client.send(format!("GET / HTTP/1.1\r\nhost: {host}\r\ncookie: vendoAuth={cookie}\r\n\r\n")).await;
        assert_eq!(client.answer().await.status, status, "{name:?} {host}");
    }
    let mut client = Client::new(secure.connect(Some(OTHER_HOST), &[b"http/1.1"]).await);
    client.send(format!("TRACE / HTTP/1.1\r\nhost: {HOST}\r\n\r\n")).await;
    assert_eq!(client.answer().await.status, 405, "405 comes before 421");
    assert_eq!(secure.world.reached(), (3, 0, 0));
}

fn ask(method: &str, uri: &str) -> http::request::Builder {
    Request::builder().method(method).uri(uri)
}

async fn send(
    sender: &mut http2::SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> (StatusCode, http::HeaderMap, Bytes) {
    let response = tokio::time::timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn http2_carries_the_same_rules() {
    let secure = Secure::start();
    let (own, foreign) = (secure.world.cookie("T-acme"), secure.world.cookie("T-globex"));
    let mut sender = secure.h2(HOST).await;
    let home = format!("https://{HOST}/a?b");
    for (case, request, status) in [
        ("own", ask("GET", &home).header("cookie", "a=b").header("cookie", format!("vendoAuth={own}")), 200),
        ("foreign", ask("GET", &home).header("cookie", format!("vendoAuth={foreign}")), 403),
        (
            "twice",
            ask("GET", &home).header("cookie", format!("vendoAuth={own}")).header("cookie", format!("vendoAuth={own}")),
            401,
        ),
        ("none", ask("GET", &home).header("accept", "text/html"), 302),
        (
            "coalesced",
            ask("GET", &format!("https://{OTHER_HOST}/")).header("cookie", format!("vendoAuth={foreign}")),
            421,
        ),
        (
            "host agrees",
            ask("GET", &home).header("host", "ACME-APP.vendo.run:1").header("cookie", format!("vendoAuth={own}")),
            200,
        ),
        (
            "host differs",
            ask("GET", &home).header("host", OTHER_HOST).header("cookie", format!("vendoAuth={own}")),
            400,
        ),
        (
            "two hosts",
            ask("GET", &home).header("host", HOST).header("host", HOST).header("cookie", format!("vendoAuth={own}")),
            400,
        ),
        (
            "two lengths",
            ask("POST", &home)
                .header("content-length", "0")
                .header("content-length", "00")
                .header("cookie", format!("vendoAuth={own}")),
            400,
        ),
        (
            "no digits",
            ask("POST", &home).header("content-length", "").header("cookie", format!("vendoAuth={own}")),
            400,
        ),
        ("trace", ask("TRACE", &home), 405),
        (
            "websocket",
            ask("GET", &home).header("cookie", format!("vendoAuth={own}")).header("sec-websocket-key", "x"),
            200,
        ),
        ("userinfo", ask("GET", &format!("https://u@{HOST}/")).header("cookie", format!("vendoAuth={own}")), 400),
    ] {
        let (got, headers, body) = send(&mut sender, request.body(Full::default()).unwrap()).await;
        assert_eq!(got.as_u16(), status, "{case}");
        assert!(headers.get("connection").is_none() && headers.get("date").is_none(), "{case}");
        if got == StatusCode::OK {
            assert_eq!(body, "acme page");
        }
    }
    let received = secure.world.acme.drain();
    assert_eq!(received.len(), 3);
    assert_eq!(received[0].header("cookie").collect::<Vec<_>>(), [b"a=b"]);
    assert_eq!(received[0].target, "/a?b");
}

#[tokio::test]
async fn http2_bodies_travel_both_ways_and_a_death_resets_the_stream() {
    let secure = Secure::start();
    let own = format!("vendoAuth={}", secure.world.cookie("T-acme"));
    let mut sender = secure.h2(HOST).await;
    let home = format!("https://{HOST}/");
    let body = Bytes::from(vec![b'x'; 300_000]);
    secure.world.acme.script(Reply::Echo);
    let request = ask("POST", &home).header("cookie", &own).body(Full::new(body.clone())).unwrap();
    let (status, _, got) = send(&mut sender, request).await;
    assert_eq!(status, 200);
    assert!(got.ends_with(&body));
    assert_eq!(secure.world.acme.drain()[0].body, body);
    secure.world.acme.script(Reply::DieAfter { declared: 10, sent: b"half".to_vec() });
    let response =
        sender.send_request(ask("GET", &home).header("cookie", &own).body(Full::default()).unwrap()).await.unwrap();
    assert!(response.into_body().collect().await.is_err(), "never a clean end");
    let head = ask("HEAD", &home).header("accept", "x").body(Full::default()).unwrap();
    let (status, headers, got) = send(&mut sender, head).await;
    assert_eq!((status.as_u16(), got.len()), (401, 0));
    assert_eq!(headers["content-length"], "15");
    let mut many = ask("GET", &home).header("cookie", &own);
    for number in 0..100 {
        many = many.header(format!("x-{number}"), "y");
    }
    let (status, ..) = send(&mut sender, many.body(Full::default()).unwrap()).await;
    assert_eq!(status, 431);
}

#[tokio::test]
async fn http2_is_spoken_without_tls_to_whoever_begins_so() {
    let world = World::start();
    let stream = world.client().await.stream;
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move { connection.await.unwrap_or_default() });
    let (status, _, body) =
        send(&mut sender, ask("GET", &format!("http://{PUBLIC_HOST}/")).body(Full::default()).unwrap()).await;
    assert_eq!((status.as_u16(), &body[..]), (200, &b"site page"[..]));
    let mut client = world.client().await;
    client.send("PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 400);
    let mut client = world.client().await;
    client.send("P").await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    client.send(format!("UT / HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\n\r\n")).await;
    assert_eq!(client.answer().await.status, 200);
}
