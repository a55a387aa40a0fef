//! Headers that a caller adds: those that name a tenant, a connection or a user, credentials of his own, forgeries.

use serde::{Deserialize, Serialize};

use crate::action::header::{EdgeField, ForwardingField, HintField, HopField, NameSpelling};

/// One header that a caller adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeHeader {
    /// A header that names a tenant. It counts for nothing anywhere. The `X-Vendo-` ones are stripped, the others go
    /// on to the provider.
    TenantNamed {
        /// Which.
        field: TenantField,
        /// How it is spelled.
        spelling: NameSpelling,
        /// The tenant that it names.
        tenant: u8,
    },
    /// `X-Vendo-Connection`. Never goes on.
    Connection {
        /// What it names.
        which: NamedConnection,
        /// How it is written.
        spelling: ConnectionSpelling,
    },
    /// `X-Vendo-User-JWT`. Counts at the credentials worker alone; never goes on.
    UserJwt(UserToken),
    /// A credential header of the caller's own, `caller-{field}` for a value: never goes on.
    OwnCredential(CredentialField),
    /// A credential header of a provider's that holds a key of the platform's: no key is looked for there, and it never
    /// goes on.
    KeyBeside {
        /// Which.
        field: CredentialField,
        /// The key.
        key: u8,
    },
    /// `X-Connected-Account-Id` with an external account's id: replaced at composio, which alone may carry it.
    ConnectedAccount(u8),
    /// `Cookie: vendoAuth={a member's valid token}`: never goes on.
    SessionCookie(u8),
    /// `X-App-{n}` with the sender's canary: goes on.
    App(u8),
    /// `X-App-Key` with a key's whole text: never goes on, whatever its name.
    BearerElsewhere(u8),
    /// A forwarding header that names a deployment's host: never goes on, and never routes.
    Forwarding {
        /// Which.
        field: ForwardingField,
        /// How it is spelled.
        spelling: NameSpelling,
        /// Whose host it names.
        deployment: u8,
    },
    /// A header of the network edge: never goes on.
    Edge(EdgeField),
    /// A header that some servers take for the host, the path or the method. Those that name a host go on, those that
    /// name a path, a method or an address don't, and none ever routes.
    Hint {
        /// Which.
        field: HintField,
        /// Whose host it names.
        deployment: u8,
    },
    /// A hop-by-hop header: never goes on.
    Hop(HopField),
    /// `Connection: {name}`: what it names doesn't go on, but for what the worker writes itself.
    Nominate(EdgeNominee),
    /// `Origin: https://evil.example`: never goes on, and changes nothing.
    Origin,
    /// `Referer: https://vendo.run/`: never goes on.
    Referer,
    /// A header that asks for a part of an answer: never goes on to a provider, which would leave out what it cost.
    Partial(PartialField),
    /// A header of the envelope in which a webhook is delivered: never goes on.
    Envelope {
        /// Which.
        field: EnvelopeField,
        /// How it is spelled.
        spelling: NameSpelling,
    },
}

impl EdgeHeader {
    /// Whether HTTP/2 can carry it.
    #[must_use]
    pub const fn fits_http2(&self) -> bool {
        match self {
            Self::Hop(_) | Self::Nominate(_) => false,
            Self::Connection { spelling, .. } => !matches!(spelling, ConnectionSpelling::Folded),
            Self::TenantNamed { .. }
            | Self::UserJwt(_)
            | Self::OwnCredential(_)
            | Self::KeyBeside { .. }
            | Self::Partial(_)
            | Self::ConnectedAccount(_)
            | Self::SessionCookie(_)
            | Self::App(_)
            | Self::BearerElsewhere(_)
            | Self::Forwarding { .. }
            | Self::Edge(_)
            | Self::Hint { .. }
            | Self::Origin
            | Self::Referer
            | Self::Envelope { .. } => true,
        }
    }
}

/// Headers that could be taken for the name of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TenantField {
    /// `X-Vendo-Tenant-Id`
    VendoTenantId,
    /// `X-Vendo-Tenant`
    VendoTenant,
    /// `X-Vendo-Workspace`
    VendoWorkspace,
    /// `X-Tenant-Id`: no header of the platform's, so it goes on.
    TenantId,
    /// `X-Tenant`: the same.
    Tenant,
    /// `X-Org-Id`: the same.
    OrgId,
    /// `Vendo-Tenant`: stripped as `vendo-*`.
    PlainVendoTenant,
}

impl TenantField {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::VendoTenantId,
        Self::VendoTenant,
        Self::VendoWorkspace,
        Self::TenantId,
        Self::Tenant,
        Self::OrgId,
        Self::PlainVendoTenant,
    ];

    /// In its canonical spelling.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::VendoTenantId => "X-Vendo-Tenant-Id",
            Self::VendoTenant => "X-Vendo-Tenant",
            Self::VendoWorkspace => "X-Vendo-Workspace",
            Self::TenantId => "X-Tenant-Id",
            Self::Tenant => "X-Tenant",
            Self::OrgId => "X-Org-Id",
            Self::PlainVendoTenant => "Vendo-Tenant",
        }
    }

    /// Whether it goes on to a provider.
    #[must_use]
    pub const fn passes(self) -> bool {
        match self {
            Self::TenantId | Self::Tenant | Self::OrgId => true,
            Self::VendoTenantId | Self::VendoTenant | Self::VendoWorkspace | Self::PlainVendoTenant => false,
        }
    }
}

/// What `X-Vendo-Connection` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedConnection {
    /// The id of a connection, whosever it is.
    Of(u8),
    /// The id of a connection in its other case: nobody's, or another tenant's.
    OtherCase(u8),
    /// The external id of a connection: no connection's id.
    External(u8),
    /// An id that no connection ever had.
    Unknown,
    /// `cn:*`: no id at all.
    Malformed,
    /// `../{id}`: no id at all.
    Traversal(u8),
    /// Nothing. It names no connection, so it is refused like one that isn't there.
    Empty,
}

/// How `X-Vendo-Connection` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionSpelling {
    /// `X-Vendo-Connection: {id}`
    Plain,
    /// `X-VENDO-CONNECTION: {id}`: the same field.
    Upper,
    /// `X_Vendo_Connection: {id}`: names nothing, so the call goes as if it were not there.
    Underscore,
    /// Twice the same: refused.
    Twice,
    /// The id, then another connection's in a second field: refused.
    ThenOther(u8),
    /// Another connection's in a first field, then the id: refused.
    AfterOther(u8),
    /// `{id},{another's}` in one field: no id, so it is refused.
    CommaList(u8),
    /// `{id}\r\n {another's}`, folded over two lines: the parser refuses it with 400. HTTP/1.1 alone.
    Folded,
    /// `"{id}"`: no id, so it is refused.
    Quoted,
}

impl ConnectionSpelling {
    /// Those that don't name a second connection.
    pub const ALONE: [Self; 6] = [Self::Plain, Self::Upper, Self::Underscore, Self::Twice, Self::Folded, Self::Quoted];
}

/// An identity token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UserToken {
    /// Whose it claims to be.
    pub member: u8,
    /// How it differs from one that the platform's sign-in gives.
    pub alteration: UserTokenAlteration,
}

/// What is wrong with an identity token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserTokenAlteration {
    /// Nothing: ES256, `kid`, `sub`, `aud` `vendo`, `exp` in an hour, `app_metadata.tenant_id` of the member's tenant.
    None,
    /// It expired a second ago.
    Expired,
    /// It expires this very second, which is too late.
    ExpiresNow,
    /// Signed by a key that the platform doesn't know, under the `kid` of one that it knows.
    ForeignKey,
    /// Rightly signed, under a `kid` that the platform doesn't know.
    UnknownKid,
    /// Without `kid`.
    NoKid,
    /// `alg: none` and no signature.
    AlgNone,
    /// `alg: HS256`, with the public key for a secret.
    AlgHs256,
    /// Without `aud`.
    NoAudience,
    /// `aud: other`
    OtherAudience,
    /// Without `exp`.
    NoExpiry,
    /// `app_metadata.tenant_id` of another tenant.
    TenantOf(u8),
    /// The own tenant in `user_metadata` alone, which its user may write himself.
    UserMetadata,
    /// `app_metadata` of the member's tenant, `user_metadata` of another: the former counts.
    UserMetadataOther(u8),
    /// Without `app_metadata`.
    NoTenant,
    /// `sub` of somebody who is no member.
    Stranger,
    /// Without `sub`.
    NoSubject,
    /// The last character of the signature altered.
    AlteredSignature,
    /// Another `sub` under the signature for the member's own.
    AlteredPayload(u8),
    /// The signature cut off.
    CutSignature,
    /// Nothing.
    Empty,
    /// Two fields, both good.
    Twice,
    /// The header under a name with underscores: it is no token, so the call goes as if it were not there.
    Underscore,
}

impl UserTokenAlteration {
    /// Those that don't name another member or tenant.
    pub const ALONE: [Self; 19] = [
        Self::None,
        Self::Expired,
        Self::ExpiresNow,
        Self::ForeignKey,
        Self::UnknownKid,
        Self::NoKid,
        Self::AlgNone,
        Self::AlgHs256,
        Self::NoAudience,
        Self::OtherAudience,
        Self::NoExpiry,
        Self::UserMetadata,
        Self::NoTenant,
        Self::Stranger,
        Self::NoSubject,
        Self::AlteredSignature,
        Self::CutSignature,
        Self::Empty,
        Self::Twice,
    ];
}

/// Headers in which providers are given credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialField {
    /// `Api-Key`
    ApiKey,
    /// `XI-Api-Key`
    XiApiKey,
    /// `X-Goog-Api-Key`
    GoogApiKey,
    /// `Proxy-Authorization`
    ProxyAuthorization,
    /// `OpenAI-Organization`
    OpenaiOrganization,
    /// `OpenAI-Project`
    OpenaiProject,
    /// `X_Api_Key`: no bearer, since its name has underscores, and it doesn't go on either.
    UnderscoreApiKey,
}

impl CredentialField {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ApiKey,
        Self::XiApiKey,
        Self::GoogApiKey,
        Self::ProxyAuthorization,
        Self::OpenaiOrganization,
        Self::OpenaiProject,
        Self::UnderscoreApiKey,
    ];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "Api-Key",
            Self::XiApiKey => "XI-Api-Key",
            Self::GoogApiKey => "X-Goog-Api-Key",
            Self::ProxyAuthorization => "Proxy-Authorization",
            Self::OpenaiOrganization => "OpenAI-Organization",
            Self::OpenaiProject => "OpenAI-Project",
            Self::UnderscoreApiKey => "X_Api_Key",
        }
    }
}

/// Headers that ask for a part of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartialField {
    /// `Range: bytes=0-1`
    Range,
    /// `If-Range: "x"`
    IfRange,
    /// `X-Goog-FieldMask: candidates`
    FieldMask,
}

impl PartialField {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Range, Self::IfRange, Self::FieldMask];

    /// Name and value.
    #[must_use]
    pub const fn written(self) -> (&'static str, &'static str) {
        match self {
            Self::Range => ("Range", "bytes=0-1"),
            Self::IfRange => ("If-Range", "\"x\""),
            Self::FieldMask => ("X-Goog-FieldMask", "candidates"),
        }
    }
}

/// What a call's `Connection` header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeNominee {
    /// `x-app-0`
    App0,
    /// `authorization`: the key still counts, and an injected credential still goes on.
    Authorization,
    /// `x-api-key`: the same.
    ApiKey,
    /// `x-vendo-connection`: what it names still counts.
    VendoConnection,
    /// `host`: the upstream's host still goes on.
    Host,
}

impl EdgeNominee {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::App0, Self::Authorization, Self::ApiKey, Self::VendoConnection, Self::Host];

    /// The name that `Connection` lists.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::App0 => "x-app-0",
            Self::Authorization => "authorization",
            Self::ApiKey => "x-api-key",
            Self::VendoConnection => "x-vendo-connection",
            Self::Host => "host",
        }
    }
}

/// The headers of the envelope in which a webhook is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvelopeField {
    /// `Vendo-Timestamp`
    Timestamp,
    /// `Vendo-Signature`
    Signature,
    /// `X-Vendo-Connection-Id`
    ConnectionId,
    /// `X-Vendo-Provider`
    Provider,
}

impl EnvelopeField {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Timestamp, Self::Signature, Self::ConnectionId, Self::Provider];

    /// In its canonical spelling.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timestamp => "Vendo-Timestamp",
            Self::Signature => "Vendo-Signature",
            Self::ConnectionId => "X-Vendo-Connection-Id",
            Self::Provider => "X-Vendo-Provider",
        }
    }
}
