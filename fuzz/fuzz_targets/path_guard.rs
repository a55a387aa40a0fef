//! The body is `isolation_harness::fuzzing::path_guard`.

#![no_main]

use isolation_harness::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzzing::path_guard(bytes));
