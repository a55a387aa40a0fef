//! The bytes of a sealed value, and the place that it is sealed for.

use crate::fault::{Fault, FaultSet};
use crate::store::database::{AppRow, ConnectionRow};
use std::fmt;

/// The only version of the form so far.
pub(super) const VERSION: u8 = 1;
/// The bytes of a nonce.
pub(super) const NONCE: usize = 12;
/// The bytes of a tag.
pub(super) const TAG: usize = 16;
/// The bytes in front of the ciphertext: version, key id, nonce.
const HEAD: usize = 1 + 4 + NONCE;

/// A sealed value: version (1 byte), key id (4 bytes: the data key's generation), nonce (12 bytes), ciphertext and tag.
/// It is no secret, and says nothing but how long the value is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Envelope(Vec<u8>);

/// What an envelope is made of.
pub(super) struct Parts<'a> {
    pub(super) generation: u32,
    pub(super) nonce: &'a [u8; NONCE],
    pub(super) sealed: &'a [u8],
}

impl Envelope {
    pub(super) fn new(generation: u32, nonce: &[u8; NONCE], sealed: &[u8]) -> Self {
        Self([&[VERSION][..], &generation.to_be_bytes(), nonce, sealed].concat())
    }

    /// Takes bytes as an envelope. Whether they are one shows when it is opened.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The generation of the data key that it names, if it is long enough to name one.
    #[must_use]
    pub fn generation(&self) -> Option<u32> {
        self.parts().map(|parts| parts.generation)
    }

    pub(super) fn parts(&self) -> Option<Parts<'_>> {
        if self.0.len() < HEAD + TAG {
            return None;
        }
        let rest = self.0.strip_prefix(&[VERSION])?;
        let (generation, rest) = rest.split_first_chunk::<4>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        Some(Parts { generation: u32::from_be_bytes(*generation), nonce, sealed })
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Envelope({} bytes)", self.0.len())
    }
}

/// The place of a value: a column of a row of a tenant, at one version of the row. A value opens there alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The row's id.
    pub row: &'a str,
    /// The row's tenant.
    pub tenant: &'a str,
    /// The row's version: it rises with every write, so that an older value put back doesn't open.
    pub version: u64,
}

impl<'a> Field<'a> {
    /// A column of a connection's row, at the row's version.
    #[must_use]
    pub fn of_connection(row: &'a ConnectionRow, column: &'a str) -> Self {
        Self { table: "connections", column, row: row.id.as_str(), tenant: row.tenant.as_str(), version: row.version }
    }

    /// The webhook secret of an app's row, at the row's version.
    #[must_use]
    pub fn of_app(row: &'a AppRow) -> Self {
        Self {
            table: "apps",
            column: "webhook_secret",
            row: row.id.as_str(),
            tenant: row.tenant.as_str(),
            version: row.version,
        }
    }

    /// The associated data: each part with its length in front, so that no two places spell the same bytes. None for a
    /// part that is longer than a length can say.
    pub(super) fn associated_data(&self, faults: FaultSet) -> Option<Vec<u8>> {
        let version = self.version.to_string();
        let version = if faults.has(Fault::VaultVersionLeftOut) { "" } else { &version };
        let parts = [self.table, self.column, self.row, self.tenant, version];
        if faults.has(Fault::VaultNoAad) {
            return Some(Vec::new());
        }
        if faults.has(Fault::VaultAadJoined) {
            return Some(parts.concat().into_bytes());
        }
        joined(&parts)
    }
}

/// Parts, each behind its length in four bytes.
pub(super) fn joined(parts: &[&str]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    for part in parts {
        bytes.extend_from_slice(&u32::try_from(part.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    Some(bytes)
}
