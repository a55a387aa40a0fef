//! What a user's token says comes from a verified token alone.

use reference_impl::TenantId;
use reference_impl::identity::user_token::UserClaims;

fn attempt(tenant_id: TenantId) -> UserClaims {
    UserClaims { sub: "u".to_owned(), tenant_id }
}

fn main() {}
