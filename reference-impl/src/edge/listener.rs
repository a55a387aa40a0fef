//! Accepting connections, and bringing each to the HTTP version that it speaks.

use super::app_proxy::pages::{self, Refusal};
use super::app_proxy::shell::AppProxy;
use super::connection::Connection;
use super::credentials::shell::Credentials;
use super::entry::{self, Head, Inspection};
use super::gate::{Gate, GateRules, GateShared};
use super::hooks::shell::Hooks;
use super::provider_proxy::shell::ProviderProxy;
use super::streams::{Counted, Streams};
use super::timely::Timely;
use super::upstream::ResponseBody;
use super::worker::{Destination, Worker};
use crate::host::Host;
use crate::network::{Acceptor, Stream};
use crate::observe::{Event, Guard};
use crate::platform::{Limits, StartError, TlsIdentity};
use crate::tasks::Tasks;
use bytes::{Buf, BytesMut};
use http::header::UPGRADE;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// How every HTTP/2 connection begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long to wait after the system gave no connection, which it does when it is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// How often a quiet HTTP/2 peer is asked whether it is there.
const H2_PING: Duration = Duration::from_secs(20);
/// How much of an answer is held for an HTTP/2 stream, in bytes. A client may open many and read none.
const H2_SEND_BYTES: usize = 64 * 1024;

/// What all connections of a platform are served with.
pub(crate) struct Edge {
    pub(crate) app_proxy: AppProxy,
    pub(crate) provider_proxy: ProviderProxy,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) hooks: Hooks,
    pub(crate) limits: Limits,
    pub(crate) rules: Arc<GateRules>,
}

/// Reads a certificate chain and its key.
pub(crate) fn tls_acceptor(identity: &TlsIdentity) -> Result<TlsAcceptor, StartError> {
    let bad = |error: &dyn std::fmt::Display| StartError::Tls(error.to_string());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(identity.chain_pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| bad(&error))?;
    if chain.is_empty() {
        return Err(StartError::Tls("the chain holds no certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).map_err(|error| bad(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| bad(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves a listener until `stop` says to stop, then waits for its connections. Aborting it ends them all.
pub(crate) async fn serve(
    mut acceptor: Acceptor,
    tls: Option<TlsAcceptor>,
    door: Door,
    edge: Arc<Edge>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = acceptor.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok(stream) => {
                connections.spawn(edge.clone().serve_stream(stream, tls.clone(), door, stop.clone()));
            }
            // One connection that failed early is no reason to let the others wait.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    drop(acceptor);
    while connections.join_next().await.is_some() {}
    // What outlives its client's connection is not cut off with it.
    edge.provider_proxy.finish().await;
}

/// Ends when the platform is to stop, or is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    match stop.wait_for(|stop| *stop).await {
        Ok(_) | Err(_) => {}
    }
}

impl Edge {
    async fn serve_stream(
        self: Arc<Self>,
        stream: Stream,
        tls: Option<TlsAcceptor>,
        door: Door,
        stop: watch::Receiver<bool>,
    ) {
        let mut stream = Timely::new(stream, self.limits.stall_timeout);
        let Some(tls) = tls else {
            let Ok(Some(begin)) = timeout(self.limits.head_read_timeout, preface(&mut stream)).await else {
                return;
            };
            if begin == PREFACE {
                self.serve_h2(Prefixed { begin, io: stream }, (None, door), stop).await;
            } else {
                self.serve_h1(stream, begin, (None, door), stop).await;
            }
            return;
        };
        // A client that can't finish its handshake has said nothing that could be answered.
        let Ok(Ok(stream)) = timeout(self.limits.head_read_timeout, tls.accept(stream)).await else {
            return;
        };
        let session = stream.get_ref().1;
        let server_name = Some(session.server_name().map(str::to_owned));
        if session.alpn_protocol() == Some(b"h2") {
            self.serve_h2(stream, (server_name, door), stop).await;
        } else {
            self.serve_h1(stream, BytesMut::new(), (server_name, door), stop).await;
        }
    }

    async fn serve_h1<S>(
        self: Arc<Self>,
        io: S,
        begin: BytesMut,
        (server_name, door): (Option<Option<String>>, Door),
        mut stop: watch::Receiver<bool>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let shared = Arc::new(GateShared::default());
        let gate = Gate::new(io, begin, shared.clone(), self.rules.clone());
        let connection = Arc::new(Connection::new(server_name, Some(shared)));
        let mut builder = http1::Builder::new();
        // The gate keeps time and counts. When it says that the client has stopped, answers under way still go out.
        builder.timer(TokioTimer::new()).header_read_timeout(None).half_close(true).auto_date_header(false);
        if self.limits.headers > 100 {
            builder.max_headers(self.limits.headers);
        }
        let service = service_fn(|request| self.clone().answer(door, connection.clone(), request));
        let mut served = pin!(builder.serve_connection(TokioIo::new(gate), service).with_upgrades());
        let outcome = tokio::select! {
            outcome = served.as_mut() => outcome,
            () = stopped(&mut stop) => {
                served.as_mut().graceful_shutdown();
                served.await
            }
        };
        match outcome {
            // A connection that broke is the client's to notice.
            Ok(()) | Err(_) => {}
        }
        if let Some(tunnel) = connection.take_tunnel() {
            tunnel.run().await;
        }
    }

    async fn serve_h2<S>(
        self: Arc<Self>,
        io: S,
        (server_name, door): (Option<Option<String>>, Door),
        mut stop: watch::Receiver<bool>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = Arc::new(Connection::new(server_name, None));
        let mut builder = http2::Builder::new(Tasks::default());
        builder
            .timer(TokioTimer::new())
            .auto_date_header(false)
            .max_concurrent_streams(self.limits.h2_streams)
            .max_header_list_size(u32::try_from(self.limits.head_bytes).unwrap_or(u32::MAX))
            .max_send_buf_size(H2_SEND_BYTES)
            .keep_alive_interval(H2_PING)
            .keep_alive_timeout(H2_PING);
        let streams = Streams::new();
        let service = service_fn(|request| {
            let (edge, connection, open) = (self.clone(), connection.clone(), streams.open());
            async move {
                let answered = edge.answer(door, connection, request).await;
                answered.map(|response| response.map(|body| Counted { body, _open: open }))
            }
        });
        let mut served = pin!(builder.serve_connection(TokioIo::new(io), service));
        let outcome = tokio::select! {
            outcome = served.as_mut() => outcome,
            () = stopped(&mut stop) => {
                served.as_mut().graceful_shutdown();
                served.await
            }
            () = streams.idle(self.limits.idle_timeout) => {
                served.as_mut().graceful_shutdown();
                // The client may never confirm it.
                timeout(self.limits.head_read_timeout, served).await.unwrap_or(Ok(()))
            }
        };
        match outcome {
            // A connection that broke is the client's to notice.
            Ok(()) | Err(_) => {}
        }
    }

    async fn answer(
        self: Arc<Self>,
        door: Door,
        connection: Arc<Connection>,
        request: Request<Incoming>,
    ) -> Result<Response<ResponseBody>, Infallible> {
        let (number, names_protocol) = (connection.count(), request.headers().contains_key(UPGRADE));
        let response = self.dispatch(door, &connection, request).await;
        connection.settle(number, names_protocol, &response);
        Ok(response)
    }

    /// Lets a request in, and gives it to the worker that it is for.
    async fn dispatch(
        &self,
        door: Door,
        connection: &Connection,
        request: Request<Incoming>,
    ) -> Response<ResponseBody> {
        let mut inspection = connection.inspection(self.app_proxy.faults);
        let admitted = if request.headers().len() > self.limits.headers {
            inspection.reach(Guard::Framing);
            Err(Refusal::HeadTooLarge)
        } else {
            door.admit(&connection.head(&request), &mut inspection)
        };
        let (destination, host) = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => return self.refuse(door, &request, refusal, &inspection),
        };
        match (destination, host) {
            (Destination::Worker(Worker::AppProxy), Some(host)) => {
                self.app_proxy.answer(connection, request, host, inspection).await
            }
            (Destination::Worker(Worker::Provider(adapter)), _) => {
                self.provider_proxy.answer(Some(adapter), connection, request, inspection).await
            }
            (Destination::NoProvider, _) => self.provider_proxy.answer(None, connection, request, inspection).await,
            (Destination::Worker(Worker::Credentials), _) => self.credentials.answer(request, inspection).await,
            (Destination::Worker(Worker::Hooks), _) => self.hooks.answer(request, inspection).await,
            (Destination::Worker(Worker::AppProxy), None) => {
                self.refuse(door, &request, Refusal::NotFound, &inspection)
            }
        }
    }

    /// Refuses a request that is no worker's.
    fn refuse(
        &self,
        door: Door,
        request: &Request<Incoming>,
        refusal: Refusal,
        inspection: &Inspection,
    ) -> Response<ResponseBody> {
        match door {
            Door::Hosts => self.app_proxy.report(inspection.guards, refusal.outcome(), None),
            Door::Own(worker) => {
                if let Some(observer) = &self.app_proxy.observer {
                    let status = refusal.status().as_u16();
                    observer.observe(&Event::Edge { worker, guards: inspection.guards, status });
                }
            }
        }
        pages::refusal(refusal, request.method(), request.version()).map(ResponseBody::Whole)
    }
}

/// What a listener leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Whatever the host says.
    Hosts,
    /// One worker.
    Own(Worker),
}

impl Door {
    /// Lets a request in, and says where it leads; the host, where that is what says it.
    fn admit(self, head: &Head<'_>, inspection: &mut Inspection) -> Result<(Destination, Option<Host>), Refusal> {
        match self {
            Self::Hosts => {
                let host = entry::admit(head, inspection)?;
                inspection.reach(Guard::HostClass);
                Ok((Destination::of(&host), Some(host)))
            }
            Self::Own(worker) => {
                entry::admit_at_own_door(head, inspection)?;
                Ok((Destination::Worker(worker), None))
            }
        }
    }
}

/// Reads until it is clear whether the client speaks HTTP/2. None: it says nothing, or breaks.
async fn preface(stream: &mut Timely<Stream>) -> Option<BytesMut> {
    let mut begin = BytesMut::with_capacity(1024);
    loop {
        let here = begin.len().min(PREFACE.len());
        let alike = begin.get(..here) == PREFACE.get(..here);
        if !alike {
            return Some(begin);
        }
        if here == PREFACE.len() {
            return Some(begin);
        }
        // No byte more than the preface, while it may be one.
        let mut rest = (&mut *stream).take((PREFACE.len() - here) as u64);
        if rest.read_buf(&mut begin).await.ok()? == 0 {
            return (!begin.is_empty()).then_some(begin);
        }
    }
}

/// A stream of which the beginning was read already.
struct Prefixed<S> {
    begin: BytesMut,
    io: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.begin.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, out);
        }
        let here = self.begin.len().min(out.remaining());
        out.put_slice(self.begin.get(..here).unwrap_or_default());
        self.begin.advance(here);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
