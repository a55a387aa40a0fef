//! The scanner's self-test: what can't find an injected canary can't say that nothing leaked.

use serde::Serialize;

use super::finding::Scan;
use super::index::WINDOW;
use super::registry::{CanaryId, CanaryRegistry};
use super::scanner::Scanner;
use super::technique::{Body, Technique};

/// The result of [`self_test`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[must_use]
pub struct SelfTest {
    /// How many canaries and fragments were injected.
    pub injected: usize,
    /// How many of them were found in full, and attributed to their owner alone.
    pub found: usize,
    /// Those that were not.
    pub missed: Vec<Missed>,
    /// How many carriers without a canary were scanned.
    pub clean: usize,
    /// Findings, or things not looked at, where there was nothing to find.
    pub false_alarms: Vec<String>,
    /// Canaries that can't be attributed: see [`Scanner::blind`].
    pub blind: Vec<CanaryId>,
}

impl SelfTest {
    /// Whether the scanner can be relied on: everything was found, nothing else was, and something was injected at all.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.injected > 0
            && self.found == self.injected
            && self.missed.is_empty()
            && self.false_alarms.is_empty()
            && self.blind.is_empty()
    }
}

/// An injection that the scanner did not find.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Missed {
    /// The canary that was injected.
    pub canary: CanaryId,
    /// Where the injected fragment starts in the canary.
    pub fragment_start: usize,
    /// Its length in bytes.
    pub fragment_len: usize,
    /// How it was written, outermost first.
    pub technique: String,
    /// What it was put into.
    pub carrier: String,
    /// Size of the chunks that were fed, in bytes.
    pub chunk_len: usize,
    /// What the scan gave instead.
    pub got: String,
}

/// Injects canaries of the registry into realistic carriers and looks whether the scanner finds them: every encoding
/// with every carrier, chunking and kind of fragment; every encoding in every other; every content coding. At most
/// `sample` canaries are taken, evenly spaced over the registry.
///
/// It is deterministic, and takes about 5 500 small scans per canary.
pub fn self_test(scanner: &Scanner, registry: &CanaryRegistry, sample: usize) -> SelfTest {
    let mut result = SelfTest { blind: scanner.blind(), ..SelfTest::default() };
    let step = registry.len().div_ceil(sample.max(1)).max(1);
    for (canary, _) in registry.labels().take_while(|_| sample > 0).step_by(step) {
        let run = Run { scanner, secret: registry.secret(canary), canary };
        run.single(&mut result);
        run.nested(&mut result);
        run.bodies(&mut result);
    }
    controls(scanner, &mut result);
    result
}

const CHUNKS: [usize; 4] = [usize::MAX, 1, 7, 64];

struct Run<'t> {
    scanner: &'t Scanner,
    secret: &'t [u8],
    canary: CanaryId,
}

#[derive(Clone, Copy)]
struct Fragment {
    start: usize,
    len: usize,
}

impl Run<'_> {
    fn single(&self, result: &mut SelfTest) {
        for technique in Technique::ALL {
            for fragment in self.fragments(technique.folds_case()) {
                let written = technique.write(self.cut(fragment));
                for carrier in Carrier::ALL {
                    for chunk_len in CHUNKS {
                        let name = || format!("{technique:?}");
                        self.inject(fragment, &name, carrier, chunk_len, &carrier.around(&written), "", result);
                    }
                }
            }
        }
    }

    fn nested(&self, result: &mut SelfTest) {
        // Carriers and chunkings take turns: they are tried in full with the single encodings.
        let mut turns = Carrier::ALL.into_iter().cycle().zip(CHUNKS.into_iter().chain([3]).cycle());
        for outer in Technique::ALL {
            for inner in Technique::ALL.into_iter().filter(|inner| inner.nests_in(outer)) {
                let folds = inner.folds_case() || outer.folds_case();
                for fragment in self.fragments(folds) {
                    let Some((carrier, chunk_len)) = turns.next() else {
                        return;
                    };
                    let written = outer.write(&inner.write(self.cut(fragment)));
                    let name = || format!("{outer:?} > {inner:?}");
                    self.inject(fragment, &name, carrier, chunk_len, &carrier.around(&written), "", result);
                }
            }
        }
    }

    fn bodies(&self, result: &mut SelfTest) {
        let mut turns = Carrier::ALL.into_iter().cycle().zip(CHUNKS.into_iter().chain([3]).cycle());
        for body in Body::ALL {
            for technique in Technique::ALL {
                for fragment in self.fragments(technique.folds_case()) {
                    let Some((carrier, chunk_len)) = turns.next() else {
                        return;
                    };
                    let bytes = body.write(&carrier.around(&technique.write(self.cut(fragment))));
                    let name = || format!("{body:?} > {technique:?}");
                    self.inject(fragment, &name, carrier, chunk_len, &bytes, body.content_encoding(), result);
                }
            }
        }
    }

    /// All of it, and the first, middle and last fragments that are evidence of this canary.
    fn fragments(&self, folded: bool) -> Vec<Fragment> {
        let all = Fragment { start: 0, len: self.secret.len() };
        let clear = |f: &Fragment| self.scanner.index().is_clear(self.canary, f.start, f.len, folded);
        let of_len = |len: usize| {
            let last = (self.secret.len() + 1).saturating_sub(len);
            (0..last).map(move |start| Fragment { start, len })
        };
        // Unless case is ignored, all of it is injected even if it is no evidence: that is a miss to be reported.
        let whole = Some(all).filter(|all| !folded || clear(all));
        let short = || of_len(WINDOW).filter(clear);
        let middle = of_len(WINDOW + 3).skip(self.secret.len() / 3).find(clear);
        let mut fragments: Vec<Fragment> =
            [whole, short().next(), middle, short().next_back()].into_iter().flatten().collect();
        fragments.dedup_by_key(|fragment| (fragment.start, fragment.len));
        fragments
    }

    fn cut(&self, fragment: Fragment) -> &[u8] {
        self.secret.get(fragment.start..fragment.start + fragment.len).unwrap_or(&[])
    }

    #[expect(clippy::too_many_arguments, reason = "one call describes one injection")]
    fn inject(
        &self,
        fragment: Fragment,
        technique: &dyn Fn() -> String,
        carrier: Carrier,
        chunk_len: usize,
        bytes: &[u8],
        content_encoding: &str,
        result: &mut SelfTest,
    ) {
        result.injected += 1;
        let scan = scan_chunks(self.scanner, bytes, chunk_len, content_encoding);
        let found = scan.findings.iter().any(|f| f.canary == self.canary && f.matched_len >= fragment.len);
        let stray = scan.findings.iter().any(|f| f.canary != self.canary);
        if found && !stray && scan.incomplete.is_empty() {
            result.found += 1;
            return;
        }
        result.missed.push(Missed {
            canary: self.canary,
            fragment_start: fragment.start,
            fragment_len: fragment.len,
            technique: technique(),
            carrier: format!("{carrier:?}"),
            chunk_len,
            got: format!("{scan:?}"),
        });
    }
}

/// Carriers with nothing in them, or with a text that looks like a canary and is none.
fn controls(scanner: &Scanner, result: &mut SelfTest) {
    const DECOY: &[u8] = b"Zq7Zq7Not0A0Canary0Of0Any0Run9Xk";
    for carrier in Carrier::ALL {
        let decoys = Technique::ALL.map(|technique| technique.write(DECOY));
        for payload in decoys.iter().map(Vec::as_slice).chain([&b""[..]]) {
            let bytes = carrier.around(payload);
            let mut check = |bytes: &[u8], coding: &str| {
                result.clean += 1;
                let scan = scan_chunks(scanner, bytes, 7, coding);
                if !scan.is_clean() {
                    result.false_alarms.push(format!("{carrier:?} {coding}: {scan:?}"));
                }
            };
            check(&bytes, "");
            Body::ALL.iter().for_each(|body| check(&body.write(&bytes), body.content_encoding()));
        }
    }
}

fn scan_chunks(scanner: &Scanner, bytes: &[u8], chunk_len: usize, content_encoding: &str) -> Scan {
    let mut stream = scanner.stream_encoded(content_encoding);
    bytes.chunks(chunk_len.max(1)).for_each(|chunk| stream.feed(chunk));
    stream.finish()
}

/// What surrounds a canary.
#[derive(Clone, Copy, Debug)]
enum Carrier {
    /// Nothing.
    Bare,
    Header,
    Html,
    Json,
    /// A path: `/` is a character of base64, so nothing says where the text starts.
    Path,
    /// Chunks of HTTP/1.1 as they are on the wire.
    Chunked,
}

impl Carrier {
    const ALL: [Self; 6] = [Self::Bare, Self::Header, Self::Html, Self::Json, Self::Path, Self::Chunked];

    fn around(self, payload: &[u8]) -> Vec<u8> {
        let (before, after): (&[u8], &[u8]) = match self {
            Self::Bare => (b"", b""),
            Self::Header => (
                b"HTTP/1.1 302 Found\r\nlocation: https://a.example/cb?next=%2Fhome%3Fa=1\r\nset-cookie: sid=",
                b"; Path=/; HttpOnly; SameSite=Lax\r\ncontent-length: 0\r\n\r\n",
            ),
            Self::Html => (
                b"<!doctype html><html lang=\"en\"><title>Tom &amp; Jerry&#39;s</title>\n<body><p class=\"mt-4 text-sm\">",
                b"</p><img src=\"data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==\"></body>\n",
            ),
            Self::Json => (
                br#"{"ok":true,"items":[{"id":"3f2504e0-4f89-11d3-9a0c-0305e82c3301","note":"a \"b\" \\ \u00e9"},{"id":""#,
                br#""}],"sizes":[10,20,30,40,50,60,70,80,90],"next":"\/v1\/items?cursor=eyJpZCI6Mn0"}"#,
            ),
            Self::Path => (b"GET /assets/img/", b"/logo.svg HTTP/1.1\r\nhost: a.example\r\n\r\n"),
            Self::Chunked => (b"1f4\r\ndata: ", b"\n\n\r\n0\r\n\r\n"),
        };
        [before, payload, after].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_injected_is_found() {
        let mut registry = CanaryRegistry::new([3; 32], "self-test");
        let header = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJ2ZW5kbyJ9";
        for (owner, tail) in [("tenant-0", "kD93hfQ-zz_18dkQ"), ("tenant-1", "pL0smQ2-ab_77XnW")] {
            registry.adopt(owner, "token", 0, format!("{header}.{tail}").as_bytes()).unwrap();
        }
        for tenant in 0..20 {
            registry.mint(&format!("tenant-{tenant}"), "page", 0);
        }
        let scanner = registry.scanner();
        let result = self_test(&scanner, &registry, 4);
        for missed in result.missed.iter().take(20) {
            println!("{missed:?}");
        }
        println!("injected {}, found {}, clean {}", result.injected, result.found, result.clean);
        assert!(result.passed(), "{} missed, {:?}", result.missed.len(), result.false_alarms);
        assert!(result.injected > 4 * 5_000, "{}", result.injected);
    }

    #[test]
    fn it_fails_on_a_scanner_that_lacks_a_canary() {
        let mut registry = CanaryRegistry::new([3; 32], "self-test");
        registry.mint("tenant-0", "page", 0);
        let stale = registry.scanner();
        registry.mint("tenant-1", "page", 0);
        let result = self_test(&stale, &registry, 2);
        assert!(!result.passed());
        assert!(!result.missed.is_empty() && result.missed.iter().all(|missed| missed.canary.index() == 1));
    }

    #[test]
    fn it_fails_on_blind_canaries_and_on_nothing_to_inject() {
        let mut registry = CanaryRegistry::new([3; 32], "self-test");
        assert!(!self_test(&registry.scanner(), &registry, 2).passed());
        registry.adopt("tenant-0", "cookie", 0, b"shared-secret").unwrap();
        registry.adopt("tenant-1", "cookie", 0, b"shared-secret").unwrap();
        let result = self_test(&registry.scanner(), &registry, 2);
        assert_eq!((result.passed(), result.blind.len()), (false, 2));
    }
}
