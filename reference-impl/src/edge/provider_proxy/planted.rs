//! What planted faults do and keep between requests. Not in a build for use.

use super::errors::Refusal;
use super::payload::Payload;
use super::shell::{Means, Prepared};
use super::trace::Trace;
use crate::edge::app_proxy::planted::{Stored, store};
use crate::edge::upstream::ResponseBody;
use crate::fault::Fault;
use crate::identity;
use crate::identity::key::{Caller, Grant};
use crate::identity::scope::TenantScope;
use crate::ids::{ConnectionId, KeyId, TenantId};
use crate::provider::Adapter;
use crate::store::database::Database;
use crate::store::kv;
use crate::store::money::Micros;
use crate::store::wallet::{NewHold, Settlement};
use http::request::Parts;
use http::{HeaderMap, Response};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Mutex, PoisonError};

/// What a refused call is billed, in micro-dollars.
const FEE: u64 = 1_000;

#[derive(Default)]
pub(crate) struct Planted {
    credentials: Mutex<BTreeMap<Adapter, String>>,
    answers: Mutex<HashMap<String, Stored>>,
    refused: Mutex<BTreeSet<Adapter>>,
}

impl Planted {
    /// The first credential of an adapter.
    pub(crate) fn first_credential(&self, adapter: Adapter, credential: &str) -> String {
        let mut credentials = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        credentials.entry(adapter).or_insert_with(|| credential.to_owned()).clone()
    }

    pub(crate) fn was_refused(&self, adapter: Adapter) -> bool {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).contains(&adapter)
    }

    pub(crate) fn remember_refusal(&self, adapter: Adapter) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(adapter);
    }

    pub(crate) async fn cached(
        &self,
        question: String,
        fetch: impl Future<Output = Response<ResponseBody>>,
    ) -> Response<ResponseBody> {
        let hit = self.answers.lock().unwrap_or_else(PoisonError::into_inner).get(&question).cloned();
        if let Some(stored) = hit {
            return stored.response();
        }
        let stored = store(fetch.await).await;
        if stored.is_ok() {
            self.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(question, stored.clone());
        }
        stored.response()
    }
}

/// What a cache takes for the question of a request.
pub(crate) fn question(prepared: &Prepared) -> String {
    let (adapter, request) = (prepared.adapter, &prepared.request);
    let path = if adapter == Adapter::Telegram { "" } else { request.uri().path() };
    format!("{adapter} {} {path} {:?}", request.method(), request.body().bytes())
}

impl Means {
    /// The wallet that a header or the body names, with a key of its owner.
    pub(crate) async fn named_payer(&self, parts: &Parts, body: &[u8]) -> Option<(TenantScope, KeyId)> {
        let header = parts.headers.get("x-vendo-tenant-id").and_then(|value| value.to_str().ok());
        let header = header.filter(|_| self.faults.has(Fault::PrxTenantFromHeader)).map(str::to_owned);
        let member = || Some(Payload::read(body).ok()?.text("tenant_id").ok()??.into_owned());
        let member = if self.faults.has(Fault::PrxTenantFromBody) { member() } else { None };
        let scope = identity::operator(TenantId::parse(&header.or(member)?).ok()?);
        let key = self.database.keys(&scope).await.ok()?.first()?.id.clone();
        Some((scope, key))
    }

    /// The scope of the tenant that the namespace names as a connection's owner.
    pub(crate) async fn owner(&self, id: &ConnectionId) -> Option<TenantScope> {
        let entry = self.kv.get(&kv::Conn::new(id.as_str()).ok()?).await?;
        Some(identity::operator(TenantId::parse(&entry.tenant_id).ok()?))
    }

    /// What a chatty worker says of a connection that is not open to the key.
    pub(crate) async fn say_why(&self, headers: &HeaderMap, trace: &mut Trace, refusal: Refusal) -> Refusal {
        let named = headers.get("x-vendo-connection").and_then(|value| value.to_str().ok());
        let Some(key) = named.and_then(|named| kv::Conn::new(named).ok()) else { return refusal };
        let Some(entry) = self.kv.get(&key).await else {
            return if self.faults.has(Fault::PrxForeignConnection404) { Refusal::NotFound } else { refusal };
        };
        if self.faults.has(Fault::PrxForeignNameInError) {
            let owner = &entry.tenant_id;
            trace.said =
                Some(format!(r#"{{"error":{{"code":"binding_missing","message":"The connection is of {owner}."}}}}"#));
        }
        refusal
    }

    /// Bills a call that was refused.
    pub(crate) async fn bill_refused(&self, adapter: Adapter, caller: &Caller, connection: Option<&ConnectionId>) {
        let Ok(nobody) = ConnectionId::parse("none") else { return };
        let app = match caller.grant() {
            Grant::App(app) => Some(app.clone()),
            Grant::Connection(_) => None,
        };
        let hold = NewHold {
            amount: FEE,
            key: caller.key().clone(),
            app,
            connection: connection.cloned().unwrap_or(nobody),
            provider: adapter.slug(),
            model: None,
            at_s: self.clock.now_s(),
        };
        if let Ok(held) = self.database.hold(caller.scope(), hold).await {
            self.bill(caller.scope(), held.id, FEE).await;
        }
    }

    /// Settles a hold at a cost.
    pub(crate) async fn bill(&self, scope: &TenantScope, hold: crate::ids::HoldId, micros: u64) {
        let cost = Micros::new(micros).unwrap_or(Micros::ZERO);
        let settlement = Settlement { cost, once_for: None, at_s: self.clock.now_s() };
        match self.database.settle(scope, &hold, settlement).await {
            // A fault that can't be carried out is none.
            Ok(_) | Err(_) => {}
        }
    }
}
