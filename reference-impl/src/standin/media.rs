//! Providers of speech, transcripts and pictures: ElevenLabs, AssemblyAI, muapi.

use super::ask::{Ask, Job, Jobs, Usage};
use super::mode::Mode;
use super::reply::Reply;
use http::{Method, StatusCode};
use serde_json::{Value, json};

pub(super) fn error(message: &str) -> Value {
    json!({"error": message})
}

pub(super) fn elevenlabs_error(status: StatusCode, message: &str) -> Value {
    let name = match status.as_u16() {
        401 => "invalid_api_key",
        429 => "too_many_concurrent_requests",
        _ => "error",
    };
    json!({"detail": {"status": name, "message": message}})
}

/// Speech: one byte of "audio" for each character of the text, behind a header of its format.
pub(super) fn elevenlabs(ask: &Ask<'_>) -> Option<Reply> {
    let rest = ask.path.strip_prefix("/v1/text-to-speech/")?;
    let (voice, streams) = rest.strip_suffix("/stream").map_or((rest, false), |voice| (voice, true));
    if *ask.method != Method::POST || voice.is_empty() || voice.contains('/') {
        return None;
    }
    let text = ask.json.get("text").and_then(Value::as_str).unwrap_or_default();
    let characters = text.chars().count();
    let said = if ask.mode().is_said() { ask.text().concat() } else { "~".repeat(characters) };
    let mut reply = if streams {
        let mut pieces = vec!["ID3".to_owned()];
        pieces.extend(said.split_inclusive(' ').map(str::to_owned));
        Reply::stream("audio/mpeg", pieces)
    } else {
        Reply::whole(StatusCode::OK, "audio/mpeg", format!("ID3{said}").into_bytes())
    };
    reply.header("character-cost", &characters.to_string());
    Some(reply)
}

/// A transcript is done when it is asked for the first time, a slow one at the third.
pub(super) fn assemblyai(ask: &Ask<'_>, jobs: &Jobs, credential: &str) -> Option<Reply> {
    if *ask.method == Method::POST && ask.path == "/v2/transcript" {
        let (id, model) = (jobs.id(credential), ask.model().to_owned());
        let usage = ask.mode().usage((seconds(&ask.json), 0));
        let seconds = match usage {
            Usage::Absent => Value::Null,
            Usage::Said(seconds, _) => seconds,
        };
        let transcript = transcript(ask, &id, "queued", &Job { model: model.clone(), seconds: Value::Null, polled: 0 });
        jobs.begin(credential, &id, Job { model, seconds, polled: 0 });
        return Some(Reply::ok(&transcript));
    }
    let id = ask.path.strip_prefix("/v2/transcript/")?;
    if *ask.method != Method::GET {
        return None;
    }
    let job = jobs.poll(credential, id)?;
    let status = state_of(&job).unwrap_or("error");
    Some(Reply::ok(&transcript(ask, id, status, &job)))
}

fn transcript(ask: &Ask<'_>, id: &str, status: &str, job: &Job) -> Value {
    let done = status == "completed";
    let mode = Mode::named(&job.model);
    let text = if done || mode.is_said() { json!(ask.text_under(mode).concat()) } else { Value::Null };
    let duration = if done { job.seconds.clone() } else { Value::Null };
    let failure = if status == "error" { json!("the error that was asked for") } else { Value::Null };
    json!({"id": id, "status": status, "audio_url": ask.json.get("audio_url"), "speech_model": job.model, "text": text,
        "audio_duration": duration, "error": failure, "language_code": "en_us"})
}

/// The state of a job; none: it failed, which each provider calls by another name.
fn state_of(job: &Job) -> Option<&'static str> {
    let mode = Mode::named(&job.model);
    if matches!(mode, Mode::Error(_)) {
        None
    } else if mode == Mode::Slow && job.polled < 3 {
        Some("processing")
    } else {
        Some("completed")
    }
}

/// How long the audio is: the number in the name of its file (`https://audio.example/90.mp3`), else 30 seconds.
fn seconds(json: &Value) -> u64 {
    let url = json.get("audio_url").and_then(Value::as_str).unwrap_or_default();
    let file = url.rsplit('/').next().unwrap_or_default();
    file.split('.').next().and_then(|name| name.parse().ok()).unwrap_or(30)
}

/// A picture is done when it is asked for the first time, a slow one at the third.
pub(super) fn muapi(ask: &Ask<'_>, jobs: &Jobs, credential: &str) -> Option<Reply> {
    let rest = ask.path.strip_prefix("/api/v1/")?;
    if *ask.method == Method::POST && !rest.contains('/') {
        let id = jobs.id(credential);
        jobs.begin(credential, &id, Job { model: rest.to_owned(), seconds: Value::Null, polled: 0 });
        let said = if ask.mode().is_said() { ask.text().concat() } else { String::new() };
        return Some(Reply::ok(&json!({"request_id": id, "status": "processing", "message": said})));
    }
    let id = rest.strip_prefix("predictions/")?.strip_suffix("/result")?;
    if *ask.method != Method::GET {
        return None;
    }
    let job = jobs.poll(credential, id)?;
    let status = state_of(&job).unwrap_or("failed");
    let outputs = if status == "completed" { json!([format!("https://pictures.example/{id}.png")]) } else { json!([]) };
    Some(Reply::ok(&json!({"id": id, "status": status, "model": job.model, "outputs": outputs})))
}
