//! The bodies of calls.

use super::path::{action_text, path_of};
use crate::action::Method;
use crate::action::edge::hook::{HookBody, HookCall};
use crate::action::edge::provider::{BodyShape, ComposioAction, ExtraMember, ModelName, ProviderCall, Route};
use crate::render::{WireBody, cut};
use crate::state::State;
use crate::world::edge::Provider;
use crate::world::{World, single_host};

/// The largest body of a metered call, in bytes.
pub const BODY_MAX: usize = 8 * 1024 * 1024;
/// The largest body of a webhook, in bytes.
pub const HOOK_BODY_MAX: usize = 1024 * 1024;

/// The body of a call to a provider and its framing.
#[must_use]
pub(super) fn provider_body(world: &World, call: &ProviderCall) -> WireBody {
    match body_text(world, call) {
        None => WireBody::None,
        Some(bytes) if call.payload.shape == BodyShape::Chunked => WireBody::Chunked(cut(&bytes), Vec::new()),
        Some(bytes) => WireBody::Length(bytes),
    }
}

/// The body of a call to a provider without its framing; `None` where none is sent.
#[must_use]
pub fn body_text(world: &World, call: &ProviderCall) -> Option<Vec<u8>> {
    let carries = match call.ask.method_sent() {
        Method::Post | Method::Put | Method::Patch | Method::Delete | Method::Brew => true,
        Method::Get | Method::Head | Method::Options | Method::Connect | Method::Trace => false,
    };
    if !carries || call.ask.preflight || call.ask.route.method() != Method::Post {
        return None;
    }
    let members = members(world, call);
    let spaced = call.payload.shape == BodyShape::Spaced;
    let (colon, comma) = if spaced { (" : ", " ,\n ") } else { (":", ",") };
    let inside = members.iter().map(|(name, value)| format!("{name}{colon}{value}")).collect::<Vec<_>>().join(comma);
    let object = if spaced { format!("\n {{ {inside} }}\t\n") } else { format!("{{{inside}}}") };
    Some(shaped(object, call.payload.shape))
}

fn shaped(object: String, shape: BodyShape) -> Vec<u8> {
    let bytes = object.into_bytes();
    match shape {
        BodyShape::Whole
        | BodyShape::Chunked
        | BodyShape::Spaced
        | BodyShape::DuplicateModel
        | BodyShape::DuplicateOther
        | BodyShape::DuplicateEscaped
        | BodyShape::NestedModel
        | BodyShape::Gzip
        | BodyShape::Identity => bytes,
        BodyShape::Array => [b"[", bytes.as_slice(), b"]"].concat(),
        BodyShape::NotJson => [b"question=", bytes.as_slice()].concat(),
        BodyShape::Cut => bytes.get(..bytes.len().saturating_sub(1)).unwrap_or_default().to_vec(),
        BodyShape::Trailing => [bytes.as_slice(), b"{}"].concat(),
        BodyShape::NotUtf8 => {
            let open = bytes.get(..bytes.len().saturating_sub(1)).unwrap_or_default();
            [open, b",\"note\":\"\xff\xfe\"}"].concat()
        }
        BodyShape::Bom => ["\u{feff}".as_bytes(), &bytes].concat(),
        BodyShape::Empty => Vec::new(),
        BodyShape::TooLarge => {
            let open = bytes.get(..bytes.len().saturating_sub(1)).unwrap_or_default();
            let frame = b",\"pad\":\"\"}".len();
            let pad = (BODY_MAX + 1).saturating_sub(open.len() + frame);
            [open, b",\"pad\":\"", &vec![b'x'; pad], b"\"}"].concat()
        }
    }
}

/// The members of the object: names and values as they are written.
fn members(world: &World, call: &ProviderCall) -> Vec<(String, String)> {
    let adapter = call.adapter.meant().unwrap_or(Provider::Openai);
    let text = json_text(&question(world, call));
    let mut members: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: String| members.push((format!("\"{name}\""), value));
    if let Some(name) = model_member(call.ask.route)
        && let Some(value) = model_value(adapter, call)
    {
        add(name, value);
    }
    match call.ask.route {
        Route::Chat | Route::ApiChat | Route::Messages | Route::CountTokens => {
            add("max_tokens", "64".to_owned());
            add("messages", format!("[{{\"role\":\"user\",\"content\":{text}}}]"));
        }
        Route::Completions | Route::ApiCompletions | Route::Predict(..) => add("prompt", text.clone()),
        Route::Responses | Route::Embeddings => add("input", text.clone()),
        Route::Generate(_) | Route::GenerateStream(_) | Route::EmbedContent(_) => {
            add("contents", format!("[{{\"parts\":[{{\"text\":{text}}}]}}]"));
        }
        Route::Speech | Route::SpeechStream => add("text", text.clone()),
        Route::Transcribe(_) => {
            add("audio_url", "\"https://files.example/a.mp3\"".to_owned());
            add("note", text.clone());
        }
        Route::SendMessage => {
            add("chat_id", "1".to_owned());
            add("text", text.clone());
        }
        Route::Execute(_) => add("args", format!("{{\"note\":{text}}}")),
        Route::AdminKeys => add("name", text.clone()),
        Route::Models
        | Route::Model(_)
        | Route::Transcript(_)
        | Route::Prediction(_)
        | Route::GetMe
        | Route::Files
        | Route::Credits
        | Route::Listing(_)
        | Route::Root => {}
    }
    if call.payload.stream {
        add("stream", "true".to_owned());
    }
    if let Some(tenant) = call.payload.names_tenant {
        let tenant = world.tenant(usize::from(tenant));
        add("tenant_id", json_text(&tenant.id));
        add("metadata", format!("{{\"tenant_id\":\"{0}\",\"tenant\":{{\"id\":\"{0}\"}}}}", tenant.id));
        add("user", json_text(&tenant.slug));
    }
    match call.payload.member {
        None => {}
        Some(ExtraMember::Account(name, account)) => {
            add(name.name(), json_text(account_id(world, account)));
        }
        Some(ExtraMember::Toolkit(provider)) => add("toolkit", json_text(provider.slug())),
        Some(ExtraMember::NoUsage) => add("usage", "{\"include\":false}".to_owned()),
    }
    repeated(&mut members, adapter, call);
    members
}

/// The id of an external account, read modulo their number.
pub(super) fn account_id(world: &World, account: u8) -> &str {
    let accounts = &world.edge.accounts;
    accounts.get(usize::from(account) % accounts.len().max(1)).map_or("", |own| own.id.as_str())
}

/// Adds what stands there twice, or once more elsewhere.
fn repeated(members: &mut Vec<(String, String)>, adapter: Provider, call: &ProviderCall) {
    let Some((first, value)) = members.first().cloned() else { return };
    let other = if model_member(call.ask.route).is_some() && !adapter.models().is_empty() {
        json_text(adapter.model(listed(call.payload.model).wrapping_add(1)))
    } else {
        value
    };
    match call.payload.shape {
        BodyShape::DuplicateModel => members.push((first, other)),
        BodyShape::DuplicateOther => {
            if let Some((last, value)) = members.last().cloned() {
                members.push((last, value));
            }
        }
        BodyShape::DuplicateEscaped => {
            let bare = first.trim_matches('"');
            let mut chars = bare.chars();
            let escaped = chars.next().map(|c| format!("\\u{:04x}", u32::from(c))).unwrap_or_default();
            members.push((format!("\"{escaped}{}\"", chars.as_str()), other));
        }
        BodyShape::NestedModel => members.push(("\"extra\"".to_owned(), format!("{{{first}:{other}}}"))),
        BodyShape::Whole
        | BodyShape::Chunked
        | BodyShape::Spaced
        | BodyShape::Array
        | BodyShape::NotJson
        | BodyShape::Cut
        | BodyShape::Trailing
        | BodyShape::NotUtf8
        | BodyShape::Bom
        | BodyShape::Empty
        | BodyShape::Gzip
        | BodyShape::Identity
        | BodyShape::TooLarge => {}
    }
}

/// The member that names the model, on routes whose body does.
const fn model_member(route: Route) -> Option<&'static str> {
    match route {
        Route::Chat
        | Route::ApiChat
        | Route::Completions
        | Route::ApiCompletions
        | Route::Responses
        | Route::Embeddings
        | Route::Messages
        | Route::CountTokens => Some("model"),
        Route::Speech | Route::SpeechStream => Some("model_id"),
        Route::Transcribe(_) => Some("speech_model"),
        Route::Execute(_) => Some("action_id"),
        Route::Models
        | Route::Model(_)
        | Route::Generate(_)
        | Route::GenerateStream(_)
        | Route::EmbedContent(_)
        | Route::Transcript(_)
        | Route::Predict(..)
        | Route::Prediction(_)
        | Route::SendMessage
        | Route::GetMe
        | Route::Files
        | Route::AdminKeys
        | Route::Credits
        | Route::Listing(_)
        | Route::Root => None,
    }
}

/// The value of that member as JSON; `None` where it is left out.
fn model_value(adapter: Provider, call: &ProviderCall) -> Option<String> {
    if let Route::Execute(action) = call.ask.route {
        return match action {
            ComposioAction::Missing => None,
            ComposioAction::Number => Some("7".to_owned()),
            ComposioAction::Of(_)
            | ComposioAction::UnknownToolkit
            | ComposioAction::Lower(_)
            | ComposioAction::NoUnderscore(_)
            | ComposioAction::NoToolkit
            | ComposioAction::Dotted(_) => action_text(action).map(|text| json_text(&text)),
        };
    }
    let models = if adapter.models().is_empty() || adapter == Provider::Composio { Provider::Openai } else { adapter };
    let plain = models.model(listed(call.payload.model));
    Some(match call.payload.model {
        ModelName::Listed(_) => json_text(plain),
        ModelName::OtherCase(_) => json_text(&plain.to_ascii_uppercase()),
        ModelName::TrailingSpace(_) => json_text(&format!("{plain} ")),
        ModelName::Suffixed(_) => json_text(&format!("{plain}-latest")),
        ModelName::Prefixed(_) => json_text(&format!("{}/{plain}", adapter.slug())),
        ModelName::Escaped(_) => {
            let mut chars = plain.chars();
            let first = chars.next().map(|c| format!("\\u{:04x}", u32::from(c))).unwrap_or_default();
            format!("\"{first}{}\"", chars.as_str())
        }
        ModelName::Unlisted => json_text("no-such-model"),
        ModelName::Missing => return None,
        ModelName::Number => "41".to_owned(),
        ModelName::Null => "null".to_owned(),
        ModelName::Array(_) => format!("[{}]", json_text(plain)),
        ModelName::Empty => "\"\"".to_owned(),
    })
}

/// The place in the adapter's list that a name is made from.
#[must_use]
pub const fn listed(model: ModelName) -> u8 {
    match model {
        ModelName::Listed(n)
        | ModelName::OtherCase(n)
        | ModelName::TrailingSpace(n)
        | ModelName::Suffixed(n)
        | ModelName::Prefixed(n)
        | ModelName::Escaped(n)
        | ModelName::Array(n) => n,
        ModelName::Unlisted | ModelName::Missing | ModelName::Number | ModelName::Null | ModelName::Empty => 0,
    }
}

/// The text of a question: the sender's canary, then letters of one to four bytes.
#[must_use]
pub fn question(world: &World, call: &ProviderCall) -> String {
    let mark = &world.member(call.sender).request_canary.text;
    let more: String = "é so 🦀 ".chars().cycle().take(usize::from(call.payload.text)).collect();
    format!("{mark}{more}")
}

/// Tokens that a question of so many bytes is taken for where nobody counted them.
#[must_use]
pub const fn tokens_estimated_of(bytes: u64) -> u64 {
    bytes.div_ceil(4)
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The body of a webhook and its framing.
#[must_use]
pub(super) fn hook_body(world: &World, _state: &State, call: &HookCall) -> WireBody {
    let mark = &world.member(call.sender).request_canary.text;
    let update = format!("{{\"update_id\":1,\"message\":{{\"text\":\"{mark}\"}}}}").into_bytes();
    let sized = |length: usize| {
        let frame = "{\"pad\":\"\"}".len();
        format!("{{\"pad\":\"{}\"}}", "x".repeat(length.saturating_sub(frame))).into_bytes()
    };
    match call.body {
        HookBody::Empty => WireBody::None,
        HookBody::Update => WireBody::Length(update),
        HookBody::Chunked => WireBody::Chunked(cut(&update), Vec::new()),
        HookBody::Odd => {
            WireBody::Length(format!(" {{\n\t\"z\" : 1,\r\n \"a\":\"{mark}\" , \"a\": 2 }}\n").into_bytes())
        }
        HookBody::Names(deployment) => {
            let own = world.deployment(deployment);
            let tenant = world.tenant(own.tenant);
            let host = single_host(&crate::world::label(&tenant.slug, &own.slug));
            WireBody::Length(
                format!(
                    "{{\"deployment_id\":\"{}\",\"tenant_id\":\"{}\",\"deployment_url\":\"https://{host}\"}}",
                    own.id, tenant.id
                )
                .into_bytes(),
            )
        }
        HookBody::Largest => WireBody::Length(sized(HOOK_BODY_MAX)),
        HookBody::TooLarge => WireBody::Length(sized(HOOK_BODY_MAX + 1)),
    }
}

/// The path that an openrouter upstream gets: `/api` in front where it is missing.
#[must_use]
pub fn upstream_path(world: &World, call: &ProviderCall) -> String {
    let path = path_of(world, call);
    let is_openrouter = call.adapter.meant() == Some(Provider::Openrouter);
    if is_openrouter && !path.starts_with("/api/") { format!("/api{path}") } else { path }
}
