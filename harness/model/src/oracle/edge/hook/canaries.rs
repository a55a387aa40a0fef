//! Who may see which canary of a webhook.

use std::collections::BTreeSet;

use crate::action::edge::HookCall;
use crate::action::edge::header::EdgeHeader;
use crate::action::edge::hook::SecretRef;
use crate::canary::CanaryId;
use crate::world::World;

/// The canaries that the container may see which a webhook must reach: the sender's own mark, in the body that he sent.
#[must_use]
pub fn visible_to_container(world: &World, call: &HookCall) -> BTreeSet<CanaryId> {
    BTreeSet::from([world.member(call.sender).request_canary.id])
}

/// The canaries that may come back to the sender: those that he sent. Of a container he gets none.
#[must_use]
pub fn visible_to_sender(world: &World, call: &HookCall) -> BTreeSet<CanaryId> {
    let mut visible = BTreeSet::from([world.member(call.sender).request_canary.id]);
    let secret = |connection: u8| world.connection(connection).webhook_secret.as_ref().map(|own| own.id);
    match call.secret {
        SecretRef::Of(connection) => visible.extend(secret(connection)),
        SecretRef::OfApp(app) => {
            visible.insert(world.app(app).webhook_secret.id);
        }
        SecretRef::Own
        | SecretRef::Old
        | SecretRef::Cut
        | SecretRef::Extended
        | SecretRef::OtherCase
        | SecretRef::Twice
        | SecretRef::ThenWrong
        | SecretRef::AfterWrong
        | SecretRef::CommaList => visible.extend(call.path.near().and_then(secret)),
        SecretRef::Wrong | SecretRef::Missing | SecretRef::Empty => {}
    }
    for header in &call.carrier.headers {
        match header {
            EdgeHeader::SessionCookie(member) => {
                visible.insert(world.member(*member).email_canary.id);
            }
            EdgeHeader::UserJwt(token) => {
                visible.insert(world.member(token.member).email_canary.id);
            }
            EdgeHeader::BearerElsewhere(key) | EdgeHeader::KeyBeside { key, .. } => {
                visible.insert(world.key(*key).canary.id);
            }
            EdgeHeader::TenantNamed { .. }
            | EdgeHeader::Connection { .. }
            | EdgeHeader::OwnCredential(_)
            | EdgeHeader::Partial(_)
            | EdgeHeader::ConnectedAccount(_)
            | EdgeHeader::App(_)
            | EdgeHeader::Forwarding { .. }
            | EdgeHeader::Edge(_)
            | EdgeHeader::Hint { .. }
            | EdgeHeader::Hop(_)
            | EdgeHeader::Nominate(_)
            | EdgeHeader::Origin
            | EdgeHeader::Referer
            | EdgeHeader::Envelope { .. } => {}
        }
    }
    visible
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::Seeded;
    use crate::world::Profile;
    use crate::world::edge::Slot;

    #[test]
    fn a_sender_sees_what_he_sent_and_the_container_his_mark_alone() {
        let world = World::generate(&mut Seeded::new(2), Profile::default());
        let [own, other] = [0, 1].map(|tenant| world.connection_in(tenant, Slot::TelegramHook).unwrap());
        let secret = |connection: u8| world.connection(connection).webhook_secret.as_ref().unwrap().id;
        let mark = world.member(4).request_canary.id;
        let call = |secret, headers: &[EdgeHeader]| {
            let mut call = HookCall { secret, ..HookCall::plain(4, own) };
            call.carrier.headers = headers.to_vec();
            call
        };
        for (call, due) in [
            (call(SecretRef::Own, &[]), vec![mark, secret(own)]),
            (call(SecretRef::Of(other), &[]), vec![mark, secret(other)]),
            (call(SecretRef::OfApp(1), &[]), vec![mark, world.app(1).webhook_secret.id]),
            (call(SecretRef::Missing, &[]), vec![mark]),
            (
                call(SecretRef::Wrong, &[EdgeHeader::SessionCookie(2), EdgeHeader::BearerElsewhere(3)]),
                vec![mark, world.member(2).email_canary.id, world.key(3).canary.id],
            ),
        ] {
            assert_eq!(visible_to_sender(&world, &call), due.into_iter().collect(), "{call:?}");
            assert_eq!(visible_to_container(&world, &call), BTreeSet::from([mark]), "{call:?}");
        }
    }
}
