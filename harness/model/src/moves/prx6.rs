//! PRX-6: a caller who wants a credential to reach a path, a host or an adapter of his choice.

use super::draft::{Draft, HTTP1, row};
use super::edge_draft::{RouteKind, Service, Way};
use super::edge_pair::{over_http1, with_headers};
use crate::action::edge::header::EdgeNominee;
use crate::action::edge::provider::{
    AdapterHost, Ask, Listing, NearAdapter, PathSpelling, RedirectTo, Route, UpstreamKind, UpstreamReply,
};
use crate::action::edge::{Door, EdgeHeader, HostLine, ProviderCall};
use crate::action::header::{ForwardingField, HintField, NameSpelling};
use crate::action::{Method, Transport};
use crate::choose::Choose;
use crate::world::edge::Provider;

/// How a path is spelled that the guard looks at.
const PATHS: &[(&str, &[PathSpelling])] = &[
    (
        "dot-segments",
        &[
            PathSpelling::DotSegment,
            PathSpelling::DotDot,
            PathSpelling::DotDotBehind,
            PathSpelling::DotBehind,
            PathSpelling::DotsSemicolon,
            PathSpelling::DotsParameter,
        ],
    ),
    (
        "dot-segments-encoded",
        &[
            PathSpelling::EncodedDots,
            PathSpelling::EncodedDotsUpper,
            PathSpelling::HalfEncodedDots,
            PathSpelling::EncodedSlashDots,
            PathSpelling::EncodedDotsSlash,
            // What a lenient decoder makes of what is cut off or no hex is its own.
            PathSpelling::BadPercent,
            PathSpelling::CutPercent,
        ],
    ),
    (
        "dot-segments-double-encoded",
        &[PathSpelling::EncodedTwiceDots, PathSpelling::EncodedTwiceSlashDots, PathSpelling::EncodedThrice],
    ),
    (
        "backslash",
        &[
            PathSpelling::BackslashDots,
            PathSpelling::Backslash,
            PathSpelling::EncodedBackslash,
            PathSpelling::EncodedTwiceBackslash,
        ],
    ),
    (
        "double-slash",
        &[
            PathSpelling::DoubleSlash,
            PathSpelling::DoubleSlashHost,
            PathSpelling::DoubleSlashBehind,
            PathSpelling::EncodedDoubleSlash,
            PathSpelling::EncodedTwiceDoubleSlash,
        ],
    ),
    ("at-sign", &[PathSpelling::At, PathSpelling::EncodedAt]),
    ("crlf", &[PathSpelling::CrLf, PathSpelling::CrLfTwice, PathSpelling::Lf, PathSpelling::Nul, PathSpelling::Delete]),
];

/// Paths of no adapter's.
const BLOCKED: [Route; 4] = [Route::Files, Route::AdminKeys, Route::Credits, Route::Root];

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    let tenant = draft.tenant();
    let way = draft.way(tenant, Service::Proxy, |_| true)?;
    if let Some(spellings) = row(PATHS, name) {
        let call = draft.served(way, RouteKind::Any)?;
        if name == "crlf" && draft.one_in(2) {
            // A raw one ends the request line: no parser lets it through to the guard.
            let ask = Ask { spelling: PathSpelling::RawCrLf, ..call.ask };
            let mut raw = over_http1(ProviderCall { ask, ..call.clone() });
            raw.carrier.reuse = false;
            draft.proxied(raw);
        }
        let spelling = draft.among(spellings)?;
        let route = if draft.one_in(3) { draft.of(&BLOCKED) } else { call.ask.route };
        draft.proxied(ProviderCall { ask: Ask { spelling, ..Ask::of(route) }, ..call }.canonical());
        return Some(());
    }
    match name {
        "absolute-form" => absolute_form(draft, way),
        "unknown-adapter" => {
            let call = draft.served(way, RouteKind::Any)?;
            let adapter = match draft.of(&[0_u8, 0, 0, 1, 2]) {
                0 => {
                    let near = draft.of(&Provider::ADAPTERS);
                    AdapterHost::Near(near, draft.of(&NearAdapter::ALL))
                }
                1 => {
                    let others: Vec<Provider> =
                        Provider::ALL.into_iter().filter(|provider| !provider.is_adapter()).collect();
                    AdapterHost::WithoutAdapter(draft.among(&others)?)
                }
                _ => AdapterHost::Unknown,
            };
            let mut call = ProviderCall { adapter, ..call };
            call.carrier.door = Door::Host;
            call.carrier.host = draft.of(&HostLine::GOOD);
            draft.proxied(call.canonical());
            Some(())
        }
        "redirect-following" => {
            draft.fund(tenant);
            // A body that would be sent again is worth more than none.
            let kind = if draft.one_in(3) { RouteKind::Any } else { RouteKind::WithBody };
            let mut call = draft.served(way, kind)?;
            let to = draft.of(&RedirectTo::ALL);
            call.upstream = UpstreamReply { kind: UpstreamKind::Redirect(to), ..call.upstream };
            draft.proxied(call);
            Some(())
        }
        "blocked-route" => {
            draft.fund(tenant);
            let call = draft.served(way, RouteKind::Any)?;
            // What begins as a route that is free, or ends as one, is none.
            if let Some(free) = free_route(way.provider) {
                let spelling = draft.of(&[PathSpelling::TrailingSlash, PathSpelling::Deeper, PathSpelling::Semicolon]);
                draft.proxied(ProviderCall { ask: Ask { spelling, ..Ask::of(free) }, ..call.clone() }.canonical());
            }
            let ask = blocked(draft, way, call.ask)?;
            draft.proxied(ProviderCall { ask, ..call }.canonical());
            Some(())
        }
        "host-header" => host_header(draft, way),
        _ => None,
    }
}

/// Another host in the target. It is refused where the hosts are compared; what names the worker's own comes further.
fn absolute_form<C: Choose>(draft: &mut Draft<'_, C>, way: Way) -> Option<()> {
    let mut call = draft.served(way, RouteKind::Any)?;
    call.carrier.transport = draft.of(&HTTP1);
    call.carrier.door = Door::Host;
    call.carrier.host = HostLine::Plain;
    call.carrier.reuse = false;
    let deployment = draft.deployment();
    let elsewhere = match draft.of(&[0_u8, 1, 2]) {
        0 => {
            let ask = Ask { spelling: PathSpelling::AbsoluteForm, ..call.ask };
            ProviderCall { ask, ..call.clone() }
        }
        1 => ProviderCall { ask: Ask { spelling: PathSpelling::Asterisk, ..call.ask }, ..call.clone() }.canonical(),
        _ => at_host(call.clone(), HostLine::AbsoluteOther(deployment)),
    };
    draft.proxied(elsewhere);
    draft.proxied(at_host(call, HostLine::Absolute));
    Some(())
}

fn at_host(mut call: ProviderCall, host: HostLine) -> ProviderCall {
    call.carrier.host = host;
    call
}

/// What no adapter serves, in another spelling or by another method.
fn blocked<C: Choose>(draft: &mut Draft<'_, C>, way: Way, served: Ask) -> Option<Ask> {
    let elsewhere: Vec<Provider> = Provider::ADAPTERS.into_iter().filter(|other| *other != way.provider).collect();
    let methods: Vec<Method> = Method::ORDINARY.into_iter().filter(|m| *m != served.route.method()).collect();
    Some(match draft.of(&[0_u8, 1, 2, 3]) {
        0 => match draft.among(Listing::of(way.provider)) {
            // What the provider keeps for its customer.
            Some(listing) if draft.one_in(2) => Ask::of(Route::Listing(listing)),
            Some(_) | None => Ask::of(draft.of(&BLOCKED)),
        },
        1 => {
            let spelling = draft.of(&PathSpelling::NO_ROUTE);
            // The root has no other spelling that the guard lets pass.
            let spelt: [Route; 3] = [Route::Files, Route::AdminKeys, Route::Credits];
            let route = if draft.one_in(2) { draft.of(&spelt) } else { served.route };
            Ask { spelling, ..Ask::of(route) }
        }
        2 => {
            let route = if draft.one_in(2) { draft.of(&BLOCKED) } else { served.route };
            Ask { method: draft.among(&methods), ..Ask::of(route) }
        }
        _ => {
            let adapter = draft.among(&elsewhere)?;
            // What both adapters have is no stranger's route.
            let own = Route::of(way.provider);
            let theirs: Vec<Route> = Route::of(adapter).iter().copied().filter(|route| !own.contains(route)).collect();
            Ask::of(draft.among(&theirs)?)
        }
    })
}

/// A free route of an adapter that has one.
const fn free_route(adapter: Provider) -> Option<Route> {
    match adapter {
        Provider::Openai => Some(Route::Models),
        Provider::Anthropic => Some(Route::CountTokens),
        Provider::Openrouter
        | Provider::Gemini
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
    }
}

/// Another host in whatever could name one.
fn host_header<C: Choose>(draft: &mut Draft<'_, C>, way: Way) -> Option<()> {
    let call = draft.served(way, RouteKind::Any)?;
    let deployment = draft.deployment();
    if draft.one_in(4) {
        // Two hosts, none, or two that differ: refused before any adapter is chosen.
        let host = draft.of(&[HostLine::Twice, HostLine::Missing, HostLine::AbsoluteOther(deployment)]);
        let mut refused = over_http1(at_host(call.clone(), host));
        refused.carrier.reuse = false;
        draft.proxied(refused);
    }
    let spelling = draft.of(&NameSpelling::ALL);
    let hints = [
        HintField::Host,
        HintField::OriginalHost,
        HintField::OriginalUrl,
        HintField::RewriteUrl,
        HintField::MethodOverride,
    ];
    let mut call = match draft.of(&[0_u8, 1, 2, 3]) {
        0 => {
            let field = draft.of(&ForwardingField::ALL);
            with_headers(call, [EdgeHeader::Forwarding { field, spelling, deployment }])
        }
        1 => with_headers(call, [EdgeHeader::Hint { field: draft.of(&hints), deployment }]),
        2 => with_headers(over_http1(call), [EdgeHeader::Nominate(EdgeNominee::Host)]),
        _ => call,
    };
    if draft.one_in(2) {
        let other = draft.of(&Provider::ADAPTERS);
        call.carrier.door = Door::Listener;
        call.carrier.host = draft.of(&[HostLine::Deployment(deployment), HostLine::Adapter(other), HostLine::Address]);
        let http2 = call.carrier.transport.is_http2();
        call.carrier.transport = if http2 { Transport::Http2 } else { Transport::Http1 };
    }
    draft.proxied(call.canonical());
    Some(())
}
