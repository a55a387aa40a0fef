//! Hosts: which one is meant, how it is spelled, and where it is written.

use serde::{Deserialize, Serialize};

use crate::world::{World, legacy_host, single_host};

/// A host as a client sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostSpec {
    /// Which host is meant.
    pub of: HostOf,
    /// How it is spelled.
    pub spelling: Spelling,
}

impl HostSpec {
    /// The single-level host of a deployment, spelled plainly.
    #[must_use]
    pub const fn of(deployment: u8) -> Self {
        Self { of: HostOf::Single(deployment), spelling: Spelling::Exact }
    }

    /// What the client writes.
    #[must_use]
    pub fn text(self, world: &World) -> Vec<u8> {
        self.spelling.apply(&self.of.text(world))
    }

    /// Spelled plainly where a spelling would not mean what it says, as a dot more after a name without dots.
    #[must_use]
    pub(super) fn canonical(self) -> Self {
        if self.of.can_be_spelled() { self } else { Self { of: self.of, spelling: Spelling::Exact } }
    }

    /// The plain host that the spelling stands for; `None` when it stands for none and must be refused.
    #[must_use]
    pub fn meaning(self, world: &World) -> Option<String> {
        (self.spelling.is_valid() && self.of.is_dns_name()).then(|| self.of.text(world))
    }
}

/// Which host is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostOf {
    /// `{tenant}-{deployment}.vendo.run` as the world began.
    Single(u8),
    /// `{deployment}.{tenant}.vendo.run`, whether or not it answers.
    Legacy(u8),
    /// The deployment's custom domain, or `none.{slug}.example` if it began without.
    Custom(u8),
    /// The single-level host under one of [`super::RENAMES`].
    Renamed(u8, u8),
    /// `portal{n}.example`, which a deployment may have claimed.
    Portal(u8),
    /// A single-level host nobody ever had.
    Unknown,
    /// A custom domain nobody ever had.
    UnknownDomain,
    /// The label alone: it spells the identifier of a `deploy:` key.
    BareLabel(u8),
    /// One level above the single-level host: `x.{label}.vendo.run`.
    Deeper(u8),
    /// One level above the legacy host.
    DeeperLegacy(u8),
    /// `a-crm.vendo.run`: a tenant slug that is too short.
    BadSlug,
    /// The legacy host with its two parts swapped.
    SwappedLegacy(u8),
    /// `{host}.attacker.example`
    WithSuffix(u8),
    /// `{host}evil`: another top-level domain.
    WithGlue(u8),
    /// `evil{host}`
    WithPrefix(u8),
    /// `evil.{host}` for a custom domain.
    UnderCustom(u8),
    /// `deploy:{label}`: not a DNS name, and its tail is no port.
    WholeKey(u8),
    /// `*.vendo.run`
    Wildcard,
    /// The platform's own hosts and those it reserves.
    Platform(PlatformHost),
    /// An address instead of a name.
    Ip(IpForm),
    /// Two hosts with a comma between.
    CommaList(u8, u8),
    /// A label of 64 characters.
    LongLabel,
    /// A name of more than 253 characters.
    LongName,
}

/// Hosts of the platform's other workers, and reserved names that render from a slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlatformHost {
    /// `vendo.run`
    Dashboard,
    /// `api.vendo.run`
    Api,
    /// `www.vendo.run`
    Www,
    /// `openai-proxy.vendo.run`: splits into a tenant and a deployment, and is reserved all the same.
    ProviderProxy,
    /// `credentials.vendo.run`
    Credentials,
    /// `hooks.vendo.run`
    Hooks,
}

impl PlatformHost {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Dashboard, Self::Api, Self::Www, Self::ProviderProxy, Self::Credentials, Self::Hooks];

    const fn text(self) -> &'static str {
        match self {
            Self::Dashboard => "vendo.run",
            Self::Api => "api.vendo.run",
            Self::Www => "www.vendo.run",
            Self::ProviderProxy => "openai-proxy.vendo.run",
            Self::Credentials => "credentials.vendo.run",
            Self::Hooks => "hooks.vendo.run",
        }
    }
}

/// Spellings of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IpForm {
    /// `127.0.0.1`
    V4,
    /// `[::1]`
    V6,
    /// `2130706433`
    Decimal,
    /// `0x7f.0x0.0x0.0x1`
    Hex,
    /// `127.1`
    Short,
}

impl IpForm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::V4, Self::V6, Self::Decimal, Self::Hex, Self::Short];

    const fn text(self) -> &'static str {
        match self {
            Self::V4 => "127.0.0.1",
            Self::V6 => "[::1]",
            Self::Decimal => "2130706433",
            Self::Hex => "0x7f.0x0.0x0.0x1",
            Self::Short => "127.1",
        }
    }
}

impl HostOf {
    /// The host in its plain spelling.
    #[must_use]
    pub fn text(self, world: &World) -> String {
        let single = |d| single_host(&world.label(d));
        let slug_of = |d| world.tenant(world.deployment(d).tenant).slug.clone();
        match self {
            Self::Single(d) => single(d),
            Self::Legacy(d) => legacy_host(&slug_of(d), &world.deployment(d).slug),
            Self::Custom(d) => custom(world, d),
            Self::Renamed(d, slug) => single_host(&crate::world::label(&slug_of(d), rename(slug))),
            Self::Portal(n) => portal(n),
            Self::Unknown => single_host("ghost-crm"),
            Self::UnknownDomain => "crm.ghost.example".to_owned(),
            Self::BareLabel(d) => world.label(d),
            Self::Deeper(d) => format!("x.{}", single(d)),
            Self::DeeperLegacy(d) => format!("x.{}", legacy_host(&slug_of(d), &world.deployment(d).slug)),
            Self::BadSlug => single_host("a-crm"),
            Self::SwappedLegacy(d) => legacy_host(&world.deployment(d).slug, &slug_of(d)),
            Self::WithSuffix(d) => format!("{}.attacker.example", single(d)),
            Self::WithGlue(d) => format!("{}evil", single(d)),
            Self::WithPrefix(d) => format!("evil{}", single(d)),
            Self::UnderCustom(d) => format!("evil.{}", custom(world, d)),
            Self::WholeKey(d) => format!("deploy:{}", world.label(d)),
            Self::Wildcard => single_host("*"),
            Self::Platform(host) => host.text().to_owned(),
            Self::Ip(form) => form.text().to_owned(),
            Self::CommaList(a, b) => format!("{},{}", single(a), single(b)),
            Self::LongLabel => single_host(&format!("{}-crm", "a".repeat(60))),
            Self::LongName => format!("{}example", "abcdefgh.".repeat(30)),
        }
    }

    const fn can_be_spelled(self) -> bool {
        match self {
            Self::Single(_)
            | Self::Legacy(_)
            | Self::Custom(_)
            | Self::Renamed(..)
            | Self::Portal(_)
            | Self::Unknown
            | Self::UnknownDomain
            | Self::Platform(_) => true,
            Self::BareLabel(_)
            | Self::Deeper(_)
            | Self::DeeperLegacy(_)
            | Self::BadSlug
            | Self::SwappedLegacy(_)
            | Self::WithSuffix(_)
            | Self::WithGlue(_)
            | Self::WithPrefix(_)
            | Self::UnderCustom(_)
            | Self::WholeKey(_)
            | Self::Wildcard
            | Self::Ip(_)
            | Self::CommaList(..)
            | Self::LongLabel
            | Self::LongName => false,
        }
    }

    /// Whether it is a DNS name at all. What isn't is refused before any look-up.
    #[must_use]
    pub const fn is_dns_name(self) -> bool {
        match self {
            Self::WholeKey(_)
            | Self::Wildcard
            | Self::Ip(_)
            | Self::CommaList(..)
            | Self::LongLabel
            | Self::LongName => false,
            Self::Single(_)
            | Self::Legacy(_)
            | Self::Custom(_)
            | Self::Renamed(..)
            | Self::Portal(_)
            | Self::Unknown
            | Self::UnknownDomain
            | Self::BareLabel(_)
            | Self::Deeper(_)
            | Self::DeeperLegacy(_)
            | Self::BadSlug
            | Self::SwappedLegacy(_)
            | Self::WithSuffix(_)
            | Self::WithGlue(_)
            | Self::WithPrefix(_)
            | Self::UnderCustom(_)
            | Self::Platform(_) => true,
        }
    }
}

/// `portal{n}.example`
#[must_use]
pub fn portal(n: u8) -> String {
    format!("portal{}.example", n % 4)
}

/// A slug a rename can choose.
#[must_use]
pub fn rename(slug: u8) -> &'static str {
    super::RENAMES.iter().cycle().nth(usize::from(slug) % super::RENAMES.len()).copied().unwrap_or("crm")
}

fn custom(world: &World, deployment: u8) -> String {
    let own = world.deployment(deployment);
    own.domain.clone().unwrap_or_else(|| format!("none.{}.example", world.tenant(own.tenant).slug))
}

/// How a host is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spelling {
    /// Plainly.
    Exact,
    /// In upper case.
    Upper,
    /// Every other letter in upper case.
    Mixed,
    /// With a trailing dot.
    TrailingDot,
    /// With two.
    TwoTrailingDots,
    /// With a dot in front.
    LeadingDot,
    /// With a port.
    Port,
    /// With a colon and no port.
    EmptyPort,
    /// With a trailing dot and a port.
    DotAndPort,
    /// With letters for a port.
    BadPort,
    /// With a port above 65535.
    HugePort,
    /// With two ports.
    TwoPorts,
    /// With a user before `@`.
    UserInfo,
    /// With another host before `@`.
    HostAsUserInfo,
    /// With one letter percent-encoded.
    Percent,
    /// With a letter outside ASCII that looks like its own.
    NonAscii,
    /// With a fullwidth dot.
    FullwidthDot,
    /// With an empty label inside.
    EmptyLabel,
    /// With a hyphen in front.
    LeadingHyphen,
    /// With a hyphen before the first dot.
    TrailingHyphen,
    /// With an underscore.
    Underscore,
    /// Hyphens as underscores, or one underscore where there is no hyphen.
    UnderscoreForHyphen,
    /// With a space inside.
    Space,
    /// With a tab inside.
    Tab,
    /// With a slash and a path.
    Slash,
    /// With a backslash.
    Backslash,
    /// With a scheme.
    Scheme,
}

impl Spelling {
    /// The spellings that stand for the plain host.
    pub const VALID: [Self; 7] =
        [Self::Exact, Self::Upper, Self::Mixed, Self::TrailingDot, Self::Port, Self::EmptyPort, Self::DotAndPort];

    /// The spellings that stand for no host.
    pub const INVALID: [Self; 20] = [
        Self::TwoTrailingDots,
        Self::LeadingDot,
        Self::BadPort,
        Self::HugePort,
        Self::TwoPorts,
        Self::UserInfo,
        Self::HostAsUserInfo,
        Self::Percent,
        Self::NonAscii,
        Self::FullwidthDot,
        Self::EmptyLabel,
        Self::LeadingHyphen,
        Self::TrailingHyphen,
        Self::Underscore,
        Self::UnderscoreForHyphen,
        Self::Space,
        Self::Tab,
        Self::Slash,
        Self::Backslash,
        Self::Scheme,
    ];

    /// Whether the spelling stands for the plain host.
    #[must_use]
    pub fn is_valid(self) -> bool {
        Self::VALID.contains(&self)
    }

    /// Whether an HTTP/2 client can put it into `:authority`.
    #[must_use]
    pub const fn fits_authority(self) -> bool {
        matches!(self, Self::Exact | Self::Upper | Self::Mixed | Self::TrailingDot | Self::Port | Self::DotAndPort)
    }

    fn apply(self, host: &str) -> Vec<u8> {
        let (first, rest) = host.split_once('.').unwrap_or((host, ""));
        let rest = if rest.is_empty() { String::new() } else { format!(".{rest}") };
        let text = match self {
            Self::Exact => host.to_owned(),
            Self::Upper => host.to_ascii_uppercase(),
            Self::Mixed => {
                host.chars().enumerate().map(|(i, c)| if i % 2 == 0 { c.to_ascii_uppercase() } else { c }).collect()
            }
            Self::TrailingDot => format!("{host}."),
            Self::TwoTrailingDots => format!("{host}.."),
            Self::LeadingDot => format!(".{host}"),
            Self::Port => format!("{host}:8443"),
            Self::EmptyPort => format!("{host}:"),
            Self::DotAndPort => format!("{host}.:443"),
            Self::BadPort => format!("{host}:80a"),
            Self::HugePort => format!("{host}:65536"),
            Self::TwoPorts => format!("{host}:80:80"),
            Self::UserInfo => format!("user@{host}"),
            Self::HostAsUserInfo => format!("{host}@attacker.example"),
            Self::Percent => {
                format!("%{:02x}{}", first.as_bytes().first().unwrap_or(&b'a'), host.get(1..).unwrap_or(""))
            }
            Self::NonAscii => format!("{}\u{430}{}", first, rest),
            Self::FullwidthDot => format!("{first}\u{ff0e}{}", rest.trim_start_matches('.')),
            Self::EmptyLabel => format!("{first}.{rest}"),
            Self::LeadingHyphen => format!("-{host}"),
            Self::TrailingHyphen => format!("{first}-{rest}"),
            Self::Underscore => format!("{first}_{rest}"),
            Self::UnderscoreForHyphen if host.contains('-') => host.replace('-', "_"),
            Self::UnderscoreForHyphen => format!("_{host}"),
            Self::Space => format!("{first} {rest}"),
            Self::Tab => format!("{first}\t{rest}"),
            Self::Slash => format!("{host}/x"),
            Self::Backslash => format!("{host}\\x"),
            Self::Scheme => format!("http://{host}"),
        };
        text.into_bytes()
    }
}

/// How the host is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostLayout {
    /// `Host`, or `:authority` in HTTP/2.
    Host,
    /// An absolute-form target with the same authority, and `Host`.
    Absolute,
    /// An absolute-form target with this authority, and the request's own host in `Host`.
    AbsoluteOther(HostSpec),
    /// An absolute-form target with userinfo before the same authority.
    AbsoluteUserInfo,
    /// An absolute-form target with a scheme that is not HTTP's.
    AbsoluteScheme,
    /// An absolute-form target and no `Host`.
    AbsoluteAlone,
    /// `Host` twice with the same value.
    Twice,
    /// `Host`, and a second one with this value after it.
    ThenOther(HostSpec),
    /// No `Host`.
    Missing,
    /// `Host` without a value.
    Empty,
    /// `Host` in HTTP/1.0.
    Version10,
    /// No `Host` in HTTP/1.0.
    Version10Missing,
    /// `Host` twice in HTTP/1.0.
    Version10Twice,
    /// HTTP/2: userinfo before the authority.
    AuthorityUserInfo,
    /// HTTP/2: `:authority` and a `Host` that agrees.
    AuthorityAndHost,
    /// HTTP/2: `:authority`, and a `Host` with this value.
    AuthorityAndOther(HostSpec),
}

impl HostLayout {
    pub(super) fn canonical(self) -> Self {
        match self {
            // In a target a slash ends the authority: what follows is a path.
            Self::AbsoluteOther(HostSpec { of, spelling: Spelling::Slash }) => {
                Self::AbsoluteOther(HostSpec { of, spelling: Spelling::Backslash }.canonical())
            }
            Self::AbsoluteOther(other) => Self::AbsoluteOther(other.canonical()),
            Self::ThenOther(other) => Self::ThenOther(other.canonical()),
            Self::AuthorityAndOther(other) => Self::AuthorityAndOther(other.canonical()),
            Self::Host
            | Self::Absolute
            | Self::AbsoluteUserInfo
            | Self::AbsoluteScheme
            | Self::AbsoluteAlone
            | Self::Twice
            | Self::Missing
            | Self::Empty
            | Self::Version10
            | Self::Version10Missing
            | Self::Version10Twice
            | Self::AuthorityUserInfo
            | Self::AuthorityAndHost => self,
        }
    }

    pub(super) const fn in_http2(self) -> Self {
        match self {
            Self::AuthorityAndHost | Self::AuthorityAndOther(_) | Self::AuthorityUserInfo => self,
            Self::AbsoluteOther(other) | Self::ThenOther(other) => {
                if other.spelling.fits_authority() {
                    Self::AuthorityAndOther(other)
                } else {
                    Self::Host
                }
            }
            Self::Absolute | Self::Twice => Self::AuthorityAndHost,
            Self::AbsoluteUserInfo => Self::AuthorityUserInfo,
            Self::Host
            | Self::AbsoluteScheme
            | Self::AbsoluteAlone
            | Self::Missing
            | Self::Empty
            | Self::Version10
            | Self::Version10Missing
            | Self::Version10Twice => Self::Host,
        }
    }

    /// Whether the request is HTTP/1.0.
    #[must_use]
    pub const fn is_version10(self) -> bool {
        matches!(self, Self::Version10 | Self::Version10Missing | Self::Version10Twice)
    }

    /// The same in HTTP/1.1.
    #[must_use]
    pub const fn in_version11(self) -> Self {
        match self {
            Self::Version10 => Self::Host,
            Self::Version10Missing => Self::Missing,
            Self::Version10Twice => Self::Twice,
            Self::Host
            | Self::Absolute
            | Self::AbsoluteOther(_)
            | Self::AbsoluteUserInfo
            | Self::AbsoluteScheme
            | Self::AbsoluteAlone
            | Self::Twice
            | Self::ThenOther(_)
            | Self::Missing
            | Self::Empty
            | Self::AuthorityUserInfo
            | Self::AuthorityAndHost
            | Self::AuthorityAndOther(_) => self,
        }
    }

    pub(super) const fn in_http1(self) -> Self {
        match self {
            Self::AuthorityAndHost => Self::Absolute,
            Self::AuthorityUserInfo => Self::AbsoluteUserInfo,
            Self::AuthorityAndOther(other) => Self::AbsoluteOther(other),
            Self::Host
            | Self::Absolute
            | Self::AbsoluteOther(_)
            | Self::AbsoluteUserInfo
            | Self::AbsoluteScheme
            | Self::AbsoluteAlone
            | Self::Twice
            | Self::ThenOther(_)
            | Self::Missing
            | Self::Empty
            | Self::Version10
            | Self::Version10Missing
            | Self::Version10Twice => self,
        }
    }
}

/// The server name of the TLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sni {
    /// The plain host that the request asks for.
    Same,
    /// None.
    Missing,
    /// The single-level host of another deployment.
    Of(u8),
}
