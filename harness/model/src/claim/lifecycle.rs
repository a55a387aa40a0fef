//! Workflows that change a deployment's state (LIF).

use super::{Boundary, Claim, ClaimId, Milestone, Origin, Tier, derived, moves};

pub(super) static LIF_1: Claim = Claim {
    id: ClaimId::Lif1,
    statement: "Suspending, resuming, renaming, redeploying and tearing down keep every other claim at each step in \
                between, a crash there included.",
    threat: "Between two steps a name, a key or a bucket belongs to nobody, and somebody takes it.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Apx1, ClaimId::Key1, ClaimId::Sec2, ClaimId::Wal2],
        "Each of these is stated without a time: one that fails for a moment fails.",
    ),
    boundary: Boundary::Lifecycle,
    tier: Tier::PerDeployment,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[367, 372, 459],
    controls: &[
        "NIST-800-53:AC-4",
        "NIST-800-53:SC-24",
        "NIST-800-53:SI-12",
        "SOC2:CC6.1",
        "SOC2:C1.2",
        "ISO27001:A.8.10",
    ],
    moves: moves! {
        "LIF-1.suspend-between", WorkflowStep, "act between any two steps of a suspension";
        "LIF-1.resume-between", WorkflowStep, "act between any two steps of a resumption";
        "LIF-1.rename-between", WorkflowStep, "act between any two steps of a rename";
        "LIF-1.redeploy-between", WorkflowStep, "act between any two steps of a redeploy";
        "LIF-1.teardown-between", WorkflowStep, "act between any two steps of a teardown";
        "LIF-1.crash-at-step", WorkflowStep, "crash at any step and act before it is taken up again";
        "LIF-1.retry-step", WorkflowStep, "have any step run twice";
        "LIF-1.two-workflows", WorkflowStep, "run two workflows on one deployment at once";
        "LIF-1.failed-state", WorkflowStep, "act on a deployment whose workflow failed";
        "LIF-1.claim-freed-name", Quarantine, "claim what a teardown or a rename has just freed";
        "LIF-1.foreign-workflow", RouteScope, "start a workflow on another tenant's deployment";
        "LIF-1.leftovers", WorkflowStep, "use any credential or resource after a teardown";
    },
    note: None,
};
