//! The model's words in the reference's types.

use std::fmt::Display;

use isolation_model::action::Status as ModelStatus;
use isolation_model::action::edge::control::ConnectionStatus as ModelConnectionStatus;
use isolation_model::world::edge::{ConnectionProfile, Grant as ModelGrant, Provider};
use isolation_model::world::{Role as ModelRole, World};
use reference_impl::identity::bearer::KeyDigest;
use reference_impl::identity::key::Grant;
use reference_impl::store::database::{ConnectionStatus, Profile};
use reference_impl::{Adapter, AppId, ConnectionId, DeploySlug, DeploymentId, Member, Role, Status, TenantId};
use sha2::{Digest, Sha256};

use crate::target::TargetError;

/// Why something could not be set up.
pub(super) fn wrong(what: &str, why: &dyn Display) -> TargetError {
    TargetError::Provision { what: what.to_owned(), why: why.to_string() }
}

/// An identifier of any kind.
pub(super) fn id<T: std::str::FromStr<Err: Display>>(text: &str) -> Result<T, TargetError> {
    text.parse().map_err(|error| wrong(text, &error))
}

pub(super) fn deployment_id(text: &str) -> Result<DeploymentId, TargetError> {
    id(text)
}

pub(super) fn slug(text: &str) -> Result<DeploySlug, TargetError> {
    id(text)
}

/// The id of the tenant at an index.
pub(super) fn tenant(world: &World, index: usize) -> Result<TenantId, TargetError> {
    id(&world.tenant(index).id)
}

pub(super) fn app(world: &World, index: usize) -> Result<AppId, TargetError> {
    world.edge.apps.get(index).map_or_else(|| Err(wrong("an app", &"the world has none of that number")), |a| id(&a.id))
}

pub(super) fn connection(world: &World, index: usize) -> Result<ConnectionId, TargetError> {
    let own = world.edge.connections.get(index);
    own.map_or_else(|| Err(wrong("a connection", &"the world has none of that number")), |own| id(&own.id))
}

pub(super) fn grant(world: &World, grant: ModelGrant) -> Result<Grant, TargetError> {
    Ok(match grant {
        ModelGrant::App(index) => Grant::App(app(world, index)?),
        ModelGrant::Connection(index) => Grant::Connection(connection(world, index)?),
    })
}

/// What the platform knows a key by.
pub(super) fn digest(bearer: &str) -> KeyDigest {
    KeyDigest::from_bytes(Sha256::digest(bearer).into())
}

pub(super) fn member(world: &World, index: u8) -> Result<Member, TargetError> {
    let member = world.member(index);
    Ok(Member {
        user_id: member.user_id.clone(),
        email: member.email.clone(),
        name: member.name.clone(),
        tenant: tenant(world, member.tenant)?,
        role: role(member.role),
    })
}

pub(super) const fn role(role: ModelRole) -> Role {
    match role {
        ModelRole::Owner => Role::Owner,
        ModelRole::Member => Role::Member,
        ModelRole::Viewer => Role::Viewer,
    }
}

pub(super) const fn status(status: ModelStatus) -> Status {
    match status {
        ModelStatus::Running => Status::Running,
        ModelStatus::Suspending => Status::Suspending,
        ModelStatus::Suspended => Status::Suspended,
        ModelStatus::Resuming => Status::Resuming,
        ModelStatus::SuspendFailed => Status::SuspendFailed,
        ModelStatus::ResumeFailed => Status::ResumeFailed,
        ModelStatus::Destroyed => Status::Destroyed,
    }
}

pub(super) const fn connection_status(status: ModelConnectionStatus) -> ConnectionStatus {
    match status {
        ModelConnectionStatus::Active => ConnectionStatus::Active,
        ModelConnectionStatus::NeedsReauth => ConnectionStatus::NeedsReauth,
        ModelConnectionStatus::Revoked => ConnectionStatus::Revoked,
        ModelConnectionStatus::Error => ConnectionStatus::Error,
    }
}

pub(super) const fn profile(profile: ConnectionProfile) -> Profile {
    match profile {
        ConnectionProfile::ByokStatic => Profile::ByokStatic,
        ConnectionProfile::OauthAppInstall => Profile::OauthAppInstall,
        ConnectionProfile::VendoManagedPool => Profile::VendoManagedPool,
        ConnectionProfile::ComposioManaged => Profile::ComposioManaged,
        ConnectionProfile::WebhookInbound => Profile::WebhookInbound,
        ConnectionProfile::UserOauth => Profile::UserOauth,
    }
}

/// The adapter of a provider, if it has one.
pub(super) fn adapter(provider: Provider) -> Option<Adapter> {
    Adapter::from_slug(provider.slug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_know_the_same_providers() {
        for provider in Provider::ALL {
            assert_eq!(adapter(provider).is_some(), provider.is_adapter(), "{provider:?}");
            if let Some(own) = adapter(provider) {
                assert_eq!(Some(own.upstream_host()), provider.upstream_host());
                assert_eq!(own.hold_micros(), provider.hold_micros(), "{provider:?}");
            }
        }
        assert_eq!(Adapter::ALL.len(), Provider::ADAPTERS.len());
    }
}
