//! How a tenant's container answers: the page, or something hostile.

use serde::{Deserialize, Serialize};

use super::Method;
use super::header::{NameSpelling, VendoField};

/// A container's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// What it sends.
    pub kind: ReplyKind,
    /// Headers it adds. Only [`ReplyKind::has_headers`] kinds carry them.
    pub headers: Vec<ReplyHeader>,
}

impl Reply {
    /// The container's page.
    #[must_use]
    pub const fn page() -> Self {
        Self { kind: ReplyKind::Page, headers: Vec::new() }
    }

    /// The page with one more header.
    #[must_use]
    pub fn with(header: ReplyHeader) -> Self {
        Self { kind: ReplyKind::Page, headers: vec![header] }
    }

    /// This kind without more headers.
    #[must_use]
    pub const fn of(kind: ReplyKind) -> Self {
        Self { kind, headers: Vec::new() }
    }

    pub(super) fn for_upgrade(self) -> Self {
        match self.kind {
            // A container may decline to switch.
            ReplyKind::Error => self,
            ReplyKind::Page
            | ReplyKind::Chunked
            | ReplyKind::Echo
            | ReplyKind::Cacheable
            | ReplyKind::Redirect
            | ReplyKind::NoContent
            | ReplyKind::NotModified
            | ReplyKind::Interim
            | ReplyKind::Dies
            | ReplyKind::DiesChunked
            | ReplyKind::TwoAnswers
            | ReplyKind::ExtraBytes
            | ReplyKind::ConflictingLengths
            | ReplyKind::Unasked101
            | ReplyKind::Garbage
            | ReplyKind::ClosesAtOnce
            | ReplyKind::NotFound
            | ReplyKind::BodyAfterHead
            | ReplyKind::Trailers
            | ReplyKind::Continue
            | ReplyKind::BadChunk
            | ReplyKind::DifferingLengths
            | ReplyKind::BodyAfterNoContent
            | ReplyKind::ClosesAfter => Self { kind: ReplyKind::Page, headers: self.headers },
        }
    }

    pub(super) fn for_method(self, method: Method) -> Self {
        if method != Method::Head {
            return if self.kind == ReplyKind::BodyAfterHead { Self::page() } else { self };
        }
        let kind = match self.kind {
            ReplyKind::Page
            | ReplyKind::Cacheable
            | ReplyKind::Redirect
            | ReplyKind::Error
            | ReplyKind::NoContent
            | ReplyKind::NotFound
            | ReplyKind::BodyAfterHead => self.kind,
            ReplyKind::Chunked
            | ReplyKind::Echo
            | ReplyKind::NotModified
            | ReplyKind::Interim
            | ReplyKind::Dies
            | ReplyKind::DiesChunked
            | ReplyKind::TwoAnswers
            | ReplyKind::ExtraBytes
            | ReplyKind::ConflictingLengths
            | ReplyKind::Unasked101
            | ReplyKind::Garbage
            | ReplyKind::ClosesAtOnce
            | ReplyKind::Trailers
            | ReplyKind::Continue
            | ReplyKind::BadChunk
            | ReplyKind::DifferingLengths
            | ReplyKind::BodyAfterNoContent
            | ReplyKind::ClosesAfter => ReplyKind::Page,
        };
        Self { kind, headers: self.headers }
    }
}

/// What a container sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplyKind {
    /// Its page, which holds the deployment's canary.
    Page,
    /// The page in chunks that cut the canary.
    Chunked,
    /// The request as it came.
    Echo,
    /// The page, and every invitation to cache it for everybody.
    Cacheable,
    /// A redirect to another site.
    Redirect,
    /// 500 with the page.
    Error,
    /// 204
    NoContent,
    /// 304
    NotModified,
    /// 103 with a header, then the page.
    Interim,
    /// Declares more than it sends, then closes.
    Dies,
    /// Closes in the middle of a chunk.
    DiesChunked,
    /// Two answers to one request.
    TwoAnswers,
    /// One answer and loose bytes.
    ExtraBytes,
    /// `Content-Length` and `Transfer-Encoding` that disagree.
    ConflictingLengths,
    /// 101 that nobody asked for.
    Unasked101,
    /// Bytes that aren't HTTP.
    Garbage,
    /// Nothing: it closes.
    ClosesAtOnce,
    /// The page in chunks, then trailers that set a cookie and name a tenant.
    Trailers,
    /// 404 with the page and every invitation to cache it.
    NotFound,
    /// 100, then the page.
    Continue,
    /// A chunk whose size is no number.
    BadChunk,
    /// Two lengths that differ.
    DifferingLengths,
    /// A body after the answer to HEAD; elsewhere the page.
    BodyAfterHead,
    /// A body after 204.
    BodyAfterNoContent,
    /// The page, and then it closes without saying so.
    ClosesAfter,
}

impl ReplyKind {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::Page,
        Self::Chunked,
        Self::Echo,
        Self::Cacheable,
        Self::Redirect,
        Self::Error,
        Self::NoContent,
        Self::NotModified,
        Self::Interim,
        Self::Dies,
        Self::DiesChunked,
        Self::TwoAnswers,
        Self::ExtraBytes,
        Self::ConflictingLengths,
        Self::Unasked101,
        Self::Garbage,
        Self::ClosesAtOnce,
        Self::Trailers,
        Self::NotFound,
        Self::Continue,
        Self::BadChunk,
        Self::DifferingLengths,
        Self::BodyAfterHead,
        Self::BodyAfterNoContent,
        Self::ClosesAfter,
    ];

    /// Whether the container's connection is good for another request afterwards, and the client's as well.
    #[must_use]
    pub const fn keeps_connection(self) -> bool {
        match self {
            Self::Page
            | Self::Chunked
            | Self::Echo
            | Self::Cacheable
            | Self::Redirect
            | Self::Error
            | Self::NoContent
            | Self::NotModified
            | Self::Interim
            | Self::Continue
            | Self::Trailers
            | Self::NotFound
            | Self::BodyAfterHead => true,
            Self::Dies
            | Self::DiesChunked
            | Self::TwoAnswers
            | Self::ExtraBytes
            | Self::ConflictingLengths
            | Self::Unasked101
            | Self::Garbage
            | Self::ClosesAtOnce
            | Self::BadChunk
            | Self::DifferingLengths
            | Self::BodyAfterNoContent
            | Self::ClosesAfter => false,
        }
    }

    /// Whether [`Reply::headers`] are sent with it.
    #[must_use]
    pub const fn has_headers(self) -> bool {
        match self {
            Self::Page
            | Self::Chunked
            | Self::Cacheable
            | Self::Redirect
            | Self::Error
            | Self::NoContent
            | Self::Interim
            | Self::NotFound => true,
            Self::Echo
            | Self::NotModified
            | Self::Dies
            | Self::DiesChunked
            | Self::TwoAnswers
            | Self::ExtraBytes
            | Self::ConflictingLengths
            | Self::Unasked101
            | Self::Garbage
            | Self::ClosesAtOnce
            | Self::Trailers
            | Self::Continue
            | Self::BadChunk
            | Self::DifferingLengths
            | Self::BodyAfterHead
            | Self::BodyAfterNoContent
            | Self::ClosesAfter => false,
        }
    }
}

/// A header of a container's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplyHeader {
    /// `Set-Cookie`
    SetCookie {
        /// The cookie's name.
        name: SetCookieName,
        /// Its `Domain` attribute.
        domain: DomainAttribute,
    },
    /// `SET-COOKIE: vendoAuth=planted`: dropped.
    SetCookieUpper,
    /// `Set-Cookie2`: dropped.
    SetCookie2,
    /// A header of the platform's own: dropped.
    Vendo {
        /// Which.
        field: VendoField,
        /// How it is spelled.
        spelling: NameSpelling,
    },
    /// `Keep-Alive`: dropped.
    KeepAlive,
    /// `Connection: x-internal`, and `X-Internal` itself: both dropped.
    Nominated,
    /// `X-Answer-{n}`: passed on.
    App(u8),
}

/// The name in a `Set-Cookie`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetCookieName {
    /// `sid`: the application's.
    App,
    /// `vendoAuth`
    Session,
    /// ` vendoAuth ` with spaces, which browsers trim.
    SessionSpaced,
    /// `VENDOAUTH`
    SessionUpper,
    /// `__Host-vendo_session`
    Dashboard,
    /// `__host-VENDO_session`
    DashboardCase,
    /// An empty name: `=vendoAuth=x`, which browsers send back as `vendoAuth=x`.
    Nameless,
    /// No `=` at all.
    NoEquals,
    /// `sid` with a control character in the value.
    Control,
    /// `vendoAuth` that expires at once.
    SessionDelete,
}

impl SetCookieName {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::App,
        Self::Session,
        Self::SessionSpaced,
        Self::SessionUpper,
        Self::Dashboard,
        Self::DashboardCase,
        Self::Nameless,
        Self::NoEquals,
        Self::Control,
        Self::SessionDelete,
    ];

    /// Name and value.
    #[must_use]
    pub const fn pair(self) -> &'static str {
        match self {
            Self::App => "sid=1",
            Self::Session => "vendoAuth=planted",
            Self::SessionSpaced => " vendoAuth =planted",
            Self::SessionUpper => "VENDOAUTH=planted",
            Self::Dashboard => "__Host-vendo_session=planted",
            Self::DashboardCase => "__host-VENDO_session=planted",
            Self::Nameless => "=vendoAuth=planted",
            Self::NoEquals => "vendoAuth",
            Self::Control => "sid=1\u{1}",
            Self::SessionDelete => "vendoAuth=; Max-Age=0",
        }
    }

    /// Whether a cookie of that name may be set by a container.
    #[must_use]
    pub const fn is_allowed(self) -> bool {
        match self {
            Self::App => true,
            Self::Session
            | Self::SessionSpaced
            | Self::SessionUpper
            | Self::Dashboard
            | Self::DashboardCase
            | Self::Nameless
            | Self::NoEquals
            | Self::Control
            | Self::SessionDelete => false,
        }
    }
}

/// The `Domain` attribute of a `Set-Cookie`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DomainAttribute {
    /// None.
    None,
    /// The host that was asked.
    Own,
    /// The same with a dot in front.
    OwnDot,
    /// The same in upper case.
    OwnUpper,
    /// Empty, which means none.
    Empty,
    /// `.vendo.run`
    Wide,
    /// `vendo.run`
    WideNoDot,
    /// `VENDO.RUN`, the attribute's name in upper case.
    WideUpper,
    /// ` domain = .vendo.run `
    WideSpaced,
    /// `vendo.run.`
    WideTrailingDot,
    /// The single-level host of a deployment.
    Sibling(u8),
    /// The own host, then `vendo.run`: browsers take the last.
    OwnThenWide,
    /// `vendo.run`, then the own host.
    WideThenOwn,
    /// The own host's parent.
    Parent,
    /// The own host's top-level domain.
    TopLevel,
    /// `..vendo.run`
    TwoDots,
    /// A name below the own host.
    Below,
    /// A name that ends as the own host does.
    Glued,
}

impl DomainAttribute {
    /// The attributes that don't depend on another deployment.
    pub const FIXED: [Self; 17] = [
        Self::None,
        Self::Own,
        Self::OwnDot,
        Self::OwnUpper,
        Self::Empty,
        Self::Wide,
        Self::WideNoDot,
        Self::WideUpper,
        Self::WideSpaced,
        Self::WideTrailingDot,
        Self::OwnThenWide,
        Self::WideThenOwn,
        Self::Parent,
        Self::TopLevel,
        Self::TwoDots,
        Self::Below,
        Self::Glued,
    ];

    /// As it is appended to the cookie; `own` is the host that was asked, `sibling` that of the named deployment.
    #[must_use]
    pub fn text(self, own: &str, sibling: &str) -> String {
        let parent = own.split_once('.').map_or(own, |(_, parent)| parent);
        match self {
            Self::None => String::new(),
            Self::Own => format!("; Domain={own}"),
            Self::OwnDot => format!("; Domain=.{own}"),
            Self::OwnUpper => format!("; Domain={}", own.to_ascii_uppercase()),
            Self::Empty => "; Domain=".to_owned(),
            Self::Wide => "; Domain=.vendo.run".to_owned(),
            Self::WideNoDot => "; domain=vendo.run".to_owned(),
            Self::WideUpper => "; DOMAIN=VENDO.RUN".to_owned(),
            Self::WideSpaced => ";  domain = .vendo.run ".to_owned(),
            Self::WideTrailingDot => "; Domain=vendo.run.".to_owned(),
            Self::Sibling(_) => format!("; Domain={sibling}"),
            Self::OwnThenWide => format!("; Domain={own}; Domain=vendo.run"),
            Self::WideThenOwn => format!("; Domain=vendo.run; Domain={own}"),
            Self::Parent => format!("; Domain={parent}"),
            Self::TopLevel => format!("; Domain={}", own.rsplit_once('.').map_or(own, |(_, top)| top)),
            Self::TwoDots => "; Domain=..vendo.run".to_owned(),
            Self::Below => format!("; Domain=x.{own}"),
            Self::Glued => format!("; Domain=x{own}"),
        }
    }

    /// Whether the cookie stays at the host that set it.
    #[must_use]
    pub fn stays(self, own: &str, sibling: &str) -> bool {
        match self {
            Self::None | Self::Own | Self::OwnDot | Self::OwnUpper | Self::Empty => true,
            Self::Sibling(_) => own == sibling,
            Self::Wide
            | Self::WideNoDot
            | Self::WideUpper
            | Self::WideSpaced
            | Self::WideTrailingDot
            | Self::OwnThenWide
            | Self::WideThenOwn
            | Self::Parent
            | Self::TopLevel
            | Self::TwoDots
            | Self::Below
            | Self::Glued => false,
        }
    }
}
