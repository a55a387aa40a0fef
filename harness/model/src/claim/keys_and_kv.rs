//! Bearer keys (KEY), and the key-value store that all workers read: its keys, its reads, its staleness (KV).

use super::{Boundary, Claim, ClaimId, Milestone, Origin, Symbol, Tier, at, derived, moves, stated};

const KEY: &str = "reference-impl/src/store/kv/key.rs";
const WORKER_KV: Symbol = at("reference-impl/src/store/kv/namespace.rs", "WorkerKv");

pub(super) static KEY_1: Claim = Claim {
    id: ClaimId::Key1,
    statement: "A key is shown once and stored as a hash only, and once it is revoked, expired or its deployment \
                destroyed, every worker refuses it.",
    threat: "A key that was read from a table, or should have ended, still opens the platform.",
    origin: Origin::Stated,
    source: stated("What's shared", 5, "authenticate every request to a hashed key"),
    boundary: Boundary::Keys,
    tier: Tier::PerTenant,
    held_from: Milestone::Edge,
    enforced_at: &[
        at("reference-impl/src/identity/bearer.rs", "KeyDigest"),
        at("reference-impl/src/identity/key.rs", "authenticate"),
        at("reference-impl/src/store/database/memory.rs", "revoke_keys_of"),
    ],
    cwe: &[256, 613, 522],
    controls: &[
        "NIST-800-53:IA-5",
        "NIST-800-53:AC-2",
        "SOC2:CC6.1",
        "SOC2:CC6.2",
        "ISO27001:A.5.17",
        "ISO27001:A.5.18",
    ],
    moves: moves! {
        "KEY-1.read-back", RouteScope, "read a key's plain text back by any route";
        "KEY-1.stored", KeyIssue, "search tables, store, logs and backups for the plain text";
        "KEY-1.prefix", KeyIssue, "learn more than the display prefix of a key";
        "KEY-1.revoked-cold", KeyLookup, "use a revoked key at each worker, caches cold";
        "KEY-1.revoked-warm", KeyLookup, "use a revoked key at each worker, caches warm";
        "KEY-1.expired", KeyLookup, "use an expired key at each worker, and in the second of its end";
        "KEY-1.destroyed", KeyLookup, "use the key of a destroyed deployment at each worker";
        "KEY-1.revoke-race", KeyLookup, "use a key while it is being revoked";
        "KEY-1.store-miss", KeyLookup, "use a revoked key after the store has lost its record";
        "KEY-1.foreign-revoke", RouteScope, "revoke another tenant's key";
        "KEY-1.issue-for-foreign", RouteScope, "have a key issued for another tenant's app or connection";
    },
    note: None,
};

pub(super) static KV_1: Claim = Claim {
    id: ClaimId::Kv1,
    statement: "Every key is a fixed prefix and an identifier that cannot leave it, and no read is made without an \
                identifier.",
    threat: "A crafted identifier spells a key of another kind or another tenant, and a worker acts on a foreign \
             record.",
    origin: Origin::Stated,
    source: stated(
        "What's shared",
        9,
        "Keys are prefixed (deploy:, key:, balance:, conn:) and lookups always carry an identifier",
    ),
    boundary: Boundary::Kv,
    tier: Tier::Shared,
    held_from: Milestone::Light,
    enforced_at: &[at(KEY, "DeployLabel"), at(KEY, "DeployHost"), at(KEY, "Key"), at(KEY, "Balance"), at(KEY, "Conn")],
    cwe: &[138, 639, 158],
    controls: &[
        "NIST-800-53:AC-4",
        "NIST-800-53:SC-4",
        "NIST-800-53:SI-10",
        "SOC2:CC6.1",
        "ISO27001:A.8.3",
        "ISO27001:A.8.28",
    ],
    moves: moves! {
        "KV-1.colon", KvKey, "make a key from an identifier that holds a colon";
        "KV-1.whole-foreign-key", KvKey, "make a key from an identifier that is a whole key of another kind";
        "KV-1.star", KvKey, "make a key from an identifier that holds `*`";
        "KV-1.question-mark", KvKey, "make a key from an identifier that holds `?`";
        "KV-1.other-characters", KvKey, "make a key from an identifier that holds `@`";
        "KV-1.slash", KvKey, "make a key from an identifier that holds a slash";
        "KV-1.dot-segments", KvKey, "make a key from an identifier that is `..`";
        "KV-1.percent", KvKey, "make a key from an identifier that holds an encoded colon";
        "KV-1.nul", KvKey, "make a key from an identifier that holds NUL";
        "KV-1.crlf", KvKey, "make a key from an identifier that holds CR LF";
        "KV-1.whitespace", KvKey, "make a key from an identifier with white space inside or behind";
        "KV-1.empty", KvKey, "make a key from an empty identifier";
        "KV-1.over-long", KvKey, "make a key from an identifier beyond the store's limit of 512 bytes";
        "KV-1.unicode", KvKey, "make a key from an identifier that holds characters outside ASCII";
        "KV-1.case", KvKey, "make two keys from one identifier in two cases";
        "KV-1.label-with-dot", KvKey, "make a single-level host's key from a label that holds a dot";
        "KV-1.dotless-custom-domain", KvKey, "make a host's key from a name without a dot, which spells a label";
        "KV-1.key-hash-not-hex", KvKey, "make a bearer's key from anything but 64 lower-case hexadecimal digits";
        "KV-1.host-colon", HostSyntax, "spell another kind's key in a request's host";
        "KV-1.host-star", HostSyntax, "send a host with a wildcard";
        "KV-1.host-slash", HostSyntax, "send a host with a slash or a backslash";
        "KV-1.host-percent", HostSyntax, "send a host with an encoded letter";
        "KV-1.host-unicode", HostSyntax, "send a host with characters outside ASCII";
        "KV-1.host-whitespace", HostSyntax, "send a host with white space inside or behind";
        "KV-1.host-empty", HostSyntax, "send an empty host";
        "KV-1.host-over-long", HostSyntax, "send a host beyond the limit";
        "KV-1.host-dotless", HostClass, "send a label as the host, to spell a deployment's key";
        "KV-1.host-legacy-collision", RouteLookup,
            "send a custom domain that spells tenant and deployment of a legacy host";
    },
    note: None,
};

pub(super) static KV_2: Claim = Claim {
    id: ClaimId::Kv2,
    statement: "No request can make a worker list, scan or guess its way through the store: each reads the keys that \
                its own host and credentials name, one by one.",
    threat: "One request returns every tenant's routes, keys and balances.",
    origin: Origin::Stated,
    source: stated("What's shared", 9, "no enumeration is possible from a Worker request"),
    boundary: Boundary::Kv,
    tier: Tier::Shared,
    held_from: Milestone::Light,
    enforced_at: &[WORKER_KV],
    cwe: &[668, 250],
    controls: &[
        "NIST-800-53:AC-3",
        "NIST-800-53:AC-6",
        "NIST-800-53:SC-4",
        "SOC2:CC6.1",
        "SOC2:CC6.3",
        "ISO27001:A.8.2",
        "ISO27001:A.8.3",
    ],
    moves: moves! {
        "KV-2.known-host", KvGet, "ask for a known host and watch for any read but one of its own key";
        "KV-2.unknown-host", KvGet, "ask for an unknown host and watch for a second read after the miss";
        "KV-2.legacy-host", KvGet, "ask for a legacy host and watch for a read of the single-level key";
        "KV-2.custom-domain", KvGet, "ask for a custom domain and watch for a read of another spelling";
        "KV-2.foreign-cookie", KvGet, "ask with a foreign cookie and watch for a read that its tenant names";
        "KV-2.invalid-cookie", KvGet, "ask with an invalid cookie and watch for a read that its claims name";
        "KV-2.suspended-host", KvGet, "ask for a suspended deployment and watch for a read of its tenant's balance";
        "KV-2.sign-in", KvGet, "be sent to sign in and watch for a second read";
        "KV-2.sign-in-code", KvGet, "present a sign-in code and watch for a read that the code names";
        "KV-2.upgrade", KvGet, "open a WebSocket and watch for more reads than one";
        "KV-2.tenant-header", KvGet, "name a tenant in headers, query and body and watch for a read that they name";
        "KV-2.repeated", KvGet, "ask many times on one connection and watch for reads that do not match the requests";
        "KV-2.malformed-host", HostSyntax, "send a malformed host and watch for any read at all";
        "KV-2.wildcard-host", HostSyntax, "send a host with a wildcard and watch for any read at all";
        "KV-2.reserved-host", HostClass, "ask for a reserved host and watch for any read at all";
        "KV-2.refused-method", Framing, "send a refused method and watch for any read at all";
        "KV-2.refused-framing", Framing, "send a malformed request and watch for any read at all";
    },
    note: Some(
        "The handle that a worker holds has no call that lists, scans, reads a prefix, takes a bare string or writes; \
         the reference's compile-fail tests show that. The moves show that no request makes a read that it did not \
         name.",
    ),
};

pub(super) static KV_3: Claim = Claim {
    id: ClaimId::Kv3,
    statement: "However stale the store is, an entry never leads across a tenant line: it refuses, or serves its \
                former tenant's own.",
    threat: "In the minute after a change, a released name still leads to one tenant's data with another tenant's key.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Apx1, ClaimId::Kv1],
        "The tenant is read from the store's entry, so the comparison is only as true as the entry is fresh.",
    ),
    boundary: Boundary::Kv,
    tier: Tier::Shared,
    held_from: Milestone::Explorers,
    enforced_at: &[],
    cwe: &[367, 672, 613],
    controls: &["NIST-800-53:AC-4", "NIST-800-53:SC-4", "SOC2:CC6.1", "ISO27001:A.5.18", "ISO27001:A.8.3"],
    moves: moves! {
        "KV-3.rename-stale", RouteLookup, "ask at the old and the new name during a rename, entries up to 60 s old";
        "KV-3.teardown-stale", RouteLookup, "ask at a torn-down deployment's name, entries up to 60 s old";
        "KV-3.claim-released-name", Quarantine, "claim a released subdomain while its old entry can still be read";
        "KV-3.claim-released-domain", Quarantine,
            "claim a released custom domain while its old entry can still be read";
        "KV-3.key-stale", KeyLookup, "use a revoked key while its record can still be read";
        "KV-3.connection-stale", ConnectionMatch, "use a revoked connection while its record can still be read";
        "KV-3.balance-stale", Hold, "spend from a balance that can still be read";
        "KV-3.workers-differ", RouteLookup, "ask two workers whose stores differ in age";
        "KV-3.reordered", RouteLookup, "have two writes arrive in the wrong order";
    },
    note: None,
};
