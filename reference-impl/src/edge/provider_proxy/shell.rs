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
use super::trace::Trace;
use crate::clock::Clock;
use crate::edge::connection::Connection;
use crate::edge::entry::Inspection;
use crate::edge::upstream::{Pool, RequestBody, ResponseBody, next_data};
use crate::identity::bearer;
use crate::identity::key::{Caller, Grant, KeyLookup, KeyRefusal};
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
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderValue, Request, Response, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;
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
    /// How long a body may stand still.
    pub(crate) stall_timeout: Duration,
}

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
            Ok(Screened::Request(adapter)) => self.means.prepare(adapter, request, &mut trace).await,
            Err(refusal) => Err(refusal),
        };
        match prepared {
            Ok(prepared) => {
                let (reply, answer) = oneshot::channel();
                let errand = Errand::new(self.means.clone(), prepared, trace, method.clone());
                self.errands.spawn(errand.run(reply));
                // An errand that ends without an answer was cut off with the platform.
                answer.await.unwrap_or_else(|_| Refusal::Upstream.response(adapter, &method).map(ResponseBody::Whole))
            }
            Err(refusal) => {
                trace.refused(&refusal);
                refusal.response(adapter, &method).map(ResponseBody::Whole)
            }
        }
    }
}

/// A request that may be sent.
pub(crate) struct Prepared {
    pub(crate) adapter: Adapter,
    pub(crate) endpoint: Endpoint,
    pub(crate) request: Request<RequestBody>,
    pub(crate) secret: Secret,
    pub(crate) caller: Caller,
    pub(crate) charge: Option<Charge>,
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
        request: Request<Incoming>,
        trace: &mut Trace,
    ) -> Result<Prepared, Refusal> {
        let (parts, body) = request.into_parts();
        let caller = self.caller(&parts, trace).await?;
        trace.caller = Some(caller.clone());
        let path = parts.uri.path().to_owned();
        let route = route::classify(adapter, &parts.method, &path);
        if adapter == Adapter::Composio {
            return self.prepare_action(caller, route, parts, body, trace).await;
        }
        let (profile, id, row) = self.connection(adapter, adapter.slug(), &caller, &parts, trace).await?;
        trace.inspection.reach(Guard::RouteClass);
        match route.ok_or(Refusal::RouteBlocked)? {
            Route::Free => {
                let credential = self.credential(adapter, profile, &caller, &id, row).await?;
                self.prepared(adapter, caller, parts, RequestBody::new(body), credential, None, trace)
            }
            Route::Metered(metered) => {
                let priced = self.price(adapter, metered, &parts, body).await?;
                let tariff = self.tariff(adapter, metered, &caller, priced.model.as_deref()).await?;
                let credential = self.credential(adapter, profile, &caller, &id, row).await?;
                let charge = self.charge(adapter, metered, &caller, &id, &priced, tariff);
                let body = RequestBody::whole(priced.body);
                self.prepared(adapter, caller, parts, body, credential, Some(charge), trace)
            }
        }
    }

    /// Composio's one route: the body says of which toolkit a connection is needed.
    async fn prepare_action(
        &self,
        caller: Caller,
        route: Option<Route<'_>>,
        parts: Parts,
        body: Incoming,
        trace: &mut Trace,
    ) -> Result<Prepared, Refusal> {
        let adapter = Adapter::Composio;
        trace.inspection.reach(Guard::RouteClass);
        let Some(Route::Metered(metered)) = route else { return Err(Refusal::RouteBlocked) };
        let priced = self.price(adapter, metered, &parts, body).await?;
        let toolkit = priced.model.clone().ok_or(Refusal::Validation)?;
        let missing = |refusal| match refusal {
            Refusal::BindingMissing => Refusal::ToolkitMissing(toolkit.clone()),
            other => other,
        };
        let found = self.connection(adapter, &toolkit, &caller, &parts, trace).await;
        let (profile, id, row) = found.map_err(missing)?;
        let tariff = self.tariff(adapter, metered, &caller, Some(&toolkit)).await?;
        let credential = self.credential(adapter, profile, &caller, &id, row).await.map_err(missing)?;
        let charge = self.charge(adapter, metered, &caller, &id, &priced, tariff);
        self.prepared(adapter, caller, parts, RequestBody::whole(priced.body), credential, Some(charge), trace)
    }

    /// Who calls.
    async fn caller(&self, parts: &Parts, trace: &mut Trace) -> Result<Caller, Refusal> {
        trace.inspection.reach(Guard::KeyLookup);
        let bearer = bearer::presented(&parts.headers).map_err(|_| Refusal::Key(KeyRefusal::Unknown))?;
        let found = self.keys.caller(bearer, self.clock.now_s()).await.map_err(out_of_reach)?;
        let caller = found.map_err(Refusal::Key)?;
        trace.inspection.reach(Guard::Scope);
        Ok(caller)
    }

    /// The connection of a request, compared and usable, with its row where that was read.
    async fn connection(
        &self,
        adapter: Adapter,
        provider: &str,
        caller: &Caller,
        parts: &Parts,
        trace: &mut Trace,
    ) -> Result<(Profile, ConnectionId, Option<ConnectionRow>), Refusal> {
        let scope = caller.scope();
        let bindings = match caller.grant() {
            Grant::App(app) => self.database.bindings(scope, app, provider).await.map_err(out_of_reach)?,
            Grant::Connection(_) => Vec::new(),
        };
        let id = decide::choose(caller.grant(), &bindings, &parts.headers, &mut trace.inspection)?;
        trace.connection = Some(id.clone());
        let inspection = &mut trace.inspection;
        let entry = match kv::Conn::new(id.as_str()) {
            Ok(key) => self.kv.get(&key).await,
            // A connection's id always makes a key; if it didn't, there would be no entry.
            Err(_) => None,
        };
        if let Some(entry) = entry {
            let profile = decide::check(Facts::of_entry(&entry), scope.tenant(), adapter, provider, inspection)?;
            return Ok((profile, id.clone(), None));
        }
        let row = self.database.connection(scope, id).await.map_err(out_of_reach)?.ok_or(Refusal::BindingMissing)?;
        let profile = decide::check(Facts::of_row(&row), scope.tenant(), adapter, provider, inspection)?;
        Ok((profile, id.clone(), Some(row)))
    }

    /// Reads what decides the price.
    async fn price(
        &self,
        adapter: Adapter,
        metered: Metered<'_>,
        parts: &Parts,
        body: Incoming,
    ) -> Result<Priced, Refusal> {
        let body = if metered.reads_body() {
            decide::readable(&parts.headers, BODY_MAX)?;
            self.read(body).await?
        } else {
            Bytes::new()
        };
        let payload =
            metered.reads_body().then(|| Payload::read(&body).map_err(|_| Refusal::Validation)).transpose()?;
        let (model, order) =
            order(adapter, metered, payload.as_ref(), body.len() as u64).map_err(|_| Refusal::Validation)?;
        let model = model.map(std::borrow::Cow::into_owned);
        let streams =
            adapter == Adapter::Openrouter && payload.as_ref().is_some_and(|payload| payload.is_true("stream"));
        let rewritten = payload.filter(|_| streams).map(|payload| Bytes::from(payload.asking_for_usage()));
        Ok(Priced { body: rewritten.unwrap_or(body), model, order })
    }

    /// A whole body, of no more than [`BODY_MAX`].
    async fn read(&self, mut body: Incoming) -> Result<Bytes, Refusal> {
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        loop {
            let piece = timeout(self.stall_timeout, next_data(&mut body)).await.map_err(|_| Refusal::BadRequest)?;
            let Some(piece) = piece else { break };
            let piece = piece.map_err(|_| Refusal::BadRequest)?;
            if first.len() + all.len() + piece.len() > BODY_MAX {
                return Err(Refusal::PayloadTooLarge);
            }
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
            if !owned {
                return Err(Refusal::NotFound);
            }
        }
        let Some(model) = model else { return Ok(None) };
        let found = self.tariff_of(adapter, caller, model).await.map_err(out_of_reach)?;
        found.map(Some).ok_or(Refusal::RateMissing)
    }

    /// The price of a model, or none where a meter of the adapter has no rate for it.
    pub(crate) async fn tariff_of(
        &self,
        adapter: Adapter,
        caller: &Caller,
        model: &str,
    ) -> Result<Option<Tariff>, DatabaseError> {
        let rates = self.database.rates(adapter.slug(), model).await?;
        let Some(rates) = rates.filter(|rates| rates.cover(adapter.meters())) else { return Ok(None) };
        let mut margins = Vec::with_capacity(adapter.meters().len());
        for meter in adapter.meters() {
            margins.push((*meter, self.database.margin(caller.scope(), adapter.slug(), meter).await?));
        }
        Ok(Some(Tariff { rates, margins }))
    }

    fn charge(
        &self,
        adapter: Adapter,
        metered: Metered<'_>,
        caller: &Caller,
        connection: &ConnectionId,
        priced: &Priced,
        tariff: Option<Tariff>,
    ) -> Charge {
        let app = match caller.grant() {
            Grant::App(app) => Some(app.clone()),
            Grant::Connection(_) => None,
        };
        let hold = NewHold {
            amount: adapter.hold_micros(),
            key: caller.key().clone(),
            app,
            connection: connection.clone(),
            provider: adapter.slug(),
            model: priced.model.clone(),
            at_s: self.clock.now_s(),
        };
        Charge { hold, order: priced.order, job: metered.job().map(str::to_owned), tariff }
    }

    /// The credential of a connection that was checked.
    async fn credential(
        &self,
        adapter: Adapter,
        profile: Profile,
        caller: &Caller,
        id: &ConnectionId,
        row: Option<ConnectionRow>,
    ) -> Result<Credential, Refusal> {
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
                let read = self.database.connection(caller.scope(), id).await.map_err(out_of_reach)?;
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
        caller: Caller,
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
        forwarded(&mut parts.headers, injection);
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
        let secret = Secret::new(secret.as_bytes());
        Ok(Prepared { adapter, endpoint, request: Request::from_parts(parts, body), secret, caller, charge })
    }
}

/// The database can't say who calls, or what with. No provider was asked.
fn out_of_reach(_: DatabaseError) -> Refusal {
    Refusal::Upstream
}
