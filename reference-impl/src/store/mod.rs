//! Stores that the workers read.
//!
//! [`database`] is the authority, [`kv`] follows it, [`vault`] seals what neither may show. [`money`] and [`rates`] say
//! what something costs.

pub(crate) mod calendar;
pub mod database;
pub mod kv;
pub mod money;
pub mod rates;
pub mod vault;
pub mod wallet;
