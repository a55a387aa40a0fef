//! Privileged views and interventions, for who tests a platform. No worker and no tenant has them.

use super::workspace::Workspace;
use super::{AccountError, ControlPlane};
use crate::identity;
use crate::identity::bearer::KeyDigest;
use crate::identity::key::KeyLookup;
use crate::ids::{ConnectionId, TenantId};
use crate::store::database::{ConnectionStatus, Db};
use crate::store::kv::{Key, KvKeyError};
use crate::store::vault::Vault;
use crate::store::wallet::LedgerLine;
use std::collections::BTreeMap;

impl ControlPlane {
    /// The namespace loses a key's record. The database keeps its row.
    ///
    /// # Errors
    /// [`KvKeyError`], which a digest never causes.
    pub fn drop_key_record(&self, digest: &KeyDigest) -> Result<(), KvKeyError> {
        self.0.kv.delete(&Key::new(&digest.hex())?);
        Ok(())
    }

    /// The row of a connection changes, and the namespace is not told: its record stays until it ends by itself.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], [`AccountError::Revoked`].
    pub async fn stale_connection(&self, id: &ConnectionId, status: ConnectionStatus) -> Result<(), AccountError> {
        let owner = self.0.database.connection_owner(id).ok_or(AccountError::NotFound)?;
        let workspace = Workspace { control: self.clone(), scope: identity::operator(owner) };
        workspace.rewrite(id, |row, _| row.status = status).await.map(|_| ())
    }

    /// Whether wallets can be reached.
    pub fn set_wallet_available(&self, available: bool) {
        self.0.database.set_wallet_available(available);
    }

    /// Every stored row, wrapped key and entry of the namespace as text: what somebody sees who can read everything
    /// that is stored, and has no key.
    #[must_use]
    pub fn dump(&self) -> String {
        let mut lines = self.0.database.dump();
        if let Some(vault) = &self.0.vault {
            lines.extend(vault.export_keys().iter().map(|(tenant, generation, bytes)| {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("data_keys {tenant} {generation} {hex}")
            }));
        }
        lines.extend(self.kv_snapshot().into_iter().map(|(key, value)| format!("kv {key} {value}")));
        lines.join("\n")
    }

    /// The vault, if the platform has a master key.
    #[must_use]
    pub fn vault(&self) -> Option<Vault> {
        self.0.vault.clone()
    }

    /// The stores' own face: every operation on a tenant's rows takes a scope, so that having this opens nothing yet.
    #[must_use]
    pub fn database(&self) -> Db {
        Db::Memory(self.0.database.clone())
    }

    /// Where the workers look keys up. It takes the key itself.
    #[must_use]
    pub fn key_lookup(&self) -> KeyLookup {
        self.0.key_lookup.clone()
    }

    /// The ledger of every tenant.
    #[must_use]
    pub fn ledgers(&self) -> BTreeMap<TenantId, Vec<LedgerLine>> {
        self.0.database.ledgers()
    }
}
