//! Bearer keys: which one is meant, and where and how it is written.

use serde::{Deserialize, Serialize};

/// A key as a call presents it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Presented {
    /// Which key, or what stands in its place.
    pub key: KeyRef,
    /// Where it is written.
    pub how: KeyCarrier,
}

impl Presented {
    /// A key of the world, as a client library sends it.
    #[must_use]
    pub const fn key(key: u8) -> Self {
        Self { key: KeyRef::Key(key), how: KeyCarrier::Authorization }
    }

    /// No key.
    #[must_use]
    pub const fn none() -> Self {
        Self { key: KeyRef::None, how: KeyCarrier::Authorization }
    }
}

/// What is presented for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyRef {
    /// A key of the world.
    Key(u8),
    /// The key that the control plane issued as the case's nth; one that was never issued, if there is none.
    Issued(u8),
    /// A well-formed key that was never issued.
    NeverIssued,
    /// A key of the world, made into what is none.
    Malformed {
        /// The key.
        key: u8,
        /// How.
        kind: BadBearer,
    },
    /// The SHA-256 that the platform stores of a key, in hex.
    HashOf(u8),
    /// What the platform shows of a key.
    PrefixOf(u8),
    /// Nothing: whatever the carrier, no field is sent.
    None,
}

/// What is no key, or nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadBearer {
    /// `vendo_pk_` in front.
    OtherPrefix,
    /// `VENDO_SK_` in front.
    UpperPrefix,
    /// Without its prefix.
    NoPrefix,
    /// The prefix alone.
    PrefixAlone,
    /// One character short.
    Short,
    /// One character more.
    Long,
    /// `+` for the last character.
    OtherCharacter,
    /// A percent-encoded last character.
    PercentEncoded,
    /// Every letter behind the prefix in its other case: well-formed, and nobody's.
    OtherCase,
    /// The last character altered: well-formed, and nobody's.
    Altered,
    /// The key twice, one behind the other.
    Doubled,
    /// In quotes.
    Quoted,
}

impl BadBearer {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::OtherPrefix,
        Self::UpperPrefix,
        Self::NoPrefix,
        Self::PrefixAlone,
        Self::Short,
        Self::Long,
        Self::OtherCharacter,
        Self::PercentEncoded,
        Self::OtherCase,
        Self::Altered,
        Self::Doubled,
        Self::Quoted,
    ];
}

/// Where a key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyCarrier {
    /// `Authorization: Bearer {key}`: good.
    Authorization,
    /// `x-api-key: {key}`: good.
    ApiKey,
    /// Both: good.
    BothSame,
    /// `Authorization: Bearer {key}` and another in `x-api-key`: no key.
    BothDiffer(KeyRef),
    /// Two `Authorization` fields: no key, even if the second is the same.
    TwoAuthorizations {
        /// In the second field.
        second: KeyRef,
    },
    /// Two `x-api-key` fields: no key, even if the second is the same.
    TwoApiKeys {
        /// In the second field.
        second: KeyRef,
    },
    /// A good `x-api-key`, and `Authorization: Basic dTpw` beside it: no key.
    BasicBeside,
    /// `Authorization` in another form.
    Scheme(SchemeSpelling),
    /// A pair of the query: no key.
    Query(QueryField),
    /// `Cookie: {name}={key}`: no key.
    Cookie(CookieField),
    /// Another header: no key.
    OtherHeader(KeyHeader),
}

/// Forms of `Authorization`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SchemeSpelling {
    /// `bearer {key}`: good.
    Lower,
    /// `BEARER {key}`: good.
    Upper,
    /// `BeArEr {key}`: good.
    Mixed,
    /// `Bearer  {key}` with two spaces: no key.
    TwoSpaces,
    /// `Bearer\t{key}`: no key.
    Tab,
    /// `Bearer{key}`: no key.
    NoSpace,
    /// `{key}`: no key.
    NoScheme,
    /// `Basic {key}`: no key.
    Basic,
    /// `Token {key}`: no key.
    Token,
    /// `Bearer: {key}`: no key.
    Colon,
    /// `Bearer {key}, Bearer {key}`: no key.
    List,
    /// `Bearer {key} x`: no key.
    More,
}

impl SchemeSpelling {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Lower,
        Self::Upper,
        Self::Mixed,
        Self::TwoSpaces,
        Self::Tab,
        Self::NoSpace,
        Self::NoScheme,
        Self::Basic,
        Self::Token,
        Self::Colon,
        Self::List,
        Self::More,
    ];

    /// Whether it presents the key.
    #[must_use]
    pub const fn is_good(self) -> bool {
        match self {
            Self::Lower | Self::Upper | Self::Mixed => true,
            Self::TwoSpaces
            | Self::Tab
            | Self::NoSpace
            | Self::NoScheme
            | Self::Basic
            | Self::Token
            | Self::Colon
            | Self::List
            | Self::More => false,
        }
    }

    /// The value of the field.
    #[must_use]
    pub fn text(self, key: &str) -> String {
        match self {
            Self::Lower => format!("bearer {key}"),
            Self::Upper => format!("BEARER {key}"),
            Self::Mixed => format!("BeArEr {key}"),
            Self::TwoSpaces => format!("Bearer  {key}"),
            Self::Tab => format!("Bearer\t{key}"),
            Self::NoSpace => format!("Bearer{key}"),
            Self::NoScheme => key.to_owned(),
            Self::Basic => format!("Basic {key}"),
            Self::Token => format!("Token {key}"),
            Self::Colon => format!("Bearer: {key}"),
            Self::List => format!("Bearer {key}, Bearer {key}"),
            Self::More => format!("Bearer {key} x"),
        }
    }
}

/// Pairs of a query that could be taken for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueryField {
    /// `key`
    Key,
    /// `api_key`
    ApiKey,
    /// `access_token`
    AccessToken,
    /// `authorization`, and `Bearer%20` before the key.
    Authorization,
}

impl QueryField {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Key, Self::ApiKey, Self::AccessToken, Self::Authorization];
}

/// Cookies that could be taken for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CookieField {
    /// `api_key`
    ApiKey,
    /// `authorization`
    Authorization,
    /// `vendoAuth`
    Session,
    /// `__Host-vendo_session`
    Dashboard,
}

impl CookieField {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ApiKey, Self::Authorization, Self::Session, Self::Dashboard];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Authorization => "authorization",
            Self::Session => "vendoAuth",
            Self::Dashboard => "__Host-vendo_session",
        }
    }
}

/// Headers that could be taken for a key's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyHeader {
    /// `X-Vendo-Api-Key`
    VendoApiKey,
    /// `X-Authorization`
    Authorization,
    /// `Api-Key`
    ApiKey,
    /// `X_Api_Key`
    Underscore,
    /// `Proxy-Authorization: Bearer {key}`
    Proxy,
    /// `X-Goog-Api-Key`
    GoogApiKey,
    /// `XI-Api-Key`
    XiApiKey,
}

impl KeyHeader {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::VendoApiKey,
        Self::Authorization,
        Self::ApiKey,
        Self::Underscore,
        Self::Proxy,
        Self::GoogApiKey,
        Self::XiApiKey,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::VendoApiKey => "X-Vendo-Api-Key",
            Self::Authorization => "X-Authorization",
            Self::ApiKey => "Api-Key",
            Self::Underscore => "X_Api_Key",
            Self::Proxy => "Proxy-Authorization",
            Self::GoogApiKey => "X-Goog-Api-Key",
            Self::XiApiKey => "XI-Api-Key",
        }
    }
}
