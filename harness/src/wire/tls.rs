//! TLS from the client's side, with any server name or none.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, DnsName, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::BoxIo;

/// A TLS connection and what its handshake showed.
pub struct TlsSession {
    /// The connection.
    pub io: BoxIo,
    /// The protocol that the server chose by ALPN.
    pub alpn: Option<Vec<u8>>,
    /// The server's certificate in DER. Its names are something that the server told this client.
    pub certificate: Vec<u8>,
    /// Whether the certificate covers the name that was sent; `None` if none was.
    pub name_matches: Option<bool>,
}

/// Why there is no TLS connection.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TlsError {
    /// The name can't be sent as a server name: it is no DNS name. We could not test.
    #[error("\"{0}\" can't be sent as a server name")]
    ServerName(String),
    /// The client's own settings don't work, for this reason. We could not test.
    #[error("TLS settings: {0}")]
    Settings(String),
    /// The server refused with this alert.
    #[error("the server refused with the TLS alert {0}")]
    Alert(String),
    /// The server's certificate does not chain to the roots, for this reason.
    #[error("the server's certificate: {0}")]
    Certificate(String),
    /// The connection ended before the handshake did.
    #[error("the connection ended in the handshake")]
    Closed,
    /// What came is not a TLS handshake, for this reason.
    #[error("not a TLS handshake: {0}")]
    Malformed(String),
    /// The handshake was not over before the deadline.
    #[error("no TLS connection before the deadline")]
    TimedOut,
}

/// A TLS connection over `io`. `sni: None` sends no server name.
///
/// The certificate must chain to `roots` and be valid now. Whether it covers the name is *not* checked, since the name
/// may be left out or wrong on purpose: [`tls_session`] reports it.
///
/// # Errors
///
/// [`TlsError`].
pub async fn tls(
    io: BoxIo,
    roots: &RootCertStore,
    sni: Option<&str>,
    alpn: &[&[u8]],
    deadline: Duration,
) -> Result<BoxIo, TlsError> {
    Ok(tls_session(io, roots, sni, alpn, deadline).await?.io)
}

/// As [`tls`], with what the handshake showed.
///
/// # Errors
///
/// [`TlsError`].
pub async fn tls_session(
    io: BoxIo,
    roots: &RootCertStore,
    sni: Option<&str>,
    alpn: &[&[u8]],
    deadline: Duration,
) -> Result<TlsSession, TlsError> {
    let name = match sni {
        Some(sni) => {
            let name = DnsName::try_from(sni.to_owned()).map_err(|_| TlsError::ServerName(sni.to_owned()))?;
            ServerName::DnsName(name)
        }
        // An address is never sent as a server name (RFC 6066 section 3).
        None => ServerName::from(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST)),
    };
    let connector = TlsConnector::from(Arc::new(client_config(roots, alpn)?));
    let handshake = timeout_at(Instant::now() + deadline, connector.connect(name.clone(), io));
    let stream = handshake.await.map_err(|_| TlsError::TimedOut)?.map_err(|error| handshake_error(&error))?;
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates().and_then(<[_]>::first).map(|der| der.to_vec()).unwrap_or_default();
    let name_matches = sni.map(|_| covers(&certificate, &name));
    let alpn = session.alpn_protocol().map(<[u8]>::to_vec);
    Ok(TlsSession { io: Box::new(stream), alpn, certificate, name_matches })
}

/// The client's settings: ring, named here rather than taken from a process-wide default, and [`ChainVerifier`].
pub(super) fn client_config(roots: &RootCertStore, alpn: &[&[u8]]) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = ChainVerifier { roots: roots.clone(), provider: Arc::clone(&provider) };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Settings(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// Verifies the chain, the validity period and the handshake's signature, and not the name. What it gives up is proof
/// of *which* holder of a certificate under these roots answers, which a test that chose the address doesn't need.
struct ChainVerifier {
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ChainVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for ChainVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainVerifier").field("roots", &self.roots.len()).finish_non_exhaustive()
    }
}

fn covers(certificate: &[u8], name: &ServerName<'_>) -> bool {
    let der = CertificateDer::from(certificate);
    ParsedCertificate::try_from(&der).is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok())
}

fn handshake_error(error: &std::io::Error) -> TlsError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::AlertReceived(alert)) => TlsError::Alert(format!("{alert:?}")),
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))) => {
            TlsError::Certificate(other.to_string())
        }
        Some(rustls::Error::InvalidCertificate(why)) => TlsError::Certificate(format!("{why:?}")),
        Some(other) => TlsError::Malformed(other.to_string()),
        None => TlsError::Closed,
    }
}

#[cfg(test)]
mod tests;
