//! The chain of decoded texts from the one being scanned back to the bytes that were fed.

use std::ops::Range;

use super::encoding::{Layer, Layers};
use super::escape::{Kinds, Mark};
use super::radix::{Radix, Segment};

/// A text and how it was made from its parent.
#[derive(Clone, Copy)]
pub(super) struct Frame<'f> {
    pub(super) kind: FrameKind<'f>,
    /// Layers around this text, including those of the stream it is in.
    pub(super) depth: usize,
}

#[derive(Clone, Copy)]
pub(super) enum FrameKind<'f> {
    /// A block of a stream.
    Block { layers: Layers, place: Place, len: usize, last: bool },
    /// Escapes or decimal lists, decoded.
    Marks { parent: &'f Frame<'f>, marks: &'f [Mark] },
    /// Runs of base64, base32 or hex, decoded.
    Radix { parent: &'f Frame<'f>, source: &'f [u8], segments: &'f [Segment], radix: Radix },
}

/// Where a block's bytes are in the bytes that were fed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// The fed bytes themselves, from this offset on.
    From(usize),
    /// Decompressed from a stream that starts at this offset.
    Inside(usize),
}

/// A range of a text, traced back.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub(super) layers: Layers,
    /// Where it starts in the bytes that were fed.
    pub(super) offset: usize,
}

impl<'f> Frame<'f> {
    /// A block of `len` bytes; `last` if no other follows.
    pub(super) fn block(layers: Layers, place: Place, len: usize, last: bool) -> Self {
        Self { kind: FrameKind::Block { layers, place, len, last }, depth: layers.len() }
    }

    pub(super) fn marks(parent: &'f Frame<'f>, marks: &'f [Mark]) -> Self {
        Self { kind: FrameKind::Marks { parent, marks }, depth: parent.depth + 1 }
    }

    pub(super) fn radix(parent: &'f Frame<'f>, source: &'f [u8], segments: &'f [Segment], radix: Radix) -> Self {
        Self { kind: FrameKind::Radix { parent, source, segments, radix }, depth: parent.depth + 1 }
    }

    /// Traces a range back. None if some layer did not change anything in it: the same range was, or will be, found
    /// without that layer.
    pub(super) fn trace(&self, range: Range<usize>) -> Option<Origin> {
        match self.kind {
            FrameKind::Block { layers, place, .. } => {
                let offset = match place {
                    Place::From(base) => base + range.start,
                    Place::Inside(offset) => offset,
                };
                Some(Origin { layers, offset })
            }
            FrameKind::Marks { parent, marks } => {
                let layer = escape_layer(kinds_in(marks, &range))?;
                let mut origin =
                    parent.trace(source_of(marks, range.start, true)..source_of(marks, range.end, false))?;
                origin.layers.push(layer);
                Some(origin)
            }
            FrameKind::Radix { parent, source, segments, radix } => {
                let segment = segment_at(segments, range.start)?;
                let start = segment.source_of(range.start, radix, source);
                let end = segment.source_of(range.end, radix, source).max(start + 1);
                let mut origin = parent.trace(start..end)?;
                origin.layers.push(match radix {
                    Radix::Base64 => {
                        Layer::Base64 { alignment: u8::try_from((range.start - segment.decoded) % 3).unwrap_or(0) }
                    }
                    Radix::Base32 => Layer::Base32,
                    Radix::Hex => Layer::Hex,
                });
                Some(origin)
            }
        }
    }

    /// Where this text's block starts in the bytes that were fed.
    pub(super) fn block_offset(&self) -> usize {
        match self.kind {
            FrameKind::Block { place: Place::From(offset) | Place::Inside(offset), .. } => offset,
            FrameKind::Marks { parent, .. } | FrameKind::Radix { parent, .. } => parent.block_offset(),
        }
    }

    /// Where the stretch of contiguous text that holds `at` ends, for a text of `len` bytes; and whether it is cut off
    /// there by the end of the block.
    pub(super) fn stretch(&self, at: usize, len: usize) -> (usize, bool) {
        match self.kind {
            FrameKind::Block { .. } => (len, self.cut_near(len)),
            FrameKind::Marks { parent, marks } => {
                let after = marks.partition_point(|mark| mark.decoded <= at);
                let next = marks.iter().skip(after).find(|mark| mark.kinds == Kinds::NONE);
                let end = next.map_or(len, |mark| mark.decoded.saturating_sub(1)).max(at);
                (end, parent.cut_near(source_of(marks, end, false)))
            }
            FrameKind::Radix { parent, source, segments, radix } => {
                let after = segments.partition_point(|segment| segment.decoded <= at);
                let end = segments.get(after).map_or(len, |segment| segment.decoded).saturating_sub(1).max(at);
                let source_end = segment_at(segments, at).map_or(0, |s| s.source_of(end, radix, source));
                (end, parent.cut_near(source_end))
            }
        }
    }

    /// Whether a position is so near the end of its block that what it is part of may go on after it.
    fn cut_near(&self, at: usize) -> bool {
        // The longest unit of an encoding: a base32 group, or a long character reference.
        const UNIT: usize = 16;
        match self.kind {
            FrameKind::Block { len, last, .. } => !last && at + UNIT >= len,
            FrameKind::Marks { parent, marks } => parent.cut_near(source_of(marks, at, false)),
            FrameKind::Radix { parent, source, segments, radix } => {
                segment_at(segments, at).is_some_and(|s| parent.cut_near(s.source_of(at, radix, source)))
            }
        }
    }
}

fn segment_at(segments: &[Segment], at: usize) -> Option<&Segment> {
    let after = segments.partition_point(|segment| segment.decoded <= at);
    segments.get(after.checked_sub(1)?)
}

/// The kinds of escapes that contributed to a range.
fn kinds_in(marks: &[Mark], range: &Range<usize>) -> Kinds {
    let first = marks.partition_point(|mark| mark.decoded + mark.decoded_len <= range.start);
    let inside = marks.iter().skip(first).take_while(|mark| mark.decoded < range.end);
    inside.fold(Kinds::NONE, |kinds, mark| kinds.with(mark.kinds))
}

fn escape_layer(kinds: Kinds) -> Option<Layer> {
    match kinds {
        Kinds::NONE => None,
        Kinds::PERCENT => Some(Layer::Percent),
        Kinds::JSON => Some(Layer::JsonEscape),
        Kinds::HTML => Some(Layer::HtmlEntity),
        Kinds::QUOTED_PRINTABLE => Some(Layer::QuotedPrintable),
        Kinds::DECIMAL => Some(Layer::DecimalList),
        _ => Some(Layer::MixedEscapes),
    }
}

/// The source position of a decoded position. For the start of a range, escapes that decode to nothing come before it;
/// for the end they do as well, but an escape that starts at the end is not part of the range.
fn source_of(marks: &[Mark], at: usize, start: bool) -> usize {
    let before = |mark: &Mark| mark.decoded < at || (start && mark.decoded == at);
    let after = marks.partition_point(before);
    let Some(mark) = after.checked_sub(1).and_then(|last| marks.get(last)) else {
        return 0;
    };
    let past = at - mark.decoded;
    if past < mark.decoded_len { mark.source } else { mark.source + mark.source_len + past - mark.decoded_len }
}
