//! PRX-5: a caller, or somebody behind an upstream, who wants a connection's credential itself.

use super::draft::{Draft, row};
use super::edge_draft::{RouteKind, Service, Way, named};
use super::edge_pair::{naming, over_http1, with_headers};
use crate::action::Transport;
use crate::action::edge::header::{
    ConnectionSpelling, CredentialField, EdgeNominee, EnvelopeField, NamedConnection, PartialField, TenantField,
    UserToken, UserTokenAlteration,
};
use crate::action::edge::key::KeyCarrier;
use crate::action::edge::provider::{
    AccountName, EchoForm, ErrorStatus, PathModel, QueryCredential, QueryPair, RedirectTo, Route, UpstreamHeader,
    UpstreamKind, UpstreamReply,
};
use crate::action::edge::{Door, EdgeCall, EdgeControl, EdgeHeader, HostLine, ProviderCall};
use crate::action::header::{EdgeField, ForwardingField, HopField, NameSpelling};
use crate::choose::Choose;
use crate::world::edge::{Provider, Slot};

/// What an upstream does.
const UPSTREAMS: &[(&str, &[UpstreamKind])] = &[
    (
        "error-body",
        &[
            UpstreamKind::ErrorQuotes(ErrorStatus::BadRequest),
            UpstreamKind::ErrorQuotes(ErrorStatus::Unauthorized),
            UpstreamKind::ErrorQuotes(ErrorStatus::NotFound),
            UpstreamKind::ErrorQuotes(ErrorStatus::TooMany),
            UpstreamKind::ErrorQuotes(ErrorStatus::Internal),
            UpstreamKind::ErrorQuotes(ErrorStatus::Unavailable),
        ],
    ),
    (
        "redirect",
        &[
            UpstreamKind::Redirect(RedirectTo::Stray),
            UpstreamKind::Redirect(RedirectTo::StrayAgain),
            UpstreamKind::Redirect(RedirectTo::OwnPath),
            UpstreamKind::Redirect(RedirectTo::WithCredential),
        ],
    ),
    (
        "proxy-error",
        &[
            UpstreamKind::Gzip,
            UpstreamKind::Unasked101,
            UpstreamKind::Garbage,
            UpstreamKind::ClosesAtOnce,
            UpstreamKind::HeadDies,
            UpstreamKind::AnswerDies,
        ],
    ),
    ("trailers", &[UpstreamKind::Trailers, UpstreamKind::Interim]),
];

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    let (tenant, other) = draft.two_tenants();
    draft.fund(tenant);
    let way = draft.way(tenant, Service::Proxy, |_| true)?;
    if let Some(kinds) = row(UPSTREAMS, name) {
        let kind = draft.among(kinds)?;
        let call = answered(draft, way, kind)?;
        return after_another(draft, way, call);
    }
    match name {
        "echo-upstream" => {
            let kind = UpstreamKind::Echo(draft.of(&EchoForm::ALL));
            let call = answered(draft, way, kind)?;
            after_another(draft, way, call)
        }
        "log" => {
            let kind = draft.of(&[
                UpstreamKind::Answer,
                UpstreamKind::ErrorQuotes(ErrorStatus::Unauthorized),
                UpstreamKind::ErrorQuotes(ErrorStatus::Internal),
                UpstreamKind::HeadDies,
                UpstreamKind::Garbage,
                UpstreamKind::Redirect(RedirectTo::WithCredential),
                UpstreamKind::Echo(EchoForm::Header),
            ]);
            let call = answered(draft, way, kind)?;
            let call = match draft.of(&[0_u8, 0, 1, 2]) {
                0 => call,
                1 => ProviderCall { query: vec![QueryPair::Bearer(way.key)], ..call },
                _ => with_headers(call, [EdgeHeader::BearerElsewhere(way.key)]),
            };
            draft.proxied(call);
            Some(())
        }
        "other-adapter" => other_adapter(draft, tenant),
        "other-connection" => other_connection(draft, tenant, other),
        "own-authorization" => {
            let call = draft.served(way, RouteKind::Any)?;
            let call = with_own_credential(draft, way, call);
            draft.proxied(call);
            Some(())
        }
        "bearer-forwarded" => {
            let call = draft.served(way, RouteKind::Any)?;
            let call = with_what_stays(draft, way, other, call);
            draft.proxied(call);
            Some(())
        }
        "set-cookie" => {
            let rest: Vec<UpstreamHeader> = UpstreamHeader::ALL
                .into_iter()
                .filter(|header| !matches!(header, UpstreamHeader::SetCookie | UpstreamHeader::SetCookie2))
                .collect();
            let before = UpstreamKind::Header(draft.among(&rest)?);
            let cookie = UpstreamKind::Header(draft.of(&[UpstreamHeader::SetCookie, UpstreamHeader::SetCookie2]));
            let (before, call) = (answered(draft, way, before)?, answered(draft, way, cookie)?);
            // What else of a head must not come back comes first.
            if draft.one_in(2) {
                draft.in_line([before, call]);
            } else {
                draft.proxied(call);
            }
            Some(())
        }
        _ => None,
    }
}

/// A call that its upstream answers like this.
fn answered<C: Choose>(draft: &mut Draft<'_, C>, way: Way, kind: UpstreamKind) -> Option<ProviderCall> {
    let mut call = draft.served(way, RouteKind::Any)?;
    call.upstream = UpstreamReply { kind, ..call.upstream };
    call.payload.stream = kind.is_stream() || (call.payload.stream && draft.one_in(2));
    Some(call.canonical())
}

/// Alone, or behind a call of another tenant's whose connection to the upstream may be used again.
fn after_another<C: Choose>(draft: &mut Draft<'_, C>, way: Way, call: ProviderCall) -> Option<()> {
    if draft.one_in(3) {
        let tenant = draft.other_tenant(way.tenant);
        if let Some(theirs) = draft.way(tenant, Service::Proxy, |other| other.provider == way.provider) {
            draft.warm(theirs, RouteKind::Any)?;
        }
    }
    draft.proxied(call);
    Some(())
}

/// A request that is made for one provider, at the host of another.
fn other_adapter<C: Choose>(draft: &mut Draft<'_, C>, tenant: usize) -> Option<()> {
    // OpenAI's own paths are OpenRouter's too, and what lists the models is called the same at two of them.
    let shared = |way: &Way| match way.provider {
        Provider::Openrouter => Some([Route::Chat, Route::Completions]),
        Provider::Openai | Provider::Anthropic => Some([Route::Models, Route::Model(PathModel::Listed(0))]),
        Provider::Gemini
        | Provider::Elevenlabs
        | Provider::Assemblyai
        | Provider::Muapi
        | Provider::Telegram
        | Provider::Composio
        | Provider::Slack
        | Provider::Notion
        | Provider::Github
        | Provider::Google
        | Provider::Discord => None,
    };
    let way = draft.way(tenant, Service::Proxy, |_| true)?;
    // Somebody else's request first, which is blocked here.
    let foreign: Vec<Provider> = Provider::ADAPTERS.into_iter().filter(|adapter| *adapter != way.provider).collect();
    let meant_for = draft.among(&foreign)?;
    if draft.one_in(2) {
        let blocked = draft.asked(way, Route::main(meant_for));
        draft.proxied(blocked.canonical());
    }
    if let Some(routes) = shared(&way)
        && draft.one_in(2)
    {
        let route = draft.of(&routes);
        let call = draft.asked(way, route);
        draft.proxied(call);
        return Some(());
    }
    let mut call = draft.served(way, RouteKind::Any)?;
    match draft.of(&[0_u8, 1]) {
        0 => {
            // The adapter's own listener, and the other's host.
            call.carrier.door = Door::Listener;
            call.carrier.host = HostLine::Adapter(meant_for);
            if call.carrier.transport.is_tls() {
                call.carrier.transport = draft.of(&[Transport::Http1, Transport::Http2]);
            }
            draft.proxied(call);
        }
        _ => {
            // The other adapter, then this one, on one connection.
            let first = draft.way(tenant, Service::Proxy, |other| other.provider != way.provider)?;
            let mut opener = draft.served(first, RouteKind::Any)?;
            opener.carrier.door = Door::Host;
            opener.carrier.host = HostLine::Plain;
            opener.carrier.transport = draft.of(&[Transport::Http1, Transport::Http2]);
            draft.in_line([opener, call]);
        }
    }
    Some(())
}

/// Two connections to one provider, whose credentials could be taken for each other's.
fn other_connection<C: Choose>(draft: &mut Draft<'_, C>, tenant: usize, other: usize) -> Option<()> {
    let world = draft.world;
    let key = world.key_of_app(world.app_of_tenant(tenant, 0)?)?;
    let (older, newer) =
        (world.connection_in(tenant, Slot::OpenaiOlder)?, world.connection_in(tenant, Slot::OpenaiNewer)?);
    let way = |connection| Way {
        tenant,
        key,
        connection,
        provider: Provider::Openai,
        own_key: false,
        named: connection == newer,
    };
    let (mut first, mut second) = (way(older), way(newer));
    if draft.one_in(2) {
        (first, second) = (second, first);
    }
    if draft.one_in(3) {
        // Another app's, another tenant's, or one that a key of its own opens.
        let from = draft.of(&[tenant, other]);
        draft.fund(from);
        first = draft
            .way(from, Service::Proxy, |way| way.provider == Provider::Openai && way.connection != second.connection)?;
    }
    let one = draft.served(first, RouteKind::Any)?;
    let two = draft.asked_again(&one, second);
    match draft.of(&[0_u8, 0, 1, 2, 3]) {
        0 => draft.in_turn(vec![one, two]),
        1 => draft.at_once(vec![EdgeCall::Provider(one), EdgeCall::Provider(two)]),
        2 => {
            // The credential of one is replaced, and the next call has the new one.
            draft.proxied(one);
            draft.operate(EdgeControl::ReplaceCredential { connection: second.connection });
            draft.proxied(two);
        }
        _ => {
            let control = EdgeControl::ReplaceCredential { connection: first.connection };
            draft.while_under_way(EdgeCall::Provider(one), control);
            draft.proxied(two);
        }
    }
    Some(())
}

/// Credentials of the caller's own, in each place in which a provider takes one.
fn with_own_credential<C: Choose>(draft: &mut Draft<'_, C>, way: Way, call: ProviderCall) -> ProviderCall {
    let field = draft.of(&CredentialField::ALL);
    let mut headers = match draft.of(&[0_u8, 0, 1]) {
        0 => vec![EdgeHeader::OwnCredential(field)],
        _ => CredentialField::ALL.map(EdgeHeader::OwnCredential).to_vec(),
    };
    if way.provider == Provider::Composio {
        let accounts = draft.world.edge.accounts.len();
        headers.push(EdgeHeader::ConnectedAccount(draft.index(accounts)));
    }
    if draft.one_in(3) {
        headers.push(EdgeHeader::Partial(draft.of(&PartialField::ALL)));
    }
    let mut call = with_headers(call, headers);
    if way.provider == Provider::Composio && draft.one_in(2) {
        let accounts = draft.world.edge.accounts.len();
        call.query = vec![QueryPair::Account(draft.of(&AccountName::ALL), draft.index(accounts))];
    } else if draft.one_in(3) {
        call.query = vec![QueryPair::Credential(draft.of(&QueryCredential::ALL)), QueryPair::Plain(0)];
    }
    if draft.one_in(3) {
        // Who has the proxy take the injected one for a header of the connection's.
        let nominee = EdgeHeader::Nominate(draft.of(&EdgeNominee::ALL));
        call = with_headers(over_http1(call), [nominee]);
    }
    call
}

/// What stays between the caller and the platform.
fn with_what_stays<C: Choose>(draft: &mut Draft<'_, C>, way: Way, other: usize, call: ProviderCall) -> ProviderCall {
    let spelling = draft.of(&NameSpelling::ALL);
    let fields = [
        TenantField::VendoTenantId,
        TenantField::VendoTenant,
        TenantField::VendoWorkspace,
        TenantField::PlainVendoTenant,
    ];
    let member = draft.sender(way.tenant);
    let deployment = draft.deployment();
    let groups = [
        EdgeHeader::BearerElsewhere(way.key),
        EdgeHeader::SessionCookie(member),
        EdgeHeader::TenantNamed { field: draft.of(&fields), spelling, tenant: named(other) },
        EdgeHeader::UserJwt(UserToken { member, alteration: UserTokenAlteration::None }),
        EdgeHeader::Envelope { field: draft.of(&EnvelopeField::ALL), spelling },
        EdgeHeader::Forwarding { field: draft.of(&ForwardingField::ALL), spelling, deployment },
        EdgeHeader::Edge(draft.of(&EdgeField::ALL)),
        EdgeHeader::Origin,
        EdgeHeader::Referer,
    ];
    let mut headers = Vec::new();
    for _ in 0..draft.of(&[1, 2, 4]) {
        let header = draft.of(&groups);
        if !headers.contains(&header) {
            headers.push(header);
        }
    }
    let mut call = with_headers(call, headers);
    if draft.one_in(4) {
        call.query = vec![draft.of(&[QueryPair::Bearer(way.key), QueryPair::EncodedBearer(way.key)])];
    }
    if draft.one_in(3) {
        call.presented.how = draft.of(&[KeyCarrier::BothSame, KeyCarrier::ApiKey]);
    }
    if draft.one_in(4) {
        call = with_headers(over_http1(call), [EdgeHeader::Hop(draft.of(&HopField::ALL))]);
    }
    if draft.one_in(4) {
        let which = NamedConnection::Of(way.connection);
        // Under a name that some servers read as the platform's.
        if !way.named {
            call = naming(call, which, ConnectionSpelling::Underscore);
        }
    }
    call
}
