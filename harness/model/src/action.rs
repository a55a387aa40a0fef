//! The one vocabulary of all explorers: what a principal, a tenant's hostile container or the control plane can do.
//!
//! An action names things by index and says *how* a thing is spelled by a named variant, never by free text. So every
//! action means something in every world, a fuzzer's bytes are always a valid case, and the oracle knows what each
//! spelling stands for without parsing it.

pub mod cookie;
pub mod edge;
pub mod framing;
pub mod header;
pub mod host;
pub mod path;
pub mod reply;

use serde::{Deserialize, Serialize};

use cookie::CookieJar;
use edge::{EdgeCall, EdgeControl, VaultTry};
use framing::Defect;
use header::Header;
use host::{HostLayout, HostSpec, Sni};
use path::Path;
use reply::Reply;

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// One request to the app-proxy.
    Request(Request),
    /// Two requests at once: the first one's container holds its answer until the second has been answered.
    Race {
        /// Sent first, answered last.
        first: Request,
        /// Sent while the first is under way.
        second: Request,
    },
    /// A request whose framing is broken, and one that follows on the same connection.
    Malformed {
        /// What would be a good request.
        request: Request,
        /// What is wrong with it.
        defect: Defect,
        /// The bytes that follow at once.
        follow_up: Request,
    },
    /// What a tenant's owner or the platform's operator changes.
    Control(Control),
    /// Time passes.
    Advance {
        /// Seconds: a month is more than a million of them.
        seconds: u32,
    },
    /// A KV key is made from an identifier.
    KvKey {
        /// Of which kind.
        kind: KvKind,
        /// From what.
        identifier: Identifier,
    },
    /// One request to a worker of the edge.
    Edge(Box<EdgeCall>),
    /// Two to four requests to workers of the edge at once.
    Together(Vec<EdgeCall>),
    /// A request to a worker of the edge, and a change while its upstream, the broker or the container holds its answer
    /// back. Where it reaches none of them, the change comes behind it.
    During {
        /// The request.
        call: Box<EdgeCall>,
        /// The change.
        control: EdgeControl,
    },
    /// What operators change at the edge.
    EdgeControl(EdgeControl),
    /// An attempt on sealed values.
    Vault(VaultTry),
}

impl Action {
    /// One request to a worker of the edge, as it can be carried.
    #[must_use]
    pub fn edge(call: EdgeCall) -> Self {
        Self::Edge(Box::new(call.canonical()))
    }

    /// Several requests at once, as they can be carried; the first four of them.
    #[must_use]
    pub fn together(calls: impl IntoIterator<Item = EdgeCall>) -> Self {
        Self::Together(calls.into_iter().take(4).map(EdgeCall::together).collect())
    }

    /// A request and a change while it is under way, as it can be carried.
    #[must_use]
    pub fn during(call: EdgeCall, control: EdgeControl) -> Self {
        Self::During { call: Box::new(call.together()), control }
    }
}

/// A request to the app-proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Who sends it; his request canary marks it. Says nothing of the cookies that are sent.
    pub sender: u8,
    /// Which protocol carries it.
    pub transport: Transport,
    /// On the connection that the latest request over this transport left open, if it did.
    pub reuse: bool,
    /// The method.
    pub method: Method,
    /// The host that is asked for.
    pub host: HostSpec,
    /// How the host is carried: `Host`, `:authority`, absolute form.
    pub layout: HostLayout,
    /// The server name of the TLS handshake.
    pub sni: Sni,
    /// The path and query.
    pub path: Path,
    /// The cookies.
    pub cookies: CookieJar,
    /// Other headers.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Body,
    /// Asks for a WebSocket.
    pub upgrade: bool,
    /// `Accept: text/html`, as a browser's navigation says.
    pub accept_html: bool,
    /// How the container answers, should the request reach one.
    pub reply: Reply,
}

impl Request {
    /// A plain `GET /` of a deployment's own host without a cookie: what shrinking tends to.
    #[must_use]
    pub fn plain(deployment: u8) -> Self {
        Self {
            sender: 0,
            transport: Transport::Http1,
            reuse: false,
            method: Method::Get,
            host: HostSpec::of(deployment),
            layout: HostLayout::Host,
            sni: Sni::Same,
            path: Path::Root,
            cookies: CookieJar::empty(),
            headers: Vec::new(),
            body: Body::None,
            upgrade: false,
            accept_html: false,
            reply: Reply::page(),
        }
    }

    /// The same with a valid cookie of a member, who is also the sender.
    #[must_use]
    pub fn as_member(deployment: u8, member: u8) -> Self {
        Self { sender: member, cookies: CookieJar::valid(member), ..Self::plain(deployment) }
    }

    /// Takes out what this transport can't carry, so that the bytes that are sent mean what the fields say.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        self.host = self.host.canonical();
        self.layout = self.layout.canonical();
        if self.transport.is_http2() {
            self.upgrade = false;
            self.headers.retain(Header::fits_http2);
            self.layout = self.layout.in_http2();
            if !self.host.spelling.fits_authority() {
                self.layout = HostLayout::Host;
                self.transport = self.transport.as_http1();
            }
        } else {
            self.layout = self.layout.in_http1().canonical();
        }
        if !self.transport.is_tls() {
            self.sni = Sni::Same;
        }
        if self.transport.is_http2() && self.path == Path::Asterisk {
            self.path = Path::Root;
        }
        if self.upgrade {
            self.headers.retain(Header::fits_upgrade);
            self.layout = self.layout.in_version11();
            if matches!(self.path, Path::Session { .. }) {
                self.path = Path::Root;
            }
            self.method = Method::Get;
            self.body = Body::None;
            self.reply = self.reply.for_upgrade();
        }
        if self.layout.is_version10() && matches!(self.body, Body::Chunked | Body::ChunkedWithTrailers) {
            self.body = Body::Short;
        }
        if !self.method.may_carry_body() {
            self.body = Body::None;
        }
        if self.method == Method::Connect {
            // CONNECT has a target of its own form, and no client library sends one over HTTP/2 by accident.
            self.transport = self.transport.as_http1();
            self.layout = HostLayout::Host;
        }
        self.reply = self.reply.for_method(self.method);
        self
    }
}

/// Which protocol carries a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// HTTP/1.1 in the clear.
    Http1,
    /// HTTP/2 in the clear, with prior knowledge.
    Http2,
    /// HTTP/1.1 over TLS.
    Http1Tls,
    /// HTTP/2 over TLS.
    Http2Tls,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Http1, Self::Http2, Self::Http1Tls, Self::Http2Tls];

    /// Whether requests are HTTP/2 streams.
    #[must_use]
    pub const fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::Http2Tls)
    }

    /// Whether there is a TLS handshake.
    #[must_use]
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Http1Tls | Self::Http2Tls)
    }

    /// The HTTP/1.1 transport with the same security.
    #[must_use]
    pub const fn as_http1(self) -> Self {
        if self.is_tls() { Self::Http1Tls } else { Self::Http1 }
    }
}

/// A request method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
    /// A method nobody registered.
    Brew,
    /// CONNECT
    Connect,
    /// TRACE
    Trace,
}

impl Method {
    /// The methods a proxy passes on.
    pub const ORDINARY: [Self; 8] =
        [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options, Self::Brew];

    /// On the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Brew => "BREW",
            Self::Connect => "CONNECT",
            Self::Trace => "TRACE",
        }
    }

    /// Whether a body is ordinary with it.
    #[must_use]
    pub const fn may_carry_body(self) -> bool {
        matches!(self, Self::Get | Self::Post | Self::Put | Self::Patch | Self::Delete | Self::Brew)
    }
}

/// A request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// None.
    None,
    /// The sender's canary, its length declared.
    Short,
    /// The sender's canary in chunks that cut it.
    Chunked,
    /// As chunked, with trailers that name a tenant.
    ChunkedWithTrailers,
    /// More than one buffer holds.
    Long,
    /// A form and a JSON object that name the next tenant.
    NamesVictim,
}

/// A change that isn't a request to the app-proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// Sets a deployment's status.
    SetStatus {
        /// Which deployment.
        deployment: u8,
        /// To what.
        status: Status,
    },
    /// Turns a deployment's `vendoAuth` flag on or off.
    SetVendoAuth {
        /// Which deployment.
        deployment: u8,
        /// On or off.
        on: bool,
    },
    /// Gives a deployment another slug.
    Rename {
        /// Which deployment.
        deployment: u8,
        /// One of [`RENAMES`], modulo its length.
        slug: u8,
    },
    /// Takes a deployment down for good.
    Teardown {
        /// Which deployment.
        deployment: u8,
    },
    /// Claims a custom domain.
    ClaimDomain {
        /// For which deployment.
        deployment: u8,
        /// Which domain.
        domain: Domain,
    },
    /// Gives a custom domain up.
    ReleaseDomain {
        /// Of which deployment.
        deployment: u8,
        /// Which domain.
        domain: Domain,
    },
    /// The dashboard gives a member a sign-in code for a host.
    SignInCode {
        /// To whom.
        member: u8,
        /// For which host.
        host: HostSpec,
    },
}

/// The slugs a rename can choose. The first three are those that worlds begin with.
pub const RENAMES: [&str; 5] = ["crm", "app", "crm2", "crn", "ap"];

/// A custom domain to claim or to release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// `portal{n}.example`, nobody's at the start.
    Fresh(u8),
    /// The single-level host of a deployment.
    PlatformHost(u8),
    /// The legacy host of a deployment, which it may not have.
    LegacyHost(u8),
    /// A name below the single-level host of a deployment.
    DeepHost(u8),
    /// The single-level host of a deployment in upper case, with a trailing dot.
    SpelledHost(u8),
    /// The single-level label alone, without a dot.
    Label(u8),
    /// The domain that a deployment has from the start.
    DomainOf(u8),
    /// A loopback address.
    IpLiteral,
    /// `deploy:{label}`.
    WholeKey(u8),
    /// With a wildcard.
    Wildcard,
    /// With a space.
    Space,
    /// With a path.
    Slash,
    /// Nothing at all.
    Empty,
    /// The platform's own domain.
    Platform,
}

/// A deployment's status, as the platform spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Serves.
    Running,
    /// On the way down.
    Suspending,
    /// Down, everything kept.
    Suspended,
    /// On the way up.
    Resuming,
    /// Stuck on the way down.
    SuspendFailed,
    /// Stuck on the way up.
    ResumeFailed,
    /// Gone for good.
    Destroyed,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Running,
        Self::Suspending,
        Self::Suspended,
        Self::Resuming,
        Self::SuspendFailed,
        Self::ResumeFailed,
        Self::Destroyed,
    ];

    /// As the platform spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Suspending => "suspending",
            Self::Suspended => "suspended",
            Self::Resuming => "resuming",
            Self::SuspendFailed => "suspend_failed",
            Self::ResumeFailed => "resume_failed",
            Self::Destroyed => "destroyed",
        }
    }
}

/// The kinds of KV keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KvKind {
    /// `deploy:{label}`
    DeployLabel,
    /// `deploy:{full host}`
    DeployHost,
    /// `key:{hash}`
    Key,
    /// `balance:{tenant id}`
    Balance,
    /// `conn:{connection id}`
    Conn,
}

impl KvKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::DeployLabel, Self::DeployHost, Self::Key, Self::Balance, Self::Conn];

    /// The key of an identifier.
    #[must_use]
    pub fn key(self, identifier: &str) -> String {
        let prefix = match self {
            Self::DeployLabel | Self::DeployHost => "deploy",
            Self::Key => "key",
            Self::Balance => "balance",
            Self::Conn => "conn",
        };
        format!("{prefix}:{identifier}")
    }

    /// As targets spell the kind.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeployLabel => "deploy-label",
            Self::DeployHost => "deploy-host",
            Self::Key => "key",
            Self::Balance => "balance",
            Self::Conn => "conn",
        }
    }
}

/// An identifier that a key is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identifier {
    /// One that is good for the kind.
    Good,
    /// Holds `:`.
    Colon,
    /// A whole key of another kind.
    WholeKey,
    /// `*`
    Star,
    /// Holds `*`.
    StarInside,
    /// Holds `?`.
    Question,
    /// Holds `/`.
    Slash,
    /// Holds a NUL.
    Nul,
    /// Holds CR LF.
    CrLf,
    /// Holds a space.
    Space,
    /// White space behind it, which a lenient check trims.
    TrailingSpace,
    /// Empty.
    Empty,
    /// Longer than any key.
    OverLong,
    /// Holds a letter outside ASCII.
    Unicode,
    /// `..`
    DotSegments,
    /// In upper case: a second spelling of one key.
    UpperCase,
    /// Not of the form that this kind has: a hash that isn't hex, elsewhere with `@`.
    OtherCharacters,
    /// A percent-encoded colon.
    Percent,
    /// A host where a label is due, or a label where a host is due. Only for the two `deploy:` kinds; elsewhere as
    /// [`Self::Colon`].
    OtherForm,
}

impl Identifier {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Good,
        Self::Colon,
        Self::WholeKey,
        Self::Star,
        Self::StarInside,
        Self::Question,
        Self::Slash,
        Self::Nul,
        Self::CrLf,
        Self::Space,
        Self::TrailingSpace,
        Self::Empty,
        Self::OverLong,
        Self::Unicode,
        Self::DotSegments,
        Self::UpperCase,
        Self::OtherCharacters,
        Self::Percent,
        Self::OtherForm,
    ];

    /// Whether a key may be made of it; `None` where the platform may decide either way.
    #[must_use]
    pub const fn is_good(self) -> Option<bool> {
        match self {
            Self::Good => Some(true),
            // A second spelling of one key is refused or kept apart, as ids are compared byte for byte.
            Self::UpperCase => None,
            Self::Colon
            | Self::WholeKey
            | Self::Star
            | Self::StarInside
            | Self::Question
            | Self::Slash
            | Self::Nul
            | Self::CrLf
            | Self::Space
            | Self::TrailingSpace
            | Self::Empty
            | Self::OverLong
            | Self::Unicode
            | Self::DotSegments
            | Self::OtherCharacters
            | Self::Percent
            | Self::OtherForm => Some(false),
        }
    }

    /// The identifier for a key of `kind`.
    #[must_use]
    pub fn text(self, kind: KvKind) -> String {
        let good = match kind {
            KvKind::DeployLabel => "acme-crm".to_owned(),
            KvKind::DeployHost => "crm.acme.vendo.run".to_owned(),
            KvKind::Key => "0123456789abcdef".repeat(4),
            KvKind::Balance => "tnQacme".to_owned(),
            KvKind::Conn => "conn_1".to_owned(),
        };
        match self {
            Self::Good => good,
            Self::Colon => format!("{good}:{good}"),
            Self::WholeKey => match kind {
                KvKind::Balance => "deploy:acme-crm".to_owned(),
                KvKind::DeployLabel | KvKind::DeployHost | KvKind::Key | KvKind::Conn => "balance:tnQacme".to_owned(),
            },
            Self::Star => "*".to_owned(),
            Self::StarInside => format!("{good}*"),
            Self::Question => format!("{good}?"),
            Self::Slash => format!("{good}/{good}"),
            Self::Nul => format!("{good}\0"),
            Self::CrLf => format!("{good}\r\nx"),
            Self::Space => format!("{good} x"),
            Self::TrailingSpace => format!("{good} "),
            Self::Empty => String::new(),
            Self::OverLong => "a".repeat(1024),
            Self::Unicode => format!("{good}\u{e9}"),
            Self::DotSegments => "..".to_owned(),
            Self::UpperCase => good.to_ascii_uppercase(),
            Self::OtherCharacters => match kind {
                KvKind::Key => "z".repeat(64),
                KvKind::DeployLabel | KvKind::DeployHost | KvKind::Balance | KvKind::Conn => format!("{good}@"),
            },
            Self::Percent => format!("{good}%3abalance"),
            Self::OtherForm => match kind {
                KvKind::DeployLabel => "crm.acme.vendo.run".to_owned(),
                KvKind::DeployHost => "acme-crm".to_owned(),
                KvKind::Key | KvKind::Balance | KvKind::Conn => format!(":{good}"),
            },
        }
    }
}
