//! The database: the authority that the KV namespace follows.
//!
//! Every read and write of a tenant's rows takes a [`TenantScope`], and there is no other way to them; a row of another
//! tenant is as absent as one that never was. Two reads come before it is known who acts, and take none: the key of a
//! digest and the connections of an external id. The rate table is public.
//!
//! [`Database`] is what a store of rows can do, [`Db`] is the store that the platform runs on: dispatch is static, and a
//! database across a network is a variant more.

mod memory;
mod rows;

pub use memory::MemoryDatabase;
pub use rows::{AppRow, BindingRow, ConnectionRow, ConnectionStatus, DeploymentRow, KeyRow, MemberRow, Profile};

use crate::identity::bearer::KeyDigest;
use crate::identity::scope::TenantScope;
use crate::ids::{AppId, ConnectionId, DeploymentId, ExternalId, HoldId, KeyId};
use crate::store::money::{Decimal, Micros};
use crate::store::rates::ModelRates;
use crate::store::wallet::{Held, HoldRefusal, JobRef, LedgerLine, NewHold, Settled, Settlement};
use std::fmt;
use std::sync::Arc;

/// Why the database did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// The store is out of reach.
    #[error("the database is out of reach")]
    Unavailable,
    /// A row that the operation names is not there, or is another tenant's.
    #[error("there is no such row")]
    NoRow,
    /// A row with the identifier exists.
    #[error("the identifier is in use")]
    Taken,
    /// The row was written since it was read.
    #[error("the row was written in the meantime")]
    Conflict,
    /// The connection was revoked, for good.
    #[error("the connection was revoked")]
    Revoked,
    /// The connection of a webhook has a live binding already.
    #[error("connection_in_use")]
    ConnectionInUse,
    /// A sum left the range of a wallet.
    #[error("the amount leaves the range of a wallet")]
    Range,
}

macro_rules! database {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        /// What a store of rows can do. A foreign id is answered as an unknown one.
        pub trait Database: Send + Sync + 'static {
            $($(#[$doc])* fn $name(&self, $($argument: $type),*) -> impl Future<Output = $result> + Send;)*
        }

        impl Database for Db {
            $(async fn $name(&self, $($argument: $type),*) -> $result {
                match self { Self::Memory(memory) => memory.$name($($argument),*).await }
            })*
        }
    };
}

/// The store that a platform runs on. Clones are the same one.
#[derive(Clone)]
pub enum Db {
    /// In memory, for as long as the process lives.
    Memory(MemoryDatabase),
}

impl fmt::Debug for Db {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(_) => out.write_str("Db(memory)"),
        }
    }
}

type Outcome<T> = Result<T, DatabaseError>;

database! {
    /// The key of a digest, whoever owns it.
    fn key(digest: &KeyDigest) -> Outcome<Option<KeyRow>>;
    /// The connections that a provider calls so, whoever owns them, the first one first: an external id is a tenant's
    /// own, and another tenant's is no reason to refuse it.
    fn hook_connections(external: &ExternalId) -> Outcome<Vec<ConnectionRow>>;
    /// The rates of a provider's model, byte for byte, or none.
    fn rates(provider: &str, model: &str) -> Outcome<Option<Arc<ModelRates>>>;

    /// The margin on a meter of a provider, in percent.
    fn margin(scope: &TenantScope, provider: &str, meter: &str) -> Outcome<Arc<Decimal>>;
    /// Whether a user is a member of the tenant now.
    fn is_member(scope: &TenantScope, user_id: &str) -> Outcome<bool>;
    /// A deployment. One that was destroyed is still a row.
    fn deployment(scope: &TenantScope, id: &DeploymentId) -> Outcome<Option<DeploymentRow>>;
    /// An app.
    fn app(scope: &TenantScope, id: &AppId) -> Outcome<Option<AppRow>>;
    /// A connection.
    fn connection(scope: &TenantScope, id: &ConnectionId) -> Outcome<Option<ConnectionRow>>;
    /// The bindings of an app to connections of a provider, the oldest first.
    fn bindings(scope: &TenantScope, app: &AppId, provider: &str) -> Outcome<Vec<BindingRow>>;
    /// The bindings of a connection, the oldest first.
    fn bindings_of(scope: &TenantScope, connection: &ConnectionId) -> Outcome<Vec<BindingRow>>;

    /// Adds an app.
    fn insert_app(scope: &TenantScope, row: AppRow) -> Outcome<()>;
    /// Adds a key for an app or a connection of the tenant, and gives the row as it is stored.
    fn insert_key(scope: &TenantScope, row: KeyRow) -> Outcome<KeyRow>;
    /// The tenant's keys, the oldest first.
    fn keys(scope: &TenantScope) -> Outcome<Vec<KeyRow>>;
    /// Marks a key as revoked, from the first such time on, and gives its row.
    fn revoke_key(scope: &TenantScope, id: &KeyId, at_s: i64) -> Outcome<KeyRow>;
    /// Adds a connection. Its external id must be new to the tenant, and its id to all.
    fn insert_connection(scope: &TenantScope, row: ConnectionRow) -> Outcome<()>;
    /// Writes a connection's row anew. Its version must be the stored one and 1, else [`DatabaseError::Conflict`].
    fn update_connection(scope: &TenantScope, row: ConnectionRow) -> Outcome<()>;
    /// Ends a connection, in one step: its bindings go, the row says revoked, and holds no ciphertext any more.
    fn revoke_connection(scope: &TenantScope, id: &ConnectionId) -> Outcome<ConnectionRow>;
    /// Binds a connection to an app of the same tenant. That of a webhook has one binding at the most. What is bound
    /// already stays as it is.
    fn bind(scope: &TenantScope, app: &AppId, connection: &ConnectionId) -> Outcome<()>;
    /// Removes a binding.
    fn unbind(scope: &TenantScope, app: &AppId, connection: &ConnectionId) -> Outcome<()>;

    /// Puts money into the tenant's wallet. The same reference again does nothing.
    fn top_up(scope: &TenantScope, amount: Micros, reference: &str, at_s: i64) -> Outcome<u64>;
    /// Reserves an amount on the tenant's wallet.
    fn hold(scope: &TenantScope, new: NewHold) -> Result<Held, HoldRefusal>;
    /// Settles a hold of the tenant's wallet, once: later calls give the first one's result.
    fn settle(scope: &TenantScope, hold: &HoldId, settlement: Settlement) -> Outcome<Settled>;
    /// The lines of the tenant's ledger, in order.
    fn ledger(scope: &TenantScope) -> Outcome<Vec<LedgerLine>>;
    /// What the tenant's wallet holds, in micro-dollars.
    fn balance(scope: &TenantScope) -> Outcome<u64>;
    /// Notes that a provider's job is the tenant's. The first tenant keeps it.
    fn record_job(scope: &TenantScope, job: JobRef) -> Outcome<()>;
    /// Whether a provider's job is the tenant's.
    fn owns_job(scope: &TenantScope, job: &JobRef) -> Outcome<bool>;
}
