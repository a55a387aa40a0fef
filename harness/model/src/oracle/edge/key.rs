//! Keys: which one a call presents, and whether it is good now. Nothing is read from what is sent: the vocabulary says what
//! each carrier and each spelling stands for.

use crate::action::edge::Presented;
use crate::action::edge::key::{KeyCarrier, KeyRef};
use crate::state::edge::EdgeState;
use crate::world::World;

/// Why a key is refused: 401 each, with a code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyRefusal {
    /// There is none, or nobody's.
    Unknown,
    /// It was revoked, or its app's deployment destroyed.
    Revoked,
    /// Its time is over.
    Expired,
}

impl KeyRefusal {
    /// The value of `Vendo-Error-Code`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "app_unknown",
            Self::Revoked => "app_revoked",
            Self::Expired => "app_expired",
        }
    }

    /// Whether it was a key once: what its refusal says of a key's end.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Revoked | Self::Expired => true,
        }
    }
}

/// The index in [`EdgeState::keys`] of the key that a call presents and that is good at `now_s`.
///
/// # Errors
/// [`KeyRefusal`], in the order unknown, revoked, expired.
pub fn key_of(world: &World, state: &EdgeState, now_s: i64, presented: &Presented) -> Result<usize, KeyRefusal> {
    let index = meant(world, state, presented).ok_or(KeyRefusal::Unknown)?;
    let key = state.keys.get(index).ok_or(KeyRefusal::Unknown)?;
    if key.revoked {
        return Err(KeyRefusal::Revoked);
    }
    if key.expires_at_s.is_some_and(|end| now_s >= end) {
        return Err(KeyRefusal::Expired);
    }
    Ok(index)
}

/// The key that stands where keys are looked for, if one key and nothing else stands there.
fn meant(world: &World, state: &EdgeState, presented: &Presented) -> Option<usize> {
    let own = presented.key;
    match presented.how {
        KeyCarrier::Authorization | KeyCarrier::ApiKey | KeyCarrier::BothSame => index_of(world, state, own),
        // Without a key of its own a call has no field at all. The other field may be left out, or hold the same key.
        KeyCarrier::BothDiffer(other) => index_of(world, state, own)
            .filter(|index| other == KeyRef::None || index_of(world, state, other) == Some(*index)),
        KeyCarrier::TwoAuthorizations { second } | KeyCarrier::TwoApiKeys { second } => {
            index_of(world, state, own).filter(|_| second == KeyRef::None)
        }
        KeyCarrier::Scheme(spelling) => spelling.is_good().then(|| index_of(world, state, own)).flatten(),
        KeyCarrier::BasicBeside | KeyCarrier::Query(_) | KeyCarrier::Cookie(_) | KeyCarrier::OtherHeader(_) => None,
    }
}

/// The key that a reference stands for; `None` for what is nobody's.
#[must_use]
pub fn index_of(world: &World, state: &EdgeState, key: KeyRef) -> Option<usize> {
    match key {
        KeyRef::Key(key) => Some(world.edge.key_index(key)),
        // A key whose text the target kept to itself can't be sent.
        KeyRef::Issued(nth) => {
            state.issued(nth).filter(|key| !key.bearer.is_empty()).map(|_| state.world_keys + usize::from(nth))
        }
        KeyRef::NeverIssued | KeyRef::Malformed { .. } | KeyRef::HashOf(_) | KeyRef::PrefixOf(_) | KeyRef::None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::edge::key::{BadBearer, CookieField, KeyHeader, QueryField, SchemeSpelling};
    use crate::choose::Seeded;
    use crate::world::Profile;

    fn world() -> World {
        World::generate(&mut Seeded::new(5), Profile::default())
    }

    fn judged(world: &World, state: &EdgeState, key: KeyRef, how: KeyCarrier) -> Result<usize, KeyRefusal> {
        key_of(world, state, world.start_s, &Presented { key, how })
    }

    #[test]
    fn one_key_in_one_form_is_a_key() {
        let world = world();
        let state = EdgeState::new(&world);
        let own = KeyRef::Key(1);
        for how in [
            KeyCarrier::Authorization,
            KeyCarrier::ApiKey,
            KeyCarrier::BothSame,
            KeyCarrier::BothDiffer(own),
            KeyCarrier::BothDiffer(KeyRef::None),
            KeyCarrier::TwoAuthorizations { second: KeyRef::None },
            KeyCarrier::Scheme(SchemeSpelling::Mixed),
        ] {
            assert_eq!(judged(&world, &state, own, how), Ok(1), "{how:?}");
        }
        for how in [
            KeyCarrier::BothDiffer(KeyRef::Key(2)),
            KeyCarrier::BothDiffer(KeyRef::NeverIssued),
            KeyCarrier::TwoAuthorizations { second: own },
            KeyCarrier::TwoApiKeys { second: KeyRef::Key(2) },
            KeyCarrier::BasicBeside,
            KeyCarrier::Scheme(SchemeSpelling::TwoSpaces),
            KeyCarrier::Query(QueryField::Key),
            KeyCarrier::Cookie(CookieField::Session),
            KeyCarrier::OtherHeader(KeyHeader::Underscore),
        ] {
            assert_eq!(judged(&world, &state, own, how), Err(KeyRefusal::Unknown), "{how:?}");
        }
        assert_eq!(judged(&world, &state, KeyRef::None, KeyCarrier::BothDiffer(own)), Err(KeyRefusal::Unknown));
    }

    #[test]
    fn what_is_derived_of_a_key_is_none() {
        let world = world();
        let state = EdgeState::new(&world);
        let malformed = BadBearer::ALL.map(|kind| KeyRef::Malformed { key: 1, kind });
        let others = [KeyRef::NeverIssued, KeyRef::HashOf(1), KeyRef::PrefixOf(1), KeyRef::Issued(0), KeyRef::None];
        for key in malformed.into_iter().chain(others) {
            let refused = judged(&world, &state, key, KeyCarrier::Authorization);
            assert_eq!(refused, Err(KeyRefusal::Unknown), "{key:?}");
        }
    }

    #[test]
    fn a_key_ends_by_revocation_and_in_the_second_of_its_expiry() {
        let world = world();
        let mut state = EdgeState::new(&world);
        let key = world.expiring_key(0).unwrap();
        let end = world.key(key).expires_at_s.unwrap();
        let at = |state: &EdgeState, now_s| key_of(&world, state, now_s, &Presented::key(key));
        assert_eq!(at(&state, end - 1), Ok(usize::from(key)));
        assert_eq!(at(&state, end), Err(KeyRefusal::Expired));
        state.keys[usize::from(key)].revoked = true;
        assert_eq!(at(&state, end), Err(KeyRefusal::Revoked));
    }
}
