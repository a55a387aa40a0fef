//! Progress on a terminal; nothing elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error, hidden when that is no terminal or when nothing shall be shown.
#[derive(Debug, Clone)]
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar for `len` pieces of work.
    #[must_use]
    pub fn new(what: &'static str, len: usize, quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(u64::try_from(len).unwrap_or(u64::MAX)).with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{msg:12} {bar:40} {pos}/{len} [{elapsed}]") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// One piece is done.
    pub fn done_one(&self) {
        self.0.inc(1);
    }

    /// All is done: the bar goes away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
