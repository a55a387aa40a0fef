//! What every request passes before it is any worker's: its method, its framing, its host, its server name. Pure.
//!
//! A request that comes through a door which all hosts share says by its host where it leads. One that comes through a
//! worker's own door leads there, whatever its host.

use super::app_proxy::pages::Refusal;
use super::framing;
use crate::fault::{Fault, FaultSet};
use crate::host::{self, Host};
#[cfg(feature = "faults")]
use crate::identity::Session;
use crate::observe::{Guard, GuardSet};
use http::header::HOST;
use http::{HeaderMap, Method, Uri, Version};

/// The longest Host at a worker's own door, in bytes.
const OWN_HOST_MAX: usize = 255;

/// The head of a request, as the HTTP layer read it.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target. In HTTP/2 its authority is `:authority`.
    pub uri: &'a Uri,
    /// The version.
    pub version: Version,
    /// The fields.
    pub headers: &'a HeaderMap,
    /// What TLS says about the host.
    pub server_name: ServerName<'a>,
}

/// The server name of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerName<'a> {
    /// There is no TLS.
    Cleartext,
    /// TLS, and the client named no server.
    Missing,
    /// TLS, and this name.
    Named(&'a str),
}

/// What an examination leaves behind, and what it is subject to.
#[derive(Debug, Default)]
pub struct Inspection {
    /// The guards that were reached.
    pub guards: GuardSet,
    /// The planted faults.
    pub faults: FaultSet,
    /// The session that a planted fault remembers for the connection.
    #[cfg(feature = "faults")]
    pub(crate) remembered: Option<Session>,
}

impl Inspection {
    /// An inspection with planted faults.
    #[must_use]
    pub fn new(faults: FaultSet) -> Self {
        Self { faults, ..Self::default() }
    }

    /// Marks a guard, and gives the faults that may be planted behind it.
    pub(crate) fn reach(&mut self, guard: Guard) -> FaultSet {
        self.guards.mark(guard);
        self.faults
    }
}

/// Lets a request in through the door that all hosts share, and says which host it is for.
///
/// # Errors
/// 405, 400 and 421, in this order.
pub fn admit(head: &Head<'_>, inspection: &mut Inspection) -> Result<Host, Refusal> {
    framed(head, inspection)?;
    let host = agreed_host(head, inspection)?;
    match head.server_name {
        ServerName::Cleartext => {}
        _ if inspection.reach(Guard::Sni).has(Fault::ApxSniIgnored) => {}
        ServerName::Named(name) if host::normalise(name.as_bytes()).as_ref() == Ok(&host) => {}
        ServerName::Named(_) | ServerName::Missing => return Err(Refusal::Misdirected),
    }
    Ok(host)
}

/// Lets a request in through a worker's own door. There is one host, and it may be any, an address too: clients that
/// were told an address can't send another.
///
/// # Errors
/// 405 and 400, in this order.
pub(crate) fn admit_at_own_door(head: &Head<'_>, inspection: &mut Inspection) -> Result<(), Refusal> {
    framed(head, inspection)?;
    inspection.reach(Guard::HostAgreement);
    let mut fields = head.headers.get_all(HOST).iter();
    let (field, second) = (fields.next().map(http::HeaderValue::as_bytes), fields.next());
    let authority = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    let host = match (field, authority) {
        _ if second.is_some() => return Err(Refusal::BadRequest),
        (Some(field), None) => field,
        (None, Some(authority)) if head.version == Version::HTTP_2 => authority,
        (Some(field), Some(authority)) if head.version == Version::HTTP_2 && field == authority => field,
        (None | Some(_), Some(_)) | (None, None) => return Err(Refusal::BadRequest),
    };
    inspection.reach(Guard::HostSyntax);
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    if head.uri.path() == "*" || host.is_empty() || host.len() > OWN_HOST_MAX || !host.iter().all(plain) {
        return Err(Refusal::BadRequest);
    }
    Ok(())
}

fn framed(head: &Head<'_>, inspection: &mut Inspection) -> Result<(), Refusal> {
    if *head.method == Method::CONNECT || *head.method == Method::TRACE {
        return Err(Refusal::MethodNotAllowed);
    }
    if head.version == Version::HTTP_2 && !framing::declares_one_length(head.headers) {
        inspection.reach(Guard::Framing);
        return Err(Refusal::BadRequest);
    }
    Ok(())
}

/// The one host that all carriers of the request name.
fn agreed_host(head: &Head<'_>, inspection: &mut Inspection) -> Result<Host, Refusal> {
    let faults = inspection.reach(Guard::HostAgreement);
    let field = host_field(head.headers, faults)?;
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    match head.uri.scheme_str() {
        None if authority.is_some() => return Err(Refusal::BadRequest),
        None | Some("http" | "https") => {}
        Some(_) => return Err(Refusal::BadRequest),
    }
    if head.uri.path() == "*" {
        return Err(Refusal::BadRequest);
    }
    let carriers = match (field, authority) {
        (None, None) => return Err(Refusal::BadRequest),
        // Only HTTP/2 may leave the Host field out.
        (None, Some(authority)) if head.version == Version::HTTP_2 => (authority.as_bytes(), None),
        (None, Some(_)) => return Err(Refusal::BadRequest),
        (Some(field), None) => (field, None),
        (Some(_), Some(authority)) if faults.has(Fault::ApxAbsoluteFormWins) => (authority.as_bytes(), None),
        (Some(field), Some(authority)) => (field, Some(authority.as_bytes())),
    };
    inspection.reach(Guard::HostSyntax);
    let host = host::normalise(carriers.0).map_err(|_| Refusal::BadRequest)?;
    match carriers.1.map(host::normalise) {
        None => Ok(host),
        Some(Ok(other)) if other == host => Ok(host),
        Some(Ok(_) | Err(_)) => Err(Refusal::BadRequest),
    }
}

fn host_field(headers: &HeaderMap, faults: FaultSet) -> Result<Option<&[u8]>, Refusal> {
    let mut fields = headers.get_all(HOST).iter();
    let first = fields.next().map(http::HeaderValue::as_bytes);
    match fields.next_back() {
        None => Ok(first),
        Some(last) if faults.has(Fault::ApxSecondHostWins) => Ok(Some(last.as_bytes())),
        Some(_) => Err(Refusal::BadRequest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn enter(version: Version, uri: &str, hosts: &[&'static str]) -> Result<(), Refusal> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_static(host));
        }
        let uri = uri.parse().unwrap();
        let server_name = ServerName::Cleartext;
        let head = Head { method: &Method::GET, uri: &uri, version, headers: &headers, server_name };
        admit_at_own_door(&head, &mut Inspection::default())
    }

    #[test]
    fn at_its_own_door_a_worker_takes_any_one_host() {
        for host in ["127.0.0.1:4000", "[::1]:80", "mem-7", "openai-proxy.vendo.run", "acme-app.vendo.run", "x"] {
            assert_eq!(enter(Version::HTTP_11, "/", &[host]), Ok(()), "{host}");
        }
        assert_eq!(enter(Version::HTTP_2, "http://mem-7/", &[]), Ok(()));
        assert_eq!(enter(Version::HTTP_2, "http://mem-7/", &["mem-7"]), Ok(()));
    }

    #[test]
    fn none_two_or_an_ill_formed_host_is_refused_there_too() {
        let (one, two) = (Version::HTTP_11, Version::HTTP_2);
        for (version, uri, hosts) in [
            (one, "/", &[][..]),
            (one, "/", &["a", "a"]),
            (one, "/", &[""]),
            (one, "/", &["a b"]),
            (one, "/", &["user@a"]),
            (one, "/", &["a/b"]),
            (one, "http://a/", &["a"]),
            (one, "*", &["a"]),
            (two, "http://a/", &["b"]),
            (two, "http://a/", &["a", "a"]),
        ] {
            assert_eq!(enter(version, uri, hosts), Err(Refusal::BadRequest), "{uri} {hosts:?}");
        }
    }

    #[test]
    fn a_mirror_of_the_request_is_given_at_no_door() {
        let (uri, headers) = ("/".parse().unwrap(), HeaderMap::new());
        let server_name = ServerName::Cleartext;
        let head =
            Head { method: &Method::TRACE, uri: &uri, version: Version::HTTP_11, headers: &headers, server_name };
        assert_eq!(admit_at_own_door(&head, &mut Inspection::default()), Err(Refusal::MethodNotAllowed));
        assert_eq!(admit(&head, &mut Inspection::default()), Err(Refusal::MethodNotAllowed));
    }
}
