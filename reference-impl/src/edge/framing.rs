//! Where an HTTP/1 message begins and ends. Pure, and stricter than the protocol.
//!
//! A front that finds another end of a message than the server behind it lets one client speak in another's name. So
//! a message has one length here: at most one `Content-Length`, or `Transfer-Encoding: chunked` and nothing else; never
//! both; and lines end in CRLF. What is ambiguous is refused, not repaired.

use crate::fault::{Fault, FaultSet};
use http::Uri;
use http::header::{CONTENT_LENGTH, HeaderMap};

/// The longest line of a chunk's size with its extensions, in bytes.
const CHUNK_LINE_MAX: usize = 256;
/// The longest trailer section, in bytes. Trailers are dropped, so there is no use for a long one.
const TRAILERS_MAX: usize = 8 * 1024;
/// The room for header fields while parsing. More than a limit may allow.
const FIELDS: usize = 256;

/// Why a request is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is malformed, or its length is ambiguous.
    BadRequest,
    /// Its head is too long, or has too many fields.
    TooLarge,
    /// Its method can't be served whatever else it says.
    Method,
}

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFraming {
    /// A number of bytes; 0 for none.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// A head that may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Examined {
    /// The body behind it.
    pub body: BodyFraming,
    /// It names another protocol: what follows is decided by the answer.
    pub upgrade: bool,
    /// No other request may follow on the connection.
    pub last: bool,
    /// The `Content-Length` must not be shown to whoever reads on. Only a planted fault asks for that.
    pub(crate) hide_length: bool,
}

/// Bounds on a head.
#[derive(Debug, Clone, Copy)]
pub struct HeadLimits {
    /// The longest head, in bytes.
    pub bytes: usize,
    /// The most fields.
    pub fields: usize,
}

/// The length of the first head in a buffer, with its empty line.
///
/// `scanned` is how much of the buffer an earlier call has seen; it is updated.
///
/// # Errors
/// [`Refused`] for a bare line feed, and for a head without an end within the bounds.
pub fn head_end(buffer: &[u8], scanned: &mut usize, limits: HeadLimits) -> Result<Option<usize>, Refused> {
    let start = *scanned;
    for (offset, byte) in buffer.iter().enumerate().skip(start) {
        if *byte != b'\n' {
            continue;
        }
        let before = buffer.get(..offset).unwrap_or_default();
        if !before.ends_with(b"\r") {
            return Err(Refused::BadRequest);
        }
        if before.ends_with(b"\r\n\r") {
            let end = offset + 1;
            return if end > limits.bytes { Err(Refused::TooLarge) } else { Ok(Some(end)) };
        }
    }
    *scanned = buffer.len();
    if buffer.len() >= limits.bytes { Err(Refused::TooLarge) } else { Ok(None) }
}

/// Examines a whole head, its empty line included.
///
/// # Errors
/// [`Refused`].
pub fn examine(head: &[u8], limits: HeadLimits, faults: FaultSet) -> Result<Examined, Refused> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let parsed = match request.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => Ok(()),
        Ok(httparse::Status::Complete(_) | httparse::Status::Partial) => Err(Refused::BadRequest),
        Err(httparse::Error::TooManyHeaders) => Err(Refused::TooLarge),
        Err(_) => Err(Refused::BadRequest),
    };
    // A tunnel, or a mirror of the request, is refused before anything else is said about it.
    if request.method == Some("CONNECT") {
        return Err(Refused::Method);
    }
    let examined = parsed.and_then(|()| examine_fields(&request, limits, faults));
    if request.method == Some("TRACE") { examined.map_err(|_| Refused::Method) } else { examined }
}

fn examine_fields(
    request: &httparse::Request<'_, '_>,
    limits: HeadLimits,
    faults: FaultSet,
) -> Result<Examined, Refused> {
    if request.headers.len() > limits.fields {
        return Err(Refused::TooLarge);
    }
    let target = request.path.ok_or(Refused::BadRequest)?;
    // A fragment is no part of a request target, and `Uri` would drop it silently.
    if target.contains('#') || target.parse::<Uri>().is_err() {
        return Err(Refused::BadRequest);
    }
    let is_11 = request.version == Some(1);
    let mut length = None;
    let mut chunked = false;
    let mut upgrade = false;
    let mut close = false;
    let mut keep_alive = false;
    for field in request.headers.iter() {
        if field.name.eq_ignore_ascii_case("content-length") {
            if length.replace(content_length(field.value)?).is_some() {
                return Err(Refused::BadRequest);
            }
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            if chunked || !is_11 || !field.value.eq_ignore_ascii_case(b"chunked") {
                return Err(Refused::BadRequest);
            }
            chunked = true;
        } else if field.name.eq_ignore_ascii_case("upgrade") {
            upgrade = is_11;
        } else if field.name.eq_ignore_ascii_case("connection") {
            for option in field.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                close |= option.eq_ignore_ascii_case(b"close");
                keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        }
    }
    let hide_length = chunked && length.is_some() && faults.has(Fault::ApxSmuggledLength);
    let body = match (length, chunked) {
        (Some(_), true) if !hide_length => return Err(Refused::BadRequest),
        (Some(_) | None, true) => BodyFraming::Chunked,
        (Some(bytes), false) => BodyFraming::Length(bytes),
        (None, false) => BodyFraming::Length(0),
    };
    Ok(Examined { body, upgrade, last: close || !(is_11 || keep_alive), hide_length })
}

/// A length of digits alone, of at most 18.
fn content_length(value: &[u8]) -> Result<u64, Refused> {
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refused::BadRequest);
    }
    Ok(value.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// Whether the length that an HTTP/2 request declares is one that HTTP/1 would let pass. h2 compares it with what comes,
/// but takes none for 0, and lets several stand that agree: behind us each of them is a field to be read anew.
pub(crate) fn declares_one_length(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    lengths.next().is_none_or(|first| content_length(first.as_bytes()).is_ok()) && lengths.next().is_none()
}

/// Follows the framing of a chunked body, byte by byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunks {
    state: ChunkState,
    /// The digits of this size, or the bytes of this line or section.
    count: usize,
    size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkState {
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    Done,
}

impl Chunks {
    /// Before the first chunk.
    #[must_use]
    pub fn new() -> Self {
        Self { state: ChunkState::Size, count: 0, size: 0 }
    }

    /// Whether the body has ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == ChunkState::Done
    }

    /// Follows `bytes`, and says how many of them belong to the body.
    ///
    /// # Errors
    /// [`Refused::BadRequest`] at the first byte that no strict reader accepts.
    pub fn follow(&mut self, bytes: &[u8]) -> Result<usize, Refused> {
        let mut rest = bytes;
        while let Some((byte, behind)) = rest.split_first() {
            if self.state == ChunkState::Done {
                break;
            }
            if self.state == ChunkState::Data {
                let here = usize::try_from(self.size).unwrap_or(usize::MAX).min(rest.len());
                self.size -= here as u64;
                rest = rest.get(here..).unwrap_or_default();
                if self.size == 0 {
                    self.state = ChunkState::DataCr;
                }
                continue;
            }
            self.step(*byte)?;
            rest = behind;
        }
        Ok(bytes.len() - rest.len())
    }

    fn step(&mut self, byte: u8) -> Result<(), Refused> {
        use ChunkState::{
            Data, DataCr, DataLf, Done, EndLf, Extension, Size, SizeLf, Trailer, TrailerLf, TrailerStart,
        };
        self.count += 1;
        self.state = match (self.state, byte) {
            (Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if self.count <= 15 => {
                self.size = self.size * 16 + u64::from(char::from(byte).to_digit(16).unwrap_or_default());
                Size
            }
            (Size, b'\r') if self.count > 1 => SizeLf,
            (Size, b';') if self.count > 1 => Extension,
            (Extension, b'\r') => SizeLf,
            (Extension, b'\t' | b' '..=b'~' | 0x80..) if self.count <= CHUNK_LINE_MAX => Extension,
            (SizeLf, b'\n') => {
                self.count = 0;
                if self.size == 0 { TrailerStart } else { Data }
            }
            (DataCr, b'\r') => DataLf,
            (DataLf, b'\n') => {
                (self.count, self.size) = (0, 0);
                Size
            }
            (TrailerStart, b'\r') => EndLf,
            (TrailerStart | Trailer, b'\t' | b' '..=b'~' | 0x80..) if self.count <= TRAILERS_MAX => Trailer,
            (Trailer, b'\r') => TrailerLf,
            (TrailerLf, b'\n') => TrailerStart,
            (EndLf, b'\n') => Done,
            _ => return Err(Refused::BadRequest),
        };
        Ok(())
    }
}

impl Default for Chunks {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
