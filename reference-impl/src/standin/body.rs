//! A reply's body on its way out.

use super::reply::Piece;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// How long a stand-in waits for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// What a wait came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    GoOn,
    GiveUp,
}

/// Waits as a piece says. Bytes wait for nothing.
pub(super) async fn wait(piece: Piece, gate: Arc<Semaphore>) -> Waited {
    match piece {
        Piece::Bytes(_) => Waited::GoOn,
        Piece::Pause(pause) => {
            sleep(pause).await;
            Waited::GoOn
        }
        Piece::Gate => match timeout(PATIENCE, gate.acquire()).await {
            Ok(Ok(permit)) => {
                permit.forget();
                Waited::GoOn
            }
            Ok(Err(_)) | Err(_) => Waited::GiveUp,
        },
        Piece::Silence => {
            sleep(PATIENCE).await;
            Waited::GiveUp
        }
        Piece::Death => {
            // What was written before has to leave first.
            sleep(Duration::from_millis(20)).await;
            Waited::GiveUp
        }
    }
}

type Wait = Pin<Box<dyn Future<Output = Waited> + Send>>;

/// The pieces that are left.
pub(super) struct PieceBody {
    pieces: VecDeque<Piece>,
    length: Option<u64>,
    gate: Arc<Semaphore>,
    waiting: Option<Wait>,
}

impl PieceBody {
    /// `length` is declared where it is given.
    pub(super) fn new(pieces: Vec<Piece>, length: Option<u64>, gate: Arc<Semaphore>) -> Self {
        Self { pieces: pieces.into(), length, gate, waiting: None }
    }
}

impl Body for PieceBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        loop {
            if let Some(waiting) = &mut this.waiting {
                let waited = ready!(waiting.as_mut().poll(cx));
                this.waiting = None;
                if waited == Waited::GiveUp {
                    return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
                }
            }
            match this.pieces.pop_front() {
                None => return Poll::Ready(None),
                Some(Piece::Bytes(bytes)) if bytes.is_empty() => {}
                Some(Piece::Bytes(bytes)) => {
                    this.length = this.length.map(|length| length.saturating_sub(bytes.len() as u64));
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(piece) => this.waiting = Some(Box::pin(wait(piece, this.gate.clone()))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.waiting.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map(SizeHint::with_exact).unwrap_or_default()
    }
}
