//! The workers that face clients.
//!
//! Each one decides in pure functions and does its IO in a thin shell. [`framing`] and `gate` stand before all of
//! them: what they don't accept no worker sees. Then [`entry`] lets a request in, and [`worker`] says whose it is.

pub mod app_proxy;
pub(crate) mod budget;
pub(crate) mod connection;
pub mod credentials;
pub mod entry;
pub mod framing;
pub(crate) mod gate;
pub mod hooks;
pub(crate) mod listener;
pub(crate) mod log_line;
pub(crate) mod one_shot;
pub mod provider_proxy;
pub(crate) mod streams;
pub(crate) mod timely;
pub(crate) mod upstream;
pub mod worker;
