//! A scope's constructor is out of reach.

use reference_impl::TenantId;
use reference_impl::identity::scope::TenantScope;

fn attempt(tenant: TenantId) -> TenantScope {
    TenantScope::mint(tenant)
}

fn main() {}
