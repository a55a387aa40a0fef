//! The app-proxy's sessions: which cookie counts (APX-2), and that a container neither gets nor plants one (APX-4).

use super::app_proxy::{DECIDE, FILTER, STRIP};
use super::{Boundary, Claim, ClaimId, Milestone, Origin, Tier, at, derived, moves};

pub(super) static APX_2: Claim = Claim {
    id: ClaimId::Apx2,
    statement: "Only one authentic, unexpired token that was issued for the app-proxy counts as a session, and \
                anything else counts as no session.",
    threat: "Whoever can write a token, or bend one, is any member of any tenant.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Apx1],
        "The tenant comparison says nothing if the tenant in the cookie can be chosen by its bearer.",
    ),
    boundary: Boundary::AppProxy,
    tier: Tier::Shared,
    held_from: Milestone::Light,
    enforced_at: &[at("reference-impl/src/identity/jws.rs", "verify"), DECIDE],
    cwe: &[347, 345, 565, 613],
    controls: &[
        "NIST-800-53:IA-2",
        "NIST-800-53:IA-5",
        "NIST-800-53:SC-13",
        "NIST-800-53:SC-23",
        "SOC2:CC6.1",
        "ISO27001:A.5.17",
        "ISO27001:A.8.5",
        "ISO27001:A.8.24",
    ],
    moves: moves! {
        "APX-2.alg-none", CookieVerify, "say `alg: none` and leave the signature empty";
        "APX-2.alg-none-upper", CookieVerify, "say `alg: NONE`";
        "APX-2.alg-none-capital", CookieVerify, "say `alg: None`";
        "APX-2.alg-none-signed", CookieVerify, "say `alg: none` over an otherwise right signature";
        "APX-2.alg-missing", CookieVerify, "leave `alg` out";
        "APX-2.alg-empty", CookieVerify, "say an empty `alg`";
        "APX-2.alg-null", CookieVerify, "say `alg: null`";
        "APX-2.alg-lower", CookieVerify, "say `alg: hs256`, rightly signed";
        "APX-2.alg-hs384", CookieVerify, "say `alg: HS384` over an HS256 signature";
        "APX-2.alg-hs512", CookieVerify, "say `alg: HS512` over an HS256 signature";
        "APX-2.alg-rs256", CookieVerify, "say `alg: RS256` over an HS256 signature";
        "APX-2.kid-unknown", CookieVerify, "name a key that is not there over an otherwise right signature";
        "APX-2.kid-foreign", CookieVerify, "name a key of one's own and sign with it";
        "APX-2.kid-missing", CookieVerify, "name no key";
        "APX-2.kid-empty", CookieVerify, "name the empty key";
        "APX-2.kid-number", CookieVerify, "name a key by a number";
        "APX-2.kid-other-key", CookieVerify, "name another known key than the one that signed";
        "APX-2.kid-path", CookieVerify, "name a file as the key and sign with its content";
        "APX-2.typ-other", CookieVerify, "say another `typ`, rightly signed";
        "APX-2.header-crit", CookieVerify, "add a `crit` member to the header, rightly signed";
        "APX-2.header-jwk", CookieVerify, "bring the key along in `jwk`";
        "APX-2.header-jku", CookieVerify, "point to the key with `jku`";
        "APX-2.header-x5c", CookieVerify, "bring a certificate along in `x5c`";
        "APX-2.header-b64", CookieVerify, "ask for an unencoded payload with `b64`";
        "APX-2.header-unknown-member", CookieVerify, "add a member of no known name to the header, rightly signed";
        "APX-2.header-duplicate-alg", CookieVerify, "say `alg` twice in the header, rightly signed";
        "APX-2.header-duplicate-kid", CookieVerify, "say `kid` twice in the header, rightly signed";
        "APX-2.header-not-object", CookieVerify, "make the header an array, rightly signed";
        "APX-2.header-not-json", CookieVerify, "make the header no JSON at all";
        "APX-2.wrong-secret", CookieVerify, "sign with a secret of one's own";
        "APX-2.empty-secret", CookieVerify, "sign with the empty secret";
        "APX-2.secret-is-kid", CookieVerify, "sign with the key's public name";
        "APX-2.expired", CookieVerify, "present an own cookie past its end";
        "APX-2.expires-now", CookieVerify, "present an own cookie in the second of its end";
        "APX-2.expired-after-use", CookieVerify, "present the very cookie that was good a minute ago";
        "APX-2.exp-missing", CookieVerify, "leave `exp` out, rightly signed";
        "APX-2.exp-null", CookieVerify, "say `exp: null`, rightly signed";
        "APX-2.exp-string", CookieVerify, "say `exp` as a string, rightly signed";
        "APX-2.exp-float", CookieVerify, "say `exp` as a fraction, rightly signed";
        "APX-2.exp-negative", CookieVerify, "say a negative `exp`, rightly signed";
        "APX-2.exp-overflow", CookieVerify, "say an `exp` beyond 64 bits, rightly signed";
        "APX-2.iat-missing", CookieVerify, "leave `iat` out, rightly signed";
        "APX-2.iat-string", CookieVerify, "say `iat` as a string, rightly signed";
        "APX-2.aud-other", CookieVerify, "present a token for another audience, rightly signed";
        "APX-2.aud-extended", CookieVerify, "present a token whose audience begins with the right one, rightly signed";
        "APX-2.aud-missing", CookieVerify, "leave `aud` out, rightly signed";
        "APX-2.aud-empty", CookieVerify, "say an empty `aud`, rightly signed";
        "APX-2.aud-array", CookieVerify, "say `aud` as an array that holds the right one";
        "APX-2.aud-case", CookieVerify, "say `aud` in another case, rightly signed";
        "APX-2.tenant-missing", CookieVerify, "leave `tenant_id` out, rightly signed";
        "APX-2.tenant-empty", CookieVerify, "say an empty `tenant_id`, rightly signed";
        "APX-2.tenant-null", CookieVerify, "say `tenant_id: null`, rightly signed";
        "APX-2.tenant-number", CookieVerify, "say `tenant_id` as a number, rightly signed";
        "APX-2.tenant-array", CookieVerify, "say `tenant_id` as an array that holds the victim's";
        "APX-2.sub-missing", CookieVerify, "leave `sub` out, rightly signed";
        "APX-2.sub-empty", CookieVerify, "say an empty `sub`, rightly signed";
        "APX-2.sub-number", CookieVerify, "say `sub` as a number, rightly signed";
        "APX-2.role-missing", CookieVerify, "leave `role` out, rightly signed";
        "APX-2.role-unknown", CookieVerify, "say a role that is not one, rightly signed";
        "APX-2.role-case", CookieVerify, "say `Owner` for `owner`, rightly signed";
        "APX-2.email-missing", CookieVerify, "leave `email` out, rightly signed";
        "APX-2.name-missing", CookieVerify, "leave `name` out, rightly signed";
        "APX-2.duplicate-tenant", CookieVerify, "say `tenant_id` twice, own and foreign, rightly signed";
        "APX-2.duplicate-escaped", CookieVerify, "say `tenant_id` twice, once with an escaped letter, rightly signed";
        "APX-2.duplicate-exp", CookieVerify, "say `exp` twice, rightly signed";
        "APX-2.duplicate-aud", CookieVerify, "say `aud` twice, rightly signed";
        "APX-2.claims-not-object", CookieVerify, "make the claims an array, rightly signed";
        "APX-2.claims-not-json", CookieVerify, "make the claims no JSON at all, rightly signed";
        "APX-2.claims-not-utf8", CookieVerify, "put bytes that are not UTF-8 into a claim, rightly signed";
        "APX-2.claims-trailing-bytes", CookieVerify, "put a second object after the claims, rightly signed";
        "APX-2.signature-flipped", CookieVerify, "flip one bit of the signature";
        "APX-2.signature-half", CookieVerify, "keep the first half of the signature, and zeros for the rest";
        "APX-2.signature-empty", CookieVerify, "leave the signature empty";
        "APX-2.signature-truncated", CookieVerify, "cut the signature short";
        "APX-2.signature-extended", CookieVerify, "add bytes to the signature";
        "APX-2.signature-zero", CookieVerify, "send a signature of zero bytes";
        "APX-2.signature-other-token", CookieVerify, "put another token's signature behind the claims";
        "APX-2.payload-tenant-swapped", CookieVerify, "swap the tenant under the old signature";
        "APX-2.payload-role-raised", CookieVerify, "raise the role under the old signature";
        "APX-2.payload-exp-extended", CookieVerify, "extend `exp` under the old signature";
        "APX-2.payload-reencoded", CookieVerify, "write the same claims with other whitespace under the old signature";
        "APX-2.header-reencoded", CookieVerify, "write the same header with other whitespace under the old signature";
        "APX-2.header-payload-boundary", CookieVerify, "move the dot between header and claims under the old signature";
        "APX-2.padding-added", CookieVerify, "pad the segments with `=`";
        "APX-2.standard-alphabet", CookieVerify, "write the segments with `+` and `/`";
        "APX-2.trailing-bits", CookieVerify, "set the unused bits of a segment's last character";
        "APX-2.whitespace-in-segment", CookieVerify, "put white space into a segment";
        "APX-2.foreign-character", CookieVerify, "put a character into a segment that base64 does not know";
        "APX-2.non-ascii", CookieVerify, "put a byte outside ASCII behind the token";
        "APX-2.two-segments", CookieVerify, "leave the signature and its dot out";
        "APX-2.four-segments", CookieVerify, "add a fourth segment";
        "APX-2.empty-segments", CookieVerify, "send two dots and nothing else";
        "APX-2.json-serialisation", CookieVerify, "send the token in JSON serialisation";
        "APX-2.value-quoted", CookieVerify, "put the value in double quotes";
        "APX-2.value-percent-encoded", CookieVerify, "percent-encode the value";
        "APX-2.empty-value", CookieVerify, "send an empty value";
        "APX-2.over-long", CookieVerify, "send a rightly signed token that is longer than the limit";
        "APX-2.sign-in-code", CookieVerify, "send an own sign-in code as the value";
        "APX-2.dashboard-session", CookieVerify, "send an own dashboard session as the value";
        "APX-2.identity-token", CookieVerify, "send an own identity token as the value";
        "APX-2.app-key", CookieVerify, "send an own app key as the value";
        "APX-2.duplicate-own-foreign", CookieParse, "send two session cookies, own first and foreign second";
        "APX-2.duplicate-foreign-own", CookieParse, "send two session cookies, foreign first and own second";
        "APX-2.duplicate-own-garbage", CookieParse, "send two session cookies, own first and garbage second";
        "APX-2.duplicate-garbage-own", CookieParse, "send two session cookies, garbage first and own second";
        "APX-2.duplicate-own-own", CookieParse, "send the same session cookie twice";
        "APX-2.duplicate-across-headers", CookieParse, "send two session cookies in two `Cookie` fields";
        "APX-2.duplicate-http2-crumbs", CookieParse, "send two session cookies in two fields over HTTP/2";
        "APX-2.duplicate-bare-name", CookieParse, "send the session cookie's name without `=` beside the own cookie";
        "APX-2.duplicate-behind-many", CookieParse, "send a second session cookie behind thirty other cookies";
        "APX-2.bare-name", CookieParse, "send the session cookie's name without `=`, alone";
        "APX-2.name-other-case", CookieParse, "send the own token under the name in another case";
        "APX-2.name-extended", CookieParse, "send the own token under a name that begins with the right one";
        "APX-2.name-host-prefixed", CookieParse, "send the own token under the name with a `__Host-` prefix";
        "APX-2.comma-separated", CookieParse, "separate cookies with a comma";
        "APX-2.token-in-authorization", CookieParse, "send the own token as a bearer";
        "APX-2.token-in-query", CookieParse, "send the own token in the query";
    },
    note: None,
};

pub(super) static APX_4: Claim = Claim {
    id: ClaimId::Apx4,
    statement: "A container never receives a session or a sign-in code, never sets a cookie that reaches beyond its \
                own host or bears a session's name, and a code opens only the host that it was given for, once.",
    threat: "A tenant lures a member of another tenant to its own container and leaves with his session, or fixes one \
             on him.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Apx1],
        "A stolen cookie is of the right tenant, so the comparison lets it through; a planted one decides who is \
         compared.",
    ),
    boundary: Boundary::AppProxy,
    tier: Tier::Shared,
    held_from: Milestone::Light,
    enforced_at: &[STRIP, FILTER, DECIDE],
    cwe: &[200, 384, 522, 601],
    controls: &[
        "NIST-800-53:AC-4",
        "NIST-800-53:IA-5",
        "NIST-800-53:SC-23",
        "SOC2:CC6.1",
        "SOC2:CC6.7",
        "ISO27001:A.5.17",
        "ISO27001:A.8.5",
        "ISO27001:A.8.12",
    ],
    moves: moves! {
        "APX-4.forward-alone", RequestStrip, "have a visitor's session cookie forwarded when it is the only cookie";
        "APX-4.forward-among-others", RequestStrip, "have the session cookie forwarded between cookies of other names";
        "APX-4.forward-two-headers", RequestStrip, "have the session cookie forwarded when cookies come in two fields";
        "APX-4.forward-http2-crumbs", RequestStrip, "have the session cookie forwarded when HTTP/2 splits the cookies";
        "APX-4.forward-flag-off", RequestStrip, "have the session cookie forwarded to a public deployment";
        "APX-4.forward-invalid", RequestStrip, "have an expired or broken session forwarded to a public deployment";
        "APX-4.forward-duplicate", RequestStrip, "have one of two session cookies forwarded to a public deployment";
        "APX-4.forward-other-case", RequestStrip, "have the session cookie forwarded under its name in another case";
        "APX-4.forward-bare-name", RequestStrip, "have the session cookie's bare name forwarded";
        "APX-4.forward-whitespace", RequestStrip,
            "have the session cookie forwarded with spaces and tabs around its name";
        "APX-4.forward-no-space", RequestStrip,
            "have the session cookie forwarded when no space follows the semicolons";
        "APX-4.forward-quoted", RequestStrip,
            "have the session cookie forwarded in quotes, percent-encoded or twice behind a comma";
        "APX-4.forward-upgrade", RequestStrip, "have the session cookie forwarded on a WebSocket handshake";
        "APX-4.forward-behind-many", RequestStrip, "have a session cookie forwarded that comes behind thirty others";
        "APX-4.forward-dashboard", RequestStrip, "have a dashboard session cookie forwarded";
        "APX-4.set-wide-domain", ResponseFilter, "set a cookie for `.vendo.run`";
        "APX-4.set-domain-below", ResponseFilter, "set a cookie for a name below the own host";
        "APX-4.set-domain-glued", ResponseFilter, "set a cookie for a name that ends as the own host does";
        "APX-4.set-wide-domain-no-dot", ResponseFilter, "set a cookie for `vendo.run`";
        "APX-4.set-domain-two-dots", ResponseFilter, "set a cookie for `..vendo.run`";
        "APX-4.set-domain-trailing-dot", ResponseFilter, "set a cookie for `vendo.run.`";
        "APX-4.set-domain-upper", ResponseFilter,
            "set a cookie for `VENDO.RUN`, the attribute's name in upper case too";
        "APX-4.set-domain-whitespace", ResponseFilter, "set a cookie for a domain between spaces and tabs";
        "APX-4.set-domain-duplicate-last", ResponseFilter, "name the own host first and a wide domain last";
        "APX-4.set-domain-duplicate-first", ResponseFilter, "name a wide domain first and the own host last";
        "APX-4.set-domain-top-level", ResponseFilter, "set a cookie for a top-level domain";
        "APX-4.set-sibling-host", ResponseFilter, "set a cookie for another tenant's host";
        "APX-4.set-parent-host", ResponseFilter, "set a cookie for the tenant part of the legacy host";
        "APX-4.set-custom-domain-parent", ResponseFilter, "set a cookie for the parent of a custom domain";
        "APX-4.set-custom-domain-wide", ResponseFilter, "set a cookie for `vendo.run` from a custom domain";
        "APX-4.set-session-name", ResponseFilter, "set a cookie named `vendoAuth`";
        "APX-4.set-session-name-case", ResponseFilter, "set a cookie named `VENDOAUTH`";
        "APX-4.set-session-name-whitespace", ResponseFilter, "set a cookie named `vendoAuth` between spaces and tabs";
        "APX-4.set-session-delete", ResponseFilter, "end a visitor's session by `Max-Age=0`";
        "APX-4.set-dashboard-name", ResponseFilter, "set a cookie named `__Host-vendo_session`";
        "APX-4.set-dashboard-name-case", ResponseFilter, "set a cookie named `__HOST-VENDO_SESSION`";
        "APX-4.set-nameless", ResponseFilter, "set a cookie without `=`";
        "APX-4.set-empty-name", ResponseFilter, "set a cookie of empty name whose value spells `vendoAuth=…`";
        "APX-4.set-control-character", RouteLookup, "put a control character into a cookie";
        "APX-4.set-several", ResponseFilter, "put one forbidden cookie among several good ones";
        "APX-4.set-field-case", ResponseFilter, "spell the field name in another case";
        "APX-4.set-on-error", ResponseFilter, "set a forbidden cookie on an error response";
        "APX-4.set-on-redirect", ResponseFilter, "set a forbidden cookie on a redirect";
        "APX-4.set-on-upgrade", ResponseFilter, "set a forbidden cookie with the 101 of a WebSocket handshake";
        "APX-4.set-on-refused-upgrade", ResponseFilter,
            "set a forbidden cookie on the refusal of a WebSocket handshake";
        "APX-4.set-on-interim", ResponseFilter, "set a forbidden cookie on an interim response";
        "APX-4.set-on-head", ResponseFilter, "set a forbidden cookie on the answer to HEAD";
        "APX-4.set-in-trailer", ResponseFilter, "set a forbidden cookie in the trailers of a response";
        "APX-4.set-cookie2", ResponseFilter, "set a forbidden cookie with `Set-Cookie2`";
        "APX-4.response-identity", ResponseFilter, "answer with `X-Vendo-` headers";
        "APX-4.response-identity-underscore", ResponseFilter, "answer with `X_Vendo_` headers";
        "APX-4.response-identity-upgrade", ResponseFilter,
            "answer a WebSocket handshake with `X-Vendo-` headers, whether it is accepted or declined";
        "APX-4.response-connection-named", ResponseFilter, "list headers in the response's `Connection`";
        "APX-4.sign-in-forwarded-host", SignIn, "choose the sign-in's host with `X-Forwarded-Host`";
        "APX-4.sign-in-odd-path", SignIn,
            "ask for a path that reads like another authority, to choose where the sign-in leads";
        "APX-4.sign-in-query-injection", SignIn,
            "put `next=` and another site into the query, to choose where the sign-in leads";
        "APX-4.sign-in-path-crlf", SignIn,
            "put encoded CR LF into the path and `host=` into the query, to split or bend the redirect";
        "APX-4.sign-in-host-spelling", SignIn, "spell the host in another way, to get another one into the redirect";
        "APX-4.next-absolute", CodeRedeem, "redeem with `next` at another site, `https:` spelled out";
        "APX-4.next-protocol-relative", CodeRedeem, "redeem with `next` of `//` and another site";
        "APX-4.next-backslash", CodeRedeem, "redeem with `next` that holds a backslash, before another site or inside";
        "APX-4.next-double-encoded", CodeRedeem,
            "redeem with `next` of `//` and another site, percent-encoded once more than is due";
        "APX-4.next-control", CodeRedeem, "redeem with `next` that holds a tab or a line break";
        "APX-4.next-non-ascii", CodeRedeem, "redeem with `next` that holds characters outside ASCII";
        "APX-4.next-scheme", CodeRedeem, "redeem with `next` of `javascript:`";
        "APX-4.next-relative", CodeRedeem, "redeem with `next` that is another site's bare name";
        "APX-4.code-other-deployment", CodeRedeem, "redeem a code at another deployment of the same tenant";
        "APX-4.code-other-tenant", CodeRedeem, "redeem a code at another tenant's host";
        "APX-4.code-other-host-of-deployment", CodeRedeem, "redeem a code at another host of the same deployment";
        "APX-4.code-replayed", CodeRedeem, "redeem a code a second time";
        "APX-4.code-concurrent", CodeRedeem, "redeem a code twice at once";
        "APX-4.code-burned", CodeRedeem, "redeem a code at its own host after a try at a wrong one";
        "APX-4.code-expired", CodeRedeem, "redeem a code after its 60 seconds";
        "APX-4.code-guessed", CodeRedeem, "redeem a guessed code";
        "APX-4.code-altered", CodeRedeem, "redeem a code with its last letter changed";
        "APX-4.code-other-case", CodeRedeem, "redeem a code in the other case of letters";
        "APX-4.code-cut", CodeRedeem, "redeem a code without its last letter";
        "APX-4.code-extended", CodeRedeem, "redeem a code with one letter more";
        "APX-4.code-host-moved", CodeRedeem,
            "redeem a code at its host, which belongs to another tenant since the code was given";
        "APX-4.code-empty", CodeRedeem, "redeem an empty code";
        "APX-4.code-missing", CodeRedeem, "redeem without a code";
        "APX-4.code-foreign-cookie", TenantMatch, "present a code beside another tenant's session";
        "APX-4.code-suspended", Status, "present a code at a suspended deployment";
        "APX-4.code-flag-off", ReservedPath, "present a code at a public deployment, whose container would see it";
        "APX-4.code-other-method", ReservedPath, "present a code with any method but GET";
        "APX-4.reserved-subpath", ReservedPath, "have a path below the reserved one forwarded";
        "APX-4.reserved-percent", ReservedPath, "have the reserved path forwarded percent-encoded";
        "APX-4.reserved-double-percent", ReservedPath, "have the reserved path forwarded percent-encoded twice";
        "APX-4.reserved-dot-segments", ReservedPath, "have the reserved path forwarded with dot segments before it";
        "APX-4.reserved-encoded-dot-segments", ReservedPath,
            "have the reserved path forwarded with encoded dot segments before it";
        "APX-4.reserved-case", ReservedPath, "have the reserved path forwarded in upper case";
        "APX-4.reserved-backslash", ReservedPath, "have the reserved path forwarded with backslashes";
        "APX-4.reserved-double-slash", ReservedPath, "have the reserved path forwarded with doubled slashes";
        "APX-4.reserved-encoded-slash", ReservedPath, "have the reserved path forwarded with encoded slashes";
        "APX-4.reserved-trailing-slash", ReservedPath, "have the reserved path forwarded with a slash at its end";
        "APX-4.reserved-absolute-form", ReservedPath, "have the reserved path forwarded from an absolute-form target";
        "APX-4.reserved-upgrade", ReservedPath, "have the reserved path forwarded on a WebSocket handshake";
        "APX-4.reserved-http2", ReservedPath, "have the reserved path forwarded over HTTP/2";
    },
    note: Some(
        "That a page can't act with a stolen or replayed code is API-4; that `vendo.run` is on the public suffix \
         list, so that no script sets a cookie for it, is an assumption.",
    ),
};
