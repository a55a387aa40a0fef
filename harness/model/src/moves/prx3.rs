//! PRX-3: a caller who comes behind another tenant, or at the same moment, and wants what was remembered for that one.

use super::draft::Draft;
use super::edge_draft::{RouteKind, Way, is_metered};
use super::edge_pair::presenting;
use super::prx2::{begun, poll};
use crate::action::Action;
use crate::action::edge::control::{ConnectionStatus, KeyTarget};
use crate::action::edge::key::{KeyCarrier, KeyRef};
use crate::action::edge::{EdgeCall, EdgeControl, Presented};
use crate::choose::Choose;

/// Longer than the store keeps a connection's record.
const STORE_FORGETS_S: u32 = 61;

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    match name {
        "warm-balance" => {
            let (rich, poor) = rich_and_poor(draft)?;
            let call = draft.served(rich, RouteKind::Metered)?;
            let mut calls = vec![call.clone()];
            if draft.one_in(3) {
                calls.push(draft.asked_again(&call, rich));
            }
            calls.push(draft.asked_again(&call, poor));
            draft.in_turn(calls);
        }
        "warm-refusal" => {
            let (rich, poor) = rich_and_poor(draft)?;
            let call = draft.served(poor, RouteKind::Metered)?;
            let mut calls = vec![call.clone()];
            if draft.one_in(3) {
                calls.push(draft.asked_again(&call, poor));
            }
            calls.push(draft.asked_again(&call, rich));
            draft.in_turn(calls);
        }
        "warm-key" => {
            let (owner, caller) = paying(draft, |_| true)?;
            if draft.one_in(3) {
                draft.operate(EdgeControl::DropKeyRecord { key: KeyTarget::Key(owner.key) });
            }
            let call = draft.served(owner, RouteKind::Any)?;
            let attack = draft.asked_again(&call, caller);
            // With a key of the own, or with what is near to the one that is remembered.
            let attack = match draft.of(&[0_u8, 0, 1, 2, 3]) {
                0 => attack,
                1 => presenting(attack, bearer(KeyRef::NeverIssued)),
                2 => presenting(attack, bearer(KeyRef::HashOf(owner.key))),
                _ => presenting(attack, bearer(KeyRef::PrefixOf(owner.key))),
            };
            draft.in_turn(vec![call, attack]);
        }
        "warm-connection" => {
            let (owner, caller) = paying(draft, |_| true)?;
            if draft.one_in(3) {
                draft.push(Action::Advance { seconds: STORE_FORGETS_S });
            }
            if draft.one_in(4) {
                // What is remembered of the owner's may be a refusal as well.
                let (connection, status) = (owner.connection, ConnectionStatus::NeedsReauth);
                draft.operate(EdgeControl::SetConnection { connection, status });
            }
            let call = draft.served(owner, RouteKind::Any)?;
            let attack = draft.asked_again(&call, caller);
            draft.in_turn(vec![call, attack]);
        }
        "warm-response" => {
            let (owner, caller) = paying(draft, |_| true)?;
            // What costs nothing is what a cache would rather keep.
            let free = if draft.one_in(2) { draft.served(owner, RouteKind::Free) } else { None };
            let call = match free {
                Some(call) => call,
                None => draft.served(owner, RouteKind::Any)?,
            };
            let mut calls = vec![call.clone()];
            // Some caches take an answer in only when it was asked for twice.
            if draft.one_in(3) {
                calls.push(call.clone());
            }
            calls.push(draft.asked_again(&call, caller));
            draft.in_turn(calls);
        }
        "concurrent-miss" => {
            let (first, second) = paying(draft, |_| true)?;
            for way in [first, second] {
                draft.operate(EdgeControl::DropKeyRecord { key: KeyTarget::Key(way.key) });
            }
            if draft.one_in(2) {
                draft.push(Action::Advance { seconds: STORE_FORGETS_S });
            }
            let one = draft.served(first, RouteKind::Any)?;
            let two = draft.asked_again(&one, second);
            let mut calls = vec![one.clone(), two];
            if draft.one_in(3) {
                calls.push(draft.asked_again(&one, second));
            }
            if draft.one_in(4) {
                calls.push(presenting(one, bearer(KeyRef::NeverIssued)));
            }
            draft.at_once(calls.into_iter().map(EdgeCall::Provider).collect());
        }
        "transcript" => transcript(draft)?,
        "same-connection" => {
            let (first, second) = paying(draft, |_| true)?;
            let call = draft.served(first, RouteKind::Any)?;
            let mut calls = vec![call.clone(), draft.asked_again(&call, second)];
            if draft.one_in(2) {
                calls.push(draft.asked_again(&call, first));
                calls.push(draft.asked_again(&call, second));
            }
            draft.in_line(calls);
        }
        _ => return None,
    }
    Some(())
}

/// A tenant asks for a transcript that another has, after that one has asked for it itself.
fn transcript<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let job = draft.of(&[0, 1, 2]);
    let pair = begun(draft, job)?;
    let finished = poll(draft, pair.owner, pair.owner, job);
    draft.proxied(finished);
    let theirs = poll(draft, pair.caller, pair.owner, job);
    if draft.one_in(2) {
        draft.proxied(theirs.clone());
    }
    // A refusal comes before any hold. What is settled at the same moment is the caller's own call.
    let own = if draft.one_in(2) {
        let way = pair.caller;
        let route = draft.route(way, RouteKind::Metered)?;
        draft.asked(way, route)
    } else {
        poll(draft, pair.owner, pair.owner, job)
    };
    draft.at_once(vec![EdgeCall::Provider(theirs), EdgeCall::Provider(own)]);
    Some(())
}

/// Ways of two tenants to the same provider, both of whom can pay.
fn paying<C: Choose>(draft: &mut Draft<'_, C>, fits: impl Fn(&Way) -> bool + Copy) -> Option<(Way, Way)> {
    let (first, second) = draft.two_tenants();
    draft.fund(first);
    draft.fund(second);
    draft.twins_of(first, second, fits)
}

/// Ways of two tenants to the same provider: the first can pay, the second has less than a hold.
fn rich_and_poor<C: Choose>(draft: &mut Draft<'_, C>) -> Option<(Way, Way)> {
    let (rich, poor) = draft.two_tenants();
    draft.fund(rich);
    draft.drain(poor);
    // What is left of a wallet may cover the cheaper holds.
    draft.twins_of(rich, poor, |way| is_metered(way) && way.provider.hold_micros() >= 1_000_000)
}

const fn bearer(key: KeyRef) -> Presented {
    Presented { key, how: KeyCarrier::Authorization }
}
