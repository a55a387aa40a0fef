//! The routes of each adapter: what is free, what is metered, and what is blocked. Pure.
//!
//! A route is matched on the raw path, method and path exactly. Nothing is decoded: a path with an escape is none of
//! these, and all that isn't listed is blocked, because it would be spent from the tenant's or the platform's credential
//! without being counted.

use crate::fault::{Fault, FaultSet};
use crate::provider::Adapter;
use http::Method;

/// The longest segment that names a model, a voice or a job, in bytes.
const SEGMENT_MAX: usize = 128;

/// What a request asks a provider for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'p> {
    /// Not billed: nothing is held and no rate is needed.
    Free,
    /// Billed.
    Metered(Metered<'p>),
}

/// A billed route, with what its path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metered<'p> {
    /// Tokens in and out; the body names the model.
    Tokens,
    /// Tokens in alone; the body names the model.
    Embeddings,
    /// Gemini: tokens in and out; the path names the model.
    Generate {
        /// The model.
        model: &'p str,
    },
    /// Gemini: tokens in alone; the path names the model.
    EmbedContent {
        /// The model.
        model: &'p str,
    },
    /// The characters of a text that is to be spoken.
    Speech,
    /// A transcript is ordered.
    Transcript,
    /// A transcript is asked for, and its seconds are billed once.
    TranscriptResult {
        /// The transcript.
        id: &'p str,
    },
    /// A prediction is ordered.
    Prediction {
        /// The model.
        model: &'p str,
    },
    /// A prediction is asked for.
    PredictionResult {
        /// The prediction.
        id: &'p str,
    },
    /// An action of a toolkit, which the body names.
    Action,
}

impl<'p> Metered<'p> {
    /// The job that the path names: it belongs to the tenant that ordered it.
    #[must_use]
    pub const fn job(self) -> Option<&'p str> {
        match self {
            Self::TranscriptResult { id } | Self::PredictionResult { id } => Some(id),
            Self::Tokens
            | Self::Embeddings
            | Self::Generate { .. }
            | Self::EmbedContent { .. }
            | Self::Speech
            | Self::Transcript
            | Self::Prediction { .. }
            | Self::Action => None,
        }
    }

    /// Whether a body is read: on every POST.
    #[must_use]
    pub const fn reads_body(self) -> bool {
        self.job().is_none()
    }
}

/// The class of a request at an adapter, or none where it is blocked.
#[must_use]
pub fn classify<'p>(adapter: Adapter, method: &Method, path: &'p str) -> Option<Route<'p>> {
    classify_with(adapter, method, path, FaultSet::none())
}

pub(crate) fn classify_with<'p>(
    adapter: Adapter,
    method: &Method,
    path: &'p str,
    faults: FaultSet,
) -> Option<Route<'p>> {
    if faults.has(Fault::PrxFreeRoutePrefix)
        && matches!(adapter, Adapter::Openai | Adapter::Anthropic)
        && (path.starts_with("/v1/models") || path.starts_with("/v1/messages/count_tokens"))
    {
        return Some(Route::Free);
    }
    let get = *method == Method::GET;
    let post = *method == Method::POST;
    if !get && !post {
        return None;
    }
    let metered = |found: Metered<'p>| Some(Route::Metered(found));
    match adapter {
        Adapter::Openai => match path {
            "/v1/models" if get => Some(Route::Free),
            "/v1/chat/completions" | "/v1/completions" | "/v1/responses" if post => metered(Metered::Tokens),
            "/v1/embeddings" if post => metered(Metered::Embeddings),
            _ if get && path.strip_prefix("/v1/models/").is_some_and(is_listed_model) => Some(Route::Free),
            _ => None,
        },
        Adapter::Anthropic => match path {
            "/v1/models" if get => Some(Route::Free),
            "/v1/messages/count_tokens" if post => Some(Route::Free),
            "/v1/messages" if post => metered(Metered::Tokens),
            _ if get && path.strip_prefix("/v1/models/").is_some_and(is_listed_model) => Some(Route::Free),
            _ => None,
        },
        Adapter::Openrouter => match path.strip_prefix("/api").filter(|rest| rest.starts_with('/')).unwrap_or(path) {
            "/v1/chat/completions" | "/v1/completions" if post => metered(Metered::Tokens),
            _ => None,
        },
        Adapter::Gemini if post => {
            let named = path.strip_prefix("/v1beta/models/").or_else(|| path.strip_prefix("/v1/models/"))?;
            let (model, verb) = named.split_once(':')?;
            match verb {
                _ if !is_segment(model) => None,
                "generateContent" | "streamGenerateContent" => metered(Metered::Generate { model }),
                "embedContent" => metered(Metered::EmbedContent { model }),
                _ => None,
            }
        }
        Adapter::Elevenlabs if post => {
            let voice = path.strip_prefix("/v1/text-to-speech/")?;
            is_segment(voice.strip_suffix("/stream").unwrap_or(voice)).then_some(Route::Metered(Metered::Speech))
        }
        Adapter::Assemblyai if post => (path == "/v2/transcript").then_some(Route::Metered(Metered::Transcript)),
        Adapter::Assemblyai => {
            let id = path.strip_prefix("/v2/transcript/").filter(|id| is_segment(id))?;
            metered(Metered::TranscriptResult { id })
        }
        Adapter::Muapi if post => {
            let model = path.strip_prefix("/api/v1/").filter(|model| is_segment(model))?;
            metered(Metered::Prediction { model })
        }
        Adapter::Muapi => {
            let id = path.strip_prefix("/api/v1/predictions/")?.strip_suffix("/result").filter(|id| is_segment(id))?;
            metered(Metered::PredictionResult { id })
        }
        Adapter::Telegram => bot_method(path).map(|_| Route::Free),
        Adapter::Composio if post => (path == "/v1/execute").then_some(Route::Metered(Metered::Action)),
        Adapter::Gemini | Adapter::Elevenlabs | Adapter::Composio => None,
    }
}

/// Whether all that an adapter's free routes show is its credential's, so that tenants who share one would share it: one
/// bot's updates, its webhook and its chats.
#[must_use]
pub const fn is_shared_by_credential(adapter: Adapter) -> bool {
    match adapter {
        Adapter::Telegram => true,
        Adapter::Openai
        | Adapter::Anthropic
        | Adapter::Openrouter
        | Adapter::Gemini
        | Adapter::Elevenlabs
        | Adapter::Assemblyai
        | Adapter::Muapi
        | Adapter::Composio => false,
    }
}

/// The method of Telegram's Bot API that a path names.
#[must_use]
pub fn bot_method(path: &str) -> Option<&str> {
    path.strip_prefix('/').filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

/// Whether a text can name a model, a voice or a job in a path: 1 to 128 of `A-Za-z0-9._-`.
#[must_use]
pub fn is_segment(text: &str) -> bool {
    (1..=SEGMENT_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// A model as a list of models names it: fine-tuned ones hold a colon.
fn is_listed_model(text: &str) -> bool {
    match text.split_once(':') {
        None => is_segment(text),
        Some((before, behind)) => text.len() <= SEGMENT_MAX && is_segment(before) && is_segment(behind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Adapter::*;
    use proptest::prelude::*;

    fn of<'p>(adapter: Adapter, method: &str, path: &'p str) -> Option<Route<'p>> {
        classify(adapter, &method.parse().unwrap(), path)
    }

    #[test]
    fn free_routes() {
        for (adapter, method, path) in [
            (Openai, "GET", "/v1/models"),
            (Openai, "GET", "/v1/models/gpt-4o"),
            (Openai, "GET", "/v1/models/ft:gpt-4o"),
            (Anthropic, "GET", "/v1/models"),
            (Anthropic, "GET", "/v1/models/claude-3.5_x"),
            (Anthropic, "POST", "/v1/messages/count_tokens"),
            (Telegram, "GET", "/getMe"),
            (Telegram, "POST", "/sendMessage"),
        ] {
            assert_eq!(of(adapter, method, path), Some(Route::Free), "{adapter} {method} {path}");
        }
    }

    #[test]
    fn metered_routes() {
        use Metered::*;
        for (adapter, method, path, metered) in [
            (Openai, "POST", "/v1/chat/completions", Tokens),
            (Openai, "POST", "/v1/completions", Tokens),
            (Openai, "POST", "/v1/responses", Tokens),
            (Openai, "POST", "/v1/embeddings", Embeddings),
            (Anthropic, "POST", "/v1/messages", Tokens),
            (Openrouter, "POST", "/api/v1/chat/completions", Tokens),
            (Openrouter, "POST", "/v1/chat/completions", Tokens),
            (Openrouter, "POST", "/v1/completions", Tokens),
            (Gemini, "POST", "/v1beta/models/g-2.0:generateContent", Generate { model: "g-2.0" }),
            (Gemini, "POST", "/v1/models/g:streamGenerateContent", Generate { model: "g" }),
            (Gemini, "POST", "/v1beta/models/e:embedContent", EmbedContent { model: "e" }),
            (Elevenlabs, "POST", "/v1/text-to-speech/V1", Speech),
            (Elevenlabs, "POST", "/v1/text-to-speech/V1/stream", Speech),
            (Assemblyai, "POST", "/v2/transcript", Transcript),
            (Assemblyai, "GET", "/v2/transcript/t-1", TranscriptResult { id: "t-1" }),
            (Muapi, "POST", "/api/v1/flux-dev", Prediction { model: "flux-dev" }),
            (Muapi, "GET", "/api/v1/predictions/p_1/result", PredictionResult { id: "p_1" }),
            (Composio, "POST", "/v1/execute", Action),
        ] {
            assert_eq!(of(adapter, method, path), Some(Route::Metered(metered)), "{adapter} {method} {path}");
        }
    }

    #[test]
    fn everything_else_is_blocked() {
        let long = format!("/v1/models/{}", "m".repeat(129));
        for (adapter, method, path) in [
            (Openai, "POST", "/v1/models"),
            (Openai, "HEAD", "/v1/models"),
            (Openai, "DELETE", "/v1/models/ft:gpt-4o"),
            (Openai, "GET", "/v1/models/"),
            (Openai, "GET", "/v1/models/a/b"),
            (Openai, "GET", "/v1/models/a:b:c"),
            (Openai, "GET", "/v1/models/:a"),
            (Openai, "GET", "/v1/models/%61"),
            (Openai, "GET", "/v1/modelsx"),
            (Openai, "GET", "/v1/Models"),
            (Openai, "GET", long.as_str()),
            (Openai, "GET", "/v1/chat/completions"),
            (Openai, "POST", "/v1/chat/completions/"),
            (Openai, "POST", "/v1/chat%2fcompletions"),
            (Openai, "POST", "/v1/images/generations"),
            (Openai, "POST", "/v1/files"),
            (Openai, "GET", "/"),
            (Anthropic, "GET", "/v1/messages/count_tokens"),
            (Anthropic, "POST", "/v1/messages/batches"),
            (Openrouter, "POST", "/apiv1/chat/completions"),
            (Openrouter, "POST", "/api/api/v1/chat/completions"),
            (Openrouter, "GET", "/api/v1/models"),
            (Gemini, "GET", "/v1beta/models/g:generateContent"),
            (Gemini, "POST", "/v1beta/models/:generateContent"),
            (Gemini, "POST", "/v1beta/models/g:countTokens"),
            (Gemini, "POST", "/v1beta/models/g"),
            (Gemini, "POST", "/v1beta/models/a:b:generateContent"),
            (Elevenlabs, "POST", "/v1/text-to-speech/"),
            (Elevenlabs, "POST", "/v1/text-to-speech//stream"),
            (Elevenlabs, "POST", "/v1/text-to-speech/V1/stream/x"),
            (Elevenlabs, "GET", "/v1/text-to-speech/V1"),
            (Assemblyai, "GET", "/v2/transcript"),
            (Assemblyai, "GET", "/v2/transcript/t-1/sentences"),
            (Assemblyai, "DELETE", "/v2/transcript/t-1"),
            (Muapi, "POST", "/api/v1/predictions/p/result"),
            (Muapi, "GET", "/api/v1/flux-dev"),
            (Muapi, "GET", "/api/v1/predictions//result"),
            (Telegram, "GET", "/"),
            (Telegram, "GET", "/getMe/"),
            (Telegram, "GET", "/bot1:x/getMe"),
            (Telegram, "GET", "/get_me"),
            (Telegram, "PUT", "/getMe"),
            (Composio, "GET", "/v1/execute"),
            (Composio, "POST", "/v1/accounts"),
        ] {
            assert_eq!(of(adapter, method, path), None, "{adapter} {method} {path}");
        }
    }

    proptest! {
        #[test]
        fn no_escape_and_no_foreign_byte_is_in_what_matches(path in "/[ -~\u{e9}]{0,60}", which in 0_usize..9) {
            let adapter = Adapter::ALL[which];
            for method in [Method::GET, Method::POST] {
                if classify(adapter, &method, &path).is_some() {
                    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:".contains(&byte);
                    prop_assert!(path.bytes().all(plain), "{}", path);
                }
            }
        }
    }
}
