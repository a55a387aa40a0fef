//! Attempts on sealed values as plans: steps that any vault can carry out, whatever it is called and wherever it runs.
//!
//! A plan is data. It names envelopes by the order in which they are sealed, and what is done to their bytes is said
//! here too ([`Tamper::apply`]), so that two targets can't alter them in two ways.

use crate::action::edge::VaultTry;
use crate::action::edge::vault::VaultKind;
use crate::world::World;

/// Bytes of an envelope's version.
pub const VERSION_LEN: usize = 1;
/// Where the nonce begins: behind the version and the key id.
pub const NONCE_AT: usize = VERSION_LEN + 4;
/// Where the ciphertext begins: behind the nonce of 12 bytes.
pub const CIPHERTEXT_AT: usize = NONCE_AT + 12;
/// Bytes of the tag, which ends an envelope.
pub const TAG_LEN: usize = 16;
/// How often one value is sealed in the search for an equal nonce.
const SEALS: usize = 48;
/// How often between two restarts.
const SEALS_BETWEEN: usize = 12;
/// What could stand between the parts of a place, if lengths did not.
const SEPARATORS: [&str; 7] = ["", ":", "/", "|", ".", "\0", "\u{1f}"];

/// The place of a sealed value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VaultField {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The row's id.
    pub row: String,
    /// The id of the row's tenant.
    pub tenant: String,
    /// The row's version.
    pub version: u64,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultStep {
    /// A value is sealed for a place. The nth of these makes envelope n, counted from 0; one that fails makes an empty
    /// envelope.
    Seal {
        /// The place.
        field: VaultField,
        /// The value.
        value: Vec<u8>,
    },
    /// An envelope, altered by [`Tamper::apply`], is opened at a place.
    Open {
        /// The place.
        field: VaultField,
        /// Which envelope.
        envelope: usize,
        /// How it is altered.
        tamper: Tamper,
    },
    /// A tenant gets a new data key, which seals from now on.
    RotateTenant {
        /// The tenant's id.
        tenant: String,
    },
    /// The data key of a tenant that sealed an envelope is retired: the one that the envelope names.
    Retire {
        /// The tenant's id.
        tenant: String,
        /// Which envelope.
        sealed_by: usize,
    },
    /// The vault starts anew, from what is stored and the master key that it has now.
    Restart,
    /// The master key is replaced by this one.
    RotateMaster([u8; 32]),
}

/// What is done to the bytes of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tamper {
    /// Nothing.
    None,
    /// It gets the key id that another envelope has.
    KeyIdOf(usize),
    /// It gets this key id.
    KeyId(u32),
    /// One bit is turned.
    Flip {
        /// In which byte.
        byte: usize,
        /// Which, below 8.
        bit: u8,
    },
    /// It ends after so many bytes.
    Keep(usize),
    /// Some bytes are taken out.
    Cut {
        /// From which on.
        from: usize,
        /// How many.
        length: usize,
    },
    /// A byte is put behind it.
    Append(u8),
}

impl Tamper {
    /// The altered envelope. `sealed` are all envelopes so far. One that is too short for the alteration stays as it is.
    #[must_use]
    pub fn apply(self, envelope: &[u8], sealed: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = envelope.to_vec();
        match self {
            Self::None => {}
            Self::KeyIdOf(other) => {
                if let Some(id) = sealed.get(other).and_then(|other| key_id(other)) {
                    write_key_id(&mut bytes, id);
                }
            }
            Self::KeyId(id) => write_key_id(&mut bytes, id),
            Self::Flip { byte, bit } => {
                if let Some(byte) = bytes.get_mut(byte) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Self::Keep(length) => bytes.truncate(length),
            Self::Cut { from, length } => {
                let end = from.saturating_add(length).min(bytes.len());
                if from < end {
                    bytes.drain(from..end);
                }
            }
            Self::Append(byte) => bytes.push(byte),
        }
        bytes
    }
}

/// The key id in an envelope, if it is long enough to have one.
#[must_use]
pub fn key_id(envelope: &[u8]) -> Option<u32> {
    let (_, rest) = envelope.split_at_checked(VERSION_LEN)?;
    rest.first_chunk().map(|id| u32::from_be_bytes(*id))
}

fn write_key_id(envelope: &mut [u8], id: u32) {
    if let Some(place) = envelope.get_mut(VERSION_LEN..NONCE_AT) {
        place.copy_from_slice(&id.to_be_bytes());
    }
}

/// The steps of an attempt. Whatever is sealed is opened as its owner would, before and after what must fail.
#[must_use]
pub fn vault_plan(world: &World, tried: VaultTry) -> Vec<VaultStep> {
    let mut plan = Plan { world, tried, steps: Vec::new(), sealed: 0 };
    match tried.kind {
        VaultKind::SwapRows => plan.swap(|field, next| field.row = next.row.clone()),
        VaultKind::SwapColumns => plan.swap(|field, _| field.column = "refresh".to_owned()),
        VaultKind::SwapTables => plan.swap(|field, _| field.table = "deployment_credentials".to_owned()),
        VaultKind::SwapTenants => plan.swap(|field, next| field.tenant = next.tenant.clone()),
        VaultKind::SwapKeyId => plan.swap_key_id(),
        VaultKind::OlderVersion => plan.older_version(),
        VaultKind::FieldBoundaries => plan.field_boundaries(),
        VaultKind::BitFlip => plan.bit_flip(),
        VaultKind::Truncate => plan.truncate(),
        VaultKind::NonceRepeat => plan.nonce_repeat(),
        VaultKind::NonceRestart => plan.nonce_restart(),
        VaultKind::Rotation => plan.rotation(),
        VaultKind::MasterRotation => plan.master_rotation(),
    }
    plan.steps
}

/// A plan in the making.
struct Plan<'w> {
    world: &'w World,
    tried: VaultTry,
    steps: Vec<VaultStep>,
    sealed: usize,
}

impl Plan<'_> {
    /// Two values change places that differ in one part: `change` makes the second place of the first. It is also given
    /// a place of the next row and the next tenant.
    fn swap(&mut self, change: impl Fn(&mut VaultField, &VaultField)) {
        let first = self.field();
        let mut second = first.clone();
        change(&mut second, &self.next_field());
        let one = self.seal(&first, 0);
        let other = self.seal(&second, 1);
        self.owners(&[(&first, one), (&second, other)]);
        self.open(&first, other, Tamper::None);
        self.open(&second, one, Tamper::None);
        self.owners(&[(&first, one), (&second, other)]);
    }

    fn swap_key_id(&mut self) {
        let field = self.field();
        let other = self.next_tenant_field();
        let older = self.seal(&field, 0);
        self.rotate(&field);
        let newer = self.seal(&field, 1);
        // A generation that the other tenant has and this one hasn't.
        for _ in 0..2 {
            self.seal(&other, 2);
            self.rotate(&other);
        }
        let foreign = self.seal(&other, 2);
        let all = [(&field, older), (&field, newer), (&other, foreign)];
        self.owners(&all);
        for (own, tamper) in [
            (older, Tamper::KeyIdOf(newer)),
            (newer, Tamper::KeyIdOf(older)),
            (older, Tamper::KeyIdOf(foreign)),
            (newer, Tamper::KeyIdOf(foreign)),
            (newer, Tamper::KeyId(0)),
            (newer, Tamper::KeyId(u32::MAX)),
        ] {
            self.open(&field, own, tamper);
        }
        self.open(&field, foreign, Tamper::KeyIdOf(newer));
        self.owners(&all);
    }

    fn older_version(&mut self) {
        let field = self.field();
        let older = self.seal(&field, 0);
        self.owners(&[(&field, older)]);
        let next = VaultField { version: field.version + 1, ..field.clone() };
        let newer = self.seal(&next, 1);
        self.owners(&[(&next, newer)]);
        self.open(&next, older, Tamper::None);
        self.open(&field, newer, Tamper::None);
        // A version is a number: neither its first digit nor its last is one of another.
        let tenfold = VaultField { version: field.version * 10, ..field.clone() };
        self.open(&tenfold, older, Tamper::None);
        self.open(&tenfold, newer, Tamper::None);
        self.owners(&[(&next, newer)]);
    }

    fn field_boundaries(&mut self) {
        let base = self.field();
        for separator in SEPARATORS {
            for boundary in Boundary::ALL {
                let (left, right) = moved(&base, boundary, separator);
                let sealed = self.seal(&left, 0);
                self.owners(&[(&left, sealed)]);
                self.open(&right, sealed, Tamper::None);
                let back = self.seal(&right, 1);
                self.owners(&[(&right, back)]);
                self.open(&left, back, Tamper::None);
            }
        }
        // The boundaries beside the tenant. Both of the two have a data key, so that none is missing.
        let tenant =
            |tenant: String, row: &str, version| VaultField { tenant, row: row.to_owned(), version, ..base.clone() };
        let version = (tenant(format!("{}-1", base.tenant), "r", 2), tenant(format!("{}-", base.tenant), "r", 12));
        let row = (tenant(base.tenant.clone(), "rx", 1), tenant(format!("x{}", base.tenant), "r", 1));
        for (left, right) in [version, row] {
            let (one, other) = (self.seal(&left, 0), self.seal(&right, 1));
            self.owners(&[(&left, one), (&right, other)]);
            self.open(&right, one, Tamper::None);
            self.open(&left, other, Tamper::None);
        }
    }

    fn bit_flip(&mut self) {
        let field = self.field();
        let value = self.value(0).len();
        let sealed = self.seal(&field, 0);
        self.owners(&[(&field, sealed)]);
        let ciphertext = [0, value / 2, value.saturating_sub(1)].map(|at| CIPHERTEXT_AT + at);
        let tag = CIPHERTEXT_AT + value..CIPHERTEXT_AT + value + TAG_LEN;
        for byte in (0..CIPHERTEXT_AT).chain(ciphertext).chain(tag) {
            let turn = byte + usize::from(self.tried.connection);
            let bit = u8::try_from(turn % 8).unwrap_or(0);
            self.open(&field, sealed, Tamper::Flip { byte, bit });
        }
        self.owners(&[(&field, sealed)]);
    }

    fn truncate(&mut self) {
        let field = self.field();
        let value = self.value(0).len();
        let sealed = self.seal(&field, 0);
        self.owners(&[(&field, sealed)]);
        let tag = CIPHERTEXT_AT + value;
        let whole = tag + TAG_LEN;
        // The tag cut by a byte, to the lengths that some take for a tag, to nothing; then all that stands before it.
        let shorter = [1, 3, 4, 8, 12, TAG_LEN].map(|off| whole - off);
        for length in
            shorter.into_iter().chain([tag - 1, CIPHERTEXT_AT + TAG_LEN, CIPHERTEXT_AT, NONCE_AT, VERSION_LEN, 0])
        {
            self.open(&field, sealed, Tamper::Keep(length));
        }
        for (from, length) in [
            (CIPHERTEXT_AT, value),
            (CIPHERTEXT_AT, 1),
            (tag - 1, 1),
            (NONCE_AT, CIPHERTEXT_AT - NONCE_AT),
            (NONCE_AT, 1),
            (VERSION_LEN, NONCE_AT - VERSION_LEN),
            (0, VERSION_LEN),
        ] {
            self.open(&field, sealed, Tamper::Cut { from, length });
        }
        self.open(&field, sealed, Tamper::Append(0));
        self.owners(&[(&field, sealed)]);
    }

    fn nonce_repeat(&mut self) {
        let fields = [self.field(), self.next_tenant_field()];
        for _ in 0..SEALS {
            for field in &fields {
                let sealed = self.seal(field, 0);
                self.owners(&[(field, sealed)]);
            }
        }
    }

    fn nonce_restart(&mut self) {
        let field = self.field();
        let mut all = Vec::new();
        for round in 0..4 {
            if round > 0 {
                self.steps.push(VaultStep::Restart);
            }
            all.extend((0..SEALS_BETWEEN).map(|_| self.seal(&field, 0)));
            for sealed in &all {
                self.owners(&[(&field, *sealed)]);
            }
        }
    }

    fn rotation(&mut self) {
        let field = self.field();
        let neighbour = self.next_tenant_field();
        let old = self.seal(&field, 0);
        let foreign = self.seal(&neighbour, 1);
        self.owners(&[(&field, old), (&neighbour, foreign)]);
        self.rotate(&field);
        let next = VaultField { version: field.version + 1, ..field.clone() };
        let new = self.seal(&next, 0);
        self.owners(&[(&field, old), (&next, new), (&neighbour, foreign)]);
        self.steps.push(VaultStep::Retire { tenant: field.tenant.clone(), sealed_by: old });
        for restart in [false, true] {
            if restart {
                self.steps.push(VaultStep::Restart);
            }
            self.open(&field, old, Tamper::None);
            self.open(&field, old, Tamper::KeyIdOf(new));
            self.open(&next, old, Tamper::None);
            self.owners(&[(&next, new), (&neighbour, foreign)]);
        }
        self.rotate(&field);
        self.open(&field, old, Tamper::None);
        let newest = self.seal(&next, 2);
        self.owners(&[(&next, new), (&next, newest), (&neighbour, foreign)]);
    }

    fn master_rotation(&mut self) {
        let field = self.field();
        let neighbour = self.next_tenant_field();
        let mut all = vec![(field.clone(), self.seal(&field, 0)), (neighbour.clone(), self.seal(&neighbour, 1))];
        let everyone = |plan: &mut Self, all: &[(VaultField, usize)]| {
            for (field, sealed) in all {
                plan.owners(&[(field, *sealed)]);
            }
        };
        everyone(self, &all);
        self.steps.push(VaultStep::RotateMaster(self.world.edge.master_key.map(|byte| byte ^ 0x5a)));
        everyone(self, &all);
        self.open(&field, 1, Tamper::None);
        all.push((field.clone(), self.seal(&field, 2)));
        self.steps.push(VaultStep::Restart);
        everyone(self, &all);
        self.rotate(&field);
        all.push((field.clone(), self.seal(&field, 3)));
        self.steps.push(VaultStep::Restart);
        everyone(self, &all);
        self.open(&neighbour, 0, Tamper::None);
    }

    fn seal(&mut self, field: &VaultField, value: usize) -> usize {
        let value = self.value(value).into_bytes();
        self.steps.push(VaultStep::Seal { field: field.clone(), value });
        self.sealed += 1;
        self.sealed - 1
    }

    fn open(&mut self, field: &VaultField, envelope: usize, tamper: Tamper) {
        self.steps.push(VaultStep::Open { field: field.clone(), envelope, tamper });
    }

    /// Each opens its own.
    fn owners(&mut self, own: &[(&VaultField, usize)]) {
        for (field, envelope) in own {
            self.open(field, *envelope, Tamper::None);
        }
    }

    fn rotate(&mut self, field: &VaultField) {
        self.steps.push(VaultStep::RotateTenant { tenant: field.tenant.clone() });
    }

    fn field(&self) -> VaultField {
        VaultField {
            table: "connections".to_owned(),
            column: "credential".to_owned(),
            row: self.world.connection(self.tried.connection).id.clone(),
            tenant: self.world.tenant(usize::from(self.tried.tenant)).id.clone(),
            version: 1 + u64::from(self.tried.connection % 3),
        }
    }

    fn next_tenant_field(&self) -> VaultField {
        VaultField { tenant: self.next_field().tenant, ..self.field() }
    }

    fn next_field(&self) -> VaultField {
        VaultField {
            row: self.world.connection(self.tried.connection.wrapping_add(1)).id.clone(),
            tenant: self.world.tenant(usize::from(self.tried.tenant) + 1).id.clone(),
            ..self.field()
        }
    }

    /// Secrets of the tenant's connections: canaries, so that they are recognised wherever they turn up.
    fn value(&self, which: usize) -> String {
        let tenant = usize::from(self.tried.tenant) % self.world.tenants.len().max(1);
        let own = self.world.edge.connections.iter().filter(|own| own.tenant == tenant);
        let secrets: Vec<&str> = own
            .flat_map(|own| [&own.credential, &own.refresh, &own.webhook_secret])
            .flatten()
            .map(|canary| canary.text.as_str())
            .collect();
        let at = (which + usize::from(self.tried.connection)) % secrets.len().max(1);
        secrets.get(at).map(|text| (*text).to_owned()).unwrap_or_default()
    }
}

/// Two places that are the same text when their parts are joined with a separator, since they are cut at other places.
/// The tenant stays, or another data key would decide.
fn moved(base: &VaultField, boundary: Boundary, separator: &str) -> (VaultField, VaultField) {
    const PART: &str = "part";
    let mut left = base.clone();
    let mut right = base.clone();
    match boundary {
        Boundary::TableColumn => {
            left.table = format!("{}{separator}{PART}", base.table);
            right.column = format!("{PART}{separator}{}", base.column);
        }
        Boundary::ColumnRow => {
            left.column = format!("{}{separator}{PART}", base.column);
            right.row = format!("{PART}{separator}{}", base.row);
        }
        Boundary::Both => {
            left.table = format!("{}{separator}{PART}", base.table);
            right.column = PART.to_owned();
            right.row = format!("{}{separator}{}", base.column, base.row);
        }
    }
    (left, right)
}

/// A boundary between two parts of a place.
#[derive(Debug, Clone, Copy)]
enum Boundary {
    TableColumn,
    ColumnRow,
    /// A part of the table is the column, and the column is a part of the row.
    Both,
}

impl Boundary {
    const ALL: [Self; 3] = [Self::TableColumn, Self::ColumnRow, Self::Both];
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::choose::Seeded;
    use crate::world::Profile;

    fn plans(kind: VaultKind) -> Vec<Vec<VaultStep>> {
        let world = World::generate(&mut Seeded::new(3), Profile::default());
        let tries = (0..3).flat_map(|tenant| (0..20).map(move |connection| VaultTry { kind, tenant, connection }));
        tries.map(|tried| vault_plan(&world, tried)).collect()
    }

    #[test]
    fn a_plan_opens_only_what_was_sealed_before_and_begins_with_an_owner() {
        for plan in VaultKind::ALL.into_iter().flat_map(plans) {
            let mut places = Vec::new();
            let mut opened = 0;
            for step in &plan {
                match step {
                    VaultStep::Seal { field, value } => {
                        assert!(value.len() >= 32, "a value that can't be recognised");
                        places.push(field.clone());
                    }
                    VaultStep::Open { field, envelope, tamper } => {
                        let place = places.get(*envelope).expect("sealed before");
                        if opened == 0 {
                            assert!(place == field && *tamper == Tamper::None, "{plan:?}");
                        }
                        opened += 1;
                        if let Tamper::KeyIdOf(other) = tamper {
                            assert!(*other < places.len());
                        }
                    }
                    VaultStep::Retire { sealed_by, .. } => assert!(*sealed_by < places.len()),
                    VaultStep::RotateTenant { .. } | VaultStep::Restart | VaultStep::RotateMaster(_) => {}
                }
            }
            assert!(opened > 0);
        }
    }

    #[test]
    fn places_at_a_moved_boundary_differ_and_join_to_one_text() {
        let steps = plans(VaultKind::FieldBoundaries).concat();
        let base = steps
            .into_iter()
            .find_map(|step| if let VaultStep::Open { field, .. } = step { Some(field) } else { None });
        let base = base.unwrap();
        for separator in SEPARATORS {
            for boundary in Boundary::ALL {
                let (left, right) = moved(&base, boundary, separator);
                assert_ne!(left, right);
                let joined =
                    [&left, &right].map(|own| [own.table.as_str(), &own.column, &own.row, &own.tenant].join(separator));
                assert_eq!(joined[0], joined[1], "{boundary:?} {separator:?}");
                assert_eq!((left.tenant, left.version), (right.tenant, right.version));
            }
        }
    }

    #[test]
    fn an_alteration_alters_what_it_says() {
        let envelope: Vec<u8> = (0..65).collect();
        let other = [&[1, 0, 0, 0, 9][..], &[7; 40]].concat();
        let sealed = [envelope.clone(), other];
        let apply = |tamper: Tamper| tamper.apply(&envelope, &sealed);
        assert_eq!(apply(Tamper::None), envelope);
        assert_eq!(apply(Tamper::KeyIdOf(0)), envelope);
        assert_eq!(apply(Tamper::KeyIdOf(1)), apply(Tamper::KeyId(9)));
        assert_eq!(key_id(&apply(Tamper::KeyId(9))), Some(9));
        assert_eq!(apply(Tamper::KeyId(9)).get(NONCE_AT..), envelope.get(NONCE_AT..));
        let flipped = apply(Tamper::Flip { byte: 64, bit: 7 });
        assert_eq!(flipped.iter().zip(&envelope).filter(|(a, b)| a != b).count(), 1);
        assert_eq!(apply(Tamper::Keep(3)), [0, 1, 2]);
        assert_eq!(apply(Tamper::Cut { from: 1, length: 63 }), [0, 64]);
        assert_eq!(apply(Tamper::Append(5)).len(), 66);
        assert_eq!(apply(Tamper::Flip { byte: 65, bit: 0 }), envelope, "there is no such byte");
        assert_eq!(key_id(&[1, 0, 0]), None);
    }

    #[test]
    fn every_byte_but_most_of_the_ciphertext_is_flipped() {
        for plan in plans(VaultKind::BitFlip) {
            let bytes: BTreeSet<usize> = plan
                .iter()
                .filter_map(|step| {
                    let VaultStep::Open { tamper: Tamper::Flip { byte, .. }, .. } = step else { return None };
                    Some(*byte)
                })
                .collect();
            let due = (0..CIPHERTEXT_AT + 1).chain(CIPHERTEXT_AT + 32..CIPHERTEXT_AT + 32 + TAG_LEN);
            assert!(due.into_iter().all(|byte| bytes.contains(&byte)), "{bytes:?}");
        }
    }
}
