//! The hooks worker (HKS).

use super::{Boundary, Claim, ClaimId, Milestone, Origin, Tier, at, derived, moves};

pub(super) static HKS_1: Claim = Claim {
    id: ClaimId::Hks1,
    statement: "A webhook is delivered only to the bound deployment of its connection's tenant, signed with that \
                app's secret.",
    threat: "A tenant receives another's events, or sends it forged ones.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Con1],
        "Bindings are not the join if events of a connection reach a deployment that no binding names.",
    ),
    boundary: Boundary::Hooks,
    tier: Tier::PerTenant,
    held_from: Milestone::Edge,
    enforced_at: &[
        at("reference-impl/src/identity/hook.rs", "admit"),
        at("reference-impl/src/edge/hooks/decide.rs", "destination"),
        at("reference-impl/src/edge/hooks/envelope.rs", "signature"),
    ],
    cwe: &[345, 347, 294, 918],
    controls: &[
        "NIST-800-53:AC-4",
        "NIST-800-53:IA-9",
        "NIST-800-53:SC-8",
        "SOC2:CC6.1",
        "SOC2:CC6.7",
        "ISO27001:A.5.14",
    ],
    moves: moves! {
        "HKS-1.wrong-secret", WebhookSecret, "send an event with a wrong secret";
        "HKS-1.missing-secret", WebhookSecret, "send an event without a secret";
        "HKS-1.foreign-secret", WebhookSecret, "send an event with another connection's secret";
        "HKS-1.replayed-secret", WebhookSecret, "send an event with a secret that was replaced";
        "HKS-1.duplicate-secret", WebhookSecret, "send the secret header twice, right and wrong";
        "HKS-1.forged-destination", WebhookDelivery, "name another deployment in path, query, header or body";
        "HKS-1.destination-not-deployment", WebhookDelivery, "register a destination that is no deployment";
        "HKS-1.suspended", WebhookDelivery, "have an event delivered to a suspended deployment";
        "HKS-1.unbound", WebhookDelivery, "have an event delivered after the binding was removed";
        "HKS-1.other-app-signature", WebhookDelivery, "look for a signature under another app's secret";
        "HKS-1.envelope-spoof", WebhookDelivery, "send the envelope's own headers with the event";
        "HKS-1.redirect", WebhookDelivery, "have the deployment redirect the delivery elsewhere";
    },
    note: None,
};

pub(super) static HKS_2: Claim = Claim {
    id: ClaimId::Hks2,
    statement: "Nobody can learn from the hooks worker which external ids exist.",
    threat: "Bare requests map out which bots and workspaces are connected, and by whom they may be attacked.",
    origin: Origin::Derived,
    source: derived(&[ClaimId::Mem1], "A list of connections that anybody can probe is a view across tenants."),
    boundary: Boundary::Hooks,
    tier: Tier::Shared,
    held_from: Milestone::Edge,
    enforced_at: &[
        at("reference-impl/src/identity/hook.rs", "admit"),
        at("reference-impl/src/edge/hooks/shell.rs", "decoy"),
        at("reference-impl/src/edge/hooks/answers.rs", "Refusal"),
    ],
    cwe: &[203, 204],
    controls: &["NIST-800-53:SC-4", "NIST-800-53:SI-11", "SOC2:CC6.1", "SOC2:C1.1", "ISO27001:A.8.12"],
    moves: moves! {
        "HKS-2.unknown-against-wrong", WebhookSecret, "compare the answers to an unknown id and to a wrong secret";
        "HKS-2.unknown-against-missing", WebhookSecret, "compare the answers to an unknown id and to no secret";
        "HKS-2.revoked-against-unknown", WebhookSecret,
            "compare the answers to a revoked connection and to an unknown id";
        "HKS-2.malformed-id", WebhookSecret, "compare the answers to a malformed and to an unknown id";
        "HKS-2.other-methods", WebhookSecret, "compare the answers to other methods and preflights";
        "HKS-2.body-read", WebhookSecret, "compare how much of a large body is read";
    },
    note: Some("The time of the two answers is reported as a statistic, never judged as held or violated."),
};
