//! Who is asking: members and their session cookie, keys and what they open, users and their identity tokens.
//!
//! Start with [`verify`]: the one way from bytes to a [`Session`]. [`cookie`] finds the bytes in a request.
//! For keys start with [`bearer::presented`], then [`key`]. A [`scope::TenantScope`] is minted here and nowhere else.

pub mod bearer;
pub mod cookie;
pub mod hook;
mod json;
mod jws;
pub mod key;
pub mod scope;
pub mod user_token;

pub use jws::{CookieError, CookieKey, CookieKeys, KeyError, Session, verify};
pub(crate) use jws::{mint, verify_with};

use crate::ids::TenantId;
use scope::TenantScope;
use std::fmt;

/// The scope of the tenant that an operator of the control plane acts for.
pub(crate) fn operator(tenant: TenantId) -> TenantScope {
    TenantScope::mint(tenant)
}

/// The cookie that holds a member's session at a deployment's host.
pub const SESSION_COOKIE: &str = "vendoAuth";
/// The dashboard's session cookie. No container may see it, or set it.
pub const DASHBOARD_COOKIE: &str = "__Host-vendo_session";
/// The audience of a session token.
pub const AUDIENCE: &str = "app-proxy";

/// What a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads and changes.
    Owner,
    /// Reads and restarts.
    Member,
    /// Reads.
    Viewer,
}

impl Role {
    /// The role as it is written in a token.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }

    /// The role of a text; exact.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Owner, Self::Member, Self::Viewer].into_iter().find(|role| role.as_str() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A user as a member of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The user's id: the token's subject.
    pub user_id: String,
    /// The user's address.
    pub email: String,
    /// The user's name, as the user wrote it.
    pub name: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The role in that tenant.
    pub role: Role,
}
