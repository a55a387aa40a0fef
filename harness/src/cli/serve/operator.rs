//! What the demo shows its operator: each tenant's ledger. On loopback, and of this demo alone.

use std::collections::BTreeSet;
use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use reference_impl::store::wallet::LedgerKind;
use reference_impl::{Acceptor, ControlPlane, Endpoint, Network, TenantId};
use serde_json::json;
use tokio::task::JoinHandle;

/// Serves `GET /ledger/{tenant}`: the lines of a ledger as JSON, one a line. It stops when it is dropped.
pub(super) struct Operator {
    endpoint: Endpoint,
    task: JoinHandle<()>,
}

impl Operator {
    pub(super) fn start(network: &Network, control: ControlPlane, tenants: &[TenantId]) -> Result<Self, String> {
        let (acceptor, endpoint) =
            network.bind().map_err(|error| format!("listening for the operator's page: {error}"))?;
        let known = tenants.iter().cloned().collect();
        Ok(Self { endpoint, task: tokio::spawn(serve(acceptor, control, known)) })
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        self.endpoint
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut acceptor: Acceptor, control: ControlPlane, known: BTreeSet<TenantId>) {
    // One at a time will do for a person; a connection that says nothing is given up by hyper's own deadline.
    loop {
        let Ok(stream) = acceptor.accept().await else { continue };
        let (control, known) = (control.clone(), known.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let answer = answer(&request, &control, &known);
                async move { Ok::<_, Infallible>(answer) }
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            let served = builder.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
            // A connection that broke is the person's to notice.
            drop(served);
        });
    }
}

fn answer(request: &Request<Incoming>, control: &ControlPlane, known: &BTreeSet<TenantId>) -> Response<Full<Bytes>> {
    let named = request.uri().path().strip_prefix("/ledger/").and_then(|name| name.parse::<TenantId>().ok());
    let (status, body) = match named.filter(|tenant| known.contains(tenant)) {
        Some(tenant) => (StatusCode::OK, lines(control, &tenant)),
        None => {
            let names: Vec<String> = known.iter().map(|tenant| format!("/ledger/{tenant}\n")).collect();
            (StatusCode::NOT_FOUND, names.concat())
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}

fn lines(control: &ControlPlane, tenant: &TenantId) -> String {
    let ledgers = control.ledgers();
    let lines = ledgers.get(tenant).map(Vec::as_slice).unwrap_or_default();
    lines
        .iter()
        .map(|line| {
            let text = |id: Option<String>| id.map_or(serde_json::Value::Null, serde_json::Value::String);
            let line = json!({
                "seq": line.seq,
                "kind": kind(line.kind),
                "micros": line.micros,
                "balance_after": line.balance_after,
                "key": text(line.key.as_ref().map(ToString::to_string)),
                "connection": text(line.connection.as_ref().map(ToString::to_string)),
                "provider": line.provider,
                "model": line.model,
            });
            format!("{line}\n")
        })
        .collect()
}

const fn kind(kind: LedgerKind) -> &'static str {
    match kind {
        LedgerKind::Credit => "credit",
        LedgerKind::Hold => "hold",
        LedgerKind::Settle => "settle",
    }
}
