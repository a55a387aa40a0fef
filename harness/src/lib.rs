//! The isolation verification and fuzz harness.

pub mod campaign;
#[cfg(feature = "faults")]
pub mod cli;
pub mod counterexample;
pub mod engine;
pub mod exit_code;
#[cfg(feature = "faults")]
pub mod fault_matrix;
pub mod fuzzing;
pub mod progress;
pub mod record;
#[cfg(feature = "faults")]
pub mod report;
pub mod target;
pub mod verify;
pub mod wire;
