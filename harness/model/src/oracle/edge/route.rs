//! What a route is at an adapter: free, metered or blocked.

use crate::action::Method;
use crate::action::edge::provider::{Ask, ComposioAction, JobRef, PathModel, Route, SpellingMeans};
use crate::world::edge::Provider;

/// What a route is at an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Passed on without a look at the wallet.
    Free,
    /// Passed on for money.
    Metered(Metered),
    /// Not passed on.
    Blocked,
}

/// What is metered, and where its model stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metered {
    /// Tokens; the model stands in the body.
    Tokens,
    /// Tokens; the model stands in the path.
    TokensOf(PathModel),
    /// Characters of the text; the model stands in the body, or the default is meant.
    Speech,
    /// Begins a transcript.
    Transcribe(u8),
    /// Asks for a transcript.
    Transcript(JobRef),
    /// One call of a model that stands in the path; begins a job.
    Predict(PathModel, u8),
    /// A path that reads as a model which nobody has.
    NoModel,
    /// Asks for a prediction.
    Prediction(JobRef),
    /// One call of a toolkit that the body names.
    Execute(ComposioAction),
}

/// What is asked for at an adapter.
#[must_use]
pub fn class(adapter: Provider, ask: Ask) -> Class {
    if ask.spelling.means() != SpellingMeans::Route {
        return Class::Blocked;
    }
    let method = ask.method_sent();
    if adapter == Provider::Telegram && matches!(ask.route, Route::SendMessage | Route::GetMe) {
        return if matches!(method, Method::Get | Method::Post) { Class::Free } else { Class::Blocked };
    }
    if method != ask.route.method() {
        return Class::Blocked;
    }
    let metered = |is: bool, what: Metered| if is { Class::Metered(what) } else { Class::Blocked };
    let free = |is: bool| if is { Class::Free } else { Class::Blocked };
    let openrouter = adapter == Provider::Openrouter;
    match ask.route {
        // openrouter's proxy puts `/api` in front where it is missing.
        Route::Chat | Route::Completions => metered(adapter == Provider::Openai || openrouter, Metered::Tokens),
        Route::ApiChat => metered(openrouter, Metered::Tokens),
        // muapi reads the last segment as a model.
        Route::ApiCompletions if adapter == Provider::Muapi => Class::Metered(Metered::NoModel),
        Route::ApiCompletions => metered(openrouter, Metered::Tokens),
        Route::Responses | Route::Embeddings => metered(adapter == Provider::Openai, Metered::Tokens),
        Route::Models | Route::Model(_) => free(matches!(adapter, Provider::Openai | Provider::Anthropic)),
        Route::Messages => metered(adapter == Provider::Anthropic, Metered::Tokens),
        Route::CountTokens => free(adapter == Provider::Anthropic),
        Route::Generate(model) | Route::GenerateStream(model) | Route::EmbedContent(model) => {
            metered(adapter == Provider::Gemini, Metered::TokensOf(model))
        }
        Route::Speech | Route::SpeechStream => metered(adapter == Provider::Elevenlabs, Metered::Speech),
        Route::Transcribe(job) => metered(adapter == Provider::Assemblyai, Metered::Transcribe(job)),
        Route::Transcript(job) => metered(adapter == Provider::Assemblyai, Metered::Transcript(job)),
        Route::Predict(model, job) => metered(adapter == Provider::Muapi, Metered::Predict(model, job)),
        Route::Prediction(job) => metered(adapter == Provider::Muapi, Metered::Prediction(job)),
        Route::Execute(action) => metered(adapter == Provider::Composio, Metered::Execute(action)),
        Route::SendMessage
        | Route::GetMe
        | Route::Files
        | Route::AdminKeys
        | Route::Credits
        | Route::Listing(_)
        | Route::Root => Class::Blocked,
    }
}
