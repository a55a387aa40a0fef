//! The run record: everything that was judged, as a chain of events. Every report is drawn from it.
//!
//! One event is one line of JSON. Each line carries the digest of the line before it, so that none can be dropped or
//! altered without the rest being written anew. What can't be reproduced (times, machine, paths) stands in one line at the
//! end, outside the chain.

use std::io::{self, Write};

use isolation_model::claim::ClaimId;
use isolation_model::oracle::Finding;
use isolation_model::trace::Step;
use isolation_model::verdict::{Tries, Verdict};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::campaign::{CaseKind, Profile};
use crate::engine::{Judged, hex};

/// Version of the record's format.
pub const SCHEMA: &str = "isolation-record/1";

/// One line of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Line {
    /// A link of the chain.
    Link(Link),
    /// What is outside the chain: the last line.
    Environment {
        /// The machine and the moment.
        environment: Environment,
    },
}

/// A link of the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Link {
    /// Its place, from 0.
    pub seq: u64,
    /// Digest of the link before it; 64 zeros for the first.
    pub prev: String,
    /// SHA-256 over `prev` and the event's JSON, as it stands in the line.
    pub digest: String,
    /// What happened.
    pub event: Event,
}

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// The run began.
    Started {
        /// Version of the format.
        schema: String,
        /// Seed of all choices.
        seed: u64,
        /// How much is tried.
        profile: Profile,
        /// What is judged.
        target: String,
        /// The fault that was planted on purpose.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<String>,
        /// The claims that have to be held.
        #[schemars(with = "Vec<String>")]
        required: Vec<ClaimId>,
    },
    /// The canary scanner was shown to find what it has to find.
    SelfTest {
        /// Canaries that were planted, in every encoding and channel.
        injected: u64,
        /// Those that were found.
        found: u64,
    },
    /// A case was run.
    Case {
        /// Its number.
        number: u64,
        /// What it was.
        case: CaseKind,
        /// Requests that were sent.
        requests: u64,
        /// Its steps.
        steps: Vec<Judged>,
        /// Why it could not be run to its end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// A violation was confirmed by a replay and made small.
    Violation(Violation),
    /// A fault was planted to see whether it is caught.
    Fault(FaultResult),
    /// The verdict on a claim.
    Verdict(ClaimResult),
    /// The run ended.
    Finished {
        /// Sums.
        totals: Totals,
    },
}

/// A violation, as small as it could be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Violation {
    /// The claim.
    #[schemars(with = "String")]
    pub claim: ClaimId,
    /// Number of the case in which it was found.
    pub case: u64,
    /// What was found.
    #[schemars(with = "serde_json::Value")]
    pub finding: Finding,
    /// The steps that show it.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub trace: Vec<Step>,
    /// Traces that were tried to make it small.
    pub attempts: u64,
}

/// Whether a planted fault was caught.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FaultResult {
    /// The fault.
    pub id: String,
    /// The claims that it breaks.
    #[schemars(with = "Vec<String>")]
    pub claims: Vec<ClaimId>,
    /// Whether a finding on one of these claims came of it.
    pub caught: bool,
    /// The oracle that found it first.
    pub by: Option<String>,
    /// The move that was tried then.
    #[serde(rename = "move")]
    pub of_move: Option<String>,
    /// Requests that were sent until then.
    pub requests: Option<u64>,
    /// By oracle, the requests until its first finding; only for those that had one.
    pub oracles: std::collections::BTreeMap<String, u64>,
    /// Why it could not be tried, if it could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The verdict on a claim, with what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ClaimResult {
    /// The claim.
    #[schemars(with = "String")]
    pub id: ClaimId,
    /// The verdict.
    #[schemars(with = "String")]
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// Actions that had to fail.
    pub attacks: u64,
    /// Positive twins that succeeded.
    pub controls: u64,
    /// Planted faults behind it that were caught.
    pub faults_caught: u64,
    /// Its moves.
    pub moves: Vec<MoveResult>,
}

/// How often a move was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MoveResult {
    /// The move's id.
    pub id: String,
    /// Tries.
    pub attempts: u64,
    /// Tries that reached the guard.
    pub reached: u64,
}

impl MoveResult {
    /// The result of a move.
    #[must_use]
    pub fn new(id: &str, tries: Tries) -> Self {
        Self { id: id.to_owned(), attempts: tries.attempts, reached: tries.reached }
    }
}

/// Sums of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Totals {
    /// Cases that were run.
    pub cases: u64,
    /// Steps, positive twins among them.
    pub steps: u64,
    /// Requests that were sent, those of the fault matrix not counted.
    pub requests: u64,
    /// Findings.
    pub findings: u64,
    /// Faults that were planted.
    pub faults: u64,
    /// Faults that were caught.
    pub faults_caught: u64,
    /// By verdict, how many claims.
    pub verdicts: std::collections::BTreeMap<String, u64>,
}

/// The machine and the moment: what two runs of one seed may differ in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Environment {
    /// Version of this harness.
    pub version: String,
    /// Seconds since the epoch when the run began.
    pub started_unix_s: u64,
    /// How long it took.
    pub elapsed_ms: u64,
    /// Requests per second, all threads together.
    pub requests_per_s: u64,
    /// Threads.
    pub threads: u64,
    /// Operating system and processor.
    pub platform: String,
    /// Files that were written.
    pub files: Vec<String>,
}

/// A record as it grows.
#[derive(Debug, Clone)]
pub struct Record {
    links: Vec<Link>,
    head: String,
}

impl Default for Record {
    fn default() -> Self {
        Self { links: Vec::new(), head: "0".repeat(64) }
    }
}

impl Record {
    /// Adds an event.
    ///
    /// # Errors
    /// When the event can't be written as JSON.
    pub fn add(&mut self, event: Event) -> serde_json::Result<()> {
        let digest = link_digest(&self.head, &event)?;
        let seq = u64::try_from(self.links.len()).unwrap_or(u64::MAX);
        let prev = std::mem::replace(&mut self.head, digest.clone());
        self.links.push(Link { seq, prev, digest, event });
        Ok(())
    }

    /// Digest of the last link: it stands for the whole record.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.head
    }

    /// The events in their order.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.links.iter().map(|link| &link.event)
    }

    /// Writes the record, a line each.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write(&self, out: &mut impl Write, environment: &Environment) -> io::Result<()> {
        for link in &self.links {
            serde_json::to_writer(&mut *out, link)?;
            out.write_all(b"\n")?;
        }
        serde_json::to_writer(&mut *out, &Line::Environment { environment: environment.clone() })?;
        out.write_all(b"\n")
    }
}

/// Digest of a link.
///
/// # Errors
/// When the event can't be written as JSON.
pub fn link_digest(prev: &str, event: &Event) -> serde_json::Result<String> {
    let mut hash = Sha256::new();
    hash.update(prev);
    hash.update(serde_json::to_vec(event)?);
    Ok(hex(&hash.finalize()))
}

/// The JSON Schema of a record's lines.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Line).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let mut record = Record::default();
        for number in 0..3 {
            record.add(Event::SelfTest { injected: number, found: number }).unwrap();
        }
        record
    }

    #[test]
    fn every_link_holds_the_digest_of_the_one_before() {
        let record = record();
        let mut prev = "0".repeat(64);
        for link in &record.links {
            assert_eq!(link.prev, prev);
            assert_eq!(link.digest, link_digest(&prev, &link.event).unwrap());
            prev.clone_from(&link.digest);
        }
        assert_eq!(record.digest(), prev);
    }

    #[test]
    fn a_line_reads_back_as_it_was_written() {
        let environment = Environment {
            version: "0".to_owned(),
            started_unix_s: 1,
            elapsed_ms: 1,
            requests_per_s: 1,
            threads: 1,
            platform: "here".to_owned(),
            files: vec![],
        };
        let mut text = Vec::new();
        record().write(&mut text, &environment).unwrap();
        let lines: Vec<Line> =
            String::from_utf8(text).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 4);
        assert!(matches!(lines[3], Line::Environment { .. }));
    }

    #[test]
    fn events_that_differ_have_digests_that_differ() {
        let mut other = Record::default();
        other.add(Event::SelfTest { injected: 0, found: 1 }).unwrap();
        assert_ne!(record().links[0].digest, other.links[0].digest);
    }
}
