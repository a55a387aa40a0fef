//! The text decoders: from a text to what it may stand for, with a map back.
//!
//! Each of them is cheap on text without its trigger, decodes all candidates of a text into one buffer, and keeps enough to
//! say where in its source a position of that buffer came from.

/// What an escape sequence is written in. A bit each, so that a match can say which kinds it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    /// No escape: the start of a stretch of copied text.
    pub(super) const NONE: Self = Self(0);
    pub(super) const PERCENT: Self = Self(1);
    pub(super) const JSON: Self = Self(2);
    pub(super) const HTML: Self = Self(4);
    pub(super) const QUOTED_PRINTABLE: Self = Self(8);
    pub(super) const DECIMAL: Self = Self(16);

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A place where decoded text does not advance in step with its source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) kinds: Kinds,
    /// Position in the decoded buffer.
    pub(super) decoded: usize,
    /// Position in the source.
    pub(super) source: usize,
    /// Bytes that the escape decodes to.
    pub(super) decoded_len: usize,
    /// Bytes of the escape.
    pub(super) source_len: usize,
}

/// Stands between stretches of a decoded buffer that are not neighbours in the source.
const SEPARATOR: u8 = 0;

/// Which escapes are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Percent, JSON and HTML at once: a text may mix them, and one pass for all doesn't multiply with their number.
    Escapes,
    /// Apart from the others, since `=4A` is an ordinary part of a query string.
    QuotedPrintable,
}

/// Decodes the escapes in `source`, with `margin` bytes of plain text kept on either side of each.
pub(super) fn unescape(source: &[u8], dialect: Dialect, margin: usize, out: &mut Vec<u8>, marks: &mut Vec<Mark>) {
    if dialect == Dialect::QuotedPrintable && !looks_quoted_printable(source) {
        return;
    }
    // Source up to here is in the output or was left out.
    let mut done = 0;
    let mut at = 0;
    while let Some(found) = next_trigger(source, at, dialect) {
        let Some(escape) = source.get(found..).and_then(|rest| escape_at(rest, dialect)) else {
            at = found + 1;
            continue;
        };
        let start = found.saturating_sub(margin);
        if marks.is_empty() || start > done + margin {
            if !marks.is_empty() {
                out.extend(source.iter().skip(done).take(margin));
                out.push(SEPARATOR);
            }
            let from = start.max(done);
            marks.push(Mark {
                kinds: Kinds::NONE,
                decoded: out.len(),
                source: from,
                decoded_len: 0,
                source_len: 0,
            });
            done = from;
        }
        out.extend_from_slice(source.get(done..found).unwrap_or(&[]));
        let decoded = out.len();
        out.extend(escape.text.iter().take(escape.len));
        marks.push(Mark {
            kinds: escape.kinds,
            decoded,
            source: found,
            decoded_len: escape.len,
            source_len: escape.source_len,
        });
        done = found + escape.source_len;
        at = done;
    }
    if !marks.is_empty() {
        out.extend(source.iter().skip(done).take(margin));
    }
}

struct Escape {
    kinds: Kinds,
    source_len: usize,
    text: [u8; 4],
    len: usize,
}

impl Escape {
    fn byte(kinds: Kinds, source_len: usize, byte: u8) -> Self {
        Self {
            kinds,
            source_len,
            text: [byte, 0, 0, 0],
            len: 1,
        }
    }

    /// A code point, as UTF-8. Surrogates and what is beyond Unicode are no escape.
    fn code_point(kinds: Kinds, source_len: usize, code: u32) -> Option<Self> {
        let mut text = [0; 4];
        let len = char::from_u32(code)?.encode_utf8(&mut text).len();
        Some(Self {
            kinds,
            source_len,
            text,
            len,
        })
    }
}

/// Finds the next byte that may start an escape. Whole blocks without one are skipped with vector comparisons.
fn next_trigger(source: &[u8], from: usize, dialect: Dialect) -> Option<usize> {
    match dialect {
        Dialect::Escapes => position(source, from, |b| (b == b'%') | (b == b'\\') | (b == b'&')),
        Dialect::QuotedPrintable => position(source, from, |b| b == b'='),
    }
}

/// The first position from `from` on whose byte is wanted.
pub(super) fn position(source: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let rest = source.get(from..)?;
    let (blocks, _) = rest.as_chunks::<32>();
    let clean = blocks
        .iter()
        .take_while(|block| !block.iter().fold(false, |any, b| any | wanted(*b)))
        .count()
        * 32;
    let found = rest.iter().skip(clean).position(|b| wanted(*b))?;
    Some(from + clean + found)
}

fn escape_at(text: &[u8], dialect: Dialect) -> Option<Escape> {
    match (dialect, text) {
        (Dialect::Escapes, [b'%', rest @ ..]) => percent(rest),
        (Dialect::Escapes, [b'\\', rest @ ..]) => backslash(rest),
        (Dialect::Escapes, [b'&', rest @ ..]) => html(rest),
        (Dialect::QuotedPrintable, [b'=', b'\n', ..]) => Some(soft_break(2)),
        (Dialect::QuotedPrintable, [b'=', b'\r', b'\n', ..]) => Some(soft_break(3)),
        (Dialect::QuotedPrintable, [b'=', rest @ ..]) => {
            Some(Escape::byte(Kinds::QUOTED_PRINTABLE, 3, hex_byte(rest)?))
        }
        (Dialect::Escapes | Dialect::QuotedPrintable, _) => None,
    }
}

fn percent(rest: &[u8]) -> Option<Escape> {
    if let [b'u' | b'U', digits @ ..] = rest {
        return Escape::code_point(Kinds::PERCENT, 6, hex_number(digits.get(..4)?)?);
    }
    Some(Escape::byte(Kinds::PERCENT, 3, hex_byte(rest)?))
}

fn backslash(rest: &[u8]) -> Option<Escape> {
    let kinds = Kinds::JSON;
    match rest {
        [b'u', b'{', digits @ ..] => {
            let len = digits.iter().take(7).position(|b| *b == b'}')?;
            Escape::code_point(kinds, 4 + len, hex_number(digits.get(..len)?)?)
        }
        [b'u', digits @ ..] => Escape::code_point(kinds, 6, hex_number(digits.get(..4)?)?),
        [b'x', digits @ ..] => Some(Escape::byte(kinds, 4, hex_byte(digits)?)),
        [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
            Some(Escape::byte(kinds, 4, (a - b'0') * 64 + (b - b'0') * 8 + (c - b'0')))
        }
        [same @ (b'\\' | b'/' | b'"' | b'\''), ..] => Some(Escape::byte(kinds, 2, *same)),
        [b'n', ..] => Some(Escape::byte(kinds, 2, b'\n')),
        [b'r', ..] => Some(Escape::byte(kinds, 2, b'\r')),
        [b't', ..] => Some(Escape::byte(kinds, 2, b'\t')),
        [_, ..] | [] => None,
    }
}

fn html(rest: &[u8]) -> Option<Escape> {
    let kinds = Kinds::HTML;
    let (prefix, radix, digits) = match rest {
        [b'#', b'x' | b'X', digits @ ..] => (3, 16, digits),
        [b'#', digits @ ..] => (2, 10, digits),
        [b'a', b'm', b'p', b';', ..] => return Some(Escape::byte(kinds, 5, b'&')),
        [b'l', b't', b';', ..] => return Some(Escape::byte(kinds, 4, b'<')),
        [b'g', b't', b';', ..] => return Some(Escape::byte(kinds, 4, b'>')),
        [b'q', b'u', b'o', b't', b';', ..] => return Some(Escape::byte(kinds, 6, b'"')),
        [b'a', b'p', b'o', b's', b';', ..] => return Some(Escape::byte(kinds, 6, b'\'')),
        [_, ..] | [] => return None,
    };
    // The longest sensible reference is seven digits; a few leading zeros are allowed.
    let len = digits
        .iter()
        .take(12)
        .take_while(|b| char::from(**b).is_digit(radix))
        .count();
    let code = number(digits.get(..len)?, radix)?;
    // Browsers take a reference without its semicolon.
    let semicolon = usize::from(digits.get(len) == Some(&b';'));
    Escape::code_point(kinds, prefix + len + semicolon, code)
}

fn soft_break(source_len: usize) -> Escape {
    Escape {
        kinds: Kinds::QUOTED_PRINTABLE,
        source_len,
        text: [0; 4],
        len: 0,
    }
}

/// A soft line break, an escaped `=`, or two escapes in a row: what query strings don't have.
fn looks_quoted_printable(source: &[u8]) -> bool {
    let mut at = 0;
    while let Some(found) = position(source, at, |b| b == b'=') {
        match source.get(found + 1..).unwrap_or(&[]) {
            [b'\n', ..] | [b'\r', b'\n', ..] | [b'3', b'D' | b'd', ..] => return true,
            [a, b, b'=', c, d, ..] if [a, b, c, d].iter().all(|d| d.is_ascii_hexdigit()) => return true,
            [_, ..] | [] => {}
        }
        at = found + 1;
    }
    false
}

fn hex_byte(text: &[u8]) -> Option<u8> {
    u8::try_from(hex_number(text.get(..2)?)?).ok()
}

fn hex_number(digits: &[u8]) -> Option<u32> {
    number(digits, 16)
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |n, digit| {
        n.checked_mul(radix)?.checked_add(char::from(*digit).to_digit(radix)?)
    })
}

/// Lists of decimal byte values, `72,101,108`, of at least `min` values.
pub(super) fn decimal_lists(source: &[u8], min: usize, out: &mut Vec<u8>, marks: &mut Vec<Mark>) {
    // Printable bytes have two digits at least: `32,32,…`.
    let class = |b: u8| b.is_ascii_digit() || matches!(b, b',' | b' ' | b'\t' | b'\r' | b'\n');
    for_runs(source, min * 3 - 1, class, |start, end| {
        let mut at = start;
        let mut list = ListStart {
            out: out.len(),
            marks: marks.len(),
        };
        while at < end {
            let digits = source
                .iter()
                .skip(at)
                .take(4)
                .take_while(|b| b.is_ascii_digit())
                .count();
            let byte = source
                .get(at..at + digits)
                .and_then(|d| number(d, 10))
                .and_then(|n| u8::try_from(n).ok());
            let Some(byte) = byte else {
                // Not a byte: the list ends here, and another may start after it.
                list = list.close(min, out, marks);
                at += digits.max(1);
                continue;
            };
            if list.out == out.len() {
                marks.push(Mark {
                    kinds: Kinds::NONE,
                    decoded: out.len(),
                    source: at,
                    decoded_len: 0,
                    source_len: 0,
                });
            }
            let kinds = Kinds::DECIMAL;
            marks.push(Mark {
                kinds,
                decoded: out.len(),
                source: at,
                decoded_len: 1,
                source_len: digits,
            });
            out.push(byte);
            at += digits;
            let blank = |at: usize| source.iter().skip(at).take_while(|b| b.is_ascii_whitespace()).count();
            at += blank(at);
            if source.get(at) == Some(&b',') {
                at += 1;
                at += blank(at);
            }
        }
        list.close(min, out, marks);
    });
}

struct ListStart {
    out: usize,
    marks: usize,
}

impl ListStart {
    /// Keeps the list if it is long enough, and starts the next.
    fn close(self, min: usize, out: &mut Vec<u8>, marks: &mut Vec<Mark>) -> Self {
        if out.len() - self.out < min {
            out.truncate(self.out);
            marks.truncate(self.marks);
        } else {
            out.push(SEPARATOR);
        }
        Self {
            out: out.len(),
            marks: marks.len(),
        }
    }
}

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
        let chars = source
            .iter()
            .enumerate()
            .skip(self.source)
            .filter(|(_, b)| !matches!(b, b'\r' | b'\n'));
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
        for phase in 0..radix.phases() {
            self.segments.push(Segment {
                decoded: self.bytes.len(),
                source: start,
                phase,
                wrapped,
            });
            match radix {
                Radix::Base64 => base64(run, phase, wrapped, &mut self.bytes),
                Radix::Base32 => narrow(run, phase, radix, base32_value, &mut self.bytes),
                Radix::Hex => narrow(run, phase, radix, hex_value, &mut self.bytes),
            }
            self.bytes.push(SEPARATOR);
        }
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
        base64.add(source, start, end, Radix::Base64, wrapped);
        let run = source.get(..end).unwrap_or(&[]);
        let narrow_runs = |radix: Radix, class: fn(u8) -> bool, into: &mut Decoded| {
            let inner = run.get(start..).unwrap_or(&[]);
            for_runs(inner, radix.min_run(min), class, |s, e| {
                into.add(source, start + s, start + e, radix, false)
            });
        };
        narrow_runs(Radix::Hex, |b| b.is_ascii_hexdigit(), hex);
        narrow_runs(Radix::Base32, |b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'), base32);
        narrow_runs(Radix::Base32, |b| matches!(b, b'a'..=b'z' | b'2'..=b'7'), base32);
    });
}

/// Reports every run of at least `min` bytes of a class. Looks at every `min`-th byte, and at others only around it.
fn for_runs(source: &[u8], min: usize, class: impl Fn(u8) -> bool, mut report: impl FnMut(usize, usize)) {
    let mut start = 0_usize;
    while let Some(window) = start.checked_add(min).and_then(|end| source.get(start..end)) {
        // From the back: the last byte outside the class rules out every run that holds it.
        if let Some(outside) = window.iter().rposition(|b| !class(*b)) {
            start += outside + 1;
            continue;
        }
        let more = source.iter().skip(start + min).take_while(|b| class(**b)).count();
        let end = start + min + more;
        report(start, end);
        start = end + 1;
    }
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

/// Decodes base64 as if `phase` characters of zero bits stood in front.
fn base64(run: &[u8], phase: usize, wrapped: bool, out: &mut Vec<u8>) {
    if wrapped {
        let joined: Vec<u8> = run.iter().copied().filter(|b| sextet(*b) < 64).collect();
        return base64(&joined, phase, false, out);
    }
    let bits = |chars: &[u8]| chars.iter().fold(0_u32, |bits, b| (bits << 6) | u32::from(sextet(*b)));
    let (head, rest) = run.split_at_checked((4 - phase) % 4).unwrap_or((run, &[]));
    // The first group is short in front: bits that aren't there are zeros, and whole bytes of them are decoded as well, so
    // that a byte's place in its group is kept.
    if !head.is_empty() {
        let [_, a, b, c] = bits(head).to_be_bytes();
        out.extend_from_slice(&[a, b, c]);
    }
    let (groups, tail) = rest.as_chunks::<4>();
    out.extend(groups.iter().flat_map(|group| {
        let [_, a, b, c] = bits(group).to_be_bytes();
        [a, b, c]
    }));
    let [_, a, b, _] = (bits(tail) << (6 * (4 - tail.len()))).to_be_bytes();
    match tail.len() {
        2 => out.push(a),
        3 => out.extend_from_slice(&[a, b]),
        _ => {}
    }
}

/// Decodes a narrower alphabet bit by bit, as if `phase` characters of zero bits stood in front.
fn narrow(run: &[u8], phase: usize, radix: Radix, value: fn(u8) -> u8, out: &mut Vec<u8>) {
    let width = radix.bits();
    let mut bits = 0_u16;
    let mut held = 0;
    for value in std::iter::repeat_n(0, phase).chain(run.iter().map(|b| value(*b))) {
        bits = (bits << width) | u16::from(value);
        held += width;
        if held >= 8 {
            held -= 8;
            let [_, byte] = (bits >> held).to_be_bytes();
            out.push(byte);
        }
    }
}

fn base32_value(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a',
        _ => byte.wrapping_sub(b'2').wrapping_add(26) & 31,
    }
}

fn hex_value(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => (byte | 0x20).wrapping_sub(b'a').wrapping_add(10) & 15,
    }
}
