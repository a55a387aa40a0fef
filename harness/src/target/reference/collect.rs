//! What was seen of a step.

use std::collections::BTreeMap;

use isolation_model::claim::Guard;
use isolation_model::observation::{Answer, Delivery, Exchange, LedgerKind, LedgerLine, Observation};
use isolation_model::oracle::expect::CONTAINER_HOST;
use isolation_model::render::edge::STRAY;
use reference_impl::TenantId;
use reference_impl::store::wallet::{LedgerKind as OwnKind, LedgerLine as OwnLine};

use super::ReferenceSession;
use super::names;
use crate::target::TargetError;
use crate::target::client::lower;

impl ReferenceSession<'_> {
    /// Takes all that was seen since the step began.
    pub(super) async fn collect(&mut self, observation: &mut Observation) -> Result<(), TargetError> {
        observation.edge.upstream = self.behind.drain();
        for container in self.containers.iter().chain(self.behind.all()) {
            container.clear_script();
        }
        self.deliveries(observation);
        let seen = self.watch.take();
        observation.kv = seen.kv;
        observation.edge.log = seen.log;
        observation.reached = seen.guards.into_iter().filter_map(|name| name.parse::<Guard>().ok()).collect();
        let after = self.control.kv_snapshot();
        let before = std::mem::replace(&mut self.kv, after.clone());
        let keys = before.keys().chain(after.keys());
        observation.kv_changed = keys.filter(|key| before.get(*key) != after.get(*key)).cloned().collect();
        observation.kv_changed.sort();
        observation.kv_changed.dedup();
        self.money(observation).await?;
        if let Some(stray) = self.behind.stray() {
            for exchange in &mut observation.exchanges {
                if let Exchange::Answer(answer) = exchange {
                    unnamed(answer, &stray);
                }
            }
        }
        // The parser sets no mark: that it refused is seen from outside.
        if observation.exchanges.iter().any(is_refusal_by_parser) {
            observation.reached.insert(Guard::Framing);
        }
        Ok(())
    }

    fn deliveries(&self, observation: &mut Observation) {
        for (index, container) in self.containers.iter().enumerate() {
            let own = container.endpoint().to_string();
            for received in container.drain() {
                let headers = lower(received.headers)
                    .into_iter()
                    .map(|(name, value)| {
                        let is_own = name == "host" && value == own.as_bytes();
                        (name, if is_own { CONTAINER_HOST.as_bytes().to_vec() } else { value })
                    })
                    .collect();
                observation.deliveries.push(Delivery {
                    deployment: index,
                    method: received.method,
                    target: received.target.into_bytes(),
                    headers,
                    body: received.body,
                    complete: received.complete,
                    raw: received.head_bytes,
                });
            }
        }
    }

    /// The lines that each ledger has more than at the end of the last step, and what each wallet holds.
    async fn money(&mut self, observation: &mut Observation) -> Result<(), TargetError> {
        let ledgers = self.control.ledgers();
        self.open_holds = open_holds(&ledgers);
        for index in 0..self.world.tenants.len() {
            let Some(lines) = ledgers.get(&names::tenant(self.world, index)?) else { continue };
            let known = self.lines.insert(index, lines.len()).unwrap_or(0);
            let new: Vec<LedgerLine> = lines.iter().skip(known).map(line).collect();
            if !new.is_empty() {
                observation.edge.ledger.insert(index, new);
            }
        }
        let mut balances = Vec::new();
        for workspace in &self.workspaces {
            // While the store of all wallets is out of reach, no balance can be read.
            let Ok(balance) = workspace.balance().await else { return Ok(()) };
            balances.push(balance);
        }
        observation.edge.balances = balances;
        Ok(())
    }
}

/// How many holds stand that no line has settled.
pub(super) fn open_holds(ledgers: &BTreeMap<TenantId, Vec<OwnLine>>) -> usize {
    let count = |lines: &[OwnLine], kind| lines.iter().filter(|line| line.kind == kind).count();
    ledgers.values().map(|lines| count(lines, OwnKind::Hold).saturating_sub(count(lines, OwnKind::Settle))).sum()
}

fn line(line: &OwnLine) -> LedgerLine {
    LedgerLine {
        kind: match line.kind {
            OwnKind::Credit => LedgerKind::Credit,
            OwnKind::Hold => LedgerKind::Hold,
            OwnKind::Settle => LedgerKind::Settle,
        },
        micros: line.micros,
        balance_after: line.balance_after,
        hold: line.hold.as_ref().map(ToString::to_string),
        key: line.key.as_ref().map(ToString::to_string),
        app: line.app.as_ref().map(ToString::to_string),
        connection: line.connection.as_ref().map(ToString::to_string),
        provider: line.provider.clone(),
        model: line.model.clone(),
        unpaid_micros: line.unpaid_micros,
    }
}

/// The stray server's address becomes what stands for it.
fn unnamed(answer: &mut Answer, stray: &str) {
    for (_, value) in &mut answer.headers {
        *value = super::script::replace(value, stray.as_bytes(), STRAY.as_bytes());
    }
    answer.raw = super::script::replace(&answer.raw, stray.as_bytes(), STRAY.as_bytes());
}

/// Whether the answer is one that a parser gives, or a closed connection.
pub(super) fn is_refusal_by_parser(exchange: &Exchange) -> bool {
    match exchange {
        Exchange::Answer(answer) => matches!(answer.status, 400 | 405 | 413 | 414 | 431 | 501 | 505),
        Exchange::Nothing(_) => true,
    }
}
