//! What can be seen of one step: by the principals, by the containers, and by an operator of the platform's stores.

use std::collections::{BTreeMap, BTreeSet};

use crate::claim::Guard;
use crate::world::edge::Provider;

/// Header fields: names in lower case, values as they came, in their order.
pub type Fields = Vec<(String, Vec<u8>)>;

/// Everything seen of one step.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// What the client got for each request it sent, in the order in which they were sent.
    pub exchanges: Vec<Exchange>,
    /// What reached the containers.
    pub deliveries: Vec<Delivery>,
    /// Accesses to the KV namespace.
    pub kv: Vec<KvAccess>,
    /// Keys whose newest value differs from before the step.
    pub kv_changed: Vec<String>,
    /// The checks of the target that were made.
    pub reached: BTreeSet<Guard>,
    /// Whether the connection accepted nothing more after a malformed request.
    pub closed_after: bool,
    /// Answer of the control plane.
    pub control: Option<Result<(), String>>,
    /// A sign-in code the control plane gave.
    pub code: Option<String>,
    /// A KV key made from an identifier, or why it was refused.
    pub kv_key: Option<Result<String, String>>,
    /// What the edge showed besides.
    pub edge: EdgeObservation,
}

/// What is seen of the edge besides answers and deliveries.
#[derive(Debug, Clone, Default)]
pub struct EdgeObservation {
    /// What reached upstreams, the broker, and the server that is nobody's provider.
    pub upstream: Vec<UpstreamRequest>,
    /// New lines of each tenant's ledger, in their order. A tenant without any may be left out.
    pub ledger: BTreeMap<usize, Vec<LedgerLine>>,
    /// Every tenant's balance after the step, in micro-dollars; empty where it can't be read.
    pub balances: Vec<u64>,
    /// Log lines.
    pub log: Vec<String>,
    /// A key that was issued.
    pub issued: Option<IssuedKey>,
    /// A list of keys, as it was shown.
    pub listing: Option<String>,
    /// Everything that is stored, as text.
    pub dump: Option<String>,
    /// What became of an attempt on sealed values.
    pub vault: Option<VaultSeen>,
}

/// A request as something behind the edge received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// Where.
    pub place: Place,
    /// The method.
    pub method: String,
    /// The request target as it came.
    pub target: Vec<u8>,
    /// The headers, names in lower case, in their order.
    pub headers: Fields,
    /// The body, without the framing.
    pub body: Vec<u8>,
    /// The head as it came.
    pub raw: Vec<u8>,
    /// Whether the body ended.
    pub complete: bool,
}

/// Something behind the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The upstream of an adapter.
    Upstream(Provider),
    /// The broker.
    Broker,
    /// The server that redirects lead to, which nobody may be sent to.
    Stray,
}

/// A line of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerLine {
    /// What it is.
    pub kind: LedgerKind,
    /// What it adds to the balance, in micro-dollars.
    pub micros: i64,
    /// The balance with it.
    pub balance_after: u64,
    /// The hold that it opens or settles.
    pub hold: Option<String>,
    /// The id of the key.
    pub key: Option<String>,
    /// The id of the app.
    pub app: Option<String>,
    /// The id of the connection.
    pub connection: Option<String>,
    /// The provider's slug.
    pub provider: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// What the call cost beyond what the balance covered, in micro-dollars.
    pub unpaid_micros: u64,
}

/// What a ledger line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LedgerKind {
    /// Credits were bought or given.
    Credit,
    /// An amount is reserved.
    Hold,
    /// A hold is settled: what it reserved comes back, less what was charged.
    Settle,
}

/// A key as it was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedKey {
    /// The whole of it.
    pub plaintext: String,
    /// What is shown of it ever after.
    pub prefix: String,
}

/// What became of an attempt on sealed values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VaultSeen {
    /// What each step of the plan that opens something gave; `None` for a refusal.
    pub opened: Vec<Option<Vec<u8>>>,
    /// The envelopes, in the order in which they were sealed.
    pub sealed: Vec<Vec<u8>>,
}

/// What a client got for one request.
#[derive(Debug, Clone)]
pub enum Exchange {
    /// An answer.
    Answer(Answer),
    /// None.
    Nothing(Nothing),
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Fields,
    /// The body, without the framing.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Fields,
    /// Interim answers before it, but for 100.
    pub interim: Vec<(u16, Fields)>,
    /// What came back through a WebSocket after 101.
    pub upgraded: Option<Vec<u8>>,
    /// How it ended.
    pub end: End,
    /// The bytes as they came, where the client sees them; else empty.
    pub raw: Vec<u8>,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It is complete.
    Complete,
    /// It is complete, and the connection is closed.
    Closed,
    /// The connection ended in the middle of it.
    Truncated,
    /// The rest didn't come in time.
    TimedOut,
    /// It isn't HTTP.
    Malformed(String),
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nothing {
    /// The connection was closed.
    Closed,
    /// It was reset.
    Reset,
    /// Nothing came in time.
    TimedOut,
    /// What came isn't HTTP.
    Malformed(String),
    /// The request was never sent, since an earlier answer ended the connection.
    NotSent,
}

/// A request as a container received it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Index of the deployment whose container it is.
    pub deployment: usize,
    /// The method.
    pub method: String,
    /// The request target as it came.
    pub target: Vec<u8>,
    /// The headers, names in lower case.
    pub headers: Fields,
    /// The body, without the framing.
    pub body: Vec<u8>,
    /// Whether the body ended.
    pub complete: bool,
    /// The head as it came, and what came after an upgrade.
    pub raw: Vec<u8>,
}

/// One access to the KV namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KvAccess {
    /// What was done.
    pub operation: KvOperation,
    /// To which key or prefix.
    pub key: String,
    /// Whether a worker did it, not the control plane.
    pub by_worker: bool,
}

/// What can be done to the KV namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KvOperation {
    /// One value is read.
    Get,
    /// One value is written.
    Put,
    /// One value is deleted.
    Delete,
    /// Keys are enumerated.
    List,
}
