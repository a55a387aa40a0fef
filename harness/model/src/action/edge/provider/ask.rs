//! Routes of the adapters, and the ways in which a path can be spelled.

use serde::{Deserialize, Serialize};

use crate::action::Method;
use crate::world::edge::Provider;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ask {
    /// The route.
    pub route: Route,
    /// How its path is spelled.
    pub spelling: PathSpelling,
    /// The method; the route's own for `None`.
    pub method: Option<Method>,
    /// As a browser's preflight: OPTIONS, `Origin` and `Access-Control-Request-Method`, without key and body. It is
    /// answered at once, whatever adapter and route.
    pub preflight: bool,
}

impl Ask {
    /// A route as it is meant.
    #[must_use]
    pub const fn of(route: Route) -> Self {
        Self { route, spelling: PathSpelling::Plain, method: None, preflight: false }
    }

    pub(super) fn canonical(mut self, http2: bool) -> Self {
        if http2 && self.spelling.is_not_origin_form() {
            self.spelling = PathSpelling::Plain;
        }
        if self.spelling == PathSpelling::Upper && self.route.is_telegrams() {
            // A bot's method in upper case is another of its methods.
            self.spelling = PathSpelling::Plain;
        }
        if let Route::Listing(_) = self.route {
            // By another method its path may be another route.
            self.method = None;
        }
        if self.route == Route::Root
            && matches!(self.spelling, PathSpelling::TrailingSlash | PathSpelling::Deeper | PathSpelling::Joined)
        {
            // They would double its slash, which is what another spelling says.
            self.spelling = PathSpelling::Plain;
        }
        if self.method == Some(self.route.method()) {
            self.method = None;
        }
        self
    }

    /// The method that is sent.
    #[must_use]
    pub fn method_sent(self) -> Method {
        if self.preflight { Method::Options } else { self.method.unwrap_or(self.route.method()) }
    }
}

/// A route of some adapter. Any may be asked for at any adapter: where it isn't the adapter's, it is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// `POST /v1/chat/completions`: metered at openai, and at openrouter with `/api` prepended.
    Chat,
    /// `POST /api/v1/chat/completions`: metered at openrouter.
    ApiChat,
    /// `POST /v1/completions`: metered at openai, and at openrouter with `/api` prepended.
    Completions,
    /// `POST /api/v1/completions`: metered at openrouter. At muapi a model without a rate.
    ApiCompletions,
    /// `POST /v1/responses`: metered at openai.
    Responses,
    /// `POST /v1/embeddings`: metered at openai.
    Embeddings,
    /// `GET /v1/models`: free at openai and anthropic.
    Models,
    /// `GET /v1/models/{model}`: free at openai and anthropic.
    Model(PathModel),
    /// `POST /v1/messages`: metered at anthropic.
    Messages,
    /// `POST /v1/messages/count_tokens`: free at anthropic.
    CountTokens,
    /// `POST /v1beta/models/{model}:generateContent`: metered at gemini.
    Generate(PathModel),
    /// `POST /v1beta/models/{model}:streamGenerateContent?alt=sse`: metered at gemini.
    GenerateStream(PathModel),
    /// `POST /v1/models/{model}:embedContent`: metered at gemini.
    EmbedContent(PathModel),
    /// `POST /v1/text-to-speech/{voice}`: metered at elevenlabs.
    Speech,
    /// `POST /v1/text-to-speech/{voice}/stream`: metered at elevenlabs.
    SpeechStream,
    /// `POST /v2/transcript`: metered at assemblyai. Its upstream answers with the id of [`JobRef::Of`] the key's tenant
    /// and this number.
    Transcribe(u8),
    /// `GET /v2/transcript/{id}`: metered at assemblyai. Not the caller's tenant's: 404.
    Transcript(JobRef),
    /// `POST /api/v1/{model}`: metered at muapi. Its upstream answers with the id of [`JobRef::Of`] the key's tenant and
    /// this number.
    Predict(PathModel, u8),
    /// `GET /api/v1/predictions/{id}/result`: metered at muapi, held and released. Not the caller's tenant's: 404.
    Prediction(JobRef),
    /// `POST /sendMessage`: free at telegram.
    SendMessage,
    /// `GET /getMe`: free at telegram.
    GetMe,
    /// `POST /v1/execute`: metered at composio, whose body names the toolkit.
    Execute(ComposioAction),
    /// `GET /v1/files`: blocked everywhere.
    Files,
    /// `POST /v1/organization/admin_api_keys`: blocked everywhere.
    AdminKeys,
    /// `GET /v1/credits`: blocked everywhere.
    Credits,
    /// `GET` of what a provider keeps for its customer: blocked everywhere.
    Listing(Listing),
    /// `GET /`: blocked everywhere.
    Root,
}

impl Route {
    /// Its method.
    #[must_use]
    pub const fn method(self) -> Method {
        match self {
            Self::Models
            | Self::Model(_)
            | Self::Transcript(_)
            | Self::Prediction(_)
            | Self::GetMe
            | Self::Files
            | Self::Credits
            | Self::Listing(_)
            | Self::Root => Method::Get,
            Self::Chat
            | Self::ApiChat
            | Self::Completions
            | Self::ApiCompletions
            | Self::Responses
            | Self::Embeddings
            | Self::Messages
            | Self::CountTokens
            | Self::Generate(_)
            | Self::GenerateStream(_)
            | Self::EmbedContent(_)
            | Self::Speech
            | Self::SpeechStream
            | Self::Transcribe(_)
            | Self::Predict(..)
            | Self::SendMessage
            | Self::Execute(_)
            | Self::AdminKeys => Method::Post,
        }
    }

    pub(super) const fn is_telegrams(self) -> bool {
        matches!(self, Self::SendMessage | Self::GetMe)
    }

    /// The route by which an adapter is asked the plain way.
    #[must_use]
    pub const fn main(adapter: Provider) -> Self {
        match adapter {
            Provider::Openai => Self::Chat,
            Provider::Anthropic => Self::Messages,
            Provider::Openrouter => Self::ApiChat,
            Provider::Gemini => Self::Generate(PathModel::Listed(0)),
            Provider::Elevenlabs => Self::Speech,
            Provider::Assemblyai => Self::Transcribe(0),
            Provider::Muapi => Self::Predict(PathModel::Listed(0), 0),
            Provider::Telegram => Self::GetMe,
            Provider::Composio
            | Provider::Slack
            | Provider::Notion
            | Provider::Github
            | Provider::Google
            | Provider::Discord => Self::Execute(ComposioAction::Of(Provider::Notion)),
        }
    }

    /// All routes of an adapter, with its first model and its first job where it takes one.
    #[must_use]
    pub const fn of(adapter: Provider) -> &'static [Self] {
        const MODEL: PathModel = PathModel::Listed(0);
        match adapter {
            Provider::Openai => {
                &[Self::Chat, Self::Completions, Self::Responses, Self::Embeddings, Self::Models, Self::Model(MODEL)]
            }
            Provider::Anthropic => &[Self::Messages, Self::CountTokens, Self::Models, Self::Model(MODEL)],
            Provider::Openrouter => &[Self::ApiChat, Self::Chat, Self::ApiCompletions, Self::Completions],
            Provider::Gemini => &[Self::Generate(MODEL), Self::GenerateStream(MODEL), Self::EmbedContent(MODEL)],
            Provider::Elevenlabs => &[Self::Speech, Self::SpeechStream],
            Provider::Assemblyai => &[Self::Transcribe(0), Self::Transcript(JobRef::Unknown)],
            Provider::Muapi => &[Self::Predict(MODEL, 0), Self::Prediction(JobRef::Unknown)],
            Provider::Telegram => &[Self::SendMessage, Self::GetMe],
            Provider::Composio => &[Self::Execute(ComposioAction::Of(Provider::Notion))],
            Provider::Slack | Provider::Notion | Provider::Github | Provider::Google | Provider::Discord => &[],
        }
    }
}

/// What a provider keeps for its customer, who is the platform itself where a pooled credential is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listing {
    /// openai's `/v1/fine_tuning/jobs`
    FineTunings,
    /// openai's `/v1/batches`
    Batches,
    /// anthropic's `/v1/messages/batches`
    MessageBatches,
    /// openrouter's `/api/v1/keys`
    ApiKeys,
    /// gemini's `/v1beta/files`
    UploadedFiles,
    /// gemini's `/v1beta/cachedContents`
    CachedContents,
    /// elevenlabs' `/v1/history`
    History,
    /// assemblyai's `/v2/transcript`
    Transcripts,
    /// muapi's `/api/v1/predictions`
    Predictions,
    /// composio's `/v1/connectedAccounts`
    ConnectedAccounts,
}

impl Listing {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::FineTunings,
        Self::Batches,
        Self::MessageBatches,
        Self::ApiKeys,
        Self::UploadedFiles,
        Self::CachedContents,
        Self::History,
        Self::Transcripts,
        Self::Predictions,
        Self::ConnectedAccounts,
    ];

    /// Those of an adapter.
    #[must_use]
    pub const fn of(adapter: Provider) -> &'static [Self] {
        match adapter {
            Provider::Openai => &[Self::FineTunings, Self::Batches],
            Provider::Anthropic => &[Self::MessageBatches],
            Provider::Openrouter => &[Self::ApiKeys],
            Provider::Gemini => &[Self::UploadedFiles, Self::CachedContents],
            Provider::Elevenlabs => &[Self::History],
            Provider::Assemblyai => &[Self::Transcripts],
            Provider::Muapi => &[Self::Predictions],
            Provider::Composio => &[Self::ConnectedAccounts],
            Provider::Telegram
            | Provider::Slack
            | Provider::Notion
            | Provider::Github
            | Provider::Google
            | Provider::Discord => &[],
        }
    }

    /// Its path.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::FineTunings => "/v1/fine_tuning/jobs",
            Self::Batches => "/v1/batches",
            Self::MessageBatches => "/v1/messages/batches",
            Self::ApiKeys => "/api/v1/keys",
            Self::UploadedFiles => "/v1beta/files",
            Self::CachedContents => "/v1beta/cachedContents",
            Self::History => "/v1/history",
            Self::Transcripts => "/v2/transcript",
            Self::Predictions => "/api/v1/predictions",
            Self::ConnectedAccounts => "/v1/connectedAccounts",
        }
    }
}

/// A model as a path names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathModel {
    /// One that has rates at the adapter that is asked, read modulo their number. At openai's and anthropic's free
    /// routes any will do.
    Listed(u8),
    /// The same in upper case: no rate.
    OtherCase(u8),
    /// `no-such-model`: no rate.
    Unlisted,
    /// The id of a tenant: no rate.
    TenantId(u8),
}

/// A job at a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobRef {
    /// The job of that number that a tenant's key began, or would have.
    Of {
        /// Index of the tenant.
        tenant: u8,
        /// The number that its POST named.
        job: u8,
    },
    /// One that nobody began.
    Unknown,
}

/// The action that a body names to composio. The toolkit is what stands before its first underscore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComposioAction {
    /// `{SLUG}_FETCH_DATA`: the provider's toolkit.
    Of(Provider),
    /// `STRIPE_FETCH_DATA`: a toolkit that nobody is connected to.
    UnknownToolkit,
    /// In lower case: a bad request.
    Lower(Provider),
    /// Without an underscore: a bad request.
    NoUnderscore(Provider),
    /// `_FETCH`: a bad request.
    NoToolkit,
    /// With a dot: a bad request.
    Dotted(Provider),
    /// Left out: a bad request.
    Missing,
    /// A number: a bad request.
    Number,
}

/// How a path is spelled. `{path}` is the route's plain path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathSpelling {
    /// `{path}`
    Plain,
    /// `/.{path}`
    DotSegment,
    /// `/x/..{path}`
    DotDot,
    /// `{path}/..`
    DotDotBehind,
    /// `{path}/.`
    DotBehind,
    /// `/x/%2e%2e{path}`
    EncodedDots,
    /// `/x/%2E%2E{path}`
    EncodedDotsUpper,
    /// `/x/.%2e{path}`
    HalfEncodedDots,
    /// `/x%2f..{path}`
    EncodedSlashDots,
    /// `/x/%2e%2e%2f{path without its slash}`
    EncodedDotsSlash,
    /// `/x/%252e%252e{path}`
    EncodedTwiceDots,
    /// `/x%252f%252e%252e{path}`
    EncodedTwiceSlashDots,
    /// `/x\..{path}`
    BackslashDots,
    /// `\{path without its slash}` behind the first slash.
    Backslash,
    /// `/x%5c..{path}`
    EncodedBackslash,
    /// `/x%255c..{path}`
    EncodedTwiceBackslash,
    /// `/{path}`
    DoubleSlash,
    /// `//evil.example{path}`
    DoubleSlashHost,
    /// `{path}//`
    DoubleSlashBehind,
    /// `/%2f{path without its slash}`
    EncodedDoubleSlash,
    /// `/%252f{path without its slash}`
    EncodedTwiceDoubleSlash,
    /// `/@evil.example{path}`
    At,
    /// `/%40evil.example{path}`
    EncodedAt,
    /// `{path}%0d%0aX-Evil:%201`
    CrLf,
    /// `{path}%250d%250aX-Evil:%201`
    CrLfTwice,
    /// `{path}`, a raw CR LF and `X-Evil: 1` behind: the request line ends without a version, so the parser refuses it
    /// with 400 and closes. HTTP/1.1 alone.
    RawCrLf,
    /// `{path}%0a`
    Lf,
    /// `{path}%00`
    Nul,
    /// `{path}%7f`
    Delete,
    /// `{path}` and a raw byte 0xff behind. Some parsers refuse it first, with 400 as well.
    RawHigh,
    /// `{path}%zz`
    BadPercent,
    /// `{path}%2`
    CutPercent,
    /// `/x/..;{path}`
    DotsSemicolon,
    /// `/x/..;a=b{path}`
    DotsParameter,
    /// `{path}#x`
    Fragment,
    /// `http://evil.example{path}` for a target, where the platform's host is in its field: 400. HTTP/1.1 alone.
    AbsoluteForm,
    /// `*` for a target. HTTP/1.1 alone.
    Asterisk,
    /// `{path}?` and more than 8 KiB behind.
    TooLong,
    /// `{path}/`: passes the guard, and is no route.
    TrailingSlash,
    /// `{path}/y/z`: the same.
    Deeper,
    /// The path in upper case: the same. Not on telegram's routes.
    Upper,
    /// The first letter percent-encoded: the same.
    EncodedLetter,
    /// `/v1%2f…`, the last slash of the path percent-encoded: the same.
    EncodedSlash,
    /// `{path};x`: the same.
    Semicolon,
    /// `{path}%3fx=1`: the same.
    EncodedQuestion,
    /// `/x/%25252e%25252e{path}`: encoded three times, the same.
    EncodedThrice,
    /// `/v1chat/…`, the first slash within the path left out: the same.
    Joined,
}

/// What a spelling amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpellingMeans {
    /// The route.
    Route,
    /// The path guard refuses it: 400.
    Guarded,
    /// It passes the guard and is no route: 403, for whoever's key opens the adapter.
    NoRoute,
}

impl PathSpelling {
    /// Those that the path guard refuses.
    pub const GUARDED: [Self; 37] = [
        Self::DotSegment,
        Self::DotDot,
        Self::DotDotBehind,
        Self::DotBehind,
        Self::EncodedDots,
        Self::EncodedDotsUpper,
        Self::HalfEncodedDots,
        Self::EncodedSlashDots,
        Self::EncodedDotsSlash,
        Self::EncodedTwiceDots,
        Self::EncodedTwiceSlashDots,
        Self::BackslashDots,
        Self::Backslash,
        Self::EncodedBackslash,
        Self::EncodedTwiceBackslash,
        Self::DoubleSlash,
        Self::DoubleSlashHost,
        Self::DoubleSlashBehind,
        Self::EncodedDoubleSlash,
        Self::EncodedTwiceDoubleSlash,
        Self::At,
        Self::EncodedAt,
        Self::CrLf,
        Self::CrLfTwice,
        Self::RawCrLf,
        Self::Lf,
        Self::Nul,
        Self::Delete,
        Self::RawHigh,
        Self::BadPercent,
        Self::CutPercent,
        Self::DotsSemicolon,
        Self::DotsParameter,
        Self::Fragment,
        Self::AbsoluteForm,
        Self::Asterisk,
        Self::TooLong,
    ];

    /// Those that pass the guard and are no route.
    pub const NO_ROUTE: [Self; 9] = [
        Self::TrailingSlash,
        Self::Deeper,
        Self::Upper,
        Self::EncodedLetter,
        Self::EncodedSlash,
        Self::Semicolon,
        Self::EncodedQuestion,
        Self::EncodedThrice,
        Self::Joined,
    ];

    /// What it amounts to.
    #[must_use]
    pub const fn means(self) -> SpellingMeans {
        match self {
            Self::Plain => SpellingMeans::Route,
            Self::TrailingSlash
            | Self::Deeper
            | Self::Upper
            | Self::EncodedLetter
            | Self::EncodedSlash
            | Self::Semicolon
            | Self::EncodedQuestion
            | Self::EncodedThrice
            | Self::Joined => SpellingMeans::NoRoute,
            Self::DotSegment
            | Self::DotDot
            | Self::DotDotBehind
            | Self::DotBehind
            | Self::EncodedDots
            | Self::EncodedDotsUpper
            | Self::HalfEncodedDots
            | Self::EncodedSlashDots
            | Self::EncodedDotsSlash
            | Self::EncodedTwiceDots
            | Self::EncodedTwiceSlashDots
            | Self::BackslashDots
            | Self::Backslash
            | Self::EncodedBackslash
            | Self::EncodedTwiceBackslash
            | Self::DoubleSlash
            | Self::DoubleSlashHost
            | Self::DoubleSlashBehind
            | Self::EncodedDoubleSlash
            | Self::EncodedTwiceDoubleSlash
            | Self::At
            | Self::EncodedAt
            | Self::CrLf
            | Self::CrLfTwice
            | Self::RawCrLf
            | Self::Lf
            | Self::Nul
            | Self::Delete
            | Self::RawHigh
            | Self::BadPercent
            | Self::CutPercent
            | Self::DotsSemicolon
            | Self::DotsParameter
            | Self::Fragment
            | Self::AbsoluteForm
            | Self::Asterisk
            | Self::TooLong => SpellingMeans::Guarded,
        }
    }

    pub(super) const fn is_not_origin_form(self) -> bool {
        // What HTTP/2 libraries won't send is left to HTTP/1.1 as well.
        matches!(self, Self::AbsoluteForm | Self::Asterisk | Self::RawHigh | Self::RawCrLf | Self::Fragment)
    }

    pub(super) const fn holds_query(self) -> bool {
        matches!(self, Self::TooLong | Self::Asterisk)
    }

    /// The path as it is written.
    #[must_use]
    pub fn apply(self, path: &str) -> Vec<u8> {
        let bare = path.strip_prefix('/').unwrap_or(path);
        let text = match self {
            Self::Plain => path.to_owned(),
            Self::DotSegment => format!("/.{path}"),
            Self::DotDot => format!("/x/..{path}"),
            Self::DotDotBehind => format!("{path}/.."),
            Self::DotBehind => format!("{path}/."),
            Self::EncodedDots => format!("/x/%2e%2e{path}"),
            Self::EncodedDotsUpper => format!("/x/%2E%2E{path}"),
            Self::HalfEncodedDots => format!("/x/.%2e{path}"),
            Self::EncodedSlashDots => format!("/x%2f..{path}"),
            Self::EncodedDotsSlash => format!("/x/%2e%2e%2f{bare}"),
            Self::EncodedTwiceDots => format!("/x/%252e%252e{path}"),
            Self::EncodedTwiceSlashDots => format!("/x%252f%252e%252e{path}"),
            Self::BackslashDots => format!("/x\\..{path}"),
            Self::Backslash => format!("/\\{bare}"),
            Self::EncodedBackslash => format!("/x%5c..{path}"),
            Self::EncodedTwiceBackslash => format!("/x%255c..{path}"),
            Self::DoubleSlash => format!("/{path}"),
            Self::DoubleSlashHost => format!("//evil.example{path}"),
            Self::DoubleSlashBehind => format!("{path}//"),
            Self::EncodedDoubleSlash => format!("/%2f{bare}"),
            Self::EncodedTwiceDoubleSlash => format!("/%252f{bare}"),
            Self::At => format!("/@evil.example{path}"),
            Self::EncodedAt => format!("/%40evil.example{path}"),
            Self::CrLf => format!("{path}%0d%0aX-Evil:%201"),
            Self::CrLfTwice => format!("{path}%250d%250aX-Evil:%201"),
            Self::RawCrLf => format!("{path}\r\nX-Evil: 1"),
            Self::Lf => format!("{path}%0a"),
            Self::Nul => format!("{path}%00"),
            Self::Delete => format!("{path}%7f"),
            Self::RawHigh => return [path.as_bytes(), &[0xff]].concat(),
            Self::BadPercent => format!("{path}%zz"),
            Self::CutPercent => format!("{path}%2"),
            Self::DotsSemicolon => format!("/x/..;{path}"),
            Self::DotsParameter => format!("/x/..;a=b{path}"),
            Self::Fragment => format!("{path}#x"),
            Self::AbsoluteForm => format!("http://evil.example{path}"),
            Self::Asterisk => "*".to_owned(),
            Self::TooLong => format!("{path}?{}", "a".repeat(8300)),
            Self::TrailingSlash => format!("{path}/"),
            Self::Deeper => format!("{path}/y/z"),
            Self::Upper => path.to_ascii_uppercase(),
            Self::EncodedLetter => encoded_letter(path),
            Self::EncodedSlash => match path.rsplit_once('/') {
                Some((before, behind)) if !before.is_empty() => format!("{before}%2f{behind}"),
                // Behind a slash another one would begin an authority.
                Some(_) | None => format!("{path}x%2fy"),
            },
            Self::Semicolon => format!("{path};x"),
            Self::EncodedQuestion => format!("{path}%3fx=1"),
            Self::EncodedThrice => format!("/x/%25252e%25252e{path}"),
            Self::Joined => match bare.split_once('/') {
                Some((before, behind)) => format!("/{before}{behind}"),
                // Where there is no such slash, a segment more makes the path no route as well.
                None => format!("{path}/joined"),
            },
        };
        text.into_bytes()
    }
}

fn encoded_letter(path: &str) -> String {
    let Some(at) = path.find(|c: char| c.is_ascii_alphabetic()) else { return format!("{path}%41") };
    let (before, rest) = path.split_at(at);
    let mut letters = rest.chars();
    let first = letters.next().map(|c| format!("%{:02x}", u32::from(c))).unwrap_or_default();
    format!("{before}{first}{}", letters.as_str())
}
