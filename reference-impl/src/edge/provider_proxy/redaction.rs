//! Keeps a credential from coming back: an upstream that repeats what it was sent must not tell a tenant the secret
//! that was injected for it. Pure.
//!
//! The credential is found as it is, with its colons as URLs escape them, in hex of either case, and in base64 of both
//! alphabets at each of the three places where it can begin. It is found across the pieces of a stream, too: of each piece
//! only an end that begins a credential waits for the next.

use crate::fault::{Fault, FaultSet};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use memchr::memmem;
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

    /// Where a text holds it, form by form.
    fn places<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = (usize, usize)> + 't {
        let exact =
            self.exact.iter().flat_map(move |form| overlapping(text, form).map(move |at| (at, at + form.len())));
        exact.chain(self.hex_in(text))
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

    /// Where the longest end of a text begins that is the beginning of a form, and not all of it.
    fn unfinished(&self, text: &[u8]) -> usize {
        let exact = self.exact.iter().map(|form| unfinished(text, form, u8::eq));
        let hex = unfinished(text, &self.hex, u8::eq_ignore_ascii_case);
        exact.chain([hex]).min().unwrap_or(text.len())
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

/// Every place of a form, also those that overlap.
fn overlapping<'t>(text: &'t [u8], form: &'t [u8]) -> impl Iterator<Item = usize> + 't {
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = from + memmem::find(text.get(from..)?, form)?;
        from = at + 1;
        Some(at)
    })
}

/// Where the longest end of a text begins that is a beginning of a form, shorter than the form.
fn unfinished(text: &[u8], form: &[u8], same: impl Fn(&u8, &u8) -> bool) -> usize {
    let Some((first, _)) = form.split_first() else { return text.len() };
    let from = text.len().saturating_sub(form.len() - 1);
    let tail = text.get(from..).unwrap_or_default();
    let begins = |at: &usize| {
        let end = tail.get(*at..).unwrap_or_default();
        end.first().is_some_and(|byte| same(byte, first))
            && end.iter().zip(form).all(|(byte, formed)| same(byte, formed))
    };
    from + (0..tail.len()).find(begins).unwrap_or(tail.len())
}

/// Redacts a stream, piece by piece.
#[derive(Debug)]
pub struct Redactor {
    secret: Secret,
    /// What may be the beginning of a credential, as it came.
    held: Zeroizing<Vec<u8>>,
    /// How much of `held` is the end of a credential that has begun before it.
    masked: usize,
    faults: FaultSet,
}

impl Redactor {
    /// A redactor of one stream.
    #[must_use]
    pub fn new(secret: Secret, faults: FaultSet) -> Self {
        Self { secret, held: Zeroizing::default(), masked: 0, faults }
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
        if self.faults.has(Fault::PrxRedactionPerChunk) {
            let mut out = piece.to_vec();
            for (begin, end) in self.secret.places(&piece) {
                mask(&mut out, begin, end);
            }
            return Bytes::from(out);
        }
        if self.held.is_empty() && self.secret.places(&piece).next().is_none() {
            let keep = self.secret.unfinished(&piece);
            self.held.extend_from_slice(piece.get(keep..).unwrap_or_default());
            return piece.slice(..keep);
        }
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(&piece);
        let keep = self.secret.unfinished(&text);
        let mut out = text.get(..keep).unwrap_or_default().to_vec();
        let held = text.get(keep..).unwrap_or_default().to_vec();
        let mut masked = mask(&mut out, 0, self.masked);
        for (begin, end) in self.secret.places(&text) {
            if begin < keep {
                masked = masked.max(mask(&mut out, begin, end));
            }
        }
        self.masked = masked;
        self.held = Zeroizing::new(held);
        Bytes::from(out)
    }

    /// What is still held, when the stream has ended well.
    pub fn finish(&mut self) -> Bytes {
        let held = std::mem::take(&mut self.held);
        let mut out = held.to_vec();
        mask(&mut out, 0, std::mem::take(&mut self.masked));
        // A shorter form may be whole in what was held as the beginning of a longer one.
        for (begin, end) in self.secret.places(&held) {
            mask(&mut out, begin, end);
        }
        Bytes::from(out)
    }
}

/// Masks a part of some bytes, and says by how much it reaches beyond their end.
fn mask(bytes: &mut [u8], begin: usize, end: usize) -> usize {
    let length = bytes.len();
    if let Some(part) = bytes.get_mut(begin..end.min(length)) {
        part.fill(MASK);
    }
    end.saturating_sub(length)
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

    proptest! {
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
