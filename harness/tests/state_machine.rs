//! The model and the reference side by side, explored by proptest: it shrinks what it finds by itself.
#![expect(clippy::panic, reason = "a state machine test reports by panicking")]

use isolation_harness::engine::run_case;
use isolation_harness::target::reference::{Link, Reference};
use isolation_harness::verify::block_on;
use isolation_model::action::Action;
use isolation_model::choose::{FromBytes, Seeded};
use isolation_model::generate::{self, Swarm};
use isolation_model::trace::Step;
use isolation_model::world::{Profile, World};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

/// The world's seed and the actions so far: enough to say what comes next.
#[derive(Debug, Clone)]
struct Explored {
    world: u64,
    actions: Vec<Action>,
}

struct Model;

impl ReferenceStateMachine for Model {
    type State = Explored;
    type Transition = Action;

    fn init_state() -> BoxedStrategy<Explored> {
        any::<u64>().prop_map(|world| Explored { world, actions: Vec::new() }).boxed()
    }

    fn transitions(state: &Explored) -> BoxedStrategy<Action> {
        let seed = state.world;
        vec(any::<u8>(), 96)
            .prop_map(move |bytes| generate::action(&mut FromBytes::new(&bytes), &world(seed), Swarm::ALL))
            .boxed()
    }

    fn apply(mut state: Explored, transition: &Action) -> Explored {
        state.actions.push(transition.clone());
        state
    }
}

fn world(seed: u64) -> World {
    World::generate(&mut Seeded::new(seed), Profile::default())
}

/// The actions are judged together when the sequence is at its end: the engine is the only one that judges.
struct Judged(Explored);

impl StateMachineTest for Judged {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(state: &Explored) -> Self {
        Self(state.clone())
    }

    fn apply(mut judged: Self, _state: &Explored, transition: Action) -> Self {
        judged.0.actions.push(transition);
        judged
    }

    fn teardown(judged: Self, _state: Explored) {
        let explored = judged.0;
        let world = world(explored.world);
        let steps: Vec<Step> = explored.actions.into_iter().map(Step::from).collect();
        let target = Reference::new(Link::InProcess);
        let outcome = match block_on(run_case(&target, &world, &steps)) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) | Err(error) => panic!("the target can't be tested: {error}"),
        };
        let findings: Vec<_> = outcome.findings().collect();
        let shortfalls: Vec<_> = outcome.steps.iter().flat_map(|step| &step.shortfalls).collect();
        assert!(
            findings.is_empty() && shortfalls.is_empty(),
            "world {}: {findings:#?} {shortfalls:#?}",
            explored.world
        );
    }
}

prop_state_machine! {
    #![proptest_config(Config { cases: 24, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() })]

    #[test]
    fn the_reference_does_what_the_model_permits(sequential 1..12 => Judged);
}
