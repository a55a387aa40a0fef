//! The calls of a step: what each must lead to, in how many ways, and what stands behind them.

use super::expect::{Bill, Context, Due, Lack, expect};
use super::hook;
use super::scope::readings;
use super::why::Why;
use crate::action::Action;
use crate::action::edge::EdgeCall;
use crate::claim::ClaimId;
use crate::render::Script;
use crate::render::edge::behind::container_script;
use crate::render::edge::time::civil;
use crate::render::edge::upstream::UpstreamScript;
use crate::state::State;
use crate::state::edge::Spender;
use crate::world::World;

/// The calls of an action, in the order in which they are sent.
#[must_use]
pub fn calls(action: &Action) -> Vec<&EdgeCall> {
    match action {
        Action::Edge(call) | Action::During { call, .. } => vec![call],
        Action::Together(calls) => calls.iter().collect(),
        Action::Request(_)
        | Action::Race { .. }
        | Action::Malformed { .. }
        | Action::Control(_)
        | Action::Advance { .. }
        | Action::KvKey { .. }
        | Action::EdgeControl(_)
        | Action::Vault(_) => Vec::new(),
    }
}

/// What a call must lead to: by money and tokens, or as a webhook.
#[derive(Debug, Clone, PartialEq)]
pub enum CallDue {
    /// Of a provider proxy or the credentials worker.
    Call(Box<Due>),
    /// Of the hooks worker.
    Hook(Box<hook::Expected>),
}

impl CallDue {
    /// What it is, where it is no webhook's.
    #[must_use]
    pub fn call(&self) -> Option<&Due> {
        match self {
            Self::Call(due) => Some(due),
            Self::Hook(_) => None,
        }
    }

    /// Whether the call has to be refused.
    #[must_use]
    pub fn refuses(&self) -> bool {
        match self {
            Self::Call(due) => due.why.refuses(),
            Self::Hook(due) => due.reason.refuses(),
        }
    }

    /// How many answers the broker gives for it.
    #[must_use]
    pub fn asks_broker(&self) -> u32 {
        self.call().map_or(0, |due| u32::try_from(due.broker.len()).unwrap_or(0))
    }
}

/// What each call of an action must lead to in the plainest reading of a state, each as if it were alone.
#[must_use]
pub fn dues(world: &World, state: &State, action: &Action) -> Vec<CallDue> {
    let mut broker_before = 0;
    let mut dues = Vec::new();
    for (number, call) in calls(action).into_iter().enumerate() {
        let due = alone(Context { world, state, number, lack: None, broker_before }, call);
        broker_before += due.asks_broker();
        dues.push(due);
    }
    dues
}

fn alone(context: Context<'_>, call: &EdgeCall) -> CallDue {
    let due = match call {
        EdgeCall::Hook(call) => return CallDue::Hook(Box::new(hook::expect(context.world, context.state, call))),
        EdgeCall::Provider(_) | EdgeCall::Vend(_) => expect(context, call),
    };
    let lack = due.as_ref().and_then(|due| due.bill.as_ref()).and_then(|bill| lack(context, bill));
    let due = if lack.is_some() { expect(Context { lack, ..context }, call) } else { due };
    CallDue::Call(Box::new(due.unwrap_or_else(Due::nothing)))
}

/// How what stands behind the edge is told to answer the calls of an action. A target looks a request's answer up by
/// its place and by what [`UpstreamScript::answers`] says; those that are due come before those that are not.
#[must_use]
pub fn scripts(world: &World, state: &State, action: &Action) -> Vec<UpstreamScript> {
    let dues = dues(world, state, action);
    let own = |due: CallDue| match due {
        CallDue::Call(due) => due.scripts,
        CallDue::Hook(_) => Vec::new(),
    };
    let mut scripts: Vec<UpstreamScript> = dues.into_iter().flat_map(own).collect();
    scripts.sort_by_key(|script| !script.due);
    scripts
}

/// How the containers are told to answer the webhooks of an action: which deployment's, and what. A call that must
/// reach none is left out.
#[must_use]
pub fn container_scripts(world: &World, state: &State, action: &Action) -> Vec<(usize, Script)> {
    let dues = dues(world, state, action);
    let deliveries = calls(action).into_iter().zip(dues).filter_map(|(call, due)| match (call, due) {
        (EdgeCall::Hook(hook), CallDue::Hook(due)) => due.delivery.map(|own| (own.deployment, hook.container)),
        (EdgeCall::Hook(_) | EdgeCall::Provider(_) | EdgeCall::Vend(_), _) => None,
    });
    deliveries.map(|(deployment, reply)| (deployment, container_script(world, deployment, reply))).collect()
}

/// The ways in which a call of a step may go. `others` are the bills of the step's other calls, and `lowest` is the
/// lowest balance that each tenant had during it.
pub(super) fn ways(context: Context<'_>, call: &EdgeCall, others: &[&Bill], lowest: &[u64]) -> Vec<CallDue> {
    let mut ways: Vec<CallDue> = Vec::new();
    for state in readings(context.world, context.state) {
        let context = Context { state: &state, lack: None, ..context };
        let found: Vec<CallDue> = match call {
            EdgeCall::Hook(call) => vec![CallDue::Hook(Box::new(hook::expect(context.world, &state, call)))],
            EdgeCall::Provider(_) | EdgeCall::Vend(_) => {
                let due = expect(context, call);
                let bill = due.as_ref().and_then(|due| due.bill.clone());
                let lacks = bill.map_or_else(|| vec![None], |bill| lacks(context, &bill, others, lowest));
                let of = |lack: Option<Lack>| {
                    let due = if lack.is_some() { expect(Context { lack, ..context }, call) } else { due.clone() };
                    CallDue::Call(Box::new(due.unwrap_or_else(Due::nothing)))
                };
                lacks.into_iter().map(of).collect()
            }
        };
        for due in found {
            if !ways.contains(&due) {
                ways.push(due);
            }
        }
    }
    ways
}

/// What may stand in the way of a call's hold.
fn lacks(context: Context<'_>, bill: &Bill, others: &[&Bill], lowest: &[u64]) -> Vec<Option<Lack>> {
    let first = lack(context, bill);
    let mut lacks = vec![first];
    if others.is_empty() || first == Some(Lack::Store) {
        return lacks;
    }
    if lowest.get(bill.tenant).is_some_and(|balance| *balance < bill.hold) {
        lacks.push(Some(Lack::Balance));
    }
    // Whatever the others reserve or cost may come before.
    let beside: u64 = others
        .iter()
        .filter(|other| other.tenant == bill.tenant && (other.key == bill.key || other.app == bill.app))
        .map(|other| other.hold.max(other.cost))
        .fold(0, u64::saturating_add);
    if first != Some(Lack::Balance) {
        lacks.extend(lack_of_caps(context, bill, beside).map(Some));
    }
    lacks.sort_unstable();
    lacks.dedup();
    lacks
}

/// What stands in the way of a hold when nothing else is under way.
fn lack(context: Context<'_>, bill: &Bill) -> Option<Lack> {
    let edge = &context.state.edge;
    if !edge.wallet_available {
        return Some(Lack::Store);
    }
    if edge.wallets.get(bill.tenant).is_none_or(|balance| *balance < bill.hold) {
        return Some(Lack::Balance);
    }
    lack_of_caps(context, bill, 0)
}

/// The first cap that is reached, `beside` being what is reserved already.
fn lack_of_caps(context: Context<'_>, bill: &Bill, beside: u64) -> Option<Lack> {
    let key = context.state.edge.keys.get(bill.key);
    let app = bill.app.and_then(|app| context.world.edge.apps.get(app).map(|own| (app, own)));
    let of_key = |cap: Option<u64>, lack| cap.map(|cap| (Spender::Key(bill.key), cap, lack));
    let of_app = |cap: Option<u64>, lack| app.and_then(|(app, _)| cap.map(|cap| (Spender::App(app), cap, lack)));
    [
        of_key(key.and_then(|key| key.daily_cap_micros), Lack::Daily),
        of_key(key.and_then(|key| key.monthly_cap_micros), Lack::Monthly),
        of_app(app.and_then(|(_, own)| own.daily_cap_micros), Lack::Daily),
        of_app(app.and_then(|(_, own)| own.monthly_cap_micros), Lack::Monthly),
    ]
    .into_iter()
    .flatten()
    .find(|(spender, cap, lack)| spent(context.state, *spender, *lack == Lack::Daily).saturating_add(beside) >= *cap)
    .map(|(_, _, lack)| lack)
}

/// What was settled for a spender on the UTC day that it is, or in its month.
#[must_use]
pub fn spent(state: &State, spender: Spender, daily: bool) -> u64 {
    let today = state.now_s.div_euclid(86_400);
    let (year, month, _) = civil(today);
    let same = |day: i64| {
        let (other_year, other_month, _) = civil(day);
        if daily { day == today } else { (other_year, other_month) == (year, month) }
    };
    let days = state.edge.spent.get(&spender).into_iter().flatten();
    days.filter(|(day, _)| same(**day)).map(|(_, micros)| *micros).fold(0, u64::saturating_add)
}

/// The claims that fall when a call goes otherwise than it must.
#[must_use]
pub fn claims_of(call: &EdgeCall, due: &CallDue) -> Vec<ClaimId> {
    match due {
        CallDue::Call(due) => of_worker(call, due.why).to_vec(),
        CallDue::Hook(due) => vec![due.reason.claim()],
    }
}

/// The claims that fall at the worker of a call.
pub(super) const fn of_worker(call: &EdgeCall, why: Why) -> &'static [ClaimId] {
    match call {
        EdgeCall::Provider(_) => why.provider_claims(),
        EdgeCall::Vend(_) => why.vend_claims(),
        EdgeCall::Hook(_) => &[ClaimId::Hks1],
    }
}

/// The claims that an action at the edge bears on.
#[must_use]
pub fn claims(world: &World, state: &State, action: &Action) -> Vec<ClaimId> {
    let dues = dues(world, state, action);
    let mut claims: Vec<ClaimId> =
        calls(action).into_iter().zip(&dues).flat_map(|(call, due)| claims_of(call, due)).collect();
    match action {
        Action::EdgeControl(control) | Action::During { control, .. } => {
            claims.extend_from_slice(super::control::claims(world, *control));
        }
        Action::Vault(_) => claims.push(ClaimId::Sec3),
        Action::Edge(_)
        | Action::Together(_)
        | Action::Request(_)
        | Action::Race { .. }
        | Action::Malformed { .. }
        | Action::Control(_)
        | Action::Advance { .. }
        | Action::KvKey { .. } => {}
    }
    claims.sort_unstable();
    claims.dedup();
    claims
}

/// What each call of an action must lead to, in words.
#[must_use]
pub fn words(world: &World, state: &State, action: &Action) -> Vec<String> {
    let word = |due: CallDue| match due {
        CallDue::Call(due) => due.why.words().to_owned(),
        CallDue::Hook(due) => due.reason.words().to_owned(),
    };
    dues(world, state, action).into_iter().map(word).collect()
}
