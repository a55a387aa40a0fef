//! A platform in memory with two tenants that use every provider, and the providers as containers that answer by script.

use super::{Answer, Client, START_MS, Seen, Watch, tenant};
use reference_impl::identity::key::Grant;
use reference_impl::store::database::Profile;
use reference_impl::store::rates::{MarginRule, Rate};
use reference_impl::store::vault::MasterKey;
use reference_impl::store::wallet::{LedgerKind, LedgerLine};
use reference_impl::{
    Adapter, AppId, Clock, ConnectionId, Container, CookieKey, EdgeConfig, Endpoint, Entropy, ExternalId, KeyId,
    Limits, Network, NewApp, NewConnection, NewKey, Platform, PlatformConfig, PoolCredential, ProviderSlug, Received,
    Reply, Stream, TenantSlug, Worker, Workspace,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// What each wallet holds to begin with, in micro-dollars.
pub const FUNDS: u64 = 100_000_000;
/// The platform's own credential at Composio.
pub const POOLED: &str = "pool-composio-Kx81Vb62";
/// The platform's own credential at OpenAI.
pub const POOLED_OPENAI: &str = "pool-openai-Pq73Ld05";
pub const TENANTS: [&str; 2] = ["T-acme", "T-globex"];

/// The credential of a tenant's connection to a provider.
pub fn credential(tenant: &str, adapter: Adapter) -> String {
    format!("real-{tenant}-{adapter}-Zq39fTxW7")
}

/// The id of a tenant's first connection to a provider.
pub fn connection(tenant: &str, provider: &str) -> ConnectionId {
    ConnectionId::parse(&format!("c-{tenant}-{provider}")).unwrap()
}

pub struct Providers {
    pub platform: Platform,
    pub clock: Clock,
    pub network: Network,
    pub watch: Arc<Watch>,
    pub upstreams: BTreeMap<Adapter, Container>,
    /// The key of each tenant's app.
    pub keys: BTreeMap<&'static str, String>,
}

#[derive(Default)]
pub struct Setup {
    pub limits: Limits,
    pub staleness: Duration,
    /// Adapters whose upstream can't be reached.
    pub unreachable: Vec<Adapter>,
    /// The network, where a test has listeners of its own on it.
    pub network: Option<Network>,
    /// Upstreams of the test's own.
    pub own: BTreeMap<Adapter, Endpoint>,
    #[cfg(feature = "faults")]
    pub faults: reference_impl::FaultSet,
}

fn rate(provider: &str, model: &str, meter: &str, unit_cost: &str) -> Rate {
    let own = str::to_owned;
    Rate { provider: own(provider), model: own(model), meter: own(meter), unit_cost: own(unit_cost) }
}

/// With the global margin of 20 percent: 12 micro-dollars a token in, 24 out; 120 a character; 120 (best) and 60 (nano) a
/// second; 60 000 a call of MuAPI and 12 000 of Composio.
pub fn rates() -> Vec<Rate> {
    let mut rates = vec![
        rate("elevenlabs", "eleven_multilingual_v2", "characters", "0.0001"),
        rate("assemblyai", "best", "seconds", "0.0001"),
        rate("assemblyai", "nano", "seconds", "0.00005"),
        rate("muapi", "flux", "calls", "0.05"),
        rate("composio", "gmail", "calls", "0.01"),
        rate("openai", "half-rated", "input_tokens", "1"),
    ];
    for provider in ["openai", "anthropic", "openrouter", "gemini"] {
        rates.push(rate(provider, "m", "input_tokens", "0.00001"));
        rates.push(rate(provider, "m", "output_tokens", "0.00002"));
    }
    rates
}

/// The body of a request that is sent to a provider's first metered route, and the route.
pub fn metered(adapter: Adapter) -> (&'static str, &'static str, &'static str) {
    match adapter {
        Adapter::Openai => ("POST", "/v1/chat/completions", r#"{"model":"m"}"#),
        Adapter::Anthropic => ("POST", "/v1/messages", r#"{"model":"m"}"#),
        Adapter::Openrouter => ("POST", "/api/v1/chat/completions", r#"{"model":"m"}"#),
        Adapter::Gemini => ("POST", "/v1beta/models/m:generateContent", "{}"),
        Adapter::Elevenlabs => ("POST", "/v1/text-to-speech/V1", r#"{"text":"hi"}"#),
        Adapter::Assemblyai => ("POST", "/v2/transcript", "{}"),
        Adapter::Muapi => ("POST", "/api/v1/flux", "{}"),
        Adapter::Telegram => ("POST", "/sendMessage", "{}"),
        Adapter::Composio => ("POST", "/v1/execute", r#"{"action_id":"GMAIL_SEND","args":{}}"#),
    }
}

impl Providers {
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> Self {
        let network = setup.network.unwrap_or_else(Network::in_memory);
        let (clock, watch) = (Clock::manual(START_MS), Arc::new(Watch::default()));
        let page = |adapter: Adapter| format!(r#"{{"from":"{adapter}"}}"#).into_bytes();
        let upstreams: BTreeMap<Adapter, Container> = Adapter::ALL
            .into_iter()
            .map(|adapter| (adapter, Container::start(&network, page(adapter), vec![json()]).unwrap()))
            .collect();
        let reachable = upstreams.iter().filter(|(adapter, _)| !setup.unreachable.contains(adapter));
        let pooled = |secret: &str| PoolCredential::new(Zeroizing::new(secret.to_owned()));
        let platform = Platform::start(PlatformConfig {
            clock: clock.clone(),
            entropy: Entropy::seeded(1),
            cookie_keys: vec![CookieKey { kid: "k1".into(), secret: vec![1; 32] }],
            kv_staleness: setup.staleness,
            network: network.clone(),
            tls: None,
            observer: Some(watch.clone()),
            #[cfg(feature = "faults")]
            faults: setup.faults,
            limits: setup.limits,
            edge: EdgeConfig {
                master_key: Some(MasterKey::new([7; 32])),
                upstreams: reachable
                    .map(|(adapter, upstream)| (*adapter, upstream.endpoint()))
                    .chain(setup.own)
                    .collect(),
                pool_credentials: [(Adapter::Composio, pooled(POOLED)), (Adapter::Openai, pooled(POOLED_OPENAI))]
                    .into(),
                rates: rates(),
                margins: Vec::<MarginRule>::new(),
                ..EdgeConfig::default()
            },
        })
        .unwrap();
        let mut world = Self { platform, clock, network, watch, upstreams, keys: BTreeMap::new() };
        for (id, slug) in TENANTS.into_iter().zip(["acme", "globex"]) {
            world.platform.control().create_tenant(tenant(id), TenantSlug::parse(slug).unwrap()).unwrap();
            world.workspace(id).top_up(FUNDS, "first").await.unwrap();
            world.app(id, "app").await;
            for adapter in Adapter::ALL {
                let (provider, profile) = if adapter == Adapter::Composio {
                    ("gmail", Profile::ComposioManaged)
                } else {
                    (adapter.slug(), Profile::ByokStatic)
                };
                world.connect(id, connection(id, provider).as_str(), provider, profile, &credential(id, adapter)).await;
                world.bind(id, "app", connection(id, provider).as_str()).await;
            }
            let key = world.key(id, "app-key", Grant::App(app_id(id, "app"))).await;
            world.keys.insert(id, key);
        }
        world.watch.take();
        world
    }

    pub fn workspace(&self, id: &str) -> Workspace {
        self.platform.control().workspace(&tenant(id)).unwrap()
    }

    pub async fn app(&self, tenant: &str, name: &str) {
        self.capped_app(tenant, name, None, None).await;
    }

    pub async fn capped_app(&self, tenant: &str, name: &str, daily: Option<u64>, monthly: Option<u64>) {
        let new = NewApp {
            id: app_id(tenant, name),
            deployment: None,
            webhook_secret: None,
            daily_cap_micros: daily,
            monthly_cap_micros: monthly,
        };
        self.workspace(tenant).create_app(new).await.unwrap();
    }

    pub async fn connect(&self, tenant: &str, id: &str, provider: &str, profile: Profile, credential: &str) {
        let new = NewConnection {
            id: ConnectionId::parse(id).unwrap(),
            external_id: ExternalId::parse(&format!("ext-{id}")).unwrap(),
            provider: ProviderSlug::parse(provider).unwrap(),
            profile,
            user_id: None,
            account: (profile == Profile::ComposioManaged).then(|| format!("acc-{id}")),
            credential: (profile != Profile::ComposioManaged).then(|| Zeroizing::new(credential.to_owned())),
            refresh_token: None,
            webhook_secret: None,
        };
        self.workspace(tenant).connect(new).await.unwrap();
    }

    pub async fn bind(&self, tenant: &str, app: &str, id: &str) {
        let id = ConnectionId::parse(id).unwrap();
        self.workspace(tenant).bind(&app_id(tenant, app), &id, None).await.unwrap();
    }

    pub async fn key(&self, tenant: &str, name: &str, grant: Grant) -> String {
        self.capped_key(tenant, name, grant, None, None).await
    }

    pub async fn capped_key(
        &self,
        tenant: &str,
        name: &str,
        grant: Grant,
        daily: Option<u64>,
        monthly: Option<u64>,
    ) -> String {
        let new = NewKey {
            id: KeyId::parse(&format!("k-{tenant}-{name}")).unwrap(),
            grant,
            expires_at_s: None,
            daily_cap_micros: daily,
            monthly_cap_micros: monthly,
        };
        self.workspace(tenant).issue_key(new).await.unwrap().plaintext.to_string()
    }

    pub fn acme(&self) -> &str {
        self.keys.get("T-acme").unwrap()
    }

    pub fn globex(&self) -> &str {
        self.keys.get("T-globex").unwrap()
    }

    pub fn upstream(&self, adapter: Adapter) -> &Container {
        self.upstreams.get(&adapter).unwrap()
    }

    pub fn script(&self, adapter: Adapter, reply: Reply) {
        self.upstream(adapter).script(reply);
    }

    /// What reached a provider since the last call.
    pub fn reached(&self, adapter: Adapter) -> Vec<Received> {
        self.upstream(adapter).drain()
    }

    /// How many requests reached any provider since the last call.
    pub fn reached_any(&self) -> usize {
        self.upstreams.values().map(|upstream| upstream.drain().len()).sum()
    }

    pub async fn client(&self) -> Client<Stream> {
        Client::new(self.network.dial(&self.platform.http_endpoint()).await.unwrap())
    }

    pub async fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.client().await;
        client.send(request).await;
        client.answer().await
    }

    /// One request at a worker's own door.
    pub async fn at_own_door(&self, adapter: Adapter, request: impl AsRef<[u8]>) -> Answer {
        let endpoint = self.platform.worker_endpoint(Worker::Provider(adapter)).unwrap();
        let mut client = Client::new(self.network.dial(&endpoint).await.unwrap());
        client.send(request).await;
        client.answer().await
    }

    /// One request with a key and further header lines.
    pub async fn call(&self, adapter: Adapter, key: &str, what: (&str, &str, &str), lines: &str) -> Answer {
        self.ask(request(adapter, &format!("authorization: Bearer {key}\r\n{lines}"), what)).await
    }

    /// A provider's first metered route, as acme.
    pub async fn spend(&self, adapter: Adapter) -> Answer {
        self.call(adapter, self.acme(), metered(adapter), "").await
    }

    /// The lines of a tenant's ledger after its first top-up, in short: what each is and what it adds.
    pub async fn ledger(&self, tenant: &str) -> Vec<(LedgerKind, i64)> {
        self.lines(tenant).await.iter().map(|line| (line.kind, line.micros)).collect()
    }

    pub async fn lines(&self, tenant: &str) -> Vec<LedgerLine> {
        self.workspace(tenant).ledger().await.unwrap().split_off(1)
    }

    /// What a tenant has spent.
    pub async fn spent(&self, tenant: &str) -> u64 {
        FUNDS - self.workspace(tenant).balance().await.unwrap()
    }

    /// Waits until as many holds were settled as were made, and says what the tenant has spent.
    pub async fn settled(&self, tenant: &str, holds: usize) -> u64 {
        let wait = async {
            loop {
                let ledger = self.ledger(tenant).await;
                let count = |kind| ledger.iter().filter(|(found, _)| *found == kind).count();
                if (count(LedgerKind::Hold), count(LedgerKind::Settle)) == (holds, holds) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(super::PATIENCE, wait).await;
        assert!(waited.is_ok(), "a hold stays open: {:?}", self.ledger(tenant).await);
        self.spent(tenant).await
    }

    /// The log lines since the last call. Everything else that was seen is dropped.
    pub fn log(&self) -> Vec<String> {
        let seen = self.watch.take().into_iter();
        seen.filter_map(|seen| if let Seen::Log(line) = seen { Some(line) } else { None }).collect()
    }
}

pub fn app_id(tenant: &str, name: &str) -> AppId {
    AppId::parse(&format!("a-{tenant}-{name}")).unwrap()
}

pub fn json() -> (String, String) {
    ("content-type".to_owned(), "application/json".to_owned())
}

/// A request to a provider's host, with header lines of the caller's choice.
pub fn request(adapter: Adapter, lines: &str, (method, path, body): (&str, &str, &str)) -> String {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {adapter}-proxy.vendo.run\r\n{lines}");
    if method != "GET" {
        write!(request, "content-type: application/json\r\ncontent-length: {}\r\n", body.len()).unwrap();
    }
    request + "\r\n" + if method == "GET" { "" } else { body }
}

/// A JSON answer of 200.
pub fn answer(body: &str) -> Reply {
    status(200, body)
}

pub fn status(status: u16, body: &str) -> Reply {
    respond(status, &[("content-type", "application/json")], &[body], false)
}

pub fn respond(status: u16, headers: &[(&str, &str)], chunks: &[&str], chunked: bool) -> Reply {
    Reply::Response {
        status,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect(),
        chunks: chunks.iter().map(|chunk| chunk.as_bytes().to_vec()).collect(),
        chunked,
        trailers: vec![],
    }
}

/// A stream of events.
pub fn events(events: &[&str]) -> Reply {
    let chunks: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
    respond(200, &[("content-type", "text/event-stream")], &chunks, true)
}
