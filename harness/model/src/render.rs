//! Actions as bytes: what a client sends, and what a container is told to answer.
//!
//! Every target gets its bytes from here, so a case means the same in process, over sockets and against a live
//! deployment.

use percent::encode_component;

use crate::action::cookie::{Cookie, CookieJar, Token};
use crate::action::framing::Defect;
use crate::action::header::Header;
use crate::action::host::{HostLayout, HostSpec, Sni, Spelling};
use crate::action::path::{Next, OddPath, Path};
use crate::action::reply::{DomainAttribute, ReplyHeader, ReplyKind};
use crate::action::{Body, Method, Request, Transport};
use crate::observation::Fields;
use crate::state::State;
use crate::token;
use crate::world::{World, single_host};

pub mod edge;
mod malformed;
pub(crate) mod percent;

pub use malformed::malformed;

/// A request, ready to be sent.
#[derive(Debug, Clone)]
pub struct Wire {
    /// Which protocol carries it.
    pub transport: Transport,
    /// On the connection that is open already, if one is.
    pub reuse: bool,
    /// Server name of the handshake; `None` sends none.
    pub sni: Option<String>,
    /// The method.
    pub method: &'static str,
    /// HTTP/1.1: the request target. HTTP/2: `:path`.
    pub target: Vec<u8>,
    /// HTTP/2: `:authority`.
    pub authority: Vec<u8>,
    /// Whether it is HTTP/1.0.
    pub version10: bool,
    /// The headers in their order, `Host` among them, but for those of the framing.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: WireBody,
    /// Whether a WebSocket is asked for.
    pub upgrade: bool,
    /// Whether an ordinary client library sends it unchanged.
    pub ordinary: bool,
    /// The host an ordinary client library is given.
    pub library_host: String,
}

/// A body and its framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireBody {
    /// None.
    None,
    /// With its length.
    Length(Vec<u8>),
    /// In chunks, with trailers.
    Chunked(Vec<Vec<u8>>, Vec<(String, Vec<u8>)>),
}

impl WireBody {
    /// The body without its framing.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Length(bytes) => bytes.clone(),
            Self::Chunked(chunks, _) => chunks.concat(),
        }
    }
}

/// What a container is told to do with the next request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// Answer well.
    Response {
        /// The status.
        status: u16,
        /// The headers, but for those of the framing.
        headers: Vec<(String, Vec<u8>)>,
        /// The body.
        chunks: Vec<Vec<u8>>,
        /// Chunked, or with a length.
        chunked: bool,
        /// Trailers of a chunked body.
        trailers: Vec<(String, Vec<u8>)>,
    },
    /// Answer with the request as it came.
    Echo,
    /// Send these bytes.
    Raw {
        /// Verbatim.
        bytes: Vec<u8>,
        /// Close afterwards.
        close: bool,
    },
    /// Complete a WebSocket handshake and send everything back.
    Upgrade {
        /// The headers of the 101, but for those of the handshake.
        headers: Vec<(String, Vec<u8>)>,
    },
}

/// The request as it is sent in this state.
#[must_use]
pub fn wire(world: &World, state: &State, request: &Request) -> Wire {
    let sender = world.member(request.sender);
    let mark = &sender.request_canary.text;
    let path = path_text(world, state, request.path);
    let host = request.host.text(world);
    let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
    let mut field = |name: &str, value: Vec<u8>| headers.push((name.to_owned(), value));

    let mut target = path.clone();
    let absolute = |scheme: &str, authority: &[u8]| [scheme.as_bytes(), b"://", authority, &path].concat();
    let mut authority = host.clone();
    let http2 = request.transport.is_http2();
    match request.layout {
        HostLayout::Host | HostLayout::Version10 => {
            if !http2 {
                field("Host", host.clone());
            }
        }
        HostLayout::Absolute => {
            target = absolute("http", &host);
            field("Host", host.clone());
        }
        HostLayout::AbsoluteOther(other) => {
            target = absolute("http", &other.text(world));
            field("Host", host.clone());
        }
        HostLayout::AbsoluteUserInfo => {
            target = absolute("http", &[b"user@".as_slice(), &host].concat());
            field("Host", host.clone());
        }
        HostLayout::AbsoluteScheme => {
            target = absolute("ftp", &host);
            field("Host", host.clone());
        }
        HostLayout::AbsoluteAlone => target = absolute("http", &host),
        HostLayout::Twice | HostLayout::Version10Twice => {
            field("Host", host.clone());
            field("Host", host.clone());
        }
        HostLayout::ThenOther(other) => {
            field("Host", host.clone());
            field("Host", other.text(world));
        }
        HostLayout::Missing | HostLayout::Version10Missing => {}
        HostLayout::Empty => field("Host", Vec::new()),
        HostLayout::AuthorityAndHost => field("host", host.clone()),
        HostLayout::AuthorityAndOther(other) => field("host", other.text(world)),
        HostLayout::AuthorityUserInfo => authority = [b"user@".as_slice(), &host].concat(),
    }
    if request.method == Method::Connect {
        target = [host.as_slice(), b":443"].concat();
    }

    for value in cookie_fields(world, state, &request.cookies) {
        field("Cookie", value);
    }
    field("Accept", accept(request).to_vec());
    for header in &request.headers {
        for own in header.fields(world, mark) {
            field(&own.name, own.value);
        }
    }
    if request.upgrade {
        for (name, value) in UPGRADE {
            field(name, value.as_bytes().to_vec());
        }
    }
    let body = body(world, request);
    if body != WireBody::None {
        field("Content-Type", content_type(request.body).to_vec());
    }
    if http2 {
        for (name, _) in &mut headers {
            name.make_ascii_lowercase();
        }
    }
    Wire {
        transport: request.transport,
        reuse: request.reuse,
        sni: sni(world, request),
        method: request.method.as_str(),
        target,
        authority,
        version10: request.layout.is_version10(),
        ordinary: is_ordinary(request),
        headers,
        body,
        upgrade: request.upgrade,
        library_host: request.host.of.text(world),
    }
}

/// The headers that ask for a WebSocket.
pub const UPGRADE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// The value of `Accept`.
#[must_use]
pub fn accept(request: &Request) -> &'static [u8] {
    if request.accept_html { b"text/html,application/xhtml+xml;q=0.9" } else { b"*/*" }
}

/// The value of `Content-Type` that a body is sent with.
#[must_use]
pub fn content_type(body: Body) -> &'static [u8] {
    match body {
        Body::NamesVictim => b"application/json",
        Body::None | Body::Short | Body::Chunked | Body::ChunkedWithTrailers | Body::Long => b"text/plain",
    }
}

/// Path and query as they are written.
#[must_use]
pub fn path_text(world: &World, state: &State, path: Path) -> Vec<u8> {
    let text = match path {
        Path::Root => "/".to_owned(),
        Path::Shared(n) => format!("/shared/{n}?q={n}"),
        Path::Odd(odd) => odd.text().to_owned(),
        Path::NamesTenantOf(deployment) => {
            let id = &world.tenant(world.deployment(deployment).tenant).id;
            format!("/?tenant_id={id}&tenant={id}")
        }
        Path::SessionInQuery(member) => {
            let token = token::text(world, Token::valid(member), state.now_s);
            format!("/?vendoAuth={}", String::from_utf8_lossy(&token))
        }
        Path::Asterisk => "*".to_owned(),
        Path::Session { code, next } => session_path(state.code_text(code), next),
        Path::Reserved(spelling) => spelling.text().to_owned(),
    };
    text.into_bytes()
}

/// The values of the `Cookie` fields.
#[must_use]
pub fn cookie_fields(world: &World, state: &State, jar: &CookieJar) -> Vec<Vec<u8>> {
    let pairs: Vec<Vec<u8>> = jar.cookies.iter().map(|cookie| cookie_text(world, state, *cookie)).collect();
    if jar.split || pairs.is_empty() {
        return pairs;
    }
    vec![pairs.join(if jar.tight { b";".as_slice() } else { b"; " })]
}

/// One cookie as it is written.
#[must_use]
pub fn cookie_text(world: &World, state: &State, cookie: Cookie) -> Vec<u8> {
    match cookie {
        Cookie::Session { token, writing } => token::written(&token::text(world, token, state.now_s), writing),
        Cookie::App(n) => format!("theme{n}=dark{n}").into_bytes(),
        Cookie::Dashboard => b"__Host-vendo_session=sess_0123456789abcdef".to_vec(),
        Cookie::BareName => b"vendoAuth".to_vec(),
        Cookie::Many => many_cookies().into_bytes(),
    }
}

/// Thirty cookies of the application's own, as [`Cookie::Many`] writes them.
#[must_use]
pub fn many_cookies() -> String {
    (0..30).map(|n| format!("pref{n}={n}")).collect::<Vec<_>>().join("; ")
}

/// What the container that the request should reach is told to answer. `own_host` is the plain host that was asked.
#[must_use]
pub fn script(world: &World, deployment: usize, own_host: &str, request: &Request) -> Script {
    let Some(own) = world.deployments.get(deployment) else {
        return Script::Echo;
    };
    let page = page(&own.page_canary.text);
    let base = base_headers(&own.header_canary.text);
    let mut headers = base.clone();
    if request.reply.kind.has_headers() {
        headers.extend(request.reply.headers.iter().flat_map(|header| reply_header(world, own_host, *header)));
    }
    if request.upgrade && request.reply.kind != ReplyKind::Error {
        return Script::Upgrade { headers };
    }
    let cache = [
        ("Cache-Control", "public, max-age=86400, s-maxage=86400"),
        ("ETag", "\"v1\""),
        ("CDN-Cache-Control", "max-age=86400"),
    ]
    .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let response = |status, headers: Vec<(String, Vec<u8>)>, chunks: Vec<Vec<u8>>, chunked| Script::Response {
        status,
        headers,
        chunks,
        chunked,
        trailers: Vec::new(),
    };
    let whole = |status, headers: Vec<(String, Vec<u8>)>, body: Vec<u8>| {
        if request.method == Method::Head {
            // A head alone, so that the framing is right whatever the container knows of HEAD.
            Script::Raw { bytes: head(status, &headers, &[("Content-Length", &body.len().to_string())]), close: false }
        } else {
            response(status, headers, vec![body], false)
        }
    };
    let raw = |bytes: Vec<u8>, close| Script::Raw { bytes, close };
    let with_length = |length: usize, body: &[u8]| {
        [head(200, &base, &[("Content-Length", &length.to_string())]), body.to_vec()].concat()
    };
    match request.reply.kind {
        ReplyKind::Page => whole(200, headers, page),
        ReplyKind::Chunked => response(200, headers, cut(&page), true),
        ReplyKind::Trailers => Script::Response {
            status: 200,
            headers,
            chunks: cut(&page),
            chunked: true,
            trailers: vec![
                ("Set-Cookie".to_owned(), b"vendoAuth=planted; Domain=vendo.run".to_vec()),
                ("X-Vendo-Role".to_owned(), b"owner".to_vec()),
            ],
        },
        ReplyKind::Echo => Script::Echo,
        ReplyKind::Cacheable => {
            headers.extend(cache);
            whole(200, headers, page)
        }
        ReplyKind::NotFound => {
            headers.extend(cache);
            whole(404, headers, page)
        }
        ReplyKind::Redirect => {
            headers.push(("Location".to_owned(), b"https://elsewhere.example/".to_vec()));
            whole(302, headers, page)
        }
        ReplyKind::Error => whole(500, headers, page),
        ReplyKind::NoContent => raw(head(204, &headers, &[]), false),
        ReplyKind::NotModified => raw(head(304, &base, &[("ETag", "\"v1\"")]), false),
        ReplyKind::Interim => {
            let early = head(103, &headers, &[("Link", "</x>"), ("X-Vendo-Role", "owner")]);
            raw([early, with_length(page.len(), &page)].concat(), false)
        }
        ReplyKind::Continue => raw([head(100, &[], &[]), with_length(page.len(), &page)].concat(), false),
        ReplyKind::Dies => raw(with_length(page.len() + 100, &page), true),
        ReplyKind::DiesChunked => {
            raw([chunked_head(&base), format!("{:x}\r\n", page.len() + 100).into_bytes(), page].concat(), true)
        }
        ReplyKind::BadChunk => {
            let chunk = [format!("{:x}\r\n", page.len()).into_bytes(), page, b"\r\nzz\r\n".to_vec()].concat();
            raw([chunked_head(&base), chunk].concat(), true)
        }
        ReplyKind::TwoAnswers => raw([with_length(page.len(), &page), with_length(6, b"poison")].concat(), false),
        ReplyKind::ExtraBytes => raw([with_length(page.len(), &page), b"\r\npoison".to_vec()].concat(), false),
        ReplyKind::ConflictingLengths => {
            let conflict = [("Content-Length", "3"), ("Transfer-Encoding", "chunked")];
            let chunk = [format!("{:x}\r\n", page.len()).into_bytes(), page, b"\r\n0\r\n\r\n".to_vec()].concat();
            raw([head(200, &base, &conflict), chunk].concat(), true)
        }
        ReplyKind::DifferingLengths => {
            let length = page.len().to_string();
            raw([head(200, &base, &[("Content-Length", &length), ("Content-Length", "3")]), page].concat(), true)
        }
        ReplyKind::Unasked101 => raw(head(101, &base, &[("Connection", "Upgrade"), ("Upgrade", "websocket")]), true),
        ReplyKind::Garbage => raw(b"\x16\x03\x01\x02\x00 not http at all\r\n\r\n".to_vec(), true),
        ReplyKind::ClosesAtOnce => raw(Vec::new(), true),
        ReplyKind::BodyAfterHead => raw([with_length(page.len(), &page), with_length(6, b"poison")].concat(), false),
        ReplyKind::BodyAfterNoContent => {
            raw([head(204, &base, &[("Content-Length", "6")]), b"poison".to_vec()].concat(), false)
        }
        ReplyKind::ClosesAfter => raw(with_length(page.len(), &page), true),
    }
}

/// A container's page.
#[must_use]
pub fn page(canary: &str) -> Vec<u8> {
    format!("<!doctype html><title>app</title><p>{canary}</p>").into_bytes()
}

/// Headers that every answer of a container carries.
#[must_use]
pub fn base_headers(canary: &str) -> Vec<(String, Vec<u8>)> {
    vec![
        ("Content-Type".to_owned(), b"text/html; charset=utf-8".to_vec()),
        ("X-App-Mark".to_owned(), canary.as_bytes().to_vec()),
    ]
}

/// One header of a reply as it is written; a nominated one brings its `Connection`.
#[must_use]
pub fn reply_header(world: &World, own_host: &str, header: ReplyHeader) -> Vec<(String, Vec<u8>)> {
    let one = |name: &str, value: &str| vec![(name.to_owned(), value.as_bytes().to_vec())];
    match header {
        ReplyHeader::SetCookie { name, domain } => {
            let sibling = sibling_host(world, domain);
            one("Set-Cookie", &format!("{}{}; Path=/", name.pair(), domain.text(own_host, &sibling)))
        }
        ReplyHeader::SetCookieUpper => one("SET-COOKIE", "vendoAuth=planted; Path=/"),
        ReplyHeader::SetCookie2 => one("Set-Cookie2", "vendoAuth=planted; Version=1"),
        ReplyHeader::Vendo { field, spelling } => one(&spelling.spell(field.name()), "planted"),
        ReplyHeader::KeepAlive => one("Keep-Alive", "timeout=5"),
        ReplyHeader::Nominated => [one("Connection", "x-internal"), one("X-Internal", "secret-of-the-hop")].concat(),
        ReplyHeader::App(n) => one(&format!("X-Answer-{}", n % 3), "kept"),
    }
}

/// The host a `Domain` attribute names, where it names a deployment's.
#[must_use]
pub fn sibling_host(world: &World, domain: DomainAttribute) -> String {
    if let DomainAttribute::Sibling(deployment) = domain {
        HostSpec::of(deployment).of.text(world)
    } else {
        String::new()
    }
}

/// The fields of a list with names in lower case.
#[must_use]
pub fn lower(fields: &[(String, Vec<u8>)]) -> Fields {
    fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect()
}

fn session_path(code: Option<String>, next: Next) -> String {
    let mut query = Vec::new();
    if let Some(code) = code {
        query.push(format!("code={code}"));
    }
    if let Some(next) = next.text() {
        query.push(format!("next={}", encode_component(next.as_bytes())));
    }
    if query.is_empty() { "/.vendo/session".to_owned() } else { format!("/.vendo/session?{}", query.join("&")) }
}

fn body(world: &World, request: &Request) -> WireBody {
    let mark = world.member(request.sender).request_canary.text.as_bytes().to_vec();
    let trailers = |lower: bool| {
        let spelled = |name: &str| if lower { name.to_ascii_lowercase() } else { name.to_owned() };
        vec![
            (
                spelled("X-Vendo-Tenant-Id"),
                world.tenant(world.member(request.sender).tenant + 1).id.as_bytes().to_vec(),
            ),
            (spelled("Cookie"), b"vendoAuth=planted".to_vec()),
        ]
    };
    match request.body {
        Body::None => WireBody::None,
        Body::Short => WireBody::Length(mark),
        Body::Chunked => WireBody::Chunked(cut(&mark), Vec::new()),
        Body::ChunkedWithTrailers => WireBody::Chunked(cut(&mark), trailers(request.transport.is_http2())),
        // The mark at both ends, and between them what looks like nothing at all to a scanner.
        Body::Long => WireBody::Length([mark.as_slice(), &b" and so on".repeat(6500), b" ", &mark].concat()),
        Body::NamesVictim => {
            let tenant = &world.tenant(world.member(request.sender).tenant + 1);
            WireBody::Length(format!("{{\"tenant_id\":\"{}\",\"tenant\":\"{}\"}}", tenant.id, tenant.slug).into_bytes())
        }
    }
}

/// The server name of the handshake; `None` for a request that has none, or sends none.
#[must_use]
pub fn sni(world: &World, request: &Request) -> Option<String> {
    if !request.transport.is_tls() {
        return None;
    }
    match request.sni {
        Sni::Same => Some(request.host.meaning(world).unwrap_or_else(|| single_host("ghost-crm"))),
        Sni::Missing => None,
        Sni::Of(deployment) => Some(HostSpec::of(deployment).of.text(world)),
    }
}

fn is_ordinary(request: &Request) -> bool {
    let plain_path = match request.path {
        Path::Root | Path::Shared(_) | Path::NamesTenantOf(_) | Path::SessionInQuery(_) | Path::Session { .. } => true,
        Path::Odd(odd) => matches!(odd, OddPath::NearReserved | OddPath::LongerReserved),
        Path::Asterisk | Path::Reserved(_) => false,
    };
    plain_path
        && !request.reuse
        && !request.upgrade
        && request.layout == HostLayout::Host
        && request.host.of.is_dns_name()
        && request.host.spelling == Spelling::Exact
        && request.sni == Sni::Same
        && !matches!(request.body, Body::ChunkedWithTrailers | Body::Chunked)
        && !matches!(request.method, Method::Connect | Method::Trace)
        && request.headers.iter().all(|header| header.fits_http2() && *header != Header::Expect)
}

pub(crate) fn cut(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (first, rest) = bytes.split_at_checked(5).unwrap_or((bytes, &[]));
    let (second, third) = rest.split_at_checked(rest.len() / 2).unwrap_or((rest, &[]));
    [first, second, third].into_iter().filter(|part| !part.is_empty()).map(<[u8]>::to_vec).collect()
}

fn head(status: u16, headers: &[(String, Vec<u8>)], more: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status} Scripted\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    for (name, value) in more {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn chunked_head(headers: &[(String, Vec<u8>)]) -> Vec<u8> {
    head(200, headers, &[("Transfer-Encoding", "chunked")])
}

/// The bytes of a well-framed HTTP/1.1 request.
#[must_use]
pub fn http1(wire: &Wire) -> Vec<u8> {
    http1_with(wire, Defect::None)
}

fn http1_with(wire: &Wire, defect: Defect) -> Vec<u8> {
    malformed::bytes(wire, defect)
}
