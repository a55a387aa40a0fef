//! How the edge's part of a world is drawn.

use std::collections::BTreeMap;

use super::money::{margins, rates};
use super::{Account, ApiKey, App, BEARER_PREFIX, Connection, ConnectionProfile, EdgeWorld, Grant, Provider, Slot};
use crate::canary::{Canary, CanaryRegistry};
use crate::choose::Choose;
use crate::world::{Deployment, Member, Role, Tenant};

/// More than any case spends.
const PLENTY: u64 = 50_000_000;
/// Covers two holds of a dollar, and not a third.
const TIGHT: u64 = 2_700_003;
/// Covers no hold of a dollar, and one of fifty cents.
const SHORT: u64 = 900_001;
/// Until when a key lasts that ends during the case, in seconds from its beginning.
const SOON_S: i64 = 240;

/// Draws what the edge works with.
pub fn generate<C: Choose>(
    choose: &mut C,
    tenants: &[Tenant],
    members: &[Member],
    deployments: &[Deployment],
    start_s: i64,
    canaries: &mut CanaryRegistry,
) -> EdgeWorld {
    let ids = Ids::draw(choose);
    let apps = apps(tenants, deployments, canaries, &ids);
    let accounts = accounts(tenants.len(), canaries, &ids);
    let (connections, bindings) = connections(choose, tenants.len(), members, canaries, &ids);
    let keys = keys(tenants.len(), &apps, &connections, start_s, canaries, &ids);
    let turn = usize::from(choose.index(tenants.len()));
    let mut wallets: Vec<u64> = [TIGHT, PLENTY, SHORT, PLENTY, PLENTY].into_iter().take(tenants.len()).collect();
    wallets.rotate_left(turn);
    let mut pool = |provider: Provider| (provider, canaries.mint("platform", &format!("pool-{}", provider.slug()), 0));
    let pools = BTreeMap::from([pool(Provider::Anthropic), pool(Provider::Composio)]);
    EdgeWorld {
        rates: rates(choose),
        margins: margins(choose, tenants.len()),
        master_key: secret(choose),
        identity_key: scalar(choose),
        foreign_identity_key: scalar(choose),
        apps,
        connections,
        bindings,
        keys,
        wallets,
        pools,
        accounts,
    }
}

fn apps(tenants: &[Tenant], deployments: &[Deployment], canaries: &mut CanaryRegistry, ids: &Ids) -> Vec<App> {
    let mut apps = Vec::new();
    for (tenant, _) in tenants.iter().enumerate() {
        for which in 0..2 {
            let own = deployments.iter().enumerate().filter(|(_, d)| d.tenant == tenant);
            apps.push(App {
                // The first one's id begins the other's.
                id: ids.of("ap", tenant, 9 * which),
                tenant,
                deployment: own.map(|(index, _)| index).nth(which),
                webhook_secret: canaries.mint(&format!("tenant-{tenant}/app-{which}"), "app-secret", 0),
                daily_cap_micros: (which == 1).then_some(3_000_000),
                monthly_cap_micros: (which == 1).then_some(20_000_000),
            });
        }
    }
    apps
}

fn connections<C: Choose>(
    choose: &mut C,
    tenants: usize,
    members: &[Member],
    canaries: &mut CanaryRegistry,
    ids: &Ids,
) -> (Vec<Connection>, Vec<(usize, usize)>) {
    let gemini = usize::from(choose.index(tenants));
    let extra = usize::from(choose.index(Provider::EXTRAS.len()));
    let mut connections = Vec::new();
    let mut bindings = Vec::new();
    for tenant in 0..tenants {
        let member = |role| members.iter().position(|m| m.tenant == tenant && m.role == role);
        let extra_at = |at: usize| {
            Provider::EXTRAS.get((extra + 2 * tenant + at) % Provider::EXTRAS.len()).copied().unwrap_or(Provider::Muapi)
        };
        for (index, row) in rows(tenant == gemini, extra_at(0), extra_at(1)).into_iter().enumerate() {
            let owner = format!("tenant-{tenant}/{}-{index}", row.provider.slug());
            let mut mint = |field: &str, wanted: bool| wanted.then(|| canaries.mint(&owner, field, 0));
            let stored = matches!(
                row.profile,
                ConnectionProfile::ByokStatic | ConnectionProfile::OauthAppInstall | ConnectionProfile::UserOauth
            );
            bindings.extend(row.apps.iter().map(|app| (tenant * 2 + app, connections.len())));
            connections.push(Connection {
                id: ids.of("cn", tenant, index),
                external_id: ids.of("ex", tenant, index),
                tenant,
                slot: row.slot,
                provider: row.provider,
                profile: row.profile,
                user: row.user.and_then(member),
                account: account_of(tenants, tenant, row.slot),
                credential: mint("credential", stored),
                refresh: mint("refresh", row.profile == ConnectionProfile::OauthAppInstall),
                webhook_secret: mint("webhook-secret", row.profile == ConnectionProfile::WebhookInbound),
            });
        }
    }
    (connections, bindings)
}

/// One connection of every tenant.
struct Row {
    slot: Slot,
    provider: Provider,
    profile: ConnectionProfile,
    apps: &'static [usize],
    user: Option<Role>,
}

fn rows(gemini: bool, extra: Provider, other: Provider) -> Vec<Row> {
    use ConnectionProfile::{
        ByokStatic, ComposioManaged, OauthAppInstall, UserOauth, VendoManagedPool, WebhookInbound,
    };
    let row = |slot, provider, profile, apps| Row { slot, provider, profile, apps, user: None };
    let of_user = |slot, role| Row { user: Some(role), ..row(slot, Provider::Google, OauthAppInstall, &[0]) };
    let mut rows = vec![
        row(Slot::OpenaiOlder, Provider::Openai, ByokStatic, &[0]),
        row(Slot::OpenaiNewer, Provider::Openai, ByokStatic, &[0]),
        row(Slot::OpenaiSibling, Provider::Openai, ByokStatic, &[1]),
        row(Slot::AnthropicPool, Provider::Anthropic, VendoManagedPool, &[0, 1]),
        row(Slot::Slack, Provider::Slack, OauthAppInstall, &[0]),
        row(Slot::Notion, Provider::Notion, ComposioManaged, &[0]),
        row(Slot::Discord, Provider::Discord, ComposioManaged, &[1]),
        row(Slot::TelegramHook, Provider::Telegram, WebhookInbound, &[0]),
        row(Slot::GithubHook, Provider::Github, WebhookInbound, &[1]),
        of_user(Slot::GoogleOwner, Role::Owner),
        of_user(Slot::GoogleMember, Role::Member),
        Row { user: Some(Role::Owner), ..row(Slot::GithubUser, Provider::Github, UserOauth, &[0]) },
        row(Slot::Assemblyai, Provider::Assemblyai, ByokStatic, &[0, 1]),
        row(Slot::Extra, extra, ByokStatic, &[1]),
        row(Slot::ExtraOther, other, ByokStatic, &[1]),
    ];
    if gemini {
        rows.push(row(Slot::Gemini, Provider::Gemini, ByokStatic, &[0]));
    }
    rows
}

/// Two external accounts for each tenant.
fn accounts(tenants: usize, canaries: &mut CanaryRegistry, ids: &Ids) -> Vec<Account> {
    let account = |number: usize| {
        let owner = format!("account-{number}");
        Account {
            id: ids.of("ac", number % tenants.max(1), number / tenants.max(1)),
            access: canaries.mint(&owner, "broker-access", 0),
            refresh: canaries.mint(&owner, "broker-refresh", 0),
        }
    };
    (0..2 * tenants).map(account).collect()
}

/// Which account a connection is to: tenants 0 and 1 share the one behind Notion.
const fn account_of(tenants: usize, tenant: usize, slot: Slot) -> Option<usize> {
    match slot {
        Slot::Notion => Some(if tenant == 1 { 0 } else { tenant }),
        Slot::Discord => Some(tenants + tenant),
        Slot::OpenaiOlder
        | Slot::OpenaiNewer
        | Slot::OpenaiSibling
        | Slot::AnthropicPool
        | Slot::Slack
        | Slot::TelegramHook
        | Slot::GithubHook
        | Slot::GoogleOwner
        | Slot::GoogleMember
        | Slot::GithubUser
        | Slot::Assemblyai
        | Slot::Extra
        | Slot::ExtraOther
        | Slot::Gemini => None,
    }
}

fn keys(
    tenants: usize,
    apps: &[App],
    connections: &[Connection],
    start_s: i64,
    canaries: &mut CanaryRegistry,
    ids: &Ids,
) -> Vec<ApiKey> {
    const WITH_KEY: [Slot; 6] =
        [Slot::OpenaiNewer, Slot::AnthropicPool, Slot::Slack, Slot::Notion, Slot::GoogleMember, Slot::Assemblyai];
    let mut keys = Vec::new();
    for tenant in 0..tenants {
        // What each opens, when it ends, and its caps of a day and a month.
        type Issue = (Grant, Option<i64>, Option<(u64, u64)>);
        let mut grants: Vec<Issue> = Vec::new();
        let own = apps.iter().enumerate().filter(|(_, app)| app.tenant == tenant).map(|(index, _)| Grant::App(index));
        grants.extend(own.map(|grant| (grant, None, None)));
        if let Some((first, ..)) = grants.first().copied() {
            grants.push((first, None, Some((1_500_000, 1_800_000))));
            // Its caps are more than it spends before it ends.
            grants.push((first, Some(start_s + SOON_S), Some((PLENTY, PLENTY))));
        }
        let with_key =
            connections.iter().enumerate().filter(|(_, own)| own.tenant == tenant && WITH_KEY.contains(&own.slot));
        grants.extend(with_key.map(|(index, _)| (Grant::Connection(index), None, None)));
        for (number, (grant, expires_at_s, caps)) in grants.into_iter().enumerate() {
            let canary: Canary = canaries.mint(&format!("tenant-{tenant}/key-{number}"), "bearer", 0);
            keys.push(ApiKey {
                id: ids.of("ky", tenant, number),
                tenant,
                grant,
                bearer: format!("{BEARER_PREFIX}{}", canary.text),
                canary,
                expires_at_s,
                daily_cap_micros: caps.map(|(daily, _)| daily),
                monthly_cap_micros: caps.map(|(_, monthly)| monthly),
            });
        }
    }
    keys
}

/// Ids of one kind that look alike.
struct Ids {
    body: String,
}

impl Ids {
    fn draw<C: Choose>(choose: &mut C) -> Self {
        const LETTERS: [char; 8] = ['a', 'B', 'c', 'D', 'e', 'F', 'g', 'H'];
        Self { body: (0..6).map(|_| choose.of(&LETTERS)).collect() }
    }

    /// The id of a tenant's thing number `number`: those of two tenants are each other's prefix, end, or differ in case
    /// alone, and within a tenant the first is the prefix of the tenth.
    fn of(&self, kind: &str, tenant: usize, number: usize) -> String {
        let base = format!("{kind}Q{}{}", self.body, number + 1);
        let turned = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        match tenant {
            0 => base,
            1 => format!("{base}-{base}"),
            2 => base.chars().map(turned).collect(),
            3 => format!("x{base}"),
            _ => format!("{base}_"),
        }
    }
}

fn secret<C: Choose>(choose: &mut C) -> [u8; 32] {
    let mut bytes = [0; 32];
    super::super::fill(choose, &mut bytes);
    bytes
}

/// A scalar of P-256: not zero, and below the group's order, which begins with 32 one bits.
fn scalar<C: Choose>(choose: &mut C) -> [u8; 32] {
    let mut bytes = secret(choose);
    let [first, .., last] = &mut bytes;
    *first &= 0x7f;
    *last |= 1;
    bytes
}
