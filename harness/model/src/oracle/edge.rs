//! The oracles for calls to the workers at the edge.
//!
//! A call's fate is computed from the world's ground truth in the order in which the workers make their checks: [`key`]
//! says whose key it is, [`chain`] and [`scope`] which connection it opens and why not, [`route`] whether it is metered,
//! [`cost`] what it costs; [`expect`] puts it together, and [`step`] does so for all calls of a step. [`judge`] compares
//! what was seen with it; [`bill`] and [`ledger`] look after the money. Webhooks, sealed values and the operators' changes
//! have their own: [`hook`], [`vault`], [`control`].

pub mod bill;
pub mod chain;
mod compare;
pub mod control;
pub mod cost;
pub mod expect;
pub mod hook;
#[cfg(test)]
pub(crate) mod ideal;
pub mod judge;
pub mod key;
pub mod ledger;
mod provider;
pub mod route;
mod scan;
pub mod scope;
pub mod step;
#[cfg(test)]
mod tests;
pub mod vault;
mod vend;
pub mod why;
