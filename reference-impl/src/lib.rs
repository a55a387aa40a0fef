//! Reference implementation of the proxies and stores of Vendo.

pub mod clock;
pub mod control;
pub mod entropy;
pub mod fabric;
pub mod fault;
pub mod host;
pub mod identity;
pub mod ids;
pub mod network;
pub mod observe;
pub mod platform;
pub mod signin;
pub mod store;

pub use clock::Clock;
pub use control::{ControlError, ControlPlane, Hosts, NewDeployment};
pub use entropy::Entropy;
pub use fabric::container::{Container, Received, Reply};
pub use fault::{Fault, FaultSet};
pub use identity::{CookieKey, Member, Role};
pub use ids::{ConnectionId, DeploySlug, DeploymentId, TenantId, TenantSlug};
pub use network::{Acceptor, Endpoint, Network, Stream};
pub use observe::{Event, Guard, GuardSet, KvActor, KvOp, Observer, OutcomeKind, RequestTrace};
pub use platform::{Limits, Listeners, Platform, PlatformConfig, StartError, TlsIdentity};
pub use store::kv::{KvKeyError, Status};
