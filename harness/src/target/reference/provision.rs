//! A world set up in a platform: its configuration, then its rows in the order in which the world lists them.

use isolation_model::render;
use isolation_model::world::World;
use isolation_model::world::edge::IDENTITY_KID;
use reference_impl::identity::user_token::IdentityKey;
use reference_impl::store::rates::{MarginRule, Rate};
use reference_impl::store::vault::MasterKey;
use reference_impl::{
    Container, ControlPlane, EdgeConfig, Network, NewApp, NewConnection, NewDeployment, NewKey, PoolCredential,
    Workspace,
};
use zeroize::Zeroizing;

use super::behind::Behind;
use super::names::{self, wrong};
use crate::target::TargetError;

/// What the edge's workers are configured with.
pub(super) fn config(world: &World, behind: &Behind) -> Result<EdgeConfig, TargetError> {
    let own = &world.edge;
    let margins = own.margins.iter().map(|rule| {
        Ok(MarginRule {
            tenant: rule.tenant.map(|tenant| names::tenant(world, tenant)).transpose()?,
            integration: rule.integration.map(|provider| provider.slug().to_owned()),
            meter: rule.meter.map(|(provider, meter)| format!("{}.{}", provider.slug(), meter.as_str())),
            percent: rule.percent.to_owned(),
        })
    });
    let rate = |rate: &isolation_model::world::edge::Rate| Rate {
        provider: rate.provider.slug().to_owned(),
        model: rate.model.to_owned(),
        meter: rate.meter.as_str().to_owned(),
        unit_cost: rate.unit_cost.to_owned(),
    };
    let pools = own.pools.iter().filter_map(|(provider, canary)| {
        let secret = PoolCredential::new(Zeroizing::new(canary.text.clone()));
        names::adapter(*provider).map(|adapter| (adapter, secret))
    });
    Ok(EdgeConfig {
        master_key: Some(MasterKey::new(own.master_key)),
        identity_keys: vec![IdentityKey {
            kid: IDENTITY_KID.to_owned(),
            public_key: render::edge::identity_public_key(world),
        }],
        upstreams: behind.upstreams(),
        broker: behind.broker(),
        pool_credentials: pools.collect(),
        rates: own.rates.iter().map(rate).collect(),
        margins: margins.collect::<Result<_, TargetError>>()?,
    })
}

/// What was set up.
pub(super) struct Provisioned {
    /// One for each deployment.
    pub(super) containers: Vec<Container>,
    /// One for each tenant.
    pub(super) workspaces: Vec<Workspace>,
}

/// Sets a world up.
pub(super) async fn provision(
    world: &World,
    control: &ControlPlane,
    network: &Network,
) -> Result<Provisioned, TargetError> {
    let mut workspaces = Vec::new();
    for (index, tenant) in world.tenants.iter().enumerate() {
        let failed = |error: &dyn std::fmt::Display| wrong(&tenant.slug, error);
        let id = names::tenant(world, index)?;
        control.create_tenant(id.clone(), names::id(&tenant.slug)?).map_err(|error| failed(&error))?;
        for member in world.members.iter().filter(|member| member.tenant == index) {
            let role = names::role(member.role);
            control.add_member(&id, &member.user_id, role).map_err(|error| failed(&error))?;
        }
        workspaces.push(control.workspace(&id).map_err(|error| failed(&error))?);
    }
    let containers = deployments(world, control, network)?;
    accounts(world, &workspaces).await?;
    Ok(Provisioned { containers, workspaces })
}

fn deployments(world: &World, control: &ControlPlane, network: &Network) -> Result<Vec<Container>, TargetError> {
    let mut containers = Vec::new();
    for deployment in &world.deployments {
        let failed = |error: &dyn std::fmt::Display| wrong(&deployment.id, error);
        let page_headers = render::base_headers(&deployment.header_canary.text)
            .into_iter()
            .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
            .collect();
        let page = render::page(&deployment.page_canary.text);
        let container = Container::start(network, page, page_headers).map_err(|error| failed(&error))?;
        let id = names::deployment_id(&deployment.id)?;
        let new = NewDeployment {
            id: id.clone(),
            tenant: names::tenant(world, deployment.tenant)?,
            slug: names::slug(&deployment.slug)?,
            vendo_auth: deployment.vendo_auth,
            legacy: deployment.legacy,
            target: container.endpoint(),
        };
        control.deploy(new).map_err(|error| failed(&error))?;
        if let Some(domain) = &deployment.domain {
            control.claim_domain(&id, domain).map_err(|error| failed(&error))?;
        }
        containers.push(container);
    }
    Ok(containers)
}

/// Apps, connections, bindings, keys and wallets of all tenants.
async fn accounts(world: &World, workspaces: &[Workspace]) -> Result<(), TargetError> {
    let own = &world.edge;
    let of = |tenant: usize| {
        workspaces.get(tenant).ok_or_else(|| wrong("an account", &"the world has no tenant of that number"))
    };
    let secret = |text: &str| Zeroizing::new(text.to_owned());
    for app in &own.apps {
        let deployment = app.deployment.and_then(|index| world.deployments.get(index));
        let new = NewApp {
            id: names::id(&app.id)?,
            deployment: deployment.map(|deployment| names::deployment_id(&deployment.id)).transpose()?,
            webhook_secret: Some(secret(&app.webhook_secret.text)),
            daily_cap_micros: app.daily_cap_micros,
            monthly_cap_micros: app.monthly_cap_micros,
        };
        of(app.tenant)?.create_app(new).await.map_err(|error| wrong(&app.id, &error))?;
    }
    for connection in &own.connections {
        let text = |canary: &Option<isolation_model::canary::Canary>| canary.as_ref().map(|own| secret(&own.text));
        let account = connection.account.and_then(|index| own.accounts.get(index));
        let user = connection.user.and_then(|index| world.members.get(index));
        let new = NewConnection {
            id: names::id(&connection.id)?,
            external_id: names::id(&connection.external_id)?,
            provider: names::id(connection.provider.slug())?,
            profile: names::profile(connection.profile),
            user_id: user.map(|member| member.user_id.clone()),
            account: account.map(|account| account.id.clone()),
            credential: text(&connection.credential),
            refresh_token: text(&connection.refresh),
            webhook_secret: text(&connection.webhook_secret),
        };
        of(connection.tenant)?.connect(new).await.map_err(|error| wrong(&connection.id, &error))?;
    }
    for (app, connection) in &own.bindings {
        let (app, connection) = (names::app(world, *app)?, names::connection(world, *connection)?);
        let tenant = own.apps.iter().find(|own| own.id == app.as_str()).map_or(usize::MAX, |own| own.tenant);
        let bound = of(tenant)?.bind(&app, &connection, None).await;
        bound.map_err(|error| wrong(&format!("{connection} for {app}"), &error))?;
    }
    for key in &own.keys {
        let new = NewKey {
            id: names::id(&key.id)?,
            grant: names::grant(world, key.grant)?,
            expires_at_s: key.expires_at_s,
            daily_cap_micros: key.daily_cap_micros,
            monthly_cap_micros: key.monthly_cap_micros,
        };
        let taken = of(key.tenant)?.import_key(new, names::digest(&key.bearer), key.prefix()).await;
        taken.map_err(|error| wrong(&key.id, &error))?;
    }
    for (tenant, micros) in own.wallets.iter().enumerate().filter(|(_, micros)| **micros > 0) {
        let credited = of(tenant)?.top_up(*micros, "at the start").await;
        credited.map_err(|error| wrong("a wallet", &error))?;
    }
    Ok(())
}
