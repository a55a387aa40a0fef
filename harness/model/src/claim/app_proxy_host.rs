//! The app-proxy's routing: a request reaches its own host's target only (APX-5), a response its own client (APX-6).

use super::app_proxy::{DECIDE, FILTER};
use super::{Boundary, Claim, ClaimId, Milestone, Origin, Tier, at, derived, moves};

pub(super) static APX_5: Claim = Claim {
    id: ClaimId::Apx5,
    statement: "A request reaches the target of the one host that it names, or none; a request whose host or length \
                can be read in two ways is refused.",
    threat: "Two parsers disagree about a request's host or length, and the check is made at one host and the answer \
             fetched from another.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Apx1],
        "The comparison is made with the entry of the host that was read: a target of another host was never compared.",
    ),
    boundary: Boundary::AppProxy,
    tier: Tier::Shared,
    held_from: Milestone::Light,
    enforced_at: &[at("reference-impl/src/host.rs", "normalise"), DECIDE],
    cwe: &[444, 436, 1289],
    controls: &[
        "NIST-800-53:AC-4",
        "NIST-800-53:SC-7",
        "NIST-800-53:SI-10",
        "SOC2:CC6.6",
        "ISO27001:A.8.20",
        "ISO27001:A.8.22",
        "ISO27001:A.8.26",
    ],
    moves: moves! {
        "APX-5.host-case", RouteLookup, "spell the host in upper and mixed case";
        "APX-5.host-trailing-dot", RouteLookup, "end the host with one dot";
        "APX-5.host-port", RouteLookup, "add a port";
        "APX-5.host-empty-port", RouteLookup, "add a colon and no port";
        "APX-5.host-two-trailing-dots", HostSyntax, "end the host with two dots";
        "APX-5.host-port-too-big", HostSyntax, "add a port above 65535";
        "APX-5.host-port-letters", HostSyntax, "add a port that is no number";
        "APX-5.host-two-ports", HostSyntax, "add two ports";
        "APX-5.host-userinfo", HostSyntax, "put a user before the host and `@`, or the host before `@` and another one";
        "APX-5.host-percent", HostSyntax, "percent-encode a letter of the host";
        "APX-5.host-non-ascii", HostSyntax, "use a letter outside ASCII that folds into the victim's";
        "APX-5.host-empty-label", HostSyntax, "put two dots between labels";
        "APX-5.host-leading-dot", HostSyntax, "begin the host with a dot";
        "APX-5.host-leading-hyphen", HostSyntax, "begin a label with a hyphen";
        "APX-5.host-trailing-hyphen", HostSyntax, "end a label with a hyphen";
        "APX-5.host-underscore", HostSyntax, "use an underscore in a label";
        "APX-5.host-label-too-long", HostSyntax, "use a label of 64 characters";
        "APX-5.host-too-long", HostSyntax, "use a host of more than 253 characters";
        "APX-5.host-ipv4", HostSyntax, "name the target by its IPv4 address, whole or short";
        "APX-5.host-ipv6", HostSyntax, "name the target by its IPv6 address";
        "APX-5.host-ip-decimal", HostSyntax, "name the target by its address as one number";
        "APX-5.host-ip-hex", HostSyntax, "name the target by its address in hexadecimal";
        "APX-5.host-comma-list", HostSyntax, "list two hosts with a comma";
        "APX-5.host-whitespace", HostSyntax, "put white space inside the host";
        "APX-5.host-scheme", HostSyntax, "write a whole URL into `Host`";
        "APX-5.host-path", HostSyntax, "write a path behind the host";
        "APX-5.host-empty", HostSyntax, "send an empty `Host`";
        "APX-5.host-missing", HostAgreement, "send no `Host`";
        "APX-5.host-missing-http10", HostAgreement, "send no `Host` with HTTP/1.0";
        "APX-5.two-hosts-same", HostAgreement, "send the same `Host` twice";
        "APX-5.two-hosts-differing", HostAgreement, "send the own `Host` and the victim's";
        "APX-5.two-hosts-differing-reversed", HostAgreement, "send the victim's `Host` and the own";
        "APX-5.two-hosts-http10", HostAgreement, "send two `Host` fields with HTTP/1.0";
        "APX-5.absolute-equal", HostAgreement, "send an absolute-form target that agrees with `Host`";
        "APX-5.absolute-differing", HostAgreement, "name the victim in the target and the own host in `Host`";
        "APX-5.absolute-differing-reversed", HostAgreement, "name the own host in the target and the victim in `Host`";
        "APX-5.absolute-userinfo", HostSyntax, "put a user before the target's authority";
        "APX-5.absolute-other-scheme", HostAgreement, "send an absolute-form target of another scheme";
        "APX-5.absolute-without-host", HostAgreement, "send an absolute-form target and no `Host`";
        "APX-5.http2-authority-differs", HostAgreement, "name one host in `:authority` and another in `Host`";
        "APX-5.http2-authority-and-host", HostAgreement, "name one host in `:authority` and in `Host`";
        "APX-5.http2-authority-userinfo", HostSyntax, "put a user before the host in `:authority`";
        "APX-5.sni-differs", Sni, "open TLS for the own host and ask for the victim's";
        "APX-5.sni-missing", Sni, "open TLS without a name";
        "APX-5.sni-differs-http2", Sni, "ask for the victim's host on an HTTP/2 connection opened for the own";
        "APX-5.sni-reuse", Sni, "pass once over TLS, then ask for the victim's host on the same connection";
        "APX-5.sni-absolute", Sni, "open TLS for the own host and name the victim in target and `Host`";
        "APX-5.host-dotless", HostClass, "use a deployment's label without the domain";
        "APX-5.host-deeper", HostClass, "put a label before a deployment's host";
        "APX-5.host-deeper-legacy", HostClass, "put a label before a legacy host";
        "APX-5.host-apex", HostClass, "name the domain itself";
        "APX-5.host-reserved", HostClass, "name a reserved label";
        "APX-5.host-rendered-proxy", HostClass, "hold a tenant and a slug that render a provider proxy's name";
        "APX-5.host-bad-slug", HostClass, "use a label whose parts are no slugs";
        "APX-5.host-suffix-added", RouteLookup, "put a domain of one's own behind the victim's host";
        "APX-5.host-suffix-glued", RouteLookup, "use a domain that ends with the platform's letters but not its label";
        "APX-5.host-prefix-added", RouteLookup, "put letters before the victim's label";
        "APX-5.host-under-custom-domain", RouteLookup, "put a label before the victim's custom domain";
        "APX-5.host-legacy-swapped", RouteLookup, "swap tenant and deployment in a legacy host";
        "APX-5.host-first-hyphen", RouteLookup,
            "hold a tenant slug with a hyphen, so that labels can be split in two ways";
        "APX-5.x-forwarded-host", RouteLookup, "name the victim in `X-Forwarded-Host`";
        "APX-5.forwarded", RouteLookup, "name the victim in `Forwarded`";
        "APX-5.x-host", RouteLookup, "name the victim in `X-Host`";
        "APX-5.x-original-host", RouteLookup, "name the victim in `X-Original-Host`";
        "APX-5.x-original-url", RouteLookup, "name the victim in `X-Original-URL`";
        "APX-5.x-rewrite-url", RouteLookup, "name the victim in `X-Rewrite-URL`";
        "APX-5.path-double-slash", RouteLookup, "begin the path with `//`, as an authority does";
        "APX-5.path-backslash", RouteLookup, "begin the path with `/\\` and another authority";
        "APX-5.path-at", RouteLookup, "begin the path with `/@` and another authority";
        "APX-5.target-at", Framing, "begin the target with `@`";
        "APX-5.reuse-other-host", RouteLookup, "ask for another host next on one connection";
        "APX-5.name-after-rename", RouteLookup, "ask for the old name of a renamed deployment";
        "APX-5.name-after-teardown", RouteLookup, "ask for any name of a deployment that was torn down";
        "APX-5.claimed-name", RouteLookup,
            "claim a name of another tenant's deployment as a custom domain, then ask for it";
        "APX-5.released-domain", RouteLookup, "ask for a custom domain that was released after it had been used";
        "APX-5.moved-domain", RouteLookup, "ask for a custom domain that went from one tenant to another";
        "APX-5.http2-other-authority", RouteLookup, "name another host on each stream of one HTTP/2 connection";
        "APX-5.method-connect", Framing, "open a tunnel to the victim with CONNECT";
        "APX-5.method-trace", Framing, "send TRACE, to see the forwarded headers";
        "APX-5.options-star", Framing, "send `OPTIONS *`";
        "APX-5.cl-te", Framing, "send `Content-Length`, then `Transfer-Encoding: chunked`, and hide a request behind";
        "APX-5.te-cl", Framing, "send `Transfer-Encoding: chunked`, then `Content-Length`, and hide a request behind";
        "APX-5.te-chunked-space", Framing, "write `chunked` behind a vertical tab that a lenient parser drops";
        "APX-5.te-xchunked", Framing, "write `xchunked` as the transfer coding";
        "APX-5.te-identity", Framing, "write `identity` as the transfer coding";
        "APX-5.te-two", Framing, "write `chunked, chunked` as the transfer coding";
        "APX-5.te-chunked-not-last", Framing, "write `chunked, identity` as the transfer coding";
        "APX-5.te-http10", Framing, "send `Transfer-Encoding` with HTTP/1.0";
        "APX-5.cl-two-same", Framing, "send the same `Content-Length` twice";
        "APX-5.cl-two-differing", Framing, "send two `Content-Length` fields that differ";
        "APX-5.cl-list", Framing, "send two lengths in one field";
        "APX-5.cl-plus", Framing, "write a length with a plus sign";
        "APX-5.cl-negative", Framing, "write a negative length";
        "APX-5.cl-overflow", Framing, "write a length beyond 64 bits";
        "APX-5.cl-hex", Framing, "write a length in hexadecimal or letters";
        "APX-5.cl-too-short", RouteLookup, "send more bytes than the length, the rest being no request";
        "APX-5.cl-too-long", RouteLookup, "send a length beyond the body, and nothing more";
        "APX-5.get-with-body", RouteLookup, "send GET with a body and a request for the victim behind it";
        "APX-5.expect-continue-body", RouteLookup,
            "send `Expect: 100-continue` and a body at once, then a request for the victim";
        "APX-5.header-bare-lf", Framing, "end a header line with LF alone";
        "APX-5.header-bare-cr", Framing, "put CR alone into a header";
        "APX-5.header-obs-fold", Framing, "continue a header on the next line";
        "APX-5.header-nul", Framing, "put NUL into a header";
        "APX-5.header-space-before-colon", Framing, "put a space before a header's colon";
        "APX-5.header-leading-space", Framing, "begin the first header line with a space";
        "APX-5.header-no-colon", Framing, "send a header line without a colon";
        "APX-5.header-bad-name", Framing, "send a header name that is no token";
        "APX-5.request-line-extra", Framing, "put a second version into the request line";
        "APX-5.request-line-version", Framing, "send a version that is none";
        "APX-5.request-line-method", Framing, "send a method with a character that no method has";
        "APX-5.request-line-target-space", Framing, "put a space into the target";
        "APX-5.chunk-size-overflow", Framing, "write a chunk size beyond 64 bits";
        "APX-5.chunk-size-garbage", Framing, "write a chunk size with a sign or in letters";
        "APX-5.chunk-missing-end", Framing, "leave out the line end behind a chunk";
        "APX-5.chunk-too-long", Framing, "send more bytes in a chunk than its size";
        "APX-5.chunk-extension", RouteLookup, "send a chunk with an extension and a request behind it";
        "APX-5.pipelined-after-error", Framing, "send a good request for the victim behind a refused one";
        "APX-5.head-too-big", Framing, "send a header block beyond the limit and a request behind it";
        "APX-5.too-many-headers", Framing, "send more headers than the limit and a request behind it";
        "APX-5.upgrade-after-refused", Upgrade,
            "send a handshake for the victim's host on a connection whose first one the container refused";
    },
    note: None,
};

pub(super) static APX_6: Claim = Claim {
    id: ClaimId::Apx6,
    statement: "A response answers the one request that it was fetched for: nothing is cached or shared, and no \
                connection to a container carries bytes over from one request to another.",
    threat: "A visitor of one tenant's host is served the page of another, with what it says about its reader.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Apx1],
        "The comparison guards requests: a response that wanders to another host crosses the line without one.",
    ),
    boundary: Boundary::AppProxy,
    tier: Tier::Shared,
    held_from: Milestone::Light,
    enforced_at: &[DECIDE, FILTER],
    cwe: &[488, 524, 444],
    controls: &[
        "NIST-800-53:AC-4",
        "NIST-800-53:SC-4",
        "NIST-800-53:SC-7",
        "SOC2:CC6.1",
        "SOC2:C1.1",
        "ISO27001:A.8.12",
        "ISO27001:A.8.22",
    ],
    moves: moves! {
        "APX-6.cacheable-other-host", ResponseFilter,
            "answer with every invitation to cache, then ask for the same path at another host";
        "APX-6.cacheable-other-member", ResponseFilter,
            "answer with every invitation to cache, then ask as another member";
        "APX-6.cacheable-redirect", ResponseFilter,
            "answer with a redirect, then ask for the same path at another host";
        "APX-6.cacheable-not-found", ResponseFilter, "answer with a cacheable 404, then ask at another host";
        "APX-6.cacheable-set-cookie", ResponseFilter,
            "answer cacheably with a cookie, then ask as another member or at another host";
        "APX-6.head-then-get", ResponseFilter, "warm with HEAD and ask with GET at another host";
        "APX-6.if-none-match", ResponseFilter, "ask with the `ETag` of another host's response";
        "APX-6.if-modified-since", ResponseFilter, "ask with the date of another host's response";
        "APX-6.range", ResponseFilter, "ask for a range of what another host answered";
        "APX-6.post-then-get", ResponseFilter, "warm with POST and ask with GET at another host";
        "APX-6.concurrent-same-path", ResponseFilter, "ask for one path at two hosts at once, the first being slow";
        "APX-6.concurrent-same-host", ResponseFilter, "ask for one path at one host as two members at once";
        "APX-6.two-members-one-host", ResponseFilter, "ask for one path at one host as one member after another";
        "APX-6.member-then-anonymous", SignIn, "warm as a member, then ask without a session";
        "APX-6.refusal-then-owner", ResponseFilter, "warm with a refusal, then have the owner ask";
        "APX-6.upstream-two-responses", ResponseFilter, "answer one request with two responses";
        "APX-6.upstream-extra-bytes", ResponseFilter, "send bytes beyond the response's length";
        "APX-6.upstream-short-body", ResponseFilter, "die before the response's length is reached";
        "APX-6.upstream-head-with-body", ResponseFilter, "answer HEAD with a body";
        "APX-6.upstream-no-content-with-body", ResponseFilter, "answer 204 with a body";
        "APX-6.upstream-interim-continue", ResponseFilter, "send 100 before the response";
        "APX-6.upstream-interim-hints", ResponseFilter, "send 103 with links before the response";
        "APX-6.upstream-cl-te", RouteLookup, "answer with both a length and chunks";
        "APX-6.upstream-cl-differing", RouteLookup, "answer with two lengths";
        "APX-6.upstream-101-unasked", RouteLookup, "answer a plain request with 101";
        "APX-6.upstream-bad-head", RouteLookup, "answer with bytes that are no response head";
        "APX-6.upstream-closes-at-once", RouteLookup, "close the connection without a response";
        "APX-6.upstream-bad-chunk", ResponseFilter,
            "break off in the middle of a chunk, or write a chunk size that is no number";
        "APX-6.upstream-dies-idle", RouteLookup, "close a pooled connection behind a response, without a word";
        "APX-6.client-abort-upload", RouteLookup, "break off in the middle of an upload, then ask again";
        "APX-6.keep-alive-across-hosts", ResponseFilter, "ask for two hosts in turn on one connection";
        "APX-6.http2-interleaved-hosts", ResponseFilter, "interleave two hosts' streams on one HTTP/2 connection";
        "APX-6.error-then-other-host", RouteLookup,
            "have a target fail, then ask for another host on the same connection";
        "APX-6.failures-alike", ResponseFilter,
            "have containers of two tenants answer nonsense, and compare what the proxy says to it";
        "APX-6.tunnel-then-request", ResponseFilter,
            "close a WebSocket tunnel, then ask again over what was its connection";
    },
    note: None,
};
