//! What the control plane's operator may do, nobody else may.

use reference_impl::TenantId;
use reference_impl::identity::scope::TenantScope;

fn attempt(tenant: TenantId) -> TenantScope {
    reference_impl::identity::operator(tenant)
}

fn main() {}
