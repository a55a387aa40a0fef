//! The fault matrix: each planted fault against the checks, until one of them sees it.
//!
//! A fault is caught by a finding on a claim that it breaks, and by nothing else: not by a timeout, not by an error, and
//! not by a request that should have been served and was not.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use isolation_model::claim::{Claim, ClaimId};
use reference_impl::{Fault, FaultSet};

use crate::campaign::{Case, Profile, cases_of, due, pool};
use crate::engine::{CaseOutcome, run_case};
use crate::progress::Progress;
use crate::record::FaultResult;
use crate::target::TargetError;
use crate::target::reference::{Link, Reference};
use crate::verify::{block_on, breaks};

/// How often each move is tried against a fault that nothing has caught yet, at the least. Most fall to the first tries; a
/// mistake in one of many spellings needs more, and only those cost more.
const ROUNDS_MIN: u64 = 48;

/// How the matrix is run.
#[derive(Debug, Clone, Copy)]
pub struct MatrixOptions {
    /// Seed of all choices.
    pub seed: u64,
    /// How connections are made.
    pub link: Link,
    /// How often each move is tried at the most.
    pub rounds: u64,
    /// Go on after the first kill, to see which oracles find it and when.
    pub thorough: bool,
    /// Threads.
    pub threads: usize,
    /// No progress bar.
    pub quiet: bool,
}

/// The faults behind the claims that this build has checks for.
#[must_use]
pub fn faults() -> Vec<Fault> {
    Fault::ALL.iter().copied().filter(|fault| due().any(|claim| breaks(*fault, claim.id))).collect()
}

/// Plants every fault in turn.
#[must_use]
pub fn matrix(options: MatrixOptions) -> Vec<FaultResult> {
    let faults = faults();
    let progress = Progress::new("faults", faults.len(), options.quiet);
    let results = pool::run(&faults, options.threads, &AtomicBool::new(false), &|| progress.done_one(), |fault| {
        plant(*fault, options)
    });
    progress.finish();
    results.into_iter().flatten().collect()
}

/// The same cases without a fault: none may raise an alarm.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Control {
    /// Findings.
    pub alarms: u64,
    /// Requests that should have been served and were not.
    pub shortfalls: u64,
    /// Cases.
    pub cases: u64,
    /// Requests.
    pub requests: u64,
    /// Cases that could not be run.
    pub errors: u64,
}

/// Runs the matrix's cases without a fault.
#[must_use]
pub fn control(options: MatrixOptions) -> Control {
    let claims: Vec<&Claim> = due().collect();
    let cases = cases_of(&claims, options.seed, options.rounds);
    let progress = Progress::new("control", cases.len(), options.quiet);
    let target = Reference::new(options.link);
    let outcomes =
        pool::run(&cases, options.threads, &AtomicBool::new(false), &|| progress.done_one(), |case| run(&target, case));
    progress.finish();
    let mut control = Control::default();
    for outcome in outcomes.into_iter().flatten() {
        control.cases += 1;
        match outcome {
            Ok(outcome) => {
                control.requests += outcome.requests;
                control.alarms += count(outcome.findings().count());
                control.shortfalls += count(outcome.steps.iter().map(|step| step.shortfalls.len()).sum());
            }
            Err(_) => control.errors += 1,
        }
    }
    control
}

fn plant(fault: Fault, options: MatrixOptions) -> FaultResult {
    let broken: Vec<&Claim> = due().filter(|claim| breaks(fault, claim.id)).collect();
    let claims: Vec<ClaimId> = broken.iter().map(|claim| claim.id).collect();
    let target = Reference::with_faults(options.link, FaultSet::none().with(fault));
    let mut result = FaultResult {
        id: fault.id().to_owned(),
        claims: claims.clone(),
        caught: false,
        by: None,
        of_move: None,
        requests: None,
        oracles: BTreeMap::new(),
        error: None,
    };
    let mut requests = 0;
    for case in cases_of(&broken, options.seed, options.rounds.max(ROUNDS_MIN)) {
        let outcome = match run(&target, &case) {
            Ok(outcome) => outcome,
            Err(error) => {
                // It could not be tried here: another case may still show it.
                result.error = Some(error.to_string());
                continue;
            }
        };
        let at = requests + outcome.requests_to_first_finding.unwrap_or(outcome.requests);
        requests += outcome.requests;
        for finding in outcome.findings().filter(|finding| claims.contains(&finding.claim)) {
            result.oracles.entry(finding.oracle.as_str().to_owned()).or_insert(at);
            if !result.caught {
                result.caught = true;
                result.by = Some(finding.oracle.as_str().to_owned());
                result.requests = Some(at);
                if let crate::campaign::CaseKind::Directed { of_move } = &case.kind {
                    result.of_move = Some(of_move.clone());
                }
            }
        }
        if result.caught && !options.thorough {
            break;
        }
    }
    if result.caught {
        result.error = None;
    }
    result
}

fn run(target: &Reference, case: &Case) -> Result<CaseOutcome, TargetError> {
    let (world, steps) = case.steps(Profile::Quick.budget());
    block_on(run_case(target, &world, &steps))?
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
