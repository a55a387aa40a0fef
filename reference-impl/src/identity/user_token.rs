//! The identity token of a user: a compact JWS with one algorithm, ES256.
//!
//! It narrows what a key opens, and opens nothing by itself. Its tenant is the one in `app_metadata`, which the platform
//! writes; `user_metadata` is the user's own and counts for nothing.

use crate::ids::TenantId;
use std::fmt;

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

/// What a verified identity token says. It can only come from `verify`.
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
