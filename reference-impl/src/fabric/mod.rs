//! What a tenant owns inside of the platform.

pub mod container;
