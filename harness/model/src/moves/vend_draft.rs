//! What moves at the credentials worker are drawn with: tokens that are asked for by the way that is open, or with a key
//! that opens none, and names for what belongs to somebody else.

use super::draft::Draft;
use super::edge_draft::{Service, Way, ways};
use crate::action::edge::header::{ConnectionSpelling, NamedConnection};
use crate::action::edge::vend::{BrokerReply, BulkItem, BulkSpelling, EnvSpelling, SlugSpelling, VendAsk};
use crate::action::edge::{EdgeCall, EdgeHeader, VendCall};
use crate::choose::Choose;
use crate::world::edge::Provider;

/// `X-Vendo-Connection` with a connection's id.
pub(super) const fn naming(connection: u8) -> EdgeHeader {
    EdgeHeader::Connection { which: NamedConnection::Of(connection), spelling: ConnectionSpelling::Plain }
}

impl<C: Choose> Draft<'_, C> {
    /// A way of one tenant's that fits, and one of another's to the same provider.
    pub(super) fn ways_to_one(
        &mut self,
        first: usize,
        second: usize,
        fits: impl Fn(&Way) -> bool,
    ) -> Option<(Way, Way)> {
        let theirs = ways(self.world, second, Service::Vend);
        let is_theirs = |way: &Way| theirs.iter().any(|other| other.provider == way.provider);
        let ours = self.way(first, Service::Vend, |way| fits(way) && is_theirs(way))?;
        let theirs = self.way(second, Service::Vend, |way| way.provider == ours.provider)?;
        Some((ours, theirs))
    }

    /// A tenant's key to one of its apps that has neither caps nor an end.
    pub(super) fn app_key(&mut self, tenant: usize) -> Option<u8> {
        let which = usize::from(self.of(&[0_u8, 1]));
        let app = self.world.app_of_tenant(tenant, which)?;
        self.world.key_of_app(app)
    }

    /// A token asked for by a way that is open, in any of the ways in which tokens are asked for.
    pub(super) fn token(&mut self, way: Way) -> VendCall {
        let call = self.vended(way);
        let ask = self.vend_ask(way.provider);
        VendCall { ask, broker: self.broker(), ..call }
    }

    /// A provider's token asked for with a key, whatever the key opens.
    pub(super) fn token_of(&mut self, tenant: usize, key: u8, provider: Provider) -> VendCall {
        VendCall {
            carrier: self.carrier(),
            presented: self.presented(key),
            ask: self.vend_ask(provider),
            broker: self.broker(),
            ..VendCall::plain(self.sender(tenant), key, provider)
        }
    }

    /// The same, and no other token with it.
    pub(super) fn sole_token(&mut self, way: Way) -> VendCall {
        let call = self.vended(way);
        let ask = self.sole_ask(way.provider);
        VendCall { ask, broker: self.broker(), ..call }
    }

    /// By its slug, by its variable, or among others.
    pub(super) fn vend_ask(&mut self, provider: Provider) -> VendAsk {
        if self.one_in(6) { self.bulk(provider) } else { self.sole_ask(provider) }
    }

    /// By its slug or by its variable.
    fn sole_ask(&mut self, provider: Provider) -> VendAsk {
        match self.of(&[0, 0, 0, 1, 2]) {
            0 => VendAsk::One { provider, spelling: SlugSpelling::Plain },
            1 => VendAsk::One { provider, spelling: SlugSpelling::Query },
            _ => VendAsk::Env { provider, spelling: EnvSpelling::Plain },
        }
    }

    /// Among others: own ones, foreign ones, ones that nobody has.
    pub(super) fn bulk(&mut self, provider: Provider) -> VendAsk {
        let mut items = vec![BulkItem::Provider(provider)];
        for _ in 0..self.of(&[0, 1, 2, 4]) {
            let other = self.of(&Provider::ALL);
            let item = self.of(&[
                BulkItem::Provider(other),
                BulkItem::Provider(other),
                BulkItem::Provider(provider),
                BulkItem::Upper(other),
                BulkItem::Unknown,
            ]);
            let at = usize::from(self.index(items.len() + 1)).min(items.len());
            items.insert(at, item);
        }
        VendAsk::Bulk { items, spelling: self.of(&[BulkSpelling::Plain, BulkSpelling::Plain, BulkSpelling::Among]) }
    }

    /// One of the broker's good answers: kept long, kept for a while, too short to be kept.
    pub(super) fn broker(&mut self) -> BrokerReply {
        self.of(&[
            BrokerReply::plain(),
            BrokerReply::plain(),
            BrokerReply::Token { expires_in_s: Some(3600) },
            BrokerReply::Token { expires_in_s: Some(90) },
            BrokerReply::Token { expires_in_s: Some(61) },
            BrokerReply::Token { expires_in_s: Some(45) },
        ])
    }

    /// A name for a connection of somebody else's, alone or beside an own one.
    pub(super) fn foreign_name(&mut self, foreign: u8, own: Option<u8>) -> EdgeHeader {
        let which = self.of(&[
            NamedConnection::Of(foreign),
            NamedConnection::Of(foreign),
            NamedConnection::Of(foreign),
            NamedConnection::OtherCase(foreign),
            NamedConnection::External(foreign),
            NamedConnection::Traversal(foreign),
        ]);
        let alone = [
            ConnectionSpelling::Plain,
            ConnectionSpelling::Plain,
            ConnectionSpelling::Upper,
            ConnectionSpelling::Twice,
            ConnectionSpelling::Quoted,
        ];
        let spelling = match own {
            Some(own) if self.one_in(3) => self.of(&[
                ConnectionSpelling::ThenOther(own),
                ConnectionSpelling::AfterOther(own),
                ConnectionSpelling::CommaList(own),
            ]),
            Some(_) | None => self.of(&alone),
        };
        EdgeHeader::Connection { which, spelling }
    }

    pub(super) fn vend(&mut self, call: VendCall) {
        self.call(EdgeCall::Vend(call));
    }

    /// In half of the tries he to whom a way is open has asked by it before.
    pub(super) fn vended_before(&mut self, way: Way) {
        if self.one_in(2) {
            let call = self.token(way);
            self.vend(call);
        }
    }
}
