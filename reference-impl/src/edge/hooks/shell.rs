//! The lookups behind the hooks worker's decisions, and the delivery.

use super::answers::{self, Refusal};
use super::decide::{self, BODY_MAX};
use super::envelope;
use crate::clock::Clock;
use crate::edge::budget::Budget;
use crate::edge::entry::Inspection;
use crate::edge::log_line::LogLine;
use crate::edge::one_shot::{self, AnswerBody};
use crate::edge::upstream::{ResponseBody, next_data};
use crate::edge::worker::Worker;
use crate::entropy::Entropy;
use crate::fault::{Fault, FaultSet};
use crate::identity::hook;
use crate::identity::scope::TenantScope;
use crate::ids::{ConnectionId, ExternalId, ProviderSlug, TenantId};
use crate::network::{Endpoint, Network, Stream};
use crate::observe::{Guard, Observer};
use crate::platform::Limits;
use crate::store::database::{AppRow, ConnectionRow, ConnectionStatus, Database, DatabaseError, Db, Profile};
use crate::store::vault::{Field, Vault};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

/// The hooks worker of a platform.
pub(crate) struct Hooks {
    pub(crate) database: Db,
    pub(crate) vault: Option<Vault>,
    pub(crate) decoy: Option<ConnectionRow>,
    pub(crate) clock: Clock,
    pub(crate) network: Network,
    pub(crate) limits: Limits,
    /// The bodies that are held until they are whole.
    pub(crate) bodies: Budget,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) faults: FaultSet,
    #[cfg(feature = "faults")]
    pub(crate) planted: super::planted::Planted,
}

/// A connection that is nobody's. Its secret, which nobody knows, is opened and compared where a path names no
/// connection, so that it takes the same work as where it does.
pub(crate) fn decoy(vault: &Vault, entropy: &Entropy) -> Option<ConnectionRow> {
    let mut row = ConnectionRow {
        id: ConnectionId::parse("decoy-of-the-hooks-worker").ok()?,
        tenant: TenantId::parse("decoy-of-the-hooks-worker").ok()?,
        external_id: ExternalId::parse("decoy").ok()?,
        provider: ProviderSlug::parse("decoy").ok()?,
        profile: Profile::WebhookInbound,
        status: ConnectionStatus::Active,
        user_id: None,
        account: None,
        credential: None,
        refresh: None,
        webhook_secret: None,
        version: 1,
        created: 0,
    };
    let secret = URL_SAFE_NO_PAD.encode(entropy.draw("hooks-decoy").ok()?);
    let sealed = vault.seal(&Field::of_connection(&row, "webhook_secret"), secret.as_bytes());
    row.webhook_secret = Some(sealed.ok()?);
    Some(row)
}

/// Where a webhook goes, and who signs for it.
struct Destination {
    target: Endpoint,
    app: AppRow,
}

impl From<DatabaseError> for Refusal {
    fn from(_: DatabaseError) -> Self {
        Self::Unavailable
    }
}

impl Hooks {
    /// Answers one request that was let in.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        mut inspection: Inspection,
    ) -> Response<ResponseBody> {
        let (parts, body) = request.into_parts();
        let mut line = LogLine::default();
        let response = match self.examine(&parts, body, &mut inspection, &mut line).await {
            Ok(status) => answers::delivered(status),
            Err(refusal) => {
                line.code(refusal.code());
                refusal.response(&parts.method)
            }
        };
        line.report(self.observer.as_deref(), Worker::Hooks, inspection.guards, response.status().as_u16());
        response.map(ResponseBody::Whole)
    }

    /// The status that the container answered.
    async fn examine(
        &self,
        parts: &Parts,
        body: Incoming,
        inspection: &mut Inspection,
        line: &mut LogLine,
    ) -> Result<StatusCode, Refusal> {
        let found = self.found(parts).await?;
        if !found.is_empty() && self.faults.has(Fault::HksMethodBeforeSecret) {
            decide::acceptable(&parts.method, &parts.headers)?;
        }
        if let Some(row) = found.first().filter(|_| self.faults.has(Fault::HksBodyReadFirst)) {
            let body = self.read(body, &row.tenant).await?;
            let (scope, row) = self.proven(parts, found, inspection)?;
            decide::acceptable(&parts.method, &parts.headers)?;
            return self.pass(parts, &scope, &row, body, inspection, line).await;
        }
        let (_, row) = self.proven(parts, found, inspection)?;
        line.connection(&row);
        decide::acceptable(&parts.method, &parts.headers)?;
        let body = self.read(body, &row.tenant).await?;
        // The sender may take its time with a body, and its secret or its connection may have ended meanwhile.
        let (scope, row) = self.again(parts).await?;
        self.pass(parts, &scope, &row, body, inspection, line).await
    }

    /// The connection that a request which was let in has proven to speak for, as it is now.
    async fn again(&self, parts: &Parts) -> Result<(TenantScope, ConnectionRow), Refusal> {
        let found = self.found(parts).await?;
        self.proven(parts, found, &mut Inspection::new(self.faults))
    }

    /// The connections that the path names and that were not revoked: each tenant may call one so.
    async fn found(&self, parts: &Parts) -> Result<Vec<ConnectionRow>, Refusal> {
        let Some(id) = decide::external_id(parts.uri.path()) else { return Ok(Vec::new()) };
        let rows = self.database.hook_connections(&id).await?;
        if rows.is_empty() && self.faults.has(Fault::HksUnknownIs404) {
            return Err(Refusal::NotBound);
        }
        let were_there = !rows.is_empty();
        let alive = decide::alive(rows);
        if were_there && alive.is_empty() && self.faults.has(Fault::HksRevokedDiffers) {
            return Err(Refusal::NotBound);
        }
        Ok(alive)
    }

    /// The connection that the request has proven to speak for, and its tenant's scope. Of several that are called
    /// alike, each is compared with what its provider presents, and one alone has to fit.
    fn proven(
        &self,
        parts: &Parts,
        found: Vec<ConnectionRow>,
        inspection: &mut Inspection,
    ) -> Result<(TenantScope, ConnectionRow), Refusal> {
        inspection.reach(Guard::WebhookSecret);
        if found.is_empty() {
            // The same work as for one.
            let nobody = self.admitted(parts, None)?;
            return nobody.and(None).ok_or(Refusal::Unproven);
        }
        let mut proven = Vec::new();
        for row in found {
            if let Some(scope) = self.admitted(parts, Some(&row))?
                && *scope.tenant() == row.tenant
            {
                proven.push((scope, row));
            }
        }
        match (proven.pop(), proven.is_empty()) {
            (Some(proven), true) => {
                inspection.reach(Guard::Scope);
                Ok(proven)
            }
            (None | Some(_), _) => Err(Refusal::Unproven),
        }
    }

    /// The scope of a connection's tenant, if the request presents its secret; of nobody's where there is no connection.
    fn admitted(&self, parts: &Parts, row: Option<&ConnectionRow>) -> Result<Option<TenantScope>, Refusal> {
        let secret = decide::presented(&parts.headers, row.map(|row| row.provider.as_str()));
        let vault = self.vault.as_ref().ok_or(Refusal::Unproven)?;
        let compared = row.filter(|row| row.webhook_secret.is_some()).or(self.decoy.as_ref());
        let scope = hook::admit_with(vault, compared, secret, self.faults);
        #[cfg(feature = "faults")]
        let scope = scope.or_else(|| {
            let (row, secret) = (row?, secret?);
            let old = self.faults.has(Fault::HksOldSecretAccepted) && self.planted.secrets.was_of(row, secret);
            let foreign = self.faults.has(Fault::HksForeignSecretAccepted)
                && self.planted.secrets.was_at_provider_of(row, secret);
            (old || foreign).then(|| super::planted::scope_of(row))
        });
        Ok(scope)
    }

    /// Takes a webhook to its destination.
    async fn pass(
        &self,
        parts: &Parts,
        scope: &TenantScope,
        row: &ConnectionRow,
        body: Bytes,
        inspection: &mut Inspection,
        line: &mut LogLine,
    ) -> Result<StatusCode, Refusal> {
        line.connection(row);
        inspection.reach(Guard::WebhookDelivery);
        let target = self.destination(parts, scope, row).await?.target;
        let deadline = Instant::now() + self.limits.response_head_timeout;
        let dialled = timeout_at(deadline, one_shot::dial(&self.network, &self.limits, &target)).await;
        let stream = dialled.map_err(|_| Refusal::Unreachable)?.map_err(|_| Refusal::Unreachable)?;
        // So may the container with a connection. What is sent on it is of what is true now.
        let (scope, row) = self.again(parts).await?;
        let destination = self.destination(parts, &scope, &row).await?;
        if destination.target != target {
            return Err(Refusal::Unavailable);
        }
        self.deliver(parts, &row, &destination, (stream, deadline), body).await
    }

    /// The whole body, in its tenant's share of what may be held.
    async fn read(&self, mut body: Incoming, tenant: &TenantId) -> Result<Bytes, Refusal> {
        let mut share = self.bodies.share(tenant);
        let mut whole = BytesMut::new();
        let end = Instant::now() + self.limits.stall_timeout;
        while let Some(piece) = timeout_at(end, next_data(&mut body)).await.map_err(|_| Refusal::BadRequest)? {
            let piece = piece.map_err(|_| Refusal::BadRequest)?;
            if whole.len() + piece.len() > BODY_MAX {
                return Err(Refusal::TooLarge);
            }
            share.grow(piece.len()).map_err(|_| Refusal::Overloaded)?;
            whole.extend_from_slice(&piece);
        }
        Ok(share.bind(whole.freeze()))
    }

    /// The deployment of the app that the connection is bound to: by the tenant's own rows, and by nothing in the
    /// request.
    async fn destination(
        &self,
        _parts: &Parts,
        scope: &TenantScope,
        row: &ConnectionRow,
    ) -> Result<Destination, Refusal> {
        let bindings = self.database.bindings_of(scope, &row.id).await?;
        let bound = bindings.into_iter().next().map(|binding| binding.app);
        #[cfg(feature = "faults")]
        let bound = if self.faults.has(Fault::HksUnboundDelivered) {
            self.planted.last_app(&row.id, bound.as_ref())
        } else {
            bound
        };
        let bound = bound.ok_or(Refusal::NotBound)?;
        let app = self.database.app(scope, &bound).await?.ok_or(Refusal::NotBound)?;
        #[cfg(feature = "faults")]
        if self.faults.has(Fault::HksForgedDestination)
            && let Some(target) = self.named(_parts, scope).await
        {
            return Ok(Destination { target, app });
        }
        let deployment = match &app.deployment {
            Some(id) => self.database.deployment(scope, id).await?,
            None => None,
        };
        let target = decide::destination(app.deployment.as_ref(), deployment.as_ref(), self.faults)?;
        Ok(Destination { target, app })
    }

    async fn deliver(
        &self,
        parts: &Parts,
        row: &ConnectionRow,
        destination: &Destination,
        (stream, deadline): (Stream, Instant),
        body: Bytes,
    ) -> Result<StatusCode, Refusal> {
        let Destination { target, app } = destination;
        let vault = self.vault.as_ref().ok_or(Refusal::Unavailable)?;
        let secret = vault.open(&Field::of_app(app), &app.webhook_secret);
        let secret = secret.map_err(|_| Refusal::Unavailable)?;
        #[cfg(feature = "faults")]
        let secret =
            if self.faults.has(Fault::HksSignedWithFirstApp) { self.planted.first_app_secret(secret) } else { secret };
        let request = self.request(parts, row, target, body.clone(), &secret)?;
        let answer = one_shot::run_on(stream, deadline, request, AnswerBody::Left).await;
        let answer = answer.map_err(|_| Refusal::Unreachable)?;
        let mut status = answer.status();
        if self.faults.has(Fault::HksRedirectFollowed)
            && status.is_redirection()
            && let Some(elsewhere) = authority(&answer)
        {
            let request = self.request(parts, row, &elsewhere, body, &secret)?;
            let answer = one_shot::run(&self.network, &self.limits, &elsewhere, request, AnswerBody::Left).await;
            status = answer.map_err(|_| Refusal::Unreachable)?.status();
        }
        // A change of protocol was not asked for.
        if status.is_informational() { Err(Refusal::Unreachable) } else { Ok(status) }
    }

    /// A webhook as a container gets it.
    fn request(
        &self,
        parts: &Parts,
        row: &ConnectionRow,
        target: &Endpoint,
        body: Bytes,
        secret: &[u8],
    ) -> Result<Request<Full<Bytes>>, Refusal> {
        let now_s = self.clock.now_s();
        let request = envelope::request(row, target, &parts.headers, body, now_s, secret, self.faults);
        request.ok_or(Refusal::Unreachable)
    }

    /// A destination that the request names: any host of the platform's, or an id among the tenant's own. Only a
    /// planted fault asks.
    #[cfg(feature = "faults")]
    async fn named(&self, parts: &Parts, scope: &TenantScope) -> Option<Endpoint> {
        use crate::store::kv::DeployKey;
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(host) = text("x-forwarded-host").and_then(|host| crate::host::normalise(host.as_bytes()).ok()) {
            let entry = match DeployKey::of(crate::host::classify(&host)).ok()?? {
                DeployKey::Label(key) => self.planted.kv.get(&key).await,
                DeployKey::Host(key) => self.planted.kv.get(&key).await,
            };
            return entry?.target.parse().ok();
        }
        let pairs = parts.uri.query().unwrap_or_default().split('&');
        let asked = pairs.filter_map(|pair| pair.strip_prefix("deployment=")).next();
        let id = crate::ids::DeploymentId::parse(text("x-vendo-deployment-id").or(asked)?).ok()?;
        Some(self.database.deployment(scope, &id).await.ok()??.target)
    }
}

/// Where a redirect leads, as only a planted fault reads it.
fn authority(answer: &Response<Bytes>) -> Option<Endpoint> {
    let location = answer.headers().get(http::header::LOCATION)?.to_str().ok()?;
    let rest = location.strip_prefix("http://")?;
    rest.split('/').next()?.parse().ok()
}
