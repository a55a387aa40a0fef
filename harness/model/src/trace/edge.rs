//! Calls to the edge that say less than one did.

use crate::action::Method;
use crate::action::Transport;
use crate::action::edge::hook::{HookBody, HookPath, HookReply, SecretField, SecretRef};
use crate::action::edge::key::KeyCarrier;
use crate::action::edge::provider::{BodyShape, ClientEnd, ModelName, PathSpelling, Payload, UpstreamReply};
use crate::action::edge::vend::{BrokerReply, BulkSpelling, SlugSpelling, VendAsk};
use crate::action::edge::{Carrier, Door, EdgeCall, HookCall, HostLine, ProviderCall, VendCall};
use crate::action::header::NameSpelling;

/// Every one differs from the call, and is canonical.
pub(super) fn simpler(call: &EdgeCall) -> Vec<EdgeCall> {
    let carried = carriers(call.carrier()).into_iter().map(|carrier| {
        let mut smaller = call.clone();
        *smaller.carrier_mut() = carrier;
        smaller
    });
    let own: Vec<EdgeCall> = match call {
        EdgeCall::Provider(call) => providers(call).into_iter().map(EdgeCall::Provider).collect(),
        EdgeCall::Vend(call) => vends(call).into_iter().map(EdgeCall::Vend).collect(),
        EdgeCall::Hook(call) => hooks(call).into_iter().map(EdgeCall::Hook).collect(),
    };
    carried.chain(own).map(EdgeCall::canonical).filter(|smaller| smaller != call).collect()
}

fn carriers(carrier: &Carrier) -> Vec<Carrier> {
    let mut candidates = vec![Carrier::plain()];
    let mut with = |change: &dyn Fn(&mut Carrier)| {
        let mut smaller = carrier.clone();
        change(&mut smaller);
        candidates.push(smaller);
    };
    with(&|c| c.transport = Transport::Http1);
    with(&|c| c.transport = c.transport.as_http1());
    with(&|c| c.reuse = false);
    with(&|c| c.door = Door::Host);
    with(&|c| c.host = HostLine::Plain);
    with(&|c| c.headers.clear());
    for at in 0..carrier.headers.len() {
        with(&|c| {
            c.headers.remove(at);
        });
    }
    candidates
}

fn providers(call: &ProviderCall) -> Vec<ProviderCall> {
    let mut candidates = Vec::new();
    let mut with = |change: &dyn Fn(&mut ProviderCall)| {
        let mut smaller = call.clone();
        change(&mut smaller);
        candidates.push(smaller);
    };
    with(&|c| c.upstream = UpstreamReply::plain());
    with(&|c| c.upstream.usage = UpstreamReply::plain().usage);
    with(&|c| c.client = ClientEnd::Reads);
    with(&|c| c.payload = Payload::plain());
    with(&|c| c.payload.model = ModelName::Listed(0));
    with(&|c| c.payload.shape = BodyShape::Whole);
    with(&|c| c.payload.names_tenant = None);
    with(&|c| c.payload.text = 0);
    with(&|c| c.payload.stream = false);
    with(&|c| c.query.clear());
    for at in 0..call.query.len() {
        with(&|c| {
            c.query.remove(at);
        });
    }
    with(&|c| c.ask.spelling = PathSpelling::Plain);
    with(&|c| c.ask.preflight = false);
    with(&|c| c.ask.method = None);
    with(&|c| c.presented.how = KeyCarrier::Authorization);
    candidates
}

fn vends(call: &VendCall) -> Vec<VendCall> {
    let mut candidates = Vec::new();
    let mut with = |change: &dyn Fn(&mut VendCall)| {
        let mut smaller = call.clone();
        change(&mut smaller);
        candidates.push(smaller);
    };
    with(&|c| c.broker = BrokerReply::plain());
    with(&|c| c.method = Method::Get);
    with(&|c| c.presented.how = KeyCarrier::Authorization);
    match &call.ask {
        VendAsk::Bulk { items, spelling } => {
            if *spelling != BulkSpelling::Plain {
                let ask = VendAsk::Bulk { items: items.clone(), spelling: BulkSpelling::Plain };
                with(&|c| c.ask = ask.clone());
            }
            for at in 0..items.len() {
                with(&|c| {
                    if let VendAsk::Bulk { items, .. } = &mut c.ask
                        && items.len() > 1
                    {
                        items.remove(at);
                    }
                });
            }
        }
        VendAsk::Env { provider, .. } | VendAsk::One { provider, .. } => {
            let ask = VendAsk::One { provider: *provider, spelling: SlugSpelling::Plain };
            with(&|c| c.ask = ask.clone());
        }
        VendAsk::Odd(_) => {}
    }
    candidates
}

fn hooks(call: &HookCall) -> Vec<HookCall> {
    let mut candidates = Vec::new();
    let mut with = |change: &dyn Fn(&mut HookCall)| {
        let mut smaller = call.clone();
        change(&mut smaller);
        candidates.push(smaller);
    };
    with(&|c| c.container = HookReply::Ok);
    with(&|c| c.names = None);
    with(&|c| c.body = HookBody::Empty);
    if matches!(call.body, HookBody::Largest | HookBody::TooLarge) {
        with(&|c| c.body = HookBody::Update);
    }
    with(&|c| c.method = Method::Post);
    with(&|c| c.field = SecretField::Own(NameSpelling::Canonical));
    if let Some(connection) = call.path.near() {
        with(&|c| c.path = HookPath::Of(connection));
    }
    if !matches!(call.secret, SecretRef::Own | SecretRef::Wrong | SecretRef::Missing) {
        with(&|c| c.secret = SecretRef::Wrong);
    }
    candidates
}
