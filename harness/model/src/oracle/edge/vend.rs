//! What a call to the credentials worker must lead to.

use std::collections::BTreeMap;

use super::expect::{Context, Due, DueAnswer, Effect, Refusal, Shape, Token};
use super::key::key_of;
use super::scope::{Scope, breaks_syntax, key_record};
use super::why::Why;
use crate::action::Method;
use crate::action::edge::VendCall;
use crate::action::edge::vend::{BrokerReply, BulkItem, EnvSpelling, SlugSpelling, VendAsk};
use crate::render::edge::behind::broker_script;
use crate::render::edge::path::bulk_text;
use crate::render::edge::time::rfc3339;
use crate::state::edge::CachedToken;
use crate::world::edge::{ConnectionProfile, Provider, replaced};

/// Seconds for which a token is kept whose end isn't given.
const KEPT_S: i64 = 50 * 60;
/// Seconds before its end at which a token is asked for anew.
const EARLY_S: i64 = 60;

/// What a call to the credentials worker must lead to.
pub(super) fn expect(context: Context<'_>, call: &VendCall) -> Due {
    let mut due = decided(context, call);
    due.reads.extend(key_record(context.world, context.state, call.presented));
    // A target that asks the broker all the same is answered as the broker would.
    for account in 0..context.world.edge.accounts.len() {
        due.scripts.push(broker_script(context.world, call.broker, account, 900, context.state.now_s, false));
    }
    due
}

fn refused(why: Why, status: u16, code: Option<&'static str>) -> Due {
    let shape = Shape::Vend(code);
    Due::answered(why, DueAnswer::Refused(Refusal { status, code, shape, retry_after_s: None }))
}

/// What a path of the worker's asks for.
enum Asked {
    One(Provider),
    Bulk(Vec<BulkItem>),
}

fn decided(context: Context<'_>, call: &VendCall) -> Due {
    if matches!(call.method, Method::Connect | Method::Trace) {
        return Due::answered(Why::Method, DueAnswer::Entry { statuses: &[405] });
    }
    if call.carrier.host.is_refused() || breaks_syntax(&call.carrier.headers) {
        return Due::answered(Why::Entry, DueAnswer::Entry { statuses: &[400] });
    }
    if is_guarded(&call.ask) {
        return refused(Why::PathGuard, 400, Some("validation_failed"));
    }
    if call.method != Method::Get {
        let due = refused(Why::Method, 405, None);
        let shape = Shape::Any;
        return Due {
            answer: DueAnswer::Refused(Refusal { status: 405, code: None, shape, retry_after_s: None }),
            ..due
        };
    }
    let (world, state) = (context.world, context.state);
    let index = match key_of(world, &state.edge, state.now_s, &call.presented) {
        Ok(index) => index,
        Err(ended) => return refused(ended.why(), 401, Some(ended.code())),
    };
    let scope = Scope { world, state, key: index, headers: &call.carrier.headers, by_user: true };
    let mut due = match asked(&call.ask) {
        Err((why, status, code)) => refused(why, status, Some(code)),
        Ok(Asked::One(provider)) => one(context, call, scope, provider),
        Ok(Asked::Bulk(items)) => bulk(context, call, scope, &items),
    };
    due.key = Some(index);
    due.reads.extend(scope.records());
    due
}

const fn is_guarded(ask: &VendAsk) -> bool {
    match ask {
        VendAsk::One { spelling, .. } => matches!(
            spelling,
            SlugSpelling::DotDot | SlugSpelling::EncodedDots | SlugSpelling::DoubleSlash | SlugSpelling::Nul
        ),
        VendAsk::Env { spelling, .. } => matches!(spelling, EnvSpelling::DotDot),
        VendAsk::Bulk { .. } | VendAsk::Odd(_) => false,
    }
}

fn asked(ask: &VendAsk) -> Result<Asked, (Why, u16, &'static str)> {
    let unknown = (Why::NoProvider, 404, "provider_unknown");
    let bad = (Why::BadPath, 400, "validation_failed");
    match ask {
        VendAsk::One { provider, spelling } => match spelling {
            SlugSpelling::Plain | SlugSpelling::Query => Ok(Asked::One(*provider)),
            SlugSpelling::Upper
            | SlugSpelling::Capital
            | SlugSpelling::EncodedLetter
            | SlugSpelling::EncodedSpace
            | SlugSpelling::TrailingSlash
            | SlugSpelling::Longer
            | SlugSpelling::Shorter
            | SlugSpelling::EncodedSlash
            | SlugSpelling::Semicolon => Err(unknown),
            SlugSpelling::DotDot | SlugSpelling::EncodedDots | SlugSpelling::DoubleSlash | SlugSpelling::Nul => {
                Err((Why::PathGuard, 400, "validation_failed"))
            }
        },
        VendAsk::Env { provider, spelling } => match spelling {
            EnvSpelling::Plain => Ok(Asked::One(*provider)),
            EnvSpelling::Longer | EnvSpelling::Unknown => Err(unknown),
            EnvSpelling::Lower
            | EnvSpelling::Digit
            | EnvSpelling::Hyphen
            | EnvSpelling::Long
            | EnvSpelling::Empty
            | EnvSpelling::Encoded
            | EnvSpelling::DotDot => Err(bad),
        },
        VendAsk::Bulk { items, spelling } => {
            if spelling.is_good() {
                Ok(Asked::Bulk(items.clone()))
            } else {
                Err(bad)
            }
        }
        VendAsk::Odd(_) => Err((Why::BadPath, 404, "provider_unknown")),
    }
}

/// A token of a provider's, or why there is none.
fn one(context: Context<'_>, call: &VendCall, scope: Scope<'_>, provider: Provider) -> Due {
    match token(context, call, scope, provider, context.broker_before) {
        Vended::Refused(why, status, code) => refused(why, status, Some(code)),
        Vended::Token { token, connection, asked, kept } => {
            let mut due = Due::answered(Why::Served, DueAnswer::Token(token));
            due.connections.push(connection);
            ask_broker(context, call, &mut due, asked, connection, kept);
            due
        }
        Vended::NoToken { account } => {
            let mut due = refused(Why::NoToken, 502, Some("upstream_error"));
            ask_broker(context, call, &mut due, Some(account), 0, None);
            due
        }
    }
}

fn bulk(context: Context<'_>, call: &VendCall, scope: Scope<'_>, items: &[BulkItem]) -> Due {
    let mut tokens = BTreeMap::new();
    let mut due = Due::answered(Why::Served, DueAnswer::Preflight);
    for item in items {
        let slug = bulk_text(*item);
        if tokens.contains_key(&slug) {
            continue;
        }
        let before = context.broker_before + u32::try_from(due.broker.len()).unwrap_or(0);
        let vended = match item {
            BulkItem::Provider(provider) => token(context, call, scope, *provider, before),
            BulkItem::Upper(_) | BulkItem::Unknown => Vended::Refused(Why::NoProvider, 404, "provider_unknown"),
        };
        let token = match vended {
            Vended::Refused(..) => None,
            Vended::Token { token, connection, asked, kept } => {
                due.connections.push(connection);
                ask_broker(context, call, &mut due, asked, connection, kept);
                Some(token)
            }
            Vended::NoToken { account } => {
                ask_broker(context, call, &mut due, Some(account), 0, None);
                None
            }
        };
        tokens.insert(slug, token);
    }
    Due { answer: DueAnswer::Tokens(tokens), ..due }
}

/// What the broker is asked, and what is kept of its answer.
fn ask_broker(
    context: Context<'_>,
    call: &VendCall,
    due: &mut Due,
    account: Option<usize>,
    connection: usize,
    kept: Option<CachedToken>,
) {
    let Some(account) = account else { return };
    let serial =
        context.state.edge.broker_serial + context.broker_before + u32::try_from(due.broker.len()).unwrap_or(0);
    due.broker.push(account);
    due.scripts.push(broker_script(context.world, call.broker, account, serial, context.state.now_s, true));
    due.effects.extend(kept.map(|kept| Effect::Kept(connection, kept)));
}

/// What a provider's token comes to.
enum Vended {
    Refused(Why, u16, &'static str),
    Token { token: Token, connection: usize, asked: Option<usize>, kept: Option<CachedToken> },
    NoToken { account: usize },
}

fn token(context: Context<'_>, call: &VendCall, scope: Scope<'_>, provider: Provider, before: u32) -> Vended {
    let (world, state) = (context.world, context.state);
    let connection = match scope.connection(provider) {
        Ok(connection) => connection,
        Err((refusal, why)) => return Vended::Refused(why, refusal.status(), refusal.code()),
    };
    let Some(own) = world.edge.connections.get(connection) else {
        return Vended::Refused(Why::Unbound, 403, "binding_missing");
    };
    match own.profile {
        ConnectionProfile::ByokStatic | ConnectionProfile::OauthAppInstall => {
            let times = state.edge.connections.get(connection).map_or(0, |own| own.credential);
            let text = own.credential.as_ref().map(|canary| replaced(&canary.text, times)).unwrap_or_default();
            let token = Token { access_token: text, expires_at: None };
            Vended::Token { token, connection, asked: None, kept: None }
        }
        ConnectionProfile::ComposioManaged => brokered(context, call, connection, own.account.unwrap_or(0), before),
        ConnectionProfile::VendoManagedPool | ConnectionProfile::WebhookInbound | ConnectionProfile::UserOauth => {
            Vended::Refused(Why::NotVended, 500, "profile_unsupported")
        }
    }
}

fn brokered(context: Context<'_>, call: &VendCall, connection: usize, account: usize, before: u32) -> Vended {
    let (world, state) = (context.world, context.state);
    let given = |serial: u32, expires_at_s: Option<i64>| Token {
        access_token: world.edge.broker_token(account, serial),
        expires_at: expires_at_s.map(rfc3339),
    };
    if let Some(kept) = state.edge.tokens.get(&connection).filter(|kept| state.now_s < kept.until_s) {
        let token = given(kept.serial, kept.expires_at_s);
        return Vended::Token { token, connection, asked: None, kept: None };
    }
    let expires_in_s = match call.broker {
        BrokerReply::Token { expires_in_s } => expires_in_s,
        BrokerReply::WithHeaders => None,
        BrokerReply::Error(_)
        | BrokerReply::NotJson
        | BrokerReply::NoAccessToken
        | BrokerReply::NumberToken
        | BrokerReply::EmptyToken
        | BrokerReply::Redirect
        | BrokerReply::Dies
        | BrokerReply::ClosesAtOnce => return Vended::NoToken { account },
    };
    let serial = state.edge.broker_serial + before;
    let expires_at_s = expires_in_s.map(|seconds| state.now_s + i64::from(seconds));
    let until_s = expires_at_s.map_or(state.now_s + KEPT_S, |end| (end - EARLY_S).max(state.now_s));
    Vended::Token {
        token: given(serial, expires_at_s),
        connection,
        asked: Some(account),
        kept: Some(CachedToken { serial, expires_at_s, until_s }),
    }
}
