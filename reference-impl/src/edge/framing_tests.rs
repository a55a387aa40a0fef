//! Tables of heads and chunks. What the proxy does with a refusal is tested over a network.

use super::*;
use proptest::prelude::*;

const LIMITS: HeadLimits = HeadLimits { bytes: 1024, fields: 4 };

fn look(fields: &str) -> Result<Examined, Refused> {
    examine(format!("POST /a HTTP/1.1\r\n{fields}\r\n").as_bytes(), LIMITS, FaultSet::none())
}

#[test]
fn a_body_has_one_length() {
    let body = |fields| look(fields).map(|examined| examined.body);
    assert_eq!(body(""), Ok(BodyFraming::Length(0)));
    assert_eq!(body("content-length: 007\r\n"), Ok(BodyFraming::Length(7)));
    assert_eq!(body("Transfer-Encoding: CHUNKED\r\n"), Ok(BodyFraming::Chunked));
    assert_eq!(body("content_length: 7\r\n"), Ok(BodyFraming::Length(0)));
    for both in
        ["content-length: 1\r\ntransfer-encoding: chunked\r\n", "transfer-encoding: chunked\r\ncontent-length: 1\r\n"]
    {
        assert_eq!(body(both), Err(Refused::BadRequest));
    }
}

#[test]
fn the_last_request_of_a_connection_is_known() {
    let last = |version: &str, fields: &str| {
        let head = format!("GET / HTTP/{version}\r\n{fields}\r\n");
        examine(head.as_bytes(), LIMITS, FaultSet::none()).unwrap().last
    };
    assert!(!last("1.1", ""));
    assert!(last("1.1", "connection: x, Close\r\n"));
    assert!(last("1.0", ""));
    assert!(!last("1.0", "connection: keep-alive\r\n"));
    assert!(last("1.0", "connection: keep-alive\r\nconnection: close\r\n"));
}

#[test]
fn a_tunnel_or_a_mirror_is_refused_before_anything_else() {
    for head in [
        "CONNECT a:1 HTTP/1.1\r\n\r\n",
        "CONNECT / HTTP/1.1\r\nx y: z\r\n\r\n",
        "TRACE / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
    ] {
        assert_eq!(examine(head.as_bytes(), LIMITS, FaultSet::none()), Err(Refused::Method), "{head:?}");
    }
    assert_eq!(look("a: 1\r\nb: 1\r\nc: 1\r\nd: 1\r\ne: 1\r\n"), Err(Refused::TooLarge));
}

#[test]
fn the_end_of_a_head_is_found_however_it_arrives() {
    let head = b"GET / HTTP/1.1\r\nhost: a\r\n\r\nrest";
    for cut in 0..head.len() {
        let mut scanned = 0;
        let first = head_end(&head[..cut], &mut scanned, LIMITS).unwrap();
        let end = head.len() - 4;
        assert_eq!(first, (cut >= end).then_some(end), "{cut}");
        if first.is_none() {
            assert_eq!(head_end(head, &mut scanned, LIMITS), Ok(Some(end)), "{cut}");
        }
    }
    assert_eq!(head_end(b"GET /\n", &mut 0, LIMITS), Err(Refused::BadRequest));
    assert_eq!(head_end(&[b'x'; 1024], &mut 0, LIMITS), Err(Refused::TooLarge));
    assert_eq!(head_end(&[b'x'; 1023], &mut 0, LIMITS), Ok(None));
}

#[test]
fn chunks_are_followed_to_their_end_and_no_further() {
    for (body, rest) in [
        ("0\r\n\r\n", "GET"),
        ("5\r\nhello\r\n0\r\n\r\n", ""),
        ("5;a=\"b\"\r\nhello\r\n00\r\nx: y\r\nz: \u{e9}\r\n\r\n", "\r\n"),
        ("A\r\n0123456789\r\n0\r\n\r\n", "x"),
    ] {
        let all = format!("{body}{rest}");
        for step in 1..=all.len() {
            let mut chunks = Chunks::new();
            let mut taken = 0;
            for piece in all.as_bytes().chunks(step) {
                taken += chunks.follow(piece).unwrap();
            }
            assert!(chunks.is_done() && taken == body.len(), "{body:?} by {step}");
        }
    }
    for bad in ["g\r\n", "\r\n", ";\r\n", "1\n", "1\r\nab", "0\r\nx\n", "1000000000000000\r\n", "1;\0\r\n", "1 \r\n"] {
        assert_eq!(Chunks::new().follow(bad.as_bytes()), Err(Refused::BadRequest), "{bad:?}");
    }
    let long = format!("1;{}\r\n", "x".repeat(300));
    assert!(Chunks::new().follow(long.as_bytes()).is_err());
    let trailers = format!("0\r\n{}", "x: y\r\n".repeat(2000));
    assert!(Chunks::new().follow(trailers.as_bytes()).is_err());
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_is_taken_twice(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut chunks = Chunks::new();
        if let Ok(taken) = chunks.follow(&bytes) {
            prop_assert!(taken <= bytes.len() && (chunks.is_done() || taken == bytes.len()));
        }
        let mut scanned = 0;
        if let Ok(Some(end)) = head_end(&bytes, &mut scanned, LIMITS) {
            let outcome = examine(&bytes[..end], LIMITS, FaultSet::none());
            prop_assert!(outcome.is_ok() || outcome.is_err());
        }
    }
}
