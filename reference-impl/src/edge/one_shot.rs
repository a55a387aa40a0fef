//! One request on a connection of its own, with one deadline for all of it. Nothing is kept, and no redirect followed.

use crate::network::{Endpoint, Network, Stream};
use crate::platform::Limits;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::pin::pin;
use tokio::time::{Instant, timeout, timeout_at};

/// The other end could not be reached, did not answer in time, or made no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no answer")]
pub(crate) struct NoAnswer;

/// What is done with the body of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerBody {
    /// It is not read.
    Left,
    /// It is read, up to so many bytes: a longer one is no answer.
    Read(usize),
}

/// Sends a request and gives the answer.
pub(crate) async fn run(
    network: &Network,
    limits: &Limits,
    endpoint: &Endpoint,
    request: Request<Full<Bytes>>,
    body: AnswerBody,
) -> Result<Response<Bytes>, NoAnswer> {
    let deadline = Instant::now() + limits.response_head_timeout;
    let stream = timeout_at(deadline, dial(network, limits, endpoint)).await.map_err(|_| NoAnswer)??;
    run_on(stream, deadline, request, body).await
}

/// A connection, on which nothing is sent yet. It may take its time.
pub(crate) async fn dial(network: &Network, limits: &Limits, endpoint: &Endpoint) -> Result<Stream, NoAnswer> {
    let dialled = timeout(limits.connect_timeout, network.dial(endpoint)).await;
    dialled.map_err(|_| NoAnswer)?.map_err(|_| NoAnswer)
}

/// Sends a request on a connection and gives the answer, if it is there at the deadline.
pub(crate) async fn run_on(
    stream: Stream,
    deadline: Instant,
    request: Request<Full<Bytes>>,
    body: AnswerBody,
) -> Result<Response<Bytes>, NoAnswer> {
    let exchange = async {
        let (mut send, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| NoAnswer)?;
        let mut connection = pin!(connection);
        let mut work = pin!(async {
            let answer = send.send_request(request).await.map_err(|_| NoAnswer)?;
            collected(answer, body).await
        });
        tokio::select! {
            answer = &mut work => answer,
            // The connection may be over before its last bytes were taken.
            Ok(()) | Err(_) = &mut connection => work.await,
        }
    };
    timeout_at(deadline, exchange).await.map_err(|_| NoAnswer)?
}

async fn collected(answer: Response<Incoming>, body: AnswerBody) -> Result<Response<Bytes>, NoAnswer> {
    let (parts, incoming) = answer.into_parts();
    let bytes = match body {
        AnswerBody::Left => Bytes::new(),
        AnswerBody::Read(most) => Limited::new(incoming, most).collect().await.map_err(|_| NoAnswer)?.to_bytes(),
    };
    Ok(Response::from_parts(parts, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabric::container::{Container, Reply};
    use std::time::Duration;

    async fn ask(container: &Container, network: &Network, body: AnswerBody) -> Option<(u16, Bytes)> {
        let limits = Limits { response_head_timeout: Duration::from_millis(300), ..Limits::default() };
        let request = Request::get("/").header("host", "x").body(Full::new(Bytes::new())).unwrap();
        let answer = run(network, &limits, &container.endpoint(), request, body).await.ok()?;
        Some((answer.status().as_u16(), answer.into_body()))
    }

    #[tokio::test]
    async fn an_answer_is_whole_or_none() {
        let network = Network::in_memory();
        let container = Container::start(&network, b"page".to_vec(), Vec::new()).unwrap();
        assert_eq!(ask(&container, &network, AnswerBody::Read(4)).await, Some((200, Bytes::from_static(b"page"))));
        assert_eq!(ask(&container, &network, AnswerBody::Read(3)).await, None);
        assert_eq!(ask(&container, &network, AnswerBody::Left).await, Some((200, Bytes::new())));
        container.script(Reply::DieAfter { declared: 10, sent: b"half".to_vec() });
        assert_eq!(ask(&container, &network, AnswerBody::Read(99)).await, None);
        container.script(Reply::Raw(b"HTTP/1.1 200 OK\r\n\r\nto the end".to_vec()));
        assert_eq!(
            ask(&container, &network, AnswerBody::Read(99)).await,
            Some((200, Bytes::from_static(b"to the end")))
        );
        container.script(Reply::Raw(b"nonsense\r\n\r\n".to_vec()));
        assert_eq!(ask(&container, &network, AnswerBody::Read(99)).await, None);
        container.script(Reply::Hold(Box::new(Reply::Page)));
        assert_eq!(ask(&container, &network, AnswerBody::Read(99)).await, None);
    }

    #[tokio::test]
    async fn nobody_there_is_no_answer() {
        let network = Network::in_memory();
        let (gone, endpoint) = network.bind().unwrap();
        drop(gone);
        let request = Request::get("/").body(Full::new(Bytes::new())).unwrap();
        assert!(run(&network, &Limits::default(), &endpoint, request, AnswerBody::Left).await.is_err());
    }
}
