//! The cost formula against exact rationals, which share no code with decimals.

use super::*;
use num_rational::BigRational;
use proptest::prelude::*;
use serde_json::json;

/// A decimal's value as a ratio of whole numbers.
fn ratio(text: &str) -> BigRational {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: BigInt = format!("{whole}{fraction}").parse().unwrap();
    let power = BigInt::from(10).pow(u32::try_from(fraction.len()).unwrap());
    BigRational::new(digits, power)
}

fn integer(number: i64) -> BigRational {
    BigRational::from_integer(number.into())
}

/// The formula as it is written, then half to even by looking at both neighbours.
fn expected(quantity: u64, unit_cost: &str, margin: &str) -> Option<i64> {
    let exact = BigRational::from_integer(quantity.into())
        * ratio(unit_cost)
        * (integer(1) + ratio(margin) / integer(100))
        * integer(1_000_000);
    let below = exact.floor();
    let above = &below + integer(1);
    let (down, up) = (&exact - &below, &above - &exact);
    let even = |number: &BigRational| (number / integer(2)).is_integer();
    let rounded = if down < up || (down == up && even(&below)) { below } else { above };
    i64::try_from(rounded.to_integer()).ok()
}

fn cost(quantity: u64, unit_cost: &str, margin: &str) -> Option<i64> {
    let (unit_cost, margin) = (Decimal::parse(unit_cost).unwrap(), Decimal::parse(margin).unwrap());
    cost_micros(Quantity::counted(quantity), &unit_cost, &margin).ok().map(Micros::get)
}

#[test]
fn ties_go_to_the_even_neighbour_and_nothing_else_does() {
    for (quantity, unit_cost, margin, micros) in [
        (0, "1", "20", 0),
        (1, "0.0000005", "0", 0),
        (1, "0.000000500001", "0", 1),
        (3, "0.0000005", "0", 2),
        (5, "0.0000005", "0", 2),
        (7, "0.0000005", "0", 4),
        (1, "0.000001", "50", 2),
        (1, "0.000003", "50", 4),
        (1, "0.000001", "49.999999999999", 1),
        (1, "0.000001", "50.000000000001", 2),
        (1_000, "0.000002500000", "20", 3_000),
        (1, "0.00000042", "19.047619047619", 0),
        (1, "1", "12.5", 1_125_000),
        (1, "0.000000000001", "0", 0),
        (QUANTITY_MAX, "0.000000000001", "20", 1_200_000),
        (999_999, "0.000000000001", "33.333333333333", 1),
    ] {
        assert_eq!(cost(quantity, unit_cost, margin), Some(micros), "{quantity} {unit_cost} {margin}");
        assert_eq!(expected(quantity, unit_cost, margin), Some(micros), "{quantity} {unit_cost} {margin}");
    }
}

#[test]
fn a_cost_that_no_wallet_holds_is_an_error() {
    assert_eq!(cost(QUANTITY_MAX, "7", "20"), Some(8_400_000_000_000_000_000));
    assert_eq!(cost(QUANTITY_MAX, "9", "20"), None);
    assert_eq!(cost(QUANTITY_MAX, "999999999999999999.999999999999", "999999999999999999"), None);
}

#[test]
fn a_decimal_has_one_plain_form() {
    for good in ["0", "1", "00.10", "123456789012345678", "0.000000000001", "1.0"] {
        assert!(Decimal::parse(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        ".",
        "1.",
        ".5",
        "-1",
        "+1",
        "1e3",
        "1E3",
        " 1",
        "1 ",
        "1_0",
        "1,0",
        "0x1",
        "NaN",
        "inf",
        "1.2.3",
        "\u{661}",
        "1234567890123456789",
        "0.0000000000001",
    ] {
        assert!(Decimal::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_report_is_a_whole_number_in_range_or_none() {
    for (value, quantity) in [
        (json!(0), Some(0)),
        (json!(7), Some(7)),
        (json!(QUANTITY_MAX), Some(i64::try_from(QUANTITY_MAX).unwrap())),
        (json!(QUANTITY_MAX + 1), None),
        (json!(u64::MAX), None),
        (json!(-1), None),
        (json!(i64::MIN), None),
        (json!(1.0), None),
        (json!(0.5), None),
        (json!(1e300), None),
        (json!("7"), None),
        (json!(null), None),
        (json!(true), None),
        (json!([7]), None),
        (json!({"n": 7}), None),
    ] {
        assert_eq!(Quantity::reported(&value).map(|quantity| quantity.0), quantity, "{value}");
    }
    assert_eq!(Quantity::counted(u64::MAX).0, i64::try_from(QUANTITY_MAX).unwrap());
}

#[test]
fn sums_stay_in_the_range_of_a_wallet() {
    let most = Micros::new(u64::try_from(i64::MAX).unwrap()).unwrap();
    assert_eq!(Micros::new(u64::try_from(i64::MAX).unwrap() + 1), None);
    assert_eq!(most.plus(Micros::ZERO), Some(most));
    assert_eq!(most.plus(Micros(1)), None);
}

prop_compose! {
    /// Up to so many digits, then perhaps up to 12 more behind a point.
    fn decimal(most: usize)(whole in prop::string::string_regex(&format!("[0-9]{{1,{most}}}")).unwrap(), fraction in prop::option::of("[0-9]{1,12}")) -> String {
        match fraction {
            Some(fraction) => format!("{whole}.{fraction}"),
            None => whole,
        }
    }
}

/// A quantity and a price whose product lies on a tie, or a step of 10^-12 beside one.
fn near_a_tie() -> impl Strategy<Value = (u64, String)> {
    (0..1_000_000_u64, -1..=1_i64).prop_map(|(halves, step)| {
        let picos = i64::try_from(2 * halves + 1).unwrap() * 500_000 + step;
        (1, format!("{}.{:012}", picos / 1_000_000_000_000, picos % 1_000_000_000_000))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_cost_is_the_formulas(quantity in 0..=QUANTITY_MAX, unit_cost in decimal(6), margin in decimal(4)) {
        prop_assert_eq!(cost(quantity, &unit_cost, &margin), expected(quantity, &unit_cost, &margin));
    }

    #[test]
    fn huge_prices_too(quantity in 0..=QUANTITY_MAX, unit_cost in decimal(18), margin in decimal(18)) {
        prop_assert_eq!(cost(quantity, &unit_cost, &margin), expected(quantity, &unit_cost, &margin));
    }

    #[test]
    fn small_costs_too(quantity in 0..2000_u64, fraction in "0\\.0000[0-9]{8}", margin in decimal(3)) {
        prop_assert_eq!(cost(quantity, &fraction, &margin), expected(quantity, &fraction, &margin));
    }

    #[test]
    fn ties_and_their_neighbours((quantity, unit_cost) in near_a_tie()) {
        prop_assert_eq!(cost(quantity, &unit_cost, "0"), expected(quantity, &unit_cost, "0"));
    }

    #[test]
    fn ties_that_the_margin_makes(number in 0..100_000_u64, hundredths in 0..10_000_u64) {
        // Micro-dollars of two fractional digits times a margin of two more: every fourth or so is near a tie.
        let (unit_cost, margin) = (format!("0.{number:08}"), format!("{}.{:02}", hundredths / 100, hundredths % 100));
        prop_assert_eq!(cost(50, &unit_cost, &margin), expected(50, &unit_cost, &margin));
    }
}
