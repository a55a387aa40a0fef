//! The HTTP/1 response parser: pure, over the bytes received so far.
//!
//! Stricter than a browser, since a lenient reader hides what a peer did: a bare line feed, a repeated length that
//! differs, a length beside a transfer coding are all malformed. Rules from RFC 9112 unless said.

use std::io;

use super::super::{End, Fields, HEAD_CAP_BYTES, Message, NoMessage, Version};

/// More fields than this in one head or one trailer section is malformed.
const MAX_FIELDS: usize = 1024;

/// More interim responses than this before a final one is an overflow.
const MAX_INTERIM: usize = 64;

/// The longest chunk-size line, extensions included.
const MAX_CHUNK_LINE_BYTES: usize = 4096;

/// How a connection's read side ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// In order.
    Clean,
    /// TLS: without `close_notify`, so that a cut can't be told from an end.
    Unclean,
    /// By a reset or any other error.
    Reset,
}

impl Ending {
    pub(super) fn of(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Ending::Unclean } else { Ending::Reset }
    }
}

/// What a look at the buffer said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The message needs more bytes.
    More,
    /// The message has ended.
    Done(End),
    /// There will be no message.
    Failed(NoMessage),
}

/// Reads one response, its interim responses included, from a buffer that starts with it and only grows.
pub(super) struct ResponseParser {
    request_is_head: bool,
    request_is_connect: bool,
    cap_bytes: usize,
    /// Everything before is understood.
    position: usize,
    /// No head (or trailer) end starts before.
    scanned: usize,
    interim: Vec<(u16, Fields)>,
    head: Option<Head>,
    announces_close: bool,
    state: State,
    body: Vec<u8>,
    trailers: Fields,
}

struct Head {
    version: Version,
    status: u16,
    reason: Vec<u8>,
    headers: Fields,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Head,
    Length(u64),
    UntilClose,
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers,
}

impl ResponseParser {
    pub(super) fn new(request_method: &str, cap_bytes: usize) -> Self {
        ResponseParser {
            request_is_head: request_method == "HEAD",
            request_is_connect: request_method == "CONNECT",
            cap_bytes,
            position: 0,
            scanned: 0,
            interim: Vec::new(),
            head: None,
            announces_close: false,
            state: State::Head,
            body: Vec::new(),
            trailers: Vec::new(),
        }
    }

    /// Goes as far as the buffer allows.
    pub(super) fn advance(&mut self, buf: &[u8]) -> Progress {
        let view = buf.split_at_checked(self.cap_bytes).map_or(buf, |(within, _)| within);
        loop {
            let step = match self.state {
                State::Head => self.head_step(view),
                State::Length(left) => self.length_step(view, left),
                State::UntilClose => self.until_close_step(view),
                State::ChunkSize => self.chunk_size_step(view),
                State::ChunkData(left) => self.chunk_data_step(view, left),
                State::ChunkEnd => self.chunk_end_step(view),
                State::Trailers => self.trailers_step(view),
            };
            match step {
                Step::Next => {}
                Step::Wait if buf.len() < self.cap_bytes => return Progress::More,
                Step::Wait | Step::Overflow if self.head.is_none() => return Progress::Failed(NoMessage::Overflow),
                Step::Wait | Step::Overflow => return Progress::Done(End::Overflow),
                Step::Complete => return Progress::Done(End::Complete),
                Step::Malformed(why) if self.head.is_none() => return Progress::Failed(NoMessage::Malformed(why)),
                Step::Malformed(why) => return Progress::Done(End::Malformed(why)),
            }
        }
    }

    /// How much of the body is there; none before the head is.
    pub(super) fn body_bytes(&self) -> Option<usize> {
        self.head.as_ref().map(|_| self.body.len())
    }

    /// The message that ended so, and how many bytes of the buffer it takes.
    pub(super) fn message(&mut self, buf: &[u8], end: End) -> Result<(Message, usize), NoMessage> {
        let Some(head) = self.head.take() else {
            return Err(NoMessage::Malformed("no response head".to_owned()));
        };
        let used = match end {
            // What can't be understood stays in the buffer, and what follows a whole message isn't its own.
            End::Complete | End::Malformed(_) => self.position,
            End::Closed | End::Truncated | End::H2Code(_) | End::TimedOut | End::Overflow => buf.len(),
        };
        let message = Message {
            version: head.version,
            status: head.status,
            reason: Some(head.reason),
            headers: head.headers,
            body: std::mem::take(&mut self.body),
            trailers: std::mem::take(&mut self.trailers),
            interim: std::mem::take(&mut self.interim),
            raw: buf.get(..used).unwrap_or(buf).to_vec(),
            end,
        };
        Ok((message, used))
    }

    /// What there is when the connection has ended.
    pub(super) fn ended(&mut self, buf: &[u8], ending: Ending) -> Result<(Message, usize), NoMessage> {
        if self.head.is_some() {
            let end = match (self.state, ending) {
                (State::UntilClose, Ending::Clean) => End::Closed,
                _ => End::Truncated,
            };
            return self.message(buf, end);
        }
        Err(match ending {
            _ if !buf.is_empty() => NoMessage::Truncated,
            Ending::Clean | Ending::Unclean => NoMessage::ClosedBeforeAnyByte,
            Ending::Reset => NoMessage::Reset,
        })
    }

    /// What there is when the deadline has passed.
    pub(super) fn timed_out(&mut self, buf: &[u8]) -> Result<(Message, usize), NoMessage> {
        if self.head.is_some() { self.message(buf, End::TimedOut) } else { Err(NoMessage::TimedOut) }
    }

    /// Whether the head said that the peer will close after this message.
    pub(super) fn announces_close(&self) -> bool {
        self.announces_close
    }

    fn head_step(&mut self, view: &[u8]) -> Step {
        let rest = after(view, self.position);
        // Garbage is told at once, rather than at the deadline.
        if !rest.iter().zip(b"HTTP/1.").all(|(got, want)| got == want) {
            return Step::Malformed(format!("a status line can't begin with \"{}\"", excerpt(rest)));
        }
        let Some(end) = self.block_end(view) else {
            return if rest.len() >= HEAD_CAP_BYTES { Step::Overflow } else { Step::Wait };
        };
        let head = match parse_head(view.get(self.position..end).unwrap_or_default()) {
            Ok(head) => head,
            Err(why) => return Step::Malformed(why),
        };
        self.position = end;
        self.scanned = end;
        if head.status < 200 && head.status != 101 {
            self.interim.push((head.status, head.headers));
            return if self.interim.len() > MAX_INTERIM { Step::Overflow } else { Step::Next };
        }
        self.begin_body(head)
    }

    /// Message body length, RFC 9112 section 6.3.
    fn begin_body(&mut self, head: Head) -> Step {
        let framing = body_framing(&head);
        let success = (200..300).contains(&head.status);
        let switches = head.status == 101 || (self.request_is_connect && success);
        let bodiless = switches || self.request_is_head || head.status == 204 || head.status == 304;
        self.announces_close = !switches && head.announces_close();
        self.head = Some(head);
        match framing {
            Err(why) => return Step::Malformed(why),
            Ok(_) if bodiless => self.state = State::Length(0),
            Ok(state) => self.state = state,
        }
        Step::Next
    }

    fn length_step(&mut self, view: &[u8], left: u64) -> Step {
        let left = self.take_data(view, left);
        self.state = State::Length(left);
        if left == 0 { Step::Complete } else { Step::Wait }
    }

    fn until_close_step(&mut self, view: &[u8]) -> Step {
        self.take_data(view, u64::MAX);
        Step::Wait
    }

    fn chunk_size_step(&mut self, view: &[u8]) -> Step {
        let rest = after(view, self.position);
        let Some(line_feed) = rest.iter().take(MAX_CHUNK_LINE_BYTES).position(|byte| *byte == b'\n') else {
            return if rest.len() >= MAX_CHUNK_LINE_BYTES {
                Step::Malformed(format!("a chunk-size line longer than {MAX_CHUNK_LINE_BYTES} bytes"))
            } else {
                Step::Wait
            };
        };
        let line = rest.get(..line_feed).unwrap_or_default();
        let Some(size) = line.strip_suffix(b"\r").and_then(parse_chunk_size) else {
            return Step::Malformed(format!("a chunk size can't be \"{}\"", excerpt(line)));
        };
        self.position += line_feed + 1;
        self.scanned = self.position;
        self.state = if size == 0 { State::Trailers } else { State::ChunkData(size) };
        Step::Next
    }

    fn chunk_data_step(&mut self, view: &[u8], left: u64) -> Step {
        let left = self.take_data(view, left);
        self.state = if left == 0 { State::ChunkEnd } else { State::ChunkData(left) };
        if left == 0 { Step::Next } else { Step::Wait }
    }

    fn chunk_end_step(&mut self, view: &[u8]) -> Step {
        let rest = after(view, self.position);
        if rest.starts_with(b"\r\n") {
            self.position += 2;
            self.state = State::ChunkSize;
            return Step::Next;
        }
        if rest.is_empty() || rest == b"\r" {
            return Step::Wait;
        }
        Step::Malformed(format!("a chunk ends with \"{}\" in place of CRLF", excerpt(rest)))
    }

    fn trailers_step(&mut self, view: &[u8]) -> Step {
        let rest = after(view, self.position);
        if rest.starts_with(b"\r\n") {
            self.position += 2;
            return Step::Complete;
        }
        let Some(end) = self.block_end(view) else {
            return if rest.len() >= HEAD_CAP_BYTES { Step::Overflow } else { Step::Wait };
        };
        match parse_fields(view.get(self.position..end).unwrap_or_default()) {
            Ok(trailers) => {
                self.trailers = trailers;
                self.position = end;
                Step::Complete
            }
            Err(why) => Step::Malformed(format!("in the trailers: {why}")),
        }
    }

    /// Moves up to `left` bytes to the body, and says how many are still missing.
    fn take_data(&mut self, view: &[u8], left: u64) -> u64 {
        let rest = after(view, self.position);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX);
        let taken = rest.split_at_checked(wanted).map_or(rest, |(data, _)| data);
        self.body.extend_from_slice(taken);
        self.position += taken.len();
        left - taken.len() as u64
    }

    /// Where the block of lines that starts at `position` ends: behind its first empty line. Lines that end with a bare
    /// line feed count, so that they are found, and refused.
    fn block_end(&mut self, view: &[u8]) -> Option<usize> {
        let from = self.scanned.max(self.position);
        for (offset, byte) in after(view, from).iter().enumerate() {
            let index = from + offset;
            if *byte != b'\n' {
                continue;
            }
            let following = after(view, index + 1);
            if following.starts_with(b"\n") {
                return Some(index + 2);
            }
            if following.starts_with(b"\r\n") {
                return Some(index + 3);
            }
            if following.len() < 2 {
                self.scanned = index;
                return None;
            }
        }
        self.scanned = view.len();
        None
    }
}

enum Step {
    /// The state moved on; look again.
    Next,
    /// More bytes are needed.
    Wait,
    Complete,
    Malformed(String),
    Overflow,
}

impl Head {
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
    }

    /// The members of a list-valued field, over all its lines.
    fn members<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.values(name).flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
    }

    fn announces_close(&self) -> bool {
        let says = |token: &[u8]| self.members("connection").any(|member| member.eq_ignore_ascii_case(token));
        says(b"close") || (self.version == Version::Http10 && !says(b"keep-alive"))
    }
}

fn parse_head(bytes: &[u8]) -> Result<Head, String> {
    refuse_bare_line_feeds(bytes)?;
    let mut fields = vec![httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut parsed = httparse::Response::new(&mut fields);
    match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(used)) if used == bytes.len() => {}
        Ok(_) => return Err("the head ends before its empty line".to_owned()),
        Err(error) => return Err(format!("in the head: {error}")),
    }
    let version = match parsed.version {
        Some(0) => Version::Http10,
        Some(1) => Version::Http11,
        other => return Err(format!("HTTP/1 minor version {other:?}")),
    };
    let status = match parsed.code {
        Some(status @ 100..) => status,
        other => return Err(format!("status code {other:?}")),
    };
    // httparse gives no reason phrase that isn't ASCII, so it is cut out of the line here.
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let reason = after(line, "HTTP/1.1 200 ".len()).to_vec();
    Ok(Head { version, status, reason, headers: owned(parsed.headers) })
}

fn parse_fields(bytes: &[u8]) -> Result<Fields, String> {
    refuse_bare_line_feeds(bytes)?;
    let mut fields = vec![httparse::EMPTY_HEADER; MAX_FIELDS];
    match httparse::parse_headers(bytes, &mut fields) {
        Ok(httparse::Status::Complete((used, fields))) if used == bytes.len() => Ok(owned(fields)),
        Ok(_) => Err("the fields end before the empty line".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn owned(fields: &[httparse::Header<'_>]) -> Fields {
    fields.iter().map(|field| (field.name.to_owned(), field.value.to_vec())).collect()
}

fn refuse_bare_line_feeds(bytes: &[u8]) -> Result<(), String> {
    let bare =
        bytes.split_inclusive(|byte| *byte == b'\n').any(|line| line.ends_with(b"\n") && !line.ends_with(b"\r\n"));
    if bare { Err("a line ends with a bare line feed".to_owned()) } else { Ok(()) }
}

/// How the fields frame the body, whatever the request was.
fn body_framing(head: &Head) -> Result<State, String> {
    let coded = head.values("transfer-encoding").next().is_some();
    let length = content_length(head)?;
    match (coded, length) {
        (true, Some(_)) => Err("both Content-Length and Transfer-Encoding".to_owned()),
        (true, None) if head.version == Version::Http10 => Err("Transfer-Encoding in HTTP/1.0".to_owned()),
        (true, None) => transfer_coding(head),
        (false, Some(length)) => Ok(State::Length(length)),
        (false, None) => Ok(State::UntilClose),
    }
}

fn content_length(head: &Head) -> Result<Option<u64>, String> {
    let mut length = None;
    for member in head.members("content-length") {
        let Some(value) = parse_digits(member) else {
            return Err(format!("Content-Length \"{}\"", excerpt(member)));
        };
        if length.is_some_and(|before| before != value) {
            return Err("two different values of Content-Length".to_owned());
        }
        length = Some(value);
    }
    Ok(length)
}

/// Another coding may stand before `chunked`; it stays in the body. Without `chunked` the close ends the body.
fn transfer_coding(head: &Head) -> Result<State, String> {
    let codings: Vec<Vec<u8>> = head.members("transfer-encoding").map(<[u8]>::to_ascii_lowercase).collect();
    let chunked = codings.iter().filter(|coding| coding.starts_with(b"chunked")).count();
    let last_is_chunked = codings.last().is_some_and(|coding| coding == b"chunked");
    match (chunked, last_is_chunked) {
        _ if codings.iter().any(Vec::is_empty) => Err("an empty transfer coding".to_owned()),
        (0, _) => Ok(State::UntilClose),
        (1, true) => Ok(State::ChunkSize),
        (_, _) => Err("chunked is not the last transfer coding, once and bare".to_owned()),
    }
}

fn parse_digits(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Hexadecimal digits, and nothing before an extension. The extension is dropped; it stays in the raw bytes.
fn parse_chunk_size(line: &[u8]) -> Option<u64> {
    if line.contains(&b'\r') {
        return None;
    }
    let text = std::str::from_utf8(line.split(|byte| *byte == b';').next()?).ok()?;
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(text, 16).ok()
}

fn after(bytes: &[u8], position: usize) -> &[u8] {
    bytes.get(position..).unwrap_or_default()
}

fn excerpt(bytes: &[u8]) -> String {
    bytes.iter().take(32).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}
