//! The JSON Schema of a run record: the committed file is what the code says, a real record fits it, and a broken one
//! does not.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]

use std::fs;
use std::path::Path;

use isolation_harness::campaign::shrink::shrink;
use isolation_harness::campaign::{Case, CaseKind, Profile, cases_of};
use isolation_harness::engine::run_case;
use isolation_harness::record::{
    self, ClaimResult, Environment, Event, FaultResult, MoveResult, Record, Totals, Violation,
};
use isolation_harness::target::reference::{Link, Reference};
use isolation_harness::verify::block_on;
use isolation_model::claim::ClaimId;
use isolation_model::verdict::{Tries, Verdict};
use reference_impl::{Fault, FaultSet};
use serde_json::{Value, json};

const REFRESH: &str = "to write it anew: cargo run -- schema > reports/record.schema.json";

#[test]
fn the_committed_schema_is_the_codes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/record.schema.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; {REFRESH}", path.display()));
    let committed: Value = serde_json::from_str(&text).unwrap();
    assert!(committed == record::schema(), "reports/record.schema.json is not what the code says; {REFRESH}");
}

#[test]
fn a_real_record_fits_the_schema() {
    let validator = jsonschema::validator_for(&record::schema()).unwrap();
    let lines = lines();
    let kinds: Vec<&str> = lines.iter().filter_map(|line| line["event"]["kind"].as_str()).collect();
    for kind in ["started", "self-test", "case", "violation", "fault", "verdict", "finished"] {
        assert!(kinds.contains(&kind), "no {kind} in {kinds:?}");
    }
    for line in &lines {
        let errors: Vec<String> = validator.iter_errors(line).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}: {line}");
    }
}

#[test]
fn a_broken_record_does_not() {
    let validator = jsonschema::validator_for(&record::schema()).unwrap();
    let lines = lines();
    let line = |kind: &str| lines.iter().find(|line| line["event"]["kind"] == kind).unwrap().clone();
    let mut broken = vec![json!({}), json!([]), json!({ "environment": {} })];
    for member in ["seq", "prev", "digest", "event"] {
        let mut without = line("case");
        without.as_object_mut().unwrap().remove(member);
        broken.push(without);
    }
    for (kind, pointer, value) in [
        ("case", "/event/kind", json!("applause")),
        ("case", "/event/requests", json!(-1)),
        ("case", "/event/requests", json!("many")),
        ("case", "/event/steps", json!(null)),
        ("started", "/event/profile", json!("thorough")),
        ("verdict", "/event/moves", json!({})),
        ("fault", "/event/caught", json!("yes")),
        ("finished", "/event/totals/cases", json!(1.5)),
        ("finished", "/seq", json!("first")),
    ] {
        let mut wrong = line(kind);
        assert!(wrong.pointer(pointer).is_some(), "no {pointer} in {wrong}");
        *wrong.pointer_mut(pointer).unwrap() = value;
        broken.push(wrong);
    }
    for line in broken {
        assert!(!validator.is_valid(&line), "{line}");
    }
}

/// A short record, real in what is judged: cases, and a violation that was made small.
fn lines() -> Vec<Value> {
    let fault = Fault::ApxTenantCheckSkipped;
    let target = Reference::with_faults(Link::InProcess, FaultSet::none().with(fault));
    let cases = cases_of(&[ClaimId::Apx1.claim()], 7, 1);
    let mut record = Record::default();
    let mut add = |event| record.add(event).unwrap();
    add(Event::Started {
        schema: record::SCHEMA.to_owned(),
        seed: 7,
        profile: Profile::Quick,
        target: "in-process".to_owned(),
        fault: Some(fault.id().to_owned()),
        required: vec![ClaimId::Apx1],
    });
    add(Event::SelfTest { injected: 3, found: 3 });
    let mut violation = None;
    for case in cases.iter().chain([&Case { seed: 7, number: 1000, kind: CaseKind::Random }]) {
        let (world, steps) = case.steps(Profile::Quick.budget());
        let outcome = block_on(run_case(&target, &world, &steps)).unwrap().unwrap();
        let violated = outcome.findings().any(|finding| finding.claim == ClaimId::Apx1);
        add(Event::Case {
            number: case.number,
            case: case.kind.clone(),
            requests: outcome.requests,
            steps: outcome.steps,
            error: None,
        });
        if violated && violation.is_none() {
            let shrunk = block_on(shrink(&target, &world, &steps, ClaimId::Apx1)).unwrap().unwrap().unwrap();
            violation = Some(Violation {
                claim: ClaimId::Apx1,
                case: case.number,
                finding: shrunk.finding,
                trace: shrunk.trace,
                attempts: 1,
            });
        }
    }
    add(Event::Violation(violation.expect("the planted fault is seen")));
    add(Event::Fault(FaultResult {
        id: fault.id().to_owned(),
        claims: vec![ClaimId::Apx1],
        caught: true,
        by: Some("permitted-outcomes".to_owned()),
        of_move: Some("APX-1.foreign-cookie".to_owned()),
        requests: Some(2),
        oracles: [("permitted-outcomes".to_owned(), 2)].into(),
        error: None,
    }));
    add(Event::Verdict(ClaimResult {
        id: ClaimId::Apx1,
        verdict: Verdict::Violated,
        reason: "it was".to_owned(),
        attacks: 1,
        controls: 1,
        faults_caught: 0,
        moves: vec![MoveResult::new("APX-1.foreign-cookie", Tries { attempts: 1, reached: 1 })],
    }));
    add(Event::Finished { totals: Totals::default() });
    let environment = Environment {
        version: "0.1.0".to_owned(),
        started_unix_s: 1,
        elapsed_ms: 1,
        requests_per_s: 1,
        threads: 1,
        platform: "here".to_owned(),
        files: vec!["record.jsonl".to_owned()],
    };
    let mut text = Vec::new();
    record.write(&mut text, &environment).unwrap();
    String::from_utf8(text).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
