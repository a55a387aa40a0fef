//! Keeps a credential from coming back: an upstream that repeats what it was sent must not tell a tenant the secret
//! that was injected for it. Pure.
//!
//! The credential is found as it is, with its colons as URLs escape them, in hex of either case, and in base64 of both
//! alphabets at each of the three places where it can begin. It is found across the pieces of a stream, too: of each piece
//! only an end that begins a credential waits for the next.

use super::needle::Needle;
use crate::fault::{Fault, FaultSet};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use memchr::memmem;
use std::collections::VecDeque;
use std::fmt;
use zeroize::Zeroizing;

/// The shortest encoding that is searched for, in bytes. A shorter one would be found where no credential is.
const ENCODED_MIN: usize = 8;
/// What stands in a credential's place.
const MASK: u8 = b'*';

/// The forms of one credential. They are as secret as it is.
pub struct Secret {
    exact: Vec<Zeroizing<Vec<u8>>>,
    /// In lower case; found in any case.
    hex: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret")
    }
}

impl Secret {
    /// The forms of a credential. An empty one is nowhere.
    #[must_use]
    pub fn new(credential: &[u8]) -> Self {
        let mut exact: Vec<Zeroizing<Vec<u8>>> = Vec::with_capacity(7);
        if !credential.is_empty() {
            exact.push(Zeroizing::new(credential.to_vec()));
        }
        // Of what a credential may hold, a colon is the one character that is escaped in URLs.
        if credential.contains(&b':') {
            for escape in [&b"%3A"[..], b"%3a"] {
                let parts: Vec<&[u8]> = credential.split(|byte| *byte == b':').collect();
                exact.push(Zeroizing::new(parts.join(escape)));
            }
        }
        for offset in 0..3 {
            for url_safe in [false, true] {
                let form = Zeroizing::new(base64_inside(credential, offset, url_safe));
                if form.len() >= ENCODED_MIN && !exact.contains(&form) {
                    exact.push(form);
                }
            }
        }
        let mut hex = Zeroizing::new(Vec::with_capacity(credential.len() * 2));
        for byte in credential {
            for nibble in [byte >> 4, byte & 15] {
                hex.push(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
            }
        }
        if hex.len() < ENCODED_MIN {
            hex.clear();
        }
        Self { exact, hex }
    }

    /// The credential, for planted faults.
    #[cfg(feature = "faults")]
    pub(crate) fn reveal(&self) -> String {
        self.exact.first().map(|credential| String::from_utf8_lossy(credential).into_owned()).unwrap_or_default()
    }

    /// Whether a text holds the credential in any form.
    #[must_use]
    pub fn is_in(&self, text: &[u8]) -> bool {
        self.exact.iter().any(|form| memmem::find(text, form).is_some()) || self.hex_in(text).next().is_some()
    }

    /// Whether a text holds the credential itself, in any case: a field's name has none.
    #[must_use]
    pub fn is_in_any_case(&self, text: &[u8]) -> bool {
        let Some(credential) = self.exact.first() else { return false };
        text.windows(credential.len()).any(|window| window.eq_ignore_ascii_case(credential))
    }

    fn hex_in<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = (usize, usize)> + 't {
        let first = self.hex.first().copied();
        let candidates =
            first.into_iter().flat_map(move |first| memchr::memchr2_iter(first, first.to_ascii_uppercase(), text));
        candidates.filter_map(move |at| {
            let end = at + self.hex.len();
            text.get(at..end)?.eq_ignore_ascii_case(&self.hex).then_some((at, end))
        })
    }

    fn needles(&self) -> Vec<Needle> {
        let exact = self.exact.iter().filter_map(|form| Needle::new(form, false));
        exact.chain(Needle::new(&self.hex, true)).collect()
    }
}

/// The base64 of some bytes that begin at an offset of 0, 1 or 2 in a group of three: of its characters those alone that
/// no neighbour has a part in.
fn base64_inside(bytes: &[u8], offset: usize, url_safe: bool) -> Vec<u8> {
    let mut shifted = Zeroizing::new(vec![0; offset]);
    shifted.extend_from_slice(bytes);
    let encoded = if url_safe { URL_SAFE_NO_PAD.encode(&*shifted) } else { STANDARD_NO_PAD.encode(&*shifted) };
    let (begin, end) = ((offset * 8).div_ceil(6), shifted.len() * 8 / 6);
    let encoded = Zeroizing::new(encoded.into_bytes());
    encoded.get(begin..end).unwrap_or_default().to_vec()
}

/// Redacts a stream, piece by piece, in time that grows with its length and with nothing else: of each byte every form
/// is told once, however the stream is cut.
pub struct Redactor {
    secret: Secret,
    needles: Vec<Needle>,
    /// The length of the longest form.
    longest: usize,
    /// How many bytes have come.
    seen: u64,
    /// What may still turn out to be of a credential, as it came: shorter than the longest form.
    held: Zeroizing<Vec<u8>>,
    /// How much of it has gone on already.
    gone: usize,
    /// What is to be masked and has not gone on: from where to where in the stream, in order, and apart.
    covered: VecDeque<(u64, u64)>,
    faults: FaultSet,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Redactor")
    }
}

impl Redactor {
    /// A redactor of one stream.
    #[must_use]
    pub fn new(secret: Secret, faults: FaultSet) -> Self {
        let needles = secret.needles();
        let longest = needles.iter().map(Needle::len).max().unwrap_or(0);
        Self {
            secret,
            needles,
            longest,
            seen: 0,
            held: Zeroizing::default(),
            gone: 0,
            covered: VecDeque::new(),
            faults,
        }
    }

    /// The secret that it looks for.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Takes a piece, and gives what may go on. It may be empty.
    pub fn push(&mut self, piece: Bytes) -> Bytes {
        if self.faults.has(Fault::PrxEchoNotRedacted) {
            return piece;
        }
        if self.is_clean(&piece) {
            return self.pass(&piece);
        }
        for byte in &piece {
            self.seen += 1;
            for needle in &mut self.needles {
                if needle.step(*byte) {
                    cover(&mut self.covered, self.seen - needle.len() as u64, self.seen);
                }
            }
        }
        if self.faults.has(Fault::PrxRedactionPerChunk) {
            self.needles.iter_mut().for_each(Needle::forget);
        }
        self.held.extend_from_slice(&piece);
        let waits = self.needles.iter().map(Needle::matched).max().unwrap_or(0);
        self.give((self.held.len() - self.gone).saturating_sub(waits))
    }

    /// What is still held, when the stream has ended well.
    pub fn finish(&mut self) -> Bytes {
        self.needles.iter_mut().for_each(Needle::forget);
        self.give(self.held.len() - self.gone)
    }

    /// Whether a long piece behind which nothing waits holds no form: most do, and are searched faster as a whole.
    fn is_clean(&mut self, piece: &[u8]) -> bool {
        if !self.held.is_empty() || piece.len() < 4 * self.longest {
            return false;
        }
        for needle in &mut self.needles {
            let found = match needle.exact() {
                Some(form) => memmem::find(piece, form).is_some(),
                None => {
                    let found = piece.iter().any(|byte| needle.step(*byte));
                    needle.forget();
                    found
                }
            };
            if found {
                return false;
            }
        }
        true
    }

    /// Passes a piece that holds no form, but for an end that begins one.
    fn pass(&mut self, piece: &Bytes) -> Bytes {
        let from = piece.len().saturating_sub(self.longest.saturating_sub(1));
        for byte in piece.get(from..).unwrap_or_default() {
            for needle in &mut self.needles {
                needle.step(*byte);
            }
        }
        self.seen += piece.len() as u64;
        let waits = self.needles.iter().map(Needle::matched).max().unwrap_or(0);
        let keep = piece.len().saturating_sub(waits);
        self.held.extend_from_slice(piece.get(keep..).unwrap_or_default());
        piece.slice(..keep)
    }

    /// Lets the first bytes of what is held go on, masked where they have to be.
    fn give(&mut self, length: usize) -> Bytes {
        let begin = self.seen.saturating_sub((self.held.len() - self.gone) as u64);
        let end = begin + length as u64;
        let mut out = self.held.get(self.gone..self.gone + length).unwrap_or_default().to_vec();
        self.gone += length;
        if self.gone * 2 >= self.held.len() {
            // What is moved here was not more than what has gone.
            self.held.drain(..self.gone);
            self.gone = 0;
        }
        while let Some((from, to)) = self.covered.front().copied().filter(|(from, _)| *from < end) {
            let place = |at: u64| usize::try_from(at.clamp(begin, end) - begin).unwrap_or(usize::MAX);
            if let Some(part) = out.get_mut(place(from)..place(to)) {
                part.fill(MASK);
            }
            if to > end {
                break;
            }
            self.covered.pop_front();
        }
        Bytes::from(out)
    }
}

/// Adds a part that ends where the stream does.
fn cover(covered: &mut VecDeque<(u64, u64)>, mut from: u64, to: u64) {
    while let Some((last, end)) = covered.back().copied().filter(|(_, end)| *end >= from) {
        debug_assert!(end <= to, "parts come in the order of their ends");
        from = from.min(last);
        covered.pop_back();
    }
    covered.push_back((from, to));
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    const KEY: &[u8] = b"sk-live_Zq3~9fT-xW7";

    fn redacted(secret: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
        let mut redactor = Redactor::new(Secret::new(secret), FaultSet::none());
        let mut out: Vec<u8> =
            pieces.iter().flat_map(|piece| redactor.push(Bytes::copy_from_slice(piece)).to_vec()).collect();
        out.extend_from_slice(&redactor.finish());
        out
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn every_form_is_found() {
        let secret = Secret::new(KEY);
        let lower = hex(KEY);
        for form in [lower.clone(), lower.to_uppercase(), lower.replace('c', "C")] {
            assert!(secret.is_in(format!("x{form}y").as_bytes()), "{form}");
        }
        for before in ["", "a", "ab", "abc"] {
            for after in ["", "z", "zz"] {
                let text = [before.as_bytes(), KEY, after.as_bytes()].concat();
                assert!(secret.is_in(&text));
                assert!(secret.is_in(STANDARD.encode(&text).as_bytes()), "{before} {after}");
                assert!(secret.is_in(URL_SAFE.encode(&text).as_bytes()), "{before} {after}");
            }
        }
        assert!(!secret.is_in(b"sk-live_Zq3~9fT-xW8"));
        assert!(!secret.is_in(b""));
    }

    #[test]
    fn a_colon_is_found_as_urls_write_it() {
        for text in ["/bot123%3AAbC-d/getMe", "/bot123%3aAbC-d/getMe", "/bot123:AbC-d/getMe"] {
            assert!(Secret::new(b"123:AbC-d").is_in(text.as_bytes()), "{text}");
        }
        assert_eq!(redacted(b"1:A", &[b"x1", b"%3", b"AAy 1%3AB"]), b"x*****y 1%3AB");
    }

    #[test]
    fn both_alphabets_of_base64_are_found_where_they_differ() {
        let key = b"\xfb\xff\xbf>>>???~~~key";
        for text in [STANDARD.encode(key), URL_SAFE.encode(key)] {
            assert!(text.contains(['+', '-']), "{text}");
            assert!(Secret::new(key).is_in(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn it_is_replaced_by_as_many_characters_wherever_the_pieces_end() {
        let text = [b"a ", KEY, b" b ", hex(KEY).as_bytes(), b" ", KEY, KEY, b"."].concat();
        let stars = |count: usize| "*".repeat(count);
        let expected =
            format!("a {} b {} {}.", stars(KEY.len()), stars(KEY.len() * 2), stars(KEY.len() * 2)).into_bytes();
        assert_eq!(redacted(KEY, &[&text]), expected);
        for at in 0..=text.len() {
            let (head, tail) = text.split_at(at);
            assert_eq!(redacted(KEY, &[head, tail]), expected, "{at}");
        }
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(redacted(KEY, &single), expected);
    }

    #[test]
    fn only_an_end_that_begins_a_credential_waits() {
        let mut redactor = Redactor::new(Secret::new(KEY), FaultSet::none());
        assert_eq!(redactor.push(Bytes::from_static(b"data: x\n\n")), "data: x\n\n");
        assert_eq!(redactor.push(Bytes::from_static(b"data: sk-l")), "data: ");
        assert_eq!(redactor.push(Bytes::from_static(b"ater\n\n")), "sk-later\n\n");
        assert_eq!(redactor.push(Bytes::from_static(b"sk-live")), "");
        assert_eq!(redactor.finish(), "sk-live");
        assert_eq!(redactor.finish(), "");
    }

    #[test]
    fn an_empty_or_tiny_credential_masks_no_more_than_itself() {
        assert_eq!(redacted(b"", &[b"abc", b"def"]), b"abcdef");
        assert_eq!(redacted(b"ab", &[b"xabx 6162 ", b"a", b"b"]), b"x**x 6162 **");
    }

    #[test]
    fn the_work_grows_with_the_stream_and_not_with_how_it_is_cut() {
        // The worst for a search that begins again: all of a stream is a beginning of the credential, or nearly.
        let secret = [b'a'; 200];
        for (text, cut) in [(&[b'a'; 199][..], 1), (&[b'a'; 20_000], 1), (&[b'a'; 20_000], 997)] {
            let mut streams = vec![text.to_vec()];
            streams.push(text.chunks(199).flat_map(|run| [run, b"b"].concat()).collect());
            for stream in streams {
                let mut redactor = Redactor::new(Secret::new(&secret), FaultSet::none());
                let before: u64 = redactor.needles.iter().map(|needle| needle.work).sum();
                let mut passed = 0;
                for piece in stream.chunks(cut) {
                    passed += redactor.push(Bytes::copy_from_slice(piece)).len();
                    let waiting = redactor.held.len() - redactor.gone;
                    assert!(waiting < redactor.longest && redactor.held.len() <= 2 * waiting + 1, "{waiting}");
                }
                passed += redactor.finish().len();
                let work = redactor.needles.iter().map(|needle| needle.work).sum::<u64>() - before;
                let most = 2 * (stream.len() * redactor.needles.len()) as u64;
                assert_eq!(passed, stream.len());
                assert!(work <= most, "{work} comparisons of {} bytes with {} forms", stream.len(), most / 2);
                assert!(redactor.covered.is_empty());
            }
        }
    }

    proptest! {
        #[test]
        fn a_long_piece_is_as_many_short_ones(
            text in "(abaab|ab|6|[a-c6]{1,3}){20,200}",
            cut in 1_usize..300,
        ) {
            let secret = b"abaab";
            let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            let longer: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();
            prop_assert_eq!(redacted(secret, &longer), redacted(secret, &single));
        }

        #[test]
        fn however_it_is_cut_the_result_is_one_and_free_of_the_secret(
            secret in "[ab]{3,8}",
            text in "[ab6 ]{0,80}",
            cuts in proptest::collection::vec(0_usize..80, 0..6),
        ) {
            let (secret, text) = (secret.as_bytes(), text.as_bytes());
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|ends| &text[ends[0]..ends[1]]).collect();
            let out = redacted(secret, &pieces);
            prop_assert_eq!(&out, &redacted(secret, &[text]));
            prop_assert_eq!(out.len(), text.len());
            prop_assert!(!Secret::new(secret).is_in(&out));
            for (masked, plain) in out.iter().zip(text) {
                prop_assert!(masked == plain || *masked == b'*');
            }
        }

        #[test]
        fn what_holds_no_secret_passes_as_it_came(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assume!(!Secret::new(KEY).is_in(&text));
            prop_assert_eq!(redacted(KEY, &text.chunks(7).collect::<Vec<_>>()), text);
        }
    }
}
