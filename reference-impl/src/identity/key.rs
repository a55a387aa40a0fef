//! Keys: from a bearer to the caller that it stands for.
//!
//! Start with [`KeyLookup::find`], which reads the record, and [`authenticate`], which judges it. A record can only come
//! from the stores, and a [`Caller`] only from a record.

use super::bearer::{Bearer, KeyDigest};
use super::scope::TenantScope;
use crate::fault::{Fault, FaultSet};
use crate::ids::{AppId, ConnectionId, KeyId, TenantId};
use crate::store::database::{Database, DatabaseError, Db, KeyRow};
use crate::store::kv::{self, KeyEntry, KeyScope, WorkerKv};
#[cfg(feature = "faults")]
use std::collections::BTreeMap;
use std::fmt;
#[cfg(feature = "faults")]
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a key is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// One app: through its bindings, its connections.
    App(AppId),
    /// One connection.
    Connection(ConnectionId),
}

/// A key's record, as a store gave it. It says nothing yet: [`authenticate`] judges it.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRecord {
    tenant: TenantId,
    key: KeyId,
    prefix: String,
    grant: Grant,
    revoked: bool,
    expires_at_s: Option<i64>,
}

impl KeyRecord {
    fn of_row(row: KeyRow) -> Self {
        Self {
            tenant: row.tenant,
            key: row.id,
            prefix: row.prefix,
            grant: row.grant,
            revoked: row.revoked_at_s.is_some(),
            expires_at_s: row.expires_at_s,
        }
    }

    /// An entry that can't be read is none: the database is the authority.
    fn of_entry(entry: &KeyEntry, bearer: Bearer<'_>) -> Option<Self> {
        let grant = match &entry.scope {
            KeyScope::App(id) => Grant::App(AppId::parse(id).ok()?),
            KeyScope::Connection(id) => Grant::Connection(ConnectionId::parse(id).ok()?),
        };
        Some(Self {
            tenant: TenantId::parse(&entry.tenant_id).ok()?,
            key: KeyId::parse(&entry.key_id).ok()?,
            prefix: bearer.prefix().to_owned(),
            grant,
            revoked: entry.revoked,
            expires_at_s: entry.expires_at_s,
        })
    }
}

impl fmt::Debug for KeyRecord {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeyRecord({} of {})", self.key, self.tenant)
    }
}

/// Where keys are looked up: the namespace first, then the database.
#[derive(Clone)]
pub struct KeyLookup {
    kv: WorkerKv,
    database: Db,
    faults: FaultSet,
    /// What a planted fault keeps.
    #[cfg(feature = "faults")]
    found: Arc<Mutex<BTreeMap<KeyDigest, KeyRecord>>>,
}

impl KeyLookup {
    /// A lookup in these stores.
    #[must_use]
    pub fn new(kv: WorkerKv, database: Db, faults: FaultSet) -> Self {
        Self {
            kv,
            database,
            faults,
            #[cfg(feature = "faults")]
            found: Arc::default(),
        }
    }

    /// The record of a bearer, found by its digest and by nothing else.
    ///
    /// # Errors
    /// [`DatabaseError`] where the database can't say.
    pub async fn find(&self, bearer: Bearer<'_>) -> Result<Option<KeyRecord>, DatabaseError> {
        let digest = bearer.digest();
        #[cfg(feature = "faults")]
        if self.faults.has(Fault::RevokedKeyFromCache) {
            let kept = self.kept().get(&digest).cloned();
            if kept.is_some() {
                return Ok(kept);
            }
            let found = self.find_stored(bearer, &digest).await?;
            self.kept().extend(found.clone().map(|record| (digest, record)));
            return Ok(found);
        }
        let found = self.find_stored(bearer, &digest).await?;
        #[cfg(feature = "faults")]
        if found.is_none() && self.faults.has(Fault::KeyFoundByPrefix) {
            let Db::Memory(memory) = &self.database;
            return Ok(memory.key_of_prefix(bearer.prefix()).map(KeyRecord::of_row));
        }
        Ok(found)
    }

    async fn find_stored(&self, bearer: Bearer<'_>, digest: &KeyDigest) -> Result<Option<KeyRecord>, DatabaseError> {
        if let Ok(key) = kv::Key::new(&digest.hex())
            && let Some(entry) = self.kv.get(&key).await
            && let Some(record) = KeyRecord::of_entry(&entry, bearer)
        {
            return Ok(Some(record));
        }
        Ok(self.database.key(digest).await?.map(KeyRecord::of_row))
    }

    #[cfg(feature = "faults")]
    fn kept(&self) -> MutexGuard<'_, BTreeMap<KeyDigest, KeyRecord>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The caller of a bearer at a time in Unix seconds: [`KeyLookup::find`], then [`authenticate`].
    ///
    /// # Errors
    /// [`DatabaseError`] where the database can't say; the inner error is the refusal.
    pub async fn caller(&self, bearer: Bearer<'_>, now_s: i64) -> Result<Result<Caller, KeyRefusal>, DatabaseError> {
        let record = self.find(bearer).await?;
        Ok(record.ok_or(KeyRefusal::Unknown).and_then(|record| authenticate_with(&record, now_s, self.faults)))
    }
}

impl fmt::Debug for KeyLookup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KeyLookup")
    }
}

/// Why a key is refused: 401 with the code that each one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// There is no such key, or no key at all.
    #[error("app_unknown")]
    Unknown,
    /// The key was revoked.
    #[error("app_revoked")]
    Revoked,
    /// The key's time is over.
    #[error("app_expired")]
    Expired,
}

impl KeyRefusal {
    /// The value of `Vendo-Error-Code`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "app_unknown",
            Self::Revoked => "app_revoked",
            Self::Expired => "app_expired",
        }
    }
}

/// Who calls: the tenant, and what of it the key opens. It can only come from [`authenticate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    scope: TenantScope,
    key: KeyId,
    prefix: String,
    grant: Grant,
    expires_at_s: Option<i64>,
}

impl Caller {
    /// The key's tenant. Nothing else in a request names one.
    #[must_use]
    pub fn scope(&self) -> &TenantScope {
        &self.scope
    }

    /// The key's id.
    #[must_use]
    pub fn key(&self) -> &KeyId {
        &self.key
    }

    /// The first characters of the key, for logs.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What the key opens.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// When the key ends, in Unix seconds.
    #[must_use]
    pub fn expires_at_s(&self) -> Option<i64> {
        self.expires_at_s
    }
}

/// The caller that a record stands for at a time in Unix seconds.
///
/// # Errors
/// [`KeyRefusal::Revoked`], then [`KeyRefusal::Expired`].
pub fn authenticate(record: &KeyRecord, now_s: i64) -> Result<Caller, KeyRefusal> {
    authenticate_with(record, now_s, FaultSet::none())
}

pub(crate) fn authenticate_with(record: &KeyRecord, now_s: i64, faults: FaultSet) -> Result<Caller, KeyRefusal> {
    if record.revoked {
        return Err(KeyRefusal::Revoked);
    }
    if record.expires_at_s.is_some_and(|end| now_s >= end) && !faults.has(Fault::ExpiryNotChecked) {
        return Err(KeyRefusal::Expired);
    }
    Ok(Caller {
        scope: TenantScope::mint(record.tenant.clone()),
        key: record.key.clone(),
        prefix: record.prefix.clone(),
        grant: record.grant.clone(),
        expires_at_s: record.expires_at_s,
    })
}
