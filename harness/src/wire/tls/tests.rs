use super::super::testing::{PATIENCE, SOON, authority, echo_server};
use super::super::{End, H1, H2, H2Request, RequestBytes, Version};
use super::*;
use tokio::io::AsyncWriteExt;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

const NAMES: &[&str] = &["one.test", "*.two.test"];

/// A TLS server for [`NAMES`] that echoes over HTTP; the roots that trust it; the server name that it saw.
fn served(alpn: &[&[u8]]) -> (BoxIo, RootCertStore, oneshot::Receiver<Option<String>>) {
    let (config, roots) = authority(NAMES, alpn);
    let (client, server) = tokio::io::duplex(4096);
    let (seen, name) = oneshot::channel();
    tokio::spawn(async move {
        if let Ok(stream) = TlsAcceptor::from(config).accept(server).await {
            seen.send(stream.get_ref().1.server_name().map(str::to_owned)).unwrap();
            echo_server(stream).await;
        }
    });
    (Box::new(client), roots, name)
}

#[tokio::test]
async fn the_server_sees_the_name_told_or_none() {
    let cases = [
        (Some("one.test"), Some("one.test"), Some(true)),
        (Some("a.two.test"), Some("a.two.test"), Some(true)),
        // Not covered by the certificate, and sent all the same.
        (Some("other.test"), Some("other.test"), Some(false)),
        (Some("one.test."), Some("one.test"), Some(true)),
        (None, None, None),
    ];
    for (sni, seen, matches) in cases {
        let (io, roots, name) = served(&[b"http/1.1"]);
        let session = tls_session(io, &roots, sni, &[b"http/1.1"], PATIENCE).await.unwrap();
        assert_eq!(name.await.unwrap().as_deref(), seen);
        assert_eq!(session.name_matches, matches, "{sni:?}");
        assert_eq!(session.alpn.as_deref(), Some(b"http/1.1".as_slice()));
        assert!(session.certificate.windows(8).any(|window| window == b"one.test"));
        let request = RequestBytes::new("GET", "/").header("Host", "any.test").header("Connection", "close");
        let message = H1::new(session.io).exchange(&request.to_bytes(), "GET", PATIENCE).await.unwrap();
        assert_eq!((message.status, message.end), (200, End::Closed));
    }
}

#[tokio::test]
async fn http2_runs_over_it() {
    let (io, roots, _name) = served(&[b"h2", b"http/1.1"]);
    let io = tls(io, &roots, Some("one.test"), &[b"h2"], PATIENCE).await.unwrap();
    let request = H2Request {
        method: "GET".to_owned(),
        scheme: "https".to_owned(),
        authority: Some("one.test".to_owned()),
        path: "/empty".to_owned(),
        ..H2Request::default()
    };
    let message = H2::connect(io).await.unwrap().exchange(&request, PATIENCE).await.unwrap();
    assert_eq!((message.version, message.status), (Version::Http2, 204));
}

#[tokio::test]
async fn every_refusal_is_told() {
    let failure = async |io: BoxIo, roots: &RootCertStore, sni, alpn: &[&[u8]], deadline| {
        tls(io, roots, sni, alpn, deadline).await.err().expect("no connection")
    };
    let (io, _, _) = served(&[]);
    let (_, strangers) = authority(NAMES, &[]);
    let error = failure(io, &strangers, Some("one.test"), &[], PATIENCE).await;
    assert!(matches!(error, TlsError::Certificate(_)), "{error:?}");
    let (io, roots, _) = served(&[]);
    assert_eq!(failure(io, &roots, Some("a b"), &[], PATIENCE).await, TlsError::ServerName("a b".to_owned()));
    // An address can't be sent as a name, so it is refused rather than left out unseen.
    let (io, roots, _) = served(&[]);
    assert_eq!(failure(io, &roots, Some("::1"), &[], PATIENCE).await, TlsError::ServerName("::1".to_owned()));
    let (io, roots, _) = served(&[b"h2"]);
    let error = failure(io, &roots, None, &[b"http/1.1"], PATIENCE).await;
    assert_eq!(error, TlsError::Alert("NoApplicationProtocol".to_owned()));

    let (client, mut server) = tokio::io::duplex(4096);
    server.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let error = failure(Box::new(client), &roots, None, &[], PATIENCE).await;
    assert!(matches!(error, TlsError::Malformed(_)), "{error:?}");
    let (client, server) = tokio::io::duplex(4096);
    drop(server);
    assert_eq!(failure(Box::new(client), &roots, None, &[], PATIENCE).await, TlsError::Closed);
    let (client, _server) = tokio::io::duplex(4096);
    assert_eq!(failure(Box::new(client), &roots, None, &[], SOON).await, TlsError::TimedOut);
}
