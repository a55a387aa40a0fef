//! Members of a body that change what a request costs beside its model and its usage, or that name what is stored at the
//! provider: as data, for each adapter. Pure.
//!
//! The rate table knows a model's tokens, characters, seconds and calls. Whatever a provider bills beside them would be
//! paid by the platform, or by a tenant who was promised another price; so a request that asks for it is refused by name.

use super::payload::{Payload, is_same_folded};
use super::request_headers::ACCOUNT_NAMES;
use crate::provider::Adapter;
use serde_json::value::RawValue;

/// What a member may say. Not to be there is always allowed, and so is `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    /// `false` and `[]`: that it is not asked for.
    Off,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A list of these strings.
    ListOf(&'static [&'static str]),
    /// A list of tools whose `type` begins with one of these, or is missing where that is said.
    Tools {
        /// How the types of tools begin that the client itself runs.
        types: &'static [&'static str],
        /// Whether a tool without a type is one of them.
        untyped: bool,
    },
    /// A list of objects with no other members than these.
    OnlyMembers(&'static [&'static str]),
    /// Anything but an object.
    NoObject,
}

/// The members of each adapter that change a price, and what they may say.
const PRICED_BESIDE: &[(Adapter, &[(&str, Allowed)])] = &[
    (
        Adapter::Openai,
        &[
            ("service_tier", Allowed::OneOf(&["auto", "default"])),
            // Tools that the provider runs have prices of their own.
            ("tools", Allowed::Tools { types: &["function", "custom"], untyped: false }),
            ("web_search_options", Allowed::Off),
            // Such an answer comes before its usage, and is fetched by a route that isn't served.
            ("background", Allowed::Off),
            // A stored prompt brings tools of its own. Of `/v1/completions` it is the text.
            ("prompt", Allowed::NoObject),
            ("modalities", Allowed::ListOf(&["text"])),
            ("audio", Allowed::Off),
        ],
    ),
    (
        Adapter::Openrouter,
        &[
            // Each of them lets another model, or another provider of it at another price, answer.
            ("models", Allowed::Off),
            ("route", Allowed::Off),
            ("provider", Allowed::Off),
            ("preset", Allowed::Off),
            ("plugins", Allowed::Off),
            ("web_search_options", Allowed::Off),
            ("service_tier", Allowed::OneOf(&["auto", "default"])),
            ("tools", Allowed::Tools { types: &["function"], untyped: false }),
            ("modalities", Allowed::ListOf(&["text"])),
            ("audio", Allowed::Off),
        ],
    ),
    (
        Adapter::Anthropic,
        &[
            ("service_tier", Allowed::OneOf(&["auto", "standard_only"])),
            ("speed", Allowed::OneOf(&["standard"])),
            ("inference_geo", Allowed::Off),
            (
                "tools",
                Allowed::Tools { types: &["custom", "bash_", "text_editor_", "computer_", "memory_"], untyped: true },
            ),
            ("mcp_servers", Allowed::Off),
            ("container", Allowed::Off),
        ],
    ),
    (
        Adapter::Gemini,
        &[
            ("tools", Allowed::OnlyMembers(&["functionDeclarations", "function_declarations"])),
            ("cachedContent", Allowed::Off),
            ("cached_content", Allowed::Off),
            ("serviceTier", Allowed::Off),
            ("service_tier", Allowed::Off),
        ],
    ),
    (
        Adapter::Assemblyai,
        &[
            ("speech_models", Allowed::Off),
            ("speech_understanding", Allowed::Off),
            ("multichannel", Allowed::Off),
            ("dual_channel", Allowed::Off),
            ("speaker_labels", Allowed::Off),
            ("auto_chapters", Allowed::Off),
            ("auto_highlights", Allowed::Off),
            ("content_safety", Allowed::Off),
            ("entity_detection", Allowed::Off),
            ("iab_categories", Allowed::Off),
            ("redact_pii", Allowed::Off),
            ("sentiment_analysis", Allowed::Off),
            ("summarization", Allowed::Off),
        ],
    ),
];

/// Members that name what is stored at a provider. With a credential that tenants share, it may be another tenant's.
const NAMES_STORED: &[(Adapter, &[&str])] = &[(Adapter::Openai, &["previous_response_id", "conversation"])];

/// Members by which a request is billed, sent or answered for.
const DECIDING: &[&str] =
    &["model", "stream", "stream_options", "usage", "text", "model_id", "speech_model", "action_id", "store"];

/// Why a body is not sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TermError {
    /// A member that decides something is spelled in another case: one reader would see it, and the next would not.
    #[error("a member is not spelled as it has to be")]
    Respelled,
    /// A member asks for what has no rate, or names what is stored.
    #[error("the member {0} is not served")]
    NotServed(&'static str),
}

fn listed<T: Copy>(table: &'static [(Adapter, &'static [T])], adapter: Adapter) -> impl Iterator<Item = T> {
    table.iter().filter(move |(of, _)| *of == adapter).flat_map(|(_, members)| members.iter().copied())
}

/// Looks at the members of a body that decide more than is priced.
///
/// # Errors
/// [`TermError`] for the first one that says what it may not.
pub fn check(adapter: Adapter, payload: &Payload<'_>) -> Result<(), TermError> {
    let accounts: &[&'static str] = if adapter == Adapter::Composio { &ACCOUNT_NAMES } else { &[] };
    let known = listed(PRICED_BESIDE, adapter).map(|(name, _)| name);
    let known = known.chain(listed(NAMES_STORED, adapter)).chain(DECIDING.iter().copied());
    for name in known.chain(accounts.iter().copied()) {
        if payload.names().any(|held| held != name && is_same_folded(held, name)) {
            return Err(TermError::Respelled);
        }
    }
    for (name, allowed) in listed(PRICED_BESIDE, adapter) {
        let Some(value) = payload.member(name).filter(|value| value.get() != "null") else { continue };
        if !allowed.holds(value) {
            return Err(TermError::NotServed(name));
        }
    }
    Ok(())
}

/// Looks for what a body names that is stored at the provider, for a credential that tenants share.
///
/// # Errors
/// [`TermError::NotServed`] whether it is there or not, and whoever's it is: the provider is not asked.
pub fn check_shared(adapter: Adapter, payload: &Payload<'_>) -> Result<(), TermError> {
    for name in listed(NAMES_STORED, adapter) {
        if payload.member(name).is_some_and(|value| value.get() != "null") {
            return Err(TermError::NotServed(name));
        }
    }
    // An item of a stored answer, which needs no type.
    let items = payload.member("input").filter(|_| adapter == Adapter::Openai).and_then(elements);
    let refers = |item: &&RawValue| {
        let Ok(item) = Payload::read(item.get().as_bytes()) else { return item.get().starts_with('{') };
        let kind = item.text("type");
        kind.as_ref().is_ok_and(|kind| kind.as_deref() == Some("item_reference"))
            || (item.member("role").is_none() && !matches!(kind, Ok(Some(_))))
    };
    if items.is_some_and(|items| items.iter().any(refers)) {
        return Err(TermError::NotServed("input"));
    }
    Ok(())
}

fn elements(value: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(value.get()).ok()
}

fn strings(value: &RawValue) -> Option<Vec<String>> {
    serde_json::from_str(value.get()).ok()
}

impl Allowed {
    fn holds(self, value: &RawValue) -> bool {
        match self {
            Self::Off => value.get() == "false" || elements(value).is_some_and(|elements| elements.is_empty()),
            Self::OneOf(words) => {
                let said: Option<String> = serde_json::from_str(value.get()).ok();
                said.is_some_and(|said| words.contains(&said.as_str()))
            }
            Self::ListOf(words) => {
                strings(value).is_some_and(|said| said.iter().all(|said| words.contains(&said.as_str())))
            }
            Self::Tools { types, untyped } => elements(value).is_some_and(|tools| {
                tools.into_iter().all(|tool| {
                    let Ok(tool) = Payload::read(tool.get().as_bytes()) else { return false };
                    let respelled = tool.names().any(|name| name != "type" && is_same_folded(name, "type"));
                    match tool.text("type") {
                        Ok(Some(kind)) => !respelled && types.iter().any(|known| is_kind(&kind, known)),
                        Ok(None) => !respelled && untyped,
                        Err(_) => false,
                    }
                })
            }),
            Self::OnlyMembers(names) => elements(value).is_some_and(|objects| {
                objects.into_iter().all(|object| {
                    let object = Payload::read(object.get().as_bytes());
                    object.is_ok_and(|object| object.names().all(|name| names.contains(&name)))
                })
            }),
            Self::NoObject => !value.get().starts_with('{'),
        }
    }
}

/// Whether a tool's type is a known one: all of it, or its beginning where a version follows.
fn is_kind(kind: &str, known: &str) -> bool {
    if known.ends_with('_') { kind.starts_with(known) } else { kind == known }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(adapter: Adapter, body: &str) -> Result<(), TermError> {
        check(adapter, &Payload::read(body.as_bytes()).unwrap())
    }

    #[test]
    fn what_has_no_rate_is_refused_by_name() {
        use Adapter::{Anthropic, Assemblyai, Gemini, Openai, Openrouter};
        for (adapter, name, good, bad) in [
            (Openai, "service_tier", &[r#""auto""#, r#""default""#, "null"][..], &[r#""priority""#, "1", "[]"][..]),
            (
                Openai,
                "tools",
                &["[]", r#"[{"type":"function","function":{}},{"type":"custom"}]"#],
                &[
                    r#"[{"type":"web_search"}]"#,
                    r#"[{"type":"function"},{"type":"mcp"}]"#,
                    r#"[{"type":"function_x"}]"#,
                    r#"[{"type":"function","type":"mcp"}]"#,
                    r#"[{"type":"function","Type":"mcp"}]"#,
                    r#"[{"type":null}]"#,
                    "[{}]",
                    r#"{"type":"function"}"#,
                    r#""function""#,
                ],
            ),
            (Openai, "web_search_options", &["null"], &["{}", "true"]),
            (Openai, "background", &["false"], &["true", r#""true""#]),
            (Openai, "prompt", &[r#""text""#, "[1,2]"], &[r#"{"id":"pmpt_1"}"#]),
            (Openai, "modalities", &[r#"["text"]"#], &[r#"["text","audio"]"#, r#""audio""#]),
            (Openrouter, "models", &["[]", "null"], &[r#"["dear/model"]"#]),
            (Openrouter, "plugins", &["[]"], &[r#"[{"id":"web"}]"#]),
            (Openrouter, "route", &["null"], &[r#""fallback""#]),
            (Openrouter, "provider", &["null"], &[r#"{"order":["x"]}"#]),
            (Anthropic, "speed", &[r#""standard""#], &[r#""fast""#]),
            (
                Anthropic,
                "tools",
                &[r#"[{"name":"a"},{"type":"custom"},{"type":"bash_20250124"}]"#],
                &[r#"[{"type":"web_search_20250305"}]"#, r#"[{"type":"code_execution_20250522"}]"#],
            ),
            (Anthropic, "mcp_servers", &["[]"], &[r#"[{"url":"https://x.example"}]"#]),
            (
                Gemini,
                "tools",
                &[r#"[{"functionDeclarations":[]}]"#, r#"[{"function_declarations":[]}]"#],
                &[r#"[{"googleSearch":{}}]"#, r#"[{"functionDeclarations":[],"codeExecution":{}}]"#],
            ),
            (Gemini, "cachedContent", &["null"], &[r#""cachedContents/1""#]),
            (Assemblyai, "speech_models", &["[]"], &[r#"["slam-1"]"#]),
            (Assemblyai, "speaker_labels", &["false"], &["true"]),
        ] {
            for value in good {
                assert_eq!(checked(adapter, &format!(r#"{{"{name}":{value}}}"#)), Ok(()), "{adapter} {name} {value}");
            }
            for value in bad {
                let body = format!(r#"{{"{name}":{value}}}"#);
                assert_eq!(checked(adapter, &body), Err(TermError::NotServed(name)), "{adapter} {body}");
            }
        }
        // What one adapter bills is another's own affair.
        assert_eq!(checked(Openai, r#"{"models":["x"],"speaker_labels":true}"#), Ok(()));
        // An escape in a name hides nothing.
        let escaped = r#"{"service\u005ftier":"priority"}"#;
        assert_eq!(checked(Openai, escaped), Err(TermError::NotServed("service_tier")));
    }

    #[test]
    fn a_name_in_another_case_is_refused_where_it_would_decide() {
        for body in
            [r#"{"Model":"dear"}"#, r#"{"STREAM":true}"#, r#"{"Service_Tier":"priority"}"#, "{\"u\u{17f}age\":1}"]
        {
            assert_eq!(checked(Adapter::Openai, body), Err(TermError::Respelled), "{body}");
        }
        assert_eq!(checked(Adapter::Composio, r#"{"Entity_Id":"x"}"#), Err(TermError::Respelled));
        assert_eq!(checked(Adapter::Openai, r#"{"Temperature":1,"Entity_Id":"x"}"#), Ok(()));
    }

    #[test]
    fn with_a_shared_credential_nothing_stored_is_named() {
        let shared = |body: &str| check_shared(Adapter::Openai, &Payload::read(body.as_bytes()).unwrap());
        for body in [
            r#"{"previous_response_id":null,"input":"text"}"#,
            r#"{"input":[{"role":"user","content":"x"},{"type":"function_call_output","call_id":"c","output":"x"}]}"#,
            r#"{"input":["text",["id"]],"model":"e"}"#,
        ] {
            assert_eq!(shared(body), Ok(()), "{body}");
        }
        for (body, name) in [
            (r#"{"previous_response_id":"resp_1"}"#, "previous_response_id"),
            (r#"{"conversation":{"id":"conv_1"}}"#, "conversation"),
            (r#"{"input":[{"type":"item_reference","id":"msg_1"}]}"#, "input"),
            (r#"{"input":[{"id":"msg_1"}]}"#, "input"),
            (r#"{"input":[{"role":"user","content":"x"},{"type":null,"id":"msg_1"}]}"#, "input"),
            (r#"{"input":[{"id":"msg_1","id":"msg_2"}]}"#, "input"),
        ] {
            assert_eq!(shared(body), Err(TermError::NotServed(name)), "{body}");
        }
    }
}
