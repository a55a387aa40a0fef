//! What a planted fault keeps between requests. Not in a build for use.

use super::answers::Token;
use super::chain::Named;
use crate::identity;
use crate::identity::key::Caller;
use crate::identity::scope::TenantScope;
use crate::identity::user_token::UserClaims;
use crate::ids::ConnectionId;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The scope of the tenant that a user's token names, whoever asks.
pub(super) fn scope_of(claims: &UserClaims) -> TenantScope {
    identity::operator(claims.tenant_id().clone())
}

/// What keys were given, by what they asked for.
#[derive(Default)]
pub(super) struct Planted(Mutex<BTreeMap<String, (Token, ConnectionId)>>);

impl Planted {
    /// What a key asked for.
    pub(super) fn place(caller: &Caller, provider: &str, named: &Named, owner: Option<&str>) -> String {
        format!("{} {provider} {named:?} {owner:?}", caller.key())
    }

    pub(super) fn given(&self, place: &str) -> Option<(Token, ConnectionId)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    pub(super) fn keep(&self, place: String, token: &Token, connection: &ConnectionId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place, (token.clone(), connection.clone()));
    }
}
