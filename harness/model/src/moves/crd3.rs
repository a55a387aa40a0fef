//! CRD-3: answers, errors, headers and logs that could hold what never leaves the credentials worker.
//!
//! The attacker may ask by right: what is tried is what comes along with the answer.

use super::draft::Draft;
use super::edge_draft::{Service, Way, named};
use super::vend_draft::naming;
use crate::action::edge::control::ConnectionStatus;
use crate::action::edge::vend::{BrokerReply, BulkItem, BulkSpelling, SlugSpelling, VendAsk};
use crate::action::edge::{EdgeControl, VendCall};
use crate::choose::Choose;
use crate::world::edge::{ConnectionProfile, Grant, Provider};

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    match name {
        "good-answer" => {
            let way = draft.any_way(Service::Vend, |_| true)?;
            draft.vended_before(way);
            let call = draft.token(way);
            let broker = draft.of(&[call.broker, BrokerReply::WithHeaders]);
            draft.vend(VendCall { broker, ..call });
        }
        "error-answer" => error_answer(draft)?,
        "broker-error" => broker_error(draft)?,
        "not-vended" => not_vended(draft)?,
        "log" => log(draft)?,
        "headers" => {
            let way = draft.managed_way()?;
            draft.vended_before(way);
            if draft.one_in(2) {
                draft.pass(&[61, 3601]);
            }
            let call = draft.token(way);
            draft.vend(VendCall { broker: BrokerReply::WithHeaders, ..call });
        }
        _ => return None,
    }
    Some(())
}

/// Every kind of error once, then one of many for which a token was nearly given.
fn error_answer<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let way = draft.managed_way()?;
    draft.vended_before(way);
    for _ in 0..draft.of(&[0, 1, 2]) {
        an_error(draft, way)?;
    }
    let call = draft.token(way);
    if draft.one_in(3) {
        // Beside good ones: in a list an error is a null.
        let ask = draft.bulk(way.provider);
        draft.vend(VendCall { ask, ..call });
    } else {
        // What is kept would answer without the broker.
        draft.pass(&[3601, 40_000]);
        let broker = draft.of(&BrokerReply::BROKEN);
        draft.vend(VendCall { broker, ..call });
    }
    Some(())
}

/// An error of the worker's own, for somebody whose key is good.
fn an_error<C: Choose>(draft: &mut Draft<'_, C>, way: Way) -> Option<()> {
    let stranger = draft.other_tenant(way.tenant);
    let theirs = draft.way(stranger, Service::Vend, |other| other.provider == way.provider)?;
    let unsupported = draft.of(&[Provider::Anthropic, Provider::Github, Provider::Telegram]);
    let mut call = draft.token_of(way.tenant, way.key, way.provider);
    match draft.of(&[0, 1, 2, 3]) {
        0 => call.carrier.headers.push(naming(theirs.connection)),
        1 => call.ask = VendAsk::One { provider: unsupported, spelling: SlugSpelling::Plain },
        2 => call.ask = VendAsk::One { provider: way.provider, spelling: draft.of(&SlugSpelling::ALL) },
        _ => {
            let status = draft.of(&[ConnectionStatus::NeedsReauth, ConnectionStatus::Error]);
            let connection = way.connection;
            draft.operate(EdgeControl::SetConnection { connection, status });
            draft.vend(call);
            draft.operate(EdgeControl::SetConnection { connection, status: ConnectionStatus::Active });
            return Some(());
        }
    }
    draft.vend(call);
    Some(())
}

/// Cold, or when what was kept has ended: then nothing old may stand in for what the broker doesn't give.
fn broker_error<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let way = draft.managed_way()?;
    if draft.one_in(2) {
        let kept = draft.token(way);
        let expires_in_s = Some(90);
        draft.vend(VendCall { broker: BrokerReply::Token { expires_in_s }, ..kept });
        // In the second in which it ends, or behind it.
        draft.pass(&[30, 31, 90, 3601]);
    }
    if draft.one_in(3) {
        let call = draft.token(way);
        let broker = draft.of(&BrokerReply::BROKEN);
        draft.vend(VendCall { broker, ..call });
    }
    let call = draft.token(way);
    let broker = draft.of(&BrokerReply::BROKEN);
    draft.vend(VendCall { broker, ..call });
    Some(())
}

/// Pooled, inbound and a user's own: by an app's key and, where there is one, by the connection's.
fn not_vended<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let world = draft.world;
    let never = |profile| {
        matches!(
            profile,
            ConnectionProfile::VendoManagedPool | ConnectionProfile::WebhookInbound | ConnectionProfile::UserOauth
        )
    };
    let connections = world.connections_where(|own| never(own.profile));
    let connection = draft.among(&connections)?;
    let own = world.connection(connection);
    let index = world.edge.connection_index(connection);
    let bound: Vec<usize> =
        world.edge.bindings.iter().filter(|(_, bound)| *bound == index).map(|(app, _)| *app).collect();
    let keys = world.keys_where(|key| match key.grant {
        Grant::App(app) => bound.contains(&app) && key.expires_at_s.is_none(),
        Grant::Connection(locked) => locked == index,
    });
    let key = draft.among(&keys)?;
    let mut call = draft.token_of(own.tenant, key, own.provider);
    if draft.one_in(3) {
        call.carrier.headers.push(naming(connection));
    }
    if draft.one_in(3) {
        // Beside one that is.
        let vended = draft.way(own.tenant, Service::Vend, |way| way.key == key).map(|way| way.provider);
        let items = [Some(own.provider), vended].into_iter().flatten().map(BulkItem::Provider).collect();
        call.ask = VendAsk::Bulk { items, spelling: BulkSpelling::Plain };
    }
    draft.vend(call);
    Some(())
}

/// Good answers and errors in turn, so that every kind of line is written.
fn log<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let way = draft.any_way(Service::Vend, |_| true)?;
    let managed = draft.managed_way()?;
    an_error(draft, managed)?;
    if draft.one_in(2) {
        let call = draft.token(managed);
        let broker = draft.of(&BrokerReply::BROKEN);
        draft.vend(VendCall { broker, ..call });
    }
    if draft.one_in(2) {
        let call = draft.token(way);
        let presented = draft.unknown_key(way.key);
        draft.vend(VendCall { presented, ..call });
    }
    if draft.one_in(3) && draft.world.connection(way.connection).credential.is_some() {
        draft.operate(EdgeControl::ReplaceCredential { connection: way.connection });
    }
    if draft.one_in(3) {
        draft.operate(EdgeControl::ListKeys { actor: named(way.tenant) });
    }
    let call = draft.token(way);
    draft.vend(call);
    Some(())
}

impl<C: Choose> Draft<'_, C> {
    /// A way to a connection whose token the broker gives.
    fn managed_way(&mut self) -> Option<Way> {
        let world = self.world;
        let managed = |way: &Way| world.connection(way.connection).profile == ConnectionProfile::ComposioManaged;
        self.any_way(Service::Vend, managed)
    }
}
