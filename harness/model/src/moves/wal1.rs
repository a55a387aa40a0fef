//! WAL-1: metered calls that are to be paid by somebody else, by nobody, or twice.

use super::draft::{CLEAR, Draft};
use super::edge_draft::{RouteKind, Service, Way, is_metered, named, streaming};
use crate::action::Transport;
use crate::action::edge::control::ConnectionStatus;
use crate::action::edge::header::{TenantField, UserToken, UserTokenAlteration};
use crate::action::edge::provider::{
    Ask, BodyShape, ClientEnd, JobRef, Lie, ModelName, QueryPair, Route, UpstreamKind, UpstreamReply, Usage,
};
use crate::action::edge::{Carrier, Door, EdgeCall, EdgeControl, EdgeHeader, HostLine, Presented, ProviderCall};
use crate::action::header::NameSpelling;
use crate::choose::Choose;
use crate::world::edge::Provider;

/// What the dearest adapters hold of a call.
const A_HOLD_MICROS: u64 = 1_000_000;
/// Adapters whose upstreams report tokens, and may stream.
const TOKENS: [Provider; 4] = [Provider::Openai, Provider::Anthropic, Provider::Openrouter, Provider::Gemini];

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    match name {
        "header-names-tenant" => {
            let (call, other) = draft.spending()?;
            let call = with_tenant_headers(draft, call, other);
            draft.proxied(call);
        }
        "query-names-tenant" => {
            let (call, other) = draft.spending()?;
            let mut call = ProviderCall { query: vec![QueryPair::Plain(0), QueryPair::Tenant(other)], ..call };
            if draft.one_in(2) {
                call.query.reverse();
            }
            draft.proxied(call);
        }
        "body-names-tenant" => {
            let (mut call, other) = draft.spending()?;
            call.payload.names_tenant = Some(other);
            draft.proxied(call);
        }
        "foreign-connection-id" => foreign_connection_id(draft)?,
        "concurrent" => concurrent(draft)?,
        "concurrent-tenants" => concurrent_tenants(draft)?,
        "retry" => retry(draft)?,
        "died-stream" => died_stream(draft)?,
        "upstream-died" => upstream_died(draft)?,
        "refused-call" => refused_call(draft)?,
        "upstream-usage-lies" => upstream_usage_lies(draft)?,
        "reused-connection" => reused_connection(draft)?,
        _ => return None,
    }
    Some(())
}

/// Headers that name another tenant, or one of its people.
fn with_tenant_headers<C: Choose>(draft: &mut Draft<'_, C>, mut call: ProviderCall, other: u8) -> ProviderCall {
    for _ in 0..draft.of(&[1, 1, 2, 3]) {
        let (field, spelling) = (draft.of(&TenantField::ALL), draft.of(&NameSpelling::ALL));
        call.carrier.headers.push(EdgeHeader::TenantNamed { field, spelling, tenant: other });
    }
    if draft.one_in(4) {
        let member = draft.sender(usize::from(other));
        let token = UserToken { member, alteration: UserTokenAlteration::None };
        call.carrier.headers.push(draft.of(&[EdgeHeader::SessionCookie(member), EdgeHeader::UserJwt(token)]));
    }
    call
}

/// Another tenant's connection would be paid by that tenant, if its owner were who pays.
fn foreign_connection_id<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let (spender, other) = draft.two_tenants();
    if draft.one_in(2) {
        draft.fund(spender);
    }
    let ours = draft.way(spender, Service::Proxy, |way| is_metered(way) && !way.own_key)?;
    let theirs = draft.way(other, Service::Proxy, is_metered)?;
    let alike = draft.way(other, Service::Proxy, |way| way.provider == ours.provider).unwrap_or(theirs);
    let theirs = draft.of(&[alike, alike, theirs]);
    draft.fund(other);
    if draft.one_in(2) {
        draft.warm(theirs, RouteKind::Metered)?;
    }
    let mut call = draft.served(Way { named: false, ..ours }, RouteKind::Metered)?;
    let header = draft.foreign_name(theirs.connection, Some(ours.connection));
    call.carrier.headers.push(header);
    if draft.one_in(3) {
        call.query.push(QueryPair::Connection(theirs.connection));
    }
    draft.proxied(call);
    Some(())
}

/// More at once than the balance covers, by one key of the tenant's or by several.
fn concurrent<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let poor: Vec<usize> =
        (0..draft.world.tenants.len()).filter(|tenant| draft.wallet(*tenant) < 3 * A_HOLD_MICROS).collect();
    let tenant = draft.among(&poor)?;
    // To the cent, where a hold just fits or just doesn't.
    let cents = draft.of(&[0, 0, 0, 1, 10, 29, 30]);
    if cents > 0 {
        draft.operate(EdgeControl::TopUp { tenant: named(tenant), cents });
    }
    let balance = draft.wallet(tenant) + u64::from(cents) * 10_000;
    let small = balance < A_HOLD_MICROS;
    let by_one_key = draft.one_in(3);
    let first = draft.way(tenant, Service::Proxy, |way| is_metered(way) && (small || is_dear(way)))?;
    let (mut calls, mut held) = (Vec::new(), 0);
    while calls.len() < 4 && (calls.len() < 2 || held <= balance || draft.one_in(2)) {
        let last = calls.len() == 3 && held <= balance;
        let way = match calls.len() {
            0 => first,
            _ if by_one_key && !last => first,
            _ if small && !last => draft.way(tenant, Service::Proxy, is_metered)?,
            _ => draft.way(tenant, Service::Proxy, is_dear)?,
        };
        held += way.provider.hold_micros();
        calls.push(draft.served(way, RouteKind::Metered)?);
    }
    draft.at_once(jobs_apart(calls));
    Some(())
}

/// Whose job is whose must not depend on which call is first: each begins one of its own.
fn jobs_apart(calls: Vec<ProviderCall>) -> Vec<EdgeCall> {
    let numbered = calls.into_iter().zip(0..).map(|(mut call, job)| {
        if let Route::Transcribe(number) | Route::Predict(_, number) = &mut call.ask.route {
            *number = job;
        }
        EdgeCall::Provider(call)
    });
    numbered.collect()
}

/// Calls at once with a key that has caps: what two of them hold is all that it may spend in a day.
fn beyond_a_cap<C: Choose>(draft: &mut Draft<'_, C>, tenant: usize) -> Option<()> {
    let key = draft.world.capped_key(tenant)?;
    let grant = draft.world.key(key).grant;
    let world = draft.world;
    let way = draft.way(tenant, Service::Proxy, |way| is_dear(way) && world.key(way.key).grant == grant)?;
    let mut calls = Vec::new();
    for _ in 0..3 {
        let mut call = draft.served(way, RouteKind::Metered)?;
        call.presented = Presented::key(key);
        calls.push(EdgeCall::Provider(call));
    }
    draft.at_once(calls);
    Some(())
}

const fn is_dear(way: &Way) -> bool {
    way.provider.hold_micros() >= A_HOLD_MICROS
}

fn concurrent_tenants<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let (first, second) = draft.two_tenants();
    draft.fund(first);
    if draft.one_in(2) {
        // Else one of them may have nothing left, and must not have his call paid by the other.
        draft.fund(second);
    }
    let ours = draft.way(first, Service::Proxy, is_metered)?;
    let theirs = draft.way(second, Service::Proxy, is_metered)?;
    let alike = draft.way(second, Service::Proxy, |way| way.provider == ours.provider).unwrap_or(theirs);
    let theirs = draft.of(&[alike, theirs]);
    if draft.one_in(3) {
        draft.warm(ours, RouteKind::Metered)?;
    }
    let mut ways = vec![ours, theirs];
    for _ in 0..draft.of(&[0, 1, 2]) {
        let more = draft.of(&[ours, theirs]);
        ways.push(more);
    }
    if draft.one_in(2) {
        ways.reverse();
    }
    let mut calls = Vec::new();
    for way in ways {
        calls.push(draft.served(way, RouteKind::Metered)?);
    }
    draft.at_once(jobs_apart(calls));
    Some(())
}

/// The very same call again, as a client library repeats it; and the result of a job, asked for more than once.
fn retry<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let tenant = draft.tenant();
    let way = draft.paid_way(tenant)?;
    let route = draft.route(way, RouteKind::Metered)?;
    let tenant = named(tenant);
    let result = if let Route::Transcribe(job) = route {
        Some(Route::Transcript(JobRef::Of { tenant, job }))
    } else if let Route::Predict(_, job) = route {
        Some(Route::Prediction(JobRef::Of { tenant, job }))
    } else {
        None
    };
    let call = draft.asked(way, route);
    let call = match result {
        // In most tries the first answer of a job isn't its result yet.
        Some(_) if draft.one_in(2) => {
            let upstream = UpstreamReply { usage: Usage::Missing, ..call.upstream };
            ProviderCall { upstream, ..call }
        }
        Some(_) | None => call,
    };
    draft.proxied(call.clone());
    let again = match result {
        Some(result) if !draft.one_in(3) => {
            let asked = draft.asked(way, result);
            draft.proxied(asked.clone());
            asked
        }
        Some(_) | None => call,
    };
    for _ in 0..draft.of(&[0, 0, 1]) {
        draft.proxied(again.clone());
    }
    if draft.one_in(4) {
        draft.pass(&[1, 61, 86_400]);
    }
    draft.proxied(again);
    Some(())
}

fn died_stream<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let way = draft.token_way()?;
    let events = draft.of(&[1, 2, 4, 6]);
    let mut call = draft.streamed(way, events)?;
    let seen = draft.of(&[0, 1, 2, 4]).min(events);
    call.client = ClientEnd::HangsUpAfter(seen);
    if draft.one_in(3) {
        // The one before was read to its end.
        draft.warm(way, RouteKind::Metered)?;
    }
    draft.proxied(call.canonical());
    Some(())
}

fn upstream_died<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    if draft.one_in(4) {
        let tenant = draft.tenant();
        let way = draft.paid_way(tenant)?;
        let call = draft.served(way, RouteKind::Metered)?;
        let upstream = UpstreamReply { kind: UpstreamKind::AnswerDies, ..call.upstream };
        draft.proxied(streaming(ProviderCall { upstream, ..call }));
        return Some(());
    }
    let way = draft.token_way()?;
    let call = draft.streamed(way, 1)?;
    let kind = UpstreamKind::StreamDies(draft.of(&[0, 1, 2, 5]));
    draft.proxied(ProviderCall { upstream: UpstreamReply { kind, ..call.upstream }, ..call });
    Some(())
}

/// Refused at each of the checks behind the key, and at the key itself: no line of any ledger says anything of it.
fn refused_call<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let (tenant, other) = draft.two_tenants();
    let (refusal, twice) = (draft.of(&[0, 0, 0, 1, 2, 3, 4, 5, 6, 7]), draft.one_in(3));
    if refusal != 6 {
        draft.fund(tenant);
    }
    let way = draft.way(tenant, Service::Proxy, is_metered)?;
    if draft.one_in(3) {
        draft.warm(way, RouteKind::Metered)?;
    }
    if refusal != 6 {
        beyond_a_cap(draft, tenant)?;
    }
    let mut call = draft.served(way, RouteKind::Metered)?;
    match refusal {
        0 => {
            let presented = draft.no_good_key(tenant, way.key)?;
            call.presented = presented;
        }
        1 => {
            let theirs = draft.way(other, Service::Proxy, is_metered)?;
            let header = draft.foreign_name(theirs.connection, None);
            call.carrier.headers.push(header);
        }
        2 => call.ask = Ask::of(draft.of(&[Route::Files, Route::AdminKeys, Route::Credits, Route::Root])),
        3 => {
            let bad = [
                ModelName::Unlisted,
                ModelName::OtherCase(0),
                ModelName::TrailingSpace(0),
                ModelName::Suffixed(0),
                ModelName::Number,
                ModelName::Empty,
            ];
            call.payload.model = draft.of(&bad);
        }
        4 => {
            let bad: Vec<BodyShape> = BodyShape::ALL.into_iter().filter(|shape| !shape.is_good()).collect();
            call.payload.shape = draft.among(&bad)?;
        }
        5 => {
            let status = draft.of(&[ConnectionStatus::NeedsReauth, ConnectionStatus::Error]);
            draft.operate(EdgeControl::SetConnection { connection: way.connection, status });
        }
        6 => {
            // Whose wallet covers no hold, if there is such a tenant.
            let poorest = (0..draft.world.tenants.len()).min_by_key(|tenant| draft.wallet(*tenant))?;
            let way = draft.way(poorest, Service::Proxy, is_dear)?;
            call = draft.served(way, RouteKind::Metered)?;
        }
        _ => draft.operate(EdgeControl::SetWalletAvailable { on: false }),
    }
    let call = streaming(call.canonical());
    if twice {
        draft.proxied(call.clone());
    }
    draft.proxied(call);
    Some(())
}

fn upstream_usage_lies<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let way = draft.token_way()?;
    let other = draft.other_tenant(way.tenant);
    let lie = if draft.one_in(4) { Lie::Foreign(named(other)) } else { draft.of(&Lie::ALONE) };
    let call = if draft.one_in(2) { draft.streamed(way, 2)? } else { draft.served(way, RouteKind::Metered)? };
    let upstream = UpstreamReply { usage: Usage::Lies(lie), ..call.upstream };
    let call = ProviderCall { upstream, ..call };
    if draft.one_in(3) {
        // What the first left of the balance is what the second finds.
        draft.proxied(call.clone());
        if lie == Lie::Largest {
            draft.operate(EdgeControl::TopUp { tenant: named(way.tenant), cents: 200 });
        }
    }
    draft.proxied(call);
    Some(())
}

/// Two keys in turn on one connection: each call is its own key's, and paid by its own tenant.
fn reused_connection<C: Choose>(draft: &mut Draft<'_, C>) -> Option<()> {
    let (first, second) = draft.two_tenants();
    let second = draft.of(&[second, second, second, first]);
    draft.fund(first);
    if draft.one_in(2) {
        draft.fund(second);
    }
    let ours = draft.way(first, Service::Proxy, is_metered)?;
    let other_key = |way: &Way| is_metered(way) && way.key != ours.key;
    let theirs = draft.way(second, Service::Proxy, other_key)?;
    let alike = draft.way(second, Service::Proxy, |way| other_key(way) && way.provider == ours.provider);
    let theirs = draft.of(&[alike.unwrap_or(theirs), theirs]);
    let (transport, door) = if ours.provider == theirs.provider {
        let door = draft.of(&[Door::Host, Door::Host, Door::Listener]);
        (if door == Door::Listener { draft.of(&CLEAR) } else { draft.of(&Transport::ALL) }, door)
    } else {
        // Another host would differ from the connection's server name, or be another listener's.
        (draft.of(&CLEAR), Door::Host)
    };
    let turns: &[Way] = if draft.one_in(3) { &[ours, theirs, ours] } else { &[ours, theirs] };
    for (turn, way) in turns.iter().enumerate() {
        let call = draft.served(*way, RouteKind::Metered)?;
        let carrier = Carrier { transport, door, reuse: turn > 0, host: HostLine::Plain, ..call.carrier };
        draft.proxied(ProviderCall { carrier, ..call });
    }
    Some(())
}

impl<C: Choose> Draft<'_, C> {
    /// A metered call by somebody who may be rich or poor, and another tenant that it could name.
    fn spending(&mut self) -> Option<(ProviderCall, u8)> {
        let (spender, other) = self.two_tenants();
        if self.one_in(2) {
            self.fund(spender);
        }
        let way = self.way(spender, Service::Proxy, is_metered)?;
        if self.one_in(3) {
            self.warm(way, RouteKind::Metered)?;
        }
        if self.one_in(4) {
            // The other has just been served, with what was named now for his own.
            let theirs = self.way(other, Service::Proxy, is_metered)?;
            self.warm(theirs, RouteKind::Metered)?;
        }
        Some((self.served(way, RouteKind::Metered)?, named(other)))
    }

    /// A way to an adapter that counts tokens, of a tenant whose wallet covers a call: just so, or by far.
    fn token_way(&mut self) -> Option<Way> {
        let tenant = self.tenant();
        if self.wallet(tenant) < A_HOLD_MICROS || self.one_in(2) {
            self.fund(tenant);
        }
        self.way(tenant, Service::Proxy, |way| TOKENS.contains(&way.provider))
    }
}
