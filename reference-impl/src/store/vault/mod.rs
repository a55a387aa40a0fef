//! The vault: seals a tenant's secrets under a key of the tenant's own, for one place each.
//!
//! AES-256-GCM throughout. The master key wraps one data key per tenant and generation, and nothing else; a data key
//! seals values, each under a fresh random nonce, with the value's place as associated data. So a ciphertext opens only
//! in its own row, column, tenant and version, and losing one tenant's key loses no other's. Keys and plaintexts are
//! wiped when they are dropped. An error in opening says nothing of why.

mod envelope;

pub use envelope::{Envelope, Field};

use crate::entropy::{Entropy, EntropyError};
use crate::fault::{Fault, FaultSet};
use crate::observe::{Event, Guard, GuardSet, Observer};
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use envelope::{NONCE, joined};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A master key. It is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// Takes a key: 256 bits that nobody else knows.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What the key is called: from a digest of it, so that two keys have two names.
    fn id(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"vendo master key id\0");
        hash.update(self.0);
        let digest = hash.finalize();
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("MasterKey")
    }
}

/// Why the vault did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The value doesn't open here. Why is not said.
    #[error("the value can't be opened here")]
    Refused,
    /// The place can't be written as associated data, or the value is too long.
    #[error("the value can't be sealed for this place")]
    NotSealable,
    /// The tenant has no data key of the generation.
    #[error("there is no such data key")]
    UnknownGeneration,
    /// The generation is the one that seals: rotate first.
    #[error("the data key is in use: rotate it first")]
    CurrentGeneration,
    /// No randomness for a key or a nonce.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// A vault. Clones are the same one.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    entropy: Entropy,
    observer: Option<Arc<dyn Observer>>,
    faults: FaultSet,
    state: RwLock<State>,
    /// What a planted fault counts.
    #[cfg(feature = "faults")]
    sealed: std::sync::atomic::AtomicU64,
}

struct State {
    master: MasterKey,
    tenants: BTreeMap<String, DataKeys>,
}

/// A tenant's data keys. The last generation seals, all open.
#[derive(Default)]
struct DataKeys(BTreeMap<u32, Wrapped>);

/// A data key under the master key.
#[derive(Clone, PartialEq, Eq)]
struct Wrapped {
    nonce: [u8; NONCE],
    sealed: Vec<u8>,
}

/// All data keys of a vault, wrapped: what is stored of it. It is of use only to who has the master key.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKeys(Vec<(String, u32, Wrapped)>);

impl WrappedKeys {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tenant, generation and wrapped bytes of each, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u32, Vec<u8>)> {
        self.0
            .iter()
            .map(|(tenant, generation, key)| (tenant.as_str(), *generation, [&key.nonce[..], &key.sealed].concat()))
    }
}

impl fmt::Debug for WrappedKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "WrappedKeys({})", self.0.len())
    }
}

type DataKey = Zeroizing<[u8; 32]>;

impl Vault {
    /// A vault without a data key yet: a tenant's first is made when its first value is sealed.
    #[must_use]
    pub fn new(master: MasterKey, entropy: Entropy) -> Self {
        Self::with(master, entropy, None, FaultSet::none())
    }

    pub(crate) fn with(
        master: MasterKey,
        entropy: Entropy,
        observer: Option<Arc<dyn Observer>>,
        faults: FaultSet,
    ) -> Self {
        let state = RwLock::new(State { master, tenants: BTreeMap::new() });
        Self(Arc::new(Inner {
            entropy,
            observer,
            faults,
            state,
            #[cfg(feature = "faults")]
            sealed: std::sync::atomic::AtomicU64::default(),
        }))
    }

    /// A vault from its stored keys, as after a restart.
    ///
    /// # Errors
    /// [`VaultError::Refused`] if a key is not wrapped by this master key.
    pub fn import(master: MasterKey, entropy: Entropy, keys: &WrappedKeys) -> Result<Self, VaultError> {
        Self::new(master, entropy).holding(keys)
    }

    /// The vault that has these stored keys and no other, as this one's own restart would make it.
    ///
    /// # Errors
    /// [`VaultError::Refused`] if a key is not wrapped by this vault's master key.
    pub fn restarted(&self, keys: &WrappedKeys) -> Result<Self, VaultError> {
        let Inner { entropy, observer, faults, .. } = &*self.0;
        let master = self.read().master.clone();
        Self::with(master, entropy.clone(), observer.clone(), *faults).holding(keys)
    }

    fn holding(self, keys: &WrappedKeys) -> Result<Self, VaultError> {
        let vault = self;
        {
            let mut state = vault.write();
            for (tenant, generation, wrapped) in &keys.0 {
                unwrap(&state.master, tenant, *generation, wrapped)?;
                state.tenants.entry(tenant.clone()).or_default().0.insert(*generation, wrapped.clone());
            }
        }
        Ok(vault)
    }

    /// Every data key, wrapped, as it is stored.
    #[must_use]
    pub fn export_keys(&self) -> WrappedKeys {
        let state = self.read();
        let keys = state.tenants.iter().flat_map(|(tenant, keys)| {
            keys.0.iter().map(|(generation, wrapped)| (tenant.clone(), *generation, wrapped.clone()))
        });
        WrappedKeys(keys.collect())
    }

    /// Seals a value for a place.
    ///
    /// # Errors
    /// [`VaultError::NotSealable`], [`VaultError::Entropy`].
    pub fn seal(&self, field: &Field<'_>, plaintext: &[u8]) -> Result<Envelope, VaultError> {
        self.report(Guard::Seal);
        let aad = field.associated_data(self.0.faults).ok_or(VaultError::NotSealable)?;
        let (generation, key) = self.sealing_key(self.key_owner(field.tenant))?;
        let nonce = self.nonce(field.tenant)?;
        let sealed = seal(&key, &nonce, &aad, plaintext).ok_or(VaultError::NotSealable)?;
        Ok(Envelope::new(generation, &nonce, &sealed))
    }

    /// Opens a value at a place.
    ///
    /// # Errors
    /// [`VaultError::Refused`] for anything but what was sealed for this very place, under a key that is not retired.
    pub fn open(&self, field: &Field<'_>, envelope: &Envelope) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.report(Guard::Aad);
        let parts = envelope.parts().ok_or(VaultError::Refused)?;
        let aad = field.associated_data(self.0.faults).ok_or(VaultError::Refused)?;
        let owner = self.key_owner(field.tenant);
        if self.0.faults.has(Fault::VaultKeyIdIgnored) {
            let state = self.read();
            let keys = state.tenants.get(owner).ok_or(VaultError::Refused)?;
            let mut opened = keys.0.iter().filter_map(|(generation, wrapped)| {
                let key = unwrap(&state.master, owner, *generation, wrapped).ok()?;
                open(&key, parts.nonce, &aad, parts.sealed)
            });
            return opened.next().ok_or(VaultError::Refused);
        }
        let key = {
            let state = self.read();
            let wrapped = state.tenants.get(owner).and_then(|keys| keys.0.get(&parts.generation));
            unwrap(&state.master, owner, parts.generation, wrapped.ok_or(VaultError::Refused)?)?
        };
        open(&key, parts.nonce, &aad, parts.sealed).ok_or(VaultError::Refused)
    }

    /// Gives a tenant a new data key, which seals from now on. Older ones still open. Gives its generation.
    ///
    /// # Errors
    /// [`VaultError::Entropy`].
    pub fn rotate_tenant(&self, tenant: &str) -> Result<u32, VaultError> {
        let mut state = self.write();
        self.add_key(&mut state, self.key_owner(tenant)).map(|(generation, _)| generation)
    }

    /// Destroys a data key of a tenant: what it sealed can't be opened again.
    ///
    /// # Errors
    /// [`VaultError::UnknownGeneration`]; [`VaultError::CurrentGeneration`] for the one that seals.
    pub fn retire(&self, tenant: &str, generation: u32) -> Result<(), VaultError> {
        let mut state = self.write();
        let keys = state.tenants.get_mut(self.key_owner(tenant)).ok_or(VaultError::UnknownGeneration)?;
        if keys.0.last_key_value().is_some_and(|(current, _)| *current == generation) {
            return Err(VaultError::CurrentGeneration);
        }
        keys.0.remove(&generation).map(|_| ()).ok_or(VaultError::UnknownGeneration)
    }

    /// Wraps every data key with a new master key. Nothing that was sealed changes. All or nothing.
    ///
    /// # Errors
    /// [`VaultError::Entropy`].
    pub fn rotate_master(&self, new: MasterKey) -> Result<(), VaultError> {
        let mut state = self.write();
        let mut tenants = BTreeMap::new();
        for (tenant, keys) in &state.tenants {
            let mut rewrapped = DataKeys::default();
            for (generation, wrapped) in &keys.0 {
                let key = unwrap(&state.master, tenant, *generation, wrapped)?;
                rewrapped.0.insert(*generation, self.wrap(&new, tenant, *generation, &key)?);
            }
            tenants.insert(tenant.clone(), rewrapped);
        }
        *state = State { master: new, tenants };
        Ok(())
    }

    fn report(&self, guard: Guard) {
        if let Some(observer) = &self.0.observer {
            observer.observe(&Event::Guards { guards: GuardSet::from_iter([guard]) });
        }
    }

    /// The data key that seals for a tenant, made if there is none.
    fn sealing_key(&self, tenant: &str) -> Result<(u32, DataKey), VaultError> {
        if let Some(found) = current(&self.read(), tenant) {
            return found;
        }
        let mut state = self.write();
        // Another may have made one between the two locks.
        if let Some(found) = current(&state, tenant) {
            return found;
        }
        self.add_key(&mut state, tenant)
    }

    fn add_key(&self, state: &mut State, tenant: &str) -> Result<(u32, DataKey), VaultError> {
        let last = state.tenants.get(tenant).and_then(|keys| keys.0.last_key_value()).map_or(0, |(last, _)| *last);
        let generation = last.checked_add(1).ok_or(VaultError::NotSealable)?;
        let key = Zeroizing::new(self.0.entropy.draw(&format!("vault-data-key:{tenant}"))?);
        let wrapped = self.wrap(&state.master, tenant, generation, &key)?;
        state.tenants.entry(tenant.to_owned()).or_default().0.insert(generation, wrapped);
        Ok((generation, key))
    }

    fn wrap(&self, master: &MasterKey, tenant: &str, generation: u32, key: &DataKey) -> Result<Wrapped, VaultError> {
        let nonce = self.nonce(tenant)?;
        let aad = wrapping_data(master, tenant, generation).ok_or(VaultError::NotSealable)?;
        let sealed = seal(&master.0, &nonce, &aad, &key[..]).ok_or(VaultError::NotSealable)?;
        Ok(Wrapped { nonce, sealed })
    }

    /// Whose data keys a tenant's values are sealed with: its own.
    fn key_owner<'a>(&self, tenant: &'a str) -> &'a str {
        if self.0.faults.has(Fault::VaultOneKeyForAll) { "all" } else { tenant }
    }

    /// A fresh random nonce.
    fn nonce(&self, tenant: &str) -> Result<[u8; NONCE], VaultError> {
        #[cfg(feature = "faults")]
        if self.0.faults.has(Fault::VaultNonceRepeats) {
            let count = self.0.sealed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let mut nonce = [0; NONCE];
            nonce.iter_mut().rev().zip(count.to_le_bytes()).for_each(|(place, byte)| *place = byte);
            return Ok(nonce);
        }
        let drawn = self.0.entropy.draw(&format!("vault-nonce:{tenant}"))?;
        drawn.first_chunk().copied().ok_or(VaultError::NotSealable)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Vault({} tenants)", self.read().tenants.len())
    }
}

fn current(state: &State, tenant: &str) -> Option<Result<(u32, DataKey), VaultError>> {
    let (generation, wrapped) = state.tenants.get(tenant)?.0.last_key_value()?;
    Some(unwrap(&state.master, tenant, *generation, wrapped).map(|key| (*generation, key)))
}

fn unwrap(master: &MasterKey, tenant: &str, generation: u32, wrapped: &Wrapped) -> Result<DataKey, VaultError> {
    let aad = wrapping_data(master, tenant, generation).ok_or(VaultError::Refused)?;
    let key = open(&master.0, &wrapped.nonce, &aad, &wrapped.sealed).ok_or(VaultError::Refused)?;
    key.first_chunk().copied().filter(|_| key.len() == 32).map(Zeroizing::new).ok_or(VaultError::Refused)
}

/// The associated data of a wrapped key: it is this tenant's, of this generation, under this master key.
fn wrapping_data(master: &MasterKey, tenant: &str, generation: u32) -> Option<Vec<u8>> {
    joined(&["data-key", tenant, &generation.to_string(), &master.id()])
}

fn seal(key: &[u8; 32], nonce: &[u8; NONCE], aad: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
    let cipher = Aes256Gcm::new(&(*key).into());
    cipher.encrypt(&Nonce::from(*nonce), Payload { msg: plaintext, aad }).ok()
}

fn open(key: &[u8; 32], nonce: &[u8; NONCE], aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = Aes256Gcm::new(&(*key).into());
    cipher.decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad }).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests;
