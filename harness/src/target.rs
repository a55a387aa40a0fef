//! Targets: what is judged. A target provisions a world, carries actions out and says what was seen. It never judges.

mod client;
pub mod reference;

use isolation_model::action::Action;
use isolation_model::observation::Observation;
use isolation_model::state::State;
use isolation_model::world::World;

/// Why a target could not be tested. Not a finding: it says nothing of isolation.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The target did not start.
    #[error("starting the target: {0}")]
    Start(String),
    /// The world could not be set up.
    #[error("provisioning {what}: {why}")]
    Provision {
        /// What was to be set up.
        what: String,
        /// Why it was not.
        why: String,
    },
    /// A request could not be sent as it has to be.
    #[error("sending a request: {0}")]
    Send(String),
}

/// Something that can be judged.
pub trait Target {
    /// A provisioned world.
    type Session<'w>: Session
    where
        Self: 'w;

    /// Sets a world up.
    ///
    /// # Errors
    /// [`TargetError`], when the target can't be tested.
    fn provision<'w>(&'w self, world: &'w World) -> impl Future<Output = Result<Self::Session<'w>, TargetError>>;
}

/// A provisioned world in which actions are carried out.
pub trait Session {
    /// Carries one action out. `state` is the model's state before it. `keep` says that the next action wants to go on
    /// over this one's connection: a target that has several clients must use one that can.
    ///
    /// # Errors
    /// [`TargetError`], when the action could not be carried out as it says.
    fn perform(
        &mut self,
        state: &State,
        action: &Action,
        keep: bool,
    ) -> impl Future<Output = Result<Performed, TargetError>>;
}

/// An action that was carried out.
#[derive(Debug, Default)]
pub struct Performed {
    /// What was seen.
    pub observation: Observation,
    /// The server name of the TLS connection, where an earlier request opened it; `Some(None)` when that one sent none.
    pub reused_sni: Option<Option<String>>,
    /// Requests that were sent.
    pub requests: u64,
}
