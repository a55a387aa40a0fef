//! Anthropic's API.

use super::answer;
use super::ask::{Ask, Usage, only};
use super::mode::Mode;
use super::reply::{Reply, named_event};
use crate::provider::Adapter;
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// The models that are listed. Any other name is answered too.
const MODELS: [&str; 2] = ["claude-sonnet-4-5", "claude-haiku-4-5"];

pub(super) fn answer(ask: &Ask<'_>, id: &dyn Fn() -> String) -> Option<Reply> {
    if only(ask.headers, "anthropic-version").is_none() {
        return Some(answer::error(Adapter::Anthropic, 400, "anthropic-version: header is required"));
    }
    match (ask.method, ask.path) {
        (&Method::GET, "/v1/models") => {
            let models: Vec<Value> = MODELS.iter().map(|model| listed(model)).collect();
            let (first, last) = (MODELS.first(), MODELS.last());
            Some(Reply::ok(&json!({"data": models, "has_more": false, "first_id": first, "last_id": last})))
        }
        (&Method::GET, path) => path.strip_prefix("/v1/models/").map(|model| Reply::ok(&listed(model))),
        (&Method::POST, "/v1/messages/count_tokens") => Some(Reply::ok(&json!({"input_tokens": ask.words()}))),
        (&Method::POST, "/v1/messages") => Some(message(ask, &id())),
        _ => None,
    }
}

fn listed(model: &str) -> Value {
    json!({"type": "model", "id": model, "display_name": model, "created_at": "2025-01-01T00:00:00Z"})
}

pub(super) fn error(status: StatusCode, message: &str) -> Value {
    let kind = match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_standin"})
}

fn message(ask: &Ask<'_>, id: &str) -> Reply {
    let words = ask.text();
    let usage = ask.mode().usage((ask.words(), words.len() as u64));
    let (whole, begun, ended) = match &usage {
        Usage::Absent => (None, None, None),
        Usage::Said(input, output) => {
            (Some(used(input, output)), Some(used(input, &json!(1))), Some(json!({"output_tokens": output})))
        }
    };
    let message = |content: Value, stop_reason: Value, usage: &Option<Value>| {
        let mut message = json!({"id": format!("msg_{id}"), "type": "message", "role": "assistant",
            "model": ask.model(), "content": content, "stop_reason": stop_reason, "stop_sequence": null});
        if let (Some(usage), Value::Object(members)) = (usage, &mut message) {
            members.insert("usage".to_owned(), usage.clone());
        }
        message
    };
    if !ask.streams() {
        let content = json!([{"type": "text", "text": words.concat()}]);
        return Reply::ok(&message(content, json!("end_turn"), &whole));
    }
    let mut events = vec![
        ("message_start", json!({"message": message(json!([]), Value::Null, &begun)})),
        ("content_block_start", json!({"index": 0, "content_block": {"type": "text", "text": ""}})),
        ("ping", json!({})),
    ];
    events.extend(
        words
            .iter()
            .map(|word| ("content_block_delta", json!({"index": 0, "delta": {"type": "text_delta", "text": word}}))),
    );
    if ask.mode() == Mode::ErrorInStream {
        let failure = json!({"error": {"type": "overloaded_error", "message": "the error that was asked for"}});
        events.push(("error", failure));
        return typed(events);
    }
    events.push(("content_block_stop", json!({"index": 0})));
    let mut end = json!({"delta": {"stop_reason": "end_turn", "stop_sequence": null}});
    if let (Some(usage), Value::Object(members)) = (ended, &mut end) {
        members.insert("usage".to_owned(), usage);
    }
    events.push(("message_delta", end));
    events.push(("message_stop", json!({})));
    typed(events)
}

fn used(input: &Value, output: &Value) -> Value {
    json!({"input_tokens": input, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
        "output_tokens": output, "service_tier": "standard"})
}

/// Events whose data says their type once more.
fn typed(events: Vec<(&str, Value)>) -> Reply {
    let events = events.into_iter().map(|(name, mut data)| {
        if let Value::Object(members) = &mut data {
            members.insert("type".to_owned(), json!(name));
        }
        named_event(name, &data)
    });
    Reply::stream("text/event-stream; charset=utf-8", events)
}
