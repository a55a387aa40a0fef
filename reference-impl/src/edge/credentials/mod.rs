//! The credentials worker: gives a deployment the tokens of its own connections.
//!
//! [`decide`] reads what a request asks for, [`chain`] finds the connection, `shell` looks up and answers. A token that a
//! broker gave is kept in `cache`, under its connection and nothing else. A refresh token is never opened here.

pub mod answers;
mod broker;
mod cache;
pub mod chain;
pub mod decide;
mod instant;
#[cfg(feature = "faults")]
mod planted;
pub(crate) mod shell;
