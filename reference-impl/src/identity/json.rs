//! Reading JSON of a token strictly, for both kinds of token.

use serde::{Deserialize, Deserializer};
use std::borrow::Cow;

/// Reads a JSON object. An array in its place is refused: serde would take its items for the members in order.
pub(super) fn object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let text = std::str::from_utf8(bytes).ok()?;
    if !text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// A text that is borrowed where it can be.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Borrowed<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A member that may be absent, but not `null`.
pub(super) fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'a, str>>, D::Error> {
    Borrowed::deserialize(deserializer).map(|text| Some(text.0))
}
