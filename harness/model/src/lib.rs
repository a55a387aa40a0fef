//! The pure model of isolation.

pub mod action;
pub mod canary;
pub mod choose;
pub mod claim;
pub mod generate;
pub mod moves;
pub mod observation;
pub mod oracle;
pub mod render;
pub mod state;
pub mod token;
pub mod trace;
pub mod verdict;
pub mod world;
