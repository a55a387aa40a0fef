//! Makes a violating trace small: leaves steps out, then says less in each, as long as the same claim is violated.

use isolation_model::claim::ClaimId;
use isolation_model::oracle::Finding;
use isolation_model::trace::{Step, shorter, simpler};
use isolation_model::world::World;

use crate::engine::{Judged, run_bare, run_case};
use crate::target::{Target, TargetError};

/// How many traces are tried at the most.
const ATTEMPTS_MAX: usize = 600;

/// A violation, as small as it could be made.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// The steps.
    pub trace: Vec<Step>,
    /// What was found in them, of the claim that was asked for.
    pub finding: Finding,
    /// How they were judged, positive twins among them.
    pub judged: Vec<Judged>,
    /// Traces that were tried.
    pub attempts: usize,
}

/// Shrinks a trace that violates `claim`. `None` when it does not do so again: then the first finding was a flake.
///
/// # Errors
/// [`TargetError`], when the target can't be tested.
pub async fn shrink<T: Target>(
    target: &T,
    world: &World,
    trace: &[Step],
    claim: ClaimId,
) -> Result<Option<Shrunk>, TargetError> {
    let outcome = run_case(target, world, trace).await?;
    let found_at = outcome.steps.iter().position(|step| step.findings.iter().any(|finding| finding.claim == claim));
    let Some(found_at) = found_at else { return Ok(None) };
    // All that happened up to the finding, positive twins among it: so the trace needs nothing that it doesn't show.
    let whole: Vec<Step> = outcome.steps.iter().take(found_at + 1).map(|judged| judged.step.clone()).collect();
    let mut attempts = 1;
    let Some((finding, judged)) = violates(target, world, &whole, claim).await? else { return Ok(None) };
    let mut best = Shrunk { trace: whole, finding, judged, attempts };
    let mut changed = true;
    while changed && attempts < ATTEMPTS_MAX {
        changed = false;
        for candidate in candidates(&best.trace) {
            if attempts >= ATTEMPTS_MAX {
                break;
            }
            attempts += 1;
            if let Some((finding, judged)) = violates(target, world, &candidate, claim).await? {
                best = Shrunk { trace: candidate, finding, judged, attempts };
                changed = true;
                break;
            }
        }
    }
    best.attempts = attempts;
    Ok(Some(best))
}

fn candidates(trace: &[Step]) -> Vec<Vec<Step>> {
    let removals = shorter(trace);
    let simplified: Vec<Vec<Step>> = trace
        .iter()
        .enumerate()
        .rev()
        .flat_map(|(at, step)| {
            simpler(&step.action).into_iter().map(move |action| {
                let mut candidate = trace.to_vec();
                if let Some(step) = candidate.get_mut(at) {
                    step.action = action;
                }
                candidate
            })
        })
        .collect();
    removals.into_iter().chain(simplified).collect()
}

async fn violates<T: Target>(
    target: &T,
    world: &World,
    trace: &[Step],
    claim: ClaimId,
) -> Result<Option<(Finding, Vec<Judged>)>, TargetError> {
    let outcome = run_bare(target, world, trace).await?;
    let finding = outcome.findings().find(|finding| finding.claim == claim).cloned();
    Ok(finding.map(|finding| (finding, outcome.steps)))
}
