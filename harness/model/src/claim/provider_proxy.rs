//! The provider proxies (PRX).

use super::{Boundary, Claim, ClaimId, Milestone, Origin, Tier, at, derived, moves, stated};

pub(super) static PRX_1: Claim = Claim {
    id: ClaimId::Prx1,
    statement: "Every request to a provider proxy is authenticated by the hash of its key, and its tenant is the \
                key's, whatever else names one.",
    threat: "A caller chooses whose money and whose connections he uses.",
    origin: Origin::Stated,
    source: stated("Code-level verification", 3, "derived from the bearer's keyData.tenantId, never from a header"),
    boundary: Boundary::ProviderProxy,
    tier: Tier::Shared,
    held_from: Milestone::Edge,
    enforced_at: &[
        at("reference-impl/src/identity/bearer.rs", "presented"),
        at("reference-impl/src/identity/key.rs", "find"),
        at("reference-impl/src/identity/key.rs", "authenticate"),
    ],
    cwe: &[287, 290, 639],
    controls: &[
        "NIST-800-53:IA-2",
        "NIST-800-53:IA-9",
        "NIST-800-53:AC-3",
        "SOC2:CC6.1",
        "ISO27001:A.8.3",
        "ISO27001:A.8.5",
    ],
    moves: moves! {
        "PRX-1.header-names-tenant", KeyLookup, "name another tenant in every header that could";
        "PRX-1.query-names-tenant", KeyLookup, "name another tenant in the query";
        "PRX-1.body-names-tenant", KeyLookup, "name another tenant in the body, nested and repeated";
        "PRX-1.no-bearer", KeyLookup, "send no bearer";
        "PRX-1.malformed-bearer", KeyLookup, "send a bearer of wrong prefix, length or alphabet";
        "PRX-1.unknown-bearer", KeyLookup, "send a well-formed bearer that was never issued";
        "PRX-1.hash-as-bearer", KeyLookup, "send the stored hash or the display prefix as the bearer";
        "PRX-1.two-authorizations", KeyLookup, "send two `Authorization` fields";
        "PRX-1.bearer-against-api-key", KeyLookup, "send different keys in `Authorization` and `x-api-key`";
        "PRX-1.bearer-in-query", KeyLookup, "send the key in the query";
        "PRX-1.scheme-variants", KeyLookup, "send the key under another scheme, case or spacing";
        "PRX-1.cookie", KeyLookup, "send a session cookie instead of a key";
        "PRX-1.reused-connection", KeyLookup, "send another key, then none, on one connection";
    },
    note: None,
};

pub(super) static PRX_2: Claim = Claim {
    id: ClaimId::Prx2,
    statement: "A metered call bills the tenant of its key and no other.",
    threat: "A tenant uses the providers on another tenant's bill.",
    origin: Origin::Stated,
    source: stated("What's shared", 5, "look up the tenant from the key, and bill that tenant"),
    boundary: Boundary::ProviderProxy,
    tier: Tier::PerTenant,
    held_from: Milestone::Edge,
    enforced_at: &[
        at("reference-impl/src/edge/provider_proxy/errand.rs", "settle"),
        at("reference-impl/src/store/database/memory.rs", "hold"),
        at("reference-impl/src/store/database/memory.rs", "settle"),
    ],
    cwe: &[639, 841],
    controls: &["NIST-800-53:AC-3", "NIST-800-53:AU-10", "SOC2:CC6.1", "SOC2:PI1.3", "ISO27001:A.8.3"],
    moves: moves! {
        "PRX-2.tenant-named", Hold, "name another tenant in header, query and body of a metered call";
        "PRX-2.foreign-connection", BindingChain, "name another tenant's connection in a metered call";
        "PRX-2.concurrent", Settle, "call as two tenants at once and compare both ledgers";
        "PRX-2.died-stream", Settle, "hang up in a stream and look who pays";
        "PRX-2.deduplicated", Settle, "ask for what another tenant has already paid for";
        "PRX-2.transcript-id", Settle, "poll another tenant's transcript and look who pays";
        "PRX-2.free-route-spelling", RouteClass, "spell a metered route as a free one";
        "PRX-2.rate-spelling", RouteClass, "spell a model so that another rate, or none, applies";
    },
    note: None,
};

pub(super) static PRX_3: Claim = Claim {
    id: ClaimId::Prx3,
    statement: "No cache of billable state is shared between tenants.",
    threat: "A tenant is answered from what another has asked, or is judged by another's balance.",
    origin: Origin::Stated,
    source: stated("What's shared", 6, "There's no shared cache across tenants of billable state."),
    boundary: Boundary::ProviderProxy,
    tier: Tier::Shared,
    held_from: Milestone::Edge,
    enforced_at: &[
        at("reference-impl/src/store/kv/key.rs", "Balance"),
        at("reference-impl/src/edge/provider_proxy/billing.rs", "cost"),
    ],
    cwe: &[524, 488],
    controls: &["NIST-800-53:SC-4", "NIST-800-53:AC-4", "SOC2:CC6.1", "SOC2:C1.1", "ISO27001:A.8.12"],
    moves: moves! {
        "PRX-3.warm-balance", Hold, "warm the balance as one tenant, ask as another";
        "PRX-3.warm-key", KeyLookup, "warm the key record as one tenant, ask as another";
        "PRX-3.warm-connection", ConnectionMatch, "warm the connection as one tenant, ask as another";
        "PRX-3.warm-response", CredentialInject, "ask the same question as one tenant, then as another";
        "PRX-3.warm-refusal", Hold, "be refused for an empty wallet, then ask as a tenant with credits";
        "PRX-3.concurrent-miss", KeyLookup, "miss one cache as two tenants at once";
        "PRX-3.transcript", Settle, "ask for another tenant's transcript id";
        "PRX-3.same-connection", KeyLookup, "ask as two tenants on one connection";
    },
    note: None,
};

pub(super) static PRX_4: Claim = Claim {
    id: ClaimId::Prx4,
    statement: "A connection key opens its one connection at its one provider, and an app key only what its app is \
                bound to.",
    threat: "A key that was handed out for one thing opens another.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Prx1, ClaimId::Crd2],
        "A tenant resolved from the key says nothing if the key then opens more than it was issued for.",
    ),
    boundary: Boundary::ProviderProxy,
    tier: Tier::PerTenant,
    held_from: Milestone::Edge,
    enforced_at: &[
        at("reference-impl/src/edge/provider_proxy/decide.rs", "choose"),
        at("reference-impl/src/edge/provider_proxy/decide.rs", "check"),
    ],
    cwe: &[863, 639],
    controls: &[
        "NIST-800-53:AC-3",
        "NIST-800-53:AC-6",
        "SOC2:CC6.1",
        "SOC2:CC6.3",
        "ISO27001:A.5.15",
        "ISO27001:A.8.3",
    ],
    moves: moves! {
        "PRX-4.connection-key-other-provider", Scope, "use a connection key at another provider";
        "PRX-4.connection-key-other-connection", Scope, "name another connection of the tenant with a connection key";
        "PRX-4.connection-key-foreign", Scope, "name another tenant's connection with a connection key";
        "PRX-4.app-key-unbound", BindingChain, "use an app key at a provider that its app is not bound to";
        "PRX-4.app-key-sibling-connection", BindingChain,
            "name a connection that only another app of the tenant is bound to";
        "PRX-4.app-key-foreign-connection", BindingChain, "name another tenant's connection with an app key";
        "PRX-4.absent-against-foreign", BindingChain, "tell a foreign connection from one that is not there";
        "PRX-4.connection-header-spelling", BindingChain, "repeat, fold or respell `X-Vendo-Connection`";
        "PRX-4.needs-reauth", ConnectionMatch, "use a connection that needs authorisation anew";
        "PRX-4.revoked", ConnectionMatch, "use a revoked connection";
        "PRX-4.unbound-between", BindingChain, "use a binding that was removed between two requests";
    },
    note: None,
};

pub(super) static PRX_5: Claim = Claim {
    id: ClaimId::Prx5,
    statement: "The real credential is injected for the bound connection only, and never comes back to a caller.",
    threat: "A caller takes the provider credential home and needs no proxy any more.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Prx1, ClaimId::Crd1],
        "Who holds the credential itself is bound by no key, no binding and no bill.",
    ),
    boundary: Boundary::ProviderProxy,
    tier: Tier::PerTenant,
    held_from: Milestone::Edge,
    enforced_at: &[
        at("reference-impl/src/edge/provider_proxy/request_headers.rs", "forwarded"),
        at("reference-impl/src/edge/provider_proxy/response.rs", "filtered"),
        at("reference-impl/src/edge/provider_proxy/redaction.rs", "Redactor"),
    ],
    cwe: &[522, 209, 532],
    controls: &[
        "NIST-800-53:IA-5",
        "NIST-800-53:SC-4",
        "NIST-800-53:SI-11",
        "SOC2:CC6.1",
        "SOC2:C1.1",
        "ISO27001:A.8.12",
    ],
    moves: moves! {
        "PRX-5.error-body", CredentialInject, "provoke an upstream error that quotes the request";
        "PRX-5.echo-upstream", CredentialInject, "have an upstream echo all headers";
        "PRX-5.redirect", CredentialInject, "have an upstream redirect to a host of one's own";
        "PRX-5.log", CredentialInject, "look for the credential in logs, traces and metrics";
        "PRX-5.proxy-error", CredentialInject, "break the upstream connection and read the proxy's own error";
        "PRX-5.other-adapter", CredentialInject, "send one provider's request to another adapter's host";
        "PRX-5.other-connection", CredentialInject, "have one connection's credential injected for another";
        "PRX-5.own-authorization", CredentialInject, "send provider headers of one's own beside the bearer";
        "PRX-5.bearer-forwarded", CredentialInject,
            "have the bearer, a cookie or `X-Vendo-` headers reach the upstream";
        "PRX-5.set-cookie", CredentialInject, "have an upstream's cookie come back";
        "PRX-5.trailers", CredentialInject, "have the credential come back in trailers or interim responses";
    },
    note: None,
};

pub(super) static PRX_6: Claim = Claim {
    id: ClaimId::Prx6,
    statement: "A request reaches the adapter's fixed upstream at an allowed path, and nothing else.",
    threat: "A caller steers the injected credential to a path or a host of his choice.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Prx1, ClaimId::Prx2],
        "A call that leaves the adapter's paths carries the credential where nobody meters or bills it.",
    ),
    boundary: Boundary::ProviderProxy,
    tier: Tier::Shared,
    held_from: Milestone::Edge,
    enforced_at: &[
        at("reference-impl/src/edge/provider_proxy/path_guard.rs", "guard"),
        at("reference-impl/src/edge/provider_proxy/route.rs", "classify"),
        at("reference-impl/src/edge/provider_proxy/response.rs", "is_passable"),
    ],
    cwe: &[22, 918, 93],
    controls: &[
        "NIST-800-53:AC-4",
        "NIST-800-53:SC-7",
        "NIST-800-53:SI-10",
        "SOC2:CC6.6",
        "ISO27001:A.8.26",
        "ISO27001:A.8.28",
    ],
    moves: moves! {
        "PRX-6.dot-segments", PathGuard, "put dot segments into the path";
        "PRX-6.dot-segments-encoded", PathGuard, "percent-encode dot segments";
        "PRX-6.dot-segments-double-encoded", PathGuard, "percent-encode dot segments twice";
        "PRX-6.backslash", PathGuard, "use backslashes as separators";
        "PRX-6.double-slash", PathGuard, "double the slashes, so that an authority begins";
        "PRX-6.at-sign", PathGuard, "put `@` and a host behind the upstream's name";
        "PRX-6.crlf", PathGuard, "put raw and encoded CR LF into the path";
        "PRX-6.absolute-form", PathGuard, "send an absolute-form target at another host";
        "PRX-6.unknown-adapter", Adapter, "name an adapter that is not there, or respell one";
        "PRX-6.redirect-following", CredentialInject, "have the upstream redirect and the proxy follow";
        "PRX-6.blocked-route", RouteClass, "ask for a blocked route in another spelling or method";
        "PRX-6.host-header", Adapter, "name another host in `Host` and forwarding headers";
    },
    note: None,
};
