//! Serves the reference implementation from a configuration file, until it is told to stop.

use clap::Parser;
use reference_impl::platform::Shutdown;
use reference_impl::{
    Clock, CookieKey, DeploySlug, DeploymentId, EdgeConfig, Entropy, FaultSet, Limits, Listeners, Network,
    NewDeployment, Platform, PlatformConfig, Status, TenantId, TenantSlug, TlsIdentity,
};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const AFTER_HELP: &str = r#"The configuration is one JSON object:

  {
    "http": "127.0.0.1:8080",
    "https": { "listen": "127.0.0.1:8443", "chain": "chain.pem", "key": "key.pem" },
    "cookie_keys": [ { "kid": "2026-01", "secret_env": "COOKIE_SECRET" }, { "kid": "2025-07", "secret_file": "old.hex" } ],
    "tenants": [ { "id": "t_1", "slug": "acme" } ],
    "deployments": [ { "id": "d_1", "tenant": "t_1", "slug": "app", "target": "127.0.0.1:4000",
                       "vendo_auth": true, "legacy": false, "domains": ["crm.acme.example"] } ],
    "shutdown_seconds": 10
  }

"https", "legacy", "domains", "tenants", "deployments" and "shutdown_seconds" may be left out. A secret is at least 64
hex digits. The first cookie key signs, all verify. Paths are relative to the configuration file.

Exit codes: 0 stopped, every request answered; 1 stopped, and some were cut off; 2 not started."#;

/// Serves the reference implementation of Vendo's app-proxy.
#[derive(Parser)]
#[command(name = "reference-server", version, after_long_help = AFTER_HELP)]
struct Options {
    /// The configuration file; `--help` shows its form.
    #[arg(long, value_name = "FILE.json")]
    config: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    http: SocketAddr,
    https: Option<Https>,
    cookie_keys: Vec<Key>,
    #[serde(default)]
    tenants: Vec<Tenant>,
    #[serde(default)]
    deployments: Vec<Deployment>,
    #[serde(default = "ten")]
    shutdown_seconds: u64,
}

fn ten() -> u64 {
    10
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Https {
    listen: SocketAddr,
    chain: PathBuf,
    key: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    kid: String,
    secret_env: Option<String>,
    secret_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tenant {
    id: String,
    slug: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deployment {
    id: String,
    tenant: String,
    slug: String,
    target: String,
    vendo_auth: bool,
    #[serde(default)]
    legacy: bool,
    #[serde(default)]
    domains: BTreeSet<String>,
}

/// Why the server did not start: what, where, and how to mend it.
#[derive(Debug, thiserror::Error)]
#[error("reference-server: {what}\n  where: {place}\n  to mend it: {mend}")]
struct NotStarted {
    what: String,
    place: String,
    mend: String,
}

fn not_started(what: impl Display, place: impl Display, mend: impl Display) -> NotStarted {
    NotStarted { what: what.to_string(), place: place.to_string(), mend: mend.to_string() }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options.config) {
        Ok(Shutdown::Finished) => ExitCode::SUCCESS,
        Ok(Shutdown::CutOff) => {
            eprintln!("reference-server: the deadline passed, and requests under way were cut off");
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run(path: &Path) -> Result<Shutdown, NotStarted> {
    if FaultSet::COMPILED_IN {
        return Err(not_started(
            "this build can be made to have faults on purpose, which are ways around authentication",
            "the cargo feature `faults` of reference-impl",
            "build without it: cargo build --release -p reference-impl --bin reference-server",
        ));
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        not_started(format!("reading the configuration: {error}"), path.display(), "name a file that can be read")
    })?;
    let config: Config = serde_json::from_str(&text).map_err(|error| {
        not_started(format!("the configuration is malformed: {error}"), path.display(), "see reference-server --help")
    })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        not_started(format!("starting the runtime: {error}"), "the operating system", "raise its limits")
    })?;
    runtime.block_on(serve(config, folder))
}

async fn serve(config: Config, folder: &Path) -> Result<Shutdown, NotStarted> {
    let mut signals = Signals::listen()?;
    let cookie_keys = config.cookie_keys.iter().enumerate();
    let cookie_keys = cookie_keys.map(|(index, key)| read_key(key, index, folder)).collect::<Result<Vec<_>, _>>()?;
    let bind = |address: SocketAddr, place: &str| {
        Network::bind_to(address).map_err(|error| {
            not_started(format!("listening on {address}: {error}"), place, "choose a free address of this machine")
        })
    };
    let mut tls = None;
    let mut https = None;
    if let Some(wanted) = &config.https {
        tls = Some(TlsIdentity {
            chain_pem: read(&folder.join(&wanted.chain), "https.chain")?,
            key_pem: read(&folder.join(&wanted.key), "https.key")?,
        });
        https = Some(bind(wanted.listen, "https.listen")?);
    }
    let listeners = Listeners { http: bind(config.http, "http")?, https, workers: Vec::new() };
    let platform = Platform::start_on(
        PlatformConfig {
            clock: Clock::system(),
            entropy: Entropy::os(),
            cookie_keys,
            kv_staleness: Duration::ZERO,
            network: Network::sockets(),
            tls,
            observer: None,
            #[cfg(feature = "faults")]
            faults: FaultSet::none(),
            limits: Limits::default(),
            edge: EdgeConfig::default(),
        },
        listeners,
    )
    .map_err(|error| not_started(error, "cookie_keys or https", "see reference-server --help"))?;
    provision(&platform, &config)?;
    signals.wait().await;
    say("stopping");
    Ok(platform.shutdown(Duration::from_secs(config.shutdown_seconds)).await)
}

/// Creates what the configuration lists, and says where it is served.
fn provision(platform: &Platform, config: &Config) -> Result<(), NotStarted> {
    let control = platform.control();
    say(&format!("http on {}", platform.http_endpoint()));
    if let Some(https) = platform.https_endpoint() {
        say(&format!("https on {https}"));
    }
    for (index, tenant) in config.tenants.iter().enumerate() {
        let place = format!("tenants[{index}]");
        let bad = |error: &dyn Display| not_started(error, &place, "give each tenant an id and a slug of its own");
        let id = TenantId::parse(&tenant.id).map_err(|error| bad(&error))?;
        let slug = TenantSlug::parse(&tenant.slug).map_err(|error| bad(&error))?;
        control.create_tenant(id, slug).map_err(|error| bad(&error))?;
    }
    for (index, deployment) in config.deployments.iter().enumerate() {
        let place = format!("deployments[{index}]");
        let bad = |error: &dyn Display| not_started(error, &place, "name a listed tenant, free names, and a target");
        let id = DeploymentId::parse(&deployment.id).map_err(|error| bad(&error))?;
        let new = NewDeployment {
            id: id.clone(),
            tenant: TenantId::parse(&deployment.tenant).map_err(|error| bad(&error))?,
            slug: DeploySlug::parse(&deployment.slug).map_err(|error| bad(&error))?,
            vendo_auth: deployment.vendo_auth,
            legacy: deployment.legacy,
            target: deployment.target.parse().map_err(|error| bad(&error))?,
        };
        let hosts = control.deploy(new).map_err(|error| bad(&error))?;
        control.set_status(&id, Status::Running).map_err(|error| bad(&error))?;
        for domain in &deployment.domains {
            control.claim_domain(&id, domain).map_err(|error| bad(&error))?;
        }
        let access = if deployment.vendo_auth { "members only" } else { "public" };
        for host in [Some(hosts.single_level), hosts.legacy].into_iter().flatten().chain(deployment.domains.clone()) {
            say(&format!("{host} -> {} ({access})", deployment.target));
        }
    }
    Ok(())
}

fn read_key(key: &Key, index: usize, folder: &Path) -> Result<CookieKey, NotStarted> {
    let place = format!("cookie_keys[{index}]");
    let hex = match (&key.secret_env, &key.secret_file) {
        (Some(name), None) => std::env::var(name).map_err(|error| {
            not_started(format!("reading the variable {name}: {error}"), &place, "set it to at least 64 hex digits")
        })?,
        (None, Some(file)) => read(&folder.join(file), &place)?,
        (Some(_), Some(_)) | (None, None) => {
            return Err(not_started("a cookie key has one secret", &place, "give secret_env or secret_file"));
        }
    };
    let secret = from_hex(hex.trim()).ok_or_else(|| {
        not_started("the secret is not hex", &place, "write it as hex digits, for instance from: openssl rand -hex 32")
    })?;
    Ok(CookieKey { kid: key.kid.clone(), secret })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.chars().map(|digit| digit.to_digit(16)).collect::<Option<Vec<_>>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().filter_map(|[high, low]| u8::try_from(high * 16 + low).ok()).collect())
}

fn read(path: &Path, place: &str) -> Result<String, NotStarted> {
    std::fs::read_to_string(path).map_err(|error| {
        not_started(format!("reading {}: {error}", path.display()), place, "name a file that can be read")
    })
}

/// Prints a line. Nobody has to read it: a closed pipe is no reason to stop serving.
fn say(line: &str) {
    match writeln!(std::io::stdout(), "reference-server: {line}") {
        Ok(()) | Err(_) => {}
    }
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Result<Self, NotStarted> {
        use tokio::signal::unix::{SignalKind, signal};
        let failed = |error: std::io::Error| not_started(error, "signals", "run on a system that delivers signals");
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate()).map_err(failed)? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
