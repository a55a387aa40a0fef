//! Calls to the edge, and attempts on sealed values, that say less.

use crate::action::edge::hook::{HookBody, HookPath, HookReply, SecretField, SecretRef};
use crate::action::edge::key::KeyCarrier;
use crate::action::edge::provider::{ClientEnd, PathSpelling, Payload, UpstreamReply};
use crate::action::edge::vend::{BrokerReply, BulkSpelling, EnvSpelling, SlugSpelling, VendAsk};
use crate::action::edge::{Door, EdgeCall, HookCall, HostLine, Presented, ProviderCall, VaultTry, VendCall};
use crate::action::header::NameSpelling;
use crate::action::{Method, Transport};

/// Calls that say less than this one. Each differs from it, and takes something back that a plain call hasn't, so that
/// shrinking ends.
pub(super) fn simpler_calls(call: &EdgeCall) -> Vec<EdgeCall> {
    let mut candidates: Vec<EdgeCall> = Vec::new();
    let mut consider = |change: &dyn Fn(&mut EdgeCall)| {
        let mut smaller = call.clone();
        change(&mut smaller);
        let smaller = smaller.canonical();
        if smaller != *call {
            candidates.push(smaller);
        }
    };
    consider(&|c| c.carrier_mut().transport = Transport::Http1);
    consider(&|c| c.carrier_mut().transport = c.carrier().transport.as_http1());
    consider(&|c| c.carrier_mut().reuse = false);
    consider(&|c| c.carrier_mut().door = Door::Host);
    consider(&|c| c.carrier_mut().host = HostLine::Plain);
    consider(&|c| c.carrier_mut().headers.clear());
    for at in 0..call.carrier().headers.len() {
        consider(&|c| {
            c.carrier_mut().headers.remove(at);
        });
    }
    match call {
        EdgeCall::Provider(_) => {
            for change in PROVIDER {
                consider(&|c| {
                    if let EdgeCall::Provider(call) = c {
                        change(call);
                    }
                });
            }
        }
        EdgeCall::Vend(_) => {
            for change in VEND {
                consider(&|c| {
                    if let EdgeCall::Vend(call) = c {
                        change(call);
                    }
                });
            }
        }
        EdgeCall::Hook(_) => {
            for change in HOOK {
                consider(&|c| {
                    if let EdgeCall::Hook(call) = c {
                        change(call);
                    }
                });
            }
        }
    }
    candidates
}

const PROVIDER: &[fn(&mut ProviderCall)] = &[
    |c| c.presented = Presented { how: KeyCarrier::Authorization, ..c.presented },
    |c| c.ask.preflight = false,
    |c| c.ask.method = None,
    |c| c.ask.spelling = PathSpelling::Plain,
    |c| c.query.clear(),
    |c| {
        c.query.pop();
    },
    |c| c.payload = Payload::plain(),
    |c| c.payload.names_tenant = None,
    |c| c.payload.member = None,
    |c| c.payload.text = 0,
    |c| c.payload.shape = Payload::plain().shape,
    |c| c.payload.stream = false,
    |c| c.client = ClientEnd::Reads,
    |c| c.upstream = UpstreamReply::plain(),
    |c| c.upstream.usage = UpstreamReply::plain().usage,
];

const VEND: &[fn(&mut VendCall)] = &[
    |c| c.presented = Presented { how: KeyCarrier::Authorization, ..c.presented },
    |c| c.method = Method::Get,
    |c| c.broker = BrokerReply::plain(),
    |c| match &mut c.ask {
        VendAsk::One { spelling, .. } => *spelling = SlugSpelling::Plain,
        VendAsk::Env { spelling, .. } => *spelling = EnvSpelling::Plain,
        VendAsk::Bulk { spelling, .. } => *spelling = BulkSpelling::Plain,
        VendAsk::Odd(_) => {}
    },
    |c| {
        if let VendAsk::Bulk { items, .. } = &mut c.ask
            && items.len() > 1
        {
            items.pop();
        }
    },
    |c| {
        if let VendAsk::Bulk { items, .. } = &mut c.ask
            && items.len() > 1
        {
            items.remove(0);
        }
    },
];

const HOOK: &[fn(&mut HookCall)] = &[
    |c| c.method = Method::Post,
    |c| c.names = None,
    |c| {
        if let Some(connection) = c.path.near() {
            c.path = HookPath::Of(connection);
        }
    },
    |c| c.secret = SecretRef::Own,
    |c| c.field = SecretField::Own(NameSpelling::Canonical),
    |c| c.body = HookBody::Empty,
    // Of two bodies of a megabyte the smaller says less, and a small one less than either.
    |c| {
        if c.body != HookBody::Empty {
            c.body = HookBody::Update;
        }
    },
    |c| {
        if c.body == HookBody::TooLarge {
            c.body = HookBody::Largest;
        }
    },
    |c| c.container = HookReply::Ok,
];

/// Attempts that say less: on the first tenant's values, in the first connection's row. What is tried stays.
pub(super) fn simpler_tries(tried: VaultTry) -> Vec<VaultTry> {
    let all = [
        VaultTry { tenant: 0, connection: 0, ..tried },
        VaultTry { tenant: 0, ..tried },
        VaultTry { connection: 0, ..tried },
    ];
    all.into_iter().filter(|smaller| *smaller != tried).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::edge::hook::HookPath;
    use crate::action::edge::provider::Route;
    use crate::action::edge::vault::VaultKind;
    use crate::action::edge::{Carrier, EdgeHeader};
    use crate::world::edge::Provider;

    fn carrier() -> Carrier {
        Carrier {
            transport: Transport::Http2,
            reuse: true,
            door: Door::Listener,
            host: HostLine::Address,
            headers: vec![EdgeHeader::Origin, EdgeHeader::App(1), EdgeHeader::Referer],
        }
    }

    fn calls() -> Vec<(EdgeCall, EdgeCall)> {
        let hook = HookCall {
            carrier: carrier(),
            method: Method::Put,
            path: HookPath::Query(7),
            secret: SecretRef::Of(3),
            field: SecretField::Authorization,
            body: HookBody::TooLarge,
            container: HookReply::Garbage,
            ..HookCall::plain(1, 7)
        };
        let empty = HookCall { body: HookBody::Empty, ..HookCall::plain(1, 7) };
        let plain = ProviderCall::plain(1, 2, Provider::Openai, Route::Chat);
        let provider = ProviderCall {
            carrier: carrier(),
            presented: Presented { how: KeyCarrier::ApiKey, ..plain.presented },
            payload: Payload { stream: true, names_tenant: Some(1), text: 9, ..Payload::plain() },
            ..plain.clone()
        };
        let asked = VendCall::plain(1, 2, Provider::Slack);
        let vend = VendCall {
            carrier: carrier(),
            method: Method::Post,
            ask: VendAsk::One { provider: Provider::Slack, spelling: SlugSpelling::Upper },
            ..asked.clone()
        };
        vec![
            (EdgeCall::Hook(hook), EdgeCall::Hook(empty)),
            (EdgeCall::Provider(provider), EdgeCall::Provider(plain)),
            (EdgeCall::Vend(vend), EdgeCall::Vend(asked)),
        ]
    }

    #[test]
    fn every_way_of_shrinking_ends_at_the_plain_call() {
        for (call, plain) in calls() {
            let call = call.canonical();
            for pick in 0..6 {
                let mut current = call.clone();
                for round in 0.. {
                    assert!(round < 60, "{current:?}");
                    let candidates = simpler_calls(&current);
                    assert!(candidates.iter().all(|smaller| *smaller != current));
                    let last = candidates.len().saturating_sub(1);
                    let Some(next) = candidates.into_iter().nth(pick.min(last)) else { break };
                    current = next;
                }
                assert_eq!(current, plain);
            }
        }
    }

    #[test]
    fn each_part_of_a_webhook_is_taken_back_alone() {
        let plain = EdgeCall::Hook(HookCall { body: HookBody::Empty, ..HookCall::plain(0, 3) });
        assert_eq!(simpler_calls(&plain), []);
        let changes: [fn(&mut HookCall); 7] = [
            |c| c.method = Method::Get,
            |c| c.names = Some(1),
            |c| c.path = HookPath::Deeper(3),
            |c| c.secret = SecretRef::Missing,
            |c| c.field = SecretField::Query,
            |c| c.body = HookBody::Update,
            |c| c.container = HookReply::Redirect(0),
        ];
        for change in changes {
            let EdgeCall::Hook(mut call) = plain.clone() else { panic!("it is one") };
            change(&mut call);
            assert_eq!(simpler_calls(&EdgeCall::Hook(call)), vec![plain.clone()]);
        }
    }

    #[test]
    fn an_attempt_on_sealed_values_shrinks_to_the_first_row_of_the_first_tenant() {
        for kind in VaultKind::ALL {
            let first = VaultTry { kind, tenant: 0, connection: 0 };
            assert!(simpler_tries(VaultTry { tenant: 2, connection: 9, ..first }).contains(&first));
            assert_eq!(simpler_tries(first), []);
        }
    }
}
