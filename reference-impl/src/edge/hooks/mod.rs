//! The hooks worker: takes a provider's webhook in, and delivers it to the one deployment that its connection is bound to.
//!
//! [`decide`] holds the order of the checks, `envelope` what a container is sent, `shell` does the lookups. Until the
//! secret was found to be right there is one answer, whatever is wrong.

pub mod answers;
pub mod decide;
mod envelope;
#[cfg(feature = "faults")]
pub(crate) mod planted;
pub(crate) mod shell;
