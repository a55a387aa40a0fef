//! The one line that a request leaves in the log. It holds ids and a key's first characters, and nothing that opens
//! anything: no bearer, credential, token, secret, body or query.

use super::worker::Worker;
use crate::identity::key::Caller;
use crate::observe::{Event, GuardSet, Observer};
use crate::store::database::ConnectionRow;

/// What is known of a request when it is answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LogLine {
    code: Option<&'static str>,
    tenant: Option<String>,
    key: Option<String>,
    connection: Option<String>,
    provider: Option<String>,
    #[cfg(feature = "faults")]
    remark: Option<String>,
}

impl LogLine {
    /// Notes who calls.
    pub(crate) fn caller(&mut self, caller: &Caller) {
        self.tenant = Some(caller.scope().tenant().to_string());
        self.key = Some(caller.prefix().to_owned());
    }

    /// Notes the connection that is used.
    pub(crate) fn connection(&mut self, row: &ConnectionRow) {
        self.tenant = Some(row.tenant.to_string());
        self.connection = Some(row.id.to_string());
        self.provider = Some(row.provider.to_string());
    }

    /// Notes the provider. It is one of the platform's, not what a client wrote.
    pub(crate) fn provider(&mut self, provider: &str) {
        self.provider = Some(provider.to_owned());
    }

    /// Notes why it is refused.
    pub(crate) fn code(&mut self, code: &'static str) {
        self.code = Some(code);
    }

    /// Notes more. Only planted faults have more to say.
    #[cfg(feature = "faults")]
    pub(crate) fn remark(&mut self, remark: &str) {
        self.remark = Some(remark.to_owned());
    }

    /// The line.
    pub(crate) fn rendered(&self, worker: Worker, status: u16) -> String {
        let or_none = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
        let line = format!(
            "worker={worker} status={status} code={} tenant={} key={} connection={} provider={} micros=-",
            self.code.unwrap_or("-"),
            or_none(&self.tenant),
            or_none(&self.key),
            or_none(&self.connection),
            or_none(&self.provider)
        );
        #[cfg(feature = "faults")]
        if let Some(remark) = &self.remark {
            return format!("{line} {remark}");
        }
        line
    }

    /// Tells an observer what became of a request: its event, then its line.
    pub(crate) fn report(&self, observer: Option<&dyn Observer>, worker: Worker, guards: GuardSet, status: u16) {
        if let Some(observer) = observer {
            observer.observe(&Event::Edge { worker, guards, status });
            observer.observe(&Event::Log { line: &self.rendered(worker, status) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_known() {
        let mut line = LogLine::default();
        let empty = "worker=hooks status=412 code=- tenant=- key=- connection=- provider=- micros=-";
        assert_eq!(line.rendered(Worker::Hooks, 412), empty);
        line.provider("slack");
        line.code("binding_missing");
        let told =
            "worker=credentials status=403 code=binding_missing tenant=- key=- connection=- provider=slack micros=-";
        assert_eq!(line.rendered(Worker::Credentials, 403), told);
    }
}
