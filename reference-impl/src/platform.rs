//! A whole platform, started from one configuration.

use crate::clock::Clock;
use crate::control::{ControlPlane, Parts};
#[cfg(feature = "faults")]
use crate::edge::app_proxy::planted::Planted;
use crate::edge::app_proxy::shell::AppProxy;
use crate::edge::budget::Budget;
use crate::edge::credentials::shell::{Credentials, Stores};
use crate::edge::gate::GateRules;
use crate::edge::hooks::shell::{Hooks, decoy};
use crate::edge::listener::{Door, Edge, serve, tls_acceptor};
use crate::edge::provider_proxy::shell::{Means, ProviderProxy};
use crate::edge::upstream::Pool;
use crate::edge::worker::Worker;
use crate::entropy::Entropy;
use crate::fault::FaultSet;
use crate::identity::key::KeyLookup;
use crate::identity::user_token::{IdentityKey, IdentityKeyError, IdentityKeys};
use crate::identity::{CookieKey, CookieKeys, KeyError};
use crate::network::{Acceptor, Endpoint, Network};
use crate::observe::Observer;
use crate::provider::Adapter;
use crate::signin::SignIn;
use crate::store::database::{Db, MemoryDatabase};
use crate::store::kv::namespace::ControlKv;
use crate::store::rates::{MarginRule, Rate, RateError, Rates};
use crate::store::vault::{MasterKey, Vault};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

/// What a platform is made of.
pub struct PlatformConfig {
    /// The time.
    pub clock: Clock,
    /// The source of secrets.
    pub entropy: Entropy,
    /// The keys of the session cookie: the first signs, all verify.
    pub cookie_keys: Vec<CookieKey>,
    /// How old the state of the KV namespace is that a worker sees.
    pub kv_staleness: Duration,
    /// Where the platform listens, and where its targets are.
    pub network: Network,
    /// The certificate to serve HTTPS with; without one there is no HTTPS.
    pub tls: Option<TlsIdentity>,
    /// Who watches.
    pub observer: Option<Arc<dyn Observer>>,
    /// The planted faults.
    #[cfg(feature = "faults")]
    pub faults: FaultSet,
    /// Bounds.
    pub limits: Limits,
    /// What the workers beside the app-proxy need.
    pub edge: EdgeConfig,
}

impl PlatformConfig {
    /// A platform with nothing behind its edge, no TLS, no observer, and limits as they are by default. Its namespace is
    /// never stale.
    #[must_use]
    pub fn new(clock: Clock, entropy: Entropy, cookie_keys: Vec<CookieKey>, network: Network) -> Self {
        Self {
            clock,
            entropy,
            cookie_keys,
            kv_staleness: Duration::ZERO,
            network,
            tls: None,
            observer: None,
            #[cfg(feature = "faults")]
            faults: FaultSet::none(),
            limits: Limits::default(),
            edge: EdgeConfig::default(),
        }
    }
}

/// What the provider proxies, the credentials worker, the hooks worker and the vault need. The default has none of it.
#[derive(Debug, Clone, Default)]
pub struct EdgeConfig {
    /// What wraps the tenants' data keys. Without it nothing can be sealed, so no app or connection be made.
    pub master_key: Option<MasterKey>,
    /// What identity tokens are verified with. Without one no such token is good.
    pub identity_keys: Vec<IdentityKey>,
    /// Where each adapter's upstream is reached. A request for another is answered as if it were out of reach.
    pub upstreams: BTreeMap<Adapter, Endpoint>,
    /// Where the broker is reached.
    pub broker: Option<Endpoint>,
    /// The platform's own credentials.
    pub pool_credentials: BTreeMap<Adapter, PoolCredential>,
    /// The rate table.
    pub rates: Vec<Rate>,
    /// The margin rules.
    pub margins: Vec<MarginRule>,
}

/// A credential of the platform's own. It is wiped when it is dropped, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PoolCredential(Zeroizing<String>);

impl PoolCredential {
    /// Takes a credential.
    #[must_use]
    pub fn new(secret: Zeroizing<String>) -> Self {
        Self(secret)
    }

    /// The credential, to be written into a request.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PoolCredential {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PoolCredential")
    }
}

/// A certificate chain and its key, both in PEM. One certificate may name every host.
#[derive(Clone)]
pub struct TlsIdentity {
    /// The chain, the server's own certificate first.
    pub chain_pem: String,
    /// The private key.
    pub key_pem: String,
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TlsIdentity")
    }
}

/// Bounds on what a client or a container may ask of the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest request head, in bytes.
    pub head_bytes: usize,
    /// The most header fields of a request.
    pub headers: usize,
    /// The most streams of an HTTP/2 connection at one time.
    pub h2_streams: u32,
    /// How long a request head may take from its first byte; also a TLS handshake.
    pub head_read_timeout: Duration,
    /// How long a connection may stay without a request.
    pub idle_timeout: Duration,
    /// How long a container may take to accept a connection.
    pub connect_timeout: Duration,
    /// How long a container may take to answer, from the last byte of the request that moved.
    pub response_head_timeout: Duration,
    /// How long an exchange may stand still: its client takes nothing, or nothing of a body moves after the head.
    pub stall_timeout: Duration,
    /// The most idle connections kept for one target.
    pub idle_upstreams: usize,
    /// The most bytes of bodies that are held until they are whole, of all tenants together.
    pub held_bytes: usize,
    /// The same, of one tenant. It holds no more than an eighth of what nobody holds, either.
    pub held_bytes_of_tenant: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 * 1024,
            headers: 100,
            h2_streams: 100,
            head_read_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            connect_timeout: Duration::from_secs(10),
            response_head_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(60),
            idle_upstreams: 64,
            held_bytes: 512 * 1024 * 1024,
            held_bytes_of_tenant: 32 * 1024 * 1024,
        }
    }
}

/// Why a platform did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The cookie keys can't be used.
    #[error("reading the cookie keys: {0}")]
    Keys(#[from] KeyError),
    /// There is no listener.
    #[error("opening a listener: {0}")]
    Listen(#[from] io::Error),
    /// The certificate or its key can't be used.
    #[error("reading the TLS identity: {0}")]
    Tls(String),
    /// A rate or a margin can't be used.
    #[error("reading the rates and margins: {0}")]
    Rates(#[from] RateError),
    /// The keys of identity tokens can't be used.
    #[error("reading the identity keys: {0}")]
    IdentityKeys(#[from] IdentityKeyError),
}

/// A running platform. Dropping it ends everything it serves, at once.
pub struct Platform {
    control: ControlPlane,
    network: Network,
    http: Endpoint,
    https: Option<Endpoint>,
    workers: BTreeMap<Worker, Endpoint>,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
}

/// Listeners of the caller's choice.
#[derive(Debug)]
pub struct Listeners {
    /// For HTTP.
    pub http: (Acceptor, Endpoint),
    /// For HTTPS; used only with a [`TlsIdentity`].
    pub https: Option<(Acceptor, Endpoint)>,
    /// For single workers, for clients that can't send the worker's host; HTTP alone.
    pub workers: Vec<(Worker, Acceptor, Endpoint)>,
}

impl Platform {
    /// Starts a platform on fresh endpoints of its network. Needs a Tokio runtime.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(config: PlatformConfig) -> Result<Self, StartError> {
        let http = config.network.bind()?;
        let https = config.tls.as_ref().map(|_| config.network.bind()).transpose()?;
        let own = |worker| config.network.bind().map(|(acceptor, endpoint)| (worker, acceptor, endpoint));
        let workers = Worker::with_own_door().map(own).collect::<io::Result<_>>()?;
        Self::start_on(config, Listeners { http, https, workers })
    }

    /// Starts a platform on given listeners. Needs a Tokio runtime.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start_on(config: PlatformConfig, listeners: Listeners) -> Result<Self, StartError> {
        let keys = CookieKeys::new(&config.cookie_keys)?;
        #[cfg(feature = "faults")]
        let faults = config.faults;
        #[cfg(not(feature = "faults"))]
        let faults = FaultSet::none();
        let tls = config.tls.as_ref().map(tls_acceptor).transpose()?;
        let rates = Rates::new_with(&config.edge.rates, &config.edge.margins, faults)?;
        let database = MemoryDatabase::new(rates, config.entropy.clone(), faults);
        let master = config.edge.master_key.clone();
        let vault = master.map(|master| Vault::with(master, config.entropy.clone(), config.observer.clone(), faults));
        let identity_keys = IdentityKeys::new(&config.edge.identity_keys)?;
        let sign_in = SignIn::new(config.entropy.clone(), faults);
        let kv = ControlKv::new(config.clock.clone(), config.kv_staleness, config.observer.clone());
        let credentials = Arc::new(Credentials::new(Stores {
            kv: kv.worker(),
            database: Db::Memory(database.clone()),
            vault: vault.clone(),
            identity_keys,
            clock: config.clock.clone(),
            network: config.network.clone(),
            limits: config.limits.clone(),
            broker: config.edge.broker,
            broker_key: config.edge.pool_credentials.get(&Adapter::Composio).cloned(),
            observer: config.observer.clone(),
            keys: KeyLookup::new(kv.worker(), Db::Memory(database.clone()), faults),
            faults,
            #[cfg(feature = "faults")]
            pool_credentials: config.edge.pool_credentials.clone(),
        }));
        #[cfg(feature = "faults")]
        let secrets = crate::edge::hooks::planted::Secrets::default();
        let bodies = Budget::new(config.limits.held_bytes, config.limits.held_bytes_of_tenant);
        let hooks = Hooks {
            bodies: bodies.clone(),
            database: Db::Memory(database.clone()),
            decoy: vault.as_ref().and_then(|vault| decoy(vault, &config.entropy)),
            vault: vault.clone(),
            clock: config.clock.clone(),
            network: config.network.clone(),
            limits: config.limits.clone(),
            observer: config.observer.clone(),
            faults,
            #[cfg(feature = "faults")]
            planted: crate::edge::hooks::planted::Planted::new(kv.worker(), secrets.clone()),
        };
        let pool = Pool::new(config.network.clone(), config.limits.clone(), faults);
        let edge = Arc::new(Edge {
            credentials: credentials.clone(),
            hooks,
            provider_proxy: ProviderProxy::new(Means {
                kv: kv.worker(),
                keys: KeyLookup::new(kv.worker(), Db::Memory(database.clone()), faults),
                database: Db::Memory(database.clone()),
                vault: vault.clone(),
                pool: pool.clone(),
                upstreams: config.edge.upstreams,
                pool_credentials: config.edge.pool_credentials,
                clock: config.clock.clone(),
                observer: config.observer.clone(),
                bodies,
                stall_timeout: config.limits.stall_timeout,
                faults,
                #[cfg(feature = "faults")]
                planted: crate::edge::provider_proxy::planted::Planted::default(),
            }),
            app_proxy: AppProxy {
                kv: kv.worker(),
                keys: keys.clone(),
                clock: config.clock.clone(),
                sign_in: sign_in.clone(),
                pool,
                observer: config.observer.clone(),
                faults,
                #[cfg(feature = "faults")]
                planted: Planted::new(kv.breach()),
            },
            rules: Arc::new(GateRules::new(&config.limits, faults, config.observer.clone())),
            limits: config.limits,
        });
        let control = ControlPlane::new(Parts {
            kv,
            clock: config.clock,
            staleness: config.kv_staleness,
            keys,
            sign_in,
            database,
            vault,
            entropy: config.entropy,
            observer: config.observer,
            faults,
            #[cfg(feature = "faults")]
            secrets,
        });
        control.on_connection_change(Arc::new(move |id| credentials.purge(id)));
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let (acceptor, http) = listeners.http;
        tasks.spawn(serve(acceptor, None, Door::Hosts, edge.clone(), stopped.clone()));
        let https = match (listeners.https, tls) {
            (Some((acceptor, endpoint)), Some(tls)) => {
                tasks.spawn(serve(acceptor, Some(tls), Door::Hosts, edge.clone(), stopped.clone()));
                Some(endpoint)
            }
            (Some(_), None) => return Err(StartError::Tls("a listener for HTTPS needs a certificate".to_owned())),
            (None, Some(_)) => return Err(StartError::Tls("a certificate needs a listener for HTTPS".to_owned())),
            (None, None) => None,
        };
        let mut workers = BTreeMap::new();
        for (worker, acceptor, endpoint) in listeners.workers {
            tasks.spawn(serve(acceptor, None, Door::Own(worker), edge.clone(), stopped.clone()));
            workers.insert(worker, endpoint);
        }
        Ok(Self { control, network: config.network, http, https, workers, stop, listeners: tasks })
    }

    /// The control plane.
    #[must_use]
    pub fn control(&self) -> ControlPlane {
        self.control.clone()
    }

    /// Where HTTP is served.
    #[must_use]
    pub fn http_endpoint(&self) -> Endpoint {
        self.http
    }

    /// Where HTTPS is served.
    #[must_use]
    pub fn https_endpoint(&self) -> Option<Endpoint> {
        self.https
    }

    /// Where one worker alone is served, if it has a listener of its own. Any one `Host` is taken there.
    #[must_use]
    pub fn worker_endpoint(&self, worker: Worker) -> Option<Endpoint> {
        self.workers.get(&worker).copied()
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> Network {
        self.network.clone()
    }

    /// Stops accepting, lets requests under way finish until the deadline, then ends.
    pub async fn shutdown(mut self, deadline: Duration) -> Shutdown {
        self.stop.send_replace(true);
        let finish = async { while self.listeners.join_next().await.is_some() {} };
        match tokio::time::timeout(deadline, finish).await {
            Ok(()) => Shutdown::Finished,
            Err(_) => Shutdown::CutOff,
        }
    }
}

/// How a platform has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Every request was answered.
    Finished,
    /// The deadline passed first, and what was under way was cut off.
    CutOff,
}

impl fmt::Debug for Platform {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Platform({})", self.http)
    }
}
