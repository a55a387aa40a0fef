//! Where clients connect: the platform's own listeners, and the one that each worker has besides.

use std::collections::BTreeMap;

use isolation_model::action::edge::Door;
use isolation_model::render::edge::Worker as ModelWorker;
use reference_impl::{Endpoint, Network, Platform, Worker};

use super::names;
use crate::target::client::{Dial, Gate};
use crate::wire::BoxIo;

/// The listeners of a platform.
#[derive(Debug, Clone)]
pub(super) struct Doors {
    network: Network,
    http: Endpoint,
    https: Option<Endpoint>,
    workers: BTreeMap<Worker, Endpoint>,
}

impl Doors {
    /// Those of a platform that runs.
    pub(super) fn of(platform: &Platform) -> Self {
        let providers = reference_impl::Adapter::ALL.into_iter().map(Worker::Provider);
        let workers = providers.chain([Worker::Credentials, Worker::Hooks]);
        Self {
            network: platform.network(),
            http: platform.http_endpoint(),
            https: platform.https_endpoint(),
            workers: workers.filter_map(|worker| Some((worker, platform.worker_endpoint(worker)?))).collect(),
        }
    }

    /// The front door, in the clear and with TLS.
    pub(super) fn front(&self) -> (Endpoint, Option<Endpoint>) {
        (self.http, self.https)
    }
}

impl Dial for Doors {
    async fn dial(&self, tls: bool, gate: Gate) -> std::io::Result<BoxIo> {
        let endpoint = match (gate, tls) {
            (Gate::Front, false) => Some(&self.http),
            (Gate::Front, true) => self.https.as_ref(),
            (Gate::Worker(worker), false) => own(worker).and_then(|worker| self.workers.get(&worker)),
            (Gate::Worker(_), true) => None,
        };
        let endpoint = endpoint.ok_or_else(|| std::io::Error::other("the target has no such listener"))?;
        Ok(Box::new(self.network.dial(endpoint).await?))
    }
}

/// Where a call to a worker enters.
pub(super) const fn gate(door: Door, worker: ModelWorker) -> Gate {
    match door {
        Door::Host => Gate::Front,
        Door::Listener => Gate::Worker(worker),
    }
}

/// The reference's worker.
fn own(worker: ModelWorker) -> Option<Worker> {
    match worker {
        ModelWorker::Provider(provider) => names::adapter(provider).map(Worker::Provider),
        ModelWorker::Credentials => Some(Worker::Credentials),
        ModelWorker::Hooks => Some(Worker::Hooks),
    }
}
