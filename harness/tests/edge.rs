//! The edge of the reference as a target: what is plain is served, over pipes and over sockets, and two runs of one seed
//! see the same.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use isolation_harness::campaign::{Case, CaseKind};
use isolation_harness::engine::{CaseOutcome, run_case};
use isolation_harness::target::reference::{Link, Reference};
use isolation_harness::verify::block_on;
use isolation_model::action::Action;
use isolation_model::action::edge::control::{ConnectionStatus, EdgeControl, GrantRef, KeyTarget};
use isolation_model::action::edge::provider::{ClientEnd, Route, UpstreamKind, UpstreamReply};
use isolation_model::action::edge::vault::VaultKind;
use isolation_model::action::edge::{EdgeCall, HookCall, ProviderCall, VaultTry, VendCall};
use isolation_model::trace::Step;
use isolation_model::world::World;
use isolation_model::world::edge::{ConnectionProfile, Provider, Slot};

fn run(link: Link, trace: impl Fn(&World) -> Vec<Action>) -> CaseOutcome {
    let (world, _) = Case { seed: 5, number: 0, kind: CaseKind::Random }.world();
    let steps: Vec<Step> = trace(&world).into_iter().map(Step::from).collect();
    block_on(run_case(&Reference::new(link), &world, &steps)).unwrap().unwrap()
}

/// Nothing is found, and what is due is served.
fn assert_clean(outcome: &CaseOutcome) {
    for step in &outcome.steps {
        let action = serde_json::to_string(&step.step.action).unwrap();
        assert!(step.findings.is_empty() && step.shortfalls.is_empty(), "{action}: {step:#?}");
    }
}

/// An app key of every tenant.
fn keys(world: &World) -> Vec<u8> {
    let apps = (0..world.tenants.len()).flat_map(|tenant| [0, 1].map(|which| world.app_of_tenant(tenant, which)));
    apps.flatten().filter_map(|app| world.key_of_app(app)).collect()
}

/// A key's call of every route of every adapter, its request for every token, and every webhook.
fn plain(world: &World) -> Vec<Action> {
    let mut calls = Vec::new();
    for key in keys(world) {
        for adapter in Provider::ADAPTERS {
            let routes = Route::of(adapter).iter();
            calls.extend(routes.map(|route| EdgeCall::Provider(ProviderCall::plain(0, key, adapter, *route))));
        }
        calls.extend(Provider::ALL.map(|provider| EdgeCall::Vend(VendCall::plain(0, key, provider))));
    }
    let hooks = world.connections_where(|own| own.profile == ConnectionProfile::WebhookInbound);
    calls.extend(hooks.into_iter().map(|hook| EdgeCall::Hook(HookCall::plain(0, hook))));
    calls.into_iter().map(Action::edge).collect()
}

/// Everything that isn't one plain call: several at once, a change in between, streams that end early, controls, and
/// attempts on sealed values.
fn special(world: &World) -> Vec<Action> {
    let key = *keys(world).first().unwrap();
    let openai = world.connection_in(world.key(key).tenant, Slot::OpenaiOlder).unwrap();
    let ask = || ProviderCall::plain(0, key, Provider::Openai, Route::Chat);
    let stream = |client, kind| {
        let upstream = UpstreamReply { kind, ..UpstreamReply::plain() };
        Action::edge(EdgeCall::Provider(ProviderCall { client, upstream, ..ask() }))
    };
    let mut actions = vec![
        stream(ClientEnd::Reads, UpstreamKind::Stream(3)),
        stream(ClientEnd::HangsUpAfter(2), UpstreamKind::Stream(5)),
        stream(ClientEnd::Reads, UpstreamKind::StreamDies(2)),
        Action::together([ask(), ask(), ask()].map(EdgeCall::Provider)),
        Action::during(EdgeCall::Provider(ask()), EdgeControl::RevokeKey { actor: 0, key: KeyTarget::Key(key) }),
        Action::EdgeControl(EdgeControl::IssueKey { actor: 0, grant: GrantRef::App(0), expires_in_s: Some(60) }),
        Action::EdgeControl(EdgeControl::ListKeys { actor: 0 }),
        Action::EdgeControl(EdgeControl::SetConnection { connection: openai, status: ConnectionStatus::NeedsReauth }),
        Action::EdgeControl(EdgeControl::TopUp { tenant: 0, cents: 500 }),
        Action::EdgeControl(EdgeControl::Dump),
    ];
    actions.extend(VaultKind::ALL.map(|kind| Action::Vault(VaultTry { kind, tenant: 0, connection: openai })));
    actions
}

#[test]
fn what_is_plain_is_served_in_process() {
    let outcome = run(Link::InProcess, plain);
    assert_clean(&outcome);
    let served = outcome.steps.iter().flat_map(|step| &step.requests).filter(|request| request.got == "200").count();
    assert!(served > 100, "{served} of {} requests are served", outcome.requests);
}

#[test]
fn what_is_plain_is_served_over_sockets() {
    assert_clean(&run(Link::Http, plain));
}

#[test]
fn every_kind_of_action_is_carried_out() {
    assert_clean(&run(Link::InProcess, special));
    assert_clean(&run(Link::Http, special));
}

#[test]
fn two_runs_of_one_seed_see_the_same() {
    for trace in [plain, special] {
        let seen = |outcome: CaseOutcome| outcome.steps.into_iter().map(|step| step.seen).collect::<Vec<_>>();
        assert_eq!(seen(run(Link::InProcess, trace)), seen(run(Link::InProcess, trace)));
    }
}
