//! What the calls of a step cost whom: each that is served has one hold and one settlement, of the right tenant, key and
//! connection, of the right amount; and there is no other.

use std::collections::BTreeMap;

use super::expect::Bill;
use crate::claim::ClaimId;
use crate::observation::{EdgeObservation, LedgerKind, LedgerLine};
use crate::oracle::{Finding, Judgement, Oracle};
use crate::state::State;
use crate::world::World;

/// Who falls when an amount is wrong.
const MONEY: [ClaimId; 2] = [ClaimId::Wal1, ClaimId::Prx2];
/// Who falls when it is taken from somebody else.
const WHOSE: [ClaimId; 3] = [ClaimId::Wal1, ClaimId::Prx2, ClaimId::Prx1];

/// The lowest balance that each tenant had during a step.
#[must_use]
pub fn lowest(state: &State, seen: &EdgeObservation) -> Vec<u64> {
    let of = |tenant: usize, start: u64| {
        let lines = seen.ledger.get(&tenant).into_iter().flatten();
        lines.map(|line| line.balance_after).fold(start, u64::min)
    };
    state.edge.wallets.iter().enumerate().map(|(tenant, start)| of(tenant, *start)).collect()
}

/// Judges the bills of a step: `bills` are those of the calls that were served, `credits` what each tenant was to be
/// credited.
pub fn judge(
    world: &World,
    state: &State,
    seen: &EdgeObservation,
    bills: &[&Bill],
    credits: &BTreeMap<usize, u64>,
    judgement: &mut Judgement,
) {
    let mut book = Book { world, state, judgement };
    let mut holds: Vec<Held<'_>> = Vec::new();
    for (tenant, start) in state.edge.wallets.iter().enumerate() {
        let lines: &[LedgerLine] = seen.ledger.get(&tenant).map_or(&[], Vec::as_slice);
        holds.extend(held(tenant, *start, lines));
        let credited = lines.iter().filter(|line| line.kind == LedgerKind::Credit).map(|line| i128::from(line.micros));
        let (credited, due) = (credited.sum::<i128>(), credits.get(&tenant).copied().unwrap_or(0));
        if credited != i128::from(due) {
            let whose = book.slug(tenant);
            book.wrong(&MONEY, format!("{whose} was credited {credited} micro-dollars, and {due} are due"));
        }
    }
    for bill in bills {
        book.bill(bill, &mut holds);
    }
    for held in holds {
        let whose = book.slug(held.tenant);
        let pays = bills.is_empty() || bills.iter().any(|bill| bill.tenant == held.tenant);
        let what =
            format!("{} micro-dollars of {whose} were reserved for a call that it is not to be billed for", held.hold);
        book.wrong(if pays { &MONEY } else { &WHOSE }, what);
    }
}

/// A hold that was found, and its settlement.
struct Held<'a> {
    tenant: usize,
    line: &'a LedgerLine,
    hold: u64,
    /// The line that settled it, and the balance before that.
    settled: Option<(&'a LedgerLine, u64)>,
}

fn held(tenant: usize, start: u64, lines: &[LedgerLine]) -> Vec<Held<'_>> {
    let mut holds: Vec<Held<'_>> = Vec::new();
    let mut balance = start;
    for line in lines {
        match line.kind {
            LedgerKind::Credit => {}
            LedgerKind::Hold => {
                holds.push(Held { tenant, line, hold: line.micros.unsigned_abs(), settled: None });
            }
            LedgerKind::Settle => {
                let own = holds.iter_mut().find(|held| held.line.hold == line.hold && held.settled.is_none());
                if let Some(own) = own {
                    own.settled = Some((line, balance));
                }
            }
        }
        balance = line.balance_after;
    }
    holds
}

struct Book<'a, 'j> {
    world: &'a World,
    state: &'a State,
    judgement: &'j mut Judgement,
}

impl Book<'_, '_> {
    fn wrong(&mut self, claims: &[ClaimId], what: String) {
        let finding =
            |claim: &ClaimId| Finding { claim: *claim, oracle: Oracle::Ledger, what: what.clone(), leak: None };
        self.judgement.findings.extend(claims.iter().map(finding));
    }

    fn slug(&self, tenant: usize) -> String {
        self.world.tenants.get(tenant).map(|own| own.slug.clone()).unwrap_or_default()
    }

    /// One call that is to be billed: its hold is there, it is the key's and the connection's, and what was charged is
    /// what it cost.
    fn bill(&mut self, bill: &Bill, holds: &mut Vec<Held<'_>>) {
        let edge = &self.world.edge;
        let whose = self.slug(bill.tenant);
        let key = self.state.edge.keys.get(bill.key).map(|key| key.id.clone());
        let connection = edge.connections.get(bill.connection).map(|own| own.id.clone());
        let app = bill.app.and_then(|app| edge.apps.get(app)).map(|own| own.id.clone());
        let is_alike = |held: &Held<'_>| held.tenant == bill.tenant && held.hold == bill.hold;
        let is_its = |held: &Held<'_>| {
            let right = |(line, before): (&LedgerLine, u64)| charged(held.hold, line) == due(bill, before);
            is_alike(held)
                && held.line.key == key
                && held.line.connection == connection
                && held.settled.is_none_or(right)
        };
        let position = holds
            .iter()
            .position(is_its)
            .or_else(|| holds.iter().position(is_alike))
            .or_else(|| holds.iter().position(|held| held.tenant == bill.tenant));
        let Some(position) = position else {
            self.wrong(&MONEY, format!("nothing was reserved of {whose} for a call that it has to pay for"));
            return;
        };
        let held = holds.remove(position);
        if held.hold != bill.hold {
            let what = format!("{} micro-dollars were reserved of {whose}, and {} are due", held.hold, bill.hold);
            self.wrong(&MONEY, what);
        }
        for (what, got, wanted) in [
            ("key", &held.line.key, &key),
            ("app", &held.line.app, &app),
            ("connection", &held.line.connection, &connection),
            ("provider", &held.line.provider, &Some(bill.provider.slug().to_owned())),
        ] {
            if got != wanted {
                self.wrong(&MONEY, format!("a hold of {whose} names the {what} {got:?} instead of {wanted:?}"));
            }
        }
        // That a hold was never settled is found by the ledger itself.
        let Some((line, before)) = held.settled else { return };
        let (charged, wanted) = (charged(held.hold, line), due(bill, before));
        if charged != wanted {
            let what = format!("{whose} was charged {charged} micro-dollars, and {wanted} are due");
            self.wrong(&MONEY, what.clone());
            let of_another = |cost: &u64| charged == i128::from(*cost).min(i128::from(bill.hold) + i128::from(before));
            if bill.elsewhere.iter().any(of_another) {
                self.wrong(&[ClaimId::Prx3], format!("{what}: what another tenant would pay"));
            }
        }
        let unpaid = u64::try_from(i128::from(bill.cost) - wanted).unwrap_or(0);
        if line.unpaid_micros != unpaid {
            let what = format!("{} micro-dollars of {whose} are noted as unpaid, and {unpaid} are", line.unpaid_micros);
            self.wrong(&MONEY, what);
        }
    }
}

/// What was charged in the end.
fn charged(hold: u64, settled: &LedgerLine) -> i128 {
    i128::from(hold) - i128::from(settled.micros)
}

/// What is to be charged: the cost, as far as hold and balance go.
fn due(bill: &Bill, balance: u64) -> i128 {
    i128::from(bill.cost).min(i128::from(bill.hold) + i128::from(balance))
}
