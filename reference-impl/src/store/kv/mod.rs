//! The KV namespace: what routes, keys, balances and connections are looked up in.
//!
//! A worker holds a [`WorkerKv`], which can read one typed key and nothing else. There is no list, no scan, no prefix
//! and no raw string: that is a property of the types, and tests that must not compile hold it. The control plane
//! holds the only writer. The database is the authority and is written first; this namespace follows, and a reader may
//! be given a past state of it (see `namespace`).

pub mod key;
pub(crate) mod namespace;

pub use key::{Balance, Conn, DeployHost, DeployKey, DeployLabel, Key, KvKeyError, TypedKey};
pub use namespace::WorkerKv;

use serde::Serialize;
use std::sync::Arc;

/// A deployment's status, as the routing entry carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Serves.
    Running,
    /// On its way to sleep.
    Suspending,
    /// Asleep.
    Suspended,
    /// Waking up.
    Resuming,
    /// Could not be put to sleep.
    SuspendFailed,
    /// Could not be woken.
    ResumeFailed,
    /// Gone for good.
    Destroyed,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Running,
        Self::Suspending,
        Self::Suspended,
        Self::Resuming,
        Self::SuspendFailed,
        Self::ResumeFailed,
        Self::Destroyed,
    ];
}

/// Where a host leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeployEntry {
    /// The endpoint of the deployment's container.
    pub target: String,
    /// Whether a member's session is asked for.
    pub vendo_auth: bool,
    /// The tenant that owns the deployment.
    pub tenant_id: String,
    /// The deployment.
    pub deployment_id: String,
    /// Its status.
    pub status: Status,
}

/// What an API key stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyEntry {
    /// The key's id.
    pub key_id: String,
    /// The tenant that owns the key.
    pub tenant_id: String,
    /// The app or connection that the key is for.
    pub scope: KeyScope,
    /// Whether the key was revoked.
    pub revoked: bool,
    /// When the key ends, in Unix seconds.
    pub expires_at_s: Option<i64>,
    /// The most that the key may spend in a day, in micro-dollars.
    pub daily_cap_micros: Option<u64>,
    /// The most that the key may spend in a month, in micro-dollars.
    pub monthly_cap_micros: Option<u64>,
}

/// What an API key is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyScope {
    /// An app, by id.
    App(String),
    /// A connection, by id.
    Connection(String),
}

/// A tenant's balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BalanceEntry {
    /// In micro-dollars.
    pub micros: i64,
}

/// A connection to a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnEntry {
    /// The tenant that owns the connection.
    pub tenant_id: String,
    /// The provider's name.
    pub provider: String,
    /// The credential profile's name.
    pub profile: String,
    /// The connection's status.
    pub status: String,
}

/// A value of the namespace.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Deploy(Arc<DeployEntry>),
    Key(Arc<KeyEntry>),
    Balance(Arc<BalanceEntry>),
    Conn(Arc<ConnEntry>),
    /// What a planted fault writes.
    #[cfg(feature = "faults")]
    Seen(i64),
}

impl Value {
    /// The value as JSON, its members in declaration order.
    fn to_json(&self) -> String {
        let json = match self {
            Self::Deploy(entry) => serde_json::to_string(&**entry),
            Self::Key(entry) => serde_json::to_string(&**entry),
            Self::Balance(entry) => serde_json::to_string(&**entry),
            Self::Conn(entry) => serde_json::to_string(&**entry),
            #[cfg(feature = "faults")]
            Self::Seen(at_s) => serde_json::to_string(at_s),
        };
        // Strings, numbers and options of them always have a JSON form.
        json.unwrap_or_default()
    }
}
