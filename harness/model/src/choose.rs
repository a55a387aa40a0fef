//! Where choices come from.
//!
//! Every explorer draws its choices through [`Choose`], so one generator serves random campaigns ([`Seeded`]), fuzzers
//! ([`FromBytes`]), bounded enumeration ([`Exhaustive`]) and replay ([`Replay`]). A generator that is given the same
//! choices builds the same worlds and actions, on every machine.

use arbitrary::Unstructured;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A source of choices.
pub trait Choose {
    /// A number in `0..n`. `n` of 0 is read as 1, so that the answer is always 0 and never an error.
    fn below(&mut self, n: u32) -> u32;

    /// True once in `n` draws on average; always for `n` of 0 or 1.
    fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }

    /// One of a fixed list.
    fn of<T: Copy, const N: usize>(&mut self, items: &[T; N]) -> T
    where
        Self: Sized,
    {
        const { assert!(N > 0, "a choice needs something to choose from") };
        let index = self.below(u32::try_from(N).unwrap_or(u32::MAX)) as usize;
        #[expect(clippy::indexing_slicing, reason = "below(N) is less than N, and N is not zero")]
        items[if index < N { index } else { 0 }]
    }

    /// One of a list whose length is known only at run time; `None` for an empty one.
    fn among<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T>
    where
        Self: Sized,
    {
        items.get(self.below(u32::try_from(items.len()).unwrap_or(u32::MAX)) as usize)
    }

    /// A small index into a list of the world (tenants, members, deployments): always usable, since the world reads
    /// indices modulo its length.
    fn index(&mut self, len: usize) -> u8
    where
        Self: Sized,
    {
        u8::try_from(self.below(u32::try_from(len.min(256)).unwrap_or(1))).unwrap_or(0)
    }
}

/// Choices from a seed: ChaCha8, whose stream is the same on every platform and in every version.
#[derive(Debug, Clone)]
pub struct Seeded(ChaCha8Rng);

impl Seeded {
    /// Choices of one seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Choices of one case of a campaign: independent of how the cases are spread over shards.
    #[must_use]
    pub fn case(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// 32 bytes, for secrets of a world.
    #[must_use]
    pub fn secret(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// 64 bits, for the seed of something that draws its own choices.
    pub fn next_seed(&mut self) -> u64 {
        self.0.next_u64()
    }
}

impl Choose for Seeded {
    fn below(&mut self, n: u32) -> u32 {
        // Multiply and shift: a bias below n / 2^32, which no bound of this crate can show.
        u32::try_from((u64::from(self.0.next_u32()) * u64::from(n.max(1))) >> 32).unwrap_or(0)
    }
}

/// Choices from a fuzzer's bytes. When the bytes run out every choice is 0, so each input is a finite case.
#[derive(Debug)]
pub struct FromBytes<'a>(Unstructured<'a>);

impl<'a> FromBytes<'a> {
    /// Choices of these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    /// Whether all bytes are used up.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.0.is_empty()
    }
}

impl Choose for FromBytes<'_> {
    fn below(&mut self, n: u32) -> u32 {
        self.0.int_in_range(0..=n.max(1) - 1).unwrap_or(0)
    }
}

/// Every combination of choices, one after the other, as an odometer counts.
///
/// ```
/// use isolation_model::choose::{Choose, Exhaustive};
/// let mut all = Exhaustive::default();
/// let mut seen = Vec::new();
/// loop {
///     seen.push((all.below(2), all.below(3)));
///     if !all.advance() {
///         break;
///     }
/// }
/// assert_eq!(seen.len(), 6);
/// ```
#[derive(Debug, Default, Clone)]
pub struct Exhaustive {
    digits: Vec<(u32, u32)>,
    at: usize,
}

impl Exhaustive {
    /// Moves on to the next combination. False when there is none, and the count starts anew.
    pub fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((value, base)) = self.digits.pop() {
            if value + 1 < base {
                self.digits.push((value + 1, base));
                return true;
            }
        }
        false
    }
}

impl Choose for Exhaustive {
    fn below(&mut self, n: u32) -> u32 {
        let position = self.at;
        self.at += 1;
        if let Some((value, _)) = self.digits.get(position) {
            return *value;
        }
        self.digits.push((0, n.max(1)));
        0
    }
}

/// The choices of an earlier run, in their order; 0 when they run out.
#[derive(Debug, Clone)]
pub struct Replay {
    choices: std::vec::IntoIter<u32>,
}

impl Replay {
    /// Replays `choices`.
    #[must_use]
    pub fn new(choices: Vec<u32>) -> Self {
        Self { choices: choices.into_iter() }
    }
}

impl Choose for Replay {
    fn below(&mut self, n: u32) -> u32 {
        self.choices.next().unwrap_or(0) % n.max(1)
    }
}

/// Writes down the choices of another source, so that they can be replayed.
#[derive(Debug)]
pub struct Recording<C> {
    source: C,
    choices: Vec<u32>,
}

impl<C: Choose> Recording<C> {
    /// Records what `source` chooses.
    pub fn new(source: C) -> Self {
        Self { source, choices: Vec::new() }
    }

    /// The choices so far.
    #[must_use]
    pub fn into_choices(self) -> Vec<u32> {
        self.choices
    }
}

impl<C: Choose> Choose for Recording<C> {
    fn below(&mut self, n: u32) -> u32 {
        let choice = self.source.below(n);
        self.choices.push(choice);
        choice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_stays_below_its_bound() {
        let bytes = [0xff; 64];
        let mut seeded = Seeded::new(7);
        let mut from_bytes = FromBytes::new(&bytes);
        let mut replay = Replay::new(vec![9; 64]);
        for n in [0, 1, 2, 3, 7, 255, 256, 65_537, u32::MAX] {
            for source in [&mut seeded as &mut dyn DynBelow, &mut from_bytes, &mut replay] {
                assert!(source.draw(n) < n.max(1), "n = {n}");
            }
        }
    }

    trait DynBelow {
        fn draw(&mut self, n: u32) -> u32;
    }
    impl<C: Choose> DynBelow for C {
        fn draw(&mut self, n: u32) -> u32 {
            self.below(n)
        }
    }

    #[test]
    fn a_recorded_run_replays_to_the_same_choices() {
        let mut recording = Recording::new(Seeded::new(3));
        let first: Vec<u32> = (1..50).map(|n| recording.below(n)).collect();
        let mut replay = Replay::new(recording.into_choices());
        let second: Vec<u32> = (1..50).map(|n| replay.below(n)).collect();
        assert_eq!(first, second);
    }

    #[test]
    fn cases_of_one_seed_are_independent_streams() {
        let draw = |seed, case| {
            let mut c = Seeded::case(seed, case);
            (0..8).map(|_| c.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, 5), draw(1, 5));
        assert_ne!(draw(1, 5), draw(1, 6));
        assert_ne!(draw(1, 5), draw(2, 5));
    }

    #[test]
    fn exhaustive_counts_a_tree_whose_later_choices_depend_on_earlier_ones() {
        let mut all = Exhaustive::default();
        let mut leaves = 0;
        loop {
            let n = all.below(3);
            for _ in 0..n {
                all.below(2);
            }
            leaves += 1;
            if !all.advance() {
                break;
            }
        }
        assert_eq!(leaves, 1 + 2 + 4);
    }

    #[test]
    fn spent_bytes_choose_zero() {
        let mut c = FromBytes::new(&[]);
        assert!(c.is_spent());
        assert_eq!(c.below(100), 0);
    }
}
