//! What an answer reports of its own use, read while it passes. Pure.
//!
//! A [`Reader`] sees every piece of the answer's body, keeps no more than it needs, and never changes or delays one.

pub mod events;
pub mod tokens;

use events::Events;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokens::{Dialect, RawExt, Tokens, count, estimated, parsed};

/// The longest answer, other than a stream of events, that is read, in bytes. A longer one reports nothing, and is billed by
/// its length.
pub const DOCUMENT_MAX: usize = 8 * 1024 * 1024;

/// What is looked for in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// Tokens.
    Tokens(Dialect),
    /// A job's id, and a transcript's seconds when it is complete.
    Job,
    /// Nothing.
    None,
}

/// What an answer reported, by its end or by where it broke off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reported {
    /// Tokens.
    pub tokens: Tokens,
    /// Whether the answer was a stream of events.
    pub streamed: bool,
    /// The length of the body, in bytes.
    pub bytes: u64,
    /// The length of what the events of a stream carried, in bytes: comments, which only keep it alive, are not of it.
    pub event_bytes: u64,
    /// What it said of a job.
    pub job: Job,
    /// It was too long to be read, and so says nothing.
    pub unread: bool,
}

/// What an answer said of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Job {
    /// Its id, as `id`.
    pub id: Option<String>,
    /// Its id, as `request_id`.
    pub request_id: Option<String>,
    /// The seconds of a completed transcript.
    pub seconds: Option<u64>,
    /// The model of a transcript.
    pub model: Option<String>,
}

/// Reads one answer.
#[derive(Debug)]
pub struct Reader {
    interest: Interest,
    source: Source,
    reported: Reported,
}

#[derive(Debug)]
enum Source {
    /// Nothing is read; it may have been too long.
    Unread,
    Document(Vec<u8>),
    Events(Events),
}

impl Reader {
    /// A reader of an answer; `streamed` if it is a stream of events.
    #[must_use]
    pub fn new(interest: Interest, streamed: bool) -> Self {
        let source = match interest {
            Interest::None => Source::Unread,
            Interest::Tokens(_) if streamed => Source::Events(Events::default()),
            Interest::Tokens(_) | Interest::Job => Source::Document(Vec::new()),
        };
        Self { interest, source, reported: Reported { streamed, ..Reported::default() } }
    }

    /// Reads a piece.
    pub fn read(&mut self, piece: &[u8]) {
        self.reported.bytes = self.reported.bytes.saturating_add(piece.len() as u64);
        match (&mut self.source, self.interest) {
            (Source::Unread, _) => {}
            (Source::Document(held), _) if held.len() + piece.len() > DOCUMENT_MAX => {
                self.source = Source::Unread;
                self.reported.unread = true;
            }
            (Source::Document(held), _) => held.extend_from_slice(piece),
            (Source::Events(events), Interest::Tokens(dialect)) => {
                let reported = &mut self.reported;
                events.push(piece, |event| read_event(reported, dialect, event));
            }
            (Source::Events(_), Interest::Job | Interest::None) => {}
        }
    }

    /// Reads the end, or takes what is there for the end, and says what was reported.
    #[must_use]
    pub fn finish(mut self) -> Reported {
        let text = match &mut self.source {
            Source::Unread => None,
            Source::Document(held) => std::str::from_utf8(held).ok(),
            Source::Events(events) => {
                if let Interest::Tokens(dialect) = self.interest {
                    let reported = &mut self.reported;
                    events.finish(|event| read_event(reported, dialect, event));
                    reported.event_bytes = reported.event_bytes.saturating_add(events.unread());
                    reported.tokens.deltas = reported.tokens.deltas.saturating_add(estimated(events.unread()));
                }
                None
            }
        };
        match (text, self.interest) {
            (Some(text), Interest::Tokens(dialect)) => {
                self.reported.tokens.read_document(dialect, text);
                // One answer is one answer, whatever members it has.
                self.reported.tokens.deltas = 0;
            }
            (Some(text), Interest::Job) => self.reported.job = job(text),
            (Some(_), Interest::None) | (None, _) => {}
        }
        self.reported
    }
}

fn read_event(reported: &mut Reported, dialect: Dialect, event: &[u8]) {
    reported.event_bytes = reported.event_bytes.saturating_add(event.len() as u64);
    let tokens = &mut reported.tokens;
    match std::str::from_utf8(event) {
        Ok(event) => tokens.read_event(dialect, event),
        // What can't be read was sent all the same.
        Err(_) => tokens.deltas = tokens.deltas.saturating_add(estimated(event.len() as u64)),
    }
}

fn job(document: &str) -> Job {
    let Some(found) = parsed::<JobAnswer<'_>>(document) else { return Job::default() };
    let text = |value: Option<&RawValue>| value.and_then(RawExt::parsed::<String>);
    let completed = found.status.and_then(RawExt::text) == Some("completed");
    Job {
        id: text(found.id),
        request_id: text(found.request_id),
        seconds: found.audio_duration.filter(|_| completed).and_then(count),
        model: text(found.speech_model),
    }
}

#[derive(Deserialize)]
struct JobAnswer<'d> {
    #[serde(borrow, default)]
    id: Option<&'d RawValue>,
    #[serde(borrow, default)]
    request_id: Option<&'d RawValue>,
    #[serde(borrow, default)]
    status: Option<&'d RawValue>,
    #[serde(borrow, default)]
    audio_duration: Option<&'d RawValue>,
    #[serde(borrow, default)]
    speech_model: Option<&'d RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(interest: Interest, streamed: bool, body: &[u8], piece: usize) -> Reported {
        let mut reader = Reader::new(interest, streamed);
        for piece in body.chunks(piece) {
            reader.read(piece);
        }
        reader.finish()
    }

    #[test]
    fn an_answer_is_read_whatever_its_pieces_are() {
        let document = br#"{"choices":[{"text":"a"}],"usage":{"prompt_tokens":3,"completion_tokens":5}}"#;
        let stream = b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}\n\ndata: [DONE]\n\n";
        for piece in [1, 7, 1000] {
            let reported = read(Interest::Tokens(Dialect::Openai), false, document, piece);
            assert_eq!(reported.tokens, Tokens { input: Some(3), output: Some(5), deltas: 0 });
            assert_eq!((reported.bytes, reported.streamed), (document.len() as u64, false));
            let reported = read(Interest::Tokens(Dialect::Openai), true, stream, piece);
            assert_eq!(reported.tokens, Tokens { input: Some(3), output: Some(5), deltas: 1 });
            assert_eq!((reported.bytes, reported.streamed), (stream.len() as u64, true));
        }
    }

    #[test]
    fn a_document_that_is_too_long_or_not_text_reports_nothing_but_its_length() {
        let mut long = br#"{"usage":{"prompt_tokens":3,"completion_tokens":5},"x":""#.to_vec();
        long.resize(DOCUMENT_MAX - 2, b'x');
        long.extend_from_slice(b"\"}");
        let fits = read(Interest::Tokens(Dialect::Openai), false, &long, 65_536);
        assert_eq!(fits.tokens.input, Some(3));
        long.push(b' ');
        let over = read(Interest::Tokens(Dialect::Openai), false, &long, 65_536);
        assert_eq!((over.tokens, over.bytes), (Tokens::default(), long.len() as u64));
        let text =
            read(Interest::Tokens(Dialect::Openai), false, b"{\"a\":\"\xff\",\"usage\":{\"prompt_tokens\":3}}", 9);
        assert_eq!(text.tokens, Tokens::default());
    }

    #[test]
    fn jobs() {
        for (body, expected) in [
            (
                r#"{"id":"t1","status":"completed","audio_duration":61,"speech_model":"nano"}"#,
                Job { id: Some("t1".into()), seconds: Some(61), model: Some("nano".into()), request_id: None },
            ),
            (
                r#"{"id":"t1","status":"processing","audio_duration":61}"#,
                Job { id: Some("t1".into()), ..Job::default() },
            ),
            (
                r#"{"id":"t1","status":"completed","audio_duration":6.5}"#,
                Job { id: Some("t1".into()), ..Job::default() },
            ),
            (r#"{"request_id":"p1","id":7}"#, Job { request_id: Some("p1".into()), ..Job::default() }),
            ("[]", Job::default()),
            ("{", Job::default()),
        ] {
            assert_eq!(read(Interest::Job, false, body.as_bytes(), 5).job, expected, "{body}");
        }
    }

    #[test]
    fn where_nothing_is_looked_for_bytes_are_counted() {
        let reported = read(Interest::None, false, &[b'x'; 100], 10);
        assert_eq!(reported, Reported { bytes: 100, ..Reported::default() });
    }
}
