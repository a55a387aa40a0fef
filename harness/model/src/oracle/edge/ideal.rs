//! A target that does what it must, made of what is due: for tests that need something to be silent about, and something
//! to spoil.

#![expect(clippy::wildcard_enum_match_arm, reason = "an ideal target does something about a few variants alone")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::control;
use super::expect::{Bill, Context, Due, DueAnswer, DueUpstream, Refusal, Shape, Token, UpstreamBody, expect};
use super::hook;
use super::step::{CallDue, calls, dues};
use crate::action::Action;
use crate::action::edge::{EdgeCall, EdgeControl};
use crate::observation::{
    Answer, Delivery, End, Exchange, Fields, IssuedKey, LedgerKind, LedgerLine, Observation, Place, UpstreamRequest,
    VaultSeen,
};
use crate::render::edge::upstream::RelayedDue;
use crate::render::edge::{VaultStep, vault_plan};
use crate::state::{ControlOutcome, State};
use crate::world::World;
use crate::world::edge::Provider;

/// What is seen of an action when all goes as it must.
pub(crate) fn observation(world: &World, state: &State, action: &Action) -> Observation {
    let mut seen = Observation::default();
    let mut now = state.clone();
    let mut asked = 0;
    for (number, call) in calls(action).into_iter().enumerate() {
        let due = alone(world, &now, number, asked, call);
        asked += due.asks_broker();
        match due {
            CallDue::Call(due) => served(world, &mut now, &due, &mut seen),
            CallDue::Hook(due) => hooked(&due, &mut seen),
        }
    }
    let change = match action {
        Action::EdgeControl(control) | Action::During { control, .. } => Some(*control),
        _ => None,
    };
    if let Some(change) = change {
        changed(world, &mut now, change, &mut seen);
    }
    if let Action::Vault(tried) = action {
        seen.edge.vault = Some(vault(world, *tried));
    }
    seen.edge.balances = now.edge.wallets;
    seen
}

/// What the call must lead to when those before it are done.
fn alone(world: &World, now: &State, number: usize, broker_before: u32, call: &EdgeCall) -> CallDue {
    let first = dues(world, now, &Action::Edge(Box::new(call.clone()))).remove(0);
    let CallDue::Call(due) = &first else { return first };
    let lack = match &due.answer {
        DueAnswer::Refused(Refusal { status: 503, .. }) => Some(super::expect::Lack::Store),
        DueAnswer::Refused(Refusal { code: Some("balance_exhausted"), .. }) => Some(super::expect::Lack::Balance),
        DueAnswer::Refused(Refusal { code: Some("spend_cap_daily"), .. }) => Some(super::expect::Lack::Daily),
        DueAnswer::Refused(Refusal { code: Some("spend_cap_monthly"), .. }) => Some(super::expect::Lack::Monthly),
        _ => None,
    };
    let context = Context { world, state: now, number, lack, broker_before };
    CallDue::Call(Box::new(expect(context, call).unwrap()))
}

fn served(world: &World, now: &mut State, due: &Due, seen: &mut Observation) {
    seen.exchanges.push(Exchange::Answer(answer(due)));
    seen.edge.upstream.extend(due.upstream.as_ref().map(upstream));
    for account in &due.broker {
        seen.edge.upstream.push(UpstreamRequest {
            place: Place::Broker,
            method: "POST".to_owned(),
            target: b"/v1/tokens".to_vec(),
            headers: vec![("x-api-key".to_owned(), world.edge.pools[&Provider::Composio].text.clone().into_bytes())],
            body: json!({"connected_account_id": world.edge.accounts[*account].id}).to_string().into_bytes(),
            raw: Vec::new(),
            complete: true,
        });
    }
    if let Some(bill) = &due.bill {
        let lines = lines(world, now, bill, &format!("hold-{}", seen.exchanges.len()));
        seen.edge.ledger.entry(bill.tenant).or_default().extend(lines.clone());
        let mut own = Observation::default();
        own.edge.ledger.insert(bill.tenant, lines);
        now.edge.after_money(world, &own.edge, now.now_s.div_euclid(86_400));
    }
    seen.kv = due
        .reads
        .iter()
        .map(|key| crate::observation::KvAccess {
            operation: crate::observation::KvOperation::Get,
            key: key.clone(),
            by_worker: true,
        })
        .chain(seen.kv.drain(..))
        .collect();
}

/// A hold and its settlement.
pub(super) fn lines(world: &World, now: &State, bill: &Bill, hold: &str) -> Vec<LedgerLine> {
    let start = now.edge.wallets[bill.tenant];
    let after_hold = start - bill.hold;
    let charged = u128::from(bill.cost).min(u128::from(start)) as u64;
    let line = |kind, micros: i64, balance_after, unpaid_micros| LedgerLine {
        kind,
        micros,
        balance_after,
        hold: Some(hold.to_owned()),
        key: Some(now.edge.keys[bill.key].id.clone()),
        app: bill.app.map(|app| world.edge.apps[app].id.clone()),
        connection: Some(world.edge.connections[bill.connection].id.clone()),
        provider: Some(bill.provider.slug().to_owned()),
        model: None,
        unpaid_micros,
    };
    vec![
        line(LedgerKind::Hold, -(bill.hold as i64), after_hold, 0),
        line(LedgerKind::Settle, bill.hold as i64 - charged as i64, start - charged, bill.cost - charged),
    ]
}

pub(super) fn upstream(due: &DueUpstream) -> UpstreamRequest {
    UpstreamRequest {
        place: Place::Upstream(due.adapter),
        method: due.method.to_owned(),
        target: due.target.clone(),
        headers: due.headers.clone(),
        body: match &due.body {
            UpstreamBody::Bytes(bytes) => bytes.clone(),
            UpstreamBody::Json(value) => value.to_string().into_bytes(),
        },
        raw: Vec::new(),
        complete: true,
    }
}

pub(super) fn with_status(status: u16, headers: Fields, body: Vec<u8>) -> Answer {
    Answer {
        status,
        headers,
        body,
        trailers: Vec::new(),
        interim: Vec::new(),
        upgraded: None,
        end: End::Complete,
        raw: Vec::new(),
    }
}

fn field(name: &str, value: &str) -> (String, Vec<u8>) {
    (name.to_owned(), value.as_bytes().to_vec())
}

pub(super) fn answer(due: &Due) -> Answer {
    match &due.answer {
        DueAnswer::Entry { statuses } => with_status(statuses[0], Vec::new(), Vec::new()),
        DueAnswer::Refused(refusal) => refused(refusal),
        DueAnswer::Preflight => with_status(
            204,
            vec![
                field("access-control-allow-origin", "*"),
                field("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"),
                field("access-control-allow-headers", "*, Authorization"),
                field("access-control-max-age", "86400"),
            ],
            Vec::new(),
        ),
        DueAnswer::Relayed(relayed) => relay(relayed),
        DueAnswer::Token(token) => {
            let Token { access_token, expires_at } = token;
            vended(&json!({"access_token": access_token, "expires_at": expires_at, "token_type": "Bearer"}))
        }
        DueAnswer::Tokens(tokens) => {
            let of = |token: &Option<Token>| match token {
                None => Value::Null,
                Some(token) => json!({"access_token": token.access_token, "expires_at": token.expires_at}),
            };
            let all: serde_json::Map<String, Value> =
                tokens.iter().map(|(slug, token)| (slug.clone(), of(token))).collect();
            vended(&json!({"tokens": all}))
        }
    }
}

fn vended(body: &Value) -> Answer {
    let headers = vec![field("cache-control", "no-store"), field("content-type", "application/json")];
    with_status(200, headers, body.to_string().into_bytes())
}

fn relay(due: &RelayedDue) -> Answer {
    let Some(status) = due.status else { panic!("a proxy's own 502 is a refusal") };
    let mut body = due.body.sent.clone();
    for (from, to, _) in &due.body.masked {
        body[*from..*to].fill(b'*');
    }
    let end = if due.breaks { End::Truncated } else { End::Complete };
    Answer { end, ..with_status(status, due.headers.clone(), body) }
}

fn refused(refusal: &Refusal) -> Answer {
    let mut headers = vec![field("cache-control", "no-store"), field("content-type", "application/json")];
    headers.extend(refusal.code.map(|code| field("vendo-error-code", code)));
    headers.extend(refusal.retry_after_s.map(|seconds| field("retry-after", &seconds.to_string())));
    let body = match &refusal.shape {
        Shape::Any => json!({"error": "no"}),
        Shape::Toolkit(toolkit) => json!({"error": "binding_missing", "toolkit": toolkit}),
        Shape::Vend(code) => json!({"error": code, "detail": "no"}),
        Shape::Provider { word, adapter } => {
            let mut error = json!({"code": word, "message": "no"});
            let members = error.as_object_mut().unwrap();
            if word.starts_with("connection_") || *word == "binding_missing" {
                members.insert("slug".to_owned(), adapter.unwrap().slug().into());
            }
            if *word == "connection_needs_reauth" {
                members.insert("connect_url".to_owned(), "https://vendo.run/connections".into());
            }
            if let Some(seconds) = refusal.retry_after_s {
                members.insert("retry_after".to_owned(), seconds.into());
            }
            json!({ "error": error })
        }
    };
    let of_provider = matches!(refusal.shape, Shape::Toolkit(_) | Shape::Provider { .. });
    if of_provider {
        headers.push(field("access-control-allow-origin", "*"));
    }
    with_status(refusal.status, headers, body.to_string().into_bytes())
}

fn hooked(due: &hook::Expected, seen: &mut Observation) {
    let headers = match due.answer {
        hook::Answer::Own(_) => vec![field("cache-control", "no-store")],
        hook::Answer::Entry(_) | hook::Answer::Container(_) => Vec::new(),
    };
    seen.exchanges.push(Exchange::Answer(with_status(due.answer.status(), headers, Vec::new())));
    seen.deliveries.extend(due.delivery.as_ref().map(|due| Delivery {
        deployment: due.deployment,
        method: due.method.to_owned(),
        target: due.target.clone(),
        headers: due.headers.clone(),
        body: due.body.clone(),
        complete: true,
        raw: Vec::new(),
    }));
}

fn changed(world: &World, now: &mut State, change: EdgeControl, seen: &mut Observation) {
    if now.edge_outcome(world, change) == ControlOutcome::Refused {
        // Why a destination or a second binding is refused is its owner's to know.
        seen.control = Some(Err("not found".to_owned()));
        return;
    }
    seen.control = Some(Ok(()));
    for (tenant, micros) in control::credits(world, now, change) {
        let balance = &mut now.edge.wallets[tenant];
        *balance += micros;
        seen.edge.ledger.entry(tenant).or_default().push(LedgerLine {
            kind: LedgerKind::Credit,
            micros: micros as i64,
            balance_after: *balance,
            hold: None,
            key: None,
            app: None,
            connection: None,
            provider: None,
            model: None,
            unpaid_micros: 0,
        });
    }
    match change {
        EdgeControl::IssueKey { .. } => {
            let plaintext = format!("vendo_sk_{:032}", now.edge.keys.len());
            let prefix = plaintext[..12].to_owned();
            seen.edge.issued = Some(IssuedKey { plaintext, prefix });
        }
        EdgeControl::ListKeys { actor } => {
            let tenant = usize::from(actor) % world.tenants.len();
            let own = now.edge.keys.iter().filter(|key| key.tenant == tenant);
            let lines: Vec<String> = own.map(|key| format!("{} {}…", key.id, &key.bearer[..12])).collect();
            seen.edge.listing = Some(lines.join("\n"));
        }
        EdgeControl::Dump => {
            let ids: Vec<&str> = now.edge.keys.iter().map(|key| key.id.as_str()).collect();
            seen.edge.dump = Some(ids.join("\n"));
        }
        _ => {}
    }
}

/// An ideal vault's envelopes: version, key id, a nonce that counts, what nobody can read, a tag.
fn vault(world: &World, tried: crate::action::edge::VaultTry) -> VaultSeen {
    let plan = vault_plan(world, tried);
    let mut seen = VaultSeen::default();
    let mut generations: BTreeMap<&str, u8> = BTreeMap::new();
    for step in &plan {
        if let VaultStep::RotateTenant { tenant } = step {
            *generations.entry(tenant).or_default() += 1;
        }
        if let VaultStep::Seal { value, field } = step {
            let number = seen.sealed.len() as u32;
            let generation = generations.get(field.tenant.as_str()).copied().unwrap_or(0);
            let mut envelope = vec![1, 0, 0, 0, generation + 1];
            envelope.extend_from_slice(&[0; 8]);
            envelope.extend_from_slice(&number.to_be_bytes());
            let block = |at: usize| Sha256::digest([number.to_be_bytes(), (at as u32).to_be_bytes()].concat());
            let noise = (0..).flat_map(block).take(value.len() + 16);
            envelope.extend(noise);
            seen.sealed.push(envelope);
        }
    }
    seen.opened = super::vault::due(&plan, &seen.sealed).into_iter().map(|due| due.value).collect();
    seen
}
