//! Peers for the tests of this module.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Long enough that only a hang reaches it.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Short, where passing it is the point.
pub(super) const SOON: Duration = Duration::from_millis(40);

/// As [`SOON`], where a real peer must have got somewhere before it passes.
pub(super) const AWHILE: Duration = Duration::from_millis(700);

/// What a scripted peer does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    Data(Vec<u8>),
    Eof,
    Error(io::ErrorKind),
    Stall,
}

pub(super) fn data(bytes: impl AsRef<[u8]>) -> Event {
    Event::Data(bytes.as_ref().to_vec())
}

/// A peer that plays a script, and takes whatever is sent. The last event lasts; an empty script stalls.
pub(super) struct Script(pub(super) VecDeque<Event>);

impl Script {
    pub(super) fn new(events: impl IntoIterator<Item = Event>) -> Self {
        Script(events.into_iter().collect())
    }
}

impl AsyncRead for Script {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.0.front_mut() {
            Some(Event::Data(bytes)) => {
                let taken = bytes.len().min(buf.remaining());
                buf.put_slice(&bytes[..taken]);
                bytes.drain(..taken);
                if bytes.is_empty() {
                    self.0.pop_front();
                }
                Poll::Ready(Ok(()))
            }
            Some(Event::Eof) => Poll::Ready(Ok(())),
            Some(Event::Error(kind)) => Poll::Ready(Err((*kind).into())),
            Some(Event::Stall) | None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Script {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A peer that takes nothing, and sends the part before the bar once, and the part behind it for ever.
pub(super) struct Endless {
    once: &'static [u8],
    for_ever: &'static [u8],
}

impl Endless {
    pub(super) fn new(bytes: &'static [u8]) -> Self {
        let bar = bytes.iter().position(|byte| *byte == b'|').expect("a bar");
        Endless { once: &bytes[..bar], for_ever: &bytes[bar + 1..] }
    }
}

impl AsyncRead for Endless {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while buf.remaining() > 0 {
            if self.once.is_empty() {
                self.once = self.for_ever;
            }
            let taken = self.once.len().min(buf.remaining());
            buf.put_slice(&self.once[..taken]);
            self.once = &self.once[taken..];
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// A hyper server, for HTTP/1 and HTTP/2, that answers with what it received: the request line, the fields, an empty
/// line, the body, and the trailers. A request to `/empty` is answered with 204.
pub(super) async fn echo_server<I: AsyncRead + AsyncWrite + Unpin + Send + 'static>(io: I) {
    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    // A client that breaks off makes this an error; the tests look at the client.
    drop(builder.serve_connection(TokioIo::new(io), service_fn(echo)).await);
}

async fn echo(request: http::Request<Incoming>) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let mut text = format!("{} {} {:?}\n", parts.method, parts.uri, parts.version).into_bytes();
    let push = |text: &mut Vec<u8>, fields: &http::HeaderMap| {
        for (name, value) in fields {
            text.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat());
        }
    };
    push(&mut text, &parts.headers);
    let mut response = http::Response::builder().header("X-Seen", "1").header("x-seen", "2");
    if parts.uri.path() == "/empty" {
        response = response.status(204);
        text.clear();
    } else {
        match body.collect().await {
            Ok(collected) => {
                let trailers = collected.trailers().cloned().unwrap_or_default();
                text.push(b'\n');
                text.extend_from_slice(&collected.to_bytes());
                push(&mut text, &trailers);
            }
            Err(error) => text.extend_from_slice(format!("\nbroken: {error}").as_bytes()),
        }
    }
    Ok(response.body(Full::new(text.into())).expect("a valid response"))
}

/// A certificate of its own authority for these names, as a server's settings and a client's roots.
pub(super) fn authority(names: &[&str], alpn: &[&[u8]]) -> (Arc<ServerConfig>, RootCertStore) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let certified = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let der = certified.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![der.clone()], key)
        .expect("a server certificate");
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let mut roots = RootCertStore::empty();
    roots.add(der).expect("a root");
    (Arc::new(config), roots)
}
