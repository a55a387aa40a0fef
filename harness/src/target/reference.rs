//! The reference implementation as a target, in process or over real sockets.
//!
//! Both run the whole platform: the same bytes through the same parsers. In process a connection is a pipe in memory;
//! over HTTP it is a socket on loopback, and a request that an ordinary client library can send goes through one.

mod identity;
mod watch;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use isolation_model::action::framing::DefectClass;
use isolation_model::action::{Action, Control, Request, Status as ModelStatus};
use isolation_model::claim::Guard;
use isolation_model::observation::{Delivery, Exchange, Observation};
use isolation_model::oracle::expect::{self, CONTAINER_HOST};
use isolation_model::render::{self, Script, Wire, WireBody};
use isolation_model::state::{State, domain_sent};
use isolation_model::world::{Role as ModelRole, World};
#[cfg(feature = "faults")]
use reference_impl::FaultSet;
use reference_impl::{
    Clock, Container, ControlPlane, CookieKey, DeploySlug, DeploymentId, EdgeConfig, Endpoint, Entropy, Limits, Member,
    Network, NewDeployment, Platform, PlatformConfig, Reply, Role, Status, TenantId, TenantSlug,
};

use self::watch::Watch;
use super::client::{Client, Dial, exchange_of, lower};
use super::{Performed, Session, Target, TargetError};
use crate::wire::{BoxIo, RequestSpec, Reqwest};

/// How connections are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Pipes in memory.
    InProcess,
    /// Sockets on loopback.
    Http,
}

/// The reference implementation.
#[derive(Debug, Clone)]
pub struct Reference {
    link: Link,
    #[cfg(feature = "faults")]
    faults: FaultSet,
}

impl Reference {
    /// The reference as it is meant to be.
    #[must_use]
    pub fn new(link: Link) -> Self {
        Self {
            link,
            #[cfg(feature = "faults")]
            faults: FaultSet::none(),
        }
    }

    /// The reference with planted faults.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn with_faults(link: Link, faults: FaultSet) -> Self {
        Self { link, faults }
    }
}

impl Target for Reference {
    type Session<'w> = ReferenceSession<'w>;

    async fn provision<'w>(&'w self, world: &'w World) -> Result<ReferenceSession<'w>, TargetError> {
        let network = match self.link {
            Link::InProcess => Network::in_memory(),
            Link::Http => Network::sockets(),
        };
        let clock = Clock::manual(world.start_s * 1000);
        let watch = Arc::new(Watch::default());
        let (tls, roots) = identity::identity()?;
        let platform = Platform::start(PlatformConfig {
            clock: clock.clone(),
            entropy: Entropy::seeded(world.platform_seed),
            cookie_keys: world
                .cookie_keys
                .iter()
                .map(|key| CookieKey { kid: key.kid.clone(), secret: key.secret.to_vec() })
                .collect(),
            kv_staleness: Duration::ZERO,
            network: network.clone(),
            tls: Some(tls),
            observer: Some(watch.clone()),
            #[cfg(feature = "faults")]
            faults: self.faults,
            limits: Limits::default(),
            edge: EdgeConfig::default(),
        })
        .map_err(|error| TargetError::Start(error.to_string()))?;
        let doors =
            Doors { network: network.clone(), http: platform.http_endpoint(), https: platform.https_endpoint() };
        let library = OnceCell::new();
        let control = platform.control();
        let containers = provision(world, &control, &network)?;
        watch.forget();
        let client = Client::new(doors.clone(), roots.clone());
        Ok(ReferenceSession {
            world,
            link: self.link,
            control,
            clock,
            watch,
            containers,
            client,
            doors,
            roots,
            library,
            _platform: platform,
        })
    }
}

/// A world in a running reference.
pub struct ReferenceSession<'w> {
    world: &'w World,
    link: Link,
    control: ControlPlane,
    clock: Clock,
    watch: Arc<Watch>,
    containers: Vec<Container>,
    client: Client<Doors>,
    doors: Doors,
    roots: rustls::RootCertStore,
    library: OnceCell<Reqwest>,
    _platform: Platform,
}

#[derive(Debug, Clone)]
struct Doors {
    network: Network,
    http: Endpoint,
    https: Option<Endpoint>,
}

impl Dial for Doors {
    async fn dial(&self, tls: bool) -> std::io::Result<BoxIo> {
        let endpoint = if tls { self.https.as_ref() } else { Some(&self.http) };
        let endpoint = endpoint.ok_or_else(|| std::io::Error::other("the target has no HTTPS listener"))?;
        Ok(Box::new(self.network.dial(endpoint).await?))
    }
}

impl Session for ReferenceSession<'_> {
    async fn perform(&mut self, state: &State, action: &Action, keep: bool) -> Result<Performed, TargetError> {
        self.watch.forget();
        for container in &self.containers {
            container.drain();
        }
        let before = self.control.kv_snapshot();
        let mut performed = Performed::default();
        match action {
            Action::Request(request) => {
                performed.requests = 1;
                self.script(state, request, false);
                let wire = render::wire(self.world, state, request);
                let sent = self.send(&wire, keep).await?;
                performed.reused_sni = sent.reused_sni;
                performed.observation.exchanges.push(sent.exchange);
            }
            Action::Race { first, second } => {
                performed.requests = 2;
                // The first one's answer is held back where the second could be given it: at the same container, or for
                // the same path. Else both are sent at the same moment.
                let [one, two] = [first, second].map(|request| self.reaches(state, request));
                let hold = one.is_some() && (one == two || first.path == second.path);
                let held = self.script(state, first, hold).filter(|_| hold);
                self.script(state, second, false);
                let wires = [first, second].map(|request| render::wire(self.world, state, request));
                let [first, second] = &wires;
                let link = self.link;
                let containers = &self.containers;
                let release = || {
                    if let Some(container) = held.and_then(|index| containers.get(index)) {
                        container.release();
                    }
                };
                let arrived = async {
                    if let Some(container) = held.and_then(|index| containers.get(index)) {
                        arrival(link, container).await;
                    }
                };
                performed.observation.exchanges = self.client.race(first, second, arrived, release).await?;
            }
            Action::Malformed { request, defect, follow_up } => {
                performed.requests = 2;
                let due = self.script(state, request, false);
                self.script(state, follow_up, false);
                let wires = [request, follow_up].map(|request| render::wire(self.world, state, request));
                let [request, follow_up] = &wires;
                let bytes = render::malformed(request, *defect, follow_up);
                let burst = self.client.burst(request, follow_up, &bytes).await?;
                performed.observation.exchanges = burst.exchanges;
                performed.observation.closed_after = burst.closed;
                // What broke off may still be on its way to the container.
                let broken = matches!(defect.class(), DefectClass::BodyBreaks);
                match due.and_then(|index| self.containers.get(index)).filter(|_| broken) {
                    Some(container) => arrival(self.link, container).await,
                    None => settle(self.link).await,
                }
            }
            Action::Control(control) => self.control(control, &mut performed.observation)?,
            Action::Advance { seconds } => self.clock.advance(Duration::from_secs(u64::from(*seconds))),
            Action::KvKey { kind, identifier } => {
                let made = self.control.probe_kv_key(kind.as_str(), &identifier.text(*kind));
                performed.observation.kv_key = Some(made.map_err(|error| error.to_string()));
            }
        }
        self.collect(&before, &mut performed.observation);
        Ok(performed)
    }
}

impl ReferenceSession<'_> {
    /// Where a person's own client finds the platform.
    #[must_use]
    pub fn addresses(&self) -> (Endpoint, Option<Endpoint>) {
        (self.doors.http, self.doors.https)
    }

    /// The deployment whose container a request has to reach.
    fn reaches(&self, state: &State, request: &Request) -> Option<usize> {
        // On an open connection the server name is what it was: then it may be the host's.
        let open = Some(request.host.meaning(self.world));
        let connection = if request.reuse { open.as_ref() } else { None };
        expect::expect(self.world, state, request, connection).delivery.map(|delivery| delivery.deployment)
    }

    /// Tells the container that the request has to reach how to answer. Says which that is.
    fn script(&self, state: &State, request: &Request, hold: bool) -> Option<usize> {
        let host = request.host.meaning(self.world)?;
        // Only what has to arrive takes a place in the script: else another request would get its answer.
        let index = self.reaches(state, request)?;
        let reply = match render::script(self.world, index, &host, request) {
            Script::Response { status, headers, chunks, chunked, trailers } => {
                Reply::Response { status, headers, chunks, chunked, trailers }
            }
            Script::Echo => Reply::Echo,
            Script::Raw { bytes, close: true } => Reply::Raw(bytes),
            Script::Raw { bytes, close: false } => Reply::RawKeep(bytes),
            Script::Upgrade { headers } => Reply::Upgrade101With(headers),
        };
        let container = self.containers.get(index)?;
        container.script(if hold { Reply::Hold(Box::new(reply)) } else { reply });
        Some(index)
    }

    async fn send(&mut self, wire: &Wire, keep: bool) -> Result<super::client::Sent, TargetError> {
        if self.link == Link::Http && wire.ordinary && !keep {
            return self.send_by_library(wire).await;
        }
        self.client.send(wire).await
    }

    /// Sends a request as any program would that uses an HTTP client library.
    async fn send_by_library(&self, wire: &Wire) -> Result<super::client::Sent, TargetError> {
        let library = match self.library.get() {
            Some(library) => library,
            None => {
                let made = Reqwest::new(
                    address(&self.doors.http)?,
                    self.doors.https.as_ref().map(address).transpose()?,
                    self.roots.clone(),
                )
                .map_err(|error| TargetError::Send(format!("{error:?}")))?;
                self.library.get_or_init(|| made)
            }
        };
        let body = match &wire.body {
            WireBody::None => Vec::new(),
            WireBody::Length(_) | WireBody::Chunked(..) => wire.body.bytes(),
        };
        let spec = RequestSpec {
            https: wire.transport.is_tls(),
            http2: wire.transport.is_http2(),
            method: wire.method.to_owned(),
            host: wire.library_host.clone(),
            path_and_query: String::from_utf8_lossy(&wire.target).into_owned(),
            headers: wire.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")).cloned().collect(),
            body,
            fresh_connection: true,
        };
        let exchange = exchange_of(library.exchange(&spec, Duration::from_secs(10)).await)?;
        Ok(super::client::Sent { exchange, reused_sni: None })
    }

    fn control(&self, control: &Control, observation: &mut Observation) -> Result<(), TargetError> {
        let id = |deployment: u8| deployment_id(&self.world.deployment(deployment).id);
        let plane = &self.control;
        let outcome = match control {
            Control::SetStatus { deployment, status } => plane.set_status(&id(*deployment)?, status_of(*status)),
            Control::SetVendoAuth { deployment, on } => plane.set_vendo_auth(&id(*deployment)?, *on),
            Control::Rename { deployment, slug } => {
                let slug = isolation_model::action::host::rename(*slug);
                plane.rename(&id(*deployment)?, slug_of(slug)?).map(drop)
            }
            Control::Teardown { deployment } => plane.teardown(&id(*deployment)?),
            Control::ClaimDomain { deployment, domain } => {
                plane.claim_domain(&id(*deployment)?, &domain_sent(self.world, *domain))
            }
            Control::ReleaseDomain { deployment, domain } => {
                plane.release_domain(&id(*deployment)?, &domain_sent(self.world, *domain))
            }
            Control::SignInCode { member, host } => {
                let member = member_of(self.world, *member)?;
                plane.sign_in_code(&member, &host.of.text(self.world)).map(|code| observation.code = Some(code))
            }
        };
        observation.control = Some(outcome.map_err(|error| error.to_string()));
        Ok(())
    }

    fn collect(&self, before: &BTreeMap<String, String>, observation: &mut Observation) {
        for (index, container) in self.containers.iter().enumerate() {
            let own = container.endpoint().to_string();
            container.clear_script();
            for received in container.drain() {
                let headers = lower(received.headers)
                    .into_iter()
                    .map(|(name, value)| {
                        let is_own = name == "host" && value == own.as_bytes();
                        (name, if is_own { CONTAINER_HOST.as_bytes().to_vec() } else { value })
                    })
                    .collect();
                observation.deliveries.push(Delivery {
                    deployment: index,
                    method: received.method,
                    target: received.target.into_bytes(),
                    headers,
                    body: received.body,
                    complete: received.complete,
                    raw: received.head_bytes,
                });
            }
        }
        let seen = self.watch.take();
        observation.kv = seen.kv;
        observation.reached = seen.guards.into_iter().filter_map(|name| name.parse::<Guard>().ok()).collect();
        let after = self.control.kv_snapshot();
        let keys = before.keys().chain(after.keys());
        observation.kv_changed = keys.filter(|key| before.get(*key) != after.get(*key)).cloned().collect();
        observation.kv_changed.sort();
        observation.kv_changed.dedup();
        // The parser sets no mark: that it refused is seen from outside.
        if observation.exchanges.iter().any(is_refusal_by_parser) {
            observation.reached.insert(Guard::Framing);
        }
    }
}

/// Whether the answer is one that a parser gives, or a closed connection.
fn is_refusal_by_parser(exchange: &Exchange) -> bool {
    match exchange {
        Exchange::Answer(answer) => matches!(answer.status, 400 | 405 | 413 | 414 | 431 | 501 | 505),
        Exchange::Nothing(_) => true,
    }
}

/// Waits until a request has come to a container; not long, since it may never come.
async fn arrival(link: Link, container: &Container) {
    match link {
        Link::InProcess => settle(link).await,
        Link::Http => {
            for _ in 0..25 {
                if container.waiting() > 0 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

/// Lets what is under way arrive: nothing in memory takes longer than the scheduler needs to get round.
async fn settle(link: Link) {
    match link {
        Link::InProcess => {
            for _ in 0..64 {
                tokio::task::yield_now().await;
            }
        }
        Link::Http => tokio::time::sleep(Duration::from_millis(5)).await,
    }
}

fn provision(world: &World, control: &ControlPlane, network: &Network) -> Result<Vec<Container>, TargetError> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: &dyn std::fmt::Display| TargetError::Provision { what, why: error.to_string() }
    };
    for tenant in &world.tenants {
        let wrong = failed(&tenant.slug);
        let id = tenant.id.parse::<TenantId>().map_err(|error| failed(&tenant.id)(&error))?;
        let slug = tenant.slug.parse::<TenantSlug>().map_err(|error| failed(&tenant.slug)(&error))?;
        control.create_tenant(id, slug).map_err(|error| wrong(&error))?;
    }
    let mut containers = Vec::new();
    for deployment in &world.deployments {
        let page_headers = render::base_headers(&deployment.header_canary.text)
            .into_iter()
            .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
            .collect();
        let container = Container::start(network, render::page(&deployment.page_canary.text), page_headers)
            .map_err(|error| failed(&deployment.id)(&error))?;
        let id = deployment_id(&deployment.id)?;
        let tenant = &world.tenant(deployment.tenant).id;
        control
            .deploy(NewDeployment {
                id: id.clone(),
                tenant: tenant.parse().map_err(|error| failed(tenant)(&error as &dyn std::fmt::Display))?,
                slug: slug_of(&deployment.slug)?,
                vendo_auth: deployment.vendo_auth,
                legacy: deployment.legacy,
                target: container.endpoint(),
            })
            .map_err(|error| failed(&deployment.id)(&error))?;
        if let Some(domain) = &deployment.domain {
            control.claim_domain(&id, domain).map_err(|error| failed(domain)(&error))?;
        }
        containers.push(container);
    }
    Ok(containers)
}

fn deployment_id(id: &str) -> Result<DeploymentId, TargetError> {
    id.parse().map_err(|error| TargetError::Provision { what: id.to_owned(), why: format!("{error}") })
}

fn slug_of(slug: &str) -> Result<DeploySlug, TargetError> {
    slug.parse().map_err(|error| TargetError::Provision { what: slug.to_owned(), why: format!("{error}") })
}

fn member_of(world: &World, index: u8) -> Result<Member, TargetError> {
    let member = world.member(index);
    let tenant = &world.tenant(member.tenant).id;
    Ok(Member {
        user_id: member.user_id.clone(),
        email: member.email.clone(),
        name: member.name.clone(),
        tenant: tenant
            .parse()
            .map_err(|error| TargetError::Provision { what: tenant.clone(), why: format!("{error}") })?,
        role: match member.role {
            ModelRole::Owner => Role::Owner,
            ModelRole::Member => Role::Member,
            ModelRole::Viewer => Role::Viewer,
        },
    })
}

const fn status_of(status: ModelStatus) -> Status {
    match status {
        ModelStatus::Running => Status::Running,
        ModelStatus::Suspending => Status::Suspending,
        ModelStatus::Suspended => Status::Suspended,
        ModelStatus::Resuming => Status::Resuming,
        ModelStatus::SuspendFailed => Status::SuspendFailed,
        ModelStatus::ResumeFailed => Status::ResumeFailed,
        ModelStatus::Destroyed => Status::Destroyed,
    }
}

fn address(endpoint: &Endpoint) -> Result<SocketAddr, TargetError> {
    endpoint.to_string().parse().map_err(|_| TargetError::Send(format!("`{endpoint}` is no socket address")))
}
