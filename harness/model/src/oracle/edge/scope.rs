//! What a key's call may use, and why not: the readings of a state, the user that a token narrows to, the reason behind a
//! missing binding, the records that may be looked up.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::chain::{ChainRefusal, Named, Question, connection_of, named, status_of};
use super::key::KeyRefusal;
use super::why::Why;
use crate::action::Status;
use crate::action::edge::header::{ConnectionSpelling, UserToken, UserTokenAlteration};
use crate::action::edge::key::{BadBearer, KeyRef};
use crate::action::edge::{EdgeHeader, Presented};
use crate::render::edge::call::sha256_hex;
use crate::render::edge::key::key_text;
use crate::state::State;
use crate::state::edge::KeyState;
use crate::world::World;
use crate::world::edge::{Grant, Provider};

/// The states that a worker may take a state for: with the connections' rows in the place of what the key-value store
/// still has, and with the keys ended of a deployment that has the status of a destroyed one without a teardown.
#[must_use]
pub fn readings<'s>(world: &World, state: &'s State) -> Vec<Cow<'s, State>> {
    let mut readings = vec![Cow::Borrowed(state)];
    let stale = (0..state.edge.connections.len()).any(|at| {
        state.edge.connections.get(at).is_some_and(|own| own.status != status_of(&state.edge, state.now_s, at))
    });
    if stale {
        let mut by_row = state.clone();
        for connection in &mut by_row.edge.connections {
            connection.stored = None;
        }
        readings.push(Cow::Owned(by_row));
    }
    let destroyed = |app: usize| {
        let deployment = world.edge.apps.get(app).and_then(|own| own.deployment);
        let now = deployment.and_then(|deployment| state.deployments.get(deployment));
        now.is_some_and(|now| now.status == Status::Destroyed && !now.torn_down)
    };
    let ends = |key: &KeyState| matches!(key.grant, Grant::App(app) if destroyed(app)) && !key.revoked;
    if state.edge.keys.iter().any(ends) {
        let mut ended: Vec<Cow<'s, State>> = Vec::new();
        for reading in &readings {
            let mut without = reading.clone().into_owned();
            for key in without.edge.keys.iter_mut().filter(|key| ends(key)) {
                key.revoked = true;
            }
            ended.push(Cow::Owned(without));
        }
        readings.extend(ended);
    }
    readings
}

impl KeyRefusal {
    /// Why the call is refused then.
    #[must_use]
    pub const fn why(self) -> Why {
        match self {
            Self::Unknown => Why::NoKey,
            Self::Revoked => Why::KeyRevoked,
            Self::Expired => Why::KeyExpired,
        }
    }
}

/// The record that may be looked up for what a call presents, if that has the form of a key.
#[must_use]
pub fn key_record(world: &World, state: &State, presented: Presented) -> Option<String> {
    let well_formed = match presented.key {
        KeyRef::Key(_) | KeyRef::Issued(_) | KeyRef::NeverIssued => true,
        KeyRef::Malformed { kind, .. } => matches!(kind, BadBearer::OtherCase | BadBearer::Altered),
        KeyRef::HashOf(_) | KeyRef::PrefixOf(_) | KeyRef::None => false,
    };
    let text = key_text(world, state, presented.key).filter(|_| well_formed)?;
    Some(format!("key:{}", sha256_hex(text.as_bytes())))
}

/// Whether a header line of the call breaks the syntax of HTTP.
#[must_use]
pub fn breaks_syntax(headers: &[EdgeHeader]) -> bool {
    headers.iter().any(|header| matches!(header, EdgeHeader::Connection { spelling: ConnectionSpelling::Folded, .. }))
}

/// The connections that a call may use, by its key and its headers.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The world.
    pub world: &'a World,
    /// The state.
    pub state: &'a State,
    /// The key, by its index in the state.
    pub key: usize,
    /// The headers.
    pub headers: &'a [EdgeHeader],
    /// Whether a user's token narrows it.
    pub by_user: bool,
}

impl<'a> Scope<'a> {
    /// The connection to a provider that the call uses.
    ///
    /// # Errors
    /// The refusal, and what is behind it.
    pub fn connection(self, provider: Provider) -> Result<usize, (ChainRefusal, Why)> {
        let question = Question {
            key: self.key,
            provider,
            named: named(self.world, self.headers),
            owner: if self.by_user { self.owner() } else { None },
        };
        let refused = |refusal| (refusal, self.why(refusal, question));
        connection_of(self.world, &self.state.edge, self.state.now_s, question).map_err(refused)
    }

    fn why(self, refusal: ChainRefusal, question: Question) -> Why {
        match refusal {
            ChainRefusal::NeedsReauth => Why::NeedsReauth,
            ChainRefusal::Revoked => Why::ConnectionRevoked,
            ChainRefusal::Broken => Why::ConnectionBroken,
            ChainRefusal::BindingMissing => self.missing(question),
        }
    }

    fn missing(self, question: Question) -> Why {
        let connections = &self.world.edge.connections;
        let Some(key) = self.state.edge.keys.get(self.key) else { return Why::NoKey };
        let of = |connection: usize| connections.get(connection);
        if let Named::One(Some(other)) = question.named
            && of(other).is_some_and(|own| own.tenant != key.tenant)
        {
            return Why::NamedForeign;
        }
        let open: Vec<usize> = match key.grant {
            Grant::Connection(own) => vec![own],
            Grant::App(_) => self.bound(key),
        };
        let open: Vec<usize> =
            open.into_iter().filter(|own| of(*own).is_some_and(|own| own.provider == question.provider)).collect();
        if open.is_empty() {
            return if matches!(key.grant, Grant::Connection(_)) { Why::OtherProvider } else { Why::Unbound };
        }
        match question.named {
            Named::Nothing => Why::NotHisUser,
            Named::One(Some(other)) if open.contains(&other) => Why::NotHisUser,
            Named::One(Some(_)) => Why::NamedOther,
            Named::One(None) | Named::Nonsense => Why::NamedNobody,
        }
    }

    fn bound(self, key: &KeyState) -> Vec<usize> {
        let Grant::App(app) = key.grant else { return Vec::new() };
        let own = self.state.edge.bindings.iter().filter(|(bound, _)| *bound == app);
        own.map(|(_, connection)| *connection).collect()
    }

    /// The member to whom a user's token narrows the call: none sent, one that counts, or one that doesn't.
    fn owner(self) -> Option<Option<usize>> {
        let tokens: Vec<UserToken> = self.headers.iter().filter_map(token_of).collect();
        match tokens.as_slice() {
            [] => None,
            [token] => Some(self.holder(*token)),
            _ => Some(None),
        }
    }

    fn holder(self, token: UserToken) -> Option<usize> {
        let tenant = self.state.edge.keys.get(self.key)?.tenant;
        let member = self.world.member(token.member);
        let claimed = match token.alteration {
            // What its user may write himself never counts.
            UserTokenAlteration::None | UserTokenAlteration::UserMetadataOther(_) => member.tenant,
            UserTokenAlteration::TenantOf(other) => usize::from(other) % self.world.tenants.len().max(1),
            UserTokenAlteration::Expired
            | UserTokenAlteration::ExpiresNow
            | UserTokenAlteration::ForeignKey
            | UserTokenAlteration::UnknownKid
            | UserTokenAlteration::NoKid
            | UserTokenAlteration::AlgNone
            | UserTokenAlteration::AlgHs256
            | UserTokenAlteration::NoAudience
            | UserTokenAlteration::OtherAudience
            | UserTokenAlteration::NoExpiry
            | UserTokenAlteration::UserMetadata
            | UserTokenAlteration::NoTenant
            | UserTokenAlteration::Stranger
            | UserTokenAlteration::NoSubject
            | UserTokenAlteration::AlteredSignature
            | UserTokenAlteration::AlteredPayload(_)
            | UserTokenAlteration::CutSignature
            | UserTokenAlteration::Empty
            | UserTokenAlteration::Twice
            | UserTokenAlteration::Underscore => return None,
        };
        // One person may be a member of both tenants.
        let is_member = self.world.members.iter().any(|own| own.tenant == tenant && own.user_id == member.user_id);
        (claimed == tenant && is_member).then(|| self.world.member_index(token.member))
    }

    /// The records that may be looked up for it besides the key's: the connections that the key opens, the one that it
    /// names, the balance of its tenant.
    #[must_use]
    pub fn records(self) -> BTreeSet<String> {
        let Some(key) = self.state.edge.keys.get(self.key) else { return BTreeSet::new() };
        let mut connections = match key.grant {
            Grant::Connection(own) => vec![own],
            Grant::App(_) => self.bound(key),
        };
        if let Named::One(Some(own)) = named(self.world, self.headers) {
            connections.push(own);
        }
        let connections = connections.into_iter().filter_map(|own| self.world.edge.connections.get(own));
        let tenant = self.world.tenants.get(key.tenant).map(|own| format!("balance:{}", own.id));
        connections.map(|own| format!("conn:{}", own.id)).chain(tenant).collect()
    }
}

/// The token in a header, if it is one that counts as such.
const fn token_of(header: &EdgeHeader) -> Option<UserToken> {
    match header {
        EdgeHeader::UserJwt(UserToken { alteration: UserTokenAlteration::Underscore, .. }) => None,
        EdgeHeader::UserJwt(token) => Some(*token),
        EdgeHeader::Connection { .. }
        | EdgeHeader::TenantNamed { .. }
        | EdgeHeader::OwnCredential(_)
        | EdgeHeader::KeyBeside { .. }
        | EdgeHeader::Partial(_)
        | EdgeHeader::ConnectedAccount(_)
        | EdgeHeader::SessionCookie(_)
        | EdgeHeader::App(_)
        | EdgeHeader::BearerElsewhere(_)
        | EdgeHeader::Forwarding { .. }
        | EdgeHeader::Edge(_)
        | EdgeHeader::Hint { .. }
        | EdgeHeader::Hop(_)
        | EdgeHeader::Nominate(_)
        | EdgeHeader::Origin
        | EdgeHeader::Referer
        | EdgeHeader::Envelope { .. } => None,
    }
}
