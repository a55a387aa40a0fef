//! SEC-3: ciphertexts that open elsewhere than in their own row and version, and nonces that come twice.
//!
//! An attempt is a plan of its own, so that one action is all there is to draw: whose values, and in which row.

use super::draft::{Draft, row};
use crate::action::Action;
use crate::action::edge::VaultTry;
use crate::action::edge::vault::VaultKind;
use crate::choose::Choose;

const KINDS: &[(&str, &[VaultKind])] = &[
    ("swap-rows", &[VaultKind::SwapRows]),
    ("swap-columns", &[VaultKind::SwapColumns]),
    ("swap-tables", &[VaultKind::SwapTables]),
    ("swap-tenants", &[VaultKind::SwapTenants]),
    ("swap-key-id", &[VaultKind::SwapKeyId]),
    ("older-version", &[VaultKind::OlderVersion]),
    ("field-boundaries", &[VaultKind::FieldBoundaries]),
    ("bit-flip", &[VaultKind::BitFlip]),
    ("truncate", &[VaultKind::Truncate]),
    ("nonce-repeat", &[VaultKind::NonceRepeat]),
    ("nonce-restart", &[VaultKind::NonceRestart]),
    ("rotation", &[VaultKind::Rotation, VaultKind::Rotation, VaultKind::MasterRotation]),
];

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    let kind = draft.among(row(KINDS, name)?)?;
    // A row that holds something sealed, of any tenant.
    let sealed = draft.world.connections_where(|own| own.credential.is_some());
    let connection = draft.among(&sealed)?;
    let tenant = u8::try_from(draft.world.connection(connection).tenant).ok()?;
    draft.push(Action::Vault(VaultTry { kind, tenant, connection }));
    Some(())
}
