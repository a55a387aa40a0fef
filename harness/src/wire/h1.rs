//! One HTTP/1 connection: sends any bytes, reads one response at a time.
//!
//! This file moves bytes under deadlines; what they mean is decided in `response`, a pure parser over httparse.

mod response;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout_at};

use self::response::{Ending, Progress, ResponseParser};
use super::{BoxIo, DEFAULT_CAP_BYTES, End, Io, Message, NoMessage};

/// How long [`H1::send`] and [`H1::finish`] wait for a peer that takes no bytes.
const SEND_DEADLINE: Duration = Duration::from_secs(10);

/// How long a read waits for a close that the response announced. It is cut short by the read's own deadline.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// The most bytes taken in one read.
const READ_BYTES: usize = 16 * 1024;

/// An HTTP/1 connection as the client has it. One request at a time, or several pipelined: each [`read`](H1::read)
/// takes the next response.
pub struct H1<I> {
    io: I,
    /// Received, and not yet part of a message.
    buf: Vec<u8>,
    /// Set once the read side has ended.
    ending: Option<Ending>,
    cap_bytes: usize,
}

/// What a connection does after a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionState {
    /// It stayed open and silent.
    Open,
    /// The peer closed it. Over TLS, with or without `close_notify`.
    Closed,
    /// It was reset, or failed in another way.
    Reset,
    /// Bytes came that belong to no message, these (at most the cap). They stay in [`H1::leftover`] too, so that a
    /// [`H1::read`] can take them as a response. The connection may have closed after them.
    ExtraBytes(Vec<u8>),
}

impl<I: Io> H1<I> {
    /// A connection over `io`, with the cap [`DEFAULT_CAP_BYTES`].
    pub fn new(io: I) -> Self {
        H1 { io, buf: Vec::new(), ending: None, cap_bytes: DEFAULT_CAP_BYTES }
    }

    /// Sets the most bytes that one message may take on the wire.
    #[must_use]
    pub fn with_cap(mut self, cap_bytes: usize) -> Self {
        self.cap_bytes = cap_bytes;
        self
    }

    /// Sends these bytes, and flushes. While the peer takes none, what it sends is received, so that two full pipes
    /// can't wait for each other. A connection may be sent to after any error and any response.
    ///
    /// # Errors
    ///
    /// The transport's error, or [`io::ErrorKind::TimedOut`] after 10 s. A peer that answers early and closes causes one
    /// too, so an error here doesn't mean that there is no response to [`read`](H1::read).
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.send_until(bytes, Instant::now() + SEND_DEADLINE).await
    }

    /// Ends the sending side (a TCP FIN; over TLS a `close_notify` as well), and leaves the receiving side open.
    ///
    /// # Errors
    ///
    /// As [`send`](H1::send).
    pub async fn finish(&mut self) -> io::Result<()> {
        timeout_at(Instant::now() + SEND_DEADLINE, self.io.shutdown()).await.map_err(|_| timed_out())?
    }

    /// Reads the next response. `request_method` is the method of the request it answers, as sent: a response to `HEAD`
    /// has no body, and a 2xx to `CONNECT` opens a tunnel.
    ///
    /// A response that announces the end of the connection is given up to a second, within the deadline, to end it: that
    /// is what tells [`End::Closed`] from [`End::Complete`].
    ///
    /// # Errors
    ///
    /// [`NoMessage`] if no whole response head came. Nothing is consumed then: the bytes stay in
    /// [`leftover`](H1::leftover), and after [`NoMessage::TimedOut`] the next call goes on where this one stopped.
    pub async fn read(&mut self, request_method: &str, deadline: Duration) -> Result<Message, NoMessage> {
        let until = Instant::now() + deadline;
        let mut parser = ResponseParser::new(request_method, self.cap_bytes);
        let mut message = self.take(&mut parser, None, until).await?;
        if message.end == End::Complete && parser.announces_close() && self.buf.is_empty() {
            let grace = until.min(Instant::now() + CLOSE_GRACE);
            if let Fill::Ended(_) = self.fill(grace).await {
                message.end = End::Closed;
            }
        }
        Ok(message)
    }

    /// Sends a request and reads its response. A failure to send is not the last word: a peer may answer and close
    /// before it has read everything.
    ///
    /// # Errors
    ///
    /// As [`read`](H1::read); [`NoMessage::NotSent`] if the peer took no bytes until the deadline and answered nothing.
    pub async fn exchange(
        &mut self,
        request: &[u8],
        request_method: &str,
        deadline: Duration,
    ) -> Result<Message, NoMessage> {
        let until = Instant::now() + deadline;
        let sent = self.send_until(request, until).await;
        let left = until.saturating_duration_since(Instant::now());
        match (sent, self.read(request_method, left).await) {
            (Err(error), Err(NoMessage::TimedOut)) => Err(NoMessage::NotSent(format!("writing the request: {error}"))),
            (_, read) => read,
        }
    }

    /// Sends a request and reads its response until so many bytes of the body are there. Then the response is cut off,
    /// as [`End::Truncated`], unless it has ended by itself.
    ///
    /// # Errors
    ///
    /// As [`exchange`](H1::exchange).
    pub async fn exchange_part(
        &mut self,
        request: &[u8],
        request_method: &str,
        body_bytes: usize,
        deadline: Duration,
    ) -> Result<Message, NoMessage> {
        let until = Instant::now() + deadline;
        if let Err(error) = self.send_until(request, until).await
            && self.buf.is_empty()
        {
            return Err(NoMessage::NotSent(format!("writing the request: {error}")));
        }
        let mut parser = ResponseParser::new(request_method, self.cap_bytes);
        self.take(&mut parser, Some(body_bytes), until).await
    }

    /// The bytes received that belong to no message so far.
    pub fn leftover(&self) -> &[u8] {
        &self.buf
    }

    /// Watches the connection until it ends, `within` has passed, or the cap is reached, and says what it did.
    pub async fn closed(&mut self, within: Duration) -> ConnectionState {
        let until = Instant::now() + within;
        while self.buf.len() < self.cap_bytes {
            match self.fill(until).await {
                Fill::Bytes => {}
                Fill::Ended(_) | Fill::TimedOut => break,
            }
        }
        if !self.buf.is_empty() {
            return ConnectionState::ExtraBytes(self.buf.clone());
        }
        match self.ending {
            None => ConnectionState::Open,
            Some(Ending::Clean | Ending::Unclean) => ConnectionState::Closed,
            Some(Ending::Reset) => ConnectionState::Reset,
        }
    }

    /// Gives up HTTP, as after a 101: the stream, and the bytes already received from it.
    pub fn into_upgraded(self) -> (BoxIo, Vec<u8>)
    where
        I: 'static,
    {
        (Box::new(self.io), self.buf)
    }

    /// Reads until the response has ended, or `enough` bytes of its body are there.
    async fn take(
        &mut self,
        parser: &mut ResponseParser,
        enough: Option<usize>,
        until: Instant,
    ) -> Result<Message, NoMessage> {
        let (message, used) = loop {
            let done = match parser.advance(&self.buf) {
                Progress::Done(end) => Some(parser.message(&self.buf, end)),
                Progress::Failed(why) => return Err(why),
                Progress::More if parser.body_bytes().zip(enough).is_some_and(|(bytes, enough)| bytes >= enough) => {
                    Some(parser.message(&self.buf, End::Truncated))
                }
                Progress::More => match self.fill(until).await {
                    Fill::Bytes => None,
                    Fill::Ended(ending) => Some(parser.ended(&self.buf, ending)),
                    Fill::TimedOut => Some(parser.timed_out(&self.buf)),
                },
            };
            if let Some(done) = done {
                break done?;
            }
        };
        self.buf.drain(..used.min(self.buf.len()));
        Ok(message)
    }

    async fn send_until(&mut self, bytes: &[u8], until: Instant) -> io::Result<()> {
        let send = async {
            self.write_while_reading(bytes).await?;
            self.io.flush().await
        };
        timeout_at(until, send).await.map_err(|_| timed_out())?
    }

    async fn write_while_reading(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        poll_fn(|cx| {
            while !bytes.is_empty() {
                match Pin::new(&mut self.io).poll_write(cx, bytes) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(written)) => {
                        bytes = bytes.split_at_checked(written).map_or(&[], |(_, rest)| rest);
                        continue;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {}
                }
                if self.ending.is_some() || self.buf.len() >= self.cap_bytes {
                    return Poll::Pending;
                }
                let mut chunk = [0; 4096];
                let mut chunk = ReadBuf::new(&mut chunk);
                match Pin::new(&mut self.io).poll_read(cx, &mut chunk) {
                    Poll::Ready(Ok(())) if chunk.filled().is_empty() => self.ending = Some(Ending::Clean),
                    Poll::Ready(Ok(())) => self.buf.extend_from_slice(chunk.filled()),
                    Poll::Ready(Err(error)) => self.ending = Some(Ending::of(&error)),
                    Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    async fn fill(&mut self, until: Instant) -> Fill {
        if let Some(ending) = self.ending {
            return Fill::Ended(ending);
        }
        self.buf.reserve(READ_BYTES);
        let mut io = (&mut self.io).take(READ_BYTES as u64);
        let ending = match timeout_at(until, io.read_buf(&mut self.buf)).await {
            Err(_) => return Fill::TimedOut,
            Ok(Ok(0)) => Ending::Clean,
            Ok(Ok(_)) => return Fill::Bytes,
            Ok(Err(error)) => Ending::of(&error),
        };
        self.ending = Some(ending);
        Fill::Ended(ending)
    }
}

enum Fill {
    Bytes,
    Ended(Ending),
    TimedOut,
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the peer took no bytes before the deadline")
}

#[cfg(test)]
mod tests;
