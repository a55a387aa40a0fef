//! The key-value store that all workers read: keys (KV-1) and reads (KV-2).

use super::{Boundary, Claim, ClaimId, Milestone, Origin, Symbol, Tier, at, moves, stated};

const KEY: &str = "reference-impl/src/store/kv/key.rs";
const WORKER_KV: Symbol = at("reference-impl/src/store/kv/mod.rs", "WorkerKv");

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
    enforced_at: &[
        at(KEY, "DeployKey"),
        at(KEY, "BearerKey"),
        at(KEY, "BalanceKey"),
        at(KEY, "ConnectionKey"),
    ],
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
        "KV-1.character-class", KvKey, "make a key from an identifier that holds `[a-z]`";
        "KV-1.slash", KvKey, "make a key from an identifier that holds a slash";
        "KV-1.dot-segments", KvKey, "make a key from an identifier that is `..`";
        "KV-1.percent", KvKey, "make a key from an identifier that holds an encoded colon";
        "KV-1.nul", KvKey, "make a key from an identifier that holds NUL";
        "KV-1.crlf", KvKey, "make a key from an identifier that holds CR LF";
        "KV-1.whitespace", KvKey, "make a key from an identifier with white space around or inside";
        "KV-1.empty", KvKey, "make a key from an empty identifier";
        "KV-1.over-long", KvKey, "make a key from an identifier beyond the store's limit of 512 bytes";
        "KV-1.unicode", KvKey, "make a key from an identifier that holds characters outside ASCII";
        "KV-1.case", KvKey, "make two keys from one identifier in two cases";
        "KV-1.label-with-dot", KvKey, "make a single-level host's key from a label that holds a dot";
        "KV-1.dotless-custom-domain", KvKey, "make a custom domain's key from a name that spells a label";
        "KV-1.custom-domain-spells-legacy", KvKey, "make a custom domain's key that might spell a legacy host's";
        "KV-1.key-hash-not-hex", KvKey, "make a bearer's key from anything but 64 lower-case hexadecimal digits";
        "KV-1.host-colon", HostSyntax, "spell another kind's key in a request's host";
        "KV-1.host-star", HostSyntax, "send a host with a wildcard";
        "KV-1.host-slash", HostSyntax, "send a host with a slash";
        "KV-1.host-percent", HostSyntax, "send a host with an encoded colon";
        "KV-1.host-unicode", HostSyntax, "send a host with characters outside ASCII";
        "KV-1.host-whitespace", HostSyntax, "send a host with white space inside";
        "KV-1.host-empty", HostSyntax, "send an empty host";
        "KV-1.host-over-long", HostSyntax, "send a host beyond the limit";
        "KV-1.host-nul", Framing, "send a host with NUL";
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
