//! OpenAI's API, and OpenRouter's, which is of the same form.

use super::ask::{Ask, Usage};
use super::mode::Mode;
use super::reply::{Reply, event};
use super::responses;
use crate::provider::Adapter;
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// When everything was made, in Unix seconds: a stand-in has no clock.
pub(super) const CREATED: u64 = 1_700_000_000;

/// The models that are listed. Any other name is answered too.
const MODELS: [&str; 3] = ["gpt-4o", "gpt-4o-mini", "text-embedding-3-small"];

pub(super) fn answer(ask: &Ask<'_>, id: &dyn Fn() -> String) -> Option<Reply> {
    let path = match ask.adapter {
        Adapter::Openrouter => ask.path.strip_prefix("/api")?,
        Adapter::Openai
        | Adapter::Anthropic
        | Adapter::Gemini
        | Adapter::Elevenlabs
        | Adapter::Assemblyai
        | Adapter::Muapi
        | Adapter::Telegram
        | Adapter::Composio => ask.path,
    };
    let openai = ask.adapter == Adapter::Openai;
    if *ask.method == Method::GET && openai {
        if path == "/v1/models" {
            let models: Vec<Value> = MODELS.iter().map(|model| listed(model)).collect();
            return Some(Reply::ok(&json!({"object": "list", "data": models})));
        }
        return path.strip_prefix("/v1/models/").map(|model| Reply::ok(&listed(model)));
    }
    if *ask.method != Method::POST {
        return None;
    }
    match path {
        "/v1/chat/completions" => Some(completion(ask, &Form::CHAT, &id())),
        "/v1/completions" => Some(completion(ask, &Form::TEXT, &id())),
        "/v1/responses" if openai => Some(responses::answer(ask, &id())),
        "/v1/embeddings" if openai => Some(embeddings(ask)),
        _ => None,
    }
}

fn listed(model: &str) -> Value {
    json!({"id": model, "object": "model", "created": CREATED, "owned_by": "stand-in"})
}

pub(super) fn error(status: StatusCode, message: &str) -> Value {
    let kind = match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "requests",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    let code = match status.as_u16() {
        401 => json!("invalid_api_key"),
        404 => json!("model_not_found"),
        429 => json!("rate_limit_exceeded"),
        _ => Value::Null,
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

pub(super) fn router_error(status: StatusCode, message: &str) -> Value {
    json!({"error": {"code": status.as_u16(), "message": message, "metadata": {"provider_name": "stand-in"}}})
}

/// What tells chat completions from completions.
struct Form {
    prefix: &'static str,
    object: &'static str,
    chunk: &'static str,
    chat: bool,
}

impl Form {
    const CHAT: Self =
        Self { prefix: "chatcmpl-", object: "chat.completion", chunk: "chat.completion.chunk", chat: true };
    const TEXT: Self = Self { prefix: "cmpl-", object: "text_completion", chunk: "text_completion", chat: false };

    fn choice(&self, text: &str) -> Value {
        if self.chat {
            let message = json!({"role": "assistant", "content": text, "refusal": null});
            json!({"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"})
        } else {
            json!({"index": 0, "text": text, "logprobs": null, "finish_reason": "stop"})
        }
    }

    fn piece(&self, text: &str) -> Value {
        if self.chat {
            json!({"index": 0, "delta": {"content": text}, "logprobs": null, "finish_reason": null})
        } else {
            json!({"index": 0, "text": text, "logprobs": null, "finish_reason": null})
        }
    }

    fn end(&self) -> Value {
        if self.chat {
            json!({"index": 0, "delta": {}, "logprobs": null, "finish_reason": "stop"})
        } else {
            json!({"index": 0, "text": "", "logprobs": null, "finish_reason": "stop"})
        }
    }
}

fn completion(ask: &Ask<'_>, form: &Form, id: &str) -> Reply {
    let words = ask.text();
    let usage = used(&ask.mode().usage((ask.words(), words.len() as u64)));
    let whole_id = format!("{}{id}", form.prefix);
    let frame = |object: &str, choices: Value| {
        json!({"id": whole_id, "object": object, "created": CREATED, "model": ask.model(),
            "choices": choices, "system_fingerprint": "fp_standin"})
    };
    if !ask.streams() {
        let mut body = frame(form.object, json!([form.choice(&words.concat())]));
        if let (Some(usage), Value::Object(members)) = (usage, &mut body) {
            members.insert("usage".to_owned(), usage);
        }
        return Reply::ok(&body);
    }
    let router = ask.adapter == Adapter::Openrouter;
    let asked = |object: &str, member: &str| {
        ask.json.get(object).and_then(|options| options.get(member)) == Some(&Value::Bool(true))
    };
    let wanted = if router { asked("usage", "include") } else { asked("stream_options", "include_usage") };
    let mut chunks = Vec::new();
    if form.chat {
        chunks.push(json!([{"index": 0, "delta": {"role": "assistant", "content": "", "refusal": null},
            "logprobs": null, "finish_reason": null}]));
    }
    chunks.extend(words.iter().map(|word| json!([form.piece(word)])));
    chunks.push(json!([form.end()]));
    let mut events: Vec<String> = chunks
        .into_iter()
        .map(|choices| {
            let mut chunk = frame(form.chunk, choices);
            if let (true, Value::Object(members)) = (wanted && !router, &mut chunk) {
                members.insert("usage".to_owned(), Value::Null);
            }
            event(&chunk)
        })
        .collect();
    if router {
        events.insert(0, ": OPENROUTER PROCESSING\n\n".to_owned());
    }
    if ask.mode() == Mode::ErrorInStream {
        events.truncate(events.len() / 2);
        events.push(event(&error(StatusCode::INTERNAL_SERVER_ERROR, "the error that was asked for")));
        return Reply::stream("text/event-stream; charset=utf-8", events);
    }
    if let (true, Some(usage)) = (wanted, usage) {
        // OpenRouter's last chunk still has a choice, OpenAI's has none.
        let choices = if router { json!([form.piece("")]) } else { json!([]) };
        let mut last = frame(form.chunk, choices);
        if let Value::Object(members) = &mut last {
            members.insert("usage".to_owned(), usage);
        }
        events.push(event(&last));
    }
    events.push("data: [DONE]\n\n".to_owned());
    Reply::stream("text/event-stream; charset=utf-8", events)
}

fn used(usage: &Usage) -> Option<Value> {
    match usage {
        Usage::Absent => None,
        Usage::Said(input, output) => Some(json!({
            "prompt_tokens": input, "completion_tokens": output, "total_tokens": total(input, output),
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}
        })),
    }
}

/// The sum of what is reported; what can't be added is repeated.
pub(super) fn total(input: &Value, output: &Value) -> Value {
    match (input.as_u64(), output.as_u64()) {
        (Some(input), Some(output)) => json!(input.saturating_add(output)),
        _ => input.clone(),
    }
}

fn embeddings(ask: &Ask<'_>) -> Reply {
    let count = ask.json.get("input").and_then(Value::as_array).map_or(1, Vec::len);
    let base64 = ask.json.get("encoding_format").and_then(Value::as_str) == Some("base64");
    let vector = [0.25_f32, -0.5, 0.125];
    let encoded = || {
        use base64::Engine as _;
        let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        base64::engine::general_purpose::STANDARD.encode(bytes)
    };
    let embedding = if base64 { json!(encoded()) } else { json!(vector) };
    let data: Vec<Value> =
        (0..count).map(|index| json!({"object": "embedding", "index": index, "embedding": embedding})).collect();
    let mut body = json!({"object": "list", "data": data, "model": ask.model()});
    if let Value::Object(members) = &mut body {
        if let Usage::Said(input, _) = ask.mode().usage((ask.words(), 0)) {
            members.insert("usage".to_owned(), json!({"prompt_tokens": input, "total_tokens": input}));
        }
        if ask.mode().is_said() {
            members.insert("said".to_owned(), json!(ask.text().concat()));
        }
    }
    Reply::ok(&body)
}
