//! The streams of an HTTP/2 connection, counted, so that one without any does not stay for ever.
//!
//! Neither hyper nor h2 ends a connection on which nothing is asked: not one whose client never says its preface, nor
//! one whose client answers pings and nothing else.

use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The streams of one connection. Clones count the same.
#[derive(Clone)]
pub(crate) struct Streams(Arc<Mutex<Count>>);

struct Count {
    open: usize,
    /// When the last one was opened or closed.
    changed: Instant,
}

impl Streams {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Count { open: 0, changed: Instant::now() })))
    }

    /// Counts one for as long as the result is held.
    pub(crate) fn open(&self) -> Open {
        self.change(|open| open.saturating_add(1));
        Open(self.clone())
    }

    fn change(&self, change: impl FnOnce(usize) -> usize) {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *count = Count { open: change(count.open), changed: Instant::now() };
    }

    /// Ends when none has been open for `limit`.
    pub(crate) async fn idle(&self, limit: Duration) {
        loop {
            let (open, changed) = {
                let count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                (count.open, count.changed)
            };
            let now = Instant::now();
            if open == 0 && changed + limit <= now {
                return;
            }
            sleep_until(if open == 0 { changed + limit } else { now + limit }).await;
        }
    }
}

/// An open stream.
pub(crate) struct Open(Streams);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.change(|open| open.saturating_sub(1));
    }
}

/// A body with which its stream ends.
pub(crate) struct Counted<B> {
    pub(crate) body: B,
    pub(crate) _open: Open,
}

impl<B: Body + Unpin> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
