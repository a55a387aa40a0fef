//! What moves at the edge are drawn with: who calls, which ways are open to him, calls that are served, and how a call
//! is carried.
//!
//! A [`Way`] is what a tenant may do with one of his own keys. An attack begins with one and bends it; what it leaves
//! alone stays as it would be served, so that nothing but the bend can be what is refused.

use super::draft::{CLEAR, Draft};
use crate::action::edge::header::{ConnectionSpelling, NamedConnection};
use crate::action::edge::key::{KeyCarrier, KeyRef, SchemeSpelling};
use crate::action::edge::provider::{
    Ask, BodyShape, ComposioAction, ModelName, PathModel, Payload, QueryPair, Route, UpstreamKind, UpstreamReply, Usage,
};
use crate::action::edge::{
    Carrier, Door, EdgeCall, EdgeControl, EdgeHeader, HostLine, Presented, ProviderCall, VendCall,
};
use crate::action::{Action, Method, Transport};
use crate::choose::Choose;
use crate::world::World;
use crate::world::edge::{ConnectionProfile, Grant, Provider};

/// Worth more than any try spends.
const ENOUGH_MICROS: u64 = 20_000_000;
/// The same in cents.
const ENOUGH_CENTS: u16 = 2_000;

/// Workers that hand out, or make use of, a connection's credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// The provider proxies.
    Proxy,
    /// The credentials worker.
    Vend,
}

impl Service {
    const fn serves(self, profile: ConnectionProfile) -> bool {
        match (self, profile) {
            (_, ConnectionProfile::ByokStatic | ConnectionProfile::OauthAppInstall)
            | (_, ConnectionProfile::ComposioManaged)
            | (Self::Proxy, ConnectionProfile::VendoManagedPool) => true,
            (Self::Vend, ConnectionProfile::VendoManagedPool)
            | (_, ConnectionProfile::WebhookInbound | ConnectionProfile::UserOauth) => false,
        }
    }
}

/// What a tenant may do with one of his keys while the world is as it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    /// The tenant of the key and of the connection.
    pub(super) tenant: usize,
    /// The key.
    pub(super) key: u8,
    /// The connection that serves.
    pub(super) connection: u8,
    /// What is asked: the adapter at the proxies, where the connections of the broker's all go by composio; the
    /// connection's own provider at the credentials worker.
    pub(super) provider: Provider,
    /// Whether the key is the connection's own, and not its app's.
    pub(super) own_key: bool,
    /// Whether `X-Vendo-Connection` has to name the connection, since an older binding comes before it.
    pub(super) named: bool,
}

/// Which routes are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RouteKind {
    /// All that are served at once.
    Any,
    /// Those with a hold.
    Metered,
    /// Those without.
    Free,
    /// Those that take a body.
    WithBody,
}

impl RouteKind {
    fn fits(self, route: Route) -> bool {
        let free =
            matches!(route, Route::Models | Route::Model(_) | Route::CountTokens | Route::SendMessage | Route::GetMe);
        match self {
            // What asks for a job needs somebody who began it.
            _ if matches!(route, Route::Transcript(_) | Route::Prediction(_)) => false,
            Self::Any => true,
            Self::Metered => !free,
            Self::Free => free,
            Self::WithBody => route.method() == Method::Post,
        }
    }
}

/// A number of the world as actions name it.
pub(super) fn named(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(0)
}

impl<C: Choose> Draft<'_, C> {
    // Who.

    pub(super) fn tenant(&mut self) -> usize {
        usize::from(self.index(self.world.tenants.len()))
    }

    /// Two tenants, in either order.
    pub(super) fn two_tenants(&mut self) -> (usize, usize) {
        let first = self.tenant();
        (first, self.other_tenant(first))
    }

    pub(super) fn other_tenant(&mut self, tenant: usize) -> usize {
        let count = self.world.tenants.len().max(2);
        (tenant + 1 + usize::from(self.index(count - 1))) % count
    }

    /// A member of a tenant, to send a call.
    pub(super) fn sender(&mut self, tenant: usize) -> u8 {
        self.member_where(|member| member.tenant == tenant).unwrap_or(0)
    }

    pub(super) fn wallet(&self, tenant: usize) -> u64 {
        self.world.edge.wallets.get(tenant).copied().unwrap_or(0)
    }

    /// Has a tenant own more than any try spends.
    pub(super) fn fund(&mut self, tenant: usize) {
        if self.wallet(tenant) < ENOUGH_MICROS {
            self.operate(EdgeControl::TopUp { tenant: named(tenant), cents: ENOUGH_CENTS });
        }
    }

    // Ways.

    /// One of the ways of a tenant that fit: first what is asked is drawn, then the way to it, so that providers with
    /// many ways are no likelier than others.
    pub(super) fn way(&mut self, tenant: usize, service: Service, fits: impl Fn(&Way) -> bool) -> Option<Way> {
        let fitting: Vec<Way> = ways(self.world, tenant, service).into_iter().filter(fits).collect();
        let mut providers: Vec<Provider> = fitting.iter().map(|way| way.provider).collect();
        providers.sort_unstable();
        providers.dedup();
        let provider = self.among(&providers)?;
        let fitting: Vec<Way> = fitting.into_iter().filter(|way| way.provider == provider).collect();
        self.among(&fitting)
    }

    /// A way that fits, of any tenant that has one.
    pub(super) fn any_way(&mut self, service: Service, fits: impl Fn(&Way) -> bool + Copy) -> Option<Way> {
        let tenants: Vec<usize> = (0..self.world.tenants.len())
            .filter(|tenant| ways(self.world, *tenant, service).iter().any(fits))
            .collect();
        let tenant = self.among(&tenants)?;
        self.way(tenant, service, fits)
    }

    /// A way to a metered adapter, of a tenant who can pay.
    pub(super) fn paid_way(&mut self, tenant: usize) -> Option<Way> {
        self.fund(tenant);
        self.way(tenant, Service::Proxy, is_metered)
    }

    // Calls.

    /// A call by a way that is served, the way's tenant being able to pay. What the way leaves open is drawn.
    pub(super) fn served(&mut self, way: Way, kind: RouteKind) -> Option<ProviderCall> {
        let route = self.route(way, kind)?;
        Some(self.asked(way, route))
    }

    /// One of the routes of a way's adapter.
    pub(super) fn route(&mut self, way: Way, kind: RouteKind) -> Option<Route> {
        let fitting: Vec<Route> = Route::of(way.provider).iter().copied().filter(|route| kind.fits(*route)).collect();
        let model = PathModel::Listed(self.of(&[0, 1]));
        let job = self.of(&[0, 1, 2]);
        Some(match self.among(&fitting)? {
            Route::Model(_) => Route::Model(model),
            Route::Generate(_) => Route::Generate(model),
            Route::GenerateStream(_) => Route::GenerateStream(model),
            Route::EmbedContent(_) => Route::EmbedContent(model),
            Route::Transcribe(_) => Route::Transcribe(job),
            Route::Predict(..) => Route::Predict(model, job),
            Route::Execute(_) => Route::Execute(ComposioAction::Of(self.world.connection(way.connection).provider)),
            route @ (Route::Chat
            | Route::ApiChat
            | Route::Completions
            | Route::ApiCompletions
            | Route::Responses
            | Route::Embeddings
            | Route::Models
            | Route::Messages
            | Route::CountTokens
            | Route::Speech
            | Route::SpeechStream
            | Route::Transcript(_)
            | Route::Prediction(_)
            | Route::SendMessage
            | Route::GetMe
            | Route::Files
            | Route::AdminKeys
            | Route::Credits
            | Route::Listing(_)
            | Route::Root) => route,
        })
    }

    /// A call of a route by a way. What the way leaves open is drawn; its upstream answers well, in one piece or not.
    pub(super) fn asked(&mut self, way: Way, route: Route) -> ProviderCall {
        let kind = self.of(&[
            UpstreamKind::Answer,
            UpstreamKind::Answer,
            UpstreamKind::ChunkedAnswer,
            UpstreamKind::Stream(1),
            UpstreamKind::Stream(4),
        ]);
        // Seconds cost far more than tokens.
        let usage = if way.provider == Provider::Assemblyai {
            Usage::Reported { input: self.of(&[1, 2]), output: 0 }
        } else {
            Usage::Reported { input: self.of(&[1, 11, 1003]), output: self.of(&[0, 7, 511]) }
        };
        let query = if self.one_in(5) { vec![QueryPair::Plain(self.of(&[0, 1]))] } else { Vec::new() };
        let call = ProviderCall {
            carrier: self.carrier_of(way),
            presented: self.presented(way.key),
            ask: Ask::of(route),
            query,
            payload: self.payload(),
            upstream: UpstreamReply { kind, usage },
            ..ProviderCall::plain(self.sender(way.tenant), way.key, way.provider, route)
        };
        streaming(call.canonical())
    }

    /// The same with a stream of so many events for an answer; `None` where the route has none.
    pub(super) fn streamed(&mut self, way: Way, events: u8) -> Option<ProviderCall> {
        let model = PathModel::Listed(self.of(&[0, 1]));
        let routes: &[Route] = match way.provider {
            Provider::Openai => &[Route::Chat, Route::Completions, Route::Responses],
            Provider::Anthropic => &[Route::Messages],
            Provider::Openrouter => &[Route::ApiChat, Route::Chat, Route::ApiCompletions, Route::Completions],
            Provider::Gemini => &[Route::GenerateStream(model)],
            Provider::Elevenlabs
            | Provider::Assemblyai
            | Provider::Muapi
            | Provider::Telegram
            | Provider::Composio
            | Provider::Slack
            | Provider::Notion
            | Provider::Github
            | Provider::Google
            | Provider::Discord => &[],
        };
        let route = self.among(routes)?;
        let call = self.asked(way, route);
        let upstream = UpstreamReply { kind: UpstreamKind::Stream(events), ..call.upstream };
        Some(streaming(ProviderCall { upstream, ..call }))
    }

    /// A way's token asked for at the credentials worker, by its slug.
    pub(super) fn vended(&mut self, way: Way) -> VendCall {
        let carrier = self.carrier_of(way);
        let presented = self.presented(way.key);
        VendCall { carrier, presented, ..VendCall::plain(self.sender(way.tenant), way.key, way.provider) }
    }

    /// A key that is good, however it is written.
    pub(super) fn presented(&mut self, key: u8) -> Presented {
        let how = self.of(&[
            KeyCarrier::Authorization,
            KeyCarrier::Authorization,
            KeyCarrier::ApiKey,
            KeyCarrier::BothSame,
            KeyCarrier::Scheme(SchemeSpelling::Lower),
            KeyCarrier::Scheme(SchemeSpelling::Mixed),
        ]);
        Presented { key: KeyRef::Key(key), how }
    }

    /// A body that any metered route takes.
    pub(super) fn payload(&mut self) -> Payload {
        let shape = self.of(&[BodyShape::Whole, BodyShape::Whole, BodyShape::Chunked, BodyShape::Spaced]);
        let model = ModelName::Listed(self.of(&[0, 1]));
        Payload { model, shape, text: self.of(&[0, 40, 3000]), ..Payload::plain() }
    }

    // Carriers.

    /// One of the ways in which a call can be carried well.
    pub(super) fn carrier(&mut self) -> Carrier {
        let door = if self.one_in(4) { Door::Listener } else { Door::Host };
        let transport = match door {
            Door::Host => self.of(&Transport::ALL),
            Door::Listener => self.of(&CLEAR),
        };
        // At a listener the host names nothing, so it may be any.
        let host = match door {
            Door::Host => self.of(&[HostLine::Plain, HostLine::Upper, HostLine::TrailingDot, HostLine::Port]),
            Door::Listener => {
                let other = HostLine::Deployment(self.deployment());
                let adapter = HostLine::Adapter(self.of(&Provider::ADAPTERS));
                self.of(&[HostLine::Plain, HostLine::Address, other, adapter])
            }
        };
        let host = if self.one_in(2) { HostLine::Plain } else { host };
        let headers = if self.one_in(4) { vec![EdgeHeader::App(self.of(&[0, 1]))] } else { Vec::new() };
        // Over TLS another worker's host would differ from the connection's server name.
        let reuse = !transport.is_tls() && self.one_in(3);
        Carrier { transport, reuse, door, host, headers }
    }

    /// The same, with what a way needs.
    pub(super) fn carrier_of(&mut self, way: Way) -> Carrier {
        let mut carrier = self.carrier();
        // A connection's own key may name it, and need not.
        if way.named || (way.own_key && self.one_in(3)) {
            let spelling = self.of(&[ConnectionSpelling::Plain, ConnectionSpelling::Upper]);
            carrier.headers.push(EdgeHeader::Connection { which: NamedConnection::Of(way.connection), spelling });
        }
        carrier
    }

    // Actions.

    /// The call must already be one that can be carried, or the move would lose what makes it one.
    pub(super) fn call(&mut self, call: EdgeCall) {
        debug_assert_eq!(call.clone().canonical(), call, "a move would lose a part of itself");
        self.push(Action::edge(call));
    }

    pub(super) fn proxied(&mut self, call: ProviderCall) {
        self.call(EdgeCall::Provider(call));
    }

    /// Several calls at once. Each gets a connection of its own.
    pub(super) fn at_once(&mut self, calls: Vec<EdgeCall>) {
        for call in &calls {
            debug_assert_eq!(call.clone().canonical(), *call, "a move would lose a part of itself");
        }
        debug_assert!((2..=4).contains(&calls.len()), "calls at once are two to four");
        self.push(Action::together(calls));
    }

    /// A call, and a change while it is under way.
    pub(super) fn while_under_way(&mut self, call: EdgeCall, control: EdgeControl) {
        debug_assert_eq!(call.clone().canonical(), call, "a move would lose a part of itself");
        self.push(Action::during(call, control));
    }

    pub(super) fn operate(&mut self, control: EdgeControl) {
        self.push(Action::EdgeControl(control));
    }

    /// The owner of a way asks by it and is served.
    pub(super) fn warm(&mut self, way: Way, kind: RouteKind) -> Option<ProviderCall> {
        let call = self.served(way, kind)?;
        self.proxied(call.clone());
        Some(call)
    }
}

/// Whether calls by a way have a hold.
pub(super) const fn is_metered(way: &Way) -> bool {
    way.provider.hold_micros() > 0
}

/// Every way of a tenant's at a worker, keys with an end or with caps of their own left out.
pub(super) fn ways(world: &World, tenant: usize, service: Service) -> Vec<Way> {
    let mut ways = Vec::new();
    let keys =
        world.keys_where(|key| key.tenant == tenant && key.expires_at_s.is_none() && key.daily_cap_micros.is_none());
    for key in keys {
        match world.key(key).grant {
            Grant::App(app) => {
                let bound = world.bound_to(named(app));
                for (position, connection) in bound.iter().copied().enumerate() {
                    let provider = world.connection(connection).provider;
                    let older = bound.iter().take(position);
                    let named = older.copied().any(|other| world.connection(other).provider == provider);
                    ways.extend(way(world, service, key, connection, false, named));
                }
            }
            Grant::Connection(connection) => ways.extend(way(world, service, key, named(connection), true, false)),
        }
    }
    ways
}

fn way(world: &World, service: Service, key: u8, connection: u8, own_key: bool, named: bool) -> Option<Way> {
    let own = world.connection(connection);
    let provider = match service {
        Service::Proxy if own.profile == ConnectionProfile::ComposioManaged => Provider::Composio,
        Service::Proxy | Service::Vend => own.provider,
    };
    let has_worker = service == Service::Vend || provider.is_adapter();
    let served = has_worker && service.serves(own.profile);
    served.then_some(Way { tenant: own.tenant, key, connection, provider, own_key, named })
}

/// Has a body ask for a stream where its upstream answers with one.
pub(super) const fn streaming(mut call: ProviderCall) -> ProviderCall {
    call.payload.stream = call.upstream.kind.is_stream();
    call
}
