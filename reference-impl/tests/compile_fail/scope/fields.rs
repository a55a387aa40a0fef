//! A scope can't be put together.

use reference_impl::TenantId;
use reference_impl::identity::scope::TenantScope;
use std::sync::Arc;

fn attempt(tenant: TenantId) -> TenantScope {
    TenantScope(Arc::new(tenant))
}

fn main() {}
