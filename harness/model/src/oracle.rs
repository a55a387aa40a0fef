//! The oracles: what may happen, and whether what happened was that.
//!
//! [`expect`] computes from the world's ground truth what each request may lead to. It parses nothing that a client
//! sent: the vocabulary says what each spelling stands for. [`judge`] compares an observation with it, byte for byte,
//! and scans all that was seen for canaries. Nothing here shares code with a target.

pub mod alternatives;
pub mod canaries;
mod compare;
pub mod edge;
pub mod expect;
pub mod judge;

use serde::{Deserialize, Serialize};

use crate::canary::CanaryLabel;
use crate::claim::ClaimId;

/// Which oracle found something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Oracle {
    /// The outcome isn't one that the principal's action may have.
    PermittedOutcomes,
    /// A canary reached somebody it may not reach.
    Canary,
    /// After a refusal something was not as before.
    DeniedUnchanged,
    /// Two answers that must not be told apart differ.
    HiddenEqualsAbsent,
    /// A ledger doesn't add up, or not as it should.
    Ledger,
}

impl Oracle {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::PermittedOutcomes, Self::Canary, Self::DeniedUnchanged, Self::HiddenEqualsAbsent, Self::Ledger];

    /// The name in records and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PermittedOutcomes => "permitted-outcomes",
            Self::Canary => "canary",
            Self::DeniedUnchanged => "denied-unchanged",
            Self::HiddenEqualsAbsent => "hidden-equals-absent",
            Self::Ledger => "ledger",
        }
    }
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// The claim that it violates.
    pub claim: ClaimId,
    /// Which oracle found it.
    pub oracle: Oracle,
    /// What happened, and what should have.
    pub what: String,
    /// What leaked, for a canary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leak: Option<Leak>,
}

/// A confidential datum that reached somebody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Leak {
    /// Whose, which field, of which epoch.
    pub datum: CanaryLabel,
    /// To whom.
    pub reached: String,
    /// Through what.
    pub channel: String,
    /// How it was encoded.
    pub encoding: String,
}

/// The judgement of one step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// What must not be.
    pub findings: Vec<Finding>,
    /// What should have been served and was not: no leak, yet it makes every refusal around it worthless.
    pub shortfalls: Vec<String>,
    /// Whether each request was served, in their order.
    pub served: Vec<bool>,
    /// Whether each request had to be refused, in their order.
    pub refusals: Vec<bool>,
}

impl Judgement {
    /// Whether all was as it must be.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.shortfalls.is_empty()
    }
}
