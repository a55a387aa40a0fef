//! The client's own view of HTTP: bytes out, bytes in.
//!
//! This is the instrument with which a principal speaks to a proxy. It knows nothing of Vendo, of the reference
//! implementation or of the model: only of HTTP/1, HTTP/2, TLS and websockets.
//!
//! Two rules shape it:
//!
//! - **Anything can be sent.** [`RequestBytes`] and [`H2Request`] validate nothing. Duplicate and malformed fields,
//!   smuggling pairs, pipelined requests, lengths that lie: an adversary has no HTTP library that says no.
//! - **What came back is reported as it came.** [`H1`] keeps order, spelling and raw bytes, and says how a message ended
//!   ([`End`]) or why there was none ([`NoMessage`]). It repairs nothing. Bytes that belong to no message stay in
//!   [`H1::leftover`], so that a scan of everything received can include them.
//!
//! Whatever a server sends, nothing here panics, and nothing waits or grows without a bound: each read takes a deadline,
//! and a message ends at a cap (by default [`DEFAULT_CAP_BYTES`]).
//!
//! Where to start: [`Message`], then [`H1`]. [`H2`] speaks HTTP/2 with header blocks of our own; [`tls`] and
//! [`websocket_exchange`] wrap a connection; [`Reqwest`] is an everyday client, for well-formed requests over real
//! sockets, that shares none of this code.

mod h1;
mod h2;
mod message;
mod request_bytes;
mod reqwest;
#[cfg(test)]
mod testing;
mod tls;
mod websocket;

pub use self::h1::{ConnectionState, H1};
pub use self::h2::{H2, H2Request, h2_exchange};
pub use self::message::{End, Fields, Message, NoMessage, Version};
pub use self::request_bytes::{Framing, RequestBytes};
pub use self::reqwest::{RequestSpec, Reqwest};
pub use self::tls::{TlsError, TlsSession, tls, tls_session};
pub use self::websocket::{Websocket, WebsocketError, verify_accept, websocket_exchange, websocket_request};

use tokio::io::{AsyncRead, AsyncWrite};

/// The most bytes that one message may take on the wire before it ends as [`End::Overflow`]: 4 MiB.
pub const DEFAULT_CAP_BYTES: usize = 4 * 1024 * 1024;

/// The most bytes that a response head, or the trailers of a chunked body, may take: 256 KiB.
pub const HEAD_CAP_BYTES: usize = 256 * 1024;

/// A byte stream in both directions: a socket, a TLS session, or an in-memory pipe.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Any [`Io`], so that callers need not name its type.
pub type BoxIo = Box<dyn Io>;
