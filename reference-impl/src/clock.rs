//! The one source of time. Tests hold a clock that moves only when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Wall time, shared by every clone.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The operating system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `unix_millis` until [`Clock::advance`] moves it.
    #[must_use]
    pub fn manual(unix_millis: i64) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(unix_millis))))
    }

    /// Moves a manual clock forward, to the millisecond. The system's clock is not ours to move: it stays as it is.
    pub fn advance(&self, by: Duration) {
        match &self.0 {
            Source::Manual(now) => {
                now.fetch_add(millis(by), Ordering::SeqCst);
            }
            Source::System => {}
        }
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Source::Manual(now) => now.load(Ordering::SeqCst),
            Source::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis),
        }
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }
}

/// A duration in milliseconds, at most `i64::MAX`.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_for_every_clone() {
        let clock = Clock::manual(1_999);
        let other = clock.clone();
        assert_eq!((clock.now_ms(), clock.now_s()), (1_999, 1));
        other.advance(Duration::from_millis(1));
        assert_eq!((clock.now_ms(), clock.now_s()), (2_000, 2));
    }

    #[test]
    fn the_system_clock_is_not_moved() {
        let clock = Clock::system();
        clock.advance(Duration::from_secs(1_000_000));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        assert!(now.abs_diff(u128::try_from(clock.now_ms()).unwrap()) < 60_000);
    }
}
