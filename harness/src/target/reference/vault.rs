//! Attempts on sealed values, carried out on the platform's vault.

use isolation_model::action::edge::VaultTry;
use isolation_model::observation::VaultSeen;
use isolation_model::render::edge::{VaultField, VaultStep, vault_plan};
use reference_impl::store::vault::{Envelope, Field, MasterKey, Vault, VaultError};

use super::ReferenceSession;
use super::names::wrong;
use crate::target::TargetError;

impl ReferenceSession<'_> {
    /// Carries a plan out on a vault that has the keys, the randomness and the mistakes of the platform's own. It isn't
    /// the same one: a retired key would take what the case needs with it.
    pub(super) fn vault(&self, tried: VaultTry) -> Result<VaultSeen, TargetError> {
        let failed = |error: &VaultError| wrong("a vault", error);
        let live = self.control.vault().ok_or_else(|| wrong("a vault", &"the platform has none"))?;
        let mut vault = live.restarted(&live.export_keys()).map_err(|error| failed(&error))?;
        let mut seen = VaultSeen::default();
        for step in vault_plan(self.world, tried) {
            match step {
                VaultStep::Seal { field, value } => {
                    let sealed = vault.seal(&place(&field), &value);
                    seen.sealed.push(sealed.map(|envelope| envelope.as_bytes().to_vec()).unwrap_or_default());
                }
                VaultStep::Open { field, envelope, tamper } => {
                    let bytes = seen.sealed.get(envelope).map(|own| tamper.apply(own, &seen.sealed));
                    seen.opened.push(bytes.and_then(|bytes| open(&vault, &field, &bytes)));
                }
                // Whether a key was made or retired shows in what opens after it.
                VaultStep::RotateTenant { tenant } => {
                    let _generation = vault.rotate_tenant(&tenant);
                }
                VaultStep::Retire { tenant, sealed_by } => {
                    let generation = seen.sealed.get(sealed_by).and_then(|own| Envelope::from_bytes(own).generation());
                    let _gone = generation.map(|generation| vault.retire(&tenant, generation));
                }
                VaultStep::Restart => {
                    vault = vault.restarted(&vault.export_keys()).map_err(|error| failed(&error))?;
                }
                VaultStep::RotateMaster(master) => {
                    vault.rotate_master(MasterKey::new(master)).map_err(|error| failed(&error))?;
                }
            }
        }
        Ok(seen)
    }
}

fn open(vault: &Vault, field: &VaultField, bytes: &[u8]) -> Option<Vec<u8>> {
    vault.open(&place(field), &Envelope::from_bytes(bytes)).ok().map(|plaintext| plaintext.to_vec())
}

fn place(field: &VaultField) -> Field<'_> {
    Field { table: &field.table, column: &field.column, row: &field.row, tenant: &field.tenant, version: field.version }
}
