//! A verification run: campaign, confirmation and shrinking of what was found, fault matrix, verdicts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use isolation_model::canary;
use isolation_model::claim::{ClaimId, register};
use isolation_model::verdict::{Evidence, Verdict, verdict};
use reference_impl::Fault;

use crate::campaign::{self, Case, CaseKind, MILESTONE, Profile, pool, shrink};
use crate::engine::{CaseOutcome, run_case};
use crate::progress::Progress;
use crate::record::{ClaimResult, Event, FaultResult, MoveResult, Record, SCHEMA, Totals, Violation};
use crate::target::TargetError;
use crate::target::reference::{Link, Reference};

/// How a run is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// Seed of all choices.
    pub seed: u64,
    /// How much is tried.
    pub profile: Profile,
    /// How connections to the reference are made.
    pub link: Link,
    /// A fault to plant on purpose.
    pub fault: Option<Fault>,
    /// The claims that have to be held.
    pub required: Vec<ClaimId>,
    /// Threads.
    pub threads: usize,
    /// No progress bar.
    pub quiet: bool,
}

/// A run that came to its end.
#[derive(Debug, Clone)]
pub struct Run {
    /// Everything that was judged.
    pub record: Record,
    /// The verdicts, in the register's order.
    pub claims: Vec<ClaimResult>,
    /// Confirmed violations, one a claim.
    pub violations: Vec<Violation>,
    /// The fault matrix.
    pub faults: Vec<FaultResult>,
    /// Sums.
    pub totals: Totals,
}

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The target can't be tested at all.
    #[error("the target is broken: {0}")]
    Target(#[from] TargetError),
    /// The record can't be written.
    #[error("writing the record: {0}")]
    Record(#[from] serde_json::Error),
}

/// Verifies the reference.
///
/// # Errors
/// [`VerifyError`].
pub fn verify(options: &Options, stop: &AtomicBool) -> Result<Run, VerifyError> {
    let target = reference(options);
    let mut gathered = Gathered::default();
    gathered.record.add(Event::Started {
        schema: SCHEMA.to_owned(),
        seed: options.seed,
        profile: options.profile,
        target: link_name(options.link).to_owned(),
        fault: options.fault.map(|fault| fault.id().to_owned()),
        required: options.required.clone(),
    })?;
    self_test(options, &mut gathered)?;
    let cases = campaign::cases(options.seed, options.profile.budget());
    for part in parts(options, cases.len()) {
        gathered.campaign(options, &target, &cases, part, stop)?;
        // A fault that is planted to be seen has been seen: its other findings would say the same again.
        if options.fault.is_some_and(|fault| gathered.found.keys().any(|claim| breaks(fault, *claim))) {
            break;
        }
    }
    let violations = confirm(options, &target, &cases, &mut gathered)?;
    let Gathered { mut record, mut evidence, mut totals, .. } = gathered;
    for violation in &violations {
        record.add(Event::Violation(violation.clone()))?;
    }
    let faults = fault_matrix(options, stop, &mut evidence);
    for fault in &faults {
        totals.faults += 1;
        totals.faults_caught += u64::from(fault.caught);
        record.add(Event::Fault(fault.clone()))?;
    }
    if stop.load(Ordering::Relaxed) {
        doubt(&mut evidence, "the run was interrupted");
    }

    let claims: Vec<ClaimResult> = register()
        .map(|claim| {
            let own = evidence.remove(&claim.id).unwrap_or_default();
            let (verdict, reason) = verdict(claim, &own, MILESTONE);
            let tries = |id: &str| own.moves.get(id).copied().unwrap_or_default();
            ClaimResult {
                id: claim.id,
                verdict,
                reason,
                attacks: own.attacks,
                controls: own.controls,
                faults_caught: u64::try_from(own.faults_caught.len()).unwrap_or(u64::MAX),
                moves: claim.moves.iter().map(|own| MoveResult::new(own.id, tries(own.id))).collect(),
            }
        })
        .collect();
    for claim in &claims {
        *totals.verdicts.entry(claim.verdict.as_str().to_owned()).or_default() += 1;
        record.add(Event::Verdict(claim.clone()))?;
    }
    record.add(Event::Finished { totals: totals.clone() })?;
    Ok(Run { record, claims, violations, faults, totals })
}

/// The name of a link in records and on the command line.
#[must_use]
pub const fn link_name(link: Link) -> &'static str {
    match link {
        Link::InProcess => "in-process",
        Link::Http => "http",
    }
}

/// The reference, with the fault that the options plant.
#[must_use]
pub fn reference(options: &Options) -> Reference {
    #[cfg(feature = "faults")]
    if let Some(fault) = options.fault {
        return Reference::with_faults(options.link, reference_impl::FaultSet::none().with(fault));
    }
    Reference::new(options.link)
}

/// Runs a future on a runtime of this thread's own.
///
/// # Errors
/// [`TargetError::Start`], when the system gives no runtime.
pub fn block_on<F: Future>(future: F) -> Result<F::Output, TargetError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(future))
        .map_err(|error| TargetError::Start(format!("making a runtime: {error}")))
}

/// Shows that the scanner finds what it has to find, with the canaries of the first case's world.
fn self_test(options: &Options, gathered: &mut Gathered) -> Result<(), VerifyError> {
    let (world, _) = Case { seed: options.seed, number: 0, kind: CaseKind::Random }.world();
    let result = canary::self_test(&world.canaries.scanner(), &world.canaries, 2);
    gathered.record.add(Event::SelfTest { injected: to_u64(result.injected), found: to_u64(result.found) })?;
    if !result.passed() {
        doubt(&mut gathered.evidence, "the canary scanner missed canaries that were planted to test it");
    }
    Ok(())
}

/// A finding's place: its claim, and the index of its case.
type Found = BTreeMap<ClaimId, Vec<usize>>;

/// Whether a fault breaks a claim.
#[must_use]
pub fn breaks(fault: Fault, claim: ClaimId) -> bool {
    fault.claims().contains(&claim.as_str())
}

/// The parts in which the cases are run: all at once, or with a planted fault each move once and then the rest.
fn parts(options: &Options, cases: usize) -> Vec<std::ops::Range<usize>> {
    let moves = campaign::due().map(|claim| claim.moves.len()).sum::<usize>().min(cases);
    let parts = if options.fault.is_some() { [0..moves, moves..cases] } else { [0..cases, cases..cases] };
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

/// What a run gathers on its way.
#[derive(Default)]
struct Gathered {
    record: Record,
    evidence: BTreeMap<ClaimId, Evidence>,
    totals: Totals,
    found: Found,
}

impl Gathered {
    /// Runs a part of the cases.
    fn campaign(
        &mut self,
        options: &Options,
        target: &Reference,
        cases: &[Case],
        part: std::ops::Range<usize>,
        stop: &AtomicBool,
    ) -> Result<(), VerifyError> {
        let first = part.start;
        let cases = cases.get(part).unwrap_or(&[]);
        let progress = Progress::new("campaign", cases.len(), options.quiet);
        let budget = options.profile.budget();
        let outcomes = pool::run(cases, options.threads, stop, &|| progress.done_one(), |case| {
            let (world, steps) = case.steps(budget);
            block_on(run_case(target, &world, &steps)).and_then(|outcome| outcome)
        });
        progress.finish();
        let mut first_error = None;
        let mut succeeded = false;
        for (index, (case, outcome)) in cases.iter().zip(outcomes).enumerate() {
            let Some(outcome) = outcome else { continue };
            self.totals.cases += 1;
            let (outcome, error) = match outcome {
                Ok(outcome) => {
                    succeeded = true;
                    (outcome, None)
                }
                Err(error) => {
                    doubt(&mut self.evidence, &format!("case {} could not be run to its end: {error}", case.number));
                    let text = error.to_string();
                    first_error.get_or_insert(error);
                    (CaseOutcome::default(), Some(text))
                }
            };
            self.totals.requests += outcome.requests;
            self.totals.steps += to_u64(outcome.steps.len());
            for (claim, own) in &outcome.evidence {
                self.evidence.entry(*claim).or_default().merge(own);
            }
            for finding in outcome.findings() {
                self.totals.findings += 1;
                let places = self.found.entry(finding.claim).or_default();
                if places.last() != Some(&(first + index)) {
                    places.push(first + index);
                }
            }
            self.record.add(Event::Case {
                number: case.number,
                case: case.kind.clone(),
                requests: outcome.requests,
                steps: outcome.steps,
                error,
            })?;
        }
        match first_error {
            Some(error) if !succeeded => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// How many cases of a claim are replayed before a finding counts as a flake.
const REPLAYS: usize = 3;

/// Replays what was found: red must be red again. What is, is made small.
fn confirm(
    options: &Options,
    target: &Reference,
    cases: &[Case],
    gathered: &mut Gathered,
) -> Result<Vec<Violation>, VerifyError> {
    let progress = Progress::new("shrinking", gathered.found.len(), options.quiet);
    let budget = options.profile.budget();
    let mut violations = Vec::new();
    for (claim, places) in &gathered.found {
        // Short cases first: they shrink faster, and directed ones say what they are about.
        let mut candidates: Vec<&Case> = places.iter().filter_map(|index| cases.get(*index)).collect();
        candidates.sort_by_key(|case| (case.kind == CaseKind::Random, case.number));
        let mut confirmed = false;
        for case in candidates.into_iter().take(REPLAYS) {
            let (world, steps) = case.steps(budget);
            let shrunk = block_on(shrink::shrink(target, &world, &steps, *claim))??;
            if let Some(shrunk) = shrunk {
                confirmed = true;
                violations.push(Violation {
                    claim: *claim,
                    case: case.number,
                    finding: shrunk.finding,
                    trace: shrunk.trace,
                    attempts: to_u64(shrunk.attempts),
                });
                break;
            }
        }
        if !confirmed {
            let own = gathered.evidence.entry(*claim).or_default();
            own.violations = 0;
            own.doubts.insert("something was found that did not occur again on replay".to_owned());
        }
        progress.done_one();
    }
    progress.finish();
    Ok(violations)
}

#[cfg(feature = "faults")]
fn fault_matrix(options: &Options, stop: &AtomicBool, evidence: &mut BTreeMap<ClaimId, Evidence>) -> Vec<FaultResult> {
    if options.fault.is_some() || stop.load(Ordering::Relaxed) {
        return Vec::new();
    }
    let results = crate::fault_matrix::matrix(crate::fault_matrix::MatrixOptions {
        seed: options.seed,
        link: options.link,
        rounds: options.profile.budget().rounds,
        thorough: false,
        threads: options.threads,
        quiet: options.quiet,
    });
    for result in &results {
        for claim in &result.claims {
            let own = evidence.entry(*claim).or_default();
            let set = if result.caught { &mut own.faults_caught } else { &mut own.faults_missed };
            set.insert(result.id.clone());
        }
    }
    results
}

#[cfg(not(feature = "faults"))]
fn fault_matrix(
    _options: &Options,
    _stop: &AtomicBool,
    _evidence: &mut BTreeMap<ClaimId, Evidence>,
) -> Vec<FaultResult> {
    Vec::new()
}

fn doubt(evidence: &mut BTreeMap<ClaimId, Evidence>, why: &str) {
    for claim in campaign::due() {
        evidence.entry(claim.id).or_default().doubts.insert(why.to_owned());
    }
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// The claims that a profile requires when the caller names none.
#[must_use]
pub fn required_by(profile: Profile) -> Vec<ClaimId> {
    match profile {
        Profile::Quick | Profile::Standard | Profile::Full => campaign::due().map(|claim| claim.id).collect(),
        Profile::Load => vec![ClaimId::Blr1, ClaimId::Blr2],
    }
}

/// Whether a claim that has to be held is.
#[must_use]
pub fn missing<'r>(run: &'r Run, required: &[ClaimId]) -> Vec<&'r ClaimResult> {
    run.claims.iter().filter(|claim| required.contains(&claim.id) && claim.verdict == Verdict::NotRun).collect()
}
