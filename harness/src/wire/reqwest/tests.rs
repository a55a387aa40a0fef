use super::super::testing::{AWHILE, PATIENCE, authority, echo_server};
use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

fn spec(https: bool, http2: bool) -> RequestSpec {
    RequestSpec {
        https,
        http2,
        method: "GET".to_owned(),
        host: "one.test".to_owned(),
        path_and_query: "/a?b=%20".to_owned(),
        headers: vec![("x-b".to_owned(), b"\xe9".to_vec()), ("X-B".to_owned(), b"2".to_vec())],
        body: Vec::new(),
        fresh_connection: false,
    }
}

/// Echo servers on loopback, plain and TLS, that count their connections.
async fn servers() -> (Reqwest, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let (config, roots) = authority(&["one.test"], &[b"h2", b"http/1.1"]);
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let secure = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (http, https) = (plain.local_addr().unwrap(), secure.local_addr().unwrap());
    let connections = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                accepted = plain.accept() => {
                    connections.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(echo_server(accepted.unwrap().0));
                }
                accepted = secure.accept() => {
                    connections.fetch_add(1, Ordering::SeqCst);
                    let acceptor = TlsAcceptor::from(Arc::clone(&config));
                    tokio::spawn(async move {
                        if let Ok(stream) = acceptor.accept(accepted.unwrap().0).await {
                            echo_server(stream).await;
                        }
                    });
                }
            }
        }
    });
    (Reqwest::new(http, Some(https), roots).unwrap(), count)
}

#[tokio::test]
async fn it_speaks_both_versions_with_and_without_tls() {
    let (client, connections) = servers().await;
    let cases = [
        (
            spec(false, false),
            Version::Http11,
            "GET /a?b=%20 HTTP/1.1\nx-b: \u{e9}\nx-b: 2\naccept: */*\nhost: one.test\n\n",
        ),
        (
            spec(false, true),
            Version::Http2,
            "GET http://one.test/a?b=%20 HTTP/2.0\nx-b: \u{e9}\nx-b: 2\naccept: */*\n\n",
        ),
        (
            spec(true, false),
            Version::Http11,
            "GET /a?b=%20 HTTP/1.1\nx-b: \u{e9}\nx-b: 2\naccept: */*\nhost: one.test\n\n",
        ),
        (
            spec(true, true),
            Version::Http2,
            "GET https://one.test/a?b=%20 HTTP/2.0\nx-b: \u{e9}\nx-b: 2\naccept: */*\n\n",
        ),
    ];
    for (index, (spec, version, expected)) in cases.into_iter().enumerate() {
        for _ in 0..2 {
            let message = client.exchange(&spec, PATIENCE).await.unwrap();
            assert_eq!(message.body.iter().copied().map(char::from).collect::<String>(), expected);
            assert_eq!((message.version, message.status, &message.end), (version, 200, &End::Complete));
            assert_eq!(message.header_values("x-seen").collect::<Vec<_>>(), [b"1", b"2"]);
        }
        assert_eq!(connections.load(Ordering::SeqCst), 2 * index + 1, "the second reuses the first's connection");
        let fresh = RequestSpec { fresh_connection: true, method: "POST".to_owned(), body: b"xyz".to_vec(), ..spec };
        let message = client.exchange(&fresh, PATIENCE).await.unwrap();
        assert!(message.body.ends_with(b"\n\nxyz"));
        assert_eq!(connections.load(Ordering::SeqCst), 2 * index + 2, "a fresh connection is a new one");
    }
}

#[tokio::test]
async fn what_it_would_change_is_not_sent() {
    let (client, connections) = servers().await;
    let with = |change: fn(&mut RequestSpec)| {
        let mut spec = spec(false, false);
        change(&mut spec);
        spec
    };
    let refused = [
        with(|spec| spec.host = "ONE.test".to_owned()),
        // These would go past the resolver; an address of another machine would reach it.
        with(|spec| spec.host = "127.0.0.1".to_owned()),
        with(|spec| spec.host = "0x7f.1".to_owned()),
        with(|spec| spec.host = "[::1]".to_owned()),
        with(|spec| spec.host = "one.test:1".to_owned()),
        with(|spec| spec.host = "u@one.test".to_owned()),
        with(|spec| spec.host = "one.test/".to_owned()),
        with(|spec| spec.host = String::new()),
        with(|spec| spec.path_and_query = "/a/../b".to_owned()),
        with(|spec| spec.path_and_query = "/a b".to_owned()),
        with(|spec| spec.path_and_query = "/a#b".to_owned()),
        with(|spec| spec.path_and_query = "\\a".to_owned()),
        with(|spec| spec.path_and_query = String::new()),
        with(|spec| spec.path_and_query = "@two.test/".to_owned()),
        with(|spec| spec.method = "G T".to_owned()),
        with(|spec| spec.headers = vec![("a b".to_owned(), Vec::new())]),
        with(|spec| spec.headers = vec![("a".to_owned(), b"1\r\nb: 2".to_vec())]),
    ];
    for spec in refused {
        let result = client.exchange(&spec, PATIENCE).await;
        let by_us = matches!(&result, Err(NoMessage::NotSent(why)) if !why.contains("sending request"));
        assert!(by_us, "{spec:?}: {result:?}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    let no_https = Reqwest::new(client.http, None, RootCertStore::empty()).unwrap();
    assert!(matches!(no_https.exchange(&spec(true, false), PATIENCE).await, Err(NoMessage::NotSent(_))));
    let (_, strangers) = authority(&["one.test"], &[]);
    let distrustful = Reqwest::new(client.http, client.https, strangers).unwrap();
    let result = distrustful.exchange(&spec(true, false), PATIENCE).await;
    assert!(matches!(&result, Err(NoMessage::NotSent(why)) if why.contains("invalid peer certificate")), "{result:?}");
}

/// The first answer is `bytes`, after the request was read; then the connection is closed, or kept.
async fn answers(bytes: &'static [u8], close: bool) -> Reqwest {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert_ne!(stream.read(&mut request).await.unwrap(), 0);
        stream.write_all(bytes).await.unwrap();
        if !close {
            tokio::time::sleep(PATIENCE).await;
        }
    });
    Reqwest::new(addr, None, RootCertStore::empty()).unwrap()
}

#[tokio::test]
async fn every_ending_is_told() {
    type Case = (&'static [u8], bool, Result<(u16, End), NoMessage>);
    let cases: Vec<Case> = vec![
        (b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", true, Ok((302, End::Complete))),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", true, Ok((200, End::Complete))),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", true, Ok((200, End::Truncated))),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx", true, Ok((200, End::Truncated))),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", false, Ok((200, End::TimedOut))),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx", true, Ok((200, End::Malformed(String::new())))),
        (b"", true, Err(NoMessage::ClosedBeforeAnyByte)),
        (b"HTTP/1.1 200", true, Err(NoMessage::ClosedBeforeAnyByte)),
        (b"", false, Err(NoMessage::TimedOut)),
        (b"HTTP/1.1 abc\r\n\r\n", true, Err(NoMessage::Malformed(String::new()))),
    ];
    for (bytes, close, expected) in cases {
        let client = answers(bytes, close).await;
        let deadline = if close { PATIENCE } else { AWHILE };
        let result = match client.exchange(&spec(false, false), deadline).await {
            Ok(Message { status, end: End::Malformed(_), .. }) => Ok((status, End::Malformed(String::new()))),
            Err(NoMessage::Malformed(_)) => Err(NoMessage::Malformed(String::new())),
            other => other.map(|message| (message.status, message.end)),
        };
        assert_eq!(result, expected, "{}", bytes.escape_ascii());
    }
}
