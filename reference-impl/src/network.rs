//! Where bytes travel: loopback sockets, or pipes in memory with no kernel between.
//!
//! A memory network is an island: its endpoints can be dialled through its own clones alone.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Bytes that one direction of a pipe in memory holds before its writer waits.
const PIPE_BYTES: usize = 64 * 1024;
/// Connections that wait to be accepted before a dialler waits.
const BACKLOG: usize = 1024;

/// A network. Clones are the same network.
#[derive(Clone)]
pub struct Network(Kind);

#[derive(Clone)]
enum Kind {
    Sockets(Ipv4Addr),
    Memory(Arc<Mutex<Switchboard>>),
}

#[derive(Default)]
struct Switchboard {
    bound: HashMap<u64, mpsc::Sender<DuplexStream>>,
    last: u64,
}

impl Network {
    /// TCP. [`Network::bind`] takes a free port of 127.0.0.1.
    #[must_use]
    pub fn sockets() -> Self {
        Self::sockets_at(Ipv4Addr::LOCALHOST)
    }

    /// TCP. [`Network::bind`] takes a free port of this address.
    #[must_use]
    pub fn sockets_at(address: Ipv4Addr) -> Self {
        Self(Kind::Sockets(address))
    }

    /// A fresh network of pipes in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self(Kind::Memory(Arc::default()))
    }

    /// Opens a listener at a fresh endpoint. Needs a Tokio runtime.
    ///
    /// # Errors
    /// What the operating system says when it gives no socket; memory never fails.
    pub fn bind(&self) -> io::Result<(Acceptor, Endpoint)> {
        match &self.0 {
            Kind::Sockets(address) => Self::bind_to(SocketAddr::from((*address, 0))),
            Kind::Memory(board) => {
                let (sender, receiver) = mpsc::channel(BACKLOG);
                let mut board = board.lock().unwrap_or_else(PoisonError::into_inner);
                board.last += 1;
                let number = board.last;
                board.bound.retain(|_, bound| !bound.is_closed());
                board.bound.insert(number, sender);
                Ok((Acceptor(Listener::Memory(receiver)), Endpoint(Place::Memory(number))))
            }
        }
    }

    /// Opens a TCP listener at an address of the caller's choice. Needs a Tokio runtime.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn bind_to(address: SocketAddr) -> io::Result<(Acceptor, Endpoint)> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        Ok((Acceptor(Listener::Tcp(TcpListener::from_std(listener)?)), Endpoint(Place::Ip(bound))))
    }

    /// Connects to an endpoint. The caller sets the deadline.
    ///
    /// # Errors
    /// `ConnectionRefused` where nobody listens; `AddrNotAvailable` for an endpoint of another kind of network; what
    /// the operating system says otherwise.
    pub async fn dial(&self, endpoint: &Endpoint) -> io::Result<Stream> {
        match (&self.0, &endpoint.0) {
            (Kind::Sockets(_), Place::Ip(address)) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Stream(Pipe::Tcp(stream)))
            }
            (Kind::Memory(board), Place::Memory(number)) => {
                let sender = {
                    let board = board.lock().unwrap_or_else(PoisonError::into_inner);
                    board.bound.get(number).cloned()
                };
                let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens there");
                let (near, far) = tokio::io::duplex(PIPE_BYTES);
                sender.ok_or_else(refused)?.send(far).await.map_err(|_| refused())?;
                Ok(Stream(Pipe::Memory(near)))
            }
            (Kind::Sockets(_), Place::Memory(_)) | (Kind::Memory(_), Place::Ip(_)) => {
                Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "the endpoint is of another network"))
            }
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self.0 {
            Kind::Sockets(_) => "Network(sockets)",
            Kind::Memory(_) => "Network(memory)",
        })
    }
}

/// A place to dial: `127.0.0.1:4000`, `[::1]:4000` or `mem-7`. Its text is the `Host` that a container sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint(Place);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    Ip(SocketAddr),
    Memory(u64),
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self(Place::Ip(address))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Place::Ip(address) => address.fmt(out),
            Place::Memory(number) => write!(out, "mem-{number}"),
        }
    }
}

/// A text that names no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an endpoint: {0:?}: expected an IP address with a port, as 127.0.0.1:4000, or mem-N")]
pub struct EndpointError(String);

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let error = || EndpointError(text.chars().take(80).collect());
        if let Some(number) = text.strip_prefix("mem-") {
            let canonical = !number.starts_with(['+', '0']);
            return number.parse().ok().filter(|_| canonical).map(|n| Self(Place::Memory(n))).ok_or_else(error);
        }
        text.parse().map(|address| Self(Place::Ip(address))).map_err(|_| error())
    }
}

/// A listener's incoming side.
#[derive(Debug)]
pub struct Acceptor(Listener);

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Memory(mpsc::Receiver<DuplexStream>),
}

impl Acceptor {
    /// The next connection. Safe to cancel.
    ///
    /// # Errors
    /// What the operating system says; such an error is about one connection, or about load, and the listener lives
    /// on. A memory listener never fails: where its network is gone it waits for ever.
    pub async fn accept(&mut self) -> io::Result<Stream> {
        match &mut self.0 {
            Listener::Tcp(listener) => {
                let (stream, _peer) = listener.accept().await?;
                // It fails where the peer is gone already.
                stream.set_nodelay(true).map_err(|error| io::Error::new(io::ErrorKind::ConnectionAborted, error))?;
                Ok(Stream(Pipe::Tcp(stream)))
            }
            Listener::Memory(receiver) => match receiver.recv().await {
                Some(stream) => Ok(Stream(Pipe::Memory(stream))),
                None => std::future::pending().await,
            },
        }
    }
}

/// One connection.
#[derive(Debug)]
pub struct Stream(Pipe);

#[derive(Debug)]
enum Pipe {
    Tcp(TcpStream),
    Memory(DuplexStream),
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Pipe::Tcp(stream) => Pin::new(stream).poll_read(cx, out),
            Pipe::Memory(stream) => Pin::new(stream).poll_read(cx, out),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Pipe::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Pipe::Memory(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Pipe::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
            Pipe::Memory(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Pipe::Tcp(stream) => stream.is_write_vectored(),
            Pipe::Memory(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Pipe::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Pipe::Memory(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Pipe::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Pipe::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn exchange(network: Network) {
        let (mut acceptor, endpoint) = network.bind().unwrap();
        let mut near = network.dial(&endpoint).await.unwrap();
        let mut far = acceptor.accept().await.unwrap();
        near.write_all(b"ping").await.unwrap();
        let mut got = [0; 4];
        far.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"ping");
        drop(near);
        assert_eq!(far.read(&mut got).await.unwrap(), 0);
        drop(acceptor);
        let refused = network.dial(&endpoint).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn both_kinds_carry_bytes_and_refuse_where_nobody_listens() {
        exchange(Network::in_memory()).await;
        exchange(Network::sockets()).await;
    }

    #[tokio::test]
    async fn a_memory_network_is_an_island() {
        let (_held, endpoint) = Network::in_memory().bind().unwrap();
        assert!(Network::in_memory().dial(&endpoint).await.is_err());
        assert!(Network::sockets().dial(&endpoint).await.is_err());
        let loopback = "127.0.0.1:9".parse().unwrap();
        assert!(Network::in_memory().dial(&loopback).await.is_err());
    }

    #[test]
    fn endpoints_read_back_as_written() {
        for text in ["127.0.0.1:4000", "[::1]:80", "mem-7"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        for text in ["", "mem-", "mem-x", "mem-+1", "mem-01", "localhost:80", "127.0.0.1", "example.com:1"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
