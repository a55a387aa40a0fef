//! The credentials worker (CRD).

use super::{Boundary, Claim, ClaimId, Milestone, Origin, Tier, at, derived, moves, stated};

pub(super) static CRD_1: Claim = Claim {
    id: ClaimId::Crd1,
    statement: "The chain from key over binding to connection decides whose token is vended, and a token of one \
                tenant never answers a key of another.",
    threat: "A tenant asks with its own key and is given another tenant's access token.",
    origin: Origin::Stated,
    source: stated("What's shared", 7, "it cannot return tenant A's token to a key issued to tenant B"),
    boundary: Boundary::Credentials,
    tier: Tier::PerTenant,
    held_from: Milestone::Edge,
    enforced_at: &[
        at("reference-impl/src/edge/credentials/chain.rs", "connection"),
        at("reference-impl/src/edge/credentials/chain.rs", "admitted"),
        at("reference-impl/src/identity/user_token.rs", "verify"),
    ],
    cwe: &[639, 863, 524],
    controls: &[
        "NIST-800-53:AC-3",
        "NIST-800-53:AC-4",
        "NIST-800-53:IA-5",
        "SOC2:CC6.1",
        "ISO27001:A.5.17",
        "ISO27001:A.8.3",
    ],
    moves: moves! {
        "CRD-1.foreign-key", BindingChain, "ask for a provider where only another tenant is connected";
        "CRD-1.foreign-connection-named", BindingChain, "name another tenant's connection";
        "CRD-1.warm-cache", Vend, "have the owner warm the token cache, then ask";
        "CRD-1.same-external-account", Vend, "connect the same external account in two tenants and compare the tokens";
        "CRD-1.stale-connection", ConnectionMatch, "ask while the store still holds an old connection record";
        "CRD-1.needs-reauth", ConnectionMatch, "ask for a connection that needs authorisation anew";
        "CRD-1.revoked", ConnectionMatch, "ask for a revoked connection";
        "CRD-1.user-token-widens", Scope, "widen the answer with another tenant's `X-Vendo-User-JWT`";
        "CRD-1.user-metadata", Scope,
            "as a member of two tenants, write the key's tenant into `user_metadata` of the other tenant's token";
        "CRD-1.no-key", KeyLookup, "ask without a key, with a broken or an ended one";
        "CRD-1.concurrent", Vend, "ask as two tenants at once";
    },
    note: None,
};

pub(super) static CRD_2: Claim = Claim {
    id: ClaimId::Crd2,
    statement: "An app key walks its app's bindings, and a connection key is locked to one connection.",
    threat: "A key handed to one app vends the tokens of every app.",
    origin: Origin::Stated,
    source: stated(
        "Code-level verification",
        4,
        "app-scoped keys walk app_connection_bindings; connection-scoped keys lock to one connectionId",
    ),
    boundary: Boundary::Credentials,
    tier: Tier::PerTenant,
    held_from: Milestone::Edge,
    enforced_at: &[
        at("reference-impl/src/edge/credentials/chain.rs", "bound"),
        at("reference-impl/src/edge/credentials/chain.rs", "examine"),
    ],
    cwe: &[863, 269],
    controls: &[
        "NIST-800-53:AC-3",
        "NIST-800-53:AC-6",
        "SOC2:CC6.1",
        "SOC2:CC6.3",
        "ISO27001:A.5.15",
        "ISO27001:A.8.3",
    ],
    moves: moves! {
        "CRD-2.connection-key-other-provider", Scope, "ask for another provider with a connection key";
        "CRD-2.connection-key-other-connection", Scope, "name another connection with a connection key";
        "CRD-2.app-key-unbound", BindingChain, "ask for a provider that the app is not bound to";
        "CRD-2.app-key-sibling", BindingChain, "name a connection that only another app of the tenant is bound to";
        "CRD-2.app-key-foreign", BindingChain, "name another tenant's connection with an app key";
        "CRD-2.provider-spelling", Scope, "spell the provider in another case or encoding";
        "CRD-2.absent-against-foreign", BindingChain, "tell a foreign connection from one that is not there";
        "CRD-2.unbound-between", BindingChain, "ask after the binding was removed";
    },
    note: None,
};

pub(super) static CRD_3: Claim = Claim {
    id: ClaimId::Crd3,
    statement: "No refresh token and no token of another connection ever leaves the credentials worker.",
    threat: "A refresh token outlives every revocation that the platform can make.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Crd1],
        "A refresh token mints tokens without asking the chain, and a foreign token in an error is still a foreign \
         token.",
    ),
    boundary: Boundary::Credentials,
    tier: Tier::PerTenant,
    held_from: Milestone::Edge,
    enforced_at: &[
        at("reference-impl/src/edge/credentials/broker.rs", "read"),
        at("reference-impl/src/edge/credentials/cache.rs", "Cache"),
        at("reference-impl/src/edge/credentials/answers.rs", "Refusal"),
    ],
    cwe: &[200, 209, 522],
    controls: &[
        "NIST-800-53:IA-5",
        "NIST-800-53:SC-4",
        "NIST-800-53:SI-11",
        "SOC2:CC6.1",
        "SOC2:C1.1",
        "ISO27001:A.8.12",
    ],
    moves: moves! {
        "CRD-3.good-answer", Vend, "scan every good answer for what it should not hold";
        "CRD-3.error-answer", Vend, "scan every error for tokens";
        "CRD-3.broker-error", Vend, "have the broker fail with a body that holds tokens";
        "CRD-3.not-vended", Scope, "ask for a pooled or inbound profile, which is never vended";
        "CRD-3.log", Vend, "scan logs, traces and metrics for tokens";
        "CRD-3.headers", Vend, "scan headers and trailers for tokens";
    },
    note: None,
};
