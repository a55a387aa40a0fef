//! A call to the hooks worker: a provider's webhook, or what pretends to be one.

use serde::{Deserialize, Serialize};

use super::{Carrier, HostLine};
use crate::action::Method;
use crate::action::header::NameSpelling;

/// A request to the hooks worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCall {
    /// Who sends it: his request canary marks its body.
    pub sender: u8,
    /// How it is carried.
    pub carrier: Carrier,
    /// The method; with the right secret anything but POST is 405.
    pub method: Method,
    /// Whose path is asked for.
    pub path: HookPath,
    /// The secret.
    pub secret: SecretRef,
    /// Where the secret is written.
    pub field: SecretField,
    /// The body.
    pub body: HookBody,
    /// The deployment whose id and host query and headers name besides, if they do.
    pub names: Option<u8>,
    /// How the container answers, should it be delivered.
    pub container: HookReply,
}

impl HookCall {
    /// A provider's update for a connection, with the right secret.
    #[must_use]
    pub const fn plain(sender: u8, connection: u8) -> Self {
        Self {
            sender,
            carrier: Carrier::plain(),
            method: Method::Post,
            path: HookPath::Of(connection),
            secret: SecretRef::Own,
            field: SecretField::Own(NameSpelling::Canonical),
            body: HookBody::Update,
            names: None,
            container: HookReply::Ok,
        }
    }

    /// Takes out what can't be carried, or would not mean what it says.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        self.carrier = self.carrier.canonical();
        if self.carrier.host == HostLine::Absolute {
            self.carrier.host = HostLine::Plain;
        }
        self.carrier.headers.retain(|header| !matches!(header, super::EdgeHeader::ConnectedAccount(_)));
        if !self.method.may_carry_body() {
            self.body = HookBody::Empty;
        }
        if self.method == Method::Connect {
            self.carrier.transport = self.carrier.transport.as_http1();
        }
        if !self.path.takes_query() {
            self.names = None;
        }
        self
    }
}

/// The path of a webhook. Every one but the first two is 412 whatever the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookPath {
    /// `/{external id}` of a connection. One that takes no webhooks has no secret, so none is right.
    Of(u8),
    /// The same with `?a=b` behind: the same path.
    Query(u8),
    /// The external id in its other case: nobody's, or another tenant's.
    OtherCase(u8),
    /// The external id without its last character: nobody's, or another connection's.
    Cut(u8),
    /// The external id with `0` behind: nobody's.
    Extended(u8),
    /// The connection's id instead of its external id.
    ConnectionId(u8),
    /// `/{external id}/`
    TrailingSlash(u8),
    /// `/{external id}/x`
    Deeper(u8),
    /// `//{external id}`
    DoubleSlash(u8),
    /// `/x/../{external id}`
    DotDot(u8),
    /// `/{external id}` with its first letter percent-encoded.
    Encoded(u8),
    /// `/{external id}%00`
    Nul(u8),
    /// `/hook-that-never-was`
    Unknown,
    /// `/*`: no external id at all.
    Star,
    /// `/conn:{external id}`: no external id at all.
    Colon(u8),
    /// 129 characters: no external id at all.
    Long,
    /// `/`
    Root,
}

impl HookPath {
    /// Those that are wrong for whatever connection.
    pub const NOWHERE: [Self; 5] = [Self::Unknown, Self::Star, Self::Long, Self::Root, Self::Colon(0)];

    /// The connection that the path is, or is near to.
    #[must_use]
    pub const fn near(self) -> Option<u8> {
        match self {
            Self::Of(connection)
            | Self::Query(connection)
            | Self::OtherCase(connection)
            | Self::Cut(connection)
            | Self::Extended(connection)
            | Self::ConnectionId(connection)
            | Self::TrailingSlash(connection)
            | Self::Deeper(connection)
            | Self::DoubleSlash(connection)
            | Self::DotDot(connection)
            | Self::Encoded(connection)
            | Self::Nul(connection)
            | Self::Colon(connection) => Some(connection),
            Self::Unknown | Self::Star | Self::Long | Self::Root => None,
        }
    }

    const fn takes_query(self) -> bool {
        matches!(self, Self::Of(_) | Self::Unknown)
    }
}

/// The secret that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretRef {
    /// That of the connection which the path is or is near to, as it is now.
    Own,
    /// That which the connection began with: wrong once it was replaced.
    Old,
    /// Another connection's.
    Of(u8),
    /// 32 characters that are nobody's.
    Wrong,
    /// No field.
    Missing,
    /// An empty field.
    Empty,
    /// The own one without its last character.
    Cut,
    /// The own one with a character behind.
    Extended,
    /// The own one in its other case.
    OtherCase,
    /// The webhook secret of an app, which only signs.
    OfApp(u8),
    /// The own one in two fields: wrong.
    Twice,
    /// The own one in a first field, a wrong one in a second: wrong.
    ThenWrong,
    /// A wrong one in a first field, the own one in a second: wrong.
    AfterWrong,
    /// The own one and a wrong one with a comma between: wrong.
    CommaList,
}

impl SecretRef {
    /// Those that name neither another connection nor an app.
    pub const ALONE: [Self; 12] = [
        Self::Own,
        Self::Old,
        Self::Wrong,
        Self::Missing,
        Self::Empty,
        Self::Cut,
        Self::Extended,
        Self::OtherCase,
        Self::Twice,
        Self::ThenWrong,
        Self::AfterWrong,
        Self::CommaList,
    ];
}

/// Where a secret is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretField {
    /// In the provider's header, `X-Telegram-Bot-Api-Secret-Token` or `X-Webhook-Secret`. In a spelling with
    /// underscores it is another header.
    Own(NameSpelling),
    /// In the other provider's header: wrong.
    Other,
    /// In `Authorization: Bearer`: wrong.
    Authorization,
    /// In the query as `secret`: wrong.
    Query,
}

/// The body of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookBody {
    /// None.
    Empty,
    /// A JSON object with the sender's canary.
    Update,
    /// The same in chunks.
    Chunked,
    /// White space and member order that only a raw copy keeps.
    Odd,
    /// A JSON object that names a deployment, its tenant and its host.
    Names(u8),
    /// 1 MiB: the largest that is delivered.
    Largest,
    /// One byte more: 413 with the right secret, unread without.
    TooLarge,
}

/// How a container answers a webhook. The sender gets its status and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookReply {
    /// 200 with the deployment's page.
    Ok,
    /// 202 without a body.
    Accepted,
    /// 404 with the page.
    NotFound,
    /// 500 with the page.
    Error,
    /// 302 to another deployment's host.
    Redirect(u8),
    /// 307 to a server that is watched.
    RedirectStray,
    /// 200 with cookies and headers of the platform's.
    WithHeaders,
    /// Bytes that aren't HTTP: 502.
    Garbage,
    /// Nothing: it closes. 502.
    ClosesAtOnce,
}

impl HookReply {
    /// Those that name no deployment.
    pub const ALONE: [Self; 8] = [
        Self::Ok,
        Self::Accepted,
        Self::NotFound,
        Self::Error,
        Self::RedirectStray,
        Self::WithHeaders,
        Self::Garbage,
        Self::ClosesAtOnce,
    ];
}
