//! What a unit costs, and what the platform adds: drawn so that roundings tie and rules overlap.

use super::provider::{Meter, Provider};
use crate::choose::Choose;

/// What one unit of a meter costs with one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// The provider.
    pub provider: Provider,
    /// The model, byte for byte; a toolkit at composio.
    pub model: &'static str,
    /// What is counted.
    pub meter: Meter,
    /// Dollars of a unit: a decimal of up to 12 fractional digits.
    pub unit_cost: &'static str,
}

/// A rule of what the platform adds. The first that fits counts, in the order tenant and meter, tenant and integration,
/// tenant, meter, integration; 20 percent where none fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Margin {
    /// Index of the tenant it is for, if for one.
    pub tenant: Option<usize>,
    /// The provider it is for, if for one.
    pub integration: Option<Provider>,
    /// The meter it is for, if for one: `{provider}.{meter}`.
    pub meter: Option<(Provider, Meter)>,
    /// A decimal.
    pub percent: &'static str,
}

/// Unit costs. With 20 percent the first one gives 1.5 micro-dollars of a unit, so that odd numbers tie.
const COSTS: [&str; 8] = [
    "0.00000125",
    "0.000000416666",
    "0.0000025",
    "0.000001",
    "0.000003",
    "0.0000150001",
    "0.00000000125",
    "0.000000000001",
];
const CALLS: [&str; 4] = ["0.03", "0.0250005", "0.00000125", "0.4999995"];

pub(super) fn rates<C: Choose>(choose: &mut C) -> Vec<Rate> {
    let mut rates = Vec::new();
    for provider in Provider::ADAPTERS {
        for model in provider.models() {
            for meter in provider.meters() {
                let unit_cost = match meter {
                    Meter::Calls | Meter::Seconds => choose.of(&CALLS),
                    Meter::InputTokens | Meter::OutputTokens | Meter::Characters => choose.of(&COSTS),
                };
                rates.push(Rate { provider, model, meter: *meter, unit_cost });
            }
        }
    }
    rates
}

pub(super) fn margins<C: Choose>(choose: &mut C, tenants: usize) -> Vec<Margin> {
    let tenant = usize::from(choose.index(tenants));
    let other = (tenant + 1) % tenants.max(1);
    let rule = |tenant, integration, meter, percent| Margin { tenant, integration, meter, percent };
    let all = [
        rule(Some(tenant), None, Some((Provider::Openai, Meter::OutputTokens)), "37.5"),
        rule(Some(tenant), Some(Provider::Openai), None, "12.25"),
        rule(Some(other), None, None, "0"),
        rule(None, None, Some((Provider::Anthropic, Meter::InputTokens)), "100"),
        rule(None, Some(Provider::Elevenlabs), None, "50.000001"),
        rule(Some(other), Some(Provider::Assemblyai), None, "60"),
    ];
    // Each is left out in some worlds, so that what lies behind it comes to count.
    all.into_iter().filter(|_| choose.below(4) != 0).collect()
}
