//! Money: wallets and the ledger (WAL), the payment provider's customers and cards (STR).

use super::{Boundary, Claim, ClaimId, Milestone, Origin, Tier, at, derived, moves, stated};

pub(super) static WAL_1: Claim = Claim {
    id: ClaimId::Wal1,
    statement: "A tenant has one wallet, and every debit hits the wallet of the tenant that the key resolves to, once.",
    threat: "A tenant spends another's credits, or spends without paying.",
    origin: Origin::Stated,
    source: stated("Per-tenant isolation", 1, "One wallet per tenant."),
    boundary: Boundary::Wallet,
    tier: Tier::PerTenant,
    held_from: Milestone::Edge,
    enforced_at: &[
        at("reference-impl/src/store/database/memory.rs", "hold"),
        at("reference-impl/src/store/database/memory.rs", "settle"),
        at("reference-impl/src/store/wallet.rs", "Wallet"),
    ],
    cwe: &[639, 841, 362],
    controls: &["NIST-800-53:AC-3", "NIST-800-53:SC-4", "SOC2:CC6.1", "SOC2:PI1.3", "ISO27001:A.8.3"],
    moves: moves! {
        "WAL-1.header-names-tenant", Hold, "name another tenant in a header of a metered call";
        "WAL-1.query-names-tenant", Hold, "name another tenant in the query of a metered call";
        "WAL-1.body-names-tenant", Hold, "name another tenant in the body of a metered call";
        "WAL-1.foreign-connection-id", BindingChain, "name another tenant's connection in a metered call";
        "WAL-1.concurrent", Hold, "spend from many calls at once, beyond the balance";
        "WAL-1.concurrent-tenants", Settle, "spend as two tenants at once and look for crossed entries";
        "WAL-1.retry", Settle, "repeat a call that was settled";
        "WAL-1.died-stream", Settle, "hang up in the middle of a metered stream";
        "WAL-1.upstream-died", Settle, "have the provider die in the middle of a metered stream";
        "WAL-1.refused-call", KeyLookup, "have a refused call billed";
        "WAL-1.upstream-usage-lies", Settle, "have an upstream report negative, huge or foreign usage";
        "WAL-1.reused-connection", Hold, "send two keys' calls on one connection";
    },
    note: None,
};

pub(super) static WAL_2: Claim = Claim {
    id: ClaimId::Wal2,
    statement: "A deployment that runs out of credits suspends alone, and the others of its tenant run until the \
                wallet is empty.",
    threat: "One deployment's spending stops its neighbours, or another tenant's.",
    origin: Origin::Stated,
    source: stated("Per-tenant isolation", 3, "it suspends the specific deployment, not the whole tenant"),
    boundary: Boundary::Wallet,
    tier: Tier::PerDeployment,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[400, 841],
    controls: &["NIST-800-53:SC-6", "NIST-800-53:AC-4", "SOC2:CC6.1", "SOC2:A1.1", "ISO27001:A.8.6"],
    moves: moves! {
        "WAL-2.drain-by-cap", SpendCap, "drain one deployment's cap and watch its siblings";
        "WAL-2.drain-wallet", SpendCap, "drain the wallet and watch another tenant's deployments";
        "WAL-2.drain-concurrent", SpendCap, "drain from two deployments at once";
        "WAL-2.cap-of-another", SpendCap, "use up another tenant's cap with the own key";
        "WAL-2.resume-manual", SpendCap, "have a top-up resume what was suspended by hand";
        "WAL-2.resume-foreign", SpendCap, "have a top-up resume another tenant's deployment";
    },
    note: None,
};

pub(super) static WAL_3: Claim = Claim {
    id: ClaimId::Wal3,
    statement: "The ledger only grows, its sum is the balance, and neither concurrency nor a crash makes either wrong.",
    threat: "Credits appear or vanish, and nobody can show whose they were.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Wal1],
        "That a debit hits the right wallet can only be shown by a ledger that nobody rewrites.",
    ),
    boundary: Boundary::Wallet,
    tier: Tier::PerTenant,
    held_from: Milestone::Explorers,
    enforced_at: &[],
    cwe: &[362, 367, 353],
    controls: &["NIST-800-53:AU-9", "NIST-800-53:AU-10", "NIST-800-53:SI-7", "SOC2:PI1.4", "ISO27001:A.5.33"],
    moves: moves! {
        "WAL-3.update", LedgerAppend, "change an entry, as every role";
        "WAL-3.delete", LedgerAppend, "delete an entry, as every role";
        "WAL-3.truncate", LedgerAppend, "empty the ledger, as every role";
        "WAL-3.double-settle", Settle, "settle one hold twice, at once and in turn";
        "WAL-3.lost-update", Settle, "settle two holds at once and look for a lost entry";
        "WAL-3.crash-before-settle", Settle, "kill the worker between hold and settlement";
        "WAL-3.crash-within-settle", Settle, "kill the worker in the middle of a settlement";
        "WAL-3.retry-after-crash", Settle, "settle again after a crash whose outcome is unknown";
        "WAL-3.negative", Hold, "reserve more than the balance at once";
        "WAL-3.rounding", Settle, "settle amounts at the edge of rounding and compare the sum";
    },
    note: None,
};

pub(super) static STR_1: Claim = Claim {
    id: ClaimId::Str1,
    statement: "A payment customer and its saved cards belong to one tenant, and no other reads, charges or changes \
                them.",
    threat: "A tenant pays with another tenant's card.",
    origin: Origin::Stated,
    source: stated("The boundary model", 0, "Stripe customer"),
    boundary: Boundary::Billing,
    tier: Tier::PerTenant,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[639, 863],
    controls: &["NIST-800-53:AC-3", "SOC2:CC6.1", "SOC2:C1.1", "ISO27001:A.5.34", "ISO27001:A.8.3"],
    moves: moves! {
        "STR-1.read-customer", CustomerMatch, "read another tenant's customer";
        "STR-1.list-cards", CustomerMatch, "list another tenant's cards";
        "STR-1.purchase", CustomerMatch, "buy credits with another tenant's card";
        "STR-1.reload", CustomerMatch, "set automatic reload to another tenant's card";
        "STR-1.detach", CustomerMatch, "detach another tenant's card";
        "STR-1.attach", CustomerMatch, "attach a card to another tenant's customer";
        "STR-1.customer-in-body", CustomerMatch, "name another tenant's customer in the body";
        "STR-1.event-forged", CustomerMatch, "send a forged payment event that credits the own tenant";
    },
    note: None,
};
