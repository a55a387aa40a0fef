//! The wallet of one tenant: holds, settlements, and the ledger that they are written in.
//!
//! All amounts are micro-dollars. The balance is the sum of the ledger's lines and never below zero.

use super::calendar;
use super::money::Micros;
use crate::fault::{Fault, FaultSet};
use crate::ids::{AppId, ConnectionId, HoldId, KeyId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What is to be reserved, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHold {
    /// How much.
    pub amount: u64,
    /// The key that the request was made with. Its caps are those of its row.
    pub key: KeyId,
    /// The key's app; none for a key of a connection. Its caps are those of its row.
    pub app: Option<AppId>,
    /// The connection that is used.
    pub connection: ConnectionId,
    /// The provider.
    pub provider: &'static str,
    /// The model, where there is one.
    pub model: Option<String>,
    /// The time, in Unix seconds.
    pub at_s: i64,
}

/// A hold that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The hold.
    pub id: HoldId,
    /// What it reserves.
    pub amount: u64,
    /// What the wallet holds beside it.
    pub balance_after: u64,
}

/// Why nothing was reserved. Nothing is left of the attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoldRefusal {
    /// The balance doesn't cover the amount: 402.
    #[error("balance_exhausted")]
    BalanceExhausted,
    /// A cap on the day's spending is reached: 429.
    #[error("spend_cap_daily")]
    SpendCapDaily {
        /// Until the next midnight of UTC: 1 or more.
        retry_after_s: u64,
    },
    /// A cap on the month's spending is reached: 429.
    #[error("spend_cap_monthly")]
    SpendCapMonthly {
        /// Until the first midnight of the next month of UTC: 1 or more.
        retry_after_s: u64,
    },
    /// The wallet is out of reach: 503.
    #[error("wallet_unavailable")]
    Unavailable,
}

/// A job at a provider: a transcript, a prediction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobRef {
    /// The provider.
    pub provider: &'static str,
    /// What the provider calls it.
    pub id: String,
}

/// How a hold is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// What was used.
    pub cost: Micros,
    /// The job that the cost is of, if it is charged once only: a second settlement of the same job costs nothing.
    pub once_for: Option<JobRef>,
    /// The time, in Unix seconds.
    pub at_s: i64,
}

impl Settlement {
    /// Gives everything back.
    #[must_use]
    pub fn release(at_s: i64) -> Self {
        Self { cost: Micros::ZERO, once_for: None, at_s }
    }
}

/// What became of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// What was taken.
    pub charged: u64,
    /// What the wallet did not cover.
    pub unpaid: u64,
    /// What the wallet held right after.
    pub balance_after: u64,
    /// Whether it had been settled before: this is then that settlement's result, and nothing was written.
    pub repeated: bool,
}

/// What a line of the ledger is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerKind {
    /// Money came in.
    Credit,
    /// An amount was reserved.
    Hold,
    /// A hold was settled: the reserved amount less what was used.
    Settle,
}

/// A line of a ledger. Lines are added, never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerLine {
    /// Its number in this ledger, from 1.
    pub seq: u64,
    /// What it is.
    pub kind: LedgerKind,
    /// What it adds to the balance.
    pub micros: i64,
    /// The balance after it.
    pub balance_after: u64,
    /// The hold.
    pub hold: Option<HoldId>,
    /// The key that the request was made with.
    pub key: Option<KeyId>,
    /// The key's app.
    pub app: Option<AppId>,
    /// The connection that was used.
    pub connection: Option<ConnectionId>,
    /// The provider.
    pub provider: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// What a settlement did not cover.
    pub unpaid_micros: u64,
    /// When, in Unix seconds.
    pub at_s: i64,
}

/// The most that a key or an app may spend, in micro-dollars: settled spending of the day or month of UTC, and what its
/// open holds reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Caps {
    pub(crate) daily: Option<u64>,
    pub(crate) monthly: Option<u64>,
}

/// Why a wallet did not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WalletError {
    /// No hold has the id here.
    NoHold,
    /// A sum leaves the range.
    Range,
    /// The reference was used for another amount.
    Conflict,
}

/// A wallet. It is pure: the caller keeps it under a lock of its own, and gives the time and the ids.
#[derive(Debug, Default)]
pub(crate) struct Wallet {
    balance: i64,
    lines: Vec<Line>,
    holds: BTreeMap<HoldId, Hold>,
    /// The settled ones among them, the oldest settlement first.
    settled: VecDeque<(i64, HoldId)>,
    of_keys: BTreeMap<KeyId, Spending>,
    of_apps: BTreeMap<AppId, Spending>,
    references: BTreeMap<String, Micros>,
    charged: BTreeSet<JobRef>,
    faults: FaultSet,
}

/// How long a settlement's result is given to whoever settles again, in seconds. A settlement that couldn't be written is
/// tried for ten minutes. After that a hold is unknown, and nothing is written for it.
const REMEMBERED_S: i64 = 3600;

#[derive(Debug)]
struct Line {
    kind: LedgerKind,
    micros: i64,
    balance_after: i64,
    unpaid: i64,
    at_s: i64,
    of: Option<Arc<Attribution>>,
}

/// Whom the lines of a hold are for.
#[derive(Debug)]
struct Attribution {
    id: HoldId,
    amount: i64,
    key: KeyId,
    app: Option<AppId>,
    connection: ConnectionId,
    provider: &'static str,
    model: Option<String>,
}

#[derive(Debug)]
enum Hold {
    Open(Arc<Attribution>),
    Settled(Settled),
}

#[derive(Debug, Default, Clone, Copy)]
struct Spending {
    day: i64,
    of_day: i64,
    month: i64,
    of_month: i64,
    open: i64,
}

impl Spending {
    /// The spending as it stands at a time: a new day begins at nothing, and so does a new month.
    fn at(&self, at_s: i64) -> Self {
        let mut now = *self;
        let (day, month) = (calendar::day(at_s), calendar::month(at_s));
        if day > now.day {
            (now.day, now.of_day) = (day, 0);
        }
        if month > now.month {
            (now.month, now.of_month) = (month, 0);
        }
        now
    }

    /// A settled hold: what was reserved is free, what was taken is spent.
    fn settle(&mut self, reserved: i64, charged: i64, at_s: i64) {
        *self = self.at(at_s);
        self.open -= reserved;
        self.of_day = self.of_day.saturating_add(charged);
        self.of_month = self.of_month.saturating_add(charged);
    }

    /// Whether a cap leaves room: the day's is compared first.
    fn within(&self, caps: Caps, at_s: i64) -> Result<(), HoldRefusal> {
        let now = self.at(at_s);
        let reached =
            |spent: i64, cap: Option<u64>| cap.is_some_and(|cap| unsigned(spent.saturating_add(now.open)) >= cap);
        if reached(now.of_day, caps.daily) {
            return Err(HoldRefusal::SpendCapDaily { retry_after_s: calendar::until_next_day(at_s) });
        }
        if reached(now.of_month, caps.monthly) {
            return Err(HoldRefusal::SpendCapMonthly { retry_after_s: calendar::until_next_month(at_s) });
        }
        Ok(())
    }
}

impl Wallet {
    /// An empty wallet.
    pub(crate) fn new(faults: FaultSet) -> Self {
        Self { faults, ..Self::default() }
    }

    /// What it holds. Never below zero.
    pub(crate) fn balance(&self) -> u64 {
        unsigned(self.balance)
    }

    /// Puts money in. A reference counts once.
    pub(crate) fn top_up(&mut self, amount: Micros, reference: &str, at_s: i64) -> Result<u64, WalletError> {
        if let Some(before) = self.references.get(reference) {
            return if *before == amount { Ok(self.balance()) } else { Err(WalletError::Conflict) };
        }
        // What is on hold comes back, so it counts toward the range.
        let most = self.balance.checked_add(self.reserved()).and_then(|all| all.checked_add(amount.get()));
        if most.is_none() {
            return Err(WalletError::Range);
        }
        self.references.insert(reference.to_owned(), amount);
        self.write(LedgerKind::Credit, amount.get(), 0, at_s, None);
        Ok(self.balance())
    }

    /// Reserves an amount: all checks first, then one line, or nothing at all.
    pub(crate) fn hold(&mut self, id: HoldId, new: NewHold, key: Caps, app: Caps) -> Result<Held, HoldRefusal> {
        let amount = i64::try_from(new.amount).map_err(|_| HoldRefusal::BalanceExhausted)?;
        if self.balance < amount && !self.faults.has(Fault::BalanceNotChecked) {
            return Err(HoldRefusal::BalanceExhausted);
        }
        let of_app = new.app.as_ref().and_then(|id| self.of_apps.get(id)).copied().unwrap_or_default();
        let app = if new.app.is_some() { app } else { Caps::default() };
        let of_key = self.of_keys.get(&new.key).copied().unwrap_or_default();
        let room = of_key.within(key, new.at_s).and_then(|()| of_app.within(app, new.at_s));
        if self.faults.has(Fault::RefusalBills) && room.is_err() {
            self.write(LedgerKind::Hold, -amount, 0, new.at_s, None);
        }
        room?;
        self.of_keys.entry(new.key.clone()).or_default().open += amount;
        if let Some(app) = &new.app {
            self.of_apps.entry(app.clone()).or_default().open += amount;
        }
        let of = Arc::new(Attribution {
            id: id.clone(),
            amount,
            key: new.key,
            app: new.app,
            connection: new.connection,
            provider: new.provider,
            model: new.model,
        });
        self.write(LedgerKind::Hold, -amount, 0, new.at_s, Some(of.clone()));
        self.holds.insert(id.clone(), Hold::Open(of));
        Ok(Held { id, amount: new.amount, balance_after: self.balance() })
    }

    /// Settles a hold: one line, once. What was used is taken as far as hold and balance reach.
    pub(crate) fn settle(&mut self, id: &HoldId, settlement: Settlement) -> Result<Settled, WalletError> {
        let of = match self.holds.get(id) {
            None => return Err(WalletError::NoHold),
            Some(Hold::Settled(before)) => return Ok(Settled { repeated: true, ..*before }),
            Some(Hold::Open(of)) => of.clone(),
        };
        // A job that is not done yet costs nothing, and is not what was charged.
        let once_for = settlement.once_for.filter(|_| settlement.cost > Micros::ZERO);
        let first = once_for.is_none_or(|job| self.charged.insert(job));
        let cost = if first { settlement.cost.get() } else { 0 };
        let charged = cost.min(of.amount.saturating_add(self.balance));
        let unpaid = cost - charged;
        let of_app = of.app.as_ref().and_then(|app| self.of_apps.get_mut(app));
        for spending in self.of_keys.get_mut(&of.key).into_iter().chain(of_app) {
            spending.settle(of.amount, charged, settlement.at_s);
        }
        let deliveries = if self.faults.has(Fault::SettledTwice) { 2 } else { 1 };
        for _ in 0..deliveries {
            self.write(LedgerKind::Settle, of.amount - charged, unpaid, settlement.at_s, Some(of.clone()));
        }
        let (charged, unpaid) = (unsigned(charged), unsigned(unpaid));
        let settled = Settled { charged, unpaid, balance_after: self.balance(), repeated: false };
        self.holds.insert(id.clone(), Hold::Settled(settled));
        self.settled.push_back((settlement.at_s, id.clone()));
        self.forget(settlement.at_s);
        Ok(settled)
    }

    /// Forgets the results of settlements that nobody asks for again.
    fn forget(&mut self, now_s: i64) {
        while self.settled.front().is_some_and(|(at_s, _)| now_s.saturating_sub(*at_s) > REMEMBERED_S) {
            if let Some((_, id)) = self.settled.pop_front() {
                self.holds.remove(&id);
            }
        }
    }

    /// The ledger.
    pub(crate) fn ledger(&self) -> Vec<LedgerLine> {
        self.lines.iter().zip(1..).map(|(line, seq)| line.shown(seq)).collect()
    }

    /// Gives a hold away, for a planted fault.
    #[cfg(feature = "faults")]
    pub(crate) fn give_hold(&mut self, id: &HoldId, other: &mut Self) {
        if let Some(hold) = self.holds.remove(id) {
            other.holds.insert(id.clone(), hold);
        }
    }

    fn reserved(&self) -> i64 {
        let open = self.holds.values().filter_map(|hold| match hold {
            Hold::Open(of) => Some(of.amount),
            Hold::Settled(_) => None,
        });
        open.fold(0, i64::saturating_add)
    }

    fn write(&mut self, kind: LedgerKind, micros: i64, unpaid: i64, at_s: i64, of: Option<Arc<Attribution>>) {
        self.balance += micros;
        self.lines.push(Line { kind, micros, balance_after: self.balance, unpaid, at_s, of });
    }
}

impl Line {
    fn shown(&self, seq: u64) -> LedgerLine {
        let of = self.of.as_deref();
        LedgerLine {
            seq,
            kind: self.kind,
            micros: self.micros,
            balance_after: unsigned(self.balance_after),
            hold: of.map(|of| of.id.clone()),
            key: of.map(|of| of.key.clone()),
            app: of.and_then(|of| of.app.clone()),
            connection: of.map(|of| of.connection.clone()),
            provider: of.map(|of| of.provider.to_owned()),
            model: of.and_then(|of| of.model.clone()),
            unpaid_micros: unsigned(self.unpaid),
            at_s: self.at_s,
        }
    }
}

/// An amount that is not negative.
fn unsigned(micros: i64) -> u64 {
    u64::try_from(micros).unwrap_or(0)
}

#[cfg(test)]
#[path = "wallet_tests.rs"]
mod tests;
