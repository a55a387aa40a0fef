//! Cost of the harness against the reference in process: setting a world up, one request sent and judged, and whole
//! random cases.
//!
//! `cargo bench -p isolation-benches --bench engine_step`. A build with planted faults is refused: its figures would be
//! those of a build that nobody runs.

#![expect(clippy::expect_used, reason = "a benchmark that can't be set up has nothing to measure")]

use std::hint::black_box;
use std::process::ExitCode;

use criterion::{Criterion, Throughput};
use isolation_harness::campaign::{Case, CaseKind, Profile};
use isolation_harness::engine::run_case;
use isolation_harness::target::reference::{Link, Reference};
use isolation_harness::target::{Session as _, Target as _};
use isolation_model::action::cookie::CookieJar;
use isolation_model::action::{Action, Request, Transport};
use isolation_model::choose::Seeded;
use isolation_model::oracle::judge::Judge;
use isolation_model::state::State;
use isolation_model::world::World;
use reference_impl::FaultSet;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    if FaultSet::COMPILED_IN {
        eprintln!(
            "engine_step: this build of the reference can have planted faults, and its figures would not be those of a \
             build for use; run `cargo bench -p isolation-benches` alone, not with the whole workspace"
        );
        return ExitCode::FAILURE;
    }
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    provision(&mut criterion, &runtime);
    steps(&mut criterion, &runtime);
    cases(&mut criterion, &runtime);
    criterion.final_summary();
    ExitCode::SUCCESS
}

fn world() -> World {
    Case { seed: 1, number: 0, kind: CaseKind::Random }.world().0
}

/// A world set up in a fresh platform.
fn provision(criterion: &mut Criterion, runtime: &Runtime) {
    let (target, world) = (Reference::new(Link::InProcess), world());
    criterion.bench_function("engine/provision a world", |bencher| {
        bencher.iter(|| drop(runtime.block_on(target.provision(&world)).expect("a world")));
    });
}

/// One request in a world that is set up: sent, observed, judged.
fn steps(criterion: &mut Criterion, runtime: &Runtime) {
    let (target, world) = (Reference::new(Link::InProcess), world());
    let (own, foreign) = (world.owner_of(0), world.foreign_member(&mut Seeded::new(1), 0));
    let with = |transport, cookies| Request { transport, cookies, sender: own, reuse: true, ..Request::plain(0) };
    let cases = [
        ("own cookie", with(Transport::Http1, CookieJar::valid(own))),
        ("foreign cookie", with(Transport::Http1, CookieJar::valid(foreign))),
        ("no cookie", with(Transport::Http1, CookieJar::empty())),
        ("own cookie, HTTP/2", with(Transport::Http2, CookieJar::valid(own))),
        ("own cookie, TLS", with(Transport::Http1Tls, CookieJar::valid(own))),
        (
            "own cookie, TLS, its own connection",
            Request { reuse: false, ..with(Transport::Http1Tls, CookieJar::valid(own)) },
        ),
    ];
    let mut group = criterion.benchmark_group("engine/step");
    for (name, request) in cases {
        let action = Action::Request(request.canonical());
        let state = State::new(&world);
        let mut judge = Judge::new(&world);
        let mut session = runtime.block_on(target.provision(&world)).expect("a world");
        let mut step = || {
            let performed = runtime.block_on(session.perform(&state, &action, false)).expect("a request");
            judge.judge(&state, &action, &performed.observation, performed.reused_sni.as_ref()).0
        };
        // What was measured must be what is right.
        let judgement = step();
        assert!(judgement.is_clean(), "{name}: {judgement:?}");
        group.bench_function(name, |bencher| bencher.iter(|| black_box(step())));
    }
    group.finish();
}

/// Whole cases of the quick profile: a world, random steps, positive twins.
fn cases(criterion: &mut Criterion, runtime: &Runtime) {
    let target = Reference::new(Link::InProcess);
    let cases: Vec<_> =
        (0..4).map(|number| Case { seed: 1, number, kind: CaseKind::Random }.steps(Profile::Quick.budget())).collect();
    let run = || -> u64 {
        cases
            .iter()
            .map(|(world, steps)| runtime.block_on(run_case(&target, world, steps)).expect("a case").requests)
            .sum()
    };
    let mut group = criterion.benchmark_group("engine/case");
    group.sample_size(10).throughput(Throughput::Elements(run()));
    group.bench_function("4 random cases, by requests", |bencher| bencher.iter(|| black_box(run())));
    group.finish();
}
