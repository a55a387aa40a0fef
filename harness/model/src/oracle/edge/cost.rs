//! What a call costs, in exact arithmetic: quantity × unit cost × (1 + margin / 100) dollars, each meter rounded to a
//! micro-dollar by itself, ties to even.

use crate::world::World;
use crate::world::edge::{Meter, Provider};

/// The margin where no rule fits, in percent.
pub const GLOBAL_MARGIN: &str = "20";
/// A quantity above it is no report of usage.
pub const QUANTITY_MAX: u64 = 1_000_000_000_000;

/// A decimal number: `units` of 10^-`scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decimal {
    units: u128,
    scale: u32,
}

/// Reads digits with at most one point.
fn decimal(text: &str) -> Option<Decimal> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let units = format!("{whole}{fraction}").parse().ok()?;
    Some(Decimal { units, scale: u32::try_from(fraction.len()).ok()? })
}

/// Whether a model has a rate for every meter of its provider: else nothing is asked of it.
#[must_use]
pub fn has_rates(world: &World, provider: Provider, model: &str) -> bool {
    provider.meters().iter().all(|meter| unit_cost(world, provider, model, *meter).is_some())
}

fn unit_cost<'w>(world: &'w World, provider: Provider, model: &str, meter: Meter) -> Option<&'w str> {
    let fits =
        |rate: &&crate::world::edge::Rate| rate.provider == provider && rate.model == model && rate.meter == meter;
    world.edge.rates.iter().find(fits).map(|rate| rate.unit_cost)
}

/// The margin on a meter for a tenant: the first rule that fits, from the narrowest on.
#[must_use]
pub fn margin(world: &World, tenant: usize, provider: Provider, meter: Meter) -> &'static str {
    let rules = &world.edge.margins;
    let of = |whose: Option<usize>, integration: Option<Provider>, of_meter: Option<(Provider, Meter)>| {
        let fits = |rule: &&crate::world::edge::Margin| {
            rule.tenant == whose && rule.integration == integration && rule.meter == of_meter
        };
        rules.iter().find(fits).map(|rule| rule.percent)
    };
    let (own, of_meter) = (Some(tenant), Some((provider, meter)));
    of(own, None, of_meter)
        .or_else(|| of(own, Some(provider), None))
        .or_else(|| of(own, None, None))
        .or_else(|| of(None, None, of_meter))
        .or_else(|| of(None, Some(provider), None))
        .unwrap_or(GLOBAL_MARGIN)
}

/// What so many units of a meter cost a tenant, in micro-dollars. `None` where the model has no rate for it, or the sum
/// leaves every range that a wallet could have.
#[must_use]
pub fn cost_micros(
    world: &World,
    tenant: usize,
    provider: Provider,
    model: &str,
    meter: Meter,
    quantity: u64,
) -> Option<u64> {
    let unit = decimal(unit_cost(world, provider, model, meter)?)?;
    let percent = decimal(margin(world, tenant, provider, meter))?;
    micros(quantity, unit, percent)
}

/// quantity × unit × (100 + percent) / 100 × 10^6, rounded half to even.
fn micros(quantity: u64, unit: Decimal, percent: Decimal) -> Option<u64> {
    let hundred = 100u128.checked_mul(10u128.checked_pow(percent.scale)?)?;
    let factor = hundred.checked_add(percent.units)?;
    let numerator = u128::from(quantity).checked_mul(unit.units)?.checked_mul(factor)?.checked_mul(1_000_000)?;
    let denominator = 10u128.checked_pow(unit.scale)?.checked_mul(hundred)?;
    let (whole, rest) = (numerator / denominator, numerator % denominator);
    let twice = rest.checked_mul(2)?;
    let up = twice > denominator || (twice == denominator && whole % 2 == 1);
    u64::try_from(whole.checked_add(u128::from(up))?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::Seeded;
    use crate::world::Profile;
    use crate::world::edge::Margin;

    fn of(quantity: u64, unit: &str, percent: &str) -> Option<u64> {
        micros(quantity, decimal(unit).unwrap(), decimal(percent).unwrap())
    }

    #[test]
    fn ties_go_to_the_even_neighbour() {
        for (quantity, unit, percent, expected) in [
            (0, "0.03", "20", 0),
            // 1.5, 4.5, 7.5 micro-dollars.
            (1, "0.00000125", "20", 2),
            (3, "0.00000125", "20", 4),
            (5, "0.00000125", "20", 8),
            // 0.5 and 2.5.
            (1, "0.0000005", "0", 0),
            (5, "0.0000005", "0", 2),
            // A hair above and below a tie.
            (1, "0.000000500001", "0", 1),
            (1, "0.000000499999", "0", 0),
            (1_000_000, "0.000000000001", "20", 1),
            (500_000, "0.000000000001", "0", 0),
            (500_001, "0.000000000001", "0", 1),
            (7, "0.0250005", "37.5", 240_630),
            (QUANTITY_MAX, "0.0000150001", "50.000001", 22_500_150_225_001),
        ] {
            assert_eq!(of(quantity, unit, percent), Some(expected), "{quantity} x {unit} + {percent} %");
        }
        assert_eq!(of(u64::MAX, "999999999999.000000000001", "99999999.99999999"), None);
    }

    #[test]
    fn the_narrowest_margin_counts() {
        let mut world = World::generate(&mut Seeded::new(3), Profile::default());
        let (provider, meter) = (Provider::Openai, Meter::InputTokens);
        let rule = |tenant, integration, meter, percent| Margin { tenant, integration, meter, percent };
        let of_meter = Some((provider, meter));
        let rules = [
            rule(None, Some(provider), None, "1"),
            rule(None, None, of_meter, "2"),
            rule(Some(1), None, None, "3"),
            rule(Some(1), Some(provider), None, "4"),
            rule(Some(1), None, of_meter, "5"),
        ];
        world.edge.margins.clear();
        assert_eq!(margin(&world, 1, provider, meter), GLOBAL_MARGIN);
        for rule in rules {
            let percent = rule.percent;
            world.edge.margins.push(rule);
            assert_eq!(margin(&world, 1, provider, meter), percent);
        }
        assert_eq!(margin(&world, 0, provider, meter), "2");
        assert_eq!(margin(&world, 0, provider, Meter::OutputTokens), "1");
    }

    #[test]
    fn a_rate_is_found_by_the_very_bytes_of_its_model() {
        let world = World::generate(&mut Seeded::new(3), Profile::default());
        assert!(has_rates(&world, Provider::Openai, "o3"));
        for other in ["O3", "o3 ", "openai/o3", "o3-latest", ""] {
            assert!(!has_rates(&world, Provider::Openai, other), "{other:?}");
        }
        assert!(!has_rates(&world, Provider::Anthropic, "o3"));
    }
}
