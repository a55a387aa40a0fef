//! The blast radius of a misbehaving deployment (BLR).

use super::{Boundary, Claim, ClaimId, Milestone, Origin, Tier, moves, stated};

pub(super) static BLR_1: Claim = Claim {
    id: ClaimId::Blr1,
    statement: "A misbehaving deployment changes itself and its own tenant's balance, and no other tenant's \
                deployments, data or credits.",
    threat: "A tenant that misbehaves takes its neighbours down, or has them pay.",
    origin: Origin::Stated,
    source: stated("Cross-tenant blast radius", 5, "It does not affect other tenants' deployments, data, or credits."),
    boundary: Boundary::Load,
    tier: Tier::Shared,
    held_from: Milestone::Load,
    enforced_at: &[],
    cwe: &[400, 770],
    controls: &["NIST-800-53:SC-5", "NIST-800-53:SC-6", "SOC2:A1.1", "SOC2:CC6.6", "ISO27001:A.8.6"],
    moves: moves! {
        "BLR-1.cpu", Fairness, "burn processor time";
        "BLR-1.memory", Fairness, "leak memory, and have the proxy hold large bodies";
        "BLR-1.disk", Fairness, "fill the own database and bucket";
        "BLR-1.connections", Fairness, "open every connection there is";
        "BLR-1.slow-bodies", Fairness, "send and read bodies slowly and without end";
        "BLR-1.slow-heads", Fairness, "send heads slowly";
        "BLR-1.request-flood", Fairness, "send as many requests as can be sent";
        "BLR-1.stream-resets", Fairness, "open and reset HTTP/2 streams without pause";
        "BLR-1.spend", SpendCap, "spend without end";
        "BLR-1.errors", Fairness, "answer every request with an error, late";
        "BLR-1.webhooks", Fairness, "have webhooks sent without end";
        "BLR-1.event-streams", Fairness, "open event streams and never read them";
    },
    note: None,
};

pub(super) static BLR_2: Claim = Claim {
    id: ClaimId::Blr2,
    statement: "Other tenants notice a misbehaving deployment as noise on the shared layers, within a stated bound.",
    threat: "A tenant buys its neighbours' outage for the price of a loop.",
    origin: Origin::Stated,
    source: stated(
        "Cross-tenant blast radius",
        4,
        "The shared platform layers (proxy, KV, Postgres) at the noisy-neighbor level only.",
    ),
    boundary: Boundary::Load,
    tier: Tier::Shared,
    held_from: Milestone::Load,
    enforced_at: &[],
    cwe: &[400, 405, 770],
    controls: &["NIST-800-53:SC-5", "NIST-800-53:SC-6", "SOC2:A1.1", "ISO27001:A.8.6"],
    moves: moves! {
        "BLR-2.success-rate", Fairness, "attack and compare the victim's success rate with and without";
        "BLR-2.latency", Fairness, "attack and compare the victim's latency with and without";
        "BLR-2.wrong-bytes", Fairness, "attack and look for another's bytes in the victim's answers";
        "BLR-2.app-proxy", Fairness, "attack the app-proxy only";
        "BLR-2.provider-proxy", Fairness, "attack a provider proxy only";
        "BLR-2.store", Fairness, "attack the key-value store only";
        "BLR-2.database", Fairness, "attack the database only";
        "BLR-2.recovery", Fairness, "stop the attack and see how long the noise lasts";
    },
    note: None,
};
