//! The claim register: every isolation claim the harness verifies, each with the moves that try to break it, as data.
//!
//! A claim is the unit of judgement: scenarios, faults, findings and reports name one by its [`ClaimId`]. A [`Move`] is
//! one class of attack that one generator can realise. A claim is held only when every move of it was tried and reached
//! its [`Guard`], so an attack that the target never had to repel counts for nothing.
//!
//! The register knows nothing of how a move is carried out, and nothing of the target but the places that enforce a
//! claim. Start at [`Claim`]; the data lies in the submodules, by boundary.

mod app_proxy;
mod app_proxy_host;
mod app_proxy_session;
mod cells;
mod connections;
mod credentials;
mod dashboard;
mod database;
mod guard;
mod hooks;
mod id;
mod keys_and_kv;
mod lifecycle;
mod load;
mod name;
mod noninterference;
mod provider_proxy;
mod wallet;

use serde::Serialize;

pub use guard::Guard;
pub use id::ClaimId;
pub use name::UnknownName;
use name::named_enum;

/// One isolation claim of the platform, as an auditor files it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The name of the claim in every report.
    pub id: ClaimId,
    /// What must hold, in one sentence.
    pub statement: &'static str,
    /// What an adversary wins if it does not hold, in one sentence.
    pub threat: &'static str,
    /// Whether the platform states the claim or the harness derived it.
    pub origin: Origin,
    /// Where the platform states it, or why a stated claim is void without it.
    pub source: Source,
    /// The boundary that the claim is about.
    pub boundary: Boundary,
    /// What owns the thing that the boundary protects.
    pub tier: Tier,
    /// The first milestone at which the claim must be held.
    pub held_from: Milestone,
    /// The places in the reference that enforce the claim.
    pub enforced_at: &'static [Symbol],
    /// The weakness classes, by CWE number, that a violation falls under.
    pub cwe: &'static [u16],
    /// The controls that a held claim is evidence for, as `FRAMEWORK:CONTROL`: NIST SP 800-53 revision 5
    /// (`NIST-800-53`), the SOC 2 trust services criteria (`SOC2`), ISO/IEC 27001:2022 Annex A (`ISO27001`).
    pub controls: &'static [&'static str],
    /// What an adversary tries. None may succeed.
    pub moves: &'static [Move],
    /// What the moves do not show and what shows it instead.
    pub note: Option<&'static str>,
}

impl Claim {
    /// Whether the claim must be held once `milestone` is reached.
    pub fn is_due(&self, milestone: Milestone) -> bool {
        self.held_from <= milestone
    }
}

/// One class of attack on a claim. The adversary holds only his own credentials, and knows every identifier but no
/// secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Move {
    /// The claim's id, a dot, and a name of its own: `APX-1.foreign-cookie`. Unique in the register.
    pub id: &'static str,
    /// What the adversary tries, in one line.
    pub title: &'static str,
    /// The check in the target that must have been reached for a try to count.
    pub guard: Guard,
}

/// A place in the reference that enforces a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Symbol {
    /// The file, from the root of the repository.
    pub file: &'static str,
    /// The item in that file.
    pub symbol: &'static str,
}

/// What a claim rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A sentence of the platform's public documentation.
    Stated(Citation),
    /// No sentence states it, but each of the claims in `from` is void without it.
    Derived {
        /// The stated claims that fall with this one.
        from: &'static [ClaimId],
        /// Why they fall with it.
        reason: &'static str,
    },
}

/// The place of a sentence in the platform's public documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Citation {
    /// The title of the page.
    pub document: &'static str,
    /// The heading above the sentence.
    pub section: &'static str,
    /// The words that state the claim, exactly as they stand there.
    pub quote: &'static str,
    /// The sentence's place under the heading, from 1; a list item that holds one sentence is one. 0 is the diagram.
    pub sentence: u16,
}

named_enum! {
    /// Who says that the claim must hold.
    pub enum Origin {
        /// The platform's documentation.
        Stated = "stated",
        /// The harness: a stated claim would be void without it.
        Derived = "derived",
    }
}

named_enum! {
    /// The part of the work after which a claim must be held, in order: what is due at one stays due at the next.
    pub enum Milestone {
        /// The app-proxy and the key-value store.
        Light = "light",
        /// All workers at the edge.
        Edge = "edge",
        /// Database, dashboard and the resources of a deployment.
        Stores = "stores",
        /// Interleavings, crashes and twin worlds.
        Explorers = "explorers",
        /// Load by a misbehaving deployment.
        Load = "load",
    }
}

named_enum! {
    /// What owns the thing that a boundary protects.
    pub enum Tier {
        /// One deployment: two deployments of one tenant share none of it.
        PerDeployment = "per-deployment",
        /// One tenant: its deployments share it.
        PerTenant = "per-tenant",
        /// The platform: all tenants use it.
        Shared = "shared",
    }
}

named_enum! {
    /// A boundary of the platform.
    pub enum Boundary {
        /// Containers and the network between them.
        Compute = "compute",
        /// The database branch of a deployment.
        Branch = "branch",
        /// The bucket of a deployment.
        Storage = "storage",
        /// Stored and presented secrets of a deployment.
        Secrets = "secrets",
        /// Custom domains.
        Domains = "domains",
        /// Wallets and the ledger.
        Wallet = "wallet",
        /// The payment provider's customers and cards.
        Billing = "billing",
        /// Connections and their bindings.
        Connections = "connections",
        /// Workspace members, their roles, and what they see.
        Members = "members",
        /// The worker in front of every deployment's host.
        AppProxy = "app-proxy",
        /// The workers in front of the providers.
        ProviderProxy = "provider-proxy",
        /// The worker that vends tokens.
        Credentials = "credentials",
        /// The worker that receives webhooks.
        Hooks = "hooks",
        /// App keys and connection keys.
        Keys = "keys",
        /// The key-value store that all workers read.
        Kv = "kv",
        /// The platform's own database and its row-level security.
        Database = "database",
        /// The dashboard and its HTTP API.
        Dashboard = "dashboard",
        /// Workflows that change a deployment's state.
        Lifecycle = "lifecycle",
        /// The blast radius of a misbehaving deployment.
        Load = "load",
        /// All channels at once, known and unknown.
        Noninterference = "noninterference",
    }
}

/// Every claim, in the register's order.
pub fn register() -> impl DoubleEndedIterator<Item = &'static Claim> + ExactSizeIterator + Clone {
    ClaimId::ALL.into_iter().map(ClaimId::claim)
}

/// The move of that id, and the claim that it attacks.
pub fn find_move(id: &str) -> Option<(&'static Claim, &'static Move)> {
    let (claim, _) = id.split_once('.')?;
    let claim = claim.parse::<ClaimId>().ok()?.claim();
    claim.moves.iter().find(|found| found.id == id).map(|found| (claim, found))
}

/// A list of moves, one `id, guard, title;` each.
macro_rules! moves {
    ($($id:literal, $guard:ident, $title:literal;)+) => {
        &[$($crate::claim::Move { id: $id, title: $title, guard: $crate::claim::Guard::$guard }),+]
    };
}
use moves;

/// The source of a stated claim: a sentence of the page on isolation.
const fn stated(section: &'static str, sentence: u16, quote: &'static str) -> Source {
    Source::Stated(Citation { document: "Isolation", section, quote, sentence })
}

/// The source of a derived claim.
const fn derived(from: &'static [ClaimId], reason: &'static str) -> Source {
    Source::Derived { from, reason }
}

/// A place in the reference.
const fn at(file: &'static str, symbol: &'static str) -> Symbol {
    Symbol { file, symbol }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const LIGHT: [&str; 8] = ["APX-1", "APX-2", "APX-3", "APX-4", "APX-5", "APX-6", "KV-1", "KV-2"];

    /// The marks that the reference of the light milestone sets.
    const LIGHT_GUARDS: [Guard; 19] = [
        Guard::Framing,
        Guard::HostSyntax,
        Guard::HostAgreement,
        Guard::Sni,
        Guard::HostClass,
        Guard::RouteLookup,
        Guard::CookieParse,
        Guard::CookieVerify,
        Guard::TenantMatch,
        Guard::Status,
        Guard::ReservedPath,
        Guard::SignIn,
        Guard::CodeRedeem,
        Guard::RequestStrip,
        Guard::IdentityInject,
        Guard::ResponseFilter,
        Guard::Upgrade,
        Guard::KvKey,
        Guard::KvGet,
    ];

    fn light() -> impl Iterator<Item = &'static Claim> {
        register().filter(|claim| claim.is_due(Milestone::Light))
    }

    fn is_kebab(name: &str) -> bool {
        name.split('-')
            .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
    }

    #[test]
    fn the_register_holds_54_claims_each_under_its_own_id() {
        assert_eq!(register().len(), 54);
        for (id, claim) in ClaimId::ALL.into_iter().zip(register()) {
            assert_eq!(claim.id, id, "the data of another claim is filed under {id}");
        }
        assert!(ClaimId::ALL.is_sorted(), "the order of ids is not the register's");
        let names: BTreeSet<&str> = ClaimId::ALL.into_iter().map(ClaimId::as_str).collect();
        assert_eq!(names.len(), 54);
    }

    #[test]
    fn an_id_survives_text_and_json() {
        for id in ClaimId::ALL {
            assert_eq!(id.to_string().parse(), Ok(id));
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(json, format!("\"{id}\""));
            assert_eq!(serde_json::from_str::<ClaimId>(&json).unwrap(), id);
        }
        for unknown in ["", "APX", "APX-0", "APX-7", "apx-1", "APX-1 ", "APX-01"] {
            assert!(unknown.parse::<ClaimId>().is_err(), "{unknown:?} names a claim");
            assert!(serde_json::from_value::<ClaimId>(unknown.into()).is_err(), "{unknown:?} names a claim in JSON");
        }
    }

    #[test]
    fn every_move_has_one_id_under_its_claim_and_is_found_by_it() {
        let mut seen = BTreeSet::new();
        for claim in register() {
            assert!(claim.moves.len() >= 3, "{} has {} moves", claim.id, claim.moves.len());
            for attempt in claim.moves {
                let name = attempt.id.strip_prefix(claim.id.as_str()).and_then(|rest| rest.strip_prefix('.'));
                assert!(name.is_some_and(is_kebab), "{} is no id of a move of {}", attempt.id, claim.id);
                assert!(seen.insert(attempt.id), "{} is there twice", attempt.id);
                assert_eq!(find_move(attempt.id), Some((claim, attempt)));
            }
        }
        for unknown in ["", "APX-1", "APX-1.", "APX-1.foreign", "APX-2.foreign-cookie", "APX-9.foreign-cookie"] {
            assert_eq!(find_move(unknown), None, "{unknown:?} names a move");
        }
    }

    #[test]
    fn two_moves_of_a_claim_never_try_the_same() {
        for claim in register() {
            let titles: BTreeSet<&str> = claim.moves.iter().map(|attempt| attempt.title).collect();
            assert_eq!(titles.len(), claim.moves.len(), "two moves of {} bear one title", claim.id);
            for title in titles {
                assert!(title.len() > 8 && !title.ends_with('.') && !title.contains('\n'), "{title:?} is no title");
            }
        }
    }

    #[test]
    fn the_light_claims_are_the_app_proxy_and_the_reads_of_the_store() {
        let ids: Vec<&str> = light().map(|claim| claim.id.as_str()).collect();
        assert_eq!(ids, LIGHT);
    }

    #[test]
    fn whatever_is_checked_says_what_enforces_it() {
        let named = register().filter(|claim| !claim.enforced_at.is_empty()).map(|claim| claim.id);
        let checked = register().filter(|claim| claim.is_due(Milestone::Edge)).map(|claim| claim.id);
        assert_eq!(named.collect::<Vec<_>>(), checked.collect::<Vec<_>>());
    }

    #[test]
    fn the_light_claims_use_every_mark_of_the_light_reference_and_no_other() {
        let used: BTreeSet<Guard> = light().flat_map(|claim| claim.moves).map(|attempt| attempt.guard).collect();
        assert_eq!(used, BTreeSet::from(LIGHT_GUARDS));
    }

    #[test]
    fn every_guard_and_every_boundary_is_used() {
        let guards: BTreeSet<Guard> = register().flat_map(|claim| claim.moves).map(|attempt| attempt.guard).collect();
        assert_eq!(guards, BTreeSet::from(Guard::ALL));
        let boundaries: BTreeSet<Boundary> = register().map(|claim| claim.boundary).collect();
        assert_eq!(boundaries, BTreeSet::from(Boundary::ALL));
        for name in Guard::ALL.map(Guard::as_str).into_iter().chain(Boundary::ALL.map(Boundary::as_str)) {
            assert!(is_kebab(name), "{name}");
        }
    }

    #[test]
    fn an_origin_agrees_with_its_source_and_derived_claims_rest_on_stated_ones() {
        for claim in register() {
            match claim.source {
                Source::Stated(citation) => {
                    assert_eq!(claim.origin, Origin::Stated, "{}", claim.id);
                    assert!(!citation.section.is_empty() && citation.quote.len() >= 15, "{}", claim.id);
                }
                Source::Derived { from, reason } => {
                    assert_eq!(claim.origin, Origin::Derived, "{}", claim.id);
                    assert!(!from.is_empty() && reason.ends_with('.'), "{}", claim.id);
                    for stated in from {
                        assert_eq!(stated.claim().origin, Origin::Stated, "{} rests on {stated}", claim.id);
                    }
                }
            }
        }
    }

    #[test]
    fn statement_and_threat_are_one_sentence_each() {
        for claim in register() {
            for sentence in [claim.statement, claim.threat] {
                assert!(sentence.ends_with('.') && !sentence.contains(". "), "{}: {sentence:?}", claim.id);
                assert!(!sentence.contains("  "), "{}: {sentence:?}", claim.id);
            }
        }
    }

    #[test]
    fn every_claim_names_a_weakness_and_a_control_of_each_framework() {
        for claim in register() {
            let cwe: BTreeSet<u16> = claim.cwe.iter().copied().collect();
            assert!(!cwe.is_empty() && cwe.len() == claim.cwe.len(), "{}", claim.id);
            let controls: BTreeSet<&str> = claim.controls.iter().copied().collect();
            assert_eq!(controls.len(), claim.controls.len(), "{} names a control twice", claim.id);
            for framework in ["NIST-800-53:", "SOC2:", "ISO27001:A."] {
                assert!(controls.iter().any(|control| control.starts_with(framework)), "{}: {framework}", claim.id);
            }
            for control in controls {
                let (framework, number) = control.split_once(':').unwrap();
                assert!(["NIST-800-53", "SOC2", "ISO27001"].contains(&framework), "{}: {control}", claim.id);
                assert!(!number.is_empty(), "{}: {control}", claim.id);
            }
        }
    }

    #[test]
    fn what_is_due_stays_due() {
        for claim in register() {
            assert!(claim.is_due(claim.held_from) && claim.is_due(Milestone::Load), "{}", claim.id);
        }
        let due = |milestone| register().filter(|claim| claim.is_due(milestone)).count();
        let counts =
            [Milestone::Light, Milestone::Edge, Milestone::Stores, Milestone::Explorers, Milestone::Load].map(due);
        assert_eq!(counts, [8, 22, 48, 52, 54]);
    }
}
