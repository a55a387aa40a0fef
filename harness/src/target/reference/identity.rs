//! The certificate that the reference serves HTTPS with, made once for a process.

use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reference_impl::TlsIdentity;
use rustls::RootCertStore;

use crate::target::TargetError;

/// A certificate for every host of the platform, and the roots that verify it.
pub(super) fn identity() -> Result<(TlsIdentity, RootCertStore), TargetError> {
    static MADE: OnceLock<Result<(TlsIdentity, RootCertStore), String>> = OnceLock::new();
    MADE.get_or_init(|| make().map_err(|error| error.to_string()))
        .clone()
        .map_err(|error| TargetError::Start(format!("making a certificate: {error}")))
}

fn make() -> Result<(TlsIdentity, RootCertStore), Box<dyn std::error::Error>> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let names = ["vendo.run", "*.vendo.run"].map(str::to_owned).to_vec();
    let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone())?;
    Ok((TlsIdentity { chain_pem: certificate.pem(), key_pem: key.serialize_pem() }, roots))
}
