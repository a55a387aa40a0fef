//! An answer as data: what is sent, in which pieces, and what happens between them.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// How long a slow answer pauses.
pub(super) const PAUSE: Duration = Duration::from_millis(150);

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Vec<Piece>,
    /// Whether the body is of the length that its bytes have, which is declared; else it goes in chunks.
    pub(super) whole: bool,
    /// A field behind the body.
    pub(super) trailer: Option<(HeaderName, HeaderValue)>,
    /// Before the head.
    pub(super) before: Option<Piece>,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Bytes, sent at once.
    Bytes(Bytes),
    /// Nothing, for so long.
    Pause(Duration),
    /// Nothing, until somebody opens the gate.
    Gate,
    /// Nothing, for as long as a stand-in waits for anything.
    Silence,
    /// The connection ends.
    Death,
}

impl Reply {
    /// A JSON document.
    pub(super) fn json(status: StatusCode, value: &Value) -> Self {
        Self::whole(status, "application/json", value.to_string().into_bytes())
    }

    /// 200 with a JSON document.
    pub(super) fn ok(value: &Value) -> Self {
        Self::json(StatusCode::OK, value)
    }

    /// A body of known length.
    pub(super) fn whole(status: StatusCode, media_type: &'static str, bytes: Vec<u8>) -> Self {
        let mut reply = Self {
            status,
            headers: Vec::new(),
            body: vec![Piece::Bytes(bytes.into())],
            whole: true,
            trailer: None,
            before: None,
        };
        reply.header("content-type", media_type);
        reply
    }

    /// 200 with a body in pieces.
    pub(super) fn stream(media_type: &'static str, pieces: impl IntoIterator<Item = String>) -> Self {
        let mut reply = Self::whole(StatusCode::OK, media_type, Vec::new());
        reply.body = pieces.into_iter().map(|piece| Piece::Bytes(piece.into())).collect();
        reply.whole = false;
        reply
    }

    /// Adds a header; one that can't be written is left out.
    pub(super) fn header(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((HeaderName::from_static(name), value));
        }
    }

    /// The bytes of the body.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for piece in &self.body {
            if let Piece::Bytes(piece) = piece {
                bytes.extend_from_slice(piece);
            }
        }
        bytes
    }
}

/// An event of a stream, without a name.
pub(super) fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// An event of a stream, with a name.
pub(super) fn named_event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
