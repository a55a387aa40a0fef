//! The pure model of isolation.

pub mod canary;
