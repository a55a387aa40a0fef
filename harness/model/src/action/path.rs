//! Paths: the application's own, and those around the path the app-proxy reserves.

use serde::{Deserialize, Serialize};

/// A path and query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// `/`
    Root,
    /// `/shared/{n}?q={n}`: the same in every deployment.
    Shared(u8),
    /// A path that is passed on as it is written.
    Odd(OddPath),
    /// `/?tenant_id={id}&tenant={id}` with the id of a deployment's tenant.
    NamesTenantOf(u8),
    /// `/?vendoAuth={token}` with a member's valid token: no session.
    SessionInQuery(u8),
    /// The target `*`, for HTTP/1.1 alone.
    Asterisk,
    /// The reserved path that redeems a sign-in code.
    Session {
        /// Which code.
        code: Code,
        /// Where to go afterwards.
        next: Next,
    },
    /// A spelling of the reserved path that redeems nothing and must not reach a container.
    Reserved(ReservedSpelling),
}

/// Paths that a proxy may be tempted to tidy up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OddPath {
    /// `/a/../b/./c`
    DotSegments,
    /// `/a%2f..%2fb`
    EncodedSlash,
    /// `//double//slash`
    DoubleSlash,
    /// `/x?next=//evil&a=%00`
    Query,
    /// `/vendo/session`: not the reserved prefix.
    NearReserved,
    /// `/.vendo2/session`: not the reserved prefix either.
    LongerReserved,
    /// `/x%0d%0aSet-Cookie:%20a=b?host=evil.example`
    EncodedCrLf,
    /// `/\\evil.example/x`
    Backslash,
    /// `/@evil.example/x`
    At,
    /// `/.well-known/acme-challenge/x`: what some proxies let through to everybody.
    WellKnown,
    /// `/favicon.ico`: the same.
    Favicon,
    /// `/static/app.js`: the same.
    Asset,
    /// `/healthz`: the same.
    Health,
    /// `/api/webhook`: the same.
    Webhook,
    /// What crawlers ask for.
    Robots,
    /// What browsers ask for on their own.
    Manifest,
    /// A style sheet, by its ending.
    StyleSheet,
    /// An image, by its ending.
    Image,
    /// What a build tool writes.
    BuildOutput,
    /// Measurements.
    Metrics,
    /// A health check of another name.
    Ping,
    /// A login page.
    Login,
    /// An API that calls itself public.
    PublicApi,
    /// A page with an asset's name behind it.
    AssetBehindPage,
    /// A page with an asset's ending in its query.
    AssetInQuery,
    /// A page with an asset's ending in a path parameter.
    AssetInParameter,
}

impl OddPath {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::DotSegments,
        Self::EncodedSlash,
        Self::DoubleSlash,
        Self::Query,
        Self::NearReserved,
        Self::LongerReserved,
        Self::EncodedCrLf,
        Self::Backslash,
        Self::At,
        Self::WellKnown,
        Self::Favicon,
        Self::Asset,
        Self::Health,
        Self::Webhook,
        Self::Robots,
        Self::Manifest,
        Self::StyleSheet,
        Self::Image,
        Self::BuildOutput,
        Self::Metrics,
        Self::Ping,
        Self::Login,
        Self::PublicApi,
        Self::AssetBehindPage,
        Self::AssetInQuery,
        Self::AssetInParameter,
    ];

    /// Those that some proxies exempt from sign-in.
    pub const EXEMPT: [Self; 17] = [
        Self::WellKnown,
        Self::Favicon,
        Self::Asset,
        Self::Health,
        Self::Webhook,
        Self::Robots,
        Self::Manifest,
        Self::StyleSheet,
        Self::Image,
        Self::BuildOutput,
        Self::Metrics,
        Self::Ping,
        Self::Login,
        Self::PublicApi,
        Self::AssetBehindPage,
        Self::AssetInQuery,
        Self::AssetInParameter,
    ];

    /// As it is written.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::DotSegments => "/a/../b/./c",
            Self::EncodedSlash => "/a%2f..%2fb",
            Self::DoubleSlash => "//double//slash",
            Self::Query => "/x?next=//evil&a=%00",
            Self::NearReserved => "/vendo/session",
            Self::LongerReserved => "/.vendo2/session",
            Self::EncodedCrLf => "/x%0d%0aSet-Cookie:%20a=b?host=evil.example",
            Self::Backslash => "/\\evil.example/x",
            Self::At => "/@evil.example/x",
            Self::WellKnown => "/.well-known/acme-challenge/x",
            Self::Favicon => "/favicon.ico",
            Self::Asset => "/static/app.js",
            Self::Health => "/healthz",
            Self::Webhook => "/api/webhook",
            Self::Robots => "/robots.txt",
            Self::Manifest => "/manifest.json",
            Self::StyleSheet => "/assets/site.css",
            Self::Image => "/img/logo.png",
            Self::BuildOutput => "/_next/static/chunks/main.js",
            Self::Metrics => "/metrics",
            Self::Ping => "/ping",
            Self::Login => "/login",
            Self::PublicApi => "/api/public/items",
            Self::AssetBehindPage => "/inbox/x.css",
            Self::AssetInQuery => "/inbox?x=/logo.png",
            Self::AssetInParameter => "/inbox;x.js",
        }
    }
}

/// Spellings of the reserved path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReservedSpelling {
    /// `/.vendo`
    Prefix,
    /// `/.vendo/`
    Folder,
    /// `/.vendo/other`
    Other,
    /// `/.vendo/session/`
    TrailingSlash,
    /// `/%2evendo/session`
    EncodedDot,
    /// `/.v%65ndo/session`
    EncodedLetter,
    /// `/%252evendo/session`
    EncodedTwice,
    /// `/.VENDO/session`
    Upper,
    /// `/x/../.vendo/session`
    DotSegments,
    /// `/./.vendo/session`
    Dot,
    /// `//.vendo/session`
    DoubleSlash,
    /// `/\.vendo/session`
    Backslash,
    /// `/%2f.vendo/session`
    EncodedSlash,
    /// `/.vendo%2fsession`
    EncodedInside,
    /// `/x/%2e%2e/.vendo/session`
    EncodedDotSegments,
}

impl ReservedSpelling {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Prefix,
        Self::Folder,
        Self::Other,
        Self::TrailingSlash,
        Self::EncodedDot,
        Self::EncodedLetter,
        Self::EncodedTwice,
        Self::Upper,
        Self::DotSegments,
        Self::Dot,
        Self::DoubleSlash,
        Self::Backslash,
        Self::EncodedSlash,
        Self::EncodedInside,
        Self::EncodedDotSegments,
    ];

    /// As it is written.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Prefix => "/.vendo",
            Self::Folder => "/.vendo/",
            Self::Other => "/.vendo/other",
            Self::TrailingSlash => "/.vendo/session/",
            Self::EncodedDot => "/%2evendo/session",
            Self::EncodedLetter => "/.v%65ndo/session",
            Self::EncodedTwice => "/%252evendo/session",
            Self::Upper => "/.VENDO/session",
            Self::DotSegments => "/x/../.vendo/session",
            Self::Dot => "/./.vendo/session",
            Self::DoubleSlash => "//.vendo/session",
            Self::Backslash => "/\\.vendo/session",
            Self::EncodedSlash => "/%2f.vendo/session",
            Self::EncodedInside => "/.vendo%2fsession",
            Self::EncodedDotSegments => "/x/%2e%2e/.vendo/session",
        }
    }
}

/// Which sign-in code is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The n-th that was given out in this case, from 0; a guess if there were fewer.
    Issued(u8),
    /// The n-th with its last character changed.
    Altered(u8),
    /// The same in the other case of letters.
    OtherCase(u8),
    /// The same without its last letter.
    Cut(u8),
    /// The same with one letter more.
    Extended(u8),
    /// One that was never given out.
    Guessed,
    /// None at all.
    Missing,
    /// An empty one.
    Empty,
}

/// Where a sign-in leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Next {
    /// Not said.
    Missing,
    /// `/inbox?x=1`
    Local,
    /// `//evil.example/`
    SchemeRelative,
    /// `/\evil.example/`
    BackslashRelative,
    /// `https://evil.example/`
    Absolute,
    /// `javascript:alert(1)`
    Script,
    /// `/x` with CR LF and a header behind it.
    Control,
    /// `/\t/evil.example`: browsers drop the tab.
    Tab,
    /// `/` and a letter outside ASCII.
    NonAscii,
    /// `evil.example`
    Relative,
    /// `/x\y`
    BackslashInside,
    /// `//evil.example/` percent-encoded once more than is due.
    EncodedTwice,
}

impl Next {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Missing,
        Self::Local,
        Self::SchemeRelative,
        Self::BackslashRelative,
        Self::Absolute,
        Self::Script,
        Self::Control,
        Self::Tab,
        Self::NonAscii,
        Self::Relative,
        Self::BackslashInside,
        Self::EncodedTwice,
    ];

    /// The `next` parameter before it is percent-encoded.
    #[must_use]
    pub const fn text(self) -> Option<&'static str> {
        match self {
            Self::Missing => None,
            Self::Local => Some("/inbox?x=1"),
            Self::SchemeRelative => Some("//evil.example/"),
            Self::BackslashRelative => Some("/\\evil.example/"),
            Self::Absolute => Some("https://evil.example/"),
            Self::Script => Some("javascript:alert(1)"),
            Self::Control => Some("/x\r\nSet-Cookie: a=b"),
            Self::Tab => Some("/\t/evil.example"),
            Self::NonAscii => Some("/\u{e9}"),
            Self::Relative => Some("evil.example"),
            Self::BackslashInside => Some("/x\\y"),
            Self::EncodedTwice => Some("%2f%2fevil.example/"),
        }
    }

    /// Where the browser must be sent.
    #[must_use]
    pub const fn location(self) -> &'static str {
        match self {
            Self::Local => "/inbox?x=1",
            Self::Missing
            | Self::SchemeRelative
            | Self::BackslashRelative
            | Self::Absolute
            | Self::Script
            | Self::Control
            | Self::Tab
            | Self::NonAscii
            | Self::Relative
            | Self::BackslashInside
            | Self::EncodedTwice => "/",
        }
    }
}
