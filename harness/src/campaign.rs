//! Campaigns: which cases are run. A case is known by its number alone, so that one seed is one campaign, whoever runs
//! which part of it.

pub mod pool;
pub mod shrink;

use isolation_model::choose::Seeded;
use isolation_model::claim::{Claim, Milestone, register};
use isolation_model::generate::{self, Swarm};
use isolation_model::moves::realise;
use isolation_model::trace::Step;
use isolation_model::world::{Profile as Bounds, World};
use serde::{Deserialize, Serialize};

/// How far the checks of this build go.
pub const MILESTONE: Milestone = Milestone::Edge;

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// At most two minutes on two cores.
    Quick,
    /// Some minutes.
    Standard,
    /// No limit.
    Full,
    /// The claims about load.
    Load,
}

/// The budget of a profile, in counts, so that it is the same on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// How often each move is carried out.
    pub rounds: u64,
    /// Random cases.
    pub random_cases: u64,
    /// Steps of a random case.
    pub random_steps: usize,
}

impl Profile {
    /// The name in records and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Standard => "standard",
            Self::Full => "full",
            Self::Load => "load",
        }
    }

    /// The profile's budget.
    #[must_use]
    pub const fn budget(self) -> Budget {
        match self {
            Self::Quick => Budget { rounds: 16, random_cases: 300, random_steps: 60 },
            Self::Standard => Budget { rounds: 32, random_cases: 1_500, random_steps: 80 },
            Self::Full => Budget { rounds: 64, random_cases: 20_000, random_steps: 120 },
            Self::Load => Budget { rounds: 0, random_cases: 0, random_steps: 0 },
        }
    }
}

/// What a case is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CaseKind {
    /// One move of the register is carried out.
    Directed {
        /// The move's id.
        #[serde(rename = "move")]
        of_move: String,
    },
    /// Random steps.
    Random,
}

/// One case: everything that is needed to run it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Case {
    /// Seed of the campaign.
    pub seed: u64,
    /// The case's number in it.
    pub number: u64,
    /// What it is.
    pub kind: CaseKind,
}

impl Case {
    /// The case's world and the choices that follow it.
    #[must_use]
    pub fn world(&self) -> (World, Seeded) {
        let mut choose = Seeded::case(self.seed, self.number);
        let world = World::generate(&mut choose, Bounds::default());
        (world, choose)
    }

    /// The case's world and steps.
    #[must_use]
    pub fn steps(&self, budget: Budget) -> (World, Vec<Step>) {
        let (world, mut choose) = self.world();
        let steps = match &self.kind {
            CaseKind::Directed { of_move } => directed(of_move, &world, &mut choose),
            CaseKind::Random => {
                let swarm = Swarm::generate(&mut choose);
                (0..budget.random_steps).map(|_| generate::action(&mut choose, &world, swarm).into()).collect()
            }
        };
        (world, steps)
    }
}

fn directed(of_move: &str, world: &World, choose: &mut Seeded) -> Vec<Step> {
    let Some(realisation) = realise(of_move, world, choose) else {
        return Vec::new();
    };
    realisation
        .actions
        .into_iter()
        .enumerate()
        .map(|(at, action)| Step { action, of_move: (at == realisation.attack).then(|| of_move.to_owned()) })
        .collect()
}

/// The cases of a campaign: every move of every claim that is due, round by round, then random ones.
#[must_use]
pub fn cases(seed: u64, budget: Budget) -> Vec<Case> {
    let moves: Vec<&'static str> = due().flat_map(|claim| claim.moves).map(|own| own.id).collect();
    let directed =
        (0..budget.rounds).flat_map(|_| moves.iter()).map(|id| CaseKind::Directed { of_move: (*id).to_owned() });
    let random = (0..budget.random_cases).map(|_| CaseKind::Random);
    (0..).zip(directed.chain(random)).map(|(number, kind)| Case { seed, number, kind }).collect()
}

/// The cases that try one claim's moves, for a fault that is planted behind it.
#[must_use]
pub fn cases_of(claims: &[&Claim], seed: u64, rounds: u64) -> Vec<Case> {
    let moves: Vec<&'static str> = claims.iter().flat_map(|claim| claim.moves).map(|own| own.id).collect();
    let directed = (0..rounds).flat_map(|_| moves.iter()).map(|id| CaseKind::Directed { of_move: (*id).to_owned() });
    (0..).zip(directed).map(|(number, kind)| Case { seed, number, kind }).collect()
}

/// The claims that this build has checks for.
pub fn due() -> impl Iterator<Item = &'static Claim> {
    register().filter(|claim| claim.is_due(MILESTONE))
}
