//! A platform with two tenants, their apps, keys and connections at several providers, and a broker behind it.
//!
//! What acme has, globex has too, under other ids: `a-…` is acme's, `g-…` is globex's.

use super::{Answer, Client, START_MS, Seen, Watch, deployment, slug, tenant};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use reference_impl::identity::key::Grant;
use reference_impl::identity::user_token::IdentityKey;
use reference_impl::standin::{Broker, BrokerReply};
use reference_impl::store::database::Profile;
use reference_impl::store::vault::MasterKey;
use reference_impl::{
    Adapter, AppId, Clock, ConnectionId, Container, CookieKey, EdgeConfig, Entropy, ExternalId, GuardSet, KeyId,
    Limits, Network, NewApp, NewConnection, NewDeployment, NewKey, Platform, PlatformConfig, PoolCredential,
    ProviderSlug, Role, TenantSlug, Worker, Workspace,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

pub const NOW_S: i64 = START_MS / 1000;
pub const CREDENTIALS: &str = "credentials.vendo.run";
pub const HOOKS: &str = "hooks.vendo.run";
/// The platform's own credential of Anthropic.
pub const POOLED: &str = "sk-ant-pooled-0123456789";
/// The platform's own key of the broker.
pub const BROKER_KEY: &str = "ck-broker-0123456789";

pub struct Estate {
    pub platform: Platform,
    pub network: Network,
    pub clock: Clock,
    pub watch: Arc<Watch>,
    pub broker: Broker,
    /// The containers of `a-app`, `a-site` and `g-app`.
    pub containers: BTreeMap<&'static str, Container>,
    /// What keys read like: `a-key` of the app `a-app`, `a-site-key` of `a-site`, `a-slack-key` of the connection
    /// `a-slack`, and so on.
    pub keys: BTreeMap<String, String>,
    /// The apps' webhook secrets.
    pub app_secrets: BTreeMap<String, String>,
    signer: EcdsaKeyPair,
    stranger: EcdsaKeyPair,
}

#[derive(Default)]
pub struct EstateOptions {
    pub limits: Limits,
    pub staleness: Duration,
    #[cfg(feature = "faults")]
    pub faults: reference_impl::FaultSet,
}

/// A connection that each tenant has.
struct Sketch {
    /// Its id, behind the tenant's letter.
    place: &'static str,
    provider: &'static str,
    profile: Profile,
    /// The user who owns it.
    user: Option<&'static str>,
    /// The app that it is bound to.
    app: Option<&'static str>,
}

const fn sketch(
    place: &'static str,
    provider: &'static str,
    profile: Profile,
    user: Option<&'static str>,
    app: Option<&'static str>,
) -> Sketch {
    Sketch { place, provider, profile, user, app }
}

const CONNECTIONS: [Sketch; 12] = [
    sketch("slack", "slack", Profile::OauthAppInstall, Some("ada"), Some("app")),
    sketch("slack-2", "slack", Profile::OauthAppInstall, Some("bob"), Some("app")),
    sketch("slack-site", "slack", Profile::OauthAppInstall, Some("ada"), Some("site")),
    sketch("slack-loose", "slack", Profile::OauthAppInstall, Some("ada"), None),
    sketch("openai", "openai", Profile::ByokStatic, None, Some("app")),
    sketch("github", "github", Profile::ComposioManaged, None, Some("app")),
    sketch("google", "google", Profile::ComposioManaged, None, Some("app")),
    sketch("pool", "anthropic", Profile::VendoManagedPool, None, Some("app")),
    sketch("hook", "discord", Profile::WebhookInbound, None, Some("app")),
    sketch("telegram", "telegram", Profile::WebhookInbound, None, Some("app")),
    sketch("hook-loose", "discord", Profile::WebhookInbound, None, None),
    sketch("user", "notion", Profile::UserOauth, None, Some("app")),
];

pub fn app_id(id: &str) -> AppId {
    AppId::parse(id).unwrap()
}

pub fn connection_id(id: &str) -> ConnectionId {
    ConnectionId::parse(id).unwrap()
}

/// What the broker calls a connection: both tenants have connected one account of github.
fn account_of(connection: &str) -> String {
    if connection.ends_with("github") { "shared".to_owned() } else { format!("account-of-{connection}") }
}

/// What a connection's secrets are in these tests.
pub fn secret_of(kind: &str, connection: &str) -> String {
    format!("{kind}-of-{connection}")
}

fn key_pair() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap()
}

impl Estate {
    pub async fn start() -> Self {
        Self::with(EstateOptions::default()).await
    }

    pub async fn with(options: EstateOptions) -> Self {
        let (network, clock, watch) = (Network::in_memory(), Clock::manual(START_MS), Arc::new(Watch::default()));
        let signer = key_pair();
        let broker = Broker::start(&network, BTreeMap::new()).unwrap();
        let platform = Platform::start(PlatformConfig {
            clock: clock.clone(),
            entropy: Entropy::seeded(1),
            cookie_keys: vec![CookieKey { kid: "k1".into(), secret: vec![1; 32] }],
            kv_staleness: options.staleness,
            network: network.clone(),
            tls: None,
            observer: Some(watch.clone()),
            #[cfg(feature = "faults")]
            faults: options.faults,
            limits: options.limits,
            edge: EdgeConfig {
                master_key: Some(MasterKey::new([7; 32])),
                identity_keys: vec![IdentityKey {
                    kid: "id-1".into(),
                    public_key: signer.public_key().as_ref().to_vec(),
                }],
                broker: Some(broker.endpoint()),
                pool_credentials: BTreeMap::from([
                    (Adapter::Anthropic, PoolCredential::new(Zeroizing::new(POOLED.to_owned()))),
                    (Adapter::Composio, PoolCredential::new(Zeroizing::new(BROKER_KEY.to_owned()))),
                ]),
                ..EdgeConfig::default()
            },
        })
        .unwrap();
        let mut estate = Self {
            platform,
            network,
            clock,
            watch,
            broker,
            containers: BTreeMap::new(),
            keys: BTreeMap::new(),
            app_secrets: BTreeMap::new(),
            signer,
            stranger: key_pair(),
        };
        estate.furnish("a", "acme", ["a-app", "a-site"]).await;
        estate.furnish("g", "globex", ["g-app", "g-site"]).await;
        estate.watch.take();
        estate
    }

    async fn furnish(&mut self, letter: &str, name: &str, apps: [&'static str; 2]) {
        let control = self.platform.control();
        let id = tenant(&format!("T-{name}"));
        control.create_tenant(id.clone(), TenantSlug::parse(name).unwrap()).unwrap();
        for user in ["ada", "bob", "cyd"] {
            control.add_member(&id, &format!("{letter}-{user}"), Role::Member).unwrap();
        }
        // Somebody who is a member of both.
        control.add_member(&id, "both", Role::Member).unwrap();
        let workspace = control.workspace(&id).unwrap();
        for app in apps {
            let page = format!("page of {app}");
            let container = Container::start(&self.network, page.into(), Vec::new()).unwrap();
            control
                .deploy(NewDeployment {
                    id: deployment(app),
                    tenant: id.clone(),
                    slug: slug(app.split_once('-').unwrap().1),
                    vendo_auth: false,
                    legacy: false,
                    target: container.endpoint(),
                })
                .unwrap();
            self.containers.insert(app, container);
            let secret = format!("whsec-of-{app}");
            self.app_secrets.insert(app.to_owned(), secret.clone());
            workspace
                .create_app(NewApp {
                    id: app_id(app),
                    deployment: Some(deployment(app)),
                    webhook_secret: Some(Zeroizing::new(secret)),
                    daily_cap_micros: None,
                    monthly_cap_micros: None,
                })
                .await
                .unwrap();
            let name = if app.ends_with("site") { format!("{letter}-site-key") } else { format!("{letter}-key") };
            self.issue(&workspace, &name, Grant::App(app_id(app)), None).await;
        }
        for Sketch { place, provider, profile, user, app } in CONNECTIONS {
            let connection = format!("{letter}-{place}");
            let secret = |kind: &str| Some(Zeroizing::new(secret_of(kind, &connection)));
            workspace
                .connect(NewConnection {
                    id: connection_id(&connection),
                    external_id: ExternalId::parse(&format!("ext-{connection}")).unwrap(),
                    provider: ProviderSlug::parse(provider).unwrap(),
                    profile,
                    user_id: user.map(|user| format!("{letter}-{user}")),
                    account: (profile == Profile::ComposioManaged).then(|| account_of(&connection)),
                    credential: secret("token"),
                    refresh_token: secret("refresh"),
                    webhook_secret: secret("hook"),
                })
                .await
                .unwrap();
            self.issue(&workspace, &format!("{connection}-key"), Grant::Connection(connection_id(&connection)), None)
                .await;
            if let Some(app) = app {
                workspace.bind(&app_id(&format!("{letter}-{app}")), &connection_id(&connection), None).await.unwrap();
            }
        }
    }

    /// Issues a key and keeps what it reads like.
    pub async fn issue(&mut self, workspace: &Workspace, name: &str, grant: Grant, expires_at_s: Option<i64>) {
        let id = KeyId::parse(name).unwrap();
        let new = NewKey { id, grant, expires_at_s, daily_cap_micros: None, monthly_cap_micros: None };
        let issued = workspace.issue_key(new).await.unwrap();
        self.keys.insert(name.to_owned(), issued.plaintext.to_string());
    }

    pub fn workspace(&self, name: &str) -> Workspace {
        self.platform.control().workspace(&tenant(&format!("T-{name}"))).unwrap()
    }

    pub fn container(&self, name: &str) -> &Container {
        self.containers.get(name).unwrap()
    }

    /// The header line of a key.
    pub fn bearer(&self, key: &str) -> String {
        format!("authorization: Bearer {}\r\n", self.keys.get(key).unwrap())
    }

    /// One request on a connection of its own.
    pub async fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = Client::new(self.network.dial(&self.platform.http_endpoint()).await.unwrap());
        client.send(request).await;
        client.answer().await
    }

    /// A GET at the credentials worker with a key and further header lines.
    pub async fn vend(&self, key: &str, target: &str, lines: &str) -> Answer {
        let bearer = self.bearer(key);
        self.send(format!("GET {target} HTTP/1.1\r\nhost: {CREDENTIALS}\r\n{bearer}{lines}\r\n")).await
    }

    /// A POST at the hooks worker.
    pub async fn hook(&self, target: &str, lines: &str, body: &str) -> Answer {
        let length = body.len();
        self.send(format!("POST {target} HTTP/1.1\r\nhost: {HOOKS}\r\n{lines}content-length: {length}\r\n\r\n{body}"))
            .await
    }

    /// An identity token of a user, in whose claims something is changed.
    pub fn token(&self, user: &str, tenant: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut claims =
            json!({"sub": user, "aud": "vendo", "exp": NOW_S + 3600, "app_metadata": {"tenant_id": tenant}});
        change(&mut claims);
        Self::signed(&self.signer, &claims)
    }

    /// The header line of a user.
    pub fn user(&self, user: &str, tenant: &str) -> String {
        format!("x-vendo-user-jwt: {}\r\n", self.token(user, tenant, |_| {}))
    }

    /// A token that somebody else has signed.
    pub fn forged(&self, user: &str, tenant: &str) -> String {
        let claims = json!({"sub": user, "aud": "vendo", "exp": NOW_S + 3600, "app_metadata": {"tenant_id": tenant}});
        Self::signed(&self.stranger, &claims)
    }

    fn signed(pair: &EcdsaKeyPair, claims: &Value) -> String {
        let header = BASE64.encode(r#"{"alg":"ES256","kid":"id-1","typ":"JWT"}"#);
        let body = format!("{header}.{}", BASE64.encode(claims.to_string()));
        let signature = pair.sign(&SystemRandom::new(), body.as_bytes()).unwrap();
        format!("{body}.{}", BASE64.encode(signature))
    }

    /// What the broker answers for an account.
    pub fn broker_gives(&self, account: &str, access: &str, expires_at: Option<&str>) {
        let reply = BrokerReply::Token {
            access_token: access.to_owned(),
            refresh_token: format!("refresh-beside-{access}"),
            expires_at: expires_at.map(str::to_owned),
        };
        self.broker.set(account, reply);
    }

    /// The events of workers since the last call, and the lines of the log.
    pub fn traces(&self) -> (Vec<(Worker, GuardSet, u16)>, Vec<String>) {
        let (mut events, mut lines) = (Vec::new(), Vec::new());
        for seen in self.watch.take() {
            match seen {
                Seen::Edge(worker, guards, status) => events.push((worker, guards, status)),
                Seen::Log(line) => lines.push(line),
                Seen::Request(..) | Seen::Response(_) | Seen::Kv(..) | Seen::Probe(_) | Seen::Guards(_) => {}
            }
        }
        (events, lines)
    }

    /// How many requests have reached each container since the last call.
    pub fn reached(&self) -> Vec<(&'static str, usize)> {
        let counted = self.containers.iter().map(|(name, container)| (*name, container.drain().len()));
        counted.filter(|(_, count)| *count > 0).collect()
    }
}
