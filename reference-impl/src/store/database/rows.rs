//! Rows of the database. A row belongs to one tenant, and carries it.

use crate::identity::Role;
use crate::identity::bearer::KeyDigest;
use crate::identity::key::Grant;
use crate::ids::{AppId, ConnectionId, DeploymentId, ExternalId, KeyId, ProviderSlug, TenantId};
use crate::network::Endpoint;
use crate::store::kv::Status;
use crate::store::vault::Envelope;

/// A deployment, as far as the workers need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRow {
    /// Its id.
    pub id: DeploymentId,
    /// Its owner.
    pub tenant: TenantId,
    /// Where its container listens.
    pub target: Endpoint,
    /// Its status. A destroyed deployment's row stays.
    pub status: Status,
}

/// A member of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// The user: an identity token's subject.
    pub user_id: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The role in that tenant.
    pub role: Role,
}

/// An app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRow {
    /// Its id.
    pub id: AppId,
    /// Its owner.
    pub tenant: TenantId,
    /// The deployment that it is the app of, if it has one.
    pub deployment: Option<DeploymentId>,
    /// What webhooks are signed with toward the app's container.
    pub webhook_secret: Envelope,
    /// The most that its keys may spend in a day of UTC, in micro-dollars.
    pub daily_cap_micros: Option<u64>,
    /// The most that its keys may spend in a month of UTC, in micro-dollars.
    pub monthly_cap_micros: Option<u64>,
    /// Rises with every write of the row.
    pub version: u64,
    /// Its place in the order of the tenant's rows.
    pub created: u64,
}

/// A key. What it reads like is not among its columns: only its digest is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Its id.
    pub id: KeyId,
    /// Its owner.
    pub tenant: TenantId,
    /// What it is found by.
    pub digest: KeyDigest,
    /// Its first characters.
    pub prefix: String,
    /// What it opens.
    pub grant: Grant,
    /// When it was revoked, in Unix seconds.
    pub revoked_at_s: Option<i64>,
    /// When it ends, in Unix seconds.
    pub expires_at_s: Option<i64>,
    /// The most that it may spend in a day of UTC, in micro-dollars.
    pub daily_cap_micros: Option<u64>,
    /// The most that it may spend in a month of UTC, in micro-dollars.
    pub monthly_cap_micros: Option<u64>,
    /// Its place in the order of the tenant's rows.
    pub created: u64,
    /// What a planted fault stores.
    #[cfg(feature = "faults")]
    pub(crate) plaintext: Option<String>,
}

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name, as stores write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The one of a name; exact.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }
    };
}

names! {
    /// How a connection's credential came to be, and what may be done with it.
    Profile {
        /// The provider's app was installed: access and refresh token are stored.
        OauthAppInstall = "oauth_app_install",
        /// A broker holds the tokens.
        ComposioManaged = "composio_managed",
        /// The tenant brought a key of its own.
        ByokStatic = "byok_static",
        /// The platform's pooled credential is used.
        VendoManagedPool = "vendo_managed_pool",
        /// The provider sends webhooks; there is nothing to vend.
        WebhookInbound = "webhook_inbound",
        /// A user's own grant. Not supported.
        UserOauth = "user_oauth",
    }
}

names! {
    /// A connection's status.
    ConnectionStatus {
        /// Works.
        Active = "active",
        /// The grant is over: the tenant has to connect anew.
        NeedsReauth = "needs_reauth",
        /// The tenant ended it.
        Revoked = "revoked",
        /// Broken on the provider's side.
        Error = "error",
    }
}

/// A connection to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRow {
    /// Its id.
    pub id: ConnectionId,
    /// Its owner.
    pub tenant: TenantId,
    /// What the provider calls it when it sends a webhook.
    pub external_id: ExternalId,
    /// The provider.
    pub provider: ProviderSlug,
    /// How its credential came to be.
    pub profile: Profile,
    /// Its status.
    pub status: ConnectionStatus,
    /// The user who owns it, if one does.
    pub user_id: Option<String>,
    /// What the broker calls it.
    pub account: Option<String>,
    /// The credential, or the access token. Column `credential`.
    pub credential: Option<Envelope>,
    /// The refresh token, sealed apart. Column `refresh`.
    pub refresh: Option<Envelope>,
    /// What the provider presents with a webhook. Column `webhook_secret`.
    pub webhook_secret: Option<Envelope>,
    /// Rises with every write of the row.
    pub version: u64,
    /// Its place in the order of the tenant's rows.
    pub created: u64,
}

/// A connection bound to an app. App and connection are of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingRow {
    /// The app.
    pub app: AppId,
    /// The connection.
    pub connection: ConnectionId,
    /// Their owner.
    pub tenant: TenantId,
    /// The connection's provider.
    pub provider: ProviderSlug,
    /// Its place in the order of the tenant's rows: the oldest comes first.
    pub created: u64,
}
