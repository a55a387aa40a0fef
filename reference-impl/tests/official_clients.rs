//! The providers' own clients, as npm gives them, against the reference: what works with a provider works with Vendo.
//!
//! Needs Node.js 20 with npm, and says so where they are missing. The packages are pinned by
//! `official_clients/package-lock.json` and are installed once, below the target folder.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use reference_impl::identity::key::Grant;
use reference_impl::standin::Upstream;
use reference_impl::store::database::Profile;
use reference_impl::store::rates::Rate;
use reference_impl::store::vault::MasterKey;
use reference_impl::store::wallet::{LedgerKind, LedgerLine};
use reference_impl::{
    Adapter, AppId, Clock, ConnectionId, CookieKey, EdgeConfig, Entropy, ExternalId, KeyId, Limits, Network, NewApp,
    NewConnection, NewKey, Platform, PlatformConfig, ProviderSlug, TenantId, TenantSlug, Worker, Workspace,
};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

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

/// A reference that serves on loopback, with stand-ins behind it.
struct Served {
    platform: Platform,
    openai: Upstream,
    anthropic: Upstream,
}

/// What a million input tokens cost, and a million output tokens, in dollars.
const RATES: [(&str, &str); 2] = [("input_tokens", "0.000001"), ("output_tokens", "0.000002")];
/// The models that have rates.
const MODELS: [&str; 4] = ["tokens-10-20", "slow", "error-429", "echo"];
/// What 10 input and 20 output tokens come to with the margin of 20 %, in micro-dollars.
const CHARGED: i64 = 12 + 48;
const HOLD: i64 = 1_000_000;
const CREDENTIAL: &str = "sk-real-0123456789abcdef";

impl Served {
    fn start() -> Self {
        let network = Network::sockets();
        let openai = Upstream::start(&network, Adapter::Openai).unwrap();
        let anthropic = Upstream::start(&network, Adapter::Anthropic).unwrap();
        let mut rates = Vec::new();
        for provider in ["openai", "anthropic"] {
            for model in MODELS {
                rates.extend(RATES.iter().map(|(meter, unit_cost)| Rate {
                    provider: provider.into(),
                    model: model.into(),
                    meter: (*meter).into(),
                    unit_cost: (*unit_cost).into(),
                }));
            }
        }
        let platform = Platform::start(PlatformConfig {
            clock: Clock::system(),
            entropy: Entropy::os(),
            cookie_keys: vec![CookieKey { kid: "k".into(), secret: vec![1; 32] }],
            kv_staleness: Duration::ZERO,
            network,
            tls: None,
            observer: None,
            #[cfg(feature = "faults")]
            faults: reference_impl::FaultSet::none(),
            limits: Limits::default(),
            edge: EdgeConfig {
                master_key: Some(MasterKey::new([7; 32])),
                upstreams: [(Adapter::Openai, openai.endpoint()), (Adapter::Anthropic, anthropic.endpoint())].into(),
                rates,
                ..EdgeConfig::default()
            },
        });
        Self { platform: platform.unwrap(), openai, anthropic }
    }

    /// A tenant with an app that is bound at both providers.
    async fn tenant(&self, name: &str) -> Workspace {
        let (control, id) = (self.platform.control(), TenantId::parse(&format!("T-{name}")).unwrap());
        control.create_tenant(id.clone(), TenantSlug::parse(name).unwrap()).unwrap();
        let workspace = control.workspace(&id).unwrap();
        let app = AppId::parse(&format!("{name}-app")).unwrap();
        let new = NewApp {
            id: app.clone(),
            deployment: None,
            webhook_secret: None,
            daily_cap_micros: None,
            monthly_cap_micros: None,
        };
        workspace.create_app(new).await.unwrap();
        for provider in ["openai", "anthropic"] {
            let connection = ConnectionId::parse(&format!("{name}-{provider}")).unwrap();
            let new = NewConnection {
                id: connection.clone(),
                external_id: ExternalId::parse(connection.as_str()).unwrap(),
                provider: ProviderSlug::parse(provider).unwrap(),
                profile: Profile::ByokStatic,
                user_id: None,
                account: None,
                credential: Some(Zeroizing::new(CREDENTIAL.to_owned())),
                refresh_token: None,
                webhook_secret: None,
            };
            workspace.connect(new).await.unwrap();
            workspace.bind(&app, &connection, None).await.unwrap();
        }
        workspace
    }

    fn url(&self, adapter: Adapter, path: &str) -> String {
        format!("http://{}{path}", self.platform.worker_endpoint(Worker::Provider(adapter)).unwrap())
    }

    async fn calls(&self, made: Value) -> Vec<Value> {
        calls(&self.url(Adapter::Openai, "/v1"), &self.url(Adapter::Anthropic, ""), made).await
    }
}

async fn key(workspace: &Workspace, id: &str, grant: Grant, daily_cap_micros: Option<u64>) -> String {
    let id = KeyId::parse(id).unwrap();
    let new = NewKey { id, grant, expires_at_s: None, daily_cap_micros, monthly_cap_micros: None };
    workspace.issue_key(new).await.unwrap().plaintext.to_string()
}

fn app(id: &str) -> Grant {
    Grant::App(AppId::parse(id).unwrap())
}

/// The ledger, when every hold in it is settled.
async fn settled(workspace: &Workspace) -> Vec<LedgerLine> {
    let begun = Instant::now();
    loop {
        let ledger = workspace.ledger().await.unwrap();
        let count = |kind| ledger.iter().filter(|line| line.kind == kind).count();
        if count(LedgerKind::Hold) == count(LedgerKind::Settle) {
            return ledger;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "a hold stays open: {ledger:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What each hold of a ledger came to, with its provider and model, in the order of the holds.
fn charges(ledger: &[LedgerLine]) -> Vec<(String, String, i64)> {
    let holds = ledger.iter().filter(|line| line.kind == LedgerKind::Hold);
    let charged = |hold: &LedgerLine| {
        assert_eq!(hold.micros, -HOLD);
        let mut settles = ledger.iter().filter(|line| line.kind == LedgerKind::Settle && line.hold == hold.hold);
        let (Some(settle), None) = (settles.next(), settles.next()) else { panic!("not settled once: {hold:?}") };
        (hold.provider.clone().unwrap_or_default(), hold.model.clone().unwrap_or_default(), HOLD - settle.micros)
    };
    holds.map(charged).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_work_through_the_reference_and_the_ledger_says_what_they_used() {
    let served = Served::start();
    let workspace = served.tenant("acme").await;
    workspace.top_up(50_000_000, "r1").await.unwrap();
    let own = key(&workspace, "k", app("acme-app"), None).await;
    let made = served
        .calls(json!([
            {"call": "openai.chat", "key": own, "model": "tokens-10-20"},
            {"call": "openai.chat.stream", "key": own, "model": "tokens-10-20", "include_usage": true},
            {"call": "openai.completion", "key": own, "model": "tokens-10-20"},
            {"call": "openai.responses", "key": own, "model": "tokens-10-20"},
            {"call": "openai.responses.stream", "key": own, "model": "tokens-10-20"},
            {"call": "anthropic.message", "key": own, "model": "tokens-10-20"},
            {"call": "anthropic.message.stream", "key": own, "model": "tokens-10-20"},
            {"call": "openai.embeddings", "key": own, "model": "tokens-10-20"},
            {"call": "openai.models", "key": own},
            {"call": "openai.model", "key": own, "model": "gpt-4o"},
            {"call": "anthropic.models", "key": own},
            {"call": "anthropic.count_tokens", "key": own, "model": "plain"},
            {"call": "openai.chat", "key": own, "model": "echo"},
        ]))
        .await;
    for call in &made[..7] {
        assert_eq!(call["text"], SAID, "{call}");
        let usage = &call["usage"];
        let output = usage.get("completion_tokens").or_else(|| usage.get("output_tokens"));
        assert_eq!(output, Some(&json!(20)), "{call}");
    }
    assert_eq!(made[0]["origin"], "*", "page script may read it");
    assert_eq!(made[7]["vectors"][0], json!([0.25, -0.5, 0.125]));
    assert_eq!((&made[8]["ids"][0], &made[9]["id"]), (&json!("gpt-4o"), &json!("gpt-4o")));
    assert_eq!((&made[10]["ids"][0], &made[11]["tokens"]), (&json!("claude-sonnet-4-5"), &json!(3)));
    // The provider was sent the real credential, and what it says of it does not come back.
    let echoed = made[12]["text"].as_str().unwrap();
    assert!(echoed.contains("authorization: Bearer ****") && !echoed.contains("sk-real"), "{echoed}");
    for arrived in served.openai.requests().iter().chain(&served.anthropic.requests()) {
        assert!(!format!("{arrived:?}").contains("vendo_sk_"), "{arrived:?}");
    }
    assert_eq!(served.anthropic.requests()[0].header("x-api-key").collect::<Vec<_>>(), [CREDENTIAL.as_bytes()]);

    let ledger = settled(&workspace).await;
    let mut charged = charges(&ledger);
    let (_, echo, echo_charged) = charged.pop().unwrap();
    assert!(echo == "echo" && echo_charged > 0);
    let expected: Vec<(String, String, i64)> = ["openai"; 5]
        .iter()
        .map(|provider| (provider, CHARGED))
        .chain(["anthropic"; 2].iter().map(|provider| (provider, CHARGED)))
        .chain([(&"openai", 12)])
        .map(|(provider, micros)| ((*provider).to_owned(), "tokens-10-20".to_owned(), micros))
        .collect();
    assert_eq!(charged, expected);
    assert!(ledger.iter().skip(1).all(|line| line.key == Some(KeyId::parse("k").unwrap())));
    let spent: i64 = 7 * CHARGED + 12 + echo_charged;
    assert_eq!(workspace.balance().await.unwrap(), u64::try_from(50_000_000 - spent).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_is_the_clients_own_class_of_error_and_costs_nothing() {
    let served = Served::start();
    let (acme, globex) = (served.tenant("acme").await, served.tenant("globex").await);
    acme.top_up(50_000_000, "r1").await.unwrap();
    let own = key(&acme, "k", app("acme-app"), None).await;
    let poor = key(&globex, "g", app("globex-app"), None).await;
    let capped = key(&acme, "capped", app("acme-app"), Some(0)).await;
    let connection = ConnectionId::parse("acme-openai").unwrap();
    let narrow = key(&acme, "narrow", Grant::Connection(connection), None).await;
    let gone = key(&acme, "gone", app("acme-app"), None).await;
    acme.revoke_key(&KeyId::parse("gone").unwrap()).await.unwrap();
    let nobody = format!("vendo_sk_{}", "x".repeat(32));
    let cases = [
        ("openai.chat", &nobody, "tokens-10-20", "AuthenticationError", 401, Some("app_unknown")),
        ("anthropic.message", &nobody, "tokens-10-20", "AuthenticationError", 401, Some("app_unknown")),
        ("openai.chat", &gone, "tokens-10-20", "AuthenticationError", 401, Some("app_revoked")),
        ("anthropic.message", &narrow, "tokens-10-20", "PermissionDeniedError", 403, Some("binding_missing")),
        ("openai.files", &own, "-", "PermissionDeniedError", 403, None),
        ("openai.chat", &own, "no-rate", "APIError", 402, None),
        ("openai.chat", &poor, "tokens-10-20", "APIError", 402, Some("balance_exhausted")),
        ("anthropic.message.stream", &poor, "tokens-10-20", "PaymentRequiredError", 402, Some("balance_exhausted")),
        ("openai.chat.stream", &capped, "tokens-10-20", "RateLimitError", 429, Some("spend_cap_daily")),
        ("anthropic.message", &capped, "tokens-10-20", "RateLimitError", 429, Some("spend_cap_daily")),
        // The provider's own, as it came.
        ("openai.chat", &own, "error-429", "RateLimitError", 429, None),
        ("anthropic.message", &own, "error-429", "RateLimitError", 429, None),
    ];
    let wanted: Vec<Value> =
        cases.iter().map(|(call, key, model, ..)| json!({"call": call, "key": key, "model": model})).collect();
    let made = served.calls(Value::from(wanted)).await;
    for (call, (name, _, model, class, status, vendo)) in made.iter().zip(cases) {
        let error = &call["error"];
        let seen = (error["class"].as_str().unwrap_or_default(), &error["status"], error["vendo"].as_str());
        assert_eq!(seen, (class, &json!(status), vendo), "{name} {model}: {call}");
        if let Some(code) = vendo {
            assert_eq!(error["code"], code, "{call}");
        }
    }
    let retry: u64 = made[8]["error"]["retry_after"].as_str().unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&retry), "{retry}");
    assert_eq!(made[10]["error"]["retry_after"], "7", "it is the provider's");
    let ledger = settled(&acme).await;
    let charged = charges(&ledger);
    assert!(
        charged.len() == 2 && charged.iter().all(|(_, model, micros)| model == "error-429" && *micros == 0),
        "{charged:?}"
    );
    assert_eq!((acme.balance().await.unwrap(), globex.ledger().await.unwrap().len()), (50_000_000, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_pays_for_what_it_used() {
    let served = Served::start();
    let workspace = served.tenant("acme").await;
    workspace.top_up(50_000_000, "r1").await.unwrap();
    let own = key(&workspace, "k", app("acme-app"), None).await;
    let made = served
        .calls(json!([
            {"call": "openai.chat.abort", "key": own, "model": "slow"},
            {"call": "anthropic.message.abort", "key": own, "model": "slow"},
        ]))
        .await;
    assert_eq!((&made[0]["text"], &made[1]["text"]), (&json!("These "), &json!("These ")));
    let charged = charges(&settled(&workspace).await);
    // Nothing was reported: a token for every four bytes that were sent, and one for each piece that came before.
    let sent = served.openai.requests()[0].body.len().div_ceil(4) as f64;
    let (least, most) = ((sent * 1.2).floor() as i64, (sent * 1.2).ceil() as i64 + 15);
    assert!((least..=most).contains(&charged[0].2), "{charged:?}: {least} to {most}");
    assert!(charged[0].2 > least);
    // The provider said what came in, and not yet what went out.
    assert_eq!(charged[1].0, "anthropic");
    assert!((3..100).contains(&charged[1].2), "{charged:?}");
}
