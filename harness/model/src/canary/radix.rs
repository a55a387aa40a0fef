//! Base64, base32 and hex: encodings of a fixed number of bits per character, which can start anywhere in a longer run.

use std::ops::Range;

use super::decode::{SEPARATOR, for_runs};

/// An encoding that writes a fixed number of bits per character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Radix {
    Base64,
    Base32,
    Hex,
}

impl Radix {
    fn bits(self) -> usize {
        match self {
            Self::Base64 => 6,
            Self::Base32 => 5,
            Self::Hex => 4,
        }
    }

    /// Characters after which groups repeat: as many starting positions are tried.
    fn phases(self) -> usize {
        match self {
            Self::Base64 => 4,
            Self::Base32 => 8,
            Self::Hex => 2,
        }
    }

    /// The shortest run of characters that can hold `bytes` bytes.
    fn min_run(self, bytes: usize) -> usize {
        (bytes * 8).div_ceil(self.bits())
    }
}

/// One run of characters, decoded from one starting position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    /// Where its bytes start in the decoded buffer.
    pub(super) decoded: usize,
    source: usize,
    /// Characters that are missing in front of the run, for it to start on a group.
    phase: usize,
    /// It has line breaks.
    wrapped: bool,
}

impl Segment {
    /// The source position of the character that a decoded byte starts in.
    pub(super) fn source_of(&self, at: usize, radix: Radix, source: &[u8]) -> usize {
        let char_at = ((at - self.decoded) * 8 / radix.bits()).saturating_sub(self.phase);
        if !self.wrapped {
            return self.source + char_at;
        }
        let chars = source.iter().enumerate().skip(self.source).filter(|(_, b)| !matches!(b, b'\r' | b'\n'));
        chars.map(|(position, _)| position).nth(char_at).unwrap_or(source.len())
    }
}

/// The decoded runs of one text.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    pub(super) segments: Vec<Segment>,
}

impl Decoded {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.segments.clear();
    }

    fn add(&mut self, source: &[u8], start: usize, end: usize, radix: Radix, wrapped: bool) {
        let run = source.get(start..end).unwrap_or(&[]);
        let from = self.bytes.len();
        let chars = match radix {
            Radix::Base64 => base64(run, wrapped, &mut self.bytes),
            Radix::Base32 => bit_by_bit(run, radix, base32_value, &mut self.bytes),
            Radix::Hex => hex(run, &mut self.bytes),
        };
        let to = self.bytes.len();
        self.segments.push(Segment { decoded: from, source: start, phase: 0, wrapped });
        self.bytes.push(SEPARATOR);
        for phase in 1..radix.phases() {
            let decoded = self.bytes.len();
            self.segments.push(Segment { decoded, source: start, phase, wrapped });
            let len = (chars + phase) * radix.bits() / 8;
            shift(&mut self.bytes, from..to, phase * radix.bits(), len);
            self.bytes.push(SEPARATOR);
        }
    }
}

/// Appends `len` bytes of what `bytes[range]` is with `bits` zero bits in front: the same run, decoded from another
/// start.
fn shift(bytes: &mut Vec<u8>, range: Range<usize>, bits: usize, len: usize) {
    let (whole, part) = (bits / 8, bits % 8);
    let to = bytes.len();
    bytes.resize(to + len, 0);
    let Some((source, target)) = bytes.split_at_mut_checked(to) else {
        return;
    };
    let source = source.get(range).unwrap_or(&[]);
    let Some(target) = target.get_mut(whole..) else { return };
    if let (Some(first), Some(byte)) = (target.first_mut(), source.first()) {
        *first = byte >> part;
    }
    // Slices of one length, so that the loop becomes vector instructions.
    if let (Some((_, after)), Some((_, out))) = (source.split_first(), target.split_first_mut()) {
        for ((out, before), byte) in out.iter_mut().zip(source).zip(after) {
            let [_, low] = (u16::from_be_bytes([*before, *byte]) >> part).to_be_bytes();
            *out = low;
        }
    }
    // Bits of the last byte that the shift moved past it.
    if let (Some(out), Some(byte)) = (target.get_mut(source.len()), source.last()) {
        let [_, low] = (u16::from_be_bytes([*byte, 0]) >> part).to_be_bytes();
        *out = low;
    }
}

/// Decodes all runs that can hold `min` bytes. The alphabets of base32 and hex are parts of base64's, so their runs are
/// looked for inside its runs only.
pub(super) fn radix_runs(source: &[u8], min: usize, base64: &mut Decoded, base32: &mut Decoded, hex: &mut Decoded) {
    // Mail and PEM wrap base64 at 76 and 64 characters. Shorter lines are more likely a list of words.
    const WRAPPED_FROM: usize = 40;
    let in_base64 = |b: u8| sextet(b) < 64;
    let mut done = 0;
    for_runs(source, Radix::Base64.min_run(min), in_base64, |start, found_end| {
        if start < done {
            return;
        }
        let mut end = found_end;
        let (mut line, mut wrapped) = (start, false);
        while end - line >= WRAPPED_FROM {
            let next = match source.get(end..) {
                Some([b'\n', ..]) => end + 1,
                Some([b'\r', b'\n', ..]) => end + 2,
                Some(_) | None => break,
            };
            let len = source.iter().skip(next).take_while(|b| in_base64(**b)).count();
            if len == 0 {
                break;
            }
            (line, end, wrapped) = (next, next + len, true);
        }
        done = end;
        if !is_plainly_hex(source.get(start..end).unwrap_or(&[])) {
            base64.add(source, start, end, Radix::Base64, wrapped);
        }
        let run = source.get(..end).unwrap_or(&[]);
        let narrow_runs = |radix: Radix, class: fn(u8) -> bool, into: &mut Decoded| {
            let inner = run.get(start..).unwrap_or(&[]);
            for_runs(inner, radix.min_run(min), class, |s, e| into.add(source, start + s, start + e, radix, false));
        };
        narrow_runs(Radix::Hex, |b| b.is_ascii_hexdigit(), hex);
        narrow_runs(Radix::Base32, |b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'), base32);
        narrow_runs(Radix::Base32, |b| matches!(b, b'a'..=b'z' | b'2'..=b'7'), base32);
    });
}

/// Whether a run is hex and nothing else. So long a stretch of base64 is all lower-case (or upper-case) hex digits
/// with a probability of 4^-32; decoding digests and ids as base64 would cost more than half of the scan's time.
fn is_plainly_hex(run: &[u8]) -> bool {
    const LEN: usize = 32;
    let all = |letters: std::ops::RangeInclusive<u8>| run.iter().all(|b| b.is_ascii_digit() || letters.contains(b));
    run.len() >= LEN && (all(b'a'..=b'f') || all(b'A'..=b'F'))
}

const SEXTETS: [u8; 256] = sextets();

const fn sextets() -> [u8; 256] {
    let mut table = [64_u8; 256];
    let mut byte = 0_u8;
    loop {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => 64,
        };
        #[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
        {
            table[byte as usize] = value;
        }
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

/// A character's six bits; 64 outside both alphabets.
fn sextet(byte: u8) -> u8 {
    #[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
    SEXTETS[usize::from(byte)]
}

/// Decodes base64 and gives the number of characters. A last byte that is not whole is filled with zero bits.
fn base64(run: &[u8], wrapped: bool, out: &mut Vec<u8>) -> usize {
    if wrapped {
        let joined: Vec<u8> = run.iter().copied().filter(|b| sextet(*b) < 64).collect();
        return base64(&joined, false, out);
    }
    let bits = |chars: &[u8]| chars.iter().fold(0_u32, |bits, b| (bits << 6) | u32::from(sextet(*b)));
    let (groups, tail) = run.as_chunks::<4>();
    let from = out.len();
    out.resize(from + groups.len() * 3, 0);
    let (decoded, _) = out.get_mut(from..).unwrap_or(&mut []).as_chunks_mut::<3>();
    for (decoded, group) in decoded.iter_mut().zip(groups) {
        let [_, a, b, c] = bits(group).to_be_bytes();
        *decoded = [a, b, c];
    }
    let filled = (bits(tail) << (6 * (4 - tail.len()))).to_be_bytes();
    out.extend(filled.iter().skip(1).take(tail.len()));
    run.len()
}

/// Decodes hex and gives the number of characters. A last byte that is not whole is filled with zero bits.
fn hex(run: &[u8], out: &mut Vec<u8>) -> usize {
    let (pairs, tail) = run.as_chunks::<2>();
    out.extend(pairs.iter().map(|[high, low]| (hex_value(*high) << 4) | hex_value(*low)));
    out.extend(tail.iter().map(|high| hex_value(*high) << 4));
    run.len()
}

/// Decodes any alphabet, one character at a time, and gives the number of characters. A last byte that is not whole is
/// filled with zero bits.
fn bit_by_bit(run: &[u8], radix: Radix, value: fn(u8) -> u8, out: &mut Vec<u8>) -> usize {
    let width = radix.bits();
    let mut bits = 0_u16;
    let mut held = 0;
    for byte in run {
        bits = (bits << width) | u16::from(value(*byte));
        held += width;
        if held >= 8 {
            held -= 8;
            let [_, byte] = (bits >> held).to_be_bytes();
            out.push(byte);
        }
    }
    if held > 0 {
        let [_, byte] = (bits << (8 - held)).to_be_bytes();
        out.push(byte);
    }
    run.len()
}

fn base32_value(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a',
        _ => byte.wrapping_sub(b'2').wrapping_add(26) & 31,
    }
}

/// A hex digit's value, without a branch: letters have bit 6 set, and their low bits count from 1.
fn hex_value(byte: u8) -> u8 {
    (byte & 15) + 9 * (byte >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_start_of_a_run_is_decoded() {
        // `value` is what the characters after the first `phase` group positions decode to.
        let cases: [(Radix, &[u8], &[u8]); 3] = [
            (Radix::Base64, b"YWJjZGVmZ2hpamtsbW5v", b"abcdefghijklmno"),
            (Radix::Base32, b"MFRGGZDFMZTWQ2LKNNWG23TP", b"abcdefghijklmno"),
            (Radix::Hex, b"6162636465666768696a6b6c6d6e6f", b"abcdefghijklmno"),
        ];
        for (radix, text, value) in cases {
            for cut in 0..radix.phases() {
                let source = &text[cut..];
                let mut decoded = Decoded::default();
                decoded.add(source, 0, source.len(), radix, false);
                assert_eq!(decoded.segments.len(), radix.phases());
                let segment = decoded.segments[cut];
                let next = decoded.segments.get(cut + 1).map_or(decoded.bytes.len(), |next| next.decoded);
                // Bytes of which a bit was cut off are lost.
                let lost = (cut * radix.bits()).div_ceil(8);
                assert_eq!(&decoded.bytes[segment.decoded + lost..next - 1], &value[lost..], "{radix:?} {cut}");
                for at in lost..value.len() {
                    let position = segment.source_of(segment.decoded + at, radix, source);
                    assert_eq!(position, at * 8 / radix.bits() - cut, "{radix:?} {cut} {at}");
                }
            }
        }
    }
}
