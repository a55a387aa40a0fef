//! What the platform lets an observer see of itself: which guards a request reached, and each access to the KV store.
//!
//! A guard is marked where its check is made, whatever the result. A test that never reached a guard proved nothing
//! about it. An observer can't change anything, and without one a mark costs one bit operation.

use crate::edge::worker::Worker;
use std::fmt;

macro_rules! guards {
    ($($(#[$doc:meta])* $name:ident = $id:literal,)*) => {
        /// A check that a request passes or fails.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Guard { $($(#[$doc])* $name,)* }

        impl Guard {
            /// Every guard, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The guard's stable name, in kebab case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }
        }
    };
}

guards! {
    /// The syntax of the host name.
    HostSyntax = "host-syntax",
    /// All the carriers of a host name in one request agree.
    HostAgreement = "host-agreement",
    /// The TLS server name is the host.
    Sni = "sni",
    /// Which kind of host it is: the platform's, a label, a legacy or custom host.
    HostClass = "host-class",
    /// The routing entry of the host was looked up.
    RouteLookup = "route-lookup",
    /// The Cookie fields were searched for the session.
    CookieParse = "cookie-parse",
    /// The session token was verified.
    CookieVerify = "cookie-verify",
    /// The session's tenant was compared with the entry's.
    TenantMatch = "tenant-match",
    /// The deployment's status was examined.
    Status = "status",
    /// The path was compared with the reserved prefix.
    ReservedPath = "reserved-path",
    /// Whether the host asks for a session, and the request has one.
    SignIn = "sign-in",
    /// A sign-in code was presented.
    CodeRedeem = "code-redeem",
    /// Request headers that a container must not see were removed.
    RequestStrip = "request-strip",
    /// The verified identity was written into the request.
    IdentityInject = "identity-inject",
    /// Response headers that a container must not send were removed.
    ResponseFilter = "response-filter",
    /// A change of protocol was asked for or answered.
    Upgrade = "upgrade",
    /// The framing of an HTTP/1 message was examined.
    Framing = "framing",
    /// A key of the KV store was made of an identifier.
    KvKey = "kv-key",
    /// A key was read from the KV store.
    KvGet = "kv-get",
    /// The raw path of a request was searched for traversal.
    PathGuard = "path-guard",
    /// The adapter was taken from the host's label, or the provider from the path.
    Adapter = "adapter",
    /// A key was issued or taken in, for an app or a connection of its tenant.
    KeyIssue = "key-issue",
    /// A bearer was looked up by its hash.
    KeyLookup = "key-lookup",
    /// A tenant's scope was minted from what was presented.
    Scope = "scope",
    /// The bindings of the key's app were walked.
    BindingChain = "binding-chain",
    /// The connection was compared with the key's tenant and the provider.
    ConnectionMatch = "connection-match",
    /// The route was classed as free, metered or blocked.
    RouteClass = "route-class",
    /// A hold on the tenant's wallet was asked for.
    Hold = "hold",
    /// A hold was settled.
    Settle = "settle",
    /// The spend caps of the key and its app were compared.
    SpendCap = "spend-cap",
    /// The connection's credential was written into the request.
    CredentialInject = "credential-inject",
    /// A token was given out.
    Vend = "vend",
    /// A provider's webhook secret was compared.
    WebhookSecret = "webhook-secret",
    /// A webhook's destination was chosen and its envelope signed.
    WebhookDelivery = "webhook-delivery",
    /// A value was sealed.
    Seal = "seal",
    /// An envelope was opened, or refused, against the place that it was read from.
    Aad = "aad",
    /// What an operation of the platform's API is about was sought within the caller's tenant.
    RouteScope = "route-scope",
}

/// A set of guards.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct GuardSet(u64);

impl GuardSet {
    /// The set without a guard.
    pub const EMPTY: Self = Self(0);

    /// Adds a guard.
    pub const fn mark(&mut self, guard: Guard) {
        self.0 |= 1 << guard as u8;
    }

    /// Whether the guard is in the set.
    #[must_use]
    pub const fn contains(self, guard: Guard) -> bool {
        self.0 & (1 << guard as u8) != 0
    }

    /// Whether no guard is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The guards, in declaration order.
    pub fn iter(self) -> impl Iterator<Item = Guard> {
        Guard::ALL.iter().copied().filter(move |guard| self.contains(*guard))
    }
}

impl fmt::Debug for GuardSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.iter().map(Guard::name)).finish()
    }
}

impl FromIterator<Guard> for GuardSet {
    fn from_iter<I: IntoIterator<Item = Guard>>(guards: I) -> Self {
        let mut set = Self::EMPTY;
        for guard in guards {
            set.mark(guard);
        }
        set
    }
}

/// What was decided about a request, before anything was sent to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutcomeKind {
    /// Sent on to the deployment's target.
    Forwarded,
    /// 302 to the sign-in.
    SignIn,
    /// 302 with a fresh session, for a good code.
    CodeRedeemed,
    /// 401: a bad code.
    CodeRefused,
    /// 400.
    BadRequest,
    /// 401: no valid session where one is asked for.
    Unauthorized,
    /// 403: a session of another tenant.
    Forbidden,
    /// 404.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 421: the TLS server name is not the host.
    Misdirected,
    /// 431: too many header bytes or fields.
    HeadTooLarge,
    /// 503: the deployment is not running.
    Unavailable,
}

/// A request that was decided.
#[derive(Debug, Clone, Copy)]
pub struct RequestTrace<'a> {
    /// The guards it reached.
    pub guards: GuardSet,
    /// The decision.
    pub outcome: OutcomeKind,
    /// The deployment whose entry the host led to, if there was one.
    pub deployment: Option<&'a str>,
}

/// An operation of the KV store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KvOp {
    /// One key was read.
    Get,
    /// One key was written.
    Put,
    /// One key was removed.
    Delete,
    /// Keys were enumerated.
    List,
}

/// Who used the KV store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KvActor {
    /// A worker, on behalf of a request.
    Worker,
    /// The control plane.
    Control,
}

/// Something that happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A request was decided: exactly one for each request.
    Request(RequestTrace<'a>),
    /// A container answered a forwarded request.
    Response {
        /// The guards that the answer reached.
        guards: GuardSet,
    },
    /// An access to the KV store, reported by the store itself.
    Kv {
        /// The operation.
        op: KvOp,
        /// The rendered key; the prefix for [`KvOp::List`].
        key: &'a str,
        /// Who asked.
        actor: KvActor,
    },
    /// A request was decided by a worker other than the app-proxy: exactly one for each request.
    Edge {
        /// The worker.
        worker: Worker,
        /// The guards that it reached.
        guards: GuardSet,
        /// The status that was answered.
        status: u16,
    },
    /// Guards that were reached apart from a request's answer: a settlement, an operation of the control plane.
    Guards {
        /// The guards.
        guards: GuardSet,
    },
    /// A line of a worker's log.
    Log {
        /// The line, without its end.
        line: &'a str,
    },
    /// A key of the KV store was made on trial (`ControlPlane::probe_kv_key`).
    Probe {
        /// The guards that the trial reached.
        guards: GuardSet,
    },
}

/// Receives events. It is called on the platform's own tasks: it must return at once, and must not panic.
pub trait Observer: Send + Sync {
    /// One event.
    fn observe(&self, event: &Event<'_>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_marked() {
        let mut set = GuardSet::EMPTY;
        assert!(set.is_empty());
        set.mark(Guard::KvGet);
        set.mark(Guard::HostSyntax);
        assert_eq!(set.iter().collect::<Vec<_>>(), [Guard::HostSyntax, Guard::KvGet]);
        assert!(!set.contains(Guard::Sni));
        assert_eq!(format!("{set:?}"), "{\"host-syntax\", \"kv-get\"}");
    }

    #[test]
    fn every_guard_has_a_bit_and_a_name_of_its_own() {
        assert!(Guard::ALL.len() <= 64);
        let names: std::collections::BTreeSet<_> = Guard::ALL.iter().map(|guard| guard.name()).collect();
        assert_eq!(names.len(), Guard::ALL.len());
        assert_eq!(Guard::ALL.iter().copied().collect::<GuardSet>().iter().count(), Guard::ALL.len());
    }
}
