//! The pure model of isolation.

pub mod action;
pub mod canary;
pub mod choose;
pub mod claim;
pub mod moves;
pub mod observation;
pub mod token;
pub mod world;
