//! What moves at the edge do with two tenants: the same ways, the same question, one connection, names of each other,
//! wallets that are full or empty.

use super::draft::Draft;
use super::edge_draft::{RouteKind, Service, Way, named};
use crate::action::edge::header::{ConnectionSpelling, NamedConnection, TenantField};
use crate::action::edge::provider::{
    Ask, Lie, ModelName, Payload, QueryPair, Route, UpstreamKind, UpstreamReply, Usage,
};
use crate::action::edge::{EdgeHeader, Presented, ProviderCall};
use crate::action::header::NameSpelling;
use crate::choose::Choose;
use crate::world::edge::{Meter, Provider};

/// The hold of most adapters.
const HOLD_MICROS: u64 = 1_000_000;

impl<C: Choose> Draft<'_, C> {
    // Two tenants.

    /// Ways of two tenants to the same provider, in either order.
    pub(super) fn twins(&mut self, fits: impl Fn(&Way) -> bool + Copy) -> Option<(Way, Way)> {
        let (first, second) = self.two_tenants();
        self.twins_of(first, second, fits)
    }

    /// Ways of these two to the same provider.
    pub(super) fn twins_of(
        &mut self,
        first: usize,
        second: usize,
        fits: impl Fn(&Way) -> bool + Copy,
    ) -> Option<(Way, Way)> {
        let world = self.world;
        // All of the broker's go by one adapter.
        let to = |way: &Way| world.connection(way.connection).provider;
        let others = super::edge_draft::ways(world, second, Service::Proxy);
        let has_twin = |way: &Way| others.iter().any(|other| fits(other) && to(other) == to(way));
        let own = self.way(first, Service::Proxy, |way| fits(way) && has_twin(way))?;
        let twin = self.way(second, Service::Proxy, |way| fits(way) && to(way) == to(&own))?;
        Some((own, twin))
    }

    /// Two tenants of whom both can pay, by ways to the same metered provider.
    pub(super) fn paying_twins(&mut self) -> Option<(Way, Way)> {
        let (first, second) = self.two_tenants();
        self.fund(first);
        self.fund(second);
        self.twins_of(first, second, super::edge_draft::is_metered)
    }

    /// The question of a call asked by another way: same method, path and query, and the same body whenever the sender
    /// is the same. Another answer comes to it, so that it shows whose was given.
    pub(super) fn asked_again(&mut self, call: &ProviderCall, way: Way) -> ProviderCall {
        let mut carrier = self.carrier_of(way);
        let apps = call.carrier.headers.iter().filter(|header| matches!(header, EdgeHeader::App(_)));
        carrier.headers.retain(|header| !matches!(header, EdgeHeader::App(_)));
        carrier.headers.extend(apps);
        let sender = if self.one_in(3) { self.sender(way.tenant) } else { call.sender };
        let usage = match call.upstream.usage {
            Usage::Reported { input, output } => {
                // Seconds cost far more than tokens.
                let more = if way.provider == Provider::Assemblyai { 1 } else { self.of(&[1, 40, 977]) };
                Usage::Reported { input: input + more, output }
            }
            other @ (Usage::Missing | Usage::Lies(_)) => other,
        };
        let upstream = UpstreamReply { usage, ..call.upstream };
        ProviderCall { sender, carrier, presented: self.presented(way.key), upstream, ..call.clone() }
    }

    // On one connection.

    /// Calls one after the other on one connection. They go to one adapter, or come over no TLS.
    pub(super) fn in_line(&mut self, calls: impl IntoIterator<Item = ProviderCall>) {
        let mut first: Option<ProviderCall> = None;
        for mut call in calls {
            match &first {
                None => {
                    call.carrier.reuse = false;
                    first = Some(call.clone());
                }
                Some(opener) => {
                    let same = opener.carrier.clone();
                    call.carrier.transport = same.transport;
                    call.carrier.door = same.door;
                    call.carrier.host = same.host;
                    call.carrier.reuse = true;
                }
            }
            self.proxied(call);
        }
    }

    /// Calls one after the other, on one connection or on several.
    pub(super) fn in_turn(&mut self, calls: Vec<ProviderCall>) {
        if self.one_in(2) {
            self.in_line(calls);
        } else {
            for call in calls {
                self.proxied(call);
            }
        }
    }

    // Money.

    /// The caller's wallet and that of the one he names: as they are, both full, or one of them empty.
    pub(super) fn money(&mut self, caller: usize, other: usize) {
        match self.of(&[0_u8, 1, 2, 3]) {
            0 => {}
            1 => {
                self.fund(caller);
                self.fund(other);
            }
            2 => {
                self.drain(caller);
                self.fund(other);
            }
            _ => {
                self.drain(other);
                self.fund(caller);
            }
        }
    }

    /// Has a tenant spend all that it has on one call, unless its wallet is below a hold anyway.
    pub(super) fn drain(&mut self, tenant: usize) {
        if self.wallet(tenant) < HOLD_MICROS {
            return;
        }
        let all = self.wallet(tenant);
        // The largest usage that is believed, of a model for which it costs more than there is.
        let dear =
            |provider: Provider, model: &str| {
                let cost =
                    self.world.edge.rates.iter().find(|rate| {
                        rate.provider == provider && rate.model == model && rate.meter == Meter::OutputTokens
                    });
                #[expect(clippy::cast_precision_loss, reason = "wallets are far below 2^52")]
                let all = all as f64;
                cost.and_then(|rate| rate.unit_cost.parse::<f64>().ok()).is_some_and(|unit| unit * 1e18 > all)
            };
        let to = [(Provider::Openai, Route::Chat), (Provider::Anthropic, Route::Messages)];
        let models: Vec<(Provider, Route, u8)> = to
            .into_iter()
            .flat_map(|(provider, route)| [0, 1].map(|model| (provider, route, model)))
            .filter(|(provider, _, model)| dear(*provider, provider.model(*model)))
            .collect();
        let Some((provider, route, model)) = self.among(&models) else { return };
        let Some(way) = self.way(tenant, Service::Proxy, |way| way.provider == provider) else { return };
        let call = ProviderCall {
            ask: Ask::of(route),
            payload: Payload { model: ModelName::Listed(model), ..Payload::plain() },
            upstream: UpstreamReply { kind: UpstreamKind::Answer, usage: Usage::Lies(Lie::Largest) },
            ..self.asked(way, route)
        };
        self.proxied(call);
    }

    // Names of another.

    /// Headers that name a tenant: one field in one spelling, one beside the own tenant's, or all of them.
    pub(super) fn tenant_headers(&mut self, own: usize, other: usize) -> Vec<EdgeHeader> {
        let spelling = self.of(&NameSpelling::ALL);
        let field = self.of(&TenantField::ALL);
        let naming = |field, tenant| EdgeHeader::TenantNamed { field, spelling, tenant: named(tenant) };
        match self.of(&[0_u8, 1, 2, 3]) {
            0 => vec![naming(field, other)],
            1 => vec![naming(field, own), naming(field, other)],
            2 => vec![naming(field, other), naming(field, own)],
            _ => TenantField::ALL.into_iter().map(|field| naming(field, other)).collect(),
        }
    }

    /// Pairs of a query that name a tenant, once or beside the own one, and perhaps one of its connections.
    pub(super) fn tenant_pairs(&mut self, own: usize, other: usize) -> Vec<QueryPair> {
        let (mine, theirs) = (QueryPair::Tenant(named(own)), QueryPair::Tenant(named(other)));
        let mut pairs = match self.of(&[0_u8, 1, 2, 3]) {
            0 => vec![theirs],
            1 => vec![mine, theirs],
            2 => vec![theirs, mine],
            _ => vec![QueryPair::Plain(0), theirs, QueryPair::Plain(1)],
        };
        if self.one_in(3) {
            let connections = self.world.connections_where(|connection| connection.tenant == other);
            pairs.extend(self.among(&connections).map(QueryPair::Connection));
        }
        pairs
    }

    /// A connection of another tenant that looks like a way's: the same one of that tenant, or any to that provider.
    pub(super) fn lookalike(&mut self, way: Way, tenant: usize) -> Option<u8> {
        let own = self.world.connection(way.connection);
        let (slot, provider) = (own.slot, own.provider);
        if let Some(same) = self.world.connection_in(tenant, slot)
            && !self.one_in(3)
        {
            return Some(same);
        }
        let any = self.world.connections_where(|other| other.tenant == tenant && other.provider == provider);
        self.among(&any)
    }

    /// A connection of the tenant's that a way doesn't lead to: to another provider.
    pub(super) fn beside(&mut self, way: Way) -> Option<u8> {
        let provider = self.world.connection(way.connection).provider;
        let others = self.world.connections_where(|own| own.tenant == way.tenant && own.provider != provider);
        self.among(&others)
    }

    /// Whose things a call may be asked about besides: a served call of the owner's, before the attack, or none.
    pub(super) fn perhaps_warm(&mut self, way: Way) -> Option<()> {
        if self.one_in(3) {
            self.warm(way, RouteKind::Any)?;
        }
        Some(())
    }
}

/// With this for the connection that is named, and no other.
pub(super) fn naming(mut call: ProviderCall, which: NamedConnection, spelling: ConnectionSpelling) -> ProviderCall {
    call.carrier.headers.retain(|header| !matches!(header, EdgeHeader::Connection { .. }));
    call.carrier.headers.push(EdgeHeader::Connection { which, spelling });
    call
}

/// With these headers besides.
pub(super) fn with_headers(mut call: ProviderCall, headers: impl IntoIterator<Item = EdgeHeader>) -> ProviderCall {
    call.carrier.headers.extend(headers);
    call
}

/// With another key, or none.
pub(super) fn presenting(call: ProviderCall, presented: Presented) -> ProviderCall {
    ProviderCall { presented, ..call }
}

/// Over HTTP/1.1, secured as before.
pub(super) fn over_http1(mut call: ProviderCall) -> ProviderCall {
    call.carrier.transport = call.carrier.transport.as_http1();
    call
}
