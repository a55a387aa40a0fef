//! The app-proxy: whose request passes (APX-1), and what identity its container sees (APX-3).

use super::{Boundary, Claim, ClaimId, Milestone, Origin, Symbol, Tier, at, derived, moves, stated};

/// The order of all checks on a request.
pub(super) const DECIDE: Symbol = at("reference-impl/src/edge/app_proxy/decide.rs", "decide");
/// What is taken out of a request before it is forwarded.
pub(super) const STRIP: Symbol = at("reference-impl/src/edge/app_proxy/request_headers.rs", "strip");
/// What is taken out of a container's response.
pub(super) const FILTER: Symbol = at("reference-impl/src/edge/app_proxy/response_headers.rs", "filtered");
const INJECT: Symbol = at("reference-impl/src/edge/app_proxy/request_headers.rs", "inject");

pub(super) static APX_1: Claim = Claim {
    id: ClaimId::Apx1,
    statement: "On every request the tenant of a valid `vendoAuth` cookie is compared with the tenant of the host's \
                routing entry, and a foreign cookie gets 403 with nothing sent to the container.",
    threat: "A member of one tenant signs in at home and walks into every other tenant's deployments.",
    origin: Origin::Stated,
    source: stated(
        "What's shared",
        4,
        "A cookie minted for tenant A cannot proxy through to a deployment owned by tenant B — the proxy returns 403.",
    ),
    boundary: Boundary::AppProxy,
    tier: Tier::Shared,
    held_from: Milestone::Light,
    enforced_at: &[DECIDE],
    cwe: &[639, 863],
    controls: &[
        "NIST-800-53:AC-3",
        "NIST-800-53:AC-4",
        "NIST-800-53:AC-25",
        "SOC2:CC6.1",
        "ISO27001:A.5.15",
        "ISO27001:A.8.3",
    ],
    moves: moves! {
        "APX-1.foreign-cookie", TenantMatch,
            "present a cookie of another tenant at a running host that asks for sign-in";
        "APX-1.foreign-cookie-flag-off", TenantMatch, "present a foreign cookie at a running host that is public";
        "APX-1.foreign-cookie-suspending", TenantMatch,
            "present a foreign cookie while the deployment is being suspended";
        "APX-1.foreign-cookie-suspended", TenantMatch, "present a foreign cookie while the deployment is suspended";
        "APX-1.foreign-cookie-resuming", TenantMatch, "present a foreign cookie while the deployment is resuming";
        "APX-1.foreign-cookie-suspend-failed", TenantMatch, "present a foreign cookie after a suspension failed";
        "APX-1.foreign-cookie-resume-failed", TenantMatch, "present a foreign cookie after a resumption failed";
        "APX-1.foreign-cookie-destroyed", TenantMatch,
            "present a foreign cookie at a destroyed deployment whose entry is still there";
        "APX-1.foreign-cookie-post", TenantMatch, "present a foreign cookie with POST";
        "APX-1.foreign-cookie-put", TenantMatch, "present a foreign cookie with PUT";
        "APX-1.foreign-cookie-patch", TenantMatch, "present a foreign cookie with PATCH";
        "APX-1.foreign-cookie-delete", TenantMatch, "present a foreign cookie with DELETE";
        "APX-1.foreign-cookie-head", TenantMatch, "present a foreign cookie with HEAD";
        "APX-1.foreign-cookie-options", TenantMatch, "present a foreign cookie with OPTIONS, as a preflight does";
        "APX-1.foreign-cookie-unknown-method", TenantMatch,
            "present a foreign cookie with a method that the proxy has never heard of";
        "APX-1.foreign-cookie-streamed-body", TenantMatch,
            "stream a body behind a foreign cookie, so that bytes might leave first";
        "APX-1.foreign-cookie-expect-continue", TenantMatch,
            "announce a body with `Expect: 100-continue` behind a foreign cookie";
        "APX-1.foreign-cookie-upgrade", TenantMatch, "present a foreign cookie on a WebSocket handshake";
        "APX-1.foreign-cookie-other-upgrade", TenantMatch, "present a foreign cookie on an upgrade to another protocol";
        "APX-1.own-then-foreign", TenantMatch,
            "pass at the own host, then ask for a foreign one on the same connection";
        "APX-1.foreign-then-own", TenantMatch,
            "be refused at a foreign host, then ask for the own one on the same connection";
        "APX-1.foreign-after-many", TenantMatch,
            "pass often at the own host, then ask for a foreign one on the same connection";
        "APX-1.own-then-foreign-pipelined", TenantMatch, "send both requests before the first answer";
        "APX-1.foreign-cookie-http2", TenantMatch, "present a foreign cookie over HTTP/2";
        "APX-1.http2-interleaved", TenantMatch, "interleave own and foreign streams on one HTTP/2 connection";
        "APX-1.foreign-cookie-tls", TenantMatch, "present a foreign cookie over TLS with the foreign host's own name";
        "APX-1.foreign-cookie-legacy-host", TenantMatch, "present a foreign cookie at the legacy two-level host";
        "APX-1.foreign-cookie-custom-domain", TenantMatch, "present a foreign cookie at a custom domain";
        "APX-1.foreign-cookie-among-others", TenantMatch, "hide a foreign cookie between cookies of other names";
        "APX-1.header-names-victim", TenantMatch,
            "name the victim's tenant in `X-Vendo-Tenant-Id` beside a foreign cookie";
        "APX-1.query-names-victim", TenantMatch, "name the victim's tenant in the query beside a foreign cookie";
        "APX-1.body-names-victim", TenantMatch, "name the victim's tenant in a JSON body beside a foreign cookie";
        "APX-1.same-deployment-slug", TenantMatch, "hold a deployment of the victim's own slug under another tenant";
        "APX-1.lookalike-prefix", TenantMatch, "be a tenant whose id is a prefix of the victim's";
        "APX-1.lookalike-extension", TenantMatch, "be a tenant whose id begins with the victim's";
        "APX-1.lookalike-case", TenantMatch, "be a tenant whose id differs from the victim's in case only";
        "APX-1.foreign-owner", TenantMatch, "be the other tenant's owner";
        "APX-1.foreign-member", TenantMatch, "be the other tenant's member";
        "APX-1.foreign-viewer", TenantMatch, "be the other tenant's viewer";
        "APX-1.two-tenant-user", TenantMatch, "be a member of both tenants and use the cookie of the wrong one";
        "APX-1.foreign-reserved-path", TenantMatch,
            "present a foreign cookie at the reserved path where codes are redeemed";
        "APX-1.own-suspended", Status, "reach the container of a suspended deployment with the own tenant's cookie";
        "APX-1.own-suspended-upgrade", Status, "ask for a WebSocket at a suspended deployment of the own tenant";
        "APX-1.own-destroyed", Status, "reach the container of a destroyed deployment with the own tenant's cookie";
        "APX-1.anonymous", SignIn, "present no cookie at all at a host that asks for sign-in";
        "APX-1.anonymous-upgrade", SignIn, "ask for a WebSocket without a cookie at a host that asks for sign-in";
        "APX-1.anonymous-exempt-path", SignIn,
            "present no cookie at a path that some proxies exempt: a static asset, a health check, a challenge, a webhook";
        "APX-1.foreign-cookie-exempt-path", TenantMatch, "present another tenant's cookie at such a path";
        "APX-1.anonymous-exempt-header", SignIn,
            "present no cookie, and say to be a health check, a preflight, a prefetch or this very machine";
        "APX-1.foreign-cookie-exempt-header", TenantMatch, "say so beside another tenant's cookie";
        "APX-1.own-elsewhere-then-foreign", TenantMatch,
            "use an account's cookie in its own tenant, then the same account's cookie of another tenant";
    },
    note: None,
};

pub(super) static APX_3: Claim = Claim {
    id: ClaimId::Apx3,
    statement: "The `X-Vendo-*` identity that a container receives is the one the proxy verified, and nothing a \
                client sends adds to it, changes it or removes it.",
    threat: "A visitor names himself the owner of the tenant, and the container believes the header.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Apx1],
        "A container trusts these headers as the result of the check: a spoofed one is the check undone.",
    ),
    boundary: Boundary::AppProxy,
    tier: Tier::Shared,
    held_from: Milestone::Light,
    enforced_at: &[STRIP, INJECT],
    cwe: &[290, 348, 113],
    controls: &[
        "NIST-800-53:AC-4",
        "NIST-800-53:IA-9",
        "NIST-800-53:SI-10",
        "SOC2:CC6.1",
        "SOC2:CC6.6",
        "ISO27001:A.5.16",
        "ISO27001:A.8.26",
    ],
    moves: moves! {
        "APX-3.spoof-user-id", RequestStrip, "send `X-Vendo-User-Id` beside the own cookie";
        "APX-3.spoof-user-email", RequestStrip, "send `X-Vendo-User-Email` beside the own cookie";
        "APX-3.spoof-user-name", RequestStrip, "send `X-Vendo-User-Name` beside the own cookie";
        "APX-3.spoof-tenant-id", RequestStrip, "send `X-Vendo-Tenant-Id` beside the own cookie";
        "APX-3.spoof-role", RequestStrip, "send `X-Vendo-Role: owner` beside a viewer's cookie";
        "APX-3.spoof-unknown", RequestStrip, "send an `X-Vendo-` header that the proxy never injects";
        "APX-3.spelling-lower", RequestStrip, "spell the spoofed names in lower case";
        "APX-3.spelling-upper", RequestStrip, "spell the spoofed names in upper case";
        "APX-3.spelling-mixed", RequestStrip, "spell the spoofed names in mixed case";
        "APX-3.spelling-underscore", RequestStrip, "spell the spoofed names with underscores, which many servers fold";
        "APX-3.spelling-half-underscore", RequestStrip, "mix underscores and hyphens in one spoofed name";
        "APX-3.duplicate", RequestStrip, "send one spoofed name several times";
        "APX-3.duplicate-spellings", RequestStrip, "send one spoofed name in several spellings at once";
        "APX-3.empty-value", RequestStrip, "send the spoofed names with empty values";
        "APX-3.many", RequestStrip, "send spoofed names up to the limit on headers";
        "APX-3.without-cookie-flag-off", RequestStrip, "spoof at a public host without a cookie";
        "APX-3.own-cookie-flag-off", RequestStrip, "spoof at a public host with the own valid cookie";
        "APX-3.invalid-cookie-flag-off", RequestStrip, "spoof at a public host with an invalid cookie";
        "APX-3.without-cookie", SignIn, "spoof a whole identity at a host that asks for sign-in, without a cookie";
        "APX-3.http2", RequestStrip, "spoof over HTTP/2";
        "APX-3.upgrade", RequestStrip, "spoof on a WebSocket handshake";
        "APX-3.custom-domain", RequestStrip, "spoof at a custom domain";
        "APX-3.legacy-host", RequestStrip, "spoof at the legacy two-level host";
        "APX-3.connection-names-injected", IdentityInject,
            "list the injected names in `Connection`, so that they are removed";
        "APX-3.connection-names-spelling", IdentityInject,
            "list the injected names in `Connection` with other case and odd white space";
        "APX-3.connection-names-spoofed", RequestStrip, "list a spoofed name in `Connection` and send it too";
        "APX-3.connection-names-cookie", RequestStrip, "list `Cookie` in `Connection`";
        "APX-3.connection-names-host", RequestStrip, "list `Host` in `Connection`";
        "APX-3.trailer", RequestStrip,
            "announce the spoofed names in `Trailer` and send them as trailers of a chunked body";
        "APX-3.trailer-http2", RequestStrip, "send the spoofed names as trailers of an HTTP/2 stream";
        "APX-3.cf-connecting-ip", RequestStrip, "spoof `CF-Connecting-IP`";
        "APX-3.cf-ipcountry", RequestStrip, "spoof `CF-IPCountry`";
        "APX-3.cf-ray", RequestStrip, "spoof `CF-Ray`";
        "APX-3.cf-visitor", RequestStrip, "spoof `CF-Visitor`";
        "APX-3.cf-underscore", RequestStrip, "spoof the `CF-` names with underscores";
        "APX-3.x-forwarded-for", RequestStrip, "spoof `X-Forwarded-For`";
        "APX-3.x-forwarded-host", RequestStrip, "spoof `X-Forwarded-Host`";
        "APX-3.x-forwarded-proto", RequestStrip, "spoof `X-Forwarded-Proto`";
        "APX-3.x-forwarded-server", RequestStrip, "spoof `X-Forwarded-Server`, a name that few proxies know";
        "APX-3.forwarded", RequestStrip, "spoof `Forwarded`";
        "APX-3.hop-by-hop", RequestStrip, "send `Keep-Alive`, `Proxy-Connection`, `Proxy-Authorization` and `TE`";
        "APX-3.member-name-crlf", IdentityInject, "be a member whose name holds CR LF and a header";
        "APX-3.member-name-nul", IdentityInject, "be a member whose name holds NUL and other control characters";
        "APX-3.member-name-unicode", IdentityInject, "be a member whose name holds characters outside ASCII";
        "APX-3.member-name-percent", IdentityInject, "be a member whose name holds percent escapes";
        "APX-3.member-name-spaces", IdentityInject, "be a member whose name begins and ends with white space";
        "APX-3.member-name-empty", IdentityInject, "be a member whose name is empty";
        "APX-3.member-email-crlf", IdentityInject, "be a member whose email holds CR LF and a header";
        "APX-3.subject-hostile", IdentityInject, "be a member whose user id holds separators and control characters";
        "APX-3.reuse-other-member", IdentityInject, "send another member's request next on one connection";
        "APX-3.reuse-public-host", RequestStrip, "ask for a public host next on the connection of a signed-in request";
        "APX-3.simultaneous-members", IdentityInject, "have members of two tenants ask at the same moment";
        "APX-3.http2-two-members", IdentityInject, "interleave two members' streams on one HTTP/2 connection";
    },
    note: None,
};
