//! Calls to the workers of the edge: one, several at once, and one with a change while it is under way.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::join_all;
use isolation_model::action::Action;
use isolation_model::action::edge::hook::HookReply;
use isolation_model::action::edge::provider::ClientEnd;
use isolation_model::action::edge::{EdgeCall, EdgeControl};
use isolation_model::observation::{Exchange, Observation};
use isolation_model::oracle::edge::step::{calls, scripts};
use isolation_model::render::edge::upstream::{Asking, serve};
use isolation_model::render::edge::{STRAY, container_script, wire, worker};
use isolation_model::render::{Script, Wire};
use isolation_model::state::State;
use isolation_model::world::edge::Provider;
use reference_impl::Reply;

use super::collect::{is_refusal_by_parser, open_holds};
use super::script::{Hold, replace, reply};
use super::{Link, ReferenceSession, doors, pause, settle};
use crate::target::client::Gate;
use crate::target::{Performed, TargetError};

/// How often it is looked in memory whether all is quiet.
const LOOKS: usize = 48;
/// How often over sockets.
const LOOKS_OVER_SOCKETS: usize = 60;
/// How long it is waited for calls to arrive, in milliseconds.
const ARRIVAL_MS: u64 = 250;

impl ReferenceSession<'_> {
    /// One call.
    pub(super) async fn call(
        &mut self,
        state: &State,
        action: &Action,
        call: &EdgeCall,
        keep: bool,
        performed: &mut Performed,
    ) -> Result<(), TargetError> {
        performed.requests = 1;
        self.answer(state, action, Hold::No);
        let (gate, mut wire) = self.sent(state, call, 0);
        // That a server name must be the host is tried by requests to containers; here it would hide what is tried.
        wire.reuse &= self.client.is_open_for(&wire, gate);
        if let Some(body_bytes) = leaves_after(call) {
            let exchange = self.client.hang_up(&wire, gate, body_bytes).await?;
            performed.observation.exchanges.push(exchange);
        } else {
            let sent = self.send(&wire, gate, keep).await?;
            performed.reused_sni = sent.reused_sni;
            performed.observation.exchanges.push(sent.exchange);
        }
        self.quiet(&[call], &performed.observation.exchanges).await;
        Ok(())
    }

    /// Several calls at once, each over a connection of its own. What answers behind the edge does so when every call has
    /// come as far as it can: so their holds all stand at one time.
    pub(super) async fn together(
        &self,
        state: &State,
        action: &Action,
        performed: &mut Performed,
    ) -> Result<(), TargetError> {
        let calls = calls(action);
        performed.requests = u64::try_from(calls.len()).unwrap_or(u64::MAX);
        self.answer(state, action, Hold::Back);
        let answered = Cell::new(0);
        let wires: Vec<(Gate, Wire)> =
            calls.iter().enumerate().map(|(number, call)| self.sent(state, call, number)).collect();
        let exchanges = wires.iter().map(|(gate, wire)| async {
            let exchange = self.client.alone(wire, *gate).await;
            answered.set(answered.get() + 1);
            exchange
        });
        let conduct = async {
            self.until(|| answered.get() + self.waiting() >= calls.len()).await;
            self.release();
        };
        let (exchanges, ()) = tokio::join!(join_all(exchanges), conduct);
        performed.observation.exchanges = exchanges.into_iter().collect::<Result<Vec<Exchange>, TargetError>>()?;
        self.quiet(&calls, &performed.observation.exchanges).await;
        Ok(())
    }

    /// A call, and a change while what is behind the edge holds its answer back.
    pub(super) async fn during(
        &self,
        state: &State,
        action: &Action,
        call: &EdgeCall,
        control: EdgeControl,
        performed: &mut Performed,
    ) -> Result<(), TargetError> {
        performed.requests = 1;
        self.answer(state, action, Hold::Back);
        let (gate, wire) = self.sent(state, call, 0);
        let answered = Cell::new(false);
        let mut seen = Observation::default();
        let exchange = async {
            let exchange = self.client.alone(&wire, gate).await;
            answered.set(true);
            exchange
        };
        let change = async {
            self.until(|| answered.get() || self.waiting() > 0).await;
            let changed = self.edge_control(state, &control, &mut seen).await;
            self.release();
            changed
        };
        let (exchange, changed) = tokio::join!(exchange, change);
        changed?;
        performed.observation = seen;
        performed.observation.exchanges = vec![exchange?];
        self.quiet(&[call], &performed.observation.exchanges).await;
        Ok(())
    }

    /// Where a call enters, and its bytes.
    fn sent(&self, state: &State, call: &EdgeCall, number: usize) -> (Gate, Wire) {
        (doors::gate(call.carrier().door, worker(call)), wire(self.world, state, call, number))
    }

    /// Tells everything that an action's calls may reach how to answer.
    fn answer(&self, state: &State, action: &Action, hold: Hold) {
        self.answer_upstream(scripts(self.world, state, action), hold);
        let webhooks = calls(action).into_iter().enumerate().filter_map(|(number, call)| match call {
            EdgeCall::Hook(own) => {
                let connection = own.path.near().map(|near| self.world.connection(near).id.clone());
                let body = wire(self.world, state, call, number).body.bytes();
                Some((connection.unwrap_or_default(), body, own.container))
            }
            EdgeCall::Provider(_) | EdgeCall::Vend(_) => None,
        });
        let webhooks: Vec<(String, Vec<u8>, HookReply)> = webhooks.collect();
        if webhooks.is_empty() {
            return;
        }
        let stray = self.behind.stray().unwrap_or_default();
        for (index, container) in self.containers.iter().enumerate() {
            let mut own: Vec<(String, Vec<u8>, Reply)> = webhooks
                .iter()
                .map(|(connection, body, answer)| {
                    let script = addressed(container_script(self.world, index, *answer), &stray);
                    (connection.clone(), body.clone(), hold.over(reply(script)))
                })
                .collect();
            container.respond_with(move |request| {
                // A webhook is known by its connection, of two with one connection by their bodies.
                let named = request.header("x-vendo-connection-id").next().unwrap_or_default().to_vec();
                let is_of = |(connection, body, _): &(String, Vec<u8>, Reply)| {
                    (connection.as_bytes() == named, *body == request.body)
                };
                let best = own.iter().enumerate().max_by_key(|(at, one)| (is_of(one), std::cmp::Reverse(*at)));
                let (at, _) = best.filter(|(_, one)| is_of(one) != (false, false))?;
                Some(own.remove(at).2)
            });
        }
    }

    /// How many requests have come to what is behind the edge.
    fn waiting(&self) -> usize {
        self.behind.waiting() + self.containers.iter().map(reference_impl::Container::waiting).sum::<usize>()
    }

    fn release(&self) {
        for container in self.containers.iter().chain(self.behind.all()) {
            container.release_all();
        }
    }

    /// Waits until something is so, not for long.
    async fn until(&self, is_so: impl Fn() -> bool) {
        match self.link {
            Link::InProcess => {
                for _ in 0..LOOKS * 8 {
                    if is_so() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            Link::Http => {
                for _ in 0..ARRIVAL_MS {
                    if is_so() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
    }

    /// Waits until no hold stands but those that stood before, and each call that a worker answered has left its line in
    /// the log: a stream that broke off is settled when both its ends have been seen. What a parser refused leaves no line.
    async fn quiet(&self, calls: &[&EdgeCall], exchanges: &[Exchange]) {
        let holds = calls.iter().any(|call| matches!(call, EdgeCall::Provider(_)));
        let lines = exchanges.iter().filter(|exchange| !is_refusal_by_parser(exchange)).count();
        let is_settled = || !holds || open_holds(&self.control.ledgers()) <= self.open_holds;
        let is_quiet = || self.watch.lines() >= lines && is_settled();
        let looks = match self.link {
            Link::InProcess => LOOKS,
            Link::Http => LOOKS_OVER_SOCKETS,
        };
        settle().await;
        for _ in 0..looks {
            if is_quiet() {
                break;
            }
            // A proxy may only find that its client is gone when there is something to pass on.
            for upstream in self.behind.all() {
                upstream.release();
            }
            pause(self.link).await;
        }
    }
}

/// After how many bytes of the answer's body the client hangs up: all that the upstream sends until then. `None` where it
/// stays.
fn leaves_after(call: &EdgeCall) -> Option<usize> {
    let EdgeCall::Provider(call) = call else { return None };
    match call.client {
        ClientEnd::Reads => None,
        ClientEnd::HangsUpAfter(_) => {
            let adapter = call.adapter.meant().unwrap_or(Provider::Openai);
            // What a stream holds depends on neither credential nor tenant.
            let served = serve(call, Asking { adapter, credential: "", tenant: 0 });
            Some(usize::try_from(served.bytes).unwrap_or(usize::MAX))
        }
    }
}

/// The script with the stray server's address in the place of what stands for it.
fn addressed(script: Script, stray: &str) -> Script {
    match script {
        Script::Response { status, headers, chunks, chunked, trailers } => {
            let own = |(name, value): (String, Vec<u8>)| (name, replace(&value, STRAY.as_bytes(), stray.as_bytes()));
            Script::Response { status, headers: headers.into_iter().map(own).collect(), chunks, chunked, trailers }
        }
        script @ (Script::Echo | Script::Raw { .. } | Script::Upgrade { .. }) => script,
    }
}
