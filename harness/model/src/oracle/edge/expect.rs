//! What a call to the edge must lead to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::why::Why;
use super::{provider, vend};
use crate::action::edge::EdgeCall;
use crate::observation::Fields;
use crate::render::edge::upstream::{RelayedDue, UpstreamScript};
use crate::state::State;
use crate::state::edge::{CachedToken, Job};
use crate::world::World;
use crate::world::edge::Provider;

/// What a call must lead to.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    /// Why.
    pub why: Why,
    /// What the client gets.
    pub answer: DueAnswer,
    /// What reaches the adapter's upstream; `None` when nothing may.
    pub upstream: Option<DueUpstream>,
    /// The accounts that the broker is asked about, in their order.
    pub broker: Vec<usize>,
    /// What it costs whom.
    pub bill: Option<Bill>,
    /// The key that counts, by its index in the state.
    pub key: Option<usize>,
    /// The connections whose secrets the client may get, or an upstream.
    pub connections: Vec<usize>,
    /// The keys of the KV namespace that may be read for it.
    pub reads: BTreeSet<String>,
    /// What is different afterwards.
    pub effects: Vec<Effect>,
    /// How what stands behind the edge is told to answer.
    pub scripts: Vec<UpstreamScript>,
}

impl Due {
    /// Nothing at all.
    pub(super) fn nothing() -> Self {
        Self::answered(Why::Entry, DueAnswer::Entry { statuses: &[] })
    }

    /// A call that leads to this answer and to nothing else.
    pub(super) fn answered(why: Why, answer: DueAnswer) -> Self {
        Self {
            why,
            answer,
            upstream: None,
            broker: Vec::new(),
            bill: None,
            key: None,
            connections: Vec::new(),
            reads: BTreeSet::new(),
            effects: Vec::new(),
            scripts: Vec::new(),
        }
    }
}

/// What the client gets.
#[derive(Debug, Clone, PartialEq)]
pub enum DueAnswer {
    /// A refusal before any worker has its say, in whatever words; the connection may end.
    Entry {
        /// The statuses that it may have.
        statuses: &'static [u16],
    },
    /// A worker's own refusal.
    Refused(Refusal),
    /// A preflight's answer.
    Preflight,
    /// The upstream's answer.
    Relayed(RelayedDue),
    /// A token and when it expires.
    Token(Token),
    /// Several tokens, by slug.
    Tokens(BTreeMap<String, Option<Token>>),
}

/// A token as it is vended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its text.
    pub access_token: String,
    /// When it expires, as it was said to.
    pub expires_at: Option<String>,
}

/// A worker's own refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// `Vendo-Error-Code`.
    pub code: Option<&'static str>,
    /// What shape the body has.
    pub shape: Shape,
    /// Seconds that `Retry-After` and the body must say, if any.
    pub retry_after_s: Option<i64>,
}

/// The shape of a refusal's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// `{"error":{"code","message",…}}`, of a provider proxy.
    Provider {
        /// `code`
        word: &'static str,
        /// The adapter, where there is one: `slug` of some refusals.
        adapter: Option<Provider>,
    },
    /// `{"error":"binding_missing","toolkit":…}`, of composio's proxy.
    Toolkit(String),
    /// `{"error":…,"detail":…}`, of the credentials worker; `None` where the contract names no code.
    Vend(Option<&'static str>),
    /// Whatever words.
    Any,
}

/// What must reach an upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct DueUpstream {
    /// Which adapter's.
    pub adapter: Provider,
    /// The method.
    pub method: &'static str,
    /// The target.
    pub target: Vec<u8>,
    /// The headers, but for those of the framing; sorted.
    pub headers: Fields,
    /// The body.
    pub body: UpstreamBody,
}

/// A body that must reach an upstream.
#[derive(Debug, Clone, PartialEq)]
pub enum UpstreamBody {
    /// These bytes.
    Bytes(Vec<u8>),
    /// JSON of this value, however it is written.
    Json(Value),
}

/// What a call costs whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The tenant.
    pub tenant: usize,
    /// The key, by its index in the state.
    pub key: usize,
    /// The app, for an app's key.
    pub app: Option<usize>,
    /// The connection.
    pub connection: usize,
    /// The provider whose proxy was asked.
    pub provider: Provider,
    /// What is reserved, in micro-dollars.
    pub hold: u64,
    /// What the call costs, in micro-dollars, should the balance cover it.
    pub cost: u64,
    /// What it would cost other tenants.
    pub elsewhere: Vec<u64>,
}

/// What is different after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A job was begun.
    Begun(Job),
    /// A transcript was charged.
    Charged(Job),
    /// A token is kept for a connection.
    Kept(usize, CachedToken),
}

impl Effect {
    /// Whether both are about one job or one connection.
    #[must_use]
    pub fn is_about_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Begun(own), Self::Begun(other)) | (Self::Charged(own), Self::Charged(other)) => own == other,
            (Self::Kept(own, _), Self::Kept(other, _)) => own == other,
            (Self::Begun(_) | Self::Charged(_) | Self::Kept(..), _) => false,
        }
    }
}

/// What stands in the way of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// The store of all wallets is out of reach.
    Store,
    /// The balance doesn't cover it.
    Balance,
    /// A daily cap is reached.
    Daily,
    /// A monthly cap is reached.
    Monthly,
}

/// What a call is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The world.
    pub world: &'a World,
    /// The state before the step, in one of the readings that are permitted.
    pub state: &'a State,
    /// The call's number in the step.
    pub number: usize,
    /// What is in the way of its hold.
    pub lack: Option<Lack>,
    /// How many answers the broker gives before this call's.
    pub broker_before: u32,
}

/// What a call to a provider proxy or to the credentials worker must lead to; `None` for a webhook.
#[must_use]
pub fn expect(context: Context<'_>, call: &EdgeCall) -> Option<Due> {
    match call {
        EdgeCall::Provider(call) => Some(provider::expect(context, call)),
        EdgeCall::Vend(call) => Some(vend::expect(context, call)),
        EdgeCall::Hook(_) => None,
    }
}
