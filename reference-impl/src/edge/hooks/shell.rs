//! The lookups behind the hooks worker's decisions, and the delivery.

use super::answers::{self, Refusal};
use super::decide::{self, BODY_MAX};
use super::envelope;
use crate::clock::Clock;
use crate::edge::entry::Inspection;
use crate::edge::log_line::LogLine;
use crate::edge::one_shot::{self, AnswerBody};
use crate::edge::upstream::ResponseBody;
use crate::edge::worker::Worker;
use crate::identity::hook;
use crate::identity::scope::TenantScope;
use crate::network::{Endpoint, Network};
use crate::observe::{Guard, Observer};
use crate::platform::Limits;
use crate::store::database::{AppRow, ConnectionRow, Database, DatabaseError, Db};
use crate::store::vault::{Field, Vault};
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use std::sync::Arc;
use tokio::time::timeout;

/// The hooks worker of a platform.
pub(crate) struct Hooks {
    pub(crate) database: Db,
    pub(crate) vault: Option<Vault>,
    pub(crate) clock: Clock,
    pub(crate) network: Network,
    pub(crate) limits: Limits,
    pub(crate) observer: Option<Arc<dyn Observer>>,
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
        let (scope, row) = self.admitted(parts, inspection).await?;
        line.connection(&row);
        decide::acceptable(&parts.method, &parts.headers)?;
        let body = self.read(body).await?;
        inspection.reach(Guard::WebhookDelivery);
        let destination = self.destination(&scope, &row).await?;
        self.deliver(parts, &row, &destination, body).await
    }

    /// The connection that the request has proven to speak for, and its tenant's scope.
    async fn admitted(
        &self,
        parts: &Parts,
        inspection: &mut Inspection,
    ) -> Result<(TenantScope, ConnectionRow), Refusal> {
        let found = match decide::external_id(parts.uri.path()) {
            Some(id) => decide::alive(self.database.hook_connection(&id).await?),
            None => None,
        };
        inspection.reach(Guard::WebhookSecret);
        let secret = decide::presented(&parts.headers, found.as_ref().map(|row| row.provider.as_str()));
        let vault = self.vault.as_ref().ok_or(Refusal::Unproven)?;
        let scope = hook::admit(vault, found.as_ref(), secret);
        match (scope, found) {
            (Some(scope), Some(row)) => {
                inspection.reach(Guard::Scope);
                Ok((scope, row))
            }
            (None, _) | (Some(_), None) => Err(Refusal::Unproven),
        }
    }

    /// The whole body.
    async fn read(&self, body: Incoming) -> Result<Bytes, Refusal> {
        let read = timeout(self.limits.stall_timeout, Limited::new(body, BODY_MAX).collect()).await;
        match read.map_err(|_| Refusal::BadRequest)? {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge),
            Err(_) => Err(Refusal::BadRequest),
        }
    }

    /// The deployment of the app that the connection is bound to: by the tenant's own rows, and by nothing in the
    /// request.
    async fn destination(&self, scope: &TenantScope, row: &ConnectionRow) -> Result<Destination, Refusal> {
        let bindings = self.database.bindings_of(scope, &row.id).await?;
        let binding = bindings.first().ok_or(Refusal::NotBound)?;
        let app = self.database.app(scope, &binding.app).await?.ok_or(Refusal::NotBound)?;
        let deployment = match &app.deployment {
            Some(id) => self.database.deployment(scope, id).await?,
            None => None,
        };
        let target = decide::destination(app.deployment.as_ref(), deployment.as_ref())?;
        Ok(Destination { target, app })
    }

    async fn deliver(
        &self,
        parts: &Parts,
        row: &ConnectionRow,
        destination: &Destination,
        body: Bytes,
    ) -> Result<StatusCode, Refusal> {
        let Destination { target, app } = destination;
        let vault = self.vault.as_ref().ok_or(Refusal::Unavailable)?;
        let secret = vault.open(&Field::of_app(app), &app.webhook_secret);
        let secret = secret.map_err(|_| Refusal::Unavailable)?;
        let now_s = self.clock.now_s();
        let request = envelope::request(row, target, &parts.headers, body, now_s, &secret);
        let request = request.ok_or(Refusal::Unreachable)?;
        let answer = one_shot::run(&self.network, &self.limits, target, request, AnswerBody::Left).await;
        let status = answer.map_err(|_| Refusal::Unreachable)?.status();
        // A change of protocol was not asked for.
        if status.is_informational() { Err(Refusal::Unreachable) } else { Ok(status) }
    }
}
