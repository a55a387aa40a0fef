//! Reference implementation of the proxies and stores of Vendo.
//!
//! Vendo runs a tenant's app in a container of its own and puts shared workers in front of all of them. This crate is
//! the shared part, complete enough to be attacked: the app-proxy that every browser passes, the KV namespace that
//! routes it, sign-in, and the control plane that owns the names. The facts that it implements are written down in
//! `CONTRACT.md`, beside the sources; where a comment says "the contract", it means that page.
//!
//! # How a request travels
//!
//! ```text
//! client ── edge::listener ── edge::gate ── hyper ── edge::app_proxy::shell ── upstream ── container
//!            TLS, HTTP/2      framing                 │        │
//!                             (framing.rs)            │        └─ request_headers, response_headers
//!                                                     ├─ decide::route ── host
//!                                                     ├─ WorkerKv::get
//!                                                     └─ decide::decide ── identity, reserved_path
//! ```
//!
//! Every decision is made in a pure function, and IO is done around it. [`edge::app_proxy::route`] finds the key of the
//! host's routing entry; the shell reads it; [`edge::app_proxy::decide()`] says what becomes of the request. Both can be
//! called without a network, and so can [`host::normalise`], [`identity::verify`] and [`edge::framing::examine`].
//!
//! # What is not there
//!
//! - A worker can't list, scan or write the KV namespace: [`store::kv::WorkerKv`] has one method.
//! - A [`identity::Session`] can't be made but by verifying a token, nor a [`host::Host`] but by normalising one.
//! - A [`identity::scope::TenantScope`] is minted by `identity` alone, from a key, a webhook's secret or the control plane's
//!   operator, and [`store::database`] reaches a tenant's rows by nothing else.
//! - There is no response cache and no coalescing, and no idle connection serves two targets.
//! - No answer of the proxy's own depends on what is behind a host, except in its status.
//! - Nothing waits without a deadline, but for a tunnel that both ends keep.
//!
//! # Faults
//!
//! With the cargo feature `faults`, mistakes can be planted, each at one named site ([`fault`]). They measure whether a
//! check can fail. They are ways around authentication: a build for use has none of them, and `reference-server` does
//! not start in a build that does.

pub mod clock;
pub mod control;
pub mod edge;
pub mod entropy;
pub mod fabric;
pub mod fault;
pub mod host;
pub mod identity;
pub mod ids;
pub mod network;
pub mod observe;
pub mod platform;
pub mod provider;
pub mod signin;
pub mod standin;
pub mod store;
mod tasks;

pub use clock::Clock;
pub use control::{
    AccountError, ControlError, ControlPlane, Hosts, IssuedKey, KeyView, NewApp, NewConnection, NewDeployment, NewKey,
    Workspace,
};
pub use edge::worker::Worker;
pub use entropy::Entropy;
pub use fabric::container::{Container, Received, Reply, Responder, Then};
pub use fault::{Fault, FaultSet};
pub use identity::{CookieKey, Member, Role};
pub use ids::{
    AppId, ConnectionId, DeploySlug, DeploymentId, ExternalId, HoldId, KeyId, ProviderSlug, TenantId, TenantSlug,
};
pub use network::{Acceptor, Endpoint, Network, Stream};
pub use observe::{Event, Guard, GuardSet, KvActor, KvOp, Observer, OutcomeKind, RequestTrace};
pub use platform::{
    EdgeConfig, Limits, Listeners, Platform, PlatformConfig, PoolCredential, Shutdown, StartError, TlsIdentity,
};
pub use provider::Adapter;
pub use store::kv::{KvKeyError, Status};
