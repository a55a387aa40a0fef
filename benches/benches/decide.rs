//! Cost of the app-proxy's decision, and of its parts: host, cookie, header. All of it is pure; reading the namespace
//! and the connections are not in it.
//!
//! `cargo bench -p isolation-benches --bench decide`. A build with planted faults is refused: its figures would be
//! those of a build that nobody runs.

#![expect(clippy::expect_used, reason = "a benchmark that can't be set up has nothing to measure")]

use std::hint::black_box;
use std::process::ExitCode;

use criterion::{BatchSize, Criterion};
use http::header::{ACCEPT, COOKIE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use isolation_model::action::cookie::Token;
use isolation_model::choose::Seeded;
use isolation_model::token;
use isolation_model::world::{Profile as Bounds, World};
use reference_impl::edge::app_proxy::{
    Decision, Head, Inspection, Refusal, Route, ServerName, decide, request_headers, route,
};
use reference_impl::identity::{CookieKeys, verify};
use reference_impl::store::kv::DeployEntry;
use reference_impl::{CookieKey, FaultSet, Status, host};

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
    let world = world();
    let keys = keys(&world);
    let other = world.deployments.iter().position(|other| other.tenant != world.deployment(0).tenant);
    let other = u8::try_from(other.expect("two tenants")).expect("few deployments");
    let entry = entry(&world.tenant(world.deployment(0).tenant).id);
    let (own, foreign) = (token_of_owner(&world, 0), token_of_owner(&world, other));
    let forged = forged(&own);
    let mut group = criterion.benchmark_group("decide");
    type Expected = fn(&Result<Decision<'_>, Refusal>) -> bool;
    type Case<'a> = (&'a str, &'a str, Option<&'a str>, Option<&'a DeployEntry>, Expected);
    let cases: [Case<'_>; 6] = [
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
        let decided = || decided(&head, entry, &keys, world.start_s);
        // What was measured must be what the name says.
        assert!(expected(&decided()), "{name}: {:?}", decided());
        group.bench_function(name, |bencher| bencher.iter(|| black_box(decided())));
    }
    group.finish();
}

fn parts(criterion: &mut Criterion) {
    let world = world();
    let keys = keys(&world);
    let own = token_of_owner(&world, 0);
    criterion.bench_function("host/normalise", |bencher| {
        bencher.iter(|| black_box(host::normalise(black_box(b"ACME-crm.Vendo.run.:443"))));
    });
    criterion.bench_function("cookie/verify", |bencher| {
        bencher.iter(|| black_box(verify(&keys, black_box(own.as_bytes()), world.start_s)));
    });
    let session = verify(&keys, own.as_bytes(), world.start_s).expect("the token is minted");
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

fn decided<'a>(
    head: &Head<'a>,
    entry: Option<&DeployEntry>,
    keys: &CookieKeys,
    now_s: i64,
) -> Result<Decision<'a>, Refusal> {
    let mut inspection = Inspection::new(FaultSet::none());
    let route: Route = route(black_box(head), &mut inspection)?;
    Ok(decide(head, &route, entry, keys, now_s, &mut inspection))
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

fn world() -> World {
    World::generate(&mut Seeded::new(1), Bounds::default())
}

fn keys(world: &World) -> CookieKeys {
    let keys = world.cookie_keys.iter().map(|key| CookieKey { kid: key.kid.clone(), secret: key.secret.to_vec() });
    CookieKeys::new(&keys.collect::<Vec<_>>()).expect("the keys are good")
}

/// A good token of the owner of a deployment's tenant.
fn token_of_owner(world: &World, deployment: u8) -> String {
    let token = token::text(world, Token::valid(world.owner_of(deployment)), world.start_s);
    String::from_utf8(token).expect("a token is ASCII")
}

/// The token with another signature.
fn forged(token: &str) -> String {
    let (body, _) = token.rsplit_once('.').expect("three segments");
    format!("{body}.{}", "A".repeat(43))
}
