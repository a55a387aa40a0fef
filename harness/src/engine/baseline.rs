//! Plain refusals of each kind, before the trace: what every other refusal must not be told from.

use std::collections::BTreeSet;

use isolation_model::action::edge::header::{ConnectionSpelling, EdgeHeader, NamedConnection};
use isolation_model::action::edge::hook::{HookPath, SecretRef};
use isolation_model::action::edge::key::KeyRef;
use isolation_model::action::edge::provider::{ProviderCall, Route};
use isolation_model::action::edge::vend::{SlugSpelling, VendAsk};
use isolation_model::action::edge::{EdgeCall, HookCall, Presented, VendCall};
use isolation_model::action::host::{HostOf, HostSpec, Spelling};
use isolation_model::action::{Action, Request};
use isolation_model::oracle::edge::step::calls;
use isolation_model::trace::Step;
use isolation_model::world::World;
use isolation_model::world::edge::{ConnectionProfile, Provider};

/// The refusals for a trace: about two tenants' deployments, and at each worker of the edge that it comes to.
pub(super) fn refusals(world: &World, trace: &[Step]) -> Vec<Step> {
    let mut refusals: Vec<Step> = deployments(world).into_iter().map(Action::Request).map(Step::from).collect();
    let calls: Vec<&EdgeCall> = trace.iter().flat_map(|step| calls(&step.action)).collect();
    let adapters: BTreeSet<Provider> = calls.iter().filter_map(|call| adapter(call)).collect();
    refusals.extend(adapters.iter().flat_map(|adapter| proxy(world, *adapter)).map(edge));
    if calls.iter().any(|call| matches!(call, EdgeCall::Vend(_))) {
        refusals.extend(vend(world).into_iter().map(edge));
    }
    if calls.iter().any(|call| matches!(call, EdgeCall::Hook(_))) {
        refusals.extend(hooks(world).into_iter().map(edge));
    }
    refusals
}

fn edge(call: EdgeCall) -> Step {
    Step::from(Action::edge(call))
}

fn adapter(call: &EdgeCall) -> Option<Provider> {
    match call {
        EdgeCall::Provider(call) => call.adapter.meant(),
        EdgeCall::Vend(_) | EdgeCall::Hook(_) => None,
    }
}

/// No such host, another tenant's session, no session.
fn deployments(world: &World) -> Vec<Request> {
    let of_another = |index: u8| {
        let tenant = world.deployment(index).tenant;
        let foreign = world.members.iter().position(|member| member.tenant != tenant);
        foreign.and_then(|member| u8::try_from(member).ok()).unwrap_or(0)
    };
    let last = u8::try_from(world.deployments.len().saturating_sub(1)).unwrap_or(0);
    let mut refusals =
        vec![Request { host: HostSpec { of: HostOf::Unknown, spelling: Spelling::Exact }, ..Request::plain(0) }];
    for index in [0, last] {
        refusals.push(Request::as_member(index, of_another(index)));
        if world.deployment(index).vendo_auth {
            refusals.push(Request::plain(index));
        }
    }
    refusals
}

/// No key, a connection that isn't there, another tenant's.
fn proxy(world: &World, adapter: Provider) -> Vec<EdgeCall> {
    let Some(key) = key(world) else { return Vec::new() };
    let tenant = world.key(key).tenant;
    let plain = ProviderCall::plain(0, key, adapter, Route::main(adapter));
    let mut unknown = plain.clone();
    unknown.presented = Presented { key: KeyRef::NeverIssued, ..plain.presented };
    let mut calls = vec![unknown];
    let foreign = world.connection_where(|own| own.tenant != tenant && own.provider == adapter);
    for which in [Some(NamedConnection::Unknown), foreign.map(NamedConnection::Of)].into_iter().flatten() {
        let mut call = plain.clone();
        call.carrier.headers.push(EdgeHeader::Connection { which, spelling: ConnectionSpelling::Plain });
        calls.push(call);
    }
    calls.into_iter().map(EdgeCall::Provider).collect()
}

/// No key, no such provider, a provider that the app isn't bound to, another tenant's connection.
fn vend(world: &World) -> Vec<EdgeCall> {
    let Some(key) = key(world) else { return Vec::new() };
    let tenant = world.key(key).tenant;
    let plain = VendCall::plain(0, key, Provider::Slack);
    let mut unknown = plain.clone();
    unknown.presented = Presented { key: KeyRef::NeverIssued, ..plain.presented };
    let mut nobodys = plain.clone();
    nobodys.ask = VendAsk::One { provider: Provider::Slack, spelling: SlugSpelling::Longer };
    let mut calls = vec![unknown, nobodys, VendCall::plain(0, key, Provider::Discord)];
    let foreign = world.connection_where(|own| own.tenant != tenant && own.provider == Provider::Slack);
    for which in [Some(NamedConnection::Unknown), foreign.map(NamedConnection::Of)].into_iter().flatten() {
        let mut call = plain.clone();
        call.carrier.headers.push(EdgeHeader::Connection { which, spelling: ConnectionSpelling::Plain });
        calls.push(call);
    }
    calls.into_iter().map(EdgeCall::Vend).collect()
}

/// Nobody's path, and a wrong secret at somebody's.
fn hooks(world: &World) -> Vec<EdgeCall> {
    let Some(hook) = world.connection_where(|own| own.profile == ConnectionProfile::WebhookInbound) else {
        return Vec::new();
    };
    let wrong = HookCall { secret: SecretRef::Wrong, ..HookCall::plain(0, hook) };
    [HookCall { path: HookPath::Unknown, ..wrong.clone() }, wrong].into_iter().map(EdgeCall::Hook).collect()
}

/// A key of the first tenant's app.
fn key(world: &World) -> Option<u8> {
    world.app_of_tenant(0, 0).and_then(|app| world.key_of_app(app))
}
