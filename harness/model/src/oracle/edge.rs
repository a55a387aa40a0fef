//! The oracles of the edge.

pub mod hook;
pub mod vault;
