//! What a tenant's account is told to make, what it shows, and why it refuses.

use super::ControlError;
use crate::entropy::EntropyError;
use crate::identity::key::Grant;
use crate::ids::{AppId, ConnectionId, DeploymentId, ExternalId, KeyId, ProviderSlug};
use crate::store::database::{DatabaseError, KeyRow, Profile};
use crate::store::kv::KvKeyError;
use crate::store::vault::VaultError;
use std::fmt;
use zeroize::Zeroizing;

/// A new app.
#[derive(Clone)]
pub struct NewApp {
    /// Its id.
    pub id: AppId,
    /// The deployment that it is the app of: one of the tenant's own.
    pub deployment: Option<DeploymentId>,
    /// What webhooks are signed with toward its container; drawn where none is given.
    pub webhook_secret: Option<Zeroizing<String>>,
    /// The most that its keys may spend in a day of UTC, in micro-dollars.
    pub daily_cap_micros: Option<u64>,
    /// The most that its keys may spend in a month of UTC, in micro-dollars.
    pub monthly_cap_micros: Option<u64>,
}

impl fmt::Debug for NewApp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "NewApp({})", self.id)
    }
}

/// A new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Its id.
    pub id: KeyId,
    /// What it opens: an app or a connection of the tenant's own.
    pub grant: Grant,
    /// When it ends, in Unix seconds.
    pub expires_at_s: Option<i64>,
    /// The most that it may spend in a day of UTC, in micro-dollars.
    pub daily_cap_micros: Option<u64>,
    /// The most that it may spend in a month of UTC, in micro-dollars.
    pub monthly_cap_micros: Option<u64>,
}

/// A key that was issued. What it reads like exists here and nowhere else.
pub struct IssuedKey {
    /// Its id.
    pub id: KeyId,
    /// The key itself.
    pub plaintext: Zeroizing<String>,
    /// Its first characters, which are shown from now on.
    pub prefix: String,
}

impl fmt::Debug for IssuedKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "IssuedKey({}, {}…)", self.id, self.prefix)
    }
}

/// What is shown of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyView {
    /// Its id.
    pub id: KeyId,
    /// Its first characters.
    pub prefix: String,
    /// What it opens.
    pub grant: Grant,
    /// Whether it was revoked.
    pub revoked: bool,
    /// When it ends, in Unix seconds.
    pub expires_at_s: Option<i64>,
}

impl From<KeyRow> for KeyView {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.id,
            prefix: row.prefix,
            grant: row.grant,
            revoked: row.revoked_at_s.is_some(),
            expires_at_s: row.expires_at_s,
        }
    }
}

/// A new connection.
#[derive(Clone)]
pub struct NewConnection {
    /// Its id.
    pub id: ConnectionId,
    /// What the provider calls it when it sends a webhook.
    pub external_id: ExternalId,
    /// The provider.
    pub provider: ProviderSlug,
    /// How its credential came to be.
    pub profile: Profile,
    /// The user who owns it, if one does.
    pub user_id: Option<String>,
    /// What the broker calls it. Visible ASCII.
    pub account: Option<String>,
    /// The credential, or the access token: 1 to 4096 of `A-Za-z0-9._~:-`.
    pub credential: Option<Zeroizing<String>>,
    /// The refresh token: 1 to 4096 of visible ASCII.
    pub refresh_token: Option<Zeroizing<String>>,
    /// What the provider presents with a webhook: 1 to 4096 of visible ASCII. Drawn for a connection of profile
    /// [`Profile::WebhookInbound`] where none is given.
    pub webhook_secret: Option<Zeroizing<String>>,
}

impl fmt::Debug for NewConnection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "NewConnection({}, {} at {})", self.id, self.profile.as_str(), self.provider)
    }
}

/// Why an account refused. What is another tenant's is refused as what never was: [`AccountError::NotFound`].
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Something that the operation names is not there, for this tenant.
    #[error("not_found")]
    NotFound,
    /// The identifier of what is to be made is in use.
    #[error("the identifier is in use")]
    Taken,
    /// The connection of a webhook is bound already.
    #[error("connection_in_use")]
    ConnectionInUse,
    /// The connection was revoked, for good.
    #[error("the connection was revoked")]
    Revoked,
    /// The destination is not `https://` and a live host of the app's deployment, and nothing else.
    #[error("the deployment_url is no live host of the app's deployment")]
    BadDeploymentUrl,
    /// A secret is empty, too long, or holds what could change the request that it is written into.
    #[error("the {0} is empty, too long, or holds a character that it must not")]
    BadSecret(&'static str),
    /// The reference of a payment is empty or too long, or was used for another amount.
    #[error("the reference can't be used for this amount")]
    BadReference,
    /// The amount leaves the range of a wallet.
    #[error("the amount leaves the range of a wallet")]
    Range,
    /// Nothing can be sealed: the platform was started without a master key.
    #[error("nothing can be sealed: the configuration has no edge.master_key")]
    NoMasterKey,
    /// The database refused for a reason of its own.
    #[error("writing to the database: {0}")]
    Database(DatabaseError),
    /// The vault refused.
    #[error("sealing or opening a secret: {0}")]
    Vault(#[from] VaultError),
    /// No randomness for a secret.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// An identifier made no key of the namespace.
    #[error(transparent)]
    Key(#[from] KvKeyError),
}

impl From<DatabaseError> for AccountError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::NoRow => Self::NotFound,
            DatabaseError::Taken => Self::Taken,
            DatabaseError::ConnectionInUse => Self::ConnectionInUse,
            DatabaseError::Revoked => Self::Revoked,
            DatabaseError::Range => Self::Range,
            DatabaseError::Unavailable | DatabaseError::Conflict => Self::Database(error),
        }
    }
}

impl From<DatabaseError> for ControlError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}
