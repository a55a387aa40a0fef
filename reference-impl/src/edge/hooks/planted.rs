//! What planted faults know and keep between requests. Not in a build for use.

use crate::identity;
use crate::identity::scope::TenantScope;
use crate::ids::{AppId, ConnectionId};
use crate::store::database::ConnectionRow;
use crate::store::kv::WorkerKv;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// The scope of a connection's tenant, whoever asks.
pub(super) fn scope_of(row: &ConnectionRow) -> TenantScope {
    identity::operator(row.tenant.clone())
}

/// Every webhook secret that a connection ever had, as the control plane wrote them.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Arc<Mutex<Held>>);

/// Whose a secret was, and its digest.
type Held = BTreeSet<(String, [u8; 32])>;

impl Secrets {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a secret of a connection.
    pub(crate) fn note(&self, row: &ConnectionRow, secret: &[u8]) {
        let digest: [u8; 32] = Sha256::digest(secret).into();
        self.held().insert((row.id.to_string(), digest));
        self.held().insert((format!("at {}", row.provider), digest));
    }

    /// Whether the connection ever had a secret.
    pub(super) fn was_of(&self, row: &ConnectionRow, secret: &[u8]) -> bool {
        self.held().contains(&(row.id.to_string(), Sha256::digest(secret).into()))
    }

    /// Whether any connection to the provider ever had a secret.
    pub(super) fn was_at_provider_of(&self, row: &ConnectionRow, secret: &[u8]) -> bool {
        self.held().contains(&(format!("at {}", row.provider), Sha256::digest(secret).into()))
    }
}

/// What the hooks worker keeps.
pub(crate) struct Planted {
    pub(super) kv: WorkerKv,
    pub(super) secrets: Secrets,
    first_app_secret: Mutex<Option<Zeroizing<Vec<u8>>>>,
    last_app: Mutex<BTreeMap<ConnectionId, AppId>>,
}

impl Planted {
    pub(crate) fn new(kv: WorkerKv, secrets: Secrets) -> Self {
        Self { kv, secrets, first_app_secret: Mutex::default(), last_app: Mutex::default() }
    }

    /// The secret that was needed first.
    pub(super) fn first_app_secret(&self, secret: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
        self.first_app_secret.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(secret).clone()
    }

    /// The app that a connection is bound to, or was bound to when it was asked for last.
    pub(super) fn last_app(&self, connection: &ConnectionId, app: Option<&AppId>) -> Option<AppId> {
        let mut last = self.last_app.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(app) = app {
            last.insert(connection.clone(), app.clone());
        }
        last.get(connection).cloned()
    }
}
