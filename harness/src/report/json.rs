//! What programs read.

use isolation_model::claim::{ClaimId, register};
use serde::Serialize;
use serde_json::{Value, json};

use crate::record::{ClaimResult, Environment, FaultResult, Totals, Violation};
use crate::verify::Run;

/// Version of the format.
pub const SCHEMA: &str = "isolation-verify/1";

/// The result of `verify`.
#[derive(Debug, Serialize)]
pub struct VerifyReport<'r> {
    schema: &'static str,
    seed: u64,
    profile: &'static str,
    target: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    required: &'r [ClaimId],
    claims: &'r [ClaimResult],
    violations: &'r [Violation],
    faults: &'r [FaultResult],
    totals: &'r Totals,
    record_digest: &'r str,
    environment: &'r Environment,
}

impl<'r> VerifyReport<'r> {
    /// The result of a run.
    #[must_use]
    pub fn new(run: &'r Run, options: &'r crate::verify::Options, environment: &'r Environment) -> Self {
        Self {
            schema: SCHEMA,
            seed: options.seed,
            profile: options.profile.as_str(),
            target: crate::verify::link_name(options.link),
            fault: options.fault.map(|fault| fault.id()),
            required: &options.required,
            claims: &run.claims,
            violations: &run.violations,
            faults: &run.faults,
            totals: &run.totals,
            record_digest: run.record.digest(),
            environment,
        }
    }
}

/// The register, with the checks and faults behind each claim. `faults` gives the ids of the faults that break a claim.
#[must_use]
pub fn claims(faults: impl Fn(ClaimId) -> Vec<String>) -> Value {
    let due = |claim: ClaimId| crate::campaign::due().any(|own| own.id == claim);
    let claims: Vec<Value> = register()
        .map(|claim| {
            let checks: Vec<&str> = if due(claim.id) {
                isolation_model::oracle::Oracle::ALL.iter().map(|oracle| oracle.as_str()).collect()
            } else {
                Vec::new()
            };
            let mut value = json!(claim);
            if let Some(members) = value.as_object_mut() {
                members.insert("checks".to_owned(), json!(checks));
                members.insert("faults".to_owned(), json!(faults(claim.id)));
            }
            value
        })
        .collect();
    json!({ "schema": "isolation-claims/1", "claims": claims })
}
