//! One request on its way: the hold, the exchange with the upstream, the answer as it passes, and the settlement.
//!
//! It runs in a task of its own. A client that goes away at any point ends the exchange, and never the settlement: a hold
//! that was made is settled once, and before the end of the answer can be seen.

use super::billing::{Ending, Order, Tariff};
use super::errors::Refusal;
use super::redaction::Redactor;
use super::response::{filtered, is_event_stream, is_passable};
use super::shell::{Claim, Means, Prepared};
use super::trace::Trace;
use super::usage::{Interest, Reader, Reported};
use crate::edge::upstream::{Lease, Piece, Progress, RequestBody, ResponseBody, Sent, UpstreamError, next_data};
use crate::fault::Fault;
use crate::identity::key::Caller;
use crate::identity::scope::TenantScope;
use crate::ids::HoldId;
use crate::observe::Guard;
use crate::provider::Adapter;
use crate::store::database::{Database, DatabaseError};
use crate::store::money::Micros;
use crate::store::wallet::{HoldRefusal, JobRef, NewHold, Settled, Settlement};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, LOCATION};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

/// How long to wait before each further try to settle while the client waits for the end of its answer.
const WHILE_AWAITED: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(250)];
/// How long to wait before each try after that, and how often to try. A hold that is still open then is for the
/// operator: the log says so.
const AFTERWARDS: Duration = Duration::from_secs(1);
const TRIES_AFTERWARDS: u32 = 600;
/// What a log says of a client that left before it was answered. No answer has this status.
const LEFT: u16 = 499;

/// What a request is charged with.
pub(crate) struct Charge {
    /// Whose wallet pays.
    pub(crate) payer: TenantScope,
    pub(crate) hold: NewHold,
    pub(crate) order: Order,
    /// The job that is asked for.
    pub(crate) job: Option<String>,
    /// None where nothing is ever charged.
    pub(crate) tariff: Option<Tariff>,
}

/// A request that may be sent, and all that is needed to see it through.
pub(crate) struct Errand {
    means: Arc<Means>,
    prepared: Prepared,
    trace: Trace,
    method: Method,
}

type Reply = oneshot::Sender<Response<ResponseBody>>;

/// A hold that is to be settled.
struct OpenHold {
    payer: TenantScope,
    id: HoldId,
    /// What is reserved, in micro-dollars.
    amount: u64,
    order: Order,
    job: Option<String>,
    tariff: Option<Tariff>,
}

/// What the rest of an errand is about, when the request has been sent.
struct Rest {
    means: Arc<Means>,
    trace: Trace,
    adapter: Adapter,
    caller: Caller,
    method: Method,
    open: Option<OpenHold>,
    /// A settlement that is not written yet.
    due: Option<(TenantScope, HoldId, Settlement)>,
    charged: Option<u64>,
    /// The guards reached since the answer was decided.
    late: Vec<Guard>,
    /// What a planted fault holds once more.
    #[cfg(feature = "faults")]
    again: Option<(TenantScope, NewHold)>,
}

impl Errand {
    pub(crate) fn new(means: Arc<Means>, prepared: Prepared, trace: Trace, method: Method) -> Self {
        Self { means, prepared, trace, method }
    }

    /// Sees the request through.
    pub(crate) async fn run(self, mut reply: Reply) {
        let Self { means, prepared, trace, method } = self;
        let Prepared { adapter, endpoint, request, secret, caller, claim, charge } = prepared;
        let mut rest = Rest {
            means,
            trace,
            adapter,
            caller,
            method,
            open: None,
            due: None,
            charged: None,
            late: Vec::new(),
            #[cfg(feature = "faults")]
            again: None,
        };
        if let Some(charge) = charge
            && let Err(refusal) = rest.hold(charge).await
        {
            return rest.refuse(reply, &refusal.into());
        }
        #[cfg(feature = "faults")]
        if rest.means.faults.has(Fault::PrxCredentialInError) {
            let (host, secret) = (adapter.upstream_host(), secret.reveal());
            rest.trace.said = Some(format!(r#"{{"error":"no answer from https://{host} with the key {secret}"}}"#));
        }
        let progress = request.body().progress();
        let endpoint = endpoint.to_string();
        let means = rest.means.clone();
        let caller = rest.caller.clone();
        let exchange = means.exchange(&endpoint, request, (adapter, &claim, &caller));
        let answered = tokio::select! {
            biased;
            () = reply.closed() => return rest.abandon(progress.as_deref()).await,
            answered = exchange => answered,
        };
        let (response, lease) = match answered {
            Ok((response, lease)) if is_passable(response.status(), response.headers()) => (response, lease),
            Ok(_) => return rest.fail(reply, &Refusal::Upstream).await,
            Err(refusal) => return rest.fail(reply, &refusal).await,
        };
        rest.pass(reply, response, lease, Redactor::new(secret, means.faults)).await;
    }
}

impl From<UpstreamError> for Refusal {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Broken => Self::Upstream,
            UpstreamError::Timeout => Self::UpstreamTimeout,
            UpstreamError::ClientBody => Self::BadRequest,
        }
    }
}

impl Means {
    /// Sends a request to an adapter's upstream, if its caller may still make it when there is a connection.
    async fn exchange(
        &self,
        endpoint: &str,
        mut request: Request<RequestBody>,
        (adapter, claim, caller): (Adapter, &Claim, &Caller),
    ) -> Result<(Response<Incoming>, Lease), Refusal> {
        let again = self.faults.has(Fault::PrxRedirectFollowed);
        let again = again.then(|| (request.headers().clone(), request.method().clone()));
        let (response, lease) = loop {
            let open = self.pool.open(endpoint).await?;
            self.still_granted(adapter, claim, caller).await?;
            match self.pool.exchange_on(open, request).await? {
                Sent::Answered(response, lease) => break (response, lease),
                Sent::Not(unsent) => request = unsent,
            }
        };
        match again {
            Some((head, method)) => Ok(self.follow(endpoint, (response, lease), head, method).await?),
            None => Ok((response, lease)),
        }
    }

    /// Follows a redirect, as only a planted fault does.
    async fn follow(
        &self,
        endpoint: &str,
        (response, lease): (Response<Incoming>, Lease),
        head: HeaderMap,
        body: Method,
    ) -> Result<(Response<Incoming>, Lease), UpstreamError> {
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()?.parse::<Uri>().ok());
        let (true, Some(location)) = (response.status().is_redirection(), location) else {
            return Ok((response, lease));
        };
        let target = location.authority().map_or(endpoint, |authority| authority.as_str()).to_owned();
        let mut next = Request::new(RequestBody::whole(Bytes::new()));
        *next.method_mut() = if body == Method::POST { Method::GET } else { body };
        *next.uri_mut() = location.path_and_query().map_or("/", |path| path.as_str()).parse().unwrap_or_default();
        *next.headers_mut() = head;
        next.headers_mut().remove(CONTENT_LENGTH);
        self.pool.exchange(&target, next).await
    }
}

/// How a body has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// It is whole.
    Whole,
    /// It broke off, or its client left.
    Off,
}

impl Rest {
    async fn hold(&mut self, charge: Charge) -> Result<(), HoldRefusal> {
        self.trace.inspection.reach(Guard::Hold);
        self.trace.inspection.reach(Guard::SpendCap);
        let Charge { payer, hold, order, job, tariff } = charge;
        #[cfg(feature = "faults")]
        {
            if self.means.faults.has(Fault::PrxRetrySettlesTwice) {
                self.again = Some((payer.clone(), hold.clone()));
            }
            if self.means.faults.has(Fault::PrxRefusalCached) && self.means.planted.was_refused(self.adapter) {
                return Err(HoldRefusal::BalanceExhausted);
            }
        }
        let held = self.means.database.hold(&payer, hold).await;
        #[cfg(feature = "faults")]
        if held == Err(HoldRefusal::BalanceExhausted) {
            self.means.planted.remember_refusal(self.adapter);
        }
        let held = held?;
        self.open = Some(OpenHold { payer, id: held.id, amount: held.amount, order, job, tariff });
        Ok(())
    }

    /// Refuses. Nothing is on hold.
    fn refuse(mut self, reply: Reply, refusal: &Refusal) {
        self.trace.refused(refusal);
        self.send(reply, refusal);
    }

    /// Gives back what is on hold, and refuses.
    async fn fail(mut self, reply: Reply, refusal: &Refusal) {
        self.release().await;
        self.trace.decided(refusal.status(), Some(refusal.code()));
        self.send(reply, refusal);
        self.close().await;
    }

    fn send(&mut self, reply: Reply, refusal: &Refusal) {
        let response = refusal.response(Some(self.adapter), &self.method).map(ResponseBody::Whole);
        #[cfg(feature = "faults")]
        let response = self.trace.say(response);
        // A client that has left needs no answer.
        drop(reply.send(response));
    }

    /// The client left before anything of an answer came. What was sent is billed as far as it is known.
    async fn abandon(mut self, progress: Option<&Progress>) {
        if progress.is_none_or(Progress::has_begun) {
            self.settle(Ending::Abandoned).await;
        } else {
            self.release().await;
        }
        self.trace.decided(StatusCode::from_u16(LEFT).unwrap_or_default(), None);
        self.close().await;
    }

    /// Passes an answer on.
    async fn pass(mut self, reply: Reply, response: Response<Incoming>, lease: Lease, mut redactor: Redactor) {
        let (mut head, mut body) = response.into_parts();
        head.version = Version::HTTP_11;
        head.extensions.clear();
        let streamed = is_event_stream(&head.headers);
        filtered(&mut head.headers, redactor.secret(), self.means.faults);
        self.late.push(Guard::ResponseFilter);
        let success = head.status.is_success();
        let interest = self.open.as_ref().map_or(Interest::None, |open| open.order.interest());
        let mut reader = Reader::new(if success { interest } else { Interest::None }, streamed);
        if !success {
            // Nothing of what follows can change the charge.
            self.release().await;
        }
        self.trace.decided(head.status, None);
        if body.is_end_stream() {
            lease.give_back();
            self.settle_answered(&reader.finish()).await;
            drop(reply.send(Response::from_parts(head, ResponseBody::Whole(Bytes::new()))));
            return self.close().await;
        }
        let (pieces, piped) = ResponseBody::piped(body.size_hint());
        if reply.send(Response::from_parts(head, piped)).is_err() {
            self.settle(Ending::Abandoned).await;
            return self.close().await;
        }
        let (cut, last) = self.pipe(&mut body, lease, &pieces, &mut redactor, &mut reader).await;
        if cut == Cut::Off && success && interest == Interest::Job {
            self.read_out(&mut body, &mut reader).await;
        }
        if cut == Cut::Off && self.means.faults.has(Fault::PrxDiedStreamFree) {
            self.release().await;
        }
        self.settle_answered(&reader.finish()).await;
        #[cfg(feature = "faults")]
        if cut == Cut::Off
            && let (Some((payer, hold)), Some(charged)) = (self.again.take(), self.charged)
            && let Ok(held) = self.means.database.hold(&payer, hold).await
        {
            self.means.bill(&payer, held.id, charged).await;
        }
        if cut == Cut::Whole {
            self.end(&pieces, last).await;
        }
        drop(pieces);
        self.close().await;
    }

    /// Carries the body to the client, all but its last piece, and reads it on the way.
    async fn pipe(
        &self,
        body: &mut Incoming,
        lease: Lease,
        pieces: &mpsc::Sender<Piece>,
        redactor: &mut Redactor,
        reader: &mut Reader,
    ) -> (Cut, Bytes) {
        loop {
            let piece = tokio::select! {
                biased;
                () = pieces.closed() => return (Cut::Off, Bytes::new()),
                piece = next_data(body) => piece,
            };
            match piece {
                Some(Ok(piece)) => {
                    lease.touch();
                    reader.read(&piece);
                    let passed = redactor.push(piece);
                    if body.is_end_stream() {
                        lease.give_back();
                        let last = [passed, redactor.finish()].concat();
                        return (Cut::Whole, Bytes::from(last));
                    }
                    if !passed.is_empty() && !self.give(pieces, Piece::Data(passed)).await {
                        return (Cut::Off, Bytes::new());
                    }
                }
                Some(Err(_)) => return (Cut::Off, Bytes::new()),
                None => {
                    lease.give_back();
                    return (Cut::Whole, redactor.finish());
                }
            }
        }
    }

    /// Reads the rest of an answer whose client has left. What is said of a job is one document, which says nothing
    /// until it is whole: who takes all of it but the end must not have it for nothing.
    async fn read_out(&self, body: &mut Incoming, reader: &mut Reader) {
        let rest = async {
            while let Some(Ok(piece)) = next_data(body).await {
                reader.read(&piece);
            }
        };
        // What doesn't come in time reports nothing.
        let (Ok(()) | Err(_)) = timeout(self.means.stall_timeout, rest).await;
    }

    /// Lets the client see the end.
    async fn end(&self, pieces: &mpsc::Sender<Piece>, last: Bytes) {
        if last.is_empty() || self.give(pieces, Piece::Data(last)).await {
            // Who knows the length has seen the end already, and takes no more.
            self.give(pieces, Piece::End).await;
        }
    }

    /// Gives the client a piece. `false`: it has left, or takes nothing.
    async fn give(&self, pieces: &mpsc::Sender<Piece>, piece: Piece) -> bool {
        matches!(timeout(self.means.stall_timeout, pieces.send(piece)).await, Ok(Ok(())))
    }

    /// Settles by what an answer of 2xx reported, and notes the job that it names. Does nothing where it is settled.
    async fn settle_answered(&mut self, reported: &Reported) {
        if let Some(open) = &self.open
            && let Some(id) = open.order.ordered_job(reported)
        {
            let job = JobRef { provider: self.adapter.slug(), id };
            if self.means.database.record_job(self.caller.scope(), job).await.is_err() {
                // The job stays nobody's, and can't be asked for.
                self.trace.remark("job_not_noted");
            }
        }
        self.settle(Ending::Answered(reported)).await;
    }

    async fn settle(&mut self, ending: Ending<'_>) {
        let Some(open) = &self.open else { return };
        let mut settlement = Settlement::release(self.means.clock.now_s());
        if let Some(tariff) = &open.tariff {
            let told = match ending {
                Ending::Answered(reported) => Some(&reported.job),
                Ending::Abandoned => None,
            };
            let quantities = open.order.quantities(ending);
            let mut named = None;
            if open.order.is_charged_once() && quantities.iter().any(Option::is_some) {
                let id = open.job.clone().or_else(|| told.and_then(|job| job.id.clone()));
                settlement.once_for = id.map(|id| JobRef { provider: self.adapter.slug(), id });
                if let Some(model) = told.and_then(|job| job.model.as_deref()) {
                    // A model without a rate, or a table out of reach, leaves the rate that was agreed to.
                    named = self.means.tariff_of(self.adapter, &self.caller, model).await.unwrap_or_default();
                }
            }
            // What no wallet can hold takes all that this one holds.
            settlement.cost = named.as_ref().unwrap_or(tariff).cost(quantities).unwrap_or_else(|_| most());
            if open.order.is_charged_once() && matches!(ending, Ending::Answered(reported) if reported.unread) {
                // An answer that is too long to be read is of a long recording: no less than what was reserved for it.
                let reserved = Micros::new(open.amount).unwrap_or(Micros::ZERO);
                settlement.cost = settlement.cost.max(reserved);
            }
        }
        self.write(settlement).await;
    }

    async fn release(&mut self) {
        let settlement = Settlement::release(self.means.clock.now_s());
        self.write(settlement).await;
    }

    /// Writes the settlement, if there is a hold. If the wallet can't be reached for now, it stays due.
    async fn write(&mut self, settlement: Settlement) {
        let Some(open) = self.open.take() else { return };
        for pause in std::iter::once(Duration::ZERO).chain(WHILE_AWAITED) {
            sleep(pause).await;
            match self.means.database.settle(&open.payer, &open.id, settlement.clone()).await {
                Ok(settled) => return self.settled(settled),
                Err(DatabaseError::Unavailable) => {}
                Err(error) => return self.unsettled(&error),
            }
        }
        self.due = Some((open.payer, open.id, settlement));
    }

    fn settled(&mut self, settled: Settled) {
        self.late.push(Guard::Settle);
        self.charged = Some(settled.charged);
    }

    fn unsettled(&mut self, error: &DatabaseError) {
        self.trace.remark(match error {
            DatabaseError::Unavailable => "hold_open",
            DatabaseError::NoRow
            | DatabaseError::Taken
            | DatabaseError::Conflict
            | DatabaseError::ConnectionInUse
            | DatabaseError::Range
            | DatabaseError::Revoked => "hold_not_settled",
        });
    }

    /// Settles what is still due, and writes the log.
    async fn close(mut self) {
        if let Some((payer, id, settlement)) = self.due.take() {
            let mut outcome = Err(DatabaseError::Unavailable);
            for _ in 0..TRIES_AFTERWARDS {
                sleep(AFTERWARDS).await;
                outcome = self.means.database.settle(&payer, &id, settlement.clone()).await;
                if outcome != Err(DatabaseError::Unavailable) {
                    break;
                }
            }
            match outcome {
                Ok(settled) => self.settled(settled),
                Err(error) => self.unsettled(&error),
            }
        }
        self.trace.late(&self.late);
        self.trace.log(self.charged);
    }
}

/// The most that a settlement can ask for.
fn most() -> Micros {
    Micros::new(i64::MAX.unsigned_abs()).unwrap_or(Micros::ZERO)
}
