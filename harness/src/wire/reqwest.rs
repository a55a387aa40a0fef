//! reqwest as the client: well-formed requests over real sockets, by an HTTP stack that shares nothing with
//! [`H1`](super::H1).
//!
//! reqwest hides things, and so does a [`Message`] made from it: no raw bytes, no reason phrase, header names in
//! lowercase, no interim responses, no trailers. It adds `accept: */*` where there is no `accept`. An early close looks
//! the same before the first byte of a head and in the middle of it: [`NoMessage::ClosedBeforeAnyByte`].

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Request, Response, Url};
use rustls::RootCertStore;
use tokio::time::{Instant, timeout_at};

use super::tls::client_config;
use super::{DEFAULT_CAP_BYTES, End, Fields, Message, NoMessage, Version};

/// One well-formed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSpec {
    /// Over TLS, with the host as the server name; else over plain TCP.
    pub https: bool,
    /// HTTP/2 (by ALPN over TLS, by prior knowledge else); else HTTP/1.1.
    pub http2: bool,
    /// The method.
    pub method: String,
    /// The host: a lowercase domain name, without a port.
    pub host: String,
    /// Path and query, in the form that a URL parser leaves as it is.
    pub path_and_query: String,
    /// Header fields to add. A `host` here is sent in place of the URL's.
    pub headers: Fields,
    /// The body; empty sends none.
    pub body: Vec<u8>,
    /// On a connection that no request has used and none will use again; else on a pooled one, if there is any.
    pub fresh_connection: bool,
}

/// A reqwest client that finds every host at one loopback address. It follows no redirect, decodes no content, keeps no cookies,
/// tries nothing twice, and reads no proxy settings from the environment.
pub struct Reqwest {
    http: SocketAddr,
    https: Option<SocketAddr>,
    roots: RootCertStore,
    /// For connections that are kept: plain HTTP/1, plain HTTP/2, TLS HTTP/1, TLS HTTP/2.
    pooled: [Option<Client>; 4],
}

impl Reqwest {
    /// A client that speaks to `http` for http, and to `https` for https.
    ///
    /// # Errors
    ///
    /// [`NoMessage::NotSent`] if an address is no loopback address, or reqwest refuses its settings.
    pub fn new(http: SocketAddr, https: Option<SocketAddr>, roots: RootCertStore) -> Result<Self, NoMessage> {
        let mut this = Reqwest { http, https, roots, pooled: [None, None, None, None] };
        let [h1, h2, tls_h1, tls_h2] =
            [(false, false), (false, true), (true, false), (true, true)].map(|(is_https, is_http2)| {
                match is_https && https.is_none() {
                    true => Ok(None),
                    false => this.client(is_https, is_http2).map(Some),
                }
            });
        this.pooled = [h1?, h2?, tls_h1?, tls_h2?];
        Ok(this)
    }

    /// Sends the request and reads its response.
    ///
    /// # Errors
    ///
    /// [`NoMessage`]; [`NoMessage::NotSent`] for a request that reqwest, or its URL parser, would send in another form
    /// than told or not at all.
    pub async fn exchange(&self, spec: &RequestSpec, deadline: Duration) -> Result<Message, NoMessage> {
        let until = Instant::now() + deadline;
        let request = request(spec)?;
        let [h1, h2, tls_h1, tls_h2] = &self.pooled;
        let pooled = match (spec.https, spec.http2) {
            (false, false) => h1,
            (false, true) => h2,
            (true, false) => tls_h1,
            (true, true) => tls_h2,
        };
        let client = match pooled {
            Some(client) if !spec.fresh_connection => client.clone(),
            Some(_) | None => self.client(spec.https, spec.http2)?,
        };
        let response = timeout_at(until, client.execute(request)).await.map_err(|_| NoMessage::TimedOut)?;
        let mut response = response.map_err(|error| no_message(&error))?;
        let mut message = head(&response)?;
        if let Ok(end) = timeout_at(until, read_body(&mut response, &mut message.body)).await {
            message.end = end;
        }
        Ok(message)
    }

    fn client(&self, https: bool, http2: bool) -> Result<Client, NoMessage> {
        let addr = if https { self.https } else { Some(self.http) };
        let addr = addr.ok_or_else(|| NoMessage::NotSent("no https address".to_owned()))?;
        if !addr.ip().is_loopback() {
            return Err(NoMessage::NotSent(format!("{addr} is no loopback address")));
        }
        let alpn: &[u8] = if http2 { b"h2" } else { b"http/1.1" };
        let tls = client_config(&self.roots, &[alpn]).map_err(|error| NoMessage::NotSent(error.to_string()))?;
        let builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(Arc::new(Loopback(addr)))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy();
        let builder = if http2 { builder.http2_prior_knowledge() } else { builder.http1_only() };
        builder.build().map_err(|error| NoMessage::NotSent(describe(&error)))
    }
}

/// Resolves every name to one address and port.
struct Loopback(SocketAddr);

impl Resolve for Loopback {
    fn resolve(&self, _name: Name) -> Resolving {
        let addrs: Addrs = Box::new(std::iter::once(self.0));
        Box::pin(std::future::ready(Ok(addrs)))
    }
}

/// Builds the request, and refuses what the URL parser would change: a request that was sent in another form would be
/// judged as one that was not sent. An address or a port in place of the host would go past the resolver.
fn request(spec: &RequestSpec) -> Result<Request, NoMessage> {
    let refuse = |why: String| Err(NoMessage::NotSent(why));
    let scheme = if spec.https { "https" } else { "http" };
    let url = match Url::parse(&format!("{scheme}://{}{}", spec.host, spec.path_and_query)) {
        Ok(url) => url,
        Err(error) => return refuse(format!("the URL: {error}")),
    };
    if url.domain() != Some(spec.host.as_str()) {
        return refuse(format!("the host \"{}\" is not a lowercase domain name", spec.host.escape_debug()));
    }
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    if format!("{}{query}", url.path()) != spec.path_and_query {
        return refuse(format!("a URL can't carry the path \"{}\"", spec.path_and_query.escape_debug()));
    }
    let Ok(method) = Method::from_bytes(spec.method.as_bytes()) else {
        return refuse(format!("the method \"{}\"", spec.method.escape_debug()));
    };
    let mut request = Request::new(method, url);
    for (name, value) in &spec.headers {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            return refuse(format!("the header name \"{}\"", name.escape_debug()));
        };
        let Ok(value) = HeaderValue::from_bytes(value) else {
            return refuse(format!("the value of the header {name}"));
        };
        request.headers_mut().append(name, value);
    }
    if !spec.body.is_empty() {
        *request.body_mut() = Some(spec.body.clone().into());
    }
    Ok(request)
}

fn head(response: &Response) -> Result<Message, NoMessage> {
    let version = match response.version() {
        http::Version::HTTP_10 => Version::Http10,
        http::Version::HTTP_11 => Version::Http11,
        http::Version::HTTP_2 => Version::Http2,
        other => return Err(NoMessage::Malformed(format!("version {other:?}"))),
    };
    let headers = response.headers().iter();
    Ok(Message {
        version,
        status: response.status().as_u16(),
        reason: None,
        headers: headers.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect(),
        body: Vec::new(),
        trailers: Vec::new(),
        interim: Vec::new(),
        raw: Vec::new(),
        end: End::TimedOut,
    })
}

async fn read_body(response: &mut Response, body: &mut Vec<u8>) -> End {
    loop {
        match response.chunk().await {
            Ok(None) => return End::Complete,
            Ok(Some(chunk)) => {
                let room = DEFAULT_CAP_BYTES.saturating_sub(body.len());
                body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
                if chunk.len() > room {
                    return End::Overflow;
                }
            }
            Err(error) => return end(&error),
        }
    }
}

/// An error before the response head.
fn no_message(error: &reqwest::Error) -> NoMessage {
    if error.is_builder() || error.is_connect() {
        return NoMessage::NotSent(describe(error));
    }
    match cause(error) {
        Cause::H2Code(code) => NoMessage::H2Code(code),
        Cause::Incomplete => NoMessage::ClosedBeforeAnyByte,
        Cause::Reset => NoMessage::Reset,
        Cause::Other => NoMessage::Malformed(describe(error)),
    }
}

/// An error after the response head.
fn end(error: &reqwest::Error) -> End {
    match cause(error) {
        Cause::H2Code(code) => End::H2Code(code),
        Cause::Incomplete | Cause::Reset => End::Truncated,
        Cause::Other => End::Malformed(describe(error)),
    }
}

enum Cause {
    H2Code(u32),
    Incomplete,
    Reset,
    Other,
}

/// The first error of the chain that says what happened on the wire.
fn cause(error: &reqwest::Error) -> Cause {
    for error in chain(error) {
        if let Some(error) = error.downcast_ref::<h2::Error>()
            && let (Some(reason), true) = (error.reason(), error.is_remote())
        {
            return Cause::H2Code(reason.into());
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            let reset = [io::ErrorKind::ConnectionReset, io::ErrorKind::ConnectionAborted, io::ErrorKind::BrokenPipe];
            let kind = error.kind();
            return if kind == io::ErrorKind::UnexpectedEof {
                Cause::Incomplete
            } else if reset.contains(&kind) {
                Cause::Reset
            } else {
                // hyper wraps a body that it can't parse so.
                Cause::Other
            };
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
            return Cause::Incomplete;
        }
    }
    Cause::Other
}

/// The whole chain in one line: reqwest's own message leaves out the cause.
fn describe(error: &reqwest::Error) -> String {
    chain(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

#[cfg(test)]
mod tests;
