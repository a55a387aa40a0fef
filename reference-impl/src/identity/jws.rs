//! The session token: a compact JWS with one algorithm.
//!
//! Reading is strict: what this module would not write, it does not accept. A token is refused before its claims are
//! looked at unless the signature holds over the very bytes that were received.

use super::json::{object, present};
use super::{AUDIENCE, Member, Role};
use crate::fault::{Fault, FaultSet};
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The longest token that is looked at, in bytes.
pub(super) const TOKEN_MAX: usize = 4096;
/// The shortest signing secret, in bytes.
pub(super) const SECRET_MIN: usize = 32;

const STRICT: GeneralPurpose = URL_SAFE_NO_PAD;
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A signing key of the session cookie. Its secret is wiped when it is dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CookieKey {
    /// The key id, written into each token.
    #[zeroize(skip)]
    pub kid: String,
    /// The HMAC secret, at least 32 bytes.
    pub secret: Vec<u8>,
}

impl fmt::Debug for CookieKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "CookieKey({:?})", self.kid)
    }
}

/// A set of keys that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is none.
    #[error("no cookie key: the first one signs, so at least one is needed")]
    None,
    /// A key has no id.
    #[error("a cookie key has an empty kid")]
    EmptyKid,
    /// Two keys have one id.
    #[error("two cookie keys have the kid {0:?}")]
    Duplicate(String),
    /// A secret is too short.
    #[error("the secret of cookie key {0:?} is shorter than 32 bytes")]
    ShortSecret(String),
}

/// The keys of the session cookie, made ready: the first signs, all verify.
#[derive(Clone)]
pub struct CookieKeys {
    first: Ready,
    others: Vec<Ready>,
}

#[derive(Clone)]
struct Ready {
    kid: String,
    /// The encoded header of a token that we sign with this key.
    header: Vec<u8>,
    mac: Hmac<Sha256>,
}

impl CookieKeys {
    /// Makes keys ready for use.
    ///
    /// # Errors
    /// [`KeyError`] for an empty set, an empty or repeated id, a short secret.
    pub fn new(keys: &[CookieKey]) -> Result<Self, KeyError> {
        let mut ready: Vec<Ready> = Vec::with_capacity(keys.len());
        for key in keys {
            if key.kid.is_empty() {
                return Err(KeyError::EmptyKid);
            }
            if ready.iter().any(|other| other.kid == key.kid) {
                return Err(KeyError::Duplicate(key.kid.clone()));
            }
            let short = || KeyError::ShortSecret(key.kid.clone());
            if key.secret.len() < SECRET_MIN {
                return Err(short());
            }
            let mac = Hmac::new_from_slice(&key.secret).map_err(|_| short())?;
            let header = serde_json::json!({ "alg": "HS256", "kid": key.kid, "typ": "JWT" }).to_string();
            let header = STRICT.encode(header).into_bytes();
            ready.push(Ready { kid: key.kid.clone(), header, mac });
        }
        let mut ready = ready.into_iter();
        let first = ready.next().ok_or(KeyError::None)?;
        Ok(Self { first, others: ready.collect() })
    }

    fn all(&self) -> impl Iterator<Item = &Ready> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl fmt::Debug for CookieKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("CookieKeys").field(&self.all().map(|key| &key.kid).collect::<Vec<_>>()).finish()
    }
}

/// A verified session. It can only come from [`verify`].
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// The claims' texts, one behind the other.
    text: String,
    user_id: Range<usize>,
    email: Range<usize>,
    name: Range<usize>,
    tenant_id: Range<usize>,
    role: Role,
}

impl Session {
    fn new(claims: &Claims<'_>, role: Role) -> Self {
        let mut text = String::with_capacity(
            claims.sub.len()
                + claims.email.len()
                + claims.name.len()
                + claims.tenant_id.as_ref().map_or(0, |id| id.len()),
        );
        let mut add = |part: &str| {
            let start = text.len();
            text.push_str(part);
            start..text.len()
        };
        let (user_id, email, name) = (add(&claims.sub), add(&claims.email), add(&claims.name));
        let tenant_id = add(claims.tenant_id.as_deref().unwrap_or_default());
        Self { text, user_id, email, name, tenant_id, role }
    }

    fn part(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    /// The user's id. Never empty.
    #[must_use]
    pub fn user_id(&self) -> &str {
        self.part(&self.user_id)
    }

    /// The user's address.
    #[must_use]
    pub fn email(&self) -> &str {
        self.part(&self.email)
    }

    /// The user's name, which the user chose.
    #[must_use]
    pub fn name(&self) -> &str {
        self.part(&self.name)
    }

    /// The tenant's id. Never empty.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        self.part(&self.tenant_id)
    }

    /// The role in that tenant.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Session({:?} of {:?})", self.user_id(), self.tenant_id())
    }
}

/// Why a token is no session. For logs and tests: the client learns none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CookieError {
    /// Longer than 4096 bytes.
    #[error("the token is too long")]
    TooLong,
    /// Not three segments.
    #[error("the token has not three segments")]
    Segments,
    /// A segment is not canonical base64url without padding.
    #[error("a segment is not canonical base64url")]
    Base64,
    /// The header is not an object of exactly the known members.
    #[error("the header is malformed")]
    Header,
    /// The algorithm is not HS256.
    #[error("the algorithm is not HS256")]
    Algorithm,
    /// The key id is not one of ours.
    #[error("the key is unknown")]
    UnknownKey,
    /// The signature is not the key's over these bytes.
    #[error("the signature is wrong")]
    Signature,
    /// A claim is missing, repeated, or of the wrong type.
    #[error("the claims are malformed")]
    Claims,
    /// The token is for somebody else.
    #[error("the audience is not app-proxy")]
    Audience,
    /// The token's time is over.
    #[error("the token has expired")]
    Expired,
}

/// The session of a token at a time in Unix seconds.
///
/// # Errors
/// [`CookieError`] for anything but an authentic, unexpired token of ours.
pub fn verify(keys: &CookieKeys, token: &[u8], now_s: i64) -> Result<Session, CookieError> {
    verify_with(keys, token, now_s, FaultSet::none())
}

pub(crate) fn verify_with(
    keys: &CookieKeys,
    token: &[u8],
    now_s: i64,
    faults: FaultSet,
) -> Result<Session, CookieError> {
    if token.len() > TOKEN_MAX {
        return Err(CookieError::TooLong);
    }
    let dot = |bytes: &[u8]| memchr::memchr(b'.', bytes).ok_or(CookieError::Segments);
    let header_end = dot(token)?;
    let (header, rest) = token.split_at_checked(header_end).ok_or(CookieError::Segments)?;
    let rest = rest.strip_prefix(b".").ok_or(CookieError::Segments)?;
    let payload_end = dot(rest)?;
    let (payload, signature) = rest.split_at_checked(payload_end).ok_or(CookieError::Segments)?;
    let signature = signature.strip_prefix(b".").ok_or(CookieError::Segments)?;
    if signature.contains(&b'.') {
        return Err(CookieError::Segments);
    }
    let signed = token.get(..header_end + 1 + payload_end).ok_or(CookieError::Segments)?;

    // The header that we write ourselves needs no reading: its bytes say which key.
    if let Some(key) = keys.all().find(|key| key.header == header) {
        return read_signed(key, signed, payload, signature, now_s, faults);
    }
    let header = decode(header, faults)?;
    let header: Header<'_> = object(&header).ok_or(CookieError::Header)?;
    if header.typ.is_some_and(|typ| typ != "JWT") {
        return Err(CookieError::Header);
    }
    if faults.has(Fault::ApxCookieAlgNone) && header.alg.eq_ignore_ascii_case("none") {
        return read_claims(&decode(payload, faults)?, now_s, faults);
    }
    if header.alg != "HS256" {
        return Err(CookieError::Algorithm);
    }
    let key = match keys.all().find(|key| key.kid == header.kid) {
        Some(key) => key,
        None if faults.has(Fault::ApxCookieUnknownKid) => &keys.first,
        None => return Err(CookieError::UnknownKey),
    };
    read_signed(key, signed, payload, signature, now_s, faults)
}

/// The session of a payload, if the signature over the received bytes is the key's.
fn read_signed(
    key: &Ready,
    signed: &[u8],
    payload: &[u8],
    signature: &[u8],
    now_s: i64,
    faults: FaultSet,
) -> Result<Session, CookieError> {
    let signature = decode(signature, faults)?;
    let alike = |bytes: usize| key.sign(signed).get(..bytes) == signature.get(..bytes);
    let authentic = key.signed(signed, &signature) || (faults.has(Fault::ApxCookieSignaturePrefix) && alike(8));
    if !authentic {
        return Err(CookieError::Signature);
    }
    read_claims(&decode(payload, faults)?, now_s, faults)
}

impl Ready {
    fn sign(&self, bytes: &[u8]) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }

    fn signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        constant_time_eq::constant_time_eq(&self.sign(bytes), signature)
    }
}

fn decode(segment: &[u8], faults: FaultSet) -> Result<Vec<u8>, CookieError> {
    let engine = if faults.has(Fault::ApxCookieLenientBase64) { &LENIENT } else { &STRICT };
    engine.decode(segment).map_err(|_| CookieError::Base64)
}

fn read_claims(payload: &[u8], now_s: i64, faults: FaultSet) -> Result<Session, CookieError> {
    let claims: Claims<'_> = object(payload).ok_or(CookieError::Claims)?;
    let role = Role::from_name(&claims.role).ok_or(CookieError::Claims)?;
    let tenant_missing = claims.tenant_id.as_deref().is_none_or(str::is_empty);
    if claims.sub.is_empty() || (tenant_missing && !faults.has(Fault::ApxCookieMissingTenantMatches)) {
        return Err(CookieError::Claims);
    }
    match claims.aud.as_deref() {
        Some(AUDIENCE) => {}
        Some(_) | None if faults.has(Fault::ApxCookieAudienceIgnored) => {}
        Some(_) => return Err(CookieError::Audience),
        None => return Err(CookieError::Claims),
    }
    if claims.exp <= now_s && !faults.has(Fault::ApxCookieExpiryIgnored) {
        return Err(CookieError::Expired);
    }
    Ok(Session::new(&claims, role))
}

/// The exact members of a token's header.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    kid: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    typ: Option<Cow<'a, str>>,
}

/// The members of a token's payload that count. Others are ignored, a repeated one of these is refused.
#[derive(Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    sub: Cow<'a, str>,
    #[serde(borrow)]
    email: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    tenant_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(rename = "iat")]
    _iat: i64,
    exp: i64,
    #[serde(borrow, default, deserialize_with = "present")]
    aud: Option<Cow<'a, str>>,
}

/// A fresh token for a member, good from `now_s` for `ttl_s` seconds.
pub(crate) fn mint(keys: &CookieKeys, member: &Member, now_s: i64, ttl_s: i64) -> String {
    #[derive(Serialize)]
    struct Written<'a> {
        sub: &'a str,
        email: &'a str,
        name: &'a str,
        tenant_id: &'a str,
        role: &'a str,
        iat: i64,
        exp: i64,
        aud: &'a str,
    }
    let claims = Written {
        sub: &member.user_id,
        email: &member.email,
        name: &member.name,
        tenant_id: member.tenant.as_str(),
        role: member.role.as_str(),
        iat: now_s,
        exp: now_s.saturating_add(ttl_s),
        aud: AUDIENCE,
    };
    // Strings and integers always have a JSON form.
    let payload = serde_json::to_string(&claims).unwrap_or_default();
    let mut token = String::from_utf8_lossy(&keys.first.header).into_owned();
    token.push('.');
    STRICT.encode_string(payload, &mut token);
    let signature = keys.first.sign(token.as_bytes());
    token.push('.');
    STRICT.encode_string(signature, &mut token);
    token
}

#[cfg(test)]
#[path = "jws_tests.rs"]
mod tests;
