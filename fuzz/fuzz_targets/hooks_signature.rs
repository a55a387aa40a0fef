//! The body is `isolation_harness::fuzzing::hooks_signature`.

#![no_main]

use isolation_harness::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzzing::hooks_signature(bytes));
