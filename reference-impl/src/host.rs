//! Host names: one normal form, and what each name is to the platform. Pure.
//!
//! Two parsers that disagree about a host are the classic way across a tenant line. So there is one parser, it accepts
//! plain DNS names alone, and nothing behind it looks at the raw bytes again.

use crate::fault::{Fault, FaultSet};
use crate::ids;
use std::fmt;

/// The platform's own domain.
pub const PLATFORM_DOMAIN: &str = "vendo.run";
/// The longest normal host, in bytes.
pub const HOST_MAX: usize = 253;
/// The longest label, in bytes.
pub const LABEL_MAX: usize = 63;

/// A host in normal form: lower-case ASCII labels joined by dots, without port and trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

impl Host {
    /// The normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Why some bytes are no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Nothing is left of it.
    #[error("the host is empty")]
    Empty,
    /// It is longer than [`HOST_MAX`].
    #[error("the host is longer than 253 bytes")]
    TooLong,
    /// Two dots meet, or one leads.
    #[error("the host has an empty label")]
    EmptyLabel,
    /// A label is longer than [`LABEL_MAX`].
    #[error("a label of the host is longer than 63 bytes")]
    LabelTooLong,
    /// A label begins or ends with a hyphen.
    #[error("a label of the host begins or ends with a hyphen")]
    EdgeHyphen,
    /// A byte that no label holds.
    #[error("the host holds a byte outside letters, digits, hyphens and dots")]
    ForbiddenByte,
    /// The port is not a number up to 65535 of at most five digits.
    #[error("the port is not a number up to 65535")]
    BadPort,
    /// The last label is a number: to some parser this is an IP address.
    #[error("the host is an IP address, or can be read as one")]
    IpLiteral,
}

/// The normal form of a host with an optional port.
///
/// # Errors
/// [`HostError`]: everything but a plain DNS name is refused, not repaired.
pub fn normalise(bytes: &[u8]) -> Result<Host, HostError> {
    let name = without_port(bytes)?;
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.is_empty() {
        return Err(HostError::Empty);
    }
    if name.len() > HOST_MAX {
        return Err(HostError::TooLong);
    }
    let mut normal = String::with_capacity(name.len());
    for byte in name {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' => normal.push(char::from(*byte)),
            b'A'..=b'Z' => normal.push(char::from(byte.to_ascii_lowercase())),
            _ => return Err(HostError::ForbiddenByte),
        }
    }
    let mut last = "";
    for label in normal.split('.') {
        if label.is_empty() {
            return Err(HostError::EmptyLabel);
        }
        if label.len() > LABEL_MAX {
            return Err(HostError::LabelTooLong);
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(HostError::EdgeHyphen);
        }
        last = label;
    }
    if reads_as_number(last) {
        return Err(HostError::IpLiteral);
    }
    Ok(Host(normal))
}

/// The bytes before the port. A port may be empty, as in `host:`.
fn without_port(bytes: &[u8]) -> Result<&[u8], HostError> {
    let Some(colon) = bytes.iter().position(|byte| *byte == b':') else {
        return Ok(bytes);
    };
    let (name, port) = bytes.split_at_checked(colon).unwrap_or((bytes, b""));
    let digits = port.strip_prefix(b":").unwrap_or(port);
    if digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(HostError::BadPort);
    }
    let number = digits.iter().fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'));
    if number > u32::from(u16::MAX) { Err(HostError::BadPort) } else { Ok(name) }
}

/// Whether a last label makes an address parser take the whole name for an IPv4 address.
fn reads_as_number(label: &str) -> bool {
    label.bytes().all(|byte| byte.is_ascii_digit())
        || label.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// What a host is to the app-proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostClass<'a> {
    /// The platform's own, or a name that no deployment can have. Nothing is looked up.
    NotDeployable,
    /// A single-level host; the label is `{tenant}-{deploy}`.
    Label(&'a str),
    /// A legacy two-level host or a custom domain.
    Full(&'a str),
}

/// What a host is to the app-proxy.
#[must_use]
pub fn classify(host: &Host) -> HostClass<'_> {
    classify_with(host, FaultSet::none())
}

pub(crate) fn classify_with(host: &Host, faults: FaultSet) -> HostClass<'_> {
    let name = host.as_str();
    if !name.contains('.') {
        if faults.has(Fault::ApxDomainSpellsLabel) {
            return HostClass::Label(name);
        }
        return HostClass::NotDeployable;
    }
    if name == PLATFORM_DOMAIN {
        return HostClass::NotDeployable;
    }
    let Some(inner) = name.strip_suffix(PLATFORM_DOMAIN).and_then(|rest| rest.strip_suffix('.')) else {
        return HostClass::Full(name);
    };
    match inner.split_once('.') {
        None if is_deployable_label(inner) => HostClass::Label(inner),
        Some((deploy, tenant)) if ids::deploy_slug(deploy).is_ok() && ids::tenant_slug_syntax(tenant).is_ok() => {
            HostClass::Full(name)
        }
        None | Some(_) => HostClass::NotDeployable,
    }
}

/// Whether a label of `vendo.run` can be a deployment's: `{tenant}-{deploy}`, and not reserved.
fn is_deployable_label(label: &str) -> bool {
    label.rsplit_once('-').is_some_and(|(tenant, deploy)| {
        ids::tenant_slug_syntax(tenant).is_ok() && ids::deploy_slug(deploy).is_ok() && !ids::is_reserved_label(label)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normal(text: &str) -> Result<String, HostError> {
        normalise(text.as_bytes()).map(|host| host.as_str().to_owned())
    }

    #[test]
    fn spellings_of_one_host_have_one_normal_form() {
        for spelling in [
            "acme-app.vendo.run",
            "ACME-app.Vendo.RUN",
            "acme-app.vendo.run.",
            "acme-app.vendo.run:",
            "acme-app.vendo.run:443",
            "acme-app.vendo.run.:00080",
            "acme-app.vendo.run:65535",
        ] {
            assert_eq!(normal(spelling).unwrap(), "acme-app.vendo.run", "{spelling}");
        }
    }

    #[test]
    fn everything_but_a_plain_name_is_refused() {
        use HostError::*;
        let label64 = "a".repeat(64);
        let long = format!("{}.com", ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(60)].join("."));
        for (text, error) in [
            ("", Empty),
            (".", Empty),
            (":80", Empty),
            ("a..b", EmptyLabel),
            (".a", EmptyLabel),
            ("a.b..", EmptyLabel),
            ("a_b.com", ForbiddenByte),
            ("user@a.com", ForbiddenByte),
            ("a%2eb.com", ForbiddenByte),
            ("[::1]", BadPort),
            ("[v1]", ForbiddenByte),
            ("a,b.com", ForbiddenByte),
            ("é.com", ForbiddenByte),
            ("a b.com", ForbiddenByte),
            (" a.com", ForbiddenByte),
            ("a.com\t", ForbiddenByte),
            ("a.com/", ForbiddenByte),
            ("a\0.com", ForbiddenByte),
            ("-a.com", EdgeHyphen),
            ("a-.com", EdgeHyphen),
            ("a.com:65536", BadPort),
            ("a.com:123456", BadPort),
            ("a.com:000080", BadPort),
            ("a.com:+80", BadPort),
            ("a.com:80:80", BadPort),
            ("user:80@a.com", BadPort),
            ("127.0.0.1", IpLiteral),
            ("1", IpLiteral),
            ("a.1", IpLiteral),
            ("a.0x", IpLiteral),
            ("a.0x7F", IpLiteral),
            ("0X7f", IpLiteral),
            ("127.0.0.1.", IpLiteral),
            (label64.as_str(), LabelTooLong),
            (long.as_str(), TooLong),
        ] {
            assert_eq!(normal(text), Err(error), "{text:?}");
        }
        for good in ["a.0xg", "0x7f.com", "1.com", "a.b-c", "xn--bcher-kva.example", "a--b.com"] {
            assert_eq!(normal(good).unwrap(), good);
        }
    }

    #[test]
    fn the_longest_host_counts_after_normalisation() {
        let longest = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
        assert_eq!(longest.len(), HOST_MAX);
        assert_eq!(normal(&format!("{longest}.:443")).unwrap(), longest);
        assert_eq!(normal(&format!("{longest}d")), Err(HostError::TooLong));
    }

    #[test]
    fn classes() {
        use HostClass::*;
        for (text, class) in [
            ("vendo.run", NotDeployable),
            ("www.vendo.run", NotDeployable),
            ("openai-proxy.vendo.run", NotDeployable),
            ("credentials.vendo.run", NotDeployable),
            ("acme.vendo.run", NotDeployable),
            ("a-app.vendo.run", NotDeployable),
            ("acme-app.vendo.run", Label("acme-app")),
            ("a-b-c.vendo.run", Label("a-b-c")),
            ("acme--app.vendo.run", NotDeployable),
            ("app.acme.vendo.run", Full("app.acme.vendo.run")),
            ("a-b.acme.vendo.run", NotDeployable),
            ("x.app.acme.vendo.run", NotDeployable),
            ("app.a.vendo.run", NotDeployable),
            ("crm.acme.com", Full("crm.acme.com")),
            ("xvendo.run", Full("xvendo.run")),
            ("localhost", NotDeployable),
            ("acme-app", NotDeployable),
            ("vendo.run.evil.com", Full("vendo.run.evil.com")),
        ] {
            assert_eq!(classify(&normalise(text.as_bytes()).unwrap()), class, "{text}");
        }
    }

    proptest! {
        #[test]
        fn normalising_is_idempotent(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(host) = normalise(&bytes) {
                prop_assert_eq!(normalise(host.as_str().as_bytes()), Ok(host));
            }
        }

        #[test]
        fn normalising_names_is_idempotent(text in "[A-Za-z0-9.-]{1,40}(:[0-9]{0,6})?") {
            if let Ok(host) = normalise(text.as_bytes()) {
                prop_assert!(host.as_str().len() <= text.len());
                prop_assert_eq!(normalise(host.as_str().as_bytes()), Ok(host));
            }
        }
    }
}
