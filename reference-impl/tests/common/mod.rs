//! A platform in memory with two tenants, and a client that sends raw bytes.
#![allow(dead_code, unreachable_pub, reason = "each test file uses what it needs")]
pub mod estate;
pub mod provider;

use reference_impl::store::rates::{MarginRule, Rate};
use reference_impl::store::vault::MasterKey;
use reference_impl::{
    Clock, Container, CookieKey, DeploySlug, DeploymentId, EdgeConfig, Endpoint, Entropy, Event, GuardSet, KvActor,
    KvOp, Limits, Member, Network, NewDeployment, Observer, OutcomeKind, Platform, PlatformConfig, Role, Stream,
    TenantId, TenantSlug, TlsIdentity, Worker,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// How long a test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(5);
pub const START_MS: i64 = 1_700_000_000_000;
pub const HOST: &str = "acme-app.vendo.run";
pub const OTHER_HOST: &str = "globex-app.vendo.run";
pub const PUBLIC_HOST: &str = "acme-site.vendo.run";
pub const DOMAIN: &str = "crm.acme.example";

#[derive(Default)]
pub struct Watch(pub Mutex<Vec<Seen>>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Request(GuardSet, OutcomeKind, Option<String>),
    Response(GuardSet),
    Kv(KvOp, String, KvActor),
    Probe(GuardSet),
    Edge(Worker, GuardSet, u16),
    Guards(GuardSet),
    Log(String),
}

impl Observer for Watch {
    fn observe(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(match event {
            Event::Request(trace) => Seen::Request(trace.guards, trace.outcome, trace.deployment.map(str::to_owned)),
            Event::Response { guards } => Seen::Response(*guards),
            Event::Kv { op, key, actor } => Seen::Kv(*op, (*key).to_owned(), *actor),
            Event::Probe { guards } => Seen::Probe(*guards),
            Event::Edge { worker, guards, status } => Seen::Edge(*worker, *guards, *status),
            Event::Guards { guards } => Seen::Guards(*guards),
            Event::Log { line } => Seen::Log((*line).to_owned()),
        });
    }
}

impl Watch {
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// acme has `app` (asks for a session; legacy host and domain too) and `site` (public), globex has `app`.
pub struct World {
    pub platform: Platform,
    pub clock: Clock,
    pub network: Network,
    pub watch: Arc<Watch>,
    pub acme: Container,
    pub site: Container,
    pub globex: Container,
    #[cfg(feature = "faults")]
    pub faults: reference_impl::FaultSet,
}

#[derive(Default)]
pub struct Options {
    pub staleness: Duration,
    pub sockets: bool,
    pub tls: Option<TlsIdentity>,
    pub limits: Limits,
    #[cfg(feature = "faults")]
    pub faults: reference_impl::FaultSet,
}

pub fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

pub fn deployment(id: &str) -> DeploymentId {
    DeploymentId::parse(id).unwrap()
}

pub fn slug(slug: &str) -> DeploySlug {
    DeploySlug::parse(slug).unwrap()
}

pub fn member(tenant_id: &str) -> Member {
    Member {
        user_id: format!("user-of-{tenant_id}"),
        email: format!("user@{tenant_id}.example"),
        name: "Ada Lovelace".to_owned(),
        tenant: tenant(tenant_id),
        role: Role::Member,
    }
}

/// A master key, a rate, and a margin of acme's own.
pub fn edge() -> EdgeConfig {
    let rate = |meter: &str| Rate {
        provider: "openai".into(),
        model: "m".into(),
        meter: meter.into(),
        unit_cost: "0.000001".into(),
    };
    EdgeConfig {
        master_key: Some(MasterKey::new([3; 32])),
        rates: vec![rate("input_tokens"), rate("output_tokens")],
        margins: vec![MarginRule {
            tenant: Some(tenant("T-acme")),
            integration: None,
            meter: None,
            percent: "5".into(),
        }],
        ..EdgeConfig::default()
    }
}

impl World {
    pub fn start() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        let clock = Clock::manual(START_MS);
        let network = if options.sockets { Network::sockets() } else { Network::in_memory() };
        let watch = Arc::new(Watch::default());
        let platform = Platform::start(PlatformConfig {
            clock: clock.clone(),
            entropy: Entropy::seeded(1),
            cookie_keys: vec![
                CookieKey { kid: "k1".into(), secret: vec![1; 32] },
                CookieKey { kid: "k0".into(), secret: vec![2; 32] },
            ],
            kv_staleness: options.staleness,
            network: network.clone(),
            tls: options.tls,
            observer: Some(watch.clone()),
            #[cfg(feature = "faults")]
            faults: options.faults,
            limits: options.limits,
            edge: edge(),
        })
        .unwrap();
        let page = |text: &str| Container::start(&network, text.into(), vec![("x-page".into(), text.into())]).unwrap();
        let (acme, site, globex) = (page("acme page"), page("site page"), page("globex page"));
        let control = platform.control();
        control.create_tenant(tenant("T-acme"), TenantSlug::parse("acme").unwrap()).unwrap();
        control.create_tenant(tenant("T-globex"), TenantSlug::parse("globex").unwrap()).unwrap();
        for (id, owner, name, vendo_auth, legacy, container) in [
            ("d-app", "T-acme", "app", true, true, &acme),
            ("d-site", "T-acme", "site", false, false, &site),
            ("d-globex", "T-globex", "app", true, true, &globex),
        ] {
            control
                .deploy(NewDeployment {
                    id: deployment(id),
                    tenant: tenant(owner),
                    slug: slug(name),
                    vendo_auth,
                    legacy,
                    target: container.endpoint(),
                })
                .unwrap();
        }
        control.claim_domain(&deployment("d-app"), DOMAIN).unwrap();
        watch.take();
        Self {
            platform,
            clock,
            network,
            watch,
            acme,
            site,
            globex,
            #[cfg(feature = "faults")]
            faults: options.faults,
        }
    }

    pub fn cookie(&self, tenant_id: &str) -> String {
        self.platform.control().mint_cookie(&member(tenant_id), Duration::from_secs(900))
    }

    pub async fn client(&self) -> Client<Stream> {
        Client::new(self.network.dial(&self.platform.http_endpoint()).await.unwrap())
    }

    /// One request on a connection of its own.
    pub async fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.client().await;
        client.send(request).await;
        client.answer().await
    }

    /// A GET with a session and further header lines.
    pub async fn get(&self, host: &str, path: &str, cookie: Option<&str>, lines: &str) -> Answer {
        let cookie = cookie.map(|token| format!("cookie: vendoAuth={token}\r\n")).unwrap_or_default();
        self.ask(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{cookie}{lines}\r\n")).await
    }

    /// How many requests reached each container since the last call.
    pub fn reached(&self) -> (usize, usize, usize) {
        (self.acme.drain().len(), self.site.drain().len(), self.globex.drain().len())
    }

    pub fn endpoint(&self) -> Endpoint {
        self.platform.http_endpoint()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    /// The head's bytes, then the body's as they came.
    pub raw: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(held, _)| held.eq_ignore_ascii_case(name))
            .map(|(_, value)| std::str::from_utf8(value).unwrap())
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        let held = self.headers.iter().filter(|(held, _)| held.eq_ignore_ascii_case(name));
        held.map(|(_, value)| std::str::from_utf8(value).unwrap()).collect()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

pub struct Client<S> {
    pub stream: S,
    pub buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await.expect("the platform reads").unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Reads once; false at the end.
    pub async fn fill(&mut self) -> bool {
        let read =
            timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await.expect("the platform answers in time");
        read.is_ok_and(|read| read > 0)
    }

    /// Whether the connection ends without another byte.
    pub async fn ends(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill().await
    }

    pub async fn answer(&mut self) -> Answer {
        self.try_answer().await.expect("an answer, whole")
    }

    /// The next answer, or none if the connection ends before it is whole.
    pub async fn try_answer(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.fill().await {
                return None;
            }
        };
        let mut raw: Vec<u8> = self.buffer.drain(..end).collect();
        let mut fields = [httparse::EMPTY_HEADER; 128];
        let mut head = httparse::Response::new(&mut fields);
        head.parse(&raw).unwrap();
        let status = head.code.unwrap();
        let headers: Vec<_> = head.headers.iter().map(|field| (field.name.to_owned(), field.value.to_vec())).collect();
        let find =
            |name: &str| headers.iter().find(|(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let mut body = Vec::new();
        if status < 200 || status == 204 || status == 304 {
        } else if let Some(length) = find("content-length") {
            let length: usize = std::str::from_utf8(length).unwrap().parse().unwrap();
            while self.buffer.len() < length {
                if !self.fill().await {
                    return None;
                }
            }
            body.extend(self.buffer.drain(..length));
        } else if find("transfer-encoding").is_some() {
            loop {
                let line = self.line().await?;
                let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
                while self.buffer.len() < size + 2 {
                    if !self.fill().await {
                        return None;
                    }
                }
                body.extend(self.buffer.drain(..size));
                self.buffer.drain(..2);
                if size == 0 {
                    break;
                }
            }
        } else {
            while self.fill().await {}
            body.append(&mut self.buffer);
        }
        raw.extend_from_slice(&body);
        Some(Answer { status, headers, body, raw })
    }

    async fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                return Some(self.buffer.drain(..end + 2).collect());
            }
            if !self.fill().await {
                return None;
            }
        }
    }
}
