//! Exit codes: one meaning each, whatever the command.

use isolation_model::claim::ClaimId;
use isolation_model::verdict::Verdict;

use crate::record::ClaimResult;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ExitCode {
    /// All is as it must be.
    Clean = 0,
    /// A claim is violated.
    Violated = 1,
    /// The command was called wrongly, or a file can't be read.
    Usage = 2,
    /// A required claim could not have been found violated.
    Vacuous = 3,
    /// The run can't tell.
    Inconclusive = 4,
    /// The target can't be tested.
    TargetBroken = 5,
    /// A required claim was not tried.
    NotRun = 6,
}

impl ExitCode {
    /// The code of a run: the worst of what was found, a violation first.
    #[must_use]
    pub fn of(claims: &[ClaimResult], required: &[ClaimId]) -> Self {
        if claims.iter().any(|claim| claim.verdict == Verdict::Violated) {
            return Self::Violated;
        }
        let worst = |verdict| claims.iter().any(|claim| required.contains(&claim.id) && claim.verdict == verdict);
        if worst(Verdict::Vacuous) {
            Self::Vacuous
        } else if worst(Verdict::Inconclusive) {
            Self::Inconclusive
        } else if worst(Verdict::NotRun) {
            Self::NotRun
        } else {
            Self::Clean
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(id: ClaimId, verdict: Verdict) -> ClaimResult {
        ClaimResult { id, verdict, reason: String::new(), attacks: 0, controls: 0, faults_caught: 0, moves: Vec::new() }
    }

    #[test]
    fn a_violation_counts_always_and_the_rest_where_it_is_required() {
        let required = [ClaimId::Apx1, ClaimId::Apx2];
        for (verdict, required_claim, other_claim) in [
            (Verdict::Held, ExitCode::Clean, ExitCode::Clean),
            (Verdict::Violated, ExitCode::Violated, ExitCode::Violated),
            (Verdict::Vacuous, ExitCode::Vacuous, ExitCode::Clean),
            (Verdict::Inconclusive, ExitCode::Inconclusive, ExitCode::Clean),
            (Verdict::NotRun, ExitCode::NotRun, ExitCode::Clean),
        ] {
            let held = claim(ClaimId::Apx2, Verdict::Held);
            assert_eq!(ExitCode::of(&[claim(ClaimId::Apx1, verdict), held.clone()], &required), required_claim);
            assert_eq!(ExitCode::of(&[claim(ClaimId::Kv3, verdict), held], &required), other_claim);
        }
    }

    #[test]
    fn a_violation_outranks_all_else() {
        let claims = [
            claim(ClaimId::Apx1, Verdict::Vacuous),
            claim(ClaimId::Apx2, Verdict::Violated),
            claim(ClaimId::Apx3, Verdict::NotRun),
        ];
        assert_eq!(ExitCode::of(&claims, &[ClaimId::Apx1, ClaimId::Apx3]), ExitCode::Violated);
    }
}
