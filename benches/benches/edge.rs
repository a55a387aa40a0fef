//! Cost of what a key's request runs through besides the network: who asks, the provider proxies' decision, opening the
//! credential, reserving and settling its price.
//!
//! `cargo bench -p isolation-benches --bench edge`. A build with planted faults is refused: its figures would be those of
//! a build that nobody runs.

#![expect(clippy::expect_used, reason = "a benchmark that can't be set up has nothing to measure")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use reference_impl::control::Workspace;
use reference_impl::edge::entry::{Head, Inspection, ServerName};
use reference_impl::edge::provider_proxy::decide::{Facts, Screened, check, choose, screen};
use reference_impl::edge::provider_proxy::errors::Refusal;
use reference_impl::edge::provider_proxy::redaction::{Redactor, Secret};
use reference_impl::edge::provider_proxy::request_headers::{Injection, forwarded, target};
use reference_impl::edge::provider_proxy::route::{Route, classify};
use reference_impl::identity::bearer::presented;
use reference_impl::identity::key::{Caller, Grant, KeyRecord, authenticate};
use reference_impl::store::database::{BindingRow, ConnectionRow, Database as _, Profile};
use reference_impl::store::money::Micros;
use reference_impl::store::vault::{Field, MasterKey};
use reference_impl::store::wallet::{NewHold, Settlement};
use reference_impl::{
    Adapter, AppId, Clock, ConnectionId, CookieKey, EdgeConfig, Entropy, FaultSet, KeyId, Network, NewApp,
    NewConnection, NewKey, Platform, PlatformConfig, TenantId,
};
use tokio::runtime::Runtime;

const NOW_S: i64 = 1_790_000_000;
/// After how many settlements a new ledger is begun: lines are never removed.
const LEDGER: u64 = 10_000;
const CREDENTIAL: &str = "sk-upstream-0123456789abcdefghijklmnopqrstuvwxyz";

fn main() -> ExitCode {
    if FaultSet::COMPILED_IN {
        eprintln!(
            "edge: this build of the reference can have planted faults, and its figures would not be those of a build \
             for use; run `cargo bench -p isolation-benches` alone, not with the whole workspace"
        );
        return ExitCode::FAILURE;
    }
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    decisions(&mut criterion, &runtime);
    parts(&mut criterion);
    vault(&mut criterion, &runtime);
    wallet(&mut criterion, &runtime);
    criterion.final_summary();
    ExitCode::SUCCESS
}

/// All that is decided of a request once its key's record, its bindings and its connection are at hand.
fn decisions(criterion: &mut Criterion, runtime: &Runtime) {
    let bench = runtime.block_on(Bench::new());
    let foreign = runtime.block_on(Bench::new_tenant("T-other", "cn-other"));
    let mut group = criterion.benchmark_group("provider decide");
    type Expected = fn(&Result<Profile, Refusal>) -> bool;
    let cases: [(&str, &str, &ConnectionRow, Option<&str>, Expected); 5] = [
        ("served", "/v1/chat/completions", &bench.connection, None, |got| got.is_ok()),
        ("named", "/v1/chat/completions", &bench.connection, Some("cn-1"), |got| got.is_ok()),
        ("another's connection", "/v1/chat/completions", &foreign.connection, None, |got| {
            matches!(got, Err(Refusal::BindingMissing))
        }),
        ("unbound name", "/v1/chat/completions", &bench.connection, Some("cn-other"), |got| {
            matches!(got, Err(Refusal::BindingMissing))
        }),
        ("bad path", "/v1/chat/%2e%2e/keys", &bench.connection, None, |got| matches!(got, Err(Refusal::BadRequest))),
    ];
    for (name, path, row, names, expected) in cases {
        let headers = bench.headers(names);
        let uri: Uri = path.parse().expect("a path");
        let head = Head {
            method: &Method::POST,
            uri: &uri,
            version: Version::HTTP_11,
            headers: &headers,
            server_name: ServerName::Missing,
        };
        let decided = || bench.decided(black_box(&head), row);
        // What was measured must be what the name says.
        assert!(expected(&decided()), "{name}: {:?}", decided());
        group.bench_function(name, |bencher| bencher.iter(|| black_box(decided())));
    }
    group.finish();
}

/// What is written to the upstream, and what is read of its answer.
fn parts(criterion: &mut Criterion) {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("authorization", "Bearer vendo_sk_0123456789"),
        ("content-type", "application/json"),
        ("user-agent", "OpenAI/JS 6.1.0"),
        ("accept", "application/json"),
        ("x-vendo-connection", "cn-1"),
        ("x-stainless-lang", "js"),
    ] {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    criterion.bench_function("provider headers/strip and inject", |bencher| {
        bencher.iter_batched_ref(
            || headers.clone(),
            |headers| {
                let injection = Injection::new(Adapter::Openai, CREDENTIAL, None).expect("it can be written");
                forwarded(headers, injection, FaultSet::none());
                black_box(target(Adapter::Openai, "/v1/chat/completions", None, CREDENTIAL));
            },
            BatchSize::SmallInput,
        );
    });
    // An event of a stream, as it passes.
    let event = "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"delta\":{\"content\":\" a few words\"}}]}\n\n".repeat(12);
    let mut redactor = Redactor::new(Secret::new(CREDENTIAL.as_bytes()), FaultSet::none());
    let piece = bytes::Bytes::from(event);
    let mut group = criterion.benchmark_group("provider answer");
    group.throughput(criterion::Throughput::Bytes(u64::try_from(piece.len()).unwrap_or(0)));
    group.bench_function("redaction of a piece", |bencher| {
        bencher.iter(|| black_box(redactor.push(black_box(piece.clone()))));
    });
    group.finish();
}

/// A stored credential, opened as it is for every request.
fn vault(criterion: &mut Criterion, runtime: &Runtime) {
    let bench = runtime.block_on(Bench::new());
    let vault = bench.platform.control().vault().expect("the platform has a vault");
    let row = &bench.connection;
    let field = Field::of_connection(row, "credential");
    let envelope = row.credential.as_ref().expect("it is stored");
    let opened = vault.open(&field, envelope).expect("it opens");
    assert_eq!(opened.as_slice(), CREDENTIAL.as_bytes());
    let mut group = criterion.benchmark_group("vault");
    group.bench_function("open", |bencher| bencher.iter(|| black_box(vault.open(black_box(&field), envelope))));
    group.bench_function("seal", |bencher| {
        bencher.iter(|| black_box(vault.seal(black_box(&field), CREDENTIAL.as_bytes())));
    });
    let mut other = field;
    other.version += 1;
    assert!(vault.open(&other, envelope).is_err());
    group.bench_function("refuse", |bencher| bencher.iter(|| black_box(vault.open(black_box(&other), envelope))));
    group.finish();
}

/// What a metered request does to its wallet.
fn wallet(criterion: &mut Criterion, runtime: &Runtime) {
    criterion.bench_function("wallet/hold and settle", |bencher| {
        bencher.iter_custom(|wanted| {
            let (mut spent, mut left) = (Duration::ZERO, wanted);
            while left > 0 {
                let turn = left.min(LEDGER);
                left -= turn;
                spent += runtime.block_on(settlements(turn));
            }
            spent
        });
    });
}

async fn settlements(count: u64) -> Duration {
    let bench = Bench::new().await;
    let database = bench.platform.control().database();
    let scope = bench.caller.scope();
    let balance = database.balance(scope).await.expect("a balance");
    let began = Instant::now();
    for _ in 0..count {
        let new = NewHold {
            amount: 500,
            key: bench.caller.key().clone(),
            app: Some(bench.app.clone()),
            connection: bench.connection.id.clone(),
            provider: "openai",
            model: Some("gpt-5".to_owned()),
            at_s: NOW_S,
        };
        let held = database.hold(scope, new).await.expect("the balance covers it");
        let cost = Micros::new(120).expect("in range");
        let settled = database.settle(scope, &held.id, Settlement { cost, once_for: None, at_s: NOW_S }).await;
        black_box(settled.expect("it stands"));
    }
    let spent = began.elapsed();
    assert_eq!(database.balance(scope).await.expect("a balance"), balance - count * 120);
    spent
}

/// A tenant with an app, a connection that it is bound to, and a key.
struct Bench {
    platform: Platform,
    app: AppId,
    bearer: HeaderValue,
    record: KeyRecord,
    caller: Caller,
    bindings: Vec<BindingRow>,
    connection: ConnectionRow,
}

impl Bench {
    async fn new() -> Self {
        Self::new_tenant("T-acme", "cn-1").await
    }

    async fn new_tenant(tenant: &str, connection: &str) -> Self {
        let platform = platform();
        let control = platform.control();
        let tenant: TenantId = tenant.parse().expect("an id");
        control.create_tenant(tenant.clone(), "acme".parse().expect("a slug")).expect("a tenant");
        let workspace: Workspace = control.workspace(&tenant).expect("the tenant is there");
        let app: AppId = "ap-1".parse().expect("an id");
        let new = NewApp {
            id: app.clone(),
            deployment: None,
            webhook_secret: None,
            daily_cap_micros: None,
            monthly_cap_micros: None,
        };
        workspace.create_app(new).await.expect("an app");
        let id: ConnectionId = connection.parse().expect("an id");
        let new = NewConnection {
            id: id.clone(),
            external_id: "openai-main".parse().expect("an id"),
            provider: "openai".parse().expect("a provider"),
            profile: Profile::ByokStatic,
            user_id: None,
            account: None,
            credential: Some(CREDENTIAL.to_owned().into()),
            refresh_token: None,
            webhook_secret: None,
        };
        workspace.connect(new).await.expect("a connection");
        workspace.bind(&app, &id, None).await.expect("a binding");
        workspace.top_up(1_000_000_000, "in_1").await.expect("money");
        let key: KeyId = "key-1".parse().expect("an id");
        let new = NewKey {
            id: key,
            grant: Grant::App(app.clone()),
            expires_at_s: None,
            daily_cap_micros: Some(500_000_000),
            monthly_cap_micros: Some(900_000_000),
        };
        let issued = workspace.issue_key(new).await.expect("a key");
        let bearer = HeaderValue::from_str(&format!("Bearer {}", issued.plaintext.as_str())).expect("a value");
        let mut headers = HeaderMap::new();
        headers.append("authorization", bearer.clone());
        let own = presented(&headers).expect("a key");
        let record = control.key_lookup().find(own).await.expect("the store answers").expect("the key is there");
        let caller = authenticate(&record, NOW_S).expect("the key is good");
        let database = control.database();
        let bindings = database.bindings(caller.scope(), &app, "openai").await.expect("the store answers");
        let row = database.connection(caller.scope(), &id).await.expect("the store answers").expect("it is there");
        Self { platform, app, bearer, record, caller, bindings, connection: row }
    }

    /// The fields that a provider's own client sends.
    fn headers(&self, connection: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.append("authorization", self.bearer.clone());
        for (name, value) in [
            ("host", "openai-proxy.vendo.run"),
            ("accept", "application/json"),
            ("content-type", "application/json"),
            ("user-agent", "OpenAI/JS 6.1.0"),
            ("x-stainless-lang", "js"),
            ("content-length", "412"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if let Some(connection) = connection {
            headers.append("x-vendo-connection", HeaderValue::from_str(connection).expect("a value"));
        }
        headers
    }

    fn decided(&self, head: &Head<'_>, row: &ConnectionRow) -> Result<Profile, Refusal> {
        let mut inspection = Inspection::new(FaultSet::none());
        let Screened::Request(adapter, path) = screen(Some(Adapter::Openai), head, &mut inspection)? else {
            return Err(Refusal::NotFound);
        };
        let bearer = presented(head.headers).map_err(|_| Refusal::BadRequest)?;
        black_box(bearer.digest());
        let caller = authenticate(&self.record, NOW_S).map_err(|_| Refusal::NotFound)?;
        match classify(adapter, head.method, &path) {
            Some(Route::Metered(_)) => {}
            Some(_) | None => return Err(Refusal::NotFound),
        }
        let chosen = choose(caller.grant(), &self.bindings, head.headers, &mut inspection)?;
        black_box(chosen);
        let provider = self.connection.provider.as_str();
        check(Facts::of_row(row), (caller.scope().tenant(), caller.grant()), adapter, provider, &mut inspection)
    }
}

fn platform() -> Platform {
    let keys = vec![CookieKey { kid: "k1".to_owned(), secret: vec![7; 32] }];
    let edge = EdgeConfig { master_key: Some(MasterKey::new([7; 32])), ..EdgeConfig::default() };
    let config = PlatformConfig::new(Clock::manual(NOW_S * 1000), Entropy::seeded(7), keys, Network::in_memory());
    Platform::start(PlatformConfig { edge, ..config }).expect("a platform")
}
