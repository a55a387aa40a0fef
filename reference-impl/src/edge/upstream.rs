//! Connections to containers and upstreams, and the bodies that travel through them.
//!
//! An idle connection is kept under its target and serves that target alone. It goes back only when its last answer
//! was read to the end, and is used again only if the container has sent nothing more. A connection on
//! which nothing moves any more is ended, whoever it is that keeps still.

use crate::fault::{Fault, FaultSet};
use crate::network::{Endpoint, Network};
use crate::platform::Limits;
use crate::tasks::Tasks;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

/// How many new connections are made between two searches for dead ones.
const SWEEP_EVERY: u32 = 256;

/// A connection to a container.
struct Sender {
    send: SendRequest<RequestBody>,
    flow: Arc<Flow>,
}

/// Idle connections to containers.
pub(crate) struct Pool {
    network: Network,
    limits: Limits,
    faults: FaultSet,
    idle: Mutex<Idle>,
    drivers: Tasks,
}

#[derive(Default)]
struct Idle {
    by_target: HashMap<String, Vec<Sender>>,
    dialled: u32,
}

/// A connection that is in use.
pub(crate) struct Lease {
    pool: Arc<Pool>,
    target: String,
    sender: Sender,
}

impl Lease {
    /// Says that something of the answer has moved.
    pub(crate) fn touch(&self) {
        self.sender.flow.touch();
    }

    /// Keeps the connection for the next request, unless this one is still being sent.
    pub(crate) fn give_back(self) {
        if !self.sender.send.is_closed() && self.sender.flow.end() {
            let mut idle = self.pool.idle();
            let kept = idle.by_target.entry(self.target).or_default();
            if kept.len() < self.pool.limits.idle_upstreams {
                kept.push(self.sender);
            }
        }
    }
}

/// A connection on which a request may be sent now.
pub(crate) struct Open {
    target: String,
    sender: Sender,
    /// It was made for this request.
    is_new: bool,
}

/// What became of a request.
pub(crate) enum Sent {
    /// The head of the answer is here.
    Answered(Response<Incoming>, Lease),
    /// The connection was closed before any of it was written.
    Not(Request<RequestBody>),
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpstreamError {
    /// The target can't be reached, or what it says is not HTTP.
    Broken,
    /// The target said nothing in time.
    Timeout,
    /// The client's own body broke off.
    ClientBody,
}

impl Pool {
    pub(crate) fn new(network: Network, limits: Limits, faults: FaultSet) -> Arc<Self> {
        Arc::new(Self { network, limits, faults, idle: Mutex::default(), drivers: Tasks::default() })
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request to a target and waits for the head of its answer.
    pub(crate) async fn exchange(
        self: &Arc<Self>,
        target: &str,
        mut request: Request<RequestBody>,
    ) -> Result<(Response<Incoming>, Lease), UpstreamError> {
        loop {
            let open = self.open(target).await?;
            match self.exchange_on(open, request).await? {
                Sent::Answered(response, lease) => return Ok((response, lease)),
                Sent::Not(unsent) => request = unsent,
            }
        }
    }

    /// A connection to a target, on which nothing is sent yet: a new one may take its time.
    pub(crate) async fn open(self: &Arc<Self>, target: &str) -> Result<Open, UpstreamError> {
        let (sender, is_new) = match self.take(target) {
            Some(sender) => (sender, false),
            None => (self.dial(target).await?, true),
        };
        Ok(Open { target: target.to_owned(), sender, is_new })
    }

    /// Sends a request on a connection and waits for the head of its answer.
    pub(crate) async fn exchange_on(
        self: &Arc<Self>,
        open: Open,
        request: Request<RequestBody>,
    ) -> Result<Sent, UpstreamError> {
        let progress = request.body().progress();
        let limit = self.limits.response_head_timeout;
        if let Some(progress) = &progress {
            progress.awaited();
        }
        let outcome = tokio::select! {
            outcome = self.send(open, request) => outcome,
            () = stalled(progress.as_deref(), limit) => Err(UpstreamError::Timeout),
        };
        match outcome {
            Err(_) if progress.is_some_and(|progress| progress.broken.load(Ordering::Acquire)) => {
                Err(UpstreamError::ClientBody)
            }
            outcome => outcome,
        }
    }

    async fn send(self: &Arc<Self>, open: Open, request: Request<RequestBody>) -> Result<Sent, UpstreamError> {
        let upload = request.body().progress().as_ref().map(Arc::downgrade);
        let Open { target, mut sender, is_new } = open;
        sender.flow.set(Moved::Awaited);
        match sender.send.try_send_request(request).await {
            Ok(response) => Ok(Sent::Answered(response, self.lease(&target, sender, upload))),
            Err(_) if is_new => Err(UpstreamError::Broken),
            // It was closed before the request was written: nothing has reached the container.
            Err(mut unsent) => unsent.take_message().map(Sent::Not).ok_or(UpstreamError::Broken),
        }
    }

    fn lease(self: &Arc<Self>, target: &str, sender: Sender, upload: Option<Weak<Progress>>) -> Lease {
        sender.flow.set(Moved::Answer(Instant::now(), upload));
        Lease { pool: self.clone(), target: target.to_owned(), sender }
    }

    /// An idle connection to a target.
    fn take(&self, target: &str) -> Option<Sender> {
        let mut idle = self.idle();
        let kept = if self.faults.has(Fault::ApxUpstreamPoolShared) {
            idle.by_target.values_mut().find(|kept| !kept.is_empty())?
        } else {
            idle.by_target.get_mut(target)?
        };
        // One that isn't ready has a request still on its way, or bytes that nobody asked for.
        std::iter::from_fn(|| kept.pop()).find(|sender| sender.send.is_ready())
    }

    async fn dial(&self, target: &str) -> Result<Sender, UpstreamError> {
        let endpoint: Endpoint = target.parse().map_err(|_| UpstreamError::Broken)?;
        let dialled = timeout(self.limits.connect_timeout, self.network.dial(&endpoint)).await;
        let stream = dialled.map_err(|_| UpstreamError::Broken)?.map_err(|_| UpstreamError::Broken)?;
        let handshake = http1::Builder::new().handshake(TokioIo::new(stream)).await;
        let (send, connection) = handshake.map_err(|_| UpstreamError::Broken)?;
        let (flow, limit) = (Arc::new(Flow(Mutex::new(Moved::Awaited))), self.limits.stall_timeout);
        let watched = flow.clone();
        self.drivers.spawn(async move {
            // Whoever waits for an answer or a body on this connection is told by its own future.
            tokio::select! {
                ended = connection.with_upgrades() => match ended {
                    Ok(()) | Err(_) => {}
                },
                () = watched.stalled(limit) => {}
            }
        });
        let mut idle = self.idle();
        idle.dialled = idle.dialled.wrapping_add(1);
        if idle.dialled.is_multiple_of(SWEEP_EVERY) {
            idle.by_target.retain(|_, kept| {
                kept.retain(|sender| !sender.send.is_closed());
                !kept.is_empty()
            });
        }
        Ok(Sender { send, flow })
    }
}

/// Ends when nothing of the request has moved for `limit`.
async fn stalled(progress: Option<&Progress>, limit: Duration) {
    let Some(progress) = progress else {
        return sleep_until(Instant::now() + limit).await;
    };
    loop {
        let moved = progress.moved();
        sleep_until(moved + limit).await;
        if progress.moved() == moved {
            return;
        }
    }
}

/// When something last moved on a connection to a container.
struct Flow(Mutex<Moved>);

enum Moved {
    /// No exchange is under way, since then.
    Idle(Instant),
    /// An answer is awaited, which has a limit of its own.
    Awaited,
    /// The answer, then. The request's body counts too, for as long as it is there.
    Answer(Instant, Option<Weak<Progress>>),
}

impl Flow {
    fn moved(&self) -> MutexGuard<'_, Moved> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, moved: Moved) {
        *self.moved() = moved;
    }

    fn touch(&self) {
        if let Moved::Answer(at, _) = &mut *self.moved() {
            *at = Instant::now();
        }
    }

    /// The answer has ended. `false`: the request has not.
    fn end(&self) -> bool {
        let mut moved = self.moved();
        if let Moved::Answer(_, Some(upload)) = &*moved
            && upload.strong_count() > 0
        {
            return false;
        }
        *moved = Moved::Idle(Instant::now());
        true
    }

    /// Ends when nothing has moved for `limit`.
    async fn stalled(&self, limit: Duration) {
        loop {
            let now = Instant::now();
            let last = match &*self.moved() {
                Moved::Idle(at) => *at,
                Moved::Awaited => now,
                Moved::Answer(at, upload) => {
                    upload.as_ref().and_then(Weak::upgrade).map_or(*at, |upload| upload.moved().max(*at))
                }
            };
            if last + limit <= now {
                return;
            }
            sleep_until(last + limit).await;
        }
    }
}

/// How far a request's body has come.
pub(crate) struct Progress {
    moved: Mutex<Instant>,
    begun: AtomicBool,
    broken: AtomicBool,
}

impl Default for Progress {
    fn default() -> Self {
        Self { moved: Mutex::new(Instant::now()), begun: AtomicBool::new(false), broken: AtomicBool::new(false) }
    }
}

impl Progress {
    /// Whether any of it was sent: the request's head was, then.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    fn moved(&self) -> Instant {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that from now on it is to move.
    fn awaited(&self) {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn touch(&self) {
        self.begun.store(true, Ordering::Release);
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// A client's body on its way to a container, without trailers.
pub(crate) enum RequestBody {
    Empty,
    /// One that was read before; none when it has gone.
    Whole(Option<Bytes>, Arc<Progress>),
    Streaming(Incoming, Arc<Progress>),
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming) -> Self {
        if incoming.is_end_stream() {
            return Self::Empty;
        }
        Self::Streaming(incoming, Arc::default())
    }

    /// A body that was read before.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Whole(Some(bytes), Arc::default()) }
    }

    /// What was read before.
    #[cfg(feature = "faults")]
    pub(crate) fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Whole(bytes, _) => bytes.as_ref(),
            Self::Empty | Self::Streaming(..) => None,
        }
    }

    /// How far it has come; none where there is nothing to come.
    pub(crate) fn progress(&self) -> Option<Arc<Progress>> {
        match self {
            Self::Empty => None,
            Self::Whole(_, progress) | Self::Streaming(_, progress) => Some(progress.clone()),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let (incoming, progress) = match self.get_mut() {
            Self::Empty => return Poll::Ready(None),
            Self::Whole(bytes, progress) => {
                progress.touch();
                return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))));
            }
            Self::Streaming(incoming, progress) => (incoming, progress),
        };
        let frame = ready!(poll_data(incoming, cx));
        progress.touch();
        if matches!(frame, Some(Err(_))) {
            progress.broken.store(true, Ordering::Release);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes, _) => bytes.is_none(),
            Self::Streaming(incoming, _) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes, _) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Streaming(incoming, _) => incoming.size_hint(),
        }
    }
}

/// An answer's body on its way to a client, without trailers.
pub(crate) enum ResponseBody {
    Whole(Bytes),
    Streaming(Incoming, Option<Lease>),
    /// What a task gives, piece by piece.
    Piped(Piped),
}

/// The receiving end of a body that a task gives.
pub(crate) struct Piped {
    pieces: mpsc::Receiver<Piece>,
    hint: SizeHint,
    ended: bool,
}

/// A piece of a body.
pub(crate) enum Piece {
    Data(Bytes),
    /// The body is whole. Without it, it is not.
    End,
}

impl ResponseBody {
    /// A body that a task gives, and where the task gives it. Whoever gives it learns when nobody takes it any more.
    pub(crate) fn piped(hint: SizeHint) -> (mpsc::Sender<Piece>, Self) {
        let (sender, pieces) = mpsc::channel(1);
        (sender, Self::Piped(Piped { pieces, hint, ended: false }))
    }
}

impl ResponseBody {
    /// A container's body. The connection is free again when the body ends.
    pub(crate) fn streaming(incoming: Incoming, lease: Lease) -> Self {
        let mut body = Self::Streaming(incoming, Some(lease));
        body.free_at_end();
        body
    }

    fn free_at_end(&mut self) {
        if let Self::Streaming(incoming, lease) = self
            && incoming.is_end_stream()
            && let Some(lease) = lease.take()
        {
            lease.give_back();
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        let frame = match this {
            Self::Whole(bytes) if bytes.is_empty() => None,
            Self::Whole(bytes) => Some(Ok(Frame::data(std::mem::take(bytes)))),
            Self::Streaming(incoming, lease) => match ready!(poll_data(incoming, cx)) {
                Some(Ok(frame)) => {
                    if let Some(lease) = lease {
                        lease.touch();
                    }
                    Some(Ok(frame))
                }
                Some(Err(error)) => Some(Err(io::Error::other(error))),
                None => {
                    if let Some(lease) = lease.take() {
                        lease.give_back();
                    }
                    None
                }
            },
            Self::Piped(piped) if piped.ended => None,
            Self::Piped(piped) => {
                let piece = ready!(piped.pieces.poll_recv(cx));
                piped.ended = !matches!(piece, Some(Piece::Data(_)));
                match piece {
                    Some(Piece::Data(bytes)) => Some(Ok(Frame::data(bytes))),
                    Some(Piece::End) => None,
                    None => Some(Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the body broke off"))),
                }
            }
        };
        this.free_at_end();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Streaming(incoming, _) => incoming.is_end_stream(),
            Self::Piped(piped) => piped.ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Streaming(incoming, _) => incoming.size_hint(),
            Self::Piped(piped) => piped.hint,
        }
    }
}

/// The next piece of a body. Trailers are read, and dropped.
pub(crate) async fn next_data(incoming: &mut Incoming) -> Option<Result<Bytes, hyper::Error>> {
    let frame = std::future::poll_fn(|cx| poll_data(incoming, cx)).await?;
    // What is no data was dropped.
    Some(frame.map(|frame| frame.into_data().unwrap_or_default()))
}

/// The next piece of data. Trailers are read, and dropped.
fn poll_data(incoming: &mut Incoming, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
    loop {
        match ready!(Pin::new(&mut *incoming).poll_frame(cx)) {
            Some(Ok(frame)) if !frame.is_data() => {}
            frame => return Poll::Ready(frame),
        }
    }
}
