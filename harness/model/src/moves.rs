//! How each move of the claims that are due is carried out: from a move's id to the actions of one try.
//!
//! The register says what is tried, this module how. It draws whatever a move leaves open (whose deployment, which of
//! its hosts, which member, transport, method, path), so that many tries of one move differ and each still is that move.
//! It judges nothing and predicts nothing. Start at [`realise`]; the tables lie in the submodules, by claim.

mod apx1;
mod apx2;
mod apx3;
mod apx4;
mod apx5;
mod apx6;
mod crd1;
mod crd2;
mod crd3;
mod draft;
mod edge_draft;
mod edge_pair;
#[cfg(test)]
mod edge_tests;
mod hks1;
mod hks2;
mod key1;
mod kv;
mod prx1;
mod prx2;
mod prx3;
mod prx4;
mod prx5;
mod prx6;
#[cfg(test)]
mod prx_tests;
mod sec3;
#[cfg(test)]
mod tests;
mod vend_draft;
mod wal1;

use crate::action::Action;
use crate::choose::Choose;
use crate::world::World;
use draft::Draft;

/// The actions that carry a move out in a world that is as it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realisation {
    /// In the order in which they happen. Every request among them is canonical.
    pub actions: Vec<Action>,
    /// Index of the attack itself: the last action. Those before it prepare it.
    pub attack: usize,
}

/// Draws one try of the move of that id.
///
/// The actions are for a fresh case: flags and statuses are as the world says, and no sign-in code was given out.
///
/// `None` when the register has no such move of a claim that is due, or the world nothing to make it of. A world of the
/// default profile has what every move needs.
pub fn realise<C: Choose>(id: &str, world: &World, choose: &mut C) -> Option<Realisation> {
    let (claim, name) = id.split_once('.')?;
    let mut draft = Draft::new(world, choose);
    match claim {
        "APX-1" => apx1::realise(&mut draft, name),
        "APX-2" => apx2::realise(&mut draft, name),
        "APX-3" => apx3::realise(&mut draft, name),
        "APX-4" => apx4::realise(&mut draft, name),
        "APX-5" => apx5::realise(&mut draft, name),
        "APX-6" => apx6::realise(&mut draft, name),
        "PRX-1" => prx1::realise(&mut draft, name),
        "PRX-2" => prx2::realise(&mut draft, name),
        "PRX-3" => prx3::realise(&mut draft, name),
        "PRX-4" => prx4::realise(&mut draft, name),
        "PRX-5" => prx5::realise(&mut draft, name),
        "PRX-6" => prx6::realise(&mut draft, name),
        "KV-1" => kv::realise_keys(&mut draft, name),
        "KV-2" => kv::realise_reads(&mut draft, name),
        "WAL-1" => wal1::realise(&mut draft, name),
        "CRD-1" => crd1::realise(&mut draft, name),
        "CRD-2" => crd2::realise(&mut draft, name),
        "CRD-3" => crd3::realise(&mut draft, name),
        "KEY-1" => key1::realise(&mut draft, name),
        "HKS-1" => hks1::realise(&mut draft, name),
        "HKS-2" => hks2::realise(&mut draft, name),
        "SEC-3" => sec3::realise(&mut draft, name),
        _ => None,
    }?;
    let actions = draft.into_actions();
    let attack = actions.len().checked_sub(1)?;
    Some(Realisation { actions, attack })
}
