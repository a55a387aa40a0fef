//! A tenant's wallet, as its owner sees it.

use super::account::AccountError;
use super::workspace::Workspace;
use crate::store::database::{Database, DatabaseError};
use crate::store::kv::key::SHORT_LIFE;
use crate::store::kv::{Balance, BalanceEntry, Value};
use crate::store::money::Micros;
use crate::store::wallet::LedgerLine;
use std::sync::Arc;

/// The longest reference of a payment, in bytes.
const REFERENCE_MAX: usize = 128;

impl Workspace {
    /// Puts money into the wallet, in micro-dollars, and gives the balance. The reference names the payment: the same
    /// one again adds nothing.
    ///
    /// # Errors
    /// [`AccountError::BadReference`], [`AccountError::Range`], [`AccountError::Database`] while the wallet is out of
    /// reach.
    pub async fn top_up(&self, micros: u64, reference: &str) -> Result<u64, AccountError> {
        if reference.is_empty() || reference.len() > REFERENCE_MAX {
            return Err(AccountError::BadReference);
        }
        let amount = Micros::new(micros).ok_or(AccountError::Range)?;
        let balance = self.database().top_up(&self.scope, amount, reference, self.now_s()).await;
        let balance = balance.map_err(|error| {
            if error == DatabaseError::Conflict { AccountError::BadReference } else { error.into() }
        })?;
        let entry = BalanceEntry { micros: i64::try_from(balance).unwrap_or(i64::MAX) };
        let key = Balance::new(self.scope.tenant().as_str())?;
        self.control.0.kv.put(&key, Value::Balance(Arc::new(entry)), Some(SHORT_LIFE));
        Ok(balance)
    }

    /// What the wallet holds, in micro-dollars.
    ///
    /// # Errors
    /// [`AccountError::Database`] while the wallet is out of reach.
    pub async fn balance(&self) -> Result<u64, AccountError> {
        Ok(self.database().balance(&self.scope).await?)
    }

    /// The lines of the ledger, in order.
    ///
    /// # Errors
    /// [`AccountError::Database`].
    pub async fn ledger(&self) -> Result<Vec<LedgerLine>, AccountError> {
        Ok(self.database().ledger(&self.scope).await?)
    }
}
