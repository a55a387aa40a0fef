//! The index of all windows of all canaries, and the raw pass over a text.
//!
//! Every fragment of [`WINDOW`] bytes must be found, at a cost that does not grow with the number of canaries. The
//! pass looks at one gram of [`GRAM`] bytes every [`STRIDE`] positions: each window holds exactly one such gram
//! whole. A gram is looked up in a Bloom filter, and only when it may be there are the windows around it looked up in
//! the exact table. Both are keyed by the text with the case bit set, so raw and case-folded text are found in the
//! same pass.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use super::registry::CanaryId;

/// The shortest fragment of a canary that is found, in bytes.
pub const WINDOW: usize = 8;
/// Bytes of the filter's key. Longer is rarer in clean text, shorter allows a longer stride.
const GRAM: usize = 6;
const STRIDE: usize = WINDOW - GRAM + 1;
const GRAM_MASK: u64 = (1 << (8 * GRAM)) - 1;
/// ASCII's case bit in every byte. Setting it folds letters, and merges a few other bytes that are told apart later.
const CASE_BITS: u64 = 0x2020_2020_2020_2020;

/// The window is unique to one label.
const CLEAR_RAW: u8 = 1;
/// The window is unique to one label even when case is ignored.
const CLEAR_FOLDED: u8 = 2;

/// A match of a canary in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) canary: CanaryId,
    /// Where it starts in the text.
    pub(super) start: usize,
    /// How long it is.
    pub(super) len: usize,
    /// Found in one case, and not in the canary's own.
    pub(super) folded: bool,
    /// All of the canary.
    pub(super) whole: bool,
}

/// All windows of all canaries.
pub(super) struct Index {
    secrets: Vec<Secret>,
    windows: Table,
    filter: Bloom,
    longest: usize,
}

struct Secret {
    bytes: Box<[u8]>,
    /// Flags per window start.
    clear: Box<[u8]>,
}

impl Index {
    /// Builds the index of `(label, secret)` pairs; the position of a pair is its canary id.
    pub(super) fn build<'a>(texts: impl Iterator<Item = (u32, &'a [u8])>) -> Self {
        let mut secrets = Vec::new();
        let mut windows = Vec::new();
        for ((label, bytes), canary) in texts.zip(0_u32..) {
            for (raw, at) in bytes.windows(WINDOW).filter_map(|w| load(w, 0)).zip(0_u32..) {
                windows.push(Window { key: raw | CASE_BITS, raw, label, canary, at });
            }
            let count = (bytes.len() + 1).saturating_sub(WINDOW);
            secrets.push(Secret { bytes: bytes.into(), clear: vec![0; count].into() });
        }
        windows.sort_unstable();
        let windows = clear_windows(windows, &mut secrets);
        let mut filter = Bloom::for_items(windows.len());
        for window in &windows {
            // A window's gram may start at any of the stride's positions.
            for shift in 0..STRIDE {
                filter.insert((window.key >> (8 * shift)) & GRAM_MASK);
            }
        }
        let longest = secrets.iter().map(|secret| secret.bytes.len()).max().unwrap_or(0);
        Self { secrets, windows: Table::build(&windows), filter, longest }
    }

    pub(super) fn len(&self) -> usize {
        self.secrets.len()
    }

    /// Bytes of the longest canary.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    pub(super) fn blind(&self) -> Vec<CanaryId> {
        let ids = (0..).map(CanaryId).zip(&self.secrets);
        ids.filter(|(_, secret)| secret.clear.iter().all(|flags| *flags == 0)).map(|(id, _)| id).collect()
    }

    /// Whether a fragment of a canary is evidence: it holds a window of one label alone.
    pub(super) fn is_clear(&self, canary: CanaryId, start: usize, len: usize, folded: bool) -> bool {
        let flag = if folded { CLEAR_FOLDED } else { CLEAR_RAW };
        let windows = (len + 1).saturating_sub(WINDOW);
        self.secrets
            .get(canary.index())
            .and_then(|secret| secret.clear.get(start..start.checked_add(windows)?))
            .is_some_and(|flags| flags.iter().any(|f| f & flag != 0))
    }

    /// Reports every match in the text. A match is as long as it can be, and may be reported more than once.
    pub(super) fn find(&self, text: &[u8], mut report: impl FnMut(Match)) {
        let mut at = 0;
        while let Some(word) = load(text, at) {
            let key = word | CASE_BITS;
            if self.filter.may_hold(key & GRAM_MASK) {
                at = self.probe(text, at, &mut report).max(at + STRIDE);
            } else {
                at += STRIDE;
            }
        }
        // The last windows of the text: their gram is there, but not the eight bytes that `load` takes.
        while at + GRAM <= text.len() {
            at = self.probe(text, at, &mut report).max(at + STRIDE);
        }
    }

    /// Looks up the windows that hold the gram at `at`. Returns where to go on: past what was matched, up to its last
    /// windows, since everything before holds the same bytes as the match.
    #[inline(never)]
    fn probe(&self, text: &[u8], at: usize, report: &mut impl FnMut(Match)) -> usize {
        let mut next = 0;
        for start in at.saturating_sub(WINDOW - GRAM)..=at {
            let Some(raw) = load(text, start) else { continue };
            for entry in self.windows.lookup(raw | CASE_BITS) {
                let end = self.extend(text, start, *entry, report);
                next = next.max((end + 1).saturating_sub(WINDOW));
            }
        }
        next
    }

    /// Extends a window to the longest matches around it, reports them, and returns the end of the extension in the
    /// text.
    fn extend(&self, text: &[u8], start: usize, entry: Entry, report: &mut impl FnMut(Match)) -> usize {
        let Some(secret) = self.secrets.get(entry.canary as usize) else {
            return 0;
        };
        let at = entry.at as usize;
        let (Some((text_before, text_after)), Some((before, after))) =
            (text.split_at_checked(start), secret.bytes.split_at_checked(at))
        else {
            return 0;
        };
        let alike = |(a, b): &(&u8, &u8)| a.eq_ignore_ascii_case(b);
        let back = text_before.iter().rev().zip(before.iter().rev()).take_while(alike).count();
        let ahead = text_after.iter().zip(after).take_while(alike).count();
        let (text_start, secret_start, len) = (start - back, at - back, back + ahead);
        let pairs = || text.iter().skip(text_start).zip(secret.bytes.iter().skip(secret_start)).take(len);

        let mut emit = |run: Run, folded: bool| {
            let canary = CanaryId(entry.canary);
            if run.len >= WINDOW && self.is_clear(canary, secret_start + run.start, run.len, folded) {
                let whole = run.len == secret.bytes.len();
                report(Match { canary, start: text_start + run.start, len: run.len, folded, whole });
            }
        };
        runs(pairs().map(|(t, s)| t == s), |run| emit(run, false));
        // Case is folded by whatever handles the text as a whole, so a folded match is in one case throughout. It also
        // keeps random text of mixed case from matching far more often than chance at 62 characters allows.
        for fold in [u8::to_ascii_lowercase, u8::to_ascii_uppercase] {
            runs(pairs().map(|(t, s)| *t == fold(s)), |run| {
                if pairs().skip(run.start).take(run.len).any(|(t, s)| t != s) {
                    emit(run, true);
                }
            });
        }
        start + ahead
    }
}

/// A run of equal positions.
#[derive(Clone, Copy)]
struct Run {
    start: usize,
    len: usize,
}

fn runs(equal: impl Iterator<Item = bool>, mut report: impl FnMut(Run)) {
    let mut run = Run { start: 0, len: 0 };
    for (at, same) in equal.enumerate() {
        if same {
            run.len += 1;
        } else {
            if run.len > 0 {
                report(run);
            }
            run = Run { start: at + 1, len: 0 };
        }
    }
    if run.len > 0 {
        report(run);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Window {
    key: u64,
    raw: u64,
    label: u32,
    canary: u32,
    at: u32,
}

/// Flags the windows that belong to one label alone, and keeps only these. The windows are sorted.
fn clear_windows(windows: Vec<Window>, secrets: &mut [Secret]) -> Vec<Window> {
    let one_label = |group: &[Window]| group.iter().all(|w| group.first().is_some_and(|f| f.label == w.label));
    let mut kept = Vec::with_capacity(windows.len());
    for same_key in windows.chunk_by(|a, b| a.key == b.key) {
        let folded = if one_label(same_key) { CLEAR_FOLDED } else { 0 };
        for same_raw in same_key.chunk_by(|a, b| a.raw == b.raw).filter(|group| one_label(group)) {
            for window in same_raw {
                let flags = secrets.get_mut(window.canary as usize).and_then(|s| s.clear.get_mut(window.at as usize));
                if let Some(flags) = flags {
                    *flags = CLEAR_RAW | folded;
                    kept.push(*window);
                }
            }
        }
    }
    kept
}

/// Where a window occurs.
#[derive(Clone, Copy)]
struct Entry {
    canary: u32,
    at: u32,
}

/// The exact table: open addressing with linear probing, at most half full. Nothing ever iterates over it, so its order
/// is not seen.
struct Table {
    /// Key, and one past the index of its first entry; zero is an empty slot.
    slots: Box<[(u64, u32, u32)]>,
    entries: Box<[Entry]>,
    hash: FixedState,
}

impl Table {
    fn build(windows: &[Window]) -> Self {
        let keys = windows.chunk_by(|a, b| a.key == b.key).count();
        let size = (keys * 2).next_power_of_two().max(2);
        let mut table = Self {
            slots: vec![(0, 0, 0); size].into(),
            entries: windows.iter().map(|w| Entry { canary: w.canary, at: w.at }).collect(),
            hash: FixedState::default(),
        };
        let mut from = 1_u32;
        for group in windows.chunk_by(|a, b| a.key == b.key) {
            let (Some(first), Ok(len)) = (group.first(), u32::try_from(group.len())) else {
                continue;
            };
            let mut at = table.home(first.key);
            loop {
                match table.slots.get_mut(at) {
                    Some(slot) if slot.2 == 0 => {
                        *slot = (first.key, from, len);
                        break;
                    }
                    Some(_) => at += 1,
                    None => at = 0,
                }
            }
            from += len;
        }
        table
    }

    fn home(&self, key: u64) -> usize {
        let mut hasher = self.hash.build_hasher();
        hasher.write_u64(key);
        (hasher.finish() as usize) & (self.slots.len() - 1)
    }

    fn lookup(&self, key: u64) -> &[Entry] {
        let mut at = self.home(key);
        loop {
            match self.slots.get(at) {
                Some((_, _, 0)) => return &[],
                Some((found, from, len)) if *found == key => {
                    let from = *from as usize - 1;
                    return self.entries.get(from..from + *len as usize).unwrap_or(&[]);
                }
                Some(_) => at += 1,
                None => at = 0,
            }
        }
    }
}

/// A Bloom filter that sets two bits in one word, so that a lookup touches one cache line.
///
/// In front of it is a set of the grams' first two bytes. It is small enough to stay in the nearest cache, and spares
/// binary data, such as base64 decoded from a wrong start, the way to the words.
struct Bloom {
    pairs: Box<[u64]>,
    words: Box<[u64]>,
    shift: u32,
}

impl Bloom {
    /// Sized for `windows` windows, which share most of their grams with their neighbours: at least sixteen bits for
    /// each, so that about one gram in a hundred passes by chance. Half as many cost more in lookups than they save in
    /// cache misses.
    fn for_items(windows: usize) -> Self {
        let words = (windows / 4).next_power_of_two().max(1024);
        Self { pairs: vec![0; 1 << 10].into(), words: vec![0; words].into(), shift: 64 - words.trailing_zeros() }
    }

    fn place(&self, gram: u64) -> (usize, u64) {
        let hash = gram.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // The top bits choose the word, and the bits in the middle the two bits in it: the low bits of a product are
        // weak.
        let bits = (1 << ((hash >> 24) & 63)) | (1 << ((hash >> 30) & 63));
        ((hash >> self.shift) as usize, bits)
    }

    fn pair(gram: u64) -> (usize, u64) {
        ((gram >> 6) as usize & 0x3FF, 1 << (gram & 63))
    }

    fn insert(&mut self, gram: u64) {
        let (at, bit) = Self::pair(gram);
        if let Some(word) = self.pairs.get_mut(at) {
            *word |= bit;
        }
        let (at, bits) = self.place(gram);
        if let Some(word) = self.words.get_mut(at) {
            *word |= bits;
        }
    }

    fn may_hold(&self, gram: u64) -> bool {
        let (at, bit) = Self::pair(gram);
        if self.pairs.get(at).is_none_or(|word| word & bit == 0) {
            return false;
        }
        let (at, bits) = self.place(gram);
        self.words.get(at).is_some_and(|word| word & bits == bits)
    }
}

/// Eight bytes of the text, if they are there.
fn load(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Canary, start, length, folded, whole.
    type Row = (u32, usize, usize, bool, bool);

    fn matches(secrets: &[(u32, &[u8])], text: &[u8]) -> Vec<Row> {
        let mut found = Vec::new();
        Index::build(secrets.iter().copied())
            .find(text, |m| found.push((m.canary.0, m.start, m.len, m.folded, m.whole)));
        found.sort_unstable();
        found.dedup();
        found
    }

    #[test]
    fn finds_fragments_of_eight_at_every_offset() {
        let secret = b"AbCdEfGhIjKlMnOp";
        for from in 0..=8 {
            for offset in 0..20 {
                for after in 0..4 {
                    let fragment = &secret[from..from + 8];
                    let text = [&vec![b'.'; offset][..], fragment, &vec![b'.'; after]].concat();
                    assert_eq!(
                        matches(&[(0, secret)], &text),
                        [(0, offset, 8, false, false)],
                        "{from} {offset} {after}"
                    );
                    let seven = [&vec![b'.'; offset][..], &fragment[..7], &vec![b'.'; after]].concat();
                    assert_eq!(matches(&[(0, secret)], &seven), [], "{from} {offset} {after}");
                }
            }
        }
    }

    #[test]
    fn tells_raw_from_folded() {
        let secret: &[u8] = b"AbCdEfGhIjKlMnOp";
        let cases: [(&[u8], &[Row]); 6] = [
            (b"AbCdEfGhIjKlMnOp", &[(0, 0, 16, false, true)]),
            (b"abcdefghijklmnop", &[(0, 0, 16, true, true)]),
            (b" ABCDEFGHIJKLMNOP", &[(0, 1, 16, true, true)]),
            (b"AbCdEfGhIjklmnop", &[(0, 0, 10, false, false)]),
            (b"AbCdEfGhijklmnop", &[(0, 0, 8, false, false), (0, 7, 9, true, false)]),
            (b"aBcDeFgHiJkLmNoP", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(matches(&[(0, secret)], text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_window_of_two_labels_is_evidence_for_neither() {
        let one: &[u8] = b"header.header.ONE11111";
        let two: &[u8] = b"header.header.TWO22222";
        assert_eq!(matches(&[(0, one), (1, two)], b"header.header."), []);
        assert_eq!(matches(&[(0, one), (1, two)], b"header.header.TWO2"), [(1, 0, 18, false, false)]);
        // One label twice is not ambiguous.
        assert_eq!(matches(&[(0, one), (0, two)], b"r.header."), [(0, 0, 9, false, false), (1, 0, 9, false, false)]);
        // Distinct, but alike when case is ignored: raw evidence only.
        let (lower, upper): (&[u8], &[u8]) = (b"abcdefghi", b"ABCDEFGHI");
        assert_eq!(matches(&[(0, lower), (1, upper)], b"abcdefghi"), [(0, 0, 9, false, true)]);
        // Everything shared: blind.
        let index = Index::build([(0, one), (1, one), (2, two)].into_iter());
        assert_eq!(index.blind(), [CanaryId(0), CanaryId(1)]);
    }
}
