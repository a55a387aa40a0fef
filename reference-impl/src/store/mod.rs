//! Stores that the workers read.

pub mod kv;
