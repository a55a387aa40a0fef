//! OpenAI's Responses API.

use super::ask::{Ask, Usage};
use super::mode::Mode;
use super::openai::{CREATED, total};
use super::reply::{Reply, named_event};
use serde_json::{Value, json};

pub(super) fn answer(ask: &Ask<'_>, id: &str) -> Reply {
    let words = ask.text();
    let usage = match ask.mode().usage((ask.words(), words.len() as u64)) {
        Usage::Absent => Value::Null,
        Usage::Said(input, output) => json!({
            "input_tokens": input, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": output, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": total(&input, &output)
        }),
    };
    let item_id = format!("msg_{id}");
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    let item = |status: &str, content: Value| json!({"type": "message", "id": item_id, "status": status, "role": "assistant", "content": content});
    let response = |status: &str, output: Value, usage: &Value| {
        json!({
            "id": format!("resp_{id}"), "object": "response", "created_at": CREATED, "status": status,
            "error": null, "incomplete_details": null, "instructions": ask.json.get("instructions"),
            "max_output_tokens": null, "model": ask.model(), "output": output, "parallel_tool_calls": true,
            "previous_response_id": null, "reasoning": {"effort": null, "summary": null}, "store": false,
            "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [],
            "top_p": 1.0, "truncation": "disabled", "usage": usage, "user": null, "metadata": {}
        })
    };
    let text = words.concat();
    let done = item("completed", json!([part(&text)]));
    if !ask.streams() {
        return Reply::ok(&response("completed", json!([done]), &usage));
    }
    let begun = response("in_progress", json!([]), &Value::Null);
    let place = json!({"item_id": item_id, "output_index": 0, "content_index": 0});
    let mut events = vec![
        ("response.created", json!({"response": begun})),
        ("response.in_progress", json!({"response": begun})),
        ("response.output_item.added", json!({"output_index": 0, "item": item("in_progress", json!([]))})),
        ("response.content_part.added", with(&place, "part", part(""))),
    ];
    events.extend(words.iter().map(|word| {
        let delta = with(&place, "delta", json!(word));
        ("response.output_text.delta", with(&delta, "logprobs", json!([])))
    }));
    if ask.mode() == Mode::ErrorInStream {
        let failure = json!({"code": "server_error", "message": "the error that was asked for", "param": null});
        events.push(("error", failure));
        return numbered(events);
    }
    let whole = with(&place, "text", json!(text));
    events.push(("response.output_text.done", with(&whole, "logprobs", json!([]))));
    events.push(("response.content_part.done", with(&place, "part", part(&text))));
    events.push(("response.output_item.done", json!({"output_index": 0, "item": done})));
    events.push(("response.completed", json!({"response": response("completed", json!([done]), &usage)})));
    numbered(events)
}

/// An object and one member more.
fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    if let Value::Object(members) = &mut object {
        members.insert(name.to_owned(), value);
    }
    object
}

fn numbered(events: Vec<(&str, Value)>) -> Reply {
    let events = events.into_iter().enumerate().map(|(number, (name, data))| {
        let data = with(&data, "type", json!(name));
        named_event(name, &with(&data, "sequence_number", json!(number)))
    });
    Reply::stream("text/event-stream; charset=utf-8", events)
}
