//! Canaries: the second oracle.
//!
//! A canary marks one confidential datum. It names run, owner, field and epoch, and nobody can guess it: it is the
//! output of a pseudo-random function under the run's secret. Every byte that reaches anyone is scanned for all
//! canaries, raw and re-encoded, so a leak says whose field, of which epoch, came out, whatever the channel did to it
//! on the way.
//!
//! Start reading at [`CanaryRegistry`] (makes canaries), then [`Scanner`] and [`StreamScan`] (find them), then
//! [`self_test`] (shows that the scanner can find them). This module knows nothing of principals or channels: who may
//! see which canary is for the oracle that reads the findings.
//!
//! # What is found
//!
//! A whole canary, and any fragment of at least [`WINDOW`] consecutive bytes of it, in
//!
//! - raw bytes, and text folded to ASCII lower or upper case;
//! - percent encoding, JSON and JavaScript escapes, HTML character references: any subset of the bytes, and several
//!   kinds mixed in one text; quoted-printable with its soft line breaks;
//! - base64 (standard and URL alphabets, every alignment, starting anywhere in a longer run, wrapped lines), base32,
//!   hex in either case, and lists of decimal byte values (`[72,101,…]`);
//! - gzip and zlib streams, recognised by their magic anywhere; raw deflate and brotli when the content coding is named
//!   ([`Scanner::scan_encoded`]), since neither has a magic;
//! - those inside one another, up to [`MAX_LAYERS`] layers.
//!
//! Chunk boundaries don't matter: [`Scanner::scan`] is one [`StreamScan`] fed once, and a stream is cut into blocks
//! by its own byte count, never by the caller's chunks.
//!
//! # Limits
//!
//! A stream holds at most [`BLOCK`] bytes per open stream, with an overlap that holds the longest canary at 48 times
//! its size (up to 1 365 bytes of canary). Decompressed output is at most [`OUTPUT_LIMIT`] bytes per scan. Whatever a
//! limit kept from being looked at is an [`Incomplete`] in the result: a caller that sees one can't say "nothing
//! leaked".
//!
//! Escapes of code points above ASCII are read as UTF-8, so a compressed stream written in `\u00XX` is not
//! recognised. A run of 32 and more hex digits in one case is read as hex, not as base64.
//!
//! Not looked for: reversed text, UTF-16, encryption, encodings deeper than [`MAX_LAYERS`], fragments shorter than
//! [`WINDOW`], zstd (a declared `zstd` coding is an [`Incomplete`]).
//!
//! # Ambiguous windows
//!
//! Adopted secrets may share parts: all tokens of one issuer start with the same header. A window of [`WINDOW`] bytes
//! that occurs under two different labels is evidence against neither, so it is left out of the index, and a match
//! must hold at least one window that belongs to one label alone. A canary without any such window can't be
//! attributed; [`Scanner::blind`] lists these, and the self-test fails on them.
//!
//! # False positives
//!
//! With `n` canaries of 32 characters there are `25 n` windows. A uniformly random byte starts a raw match with
//! probability `25 n / 2^64`: for 1 000 canaries about 10^-15 per byte. In uniformly random base62 text it is `25 n /
//! 62^8`: about 10^-10 per byte for 1 000 canaries. A case-folded match must be in one case throughout; in random
//! base36 text (lower case and digits) it has probability `25 n / 36^8`, about 10^-8 per byte for 1 000 canaries.
//! Decoders add at most nine decoded bytes per byte, which are far from any alphabet. A finding that is
//! [`whole`](Finding::whole), or of 12 bytes and more, is beyond chance everywhere (10^-14 per byte in the worst of
//! these). Adopted secrets must be random themselves for any of this to hold.

mod decode;
mod encoding;
mod escape;
mod finding;
mod frame;
mod index;
mod inflate;
mod radix;
mod registry;
mod scanner;
mod self_test;
mod stream;
mod technique;

pub use encoding::Encoding;
pub use finding::{Finding, Incomplete, Scan};
pub use index::WINDOW;
pub use registry::{AdoptError, Canary, CanaryId, CanaryLabel, CanaryRegistry};
pub use scanner::Scanner;
pub use self_test::{Missed, SelfTest, self_test};
pub use stream::{BLOCK, MAX_LAYERS, OUTPUT_LIMIT, StreamScan};
