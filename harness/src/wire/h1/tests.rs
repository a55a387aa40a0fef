use super::super::testing::{Endless, Event, PATIENCE, SOON, Script, data, echo_server};
use super::super::{Fields, Framing, HEAD_CAP_BYTES, RequestBytes, Version};
use super::*;
use proptest::prelude::*;

mod cases;

fn malformed() -> End {
    End::Malformed(String::new())
}

fn no_response() -> NoMessage {
    NoMessage::Malformed(String::new())
}

/// Reasons are for people; the tests compare the variants.
fn without_reason(result: Result<Message, NoMessage>) -> Result<Message, NoMessage> {
    match result {
        Ok(message) if matches!(message.end, End::Malformed(_)) => Ok(Message { end: malformed(), ..message }),
        Err(NoMessage::Malformed(_)) => Err(no_response()),
        other => other,
    }
}

/// What a client makes of the script: the message or none, and the bytes that are part of neither.
async fn outcome(
    method: &str,
    events: Vec<Event>,
    cap: usize,
    deadline: Duration,
) -> (Result<Message, NoMessage>, Vec<u8>) {
    let mut h1 = H1::new(Script::new(events)).with_cap(cap);
    let read = tokio::time::timeout(PATIENCE, h1.read(method, deadline)).await.expect("a read ends by itself");
    let extra = match h1.closed(Duration::from_millis(1)).await {
        ConnectionState::ExtraBytes(extra) => extra,
        ConnectionState::Open | ConnectionState::Closed | ConnectionState::Reset => Vec::new(),
    };
    assert_eq!(h1.leftover(), extra);
    (without_reason(read), extra)
}

/// The same bytes as one read, as two reads at every place, and as reads of one byte.
fn splits(bytes: &[u8]) -> Vec<Vec<Event>> {
    let mut splits = vec![bytes.iter().map(|byte| data([*byte])).collect::<Vec<_>>()];
    for at in 0..bytes.len().max(1) {
        let (before, after) = bytes.split_at(at);
        splits.push([before, after].iter().filter(|part| !part.is_empty()).map(data).collect());
    }
    splits
}

#[tokio::test]
async fn every_ending_is_told_wherever_the_reads_are_cut() {
    for case in cases::cases() {
        let stalls = case.then == Event::Stall;
        let waits = stalls && !matches!(case.expected, Ok((_, _, End::Complete)));
        let mut splits = splits(&case.bytes);
        if waits {
            // Each of these costs its whole deadline.
            splits.truncate(2);
        }
        for mut events in splits {
            events.push(case.then.clone());
            let shown = format!("{}: {events:?}", case.name);
            let deadline = if waits { SOON } else { PATIENCE };
            let (result, leftover) = outcome(case.method, events, DEFAULT_CAP_BYTES, deadline).await;
            let summary = result.as_ref().map(|m| (m.status, std::str::from_utf8(&m.body).unwrap(), m.end.clone()));
            assert_eq!(summary.map_err(Clone::clone), case.expected, "{shown}");
            assert_eq!(String::from_utf8_lossy(&leftover), case.leftover, "{shown}");
            let raw = result.map(|message| message.raw).unwrap_or_default();
            assert_eq!([raw, leftover].concat(), case.bytes, "nothing may get lost: {shown}");
        }
    }
}

#[tokio::test]
async fn fields_keep_their_order_their_spelling_and_their_bytes() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: </a>\r\nlink: </b>\r\n\r\n";
    let last = "HTTP/1.1 200 \u{fc}ber alles\r\nB-b: 2 \r\nA:\t1\r\nb-B: \u{e9}\r\nEmpty:\r\nTransfer-Encoding: chunked\r\n\r\n\
                1\r\nx\r\n0\r\nX-T: 1\r\nx-t: 2\r\n\r\n";
    let sent = format!("{interim}{last}");
    for events in splits(sent.as_bytes()) {
        let (message, leftover) = outcome("GET", events, DEFAULT_CAP_BYTES, PATIENCE).await;
        let message = message.unwrap();
        assert_eq!(message.version, Version::Http11);
        assert_eq!(message.reason.as_deref(), Some("\u{fc}ber alles".as_bytes()));
        let fields = |fields: &[(&str, &str)]| -> Fields {
            fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
        };
        assert_eq!(
            message.headers,
            fields(&[("B-b", "2"), ("A", "1"), ("b-B", "\u{e9}"), ("Empty", ""), ("Transfer-Encoding", "chunked")])
        );
        assert_eq!(message.trailers, fields(&[("X-T", "1"), ("x-t", "2")]));
        assert_eq!(message.interim, [(100, vec![]), (103, fields(&[("Link", "</a>"), ("link", "</b>")]))]);
        assert_eq!(message.header_values("B-B").collect::<Vec<_>>(), [b"2".as_slice(), "\u{e9}".as_bytes()]);
        assert_eq!((message.raw.as_slice(), leftover.as_slice()), (sent.as_bytes(), b"".as_slice()));
        assert!(message.is_whole());
    }
}

#[tokio::test]
async fn endless_peers_end_at_a_cap() {
    // Sent once up to the bar, then for ever what is behind it.
    let heads: &[(&[u8], NoMessage)] = &[
        (b"HTTP/1.1 200 OK\r\n|a: b\r\n", NoMessage::Overflow),
        (b"HTTP/1.1 200 OK\r\na: |b", NoMessage::Overflow),
        (b"HTTP/1.1 200 |b", NoMessage::Overflow),
        (b"|HTTP/1.1 100 Go\r\n\r\n", NoMessage::Overflow),
        (b"|\r\n", no_response()),
    ];
    for (bytes, expected) in heads {
        let mut h1 = H1::new(Endless::new(bytes));
        let read = without_reason(h1.read("GET", PATIENCE).await);
        assert_eq!(read.as_ref(), Err(expected), "{}", bytes.escape_ascii());
        assert!(h1.leftover().len() <= HEAD_CAP_BYTES + 2 * READ_BYTES);
    }
    let bodies: &[(&[u8], End)] = &[
        (b"HTTP/1.1 200 OK\r\n\r\n|x", End::Overflow),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n|x", End::Overflow),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n|1\r\nx\r\n", End::Overflow),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n|1", malformed()),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;|x", malformed()),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n|a: b\r\n", End::Overflow),
    ];
    for (bytes, expected) in bodies {
        let mut h1 = H1::new(Endless::new(bytes));
        let message = without_reason(h1.read("GET", PATIENCE).await).unwrap();
        assert_eq!(&message.end, expected, "{}", bytes.escape_ascii());
        assert!(message.raw.len() <= DEFAULT_CAP_BYTES + 2 * READ_BYTES, "{}", message.raw.len());
        assert!(!message.is_whole());
    }
    let mut h1 = H1::new(Endless::new(b"|x")).with_cap(1000);
    assert!(
        matches!(h1.closed(PATIENCE).await, ConnectionState::ExtraBytes(bytes) if bytes.len() < 1000 + 2 * READ_BYTES)
    );
    // It takes nothing either.
    assert_eq!(h1.send_until(b"x", Instant::now() + SOON).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    let mut h1 = H1::new(Script::new([]));
    assert_eq!(h1.exchange(b"x", "GET", SOON).await, Err(NoMessage::TimedOut));
}

#[tokio::test]
async fn a_read_goes_on_where_the_deadline_stopped_it() {
    let (client, mut server) = tokio::io::duplex(64);
    let mut h1 = H1::new(client);
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").await.unwrap();
    assert_eq!(h1.read("GET", SOON).await, Err(NoMessage::TimedOut));
    assert_eq!(h1.leftover(), b"HTTP/1.1 200 OK\r\nContent-Le");
    server.write_all(b"ngth: 1\r\n\r\naHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    assert_eq!(h1.read("GET", PATIENCE).await.unwrap().body, b"a");
    assert_eq!(h1.read("GET", PATIENCE).await.unwrap().status, 404);
    assert_eq!(h1.closed(SOON).await, ConnectionState::Open);
    server.write_all(b"late").await.unwrap();
    assert_eq!(h1.closed(SOON).await, ConnectionState::ExtraBytes(b"late".to_vec()));
    drop(server);
    assert_eq!(h1.closed(SOON).await, ConnectionState::ExtraBytes(b"late".to_vec()));
    assert!(h1.send(b"x").await.is_err());
}

#[tokio::test]
async fn the_fate_of_a_connection_is_told_apart() {
    let cases = [
        (Event::Eof, ConnectionState::Closed),
        (Event::Error(io::ErrorKind::UnexpectedEof), ConnectionState::Closed),
        (Event::Error(io::ErrorKind::ConnectionReset), ConnectionState::Reset),
        (Event::Stall, ConnectionState::Open),
        (data("x"), ConnectionState::ExtraBytes(b"x".to_vec())),
    ];
    for (event, expected) in cases {
        assert_eq!(H1::new(Script::new([event])).closed(SOON).await, expected);
    }
}

#[tokio::test]
async fn a_request_larger_than_all_buffers_does_not_deadlock_with_its_response() {
    let (client, mut server) = tokio::io::duplex(64);
    let peer = tokio::spawn(async move {
        // Answers in full before it reads anything.
        server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n").await.unwrap();
        server.write_all(&[b'x'; 5000]).await.unwrap();
        let mut received = vec![0; 5000];
        server.read_exact(&mut received).await.unwrap();
        received
    });
    let mut h1 = H1::new(client);
    h1.send(&[b'y'; 5000]).await.unwrap();
    assert_eq!(peer.await.unwrap(), [b'y'; 5000]);
    assert_eq!(h1.read("GET", PATIENCE).await.unwrap().body, [b'x'; 5000]);
}

#[tokio::test]
async fn an_early_answer_is_read_though_sending_fails() {
    let (client, mut server) = tokio::io::duplex(64);
    server.write_all(b"HTTP/1.1 400 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await.unwrap();
    drop(server);
    let message = H1::new(client).exchange(&[b'x'; 5000], "POST", PATIENCE).await.unwrap();
    assert_eq!((message.status, message.end), (400, End::Closed));
}

#[tokio::test]
async fn hyper_receives_what_was_written_and_its_answers_are_read() {
    let (client, server) = tokio::io::duplex(256);
    tokio::spawn(echo_server(server));
    let mut h1 = H1::new(client);
    let head =
        RequestBytes::new("POST", "/a?b=%20").header("Host", "one.test").header("X-B", b"\xe9").header("x-b", "2");
    let chunked = Framing::Chunked(vec![b"ab".to_vec(), vec![b'c'; 600]], vec![(b"X-T".to_vec(), b"9".to_vec())]);
    let cases = [
        (Framing::None, String::from("\n")),
        (Framing::Length(b"abc".to_vec()), "content-length: 3\n\nabc".to_owned()),
        (chunked, format!("transfer-encoding: chunked\n\nab{}x-t: 9\n", "c".repeat(600))),
    ];
    for (framing, rest) in cases {
        let request = head.clone().framing(framing).to_bytes();
        let message = h1.exchange(&request, "POST", PATIENCE).await.unwrap();
        let expected = format!("POST /a?b=%20 HTTP/1.1\nhost: one.test\nx-b: \u{e9}\nx-b: 2\n{rest}");
        assert_eq!(message.body.iter().copied().map(char::from).collect::<String>(), expected);
        assert_eq!((message.status, message.end), (200, End::Complete));
    }
    // Two at once.
    let get = RequestBytes::new("GET", "/empty").header("Host", "a").to_bytes();
    let head = RequestBytes::new("HEAD", "/").header("Host", "b").to_bytes();
    h1.send(&[get, head].concat()).await.unwrap();
    assert_eq!(h1.read("GET", PATIENCE).await.unwrap().status, 204);
    let message = h1.read("HEAD", PATIENCE).await.unwrap();
    assert_eq!((message.status, message.body.as_slice()), (200, b"".as_slice()));
    assert_ne!(message.header_values("content-length").next(), Some(b"0".as_slice()));
    // An interim response, and a body cut short by the client.
    let request = RequestBytes::new("POST", "/").header("Host", "c").header("Expect", "100-continue");
    h1.send(&request.framing(Framing::LengthDeclared(9, Vec::new())).to_bytes()).await.unwrap();
    h1.send(b"123").await.unwrap();
    h1.finish().await.unwrap();
    let message = h1.read("POST", PATIENCE).await.unwrap();
    assert_eq!(message.interim, [(100, vec![])]);
    assert!(String::from_utf8_lossy(&message.body).contains("broken: "));
    assert_eq!(h1.closed(PATIENCE).await, ConnectionState::Closed);
}

/// Pieces of which responses are made, so that random scripts get beyond the status line.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let fixed: Vec<&'static [u8]> = vec![
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 404 \r\n",
        b"HTTP/1.1 100 Go\r\n\r\n",
        b"HTTP/1.1 101 Up\r\n",
        b"HTTP/1.1 204 \r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: 99999\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b"5\r\nabcde\r\n",
        b"0\r\n\r\n",
        b"0\r\n",
        b"ffffffffffffffff\r\n",
        b"a: b\r\n",
        b"\0",
        b": ",
    ];
    prop_oneof![
        6 => proptest::sample::select(fixed).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_bytes_give_one_outcome_however_they_are_cut(
        start in proptest::bool::weighted(0.8),
        fragments in proptest::collection::vec(fragment(), 0..12),
        method in proptest::sample::select(vec!["GET", "HEAD", "CONNECT"]),
        then in proptest::sample::select(vec![Event::Eof, Event::Error(io::ErrorKind::ConnectionReset)]),
        cap in proptest::sample::select(vec![16, 200, DEFAULT_CAP_BYTES]),
    ) {
        let mut bytes = if start { b"HTTP/1.1 200 OK\r\n".to_vec() } else { Vec::new() };
        bytes.extend(fragments.concat());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let whole: Vec<Event> = if bytes.is_empty() { vec![then.clone()] } else { vec![data(&bytes), then.clone()] };
        let single = bytes.iter().map(|byte| data([*byte])).chain([then]).collect();
        let (a, a_left) = runtime.block_on(outcome(method, whole, cap, PATIENCE));
        let (b, b_left) = runtime.block_on(outcome(method, single, cap, PATIENCE));
        if cap == DEFAULT_CAP_BYTES {
            let raw = a.as_ref().map(|message| message.raw.clone()).unwrap_or_default();
            prop_assert_eq!([raw, a_left.clone()].concat(), bytes, "nothing may get lost");
            prop_assert_eq!(&a_left, &b_left);
            prop_assert_eq!(a, b);
        } else {
            // How much is in the buffer beyond the cap depends on the reads; what was understood doesn't.
            let understood = |result: Result<Message, NoMessage>| result.map(|message| Message { raw: Vec::new(), ..message });
            prop_assert_eq!(understood(a), understood(b));
        }
    }
}
