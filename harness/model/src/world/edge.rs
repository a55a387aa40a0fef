//! What the platform's edge works with: apps, connections and their bindings, keys, wallets, rates, external accounts.
//!
//! Every tenant has the same things in the same order, so that an index that is one off names somebody else's. Ids are
//! unique, and a sloppy comparison takes them for each other: the same connection of two tenants has ids that are each
//! other's prefix, end, or differ in case alone. Secrets are canaries.

mod generate;
mod money;
mod provider;

pub use generate::generate;
pub use money::{Margin, Rate};
pub use provider::{Meter, Provider};

use std::collections::BTreeMap;

use super::World;
use crate::canary::Canary;

/// Characters of a key's display prefix.
pub const KEY_PREFIX_LEN: usize = 12;
/// What every bearer begins with.
pub const BEARER_PREFIX: &str = "vendo_sk_";
/// The `kid` of identity tokens that the platform knows.
pub const IDENTITY_KID: &str = "id-1";

/// Everything of the edge that exists when a case begins.
#[derive(Debug)]
pub struct EdgeWorld {
    /// Two of every tenant, tenant by tenant: app 0 belongs to its deployment 0, app 1 to its deployment 1.
    pub apps: Vec<App>,
    /// The connections, tenant by tenant, in the order of [`Slot`].
    pub connections: Vec<Connection>,
    /// App and connection, the oldest binding first.
    pub bindings: Vec<(usize, usize)>,
    /// The keys, tenant by tenant.
    pub keys: Vec<ApiKey>,
    /// Micro-dollars of each tenant.
    pub wallets: Vec<u64>,
    /// The platform's own credentials, by provider.
    pub pools: BTreeMap<Provider, Canary>,
    /// What a unit costs.
    pub rates: Vec<Rate>,
    /// What the platform adds to it.
    pub margins: Vec<Margin>,
    /// External accounts at the broker.
    pub accounts: Vec<Account>,
    /// Wraps the data keys of all tenants.
    pub master_key: [u8; 32],
    /// The P-256 scalar that signs identity tokens. The platform knows its public key under [`IDENTITY_KID`].
    pub identity_key: [u8; 32],
    /// A scalar whose public key the platform doesn't know.
    pub foreign_identity_key: [u8; 32],
}

/// An app of a tenant: what a container presents itself as.
#[derive(Debug, Clone)]
pub struct App {
    /// Opaque id.
    pub id: String,
    /// Index of the tenant.
    pub tenant: usize,
    /// Index of the deployment that it belongs to.
    pub deployment: Option<usize>,
    /// Signs what is delivered to the app's container.
    pub webhook_secret: Canary,
    /// Micro-dollars of a UTC day.
    pub daily_cap_micros: Option<u64>,
    /// Micro-dollars of a UTC month.
    pub monthly_cap_micros: Option<u64>,
}

/// A connection of a tenant to a provider.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Opaque id.
    pub id: String,
    /// The id in the hooks worker's path.
    pub external_id: String,
    /// Index of the tenant.
    pub tenant: usize,
    /// What it is there for.
    pub slot: Slot,
    /// To whom.
    pub provider: Provider,
    /// Who holds the credential, and who may have it.
    pub profile: ConnectionProfile,
    /// Index of the member that owns it, if one does.
    pub user: Option<usize>,
    /// Index of the external account at the broker.
    pub account: Option<usize>,
    /// The stored credential, or access token.
    pub credential: Option<Canary>,
    /// The stored refresh token.
    pub refresh: Option<Canary>,
    /// What the provider proves itself with at the hooks worker.
    pub webhook_secret: Option<Canary>,
}

/// Who holds a connection's credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConnectionProfile {
    /// The tenant's own key at the provider, stored.
    ByokStatic,
    /// Access and refresh token of an installation, stored.
    OauthAppInstall,
    /// The platform's pooled credential: injected, never vended.
    VendoManagedPool,
    /// The broker holds it.
    ComposioManaged,
    /// The provider calls; nothing is injected or vended.
    WebhookInbound,
    /// A user's own authorisation, which no worker serves.
    UserOauth,
}

impl ConnectionProfile {
    /// As the platform spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ByokStatic => "byok_static",
            Self::OauthAppInstall => "oauth_app_install",
            Self::VendoManagedPool => "vendo_managed_pool",
            Self::ComposioManaged => "composio_managed",
            Self::WebhookInbound => "webhook_inbound",
            Self::UserOauth => "user_oauth",
        }
    }
}

/// What a connection is there for. A tenant's connections come in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// OpenAI with a key of the tenant's own, bound to app 0 first.
    OpenaiOlder,
    /// A second one, bound to app 0 later.
    OpenaiNewer,
    /// A third one, bound to app 1 alone.
    OpenaiSibling,
    /// Anthropic by the platform's pool, bound to both apps.
    AnthropicPool,
    /// Slack, installed: access and refresh token. Bound to app 0.
    Slack,
    /// Notion by the broker, bound to app 0. Tenants 0 and 1 have the same external account.
    Notion,
    /// Discord by the broker, bound to app 1 alone, with an external account of the tenant's own.
    Discord,
    /// Telegram's updates, bound to app 0.
    TelegramHook,
    /// GitHub's events, bound to app 1.
    GithubHook,
    /// Google, owned by the tenant's owner, bound to app 0 first.
    GoogleOwner,
    /// Google, owned by the tenant's member, bound to app 0 later.
    GoogleMember,
    /// GitHub by a user's own authorisation, bound to app 0.
    GithubUser,
    /// AssemblyAI with a key of the tenant's own, bound to both apps.
    Assemblyai,
    /// One of OpenRouter, ElevenLabs, muapi and Telegram, bound to app 1.
    Extra,
    /// Another of them, bound to app 1.
    ExtraOther,
    /// Gemini, bound to app 0: in one tenant of a world alone.
    Gemini,
}

/// A key as it was issued.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Opaque id.
    pub id: String,
    /// Index of the tenant.
    pub tenant: usize,
    /// What it opens.
    pub grant: Grant,
    /// The whole of it: [`BEARER_PREFIX`] and the canary's 32 characters.
    pub bearer: String,
    /// Marks it.
    pub canary: Canary,
    /// From this second on it has expired.
    pub expires_at_s: Option<i64>,
    /// Micro-dollars of a UTC day.
    pub daily_cap_micros: Option<u64>,
    /// Micro-dollars of a UTC month.
    pub monthly_cap_micros: Option<u64>,
}

impl ApiKey {
    /// What may be shown of it.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.bearer.get(..KEY_PREFIX_LEN).unwrap_or(&self.bearer)
    }
}

/// What a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// All that an app is bound to.
    App(usize),
    /// One connection.
    Connection(usize),
}

/// An external account at the broker.
#[derive(Debug, Clone)]
pub struct Account {
    /// The broker's id of it.
    pub id: String,
    /// Begins every access token that the broker gives for it.
    pub access: Canary,
    /// Begins every refresh token that the broker gives for it.
    pub refresh: Canary,
}

impl EdgeWorld {
    /// An index as the world reads it.
    #[must_use]
    pub fn app_index(&self, index: u8) -> usize {
        usize::from(index) % self.apps.len().max(1)
    }

    /// An index as the world reads it.
    #[must_use]
    pub fn connection_index(&self, index: u8) -> usize {
        usize::from(index) % self.connections.len().max(1)
    }

    /// An index as the world reads it.
    #[must_use]
    pub fn key_index(&self, index: u8) -> usize {
        usize::from(index) % self.keys.len().max(1)
    }

    /// The token that the broker's answer number `serial` of a case holds for an account.
    #[must_use]
    pub fn broker_token(&self, account: usize, serial: u32) -> String {
        self.accounts.get(account).map(|own| format!("{}.{serial}", own.access.text)).unwrap_or_default()
    }

    /// The refresh token in the same answer.
    #[must_use]
    pub fn broker_refresh(&self, account: usize, serial: u32) -> String {
        self.accounts.get(account).map(|own| format!("{}.{serial}", own.refresh.text)).unwrap_or_default()
    }
}

/// What replaces a secret at its `times`th replacement: nothing of the old one is in it.
#[must_use]
pub fn replaced(old: &str, times: u32) -> String {
    let reversed: String = old.chars().rev().collect();
    match times {
        0 => old.to_owned(),
        1 => reversed,
        n => format!("{reversed}-{n}"),
    }
}

impl World {
    /// The app at an index, read modulo their number.
    #[must_use]
    pub fn app(&self, index: u8) -> &App {
        super::wrapped(&self.edge.apps, usize::from(index))
    }

    /// The connection at an index, read modulo their number.
    #[must_use]
    pub fn connection(&self, index: u8) -> &Connection {
        super::wrapped(&self.edge.connections, usize::from(index))
    }

    /// The key at an index, read modulo their number.
    #[must_use]
    pub fn key(&self, index: u8) -> &ApiKey {
        super::wrapped(&self.edge.keys, usize::from(index))
    }

    /// A key's whole text.
    #[must_use]
    pub fn bearer(&self, key: u8) -> &str {
        &self.key(key).bearer
    }

    /// The app of a tenant: its `which`th.
    #[must_use]
    pub fn app_of_tenant(&self, tenant: usize, which: usize) -> Option<u8> {
        nth(self.edge.apps.iter().map(|app| app.tenant == tenant), which)
    }

    /// The first connection that fits.
    #[must_use]
    pub fn connection_where(&self, fits: impl Fn(&Connection) -> bool) -> Option<u8> {
        nth(self.edge.connections.iter().map(fits), 0)
    }

    /// The connection of a tenant in a slot.
    #[must_use]
    pub fn connection_in(&self, tenant: usize, slot: Slot) -> Option<u8> {
        self.connection_where(|own| own.tenant == tenant && own.slot == slot)
    }

    /// All connections that fit.
    #[must_use]
    pub fn connections_where(&self, fits: impl Fn(&Connection) -> bool) -> Vec<u8> {
        all(self.edge.connections.iter().map(fits))
    }

    /// The first key that fits.
    #[must_use]
    pub fn key_where(&self, fits: impl Fn(&ApiKey) -> bool) -> Option<u8> {
        nth(self.edge.keys.iter().map(fits), 0)
    }

    /// All keys that fit.
    #[must_use]
    pub fn keys_where(&self, fits: impl Fn(&ApiKey) -> bool) -> Vec<u8> {
        all(self.edge.keys.iter().map(fits))
    }

    /// The key of an app that has neither caps of its own nor an end.
    #[must_use]
    pub fn key_of_app(&self, app: u8) -> Option<u8> {
        let grant = Grant::App(self.edge.app_index(app));
        self.key_where(|key| key.grant == grant && key.expires_at_s.is_none() && key.daily_cap_micros.is_none())
    }

    /// The key of a connection; only some have one.
    #[must_use]
    pub fn key_of_connection(&self, connection: u8) -> Option<u8> {
        let grant = Grant::Connection(self.edge.connection_index(connection));
        self.key_where(|key| key.grant == grant)
    }

    /// The key of a tenant that expires during the case.
    #[must_use]
    pub fn expiring_key(&self, tenant: usize) -> Option<u8> {
        self.key_where(|key| key.tenant == tenant && key.expires_at_s.is_some())
    }

    /// The key of a tenant that has caps of its own.
    #[must_use]
    pub fn capped_key(&self, tenant: usize) -> Option<u8> {
        self.key_where(|key| key.tenant == tenant && key.daily_cap_micros.is_some())
    }

    /// The connections that an app is bound to when the case begins, the oldest binding first.
    #[must_use]
    pub fn bound_to(&self, app: u8) -> Vec<u8> {
        let app = self.edge.app_index(app);
        let own = self.edge.bindings.iter().filter(|(bound, _)| *bound == app);
        own.filter_map(|(_, connection)| u8::try_from(*connection).ok()).collect()
    }

    /// The tenants whose wallet covers at least so many micro-dollars.
    #[must_use]
    pub fn tenants_with(&self, micros: u64) -> Vec<usize> {
        let covered = self.edge.wallets.iter().enumerate().filter(|(_, balance)| **balance >= micros);
        covered.map(|(tenant, _)| tenant).collect()
    }
}

fn nth(fits: impl Iterator<Item = bool>, which: usize) -> Option<u8> {
    fits.enumerate().filter(|(_, fits)| *fits).nth(which).and_then(|(index, _)| u8::try_from(index).ok())
}

fn all(fits: impl Iterator<Item = bool>) -> Vec<u8> {
    fits.enumerate().filter(|(_, fits)| *fits).filter_map(|(index, _)| u8::try_from(index).ok()).collect()
}
