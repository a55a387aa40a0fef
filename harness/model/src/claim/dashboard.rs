//! The dashboard and its HTTP API: members and roles (MEM), routes, streams, flows and pages (API).

use super::{Boundary, Claim, ClaimId, Milestone, Origin, Tier, derived, moves, stated};

pub(super) static MEM_1: Claim = Claim {
    id: ClaimId::Mem1,
    statement: "The dashboard, logs and settings of a deployment are visible to members of its workspace only.",
    threat: "Anybody with an account reads any deployment's logs.",
    origin: Origin::Stated,
    source: stated(
        "Per-tenant isolation",
        9,
        "Visibility into a deployment's dashboard, logs, and settings is gated by workspace membership.",
    ),
    boundary: Boundary::Members,
    tier: Tier::PerTenant,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[639, 862],
    controls: &[
        "NIST-800-53:AC-2",
        "NIST-800-53:AC-3",
        "SOC2:CC6.1",
        "SOC2:CC6.2",
        "ISO27001:A.5.18",
        "ISO27001:A.8.3",
    ],
    moves: moves! {
        "MEM-1.foreign-deployment", RouteScope, "read another tenant's deployment by its id";
        "MEM-1.foreign-logs", RouteScope, "read another tenant's logs";
        "MEM-1.foreign-settings", RouteScope, "read another tenant's settings and variables";
        "MEM-1.foreign-usage", RouteScope, "read another tenant's usage and billing";
        "MEM-1.foreign-members", RouteScope, "read another tenant's members";
        "MEM-1.removed-member", DashboardSession,
            "read with a session that is older than the removal from the workspace";
        "MEM-1.wrong-workspace", RouteScope, "read as a member of two workspaces while acting in the wrong one";
        "MEM-1.switch-by-header", RouteScope, "switch the workspace by header, query or body";
        "MEM-1.no-session", DashboardSession, "read without a session, with a broken or an expired one";
        "MEM-1.pending-invitation", DashboardSession, "read as somebody who was invited but has not accepted";
        "MEM-1.other-credential", DashboardSession,
            "read with a key, an identity token or a proxy cookie as the session";
    },
    note: None,
};

pub(super) static MEM_2: Claim = Claim {
    id: ClaimId::Mem2,
    statement: "A member changes what the role allows and nothing more, and nobody raises his own role.",
    threat: "A viewer makes himself the owner of the workspace.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Mem1],
        "Membership gates nothing if any member can invite, raise and remove as he likes.",
    ),
    boundary: Boundary::Members,
    tier: Tier::PerTenant,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[269, 862, 915],
    controls: &[
        "NIST-800-53:AC-3",
        "NIST-800-53:AC-5",
        "NIST-800-53:AC-6",
        "SOC2:CC6.3",
        "ISO27001:A.5.15",
        "ISO27001:A.8.2",
    ],
    moves: moves! {
        "MEM-2.viewer-mutates", RoleCheck, "make every change as a viewer";
        "MEM-2.member-mutates", RoleCheck, "make every change as a member";
        "MEM-2.raise-self", RoleCheck, "raise the own role";
        "MEM-2.raise-other", RoleCheck, "raise another's role as a member";
        "MEM-2.invite-higher", RoleCheck, "invite somebody into a higher role";
        "MEM-2.role-in-body", RoleCheck, "put a role into the body of another route";
        "MEM-2.last-owner", RoleCheck, "remove or lower the last owner";
        "MEM-2.demoted", RoleCheck, "make a change with a session that is older than the demotion";
        "MEM-2.foreign-workspace", RouteScope, "invite, raise or remove in another workspace";
    },
    note: None,
};

pub(super) static API_1: Claim = Claim {
    id: ClaimId::Api1,
    statement: "Every route of the dashboard is scoped to the session's tenant, and a foreign id is answered as an \
                unknown one.",
    threat: "One route that forgets the scope gives every tenant's resources to whoever can count.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Mem1],
        "Visibility is gated only if it is gated on every route, and an answer that differs is a view.",
    ),
    boundary: Boundary::Dashboard,
    tier: Tier::Shared,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[639, 862, 204],
    controls: &[
        "NIST-800-53:AC-3",
        "NIST-800-53:AC-4",
        "NIST-800-53:SI-11",
        "SOC2:CC6.1",
        "ISO27001:A.8.3",
        "ISO27001:A.8.26",
    ],
    moves: moves! {
        "API-1.read-foreign", RouteScope, "read by a foreign id, on every route that takes one";
        "API-1.write-foreign", RouteScope, "write by a foreign id, on every route that takes one";
        "API-1.foreign-in-body", RouteScope, "name a foreign id in a body, beside an own one in the path";
        "API-1.foreign-in-query", RouteScope, "name a foreign id in a filter or a page cursor";
        "API-1.foreign-against-unknown", RouteScope, "tell a foreign id from an unknown one by any byte of the answer";
        "API-1.malformed-against-unknown", RouteScope,
            "tell a malformed id from an unknown one where that tells of a tenant";
        "API-1.list", RouteScope, "have a list hold a foreign row, by every filter and order";
        "API-1.name-taken", RouteScope, "learn more from a taken name than that it is taken";
        "API-1.method-override", RouteScope, "reach a route by another method or an override header";
        "API-1.destroyed", RouteScope, "act on a destroyed own and a destroyed foreign deployment";
    },
    note: None,
};

pub(super) static API_2: Claim = Claim {
    id: ClaimId::Api2,
    statement: "What the dashboard remembers between requests is one tenant's: idempotency records, event rings, rate \
                limits.",
    threat: "A repeated key returns another tenant's answer, or a stream replays another tenant's events.",
    origin: Origin::Derived,
    source: derived(&[ClaimId::Mem1], "A remembered answer is a view of whoever was first given it."),
    boundary: Boundary::Dashboard,
    tier: Tier::PerTenant,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[488, 524, 639],
    controls: &["NIST-800-53:SC-4", "NIST-800-53:AC-4", "SOC2:CC6.1", "ISO27001:A.8.12"],
    moves: moves! {
        "API-2.foreign-idempotency-key", Idempotency, "repeat another tenant's idempotency key and body";
        "API-2.idempotency-other-route", Idempotency, "repeat an own key on another route";
        "API-2.idempotency-other-body", Idempotency, "repeat an own key with another body";
        "API-2.idempotency-race", Idempotency, "use one key from two tenants at once";
        "API-2.foreign-event-id", StreamScope, "resume a stream from another app's last event";
        "API-2.guessed-event-id", StreamScope, "resume a stream from a low, high or negative event id";
        "API-2.foreign-stream", StreamScope, "open another app's stream";
        "API-2.stream-count", StreamScope, "use up another app's streams";
        "API-2.rate-limit", RateLimit, "use up another tenant's rate limit";
    },
    note: None,
};

pub(super) static API_3: Claim = Claim {
    id: ClaimId::Api3,
    statement: "A finished authorisation flow binds its connection to the user, tenant and app that began it, once.",
    threat: "A victim authorises a flow that somebody else began, and his account is connected to the wrong tenant.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Con1],
        "A connection is one tenant's only if the flow that makes it can't be finished into another.",
    ),
    boundary: Boundary::Dashboard,
    tier: Tier::PerTenant,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[352, 294, 345],
    controls: &[
        "NIST-800-53:AC-3",
        "NIST-800-53:IA-2",
        "NIST-800-53:SC-23",
        "SOC2:CC6.1",
        "ISO27001:A.8.5",
        "ISO27001:A.8.26",
    ],
    moves: moves! {
        "API-3.swapped-state", OauthState, "finish a flow with the state of another user's flow";
        "API-3.altered-state", OauthState, "finish a flow with a state that was changed or signed by oneself";
        "API-3.replayed-state", OauthState, "finish a flow twice";
        "API-3.expired-state", OauthState, "finish a flow after its 10 minutes";
        "API-3.other-session", OauthState, "finish an own flow in another user's session";
        "API-3.other-tenant", OauthState, "switch the workspace between beginning and finishing";
        "API-3.other-provider", OauthState, "finish one provider's flow at another's callback";
        "API-3.foreign-app-key", OauthState, "begin an embedded flow with another tenant's app key";
        "API-3.callback-path", OauthState, "begin a flow with another callback";
        "API-3.missing-state", OauthState, "finish a flow without a state";
    },
    note: None,
};

pub(super) static API_4: Claim = Claim {
    id: ClaimId::Api4,
    statement: "A page on any tenant's host can't act on the dashboard or on another deployment with its visitor's \
                session.",
    threat: "A tenant's page is same-site with the dashboard, and what it sends carries the visitor's cookies.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Mem1, ClaimId::Apx1],
        "The session is checked, but it is the page that speaks with it: membership then gates nothing.",
    ),
    boundary: Boundary::Dashboard,
    tier: Tier::Shared,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[352, 346, 1275, 384],
    controls: &["NIST-800-53:AC-4", "NIST-800-53:SC-23", "SOC2:CC6.1", "SOC2:CC6.6", "ISO27001:A.8.26"],
    moves: moves! {
        "API-4.form-post", OriginCheck, "post a form to the dashboard from a sibling host";
        "API-4.fetch-simple", OriginCheck, "fetch with credentials and a body that needs no preflight";
        "API-4.fetch-preflight", OriginCheck, "fetch with credentials and a preflight";
        "API-4.origin-variants", OriginCheck, "send `Origin` that is missing, `null`, of another case, port or suffix";
        "API-4.fetch-site-variants", OriginCheck, "send `Sec-Fetch-Site` that is missing, same-site or malformed";
        "API-4.navigation", OriginCheck, "navigate the visitor to a route that changes something by GET";
        "API-4.websocket", OriginCheck, "open a WebSocket or an event stream from a sibling host";
        "API-4.image", OriginCheck, "load a route as an image or a script";
        "API-4.frame", OriginCheck, "frame the dashboard in a sibling host's page";
        "API-4.wide-cookie", CookieParse, "set a session cookie for the whole domain by script";
        "API-4.stolen-code", CodeRedeem, "redeem a sign-in code that was seen elsewhere";
        "API-4.replayed-code", CodeRedeem, "redeem a sign-in code a second time, in another browser";
        "API-4.mint-for-foreign-host", RouteScope, "have a sign-in code minted for a host that is not the tenant's";
    },
    note: None,
};
