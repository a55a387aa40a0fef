//! One HTTP/2 connection, whose requests carry any fields.
//!
//! The reading side is the h2 crate's, so a response that breaks the protocol is told as [`NoMessage::Malformed`] or
//! [`End::Malformed`], without its bytes.

mod header_block;

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use self::header_block::{Blocks, Rewriter, encode};
use super::{BoxIo, ConnectionState, DEFAULT_CAP_BYTES, End, Fields, HEAD_CAP_BYTES, Message, NoMessage, Version};

/// How long [`H2::connect`] waits for a peer that takes no bytes.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// How long an exchange that broke waits to learn how the connection ended.
const OUTCOME_GRACE: Duration = Duration::from_secs(1);

/// What the peer may send on one stream, and on the connection, before we have read it.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// More interim responses than this before a final one is an overflow.
const MAX_INTERIM: usize = 64;

/// One request. All strings go on the wire verbatim: nothing is lowercased, checked, merged or left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct H2Request {
    /// The `:method` field.
    pub method: String,
    /// The `:scheme` field.
    pub scheme: String,
    /// The `:authority` field; `None` sends none.
    pub authority: Option<String>,
    /// The `:path` field.
    pub path: String,
    /// The other fields, in order. `host` may differ from the authority, `cookie` may be repeated, and names may be
    /// ones that HTTP/2 forbids.
    pub headers: Fields,
    /// The body. No `content-length` is added.
    pub body: Vec<u8>,
    /// The trailer fields; empty sends none.
    pub trailers: Fields,
}

impl H2Request {
    /// The header block's fields: the pseudo-fields, then the others.
    fn fields(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let pseudo = [
            (":method", Some(&self.method)),
            (":scheme", Some(&self.scheme)),
            (":authority", self.authority.as_ref()),
            (":path", Some(&self.path)),
        ];
        let pseudo = pseudo.into_iter().filter_map(|(name, value)| Some((name.into(), value?.clone().into_bytes())));
        pseudo.chain(self.headers.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone()))).collect()
    }
}

/// An HTTP/2 connection. Requests may be sent one after another or at the same time. Dropping it closes it.
pub struct H2 {
    sender: SendRequest<Bytes>,
    blocks: Blocks,
    /// Held for its end.
    _driver: Driver,
    outcome: watch::Receiver<Option<Outcome>>,
    cap_bytes: usize,
}

/// How the connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Closed,
    /// The peer said GOAWAY with this error code.
    GoAway(u32),
    Reset,
}

/// The task that moves the connection's frames; it ends with the [`H2`].
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl H2 {
    /// Speaks HTTP/2 over `io`, with prior knowledge (or after ALPN chose it). Doesn't wait for the peer's settings.
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`NoMessage::NotSent`] if the preface can't be written.
    pub async fn connect(io: BoxIo) -> Result<Self, NoMessage> {
        let blocks = Blocks::default();
        let io = Rewriter::new(io, blocks.clone());
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_header_list_size(HEAD_CAP_BYTES as u32);
        let handshake = timeout_at(Instant::now() + CONNECT_DEADLINE, builder.handshake::<_, Bytes>(io));
        let (sender, connection) = handshake
            .await
            .map_err(|_| NoMessage::NotSent("the peer took no preface before the deadline".to_owned()))?
            .map_err(|error| NoMessage::NotSent(format!("writing the preface: {error}")))?;
        let (ended, outcome) = watch::channel(None);
        let driver = Driver(tokio::spawn(async move {
            let outcome = outcome_of(connection.await);
            ended.send_replace(Some(outcome));
        }));
        Ok(H2 { sender, blocks, _driver: driver, outcome, cap_bytes: DEFAULT_CAP_BYTES })
    }

    /// Sets the most bytes that one response's body may take.
    #[must_use]
    pub fn with_cap(mut self, cap_bytes: usize) -> Self {
        self.cap_bytes = cap_bytes;
        self
    }

    /// Sends a request on a stream of its own and reads its response.
    ///
    /// # Errors
    ///
    /// [`NoMessage`] if no response head came.
    pub async fn exchange(&self, request: &H2Request, deadline: Duration) -> Result<Message, NoMessage> {
        self.exchange_fields(&request.fields(), &request.body, &request.trailers, deadline).await
    }

    /// As [`exchange`](H2::exchange), with every field of the header block given, pseudo-fields included: left out,
    /// repeated, misplaced or invented. The request counts as one to `HEAD` if its first `:method` is that.
    ///
    /// # Errors
    ///
    /// As [`exchange`](H2::exchange).
    pub async fn exchange_fields(
        &self,
        fields: &[(Vec<u8>, Vec<u8>)],
        body: &[u8],
        trailers: &[(String, Vec<u8>)],
        deadline: Duration,
    ) -> Result<Message, NoMessage> {
        let until = Instant::now() + deadline;
        let mut result = self.exchange_until(fields, body, trailers, until).await;
        // The crate tells a stream that was in hand only that the connection broke; a GOAWAY before it says why.
        let broken = match &result {
            Ok(message) => message.end == End::Truncated,
            Err(why) => matches!(why, NoMessage::ClosedBeforeAnyByte | NoMessage::Reset),
        };
        if broken && let Some(Outcome::GoAway(code)) = self.outcome(until.min(Instant::now() + OUTCOME_GRACE)).await {
            match &mut result {
                Ok(message) => message.end = End::H2Code(code),
                Err(why) => *why = NoMessage::H2Code(code),
            }
        }
        result
    }

    async fn exchange_until(
        &self,
        fields: &[(Vec<u8>, Vec<u8>)],
        body: &[u8],
        trailers: &[(String, Vec<u8>)],
        until: Instant,
    ) -> Result<Message, NoMessage> {
        let sending = self.send(fields, body, trailers);
        let (mut response, stream) = timeout_at(until, sending).await.map_err(|_| NoMessage::TimedOut)??;
        let mut interim = Vec::new();
        let head = timeout_at(until, read_head(&mut response, &mut interim));
        let (head, mut incoming) = head.await.map_err(|_| NoMessage::TimedOut)??.into_parts();
        let mut message = Message {
            version: Version::Http2,
            status: head.status.as_u16(),
            reason: None,
            headers: owned(&head.headers),
            body: Vec::new(),
            trailers: Vec::new(),
            interim,
            raw: Vec::new(),
            end: End::TimedOut,
        };
        let reading = read_body(&mut incoming, &mut message, self.cap_bytes);
        if let Ok(end) = timeout_at(until, reading).await {
            message.end = end;
        }
        // Kept until here: the body may still be going out while the response comes in.
        drop(stream);
        Ok(message)
    }

    /// Waits until the peer ends the connection, or `within` has passed. GOAWAY without an end is [`Open`].
    ///
    /// [`Open`]: ConnectionState::Open
    pub async fn closed(&self, within: Duration) -> ConnectionState {
        match self.outcome(Instant::now() + within).await {
            None => ConnectionState::Open,
            Some(Outcome::Closed | Outcome::GoAway(_)) => ConnectionState::Closed,
            Some(Outcome::Reset) => ConnectionState::Reset,
        }
    }

    async fn outcome(&self, until: Instant) -> Option<Outcome> {
        let mut outcome = self.outcome.clone();
        let ended = timeout_at(until, outcome.wait_for(Option::is_some)).await.ok()?;
        // The sender is gone without a word only if the driver is.
        ended.map_or(Some(Outcome::Reset), |outcome| *outcome)
    }

    async fn send(
        &self,
        fields: &[(Vec<u8>, Vec<u8>)],
        body: &[u8],
        trailers: &[(String, Vec<u8>)],
    ) -> Result<(ResponseFuture, SendStream<Bytes>), NoMessage> {
        let mut sender = self.sender.clone().ready().await.map_err(|error| no_message(&error))?;
        let is_head = fields.iter().find(|(name, _)| name == b":method").is_some_and(|(_, method)| method == b"HEAD");
        let mut stand_in = http::Request::new(());
        // The crate reads a response to HEAD in its own way, so the stand-in is true in this.
        *stand_in.method_mut() = if is_head { http::Method::HEAD } else { http::Method::POST };
        *stand_in.uri_mut() = http::Uri::from_static("http://stand-in.invalid/");
        let ends = body.is_empty() && trailers.is_empty();
        let (response, mut stream) = {
            // Locked, so that the driver can't write the stand-in before our block is there to take its place.
            let mut blocks = self.blocks.lock();
            let sent = sender.send_request(stand_in, ends).map_err(|error| no_message(&error))?;
            let queue = blocks.entry(sent.0.stream_id().as_u32()).or_default();
            queue.push_back(encode(fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))));
            if !trailers.is_empty() {
                queue.push_back(encode(trailers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()))));
            }
            sent
        };
        // An error here means that the peer has ended the stream already: the response tells how.
        if !body.is_empty() {
            drop(stream.send_data(Bytes::copy_from_slice(body), trailers.is_empty()));
        }
        if !trailers.is_empty() {
            drop(stream.send_trailers(http::HeaderMap::new()));
        }
        Ok((response, stream))
    }
}

/// One request over a connection of its own.
///
/// # Errors
///
/// As [`H2::connect`] and [`H2::exchange`].
pub async fn h2_exchange(io: BoxIo, request: &H2Request, deadline: Duration) -> Result<Message, NoMessage> {
    let until = Instant::now() + deadline;
    let connection = timeout_at(until, H2::connect(io)).await.map_err(|_| NoMessage::TimedOut)??;
    connection.exchange(request, until.saturating_duration_since(Instant::now())).await
}

async fn read_head(
    response: &mut ResponseFuture,
    interim: &mut Vec<(u16, Fields)>,
) -> Result<http::Response<RecvStream>, NoMessage> {
    poll_fn(|cx| {
        while let Poll::Ready(Some(informational)) = response.poll_informational(cx) {
            let informational = match informational {
                Ok(informational) => informational,
                Err(error) => return Poll::Ready(Err(no_message(&error))),
            };
            interim.push((informational.status().as_u16(), owned(informational.headers())));
            if interim.len() > MAX_INTERIM {
                return Poll::Ready(Err(NoMessage::Overflow));
            }
        }
        std::pin::Pin::new(&mut *response).poll(cx).map_err(|error| no_message(&error))
    })
    .await
}

async fn read_body(incoming: &mut RecvStream, message: &mut Message, cap_bytes: usize) -> End {
    while let Some(data) = incoming.data().await {
        let data = match data {
            Ok(data) => data,
            Err(error) => return end(&error),
        };
        let room = cap_bytes.saturating_sub(message.body.len());
        message.body.extend_from_slice(data.get(..room).unwrap_or(&data));
        if data.len() > room {
            return End::Overflow;
        }
        if let Err(error) = incoming.flow_control().release_capacity(data.len()) {
            return end(&error);
        }
    }
    match incoming.trailers().await {
        Ok(trailers) => {
            message.trailers = trailers.map(|trailers| owned(&trailers)).unwrap_or_default();
            End::Complete
        }
        Err(error) => end(&error),
    }
}

fn owned(fields: &http::HeaderMap) -> Fields {
    fields.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

fn outcome_of(result: Result<(), h2::Error>) -> Outcome {
    match result {
        Ok(()) => Outcome::Closed,
        Err(error) => match error.reason() {
            Some(reason) if error.is_go_away() && error.is_remote() => Outcome::GoAway(reason.into()),
            // Our own complaint ends the connection in order.
            Some(_) => Outcome::Closed,
            None => Outcome::Reset,
        },
    }
}

/// An error before the response head.
fn no_message(error: &h2::Error) -> NoMessage {
    if let Some(io) = error.get_io() {
        // The crate calls an orderly end with open streams a broken pipe.
        let in_order = [std::io::ErrorKind::UnexpectedEof, std::io::ErrorKind::BrokenPipe].contains(&io.kind());
        return if in_order { NoMessage::ClosedBeforeAnyByte } else { NoMessage::Reset };
    }
    match error.reason() {
        Some(reason) if error.is_remote() => NoMessage::H2Code(reason.into()),
        _ => NoMessage::Malformed(error.to_string()),
    }
}

/// An error after the response head.
fn end(error: &h2::Error) -> End {
    match error.reason() {
        _ if error.is_io() => End::Truncated,
        Some(reason) if error.is_remote() => End::H2Code(reason.into()),
        _ => End::Malformed(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
