//! Attempts on sealed values, as steps that any vault can carry out.

use crate::action::edge::vault::{VaultKind, VaultTry};
use crate::world::World;

/// Where a value is sealed: what its ciphertext is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultField {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The id of the row.
    pub row: String,
    /// The id of the tenant.
    pub tenant: String,
    /// The version of the row.
    pub version: u64,
}

/// One step of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultStep {
    /// Seals a value. The envelopes are numbered from 0 in the order in which they are made.
    Seal {
        /// Where.
        field: VaultField,
        /// What.
        value: Vec<u8>,
    },
    /// Opens an envelope.
    Open {
        /// Its number.
        envelope: usize,
        /// What is done to its bytes before.
        tamper: Tamper,
        /// Where.
        field: VaultField,
        /// What it must give; `None` where it must be refused.
        due: Option<Vec<u8>>,
    },
    /// A new data key for a tenant.
    RotateTenant {
        /// The tenant's id.
        tenant: String,
    },
    /// The generation of a tenant's data key that sealed an envelope is given up.
    Retire {
        /// The tenant's id.
        tenant: String,
        /// The envelope's number.
        sealed_by: usize,
    },
    /// A new master key: these 32 bytes.
    RotateMaster([u8; 32]),
    /// The vault is stopped and started anew from what it stored.
    Restart,
}

/// What is done to an envelope's bytes: one byte of version, four of key id, twelve of nonce, ciphertext, sixteen of
/// tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tamper {
    /// Nothing.
    None,
    /// A bit of the byte at this place, counted from the front, is flipped.
    Flip(usize),
    /// A bit of the byte at this place, counted from the back, is flipped.
    FlipFromBack(usize),
    /// Only so many bytes are kept.
    Keep(usize),
    /// So many bytes are cut off.
    CutOff(usize),
    /// The key id becomes this.
    KeyId(u32),
    /// A byte more behind.
    Extend,
}

impl Tamper {
    /// The bytes afterwards.
    #[must_use]
    pub fn apply(self, envelope: &[u8]) -> Vec<u8> {
        let mut bytes = envelope.to_vec();
        match self {
            Self::None => {}
            Self::Flip(at) => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 0x10;
                }
            }
            Self::FlipFromBack(at) => {
                let at = bytes.len().checked_sub(at + 1);
                if let Some(byte) = at.and_then(|at| bytes.get_mut(at)) {
                    *byte ^= 0x01;
                }
            }
            Self::Keep(length) => bytes.truncate(length),
            Self::CutOff(length) => bytes.truncate(bytes.len().saturating_sub(length)),
            Self::KeyId(id) => {
                for (byte, new) in bytes.iter_mut().skip(1).zip(id.to_be_bytes()) {
                    *byte = new;
                }
            }
            Self::Extend => bytes.push(0),
        }
        bytes
    }
}

/// The nonce of an envelope.
#[must_use]
pub fn nonce(envelope: &[u8]) -> Option<&[u8]> {
    envelope.get(5..17)
}

/// The steps of an attempt.
#[must_use]
pub fn vault_plan(world: &World, attempt: VaultTry) -> Vec<VaultStep> {
    let tenant = usize::from(attempt.tenant) % world.tenants.len().max(1);
    let id = |tenant: usize| world.tenant(tenant).id.clone();
    let row = |offset: u8| world.connection(attempt.connection.wrapping_add(offset)).id.clone();
    let field = |table: &str, column: &str, row: String, tenant: usize, version: u64| VaultField {
        table: table.to_owned(),
        column: column.to_owned(),
        row,
        tenant: id(tenant),
        version,
    };
    let plain = || field("connections", "credential", row(0), tenant, 1);
    // Values of two places differ, so that one in the place of the other is seen; both are canaries of the world.
    let value = |n: usize| {
        let own =
            world.edge.connections.iter().filter(|own| own.tenant == tenant).filter_map(|own| own.credential.as_ref());
        own.cycle().nth(n).map(|canary| canary.text.clone().into_bytes()).unwrap_or_default()
    };
    let mut plan = Plan { steps: Vec::new(), sealed: 0 };
    match attempt.kind {
        VaultKind::SwapRows => {
            plan.swap(plain(), value(0), field("connections", "credential", row(1), tenant, 1), value(1))
        }
        VaultKind::SwapColumns => {
            plan.swap(plain(), value(0), field("connections", "refresh_token", row(0), tenant, 1), value(1));
        }
        VaultKind::SwapTables => plan.swap(plain(), value(0), field("apps", "credential", row(0), tenant, 1), value(1)),
        VaultKind::SwapTenants => {
            let other = tenant + 1;
            let other = field("connections", "credential", row(0), other, 1);
            plan.swap(plain(), value(0), other, value(1));
        }
        VaultKind::SwapKeyId => {
            plan.seal(plain(), value(0));
            plan.open(0, Tamper::None, plain(), Some(value(0)));
            plan.steps.push(VaultStep::RotateTenant { tenant: id(tenant) });
            plan.seal(plain(), value(1));
            for key_id in [0, 1, 2, 3, 7, u32::MAX] {
                // One of them may be the id that the envelope has: it opens then, and gives its own value.
                plan.open_if_altered(0, Tamper::KeyId(key_id), plain());
                plan.open_if_altered(1, Tamper::KeyId(key_id), plain());
            }
        }
        VaultKind::OlderVersion => {
            plan.seal(plain(), value(0));
            let newer = VaultField { version: 2, ..plain() };
            plan.seal(newer.clone(), value(1));
            plan.open(0, Tamper::None, plain(), Some(value(0)));
            plan.open(1, Tamper::None, newer.clone(), Some(value(1)));
            plan.open(0, Tamper::None, newer, None);
            plan.open(1, Tamper::None, plain(), None);
        }
        VaultKind::FieldBoundaries => {
            let moved =
                |table: &str, column: &str, row: &str, version| field(table, column, row.to_owned(), tenant, version);
            let rows = [
                (moved("ab", "c", "d", 1), moved("a", "bc", "d", 1)),
                (moved("t", "ab", "c", 1), moved("t", "a", "bc", 1)),
                (
                    moved("t", "c", "r", 11),
                    VaultField { tenant: format!("{}1", id(tenant)), ..moved("t", "c", "r", 1) },
                ),
                (moved("", "tc", "r", 1), moved("tc", "", "r", 1)),
            ];
            for (n, (sealed, opened)) in rows.into_iter().enumerate() {
                plan.seal(sealed.clone(), value(0));
                plan.open(n, Tamper::None, sealed, Some(value(0)));
                plan.open(n, Tamper::None, opened, None);
            }
        }
        VaultKind::BitFlip => {
            plan.seal(plain(), value(0));
            plan.open(0, Tamper::None, plain(), Some(value(0)));
            let front = (0..20).map(Tamper::Flip);
            let back = [0, 1, 7, 15, 16, 17, 30].map(Tamper::FlipFromBack);
            for tamper in front.chain(back) {
                plan.open(0, tamper, plain(), None);
            }
        }
        VaultKind::Truncate => {
            plan.seal(plain(), value(0));
            plan.open(0, Tamper::None, plain(), Some(value(0)));
            let kept = [0, 1, 4, 5, 16, 17, 18, 33].map(Tamper::Keep);
            let cut = [1, 4, 12, 16, 17].map(Tamper::CutOff);
            for tamper in kept.into_iter().chain(cut).chain([Tamper::Extend]) {
                plan.open(0, tamper, plain(), None);
            }
        }
        VaultKind::NonceRepeat => {
            for n in 0..64 {
                plan.seal(plain(), value(0));
                if n % 16 == 0 {
                    plan.open(n, Tamper::None, plain(), Some(value(0)));
                }
            }
        }
        VaultKind::NonceRestart => {
            for n in 0..12 {
                plan.seal(plain(), value(0));
                plan.steps.push(VaultStep::Restart);
                plan.open(n, Tamper::None, plain(), Some(value(0)));
            }
        }
        VaultKind::Rotation => {
            plan.seal(plain(), value(0));
            plan.steps.push(VaultStep::RotateTenant { tenant: id(tenant) });
            plan.open(0, Tamper::None, plain(), Some(value(0)));
            plan.seal(plain(), value(1));
            plan.open(1, Tamper::None, plain(), Some(value(1)));
            plan.steps.push(VaultStep::Retire { tenant: id(tenant), sealed_by: 0 });
            plan.open(0, Tamper::None, plain(), None);
            plan.open(1, Tamper::None, plain(), Some(value(1)));
            plan.steps.push(VaultStep::Restart);
            plan.open(0, Tamper::None, plain(), None);
            plan.open(1, Tamper::None, plain(), Some(value(1)));
        }
        VaultKind::MasterRotation => {
            plan.seal(plain(), value(0));
            plan.steps.push(VaultStep::RotateMaster(world.edge.foreign_identity_key));
            plan.open(0, Tamper::None, plain(), Some(value(0)));
            plan.steps.push(VaultStep::Restart);
            plan.open(0, Tamper::None, plain(), Some(value(0)));
            plan.open(0, Tamper::None, VaultField { tenant: id(tenant + 1), ..plain() }, None);
        }
    }
    plan.steps
}

struct Plan {
    steps: Vec<VaultStep>,
    sealed: usize,
}

impl Plan {
    fn seal(&mut self, field: VaultField, value: Vec<u8>) {
        self.steps.push(VaultStep::Seal { field, value });
        self.sealed += 1;
    }

    fn open(&mut self, envelope: usize, tamper: Tamper, field: VaultField, due: Option<Vec<u8>>) {
        self.steps.push(VaultStep::Open { envelope, tamper, field, due });
    }

    /// Which id the envelope has is the vault's to choose: the judge looks whether the tampering altered anything.
    fn open_if_altered(&mut self, envelope: usize, tamper: Tamper, field: VaultField) {
        self.open(envelope, tamper, field, None);
    }

    /// Two values, each opened where it belongs, then each where the other belongs.
    fn swap(&mut self, one: VaultField, value: Vec<u8>, other: VaultField, other_value: Vec<u8>) {
        self.seal(one.clone(), value.clone());
        self.seal(other.clone(), other_value.clone());
        self.open(0, Tamper::None, one.clone(), Some(value));
        self.open(1, Tamper::None, other.clone(), Some(other_value));
        self.open(0, Tamper::None, other, None);
        self.open(1, Tamper::None, one, None);
    }
}
