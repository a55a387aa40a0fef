//! Steps in words.

use isolation_model::action::edge::provider::ProviderCall;
use isolation_model::action::edge::{Door, EdgeCall};
use isolation_model::action::{Action, Request};
use isolation_model::render::edge::{host_of, wire};
use isolation_model::state::State;
use isolation_model::trace::Step;
use isolation_model::world::World;

use super::redact::Redaction;
use super::terminal::visible;

/// The most characters of a path that are shown.
const PATH_MAX: usize = 120;

/// A step in words.
#[must_use]
pub fn step(world: &World, step: &Step) -> String {
    let state = State::new(world);
    match &step.action {
        Action::Request(own) => request(world, own),
        Action::Race { first, second } => format!("at once: {}, and {}", request(world, first), request(world, second)),
        Action::Malformed { request: own, defect, follow_up } => {
            format!("{} with the defect {defect:?}, then {}", request(world, own), request(world, follow_up))
        }
        Action::Control(control) => format!("{control:?}"),
        Action::Advance { seconds } => format!("{seconds} seconds pass"),
        Action::KvKey { kind, identifier } => format!("a {} key of an identifier: {identifier:?}", kind.as_str()),
        Action::Edge(own) => call(world, &state, own, 0),
        Action::Together(calls) => {
            let calls: Vec<String> =
                calls.iter().enumerate().map(|(number, own)| call(world, &state, own, number)).collect();
            format!("at once: {}", calls.join(", and "))
        }
        Action::During { call: own, control } => {
            format!("{}, and while it is under way {control:?}", call(world, &state, own, 0))
        }
        Action::EdgeControl(control) => format!("{control:?}"),
        Action::Vault(tried) => format!(
            "sealed values of connection {} of {}: {:?}",
            tried.connection,
            world.tenant(usize::from(tried.tenant)).slug,
            tried.kind
        ),
    }
}

fn request(world: &World, request: &Request) -> String {
    let host = request.host.text(world);
    format!("{} {} ({:?})", request.method.as_str(), visible(&String::from_utf8_lossy(&host)), request.transport)
}

/// A call with all that its sender could choose, but for what a key or a secret reads like.
fn call(world: &World, state: &State, call: &EdgeCall, number: usize) -> String {
    let wire = wire(world, state, call, number);
    let target = Redaction::new(world, state).apply(&String::from_utf8_lossy(&wire.target));
    let shown: String = target.chars().take(PATH_MAX).collect();
    let door = match call.carrier().door {
        Door::Host => host_of(call),
        Door::Listener => format!("the listener of {}", host_of(call)),
    };
    let what = match call {
        EdgeCall::Provider(own) => provider(own),
        EdgeCall::Vend(own) => format!("{:?}, broker {:?}", own.presented, own.broker),
        EdgeCall::Hook(own) => {
            format!("secret {:?} in {:?}, body {:?}, container {:?}", own.secret, own.field, own.body, own.container)
        }
    };
    let headers = &call.carrier().headers;
    let headers = if headers.is_empty() { String::new() } else { format!(", {headers:?}") };
    visible(&format!("{} {shown} at {door} ({:?}) with {what}{headers}", wire.method, wire.transport))
}

fn provider(call: &ProviderCall) -> String {
    format!(
        "{:?}, payload {:?}, upstream {:?}, client {:?}",
        call.presented, call.payload, call.upstream.kind, call.client
    )
}
