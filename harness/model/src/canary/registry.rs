//! The registry: which canaries exist in a run, and what each of them marks.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::index::{self, WINDOW};
use super::scanner::Scanner;

/// Characters of a minted canary.
const MINTED_LEN: usize = 32;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Bytes from here on are drawn again: 248 is the largest multiple of 62 in a byte, so `byte % 62` is uniform below it.
const UNBIASED_BELOW: u8 = 248;

/// What a canary marks: whose datum, which one, of which epoch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CanaryLabel {
    /// The owner, e.g. `tenant-0`.
    pub owner: String,
    /// The field, e.g. `page` or `cookie`.
    pub field: String,
    /// Counts rotations of the datum, so that a stale copy is told from a fresh one.
    pub epoch: u32,
}

/// A canary's index in its registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CanaryId(pub(super) u32);

impl CanaryId {
    /// The index: canaries are numbered from 0 in the order of their registration.
    #[must_use]
    pub fn index(self) -> usize {
        // A u32 fits in a usize on every platform the harness supports.
        self.0 as usize
    }
}

/// A minted canary: put `text` into the datum.
#[derive(Clone, PartialEq, Eq)]
pub struct Canary {
    /// Its id in the registry.
    pub id: CanaryId,
    /// 32 characters of `[0-9A-Za-z]`.
    pub text: String,
}

/// Hides the text: a canary that reaches a log through `{:?}` would be a leak of the harness's own making.
impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canary").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a datum can't be adopted as a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdoptError {
    /// Shorter than [`WINDOW`] bytes: it could never be found, so taking it would be a check that can't fail.
    TooShort {
        /// Its length in bytes.
        len: usize,
    },
}

impl fmt::Display for AdoptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { len } => write!(f, "adopting a canary of {len} bytes: at least {WINDOW} are needed"),
        }
    }
}

impl std::error::Error for AdoptError {}

struct Entry {
    label: CanaryLabel,
    secret: Vec<u8>,
}

/// All canaries of one run.
pub struct CanaryRegistry {
    prf: Hmac<Sha256>,
    entries: Vec<Entry>,
    by_label: BTreeMap<CanaryLabel, Vec<CanaryId>>,
}

/// Hides the secrets.
impl fmt::Debug for CanaryRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CanaryRegistry").field("len", &self.entries.len()).finish_non_exhaustive()
    }
}

impl CanaryRegistry {
    /// An empty registry. The same `run_secret` and `run` mint the same canaries; anything else mints unrelated ones.
    #[must_use]
    pub fn new(run_secret: [u8; 32], run: &str) -> Self {
        // HMAC pads a key that is shorter than its block with zeros.
        let mut key = [0; 64];
        let (secret, _) = key.split_at_mut(run_secret.len());
        secret.copy_from_slice(&run_secret);
        let mut prf = Hmac::<Sha256>::new(&key.into());
        absorb(&mut prf, b"isolation canary v1");
        absorb(&mut prf, run.as_bytes());
        Self { prf, entries: Vec::new(), by_label: BTreeMap::new() }
    }

    /// Makes the canary of a datum. The text depends on run secret, run and label alone, not on the order of minting,
    /// so minting a label again gives the same canary.
    pub fn mint(&mut self, owner: &str, field: &str, epoch: u32) -> Canary {
        let label = CanaryLabel { owner: owner.to_owned(), field: field.to_owned(), epoch };
        let text = self.derive(&label);
        let id = self.register(label, text.as_bytes());
        Canary { id, text }
    }

    /// Takes a secret that was made elsewhere (a cookie, a token) as a canary. Adopting the same secret under the
    /// same label again gives the same id; several secrets may share a label.
    ///
    /// # Errors
    ///
    /// [`AdoptError::TooShort`] below [`WINDOW`] bytes.
    pub fn adopt(&mut self, owner: &str, field: &str, epoch: u32, secret_text: &[u8]) -> Result<CanaryId, AdoptError> {
        if secret_text.len() < WINDOW {
            return Err(AdoptError::TooShort { len: secret_text.len() });
        }
        let label = CanaryLabel { owner: owner.to_owned(), field: field.to_owned(), epoch };
        Ok(self.register(label, secret_text))
    }

    /// What a canary marks.
    ///
    /// # Panics
    ///
    /// On an id of another, larger registry.
    #[must_use]
    pub fn label(&self, id: CanaryId) -> &CanaryLabel {
        &self.entry(id).label
    }

    /// Every canary with its label, in the order of registration.
    pub fn labels(&self) -> impl Iterator<Item = (CanaryId, &CanaryLabel)> {
        (0..).map(CanaryId).zip(self.entries.iter().map(|entry| &entry.label))
    }

    /// How many canaries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A scanner for the canaries registered so far. It is a snapshot: canaries registered later are not in it.
    #[must_use]
    pub fn scanner(&self) -> Scanner {
        let ranks: BTreeMap<&CanaryLabel, u32> = self.by_label.keys().zip(0..).collect();
        let texts = self.entries.iter().map(|entry| {
            let rank = ranks.get(&entry.label).copied().unwrap_or(u32::MAX);
            (rank, entry.secret.as_slice())
        });
        Scanner::new(index::Index::build(texts))
    }

    /// The secret itself, for the self-test.
    pub(super) fn secret(&self, id: CanaryId) -> &[u8] {
        &self.entry(id).secret
    }

    #[expect(clippy::indexing_slicing, reason = "ids come from this registry, which never shrinks")]
    fn entry(&self, id: CanaryId) -> &Entry {
        &self.entries[id.index()]
    }

    #[expect(clippy::expect_used, reason = "2^32 entries don't fit in memory")]
    fn register(&mut self, label: CanaryLabel, secret: &[u8]) -> CanaryId {
        let next = CanaryId(u32::try_from(self.entries.len()).expect("fewer than 2^32 canaries"));
        let known = self.by_label.entry(label.clone()).or_default();
        let same = known.iter().find(|id| self.entries.get(id.index()).is_some_and(|e| e.secret == secret));
        if let Some(id) = same {
            return *id;
        }
        known.push(next);
        self.entries.push(Entry { label, secret: secret.to_vec() });
        next
    }

    fn derive(&self, label: &CanaryLabel) -> String {
        let mut keyed = self.prf.clone();
        absorb(&mut keyed, label.owner.as_bytes());
        absorb(&mut keyed, label.field.as_bytes());
        absorb(&mut keyed, &label.epoch.to_be_bytes());
        let mut text = String::with_capacity(MINTED_LEN);
        for counter in 0_u32.. {
            let block = keyed.clone().chain_update(counter.to_be_bytes()).finalize().into_bytes();
            for byte in block.into_iter().filter(|byte| *byte < UNBIASED_BELOW) {
                if text.len() == MINTED_LEN {
                    return text;
                }
                text.extend(BASE62.get(usize::from(byte % 62)).copied().map(char::from));
            }
        }
        text
    }
}

/// Feeds a part with its length in front, so that no two lists of parts are the same bytes.
fn absorb(prf: &mut Hmac<Sha256>, part: &[u8]) {
    prf.update(&(part.len() as u64).to_be_bytes());
    prf.update(part);
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn registry() -> CanaryRegistry {
        CanaryRegistry::new([7; 32], "run-1")
    }

    #[test]
    fn a_canary_depends_on_every_part_of_its_name_and_on_nothing_else() {
        let mint = |secret: u8, run: &str, owner: &str, field: &str, epoch: u32| {
            CanaryRegistry::new([secret; 32], run).mint(owner, field, epoch).text
        };
        let reference = mint(7, "run-1", "tenant-0", "page", 0);
        let different = [
            mint(8, "run-1", "tenant-0", "page", 0),
            mint(7, "run-2", "tenant-0", "page", 0),
            mint(7, "run-1", "tenant-1", "page", 0),
            mint(7, "run-1", "tenant-0", "cookie", 0),
            mint(7, "run-1", "tenant-0", "page", 1),
            mint(7, "run-1", "tenant-0p", "age", 0),
            mint(7, "run-1t", "enant-0", "page", 0),
        ];
        let all: BTreeSet<&String> = different.iter().chain([&reference]).collect();
        assert_eq!(all.len(), different.len() + 1);

        let mut other_order = registry();
        other_order.mint("tenant-9", "page", 3);
        assert_eq!(other_order.mint("tenant-0", "page", 0).text, reference);
    }

    #[test]
    fn registration_is_idempotent_and_labels_are_kept() {
        let mut registry = registry();
        let first = registry.mint("tenant-0", "page", 2);
        assert_eq!(registry.mint("tenant-0", "page", 2), first);
        let cookie = registry.adopt("tenant-1", "cookie", 0, b"s%3A0123456789").unwrap();
        assert_eq!(registry.adopt("tenant-1", "cookie", 0, b"s%3A0123456789"), Ok(cookie));
        let second = registry.adopt("tenant-1", "cookie", 0, b"another secret").unwrap();
        assert_ne!(second, cookie);
        assert_eq!(registry.len(), 3);
        assert_eq!(registry.label(second), registry.label(cookie));
        assert_eq!(registry.label(first.id).epoch, 2);
        assert_eq!(registry.adopt("tenant-1", "pin", 0, b"1234567"), Err(AdoptError::TooShort { len: 7 }));
    }

    #[test]
    fn minted_text_is_uniform_base62() {
        let mut registry = registry();
        let mut counts: BTreeMap<char, u32> = BTreeMap::new();
        for tenant in 0..2_000 {
            let text = registry.mint(&format!("tenant-{tenant}"), "page", 0).text;
            assert_eq!(text.len(), MINTED_LEN);
            text.chars().for_each(|c| *counts.entry(c).or_default() += 1);
        }
        // 64 000 draws over 62 characters: mean 1032, standard deviation 32. Six deviations either way.
        assert_eq!(counts.len(), 62);
        assert!(counts.values().all(|n| (840..1225).contains(n)), "{counts:?}");
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let mut registry = registry();
        let canary = registry.mint("tenant-0", "page", 0);
        let shown = format!("{canary:?} {registry:?}");
        assert!(!shown.contains(&canary.text), "{shown}");
    }
}
