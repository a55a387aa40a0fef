//! APX-5: hosts and lengths that two parsers read differently.

use super::draft::{CLEAR, Draft, HTTP1, HTTP2, answered, exactly, row, with_headers};
use crate::action::cookie::CookieJar;
use crate::action::framing::{Defect, DefectClass};
use crate::action::header::{ForwardingField, Header, HintField, NameSpelling};
use crate::action::host::{HostLayout, HostOf, HostSpec, IpForm, PlatformHost, Sni, Spelling};
use crate::action::path::{OddPath, Path};
use crate::action::reply::{Reply, ReplyKind};
use crate::action::{Body, Control, Domain, Method, Request, Transport};
use crate::choose::Choose;

const SPELLINGS: &[(&str, &[Spelling])] = &[
    ("host-case", &[Spelling::Upper, Spelling::Mixed]),
    ("host-trailing-dot", &[Spelling::TrailingDot]),
    ("host-port", &[Spelling::Port, Spelling::DotAndPort]),
    ("host-empty-port", &[Spelling::EmptyPort]),
    ("host-two-trailing-dots", &[Spelling::TwoTrailingDots]),
    ("host-port-too-big", &[Spelling::HugePort]),
    ("host-port-letters", &[Spelling::BadPort]),
    ("host-two-ports", &[Spelling::TwoPorts]),
    ("host-userinfo", &[Spelling::UserInfo, Spelling::HostAsUserInfo]),
    ("host-percent", &[Spelling::Percent]),
    ("host-non-ascii", &[Spelling::NonAscii, Spelling::FullwidthDot]),
    ("host-empty-label", &[Spelling::EmptyLabel]),
    ("host-leading-dot", &[Spelling::LeadingDot]),
    ("host-leading-hyphen", &[Spelling::LeadingHyphen]),
    ("host-trailing-hyphen", &[Spelling::TrailingHyphen]),
    ("host-underscore", &[Spelling::Underscore, Spelling::UnderscoreForHyphen]),
    ("host-whitespace", &[Spelling::Space, Spelling::Tab]),
    ("host-scheme", &[Spelling::Scheme]),
    ("host-path", &[Spelling::Slash, Spelling::Backslash]),
];

/// A host made of a deployment that it resembles.
type Resembling = fn(u8) -> HostOf;

/// Hosts that are DNS names, so that every transport carries them.
const NAMES: &[(&str, &[Resembling])] = &[
    ("host-dotless", &[HostOf::BareLabel]),
    ("host-deeper", &[HostOf::Deeper]),
    ("host-deeper-legacy", &[HostOf::DeeperLegacy]),
    ("host-suffix-added", &[HostOf::WithSuffix]),
    ("host-suffix-glued", &[HostOf::WithGlue]),
    ("host-prefix-added", &[HostOf::WithPrefix]),
    ("host-under-custom-domain", &[HostOf::UnderCustom]),
    ("host-apex", &[|_| HostOf::Platform(PlatformHost::Dashboard)]),
    (
        "host-reserved",
        &[
            |_| HostOf::Platform(PlatformHost::Api),
            |_| HostOf::Platform(PlatformHost::Www),
            |_| HostOf::Platform(PlatformHost::Credentials),
            |_| HostOf::Platform(PlatformHost::Hooks),
        ],
    ),
    ("host-rendered-proxy", &[|_| HostOf::Platform(PlatformHost::ProviderProxy)]),
    ("host-bad-slug", &[|_| HostOf::BadSlug]),
];

/// Hosts that are none: only HTTP/1.1 in the clear carries them as they are.
const NO_NAMES: &[(&str, &[HostOf])] = &[
    ("host-label-too-long", &[HostOf::LongLabel]),
    ("host-too-long", &[HostOf::LongName]),
    ("host-ipv4", &[HostOf::Ip(IpForm::V4), HostOf::Ip(IpForm::Short)]),
    ("host-ipv6", &[HostOf::Ip(IpForm::V6)]),
    ("host-ip-decimal", &[HostOf::Ip(IpForm::Decimal)]),
    ("host-ip-hex", &[HostOf::Ip(IpForm::Hex)]),
];

const LAYOUTS: &[(&str, HostLayout)] = &[
    ("host-empty", HostLayout::Empty),
    ("host-missing", HostLayout::Missing),
    ("host-missing-http10", HostLayout::Version10Missing),
    ("two-hosts-same", HostLayout::Twice),
    ("two-hosts-http10", HostLayout::Version10Twice),
    ("absolute-equal", HostLayout::Absolute),
    ("absolute-userinfo", HostLayout::AbsoluteUserInfo),
    ("absolute-other-scheme", HostLayout::AbsoluteScheme),
    ("absolute-without-host", HostLayout::AbsoluteAlone),
];

const HTTP2_LAYOUTS: &[(&str, HostLayout)] = &[
    ("http2-authority-and-host", HostLayout::AuthorityAndHost),
    ("http2-authority-userinfo", HostLayout::AuthorityUserInfo),
];

/// Two hosts in one request: how the second is carried.
type Second = fn(HostSpec) -> HostLayout;

/// And whether the own host comes first.
const TWO_HOSTS: &[(&str, (Second, bool))] = &[
    ("two-hosts-differing", (HostLayout::ThenOther, true)),
    ("two-hosts-differing-reversed", (HostLayout::ThenOther, false)),
    ("absolute-differing", (HostLayout::AbsoluteOther, true)),
    ("absolute-differing-reversed", (HostLayout::AbsoluteOther, false)),
];

/// A header that names a host to whoever routes by it.
type Hint = fn(HostSpec) -> Header;

const HINTS: &[(&str, Hint)] = &[
    ("x-host", |host| Header::Hint { field: HintField::Host, host }),
    ("x-original-host", |host| Header::Hint { field: HintField::OriginalHost, host }),
    ("x-original-url", |host| Header::Hint { field: HintField::OriginalUrl, host }),
    ("x-rewrite-url", |host| Header::Hint { field: HintField::RewriteUrl, host }),
    ("x-forwarded-host", |host| Header::Forwarding {
        field: ForwardingField::Host,
        spelling: NameSpelling::Canonical,
        host,
    }),
    ("forwarded", |host| Header::Forwarding {
        field: ForwardingField::Forwarded,
        spelling: NameSpelling::Canonical,
        host,
    }),
];

const PATHS: &[(&str, &[OddPath])] = &[
    ("path-double-slash", &[OddPath::DoubleSlash]),
    ("path-backslash", &[OddPath::Backslash]),
    ("path-at", &[OddPath::At]),
];

const DEFECTS: &[(&str, &[Defect])] = &[
    ("target-at", &[Defect::TargetAt]),
    ("cl-te", &[Defect::LengthThenChunked]),
    ("te-cl", &[Defect::ChunkedThenLength]),
    ("te-chunked-space", &[Defect::CodingVerticalTab]),
    ("te-xchunked", &[Defect::CodingUnknown]),
    ("te-identity", &[Defect::CodingIdentity]),
    ("te-two", &[Defect::CodingTwice]),
    ("te-chunked-not-last", &[Defect::CodingChunkedNotLast]),
    ("te-http10", &[Defect::CodingInVersion10]),
    ("cl-two-same", &[Defect::SameLengthTwice]),
    ("cl-two-differing", &[Defect::TwoLengths]),
    ("cl-list", &[Defect::LengthList]),
    ("cl-plus", &[Defect::LengthPlus]),
    ("cl-negative", &[Defect::LengthNegative]),
    ("cl-overflow", &[Defect::LengthHuge]),
    ("cl-hex", &[Defect::LengthHex, Defect::LengthLetters]),
    ("cl-too-short", &[Defect::LengthTooShort]),
    ("cl-too-long", &[Defect::LengthTooLong]),
    ("header-bare-lf", &[Defect::BareLf]),
    ("header-bare-cr", &[Defect::BareCr]),
    ("header-obs-fold", &[Defect::ObsFold]),
    ("header-nul", &[Defect::Nul]),
    ("header-space-before-colon", &[Defect::SpaceBeforeColon]),
    ("header-leading-space", &[Defect::LeadingSpace]),
    ("header-no-colon", &[Defect::NoColon]),
    ("header-bad-name", &[Defect::SpaceInName, Defect::NoName]),
    ("request-line-extra", &[Defect::ExtraPart]),
    ("request-line-version", &[Defect::BadVersion]),
    ("request-line-method", &[Defect::BadMethod]),
    ("request-line-target-space", &[Defect::SpaceInTarget]),
    ("chunk-size-overflow", &[Defect::ChunkOverflow]),
    ("chunk-size-garbage", &[Defect::ChunkNegative, Defect::ChunkLetters]),
    ("chunk-missing-end", &[Defect::ChunkUnterminated]),
    ("chunk-too-long", &[Defect::ChunkTooLong]),
    ("chunk-extension", &[Defect::ChunkExtension]),
    ("head-too-big", &[Defect::HugeHeader]),
    ("too-many-headers", &[Defect::ManyHeaders]),
];

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    if let Some(defects) = row(DEFECTS, name) {
        let defect = draft.among(defects)?;
        draft.broken(defect);
        return Some(());
    }
    let at = draft.deployment();
    let owner = draft.world.owner_of(at);
    let victim = draft.elsewhere(at)?;
    if let Some((carrier, own_first)) = row(TWO_HOSTS, name) {
        let spelling =
            draft.of(&[Spelling::Exact, Spelling::Exact, Spelling::Upper, Spelling::Port, Spelling::TrailingDot]);
        let (own, other) = (draft.host(at), HostSpec { spelling, ..draft.host(victim) });
        let (host, second) = if own_first { (own, other) } else { (other, own) };
        let request = draft.visit(at, owner);
        let request = draft.over(request, &HTTP1);
        draft.send(Request { host, layout: carrier(second), ..request });
        return Some(());
    }
    if let Some(hint) = row(HINTS, name) {
        // At the own host the header must not lead away; at the victim's it must not excuse the cookie.
        let (asked, named) = if draft.one_in(3) { (victim, at) } else { (at, victim) };
        let host = draft.host(named);
        let request = draft.visit(asked, owner);
        draft.send(with_headers(request, [hint(host)]));
        return Some(());
    }
    match name {
        "host-first-hyphen" => {
            let world = draft.world;
            let slug = |tenant: usize| world.tenant(tenant).slug.as_str();
            let at = draft.deployment_where(|d| slug(d.tenant).contains('-'))?;
            let whole = slug(draft.tenant_of(at));
            let first = whole.split_once('-').map_or(whole, |(first, _)| first);
            // The tenant that the label would name if it were split at its first hyphen, or the one that it names.
            let own = draft.own(at);
            let member = match draft.member_where(|m| slug(m.tenant) == first) {
                Some(other) if draft.one_in(2) => other,
                Some(_) | None => own,
            };
            let request = draft.visit(at, member);
            let host = HostSpec::of(at);
            draft.send(Request { host, ..request });
        }
        "host-legacy-swapped" => {
            // A tenant slug with a hyphen in the deployment's place is no slug: nothing would be looked up.
            let world = draft.world;
            let at = draft.deployment_where(|d| !world.tenant(d.tenant).slug.contains('-'))?;
            let member = draft.own(at);
            let request = draft.visit(at, member);
            let host = exactly(HostOf::SwappedLegacy(at));
            draft.send(Request { host, ..request });
        }
        "sni-reuse" | "reuse-other-host" => {
            let transports = if name == "sni-reuse" { [Transport::Http1Tls, Transport::Http2Tls] } else { CLEAR };
            let transport = draft.of(&transports);
            let sni = if name == "sni-reuse" { Sni::Of(at) } else { Sni::Same };
            let first = draft.visit(at, owner);
            draft.send(Request { transport, host: HostSpec::of(at), ..first });
            let second = draft.served_or_refused(victim, owner);
            draft.send(Request { transport, sni, reuse: true, ..second });
        }
        "name-after-rename" => {
            let old = draft.host(at);
            let old = if matches!(old.of, HostOf::Custom(_)) { HostSpec::of(at) } else { old };
            draft.used(old, at, owner);
            // Names that no deployment begins with.
            let slug = draft.of(&[3, 4]);
            draft.control(Control::Rename { deployment: at, slug });
            let request = draft.visit(at, owner);
            draft.send(Request { host: old, ..request });
        }
        "name-after-teardown" => {
            let host = draft.host(at);
            draft.used(host, at, owner);
            draft.control(Control::Teardown { deployment: at });
            // A stranger must not learn that it was there.
            let intruder = draft.foreign(at);
            let request = draft.served_or_refused(at, intruder);
            draft.send(Request { host, ..request });
        }
        "claimed-name" => {
            // Whether or not the victim has a legacy host and a domain.
            let (domain, of) = draft.of(&[
                (Domain::PlatformHost(victim), HostOf::Single(victim)),
                (Domain::SpelledHost(victim), HostOf::Single(victim)),
                (Domain::LegacyHost(victim), HostOf::Legacy(victim)),
                (Domain::LegacyHost(victim), HostOf::Legacy(victim)),
                (Domain::DeepHost(victim), HostOf::Deeper(victim)),
                (Domain::DomainOf(victim), HostOf::Custom(victim)),
                (Domain::DomainOf(victim), HostOf::Custom(victim)),
            ]);
            draft.control(Control::ClaimDomain { deployment: at, domain });
            let host = exactly(of);
            let request = draft.served_or_refused(victim, owner);
            draft.send(Request { host, ..request });
        }
        "released-domain" | "moved-domain" => {
            let portal = draft.of(&[0, 1, 2, 3]);
            let (domain, host) = (Domain::Fresh(portal), exactly(HostOf::Portal(portal)));
            draft.control(Control::ClaimDomain { deployment: at, domain });
            draft.used(host, at, owner);
            draft.control(Control::ReleaseDomain { deployment: at, domain });
            if name == "moved-domain" {
                draft.control(Control::ClaimDomain { deployment: victim, domain });
            }
            let request = draft.served_or_refused(victim, owner);
            draft.send(Request { host, ..request });
        }
        "http2-other-authority" => {
            let transport = Transport::Http2;
            let first = draft.visit(at, owner);
            let second = draft.served_or_refused(victim, owner);
            draft.race(Request { transport, ..first }, Request { transport, ..second });
        }
        "upgrade-after-refused" => {
            let transport = Transport::Http1;
            let next_owner = draft.world.owner_of(victim);
            let refused = draft.visit(at, owner);
            let refused = answered(draft.handshake(refused), Reply::of(ReplyKind::Error));
            draft.send(Request { transport, ..refused });
            let second = draft.visit(victim, next_owner);
            let second = draft.handshake(second);
            draft.send(Request { transport, reuse: true, ..second });
        }
        "get-with-body" => {
            let transport = Transport::Http1;
            let body = draft.of(&[Body::Short, Body::Chunked, Body::Long]);
            let request = draft.page(at, owner);
            let second = draft.served_or_refused(victim, owner);
            draft.malformed(Request { transport, body, ..request }, Defect::None, Request { transport, ..second });
        }
        "expect-continue-body" => {
            let transport = Transport::Http1;
            let request = draft.page(at, owner);
            let request = draft.upload(request, &[Body::Short, Body::Chunked]);
            let request = with_headers(request, [Header::Expect]);
            draft.send(Request { transport, ..request });
            let second = draft.served_or_refused(victim, owner);
            draft.send(Request { transport, reuse: true, ..second });
        }
        "pipelined-after-error" => {
            let refused: Vec<Defect> =
                Defect::ALL.iter().copied().filter(|defect| defect.class() == DefectClass::Refused).collect();
            let defect = draft.among(&refused)?;
            let transport = Transport::Http1;
            let next_owner = draft.world.owner_of(victim);
            let (request, follow_up) = (draft.page(at, owner), draft.page(victim, next_owner));
            draft.malformed(
                Request { transport, method: Method::Post, body: Body::Short, ..request },
                defect,
                Request { transport, ..follow_up },
            );
        }
        _ => {
            let request = misread(draft, name, at, owner, victim)?;
            draft.send(request);
        }
    }
    Some(())
}

/// The moves of one request.
fn misread<C: Choose>(draft: &mut Draft<'_, C>, name: &str, at: u8, owner: u8, victim: u8) -> Option<Request> {
    let request = draft.visit(at, owner);
    if let Some(spellings) = row(SPELLINGS, name) {
        let spelling = draft.among(spellings)?;
        return Some(draft.spelled(at, spelling));
    }
    if let Some(hosts) = row(NAMES, name) {
        let host = draft.among(hosts)?(at);
        return Some(Request { host: exactly(host), ..request });
    }
    if let Some(hosts) = row(NO_NAMES, name) {
        let host = draft.among(hosts)?;
        return Some(no_name(request, host));
    }
    if let Some(layout) = row(LAYOUTS, name) {
        let request = draft.over(request, &HTTP1);
        // HTTP/1.0 has no chunks.
        let chunked = matches!(request.body, Body::Chunked | Body::ChunkedWithTrailers);
        let body = if layout.is_version10() && chunked { Body::Short } else { request.body };
        return Some(Request { layout, body, ..request });
    }
    if let Some(layout) = row(HTTP2_LAYOUTS, name) {
        let request = draft.over(request, &HTTP2);
        return Some(Request { layout, ..request });
    }
    if let Some(paths) = row(PATHS, name) {
        let path = Path::Odd(draft.among(paths)?);
        return Some(Request { path, ..request });
    }
    Some(match name {
        "host-comma-list" => {
            let pair = draft.of(&[HostOf::CommaList(at, victim), HostOf::CommaList(victim, at)]);
            no_name(request, pair)
        }
        "http2-authority-differs" => {
            let (own, other) = (request.host, draft.host(victim));
            let (host, second) = if draft.one_in(2) { (own, other) } else { (other, own) };
            let request = draft.over(request, &HTTP2);
            Request { host, layout: HostLayout::AuthorityAndOther(second), ..request }
        }
        "sni-missing" => {
            let transport = draft.of(&[Transport::Http1Tls, Transport::Http2Tls]);
            Request { transport, sni: Sni::Missing, ..request }
        }
        "sni-differs" | "sni-differs-http2" | "sni-absolute" => {
            let (transport, layout) = match name {
                "sni-differs" => (Transport::Http1Tls, HostLayout::Host),
                "sni-differs-http2" => (Transport::Http2Tls, HostLayout::Host),
                _ => (Transport::Http1Tls, HostLayout::Absolute),
            };
            // Either the cookie fits the host, or the name of the handshake.
            let request = draft.served_or_refused(victim, owner);
            Request { transport, layout, sni: Sni::Of(at), ..request }
        }
        "method-connect" => Request {
            transport: draft.of(&HTTP1),
            method: Method::Connect,
            body: Body::None,
            host: draft.host(victim),
            ..request
        },
        "method-trace" => Request { method: Method::Trace, body: Body::None, ..request },
        "options-star" => Request {
            transport: draft.of(&HTTP1),
            method: Method::Options,
            body: Body::None,
            path: Path::Asterisk,
            ..request
        },
        _ => return None,
    })
}

/// Asks for what is no DNS name.
pub(super) fn no_name(request: Request, host: HostOf) -> Request {
    Request { transport: Transport::Http1, host: exactly(host), ..request }
}

impl<C: Choose> Draft<'_, C> {
    /// A visit to a deployment's host in another spelling, with a cookie of the owner or, where the spelling stands for
    /// the host, of somebody who must be refused there.
    pub(super) fn spelled(&mut self, at: u8, spelling: Spelling) -> Request {
        let member = if spelling.is_valid() && self.one_in(3) { self.foreign(at) } else { self.world.owner_of(at) };
        let request = self.visit(at, member);
        let request = if spelling.fits_authority() { request } else { self.over(request, &HTTP1) };
        let host = HostSpec { spelling, ..request.host };
        Request { host, ..request }
    }

    /// Has a host serve its owner once, so that whatever remembers it does.
    fn used(&mut self, host: HostSpec, at: u8, owner: u8) {
        let request = self.page(at, owner);
        self.send(Request { host, ..request });
    }

    /// A visit to a deployment with its owner's cookie, which is served if it is executed, or with that of a member of
    /// another tenant, which must be refused.
    fn served_or_refused(&mut self, at: u8, intruder: u8) -> Request {
        let owner = self.world.owner_of(at);
        let member = if self.one_in(2) { owner } else { intruder };
        Request { cookies: CookieJar::valid(member), ..self.visit(at, member) }
    }
}
