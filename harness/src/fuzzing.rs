//! The bodies of all fuzz targets.
//!
//! A body takes any bytes, makes a case of them, and panics when something is wrong: that is how a fuzz target reports.
//! The message says what is wrong and how to see it again. Nothing is judged here that the engine or the model's oracle
//! judges; [`host_and_cookie`] and [`jws`] hold pure functions of the reference against a second implementation of the
//! same rules, which is written from the rules alone and shares no code with the reference.
//!
//! `fuzz/` holds the targets around these bodies, `tests/corpus.rs` replays what was found on a stable toolchain.

mod bearer_and_scopes;
mod hooks_signature;
mod host_and_cookie;
mod json;
mod jws;
mod path_guard;
mod usage_extraction;
mod vault_envelope;
mod world_actions;

pub use world_actions::{STEPS_MAX, case};

use crate::target::reference::{Link, Reference};

/// A body: what it is called, in `fuzz/fuzz_targets` as well, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All bodies.
pub const TARGETS: [Target; 8] = [
    ("bearer_and_scopes", bearer_and_scopes),
    ("hooks_signature", hooks_signature),
    ("host_and_cookie", host_and_cookie),
    ("jws", jws),
    ("path_guard", path_guard),
    ("usage_extraction", usage_extraction),
    ("vault_envelope", vault_envelope),
    ("world_actions", world_actions),
];

/// Random actions in a random world, judged by the engine against the reference in this process.
///
/// # Panics
/// When the engine finds something, when something that must be served is not, or when the target can't be tested.
pub fn world_actions(bytes: &[u8]) {
    report("world_actions", bytes, world_actions::check(&Reference::new(Link::InProcess), bytes));
}

/// Hosts and Cookie fields, read by the reference and by the rules.
///
/// # Panics
/// When the two differ.
pub fn host_and_cookie(bytes: &[u8]) {
    report("host_and_cookie", bytes, host_and_cookie::check(&host_and_cookie::Subject::REFERENCE, bytes));
}

/// Session tokens, read by the reference and by the rules.
///
/// # Panics
/// When the two differ, or when a token is accepted that is neither minted nor signed here.
pub fn jws(bytes: &[u8]) {
    report("jws", bytes, jws::check(jws::reference, bytes));
}

/// Header fields that could present a key, read by the reference, by the rules, and by a platform that gives a scope.
///
/// # Panics
/// When they differ.
pub fn bearer_and_scopes(bytes: &[u8]) {
    report("bearer_and_scopes", bytes, bearer_and_scopes::check(bearer_and_scopes::reference, bytes));
}

/// Webhooks, sent to a platform in this process.
///
/// # Panics
/// When one is delivered that must not be, or to another container, or in another envelope.
pub fn hooks_signature(bytes: &[u8]) {
    report("hooks_signature", bytes, hooks_signature::check(bytes));
}

/// Paths, read by the reference's guard, by the rules, and by the URL parser of an HTTP client.
///
/// # Panics
/// When guard and rules differ, or when a client makes another path of one that passed.
pub fn path_guard(bytes: &[u8]) {
    report("path_guard", bytes, path_guard::check(path_guard::reference, bytes));
}

/// Answers of upstreams, in pieces of any length.
///
/// # Panics
/// When their pieces make a difference, or when something else is read than was written.
pub fn usage_extraction(bytes: &[u8]) {
    report("usage_extraction", bytes, usage_extraction::check(usage_extraction::reference, bytes));
}

/// Sealed values, altered and in other places.
///
/// # Panics
/// When something opens that must not, or something doesn't that must.
pub fn vault_envelope(bytes: &[u8]) {
    report("vault_envelope", bytes, vault_envelope::check(bytes));
}

#[expect(clippy::panic, reason = "a fuzz target reports by panicking; nothing but fuzzing and its tests calls this")]
fn report(target: &str, bytes: &[u8], checked: Result<(), String>) {
    if let Err(wrong) = checked {
        panic!(
            "{target}: {wrong}\n\ninput, {} bytes: {}\nAs a file in fuzz/seeds/{target} it is replayed by \
             `cargo test -p isolation-harness --test corpus`.",
            bytes.len(),
            crate::engine::hex(bytes)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_the_target_and_holds_the_input() {
        let caught =
            std::panic::catch_unwind(|| report("jws", b"\x00\xffa", Err("it is wrong".to_owned()))).unwrap_err();
        let text = caught.downcast_ref::<String>().unwrap();
        assert!(text.contains("jws: it is wrong") && text.contains("3 bytes: 00ff61"), "{text}");
    }

    #[test]
    fn every_body_takes_an_empty_input() {
        for (_, body) in TARGETS {
            body(&[]);
        }
    }
}
