//! Positive twins: what an attack is about, and how its owner uses it with success.
//!
//! A target that refuses everybody proves nothing. So before an attack the owner does the same, and after a refusal he
//! looks again. At the edge he costs himself as little as he can: a free route, or his own token, before a call that is
//! billed, since what a case leaves in a wallet may be what its attack is about.

use isolation_model::action::edge::control::{GrantRef, KeyTarget};
use isolation_model::action::edge::header::{ConnectionSpelling, EdgeHeader, NamedConnection};
use isolation_model::action::edge::hook::SecretRef;
use isolation_model::action::edge::key::{KeyCarrier, KeyRef};
use isolation_model::action::edge::provider::{
    AdapterHost, ComposioAction, JobRef, ProviderCall, QueryPair, Route, UpstreamReply,
};
use isolation_model::action::edge::vend::{BulkItem, OddVendPath, VendAsk};
use isolation_model::action::edge::{EdgeCall, EdgeControl, HookCall, Presented, VendCall};
use isolation_model::action::host::{HostOf, HostSpec, Spelling};
use isolation_model::action::{Action, RENAMES, Request, Status};
use isolation_model::claim::ClaimId;
use isolation_model::oracle::canaries::requests;
use isolation_model::oracle::edge::step;
use isolation_model::state::State;
use isolation_model::world::edge::{ConnectionProfile, Grant, Provider};
use isolation_model::world::{Role, World, label, single_host};

/// A wallet with at least so many micro-dollars doesn't feel a call.
const RICH: u64 = 10_000_000;
/// The most owners that are asked around one action.
const OBJECTS_MAX: usize = 4;

/// What an attack is about: something that its owner can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Object {
    /// A deployment, at its own host.
    Deployment(usize),
    /// What a key opens at a worker.
    Opened {
        /// Where.
        at: At,
        /// Which key, by its index in the state; one that opens the connection for `None`.
        key: Option<usize>,
        /// Which connection, by the world's index; the one that the key opens for `None`.
        connection: Option<usize>,
        /// Whether the attack is about money, so that the owner has to be billed too.
        billed: bool,
    },
}

/// At which worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum At {
    /// The proxy of an adapter.
    Proxy(Provider),
    /// The credentials worker, for a provider's token.
    Vend(Provider),
    /// The hooks worker.
    Hook,
}

/// What an action is about.
pub(super) fn objects(world: &World, state: &State, action: &Action, claims: &[ClaimId]) -> Vec<Object> {
    let billed = claims.iter().any(|claim| matches!(claim, ClaimId::Prx2 | ClaimId::Prx3 | ClaimId::Wal1));
    let about = About { world, state, billed };
    let mut objects = match action {
        Action::Edge(call) => about.call(call),
        Action::Together(calls) => calls.iter().flat_map(|call| about.call(call)).collect(),
        Action::During { call, control } => [about.call(call), about.control(control)].concat(),
        Action::EdgeControl(control) => about.control(control),
        // A plan for sealed values opens what it sealed as the owner would: it is its own twin.
        Action::Vault(_) | Action::Advance { .. } => Vec::new(),
        Action::Request(_)
        | Action::Race { .. }
        | Action::Malformed { .. }
        | Action::Control(_)
        | Action::KvKey { .. } => deployments(world, state, action),
    };
    objects.sort_unstable();
    objects.dedup();
    objects.truncate(OBJECTS_MAX);
    objects
}

/// The owner's own use of an object, if he can use it now.
pub(super) fn twin(world: &World, state: &State, object: Object) -> Option<Action> {
    match object {
        Object::Deployment(index) => visit(world, state, index),
        Object::Opened { at, key, connection, billed } => {
            let candidates = candidates(world, state, at, key, connection, billed);
            let is_served = |action: &Action| step::dues(world, state, action).iter().all(|due| !due.refuses());
            candidates.into_iter().map(Action::edge).find(is_served)
        }
    }
}

/// The deployments that a step's requests are about.
fn deployments(world: &World, state: &State, action: &Action) -> Vec<Object> {
    let hosts = requests(action).into_iter().filter_map(|request| request.host.meaning(world));
    let mut objects: Vec<Object> = hosts.filter_map(|host| state.resolve(&host)).map(Object::Deployment).collect();
    if objects.is_empty() {
        // What leads nowhere is compared with a deployment that is there.
        objects.push(Object::Deployment(0));
    }
    objects
}

/// The owner asks for his own deployment at its own host, as long as it serves.
fn visit(world: &World, state: &State, object: usize) -> Option<Action> {
    let own = state.deployments.get(object)?;
    let index = u8::try_from(object).ok()?;
    if own.torn_down || own.status != Status::Running {
        return None;
    }
    let tenant = &world.tenant(world.deployment(index).tenant).slug;
    let host = single_host(&label(tenant, &own.slug));
    let renamed = (0..u8::try_from(RENAMES.len()).unwrap_or(0))
        .map(|slug| HostOf::Renamed(index, slug))
        .find(|of| of.text(world) == host);
    let mut request = Request::as_member(index, world.owner_of(index));
    if let Some(of) = renamed {
        request.host = HostSpec { of, spelling: Spelling::Exact };
    }
    Some(Action::Request(request))
}

/// Finds what an action at the edge is about.
struct About<'a> {
    world: &'a World,
    state: &'a State,
    billed: bool,
}

impl About<'_> {
    fn call(&self, call: &EdgeCall) -> Vec<Object> {
        match call {
            EdgeCall::Provider(own) => self.provider(own),
            EdgeCall::Vend(own) => self.vend(own),
            EdgeCall::Hook(own) => {
                let near = own.path.near().into_iter();
                let other = match own.secret {
                    SecretRef::Of(connection) => Some(connection),
                    SecretRef::Own
                    | SecretRef::Old
                    | SecretRef::Wrong
                    | SecretRef::Missing
                    | SecretRef::Empty
                    | SecretRef::Cut
                    | SecretRef::Extended
                    | SecretRef::OtherCase
                    | SecretRef::OfApp(_)
                    | SecretRef::Twice
                    | SecretRef::ThenWrong
                    | SecretRef::AfterWrong
                    | SecretRef::CommaList => None,
                };
                let hooks = near.chain(other).map(|connection| self.world.edge.connection_index(connection));
                let mut objects: Vec<Object> =
                    hooks.filter(|index| self.is_hook(*index)).map(|c| self.hook(c)).collect();
                if objects.is_empty() {
                    // What leads nowhere is compared with a webhook that is delivered.
                    let first = (0..self.world.edge.connections.len()).find(|index| self.is_hook(*index));
                    objects.extend(first.map(|index| self.hook(index)));
                }
                objects
            }
        }
    }

    fn provider(&self, call: &ProviderCall) -> Vec<Object> {
        let adapter = match call.adapter {
            AdapterHost::Provider(provider) | AdapterHost::Near(provider, _) if provider.is_adapter() => provider,
            AdapterHost::Provider(_)
            | AdapterHost::Near(..)
            | AdapterHost::WithoutAdapter(_)
            | AdapterHost::Unknown => Provider::Openai,
        };
        // At composio the toolkit says whose connection is used.
        let toolkit = if let Route::Execute(ComposioAction::Of(toolkit)) = call.ask.route {
            (adapter == Provider::Composio).then_some(toolkit)
        } else {
            None
        };
        let of_tenant = |tenant: usize| self.connection_of(tenant, toolkit.unwrap_or(adapter));
        let mut objects = self.keys(&call.presented, At::Proxy(adapter));
        objects.extend(self.named(&call.carrier.headers).into_iter().filter_map(|c| self.connection(c)));
        for pair in &call.query {
            match pair {
                QueryPair::Connection(connection) => {
                    objects.extend(self.connection(self.world.edge.connection_index(*connection)));
                }
                QueryPair::Tenant(tenant) => objects.extend(of_tenant(self.tenant(*tenant))),
                QueryPair::Bearer(key) | QueryPair::EncodedBearer(key) => {
                    objects.push(self.opened(At::Proxy(adapter), Some(self.world.edge.key_index(*key)), None));
                }
                QueryPair::Plain(_) | QueryPair::Credential(_) | QueryPair::Account(..) => {}
            }
        }
        let job = if let Route::Transcript(JobRef::Of { tenant, .. }) | Route::Prediction(JobRef::Of { tenant, .. }) =
            call.ask.route
        {
            Some(tenant)
        } else {
            None
        };
        let tenants = job.into_iter().chain(call.payload.names_tenant).chain(tenants_named(&call.carrier.headers));
        objects.extend(tenants.filter_map(|tenant| of_tenant(self.tenant(tenant))));
        objects
    }

    fn vend(&self, call: &VendCall) -> Vec<Object> {
        let providers: Vec<Provider> = match &call.ask {
            VendAsk::One { provider, .. } | VendAsk::Env { provider, .. } => vec![*provider],
            VendAsk::Bulk { items, .. } => items
                .iter()
                .filter_map(|item| match item {
                    BulkItem::Provider(provider) | BulkItem::Upper(provider) => Some(*provider),
                    BulkItem::Unknown => None,
                })
                .collect(),
            VendAsk::Odd(OddVendPath::Connection(connection)) => vec![self.world.connection(*connection).provider],
            VendAsk::Odd(_) => vec![Provider::Slack],
        };
        let mut objects: Vec<Object> =
            providers.iter().flat_map(|provider| self.keys(&call.presented, At::Vend(*provider))).collect();
        objects.extend(self.named(&call.carrier.headers).into_iter().filter_map(|c| self.connection(c)));
        for tenant in tenants_named(&call.carrier.headers).into_iter().chain(self.users(&call.carrier.headers)) {
            let tenant = self.tenant(tenant);
            objects.extend(providers.iter().filter_map(|provider| self.connection_of(tenant, *provider)));
        }
        objects
    }

    fn control(&self, control: &EdgeControl) -> Vec<Object> {
        let connection = |index: u8| self.connection(self.world.edge.connection_index(index));
        match control {
            EdgeControl::IssueKey { grant: GrantRef::App(app), .. } => {
                let app = self.world.edge.app_index(*app);
                let bound = self.state.edge.bindings.iter().filter(|(own, _)| *own == app);
                bound.filter_map(|(_, connection)| self.connection(*connection)).take(1).collect()
            }
            EdgeControl::IssueKey { grant: GrantRef::Connection(own), .. }
            | EdgeControl::RevokeConnection { connection: own, .. }
            | EdgeControl::Bind { connection: own, .. }
            | EdgeControl::Unbind { connection: own, .. } => connection(*own).into_iter().collect(),
            EdgeControl::RevokeKey { key, .. } => {
                let index = match key {
                    KeyTarget::Key(key) => Some(self.world.edge.key_index(*key)),
                    KeyTarget::Issued(nth) => Some(self.state.edge.world_keys + usize::from(*nth)),
                    KeyTarget::Unknown => None,
                };
                index.and_then(|index| self.any_of_key(index)).into_iter().collect()
            }
            // Whoever lists or reads what is stored sees keys that work.
            EdgeControl::ListKeys { actor } => {
                let tenant = self.tenant(*actor);
                let own = self.state.edge.keys.iter().position(|key| key.tenant == tenant);
                own.and_then(|index| self.any_of_key(index)).into_iter().collect()
            }
            EdgeControl::Dump => self.any_of_key(0).into_iter().collect(),
            EdgeControl::IssueKey { grant: GrantRef::UnknownApp | GrantRef::UnknownConnection, .. }
            | EdgeControl::DropKeyRecord { .. }
            | EdgeControl::SetConnection { .. }
            | EdgeControl::StaleConnection { .. }
            | EdgeControl::ReplaceCredential { .. }
            | EdgeControl::ReplaceWebhookSecret { .. }
            | EdgeControl::Take { .. }
            | EdgeControl::TopUp { .. }
            | EdgeControl::SetWalletAvailable { .. } => Vec::new(),
        }
    }

    /// The keys that a call is about: those that it presents, and those that it holds a part of.
    fn keys(&self, presented: &Presented, at: At) -> Vec<Object> {
        let second = match presented.how {
            KeyCarrier::BothDiffer(second)
            | KeyCarrier::TwoAuthorizations { second }
            | KeyCarrier::TwoApiKeys { second } => Some(second),
            KeyCarrier::Authorization
            | KeyCarrier::ApiKey
            | KeyCarrier::BothSame
            | KeyCarrier::BasicBeside
            | KeyCarrier::Scheme(_)
            | KeyCarrier::Query(_)
            | KeyCarrier::Cookie(_)
            | KeyCarrier::OtherHeader(_) => None,
        };
        let index = |key: KeyRef| match key {
            KeyRef::Key(key) | KeyRef::HashOf(key) | KeyRef::PrefixOf(key) | KeyRef::Malformed { key, .. } => {
                self.world.edge.key_index(key)
            }
            KeyRef::Issued(nth) => self.state.edge.world_keys + usize::from(nth),
            // What is nobody's is compared with a key that is somebody's.
            KeyRef::NeverIssued | KeyRef::None => 0,
        };
        let all = [Some(presented.key), second].into_iter().flatten();
        all.map(|key| self.opened(at, Some(index(key)), None)).collect()
    }

    /// The connections that headers name, or nearly.
    fn named(&self, headers: &[EdgeHeader]) -> Vec<usize> {
        let mut named = Vec::new();
        for header in headers {
            let EdgeHeader::Connection { which, spelling } = header else { continue };
            match which {
                NamedConnection::Of(connection)
                | NamedConnection::OtherCase(connection)
                | NamedConnection::External(connection)
                | NamedConnection::Traversal(connection) => named.push(*connection),
                NamedConnection::Unknown | NamedConnection::Malformed | NamedConnection::Empty => {}
            }
            match spelling {
                ConnectionSpelling::ThenOther(other)
                | ConnectionSpelling::AfterOther(other)
                | ConnectionSpelling::CommaList(other) => named.push(*other),
                ConnectionSpelling::Plain
                | ConnectionSpelling::Upper
                | ConnectionSpelling::Underscore
                | ConnectionSpelling::Twice
                | ConnectionSpelling::Folded
                | ConnectionSpelling::Quoted => {}
            }
        }
        named.into_iter().map(|connection| self.world.edge.connection_index(connection)).collect()
    }

    /// The tenants of the users whose tokens are shown.
    fn users(&self, headers: &[EdgeHeader]) -> Vec<u8> {
        let tenant = |header: &EdgeHeader| {
            let EdgeHeader::UserJwt(token) = header else { return None };
            u8::try_from(self.world.member(token.member).tenant).ok()
        };
        headers.iter().filter_map(tenant).collect()
    }

    fn tenant(&self, index: u8) -> usize {
        usize::from(index) % self.world.tenants.len().max(1)
    }

    fn connection_of(&self, tenant: usize, provider: Provider) -> Option<Object> {
        let own = self.world.connection_where(|own| own.tenant == tenant && own.provider == provider)?;
        self.connection(usize::from(own))
    }

    /// A connection, at the worker that it is for.
    fn connection(&self, index: usize) -> Option<Object> {
        let own = self.world.edge.connections.get(index)?;
        let at = match own.profile {
            ConnectionProfile::ByokStatic | ConnectionProfile::VendoManagedPool if own.provider.is_adapter() => {
                At::Proxy(own.provider)
            }
            ConnectionProfile::ByokStatic
            | ConnectionProfile::VendoManagedPool
            | ConnectionProfile::OauthAppInstall
            | ConnectionProfile::ComposioManaged => At::Vend(own.provider),
            ConnectionProfile::WebhookInbound => At::Hook,
            ConnectionProfile::UserOauth => return None,
        };
        Some(self.opened(at, None, Some(index)))
    }

    /// A key, at the first worker that serves it.
    fn any_of_key(&self, key: usize) -> Option<Object> {
        let own = self.state.edge.keys.get(key)?;
        let connection = match own.grant {
            Grant::Connection(connection) => connection,
            Grant::App(app) => self.state.edge.bindings.iter().find(|(bound, _)| *bound == app)?.1,
        };
        match self.connection(connection)? {
            Object::Opened { at, connection, billed, .. } => {
                Some(Object::Opened { at, key: Some(key), connection, billed })
            }
            object @ Object::Deployment(_) => Some(object),
        }
    }

    fn is_hook(&self, index: usize) -> bool {
        let own = self.world.edge.connections.get(index);
        own.is_some_and(|own| own.profile == ConnectionProfile::WebhookInbound)
    }

    fn hook(&self, index: usize) -> Object {
        self.opened(At::Hook, None, Some(index))
    }

    fn opened(&self, at: At, key: Option<usize>, connection: Option<usize>) -> Object {
        Object::Opened { at, key, connection, billed: self.billed }
    }
}

fn tenants_named(headers: &[EdgeHeader]) -> Vec<u8> {
    let tenant =
        |header: &EdgeHeader| if let EdgeHeader::TenantNamed { tenant, .. } = header { Some(*tenant) } else { None };
    headers.iter().filter_map(tenant).collect()
}

/// The calls by which an owner could use an object, the one that he would rather make first.
fn candidates(
    world: &World,
    state: &State,
    at: At,
    key: Option<usize>,
    connection: Option<usize>,
    billed: bool,
) -> Vec<EdgeCall> {
    if at == At::Hook {
        let hook = connection.and_then(|index| u8::try_from(index).ok());
        return hook
            .map(|index| EdgeCall::Hook(HookCall::plain(owner(world, world.connection(index).tenant), index)))
            .into_iter()
            .collect();
    }
    let mut calls = Vec::new();
    for key in keys(world, state, key, connection) {
        let Some(reference) = reference(state, key) else { continue };
        let Some(own) = state.edge.keys.get(key) else { continue };
        let sender = owner(world, own.tenant);
        let header = connection.and_then(|index| u8::try_from(index).ok()).map(|index| EdgeHeader::Connection {
            which: NamedConnection::Of(index),
            spelling: ConnectionSpelling::Plain,
        });
        let vend = |provider: Provider| {
            let mut call = VendCall::plain(sender, 0, provider);
            call.presented.key = reference;
            call.carrier.headers.extend(header);
            EdgeCall::Vend(call)
        };
        match at {
            At::Vend(provider) => calls.push(vend(provider)),
            At::Proxy(adapter) => {
                let ask = |route: Route| {
                    let mut call = ProviderCall::plain(sender, 0, adapter, route);
                    call.presented.key = reference;
                    call.upstream = UpstreamReply::plain();
                    call.carrier.headers.extend(header);
                    EdgeCall::Provider(call)
                };
                let metered = metered(world, state, key, adapter).map(&ask);
                let free = free(adapter).map(&ask);
                let is_rich = state.edge.wallets.get(own.tenant).is_some_and(|balance| *balance >= RICH);
                let cheap = metered.clone().filter(|_| is_rich);
                let first = if billed { [cheap, free] } else { [free, cheap] };
                calls.extend(first.into_iter().flatten());
                calls.push(vend(adapter));
                calls.extend(metered);
            }
            At::Hook => {}
        }
    }
    calls
}

/// The keys that open a connection, those without caps and without an end first; or the one that is meant, and then
/// those of its tenant.
fn keys(world: &World, state: &State, key: Option<usize>, connection: Option<usize>) -> Vec<usize> {
    let opens = |grant: Grant| match (grant, connection) {
        (_, None) => true,
        (Grant::Connection(own), Some(connection)) => own == connection,
        (Grant::App(app), Some(connection)) => state.edge.bindings.contains(&(app, connection)),
    };
    let tenant = match (key.and_then(|key| state.edge.keys.get(key)), connection) {
        (Some(own), _) => Some(own.tenant),
        (None, Some(connection)) => world.edge.connections.get(connection).map(|own| own.tenant),
        (None, None) => None,
    };
    let mut keys: Vec<usize> = state
        .edge
        .keys
        .iter()
        .enumerate()
        .filter(|(_, own)| tenant.is_none_or(|tenant| own.tenant == tenant) && opens(own.grant))
        .map(|(index, _)| index)
        .collect();
    keys.sort_by_key(|index| {
        let own = state.edge.keys.get(*index);
        (Some(*index) != key, own.is_some_and(|own| own.daily_cap_micros.is_some() || own.expires_at_s.is_some()))
    });
    keys
}

/// How a key of the state is presented.
fn reference(state: &State, key: usize) -> Option<KeyRef> {
    let nth = |index: usize| u8::try_from(index).ok();
    match key.checked_sub(state.edge.world_keys) {
        Some(issued) => nth(issued).map(KeyRef::Issued),
        None => nth(key).map(KeyRef::Key),
    }
}

fn owner(world: &World, tenant: usize) -> u8 {
    let own = world.members.iter().position(|member| member.tenant == tenant && member.role == Role::Owner);
    own.and_then(|index| u8::try_from(index).ok()).unwrap_or(0)
}

/// A route of the adapter that costs nothing.
const fn free(adapter: Provider) -> Option<Route> {
    match adapter {
        Provider::Openai | Provider::Anthropic => Some(Route::Models),
        Provider::Telegram => Some(Route::GetMe),
        Provider::Openrouter
        | Provider::Gemini
        | Provider::Elevenlabs
        | Provider::Assemblyai
        | Provider::Muapi
        | Provider::Composio
        | Provider::Slack
        | Provider::Notion
        | Provider::Github
        | Provider::Google
        | Provider::Discord => None,
    }
}

/// A route of the adapter that is billed.
fn metered(world: &World, state: &State, key: usize, adapter: Provider) -> Option<Route> {
    match adapter {
        // It bills nothing.
        Provider::Telegram => None,
        // What is asked of composio says whose connection is used: the key has to open one.
        Provider::Composio => {
            let own = state.edge.keys.get(key)?;
            let is_open = |index: usize| match own.grant {
                Grant::App(app) => state.edge.bindings.contains(&(app, index)),
                Grant::Connection(connection) => connection == index,
            };
            let managed = world.edge.connections.iter().enumerate().find(|(index, connection)| {
                connection.profile == ConnectionProfile::ComposioManaged && is_open(*index)
            });
            managed.map(|(_, connection)| Route::Execute(ComposioAction::Of(connection.provider)))
        }
        Provider::Openai
        | Provider::Anthropic
        | Provider::Openrouter
        | Provider::Gemini
        | Provider::Elevenlabs
        | Provider::Assemblyai
        | Provider::Muapi => Some(Route::main(adapter)),
        Provider::Slack | Provider::Notion | Provider::Github | Provider::Google | Provider::Discord => None,
    }
}
