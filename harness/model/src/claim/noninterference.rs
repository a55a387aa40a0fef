//! All channels at once (NI).

use super::{Boundary, Claim, ClaimId, Milestone, Origin, Tier, derived, moves};

pub(super) static NI_1: Claim = Claim {
    id: ClaimId::Ni1,
    statement: "What one tenant observes does not depend on what another holds or does, beyond the list of \
                declassified flows.",
    threat: "A tenant learns of another through a channel that no single check had in mind.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Mem1, ClaimId::Blr1],
        "That there is no view across tenants, and no effect on them, holds only if it holds for channels nobody \
         listed.",
    ),
    boundary: Boundary::Noninterference,
    tier: Tier::Shared,
    held_from: Milestone::Explorers,
    enforced_at: &[],
    cwe: &[200, 203, 514],
    controls: &[
        "NIST-800-53:AC-4",
        "NIST-800-53:SC-4",
        "NIST-800-53:SC-31",
        "SOC2:CC6.1",
        "SOC2:C1.1",
        "ISO27001:A.8.12",
    ],
    moves: moves! {
        "NI-1.secrets-changed", ForeignEffect, "run a trace twice, the other tenant's secrets being others";
        "NI-1.actions-purged", ForeignEffect, "run a trace with and without the other tenant's actions";
        "NI-1.tenant-absent", ForeignEffect, "run a trace with and without the other tenant";
        "NI-1.interleaving", ForeignEffect, "interleave the other tenant's actions in another order";
        "NI-1.failures", ForeignEffect, "have the other tenant's actions fail instead of succeed";
        "NI-1.identifiers", ForeignEffect, "look for ids, counters and orders that count the other tenant's actions";
        "NI-1.side-effects", ForeignEffect, "compare webhooks, ledgers and upstream calls too";
        "NI-1.canaries", ForeignEffect,
            "search every byte that reaches anyone for another's marked data, in every encoding";
    },
    note: Some("Flows that are declassified are data of their own; without any one of them, some case diverges."),
};
