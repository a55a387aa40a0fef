//! Traces: the steps of a case, and smaller traces that may show the same.

mod edge;

use serde::{Deserialize, Serialize};

use crate::action::cookie::{Alteration, Cookie, CookieJar, Token, Writing};
use crate::action::edge::EdgeCall;
use crate::action::host::{HostLayout, HostSpec, Sni, Spelling};
use crate::action::path::Path;
use crate::action::reply::Reply;
use crate::action::{Action, Body, Method, Request, Transport};

/// One step of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What happens.
    pub action: Action,
    /// The move of the register that it carries out.
    #[serde(rename = "move", default, skip_serializing_if = "Option::is_none")]
    pub of_move: Option<String>,
}

impl From<Action> for Step {
    fn from(action: Action) -> Self {
        Self { action, of_move: None }
    }
}

/// Traces that leave out a part of this one, the largest parts first.
#[must_use]
pub fn shorter(trace: &[Step]) -> Vec<Vec<Step>> {
    let mut candidates = Vec::new();
    let mut size = trace.len();
    while size > 1 {
        size = size.div_ceil(2);
        for start in (0..trace.len()).step_by(size) {
            let end = (start + size).min(trace.len());
            let rest: Vec<Step> =
                trace.iter().enumerate().filter(|(at, _)| *at < start || *at >= end).map(|(_, s)| s.clone()).collect();
            if !rest.is_empty() {
                candidates.push(rest);
            }
        }
    }
    candidates
}

/// Actions that say less than this one. Each differs from it, so that shrinking ends.
#[must_use]
pub fn simpler(action: &Action) -> Vec<Action> {
    match action {
        Action::Request(request) => simpler_requests(request).into_iter().map(Action::Request).collect(),
        Action::Race { first, second } => {
            let alone = [first, second].map(|request| Action::Request(request.clone()));
            let smaller_first =
                simpler_requests(first).into_iter().map(|first| Action::Race { first, second: second.clone() });
            let smaller_second =
                simpler_requests(second).into_iter().map(|second| Action::Race { first: first.clone(), second });
            alone.into_iter().chain(smaller_first).chain(smaller_second).collect()
        }
        Action::Malformed { request, defect, follow_up } => {
            let with = |request: Request, follow_up: Request| Action::Malformed { request, defect: *defect, follow_up };
            let keeps = |request: &Request| !request.transport.is_http2() && !request.reuse;
            let alone = [Action::Request(request.clone())];
            let in_clear = (request.transport != Transport::Http1).then(|| {
                let clear = |r: &Request| Request { transport: Transport::Http1, ..r.clone() }.canonical();
                with(clear(request), clear(follow_up))
            });
            let smaller = simpler_requests(request)
                .into_iter()
                .filter(|r| keeps(r) && r.transport == follow_up.transport)
                .map(|request| with(request, follow_up.clone()));
            let smaller_follow_up = simpler_requests(follow_up)
                .into_iter()
                .filter(|r| keeps(r) && r.transport == request.transport)
                .map(|follow_up| with(request.clone(), follow_up));
            alone.into_iter().chain(in_clear).chain(smaller).chain(smaller_follow_up).collect()
        }
        Action::Together(calls) => {
            let alone = calls.iter().cloned().map(Action::edge);
            let fewer = (0..calls.len()).filter(|_| calls.len() > 2).map(|left_out| {
                let others = calls.iter().enumerate().filter(|(at, _)| *at != left_out);
                Action::together(others.map(|(_, call)| call.clone()))
            });
            let smaller = calls.iter().enumerate().flat_map(|(at, call)| {
                edge::simpler_calls(call).into_iter().map(move |smaller| {
                    let replaced = |(other, call): (usize, &EdgeCall)| {
                        if other == at { smaller.clone() } else { call.clone() }
                    };
                    Action::together(calls.iter().enumerate().map(replaced))
                })
            });
            alone.chain(fewer).chain(smaller).filter(|smaller| smaller != action).collect()
        }
        Action::During { call, control } => {
            let alone = [Action::Edge(call.clone()), Action::EdgeControl(*control)];
            let smaller = edge::simpler_calls(call).into_iter().map(|call| Action::during(call, *control));
            alone.into_iter().chain(smaller).filter(|smaller| smaller != action).collect()
        }
        Action::Edge(call) => edge::simpler_calls(call).into_iter().map(Action::edge).collect(),
        Action::Vault(tried) => edge::simpler_tries(*tried).into_iter().map(Action::Vault).collect(),
        Action::EdgeControl(_) | Action::Control(_) | Action::Advance { .. } | Action::KvKey { .. } => Vec::new(),
    }
}

fn simpler_requests(request: &Request) -> Vec<Request> {
    let mut candidates: Vec<Request> = Vec::new();
    let mut consider = |change: &dyn Fn(&mut Request)| {
        let mut smaller = request.clone();
        change(&mut smaller);
        let smaller = smaller.canonical();
        if smaller != *request {
            candidates.push(smaller);
        }
    };
    consider(&|r| r.transport = Transport::Http1);
    consider(&|r| r.transport = r.transport.as_http1());
    consider(&|r| r.reuse = false);
    consider(&|r| r.method = Method::Get);
    consider(&|r| r.host.spelling = Spelling::Exact);
    consider(&|r| r.layout = HostLayout::Host);
    consider(&|r| r.sni = Sni::Same);
    consider(&|r| r.path = Path::Root);
    consider(&|r| r.body = Body::None);
    consider(&|r| r.upgrade = false);
    consider(&|r| r.accept_html = false);
    consider(&|r| r.reply = Reply::page());
    consider(&|r| r.headers.clear());
    consider(&|r| r.cookies = CookieJar::empty());
    consider(&|r| {
        r.cookies.split = false;
        r.cookies.tight = false;
    });
    for at in 0..request.headers.len() {
        consider(&|r| {
            r.headers.remove(at);
        });
    }
    for at in 0..request.reply.headers.len() {
        consider(&|r| {
            r.reply.headers.remove(at);
        });
    }
    for at in 0..request.cookies.cookies.len() {
        consider(&|r| {
            r.cookies.cookies.remove(at);
        });
        consider(&|r| {
            if let Some(Cookie::Session { writing, .. }) = r.cookies.cookies.get_mut(at) {
                *writing = Writing::Plain;
            }
        });
        consider(&|r| {
            if let Some(Cookie::Session { token: Token { alteration, .. }, .. }) = r.cookies.cookies.get_mut(at) {
                *alteration = Alteration::None;
            }
        });
    }
    consider(&|r| r.host = HostSpec::of(0));
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::Seeded;
    use crate::generate::{Swarm, action};
    use crate::world::{Profile, World};

    #[test]
    fn shorter_traces_are_shorter_and_cover_each_single_step() {
        let steps: Vec<Step> = (0..7u32).map(|n| Action::Advance { seconds: n }.into()).collect();
        let candidates = shorter(&steps);
        assert!(candidates.iter().all(|c| c.len() < steps.len()));
        for left_out in &steps {
            assert!(candidates.iter().any(|c| c.len() == 6 && !c.contains(left_out)));
        }
        assert!(shorter(&steps[..1]).is_empty());
    }

    #[test]
    fn shrinking_always_ends() {
        let mut choose = Seeded::new(4);
        let world = World::generate(&mut choose, Profile::default());
        for _ in 0..200 {
            let mut current = action(&mut choose, &world, Swarm::ALL);
            for round in 0.. {
                assert!(round < 200, "{current:?}");
                // Taking every first candidate is the longest way.
                let Some(next) = simpler(&current).into_iter().next() else {
                    break;
                };
                assert_ne!(next, current);
                current = next;
            }
        }
    }
}
