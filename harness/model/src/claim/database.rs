//! The platform's own database (RLS).

use super::{Boundary, Claim, ClaimId, Milestone, Origin, Tier, derived, moves, stated};

pub(super) static RLS_1: Claim = Claim {
    id: ClaimId::Rls1,
    statement: "An authenticated user reads rows of its own tenant, and a read across tenants returns zero rows, not \
                an error.",
    threat: "One query without a filter returns every tenant's rows.",
    origin: Origin::Stated,
    source: stated("What's shared", 11, "cross-tenant reads return zero rows"),
    boundary: Boundary::Database,
    tier: Tier::Shared,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[639, 284, 209],
    controls: &["NIST-800-53:AC-3", "NIST-800-53:AC-4", "NIST-800-53:AC-6", "SOC2:CC6.1", "ISO27001:A.8.3"],
    moves: moves! {
        "RLS-1.no-filter", RowPolicy, "read every table without a filter";
        "RLS-1.wrong-filter", RowPolicy, "read every table with a filter that is always true";
        "RLS-1.foreign-filter", RowPolicy, "read every table with another tenant's id";
        "RLS-1.join", RowPolicy, "reach foreign rows through a join";
        "RLS-1.view", RowPolicy, "reach foreign rows through a view";
        "RLS-1.function", RowPolicy, "reach foreign rows through a function";
        "RLS-1.aggregate", RowPolicy, "count, sum and order over foreign rows";
        "RLS-1.error-oracle", RowPolicy, "have an error or a cast tell of a foreign row";
        "RLS-1.unbound-session", RowPolicy, "read without a claim, with an empty and with a malformed one";
        "RLS-1.anonymous", RowPolicy, "read as the anonymous role";
        "RLS-1.removed-member", RowPolicy, "read as a user whose membership has ended";
        "RLS-1.secret-columns", RowPolicy, "read ciphertext and key hashes of own rows";
    },
    note: None,
};

pub(super) static RLS_2: Claim = Claim {
    id: ClaimId::Rls2,
    statement: "An authenticated user writes no row, and the refusal is the same for an own, a foreign and an absent \
                row.",
    threat: "A user moves a row to its own tenant, or learns from a refusal that a row is there.",
    origin: Origin::Stated,
    source: stated("What's shared", 11, "authenticated users read-only access to their own tenant"),
    boundary: Boundary::Database,
    tier: Tier::Shared,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[863, 732, 203],
    controls: &["NIST-800-53:AC-3", "NIST-800-53:AC-6", "SOC2:CC6.1", "SOC2:CC6.3", "ISO27001:A.8.3"],
    moves: moves! {
        "RLS-2.insert", WriteGrant, "insert into every table";
        "RLS-2.update-own", WriteGrant, "update an own row of every table";
        "RLS-2.update-foreign", WriteGrant, "update a foreign row of every table";
        "RLS-2.update-absent", WriteGrant, "update an absent row of every table";
        "RLS-2.delete", WriteGrant, "delete own, foreign and absent rows";
        "RLS-2.upsert", WriteGrant, "insert with `ON CONFLICT` and merge";
        "RLS-2.copy", WriteGrant, "copy into every table";
        "RLS-2.truncate", WriteGrant, "truncate every table";
        "RLS-2.writing-query", WriteGrant, "write from within a reading query or through a view";
        "RLS-2.schema", WriteGrant, "create, change and drop tables, policies and triggers";
    },
    note: None,
};

pub(super) static RLS_3: Claim = Claim {
    id: ClaimId::Rls3,
    statement: "The service role has full access, and nothing but the platform's service work can hold it.",
    threat: "A user's query becomes the service role's, and no policy applies any more.",
    origin: Origin::Stated,
    source: stated("What's shared", 11, "RLS policies grant the service role full access"),
    boundary: Boundary::Database,
    tier: Tier::Shared,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[250, 269, 426],
    controls: &["NIST-800-53:AC-5", "NIST-800-53:AC-6", "SOC2:CC6.1", "SOC2:CC6.3", "ISO27001:A.8.2"],
    moves: moves! {
        "RLS-3.set-role", RoleGrant, "become the service role with `SET ROLE`";
        "RLS-3.session-authorization", RoleGrant, "become the service role with `SET SESSION AUTHORIZATION`";
        "RLS-3.reset-role", RoleGrant, "leave the user's role with `RESET ROLE` and `DISCARD ALL`";
        "RLS-3.membership", RoleGrant, "look for a role that the user-context login is a member of";
        "RLS-3.login-attributes", RoleGrant, "look for superuser, bypass or ownership on the user-context login";
        "RLS-3.definer-function", RoleGrant, "act through a function that runs with its owner's rights";
        "RLS-3.definer-search-path", RoleGrant, "shadow a name that such a function uses";
        "RLS-3.pooled-session", RoleGrant, "be given a session that service work has used";
        "RLS-3.role-in-token", RoleGrant, "name the service role in a token's claims";
    },
    note: Some(
        "Who may set session state at will is outside the reach of row-level security; the user-context login may not.",
    ),
};

pub(super) static RLS_4: Claim = Claim {
    id: ClaimId::Rls4,
    statement: "The claim that names the tenant is taken from `app_metadata` and ends with its transaction.",
    threat: "The next request on a pooled session reads as the tenant of the last, or a user writes his tenant \
             himself.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Rls1],
        "The policy compares rows with the claim: a claim that is left over or chosen is another tenant's.",
    ),
    boundary: Boundary::Database,
    tier: Tier::Shared,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[488, 613, 639],
    controls: &["NIST-800-53:AC-4", "NIST-800-53:SC-4", "NIST-800-53:SC-23", "SOC2:CC6.1", "ISO27001:A.8.3"],
    moves: moves! {
        "RLS-4.pool-reuse", ClaimBinding, "use a pooled session after another tenant's request";
        "RLS-4.rollback", ClaimBinding, "use a pooled session after a rollback";
        "RLS-4.savepoint", ClaimBinding, "roll back to a savepoint set before the claim";
        "RLS-4.error-midway", ClaimBinding, "use a pooled session after an error in the middle of a transaction";
        "RLS-4.cancelled", ClaimBinding, "use a pooled session after a request was cancelled";
        "RLS-4.user-metadata", ClaimBinding, "name another tenant in `user_metadata`";
        "RLS-4.both-metadata", ClaimBinding, "name different tenants in both kinds of metadata";
        "RLS-4.top-level-claim", ClaimBinding, "name another tenant at the top of the token";
    },
    note: None,
};

pub(super) static RLS_5: Claim = Claim {
    id: ClaimId::Rls5,
    statement: "The database refuses a binding whose app and connection belong to different tenants, for every role.",
    threat: "One faulty write path binds another tenant's connection, and every worker obeys the binding.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Con1, ClaimId::Crd1],
        "The chain is followed as it is stored: a binding across tenants vends across tenants.",
    ),
    boundary: Boundary::Database,
    tier: Tier::Shared,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[863, 1220],
    controls: &["NIST-800-53:AC-3", "NIST-800-53:AC-4", "NIST-800-53:SI-10", "SOC2:CC6.1", "ISO27001:A.8.3"],
    moves: moves! {
        "RLS-5.insert", BindingTrigger, "insert a binding across tenants, as every role";
        "RLS-5.update", BindingTrigger, "update a binding across tenants, as every role";
        "RLS-5.upsert", BindingTrigger, "upsert a binding across tenants";
        "RLS-5.copy", BindingTrigger, "copy bindings across tenants in";
        "RLS-5.move-app", BindingTrigger, "move a bound app to another tenant";
        "RLS-5.move-connection", BindingTrigger, "move a bound connection to another tenant";
        "RLS-5.disable-trigger", BindingTrigger, "disable the trigger as anybody but its owner";
        "RLS-5.replica-mode", BindingTrigger, "switch triggers off for the session";
        "RLS-5.race", BindingTrigger, "bind and move at once in two transactions";
    },
    note: None,
};
