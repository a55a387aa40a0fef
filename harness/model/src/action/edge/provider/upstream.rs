//! How an adapter's upstream answers: well, or in every way in which a credential could come back or a bill go wrong.

use serde::{Deserialize, Serialize};

use super::Route;
use crate::world::edge::Provider;

/// An upstream's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UpstreamReply {
    /// What it sends.
    pub kind: UpstreamKind,
    /// The usage that it reports, on routes that are metered by what the upstream reports.
    pub usage: Usage,
}

impl UpstreamReply {
    /// A good answer that reports a little usage.
    #[must_use]
    pub const fn plain() -> Self {
        Self { kind: UpstreamKind::Answer, usage: Usage::Reported { input: 11, output: 7 } }
    }

    /// A good answer of this kind.
    #[must_use]
    pub const fn of(kind: UpstreamKind) -> Self {
        Self { kind, ..Self::plain() }
    }

    pub(super) fn canonical(mut self, adapter: Option<Provider>, route: Route) -> Self {
        if self.kind.is_stream() && !streams(adapter, route) {
            self.kind = UpstreamKind::Answer;
        }
        if !reports_tokens(adapter) && matches!(self.usage, Usage::Lies(_)) {
            self.usage = Usage::Missing;
        }
        self
    }
}

/// Whether an adapter's upstream can answer a route with events.
const fn streams(adapter: Option<Provider>, route: Route) -> bool {
    reports_tokens(adapter)
        && matches!(
            route,
            Route::Chat
                | Route::ApiChat
                | Route::Completions
                | Route::ApiCompletions
                | Route::Responses
                | Route::Messages
                | Route::GenerateStream(_)
        )
}

const fn reports_tokens(adapter: Option<Provider>) -> bool {
    matches!(adapter, Some(Provider::Openai | Provider::Anthropic | Provider::Openrouter | Provider::Gemini))
}

/// What an upstream sends. `C` is the credential that the proxy injected for the connection that the call is due, as
/// the model knows it: an upstream that quotes it need not read the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamKind {
    /// 200 with the JSON that the route's provider sends.
    Answer,
    /// The same in chunks.
    ChunkedAnswer,
    /// 200 with so many events of content, then what the provider ends with; usage in the place that the provider has
    /// for it. Only on routes that stream; elsewhere [`Self::Answer`].
    Stream(u8),
    /// The same, and it breaks off after so many events of content, usage unreported but for what the provider says at
    /// the beginning.
    StreamDies(u8),
    /// A JSON answer that breaks off in the middle.
    AnswerDies,
    /// An error with this status and no more than the provider's words.
    Error(ErrorStatus),
    /// An error that quotes the request's headers, `C` among them.
    ErrorQuotes(ErrorStatus),
    /// 200 with `C` in it.
    Echo(EchoForm),
    /// A redirect.
    Redirect(RedirectTo),
    /// The answer, and a header with it that must not come back.
    Header(UpstreamHeader),
    /// The answer in chunks, then trailers, `C` among them.
    Trailers,
    /// 103 with `C` in a header, then the answer.
    Interim,
    /// `Content-Encoding: gzip`: 502.
    Gzip,
    /// 101 that nobody asked for: 502.
    Unasked101,
    /// Bytes that aren't HTTP: 502.
    Garbage,
    /// Nothing: it closes. 502.
    ClosesAtOnce,
    /// A head that breaks off, `C` in it: 502.
    HeadDies,
    /// 204
    NoContent,
}

impl UpstreamKind {
    /// Those whose answer may be looked through for the credential.
    pub const QUOTING: [Self; 6] = [
        Self::ErrorQuotes(ErrorStatus::BadRequest),
        Self::ErrorQuotes(ErrorStatus::Internal),
        Self::Trailers,
        Self::Interim,
        Self::HeadDies,
        Self::Redirect(RedirectTo::WithCredential),
    ];

    /// Those that the proxy answers with its own 502.
    pub const BROKEN: [Self; 5] = [Self::Gzip, Self::Unasked101, Self::Garbage, Self::ClosesAtOnce, Self::HeadDies];

    /// Whether it ends before it should, or is no answer.
    #[must_use]
    pub const fn breaks_off(self) -> bool {
        match self {
            Self::StreamDies(_)
            | Self::AnswerDies
            | Self::Gzip
            | Self::Unasked101
            | Self::Garbage
            | Self::ClosesAtOnce
            | Self::HeadDies => true,
            Self::Answer
            | Self::ChunkedAnswer
            | Self::Stream(_)
            | Self::Error(_)
            | Self::ErrorQuotes(_)
            | Self::Echo(_)
            | Self::Redirect(_)
            | Self::Header(_)
            | Self::Trailers
            | Self::Interim
            | Self::NoContent => false,
        }
    }

    /// Whether it is a stream of events.
    #[must_use]
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::Stream(_) | Self::StreamDies(_))
    }
}

/// An upstream's own error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorStatus {
    /// 400
    BadRequest,
    /// 401: the provider refuses the credential. It passes as it is.
    Unauthorized,
    /// 404
    NotFound,
    /// 429
    TooMany,
    /// 500
    Internal,
    /// 503
    Unavailable,
}

impl ErrorStatus {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::BadRequest, Self::Unauthorized, Self::NotFound, Self::TooMany, Self::Internal, Self::Unavailable];

    /// The status.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::NotFound => 404,
            Self::TooMany => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }
}

/// Where and how a credential comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EchoForm {
    /// In the body.
    Body,
    /// Twice, one behind the other, in the body.
    BodyTwice,
    /// In the body, cut over two chunks.
    BodySplit,
    /// In the body, one byte a chunk.
    BodyDribbled,
    /// The body ends with a part of it.
    BodyEndsWithPart,
    /// In the body, in lower-case hex.
    Hex,
    /// In upper-case hex.
    HexUpper,
    /// In base64 behind so many bytes, modulo 3.
    Base64(u8),
    /// In base64 of the URL's alphabet behind so many bytes, modulo 3.
    Base64Url(u8),
    /// In a header of the answer's.
    Header,
    /// In a header of the answer's, in base64.
    HeaderBase64,
    /// In a header that is called as the one in which it was sent.
    OwnHeader,
    /// In headers that clients and servers know: a challenge, a link, an address, a tag.
    KnownHeaders,
    /// In the body, which is said to be `application/octet-stream`.
    Binary,
    /// In the body, of which nothing is said.
    Untyped,
}

impl EchoForm {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Body,
        Self::BodyTwice,
        Self::BodySplit,
        Self::BodyDribbled,
        Self::BodyEndsWithPart,
        Self::Hex,
        Self::HexUpper,
        Self::Base64(0),
        Self::Base64(1),
        Self::Base64(2),
        Self::Base64Url(0),
        Self::Base64Url(1),
        Self::Base64Url(2),
        Self::Header,
        Self::HeaderBase64,
        Self::OwnHeader,
        Self::KnownHeaders,
        Self::Binary,
        Self::Untyped,
    ];
}

/// Where an upstream's redirect leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RedirectTo {
    /// 302 to a server that belongs to nobody's provider and is watched.
    Stray,
    /// 307 to the same, which would send the body again.
    StrayAgain,
    /// 301 to another path of the upstream itself.
    OwnPath,
    /// 302 to a URL that holds `C`: the header doesn't come back.
    WithCredential,
}

impl RedirectTo {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Stray, Self::StrayAgain, Self::OwnPath, Self::WithCredential];
}

/// A header of an upstream's answer that doesn't come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamHeader {
    /// `Set-Cookie`
    SetCookie,
    /// `Set-Cookie2`
    SetCookie2,
    /// `X-Vendo-Tenant-Id`
    Vendo,
    /// `Vendo-Error-Code: app_revoked`
    ErrorCode,
    /// `Access-Control-Allow-Origin: https://evil.example` and `Access-Control-Allow-Credentials: true`
    AccessControl,
    /// `Alt-Svc`
    AltSvc,
    /// `Connection: x-internal`, and `X-Internal` itself.
    Nominated,
    /// `Keep-Alive`
    KeepAlive,
    /// `X-Request-Id`: comes back.
    Plain,
    /// `Server`: comes back.
    Server,
}

impl UpstreamHeader {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::SetCookie,
        Self::SetCookie2,
        Self::Vendo,
        Self::ErrorCode,
        Self::AccessControl,
        Self::AltSvc,
        Self::Nominated,
        Self::KeepAlive,
        Self::Plain,
        Self::Server,
    ];
}

/// The usage that an upstream reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Usage {
    /// Units of the question and of the answer. For assemblyai `input` is the seconds of a completed transcript, and an
    /// odd `output` says that its model was `nano`; where the request itself is counted it says nothing.
    Reported {
        /// Of the question.
        input: u32,
        /// Of the answer.
        output: u32,
    },
    /// None: an estimate counts. For assemblyai: the transcript isn't completed.
    Missing,
    /// What can't be believed, so that the estimate counts. Token routes alone.
    Lies(Lie),
}

/// Usage that can't be believed. The other meter is reported as 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lie {
    /// Input -1000000.
    NegativeInput,
    /// Output -1000000.
    NegativeOutput,
    /// Output 10^12 + 1.
    Huge,
    /// Output 10^12: the largest that is believed. It is charged as far as the balance goes.
    Largest,
    /// Output 2^64.
    Overflows,
    /// Output 1.5.
    Fraction,
    /// Output `"7"`.
    Text,
    /// Output `null`.
    Null,
    /// Good usage, and beside it another tenant's id and usage under names of the platform's own: only the first counts.
    Foreign(u8),
}

impl Lie {
    /// Those that don't name a tenant.
    pub const ALONE: [Self; 8] = [
        Self::NegativeInput,
        Self::NegativeOutput,
        Self::Huge,
        Self::Largest,
        Self::Overflows,
        Self::Fraction,
        Self::Text,
        Self::Null,
    ];
}
