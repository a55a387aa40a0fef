//! What all moves are drawn with: places and people of a world, requests whose free parts vary, and the list of actions.

use crate::action::cookie::{Alteration, Cookie, CookieJar, Token};
use crate::action::framing::Defect;
use crate::action::header::Header;
use crate::action::host::{HostOf, HostSpec, Spelling};
use crate::action::path::{Code, Next, Path};
use crate::action::reply::Reply;
use crate::action::{Action, Body, Control, Method, Request, Status, Transport};
use crate::choose::Choose;
use crate::generate;
use crate::world::{Deployment, Member, World};

/// HTTP/1.1, secured or not.
pub(super) const HTTP1: [Transport; 2] = [Transport::Http1, Transport::Http1Tls];
/// HTTP/2, secured or not.
pub(super) const HTTP2: [Transport; 2] = [Transport::Http2, Transport::Http2Tls];
/// Without TLS: two hosts on one connection would differ from its server name, and be refused for that.
pub(super) const CLEAR: [Transport; 2] = [Transport::Http1, Transport::Http2];
/// With TLS.
pub(super) const TLS: [Transport; 2] = [Transport::Http1Tls, Transport::Http2Tls];

/// The value of the row that bears the name.
pub(super) fn row<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// A realisation in the making.
pub(super) struct Draft<'a, C> {
    pub(super) world: &'a World,
    choose: &'a mut C,
    actions: Vec<Action>,
}

impl<'a, C: Choose> Draft<'a, C> {
    pub(super) const fn new(world: &'a World, choose: &'a mut C) -> Self {
        Self { world, choose, actions: Vec::new() }
    }

    pub(super) fn into_actions(self) -> Vec<Action> {
        self.actions
    }

    // Choices.

    pub(super) fn of<T: Copy, const N: usize>(&mut self, items: &[T; N]) -> T {
        self.choose.of(items)
    }

    pub(super) fn among<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        self.choose.among(items).copied()
    }

    pub(super) fn one_in(&mut self, n: u32) -> bool {
        self.choose.one_in(n)
    }

    pub(super) fn index(&mut self, len: usize) -> u8 {
        self.choose.index(len)
    }

    // Places and people.

    pub(super) fn deployment(&mut self) -> u8 {
        self.choose.index(self.world.deployments.len())
    }

    pub(super) fn deployment_where(&mut self, fits: impl Fn(&Deployment) -> bool) -> Option<u8> {
        self.index_where(&self.world.deployments, fits)
    }

    pub(super) fn member_where(&mut self, fits: impl Fn(&Member) -> bool) -> Option<u8> {
        self.index_where(&self.world.members, fits)
    }

    fn index_where<T>(&mut self, items: &[T], fits: impl Fn(&T) -> bool) -> Option<u8> {
        let fitting: Vec<usize> = (0..items.len()).filter(|index| items.get(*index).is_some_and(&fits)).collect();
        self.among(&fitting).and_then(|index| u8::try_from(index).ok())
    }

    pub(super) fn tenant_of(&self, deployment: u8) -> usize {
        self.world.deployment(deployment).tenant
    }

    /// A deployment of another tenant.
    pub(super) fn elsewhere(&mut self, deployment: u8) -> Option<u8> {
        let tenant = self.tenant_of(deployment);
        self.deployment_where(|other| other.tenant != tenant)
    }

    /// A deployment of the tenant after a member's, as bodies and altered tokens name it.
    pub(super) fn of_next_tenant(&mut self, member: u8) -> Option<u8> {
        let next = (self.world.member(member).tenant + 1) % self.world.tenants.len().max(1);
        self.deployment_where(|deployment| deployment.tenant == next)
    }

    /// A deployment of a member's tenant.
    pub(super) fn home_of(&mut self, member: u8) -> Option<u8> {
        let tenant = self.world.member(member).tenant;
        self.deployment_where(|deployment| deployment.tenant == tenant)
    }

    pub(super) fn own(&mut self, deployment: u8) -> u8 {
        self.world.own_member(self.choose, deployment)
    }

    pub(super) fn foreign(&mut self, deployment: u8) -> u8 {
        self.world.foreign_member(self.choose, deployment)
    }

    /// Another member of the same tenant.
    pub(super) fn colleague(&mut self, member: u8) -> Option<u8> {
        let tenant = self.world.member(member).tenant;
        let index = self.world.member_index(member);
        let fitting: Vec<usize> = (0..self.world.members.len())
            .filter(|other| *other != index && self.world.members.get(*other).is_some_and(|m| m.tenant == tenant))
            .collect();
        self.among(&fitting).and_then(|index| u8::try_from(index).ok())
    }

    /// The hosts at which a deployment answers.
    pub(super) fn hosts(&self, deployment: u8) -> Vec<HostOf> {
        let own = self.world.deployment(deployment);
        let legacy = own.legacy.then_some(HostOf::Legacy(deployment));
        let custom = own.domain.is_some().then_some(HostOf::Custom(deployment));
        std::iter::once(HostOf::Single(deployment)).chain(legacy).chain(custom).collect()
    }

    /// One of the hosts at which a deployment answers.
    pub(super) fn host(&mut self, deployment: u8) -> HostSpec {
        let of = self.among(&self.hosts(deployment)).unwrap_or(HostOf::Single(deployment));
        exactly(of)
    }

    /// A token that is a member's session, not always written as the platform writes it.
    pub(super) fn session(&mut self, member: u8) -> Cookie {
        const VALID: [Alteration; 8] = [
            Alteration::None,
            Alteration::None,
            Alteration::None,
            Alteration::None,
            Alteration::SecondKey,
            Alteration::NoType,
            Alteration::ExtraClaim,
            Alteration::ExpiresNext,
        ];
        let alteration = self.of(&VALID);
        Cookie::session(Token { member, alteration })
    }

    /// A token that claims to be a member's and is no session.
    pub(super) fn forgery(&mut self, member: u8) -> Token {
        let invalid: Vec<Alteration> = Alteration::ALL.iter().copied().filter(|a| !a.is_valid()).collect();
        let alteration = self.among(&invalid).unwrap_or(Alteration::Empty);
        Token { member, alteration }
    }

    // Requests.

    pub(super) fn path(&mut self) -> Path {
        if self.one_in(3) { Path::Root } else { Path::Shared(self.of(&[0, 1, 2])) }
    }

    pub(super) fn body(&mut self, method: Method) -> Body {
        match method {
            Method::Post | Method::Put | Method::Patch => {
                self.of(&[Body::Short, Body::Short, Body::Chunked, Body::Long, Body::None])
            }
            Method::Get
            | Method::Delete
            | Method::Brew
            | Method::Head
            | Method::Options
            | Method::Connect
            | Method::Trace => Body::None,
        }
    }

    /// A member's request to one of a deployment's hosts, with a valid cookie. What the move leaves open is drawn.
    pub(super) fn visit(&mut self, deployment: u8, member: u8) -> Request {
        let request = self.page(deployment, member);
        let method = if self.one_in(2) { Method::Get } else { self.of(&Method::ORDINARY) };
        self.method(request, method)
    }

    /// The same, always GET: for answers that depend on the method.
    pub(super) fn page(&mut self, deployment: u8, member: u8) -> Request {
        let headers = if self.one_in(4) {
            vec![self.of(&[Header::App(0), Header::App(1), Header::Authorization])]
        } else {
            Vec::new()
        };
        Request {
            transport: self.of(&Transport::ALL),
            host: self.host(deployment),
            path: self.path(),
            accept_html: self.one_in(2),
            headers,
            ..Request::as_member(deployment, member)
        }
    }

    /// A visit without any cookie.
    pub(super) fn anonymous(&mut self, deployment: u8) -> Request {
        let sender = self.foreign(deployment);
        Request { cookies: CookieJar::empty(), ..self.visit(deployment, sender) }
    }

    /// With another method, and a body that fits it.
    pub(super) fn method(&mut self, request: Request, method: Method) -> Request {
        let body = self.body(method);
        Request { method, body, ..request }
    }

    /// With a body that any method of uploads can carry.
    pub(super) fn upload<const N: usize>(&mut self, request: Request, bodies: &[Body; N]) -> Request {
        Request { method: self.of(&[Method::Post, Method::Put, Method::Patch]), body: self.of(bodies), ..request }
    }

    /// Over one of these transports.
    pub(super) fn over<const N: usize>(&mut self, request: Request, transports: &[Transport; N]) -> Request {
        Request { transport: self.of(transports), ..request }
    }

    /// As a WebSocket handshake.
    pub(super) fn handshake(&mut self, request: Request) -> Request {
        Request { transport: self.of(&HTTP1), method: Method::Get, body: Body::None, upgrade: true, ..request }
    }

    /// A redemption at a host: a GET of the reserved path, with or without the member's session.
    pub(super) fn redemption(&mut self, host: HostSpec, member: u8, code: Code, next: Next) -> Request {
        let cookies = if self.one_in(3) { CookieJar::valid(member) } else { CookieJar::empty() };
        Request { host, cookies, path: Path::Session { code, next }, ..self.page(0, member) }
    }

    // Actions.

    pub(super) fn push(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// The request must already be one that its transport can carry, or the move would lose what makes it one.
    pub(super) fn send(&mut self, request: Request) {
        let request = canonical(request);
        self.push(Action::Request(request));
    }

    /// Two requests at once, each of them already as [`generate::race`] leaves it.
    pub(super) fn race(&mut self, first: Request, second: Request) {
        let action = generate::race(first.clone(), second.clone());
        debug_assert_eq!(action, Action::Race { first, second }, "a race would lose a part of itself");
        self.push(action);
    }

    /// Two requests in one write, each of them already as [`generate::malformed`] leaves it.
    pub(super) fn malformed(&mut self, request: Request, defect: Defect, follow_up: Request) {
        let action = generate::malformed(request.clone(), defect, follow_up.clone());
        let meant = Action::Malformed { request, defect, follow_up };
        debug_assert_eq!(action, meant, "a broken request would lose a part of itself");
        self.push(action);
    }

    pub(super) fn control(&mut self, control: Control) {
        self.push(Action::Control(control));
    }

    /// Lets one of these numbers of seconds pass.
    pub(super) fn pass<const N: usize>(&mut self, seconds: &[u32; N]) {
        let seconds = self.of(seconds);
        self.push(Action::Advance { seconds });
    }

    pub(super) fn status(&mut self, deployment: u8, status: Status) {
        self.control(Control::SetStatus { deployment, status });
    }

    /// Has the deployment ask for sign-in, or not.
    pub(super) fn flag(&mut self, deployment: u8, on: bool) {
        if self.world.deployment(deployment).vendo_auth != on {
            self.control(Control::SetVendoAuth { deployment, on });
        }
    }

    /// Leaves the flag as it is, or turns it.
    pub(super) fn any_flag(&mut self, deployment: u8) {
        if self.one_in(3) {
            let on = !self.world.deployment(deployment).vendo_auth;
            self.control(Control::SetVendoAuth { deployment, on });
        }
    }

    /// Has the dashboard give a member a code: the first of the case is `Code::Issued(0)`.
    pub(super) fn mint(&mut self, member: u8, host: HostSpec) {
        self.control(Control::SignInCode { member, host });
    }

    /// Sends a broken request of a deployment's owner. What follows at once would be served if it were executed.
    pub(super) fn broken(&mut self, defect: Defect) {
        let at = self.deployment();
        let transport = self.of(&HTTP1);
        // Over TLS another host would be refused for its own sake.
        let next = if transport.is_tls() { at } else { self.deployment() };
        let (owner, next_owner) = (self.world.owner_of(at), self.world.owner_of(next));
        let request = Request { transport, ..self.page(at, owner) };
        let request = if has_body(defect) || self.one_in(2) {
            Request { method: Method::Post, body: Body::Short, ..request }
        } else {
            request
        };
        let follow_up = Request { transport, ..self.page(next, next_owner) };
        let follow_up = Request { host: if transport.is_tls() { request.host } else { follow_up.host }, ..follow_up };
        self.malformed(request, defect, follow_up);
    }
}

/// A host, spelled plainly.
pub(super) const fn exactly(of: HostOf) -> HostSpec {
    HostSpec { of, spelling: Spelling::Exact }
}

/// With these headers besides.
pub(super) fn with_headers(mut request: Request, headers: impl IntoIterator<Item = Header>) -> Request {
    request.headers.extend(headers);
    request
}

/// With this answer of the container.
pub(super) fn answered(request: Request, reply: Reply) -> Request {
    Request { reply, ..request }
}

fn canonical(request: Request) -> Request {
    let canonical = request.clone().canonical();
    debug_assert_eq!(canonical, request, "a move would lose a part of itself");
    canonical
}

/// Whether the defect lies in a body or in what announces one.
const fn has_body(defect: Defect) -> bool {
    match defect {
        Defect::LengthThenChunked
        | Defect::ChunkedThenLength
        | Defect::TwoLengths
        | Defect::SameLengthTwice
        | Defect::LengthList
        | Defect::LengthPlus
        | Defect::LengthNegative
        | Defect::LengthHex
        | Defect::LengthHuge
        | Defect::LengthLetters
        | Defect::CodingIdentity
        | Defect::CodingUnknown
        | Defect::CodingChunkedNotLast
        | Defect::CodingTwice
        | Defect::CodingVerticalTab
        | Defect::CodingInVersion10
        | Defect::ChunkOverflow
        | Defect::ChunkNegative
        | Defect::ChunkLetters
        | Defect::ChunkTooLong
        | Defect::ChunkUnterminated
        | Defect::ChunkExtension
        | Defect::LengthTooLong
        | Defect::LengthTooShort => true,
        Defect::None
        | Defect::BareLf
        | Defect::BareCr
        | Defect::ObsFold
        | Defect::Nul
        | Defect::LeadingSpace
        | Defect::SpaceBeforeColon
        | Defect::SpaceInName
        | Defect::NoName
        | Defect::NoColon
        | Defect::ExtraPart
        | Defect::SpaceInTarget
        | Defect::TargetAt
        | Defect::BadVersion
        | Defect::BadMethod
        | Defect::ManyHeaders
        | Defect::HugeHeader => false,
    }
}
