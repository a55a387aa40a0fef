//! Cost of the app-proxy's decision, and of its parts: host, cookie, header. All of it is pure; reading the namespace
//! and the connections are not in it.
//!
//! `cargo bench -p isolation-benches --bench decide`. A build with planted faults is refused: its figures would be
//! those of a build that nobody runs.

#![expect(clippy::expect_used, reason = "a benchmark that can't be set up has nothing to measure")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use http::header::{ACCEPT, COOKIE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use reference_impl::edge::app_proxy::{
    Decision, Head, Inspection, Refusal, Route, ServerName, decide, request_headers, route,
};
use reference_impl::identity::{CookieKeys, verify};
use reference_impl::store::kv::DeployEntry;
use reference_impl::{
    Clock, CookieKey, Entropy, FaultSet, Limits, Member, Network, Platform, PlatformConfig, Role, Status, TenantId,
    host,
};

const NOW_S: i64 = 1_800_000_000;
const HOST_NAME: &str = "acme-crm.vendo.run";

fn main() -> ExitCode {
    if FaultSet::COMPILED_IN {
        eprintln!(
            "decide: this build of the reference can have planted faults, and its figures would not be those of a build \
             for use; run `cargo bench -p isolation-benches` alone, not with the whole workspace"
        );
        return ExitCode::FAILURE;
    }
    let mut criterion = Criterion::default().configure_from_args();
    decisions(&mut criterion);
    parts(&mut criterion);
    criterion.final_summary();
    ExitCode::SUCCESS
}

/// Route and decision of whole requests.
fn decisions(criterion: &mut Criterion) {
    let keys = keys();
    let entry = entry("tnAcme");
    let (own, foreign) = (token("tnAcme"), token("tnGlobex"));
    let forged = forged(&own);
    let mut group = criterion.benchmark_group("decide");
    type Expected = fn(&Result<Decision<'_>, Refusal>) -> bool;
    let cases: [(&str, &str, Option<&str>, Option<&DeployEntry>, Expected); 6] = [
        ("own cookie", HOST_NAME, Some(&own), Some(&entry), |got| matches!(got, Ok(Decision::Forward(_)))),
        ("foreign cookie", HOST_NAME, Some(&foreign), Some(&entry), |got| {
            matches!(got, Ok(Decision::Refuse(Refusal::Forbidden)))
        }),
        ("no cookie", HOST_NAME, None, Some(&entry), |got| matches!(got, Ok(Decision::SignIn(_)))),
        ("bad signature", HOST_NAME, Some(&forged), Some(&entry), |got| matches!(got, Ok(Decision::SignIn(_)))),
        ("no entry", "acme-none.vendo.run", Some(&own), None, |got| {
            matches!(got, Ok(Decision::Refuse(Refusal::NotFound)))
        }),
        ("host of no deployment", "www.vendo.run", Some(&own), None, |got| matches!(got, Err(Refusal::NotFound))),
    ];
    for (name, host, token, entry, expected) in cases {
        let headers = headers(host, token);
        let uri = Uri::from_static("/reports/2026?page=2");
        let head = head(&uri, &headers, host);
        let decided = || decided(&head, entry, &keys);
        // What was measured must be what the name says.
        assert!(expected(&decided()), "{name}: {:?}", decided());
        group.bench_function(name, |bencher| bencher.iter(|| black_box(decided())));
    }
    group.finish();
}

fn parts(criterion: &mut Criterion) {
    let keys = keys();
    let own = token("tnAcme");
    criterion.bench_function("host/normalise", |bencher| {
        bencher.iter(|| black_box(host::normalise(black_box(b"ACME-crm.Vendo.run.:443"))));
    });
    criterion.bench_function("cookie/verify", |bencher| {
        bencher.iter(|| black_box(verify(&keys, black_box(own.as_bytes()), NOW_S)));
    });
    let session = verify(&keys, own.as_bytes(), NOW_S).expect("the token is minted");
    let headers = headers(HOST_NAME, Some(&own));
    let target = HeaderValue::from_static("10.0.0.1:8080");
    criterion.bench_function("headers/strip and inject", |bencher| {
        bencher.iter_batched_ref(
            || headers.clone(),
            |headers| request_headers::forwarded(headers, Some(&session), &target, false, FaultSet::none()),
            BatchSize::SmallInput,
        );
    });
}

fn decided<'a>(head: &Head<'a>, entry: Option<&DeployEntry>, keys: &CookieKeys) -> Result<Decision<'a>, Refusal> {
    let mut inspection = Inspection::new(FaultSet::none());
    let route: Route = route(black_box(head), &mut inspection)?;
    Ok(decide(head, &route, entry, keys, NOW_S, &mut inspection))
}

fn head<'a>(uri: &'a Uri, headers: &'a HeaderMap, host: &'a str) -> Head<'a> {
    Head { method: &Method::GET, uri, version: Version::HTTP_11, headers, server_name: ServerName::Named(host) }
}

/// The fields that a browser sends, and a session.
fn headers(host: &str, token: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut add = |name: HeaderName, value: &str| {
        headers.append(name, HeaderValue::from_str(value).expect("a field's value"));
    };
    add(HOST, host);
    add(ACCEPT, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
    add(http::header::USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
    add(http::header::ACCEPT_LANGUAGE, "en-US,en;q=0.5");
    add(http::header::ACCEPT_ENCODING, "gzip, deflate, br, zstd");
    add(http::header::CONNECTION, "keep-alive");
    add(HeaderName::from_static("x-vendo-tenant-id"), "tnGlobex");
    add(HeaderName::from_static("x-forwarded-for"), "192.0.2.1");
    if let Some(token) = token {
        add(COOKIE, &format!("theme=dark; vendoAuth={token}; locale=en"));
    }
    headers
}

fn entry(tenant_id: &str) -> DeployEntry {
    DeployEntry {
        target: "10.0.0.1:8080".to_owned(),
        vendo_auth: true,
        tenant_id: tenant_id.to_owned(),
        deployment_id: "dep_1".to_owned(),
        status: Status::Running,
    }
}

fn cookie_keys() -> Vec<CookieKey> {
    vec![CookieKey { kid: "k1".to_owned(), secret: vec![0x11; 32] }]
}

fn keys() -> CookieKeys {
    CookieKeys::new(&cookie_keys()).expect("one good key")
}

/// A token as the control plane mints it.
fn token(tenant: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let platform = Platform::start(PlatformConfig {
            clock: Clock::manual(NOW_S * 1000),
            entropy: Entropy::seeded(1),
            cookie_keys: cookie_keys(),
            kv_staleness: Duration::ZERO,
            network: Network::in_memory(),
            tls: None,
            observer: None,
            limits: Limits::default(),
        })
        .expect("a platform in memory");
        let member = Member {
            user_id: "usr_01hzx3".to_owned(),
            email: "ada@mail.example".to_owned(),
            name: "Ada Lovelace".to_owned(),
            tenant: TenantId::parse(tenant).expect("a tenant id"),
            role: Role::Owner,
        };
        platform.control().mint_cookie(&member, Duration::from_secs(900))
    })
}

/// The token with another signature.
fn forged(token: &str) -> String {
    let (body, _) = token.rsplit_once('.').expect("three segments");
    format!("{body}.{}", "A".repeat(43))
}
