//! A connection that can put a field behind its last body.
//!
//! hyper sends trailers only to who asks for them, and a hostile provider would not wait to be asked.

use crate::network::Stream;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The field that is to stand behind the last body of a connection.
#[derive(Clone, Default)]
pub(super) struct Trailer(Arc<Mutex<Option<String>>>);

impl Trailer {
    /// From here on the connection is about to end, and this field comes last. Its body is in chunks.
    pub(super) fn arm(&self, field: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(field);
    }

    fn armed(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The connection. Armed, it keeps what is written until it is shut down.
pub(super) struct Trailing {
    stream: Stream,
    trailer: Trailer,
    kept: Vec<u8>,
    sent: usize,
}

impl Trailing {
    pub(super) fn new(stream: Stream, trailer: Trailer) -> Self {
        Self { stream, trailer, kept: Vec::new(), sent: 0 }
    }
}

impl AsyncRead for Trailing {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, out)
    }
}

impl AsyncWrite for Trailing {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.trailer.armed().is_some() {
            self.kept.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(field) = this.trailer.armed() {
            if this.sent == 0 && this.kept.ends_with(b"\r\n0\r\n\r\n") {
                this.kept.truncate(this.kept.len() - 2);
                this.kept.extend_from_slice(format!("{field}\r\n\r\n").as_bytes());
            }
            while let Some(rest) = this.kept.get(this.sent..).filter(|rest| !rest.is_empty()) {
                this.sent += ready!(Pin::new(&mut this.stream).poll_write(cx, rest))?;
            }
            ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
        }
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}
