//! A websocket on an upgraded HTTP/1 connection.

use std::future::Future;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as ProtocolError, Message as Frame};

use super::{BoxIo, DEFAULT_CAP_BYTES, H1, Io, Message, RequestBytes};

/// Why a websocket gave no payload.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WebsocketError {
    /// The answer to the handshake is not an acceptance of it, for this reason.
    #[error("the handshake was not accepted: {0}")]
    NotAccepted(String),
    /// The peer closed with a close frame of this code; `None` if it gave none.
    #[error("the peer closed the websocket with code {0:?}")]
    Closed(Option<u16>),
    /// The connection ended without a close frame.
    #[error("the connection ended without a close frame")]
    Broken,
    /// What came breaks the protocol or its limits, for this reason.
    #[error("not a websocket: {0}")]
    Malformed(String),
    /// Nothing came before the deadline.
    #[error("no message before the deadline")]
    TimedOut,
}

/// The handshake of RFC 6455 section 4.1, as `GET target` with this `Host` and `Sec-WebSocket-Key`. More fields can be
/// added to it.
pub fn websocket_request(host: &str, target: &str, key: &str) -> RequestBytes {
    RequestBytes::new("GET", target).header("Host", host).headers([
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", "13"),
    ])
}

/// Checks that the response accepts the handshake that was sent with `key`: RFC 6455 section 4.1, points 1 to 4.
///
/// # Errors
///
/// [`WebsocketError::NotAccepted`], with the reason.
pub fn verify_accept(response: &Message, key: &str) -> Result<(), WebsocketError> {
    let not_accepted = |why: &str| Err(WebsocketError::NotAccepted(why.to_owned()));
    let has_token = |name, token: &[u8]| {
        let mut members = response.header_values(name).flat_map(|value| value.split(|byte| *byte == b','));
        members.any(|member| member.trim_ascii().eq_ignore_ascii_case(token))
    };
    if response.status != 101 {
        return Err(WebsocketError::NotAccepted(format!("status {}", response.status)));
    }
    if !has_token("upgrade", b"websocket") || !has_token("connection", b"upgrade") {
        return not_accepted("it does not upgrade to a websocket");
    }
    let mut accepts = response.header_values("sec-websocket-accept");
    match (accepts.next(), accepts.next()) {
        (Some(accept), None) if accept == derive_accept_key(key.as_bytes()).as_bytes() => Ok(()),
        (Some(_), None) => not_accepted("its Sec-WebSocket-Accept belongs to another key"),
        (Some(_), Some(_)) => not_accepted("more than one Sec-WebSocket-Accept"),
        (None, _) => not_accepted("no Sec-WebSocket-Accept"),
    }
}

/// Sends a text message on a connection that has answered 101, and returns the payload of the next text or binary
/// message. Call [`verify_accept`] first. The connection is dropped after it, without a close frame.
///
/// # Errors
///
/// [`WebsocketError`].
pub async fn websocket_exchange<I: Io + 'static>(
    h1: H1<I>,
    text: &str,
    deadline: Duration,
) -> Result<Vec<u8>, WebsocketError> {
    Websocket::open(h1).await.exchange(text, deadline).await
}

/// An open websocket, for more than one message.
pub struct Websocket {
    stream: WebSocketStream<BoxIo>,
}

impl Websocket {
    /// Takes over a connection that has answered 101, with the bytes that came behind it. A message is at most
    /// [`DEFAULT_CAP_BYTES`].
    pub async fn open<I: Io + 'static>(h1: H1<I>) -> Self {
        let (io, received) = h1.into_upgraded();
        let config = WebSocketConfig::default()
            .max_message_size(Some(DEFAULT_CAP_BYTES))
            .max_frame_size(Some(DEFAULT_CAP_BYTES));
        let stream = WebSocketStream::from_partially_read(io, received, Role::Client, Some(config)).await;
        Websocket { stream }
    }

    /// Sends a text message and returns the payload of the next text or binary message.
    ///
    /// # Errors
    ///
    /// [`WebsocketError`].
    pub async fn exchange(&mut self, text: &str, deadline: Duration) -> Result<Vec<u8>, WebsocketError> {
        let until = Instant::now() + deadline;
        within(until, async { self.stream.send(Frame::text(text)).await.map_err(protocol_error) }).await?;
        self.receive(until.saturating_duration_since(Instant::now())).await
    }

    /// Returns the payload of the next text or binary message, sent unasked or not.
    ///
    /// # Errors
    ///
    /// [`WebsocketError`].
    pub async fn receive(&mut self, deadline: Duration) -> Result<Vec<u8>, WebsocketError> {
        let receiving = async {
            loop {
                match self.stream.next().await {
                    None => return Err(WebsocketError::Broken),
                    Some(Err(error)) => return Err(protocol_error(error)),
                    Some(Ok(Frame::Text(text))) => return Ok(text.as_bytes().to_vec()),
                    Some(Ok(Frame::Binary(bytes))) => return Ok(bytes.to_vec()),
                    Some(Ok(Frame::Close(frame))) => {
                        return Err(WebsocketError::Closed(frame.map(|frame| frame.code.into())));
                    }
                    // Answered by tungstenite itself.
                    Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => {}
                }
            }
        };
        within(Instant::now() + deadline, receiving).await
    }

    /// Sends a close frame and waits for the peer's.
    ///
    /// # Errors
    ///
    /// [`WebsocketError`] if the peer did something else than to answer with a close frame.
    pub async fn close(mut self, deadline: Duration) -> Result<(), WebsocketError> {
        let until = Instant::now() + deadline;
        within(until, async { self.stream.close(None).await.map_err(protocol_error) }).await?;
        match self.receive(until.saturating_duration_since(Instant::now())).await {
            Err(WebsocketError::Closed(_)) => Ok(()),
            Err(other) => Err(other),
            Ok(_) => Err(WebsocketError::Malformed("a message in place of a close frame".to_owned())),
        }
    }
}

async fn within<T>(
    until: Instant,
    future: impl Future<Output = Result<T, WebsocketError>>,
) -> Result<T, WebsocketError> {
    timeout_at(until, future).await.map_err(|_| WebsocketError::TimedOut)?
}

fn protocol_error(error: ProtocolError) -> WebsocketError {
    use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    if matches!(error, ProtocolError::ConnectionClosed | ProtocolError::AlreadyClosed) {
        return WebsocketError::Closed(None);
    }
    // tungstenite counts an end without a close frame among the breaches of the protocol.
    if matches!(error, ProtocolError::Io(_) | ProtocolError::Protocol(ResetWithoutClosingHandshake)) {
        return WebsocketError::Broken;
    }
    WebsocketError::Malformed(error.to_string())
}

#[cfg(test)]
mod tests;
