//! Bytes as a case: a world and some actions, run by the engine like any other case.

use isolation_model::choose::{Choose, FromBytes};
use isolation_model::claim::ClaimId;
use isolation_model::generate::{Swarm, action};
use isolation_model::oracle::{Finding, Oracle};
use isolation_model::trace::{Step, shorter};
use isolation_model::world::World;

use crate::campaign::shrink::shrink;
use crate::counterexample::{Counterexample, SCHEMA, WorldSource};
use crate::engine::{CaseOutcome, run_bare, run_case};
use crate::target::{Target, TargetError};
use crate::verify::block_on;

/// The most steps of a case. More of them would find no more: what needs a longer history is for the campaigns.
pub const STEPS_MAX: usize = 12;

/// The case that bytes stand for.
///
/// The first two bytes are the seed of the world, the others are choices of actions. The world is not drawn from the
/// bytes themselves: a fuzzer would then choose its secrets, and two keys that are equal are a false alarm.
#[must_use]
pub fn case(bytes: &[u8]) -> (WorldSource, World, Vec<Step>) {
    let mut choose = FromBytes::new(bytes);
    let source = WorldSource { seed: u64::from(choose.below(1 << 16)), case: 0 };
    let world = source.world();
    let mut steps = Vec::new();
    while !choose.is_spent() && steps.len() < STEPS_MAX {
        steps.push(action(&mut choose, &world, Swarm::ALL).into());
    }
    (source, world, steps)
}

/// Runs the case of some bytes.
///
/// # Errors
/// What is wrong, with a counterexample that `isolation replay` reads.
pub(super) fn check<T: Target>(target: &T, bytes: &[u8]) -> Result<(), String> {
    let (source, world, steps) = case(bytes);
    block_on(judge(target, source, &world, &steps))
        .and_then(|judged| judged)
        .map_err(|error| format!("the target can't be tested: {error}"))?
        .map_or(Ok(()), |counterexample| Err(text(&counterexample)))
}

/// The counterexample that a case is, made small.
async fn judge<T: Target>(
    target: &T,
    source: WorldSource,
    world: &World,
    steps: &[Step],
) -> Result<Option<Counterexample>, TargetError> {
    let outcome = run_case(target, world, steps).await?;
    let (finding, steps) = if let Some(finding) = outcome.findings().next().cloned() {
        match shrink(target, world, steps, finding.claim).await? {
            Some(shrunk) => (shrunk.finding, shrunk.trace),
            None => {
                let what = format!("{} (not again in a second run of these steps)", finding.what);
                (Finding { what, ..finding }, steps.to_vec())
            }
        }
    } else if let Some(finding) = not_served(&outcome) {
        fewer(target, world, outcome, finding).await?
    } else {
        return Ok(None);
    };
    let schema = SCHEMA.to_owned();
    Ok(Some(Counterexample { schema, claim: finding.claim, finding, world: source, fault: None, steps }))
}

/// What should have been served and was not, as a finding: it is about no leak, but about the outcomes that are permitted.
fn not_served(outcome: &CaseOutcome) -> Option<Finding> {
    let shortfall = outcome.steps.iter().flat_map(|step| &step.shortfalls).next()?;
    let claim = outcome.evidence.iter().find(|(_, evidence)| !evidence.shortfalls.is_empty());
    Some(Finding {
        claim: claim.map_or(ClaimId::Apx1, |(claim, _)| *claim),
        oracle: Oracle::PermittedOutcomes,
        what: format!("not served: {shortfall}"),
        leak: None,
    })
}

/// The steps that show what is not served, positive twins among them, without those that it doesn't take.
async fn fewer<T: Target>(
    target: &T,
    world: &World,
    outcome: CaseOutcome,
    mut finding: Finding,
) -> Result<(Finding, Vec<Step>), TargetError> {
    let found_at = outcome.steps.iter().position(|step| !step.shortfalls.is_empty()).unwrap_or(outcome.steps.len());
    let mut steps: Vec<Step> = outcome.steps.into_iter().take(found_at + 1).map(|judged| judged.step).collect();
    'smaller: loop {
        for candidate in shorter(&steps) {
            if let Some(smaller) = not_served(&run_bare(target, world, &candidate).await?) {
                (finding, steps) = (smaller, candidate);
                continue 'smaller;
            }
        }
        return Ok((finding, steps));
    }
}

fn text(counterexample: &Counterexample) -> String {
    let Counterexample { claim, finding, .. } = counterexample;
    let json = serde_json::to_string_pretty(counterexample)
        .unwrap_or_else(|error| format!("(the counterexample has no JSON form: {error})"));
    format!(
        "{claim}, {}: {}\nAs a file it is run by `isolation replay`:\n{json}",
        finding.oracle.as_str(),
        finding.what
    )
}

#[cfg(test)]
mod tests {
    use isolation_model::action::Action;
    use isolation_model::observation::{Exchange, Nothing};
    use isolation_model::oracle::canaries::requests;
    use isolation_model::state::State;

    use super::*;
    use crate::target::{Performed, Session};

    #[test]
    fn bytes_are_a_case_of_the_first_world_of_their_seed() {
        let (source, world, steps) = case(&[0x12, 0x34]);
        assert!(steps.is_empty(), "no byte is left to choose an action with");
        assert_eq!(world.tenants[0].id, source.world().tenants[0].id);
        let (_, _, more) = case(&[0x12, 0x34, 20, 1, 2, 3]);
        assert!(!more.is_empty() && more.len() <= STEPS_MAX);
        let (_, other, _) = case(&[0x12, 0x35]);
        assert_ne!(world.tenants[0].id, other.tenants[0].id);
        assert_eq!(case(&[7; 4000]).2.len(), STEPS_MAX);
    }

    /// A target that answers nobody.
    struct Silent;

    impl Target for Silent {
        type Session<'w> = Self;

        async fn provision<'w>(&'w self, _: &'w World) -> Result<Self, TargetError> {
            Ok(Self)
        }
    }

    impl Session for Silent {
        async fn perform(&mut self, _: &State, action: &Action, _: bool) -> Result<Performed, TargetError> {
            let requests = requests(action).len();
            let mut performed = Performed { requests: requests as u64, ..Performed::default() };
            performed.observation.exchanges = vec![Exchange::Nothing(Nothing::Closed); requests];
            Ok(performed)
        }
    }

    #[test]
    fn a_target_that_serves_nobody_is_found_to() {
        let wrong = check(&Silent, &[0, 1, 23, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap_err();
        assert!(wrong.contains("not served: ") && wrong.contains("\"seed\": "), "{wrong}");
    }

    #[cfg(feature = "faults")]
    mod with_faults {
        use super::super::*;
        use crate::target::reference::{Link, Reference};
        use isolation_model::choose::Seeded;
        use reference_impl::{Fault, FaultSet};

        /// A small stand-in for a fuzzer: random inputs, always the same.
        fn inputs() -> impl Iterator<Item = Vec<u8>> {
            (0..400).map(|seed| {
                let mut random = Seeded::new(seed);
                (0..120).map(|_| u8::try_from(random.below(256)).unwrap()).collect()
            })
        }

        #[test]
        fn a_planted_fault_is_found_and_the_counterexample_replays() {
            for fault in [Fault::ApxTenantCheckSkipped, Fault::ApxCookieForwarded, Fault::KvIdentifierEscapes] {
                let target = Reference::with_faults(Link::InProcess, FaultSet::none().with(fault));
                let wrong = inputs().find_map(|bytes| check(&target, &bytes).err()).unwrap_or_default();
                let json = wrong.split_once(":\n{").map(|(_, json)| format!("{{{json}")).unwrap_or_default();
                let counterexample: Counterexample =
                    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{}: {error}: {wrong}", fault.id()));
                assert!(fault.claims().contains(&counterexample.claim.as_str()), "{}: {wrong}", fault.id());
                let world = counterexample.world.world();
                let replayed = block_on(run_bare(&target, &world, &counterexample.steps)).unwrap().unwrap();
                assert!(replayed.findings().any(|finding| finding.claim == counterexample.claim));
                let sound = Reference::new(Link::InProcess);
                let outcome = block_on(run_bare(&sound, &world, &counterexample.steps)).unwrap().unwrap();
                assert_eq!(outcome.findings().count(), 0, "the fault alone is what was found");
            }
        }
    }
}
