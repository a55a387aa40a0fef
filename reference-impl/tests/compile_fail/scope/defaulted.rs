//! There is no scope of nobody.

use reference_impl::identity::scope::TenantScope;

fn attempt() -> TenantScope {
    TenantScope::default()
}

fn main() {}
