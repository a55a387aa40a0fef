//! PRX-4: a key that was issued for one thing and is used for another, or after that thing has ended.

use super::draft::{Draft, row};
use super::edge_draft::{RouteKind, Service, Way, named, ways};
use super::edge_pair::{naming, over_http1, presenting};
use crate::action::Action;
use crate::action::edge::control::ConnectionStatus;
use crate::action::edge::header::{ConnectionSpelling, NamedConnection};
use crate::action::edge::provider::{ComposioAction, Route};
use crate::action::edge::{EdgeCall, EdgeControl, Presented, ProviderCall};
use crate::choose::Choose;
use crate::world::World;
use crate::world::edge::{Connection, Grant, Provider};

/// Longer than the store keeps a connection's record.
const STORE_FORGETS_S: u32 = 61;

/// Spellings that are the plain field.
const PLAIN: [ConnectionSpelling; 2] = [ConnectionSpelling::Plain, ConnectionSpelling::Upper];

/// Whose connection is named, seen from a key's tenant.
#[derive(Clone, Copy)]
enum Whose {
    /// Of the same tenant, and not open to the key.
    Sibling,
    /// Of another tenant.
    Foreign,
}

const NAMED: &[(&str, (bool, Whose))] = &[
    ("connection-key-other-connection", (true, Whose::Sibling)),
    ("connection-key-foreign", (true, Whose::Foreign)),
    ("app-key-sibling-connection", (false, Whose::Sibling)),
    ("app-key-foreign-connection", (false, Whose::Foreign)),
];

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    if let Some((own_key, whose)) = row(NAMED, name) {
        return name_another(draft, own_key, whose);
    }
    match name {
        "connection-key-other-provider" => other_provider(draft),
        "app-key-unbound" => unbound(draft),
        "absent-against-foreign" => absent_against_foreign(draft),
        "connection-header-spelling" => header_spelling(draft),
        "needs-reauth" => needs_reauth(draft),
        "revoked" => revoked(draft),
        "unbound-between" => unbound_between(draft),
        _ => None,
    }
}

fn other_provider<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let world = draft.world;
    let tenant = draft.tenant();
    let keys = world.keys_where(|key| key.tenant == tenant && matches!(key.grant, Grant::Connection(_)));
    let key = draft.among(&keys)?;
    let Grant::Connection(own) = world.key(key).grant else { return None };
    let own = named(own);
    let to = world.connection(own).provider;
    // Mostly where the tenant has a connection all the same, so that only the key is wrong.
    let open = draft.way(tenant, Service::Proxy, |way| world.connection(way.connection).provider != to)?;
    let call = if draft.one_in(4) {
        let others: Vec<Provider> =
            Provider::ADAPTERS.into_iter().filter(|adapter| *adapter != to && *adapter != Provider::Composio).collect();
        let adapter = draft.among(&others)?;
        draft.asked(at(open, adapter), Route::main(adapter))
    } else {
        draft.perhaps_warm(open)?;
        draft.served(Way { named: false, own_key: false, ..open }, RouteKind::Any)?
    };
    let call = presenting(call, Presented::key(key));
    let spelling = draft.of(&PLAIN);
    let call = match draft.of(&[0_u8, 0, 1, 2]) {
        0 => call,
        // Its own, which is right for the key and wrong for the adapter.
        1 => naming(call, NamedConnection::Of(own), spelling),
        _ => naming(call, NamedConnection::Of(open.connection), spelling),
    };
    draft.proxied(call);
    Some(())
}

/// The call goes to another adapter than the way's, with no connection named.
const fn at(way: Way, adapter: Provider) -> Way {
    Way { provider: adapter, own_key: false, named: false, ..way }
}

/// A key, and the name of a connection that isn't open to it.
fn name_another<C: Choose>(draft: &mut Draft<'_, C>, own_key: bool, whose: Whose) -> Option<()> {
    let (own, other) = draft.two_tenants();
    draft.money(own, other);
    let way = draft.way(own, Service::Proxy, |way| way.own_key == own_key)?;
    let (call, theirs) = match whose {
        Whose::Sibling => sibling(draft, way)?,
        Whose::Foreign => {
            let theirs = draft.lookalike(way, other).or_else(|| any_of(draft, other))?;
            (draft.served(way, RouteKind::Any)?, theirs)
        }
    };
    if draft.one_in(3) {
        // Whoever the connection is open to has just used it.
        let tenant = draft.world.connection(theirs).tenant;
        if let Some(open) = draft.way(tenant, Service::Proxy, |way| way.connection == theirs) {
            draft.warm(open, RouteKind::Any)?;
        }
    }
    let which = match whose {
        Whose::Foreign if draft.one_in(5) => NamedConnection::OtherCase(way.connection),
        Whose::Sibling | Whose::Foreign => NamedConnection::Of(theirs),
    };
    let spelling = draft.of(&PLAIN);
    draft.proxied(naming(call, which, spelling));
    Some(())
}

fn any_of<C: Choose>(draft: &mut Draft<'_, C>, tenant: usize) -> Option<u8> {
    let all = draft.world.connections_where(|connection| connection.tenant == tenant);
    draft.among(&all)
}

/// A call by a way's key, and a connection of the tenant's that isn't open to that key: to the provider that is asked
/// wherever there is one.
fn sibling<C: Choose>(draft: &mut Draft<'_, C>, way: Way) -> Option<(ProviderCall, u8)> {
    let world = draft.world;
    let open: Vec<u8> = match world.key(way.key).grant {
        Grant::App(app) => world.bound_to(named(app)),
        Grant::Connection(_) => vec![way.connection],
    };
    let to = world.connection(way.connection).provider;
    let closed = |same: bool| {
        world.connections_where(|own| {
            own.tenant == way.tenant && (own.provider == to) == same && is_new(world, &open, own)
        })
    };
    let (alike, others) = (closed(true), closed(false));
    let theirs = if draft.one_in(4) { None } else { draft.among(&alike) };
    if let Some(theirs) = theirs {
        return Some((draft.served(way, RouteKind::Any)?, theirs));
    }
    let theirs = draft.among(&others).or_else(|| draft.among(&alike))?;
    // Asked at the connection's own adapter, if it has one, or at the key's.
    let its = world.connection(theirs).provider;
    if its.is_adapter() && draft.one_in(2) {
        return Some((draft.asked(at(way, its), Route::main(its)), theirs));
    }
    Some((draft.served(way, RouteKind::Any)?, theirs))
}

/// Whether a connection is none of those that are open.
fn is_new(world: &World, open: &[u8], connection: &Connection) -> bool {
    open.iter().all(|other| world.connection(*other).id != connection.id)
}

/// An app's key at a provider that the app has no usable connection to.
fn unbound<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let world = draft.world;
    let tenant = draft.tenant();
    let app = world.app_of_tenant(tenant, usize::from(draft.of(&[0_u8, 1])))?;
    let key = world.key_of_app(app)?;
    let open: Vec<Way> = ways(world, tenant, Service::Proxy).into_iter().filter(|way| way.key == key).collect();
    let closed: Vec<Provider> = Provider::ADAPTERS
        .into_iter()
        .filter(|adapter| *adapter != Provider::Composio && open.iter().all(|way| way.provider != *adapter))
        .collect();
    let way = draft.among(&open)?;
    let call = if draft.one_in(4) {
        let toolkits: Vec<ComposioAction> = [Provider::Notion, Provider::Discord, Provider::Slack, Provider::Openai]
            .into_iter()
            .filter(|toolkit| open.iter().all(|way| world.connection(way.connection).provider != *toolkit))
            .map(ComposioAction::Of)
            .chain([ComposioAction::UnknownToolkit])
            .collect();
        let action = draft.among(&toolkits)?;
        draft.asked(at(way, Provider::Composio), Route::Execute(action))
    } else {
        let adapter = draft.among(&closed)?;
        if draft.one_in(3) {
            // Another app, or another tenant, is connected and has just used it.
            if let Some(theirs) = draft.any_way(Service::Proxy, |way| way.provider == adapter) {
                draft.warm(theirs, RouteKind::Any)?;
            }
        }
        draft.asked(at(way, adapter), Route::main(adapter))
    };
    draft.proxied(call);
    Some(())
}

/// The same call with the name of a foreign connection and with names that are nobody's, in either order.
fn absent_against_foreign<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let (own, other) = draft.two_tenants();
    let way = draft.way(own, Service::Proxy, |way| !way.own_key)?;
    let theirs = draft.lookalike(way, other).or_else(|| any_of(draft, other))?;
    if draft.one_in(4) {
        // Whatever has become of it.
        let control = if draft.one_in(2) {
            EdgeControl::RevokeConnection { actor: named(other), connection: theirs }
        } else {
            EdgeControl::SetConnection { connection: theirs, status: ConnectionStatus::NeedsReauth }
        };
        draft.operate(control);
    }
    let call = draft.served(way, RouteKind::Any)?;
    let foreign = NamedConnection::Of(theirs);
    let absent = draft.of(&[
        NamedConnection::Unknown,
        NamedConnection::Unknown,
        NamedConnection::Malformed,
        NamedConnection::Empty,
        NamedConnection::External(way.connection),
        NamedConnection::External(theirs),
        NamedConnection::Traversal(way.connection),
        NamedConnection::Traversal(theirs),
    ]);
    let mut names = vec![foreign, absent];
    if draft.one_in(3) {
        let beside = draft.beside(way)?;
        names.insert(0, NamedConnection::Of(beside));
    }
    if draft.one_in(2) {
        names.reverse();
    }
    let calls = names.into_iter().map(|which| naming(call.clone(), which, ConnectionSpelling::Plain)).collect();
    draft.in_turn(calls);
    Some(())
}

fn header_spelling<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let (own, other) = draft.two_tenants();
    let way = draft.way(own, Service::Proxy, |_| true)?;
    let theirs = draft.lookalike(way, other).or_else(|| any_of(draft, other))?;
    let call = draft.served(way, RouteKind::Any)?;
    let mine = NamedConnection::Of(way.connection);
    if draft.one_in(5) {
        // No parser lets a folded field through, so what comes behind it is what reaches the chain.
        let mut folded = over_http1(naming(call.clone(), mine, ConnectionSpelling::Folded));
        folded.carrier.reuse = false;
        draft.proxied(folded);
    }
    let spelling = draft.of(&[
        ConnectionSpelling::Upper,
        ConnectionSpelling::Underscore,
        ConnectionSpelling::Twice,
        ConnectionSpelling::ThenOther(theirs),
        ConnectionSpelling::AfterOther(theirs),
        ConnectionSpelling::CommaList(theirs),
        ConnectionSpelling::Quoted,
    ]);
    // The foreign one alone, in a field that counts for nothing or is refused.
    let foreign = matches!(
        spelling,
        ConnectionSpelling::Upper
            | ConnectionSpelling::Underscore
            | ConnectionSpelling::Twice
            | ConnectionSpelling::Quoted
    ) && draft.one_in(2);
    let which = if foreign { NamedConnection::Of(theirs) } else { mine };
    draft.proxied(naming(call, which, spelling));
    Some(())
}

fn needs_reauth<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let tenant = draft.tenant();
    draft.fund(tenant);
    let way = draft.way(tenant, Service::Proxy, |_| true)?;
    let connection = way.connection;
    draft.perhaps_warm(way)?;
    // One that is broken at its provider is as little of use.
    let status = if draft.one_in(5) { ConnectionStatus::Error } else { ConnectionStatus::NeedsReauth };
    if draft.one_in(3) {
        draft.operate(EdgeControl::StaleConnection { connection, status });
        draft.perhaps_warm(way)?;
        draft.push(Action::Advance { seconds: STORE_FORGETS_S });
    } else {
        draft.operate(EdgeControl::SetConnection { connection, status });
    }
    if draft.one_in(3) {
        // What is well again is of use again, and what isn't stays refused.
        let active = ConnectionStatus::Active;
        draft.operate(EdgeControl::SetConnection { connection, status: active });
        draft.warm(way, RouteKind::Any)?;
        draft.operate(EdgeControl::SetConnection { connection, status });
    }
    draft.warm(way, RouteKind::Any)?;
    Some(())
}

fn revoked<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let tenant = draft.tenant();
    draft.fund(tenant);
    // An app's key is refused before the comparison, since the binding is gone; the connection's own key reaches it.
    let way = draft.way(tenant, Service::Proxy, |way| way.own_key)?;
    let connection = way.connection;
    draft.perhaps_warm(way)?;
    let call = draft.served(way, RouteKind::Any)?;
    let revoke = EdgeControl::RevokeConnection { actor: named(tenant), connection };
    if draft.one_in(4) {
        draft.while_under_way(EdgeCall::Provider(call.clone()), revoke);
    } else {
        draft.operate(revoke);
    }
    if draft.one_in(3) {
        let apps = draft.way(tenant, Service::Proxy, |other| other.connection == connection && !other.own_key);
        if let Some(apps) = apps {
            draft.warm(apps, RouteKind::Any)?;
        }
    }
    if draft.one_in(4) {
        draft.push(Action::Advance { seconds: STORE_FORGETS_S });
    }
    draft.proxied(call);
    Some(())
}

fn unbound_between<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let world = draft.world;
    let tenant = draft.tenant();
    draft.fund(tenant);
    let way = draft.way(tenant, Service::Proxy, |way| !way.own_key)?;
    let Grant::App(app) = world.key(way.key).grant else { return None };
    let call = draft.served(way, RouteKind::Any)?;
    let spelling = draft.of(&PLAIN);
    // By its name, or as the one that comes first: then the next one serves, if there is one.
    let call = if draft.one_in(2) { naming(call, NamedConnection::Of(way.connection), spelling) } else { call };
    let unbind = EdgeControl::Unbind { actor: named(tenant), app: named(app), connection: way.connection };
    let mut again = call.clone();
    if draft.one_in(3) {
        draft.while_under_way(EdgeCall::Provider(call), unbind);
    } else {
        draft.proxied(call);
        draft.operate(unbind);
    }
    again.carrier.reuse = draft.one_in(2);
    draft.proxied(again);
    Some(())
}
