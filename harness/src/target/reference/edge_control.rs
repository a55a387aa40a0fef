//! What operators change at the edge, done by the platform's control plane.

use isolation_model::action::edge::EdgeControl;
use isolation_model::action::edge::control::{DestinationUrl, GrantRef, KeyTarget, Taken};
use isolation_model::observation::{IssuedKey, Observation};
use isolation_model::oracle::expect::CONTAINER_HOST;
use isolation_model::state::State;
use isolation_model::state::edge::issued_id;
use isolation_model::world::edge::{ConnectionProfile, replaced};
use isolation_model::world::{label, single_host};
use reference_impl::identity::key::Grant;
use reference_impl::store::database::ConnectionStatus;
use reference_impl::{AccountError, KeyId, NewApp, NewConnection, NewKey, Workspace};
use zeroize::Zeroizing;

use super::ReferenceSession;
use super::names;
use crate::target::TargetError;

/// What no platform ever had.
const NEVER: &str = "never-was";
/// Micro-dollars of a cent.
const CENT: u64 = 10_000;

impl ReferenceSession<'_> {
    /// Carries a change out, and notes what the control plane says to it.
    pub(super) async fn edge_control(
        &self,
        state: &State,
        control: &EdgeControl,
        observation: &mut Observation,
    ) -> Result<(), TargetError> {
        let outcome = self.change(state, control, observation).await?;
        observation.control = Some(outcome.map_err(|error| error.to_string()));
        Ok(())
    }

    async fn change(
        &self,
        state: &State,
        control: &EdgeControl,
        observation: &mut Observation,
    ) -> Result<Result<(), AccountError>, TargetError> {
        let world = self.world;
        let connection_of = |index: u8| names::connection(world, world.edge.connection_index(index));
        let app_of = |index: u8| names::app(world, world.edge.app_index(index));
        Ok(match control {
            EdgeControl::IssueKey { actor, grant, expires_in_s } => {
                let new = NewKey {
                    id: names::id(&issued_id(state.edge.keys.len().saturating_sub(state.edge.world_keys)))?,
                    grant: match grant {
                        GrantRef::App(app) => Grant::App(app_of(*app)?),
                        GrantRef::Connection(connection) => Grant::Connection(connection_of(*connection)?),
                        GrantRef::UnknownApp => Grant::App(names::id(NEVER)?),
                        GrantRef::UnknownConnection => Grant::Connection(names::id(NEVER)?),
                    },
                    expires_at_s: expires_in_s.map(|seconds| state.now_s + i64::from(seconds)),
                    daily_cap_micros: None,
                    monthly_cap_micros: None,
                };
                let issued = self.workspace(*actor)?.issue_key(new).await;
                issued.map(|key| {
                    let plaintext = key.plaintext.to_string();
                    observation.edge.issued = Some(IssuedKey { plaintext, prefix: key.prefix });
                })
            }
            EdgeControl::RevokeKey { actor, key } => self.workspace(*actor)?.revoke_key(&self.key_id(*key)?).await,
            EdgeControl::ListKeys { actor } => {
                let listed = self.workspace(*actor)?.keys().await;
                listed.map(|keys| {
                    let lines: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
                    observation.edge.listing = Some(lines.join("\n"));
                })
            }
            EdgeControl::DropKeyRecord { key } => {
                let bearer = match key {
                    KeyTarget::Key(key) => Some(world.bearer(*key)),
                    KeyTarget::Issued(nth) => state.edge.issued(*nth).map(|key| key.bearer.as_str()),
                    KeyTarget::Unknown => None,
                };
                let dropped = self.control.drop_key_record(&names::digest(bearer.unwrap_or(NEVER)));
                dropped.map_err(AccountError::from)
            }
            EdgeControl::SetConnection { connection, status } => {
                let owner = self.owner_of(*connection)?;
                owner.set_connection_status(&connection_of(*connection)?, names::connection_status(*status)).await
            }
            EdgeControl::StaleConnection { connection, status } => {
                let (id, status) = (connection_of(*connection)?, names::connection_status(*status));
                self.control.stale_connection(&id, status).await
            }
            EdgeControl::RevokeConnection { actor, connection } => {
                self.workspace(*actor)?.revoke_connection(&connection_of(*connection)?).await
            }
            EdgeControl::Bind { actor, app, connection, url } => {
                let url = url.map(|url| self.destination(state, *app, url));
                let (app, connection) = (app_of(*app)?, connection_of(*connection)?);
                self.workspace(*actor)?.bind(&app, &connection, url.as_deref()).await
            }
            EdgeControl::Unbind { actor, app, connection } => {
                self.workspace(*actor)?.unbind(&app_of(*app)?, &connection_of(*connection)?).await
            }
            EdgeControl::ReplaceCredential { connection } => {
                let old = world.connection(*connection).credential.as_ref();
                let times = state.edge.connections.get(world.edge.connection_index(*connection));
                let new = replaced(
                    old.map_or(NEVER, |canary| canary.text.as_str()),
                    times.map_or(0, |own| own.credential) + 1,
                );
                let owner = self.owner_of(*connection)?;
                owner.replace_credential(&connection_of(*connection)?, Zeroizing::new(new), None).await
            }
            EdgeControl::ReplaceWebhookSecret { connection } => {
                let old = world.connection(*connection).webhook_secret.as_ref();
                let times = state.edge.connections.get(world.edge.connection_index(*connection));
                let new = replaced(
                    old.map_or(NEVER, |canary| canary.text.as_str()),
                    times.map_or(0, |own| own.webhook_secret) + 1,
                );
                let owner = self.owner_of(*connection)?;
                owner.replace_webhook_secret(&connection_of(*connection)?, Zeroizing::new(new)).await
            }
            EdgeControl::Take { actor, what } => self.take(*actor, *what).await?,
            EdgeControl::TopUp { tenant, cents } => {
                let reference = self.payment(usize::from(*tenant) % self.workspaces.len().max(1));
                let workspace = self.workspace(*tenant)?;
                match workspace.top_up(u64::from(*cents) * CENT, &reference).await {
                    Ok(_) => workspace.top_up(u64::from(*cents) * CENT, &reference).await.map(drop),
                    Err(error) => Err(error),
                }
            }
            EdgeControl::SetWalletAvailable { on } => {
                self.control.set_wallet_available(*on);
                Ok(())
            }
            EdgeControl::Dump => {
                observation.edge.dump = Some(self.dump());
                Ok(())
            }
        })
    }

    /// The name of a tenant's next payment.
    fn payment(&self, tenant: usize) -> String {
        let mut payments = self.payments.borrow_mut();
        let count = payments.entry(tenant).or_default();
        *count += 1;
        format!("payment-{count}")
    }

    /// Makes something under what is another's, or in use already.
    async fn take(&self, actor: u8, what: Taken) -> Result<Result<(), AccountError>, TargetError> {
        let world = self.world;
        let workspace = self.workspace(actor)?;
        let tenant = usize::from(actor) % self.workspaces.len().max(1);
        let app = world.app_of_tenant(tenant, 0).unwrap_or_default();
        let new_app = |deployment| -> Result<NewApp, TargetError> {
            Ok(NewApp {
                id: names::id("ap-taken")?,
                deployment: Some(deployment),
                webhook_secret: Some(Zeroizing::new("secret-of-the-taken-app".to_owned())),
                daily_cap_micros: None,
                monthly_cap_micros: None,
            })
        };
        let new_key = |id: &str| -> Result<NewKey, TargetError> {
            Ok(NewKey {
                id: names::id(id)?,
                grant: Grant::App(names::app(world, world.edge.app_index(app))?),
                expires_at_s: None,
                daily_cap_micros: None,
                monthly_cap_micros: None,
            })
        };
        let new_connection = |id: &str, external: &str| -> Result<NewConnection, TargetError> {
            Ok(NewConnection {
                id: names::id(id)?,
                external_id: names::id(external)?,
                provider: names::id("telegram")?,
                profile: names::profile(ConnectionProfile::WebhookInbound),
                user_id: None,
                account: None,
                credential: None,
                refresh_token: None,
                webhook_secret: Some(Zeroizing::new("secret-of-the-taken-connection".to_owned())),
            })
        };
        Ok(match what {
            Taken::AppOf(deployment) => {
                let new = new_app(names::id(&world.deployment(deployment).id)?)?;
                workspace.create_app(new).await.map(drop)
            }
            Taken::AppOfUnknown => workspace.create_app(new_app(names::id(NEVER)?)?).await.map(drop),
            Taken::ConnectionId(connection) => {
                let new = new_connection(&world.connection(connection).id, "ex-taken")?;
                workspace.connect(new).await.map(drop)
            }
            Taken::Digest(key) => {
                let key = world.key(key);
                workspace.import_key(new_key("ky-taken")?, names::digest(&key.bearer), key.prefix()).await
            }
            Taken::Status(connection) => {
                let id = names::connection(world, world.edge.connection_index(connection))?;
                workspace.set_connection_status(&id, ConnectionStatus::NeedsReauth).await
            }
            Taken::Credential(connection) => {
                let id = names::connection(world, world.edge.connection_index(connection))?;
                let secret = Zeroizing::new("credential-of-the-taker".to_owned());
                workspace.replace_credential(&id, secret, None).await
            }
            Taken::WebhookSecret(connection) => {
                let id = names::connection(world, world.edge.connection_index(connection))?;
                workspace.replace_webhook_secret(&id, Zeroizing::new("secret-of-the-taker".to_owned())).await
            }
            Taken::KeyId(key) => {
                let key = world.key(key);
                let text = format!("{}-taken", key.bearer);
                workspace.import_key(new_key(&key.id)?, names::digest(&text), key.prefix()).await
            }
        })
    }

    /// Acts for the tenant at an index, read modulo the number of tenants.
    fn workspace(&self, tenant: u8) -> Result<&Workspace, TargetError> {
        let index = usize::from(tenant) % self.workspaces.len().max(1);
        self.workspaces.get(index).ok_or_else(|| names::wrong("a workspace", &"the world has no tenant"))
    }

    fn owner_of(&self, connection: u8) -> Result<&Workspace, TargetError> {
        let tenant = self.world.connection(connection).tenant;
        self.workspaces.get(tenant).ok_or_else(|| names::wrong("a workspace", &"the world has no such tenant"))
    }

    fn key_id(&self, key: KeyTarget) -> Result<KeyId, TargetError> {
        match key {
            KeyTarget::Key(key) => names::id(&self.world.key(key).id),
            KeyTarget::Issued(nth) => names::id(&issued_id(usize::from(nth))),
            KeyTarget::Unknown => names::id(NEVER),
        }
    }

    /// The destination that is named for the webhooks of an app.
    fn destination(&self, state: &State, app: u8, url: DestinationUrl) -> String {
        let host = |index: usize| {
            let own = self.world.deployments.get(index).zip(state.deployments.get(index));
            own.map(|(own, now)| single_host(&label(&self.world.tenant(own.tenant).slug, &now.slug)))
        };
        let own = self.world.app(app).deployment.and_then(host).unwrap_or_default();
        let other = match url {
            DestinationUrl::Of(deployment) => host(self.world.deployment_index(deployment)).unwrap_or_default(),
            DestinationUrl::Own
            | DestinationUrl::Http
            | DestinationUrl::Port
            | DestinationUrl::Path
            | DestinationUrl::UserInfo
            | DestinationUrl::Stranger
            | DestinationUrl::Platform
            | DestinationUrl::Address
            | DestinationUrl::Suffixed
            | DestinationUrl::Empty => String::new(),
        };
        url.text(&own, &other)
    }

    /// Everything that is stored, but for the addresses of the instruments, which differ between two runs of one seed.
    fn dump(&self) -> String {
        let mut dump = self.control.dump();
        let containers = self.containers.iter().map(|own| (own.endpoint().to_string(), CONTAINER_HOST.to_owned()));
        let mut addresses: Vec<(String, String)> = containers.chain(self.behind.addresses()).collect();
        // The longest first: an address can be the beginning of another.
        addresses.sort_by_key(|(address, _)| std::cmp::Reverse(address.len()));
        for (address, name) in addresses {
            dump = dump.replace(&address, &name);
        }
        dump
    }
}
