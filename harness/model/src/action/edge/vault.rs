//! Attempts on sealed values, one kind for each move of the claim about them.
//!
//! An attempt becomes a plan of steps that any vault can carry out; see [`crate::render::edge::vault_plan`].

use serde::{Deserialize, Serialize};

/// An attempt on sealed values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VaultTry {
    /// What is tried.
    pub kind: VaultKind,
    /// Whose values are sealed.
    pub tenant: u8,
    /// Which connection's row they lie in.
    pub connection: u8,
}

/// What is tried on sealed values. In each, what was sealed is opened first as its owner would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VaultKind {
    /// The envelopes of two rows of one tenant change places.
    SwapRows,
    /// The envelopes of two columns of one row change places.
    SwapColumns,
    /// The envelope goes into another table, same row id and column.
    SwapTables,
    /// The envelopes of two tenants change places, row id and column being equal.
    SwapTenants,
    /// The envelope names another key generation.
    SwapKeyId,
    /// The row was written again, and the older envelope is put back.
    OlderVersion,
    /// Table, column, row, tenant and version joined give the same bytes, cut at other places.
    FieldBoundaries,
    /// One bit is flipped: in each byte of version, key id, nonce, and some of ciphertext and tag.
    BitFlip,
    /// The envelope is cut: tag, ciphertext, nonce, everything.
    Truncate,
    /// One value is sealed many times.
    NonceRepeat,
    /// One value is sealed before and after restarts.
    NonceRestart,
    /// The tenant's data key is rotated: the old envelope opens until its generation is retired, and never after.
    Rotation,
    /// The master key is rotated: everything opens as before.
    MasterRotation,
}

impl VaultKind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::SwapRows,
        Self::SwapColumns,
        Self::SwapTables,
        Self::SwapTenants,
        Self::SwapKeyId,
        Self::OlderVersion,
        Self::FieldBoundaries,
        Self::BitFlip,
        Self::Truncate,
        Self::NonceRepeat,
        Self::NonceRestart,
        Self::Rotation,
        Self::MasterRotation,
    ];
}
