//! Who is asking: members, the session cookie, and the token inside it.
//!
//! Start with [`verify`]: the one way from bytes to a [`Session`]. [`cookie`] finds the bytes in a request.

pub mod cookie;
mod jws;

pub use jws::{CookieError, CookieKey, CookieKeys, KeyError, Session, verify};
pub(crate) use jws::{mint, verify_with};

use crate::ids::TenantId;
use std::fmt;

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
