//! What an answer says of tokens: in its whole, or event by event. Pure.
//!
//! Documents come from an upstream. What in them is malformed, negative, a fraction or out of all proportion reports
//! nothing, and the estimate stands in.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The most of anything that one answer can report.
pub const COUNT_MAX: u64 = 1_000_000_000_000;

/// How a provider writes its usage down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's, and OpenRouter's.
    Openai,
    /// Anthropic's.
    Anthropic,
    /// Gemini's.
    Gemini,
}

/// What was reported so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    /// Tokens in.
    pub input: Option<u64>,
    /// Tokens out.
    pub output: Option<u64>,
    /// What the events that carried a part of the answer are taken for: see [`estimated`], and one each at the least.
    pub deltas: u64,
}

/// The tokens that a text of so many bytes is taken for, where nobody says.
#[must_use]
pub const fn estimated(bytes: u64) -> u64 {
    bytes.div_ceil(4)
}

impl Tokens {
    /// Reads a whole answer.
    pub fn read_document(&mut self, dialect: Dialect, document: &str) {
        match dialect {
            Dialect::Openai => self.openai(document),
            Dialect::Anthropic => {
                let usage = anthropic_usage(parsed::<Anthropic<'_>>(document).and_then(|found| found.usage));
                (self.input, self.output) = (usage.input(), usage.output_tokens.and_then(count));
            }
            Dialect::Gemini if document.trim_ascii_start().starts_with('[') => {
                for element in elements(document) {
                    self.gemini(element);
                }
            }
            Dialect::Gemini => self.gemini(document),
        }
    }

    /// Reads one event of a stream.
    pub fn read_event(&mut self, dialect: Dialect, event: &str) {
        match dialect {
            Dialect::Openai => self.openai(event),
            Dialect::Anthropic => self.anthropic_event(event),
            Dialect::Gemini => self.gemini(event),
        }
    }

    /// Notes a part of an answer of so many bytes.
    fn carried(&mut self, bytes: u64) {
        if bytes > 0 {
            self.deltas = self.deltas.saturating_add(estimated(bytes));
        }
    }

    fn openai(&mut self, document: &str) {
        let Some(found) = parsed::<Openai<'_>>(document) else { return };
        let kind = found.kind.and_then(RawExt::text);
        let usage = match (found.usage, kind) {
            (Some(usage), _) => Some(usage),
            // An answer that reached the client's own limit ends as incomplete.
            (None, Some("response.completed" | "response.incomplete")) => {
                found.response.and_then(RawExt::parsed::<Openai<'_>>).and_then(|response| response.usage)
            }
            (None, _) => None,
        };
        if let Some(usage) = usage.and_then(RawExt::parsed::<OpenaiUsage<'_>>) {
            self.input = usage.prompt_tokens.or(usage.input_tokens).and_then(count);
            self.output = usage.completion_tokens.or(usage.output_tokens).and_then(count);
        }
        let choices: Vec<Choice<'_>> = found.choices.and_then(RawExt::parsed).unwrap_or_default();
        let in_choice = |choice: &Choice<'_>| {
            let delta = choice.delta.and_then(RawExt::parsed::<BTreeMap<String, &RawValue>>).unwrap_or_default();
            let members = delta.iter().filter(|(name, _)| *name != "role").map(|(_, value)| weight(value));
            choice.text.map_or(0, weight).saturating_add(members.sum())
        };
        let in_response = found.delta.filter(|_| kind.is_some_and(|kind| kind.ends_with(".delta"))).map_or(0, weight);
        self.carried(choices.iter().map(in_choice).fold(in_response, u64::saturating_add));
    }

    fn anthropic_event(&mut self, event: &str) {
        let Some(found) = parsed::<Anthropic<'_>>(event) else { return };
        match found.kind.and_then(RawExt::text) {
            Some("message_start") => {
                let message = found.message.and_then(RawExt::parsed::<Anthropic<'_>>);
                self.input = anthropic_usage(message.and_then(|message| message.usage)).input();
            }
            Some("message_delta") => {
                if let Some(output) = anthropic_usage(found.usage).output_tokens {
                    self.output = count(output);
                }
            }
            Some("content_block_delta") => {
                let delta = found.delta.and_then(RawExt::parsed::<BTreeMap<String, &RawValue>>).unwrap_or_default();
                let members = delta.iter().filter(|(name, _)| *name != "type").map(|(_, value)| weight(value));
                self.carried(members.sum::<u64>().max(1));
            }
            Some(_) | None => {}
        }
    }

    fn gemini(&mut self, document: &str) {
        let Some(found) = parsed::<Gemini<'_>>(document) else { return };
        if let Some(usage) = found.usage.and_then(RawExt::parsed::<GeminiUsage<'_>>) {
            self.input = sum(usage.prompt, [usage.tool_results]);
            self.output = sum(usage.candidates, [usage.thoughts]);
        }
        let candidates: Vec<Candidate<'_>> = found.candidates.and_then(RawExt::parsed).unwrap_or_default();
        let spoken = |candidate: &Candidate<'_>| {
            let content = candidate.content.and_then(RawExt::parsed::<Content<'_>>);
            let Some(parts) = content.and_then(|content| content.parts).filter(|parts| carries(parts)) else {
                return 0;
            };
            match parts.parsed::<Vec<BTreeMap<String, &RawValue>>>() {
                Some(parts) => parts.iter().flat_map(BTreeMap::values).map(|value| weight(value)).sum::<u64>().max(1),
                None => weight(parts),
            }
        };
        self.carried(candidates.iter().map(spoken).fold(0, u64::saturating_add));
    }
}

fn anthropic_usage<'d>(usage: Option<&'d RawValue>) -> AnthropicUsage<'d> {
    usage.and_then(RawExt::parsed).unwrap_or_default()
}

/// A number that can be billed.
pub(super) fn count(value: &RawValue) -> Option<u64> {
    value.parsed::<u64>().filter(|count| *count <= COUNT_MAX)
}

/// A number and those that a provider counts beside it, each where it is there.
fn sum<const N: usize>(first: Option<&RawValue>, beside: [Option<&RawValue>; N]) -> Option<u64> {
    let mut beside = beside.into_iter().flatten();
    beside.try_fold(first.and_then(count)?, |sum, more| sum.checked_add(count(more)?)).filter(|sum| *sum <= COUNT_MAX)
}

/// The bytes of a member that holds anything: a string's own, or all of another value's.
fn weight(value: &RawValue) -> u64 {
    let text = value.get();
    let quotes = if text.starts_with('"') { 2 } else { 0 };
    if carries(value) { (text.len() - quotes) as u64 } else { 0 }
}

/// Whether a member holds anything.
fn carries(value: &RawValue) -> bool {
    !matches!(value.get(), "null" | "\"\"" | "[]" | "{}")
}

pub(super) fn parsed<'d, T: Deserialize<'d>>(document: &'d str) -> Option<T> {
    serde_json::from_str(document).ok()
}

pub(super) trait RawExt<'d> {
    fn parsed<T: Deserialize<'d>>(self) -> Option<T>;
    /// A string without escapes, which is what the names of kinds and states are.
    fn text(self) -> Option<&'d str>;
}

impl<'d> RawExt<'d> for &'d RawValue {
    fn parsed<T: Deserialize<'d>>(self) -> Option<T> {
        parsed(self.get())
    }

    fn text(self) -> Option<&'d str> {
        parsed(self.get())
    }
}

/// The elements of an array, as far as it is whole.
fn elements(document: &str) -> impl Iterator<Item = &str> {
    let mut rest = document.trim_ascii_start().strip_prefix('[').unwrap_or_default();
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',']);
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        let element = values.next()?.ok()?.get();
        rest = rest.get(values.byte_offset()..)?;
        Some(element)
    })
}

#[derive(Deserialize)]
struct Openai<'d> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<&'d RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'d RawValue>,
    #[serde(borrow, default)]
    choices: Option<&'d RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'d RawValue>,
    #[serde(borrow, default)]
    response: Option<&'d RawValue>,
}

#[derive(Deserialize)]
struct OpenaiUsage<'d> {
    #[serde(borrow, default)]
    prompt_tokens: Option<&'d RawValue>,
    #[serde(borrow, default)]
    input_tokens: Option<&'d RawValue>,
    #[serde(borrow, default)]
    completion_tokens: Option<&'d RawValue>,
    #[serde(borrow, default)]
    output_tokens: Option<&'d RawValue>,
}

#[derive(Deserialize)]
struct Choice<'d> {
    #[serde(borrow, default)]
    delta: Option<&'d RawValue>,
    #[serde(borrow, default)]
    text: Option<&'d RawValue>,
}

#[derive(Deserialize)]
struct Anthropic<'d> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<&'d RawValue>,
    #[serde(borrow, default)]
    message: Option<&'d RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'d RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'d RawValue>,
}

#[derive(Deserialize, Default)]
struct AnthropicUsage<'d> {
    #[serde(borrow, default)]
    input_tokens: Option<&'d RawValue>,
    #[serde(borrow, default)]
    cache_creation_input_tokens: Option<&'d RawValue>,
    #[serde(borrow, default)]
    cache_read_input_tokens: Option<&'d RawValue>,
    #[serde(borrow, default)]
    output_tokens: Option<&'d RawValue>,
}

impl AnthropicUsage<'_> {
    /// All tokens in. The client says what of its prompt is cached, and `input_tokens` leaves that out.
    fn input(&self) -> Option<u64> {
        sum(self.input_tokens, [self.cache_creation_input_tokens, self.cache_read_input_tokens])
    }
}

#[derive(Deserialize)]
struct Gemini<'d> {
    #[serde(rename = "usageMetadata", borrow, default)]
    usage: Option<&'d RawValue>,
    #[serde(borrow, default)]
    candidates: Option<&'d RawValue>,
}

#[derive(Deserialize)]
struct GeminiUsage<'d> {
    #[serde(rename = "promptTokenCount", borrow, default)]
    prompt: Option<&'d RawValue>,
    #[serde(rename = "candidatesTokenCount", borrow, default)]
    candidates: Option<&'d RawValue>,
    /// Out as well, and counted beside the candidates.
    #[serde(rename = "thoughtsTokenCount", borrow, default)]
    thoughts: Option<&'d RawValue>,
    /// In as well, and counted beside the prompt.
    #[serde(rename = "toolUsePromptTokenCount", borrow, default)]
    tool_results: Option<&'d RawValue>,
}

#[derive(Deserialize)]
struct Candidate<'d> {
    #[serde(borrow, default)]
    content: Option<&'d RawValue>,
}

#[derive(Deserialize)]
struct Content<'d> {
    #[serde(borrow, default)]
    parts: Option<&'d RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::*;
    use proptest::prelude::*;

    fn document(dialect: Dialect, document: &str) -> (Option<u64>, Option<u64>) {
        let mut tokens = Tokens::default();
        tokens.read_document(dialect, document);
        (tokens.input, tokens.output)
    }

    fn stream(dialect: Dialect, events: &[&str]) -> (Option<u64>, Option<u64>, u64) {
        let mut tokens = Tokens::default();
        for event in events {
            tokens.read_event(dialect, event);
        }
        (tokens.input, tokens.output, tokens.deltas)
    }

    #[test]
    fn whole_answers() {
        for (dialect, text, expected) in [
            (Openai, r#"{"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}"#, (Some(3), Some(5))),
            (Openai, r#"{"usage":{"input_tokens":3,"output_tokens":5},"choices":1}"#, (Some(3), Some(5))),
            (Openai, r#"{"usage":{"prompt_tokens":3,"total_tokens":3}}"#, (Some(3), None)),
            (Openai, r#"{"response":{"usage":{"input_tokens":3,"output_tokens":5}}}"#, (None, None)),
            (Openai, r#"{"choices":[{"usage":{"prompt_tokens":3,"completion_tokens":5}}]}"#, (None, None)),
            (Anthropic, r#"{"usage":{"input_tokens":3,"output_tokens":5}}"#, (Some(3), Some(5))),
            (Anthropic, r#"{"message":{"usage":{"input_tokens":3,"output_tokens":5}}}"#, (None, None)),
            (Gemini, r#"{"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":5}}"#, (Some(3), Some(5))),
            (
                Gemini,
                "[{\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":1}}\n,\r\n{\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":5}}]",
                (Some(3), Some(5)),
            ),
            (
                Gemini,
                r#" [{"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1}},{"usageMetadata":{"promptTo"#,
                (Some(3), Some(1)),
            ),
            (Gemini, "[", (None, None)),
        ] {
            assert_eq!(document(dialect, text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_counted_beside_is_billed_too() {
        for (dialect, text, expected) in [
            (
                Anthropic,
                r#"{"usage":{"input_tokens":3,"cache_creation_input_tokens":40,"cache_read_input_tokens":500,"output_tokens":5}}"#,
                (Some(543), Some(5)),
            ),
            (
                Anthropic,
                r#"{"usage":{"input_tokens":3,"cache_read_input_tokens":null,"output_tokens":5}}"#,
                (Some(3), Some(5)),
            ),
            (
                Anthropic,
                r#"{"usage":{"input_tokens":3,"cache_read_input_tokens":-4,"output_tokens":5}}"#,
                (None, Some(5)),
            ),
            (
                Gemini,
                r#"{"usageMetadata":{"promptTokenCount":3,"toolUsePromptTokenCount":40,"candidatesTokenCount":5,"thoughtsTokenCount":600}}"#,
                (Some(43), Some(605)),
            ),
        ] {
            assert_eq!(document(dialect, text), expected, "{text}");
        }
        let cut = r#"{"type":"response.incomplete","response":{"usage":{"input_tokens":7,"output_tokens":9}}}"#;
        assert_eq!(stream(Openai, &[cut]), (Some(7), Some(9), 0));
    }

    #[test]
    fn nonsense_reports_nothing() {
        for number in ["-1", "1.0", "1e3", "\"3\"", "1000000000001", "99999999999999999999999", "null", "[3]", "true"] {
            let text = format!(r#"{{"usage":{{"prompt_tokens":{number},"completion_tokens":5}}}}"#);
            assert_eq!(document(Openai, &text), (None, Some(5)), "{text}");
        }
        let most = r#"{"usage":{"prompt_tokens":1000000000000,"completion_tokens":0}}"#;
        assert_eq!(document(Openai, most), (Some(COUNT_MAX), Some(0)));
        for text in ["", "[]", "null", "{", r#"{"usage":3}"#, r#"{"usage":{"prompt_tokens":3}"#, "[DONE]"] {
            assert_eq!(document(Openai, text), (None, None), "{text}");
        }
        let twice = r#"{"usage":{"prompt_tokens":3},"usage":{"prompt_tokens":4}}"#;
        assert_eq!(document(Openai, twice), (None, None));
    }

    #[test]
    fn streams() {
        let role = r#"{"choices":[{"delta":{"role":"assistant","content":""}}],"usage":null}"#;
        let word = r#"{"choices":[{"delta":{"content":"a"}}],"usage":null}"#;
        let tool = r#"{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#;
        let stop = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
        let last = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":9}}"#;
        // One for the word, and four for the thirteen bytes of the call.
        assert_eq!(stream(Openai, &[role, word, tool, stop, last, "[DONE]"]), (Some(7), Some(9), 5));
        let long = r#"{"choices":[{"delta":{"content":"nine byte"}},{"delta":{"content":"a","refusal":null}}]}"#;
        assert_eq!(stream(Openai, &[long]), (None, None, 3));
        assert_eq!(stream(Openai, &[role, word, word]), (None, None, 2));
        let early = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":1}}"#;
        assert_eq!(stream(Openai, &[early, word, last]), (Some(7), Some(9), 1));
        let old = r#"{"choices":[{"text":"a"}]}"#;
        assert_eq!(stream(Openai, &[old, r#"{"choices":[{"text":""}]}"#]), (None, None, 1));
        let piece = r#"{"type":"response.output_text.delta","delta":"a"}"#;
        let done = r#"{"type":"response.completed","response":{"usage":{"input_tokens":7,"output_tokens":9}}}"#;
        let created = r#"{"type":"response.created","response":{"usage":{"input_tokens":1,"output_tokens":1}}}"#;
        assert_eq!(stream(Openai, &[created, piece, piece, done]), (Some(7), Some(9), 2));
        let start = r#"{"type":"message_start","message":{"usage":{"input_tokens":7,"output_tokens":1}}}"#;
        let block = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#;
        let delta = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#;
        assert_eq!(
            stream(Anthropic, &[start, block, block, delta, r#"{"type":"message_stop"}"#]),
            (Some(7), Some(9), 2)
        );
        assert_eq!(stream(Anthropic, &[start, block]), (Some(7), None, 1));
        let json = r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"12345678"}}"#;
        assert_eq!(stream(Anthropic, &[json]), (None, None, 2));
        let chunk = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":7}}"#;
        let end = r#"{"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":9}}"#;
        assert_eq!(stream(Gemini, &[chunk, chunk, end]), (Some(7), Some(9), 2));
        assert_eq!(stream(Gemini, &[chunk]), (Some(7), None, 1));
        let parts = r#"{"candidates":[{"content":{"parts":[{"text":"12345678"},{"text":"123"}]}}]}"#;
        assert_eq!(stream(Gemini, &[parts]), (None, None, 3));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}\",:a-z0-9_ ]{0,200}") {
            for dialect in [Openai, Anthropic, Gemini] {
                document(dialect, &text);
                stream(dialect, &[&text]);
            }
        }

        #[test]
        fn no_number_is_billed_that_was_not_written(number in any::<i64>()) {
            let text = format!(r#"{{"usage":{{"prompt_tokens":{number}}}}}"#);
            let read = u64::try_from(number).ok().filter(|number| *number <= COUNT_MAX);
            prop_assert_eq!(document(Openai, &text).0, read);
        }
    }
}
