//! The body is `isolation_harness::fuzzing::vault_envelope`.

#![no_main]

use isolation_harness::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzzing::vault_envelope(bytes));
