//! HTTP/1.1 requests as bytes, well framed or with one defect.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a defect touches one part of a request; every other part is written as it should be"
)]

use crate::action::framing::Defect;

use super::{Wire, WireBody};

/// A request with a defect, and the one that follows at once.
#[must_use]
pub fn malformed(request: &Wire, defect: Defect, follow_up: &Wire) -> Vec<u8> {
    let mut bytes = bytes(request, defect);
    // What a length claims too much would swallow the next request: then there is nothing to follow.
    if defect != Defect::LengthTooLong {
        bytes.extend_from_slice(&self::bytes(follow_up, Defect::None));
    }
    bytes
}

pub(super) fn bytes(wire: &Wire, defect: Defect) -> Vec<u8> {
    let eol: &[u8] = if defect == Defect::BareLf { b"\n" } else { b"\r\n" };
    let mut out = request_line(wire, defect);
    out.extend_from_slice(eol);
    let mut line = |name: &[u8], separator: &[u8], value: &[u8]| {
        out.extend_from_slice(&[name, separator, value, eol].concat());
    };
    if defect == Defect::LeadingSpace {
        line(b" X-Odd", b": ", b"1");
    }
    for (name, value) in &wire.headers {
        line(name.as_bytes(), b": ", value);
    }
    for (name, separator, value) in odd_headers(defect) {
        line(name.as_bytes(), separator, &value);
    }
    let payload = wire.body.bytes();
    for (name, value) in framing_headers(&wire.body, defect, payload.len()) {
        line(name.as_bytes(), b": ", value.as_bytes());
    }
    out.extend_from_slice(eol);
    out.extend_from_slice(&framed(&wire.body, defect, &payload));
    out
}

fn request_line(wire: &Wire, defect: Defect) -> Vec<u8> {
    let method = if defect == Defect::BadMethod { "GE(T" } else { wire.method };
    let mut target = wire.target.clone();
    if defect == Defect::SpaceInTarget {
        target.extend_from_slice(b" x");
    }
    if defect == Defect::TargetAt {
        target.insert(0, b'@');
    }
    let version: &[u8] = match defect {
        Defect::BadVersion => b"HTTP/1.7",
        Defect::ExtraPart => b"HTTP/1.1 HTTP/1.1",
        Defect::CodingInVersion10 => b"HTTP/1.0",
        _ if wire.version10 => b"HTTP/1.0",
        _ => b"HTTP/1.1",
    };
    [method.as_bytes(), b" ", &target, b" ", version].concat()
}

/// Headers that carry a defect of their own.
fn odd_headers(defect: Defect) -> Vec<(String, &'static [u8], Vec<u8>)> {
    let one = |name: &str, separator: &'static [u8], value: &[u8]| vec![(name.to_owned(), separator, value.to_vec())];
    match defect {
        Defect::BareCr => one("X-Odd", b": ", b"a\rb"),
        Defect::ObsFold => one("X-Odd", b": ", b"a\r\n b"),
        Defect::Nul => one("X-Odd", b": ", b"a\0b"),
        Defect::SpaceBeforeColon => one("X-Odd", b" : ", b"1"),
        Defect::SpaceInName => one("X Odd", b": ", b"1"),
        Defect::NoName => one("", b": ", b"1"),
        Defect::NoColon => one("X-Odd", b"", b""),
        Defect::ManyHeaders => (0..300).map(|n| (format!("X-Many-{n}"), b": ".as_slice(), b"1".to_vec())).collect(),
        Defect::HugeHeader => one("X-Huge", b": ", &vec![b'a'; 200_000]),
        _ => Vec::new(),
    }
}

fn framing_headers(body: &WireBody, defect: Defect, length: usize) -> Vec<(&'static str, String)> {
    let length_is = |value: &str| vec![("Content-Length", value.to_owned())];
    let coding_is = |value: &str| vec![("Transfer-Encoding", value.to_owned())];
    match defect {
        Defect::LengthThenChunked => [length_is(&length.to_string()), coding_is("chunked")].concat(),
        Defect::ChunkedThenLength => [coding_is("chunked"), length_is(&length.to_string())].concat(),
        Defect::TwoLengths => [length_is(&length.to_string()), length_is("0")].concat(),
        Defect::SameLengthTwice => [length_is(&length.to_string()), length_is(&length.to_string())].concat(),
        Defect::LengthList => length_is(&format!("{length}, {length}")),
        Defect::LengthPlus => length_is(&format!("+{length}")),
        Defect::LengthNegative => length_is(&format!("-{length}")),
        Defect::LengthHex => length_is(&format!("0x{length:x}")),
        Defect::LengthHuge => length_is("99999999999999999999999"),
        Defect::LengthLetters => length_is("ten"),
        Defect::CodingIdentity => coding_is("identity"),
        Defect::CodingUnknown => coding_is("xchunked"),
        Defect::CodingChunkedNotLast => coding_is("chunked, identity"),
        Defect::CodingTwice => coding_is("chunked, chunked"),
        Defect::CodingVerticalTab => coding_is("\u{b}chunked"),
        Defect::CodingInVersion10
        | Defect::ChunkOverflow
        | Defect::ChunkNegative
        | Defect::ChunkLetters
        | Defect::ChunkTooLong
        | Defect::ChunkUnterminated
        | Defect::ChunkExtension => coding_is("chunked"),
        Defect::LengthTooLong => length_is(&(length + 50).to_string()),
        Defect::LengthTooShort => length_is(&length.saturating_sub(4).to_string()),
        _ => match body {
            WireBody::None => Vec::new(),
            WireBody::Length(_) => length_is(&length.to_string()),
            WireBody::Chunked(_, trailers) => {
                let names: Vec<&str> = trailers.iter().map(|(name, _)| name.as_str()).collect();
                let announced = (!names.is_empty()).then(|| ("Trailer", names.join(", ")));
                announced.into_iter().chain(coding_is("chunked")).collect()
            }
        },
    }
}

fn framed(body: &WireBody, defect: Defect, payload: &[u8]) -> Vec<u8> {
    let chunk = |size: &str, data: &[u8], end: &[u8]| [size.as_bytes(), b"\r\n", data, end].concat();
    let size = format!("{:x}", payload.len());
    let whole = |size: &str| [chunk(size, payload, b"\r\n"), b"0\r\n\r\n".to_vec()].concat();
    match defect {
        Defect::LengthThenChunked
        | Defect::ChunkedThenLength
        | Defect::CodingIdentity
        | Defect::CodingUnknown
        | Defect::CodingChunkedNotLast
        | Defect::CodingTwice
        | Defect::CodingVerticalTab
        | Defect::CodingInVersion10 => whole(&size),
        Defect::ChunkOverflow => whole("fffffffffffffffffffff"),
        Defect::ChunkNegative => whole(&format!("-{size}")),
        Defect::ChunkLetters => whole("xyz"),
        Defect::ChunkTooLong => [chunk(&size, payload, b"surplus\r\n"), b"0\r\n\r\n".to_vec()].concat(),
        Defect::ChunkUnterminated => [chunk(&size, payload, b""), b"0\r\n\r\n".to_vec()].concat(),
        Defect::ChunkExtension => whole(&format!("{size};name=value")),
        // Where a length is declared, the body is what that length is about.
        Defect::TwoLengths
        | Defect::SameLengthTwice
        | Defect::LengthList
        | Defect::LengthPlus
        | Defect::LengthNegative
        | Defect::LengthHex
        | Defect::LengthHuge
        | Defect::LengthLetters
        | Defect::LengthTooLong => payload.to_vec(),
        // The last four bytes of the body are left over: made of bytes that begin no request.
        Defect::LengthTooShort => {
            [payload.get(..payload.len().saturating_sub(4)).unwrap_or(&[]), b"\0\x01\x02\x03"].concat()
        }
        _ => match body {
            WireBody::None | WireBody::Length(_) => payload.to_vec(),
            WireBody::Chunked(chunks, trailers) => {
                let mut bytes: Vec<u8> =
                    chunks.iter().flat_map(|data| chunk(&format!("{:x}", data.len()), data, b"\r\n")).collect();
                bytes.extend_from_slice(b"0\r\n");
                for (name, value) in trailers {
                    bytes.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
                }
                bytes.extend_from_slice(b"\r\n");
                bytes
            }
        },
    }
}
