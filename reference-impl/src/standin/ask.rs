//! A request as a provider reads it: who asks, for what, and how the answer is to be.

use super::mode::{MODE_HEADER, Mode};
use crate::provider::Adapter;
use http::{HeaderMap, Method, Uri};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// A request.
pub(super) struct Ask<'a> {
    pub(super) adapter: Adapter,
    pub(super) method: &'a Method,
    /// The path, for Telegram what is behind the token.
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    /// The body as JSON; null where it is none.
    pub(super) json: Value,
    /// The credential in the provider's own place; none where it is missing, repeated or malformed.
    pub(super) credential: Option<&'a str>,
    /// The head as it came.
    pub(super) head: String,
}

/// What is reported as used.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Usage {
    Absent,
    /// Input and output, whether they are sound or not.
    Said(Value, Value),
}

impl<'a> Ask<'a> {
    pub(super) fn read(
        adapter: Adapter,
        method: &'a Method,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        body: &[u8],
    ) -> Self {
        let whole = uri.path();
        let (credential, path) = match adapter {
            Adapter::Telegram => match whole.strip_prefix("/bot").and_then(|rest| rest.split_once('/')) {
                Some((token, method)) => (Some(token).filter(|token| !token.is_empty()), method),
                None => (None, whole),
            },
            Adapter::Openai | Adapter::Openrouter => (bearer(headers), whole),
            // Anthropic takes both.
            Adapter::Anthropic => (only(headers, "x-api-key").or_else(|| bearer(headers)), whole),
            Adapter::Muapi | Adapter::Composio => (only(headers, "x-api-key"), whole),
            Adapter::Gemini => (only(headers, "x-goog-api-key"), whole),
            Adapter::Elevenlabs => (only(headers, "xi-api-key"), whole),
            Adapter::Assemblyai => (only(headers, "authorization"), whole),
        };
        let mut head = format!("{method} {uri}");
        for (name, value) in headers {
            // A String takes whatever is written to it.
            let (Ok(()) | Err(_)) = write!(head, "\n{name}: {}", value.as_bytes().escape_ascii());
        }
        let json = serde_json::from_slice(body).unwrap_or(Value::Null);
        let credential = credential.filter(|credential| !credential.is_empty());
        Self { adapter, method, path, query: uri.query().unwrap_or_default(), headers, json, credential, head }
    }

    /// What the model is called, in the body or the path.
    pub(super) fn model(&self) -> &str {
        let member = |name: &str| self.json.get(name).and_then(Value::as_str);
        match self.adapter {
            Adapter::Openai | Adapter::Anthropic | Adapter::Openrouter => member("model").unwrap_or_default(),
            Adapter::Gemini => {
                let last = self.path.rsplit('/').next().unwrap_or_default();
                last.split(':').next().unwrap_or_default()
            }
            Adapter::Elevenlabs => member("model_id").unwrap_or("eleven_multilingual_v2"),
            Adapter::Assemblyai => member("speech_model").unwrap_or("best"),
            Adapter::Muapi => self.path.strip_prefix("/api/v1/").unwrap_or_default(),
            Adapter::Telegram | Adapter::Composio => "",
        }
    }

    pub(super) fn mode(&self) -> Mode {
        Mode::named(only(self.headers, MODE_HEADER).unwrap_or_else(|| self.model()))
    }

    /// Whether the body asks for a stream.
    pub(super) fn streams(&self) -> bool {
        self.json.get("stream") == Some(&Value::Bool(true))
    }

    /// How many words the request says: what a stand-in takes for its tokens.
    pub(super) fn words(&self) -> u64 {
        ["messages", "system", "input", "prompt", "contents", "content", "instructions"]
            .iter()
            .filter_map(|name| self.json.get(name))
            .map(words)
            .sum()
    }

    /// What the answer says, word by word. A word keeps the space behind it.
    pub(super) fn text(&self) -> Vec<String> {
        self.text_under(self.mode())
    }

    /// What an answer of another mode than the request's own says.
    pub(super) fn text_under(&self, mode: Mode) -> Vec<String> {
        let credential = self.credential.unwrap_or_default();
        let said = if mode == Mode::Echo {
            self.head.clone()
        } else if mode == Mode::EchoBase64 {
            format!("You sent {}.", base64_alignments(credential).join(" and "))
        } else if mode == Mode::EchoHex {
            let hex: String = credential.bytes().map(|byte| format!("{byte:02x}")).collect();
            format!("You sent {hex} which is {}.", hex.to_uppercase())
        } else if mode == Mode::EchoSplit {
            format!("You sent {credential} to me.")
        } else if mode == Mode::Large {
            format!("{} ", "x".repeat(32 * 1024 - 1)).repeat(64)
        } else {
            "These are the words of a stand-in.".to_owned()
        };
        said.split_inclusive(' ').map(str::to_owned).collect()
    }
}

/// A credential in base64, as it looks at each of the three places it may have in a longer text.
fn base64_alignments(credential: &str) -> [String; 3] {
    use base64::Engine as _;
    ["", "x", "xy"].map(|before| base64::engine::general_purpose::STANDARD.encode(format!("{before}{credential}")))
}

/// The value of a header that is there once and is text.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut fields = headers.get_all(name).iter();
    let first = fields.next()?;
    fields.next().is_none().then(|| first.to_str().ok())?
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    only(headers, "authorization")?.strip_prefix("Bearer ")
}

fn words(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.split_whitespace().count() as u64,
        Value::Array(items) => items.iter().map(words).sum(),
        Value::Object(members) => {
            let told = members.iter().filter(|(name, _)| !matches!(name.as_str(), "role" | "type"));
            told.map(|(_, value)| words(value)).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// The ids that were given out, and the jobs that run. What one credential gets does not depend on what others asked.
#[derive(Default)]
pub(super) struct Jobs(Mutex<HashMap<String, Account>>);

#[derive(Default)]
struct Account {
    given: u64,
    jobs: HashMap<String, Job>,
}

/// Work that goes on after its answer.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) model: String,
    /// Seconds of audio.
    pub(super) seconds: Value,
    /// How often its state was asked for.
    pub(super) polled: u64,
}

/// The most jobs that are kept for one credential.
const JOBS_MAX: usize = 4096;

impl Jobs {
    /// A fresh id: 24 hex digits.
    pub(super) fn id(&self, credential: &str) -> String {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(credential.to_owned()).or_default();
        account.given += 1;
        let digest = Sha256::digest(format!("{credential}\0{}", account.given));
        digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn begin(&self, credential: &str, id: &str, job: Job) {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(credential.to_owned()).or_default();
        if account.jobs.len() < JOBS_MAX {
            account.jobs.insert(id.to_owned(), job);
        }
    }

    /// A credential's own job, looked at once more.
    pub(super) fn poll(&self, credential: &str, id: &str) -> Option<Job> {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let job = accounts.get_mut(credential)?.jobs.get_mut(id)?;
        job.polled += 1;
        Some(job.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_are_counted_where_something_is_said() {
        let body = json!({"model": "a b c", "messages": [{"role": "user", "content": [{"type": "text", "text": "one two"}]},
            {"role": "user", "content": "three"}], "system": "four five"});
        let (method, uri, headers) = (Method::POST, Uri::from_static("/v1/messages"), HeaderMap::new());
        let ask = Ask::read(Adapter::Anthropic, &method, &uri, &headers, body.to_string().as_bytes());
        assert_eq!(ask.words(), 5);
        assert_eq!(ask.text().concat(), "These are the words of a stand-in.");
    }

    #[test]
    fn a_credential_is_read_in_its_providers_place_alone() {
        for (adapter, path, name, value, expected) in [
            (Adapter::Openai, "/", "authorization", "Bearer c", Some("c")),
            (Adapter::Openai, "/", "authorization", "c", None),
            (Adapter::Openai, "/", "x-api-key", "c", None),
            (Adapter::Anthropic, "/", "x-api-key", "c", Some("c")),
            (Adapter::Anthropic, "/", "authorization", "Bearer c", Some("c")),
            (Adapter::Gemini, "/", "x-goog-api-key", "c", Some("c")),
            (Adapter::Elevenlabs, "/", "xi-api-key", "c", Some("c")),
            (Adapter::Assemblyai, "/", "authorization", "c", Some("c")),
            (Adapter::Telegram, "/bot1:c/getMe", "x", "", Some("1:c")),
            (Adapter::Telegram, "/bot/getMe", "x", "", None),
        ] {
            let (method, uri) = (Method::GET, Uri::from_static(path));
            let headers = HeaderMap::from_iter([(http::HeaderName::from_static(name), value.parse().unwrap())]);
            assert_eq!(Ask::read(adapter, &method, &uri, &headers, b"").credential, expected, "{adapter:?} {name}");
        }
    }

    #[test]
    fn ids_of_one_credential_do_not_depend_on_another() {
        let (alone, busy) = (Jobs::default(), Jobs::default());
        busy.id("b");
        assert_eq!(alone.id("a"), busy.id("a"));
        assert_ne!(alone.id("a"), alone.id("a"));
        busy.begin("a", "j", Job { model: String::new(), seconds: json!(1), polled: 0 });
        assert!(busy.poll("b", "j").is_none());
        assert_eq!(busy.poll("a", "j").unwrap().polled, 1);
    }
}
