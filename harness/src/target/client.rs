//! A principal's client: it keeps connections open, and reuses them where an action says so.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt as _;
use isolation_model::action::Transport;
use isolation_model::observation::{Answer, End, Exchange, Fields, Nothing};
use isolation_model::oracle::judge::TUNNEL_TEXT;
use isolation_model::render::edge::Worker;
use isolation_model::render::{self, Wire, WireBody};
use rustls::RootCertStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::TargetError;
use crate::wire::{self, BoxIo, ConnectionState, H1, H2, Message, NoMessage};

/// How long any answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may take to close that has to.
const CLOSING: Duration = Duration::from_secs(2);

/// Through which listener of a target a connection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gate {
    /// The one that all hosts have in common.
    Front,
    /// The one that a worker has for itself.
    Worker(Worker),
}

/// Opens connections to a target.
pub(super) trait Dial {
    /// A connection to a listener, in the clear or with TLS.
    async fn dial(&self, tls: bool, gate: Gate) -> std::io::Result<BoxIo>;
}

/// One principal's connections.
pub(super) struct Client<D> {
    dial: D,
    roots: RootCertStore,
    open: BTreeMap<(Gate, Transport), (Connection, Option<String>)>,
}

enum Connection {
    Http1(H1<BoxIo>),
    Http2(H2),
}

/// What a request led to, and whether it went over an open connection.
pub(super) struct Sent {
    pub(super) exchange: Exchange,
    pub(super) reused_sni: Option<Option<String>>,
}

/// What a malformed request and its follow-up led to.
pub(super) struct Burst {
    pub(super) exchanges: Vec<Exchange>,
    pub(super) closed: bool,
}

impl<D: Dial> Client<D> {
    pub(super) fn new(dial: D, roots: RootCertStore) -> Self {
        Self { dial, roots, open: BTreeMap::new() }
    }

    /// Whether the connection that a request would go on over was opened for the server that it names.
    pub(super) fn is_open_for(&self, wire: &Wire, gate: Gate) -> bool {
        self.open.get(&(gate, wire.transport)).is_some_and(|(_, sni)| *sni == wire.sni)
    }

    /// Sends a request over an open connection if it says so and there is one, else over a new one.
    pub(super) async fn send(&mut self, wire: &Wire, gate: Gate) -> Result<Sent, TargetError> {
        let open = self.open.remove(&(gate, wire.transport)).filter(|_| wire.reuse);
        if let Some((mut connection, sni)) = open
            && connection.is_open()
        {
            let exchange = connection.exchange(wire).await?;
            let reused_sni = wire.transport.is_tls().then(|| sni.clone());
            let connection = match connection {
                Connection::Http1(h1) if is_switched(&exchange, wire) => {
                    return Ok(Sent { exchange: tunnel(h1, exchange).await, reused_sni });
                }
                connection @ (Connection::Http1(_) | Connection::Http2(_)) => connection,
            };
            // A server may close an idle connection at any time; a client then sends the request anew.
            if !matches!(exchange, Exchange::Nothing(Nothing::Closed | Nothing::Reset)) {
                self.keep((gate, wire.transport), connection, sni, &exchange);
                return Ok(Sent { exchange, reused_sni });
            }
        }
        let mut connection = self.connect(wire, gate).await?;
        let exchange = connection.exchange(wire).await?;
        let exchange = match connection {
            Connection::Http1(h1) if is_switched(&exchange, wire) => tunnel(h1, exchange).await,
            connection @ (Connection::Http1(_) | Connection::Http2(_)) => {
                self.keep((gate, wire.transport), connection, wire.sni.clone(), &exchange);
                exchange
            }
        };
        Ok(Sent { exchange, reused_sni: None })
    }

    /// Sends two requests at once, each over a connection of its own, but for HTTP/2 requests of one transport and one
    /// server name, which share one. `between` runs when the first is on its way, `after` when the second was answered.
    pub(super) async fn race(
        &mut self,
        first: &Wire,
        second: &Wire,
        between: impl Future<Output = ()>,
        release: impl Fn(),
    ) -> Result<Vec<Exchange>, TargetError> {
        let shared = first.transport == second.transport && first.transport.is_http2() && first.sni == second.sni;
        let mut one = self.connect(first, Gate::Front).await?;
        if shared && let Connection::Http2(h2) = &one {
            let (a, b) = tokio::join!(http2(h2, first), async {
                between.await;
                let answer = http2(h2, second).await;
                release();
                answer
            });
            return Ok(vec![a?, b?]);
        }
        let mut two = self.connect(second, Gate::Front).await?;
        let (a, b) = tokio::join!(one.exchange(first), async {
            between.await;
            let answer = tokio::time::timeout(CLOSING, two.exchange(second)).await;
            release();
            match answer {
                Ok(answer) => answer,
                // It waited for the first one's answer: now that this is on its way, it gets its own, or nothing.
                Err(_) => two.read(second).await,
            }
        });
        Ok(vec![a?, b?])
    }

    /// Sends bytes that may be no request, and reads up to two answers.
    pub(super) async fn burst(&mut self, first: &Wire, second: &Wire, bytes: &[u8]) -> Result<Burst, TargetError> {
        let Connection::Http1(mut h1) = self.connect(first, Gate::Front).await? else {
            return Err(TargetError::Send("malformed bytes go over HTTP/1 alone".to_owned()));
        };
        // A peer that takes no more bytes may have answered all the same: what it said is read in either case.
        let _taken: bool = h1.send(bytes).await.is_ok();
        let mut exchanges = Vec::new();
        let mut ended = false;
        for wire in [first, second] {
            if ended {
                exchanges.push(Exchange::Nothing(Nothing::Closed));
                continue;
            }
            // Whoever waits for more bytes than there are must be told that there are none.
            let exchange = exchange_of(read_or_finish(&mut h1, wire.method).await)?;
            ended = match &exchange {
                Exchange::Answer(answer) => answer.end != End::Complete,
                Exchange::Nothing(_) => true,
            };
            exchanges.push(exchange);
        }
        // Where both were answered and the connection stays open, there is nothing to wait for.
        let answered =
            |exchange: &Exchange| matches!(exchange, Exchange::Answer(answer) if answer.end == End::Complete);
        let within = if exchanges.iter().all(answered) { Duration::ZERO } else { CLOSING };
        let closed = matches!(h1.closed(within).await, ConnectionState::Closed | ConnectionState::Reset);
        Ok(Burst { exchanges, closed })
    }

    /// Sends a request over a connection of its own, which ends with it.
    pub(super) async fn alone(&self, wire: &Wire, gate: Gate) -> Result<Exchange, TargetError> {
        self.connect(wire, gate).await?.exchange(wire).await
    }

    /// Sends a request, reads the head of the answer and so many bytes of its body, and hangs up. An answer that ended
    /// before is as it came; one that was cut off so has ended [`End::Truncated`].
    pub(super) async fn hang_up(&self, wire: &Wire, gate: Gate, body_bytes: usize) -> Result<Exchange, TargetError> {
        match self.connect(wire, gate).await? {
            Connection::Http1(mut h1) => {
                exchange_of(h1.exchange_part(&render::http1(wire), wire.method, body_bytes, PATIENCE).await)
            }
            Connection::Http2(_) => Err(TargetError::Send("hanging up takes a connection of HTTP/1".to_owned())),
        }
    }

    async fn connect(&self, wire: &Wire, gate: Gate) -> Result<Connection, TargetError> {
        let send = |what: String| TargetError::Send(what);
        let tls = wire.transport.is_tls();
        let io = self.dial.dial(tls, gate).await.map_err(|error| send(format!("connecting: {error}")))?;
        let http2 = wire.transport.is_http2();
        let io = if tls {
            let alpn: &[&[u8]] = if http2 { &[b"h2"] } else { &[b"http/1.1"] };
            wire::tls(io, &self.roots, wire.sni.as_deref(), alpn, PATIENCE)
                .await
                .map_err(|error| send(format!("the TLS handshake: {error}")))?
        } else {
            io
        };
        if http2 {
            let h2 = H2::connect(io).await.map_err(|error| send(format!("opening HTTP/2: {error:?}")))?;
            Ok(Connection::Http2(h2))
        } else {
            Ok(Connection::Http1(H1::new(io)))
        }
    }

    fn keep(&mut self, at: (Gate, Transport), connection: Connection, sni: Option<String>, exchange: &Exchange) {
        if let Exchange::Answer(answer) = exchange
            && answer.end == End::Complete
        {
            self.open.insert(at, (connection, sni));
        }
    }
}

impl Connection {
    fn is_open(&mut self) -> bool {
        let state = match self {
            Self::Http1(h1) => h1.closed(CLOSING).now_or_never(),
            Self::Http2(h2) => h2.closed(CLOSING).now_or_never(),
        };
        // One look: a timer of no length would still wait for the clock's next tick.
        state.is_none_or(|state| matches!(state, ConnectionState::Open))
    }

    async fn exchange(&mut self, wire: &Wire) -> Result<Exchange, TargetError> {
        match self {
            Self::Http1(h1) => {
                let answer = h1.exchange(&render::http1(wire), wire.method, PATIENCE).await;
                let mut exchange = exchange_of(answer)?;
                if let Exchange::Answer(answer) = &mut exchange
                    && !h1.leftover().is_empty()
                    && !is_101(answer)
                {
                    answer.raw.extend_from_slice(h1.leftover());
                    answer.end = End::Malformed("bytes follow the answer that nobody asked for".to_owned());
                }
                Ok(exchange)
            }
            Self::Http2(h2) => http2(h2, wire).await,
        }
    }

    async fn read(&mut self, wire: &Wire) -> Result<Exchange, TargetError> {
        match self {
            Self::Http1(h1) => exchange_of(h1.read(wire.method, PATIENCE).await),
            Self::Http2(_) => Ok(Exchange::Nothing(Nothing::TimedOut)),
        }
    }
}

/// Reads an answer; if none comes at once, says that no more bytes will be sent, and reads again.
async fn read_or_finish(h1: &mut H1<BoxIo>, method: &str) -> Result<Message, NoMessage> {
    match h1.read(method, Duration::from_millis(50)).await {
        Err(NoMessage::TimedOut) => {
            if h1.finish().await.is_err() {
                return Err(NoMessage::ClosedBeforeAnyByte);
            }
            h1.read(method, PATIENCE).await
        }
        answer => answer,
    }
}

async fn http2(h2: &H2, wire: &Wire) -> Result<Exchange, TargetError> {
    let scheme: &[u8] = if wire.transport.is_tls() { b"https" } else { b"http" };
    let pseudo = [
        (b":method".to_vec(), wire.method.as_bytes().to_vec()),
        (b":scheme".to_vec(), scheme.to_vec()),
        (b":authority".to_vec(), wire.authority.clone()),
        (b":path".to_vec(), wire.target.clone()),
    ];
    let headers = wire.headers.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.clone()));
    let fields: Vec<(Vec<u8>, Vec<u8>)> = pseudo.into_iter().chain(headers).collect();
    let trailers = match &wire.body {
        WireBody::Chunked(_, trailers) => trailers.as_slice(),
        WireBody::None | WireBody::Length(_) => &[],
    };
    exchange_of(h2.exchange_fields(&fields, &wire.body.bytes(), trailers, PATIENCE).await)
}

fn is_101(answer: &Answer) -> bool {
    answer.status == 101
}

fn is_switched(exchange: &Exchange, wire: &Wire) -> bool {
    wire.upgrade && matches!(exchange, Exchange::Answer(answer) if is_101(answer))
}

/// Sends a text through a tunnel, and reads what comes back of it.
async fn tunnel(h1: H1<BoxIo>, exchange: Exchange) -> Exchange {
    let Exchange::Answer(mut answer) = exchange else {
        return exchange;
    };
    let (mut io, mut echo) = h1.into_upgraded();
    let talk = async {
        io.write_all(TUNNEL_TEXT).await?;
        io.flush().await?;
        while echo.len() < TUNNEL_TEXT.len() {
            if io.read_buf(&mut echo).await? == 0 {
                break;
            }
        }
        std::io::Result::Ok(())
    };
    answer.end = match tokio::time::timeout(PATIENCE, talk).await {
        Ok(Ok(())) => End::Closed,
        Ok(Err(_)) => End::Truncated,
        Err(_) => End::TimedOut,
    };
    answer.upgraded = Some(echo);
    Exchange::Answer(answer)
}

/// What a client library's view of an answer is in the model's terms.
pub(super) fn exchange_of(answer: Result<Message, NoMessage>) -> Result<Exchange, TargetError> {
    let message = match answer {
        Ok(message) => message,
        Err(NoMessage::ClosedBeforeAnyByte) => return Ok(Exchange::Nothing(Nothing::Closed)),
        Err(NoMessage::Reset | NoMessage::H2Code(_)) => return Ok(Exchange::Nothing(Nothing::Reset)),
        Err(NoMessage::TimedOut) => return Ok(Exchange::Nothing(Nothing::TimedOut)),
        Err(NoMessage::Truncated) => return Ok(Exchange::Nothing(Nothing::Closed)),
        Err(NoMessage::Malformed(why)) => return Ok(Exchange::Nothing(Nothing::Malformed(why))),
        Err(NoMessage::Overflow) => {
            return Ok(Exchange::Nothing(Nothing::Malformed("the head is larger than any".to_owned())));
        }
        Err(NoMessage::NotSent(why)) => return Err(TargetError::Send(why)),
    };
    let end = match message.end {
        wire::End::Complete => End::Complete,
        wire::End::Closed => End::Closed,
        wire::End::Truncated | wire::End::H2Code(_) => End::Truncated,
        wire::End::TimedOut => End::TimedOut,
        wire::End::Malformed(why) => End::Malformed(why),
        wire::End::Overflow => End::Malformed("the answer is larger than any".to_owned()),
    };
    let interim = message.interim.into_iter().filter(|(status, _)| *status != 100);
    Ok(Exchange::Answer(Answer {
        status: message.status,
        headers: lower(message.headers),
        body: message.body,
        trailers: lower(message.trailers),
        interim: interim.map(|(status, fields)| (status, lower(fields))).collect(),
        upgraded: None,
        end,
        raw: message.raw,
    }))
}

/// Fields with names in lower case.
pub(super) fn lower(fields: Vec<(String, Vec<u8>)>) -> Fields {
    fields.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}
