//! What the requests of one connection have in common.

use super::app_proxy::upgrade::Tunnel;
use super::entry::{Head, Inspection, ServerName};
use super::gate::GateShared;
use super::upstream::ResponseBody;
use crate::fault::FaultSet;
#[cfg(feature = "faults")]
use crate::identity::Session;
use crate::observe::Guard;
use http::header::CONNECTION;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What the requests of one connection have in common.
pub(crate) struct Connection {
    /// The server name that TLS gave; the outer option is TLS itself.
    server_name: Option<Option<String>>,
    gate: Option<Arc<GateShared>>,
    requests: AtomicU64,
    tunnel: Mutex<Option<Tunnel>>,
    #[cfg(feature = "faults")]
    remembered: Mutex<Option<Session>>,
    /// The caller that a planted fault remembers.
    #[cfg(feature = "faults")]
    pub(crate) caller: Mutex<Option<crate::identity::key::Caller>>,
}

impl Connection {
    pub(crate) fn new(server_name: Option<Option<String>>, gate: Option<Arc<GateShared>>) -> Self {
        Self {
            server_name,
            gate,
            requests: AtomicU64::new(0),
            tunnel: Mutex::new(None),
            #[cfg(feature = "faults")]
            remembered: Mutex::new(None),
            #[cfg(feature = "faults")]
            caller: Mutex::new(None),
        }
    }

    /// Counts a request, from 1.
    pub(crate) fn count(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Tells the gate what became of a request.
    pub(crate) fn settle(&self, number: u64, names_protocol: bool, answer: &Response<ResponseBody>) {
        let Some(gate) = &self.gate else { return };
        if answer.headers().get(CONNECTION).is_some_and(|value| value == "close") {
            gate.end();
        }
        if names_protocol {
            gate.settle(number, answer.status() == StatusCode::SWITCHING_PROTOCOLS);
        }
    }

    /// Keeps what is to be carried when HTTP has ended.
    pub(crate) fn keep_tunnel(&self, tunnel: Tunnel) {
        *self.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
    }

    /// What is left to carry when HTTP has ended.
    pub(crate) fn take_tunnel(&self) -> Option<Tunnel> {
        self.tunnel.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The head of one of its requests.
    pub(crate) fn head<'a>(&'a self, request: &'a Request<Incoming>) -> Head<'a> {
        Head {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            server_name: self.server_name(),
        }
    }

    fn server_name(&self) -> ServerName<'_> {
        match &self.server_name {
            None => ServerName::Cleartext,
            Some(None) => ServerName::Missing,
            Some(Some(name)) => ServerName::Named(name),
        }
    }

    /// An inspection of one of its requests.
    pub(crate) fn inspection(&self, faults: FaultSet) -> Inspection {
        let mut inspection = Inspection::new(faults);
        if self.gate.is_some() {
            inspection.guards.mark(Guard::Framing);
        }
        #[cfg(feature = "faults")]
        inspection.remembered.clone_from(&self.remembered.lock().unwrap_or_else(PoisonError::into_inner));
        inspection
    }

    #[cfg(feature = "faults")]
    pub(crate) fn remember(&self, inspection: Inspection) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.is_none() {
            *remembered = inspection.remembered;
        }
    }
}
