//! Random actions at the edge: most calls come close to being served, each bent in a place or two; what operators change
//! comes between them.

mod call;
mod upstream;

use crate::action::Action;
use crate::action::edge::control::{ConnectionStatus, DestinationUrl, GrantRef, KeyTarget, Taken};
use crate::action::edge::vault::VaultKind;
use crate::action::edge::{EdgeCall, EdgeControl, VaultTry};
use crate::choose::Choose;
use crate::world::World;
use crate::world::edge::Grant;

/// Which features of the edge a case uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeSwarm {
    /// Any of it.
    on: bool,
    proxies: bool,
    vending: bool,
    hooks: bool,
    together: bool,
    controls: bool,
    keys: bool,
    carriers: bool,
    headers: bool,
    connections: bool,
    users: bool,
    spellings: bool,
    payloads: bool,
    upstreams: bool,
    money: bool,
    time: bool,
    vault: bool,
}

impl EdgeSwarm {
    /// Everything.
    pub const ALL: Self = Self {
        on: true,
        proxies: true,
        vending: true,
        hooks: true,
        together: true,
        controls: true,
        keys: true,
        carriers: true,
        headers: true,
        connections: true,
        users: true,
        spellings: true,
        payloads: true,
        upstreams: true,
        money: true,
        time: true,
        vault: true,
    };

    /// Nothing.
    pub const NONE: Self = Self { on: false, ..Self::ALL };

    /// Each feature with a chance of two in three, and any of it in three cases of four.
    pub fn generate<C: Choose>(choose: &mut C) -> Self {
        let on = !choose.one_in(4);
        let mut with = || choose.below(3) != 0;
        Self {
            on,
            proxies: with(),
            vending: with(),
            hooks: with(),
            together: with(),
            controls: with(),
            keys: with(),
            carriers: with(),
            headers: with(),
            connections: with(),
            users: with(),
            spellings: with(),
            payloads: with(),
            upstreams: with(),
            money: with(),
            time: with(),
            vault: with(),
        }
    }

    /// Whether the next action is one of the edge: in most cases every other, so that one case mixes both.
    pub(super) fn is_next<C: Choose>(self, choose: &mut C) -> bool {
        self.on && choose.below(5) < 3
    }
}

/// Draws an action at the edge.
pub fn action<C: Choose>(choose: &mut C, world: &World, swarm: EdgeSwarm) -> Action {
    match choose.below(24) {
        0 | 1 if swarm.together => {
            let count = 2 + choose.below(3);
            let first = call(choose, world, swarm);
            // Calls that collide tell more than calls that have nothing to do with each other.
            let again = choose.one_in(3);
            let others = (1..count).map(|_| if again { first.clone() } else { call(choose, world, swarm) });
            let others: Vec<EdgeCall> = others.collect();
            Action::together(std::iter::once(first).chain(others))
        }
        2 if swarm.together && swarm.controls => {
            let call = call(choose, world, swarm);
            Action::during(call, control(choose, world, swarm))
        }
        3..=6 if swarm.controls => Action::EdgeControl(control(choose, world, swarm)),
        7 if swarm.time => {
            // Lifetimes of records, keys and tokens; and once in a while the spans by which caps count.
            let seconds = choose.of(&[1, 29, 59, 60, 61, 240, 3_000, 3_600]);
            let long = choose.of(&[86_400, 2_678_400]);
            Action::Advance { seconds: if choose.one_in(4) { long } else { seconds } }
        }
        8 if swarm.vault => {
            let connection = choose.index(world.edge.connections.len());
            let tenant = named(world.connection(connection).tenant);
            Action::Vault(VaultTry { kind: choose.of(&VaultKind::ALL), tenant, connection })
        }
        _ => Action::edge(call(choose, world, swarm)),
    }
}

fn call<C: Choose>(choose: &mut C, world: &World, swarm: EdgeSwarm) -> EdgeCall {
    let call = match choose.below(12) {
        0..=3 if swarm.vending => EdgeCall::Vend(call::vend(choose, world, swarm)),
        4 | 5 if swarm.hooks => EdgeCall::Hook(call::hook(choose, world, swarm)),
        _ if swarm.proxies => EdgeCall::Provider(call::provider(choose, world, swarm)),
        _ => EdgeCall::Vend(call::vend(choose, world, swarm)),
    };
    call.canonical()
}

fn control<C: Choose>(choose: &mut C, world: &World, swarm: EdgeSwarm) -> EdgeControl {
    let connection = choose.index(world.edge.connections.len());
    let owner = named(world.connection(connection).tenant);
    match choose.below(20) {
        0..=2 => issue(choose, world),
        3 | 4 => {
            let key = key_target(choose, world);
            let tenant = match key {
                KeyTarget::Key(key) => named(world.key(key).tenant),
                KeyTarget::Issued(_) | KeyTarget::Unknown => choose.index(world.tenants.len()),
            };
            EdgeControl::RevokeKey { actor: mostly(choose, world, tenant), key }
        }
        5 if choose.one_in(3) => EdgeControl::ListKeys { actor: choose.index(world.tenants.len()) },
        5 => take(choose, world, connection),
        6 => EdgeControl::DropKeyRecord { key: key_target(choose, world) },
        7 | 8 => EdgeControl::SetConnection { connection, status: status(choose) },
        9 => {
            let status = if choose.one_in(4) { ConnectionStatus::Revoked } else { status(choose) };
            EdgeControl::StaleConnection { connection, status }
        }
        10 if choose.one_in(3) => EdgeControl::RevokeConnection { actor: mostly(choose, world, owner), connection },
        10..=12 => bind(choose, world, connection),
        13 => unbind(choose, world),
        14 => EdgeControl::ReplaceCredential { connection },
        15 => EdgeControl::ReplaceWebhookSecret { connection: any_hook(choose, world).unwrap_or(connection) },
        16 | 17 if swarm.money => {
            EdgeControl::TopUp { tenant: choose.index(world.tenants.len()), cents: choose.of(&[1, 29, 100, 2_000]) }
        }
        18 if swarm.money => EdgeControl::SetWalletAvailable { on: choose.below(3) != 0 },
        _ => EdgeControl::Dump,
    }
}

/// A tenant takes what is another's, or its own once more.
fn take<C: Choose>(choose: &mut C, world: &World, connection: u8) -> EdgeControl {
    let key = choose.index(world.edge.keys.len());
    let deployment = choose.index(world.deployments.len());
    let what = choose.of(&[
        Taken::AppOf(deployment),
        Taken::AppOf(deployment),
        Taken::AppOfUnknown,
        Taken::ConnectionId(connection),
        Taken::Digest(key),
        Taken::KeyId(key),
        Taken::Status(connection),
        Taken::Credential(connection),
        Taken::WebhookSecret(connection),
    ]);
    EdgeControl::Take { actor: choose.index(world.tenants.len()), what }
}

fn issue<C: Choose>(choose: &mut C, world: &World) -> EdgeControl {
    let app = choose.index(world.edge.apps.len());
    let connection = choose.index(world.edge.connections.len());
    let (grant, owner) = match choose.below(8) {
        0 => (GrantRef::UnknownApp, 0),
        1 => (GrantRef::UnknownConnection, 0),
        2..=4 => (GrantRef::Connection(connection), world.connection(connection).tenant),
        _ => (GrantRef::App(app), world.app(app).tenant),
    };
    let expires_in_s = choose.of(&[None, None, Some(60), Some(300)]);
    EdgeControl::IssueKey { actor: mostly(choose, world, named(owner)), grant, expires_in_s }
}

fn bind<C: Choose>(choose: &mut C, world: &World, connection: u8) -> EdgeControl {
    // In most cases a connection that takes webhooks, since only there a destination counts.
    let connection = any_hook(choose, world).filter(|_| choose.one_in(2)).unwrap_or(connection);
    let tenant = world.connection(connection).tenant;
    let which = usize::from(choose.index(2));
    let own = world.app_of_tenant(tenant, which).unwrap_or(0);
    let app = if choose.one_in(6) { choose.index(world.edge.apps.len()) } else { own };
    let other = choose.index(world.deployments.len());
    let url = match choose.below(8) {
        0 => Some(DestinationUrl::Own),
        1 => Some(DestinationUrl::Of(other)),
        2 => Some(choose.of(&DestinationUrl::REFUSED)),
        _ => None,
    };
    EdgeControl::Bind { actor: mostly(choose, world, named(tenant)), app, connection, url }
}

/// One of the bindings that the case begins with.
fn unbind<C: Choose>(choose: &mut C, world: &World) -> EdgeControl {
    let (app, connection) = choose.among(&world.edge.bindings).copied().unwrap_or_default();
    let (app, connection) = (named(app), named(connection));
    let owner = named(world.app(app).tenant);
    EdgeControl::Unbind { actor: mostly(choose, world, owner), app, connection }
}

/// A status that a connection's tenant can set: in most cases back to serving.
fn status<C: Choose>(choose: &mut C) -> ConnectionStatus {
    choose.of(&[
        ConnectionStatus::Active,
        ConnectionStatus::Active,
        ConnectionStatus::NeedsReauth,
        ConnectionStatus::Error,
    ])
}

fn key_target<C: Choose>(choose: &mut C, world: &World) -> KeyTarget {
    match choose.below(8) {
        0 => KeyTarget::Unknown,
        1..=3 => KeyTarget::Issued(choose.index(3)),
        _ => KeyTarget::Key(choose.index(world.edge.keys.len())),
    }
}

/// A tenant, or once in a while another one.
fn mostly<C: Choose>(choose: &mut C, world: &World, tenant: u8) -> u8 {
    if choose.one_in(5) { choose.index(world.tenants.len()) } else { tenant }
}

/// A connection that takes webhooks.
fn any_hook<C: Choose>(choose: &mut C, world: &World) -> Option<u8> {
    let hooks = world.connections_where(|own| own.webhook_secret.is_some());
    choose.among(&hooks).copied()
}

/// The connections that a key opens when the case begins.
fn opened(world: &World, key: u8) -> Vec<u8> {
    match world.key(key).grant {
        Grant::App(app) => world.bound_to(named(app)),
        Grant::Connection(connection) => vec![named(connection)],
    }
}

/// A number of the world as actions name it.
fn named(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(0)
}

#[cfg(test)]
mod tests;
