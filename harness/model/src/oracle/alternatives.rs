//! The ways in which a whole step may go: one for most actions, more where a proxy has a choice.

use crate::action::framing::DefectClass;
use crate::action::{Action, Body, Request};
use crate::render;
use crate::state::State;
use crate::world::World;

use super::expect::{Answer, Expected, Reason, expect};

/// One way in which a step may go: what each of its requests must lead to, in the order in which they were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// One for each request.
    pub requests: Vec<Expected>,
    /// Whether the connection must be closed at the end.
    pub closes: bool,
}

/// All ways in which an action may go. `connection_sni` is the server name of the connection that it reused, if it did.
#[must_use]
pub fn alternatives(
    world: &World,
    state: &State,
    action: &Action,
    connection_sni: Option<&Option<String>>,
) -> Vec<Alternative> {
    let open = |requests| Alternative { requests, closes: false };
    match action {
        Action::Request(request) => vec![open(vec![expect(world, state, request, connection_sni)])],
        Action::Race { first, second } => {
            // Either may be decided first; only a sign-in code makes a difference.
            let forward = sequence(world, state, first, second, None);
            let mut backward = sequence(world, state, second, first, None);
            backward.reverse();
            if forward == backward { vec![open(forward)] } else { vec![open(forward), open(backward)] }
        }
        Action::Malformed { request, defect, follow_up } => {
            let not_executed = || silent(Reason::Framing, Answer::NotExecuted);
            let refused = || Alternative {
                requests: vec![silent(Reason::Framing, Answer::Rejected), not_executed()],
                closes: true,
            };
            match defect.class() {
                DefectClass::Good => executed(world, state, request, follow_up),
                DefectClass::Refused => vec![refused()],
                DefectClass::Either => {
                    let mut ways = executed(world, state, request, follow_up);
                    ways.push(refused());
                    ways
                }
                DefectClass::BodyBreaks => {
                    let mut first = expect(world, state, request, connection_sni);
                    first.answer = Answer::BodyBroken(Box::new(first.answer));
                    vec![Alternative { requests: vec![first, not_executed()], closes: true }]
                }
                DefectClass::GoodThenBroken => {
                    let mut first = expect(world, state, request, connection_sni);
                    if let Some(delivery) = &mut first.delivery {
                        delivery.body.truncate(delivery.body.len().saturating_sub(4));
                    }
                    vec![Alternative { requests: vec![first, not_executed()], closes: true }]
                }
            }
        }
        // What the edge may lead to is said and judged in a module of its own.
        Action::Edge(_)
        | Action::Together(_)
        | Action::During { .. }
        | Action::EdgeControl(_)
        | Action::Vault(_)
        | Action::Control(_)
        | Action::Advance { .. }
        | Action::KvKey { .. } => vec![open(Vec::new())],
    }
}

/// Two requests on one connection, one after the other. Where the first is refused with its body unread, a proxy may
/// close the connection instead of reading on; where the refusal closes it, it must.
fn executed(world: &World, state: &State, request: &Request, follow_up: &Request) -> Vec<Alternative> {
    let sni = render::sni(world, request);
    let shared = request.transport.is_tls().then_some(&sni);
    let both = sequence(world, state, request, follow_up, shared);
    let alone = || Alternative {
        requests: both.iter().take(1).cloned().chain([silent(Reason::Framing, Answer::NotExecuted)]).collect(),
        closes: true,
    };
    let first = both.first().map(|expected| &expected.answer);
    match first {
        Some(Answer::Refusal { closes: true, .. }) => vec![alone()],
        Some(Answer::Refusal { .. } | Answer::Worker { .. } | Answer::SignIn { .. } | Answer::SignedIn { .. })
            if request.body != Body::None =>
        {
            let alone = alone();
            vec![Alternative { requests: both, closes: false }, alone]
        }
        _ => vec![Alternative { requests: both, closes: false }],
    }
}

/// `sni` is the server name of the connection that the second one shares with the first.
fn sequence(
    world: &World,
    state: &State,
    first: &Request,
    second: &Request,
    sni: Option<&Option<String>>,
) -> Vec<Expected> {
    let mut state = state.clone();
    let first = expect(world, &state, first, None);
    if let Some(code) = &first.spends {
        state.spend(code);
    }
    let second = expect(world, &state, second, sni);
    vec![first, second]
}

fn silent(reason: Reason, answer: Answer) -> Expected {
    Expected { reason, answer, delivery: None, kv_key: None, spends: None, session: None }
}
