//! Verdicts: what a run may say of a claim. Held is earned.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::claim::{Claim, Milestone};

/// The five verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything was tried, reached its guard and failed, and the check is proven able to fail.
    Held,
    /// Something succeeded that must not.
    Violated,
    /// Nothing was found, but nothing could have been: some part of the proof is missing.
    Vacuous,
    /// The run can't tell.
    Inconclusive,
    /// The claim was not tried.
    NotRun,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Held, Self::Violated, Self::Vacuous, Self::Inconclusive, Self::NotRun];

    /// The name in records and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Violated => "violated",
            Self::Vacuous => "vacuous",
            Self::Inconclusive => "inconclusive",
            Self::NotRun => "not_run",
        }
    }
}

/// How many attacks on a claim must have reached their guard.
pub const ATTACKS_MIN: u64 = 30;

/// How often a move was tried, and how often the guard was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tries {
    /// Tries.
    pub attempts: u64,
    /// Tries that reached the guard.
    pub reached: u64,
}

/// What a run gathered about one claim.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// Attacks: actions that have to fail.
    pub attacks: u64,
    /// Positive twins that succeeded: the owner on the same object in the same run.
    pub controls: u64,
    /// By move id.
    pub moves: BTreeMap<String, Tries>,
    /// Findings.
    pub violations: u64,
    /// What should have been served and was not; the first few, in words.
    pub shortfalls: BTreeSet<String>,
    /// Planted faults behind the claim that this build caught.
    pub faults_caught: BTreeSet<String>,
    /// Planted faults behind the claim that this build did not catch.
    pub faults_missed: BTreeSet<String>,
    /// Why the run can't tell, if it can't.
    pub doubts: BTreeSet<String>,
}

/// How many shortfalls are kept in words.
const SHORTFALLS_KEPT: usize = 5;

impl Evidence {
    /// Notes a shortfall.
    pub fn shortfall(&mut self, what: &str) {
        if self.shortfalls.len() < SHORTFALLS_KEPT {
            self.shortfalls.insert(what.to_owned());
        }
    }

    /// Adds what another shard gathered.
    pub fn merge(&mut self, other: &Self) {
        self.attacks += other.attacks;
        self.controls += other.controls;
        self.violations += other.violations;
        for (id, tries) in &other.moves {
            let own = self.moves.entry(id.clone()).or_default();
            own.attempts += tries.attempts;
            own.reached += tries.reached;
        }
        self.shortfalls.extend(other.shortfalls.iter().cloned());
        while self.shortfalls.len() > SHORTFALLS_KEPT {
            self.shortfalls.pop_last();
        }
        self.faults_caught.extend(other.faults_caught.iter().cloned());
        self.faults_missed.extend(other.faults_missed.iter().cloned());
        self.doubts.extend(other.doubts.iter().cloned());
    }
}

/// The verdict on a claim, and its reason. `milestone` is how far this build's checks go.
#[must_use]
pub fn verdict(claim: &Claim, evidence: &Evidence, milestone: Milestone) -> (Verdict, String) {
    if !claim.is_due(milestone) {
        let reason = format!("this build has no check for it yet: its checks come with the part `{}`", claim.held_from);
        return (Verdict::NotRun, reason);
    }
    if evidence.violations > 0 {
        return (Verdict::Violated, format!("{} findings in {} attacks", evidence.violations, evidence.attacks));
    }
    if let Some(doubt) = evidence.doubts.first() {
        return (Verdict::Inconclusive, doubt.clone());
    }
    if evidence.attacks == 0 {
        return (Verdict::NotRun, "none of its moves was tried".to_owned());
    }
    match missing_proof(claim, evidence) {
        Some(reason) => (Verdict::Vacuous, reason),
        None => (
            Verdict::Held,
            format!(
                "{} attacks failed, {} positive twins succeeded, {} planted faults were caught",
                evidence.attacks,
                evidence.controls,
                evidence.faults_caught.len()
            ),
        ),
    }
}

/// The first condition of `held` that is not met.
fn missing_proof(claim: &Claim, evidence: &Evidence) -> Option<String> {
    if let Some(shortfall) = evidence.shortfalls.first() {
        return Some(format!("a request that must be served was not, so a refusal proves nothing: {shortfall}"));
    }
    if evidence.controls == 0 {
        return Some("no owner succeeded on the same object, so a refusal proves nothing".to_owned());
    }
    let tries = |id: &str| evidence.moves.get(id).copied().unwrap_or_default();
    if let Some(untried) = claim.moves.iter().find(|own| tries(own.id).attempts == 0) {
        return Some(format!("the move {} was not tried", untried.id));
    }
    if let Some(unreached) = claim.moves.iter().find(|own| tries(own.id).reached == 0) {
        return Some(format!("the move {} never reached its guard ({})", unreached.id, unreached.guard));
    }
    let reached: u64 = evidence.moves.values().map(|tries| tries.reached).sum();
    if reached < ATTACKS_MIN {
        return Some(format!("{reached} attacks reached their guard, and {ATTACKS_MIN} are needed"));
    }
    if let Some(missed) = evidence.faults_missed.first() {
        return Some(format!("the planted fault {missed} was not caught"));
    }
    if evidence.faults_caught.is_empty() {
        return Some(
            "no fault planted behind it was caught by this build, so the check may be unable to fail".to_owned(),
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::ClaimId;

    fn earned(claim: &Claim) -> Evidence {
        let tries = Tries { attempts: 40, reached: 40 };
        Evidence {
            attacks: 40 * claim.moves.len() as u64,
            controls: 1,
            moves: claim.moves.iter().map(|own| (own.id.to_owned(), tries)).collect(),
            faults_caught: BTreeSet::from(["some-fault".to_owned()]),
            ..Evidence::default()
        }
    }

    #[test]
    fn held_is_earned_by_every_condition() {
        let claim = ClaimId::Apx1.claim();
        let of = |evidence: &Evidence| verdict(claim, evidence, Milestone::Light).0;
        assert_eq!(of(&earned(claim)), Verdict::Held);
        let without = |change: &dyn Fn(&mut Evidence)| {
            let mut evidence = earned(claim);
            change(&mut evidence);
            of(&evidence)
        };
        let first = claim.moves[0].id;
        assert_eq!(without(&|e| e.controls = 0), Verdict::Vacuous);
        assert_eq!(without(&|e| e.faults_caught.clear()), Verdict::Vacuous);
        assert_eq!(without(&|e| e.faults_missed.extend(["x".to_owned()])), Verdict::Vacuous);
        assert_eq!(without(&|e| e.shortfall("the owner got 403")), Verdict::Vacuous);
        assert_eq!(without(&|e| e.moves.retain(|id, _| id != first)), Verdict::Vacuous);
        assert_eq!(without(&|e| e.moves.get_mut(first).unwrap().reached = 0), Verdict::Vacuous);
        assert_eq!(without(&|e| e.doubts.extend(["unclear".to_owned()])), Verdict::Inconclusive);
        assert_eq!(without(&|e| e.violations = 1), Verdict::Violated);
        assert_eq!(of(&Evidence::default()), Verdict::NotRun);
    }

    #[test]
    fn a_claim_of_a_later_part_is_not_run_whatever_was_gathered() {
        let claim = ClaimId::Wal1.claim();
        let (verdict, reason) = verdict(claim, &earned(claim), Milestone::Light);
        assert_eq!(verdict, Verdict::NotRun);
        assert!(reason.contains("edge"), "{reason}");
    }

    #[test]
    fn merging_shards_adds_up() {
        let claim = ClaimId::Apx2.claim();
        let mut sum = earned(claim);
        sum.merge(&earned(claim));
        assert_eq!(sum.controls, 2);
        assert!(sum.moves.values().all(|tries| tries.attempts == 80));
    }
}
