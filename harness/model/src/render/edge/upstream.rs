//! How an upstream is told to answer: byte for byte, and what of it must come back.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::words::{answer_body, figures, stream_parts};
use crate::action::edge::provider::{
    ClientEnd, EchoForm, ProviderCall, RedirectTo, Route, UpstreamHeader, UpstreamKind,
};
use crate::observation::{Fields, Place};
use crate::render::head;
use crate::world::edge::Provider;

/// Stands for the authority of [`Place::Stray`] in scripts, and for what comes back of it in answers: a target writes
/// its server's address in its place, and puts this back into what it saw.
pub const STRAY: &str = "stray.invalid";

/// How something behind the edge answers one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamScript {
    /// Where.
    pub place: Place,
    /// The request that it is for: the value of its [`super::CALL_MARKER`], for an upstream; the account's id that its
    /// body names, for the broker.
    pub answers: String,
    /// Whether the model expects the request. One that it doesn't is answered so all the same, as its server would.
    pub due: bool,
    /// The bytes, each piece written on its own.
    pub pieces: Vec<Vec<u8>>,
    /// What happens behind them.
    pub end: ScriptEnd,
}

/// What happens behind the last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptEnd {
    /// The connection stays open for another request.
    Keep,
    /// It is closed.
    Close,
    /// It stays open until the other side closes. Events that say nothing may be written until then.
    Stall,
}

/// How an upstream answers a call, and what of it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The bytes, each piece written on its own.
    pub pieces: Vec<Vec<u8>>,
    /// What happens behind them.
    pub end: ScriptEnd,
    /// What must come back.
    pub relayed: RelayedDue,
    /// What was reported of the question; `None` where nothing that can be believed was.
    pub input: Option<u64>,
    /// What was reported of the answer.
    pub output: Option<u64>,
    /// Events of content that were sent, for a stream.
    pub deltas: Option<u64>,
    /// Bytes of the answer's body that were sent.
    pub bytes: u64,
    /// Whether the answer begins the job that the call asked for.
    pub begins_job: bool,
}

/// What must come back of an upstream's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayedDue {
    /// The status; `None` where the proxy answers with its own 502.
    pub status: Option<u16>,
    /// The headers, but for those of the framing; sorted.
    pub headers: Fields,
    /// The body.
    pub body: BodyDue,
    /// Whether it breaks off.
    pub breaks: bool,
}

/// A body that must come back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BodyDue {
    /// As the upstream sent it.
    pub sent: Vec<u8>,
    /// Where a credential stands in it: begin and end, and how many bytes around it may be masked as well, since
    /// they hold a part of it.
    pub masked: Vec<(usize, usize, usize)>,
}

impl BodyDue {
    /// Whether these bytes are it, with stars where a credential stood. `whole` is false when they may end early.
    #[must_use]
    pub fn is(&self, bytes: &[u8], whole: bool) -> bool {
        if bytes.len() > self.sent.len() || whole && bytes.len() != self.sent.len() {
            return false;
        }
        let within = |at: usize, slack: bool| {
            self.masked.iter().any(|(from, to, around)| {
                let around = if slack { *around } else { 0 };
                at >= from.saturating_sub(around) && at < to.saturating_add(around)
            })
        };
        bytes.iter().zip(&self.sent).enumerate().all(|(at, (got, sent))| {
            if within(at, false) { *got == b'*' } else { got == sent || *got == b'*' && within(at, true) }
        })
    }
}

/// Who asks, and with what.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The adapter.
    pub adapter: Provider,
    /// The credential that the proxy has to inject; empty where the call has to be refused.
    pub credential: &'a str,
    /// The tenant of the key.
    pub tenant: usize,
}

/// The header in which an adapter's upstream is given a credential; telegram's stands in the path.
#[must_use]
pub fn credential_header(adapter: Provider, credential: &str) -> Option<(&'static str, String)> {
    match adapter {
        Provider::Openai | Provider::Openrouter => Some(("authorization", format!("Bearer {credential}"))),
        Provider::Anthropic | Provider::Muapi | Provider::Composio => Some(("x-api-key", credential.to_owned())),
        Provider::Gemini => Some(("x-goog-api-key", credential.to_owned())),
        Provider::Elevenlabs => Some(("xi-api-key", credential.to_owned())),
        Provider::Assemblyai => Some(("authorization", credential.to_owned())),
        Provider::Telegram
        | Provider::Slack
        | Provider::Notion
        | Provider::Github
        | Provider::Google
        | Provider::Discord => None,
    }
}

/// How the upstream of a call answers it.
#[must_use]
pub fn serve(call: &ProviderCall, asking: Asking<'_>) -> Served {
    let mut answer = Draft::of(call, asking);
    match call.upstream.kind {
        UpstreamKind::Answer => {}
        UpstreamKind::ChunkedAnswer => answer.cut_in_three(),
        UpstreamKind::Stream(events) => {
            let events = events.clamp(1, 20);
            match call.client {
                ClientEnd::Reads => answer.stream(call, asking.adapter, events, None),
                ClientEnd::HangsUpAfter(n) => answer.stream(call, asking.adapter, events, Some(n.min(events))),
            }
            if call.client != ClientEnd::Reads {
                answer.end = ScriptEnd::Stall;
            }
        }
        UpstreamKind::StreamDies(events) => {
            let events = events.min(20);
            let after = match call.client {
                ClientEnd::Reads => events,
                ClientEnd::HangsUpAfter(n) => n.min(events),
            };
            answer.stream(call, asking.adapter, events.max(1), Some(after));
            answer.end = if call.client == ClientEnd::Reads { ScriptEnd::Close } else { ScriptEnd::Stall };
        }
        UpstreamKind::AnswerDies => answer.dies(),
        UpstreamKind::Error(status) => answer.error(status.code(), "{\"error\":{\"message\":\"no\"}}".to_owned()),
        UpstreamKind::ErrorQuotes(status) => {
            let (name, value) =
                credential_header(asking.adapter, asking.credential).unwrap_or(("path", asking.credential.to_owned()));
            answer.error(
                status.code(),
                format!("{{\"error\":{{\"message\":\"no\",\"headers\":{{\"{name}\":\"{value}\"}}}}}}"),
            );
            answer.mask(asking.credential, 0);
        }
        UpstreamKind::Echo(form) => answer.echo(form, asking),
        UpstreamKind::Redirect(to) => {
            let (status, location, passes) = match to {
                RedirectTo::Stray => (302, format!("http://{STRAY}/stolen"), true),
                RedirectTo::StrayAgain => (307, format!("http://{STRAY}/stolen"), true),
                RedirectTo::OwnPath => (301, "/v1/admin/keys".to_owned(), true),
                RedirectTo::WithCredential => (302, format!("http://{STRAY}/?c={}", asking.credential), false),
            };
            answer.error(status, "{}".to_owned());
            answer.header("Location", &location, passes);
        }
        UpstreamKind::Header(header) => answer.extra_header(header),
        UpstreamKind::Trailers => {
            answer.cut_in_three();
            answer.trailers = vec![
                ("X-Trailer".to_owned(), asking.credential.to_owned()),
                ("X-Vendo-Role".to_owned(), "owner".to_owned()),
            ];
        }
        UpstreamKind::Interim => answer.interim = Some(format!("X-Early: {}", asking.credential)),
        UpstreamKind::Gzip => {
            answer.header("Content-Encoding", "gzip", true);
            answer.is_none();
        }
        UpstreamKind::Unasked101 => {
            return no_answer(vec![head(101, &[], &[("Connection", "Upgrade"), ("Upgrade", "websocket")])]);
        }
        UpstreamKind::Garbage => return no_answer(vec![b"\x16\x03\x01\x02\x00 not http at all\r\n\r\n".to_vec()]),
        UpstreamKind::ClosesAtOnce => return no_answer(Vec::new()),
        UpstreamKind::HeadDies => {
            let bytes = format!("HTTP/1.1 200 OK\r\nX-Echo: {}\r\nContent-Le", asking.credential).into_bytes();
            return no_answer(vec![bytes]);
        }
        UpstreamKind::NoContent => {
            answer.status = 204;
            answer.chunks.clear();
            answer.begins_job = false;
            answer.input = None;
            answer.output = None;
        }
    }
    answer.finish()
}

fn no_answer(pieces: Vec<Vec<u8>>) -> Served {
    Served {
        pieces,
        end: ScriptEnd::Close,
        relayed: RelayedDue { status: None, headers: Vec::new(), body: BodyDue::default(), breaks: false },
        input: None,
        output: None,
        deltas: None,
        bytes: 0,
        begins_job: false,
    }
}

/// An answer in the making.
struct Draft {
    status: u16,
    /// Name, value, and whether it comes back.
    headers: Vec<(String, String, bool)>,
    chunks: Vec<Vec<u8>>,
    chunked: bool,
    /// The body breaks off behind the chunks.
    dies: bool,
    declared: Option<usize>,
    trailers: Vec<(String, String)>,
    interim: Option<String>,
    end: ScriptEnd,
    masked: Vec<(usize, usize, usize)>,
    none: bool,
    input: Option<u64>,
    output: Option<u64>,
    deltas: Option<u64>,
    begins_job: bool,
    /// Whether nothing is counted of the answer: an embedding is no text.
    uncounted: bool,
}

impl Draft {
    /// The good answer of the route.
    fn of(call: &ProviderCall, asking: Asking<'_>) -> Self {
        let figures = figures(call.upstream.usage);
        let mut draft = Self {
            status: 200,
            headers: Vec::new(),
            chunks: vec![answer_body(call, asking, &figures).into_bytes()],
            chunked: false,
            dies: false,
            declared: None,
            trailers: Vec::new(),
            interim: None,
            end: ScriptEnd::Keep,
            masked: Vec::new(),
            none: false,
            input: figures.believed_input,
            output: figures.believed_output,
            deltas: None,
            begins_job: matches!(call.ask.route, Route::Transcribe(_) | Route::Predict(..)),
            uncounted: matches!(call.ask.route, Route::Embeddings | Route::EmbedContent(_)),
        };
        let is_sound = matches!(call.ask.route, Route::Speech | Route::SpeechStream);
        draft.header("Content-Type", if is_sound { "audio/mpeg" } else { "application/json" }, true);
        draft.header("X-Upstream-Mark", "kept", true);
        draft
    }

    fn header(&mut self, name: &str, value: &str, passes: bool) {
        self.headers.push((name.to_owned(), value.to_owned(), passes));
    }

    fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    fn cut_in_three(&mut self) {
        self.chunks = crate::render::cut(&self.body());
        self.chunked = true;
    }

    fn dies(&mut self) {
        let body = self.body();
        let half = body.get(..body.len() / 2).unwrap_or_default().to_vec();
        self.declared = Some(body.len());
        self.chunks = vec![half];
        self.dies = true;
        self.end = ScriptEnd::Close;
        self.begins_job = false;
        self.input = None;
        self.output = None;
    }

    fn error(&mut self, status: u16, body: String) {
        self.status = status;
        self.chunks = vec![body.into_bytes()];
        self.begins_job = false;
        self.input = None;
        self.output = None;
    }

    /// The answer counts for nothing.
    fn is_none(&mut self) {
        self.none = true;
        self.begins_job = false;
        self.input = None;
        self.output = None;
    }

    /// Events of content, then the provider's end; or so many of them alone, and nothing behind.
    fn stream(&mut self, call: &ProviderCall, adapter: Provider, events: u8, alone: Option<u8>) {
        let figures = figures(call.upstream.usage);
        let parts = stream_parts(call.ask.route, adapter, &figures);
        let shown = alone.unwrap_or(events);
        let mut chunks: Vec<String> = Vec::new();
        chunks.extend(parts.before.clone());
        chunks.extend((0..shown).map(|n| parts.content.replace("{n}", &n.to_string())));
        if alone.is_none() {
            chunks.extend(parts.behind.clone());
        }
        self.chunks = chunks.into_iter().map(String::into_bytes).collect();
        self.chunked = true;
        self.dies = alone.is_some();
        self.deltas = Some(u64::from(shown));
        self.begins_job = false;
        if let Some(content) = self.headers.first_mut() {
            content.1 = "text/event-stream".to_owned();
        }
        if alone.is_some() {
            self.output = None;
            if !parts.input_before {
                self.input = None;
            }
        }
    }

    fn echo(&mut self, form: EchoForm, asking: Asking<'_>) {
        let credential = asking.credential;
        let hex = |upper: bool| -> String {
            let byte = |b: u8| if upper { format!("{b:02X}") } else { format!("{b:02x}") };
            credential.bytes().map(byte).collect()
        };
        match form {
            EchoForm::Body => self.quote(credential),
            EchoForm::BodyTwice => self.quote(&format!("{credential}{credential}")),
            EchoForm::BodySplit | EchoForm::BodyDribbled => {
                self.quote(credential);
                let body = self.body();
                let at = find(&body, credential.as_bytes()).first().copied().unwrap_or(1);
                self.chunked = true;
                self.chunks = if form == EchoForm::BodySplit {
                    let (before, behind) = body.split_at_checked(at + credential.len() / 2).unwrap_or((&body, &[]));
                    vec![before.to_vec(), behind.to_vec()]
                } else {
                    body.iter().map(|byte| vec![*byte]).collect()
                };
            }
            EchoForm::BodyEndsWithPart => {
                // Shorter than what a scan can find, since a part of a credential is none.
                let part = credential.get(..7).unwrap_or_default().as_bytes().to_vec();
                self.chunks = vec![self.body(), b"\n".to_vec(), part];
                self.chunked = true;
                self.input = None;
                self.output = None;
                self.begins_job = false;
                return;
            }
            EchoForm::Hex => {
                let text = hex(false);
                self.quote(&text);
                self.mask(&text, 0);
            }
            EchoForm::HexUpper => {
                let text = hex(true);
                self.quote(&text);
                self.mask(&text, 0);
            }
            EchoForm::Base64(behind) => self.quote_base64(credential, behind, false),
            EchoForm::Base64Url(behind) => self.quote_base64(credential, behind, true),
            EchoForm::Header => self.header("X-Echo", credential, false),
            EchoForm::KnownHeaders => {
                self.header("WWW-Authenticate", &format!("Bearer realm=\"{credential}\""), false);
                self.header("Link", &format!("<https://x.example/{credential}>; rel=next"), false);
                self.header("Content-Location", &format!("/{credential}"), false);
                self.header("ETag", &format!("\"{credential}\""), false);
            }
            EchoForm::Binary | EchoForm::Untyped => {
                self.quote(credential);
                self.headers.retain(|(name, ..)| name != "Content-Type");
                if form == EchoForm::Binary {
                    self.header("Content-Type", "application/octet-stream", true);
                }
            }
            EchoForm::HeaderBase64 => self.header("X-Echo", &STANDARD.encode(credential), false),
            EchoForm::OwnHeader => {
                let (name, value) =
                    credential_header(asking.adapter, credential).unwrap_or(("x-path", credential.to_owned()));
                self.header(name, &value, false);
            }
        }
        self.mask(credential, 0);
    }

    fn quote_base64(&mut self, credential: &str, behind: u8, url: bool) {
        let behind = usize::from(behind % 3);
        let text = [vec![b'p'; behind], credential.as_bytes().to_vec(), b"ss".to_vec()].concat();
        let encoded = if url { URL_SAFE_NO_PAD.encode(&text) } else { STANDARD.encode(&text) };
        self.quote(&encoded);
        let body = self.body();
        if let Some(start) = find(&body, encoded.as_bytes()).first()
            && !credential.is_empty()
        {
            // The characters that hold bits of the credential alone, and those that share some with their neighbours.
            let from = start + (behind * 8).div_ceil(6);
            let to = start + (behind + credential.len()) * 8 / 6;
            self.masked.push((from, to, 2));
        }
    }

    /// Puts a text into the body: as its first member, or behind it where it is no JSON.
    fn quote(&mut self, text: &str) {
        let body = self.body();
        let quoted = match body.strip_prefix(b"{") {
            Some(rest) => [b"{\"echo\":\"", text.as_bytes(), b"\",", rest].concat(),
            None => [body.as_slice(), b" ", text.as_bytes()].concat(),
        };
        self.chunks = vec![quoted];
    }

    fn mask(&mut self, text: &str, around: usize) {
        let body = self.body();
        let at = find(&body, text.as_bytes());
        self.masked.extend(at.into_iter().map(|at| (at, at + text.len(), around)));
    }

    fn extra_header(&mut self, header: UpstreamHeader) {
        match header {
            UpstreamHeader::SetCookie => self.header("Set-Cookie", "sid=1; Path=/", false),
            UpstreamHeader::SetCookie2 => self.header("Set-Cookie2", "sid=1; Version=1", false),
            UpstreamHeader::Vendo => self.header("X-Vendo-Tenant-Id", "planted", false),
            UpstreamHeader::ErrorCode => self.header("Vendo-Error-Code", "app_revoked", false),
            UpstreamHeader::AccessControl => {
                self.header("Access-Control-Allow-Origin", "https://evil.example", false);
                self.header("Access-Control-Allow-Credentials", "true", false);
            }
            UpstreamHeader::AltSvc => self.header("Alt-Svc", "h2=\"evil.example:443\"", false),
            UpstreamHeader::Nominated => {
                self.header("Connection", "x-internal", false);
                self.header("X-Internal", "secret-of-the-hop", false);
            }
            UpstreamHeader::KeepAlive => self.header("Keep-Alive", "timeout=5", false),
            UpstreamHeader::Plain => self.header("X-Request-Id", "req-1", true),
            UpstreamHeader::Server => self.header("Server", "upstream/1", true),
        }
    }

    fn finish(self) -> Served {
        let body = self.body();
        let headers: Vec<(String, Vec<u8>)> =
            self.headers.iter().map(|(name, value, _)| (name.clone(), value.clone().into_bytes())).collect();
        let mut pieces: Vec<Vec<u8>> = Vec::new();
        if let Some(early) = &self.interim {
            pieces.push(format!("HTTP/1.1 103 Early Hints\r\n{early}\r\n\r\n").into_bytes());
        }
        if self.chunked {
            pieces.push(head(self.status, &headers, &[("Transfer-Encoding", "chunked")]));
            for chunk in self.chunks.iter().filter(|chunk| !chunk.is_empty()) {
                pieces.push([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
            }
            if !self.dies {
                let trailers: String =
                    self.trailers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                pieces.push(format!("0\r\n{trailers}\r\n").into_bytes());
            }
        } else if self.status == 204 {
            pieces.push(head(self.status, &headers, &[]));
        } else {
            let length = self.declared.unwrap_or(body.len()).to_string();
            pieces.push(head(self.status, &headers, &[("Content-Length", &length)]));
            pieces.push(body.clone());
        }
        let passing = self.headers.iter().filter(|(_, _, passes)| *passes);
        let mut due: Fields =
            passing.map(|(name, value, _)| (name.to_ascii_lowercase(), value.clone().into_bytes())).collect();
        due.push(("access-control-allow-origin".to_owned(), b"*".to_vec()));
        due.sort();
        Served {
            pieces,
            end: self.end,
            relayed: RelayedDue {
                status: (!self.none).then_some(self.status),
                headers: due,
                body: BodyDue { sent: body.clone(), masked: self.masked },
                breaks: self.dies,
            },
            input: self.input,
            output: if self.uncounted { Some(0) } else { self.output },
            deltas: self.deltas,
            bytes: u64::try_from(body.len()).unwrap_or(u64::MAX),
            begins_job: self.begins_job,
        }
    }
}

/// Where a text occurs, occurrences behind one another.
fn find(text: &[u8], part: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = 0;
    while !part.is_empty()
        && let Some(rest) = text.get(at..)
    {
        let Some(next) = rest.windows(part.len()).position(|window| window == part) else { break };
        found.push(at + next);
        at += next + part.len();
    }
    found
}
