//! The stand-in of the OAuth broker: `POST /v1/tokens` gives the tokens of a connected account.

use super::Arrived;
use super::ask::only;
use super::body::PieceBody;
use super::log::Log;
use super::reply::{Piece, Reply};
use super::trailing::Trailer;
use super::upstream::{HungUp, read, respond, serve};
use crate::network::{Endpoint, Network};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// What the broker answers for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerReply {
    /// The account's tokens.
    Token {
        /// The access token.
        access_token: String,
        /// The refresh token, which the platform must keep to itself.
        refresh_token: String,
        /// When the access token ends, as RFC 3339.
        expires_at: Option<String>,
    },
    /// A JSON body of the caller's choice with 200.
    Json(String),
    /// A status with a body that says more than anybody should hear.
    Failure(u16, String),
    /// A redirect to an address.
    Redirect(String),
    /// No answer.
    Silent,
    /// The connection ends without an answer.
    HangsUp,
    /// An answer when [`Broker::release`] allows it.
    Held(Box<BrokerReply>),
}

/// A running broker. It stops when it is dropped.
pub struct Broker {
    endpoint: Endpoint,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    accounts: Mutex<BTreeMap<String, BrokerReply>>,
    log: Mutex<Log>,
    gate: Arc<Semaphore>,
}

impl Broker {
    /// Starts a broker that knows these accounts. Needs a Tokio runtime.
    ///
    /// # Errors
    /// What the network says when it gives no listener.
    pub fn start(network: &Network, accounts: BTreeMap<String, BrokerReply>) -> io::Result<Self> {
        let (acceptor, endpoint) = network.bind()?;
        let shared = Arc::new(Shared {
            accounts: Mutex::new(accounts),
            log: Mutex::default(),
            gate: Arc::new(Semaphore::new(0)),
        });
        let served = shared.clone();
        let task = tokio::spawn(serve(acceptor, move |request, trailer| exchange(served.clone(), request, trailer)));
        Ok(Self { endpoint, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Changes what is answered for an account.
    pub fn set(&self, account: &str, reply: BrokerReply) {
        self.shared.accounts.lock().unwrap_or_else(PoisonError::into_inner).insert(account.to_owned(), reply);
    }

    /// The requests that are kept (the last 4096), in the order in which they were whole.
    #[must_use]
    pub fn requests(&self) -> Vec<Arrived> {
        self.shared.log().all()
    }

    /// Takes the requests that are kept.
    pub fn drain(&self) -> Vec<Arrived> {
        self.shared.log().take()
    }

    /// Lets one held answer go, or the next one that will be held.
    pub fn release(&self) {
        self.shared.gate.add_permits(1);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Broker({})", self.endpoint)
    }
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, account: &str) -> Option<BrokerReply> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).get(account).cloned()
    }
}

async fn exchange(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    trailer: Trailer,
) -> Result<Response<PieceBody>, HungUp> {
    let (request, arrived) = read(request).await;
    shared.log().add(arrived);
    let failure = |status: StatusCode, message: &str| Reply::json(status, &json!({"error": {"message": message}}));
    let json: Value = request.body().as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    let account = json.get("connected_account_id").and_then(Value::as_str).unwrap_or_default();
    let reply = if only(request.headers(), "x-api-key").is_none_or(str::is_empty) {
        failure(StatusCode::UNAUTHORIZED, "no key")
    } else if *request.method() != Method::POST || request.uri().path() != "/v1/tokens" {
        failure(StatusCode::NOT_FOUND, "there is nothing here")
    } else {
        match shared.of(account) {
            None => failure(StatusCode::NOT_FOUND, &format!("no account {account}")),
            Some(reply) => rendered(reply).ok_or(HungUp)?,
        }
    };
    respond(reply, &shared.gate, &trailer).await
}

/// The reply as it is sent; none: the connection ends.
fn rendered(reply: BrokerReply) -> Option<Reply> {
    Some(match reply {
        BrokerReply::Token { access_token, refresh_token, expires_at } => {
            Reply::ok(&json!({"access_token": access_token, "refresh_token": refresh_token, "expires_at": expires_at}))
        }
        BrokerReply::Json(text) => Reply::whole(StatusCode::OK, "application/json", text.into_bytes()),
        BrokerReply::Failure(status, text) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Reply::whole(status, "application/json", text.into_bytes())
        }
        BrokerReply::Redirect(address) => {
            let mut reply = Reply::whole(StatusCode::TEMPORARY_REDIRECT, "text/plain", Vec::new());
            reply.header("location", &address);
            reply
        }
        BrokerReply::Silent => {
            let mut reply = Reply::ok(&Value::Null);
            reply.before = Some(Piece::Silence);
            reply
        }
        BrokerReply::HangsUp => return None,
        BrokerReply::Held(held) => {
            let mut reply = rendered(*held)?;
            reply.before = Some(Piece::Gate);
            reply
        }
    })
}
