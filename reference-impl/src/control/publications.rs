//! What the namespace is told of keys and connections, in the order of their rows.
//!
//! The database is written first, and what follows here may be overtaken on the way. So a key that was revoked is never
//! put back by who issued it a moment ago, nor an older state of a connection over a newer one.

use crate::clock::Clock;
use crate::identity::bearer::KeyDigest;
use crate::identity::key::Grant;
use crate::ids::ConnectionId;
use crate::store::database::{ConnectionRow, ConnectionStatus, KeyRow};
use crate::store::kv::key::SHORT_LIFE;
use crate::store::kv::namespace::ControlKv;
use crate::store::kv::{Conn, ConnEntry, Key, KeyEntry, KeyScope, KvKeyError, Value};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long it is remembered what was told, in seconds. Nothing between a write of a row and its telling waits for
/// anybody; what is late by more is not on its way any more.
const REMEMBERED_S: i64 = 3600;

pub(super) struct Publications {
    clock: Clock,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// Since when.
    revoked: BTreeMap<KeyDigest, i64>,
    /// The version of the row that was told last, and when.
    connections: BTreeMap<ConnectionId, (u64, i64)>,
    /// What may be forgotten, the oldest first.
    order: VecDeque<(i64, Subject)>,
}

enum Subject {
    Key(KeyDigest),
    Connection(ConnectionId),
}

impl Told {
    /// Forgets what can't be overtaken any more.
    fn forget(&mut self, now_s: i64) {
        while self.order.front().is_some_and(|(at_s, _)| now_s.saturating_sub(*at_s) > REMEMBERED_S) {
            let Some((at_s, subject)) = self.order.pop_front() else { return };
            match subject {
                Subject::Key(digest) => {
                    if self.revoked.get(&digest) == Some(&at_s) {
                        self.revoked.remove(&digest);
                    }
                }
                Subject::Connection(id) => {
                    if self.connections.get(&id).is_some_and(|(_, told_s)| *told_s == at_s) {
                        self.connections.remove(&id);
                    }
                }
            }
        }
    }
}

impl Publications {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, told: Mutex::default() }
    }

    fn told(&self) -> (MutexGuard<'_, Told>, i64) {
        let now_s = self.clock.now_s();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.forget(now_s);
        (told, now_s)
    }

    /// Tells of a key that was issued.
    pub(super) fn issued(&self, kv: &ControlKv, row: &KeyRow) -> Result<(), KvKeyError> {
        let key = Key::new(&row.digest.hex())?;
        let (told, _) = self.told();
        if told.revoked.contains_key(&row.digest) {
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
        let (mut told, now_s) = self.told();
        told.revoked.insert(*digest, now_s);
        told.order.push_back((now_s, Subject::Key(*digest)));
        kv.delete(&key);
        Ok(())
    }

    /// Tells of a connection's row. That of a revoked connection has no record.
    pub(super) fn connection(&self, kv: &ControlKv, row: &ConnectionRow) -> Result<(), KvKeyError> {
        let key = Conn::new(row.id.as_str())?;
        let (mut told, now_s) = self.told();
        if told.connections.get(&row.id).is_some_and(|(version, _)| *version > row.version) {
            return Ok(());
        }
        told.connections.insert(row.id.clone(), (row.version, now_s));
        told.order.push_back((now_s, Subject::Connection(row.id.clone())));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn digest(number: u16) -> KeyDigest {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        KeyDigest::from_bytes(bytes)
    }

    #[tokio::test]
    async fn what_was_told_is_remembered_for_an_hour_and_no_longer() {
        let clock = Clock::manual(1_700_000_000_000);
        let kv = ControlKv::new(clock.clone(), Duration::ZERO, None);
        let publications = Publications::new(clock.clone());
        for number in 0..100 {
            publications.revoked(&kv, &digest(number)).unwrap();
            // Once more is remembered from then on.
            publications.revoked(&kv, &digest(0)).unwrap();
            clock.advance(Duration::from_secs(60));
        }
        let (told, _) = publications.told();
        assert_eq!(told.revoked.len(), 61, "an hour of them, and the one that was told again");
        assert!(told.revoked.contains_key(&digest(0)) && !told.revoked.contains_key(&digest(30)));
        assert!(told.order.len() <= 120);
        drop(told);
        clock.advance(Duration::from_secs(2 * 3600));
        let (told, _) = publications.told();
        assert_eq!((told.revoked.len(), told.order.len()), (0, 0));
    }
}
