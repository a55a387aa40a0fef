//! What a scan returns.

use serde::{Deserialize, Serialize};

use super::encoding::Encoding;
use super::registry::CanaryId;

/// A canary, or a fragment of one, that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// Which canary.
    pub canary: CanaryId,
    /// How it was written.
    pub encoding: Encoding,
    /// Where its encoded form starts in the scanned bytes; for a compressed stream, where that stream starts.
    pub offset: usize,
    /// How many bytes of the canary were recovered.
    pub matched_len: usize,
    /// Whether that is all of it.
    pub whole: bool,
}

/// Something the scan did not look at, so that "nothing was found" says nothing about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Incomplete {
    /// Decompressed output reached [`OUTPUT_LIMIT`](super::OUTPUT_LIMIT); the rest of the stream at `offset` was not
    /// read.
    OutputLimit {
        /// Where the compressed stream starts.
        offset: usize,
    },
    /// Too many compressed streams, or what looks like them; the one at `offset` was not opened.
    StreamLimit {
        /// Where the compressed stream starts.
        offset: usize,
    },
    /// Nested decoding produced too much text for the size of the input; the layers in the block at `offset` were not
    /// all decoded.
    WorkLimit {
        /// Where the undecoded part starts.
        offset: usize,
    },
    /// A compressed stream inside another text encoding ran over the end of a block.
    BlockEdge {
        /// Where the compressed stream starts.
        offset: usize,
    },
    /// The content coding is not one the scanner can decode.
    UnknownCoding {
        /// Its name as it was declared.
        coding: String,
    },
    /// The body is not what its content coding says.
    Undecodable {
        /// The declared coding.
        coding: String,
    },
}

/// The result of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct Scan {
    /// One finding per canary and encoding, with the longest match (the first of several), in ascending order.
    pub findings: Vec<Finding>,
    /// What was not looked at, in ascending order. Empty in the ordinary case.
    pub incomplete: Vec<Incomplete>,
}

impl Scan {
    /// Whether everything was looked at and nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.incomplete.is_empty()
    }
}
