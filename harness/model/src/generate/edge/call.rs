//! One call to a worker of the edge.

use super::{EdgeSwarm, any_hook, named, opened, upstream};
use crate::action::edge::header::{
    ConnectionSpelling, CredentialField, EdgeNominee, EnvelopeField, NamedConnection, PartialField, TenantField,
    UserToken, UserTokenAlteration,
};
use crate::action::edge::hook::{HookBody, HookPath, SecretField, SecretRef};
use crate::action::edge::key::{BadBearer, CookieField, KeyCarrier, KeyHeader, KeyRef, QueryField, SchemeSpelling};
use crate::action::edge::provider::{
    AccountName, AdapterHost, Ask, BodyShape, ClientEnd, ComposioAction, ExtraMember, JobRef, Listing, ModelName,
    NearAdapter, PathModel, PathSpelling, Payload, QueryCredential, QueryPair, Route,
};
use crate::action::edge::vend::{BulkItem, BulkSpelling, EnvSpelling, OddVendPath, SlugSpelling, VendAsk};
use crate::action::edge::{Carrier, Door, EdgeHeader, HookCall, HostLine, Presented, ProviderCall, VendCall};
use crate::action::header::{EdgeField, ForwardingField, HintField, HopField, NameSpelling};
use crate::action::{Method, Transport};
use crate::choose::Choose;
use crate::world::World;
use crate::world::edge::{ConnectionProfile, Provider};

pub(super) fn provider<C: Choose>(choose: &mut C, world: &World, swarm: EdgeSwarm) -> ProviderCall {
    let key = choose.index(world.edge.keys.len());
    let opened: Vec<(Provider, u8)> = opened(world, key)
        .into_iter()
        .map(|connection| (adapter_of(world, connection), connection))
        .filter(|(adapter, _)| adapter.is_adapter())
        .collect();
    let any = (choose.of(&Provider::ADAPTERS), choose.index(world.edge.connections.len()));
    let well = choose.among(&opened).copied().unwrap_or(any);
    let (adapter, connection) = if choose.one_in(7) { any } else { well };
    let route = route(choose, world, adapter, connection, world.key(key).tenant);
    let mut call = ProviderCall {
        carrier: carrier(choose, world, swarm, connection),
        presented: presented(choose, world, swarm, key),
        upstream: upstream::reply(choose, world, swarm),
        ..ProviderCall::plain(sender(choose, world, world.key(key).tenant), key, adapter, route)
    };
    if swarm.spellings && choose.one_in(16) {
        let (near, without) = (choose.of(&NearAdapter::ALL), choose.of(&Provider::ALL));
        call.adapter =
            choose.of(&[AdapterHost::Near(adapter, near), AdapterHost::WithoutAdapter(without), AdapterHost::Unknown]);
    }
    call.ask = ask(choose, swarm, route);
    for _ in 0..choose.below(3) {
        if choose.one_in(3) {
            call.query.push(query_pair(choose, world));
        }
    }
    call.payload = payload(choose, world, swarm);
    // An answer in events is what is asked for in most cases, and comes unasked in some.
    call.payload.stream = call.upstream.kind.is_stream() != choose.one_in(12);
    if swarm.money && choose.one_in(4) {
        call.client = ClientEnd::HangsUpAfter(choose.index(5));
    }
    call
}

/// The adapter that makes use of a connection.
fn adapter_of(world: &World, connection: u8) -> Provider {
    let own = world.connection(connection);
    if own.profile == ConnectionProfile::ComposioManaged { Provider::Composio } else { own.provider }
}

fn route<C: Choose>(choose: &mut C, world: &World, adapter: Provider, connection: u8, tenant: usize) -> Route {
    const ELSEWHERE: [Route; 12] = [
        Route::Files,
        Route::AdminKeys,
        Route::Credits,
        Route::Root,
        Route::Chat,
        Route::Messages,
        Route::Models,
        Route::Speech,
        Route::CountTokens,
        Route::SendMessage,
        Route::ApiCompletions,
        Route::Embeddings,
    ];
    let own = choose.among(Route::of(adapter)).copied().unwrap_or(Route::Root);
    if choose.one_in(40) {
        return Route::Listing(choose.of(&Listing::ALL));
    }
    let route = if choose.one_in(12) { choose.of(&ELSEWHERE) } else { own };
    let model = match choose.below(10) {
        0 => PathModel::OtherCase(choose.index(2)),
        1 if choose.one_in(2) => PathModel::TenantId(choose.index(world.tenants.len())),
        1 => PathModel::Unlisted,
        _ => PathModel::Listed(choose.index(3)),
    };
    let number = choose.index(3);
    let job = match choose.below(6) {
        0 => JobRef::Unknown,
        1 => JobRef::Of { tenant: choose.index(world.tenants.len()), job: number },
        _ => JobRef::Of { tenant: named(tenant), job: number },
    };
    match route {
        Route::Model(_) => Route::Model(model),
        Route::Generate(_) => Route::Generate(model),
        Route::GenerateStream(_) => Route::GenerateStream(model),
        Route::EmbedContent(_) => Route::EmbedContent(model),
        Route::Transcribe(_) => Route::Transcribe(number),
        Route::Transcript(_) => Route::Transcript(job),
        Route::Predict(..) => Route::Predict(model, number),
        Route::Prediction(_) => Route::Prediction(job),
        Route::Execute(_) => Route::Execute(composio_action(choose, world.connection(connection).provider)),
        Route::Chat
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
        | Route::SendMessage
        | Route::GetMe
        | Route::Files
        | Route::AdminKeys
        | Route::Credits
        | Route::Listing(_)
        | Route::Root => route,
    }
}

fn composio_action<C: Choose>(choose: &mut C, toolkit: Provider) -> ComposioAction {
    match choose.below(10) {
        0 => choose.of(&[
            ComposioAction::Lower(toolkit),
            ComposioAction::NoUnderscore(toolkit),
            ComposioAction::NoToolkit,
            ComposioAction::Dotted(toolkit),
            ComposioAction::Missing,
            ComposioAction::Number,
        ]),
        1 => ComposioAction::UnknownToolkit,
        2 => ComposioAction::Of(choose.of(&Provider::ALL)),
        _ => ComposioAction::Of(toolkit),
    }
}

fn ask<C: Choose>(choose: &mut C, swarm: EdgeSwarm, route: Route) -> Ask {
    let mut ask = Ask::of(route);
    if swarm.spellings && choose.one_in(6) {
        ask.spelling =
            if choose.one_in(3) { choose.of(&PathSpelling::NO_ROUTE) } else { choose.of(&PathSpelling::GUARDED) };
    }
    if choose.one_in(16) {
        ask.method = Some(if choose.one_in(8) { Method::Trace } else { choose.of(&Method::ORDINARY) });
    }
    ask.preflight = choose.one_in(24);
    ask
}

fn query_pair<C: Choose>(choose: &mut C, world: &World) -> QueryPair {
    let key = choose.index(world.edge.keys.len());
    match choose.below(6) {
        0 => QueryPair::Tenant(choose.index(world.tenants.len())),
        1 => QueryPair::Connection(choose.index(world.edge.connections.len())),
        2 => QueryPair::Credential(choose.of(&QueryCredential::ALL)),
        3 => QueryPair::Bearer(key),
        4 => QueryPair::EncodedBearer(key),
        5 if choose.one_in(2) => {
            QueryPair::Account(choose.of(&AccountName::ALL), choose.index(world.edge.accounts.len()))
        }
        _ => QueryPair::Plain(choose.index(2)),
    }
}

fn payload<C: Choose>(choose: &mut C, world: &World, swarm: EdgeSwarm) -> Payload {
    let listed = choose.index(3);
    let model = if swarm.payloads && choose.one_in(6) {
        choose.of(&[
            ModelName::OtherCase(listed),
            ModelName::TrailingSpace(listed),
            ModelName::Suffixed(listed),
            ModelName::Prefixed(listed),
            ModelName::Escaped(listed),
            ModelName::Unlisted,
            ModelName::Missing,
            ModelName::Number,
            ModelName::Null,
            ModelName::Array(listed),
            ModelName::Empty,
        ])
    } else {
        ModelName::Listed(listed)
    };
    let shape = if swarm.payloads && choose.one_in(5) {
        let shape = choose.of(&BodyShape::ALL);
        // Eight mebibytes say no more than the rule for them, and take their time.
        if shape == BodyShape::TooLarge && !choose.one_in(8) { BodyShape::Empty } else { shape }
    } else {
        choose.of(&[BodyShape::Whole, BodyShape::Whole, BodyShape::Chunked])
    };
    let names_tenant = choose.one_in(8).then(|| choose.index(world.tenants.len()));
    let member = match choose.below(24) {
        0 => Some(ExtraMember::Account(choose.of(&AccountName::ALL), choose.index(world.edge.accounts.len()))),
        1 => Some(ExtraMember::Toolkit(choose.of(&Provider::ALL))),
        2 => Some(ExtraMember::NoUsage),
        _ => None,
    };
    Payload { model, stream: false, names_tenant, member, shape, text: choose.of(&[0, 0, 1, 40, 4_000, 40_000]) }
}

pub(super) fn vend<C: Choose>(choose: &mut C, world: &World, swarm: EdgeSwarm) -> VendCall {
    let key = choose.index(world.edge.keys.len());
    let any = choose.index(world.edge.connections.len());
    let well = choose.among(&opened(world, key)).copied().unwrap_or(any);
    let connection = if choose.one_in(6) { any } else { well };
    let provider = if choose.one_in(12) { choose.of(&Provider::ALL) } else { world.connection(connection).provider };
    VendCall {
        carrier: carrier(choose, world, swarm, connection),
        presented: presented(choose, world, swarm, key),
        method: if choose.one_in(24) { choose.of(&Method::ORDINARY) } else { Method::Get },
        ask: vend_ask(choose, world, swarm, provider),
        broker: upstream::broker(choose, swarm),
        ..VendCall::plain(sender(choose, world, world.key(key).tenant), key, provider)
    }
}

fn vend_ask<C: Choose>(choose: &mut C, world: &World, swarm: EdgeSwarm, provider: Provider) -> VendAsk {
    let bent = swarm.spellings && choose.one_in(5);
    let connection = choose.index(world.edge.connections.len());
    match choose.below(10) {
        0 if bent => VendAsk::Odd(choose.of(&[
            OddVendPath::Root,
            OddVendPath::V1,
            OddVendPath::Refresh,
            OddVendPath::All,
            OddVendPath::Deeper,
            OddVendPath::Connection(connection),
        ])),
        1 | 2 => {
            let spelling = if bent { choose.of(&EnvSpelling::ALL) } else { EnvSpelling::Plain };
            VendAsk::Env { provider, spelling }
        }
        3..=5 => {
            let mut items = vec![BulkItem::Provider(provider)];
            for _ in 0..choose.below(6) {
                let other = choose.of(&Provider::ALL);
                items.push(match choose.below(8) {
                    0 => BulkItem::Unknown,
                    1 => BulkItem::Upper(other),
                    2 => BulkItem::Provider(provider),
                    _ => BulkItem::Provider(other),
                });
            }
            VendAsk::Bulk { items, spelling: if bent { choose.of(&BulkSpelling::ALL) } else { BulkSpelling::Plain } }
        }
        _ => {
            let spelling = if bent { choose.of(&SlugSpelling::ALL) } else { SlugSpelling::Plain };
            VendAsk::One { provider, spelling }
        }
    }
}

pub(super) fn hook<C: Choose>(choose: &mut C, world: &World, swarm: EdgeSwarm) -> HookCall {
    let any = choose.index(world.edge.connections.len());
    let connection = if choose.one_in(8) { any } else { any_hook(choose, world).unwrap_or(any) };
    let mut call = HookCall::plain(sender(choose, world, world.connection(connection).tenant), connection);
    call.carrier = carrier(choose, world, swarm, connection);
    if choose.one_in(8) {
        call.method = choose.of(&Method::ORDINARY);
    }
    if swarm.spellings && choose.one_in(4) {
        call.path = hook_path(choose, connection);
    }
    if swarm.keys && choose.one_in(3) {
        let other = any_hook(choose, world).unwrap_or(any);
        call.secret = match choose.below(4) {
            0 => SecretRef::Of(other),
            1 => SecretRef::OfApp(choose.index(world.edge.apps.len())),
            _ => choose.of(&SecretRef::ALONE),
        };
    }
    if swarm.keys && choose.one_in(8) {
        let spelling = choose.of(&NameSpelling::ALL);
        call.field = choose.of(&[
            SecretField::Own(spelling),
            SecretField::Other,
            SecretField::Authorization,
            SecretField::Query,
        ]);
    }
    let named = choose.index(world.deployments.len());
    call.body = match choose.below(24) {
        0 => HookBody::Empty,
        1..=3 => HookBody::Chunked,
        4 | 5 => HookBody::Odd,
        6 | 7 => HookBody::Names(named),
        8 if swarm.payloads => choose.of(&[HookBody::Largest, HookBody::TooLarge]),
        _ => HookBody::Update,
    };
    call.names = choose.one_in(6).then_some(named);
    call.container = upstream::container(choose, world, swarm);
    call
}

fn hook_path<C: Choose>(choose: &mut C, connection: u8) -> HookPath {
    choose.of(&[
        HookPath::Query(connection),
        HookPath::OtherCase(connection),
        HookPath::Cut(connection),
        HookPath::Extended(connection),
        HookPath::ConnectionId(connection),
        HookPath::TrailingSlash(connection),
        HookPath::Deeper(connection),
        HookPath::DoubleSlash(connection),
        HookPath::DotDot(connection),
        HookPath::Encoded(connection),
        HookPath::Nul(connection),
        HookPath::Unknown,
        HookPath::Star,
        HookPath::Colon(connection),
        HookPath::Long,
        HookPath::Root,
    ])
}

/// Somebody of the tenant, or once in a while of another: what he sends is no part of what his key opens.
fn sender<C: Choose>(choose: &mut C, world: &World, tenant: usize) -> u8 {
    let any = choose.index(world.members.len());
    let own: Vec<usize> = (0..world.members.len())
        .filter(|member| world.members.get(*member).is_some_and(|member| member.tenant == tenant))
        .collect();
    let own = choose.among(&own).copied().map_or(any, named);
    if choose.one_in(12) { any } else { own }
}

fn presented<C: Choose>(choose: &mut C, world: &World, swarm: EdgeSwarm, key: u8) -> Presented {
    let mut presented = Presented::key(key);
    if choose.one_in(8) {
        presented.key = KeyRef::Issued(choose.index(3));
    } else if swarm.keys && choose.one_in(10) {
        presented.key = bad_key(choose, world);
    }
    if swarm.keys && choose.one_in(4) {
        let second = if choose.one_in(2) { presented.key } else { bad_key(choose, world) };
        presented.how = match choose.below(12) {
            0 => KeyCarrier::BothDiffer(second),
            1 => KeyCarrier::TwoAuthorizations { second },
            2 => KeyCarrier::TwoApiKeys { second },
            3 => KeyCarrier::BasicBeside,
            4 | 5 => KeyCarrier::Scheme(choose.of(&SchemeSpelling::ALL)),
            6 => KeyCarrier::Query(choose.of(&QueryField::ALL)),
            7 => KeyCarrier::Cookie(choose.of(&CookieField::ALL)),
            8 => KeyCarrier::OtherHeader(choose.of(&KeyHeader::ALL)),
            9 => KeyCarrier::BothSame,
            _ => KeyCarrier::ApiKey,
        };
    } else if choose.one_in(4) {
        presented.how = KeyCarrier::ApiKey;
    }
    presented
}

fn bad_key<C: Choose>(choose: &mut C, world: &World) -> KeyRef {
    let key = choose.index(world.edge.keys.len());
    match choose.below(6) {
        0 => KeyRef::NeverIssued,
        1 => KeyRef::Malformed { key, kind: choose.of(&BadBearer::ALL) },
        2 => KeyRef::HashOf(key),
        3 => KeyRef::PrefixOf(key),
        4 => KeyRef::None,
        _ => KeyRef::Key(key),
    }
}

fn carrier<C: Choose>(choose: &mut C, world: &World, swarm: EdgeSwarm, connection: u8) -> Carrier {
    let mut carrier = Carrier::plain();
    if swarm.carriers {
        carrier.transport = choose.of(&[
            Transport::Http1,
            Transport::Http1,
            Transport::Http2,
            Transport::Http1Tls,
            Transport::Http2Tls,
        ]);
        carrier.reuse = choose.one_in(3);
        carrier.door = if choose.one_in(4) { Door::Listener } else { Door::Host };
        if choose.one_in(6) {
            let deployment = choose.index(world.deployments.len());
            let adapter = choose.of(&Provider::ADAPTERS);
            carrier.host = choose.of(&[
                HostLine::Upper,
                HostLine::TrailingDot,
                HostLine::Port,
                HostLine::Address,
                HostLine::Deployment(deployment),
                HostLine::Adapter(adapter),
                HostLine::Twice,
                HostLine::Missing,
                HostLine::Absolute,
                HostLine::AbsoluteOther(deployment),
            ]);
        }
    }
    if swarm.connections && choose.one_in(3) {
        carrier.headers.push(connection_header(choose, world, connection));
    }
    if swarm.users && choose.one_in(6) {
        carrier.headers.push(EdgeHeader::UserJwt(user_token(choose, world, connection)));
    }
    if swarm.headers {
        for _ in 0..choose.below(3) {
            let at = usize::from(choose.index(carrier.headers.len() + 1));
            let header = header(choose, world);
            carrier.headers.insert(at.min(carrier.headers.len()), header);
        }
    }
    carrier
}

fn connection_header<C: Choose>(choose: &mut C, world: &World, connection: u8) -> EdgeHeader {
    let other = choose.index(world.edge.connections.len());
    let which = match choose.below(12) {
        0 | 1 => NamedConnection::Of(other),
        2 => NamedConnection::OtherCase(connection),
        3 => NamedConnection::External(connection),
        4 => NamedConnection::Traversal(connection),
        5 => choose.of(&[NamedConnection::Unknown, NamedConnection::Malformed, NamedConnection::Empty]),
        _ => NamedConnection::Of(connection),
    };
    let spelling = match choose.below(8) {
        0 => choose.of(&ConnectionSpelling::ALONE),
        1 => choose.of(&[
            ConnectionSpelling::ThenOther(other),
            ConnectionSpelling::AfterOther(other),
            ConnectionSpelling::CommaList(other),
        ]),
        _ => ConnectionSpelling::Plain,
    };
    EdgeHeader::Connection { which, spelling }
}

fn user_token<C: Choose>(choose: &mut C, world: &World, connection: u8) -> UserToken {
    let any = choose.index(world.members.len());
    let own = sender(choose, world, world.connection(connection).tenant);
    let member = if choose.one_in(4) { any } else { own };
    let tenant = choose.index(world.tenants.len());
    let alteration = match choose.below(8) {
        0..=2 => choose.of(&UserTokenAlteration::ALONE),
        3 => choose.of(&[
            UserTokenAlteration::TenantOf(tenant),
            UserTokenAlteration::UserMetadataOther(tenant),
            UserTokenAlteration::AlteredPayload(any),
            UserTokenAlteration::Underscore,
        ]),
        _ => UserTokenAlteration::None,
    };
    UserToken { member, alteration }
}

fn header<C: Choose>(choose: &mut C, world: &World) -> EdgeHeader {
    let deployment = choose.index(world.deployments.len());
    let spelling = choose.of(&NameSpelling::ALL);
    match choose.below(19) {
        17 => {
            EdgeHeader::KeyBeside { field: choose.of(&CredentialField::ALL), key: choose.index(world.edge.keys.len()) }
        }
        18 => EdgeHeader::Partial(choose.of(&PartialField::ALL)),
        0 | 1 => EdgeHeader::TenantNamed {
            field: choose.of(&TenantField::ALL),
            spelling,
            tenant: choose.index(world.tenants.len()),
        },
        2 | 3 => EdgeHeader::OwnCredential(choose.of(&CredentialField::ALL)),
        4 => EdgeHeader::ConnectedAccount(choose.index(world.edge.accounts.len())),
        5 => EdgeHeader::SessionCookie(choose.index(world.members.len())),
        6 | 7 => EdgeHeader::App(choose.index(2)),
        8 => EdgeHeader::BearerElsewhere(choose.index(world.edge.keys.len())),
        9 => EdgeHeader::Forwarding { field: choose.of(&ForwardingField::ALL), spelling, deployment },
        10 => EdgeHeader::Edge(choose.of(&EdgeField::ALL)),
        11 => EdgeHeader::Hint { field: choose.of(&HintField::ALL), deployment },
        12 => EdgeHeader::Hop(choose.of(&HopField::ALL)),
        13 => EdgeHeader::Nominate(choose.of(&EdgeNominee::ALL)),
        14 => EdgeHeader::Origin,
        15 => EdgeHeader::Referer,
        _ => EdgeHeader::Envelope { field: choose.of(&EnvelopeField::ALL), spelling },
    }
}
