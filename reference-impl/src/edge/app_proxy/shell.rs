//! The app-proxy's IO: it reads the routing entry, and does what [`decide`](super::decide) says.

use super::decide::{Decision, Forward, Inspection, Route, decide, route_admitted};
use super::pages::{self, Refusal};
use super::reserved_path::{Presentation, origin_form};
use super::upgrade::{self, Tunnel};
use super::{request_headers, response_headers};
use crate::clock::Clock;
use crate::edge::connection::Connection;
use crate::edge::upstream::{Pool, RequestBody, ResponseBody, UpstreamError};
use crate::fault::{Fault, FaultSet};
use crate::host::Host;
use crate::identity::{self, CookieKeys, SESSION_COOKIE};
use crate::observe::{Event, Guard, GuardSet, Observer, OutcomeKind, RequestTrace};
use crate::signin::SignIn;
use crate::store::kv::{DeployEntry, DeployKey, WorkerKv};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::{Request, Response, StatusCode, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use std::sync::Arc;

/// How long a session lives that was made from a sign-in code, in seconds.
const SESSION_LIFE_S: i64 = 900;

/// The app-proxy of a platform.
pub(crate) struct AppProxy {
    pub(crate) kv: WorkerKv,
    pub(crate) keys: CookieKeys,
    pub(crate) clock: Clock,
    pub(crate) sign_in: SignIn,
    pub(crate) pool: Arc<Pool>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) faults: FaultSet,
    #[cfg(feature = "faults")]
    pub(crate) planted: super::planted::Planted,
}

/// What a request is sent on with.
struct Errand {
    host: Host,
    entry: Arc<DeployEntry>,
    forward: Forward,
}

impl AppProxy {
    /// Answers one request, which was let in under a host.
    pub(crate) async fn answer(
        &self,
        connection: &Connection,
        request: Request<Incoming>,
        host: Host,
        mut inspection: Inspection,
    ) -> Response<ResponseBody> {
        let (method, version) = (request.method().clone(), request.version());
        let refuse = |refusal| pages::refusal(refusal, &method, version).map(ResponseBody::Whole);
        let route = match route_admitted(&connection.head(&request), host, &mut inspection) {
            Ok(route) => route,
            Err(refusal) => {
                self.report(inspection.guards, refusal.outcome(), None);
                return refuse(refusal);
            }
        };
        let entry = self.lookup(&route, &mut inspection).await;
        let decision = {
            let head = connection.head(&request);
            decide(&head, &route, entry.as_deref(), &self.keys, self.clock.now_s(), &mut inspection)
        };
        let mut guards = inspection.guards;
        let deployment = entry.as_ref().map(|entry| entry.deployment_id.as_str());
        #[cfg(feature = "faults")]
        connection.remember(inspection);
        match (decision, &entry) {
            (Decision::Refuse(refusal), _) => {
                self.report(guards, refusal.outcome(), deployment);
                refuse(refusal)
            }
            (Decision::SignIn(address), _) => {
                self.report(guards, OutcomeKind::SignIn, deployment);
                match HeaderValue::try_from(address) {
                    Ok(address) => pages::redirect(address, None, &method).map(ResponseBody::Whole),
                    // Host and encoded target are visible ASCII; if they weren't, there is no address.
                    Err(_) => refuse(Refusal::Unauthorized),
                }
            }
            (Decision::Redeem(presentation), Some(entry)) => {
                guards.mark(Guard::CodeRedeem);
                let cookie = self.redeem(presentation, &route.host, entry);
                let outcome = if cookie.is_some() { OutcomeKind::CodeRedeemed } else { OutcomeKind::CodeRefused };
                self.report(guards, outcome, deployment);
                match cookie {
                    Some(cookie) => pages::redirect(presentation.landing(self.faults), Some(cookie), &method)
                        .map(ResponseBody::Whole),
                    None => refuse(Refusal::Unauthorized),
                }
            }
            (Decision::Forward(forward), Some(entry)) => {
                guards.mark(Guard::RequestStrip);
                if forward.session.is_some() {
                    guards.mark(Guard::IdentityInject);
                }
                self.report(guards, OutcomeKind::Forwarded, deployment);
                let errand = Errand { host: route.host, entry: entry.clone(), forward };
                self.forward(connection, request, errand).await
            }
            (Decision::Redeem(_) | Decision::Forward(_), None) => refuse(Refusal::NotFound),
        }
    }

    pub(crate) fn report(&self, guards: GuardSet, outcome: OutcomeKind, deployment: Option<&str>) {
        if let Some(observer) = &self.observer {
            observer.observe(&Event::Request(RequestTrace { guards, outcome, deployment }));
        }
    }

    /// Reads the routing entry of a route.
    async fn lookup(&self, route: &Route, inspection: &mut Inspection) -> Option<Arc<DeployEntry>> {
        inspection.guards.mark(Guard::RouteLookup);
        inspection.guards.mark(Guard::KvGet);
        let found = self.read(&route.key).await;
        #[cfg(feature = "faults")]
        {
            if found.is_none() && self.faults.has(Fault::KvWorkerLists) {
                let begin: String = route.key.rendered().chars().take("deploy:".len() + 2).collect();
                self.planted.breach.list(&begin);
            }
            if let Some(entry) = &found
                && self.faults.has(Fault::KvWorkerWrites)
            {
                self.planted.breach.note_seen(&entry.deployment_id);
            }
        }
        if found.is_none() && self.faults.has(Fault::ApxHostSuffixMatch) {
            let host = route.host.as_str();
            for (at, _) in host.char_indices().skip(1) {
                let ending = host.get(at..).and_then(|ending| crate::host::normalise(ending.as_bytes()).ok());
                let known = ending.and_then(|ending| super::decide::route_of(ending, &mut Inspection::default()));
                if let Some(known) = known
                    && let Some(entry) = self.read(&known.key).await
                {
                    return Some(entry);
                }
            }
        }
        found
    }

    async fn read(&self, key: &DeployKey) -> Option<Arc<DeployEntry>> {
        match key {
            DeployKey::Label(key) => self.kv.get(key).await,
            DeployKey::Host(key) => self.kv.get(key).await,
        }
    }

    /// Spends every code that was presented. One good code alone makes a session, and this is its cookie.
    fn redeem(&self, presentation: Presentation<'_>, host: &Host, entry: &DeployEntry) -> Option<HeaderValue> {
        let now_ms = self.clock.now_ms();
        let spend = |code: &str| self.sign_in.redeem(code.as_bytes(), host, &entry.tenant_id, now_ms);
        let mut members = presentation.codes().map(spend).collect::<Vec<_>>().into_iter();
        let (Some(Some(member)), None) = (members.next(), members.next()) else {
            return None;
        };
        let token = identity::mint(&self.keys, &member, self.clock.now_s(), SESSION_LIFE_S);
        let cookie =
            format!("{SESSION_COOKIE}={token}; Path=/; Max-Age={SESSION_LIFE_S}; Secure; HttpOnly; SameSite=Lax");
        HeaderValue::try_from(cookie).ok()
    }

    /// Sends a request on, and passes the answer back.
    async fn forward(
        &self,
        connection: &Connection,
        request: Request<Incoming>,
        errand: Errand,
    ) -> Response<ResponseBody> {
        #[cfg(feature = "faults")]
        if *request.method() == http::Method::GET && !errand.forward.websocket {
            let path = origin_form(request.uri()).into_owned();
            if self.faults.has(Fault::ApxCacheByPath) {
                return self.planted.cached(&path, self.exchange(connection, request, errand)).await;
            }
            if self.faults.has(Fault::ApxCoalesceByPath) {
                return self.planted.coalesced(&path, self.exchange(connection, request, errand)).await;
            }
        }
        self.exchange(connection, request, errand).await
    }

    async fn exchange(
        &self,
        connection: &Connection,
        mut request: Request<Incoming>,
        errand: Errand,
    ) -> Response<ResponseBody> {
        let (method, version) = (request.method().clone(), request.version());
        let refuse = |refusal| pages::refusal(refusal, &method, version).map(ResponseBody::Whole);
        let target = errand.entry.target.as_str();
        let Forward { session, websocket, unavailable_after } = errand.forward;
        let (Ok(authority), Ok(uri)) = (HeaderValue::from_str(target), origin_form(request.uri()).parse::<Uri>())
        else {
            return refuse(Refusal::BadGateway);
        };
        #[cfg(feature = "faults")]
        let session = if self.faults.has(Fault::ApxIdentityShared) {
            self.planted.by_way_of_the_shared_place(session).await
        } else {
            session
        };
        let client = websocket.then(|| hyper::upgrade::on(&mut request));
        let (mut parts, body) = request.into_parts();
        parts.uri = uri;
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        request_headers::forwarded(&mut parts.headers, session.as_ref(), &authority, websocket, self.faults);
        let body = RequestBody::new(body);
        if !body.is_end_stream() && body.size_hint().exact().is_none() {
            // hyper takes a GET of unknown length for one without a body, unless it is told.
            parts.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let onward = Request::from_parts(parts, body);
        let (mut response, lease) = match self.pool.exchange(target, onward).await {
            Ok(answered) => answered,
            Err(error) => {
                if self.faults.has(Fault::ApxFailureNamesTarget) {
                    let page = format!("no answer from {target}\n");
                    let mut response = refuse(refusal_of(error));
                    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(page.len()));
                    return response.map(|_| ResponseBody::Whole(Bytes::from(page)));
                }
                return refuse(refusal_of(error));
            }
        };
        if unavailable_after {
            return refuse(Refusal::Unavailable);
        }
        let mut guards = GuardSet::from_iter([Guard::ResponseFilter]);
        // Two lengths are one too many; whichever hyper went by, the other may have been meant.
        let ambiguous =
            response.headers().contains_key(CONTENT_LENGTH) && response.headers().contains_key(TRANSFER_ENCODING);
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if switched || websocket {
            guards.mark(Guard::Upgrade);
        }
        response_headers::filtered(response.headers_mut(), &errand.host, self.faults);
        if let Some(observer) = &self.observer {
            observer.observe(&Event::Response { guards });
        }
        match client {
            _ if ambiguous => return refuse(Refusal::BadGateway),
            None if switched => return refuse(Refusal::BadGateway),
            Some(client) if switched => {
                let container = hyper::upgrade::on(&mut response);
                connection.keep_tunnel(Tunnel { client, container });
                upgrade::mark_switched(response.headers_mut());
                *response.version_mut() = Version::HTTP_11;
                return response.map(|_| ResponseBody::Whole(Bytes::new()));
            }
            None | Some(_) => {}
        }
        let (mut parts, body) = response.into_parts();
        // The container's version is its own affair. hyper finds the client's; it takes 1.0 here for a wish to close.
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        Response::from_parts(parts, ResponseBody::streaming(body, lease))
    }
}

const fn refusal_of(error: UpstreamError) -> Refusal {
    match error {
        UpstreamError::Broken => Refusal::BadGateway,
        UpstreamError::Timeout => Refusal::GatewayTimeout,
        UpstreamError::ClientBody => Refusal::BadRequest,
    }
}
