//! The isolation verification and fuzz harness.

pub mod campaign;
pub mod engine;
pub mod target;
pub mod wire;
