//! One response as the client saw it, or the reason why there was none.

use thiserror::Error;

/// Header or trailer fields: the name as received, and the value's bytes without the whitespace around them.
pub type Fields = Vec<(String, Vec<u8>)>;

/// The protocol version of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// `HTTP/1.0`.
    Http10,
    /// `HTTP/1.1`.
    Http11,
    /// HTTP/2, which has no version on the wire.
    Http2,
}

/// One final response. Interim responses that came before it are in [`Message::interim`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The version of the status line.
    pub version: Version,
    /// The status code, 100 to 999. 101 is the only 1xx that can stand here.
    pub status: u16,
    /// The reason phrase as received; `None` where the protocol has none (HTTP/2), or hides it.
    pub reason: Option<Vec<u8>>,
    /// The header fields. HTTP/1: order and spelling as received. HTTP/2 and reqwest: lowercase, and the values of one
    /// name stand together.
    pub headers: Fields,
    /// The content, freed of chunking, and of nothing else: a content coding stays.
    pub body: Vec<u8>,
    /// The trailer fields.
    pub trailers: Fields,
    /// The 1xx responses before this one, in order.
    pub interim: Vec<(u16, Fields)>,
    /// HTTP/1 over [`H1`](super::H1): every byte of this message, interim responses included, as received. Else empty.
    pub raw: Vec<u8>,
    /// How the message ended.
    pub end: End,
}

impl Message {
    /// The values of all header fields of that name, in order. The name is compared without regard to ASCII case.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
    }

    /// Whether the whole message came: it ended as its framing said it would.
    pub fn is_whole(&self) -> bool {
        match self.end {
            End::Complete | End::Closed => true,
            End::Truncated | End::TimedOut | End::H2Code(_) | End::Malformed(_) | End::Overflow => false,
        }
    }
}

/// How a message ended, once its head was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The message is whole and its framing ended it. Nothing is said about the connection: ask `closed`.
    Complete,
    /// The message is whole, and the peer closed: either the close delimits the body, or the head announced the close
    /// (`Connection: close`, or HTTP/1.0 without `keep-alive`) and it came.
    Closed,
    /// The peer closed or reset in the middle of the body or the trailers.
    Truncated,
    /// HTTP/2: the peer reset the stream, or ended the connection, with this error code, after the head.
    H2Code(u32),
    /// The deadline passed in the middle of the body or the trailers. What had come until then is here.
    TimedOut,
    /// The framing contradicts itself or the syntax, for this reason. What stood before is here; the bytes from there on
    /// are still in `leftover`.
    Malformed(String),
    /// The message is larger than the cap. What came until the cap is here.
    Overflow,
}

/// Why there is no message. On an [`H1`](super::H1) the bytes that came all the same stay in `leftover`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoMessage {
    /// The peer closed in order, before any byte of a response.
    #[error("the peer closed the connection before any byte of a response")]
    ClosedBeforeAnyByte,
    /// The connection was reset, before any byte of a response.
    #[error("the connection was reset before any byte of a response")]
    Reset,
    /// The peer closed or reset in the middle of the head, or between an interim response and the final one.
    #[error("the connection ended in the middle of a response head")]
    Truncated,
    /// HTTP/2: the peer reset the stream, or ended the connection, with this error code, before a response head.
    #[error("the peer refused with HTTP/2 error code {0}")]
    H2Code(u32),
    /// No whole response head came before the deadline.
    #[error("no response before the deadline")]
    TimedOut,
    /// What came is not a response head, for this reason.
    #[error("not a response: {0}")]
    Malformed(String),
    /// The response head is larger than its cap.
    #[error("the response head is larger than the cap")]
    Overflow,
    /// The request never left, for this reason: we could not test.
    #[error("the request was not sent: {0}")]
    NotSent(String),
}
