//! Calls to the edge as bytes, and what stands behind the edge: how upstreams, the broker and containers are told to
//! answer, and how an attempt on sealed values is carried out.

pub mod body;
pub mod call;
pub mod token;
pub mod upstream;
pub mod vault;

pub use call::{CALL_MARKER, Worker, host_of, wire, worker};
pub use token::{hmac_sha256, identity_public_key};
pub use upstream::{STRAY, ScriptEnd, UpstreamScript, container_script};
pub use vault::{Tamper, VaultField, VaultStep, vault_plan};
