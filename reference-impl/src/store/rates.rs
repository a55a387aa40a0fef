//! What a unit of each meter costs, and the margin on top of it.

use super::money::{Decimal, DecimalError};
#[cfg(feature = "faults")]
use crate::fault::Fault;
use crate::fault::FaultSet;
use crate::ids::TenantId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A row of the rate table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// The provider.
    pub provider: String,
    /// The model, byte for byte.
    pub model: String,
    /// The meter, without its provider: `input_tokens`.
    pub meter: String,
    /// Dollars for one unit: a decimal of up to 12 fractional digits.
    pub unit_cost: String,
}

/// A rule for the margin. What is `None` matches everything; at most one of `integration` and `meter` is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarginRule {
    /// The tenant that it is for.
    pub tenant: Option<TenantId>,
    /// The integration that it is for: a provider's name.
    pub integration: Option<String>,
    /// The meter that it is for: `openai.input_tokens`.
    pub meter: Option<String>,
    /// The margin: a decimal, in percent.
    pub percent: String,
}

/// Why a rate or a margin can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// A number is none.
    #[error(transparent)]
    Decimal(#[from] DecimalError),
    /// Two rows say what one thing costs.
    #[error("two rates for {0}")]
    TwoRates(String),
    /// Two rules say what one margin is.
    #[error("two margin rules for {0}")]
    TwoMargins(String),
    /// A rule names a meter without its provider: it would match nothing.
    #[error("a margin rule names the meter {0:?}, which is not provider.meter")]
    NoMeter(String),
    /// A rule names both a meter and an integration: the cascade has no place for it.
    #[error("a margin rule names both the meter {meter} and the integration {integration}")]
    BothNamed {
        /// The meter.
        meter: String,
        /// The integration.
        integration: String,
    },
}

/// The rates of one model: the unit cost of each meter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelRates(BTreeMap<String, Decimal>);

impl ModelRates {
    /// Dollars for one unit of a meter, or none where there is no rate.
    #[must_use]
    pub fn unit_cost(&self, meter: &str) -> Option<&Decimal> {
        self.0.get(meter)
    }

    /// Whether every one of these meters has a rate.
    #[must_use]
    pub fn cover(&self, meters: &[&str]) -> bool {
        meters.iter().all(|meter| self.0.contains_key(*meter))
    }
}

/// The margin where no rule matches, in percent.
const GLOBAL_MARGIN: u32 = 20;

/// The rate table and the margin rules. Looking something up allocates nothing.
pub(crate) struct Rates {
    /// By provider, then by model.
    models: BTreeMap<String, BTreeMap<String, Arc<ModelRates>>>,
    of_tenants: BTreeMap<TenantId, Margins>,
    of_all: Margins,
    global: Arc<Decimal>,
    #[cfg_attr(not(feature = "faults"), expect(dead_code, reason = "only a planted fault asks for it"))]
    faults: FaultSet,
    /// What a planted fault keeps.
    #[cfg(feature = "faults")]
    found: std::sync::Mutex<BTreeMap<String, Arc<Decimal>>>,
}

/// The margins of one tenant, or of everybody.
#[derive(Default)]
struct Margins {
    /// By provider, then by the meter's own name.
    meters: BTreeMap<String, BTreeMap<String, Arc<Decimal>>>,
    integrations: BTreeMap<String, Arc<Decimal>>,
    all: Option<Arc<Decimal>>,
}

impl Margins {
    /// Adds a rule. Gives what it replaced.
    fn add(&mut self, rule: &MarginRule) -> Result<Option<Arc<Decimal>>, RateError> {
        let percent = Arc::new(Decimal::parse(&rule.percent)?);
        match (&rule.meter, &rule.integration) {
            (Some(meter), Some(integration)) => {
                Err(RateError::BothNamed { meter: meter.clone(), integration: integration.clone() })
            }
            (Some(meter), None) => {
                let (provider, name) = meter.split_once('.').ok_or_else(|| RateError::NoMeter(meter.clone()))?;
                Ok(self.meters.entry(provider.to_owned()).or_default().insert(name.to_owned(), percent))
            }
            (None, Some(integration)) => Ok(self.integrations.insert(integration.clone(), percent)),
            (None, None) => Ok(self.all.replace(percent)),
        }
    }

    fn of_meter(&self, provider: &str, meter: &str) -> Option<&Arc<Decimal>> {
        self.meters.get(provider)?.get(meter)
    }
}

impl Rates {
    #[cfg(test)]
    pub(crate) fn new(rates: &[Rate], margins: &[MarginRule]) -> Result<Self, RateError> {
        Self::new_with(rates, margins, FaultSet::none())
    }

    /// Takes a table and rules.
    pub(crate) fn new_with(rates: &[Rate], margins: &[MarginRule], faults: FaultSet) -> Result<Self, RateError> {
        let mut models: BTreeMap<String, BTreeMap<String, ModelRates>> = BTreeMap::new();
        for rate in rates {
            let model = models.entry(rate.provider.clone()).or_default().entry(rate.model.clone()).or_default();
            if model.0.insert(rate.meter.clone(), Decimal::parse(&rate.unit_cost)?).is_some() {
                return Err(RateError::TwoRates(format!("{} {} {}", rate.provider, rate.model, rate.meter)));
            }
        }
        let mut of_tenants: BTreeMap<TenantId, Margins> = BTreeMap::new();
        let mut of_all = Margins::default();
        for rule in margins {
            let margins = match &rule.tenant {
                Some(tenant) => of_tenants.entry(tenant.clone()).or_default(),
                None => &mut of_all,
            };
            if margins.add(rule)?.is_some() {
                let parts =
                    [rule.tenant.as_ref().map(TenantId::as_str), rule.meter.as_deref(), rule.integration.as_deref()];
                return Err(RateError::TwoMargins(format!("{parts:?}")));
            }
        }
        let shared = |models: BTreeMap<String, ModelRates>| {
            models.into_iter().map(|(model, rates)| (model, Arc::new(rates))).collect()
        };
        Ok(Self {
            models: models.into_iter().map(|(provider, models)| (provider, shared(models))).collect(),
            of_tenants,
            global: of_all.all.take().unwrap_or_else(|| Arc::new(Decimal::whole(GLOBAL_MARGIN))),
            of_all,
            faults,
            #[cfg(feature = "faults")]
            found: std::sync::Mutex::default(),
        })
    }

    /// The rates of a model: exact, byte for byte.
    pub(crate) fn of(&self, provider: &str, model: &str) -> Option<Arc<ModelRates>> {
        self.models.get(provider)?.get(model).cloned()
    }

    /// The margin: the first of (tenant, meter), (tenant, integration), (tenant), (meter), (integration), global.
    pub(crate) fn margin(&self, tenant: &TenantId, provider: &str, meter: &str) -> Arc<Decimal> {
        let cascade = [self.of_tenants.get(tenant), Some(&self.of_all)];
        let mut found = cascade.into_iter().flatten().filter_map(|margins| {
            margins.of_meter(provider, meter).or_else(|| margins.integrations.get(provider)).or(margins.all.as_ref())
        });
        let margin = found.next().unwrap_or(&self.global).clone();
        #[cfg(feature = "faults")]
        if self.faults.has(Fault::MarginCachedByMeter) {
            let mut found = self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            return found.entry(format!("{provider}.{meter}")).or_insert(margin).clone();
        }
        margin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(id: &str) -> TenantId {
        TenantId::parse(id).unwrap()
    }

    fn rule(owner: Option<&str>, integration: Option<&str>, meter: Option<&str>, percent: &str) -> MarginRule {
        let [integration, meter] = [integration, meter].map(|part| part.map(str::to_owned));
        MarginRule { tenant: owner.map(tenant), integration, meter, percent: percent.to_owned() }
    }

    fn rate(provider: &str, model: &str, meter: &str, unit_cost: &str) -> Rate {
        let [provider, model, meter, unit_cost] = [provider, model, meter, unit_cost].map(str::to_owned);
        Rate { provider, model, meter, unit_cost }
    }

    /// All six places of the cascade, from the widest to the narrowest; each says its place.
    fn cascade() -> [MarginRule; 6] {
        [
            rule(None, None, None, "1"),
            rule(None, Some("openai"), None, "2"),
            rule(None, None, Some("openai.input_tokens"), "3"),
            rule(Some("T-a"), None, None, "4"),
            rule(Some("T-a"), Some("openai"), None, "5"),
            rule(Some("T-a"), None, Some("openai.input_tokens"), "6"),
        ]
    }

    #[test]
    fn the_first_rule_that_matches_is_the_margin() {
        let all = cascade();
        for known in 0..=all.len() {
            let rates = Rates::new(&[], &all[..known]).unwrap();
            let expected = if known == 0 { "20".to_owned() } else { known.to_string() };
            let found = rates.margin(&tenant("T-a"), "openai", "input_tokens");
            assert_eq!(found.to_string(), expected, "with the widest {known}");
        }
        let rates = Rates::new(&[], &all).unwrap();
        for (owner, provider, meter, expected) in [
            ("T-a", "openai", "input_tokens", "6"),
            ("T-a", "openai", "output_tokens", "5"),
            ("T-a", "gemini", "input_tokens", "4"),
            ("T-b", "openai", "input_tokens", "3"),
            ("t-a", "openai", "output_tokens", "2"),
            ("T-b", "gemini", "input_tokens", "1"),
        ] {
            assert_eq!(
                rates.margin(&tenant(owner), provider, meter).to_string(),
                expected,
                "{owner} {provider} {meter}"
            );
        }
    }

    #[test]
    fn a_model_is_known_byte_for_byte() {
        let rates = Rates::new(
            &[rate("openai", "gpt-x", "input_tokens", "0.1"), rate("openai", "gpt-x", "output_tokens", "0.2")],
            &[],
        );
        let rates = rates.unwrap();
        let model = rates.of("openai", "gpt-x").unwrap();
        assert!(model.cover(&["input_tokens", "output_tokens"]) && !model.cover(&["input_tokens", "calls"]));
        assert_eq!(model.unit_cost("output_tokens").unwrap().to_string(), "0.2");
        for (provider, name) in [("openai", "GPT-x"), ("openai", "gpt-x "), ("openai", "gpt"), ("openrouter", "gpt-x")]
        {
            assert!(rates.of(provider, name).is_none(), "{provider} {name}");
        }
    }

    #[test]
    fn a_table_that_says_two_things_is_refused() {
        let one = rate("openai", "m", "calls", "1");
        assert!(matches!(Rates::new(&[one.clone(), one], &[]), Err(RateError::TwoRates(_))));
        assert!(matches!(Rates::new(&[rate("p", "m", "c", "-1")], &[]), Err(RateError::Decimal(_))));
        for wide in cascade() {
            assert!(matches!(Rates::new(&[], &[wide.clone(), wide]), Err(RateError::TwoMargins(_))));
        }
        let both = rule(None, Some("openai"), Some("openai.calls"), "1");
        assert!(matches!(Rates::new(&[], &[both]), Err(RateError::BothNamed { .. })));
        let bare = rule(None, None, Some("input_tokens"), "1");
        assert!(matches!(Rates::new(&[], &[bare]), Err(RateError::NoMeter(_))));
        assert!(matches!(Rates::new(&[], &[rule(None, None, None, "-5")]), Err(RateError::Decimal(_))));
    }
}
