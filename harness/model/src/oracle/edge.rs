//! The oracles for calls to the workers at the edge.
//!
//! A call's fate is computed from the world's ground truth in the order in which the workers make their checks: [`key`] says
//! whose key it is, [`chain`] which connection it opens, [`cost`] what it costs, [`ledger`] whether the books are right. Webhooks and sealed
//! values have their own: [`hook`], [`vault`].

pub mod chain;
pub mod cost;
pub mod hook;
pub mod key;
pub mod ledger;
pub mod vault;
