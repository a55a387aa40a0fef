//! The isolation verification and fuzz harness.

pub mod wire;
