//! The namespace itself: versions in memory, one writer, many readers that take no lock.
//!
//! Every write is kept with its time for as long as a reader may still see what was before it. A reader sees the
//! namespace as it was `staleness` ago; at zero, the default, it sees the newest state.

use super::Value;
use super::key::{StoredValue, TypedKey};
use crate::clock::{Clock, millis};
use crate::observe::{Event, KvActor, KvOp, Observer};
use papaya::HashMap;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

type Records = HashMap<String, Arc<[Version]>, foldhash::fast::RandomState>;

/// One write. `value` is `None` for a removal.
#[derive(Debug, Clone)]
struct Version {
    written_ms: i64,
    expires_ms: Option<i64>,
    value: Option<StoredValue>,
}

pub(crate) struct Namespace {
    records: Records,
    clock: Clock,
    staleness_ms: i64,
    observer: Option<Arc<dyn Observer>>,
    /// Removals, oldest first, whose record goes when no reader can see what was before.
    removed: Mutex<VecDeque<(i64, String)>>,
}

impl Namespace {
    fn report(&self, op: KvOp, key: &str, actor: KvActor) {
        if let Some(observer) = &self.observer {
            observer.observe(&Event::Kv { op, key, actor });
        }
    }

    fn read(&self, key: &str) -> Option<StoredValue> {
        let records = self.records.pin();
        let versions = records.get(key)?;
        let version = if self.staleness_ms == 0 {
            versions.last()?
        } else {
            let horizon = self.clock.now_ms().saturating_sub(self.staleness_ms);
            versions.iter().rev().find(|version| version.written_ms <= horizon)?
        };
        match version.expires_ms {
            Some(expires) if expires <= self.clock.now_ms() => None,
            Some(_) | None => version.value.clone(),
        }
    }

    fn write(&self, key: &str, value: Option<Value>, lifetime: Option<Duration>) {
        let now = self.clock.now_ms();
        let horizon = now.saturating_sub(self.staleness_ms);
        let removal = value.is_none();
        // The lock makes writers take turns; readers don't know it.
        let mut removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        let records = self.records.pin();
        let mut versions: Vec<Version> = records.get(key).map(|versions| versions.to_vec()).unwrap_or_default();
        // Of what lies behind the horizon only the newest can still be seen.
        let unseen = versions.iter().filter(|version| version.written_ms <= horizon).count().saturating_sub(1);
        versions.drain(..unseen);
        versions.push(Version {
            written_ms: now,
            expires_ms: lifetime.map(|lifetime| now.saturating_add(millis(lifetime))),
            value: value.map(StoredValue),
        });
        records.insert(key.to_owned(), versions.into());
        if removal {
            removed.push_back((now, key.to_owned()));
        }
        while let Some((at, _)) = removed.front()
            && *at <= horizon
        {
            let Some((at, key)) = removed.pop_front() else { break };
            let gone =
                |versions: &Arc<[Version]>| versions.last().is_some_and(|v| v.value.is_none() && v.written_ms <= at);
            if records.get(&key).is_some_and(gone) {
                records.remove(&key);
            }
        }
    }
}

/// The handle of a worker: it reads one typed key, and can do nothing else.
///
/// `get` is asynchronous although memory answers at once: a namespace across a network has the same face.
#[derive(Clone)]
pub struct WorkerKv(Arc<Namespace>);

impl WorkerKv {
    /// The value behind a key, as the namespace was `staleness` ago.
    #[expect(clippy::unused_async, reason = "the seam for a namespace across a network")]
    pub async fn get<K: TypedKey>(&self, key: &K) -> Option<Arc<K::Entry>> {
        self.0.report(KvOp::Get, key.rendered(), KvActor::Worker);
        K::open(&self.0.read(key.rendered())?)
    }
}

impl fmt::Debug for WorkerKv {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("WorkerKv")
    }
}

/// The handle of the control plane: the only one that writes.
pub(crate) struct ControlKv(Arc<Namespace>);

impl ControlKv {
    pub(crate) fn new(clock: Clock, staleness: Duration, observer: Option<Arc<dyn Observer>>) -> Self {
        Self(Arc::new(Namespace {
            records: HashMap::with_hasher(foldhash::fast::RandomState::default()),
            clock,
            staleness_ms: millis(staleness),
            observer,
            removed: Mutex::default(),
        }))
    }

    /// A handle for a worker.
    pub(crate) fn worker(&self) -> WorkerKv {
        WorkerKv(self.0.clone())
    }

    pub(crate) fn put(&self, key: &impl TypedKey, value: Value, lifetime: Option<Duration>) {
        self.0.report(KvOp::Put, key.rendered(), KvActor::Control);
        self.0.write(key.rendered(), Some(value), lifetime);
    }

    pub(crate) fn delete(&self, key: &impl TypedKey) {
        self.0.report(KvOp::Delete, key.rendered(), KvActor::Control);
        self.0.write(key.rendered(), None, None);
    }

    /// Every key and the newest value behind it, as JSON. A privileged view, for looking before and after.
    pub(crate) fn snapshot(&self) -> BTreeMap<String, String> {
        self.0.report(KvOp::List, "", KvActor::Control);
        let records = self.0.records.pin();
        let newest = records.iter().filter_map(|(key, versions)| {
            let value = versions.last()?.value.as_ref()?;
            Some((key.clone(), value.0.to_json()))
        });
        newest.collect()
    }

    /// What planted faults do, and no worker can.
    #[cfg(feature = "faults")]
    pub(crate) fn breach(&self) -> Breach {
        Breach(self.0.clone())
    }
}

/// A way around [`WorkerKv`], for planted faults.
#[cfg(feature = "faults")]
#[derive(Clone)]
pub(crate) struct Breach(Arc<Namespace>);

#[cfg(feature = "faults")]
impl Breach {
    pub(crate) fn note_seen(&self, deployment: &str) {
        let key = format!("seen:{deployment}");
        self.0.report(KvOp::Put, &key, KvActor::Worker);
        self.0.write(&key, Some(Value::Seen(self.0.clock.now_s())), None);
    }

    pub(crate) fn list(&self, prefix: &str) -> Vec<String> {
        self.0.report(KvOp::List, prefix, KvActor::Worker);
        let records = self.0.records.pin();
        records.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Balance, BalanceEntry, Key, KeyEntry, KeyScope};
    use super::*;
    use crate::store::kv::key::SHORT_LIFE;
    use crate::store::kv::{Conn, ConnEntry, DeployEntry, DeployLabel, Status};

    const SECOND: Duration = Duration::from_secs(1);

    fn entry(tenant: &str) -> Value {
        Value::Deploy(Arc::new(DeployEntry {
            target: "mem-1".into(),
            vendo_auth: true,
            tenant_id: tenant.into(),
            deployment_id: "d".into(),
            status: Status::Running,
        }))
    }

    async fn tenant(kv: &WorkerKv, key: &DeployLabel) -> Option<String> {
        kv.get(key).await.map(|entry| entry.tenant_id.clone())
    }

    #[tokio::test]
    async fn without_staleness_a_reader_sees_each_write() {
        let control = ControlKv::new(Clock::manual(0), Duration::ZERO, None);
        let (worker, key) = (control.worker(), DeployLabel::new("acme-app").unwrap());
        assert_eq!(tenant(&worker, &key).await, None);
        control.put(&key, entry("a"), None);
        assert_eq!(tenant(&worker, &key).await.as_deref(), Some("a"));
        control.put(&key, entry("b"), None);
        assert_eq!(tenant(&worker, &key).await.as_deref(), Some("b"));
        control.delete(&key);
        assert_eq!(tenant(&worker, &key).await, None);
        assert!(control.0.records.pin().is_empty(), "a removed record is trimmed");
    }

    #[tokio::test]
    async fn with_staleness_a_reader_sees_the_past_exactly() {
        let clock = Clock::manual(0);
        let control = ControlKv::new(clock.clone(), 10 * SECOND, None);
        let (worker, key) = (control.worker(), DeployLabel::new("acme-app").unwrap());
        control.put(&key, entry("a"), None);
        clock.advance(10 * SECOND - Duration::from_millis(1));
        assert_eq!(tenant(&worker, &key).await, None);
        clock.advance(Duration::from_millis(1));
        assert_eq!(tenant(&worker, &key).await.as_deref(), Some("a"));
        control.delete(&key);
        clock.advance(5 * SECOND);
        control.put(&key, entry("b"), None);
        assert_eq!(tenant(&worker, &key).await.as_deref(), Some("a"), "what was before is still seen");
        clock.advance(5 * SECOND);
        assert_eq!(tenant(&worker, &key).await, None, "then the removal");
        clock.advance(5 * SECOND);
        assert_eq!(tenant(&worker, &key).await.as_deref(), Some("b"));
        for _ in 0..5 {
            clock.advance(20 * SECOND);
            control.put(&key, entry("c"), None);
        }
        assert_eq!(control.0.records.pin().get(key.rendered()).unwrap().len(), 2, "history is trimmed");
    }

    #[tokio::test]
    async fn balances_and_connections_live_for_a_minute() {
        let clock = Clock::manual(0);
        let control = ControlKv::new(clock.clone(), Duration::ZERO, None);
        let worker = control.worker();
        let (balance, conn) = (Balance::new("t").unwrap(), Conn::new("c").unwrap());
        control.put(&balance, Value::Balance(Arc::new(BalanceEntry { micros: 5 })), Some(SHORT_LIFE));
        let value =
            ConnEntry { tenant_id: "t".into(), provider: "p".into(), profile: "f".into(), status: "active".into() };
        control.put(&conn, Value::Conn(Arc::new(value)), Some(SHORT_LIFE));
        clock.advance(SHORT_LIFE - Duration::from_millis(1));
        assert_eq!(worker.get(&balance).await.unwrap().micros, 5);
        assert_eq!(worker.get(&conn).await.unwrap().provider, "p");
        clock.advance(Duration::from_millis(1));
        assert!(worker.get(&balance).await.is_none() && worker.get(&conn).await.is_none());
    }

    #[tokio::test]
    async fn a_value_of_another_kind_is_not_opened() {
        let control = ControlKv::new(Clock::manual(0), Duration::ZERO, None);
        let key = Key::new(&"ab".repeat(32)).unwrap();
        control.put(&key, entry("a"), None);
        assert!(control.worker().get(&key).await.is_none());
        let value = KeyEntry {
            key_id: "k".into(),
            tenant_id: "a".into(),
            scope: KeyScope::App("app".into()),
            revoked: false,
            expires_at_s: None,
            daily_cap_micros: None,
            monthly_cap_micros: None,
        };
        control.put(&key, Value::Key(Arc::new(value)), None);
        assert_eq!(control.worker().get(&key).await.unwrap().tenant_id, "a");
    }
}
