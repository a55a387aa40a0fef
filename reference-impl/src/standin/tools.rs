//! Telegram's bots, and Composio's actions.

use super::ask::{Ask, only};
use super::reply::Reply;
use http::{Method, StatusCode};
use serde_json::{Value, json};

pub(super) fn telegram_error(status: StatusCode, message: &str) -> Value {
    json!({"ok": false, "error_code": status.as_u16(), "description": message})
}

pub(super) fn composio_error(status: StatusCode, message: &str) -> Value {
    json!({"error": {"message": message, "code": status.as_u16(), "slug": "StandIn"}})
}

/// A few methods of a bot; any other is acknowledged.
pub(super) fn telegram(ask: &Ask<'_>) -> Reply {
    let bot = ask.credential.and_then(|token| token.split(':').next()).and_then(|id| id.parse().ok()).unwrap_or(1_u64);
    let result = match ask.path {
        _ if ask.mode().is_said() => json!(ask.text().concat()),
        "getMe" => json!({"id": bot, "is_bot": true, "first_name": "Stand-in", "username": "standin_bot"}),
        "sendMessage" => {
            json!({"message_id": 1, "date": super::openai::CREATED, "chat": {"id": ask.json.get("chat_id")},
            "text": ask.json.get("text")})
        }
        "getUpdates" => json!([]),
        _ => json!(true),
    };
    Reply::ok(&json!({"ok": true, "result": result}))
}

/// An action says what it was asked for, and for whom.
pub(super) fn composio(ask: &Ask<'_>) -> Option<Reply> {
    if *ask.method != Method::POST || ask.path != "/v1/execute" {
        return None;
    }
    let account = only(ask.headers, "x-connected-account-id");
    let said = if ask.mode().is_said() { json!(ask.text().concat()) } else { Value::Null };
    Some(Reply::ok(
        &json!({"data": {"action": ask.json.get("action_id"), "account": account, "args": ask.json.get("args"),
        "said": said}, "successful": true, "error": null}),
    ))
}
