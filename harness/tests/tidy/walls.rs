//! Which crate may depend on which, who may plant faults, and which module may name what.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::MetadataCommand;

use crate::assert_none;
use crate::files::{self, File, Names};

/// Which crates of the project a crate may depend on, for tests too. A new edge is a change of the architecture: its
/// commit says why.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("isolation-model", &[]),
    ("reference-impl", &[]),
    ("isolation-harness", &["isolation-model", "reference-impl"]),
    ("isolation-benches", &["isolation-model", "isolation-harness", "reference-impl"]),
    ("isolation-fuzz", &["isolation-harness"]),
];

/// Where the harness may name the reference: files, and folders with all that is in them. Everything else works for any
/// target.
const MAY_NAME_REFERENCE: &[&str] = &[
    "harness/src/target/reference.rs",
    "harness/src/target/reference/",
    "harness/src/fault_matrix.rs",
    "harness/src/verify.rs",
    "harness/src/cli.rs",
    "harness/src/cli/",
    "harness/src/fuzzing.rs",
    "harness/src/fuzzing/",
];

/// What the pure model may not name: no input or output, no clock, no environment, no threads, no global randomness.
const IMPURE: &[&str] = &[
    "std::net",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::hash::RandomState",
    "std::*",
    "std::io::*",
    "std::time::*",
    "std::collections::*",
    "tokio",
    "getrandom",
    "rand",
];

/// Parts of such names that are enough to know them by, however the path was shortened.
const IMPURE_PARTS: &[&str] = &["Instant", "SystemTime", "HashMap", "HashSet", "RandomState"];

/// What only the engine does.
const JUDGING: &[&str] = &["Judge", "run_case", "Evidence"];

/// A dependency of one crate of the project on another.
#[derive(Debug, Clone, Default)]
struct Edge {
    to: String,
    features: Vec<String>,
    default_features: bool,
}

/// A crate of the project.
#[derive(Debug, Clone, Default)]
struct Crate {
    name: String,
    edges: Vec<Edge>,
    features: BTreeMap<String, Vec<String>>,
}

fn crate_edges(crates: &[Crate]) -> Vec<String> {
    let mut complaints = Vec::new();
    for own in crates {
        let Some((_, allowed)) = MAY_DEPEND_ON.iter().find(|(name, _)| *name == own.name) else {
            complaints.push(format!("no wall says what {} may depend on", own.name));
            continue;
        };
        let has: BTreeSet<&str> = own.edges.iter().map(|edge| edge.to.as_str()).collect();
        for to in &has {
            if !allowed.contains(to) {
                complaints.push(format!("{} may not depend on {to}", own.name));
            }
        }
        for to in *allowed {
            if !has.contains(to) {
                complaints.push(format!("{} may depend on {to} and does not: drop the allowance", own.name));
            }
        }
    }
    complaints
}

/// Faults are ways around authentication: they are asked for by the harness's own feature, and by nothing else.
fn fault_features(crates: &[Crate]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain = |what: String| complaints.push(what);
    for own in crates {
        for edge in &own.edges {
            if edge.features.iter().any(|feature| feature == "faults") {
                complain(format!("{} always asks {} for faults", own.name, edge.to));
            }
            if edge.to == "isolation-harness" && edge.default_features {
                complain(format!("{} takes the default features of {}, faults among them", own.name, edge.to));
            }
        }
        for (feature, asks) in &own.features {
            let plants =
                asks.iter().any(|asked| asked == "reference-impl/faults" || asked == "isolation-harness/faults");
            if plants && (own.name.as_str(), feature.as_str()) != ("isolation-harness", "faults") {
                complain(format!("the feature {feature} of {} asks for faults", own.name));
            }
        }
        let default = own.features.get("default");
        if own.name == "reference-impl" && default.is_some_and(|asks| asks.iter().any(|asked| asked == "faults")) {
            complain("reference-impl has faults by default".to_owned());
        }
    }
    complaints
}

fn reference_named(file: &File) -> Vec<String> {
    let allowed = MAY_NAME_REFERENCE
        .iter()
        .any(|place| file.path == *place || (place.ends_with('/') && file.path.starts_with(place)));
    if !allowed && Names::of(&file.parsed()).has("reference_impl") {
        vec![format!("{} names reference_impl, and only what is made for it may", file.path)]
    } else {
        Vec::new()
    }
}

fn impure(file: &File) -> Vec<String> {
    let parsed = file.parsed();
    let mut complaints: Vec<String> = Names::of(&parsed)
        .0
        .into_iter()
        .filter(|path| {
            let path = path.strip_prefix("core::").map_or_else(|| path.clone(), |rest| format!("std::{rest}"));
            IMPURE
                .iter()
                .any(|banned| path.strip_prefix(banned).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")))
                || path.split("::").any(|part| IMPURE_PARTS.contains(&part))
        })
        .map(|path| format!("{}: the model is pure, and names {path}", file.path))
        .collect();
    let mut waits = Waits::default();
    syn::visit::Visit::visit_file(&mut waits, &parsed);
    if waits.found {
        complaints.push(format!("{}: the model has nothing to wait for, and something is async", file.path));
    }
    complaints
}

#[derive(Default)]
struct Waits {
    found: bool,
}

impl<'ast> syn::visit::Visit<'ast> for Waits {
    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.found |= signature.asyncness.is_some();
        syn::visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, _: &'ast syn::ExprAsync) {
        self.found = true;
    }
}

/// A report reads what was judged, and a target says what was seen.
fn judges(file: &File) -> Vec<String> {
    let names = Names::of(&file.parsed());
    JUDGING
        .iter()
        .filter(|word| names.has(word))
        .map(|word| format!("{} names {word}: only the engine judges", file.path))
        .collect()
}

fn workspace() -> Vec<Crate> {
    let roots = files::all().into_iter().filter(|file| {
        file.path.rsplit('/').next() == Some("Cargo.toml") && file.text.lines().any(|line| line.trim() == "[workspace]")
    });
    let packages: Vec<cargo_metadata::Package> = roots
        .flat_map(|manifest| {
            let path = files::root().join(&manifest.path);
            // Without dependencies nothing is resolved, and no lock file is needed.
            let metadata = MetadataCommand::new().manifest_path(path).no_deps().exec();
            metadata.unwrap_or_else(|error| panic!("{}: {error}", manifest.path)).packages
        })
        .collect();
    let own: BTreeSet<String> = packages.iter().map(|package| package.name.to_string()).collect();
    packages
        .into_iter()
        .map(|package| Crate {
            name: package.name.to_string(),
            edges: package
                .dependencies
                .into_iter()
                .filter(|dependency| own.contains(&dependency.name))
                .map(|dependency| Edge {
                    to: dependency.name,
                    features: dependency.features,
                    default_features: dependency.uses_default_features,
                })
                .collect(),
            features: package.features,
        })
        .collect()
}

#[test]
fn crates_depend_on_what_the_walls_allow() {
    let crates = workspace();
    assert!(crates.len() >= 4, "{crates:?}");
    assert_none(&crate_edges(&crates));
}

#[test]
fn only_the_harness_asks_for_faults() {
    assert_none(&fault_features(&workspace()));
}

#[test]
fn the_reference_is_named_only_where_it_is_the_target() {
    let sources = files::sources();
    let harness = sources.iter().filter(|file| file.is_under("harness/src"));
    assert_none(&harness.flat_map(reference_named).collect::<Vec<_>>());
}

#[test]
fn the_model_is_pure() {
    let sources = files::sources();
    let model = sources.iter().filter(|file| file.is_under("harness/model/src"));
    assert_none(&model.flat_map(impure).collect::<Vec<_>>());
}

#[test]
fn reports_and_targets_never_judge() {
    let sources = files::sources();
    let readers = sources.iter().filter(|file| {
        file.is_under("harness/src/report") || file.is_under("harness/src/target") || file.is_under("harness/src/wire")
    });
    assert_none(&readers.flat_map(judges).collect::<Vec<_>>());
}

#[cfg(test)]
mod can_fail {
    use super::*;

    fn named(name: &str, edges: &[&str]) -> Crate {
        let edges = edges.iter().map(|to| Edge { to: (*to).to_owned(), ..Edge::default() }).collect();
        Crate { name: name.to_owned(), edges, features: BTreeMap::new() }
    }

    fn source(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn an_edge_that_no_wall_allows() {
        assert_eq!(crate_edges(&[named("isolation-model", &[])]).len(), 0);
        for wrong in [
            named("isolation-model", &["reference-impl"]),
            named("isolation-model", &["isolation-harness"]),
            named("reference-impl", &["isolation-model"]),
            named("isolation-fuzz", &["isolation-harness", "reference-impl"]),
            named("isolation-harness", &["isolation-model"]),
            named("another", &[]),
        ] {
            assert_eq!(crate_edges(std::slice::from_ref(&wrong)).len(), 1, "{wrong:?}");
        }
    }

    #[test]
    fn faults_in_a_build_for_use() {
        let asking = |features: &[&str], default_features, to: &str| Crate {
            name: "isolation-benches".to_owned(),
            edges: vec![Edge {
                to: to.to_owned(),
                features: features.iter().map(|feature| (*feature).to_owned()).collect(),
                default_features,
            }],
            features: BTreeMap::new(),
        };
        let feature = |name: &str, feature: &str, asks: &str| Crate {
            name: name.to_owned(),
            edges: Vec::new(),
            features: BTreeMap::from([(feature.to_owned(), vec![asks.to_owned()])]),
        };
        for right in [
            asking(&[], false, "isolation-harness"),
            asking(&[], true, "reference-impl"),
            feature("isolation-harness", "faults", "reference-impl/faults"),
        ] {
            assert_none(&fault_features(&[right]));
        }
        for wrong in [
            asking(&["faults"], false, "isolation-harness"),
            asking(&["faults"], false, "reference-impl"),
            asking(&[], true, "isolation-harness"),
            feature("reference-impl", "default", "faults"),
            feature("isolation-benches", "default", "reference-impl/faults"),
            feature("isolation-harness", "default", "reference-impl/faults"),
        ] {
            assert_eq!(fault_features(std::slice::from_ref(&wrong)).len(), 1, "{wrong:?}");
        }
    }

    #[test]
    fn the_reference_named_where_any_target_must_do() {
        for text in
            ["use reference_impl::Fault;", "fn f() { reference_impl::go(); }", "fn f() { g!(reference_impl::X) }"]
        {
            assert_eq!(reference_named(&source("harness/src/engine.rs", text)).len(), 1, "{text}");
            assert_eq!(reference_named(&source("harness/src/report/json.rs", text)).len(), 1, "{text}");
            assert_eq!(reference_named(&source("harness/src/cli/serve.rs", text)).len(), 0, "{text}");
        }
    }

    #[test]
    fn a_model_that_is_not_pure() {
        for text in [
            "use std::net::TcpStream;",
            "use std::{fmt, fs};",
            "fn f() { std::env::var(\"A\"); }",
            "use std::time; fn f() { time::Instant::now(); }",
            "use core::time::Instant;",
            "use std::collections::HashMap;",
            "use std::*;",
            "use tokio::time;",
            "async fn f() {}",
            "fn f() { let _ = async { 1 }; }",
            "mod tests { use std::thread; }",
        ] {
            assert!(!impure(&source("harness/model/src/x.rs", text)).is_empty(), "{text}");
        }
        let pure = "use std::time::Duration; use std::collections::BTreeMap; use std::io::Write; fn fs() {}";
        assert_none(&impure(&source("harness/model/src/x.rs", pure)));
    }

    #[test]
    fn a_report_that_judges() {
        for text in ["use isolation_model::oracle::judge::Judge;", "fn f() { crate::engine::run_case(a, b, c); }"] {
            assert_eq!(judges(&source("harness/src/report/html.rs", text)).len(), 1, "{text}");
        }
        assert_none(&judges(&source("harness/src/report/html.rs", "use isolation_model::verdict::Verdict;")));
    }
}
