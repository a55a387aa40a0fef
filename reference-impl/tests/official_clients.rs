//! The providers' own clients, as npm gives them, against the reference: what works with a provider works with Vendo.
//!
//! Needs Node.js 20 with npm, and says so where they are missing. The packages are pinned by
//! `official_clients/package-lock.json` and are installed once, below the target folder.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use reference_impl::Network;
use reference_impl::provider::Adapter;
use reference_impl::standin::Upstream;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What is copied to the place where the packages are installed.
const FILES: [&str; 4] = ["package.json", "package-lock.json", ".npmrc", "clients.mjs"];
const SAID: &str = "These are the words of a stand-in.";

/// Runs a command to its end, or ends it, and gives what it printed.
fn run(command: &mut Command, input: &str, deadline: Duration) -> String {
    let shown = format!("{command:?}");
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.unwrap_or_else(|error| {
        panic!("{shown}: {error}: Node.js 20 and npm are needed; scripts/need node npm installs them")
    });
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let read = |mut pipe: Box<dyn std::io::Read + Send>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            pipe.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
        })
    };
    let stdout = read(Box::new(child.stdout.take().unwrap()));
    let stderr = read(Box::new(child.stderr.take().unwrap()));
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{shown}: not done after {deadline:?}: {}", stderr.join().unwrap().unwrap());
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let (stdout, stderr) = (stdout.join().unwrap().unwrap(), stderr.join().unwrap().unwrap());
    assert!(status.success(), "{shown}: {status}\n{stdout}\n{stderr}");
    stdout
}

/// The folder with the clients in it. Only the first test to come installs them.
fn installed() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/official_clients");
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("official_clients");
    fs::create_dir_all(&place).unwrap();
    let lock = File::create(place.join("lock")).unwrap();
    lock.lock().unwrap();
    for file in FILES {
        fs::copy(source.join(file), place.join(file)).unwrap();
    }
    let wanted = fs::read(place.join("package-lock.json")).unwrap();
    let stamp = place.join("installed");
    if fs::read(&stamp).ok().as_ref() != Some(&wanted) {
        run(Command::new("npm").arg("ci").current_dir(&place), "", Duration::from_secs(180));
        fs::write(&stamp, &wanted).unwrap();
    }
    place
}

/// Makes calls with the clients, one after the other.
async fn calls(openai: &str, anthropic: &str, calls: Value) -> Vec<Value> {
    let input = json!({"openai": openai, "anthropic": anthropic, "calls": calls}).to_string();
    let made = tokio::task::spawn_blocking(move || {
        let mut node = Command::new("node");
        run(node.arg("clients.mjs").current_dir(installed()), &input, Duration::from_secs(60))
    });
    serde_json::from_str(&made.await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_take_the_stand_ins_for_their_providers() {
    let network = Network::sockets();
    let openai = Upstream::start(&network, Adapter::Openai).unwrap();
    let anthropic = Upstream::start(&network, Adapter::Anthropic).unwrap();
    let made = calls(
        &format!("http://{}/v1", openai.endpoint()),
        &format!("http://{}", anthropic.endpoint()),
        json!([
            {"call": "openai.chat", "key": "k", "model": "tokens-10-20"},
            {"call": "openai.chat.stream", "key": "k", "model": "tokens-10-20", "include_usage": true},
            {"call": "openai.chat.stream", "key": "k", "model": "tokens-10-20"},
            {"call": "openai.completion", "key": "k", "model": "tokens-10-20"},
            {"call": "openai.responses", "key": "k", "model": "tokens-10-20"},
            {"call": "openai.responses.stream", "key": "k", "model": "tokens-10-20"},
            {"call": "openai.embeddings", "key": "k", "model": "plain"},
            {"call": "openai.models", "key": "k"},
            {"call": "openai.model", "key": "k", "model": "gpt-4o"},
            {"call": "anthropic.message", "key": "k", "model": "tokens-10-20"},
            {"call": "anthropic.message.stream", "key": "k", "model": "tokens-10-20"},
            {"call": "anthropic.count_tokens", "key": "k", "model": "plain"},
            {"call": "anthropic.models", "key": "k"},
            {"call": "openai.chat", "key": "k", "model": "error-429"},
            {"call": "anthropic.message", "key": "k", "model": "error-529"},
            {"call": "openai.chat.stream", "key": "k", "model": "error-in-stream"},
            {"call": "anthropic.message.stream", "key": "k", "model": "error-in-stream"},
            {"call": "openai.chat.stream", "key": "k", "model": "dies"},
            {"call": "openai.files", "key": "k"},
            {"call": "openai.chat.abort", "key": "k", "model": "held"},
            {"call": "anthropic.message.abort", "key": "k", "model": "held"},
        ]),
    )
    .await;
    let mut made = made.iter();
    let mut next = || made.next().unwrap();
    for pointer in [
        "/usage/completion_tokens",
        "/usage/completion_tokens",
        "/usage/none",
        "/usage/completion_tokens",
        "/usage/output_tokens",
        "/usage/output_tokens",
    ] {
        let call = next();
        assert_eq!(call["text"], SAID, "{call}");
        assert_eq!(call.pointer(pointer), (!pointer.ends_with("none")).then_some(&json!(20)), "{call}");
    }
    let embeddings = next();
    assert_eq!(embeddings["vectors"], json!([[0.25, -0.5, 0.125], [0.25, -0.5, 0.125]]));
    assert_eq!(next()["ids"][0], "gpt-4o");
    assert_eq!(next()["id"], "gpt-4o");
    for _ in 0..2 {
        let call = next();
        assert_eq!((&call["text"], &call["stop"]), (&json!(SAID), &json!("end_turn")), "{call}");
        assert_eq!(
            (&call["usage"]["input_tokens"], &call["usage"]["output_tokens"]),
            (&json!(10), &json!(20)),
            "{call}"
        );
    }
    assert_eq!(next()["tokens"], 3);
    assert_eq!(next()["ids"][0], "claude-sonnet-4-5");
    for (class, status) in [
        ("RateLimitError", json!(429)),
        ("OverloadedError", json!(529)),
        ("APIError", Value::Null),
        ("APIError", Value::Null),
        ("TypeError", Value::Null),
        ("NotFoundError", json!(404)),
    ] {
        let call = next();
        assert_eq!((&call["error"]["class"], &call["error"]["status"]), (&json!(class), &status), "{call}");
    }
    assert_eq!((&next()["text"], &next()["text"]), (&json!("These "), &json!("These ")));
    assert_eq!(made.next(), None);
}
