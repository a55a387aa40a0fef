//! `isolation serve`: a demo world on loopback, for a person with `curl`.

mod demo;
mod operator;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use reference_impl::{Clock, CookieKey, Entropy, Limits, Listeners, Network, Platform, PlatformConfig, Worker};

use super::{ExitCode, block_on, complain, print, usage};

/// Arguments of `isolation serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// File for addresses and sessions: shell variables, or JSON if it ends in `.json`. Only its owner can read it
    #[arg(long, value_name = "FILE")]
    credentials: PathBuf,
    /// Port on loopback; 0 for a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Ends by itself after so many seconds
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
}

pub(super) fn serve(args: &ServeArgs) -> ExitCode {
    match block_on(run(args)) {
        Ok(Ok(())) => ExitCode::Clean,
        Ok(Err(error)) => usage(&error),
        Err(error) => usage(&error.to_string()),
    }
}

async fn run(args: &ServeArgs) -> Result<(), String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let http = Network::bind_to(address).map_err(|error| {
        format!("listening on {address}: {error}; choose another --port, or leave it out for a free one")
    })?;
    let vendo = http.1.to_string();
    let network = Network::sockets();
    let mut workers = Vec::new();
    for worker in demo::WORKERS {
        let (acceptor, endpoint) = network.bind().map_err(|error| format!("listening for {worker:?}: {error}"))?;
        workers.push((worker, acceptor, endpoint));
    }
    let providers = demo::Providers::start(&network)?;
    let platform = Platform::start_on(
        PlatformConfig {
            clock: Clock::system(),
            entropy: Entropy::os(),
            cookie_keys: vec![CookieKey { kid: "demo".to_owned(), secret: secret()?.to_vec() }],
            kv_staleness: Duration::ZERO,
            network: network.clone(),
            tls: None,
            observer: None,
            #[cfg(feature = "faults")]
            faults: reference_impl::FaultSet::none(),
            limits: Limits::default(),
            edge: providers.edge_config(secret()?),
        },
        Listeners { http, https: None, workers },
    )
    .map_err(|error| error.to_string())?;
    let mut world = demo::provision(&platform.control(), &network).await?;
    let operator = operator::Operator::start(&network, platform.control(), &world.tenants)?;
    world.variables.insert(0, ("VENDO".to_owned(), vendo.clone()));
    world.variables.insert(1, ("OPERATOR".to_owned(), operator.endpoint().to_string()));
    for worker in demo::WORKERS {
        if let Some(endpoint) = platform.worker_endpoint(worker) {
            world.variables.push((format!("{}_URL", name_of(worker)), format!("http://{endpoint}")));
        }
    }
    write_credentials(&args.credentials, &world.variables)?;
    print(&format!("serving on http://{vendo}; addresses, sessions and keys are in {}\n", args.credentials.display()));
    wait(args.seconds).await;
    platform.shutdown(Duration::from_secs(5)).await;
    drop((world, operator, providers));
    Ok(())
}

/// 256 bits from the system.
fn secret() -> Result<[u8; 32], String> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| format!("drawing a secret: {error}"))?;
    Ok(secret)
}

/// The name of a worker in the variables.
fn name_of(worker: Worker) -> String {
    match worker {
        Worker::AppProxy => "APP_PROXY".to_owned(),
        Worker::Provider(adapter) => adapter.slug().to_uppercase(),
        Worker::Credentials => "CREDENTIALS".to_owned(),
        Worker::Hooks => "HOOKS".to_owned(),
    }
}

async fn wait(seconds: Option<u64>) {
    let interrupted = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            complain(&format!("waiting for an interrupt: {error}"));
        }
    };
    match seconds {
        Some(seconds) => {
            tokio::select! {
                () = interrupted => {}
                () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
            }
        }
        None => interrupted.await,
    }
}

fn write_credentials(path: &Path, variables: &[(String, String)]) -> Result<(), String> {
    let text = if path.extension().is_some_and(|extension| extension == "json") {
        let object: serde_json::Map<String, serde_json::Value> =
            variables.iter().map(|(name, value)| (name.to_lowercase(), value.clone().into())).collect();
        let mut text = serde_json::to_string_pretty(&object).map_err(|error| error.to_string())?;
        text.push('\n');
        text
    } else {
        let mut text = String::new();
        for (name, value) in variables {
            // Names and values are of letters, digits and `.:_-/`: a shell reads them as they are.
            writeln!(text, "{name}={value}").map_err(|error| error.to_string())?;
        }
        text
    };
    let failed = |error: std::io::Error| format!("writing {}: {error}", path.display());
    let mut options = fs::OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed)
}
