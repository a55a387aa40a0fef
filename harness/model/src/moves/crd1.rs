//! CRD-1: tokens of a tenant that are asked for with another's key, or with none.

use super::draft::Draft;
use super::edge_draft::{Service, Way, named, ways};
use super::vend_draft::naming;
use crate::action::edge::control::ConnectionStatus;
use crate::action::edge::header::{UserToken, UserTokenAlteration};
use crate::action::edge::{EdgeCall, EdgeControl, EdgeHeader, VendCall};
use crate::choose::Choose;
use crate::world::edge::{ConnectionProfile, Slot};

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    match name {
        "foreign-key" => foreign_key(draft),
        "foreign-connection-named" => foreign_connection_named(draft),
        "warm-cache" => warm_cache(draft),
        "same-external-account" => same_external_account(draft),
        "stale-connection" => stale_connection(draft),
        "needs-reauth" => needs_reauth(draft),
        "revoked" => revoked(draft),
        "user-token-widens" => user_token_widens(draft),
        "user-metadata" => user_metadata(draft),
        "no-key" => no_key(draft),
        "concurrent" => concurrent(draft),
        _ => None,
    }
}

/// A provider that the asker has no connection to at all, and somebody else has.
fn foreign_key<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let world = draft.world;
    let has =
        |tenant, provider| world.connection_where(|own| own.tenant == tenant && own.provider == provider).is_some();
    let count = world.tenants.len();
    // Two tenants may well be connected to the same ones.
    let pairs: Vec<(usize, usize)> = (0..count)
        .flat_map(|asker| (0..count).map(move |owner| (asker, owner)))
        .filter(|(asker, owner)| ways(world, *owner, Service::Vend).iter().any(|way| !has(*asker, way.provider)))
        .collect();
    let (asker, owner) = draft.among(&pairs)?;
    let way = draft.way(owner, Service::Vend, |way| !has(asker, way.provider))?;
    draft.vended_before(way);
    let key = draft.app_key(asker)?;
    let mut call = draft.token_of(asker, key, way.provider);
    if draft.one_in(3) {
        call.carrier.headers.push(naming(way.connection));
    }
    draft.vend(call);
    Some(())
}

fn foreign_connection_named<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let (asker, owner) = draft.two_tenants();
    let theirs = draft.way(owner, Service::Vend, |_| true)?;
    // In most tries the asker has a connection to that provider himself, in some he has none.
    let ours = draft.way(asker, Service::Vend, |own| own.provider == theirs.provider && !own.own_key);
    draft.vended_before(theirs);
    if let Some(ours) = ours {
        draft.vended_before(ours);
    }
    let key = match ours {
        Some(ours) => ours.key,
        None => draft.app_key(asker)?,
    };
    let mut call = draft.token_of(asker, key, theirs.provider);
    let header = draft.foreign_name(theirs.connection, ours.map(|own| own.connection));
    call.carrier.headers.push(header);
    draft.vend(call);
    Some(())
}

/// The asker gets his own token, whatever the owner of another one was given just before.
fn warm_cache<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let (asker, owner) = draft.two_tenants();
    let any = draft.one_in(4);
    let world = draft.world;
    let kept = |way: &Way| any || world.connection(way.connection).profile == ConnectionProfile::ComposioManaged;
    let (ours, theirs) = draft.ways_to_one(asker, owner, kept)?;
    if draft.one_in(3) {
        draft.vended_before(ours);
    }
    for _ in 0..draft.of(&[1, 1, 2]) {
        let call = draft.token(theirs);
        draft.vend(call);
    }
    if draft.one_in(3) {
        let mut call = draft.token_of(asker, ours.key, ours.provider);
        call.carrier.headers.push(naming(theirs.connection));
        draft.vend(call);
    }
    if draft.one_in(3) {
        draft.pass(&[1, 29, 60, 3000]);
    }
    let call = draft.token(ours);
    draft.vend(call);
    Some(())
}

/// Two tenants whose connections are to one external account: each gets the token of his own connection.
fn same_external_account<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let world = draft.world;
    let shared = |way: &Way| world.connection(way.connection).slot == Slot::Notion;
    let first = draft.way(0, Service::Vend, shared)?;
    let second = draft.way(1, Service::Vend, shared)?;
    let (first, second) = draft.of(&[(first, second), (second, first)]);
    draft.vended_before(second);
    let call = draft.token(first);
    draft.vend(call);
    if draft.one_in(3) {
        // What becomes of one of the two is nothing to the other.
        draft.operate(EdgeControl::RevokeConnection { actor: named(first.tenant), connection: first.connection });
    }
    if draft.one_in(3) {
        draft.pass(&[1, 29, 60, 3000]);
    }
    let call = draft.token(second);
    draft.vend(call);
    Some(())
}

fn stale_connection<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    const GONE: [ConnectionStatus; 3] =
        [ConnectionStatus::NeedsReauth, ConnectionStatus::Revoked, ConnectionStatus::Error];
    let way = draft.any_way(Service::Vend, |_| true)?;
    let connection = way.connection;
    draft.vended_before(way);
    if draft.one_in(4) {
        // The other way round: the row serves again, and the store doesn't know it yet.
        let status = draft.of(&[ConnectionStatus::NeedsReauth, ConnectionStatus::Error]);
        draft.operate(EdgeControl::SetConnection { connection, status });
        draft.vended_before(way);
        draft.operate(EdgeControl::StaleConnection { connection, status: ConnectionStatus::Active });
    } else {
        let status = draft.of(&GONE);
        draft.operate(EdgeControl::StaleConnection { connection, status });
    }
    if draft.one_in(2) {
        // Before the store's copy ends, in the second in which it does, and behind it.
        draft.pass(&[1, 59, 60, 61]);
    }
    let call = draft.token(way);
    draft.vend(call);
    Some(())
}

fn needs_reauth<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let way = draft.any_way(Service::Vend, |_| true)?;
    let connection = way.connection;
    draft.vended_before(way);
    draft.operate(EdgeControl::SetConnection { connection, status: ConnectionStatus::NeedsReauth });
    if draft.one_in(3) {
        // Given anew, used, and needed once more.
        draft.vended_before(way);
        draft.operate(EdgeControl::SetConnection { connection, status: ConnectionStatus::Active });
        draft.vended_before(way);
        draft.operate(EdgeControl::SetConnection { connection, status: ConnectionStatus::NeedsReauth });
    }
    let call = draft.token(way);
    draft.vend(call);
    Some(())
}

/// By the connection's own key: the keys of apps have lost the bindings that led there.
fn revoked<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let way = draft.any_way(Service::Vend, |way| way.own_key)?;
    let by_app = draft.way(way.tenant, Service::Vend, |other| other.connection == way.connection && !other.own_key);
    draft.vended_before(way);
    if let Some(by_app) = by_app {
        draft.vended_before(by_app);
    }
    let actor = named(way.tenant);
    draft.operate(EdgeControl::RevokeConnection { actor, connection: way.connection });
    if let Some(by_app) = by_app {
        draft.vended_before(by_app);
    }
    if draft.one_in(3) {
        // Until the store's copy of it has ended.
        draft.pass(&[1, 60, 61]);
    }
    let call = draft.token(way);
    draft.vend(call);
    Some(())
}

/// A user's token narrows; another tenant's user, or one that isn't his, opens nothing.
fn user_token_widens<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let (asker, owner) = draft.two_tenants();
    // Those of the owned ones are what a token narrows to.
    let owned = !draft.one_in(4);
    let world = draft.world;
    let fits = |way: &Way| owned == world.connection(way.connection).user.is_some();
    let ways = draft.ways_to_one(asker, owner, fits)?;
    let foreigner = draft.sender(owner);
    let (own, colleague) = (draft.sender(asker), draft.sender(asker));
    let stranger = UserTokenAlteration::TenantOf(named(asker));
    let alteration = draft.of(&UserTokenAlteration::ALONE);
    let tokens = [
        (foreigner, UserTokenAlteration::None),
        (foreigner, UserTokenAlteration::None),
        (foreigner, stranger),
        (foreigner, alteration),
        (own, UserTokenAlteration::TenantOf(named(owner))),
        (own, UserTokenAlteration::AlteredPayload(foreigner)),
        (own, UserTokenAlteration::AlteredPayload(colleague)),
        (own, alteration),
    ];
    let (member, alteration) = draft.of(&tokens);
    narrowed(draft, ways, UserToken { member, alteration });
    Some(())
}

/// A person who is a member of both tenants has a token of each, and writes into one of them what the other says.
fn user_metadata<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let (asker, owner) = draft.two_tenants();
    let world = draft.world;
    let persons = |tenant| world.members.iter().filter(move |own| own.tenant == tenant).map(|own| &own.user_id);
    let is_of_both =
        |person: &String| persons(asker).any(|own| own == person) && persons(owner).any(|own| own == person);
    // What his own token of the asker's tenant would open.
    let fits = |way: &Way| match world.connection(way.connection).user {
        Some(user) => world.members.get(user).is_some_and(|own| is_of_both(&own.user_id)),
        None => true,
    };
    let ways = draft.ways_to_one(asker, owner, fits)?;
    let (tenant, other) = draft.of(&[(owner, asker), (owner, asker), (owner, asker), (asker, owner)]);
    let member = draft.member_where(|own| own.tenant == tenant && is_of_both(&own.user_id))?;
    narrowed(draft, ways, UserToken { member, alteration: UserTokenAlteration::UserMetadataOther(named(other)) });
    Some(())
}

/// Asks by the first way with a user's token, after both ways have been gone.
fn narrowed<C: Choose>(draft: &mut Draft<'_, C>, (ours, theirs): (Way, Way), token: UserToken) {
    draft.vended_before(theirs);
    draft.vended_before(ours);
    let mut call = draft.token_of(ours.tenant, ours.key, ours.provider);
    call.carrier.headers.push(EdgeHeader::UserJwt(token));
    // What the token is to open besides may be named as well.
    let which = draft.of(&[None, None, Some(ours.connection), Some(theirs.connection)]);
    call.carrier.headers.extend(which.map(naming));
    draft.vend(call);
}

fn no_key<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let way = draft.any_way(Service::Vend, |_| true)?;
    draft.vended_before(way);
    let call = draft.token(way);
    let presented = draft.no_good_key(way.tenant, way.key)?;
    draft.vend(VendCall { presented, ..call });
    Some(())
}

fn concurrent<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let (first, second) = draft.two_tenants();
    let world = draft.world;
    let kept = |way: &Way| world.connection(way.connection).profile == ConnectionProfile::ComposioManaged;
    let any = draft.one_in(3);
    let (ours, theirs) = draft.ways_to_one(first, second, |way| any || kept(way))?;
    draft.vended_before(ours);
    let mut asked = vec![ours, theirs];
    for tenant in [first, second].into_iter().take(draft.of(&[0, 1, 2])) {
        // Which of two answers for one connection is kept would be anybody's guess.
        let more = draft.way(tenant, Service::Vend, |way| asked.iter().all(|own| own.connection != way.connection))?;
        asked.push(more);
    }
    let mut calls: Vec<VendCall> = asked.into_iter().map(|way| draft.sole_token(way)).collect();
    if draft.one_in(2) {
        calls.reverse();
    }
    draft.at_once(calls.into_iter().map(EdgeCall::Vend).collect());
    Some(())
}
