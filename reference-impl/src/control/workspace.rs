//! A tenant's own hand on its account: apps, keys, and what they are bound to.
//!
//! A [`Workspace`] holds its tenant's scope and acts for no other. The database is written first; the namespace and the
//! workers' caches follow.

use super::account::{AccountError, IssuedKey, KeyView, NewApp, NewKey};
use super::{ControlPlane, Holder};
#[cfg(feature = "faults")]
use crate::fault::Fault;
use crate::host;
use crate::identity::bearer::{Bearer, DISPLAY_PREFIX, KEY_PREFIX, KEY_RANDOM, KeyDigest};
use crate::identity::scope::TenantScope;
use crate::ids::{AppId, ConnectionId, DeploymentId, KeyId};
use crate::observe::{Event, Guard, GuardSet};
use crate::store::database::{AppRow, Database, KeyRow, MemoryDatabase};
use crate::store::kv::Status;
use crate::store::vault::{Envelope, Field, Vault};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use zeroize::Zeroizing;

/// The characters of a key behind its prefix. There are 64, so that six bits of a random byte choose each alike.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// The longest secret, in bytes.
const SECRET_MAX: usize = 4096;

/// Acts for one tenant.
#[derive(Clone)]
pub struct Workspace {
    pub(super) control: ControlPlane,
    pub(super) scope: TenantScope,
}

impl Workspace {
    pub(super) fn database(&self) -> &MemoryDatabase {
        &self.control.0.database
    }

    pub(super) fn vault(&self) -> Result<&Vault, AccountError> {
        self.control.0.vault.as_ref().ok_or(AccountError::NoMasterKey)
    }

    pub(super) fn now_s(&self) -> i64 {
        self.control.0.clock.now_s()
    }

    /// A fresh secret of 256 bits, in base64url.
    pub(super) fn draw_secret(&self, purpose: &str) -> Result<Zeroizing<String>, AccountError> {
        let bytes = Zeroizing::new(self.control.0.entropy.draw(&format!("{purpose}:{}", self.scope.tenant()))?);
        Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(&bytes[..])))
    }

    /// Says which checks an operation comes to.
    pub(super) fn reach(&self, guards: impl IntoIterator<Item = Guard>) {
        if let Some(observer) = &self.control.0.observer {
            observer.observe(&Event::Guards { guards: GuardSet::from_iter(guards) });
        }
    }

    /// Adds an app. Gives its webhook secret: the container has to know it.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] for a deployment that is not a live one of the tenant's, [`AccountError::Taken`],
    /// [`AccountError::BadSecret`], [`AccountError::NoMasterKey`].
    pub async fn create_app(&self, new: NewApp) -> Result<Zeroizing<String>, AccountError> {
        let secret = match new.webhook_secret {
            Some(secret) => visible("webhook secret", secret)?,
            None => self.draw_secret("app-webhook-secret")?,
        };
        let mut row = AppRow {
            id: new.id,
            tenant: self.scope.tenant().clone(),
            deployment: new.deployment,
            webhook_secret: Envelope::from_bytes(&[]),
            daily_cap_micros: new.daily_cap_micros,
            monthly_cap_micros: new.monthly_cap_micros,
            version: 1,
            created: 0,
        };
        row.webhook_secret = self.vault()?.seal(&Field::of_app(&row), secret.as_bytes())?;
        self.database().insert_app(&self.scope, row).await?;
        Ok(secret)
    }

    /// Issues a key for an app or a connection of the tenant's own. Nobody can read it again.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], [`AccountError::Taken`], [`AccountError::Revoked`] for a revoked connection.
    pub async fn issue_key(&self, new: NewKey) -> Result<IssuedKey, AccountError> {
        let plaintext = self.draw_key()?;
        let bearer = Bearer::parse(plaintext.as_bytes()).ok_or(AccountError::BadSecret("key"))?;
        let (id, digest, prefix) = (new.id.clone(), bearer.digest(), bearer.prefix().to_owned());
        #[cfg_attr(not(feature = "faults"), expect(unused_mut, reason = "only a planted fault changes it"))]
        let mut row = self.key_row(new, digest, &prefix);
        #[cfg(feature = "faults")]
        if self.control.0.faults.has(Fault::KeyStoredInPlain) {
            row.plaintext = Some(plaintext.to_string());
        }
        self.add_key(row).await?;
        Ok(IssuedKey { id, plaintext, prefix })
    }

    /// Takes in a key that was issued elsewhere: its digest and its first 12 characters are all that comes in.
    ///
    /// # Errors
    /// As [`Workspace::issue_key`]; [`AccountError::BadSecret`] for a prefix that is none.
    pub async fn import_key(&self, new: NewKey, digest: KeyDigest, prefix: &str) -> Result<(), AccountError> {
        if prefix.len() != DISPLAY_PREFIX
            || !prefix.starts_with(KEY_PREFIX)
            || !prefix.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(AccountError::BadSecret("prefix of the key"));
        }
        self.add_key(self.key_row(new, digest, prefix)).await
    }

    fn key_row(&self, new: NewKey, digest: KeyDigest, prefix: &str) -> KeyRow {
        KeyRow {
            id: new.id,
            tenant: self.scope.tenant().clone(),
            digest,
            prefix: prefix.to_owned(),
            grant: new.grant,
            revoked_at_s: None,
            expires_at_s: new.expires_at_s,
            daily_cap_micros: new.daily_cap_micros,
            monthly_cap_micros: new.monthly_cap_micros,
            created: 0,
            #[cfg(feature = "faults")]
            plaintext: None,
        }
    }

    async fn add_key(&self, row: KeyRow) -> Result<(), AccountError> {
        self.reach([Guard::RouteScope, Guard::KeyIssue]);
        let row = self.database().insert_key(&self.scope, row).await?;
        self.control.0.publications.issued(&self.control.0.kv, &row)?;
        Ok(())
    }

    /// What is shown of the tenant's keys, the oldest first.
    ///
    /// # Errors
    /// [`AccountError::Database`].
    pub async fn keys(&self) -> Result<Vec<KeyView>, AccountError> {
        self.reach([Guard::RouteScope]);
        let rows = self.database().keys(&self.scope).await?;
        Ok(rows.into_iter().map(KeyView::from).collect())
    }

    /// Revokes a key: from now on it is refused. Once more changes nothing.
    ///
    /// # Errors
    /// [`AccountError::NotFound`].
    pub async fn revoke_key(&self, id: &KeyId) -> Result<(), AccountError> {
        self.reach([Guard::RouteScope]);
        let row = self.database().revoke_key(&self.scope, id, self.now_s()).await?;
        self.control.0.publications.revoked(&self.control.0.kv, &row.digest)?;
        Ok(())
    }

    /// Binds a connection to an app. A `deployment_url` says where webhooks are expected to go: it must be `https://`
    /// and a live host of the app's deployment, and nothing else.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], [`AccountError::BadDeploymentUrl`], [`AccountError::Revoked`],
    /// [`AccountError::ConnectionInUse`] for a webhook's connection that another app has.
    pub async fn bind(
        &self,
        app: &AppId,
        connection: &ConnectionId,
        deployment_url: Option<&str>,
    ) -> Result<(), AccountError> {
        self.reach([Guard::RouteScope]);
        let row = self.database().app(&self.scope, app).await?.ok_or(AccountError::NotFound)?;
        // Whether the connection is there comes before what the address is like.
        self.database().connection(&self.scope, connection).await?.ok_or(AccountError::NotFound)?;
        if let Some(url) = deployment_url {
            let deployment = row.deployment.as_ref().ok_or(AccountError::BadDeploymentUrl)?;
            self.control.live_host_of(deployment, url)?;
        }
        self.database().bind(&self.scope, app, connection).await?;
        Ok(())
    }

    /// Removes a binding.
    ///
    /// # Errors
    /// [`AccountError::NotFound`].
    pub async fn unbind(&self, app: &AppId, connection: &ConnectionId) -> Result<(), AccountError> {
        self.reach([Guard::RouteScope]);
        Ok(self.database().unbind(&self.scope, app, connection).await?)
    }

    fn draw_key(&self) -> Result<Zeroizing<String>, AccountError> {
        let bytes = Zeroizing::new(self.control.0.entropy.draw(&format!("key:{}", self.scope.tenant()))?);
        let mut key = Zeroizing::new(String::with_capacity(KEY_PREFIX.len() + KEY_RANDOM));
        key.push_str(KEY_PREFIX);
        for byte in bytes.iter().take(KEY_RANDOM) {
            key.extend(ALPHABET.get(usize::from(byte & 63)).copied().map(char::from));
        }
        Ok(key)
    }
}

impl ControlPlane {
    /// Whether a text is `https://` and a host that leads to this very deployment, in its normal form.
    fn live_host_of(&self, deployment: &DeploymentId, url: &str) -> Result<(), AccountError> {
        let name = url.strip_prefix("https://").ok_or(AccountError::BadDeploymentUrl)?;
        let parsed = host::normalise(name.as_bytes()).map_err(|_| AccountError::BadDeploymentUrl)?;
        if parsed.as_str() != name {
            return Err(AccountError::BadDeploymentUrl);
        }
        let authority = self.authority();
        let leads_here = matches!(authority.names.get(&parsed), Some(Holder::Live(id)) if id == deployment);
        let live = authority.deployments.get(deployment).is_some_and(|row| row.status != Status::Destroyed);
        if leads_here && live { Ok(()) } else { Err(AccountError::BadDeploymentUrl) }
    }
}

/// A secret that can stand in a header: 1 to 4096 of visible ASCII.
pub(super) fn visible(what: &'static str, secret: Zeroizing<String>) -> Result<Zeroizing<String>, AccountError> {
    let good = (1..=SECRET_MAX).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic());
    if good { Ok(secret) } else { Err(AccountError::BadSecret(what)) }
}

/// A secret that can stand in a header and in a path: 1 to 4096 of `A-Za-z0-9._~:-`.
pub(super) fn url_safe(what: &'static str, secret: Zeroizing<String>) -> Result<Zeroizing<String>, AccountError> {
    let secret = visible(what, secret)?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._~:-".contains(&byte);
    if secret.bytes().all(good) { Ok(secret) } else { Err(AccountError::BadSecret(what)) }
}

impl fmt::Debug for Workspace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Workspace({})", self.scope.tenant())
    }
}
