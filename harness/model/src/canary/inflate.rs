//! Decompression, piece by piece and bounded.

use std::io::{self, Write};

use brotli::DecompressorWriter;
use flate2::{Decompress, FlushDecompress, Status};

/// Bytes decompressed per step; what a step produces is scanned before the next.
const STEP: usize = 32 * 1024;

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Coding {
    Gzip,
    Zlib,
    Deflate,
    Brotli,
}

/// Finds the next start of a gzip or zlib stream in `source`, from `from` on.
pub(super) fn next_magic(source: &[u8], from: usize) -> Option<(usize, Coding)> {
    let mut at = from;
    loop {
        at = super::decode::position(source, at, |b| (b == 0x1F) | (b == 0x78))?;
        match source.get(at..)? {
            [0x1F, 0x8B, 8, ..] => return Some((at, Coding::Gzip)),
            [0x78, 0x01 | 0x5E | 0x9C | 0xDA, ..] => return Some((at, Coding::Zlib)),
            [_, ..] | [] => at += 1,
        }
    }
}

/// What became of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More input is needed.
    Open,
    /// The stream is complete.
    Ended,
    /// It is not, or no longer, what it claims to be. What it gave so far was handed out.
    Corrupt,
    /// The output limit was reached.
    OverLimit,
}

/// A decompressor in the middle of its stream.
pub(super) struct Inflater {
    state: State,
}

enum State {
    /// A gzip header that is not complete yet.
    GzipHeader(Vec<u8>),
    /// The content coding `deflate` is zlib by its standard and raw deflate by custom: the first two bytes tell.
    DeflateHeader(Vec<u8>),
    Deflate(Box<Decompress>),
    Brotli(Box<DecompressorWriter<Capped>>),
}

impl Inflater {
    pub(super) fn new(coding: Coding) -> Self {
        let state = match coding {
            Coding::Gzip => State::GzipHeader(Vec::new()),
            Coding::Zlib => State::Deflate(Box::new(Decompress::new(true))),
            Coding::Deflate => State::DeflateHeader(Vec::new()),
            Coding::Brotli => State::Brotli(Box::new(DecompressorWriter::new(Capped::default(), STEP))),
        };
        Self { state }
    }

    /// Decompresses `input`, takes what comes out off `budget`, and hands it to `sink`, which may take more off it.
    pub(super) fn feed<B: Budget>(
        &mut self,
        input: &[u8],
        budget: &mut B,
        sink: &mut impl FnMut(&[u8], &mut B),
    ) -> Progress {
        match &mut self.state {
            State::GzipHeader(held) => {
                held.extend_from_slice(input);
                match gzip_header_len(held) {
                    Header::Complete(len) => {
                        let body = held.split_off(len);
                        self.state = State::Deflate(Box::new(Decompress::new(false)));
                        self.feed(&body, budget, sink)
                    }
                    Header::Short => Progress::Open,
                    Header::Invalid => Progress::Corrupt,
                }
            }
            State::DeflateHeader(held) => {
                held.extend_from_slice(input);
                let [first, second, ..] = held[..] else {
                    return Progress::Open;
                };
                let zlib = first & 0x0F == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31);
                let body = std::mem::take(held);
                self.state = State::Deflate(Box::new(Decompress::new(zlib)));
                self.feed(&body, budget, sink)
            }
            State::Deflate(decompress) => inflate(decompress, input, budget, sink),
            State::Brotli(writer) => unbrotli(writer, input, budget, sink),
        }
    }
}

/// The bound on decompressed bytes, shared by all streams of a scan.
pub(super) trait Budget {
    /// Bytes that may still be produced.
    fn left(&self) -> usize;
    /// Takes bytes off.
    fn spend(&mut self, bytes: usize);
}

fn inflate<B: Budget>(
    decompress: &mut Decompress,
    input: &[u8],
    budget: &mut B,
    sink: &mut impl FnMut(&[u8], &mut B),
) -> Progress {
    let mut rest = input;
    let mut out = vec![0; STEP.min(budget.left()).max(1)];
    loop {
        if budget.left() == 0 {
            return Progress::OverLimit;
        }
        let room = budget.left().min(out.len());
        let space = out.get_mut(..room).unwrap_or(&mut []);
        let (read, written) = (decompress.total_in(), decompress.total_out());
        let status = decompress.decompress(rest, space, FlushDecompress::None);
        let consumed = usize::try_from(decompress.total_in() - read).unwrap_or(usize::MAX);
        let produced = usize::try_from(decompress.total_out() - written).unwrap_or(usize::MAX);
        rest = rest.get(consumed..).unwrap_or(&[]);
        budget.spend(produced);
        if let Some(bytes) = out.get(..produced).filter(|bytes| !bytes.is_empty()) {
            sink(bytes, budget);
        }
        match status {
            Ok(Status::StreamEnd) => return Progress::Ended,
            // All of the input is used, and the output was not full: nothing is held back.
            Ok(Status::Ok | Status::BufError) if rest.is_empty() && produced < room => return Progress::Open,
            Ok(Status::Ok | Status::BufError) if consumed == 0 && produced == 0 => return Progress::Corrupt,
            Ok(Status::Ok | Status::BufError) => {}
            Err(_) => return Progress::Corrupt,
        }
    }
}

fn unbrotli<B: Budget>(
    writer: &mut DecompressorWriter<Capped>,
    input: &[u8],
    budget: &mut B,
    sink: &mut impl FnMut(&[u8], &mut B),
) -> Progress {
    // A few bytes of brotli may stand for megabytes; the writer's cap is the whole bound on them.
    for piece in input.chunks(1024) {
        *writer.get_mut() = Capped { out: Vec::new(), left: budget.left(), over: false };
        let mut rest = piece;
        let progress = loop {
            if rest.is_empty() {
                break Progress::Open;
            }
            match writer.write(rest) {
                Ok(0) => break Progress::Ended,
                Ok(taken) => rest = rest.get(taken..).unwrap_or(&[]),
                Err(_) => break Progress::Corrupt,
            }
        };
        let capped = std::mem::take(writer.get_mut());
        budget.spend(capped.out.len());
        for bytes in capped.out.chunks(STEP) {
            sink(bytes, budget);
        }
        if capped.over {
            return Progress::OverLimit;
        }
        if progress != Progress::Open {
            return progress;
        }
    }
    Progress::Open
}

/// Collects output up to a limit, and refuses more.
#[derive(Default)]
struct Capped {
    out: Vec<u8>,
    left: usize,
    over: bool,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.left - self.out.len();
        if bytes.len() > room {
            self.out.extend(bytes.iter().take(room));
            self.over = true;
            return Err(io::Error::other("the output limit is reached"));
        }
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Header {
    Complete(usize),
    Short,
    Invalid,
}

/// The length of a gzip header, RFC 1952.
fn gzip_header_len(bytes: &[u8]) -> Header {
    /// A longer header is no header: it would only hold back what has to be scanned.
    const LIMIT: usize = 128 * 1024;
    let short = if bytes.len() > LIMIT { Header::Invalid } else { Header::Short };
    if bytes.iter().zip(&[0x1F, 0x8B, 8]).any(|(byte, magic)| byte != magic) {
        return Header::Invalid;
    }
    let [_, _, _, flags, _, _, _, _, _, _, rest @ ..] = bytes else {
        return short;
    };
    let mut left = rest;
    if flags & 0xE0 != 0 {
        return Header::Invalid;
    }
    if flags & 4 != 0 {
        let [low, high, extra @ ..] = left else { return short };
        let Some(after) = extra.get(usize::from(u16::from_le_bytes([*low, *high]))..) else {
            return short;
        };
        left = after;
    }
    // A name, then a comment, each ending in a zero byte.
    for text in [8, 16] {
        if flags & text != 0 {
            let Some(end) = left.iter().position(|b| *b == 0) else {
                return short;
            };
            left = left.get(end + 1..).unwrap_or(&[]);
        }
    }
    if flags & 2 != 0 {
        let Some(after) = left.get(2..) else { return short };
        left = after;
    }
    Header::Complete(bytes.len() - left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Left(usize);

    impl Budget for Left {
        fn left(&self) -> usize {
            self.0
        }
        fn spend(&mut self, bytes: usize) {
            self.0 -= bytes;
        }
    }

    fn feed(coding: Coding, chunks: &[&[u8]], limit: usize) -> (Vec<u8>, Progress) {
        let mut inflater = Inflater::new(coding);
        let mut out = Vec::new();
        let mut budget = Left(limit);
        let mut progress = Progress::Open;
        for chunk in chunks {
            progress =
                inflater.feed(chunk, &mut budget, &mut |bytes: &[u8], _: &mut Left| out.extend_from_slice(bytes));
            if progress != Progress::Open {
                break;
            }
        }
        (out, progress)
    }

    fn gzip(text: &[u8], name: bool) -> Vec<u8> {
        let builder = flate2::GzBuilder::new();
        let builder = if name { builder.filename("name").comment("a comment").extra([1, 2, 3]) } else { builder };
        let mut writer = builder.write(Vec::new(), flate2::Compression::default());
        writer.write_all(text).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn decompresses_across_any_chunking_and_stops_at_the_end() {
        let text = b"the same text, the same text, the same text".repeat(50);
        for name in [false, true] {
            let bytes = [gzip(&text, name), b"trailing".to_vec()].concat();
            for size in [1, 3, 10_000] {
                let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
                assert_eq!(feed(Coding::Gzip, &chunks, 1 << 20), (text.clone(), Progress::Ended), "{name} {size}");
            }
        }
    }

    #[test]
    fn output_is_bounded_for_every_coding() {
        let text = vec![b'a'; 1 << 20];
        let mut brotli_bytes = Vec::new();
        brotli::BrotliCompress(&mut text.as_slice(), &mut brotli_bytes, &brotli::enc::BrotliEncoderParams::default())
            .unwrap();
        for (coding, bytes) in [(Coding::Gzip, gzip(&text, false)), (Coding::Brotli, brotli_bytes)] {
            let (out, progress) = feed(coding, &[&bytes], 100_000);
            assert_eq!((out.len(), progress), (100_000, Progress::OverLimit), "{coding:?}");
            let (out, progress) = feed(coding, &[&bytes], 2 << 20);
            assert_eq!(out.len(), 1 << 20, "{coding:?} {progress:?}");
        }
    }

    #[test]
    fn a_corrupt_stream_gives_what_it_held_before() {
        let text: Vec<u8> = (0..4_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let mut bytes = gzip(&text, false);
        let half = bytes.len() / 2;
        bytes.truncate(half);
        bytes.extend([0xFF; 64]);
        let (out, _) = feed(Coding::Gzip, &[&bytes], 1 << 20);
        assert_eq!(&out[..4_000], &text[..4_000]);
    }
}
