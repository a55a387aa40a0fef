//! The identity token of a user: a compact JWS with one algorithm, ES256.
//!
//! It narrows what a key opens, and opens nothing by itself. Its tenant is the one in `app_metadata`, which the platform
//! writes; `user_metadata` is the user's own and counts for nothing.

use super::json::{Borrowed, object, present};
use crate::fault::{Fault, FaultSet};
use crate::ids::TenantId;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;

/// The longest token that is looked at, in bytes.
const TOKEN_MAX: usize = 4096;
/// The audience of an identity token.
const AUDIENCE: &str = "vendo";

/// A public key that identity tokens are verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityKey {
    /// The key id in a token's header.
    pub kid: String,
    /// The point of P-256, uncompressed: 65 bytes that begin with 4.
    pub public_key: Vec<u8>,
}

/// A set of keys that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityKeyError {
    /// A key has no id.
    #[error("an identity key has an empty kid")]
    EmptyKid,
    /// Two keys have one id.
    #[error("two identity keys have the kid {0:?}")]
    Duplicate(String),
    /// The public key has not the one form.
    #[error("the identity key {0:?} is not an uncompressed point of P-256: 65 bytes that begin with 4")]
    Form(String),
}

/// The keys of identity tokens. Without one no token is good.
#[derive(Clone, Default)]
pub struct IdentityKeys(Vec<IdentityKey>);

impl IdentityKeys {
    /// Takes keys.
    ///
    /// # Errors
    /// [`IdentityKeyError`] for an empty or repeated id, or a key of another form.
    pub fn new(keys: &[IdentityKey]) -> Result<Self, IdentityKeyError> {
        for (place, key) in keys.iter().enumerate() {
            if key.kid.is_empty() {
                return Err(IdentityKeyError::EmptyKid);
            }
            if keys.iter().take(place).any(|other| other.kid == key.kid) {
                return Err(IdentityKeyError::Duplicate(key.kid.clone()));
            }
            if key.public_key.len() != 65 || key.public_key.first() != Some(&4) {
                return Err(IdentityKeyError::Form(key.kid.clone()));
            }
        }
        Ok(Self(keys.to_vec()))
    }
}

impl fmt::Debug for IdentityKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("IdentityKeys").field(&self.0.iter().map(|key| &key.kid).collect::<Vec<_>>()).finish()
    }
}

/// What a verified identity token says. It can only come from [`verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserClaims {
    sub: String,
    tenant_id: TenantId,
}

impl UserClaims {
    /// The user. Never empty.
    #[must_use]
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// The tenant that the platform wrote into the token.
    #[must_use]
    pub fn tenant_id(&self) -> &TenantId {
        &self.tenant_id
    }
}

/// Why a token is no identity token of ours. The client learns none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserTokenError {
    /// Longer than 4096 bytes.
    #[error("the token is too long")]
    TooLong,
    /// Not three segments of canonical base64url without padding.
    #[error("the token is not three segments of canonical base64url")]
    Form,
    /// The header is not an object of exactly the known members.
    #[error("the header is malformed")]
    Header,
    /// The algorithm is not ES256.
    #[error("the algorithm is not ES256")]
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
    #[error("the audience is not vendo")]
    Audience,
    /// The token's time is over.
    #[error("the token has expired")]
    Expired,
}

/// The claims of an identity token at a time in Unix seconds.
///
/// Whether its tenant is the key's, and its subject still a member, is for who has the key and the database to say.
///
/// # Errors
/// [`UserTokenError`] for anything but an authentic, unexpired token of ours.
pub fn verify(token: &[u8], keys: &IdentityKeys, now_s: i64) -> Result<UserClaims, UserTokenError> {
    verify_with(token, keys, now_s, FaultSet::none())
}

pub(crate) fn verify_with(
    token: &[u8],
    keys: &IdentityKeys,
    now_s: i64,
    faults: FaultSet,
) -> Result<UserClaims, UserTokenError> {
    use UserTokenError as No;
    if token.len() > TOKEN_MAX {
        return Err(No::TooLong);
    }
    let mut segments = token.split(|byte| *byte == b'.');
    let (Some(header), Some(payload), Some(signature), None) =
        (segments.next(), segments.next(), segments.next(), segments.next())
    else {
        return Err(No::Form);
    };
    let signed = token.get(..header.len() + 1 + payload.len()).ok_or(No::Form)?;
    let decode = |segment: &[u8]| URL_SAFE_NO_PAD.decode(segment).map_err(|_| No::Form);
    let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);

    let header: Header<'_> = object(&header).ok_or(No::Header)?;
    if header.typ.is_some_and(|typ| typ != "JWT") {
        return Err(No::Header);
    }
    if header.alg != "ES256" {
        return Err(No::Algorithm);
    }
    let key = keys.0.iter().find(|key| key.kid == header.kid).ok_or(No::UnknownKey)?;
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.public_key);
    public.verify(signed, &signature).map_err(|_| No::Signature)?;

    let claims: Claims<'_> = object(&payload).ok_or(No::Claims)?;
    if claims.sub.is_empty() {
        return Err(No::Claims);
    }
    let written = if faults.has(Fault::CrdUserMetadataCounts) { tenant_by_user(&payload) } else { None };
    let tenant = written.as_deref().unwrap_or(&claims.app_metadata.tenant_id);
    let tenant_id = TenantId::parse(tenant).map_err(|_| No::Claims)?;
    if claims.aud != AUDIENCE {
        return Err(No::Audience);
    }
    if claims.exp <= now_s {
        return Err(No::Expired);
    }
    Ok(UserClaims { sub: claims.sub.into_owned(), tenant_id })
}

/// What the user wrote about himself. Only a planted fault reads it.
fn tenant_by_user(payload: &[u8]) -> Option<String> {
    let claims: serde_json::Value = serde_json::from_slice(payload).ok()?;
    claims.get("user_metadata")?.get("tenant_id")?.as_str().map(str::to_owned)
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
    aud: Cow<'a, str>,
    exp: i64,
    #[serde(borrow)]
    app_metadata: AppMetadata<'a>,
}

/// What the platform wrote about the user.
struct AppMetadata<'a> {
    tenant_id: Cow<'a, str>,
}

impl<'de: 'a, 'a> Deserialize<'de> for AppMetadata<'a> {
    /// As an object alone: an array in its place would be taken for the members in order.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Cow<'de, str>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object with a tenant_id")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut tenant_id = None;
                while let Some(name) = map.next_key::<Borrowed<'de>>()? {
                    if name.0 != "tenant_id" {
                        map.next_value::<IgnoredAny>()?;
                    } else if tenant_id.replace(map.next_value::<Borrowed<'de>>()?.0).is_some() {
                        return Err(M::Error::duplicate_field("tenant_id"));
                    }
                }
                tenant_id.ok_or_else(|| M::Error::missing_field("tenant_id"))
            }
        }
        deserializer.deserialize_map(Members).map(|tenant_id| Self { tenant_id })
    }
}

#[cfg(test)]
#[path = "user_token_tests.rs"]
mod tests;
