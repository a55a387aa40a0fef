//! What a planted fault keeps between requests. Not in a build for use.

use super::answers::Token;
use super::chain::Named;
use crate::identity::key::Caller;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What keys were given, by what they asked for.
#[derive(Default)]
pub(super) struct Planted(Mutex<BTreeMap<String, Token>>);

impl Planted {
    /// What a key asked for.
    pub(super) fn place(caller: &Caller, provider: &str, named: &Named, owner: Option<&str>) -> String {
        format!("{} {provider} {named:?} {owner:?}", caller.key())
    }

    pub(super) fn given(&self, place: &str) -> Option<Token> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    pub(super) fn keep(&self, place: String, token: &Token) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place, token.clone());
    }
}
