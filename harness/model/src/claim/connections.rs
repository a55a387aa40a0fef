//! Connections and their bindings (CON).

use super::{Boundary, Claim, ClaimId, Milestone, Origin, Tier, derived, moves, stated};

pub(super) static CON_1: Claim = Claim {
    id: ClaimId::Con1,
    statement: "A connection belongs to one tenant, only bindings of that tenant join it to deployments, and binding \
                it to many makes no copy.",
    threat: "A tenant binds another's connection to its own deployment and acts with its tokens.",
    origin: Origin::Stated,
    source: stated(
        "Per-tenant isolation",
        7,
        "Vendo's bindings table is the join — connections themselves don't get duplicated per deployment.",
    ),
    boundary: Boundary::Connections,
    tier: Tier::PerTenant,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[639, 863],
    controls: &["NIST-800-53:AC-3", "NIST-800-53:AC-4", "SOC2:CC6.1", "ISO27001:A.8.3"],
    moves: moves! {
        "CON-1.bind-foreign-connection", RouteScope, "bind another tenant's connection to an own app";
        "CON-1.bind-to-foreign-app", RouteScope, "bind an own connection to another tenant's app";
        "CON-1.bind-deployment", RouteScope, "bind across tenants by the deployment's own route";
        "CON-1.replace-bindings", RouteScope, "replace an app's bindings by a set that holds a foreign one";
        "CON-1.bind-as-service", BindingTrigger, "bind across tenants as the service role";
        "CON-1.oauth-flow", OauthState, "have a flow of another tenant end in an own app";
        "CON-1.many-deployments", BindingChain, "bind one connection to many deployments and look for copies";
        "CON-1.two-for-exclusive", RouteScope, "bind an exclusive webhook connection twice";
        "CON-1.move-tenant", BindingTrigger, "move a bound connection or app to another tenant";
    },
    note: None,
};

pub(super) static CON_2: Claim = Claim {
    id: ClaimId::Con2,
    statement: "Revoking or rebinding a connection takes effect for every deployment at its next request.",
    threat: "A deployment that lost a connection goes on using it from a cache.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Con1, ClaimId::Crd1],
        "If a removed binding still opens a connection, the bindings are not what decides.",
    ),
    boundary: Boundary::Connections,
    tier: Tier::PerTenant,
    held_from: Milestone::Explorers,
    enforced_at: &[],
    cwe: &[613, 367],
    controls: &["NIST-800-53:AC-3", "NIST-800-53:AC-12", "SOC2:CC6.1", "SOC2:CC6.2", "ISO27001:A.5.18"],
    moves: moves! {
        "CON-2.revoke-then-proxy", ConnectionMatch, "revoke a connection and call its provider next";
        "CON-2.revoke-then-vend", ConnectionMatch, "revoke a connection and ask for its token next";
        "CON-2.rebind-then-proxy", BindingChain, "rebind an app and call the provider next";
        "CON-2.warm-cache", ConnectionMatch, "warm every cache before the revocation";
        "CON-2.every-deployment", BindingChain, "ask from every deployment that shared the connection";
        "CON-2.race", ConnectionMatch, "ask while the revocation is under way";
        "CON-2.crash", ConnectionMatch, "ask after a crash between two steps of the revocation";
        "CON-2.stream", ConnectionMatch, "go on with a stream that began before the revocation";
        "CON-2.webhook", WebhookDelivery, "have a webhook delivered after the revocation";
    },
    note: None,
};
