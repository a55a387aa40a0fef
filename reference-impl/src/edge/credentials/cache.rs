//! Tokens that the broker gave, each under its connection.
//!
//! Whoever gets here has been found to own the connection: the cache is asked after every check, and never instead of
//! one. A token is of one version of the connection's row, so that one which was on its way while the row was written
//! is never found again.

use super::answers::Token;
use super::broker::Brokered;
use crate::fault::{Fault, FaultSet};
use crate::ids::ConnectionId;
use crate::store::database::ConnectionRow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most tokens that are kept.
const TOKENS_MAX: usize = 4096;
/// How long before its end a token is no longer given out, in seconds.
const MARGIN_S: i64 = 60;
/// How long a token without an end is kept, in seconds.
const LIFE_S: i64 = 50 * 60;

/// The tokens that are kept.
pub(super) struct Cache {
    kept: Mutex<BTreeMap<String, Kept>>,
    faults: FaultSet,
}

struct Kept {
    token: Token,
    version: u64,
    until_s: i64,
}

impl Cache {
    pub(super) fn new(faults: FaultSet) -> Self {
        Self { kept: Mutex::default(), faults }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token of a connection, if it is still good at a time in Unix seconds.
    pub(super) fn get(&self, row: &ConnectionRow, now_s: i64) -> Option<Token> {
        let (place, version) = place(row, self.faults);
        let kept = self.kept();
        let found = kept.get(&place).filter(|found| found.version == version && now_s < found.until_s)?;
        Some(found.token.clone())
    }

    /// Keeps the token of a connection until a minute before its end, or 50 minutes where it has none.
    pub(super) fn keep(&self, row: &ConnectionRow, brokered: &Brokered, now_s: i64) {
        let until_s = brokered.expires_at_s.map_or(now_s.saturating_add(LIFE_S), |end| end.saturating_sub(MARGIN_S));
        if until_s <= now_s {
            return;
        }
        let (place, version) = place(row, self.faults);
        let mut kept = self.kept();
        if kept.len() >= TOKENS_MAX && !kept.contains_key(&place) {
            kept.retain(|_, kept| now_s < kept.until_s);
            let soonest = kept.iter().min_by_key(|(_, kept)| kept.until_s).map(|(place, _)| place.clone());
            if kept.len() >= TOKENS_MAX
                && let Some(soonest) = soonest
            {
                kept.remove(&soonest);
            }
        }
        kept.insert(place, Kept { token: brokered.token.clone(), version, until_s });
    }

    /// Forgets the token of a connection.
    pub(super) fn purge(&self, id: &ConnectionId) {
        self.kept().remove(id.as_str());
    }
}

/// Under what a connection's token is kept: its id, and the version of its row.
fn place(row: &ConnectionRow, faults: FaultSet) -> (String, u64) {
    if faults.has(Fault::CrdTokenCachedByProvider) {
        return (row.provider.to_string(), 0);
    }
    if faults.has(Fault::CrdTokenCachedByAccount)
        && let Some(account) = &row.account
    {
        return (account.clone(), 0);
    }
    (row.id.to_string(), row.version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ExternalId, ProviderSlug, TenantId};
    use crate::store::database::{ConnectionStatus, Profile};
    use zeroize::Zeroizing;

    fn row(id: &str, version: u64) -> ConnectionRow {
        ConnectionRow {
            id: ConnectionId::parse(id).unwrap(),
            tenant: TenantId::parse("T-a").unwrap(),
            external_id: ExternalId::parse("x").unwrap(),
            provider: ProviderSlug::parse("slack").unwrap(),
            profile: Profile::ComposioManaged,
            status: ConnectionStatus::Active,
            user_id: None,
            account: Some("acc".to_owned()),
            credential: None,
            refresh: None,
            webhook_secret: None,
            version,
            created: 0,
        }
    }

    fn brokered(access: &str, expires_at_s: Option<i64>) -> Brokered {
        let token = Token {
            access: Zeroizing::new(access.to_owned()),
            expires_at: None,
            #[cfg(feature = "faults")]
            refresh: None,
        };
        Brokered { token, expires_at_s }
    }

    fn found(cache: &Cache, row: &ConnectionRow, now_s: i64) -> Option<String> {
        cache.get(row, now_s).map(|token| token.access.to_string())
    }

    #[test]
    fn a_token_is_kept_until_a_minute_before_its_end() {
        let cache = Cache::new(FaultSet::none());
        cache.keep(&row("c", 1), &brokered("at", Some(1000)), 0);
        assert_eq!(found(&cache, &row("c", 1), 939).as_deref(), Some("at"));
        assert_eq!(found(&cache, &row("c", 1), 940), None);
        cache.keep(&row("d", 1), &brokered("at", None), 0);
        assert_eq!(found(&cache, &row("d", 1), LIFE_S - 1).as_deref(), Some("at"));
        assert_eq!(found(&cache, &row("d", 1), LIFE_S), None);
        for end in [Some(60), Some(0), Some(-5), Some(i64::MIN)] {
            cache.keep(&row("e", 1), &brokered("at", end), 0);
            assert_eq!(found(&cache, &row("e", 1), 0), None, "{end:?}");
        }
    }

    #[test]
    fn a_token_is_found_under_its_connection_and_version_alone() {
        let cache = Cache::new(FaultSet::none());
        cache.keep(&row("c", 1), &brokered("at", None), 0);
        assert_eq!(found(&cache, &row("d", 1), 0), None);
        assert_eq!(found(&cache, &row("C", 1), 0), None);
        assert_eq!(found(&cache, &row("c", 2), 0), None);
        cache.purge(&ConnectionId::parse("d").unwrap());
        assert_eq!(found(&cache, &row("c", 1), 0).as_deref(), Some("at"));
        cache.purge(&ConnectionId::parse("c").unwrap());
        assert_eq!(found(&cache, &row("c", 1), 0), None);
    }

    #[test]
    fn there_are_never_more_tokens_than_the_bound() {
        let cache = Cache::new(FaultSet::none());
        for number in 0..TOKENS_MAX as i64 + 10 {
            cache.keep(&row(&format!("c{number}"), 1), &brokered("at", Some(10_000 + number)), 0);
        }
        assert_eq!(cache.kept().len(), TOKENS_MAX);
        assert_eq!(
            (found(&cache, &row("c0", 1), 0), found(&cache, &row("c4000", 1), 0).as_deref()),
            (None, Some("at"))
        );
        cache.keep(&row("late", 1), &brokered("at", Some(99_999)), 20_000);
        assert_eq!(cache.kept().len(), 1, "what is over makes room first");
    }
}
