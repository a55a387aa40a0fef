//! The body is `isolation_harness::fuzzing::world_actions`.

#![no_main]

use isolation_harness::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzzing::world_actions(bytes));
