//! Why a call to the edge leads where it leads, and which claims fall when it leads elsewhere.

use crate::claim::ClaimId;

/// Why a call leads where it leads, roughly in the order in which the workers decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Host fields, form of the target or header syntax are no request to this worker.
    Entry,
    /// The method is never passed on, or isn't the worker's.
    Method,
    /// The path guard refuses the path.
    PathGuard,
    /// There is no such adapter.
    NoAdapter,
    /// A preflight, which is answered at once.
    Preflight,
    /// No key, something that is none, or one that was never issued.
    NoKey,
    /// The key was revoked, or its deployment destroyed.
    KeyRevoked,
    /// The key has expired.
    KeyExpired,
    /// The app is bound to no connection of the provider.
    Unbound,
    /// The connection that is named is another tenant's.
    NamedForeign,
    /// The connection that is named is the tenant's, and not the key's to use.
    NamedOther,
    /// The connection that is named is nobody's, or the name is none.
    NamedNobody,
    /// The key's connection is to another provider.
    OtherProvider,
    /// The connection is of a kind that this worker doesn't use.
    NotUsable,
    /// The user's token narrows the choice to nothing, or is none.
    NotHisUser,
    /// The connection's authorisation has to be given anew.
    NeedsReauth,
    /// The connection was revoked.
    ConnectionRevoked,
    /// The connection is broken at its provider.
    ConnectionBroken,
    /// The route is blocked.
    Blocked,
    /// The body is none that a metered call may have.
    BadBody,
    /// The body is too large.
    TooLarge,
    /// The model has no rate.
    NoRate,
    /// The job is another tenant's.
    ForeignJob,
    /// The job is nobody's.
    NoJob,
    /// The store of all wallets is out of reach.
    WalletAway,
    /// The wallet doesn't cover the hold.
    NoFunds,
    /// A cap is reached.
    Capped,
    /// The path is none of the credentials worker's.
    BadPath,
    /// There is no such provider.
    NoProvider,
    /// The connection's credential is never vended.
    NotVended,
    /// The broker gave no token.
    NoToken,
    /// What the other side sent is no answer.
    BadGateway,
    /// The call is served.
    Served,
}

impl Why {
    /// Whether the call has to be refused.
    #[must_use]
    pub const fn refuses(self) -> bool {
        match self {
            Self::Preflight | Self::Served | Self::BadGateway | Self::NoToken => false,
            Self::Entry
            | Self::Method
            | Self::PathGuard
            | Self::NoAdapter
            | Self::NoKey
            | Self::KeyRevoked
            | Self::KeyExpired
            | Self::Unbound
            | Self::NamedForeign
            | Self::NamedOther
            | Self::NamedNobody
            | Self::OtherProvider
            | Self::NotUsable
            | Self::NotHisUser
            | Self::NeedsReauth
            | Self::ConnectionRevoked
            | Self::ConnectionBroken
            | Self::Blocked
            | Self::BadBody
            | Self::TooLarge
            | Self::NoRate
            | Self::ForeignJob
            | Self::NoJob
            | Self::WalletAway
            | Self::NoFunds
            | Self::Capped
            | Self::BadPath
            | Self::NoProvider
            | Self::NotVended => true,
        }
    }

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Entry => "the request isn't one to this worker",
            Self::Method => "the method isn't the worker's",
            Self::PathGuard => "the path guard refuses the path",
            Self::NoAdapter => "there is no such adapter",
            Self::Preflight => "it is a preflight",
            Self::NoKey => "no key that was ever issued is presented",
            Self::KeyRevoked => "the key was revoked",
            Self::KeyExpired => "the key has expired",
            Self::Unbound => "the app is not bound to the provider",
            Self::NamedForeign => "the connection that is named is another tenant's",
            Self::NamedOther => "the connection that is named is not the key's",
            Self::NamedNobody => "the connection that is named is not there",
            Self::OtherProvider => "the key's connection is to another provider",
            Self::NotUsable => "the connection is of a kind that isn't used here",
            Self::NotHisUser => "the user's token leaves no connection",
            Self::NeedsReauth => "the connection needs authorisation anew",
            Self::ConnectionRevoked => "the connection was revoked",
            Self::ConnectionBroken => "the connection is broken",
            Self::Blocked => "the route is blocked",
            Self::BadBody => "the body is no question",
            Self::TooLarge => "the body is too large",
            Self::NoRate => "the model has no rate",
            Self::ForeignJob => "the job is another tenant's",
            Self::NoJob => "the job is not there",
            Self::WalletAway => "the wallets are out of reach",
            Self::NoFunds => "the wallet doesn't cover it",
            Self::Capped => "a spend cap is reached",
            Self::BadPath => "the path isn't the worker's",
            Self::NoProvider => "there is no such provider",
            Self::NotVended => "the credential is never vended",
            Self::NoToken => "the broker gave no token",
            Self::BadGateway => "what came from behind is no answer",
            Self::Served => "it is the caller's to have",
        }
    }

    /// The claims that fall at a provider proxy when a call isn't refused that has to be, or not as it has to be.
    #[must_use]
    pub const fn provider_claims(self) -> &'static [ClaimId] {
        match self {
            Self::Entry | Self::Method | Self::PathGuard | Self::NoAdapter => &[ClaimId::Prx6],
            Self::Preflight => &[ClaimId::Prx1],
            Self::NoKey => &[ClaimId::Prx1],
            Self::KeyRevoked | Self::KeyExpired => &[ClaimId::Key1],
            Self::NamedForeign => &[ClaimId::Prx4, ClaimId::Prx2],
            Self::Unbound
            | Self::NamedOther
            | Self::NamedNobody
            | Self::OtherProvider
            | Self::NotUsable
            | Self::NotHisUser
            | Self::NeedsReauth
            | Self::ConnectionRevoked
            | Self::ConnectionBroken => &[ClaimId::Prx4],
            Self::Blocked => &[ClaimId::Prx6, ClaimId::Prx2],
            Self::BadBody | Self::TooLarge | Self::NoRate => &[ClaimId::Prx2],
            Self::ForeignJob | Self::NoJob => &[ClaimId::Prx2, ClaimId::Prx3],
            Self::WalletAway | Self::Capped => &[ClaimId::Wal1],
            Self::NoFunds => &[ClaimId::Wal1, ClaimId::Prx3],
            Self::BadGateway => &[ClaimId::Prx5],
            Self::BadPath | Self::NoProvider | Self::NotVended | Self::NoToken => &[ClaimId::Prx6],
            Self::Served => &[ClaimId::Prx5],
        }
    }

    /// The same at the credentials worker.
    #[must_use]
    pub const fn vend_claims(self) -> &'static [ClaimId] {
        match self {
            Self::KeyRevoked | Self::KeyExpired => &[ClaimId::Key1],
            Self::Entry
            | Self::Method
            | Self::PathGuard
            | Self::BadPath
            | Self::NoProvider
            | Self::NoAdapter
            | Self::OtherProvider
            | Self::NamedOther => &[ClaimId::Crd2],
            Self::NotUsable | Self::NotVended => &[ClaimId::Crd3],
            Self::NoToken | Self::BadGateway => &[ClaimId::Crd3],
            Self::Unbound | Self::NamedForeign | Self::NamedNobody => &[ClaimId::Crd1, ClaimId::Crd2],
            Self::NoKey
            | Self::NotHisUser
            | Self::NeedsReauth
            | Self::ConnectionRevoked
            | Self::ConnectionBroken
            | Self::Preflight
            | Self::Blocked
            | Self::BadBody
            | Self::TooLarge
            | Self::NoRate
            | Self::ForeignJob
            | Self::NoJob
            | Self::WalletAway
            | Self::NoFunds
            | Self::Capped
            | Self::Served => &[ClaimId::Crd1],
        }
    }
}
