//! APX-4: a tenant's container that wants a visitor's session, plants one, or bends the way to sign in.

use super::draft::{Draft, HTTP1, HTTP2, answered, exactly, row, with_headers};
use crate::action::cookie::{Cookie, CookieJar, Token, Writing};
use crate::action::header::{ForwardingField, Header, NameSpelling, VendoField};
use crate::action::host::{HostLayout, HostOf, HostSpec, Spelling};
use crate::action::path::{Code, Next, OddPath, Path, ReservedSpelling};
use crate::action::reply::{DomainAttribute, Reply, ReplyHeader, ReplyKind, SetCookieName};
use crate::action::{Action, Control, Domain, Method, Request, Status};
use crate::choose::Choose;

/// How a session's cookie is written that must not be passed on to a public deployment.
const FORWARDED_WRITINGS: &[(&str, &[Writing])] = &[
    ("forward-flag-off", &[Writing::Plain]),
    ("forward-other-case", &[Writing::LowerName, Writing::UpperName]),
    ("forward-whitespace", &[Writing::Spaced]),
    ("forward-quoted", &[Writing::Quoted, Writing::PercentEncoded, Writing::CommaJoined]),
];

const DOMAINS: &[(&str, DomainAttribute)] = &[
    ("set-wide-domain", DomainAttribute::Wide),
    ("set-wide-domain-no-dot", DomainAttribute::WideNoDot),
    ("set-domain-two-dots", DomainAttribute::TwoDots),
    ("set-domain-trailing-dot", DomainAttribute::WideTrailingDot),
    ("set-domain-upper", DomainAttribute::WideUpper),
    ("set-domain-whitespace", DomainAttribute::WideSpaced),
    ("set-domain-duplicate-last", DomainAttribute::OwnThenWide),
    ("set-domain-duplicate-first", DomainAttribute::WideThenOwn),
    ("set-domain-top-level", DomainAttribute::TopLevel),
    ("set-domain-below", DomainAttribute::Below),
    ("set-domain-glued", DomainAttribute::Glued),
];

/// Attributes with which a cookie stays at its own host.
const GOOD_DOMAINS: [DomainAttribute; 5] = [
    DomainAttribute::None,
    DomainAttribute::Own,
    DomainAttribute::OwnDot,
    DomainAttribute::OwnUpper,
    DomainAttribute::Empty,
];

const WIDE_DOMAINS: [DomainAttribute; 5] = [
    DomainAttribute::Wide,
    DomainAttribute::WideNoDot,
    DomainAttribute::WideUpper,
    DomainAttribute::WideTrailingDot,
    DomainAttribute::TwoDots,
];

const NAMES: &[(&str, SetCookieName)] = &[
    ("set-session-name", SetCookieName::Session),
    ("set-session-name-case", SetCookieName::SessionUpper),
    ("set-session-name-whitespace", SetCookieName::SessionSpaced),
    ("set-session-delete", SetCookieName::SessionDelete),
    ("set-dashboard-name", SetCookieName::Dashboard),
    ("set-dashboard-name-case", SetCookieName::DashboardCase),
    ("set-nameless", SetCookieName::NoEquals),
    ("set-empty-name", SetCookieName::Nameless),
    ("set-control-character", SetCookieName::Control),
];

const FORBIDDEN_NAMES: [SetCookieName; 9] = [
    SetCookieName::Session,
    SetCookieName::SessionSpaced,
    SetCookieName::SessionUpper,
    SetCookieName::Dashboard,
    SetCookieName::DashboardCase,
    SetCookieName::Nameless,
    SetCookieName::NoEquals,
    SetCookieName::Control,
    SetCookieName::SessionDelete,
];

const SET_ON: &[(&str, &[ReplyKind])] = &[
    ("set-on-error", &[ReplyKind::Error, ReplyKind::NotFound]),
    ("set-on-redirect", &[ReplyKind::Redirect]),
    ("set-on-interim", &[ReplyKind::Interim]),
    ("set-on-head", &[ReplyKind::Page, ReplyKind::NotFound, ReplyKind::Redirect]),
];

const NEXTS: &[(&str, &[Next])] = &[
    ("next-absolute", &[Next::Absolute]),
    ("next-protocol-relative", &[Next::SchemeRelative]),
    ("next-backslash", &[Next::BackslashRelative, Next::BackslashInside]),
    ("next-double-encoded", &[Next::EncodedTwice]),
    ("next-control", &[Next::Control, Next::Tab]),
    ("next-non-ascii", &[Next::NonAscii]),
    ("next-scheme", &[Next::Script]),
    ("next-relative", &[Next::Relative]),
];

const CODES: &[(&str, Code)] = &[
    ("code-guessed", Code::Guessed),
    ("code-altered", Code::Altered(0)),
    ("code-other-case", Code::OtherCase(0)),
    ("code-cut", Code::Cut(0)),
    ("code-extended", Code::Extended(0)),
    ("code-empty", Code::Empty),
    ("code-missing", Code::Missing),
];

const RESERVED: &[(&str, &[ReservedSpelling])] = &[
    ("reserved-subpath", &[ReservedSpelling::Prefix, ReservedSpelling::Folder, ReservedSpelling::Other]),
    ("reserved-percent", &[ReservedSpelling::EncodedDot, ReservedSpelling::EncodedLetter]),
    ("reserved-double-percent", &[ReservedSpelling::EncodedTwice]),
    ("reserved-dot-segments", &[ReservedSpelling::DotSegments, ReservedSpelling::Dot]),
    ("reserved-encoded-dot-segments", &[ReservedSpelling::EncodedDotSegments]),
    ("reserved-case", &[ReservedSpelling::Upper]),
    ("reserved-backslash", &[ReservedSpelling::Backslash]),
    ("reserved-double-slash", &[ReservedSpelling::DoubleSlash]),
    ("reserved-encoded-slash", &[ReservedSpelling::EncodedSlash, ReservedSpelling::EncodedInside]),
    ("reserved-trailing-slash", &[ReservedSpelling::TrailingSlash]),
    ("reserved-absolute-form", &ReservedSpelling::ALL),
    ("reserved-upgrade", &ReservedSpelling::ALL),
    ("reserved-http2", &ReservedSpelling::ALL),
];

const SIGN_IN_PATHS: &[(&str, &[OddPath])] = &[
    ("sign-in-odd-path", &[OddPath::DoubleSlash, OddPath::Backslash, OddPath::At]),
    ("sign-in-query-injection", &[OddPath::Query]),
    ("sign-in-path-crlf", &[OddPath::EncodedCrLf]),
];

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    let at = draft.deployment();
    let member = draft.own(at);
    match name.split_once('-').map_or(name, |(family, _)| family) {
        "forward" => forward(draft, name, at, member),
        "set" | "response" => plant(draft, name, at, member),
        "sign" => sign_in(draft, name, at),
        "next" | "code" => redeem(draft, name),
        "reserved" => {
            let spellings = row(RESERVED, name)?;
            draft.any_flag(at);
            let path = Path::Reserved(draft.among(spellings)?);
            let request = Request { path, ..draft.visit(at, member) };
            let request = match name {
                "reserved-absolute-form" => Request { layout: HostLayout::Absolute, ..draft.over(request, &HTTP1) },
                "reserved-upgrade" => draft.handshake(request),
                "reserved-http2" => draft.over(request, &HTTP2),
                _ => request,
            };
            draft.send(request);
            Some(())
        }
        _ => None,
    }
}

fn forward<C: Choose>(draft: &mut Draft<'_, C>, name: &str, at: u8, member: u8) -> Option<()> {
    let session = draft.session(member);
    if let Some(writings) = row(FORWARDED_WRITINGS, name) {
        let writing = draft.among(writings)?;
        let token = Token::valid(member);
        draft.flag(at, false);
        draft.lure(at, member, CookieJar::one(Cookie::Session { token, writing }));
        return Some(());
    }
    let among = vec![Cookie::App(0), session, Cookie::App(1)];
    match name {
        "forward-alone" => {
            draft.flag(at, true);
            draft.lure(at, member, CookieJar::one(session));
        }
        "forward-among-others" => {
            draft.any_flag(at);
            draft.lure(at, member, CookieJar::of(among));
        }
        "forward-no-space" => {
            draft.any_flag(at);
            let jar = CookieJar { tight: true, ..CookieJar::of(among) };
            draft.lure(at, member, jar);
        }
        "forward-two-headers" | "forward-http2-crumbs" => {
            draft.any_flag(at);
            let transports = if name == "forward-two-headers" { HTTP1 } else { HTTP2 };
            let request = draft.lured(at, member);
            let request = draft.over(request, &transports);
            let cookies = CookieJar { split: true, ..CookieJar::of(among) };
            draft.send(Request { cookies, ..request });
        }
        "forward-invalid" => {
            draft.flag(at, false);
            let forgery = Cookie::session(draft.forgery(member));
            draft.lure(at, member, CookieJar::one(forgery));
        }
        "forward-duplicate" => {
            draft.flag(at, false);
            let foreign = draft.foreign(at);
            let foreign = draft.session(foreign);
            let second = draft.of(&[session, foreign]);
            draft.lure(at, member, CookieJar::of(vec![session, Cookie::App(0), second]));
        }
        "forward-bare-name" => {
            draft.flag(at, false);
            let jar = CookieJar::of(vec![Cookie::BareName, Cookie::App(0)]);
            draft.lure(at, member, jar);
        }
        "forward-upgrade" => {
            draft.any_flag(at);
            let request = draft.visit(at, member);
            let request = draft.handshake(request);
            draft.send(Request { cookies: CookieJar::of(among), ..request });
        }
        "forward-behind-many" => {
            draft.any_flag(at);
            let last = if draft.one_in(3) { Cookie::Dashboard } else { Cookie::App(1) };
            draft.lure(at, member, CookieJar::of(vec![Cookie::Many, session, last]));
        }
        "forward-dashboard" => {
            draft.any_flag(at);
            draft.lure(at, member, CookieJar::of(vec![Cookie::Dashboard, session]));
        }
        _ => return None,
    }
    Some(())
}

fn plant<C: Choose>(draft: &mut Draft<'_, C>, name: &str, at: u8, member: u8) -> Option<()> {
    if let Some(domain) = row(DOMAINS, name) {
        draft.answer_with(at, member, set_cookie(SetCookieName::App, domain));
        return Some(());
    }
    if let Some(cookie) = row(NAMES, name) {
        let domain = draft.of(&GOOD_DOMAINS);
        draft.answer_with(at, member, set_cookie(cookie, domain));
        return Some(());
    }
    if let Some(kinds) = row(SET_ON, name) {
        let kind = draft.among(kinds)?;
        let headers = vec![draft.forbidden()];
        let request = draft.page(at, member);
        let method = if name == "set-on-head" { Method::Head } else { request.method };
        let request = Request { method, ..request };
        draft.any_flag(at);
        draft.send(answered(request, Reply { kind, headers }));
        return Some(());
    }
    match name {
        "set-sibling-host" => {
            let sibling = DomainAttribute::Sibling(draft.elsewhere(at)?);
            draft.answer_with(at, member, set_cookie(SetCookieName::App, sibling));
        }
        "set-parent-host" => {
            let at = draft.deployment_where(|d| d.legacy)?;
            draft.answer_at(at, HostOf::Legacy(at), DomainAttribute::Parent);
        }
        "set-custom-domain-parent" | "set-custom-domain-wide" => {
            let at = draft.deployment_where(|d| d.domain.is_some())?;
            let domain =
                if name == "set-custom-domain-parent" { DomainAttribute::Parent } else { draft.of(&WIDE_DOMAINS) };
            draft.answer_at(at, HostOf::Custom(at), domain);
        }
        "set-several" => {
            let mut headers: Vec<ReplyHeader> =
                (0..3).map(|_| set_cookie(SetCookieName::App, draft.of(&GOOD_DOMAINS))).collect();
            headers.insert(usize::from(draft.of(&[0_u8, 1, 2, 3])), draft.forbidden());
            draft.answer_with_all(at, member, headers);
        }
        "set-field-case" => draft.answer_with(at, member, ReplyHeader::SetCookieUpper),
        "set-on-upgrade" => {
            let reply = Reply { kind: ReplyKind::Page, headers: vec![draft.forbidden()] };
            let request = draft.visit(at, member);
            let request = draft.handshake(request);
            draft.any_flag(at);
            draft.send(answered(request, reply));
        }
        "set-on-refused-upgrade" => {
            let reply = Reply { kind: ReplyKind::Error, headers: vec![draft.forbidden()] };
            let request = draft.visit(at, member);
            let request = draft.handshake(request);
            draft.any_flag(at);
            draft.send(answered(request, reply));
        }
        "set-in-trailer" => {
            let request = draft.page(at, member);
            draft.any_flag(at);
            draft.send(answered(request, Reply::of(ReplyKind::Trailers)));
        }
        "set-cookie2" => draft.answer_with(at, member, ReplyHeader::SetCookie2),
        "response-identity" | "response-identity-underscore" => {
            let spelling = if name == "response-identity" {
                draft.of(&[NameSpelling::Canonical, NameSpelling::Lower, NameSpelling::Upper, NameSpelling::Mixed])
            } else {
                draft.of(&[NameSpelling::Underscore, NameSpelling::LastUnderscore])
            };
            let headers = VendoField::ALL.map(|field| ReplyHeader::Vendo { field, spelling });
            draft.answer_with_all(at, member, headers.to_vec());
        }
        "response-identity-upgrade" => {
            // On the 101, or on the answer of a container that declines.
            let kind = draft.of(&[ReplyKind::Page, ReplyKind::Page, ReplyKind::Error]);
            let spelling = draft.of(&NameSpelling::ALL);
            let headers = VendoField::ALL.map(|field| ReplyHeader::Vendo { field, spelling }).to_vec();
            let request = draft.visit(at, member);
            let request = draft.handshake(request);
            draft.any_flag(at);
            draft.send(answered(request, Reply { kind, headers }));
        }
        "response-connection-named" => {
            let headers = vec![ReplyHeader::Nominated, ReplyHeader::KeepAlive, ReplyHeader::App(0)];
            draft.answer_with_all(at, member, headers);
        }
        _ => return None,
    }
    Some(())
}

fn sign_in<C: Choose>(draft: &mut Draft<'_, C>, name: &str, at: u8) -> Option<()> {
    draft.flag(at, true);
    let visitor = draft.foreign(at);
    let request = Request { cookies: CookieJar::empty(), accept_html: true, ..draft.page(at, visitor) };
    let request = if let Some(paths) = row(SIGN_IN_PATHS, name) {
        Request { path: Path::Odd(draft.among(paths)?), ..request }
    } else {
        match name {
            "sign-in-forwarded-host" => {
                let other = draft.elsewhere(at)?;
                let header = Header::Forwarding {
                    field: draft.of(&ForwardingField::ALL),
                    spelling: draft.of(&NameSpelling::ALL),
                    host: draft.host(other),
                };
                with_headers(request, [header])
            }
            "sign-in-host-spelling" => {
                // Those that HTTP/2 can carry too.
                let spelling = draft.of(&[
                    Spelling::Upper,
                    Spelling::Mixed,
                    Spelling::TrailingDot,
                    Spelling::Port,
                    Spelling::DotAndPort,
                ]);
                Request { host: HostSpec { spelling, ..request.host }, ..request }
            }
            _ => return None,
        }
    };
    draft.send(request);
    Some(())
}

fn redeem<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    let needs_two_hosts = name == "code-other-host-of-deployment";
    let at = draft.deployment_where(|d| !needs_two_hosts || d.legacy || d.domain.is_some())?;
    let member = draft.own(at);
    let host = draft.host(at);
    let any_next = draft.of(&Next::ALL);
    let issued = Code::Issued(0);
    if name != "code-flag-off" {
        draft.flag(at, true);
    }
    draft.mint(member, host);
    if let Some(nexts) = row(NEXTS, name) {
        let next = draft.among(nexts)?;
        let request = draft.redemption(host, member, issued, next);
        draft.send(request);
        return Some(());
    }
    if let Some(code) = row(CODES, name) {
        let request = draft.redemption(host, member, code, any_next);
        draft.send(request);
        return Some(());
    }
    match name {
        "code-other-deployment" | "code-other-tenant" => {
            let tenant = draft.tenant_of(at);
            let slug = draft.world.deployment(at).slug.clone();
            let other = if name == "code-other-tenant" {
                draft.elsewhere(at)?
            } else {
                draft.deployment_where(|d| d.tenant == tenant && d.slug != slug)?
            };
            draft.flag(other, true);
            let other_host = draft.host(other);
            let request = draft.redemption(other_host, member, issued, any_next);
            // The code alone: a cookie of the code's tenant would be refused for itself.
            let cookies = CookieJar::empty();
            draft.send(Request { cookies, ..request });
        }
        "code-other-host-of-deployment" | "code-burned" => {
            let mut wrong: Vec<HostOf> = draft.hosts(at).into_iter().filter(|of| *of != host.of).collect();
            if name == "code-burned" {
                let other = draft.elsewhere(at)?;
                draft.flag(other, true);
                wrong.extend(draft.hosts(other));
            }
            let wrong = exactly(draft.among(&wrong)?);
            let request = draft.redemption(wrong, member, issued, any_next);
            let cookies = CookieJar::empty();
            draft.send(Request { cookies, ..request });
            if name == "code-burned" {
                let request = draft.redemption(host, member, issued, any_next);
                draft.send(request);
            }
        }
        "code-replayed" => {
            for _ in 0..2 {
                let request = draft.redemption(host, member, issued, any_next);
                draft.send(request);
            }
        }
        "code-host-moved" => {
            let other = draft.elsewhere(at)?;
            let portal = draft.of(&[0, 1, 2, 3]);
            let domain = Domain::Fresh(portal);
            let host = exactly(HostOf::Portal(portal));
            draft.control(Control::ClaimDomain { deployment: at, domain });
            draft.mint(member, host);
            draft.control(Control::ReleaseDomain { deployment: at, domain });
            draft.control(Control::ClaimDomain { deployment: other, domain });
            draft.flag(other, true);
            let request = draft.redemption(host, member, Code::Issued(1), any_next);
            // The code alone: a cookie of the code's tenant would be refused for itself.
            draft.send(Request { cookies: CookieJar::empty(), ..request });
        }
        "code-concurrent" => {
            let first = draft.redemption(host, member, issued, any_next);
            let second = draft.redemption(host, member, issued, any_next);
            draft.race(first, second);
        }
        "code-expired" => {
            let seconds = draft.of(&[60, 60, 61, 62, 90, 3600]);
            draft.push(Action::Advance { seconds });
            let request = draft.redemption(host, member, issued, any_next);
            draft.send(request);
        }
        "code-foreign-cookie" => {
            let intruder = draft.foreign(at);
            let session = draft.session(intruder);
            let request = draft.redemption(host, intruder, issued, any_next);
            draft.send(Request { cookies: CookieJar::one(session), ..request });
        }
        "code-suspended" => {
            let status = draft.of(&[
                Status::Suspending,
                Status::Suspended,
                Status::Resuming,
                Status::SuspendFailed,
                Status::ResumeFailed,
            ]);
            draft.status(at, status);
            let request = draft.redemption(host, member, issued, any_next);
            draft.send(request);
        }
        "code-flag-off" => {
            draft.flag(at, false);
            let request = draft.redemption(host, member, issued, any_next);
            draft.send(request);
        }
        "code-other-method" => {
            let method = draft.of(&[
                Method::Head,
                Method::Post,
                Method::Put,
                Method::Patch,
                Method::Delete,
                Method::Options,
                Method::Brew,
            ]);
            let request = draft.redemption(host, member, issued, any_next);
            let request = draft.method(request, method);
            draft.send(request);
        }
        _ => return None,
    }
    Some(())
}

const fn set_cookie(name: SetCookieName, domain: DomainAttribute) -> ReplyHeader {
    ReplyHeader::SetCookie { name, domain }
}

impl<C: Choose> Draft<'_, C> {
    /// A visit whose container shows what it got.
    fn lured(&mut self, at: u8, member: u8) -> Request {
        if self.one_in(2) {
            let request = self.page(at, member);
            answered(request, Reply::of(ReplyKind::Echo))
        } else {
            self.visit(at, member)
        }
    }

    fn lure(&mut self, at: u8, member: u8, cookies: CookieJar) {
        let request = self.lured(at, member);
        self.send(Request { cookies, ..request });
    }

    /// A cookie that no container may set.
    fn forbidden(&mut self) -> ReplyHeader {
        if self.one_in(2) {
            set_cookie(SetCookieName::App, self.of(&WIDE_DOMAINS))
        } else {
            set_cookie(self.of(&FORBIDDEN_NAMES), self.of(&GOOD_DOMAINS))
        }
    }

    fn answer_with(&mut self, at: u8, member: u8, header: ReplyHeader) {
        let mut headers = vec![header];
        if self.one_in(4) {
            headers.push(ReplyHeader::App(1));
        }
        self.answer_with_all(at, member, headers);
    }

    fn answer_with_all(&mut self, at: u8, member: u8, headers: Vec<ReplyHeader>) {
        let request = self.planting(at, member, headers);
        self.send(request);
    }

    fn answer_at(&mut self, at: u8, host: HostOf, domain: DomainAttribute) {
        let member = self.own(at);
        let request = self.planting(at, member, vec![set_cookie(SetCookieName::App, domain)]);
        let host = exactly(host);
        self.send(Request { host, ..request });
    }

    fn planting(&mut self, at: u8, member: u8, headers: Vec<ReplyHeader>) -> Request {
        self.any_flag(at);
        let kind = self.of(&[
            ReplyKind::Page,
            ReplyKind::Page,
            ReplyKind::Chunked,
            ReplyKind::Cacheable,
            ReplyKind::NoContent,
            ReplyKind::Redirect,
            ReplyKind::NotFound,
            ReplyKind::Error,
        ]);
        let request = self.page(at, member);
        answered(request, Reply { kind, headers })
    }
}
