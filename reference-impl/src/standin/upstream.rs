//! A provider's stand-in: the server.

use super::answer::{Outcome, answer};
use super::ask::{Ask, Jobs};
use super::body::{PATIENCE, PieceBody, Waited, wait};
use super::log::{Arrived, Log};
use super::reply::{Piece, Reply};
use super::trailing::{Trailer, Trailing};
use crate::network::{Acceptor, Endpoint, Network};
use crate::provider::Adapter;
use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// The longest body that a stand-in reads, in bytes.
const BODY_MAX: usize = 32 * 1024 * 1024;

/// A running stand-in of a provider. It stops when it is dropped.
pub struct Upstream {
    endpoint: Endpoint,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    adapter: Adapter,
    log: Mutex<Log>,
    jobs: Jobs,
    gate: Arc<Semaphore>,
}

impl Upstream {
    /// Starts a stand-in of a provider. Needs a Tokio runtime.
    ///
    /// # Errors
    /// What the network says when it gives no listener.
    pub fn start(network: &Network, adapter: Adapter) -> io::Result<Self> {
        let (acceptor, endpoint) = network.bind()?;
        let shared = Arc::new(Shared {
            adapter,
            log: Mutex::default(),
            jobs: Jobs::default(),
            gate: Arc::new(Semaphore::new(0)),
        });
        let served = shared.clone();
        let task = tokio::spawn(serve(acceptor, move |request, trailer| exchange(served.clone(), request, trailer)));
        Ok(Self { endpoint, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// The provider that it stands in for.
    #[must_use]
    pub fn adapter(&self) -> Adapter {
        self.shared.adapter
    }

    /// The requests that are kept (the last 4096), in the order in which they were whole.
    #[must_use]
    pub fn requests(&self) -> Vec<Arrived> {
        self.shared.log().all()
    }

    /// Takes the requests that are kept.
    pub fn drain(&self) -> Vec<Arrived> {
        self.shared.log().take()
    }

    /// How many requests have come, kept or not.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.shared.log().count()
    }

    /// Lets one held answer go, or the next one that will be held.
    pub fn release(&self) {
        self.shared.gate.add_permits(1);
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Upstream({:?} at {})", self.shared.adapter, self.endpoint)
    }
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the stand-in hangs up")]
pub(super) struct HungUp;

/// Serves HTTP/1.1 for as long as the listener lives.
pub(super) async fn serve<F, A>(mut acceptor: Acceptor, exchange: F)
where
    F: Fn(Request<Incoming>, Trailer) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response<PieceBody>, HungUp>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(stream) = acceptor.accept().await else {
            // It is about one connection, or about load.
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        let (trailer, exchange) = (Trailer::default(), exchange.clone());
        let io = TokioIo::new(Trailing::new(stream, trailer.clone()));
        connections.spawn(async move {
            let service = service_fn(move |request| exchange(request, trailer.clone()));
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(io, service)
                .await;
            // A connection that breaks is its peer's affair, or was meant to.
            match served {
                Ok(()) | Err(_) => {}
            }
        });
    }
}

async fn exchange(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    trailer: Trailer,
) -> Result<Response<PieceBody>, HungUp> {
    let (request, arrived) = read(request).await;
    shared.log().add(arrived);
    let (parts, body) = request.into_parts();
    let Some(body) = body else { return Err(HungUp) };
    let outcome = answer(&Ask::read(shared.adapter, &parts.method, &parts.uri, &parts.headers, &body), &shared.jobs);
    match outcome {
        Outcome::HangUp => Err(HungUp),
        Outcome::Answer(reply) => respond(reply, &shared.gate, &trailer).await,
    }
}

/// Reads a whole request. One whose body breaks off has none.
pub(super) async fn read(request: Request<Incoming>) -> (Request<Option<Bytes>>, Arrived) {
    let (parts, body) = request.into_parts();
    let whole = match timeout(PATIENCE, Limited::new(body, BODY_MAX).collect()).await {
        Ok(Ok(body)) => Some(body.to_bytes()),
        Ok(Err(_)) | Err(_) => None,
    };
    let headers = parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    let arrived = Arrived {
        number: 0,
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        headers: headers.collect(),
        body: whole.as_deref().map(<[u8]>::to_vec).unwrap_or_default(),
        body_bytes: whole.as_ref().map(|body| body.len() as u64),
    };
    (Request::from_parts(parts, whole), arrived)
}

/// Sends a reply.
pub(super) async fn respond(
    reply: Reply,
    gate: &Arc<Semaphore>,
    trailer: &Trailer,
) -> Result<Response<PieceBody>, HungUp> {
    if let Some(before) = reply.before
        && wait(before, gate.clone()).await == Waited::GiveUp
    {
        return Err(HungUp);
    }
    let dies = reply.body.contains(&Piece::Death);
    let bytes = |piece: &Piece| match piece {
        Piece::Bytes(bytes) => bytes.len() as u64,
        Piece::Pause(_) | Piece::Gate | Piece::Silence | Piece::Death => 0,
    };
    let said: u64 = reply.body.iter().map(bytes).sum();
    // A body that dies has declared more than it sends.
    let length = reply.whole.then_some(if dies { said * 2 + 1 } else { said });
    let mut response = Response::new(PieceBody::new(reply.body, length, gate.clone()));
    *response.status_mut() = reply.status;
    for (name, value) in reply.headers {
        response.headers_mut().append(name, value);
    }
    if let Some((name, value)) = reply.trailer {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        trailer.arm(format!("{name}: {}", value.to_str().unwrap_or_default()));
    }
    Ok(response)
}
