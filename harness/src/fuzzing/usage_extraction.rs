//! What an answer reports of its use: the same whatever its pieces are, and what was written into it.

use isolation_model::choose::{Choose, FromBytes};
use reference_impl::edge::provider_proxy::usage::tokens::{COUNT_MAX, Dialect, Tokens};
use reference_impl::edge::provider_proxy::usage::{Interest, Reader, Reported};

/// All that answers are read for.
const INTERESTS: [(Interest, bool); 8] = [
    (Interest::Tokens(Dialect::Openai), false),
    (Interest::Tokens(Dialect::Openai), true),
    (Interest::Tokens(Dialect::Anthropic), false),
    (Interest::Tokens(Dialect::Anthropic), true),
    (Interest::Tokens(Dialect::Gemini), false),
    (Interest::Tokens(Dialect::Gemini), true),
    (Interest::Job, false),
    (Interest::None, false),
];

/// What the reader says of an answer that comes in pieces.
type Subject = fn(Interest, bool, &mut dyn Iterator<Item = &[u8]>) -> Reported;

/// The reference.
pub(super) fn reference(interest: Interest, streamed: bool, pieces: &mut dyn Iterator<Item = &[u8]>) -> Reported {
    let mut reader = Reader::new(interest, streamed);
    for piece in pieces {
        reader.read(piece);
    }
    reader.finish()
}

/// Holds a reader against itself and against what was written, in the case of some bytes.
///
/// # Errors
/// What is wrong.
pub(super) fn check(read: Subject, bytes: &[u8]) -> Result<(), String> {
    let (kind, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let (cut, rest) = rest.split_first().unwrap_or((&1, &[]));
    if kind % 2 == 0 {
        return INTERESTS
            .into_iter()
            .try_for_each(|(interest, streamed)| whole_and_cut(read, interest, streamed, rest, *cut).map(drop));
    }
    let stream = Stream::written(&mut FromBytes::new(rest));
    let reported = whole_and_cut(read, Interest::Tokens(stream.dialect), true, stream.text.as_bytes(), *cut)?;
    if reported.tokens == stream.says {
        Ok(())
    } else {
        Err(format!("{:?} was written, and {:?} was read of {:?}", stream.says, reported.tokens, stream.text))
    }
}

/// The report of an answer in one piece, which is that of the answer in pieces.
fn whole_and_cut(read: Subject, interest: Interest, streamed: bool, body: &[u8], cut: u8) -> Result<Reported, String> {
    let whole = read(interest, streamed, &mut std::iter::once(body));
    let pieces = read(interest, streamed, &mut body.chunks(usize::from(cut % 16) + 1));
    if whole != pieces {
        return Err(format!("cut otherwise, `{}` reports {pieces:?} instead of {whole:?}", body.escape_ascii()));
    }
    let counts = [whole.tokens.input, whole.tokens.output, whole.job.seconds];
    if counts.into_iter().flatten().any(|count| count > COUNT_MAX) {
        return Err(format!("`{}` reports more than there can be: {whole:?}", body.escape_ascii()));
    }
    if whole.bytes != u64::try_from(body.len()).unwrap_or(u64::MAX) {
        return Err(format!("{} bytes are counted as {}", body.len(), whole.bytes));
    }
    Ok(whole)
}

/// A stream, and what it says.
struct Stream {
    dialect: Dialect,
    text: String,
    says: Tokens,
}

impl Stream {
    fn written(choose: &mut FromBytes<'_>) -> Self {
        let dialect = choose.of(&[Dialect::Openai, Dialect::Anthropic, Dialect::Gemini]);
        let mut stream = Self { dialect, text: String::new(), says: Tokens::default() };
        for _ in 0..choose.below(12) {
            let (number, says) = number(choose);
            match choose.below(6) {
                0 | 1 => stream.content(choose),
                2 | 3 => stream.usage(choose, &number, says),
                4 => stream.add(choose, "\"usage\"", None),
                _ => stream.text.push_str(choose.of(&[": ping\n\n", "event: x\n", "id: 7\r\n", "\n\n", "retry: 1\n"])),
            }
        }
        stream
    }

    fn content(&mut self, choose: &mut FromBytes<'_>) {
        let (event, json) = match self.dialect {
            Dialect::Openai => (None, r#"{"choices":[{"delta":{"content":"w"}}]}"#),
            Dialect::Anthropic => (Some("content_block_delta"), r#"{"type":"content_block_delta","index":0}"#),
            Dialect::Gemini => (None, r#"{"candidates":[{"content":{"parts":[{"text":"w"}]}}]}"#),
        };
        self.says.deltas += 1;
        self.add(choose, json, event);
    }

    fn usage(&mut self, choose: &mut FromBytes<'_>, number: &str, says: Option<u64>) {
        let output = choose.one_in(2);
        let json = match (self.dialect, output) {
            (Dialect::Openai, true) => {
                (self.says.input, self.says.output) = (Some(1), says);
                format!(r#"{{"choices":[],"usage":{{"prompt_tokens":1,"completion_tokens":{number}}}}}"#)
            }
            (Dialect::Openai, false) => {
                (self.says.input, self.says.output) = (says, Some(2));
                format!(r#"{{"usage":{{"input_tokens":{number},"output_tokens":2}}}}"#)
            }
            (Dialect::Anthropic, true) => {
                self.says.output = says;
                format!(r#"{{"type":"message_delta","usage":{{"output_tokens":{number}}}}}"#)
            }
            (Dialect::Anthropic, false) => {
                self.says.input = says;
                format!(r#"{{"type":"message_start","message":{{"usage":{{"input_tokens":{number}}}}}}}"#)
            }
            (Dialect::Gemini, true) => {
                (self.says.input, self.says.output) = (Some(1), says);
                format!(r#"{{"usageMetadata":{{"promptTokenCount":1,"candidatesTokenCount":{number}}}}}"#)
            }
            (Dialect::Gemini, false) => {
                (self.says.input, self.says.output) = (says, None);
                format!(r#"{{"usageMetadata":{{"promptTokenCount":{number}}}}}"#)
            }
        };
        self.add(choose, &json, None);
    }

    fn add(&mut self, choose: &mut FromBytes<'_>, json: &str, event: Option<&str>) {
        let end = choose.of(&["\n", "\r\n", "\r"]);
        // A field that stands alone before may have left an event open: it holds no data, so the next one ends it.
        if let Some(event) = event {
            self.text.push_str(&format!("event: {event}{end}"));
        }
        let space = choose.of(&["", " "]);
        self.text.push_str(&format!("data:{space}{json}{end}{end}"));
    }
}

/// A number as it is written, and what may be billed of it.
fn number(choose: &mut FromBytes<'_>) -> (String, Option<u64>) {
    let good = u64::from(choose.below(100_000));
    match choose.below(8) {
        0 => ("-1".to_owned(), None),
        1 => ("1.5".to_owned(), None),
        2 => ("\"7\"".to_owned(), None),
        3 => ((COUNT_MAX + 1).to_string(), None),
        4 => (COUNT_MAX.to_string(), Some(COUNT_MAX)),
        _ => (good.to_string(), Some(good)),
    }
}

#[cfg(test)]
mod tests {
    use isolation_model::choose::Seeded;

    use super::*;

    fn inputs() -> impl Iterator<Item = Vec<u8>> {
        (0..3_000).map(|seed| {
            let mut random = Seeded::new(seed);
            (0..40).map(|_| u8::try_from(random.below(256)).unwrap()).collect()
        })
    }

    #[test]
    fn the_reference_keeps_the_rules() {
        for bytes in inputs() {
            check(reference, &bytes).unwrap();
        }
    }

    #[test]
    fn readers_that_lose_something_are_found() {
        let sloppy: [Subject; 3] = [
            |interest, streamed, pieces| reference(interest, streamed, &mut pieces.take(1)),
            |interest, streamed, pieces| {
                let mut reported = reference(interest, streamed, pieces);
                reported.tokens.output = reported.tokens.output.or(Some(0));
                reported
            },
            |interest, _, pieces| reference(interest, false, pieces),
        ];
        for (number, subject) in sloppy.into_iter().enumerate() {
            assert!(inputs().any(|bytes| check(subject, &bytes).is_err()), "{number}");
        }
    }
}
