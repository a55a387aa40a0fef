//! The reference implementation as a target, in process or over real sockets.
//!
//! Both run the whole platform: the same bytes through the same parsers. In process a connection is a pipe in memory;
//! over HTTP it is a socket on loopback, and a request that an ordinary client library can send goes through one.

mod behind;
mod collect;
mod doors;
mod edge;
mod edge_control;
mod identity;
mod names;
mod provision;
mod script;
mod vault;
mod watch;

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use isolation_model::action::framing::DefectClass;
use isolation_model::action::{Action, Control};
use isolation_model::observation::Observation;
use isolation_model::render::{self, Wire, WireBody};
use isolation_model::state::{State, domain_sent};
use isolation_model::world::World;
#[cfg(feature = "faults")]
use reference_impl::FaultSet;
use reference_impl::{
    Clock, Container, ControlPlane, CookieKey, Endpoint, Entropy, Limits, Network, Platform, PlatformConfig, Workspace,
};

use self::behind::Behind;
use self::doors::Doors;
use self::watch::Watch;
use super::client::{Client, Gate, Sent, exchange_of};
use super::{Performed, Session, Target, TargetError};
use crate::wire::{RequestSpec, Reqwest};

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
            Link::Http => Network::sockets_at(loopback()),
        };
        let clock = Clock::manual(world.start_s * 1000);
        let watch = Arc::new(Watch::default());
        let (tls, roots) = identity::identity()?;
        let behind = Behind::start(&network)?;
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
            edge: provision::config(world, &behind)?,
        })
        .map_err(|error| TargetError::Start(error.to_string()))?;
        let doors = Doors::of(&platform);
        let library = OnceCell::new();
        let control = platform.control();
        let provision::Provisioned { containers, workspaces } = provision::provision(world, &control, &network).await?;
        watch.forget();
        let client = Client::new(doors.clone(), roots.clone());
        let mut session = ReferenceSession {
            world,
            link: self.link,
            control,
            clock,
            watch,
            containers,
            behind,
            workspaces,
            kv: BTreeMap::new(),
            lines: BTreeMap::new(),
            open_holds: 0,
            payments: RefCell::default(),
            client,
            doors,
            roots,
            library,
            _platform: platform,
        };
        // What is stored so far was there when the case began.
        session.collect(&mut Observation::default()).await?;
        Ok(session)
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
    behind: Behind,
    /// One for each tenant.
    workspaces: Vec<Workspace>,
    /// The namespace as it was when the last step ended.
    kv: BTreeMap<String, String>,
    /// How many lines of each tenant's ledger were seen.
    lines: BTreeMap<usize, usize>,
    /// How many holds stood when the last step ended.
    open_holds: usize,
    /// How many payments came in, by tenant.
    payments: RefCell<BTreeMap<usize, u32>>,
    client: Client<Doors>,
    doors: Doors,
    roots: rustls::RootCertStore,
    library: OnceCell<Reqwest>,
    _platform: Platform,
}

impl Session for ReferenceSession<'_> {
    async fn perform(&mut self, state: &State, action: &Action, keep: bool) -> Result<Performed, TargetError> {
        self.watch.forget();
        for container in self.containers.iter().chain(self.behind.all()) {
            container.drain();
        }
        let mut performed = Performed::default();
        match action {
            Action::Request(request) => {
                performed.requests = 1;
                self.script(state, request, false);
                let wire = render::wire(self.world, state, request);
                let sent = self.send(&wire, Gate::Front, keep).await?;
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
                    None => pause(self.link).await,
                }
            }
            Action::Control(control) => self.control(control, &mut performed.observation)?,
            Action::Advance { seconds } => self.clock.advance(Duration::from_secs(u64::from(*seconds))),
            Action::KvKey { kind, identifier } => {
                let made = self.control.probe_kv_key(kind.as_str(), &identifier.text(*kind));
                performed.observation.kv_key = Some(made.map_err(|error| error.to_string()));
            }
            Action::Edge(call) => self.call(state, action, call, keep, &mut performed).await?,
            Action::Together(_) => self.together(state, action, &mut performed).await?,
            Action::During { call, control } => self.during(state, action, call, *control, &mut performed).await?,
            Action::EdgeControl(control) => self.edge_control(state, control, &mut performed.observation).await?,
            Action::Vault(tried) => performed.observation.edge.vault = Some(self.vault(*tried)?),
        }
        self.collect(&mut performed.observation).await?;
        Ok(performed)
    }
}

impl ReferenceSession<'_> {
    /// Where a person's own client finds the platform.
    #[must_use]
    pub fn addresses(&self) -> (Endpoint, Option<Endpoint>) {
        self.doors.front()
    }

    async fn send(&mut self, wire: &Wire, gate: Gate, keep: bool) -> Result<Sent, TargetError> {
        if self.link == Link::Http && gate == Gate::Front && wire.ordinary && !keep {
            return self.send_by_library(wire).await;
        }
        self.client.send(wire, gate).await
    }

    /// Sends a request as any program would that uses an HTTP client library.
    async fn send_by_library(&self, wire: &Wire) -> Result<Sent, TargetError> {
        let (http, https) = self.doors.front();
        let library = match self.library.get() {
            Some(library) => library,
            None => {
                let made = Reqwest::new(address(&http)?, https.as_ref().map(address).transpose()?, self.roots.clone())
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
        Ok(Sent { exchange, reused_sni: None })
    }

    fn control(&self, control: &Control, observation: &mut Observation) -> Result<(), TargetError> {
        let id = |deployment: u8| names::deployment_id(&self.world.deployment(deployment).id);
        let plane = &self.control;
        let outcome = match control {
            Control::SetStatus { deployment, status } => plane.set_status(&id(*deployment)?, names::status(*status)),
            Control::SetVendoAuth { deployment, on } => plane.set_vendo_auth(&id(*deployment)?, *on),
            Control::Rename { deployment, slug } => {
                let slug = isolation_model::action::host::rename(*slug);
                plane.rename(&id(*deployment)?, names::slug(slug)?).map(drop)
            }
            Control::Teardown { deployment } => plane.teardown(&id(*deployment)?),
            Control::ClaimDomain { deployment, domain } => {
                plane.claim_domain(&id(*deployment)?, &domain_sent(self.world, *domain))
            }
            Control::ReleaseDomain { deployment, domain } => {
                plane.release_domain(&id(*deployment)?, &domain_sent(self.world, *domain))
            }
            Control::SignInCode { member, host } => {
                let member = names::member(self.world, *member)?;
                plane.sign_in_code(&member, &host.of.text(self.world)).map(|code| observation.code = Some(code))
            }
        };
        observation.control = Some(outcome.map_err(|error| error.to_string()));
        Ok(())
    }
}

/// Waits until a request has come to a container; not long, since it may never come.
async fn arrival(link: Link, container: &Container) {
    match link {
        Link::InProcess => settle().await,
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

/// Lets what is under way arrive. All ends run on this thread, and a loopback socket has what was written to it at once: so
/// nothing takes longer than the scheduler, which looks at the sockets too, needs to get round. Only what waits for a timer
/// is not reached; over sockets [`pause`] is for that.
async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

/// Lets what is under way arrive, and over sockets a few milliseconds pass.
async fn pause(link: Link) {
    match link {
        Link::InProcess => settle().await,
        Link::Http => tokio::time::sleep(Duration::from_millis(5)).await,
    }
}

/// An address of this machine alone for the next session. The connections of sessions that have ended occupy their ports
/// for a minute more, and thousands of sessions on one address would leave no port free.
fn loopback() -> Ipv4Addr {
    static LAST: AtomicU16 = AtomicU16::new(0);
    // Linux alone answers at all of 127.0.0.0/8 as it is.
    if !cfg!(target_os = "linux") {
        return Ipv4Addr::LOCALHOST;
    }
    // All are as long as each other when written down, so that no message's length depends on which it is.
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let octet = |n: u16| 100 + u8::try_from(n % 150).unwrap_or(0);
    Ipv4Addr::new(127, 1, octet(number / 150), octet(number))
}

fn address(endpoint: &Endpoint) -> Result<SocketAddr, TargetError> {
    endpoint.to_string().parse().map_err(|_| TargetError::Send(format!("`{endpoint}` is no socket address")))
}
