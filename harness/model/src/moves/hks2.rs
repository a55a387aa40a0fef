//! HKS-2: two requests of one shape, of which only one is about a connection that is there. What counts is that nobody
//! can tell their answers apart.

use super::draft::Draft;
use super::edge_draft::named;
use super::hks1::Hook;
use crate::action::Method;
use crate::action::edge::hook::{HookBody, HookPath, SecretRef};
use crate::action::edge::{EdgeControl, EdgeHeader, HookCall};
use crate::choose::Choose;

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    let hook = draft.hook(|_| true)?;
    let connection = hook.connection;
    let shape = draft.strange_event(hook);
    match name {
        "unknown-against-wrong" => {
            draft.delivered_before(hook);
            let known = a_wrong_one(draft, hook, &shape)?;
            let unknown = an_unknown_one(draft, hook, &shape)?;
            draft.in_either_order(known, unknown);
        }
        "unknown-against-missing" => {
            draft.delivered_before(hook);
            let secret = draft.of(&[SecretRef::Missing, SecretRef::Missing, SecretRef::Empty]);
            let known = HookCall { secret, path: HookPath::Of(connection), ..shape.clone() };
            let unknown = HookCall { secret, path: HookPath::Unknown, ..shape };
            draft.in_either_order(known, unknown);
        }
        "revoked-against-unknown" => {
            draft.delivered_before(hook);
            draft.operate(EdgeControl::RevokeConnection { actor: named(hook.tenant), connection });
            // Even with the secret that was right.
            let secret = draft.of(&[SecretRef::Own, SecretRef::Own, SecretRef::Old, SecretRef::Wrong]);
            let revoked = HookCall { secret, path: HookPath::Of(connection), ..shape.clone() };
            let unknown = an_unknown_one(draft, hook, &shape)?;
            draft.in_either_order(revoked, unknown);
        }
        "malformed-id" => {
            let path = draft.of(&[
                HookPath::Star,
                HookPath::Long,
                HookPath::Root,
                HookPath::Colon(connection),
                HookPath::Nul(connection),
                HookPath::Encoded(connection),
                HookPath::DotDot(connection),
                HookPath::DoubleSlash(connection),
                HookPath::TrailingSlash(connection),
                HookPath::Deeper(connection),
            ]);
            let secret = draft.of(&[SecretRef::Own, SecretRef::Wrong, SecretRef::Missing]);
            let malformed = HookCall { path, secret, ..shape.clone() };
            let unknown = an_unknown_one(draft, hook, &shape)?;
            draft.in_either_order(malformed, unknown);
        }
        "other-methods" => {
            let method = draft.of(&[
                Method::Get,
                Method::Head,
                Method::Put,
                Method::Patch,
                Method::Delete,
                Method::Options,
                Method::Options,
                Method::Brew,
            ]);
            let mut shape = HookCall { method, ..shape };
            if method == Method::Options {
                // As browsers ask before they send.
                shape.carrier.headers.push(EdgeHeader::Origin);
            }
            let shape = shape.canonical();
            let known = a_wrong_one(draft, hook, &shape)?;
            let unknown = an_unknown_one(draft, hook, &shape)?;
            draft.in_either_order(known, unknown);
        }
        "body-read" => {
            let body = draft.of(&[HookBody::TooLarge, HookBody::TooLarge, HookBody::Largest]);
            let shape = HookCall { body, ..shape };
            let known = a_wrong_one(draft, hook, &shape)?;
            let unknown = an_unknown_one(draft, hook, &shape)?;
            draft.in_either_order(known, unknown);
        }
        _ => return None,
    }
    Some(())
}

/// A connection's path without its secret: with one that is nobody's, with another's, or with none.
fn a_wrong_one<C: Choose>(draft: &mut Draft<'_, C>, hook: Hook, shape: &HookCall) -> Option<HookCall> {
    let other = draft.hook(|other| other.connection != hook.connection)?;
    let secret = draft.of(&[
        SecretRef::Wrong,
        SecretRef::Cut,
        SecretRef::Extended,
        SecretRef::Twice,
        SecretRef::Of(other.connection),
    ]);
    Some(HookCall { path: HookPath::Of(hook.connection), secret, ..shape.clone() })
}

/// A path that is nobody's, with a secret that is somebody's or nobody's.
fn an_unknown_one<C: Choose>(draft: &mut Draft<'_, C>, hook: Hook, shape: &HookCall) -> Option<HookCall> {
    let connection = hook.connection;
    let path = draft.of(&[
        HookPath::Unknown,
        HookPath::Unknown,
        HookPath::Extended(connection),
        HookPath::ConnectionId(connection),
    ]);
    let secret = draft.of(&[SecretRef::Wrong, SecretRef::Of(connection), SecretRef::Missing]);
    Some(HookCall { path, secret, ..shape.clone() })
}

impl<C: Choose> Draft<'_, C> {
    fn in_either_order(&mut self, first: HookCall, second: HookCall) {
        let (first, second) = if self.one_in(2) { (first, second) } else { (second, first) };
        self.event(first);
        self.event(second);
    }
}
