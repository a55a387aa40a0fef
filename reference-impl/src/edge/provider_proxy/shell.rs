//! The IO before a request is sent: who calls, with which connection, at which price. What comes of it is an
//! [`Errand`], which a task of its own carries out, whatever becomes of the client meanwhile.

use super::billing::{Order, Tariff, order};
use super::decide::{self, Facts, Screened};
use super::errand::{Charge, Errand};
use super::errors::{Refusal, preflight};
use super::payload::{BODY_MAX, Payload};
use super::redaction::Secret;
use super::request_headers::{Injection, forwarded, target};
use super::route::{self, Metered, Route};
use super::terms;
use super::trace::Trace;
use crate::clock::Clock;
use crate::edge::budget::{Budget, Share};
use crate::edge::connection::Connection;
use crate::edge::entry::Inspection;
use crate::edge::upstream::{Pool, RequestBody, ResponseBody, next_data};
use crate::fault::{Fault, FaultSet};
use crate::identity::bearer;
use crate::identity::key::{Caller, Grant, KeyLookup, KeyRefusal};
use crate::identity::scope::TenantScope;
use crate::ids::ConnectionId;
use crate::network::Endpoint;
use crate::observe::{Guard, Observer};
use crate::platform::PoolCredential;
use crate::provider::Adapter;
use crate::store::database::{ConnectionRow, ConnectionStatus, Database, DatabaseError, Db, Profile};
use crate::store::kv::{self, WorkerKv};
use crate::store::vault::{Field, Vault};
use crate::store::wallet::{JobRef, NewHold};
use crate::tasks::Tasks;
use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use std::collections::BTreeMap;
use std::sync::Arc;
#[cfg(feature = "faults")]
use std::sync::PoisonError;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

/// What the provider proxies of a platform are made of.
pub(crate) struct Means {
    pub(crate) kv: WorkerKv,
    pub(crate) keys: KeyLookup,
    pub(crate) database: Db,
    pub(crate) vault: Option<Vault>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) upstreams: BTreeMap<Adapter, Endpoint>,
    pub(crate) pool_credentials: BTreeMap<Adapter, PoolCredential>,
    pub(crate) clock: Clock,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    /// The bodies that are held until they are whole.
    pub(crate) bodies: Budget,
    /// How long a body may stand still.
    pub(crate) stall_timeout: Duration,
    pub(crate) faults: FaultSet,
    #[cfg(feature = "faults")]
    pub(crate) planted: super::planted::Planted,
}

/// How many times the longest pause a body may take in all until it is whole.
const STALLS_MAX: u32 = 5;

/// The provider proxies of a platform.
pub(crate) struct ProviderProxy {
    means: Arc<Means>,
    /// The errands under way. They end with the platform, not with the client.
    errands: Tasks,
}

/// A credential, and what the broker calls its account.
struct Credential {
    secret: Zeroizing<String>,
    account: Option<String>,
}

impl ProviderProxy {
    pub(crate) fn new(means: Means) -> Self {
        Self { means: Arc::new(means), errands: Tasks::default() }
    }

    /// Waits until nothing is under way.
    pub(crate) async fn finish(&self) {
        self.errands.finish().await;
    }

    /// Answers one request that was let in. `adapter` is none where the host names a proxy that isn't there.
    pub(crate) async fn answer(
        &self,
        adapter: Option<Adapter>,
        connection: &Connection,
        request: Request<Incoming>,
        inspection: Inspection,
    ) -> Response<ResponseBody> {
        let method = request.method().clone();
        let mut trace = Trace::new(adapter, inspection, self.means.observer.clone());
        let screened = decide::screen(adapter, &connection.head(&request), &mut trace.inspection);
        let prepared = match screened {
            Ok(Screened::Preflight) => {
                let response = preflight().map(ResponseBody::Whole);
                trace.decided(response.status(), None);
                trace.log(None);
                return response;
            }
            Ok(Screened::Request(adapter, path)) => {
                let path = path.into_owned();
                self.means.prepare(adapter, &path, connection, request, &mut trace).await
            }
            Err(refusal) => Err(refusal),
        };
        match prepared {
            Ok(prepared) => self.send(prepared, trace, method).await,
            Err(refusal) => self.refuse(adapter, trace, &refusal, &method).await,
        }
    }

    /// Gives a request to a task of its own, and waits for the answer.
    async fn send(&self, prepared: Prepared, trace: Trace, method: Method) -> Response<ResponseBody> {
        let adapter = prepared.adapter;
        #[cfg(feature = "faults")]
        let question = super::planted::question(&prepared);
        let fetch = async {
            let (reply, answer) = oneshot::channel();
            let errand = Errand::new(self.means.clone(), prepared, trace, method.clone());
            self.errands.spawn(errand.run(reply));
            // An errand that ends without an answer was cut off with the platform.
            answer.await.unwrap_or_else(|_| Refusal::Upstream.response(Some(adapter), &method).map(ResponseBody::Whole))
        };
        #[cfg(feature = "faults")]
        if self.means.faults.has(Fault::PrxResponseCached) {
            return self.means.planted.cached(question, fetch).await;
        }
        fetch.await
    }

    #[cfg_attr(not(feature = "faults"), expect(clippy::unused_async, reason = "a planted fault bills what is refused"))]
    async fn refuse(
        &self,
        adapter: Option<Adapter>,
        mut trace: Trace,
        refusal: &Refusal,
        method: &Method,
    ) -> Response<ResponseBody> {
        trace.refused(refusal);
        let response = refusal.response(adapter, method).map(ResponseBody::Whole);
        #[cfg(feature = "faults")]
        {
            if self.means.faults.has(Fault::PrxHoldForRefused)
                && let (Some(adapter), Some(caller)) = (adapter, &trace.caller)
            {
                self.means.bill_refused(adapter, caller, trace.connection.as_ref()).await;
            }
            trace.say(response)
        }
        #[cfg(not(feature = "faults"))]
        response
    }
}

/// A request that may be sent.
pub(crate) struct Prepared {
    pub(crate) adapter: Adapter,
    pub(crate) endpoint: Endpoint,
    pub(crate) request: Request<RequestBody>,
    pub(crate) secret: Secret,
    pub(crate) caller: Caller,
    pub(crate) claim: Claim,
    pub(crate) charge: Option<Charge>,
}

/// What a request's right to its connection rests on, to be looked up again when it has waited.
pub(crate) struct Claim {
    /// The fields that a bearer and a connection are named in.
    headers: HeaderMap,
    provider: String,
    connection: ConnectionId,
}

/// The fields that decide who calls and with what.
const DECIDING: [&str; 3] = ["authorization", "x-api-key", "x-vendo-connection"];

impl Claim {
    fn new(parts: &Parts, provider: &str, connection: &ConnectionId) -> Self {
        let deciding = parts.headers.iter().filter(|(name, _)| DECIDING.contains(&name.as_str()));
        let headers = deciding.map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { headers, provider: provider.to_owned(), connection: connection.clone() }
    }
}

/// A connection that may be used.
struct Found {
    scope: TenantScope,
    id: ConnectionId,
    profile: Profile,
    row: Option<ConnectionRow>,
}

/// What is known of a request's price before it is known who pays.
struct Priced {
    /// The body to send.
    body: Bytes,
    model: Option<String>,
    order: Order,
}

impl Means {
    /// Goes through all that may refuse a request, in order.
    async fn prepare(
        &self,
        adapter: Adapter,
        path: &str,
        connection: &Connection,
        request: Request<Incoming>,
        trace: &mut Trace,
    ) -> Result<Prepared, Refusal> {
        let (parts, body) = request.into_parts();
        let caller = self.caller(Some(connection), &parts.headers, trace).await?;
        trace.caller = Some(caller.clone());
        let route = route::classify_with(adapter, &parts.method, path, self.faults);
        if adapter == Adapter::Composio {
            return self.prepare_action(connection, &caller, route, parts, body, trace).await;
        }
        let found = self.connection(adapter, adapter.slug(), &caller, &parts.headers, trace).await?;
        trace.inspection.reach(Guard::RouteClass);
        match route.ok_or(Refusal::RouteBlocked)? {
            Route::Free => {
                if found.profile == Profile::VendoManagedPool && route::is_shared_by_credential(adapter) {
                    return Err(Refusal::RouteBlocked);
                }
                let claim = Claim::new(&parts, adapter.slug(), &found.id);
                let credential = self.credential(adapter, found).await?;
                self.prepared(adapter, (caller, claim), parts, RequestBody::new(body), credential, None, trace)
            }
            Route::Metered(metered) => {
                let priced = self.price(adapter, metered, &caller, &parts, body).await?;
                let (caller, found) = if metered.reads_body() {
                    // A client may take its time with a body, and what it may use may have ended meanwhile.
                    let caller = self.caller(Some(connection), &parts.headers, trace).await?;
                    let found = self.connection(adapter, adapter.slug(), &caller, &parts.headers, trace).await?;
                    (caller, found)
                } else {
                    (caller, found)
                };
                if found.profile == Profile::VendoManagedPool && metered.reads_body() {
                    let payload = Payload::read(&priced.body).map_err(|_| Refusal::Validation)?;
                    terms::check_shared(adapter, &payload)?;
                }
                let tariff = self.tariff(adapter, metered, &caller, priced.model.as_deref()).await?;
                let charge = self.charge(adapter, metered, &caller, &found, &parts, &priced, tariff).await;
                let claim = Claim::new(&parts, adapter.slug(), &found.id);
                let credential = self.credential(adapter, found).await?;
                let body = RequestBody::whole(priced.body);
                self.prepared(adapter, (caller, claim), parts, body, credential, Some(charge), trace)
            }
        }
    }

    /// Composio's one route: the body says of which toolkit a connection is needed.
    async fn prepare_action(
        &self,
        connection: &Connection,
        caller: &Caller,
        route: Option<Route<'_>>,
        parts: Parts,
        body: Incoming,
        trace: &mut Trace,
    ) -> Result<Prepared, Refusal> {
        let adapter = Adapter::Composio;
        trace.inspection.reach(Guard::RouteClass);
        let Some(Route::Metered(metered)) = route else { return Err(Refusal::RouteBlocked) };
        let priced = self.price(adapter, metered, caller, &parts, body).await?;
        let toolkit = priced.model.clone().ok_or(Refusal::Validation)?;
        // The key was good before the body was read, which may have taken long.
        let caller = self.caller(Some(connection), &parts.headers, trace).await?;
        let missing = |refusal| {
            if refusal == Refusal::BindingMissing { Refusal::ToolkitMissing(toolkit.clone()) } else { refusal }
        };
        let found = self.connection(adapter, &toolkit, &caller, &parts.headers, trace).await;
        let found = found.map_err(missing)?;
        let tariff = self.tariff(adapter, metered, &caller, Some(&toolkit)).await?;
        let charge = self.charge(adapter, metered, &caller, &found, &parts, &priced, tariff).await;
        let claim = Claim::new(&parts, &toolkit, &found.id);
        let credential = self.credential(adapter, found).await.map_err(missing)?;
        let body = RequestBody::whole(priced.body);
        self.prepared(adapter, (caller, claim), parts, body, credential, Some(charge), trace)
    }

    /// Looks up once more what a request rests on, right before it is sent: it has waited for the wallet and for a
    /// connection to the provider, and key, binding or connection may have ended meanwhile.
    pub(crate) async fn still_granted(&self, adapter: Adapter, claim: &Claim, before: &Caller) -> Result<(), Refusal> {
        let mut trace = Trace::new(Some(adapter), Inspection::new(self.faults), None);
        if self.faults.has(Fault::PrxKeyCachedPerConnection) {
            // Whoever this fault takes the caller for is not found by what the request presents.
            return Ok(());
        }
        let caller = self.caller(None, &claim.headers, &mut trace).await?;
        let found = self.connection(adapter, &claim.provider, &caller, &claim.headers, &mut trace).await;
        let found = found.map_err(|refusal| {
            let of_toolkit = adapter == Adapter::Composio && refusal == Refusal::BindingMissing;
            if of_toolkit { Refusal::ToolkitMissing(claim.provider.clone()) } else { refusal }
        })?;
        // Another connection has taken its place: the request was neither priced nor made for it.
        if found.id == claim.connection && caller.key() == before.key() { Ok(()) } else { Err(Refusal::Upstream) }
    }

    /// Who calls.
    #[cfg_attr(not(feature = "faults"), expect(unused_variables, reason = "a planted fault looks at the connection"))]
    async fn caller(
        &self,
        connection: Option<&Connection>,
        headers: &HeaderMap,
        trace: &mut Trace,
    ) -> Result<Caller, Refusal> {
        trace.inspection.reach(Guard::KeyLookup);
        #[cfg(feature = "faults")]
        if self.faults.has(Fault::PrxKeyCachedPerConnection)
            && let Some(connection) = connection
            && let Some(caller) = &*connection.caller.lock().unwrap_or_else(PoisonError::into_inner)
        {
            return Ok(caller.clone());
        }
        let first = headers
            .get(AUTHORIZATION)
            .filter(|_| self.faults.has(Fault::PrxFirstAuthorizationWins))
            .map(|value| HeaderMap::from_iter([(AUTHORIZATION, value.clone())]));
        let presented = bearer::presented(first.as_ref().unwrap_or(headers));
        let bearer = presented.map_err(|_| Refusal::Key(KeyRefusal::Unknown))?;
        let found = self.keys.caller(bearer, self.clock.now_s()).await.map_err(out_of_reach)?;
        let caller = found.map_err(Refusal::Key)?;
        trace.inspection.reach(Guard::Scope);
        #[cfg(feature = "faults")]
        if let Some(connection) = connection {
            connection.caller.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| caller.clone());
        }
        Ok(caller)
    }

    /// The connection of a request, compared and usable, with its row where that was read.
    async fn connection(
        &self,
        adapter: Adapter,
        provider: &str,
        caller: &Caller,
        headers: &HeaderMap,
        trace: &mut Trace,
    ) -> Result<Found, Refusal> {
        let scope = caller.scope();
        let bindings = match caller.grant() {
            Grant::App(app) => self.database.bindings(scope, app, provider).await.map_err(out_of_reach)?,
            Grant::Connection(_) => Vec::new(),
        };
        let id = match decide::choose(caller.grant(), &bindings, headers, &mut trace.inspection) {
            Ok(id) => id.into_owned(),
            #[cfg(feature = "faults")]
            Err(refusal)
                if self.faults.has(Fault::PrxForeignConnection404) || self.faults.has(Fault::PrxForeignNameInError) =>
            {
                return Err(self.say_why(headers, trace, refusal).await);
            }
            Err(refusal) => return Err(refusal),
        };
        #[cfg(feature = "faults")]
        let owner = self.owner(&id).await.filter(|_| self.faults.has(Fault::PrxConnectionHeaderUnlimited));
        #[cfg(feature = "faults")]
        let scope = owner.as_ref().unwrap_or(scope);
        trace.connection = Some(id.clone());
        let (inspection, who) = (&mut trace.inspection, (scope.tenant(), caller.grant()));
        let entry = match kv::Conn::new(id.as_str()) {
            Ok(key) => self.kv.get(&key).await,
            // A connection's id always makes a key; if it didn't, there would be no entry.
            Err(_) => None,
        };
        if let Some(entry) = entry {
            let profile = decide::check(Facts::of_entry(&entry), who, adapter, provider, inspection)?;
            return Ok(Found { scope: scope.clone(), profile, id, row: None });
        }
        let row = self.database.connection(scope, &id).await.map_err(out_of_reach)?.ok_or(Refusal::BindingMissing)?;
        let profile = decide::check(Facts::of_row(&row), who, adapter, provider, inspection)?;
        Ok(Found { scope: scope.clone(), profile, id, row: Some(row) })
    }

    /// Reads what decides the price.
    async fn price(
        &self,
        adapter: Adapter,
        metered: Metered<'_>,
        caller: &Caller,
        parts: &Parts,
        body: Incoming,
    ) -> Result<Priced, Refusal> {
        let mut share = self.bodies.share(caller.scope().tenant());
        let body = if metered.reads_body() {
            decide::readable(&parts.headers, BODY_MAX)?;
            self.read(body, &mut share).await?
        } else {
            Bytes::new()
        };
        let payload =
            metered.reads_body().then(|| Payload::read(&body).map_err(|_| Refusal::Validation)).transpose()?;
        if let Some(payload) = &payload {
            terms::check(adapter, payload)?;
        }
        let (model, order) =
            order(adapter, metered, payload.as_ref(), body.len() as u64).map_err(|_| Refusal::Validation)?;
        let model = model.map(std::borrow::Cow::into_owned);
        let streams =
            adapter == Adapter::Openrouter && payload.as_ref().is_some_and(|payload| payload.is_true("stream"));
        let rewritten = payload.filter(|_| streams).map(|payload| Bytes::from(payload.asking_for_usage()));
        // A rewritten body takes the place of the one that was counted.
        Ok(Priced { body: share.bind(rewritten.unwrap_or(body)), model, order })
    }

    /// A whole body, of no more than [`BODY_MAX`], in the tenant's share of what may be held.
    async fn read(&self, mut body: Incoming, share: &mut Share) -> Result<Bytes, Refusal> {
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        let end = Instant::now() + self.stall_timeout * STALLS_MAX;
        loop {
            // Byte by byte it would hold its share for ever, and move all the time.
            let piece = timeout_at(end, timeout(self.stall_timeout, next_data(&mut body))).await;
            let piece = piece.ok().and_then(Result::ok).ok_or(Refusal::BadRequest)?;
            let Some(piece) = piece else { break };
            let piece = piece.map_err(|_| Refusal::BadRequest)?;
            if first.len() + all.len() + piece.len() > BODY_MAX {
                return Err(Refusal::PayloadTooLarge);
            }
            share.grow(piece.len())?;
            if first.is_empty() && all.is_empty() {
                first = piece;
                continue;
            }
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&piece);
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    }

    /// The price of a model, or a refusal where it has none. Before it, whether a job that is asked for is the tenant's.
    async fn tariff(
        &self,
        adapter: Adapter,
        metered: Metered<'_>,
        caller: &Caller,
        model: Option<&str>,
    ) -> Result<Option<Tariff>, Refusal> {
        if let Some(id) = metered.job() {
            let job = JobRef { provider: adapter.slug(), id: id.to_owned() };
            let owned = self.database.owns_job(caller.scope(), &job).await.map_err(out_of_reach)?;
            if !owned && !self.faults.has(Fault::PrxJobOfAnyTenant) {
                return Err(Refusal::NotFound);
            }
        }
        let Some(model) = model else { return Ok(None) };
        match self.tariff_of(adapter, caller, model).await.map_err(out_of_reach)? {
            None if self.faults.has(Fault::PrxRateMissPasses) => Ok(None),
            found => found.map(Some).ok_or(Refusal::RateMissing),
        }
    }

    /// The price of a model, or none where a meter of the adapter has no rate for it.
    pub(crate) async fn tariff_of(
        &self,
        adapter: Adapter,
        caller: &Caller,
        model: &str,
    ) -> Result<Option<Tariff>, DatabaseError> {
        let folded = self.faults.has(Fault::PrxModelCaseFolded).then(|| model.to_ascii_lowercase());
        let rates = self.database.rates(adapter.slug(), folded.as_deref().unwrap_or(model)).await?;
        let Some(rates) = rates.filter(|rates| rates.cover(adapter.meters())) else { return Ok(None) };
        let mut margins = Vec::with_capacity(adapter.meters().len());
        for meter in adapter.meters() {
            margins.push((*meter, self.database.margin(caller.scope(), adapter.slug(), meter).await?));
        }
        Ok(Some(Tariff { rates, margins }))
    }

    #[expect(clippy::too_many_arguments, reason = "they are what a charge is made of")]
    async fn charge(
        &self,
        adapter: Adapter,
        metered: Metered<'_>,
        caller: &Caller,
        found: &Found,
        parts: &Parts,
        priced: &Priced,
        tariff: Option<Tariff>,
    ) -> Charge {
        let app = match caller.grant() {
            Grant::App(app) => Some(app.clone()),
            Grant::Connection(_) => None,
        };
        let mut hold = NewHold {
            amount: adapter.hold_micros(),
            key: caller.key().clone(),
            app,
            connection: found.id.clone(),
            provider: adapter.slug(),
            model: priced.model.clone(),
            at_s: self.clock.now_s(),
        };
        let payer = self.payer(caller, &mut hold, parts, &priced.body).await;
        Charge { payer, hold, order: priced.order, job: metered.job().map(str::to_owned), tariff }
    }

    /// Whose wallet pays: the caller's, whatever the request says.
    #[cfg_attr(
        not(feature = "faults"),
        expect(clippy::unused_async, unused_variables, reason = "a planted fault asks the request")
    )]
    async fn payer(&self, caller: &Caller, hold: &mut NewHold, parts: &Parts, body: &Bytes) -> TenantScope {
        #[cfg(feature = "faults")]
        if (self.faults.has(Fault::PrxTenantFromHeader) || self.faults.has(Fault::PrxTenantFromBody))
            && let Some((scope, key)) = self.named_payer(parts, body).await
        {
            (hold.key, hold.app) = (key, None);
            return scope;
        }
        caller.scope().clone()
    }

    /// The credential of a connection that was checked.
    async fn credential(&self, adapter: Adapter, found: Found) -> Result<Credential, Refusal> {
        let credential = self.opened(adapter, found).await?;
        #[cfg(feature = "faults")]
        if self.faults.has(Fault::PrxCredentialCachedByProvider) {
            let secret = Zeroizing::new(self.planted.first_credential(adapter, &credential.secret));
            return Ok(Credential { secret, ..credential });
        }
        Ok(credential)
    }

    async fn opened(&self, adapter: Adapter, found: Found) -> Result<Credential, Refusal> {
        let Found { scope, id, profile, row } = found;
        let pooled = || -> Result<Zeroizing<String>, Refusal> {
            let credential = self.pool_credentials.get(&adapter).ok_or(Refusal::Upstream)?;
            Ok(Zeroizing::new(credential.expose().to_owned()))
        };
        if profile == Profile::VendoManagedPool {
            return Ok(Credential { secret: pooled()?, account: None });
        }
        let row = match row {
            Some(row) => row,
            None => {
                let read = self.database.connection(&scope, &id).await.map_err(out_of_reach)?;
                read.ok_or(Refusal::BindingMissing)?
            }
        };
        if profile == Profile::ComposioManaged {
            let account = row.account.ok_or(Refusal::Upstream)?;
            return Ok(Credential { secret: pooled()?, account: Some(account) });
        }
        let Some(sealed) = &row.credential else {
            // The namespace may not know yet that it was revoked: the credential is gone at once.
            let revoked = row.status == ConnectionStatus::Revoked;
            return Err(if revoked { Refusal::Revoked } else { Refusal::Upstream });
        };
        let vault = self.vault.as_ref().ok_or(Refusal::Upstream)?;
        let mut opened =
            vault.open(&Field::of_connection(&row, "credential"), sealed).map_err(|_| Refusal::Upstream)?;
        let secret = String::from_utf8(std::mem::take(&mut *opened)).map_err(|_| Refusal::Upstream)?;
        Ok(Credential { secret: Zeroizing::new(secret), account: None })
    }

    /// Puts the request together as the upstream gets it.
    #[expect(clippy::too_many_arguments, reason = "they are what a request is put together of")]
    fn prepared(
        &self,
        adapter: Adapter,
        (caller, claim): (Caller, Claim),
        mut parts: Parts,
        body: RequestBody,
        credential: Credential,
        charge: Option<Charge>,
        trace: &mut Trace,
    ) -> Result<Prepared, Refusal> {
        let endpoint = *self.upstreams.get(&adapter).ok_or(Refusal::Upstream)?;
        trace.inspection.reach(Guard::CredentialInject);
        let Credential { secret, account } = credential;
        let injection = Injection::new(adapter, &secret, account.as_deref()).map_err(|_| Refusal::Upstream)?;
        let target = target(adapter, parts.uri.path(), parts.uri.query(), &secret);
        parts.uri = target.parse::<Uri>().map_err(|_| Refusal::Upstream)?;
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        forwarded(&mut parts.headers, injection, self.faults);
        match body.size_hint().exact() {
            Some(0) if !parts.headers.contains_key(CONTENT_LENGTH) => {}
            // The client's own length may be of what isn't sent.
            Some(length) => {
                parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            None => {
                parts.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
        }
        #[cfg(feature = "faults")]
        trace.credential.push_str(&secret);
        let secret = Secret::new(secret.as_bytes());
        Ok(Prepared { adapter, endpoint, request: Request::from_parts(parts, body), secret, caller, claim, charge })
    }
}

/// The database can't say who calls, or what with. No provider was asked.
fn out_of_reach(_: DatabaseError) -> Refusal {
    Refusal::Upstream
}
