//! What the text decoders share.
//!
//! A decoder goes from a text to what it may stand for. It is cheap on text without its trigger, decodes all
//! candidates of a text into one buffer, and keeps enough to say where in its source a position of that buffer came
//! from.

/// Stands between stretches of a decoded buffer that are not neighbours in the source.
pub(super) const SEPARATOR: u8 = 0;

/// The first position from `from` on whose byte is wanted.
pub(super) fn position(source: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let rest = source.get(from..)?;
    let (blocks, _) = rest.as_chunks::<32>();
    let clean = blocks.iter().take_while(|block| !block.iter().fold(false, |any, b| any | wanted(*b))).count() * 32;
    let found = rest.iter().skip(clean).position(|b| wanted(*b))?;
    Some(from + clean + found)
}

/// Reports every run of at least `min` bytes of a class. Looks at every `min`-th byte, and at others only around it.
pub(super) fn for_runs(source: &[u8], min: usize, class: impl Fn(u8) -> bool, mut report: impl FnMut(usize, usize)) {
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
