//! Escapes and lists of byte values: encodings that write each byte on its own, so that a text may have some of each.

use super::decode::{SEPARATOR, for_runs, position};

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
            marks.push(Mark { kinds: Kinds::NONE, decoded: out.len(), source: from, decoded_len: 0, source_len: 0 });
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
        Self { kinds, source_len, text: [byte, 0, 0, 0], len: 1 }
    }

    /// A code point, as UTF-8. Surrogates and what is beyond Unicode are no escape.
    fn code_point(kinds: Kinds, source_len: usize, code: u32) -> Option<Self> {
        let mut text = [0; 4];
        let len = char::from_u32(code)?.encode_utf8(&mut text).len();
        Some(Self { kinds, source_len, text, len })
    }
}

/// Finds the next byte that may start an escape. Whole blocks without one are skipped with vector comparisons.
fn next_trigger(source: &[u8], from: usize, dialect: Dialect) -> Option<usize> {
    match dialect {
        Dialect::Escapes => position(source, from, |b| (b == b'%') | (b == b'\\') | (b == b'&')),
        Dialect::QuotedPrintable => position(source, from, |b| b == b'='),
    }
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
    let len = digits.iter().take(12).take_while(|b| char::from(**b).is_digit(radix)).count();
    let code = number(digits.get(..len)?, radix)?;
    // Browsers take a reference without its semicolon.
    let semicolon = usize::from(digits.get(len) == Some(&b';'));
    Escape::code_point(kinds, prefix + len + semicolon, code)
}

fn soft_break(source_len: usize) -> Escape {
    Escape { kinds: Kinds::QUOTED_PRINTABLE, source_len, text: [0; 4], len: 0 }
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
    digits.iter().try_fold(0_u32, |n, digit| n.checked_mul(radix)?.checked_add(char::from(*digit).to_digit(radix)?))
}

/// Lists of decimal byte values, `72,101,108`, of at least `min` values.
pub(super) fn decimal_lists(source: &[u8], min: usize, out: &mut Vec<u8>, marks: &mut Vec<Mark>) {
    // Printable bytes have two digits at least: `32,32,…`.
    let class = |b: u8| b.is_ascii_digit() || matches!(b, b',' | b' ' | b'\t' | b'\r' | b'\n');
    for_runs(source, min * 3 - 1, class, |start, end| {
        let mut at = start;
        let mut list = ListStart { out: out.len(), marks: marks.len() };
        while at < end {
            let digits = source.iter().skip(at).take(4).take_while(|b| b.is_ascii_digit()).count();
            let byte = source.get(at..at + digits).and_then(|d| number(d, 10)).and_then(|n| u8::try_from(n).ok());
            let Some(byte) = byte else {
                // Not a byte: the list ends here, and another may start after it.
                list = list.close(min, out, marks);
                at += digits.max(1);
                continue;
            };
            if list.out == out.len() {
                marks.push(Mark { kinds: Kinds::NONE, decoded: out.len(), source: at, decoded_len: 0, source_len: 0 });
            }
            let kinds = Kinds::DECIMAL;
            marks.push(Mark { kinds, decoded: out.len(), source: at, decoded_len: 1, source_len: digits });
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
        Self { out: out.len(), marks: marks.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_keep_their_place() {
        let source = b"....%41..\\u0042&#67;&#x44;=45=46";
        let (mut out, mut marks) = (Vec::new(), Vec::new());
        unescape(source, Dialect::Escapes, 2, &mut out, &mut marks);
        assert_eq!(out, b"..A..BCD=4");
        assert_eq!(marks.iter().map(|mark| mark.source).collect::<Vec<_>>(), [2, 4, 9, 15, 20]);
        out.clear();
        marks.clear();
        unescape(source, Dialect::QuotedPrintable, 2, &mut out, &mut marks);
        assert_eq!(out, b"4;EF");
    }

    #[test]
    fn what_is_no_escape_is_left_alone() {
        let cases: [&[u8]; 12] = [
            b"%",
            b"%4",
            b"%zz",
            b"%u12",
            b"\\",
            b"\\u12",
            b"\\ud800",
            b"\\u{}",
            b"\\u{110000}",
            b"&#;",
            b"&#x;",
            b"&nbsp;",
        ];
        for source in cases {
            let (mut out, mut marks) = (Vec::new(), Vec::new());
            unescape(source, Dialect::Escapes, 8, &mut out, &mut marks);
            assert!(marks.is_empty(), "{}", source.escape_ascii());
        }
    }

    #[test]
    fn far_escapes_are_separate_stretches() {
        let source = [&b"%41"[..], &[b'.'; 20], b"%42", &[b'.'; 4], b"%43"].concat();
        let (mut out, mut marks) = (Vec::new(), Vec::new());
        unescape(&source, Dialect::Escapes, 3, &mut out, &mut marks);
        assert_eq!(out, b"A...\0...B....C");
    }

    #[test]
    fn lists_end_where_a_value_is_no_byte() {
        let source = b"[1, 2,3] [300,10,11,12,13 ,14,15,16,17,999,1,2]";
        let (mut out, mut marks) = (Vec::new(), Vec::new());
        decimal_lists(source, 8, &mut out, &mut marks);
        assert_eq!(out, [10, 11, 12, 13, 14, 15, 16, 17, 0]);
        assert_eq!(marks[1].source, 14);
    }
}
