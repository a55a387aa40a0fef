//! What planted faults keep between requests. Not in a build for use.

use crate::edge::upstream::ResponseBody;
use crate::identity::Session;
use crate::store::kv::namespace::Breach;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

pub(crate) struct Planted {
    pub(crate) breach: Breach,
    cache: Mutex<HashMap<String, Stored>>,
    flights: Mutex<HashMap<String, watch::Receiver<Option<Stored>>>>,
    identity: Mutex<Option<Session>>,
}

#[derive(Clone)]
pub(crate) struct Stored {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Stored {
    pub(crate) fn is_ok(&self) -> bool {
        self.status == StatusCode::OK
    }

    pub(crate) fn response(self) -> Response<ResponseBody> {
        let mut response = Response::new(ResponseBody::Whole(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// Reads an answer whole. One whose body breaks off is an empty 502.
pub(crate) async fn store(response: Response<ResponseBody>) -> Stored {
    let (parts, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => Stored { status: parts.status, headers: parts.headers, body: body.to_bytes() },
        Err(_) => Stored { status: StatusCode::BAD_GATEWAY, headers: HeaderMap::new(), body: Bytes::new() },
    }
}

impl Planted {
    pub(crate) fn new(breach: Breach) -> Self {
        Self { breach, cache: Mutex::default(), flights: Mutex::default(), identity: Mutex::default() }
    }

    /// Puts an identity where every request puts its own, does something else, and takes what is there.
    pub(crate) async fn by_way_of_the_shared_place(&self, session: Option<Session>) -> Option<Session> {
        let place = || self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        session.as_ref()?;
        *place() = session;
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        place().clone()
    }

    pub(crate) async fn cached(
        &self,
        path: &str,
        fetch: impl Future<Output = Response<ResponseBody>>,
    ) -> Response<ResponseBody> {
        let hit = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        if let Some(stored) = hit {
            return stored.response();
        }
        let stored = store(fetch.await).await;
        if stored.status == StatusCode::OK {
            self.cache.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), stored.clone());
        }
        stored.response()
    }

    pub(crate) async fn coalesced(
        &self,
        path: &str,
        fetch: impl Future<Output = Response<ResponseBody>>,
    ) -> Response<ResponseBody> {
        let sender = {
            let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
            match flights.get(path) {
                Some(flight) => Err(flight.clone()),
                None => {
                    let (sender, receiver) = watch::channel(None);
                    flights.insert(path.to_owned(), receiver);
                    Ok(sender)
                }
            }
        };
        match sender {
            Ok(sender) => {
                let stored = store(fetch.await).await;
                self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
                sender.send_replace(Some(stored.clone()));
                stored.response()
            }
            Err(mut flight) => match flight.wait_for(Option::is_some).await.ok().and_then(|stored| stored.clone()) {
                Some(stored) => stored.response(),
                // The first request was given up: this one makes its own.
                None => {
                    self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
                    fetch.await
                }
            },
        }
    }
}
