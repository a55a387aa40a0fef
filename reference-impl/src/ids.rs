//! Identifiers, parsed once. Whoever holds one needn't check it again.
//!
//! Opaque ids (tenant, deployment, connection) are compared byte for byte: two ids that differ in case alone are two
//! ids. Slugs are what people chose and what host names are rendered from.

use std::fmt;

/// The longest opaque id, in bytes.
pub const ID_MAX: usize = 64;
/// The longest external id, in bytes.
pub const EXTERNAL_ID_MAX: usize = 128;

/// Labels of `vendo.run` that no deployment may render.
pub const RESERVED_LABELS: [&str; 9] =
    ["api", "proxy", "vendo", "www", "credentials", "hooks", "auth", "cdn", "downloads"];

/// Whether a rendered label of `vendo.run` belongs to the platform.
#[must_use]
pub fn is_reserved_label(label: &str) -> bool {
    label.ends_with("-proxy") || RESERVED_LABELS.contains(&label)
}

/// Why a string is not the identifier it was offered as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind}: {text:?}: {rule}")]
pub struct IdError {
    kind: &'static str,
    text: String,
    rule: &'static str,
}

fn refuse<T>(kind: &'static str, text: &str, rule: &'static str) -> Result<T, IdError> {
    Err(IdError { kind, text: text.chars().take(80).collect(), rule })
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Parses an identifier.
            ///
            /// # Errors
            /// [`IdError`] with the rule that the text breaks.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                match $check(text) {
                    Ok(()) => Ok(Self(text.to_owned())),
                    Err(rule) => refuse($kind, text, rule),
                }
            }

            /// The identifier as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }
    };
}

identifier!(
    /// A tenant. Opaque, `[A-Za-z0-9_-]{1,64}`, compared byte for byte.
    TenantId, "tenant id", opaque
);
identifier!(
    /// A deployment. Opaque, `[A-Za-z0-9_-]{1,64}`.
    DeploymentId, "deployment id", opaque
);
identifier!(
    /// A connection to a provider. Opaque, `[A-Za-z0-9_-]{1,64}`.
    ConnectionId, "connection id", opaque
);
identifier!(
    /// An app: what a deployment's keys and bindings hang on. Opaque, `[A-Za-z0-9_-]{1,64}`.
    AppId, "app id", opaque
);
identifier!(
    /// A key, as its owner names it; not the key itself. Opaque, `[A-Za-z0-9_-]{1,64}`.
    KeyId, "key id", opaque
);
identifier!(
    /// A hold on a wallet. Opaque, `[A-Za-z0-9_-]{1,64}`.
    HoldId, "hold id", opaque
);
identifier!(
    /// What a provider calls a connection when it sends a webhook. Opaque, `[A-Za-z0-9_-]{1,128}`.
    ExternalId, "external id", external
);
identifier!(
    /// A provider's name: `[a-z0-9][a-z0-9-]{0,31}`.
    ProviderSlug, "provider slug", provider_slug
);
identifier!(
    /// A tenant's slug: 2 to 20 of `[a-z0-9-]`, no hyphen at either end, not a reserved name.
    TenantSlug, "tenant slug", unreserved_tenant_slug
);
identifier!(
    /// A deployment's slug: `[a-z0-9]+`. It has no hyphen, so a label's last hyphen is where the tenant's slug ends.
    DeploySlug, "deployment slug", deploy_slug
);

fn opaque(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > ID_MAX {
        return Err("1 to 64 characters");
    }
    opaque_characters(text)
}

fn external(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > EXTERNAL_ID_MAX {
        return Err("1 to 128 characters");
    }
    opaque_characters(text)
}

fn provider_slug(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 32 {
        return Err("1 to 32 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        return Err("only a-z, 0-9 and hyphens");
    }
    if text.starts_with('-') {
        return Err("no hyphen in front");
    }
    Ok(())
}

fn opaque_characters(text: &str) -> Result<(), &'static str> {
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
        return Err("only A-Z, a-z, 0-9, _ and -");
    }
    Ok(())
}

/// The syntax of a tenant's slug, reserved or not: what a host name is split into.
pub(crate) fn tenant_slug_syntax(text: &str) -> Result<(), &'static str> {
    if !(2..=20).contains(&text.len()) {
        return Err("2 to 20 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        return Err("only a-z, 0-9 and inner hyphens");
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err("no hyphen at either end");
    }
    Ok(())
}

fn unreserved_tenant_slug(text: &str) -> Result<(), &'static str> {
    tenant_slug_syntax(text)?;
    if is_reserved_label(text) {
        return Err("the name is reserved");
    }
    Ok(())
}

pub(crate) fn deploy_slug(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 60 {
        return Err("1 to 60 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Err("only a-z and 0-9");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opaque_ids_take_the_documented_alphabet_and_nothing_else() {
        let long = "x".repeat(64);
        for good in ["a", "A", "ten_1", "Ten-1", long.as_str()] {
            assert_eq!(TenantId::parse(good).unwrap().as_str(), good);
        }
        let over = "x".repeat(65);
        for bad in ["", "a b", "a:b", "a/b", "a*", "é", "a\0", over.as_str()] {
            assert!(TenantId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn external_ids_and_provider_slugs() {
        let (long, over) = ("x".repeat(128), "x".repeat(129));
        for good in ["a", "Ext_1-", long.as_str()] {
            assert!(ExternalId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a.b", "a/b", "a%2d", over.as_str()] {
            assert!(ExternalId::parse(bad).is_err(), "{bad:?}");
        }
        let (long, over) = ("p".repeat(32), "p".repeat(33));
        for good in ["a", "0", "open-ai", "a-", long.as_str()] {
            assert!(ProviderSlug::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "A", "a_b", "a.b", over.as_str()] {
            assert!(ProviderSlug::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ids_that_differ_in_case_are_different() {
        assert_ne!(TenantId::parse("acme").unwrap(), TenantId::parse("Acme").unwrap());
    }

    #[test]
    fn slugs() {
        for good in ["ab", "a-b", "a--b", "0a", "abcdefghijklmnopqrst"] {
            assert!(TenantSlug::parse(good).is_ok(), "{good}");
        }
        for bad in ["a", "-ab", "ab-", "Ab", "a_b", "abcdefghijklmnopqrstu", "api", "www", "openai-proxy", "proxy"] {
            assert!(TenantSlug::parse(bad).is_err(), "{bad}");
        }
        for good in ["a", "app1", "proxy"] {
            assert!(DeploySlug::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a-b", "A", "a.b"] {
            assert!(DeploySlug::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_names_the_rule() {
        let error = TenantSlug::parse("api").unwrap_err();
        assert_eq!(error.to_string(), "not a tenant slug: \"api\": the name is reserved");
    }
}
