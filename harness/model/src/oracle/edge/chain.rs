//! The chain from a key over bindings to the one connection that a call uses. Computed from the world's ground truth: whose
//! key it is, what was bound in which order, and what the call's headers were meant to name.

use crate::action::edge::EdgeHeader;
use crate::action::edge::control::ConnectionStatus;
use crate::action::edge::header::{ConnectionSpelling, NamedConnection};
use crate::state::edge::{CONNECTION_LIFETIME_S, EdgeState};
use crate::world::World;
use crate::world::edge::{Grant, Provider};

/// Why no connection is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChainRefusal {
    /// Nothing that the key opens is meant: 403, and nobody learns why.
    BindingMissing,
    /// 401
    NeedsReauth,
    /// 403
    Revoked,
    /// 502
    Broken,
}

impl ChainRefusal {
    /// The status that is answered.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BindingMissing | Self::Revoked => 403,
            Self::NeedsReauth => 401,
            Self::Broken => 502,
        }
    }

    /// The value of `Vendo-Error-Code`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::BindingMissing => "binding_missing",
            Self::NeedsReauth => "connection_needs_reauth",
            Self::Revoked => "connection_revoked",
            Self::Broken => "upstream_error",
        }
    }
}

/// What a call's headers name for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// Nothing.
    Nothing,
    /// An id: a connection's, by its index, or nobody's.
    One(Option<usize>),
    /// More than one, or what is no id.
    Nonsense,
}

/// What `X-Vendo-Connection` names, over all headers of a call.
#[must_use]
pub fn named(world: &World, headers: &[EdgeHeader]) -> Named {
    let mut found = Named::Nothing;
    for header in headers {
        let EdgeHeader::Connection { which, spelling } = header else { continue };
        let one = match spelling {
            ConnectionSpelling::Plain | ConnectionSpelling::Upper => Named::One(index_of(world, *which)),
            ConnectionSpelling::Underscore => continue,
            ConnectionSpelling::Twice
            | ConnectionSpelling::ThenOther(_)
            | ConnectionSpelling::AfterOther(_)
            | ConnectionSpelling::CommaList(_)
            | ConnectionSpelling::Folded
            | ConnectionSpelling::Quoted => Named::Nonsense,
        };
        found = if found == Named::Nothing { one } else { Named::Nonsense };
    }
    found
}

/// The connection whose id is written.
fn index_of(world: &World, which: NamedConnection) -> Option<usize> {
    match which {
        NamedConnection::Of(connection) => Some(world.edge.connection_index(connection)),
        // The other case of one tenant's id may be another tenant's id.
        NamedConnection::OtherCase(connection) => {
            let id = other_case(&world.connection(connection).id);
            world.edge.connections.iter().position(|own| own.id == id)
        }
        NamedConnection::External(_)
        | NamedConnection::Unknown
        | NamedConnection::Malformed
        | NamedConnection::Traversal(_)
        | NamedConnection::Empty => None,
    }
}

fn other_case(text: &str) -> String {
    let turned = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    text.chars().map(turned).collect()
}

/// A question to the chain.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// Index of the key in [`EdgeState::keys`].
    pub key: usize,
    /// Whose connection is wanted.
    pub provider: Provider,
    /// What the headers name.
    pub named: Named,
    /// Only what this member owns, by the world's index; nobody's for `Some(None)`.
    pub owner: Option<Option<usize>>,
}

/// The connection that a call uses, by the world's index.
///
/// # Errors
/// [`ChainRefusal`]. What isn't open to the key is always [`ChainRefusal::BindingMissing`].
pub fn connection_of(world: &World, state: &EdgeState, now_s: i64, question: Question) -> Result<usize, ChainRefusal> {
    let missing = ChainRefusal::BindingMissing;
    let key = state.keys.get(question.key).ok_or(missing)?;
    let is_meant = |connection: usize| match question.named {
        Named::Nothing => true,
        Named::One(index) => index == Some(connection),
        Named::Nonsense => false,
    };
    let is_owned = |connection: usize| {
        let user = world.edge.connections.get(connection).and_then(|own| own.user);
        question.owner.is_none_or(|owner| owner.is_some() && same_person(world, user, owner))
    };
    let is_fit = |connection: usize| {
        let own = world.edge.connections.get(connection);
        own.is_some_and(|own| own.tenant == key.tenant && own.provider == question.provider)
    };
    let found = match key.grant {
        Grant::Connection(own) => Some(own).filter(|own| is_meant(*own) && is_owned(*own) && is_fit(*own)),
        Grant::App(app) => state
            .bindings
            .iter()
            .filter(|(bound, _)| *bound == app)
            .map(|(_, connection)| *connection)
            .find(|connection| is_fit(*connection) && is_meant(*connection) && is_owned(*connection)),
    };
    let connection = found.ok_or(missing)?;
    match status_of(state, now_s, connection) {
        ConnectionStatus::Active => Ok(connection),
        ConnectionStatus::NeedsReauth => Err(ChainRefusal::NeedsReauth),
        ConnectionStatus::Revoked => Err(ChainRefusal::Revoked),
        ConnectionStatus::Error => Err(ChainRefusal::Broken),
    }
}

/// One person may be a member of several tenants: it is the user who owns a connection, not the membership.
fn same_person(world: &World, user: Option<usize>, owner: Option<usize>) -> bool {
    let id = |member: Option<usize>| member.and_then(|index| world.members.get(index)).map(|member| &member.user_id);
    id(user).is_some() && id(user) == id(owner)
}

/// A connection's status as a worker sees it: what the key-value store holds for a minute, then what the row says.
#[must_use]
pub fn status_of(state: &EdgeState, now_s: i64, connection: usize) -> ConnectionStatus {
    let Some(own) = state.connections.get(connection) else { return ConnectionStatus::Revoked };
    match own.stored {
        Some((status, since_s)) if now_s < since_s + CONNECTION_LIFETIME_S => status,
        Some(_) | None => own.status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::Seeded;
    use crate::world::Profile;
    use crate::world::edge::Slot;

    struct Case {
        world: World,
        state: EdgeState,
    }

    impl Case {
        fn new() -> Self {
            let world = World::generate(&mut Seeded::new(9), Profile::default());
            let state = EdgeState::new(&world);
            Self { world, state }
        }

        fn slot(&self, tenant: usize, slot: Slot) -> usize {
            usize::from(self.world.connection_in(tenant, slot).unwrap())
        }

        fn app_key(&self, tenant: usize, which: usize) -> usize {
            usize::from(self.world.key_of_app(self.world.app_of_tenant(tenant, which).unwrap()).unwrap())
        }

        fn connection_key(&self, tenant: usize, slot: Slot) -> usize {
            usize::from(self.world.key_of_connection(self.world.connection_in(tenant, slot).unwrap()).unwrap())
        }

        fn ask(&self, key: usize, provider: Provider, named: Named) -> Result<usize, ChainRefusal> {
            self.narrowed(key, provider, named, None)
        }

        fn narrowed(
            &self,
            key: usize,
            provider: Provider,
            named: Named,
            owner: Option<Option<usize>>,
        ) -> Result<usize, ChainRefusal> {
            let question = Question { key, provider, named, owner };
            connection_of(&self.world, &self.state, self.world.start_s, question)
        }
    }

    const MISSING: Result<usize, ChainRefusal> = Err(ChainRefusal::BindingMissing);

    #[test]
    fn an_app_key_gets_the_oldest_or_the_one_that_is_named_among_its_own() {
        let case = Case::new();
        let [older, newer, sibling] =
            [Slot::OpenaiOlder, Slot::OpenaiNewer, Slot::OpenaiSibling].map(|slot| case.slot(0, slot));
        let key = case.app_key(0, 0);
        let one = |index| Named::One(Some(index));
        assert_eq!(case.ask(key, Provider::Openai, Named::Nothing), Ok(older));
        assert_eq!(case.ask(key, Provider::Openai, one(newer)), Ok(newer));
        for named in [
            one(sibling),
            one(case.slot(1, Slot::OpenaiOlder)),
            one(case.slot(0, Slot::Slack)),
            Named::One(None),
            Named::Nonsense,
        ] {
            assert_eq!(case.ask(key, Provider::Openai, named), MISSING, "{named:?}");
        }
        assert_eq!(case.ask(key, Provider::Discord, Named::Nothing), MISSING);
        assert_eq!(case.ask(case.app_key(0, 1), Provider::Openai, Named::Nothing), Ok(sibling));
    }

    #[test]
    fn a_connection_key_gets_its_connection_at_its_provider() {
        let case = Case::new();
        let own = case.slot(0, Slot::OpenaiNewer);
        let key = case.connection_key(0, Slot::OpenaiNewer);
        assert_eq!(case.ask(key, Provider::Openai, Named::Nothing), Ok(own));
        assert_eq!(case.ask(key, Provider::Openai, Named::One(Some(own))), Ok(own));
        assert_eq!(case.ask(key, Provider::Openai, Named::One(Some(case.slot(0, Slot::OpenaiOlder)))), MISSING);
        assert_eq!(case.ask(key, Provider::Anthropic, Named::Nothing), MISSING);
    }

    #[test]
    fn a_user_narrows_to_what_is_his() {
        let case = Case::new();
        let key = case.app_key(0, 0);
        let [owner, member] = [Slot::GoogleOwner, Slot::GoogleMember].map(|slot| case.slot(0, slot));
        let user = |connection: usize| case.world.edge.connections[connection].user;
        let ask = |whose| case.narrowed(key, Provider::Google, Named::Nothing, whose);
        assert_eq!(ask(None), Ok(owner));
        assert_eq!(ask(Some(user(owner))), Ok(owner));
        assert_eq!(ask(Some(user(member))), Ok(member));
        assert_eq!(ask(Some(None)), MISSING);
        // What nobody owns is not a user's.
        assert_eq!(case.narrowed(key, Provider::Slack, Named::Nothing, Some(user(owner))), MISSING);
    }

    #[test]
    fn the_status_is_the_stores_for_a_minute_and_then_the_rows() {
        let mut case = Case::new();
        let (key, slack) = (case.app_key(0, 0), case.slot(0, Slot::Slack));
        case.state.connections[slack].status = ConnectionStatus::NeedsReauth;
        assert_eq!(case.ask(key, Provider::Slack, Named::Nothing), Ok(slack));
        let question = Question { key, provider: Provider::Slack, named: Named::Nothing, owner: None };
        let at = |case: &Case, after_s| connection_of(&case.world, &case.state, case.world.start_s + after_s, question);
        assert_eq!(at(&case, 59), Ok(slack));
        assert_eq!(at(&case, 60), Err(ChainRefusal::NeedsReauth));
        case.state.connections[slack].stored = None;
        assert_eq!(at(&case, 0), Err(ChainRefusal::NeedsReauth));
        case.state.bindings.retain(|(_, connection)| *connection != slack);
        assert_eq!(at(&case, 0), MISSING, "without a binding nobody learns the status");
    }

    #[test]
    fn names_are_what_they_were_meant_to_be() {
        let case = Case::new();
        let header = |which, spelling| EdgeHeader::Connection { which, spelling };
        let of = NamedConnection::Of(3);
        let read = |headers: &[EdgeHeader]| named(&case.world, headers);
        assert_eq!(read(&[]), Named::Nothing);
        assert_eq!(read(&[header(of, ConnectionSpelling::Plain)]), Named::One(Some(3)));
        assert_eq!(read(&[header(of, ConnectionSpelling::Upper)]), Named::One(Some(3)));
        assert_eq!(read(&[header(of, ConnectionSpelling::Underscore)]), Named::Nothing);
        assert_eq!(read(&[header(NamedConnection::Empty, ConnectionSpelling::Plain)]), Named::One(None));
        for spelling in [ConnectionSpelling::Twice, ConnectionSpelling::CommaList(4), ConnectionSpelling::Quoted] {
            assert_eq!(read(&[header(of, spelling)]), Named::Nonsense, "{spelling:?}");
        }
        let twice = [header(of, ConnectionSpelling::Plain), header(of, ConnectionSpelling::Plain)];
        assert_eq!(read(&twice), Named::Nonsense);
        // The other case of a tenant's id is another tenant's.
        let turned = usize::from(case.world.connection_in(2, Slot::OpenaiOlder).unwrap());
        let first = NamedConnection::OtherCase(case.world.connection_in(0, Slot::OpenaiOlder).unwrap());
        assert_eq!(read(&[header(first, ConnectionSpelling::Plain)]), Named::One(Some(turned)));
    }
}
