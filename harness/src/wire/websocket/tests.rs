use super::super::testing::{Event, PATIENCE, SOON, Script, data};
use super::super::{End, Version};
use super::*;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;

/// The example of RFC 6455 section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A hyper server that accepts the handshake and echoes messages with tungstenite.
async fn echo(io: tokio::io::DuplexStream) {
    let service = service_fn(async |mut request: http::Request<Incoming>| {
        let key = request.headers()["sec-websocket-key"].clone();
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let io = TokioIo::new(upgrade.await.unwrap());
            let mut stream = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
            while let Some(Ok(message)) = stream.next().await {
                if message.is_text() {
                    stream.send(Frame::Ping("still there?".into())).await.unwrap();
                    stream.send(message).await.unwrap();
                }
            }
        });
        let response = http::Response::builder()
            .status(101)
            .header("upgrade", "WebSocket")
            .header("connection", "keep-alive, Upgrade")
            .header("sec-websocket-accept", derive_accept_key(key.as_bytes()));
        response.body(Empty::<bytes::Bytes>::new())
    });
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades()
        .await
        .unwrap();
}

async fn upgraded() -> H1<tokio::io::DuplexStream> {
    let (client, server) = tokio::io::duplex(256);
    tokio::spawn(echo(server));
    let mut h1 = H1::new(client);
    let request = websocket_request("one.test", "/socket", KEY).to_bytes();
    let response = h1.exchange(&request, "GET", PATIENCE).await.unwrap();
    verify_accept(&response, KEY).unwrap();
    h1
}

#[tokio::test]
async fn messages_are_echoed_by_an_independent_peer() {
    let text = "<b>\u{fc}</b>".repeat(500);
    assert_eq!(websocket_exchange(upgraded().await, &text, PATIENCE).await.unwrap(), text.as_bytes());
    let mut websocket = Websocket::open(upgraded().await).await;
    for text in ["", "1", "2"] {
        assert_eq!(websocket.exchange(text, PATIENCE).await.unwrap(), text.as_bytes());
    }
    assert_eq!(websocket.receive(SOON).await, Err(WebsocketError::TimedOut));
    websocket.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn what_came_in_place_of_a_message_is_told() {
    let long = [b"\x81\x7f\0\0\0\0\x7f\xff\xff\xff".as_slice(), &[b'x'; 100]].concat();
    let cases = [
        // Right behind the 101, in one read, and in pieces.
        (vec![data(b"\x81\x02hi")], Ok(b"hi".to_vec())),
        (vec![data(b"\x82"), data(b"\x02h"), data(b"\xff")], Ok(b"h\xff".to_vec())),
        (vec![data(b"\x01\x01h\x89\0\x80\x01i")], Ok(b"hi".to_vec())),
        (vec![data(b"\x88\x02\x03\xf3")], Err(WebsocketError::Closed(Some(1011)))),
        (vec![data(b"\x88\0")], Err(WebsocketError::Closed(None))),
        (vec![Event::Eof], Err(WebsocketError::Broken)),
        (vec![data(b"\x81\x05h"), Event::Eof], Err(WebsocketError::Broken)),
        (vec![Event::Error(std::io::ErrorKind::ConnectionReset)], Err(WebsocketError::Broken)),
        (vec![data(b"\xf1\0")], Err(WebsocketError::Malformed(String::new()))),
        (vec![data(b"\x81\x01\xff")], Err(WebsocketError::Malformed(String::new()))),
        (vec![data(&long)], Err(WebsocketError::Malformed(String::new()))),
        (
            vec![data(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(99)))],
            Err(WebsocketError::Malformed(String::new())),
        ),
        (vec![Event::Stall], Err(WebsocketError::TimedOut)),
    ];
    for (events, expected) in cases {
        let deadline = if events == [Event::Stall] { SOON } else { PATIENCE };
        let result = websocket_exchange(H1::new(Script::new(events.clone())), "x", deadline).await;
        let result = match result {
            Err(WebsocketError::Malformed(_)) => Err(WebsocketError::Malformed(String::new())),
            other => other,
        };
        assert_eq!(result, expected, "{events:?}");
    }
}

#[test]
fn only_the_right_acceptance_is_one() {
    let response = |status, fields: &[(&str, &str)]| Message {
        version: Version::Http11,
        status,
        reason: None,
        headers: fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect(),
        body: Vec::new(),
        trailers: Vec::new(),
        interim: Vec::new(),
        raw: Vec::new(),
        end: End::Complete,
    };
    let (upgrade, connection, accept) =
        (("Upgrade", "websocket"), ("Connection", "upgrade"), ("Sec-WebSocket-Accept", ACCEPT));
    assert_eq!(verify_accept(&response(101, &[upgrade, connection, accept]), KEY), Ok(()));
    let bad = [
        response(200, &[upgrade, connection, accept]),
        response(101, &[connection, accept]),
        response(101, &[upgrade, accept]),
        response(101, &[upgrade, connection]),
        response(101, &[upgrade, connection, accept, accept]),
        response(101, &[upgrade, connection, ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOO=")]),
    ];
    for response in bad {
        assert!(matches!(verify_accept(&response, KEY), Err(WebsocketError::NotAccepted(_))), "{response:?}");
    }
    assert!(verify_accept(&response(101, &[upgrade, connection, accept]), "another").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_bytes_end_an_exchange(bytes in proptest::collection::vec(any::<u8>(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let h1 = H1::new(Script::new([data(&bytes), Event::Eof]));
        let result = runtime.block_on(websocket_exchange(h1, "x", PATIENCE));
        prop_assert_ne!(result, Err(WebsocketError::TimedOut));
    }
}
