//! The scanner: an index of all canaries, shared by everything that scans.

use std::fmt;
use std::sync::Arc;

use super::finding::Scan;
use super::index::Index;
use super::registry::CanaryId;
use super::stream::StreamScan;

/// Finds the canaries of one registry. Cloning shares the index.
#[derive(Clone)]
pub struct Scanner {
    index: Arc<Index>,
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner").field("canaries", &self.index.len()).finish_non_exhaustive()
    }
}

impl Scanner {
    pub(super) fn new(index: Index) -> Self {
        Self { index: Arc::new(index) }
    }

    /// Scans bytes that are complete.
    pub fn scan(&self, bytes: &[u8]) -> Scan {
        let mut stream = self.stream();
        stream.feed(bytes);
        stream.finish()
    }

    /// Scans a body as it was sent, and what it decodes to under its `Content-Encoding` (`gzip, br`: applied left to
    /// right, so undone from the right). A coding that is not known, or that the body does not have, is in
    /// [`Scan::incomplete`].
    pub fn scan_encoded(&self, bytes: &[u8], content_encoding: &str) -> Scan {
        let mut stream = self.stream_encoded(content_encoding);
        stream.feed(bytes);
        stream.finish()
    }

    /// Starts a scan of bytes that arrive in chunks.
    #[must_use]
    pub fn stream(&self) -> StreamScan<'_> {
        StreamScan::new(&self.index, "")
    }

    /// As [`Scanner::stream`], for a body with a `Content-Encoding`.
    #[must_use]
    pub fn stream_encoded(&self, content_encoding: &str) -> StreamScan<'_> {
        StreamScan::new(&self.index, content_encoding)
    }

    /// The canaries that can't be attributed, since every window of them also occurs under another label. Empty unless
    /// secrets were adopted twice.
    #[must_use]
    pub fn blind(&self) -> Vec<CanaryId> {
        self.index.blind()
    }

    pub(super) fn index(&self) -> &Index {
        &self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scanner_is_shared_between_threads() {
        fn shared<T: Send + Sync + Clone>() {}
        fn sent<T: Send>() {}
        shared::<Scanner>();
        sent::<StreamScan<'_>>();
    }
}
