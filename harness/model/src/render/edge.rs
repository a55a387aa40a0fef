//! Calls to the edge as bytes, and what stands behind the edge: how containers are told to answer, and how an attempt on
//! sealed values is carried out.

pub mod vault;

pub use vault::{Tamper, VaultField, VaultStep, vault_plan};
