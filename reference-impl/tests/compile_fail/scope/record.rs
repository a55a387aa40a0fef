//! A key's record comes from the stores alone: whoever could write one could name its tenant.

use reference_impl::identity::key::{Grant, KeyRecord};
use reference_impl::{KeyId, TenantId};

fn attempt(tenant: TenantId, key: KeyId, grant: Grant) -> KeyRecord {
    KeyRecord { tenant, key, prefix: String::new(), grant, revoked: false, expires_at_s: None }
}

fn main() {}
