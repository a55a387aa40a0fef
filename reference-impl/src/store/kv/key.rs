//! Keys of the namespace. Each is made of one identifier, and can't be made otherwise.
//!
//! An identifier can't leave its prefix: one that holds a separator, a wildcard or a control character is no key.

use super::{BalanceEntry, ConnEntry, DeployEntry, KeyEntry, Value};
use crate::fault::{Fault, FaultSet};
use crate::host::{HOST_MAX, HostClass};
use std::sync::Arc;
use std::time::Duration;

/// How long a balance or a connection lives in the namespace.
pub const SHORT_LIFE: Duration = Duration::from_secs(60);

/// Why an identifier makes no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KvKeyError {
    /// There is no identifier. A key without one would be a prefix.
    #[error("a {kind} key needs an identifier")]
    Empty {
        /// The kind of key.
        kind: &'static str,
    },
    /// The identifier is too long.
    #[error("the identifier of a {kind} key is longer than {max} bytes")]
    TooLong {
        /// The kind of key.
        kind: &'static str,
        /// The longest one, in bytes.
        max: usize,
    },
    /// A character that could leave the prefix or match other keys.
    #[error("the identifier of a {kind} key holds {character:?}")]
    Forbidden {
        /// The kind of key.
        kind: &'static str,
        /// The first such character.
        character: char,
    },
    /// The identifier has not the shape of its kind.
    #[error("the identifier of a {kind} key {rule}")]
    Shape {
        /// The kind of key.
        kind: &'static str,
        /// What it must be like.
        rule: &'static str,
    },
    /// There is no such kind of key.
    #[error("no kind of key is called {0:?}: there are deploy-label, deploy-host, key, balance and conn")]
    UnknownKind(String),
}

mod sealed {
    /// Only this module says what a key is.
    pub trait Sealed {}
}

/// A key of one kind, and the kind of value behind it. Sealed: no other crate can add a kind.
pub trait TypedKey: sealed::Sealed {
    /// What is stored behind such a key.
    type Entry;

    /// The key as the namespace spells it.
    fn rendered(&self) -> &str;

    #[doc(hidden)]
    fn open(value: &StoredValue) -> Option<Arc<Self::Entry>>;
}

/// A value as stored. Opaque outside of this crate.
#[derive(Debug, Clone)]
pub struct StoredValue(pub(crate) Value);

macro_rules! key {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal, $entry:ident, $variant:ident, $max:expr, $shape:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Makes the key of an identifier.
            ///
            /// # Errors
            /// [`KvKeyError`] for an identifier that is empty, too long, could leave its prefix, or has the wrong shape.
            pub fn new(identifier: &str) -> Result<Self, KvKeyError> {
                Self::new_with(identifier, FaultSet::none())
            }

            pub(crate) fn new_with(identifier: &str, faults: FaultSet) -> Result<Self, KvKeyError> {
                check($kind, identifier, $max, faults)?;
                let shape: fn(&str) -> Result<(), &'static str> = $shape;
                shape(identifier).map_err(|rule| KvKeyError::Shape { kind: $kind, rule })?;
                Ok(Self([$prefix, identifier].concat()))
            }
        }

        impl sealed::Sealed for $name {}

        impl TypedKey for $name {
            type Entry = $entry;

            fn rendered(&self) -> &str {
                &self.0
            }

            fn open(value: &StoredValue) -> Option<Arc<$entry>> {
                if let Value::$variant(entry) = &value.0 { Some(entry.clone()) } else { None }
            }
        }
    };
}

key!(
    /// The routing entry of a single-level host, by its label.
    DeployLabel, "deploy-label", "deploy:", DeployEntry, Deploy, 63,
    label
);
key!(
    /// The routing entry of a legacy or custom host, by the full host. It has a dot, so that no custom domain can
    /// spell a label's key.
    DeployHost, "deploy-host", "deploy:", DeployEntry, Deploy, HOST_MAX,
    host
);
key!(
    /// An API key, by the SHA-256 of the bearer in lower-case hex.
    Key, "key", "key:", KeyEntry, Key, 64,
    |identifier| {
        let hex = identifier.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if hex && identifier.len() == 64 { Ok(()) } else { Err("is 64 lower-case hex digits") }
    }
);
key!(
    /// A tenant's balance, by tenant id.
    Balance, "balance", "balance:", BalanceEntry, Balance, 64, id
);
key!(
    /// A connection, by its id.
    Conn, "conn", "conn:", ConnEntry, Conn, 64, id
);

/// The key of a host's routing entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeployKey {
    /// Of a single-level host.
    Label(DeployLabel),
    /// Of a legacy or custom host.
    Host(DeployHost),
}

impl DeployKey {
    /// The key of a host, or none for a host that can't be a deployment's.
    ///
    /// # Errors
    /// [`KvKeyError`], which a normal host never causes.
    pub fn of(class: HostClass<'_>) -> Result<Option<Self>, KvKeyError> {
        match class {
            HostClass::NotDeployable => Ok(None),
            HostClass::Label(label) => DeployLabel::new(label).map(|key| Some(Self::Label(key))),
            HostClass::Full(host) => DeployHost::new(host).map(|key| Some(Self::Host(key))),
        }
    }

    /// The key as the namespace spells it.
    #[must_use]
    pub fn rendered(&self) -> &str {
        match self {
            Self::Label(key) => key.rendered(),
            Self::Host(key) => key.rendered(),
        }
    }
}

fn label(identifier: &str) -> Result<(), &'static str> {
    if is_name(identifier) && !identifier.contains('.') { Ok(()) } else { Err("is one label in lower case") }
}

fn host(identifier: &str) -> Result<(), &'static str> {
    if is_name(identifier) && identifier.contains('.') {
        Ok(())
    } else {
        Err("is a host name with a dot, in lower case")
    }
}

fn id(identifier: &str) -> Result<(), &'static str> {
    if identifier.contains('.') { Err("has no dot") } else { Ok(()) }
}

/// Whether it is spelled as a normal host, or one label of it: two spellings of one host would be two keys.
fn is_name(identifier: &str) -> bool {
    let label = |label: &str| {
        let ends = [label.bytes().next(), label.bytes().last()];
        label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && ends.iter().all(|end| end.is_some_and(|byte| byte != b'-'))
    };
    identifier.split('.').all(label)
}

fn check(kind: &'static str, identifier: &str, max: usize, faults: FaultSet) -> Result<(), KvKeyError> {
    if identifier.is_empty() {
        return Err(KvKeyError::Empty { kind });
    }
    if identifier.len() > max {
        return Err(KvKeyError::TooLong { kind, max });
    }
    let forbidden = identifier.chars().find(|character| match character {
        ':' => !faults.has(Fault::KvIdentifierEscapes),
        '*' => !faults.has(Fault::KvWildcardIdentifier),
        // What isn't known to be harmless is not: a store may give any other character a meaning.
        other => !other.is_ascii_alphanumeric() && !matches!(other, '-' | '_' | '.'),
    });
    match forbidden {
        Some(character) => Err(KvKeyError::Forbidden { kind, character }),
        None => Ok(()),
    }
}

/// Makes a key of a kind that is named by text, and renders it.
pub(crate) fn probe(kind: &str, identifier: &str, faults: FaultSet) -> Result<String, KvKeyError> {
    match kind {
        "deploy-label" => DeployLabel::new_with(identifier, faults).map(|key| key.0),
        "deploy-host" => DeployHost::new_with(identifier, faults).map(|key| key.0),
        "key" => Key::new_with(identifier, faults).map(|key| key.0),
        "balance" => Balance::new_with(identifier, faults).map(|key| key.0),
        "conn" => Conn::new_with(identifier, faults).map(|key| key.0),
        other => Err(KvKeyError::UnknownKind(other.chars().take(80).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [&str; 5] = ["deploy-label", "deploy-host", "key", "balance", "conn"];

    #[test]
    fn keys_are_rendered_with_their_prefix() {
        let hash = "ab".repeat(32);
        for (kind, identifier, rendered) in [
            ("deploy-label", "acme-app", "deploy:acme-app"),
            ("deploy-host", "crm.acme.com", "deploy:crm.acme.com"),
            ("key", hash.as_str(), &format!("key:{hash}")),
            ("balance", "t_1", "balance:t_1"),
            ("conn", "C-1", "conn:C-1"),
        ] {
            assert_eq!(probe(kind, identifier, FaultSet::none()).unwrap(), rendered);
        }
    }

    #[test]
    fn no_identifier_leaves_its_prefix() {
        let long = "a.".repeat(127);
        for kind in KINDS {
            for bad in [
                "",
                ":",
                "a:b",
                "a.b:c",
                "*",
                "a*",
                "a.*",
                "a/b.c",
                "a b.c",
                "a.b\n",
                "a.\0",
                "a.\u{85}",
                "a.\u{2028}",
                "a.b?",
                "a.b%3a",
                "a.b@",
                "a.\u{e9}",
                "..",
                &long,
            ] {
                assert!(probe(kind, bad, FaultSet::none()).is_err(), "{kind} {bad:?}");
            }
        }
        assert!(matches!(probe("deploy", "a", FaultSet::none()), Err(KvKeyError::UnknownKind(_))));
    }

    #[test]
    fn a_label_and_a_host_never_spell_one_key() {
        assert!(DeployLabel::new("a.b").is_err());
        assert!(DeployHost::new("acme-app").is_err());
    }

    #[test]
    fn a_bearers_key_is_its_hash_and_nothing_else() {
        for bad in ["ab".repeat(31), "AB".repeat(32), "zz".repeat(32), "ab".repeat(33)] {
            assert!(Key::new(&bad).is_err(), "{bad}");
        }
    }
}
