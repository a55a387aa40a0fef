//! Google's Gemini API.

use super::ask::{Ask, Usage};
use super::mode::Mode;
use super::openai::total;
use super::reply::{Reply, event};
use http::{Method, StatusCode};
use serde_json::{Value, json};

pub(super) fn answer(ask: &Ask<'_>) -> Option<Reply> {
    let named = ask.path.strip_prefix("/v1beta/models/").or_else(|| ask.path.strip_prefix("/v1/models/"))?;
    let (model, verb) = named.split_once(':')?;
    if *ask.method != Method::POST {
        return None;
    }
    match verb {
        "generateContent" => {
            let words = ask.text();
            Some(Reply::ok(&chunk(ask, model, &words.concat(), words.len(), true)))
        }
        "streamGenerateContent" => Some(stream(ask, model)),
        "embedContent" => Some(Reply::ok(&json!({"embedding": {"values": [0.25, -0.5, 0.125]}}))),
        _ => None,
    }
}

pub(super) fn error(status: StatusCode, message: &str) -> Value {
    let name = match status.as_u16() {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    };
    json!({"error": {"code": status.as_u16(), "message": message, "status": name}})
}

/// One answer, or one piece of it: `counted` words have been said so far.
fn chunk(ask: &Ask<'_>, model: &str, text: &str, counted: usize, last: bool) -> Value {
    let mut candidate = json!({"content": {"parts": [{"text": text}], "role": "model"}, "index": 0});
    if let (true, Value::Object(members)) = (last, &mut candidate) {
        members.insert("finishReason".to_owned(), json!("STOP"));
    }
    let mut chunk = json!({"candidates": [candidate], "modelVersion": model, "responseId": "standin"});
    let usage = ask.mode().usage((ask.words(), counted as u64));
    if let (Usage::Said(input, output), Value::Object(members)) = (usage, &mut chunk) {
        let total = total(&input, &output);
        members.insert(
            "usageMetadata".to_owned(),
            json!({"promptTokenCount": input, "candidatesTokenCount": output, "totalTokenCount": total}),
        );
    }
    chunk
}

/// Events where they are asked for with `alt=sse`, else a JSON array that grows.
fn stream(ask: &Ask<'_>, model: &str) -> Reply {
    let words = ask.text();
    let said = (1..).zip(&words).map(|(counted, word)| chunk(ask, model, word, counted, counted == words.len()));
    let mut chunks: Vec<Value> = said.collect();
    if ask.mode() == Mode::ErrorInStream {
        chunks.truncate(chunks.len() / 2);
        chunks.push(error(StatusCode::SERVICE_UNAVAILABLE, "the error that was asked for"));
    }
    if ask.query.split('&').any(|pair| pair == "alt=sse") {
        // Google ends its lines with CR LF.
        return Reply::stream("text/event-stream", chunks.iter().map(|chunk| event(chunk).replace('\n', "\r\n")));
    }
    let mut pieces: Vec<String> = Vec::new();
    for chunk in &chunks {
        let before = if pieces.is_empty() { "[" } else { ",\r\n" };
        pieces.push(format!("{before}{chunk}"));
    }
    pieces.push("]".to_owned());
    Reply::stream("application/json; charset=UTF-8", pieces)
}
