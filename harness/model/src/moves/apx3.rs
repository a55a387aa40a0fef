//! APX-3: a visitor who writes, bends or removes the identity that a container is told.

use super::draft::{CLEAR, Draft, HTTP1, HTTP2, exactly, row, with_headers};
use crate::action::cookie::{Cookie, CookieJar};
use crate::action::header::{EdgeField, ForwardingField, Header, HopField, NameSpelling, Nominee, Spoof, VendoField};
use crate::action::host::HostOf;
use crate::action::path::Path;
use crate::action::{Body, Request};
use crate::choose::Choose;
use crate::world::{Member, Role};

const FIELDS: &[(&str, VendoField)] = &[
    ("spoof-user-id", VendoField::UserId),
    ("spoof-user-email", VendoField::UserEmail),
    ("spoof-user-name", VendoField::UserName),
    ("spoof-tenant-id", VendoField::TenantId),
    ("spoof-role", VendoField::Role),
    ("spoof-unknown", VendoField::Unknown),
];

const SPELLINGS: &[(&str, NameSpelling)] = &[
    ("spelling-lower", NameSpelling::Lower),
    ("spelling-upper", NameSpelling::Upper),
    ("spelling-mixed", NameSpelling::Mixed),
    ("spelling-underscore", NameSpelling::Underscore),
    ("spelling-half-underscore", NameSpelling::LastUnderscore),
];

const EDGE_FIELDS: &[(&str, EdgeField)] = &[
    ("cf-connecting-ip", EdgeField::ConnectingIp),
    ("cf-ipcountry", EdgeField::IpCountry),
    ("cf-ray", EdgeField::Ray),
    ("cf-visitor", EdgeField::Visitor),
];

const FORWARDING_FIELDS: &[(&str, ForwardingField)] = &[
    ("x-forwarded-for", ForwardingField::For),
    ("x-forwarded-host", ForwardingField::Host),
    ("x-forwarded-proto", ForwardingField::Proto),
    ("x-forwarded-server", ForwardingField::Server),
    ("forwarded", ForwardingField::Forwarded),
];

type Hostile = fn(&Member) -> bool;

const HOSTILE_MEMBERS: &[(&str, Hostile)] = &[
    ("member-name-crlf", |m| m.name.contains("\r\n")),
    ("member-name-nul", |m| m.name.contains('\0')),
    ("member-name-unicode", |m| !m.name.is_ascii()),
    ("member-name-percent", |m| m.name.contains('%')),
    ("member-name-spaces", |m| m.name.starts_with(' ')),
    ("member-name-empty", |m| m.name.is_empty()),
    ("member-email-crlf", |m| m.email.contains("\r\n")),
    ("subject-hostile", |m| m.user_id.contains("\r\n")),
];

/// Spellings that don't replace a hyphen.
const CASES: [NameSpelling; 4] =
    [NameSpelling::Canonical, NameSpelling::Lower, NameSpelling::Upper, NameSpelling::Mixed];

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    if let Some(hostile) = row(HOSTILE_MEMBERS, name) {
        let member = draft.member_where(hostile)?;
        let at = draft.home_of(member)?;
        draft.flag(at, true);
        let request = draft.visit(at, member);
        draft.send(request);
        return Some(());
    }
    let at = draft.deployment();
    let member = draft.own(at);
    match name {
        "without-cookie" | "without-cookie-flag-off" => {
            draft.flag(at, name == "without-cookie");
            let request = draft.anonymous(at);
            let spoofed = draft.identity();
            draft.send(with_headers(request, spoofed));
        }
        "own-cookie-flag-off" | "invalid-cookie-flag-off" => {
            draft.flag(at, false);
            let forgery = Cookie::session(draft.forgery(member));
            let request = draft.visit(at, member);
            let cookies = if name == "own-cookie-flag-off" { request.cookies.clone() } else { CookieJar::one(forgery) };
            let spoofed = draft.identity();
            draft.send(with_headers(Request { cookies, ..request }, spoofed));
        }
        "custom-domain" => {
            let at = draft.deployment_where(|d| d.domain.is_some())?;
            spoof_at(draft, at, HostOf::Custom(at));
        }
        "legacy-host" => {
            let at = draft.deployment_where(|d| d.legacy)?;
            spoof_at(draft, at, HostOf::Legacy(at));
        }
        "reuse-other-member" | "reuse-public-host" => {
            draft.flag(at, true);
            let first = draft.visit(at, member);
            if name == "reuse-other-member" {
                let colleague = draft.colleague(member)?;
                let second = draft.visit(at, colleague);
                draft.send(first.clone());
                draft.send(Request { transport: first.transport, reuse: true, host: first.host, ..second });
            } else {
                let public = draft.deployment_where(|d| !d.vendo_auth).filter(|other| *other != at);
                let public = match public {
                    Some(public) => public,
                    None => draft.elsewhere(at)?,
                };
                draft.flag(public, false);
                let second = if draft.one_in(2) {
                    draft.anonymous(public)
                } else {
                    let own = draft.own(public);
                    draft.visit(public, own)
                };
                let transport = draft.of(&CLEAR);
                draft.send(Request { transport, ..first });
                draft.send(Request { transport, reuse: true, ..second });
            }
        }
        "simultaneous-members" => {
            // At two hosts and with two paths: neither request waits for the other's answer.
            let other = draft.elsewhere(at)?;
            let stranger = draft.own(other);
            draft.flag(at, true);
            draft.flag(other, true);
            let first = Request { path: Path::Shared(0), ..draft.visit(at, member) };
            let second = Request { path: Path::Shared(1), ..draft.visit(other, stranger) };
            draft.race(first, second);
        }
        "http2-two-members" => {
            draft.flag(at, true);
            let colleague = draft.colleague(member)?;
            let transport = draft.of(&HTTP2);
            let host = draft.host(at);
            let (first, second) = (draft.visit(at, member), draft.visit(at, colleague));
            draft.race(Request { transport, host, ..first }, Request { transport, host, ..second });
        }
        _ => {
            draft.flag(at, true);
            let request = draft.visit(at, member);
            let request = spoofed(draft, name, at, request)?;
            draft.send(request);
        }
    }
    Some(())
}

/// The moves that add to a member's own request at a host that asks for sign-in.
fn spoofed<C: Choose>(draft: &mut Draft<'_, C>, name: &str, at: u8, request: Request) -> Option<Request> {
    if let Some(field) = row(FIELDS, name) {
        let header = draft.spoof(field, NameSpelling::Canonical);
        let request = if field == VendoField::Role {
            let tenant = draft.tenant_of(at);
            let viewer = draft.member_where(|m| m.tenant == tenant && m.role == Role::Viewer)?;
            Request { sender: viewer, cookies: CookieJar::valid(viewer), ..request }
        } else {
            request
        };
        return Some(with_headers(request, [header]));
    }
    if let Some(spelling) = row(SPELLINGS, name) {
        // HTTP/2 has lower case alone.
        let request = if matches!(spelling, NameSpelling::Upper | NameSpelling::Mixed) {
            draft.over(request, &HTTP1)
        } else {
            request
        };
        let headers = VendoField::ALL.map(|field| draft.spoof(field, spelling));
        return Some(with_headers(request, headers));
    }
    if let Some(field) = row(EDGE_FIELDS, name) {
        let spelling = draft.of(&CASES);
        return Some(with_headers(request, [Header::Edge { field, spelling }]));
    }
    if let Some(field) = row(FORWARDING_FIELDS, name) {
        let spelling = draft.of(&NameSpelling::ALL);
        let other = draft.elsewhere(at)?;
        let host = draft.host(other);
        let header = Header::Forwarding { field, spelling, host };
        return Some(with_headers(request, [header]));
    }
    Some(match name {
        "duplicate" => {
            let field = draft.of(&VendoField::ALL);
            let count = draft.of(&[2, 3, 4]);
            let headers: Vec<Header> = (0..count).map(|_| draft.spoof(field, NameSpelling::Canonical)).collect();
            with_headers(request, headers)
        }
        "duplicate-spellings" => {
            let field = draft.of(&VendoField::ALL);
            let headers = NameSpelling::ALL.map(|spelling| draft.spoof(field, spelling));
            with_headers(draft.over(request, &HTTP1), headers)
        }
        "empty-value" => {
            let spelling = draft.of(&NameSpelling::ALL);
            let value = Spoof::Empty;
            let headers = VendoField::ALL.map(|field| Header::Vendo { field, spelling, value });
            with_headers(request, headers)
        }
        "many" => {
            // 72 names and what every request has: just below the limit of 100.
            let headers: Vec<Header> = NameSpelling::ALL
                .into_iter()
                .flat_map(|spelling| VendoField::ALL.map(|field| (field, spelling)))
                .flat_map(|(field, spelling)| [draft.spoof(field, spelling), draft.spoof(field, spelling)])
                .collect();
            with_headers(request, headers)
        }
        "http2" => {
            let spoofed = draft.identity();
            with_headers(draft.over(request, &HTTP2), spoofed)
        }
        "upgrade" => {
            let spoofed = draft.identity();
            with_headers(draft.handshake(request), spoofed)
        }
        "connection-names-injected" => {
            let field = draft.of(&VendoField::ALL);
            let more = draft.of(&VendoField::ALL);
            let nominees = [field, more].map(|field| Header::Nominate(Nominee::Vendo(field)));
            let count = draft.of(&[1, 2]);
            with_headers(draft.over(request, &HTTP1), nominees.into_iter().take(count))
        }
        "connection-names-spelling" => draft.nominating(request, Nominee::Several),
        "connection-names-spoofed" => {
            let field = draft.of(&VendoField::ALL);
            let spelling = draft.of(&NameSpelling::ALL);
            let spoof = draft.spoof(field, spelling);
            with_headers(draft.nominating(request, Nominee::Vendo(field)), [spoof])
        }
        "connection-names-cookie" => draft.nominating(request, Nominee::Cookie),
        "connection-names-host" => draft.nominating(request, Nominee::Host),
        "trailer" | "trailer-http2" => {
            let request = draft.over(request, if name == "trailer" { &HTTP1 } else { &HTTP2 });
            draft.upload(request, &[Body::ChunkedWithTrailers])
        }
        "cf-underscore" => {
            let spelling = draft.of(&[NameSpelling::Underscore, NameSpelling::LastUnderscore]);
            let headers = EdgeField::ALL.map(|field| Header::Edge { field, spelling });
            with_headers(request, headers)
        }
        "hop-by-hop" => {
            let mut headers = vec![
                HopField::KeepAlive,
                HopField::ProxyConnection,
                HopField::ProxyAuthorization,
                HopField::Te,
                HopField::UnderscoreLength,
            ];
            if draft.one_in(2) {
                headers.push(HopField::UpgradeUnnamed);
            }
            headers.rotate_left(usize::from(draft.of(&[0_u8, 1, 2, 3])));
            with_headers(draft.over(request, &HTTP1), headers.into_iter().map(Header::Hop))
        }
        _ => return None,
    })
}

fn spoof_at<C: Choose>(draft: &mut Draft<'_, C>, at: u8, host: HostOf) {
    draft.flag(at, true);
    let member = draft.own(at);
    let request = draft.visit(at, member);
    let spoofed = draft.identity();
    draft.send(with_headers(Request { host: exactly(host), ..request }, spoofed));
}

impl<C: Choose> Draft<'_, C> {
    /// One spoofed header, with a value that would serve its sender.
    pub(super) fn spoof(&mut self, field: VendoField, spelling: NameSpelling) -> Header {
        let (tenant, user) = (self.deployment(), self.person());
        let value = match field {
            VendoField::TenantId => Spoof::TenantOf(tenant),
            VendoField::Role | VendoField::Unknown => Spoof::Owner,
            VendoField::UserId | VendoField::UserEmail | VendoField::UserName => {
                self.of(&[Spoof::UserOf(user), Spoof::Owner])
            }
        };
        Header::Vendo { field, spelling, value }
    }

    /// A whole spoofed identity, each name in a spelling of its own.
    fn identity(&mut self) -> [Header; 6] {
        VendoField::ALL.map(|field| {
            let spelling = self.of(&NameSpelling::ALL);
            self.spoof(field, spelling)
        })
    }

    fn person(&mut self) -> u8 {
        self.member_where(|_| true).unwrap_or(0)
    }

    fn nominating(&mut self, request: Request, nominee: Nominee) -> Request {
        with_headers(self.over(request, &HTTP1), [Header::Nominate(nominee)])
    }
}
