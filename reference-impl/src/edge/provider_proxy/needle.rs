//! One form of a credential, sought in a stream byte by byte: what came before is never looked at again. Pure.

use zeroize::Zeroizing;

/// A form, and how much of it the stream's end may be the beginning of.
pub(super) struct Needle {
    form: Zeroizing<Vec<u8>>,
    /// Found in any case; the form is in lower case then.
    any_case: bool,
    /// For each beginning of the form: how long the longest shorter beginning is that ends it.
    fallback: Vec<usize>,
    matched: usize,
    /// The comparisons that were made.
    #[cfg(test)]
    pub(super) work: u64,
}

impl Needle {
    /// Seeks a form, or none where it is empty.
    pub(super) fn new(form: &[u8], any_case: bool) -> Option<Self> {
        let mut needle = Self {
            form: Zeroizing::new(form.to_vec()),
            any_case,
            fallback: Vec::with_capacity(form.len()),
            matched: 0,
            #[cfg(test)]
            work: 0,
        };
        let (_, rest) = form.split_first()?;
        // The form is sought in itself, one byte behind.
        needle.fallback.push(0);
        for byte in rest {
            needle.advance(*byte);
            needle.fallback.push(needle.matched);
        }
        needle.matched = 0;
        Some(needle)
    }

    pub(super) fn len(&self) -> usize {
        self.form.len()
    }

    /// The form itself, where it is found in this case alone.
    pub(super) fn exact(&self) -> Option<&[u8]> {
        (!self.any_case).then_some(&self.form)
    }

    /// How long the stream's end is that begins the form.
    pub(super) fn matched(&self) -> usize {
        self.matched
    }

    pub(super) fn forget(&mut self) {
        self.matched = 0;
    }

    /// Takes the stream's next byte. `true`: the form ends with it.
    pub(super) fn step(&mut self, byte: u8) -> bool {
        self.advance(if self.any_case { byte.to_ascii_lowercase() } else { byte });
        let found = self.matched == self.form.len();
        if found {
            self.fall_back();
        }
        found
    }

    fn advance(&mut self, byte: u8) {
        loop {
            #[cfg(test)]
            {
                self.work += 1;
            }
            if self.form.get(self.matched) == Some(&byte) {
                self.matched += 1;
                return;
            }
            if self.matched == 0 {
                return;
            }
            self.fall_back();
        }
    }

    fn fall_back(&mut self) {
        let shorter = self.matched.checked_sub(1).and_then(|last| self.fallback.get(last));
        self.matched = shorter.copied().unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_wherever_it_ends_also_within_itself() {
        for (form, text, ends) in [
            ("abab", "abababxabab", &[3, 5, 10][..]),
            ("aaa", "aaaaa", &[2, 3, 4]),
            ("aab", "aaab", &[3]),
            ("a", "aba", &[0, 2]),
            ("abc", "ab", &[]),
        ] {
            let mut needle = Needle::new(form.as_bytes(), false).unwrap();
            let found: Vec<usize> =
                text.bytes().enumerate().filter(|(_, byte)| needle.step(*byte)).map(|(at, _)| at).collect();
            assert_eq!(found, ends, "{form} in {text}");
        }
        assert!(Needle::new(b"", false).is_none());
        let mut hex = Needle::new(b"6f", true).unwrap();
        assert_eq!([b'6', b'F', b'6', b'f'].map(|byte| hex.step(byte)), [false, true, false, true]);
    }
}
