//! The shared workers of the edge.

use crate::provider::Adapter;
use std::fmt;

/// A worker that all tenants share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Worker {
    /// In front of every deployment's container.
    AppProxy,
    /// In front of one provider's API.
    Provider(Adapter),
    /// Gives a deployment the tokens of its connections.
    Credentials,
    /// Takes webhooks in for deployments.
    Hooks,
}

impl fmt::Display for Worker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AppProxy => out.write_str("app-proxy"),
            Self::Provider(adapter) => write!(out, "{adapter}-proxy"),
            Self::Credentials => out.write_str("credentials"),
            Self::Hooks => out.write_str("hooks"),
        }
    }
}
