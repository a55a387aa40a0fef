//! `isolation serve`: a demo world on loopback, for a person with `curl`.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use reference_impl::{
    Clock, Container, ControlPlane, CookieKey, EdgeConfig, Entropy, Limits, Listeners, Member, Network, NewDeployment,
    Platform, PlatformConfig, Role,
};

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

/// How long a session of the demo is good.
const SESSION: Duration = Duration::from_secs(12 * 3600);

pub(super) fn serve(args: &ServeArgs) -> ExitCode {
    match block_on(run(args)) {
        Ok(Ok(())) => ExitCode::Clean,
        Ok(Err(error)) => usage(&error),
        Err(error) => usage(&error.to_string()),
    }
}

async fn run(args: &ServeArgs) -> Result<(), String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let listener = Network::bind_to(address).map_err(|error| {
        format!("listening on {address}: {error}; choose another --port, or leave it out for a free one")
    })?;
    let vendo = listener.1.to_string();
    let network = Network::sockets();
    let mut secret = vec![0; 32];
    getrandom::fill(&mut secret).map_err(|error| format!("drawing a secret: {error}"))?;
    let platform = Platform::start_on(
        PlatformConfig {
            clock: Clock::system(),
            entropy: Entropy::os(),
            cookie_keys: vec![CookieKey { kid: "demo".to_owned(), secret }],
            kv_staleness: Duration::ZERO,
            network: network.clone(),
            tls: None,
            observer: None,
            #[cfg(feature = "faults")]
            faults: reference_impl::FaultSet::none(),
            limits: Limits::default(),
            edge: EdgeConfig::default(),
        },
        Listeners { http: listener, https: None, workers: Vec::new() },
    )
    .map_err(|error| error.to_string())?;
    let (variables, containers) = provision(&platform.control(), &network, &vendo)?;
    write_credentials(&args.credentials, &variables)?;
    print(&format!("serving on http://{vendo}; addresses and sessions are in {}\n", args.credentials.display()));
    wait(args.seconds).await;
    platform.shutdown(Duration::from_secs(5)).await;
    drop(containers);
    Ok(())
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

/// The variables of the credentials file, and the containers, which stop when they are dropped.
type Provisioned = (Vec<(String, String)>, Vec<Container>);

/// Two tenants, each with a site for members and a public one.
fn provision(control: &ControlPlane, network: &Network, vendo: &str) -> Result<Provisioned, String> {
    let mut variables = vec![("VENDO".to_owned(), vendo.to_owned())];
    let mut containers = Vec::new();
    let words = |error: &dyn std::fmt::Display| error.to_string();
    for slug in ["acme", "globex"] {
        let tenant: reference_impl::TenantId = format!("tenant_{slug}").parse().map_err(|error| words(&error))?;
        control
            .create_tenant(tenant.clone(), slug.parse().map_err(|error| words(&error))?)
            .map_err(|error| error.to_string())?;
        for (deployment, vendo_auth, name) in [("crm", true, "HOST"), ("site", false, "PUBLIC_HOST")] {
            let page = format!(
                "<!doctype html><title>{slug} {deployment}</title><p>This is the {deployment} of {slug}.</p>\n"
            );
            let headers = vec![("Content-Type".to_owned(), "text/html; charset=utf-8".to_owned())];
            let container = Container::start(network, page.into_bytes(), headers).map_err(|error| error.to_string())?;
            let hosts = control
                .deploy(NewDeployment {
                    id: format!("dep_{slug}_{deployment}").parse().map_err(|error| words(&error))?,
                    tenant: tenant.clone(),
                    slug: deployment.parse().map_err(|error| words(&error))?,
                    vendo_auth,
                    legacy: false,
                    target: container.endpoint(),
                })
                .map_err(|error| error.to_string())?;
            variables.push((format!("{}_{name}", slug.to_uppercase()), hosts.single_level));
            containers.push(container);
        }
        for role in [Role::Owner, Role::Member, Role::Viewer] {
            let role_name = format!("{role:?}");
            let member = Member {
                user_id: format!("user_{slug}_{}", role_name.to_lowercase()),
                email: format!("{}@{slug}.example", role_name.to_lowercase()),
                name: format!("{role_name} of {slug}"),
                tenant: tenant.clone(),
                role,
            };
            let name = format!("{}_{}", slug.to_uppercase(), role_name.to_uppercase());
            variables.push((name, control.mint_cookie(&member, SESSION)));
        }
    }
    Ok((variables, containers))
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
            // Names and values are of letters, digits and `.:_-`: a shell reads them as they are.
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
