//! The scope of one tenant: what every read and write of a tenant's rows takes.
//!
//! Holding one means that it was shown, by a key, a webhook's secret or the control plane's own operator, which tenant
//! acts. Only `identity` can mint one, so nobody can act for a tenant whose name he merely knows.

use crate::ids::TenantId;
use std::fmt;
use std::sync::Arc;

/// The right to act for one tenant, and for no other.
#[derive(Clone, PartialEq, Eq)]
pub struct TenantScope(Arc<TenantId>);

impl TenantScope {
    /// The only constructor. Every caller has proof in hand, and is in this module's parent.
    pub(in crate::identity) fn mint(tenant: TenantId) -> Self {
        Self(Arc::new(tenant))
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.0
    }
}

impl fmt::Debug for TenantScope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "TenantScope({})", self.0)
    }
}
