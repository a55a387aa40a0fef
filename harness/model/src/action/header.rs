//! Headers a client adds: spoofed identity, forwarding hints, hop-by-hop tricks, and honest ones that must arrive.

use serde::{Deserialize, Serialize};

use super::cookie::Token;
use super::host::HostSpec;
use crate::world::World;

/// One header a client adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Header {
    /// A header of the platform's own: stripped in every spelling.
    Vendo {
        /// Which.
        field: VendoField,
        /// How it is spelled.
        spelling: NameSpelling,
        /// What it says.
        value: Spoof,
    },
    /// A header of the network edge: stripped.
    Edge {
        /// Which.
        field: EdgeField,
        /// How it is spelled.
        spelling: NameSpelling,
    },
    /// A forwarding header: stripped, and it never routes.
    Forwarding {
        /// Which.
        field: ForwardingField,
        /// How it is spelled.
        spelling: NameSpelling,
        /// The host it names.
        host: HostSpec,
    },
    /// A header that some servers take for the host or the path: passed on, and it never routes.
    Hint {
        /// Which.
        field: HintField,
        /// The host it names.
        host: HostSpec,
    },
    /// A hop-by-hop header: stripped.
    Hop(HopField),
    /// `Connection: {name}`, so that the proxy is asked to drop that header.
    Nominate(Nominee),
    /// `X-App-{n}` with the sender's canary: passed on.
    App(u8),
    /// `Authorization: Bearer app-token`: the application's, passed on.
    Authorization,
    /// `If-None-Match: "v1"`: passed on.
    IfNoneMatch,
    /// `If-Modified-Since`: passed on.
    IfModifiedSince,
    /// `Range: bytes=0-3`: passed on.
    Range,
    /// `Expect: 100-continue`: the proxy's own business.
    Expect,
    /// `Authorization: Bearer {token}` with a member's valid token: no session, and passed on.
    SessionAsBearer(u8),
    /// What a client says about itself, which some proxies take for a reason to let it pass.
    Client(ClientField),
}

/// The headers with which the app-proxy tells a container who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VendoField {
    /// `X-Vendo-User-Id`
    UserId,
    /// `X-Vendo-User-Email`
    UserEmail,
    /// `X-Vendo-User-Name`
    UserName,
    /// `X-Vendo-Tenant-Id`
    TenantId,
    /// `X-Vendo-Role`
    Role,
    /// `X-Vendo-Admin`, which doesn't exist.
    Unknown,
}

impl VendoField {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::UserId, Self::UserEmail, Self::UserName, Self::TenantId, Self::Role, Self::Unknown];

    /// In its canonical spelling.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserId => "X-Vendo-User-Id",
            Self::UserEmail => "X-Vendo-User-Email",
            Self::UserName => "X-Vendo-User-Name",
            Self::TenantId => "X-Vendo-Tenant-Id",
            Self::Role => "X-Vendo-Role",
            Self::Unknown => "X-Vendo-Admin",
        }
    }
}

/// What a spoofed header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spoof {
    /// The id of a deployment's tenant.
    TenantOf(u8),
    /// The id of a member.
    UserOf(u8),
    /// `owner`
    Owner,
    /// Nothing.
    Empty,
}

impl Spoof {
    /// As it is written.
    #[must_use]
    pub fn text(self, world: &World) -> String {
        match self {
            Self::TenantOf(d) => world.tenant(world.deployment(d).tenant).id.clone(),
            // Up to where a hostile id would end the line: this is somebody's header, not an injection.
            Self::UserOf(m) => world.member(m).user_id.chars().take_while(|c| !c.is_control()).collect(),
            Self::Owner => "owner".to_owned(),
            Self::Empty => String::new(),
        }
    }
}

/// Headers that the network's edge sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeField {
    /// `CF-Connecting-IP`
    ConnectingIp,
    /// `CF-IPCountry`
    IpCountry,
    /// `CF-Ray`
    Ray,
    /// `CF-Visitor`
    Visitor,
}

impl EdgeField {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ConnectingIp, Self::IpCountry, Self::Ray, Self::Visitor];

    const fn name(self) -> &'static str {
        match self {
            Self::ConnectingIp => "CF-Connecting-IP",
            Self::IpCountry => "CF-IPCountry",
            Self::Ray => "CF-Ray",
            Self::Visitor => "CF-Visitor",
        }
    }
}

/// Headers that say how a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardingField {
    /// `Forwarded: host={host}`
    Forwarded,
    /// `X-Forwarded-Host`
    Host,
    /// `X-Forwarded-For`
    For,
    /// `X-Forwarded-Proto`
    Proto,
    /// `X-Forwarded-Server`
    Server,
}

impl ForwardingField {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Forwarded, Self::Host, Self::For, Self::Proto, Self::Server];

    const fn name(self) -> &'static str {
        match self {
            Self::Forwarded => "Forwarded",
            Self::Host => "X-Forwarded-Host",
            Self::For => "X-Forwarded-For",
            Self::Proto => "X-Forwarded-Proto",
            Self::Server => "X-Forwarded-Server",
        }
    }
}

/// Headers that some servers route by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HintField {
    /// `X-Host`
    Host,
    /// `X-Original-Host`
    OriginalHost,
    /// `X-Original-URL`
    OriginalUrl,
    /// `X-Rewrite-URL`
    RewriteUrl,
    /// `X-HTTP-Method-Override`
    MethodOverride,
    /// `X-Real-IP`
    RealIp,
}

impl HintField {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Host, Self::OriginalHost, Self::OriginalUrl, Self::RewriteUrl, Self::MethodOverride, Self::RealIp];

    const fn name(self) -> &'static str {
        match self {
            Self::Host => "X-Host",
            Self::OriginalHost => "X-Original-Host",
            Self::OriginalUrl => "X-Original-URL",
            Self::RewriteUrl => "X-Rewrite-URL",
            Self::MethodOverride => "X-HTTP-Method-Override",
            Self::RealIp => "X-Real-IP",
        }
    }
}

/// What a client says about itself or about the occasion of its request. None of it proves anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientField {
    /// The health check of an orchestrator.
    Probe,
    /// The health check of a load balancer.
    Balancer,
    /// A search engine.
    Crawler,
    /// A preflight, by its headers.
    Preflight,
    /// A script's request.
    Script,
    /// A subresource without credentials.
    Subresource,
    /// A prefetch.
    Prefetch,
    /// The address of this machine, under a name that the proxy doesn't know.
    LocalAddress,
    /// A request of the platform's own, by its word.
    Internal,
    /// A user whom another proxy would have verified.
    RemoteUser,
    /// A page of the platform that refers to this one.
    Referer,
}

impl ClientField {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Probe,
        Self::Balancer,
        Self::Crawler,
        Self::Preflight,
        Self::Script,
        Self::Subresource,
        Self::Prefetch,
        Self::LocalAddress,
        Self::Internal,
        Self::RemoteUser,
        Self::Referer,
    ];

    /// Names and values. All of them are the application's to read: they are passed on.
    const fn fields(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Probe => &[("User-Agent", "kube-probe/1.31")],
            Self::Balancer => &[("User-Agent", "ELB-HealthChecker/2.0")],
            Self::Crawler => &[("User-Agent", "Mozilla/5.0 (compatible; Googlebot/2.1)")],
            Self::Preflight => &[
                ("Origin", "https://vendo.run"),
                ("Access-Control-Request-Method", "GET"),
                ("Access-Control-Request-Headers", "authorization"),
            ],
            Self::Script => &[("X-Requested-With", "XMLHttpRequest")],
            Self::Subresource => {
                &[("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")]
            }
            Self::Prefetch => &[("Purpose", "prefetch"), ("Sec-Purpose", "prefetch;prerender")],
            Self::LocalAddress => &[("True-Client-IP", "127.0.0.1"), ("X-Client-IP", "127.0.0.1")],
            Self::Internal => &[("X-Internal-Request", "1"), ("X-Debug", "1")],
            Self::RemoteUser => &[("Remote-User", "admin"), ("X-Authenticated-User", "admin")],
            Self::Referer => &[("Referer", "https://vendo.run/dashboard")],
        }
    }
}

/// Hop-by-hop headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HopField {
    /// `Keep-Alive: timeout=5`
    KeepAlive,
    /// `Proxy-Connection: keep-alive`
    ProxyConnection,
    /// `Proxy-Authorization: Basic …`
    ProxyAuthorization,
    /// `TE: trailers, deflate`
    Te,
    /// `Upgrade: h2c` and `HTTP2-Settings`, both named by `Connection`.
    UpgradeH2c,
    /// `Upgrade: websocket` that `Connection` doesn't name.
    UpgradeUnnamed,
    /// `Content_Length: 0`: a second length for a server that reads underscores as hyphens.
    UnderscoreLength,
}

impl HopField {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::KeepAlive,
        Self::ProxyConnection,
        Self::ProxyAuthorization,
        Self::Te,
        Self::UpgradeH2c,
        Self::UpgradeUnnamed,
        Self::UnderscoreLength,
    ];
}

/// A header that `Connection` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nominee {
    /// One of the injected ones.
    Vendo(VendoField),
    /// `cookie`
    Cookie,
    /// `x-app-0`
    App0,
    /// `authorization`
    Authorization,
    /// `host`
    Host,
    /// `close, x-vendo-role, x-vendo-tenant-id`, with odd white space and case.
    Several,
}

/// How a header's name is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameSpelling {
    /// As documented.
    Canonical,
    /// In lower case.
    Lower,
    /// In upper case.
    Upper,
    /// In alternating case.
    Mixed,
    /// Every hyphen an underscore: many servers read both as one name.
    Underscore,
    /// Only the last hyphen an underscore.
    LastUnderscore,
}

impl NameSpelling {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Canonical, Self::Lower, Self::Upper, Self::Mixed, Self::Underscore, Self::LastUnderscore];

    /// The name in this spelling.
    #[must_use]
    pub fn spell(self, name: &str) -> String {
        match self {
            Self::Canonical => name.to_owned(),
            Self::Lower => name.to_ascii_lowercase(),
            Self::Upper => name.to_ascii_uppercase(),
            Self::Mixed => name
                .chars()
                .enumerate()
                .map(|(i, c)| if i % 2 == 0 { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() })
                .collect(),
            Self::Underscore => name.replace('-', "_"),
            Self::LastUnderscore => match name.rsplit_once('-') {
                Some((head, tail)) => format!("{head}_{tail}"),
                None => name.to_owned(),
            },
        }
    }
}

/// What becomes of a header on its way to the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// As written.
    pub name: String,
    /// As written.
    pub value: Vec<u8>,
    /// Whether a container must get it, unless `Connection` names it.
    pub passes: bool,
}

impl Header {
    /// Whether HTTP/2 lets a client send it.
    #[must_use]
    pub const fn fits_http2(&self) -> bool {
        match self {
            Self::Hop(_) | Self::Nominate(_) => false,
            Self::Vendo { .. }
            | Self::Edge { .. }
            | Self::Forwarding { .. }
            | Self::Hint { .. }
            | Self::App(_)
            | Self::Authorization
            | Self::IfNoneMatch
            | Self::IfModifiedSince
            | Self::Range
            | Self::Expect
            | Self::Client(_)
            | Self::SessionAsBearer(_) => true,
        }
    }

    /// Whether it can stand beside the headers of a WebSocket handshake without changing what they say.
    #[must_use]
    pub const fn fits_upgrade(&self) -> bool {
        !matches!(self, Self::Hop(_) | Self::Nominate(Nominee::Several) | Self::Expect)
    }

    /// The names it asks the proxy to drop, in lower case.
    #[must_use]
    pub fn nominated(self) -> Vec<String> {
        match self {
            Self::Nominate(nominee) => match nominee {
                Nominee::Vendo(field) => vec![field.name().to_ascii_lowercase()],
                Nominee::Cookie => vec!["cookie".to_owned()],
                Nominee::App0 => vec!["x-app-0".to_owned()],
                Nominee::Authorization => vec!["authorization".to_owned()],
                Nominee::Host => vec!["host".to_owned()],
                Nominee::Several => {
                    vec!["close".to_owned(), "x-vendo-role".to_owned(), "x-vendo-tenant-id".to_owned()]
                }
            },
            Self::Hop(HopField::UpgradeH2c) => vec!["upgrade".to_owned(), "http2-settings".to_owned()],
            Self::Hop(_)
            | Self::Vendo { .. }
            | Self::Edge { .. }
            | Self::Forwarding { .. }
            | Self::Hint { .. }
            | Self::App(_)
            | Self::Authorization
            | Self::IfNoneMatch
            | Self::IfModifiedSince
            | Self::Range
            | Self::Expect
            | Self::Client(_)
            | Self::SessionAsBearer(_) => Vec::new(),
        }
    }

    /// The fields on the wire. `sender_mark` is the sender's canary.
    #[must_use]
    pub fn fields(self, world: &World, sender_mark: &str) -> Vec<Field> {
        let field = |name: String, value: Vec<u8>, passes| Field { name, value, passes };
        let one = |name: &str, value: &str, passes| vec![field(name.to_owned(), value.as_bytes().to_vec(), passes)];
        match self {
            Self::Vendo { field: of, spelling, value } => {
                vec![field(spelling.spell(of.name()), value.text(world).into_bytes(), false)]
            }
            Self::Edge { field: of, spelling } => {
                vec![field(spelling.spell(of.name()), b"127.0.0.1".to_vec(), false)]
            }
            Self::Forwarding { field: of, spelling, host } => {
                let host = host.of.text(world);
                let value = match of {
                    ForwardingField::Forwarded => format!("for=127.0.0.1;host={host};proto=https"),
                    ForwardingField::Host | ForwardingField::Server => host,
                    ForwardingField::For => "127.0.0.1".to_owned(),
                    ForwardingField::Proto => "https".to_owned(),
                };
                vec![field(spelling.spell(of.name()), value.into_bytes(), false)]
            }
            Self::Hint { field: of, host } => {
                let host = host.of.text(world);
                let value = match of {
                    HintField::Host | HintField::OriginalHost => host,
                    HintField::OriginalUrl | HintField::RewriteUrl => format!("http://{host}/"),
                    HintField::MethodOverride => "DELETE".to_owned(),
                    HintField::RealIp => "127.0.0.1".to_owned(),
                };
                one(of.name(), &value, true)
            }
            Self::Hop(hop) => match hop {
                HopField::KeepAlive => one("Keep-Alive", "timeout=5", false),
                HopField::ProxyConnection => one("Proxy-Connection", "keep-alive", false),
                HopField::ProxyAuthorization => one("Proxy-Authorization", "Basic YTpi", false),
                HopField::Te => one("TE", "trailers, deflate", false),
                HopField::UpgradeH2c => vec![
                    field("Connection".to_owned(), b"Upgrade, HTTP2-Settings".to_vec(), false),
                    field("Upgrade".to_owned(), b"h2c".to_vec(), false),
                    field("HTTP2-Settings".to_owned(), b"AAMAAABkAARAAAAAAAIAAAAA".to_vec(), false),
                ],
                HopField::UpgradeUnnamed => one("Upgrade", "websocket", false),
                HopField::UnderscoreLength => one("Content_Length", "0", false),
            },
            Self::Nominate(nominee) => {
                let value = match nominee {
                    Nominee::Vendo(field) => field.name().to_owned(),
                    Nominee::Cookie => "Cookie".to_owned(),
                    Nominee::App0 => "x-app-0".to_owned(),
                    Nominee::Authorization => "authorization".to_owned(),
                    Nominee::Host => "Host".to_owned(),
                    Nominee::Several => "close ,\tX-VENDO-Role,x-vendo-tenant-id,".to_owned(),
                };
                one("Connection", &value, false)
            }
            Self::App(n) => one(&format!("X-App-{}", n % 3), sender_mark, true),
            Self::Authorization => one("Authorization", "Bearer app-token", true),
            Self::IfNoneMatch => one("If-None-Match", "\"v1\"", true),
            Self::IfModifiedSince => one("If-Modified-Since", "Thu, 01 Jan 2099 00:00:00 GMT", true),
            Self::Range => one("Range", "bytes=0-3", true),
            Self::Expect => one("Expect", "100-continue", false),
            Self::Client(client) => {
                let named = client.fields().iter();
                named.map(|(name, value)| field((*name).to_owned(), value.as_bytes().to_vec(), true)).collect()
            }
            Self::SessionAsBearer(member) => {
                let token = crate::token::text(world, Token::valid(member), world.start_s);
                vec![field("Authorization".to_owned(), [b"Bearer ".as_slice(), &token].concat(), true)]
            }
        }
    }
}
