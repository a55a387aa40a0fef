//! Sealed values: what was sealed opens at its own place, and nothing else opens anywhere.

use isolation_model::choose::{Choose, FromBytes};
use reference_impl::Entropy;
use reference_impl::store::vault::{Envelope, Field, MasterKey, Vault};

/// Parts of places, alike enough that a sloppy one takes two places for one.
const PARTS: [&str; 8] = ["a", "ab", "b", "", "a:b", "connections", "A", "1"];

/// Seals a value of the bytes, and tries what they say on it.
///
/// # Errors
/// What is wrong.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let vault = Vault::new(MasterKey::new([7; 32]), Entropy::seeded(7));
    let mut choose = FromBytes::new(bytes);
    let place = place(&mut choose);
    let length = usize::try_from(choose.below(64)).unwrap_or(0);
    let plaintext: Vec<u8> = (0..length).map(|_| byte(&mut choose)).collect();
    let other = self::place(&mut choose);
    let sealed = vault.seal(&place, &plaintext).map_err(|error| format!("a value was not sealed: {error}"))?;
    let opened = |vault: &Vault, place: &Field<'_>, bytes: &[u8]| {
        vault.open(place, &Envelope::from_bytes(bytes)).ok().map(|plaintext| plaintext.to_vec())
    };
    if opened(&vault, &place, sealed.as_bytes()).as_ref() != Some(&plaintext) {
        return Err(format!("what was sealed at {place:?} does not open there"));
    }
    if other != place && opened(&vault, &other, sealed.as_bytes()).is_some() {
        return Err(format!("what was sealed at {place:?} opens at {other:?}"));
    }
    let altered = altered(&mut choose, sealed.as_bytes());
    if altered != sealed.as_bytes() && opened(&vault, &place, &altered).is_some() {
        return Err(format!("an envelope that was altered opens: {}", crate::engine::hex(&altered)));
    }
    if opened(&vault, &place, bytes).is_some() {
        return Err("bytes that nobody sealed open".to_owned());
    }
    let again = vault.seal(&place, &plaintext).map_err(|error| format!("a value was not sealed again: {error}"))?;
    let nonce = |envelope: &Envelope| envelope.as_bytes().get(5..17).map(<[u8]>::to_vec);
    if nonce(&again) == nonce(&sealed) {
        return Err("two envelopes have one nonce".to_owned());
    }
    let restarted = vault.restarted(&vault.export_keys()).map_err(|error| format!("a restart failed: {error}"))?;
    if opened(&restarted, &place, sealed.as_bytes()) != Some(plaintext) {
        return Err("what was sealed does not open after a restart".to_owned());
    }
    let stranger = Vault::new(MasterKey::new([7; 32]), Entropy::seeded(8));
    if stranger.seal(&place, b"").is_ok() && opened(&stranger, &place, sealed.as_bytes()).is_some() {
        return Err("what one vault sealed opens in another".to_owned());
    }
    Ok(())
}

fn place(choose: &mut FromBytes<'_>) -> Field<'static> {
    Field {
        table: choose.of(&PARTS),
        column: choose.of(&PARTS),
        row: choose.of(&PARTS),
        tenant: choose.of(&PARTS),
        version: u64::from(choose.below(12)),
    }
}

/// The bytes with one change, or cut, or longer.
fn altered(choose: &mut FromBytes<'_>, bytes: &[u8]) -> Vec<u8> {
    let mut altered = bytes.to_vec();
    let at = usize::try_from(choose.below(128)).unwrap_or(0) % altered.len().max(1);
    match choose.below(4) {
        0 => altered.truncate(at),
        1 => altered.push(byte(choose)),
        2 => drop(altered.drain(..at)),
        _ => {
            let flip = byte(choose);
            if let Some(own) = altered.get_mut(at) {
                *own ^= flip;
            }
        }
    }
    altered
}

fn byte(choose: &mut FromBytes<'_>) -> u8 {
    u8::try_from(choose.below(256)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use isolation_model::choose::Seeded;

    use super::*;

    #[test]
    fn the_reference_keeps_the_rules() {
        for seed in 0..500 {
            let mut random = Seeded::new(seed);
            let bytes: Vec<u8> = (0..60).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
            check(&bytes).unwrap();
        }
    }
}
