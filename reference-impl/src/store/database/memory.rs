//! The database in memory: a tenant's rows behind a lock of their own, a tenant's wallet behind another.
//!
//! Rows lie with their tenant, and a scope leads to one tenant alone. What has to be unique over all tenants, and what is
//! looked up before it is known who acts, is in an index beside them. The index is locked before a tenant's rows, and a
//! wallet last.

use super::{
    AppRow, BindingRow, ConnectionRow, ConnectionStatus, Database, DatabaseError, DeploymentRow, KeyRow, MemberRow,
    Outcome, Profile,
};
use crate::entropy::Entropy;
use crate::fault::{Fault, FaultSet};
use crate::identity::bearer::KeyDigest;
use crate::identity::key::Grant;
use crate::identity::scope::TenantScope;
use crate::ids::{AppId, ConnectionId, DeploymentId, ExternalId, HoldId, KeyId, TenantId};
use crate::store::kv::Status;
use crate::store::money::{Decimal, Micros};
use crate::store::rates::{ModelRates, Rates};
use crate::store::vault::Envelope;
use crate::store::wallet::{
    Caps, Held, HoldRefusal, JobRef, LedgerLine, NewHold, Settled, Settlement, Wallet, WalletError,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use papaya::HashMap;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A database in memory. Clones are the same one.
#[derive(Clone)]
pub struct MemoryDatabase(Arc<Inner>);

struct Inner {
    tenants: HashMap<TenantId, Arc<Tenant>, foldhash::fast::RandomState>,
    index: RwLock<Index>,
    rates: Rates,
    wallet_available: AtomicBool,
    entropy: Entropy,
    faults: FaultSet,
    /// What planted faults share.
    #[cfg(feature = "faults")]
    last_scope: Mutex<Option<TenantScope>>,
}

/// What is unique over all tenants.
#[derive(Default)]
struct Index {
    apps: BTreeMap<AppId, TenantId>,
    deployments: BTreeMap<DeploymentId, TenantId>,
    keys: BTreeMap<KeyId, TenantId>,
    digests: BTreeMap<KeyDigest, (TenantId, KeyId)>,
    connections: BTreeMap<ConnectionId, TenantId>,
    /// Not unique: each tenant has its own, in the order in which they came.
    external_ids: BTreeMap<ExternalId, Vec<(TenantId, ConnectionId)>>,
    jobs: BTreeMap<JobRef, TenantId>,
}

struct Tenant {
    rows: RwLock<Rows>,
    wallet: Mutex<Wallet>,
}

#[derive(Default)]
struct Rows {
    last: u64,
    members: BTreeMap<String, MemberRow>,
    deployments: BTreeMap<DeploymentId, DeploymentRow>,
    apps: BTreeMap<AppId, AppRow>,
    keys: BTreeMap<KeyId, KeyRow>,
    connections: BTreeMap<ConnectionId, ConnectionRow>,
    /// In the order in which they were made.
    bindings: Vec<BindingRow>,
}

impl Rows {
    /// The next place in the order of rows.
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

/// Claims an identifier that is unique over all tenants.
fn claim<K: Ord + Clone, V>(index: &mut BTreeMap<K, V>, id: &K, value: V) -> Outcome<()> {
    if index.contains_key(id) {
        return Err(DatabaseError::Taken);
    }
    index.insert(id.clone(), value);
    Ok(())
}

impl MemoryDatabase {
    pub(crate) fn new(rates: Rates, entropy: Entropy, faults: FaultSet) -> Self {
        Self(Arc::new(Inner {
            tenants: HashMap::with_hasher(foldhash::fast::RandomState::default()),
            index: RwLock::default(),
            rates,
            wallet_available: AtomicBool::new(true),
            entropy,
            faults,
            #[cfg(feature = "faults")]
            last_scope: Mutex::default(),
        }))
    }

    /// The tenant of a scope.
    fn tenant(&self, scope: &TenantScope) -> Outcome<Arc<Tenant>> {
        self.tenant_of(scope.tenant())
    }

    fn tenant_of(&self, id: &TenantId) -> Outcome<Arc<Tenant>> {
        self.0.tenants.pin().get(id).cloned().ok_or(DatabaseError::NoRow)
    }

    fn index(&self) -> RwLockWriteGuard<'_, Index> {
        self.0.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_read(&self) -> RwLockReadGuard<'_, Index> {
        self.0.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The row of a tenant that the index led to.
    fn row<T>(&self, tenant: &TenantId, read: impl FnOnce(&Rows) -> Option<T>) -> Option<T> {
        let tenants = self.0.tenants.pin();
        read(&tenants.get(tenant)?.read())
    }

    /// A key of which only the first characters are known, for a planted fault.
    #[cfg(feature = "faults")]
    pub(crate) fn key_of_prefix(&self, prefix: &str) -> Option<KeyRow> {
        let index = self.index_read();
        let mut found = index.keys.iter().filter_map(|(id, owner)| self.row(owner, |rows| rows.keys.get(id).cloned()));
        found.find(|row| row.prefix == prefix)
    }

    #[cfg(feature = "faults")]
    fn last_scope(&self) -> MutexGuard<'_, Option<TenantScope>> {
        self.0.last_scope.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wallet_reachable(&self) -> Outcome<()> {
        if self.0.wallet_available.load(Ordering::SeqCst) { Ok(()) } else { Err(DatabaseError::Unavailable) }
    }

    /// A hold's id: random, so that nobody can name another's.
    fn hold_id(&self, scope: &TenantScope) -> Option<HoldId> {
        let drawn = self.0.entropy.draw(&format!("hold:{}", scope.tenant())).ok()?;
        HoldId::parse(&format!("h_{}", URL_SAFE_NO_PAD.encode(drawn.first_chunk::<16>()?))).ok()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Tenant {
    fn read(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Rows> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn wallet(&self) -> MutexGuard<'_, Wallet> {
        self.wallet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the control plane provisions. None of it waits.
impl MemoryDatabase {
    /// Adds a tenant, with an empty wallet.
    pub(crate) fn create_tenant(&self, id: &TenantId) -> Outcome<()> {
        let tenant = Tenant { rows: RwLock::default(), wallet: Mutex::new(Wallet::new(self.0.faults)) };
        let tenants = self.0.tenants.pin();
        tenants.try_insert(id.clone(), Arc::new(tenant)).map(|_| ()).map_err(|_| DatabaseError::Taken)
    }

    /// Adds a deployment, or writes its row anew.
    pub(crate) fn put_deployment(&self, scope: &TenantScope, row: DeploymentRow) -> Outcome<()> {
        let tenant = self.tenant(scope)?;
        let mut index = self.index();
        if index.deployments.get(&row.id).is_some_and(|owner| owner != scope.tenant()) {
            return Err(DatabaseError::Taken);
        }
        index.deployments.insert(row.id.clone(), scope.tenant().clone());
        tenant.write().deployments.insert(row.id.clone(), row);
        Ok(())
    }

    /// Revokes the keys of a deployment's apps. Gives their digests.
    pub(crate) fn revoke_keys_of(
        &self,
        scope: &TenantScope,
        deployment: &DeploymentId,
        at_s: i64,
    ) -> Outcome<Vec<KeyDigest>> {
        let tenant = self.tenant(scope)?;
        let mut rows = tenant.write();
        let Rows { apps, keys, .. } = &mut *rows;
        let of_deployment = |app: &AppId| apps.get(app).is_some_and(|app| app.deployment.as_ref() == Some(deployment));
        let revoked = keys.values_mut().filter(|key| match &key.grant {
            Grant::App(app) => of_deployment(app),
            Grant::Connection(_) => false,
        });
        Ok(revoked
            .map(|key| {
                key.revoked_at_s.get_or_insert(at_s);
                key.digest
            })
            .collect())
    }

    /// Adds a member, or changes his role.
    pub(crate) fn put_member(&self, scope: &TenantScope, row: MemberRow) -> Outcome<()> {
        self.tenant(scope)?.write().members.insert(row.user_id.clone(), row);
        Ok(())
    }

    /// Removes a member.
    pub(crate) fn remove_member(&self, scope: &TenantScope, user_id: &str) -> Outcome<()> {
        self.tenant(scope)?.write().members.remove(user_id).map(|_| ()).ok_or(DatabaseError::NoRow)
    }

    /// Whether wallets can be reached.
    pub(crate) fn set_wallet_available(&self, available: bool) {
        self.0.wallet_available.store(available, Ordering::SeqCst);
    }

    /// The ledger of every tenant. A privileged view.
    pub(crate) fn ledgers(&self) -> BTreeMap<TenantId, Vec<LedgerLine>> {
        let tenants = self.0.tenants.pin();
        tenants.iter().map(|(id, tenant)| (id.clone(), tenant.wallet().ledger())).collect()
    }

    /// The owner of a connection. A privileged view.
    pub(crate) fn connection_owner(&self, id: &ConnectionId) -> Option<TenantId> {
        self.index_read().connections.get(id).cloned()
    }

    /// Every row as text, with the bytes of what is sealed. A privileged view.
    pub(crate) fn dump(&self) -> Vec<String> {
        let tenants = self.0.tenants.pin();
        let ordered: BTreeMap<&TenantId, &Arc<Tenant>> = tenants.iter().collect();
        let mut lines = Vec::new();
        for (id, tenant) in ordered {
            lines.push(format!("tenants {id}"));
            let rows = tenant.read();
            lines.extend(rows.members.values().map(|row| format!("workspace_members {row:?}")));
            lines.extend(rows.deployments.values().map(|row| format!("deployments {row:?}")));
            for row in rows.apps.values() {
                lines.push(format!("apps {row:?} webhook_secret={}", hex(row.webhook_secret.as_bytes())));
            }
            lines.extend(rows.keys.values().map(|row| format!("keys {row:?} digest={}", row.digest.hex())));
            for row in rows.connections.values() {
                let sealed = |envelope: &Option<Envelope>| {
                    envelope.as_ref().map_or_else(|| "null".to_owned(), |envelope| hex(envelope.as_bytes()))
                };
                let (credential, refresh) = (sealed(&row.credential), sealed(&row.refresh));
                let webhook_secret = sealed(&row.webhook_secret);
                lines.push(format!(
                    "connections {row:?} credential={credential} refresh={refresh} webhook_secret={webhook_secret}"
                ));
            }
            lines.extend(rows.bindings.iter().map(|row| format!("app_connection_bindings {row:?}")));
            lines.extend(tenant.wallet().ledger().iter().map(|line| format!("credits {line:?}")));
        }
        let index = self.index_read();
        lines.extend(index.jobs.iter().map(|(job, tenant)| format!("jobs {job:?} {tenant}")));
        lines
    }
}

impl Database for MemoryDatabase {
    async fn key(&self, digest: &KeyDigest) -> Outcome<Option<KeyRow>> {
        let index = self.index_read();
        let found = if self.0.faults.has(Fault::KeyDigestTruncated) {
            let bucket = |digest: &KeyDigest| digest.as_bytes().first().copied();
            index.digests.iter().find(|(other, _)| bucket(other) == bucket(digest)).map(|(_, found)| found)
        } else {
            index.digests.get(digest)
        };
        Ok(found.and_then(|(tenant, id)| self.row(tenant, |rows| rows.keys.get(id).cloned())))
    }

    async fn hook_connections(&self, external: &ExternalId) -> Outcome<Vec<ConnectionRow>> {
        let index = self.index_read();
        let found = index.external_ids.get(external).into_iter().flatten();
        Ok(found.filter_map(|(tenant, id)| self.row(tenant, |rows| rows.connections.get(id).cloned())).collect())
    }

    async fn rates(&self, provider: &str, model: &str) -> Outcome<Option<Arc<ModelRates>>> {
        Ok(self.0.rates.of(provider, model))
    }

    async fn margin(&self, scope: &TenantScope, provider: &str, meter: &str) -> Outcome<Arc<Decimal>> {
        Ok(self.0.rates.margin(scope.tenant(), provider, meter))
    }

    async fn is_member(&self, scope: &TenantScope, user_id: &str) -> Outcome<bool> {
        Ok(self.tenant(scope)?.read().members.contains_key(user_id))
    }

    async fn deployment(&self, scope: &TenantScope, id: &DeploymentId) -> Outcome<Option<DeploymentRow>> {
        Ok(self.tenant(scope)?.read().deployments.get(id).cloned())
    }

    async fn app(&self, scope: &TenantScope, id: &AppId) -> Outcome<Option<AppRow>> {
        Ok(self.tenant(scope)?.read().apps.get(id).cloned())
    }

    async fn connection(&self, scope: &TenantScope, id: &ConnectionId) -> Outcome<Option<ConnectionRow>> {
        Ok(self.tenant(scope)?.read().connections.get(id).cloned())
    }

    async fn bindings(&self, scope: &TenantScope, app: &AppId, provider: &str) -> Outcome<Vec<BindingRow>> {
        let tenant = self.tenant(scope)?;
        let rows = tenant.read();
        let any_app = self.0.faults.has(Fault::BindingByProviderAlone);
        let of_app = |row: &&BindingRow| (row.app == *app || any_app) && row.provider.as_str() == provider;
        let bound = rows.bindings.iter().filter(of_app);
        Ok(bound.cloned().collect())
    }

    async fn bindings_of(&self, scope: &TenantScope, connection: &ConnectionId) -> Outcome<Vec<BindingRow>> {
        let tenant = self.tenant(scope)?;
        let rows = tenant.read();
        Ok(rows.bindings.iter().filter(|row| row.connection == *connection).cloned().collect())
    }

    async fn insert_app(&self, scope: &TenantScope, row: AppRow) -> Outcome<()> {
        let tenant = self.tenant(scope)?;
        let mut index = self.index();
        let mut rows = tenant.write();
        if let Some(deployment) = &row.deployment {
            let live = rows.deployments.get(deployment).filter(|row| row.status != Status::Destroyed);
            live.ok_or(DatabaseError::NoRow)?;
        }
        claim(&mut index.apps, &row.id, scope.tenant().clone())?;
        let created = rows.next();
        rows.apps.insert(row.id.clone(), AppRow { created, tenant: scope.tenant().clone(), ..row });
        Ok(())
    }

    async fn insert_key(&self, scope: &TenantScope, row: KeyRow) -> Outcome<KeyRow> {
        let mut index = self.index();
        let owner = match &row.grant {
            Grant::App(app) if self.0.faults.has(Fault::IssueForForeignApp) => index.apps.get(app),
            Grant::App(_) | Grant::Connection(_) => None,
        };
        let owner = owner.unwrap_or(scope.tenant()).clone();
        let tenant = self.tenant_of(&owner)?;
        let mut rows = tenant.write();
        rows.grantable(&row.grant)?;
        if index.digests.contains_key(&row.digest) {
            return Err(DatabaseError::Taken);
        }
        claim(&mut index.keys, &row.id, owner.clone())?;
        index.digests.insert(row.digest, (owner.clone(), row.id.clone()));
        let row = KeyRow { created: rows.next(), tenant: owner, ..row };
        rows.keys.insert(row.id.clone(), row.clone());
        Ok(row)
    }

    async fn keys(&self, scope: &TenantScope) -> Outcome<Vec<KeyRow>> {
        let mut keys: Vec<KeyRow> = self.tenant(scope)?.read().keys.values().cloned().collect();
        keys.sort_by_key(|key| key.created);
        Ok(keys)
    }

    async fn revoke_key(&self, scope: &TenantScope, id: &KeyId, at_s: i64) -> Outcome<KeyRow> {
        let owner = match self.index_read().keys.get(id) {
            Some(owner) if self.0.faults.has(Fault::RevokeForeignKey) => owner.clone(),
            Some(_) | None => scope.tenant().clone(),
        };
        let tenant = self.tenant_of(&owner)?;
        let mut rows = tenant.write();
        let key = rows.keys.get_mut(id).ok_or(DatabaseError::NoRow)?;
        key.revoked_at_s.get_or_insert(at_s);
        Ok(key.clone())
    }

    async fn insert_connection(&self, scope: &TenantScope, row: ConnectionRow) -> Outcome<()> {
        let tenant = self.tenant(scope)?;
        let mut index = self.index();
        let mut rows = tenant.write();
        if rows.connections.values().any(|own| own.external_id == row.external_id) {
            return Err(DatabaseError::Taken);
        }
        claim(&mut index.connections, &row.id, scope.tenant().clone())?;
        let so_called = index.external_ids.entry(row.external_id.clone()).or_default();
        so_called.push((scope.tenant().clone(), row.id.clone()));
        let created = rows.next();
        rows.connections.insert(row.id.clone(), ConnectionRow { created, tenant: scope.tenant().clone(), ..row });
        Ok(())
    }

    async fn update_connection(&self, scope: &TenantScope, row: ConnectionRow) -> Outcome<()> {
        let tenant = self.tenant(scope)?;
        let mut rows = tenant.write();
        let stored = rows.connections.get_mut(&row.id).ok_or(DatabaseError::NoRow)?;
        if stored.status == ConnectionStatus::Revoked {
            return Err(DatabaseError::Revoked);
        }
        if stored.version.checked_add(1) != Some(row.version) {
            return Err(DatabaseError::Conflict);
        }
        // What a connection is does not change: whose it is, what it is called, and of which provider.
        *stored = ConnectionRow {
            tenant: stored.tenant.clone(),
            external_id: stored.external_id.clone(),
            provider: stored.provider.clone(),
            created: stored.created,
            ..row
        };
        Ok(())
    }

    async fn revoke_connection(&self, scope: &TenantScope, id: &ConnectionId) -> Outcome<ConnectionRow> {
        let tenant = self.tenant(scope)?;
        let mut rows = tenant.write();
        let Rows { connections, bindings, .. } = &mut *rows;
        let row = connections.get_mut(id).ok_or(DatabaseError::NoRow)?;
        bindings.retain(|binding| binding.connection != *id);
        if row.status != ConnectionStatus::Revoked {
            row.version += 1;
            row.status = ConnectionStatus::Revoked;
        }
        (row.credential, row.refresh, row.webhook_secret) = (None, None, None);
        Ok(row.clone())
    }

    async fn bind(&self, scope: &TenantScope, app: &AppId, connection: &ConnectionId) -> Outcome<()> {
        let tenant = self.tenant(scope)?;
        let mut rows = tenant.write();
        // Both are looked up among the scope's own rows: a binding can't join two tenants.
        if !rows.apps.contains_key(app) {
            return Err(DatabaseError::NoRow);
        }
        let found = rows.connections.get(connection).ok_or(DatabaseError::NoRow)?;
        let (provider, webhook) = (found.provider.clone(), found.profile == Profile::WebhookInbound);
        if found.status == ConnectionStatus::Revoked {
            return Err(DatabaseError::Revoked);
        }
        if rows.bindings.iter().any(|row| row.connection == *connection && row.app == *app) {
            return Ok(());
        }
        if webhook && rows.bindings.iter().any(|row| row.connection == *connection) {
            return Err(DatabaseError::ConnectionInUse);
        }
        let created = rows.next();
        rows.bindings.push(BindingRow {
            app: app.clone(),
            connection: connection.clone(),
            tenant: scope.tenant().clone(),
            provider,
            created,
        });
        Ok(())
    }

    async fn unbind(&self, scope: &TenantScope, app: &AppId, connection: &ConnectionId) -> Outcome<()> {
        let tenant = self.tenant(scope)?;
        let mut rows = tenant.write();
        let before = rows.bindings.len();
        rows.bindings.retain(|row| row.app != *app || row.connection != *connection);
        if rows.bindings.len() == before { Err(DatabaseError::NoRow) } else { Ok(()) }
    }

    async fn top_up(&self, scope: &TenantScope, amount: Micros, reference: &str, at_s: i64) -> Outcome<u64> {
        self.wallet_reachable()?;
        Ok(self.tenant(scope)?.wallet().top_up(amount, reference, at_s)?)
    }

    async fn hold(&self, scope: &TenantScope, new: NewHold) -> Result<Held, HoldRefusal> {
        let unavailable = |_: DatabaseError| HoldRefusal::Unavailable;
        self.wallet_reachable().map_err(unavailable)?;
        let tenant = self.tenant(scope).map_err(unavailable)?;
        let id = self.hold_id(scope).ok_or(HoldRefusal::Unavailable)?;
        let (key, app) = {
            let rows = tenant.read();
            let key = rows.keys.get(&new.key).ok_or(HoldRefusal::Unavailable)?;
            let app = new.app.as_ref().and_then(|app| rows.apps.get(app));
            (
                Caps { daily: key.daily_cap_micros, monthly: key.monthly_cap_micros },
                app.map_or_else(Caps::default, |app| Caps {
                    daily: app.daily_cap_micros,
                    monthly: app.monthly_cap_micros,
                }),
            )
        };
        #[cfg(feature = "faults")]
        if self.0.faults.has(Fault::HoldOnSharedWallet) {
            self.last_scope().replace(scope.clone());
            tokio::task::yield_now().await;
            let in_use = self.last_scope().clone().unwrap_or_else(|| scope.clone());
            return self.tenant(&in_use).map_err(unavailable)?.wallet().hold(id, new, key, app);
        }
        #[cfg(feature = "faults")]
        self.last_scope().replace(scope.clone());
        tenant.wallet().hold(id, new, key, app)
    }

    async fn settle(&self, scope: &TenantScope, hold: &HoldId, settlement: Settlement) -> Outcome<Settled> {
        self.wallet_reachable()?;
        #[cfg(feature = "faults")]
        if self.0.faults.has(Fault::SettleIgnoresHoldOwner) {
            let (owner, last) = (self.tenant(scope)?, self.last_scope().clone());
            let last = self.tenant(last.as_ref().unwrap_or(scope))?;
            if !Arc::ptr_eq(&owner, &last) {
                let mut foreign = Wallet::default();
                owner.wallet().give_hold(hold, &mut foreign);
                foreign.give_hold(hold, &mut last.wallet());
            }
            return Ok(last.wallet().settle(hold, settlement)?);
        }
        Ok(self.tenant(scope)?.wallet().settle(hold, settlement)?)
    }

    async fn ledger(&self, scope: &TenantScope) -> Outcome<Vec<LedgerLine>> {
        Ok(self.tenant(scope)?.wallet().ledger())
    }

    async fn balance(&self, scope: &TenantScope) -> Outcome<u64> {
        self.wallet_reachable()?;
        Ok(self.tenant(scope)?.wallet().balance())
    }

    async fn record_job(&self, scope: &TenantScope, job: JobRef) -> Outcome<()> {
        self.tenant(scope)?;
        self.index().jobs.entry(job).or_insert_with(|| scope.tenant().clone());
        Ok(())
    }

    async fn owns_job(&self, scope: &TenantScope, job: &JobRef) -> Outcome<bool> {
        Ok(self.index_read().jobs.get(job) == Some(scope.tenant()))
    }
}

impl Rows {
    /// Whether a key may be for this: an app of the tenant whose deployment lives, a connection that isn't revoked.
    fn grantable(&self, grant: &Grant) -> Outcome<()> {
        match grant {
            Grant::App(id) => {
                let app = self.apps.get(id).ok_or(DatabaseError::NoRow)?;
                let deployment = app.deployment.as_ref().and_then(|id| self.deployments.get(id));
                let live = deployment.is_none_or(|row| row.status != Status::Destroyed);
                if live { Ok(()) } else { Err(DatabaseError::NoRow) }
            }
            Grant::Connection(id) => {
                let connection = self.connections.get(id).ok_or(DatabaseError::NoRow)?;
                if connection.status == ConnectionStatus::Revoked { Err(DatabaseError::Revoked) } else { Ok(()) }
            }
        }
    }
}

impl From<WalletError> for DatabaseError {
    fn from(error: WalletError) -> Self {
        match error {
            WalletError::NoHold => Self::NoRow,
            WalletError::Range => Self::Range,
            WalletError::Conflict => Self::Conflict,
        }
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
