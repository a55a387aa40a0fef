//! A call to the credentials worker: which token is asked for, and how the broker answers.

use serde::{Deserialize, Serialize};

use super::{Carrier, Presented};
use crate::action::Method;
use crate::world::edge::Provider;

/// A request to the credentials worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendCall {
    /// Who sends it. Says nothing of the key that is presented.
    pub sender: u8,
    /// How it is carried.
    pub carrier: Carrier,
    /// The key.
    pub presented: Presented,
    /// The method; anything but GET is 405.
    pub method: Method,
    /// What is asked for.
    pub ask: VendAsk,
    /// How the broker answers, as often as it is asked in this call.
    pub broker: BrokerReply,
}

impl VendCall {
    /// A key's plain request for a provider's token, which the broker answers well.
    #[must_use]
    pub const fn plain(sender: u8, key: u8, provider: Provider) -> Self {
        Self {
            sender,
            carrier: Carrier::plain(),
            presented: Presented::key(key),
            method: Method::Get,
            ask: VendAsk::One { provider, spelling: SlugSpelling::Plain },
            broker: BrokerReply::plain(),
        }
    }

    /// Takes out what can't be carried.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        self.carrier = self.carrier.canonical();
        self.carrier.headers.retain(|header| !matches!(header, super::EdgeHeader::ConnectedAccount(_)));
        if matches!(self.method, Method::Connect) {
            self.carrier.transport = self.carrier.transport.as_http1();
        }
        if let VendAsk::Bulk { items, .. } = &mut self.ask {
            items.truncate(6);
            if items.is_empty() {
                items.push(BulkItem::Provider(Provider::Openai));
            }
        }
        self
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VendAsk {
    /// `/{slug}`
    One {
        /// Of which provider.
        provider: Provider,
        /// How its slug is spelled.
        spelling: SlugSpelling,
    },
    /// `/v1/{ENV}`
    Env {
        /// Of which provider.
        provider: Provider,
        /// How its variable is spelled.
        spelling: EnvSpelling,
    },
    /// `/_bulk?slugs={items}`: one to six of them.
    Bulk {
        /// In their order; one that is there twice is answered once.
        items: Vec<BulkItem>,
        /// How the list is written.
        spelling: BulkSpelling,
    },
    /// Another path.
    Odd(OddVendPath),
}

/// How a slug is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlugSpelling {
    /// `slack`
    Plain,
    /// `slack?x=1`: the same.
    Query,
    /// `SLACK`: 404.
    Upper,
    /// `Slack`: 404.
    Capital,
    /// `%73lack`: 404.
    EncodedLetter,
    /// `slack%20`: 404.
    EncodedSpace,
    /// `slack/`: 404.
    TrailingSlash,
    /// `slackx`: 404.
    Longer,
    /// `slac`: 404.
    Shorter,
    /// `slack%2f`: 404.
    EncodedSlash,
    /// `slack;x`: 404.
    Semicolon,
    /// `x/../slack`: 400.
    DotDot,
    /// `x/%2e%2e/slack`: 400.
    EncodedDots,
    /// `/slack` behind the first slash: 400.
    DoubleSlash,
    /// `slack%00`: 400.
    Nul,
}

impl SlugSpelling {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Plain,
        Self::Query,
        Self::Upper,
        Self::Capital,
        Self::EncodedLetter,
        Self::EncodedSpace,
        Self::TrailingSlash,
        Self::Longer,
        Self::Shorter,
        Self::EncodedSlash,
        Self::Semicolon,
        Self::DotDot,
        Self::EncodedDots,
        Self::DoubleSlash,
        Self::Nul,
    ];
}

/// How a variable is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvSpelling {
    /// `SLACK_TOKEN`
    Plain,
    /// `slack_token`: 400.
    Lower,
    /// `1SLACK_TOKEN`: 400.
    Digit,
    /// `SLACK-TOKEN`: 400.
    Hyphen,
    /// 65 characters: 400.
    Long,
    /// Nothing: 400.
    Empty,
    /// `SLACK_TOKEN_X`: 404, since nobody has it.
    Longer,
    /// `DATABASE_URL`: 404.
    Unknown,
    /// `SLACK%5FTOKEN`: 400.
    Encoded,
    /// `../SLACK_TOKEN`: 400.
    DotDot,
}

impl EnvSpelling {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Plain,
        Self::Lower,
        Self::Digit,
        Self::Hyphen,
        Self::Long,
        Self::Empty,
        Self::Longer,
        Self::Unknown,
        Self::Encoded,
        Self::DotDot,
    ];
}

/// One of several that are asked for at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BulkItem {
    /// A provider's slug.
    Provider(Provider),
    /// A slug in upper case: null.
    Upper(Provider),
    /// `nobody`: null.
    Unknown,
}

/// How a list of slugs is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BulkSpelling {
    /// `slugs=a,b`
    Plain,
    /// `x=1&slugs=a,b&y=2`: the same.
    Among,
    /// `slugs=a,b&slugs=a`: 400.
    Twice,
    /// `slugs=`: 400.
    Empty,
    /// No `slugs`: 400.
    Missing,
    /// 51 of them: 400.
    TooMany,
}

impl BulkSpelling {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Plain, Self::Among, Self::Twice, Self::Empty, Self::Missing, Self::TooMany];

    /// Whether the list is read.
    #[must_use]
    pub const fn is_good(self) -> bool {
        match self {
            Self::Plain | Self::Among => true,
            Self::Twice | Self::Empty | Self::Missing | Self::TooMany => false,
        }
    }
}

/// Paths of the credentials worker that are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OddVendPath {
    /// `/`: 404.
    Root,
    /// `/v1`: 404, as a slug that no provider has.
    V1,
    /// `/slack/refresh`: 404.
    Refresh,
    /// `/_all`: 404.
    All,
    /// `/slack/token/raw`: 404.
    Deeper,
    /// `/connections/{id}` of a connection: 404.
    Connection(u8),
}

/// How the broker answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrokerReply {
    /// 200 with access and refresh token: those of [`crate::world::edge::EdgeWorld::broker_token`] with the case's
    /// next serial.
    Token {
        /// In how many seconds the access token expires; `null` for `None`.
        expires_in_s: Option<u16>,
    },
    /// An error whose body holds both tokens: 502.
    Error(BrokerStatus),
    /// 200 and a body that is no JSON and holds both tokens: 502.
    NotJson,
    /// 200 without an access token, with a refresh token: 502.
    NoAccessToken,
    /// 200 with a number for an access token: 502.
    NumberToken,
    /// 200 with an empty access token: 502.
    EmptyToken,
    /// A redirect to a server that is watched: 502.
    Redirect,
    /// A body that breaks off behind the tokens: 502.
    Dies,
    /// Nothing: it closes. 502.
    ClosesAtOnce,
    /// The token, and headers and a cookie that hold the refresh token.
    WithHeaders,
}

impl BrokerReply {
    /// A token without an end.
    #[must_use]
    pub const fn plain() -> Self {
        Self::Token { expires_in_s: None }
    }

    /// Those that give no token.
    pub const BROKEN: [Self; 10] = [
        Self::Error(BrokerStatus::BadRequest),
        Self::Error(BrokerStatus::Unauthorized),
        Self::Error(BrokerStatus::Internal),
        Self::NotJson,
        Self::NoAccessToken,
        Self::NumberToken,
        Self::EmptyToken,
        Self::Redirect,
        Self::Dies,
        Self::ClosesAtOnce,
    ];

    /// Whether it gives a token.
    #[must_use]
    pub const fn gives_token(self) -> bool {
        match self {
            Self::Token { .. } | Self::WithHeaders => true,
            Self::Error(_)
            | Self::NotJson
            | Self::NoAccessToken
            | Self::NumberToken
            | Self::EmptyToken
            | Self::Redirect
            | Self::Dies
            | Self::ClosesAtOnce => false,
        }
    }
}

/// The broker's own errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrokerStatus {
    /// 400
    BadRequest,
    /// 401
    Unauthorized,
    /// 500
    Internal,
}

impl BrokerStatus {
    /// The status.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Internal => 500,
        }
    }
}
