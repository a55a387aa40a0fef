//! What the namespace is told of keys and connections, in the order of their rows.
//!
//! The database is written first, and what follows here may be overtaken on the way. So a key that was revoked is never
//! put back by who issued it a moment ago, nor an older state of a connection over a newer one.

use crate::identity::bearer::KeyDigest;
use crate::identity::key::Grant;
use crate::ids::ConnectionId;
use crate::store::database::{ConnectionRow, ConnectionStatus, KeyRow};
use crate::store::kv::key::SHORT_LIFE;
use crate::store::kv::namespace::ControlKv;
use crate::store::kv::{Conn, ConnEntry, Key, KeyEntry, KeyScope, KvKeyError, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(super) struct Publications(Mutex<Told>);

#[derive(Default)]
struct Told {
    revoked: BTreeSet<KeyDigest>,
    /// The version of the row that was told last.
    connections: BTreeMap<ConnectionId, u64>,
}

impl Publications {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of a key that was issued.
    pub(super) fn issued(&self, kv: &ControlKv, row: &KeyRow) -> Result<(), KvKeyError> {
        let key = Key::new(&row.digest.hex())?;
        let told = self.told();
        if told.revoked.contains(&row.digest) {
            return Ok(());
        }
        let scope = match &row.grant {
            Grant::App(app) => KeyScope::App(app.to_string()),
            Grant::Connection(connection) => KeyScope::Connection(connection.to_string()),
        };
        let entry = KeyEntry {
            key_id: row.id.to_string(),
            tenant_id: row.tenant.to_string(),
            scope,
            revoked: row.revoked_at_s.is_some(),
            expires_at_s: row.expires_at_s,
            daily_cap_micros: row.daily_cap_micros,
            monthly_cap_micros: row.monthly_cap_micros,
        };
        kv.put(&key, Value::Key(Arc::new(entry)), None);
        Ok(())
    }

    /// Tells that a key is revoked: its record goes.
    pub(super) fn revoked(&self, kv: &ControlKv, digest: &KeyDigest) -> Result<(), KvKeyError> {
        let key = Key::new(&digest.hex())?;
        let mut told = self.told();
        told.revoked.insert(*digest);
        kv.delete(&key);
        Ok(())
    }

    /// Tells of a connection's row. That of a revoked connection has no record.
    pub(super) fn connection(&self, kv: &ControlKv, row: &ConnectionRow) -> Result<(), KvKeyError> {
        let key = Conn::new(row.id.as_str())?;
        let mut told = self.told();
        if told.connections.get(&row.id).is_some_and(|version| *version > row.version) {
            return Ok(());
        }
        told.connections.insert(row.id.clone(), row.version);
        if row.status == ConnectionStatus::Revoked {
            kv.delete(&key);
            return Ok(());
        }
        let entry = ConnEntry {
            tenant_id: row.tenant.to_string(),
            provider: row.provider.to_string(),
            profile: row.profile.as_str().to_owned(),
            status: row.status.as_str().to_owned(),
        };
        kv.put(&key, Value::Conn(Arc::new(entry)), Some(SHORT_LIFE));
        Ok(())
    }
}
