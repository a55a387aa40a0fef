//! APX-1: a cookie of one tenant at the hosts of another.

use super::draft::{CLEAR, Draft, HTTP1, HTTP2, TLS, exactly, row, with_headers};
use crate::action::cookie::{Cookie, CookieJar};
use crate::action::framing::Defect;
use crate::action::header::{
    ClientField, EdgeField, ForwardingField, Header, HintField, HopField, NameSpelling, Spoof, VendoField,
};
use crate::action::host::HostOf;
use crate::action::path::{Code, Next, OddPath, Path, ReservedSpelling};
use crate::action::{Body, Method, Request, Status, Transport};
use crate::choose::Choose;
use crate::world::{Role, World};

const STATUSES: &[(&str, Status)] = &[
    ("foreign-cookie-suspending", Status::Suspending),
    ("foreign-cookie-suspended", Status::Suspended),
    ("foreign-cookie-resuming", Status::Resuming),
    ("foreign-cookie-suspend-failed", Status::SuspendFailed),
    ("foreign-cookie-resume-failed", Status::ResumeFailed),
    ("foreign-cookie-destroyed", Status::Destroyed),
];

const METHODS: &[(&str, Method)] = &[
    ("foreign-cookie-post", Method::Post),
    ("foreign-cookie-put", Method::Put),
    ("foreign-cookie-patch", Method::Patch),
    ("foreign-cookie-delete", Method::Delete),
    ("foreign-cookie-head", Method::Head),
    ("foreign-cookie-options", Method::Options),
    ("foreign-cookie-unknown-method", Method::Brew),
];

const ROLES: &[(&str, Role)] =
    &[("foreign-owner", Role::Owner), ("foreign-member", Role::Member), ("foreign-viewer", Role::Viewer)];

/// How the intruder's tenant id (first) resembles the victim's (second).
type Likeness = fn(&str, &str) -> bool;

const LIKENESSES: &[(&str, Likeness)] = &[
    ("lookalike-prefix", |own, victim| victim.starts_with(own)),
    ("lookalike-extension", |own, victim| own.starts_with(victim)),
    ("lookalike-case", |own, victim| own.eq_ignore_ascii_case(victim)),
];

/// Statuses of a deployment that comes back.
const DOWN: [Status; 6] = [
    Status::Suspended,
    Status::Suspended,
    Status::Suspending,
    Status::Resuming,
    Status::SuspendFailed,
    Status::ResumeFailed,
];

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    let at = draft.deployment();
    let intruder = draft.foreign(at);
    if let Some(status) = row(STATUSES, name) {
        let request = draft.intrusion(at, intruder);
        draft.status(at, status);
        draft.send(request);
        return Some(());
    }
    if let Some(method) = row(METHODS, name) {
        let request = draft.intrusion(at, intruder);
        let request = draft.method(request, method);
        draft.send(request);
        return Some(());
    }
    if let Some(role) = row(ROLES, name) {
        let tenant = draft.tenant_of(at);
        let intruder = draft.member_where(|m| m.tenant != tenant && m.role == role)?;
        let request = draft.intrusion(at, intruder);
        draft.send(request);
        return Some(());
    }
    if let Some(likeness) = row(LIKENESSES, name) {
        let (at, intruder) = lookalikes(draft, likeness)?;
        let request = draft.intrusion(at, intruder);
        draft.send(request);
        return Some(());
    }
    match name {
        "foreign-cookie" | "foreign-cookie-flag-off" => {
            draft.flag(at, name == "foreign-cookie");
            let request = draft.intruding_visit(at, intruder);
            draft.send(request);
        }
        "own-then-foreign" | "foreign-then-own" => {
            let home = draft.home_of(intruder)?;
            let transport = draft.of(&CLEAR);
            let own = draft.visit(home, intruder);
            let foreign = draft.intrusion(at, intruder);
            let (first, second) = if name == "own-then-foreign" { (own, foreign) } else { (foreign, own) };
            draft.send(Request { transport, ..first });
            draft.send(Request { transport, reuse: true, ..second });
        }
        "foreign-after-many" => {
            let home = draft.home_of(intruder)?;
            let transport = draft.of(&CLEAR);
            let foreign = draft.intrusion(at, intruder);
            for _ in 0..draft.of(&[4, 7, 16, 40]) {
                let own = draft.visit(home, intruder);
                draft.send(Request { transport, reuse: true, ..own });
            }
            draft.send(Request { transport, reuse: true, ..foreign });
        }
        "own-then-foreign-pipelined" => {
            let home = draft.home_of(intruder)?;
            let own = draft.visit(home, intruder);
            let foreign = draft.intrusion(at, intruder);
            let transport = Transport::Http1;
            draft.malformed(Request { transport, ..own }, Defect::None, Request { transport, ..foreign });
        }
        "http2-interleaved" => {
            let home = draft.home_of(intruder)?;
            let own = draft.visit(home, intruder);
            let foreign = draft.intrusion(at, intruder);
            let transport = Transport::Http2;
            draft.race(Request { transport, ..own }, Request { transport, ..foreign });
        }
        "foreign-cookie-legacy-host" => {
            let at = draft.deployment_where(|d| d.legacy)?;
            at_host(draft, at, HostOf::Legacy(at));
        }
        "foreign-cookie-custom-domain" => {
            let at = draft.deployment_where(|d| d.domain.is_some())?;
            at_host(draft, at, HostOf::Custom(at));
        }
        "body-names-victim" => {
            let at = draft.of_next_tenant(intruder)?;
            let request = draft.intrusion(at, intruder);
            let request = draft.upload(request, &[Body::NamesVictim]);
            draft.send(request);
        }
        "same-deployment-slug" => {
            let (slug, tenant) = (draft.world.deployment(at).slug.clone(), draft.world.member(intruder).tenant);
            let home = draft.deployment_where(|d| d.tenant == tenant && d.slug == slug)?;
            let own = draft.visit(home, intruder);
            draft.send(own);
            let request = draft.intrusion(at, intruder);
            draft.send(request);
        }
        "two-tenant-user" => {
            let world = draft.world;
            let tenant = draft.tenant_of(at);
            let has_account = |id: &str| world.members.iter().any(|m| m.tenant == tenant && m.user_id == id);
            let intruder = draft.member_where(|m| m.tenant != tenant && has_account(&m.user_id))?;
            let request = draft.intrusion(at, intruder);
            draft.send(request);
        }
        "own-suspended" | "own-suspended-upgrade" | "own-destroyed" => {
            let status = if name == "own-destroyed" { Status::Destroyed } else { draft.of(&DOWN) };
            draft.any_flag(at);
            let member = draft.own(at);
            if draft.one_in(3) {
                // Two states in one case: their answers must not tell them apart.
                let before = draft.of(&DOWN);
                draft.status(at, before);
                let request = draft.visit(at, member);
                draft.send(request);
            }
            draft.status(at, status);
            let request = draft.visit(at, member);
            let request = if name == "own-suspended-upgrade" { draft.handshake(request) } else { request };
            draft.send(request);
        }
        "anonymous" | "anonymous-upgrade" => {
            draft.flag(at, true);
            let request = draft.anonymous(at);
            let request = if name == "anonymous" { request } else { draft.handshake(request) };
            draft.send(request);
        }
        "anonymous-exempt-path" => {
            draft.flag(at, true);
            for path in OddPath::EXEMPT {
                let request = Request { path: Path::Odd(path), ..draft.anonymous(at) };
                draft.send(request);
            }
        }
        "foreign-cookie-exempt-path" => {
            draft.any_flag(at);
            for path in OddPath::EXEMPT {
                let request = Request { path: Path::Odd(path), ..draft.intrusion(at, intruder) };
                draft.send(request);
            }
        }
        "anonymous-exempt-header" => {
            draft.flag(at, true);
            for said in ClientField::ALL {
                let request = draft.anonymous(at);
                let request = saying(draft, request, Header::Client(said));
                draft.send(request);
            }
            let request = draft.anonymous(at);
            let request = excused(draft, request);
            draft.send(request);
        }
        "foreign-cookie-exempt-header" => {
            for said in ClientField::ALL {
                let request = draft.intrusion(at, intruder);
                let request = saying(draft, request, Header::Client(said));
                draft.send(request);
            }
            let request = draft.intrusion(at, intruder);
            let request = excused(draft, request);
            draft.send(request);
        }
        "own-elsewhere-then-foreign" => {
            let world = draft.world;
            let tenant = draft.tenant_of(at);
            let account = draft.member_where(|m| m.tenant == tenant && is_shared(world, &m.user_id))?;
            let id = &world.member(account).user_id;
            let other = draft.member_where(|m| m.tenant != tenant && m.user_id == *id)?;
            let reuse = draft.one_in(2);
            let first = draft.visit(at, account);
            let second = Request { transport: first.transport, reuse, host: first.host, ..draft.intrusion(at, other) };
            draft.send(first);
            draft.send(second);
        }
        _ => {
            let request = draft.intrusion(at, intruder);
            let request = altered(draft, name, at, request)?;
            draft.send(request);
        }
    }
    Some(())
}

/// With a header for which some proxies let a request pass: one that says where the request comes from, or any other.
fn excused<C: Choose>(draft: &mut Draft<'_, C>, request: Request) -> Request {
    let spelling = draft.of(&NameSpelling::ALL);
    let said = draft.of(&ClientField::ALL);
    let local = [
        Header::Forwarding { field: ForwardingField::For, spelling, host: request.host },
        Header::Forwarding { field: ForwardingField::Forwarded, spelling, host: request.host },
        Header::Edge { field: EdgeField::ConnectingIp, spelling },
        Header::Hint { field: HintField::RealIp, host: request.host },
        Header::Range,
    ];
    let header = if draft.one_in(3) { draft.of(&local) } else { Header::Client(said) };
    saying(draft, request, header)
}

/// With this header. A preflight is one by its method too, if the draw says so.
fn saying<C: Choose>(draft: &mut Draft<'_, C>, request: Request, header: Header) -> Request {
    let preflight = header == Header::Client(ClientField::Preflight) && draft.one_in(2);
    let request = if preflight { draft.method(request, Method::Options) } else { request };
    with_headers(request, [header])
}

/// Whether a person is a member of more than one tenant.
fn is_shared(world: &World, user_id: &str) -> bool {
    world.members.iter().filter(|member| member.user_id == user_id).count() > 1
}

/// The moves that differ from an ordinary intrusion in one request's form alone.
fn altered<C: Choose>(draft: &mut Draft<'_, C>, name: &str, at: u8, request: Request) -> Option<Request> {
    Some(match name {
        "foreign-cookie-streamed-body" => {
            draft.upload(request, &[Body::Chunked, Body::ChunkedWithTrailers, Body::Long])
        }
        "foreign-cookie-expect-continue" => {
            let request = draft.upload(request, &[Body::Short, Body::Long]);
            with_headers(request, [Header::Expect])
        }
        "foreign-cookie-upgrade" => draft.handshake(request),
        "foreign-cookie-other-upgrade" => {
            let request = draft.over(request, &HTTP1);
            with_headers(request, [Header::Hop(HopField::UpgradeH2c)])
        }
        "foreign-cookie-http2" => draft.over(request, &HTTP2),
        "foreign-cookie-tls" => draft.over(request, &TLS),
        "foreign-cookie-among-others" => {
            let mut cookies = vec![draft.of(&[Cookie::App(0), Cookie::Many])];
            cookies.extend(request.cookies.cookies.iter().copied());
            cookies.push(draft.of(&[Cookie::App(1), Cookie::Dashboard]));
            Request { cookies: CookieJar { cookies, split: draft.one_in(2), tight: draft.one_in(2) }, ..request }
        }
        "header-names-victim" => {
            let spoof = Header::Vendo {
                field: VendoField::TenantId,
                spelling: draft.of(&NameSpelling::ALL),
                value: Spoof::TenantOf(at),
            };
            with_headers(request, [spoof])
        }
        "query-names-victim" => Request { path: Path::NamesTenantOf(at), ..request },
        "foreign-reserved-path" => Request {
            path: if draft.one_in(2) {
                Path::Session {
                    code: draft.of(&[Code::Guessed, Code::Missing, Code::Empty]),
                    next: draft.of(&Next::ALL),
                }
            } else {
                Path::Reserved(draft.of(&ReservedSpelling::ALL))
            },
            ..request
        },
        _ => return None,
    })
}

fn at_host<C: Choose>(draft: &mut Draft<'_, C>, at: u8, host: HostOf) {
    let intruder = draft.foreign(at);
    let request = draft.intrusion(at, intruder);
    draft.send(Request { host: exactly(host), ..request });
}

/// A deployment, and a member of a tenant whose id is like that of the deployment's.
fn lookalikes<C: Choose>(draft: &mut Draft<'_, C>, likeness: Likeness) -> Option<(u8, u8)> {
    let world = draft.world;
    let id = |tenant: usize| world.tenant(tenant).id.as_str();
    let like = |own: usize, victim: usize| own != victim && likeness(id(own), id(victim));
    let intruder = draft.member_where(|m| (0..world.tenants.len()).any(|victim| like(m.tenant, victim)))?;
    let own = world.member(intruder).tenant;
    let at = draft.deployment_where(|d| like(own, d.tenant))?;
    Some((at, intruder))
}

impl<C: Choose> Draft<'_, C> {
    /// A visit with a cookie that is valid at another tenant, whether or not the host asks for sign-in.
    pub(super) fn intrusion(&mut self, at: u8, intruder: u8) -> Request {
        self.any_flag(at);
        self.intruding_visit(at, intruder)
    }

    fn intruding_visit(&mut self, at: u8, intruder: u8) -> Request {
        let session = self.session(intruder);
        Request { cookies: CookieJar::one(session), ..self.visit(at, intruder) }
    }
}
