//! CRD-2: keys that are to open more than their own app's bindings, or their own connection.

use super::draft::Draft;
use super::edge_draft::{Service, Way, named};
use super::vend_draft::naming;
use crate::action::edge::header::{ConnectionSpelling, NamedConnection};
use crate::action::edge::vend::{BulkItem, BulkSpelling, EnvSpelling, SlugSpelling, VendAsk};
use crate::action::edge::{EdgeControl, EdgeHeader, VendCall};
use crate::choose::Choose;
use crate::world::World;
use crate::world::edge::Grant;

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    match name {
        "connection-key-other-provider" => connection_key_other_provider(draft),
        "connection-key-other-connection" => connection_key_other_connection(draft),
        "app-key-unbound" => app_key_unbound(draft),
        "app-key-sibling" => app_key_sibling(draft),
        "app-key-foreign" => app_key_foreign(draft),
        "provider-spelling" => provider_spelling(draft),
        "absent-against-foreign" => absent_against_foreign(draft),
        "unbound-between" => unbound_between(draft),
        _ => None,
    }
}

/// The tenant may well have what is asked for: this key may not.
fn connection_key_other_provider<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let world = draft.world;
    let keys = world.keys_where(|key| matches!(key.grant, Grant::Connection(_)));
    let key = draft.among(&keys)?;
    let Grant::Connection(connection) = world.key(key).grant else { return None };
    let own = world.connection(named(connection));
    let other = draft.way(own.tenant, Service::Vend, |way| way.provider != own.provider)?;
    draft.vended_before(other);
    let mut call = draft.token_of(own.tenant, key, other.provider);
    let which = draft.of(&[None, None, Some(named(connection)), Some(other.connection)]);
    call.carrier.headers.extend(which.map(naming));
    draft.vend(call);
    Some(())
}

/// Another connection of the tenant, or of another one: of the same provider where there is one.
fn connection_key_other_connection<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let way = draft.any_way(Service::Vend, |way| way.own_key)?;
    let stranger = draft.other_tenant(way.tenant);
    let tenant = draft.of(&[way.tenant, stranger]);
    let is_twin = |other: &Way| other.connection != way.connection && other.provider == way.provider;
    let other = draft.way(tenant, Service::Vend, |other| other.connection != way.connection)?;
    let twin = draft.way(tenant, Service::Vend, is_twin).unwrap_or(other);
    let other = draft.of(&[twin, twin, other]);
    draft.vended_before(other);
    draft.vended_before(way);
    let provider = draft.of(&[way.provider, way.provider, other.provider]);
    let mut call = draft.token_of(way.tenant, way.key, provider);
    let header = draft.foreign_name(other.connection, Some(way.connection));
    call.carrier.headers.push(header);
    draft.vend(call);
    Some(())
}

/// A provider that none of the app's bindings leads to; the tenant's other app is bound to most of them.
fn app_key_unbound<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let tenant = draft.tenant();
    let key = draft.app_key(tenant)?;
    let bound = bound(draft.world, key);
    let world = draft.world;
    let leads = |way: &Way| bound.iter().any(|own| world.connection(*own).provider == way.provider);
    let other = draft.way(tenant, Service::Vend, |way| !leads(way))?;
    draft.vended_before(other);
    let mut call = draft.token_of(tenant, key, other.provider);
    if draft.one_in(3) {
        call.carrier.headers.push(naming(other.connection));
    }
    draft.vend(call);
    Some(())
}

/// A connection that is the other app's alone, of a provider that this one is bound to or not.
fn app_key_sibling<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let tenant = draft.tenant();
    let key = draft.app_key(tenant)?;
    let bound = bound(draft.world, key);
    let world = draft.world;
    let is_siblings = |way: &Way| !way.own_key && !bound.contains(&way.connection);
    let has_its_provider = |way: &Way| bound.iter().any(|own| world.connection(*own).provider == way.provider);
    let any = draft.way(tenant, Service::Vend, is_siblings)?;
    let alike = draft.way(tenant, Service::Vend, |way| is_siblings(way) && has_its_provider(way)).unwrap_or(any);
    let theirs = draft.of(&[any, alike]);
    draft.vended_before(theirs);
    let ours = draft.way(tenant, Service::Vend, |way| way.key == key)?;
    draft.vended_before(ours);
    let mut call = draft.token_of(tenant, key, theirs.provider);
    let header = draft.foreign_name(theirs.connection, Some(ours.connection));
    call.carrier.headers.push(header);
    draft.vend(call);
    Some(())
}

fn app_key_foreign<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let (asker, owner) = draft.two_tenants();
    let (ours, theirs) = draft.ways_to_one(asker, owner, |way| !way.own_key)?;
    draft.vended_before(theirs);
    draft.vended_before(ours);
    let mut call = draft.token_of(asker, ours.key, ours.provider);
    let header = draft.foreign_name(theirs.connection, Some(ours.connection));
    call.carrier.headers.push(header);
    draft.vend(call);
    Some(())
}

/// A provider that the key doesn't open, or does, in a spelling that no provider has.
fn provider_spelling<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let tenant = draft.tenant();
    let theirs = draft.way(tenant, Service::Vend, |_| true)?;
    let key = draft.world.keys_where(|key| key.tenant == tenant && key.expires_at_s.is_none());
    let stranger = draft.among(&key)?;
    let key = draft.of(&[theirs.key, stranger, stranger]);
    draft.vended_before(theirs);
    let provider = theirs.provider;
    let other = draft.way(tenant, Service::Vend, |way| way.key == key).map_or(provider, |way| way.provider);
    let ask = match draft.of(&[0, 0, 1, 2]) {
        0 => VendAsk::One { provider, spelling: draft.of(&SlugSpelling::ALL) },
        1 => VendAsk::Env { provider, spelling: draft.of(&EnvSpelling::ALL) },
        // Beside one that the key does open.
        _ => VendAsk::Bulk {
            items: vec![BulkItem::Upper(provider), BulkItem::Provider(other), BulkItem::Upper(other)],
            spelling: BulkSpelling::Plain,
        },
    };
    let call = draft.token_of(tenant, key, provider);
    draft.vend(VendCall { ask, ..call });
    Some(())
}

/// Two askings of one shape, of which one names a connection that is there.
fn absent_against_foreign<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let (asker, owner) = draft.two_tenants();
    let (ours, theirs) = draft.ways_to_one(asker, owner, |way| !way.own_key)?;
    draft.vended_before(theirs);
    let shape = draft.token_of(asker, ours.key, ours.provider);
    let naming = |which| {
        let mut call = shape.clone();
        call.carrier.headers.push(EdgeHeader::Connection { which, spelling: ConnectionSpelling::Plain });
        call
    };
    let foreign = naming(NamedConnection::Of(theirs.connection));
    let absent = naming(draft.of(&[
        NamedConnection::Unknown,
        NamedConnection::Unknown,
        NamedConnection::Malformed,
        NamedConnection::Empty,
        NamedConnection::OtherCase(ours.connection),
        NamedConnection::External(ours.connection),
    ]));
    let (first, second) = if draft.one_in(2) { (foreign, absent) } else { (absent, foreign) };
    draft.vend(first);
    draft.vend(second);
    Some(())
}

fn unbound_between<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let way = draft.any_way(Service::Vend, |way| !way.own_key)?;
    let Grant::App(app) = draft.world.key(way.key).grant else { return None };
    let (actor, app) = (named(way.tenant), named(app));
    // Warm in most tries: what was kept of the binding is what would still lead there.
    draft.vended_before(way);
    draft.vended_before(way);
    draft.operate(EdgeControl::Unbind { actor, app, connection: way.connection });
    if draft.one_in(4) {
        // Bound again it is the youngest, and it goes once more.
        draft.operate(EdgeControl::Bind { actor, app, connection: way.connection, url: None });
        draft.vended_before(way);
        draft.operate(EdgeControl::Unbind { actor, app, connection: way.connection });
    }
    // Another app's binding to it opens nothing here.
    let which = usize::from(draft.world.app_of_tenant(way.tenant, 0) == Some(app));
    let sibling = draft.world.app_of_tenant(way.tenant, which)?;
    if draft.one_in(4) && !draft.world.bound_to(sibling).contains(&way.connection) {
        draft.operate(EdgeControl::Bind { actor, app: sibling, connection: way.connection, url: None });
    }
    let call = draft.token(way);
    draft.vend(call);
    Some(())
}

/// The connections that the app of a key is bound to.
fn bound(world: &World, key: u8) -> Vec<u8> {
    match world.key(key).grant {
        Grant::App(app) => world.bound_to(named(app)),
        Grant::Connection(_) => Vec::new(),
    }
}
