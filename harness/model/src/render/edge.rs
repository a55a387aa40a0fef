//! Calls to the edge as bytes, and what stands behind the edge: how upstreams, the broker and containers are told to
//! answer, and how an attempt on sealed values is carried out.

pub mod behind;
pub mod body;
pub mod call;
pub mod key;
pub mod path;
pub mod time;
pub mod token;
pub mod upstream;
pub mod vault;
mod words;

pub use behind::container_script;
pub use call::{CALL_MARKER, Worker, host_of, wire, worker};
pub use token::{hmac_sha256, identity_public_key};
pub use upstream::{STRAY, ScriptEnd, UpstreamScript};
pub use vault::{Tamper, VaultField, VaultStep, vault_plan};
