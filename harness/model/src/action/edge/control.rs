//! What operators change at the edge: keys, connections, bindings, wallets. An actor is a tenant; what isn't his is
//! answered as what isn't there.

use serde::{Deserialize, Serialize};

/// A change at the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeControl {
    /// A tenant issues a key. The case's nth has the id of [`crate::state::edge::issued_id`].
    IssueKey {
        /// Which tenant.
        actor: u8,
        /// For what.
        grant: GrantRef,
        /// In how many seconds it expires; never for `None`.
        expires_in_s: Option<u16>,
    },
    /// A tenant revokes a key.
    RevokeKey {
        /// Which tenant.
        actor: u8,
        /// Which key.
        key: KeyTarget,
    },
    /// A tenant lists its keys.
    ListKeys {
        /// Which tenant.
        actor: u8,
    },
    /// The key-value store loses a key's record; the row stays.
    DropKeyRecord {
        /// Which key.
        key: KeyTarget,
    },
    /// The tenant of a connection sets its status, in row and store. Not to revoked: that is [`Self::RevokeConnection`].
    SetConnection {
        /// Which connection.
        connection: u8,
        /// To what.
        status: ConnectionStatus,
    },
    /// A connection's row changes its status, while the key-value store keeps what it has until it expires.
    StaleConnection {
        /// Which connection.
        connection: u8,
        /// To what.
        status: ConnectionStatus,
    },
    /// A tenant revokes a connection: its bindings go first.
    RevokeConnection {
        /// Which tenant.
        actor: u8,
        /// Which connection.
        connection: u8,
    },
    /// A tenant binds an app to a connection.
    Bind {
        /// Which tenant.
        actor: u8,
        /// Which app.
        app: u8,
        /// Which connection.
        connection: u8,
        /// The destination that is named for its webhooks; the app's deployment for `None`.
        url: Option<DestinationUrl>,
    },
    /// A tenant takes a binding away.
    Unbind {
        /// Which tenant.
        actor: u8,
        /// Which app.
        app: u8,
        /// Which connection.
        connection: u8,
    },
    /// The tenant of a connection stores a new credential in it: [`crate::world::edge::replaced`].
    ReplaceCredential {
        /// Which connection.
        connection: u8,
    },
    /// The tenant of a connection gives it a new webhook secret: [`crate::world::edge::replaced`].
    ReplaceWebhookSecret {
        /// Which connection.
        connection: u8,
    },
    /// A tenant makes something under what is another's, or in use already. It must be refused.
    Take {
        /// Which tenant.
        actor: u8,
        /// What.
        what: Taken,
    },
    /// A tenant's wallet is credited. The payment is told twice, and counts once; payments of two tenants have the same
    /// names.
    TopUp {
        /// Which tenant.
        tenant: u8,
        /// How many cents.
        cents: u16,
    },
    /// The store of all wallets goes out of reach, or comes back.
    SetWalletAvailable {
        /// In reach or not.
        on: bool,
    },
    /// Somebody who may read everything that is stored reads it.
    Dump,
}

/// What is another's, or in use already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Taken {
    /// An app of another tenant's deployment.
    AppOf(u8),
    /// An app of a deployment that isn't there.
    AppOfUnknown,
    /// A connection with the id of a connection.
    ConnectionId(u8),
    /// A key with the digest of a key of the world, for an app of the actor's own.
    Digest(u8),
    /// A key with the id of a key of the world, for an app of the actor's own.
    KeyId(u8),
    /// The status of another tenant's connection.
    Status(u8),
    /// The credential of another tenant's connection.
    Credential(u8),
    /// The webhook secret of another tenant's connection.
    WebhookSecret(u8),
}

/// What a key is to be issued for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantRef {
    /// An app, whosever it is.
    App(u8),
    /// A connection, whosever it is.
    Connection(u8),
    /// An app that isn't there.
    UnknownApp,
    /// A connection that isn't there.
    UnknownConnection,
}

/// A key that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyTarget {
    /// A key of the world.
    Key(u8),
    /// The case's nth issued key; one that isn't there, if there is none.
    Issued(u8),
    /// One that isn't there.
    Unknown,
}

/// A connection's status, as the platform spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionStatus {
    /// Serves.
    Active,
    /// Its authorisation has to be given anew.
    NeedsReauth,
    /// Gone for good.
    Revoked,
    /// Broken at the provider.
    Error,
}

impl ConnectionStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Active, Self::NeedsReauth, Self::Revoked, Self::Error];

    /// As the platform spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::NeedsReauth => "needs_reauth",
            Self::Revoked => "revoked",
            Self::Error => "error",
        }
    }
}

/// A destination that is named for a connection's webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DestinationUrl {
    /// `https://` and the single-level host of the app's own deployment: good.
    Own,
    /// The host of another deployment, whosever it is: refused unless it is the app's own.
    Of(u8),
    /// The own one by `http://`: refused.
    Http,
    /// The own one with a port: refused.
    Port,
    /// The own one with a path: refused.
    Path,
    /// The own one behind a user: refused.
    UserInfo,
    /// `https://evil.example`: refused.
    Stranger,
    /// `https://vendo.run`: refused.
    Platform,
    /// `https://127.0.0.1`: refused.
    Address,
    /// The own host with `.evil.example` behind: refused.
    Suffixed,
    /// Nothing: refused.
    Empty,
}

impl DestinationUrl {
    /// Those that are refused whatever the app.
    pub const REFUSED: [Self; 9] = [
        Self::Http,
        Self::Port,
        Self::Path,
        Self::UserInfo,
        Self::Stranger,
        Self::Platform,
        Self::Address,
        Self::Suffixed,
        Self::Empty,
    ];

    /// As it is given, for an app's own host and that of the deployment that [`Self::Of`] names.
    #[must_use]
    pub fn text(self, own: &str, other: &str) -> String {
        match self {
            Self::Own => format!("https://{own}"),
            Self::Of(_) => format!("https://{other}"),
            Self::Http => format!("http://{own}"),
            Self::Port => format!("https://{own}:8443"),
            Self::Path => format!("https://{own}/x"),
            Self::UserInfo => format!("https://user@{own}"),
            Self::Stranger => "https://evil.example".to_owned(),
            Self::Platform => "https://vendo.run".to_owned(),
            Self::Address => "https://127.0.0.1".to_owned(),
            Self::Suffixed => format!("https://{own}.evil.example"),
            Self::Empty => String::new(),
        }
    }
}
