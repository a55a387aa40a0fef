//! The decisions about a request, without IO, in the order in which they are made. Each step refuses before the next one
//! starts, so that a refusal tells nothing of what a later step would have seen.
//!
//! [`screen`] looks at the request alone. Then the shell finds out who calls; [`choose`] picks the connection among those
//! that the caller's key opens, and [`check`] compares it once more, right before it is used.

use super::errors::Refusal;
use super::path_guard;
use crate::edge::entry::{Head, Inspection};
use crate::fault::Fault;
use crate::identity::key::Grant;
use crate::ids::{ConnectionId, TenantId};
use crate::observe::Guard;
use crate::provider::Adapter;
use crate::store::database::{BindingRow, ConnectionRow, ConnectionStatus, Profile};
use crate::store::kv::ConnEntry;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, ORIGIN};
use http::{Method, Version};
use std::borrow::Cow;

/// The header that names one of the connections that are open to a key.
const CONNECTION: &str = "x-vendo-connection";

/// What a request is, to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Screened<'a> {
    /// A browser asks whether it may ask.
    Preflight,
    /// A request to an adapter, and the path that its route is found by.
    Request(Adapter, Cow<'a, str>),
}

/// Looks at a request before anybody is asked who makes it: its path, its adapter, whether it is a preflight.
///
/// # Errors
/// 400, then 404.
pub fn screen<'a>(
    adapter: Option<Adapter>,
    head: &Head<'a>,
    inspection: &mut Inspection,
) -> Result<Screened<'a>, Refusal> {
    let faults = inspection.reach(Guard::PathGuard);
    // In HTTP/2 the authority is no part of the target.
    if head.version < Version::HTTP_2 && head.uri.authority().is_some() {
        return Err(Refusal::BadRequest);
    }
    let target_length = head.uri.path().len() + head.uri.query().map_or(0, |query| query.len() + 1);
    let path = path_guard::examined(head.uri.path(), target_length, faults).map_err(|_| Refusal::BadRequest)?;
    inspection.reach(Guard::Adapter);
    let adapter = adapter.ok_or(Refusal::NotFound)?;
    let asks = *head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    Ok(if asks { Screened::Preflight } else { Screened::Request(adapter, path) })
}

/// The connection that a request names, if it names one.
///
/// # Errors
/// 403 for two fields. What is no connection's id is found nowhere, and so is refused alike.
pub fn named(headers: &HeaderMap) -> Result<Option<&[u8]>, Refusal> {
    let mut fields = headers.get_all(CONNECTION).iter();
    match (fields.next(), fields.next()) {
        (_, Some(_)) => Err(Refusal::BindingMissing),
        (field, None) => Ok(field.map(http::HeaderValue::as_bytes)),
    }
}

/// The connection of a request: the key's own, or one of those that its app is bound to, the oldest first.
///
/// # Errors
/// 403, whatever the reason: a connection that isn't open to the key is refused as one that isn't there.
pub fn choose<'a>(
    grant: &'a Grant,
    bindings: &'a [BindingRow],
    headers: &HeaderMap,
    inspection: &mut Inspection,
) -> Result<Cow<'a, ConnectionId>, Refusal> {
    let faults = inspection.reach(Guard::BindingChain);
    let named = named(headers)?;
    if faults.has(Fault::PrxConnectionHeaderUnlimited)
        && let Some(id) = named.and_then(|named| ConnectionId::parse(std::str::from_utf8(named).ok()?).ok())
    {
        return Ok(Cow::Owned(id));
    }
    let is_named = |id: &ConnectionId| named.is_none_or(|named| named == id.as_str().as_bytes());
    match grant {
        Grant::Connection(own) => Some(own).filter(|own| is_named(own)),
        Grant::App(_) => bindings.iter().map(|binding| &binding.connection).find(|id| is_named(id)),
    }
    .map(Cow::Borrowed)
    .ok_or(Refusal::BindingMissing)
}

/// What is known of a connection at the moment of its use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Its owner.
    pub tenant: &'a str,
    /// Its provider.
    pub provider: &'a str,
    /// How its credential came to be; none for a word that is no profile.
    pub profile: Option<Profile>,
    /// Its status; none for a word that is no status.
    pub status: Option<ConnectionStatus>,
}

impl<'a> Facts<'a> {
    /// What the namespace says.
    #[must_use]
    pub fn of_entry(entry: &'a ConnEntry) -> Self {
        Self {
            tenant: &entry.tenant_id,
            provider: &entry.provider,
            profile: Profile::from_name(&entry.profile),
            status: ConnectionStatus::from_name(&entry.status),
        }
    }

    /// What the database says.
    #[must_use]
    pub fn of_row(row: &'a ConnectionRow) -> Self {
        Self {
            tenant: row.tenant.as_str(),
            provider: row.provider.as_str(),
            profile: Some(row.profile),
            status: Some(row.status),
        }
    }
}

/// Compares a connection with the caller's tenant and the provider, and looks at its status and its profile.
///
/// # Errors
/// 403 `binding_missing`, then what the status says, then 403 again where the profile is none that is used here.
pub fn check(
    facts: Facts<'_>,
    caller: (&TenantId, &Grant),
    adapter: Adapter,
    provider: &str,
    inspection: &mut Inspection,
) -> Result<Profile, Refusal> {
    let faults = inspection.reach(Guard::ConnectionMatch);
    let (tenant, grant) = caller;
    let any_provider = match grant {
        Grant::Connection(_) => faults.has(Fault::PrxConnectionKeyAnyProvider),
        Grant::App(_) => false,
    };
    if facts.tenant != tenant.as_str() || (facts.provider != provider && !any_provider) {
        return Err(Refusal::BindingMissing);
    }
    match facts.status {
        Some(_) if faults.has(Fault::PrxStatusNotRechecked) => {}
        Some(ConnectionStatus::Active) => {}
        Some(ConnectionStatus::NeedsReauth) => return Err(Refusal::NeedsReauth),
        Some(ConnectionStatus::Revoked) => return Err(Refusal::Revoked),
        Some(ConnectionStatus::Error) | None => return Err(Refusal::Upstream),
    }
    let managed = adapter == Adapter::Composio;
    match facts.profile {
        Some(profile @ (Profile::ByokStatic | Profile::OauthAppInstall | Profile::VendoManagedPool)) if !managed => {
            Ok(profile)
        }
        Some(profile @ Profile::ComposioManaged) if managed => Ok(profile),
        Some(
            Profile::ByokStatic
            | Profile::OauthAppInstall
            | Profile::VendoManagedPool
            | Profile::ComposioManaged
            | Profile::WebhookInbound
            | Profile::UserOauth,
        )
        | None => Err(Refusal::BindingMissing),
    }
}

/// Looks at the header of a metered request whose body is to be read.
///
/// # Errors
/// 400 for a body that is encoded, 413 for one that says itself that it is too long.
pub fn readable(headers: &HeaderMap, longest: usize) -> Result<(), Refusal> {
    if headers.contains_key(CONTENT_ENCODING) || headers.contains_key("content_encoding") {
        return Err(Refusal::Validation);
    }
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|declared| declared > longest as u64) { Err(Refusal::PayloadTooLarge) } else { Ok(()) }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
