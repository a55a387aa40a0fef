//! Calls to the workers at the platform's edge: the provider proxies, the credentials worker, the hooks worker; what
//! their operators change; and attempts on sealed values.

pub mod control;
pub mod header;
pub mod hook;
pub mod key;
pub mod provider;
pub mod vault;
pub mod vend;

use serde::{Deserialize, Serialize};

pub use control::EdgeControl;
pub use header::EdgeHeader;
pub use hook::HookCall;
pub use key::Presented;
pub use provider::ProviderCall;
pub use vault::VaultTry;
pub use vend::VendCall;

use super::Transport;
use crate::world::edge::Provider;

/// One request to a worker of the edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeCall {
    /// To a provider proxy.
    Provider(ProviderCall),
    /// To the credentials worker.
    Vend(VendCall),
    /// To the hooks worker.
    Hook(HookCall),
}

impl EdgeCall {
    /// Takes out what can't be carried, so that the bytes that are sent mean what the fields say.
    #[must_use]
    pub fn canonical(self) -> Self {
        match self {
            Self::Provider(call) => Self::Provider(call.canonical()),
            Self::Vend(call) => Self::Vend(call.canonical()),
            Self::Hook(call) => Self::Hook(call.canonical()),
        }
    }

    /// One of several calls at once: on a connection of its own, its client stays, and broker and container answer well.
    #[must_use]
    pub fn together(mut self) -> Self {
        self.carrier_mut().reuse = false;
        match &mut self {
            Self::Provider(call) => call.client = provider::ClientEnd::Reads,
            // Which of two equal requests gets which answer is nobody's claim.
            Self::Vend(call) => call.broker = vend::BrokerReply::plain(),
            Self::Hook(call) => call.container = hook::HookReply::Ok,
        }
        self.canonical()
    }

    /// How it is carried.
    #[must_use]
    pub const fn carrier(&self) -> &Carrier {
        match self {
            Self::Provider(call) => &call.carrier,
            Self::Vend(call) => &call.carrier,
            Self::Hook(call) => &call.carrier,
        }
    }

    /// How it is carried.
    #[must_use]
    pub const fn carrier_mut(&mut self) -> &mut Carrier {
        match self {
            Self::Provider(call) => &mut call.carrier,
            Self::Vend(call) => &mut call.carrier,
            Self::Hook(call) => &mut call.carrier,
        }
    }

    /// Who sends it: his request canary marks it.
    #[must_use]
    pub const fn sender(&self) -> u8 {
        match self {
            Self::Provider(call) => call.sender,
            Self::Vend(call) => call.sender,
            Self::Hook(call) => call.sender,
        }
    }

    /// The key that it presents; a webhook presents none.
    #[must_use]
    pub const fn presented(&self) -> Option<&Presented> {
        match self {
            Self::Provider(call) => Some(&call.presented),
            Self::Vend(call) => Some(&call.presented),
            Self::Hook(_) => None,
        }
    }
}

/// How a call is carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carrier {
    /// Which protocol carries it. The listener of one worker speaks no TLS.
    pub transport: Transport,
    /// On the connection that the latest call over this transport and door left open, if it did.
    pub reuse: bool,
    /// Through which door.
    pub door: Door,
    /// What the `Host` field or `:authority` says.
    pub host: HostLine,
    /// Other headers, in their order.
    pub headers: Vec<EdgeHeader>,
}

impl Carrier {
    /// Over HTTP/1.1 in the clear, through the platform's front door, with no header more than it takes.
    #[must_use]
    pub const fn plain() -> Self {
        Self { transport: Transport::Http1, reuse: false, door: Door::Host, host: HostLine::Plain, headers: Vec::new() }
    }

    /// Takes out what can't be carried.
    #[must_use]
    pub(super) fn canonical(mut self) -> Self {
        if self.door == Door::Listener && self.transport.is_tls() {
            self.transport = if self.transport.is_http2() { Transport::Http2 } else { Transport::Http1 };
        }
        if self.door == Door::Host && self.host.is_for_listeners() {
            self.host = HostLine::Plain;
        }
        if self.transport.is_http2() {
            if self.host.is_for_http1() {
                self.host = HostLine::Plain;
            }
            self.headers.retain(EdgeHeader::fits_http2);
        }
        self
    }
}

/// Where a call enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// The platform's listener, where the host names the worker.
    Host,
    /// The worker's own listener, where the host names nothing.
    Listener,
}

/// What a call says for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostLine {
    /// The worker's own host.
    Plain,
    /// In upper case: the same host.
    Upper,
    /// With a dot behind: the same host.
    TrailingDot,
    /// With a port: the same host.
    Port,
    /// `127.0.0.1:8080`. At a listener alone, where it is good.
    Address,
    /// The host of a deployment. At a listener alone, where it names nothing.
    Deployment(u8),
    /// The host of another adapter's proxy. At a listener alone, where it names nothing.
    Adapter(Provider),
    /// The worker's host in two fields: 400. HTTP/1.1 alone.
    Twice,
    /// No field: 400. HTTP/1.1 alone.
    Missing,
    /// `http://{worker's host}{path}` for a target, and the same host in the field: 400 at every worker. HTTP/1.1
    /// alone, and not to the hooks worker.
    Absolute,
    /// `http://{a deployment's host}{path}` for a target, and the worker's host in the field: 400. HTTP/1.1 alone.
    AbsoluteOther(u8),
}

impl HostLine {
    /// Those that say the worker's host and are good.
    pub const GOOD: [Self; 4] = [Self::Plain, Self::Upper, Self::TrailingDot, Self::Port];

    const fn is_for_listeners(self) -> bool {
        matches!(self, Self::Address | Self::Deployment(_) | Self::Adapter(_))
    }

    const fn is_for_http1(self) -> bool {
        matches!(self, Self::Twice | Self::Missing | Self::Absolute | Self::AbsoluteOther(_))
    }

    /// Whether a call with it is refused for its sake, at either door.
    #[must_use]
    pub const fn is_refused(self) -> bool {
        matches!(self, Self::Twice | Self::Missing | Self::Absolute | Self::AbsoluteOther(_))
    }
}
