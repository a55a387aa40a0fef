//! The decision about a request, without IO: [`route`] says where it would go, and, when the entry behind that key was
//! read, [`decide`] says what becomes of it.
//!
//! The order of the checks is part of the contract. A refusal that comes from an early check must not depend on what a
//! later one would have seen.

use super::pages::Refusal;
use super::reserved_path::{self, Presentation};
use super::upgrade;
use crate::edge::entry;
pub use crate::edge::entry::{Head, Inspection, ServerName};
use crate::fault::Fault;
use crate::host::{self, Host};
use crate::identity::cookie::{SessionCookie, session_value_with};
use crate::identity::{self, CookieKeys, Session};
use crate::observe::Guard;
use crate::store::kv::{DeployEntry, DeployKey, Status};
use http::header::{ACCEPT, COOKIE};
use http::{HeaderMap, Method};

/// Where a request would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its host.
    pub host: Host,
    /// The key of the host's routing entry.
    pub key: DeployKey,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Decision<'a> {
    /// It is refused.
    Refuse(Refusal),
    /// The browser is sent to this address, to sign in.
    SignIn(String),
    /// It presents a sign-in code.
    Redeem(Presentation<'a>),
    /// It goes on to the target.
    Forward(Forward),
}

/// How a request goes on.
#[derive(Debug)]
pub struct Forward {
    /// The identity to inject.
    pub session: Option<Session>,
    /// Whether it asks for a WebSocket.
    pub websocket: bool,
    /// Answer 503 after the target has answered. Only a planted fault asks for that.
    pub(crate) unavailable_after: bool,
}

/// Finds the key of a request's routing entry.
///
/// # Errors
/// The [`Refusal`] of a request that leads nowhere, whatever the namespace holds: 405, 400, 421 and 404, in this order.
pub fn route(head: &Head<'_>, inspection: &mut Inspection) -> Result<Route, Refusal> {
    let host = entry::admit(head, inspection)?;
    route_admitted(head, host, inspection)
}

/// Finds the key of the routing entry of a request that was let in under a host.
///
/// # Errors
/// 404 where that host can't be a deployment's.
pub(crate) fn route_admitted(head: &Head<'_>, host: Host, inspection: &mut Inspection) -> Result<Route, Refusal> {
    let host =
        if inspection.faults.has(Fault::ApxForwardedHostRoutes) { forwarded_host(head).unwrap_or(host) } else { host };
    route_of(host, inspection).ok_or(Refusal::NotFound)
}

/// The route of a host, if it can be a deployment's.
pub(crate) fn route_of(host: Host, inspection: &mut Inspection) -> Option<Route> {
    let class = host::classify_with(&host, inspection.reach(Guard::HostClass));
    // A normal host is always a sound identifier; if it weren't, there would be no entry to find.
    let key = DeployKey::of(class).ok()??;
    inspection.reach(Guard::KvKey);
    Some(Route { host, key })
}

fn forwarded_host(head: &Head<'_>) -> Option<Host> {
    host::normalise(head.headers.get("x-forwarded-host")?.as_bytes()).ok()
}

/// Decides about a request whose routing entry was looked up.
///
/// `now_s` is in Unix seconds.
pub fn decide<'a>(
    head: &Head<'a>,
    route: &Route,
    entry: Option<&DeployEntry>,
    keys: &CookieKeys,
    now_s: i64,
    inspection: &mut Inspection,
) -> Decision<'a> {
    let Some(entry) = entry else {
        return Decision::Refuse(Refusal::NotFound);
    };
    let faults = inspection.faults;
    if faults.has(Fault::ApxSuspendedBeforeTenant)
        && let Availability::No(refusal) = availability(entry.status, inspection)
    {
        return Decision::Refuse(refusal);
    }
    let websocket = upgrade::asks_for_websocket(head, inspection);
    let session = session_of(head, keys, now_s, inspection);
    // The tenant line: before anything that depends on the deployment, on every request.
    let excused = (faults.has(Fault::ApxFlagOffSkipsTenantCheck) && !entry.vendo_auth)
        || (faults.has(Fault::ApxUpgradeSkipsTenantCheck) && websocket)
        || (faults.has(Fault::ApxPreflightPasses) && head.headers.contains_key("access-control-request-method"));
    if let Some(session) = &session
        && !excused
        && !same_tenant(session, entry, head, inspection)
    {
        return Decision::Refuse(Refusal::Forbidden);
    }
    let mut unavailable_after = false;
    match availability(entry.status, inspection) {
        Availability::Yes => {}
        Availability::No(Refusal::Unavailable) if faults.has(Fault::ApxStatusCheckedAfterForward) => {
            unavailable_after = true;
        }
        Availability::No(refusal) => return Decision::Refuse(refusal),
    }
    if reserved_path::is_reserved(head.uri.path(), inspection.reach(Guard::ReservedPath)) {
        return match reserved_path::presentation(head) {
            Some(presentation) if entry.vendo_auth => Decision::Redeem(presentation),
            Some(_) | None => Decision::Refuse(Refusal::NotFound),
        };
    }
    if !entry.vendo_auth {
        return Decision::Forward(Forward { session: None, websocket, unavailable_after });
    }
    inspection.reach(Guard::SignIn);
    match session {
        Some(session) => Decision::Forward(Forward { session: Some(session), websocket, unavailable_after }),
        None if faults.has(Fault::ApxAssetPathPasses) && ends_like_an_asset(head.uri.path()) => {
            Decision::Forward(Forward { session: None, websocket, unavailable_after })
        }
        None if *head.method == Method::GET && !websocket && accepts_html(head.headers) => {
            Decision::SignIn(reserved_path::sign_in_address(&route.host, head.uri))
        }
        None => Decision::Refuse(Refusal::Unauthorized),
    }
}

/// What a planted fault lets pass.
fn ends_like_an_asset(path: &str) -> bool {
    [".css", ".js", ".png", ".ico"].iter().any(|ending| path.ends_with(ending))
}

enum Availability {
    Yes,
    No(Refusal),
}

fn availability(status: Status, inspection: &mut Inspection) -> Availability {
    inspection.reach(Guard::Status);
    match status {
        Status::Running => Availability::Yes,
        Status::Suspending | Status::Suspended | Status::Resuming | Status::SuspendFailed | Status::ResumeFailed => {
            Availability::No(Refusal::Unavailable)
        }
        Status::Destroyed => Availability::No(Refusal::NotFound),
    }
}

/// The valid session of a request.
fn session_of(head: &Head<'_>, keys: &CookieKeys, now_s: i64, inspection: &mut Inspection) -> Option<Session> {
    #[cfg(feature = "faults")]
    if inspection.faults.has(Fault::ApxSessionPerConnection)
        && let Some(session) = &inspection.remembered
    {
        return Some(session.clone());
    }
    let fields = head.headers.get_all(COOKIE).iter().map(http::HeaderValue::as_bytes);
    let session = match session_value_with(fields, inspection.reach(Guard::CookieParse)) {
        SessionCookie::One(token) => {
            identity::verify_with(keys, token, now_s, inspection.reach(Guard::CookieVerify)).ok()
        }
        SessionCookie::Absent | SessionCookie::Invalid => None,
    };
    #[cfg(feature = "faults")]
    inspection.remembered.clone_from(&session);
    session
}

/// Whether a session is of the tenant that the entry names, byte for byte.
fn same_tenant(session: &Session, entry: &DeployEntry, head: &Head<'_>, inspection: &mut Inspection) -> bool {
    let faults = inspection.reach(Guard::TenantMatch);
    let (claimed, owner) = (session.tenant_id(), entry.tenant_id.as_str());
    if faults.has(Fault::ApxTenantCheckSkipped)
        || (faults.has(Fault::ApxCookieMissingTenantMatches) && claimed.is_empty())
    {
        return true;
    }
    if faults.has(Fault::ApxTenantFromHeader)
        && let Some(named) = head.headers.get("x-vendo-tenant-id")
    {
        return named.as_bytes() == owner.as_bytes();
    }
    if faults.has(Fault::ApxTenantComparePrefix) {
        return owner.starts_with(claimed) || claimed.starts_with(owner);
    }
    if faults.has(Fault::ApxTenantCompareCaseFolded) {
        return owner.eq_ignore_ascii_case(claimed);
    }
    claimed == owner
}

/// Whether a browser asks for a page: any Accept item of the media type `text/html`, parameters aside.
fn accepts_html(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|field| {
        field.as_bytes().split(|byte| *byte == b',').any(|item| {
            let media_type = item.split(|byte| *byte == b';').next().unwrap_or_default();
            media_type.trim_ascii().eq_ignore_ascii_case(b"text/html")
        })
    })
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
