//! What a request leaves behind: the guards it reached, and one line of the log. Neither ever holds a bearer, a
//! credential, a body or a query.

use super::errors::Refusal;
use crate::edge::entry::Inspection;
#[cfg(feature = "faults")]
use crate::edge::upstream::ResponseBody;
use crate::edge::worker::Worker;
#[cfg(feature = "faults")]
use crate::fault::Fault;
use crate::identity::key::Caller;
use crate::ids::ConnectionId;
use crate::observe::{Event, Guard, GuardSet, Observer, OutcomeKind, RequestTrace};
use crate::provider::Adapter;
use http::StatusCode;
use std::fmt::Write as _;
use std::sync::Arc;

/// The trace of one request.
pub(crate) struct Trace {
    adapter: Option<Adapter>,
    pub(crate) inspection: Inspection,
    pub(crate) caller: Option<Caller>,
    pub(crate) connection: Option<ConnectionId>,
    observer: Option<Arc<dyn Observer>>,
    status: u16,
    code: Option<&'static str>,
    /// What a planted fault says instead of a refusal's body.
    #[cfg(feature = "faults")]
    pub(crate) said: Option<String>,
    /// What a planted fault logs.
    #[cfg(feature = "faults")]
    pub(crate) credential: String,
}

impl Trace {
    pub(crate) fn new(adapter: Option<Adapter>, inspection: Inspection, observer: Option<Arc<dyn Observer>>) -> Self {
        Self {
            adapter,
            inspection,
            caller: None,
            connection: None,
            observer,
            status: 0,
            code: None,
            #[cfg(feature = "faults")]
            said: None,
            #[cfg(feature = "faults")]
            credential: String::new(),
        }
    }

    /// Says what was answered. Once for each request.
    pub(crate) fn decided(&mut self, status: StatusCode, code: Option<&'static str>) {
        self.status = status.as_u16();
        self.code = code;
        let Some(observer) = &self.observer else { return };
        let guards = self.inspection.guards;
        match self.adapter {
            Some(adapter) => {
                observer.observe(&Event::Edge { worker: Worker::Provider(adapter), guards, status: status.as_u16() });
            }
            None => {
                let outcome =
                    if status == StatusCode::NOT_FOUND { OutcomeKind::NotFound } else { OutcomeKind::BadRequest };
                observer.observe(&Event::Request(RequestTrace { guards, outcome, deployment: None }));
            }
        }
    }

    /// Says that the request was refused, and writes its line.
    pub(crate) fn refused(&mut self, refusal: &Refusal) {
        self.decided(refusal.status(), Some(refusal.code()));
        self.log(None);
    }

    /// What a planted fault answers instead.
    #[cfg(feature = "faults")]
    pub(crate) fn say(&mut self, mut response: http::Response<ResponseBody>) -> http::Response<ResponseBody> {
        let Some(said) = self.said.take() else { return response };
        response.headers_mut().insert(http::header::CONTENT_LENGTH, http::HeaderValue::from(said.len()));
        response.map(|_| ResponseBody::Whole(said.into()))
    }

    /// Notes for the log what else has happened.
    pub(crate) fn remark(&mut self, code: &'static str) {
        self.code = Some(code);
    }

    /// Says which guards were reached after the answer was decided.
    pub(crate) fn late(&self, guards: &[Guard]) {
        if let Some(observer) = &self.observer
            && !guards.is_empty()
        {
            observer.observe(&Event::Guards { guards: guards.iter().copied().collect::<GuardSet>() });
        }
    }

    /// Writes the line. Once for each request, when it is known what was charged.
    pub(crate) fn log(&self, micros: Option<u64>) {
        let Some(observer) = &self.observer else { return };
        let mut line = String::with_capacity(160);
        let caller = self.caller.as_ref();
        let provider = self.adapter.map_or("-", Adapter::slug);
        // Writing to a string never fails.
        let written = write!(
            line,
            "worker={} status={} code={} tenant={} key={} connection={} provider={provider} micros={}",
            self.adapter.map_or_else(|| "provider-proxy".to_owned(), |adapter| Worker::Provider(adapter).to_string()),
            self.status,
            self.code.unwrap_or("-"),
            caller.map_or("-", |caller| caller.scope().tenant().as_str()),
            caller.map_or("-", Caller::prefix),
            self.connection.as_ref().map_or("-", ConnectionId::as_str),
            micros.map_or_else(|| "-".to_owned(), |micros| micros.to_string()),
        );
        #[cfg(feature = "faults")]
        if self.inspection.faults.has(Fault::PrxCredentialInLog) {
            line.push_str(" credential=");
            line.push_str(&self.credential);
        }
        if written.is_ok() {
            observer.observe(&Event::Log { line: &line });
        }
    }
}
