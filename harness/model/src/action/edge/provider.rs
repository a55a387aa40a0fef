//! A call to a provider proxy: which adapter, which route, what it asks, and how its upstream answers.

mod ask;
mod upstream;

use serde::{Deserialize, Serialize};

pub use ask::{Ask, ComposioAction, JobRef, Listing, PathModel, PathSpelling, Route, SpellingMeans};
pub use upstream::{EchoForm, ErrorStatus, Lie, RedirectTo, UpstreamHeader, UpstreamKind, UpstreamReply, Usage};

use super::{Carrier, Door, Presented};
use crate::action::Method;
use crate::world::edge::Provider;

/// A request to a provider proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderCall {
    /// Who sends it: his request canary marks its body. Says nothing of the key that is presented.
    pub sender: u8,
    /// How it is carried.
    pub carrier: Carrier,
    /// The key.
    pub presented: Presented,
    /// Which proxy is asked.
    pub adapter: AdapterHost,
    /// Method and path.
    pub ask: Ask,
    /// What the query holds, in its order.
    pub query: Vec<QueryPair>,
    /// The body. Routes that have none leave it out.
    pub payload: Payload,
    /// How the upstream answers, should the call reach it.
    pub upstream: UpstreamReply,
    /// Whether the client stays to the end.
    pub client: ClientEnd,
}

impl ProviderCall {
    /// A key's plain call of a route, which its upstream answers well.
    #[must_use]
    pub fn plain(sender: u8, key: u8, adapter: Provider, route: Route) -> Self {
        Self {
            sender,
            carrier: Carrier::plain(),
            presented: Presented::key(key),
            adapter: AdapterHost::Provider(adapter),
            ask: Ask::of(route),
            query: Vec::new(),
            payload: Payload::plain(),
            upstream: UpstreamReply::plain(),
            client: ClientEnd::Reads,
        }
    }

    /// Takes out what can't be carried, or would not mean what it says.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        self.carrier = self.carrier.canonical();
        self.adapter = self.adapter.canonical(self.carrier.door);
        self.ask = self.ask.canonical(self.carrier.transport.is_http2());
        if self.carrier.host.is_refused() && self.ask.spelling.is_not_origin_form() {
            self.ask.spelling = PathSpelling::Plain;
        }
        if self.ask.preflight {
            // A preflight is what a browser sends of itself: no key, no body, nothing of the route's.
            self.ask.method = Some(Method::Options);
        }
        let adapter = self.adapter.meant();
        if adapter != Some(Provider::Composio) {
            let other = |header: &super::EdgeHeader| !matches!(header, super::EdgeHeader::ConnectedAccount(_));
            self.carrier.headers.retain(other);
        }
        if self.ask.spelling.holds_query() {
            self.query.clear();
        }
        self.upstream = self.upstream.canonical(adapter, self.ask.route);
        if !self.upstream.kind.is_stream() {
            self.client = ClientEnd::Reads;
        }
        if self.client != ClientEnd::Reads {
            self.carrier.transport = self.carrier.transport.as_http1();
            self.carrier.reuse = false;
        }
        if matches!(self.ask.method, Some(Method::Head)) {
            // An answer to HEAD has no body, whatever the upstream would say of its length.
            self.upstream = UpstreamReply::plain();
            self.client = ClientEnd::Reads;
        }
        self
    }
}

/// Which proxy is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdapterHost {
    /// `{slug}-proxy.vendo.run`, or the adapter's own listener. One of [`Provider::ADAPTERS`]; another stands for the
    /// first of them.
    Provider(Provider),
    /// A host near an adapter's, which is none: 404. At the front door alone.
    Near(Provider, NearAdapter),
    /// `{slug}-proxy.vendo.run` of a provider that has no adapter: 404. At the front door alone.
    WithoutAdapter(Provider),
    /// `mistral-proxy.vendo.run`, which is nobody's: 404. At the front door alone.
    Unknown,
}

impl AdapterHost {
    /// The adapter that is meant; `None` where there is none.
    #[must_use]
    pub const fn meant(self) -> Option<Provider> {
        match self {
            Self::Provider(provider) if provider.is_adapter() => Some(provider),
            Self::Provider(_) => Some(Provider::Openai),
            Self::Near(..) | Self::WithoutAdapter(_) | Self::Unknown => None,
        }
    }

    fn canonical(self, door: Door) -> Self {
        match self {
            Self::Provider(provider) if !provider.is_adapter() => Self::Provider(Provider::Openai),
            Self::WithoutAdapter(provider) if provider.is_adapter() => Self::Provider(provider),
            Self::Provider(_) => self,
            Self::Near(provider, _) if door == Door::Listener => Self::Provider(provider).canonical(door),
            Self::WithoutAdapter(_) | Self::Unknown if door == Door::Listener => Self::Provider(Provider::Openai),
            Self::Near(..) | Self::WithoutAdapter(_) | Self::Unknown => self,
        }
    }

    /// The first label of its host.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::Provider(provider) | Self::WithoutAdapter(provider) => format!("{}-proxy", provider.slug()),
            Self::Near(provider, near) => near.label(provider.slug()),
            Self::Unknown => "mistral-proxy".to_owned(),
        }
    }
}

/// Labels near an adapter's that end in `-proxy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NearAdapter {
    /// `x{slug}-proxy`
    Prefixed,
    /// `{slug}x-proxy`
    Suffixed,
    /// `{slug}--proxy`
    DoubledHyphen,
    /// `{slug}-proxy-proxy`
    DoubledProxy,
    /// `{slug}-api-proxy`
    Longer,
    /// The slug without its last letter.
    Cut,
}

impl NearAdapter {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Prefixed, Self::Suffixed, Self::DoubledHyphen, Self::DoubledProxy, Self::Longer, Self::Cut];

    fn label(self, slug: &str) -> String {
        match self {
            Self::Prefixed => format!("x{slug}-proxy"),
            Self::Suffixed => format!("{slug}x-proxy"),
            Self::DoubledHyphen => format!("{slug}--proxy"),
            Self::DoubledProxy => format!("{slug}-proxy-proxy"),
            Self::Longer => format!("{slug}-api-proxy"),
            Self::Cut => format!("{}-proxy", slug.get(..slug.len().saturating_sub(1)).unwrap_or("x")),
        }
    }
}

/// A pair of the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueryPair {
    /// `q{n}=a%20b`: goes on as it is written.
    Plain(u8),
    /// `tenant_id={id}`: goes on, and names nothing.
    Tenant(u8),
    /// `connection={id}`: goes on, and names nothing.
    Connection(u8),
    /// `{key|api_key|access_token}=caller-credential`: never goes on.
    Credential(QueryCredential),
    /// `note={a key}`: never goes on.
    Bearer(u8),
    /// `note={a key with its underscores percent-encoded}`: never goes on.
    EncodedBearer(u8),
    /// `{name}={an external account's id}`: doesn't go on to composio, which would use the account.
    Account(AccountName, u8),
}

/// What composio's clients name an account or its owner by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountName {
    /// `connected_account_id`
    ConnectedAccountId,
    /// `connectedAccountId`
    ConnectedAccountIdCamel,
    /// `entity_id`
    EntityId,
    /// `entityId`
    EntityIdCamel,
    /// `user_id`
    UserId,
    /// `userId`
    UserIdCamel,
}

impl AccountName {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::ConnectedAccountId,
        Self::ConnectedAccountIdCamel,
        Self::EntityId,
        Self::EntityIdCamel,
        Self::UserId,
        Self::UserIdCamel,
    ];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConnectedAccountId => "connected_account_id",
            Self::ConnectedAccountIdCamel => "connectedAccountId",
            Self::EntityId => "entity_id",
            Self::EntityIdCamel => "entityId",
            Self::UserId => "user_id",
            Self::UserIdCamel => "userId",
        }
    }
}

/// One more member of a body, which some server would go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExtraMember {
    /// An external account's id under one of composio's names: a bad request there.
    Account(AccountName, u8),
    /// `"toolkit": "{slug}"`: goes on, and says nothing of the binding that is needed.
    Toolkit(Provider),
    /// `"usage": {"include": false}`: openrouter's proxy asks for usage in a stream all the same.
    NoUsage,
}

/// Pairs in which providers take credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueryCredential {
    /// `key`
    Key,
    /// `api_key`
    ApiKey,
    /// `access_token`
    AccessToken,
}

impl QueryCredential {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Key, Self::ApiKey, Self::AccessToken];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::ApiKey => "api_key",
            Self::AccessToken => "access_token",
        }
    }
}

/// The body of a call, a JSON object that fits the route unless the shape says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Payload {
    /// The model that it names, on routes where the body names one.
    pub model: ModelName,
    /// `"stream": true`
    pub stream: bool,
    /// The tenant that it names besides, at the top and nested, if it does.
    pub names_tenant: Option<u8>,
    /// One more member, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<ExtraMember>,
    /// What shape it has.
    pub shape: BodyShape,
    /// How long its text is, roughly, in characters: the text begins with the sender's canary.
    pub text: u16,
}

impl Payload {
    /// A short question to the adapter's first model.
    #[must_use]
    pub const fn plain() -> Self {
        Self {
            model: ModelName::Listed(0),
            stream: false,
            names_tenant: None,
            member: None,
            shape: BodyShape::Whole,
            text: 0,
        }
    }
}

/// The model that a body names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelName {
    /// One that has rates: of [`Provider::models`], read modulo their number.
    Listed(u8),
    /// The same in upper case: it has no rate.
    OtherCase(u8),
    /// The same with a space behind: it has no rate.
    TrailingSpace(u8),
    /// The same with `-latest` behind: it has no rate.
    Suffixed(u8),
    /// The same behind the provider's name and a slash: it has no rate.
    Prefixed(u8),
    /// The same with its first letter as `\u` and four hexadecimal digits in JSON: the same name.
    Escaped(u8),
    /// One that nobody has.
    Unlisted,
    /// The member is left out: the adapter's default where it has one (elevenlabs, assemblyai), else a bad request.
    Missing,
    /// A number: a bad request.
    Number,
    /// `null`: a bad request.
    Null,
    /// An array of a listed one: a bad request.
    Array(u8),
    /// Empty: it has no rate.
    Empty,
}

/// The shape of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BodyShape {
    /// The whole object, with its length.
    Whole,
    /// The whole object, in chunks.
    Chunked,
    /// White space around and within it.
    Spaced,
    /// The member that names the model stands there twice, the second time with the adapter's other model: a bad
    /// request. On routes where the body names none, another member does.
    DuplicateModel,
    /// Another member stands there twice: a bad request.
    DuplicateOther,
    /// A member twice, once with an escape in its name: a bad request.
    DuplicateEscaped,
    /// The model's member once more inside another member: good.
    NestedModel,
    /// An array that holds the object: a bad request.
    Array,
    /// Not JSON: a bad request.
    NotJson,
    /// The object without its last byte: a bad request.
    Cut,
    /// The object and more behind it: a bad request.
    Trailing,
    /// Bytes that are no UTF-8 in a string: a bad request.
    NotUtf8,
    /// A byte order mark before the object: a bad request.
    Bom,
    /// No byte: a bad request.
    Empty,
    /// `Content-Encoding: gzip`, whatever the bytes: a bad request.
    Gzip,
    /// `Content-Encoding: identity`: a bad request as well, since the header is there.
    Identity,
    /// One byte more than 8 MiB: 413.
    TooLarge,
}

impl BodyShape {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Whole,
        Self::Chunked,
        Self::Spaced,
        Self::DuplicateModel,
        Self::DuplicateOther,
        Self::DuplicateEscaped,
        Self::NestedModel,
        Self::Array,
        Self::NotJson,
        Self::Cut,
        Self::Trailing,
        Self::NotUtf8,
        Self::Bom,
        Self::Empty,
        Self::Gzip,
        Self::Identity,
        Self::TooLarge,
    ];

    /// What its `Content-Encoding` says, if it has one.
    #[must_use]
    pub const fn coding(self) -> Option<&'static str> {
        match self {
            Self::Gzip => Some("gzip"),
            Self::Identity => Some("identity"),
            Self::Whole
            | Self::Chunked
            | Self::Spaced
            | Self::DuplicateModel
            | Self::DuplicateOther
            | Self::DuplicateEscaped
            | Self::NestedModel
            | Self::Array
            | Self::NotJson
            | Self::Cut
            | Self::Trailing
            | Self::NotUtf8
            | Self::Bom
            | Self::Empty
            | Self::TooLarge => None,
        }
    }

    /// Whether a metered call may have it.
    #[must_use]
    pub const fn is_good(self) -> bool {
        match self {
            Self::Whole | Self::Chunked | Self::Spaced | Self::NestedModel => true,
            Self::DuplicateModel
            | Self::DuplicateOther
            | Self::DuplicateEscaped
            | Self::Array
            | Self::NotJson
            | Self::Cut
            | Self::Trailing
            | Self::NotUtf8
            | Self::Bom
            | Self::Empty
            | Self::Gzip
            | Self::Identity
            | Self::TooLarge => false,
        }
    }
}

/// Whether the client stays to the end of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientEnd {
    /// It does.
    Reads,
    /// It reads the head and so many events of the stream, which is all that the upstream sends until then, and hangs
    /// up. HTTP/1.1 alone, and only where the upstream streams.
    HangsUpAfter(u8),
}
