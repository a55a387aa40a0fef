//! Reports of a run made by hand, with hostile text in every place that holds text from a world or a target. The
//! snapshots are reviewed evidence: a change of one is read before it is accepted.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

use isolation_harness::campaign::{Case, CaseKind, Profile};
use isolation_harness::fault_matrix::Control;
use isolation_harness::record::{ClaimResult, Environment, Event, FaultResult, MoveResult, Record, Totals, Violation};
use isolation_harness::report::{json, terminal, words};
use isolation_harness::target::reference::Link;
use isolation_harness::verify::{Options, Run};
use isolation_model::action::Action;
use isolation_model::canary::CanaryLabel;
use isolation_model::claim::{ClaimId, register};
use isolation_model::oracle::{Finding, Leak, Oracle};
use isolation_model::trace::Step;
use isolation_model::verdict::{Tries, Verdict};
use serde_json::Value;

/// Moves the cursor, ends a line, opens a tag, closes a quote, turns the direction of writing.
const HOSTILE: &str = "\u{1b}[2J\r\n\t</script><b>'\"`$(id)\\\u{0}\u{202e}\u{9b}31m";

fn options() -> Options {
    Options {
        seed: 7,
        profile: Profile::Quick,
        link: Link::Http,
        fault: None,
        required: vec![ClaimId::Apx1, ClaimId::Apx2],
        threads: 2,
        quiet: true,
    }
}

fn environment() -> Environment {
    Environment {
        version: "0.1.0".to_owned(),
        started_unix_s: 1_700_000_000,
        elapsed_ms: 2_500,
        requests_per_s: 400,
        threads: 2,
        platform: "test".to_owned(),
        files: Vec::new(),
    }
}

fn run() -> Run {
    let claim = |id: ClaimId, verdict, reason: &str| ClaimResult {
        id,
        verdict,
        reason: reason.to_owned(),
        attacks: 120,
        controls: 60,
        faults_caught: 3,
        moves: vec![MoveResult::new(id.claim().moves[0].id, Tries { attempts: 120, reached: 119 })],
    };
    let mut record = Record::default();
    record.add(Event::SelfTest { injected: 1, found: 1 }).unwrap();
    Run {
        record,
        claims: vec![
            claim(ClaimId::Apx1, Verdict::Violated, &format!("1 findings {HOSTILE}")),
            claim(ClaimId::Apx2, Verdict::Held, "120 attacks failed"),
            claim(ClaimId::Apx3, Verdict::Vacuous, HOSTILE),
            claim(ClaimId::Apx4, Verdict::Inconclusive, HOSTILE),
            claim(ClaimId::Wal1, Verdict::NotRun, "no check yet"),
            claim(ClaimId::Wal2, Verdict::NotRun, HOSTILE),
            claim(ClaimId::Wal3, Verdict::NotRun, "no check yet"),
        ],
        violations: vec![Violation {
            claim: ClaimId::Apx1,
            case: 0,
            finding: Finding {
                claim: ClaimId::Apx1,
                oracle: Oracle::Canary,
                what: format!("it leaked {HOSTILE}"),
                leak: Some(Leak {
                    datum: CanaryLabel { owner: "acme".to_owned(), field: "page".to_owned(), epoch: 1 },
                    reached: format!("a member of {HOSTILE}"),
                    channel: "body".to_owned(),
                    encoding: "base64".to_owned(),
                }),
            },
            trace: vec![Step::from(Action::Advance { seconds: 5 })],
            attempts: 12,
        }],
        faults: vec![fault("caught", None), fault("missed", Some(HOSTILE))],
        totals: Totals {
            cases: 10,
            steps: 20,
            requests: 1_000,
            findings: 1,
            faults: 2,
            faults_caught: 1,
            ..Totals::default()
        },
    }
}

fn fault(id: &str, error: Option<&str>) -> FaultResult {
    let caught = error.is_none();
    FaultResult {
        id: id.to_owned(),
        claims: vec![ClaimId::Apx1, ClaimId::Kv1],
        caught,
        by: caught.then(|| "canary".to_owned()),
        of_move: caught.then(|| "APX-1.foreign-cookie".to_owned()),
        requests: caught.then_some(3),
        oracles: if caught { [("canary".to_owned(), 3)].into() } else { Default::default() },
        error: error.map(str::to_owned),
    }
}

/// A terminal can't be moved by what is printed: lines end, nothing else is a control character, and nothing turns the
/// direction of writing.
fn assert_harmless(text: &str) {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let wild: Vec<char> = text.chars().filter(|c| (c.is_control() && *c != '\n') || turns(*c)).collect();
    assert!(wild.is_empty(), "{wild:?}");
}

#[test]
fn the_terminal_report_survives_hostile_text() {
    let text = terminal::verify(&run(), &options(), &environment(), &[Some("isolation-out/apx-1-7-0.json".to_owned())]);
    assert_harmless(&text);
    insta::assert_snapshot!(text);
}

/// Hosts, headers and paths of a generated action are hostile by design, and all of it is printed.
#[test]
fn steps_of_every_kind_survive_being_printed() {
    for number in 0..8 {
        let (world, steps) = Case { seed: 7, number, kind: CaseKind::Random }.steps(Profile::Quick.budget());
        let mut run = run();
        run.violations[0].trace = steps;
        assert_harmless(&terminal::verify(&run, &options(), &environment(), &[None]));
        for step in &run.violations[0].trace {
            assert_harmless(&words::step(&world, step));
        }
    }
}

#[test]
fn the_fault_matrix_survives_hostile_text() {
    let control = Control { alarms: 0, shortfalls: 0, cases: 10, requests: 40, errors: 0 };
    let text = terminal::faults(&control, &run().faults);
    assert_harmless(&text);
    insta::assert_snapshot!(text);
}

#[test]
fn the_json_report_keeps_its_names_and_reads_back() {
    let (run, options, environment) = (run(), options(), environment());
    let text = serde_json::to_string(&json::VerifyReport::new(&run, &options, &environment)).unwrap();
    assert!(text.chars().all(|c| c >= ' '), "a raw control character in JSON");
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["claims"][2]["reason"], HOSTILE);
    insta::assert_snapshot!(shape(&value));
}

#[test]
fn the_register_as_json_keeps_its_names() {
    let value = json::claims(|claim| vec![format!("fault-of-{claim}")]);
    let claims = value["claims"].as_array().unwrap();
    assert_eq!(claims.len(), register().len());
    for claim in claims {
        for name in ["id", "statement", "source", "boundary", "enforced_at", "controls", "checks", "faults"] {
            assert!(claim.get(name).is_some(), "{} has no {name}", claim["id"]);
        }
    }
    insta::assert_snapshot!(shape(claims.iter().find(|claim| claim["id"] == "APX-1").unwrap()));
}

/// The names and kinds of a value, a line each; of a list only its first item. A trace is the vocabulary's own business.
fn shape(value: &Value) -> String {
    let mut lines = Vec::new();
    describe("", value, &mut lines);
    lines.join("\n")
}

fn describe(at: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Null => lines.push(format!("{at}: null")),
        Value::Bool(_) => lines.push(format!("{at}: boolean")),
        Value::Number(_) => lines.push(format!("{at}: number")),
        Value::String(_) => lines.push(format!("{at}: string")),
        Value::Array(items) => match items.first() {
            Some(first) => describe(&format!("{at}[]"), first, lines),
            None => lines.push(format!("{at}: empty list")),
        },
        Value::Object(members) => {
            for (name, member) in members.iter().filter(|(name, _)| *name != "trace") {
                let dot = if at.is_empty() { "" } else { "." };
                describe(&format!("{at}{dot}{name}"), member, lines);
            }
        }
    }
}
