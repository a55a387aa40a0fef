//! What changes at the edge during a case: keys, connections, bindings, wallets, what was spent, jobs, tokens.

mod calls;
mod control;

use std::collections::{BTreeMap, BTreeSet};

use crate::action::edge::control::ConnectionStatus;
use crate::world::World;
use crate::world::edge::{Grant, Provider};

/// Seconds for which the key-value store keeps a connection's record.
pub const CONNECTION_LIFETIME_S: i64 = 60;

/// The id of the case's nth issued key.
#[must_use]
pub fn issued_id(nth: usize) -> String {
    format!("kyIssued{nth}")
}

/// Everything of the edge that changes during a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeState {
    /// The world's keys, in their order, then those that were issued.
    pub keys: Vec<KeyState>,
    /// How many of [`Self::keys`] are the world's.
    pub world_keys: usize,
    /// The connections, in the world's order.
    pub connections: Vec<ConnectionState>,
    /// App and connection, the oldest binding first.
    pub bindings: Vec<(usize, usize)>,
    /// Micro-dollars of each tenant.
    pub wallets: Vec<u64>,
    /// Whether the store of all wallets is in reach.
    pub wallet_available: bool,
    /// What was settled, in micro-dollars, by key id and UTC day.
    pub spent: BTreeMap<Spender, BTreeMap<i64, u64>>,
    /// Jobs that a tenant's key began.
    pub jobs: BTreeSet<Job>,
    /// Transcripts that were charged.
    pub charged: BTreeSet<Job>,
    /// Tokens of the broker's that the credentials worker keeps, by connection.
    pub tokens: BTreeMap<usize, CachedToken>,
    /// The serial of the broker's next answer.
    pub broker_serial: u32,
}

/// A key as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyState {
    /// Opaque id.
    pub id: String,
    /// The whole of it; empty when the target said nothing on its issue.
    pub bearer: String,
    /// Index of the tenant.
    pub tenant: usize,
    /// What it opens.
    pub grant: Grant,
    /// From this second on it has expired.
    pub expires_at_s: Option<i64>,
    /// Micro-dollars of a UTC day.
    pub daily_cap_micros: Option<u64>,
    /// Micro-dollars of a UTC month.
    pub monthly_cap_micros: Option<u64>,
    /// Whether it was revoked, or its app's deployment torn down.
    pub revoked: bool,
}

/// A connection as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionState {
    /// The row's status.
    pub status: ConnectionStatus,
    /// The status that the key-value store has, and since when; none once it was purged.
    pub stored: Option<(ConnectionStatus, i64)>,
    /// How often its credential was replaced.
    pub credential: u32,
    /// How often its webhook secret was replaced.
    pub webhook_secret: u32,
}

/// Whose spending a cap bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spender {
    /// A key, by its index in [`EdgeState::keys`].
    Key(usize),
    /// An app.
    App(usize),
}

/// A job at a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Job {
    /// Index of the tenant that began it.
    pub tenant: usize,
    /// At which provider.
    pub provider: Provider,
    /// The number that its POST named.
    pub number: u8,
}

/// A token of the broker's that the credentials worker keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachedToken {
    /// The serial of the answer that held it.
    pub serial: u32,
    /// When it expires by the broker's word.
    pub expires_at_s: Option<i64>,
    /// From this second on it is asked for anew.
    pub until_s: i64,
}

impl EdgeState {
    /// The edge when a case begins.
    #[must_use]
    pub fn new(world: &World) -> Self {
        let keys: Vec<KeyState> = world
            .edge
            .keys
            .iter()
            .map(|key| KeyState {
                id: key.id.clone(),
                bearer: key.bearer.clone(),
                tenant: key.tenant,
                grant: key.grant,
                expires_at_s: key.expires_at_s,
                daily_cap_micros: key.daily_cap_micros,
                monthly_cap_micros: key.monthly_cap_micros,
                revoked: false,
            })
            .collect();
        let connection = ConnectionState {
            status: ConnectionStatus::Active,
            stored: Some((ConnectionStatus::Active, world.start_s)),
            credential: 0,
            webhook_secret: 0,
        };
        Self {
            world_keys: keys.len(),
            keys,
            connections: vec![connection; world.edge.connections.len()],
            bindings: world.edge.bindings.clone(),
            wallets: world.edge.wallets.clone(),
            wallet_available: true,
            spent: BTreeMap::new(),
            jobs: BTreeSet::new(),
            charged: BTreeSet::new(),
            tokens: BTreeMap::new(),
            broker_serial: 0,
        }
    }

    /// The issued key of that number.
    #[must_use]
    pub fn issued(&self, nth: u8) -> Option<&KeyState> {
        self.keys.get(self.world_keys + usize::from(nth))
    }
}
