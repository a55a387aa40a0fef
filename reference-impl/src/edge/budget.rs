//! How many bytes of bodies the edge holds in memory, for each tenant and in all.
//!
//! A body that decides a price or is signed has to be whole before it goes on. Whoever sends many of them slowly would
//! else decide how much memory the platform needs. A tenant may hold an eighth of what nobody holds, and no more than
//! its own bound: so what one tenant can take shrinks as all is taken, and one who comes late is refused last.

use crate::ids::TenantId;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The part of what nobody holds that one tenant may hold: one of so many.
const TENANT_PART: usize = 8;

/// The bytes of bodies that are held. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Budget(Arc<Inner>);

struct Inner {
    total_max: usize,
    tenant_max: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    total: usize,
    /// Of those tenants alone that hold something.
    by_tenant: BTreeMap<TenantId, usize>,
}

/// There is no room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// The tenant holds all that one may.
    Tenant,
    /// All tenants together hold so much that none may hold more than this one does.
    All,
}

impl Budget {
    /// A budget of so many bytes in all, and of so many for one tenant.
    pub(crate) fn new(total_max: usize, tenant_max: usize) -> Self {
        Self(Arc::new(Inner { total_max, tenant_max, held: Mutex::default() }))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A share of a tenant's, with nothing in it yet.
    pub(crate) fn share(&self, tenant: &TenantId) -> Share {
        Share { budget: self.clone(), tenant: tenant.clone(), bytes: 0 }
    }

    /// The bytes that are held in all, and the number of tenants that hold any.
    #[cfg(test)]
    fn in_use(&self) -> (usize, usize) {
        let held = self.held();
        (held.total, held.by_tenant.len())
    }
}

/// What one body holds of the budget. It is given back when this is dropped.
pub(crate) struct Share {
    budget: Budget,
    tenant: TenantId,
    bytes: usize,
}

impl Share {
    /// Takes more, or nothing.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        let mut held = self.budget.held();
        let of_tenant = held.by_tenant.get(&self.tenant).copied().unwrap_or(0).saturating_add(bytes);
        if of_tenant > self.budget.0.tenant_max {
            return Err(Full::Tenant);
        }
        let left = self.budget.0.total_max.saturating_sub(held.total.saturating_add(bytes));
        if of_tenant > left / TENANT_PART {
            return Err(Full::All);
        }
        held.total += bytes;
        if bytes > 0 {
            held.by_tenant.insert(self.tenant.clone(), of_tenant);
        }
        self.bytes += bytes;
        Ok(())
    }

    /// Binds the share to the bytes that it is of: it is given back when the last of their clones is dropped.
    pub(crate) fn bind(self, bytes: Bytes) -> Bytes {
        if bytes.is_empty() { bytes } else { Bytes::from_owner(Bound { bytes, _share: self }) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.budget.held();
        held.total = held.total.saturating_sub(self.bytes);
        let of_tenant = held.by_tenant.get(&self.tenant).copied().unwrap_or(0).saturating_sub(self.bytes);
        if of_tenant == 0 {
            held.by_tenant.remove(&self.tenant);
        } else {
            held.by_tenant.insert(self.tenant.clone(), of_tenant);
        }
    }
}

struct Bound {
    bytes: Bytes,
    _share: Share,
}

impl AsRef<[u8]> for Bound {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(id: &str) -> TenantId {
        TenantId::parse(id).unwrap()
    }

    #[test]
    fn a_share_is_given_back_with_the_last_of_its_bytes() {
        let budget = Budget::new(9000, 200);
        let mut share = budget.share(&tenant("T-a"));
        assert_eq!((share.grow(150), budget.in_use()), (Ok(()), (150, 1)));
        assert_eq!((share.grow(51), budget.in_use()), (Err(Full::Tenant), (150, 1)));
        let bytes = share.bind(Bytes::from(vec![b'x'; 150]));
        let part = bytes.slice(10..20);
        drop(bytes);
        assert_eq!((&part[..], budget.in_use()), (&[b'x'; 10][..], (150, 1)));
        drop(part);
        assert_eq!(budget.in_use(), (0, 0));
        let mut unused = budget.share(&tenant("T-a"));
        assert_eq!(unused.grow(0), Ok(()));
        assert!(unused.bind(Bytes::new()).is_empty());
        assert_eq!(budget.in_use(), (0, 0));
    }

    #[test]
    fn two_bodies_of_one_tenant_share_its_bound_and_another_tenant_has_its_own() {
        let budget = Budget::new(9000, 200);
        let (a, b) = (tenant("T-a"), tenant("T-b"));
        let (mut first, mut second, mut other) = (budget.share(&a), budget.share(&a), budget.share(&b));
        assert_eq!((first.grow(120), second.grow(80)), (Ok(()), Ok(())));
        assert_eq!((first.grow(1), second.grow(1)), (Err(Full::Tenant), Err(Full::Tenant)));
        assert_eq!(other.grow(200), Ok(()));
        drop(first);
        assert_eq!(second.grow(120), Ok(()));
    }

    #[test]
    fn however_many_tenants_take_all_they_can_there_is_room_for_one_more() {
        let budget = Budget::new(1_000_000, 1_000_000);
        let mut shares: Vec<Share> = (0..8).map(|n| budget.share(&tenant(&format!("T-{n}")))).collect();
        for share in &mut shares {
            while share.grow(100).is_ok() {}
        }
        for share in &mut shares {
            assert_eq!(share.grow(100), Err(Full::All));
            assert!(share.bytes <= 1_000_000 / 9, "{}", share.bytes);
        }
        // Eight that took all they could have left more than a third, of which a newcomer gets his part.
        assert!(budget.in_use().0 < 650_000, "{:?}", budget.in_use());
        let mut newcomer = budget.share(&tenant("T-new"));
        assert_eq!(newcomer.grow(38_000), Ok(()));
    }
}
