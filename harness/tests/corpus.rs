//! Replays what fuzzing keeps, without a fuzzer: the seeds and the corpus of every target go through the same bodies.
//!
//! Also keeps `fuzz/` in order: every target has a body, a seed folder and a corpus, and is too short to hold logic.
//!
//! `ISOLATION_WRITE_SEEDS=1 cargo test -p isolation-harness --test corpus` writes the seeds anew.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use isolation_harness::fuzzing::{STEPS_MAX, TARGETS, case};
use isolation_model::action::Action;
use isolation_model::action::edge::EdgeCall;
use isolation_model::choose::{Choose, Seeded};
use isolation_model::generate::{Swarm, action};
use isolation_model::oracle::canaries::requests;
use isolation_model::oracle::edge::step::calls;
use isolation_model::world::{Profile, World};

/// The longest input that is kept.
const INPUT_MAX: u64 = 1024;
/// The most inputs of a target.
const INPUTS_MAX: usize = 150;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The files of a folder in the order of their names. An empty folder is a replay of nothing.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn names(folder: &Path) -> BTreeSet<String> {
    files(folder).iter().map(|file| name(file)).collect()
}

#[test]
fn kept_inputs_find_nothing() {
    // A task of the runtime that panics ends its connection, and no more. Here it counts, as it does for a fuzzer.
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        print(info);
    }));
    for (target, body) in TARGETS {
        for kept in ["seeds", "corpus_min"] {
            let files = files(&fuzz().join(kept).join(target));
            assert!(files.len() <= INPUTS_MAX, "{kept}/{target} holds {} inputs", files.len());
            for file in files {
                let bytes = fs::read(&file).unwrap();
                assert!(bytes.len() as u64 <= INPUT_MAX, "{}: {} bytes", file.display(), bytes.len());
                let before = PANICS.load(Ordering::SeqCst);
                let passed = panic::catch_unwind(|| body(&bytes)).is_ok();
                let silent = PANICS.load(Ordering::SeqCst) == before;
                assert!(passed && silent, "{} finds something; the message is above", file.display());
            }
        }
    }
}

#[test]
fn targets_bodies_seeds_and_corpora_are_the_same_list() {
    let bodies: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let sources: BTreeSet<String> =
        names(&fuzz().join("fuzz_targets")).iter().map(|file| file.trim_end_matches(".rs").to_owned()).collect();
    assert_eq!(sources, bodies, "fuzz_targets/ and fuzzing::TARGETS");
    for kept in ["seeds", "corpus_min"] {
        assert_eq!(names(&fuzz().join(kept)), bodies, "{kept}/ and fuzzing::TARGETS");
    }
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    assert_eq!(manifest.matches("[[bin]]").count(), bodies.len(), "fuzz/Cargo.toml lists every target once");
    for target in &bodies {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target}");
        let source = fs::read_to_string(fuzz().join(format!("fuzz_targets/{target}.rs"))).unwrap();
        assert!(source.contains(&format!("fuzzing::{target}(bytes)")), "{target} calls its own body");
        assert!(source.lines().count() <= 12, "{target}: what a target does belongs into harness/src/fuzzing");
    }
}

/// `fuzz` has a lock file of its own. What both workspaces use must be of one version, or the fuzzer judges another build.
#[test]
fn both_lock_files_agree() {
    const OWN: [&str; 3] = ["isolation-fuzz", "libfuzzer-sys", "jobserver"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    let (root, own) = (packages(&root), packages(&fuzz().join("Cargo.lock")));
    for (package, dependencies) in &own {
        let (name, _) = package.split_once(' ').unwrap();
        let Some(wanted) = root.get(package) else {
            assert!(
                OWN.contains(&name),
                "{package} is in fuzz/Cargo.lock alone; copy Cargo.lock there and build again"
            );
            continue;
        };
        if ["isolation-harness", "isolation-model", "reference-impl"].contains(&name) {
            let missing: Vec<&String> = dependencies.difference(wanted).collect();
            assert!(missing.is_empty(), "{package} no longer depends on {missing:?}; build in fuzz/ again");
        }
    }
    for name in ["isolation-harness", "isolation-model", "reference-impl"] {
        assert!(own.keys().any(|package| package.split(' ').next() == Some(name)), "{name}");
    }
}

/// The packages of a lock file, each with the names that it depends on.
fn packages(lock: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(lock).unwrap_or_else(|error| panic!("{}: {error}", lock.display()));
    let quoted = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
    text.split("[[package]]")
        .skip(1)
        .map(|package| {
            let field = |name: &str| quoted(package.lines().find(|line| line.starts_with(name)).unwrap());
            let dependencies = package.lines().filter(|line| line.starts_with(" \""));
            let names = dependencies.map(|line| quoted(line).split(' ').next().unwrap().to_owned()).collect();
            (format!("{} {}", field("name = "), field("version = ")), names)
        })
        .collect()
}

#[test]
fn seeds_of_world_actions_reach_every_kind_of_action() {
    if std::env::var_os("ISOLATION_WRITE_SEEDS").is_some() {
        write_seeds();
    }
    let mut reached = BTreeSet::new();
    for file in files(&fuzz().join("seeds/world_actions")) {
        let (_, _, steps) = case(&fs::read(&file).unwrap());
        assert!((1..=STEPS_MAX).contains(&steps.len()), "{}", file.display());
        reached.extend(steps.iter().flat_map(|step| kinds(&step.action)));
    }
    let every = every_kind();
    assert!(every.len() > 60, "{every:?}");
    let missing: Vec<&String> = every.difference(&reached).collect();
    assert!(missing.is_empty(), "no seed reaches {missing:?}; the head of this file says how to write them anew");
}

/// The kinds of all that the generator can say, as far as many draws tell.
fn every_kind() -> BTreeSet<String> {
    let mut choose = Seeded::new(1);
    let world = World::generate(&mut choose, Profile::default());
    (0..20_000).flat_map(|_| kinds(&action(&mut choose, &world, Swarm::ALL))).collect()
}

/// What an action is, by the names that files give to its parts.
fn kinds(action: &Action) -> Vec<String> {
    let mut kinds = vec![match action {
        Action::Control(control) => format!("control {}", tag(control)),
        Action::KvKey { kind, .. } => format!("key {}", tag(kind)),
        Action::Malformed { defect, .. } => format!("malformed {:?}", defect.class()),
        Action::EdgeControl(control) => format!("edge control {}", tag(control)),
        Action::Vault(tried) => format!("vault {}", tag(&tried.kind)),
        Action::Request(_)
        | Action::Race { .. }
        | Action::Advance { .. }
        | Action::Edge(_)
        | Action::Together(_)
        | Action::During { .. } => tag(action),
    }];
    for call in calls(action) {
        kinds.push(format!("call {}", tag(call)));
        match call {
            EdgeCall::Provider(own) => kinds.extend([
                format!("adapter {}", tag(&own.adapter)),
                format!("route {}", tag(&own.ask.route)),
                format!("upstream {}", tag(&own.upstream.kind)),
                format!("client {}", tag(&own.client)),
            ]),
            EdgeCall::Vend(own) => {
                kinds.extend([format!("vend {}", tag(&own.ask)), format!("broker {}", tag(&own.broker))])
            }
            EdgeCall::Hook(own) => {
                kinds.extend([format!("hook {}", tag(&own.path)), format!("container {}", tag(&own.container))])
            }
        }
    }
    for request in requests(action) {
        kinds.extend([
            format!("method {}", tag(&request.method)),
            format!("transport {}", tag(&request.transport)),
            format!("layout {}", tag(&request.layout)),
            format!("path {}", tag(&request.path)),
            format!("body {}", tag(&request.body)),
            format!("host {}", tag(&request.host.of)),
            format!("upgrade {}", request.upgrade),
        ]);
    }
    kinds
}

/// The name of a variant in a file.
fn tag(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap();
    let name = value.as_str().or_else(|| value.as_object()?.keys().next().map(String::as_str));
    name.unwrap_or_else(|| panic!("{value} is no variant")).to_owned()
}

fn write_seeds() {
    let write = |target: &str, seeds: &[(String, Vec<u8>)]| {
        let folder = fuzz().join("seeds").join(target);
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in seeds {
            fs::write(folder.join(name), bytes).unwrap();
        }
    };
    write("world_actions", &world_action_seeds());
    write("host_and_cookie", &host_and_cookie_seeds());
    write("jws", &jws_seeds());
    write("bearer_and_scopes", &bearer_seeds());
    write("hooks_signature", &written_seeds(60));
    write("path_guard", &path_seeds());
    write("usage_extraction", &usage_seeds());
    write("vault_envelope", &written_seeds(70));
}

fn random(seed: u64, length: usize) -> Vec<u8> {
    let mut choose = Seeded::new(seed);
    (0..length).map(|_| u8::try_from(choose.below(256)).unwrap()).collect()
}

/// Random inputs, of which each reaches a kind that none before it does.
fn world_action_seeds() -> Vec<(String, Vec<u8>)> {
    let every = every_kind();
    let (mut reached, mut seeds) = (BTreeSet::new(), Vec::new());
    for bytes in (0..50_000).map(|seed| random(seed, 96)) {
        let new: BTreeSet<String> = case(&bytes).2.iter().flat_map(|step| kinds(&step.action)).collect();
        if !new.is_subset(&reached) {
            reached.extend(new);
            seeds.push((format!("{:03}", seeds.len()), bytes));
        }
        if every.is_subset(&reached) {
            break;
        }
    }
    seeds
}

fn host_and_cookie_seeds() -> Vec<(String, Vec<u8>)> {
    const RAW: u8 = 0;
    const COOKIES: u8 = 2;
    let long = "a".repeat(64);
    let name_of_253 = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
    let hosts = [
        ("label", "acme-crm.vendo.run"),
        ("upper-case", "ACME-Crm.Vendo.RUN"),
        ("trailing-dot", "acme-crm.vendo.run."),
        ("two-trailing-dots", "acme-crm.vendo.run.."),
        ("port", "acme-crm.vendo.run:443"),
        ("dot-and-port", "acme-crm.vendo.run.:443"),
        ("empty-port", "acme-crm.vendo.run:"),
        ("port-too-high", "acme-crm.vendo.run:65536"),
        ("two-ports", "acme-crm.vendo.run:80:80"),
        ("legacy", "crm.acme.vendo.run"),
        ("deeper", "a.crm.acme.vendo.run"),
        ("custom", "crm.acme.example"),
        ("looks-like-suffix", "acme-crm.xvendo.run"),
        ("platform", "vendo.run"),
        ("reserved", "openai-proxy.vendo.run"),
        ("reserved-single", "api.vendo.run"),
        ("bare-label", "acme-crm"),
        ("whole-key", "deploy:acme-crm"),
        ("address-4", "127.0.0.1"),
        ("address-6", "[::1]"),
        ("address-decimal", "2130706433"),
        ("address-hex", "0x7f000001"),
        ("hex-last-label", "crm.0x"),
        ("userinfo", "acme-crm.vendo.run@evil.example"),
        ("percent", "acme%2dcrm.vendo.run"),
        ("underscore", "acme_crm.vendo.run"),
        ("comma", "acme-crm.vendo.run,evil.example"),
        ("space", " acme-crm.vendo.run"),
        ("nul", "acme-crm.vendo.run\0"),
        ("kelvin-sign", "\u{212a}m.example"),
        ("ideographic-dot", "acme-crm\u{3002}vendo.run"),
        ("empty-label", "acme..vendo.run"),
        ("hyphen-first", "-acme.example"),
        ("long-label", &long),
        ("long-name", &name_of_253),
        ("empty", ""),
    ];
    let cookies = [
        ("session", "vendoAuth=t"),
        ("among-others", "a=b; vendoAuth=t; c=d"),
        ("spaced", " a = b ;\t vendoAuth \t=\t t \t; c"),
        ("twice", "vendoAuth=t; vendoAuth=t"),
        ("in-two-fields", "vendoAuth=t\na=b\nvendoAuth=u"),
        ("without-value", "vendoAuth; a=b"),
        ("quoted", "vendoAuth=\"t\""),
        ("other-case", "VENDOAUTH=t; __host-VENDO_session=s; vendoauth"),
        ("dashboard", "__Host-vendo_session=s; a=b"),
        ("as-a-value", "a=vendoAuth=t; =vendoAuth=t"),
        ("comma", "a=b, vendoAuth=t"),
        ("no-cookie", ";; ; \t;"),
        ("near-names", "vendoAuth2=t; xvendoAuth=t; vendo\u{e9}Auth=t"),
    ];
    let raw = hosts.map(|(name, text)| (format!("host-{name}"), [&[RAW], text.as_bytes()].concat()));
    let fields = cookies.map(|(name, text)| (format!("cookie-{name}"), [&[COOKIES], text.as_bytes()].concat()));
    let written =
        (0..8).map(|n| (format!("written-{n}"), [&[1 + 2 * (n % 2)], random(n.into(), 40).as_slice()].concat()));
    raw.into_iter().chain(fields).chain(written).collect()
}

/// Choices of which a body writes its input.
fn written_seeds(length: usize) -> Vec<(String, Vec<u8>)> {
    (0..24).map(|n| (format!("written-{n:02}"), random(n, length))).collect()
}

/// The same behind the byte that says so, and texts that are taken as they are.
fn seeds<const N: usize>(raw: [(&str, Vec<u8>); N], length: usize) -> Vec<(String, Vec<u8>)> {
    let raw = raw.map(|(name, text)| (format!("raw-{name}"), [&[0], text.as_slice()].concat()));
    let written = (0..24).map(|n| (format!("written-{n:02}"), [&[1], random(n, length).as_slice()].concat()));
    raw.into_iter().chain(written).collect()
}

fn bearer_seeds() -> Vec<(String, Vec<u8>)> {
    const KEY: &[u8] = b"vendo_sk_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let authorization = |text: &[u8]| [&[0], text].concat();
    let api_key = |text: &[u8]| [&[1], text].concat();
    let bearer = authorization(&[b"Bearer ", KEY].concat());
    seeds(
        [
            ("bearer", bearer.clone()),
            ("api-key", api_key(KEY)),
            ("both", [bearer.clone(), b"\n".to_vec(), api_key(KEY)].concat()),
            ("twice", [bearer.clone(), b"\n".to_vec(), bearer].concat()),
            ("basic-beside", [authorization(b"Basic dTpw"), b"\n".to_vec(), api_key(KEY)].concat()),
            ("no-scheme", authorization(KEY)),
            ("underscore", [&[2], KEY].concat()),
            ("none", Vec::new()),
        ],
        24,
    )
}

fn path_seeds() -> Vec<(String, Vec<u8>)> {
    let paths = [
        "/v1/models",
        "/v1/../admin",
        "/v1/%2e%2e/admin",
        "/v1/%252e%252e/admin",
        "/v1/%25252e/admin",
        "//evil.example/",
        "/@evil.example",
        "/\\evil.example",
        "/v1/..;/x",
        "/v1/a%00",
        "/v1/a%0d%0ab",
        "/v1/a#b",
        "/v1/%zz",
        "*",
        "http://evil.example/",
        "/caf%C3%A9",
    ];
    let named = (0..).zip(paths).map(|(n, path)| (format!("raw-{n:02}"), [&[0], path.as_bytes()].concat()));
    named.chain(seeds([], 24)).collect()
}

fn usage_seeds() -> Vec<(String, Vec<u8>)> {
    let texts = [
        r#"{"usage":{"prompt_tokens":3,"completion_tokens":5}}"#,
        "data: {\"usage\":{\"input_tokens\":3}}\n\n",
        "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3}}}\r\n\r\n",
        r#"[{"usageMetadata":{"promptTokenCount":3}},{"usageMetadata":{"candidatesTokenCount":5}}]"#,
        r#"{"id":"t","status":"completed","audio_duration":61}"#,
        "data: a\ndata: b\n\n: ping\rdata:{}\r\r",
    ];
    let named = (0..).zip(texts).map(|(n, text)| (format!("raw-{n:02}"), [&[0, 3], text.as_bytes()].concat()));
    named.chain(seeds([], 40)).collect()
}

fn jws_seeds() -> Vec<(String, Vec<u8>)> {
    let raw = [
        ("empty-segments", ".."),
        ("alg-none", "eyJhbGciOiJub25lIiwia2lkIjoiazEifQ.e30."),
        ("four-segments", "a.b.c.d"),
        ("json", "{\"payload\":\"e30\",\"protected\":\"e30\",\"signature\":\"\"}"),
    ];
    let raw = raw.map(|(name, text)| (format!("raw-{name}"), [&[0], text.as_bytes()].concat()));
    let minted = (0..3).map(|n| (format!("minted-{n}"), vec![1, n]));
    let altered = (0..10).map(|n| (format!("altered-{n}"), [&[1], random(n, 16).as_slice()].concat()));
    let signed = (0..30).map(|n| (format!("signed-{n}"), [&[2], random(n, 40).as_slice()].concat()));
    raw.into_iter()
        .chain(minted)
        .chain(std::iter::once(("signed".to_owned(), vec![2])))
        .chain(altered)
        .chain(signed)
        .collect()
}
