//! The fifth oracle: money. What each tenant's ledger says after a step has to add up, and nobody else's may move.
//!
//! Whether the right amount was charged is for the oracle of permitted outcomes; here it is whether the lines can be true
//! at all, whatever the calls were.

use std::collections::{BTreeMap, BTreeSet};

use crate::claim::ClaimId;
use crate::observation::{EdgeObservation, LedgerKind, LedgerLine};
use crate::oracle::{Finding, Oracle};
use crate::state::edge::EdgeState;
use crate::world::World;

/// What is wrong with the ledgers after a step. `state` is the state before it; `payers` are the tenants whose ledger may have
/// new lines.
#[must_use]
pub fn findings(world: &World, state: &EdgeState, seen: &EdgeObservation, payers: &BTreeSet<usize>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (tenant, before) in state.wallets.iter().enumerate() {
        let lines = seen.ledger.get(&tenant).map(Vec::as_slice).unwrap_or_default();
        let after = seen.balances.get(tenant).copied();
        let whose = world.tenants.get(tenant).map_or("a tenant", |tenant| tenant.slug.as_str());
        for (claims, what) in wrong(world, tenant, *before, lines, after, payers.contains(&tenant)) {
            let finding = |claim: &ClaimId| Finding {
                claim: *claim,
                oracle: Oracle::Ledger,
                what: format!("the ledger of {whose}: {what}"),
                leak: None,
            };
            findings.extend(claims.iter().map(finding));
        }
    }
    findings
}

/// Claims that fall when a wallet is wrong.
const MONEY: &[ClaimId] = &[ClaimId::Wal1];
/// Claims that fall when the wrong wallet is used.
const PAYER: &[ClaimId] = &[ClaimId::Wal1, ClaimId::Prx2];

type Wrong = Vec<(&'static [ClaimId], String)>;

fn wrong(world: &World, tenant: usize, before: u64, lines: &[LedgerLine], after: Option<u64>, may_pay: bool) -> Wrong {
    let mut wrong: Wrong = Vec::new();
    if !may_pay && !lines.is_empty() {
        let sums: Vec<String> = lines.iter().map(|line| format!("{} {}", word(line.kind), line.micros)).collect();
        wrong.push((PAYER, format!("it has new lines, and nothing of it was spent: {}", sums.join(", "))));
    }
    sums(before, lines, after, &mut wrong);
    holds(lines, &mut wrong);
    owners(world, tenant, lines, &mut wrong);
    wrong
}

/// Conservation: each line follows from the one before it, and their sum is the change of the balance.
fn sums(before: u64, lines: &[LedgerLine], after: Option<u64>, wrong: &mut Wrong) {
    let mut balance = i128::from(before);
    for line in lines {
        balance += i128::from(line.micros);
        if balance < 0 {
            wrong.push((MONEY, format!("{} {} makes it {balance}", word(line.kind), line.micros)));
        }
        if balance >= 0 && i128::from(line.balance_after) != balance {
            let said = line.balance_after;
            wrong.push((MONEY, format!("{} {} leaves {said}, and {balance} is due", word(line.kind), line.micros)));
            balance = i128::from(said);
        }
    }
    if let Some(after) = after
        && i128::from(after) != balance
    {
        wrong.push((MONEY, format!("the balance is {after}, and its lines sum up to {balance}")));
    }
}

/// Exactly once: a hold is opened once and settled once, and gives back no more than it took.
fn holds(lines: &[LedgerLine], wrong: &mut Wrong) {
    let mut opened: BTreeMap<&str, i64> = BTreeMap::new();
    let mut settled: BTreeSet<&str> = BTreeSet::new();
    for line in lines {
        match (line.kind, line.hold.as_deref()) {
            (LedgerKind::Credit, _) => {
                if line.micros <= 0 {
                    wrong.push((MONEY, format!("a credit of {}", line.micros)));
                }
            }
            (LedgerKind::Hold | LedgerKind::Settle, None) => {
                wrong.push((MONEY, format!("{} {} names no hold", word(line.kind), line.micros)));
            }
            (LedgerKind::Hold, Some(hold)) => {
                if line.micros >= 0 {
                    wrong.push((MONEY, format!("a hold of {}", line.micros)));
                }
                if opened.insert(hold, line.micros).is_some() {
                    wrong.push((MONEY, "one hold was opened twice".to_owned()));
                }
            }
            (LedgerKind::Settle, Some(hold)) => {
                if !settled.insert(hold) {
                    wrong.push((MONEY, "one hold was settled twice".to_owned()));
                }
                match opened.get(hold) {
                    None => wrong.push((MONEY, "what was settled is no hold of its own".to_owned())),
                    Some(taken) if i128::from(line.micros) > -i128::from(*taken) => {
                        wrong.push((MONEY, format!("a hold of {taken} gave back {}", line.micros)));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    for (hold, micros) in opened {
        if !settled.contains(hold) {
            wrong.push((MONEY, format!("a hold of {micros} was never settled")));
        }
    }
}

/// A line names the tenant's own things alone.
fn owners(world: &World, tenant: usize, lines: &[LedgerLine], wrong: &mut Wrong) {
    let edge = &world.edge;
    for line in lines {
        let key = line.key.as_deref();
        let foreign_key = edge.keys.iter().find(|own| Some(own.id.as_str()) == key).filter(|own| own.tenant != tenant);
        let app = line.app.as_deref();
        let foreign_app = edge.apps.iter().find(|own| Some(own.id.as_str()) == app).filter(|own| own.tenant != tenant);
        let connection = line.connection.as_deref();
        let foreign = edge.connections.iter().find(|own| Some(own.id.as_str()) == connection);
        let foreign_connection = foreign.filter(|own| own.tenant != tenant);
        let names = [
            foreign_key.map(|own| format!("the key {}", own.id)),
            foreign_app.map(|own| format!("the app {}", own.id)),
            foreign_connection.map(|own| format!("the connection {}", own.id)),
        ];
        wrong.extend(names.into_iter().flatten().map(|name| (PAYER, format!("a line names another tenant's: {name}"))));
    }
}

const fn word(kind: LedgerKind) -> &'static str {
    match kind {
        LedgerKind::Credit => "credit",
        LedgerKind::Hold => "hold",
        LedgerKind::Settle => "settle",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::Seeded;
    use crate::world::Profile;

    fn world() -> World {
        World::generate(&mut Seeded::new(4), Profile::default())
    }

    fn line(kind: LedgerKind, micros: i64, balance_after: u64, hold: &str) -> LedgerLine {
        LedgerLine {
            kind,
            micros,
            balance_after,
            hold: Some(hold.to_owned()).filter(|hold| !hold.is_empty()),
            key: None,
            app: None,
            connection: None,
            provider: None,
            model: None,
            unpaid_micros: 0,
        }
    }

    /// A ledger of tenant 0 that began with 1000.
    fn judged(lines: Vec<LedgerLine>, after: u64, payers: &[usize]) -> Vec<Finding> {
        let world = world();
        let mut state = EdgeState::new(&world);
        state.wallets = vec![1000; world.tenants.len()];
        let mut balances = state.wallets.clone();
        balances[0] = after;
        let ledger = BTreeMap::from([(0, lines)]);
        let seen = EdgeObservation { ledger, balances, ..EdgeObservation::default() };
        findings(&world, &state, &seen, &payers.iter().copied().collect())
    }

    use LedgerKind::{Credit, Hold, Settle};

    #[test]
    fn what_adds_up_is_silent() {
        let lines = vec![
            line(Hold, -400, 600, "h1"),
            line(Hold, -300, 300, "h2"),
            line(Settle, 399, 699, "h1"),
            line(Credit, 1, 700, ""),
            // More than the hold was charged: the balance covered it.
            line(Settle, -100, 600, "h2"),
        ];
        assert_eq!(judged(lines, 600, &[0]), []);
        assert_eq!(judged(Vec::new(), 1000, &[]), []);
    }

    #[test]
    fn each_thing_that_is_wrong_is_found() {
        let ok = || vec![line(Hold, -400, 600, "h1"), line(Settle, 390, 990, "h1")];
        let with = |change: &dyn Fn(&mut Vec<LedgerLine>)| {
            let mut lines = ok();
            change(&mut lines);
            lines
        };
        for (name, lines, after) in [
            ("lost money", ok(), 980),
            ("made money", ok(), 1000),
            ("a line that does not follow", with(&|lines| lines[1].balance_after = 991), 991),
            ("never settled", vec![line(Hold, -400, 600, "h1")], 600),
            ("settled twice", with(&|lines| lines.push(line(Settle, 390, 1380, "h1"))), 1380),
            ("opened twice", with(&|lines| lines.insert(1, line(Hold, -1, 599, "h1"))), 989),
            ("settled without a hold", vec![line(Settle, 5, 1005, "h9")], 1005),
            ("gave back more", vec![line(Hold, -400, 600, "h1"), line(Settle, 401, 1001, "h1")], 1001),
            ("no hold named", vec![line(Hold, -400, 600, "")], 600),
            ("a hold that gives", vec![line(Hold, 400, 1400, "h1"), line(Settle, -400, 1000, "h1")], 1000),
            ("a credit that takes", vec![line(Credit, -1, 999, "")], 999),
        ] {
            let found = judged(lines, after, &[0]);
            assert!(found.iter().any(|f| f.claim == ClaimId::Wal1 && f.oracle == Oracle::Ledger), "{name}: {found:?}");
        }
        let overdrawn = vec![line(Hold, -1400, 0, "h1"), line(Settle, 1400, 1000, "h1")];
        assert!(!judged(overdrawn, 1000, &[0]).is_empty(), "below zero");
    }

    #[test]
    fn nobody_elses_ledger_moves_and_no_line_names_a_stranger() {
        let lines = vec![line(Hold, -400, 600, "h1"), line(Settle, 400, 1000, "h1")];
        let claims = |found: Vec<Finding>| found.into_iter().map(|f| f.claim).collect::<BTreeSet<_>>();
        assert_eq!(claims(judged(lines.clone(), 1000, &[1])), BTreeSet::from([ClaimId::Wal1, ClaimId::Prx2]));
        let world = world();
        let foreign = world.edge.keys.iter().find(|key| key.tenant == 1).unwrap();
        let mut named = lines;
        named[0].key = Some(foreign.id.clone());
        assert_eq!(claims(judged(named, 1000, &[0])), BTreeSet::from([ClaimId::Wal1, ClaimId::Prx2]));
    }
}
