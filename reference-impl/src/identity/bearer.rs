//! A bearer: what a client presents, and the digest that it is looked up by.
//!
//! There is one form, and one place for it in each of two headers. What is in a query, a cookie or a body is not a
//! bearer. Nothing here prints one.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use std::fmt;

/// What every key begins with.
pub const KEY_PREFIX: &str = "vendo_sk_";
/// How many characters follow the prefix.
pub const KEY_RANDOM: usize = 32;
/// How many characters of a key are shown and logged: its own first ones.
pub const DISPLAY_PREFIX: usize = 12;
/// The length of a key, in bytes.
const KEY_LENGTH: usize = KEY_PREFIX.len() + KEY_RANDOM;

/// A key as a client presented it. Well formed, and no more than that is known of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bearer<'a>(&'a str);

impl<'a> Bearer<'a> {
    /// Reads a bearer: `vendo_sk_` and 32 characters of `A-Za-z0-9_-`.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let random = bytes.strip_prefix(KEY_PREFIX.as_bytes())?;
        let good = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'-';
        if bytes.len() != KEY_LENGTH || !random.iter().all(good) {
            return None;
        }
        std::str::from_utf8(bytes).ok().map(Self)
    }

    /// The first characters, for people to tell keys apart by.
    #[must_use]
    pub fn prefix(self) -> &'a str {
        self.0.get(..DISPLAY_PREFIX).unwrap_or_default()
    }

    /// What the key is stored and looked up by.
    #[must_use]
    pub fn digest(self) -> KeyDigest {
        KeyDigest::of(self)
    }
}

impl fmt::Debug for Bearer<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Bearer({}…)", self.prefix())
    }
}

/// Why a request presents no bearer. Each of them is 401 `app_unknown`: the client learns none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BearerError {
    /// Neither header is there.
    #[error("there is no bearer")]
    Missing,
    /// A header is there and holds something else than a bearer.
    #[error("a header for a bearer holds something else")]
    Malformed,
    /// A header is there twice.
    #[error("a header for a bearer is there twice")]
    Repeated,
    /// The two headers hold two keys.
    #[error("two different keys are presented")]
    Conflict,
}

/// The bearer of a request: in `Authorization`, in `x-api-key`, or equal in both.
///
/// # Errors
/// [`BearerError`] where there is none, or more than one reading of what is there.
pub fn presented(headers: &HeaderMap) -> Result<Bearer<'_>, BearerError> {
    let authorization = single(headers, AUTHORIZATION.as_str())?.map(|value| after_scheme(value)?.parse_bearer());
    let api_key = single(headers, "x-api-key")?.map(ParseBearer::parse_bearer);
    match (authorization, api_key) {
        (None, None) => Err(BearerError::Missing),
        (Some(found), None) | (None, Some(found)) => found,
        (Some(first), Some(second)) => {
            let (first, second) = (first?, second?);
            if first == second { Ok(first) } else { Err(BearerError::Conflict) }
        }
    }
}

trait ParseBearer<'a> {
    fn parse_bearer(self) -> Result<Bearer<'a>, BearerError>;
}

impl<'a> ParseBearer<'a> for &'a [u8] {
    fn parse_bearer(self) -> Result<Bearer<'a>, BearerError> {
        Bearer::parse(self).ok_or(BearerError::Malformed)
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>, BearerError> {
    let mut fields = headers.get_all(name).iter();
    match (fields.next(), fields.next()) {
        (_, Some(_)) => Err(BearerError::Repeated),
        (field, None) => Ok(field.map(http::HeaderValue::as_bytes)),
    }
}

/// What follows the scheme and one space. The scheme has no case.
fn after_scheme(value: &[u8]) -> Result<&[u8], BearerError> {
    let (scheme, rest) = value.split_at_checked("Bearer ".len()).ok_or(BearerError::Malformed)?;
    if scheme.eq_ignore_ascii_case(b"Bearer ") { Ok(rest) } else { Err(BearerError::Malformed) }
}

/// The SHA-256 of a whole bearer. It is what is stored of a key, and the only thing that a key is found by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of a bearer.
    #[must_use]
    pub fn of(bearer: Bearer<'_>) -> Self {
        Self(Sha256::digest(bearer.0.as_bytes()).into())
    }

    /// A digest that was computed elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// In lower-case hex: the identifier of the key's record in the KV namespace.
    #[must_use]
    pub fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |value: u8| DIGITS.get(usize::from(value)).copied().map_or('0', char::from);
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KeyDigest")
    }
}

#[cfg(test)]
#[path = "bearer_tests.rs"]
mod tests;
