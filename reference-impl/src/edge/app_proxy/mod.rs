//! The app-proxy: a browser's request to a deployment's host, checked, and sent on to the deployment's container.
//!
//! Read [`decide`](mod@decide) first: every decision is made there, without IO. `shell` does what was decided.

pub mod decide;
pub(crate) mod pages;
#[cfg(feature = "faults")]
pub(crate) mod planted;
pub mod request_headers;
pub mod reserved_path;
pub mod response_headers;
pub(crate) mod shell;
pub(crate) mod upgrade;

pub use decide::{Decision, Forward, Head, Inspection, Route, ServerName, decide, route};
pub use pages::Refusal;
