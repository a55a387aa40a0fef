//! What is different after calls to the edge: money as the ledgers say it is, and what each call that was served began or
//! left to be kept.

use std::collections::BTreeMap;

use super::{EdgeState, Spender};
use crate::action::Action;
use crate::observation::{EdgeObservation, Exchange, LedgerKind, Observation};
use crate::oracle::edge::expect::{DueAnswer, Effect};
use crate::oracle::edge::step::{CallDue, dues};
use crate::state::State;
use crate::world::World;

impl State {
    /// Moves on after the calls of an action.
    pub(in crate::state) fn after_calls(&mut self, world: &World, action: &Action, seen: &Observation) {
        let dues = dues(world, self, action);
        let answers = dues.iter().map(CallDue::asks_broker).sum::<u32>();
        for (number, due) in dues.iter().enumerate() {
            let Some(due) = due.call() else { continue };
            let Some(Exchange::Answer(answer)) = seen.exchanges.get(number) else { continue };
            let served = match &due.answer {
                DueAnswer::Relayed(relayed) => relayed.status == Some(answer.status),
                DueAnswer::Token(_) | DueAnswer::Tokens(_) => answer.status == 200,
                DueAnswer::Entry { .. } | DueAnswer::Refused(_) | DueAnswer::Preflight => false,
            };
            for effect in due.effects.iter().filter(|_| served) {
                match effect {
                    Effect::Begun(job) => {
                        self.edge.jobs.insert(*job);
                    }
                    Effect::Charged(job) => {
                        self.edge.charged.insert(*job);
                    }
                    Effect::Kept(connection, kept) => {
                        // Of calls at once each may have got the answer of the other.
                        let account = world.edge.connections.get(*connection).and_then(|own| own.account).unwrap_or(0);
                        let text = String::from_utf8_lossy(&answer.body);
                        let serial = (self.edge.broker_serial..self.edge.broker_serial + answers).find(|serial| {
                            text.contains(&format!("\"{}\"", world.edge.broker_token(account, *serial)))
                        });
                        let serial = serial.unwrap_or(kept.serial);
                        self.edge.tokens.insert(*connection, super::CachedToken { serial, ..*kept });
                    }
                }
            }
        }
        self.edge.broker_serial += answers;
        let day = self.now_s.div_euclid(86_400);
        self.edge.after_money(world, &seen.edge, day);
    }
}

impl EdgeState {
    /// Balances and spending as the ledgers say they are: what is wrong with them was found already.
    pub(crate) fn after_money(&mut self, world: &World, seen: &EdgeObservation, day: i64) {
        for (tenant, balance) in self.wallets.iter_mut().enumerate() {
            let last = seen.ledger.get(&tenant).and_then(|lines| lines.last()).map(|line| line.balance_after);
            if let Some(now) = seen.balances.get(tenant).copied().or(last) {
                *balance = now;
            }
        }
        for lines in seen.ledger.values() {
            let mut holds: BTreeMap<&str, u64> = BTreeMap::new();
            for line in lines {
                let Some(hold) = line.hold.as_deref() else { continue };
                match line.kind {
                    LedgerKind::Credit => {}
                    LedgerKind::Hold => {
                        holds.insert(hold, line.micros.unsigned_abs());
                    }
                    LedgerKind::Settle => {
                        let Some(held) = holds.remove(hold) else { continue };
                        let charged = u64::try_from(i128::from(held) - i128::from(line.micros)).unwrap_or(0);
                        let key = line.key.as_deref().and_then(|id| self.key_with(id)).map(Spender::Key);
                        let app = line.app.as_deref();
                        let app = app.and_then(|id| world.edge.apps.iter().position(|own| own.id == id));
                        for spender in key.into_iter().chain(app.map(Spender::App)) {
                            let spent = self.spent.entry(spender).or_default().entry(day).or_default();
                            *spent = spent.saturating_add(charged);
                        }
                    }
                }
            }
        }
    }
}
