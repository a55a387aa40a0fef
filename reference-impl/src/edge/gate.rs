//! The gate before hyper's HTTP/1 server: it hands on the bytes of well-framed requests, and no others.
//!
//! hyper repairs a request that has both lengths, in either order, hides that it did, drops a fragment of the target,
//! accepts bare line feeds, and answers a parse error with a page of its own. So the head is examined here first, on
//! the bytes that hyper will read ([`framing`](super::framing)), and the body's end is followed. A refused request is
//! never seen by hyper: to hyper the client has stopped sending. When hyper has finished the answers before it, and
//! closes, the gate writes the refusal and closes for good.

use super::app_proxy::pages::{self, Refusal};
use super::framing::{BodyFraming, Chunks, Examined, HeadLimits, Refused, examine, head_end};
use crate::fault::FaultSet;
use crate::observe::{Event, Guard, GuardSet, Observer, OutcomeKind, RequestTrace};
use crate::platform::Limits;
use bytes::{Buf, BytesMut};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How much is read from the client at once, in bytes.
const READ_BYTES: usize = 16 * 1024;
/// How long and how much is read after the answer, so that a reset does not overtake it.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = 512 * 1024;

/// The gate's side of a connection.
pub(crate) struct Gate<S> {
    io: S,
    /// Bytes from the client; the first `vetted` may go on.
    buffer: BytesMut,
    vetted: usize,
    phase: Phase,
    scanned: usize,
    heads: u64,
    client_ended: bool,
    timer: Pin<Box<Sleep>>,
    timing: Timing,
    closing: Closing,
    shared: Arc<GateShared>,
    rules: Arc<GateRules>,
}

/// What all gates of a listener have in common.
pub(crate) struct GateRules {
    head: HeadLimits,
    head_read_timeout: Duration,
    idle_timeout: Duration,
    faults: FaultSet,
    observer: Option<Arc<dyn Observer>>,
}

impl GateRules {
    pub(crate) fn new(limits: &Limits, faults: FaultSet, observer: Option<Arc<dyn Observer>>) -> Self {
        Self {
            head: HeadLimits { bytes: limits.head_bytes, fields: limits.headers },
            head_read_timeout: limits.head_read_timeout,
            idle_timeout: limits.idle_timeout,
            faults,
            observer,
        }
    }
}

/// What the gate and the service behind hyper tell one another.
#[derive(Default)]
pub(crate) struct GateShared {
    switch: Mutex<Switch>,
    /// The service has answered that the connection ends: no refusal of a later request may follow.
    ended: AtomicBool,
}

#[derive(Default)]
struct Switch {
    /// The last request with an Upgrade field that was answered, counted from 1, and whether the answer was 101.
    settled: (u64, bool),
    waiting: Option<Waker>,
}

impl GateShared {
    /// Says what became of a request that names another protocol, by its number on the connection.
    pub(crate) fn settle(&self, request: u64, switched: bool) {
        let mut switch = self.switch.lock().unwrap_or_else(PoisonError::into_inner);
        switch.settled = (request, switched);
        if let Some(waker) = switch.waiting.take() {
            waker.wake();
        }
    }

    /// Says that the connection ends with the answer that is given now.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    fn poll_switch(&self, request: u64, cx: &Context<'_>) -> Poll<bool> {
        let mut switch = self.switch.lock().unwrap_or_else(PoisonError::into_inner);
        if switch.settled.0 == request {
            return Poll::Ready(switch.settled.1);
        }
        switch.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

enum Phase {
    Head,
    Body(u64, After),
    Chunks(Chunks, After),
    /// The answer decides whether the bytes that follow are HTTP.
    Switch,
    /// Another protocol: everything goes on.
    Raw,
    /// Nothing more goes on, and this is the answer.
    Refused(Refused),
    /// The body is malformed.
    Broken,
    /// Nothing more goes on.
    Ended,
}

#[derive(Clone, Copy)]
enum After {
    Head,
    Switch,
    End,
}

#[derive(PartialEq, Eq)]
enum Timing {
    /// Not running.
    Off,
    /// Until the first byte of a head.
    Idle,
    /// Until the end of a head.
    Head,
}

enum Closing {
    No,
    Answer(Vec<u8>, usize),
    Shutdown { linger: bool },
    Linger { left: usize },
    Done,
}

impl<S> Gate<S> {
    /// A gate; `buffer` holds what was already read from the client.
    pub(crate) fn new(io: S, buffer: BytesMut, shared: Arc<GateShared>, rules: Arc<GateRules>) -> Self {
        Self {
            io,
            buffer,
            vetted: 0,
            phase: Phase::Head,
            scanned: 0,
            heads: 0,
            client_ended: false,
            timer: Box::pin(tokio::time::sleep(rules.head_read_timeout)),
            timing: Timing::Head,
            closing: Closing::No,
            shared,
            rules,
        }
    }

    /// Looks for a whole head in the buffer. `false`: there is none yet.
    fn examine_head(&mut self) -> bool {
        if self.heads > 0 && self.scanned == 0 && self.buffer.starts_with(b"\r\n") {
            // Some clients end a body with an empty line that belongs to nothing.
            self.buffer.advance(2);
        }
        let examined = match head_end(&self.buffer, &mut self.scanned, self.rules.head) {
            Ok(None) => return false,
            Ok(Some(end)) => {
                let head = self.buffer.get(..end).unwrap_or_default();
                examine(head, self.rules.head, self.rules.faults).map(|examined| (end, examined))
            }
            Err(refused) => Err(refused),
        };
        self.scanned = 0;
        self.timing = Timing::Off;
        self.phase = match examined {
            Ok((end, examined)) => {
                self.heads += 1;
                self.vetted = if examined.hide_length { hide_length(&mut self.buffer, end) } else { end };
                phase_behind(&examined)
            }
            Err(refused) => Phase::Refused(refused),
        };
        true
    }

    fn report(&self, outcome: OutcomeKind) {
        if let Some(observer) = &self.rules.observer {
            let guards = GuardSet::from_iter([Guard::Framing]);
            observer.observe(&Event::Request(RequestTrace { guards, outcome, deployment: None }));
        }
    }
}

fn phase_behind(head: &Examined) -> Phase {
    let after = match (head.upgrade, head.last) {
        (true, _) => After::Switch,
        (false, true) => After::End,
        (false, false) => After::Head,
    };
    match head.body {
        BodyFraming::Length(0) => after.phase(),
        BodyFraming::Length(bytes) => Phase::Body(bytes, after),
        BodyFraming::Chunked => Phase::Chunks(Chunks::new(), after),
    }
}

impl After {
    fn phase(self) -> Phase {
        match self {
            Self::Head => Phase::Head,
            Self::Switch => Phase::Switch,
            Self::End => Phase::Ended,
        }
    }
}

/// Removes the Content-Length lines from the head that ends at `end`, and says where it ends then.
fn hide_length(buffer: &mut BytesMut, end: usize) -> usize {
    let rest = buffer.split_off(end);
    let lines = buffer.split_inclusive(|byte| *byte == b'\n');
    let name = b"content-length:";
    let kept: Vec<u8> = lines
        .filter(|line| !line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
        .flatten()
        .copied()
        .collect();
    let length = kept.len();
    *buffer = BytesMut::from(&kept[..]);
    buffer.unsplit(rest);
    length
}

impl<S: AsyncRead + Unpin> Gate<S> {
    /// Reads more from the client. `false` at the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.client_ended {
            return Poll::Ready(Ok(false));
        }
        self.buffer.reserve(READ_BYTES);
        let read = ready!(poll_read_buf(&mut self.io, cx, &mut self.buffer))?;
        self.client_ended = read == 0;
        Poll::Ready(Ok(read > 0))
    }

    /// Whether the client has been too slow with a head.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let wanted = if self.buffer.is_empty() && self.heads > 0 { Timing::Idle } else { Timing::Head };
        if self.timing != wanted {
            let length = match wanted {
                Timing::Idle => self.rules.idle_timeout,
                Timing::Head | Timing::Off => self.rules.head_read_timeout,
            };
            self.timer.as_mut().reset(Instant::now() + length);
            self.timing = wanted;
        }
        self.timer.as_mut().poll(cx)
    }

    /// Makes some bytes ready to go on. `false`: there will be none.
    fn poll_vet(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            if self.vetted > 0 {
                return Poll::Ready(Ok(true));
            }
            match &mut self.phase {
                Phase::Head => {
                    if !self.buffer.is_empty() && self.examine_head() {
                        continue;
                    }
                    if self.poll_timer(cx).is_ready() {
                        self.phase = Phase::Ended;
                        continue;
                    }
                    if !ready!(self.poll_fill(cx))? {
                        self.phase =
                            if self.buffer.is_empty() { Phase::Ended } else { Phase::Refused(Refused::BadRequest) };
                    }
                }
                Phase::Body(left, after) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(self.buffer.len());
                    if here == 0 {
                        if !ready!(self.poll_fill(cx))? {
                            return Poll::Ready(Ok(false));
                        }
                        continue;
                    }
                    self.vetted = here;
                    *left -= here as u64;
                    if *left == 0 {
                        self.phase = after.phase();
                    }
                }
                Phase::Chunks(chunks, after) => {
                    if self.buffer.is_empty() {
                        if !ready!(self.poll_fill(cx))? {
                            return Poll::Ready(Ok(false));
                        }
                        continue;
                    }
                    match chunks.follow(&self.buffer) {
                        Ok(here) => {
                            self.vetted = here;
                            if chunks.is_done() {
                                self.phase = after.phase();
                            }
                        }
                        Err(_) => self.phase = Phase::Broken,
                    }
                }
                Phase::Switch => {
                    let switched = ready!(self.shared.poll_switch(self.heads, cx));
                    self.phase = if switched { Phase::Raw } else { Phase::Head };
                }
                Phase::Raw => {
                    if self.buffer.is_empty() && !ready!(self.poll_fill(cx))? {
                        return Poll::Ready(Ok(false));
                    }
                    self.vetted = self.buffer.len();
                }
                Phase::Broken => {
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the body's framing is broken",
                    )));
                }
                Phase::Refused(_) | Phase::Ended => return Poll::Ready(Ok(false)),
            }
        }
    }
}

/// Reads once into the spare room of a buffer.
fn poll_read_buf<S: AsyncRead + Unpin>(
    io: &mut S,
    cx: &mut Context<'_>,
    buffer: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    // The future holds nothing but its two borrows: it can be made anew for every poll.
    std::pin::pin!(io.read_buf(buffer)).poll(cx)
}

impl<S: AsyncRead + Unpin> AsyncRead for Gate<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if ready!(this.poll_vet(cx))? {
            let here = this.vetted.min(out.remaining());
            out.put_slice(this.buffer.get(..here).unwrap_or_default());
            this.buffer.advance(here);
            this.vetted -= here;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Writes the refusal, if there is one, closes, and reads on for a moment: a reset, which is what a socket that is
    /// closed with unread bytes sends, could reach the client before the answer.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match &mut this.closing {
                Closing::No => {
                    let answered = this.shared.ended.load(Ordering::Acquire);
                    let refusal = match &this.phase {
                        Phase::Refused(refused) if !answered => Some(*refused),
                        Phase::Refused(_)
                        | Phase::Head
                        | Phase::Body(..)
                        | Phase::Chunks(..)
                        | Phase::Switch
                        | Phase::Raw
                        | Phase::Broken
                        | Phase::Ended => None,
                    };
                    this.closing = match refusal {
                        Some(refused) => {
                            let refusal = match refused {
                                Refused::BadRequest => Refusal::BadRequest,
                                Refused::TooLarge => Refusal::HeadTooLarge,
                                Refused::Method => Refusal::MethodNotAllowed,
                            };
                            this.report(refusal.outcome());
                            Closing::Answer(pages::last_words(refusal), 0)
                        }
                        // Another protocol may end one way and go on in the other: what came in is still to be read.
                        None if matches!(this.phase, Phase::Raw) => Closing::Shutdown { linger: false },
                        None => {
                            let unread = !this.buffer.is_empty() || !matches!(this.phase, Phase::Head);
                            Closing::Shutdown { linger: unread }
                        }
                    };
                }
                Closing::Answer(bytes, written) => match bytes.get(*written..) {
                    Some(rest) if !rest.is_empty() => {
                        *written += ready!(Pin::new(&mut this.io).poll_write(cx, rest))?;
                    }
                    Some(_) | None => {
                        ready!(Pin::new(&mut this.io).poll_flush(cx))?;
                        this.closing = Closing::Shutdown { linger: true };
                    }
                },
                Closing::Shutdown { linger } => {
                    let linger = *linger && !this.client_ended;
                    ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
                    this.timer.as_mut().reset(Instant::now() + LINGER);
                    this.closing = if linger { Closing::Linger { left: LINGER_BYTES } } else { Closing::Done };
                }
                Closing::Linger { left } => {
                    this.buffer.clear();
                    this.vetted = 0;
                    let left = *left;
                    if left == 0 || this.timer.as_mut().poll(cx).is_ready() {
                        this.closing = Closing::Done;
                        continue;
                    }
                    match ready!(this.poll_fill(cx)) {
                        Ok(true) => this.closing = Closing::Linger { left: left.saturating_sub(this.buffer.len()) },
                        // The peer is gone, in one way or the other; the answer is out.
                        Ok(false) | Err(_) => this.closing = Closing::Done,
                    }
                }
                Closing::Done => return Poll::Ready(Ok(())),
            }
        }
    }
}
