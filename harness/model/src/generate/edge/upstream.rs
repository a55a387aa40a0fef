//! How whatever lies behind the edge answers: upstreams, the broker, containers.

use super::EdgeSwarm;
use crate::action::edge::hook::HookReply;
use crate::action::edge::provider::{
    EchoForm, ErrorStatus, Lie, RedirectTo, UpstreamHeader, UpstreamKind, UpstreamReply, Usage,
};
use crate::action::edge::vend::BrokerReply;
use crate::choose::Choose;
use crate::world::World;

pub(super) fn reply<C: Choose>(choose: &mut C, world: &World, swarm: EdgeSwarm) -> UpstreamReply {
    let kind = match choose.below(24) {
        0..=3 => UpstreamKind::Stream(choose.index(6)),
        4 => UpstreamKind::ChunkedAnswer,
        5 | 6 if swarm.money => UpstreamKind::StreamDies(choose.index(4)),
        7 if swarm.money => UpstreamKind::AnswerDies,
        8 if swarm.upstreams => UpstreamKind::Error(choose.of(&ErrorStatus::ALL)),
        9 if swarm.upstreams => UpstreamKind::ErrorQuotes(choose.of(&ErrorStatus::ALL)),
        10..=12 if swarm.upstreams => UpstreamKind::Echo(choose.of(&EchoForm::ALL)),
        13 if swarm.upstreams => UpstreamKind::Redirect(choose.of(&RedirectTo::ALL)),
        14 | 15 if swarm.upstreams => UpstreamKind::Header(choose.of(&UpstreamHeader::ALL)),
        16 if swarm.upstreams => choose.of(&[UpstreamKind::Trailers, UpstreamKind::Interim, UpstreamKind::NoContent]),
        17 if swarm.upstreams => choose.of(&UpstreamKind::BROKEN),
        _ => UpstreamKind::Answer,
    };
    UpstreamReply { kind, usage: usage(choose, world, swarm) }
}

/// Little in most cases; now and then nearly what a wallet or a cap has, or what can't be believed.
fn usage<C: Choose>(choose: &mut C, world: &World, swarm: EdgeSwarm) -> Usage {
    match choose.below(10) {
        0 => Usage::Missing,
        1 if swarm.money => Usage::Lies(choose.of(&Lie::ALONE)),
        2 if swarm.money && choose.one_in(2) => Usage::Lies(Lie::Foreign(choose.index(world.tenants.len()))),
        3 if swarm.money => {
            Usage::Reported { input: choose.of(&[100_000, 1_000_001]), output: choose.of(&[100_001, 1_000_000]) }
        }
        _ => Usage::Reported { input: choose.of(&[0, 1, 2, 3, 11, 1_003]), output: choose.of(&[0, 1, 7, 511]) },
    }
}

pub(super) fn broker<C: Choose>(choose: &mut C, swarm: EdgeSwarm) -> BrokerReply {
    match choose.below(8) {
        0 | 1 if swarm.upstreams => choose.of(&BrokerReply::BROKEN),
        2 if swarm.upstreams => BrokerReply::WithHeaders,
        3..=5 => BrokerReply::Token { expires_in_s: choose.of(&[Some(0), Some(45), Some(60), Some(61), Some(3_600)]) },
        _ => BrokerReply::plain(),
    }
}

pub(super) fn container<C: Choose>(choose: &mut C, world: &World, swarm: EdgeSwarm) -> HookReply {
    match choose.below(6) {
        0 if swarm.upstreams => HookReply::Redirect(choose.index(world.deployments.len())),
        1 | 2 if swarm.upstreams => choose.of(&HookReply::ALONE),
        _ => HookReply::Ok,
    }
}
