//! Attempts on sealed values, against a vault that is ideal: a value opens at its own place and version, as it was
//! sealed, while its key is not retired; and no nonce comes twice.
//!
//! What must open follows from the plan and the bytes of the envelopes alone. An alteration that alters nothing, since
//! the envelope already had what it writes, is none.

use std::collections::{BTreeMap, BTreeSet};

use crate::action::edge::VaultTry;
use crate::canary::Scanner;
use crate::claim::ClaimId;
use crate::observation::VaultSeen;
use crate::oracle::compare::permitted;
use crate::oracle::{Finding, Judgement, Leak, Oracle};
use crate::render::edge::vault::{CIPHERTEXT_AT, NONCE_AT, TAG_LEN, key_id};
use crate::render::edge::{Tamper, VaultField, VaultStep, vault_plan};
use crate::world::World;

/// The only version of envelopes.
const VERSION: u8 = 1;

/// What an opening must give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenDue {
    /// The value; `None` where it must be refused.
    pub value: Option<Vec<u8>>,
    /// What was tried, in words.
    pub words: String,
    /// Whether another tenant's key was retired since the value was sealed, which must not touch it.
    pub after_foreign_retirement: bool,
}

/// A value that was sealed.
struct Sealed<'p> {
    field: &'p VaultField,
    value: &'p [u8],
    /// How often its tenant's key was replaced before.
    generation: u32,
    /// How many keys had been retired by then.
    retirements: usize,
}

/// What each opening of a plan must give, when the envelopes are these.
#[must_use]
pub fn due(plan: &[VaultStep], envelopes: &[Vec<u8>]) -> Vec<OpenDue> {
    let mut sealed: Vec<Sealed<'_>> = Vec::new();
    let mut generations: BTreeMap<&str, u32> = BTreeMap::new();
    let mut retired: Vec<(&str, u32)> = Vec::new();
    let mut dues = Vec::new();
    for step in plan {
        match step {
            VaultStep::Seal { field, value } => {
                let generation = generations.get(field.tenant.as_str()).copied().unwrap_or(0);
                sealed.push(Sealed { field, value, generation, retirements: retired.len() });
            }
            VaultStep::RotateTenant { tenant } => *generations.entry(tenant).or_default() += 1,
            VaultStep::Retire { tenant, sealed_by } => {
                if let Some(own) = sealed.get(*sealed_by) {
                    retired.push((tenant, own.generation));
                }
            }
            VaultStep::Restart | VaultStep::RotateMaster(_) => {}
            VaultStep::Open { field, envelope, tamper } => {
                let own = sealed.get(*envelope);
                let bytes = envelopes.get(*envelope).map_or(&[][..], Vec::as_slice);
                let unaltered = tamper.apply(bytes, envelopes) == bytes;
                let alive = |own: &Sealed<'_>| !retired.contains(&(own.field.tenant.as_str(), own.generation));
                let opens = own.filter(|own| own.field == field && unaltered && alive(own));
                dues.push(OpenDue {
                    value: opens.map(|own| own.value.to_vec()),
                    words: own.map(|own| words(own, field, *tamper, alive(own))).unwrap_or_default(),
                    after_foreign_retirement: opens.is_some_and(|own| {
                        retired.iter().skip(own.retirements).any(|(tenant, _)| *tenant != own.field.tenant)
                    }),
                });
            }
        }
    }
    dues
}

fn words(own: &Sealed<'_>, field: &VaultField, tamper: Tamper, alive: bool) -> String {
    let parts = [
        (own.field.table != field.table, "table"),
        (own.field.column != field.column, "column"),
        (own.field.row != field.row, "row"),
        (own.field.tenant != field.tenant, "tenant"),
        (own.field.version != field.version, "version"),
    ];
    let others: Vec<&str> = parts.iter().filter(|(differs, _)| *differs).map(|(_, part)| *part).collect();
    let mut words = if others.is_empty() {
        "at its own place".to_owned()
    } else {
        format!("at a place of another {}", others.join(" and "))
    };
    if tamper != Tamper::None {
        words.push_str(&format!(", altered ({tamper:?})"));
    }
    if !alive {
        words.push_str(", after its key was retired");
    }
    words
}

/// Judges an attempt. Its one exchange counts as served when whatever had to open did, and as a refusal to be made when
/// something had to be refused.
#[must_use]
pub fn judge(world: &World, scanner: &Scanner, tried: VaultTry, seen: Option<&VaultSeen>) -> Judgement {
    let plan = vault_plan(world, tried);
    let mut judgement = Judgement::default();
    let Some(seen) = seen else {
        judgement.shortfalls.push("nothing was seen of an attempt on sealed values".to_owned());
        return judgement;
    };
    let dues = due(&plan, &seen.sealed);
    openings(&dues, seen, &mut judgement);
    envelopes(&plan, seen, &mut judgement);
    nonces(&plan, seen, &mut judgement);
    for envelope in &seen.sealed {
        leaks(world, scanner, envelope, &mut judgement);
    }
    judgement.findings.sort();
    judgement.findings.dedup();
    judgement.served.push(judgement.shortfalls.is_empty());
    judgement.refusals.push(dues.iter().any(|due| due.value.is_none()));
    judgement
}

fn openings(dues: &[OpenDue], seen: &VaultSeen, judgement: &mut Judgement) {
    if seen.opened.len() != dues.len() {
        judgement.shortfalls.push(format!("{} of {} openings were tried", seen.opened.len(), dues.len()));
    }
    for (due, opened) in dues.iter().zip(&seen.opened) {
        match (&due.value, opened) {
            (None, None) => {}
            (Some(value), Some(opened)) if value == opened => {}
            (Some(_), Some(opened)) => found(
                judgement,
                format!("a value came out other than it was sealed ({} bytes), {}", opened.len(), due.words),
            ),
            (Some(_), None) if due.after_foreign_retirement => {
                found(judgement, format!("retiring another tenant's key closed a sealed value {}", due.words));
            }
            (Some(_), None) => judgement.shortfalls.push(format!("a sealed value did not open {}", due.words)),
            (None, Some(_)) => found(judgement, format!("a sealed value opened {}", due.words)),
        }
    }
}

/// The form of the envelopes, and which key each names.
fn envelopes(plan: &[VaultStep], seen: &VaultSeen, judgement: &mut Judgement) {
    let mut generations: BTreeMap<&str, u32> = BTreeMap::new();
    // The key ids that each generation of a tenant was seen under.
    let mut named: BTreeMap<(&str, u32), BTreeSet<u32>> = BTreeMap::new();
    let mut all = seen.sealed.iter();
    for step in plan {
        match step {
            VaultStep::RotateTenant { tenant } => *generations.entry(tenant).or_default() += 1,
            VaultStep::Seal { field, value } => {
                let Some(envelope) = all.next().filter(|envelope| !envelope.is_empty()) else {
                    judgement.shortfalls.push("a value was not sealed".to_owned());
                    continue;
                };
                let due = CIPHERTEXT_AT + value.len() + TAG_LEN;
                if envelope.len() < due {
                    let what = format!(
                        "an envelope of {} bytes has no room for nonce, ciphertext and tag, which take {due}",
                        envelope.len()
                    );
                    found(judgement, what);
                    continue;
                }
                if envelope.first() != Some(&VERSION) || envelope.len() > due {
                    judgement.shortfalls.push("an envelope is not of the form that is due".to_owned());
                }
                let generation = generations.get(field.tenant.as_str()).copied().unwrap_or(0);
                named.entry((&field.tenant, generation)).or_default().extend(key_id(envelope));
            }
            VaultStep::Open { .. } | VaultStep::Retire { .. } | VaultStep::Restart | VaultStep::RotateMaster(_) => {}
        }
    }
    if all.next().is_some() {
        judgement.shortfalls.push("more envelopes were seen than were sealed".to_owned());
    }
    for ((tenant, generation), ids) in &named {
        let mut earlier = named.range((*tenant, 0)..(*tenant, *generation)).flat_map(|(_, ids)| ids);
        if let Some(id) = earlier.find(|id| ids.contains(id)) {
            found(judgement, format!("a value that was sealed after a rotation names the key {id} of before"));
        }
    }
}

/// No nonce twice, and no ciphertext twice: under different nonces equal values become different bytes.
fn nonces(plan: &[VaultStep], seen: &VaultSeen, judgement: &mut Judgement) {
    let places = plan.iter().filter_map(|step| match step {
        VaultStep::Seal { field, value } => Some((field, value)),
        VaultStep::Open { .. }
        | VaultStep::RotateTenant { .. }
        | VaultStep::Retire { .. }
        | VaultStep::Restart
        | VaultStep::RotateMaster(_) => None,
    });
    let mut nonces: BTreeMap<&[u8], usize> = BTreeMap::new();
    let mut ciphertexts: BTreeMap<&[u8], usize> = BTreeMap::new();
    for (number, (envelope, _)) in seen.sealed.iter().zip(places).enumerate() {
        let Some((head, ciphertext)) = envelope.split_at_checked(CIPHERTEXT_AT) else { continue };
        let Some((_, nonce)) = head.split_at_checked(NONCE_AT) else { continue };
        if let Some(first) = nonces.insert(nonce, number) {
            found(judgement, format!("the envelopes {first} and {number} have one nonce"));
        } else if let Some(first) = ciphertexts.get(ciphertext) {
            found(judgement, format!("the envelopes {first} and {number} have one ciphertext under two nonces"));
        }
        ciphertexts.insert(ciphertext, number);
    }
}

fn leaks(world: &World, scanner: &Scanner, envelope: &[u8], judgement: &mut Judgement) {
    let scan = scanner.scan(envelope);
    for limit in &scan.incomplete {
        judgement.shortfalls.push(format!("an envelope could not be scanned to its end: {limit:?}"));
    }
    for leak in scan.findings {
        let label = world.canaries.label(leak.canary);
        judgement.findings.push(Finding {
            claim: ClaimId::Sec3,
            oracle: Oracle::Canary,
            what: format!("{} of {} stands in an envelope", label.field, label.owner),
            leak: Some(Leak {
                datum: label.clone(),
                reached: "whoever reads the table".to_owned(),
                channel: "envelope".to_owned(),
                encoding: format!("{:?}", leak.encoding),
            }),
        });
    }
}

fn found(judgement: &mut Judgement, what: String) {
    judgement.findings.push(permitted(ClaimId::Sec3, what));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::edge::vault::VaultKind;
    use crate::choose::Seeded;
    use crate::world::Profile;

    /// What a toy vault does wrong.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Flaw {
        None,
        NoRow,
        NoColumn,
        NoTable,
        NoTenant,
        NoVersion,
        Concatenated,
        NoKeyId,
        NoTag,
        ConstantNonce,
        NonceFromStart,
        NeverRotates,
        RetiredOpens,
        OneKey,
        LosesKeys,
        Plain,
        Short,
    }

    struct Entry {
        envelope: Vec<u8>,
        field: VaultField,
        value: Vec<u8>,
        key: (String, u32),
    }

    /// A vault that keeps what it sealed, and hides it behind bytes that say nothing.
    struct Toy {
        flaw: Flaw,
        counter: u64,
        entries: Vec<Entry>,
        generations: BTreeMap<String, u32>,
        retired: BTreeSet<(String, u32)>,
    }

    impl Toy {
        fn carry_out(flaw: Flaw, plan: &[VaultStep]) -> VaultSeen {
            let mut toy =
                Self { flaw, counter: 0, entries: Vec::new(), generations: BTreeMap::new(), retired: BTreeSet::new() };
            let mut seen = VaultSeen::default();
            for step in plan {
                match step {
                    VaultStep::Seal { field, value } => seen.sealed.push(toy.seal(field, value)),
                    VaultStep::Open { field, envelope, tamper } => {
                        let bytes = tamper.apply(&seen.sealed[*envelope], &seen.sealed);
                        seen.opened.push(toy.open(field, &bytes));
                    }
                    VaultStep::RotateTenant { tenant } => {
                        if flaw != Flaw::NeverRotates {
                            *toy.generations.entry(tenant.clone()).or_default() += 1;
                        }
                    }
                    VaultStep::Retire { tenant, sealed_by } => {
                        let id = key_id(&seen.sealed[*sealed_by]).unwrap();
                        toy.retired.insert((tenant.clone(), id));
                    }
                    VaultStep::Restart => {
                        if flaw == Flaw::NonceFromStart {
                            toy.counter = 0;
                        }
                    }
                    VaultStep::RotateMaster(_) => {
                        if flaw == Flaw::LosesKeys {
                            toy.entries.clear();
                        }
                    }
                }
            }
            seen
        }

        fn seal(&mut self, field: &VaultField, value: &[u8]) -> Vec<u8> {
            self.counter += 1;
            let generation = self.generations.get(&field.tenant).copied().unwrap_or(0) + 1;
            let mut nonce = [0; 12];
            if self.flaw != Flaw::ConstantNonce {
                nonce[..8].copy_from_slice(&self.counter.to_be_bytes());
                nonce[8] = if self.flaw == Flaw::NonceFromStart { 0 } else { 0xaa };
            }
            let mut bytes = [&[1][..], &generation.to_be_bytes(), &nonce].concat();
            let spread = |n: usize| {
                let n = n as u64 + 1_000_003 * (self.counter + 77 * self.entries.len() as u64);
                (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
            };
            if self.flaw == Flaw::Plain {
                bytes.extend_from_slice(value);
            } else {
                bytes.extend((0..value.len()).map(spread));
            }
            let tag = if self.flaw == Flaw::Short { 0 } else { TAG_LEN };
            bytes.extend((value.len()..value.len() + tag).map(spread));
            let key = (field.tenant.clone(), generation);
            self.entries.push(Entry { envelope: bytes.clone(), field: field.clone(), value: value.to_vec(), key });
            bytes
        }

        fn open(&self, field: &VaultField, bytes: &[u8]) -> Option<Vec<u8>> {
            let flaw = self.flaw;
            let same_bytes = |own: &[u8]| {
                let without_key_id = |all: &[u8]| all.get(NONCE_AT..).map(<[u8]>::to_vec);
                let without_tag = |all: &[u8]| all.get(..CIPHERTEXT_AT + 32).map(<[u8]>::to_vec);
                own == bytes
                    || flaw == Flaw::NoKeyId && without_key_id(own) == without_key_id(bytes)
                    || flaw == Flaw::NoTag && without_tag(bytes).is_some_and(|shown| without_tag(own) == Some(shown))
            };
            let joined = |f: &VaultField| format!("{}{}{}{}{}", f.table, f.column, f.row, f.tenant, f.version);
            let same_place = |own: &VaultField| {
                let mut own = own.clone();
                if flaw == Flaw::NoRow {
                    own.row.clone_from(&field.row);
                } else if flaw == Flaw::NoColumn {
                    own.column.clone_from(&field.column);
                } else if flaw == Flaw::NoTable {
                    own.table.clone_from(&field.table);
                } else if flaw == Flaw::NoTenant {
                    own.tenant.clone_from(&field.tenant);
                } else if flaw == Flaw::NoVersion {
                    own.version = field.version;
                }
                own == *field || flaw == Flaw::Concatenated && joined(&own) == joined(field)
            };
            let mut newest_first = self.entries.iter().rev();
            let own = newest_first.find(|own| same_bytes(&own.envelope) && same_place(&own.field))?;
            let retired = self.retired.contains(&own.key)
                || flaw == Flaw::OneKey && self.retired.iter().any(|(_, id)| *id == own.key.1);
            (!retired || flaw == Flaw::RetiredOpens).then(|| own.value.clone())
        }
    }

    fn world() -> World {
        World::generate(&mut Seeded::new(11), Profile::default())
    }

    fn judged(world: &World, flaw: Flaw, kind: VaultKind) -> Judgement {
        let tried = VaultTry { kind, tenant: 1, connection: 4 };
        let seen = Toy::carry_out(flaw, &vault_plan(world, tried));
        judge(world, &world.canaries.scanner(), tried, Some(&seen))
    }

    #[test]
    fn an_ideal_vault_is_clean_and_every_kind_but_those_of_nonces_has_something_to_refuse() {
        let world = world();
        for kind in VaultKind::ALL {
            let judgement = judged(&world, Flaw::None, kind);
            assert!(judgement.is_clean(), "{kind:?}: {judgement:?}");
            assert_eq!(judgement.served, [true], "{kind:?}");
            let only_nonces = matches!(kind, VaultKind::NonceRepeat | VaultKind::NonceRestart);
            assert_eq!(judgement.refusals, [!only_nonces], "{kind:?}");
        }
    }

    #[test]
    fn each_flaw_is_found_by_the_kinds_that_try_it() {
        let world = world();
        for (flaw, kinds) in [
            (Flaw::NoRow, &[VaultKind::SwapRows][..]),
            (Flaw::NoColumn, &[VaultKind::SwapColumns]),
            (Flaw::NoTable, &[VaultKind::SwapTables]),
            (Flaw::NoTenant, &[VaultKind::SwapTenants, VaultKind::MasterRotation]),
            (Flaw::NoVersion, &[VaultKind::OlderVersion]),
            (Flaw::Concatenated, &[VaultKind::FieldBoundaries]),
            (Flaw::NoKeyId, &[VaultKind::SwapKeyId, VaultKind::BitFlip]),
            (Flaw::NoTag, &[VaultKind::BitFlip, VaultKind::Truncate]),
            (Flaw::ConstantNonce, &[VaultKind::NonceRepeat, VaultKind::SwapRows]),
            (Flaw::NonceFromStart, &[VaultKind::NonceRestart]),
            (Flaw::NeverRotates, &[VaultKind::Rotation, VaultKind::SwapKeyId]),
            (Flaw::RetiredOpens, &[VaultKind::Rotation]),
            (Flaw::OneKey, &[VaultKind::Rotation]),
            (Flaw::Plain, &[VaultKind::SwapRows, VaultKind::NonceRepeat]),
            (Flaw::Short, &[VaultKind::SwapRows]),
        ] {
            for kind in kinds {
                let judgement = judged(&world, flaw, *kind);
                assert!(!judgement.findings.is_empty(), "{flaw:?} by {kind:?}: {judgement:?}");
                for finding in &judgement.findings {
                    assert_eq!(finding.claim, ClaimId::Sec3);
                    assert_eq!(finding.oracle == Oracle::Canary, finding.leak.is_some());
                }
            }
        }
        let plain = judged(&world, Flaw::Plain, VaultKind::SwapRows);
        assert!(plain.findings.iter().any(|finding| finding.oracle == Oracle::Canary), "{plain:?}");
    }

    #[test]
    fn a_vault_that_loses_values_is_no_violation_but_proves_nothing() {
        let world = world();
        let judgement = judged(&world, Flaw::LosesKeys, VaultKind::MasterRotation);
        assert!(judgement.findings.is_empty() && !judgement.shortfalls.is_empty(), "{judgement:?}");
        assert_eq!(judgement.served, [false]);
        let tried = VaultTry { kind: VaultKind::SwapRows, tenant: 0, connection: 0 };
        for seen in [None, Some(&VaultSeen::default())] {
            let judgement = judge(&world, &world.canaries.scanner(), tried, seen);
            assert!(judgement.findings.is_empty() && !judgement.shortfalls.is_empty(), "{seen:?}");
        }
    }

    #[test]
    fn a_value_that_comes_out_as_another_is_found() {
        let world = world();
        let tried = VaultTry { kind: VaultKind::SwapRows, tenant: 0, connection: 2 };
        let mut seen = Toy::carry_out(Flaw::None, &vault_plan(&world, tried));
        seen.opened.swap(0, 1);
        let judgement = judge(&world, &world.canaries.scanner(), tried, Some(&seen));
        assert_eq!(judgement.findings.len(), 1, "{judgement:?}");
    }

    #[test]
    fn an_alteration_that_alters_nothing_is_no_attempt() {
        let field = VaultField {
            table: "t".to_owned(),
            column: "c".to_owned(),
            row: "r".to_owned(),
            tenant: "x".to_owned(),
            version: 1,
        };
        let plan = [
            VaultStep::Seal { field: field.clone(), value: b"v".to_vec() },
            VaultStep::Open { field: field.clone(), envelope: 0, tamper: Tamper::KeyId(7) },
            VaultStep::Open { field, envelope: 0, tamper: Tamper::KeyId(8) },
        ];
        let envelope = [&[1, 0, 0, 0, 7][..], &[9; 29]].concat();
        let values: Vec<Option<Vec<u8>>> = due(&plan, &[envelope]).into_iter().map(|due| due.value).collect();
        assert_eq!(values, [Some(b"v".to_vec()), None]);
    }
}
