//! What stands behind the edge: an upstream for each adapter, the broker, and a server that nobody may be sent to.

use std::collections::BTreeMap;

use isolation_model::observation::{Place, UpstreamRequest};
use isolation_model::oracle::expect::CONTAINER_HOST;
use isolation_model::world::edge::Provider;
use reference_impl::{Adapter, Container, Endpoint, Network, Received};

use super::names::{self, wrong};
use crate::target::TargetError;
use crate::target::client::lower;

/// The instruments.
pub(super) struct Behind(BTreeMap<Place, Container>);

impl Behind {
    /// Starts them. What they aren't told to answer, they answer with an empty page.
    pub(super) fn start(network: &Network) -> Result<Self, TargetError> {
        let upstreams = Provider::ADAPTERS.into_iter().map(Place::Upstream);
        let places = upstreams.chain([Place::Broker, Place::Stray]);
        let started = places.map(|place| {
            let container = Container::start(network, Vec::new(), Vec::new());
            container.map(|container| (place, container)).map_err(|error| wrong(&format!("{place:?}"), &error))
        });
        Ok(Self(started.collect::<Result<_, _>>()?))
    }

    /// Where each adapter's upstream is.
    pub(super) fn upstreams(&self) -> BTreeMap<Adapter, Endpoint> {
        let endpoint = |(place, container): (&Place, &Container)| match place {
            Place::Upstream(provider) => names::adapter(*provider).map(|adapter| (adapter, container.endpoint())),
            Place::Broker | Place::Stray => None,
        };
        self.0.iter().filter_map(endpoint).collect()
    }

    /// Where the broker is.
    pub(super) fn broker(&self) -> Option<Endpoint> {
        self.at(Place::Broker).map(Container::endpoint)
    }

    /// The address of the server that nobody may be sent to.
    pub(super) fn stray(&self) -> Option<String> {
        self.at(Place::Stray).map(|container| container.endpoint().to_string())
    }

    /// The instrument at a place.
    pub(super) fn at(&self, place: Place) -> Option<&Container> {
        self.0.get(&place)
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Container> {
        self.0.values()
    }

    /// The address of each, and what stands for it where two runs of one seed are compared.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (String, String)> {
        let name = |place: &Place| match place {
            Place::Upstream(provider) => format!("<{}>", provider.slug()),
            Place::Broker => "<broker>".to_owned(),
            Place::Stray => isolation_model::render::edge::STRAY.to_owned(),
        };
        self.0.iter().map(move |(place, container)| (container.endpoint().to_string(), name(place)))
    }

    /// How many requests have come that nobody has taken.
    pub(super) fn waiting(&self) -> usize {
        self.all().map(Container::waiting).sum()
    }

    /// Takes what came, place by place.
    pub(super) fn drain(&self) -> Vec<UpstreamRequest> {
        let mut requests = Vec::new();
        for (place, container) in &self.0 {
            let own = container.endpoint().to_string();
            requests.extend(container.drain().into_iter().map(|received| request(*place, received, &own)));
        }
        requests
    }
}

fn request(place: Place, received: Received, own: &str) -> UpstreamRequest {
    let is_own = |name: &str, value: &[u8]| name == "host" && value == own.as_bytes();
    let named = |(name, value): (String, Vec<u8>)| {
        let value = if is_own(&name, &value) { CONTAINER_HOST.as_bytes().to_vec() } else { value };
        (name, value)
    };
    UpstreamRequest {
        place,
        method: received.method,
        target: received.target.into_bytes(),
        headers: lower(received.headers).into_iter().map(named).collect(),
        body: received.body,
        raw: received.head_bytes,
        complete: received.complete,
    }
}
