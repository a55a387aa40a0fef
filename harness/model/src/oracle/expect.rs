//! Permitted outcomes: what a request may lead to, from the world's ground truth alone.

use crate::action::cookie::{Alteration, Cookie, CookieJar, Writing};
use crate::action::header::VendoField;
use crate::action::host::{HostLayout, HostOf, PlatformHost, Sni};
use crate::action::path::Path;
use crate::action::reply::{ReplyHeader, ReplyKind};
use crate::action::{Method, Request, Status};
use crate::claim::ClaimId;
use crate::observation::Fields;
use crate::render::percent::{encode_component, encode_identity};
use crate::render::{self, Script, WireBody, lower};
use crate::state::State;
use crate::world::{PLATFORM_DOMAIN, World};

/// Seconds for which a cookie is good that a sign-in code was exchanged for.
pub const COOKIE_LIFETIME_S: i64 = 900;

/// What a request must lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Why.
    pub reason: Reason,
    /// What the client gets.
    pub answer: Answer,
    /// What reaches a container; `None` when nothing may.
    pub delivery: Option<Delivery>,
    /// The one KV key that may be read for it.
    pub kv_key: Option<String>,
    /// The sign-in code that is spent by it.
    pub spends: Option<String>,
    /// The member whose session it carries.
    pub session: Option<usize>,
}

/// Why a request leads where it leads, in the order in which the platform decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The bytes are no request.
    Framing,
    /// The method is never passed on.
    Method,
    /// The host is no DNS name, or there is none.
    HostSyntax,
    /// Two carriers of the host disagree, or there are too many.
    HostAgreement,
    /// The TLS handshake named another host.
    Sni,
    /// No deployment has that host.
    UnknownHost,
    /// The host is another worker's, and what it is asked is none of its own business.
    OtherWorker,
    /// The session is another tenant's.
    ForeignSession,
    /// The deployment doesn't serve.
    NotServing,
    /// The path is the platform's own.
    ReservedPath,
    /// The sign-in code isn't good here.
    CodeRefused,
    /// The sign-in code is good.
    CodeRedeemed,
    /// The site asks for a session and none was sent.
    NoSession,
    /// The site asks for a session and what was sent is none.
    InvalidSession,
    /// The session is a member's.
    Member,
    /// The site is public.
    Public,
}

impl Reason {
    /// Whether the request has to be refused.
    #[must_use]
    pub const fn refuses(self) -> bool {
        match self {
            Self::Framing
            | Self::Method
            | Self::HostSyntax
            | Self::HostAgreement
            | Self::Sni
            | Self::UnknownHost
            | Self::OtherWorker
            | Self::ForeignSession
            | Self::NotServing
            | Self::ReservedPath
            | Self::CodeRefused
            | Self::NoSession
            | Self::InvalidSession => true,
            Self::CodeRedeemed | Self::Member | Self::Public => false,
        }
    }

    /// The claim that falls when what has to be refused for this reason is served.
    #[must_use]
    pub const fn claim(self) -> ClaimId {
        match self {
            Self::Framing
            | Self::Method
            | Self::HostSyntax
            | Self::HostAgreement
            | Self::Sni
            | Self::UnknownHost
            | Self::OtherWorker => ClaimId::Apx5,
            Self::ForeignSession | Self::NotServing | Self::NoSession => ClaimId::Apx1,
            Self::InvalidSession => ClaimId::Apx2,
            Self::ReservedPath | Self::CodeRefused | Self::CodeRedeemed => ClaimId::Apx4,
            Self::Member | Self::Public => ClaimId::Apx6,
        }
    }
}

/// What the client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The proxy's own refusal.
    Refusal {
        /// The status.
        status: u16,
        /// Whether the connection is closed afterwards.
        closes: bool,
    },
    /// A refusal by another worker, in its own words.
    Worker {
        /// The statuses that it may have.
        statuses: &'static [u16],
    },
    /// A redirect to the sign-in.
    SignIn {
        /// Its `Location`.
        location: String,
    },
    /// A session for a sign-in code.
    SignedIn {
        /// Its `Location`.
        location: &'static str,
        /// Whose session.
        member: usize,
    },
    /// The container's answer.
    Relayed(Relayed),
    /// The container's answer broke off: the proxy's own error, or a part of it with an end that shows the break.
    Broken(Relayed),
    /// The proxy's own error, since the container's answer is none.
    BadGateway,
    /// A tunnel to the container, with the headers of its 101 but for those of the handshake.
    Switched(Relayed),
    /// A refusal of bytes that are no request, in whatever words, or a closed connection.
    Rejected,
    /// As [`Self::Rejected`], or what the request would have got had its body been whole.
    BodyBroken(Box<Answer>),
    /// Nothing was executed: a refusal in whatever words, or a closed connection.
    NotExecuted,
}

/// A container's answer as the client must see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed {
    /// The status.
    pub status: u16,
    /// The headers, but for those of the framing and the connection.
    pub headers: Fields,
    /// The body.
    pub body: Body,
}

/// A body that must come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// These bytes.
    Exact(Vec<u8>),
    /// The request as the container received it.
    Echo,
}

/// What must reach a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Index of the deployment.
    pub deployment: usize,
    /// The method.
    pub method: &'static str,
    /// The target.
    pub target: Vec<u8>,
    /// The headers, but for those of the framing; sorted.
    pub headers: Fields,
    /// The body.
    pub body: Vec<u8>,
}

/// What stands in a delivery's `Host` header for the address of the container itself.
pub const CONTAINER_HOST: &str = "<container>";

/// What the request must lead to. `connection_sni` is the server name of the connection it went over, where that was
/// opened by an earlier request.
#[must_use]
pub fn expect(world: &World, state: &State, request: &Request, connection_sni: Option<&Option<String>>) -> Expected {
    if matches!(request.method, Method::Connect | Method::Trace) {
        return refused(Reason::Method, 405, false, None);
    }
    let host = match host(world, request) {
        Ok(host) => host,
        Err(reason) => return refused(reason, 400, true, None),
    };
    if request.transport.is_tls() && !sni_agrees(world, request, &host, connection_sni) {
        return refused(Reason::Sni, 421, false, None);
    }
    if let HostOf::Platform(platform) = request.host.of
        && let Some(statuses) = worker_refusals(platform)
    {
        return Expected { answer: Answer::Worker { statuses }, ..refused(Reason::OtherWorker, 401, false, None) };
    }
    let kv_key = kv_key(request.host.of, &host);
    let Some(index) = state.resolve(&host) else {
        return refused(Reason::UnknownHost, 404, false, kv_key);
    };
    let (Some(own), Some(now)) = (world.deployments.get(index), state.deployments.get(index)) else {
        return refused(Reason::UnknownHost, 404, false, kv_key);
    };
    let session = session(&request.cookies, state.now_s - world.start_s);
    let valid = match session {
        Session::Valid(member) => Some(world.member_index(member)),
        Session::None | Session::Invalid => None,
    };
    let refuse = |reason, status| Expected { session: valid, ..refused(reason, status, false, kv_key.clone()) };
    if valid.and_then(|m| world.members.get(m)).is_some_and(|m| m.tenant != own.tenant) {
        return refuse(Reason::ForeignSession, 403);
    }
    match now.status {
        Status::Running => {}
        Status::Suspending | Status::Suspended | Status::Resuming | Status::SuspendFailed | Status::ResumeFailed => {
            return refuse(Reason::NotServing, 503);
        }
        Status::Destroyed => return refuse(Reason::NotServing, 404),
    }
    match request.path {
        Path::Reserved(_) => return refuse(Reason::ReservedPath, 404),
        Path::Session { .. } if request.method != Method::Get || !now.vendo_auth => {
            return refuse(Reason::ReservedPath, 404);
        }
        Path::Session { code, next } => {
            let text = state.code_text(code);
            // A host may have gone to another tenant since the code was given.
            let is_own = |member: &usize| world.members.get(*member).is_some_and(|m| m.tenant == own.tenant);
            let member = text.as_deref().and_then(|text| state.redeems(text, &host)).filter(is_own);
            let expected = match member {
                Some(member) => Expected {
                    answer: Answer::SignedIn { location: next.location(), member },
                    reason: Reason::CodeRedeemed,
                    ..refuse(Reason::CodeRedeemed, 302)
                },
                None => refuse(Reason::CodeRefused, 401),
            };
            return Expected { spends: text, ..expected };
        }
        Path::Root
        | Path::Shared(_)
        | Path::Odd(_)
        | Path::NamesTenantOf(_)
        | Path::SessionInQuery(_)
        | Path::Asterisk => {}
    }
    if now.vendo_auth && valid.is_none() {
        let reason = if session == Session::None { Reason::NoSession } else { Reason::InvalidSession };
        if request.method == Method::Get && request.accept_html && !request.upgrade {
            let next = encode_component(&render::path_text(world, state, request.path));
            let location = format!(
                "https://{PLATFORM_DOMAIN}/auth/proxy-session?host={}&next={next}",
                encode_component(host.as_bytes())
            );
            return Expected { answer: Answer::SignIn { location }, ..refuse(reason, 302) };
        }
        return refuse(reason, 401);
    }
    let identity = if now.vendo_auth { valid } else { None };
    Expected {
        reason: if now.vendo_auth { Reason::Member } else { Reason::Public },
        answer: answer(world, index, &host, request),
        delivery: Some(delivery(world, state, index, request, identity)),
        kv_key,
        spends: None,
        session: valid,
    }
}

fn refused(reason: Reason, status: u16, closes: bool, kv_key: Option<String>) -> Expected {
    Expected { reason, answer: Answer::Refusal { status, closes }, delivery: None, kv_key, spends: None, session: None }
}

/// How a worker of the edge may refuse what is meant for a container: no key, no secret, and often no path of its own.
/// `None` where no worker answers.
const fn worker_refusals(host: PlatformHost) -> Option<&'static [u16]> {
    match host {
        PlatformHost::Dashboard | PlatformHost::Api | PlatformHost::Www => None,
        // A preflight is answered without a key.
        PlatformHost::ProviderProxy => Some(&[400, 401, 204]),
        PlatformHost::Credentials => Some(&[400, 401, 405]),
        PlatformHost::Hooks => Some(&[400, 412]),
    }
}

/// What the cookies of a request amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    /// No session cookie.
    None,
    /// One that counts for nothing, or more than one.
    Invalid,
    /// The session of a member.
    Valid(u8),
}

/// What the cookies of a request amount to, `age_s` seconds after the case began.
#[must_use]
pub fn session(jar: &CookieJar, age_s: i64) -> Session {
    let mut sessions = jar.cookies.iter().filter_map(|cookie| match cookie {
        Cookie::Session { token, writing } if writing.is_session_name() => {
            Some((writing.keeps_value() && token.alteration.is_valid_at(age_s)).then_some(token.member))
        }
        Cookie::BareName => Some(None),
        Cookie::Session { .. } | Cookie::App(_) | Cookie::Dashboard | Cookie::Many => None,
    });
    match (sessions.next(), sessions.next()) {
        (None, _) => {
            // A session cookie under another name is none. It still is the reason when such a request is served.
            let tried = jar.cookies.iter().any(|cookie| matches!(cookie, Cookie::Session { .. }));
            if tried { Session::Invalid } else { Session::None }
        }
        (Some(Some(member)), None) => Session::Valid(member),
        (Some(_), _) => Session::Invalid,
    }
}

/// The plain host that all carriers agree on.
fn host(world: &World, request: &Request) -> Result<String, Reason> {
    let own = request.host.meaning(world);
    let agreed = |other: Option<String>| match (own.clone(), other) {
        (Some(own), Some(other)) if own == other => Ok(own),
        (None, _) | (_, None) => Err(Reason::HostSyntax),
        (Some(_), Some(_)) => Err(Reason::HostAgreement),
    };
    if request.path == Path::Asterisk {
        return Err(Reason::HostAgreement);
    }
    match request.layout {
        HostLayout::Host | HostLayout::Absolute | HostLayout::Version10 | HostLayout::AuthorityAndHost => {
            own.ok_or(Reason::HostSyntax)
        }
        HostLayout::AbsoluteOther(other) | HostLayout::AuthorityAndOther(other) => agreed(other.meaning(world)),
        HostLayout::AbsoluteUserInfo | HostLayout::AuthorityUserInfo | HostLayout::Empty => Err(Reason::HostSyntax),
        HostLayout::AbsoluteScheme
        | HostLayout::AbsoluteAlone
        | HostLayout::Twice
        | HostLayout::Version10Twice
        | HostLayout::ThenOther(_)
        | HostLayout::Missing
        | HostLayout::Version10Missing => Err(Reason::HostAgreement),
    }
}

fn sni_agrees(world: &World, request: &Request, host: &str, connection_sni: Option<&Option<String>>) -> bool {
    if let Some(sni) = connection_sni {
        return sni.as_deref() == Some(host);
    }
    match request.sni {
        Sni::Same => true,
        Sni::Missing => false,
        Sni::Of(deployment) => crate::action::host::HostSpec::of(deployment).of.text(world) == host,
    }
}

/// The key that the host names; `None` where the host is never looked up.
fn kv_key(of: HostOf, host: &str) -> Option<String> {
    let legacy_is_valid = |deployment: &str, tenant: &str| {
        let slug = |text: &str| {
            (2..=20).contains(&text.len())
                && !text.starts_with('-')
                && !text.ends_with('-')
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        !deployment.is_empty() && deployment.bytes().all(|b| b.is_ascii_alphanumeric()) && slug(tenant)
    };
    let under_platform = host.strip_suffix(PLATFORM_DOMAIN).and_then(|rest| rest.strip_suffix('.'));
    match of {
        HostOf::Single(_) | HostOf::Renamed(..) | HostOf::Unknown | HostOf::WithPrefix(_) => {
            under_platform.map(|label| format!("deploy:{label}"))
        }
        HostOf::Legacy(_) | HostOf::SwappedLegacy(_) => under_platform
            .and_then(|labels| labels.split_once('.'))
            .filter(|(deployment, tenant)| legacy_is_valid(deployment, tenant))
            .map(|_| format!("deploy:{host}")),
        HostOf::Custom(_)
        | HostOf::Portal(_)
        | HostOf::UnknownDomain
        | HostOf::WithSuffix(_)
        | HostOf::WithGlue(_)
        | HostOf::UnderCustom(_) => Some(format!("deploy:{host}")),
        HostOf::Deeper(_) => {
            // `x.{label}.vendo.run` is a legacy host's form: deployment `x` of a tenant with the label for its slug.
            let parts = under_platform.and_then(|labels| labels.split_once('.'));
            parts.filter(|(deployment, tenant)| legacy_is_valid(deployment, tenant)).map(|_| format!("deploy:{host}"))
        }
        HostOf::BareLabel(_)
        | HostOf::DeeperLegacy(_)
        | HostOf::BadSlug
        | HostOf::WholeKey(_)
        | HostOf::Wildcard
        | HostOf::Platform(_)
        | HostOf::Ip(_)
        | HostOf::CommaList(..)
        | HostOf::LongLabel
        | HostOf::LongName => None,
    }
}

/// What the container must receive.
fn delivery(world: &World, state: &State, index: usize, request: &Request, identity: Option<usize>) -> Delivery {
    let sender = world.member(request.sender);
    let nominated: Vec<String> = request.headers.iter().flat_map(|header| header.nominated()).collect();
    let mut headers: Fields = vec![("accept".to_owned(), render::accept(request).to_vec())];
    for header in &request.headers {
        let passing = header.fields(world, &sender.request_canary.text).into_iter().filter(|field| field.passes);
        headers.extend(passing.map(|field| (field.name.to_ascii_lowercase(), field.value)));
    }
    let cookies: Vec<Vec<u8>> = request
        .cookies
        .cookies
        .iter()
        .filter(|cookie| match cookie {
            Cookie::App(_) | Cookie::Many => true,
            Cookie::Session { writing, .. } => writing.passes(),
            Cookie::Dashboard | Cookie::BareName => false,
        })
        .map(|cookie| render::cookie_text(world, state, *cookie))
        .collect();
    if !cookies.is_empty() {
        headers.push(("cookie".to_owned(), cookies.join(b"; ".as_slice())));
    }
    let wire = render::wire(world, state, request);
    if wire.body != WireBody::None {
        headers.push(("content-type".to_owned(), render::content_type(request.body).to_vec()));
    }
    headers.retain(|(name, _)| !nominated.contains(name));
    headers.push(("host".to_owned(), CONTAINER_HOST.as_bytes().to_vec()));
    if request.upgrade {
        headers.extend(render::UPGRADE.map(|(name, value)| (name.to_ascii_lowercase(), value.as_bytes().to_vec())));
    }
    if let Some(member) = identity.and_then(|m| world.members.get(m)) {
        let tenant = &world.tenant(member.tenant).id;
        for (field, value) in [
            (VendoField::UserId, member.user_id.as_str()),
            (VendoField::UserEmail, &member.email),
            (VendoField::UserName, &member.name),
            (VendoField::TenantId, tenant),
            (VendoField::Role, member.role.as_str()),
        ] {
            headers.push((field.name().to_ascii_lowercase(), encode_identity(value).into_bytes()));
        }
    }
    headers.sort();
    Delivery {
        deployment: index,
        method: request.method.as_str(),
        target: render::path_text(world, state, request.path),
        headers,
        body: wire.body.bytes(),
    }
}

/// What the client must get of the container's answer.
fn answer(world: &World, index: usize, own_host: &str, request: &Request) -> Answer {
    let script = render::script(world, index, own_host, request);
    let page = world.deployments.get(index).map(|own| render::page(&own.page_canary.text)).unwrap_or_default();
    let base =
        world.deployments.get(index).map(|own| render::base_headers(&own.header_canary.text)).unwrap_or_default();
    let relayed = |status, headers: &[(String, Vec<u8>)], body| {
        let mut headers = filtered(world, own_host, request, lower(headers));
        headers.sort();
        Relayed { status, headers, body }
    };
    let whole = |body: Vec<u8>| relayed(200, &base, Body::Exact(body));
    match (&script, request.reply.kind) {
        (Script::Upgrade { headers }, _) if has_control(request) => {
            Answer::Broken(relayed(101, headers, Body::Exact(Vec::new())))
        }
        (Script::Upgrade { headers }, _) => Answer::Switched(relayed(101, headers, Body::Exact(Vec::new()))),
        (Script::Echo, _) => Answer::Relayed(Relayed {
            status: 200,
            headers: vec![("content-type".to_owned(), b"application/octet-stream".to_vec())],
            body: Body::Echo,
        }),
        // A header that is none makes the whole answer none, for a proxy that takes it so.
        (Script::Response { status, headers, chunks, .. }, _) if has_control(request) => {
            Answer::Broken(relayed(*status, headers, Body::Exact(chunks.concat())))
        }
        (Script::Raw { .. }, ReplyKind::Interim) if has_control(request) => Answer::Broken(whole(page)),
        (Script::Raw { .. }, ReplyKind::NoContent) if has_control(request) => {
            Answer::Broken(relayed(204, &all_headers(world, &base, own_host, request), Body::Exact(Vec::new())))
        }
        (Script::Response { status, headers, chunks, .. }, _) => {
            Answer::Relayed(relayed(*status, headers, Body::Exact(chunks.concat())))
        }
        (Script::Raw { .. }, kind) => match kind {
            ReplyKind::Unasked101 | ReplyKind::Garbage | ReplyKind::ClosesAtOnce => Answer::BadGateway,
            ReplyKind::DifferingLengths | ReplyKind::ConflictingLengths => Answer::Broken(whole(page)),
            ReplyKind::Dies | ReplyKind::DiesChunked | ReplyKind::BadChunk => Answer::Broken(whole(page)),
            ReplyKind::NoContent => {
                Answer::Relayed(relayed(204, &all_headers(world, &base, own_host, request), Body::Exact(Vec::new())))
            }
            ReplyKind::BodyAfterNoContent => Answer::Relayed(relayed(204, &base, Body::Exact(Vec::new()))),
            ReplyKind::NotModified => {
                let headers = [base, vec![("ETag".to_owned(), b"\"v1\"".to_vec())]].concat();
                Answer::Relayed(relayed(304, &headers, Body::Exact(Vec::new())))
            }
            ReplyKind::BodyAfterHead => Answer::Relayed(whole(Vec::new())),
            ReplyKind::Interim
            | ReplyKind::Continue
            | ReplyKind::TwoAnswers
            | ReplyKind::ExtraBytes
            | ReplyKind::ClosesAfter => Answer::Relayed(whole(page)),
            // Answers to HEAD: what GET would get, without the body.
            ReplyKind::Page
            | ReplyKind::Cacheable
            | ReplyKind::Redirect
            | ReplyKind::Error
            | ReplyKind::NotFound
            | ReplyKind::Chunked
            | ReplyKind::Trailers
            | ReplyKind::Echo => {
                let as_get = Request { method: Method::Get, ..request.clone() };
                match render::script(world, index, own_host, &as_get) {
                    Script::Response { status, headers, .. } => {
                        let answer = relayed(status, &headers, Body::Exact(Vec::new()));
                        if has_control(request) { Answer::Broken(answer) } else { Answer::Relayed(answer) }
                    }
                    Script::Echo | Script::Raw { .. } | Script::Upgrade { .. } => Answer::BadGateway,
                }
            }
        },
    }
}

/// Whether the container's answer holds a header with a control character.
fn has_control(request: &Request) -> bool {
    let control = |header: &ReplyHeader| {
        matches!(header, ReplyHeader::SetCookie { name: crate::action::reply::SetCookieName::Control, .. })
    };
    request.reply.kind.has_headers() && request.reply.headers.iter().any(control)
}

fn all_headers(world: &World, base: &[(String, Vec<u8>)], own_host: &str, request: &Request) -> Vec<(String, Vec<u8>)> {
    let own = request.reply.headers.iter().flat_map(|header| render::reply_header(world, own_host, *header));
    base.iter().cloned().chain(own).collect()
}

/// The headers of a container's answer that reach the client. Decided by what each was meant to be, not by reading it.
fn filtered(world: &World, own_host: &str, request: &Request, headers: Fields) -> Fields {
    let dropped: Fields = request
        .reply
        .headers
        .iter()
        .filter(|header| match header {
            ReplyHeader::SetCookie { name, domain } => {
                !(name.is_allowed() && domain.stays(own_host, &render::sibling_host(world, *domain)))
            }
            ReplyHeader::SetCookieUpper
            | ReplyHeader::SetCookie2
            | ReplyHeader::Vendo { .. }
            | ReplyHeader::KeepAlive
            | ReplyHeader::Nominated => true,
            ReplyHeader::App(_) => false,
        })
        .flat_map(|header| lower(&render::reply_header(world, own_host, *header)))
        .collect();
    headers.into_iter().filter(|field| !dropped.contains(field)).collect()
}

/// Whether a request's cookies hold a session that was altered, for reports.
#[must_use]
pub fn alterations(jar: &CookieJar) -> Vec<(Alteration, Writing)> {
    jar.cookies
        .iter()
        .filter_map(|cookie| match cookie {
            Cookie::Session { token, writing } => Some((token.alteration, *writing)),
            Cookie::App(_) | Cookie::Dashboard | Cookie::BareName | Cookie::Many => None,
        })
        .collect()
}
