//! The shared workers of the edge, and which of them a host leads to.

use crate::host::{Host, PLATFORM_DOMAIN};
use crate::provider::Adapter;
use std::fmt;

/// A worker that all tenants share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Worker {
    /// In front of every deployment's container.
    AppProxy,
    /// In front of one provider's API.
    Provider(Adapter),
    /// Gives a deployment the tokens of its connections.
    Credentials,
    /// Takes webhooks in for deployments.
    Hooks,
}

impl Worker {
    /// The workers that have a door of their own beside the one that all hosts share.
    pub fn with_own_door() -> impl Iterator<Item = Self> {
        Adapter::ALL.into_iter().map(Self::Provider).chain([Self::Credentials, Self::Hooks])
    }
}

impl fmt::Display for Worker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AppProxy => out.write_str("app-proxy"),
            Self::Provider(adapter) => write!(out, "{adapter}-proxy"),
            Self::Credentials => out.write_str("credentials"),
            Self::Hooks => out.write_str("hooks"),
        }
    }
}

/// Where a host leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// To a worker.
    Worker(Worker),
    /// To a provider proxy that isn't there.
    NoProvider,
}

impl Destination {
    /// Where a host leads. What is nobody else's is the app-proxy's, which knows how to refuse it.
    #[must_use]
    pub fn of(host: &Host) -> Self {
        let label = host.as_str().strip_suffix(PLATFORM_DOMAIN).and_then(|rest| rest.strip_suffix('.'));
        match label {
            Some("credentials") => Self::Worker(Worker::Credentials),
            Some("hooks") => Self::Worker(Worker::Hooks),
            Some(label) if label.ends_with("-proxy") && !label.contains('.') => {
                Adapter::from_label(label).map_or(Self::NoProvider, |adapter| Self::Worker(Worker::Provider(adapter)))
            }
            Some(_) | None => Self::Worker(Worker::AppProxy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_leads_to_one_worker() {
        let app_proxy = Destination::Worker(Worker::AppProxy);
        for (host, destination) in [
            ("openai-proxy.vendo.run", Destination::Worker(Worker::Provider(Adapter::Openai))),
            ("Telegram-Proxy.Vendo.Run.", Destination::Worker(Worker::Provider(Adapter::Telegram))),
            ("credentials.vendo.run", Destination::Worker(Worker::Credentials)),
            ("hooks.vendo.run", Destination::Worker(Worker::Hooks)),
            ("acme-proxy.vendo.run", Destination::NoProvider),
            ("x-openai-proxy.vendo.run", Destination::NoProvider),
            ("slack-proxy.vendo.run", Destination::NoProvider),
            ("x.openai-proxy.vendo.run", app_proxy),
            ("proxy.vendo.run", app_proxy),
            ("vendo.run", app_proxy),
            ("api.vendo.run", app_proxy),
            ("acme-app.vendo.run", app_proxy),
            ("openai-proxy.example", app_proxy),
            ("openai-proxy.xvendo.run", app_proxy),
            ("openai-proxy", app_proxy),
            ("credentials.vendo.run.example", app_proxy),
        ] {
            let host = crate::host::normalise(host.as_bytes()).unwrap();
            assert_eq!(Destination::of(&host), destination, "{host}");
        }
    }

    #[test]
    fn every_worker_but_the_app_proxy_has_a_door() {
        let workers: std::collections::BTreeSet<_> = Worker::with_own_door().collect();
        assert_eq!(workers.len(), 11);
        assert!(!workers.contains(&Worker::AppProxy));
    }
}
