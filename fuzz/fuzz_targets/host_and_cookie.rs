//! The body is `isolation_harness::fuzzing::host_and_cookie`.

#![no_main]

use isolation_harness::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzzing::host_and_cookie(bytes));
