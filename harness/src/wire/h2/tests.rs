use super::super::testing::{AWHILE, Event, PATIENCE, SOON, Script, data, echo_server};
use super::*;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

fn fields(fields: &[(&str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

fn request(method: &str, path: &str) -> H2Request {
    H2Request {
        method: method.to_owned(),
        scheme: "https".to_owned(),
        authority: Some("one.test".to_owned()),
        path: path.to_owned(),
        ..H2Request::default()
    }
}

async fn connect_to_hyper() -> H2 {
    let (client, server) = tokio::io::duplex(1024);
    tokio::spawn(echo_server(server));
    H2::connect(Box::new(client)).await.unwrap()
}

fn text(message: &Message) -> String {
    message.body.iter().copied().map(char::from).collect()
}

#[tokio::test]
async fn hyper_receives_the_fields_verbatim() {
    let h2 = connect_to_hyper().await;
    let plain = request("GET", "/a?b=%20");
    // Each on the same connection: our blocks must not disturb the peer's table.
    let cases = [
        (plain.clone(), "GET https://one.test/a?b=%20 HTTP/2.0\n\n"),
        (
            H2Request {
                headers: fields(&[("host", "two.test"), ("cookie", "a=1"), ("cookie", "b=2")]),
                ..plain.clone()
            },
            "GET https://one.test/a?b=%20 HTTP/2.0\nhost: two.test\ncookie: a=1\ncookie: b=2\n\n",
        ),
        (
            H2Request { authority: None, headers: fields(&[("host", "two.test")]), ..plain.clone() },
            "GET /a?b=%20 HTTP/2.0\nhost: two.test\n\n",
        ),
        (
            H2Request {
                method: "PATCH".to_owned(),
                scheme: "http".to_owned(),
                authority: Some("u@ONE.test:0".to_owned()),
                headers: fields(&[("content-length", "3")]),
                body: b"abc".to_vec(),
                trailers: fields(&[("x-t", "1"), ("x-t", "2")]),
                ..plain.clone()
            },
            "PATCH http://u@ONE.test:0/a?b=%20 HTTP/2.0\ncontent-length: 3\n\nabcx-t: 1\nx-t: 2\n",
        ),
        (
            H2Request { trailers: fields(&[("x-t", "3")]), ..plain.clone() },
            "GET https://one.test/a?b=%20 HTTP/2.0\n\nx-t: 3\n",
        ),
    ];
    for (request, expected) in cases {
        let message = h2.exchange(&request, PATIENCE).await.unwrap();
        assert_eq!(text(&message), expected);
        assert_eq!((message.version, message.status, message.end), (Version::Http2, 200, End::Complete));
        assert!(message.headers.starts_with(&fields(&[("x-seen", "1"), ("x-seen", "2")])));
    }
    // A block that needs CONTINUATION frames; the server's default limit is 16 KiB of fields.
    let (client, server) = tokio::io::duplex(1024);
    let received = tokio::spawn(async move {
        let mut connection =
            h2::server::Builder::new().max_header_list_size(1 << 20).handshake::<_, Bytes>(server).await.unwrap();
        let (request, mut respond) = connection.accept().await.unwrap().unwrap();
        respond.send_response(http::Response::new(()), true).unwrap();
        connection.graceful_shutdown();
        while connection.accept().await.is_some_and(|accepted| accepted.is_ok()) {}
        request.headers()["x-long"].len()
    });
    let long = H2Request { headers: fields(&[("x-long", &"v".repeat(40_000))]), ..plain };
    assert_eq!(h2_exchange(Box::new(client), &long, PATIENCE).await.unwrap().status, 200);
    assert_eq!(received.await.unwrap(), 40_000);
}

#[tokio::test]
async fn what_http2_forbids_reaches_the_peer_which_refuses_it() {
    let bad: Vec<Fields> = vec![
        fields(&[("X-Upper", "1")]),
        fields(&[("connection", "keep-alive")]),
        fields(&[("transfer-encoding", "chunked")]),
        fields(&[(":path", "/twice")]),
        fields(&[("x", "1"), (":late", "1")]),
        fields(&[("a b", "1")]),
        fields(&[("x", "line\r\nbreak")]),
    ];
    for headers in bad {
        let h2 = connect_to_hyper().await;
        let request = H2Request { headers: headers.clone(), ..request("GET", "/") };
        let refused = h2.exchange(&request, PATIENCE).await;
        assert!(matches!(refused, Err(NoMessage::H2Code(1))), "{headers:?}: {refused:?}");
    }
    let field = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let h2 = connect_to_hyper().await;
    let no_path = [field(":method", "GET"), field(":scheme", "https"), field(":authority", "a.test")];
    assert_eq!(h2.exchange_fields(&no_path, b"", &[], PATIENCE).await, Err(NoMessage::H2Code(1)));
    let whole = [no_path.as_slice(), &[field(":path", "/")]].concat();
    let message = connect_to_hyper().await.exchange_fields(&whole, b"", &[], PATIENCE).await.unwrap();
    assert_eq!(message.status, 200);
}

#[tokio::test]
async fn bodies_of_both_sides_may_be_large_and_are_bounded() {
    let h2 = connect_to_hyper().await;
    let large = H2Request { body: vec![b'x'; 3 * 1024 * 1024], ..request("POST", "/") };
    let message = h2.exchange(&large, PATIENCE).await.unwrap();
    assert!(message.body.ends_with(&large.body));
    let h2 = h2.with_cap(100);
    let message = h2.exchange(&large, PATIENCE).await.unwrap();
    assert_eq!((message.body.len(), message.end), (100, End::Overflow));
    // A stream that was given up leaves the connection usable.
    assert_eq!(h2.exchange(&request("GET", "/empty"), PATIENCE).await.unwrap().status, 204);
}

/// Answers each request of one connection as its path says.
async fn odd_server(io: DuplexStream) {
    let mut connection = h2::server::handshake(io).await.unwrap();
    let mut held: Option<h2::server::SendResponse<Bytes>> = None;
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let response = |status: u16| http::Response::builder().status(status).body(()).unwrap();
        match request.uri().path() {
            "/interim" => {
                let hints = http::Response::builder().status(103).header("link", "</a>").body(()).unwrap();
                respond.send_informational(response(100)).unwrap();
                respond.send_informational(hints).unwrap();
                let mut body = respond.send_response(response(418), false).unwrap();
                body.send_data(Bytes::from_static(b"tea"), false).unwrap();
                let mut trailers = http::HeaderMap::new();
                trailers.insert("x-t", http::HeaderValue::from_static("1"));
                body.send_trailers(trailers).unwrap();
            }
            "/refused" => respond.send_reset(h2::Reason::REFUSED_STREAM),
            "/cancelled" => {
                let mut body = respond.send_response(response(200), false).unwrap();
                body.send_data(Bytes::from_static(b"some"), false).unwrap();
                tokio::spawn(async move {
                    tokio::time::sleep(SOON).await;
                    body.send_reset(h2::Reason::ENHANCE_YOUR_CALM);
                });
            }
            "/stalled" => {
                let mut body = respond.send_response(response(200), false).unwrap();
                body.send_data(Bytes::from_static(b"some"), false).unwrap();
                tokio::spawn(async move {
                    tokio::time::sleep(PATIENCE).await;
                    drop(body);
                });
            }
            "/short" => {
                let lie = http::Response::builder().header("content-length", "9").body(()).unwrap();
                let mut body = respond.send_response(lie, false).unwrap();
                body.send_data(Bytes::from_static(b"some"), true).unwrap();
            }
            "/head" => {
                let head = http::Response::builder().header("content-length", "9").body(()).unwrap();
                respond.send_response(head, true).unwrap();
            }
            "/held" => held = Some(respond),
            "/release" => {
                if let Some(mut held) = held.take() {
                    held.send_response(response(201), true).unwrap();
                }
                respond.send_response(response(202), true).unwrap();
            }
            "/away" => connection.abrupt_shutdown(h2::Reason::INADEQUATE_SECURITY),
            other => panic!("no such case: {other}"),
        }
    }
}

#[tokio::test]
async fn every_ending_is_told() {
    let (client, server) = tokio::io::duplex(1024);
    tokio::spawn(odd_server(server));
    let h2 = H2::connect(Box::new(client)).await.unwrap();

    let message = h2.exchange(&request("GET", "/interim"), PATIENCE).await.unwrap();
    assert_eq!(message.interim, [(100, vec![]), (103, fields(&[("link", "</a>")]))]);
    assert_eq!((message.status, message.body.as_slice(), &message.end), (418, b"tea".as_slice(), &End::Complete));
    assert_eq!(message.trailers, fields(&[("x-t", "1")]));

    let refused = h2.exchange(&request("GET", "/refused"), PATIENCE).await;
    assert_eq!(refused, Err(NoMessage::H2Code(h2::Reason::REFUSED_STREAM.into())));
    let cancelled = h2.exchange(&request("GET", "/cancelled"), PATIENCE).await.unwrap();
    assert_eq!(cancelled.end, End::H2Code(h2::Reason::ENHANCE_YOUR_CALM.into()));
    let stalled = h2.exchange(&request("GET", "/stalled"), AWHILE).await.unwrap();
    assert_eq!((stalled.body.as_slice(), stalled.end), (b"some".as_slice(), End::TimedOut));
    let short = h2.exchange(&request("GET", "/short"), PATIENCE).await.unwrap();
    assert!(matches!(short.end, End::Malformed(_)), "{:?}", short.end);
    let head = h2.exchange(&request("HEAD", "/head"), PATIENCE).await.unwrap();
    assert_eq!((head.status, head.body.len(), head.end), (200, 0, End::Complete));
    let short = h2.exchange(&request("GET", "/head"), PATIENCE).await;
    assert!(matches!(short, Err(NoMessage::Malformed(_))), "{short:?}");

    // Two at once: the first is answered only because of the second.
    let (held, release) = (request("GET", "/held"), request("GET", "/release"));
    let (first, second) = tokio::join!(h2.exchange(&held, PATIENCE), h2.exchange(&release, PATIENCE));
    assert_eq!((first.unwrap().status, second.unwrap().status), (201, 202));

    assert_eq!(h2.exchange(&request("GET", "/held"), SOON).await, Err(NoMessage::TimedOut));
    assert_eq!(h2.closed(SOON).await, ConnectionState::Open);
    let away = h2.exchange(&request("GET", "/away"), PATIENCE).await;
    assert_eq!(away, Err(NoMessage::H2Code(h2::Reason::INADEQUATE_SECURITY.into())));
    assert_eq!(h2.closed(PATIENCE).await, ConnectionState::Closed);
}

#[tokio::test]
async fn a_connection_that_ends_is_told() {
    let get = request("GET", "/");
    let cases = [
        (vec![Event::Eof], Err(NoMessage::ClosedBeforeAnyByte)),
        (vec![Event::Error(std::io::ErrorKind::ConnectionReset)], Err(NoMessage::Reset)),
        (vec![Event::Stall], Err(NoMessage::TimedOut)),
        // SETTINGS, then `:status: 200` and 4 of announced 9 bytes of DATA.
        (
            vec![data(b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\x09\0\0\0\0\0\x01some"), Event::Eof],
            Ok(End::Truncated),
        ),
        (
            vec![data(b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\x04\0\0\0\0\0\x01some"), Event::Eof],
            Ok(End::Truncated),
        ),
    ];
    for (events, expected) in cases {
        let deadline = if events == [Event::Stall] { SOON } else { PATIENCE };
        let result = h2_exchange(Box::new(Delayed::new(events.clone())), &get, deadline).await;
        assert_eq!(result.map(|message| message.end), expected, "{events:?}");
    }
    let answer = vec![data("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), Event::Eof];
    let result = h2_exchange(Box::new(Delayed::new(answer)), &get, PATIENCE).await;
    assert!(matches!(result, Err(NoMessage::Malformed(_))), "{result:?}");
    // A peer that reads nothing.
    let (client, _server) = tokio::io::duplex(4);
    assert_eq!(h2_exchange(Box::new(client), &get, SOON).await, Err(NoMessage::TimedOut));
}

/// A script that starts once the request's header block was written: the frames answer stream 1.
struct Delayed {
    script: Script,
    written: Vec<u8>,
    waker: Option<std::task::Waker>,
}

impl Delayed {
    fn new(events: Vec<Event>) -> Self {
        Delayed { script: Script::new(events), written: Vec::new(), waker: None }
    }
}

impl tokio::io::AsyncRead for Delayed {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if !self.written.windows(8).any(|window| window == b"one.test") {
            self.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        std::pin::Pin::new(&mut self.script).poll_read(cx, buf)
    }
}

impl tokio::io::AsyncWrite for Delayed {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.written.extend_from_slice(buf);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        Poll::Ready(Ok(buf.len()))
    }
    fn poll_flush(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The frames of `bytes` by kind, stream and length.
fn frames(mut bytes: &[u8]) -> Vec<(u8, u8, u32, usize)> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        frames.push((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), length));
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty());
    frames
}

#[tokio::test]
async fn blocks_are_replaced_wherever_the_writes_are_cut() {
    // Stream 1: HEADERS and CONTINUATION of the stand-in, DATA, trailers. Stream 3: HEADERS.
    let mut written = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    written
        .extend(b"\0\0\0\x04\0\0\0\0\0\0\0\x02\x01\0\0\0\0\x01ab\0\0\x01\x09\x04\0\0\0\x01c\0\0\x03\0\0\0\0\0\x01xyz");
    written.extend(b"\0\0\0\x01\x05\0\0\0\x01\0\0\x01\x01\x05\0\0\0\x03d");
    let block = vec![b'B'; 40_000];
    let mut outputs = Vec::new();
    for step in [1, 2, 7, 9, 1000] {
        let blocks = Blocks::default();
        blocks.lock().insert(1, [block.clone(), b"trailers".to_vec()].into());
        blocks.lock().insert(3, [b"three".to_vec()].into());
        let (client, mut server) = tokio::io::duplex(100_000);
        let mut rewriter = Rewriter::new(Box::new(client), blocks.clone());
        for piece in written.chunks(step) {
            rewriter.write_all(piece).await.unwrap();
        }
        rewriter.shutdown().await.unwrap();
        assert!(blocks.lock().is_empty());
        let mut output = Vec::new();
        server.read_to_end(&mut output).await.unwrap();
        outputs.push(output);
    }
    assert!(outputs.windows(2).all(|pair| pair[0] == pair[1]));
    let expected = [
        (4, 0, 0, 0),
        (1, 0, 1, 16_384),
        (9, 0, 1, 16_384),
        (9, 4, 1, 40_000 - 2 * 16_384),
        (0, 0, 1, 3),
        (1, 5, 1, 8),
        (1, 5, 3, 5),
    ];
    assert_eq!(frames(outputs[0].strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap()), expected);
}

fn frame() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..24),
        Just(b"\x88".to_vec()),
        Just(b"\x88\x5c\x01\x33".to_vec()),
        Just(vec![0; 8]),
    ];
    (0_u8..11, any::<u8>(), 0_u8..4, payload).prop_map(|(kind, flags, stream, payload)| {
        let mut frame = vec![0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream];
        frame.extend(payload);
        frame
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_bytes_end_an_exchange(frames in proptest::collection::vec(frame(), 0..12), junk in proptest::collection::vec(any::<u8>(), 0..12)) {
        let mut bytes = b"\0\0\0\x04\0\0\0\0\0".to_vec();
        bytes.extend(frames.concat());
        bytes.extend(junk);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let io = Delayed::new(vec![data(&bytes), Event::Eof]);
            let mut h2 = H2::connect(Box::new(io)).await.unwrap();
            let result = h2.exchange(&request("GET", "/"), PATIENCE).await;
            let timed_out = matches!(&result, Err(NoMessage::TimedOut) | Ok(Message { end: End::TimedOut, .. }));
            assert!(!timed_out, "{result:?}");
            let ended = tokio::time::timeout(PATIENCE, &mut h2._driver.0).await.expect("the driver ends with its stream");
            assert!(ended.is_ok(), "the driver panicked: {ended:?}");
        });
    }
}
