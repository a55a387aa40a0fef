//! How an answer is put together: the provider's own answer, then what its mode makes of it.

use super::ask::{Ask, Jobs};
use super::mode::Mode;
use super::reply::{PAUSE, Piece, Reply};
use super::{anthropic, gemini, gzip, media, openai, tools};
use crate::provider::Adapter;
use http::StatusCode;

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    Answer(Reply),
    HangUp,
}

pub(super) fn answer(ask: &Ask<'_>, jobs: &Jobs) -> Outcome {
    let Some(credential) = ask.credential else {
        return Outcome::Answer(error(ask.adapter, 401, "no credential was sent in the place for it"));
    };
    let mode = ask.mode();
    if mode == Mode::HangsUp {
        return Outcome::HangUp;
    }
    Outcome::Answer(if let Mode::Error(status) = mode {
        let mut reply = error(ask.adapter, status, "the error that was asked for");
        if status == 429 {
            reply.header("retry-after", "7");
        }
        reply
    } else if mode == Mode::EchoError {
        error(ask.adapter, 401, &format!("Incorrect API key provided: {credential}."))
    } else if mode == Mode::Redirect {
        redirect("https://elsewhere.example/v1/next")
    } else if mode == Mode::EchoRedirect {
        redirect(&format!("https://elsewhere.example/?key={credential}"))
    } else {
        under(mode, credential, proper(ask, jobs, credential))
    })
}

fn redirect(location: &str) -> Reply {
    let mut reply = Reply::whole(StatusCode::FOUND, "text/plain", b"It is elsewhere.\n".to_vec());
    reply.header("location", location);
    reply
}

/// The provider's own answer.
fn proper(ask: &Ask<'_>, jobs: &Jobs, credential: &str) -> Reply {
    let id = || jobs.id(credential);
    let known = match ask.adapter {
        Adapter::Openai | Adapter::Openrouter => openai::answer(ask, &id),
        Adapter::Anthropic => anthropic::answer(ask, &id),
        Adapter::Gemini => gemini::answer(ask),
        Adapter::Elevenlabs => media::elevenlabs(ask),
        Adapter::Assemblyai => media::assemblyai(ask, jobs, credential),
        Adapter::Muapi => media::muapi(ask, jobs, credential),
        Adapter::Telegram => Some(tools::telegram(ask)),
        Adapter::Composio => tools::composio(ask),
    };
    known.unwrap_or_else(|| error(ask.adapter, 404, "there is nothing here"))
}

/// An error in the provider's own form.
pub(super) fn error(adapter: Adapter, status: u16, message: &str) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = match adapter {
        Adapter::Openai => openai::error(status, message),
        Adapter::Openrouter => openai::router_error(status, message),
        Adapter::Anthropic => anthropic::error(status, message),
        Adapter::Gemini => gemini::error(status, message),
        Adapter::Elevenlabs => media::elevenlabs_error(status, message),
        Adapter::Assemblyai | Adapter::Muapi => media::error(message),
        Adapter::Telegram => tools::telegram_error(status, message),
        Adapter::Composio => tools::composio_error(status, message),
    };
    Reply::json(status, &body)
}

/// What a mode makes of an answer.
fn under(mode: Mode, credential: &str, mut reply: Reply) -> Reply {
    match mode {
        Mode::Slow if reply.whole => reply.before = Some(Piece::Pause(PAUSE)),
        Mode::Slow => {
            reply.body = reply.body.into_iter().flat_map(|piece| [Piece::Pause(PAUSE), piece]).collect();
        }
        Mode::Silent => reply.before = Some(Piece::Silence),
        Mode::Held if reply.whole => reply.before = Some(Piece::Gate),
        Mode::Held => {
            let half = reply.body.len() / 2;
            reply.body.insert(half, Piece::Gate);
        }
        Mode::Dies => {
            reply.body = half_of(reply.body);
            reply.body.push(Piece::Death);
        }
        Mode::Compressed => {
            let bytes = gzip::stored(&reply.bytes());
            reply.body = vec![Piece::Bytes(bytes.into())];
            reply.header("content-encoding", "gzip");
        }
        Mode::Cookies => {
            reply.header("set-cookie", "session=of-the-provider; Path=/");
            reply.header("set-cookie", "vendoAuth=planted; Domain=vendo.run; Path=/");
            reply.header("set-cookie2", "old=1");
            reply.header("access-control-allow-origin", "https://provider.example");
            reply.header("access-control-allow-credentials", "true");
            reply.header("alt-svc", "h3=\":443\"");
            reply.header("x-vendo-tenant-id", "of-the-provider");
            reply.header("vendo-error-code", "app_revoked");
        }
        Mode::EchoHeader => {
            reply.header("x-sent-authorization", &format!("Bearer {credential}"));
            reply.header("x-sent-key", credential);
        }
        Mode::EchoTrailer => {
            reply.whole = false;
            reply.trailer = http::HeaderValue::from_str(credential)
                .ok()
                .map(|value| (http::HeaderName::from_static("x-sent-key"), value));
            reply.header("trailer", "x-sent-key");
        }
        Mode::EchoSplit => {
            let bytes = reply.bytes();
            reply.whole = false;
            reply.body = bytes.iter().map(|byte| Piece::Bytes(vec![*byte].into())).collect();
        }
        Mode::Plain
        | Mode::Tokens(..)
        | Mode::NoUsage
        | Mode::UsageNegative
        | Mode::UsageFraction
        | Mode::UsageText
        | Mode::UsageHuge
        | Mode::HangsUp
        | Mode::Error(_)
        | Mode::ErrorInStream
        | Mode::Redirect
        | Mode::Large
        | Mode::Echo
        | Mode::EchoError
        | Mode::EchoRedirect
        | Mode::EchoBase64
        | Mode::EchoHex => {}
    }
    reply
}

/// The first half of a stream's pieces, or of a single piece's bytes.
fn half_of(pieces: Vec<Piece>) -> Vec<Piece> {
    if let [Piece::Bytes(bytes)] = pieces.as_slice() {
        return vec![Piece::Bytes(bytes.slice(..bytes.len() / 2))];
    }
    let half = pieces.len().div_ceil(2);
    pieces.into_iter().take(half).collect()
}
