//! The walls of the workspace, kept by tests.
//!
//! Each check is a plain function from inputs to complaints. One test gives it the workspace, and others give it inputs
//! that are wrong, so that it is known to be able to fail.
//!
//! - [`walls`]: which crate may depend on which, and which module may name what.
//! - [`source`]: what no source file may hold.
//! - [`register`]: the register of claims against the reference's symbols and faults.
//! - [`text`]: what no file may say, and what the documents must.
#![expect(clippy::panic, reason = "what can't be read fails the test that needs it")]

mod files;
mod register;
mod source;
mod text;
mod walls;

/// Fails with every complaint, a line each.
#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
