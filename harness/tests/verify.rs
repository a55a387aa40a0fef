//! Whole runs: what a person and a CI gate get.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::path::Path;
use std::process::{Command, Output};

use isolation_model::claim::{Milestone, register};
use serde_json::Value;

fn isolation(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_isolation")).args(args).current_dir(folder).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn claim<'v>(report: &'v Value, id: &str) -> &'v Value {
    report["claims"].as_array().unwrap().iter().find(|claim| claim["id"] == id).unwrap()
}

/// A planted fault is found, made small, written down, and shown again by one command; without it nothing is found.
#[test]
fn a_planted_fault_is_a_small_file_that_replays() {
    let folder = tempfile::tempdir().unwrap();
    let fault = "apx-tenant-compare-prefix";
    let output = isolation(folder.path(), &["verify", "-q", "--fault", fault, "--format", "json", "--out", "found"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let report = json(&output);
    assert_eq!(claim(&report, "APX-1")["verdict"], "violated");
    let violations = report["violations"].as_array().unwrap();
    let violation = violations.iter().find(|violation| violation["claim"] == "APX-1").unwrap();
    assert!(violation["trace"].as_array().unwrap().len() <= 6);
    let files = report["environment"]["files"].as_array().unwrap();
    let file = files.iter().filter_map(Value::as_str).find(|file| file.contains("apx-1-")).unwrap();

    let again = isolation(folder.path(), &["replay", file, "--fault", fault, "--format", "json"]);
    assert_eq!(again.status.code(), Some(1));
    let replayed = json(&again);
    assert_eq!(replayed["violated"], true);
    assert_eq!(replayed["findings"][0]["what"], violation["finding"]["what"]);

    let without = isolation(folder.path(), &["replay", file, "--format", "json"]);
    assert_eq!(without.status.code(), Some(0));
    assert_eq!(json(&without)["violated"], false);
    assert!(folder.path().join("found/record.jsonl").exists());
}

#[test]
fn the_register_names_what_enforces_each_light_claim_and_which_faults_prove_its_check() {
    let folder = tempfile::tempdir().unwrap();
    let output = isolation(folder.path(), &["claims", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let report = json(&output);
    assert_eq!(report["claims"].as_array().unwrap().len(), 54);
    for own in register().filter(|claim| claim.is_due(Milestone::Light)) {
        let shown = claim(&report, own.id.as_str());
        for list in ["enforced_at", "faults", "checks", "controls"] {
            assert!(!shown[list].as_array().unwrap().is_empty(), "{} {list}", own.id);
        }
    }
}

#[test]
fn wrong_words_are_a_usage_error_that_says_how_to_mend_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.json"), "{\n  \"schema\": 1\n}").unwrap();
    std::fs::write(folder.path().join("other.json"), "not json").unwrap();
    for (args, words) in [
        (vec!["verify", "--require", "APX-99"], "isolation claims"),
        (vec!["verify", "--fault", "no-such-fault"], "apx-tenant-check-skipped"),
        (vec!["verify", "--profile", "fast"], "quick"),
        (vec!["replay", "missing.json"], "missing.json"),
        (vec!["replay", "broken.json"], "broken.json:2:13"),
        (vec!["replay", "other.json"], "other.json:1"),
        (vec!["frobnicate"], "--help"),
    ] {
        let output = isolation(folder.path(), &args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(words), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}: words go to standard error");
    }
}

#[test]
fn a_required_claim_that_was_not_run_is_exit_code_6() {
    let folder = tempfile::tempdir().unwrap();
    let output = isolation(folder.path(), &["verify", "-q", "--profile", "load", "--format", "json"]);
    assert_eq!(output.status.code(), Some(6), "{}", String::from_utf8_lossy(&output.stderr));
    let report = json(&output);
    assert_eq!(report["required"], serde_json::json!(["BLR-1", "BLR-2"]));
    for id in ["BLR-1", "BLR-2"] {
        assert_eq!(claim(&report, id)["verdict"], "not_run");
        assert!(!claim(&report, id)["reason"].as_str().unwrap().is_empty());
    }
}
