//! A tenant's container: a real HTTP/1.1 server that records what reaches it, and answers what a script says.
//!
//! It works on raw bytes, so that it sees exactly what the proxy sent and can send anything at all, also what no
//! honest server would. It belongs to the tenant: nothing in it is trusted, and it shares no code with the proxy.

use crate::network::{Endpoint, Network, Stream};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// The longest request head that the container reads, in bytes.
const HEAD_MAX: usize = 512 * 1024;
/// More replies than are ever held at once.
const PERMITS: usize = 1 << 16;
/// How long it waits for bytes.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the container does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// 200 with the container's page and its headers. The default.
    Page,
    /// A response that is put together. `content-length` is added where it isn't chunked, and the headers hold
    /// neither length.
    Response {
        /// The status code.
        status: u16,
        /// The headers, written as given.
        headers: Vec<(String, Vec<u8>)>,
        /// The body, written and flushed piece by piece.
        chunks: Vec<Vec<u8>>,
        /// Whether the body goes in chunks of HTTP, one for each piece.
        chunked: bool,
        /// Trailers of a chunked body.
        trailers: Vec<(String, Vec<u8>)>,
    },
    /// 200 whose body is the head as received, then the body.
    Echo,
    /// These bytes, then the connection is closed.
    Raw(Vec<u8>),
    /// These bytes; the connection stays open.
    RawKeep(Vec<u8>),
    /// 200 that declares a length, sends less, and dies.
    DieAfter {
        /// The declared length, in bytes.
        declared: u64,
        /// What is sent of it.
        sent: Vec<u8>,
    },
    /// Another reply, when [`Container::release`] allows it.
    Hold(Box<Reply>),
    /// These bytes, each piece written and flushed by itself.
    Pieces {
        /// The pieces.
        pieces: Vec<Vec<u8>>,
        /// What becomes of the connection.
        then: Then,
    },
    /// 101 with a complete WebSocket handshake, then every byte comes back. The default for an upgrade request.
    Upgrade101,
    /// The same with these headers in its 101.
    Upgrade101With(Vec<(String, Vec<u8>)>),
}

/// What becomes of a connection after the last byte of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// It takes another request.
    Keep,
    /// It is closed.
    Close,
    /// It stays open until the other side closes. These bytes are written at each [`Container::release`]: who has
    /// nobody to pass them to finds out by that.
    Stall(Vec<u8>),
}

/// A request that reached the container.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Received {
    /// The method; empty where the head could not be parsed.
    pub method: String,
    /// The request target, as sent.
    pub target: String,
    /// The headers in order, as sent.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// Every byte of the head, as sent.
    pub head_bytes: Vec<u8>,
    /// The number of the connection that it came through, counted from 1.
    pub connection: u64,
    /// Whether the whole body has come.
    pub complete: bool,
    /// What came after a 101.
    pub upgraded: Vec<u8>,
}

impl fmt::Debug for Received {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Received")
            .field("head", &String::from_utf8_lossy(&self.head_bytes))
            .field("body", &String::from_utf8_lossy(&self.body))
            .field("connection", &self.connection)
            .field("complete", &self.complete)
            .finish_non_exhaustive()
    }
}

impl Received {
    /// The values of a header, by name without regard to case.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
    }
}

/// Says how a request is answered that has come as a whole; `None` leaves it to the script.
pub type Responder = Box<dyn FnMut(&Received) -> Option<Reply> + Send>;

/// A running container. It stops when it is dropped.
pub struct Container {
    endpoint: Endpoint,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    page: Vec<u8>,
    page_headers: Vec<(String, String)>,
    state: Mutex<State>,
    releases: Semaphore,
}

#[derive(Default)]
struct State {
    script: VecDeque<Reply>,
    responder: Option<Responder>,
    received: BTreeMap<u64, Received>,
    last_request: u64,
    last_connection: u64,
}

impl Container {
    /// Starts a container that answers every request with one page. Needs a Tokio runtime.
    ///
    /// # Errors
    /// What the network says when it gives no listener.
    pub fn start(network: &Network, page: Vec<u8>, page_headers: Vec<(String, String)>) -> io::Result<Self> {
        let (mut acceptor, endpoint) = network.bind()?;
        let shared = Arc::new(Shared { page, page_headers, state: Mutex::default(), releases: Semaphore::new(0) });
        let served = shared.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok(stream) = acceptor.accept().await {
                while connections.try_join_next().is_some() {}
                connections.spawn(Connection::new(stream, served.clone()).serve());
            }
        });
        Ok(Self { endpoint, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Adds a reply to the script. Each request takes the first one that is left when its head arrives.
    pub fn script(&self, reply: Reply) {
        self.shared.state().script.push_back(reply);
    }

    /// Answers requests by what they are instead of by when they come. Only what `respond` leaves goes by the script.
    pub fn respond_with(&self, respond: impl FnMut(&Received) -> Option<Reply> + Send + 'static) {
        self.shared.state().responder = Some(Box::new(respond));
    }

    /// Forgets the replies that no request took, and says how many there were. The responder is forgotten too, and so
    /// is each release that nothing waited for.
    pub fn clear_script(&self) -> usize {
        self.shared.releases.forget_permits(Semaphore::MAX_PERMITS);
        let mut state = self.shared.state();
        state.responder = None;
        std::mem::take(&mut state.script).len()
    }

    /// Takes the requests received so far, in the order in which their heads arrived. A request is there as soon as
    /// its head was read; what arrives of it later is lost to whoever has drained it.
    pub fn drain(&self) -> Vec<Received> {
        std::mem::take(&mut self.shared.state().received).into_values().collect()
    }

    /// How many requests were received that nobody has drained.
    pub fn waiting(&self) -> usize {
        self.shared.state().received.len()
    }

    /// Lets one held reply go, or the next one that will be held.
    pub fn release(&self) {
        self.shared.releases.add_permits(1);
    }

    /// Lets everything go that is held, and everything that will be until [`Container::clear_script`].
    pub fn release_all(&self) {
        self.shared.releases.add_permits(PERMITS);
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Container({})", self.endpoint)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a request, and gives its number and the reply that it takes.
    fn record(&self, request: Received, upgrade: bool) -> (u64, Reply) {
        let mut state = self.state();
        state.last_request += 1;
        let number = state.last_request;
        state.received.insert(number, request);
        let default = if upgrade { Reply::Upgrade101 } else { Reply::Page };
        (number, state.script.pop_front().unwrap_or(default))
    }

    /// The body has come: what the responder says of the whole request, if there is one.
    fn complete(&self, number: u64, body: &[u8], mut request: Received) -> Option<Reply> {
        let mut state = self.state();
        request.body = body.to_vec();
        request.complete = true;
        let reply = state.responder.as_mut().and_then(|respond| respond(&request));
        if let Some(recorded) = state.received.get_mut(&number) {
            *recorded = request;
        }
        reply
    }

    fn amend(&self, number: u64, change: impl FnOnce(&mut Received)) {
        if let Some(request) = self.state().received.get_mut(&number) {
            change(request);
        }
    }
}

struct Connection {
    stream: Stream,
    shared: Arc<Shared>,
    number: u64,
    buffer: Vec<u8>,
}

/// What a connection does after a reply.
#[derive(PartialEq, Eq)]
enum Next {
    Keep,
    Close,
}

enum BodyLength {
    Fixed(usize),
    Chunked,
}

impl Connection {
    fn new(stream: Stream, shared: Arc<Shared>) -> Self {
        let number = {
            let mut state = shared.state();
            state.last_connection += 1;
            state.last_connection
        };
        Self { stream, shared, number, buffer: Vec::new() }
    }

    /// Serves until the peer or a reply ends it. A failed read or write is the peer's end of the matter.
    async fn serve(mut self) {
        while let Ok(Next::Keep) = self.exchange().await {}
    }

    async fn exchange(&mut self) -> io::Result<Next> {
        let Some(head_bytes) = self.read_head().await? else {
            return Ok(Next::Close);
        };
        let Some((mut request, length)) = parse_head(&head_bytes) else {
            let garbage = Received { head_bytes, connection: self.number, ..Received::default() };
            self.shared.record(garbage, false);
            return Ok(Next::Close);
        };
        request.connection = self.number;
        let upgrade = request.header("upgrade").any(|value| value.eq_ignore_ascii_case(b"websocket"));
        let key = request.header("sec-websocket-key").next().map(<[u8]>::to_vec);
        let closes = request.header("connection").any(|value| value.eq_ignore_ascii_case(b"close"));
        let is_head = request.method == "HEAD";
        let (number, mut reply) = self.shared.record(request.clone(), upgrade);
        let body = self.read_body(&length).await?;
        if let Some(due) = self.shared.complete(number, &body, request) {
            reply = due;
        }
        while let Reply::Hold(held) = reply {
            if let Ok(permit) = self.shared.releases.acquire().await {
                permit.forget();
            }
            reply = *held;
        }
        let next = match reply {
            Reply::Page => {
                let headers: Vec<_> = self
                    .shared
                    .page_headers
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
                    .collect();
                let page = self.shared.page.clone();
                self.respond(200, &headers, &[page], false, &[], is_head).await?
            }
            Reply::Response { status, headers, chunks, chunked, trailers } => {
                self.respond(status, &headers, &chunks, chunked, &trailers, is_head).await?
            }
            Reply::Echo => {
                let headers = [("content-type".to_owned(), b"application/octet-stream".to_vec())];
                self.respond(200, &headers, &[[head_bytes, body].concat()], false, &[], is_head).await?
            }
            Reply::Raw(bytes) => {
                self.write(&bytes).await?;
                Next::Close
            }
            Reply::RawKeep(bytes) => {
                self.write(&bytes).await?;
                Next::Keep
            }
            Reply::DieAfter { declared, sent } => {
                self.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {declared}\r\n\r\n").as_bytes()).await?;
                self.write(&sent).await?;
                Next::Close
            }
            Reply::Hold(_) => Next::Close,
            Reply::Pieces { pieces, then } => {
                for piece in &pieces {
                    self.write(piece).await?;
                }
                match then {
                    Then::Keep => Next::Keep,
                    Then::Close => Next::Close,
                    Then::Stall(beat) => {
                        self.stall(&beat).await?;
                        Next::Close
                    }
                }
            }
            Reply::Upgrade101 => {
                self.upgrade(number, key.as_deref().unwrap_or_default(), &[]).await?;
                Next::Close
            }
            Reply::Upgrade101With(headers) => {
                self.upgrade(number, key.as_deref().unwrap_or_default(), &headers).await?;
                Next::Close
            }
        };
        Ok(if closes { Next::Close } else { next })
    }

    /// Stays until the other side closes.
    async fn stall(&mut self, beat: &[u8]) -> io::Result<()> {
        let shared = self.shared.clone();
        loop {
            tokio::select! {
                more = self.fill() => {
                    if !more? {
                        return Ok(());
                    }
                }
                Ok(permit) = shared.releases.acquire() => {
                    permit.forget();
                    self.write(beat).await?;
                }
            }
        }
    }

    /// The next head with its empty line, or none at the end of the connection.
    async fn read_head(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = self.buffer.split_off(end + 4);
                return Ok(Some(std::mem::replace(&mut self.buffer, rest)));
            }
            if self.buffer.len() > HEAD_MAX {
                return Err(io::Error::other("the head has no end"));
            }
            if !self.fill().await? {
                // Half a head is evidence too.
                let half = std::mem::take(&mut self.buffer);
                return Ok((!half.is_empty()).then_some(half));
            }
        }
    }

    async fn read_body(&mut self, length: &BodyLength) -> io::Result<Vec<u8>> {
        match length {
            BodyLength::Fixed(bytes) => self.take(*bytes).await,
            BodyLength::Chunked => {
                let mut body = Vec::new();
                loop {
                    let line = self.take_line().await?;
                    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
                    let size =
                        std::str::from_utf8(digits).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
                    let size = size.ok_or_else(|| io::Error::other("a chunk has no size"))?;
                    if size == 0 {
                        while !self.take_line().await?.is_empty() {}
                        return Ok(body);
                    }
                    body.extend(self.take(size).await?);
                    self.take_line().await?;
                }
            }
        }
    }

    async fn take(&mut self, bytes: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < bytes {
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.buffer.split_off(bytes);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    async fn take_line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                let mut line = self.take(end + 2).await?;
                line.truncate(end);
                return Ok(line);
            }
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads more; `false` at the end.
    async fn fill(&mut self) -> io::Result<bool> {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
        Ok(read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? > 0)
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        timeout(PATIENCE, write).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn respond(
        &mut self,
        status: u16,
        headers: &[(String, Vec<u8>)],
        chunks: &[Vec<u8>],
        chunked: bool,
        trailers: &[(String, Vec<u8>)],
        is_head: bool,
    ) -> io::Result<Next> {
        let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status)).into_bytes();
        write_fields(&mut head, headers);
        let names_length = headers.iter().any(|(name, _)| {
            name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding")
        });
        let bodyless = is_head || status < 200 || status == 204 || status == 304;
        if !names_length && status >= 200 && status != 204 {
            if chunked {
                head.extend_from_slice(b"transfer-encoding: chunked\r\n");
            } else {
                let length: usize = chunks.iter().map(Vec::len).sum();
                head.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
            }
        }
        head.extend_from_slice(b"\r\n");
        self.write(&head).await?;
        if bodyless {
            return Ok(Next::Keep);
        }
        for chunk in chunks {
            if chunked && !chunk.is_empty() {
                let framed = [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
                self.write(&framed).await?;
            } else {
                self.write(chunk).await?;
            }
        }
        if chunked {
            let mut end = b"0\r\n".to_vec();
            write_fields(&mut end, trailers);
            end.extend_from_slice(b"\r\n");
            self.write(&end).await?;
        }
        let closes = headers
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case(b"close"));
        Ok(if closes { Next::Close } else { Next::Keep })
    }

    /// Answers 101, then sends every byte back until the peer ends.
    async fn upgrade(&mut self, number: u64, key: &[u8], fields: &[(String, Vec<u8>)]) -> io::Result<()> {
        let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key);
        let mut head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n"
        )
        .into_bytes();
        write_fields(&mut head, fields);
        head.extend_from_slice(b"\r\n");
        self.write(&head).await?;
        loop {
            let bytes = std::mem::take(&mut self.buffer);
            if !bytes.is_empty() {
                self.shared.amend(number, |request| request.upgraded.extend_from_slice(&bytes));
                self.write(&bytes).await?;
            }
            if !self.fill().await? {
                return Ok(());
            }
        }
    }
}

fn write_fields(out: &mut Vec<u8>, fields: &[(String, Vec<u8>)]) {
    for (name, value) in fields {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
}

fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Unknown")
}

fn parse_head(bytes: &[u8]) -> Option<(Received, BodyLength)> {
    let mut fields = vec![httparse::EMPTY_HEADER; 1024];
    let mut head = httparse::Request::new(&mut fields);
    if !matches!(head.parse(bytes), Ok(httparse::Status::Complete(_))) {
        return None;
    }
    let headers: Vec<_> = head.headers.iter().map(|field| (field.name.to_owned(), field.value.to_vec())).collect();
    let request = Received {
        method: head.method?.to_owned(),
        target: head.path?.to_owned(),
        headers,
        head_bytes: bytes.to_vec(),
        ..Received::default()
    };
    let chunked = request.header("transfer-encoding").any(|value| value.to_ascii_lowercase().ends_with(b"chunked"));
    let declared = request.header("content-length").next();
    let length = match declared {
        _ if chunked => BodyLength::Chunked,
        Some(digits) => BodyLength::Fixed(std::str::from_utf8(digits).ok()?.trim().parse().ok()?),
        None => BodyLength::Fixed(0),
    };
    Some((request, length))
}

#[cfg(test)]
#[path = "container_tests.rs"]
mod tests;
