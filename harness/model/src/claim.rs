//! The claim register: every isolation claim the harness verifies, each with the moves that try to break it, as data.
//!
//! A claim is the unit of judgement: scenarios, faults, findings and reports name one by its [`ClaimId`]. A [`Move`] is
//! one class of attack that one generator can realise. A claim is held only when every move of it was tried and reached
//! its [`Guard`], so an attack that the target never had to repel counts for nothing.
//!
//! The register knows nothing of how a move is carried out, and nothing of the target but the places that enforce a
//! claim. Start at [`Claim`]; the data lies in the submodules, by boundary.

mod app_proxy;
mod app_proxy_host;
mod app_proxy_session;
mod kv;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One isolation claim of the platform, as an auditor files it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The name of the claim in every report.
    pub id: ClaimId,
    /// What must hold, in one sentence.
    pub statement: &'static str,
    /// What an adversary wins if it does not hold, in one sentence.
    pub threat: &'static str,
    /// Whether the platform states the claim or the harness derived it.
    pub origin: Origin,
    /// Where the platform states it, or why a stated claim is void without it.
    pub source: Source,
    /// The boundary that the claim is about.
    pub boundary: Boundary,
    /// What owns the thing that the boundary protects.
    pub tier: Tier,
    /// The first milestone at which the claim must be held.
    pub held_from: Milestone,
    /// The places in the reference that enforce the claim.
    pub enforced_at: &'static [Symbol],
    /// The weakness classes, by CWE number, that a violation falls under.
    pub cwe: &'static [u16],
    /// The controls that a held claim is evidence for, as `FRAMEWORK:CONTROL`: NIST SP 800-53 revision 5
    /// (`NIST-800-53`), the SOC 2 trust services criteria (`SOC2`), ISO/IEC 27001:2022 Annex A (`ISO27001`).
    pub controls: &'static [&'static str],
    /// What an adversary tries. None may succeed.
    pub moves: &'static [Move],
    /// What the moves do not show and what shows it instead.
    pub note: Option<&'static str>,
}

impl Claim {
    /// Whether the claim must be held once `milestone` is reached.
    pub fn is_due(&self, milestone: Milestone) -> bool {
        self.held_from <= milestone
    }
}

/// One class of attack on a claim. The adversary holds only his own credentials, and knows every identifier but no
/// secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Move {
    /// The claim's id, a dot, and a name of its own: `APX-1.foreign-cookie`. Unique in the register.
    pub id: &'static str,
    /// What the adversary tries, in one line.
    pub title: &'static str,
    /// The check in the target that must have been reached for a try to count.
    pub guard: Guard,
}

/// A place in the reference that enforces a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Symbol {
    /// The file, from the root of the repository.
    pub file: &'static str,
    /// The item in that file.
    pub symbol: &'static str,
}

/// What a claim rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A sentence of the platform's public documentation.
    Stated(Citation),
    /// No sentence states it, but each of the claims in `from` is void without it.
    Derived {
        /// The stated claims that fall with this one.
        from: &'static [ClaimId],
        /// Why they fall with it.
        reason: &'static str,
    },
}

/// The place of a sentence in the platform's public documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Citation {
    /// The title of the page.
    pub document: &'static str,
    /// The heading above the sentence.
    pub section: &'static str,
    /// The words that state the claim, exactly as they stand there.
    pub quote: &'static str,
    /// The sentence's place under the heading, from 1; a list item that holds one sentence is one. 0 is the diagram.
    pub sentence: u16,
}

/// Who says that the claim must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The platform's documentation.
    Stated,
    /// The harness: a stated claim would be void without it.
    Derived,
}

/// The part of the work after which a claim must be held, in order: what is due at one stays due at the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Milestone {
    /// The app-proxy and the key-value store.
    Light,
    /// All workers at the edge.
    Edge,
    /// Database, dashboard and the resources of a deployment.
    Stores,
    /// Interleavings, crashes and twin worlds.
    Explorers,
    /// Load by a misbehaving deployment.
    Load,
}

/// What owns the thing that a boundary protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// One deployment: two deployments of one tenant share none of it.
    PerDeployment,
    /// One tenant: its deployments share it.
    PerTenant,
    /// The platform: all tenants use it.
    Shared,
}

/// Declares an enum whose variants have fixed names: the lists of variants and names come from one place.
macro_rules! named_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every variant, in the order of declaration.
            pub const ALL: [$name; [$($text),+].len()] = [$($name::$variant),+];

            /// The name, as reports and scenario files spell it.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok($name::$variant),)+
                    _ => Err(UnknownName { kind: stringify!($name), name: text.to_owned() }),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// A name that the register does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    kind: &'static str,
    name: String,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {} is named {:?}", self.kind, self.name)
    }
}

impl std::error::Error for UnknownName {}

named_enum! {
    /// The name of a claim. The order is the register's.
    pub enum ClaimId {
        /// Containers do not reach each other.
        Cmp1 = "CMP-1",
        /// Public HTTPS and platform calls are the only ways across.
        Cmp2 = "CMP-2",
        /// A database per deployment.
        Neo1 = "NEO-1",
        /// Database credentials open one database.
        Neo2 = "NEO-2",
        /// Bucket credentials open one bucket.
        Obj1 = "OBJ-1",
        /// Secrets are encrypted at rest.
        Sec1 = "SEC-1",
        /// Secrets reach their own service only.
        Sec2 = "SEC-2",
        /// A ciphertext opens in its own place only.
        Sec3 = "SEC-3",
        /// Generated secrets differ.
        Sec4 = "SEC-4",
        /// Bootstrap passwords are never reused.
        Adm1 = "ADM-1",
        /// A bootstrap password is shown once.
        Adm2 = "ADM-2",
        /// A custom domain belongs to one deployment.
        Dom1 = "DOM-1",
        /// One wallet per tenant.
        Wal1 = "WAL-1",
        /// A deployment out of credits suspends alone.
        Wal2 = "WAL-2",
        /// The ledger adds up.
        Wal3 = "WAL-3",
        /// Customer and cards are one tenant's.
        Str1 = "STR-1",
        /// A connection is one tenant's.
        Con1 = "CON-1",
        /// Revocation and rebinding hold at the next request.
        Con2 = "CON-2",
        /// Only members see a deployment.
        Mem1 = "MEM-1",
        /// Roles bound what a member changes.
        Mem2 = "MEM-2",
        /// The app-proxy refuses a foreign cookie.
        Apx1 = "APX-1",
        /// Only an authentic, unexpired cookie counts.
        Apx2 = "APX-2",
        /// A container sees the verified identity.
        Apx3 = "APX-3",
        /// A container neither gets nor plants a session.
        Apx4 = "APX-4",
        /// A request reaches its own host's target only.
        Apx5 = "APX-5",
        /// A response reaches its own host's client only.
        Apx6 = "APX-6",
        /// The tenant is the key's.
        Prx1 = "PRX-1",
        /// The key's tenant is billed.
        Prx2 = "PRX-2",
        /// No cache of billable state is shared.
        Prx3 = "PRX-3",
        /// A key opens its own connections only.
        Prx4 = "PRX-4",
        /// The injected credential stays inside.
        Prx5 = "PRX-5",
        /// A request reaches the adapter's upstream only.
        Prx6 = "PRX-6",
        /// The binding chain decides whose token is vended.
        Crd1 = "CRD-1",
        /// A key's scope decides what it can ask for.
        Crd2 = "CRD-2",
        /// No refresh token and no foreign token leaves.
        Crd3 = "CRD-3",
        /// A webhook reaches the bound deployment only.
        Hks1 = "HKS-1",
        /// External ids can't be probed.
        Hks2 = "HKS-2",
        /// Keys are hashed, shown once, and end for good.
        Key1 = "KEY-1",
        /// An identifier can't leave its key prefix.
        Kv1 = "KV-1",
        /// A request can't enumerate the store.
        Kv2 = "KV-2",
        /// Stale entries never cross a tenant line.
        Kv3 = "KV-3",
        /// A user reads own rows only.
        Rls1 = "RLS-1",
        /// A user writes no row.
        Rls2 = "RLS-2",
        /// The service role is the platform's alone.
        Rls3 = "RLS-3",
        /// The database claim ends with its transaction.
        Rls4 = "RLS-4",
        /// The database refuses a binding across tenants.
        Rls5 = "RLS-5",
        /// Every dashboard route is scoped.
        Api1 = "API-1",
        /// Replay and stream state is per tenant.
        Api2 = "API-2",
        /// An authorisation flow binds to who began it.
        Api3 = "API-3",
        /// A tenant's page can't act with a visitor's session.
        Api4 = "API-4",
        /// Every step of a workflow keeps every claim.
        Lif1 = "LIF-1",
        /// A misbehaving deployment changes itself only.
        Blr1 = "BLR-1",
        /// Other tenants see noise only.
        Blr2 = "BLR-2",
        /// What one tenant sees depends on no other.
        Ni1 = "NI-1",
    }
}

named_enum! {
    /// A boundary of the platform.
    pub enum Boundary {
        /// Containers and the network between them.
        Compute = "compute",
        /// The database branch of a deployment.
        Branch = "branch",
        /// The bucket of a deployment.
        Storage = "storage",
        /// Stored and presented secrets of a deployment.
        Secrets = "secrets",
        /// Custom domains.
        Domains = "domains",
        /// Wallets and the ledger.
        Wallet = "wallet",
        /// The payment provider's customers and cards.
        Billing = "billing",
        /// Connections and their bindings.
        Connections = "connections",
        /// Workspace members, their roles, and what they see.
        Members = "members",
        /// The worker in front of every deployment's host.
        AppProxy = "app-proxy",
        /// The workers in front of the providers.
        ProviderProxy = "provider-proxy",
        /// The worker that vends tokens.
        Credentials = "credentials",
        /// The worker that receives webhooks.
        Hooks = "hooks",
        /// App keys and connection keys.
        Keys = "keys",
        /// The key-value store that all workers read.
        Kv = "kv",
        /// The platform's own database and its row-level security.
        Database = "database",
        /// The dashboard and its HTTP API.
        Dashboard = "dashboard",
        /// Workflows that change a deployment's state.
        Lifecycle = "lifecycle",
        /// The blast radius of a misbehaving deployment.
        Load = "load",
        /// All channels at once, known and unknown.
        Noninterference = "noninterference",
    }
}

named_enum! {
    /// A check in the target. The reference sets a mark of this name when a request reaches it; outside, the refusal's
    /// fingerprint shows it.
    pub enum Guard {
        /// The HTTP parser, and the refusals of a method or a form of target that come before a host is read. It sets
        /// no mark: reached is shown by the refusal's fingerprint.
        Framing = "framing",
        /// The syntax of one host name was judged.
        HostSyntax = "host-syntax",
        /// All carriers of a host in one request were counted and compared: `Host` fields, absolute form, `:authority`.
        HostAgreement = "host-agreement",
        /// The name that the TLS client asked for was compared with the host.
        Sni = "sni",
        /// The host's class was decided: single-level, legacy, custom, or one that is never looked up.
        HostClass = "host-class",
        /// The routing entry of the host was looked up.
        RouteLookup = "route-lookup",
        /// The session cookie was sought among all cookies.
        CookieParse = "cookie-parse",
        /// A session token was checked.
        CookieVerify = "cookie-verify",
        /// A verified cookie's tenant was compared with the routing entry's.
        TenantMatch = "tenant-match",
        /// The deployment's status was judged.
        Status = "status",
        /// The path was compared with the reserved one.
        ReservedPath = "reserved-path",
        /// A request without a valid session was sent to sign in, or refused.
        SignIn = "sign-in",
        /// A sign-in code was presented for redemption.
        CodeRedeem = "code-redeem",
        /// Headers of a request were stripped before forwarding.
        RequestStrip = "request-strip",
        /// The identity headers were written.
        IdentityInject = "identity-inject",
        /// Headers of a container's response were filtered.
        ResponseFilter = "response-filter",
        /// A protocol upgrade was decided.
        Upgrade = "upgrade",
        /// A key of the key-value store was made from an identifier.
        KvKey = "kv-key",
        /// A worker read one key of the key-value store.
        KvGet = "kv-get",
    }
}

/// The claims whose moves are written, in the register's order.
static REGISTER: [&Claim; 8] = [
    &app_proxy::APX_1,
    &app_proxy_session::APX_2,
    &app_proxy::APX_3,
    &app_proxy_session::APX_4,
    &app_proxy_host::APX_5,
    &app_proxy_host::APX_6,
    &kv::KV_1,
    &kv::KV_2,
];

/// Every claim, in the register's order.
pub fn register() -> impl DoubleEndedIterator<Item = &'static Claim> + ExactSizeIterator + Clone {
    REGISTER.iter().copied()
}

/// The move of that id, and the claim that it attacks.
pub fn find_move(id: &str) -> Option<(&'static Claim, &'static Move)> {
    register().find_map(|claim| {
        claim
            .moves
            .iter()
            .find(|found| found.id == id)
            .map(|found| (claim, found))
    })
}

/// A list of moves, one `id, guard, title;` each.
macro_rules! moves {
    ($($id:literal, $guard:ident, $title:literal;)+) => {
        &[$($crate::claim::Move { id: $id, title: $title, guard: $crate::claim::Guard::$guard }),+]
    };
}
use moves;

/// The source of a stated claim: a sentence of the page on isolation.
const fn stated(section: &'static str, sentence: u16, quote: &'static str) -> Source {
    Source::Stated(Citation {
        document: "Isolation",
        section,
        quote,
        sentence,
    })
}

/// The source of a derived claim.
const fn derived(from: &'static [ClaimId], reason: &'static str) -> Source {
    Source::Derived { from, reason }
}

/// A place in the reference.
const fn at(file: &'static str, symbol: &'static str) -> Symbol {
    Symbol { file, symbol }
}
