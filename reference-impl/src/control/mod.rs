//! The control plane, in memory: who owns which name, and what the KV namespace is told of it.
//!
//! The authority is written first and the namespace follows, name by name. A name that was released can't go to
//! another tenant while a reader may still see the old entry behind it.
//!
//! Names and deployments are here; what a tenant does with its own account is in [`Workspace`].

mod account;
mod billing;
mod connections;
mod inspect;
mod publications;
mod workspace;

pub use account::{AccountError, IssuedKey, KeyView, NewApp, NewConnection, NewKey};
pub use workspace::Workspace;

use crate::clock::{Clock, millis};
use crate::entropy::{Entropy, EntropyError};
use crate::fault::{Fault, FaultSet};
use crate::host::{self, Host, PLATFORM_DOMAIN};
use crate::identity::key::KeyLookup;
use crate::identity::scope::TenantScope;
use crate::identity::{self, CookieKeys, Member, Role};
use crate::ids::{self, ConnectionId, DeploySlug, DeploymentId, TenantId, TenantSlug};
use crate::network::Endpoint;
use crate::observe::{Event, Guard, GuardSet, Observer};
use crate::signin::SignIn;
use crate::store::database::{DatabaseError, Db, DeploymentRow, MemberRow, MemoryDatabase};
use crate::store::kv::key::probe;
use crate::store::kv::namespace::ControlKv;
use crate::store::kv::{DeployEntry, DeployKey, KvKeyError, Status, Value};
use crate::store::vault::Vault;
use publications::Publications;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What to deploy.
#[derive(Debug, Clone)]
pub struct NewDeployment {
    /// Its id.
    pub id: DeploymentId,
    /// Its owner.
    pub tenant: TenantId,
    /// Its slug.
    pub slug: DeploySlug,
    /// Whether a member's session is asked for.
    pub vendo_auth: bool,
    /// Whether it also answers at the legacy two-level host.
    pub legacy: bool,
    /// Where its container listens.
    pub target: Endpoint,
}

/// The platform's hosts of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// `{tenant}-{deploy}.vendo.run`.
    pub single_level: String,
    /// `{deploy}.{tenant}.vendo.run`, where the deployment has it.
    pub legacy: Option<String>,
}

/// Why the control plane refused.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The tenant's id is in use.
    #[error("tenant {0} exists already")]
    TenantExists(TenantId),
    /// The tenant's slug is in use.
    #[error("the tenant slug {0} is taken")]
    SlugTaken(TenantSlug),
    /// No such tenant.
    #[error("there is no tenant {0}")]
    UnknownTenant(TenantId),
    /// The deployment's id is in use.
    #[error("deployment {0} exists already")]
    DeploymentExists(DeploymentId),
    /// No such deployment.
    #[error("there is no deployment {0}")]
    UnknownDeployment(DeploymentId),
    /// The rendered label is the platform's, or too long for a label.
    #[error("the label {0} can't be a deployment's: it is reserved or longer than 63 bytes")]
    ReservedLabel(String),
    /// Another live deployment has the name.
    #[error("SUBDOMAIN_TAKEN: another deployment has the name {0}")]
    NameTaken(String),
    /// Another tenant had the name a short while ago.
    #[error("SUBDOMAIN_TAKEN: another tenant released {host} {age_ms} ms ago: free after {quarantine_ms} ms")]
    Quarantined {
        /// The name.
        host: String,
        /// Since when it is free, in milliseconds.
        age_ms: i64,
        /// How long it stays with its last owner, in milliseconds.
        quarantine_ms: i64,
    },
    /// Not a name that a tenant could own.
    #[error("{domain:?} can't be a custom domain: {reason}")]
    BadDomain {
        /// The offered name.
        domain: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The deployment doesn't have the domain.
    #[error("deployment {deployment} has no domain {domain}")]
    DomainNotHeld {
        /// The deployment.
        deployment: DeploymentId,
        /// The domain.
        domain: String,
    },
    /// The host is no live deployment's of the member's tenant.
    #[error("{0:?} is no live host of the member's tenant")]
    NotAHostOfTenant(String),
    /// The tenant has no such member.
    #[error("{0:?} is no member of the tenant")]
    NotAMember(String),
    /// The database refused.
    #[error("writing to the database: {0}")]
    Database(DatabaseError),
    /// No randomness for a code.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// A name made no key.
    #[error(transparent)]
    Key(#[from] KvKeyError),
}

/// The control plane of a platform. Clones are the same one.
#[derive(Clone)]
pub struct ControlPlane(Arc<Inner>);

struct Inner {
    authority: Mutex<Authority>,
    kv: ControlKv,
    clock: Clock,
    quarantine_ms: i64,
    keys: CookieKeys,
    sign_in: SignIn,
    database: MemoryDatabase,
    key_lookup: KeyLookup,
    vault: Option<Vault>,
    entropy: Entropy,
    publications: Publications,
    purges: Mutex<Vec<Purge>>,
    observer: Option<Arc<dyn Observer>>,
    faults: FaultSet,
    #[cfg(feature = "faults")]
    secrets: crate::edge::hooks::planted::Secrets,
}

#[derive(Default)]
struct Authority {
    tenants: BTreeMap<TenantId, TenantSlug>,
    deployments: BTreeMap<DeploymentId, Deployment>,
    names: BTreeMap<Host, Holder>,
}

struct Deployment {
    tenant: TenantId,
    slug: DeploySlug,
    legacy: bool,
    vendo_auth: bool,
    target: Endpoint,
    status: Status,
    names: BTreeSet<Host>,
    domains: BTreeSet<Host>,
}

enum Holder {
    Live(DeploymentId),
    Released { tenant: TenantId, at_ms: i64 },
}

/// Makes a worker forget what it keeps of a connection.
pub(crate) type Purge = Arc<dyn Fn(&ConnectionId) + Send + Sync>;

/// What the control plane is made of.
pub(crate) struct Parts {
    pub(crate) kv: ControlKv,
    pub(crate) clock: Clock,
    pub(crate) staleness: Duration,
    pub(crate) keys: CookieKeys,
    pub(crate) sign_in: SignIn,
    pub(crate) database: MemoryDatabase,
    pub(crate) vault: Option<Vault>,
    pub(crate) entropy: Entropy,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) faults: FaultSet,
    /// What a planted fault of the hooks worker knows.
    #[cfg(feature = "faults")]
    pub(crate) secrets: crate::edge::hooks::planted::Secrets,
}

impl ControlPlane {
    pub(crate) fn new(parts: Parts) -> Self {
        let database = Db::Memory(parts.database.clone());
        Self(Arc::new(Inner {
            key_lookup: KeyLookup::new(parts.kv.worker(), database, parts.faults),
            authority: Mutex::default(),
            kv: parts.kv,
            publications: Publications::new(parts.clock.clone()),
            clock: parts.clock,
            quarantine_ms: millis(parts.staleness),
            keys: parts.keys,
            sign_in: parts.sign_in,
            database: parts.database,
            vault: parts.vault,
            entropy: parts.entropy,
            purges: Mutex::default(),
            observer: parts.observer,
            faults: parts.faults,
            #[cfg(feature = "faults")]
            secrets: parts.secrets,
        }))
    }

    fn authority(&self) -> MutexGuard<'_, Authority> {
        self.0.authority.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a tenant. Its slug is chosen once.
    ///
    /// # Errors
    /// [`ControlError::TenantExists`], [`ControlError::SlugTaken`].
    pub fn create_tenant(&self, id: TenantId, slug: TenantSlug) -> Result<(), ControlError> {
        let mut authority = self.authority();
        if authority.tenants.contains_key(&id) {
            return Err(ControlError::TenantExists(id));
        }
        if authority.tenants.values().any(|taken| *taken == slug) {
            return Err(ControlError::SlugTaken(slug));
        }
        self.0.database.create_tenant(&id)?;
        authority.tenants.insert(id, slug);
        Ok(())
    }

    /// Adds a user as a member of a tenant, or changes his role.
    ///
    /// # Errors
    /// [`ControlError::UnknownTenant`].
    pub fn add_member(&self, tenant: &TenantId, user_id: &str, role: Role) -> Result<(), ControlError> {
        let scope = self.operator(tenant)?;
        let row = MemberRow { user_id: user_id.to_owned(), tenant: tenant.clone(), role };
        Ok(self.0.database.put_member(&scope, row)?)
    }

    /// Removes a member: he loses at once what he saw as one.
    ///
    /// # Errors
    /// [`ControlError::UnknownTenant`], [`ControlError::NotAMember`].
    pub fn remove_member(&self, tenant: &TenantId, user_id: &str) -> Result<(), ControlError> {
        let scope = self.operator(tenant)?;
        self.0.database.remove_member(&scope, user_id).map_err(|error| {
            let name = || user_id.chars().take(80).collect();
            if error == DatabaseError::NoRow { ControlError::NotAMember(name()) } else { error.into() }
        })
    }

    /// A tenant's own account.
    ///
    /// # Errors
    /// [`ControlError::UnknownTenant`].
    pub fn workspace(&self, tenant: &TenantId) -> Result<Workspace, ControlError> {
        Ok(Workspace { control: self.clone(), scope: self.operator(tenant)? })
    }

    /// The scope of a tenant that exists.
    fn operator(&self, tenant: &TenantId) -> Result<TenantScope, ControlError> {
        if !self.authority().tenants.contains_key(tenant) {
            return Err(ControlError::UnknownTenant(tenant.clone()));
        }
        Ok(identity::operator(tenant.clone()))
    }

    /// From now on a worker is told of each connection that changed, after database and namespace were.
    pub(crate) fn on_connection_change(&self, purge: Purge) {
        self.0.purges.lock().unwrap_or_else(PoisonError::into_inner).push(purge);
    }

    fn purge(&self, id: &ConnectionId) {
        let purges = self.0.purges.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for purge in purges {
            purge(id);
        }
    }

    /// Adds a running deployment, and says where it answers.
    ///
    /// # Errors
    /// [`ControlError`]: an id in use, no such tenant, a name that is reserved, taken or in quarantine.
    pub fn deploy(&self, new: NewDeployment) -> Result<Hosts, ControlError> {
        let mut authority = self.authority();
        if authority.deployments.contains_key(&new.id) {
            return Err(ControlError::DeploymentExists(new.id));
        }
        let hosts = authority.hosts(&new.tenant, &new.slug, new.legacy)?;
        let names = parsed(&hosts)?;
        for name in &names {
            self.claimable(&authority, name, &new.tenant)?;
        }
        for name in &names {
            authority.names.insert(name.clone(), Holder::Live(new.id.clone()));
        }
        let deployment = Deployment {
            tenant: new.tenant,
            slug: new.slug,
            legacy: new.legacy,
            vendo_auth: new.vendo_auth,
            target: new.target,
            status: Status::Running,
            names,
            domains: BTreeSet::new(),
        };
        self.publish(&new.id, &deployment)?;
        authority.deployments.insert(new.id, deployment);
        Ok(hosts)
    }

    /// Sets a deployment's status. A destroyed one keeps its names and its entries until it is torn down.
    ///
    /// # Errors
    /// [`ControlError::UnknownDeployment`].
    pub fn set_status(&self, id: &DeploymentId, status: Status) -> Result<(), ControlError> {
        self.change(id, |deployment| deployment.status = status)
    }

    /// Sets whether a deployment asks for a member's session.
    ///
    /// # Errors
    /// [`ControlError::UnknownDeployment`].
    pub fn set_vendo_auth(&self, id: &DeploymentId, vendo_auth: bool) -> Result<(), ControlError> {
        self.change(id, |deployment| deployment.vendo_auth = vendo_auth)
    }

    /// Gives a deployment another slug. Its domains stay. The new names serve before the old ones stop.
    ///
    /// # Errors
    /// [`ControlError`]: no such deployment, a name that is reserved, taken or in quarantine.
    pub fn rename(&self, id: &DeploymentId, slug: DeploySlug) -> Result<Hosts, ControlError> {
        let mut authority = self.authority();
        let deployment = authority.deployment(id)?;
        let (tenant, legacy) = (deployment.tenant.clone(), deployment.legacy);
        if deployment.slug == slug {
            return authority.hosts(&tenant, &slug, legacy);
        }
        let hosts = authority.hosts(&tenant, &slug, legacy)?;
        let names = parsed(&hosts)?;
        for name in &names {
            self.claimable(&authority, name, &tenant)?;
        }
        for name in &names {
            authority.names.insert(name.clone(), Holder::Live(id.clone()));
        }
        let old = {
            let deployment = authority.deployment_mut(id)?;
            deployment.slug = slug;
            let old = std::mem::replace(&mut deployment.names, names);
            self.publish(id, deployment)?;
            old
        };
        for name in old {
            self.release(&mut authority, name, &tenant)?;
        }
        Ok(hosts)
    }

    /// Destroys a deployment: its entries say so, then they go, and its names are free after the quarantine.
    ///
    /// # Errors
    /// [`ControlError::UnknownDeployment`].
    pub fn teardown(&self, id: &DeploymentId) -> Result<(), ControlError> {
        let mut authority = self.authority();
        let mut deployment =
            authority.deployments.remove(id).ok_or_else(|| ControlError::UnknownDeployment(id.clone()))?;
        deployment.status = Status::Destroyed;
        self.publish(id, &deployment)?;
        for name in deployment.names.into_iter().chain(deployment.domains) {
            self.release(&mut authority, name, &deployment.tenant)?;
        }
        Ok(())
    }

    /// Gives a deployment a custom domain. That the tenant owns it is the caller's to prove.
    ///
    /// # Errors
    /// [`ControlError`]: no such deployment; a name without a dot, under `vendo.run`, an IP address, taken or in
    /// quarantine.
    pub fn claim_domain(&self, id: &DeploymentId, domain: &str) -> Result<(), ControlError> {
        let host = custom_domain(domain)?;
        let mut authority = self.authority();
        let tenant = authority.deployment(id)?.tenant.clone();
        self.claimable(&authority, &host, &tenant)?;
        authority.names.insert(host.clone(), Holder::Live(id.clone()));
        let deployment = authority.deployment_mut(id)?;
        deployment.domains.insert(host);
        self.publish(id, deployment)
    }

    /// Takes a custom domain from a deployment.
    ///
    /// # Errors
    /// [`ControlError::UnknownDeployment`], [`ControlError::DomainNotHeld`], [`ControlError::BadDomain`].
    pub fn release_domain(&self, id: &DeploymentId, domain: &str) -> Result<(), ControlError> {
        let host = custom_domain(domain)?;
        let mut authority = self.authority();
        let deployment = authority.deployment_mut(id)?;
        if !deployment.domains.remove(&host) {
            return Err(ControlError::DomainNotHeld { deployment: id.clone(), domain: host.to_string() });
        }
        let tenant = deployment.tenant.clone();
        if self.0.faults.has(Fault::ApxReleasedDomainKept) {
            authority.names.remove(&host);
            return Ok(());
        }
        self.release(&mut authority, host, &tenant)
    }

    /// A session token for a member, as the app-proxy would set it: good from now for `ttl`, in whole seconds.
    #[must_use]
    pub fn mint_cookie(&self, member: &Member, ttl: Duration) -> String {
        let ttl_s = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
        identity::mint(&self.0.keys, member, self.0.clock.now_s(), ttl_s)
    }

    /// A sign-in code for a member at one host: good once, for 60 seconds.
    ///
    /// # Errors
    /// [`ControlError::NotAHostOfTenant`] for any host but a live one of the member's tenant.
    pub fn sign_in_code(&self, member: &Member, host: &str) -> Result<String, ControlError> {
        let refused = || ControlError::NotAHostOfTenant(host.chars().take(80).collect());
        let parsed = host::normalise(host.as_bytes()).map_err(|_| refused())?;
        let authority = self.authority();
        let Some(Holder::Live(id)) = authority.names.get(&parsed) else {
            return Err(refused());
        };
        let deployment = authority.deployment(id)?;
        if deployment.tenant != member.tenant || deployment.status == Status::Destroyed {
            return Err(refused());
        }
        Ok(self.0.sign_in.issue(member, parsed, self.0.clock.now_ms())?)
    }

    /// Every key of the KV namespace with its newest value as JSON. A privileged view: no worker has one.
    #[must_use]
    pub fn kv_snapshot(&self) -> BTreeMap<String, String> {
        self.0.kv.snapshot()
    }

    /// Makes a KV key on trial and renders it. `kind` is `deploy-label`, `deploy-host`, `key`, `balance` or `conn`.
    ///
    /// # Errors
    /// [`KvKeyError`], as the key's own constructor gives it.
    pub fn probe_kv_key(&self, kind: &str, identifier: &str) -> Result<String, KvKeyError> {
        let guards = GuardSet::from_iter([Guard::KvKey]);
        let result = probe(kind, identifier, self.0.faults);
        if let Some(observer) = &self.0.observer {
            observer.observe(&Event::Probe { guards });
        }
        result
    }

    fn change(&self, id: &DeploymentId, change: impl FnOnce(&mut Deployment)) -> Result<(), ControlError> {
        let mut authority = self.authority();
        let deployment = authority.deployment_mut(id)?;
        change(deployment);
        self.publish(id, deployment)
    }

    /// Writes a deployment's row, then its entry behind each of its names. A destroyed one's keys end with it.
    fn publish(&self, id: &DeploymentId, deployment: &Deployment) -> Result<(), ControlError> {
        self.write_row(id, deployment)?;
        if deployment.status == Status::Destroyed {
            self.revoke_keys_of(id, &deployment.tenant)?;
        }
        let entry = Arc::new(DeployEntry {
            target: deployment.target.to_string(),
            vendo_auth: deployment.vendo_auth,
            tenant_id: deployment.tenant.to_string(),
            deployment_id: id.to_string(),
            status: deployment.status,
        });
        for name in deployment.names.iter().chain(&deployment.domains) {
            let value = Value::Deploy(entry.clone());
            match routing_key(name)? {
                DeployKey::Label(key) => self.0.kv.put(&key, value, None),
                DeployKey::Host(key) => self.0.kv.put(&key, value, None),
            }
        }
        Ok(())
    }

    fn write_row(&self, id: &DeploymentId, deployment: &Deployment) -> Result<(), ControlError> {
        let row = DeploymentRow {
            id: id.clone(),
            tenant: deployment.tenant.clone(),
            target: deployment.target,
            status: deployment.status,
        };
        Ok(self.0.database.put_deployment(&identity::operator(deployment.tenant.clone()), row)?)
    }

    /// Revokes the keys of a deployment's apps: rows first, then the namespace.
    fn revoke_keys_of(&self, id: &DeploymentId, tenant: &TenantId) -> Result<(), ControlError> {
        if self.0.faults.has(Fault::DestroyedDeploymentKeepsKeys) {
            return Ok(());
        }
        let scope = identity::operator(tenant.clone());
        for digest in self.0.database.revoke_keys_of(&scope, id, self.0.clock.now_s())? {
            self.0.publications.revoked(&self.0.kv, &digest)?;
        }
        Ok(())
    }

    fn release(&self, authority: &mut Authority, name: Host, tenant: &TenantId) -> Result<(), ControlError> {
        match routing_key(&name)? {
            DeployKey::Label(key) => self.0.kv.delete(&key),
            DeployKey::Host(key) => self.0.kv.delete(&key),
        }
        let at_ms = self.0.clock.now_ms();
        authority.names.insert(name, Holder::Released { tenant: tenant.clone(), at_ms });
        Ok(())
    }

    /// Whether a tenant may take a name now.
    fn claimable(&self, authority: &Authority, name: &Host, tenant: &TenantId) -> Result<(), ControlError> {
        match authority.names.get(name) {
            Some(Holder::Live(_)) => Err(ControlError::NameTaken(name.to_string())),
            Some(Holder::Released { tenant: last, at_ms }) if last != tenant => {
                let (age_ms, quarantine_ms) = (self.0.clock.now_ms().saturating_sub(*at_ms), self.0.quarantine_ms);
                if age_ms < quarantine_ms {
                    return Err(ControlError::Quarantined { host: name.to_string(), age_ms, quarantine_ms });
                }
                Ok(())
            }
            Some(Holder::Released { .. }) | None => Ok(()),
        }
    }
}

impl fmt::Debug for ControlPlane {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.authority();
        write!(out, "ControlPlane({} tenants, {} deployments)", authority.tenants.len(), authority.deployments.len())
    }
}

impl Authority {
    fn deployment(&self, id: &DeploymentId) -> Result<&Deployment, ControlError> {
        self.deployments.get(id).ok_or_else(|| ControlError::UnknownDeployment(id.clone()))
    }

    fn deployment_mut(&mut self, id: &DeploymentId) -> Result<&mut Deployment, ControlError> {
        self.deployments.get_mut(id).ok_or_else(|| ControlError::UnknownDeployment(id.clone()))
    }

    /// The rendered hosts of a slug. What is reserved is checked on the rendered label.
    fn hosts(&self, tenant: &TenantId, slug: &DeploySlug, legacy: bool) -> Result<Hosts, ControlError> {
        let tenant = self.tenants.get(tenant).ok_or_else(|| ControlError::UnknownTenant(tenant.clone()))?;
        let label = format!("{tenant}-{slug}");
        if ids::is_reserved_label(&label) || label.len() > host::LABEL_MAX {
            return Err(ControlError::ReservedLabel(label));
        }
        let legacy = legacy.then(|| format!("{slug}.{tenant}.{PLATFORM_DOMAIN}"));
        Ok(Hosts { single_level: format!("{label}.{PLATFORM_DOMAIN}"), legacy })
    }
}

fn parsed(hosts: &Hosts) -> Result<BTreeSet<Host>, ControlError> {
    std::iter::once(&hosts.single_level)
        .chain(&hosts.legacy)
        .map(|name| host::normalise(name.as_bytes()).map_err(|_| ControlError::ReservedLabel(name.clone())))
        .collect()
}

fn routing_key(host: &Host) -> Result<DeployKey, ControlError> {
    DeployKey::of(host::classify(host))?.ok_or_else(|| ControlError::ReservedLabel(host.to_string()))
}

fn custom_domain(domain: &str) -> Result<Host, ControlError> {
    let bad = |reason: String| ControlError::BadDomain { domain: domain.chars().take(80).collect(), reason };
    if domain.contains(':') {
        return Err(bad("a domain has no port".to_owned()));
    }
    let host = host::normalise(domain.as_bytes()).map_err(|error| bad(error.to_string()))?;
    let name = host.as_str();
    if !name.contains('.') {
        return Err(bad("it has no dot".to_owned()));
    }
    if name.strip_suffix(PLATFORM_DOMAIN).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')) {
        return Err(bad(format!("it belongs to {PLATFORM_DOMAIN}")));
    }
    Ok(host)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod workspace_tests;
