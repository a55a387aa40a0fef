//! What can be seen of one step: by the principals, by the containers, and by an operator of the platform's stores.

use std::collections::BTreeSet;

use crate::claim::Guard;

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
