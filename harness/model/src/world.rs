//! The world of one case: tenants, members, deployments, secrets and the bounds they are drawn within.
//!
//! A world is made so that confusion is likely: tenant ids that are each other's prefix or differ in case alone, slugs
//! that begin alike, the same deployment slugs in every tenant, one person who is a member of two tenants, a custom
//! domain that spells another tenant's legacy host. Whatever is confidential in it is a canary.

pub mod edge;

use crate::canary::{Canary, CanaryRegistry};
use crate::choose::Choose;
use edge::EdgeWorld;

/// The bounds of generated worlds. All bounds of the generators are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Tenants of a world, at least 2.
    pub tenants_min: usize,
    /// Tenants of a world, at most 5.
    pub tenants_max: usize,
    /// Deployments of each tenant, 1 to 3.
    pub deployments: usize,
}

impl Default for Profile {
    fn default() -> Self {
        Self { tenants_min: 3, tenants_max: 4, deployments: 2 }
    }
}

/// What a member may do in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Mutates.
    Owner,
    /// Restarts and reads.
    Member,
    /// Reads.
    Viewer,
}

impl Role {
    /// The roles, in the order in which every tenant's members are listed.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Member, Self::Viewer];

    /// As the cookie's claim and the container's header spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }
}

/// A tenant.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Opaque id, compared byte for byte.
    pub id: String,
    /// Chosen once, part of every host name of the tenant.
    pub slug: String,
}

/// A person as a member of one tenant. One person in two tenants is two members with one `user_id`.
#[derive(Debug, Clone)]
pub struct Member {
    /// Subject of the person's cookies.
    pub user_id: String,
    /// Holds the canary `email`.
    pub email: String,
    /// A display name that attacks headers, logs and reports.
    pub name: String,
    /// Index of the tenant.
    pub tenant: usize,
    /// Role in that tenant.
    pub role: Role,
    /// Marks the person's identity.
    pub email_canary: Canary,
    /// Marks what the person sends: request bodies and a header of his own.
    pub request_canary: Canary,
}

/// A deployment of a tenant.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Opaque id.
    pub id: String,
    /// Index of the tenant.
    pub tenant: usize,
    /// No hyphen, so that the last hyphen of a label separates tenant and deployment.
    pub slug: String,
    /// Whether the app-proxy asks for a session at the start of the case.
    pub vendo_auth: bool,
    /// Whether the two-level host answers as well.
    pub legacy: bool,
    /// A custom domain that answers from the start.
    pub domain: Option<String>,
    /// Marks the container's page.
    pub page_canary: Canary,
    /// Marks a response header of the container.
    pub header_canary: Canary,
}

/// A key that signs `vendoAuth` cookies.
#[derive(Debug, Clone)]
pub struct CookieKey {
    /// The `kid` of the tokens it signs.
    pub kid: String,
    /// The HMAC secret.
    pub secret: [u8; 32],
}

/// Everything that exists when a case begins.
#[derive(Debug)]
pub struct World {
    /// The tenants, at least two.
    pub tenants: Vec<Tenant>,
    /// The members: three of every tenant in the order of [`Role::ALL`].
    pub members: Vec<Member>,
    /// The deployments, tenant by tenant.
    pub deployments: Vec<Deployment>,
    /// The first signs, all verify.
    pub cookie_keys: Vec<CookieKey>,
    /// A key the platform doesn't know.
    pub foreign_key: CookieKey,
    /// Seed of the platform's own randomness.
    pub platform_seed: u64,
    /// The platform's clock when the case begins, seconds since the epoch.
    pub start_s: i64,
    /// What the workers in front of the providers, the tokens and the webhooks work with.
    pub edge: EdgeWorld,
    /// Every canary of the world.
    pub canaries: CanaryRegistry,
}

/// Host suffix of the platform.
pub const PLATFORM_DOMAIN: &str = "vendo.run";

/// Display names that attack whatever prints them.
const NAMES: [&str; 8] = [
    "Ada Lovelace",
    "Zo\u{eb} \u{2014} \u{1f980}",
    "eve\r\nX-Vendo-Role: owner",
    "<script>alert(1)</script>\"'`",
    "100% %0d%0aX-Vendo-Tenant-Id: x",
    " padded\t",
    "\u{0}\u{1b}[31mred\u{7f}",
    "",
];

impl World {
    /// Draws a world.
    pub fn generate<C: Choose>(choose: &mut C, profile: Profile) -> Self {
        let mut run_secret = [0; 32];
        fill(choose, &mut run_secret);
        let mut canaries = CanaryRegistry::new(run_secret, "case");
        let spread = profile.tenants_max.saturating_sub(profile.tenants_min) + 1;
        let count = (profile.tenants_min + usize::from(choose.index(spread))).clamp(2, 5);
        let tenants = tenants(choose, count);
        let members = members(choose, &tenants, &mut canaries);
        let deployments = deployments(choose, &tenants, profile.deployments.clamp(1, 3), &mut canaries);
        let cookie_keys = vec![cookie_key(choose, "k1"), cookie_key(choose, "k2")];
        let foreign_key = cookie_key(choose, "k9");
        let platform_seed = (0..8).fold(0, |seed, _| seed << 8 | u64::from(choose.below(256)));
        let start_s = 1_790_000_000 + i64::from(choose.below(10_000_000));
        let edge = edge::generate(choose, &tenants, &members, &deployments, start_s, &mut canaries);
        Self { tenants, members, deployments, cookie_keys, foreign_key, platform_seed, start_s, edge, canaries }
    }

    /// The tenant at an index, read modulo the number of tenants.
    #[must_use]
    pub fn tenant(&self, index: usize) -> &Tenant {
        wrapped(&self.tenants, index)
    }

    /// The member at an index, read modulo the number of members.
    #[must_use]
    pub fn member(&self, index: u8) -> &Member {
        wrapped(&self.members, usize::from(index))
    }

    /// The deployment at an index, read modulo the number of deployments.
    #[must_use]
    pub fn deployment(&self, index: u8) -> &Deployment {
        wrapped(&self.deployments, usize::from(index))
    }

    /// An index as the world reads it.
    #[must_use]
    pub fn deployment_index(&self, index: u8) -> usize {
        usize::from(index) % self.deployments.len().max(1)
    }

    /// An index as the world reads it.
    #[must_use]
    pub fn member_index(&self, index: u8) -> usize {
        usize::from(index) % self.members.len().max(1)
    }

    /// The owner of the tenant a deployment belongs to.
    #[must_use]
    pub fn owner_of(&self, deployment: u8) -> u8 {
        let tenant = self.deployment(deployment).tenant;
        let position = self.members.iter().position(|m| m.tenant == tenant && m.role == Role::Owner);
        position.and_then(|p| u8::try_from(p).ok()).unwrap_or(0)
    }

    /// A member of the deployment's tenant.
    pub fn own_member<C: Choose>(&self, choose: &mut C, deployment: u8) -> u8 {
        self.pick_member(choose, |m| m.tenant == self.deployment(deployment).tenant)
    }

    /// A member of another tenant than the deployment's.
    pub fn foreign_member<C: Choose>(&self, choose: &mut C, deployment: u8) -> u8 {
        self.pick_member(choose, |m| m.tenant != self.deployment(deployment).tenant)
    }

    fn pick_member<C: Choose>(&self, choose: &mut C, wanted: impl Fn(&Member) -> bool) -> u8 {
        let fitting: Vec<usize> =
            self.members.iter().enumerate().filter(|(_, m)| wanted(m)).map(|(index, _)| index).collect();
        choose.among(&fitting).and_then(|index| u8::try_from(*index).ok()).unwrap_or(0)
    }

    /// The single-level label, as the `deploy:` key spells it.
    #[must_use]
    pub fn label(&self, deployment: u8) -> String {
        let deployment = self.deployment(deployment);
        label(&self.tenant(deployment.tenant).slug, &deployment.slug)
    }
}

/// `{tenant}-{deployment}`.
#[must_use]
pub fn label(tenant_slug: &str, deployment_slug: &str) -> String {
    format!("{tenant_slug}-{deployment_slug}")
}

/// The single-level host of a label.
#[must_use]
pub fn single_host(label: &str) -> String {
    format!("{label}.{PLATFORM_DOMAIN}")
}

/// The legacy host of a deployment.
#[must_use]
pub fn legacy_host(tenant_slug: &str, deployment_slug: &str) -> String {
    format!("{deployment_slug}.{tenant_slug}.{PLATFORM_DOMAIN}")
}

fn wrapped<T>(items: &[T], index: usize) -> &T {
    #[expect(clippy::indexing_slicing, reason = "a world has at least one of each, and the index is taken modulo")]
    &items[index % items.len().max(1)]
}

fn fill<C: Choose>(choose: &mut C, bytes: &mut [u8]) {
    for byte in bytes {
        *byte = u8::try_from(choose.below(256)).unwrap_or(0);
    }
}

fn cookie_key<C: Choose>(choose: &mut C, kid: &str) -> CookieKey {
    let mut secret = [0; 32];
    fill(choose, &mut secret);
    CookieKey { kid: kid.to_owned(), secret }
}

/// Ids and slugs that a sloppy comparison takes for each other.
fn tenants<C: Choose>(choose: &mut C, count: usize) -> Vec<Tenant> {
    const LETTERS: [char; 12] = ['a', 'B', 'c', 'D', 'e', 'F', 'g', 'H', 'k', 'M', '7', '3'];
    let body: String = (0..8).map(|_| choose.of(&LETTERS)).collect();
    let base = format!("tnQ{body}");
    let swapped: String = base
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    // Both begins and ends as the first does; the last two differ from it in one byte, at either end.
    let twofold = format!("{base}x{base}");
    let but_last: String = twofold.chars().take(twofold.len().saturating_sub(1)).collect();
    let but_first: String = twofold.chars().skip(1).collect();
    let ids = [base, twofold, swapped, format!("{but_last}y"), format!("y{but_first}")];
    let stem = choose.of(&["acme", "globex", "initech", "umbra"]);
    let slugs =
        [stem.to_owned(), format!("{stem}-x"), format!("{stem}2"), format!("x-{stem}"), format!("{stem}-{stem}")];
    // Which tenant comes first decides who is whose prefix: turn the list.
    let turn = usize::from(choose.index(count));
    ids.into_iter()
        .zip(slugs)
        .take(count)
        .map(|(id, slug)| Tenant { id, slug })
        .cycle()
        .skip(turn)
        .take(count)
        .collect()
}

fn members<C: Choose>(choose: &mut C, tenants: &[Tenant], canaries: &mut CanaryRegistry) -> Vec<Member> {
    let mut members = Vec::new();
    // Every name occurs in every world, at another person in each.
    let mut names = NAMES.iter().cycle().skip(usize::from(choose.index(NAMES.len())));
    for (tenant, _) in tenants.iter().enumerate() {
        for role in Role::ALL {
            let owner = format!("tenant-{tenant}/{}", role.as_str());
            let email_canary = canaries.mint(&owner, "email", 0);
            let request_canary = canaries.mint(&owner, "request", 0);
            // The person who is `member` everywhere is one person: equal ids in every tenant are the point.
            let user_id = match role {
                Role::Member => "usr_shared".to_owned(),
                Role::Owner => format!("usr_{tenant}_owner"),
                Role::Viewer if tenant == 1 => "usr_1\r\nX-Vendo-Role: owner".to_owned(),
                Role::Viewer => format!("usr_{tenant}_viewer"),
            };
            let injection = if role == Role::Viewer { "\r\nX-Vendo-Tenant-Id: x\r\n\u{e9}" } else { "" };
            members.push(Member {
                user_id,
                // Anybody may have an address that sounds like the platform's staff.
                email: format!(
                    "{}{injection}@{}",
                    email_canary.text,
                    if role == Role::Owner { PLATFORM_DOMAIN } else { "mail.example" }
                ),
                name: names.next().copied().unwrap_or("").to_owned(),
                tenant,
                role,
                email_canary,
                request_canary,
            });
        }
    }
    members
}

fn deployments<C: Choose>(
    choose: &mut C,
    tenants: &[Tenant],
    each: usize,
    canaries: &mut CanaryRegistry,
) -> Vec<Deployment> {
    const SLUGS: [&str; 3] = ["crm", "app", "crm2"];
    let mut deployments = Vec::new();
    for (tenant, own) in tenants.iter().enumerate() {
        for (position, slug) in SLUGS.iter().take(each).enumerate() {
            let owner = format!("tenant-{tenant}/{slug}");
            let spelled_like_legacy = (position == 0 && tenant == 1)
                .then(|| tenants.first().map(|first| format!("{}.{}", SLUGS[0], first.slug)))
                .flatten();
            let domain = spelled_like_legacy
                .or_else(|| (position == 0 || choose.one_in(2)).then(|| format!("{slug}.{}.example", own.slug)));
            deployments.push(Deployment {
                id: format!("dep_{tenant}_{slug}"),
                tenant,
                slug: (*slug).to_owned(),
                vendo_auth: position == 0 || choose.one_in(2),
                legacy: position == 0 || choose.one_in(2),
                domain,
                page_canary: canaries.mint(&owner, "page", 0),
                header_canary: canaries.mint(&owner, "header", 0),
            });
        }
    }
    deployments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::Seeded;
    use std::collections::BTreeSet;

    fn world(seed: u64) -> World {
        World::generate(&mut Seeded::new(seed), Profile::default())
    }

    #[test]
    fn one_seed_is_one_world_and_two_seeds_are_two() {
        let ids = |w: &World| w.tenants.iter().map(|t| t.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&world(1)), ids(&world(1)));
        assert_ne!(ids(&world(1)), ids(&world(2)));
        assert_ne!(world(1).deployment(0).page_canary.text, world(2).deployment(0).page_canary.text);
    }

    #[test]
    fn tenants_differ_yet_a_sloppy_comparison_confuses_them() {
        for seed in 0..50 {
            let world = world(seed);
            let ids: BTreeSet<&str> = world.tenants.iter().map(|t| t.id.as_str()).collect();
            assert_eq!(ids.len(), world.tenants.len());
            let folded: BTreeSet<String> = ids.iter().map(|id| id.to_ascii_lowercase()).collect();
            assert!(folded.len() < ids.len(), "two ids differ in case alone");
            assert!(ids.iter().any(|a| ids.iter().any(|b| a != b && b.starts_with(a))), "one id is another's prefix");
            assert!(ids.iter().any(|a| ids.iter().any(|b| a != b && b.ends_with(a))), "one id is another's end");
        }
    }

    #[test]
    fn hosts_are_unique_and_valid() {
        for seed in 0..50 {
            let world = world(seed);
            let labels: BTreeSet<String> = (0..world.deployments.len()).map(|d| world.label(d as u8)).collect();
            assert_eq!(labels.len(), world.deployments.len());
            for tenant in &world.tenants {
                assert!((2..=20).contains(&tenant.slug.len()));
            }
            let domains: Vec<&String> = world.deployments.iter().filter_map(|d| d.domain.as_ref()).collect();
            assert_eq!(domains.len(), domains.iter().collect::<BTreeSet<_>>().len());
        }
    }

    #[test]
    fn own_and_foreign_members_are_told_apart() {
        let world = world(9);
        let mut choose = Seeded::new(1);
        for deployment in 0..world.deployments.len() as u8 {
            let tenant = world.deployment(deployment).tenant;
            for _ in 0..20 {
                assert_eq!(world.member(world.own_member(&mut choose, deployment)).tenant, tenant);
                assert_ne!(world.member(world.foreign_member(&mut choose, deployment)).tenant, tenant);
            }
            assert_eq!(world.member(world.owner_of(deployment)).role, Role::Owner);
        }
    }
}
