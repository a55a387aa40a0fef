//! Randomness for secrets, by named stream.
//!
//! A seeded source draws from a stream of its own for every name, so that what one tenant draws does not depend on
//! what another drew before it. That is what lets two histories be compared byte for byte.

use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A source of 256-bit values. Clones share their state.
#[derive(Clone)]
pub struct Entropy(Source);

#[derive(Clone)]
enum Source {
    Os,
    Seeded { seed: u64, drawn: Arc<Mutex<HashMap<String, u64>>> },
}

/// The operating system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("drawing randomness from the operating system: {0}")]
pub struct EntropyError(String);

impl Entropy {
    /// The operating system's generator: the one for use.
    #[must_use]
    pub fn os() -> Self {
        Self(Source::Os)
    }

    /// A reproducible source, for tests. Its values are no secret from anybody who knows the seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded { seed, drawn: Arc::default() })
    }

    /// The next 256 bits of `stream`.
    ///
    /// # Errors
    /// [`EntropyError`] when the operating system refuses; a seeded source never fails.
    pub fn draw(&self, stream: &str) -> Result<[u8; 32], EntropyError> {
        match &self.0 {
            Source::Os => {
                let mut bytes = [0; 32];
                getrandom::fill(&mut bytes).map_err(|error| EntropyError(error.to_string()))?;
                Ok(bytes)
            }
            Source::Seeded { seed, drawn } => {
                let mut drawn = drawn.lock().unwrap_or_else(PoisonError::into_inner);
                let sequence = drawn.entry(stream.to_owned()).or_default();
                let mut hash = Sha256::new();
                hash.update(b"vendo reference entropy\0");
                hash.update(seed.to_be_bytes());
                hash.update(sequence.to_be_bytes());
                hash.update(stream.as_bytes());
                *sequence += 1;
                Ok(hash.finalize().into())
            }
        }
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self.0 {
            Source::Os => "Entropy(os)",
            Source::Seeded { .. } => "Entropy(seeded)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_reproduces_each_stream_whatever_the_others_drew() {
        let alone = Entropy::seeded(7);
        let first = alone.draw("a").unwrap();
        let second = alone.draw("a").unwrap();
        assert_ne!(first, second);

        let busy = Entropy::seeded(7);
        assert_ne!(busy.draw("b").unwrap(), first);
        assert_eq!(busy.draw("a").unwrap(), first);
        busy.draw("b").unwrap();
        assert_eq!(busy.draw("a").unwrap(), second);
        assert_ne!(Entropy::seeded(8).draw("a").unwrap(), first);
    }

    #[test]
    fn the_operating_system_repeats_nothing() {
        let os = Entropy::os();
        assert_ne!(os.draw("a").unwrap(), os.draw("a").unwrap());
    }
}
