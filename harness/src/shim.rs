//! Temporary.
#![allow(missing_docs, clippy::all)]
use isolation_model::action::Action;
use isolation_model::action::edge::EdgeCall;
use isolation_model::claim::ClaimId;
use isolation_model::render::edge::upstream::UpstreamScript;
use isolation_model::state::State;
use isolation_model::world::World;
#[derive(PartialEq, Eq)]
pub enum Why { Served }
pub struct Due { pub why: Why }
pub fn calls(action: &Action) -> Vec<&EdgeCall> {
    match action {
        Action::Edge(call) | Action::During { call, .. } => vec![call],
        Action::Together(calls) => calls.iter().collect(),
        _ => Vec::new(),
    }
}
pub fn dues(_: &World, _: &State, action: &Action) -> Vec<Due> { calls(action).into_iter().map(|_| Due { why: Why::Served }).collect() }
pub fn scripts(_: &World, _: &State, _: &Action) -> Vec<UpstreamScript> { Vec::new() }
pub fn claims(_: &World, _: &State, _: &Action) -> Vec<ClaimId> { Vec::new() }
pub fn words(_: &World, _: &State, action: &Action) -> Vec<String> { calls(action).into_iter().map(|_| String::new()).collect() }
