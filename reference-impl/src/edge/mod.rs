//! The workers that face clients.
//!
//! Each one decides in pure functions and does its IO in a thin shell. [`framing`] and `gate` stand before all of
//! them: what they don't accept no worker sees.

pub mod app_proxy;
pub mod framing;
pub(crate) mod gate;
pub(crate) mod listener;
pub(crate) mod streams;
pub(crate) mod timely;
pub mod worker;
