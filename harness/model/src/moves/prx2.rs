//! PRX-2: a caller who wants a metered call to be billed to somebody else, to nobody, or at another rate.

use super::draft::Draft;
use super::edge_draft::{RouteKind, Service, Way, is_metered, named};
use super::edge_pair::{naming, over_http1, with_headers};
use crate::action::Method;
use crate::action::edge::header::{ConnectionSpelling, NamedConnection};
use crate::action::edge::provider::{
    Ask, BodyShape, ClientEnd, ComposioAction, JobRef, ModelName, PathModel, PathSpelling, Payload, Route, Usage,
};
use crate::action::edge::{EdgeCall, ProviderCall};
use crate::choose::Choose;
use crate::world::edge::Provider;

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    match name {
        "tenant-named" => {
            let (own, other) = draft.two_tenants();
            draft.money(own, other);
            let way = draft.way(own, Service::Proxy, is_metered)?;
            let call = draft.served(way, RouteKind::Metered)?;
            let call = names_everywhere(draft, call, own, other);
            draft.proxied(call);
        }
        "foreign-connection" => {
            let (own, other) = draft.two_tenants();
            draft.money(own, other);
            let way = draft.way(own, Service::Proxy, |way| is_metered(way) && !way.own_key)?;
            let theirs = draft.lookalike(way, other).or_else(|| draft.world.connection_where(|c| c.tenant == other))?;
            let call = draft.served(way, RouteKind::Metered)?;
            let which =
                if draft.one_in(6) { NamedConnection::OtherCase(way.connection) } else { NamedConnection::Of(theirs) };
            let spelling = draft.of(&[ConnectionSpelling::Plain, ConnectionSpelling::Upper]);
            let call = naming(call, which, spelling);
            let call = if draft.one_in(3) { names_everywhere(draft, call, own, other) } else { call };
            draft.proxied(call);
        }
        "concurrent" => {
            let (first, second) = draft.paying_twins()?;
            let one = draft.served(first, RouteKind::Metered)?;
            let two = draft.asked_again(&one, second);
            let mut calls = vec![one.clone(), two];
            if draft.one_in(2) {
                let again = draft.asked_again(&one, first);
                calls.push(if draft.one_in(2) {
                    names_everywhere(draft, again, first.tenant, second.tenant)
                } else {
                    again
                });
            }
            if draft.one_in(3) {
                calls.push(draft.served(second, RouteKind::Metered)?);
            }
            draft.at_once(calls.into_iter().map(EdgeCall::Provider).collect());
        }
        "died-stream" => {
            let (own, other) = draft.two_tenants();
            draft.fund(own);
            let way = draft.way(own, Service::Proxy, streams)?;
            let call = draft.streamed(way, 4)?;
            if draft.one_in(2) {
                // The same stream, which somebody else has read to its end.
                draft.fund(other);
                let twin = draft.way(other, Service::Proxy, |twin| twin.provider == way.provider);
                if let Some(twin) = twin {
                    let whole = draft.asked_again(&call, twin);
                    draft.proxied(whole);
                }
            }
            let call = if draft.one_in(2) { names_everywhere(draft, call, own, other) } else { call };
            let client = ClientEnd::HangsUpAfter(draft.of(&[0, 1, 3]));
            let mut call = over_http1(ProviderCall { client, ..call });
            call.carrier.reuse = false;
            if draft.one_in(3) {
                call.upstream.usage = Usage::Missing;
            }
            draft.proxied(call.canonical());
        }
        "deduplicated" => {
            let (first, second) = draft.paying_twins()?;
            let paid = draft.served(first, RouteKind::Metered)?;
            let mut calls = vec![paid.clone()];
            if draft.one_in(3) {
                calls.push(draft.asked_again(&paid, first));
            }
            calls.push(draft.asked_again(&paid, second));
            draft.in_turn(calls);
        }
        "transcript-id" => {
            let job = draft.of(&[0, 1, 2]);
            let pair = begun(draft, job)?;
            // One that is refused comes before any hold, so the owner's own poll is what shows who pays.
            let (theirs, own) = (poll(draft, pair.caller, pair.owner, job), poll(draft, pair.owner, pair.owner, job));
            if draft.one_in(2) {
                draft.proxied(theirs.clone());
            }
            let mut calls = if draft.one_in(2) { vec![theirs, own] } else { vec![own, theirs] };
            if draft.one_in(3) {
                calls.push(poll(draft, pair.caller, pair.caller, job));
            }
            draft.at_once(calls.into_iter().map(EdgeCall::Provider).collect());
        }
        "free-route-spelling" => {
            let tenant = draft.tenant();
            draft.fund(tenant);
            let way = draft.way(tenant, Service::Proxy, is_metered)?;
            let call = draft.served(way, RouteKind::Metered)?;
            let ask = nearly_free(draft, way, call.ask.route)?;
            draft.proxied(ProviderCall { ask, ..call }.canonical());
        }
        "rate-spelling" => {
            let tenant = draft.tenant();
            draft.fund(tenant);
            let way = draft.way(tenant, Service::Proxy, is_metered)?;
            let call = draft.served(way, RouteKind::Metered)?;
            // The other case first, which a table that folds names would find.
            let folded = ModelName::OtherCase(draft.of(&[0, 1]));
            let path_folded = PathModel::OtherCase(draft.of(&[0, 1]));
            let mut other_case = call.clone();
            other_case.payload.model = folded;
            if let Some(route) = naming_model(call.ask.route, path_folded) {
                other_case.ask.route = route;
            }
            draft.proxied(other_case.canonical());
            let call = rate_respelled(draft, way, call);
            draft.proxied(call);
        }
        _ => return None,
    }
    Some(())
}

/// A job of one tenant, and another tenant who asks for it.
pub(super) struct Begun {
    /// Began it.
    pub(super) owner: Way,
    /// Has a way to the same provider.
    pub(super) caller: Way,
}

/// Has one of two tenants begin a job; perhaps the other begins one of the same number.
pub(super) fn begun<C: Choose>(draft: &mut Draft<'_, C>, job: u8) -> Option<Begun> {
    let (first, second) = draft.two_tenants();
    draft.fund(first);
    draft.fund(second);
    let has_jobs = |way: &Way| matches!(way.provider, Provider::Assemblyai | Provider::Muapi);
    let (owner, caller) = draft.twins_of(first, second, has_jobs)?;
    let route = if owner.provider == Provider::Muapi {
        Route::Predict(PathModel::Listed(draft.of(&[0, 1])), job)
    } else {
        Route::Transcribe(job)
    };
    let order = draft.asked(owner, route);
    draft.proxied(order.clone());
    if draft.one_in(3) {
        let same = draft.asked_again(&order, caller);
        draft.proxied(same);
    }
    Some(Begun { owner, caller })
}

/// A way's poll of the job that somebody began.
pub(super) fn poll<C: Choose>(draft: &mut Draft<'_, C>, way: Way, owner: Way, job: u8) -> ProviderCall {
    let job = JobRef::Of { tenant: named(owner.tenant), job };
    let route = if way.provider == Provider::Muapi { Route::Prediction(job) } else { Route::Transcript(job) };
    draft.asked(way, route)
}

fn streams(way: &Way) -> bool {
    matches!(way.provider, Provider::Openai | Provider::Anthropic | Provider::Openrouter | Provider::Gemini)
}

/// Headers, query and body, all of which name another tenant.
fn names_everywhere<C: Choose>(draft: &mut Draft<'_, C>, call: ProviderCall, own: usize, other: usize) -> ProviderCall {
    let headers = draft.tenant_headers(own, other);
    let query = draft.tenant_pairs(own, other);
    let payload = Payload { names_tenant: Some(named(other)), ..call.payload };
    with_headers(ProviderCall { query, payload, ..call }, headers)
}

/// What a sloppy reader of paths and methods could take for a free route.
fn nearly_free<C: Choose>(draft: &mut Draft<'_, C>, way: Way, metered: Route) -> Option<Ask> {
    let free = [
        Route::Models,
        Route::Model(PathModel::Listed(0)),
        Route::Model(PathModel::TenantId(named(way.tenant))),
        Route::CountTokens,
        Route::SendMessage,
        Route::GetMe,
    ];
    Some(match draft.of(&[0_u8, 0, 1, 1, 2, 3]) {
        0 => Ask { spelling: draft.of(&PathSpelling::NO_ROUTE), ..Ask::of(metered) },
        1 => {
            let others = [Method::Get, Method::Head, Method::Options, Method::Put, Method::Patch, Method::Delete];
            let others: Vec<Method> = others.into_iter().filter(|method| *method != metered.method()).collect();
            Ask { method: Some(draft.among(&others)?), ..Ask::of(metered) }
        }
        // A free route, elsewhere or here, with the method or the path of what costs.
        2 => Ask { method: Some(draft.of(&[Method::Post, Method::Put])), ..Ask::of(draft.of(&free)) },
        _ => Ask { spelling: draft.of(&PathSpelling::NO_ROUTE), ..Ask::of(draft.of(&free)) },
    })
}

/// Another spelling of what decides the rate.
fn rate_respelled<C: Choose>(draft: &mut Draft<'_, C>, way: Way, mut call: ProviderCall) -> ProviderCall {
    let model = draft.of(&[0, 1]);
    let path_model =
        draft.of(&[PathModel::OtherCase(model), PathModel::Unlisted, PathModel::TenantId(named(way.tenant))]);
    if let Route::Execute(ComposioAction::Of(toolkit)) = call.ask.route {
        call.ask.route = Route::Execute(draft.of(&[
            ComposioAction::UnknownToolkit,
            ComposioAction::Lower(toolkit),
            ComposioAction::NoUnderscore(toolkit),
            ComposioAction::NoToolkit,
            ComposioAction::Dotted(toolkit),
            ComposioAction::Missing,
            ComposioAction::Number,
        ]));
    } else if let Some(route) = naming_model(call.ask.route, path_model) {
        call.ask.route = route;
    } else if draft.one_in(4) {
        let shapes = [BodyShape::DuplicateModel, BodyShape::DuplicateEscaped, BodyShape::NestedModel, BodyShape::Bom];
        call.payload.shape = draft.of(&shapes);
    } else {
        call.payload.model = draft.of(&[
            ModelName::OtherCase(model),
            ModelName::TrailingSpace(model),
            ModelName::Suffixed(model),
            ModelName::Prefixed(model),
            ModelName::Escaped(model),
            ModelName::Unlisted,
            ModelName::Missing,
            ModelName::Number,
            ModelName::Null,
            ModelName::Array(model),
            ModelName::Empty,
        ]);
    }
    call
}

/// The same route with another model, where its path names one and decides the rate.
fn naming_model(route: Route, model: PathModel) -> Option<Route> {
    if let Route::Predict(_, job) = route {
        return Some(Route::Predict(model, job));
    }
    let same = |other: &Route| std::mem::discriminant(other) == std::mem::discriminant(&route);
    [Route::Generate(model), Route::GenerateStream(model), Route::EmbedContent(model)].into_iter().find(same)
}
