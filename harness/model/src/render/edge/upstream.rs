//! What stands behind the edge, and how it is told to answer: byte for byte, and what of it must come back.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::call::job_text;
use crate::action::edge::hook::HookReply;
use crate::action::edge::provider::{
    ClientEnd, EchoForm, Lie, ProviderCall, RedirectTo, Route, UpstreamHeader, UpstreamKind, Usage,
};
use crate::action::edge::vend::BrokerReply;
use crate::action::host::HostSpec;
use crate::observation::{Fields, Place};
use crate::render::{Script, base_headers, head, page};
use crate::world::World;
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
    /// Nothing more is written until the other side closes.
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

/// Usage as an upstream writes it, and what of it can be believed.
struct Figures {
    /// As JSON; `None` where it is left out.
    input: Option<String>,
    output: Option<String>,
    believed_input: Option<u64>,
    believed_output: Option<u64>,
    /// More members beside the usage.
    beside: String,
}

/// The largest number of units that is believed.
const UNITS_MAX: u64 = 1_000_000_000_000;

fn figures(usage: Usage) -> Figures {
    let good = |input: u64, output: u64| Figures {
        input: Some(input.to_string()),
        output: Some(output.to_string()),
        believed_input: Some(input),
        believed_output: Some(output),
        beside: String::new(),
    };
    let odd_output = |text: &str| Figures { output: Some(text.to_owned()), believed_output: None, ..good(5, 5) };
    match usage {
        Usage::Reported { input, output } => good(u64::from(input), u64::from(output)),
        Usage::Missing => {
            Figures { input: None, output: None, believed_input: None, believed_output: None, beside: String::new() }
        }
        Usage::Lies(lie) => match lie {
            Lie::NegativeInput => Figures { input: Some("-1000000".to_owned()), believed_input: None, ..good(5, 5) },
            Lie::NegativeOutput => odd_output("-1000000"),
            Lie::Huge => odd_output(&(UNITS_MAX + 1).to_string()),
            Lie::Largest => good(5, UNITS_MAX),
            Lie::Overflows => odd_output("18446744073709551616"),
            Lie::Fraction => odd_output("1.5"),
            Lie::Text => odd_output("\"7\""),
            Lie::Null => odd_output("null"),
            Lie::Foreign(tenant) => Figures {
                beside: format!(
                    ",\"tenant_id\":\"tenant-{tenant}\",\"vendo_usage\":{{\"tenant\":{tenant},\"input_tokens\":900000}}"
                ),
                ..good(5, 7)
            },
        },
    }
}

/// A `usage` object under the provider's names.
fn usage_object(figures: &Figures, input: &str, output: &str) -> Option<String> {
    let members = [(input, &figures.input), (output, &figures.output)];
    let written: Vec<String> =
        members.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("\"{name}\":{value}"))).collect();
    (!written.is_empty()).then(|| format!("{{{}}}", written.join(",")))
}

fn answer_body(call: &ProviderCall, asking: Asking<'_>, figures: &Figures) -> String {
    let usage = |name: &str, input: &str, output: &str| {
        let object = usage_object(figures, input, output);
        object.map(|object| format!(",\"{name}\":{object}")).unwrap_or_default() + &figures.beside
    };
    let tokens = || usage("usage", "prompt_tokens", "completion_tokens");
    let job = |provider, number| job_text(provider, asking.tenant, number);
    match call.ask.route {
        Route::Chat | Route::ApiChat | Route::Completions | Route::ApiCompletions => format!(
            "{{\"id\":\"chat-1\",\"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"yes\"}}}}]{}}}",
            tokens()
        ),
        Route::Responses => {
            format!("{{\"id\":\"resp-1\",\"output\":[]{}}}", usage("usage", "input_tokens", "output_tokens"))
        }
        Route::Embeddings => {
            let usage = figures.input.as_ref();
            let usage = usage.map(|input| format!(",\"usage\":{{\"prompt_tokens\":{input},\"total_tokens\":{input}}}"));
            format!("{{\"object\":\"list\",\"data\":[]{}{}}}", usage.unwrap_or_default(), figures.beside)
        }
        Route::Messages => format!(
            "{{\"id\":\"msg-1\",\"content\":[{{\"type\":\"text\",\"text\":\"yes\"}}]{}}}",
            usage("usage", "input_tokens", "output_tokens")
        ),
        Route::CountTokens => "{\"input_tokens\":9}".to_owned(),
        Route::Generate(_) | Route::GenerateStream(_) => format!(
            "{{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"yes\"}}]}}}}]{}}}",
            usage("usageMetadata", "promptTokenCount", "candidatesTokenCount")
        ),
        Route::EmbedContent(_) => {
            let usage = figures.input.as_ref();
            let usage = usage.map(|input| format!(",\"usageMetadata\":{{\"promptTokenCount\":{input}}}"));
            format!("{{\"embedding\":{{\"values\":[]}}{}{}}}", usage.unwrap_or_default(), figures.beside)
        }
        Route::Speech | Route::SpeechStream => "ID3 a sound".to_owned(),
        Route::Transcribe(number) => {
            format!("{{\"id\":\"{}\",\"status\":\"queued\"}}", job(Provider::Assemblyai, number))
        }
        Route::Transcript(_) => match call.upstream.usage {
            Usage::Reported { input, output } => {
                let model = if output % 2 == 1 { ",\"speech_model\":\"nano\"" } else { "" };
                format!("{{\"id\":\"t\",\"status\":\"completed\",\"audio_duration\":{input}{model}}}")
            }
            Usage::Missing | Usage::Lies(_) => "{\"id\":\"t\",\"status\":\"processing\"}".to_owned(),
        },
        Route::Predict(_, number) => {
            format!("{{\"request_id\":\"{}\",\"status\":\"processing\"}}", job(Provider::Muapi, number))
        }
        Route::Prediction(_) => "{\"status\":\"completed\",\"outputs\":[]}".to_owned(),
        Route::SendMessage | Route::GetMe => "{\"ok\":true,\"result\":{\"id\":1}}".to_owned(),
        Route::Execute(_) => "{\"data\":{\"ok\":true}}".to_owned(),
        Route::Models | Route::Model(_) | Route::Files | Route::AdminKeys | Route::Credits | Route::Root => {
            "{\"object\":\"list\",\"data\":[]}".to_owned()
        }
    }
}

/// The events of a stream.
struct StreamParts {
    before: Vec<String>,
    /// `{n}` stands for the event's number.
    content: String,
    behind: Vec<String>,
    /// Whether the question's usage is reported before any content.
    input_before: bool,
}

fn stream_parts(route: Route, adapter: Provider, figures: &Figures) -> StreamParts {
    let data = |json: String| format!("data: {json}\n\n");
    let named = |name: &str, json: String| format!("event: {name}\ndata: {json}\n\n");
    let beside = &figures.beside;
    if adapter == Provider::Anthropic {
        let input = figures.input.as_ref().map(|input| format!(",\"usage\":{{\"input_tokens\":{input}}}"));
        let start =
            format!("{{\"type\":\"message_start\",\"message\":{{\"id\":\"msg-1\"{}}}}}", input.unwrap_or_default());
        let output = figures.output.as_ref();
        let end = output.map(|output| {
            let json = format!("{{\"type\":\"message_delta\",\"usage\":{{\"output_tokens\":{output}}}{beside}}}");
            named("message_delta", json)
        });
        let content =
            "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"w{n}\"}}";
        return StreamParts {
            before: vec![named("message_start", start)],
            content: named("content_block_delta", content.to_owned()),
            behind: end.into_iter().chain([named("message_stop", "{\"type\":\"message_stop\"}".to_owned())]).collect(),
            input_before: true,
        };
    }
    if adapter == Provider::Gemini {
        let usage = usage_object(figures, "promptTokenCount", "candidatesTokenCount");
        let last = usage.map(|usage| {
            data(format!("{{\"candidates\":[{{\"finishReason\":\"STOP\"}}],\"usageMetadata\":{usage}{beside}}}"))
        });
        return StreamParts {
            before: Vec::new(),
            content: data("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"w{n}\"}]}}]}".to_owned()),
            behind: last.into_iter().collect(),
            input_before: false,
        };
    }
    if route == Route::Responses {
        let usage = usage_object(figures, "input_tokens", "output_tokens");
        let usage = usage.map(|usage| format!(",\"usage\":{usage}")).unwrap_or_default();
        let end = format!("{{\"type\":\"response.completed\",\"response\":{{\"id\":\"resp-1\"{usage}}}{beside}}}");
        return StreamParts {
            before: vec![named("response.created", "{\"type\":\"response.created\"}".to_owned())],
            content: named(
                "response.output_text.delta",
                "{\"type\":\"response.output_text.delta\",\"delta\":\"w{n}\"}".to_owned(),
            ),
            behind: vec![named("response.completed", end)],
            input_before: false,
        };
    }
    let usage = usage_object(figures, "prompt_tokens", "completion_tokens");
    let last = usage.map(|usage| data(format!("{{\"id\":\"chat-1\",\"choices\":[],\"usage\":{usage}{beside}}}")));
    StreamParts {
        before: Vec::new(),
        content: data("{\"id\":\"chat-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"w{n}\"}}]}".to_owned()),
        behind: last.into_iter().chain(["data: [DONE]\n\n".to_owned()]).collect(),
        input_before: false,
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

/// The second at which a token expires that is good for so many seconds from now, as RFC 3339 writes it.
#[must_use]
pub fn rfc3339(at_s: i64) -> String {
    let (days, second) = (at_s.div_euclid(86_400), at_s.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Year, month and day of a day since the epoch.
#[must_use]
pub fn civil(days: i64) -> (i64, i64, i64) {
    // Days are counted from the first of March of the year 0, in eras of 400 years, so that a leap day comes last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// How the broker answers for an account, `serial` being the number of its answer in the case.
#[must_use]
pub fn broker_script(
    world: &World,
    reply: BrokerReply,
    account: usize,
    serial: u32,
    now_s: i64,
    due: bool,
) -> UpstreamScript {
    let access = world.edge.broker_token(account, serial);
    let refresh = world.edge.broker_refresh(account, serial);
    let both = |expires: &str| {
        format!("{{\"access_token\":\"{access}\",\"refresh_token\":\"{refresh}\",\"expires_at\":{expires}}}")
    };
    let json = [("Content-Type".to_owned(), b"application/json".to_vec())];
    let whole = |status: u16, headers: &[(String, Vec<u8>)], body: String| {
        let length = body.len().to_string();
        (vec![head(status, headers, &[("Content-Length", &length)]), body.into_bytes()], ScriptEnd::Keep)
    };
    let (pieces, end) = match reply {
        BrokerReply::Token { expires_in_s } => {
            let expires = expires_in_s.map(|seconds| format!("\"{}\"", rfc3339(now_s + i64::from(seconds))));
            whole(200, &json, both(expires.as_deref().unwrap_or("null")))
        }
        BrokerReply::WithHeaders => {
            let mut headers = json.to_vec();
            headers.push(("Set-Cookie".to_owned(), format!("refresh={refresh}").into_bytes()));
            headers.push(("X-Refresh-Token".to_owned(), refresh.clone().into_bytes()));
            whole(200, &headers, both("null"))
        }
        BrokerReply::Error(status) => whole(status.code(), &json, both("null")),
        BrokerReply::NotJson => whole(200, &json, format!("access_token={access}&refresh_token={refresh}")),
        BrokerReply::NoAccessToken => {
            whole(200, &json, format!("{{\"refresh_token\":\"{refresh}\",\"expires_at\":null}}"))
        }
        BrokerReply::NumberToken => {
            whole(200, &json, format!("{{\"access_token\":7,\"refresh_token\":\"{refresh}\",\"expires_at\":null}}"))
        }
        BrokerReply::EmptyToken => {
            whole(200, &json, format!("{{\"access_token\":\"\",\"refresh_token\":\"{refresh}\",\"expires_at\":null}}"))
        }
        BrokerReply::Redirect => {
            let mut headers = json.to_vec();
            headers.push(("Location".to_owned(), format!("http://{STRAY}/v1/tokens").into_bytes()));
            whole(307, &headers, both("null"))
        }
        BrokerReply::Dies => {
            let body = both("null");
            let length = (body.len() + 50).to_string();
            (vec![head(200, &json, &[("Content-Length", &length)]), body.into_bytes()], ScriptEnd::Close)
        }
        BrokerReply::ClosesAtOnce => (Vec::new(), ScriptEnd::Close),
    };
    let answers = world.edge.accounts.get(account).map(|own| own.id.clone()).unwrap_or_default();
    UpstreamScript { place: Place::Broker, answers, due, pieces, end }
}

/// How a deployment's container is told to answer a webhook.
#[must_use]
pub fn container_script(world: &World, deployment: usize, reply: HookReply) -> Script {
    let Some(own) = world.deployments.get(deployment) else { return Script::Echo };
    let page = page(&own.page_canary.text);
    let base = base_headers(&own.header_canary.text);
    let response = |status, more: &[(&str, String)], body: Vec<u8>| {
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes()));
        Script::Response {
            status,
            headers: base.iter().cloned().chain(more).collect(),
            chunks: vec![body],
            chunked: false,
            trailers: Vec::new(),
        }
    };
    match reply {
        HookReply::Ok => response(200, &[], page),
        HookReply::Accepted => response(202, &[], Vec::new()),
        HookReply::NotFound => response(404, &[], page),
        HookReply::Error => response(500, &[], page),
        HookReply::Redirect(other) => {
            let host = HostSpec::of(other).of.text(world);
            response(302, &[("Location", format!("https://{host}/vendo/webhooks/telegram"))], page)
        }
        HookReply::RedirectStray => response(307, &[("Location", format!("http://{STRAY}/"))], page),
        HookReply::WithHeaders => response(
            200,
            &[
                ("Set-Cookie", "vendoAuth=planted; Domain=vendo.run".to_owned()),
                ("X-Vendo-Role", "owner".to_owned()),
                ("Vendo-Error-Code", "app_revoked".to_owned()),
            ],
            page,
        ),
        HookReply::Garbage => {
            Script::Raw { bytes: b"\x16\x03\x01\x02\x00 not http at all\r\n\r\n".to_vec(), close: true }
        }
        HookReply::ClosesAtOnce => Script::Raw { bytes: Vec::new(), close: true },
    }
}
