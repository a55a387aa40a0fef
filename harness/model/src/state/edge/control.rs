//! Operators' changes at the edge: whether they say something definite, what must be answered, and what they change.

use super::{ConnectionState, EdgeState, KeyState, issued_id};
use crate::action::Status;
use crate::action::edge::EdgeControl;
use crate::action::edge::control::{ConnectionStatus, DestinationUrl, GrantRef, KeyTarget, Taken};
use crate::observation::Observation;
use crate::state::{ControlOutcome, State};
use crate::world::World;
use crate::world::edge::{ConnectionProfile, Grant};
use crate::world::{label, single_host};

impl State {
    /// Whether a change at the edge says something definite in this state.
    #[must_use]
    pub fn allows_edge(&self, world: &World, control: EdgeControl) -> bool {
        let status = |connection: u8| self.connection_now(world, connection).map(|own| own.status);
        let is_there = |connection: u8| status(connection).is_some_and(|status| status != ConnectionStatus::Revoked);
        match control {
            EdgeControl::IssueKey { grant, .. } => match grant {
                GrantRef::Connection(connection) => is_there(connection),
                GrantRef::App(_) | GrantRef::UnknownApp | GrantRef::UnknownConnection => true,
            },
            EdgeControl::RevokeKey { key, .. } => self.targeted(world, key).is_none_or(|(_, key)| !key.revoked),
            EdgeControl::DropKeyRecord { key } => self.targeted(world, key).is_some(),
            EdgeControl::SetConnection { connection, status } => {
                is_there(connection) && status != ConnectionStatus::Revoked
            }
            EdgeControl::StaleConnection { connection, .. } | EdgeControl::RevokeConnection { connection, .. } => {
                is_there(connection)
            }
            EdgeControl::Bind { app, connection, .. } => {
                let (app, own) = (world.edge.app_index(app), world.edge.connection_index(connection));
                let live = |bound: &&(usize, usize)| bound.1 == own;
                is_there(connection)
                    && self.app_is_alive(world, app)
                    && !self.edge.bindings.contains(&(app, own))
                    // Whether a destroyed deployment's binding still holds its connection is nobody's claim.
                    && self.edge.bindings.iter().filter(live).all(|(bound, _)| self.app_is_alive(world, *bound))
            }
            EdgeControl::Unbind { actor, app, connection } => {
                let (app, own) = (world.edge.app_index(app), world.edge.connection_index(connection));
                self.edge.bindings.contains(&(app, own)) || !self.is_own(world, actor, app, own)
            }
            EdgeControl::ReplaceCredential { connection } => {
                let stored = matches!(
                    world.connection(connection).profile,
                    ConnectionProfile::ByokStatic | ConnectionProfile::OauthAppInstall
                );
                stored && is_there(connection)
            }
            EdgeControl::ReplaceWebhookSecret { connection } => {
                world.connection(connection).webhook_secret.is_some() && is_there(connection)
            }
            EdgeControl::Take { actor, what } => {
                let actor = usize::from(actor) % world.tenants.len().max(1);
                match what {
                    Taken::AppOf(deployment) => world.deployment(deployment).tenant != actor,
                    Taken::Status(connection) | Taken::Credential(connection) | Taken::WebhookSecret(connection) => {
                        world.connection(connection).tenant != actor
                    }
                    Taken::AppOfUnknown | Taken::ConnectionId(_) | Taken::Digest(_) | Taken::KeyId(_) => true,
                }
            }
            EdgeControl::TopUp { cents, .. } => cents > 0 && self.edge.wallet_available,
            EdgeControl::SetWalletAvailable { on } => on != self.edge.wallet_available,
            EdgeControl::ListKeys { .. } | EdgeControl::Dump => true,
        }
    }

    /// What must be answered to a change at the edge that this state allows.
    #[must_use]
    pub fn edge_outcome(&self, world: &World, control: EdgeControl) -> ControlOutcome {
        let done = |yes| if yes { ControlOutcome::Done } else { ControlOutcome::Refused };
        let tenant = |actor: u8| usize::from(actor) % world.tenants.len().max(1);
        match control {
            EdgeControl::IssueKey { actor, grant, .. } => done(match grant {
                // A destroyed deployment's app gets no key any more.
                GrantRef::App(app) => {
                    world.app(app).tenant == tenant(actor) && self.app_is_alive(world, world.edge.app_index(app))
                }
                GrantRef::Connection(connection) => world.connection(connection).tenant == tenant(actor),
                GrantRef::UnknownApp | GrantRef::UnknownConnection => false,
            }),
            EdgeControl::RevokeKey { actor, key } => {
                done(self.targeted(world, key).is_some_and(|(_, key)| key.tenant == tenant(actor)))
            }
            EdgeControl::RevokeConnection { actor, connection } => {
                done(world.connection(connection).tenant == tenant(actor))
            }
            EdgeControl::Bind { actor, app, connection, url } => {
                let (app, own) = (world.edge.app_index(app), world.edge.connection_index(connection));
                let exclusive = world.connection(connection).profile == ConnectionProfile::WebhookInbound;
                let taken = exclusive && self.edge.bindings.iter().any(|(_, bound)| *bound == own);
                done(self.is_own(world, actor, app, own) && !taken && Self::leads_home(world, app, url))
            }
            EdgeControl::Unbind { actor, app, connection } => {
                let (app, own) = (world.edge.app_index(app), world.edge.connection_index(connection));
                done(self.is_own(world, actor, app, own))
            }
            EdgeControl::Take { .. } => ControlOutcome::Refused,
            EdgeControl::ListKeys { .. }
            | EdgeControl::DropKeyRecord { .. }
            | EdgeControl::SetConnection { .. }
            | EdgeControl::StaleConnection { .. }
            | EdgeControl::ReplaceCredential { .. }
            | EdgeControl::ReplaceWebhookSecret { .. }
            | EdgeControl::TopUp { .. }
            | EdgeControl::SetWalletAvailable { .. }
            | EdgeControl::Dump => ControlOutcome::Done,
        }
    }

    /// The destination that a binding names, as it is written; `None` where it names none.
    #[must_use]
    pub fn destination(&self, world: &World, app: u8, url: Option<DestinationUrl>) -> Option<String> {
        let host = |deployment: usize| {
            let own = world.deployments.get(deployment).zip(self.deployments.get(deployment));
            own.map(|(own, now)| single_host(&label(&world.tenant(own.tenant).slug, &now.slug))).unwrap_or_default()
        };
        let own = world.app(app).deployment.map(host).unwrap_or_default();
        url.map(|url| match url {
            DestinationUrl::Of(other) => url.text(&own, &host(world.deployment_index(other))),
            DestinationUrl::Own
            | DestinationUrl::Http
            | DestinationUrl::Port
            | DestinationUrl::Path
            | DestinationUrl::UserInfo
            | DestinationUrl::Stranger
            | DestinationUrl::Platform
            | DestinationUrl::Address
            | DestinationUrl::Suffixed
            | DestinationUrl::Empty => url.text(&own, &own),
        })
    }

    /// Moves on after a change at the edge that must be done.
    pub(in crate::state) fn change_edge(&mut self, world: &World, control: EdgeControl, seen: &Observation) {
        self.epoch += 1;
        let now_s = self.now_s;
        match control {
            EdgeControl::IssueKey { actor, grant, expires_in_s } => {
                let grant = match grant {
                    GrantRef::App(app) => Grant::App(world.edge.app_index(app)),
                    GrantRef::Connection(connection) => Grant::Connection(world.edge.connection_index(connection)),
                    GrantRef::UnknownApp | GrantRef::UnknownConnection => return,
                };
                let nth = self.edge.keys.len().saturating_sub(self.edge.world_keys);
                self.edge.keys.push(KeyState {
                    id: issued_id(nth),
                    bearer: seen.edge.issued.as_ref().map(|key| key.plaintext.clone()).unwrap_or_default(),
                    tenant: usize::from(actor) % world.tenants.len().max(1),
                    grant,
                    expires_at_s: expires_in_s.map(|seconds| now_s + i64::from(seconds)),
                    daily_cap_micros: None,
                    monthly_cap_micros: None,
                    revoked: false,
                });
            }
            EdgeControl::RevokeKey { key, .. } => {
                let index = self.targeted(world, key).map(|(index, _)| index);
                if let Some(key) = index.and_then(|index| self.edge.keys.get_mut(index)) {
                    key.revoked = true;
                }
            }
            EdgeControl::SetConnection { connection, status } => {
                let index = world.edge.connection_index(connection);
                if let Some(own) = self.edge.connections.get_mut(index) {
                    own.status = status;
                    own.stored = Some((status, now_s));
                }
                self.edge.tokens.remove(&index);
            }
            EdgeControl::StaleConnection { connection, status } => {
                // What is kept is kept for a version of the row.
                self.edge.tokens.remove(&world.edge.connection_index(connection));
                if let Some(own) = self.connection_mut(world, connection) {
                    own.status = status;
                }
            }
            EdgeControl::RevokeConnection { connection, .. } => {
                let index = world.edge.connection_index(connection);
                self.edge.bindings.retain(|(_, bound)| *bound != index);
                self.edge.tokens.remove(&index);
                if let Some(own) = self.edge.connections.get_mut(index) {
                    own.status = ConnectionStatus::Revoked;
                    own.stored = None;
                }
            }
            EdgeControl::Bind { app, connection, .. } => {
                self.edge.bindings.push((world.edge.app_index(app), world.edge.connection_index(connection)));
            }
            EdgeControl::Unbind { app, connection, .. } => {
                let gone = (world.edge.app_index(app), world.edge.connection_index(connection));
                self.edge.bindings.retain(|bound| *bound != gone);
            }
            EdgeControl::ReplaceCredential { connection } => {
                if let Some(own) = self.connection_mut(world, connection) {
                    own.credential += 1;
                }
            }
            EdgeControl::ReplaceWebhookSecret { connection } => {
                if let Some(own) = self.connection_mut(world, connection) {
                    own.webhook_secret += 1;
                }
            }
            EdgeControl::SetWalletAvailable { on } => self.edge.wallet_available = on,
            EdgeControl::ListKeys { .. }
            | EdgeControl::DropKeyRecord { .. }
            | EdgeControl::Take { .. }
            | EdgeControl::TopUp { .. }
            | EdgeControl::Dump => {}
        }
    }

    /// A deployment is gone for good: the keys of its apps end.
    pub(in crate::state) fn end_keys_of(&mut self, world: &World, deployment: usize) {
        let is_its = |key: &KeyState| match key.grant {
            Grant::App(app) => world.edge.apps.get(app).is_some_and(|own| own.deployment == Some(deployment)),
            Grant::Connection(_) => false,
        };
        for key in self.edge.keys.iter_mut().filter(|key| is_its(key)) {
            key.revoked = true;
        }
    }

    fn connection_now(&self, world: &World, connection: u8) -> Option<&ConnectionState> {
        self.edge.connections.get(world.edge.connection_index(connection))
    }

    fn connection_mut(&mut self, world: &World, connection: u8) -> Option<&mut ConnectionState> {
        self.edge.connections.get_mut(world.edge.connection_index(connection))
    }

    fn targeted(&self, world: &World, key: KeyTarget) -> Option<(usize, &KeyState)> {
        let index = match key {
            KeyTarget::Key(key) => world.edge.key_index(key),
            KeyTarget::Issued(nth) => self.edge.world_keys + usize::from(nth),
            KeyTarget::Unknown => return None,
        };
        self.edge.keys.get(index).map(|key| (index, key))
    }

    /// Whether app and connection are both a tenant's.
    fn is_own(&self, world: &World, actor: u8, app: usize, connection: usize) -> bool {
        let tenant = usize::from(actor) % world.tenants.len().max(1);
        let app = world.edge.apps.get(app).is_some_and(|own| own.tenant == tenant);
        app && world.edge.connections.get(connection).is_some_and(|own| own.tenant == tenant)
    }

    /// Whether an app's deployment is there, if it has one.
    fn app_is_alive(&self, world: &World, app: usize) -> bool {
        let deployment = world.edge.apps.get(app).and_then(|own| own.deployment);
        let now = deployment.and_then(|deployment| self.deployments.get(deployment));
        now.is_none_or(|now| !now.torn_down && now.status != Status::Destroyed)
    }

    /// Whether a destination is the app's own deployment.
    fn leads_home(world: &World, app: usize, url: Option<DestinationUrl>) -> bool {
        let own = world.edge.apps.get(app).and_then(|own| own.deployment);
        match url {
            None => true,
            Some(DestinationUrl::Own) => own.is_some(),
            Some(DestinationUrl::Of(other)) => own == Some(world.deployment_index(other)),
            Some(
                DestinationUrl::Http
                | DestinationUrl::Port
                | DestinationUrl::Path
                | DestinationUrl::UserInfo
                | DestinationUrl::Stranger
                | DestinationUrl::Platform
                | DestinationUrl::Address
                | DestinationUrl::Suffixed
                | DestinationUrl::Empty,
            ) => false,
        }
    }
}

impl EdgeState {
    /// The key with an id, by its index.
    #[must_use]
    pub fn key_with(&self, id: &str) -> Option<usize> {
        self.keys.iter().position(|key| key.id == id)
    }
}
