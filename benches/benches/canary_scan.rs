//! Cost of the canary scan: bytes per second over kinds of bodies, with 10, 1 000 and 100 000 canaries. The cost must
//! not grow with the number of canaries, and not fall below 60 MB/s with all decoders at work.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use isolation_model::canary::CanaryRegistry;

const LEN: usize = 16 * 1024;

/// A small generator of its own, so that bodies are the same on every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(usize::try_from(self.next()).unwrap_or(0) % from.len())
    }
}

/// Repeats a generator of pieces up to the length.
fn fill(mut piece: impl FnMut(&mut Noise) -> Vec<u8>) -> Vec<u8> {
    let mut noise = Noise(42);
    let mut out = Vec::with_capacity(LEN * 2);
    while out.len() < LEN {
        out.extend(piece(&mut noise));
    }
    out.truncate(LEN);
    out
}

const WORDS: [&str; 16] = [
    "the", "tenant", "of", "a", "page", "shows", "only", "what", "it", "owns", "and", "nothing", "else", "ever", "was",
    "told",
];

fn bodies() -> [(&'static str, Vec<u8>); 7] {
    let word = |noise: &mut Noise| noise.pick(&WORDS).copied().unwrap_or("");
    let over = |alphabet: &'static [u8]| move |noise: &mut Noise| noise.pick(alphabet).copied().into_iter().collect();
    [
        ("prose", fill(|noise| format!("{} ", word(noise)).into_bytes())),
        (
            "html",
            fill(|noise| {
                let (a, b, c, n) = (word(noise), word(noise), word(noise), noise.next());
                format!(
                    "<li class=\"mt-4 text-sm font-medium\"><a href=\"/{a}/{b}?id={n}\">{a} {b} &amp; {c}</a> {c} {b}</li>\n"
                )
                .into_bytes()
            }),
        ),
        (
            "json",
            fill(|noise| {
                let (a, b, n, m) = (word(noise), word(noise), noise.next(), noise.next());
                format!("{{\"id\":\"{n:08x}-{m:08x}\",\"{a}\":\"{b} {a}\",\"count\":{m},\"note\":\"\\u00e9 {b}\\n\"}},")
                    .into_bytes()
            }),
        ),
        (
            "escapes",
            fill(|noise| {
                format!("%{:02X}&#{};\\u00{:02x}", noise.next() % 256, noise.next() % 128, noise.next() % 128)
                    .into_bytes()
            }),
        ),
        ("base64", fill(over(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))),
        ("hex", fill(over(b"0123456789abcdef"))),
        ("binary", fill(|noise| noise.next().to_le_bytes().into_iter().take(3).collect())),
    ]
}

fn scan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("canary_scan");
    group.throughput(Throughput::Bytes(LEN as u64));
    let bodies = bodies();
    for canaries in [10, 1_000, 100_000] {
        let mut registry = CanaryRegistry::new([1; 32], "bench");
        for tenant in 0..canaries {
            registry.mint(&format!("tenant-{tenant}"), "page", 0);
        }
        let scanner = registry.scanner();
        for (name, body) in &bodies {
            group.bench_with_input(BenchmarkId::new(*name, canaries), body, |bencher, body| {
                bencher.iter(|| black_box(scanner.scan(black_box(body))));
            });
        }
    }
    group.finish();
}

fn build(criterion: &mut Criterion) {
    let mut registry = CanaryRegistry::new([1; 32], "bench");
    for tenant in 0..1_000 {
        registry.mint(&format!("tenant-{tenant}"), "page", 0);
    }
    criterion.bench_function("canary_index_build/1000", |bencher| bencher.iter(|| black_box(registry.scanner())));
}

criterion_group!(benches, scan, build);
criterion_main!(benches);
