//! What the reference lets its observer see, kept until it is asked for.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use isolation_model::observation::{KvAccess, KvOperation};
use reference_impl::{Event, GuardSet, KvActor, KvOp, Observer};

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The names of the guards that were reached.
    pub(super) guards: BTreeSet<&'static str>,
    /// Accesses to the KV namespace.
    pub(super) kv: Vec<KvAccess>,
    /// Log lines.
    pub(super) log: Vec<String>,
}

/// An observer that keeps what it sees.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<Seen>);

impl Watch {
    /// Takes what was seen since it was last asked.
    pub(super) fn take(&self) -> Seen {
        std::mem::take(&mut *self.seen())
    }

    /// Forgets what was seen.
    pub(super) fn forget(&self) {
        drop(self.take());
    }

    /// How many log lines there are that nobody has taken.
    pub(super) fn lines(&self) -> usize {
        self.seen().log.len()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Watch {
    fn observe(&self, event: &Event<'_>) {
        let mut seen = self.seen();
        let mut mark = |guards: &GuardSet| seen.guards.extend(guards.iter().map(|guard| guard.name()));
        match event {
            Event::Request(trace) => mark(&trace.guards),
            Event::Response { guards }
            | Event::Probe { guards }
            | Event::Edge { worker: _, guards, status: _ }
            | Event::Guards { guards } => mark(guards),
            Event::Log { line } => seen.log.push((*line).to_owned()),
            Event::Kv { op, key, actor } => {
                let operation = match op {
                    KvOp::Get => KvOperation::Get,
                    KvOp::Put => KvOperation::Put,
                    KvOp::Delete => KvOperation::Delete,
                    KvOp::List => KvOperation::List,
                };
                let by_worker = *actor == KvActor::Worker;
                seen.kv.push(KvAccess { operation, key: (*key).to_owned(), by_worker });
            }
        }
    }
}
