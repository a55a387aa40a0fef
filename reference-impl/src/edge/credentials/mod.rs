//! The credentials worker: gives a deployment the tokens of its own connections.
//!
//! [`decide`] reads what a request asks for, `shell` looks up and answers. A token that a broker gave is kept in `cache`,
//! under its connection and nothing else. A refresh token is never opened here.

mod answers;
mod broker;
mod cache;
pub mod decide;
mod instant;
pub(crate) mod shell;
