//! A tenant's name is not its scope.

use reference_impl::TenantId;
use reference_impl::identity::scope::TenantScope;

fn attempt(tenant: TenantId) -> TenantScope {
    tenant.into()
}

fn main() {}
