//! The demo's world: two tenants with sites, apps, connections and keys, and stand-ins for the providers.

use std::collections::BTreeMap;
use std::time::Duration;

use reference_impl::identity::key::Grant;
use reference_impl::standin::{Broker, BrokerReply, Upstream};
use reference_impl::store::database::Profile;
use reference_impl::store::rates::Rate;
use reference_impl::store::vault::MasterKey;
use reference_impl::{
    Adapter, Container, ControlPlane, EdgeConfig, Endpoint, IssuedKey, Member, Network, NewApp, NewConnection,
    NewDeployment, NewKey, PoolCredential, Role, TenantId, Worker, Workspace,
};

/// How long a session of the demo is good.
const SESSION: Duration = Duration::from_secs(12 * 3600);
/// What each tenant's wallet holds at the start, in micro-dollars.
const CREDIT: u64 = 10_000_000;
/// The workers that have a listener of their own, for clients that can't choose their `Host`.
pub(super) const WORKERS: [Worker; 4] =
    [Worker::Provider(Adapter::Openai), Worker::Provider(Adapter::Anthropic), Worker::Credentials, Worker::Hooks];
/// Model, meter, and dollars for one unit.
const RATES: [(Adapter, &str, &str, &str); 4] = [
    (Adapter::Openai, "gpt-4o-mini", "input_tokens", "0.00000015"),
    (Adapter::Openai, "gpt-4o-mini", "output_tokens", "0.0000006"),
    (Adapter::Anthropic, "claude-sonnet-4-5", "input_tokens", "0.000003"),
    (Adapter::Anthropic, "claude-sonnet-4-5", "output_tokens", "0.000015"),
];

/// Stand-ins for all providers and for the broker. They stop when they are dropped.
pub(super) struct Providers {
    upstreams: Vec<Upstream>,
    broker: Broker,
}

impl Providers {
    pub(super) fn start(network: &Network) -> Result<Self, String> {
        let upstreams = Adapter::ALL
            .iter()
            .map(|adapter| Upstream::start(network, *adapter))
            .collect::<Result<_, _>>()
            .map_err(|error| format!("starting the providers' stand-ins: {error}"))?;
        let accounts = BTreeMap::from([(
            "acct_acme_notion".to_owned(),
            BrokerReply::Token {
                access_token: "demo-notion-access".to_owned(),
                refresh_token: "demo-notion-refresh".to_owned(),
                expires_at: None,
            },
        )]);
        let broker =
            Broker::start(network, accounts).map_err(|error| format!("starting the broker's stand-in: {error}"))?;
        Ok(Self { upstreams, broker })
    }

    pub(super) fn edge_config(&self, master_key: [u8; 32]) -> EdgeConfig {
        let upstreams: BTreeMap<Adapter, Endpoint> =
            self.upstreams.iter().map(|upstream| (upstream.adapter(), upstream.endpoint())).collect();
        let pooled = |adapter: &Adapter| {
            let secret = format!("demo-pool-{}", adapter.slug());
            (*adapter, PoolCredential::new(secret.into()))
        };
        EdgeConfig {
            master_key: Some(MasterKey::new(master_key)),
            upstreams,
            broker: Some(self.broker.endpoint()),
            pool_credentials: Adapter::ALL.iter().map(pooled).collect(),
            rates: RATES
                .iter()
                .map(|(adapter, model, meter, unit_cost)| Rate {
                    provider: adapter.slug().to_owned(),
                    model: (*model).to_owned(),
                    meter: (*meter).to_owned(),
                    unit_cost: (*unit_cost).to_owned(),
                })
                .collect(),
            ..EdgeConfig::default()
        }
    }
}

/// What was set up.
pub(super) struct DemoWorld {
    /// The variables of the credentials file.
    pub(super) variables: Vec<(String, String)>,
    /// The tenants.
    pub(super) tenants: Vec<TenantId>,
    /// The containers, which stop when they are dropped.
    _containers: Vec<Container>,
}

/// Two tenants, each with a site for members, a public one, and an app. Both use OpenAI and Anthropic by the platform's
/// credentials; only acme is connected to Slack, Notion and Telegram.
pub(super) async fn provision(control: &ControlPlane, network: &Network) -> Result<DemoWorld, String> {
    let mut world = DemoWorld { variables: Vec::new(), tenants: Vec::new(), _containers: Vec::new() };
    for slug in ["acme", "globex"] {
        let tenant: TenantId = id(&format!("tenant_{slug}"))?;
        control.create_tenant(tenant.clone(), id(slug)?).map_err(|error| error.to_string())?;
        sites(control, network, &tenant, slug, &mut world)?;
        let workspace = control.workspace(&tenant).map_err(|error| error.to_string())?;
        account(&workspace, slug, &mut world).await.map_err(|error| format!("setting up {slug}: {error}"))?;
        world.tenants.push(tenant);
    }
    Ok(world)
}

fn sites(
    control: &ControlPlane,
    network: &Network,
    tenant: &TenantId,
    slug: &str,
    world: &mut DemoWorld,
) -> Result<(), String> {
    for (deployment, vendo_auth, name) in [("crm", true, "HOST"), ("site", false, "PUBLIC_HOST")] {
        let page =
            format!("<!doctype html><title>{slug} {deployment}</title><p>This is the {deployment} of {slug}.</p>\n");
        let headers = vec![("Content-Type".to_owned(), "text/html; charset=utf-8".to_owned())];
        let container = Container::start(network, page.into_bytes(), headers).map_err(|error| error.to_string())?;
        let hosts = control
            .deploy(NewDeployment {
                id: id(&format!("dep_{slug}_{deployment}"))?,
                tenant: tenant.clone(),
                slug: id(deployment)?,
                vendo_auth,
                legacy: false,
                target: container.endpoint(),
            })
            .map_err(|error| error.to_string())?;
        world.variables.push((format!("{}_{name}", slug.to_uppercase()), hosts.single_level));
        world._containers.push(container);
    }
    for role in [Role::Owner, Role::Member, Role::Viewer] {
        let role_name = format!("{role:?}");
        let member = Member {
            user_id: format!("user_{slug}_{}", role_name.to_lowercase()),
            email: format!("{}@{slug}.example", role_name.to_lowercase()),
            name: format!("{role_name} of {slug}"),
            tenant: tenant.clone(),
            role,
        };
        control.add_member(tenant, &member.user_id, role).map_err(|error| error.to_string())?;
        let name = format!("{}_{}", slug.to_uppercase(), role_name.to_uppercase());
        world.variables.push((name, control.mint_cookie(&member, SESSION)));
    }
    Ok(())
}

/// An app with its connections and its key, and money in the wallet.
async fn account(workspace: &Workspace, slug: &str, world: &mut DemoWorld) -> Result<(), String> {
    let app = id::<reference_impl::AppId>(&format!("app_{slug}"))?;
    let refused = |error: reference_impl::AccountError| error.to_string();
    workspace.top_up(CREDIT, "demo").await.map_err(refused)?;
    workspace
        .create_app(NewApp {
            id: app.clone(),
            deployment: Some(id(&format!("dep_{slug}_site"))?),
            webhook_secret: None,
            daily_cap_micros: None,
            monthly_cap_micros: None,
        })
        .await
        .map_err(refused)?;
    let mut connections =
        vec![("openai", Profile::VendoManagedPool, false), ("anthropic", Profile::VendoManagedPool, false)];
    if slug == "acme" {
        connections.extend([
            ("slack", Profile::OauthAppInstall, true),
            ("notion", Profile::ComposioManaged, false),
            ("telegram", Profile::WebhookInbound, false),
        ]);
    }
    for (provider, profile, stored) in connections {
        let connection = id::<reference_impl::ConnectionId>(&format!("conn_{slug}_{provider}"))?;
        let external = format!("ext_{slug}_{provider}");
        let secret = workspace
            .connect(NewConnection {
                id: connection.clone(),
                external_id: id(&external)?,
                provider: id(provider)?,
                profile,
                user_id: None,
                account: (profile == Profile::ComposioManaged).then(|| format!("acct_{slug}_{provider}")),
                credential: stored.then(|| format!("demo-{slug}-{provider}-access").into()),
                refresh_token: stored.then(|| format!("demo-{slug}-{provider}-refresh").into()),
                webhook_secret: None,
            })
            .await
            .map_err(refused)?;
        if let Some(secret) = secret {
            world.variables.push((format!("{}_HOOK", slug.to_uppercase()), external));
            world.variables.push((format!("{}_HOOK_SECRET", slug.to_uppercase()), secret.to_string()));
        }
        workspace.bind(&app, &connection, None).await.map_err(refused)?;
    }
    let IssuedKey { plaintext, .. } = workspace
        .issue_key(NewKey {
            id: id(&format!("key_{slug}"))?,
            grant: Grant::App(app),
            expires_at_s: None,
            daily_cap_micros: None,
            monthly_cap_micros: None,
        })
        .await
        .map_err(refused)?;
    world.variables.push((format!("{}_KEY", slug.to_uppercase()), plaintext.to_string()));
    Ok(())
}

fn id<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}
