//! A webhook's sender: whoever knows the connection's secret acts for the connection's tenant.

use super::scope::TenantScope;
use crate::fault::{Fault, FaultSet};
use crate::store::database::ConnectionRow;
use crate::store::vault::{Field, Vault};
use constant_time_eq::constant_time_eq;
use sha2::{Digest, Sha256};

/// The scope of a connection's tenant, if what was presented is the connection's webhook secret.
///
/// It takes the same work whether there is a connection or not: digests are compared, of the secret or of a dummy, so
/// that neither an unknown id nor a secret's length shows.
#[must_use]
pub fn admit(vault: &Vault, connection: Option<&ConnectionRow>, presented: Option<&[u8]>) -> Option<TenantScope> {
    admit_with(vault, connection, presented, FaultSet::none())
}

pub(crate) fn admit_with(
    vault: &Vault,
    connection: Option<&ConnectionRow>,
    presented: Option<&[u8]>,
    faults: FaultSet,
) -> Option<TenantScope> {
    let secret = connection.and_then(|row| {
        let sealed = row.webhook_secret.as_ref()?;
        vault.open(&Field::of_connection(row, "webhook_secret"), sealed).ok()
    });
    if faults.has(Fault::HksSecretNotRequired) && presented.is_none() {
        return connection.map(|row| TenantScope::mint(row.tenant.clone()));
    }
    if faults.has(Fault::HksSecretPrefixCompared)
        && let (Some(secret), Some(presented)) = (&secret, presented)
        && !presented.is_empty()
        && (secret.starts_with(presented) || presented.starts_with(secret))
    {
        return connection.map(|row| TenantScope::mint(row.tenant.clone()));
    }
    let expected = Sha256::digest(secret.as_ref().map_or(&b""[..], |secret| secret.as_slice()));
    let offered = Sha256::digest(presented.unwrap_or_default());
    let equal = constant_time_eq(&expected, &offered);
    let known = secret.is_some_and(|secret| !secret.is_empty());
    if equal & known & presented.is_some() { connection.map(|row| TenantScope::mint(row.tenant.clone())) } else { None }
}
