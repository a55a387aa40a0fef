//! Where a sealed value opens, and where it doesn't.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const FIELD: Field<'static> =
    Field { table: "connections", column: "credential", row: "c-1", tenant: "T-acme", version: 3 };

fn vault() -> Vault {
    Vault::new(MasterKey::new([7; 32]), Entropy::seeded(1))
}

fn opened(vault: &Vault, field: &Field<'_>, envelope: &Envelope) -> Option<Vec<u8>> {
    match vault.open(field, envelope) {
        Ok(plaintext) => Some(plaintext.to_vec()),
        Err(error) => {
            assert_eq!(error.to_string(), "the value can't be opened here", "an error says nothing of why");
            None
        }
    }
}

#[test]
fn a_value_opens_in_its_own_place_and_no_other() {
    let vault = vault();
    let envelope = vault.seal(&FIELD, b"the credential").unwrap();
    // So that every other tenant has a key, too.
    vault.seal(&Field { tenant: "T-globex", ..FIELD }, b"x").unwrap();
    for elsewhere in [
        Field { table: "apps", ..FIELD },
        Field { column: "refresh", ..FIELD },
        Field { row: "c-2", ..FIELD },
        Field { tenant: "T-globex", ..FIELD },
        Field { tenant: "T-nobody", ..FIELD },
        Field { tenant: "", ..FIELD },
        Field { version: 2, ..FIELD },
        Field { version: 4, ..FIELD },
        Field { version: 33, ..FIELD },
    ] {
        assert_eq!(opened(&vault, &elsewhere, &envelope), None, "{elsewhere:?}");
    }
    assert_eq!(opened(&vault, &FIELD, &envelope).as_deref(), Some(&b"the credential"[..]));
}

#[test]
fn no_two_places_spell_the_same_bytes() {
    let vault = vault();
    let place =
        |[table, column, row]: [&'static str; 3], version| Field { table, column, row, tenant: "T-acme", version };
    let pairs = [
        (place(["ab", "c", "d"], 1), place(["a", "bc", "d"], 1)),
        (place(["a", "bc", "d"], 1), place(["a", "b", "cd"], 1)),
        (place(["a", "", "bc"], 1), place(["a", "bc", ""], 1)),
        (place(["", "a", "b"], 1), place(["a", "", "b"], 1)),
        (place(["a", "b", "c"], 12), place(["a", "b", "c1"], 2)),
        (place(["a", "b\0\0\0\u{1}c", "d"], 1), place(["a", "b", "c"], 1)),
    ];
    for (one, other) in pairs {
        for (here, there) in [(one, other), (other, one)] {
            let envelope = vault.seal(&here, b"value").unwrap();
            assert!(opened(&vault, &here, &envelope).is_some());
            assert_eq!(opened(&vault, &there, &envelope), None, "{here:?} {there:?}");
        }
    }
    // Row and tenant side by side: the tenant's key differs, and the data would too.
    let row_end = Field { row: "c-1T", tenant: "-acme", ..FIELD };
    let tenant_end = Field { row: "c-1", tenant: "T-acme", ..FIELD };
    assert_ne!(row_end.associated_data(FaultSet::none()), tenant_end.associated_data(FaultSet::none()));
}

#[test]
fn every_altered_byte_is_noticed() {
    let vault = vault();
    let envelope = vault.seal(&FIELD, b"the credential").unwrap();
    vault.rotate_tenant(FIELD.tenant).unwrap();
    let bytes = envelope.as_bytes();
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut altered = bytes.to_vec();
            altered[place] ^= 1 << bit;
            assert_eq!(opened(&vault, &FIELD, &Envelope::from_bytes(&altered)), None, "byte {place} bit {bit}");
        }
    }
    // Key ids of keys that are there: another one is another key.
    let mut second = bytes.to_vec();
    second[1..5].copy_from_slice(&2_u32.to_be_bytes());
    assert_eq!(opened(&vault, &FIELD, &Envelope::from_bytes(&second)), None);
    for length in 0..bytes.len() {
        assert_eq!(opened(&vault, &FIELD, &Envelope::from_bytes(&bytes[..length])), None, "{length} bytes");
    }
    assert_eq!(opened(&vault, &FIELD, &Envelope::from_bytes(&[bytes, &[0]].concat())), None);
    assert!(opened(&vault, &FIELD, &envelope).is_some());
}

#[test]
fn an_envelope_has_the_documented_form() {
    let vault = vault();
    let envelope = vault.seal(&FIELD, b"four").unwrap();
    let bytes = envelope.as_bytes();
    assert_eq!(bytes.len(), 1 + 4 + 12 + 4 + 16);
    assert_eq!(bytes[..5], [1, 0, 0, 0, 1]);
    assert_eq!(envelope.generation(), Some(1));
    assert!(opened(&vault, &FIELD, &vault.seal(&FIELD, b"").unwrap()).is_some_and(|value| value.is_empty()));
}

/// AES-256-GCM by another implementation, from the envelope's parts alone.
#[test]
fn another_implementation_opens_it_from_the_documents() {
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let entropy = Entropy::seeded(5);
    let vault = Vault::new(MasterKey::new([9; 32]), entropy);
    let envelope = vault.seal(&FIELD, b"the credential").unwrap();
    let open = |key: &[u8], nonce: &[u8], aad: &[&str], sealed: &[u8]| -> Vec<u8> {
        let mut data = Vec::new();
        for part in aad {
            data.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
        let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
        let mut buffer = sealed.to_vec();
        key.open_in_place(nonce, Aad::from(data), &mut buffer).unwrap().to_vec()
    };
    let keys = vault.export_keys();
    let (tenant, generation, wrapped) = keys.iter().next().unwrap();
    let master = MasterKey::new([9; 32]).id();
    let aad = ["data-key", tenant, &generation.to_string(), &master];
    let data_key = open(&[9; 32], &wrapped[..12], &aad, &wrapped[12..]);
    let bytes = envelope.as_bytes();
    let aad = ["connections", "credential", "c-1", "T-acme", "3"];
    assert_eq!(open(&data_key, &bytes[5..17], &aad, &bytes[17..]), b"the credential");
}

#[test]
fn nonces_and_keys_never_repeat_over_restarts_either() {
    let entropy = Entropy::seeded(1);
    let mut vault = Vault::new(MasterKey::new([7; 32]), entropy.clone());
    let mut nonces = BTreeSet::new();
    let mut count = 0;
    for restart in 0..4 {
        for _ in 0..250 {
            for tenant in ["T-acme", "T-globex"] {
                let envelope = vault.seal(&Field { tenant, ..FIELD }, b"same").unwrap();
                let bytes = envelope.as_bytes();
                count += 1;
                assert!(nonces.insert((tenant, bytes[5..17].to_vec())), "restart {restart}");
            }
        }
        vault = Vault::import(MasterKey::new([7; 32]), entropy.clone(), &vault.export_keys()).unwrap();
    }
    assert_eq!(nonces.len(), count);
    let wrapped: BTreeSet<_> = vault.export_keys().iter().map(|(_, _, bytes)| bytes).collect();
    assert_eq!(wrapped.len(), 2, "each tenant has a key of its own");
    // From the operating system, across tenants as well: 96 bits don't meet by chance.
    let os = Vault::new(MasterKey::new([7; 32]), Entropy::os());
    let drawn: BTreeSet<_> = (0..500).map(|_| os.seal(&FIELD, b"").unwrap().as_bytes()[5..17].to_vec()).collect();
    assert_eq!(drawn.len(), 500);
}

#[test]
fn a_restart_opens_what_was_sealed_and_only_with_the_same_master_key() {
    let vault = vault();
    let envelope = vault.seal(&FIELD, b"value").unwrap();
    let keys = vault.export_keys();
    assert!(!keys.is_empty() && keys.len() == 1);
    let again = Vault::import(MasterKey::new([7; 32]), Entropy::seeded(2), &keys).unwrap();
    assert!(opened(&again, &FIELD, &envelope).is_some());
    assert!(opened(&vault.restarted(&keys).unwrap(), &FIELD, &envelope).is_some());
    let other = Vault::import(MasterKey::new([8; 32]), Entropy::seeded(2), &keys);
    assert!(matches!(other, Err(VaultError::Refused)));
    let empty = Vault::new(MasterKey::new([7; 32]), Entropy::seeded(1));
    assert_eq!(opened(&empty, &FIELD, &envelope), None, "the master key alone opens nothing");
    // A wrapped key is its tenant's: under another's name it is none.
    let mut swapped = keys.clone();
    swapped.0[0].0 = "T-globex".to_owned();
    assert!(matches!(vault.restarted(&swapped), Err(VaultError::Refused)));
    let mut moved = keys.clone();
    moved.0[0].1 = 2;
    assert!(matches!(vault.restarted(&moved), Err(VaultError::Refused)));
    let plain: Vec<u8> = keys.iter().flat_map(|(_, _, bytes)| bytes).collect();
    let data_key = Entropy::seeded(1).draw("vault-data-key:T-acme").unwrap();
    assert!(!plain.windows(32).any(|window| window == data_key), "a data key is stored wrapped");
}

#[test]
fn rotation_seals_with_the_new_key_and_retiring_ends_the_old() {
    let vault = vault();
    let first = vault.seal(&FIELD, b"old").unwrap();
    let foreign = Field { tenant: "T-globex", ..FIELD };
    let of_other = vault.seal(&foreign, b"other").unwrap();
    assert!(matches!(vault.retire("T-acme", 1), Err(VaultError::CurrentGeneration)));
    assert_eq!(vault.rotate_tenant("T-acme").unwrap(), 2);
    let second = vault.seal(&FIELD, b"new").unwrap();
    assert_eq!((first.generation(), second.generation()), (Some(1), Some(2)));
    assert_eq!(opened(&vault, &FIELD, &first).as_deref(), Some(&b"old"[..]));
    vault.retire("T-acme", 1).unwrap();
    assert!(matches!(vault.retire("T-acme", 1), Err(VaultError::UnknownGeneration)));
    assert!(matches!(vault.retire("T-nobody", 1), Err(VaultError::UnknownGeneration)));
    assert_eq!(opened(&vault, &FIELD, &first), None);
    assert_eq!(opened(&vault, &FIELD, &second).as_deref(), Some(&b"new"[..]));
    assert_eq!(vault.seal(&foreign, b"").unwrap().generation(), Some(1), "another tenant's key is not rotated");
    assert!(opened(&vault, &foreign, &of_other).is_some());
    let again = vault.restarted(&vault.export_keys()).unwrap();
    assert_eq!(opened(&again, &FIELD, &first), None, "retired stays retired");
    assert_eq!(again.rotate_tenant("T-acme").unwrap(), 3, "a generation is not used again");
}

#[test]
fn a_new_master_key_wraps_anew_and_changes_nothing_sealed() {
    let vault = vault();
    let envelope = vault.seal(&FIELD, b"value").unwrap();
    vault.rotate_tenant("T-acme").unwrap();
    let newer = vault.seal(&FIELD, b"newer").unwrap();
    let before = vault.export_keys();
    vault.rotate_master(MasterKey::new([8; 32])).unwrap();
    let after = vault.export_keys();
    assert_eq!((before.len(), after.len()), (2, 2));
    assert!(before.iter().zip(after.iter()).all(|(old, new)| old.0 == new.0 && old.1 == new.1 && old.2 != new.2));
    assert!(opened(&vault, &FIELD, &envelope).is_some() && opened(&vault, &FIELD, &newer).is_some());
    assert!(Vault::import(MasterKey::new([7; 32]), Entropy::seeded(2), &after).is_err());
    let again = Vault::import(MasterKey::new([8; 32]), Entropy::seeded(2), &after).unwrap();
    assert!(opened(&again, &FIELD, &envelope).is_some());
}

#[test]
fn a_first_key_is_made_once_by_threads_that_want_it_at_once() {
    for _ in 0..20 {
        let vault = vault();
        let barrier = std::sync::Barrier::new(4);
        let envelopes: Vec<Envelope> = std::thread::scope(|threads| {
            let seal = || {
                barrier.wait();
                vault.seal(&FIELD, b"value").unwrap()
            };
            let running: Vec<_> = (0..4).map(|_| threads.spawn(seal)).collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(vault.export_keys().len(), 1);
        assert!(envelopes.iter().all(|envelope| opened(&vault, &FIELD, envelope).is_some()));
    }
}

#[test]
fn nothing_prints_a_key() {
    let vault = vault();
    vault.seal(&FIELD, b"value").unwrap();
    assert_eq!(format!("{:?} {:?}", MasterKey::new([7; 32]), vault), "MasterKey Vault(1 tenants)");
    assert_eq!(format!("{:?}", vault.export_keys()), "WrappedKeys(1)");
}

proptest! {
    #[test]
    fn places_with_other_parts_have_other_bytes(
        one in prop::array::uniform4("[a-b\\x00\\x01]{0,3}"),
        other in prop::array::uniform4("[a-b\\x00\\x01]{0,3}"),
        versions in (0..30_u64, 0..30_u64),
    ) {
        let place = |parts: &[String; 4], version| {
            let [table, column, row, tenant] = parts.each_ref().map(String::as_str);
            Field { table, column, row, tenant, version }.associated_data(FaultSet::none()).unwrap()
        };
        let same = one == other && versions.0 == versions.1;
        prop_assert_eq!(place(&one, versions.0) == place(&other, versions.1), same);
    }

    #[test]
    fn no_bytes_open_or_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let vault = vault();
        vault.seal(&FIELD, b"x").unwrap();
        prop_assert!(vault.open(&FIELD, &Envelope::from_bytes(&bytes)).is_err());
    }

    #[test]
    fn what_was_sealed_opens(value in prop::collection::vec(any::<u8>(), 0..300), row in ".{0,8}", version in any::<u64>()) {
        let vault = vault();
        let field = Field { row: &row, version, ..FIELD };
        let envelope = vault.seal(&field, &value).unwrap();
        prop_assert!(value.len() < 8 || !envelope.as_bytes().windows(value.len()).any(|window| window == value));
        prop_assert_eq!(opened(&vault, &field, &envelope), Some(value));
    }
}
