//! Money: exact decimals for prices, whole micro-dollars for everything else.

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive};
use std::fmt;

/// The most of a meter that one report may say.
pub const QUANTITY_MAX: u64 = 1_000_000_000_000;
/// The most fractional digits of a decimal.
const FRACTION_MAX: usize = 12;
/// The most digits before a decimal's point.
const INTEGER_MAX: usize = 18;

/// An exact decimal, not negative: a price or a percentage.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(BigDecimal);

/// A text that is no decimal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no decimal: 1 to 18 digits, then perhaps a point and 1 to 12 digits")]
pub struct DecimalError(String);

impl Decimal {
    /// Reads a decimal: 1 to 18 digits, then perhaps a point and 1 to 12 digits. No sign, no exponent.
    ///
    /// # Errors
    /// [`DecimalError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let refused = || DecimalError(text.chars().take(80).collect());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str, most: usize| {
            (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole, INTEGER_MAX) || !digits(fraction, FRACTION_MAX) {
            return Err(refused());
        }
        text.parse().map(Self).map_err(|_| refused())
    }

    /// A whole number.
    #[must_use]
    pub fn whole(number: u32) -> Self {
        Self(BigDecimal::from(number))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Decimal({})", self.0)
    }
}

/// How much of a meter was used: a whole number up to 10^12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quantity(i64);

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// What a provider reported, or none where the report is no whole number from 0 to 10^12: then it counts as not
    /// reported.
    #[must_use]
    pub fn reported(value: &serde_json::Value) -> Option<Self> {
        let number = value.as_i64()?;
        let limit = i64::try_from(QUANTITY_MAX).unwrap_or(i64::MAX);
        (0..=limit).contains(&number).then_some(Self(number))
    }

    /// What the platform counted or estimated itself, at most 10^12.
    #[must_use]
    pub fn counted(number: u64) -> Self {
        Self(i64::try_from(number.min(QUANTITY_MAX)).unwrap_or(i64::MAX))
    }
}

/// An amount in micro-dollars, not negative, that a wallet can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(i64);

impl Micros {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount, or none where it leaves the range of a wallet.
    #[must_use]
    pub fn new(micros: u64) -> Option<Self> {
        i64::try_from(micros).ok().map(Self)
    }

    /// The amount.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }

    /// The sum, or none where it leaves the range of a wallet.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

/// A cost that leaves the range of a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cost leaves the range of a wallet")]
pub struct CostError;

/// The cost of one meter: quantity × unit cost in dollars × (1 + margin in percent / 100), rounded half to even to a
/// micro-dollar. Everything before the rounding is exact.
///
/// # Errors
/// [`CostError`] where it leaves the range of a wallet.
pub fn cost_micros(quantity: Quantity, unit_cost: &Decimal, margin_percent: &Decimal) -> Result<Micros, CostError> {
    // × (100 + margin) × 10^4 is × (1 + margin / 100) × 10^6, without a division.
    let factor = (&margin_percent.0 + BigDecimal::from(100)) * BigDecimal::new(BigInt::from(1), -4);
    let exact = BigDecimal::from(quantity.0) * &unit_cost.0 * factor;
    exact.with_scale_round(0, RoundingMode::HalfEven).to_i64().map(Micros).ok_or(CostError)
}

#[cfg(test)]
#[path = "money_tests.rs"]
mod tests;
