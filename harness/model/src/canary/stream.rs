//! The scan of a stream: blocks of it, the texts these decode to, and the compressed streams in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::encoding::{Encoding, Layer, Layers};
use super::escape::{Dialect, Mark, decimal_lists, unescape};
use super::finding::{Finding, Incomplete, Scan};
use super::frame::{Frame, Place};
use super::index::{Index, Match, WINDOW};
use super::inflate::{Budget, Coding, Inflater, Progress, next_magic};
use super::radix::{Decoded, Radix, radix_runs};
use super::registry::CanaryId;

/// Encodings around a canary that are undone, at most.
pub const MAX_LAYERS: usize = 4;
/// Bytes that are held back to be scanned together, per open stream.
pub const BLOCK: usize = 256 * 1024;
/// Decompressed bytes per scan, over all streams in it.
pub const OUTPUT_LIMIT: usize = 8 * 1024 * 1024;

/// Bytes that an encoding may take per byte of a canary and still be seen whole in one block: two layers of `\u00XX`
/// are 36.
const EXPANSION: usize = 48;
/// Compressed streams that may be open at once in one stream.
const OPEN_LIMIT: usize = 8;
/// Compressed streams that may be started in a scan, apart from one per `BYTES_PER_START` bytes.
const START_LIMIT: usize = 32;
/// Random bytes look like the start of a zlib stream once in 16 384; this leaves room for eight times as many.
const BYTES_PER_START: usize = 2048;
/// Decoded bytes that may be scanned, apart from `WORK_PER_BYTE` for each byte fed or decompressed.
const WORK_LIMIT: usize = 8 * 1024 * 1024;
/// Base64 in all alignments triples a text; twice that in two layers is far above what honest text needs.
const WORK_PER_BYTE: usize = 32;

/// A scan of bytes that arrive in chunks. How they are cut into chunks does not change the result.
pub struct StreamScan<'s> {
    context: Context<'s>,
    root: Stream,
    fed: bool,
}

impl fmt::Debug for StreamScan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamScan").field("findings", &self.context.best.len()).finish_non_exhaustive()
    }
}

impl<'s> StreamScan<'s> {
    pub(super) fn new(index: &'s Index, content_encoding: &str) -> Self {
        let mut context = Context::new(index);
        let mut root = Stream::new(Layers::default(), Place::From(0));
        let codings = parse_codings(content_encoding, &mut context.incomplete);
        if let Some(declared) = Declared::new(codings, Layers::default()) {
            root.declared = Some(Box::new(declared));
        }
        Self { context, root, fed: false }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.fed |= !bytes.is_empty();
        self.context.allow(bytes.len());
        self.context.starts += bytes.len();
        self.root.feed(bytes, &mut self.context);
    }

    /// Ends the scan.
    pub fn finish(mut self) -> Scan {
        if self.fed {
            self.root.finish(&mut self.context);
        }
        self.context.into_scan()
    }
}

/// What all streams of one scan share: findings and bounds.
struct Context<'s> {
    index: &'s Index,
    best: BTreeMap<(CanaryId, bool, Layers), Best>,
    incomplete: BTreeSet<Incomplete>,
    output_left: usize,
    work_left: usize,
    /// Streams that may be started, in units of a byte: each costs `BYTES_PER_START`.
    starts: usize,
    buffers: Vec<Buffers>,
    margin: usize,
    overlap: usize,
}

#[derive(Clone, Copy)]
struct Best {
    offset: usize,
    len: usize,
    whole: bool,
}

/// The buffers of one text's decoders, kept for reuse.
#[derive(Default)]
struct Buffers {
    text: Vec<u8>,
    marks: Vec<Mark>,
    base64: Decoded,
    base32: Decoded,
    hex: Decoded,
}

impl Budget for Context<'_> {
    fn left(&self) -> usize {
        self.output_left
    }

    fn spend(&mut self, bytes: usize) {
        self.output_left = self.output_left.saturating_sub(bytes);
        self.allow(bytes);
    }
}

impl<'s> Context<'s> {
    fn new(index: &'s Index) -> Self {
        let longest = index.longest();
        Self {
            index,
            best: BTreeMap::new(),
            incomplete: BTreeSet::new(),
            output_left: OUTPUT_LIMIT,
            work_left: WORK_LIMIT,
            starts: START_LIMIT * BYTES_PER_START,
            buffers: Vec::new(),
            // Plain text next to an escape that is scanned again with it: enough for the canary in another encoding.
            margin: (longest * 4).clamp(256, 4096),
            overlap: (longest * EXPANSION).clamp(4096, BLOCK / 4),
        }
    }

    /// Allows the work for bytes that came in.
    fn allow(&mut self, bytes: usize) {
        self.work_left = self.work_left.saturating_add(bytes.saturating_mul(WORK_PER_BYTE));
    }

    fn record(&mut self, frame: &Frame<'_>, found: Match) {
        let Some(origin) = frame.trace(found.start..found.start + found.len) else {
            return;
        };
        let new = Best { offset: origin.offset, len: found.len, whole: found.whole };
        let best = self.best.entry((found.canary, found.folded, origin.layers)).or_insert(new);
        if new.len > best.len || (new.len == best.len && new.offset < best.offset) {
            *best = new;
        }
    }

    fn into_scan(self) -> Scan {
        let found = self.best.into_iter().map(|((canary, folded, layers), best)| Finding {
            canary,
            encoding: layers.around(if folded { Encoding::CaseFolded } else { Encoding::Raw }),
            offset: best.offset,
            matched_len: best.len,
            whole: best.whole,
        });
        let mut findings: Vec<Finding> = found.collect();
        findings.sort_unstable();
        Scan { findings, incomplete: self.incomplete.into_iter().collect() }
    }

    fn take_start(&mut self) -> bool {
        let left = self.starts.checked_sub(BYTES_PER_START);
        self.starts = left.unwrap_or(self.starts);
        left.is_some()
    }
}

/// Bytes in order: what was fed, or what a compressed stream holds.
struct Stream {
    layers: Layers,
    place: Place,
    /// The block being collected. Its first `seen` bytes are the overlap with the one before.
    block: Vec<u8>,
    seen: usize,
    compressed: Vec<Compressed>,
    declared: Option<Box<Declared>>,
}

impl Stream {
    fn new(layers: Layers, place: Place) -> Self {
        Self { layers, place, block: Vec::new(), seen: 0, compressed: Vec::new(), declared: None }
    }

    fn feed(&mut self, bytes: &[u8], context: &mut Context<'_>) {
        if let Some(declared) = &mut self.declared {
            declared.feed(bytes, context);
        }
        let mut rest = bytes;
        loop {
            let room = BLOCK - self.block.len();
            let Some((now, later)) = rest.split_at_checked(room) else {
                self.block.extend_from_slice(rest);
                return;
            };
            self.block.extend_from_slice(now);
            self.scan_block(false, context);
            let keep = context.overlap;
            let drop = self.block.len() - keep;
            self.block.drain(..drop);
            self.seen = keep;
            if let Place::From(base) = &mut self.place {
                *base += drop;
            }
            rest = later;
        }
    }

    fn finish(&mut self, context: &mut Context<'_>) {
        if let Some(declared) = &mut self.declared {
            declared.stream.finish(context);
        }
        self.scan_block(true, context);
        for stream in &mut self.compressed {
            stream.stream.finish(context);
        }
    }

    fn scan_block(&mut self, last: bool, context: &mut Context<'_>) {
        let block = std::mem::take(&mut self.block);
        let frame = Frame::block(self.layers, self.place, block.len(), last);
        scan_text(&block, &frame, context);
        let new = block.get(self.seen..).unwrap_or(&[]);
        self.compressed.retain_mut(|stream| stream.feed(new, context) == Progress::Open);
        if frame.depth < MAX_LAYERS {
            // A magic that was not whole in the block before starts in its last bytes.
            self.open_compressed(&block, self.seen.saturating_sub(2), &frame, context);
        }
        self.block = block;
    }

    fn open_compressed(&mut self, block: &[u8], from: usize, frame: &Frame<'_>, context: &mut Context<'_>) {
        let mut at = from;
        while let Some((start, coding)) = next_magic(block, at) {
            at = start + 1;
            // Magics of the overlap were seen with the block before, and a declared stream is undone already.
            let declared = start == 0 && self.declared.as_ref().is_some_and(|declared| declared.covers(coding));
            if start + magic_len(coding) <= self.seen || (self.seen == 0 && declared) {
                continue;
            }
            let Some(mut stream) = Compressed::open(start, coding, frame, context) else {
                continue;
            };
            if self.compressed.len() >= OPEN_LIMIT {
                context.incomplete.insert(Incomplete::StreamLimit { offset: stream.offset });
                continue;
            }
            if stream.feed(block.get(start..).unwrap_or(&[]), context) == Progress::Open {
                self.compressed.push(stream);
            }
        }
    }
}

fn magic_len(coding: Coding) -> usize {
    if coding == Coding::Gzip { 3 } else { 2 }
}

fn layer_of(coding: Coding) -> Layer {
    match coding {
        Coding::Gzip => Layer::Gzip,
        Coding::Zlib => Layer::Zlib,
        Coding::Deflate => Layer::Deflate,
        Coding::Brotli => Layer::Brotli,
    }
}

/// A compressed stream and the stream it holds.
struct Compressed {
    inflater: Inflater,
    stream: Box<Stream>,
    offset: usize,
}

impl Compressed {
    /// Starts on the magic at `start` of a text; none if it was there before this text was decoded, or must not be.
    fn open(start: usize, coding: Coding, frame: &Frame<'_>, context: &mut Context<'_>) -> Option<Self> {
        let mut origin = frame.trace(start..start + magic_len(coding))?;
        if !context.take_start() {
            context.incomplete.insert(Incomplete::StreamLimit { offset: origin.offset });
            return None;
        }
        origin.layers.push(layer_of(coding));
        Some(Self {
            inflater: Inflater::new(coding),
            stream: Box::new(Stream::new(origin.layers, Place::Inside(origin.offset))),
            offset: origin.offset,
        })
    }

    /// Takes more input. What the stream held is scanned to its end unless it stays open.
    fn feed(&mut self, bytes: &[u8], context: &mut Context<'_>) -> Progress {
        let stream = &mut self.stream;
        let progress = self.inflater.feed(bytes, context, &mut |out: &[u8], context: &mut Context<'_>| {
            stream.feed(out, context);
        });
        match progress {
            Progress::Open => {}
            Progress::Ended | Progress::Corrupt => stream.finish(context),
            Progress::OverLimit => {
                context.incomplete.insert(Incomplete::OutputLimit { offset: self.offset });
                stream.finish(context);
            }
        }
        progress
    }
}

/// The body under its declared content coding.
struct Declared {
    inflater: Inflater,
    stream: Stream,
    coding: Coding,
    progress: Progress,
}

impl Declared {
    /// Undoes `codings`, the outermost first.
    fn new(codings: Vec<Coding>, around: Layers) -> Option<Self> {
        let mut codings = codings.into_iter();
        let coding = codings.next()?;
        let mut layers = around;
        layers.push(layer_of(coding));
        let mut stream = Stream::new(layers, Place::Inside(0));
        stream.declared = Self::new(codings.collect(), layers).map(Box::new);
        Some(Self { inflater: Inflater::new(coding), stream, coding, progress: Progress::Open })
    }

    /// Whether a stream that starts with this magic is the declared one.
    fn covers(&self, magic: Coding) -> bool {
        let declared = if self.coding == Coding::Deflate { Coding::Zlib } else { self.coding };
        declared == magic && self.progress != Progress::Corrupt
    }

    fn feed(&mut self, bytes: &[u8], context: &mut Context<'_>) {
        if self.progress != Progress::Open {
            return;
        }
        let stream = &mut self.stream;
        self.progress = self.inflater.feed(bytes, context, &mut |out: &[u8], context: &mut Context<'_>| {
            stream.feed(out, context);
        });
        let coding = match self.coding {
            Coding::Gzip => "gzip",
            Coding::Zlib | Coding::Deflate => "deflate",
            Coding::Brotli => "br",
        };
        match self.progress {
            Progress::Open | Progress::Ended => {}
            Progress::Corrupt => {
                context.incomplete.insert(Incomplete::Undecodable { coding: coding.to_owned() });
            }
            Progress::OverLimit => {
                context.incomplete.insert(Incomplete::OutputLimit { offset: 0 });
            }
        }
    }
}

/// The codings of a `Content-Encoding`, outermost first. Stops at one that is not known, since those inside it can't be
/// reached.
fn parse_codings(declared: &str, incomplete: &mut BTreeSet<Incomplete>) -> Vec<Coding> {
    let mut codings = Vec::new();
    for name in declared.rsplit(',').map(|name| name.trim().to_ascii_lowercase()) {
        let coding = match name.as_str() {
            "" | "identity" => continue,
            "gzip" | "x-gzip" => Some(Coding::Gzip),
            "deflate" => Some(Coding::Deflate),
            "br" => Some(Coding::Brotli),
            _ => None,
        };
        // One layer is left for the text inside.
        match coding.filter(|_| codings.len() + 1 < MAX_LAYERS) {
            Some(coding) => codings.push(coding),
            None => {
                incomplete.insert(Incomplete::UnknownCoding { coding: name });
                break;
            }
        }
    }
    codings
}

/// Scans a text and everything it decodes to, but not the compressed streams of a block, which outlive it.
fn scan_text(text: &[u8], frame: &Frame<'_>, context: &mut Context<'_>) {
    let index = context.index;
    index.find(text, |found| context.record(frame, found));
    if frame.depth >= MAX_LAYERS {
        return;
    }
    let mut buffers = context.buffers.pop().unwrap_or_default();
    decode_text(text, frame, context, &mut buffers);
    context.buffers.push(buffers);
}

fn decode_text(text: &[u8], frame: &Frame<'_>, context: &mut Context<'_>, buffers: &mut Buffers) {
    let Buffers { text: decoded, marks, base64, base32, hex } = buffers;
    for pass in [MarkPass::Escapes, MarkPass::QuotedPrintable, MarkPass::DecimalLists] {
        decoded.clear();
        marks.clear();
        match pass {
            MarkPass::Escapes => unescape(text, Dialect::Escapes, context.margin, decoded, marks),
            MarkPass::QuotedPrintable => unescape(text, Dialect::QuotedPrintable, context.margin, decoded, marks),
            MarkPass::DecimalLists => decimal_lists(text, WINDOW, decoded, marks),
        }
        scan_decoded(decoded, &Frame::marks(frame, marks), context);
    }
    for decoded in [&mut *base64, &mut *base32, &mut *hex] {
        decoded.clear();
    }
    radix_runs(text, WINDOW, base64, base32, hex);
    for (decoded, radix) in [(base64, Radix::Base64), (base32, Radix::Base32), (hex, Radix::Hex)] {
        scan_decoded(&decoded.bytes, &Frame::radix(frame, text, &decoded.segments, radix), context);
    }
}

#[derive(Clone, Copy)]
enum MarkPass {
    Escapes,
    QuotedPrintable,
    DecimalLists,
}

/// Scans a decoded text, with the compressed streams in it.
fn scan_decoded(text: &[u8], frame: &Frame<'_>, context: &mut Context<'_>) {
    if text.len() < WINDOW {
        return;
    }
    let Some(left) = context.work_left.checked_sub(text.len()) else {
        let offset = frame.block_offset();
        context.incomplete.insert(Incomplete::WorkLimit { offset });
        return;
    };
    context.work_left = left;
    scan_text(text, frame, context);
    if frame.depth >= MAX_LAYERS {
        return;
    }
    let mut at = 0;
    while let Some((start, coding)) = next_magic(text, at) {
        at = start + 1;
        let Some(mut stream) = Compressed::open(start, coding, frame, context) else {
            continue;
        };
        let (end, cut) = frame.stretch(start, text.len());
        if stream.feed(text.get(start..end).unwrap_or(&[]), context) == Progress::Open {
            stream.stream.finish(context);
            if cut {
                context.incomplete.insert(Incomplete::BlockEdge { offset: stream.offset });
            }
        }
    }
}
