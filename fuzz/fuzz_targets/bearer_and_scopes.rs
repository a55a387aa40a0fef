//! The body is `isolation_harness::fuzzing::bearer_and_scopes`.

#![no_main]

use isolation_harness::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzzing::bearer_and_scopes(bytes));
