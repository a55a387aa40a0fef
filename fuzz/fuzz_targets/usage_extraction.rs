//! The body is `isolation_harness::fuzzing::usage_extraction`.

#![no_main]

use isolation_harness::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzzing::usage_extraction(bytes));
