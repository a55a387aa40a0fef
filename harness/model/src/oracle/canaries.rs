//! Who may see which canary in a step.

use std::collections::BTreeSet;

use crate::action::cookie::Cookie;
use crate::action::header::Header;
use crate::action::path::Path;
use crate::action::{Action, Request};
use crate::canary::CanaryId;
use crate::world::World;

use super::expect::{Answer, Expected};

/// The canaries that a client sends in a request: his own mark, and the identities inside the tokens he holds.
#[must_use]
pub fn sent(world: &World, request: &Request) -> BTreeSet<CanaryId> {
    let mut sent = BTreeSet::from([world.member(request.sender).request_canary.id]);
    let mut token_of = |member: u8| {
        sent.insert(world.member(member).email_canary.id);
    };
    for cookie in &request.cookies.cookies {
        if let Cookie::Session { token, .. } = cookie {
            token_of(token.member);
        }
    }
    for header in &request.headers {
        if let Header::SessionAsBearer(member) = header {
            token_of(*member);
        }
    }
    if let Path::SessionInQuery(member) = request.path {
        token_of(member);
    }
    sent
}

/// The canaries that may come back to the client.
#[must_use]
pub fn visible_to_client(world: &World, request: &Request, expected: &Expected) -> BTreeSet<CanaryId> {
    let mut visible = sent(world, request);
    visible_in(world, &expected.answer, expected, &mut visible);
    visible
}

fn visible_in(world: &World, answer: &Answer, expected: &Expected, visible: &mut BTreeSet<CanaryId>) {
    match answer {
        Answer::Relayed(_) | Answer::Broken(_) | Answer::Switched(_) => {
            if let Some(own) = expected.delivery.as_ref().and_then(|d| world.deployments.get(d.deployment)) {
                visible.extend([own.page_canary.id, own.header_canary.id]);
            }
            if let Some(member) = expected.session.and_then(|m| world.members.get(m)) {
                visible.insert(member.email_canary.id);
            }
        }
        Answer::SignedIn { member, .. } => {
            if let Some(member) = world.members.get(*member) {
                visible.insert(member.email_canary.id);
            }
        }
        Answer::BodyBroken(inner) => visible_in(world, inner, expected, visible),
        Answer::Refusal { .. }
        | Answer::Worker { .. }
        | Answer::SignIn { .. }
        | Answer::BadGateway
        | Answer::Rejected
        | Answer::NotExecuted => {}
    }
}

/// The canaries that the container may see which the request must reach.
#[must_use]
pub fn visible_to_container(world: &World, request: &Request, expected: &Expected) -> BTreeSet<CanaryId> {
    let mut visible = BTreeSet::from([world.member(request.sender).request_canary.id]);
    // A token that the client himself puts where the application's own data goes is his to give away.
    for header in &request.headers {
        if let Header::SessionAsBearer(member) = header {
            visible.insert(world.member(*member).email_canary.id);
        }
    }
    for cookie in &request.cookies.cookies {
        if let Cookie::Session { token, writing } = cookie
            && writing.passes()
        {
            visible.insert(world.member(token.member).email_canary.id);
        }
    }
    if let Path::SessionInQuery(member) = request.path {
        visible.insert(world.member(member).email_canary.id);
    }
    if let Some(member) = expected.session.and_then(|m| world.members.get(m))
        && expected.reason == super::expect::Reason::Member
    {
        visible.insert(member.email_canary.id);
    }
    visible
}

/// The requests of an action to the app-proxy, in the order in which they are sent.
#[must_use]
pub fn requests(action: &Action) -> Vec<&Request> {
    match action {
        Action::Request(request) => vec![request],
        Action::Race { first, second } => vec![first, second],
        Action::Malformed { request, follow_up, .. } => vec![request, follow_up],
        Action::Control(_)
        | Action::Advance { .. }
        | Action::KvKey { .. }
        | Action::Edge(_)
        | Action::Together(_)
        | Action::During { .. }
        | Action::EdgeControl(_)
        | Action::Vault(_) => Vec::new(),
    }
}
