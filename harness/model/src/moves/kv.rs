//! KV-1 and KV-2: identifiers that want to leave their key's prefix, and requests that want more reads than one.

use super::apx5::no_name;
use super::draft::{Draft, HTTP1, exactly, row, with_headers};
use crate::action::cookie::{Cookie, CookieJar};
use crate::action::framing::{Defect, DefectClass};
use crate::action::header::NameSpelling;
use crate::action::header::VendoField;
use crate::action::host::{HostLayout, HostOf, PlatformHost, Spelling};
use crate::action::path::{Code, Next, Path};
use crate::action::{Action, Body, Identifier, KvKind, Method, Request, Status};
use crate::choose::Choose;

/// The kinds whose identifiers hold other characters than hexadecimal digits.
const FREE: [KvKind; 4] = [KvKind::DeployLabel, KvKind::DeployHost, KvKind::Balance, KvKind::Conn];

const IDENTIFIERS: &[(&str, &[Identifier])] = &[
    ("colon", &[Identifier::Colon]),
    ("whole-foreign-key", &[Identifier::WholeKey]),
    ("star", &[Identifier::Star, Identifier::StarInside]),
    ("question-mark", &[Identifier::Question]),
    ("slash", &[Identifier::Slash]),
    ("percent", &[Identifier::Percent]),
    ("nul", &[Identifier::Nul]),
    ("crlf", &[Identifier::CrLf]),
    ("whitespace", &[Identifier::Space, Identifier::TrailingSpace]),
    ("empty", &[Identifier::Empty]),
    ("over-long", &[Identifier::OverLong]),
    ("unicode", &[Identifier::Unicode]),
];

const HOST_SPELLINGS: &[(&str, &[Spelling])] = &[
    ("host-slash", &[Spelling::Slash, Spelling::Backslash]),
    ("host-percent", &[Spelling::Percent]),
    ("host-unicode", &[Spelling::NonAscii, Spelling::FullwidthDot]),
    ("host-whitespace", &[Spelling::Space, Spelling::Tab]),
];

/// KV-1.
pub(super) fn realise_keys<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    if let Some(identifiers) = row(IDENTIFIERS, name) {
        let (kind, identifier) = (draft.of(&KvKind::ALL), draft.among(identifiers)?);
        draft.key(kind, identifier);
        return Some(());
    }
    let at = draft.deployment();
    let owner = draft.world.owner_of(at);
    if let Some(spellings) = row(HOST_SPELLINGS, name) {
        let spelling = draft.among(spellings)?;
        let request = draft.spelled(at, spelling);
        draft.send(request);
        return Some(());
    }
    match name {
        "case" => {
            let kind = draft.of(&KvKind::ALL);
            let (first, second) = if draft.one_in(2) {
                (Identifier::Good, Identifier::UpperCase)
            } else {
                (Identifier::UpperCase, Identifier::Good)
            };
            draft.key(kind, first);
            draft.key(kind, second);
        }
        "dot-segments" => {
            // Ids of tenants and connections may hold dots.
            let kind = draft.of(&[KvKind::DeployLabel, KvKind::DeployHost, KvKind::Key]);
            draft.key(kind, Identifier::DotSegments);
        }
        "other-characters" => {
            let kind = draft.of(&FREE);
            draft.key(kind, Identifier::OtherCharacters);
        }
        "key-hash-not-hex" => draft.key(KvKind::Key, Identifier::OtherCharacters),
        "label-with-dot" => draft.key(KvKind::DeployLabel, Identifier::OtherForm),
        "dotless-custom-domain" => draft.key(KvKind::DeployHost, Identifier::OtherForm),
        "host-legacy-collision" => {
            let (colliding, collided) = collision(draft)?;
            // Served at its own custom domain; whoever belongs to the legacy host's tenant is refused there.
            let member = if draft.one_in(2) { draft.own(colliding) } else { draft.own(collided) };
            let request = draft.visit(colliding, member);
            let host = exactly(HostOf::Custom(colliding));
            draft.send(Request { host, ..request });
        }
        "host-empty" => {
            let request = draft.visit(at, owner);
            let request = draft.over(request, &HTTP1);
            let layout = HostLayout::Empty;
            draft.send(Request { layout, ..request });
        }
        "host-dotless" => {
            let request = draft.visit(at, owner);
            let host = exactly(HostOf::BareLabel(at));
            draft.send(Request { host, ..request });
        }
        "host-colon" | "host-star" | "host-over-long" => {
            let host = match name {
                "host-colon" => HostOf::WholeKey(at),
                "host-star" => HostOf::Wildcard,
                _ => draft.of(&[HostOf::LongLabel, HostOf::LongName]),
            };
            let request = draft.visit(at, owner);
            draft.send(no_name(request, host));
        }
        _ => return None,
    }
    Some(())
}

/// KV-2.
pub(super) fn realise_reads<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    let at = draft.deployment();
    let member = draft.own(at);
    match name {
        "known-host" => {
            draft.any_flag(at);
            let request = draft.visit(at, member);
            draft.send(request);
        }
        "unknown-host" | "reserved-host" => {
            let host = if name == "unknown-host" {
                draft.of(&[HostOf::Unknown, HostOf::UnknownDomain])
            } else {
                HostOf::Platform(draft.of(&PlatformHost::ALL))
            };
            let request = draft.visit(at, member);
            let host = exactly(host);
            draft.send(Request { host, ..request });
        }
        "legacy-host" | "custom-domain" => {
            // Whether or not the deployment has one.
            let host = if name == "legacy-host" { HostOf::Legacy(at) } else { HostOf::Custom(at) };
            let request = draft.visit(at, member);
            let host = exactly(host);
            draft.send(Request { host, ..request });
        }
        "foreign-cookie" => {
            let intruder = draft.foreign(at);
            let request = draft.intrusion(at, intruder);
            draft.send(request);
        }
        "invalid-cookie" => {
            draft.any_flag(at);
            let claimed = draft.of(&[true, false]);
            let claimed = if claimed { member } else { draft.foreign(at) };
            let forgery = Cookie::session(draft.forgery(claimed));
            let request = draft.visit(at, member);
            let cookies = CookieJar::one(forgery);
            draft.send(Request { cookies, ..request });
        }
        "suspended-host" => {
            let status = draft.of(&[Status::Suspended, Status::Suspending, Status::SuspendFailed]);
            draft.status(at, status);
            let request = draft.visit(at, member);
            draft.send(request);
        }
        "sign-in" => {
            draft.flag(at, true);
            let request = draft.anonymous(at);
            draft.send(Request { method: Method::Get, body: Body::None, accept_html: true, ..request });
        }
        "sign-in-code" => {
            draft.flag(at, true);
            let host = draft.host(at);
            draft.mint(member, host);
            let code = draft.of(&[Code::Issued(0), Code::Altered(0), Code::Guessed]);
            let next = draft.of(&[Next::Local, Next::Missing]);
            let request = draft.redemption(host, member, code, next);
            draft.send(request);
        }
        "upgrade" => {
            draft.any_flag(at);
            let request = draft.visit(at, member);
            let request = draft.handshake(request);
            draft.send(request);
        }
        "tenant-header" => {
            // The body names the tenant after the sender's; headers and path name it too.
            let other = draft.of_next_tenant(member)?;
            let spelling = draft.of(&NameSpelling::ALL);
            let header = draft.spoof(VendoField::TenantId, spelling);
            let request = draft.visit(at, member);
            let request = draft.upload(request, &[Body::NamesVictim]);
            let path = Path::NamesTenantOf(other);
            draft.send(with_headers(Request { path, ..request }, [header]));
        }
        "repeated" => {
            let first = draft.visit(at, member);
            let (transport, host) = (first.transport, first.host);
            draft.send(first);
            for _ in 0..draft.of(&[2, 3, 4]) {
                let next = draft.visit(at, member);
                draft.send(Request { transport, host, reuse: true, ..next });
            }
        }
        "malformed-host" => {
            let spelling = draft.of(&Spelling::INVALID);
            let request = draft.spelled(at, spelling);
            draft.send(request);
        }
        "wildcard-host" => {
            let request = draft.visit(at, member);
            draft.send(no_name(request, HostOf::Wildcard));
        }
        "refused-method" => {
            let method = draft.of(&[Method::Connect, Method::Trace]);
            let request = draft.visit(at, member);
            let request = draft.over(request, &HTTP1);
            draft.send(Request { method, body: Body::None, ..request });
        }
        "refused-framing" => {
            let refused: Vec<Defect> =
                Defect::ALL.iter().copied().filter(|defect| defect.class() == DefectClass::Refused).collect();
            let defect = draft.among(&refused)?;
            draft.broken(defect);
        }
        _ => return None,
    }
    Some(())
}

/// A deployment whose custom domain spells `{deployment}.{tenant}` of another's legacy host, and that other.
fn collision<C: Choose>(draft: &mut Draft<'_, C>) -> Option<(u8, u8)> {
    let world = draft.world;
    let spells = |domain: &str, other: &crate::world::Deployment| {
        domain.split_once('.') == Some((&other.slug, &world.tenant(other.tenant).slug))
    };
    let colliding = draft.deployment_where(|d| {
        let domain = d.domain.as_deref().unwrap_or("");
        world.deployments.iter().any(|other| other.tenant != d.tenant && spells(domain, other))
    })?;
    let domain = world.deployment(colliding).domain.as_deref()?;
    let collided = draft.deployment_where(|other| spells(domain, other))?;
    Some((colliding, collided))
}

impl<C: Choose> Draft<'_, C> {
    fn key(&mut self, kind: KvKind, identifier: Identifier) {
        self.push(Action::KvKey { kind, identifier });
    }
}
