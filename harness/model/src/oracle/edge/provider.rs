//! What a call to a provider proxy must lead to.

use super::chain::ChainRefusal;
use super::cost::{cost_micros, has_rates};
use super::expect::{Bill, Context, Due, DueAnswer, DueUpstream, Effect, Lack, Refusal, Shape, UpstreamBody};
use super::key::key_of;
use super::route::{Class, Metered, class};
use super::scope::{Scope, breaks_syntax, key_record};
use super::why::Why;
use crate::action::Method;
use crate::action::edge::EdgeCall;
use crate::action::edge::provider::{
    BodyShape, ComposioAction, ExtraMember, JobRef, ModelName, PathModel, ProviderCall, SpellingMeans,
};
use crate::observation::{Fields, Place};
use crate::render::WireBody;
use crate::render::edge::body::{body_text, listed, question, tokens_estimated_of, upstream_path};
use crate::render::edge::call::header_fields;
use crate::render::edge::path::{passing_query, path_model};
use crate::render::edge::upstream::{Asking, RelayedDue, Served, UpstreamScript, credential_header, serve};
use crate::state::State;
use crate::state::edge::{Job, KeyState};
use crate::world::World;
use crate::world::edge::{ConnectionProfile, Grant, Meter, Provider, replaced};

/// What a call to a provider proxy must lead to.
pub(super) fn expect(context: Context<'_>, call: &ProviderCall) -> Due {
    let mut due = decided(context, call);
    if due.scripts.is_empty() {
        // A target that sends it on all the same is answered as its upstream would.
        let adapter = call.adapter.meant().unwrap_or(Provider::Openai);
        let served = serve(call, Asking { adapter, credential: "", tenant: 0 });
        due.scripts.push(script(context, adapter, &served, false));
    }
    due
}

fn script(context: Context<'_>, adapter: Provider, served: &Served, due: bool) -> UpstreamScript {
    UpstreamScript {
        place: Place::Upstream(adapter),
        answers: context.number.to_string(),
        due,
        pieces: served.pieces.clone(),
        end: served.end,
    }
}

fn decided(context: Context<'_>, call: &ProviderCall) -> Due {
    if matches!(call.ask.method_sent(), Method::Connect | Method::Trace) {
        return Due::answered(Why::Method, DueAnswer::Entry { statuses: &[405] });
    }
    if call.carrier.host.is_refused() || breaks_syntax(&call.carrier.headers) {
        return Due::answered(Why::Entry, DueAnswer::Entry { statuses: &[400] });
    }
    let adapter = call.adapter.meant();
    let refusal = |why, status, code, word| refused(why, status, code, word, adapter);
    if call.ask.spelling.means() == SpellingMeans::Guarded {
        // Some of them are refused by a parser before the guard sees them.
        let due = refusal(Why::PathGuard, 400, None, "bad_request");
        return Due { answer: DueAnswer::Entry { statuses: &[400] }, ..due };
    }
    let Some(adapter) = adapter else {
        return refusal(Why::NoAdapter, 404, None, "not_found");
    };
    if call.ask.preflight {
        return Due::answered(Why::Preflight, DueAnswer::Preflight);
    }
    let mut due = with_key(context, call, adapter);
    due.reads.extend(key_record(context.world, context.state, call.presented));
    due
}

fn with_key(context: Context<'_>, call: &ProviderCall, adapter: Provider) -> Due {
    let (world, state) = (context.world, context.state);
    let refusal = |why, status, code, word| refused(why, status, code, word, Some(adapter));
    let index = match key_of(world, &state.edge, state.now_s, &call.presented) {
        Ok(index) => index,
        Err(ended) => return refusal(ended.why(), 401, Some(ended.code()), ended.code()),
    };
    let Some(own) = state.edge.keys.get(index) else {
        return refusal(Why::NoKey, 401, Some("app_unknown"), "app_unknown");
    };
    let scope = Scope { world, state, key: index, headers: &call.carrier.headers, by_user: false };
    let class = class(adapter, call.ask);
    let mut due = if adapter == Provider::Composio {
        composio(context, call, scope, own, class)
    } else {
        match scope.connection(adapter) {
            Err((refused, why)) => refusal(why, refused.status(), Some(refused.code()), refused.code()),
            Ok(connection) if !is_usable(world, connection, false) => {
                refusal(Why::NotUsable, 403, Some("binding_missing"), "binding_missing")
            }
            Ok(connection) => routed(context, call, Caller { key: own, index, connection, adapter }, class),
        }
    };
    due.key = Some(index);
    due.reads.extend(scope.records());
    due
}

/// Whether a provider proxy uses connections of this one's kind. `brokered` says that it is composio's.
fn is_usable(world: &World, connection: usize, brokered: bool) -> bool {
    match world.edge.connections.get(connection).map(|own| own.profile) {
        Some(
            ConnectionProfile::ByokStatic | ConnectionProfile::OauthAppInstall | ConnectionProfile::VendoManagedPool,
        ) => !brokered,
        Some(ConnectionProfile::ComposioManaged) => brokered,
        Some(ConnectionProfile::WebhookInbound | ConnectionProfile::UserOauth) | None => false,
    }
}

/// A caller whose key opens a connection.
#[derive(Clone, Copy)]
struct Caller<'a> {
    key: &'a KeyState,
    index: usize,
    connection: usize,
    adapter: Provider,
}

fn routed(context: Context<'_>, call: &ProviderCall, caller: Caller<'_>, class: Class) -> Due {
    match class {
        Class::Blocked => refused(Why::Blocked, 403, None, "route_blocked", Some(caller.adapter)),
        Class::Free => served(context, call, caller, None),
        Class::Metered(metered) => billed(context, call, caller, metered),
    }
}

/// composio's proxy reads the body before it looks for a binding, since the body names the toolkit.
fn composio(context: Context<'_>, call: &ProviderCall, scope: Scope<'_>, key: &KeyState, class: Class) -> Due {
    let adapter = Provider::Composio;
    let Class::Metered(metered @ Metered::Execute(action)) = class else {
        return refused(Why::Blocked, 403, None, "route_blocked", Some(adapter));
    };
    if let Err(due) = body_is_good(call, adapter) {
        return *due;
    }
    if matches!(call.payload.member, Some(ExtraMember::Account(..))) {
        return bad_body(adapter);
    }
    let toolkit = match action {
        ComposioAction::Of(provider) => Some(provider),
        ComposioAction::UnknownToolkit => None,
        ComposioAction::Lower(_)
        | ComposioAction::NoUnderscore(_)
        | ComposioAction::NoToolkit
        | ComposioAction::Dotted(_)
        | ComposioAction::Missing
        | ComposioAction::Number => return bad_body(adapter),
    };
    let slug = toolkit.map_or("stripe", Provider::slug);
    let missing = |why| {
        let shape = Shape::Toolkit(slug.to_owned());
        let code = Some("binding_missing");
        Due::answered(why, DueAnswer::Refused(Refusal { status: 403, code, shape, retry_after_s: None }))
    };
    let Some(toolkit) = toolkit else { return missing(Why::Unbound) };
    match scope.connection(toolkit) {
        Err((ChainRefusal::BindingMissing, why)) => missing(why),
        Err((refusal, why)) => refused(why, refusal.status(), Some(refusal.code()), refusal.code(), Some(adapter)),
        Ok(connection) if !is_usable(context.world, connection, true) => missing(Why::NotUsable),
        Ok(connection) => billed(context, call, Caller { key, index: scope.key, connection, adapter }, metered),
    }
}

fn bad_body(adapter: Provider) -> Due {
    refused(Why::BadBody, 400, Some("validation_failed"), "validation_failed", Some(adapter))
}

/// Whether a metered POST's body is one, whatever it says.
fn body_is_good(call: &ProviderCall, adapter: Provider) -> Result<(), Box<Due>> {
    if call.payload.shape == BodyShape::TooLarge {
        return Err(Box::new(refused(Why::TooLarge, 413, None, "payload_too_large", Some(adapter))));
    }
    if call.payload.shape.is_good() { Ok(()) } else { Err(Box::new(bad_body(adapter))) }
}

/// A metered call: its body, its model's rate, its hold.
fn billed(context: Context<'_>, call: &ProviderCall, caller: Caller<'_>, metered: Metered) -> Due {
    let (world, state, adapter) = (context.world, context.state, caller.adapter);
    let posts = !matches!(metered, Metered::Transcript(_) | Metered::Prediction(_));
    if posts && let Err(due) = body_is_good(call, adapter) {
        return *due;
    }
    let model = match model(world, call, adapter, metered) {
        Ok(model) => model,
        Err(()) => return bad_body(adapter),
    };
    let needs_rate = !matches!(metered, Metered::Prediction(_));
    if needs_rate && !model.as_deref().is_some_and(|model| has_rates(world, adapter, model)) {
        return refused(Why::NoRate, 402, None, "rate_missing", Some(adapter));
    }
    if let Metered::Transcript(job) | Metered::Prediction(job) = metered {
        let whose = match job {
            JobRef::Of { tenant, job } => Some((usize::from(tenant) % world.tenants.len().max(1), job)),
            JobRef::Unknown => None,
        };
        let begun = whose.filter(|(tenant, number)| {
            state.edge.jobs.contains(&Job { tenant: *tenant, provider: adapter, number: *number })
        });
        match begun {
            Some((tenant, _)) if tenant == caller.key.tenant => {}
            Some(_) => return refused(Why::ForeignJob, 404, None, "not_found", Some(adapter)),
            None => return refused(Why::NoJob, 404, None, "not_found", Some(adapter)),
        }
    }
    match context.lack {
        None => {}
        Some(Lack::Store) => return refused(Why::WalletAway, 503, None, "wallet_unavailable", Some(adapter)),
        Some(Lack::Balance) => {
            return refused(Why::NoFunds, 402, Some("balance_exhausted"), "balance_exhausted", Some(adapter));
        }
        Some(Lack::Daily) => return capped(state, adapter, "spend_cap_daily", next_day(state.now_s)),
        Some(Lack::Monthly) => return capped(state, adapter, "spend_cap_monthly", next_month(state.now_s)),
    }
    served(context, call, caller, Some((metered, model)))
}

fn capped(state: &State, adapter: Provider, code: &'static str, at_s: i64) -> Due {
    let shape = Shape::Provider { word: code, adapter: Some(adapter) };
    let retry_after_s = Some((at_s - state.now_s).max(1));
    Due::answered(Why::Capped, DueAnswer::Refused(Refusal { status: 429, code: Some(code), shape, retry_after_s }))
}

/// The second at which the next UTC day begins.
#[must_use]
pub(super) const fn next_day(now_s: i64) -> i64 {
    (now_s.div_euclid(86_400) + 1) * 86_400
}

/// The second at which the next UTC month begins.
#[must_use]
pub(super) fn next_month(now_s: i64) -> i64 {
    use crate::render::edge::time::civil;
    let today = now_s.div_euclid(86_400);
    let (_, month, _) = civil(today);
    let first = (today..today + 32).find(|day| civil(*day).1 != month);
    first.unwrap_or(today + 31) * 86_400
}

/// The model whose rate counts; `Err` where the body names none as it must.
fn model(world: &World, call: &ProviderCall, adapter: Provider, metered: Metered) -> Result<Option<String>, ()> {
    let of_body = |default: Option<&'static str>| match call.payload.model {
        ModelName::Listed(_) | ModelName::Escaped(_) => Ok(Some(adapter.model(listed(call.payload.model)).to_owned())),
        // Another spelling is another name, and no rate bears it.
        ModelName::OtherCase(_)
        | ModelName::TrailingSpace(_)
        | ModelName::Suffixed(_)
        | ModelName::Prefixed(_)
        | ModelName::Unlisted
        | ModelName::Empty => Ok(None),
        ModelName::Missing => default.map(|model| Some(model.to_owned())).ok_or(()),
        ModelName::Number | ModelName::Null | ModelName::Array(_) => Err(()),
    };
    let of_path = |of: PathModel| match of {
        PathModel::Listed(_) => Some(path_model(world, adapter, of)),
        PathModel::OtherCase(_) | PathModel::Unlisted | PathModel::TenantId(_) => None,
    };
    match metered {
        Metered::Tokens => of_body(None),
        Metered::Speech => of_body(Some("eleven_multilingual_v2")),
        Metered::Transcribe(_) => of_body(Some("best")),
        Metered::TokensOf(of) | Metered::Predict(of, _) => Ok(of_path(of)),
        Metered::Transcript(_) => Ok(Some("best".to_owned())),
        Metered::NoModel | Metered::Prediction(_) => Ok(None),
        Metered::Execute(action) => Ok(match action {
            ComposioAction::Of(provider) => Some(provider.slug().to_owned()),
            ComposioAction::UnknownToolkit
            | ComposioAction::Lower(_)
            | ComposioAction::NoUnderscore(_)
            | ComposioAction::NoToolkit
            | ComposioAction::Dotted(_)
            | ComposioAction::Missing
            | ComposioAction::Number => None,
        }),
    }
}

/// The credential that is injected for a connection now.
#[must_use]
pub(super) fn credential(world: &World, state: &State, connection: usize, adapter: Provider) -> String {
    let Some(own) = world.edge.connections.get(connection) else { return String::new() };
    let times = state.edge.connections.get(connection).map_or(0, |own| own.credential);
    let pooled = || world.edge.pools.get(&adapter).map(|canary| canary.text.clone()).unwrap_or_default();
    match own.profile {
        ConnectionProfile::ByokStatic | ConnectionProfile::OauthAppInstall => {
            own.credential.as_ref().map(|canary| replaced(&canary.text, times)).unwrap_or_default()
        }
        ConnectionProfile::VendoManagedPool | ConnectionProfile::ComposioManaged => pooled(),
        ConnectionProfile::WebhookInbound | ConnectionProfile::UserOauth => String::new(),
    }
}

fn served(
    context: Context<'_>,
    call: &ProviderCall,
    caller: Caller<'_>,
    metered: Option<(Metered, Option<String>)>,
) -> Due {
    let (world, state) = (context.world, context.state);
    let credential = credential(world, state, caller.connection, caller.adapter);
    let asking = Asking { adapter: caller.adapter, credential: &credential, tenant: caller.key.tenant };
    let behind = serve(call, asking);
    let mut effects = Vec::new();
    let job = |number| Job { tenant: caller.key.tenant, provider: caller.adapter, number };
    if behind.begins_job
        && let Some((Metered::Transcribe(number) | Metered::Predict(_, number), _)) = &metered
    {
        effects.push(Effect::Begun(job(*number)));
    }
    let bill = metered.map(|(metered, model)| {
        let of = |tenant| costs(world, state, call, (caller.adapter, tenant), metered, model.as_deref(), &behind);
        let (cost, charged) = of(caller.key.tenant);
        let others = (0..world.tenants.len()).filter(|tenant| *tenant != caller.key.tenant);
        let mut elsewhere: Vec<u64> = others.map(|tenant| of(tenant).0).filter(|other| *other != cost).collect();
        elsewhere.sort_unstable();
        elsewhere.dedup();
        effects.extend(charged.map(Effect::Charged));
        Bill {
            tenant: caller.key.tenant,
            key: caller.index,
            app: match caller.key.grant {
                Grant::App(app) => Some(app),
                Grant::Connection(_) => None,
            },
            connection: caller.connection,
            provider: caller.adapter,
            hold: caller.adapter.hold_micros(),
            cost,
            elsewhere,
        }
    });
    let (why, answer) = relayed(&behind.relayed, caller.adapter);
    Due {
        upstream: Some(upstream(context, call, caller, &credential)),
        bill,
        connections: vec![caller.connection],
        effects,
        scripts: vec![script(context, caller.adapter, &behind, true)],
        ..Due::answered(why, answer)
    }
}

fn relayed(due: &RelayedDue, adapter: Provider) -> (Why, DueAnswer) {
    if due.status.is_none() {
        let own = refused(Why::BadGateway, 502, Some("upstream_error"), "upstream_error", Some(adapter));
        return (Why::BadGateway, own.answer);
    }
    (Why::Served, DueAnswer::Relayed(due.clone()))
}

/// What the call would cost a tenant, and the transcript that is charged with it.
fn costs(
    world: &World,
    state: &State,
    call: &ProviderCall,
    (adapter, tenant): (Provider, usize),
    metered: Metered,
    model: Option<&str>,
    behind: &Served,
) -> (u64, Option<Job>) {
    let succeeded = behind.relayed.status.is_some_and(|status| (200..300).contains(&status));
    if !succeeded {
        return (0, None);
    }
    let of = |model: &str, meter: Meter, units: u64| {
        cost_micros(world, tenant, adapter, model, meter, units).unwrap_or(u64::MAX)
    };
    let model = model.unwrap_or_default();
    match metered {
        Metered::Tokens | Metered::TokensOf(_) => {
            let asked = body_text(world, call).map_or(0, |body| u64::try_from(body.len()).unwrap_or(u64::MAX));
            let input = behind.input.unwrap_or_else(|| tokens_estimated_of(asked));
            // A stream that nobody counted has what its events show, and a token for each kibibyte at the least.
            let shown = behind.deltas.map(|deltas| deltas.max(behind.bytes.div_ceil(1024)));
            let output = behind.output.or(shown).unwrap_or_else(|| tokens_estimated_of(behind.bytes));
            let cost = of(model, Meter::InputTokens, input).saturating_add(of(model, Meter::OutputTokens, output));
            (cost, None)
        }
        Metered::Speech => {
            let characters = u64::try_from(question(world, call).chars().count()).unwrap_or(u64::MAX);
            (of(model, Meter::Characters, characters), None)
        }
        Metered::Transcript(JobRef::Of { tenant: whose, job }) => {
            let whose = usize::from(whose) % world.tenants.len().max(1);
            let job = Job { tenant: whose, provider: adapter, number: job };
            let Some(seconds) = transcript_seconds(call, behind) else { return (0, None) };
            if state.edge.charged.contains(&job) {
                return (0, None);
            }
            let model = if is_nano(call) { "nano" } else { "best" };
            (of(model, Meter::Seconds, seconds), Some(job))
        }
        Metered::Predict(..) | Metered::Execute(_) => (of(model, Meter::Calls, 1), None),
        Metered::Transcribe(_) | Metered::Transcript(JobRef::Unknown) | Metered::Prediction(_) | Metered::NoModel => {
            (0, None)
        }
    }
}

/// The seconds of a transcript that its answer says is completed.
fn transcript_seconds(call: &ProviderCall, behind: &Served) -> Option<u64> {
    match call.upstream.usage {
        crate::action::edge::provider::Usage::Reported { .. } => behind.input,
        crate::action::edge::provider::Usage::Missing | crate::action::edge::provider::Usage::Lies(_) => None,
    }
}

const fn is_nano(call: &ProviderCall) -> bool {
    matches!(call.upstream.usage, crate::action::edge::provider::Usage::Reported { output, .. } if output % 2 == 1)
}

/// What must reach the upstream.
fn upstream(context: Context<'_>, call: &ProviderCall, caller: Caller<'_>, credential: &str) -> DueUpstream {
    let (world, state, adapter) = (context.world, context.state, caller.adapter);
    let whole = EdgeCall::Provider(call.clone());
    let fields = header_fields(world, state, &whole, context.number).into_iter().filter(|field| field.passes);
    let mut headers: Fields = fields.map(|field| (field.name.to_ascii_lowercase(), field.value)).collect();
    if let Some((name, value)) = credential_header(adapter, credential) {
        headers.push((name.to_owned(), value.into_bytes()));
    }
    headers.push(("host".to_owned(), adapter.upstream_host().unwrap_or_default().as_bytes().to_vec()));
    headers.push(("accept-encoding".to_owned(), b"identity".to_vec()));
    if adapter == Provider::Composio {
        let account = world.edge.connections.get(caller.connection).and_then(|own| own.account);
        let id = account.and_then(|account| world.edge.accounts.get(account)).map(|own| own.id.clone());
        headers.push(("x-connected-account-id".to_owned(), id.unwrap_or_default().into_bytes()));
    }
    headers.sort();
    let path = upstream_path(world, call);
    let path = if adapter == Provider::Telegram { format!("/bot{credential}{path}") } else { path };
    let target = [path.into_bytes(), passing_query(world, state, call)].concat();
    DueUpstream {
        adapter,
        method: call.ask.method_sent().as_str(),
        target,
        headers,
        body: upstream_body(world, call, adapter),
    }
}

fn upstream_body(world: &World, call: &ProviderCall, adapter: Provider) -> UpstreamBody {
    let bytes = body_text(world, call).unwrap_or_default();
    let asks_for_usage = adapter == Provider::Openrouter && call.payload.stream && !bytes.is_empty();
    if asks_for_usage && let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(&bytes) {
        if let Some(members) = value.as_object_mut() {
            members.insert("usage".to_owned(), serde_json::json!({"include": true}));
        }
        return UpstreamBody::Json(value);
    }
    UpstreamBody::Bytes(WireBody::Length(bytes).bytes())
}

fn refused(why: Why, status: u16, code: Option<&'static str>, word: &'static str, adapter: Option<Provider>) -> Due {
    let shape = Shape::Provider { word, adapter };
    Due::answered(why, DueAnswer::Refused(Refusal { status, code, shape, retry_after_s: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_begin_at_midnight() {
        // 2026-09-21T13:33:20Z, 2026-12-31T23:59:59Z, 2028-02-29T00:00:00Z, and a first of the month to the second.
        for (now, day, month) in [
            (1_789_997_600, 1_790_035_200, 1_790_812_800),
            (1_798_761_599, 1_798_761_600, 1_798_761_600),
            (1_835_395_200, 1_835_481_600, 1_835_481_600),
            (1_798_761_600, 1_798_848_000, 1_801_440_000),
        ] {
            assert_eq!((next_day(now), next_month(now)), (day, month), "{now}");
        }
    }
}
