//! KEY-1: keys that have ended and are still used, at each worker and with whatever the worker keeps of them; and keys
//! that are read, ended or made by somebody else.

use super::draft::Draft;
use super::edge_draft::{RouteKind, Service, Way, named, ways};
use crate::action::edge::control::{GrantRef, KeyTarget};
use crate::action::edge::key::{BadBearer, CookieField, KeyCarrier, KeyHeader, KeyRef, QueryField, SchemeSpelling};
use crate::action::edge::{EdgeCall, EdgeControl, Presented, ProviderCall, VendCall};
use crate::action::{Control, Status};
use crate::choose::Choose;
use crate::world::edge::{ApiKey, Grant};

/// The workers that take a key.
const SERVICES: [Service; 2] = [Service::Proxy, Service::Vend];

/// A key, and what it opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder {
    tenant: usize,
    /// As calls present it.
    key: KeyRef,
    /// As the control plane names it.
    target: KeyTarget,
    /// A key of the world that opens the same.
    like: u8,
}

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    match name {
        "read-back" => read_back(draft),
        "stored" => stored(draft),
        "prefix" => prefix(draft),
        "revoked-cold" => revoked(draft, false),
        "revoked-warm" => revoked(draft, true),
        "expired" => expired(draft),
        "destroyed" => destroyed(draft),
        "revoke-race" => revoke_race(draft),
        "store-miss" => store_miss(draft),
        "foreign-revoke" => foreign_revoke(draft),
        "issue-for-foreign" => issue_for_foreign(draft),
        _ => None,
    }
}

/// Lists of keys after one was issued: its tenant's, and another's.
fn read_back<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let holder = draft.issued_holder()?;
    if draft.one_in(2) {
        draft.used_once(holder)?;
    }
    if draft.one_in(3) {
        draft.operate(EdgeControl::RevokeKey { actor: named(holder.tenant), key: holder.target });
    }
    let stranger = draft.other_tenant(holder.tenant);
    let (first, second) = draft.of(&[(holder.tenant, stranger), (stranger, holder.tenant)]);
    if draft.one_in(2) {
        draft.operate(EdgeControl::ListKeys { actor: named(first) });
    }
    draft.operate(EdgeControl::ListKeys { actor: named(second) });
    Some(())
}

/// What is stored and logged, after a key was issued, used and revoked in every way; then the next one is issued.
fn stored<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let holder = draft.issued_holder()?;
    for _ in 0..draft.of(&[0, 1, 2]) {
        draft.used_once(holder)?;
    }
    let service = draft.of(&SERVICES);
    let call = draft.use_of(holder, service)?;
    let presented = draft.unknown_key(holder.like);
    draft.call(presenting(call, presented));
    if draft.one_in(2) {
        draft.operate(EdgeControl::RevokeKey { actor: named(holder.tenant), key: holder.target });
        draft.used_once(holder)?;
    }
    draft.operate(EdgeControl::Dump);
    draft.issue_as(holder);
    Some(())
}

/// The display prefix and the hash are no keys; a list shows the former and nothing more.
fn prefix<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let holder = draft.issued_holder()?;
    draft.operate(EdgeControl::ListKeys { actor: named(holder.tenant) });
    let service = draft.of(&SERVICES);
    let call = draft.use_of(holder, service)?;
    let key = draft.of(&[
        KeyRef::PrefixOf(holder.like),
        KeyRef::HashOf(holder.like),
        KeyRef::Malformed { key: holder.like, kind: BadBearer::Short },
        KeyRef::Malformed { key: holder.like, kind: BadBearer::PrefixAlone },
    ]);
    draft.call(presenting(call, Presented { key, how: KeyCarrier::Authorization }));
    draft.issue_as(holder);
    Some(())
}

fn revoked<C: Choose>(draft: &mut Draft<'_, C>, warm: bool) -> Option<()> {
    let holder = draft.holder()?;
    if warm {
        // At every worker, since each may keep something of its own.
        draft.used_everywhere(holder);
        if draft.one_in(3) {
            draft.pass(&[1, 30, 59]);
        }
    }
    draft.operate(EdgeControl::RevokeKey { actor: named(holder.tenant), key: holder.target });
    if draft.one_in(3) {
        draft.pass(&[1, 59, 61, 86_400]);
    }
    draft.ended(holder)
}

/// A key that ends during the case, used before, in the very second of its end, and after it.
fn expired<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let (holder, left) = if draft.one_in(2) {
        let tenant = draft.tenant();
        draft.fund(tenant);
        let key = draft.world.expiring_key(tenant)?;
        let Grant::App(app) = draft.world.key(key).grant else { return None };
        let like = draft.world.key_of_app(named(app))?;
        let left = draft.until_end(key)?;
        (Holder { tenant, key: KeyRef::Key(key), target: KeyTarget::Key(key), like }, left)
    } else {
        let left = draft.of(&[1, 60, 300, 40_000]);
        (draft.issued_holder_until(Some(left))?, u32::from(left))
    };
    if draft.one_in(2) {
        draft.used_everywhere(holder);
    }
    if draft.one_in(3) && left > 1 {
        // The last second in which it is good.
        draft.pass(&[left - 1]);
        draft.used_once(holder)?;
        draft.pass(&[1]);
    } else {
        draft.pass(&[left, left, left + 1, left + 61, left + 86_400]);
    }
    if draft.one_in(4) {
        draft.operate(EdgeControl::DropKeyRecord { key: holder.target });
    }
    draft.ended(holder)
}

/// The key of an app whose deployment is gone. Its connections' keys go on.
fn destroyed<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let world = draft.world;
    let is_deployed = |key: u8| match world.key(key).grant {
        Grant::App(app) => world.app(named(app)).deployment,
        Grant::Connection(_) => None,
    };
    let holder = draft.holder_where(|key| is_deployed(key).is_some())?;
    let holder = draft.any_key_like(holder);
    let deployment = named(is_deployed(holder.like)?);
    if draft.one_in(2) {
        draft.used_everywhere(holder);
    }
    if draft.one_in(2) {
        draft.control(Control::Teardown { deployment });
    } else {
        // The status alone ends them as well.
        draft.status(deployment, Status::Destroyed);
    }
    if draft.one_in(4) {
        draft.operate(EdgeControl::DropKeyRecord { key: holder.target });
    }
    if draft.one_in(4) {
        draft.pass(&[1, 61]);
    }
    draft.ended(holder)
}

/// Its call is under way while the key is revoked; in half of the tries the next one follows.
fn revoke_race<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let holder = draft.holder()?;
    if draft.one_in(2) {
        draft.used_everywhere(holder);
    }
    let service = draft.of(&SERVICES);
    let call = draft.use_of(holder, service)?;
    draft.while_under_way(call, EdgeControl::RevokeKey { actor: named(holder.tenant), key: holder.target });
    if draft.one_in(2) {
        return draft.ended(holder);
    }
    Some(())
}

/// The store forgets a key's record: before the revocation, after it, or both times.
fn store_miss<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let holder = draft.holder()?;
    if draft.one_in(2) {
        draft.used_everywhere(holder);
    }
    if draft.one_in(2) {
        draft.operate(EdgeControl::DropKeyRecord { key: holder.target });
        // The row alone still says that it is good, and a worker may put what it reads into the store.
        draft.used_once(holder)?;
    }
    draft.operate(EdgeControl::RevokeKey { actor: named(holder.tenant), key: holder.target });
    draft.operate(EdgeControl::DropKeyRecord { key: holder.target });
    draft.ended(holder)
}

/// Refused like a key that isn't there, and the key goes on: it is used between two attempts.
fn foreign_revoke<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let holder = draft.holder()?;
    let actor = named(draft.other_tenant(holder.tenant));
    let attempts = draft.of(&[1, 2]);
    for _ in 0..attempts {
        draft.operate(EdgeControl::RevokeKey { actor, key: holder.target });
    }
    draft.used_once(holder)?;
    let absent = draft.one_in(4);
    if absent {
        draft.operate(EdgeControl::RevokeKey { actor, key: KeyTarget::Unknown });
    }
    draft.operate(EdgeControl::RevokeKey { actor, key: holder.target });
    Some(())
}

/// Refused like an app or a connection that isn't there, and no key comes of it.
fn issue_for_foreign<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let holder = draft.world_holder(|_| true)?;
    let actor = named(draft.other_tenant(holder.tenant));
    let grant = grant_of(draft.world.key(holder.like));
    let expires_in_s = draft.of(&[None, None, Some(300)]);
    let absent = draft.of(&[GrantRef::UnknownApp, GrantRef::UnknownConnection]);
    let before = draft.of(&[Some(grant), Some(absent), None]);
    if let Some(before) = before {
        draft.operate(EdgeControl::IssueKey { actor, grant: before, expires_in_s });
        // Nothing was issued: the case's first key is nobody's.
        let service = draft.of(&SERVICES);
        let call = draft.use_of(Holder { key: KeyRef::Issued(0), ..holder }, service)?;
        draft.call(call);
    }
    draft.operate(EdgeControl::IssueKey { actor, grant, expires_in_s });
    Some(())
}

/// What a key was issued for.
fn grant_of(key: &ApiKey) -> GrantRef {
    match key.grant {
        Grant::App(app) => GrantRef::App(named(app)),
        Grant::Connection(connection) => GrantRef::Connection(named(connection)),
    }
}

fn presenting(call: EdgeCall, presented: Presented) -> EdgeCall {
    match call {
        EdgeCall::Provider(call) => EdgeCall::Provider(ProviderCall { presented, ..call }.canonical()),
        EdgeCall::Vend(call) => EdgeCall::Vend(VendCall { presented, ..call }.canonical()),
        EdgeCall::Hook(call) => EdgeCall::Hook(call),
    }
}

impl<C: Choose> Draft<'_, C> {
    /// A key of the world that opens something, or one that its tenant has issued.
    fn holder(&mut self) -> Option<Holder> {
        self.holder_where(|_| true)
    }

    /// The same, or its tenant's key for the same that has caps or an end.
    fn any_key_like(&mut self, holder: Holder) -> Holder {
        let grant = self.world.key(holder.like).grant;
        let alike = self.world.keys_where(|key| key.grant == grant);
        match self.among(&alike) {
            Some(key) if self.one_in(2) => Holder { key: KeyRef::Key(key), target: KeyTarget::Key(key), ..holder },
            Some(_) | None => holder,
        }
    }

    fn holder_where(&mut self, fits: impl Fn(u8) -> bool) -> Option<Holder> {
        let holder = self.world_holder(fits)?;
        if self.one_in(4) {
            self.issue_as(holder);
            return Some(Holder { key: KeyRef::Issued(0), target: KeyTarget::Issued(0), ..holder });
        }
        Some(holder)
    }

    /// A key of the world that opens something.
    fn world_holder(&mut self, fits: impl Fn(u8) -> bool) -> Option<Holder> {
        let world = self.world;
        let opens = |tenant: usize| {
            let all = SERVICES.into_iter().flat_map(move |service| ways(world, tenant, service));
            let mut keys: Vec<u8> = all.map(|way| way.key).filter(|key| fits(*key)).collect();
            keys.sort_unstable();
            keys.dedup();
            keys
        };
        let tenants: Vec<usize> = (0..world.tenants.len()).filter(|tenant| !opens(*tenant).is_empty()).collect();
        let tenant = self.among(&tenants)?;
        let like = self.among(&opens(tenant))?;
        self.fund(tenant);
        Some(Holder { tenant, key: KeyRef::Key(like), target: KeyTarget::Key(like), like })
    }

    /// A key that its tenant has issued: the case's first.
    fn issued_holder(&mut self) -> Option<Holder> {
        self.issued_holder_until(None)
    }

    fn issued_holder_until(&mut self, expires_in_s: Option<u16>) -> Option<Holder> {
        let tenant = self.tenant();
        let service = self.of(&SERVICES);
        let like = self.way(tenant, service, |_| true)?.key;
        self.fund(tenant);
        let grant = grant_of(self.world.key(like));
        self.operate(EdgeControl::IssueKey { actor: named(tenant), grant, expires_in_s });
        Some(Holder { tenant, key: KeyRef::Issued(0), target: KeyTarget::Issued(0), like })
    }

    /// For how many seconds a key of the world is good when the case begins.
    fn until_end(&self, key: u8) -> Option<u32> {
        u32::try_from(self.world.key(key).expires_at_s? - self.world.start_s).ok()
    }

    /// Another key for the same.
    fn issue_as(&mut self, holder: Holder) {
        let grant = grant_of(self.world.key(holder.like));
        self.operate(EdgeControl::IssueKey { actor: named(holder.tenant), grant, expires_in_s: None });
    }

    /// A call with the key that is served at a worker as long as the key is good; at the other one where this has
    /// nothing for it.
    fn use_of(&mut self, holder: Holder, service: Service) -> Option<EdgeCall> {
        let other = if service == Service::Proxy { Service::Vend } else { Service::Proxy };
        let call = self.use_at(holder, service);
        call.or_else(|| self.use_at(holder, other))
    }

    fn use_at(&mut self, holder: Holder, service: Service) -> Option<EdgeCall> {
        let way: Way = self.way(holder.tenant, service, |way| way.key == holder.like)?;
        let call = match service {
            Service::Proxy => EdgeCall::Provider(self.served(way, RouteKind::Any)?),
            Service::Vend => EdgeCall::Vend(self.token(way)),
        };
        let how = call.presented()?.how;
        Some(presenting(call, Presented { key: holder.key, how }))
    }

    fn used_once(&mut self, holder: Holder) -> Option<()> {
        let service = self.of(&SERVICES);
        let call = self.use_of(holder, service)?;
        self.call(call);
        Some(())
    }

    /// At every worker that has something for the key.
    fn used_everywhere(&mut self, holder: Holder) {
        for service in SERVICES {
            if let Some(call) = self.use_at(holder, service) {
                self.call(call);
            }
        }
    }

    /// The key, used after its end: at one worker, or at each of them, in turn or at once.
    fn ended(&mut self, holder: Holder) -> Option<()> {
        let service = self.of(&SERVICES);
        let last = self.use_of(holder, service)?;
        let other = self.use_of(holder, if service == Service::Proxy { Service::Vend } else { Service::Proxy })?;
        match self.of(&[0, 1, 1, 2]) {
            0 => self.call(last),
            1 => {
                self.call(other);
                self.call(last);
            }
            _ => self.at_once(vec![other, last]),
        }
        Some(())
    }

    // Keys that are none.

    /// Something else in place of a good key, for which nothing has to be changed before.
    pub(super) fn unknown_key(&mut self, key: u8) -> Presented {
        let other = self.index(self.world.edge.keys.len());
        let kind = self.of(&BadBearer::ALL);
        let plainly = self.presented(key).how;
        let refs = [
            KeyRef::None,
            KeyRef::NeverIssued,
            KeyRef::HashOf(key),
            KeyRef::PrefixOf(key),
            KeyRef::Malformed { key, kind },
            KeyRef::Malformed { key, kind },
        ];
        if self.one_in(2) {
            return Presented { key: self.of(&refs), how: plainly };
        }
        let bad: Vec<SchemeSpelling> = SchemeSpelling::ALL.into_iter().filter(|spelling| !spelling.is_good()).collect();
        let scheme = self.among(&bad).unwrap_or(SchemeSpelling::Basic);
        let second = self.of(&[KeyRef::Key(key), KeyRef::Key(other), KeyRef::NeverIssued]);
        let carriers = [
            KeyCarrier::BothDiffer(KeyRef::NeverIssued),
            KeyCarrier::TwoAuthorizations { second },
            KeyCarrier::TwoApiKeys { second },
            KeyCarrier::BasicBeside,
            KeyCarrier::Scheme(scheme),
            KeyCarrier::Scheme(scheme),
            KeyCarrier::Query(self.of(&QueryField::ALL)),
            KeyCarrier::Cookie(self.of(&CookieField::ALL)),
            KeyCarrier::OtherHeader(self.of(&KeyHeader::ALL)),
        ];
        Presented { key: KeyRef::Key(key), how: self.of(&carriers) }
    }

    /// The same, or a key that has ended: then its tenant, or time, ends it first.
    pub(super) fn no_good_key(&mut self, tenant: usize, key: u8) -> Option<Presented> {
        let how = self.presented(key).how;
        match self.of(&[0, 0, 0, 1, 2]) {
            0 => Some(self.unknown_key(key)),
            1 => {
                self.operate(EdgeControl::RevokeKey { actor: named(tenant), key: KeyTarget::Key(key) });
                Some(Presented { key: KeyRef::Key(key), how })
            }
            _ => {
                let ending = self.world.expiring_key(tenant)?;
                let left = self.until_end(ending)?;
                self.pass(&[left, left + 1]);
                Some(Presented { key: KeyRef::Key(ending), how })
            }
        }
    }
}
