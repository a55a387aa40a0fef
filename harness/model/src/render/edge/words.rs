//! What upstreams say: the answers and events of each provider, and the usage in them.

use super::path::job_text;
use super::upstream::Asking;
use crate::action::edge::provider::{Lie, ProviderCall, Route, Usage};
use crate::world::edge::Provider;

/// Usage as an upstream writes it, and what of it can be believed.
pub(super) struct Figures {
    /// As JSON; `None` where it is left out.
    input: Option<String>,
    output: Option<String>,
    pub(super) believed_input: Option<u64>,
    pub(super) believed_output: Option<u64>,
    /// More members beside the usage.
    beside: String,
}

/// The largest number of units that is believed.
const UNITS_MAX: u64 = 1_000_000_000_000;

pub(super) fn figures(usage: Usage) -> Figures {
    let good = |input: u64, output: u64| Figures {
        input: Some(input.to_string()),
        output: Some(output.to_string()),
        believed_input: Some(input),
        believed_output: Some(output),
        beside: String::new(),
    };
    let odd_output = |text: &str| Figures { output: Some(text.to_owned()), believed_output: None, ..good(5, 5) };
    match usage {
        Usage::Reported { input, output } => good(u64::from(input), u64::from(output)),
        Usage::Missing => {
            Figures { input: None, output: None, believed_input: None, believed_output: None, beside: String::new() }
        }
        Usage::Lies(lie) => match lie {
            Lie::NegativeInput => Figures { input: Some("-1000000".to_owned()), believed_input: None, ..good(5, 5) },
            Lie::NegativeOutput => odd_output("-1000000"),
            Lie::Huge => odd_output(&(UNITS_MAX + 1).to_string()),
            Lie::Largest => good(5, UNITS_MAX),
            Lie::Overflows => odd_output("18446744073709551616"),
            Lie::Fraction => odd_output("1.5"),
            Lie::Text => odd_output("\"7\""),
            Lie::Null => odd_output("null"),
            Lie::Foreign(tenant) => Figures {
                beside: format!(
                    ",\"tenant_id\":\"tenant-{tenant}\",\"vendo_usage\":{{\"tenant\":{tenant},\"input_tokens\":900000}}"
                ),
                ..good(5, 7)
            },
        },
    }
}

/// A `usage` object under the provider's names.
fn usage_object(figures: &Figures, input: &str, output: &str) -> Option<String> {
    let members = [(input, &figures.input), (output, &figures.output)];
    let written: Vec<String> =
        members.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("\"{name}\":{value}"))).collect();
    (!written.is_empty()).then(|| format!("{{{}}}", written.join(",")))
}

pub(super) fn answer_body(call: &ProviderCall, asking: Asking<'_>, figures: &Figures) -> String {
    let usage = |name: &str, input: &str, output: &str| {
        let object = usage_object(figures, input, output);
        object.map(|object| format!(",\"{name}\":{object}")).unwrap_or_default() + &figures.beside
    };
    let tokens = || usage("usage", "prompt_tokens", "completion_tokens");
    let job = |provider, number| job_text(provider, asking.tenant, number);
    match call.ask.route {
        Route::Chat | Route::ApiChat | Route::Completions | Route::ApiCompletions => format!(
            "{{\"id\":\"chat-1\",\"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"yes\"}}}}]{}}}",
            tokens()
        ),
        Route::Responses => {
            format!("{{\"id\":\"resp-1\",\"output\":[]{}}}", usage("usage", "input_tokens", "output_tokens"))
        }
        Route::Embeddings => {
            let usage = figures.input.as_ref();
            let usage = usage.map(|input| format!(",\"usage\":{{\"prompt_tokens\":{input},\"total_tokens\":{input}}}"));
            format!("{{\"object\":\"list\",\"data\":[]{}{}}}", usage.unwrap_or_default(), figures.beside)
        }
        Route::Messages => format!(
            "{{\"id\":\"msg-1\",\"content\":[{{\"type\":\"text\",\"text\":\"yes\"}}]{}}}",
            usage("usage", "input_tokens", "output_tokens")
        ),
        Route::CountTokens => "{\"input_tokens\":9}".to_owned(),
        Route::Generate(_) | Route::GenerateStream(_) => format!(
            "{{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"yes\"}}]}}}}]{}}}",
            usage("usageMetadata", "promptTokenCount", "candidatesTokenCount")
        ),
        Route::EmbedContent(_) => {
            let usage = figures.input.as_ref();
            let usage = usage.map(|input| format!(",\"usageMetadata\":{{\"promptTokenCount\":{input}}}"));
            format!("{{\"embedding\":{{\"values\":[]}}{}{}}}", usage.unwrap_or_default(), figures.beside)
        }
        Route::Speech | Route::SpeechStream => "ID3 a sound".to_owned(),
        Route::Transcribe(number) => {
            format!("{{\"id\":\"{}\",\"status\":\"queued\"}}", job(Provider::Assemblyai, number))
        }
        Route::Transcript(_) => match call.upstream.usage {
            Usage::Reported { input, output } => {
                let model = if output % 2 == 1 { ",\"speech_model\":\"nano\"" } else { "" };
                format!("{{\"id\":\"t\",\"status\":\"completed\",\"audio_duration\":{input}{model}}}")
            }
            Usage::Missing | Usage::Lies(_) => "{\"id\":\"t\",\"status\":\"processing\"}".to_owned(),
        },
        Route::Predict(_, number) => {
            format!("{{\"request_id\":\"{}\",\"status\":\"processing\"}}", job(Provider::Muapi, number))
        }
        Route::Prediction(_) => "{\"status\":\"completed\",\"outputs\":[]}".to_owned(),
        Route::SendMessage | Route::GetMe => "{\"ok\":true,\"result\":{\"id\":1}}".to_owned(),
        Route::Execute(_) => "{\"data\":{\"ok\":true}}".to_owned(),
        Route::Models
        | Route::Model(_)
        | Route::Files
        | Route::AdminKeys
        | Route::Credits
        | Route::Listing(_)
        | Route::Root => "{\"object\":\"list\",\"data\":[]}".to_owned(),
    }
}

/// The events of a stream.
pub(super) struct StreamParts {
    pub(super) before: Vec<String>,
    /// `{n}` stands for the event's number.
    pub(super) content: String,
    pub(super) behind: Vec<String>,
    /// Whether the question's usage is reported before any content.
    pub(super) input_before: bool,
}

pub(super) fn stream_parts(route: Route, adapter: Provider, figures: &Figures) -> StreamParts {
    let data = |json: String| format!("data: {json}\n\n");
    let named = |name: &str, json: String| format!("event: {name}\ndata: {json}\n\n");
    let beside = &figures.beside;
    if adapter == Provider::Anthropic {
        let input = figures.input.as_ref().map(|input| format!(",\"usage\":{{\"input_tokens\":{input}}}"));
        let start =
            format!("{{\"type\":\"message_start\",\"message\":{{\"id\":\"msg-1\"{}}}}}", input.unwrap_or_default());
        let output = figures.output.as_ref();
        let end = output.map(|output| {
            let json = format!("{{\"type\":\"message_delta\",\"usage\":{{\"output_tokens\":{output}}}{beside}}}");
            named("message_delta", json)
        });
        let content =
            "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"w{n}\"}}";
        return StreamParts {
            before: vec![named("message_start", start)],
            content: named("content_block_delta", content.to_owned()),
            behind: end.into_iter().chain([named("message_stop", "{\"type\":\"message_stop\"}".to_owned())]).collect(),
            input_before: true,
        };
    }
    if adapter == Provider::Gemini {
        let usage = usage_object(figures, "promptTokenCount", "candidatesTokenCount");
        let last = usage.map(|usage| {
            data(format!("{{\"candidates\":[{{\"finishReason\":\"STOP\"}}],\"usageMetadata\":{usage}{beside}}}"))
        });
        return StreamParts {
            before: Vec::new(),
            content: data("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"w{n}\"}]}}]}".to_owned()),
            behind: last.into_iter().collect(),
            input_before: false,
        };
    }
    if route == Route::Responses {
        let usage = usage_object(figures, "input_tokens", "output_tokens");
        let usage = usage.map(|usage| format!(",\"usage\":{usage}")).unwrap_or_default();
        let end = format!("{{\"type\":\"response.completed\",\"response\":{{\"id\":\"resp-1\"{usage}}}{beside}}}");
        return StreamParts {
            before: vec![named("response.created", "{\"type\":\"response.created\"}".to_owned())],
            content: named(
                "response.output_text.delta",
                "{\"type\":\"response.output_text.delta\",\"delta\":\"w{n}\"}".to_owned(),
            ),
            behind: vec![named("response.completed", end)],
            input_before: false,
        };
    }
    let usage = usage_object(figures, "prompt_tokens", "completion_tokens");
    let last = usage.map(|usage| data(format!("{{\"id\":\"chat-1\",\"choices\":[],\"usage\":{usage}{beside}}}")));
    StreamParts {
        before: Vec::new(),
        content: data("{\"id\":\"chat-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"w{n}\"}}]}".to_owned()),
        behind: last.into_iter().chain(["data: [DONE]\n\n".to_owned()]).collect(),
        input_before: false,
    }
}
