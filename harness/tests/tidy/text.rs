//! What no file may say, and what the documents must.

use std::collections::BTreeSet;
use std::fs;

use isolation_harness::campaign::due;
use isolation_harness::exit_code::ExitCode;
use isolation_model::claim::register;
use reference_impl::Fault;

use crate::assert_none;
use crate::files::{self, File};

/// Hosts that a link or a request may name, but for those that can't be anybody's (`.test`, `.example`, `.invalid`).
const HOSTS: &[&str] = &[
    "vendo.run",
    "github.com",
    "json-schema.org",
    "keepachangelog.com",
    "semver.org",
    "www.apache.org",
    "localhost",
    // Where hostile input points to.
    "a.com",
    "evil.com",
];

/// Folders of one machine: a path in one of them is nobody else's.
const FOREIGN_FOLDERS: &[&str] = &["home", "root", "Users", "work", "workspace", "tmp/bash"];

/// Words that promise something, in halves so that this file doesn't say them.
const PROMISES: &[(&str, &str)] =
    &[("FIX", "ME"), ("TO", "DO:"), ("TO", "DO("), ("XX", "X:"), ("work in ", "progress")];

/// Links and addresses lead to known places: no mirror, no registry, no host of somebody's own network.
fn unknown_hosts(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    for scheme in ["http://", "https://"] {
        for rest in file.text.split(scheme).skip(1) {
            let host: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || ".-".contains(*c)).collect();
            let host = host.trim_end_matches('.');
            if !is_known(host) {
                complaints.push(format!("{}: {scheme}{host} is no place that the project knows", file.path));
            }
        }
    }
    complaints
}

fn is_known(host: &str) -> bool {
    let reserved = [".test", ".example", ".invalid", ".vendo.run"].iter().any(|end| host.ends_with(end));
    // A word without a dot is nobody's, and neither is a variable. Loopback is every machine's own.
    reserved || !host.contains('.') || host.starts_with("127.0.0.") || HOSTS.contains(&host)
}

/// Paths that exist on one machine only.
fn foreign_paths(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    for folder in FOREIGN_FOLDERS {
        let path = format!("/{folder}/");
        for (at, _) in file.text.match_indices(&path) {
            let before = file.text.get(..at).and_then(|text| text.chars().next_back());
            // In the middle of a longer path it is a folder of any name.
            if !before.is_some_and(|c| c.is_alphanumeric() || "._-}~*\\".contains(c)) {
                complaints.push(format!("{}: {path} is a folder of one machine", file.path));
            }
        }
    }
    complaints
}

fn promises(file: &File) -> Vec<String> {
    PROMISES
        .iter()
        .map(|(first, second)| format!("{first}{second}"))
        .filter(|word| file.text.contains(word))
        .map(|word| format!("{}: `{word}` promises something; do it, or leave it out", file.path))
        .collect()
}

/// Links of a document to files that don't exist.
fn broken_links(file: &File, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let folder = file.path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let mut complaints = Vec::new();
    for rest in file.text.split("](").skip(1) {
        let Some((link, _)) = rest.split_once(')') else { continue };
        let path = link.split('#').next().unwrap_or(link);
        if !path.is_empty() && !path.contains("://") && !exists(&format!("{folder}{path}")) {
            complaints.push(format!("{}: the link to {path} leads nowhere", file.path));
        }
    }
    complaints
}

/// The README names each claim that is verified, gives each exit code its row, and counts what the code counts.
fn readme(text: &str, verified: &[&str], counts: &[String], codes: &[ExitCode]) -> Vec<String> {
    let mut complaints = Vec::new();
    for count in counts.iter().filter(|count| !text.contains(count.as_str())) {
        complaints.push(format!("README.md does not say `{count}`"));
    }
    for claim in verified {
        if !text.contains(&format!("| {claim} |")) {
            complaints.push(format!("README.md has no row for {claim}, which is verified"));
        }
    }
    for code in codes {
        if !text.contains(&format!("| {} |", *code as u8)) {
            complaints.push(format!("README.md has no row for the exit code {}", *code as u8));
        }
    }
    complaints
}

/// Packages from anywhere but crates.io.
fn strange_packages(lock: &str) -> BTreeSet<String> {
    lock.lines()
        .filter_map(|line| line.strip_prefix("source = "))
        .filter(|source| *source != "\"registry+https://github.com/rust-lang/crates.io-index\"")
        .map(str::to_owned)
        .collect()
}

/// What people wrote: not what a fuzzer found, which is bytes.
fn written() -> Vec<File> {
    files::all().into_iter().filter(|file| !(file.is_under("fuzz/seeds") || file.is_under("fuzz/corpus_min"))).collect()
}

#[test]
fn addresses_lead_to_known_places() {
    assert_none(&written().iter().flat_map(unknown_hosts).collect::<Vec<_>>());
}

#[test]
fn no_path_is_one_machines_own() {
    // This file names the folders.
    let files = written().into_iter().filter(|file| file.path != "harness/tests/tidy/text.rs");
    assert_none(&files.flat_map(|file| foreign_paths(&file)).collect::<Vec<_>>());
}

#[test]
fn nothing_is_promised() {
    assert_none(&written().iter().flat_map(promises).collect::<Vec<_>>());
}

#[test]
fn links_of_documents_lead_somewhere() {
    let exists = |path: &str| files::root().join(path).exists();
    let documents = written().into_iter().filter(|file| file.path.ends_with(".md"));
    assert_none(&documents.flat_map(|file| broken_links(&file, exists)).collect::<Vec<_>>());
}

#[test]
fn the_readme_says_what_is_verified_and_what_is_not() {
    const CODES: [ExitCode; 7] = [
        ExitCode::Clean,
        ExitCode::Violated,
        ExitCode::Usage,
        ExitCode::Vacuous,
        ExitCode::Inconclusive,
        ExitCode::TargetBroken,
        ExitCode::NotRun,
    ];
    let text = fs::read_to_string(files::root().join("README.md")).unwrap();
    let verified: Vec<&str> = due().map(|claim| claim.id.as_str()).collect();
    let counts = [
        format!("the register of {} isolation claims", register().len()),
        format!("the other {} claims", register().len() - verified.len()),
        format!("are {} realistic mistakes", Fault::ALL.len()),
    ];
    assert_none(&readme(&text, &verified, &counts, &CODES));
}

#[test]
fn packages_come_from_one_place() {
    let locks: Vec<File> = files::all().into_iter().filter(|file| file.path.ends_with("Cargo.lock")).collect();
    assert!(!locks.is_empty());
    let strange: Vec<String> = locks.iter().flat_map(|lock| strange_packages(&lock.text)).collect();
    assert_none(&strange);
}

#[cfg(test)]
mod can_fail {
    use super::*;

    fn file(text: &str) -> File {
        File { path: "docs/page.md".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn an_address_of_somebodys_own() {
        for unknown in ["mirror.corp.internal/simple", "10.0.0.7:8080", "index.packages.dev", "vendo.run.evil.org"] {
            assert_eq!(unknown_hosts(&file(&format!("see {}://{unknown}.", "https"))).len(), 1, "{unknown}");
            assert_eq!(unknown_hosts(&file(&format!("see {}://{unknown}.", "http"))).len(), 1, "{unknown}");
        }
        assert_none(&unknown_hosts(&file("http://$VENDO/ http://127.0.0.1:80 https://x.vendo.run. https://a.example")));
    }

    #[test]
    fn a_path_of_one_machine() {
        for path in ["/home/me/x", "`/work/main`", "(/root/.cargo)", "at /Users/me"] {
            assert_eq!(foreign_paths(&file(path)).len(), 1, "{path}");
        }
        assert_none(&foreign_paths(&file("harness/work/x ./root/y {folder}/home/z /usr/lib")));
    }

    #[test]
    fn a_promise() {
        for (first, second) in PROMISES {
            assert_eq!(promises(&file(&format!("// {first}{second} later"))).len(), 1, "{first}{second}");
        }
        assert_none(&promises(&file("Methods to do it with.")));
    }

    #[test]
    fn a_link_to_nothing() {
        let page = file("[a](other.md) [b](other.md#part) [c](#part) [d](https://github.com) [e](gone.md)");
        let complaints = broken_links(&page, |path| path == "docs/other.md");
        assert_eq!(complaints, ["docs/page.md: the link to gone.md leads nowhere"]);
    }

    #[test]
    fn a_readme_that_says_less() {
        let full = "| APX-1 | the other 46 claims | 3 |";
        let counts = ["the other 46 claims".to_owned()];
        let check = |text: &str| readme(text, &["APX-1"], &counts, &[ExitCode::Vacuous]).len();
        assert_eq!(check(full), 0);
        for gone in ["| APX-1 |", "the other 46 claims", " 3 |"] {
            assert_eq!(check(&full.replace(gone, "")), 1, "{gone}");
        }
    }

    #[test]
    fn a_package_from_elsewhere() {
        let lock = |source: &str| format!("[[package]]\nname = \"x\"\nsource = \"{source}\"\n");
        let index = format!("registry+{}://github.com/rust-lang/crates.io-index", "https");
        assert_eq!(strange_packages(&lock(&index)).len(), 0);
        for strange in ["git+ssh://github.com/x/y", "sparse+file://index/", "registry+file://elsewhere"] {
            assert_eq!(strange_packages(&lock(strange)).len(), 1, "{strange}");
        }
    }
}
