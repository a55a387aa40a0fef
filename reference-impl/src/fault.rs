//! Planted faults: realistic mistakes, each at one named site, for measuring whether a check can see them.
//!
//! They are ways around authentication. Only a build with the cargo feature `faults` can be made to have one. In every
//! other build [`FaultSet`] holds nothing and takes no space, [`FaultSet::has`] is constant `false`, and the compiler
//! drops the branches.

use std::fmt;

macro_rules! faults {
    ($($(#[doc = $summary:literal])+ $name:ident = $id:literal, [$($claim:literal),+], $site:literal;)*) => {
        /// A mistake that can be planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Fault { $($(#[doc = $summary])+ $name,)* }

        impl Fault {
            /// Every fault, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable id, in kebab case.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// The claims that this fault breaks.
            #[must_use]
            pub const fn claims(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($claim),+],)* }
            }

            /// File and symbol of the place where it is planted.
            #[must_use]
            pub const fn site(self) -> &'static str {
                match self { $(Self::$name => $site,)* }
            }

            /// The mistake, as somebody might make it.
            #[must_use]
            pub fn summary(self) -> &'static str {
                match self { $(Self::$name => concat!($($summary),+).trim_ascii(),)* }
            }

            /// The fault of an id.
            #[must_use]
            pub fn from_id(id: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|fault| fault.id() == id)
            }
        }
    };
}

faults! {
    /// The comparison of the session's tenant with the entry's was left out.
    ApxTenantCheckSkipped = "apx-tenant-check-skipped", ["APX-1"], "edge/app_proxy/decide.rs: same_tenant";
    /// Tenants are compared by prefix, as `starts_with` does.
    ApxTenantComparePrefix = "apx-tenant-compare-prefix", ["APX-1"], "edge/app_proxy/decide.rs: same_tenant";
    /// Tenants are compared without regard to case.
    ApxTenantCompareCaseFolded = "apx-tenant-compare-case-folded", ["APX-1"], "edge/app_proxy/decide.rs: same_tenant";
    /// The client's own X-Vendo-Tenant-Id is believed for the comparison.
    ApxTenantFromHeader = "apx-tenant-from-header", ["APX-1"], "edge/app_proxy/decide.rs: same_tenant";
    /// The tenant is compared only where the deployment asks for a session.
    ApxFlagOffSkipsTenantCheck = "apx-flag-off-skips-tenant-check", ["APX-1"], "edge/app_proxy/decide.rs: decide";
    /// Upgrade requests take a path of their own, without the comparison.
    ApxUpgradeSkipsTenantCheck = "apx-upgrade-skips-tenant-check", ["APX-1"], "edge/app_proxy/decide.rs: decide";
    /// The request is sent on, and the status examined when the answer comes back.
    ApxStatusCheckedAfterForward = "apx-status-checked-after-forward", ["APX-1"], "edge/app_proxy/decide.rs: decide";
    /// The first valid session on a connection stands for every later request on it.
    ApxSessionPerConnection = "apx-session-per-connection", ["APX-1"], "edge/app_proxy/decide.rs: session_of";
    /// The status page is answered before the tenants are compared.
    ApxSuspendedBeforeTenant = "apx-suspended-before-tenant", ["APX-1"], "edge/app_proxy/decide.rs: decide";
    /// A request that looks like a preflight is answered without the comparison.
    ApxPreflightPasses = "apx-preflight-passes", ["APX-1"], "edge/app_proxy/decide.rs: decide";
    /// What ends like an asset is served without a session, so that login pages have their style.
    ApxAssetPathPasses = "apx-asset-path-passes", ["APX-1"], "edge/app_proxy/decide.rs: decide";

    /// A token whose header says `none` needs no signature.
    ApxCookieAlgNone = "apx-cookie-alg-none", ["APX-2"], "identity/jws.rs: verify_with";
    /// A token with an unknown key id is tried with the first key.
    ApxCookieUnknownKid = "apx-cookie-unknown-kid", ["APX-2"], "identity/jws.rs: verify_with";
    /// The expiry of a token is not examined.
    ApxCookieExpiryIgnored = "apx-cookie-expiry-ignored", ["APX-2"], "identity/jws.rs: read_claims";
    /// The audience of a token is not examined.
    ApxCookieAudienceIgnored = "apx-cookie-audience-ignored", ["APX-2"], "identity/jws.rs: read_claims";
    /// Of two session cookies the first is taken.
    ApxCookieFirstOfTwo = "apx-cookie-first-of-two", ["APX-2"], "identity/cookie.rs: session_value_with";
    /// Padding and stray trailing bits are accepted in base64url.
    ApxCookieLenientBase64 = "apx-cookie-lenient-base64", ["APX-2"], "identity/jws.rs: decode";
    /// Only the first bytes of a signature are compared.
    ApxCookieSignaturePrefix = "apx-cookie-signature-prefix", ["APX-2"], "identity/jws.rs: read_signed";
    /// Only the first sixteen cookies are looked at, so that a second session behind them goes unnoticed.
    ApxCookieScanBounded = "apx-cookie-scan-bounded", ["APX-2"], "identity/cookie.rs: session_value_with";
    /// A token without a tenant matches every tenant.
    ApxCookieMissingTenantMatches = "apx-cookie-missing-tenant-matches", ["APX-2"], "edge/app_proxy/decide.rs: same_tenant";

    /// Only the spelling with hyphens is stripped, not the one with underscores.
    ApxStripCanonicalOnly = "apx-strip-canonical-only", ["APX-3"], "edge/app_proxy/request_headers.rs: forwarded";
    /// The identity is injected before hop-by-hop headers are removed, so that `Connection` can name it.
    ApxIdentityHopByHop = "apx-identity-hop-by-hop", ["APX-3"], "edge/app_proxy/request_headers.rs: forwarded";
    /// Identity values are written raw, without what a header can't carry.
    ApxIdentityHeaderInjection = "apx-identity-header-injection", ["APX-3"], "edge/app_proxy/request_headers.rs: identity_value";
    /// The identity is added beside what the client sent under the same names.
    ApxIdentityAppended = "apx-identity-appended", ["APX-3"], "edge/app_proxy/request_headers.rs: forwarded";
    /// The identity waits in one place for the header to be built, where the next request's overwrites it.
    ApxIdentityShared = "apx-identity-shared", ["APX-3"], "edge/app_proxy/shell.rs: exchange";

    /// The Cookie header goes on to the container with the session in it.
    ApxCookieForwarded = "apx-cookie-forwarded", ["APX-4"], "edge/app_proxy/request_headers.rs: forwarded";
    /// A container may set a cookie for a wider domain.
    ApxSetCookieWide = "apx-set-cookie-wide", ["APX-4"], "edge/app_proxy/response_headers.rs: may_set";
    /// A container may set a cookie without a name, which a browser sends as any name it holds.
    ApxSetCookieNameless = "apx-set-cookie-nameless", ["APX-4"], "edge/app_proxy/response_headers.rs: may_set";
    /// After the sign-in the browser is sent wherever `next` says.
    ApxSigninOpenRedirect = "apx-signin-open-redirect", ["APX-4"], "edge/app_proxy/reserved_path.rs: landing";
    /// A sign-in code is good at every host of its tenant.
    ApxSigninCodeAnyHost = "apx-signin-code-any-host", ["APX-4"], "signin.rs: SignIn::redeem";
    /// A sign-in code stays good after it was used.
    ApxSigninCodeReused = "apx-signin-code-reused", ["APX-4"], "signin.rs: SignIn::redeem";
    /// Only the plain spelling of the reserved path is kept from the container.
    ApxReservedPathForwarded = "apx-reserved-path-forwarded", ["APX-4"], "edge/app_proxy/reserved_path.rs: is_reserved";

    /// A host that ends with a known host is taken for it.
    ApxHostSuffixMatch = "apx-host-suffix-match", ["APX-5"], "edge/app_proxy/shell.rs: lookup";
    /// X-Forwarded-Host routes.
    ApxForwardedHostRoutes = "apx-forwarded-host-routes", ["APX-5"], "edge/app_proxy/decide.rs: route_admitted";
    /// The authority of an absolute-form target wins over a Host that differs.
    ApxAbsoluteFormWins = "apx-absolute-form-wins", ["APX-5"], "edge/entry.rs: agreed_host";
    /// Of two Host headers the second wins.
    ApxSecondHostWins = "apx-second-host-wins", ["APX-5"], "edge/entry.rs: host_field";
    /// The TLS server name is not compared with the host.
    ApxSniIgnored = "apx-sni-ignored", ["APX-5"], "edge/entry.rs: admit";
    /// A custom domain that is released becomes free, and its routing entry stays.
    ApxReleasedDomainKept = "apx-released-domain-kept", ["APX-5"], "control/mod.rs: release_domain";
    /// A host without a dot is looked up as if it were a label of vendo.run.
    ApxDomainSpellsLabel = "apx-domain-spells-label", ["APX-5", "KV-1"], "host.rs: classify_with";
    /// A request with two lengths is accepted by its Transfer-Encoding, and the connection kept.
    ApxSmuggledLength = "apx-smuggled-length", ["APX-5"], "edge/framing.rs: examine";

    /// Answers are cached by path, whatever the host.
    ApxCacheByPath = "apx-cache-by-path", ["APX-6"], "edge/app_proxy/shell.rs: forward";
    /// Requests for one path that run at the same time share one answer, whatever the host.
    ApxCoalesceByPath = "apx-coalesce-by-path", ["APX-6"], "edge/app_proxy/shell.rs: forward";
    /// The page of a failure says where the container is.
    ApxFailureNamesTarget = "apx-failure-names-target", ["APX-6"], "edge/app_proxy/shell.rs: exchange";
    /// An idle connection to any container serves the next request for any other.
    ApxUpstreamPoolShared = "apx-upstream-pool-shared", ["APX-6"], "edge/upstream.rs: Pool::take";

    /// A key's identifier may hold a colon, and so spell a key of another kind.
    KvIdentifierEscapes = "kv-identifier-escapes", ["KV-1"], "store/kv/key.rs: check";
    /// A key's identifier may hold a wildcard.
    KvWildcardIdentifier = "kv-wildcard-identifier", ["KV-1"], "store/kv/key.rs: check";
    /// A worker notes in the store when a deployment was last seen.
    KvWorkerWrites = "kv-worker-writes", ["KV-2"], "edge/app_proxy/shell.rs: lookup";
    /// On a miss a worker lists the keys that begin alike, to log a near name.
    KvWorkerLists = "kv-worker-lists", ["KV-2"], "edge/app_proxy/shell.rs: lookup";

    /// The client's own X-Vendo-Tenant-Id says whose wallet pays.
    PrxTenantFromHeader = "prx-tenant-from-header", ["PRX-1", "PRX-2", "WAL-1"], "edge/provider_proxy/shell.rs: payer";
    /// A tenant that is named in the body pays.
    PrxTenantFromBody = "prx-tenant-from-body", ["PRX-1", "PRX-2", "WAL-1"], "edge/provider_proxy/shell.rs: payer";
    /// Of two Authorization headers the first is taken.
    PrxFirstAuthorizationWins = "prx-first-authorization-wins", ["PRX-1"], "edge/provider_proxy/shell.rs: caller";
    /// The first key on a client's connection stands for every later one on it.
    PrxKeyCachedPerConnection = "prx-key-cached-per-connection", ["PRX-1", "PRX-3"], "edge/provider_proxy/shell.rs: caller";

    /// A model without a rate is served, and costs nothing.
    PrxRateMissPasses = "prx-rate-miss-passes", ["PRX-2"], "edge/provider_proxy/shell.rs: tariff";
    /// Rates are looked up without regard to case.
    PrxModelCaseFolded = "prx-model-case-folded", ["PRX-2"], "edge/provider_proxy/shell.rs: tariff_of";
    /// What begins like a free route is free.
    PrxFreeRoutePrefix = "prx-free-route-prefix", ["PRX-2", "PRX-6"], "edge/provider_proxy/route.rs: classify_with";
    /// A stream that breaks off costs nothing.
    PrxDiedStreamFree = "prx-died-stream-free", ["WAL-1", "PRX-2"], "edge/provider_proxy/errand.rs: pass";
    /// A stream that breaks off is settled at both ends, each with a hold of its own.
    PrxRetrySettlesTwice = "prx-retry-settles-twice", ["WAL-1"], "edge/provider_proxy/errand.rs: hold";
    /// A call that is refused is billed for the work.
    PrxHoldForRefused = "prx-hold-for-refused", ["WAL-1"], "edge/provider_proxy/shell.rs: refuse";

    /// Whoever knows a job's id may ask for it.
    PrxJobOfAnyTenant = "prx-job-of-any-tenant", ["PRX-3", "PRX-2"], "edge/provider_proxy/shell.rs: tariff";
    /// Answers are cached by adapter, path and body, whoever asks.
    PrxResponseCached = "prx-response-cached", ["PRX-3"], "edge/provider_proxy/shell.rs: send";
    /// That a wallet is empty is remembered by adapter.
    PrxRefusalCached = "prx-refusal-cached", ["PRX-3"], "edge/provider_proxy/errand.rs: hold";
    /// The credential that was opened first is kept by adapter.
    PrxCredentialCachedByProvider = "prx-credential-cached-by-provider", ["PRX-5", "PRX-3"], "edge/provider_proxy/shell.rs: credential";

    /// A connection's key opens its connection at every adapter.
    PrxConnectionKeyAnyProvider = "prx-connection-key-any-provider", ["PRX-4"], "edge/provider_proxy/decide.rs: check";
    /// The connection that a client names is read by its id alone, whatever the key's app is bound to.
    PrxConnectionHeaderUnlimited = "prx-connection-header-unlimited", ["PRX-4", "PRX-2", "PRX-5"], "edge/provider_proxy/decide.rs: choose";
    /// The status of a connection is not looked at when it is used.
    PrxStatusNotRechecked = "prx-status-not-rechecked", ["PRX-4"], "edge/provider_proxy/decide.rs: check";
    /// A refusal says whose the named connection is.
    PrxForeignNameInError = "prx-foreign-name-in-error", ["PRX-4"], "edge/provider_proxy/shell.rs: connection";
    /// A connection that is nobody's is 404, and one that is another's 403.
    PrxForeignConnection404 = "prx-foreign-connection-404", ["PRX-4"], "edge/provider_proxy/shell.rs: connection";
    /// The account that the broker acts for is the one that the client names.
    PrxAccountFromClient = "prx-account-from-client", ["PRX-4", "PRX-5"], "edge/provider_proxy/request_headers.rs: forwarded";

    /// The page of a failure says with which key the provider was asked.
    PrxCredentialInError = "prx-credential-in-error", ["PRX-5"], "edge/provider_proxy/errand.rs: run";
    /// The log says with which key the provider was asked.
    PrxCredentialInLog = "prx-credential-in-log", ["PRX-5"], "edge/provider_proxy/trace.rs: log";
    /// A redirect's address is passed on unread.
    PrxCredentialInRedirect = "prx-credential-in-redirect", ["PRX-5"], "edge/provider_proxy/response.rs: filtered";
    /// Bodies are passed on unread.
    PrxEchoNotRedacted = "prx-echo-not-redacted", ["PRX-5"], "edge/provider_proxy/redaction.rs: push";
    /// Each piece of a body is searched by itself, so that a credential across two of them passes.
    PrxRedactionPerChunk = "prx-redaction-per-chunk", ["PRX-5"], "edge/provider_proxy/redaction.rs: push";
    /// The bearer goes on to providers that take their key in another header.
    PrxBearerForwarded = "prx-bearer-forwarded", ["PRX-5"], "edge/provider_proxy/request_headers.rs: forwarded";
    /// A provider's key of the client's own goes on, and wins over the connection's.
    PrxOwnAuthorizationWins = "prx-own-authorization-wins", ["PRX-5"], "edge/provider_proxy/request_headers.rs: forwarded";
    /// A provider's Set-Cookie comes back.
    PrxSetCookiePasses = "prx-set-cookie-passes", ["PRX-5"], "edge/provider_proxy/response.rs: filtered";

    /// The path is guarded and routed when it was decoded and resolved, and sent on as it came.
    PrxPathGuardAfterDecoding = "prx-path-guard-after-decoding", ["PRX-6"], "edge/provider_proxy/path_guard.rs: examined";
    /// The path is guarded as it came, and routed when it was decoded.
    PrxPathGuardPlainOnly = "prx-path-guard-plain-only", ["PRX-6"], "edge/provider_proxy/path_guard.rs: examined";
    /// A redirect is followed, with the credential.
    PrxRedirectFollowed = "prx-redirect-followed", ["PRX-6", "PRX-5"], "edge/provider_proxy/errand.rs: exchange";

    /// A key that isn't found by its digest is found by the characters that are shown of it.
    KeyFoundByPrefix = "key-found-by-prefix", ["KEY-1", "PRX-1"], "identity/key.rs: KeyLookup::find";
    /// A worker keeps the keys that it has found, and asks no store about them again.
    RevokedKeyFromCache = "revoked-key-from-cache", ["KEY-1"], "identity/key.rs: KeyLookup::find";
    /// The expiry of a key is left to the namespace, which knows of none.
    ExpiryNotChecked = "expiry-not-checked", ["KEY-1"], "identity/key.rs: authenticate_with";
    /// The keys of a destroyed deployment's apps are forgotten in its teardown.
    DestroyedDeploymentKeepsKeys = "destroyed-deployment-keeps-keys", ["KEY-1"], "control/mod.rs: revoke_keys_of";
    /// A key is stored beside its digest, to be shown again on request.
    KeyStoredInPlain = "key-stored-in-plain", ["KEY-1"], "control/workspace.rs: issue_key";
    /// Keys lie in buckets by the first byte of their digest, and the rest of it is not compared.
    KeyDigestTruncated = "key-digest-truncated", ["KEY-1", "PRX-1"], "store/database/memory.rs: key";
    /// A key is revoked by its id, whoever asks.
    RevokeForeignKey = "revoke-foreign-key", ["KEY-1"], "store/database/memory.rs: revoke_key";
    /// A key is issued for any app whose id is known, in the name of the app's tenant.
    IssueForForeignApp = "issue-for-foreign-app", ["KEY-1"], "store/database/memory.rs: insert_key";

    /// Values are sealed without associated data.
    VaultNoAad = "vault-no-aad", ["SEC-3"], "store/vault/envelope.rs: associated_data";
    /// The parts of the associated data are joined without their lengths.
    VaultAadJoined = "vault-aad-joined", ["SEC-3"], "store/vault/envelope.rs: associated_data";
    /// The version of the row is not part of the associated data.
    VaultVersionLeftOut = "vault-version-left-out", ["SEC-3"], "store/vault/envelope.rs: associated_data";
    /// Nonces are counted, and the count begins anew with each start.
    VaultNonceRepeats = "vault-nonce-repeats", ["SEC-3"], "store/vault/mod.rs: nonce";
    /// One data key serves all tenants.
    VaultOneKeyForAll = "vault-one-key-for-all", ["SEC-3"], "store/vault/mod.rs: key_owner";
    /// Every key of the tenant is tried, whichever one the envelope names.
    VaultKeyIdIgnored = "vault-key-id-ignored", ["SEC-3"], "store/vault/mod.rs: Vault::open";

    /// The wallet in use is kept in one place, where the next request's replaces it.
    HoldOnSharedWallet = "hold-on-shared-wallet", ["WAL-1", "PRX-2"], "store/database/memory.rs: hold";
    /// A settlement goes to the wallet that was held on last, whoever the hold's owner is.
    SettleIgnoresHoldOwner = "settle-ignores-hold-owner", ["WAL-1", "PRX-2"], "store/database/memory.rs: settle";
    /// A settlement is delivered twice, and carried out twice.
    SettledTwice = "settled-twice", ["WAL-1"], "store/wallet.rs: settle";
    /// A hold is written before the caps are compared, and stays when they refuse.
    RefusalBills = "refusal-bills", ["WAL-1"], "store/wallet.rs: hold";
    /// The balance is not compared with what is to be held.
    BalanceNotChecked = "balance-not-checked", ["WAL-1"], "store/wallet.rs: hold";
    /// The first margin that was looked up for a meter serves every tenant.
    MarginCachedByMeter = "margin-cached-by-meter", ["PRX-3", "WAL-1"], "store/rates.rs: margin";
    /// A binding is found by its provider alone, whichever app it is of.
    BindingByProviderAlone = "binding-by-provider-alone", ["PRX-4", "CRD-2"], "store/database/memory.rs: bindings";

    /// The broker's token is kept under its provider's name.
    CrdTokenCachedByProvider = "crd-token-cached-by-provider", ["CRD-1"], "edge/credentials/cache.rs: place";
    /// The broker's token is kept under the external account, which another tenant may have connected too.
    CrdTokenCachedByAccount = "crd-token-cached-by-account", ["CRD-1"], "edge/credentials/cache.rs: place";
    /// A key is given once more what it was given before, without a look at its connection.
    CrdCacheSurvivesRevocation = "crd-cache-survives-revocation", ["CRD-1"], "edge/credentials/shell.rs: token";
    /// The tenant of a user's token decides, not the key's.
    CrdUserTokenWidens = "crd-user-token-widens", ["CRD-1"], "edge/credentials/shell.rs: narrowing";
    /// The tenant of a user's token is read from what the user wrote about himself.
    CrdUserMetadataCounts = "crd-user-metadata-counts", ["CRD-1", "RLS-4"], "identity/user_token.rs: verify_with";
    /// A connection's key for another provider is taken for a key of the connection's app.
    CrdConnectionKeyWalksBindings = "crd-connection-key-walks-bindings", ["CRD-2"], "edge/credentials/chain.rs: connection";
    /// A bulk answer leaves a slug out whose named connection is another's, and says null for one that never was.
    CrdBulkTellsForeign = "crd-bulk-tells-foreign", ["CRD-2", "CRD-1"], "edge/credentials/shell.rs: entry";
    /// The whole grant is given out, the refresh token beside the access token.
    CrdRefreshTokenVended = "crd-refresh-token-vended", ["CRD-3"], "edge/credentials/shell.rs: stored";
    /// An error says what the broker said.
    CrdBrokerErrorPassed = "crd-broker-error-passed", ["CRD-3"], "edge/credentials/shell.rs: examine";
    /// The log says which token was given out.
    CrdTokenInLog = "crd-token-in-log", ["CRD-3"], "edge/credentials/shell.rs: token";
    /// The profile is not examined: the platform's pooled credential is given out as any other.
    CrdProfileNotChecked = "crd-profile-not-checked", ["CRD-3"], "edge/credentials/shell.rs: token";

    /// A webhook without the secret's header is taken for one from before there were secrets.
    HksSecretNotRequired = "hks-secret-not-required", ["HKS-1"], "identity/hook.rs: admit_with";
    /// Secrets are compared over the length of the shorter one.
    HksSecretPrefixCompared = "hks-secret-prefix-compared", ["HKS-1"], "identity/hook.rs: admit_with";
    /// The secret of any connection to the provider is good for all of them.
    HksForeignSecretAccepted = "hks-foreign-secret-accepted", ["HKS-1"], "edge/hooks/shell.rs: proven";
    /// A secret that was replaced stays good.
    HksOldSecretAccepted = "hks-old-secret-accepted", ["HKS-1"], "edge/hooks/shell.rs: proven";
    /// The destination may be named in query or header, by host or by id.
    HksForgedDestination = "hks-forged-destination", ["HKS-1"], "edge/hooks/shell.rs: destination";
    /// A connection without a binding is delivered to where it was bound last.
    HksUnboundDelivered = "hks-unbound-delivered", ["HKS-1"], "edge/hooks/shell.rs: destination";
    /// The first app's secret is kept, and signs for all of them.
    HksSignedWithFirstApp = "hks-signed-with-first-app", ["HKS-1"], "edge/hooks/shell.rs: deliver";
    /// A container's redirect is followed, with the signed envelope.
    HksRedirectFollowed = "hks-redirect-followed", ["HKS-1"], "edge/hooks/shell.rs: deliver";
    /// The sender's own headers of the platform's names pass.
    HksSenderHeadersPass = "hks-sender-headers-pass", ["HKS-1"], "edge/hooks/envelope.rs: request";
    /// The status of the destination is not examined.
    HksSuspendedDelivered = "hks-suspended-delivered", ["HKS-1"], "edge/hooks/decide.rs: destination";
    /// An unknown id is 404, and a wrong secret 412.
    HksUnknownIs404 = "hks-unknown-is-404", ["HKS-2"], "edge/hooks/shell.rs: found";
    /// A revoked connection is 404, and an unknown id 412.
    HksRevokedDiffers = "hks-revoked-differs", ["HKS-2"], "edge/hooks/shell.rs: found";
    /// The body of a webhook for a known id is read before its secret is compared.
    HksBodyReadFirst = "hks-body-read-first", ["HKS-2"], "edge/hooks/shell.rs: examine";
    /// The method of a request for a known id is examined before its secret.
    HksMethodBeforeSecret = "hks-method-before-secret", ["HKS-2"], "edge/hooks/shell.rs: examine";
}

#[cfg(feature = "faults")]
type Bits = u128;
#[cfg(not(feature = "faults"))]
type Bits = ();

/// The faults that are planted. Empty by default, and always in a build without the feature `faults`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct FaultSet(Bits);

impl FaultSet {
    /// Whether this build can have faults at all.
    pub const COMPILED_IN: bool = cfg!(feature = "faults");

    /// The set without a fault.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether a fault is planted.
    #[cfg(feature = "faults")]
    #[must_use]
    pub const fn has(self, fault: Fault) -> bool {
        self.0 & (1 << fault as u8) != 0
    }

    /// Whether a fault is planted: never, in this build.
    #[cfg(not(feature = "faults"))]
    #[must_use]
    #[inline(always)]
    pub const fn has(self, _fault: Fault) -> bool {
        false
    }

    /// This set and one fault more.
    #[cfg(feature = "faults")]
    #[must_use]
    pub const fn with(self, fault: Fault) -> Self {
        Self(self.0 | (1 << fault as u8))
    }

    /// The planted faults, in declaration order.
    pub fn iter(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.iter().copied().filter(move |fault| self.has(*fault))
    }
}

#[cfg(feature = "faults")]
impl FromIterator<Fault> for FaultSet {
    fn from_iter<I: IntoIterator<Item = Fault>>(faults: I) -> Self {
        faults.into_iter().fold(Self::none(), Self::with)
    }
}

impl fmt::Debug for FaultSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.iter().map(Fault::id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_read_back() {
        for fault in Fault::ALL {
            assert_eq!(Fault::from_id(fault.id()), Some(*fault));
            assert!(!fault.claims().is_empty() && fault.summary().ends_with('.'), "{fault:?}");
        }
        assert_eq!(Fault::from_id("no-such-fault"), None);
        assert!(Fault::ALL.len() <= 128);
    }

    #[test]
    fn every_site_exists_and_asks_for_its_fault() {
        for fault in Fault::ALL {
            let (file, symbol) = fault.site().split_once(": ").unwrap();
            let path = format!("{}/src/{file}", env!("CARGO_MANIFEST_DIR"));
            let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let name = symbol.rsplit("::").next().unwrap();
            assert!(source.contains(&format!("fn {name}")), "{}: no fn {name} in {file}", fault.id());
            assert!(source.contains(&format!("Fault::{fault:?}")), "{}: {file} never asks for it", fault.id());
        }
    }

    #[cfg(not(feature = "faults"))]
    #[test]
    fn a_build_without_the_feature_has_no_fault_and_no_room_for_one() {
        assert_eq!(size_of::<FaultSet>(), 0);
        assert!(Fault::ALL.iter().all(|fault| !FaultSet::none().has(*fault)));
    }

    #[cfg(feature = "faults")]
    #[test]
    fn a_set_holds_what_was_planted() {
        let set = FaultSet::none().with(Fault::ApxSniIgnored);
        assert!(set.has(Fault::ApxSniIgnored) && !set.has(Fault::ApxCacheByPath));
        assert_eq!(set.iter().collect::<Vec<_>>(), [Fault::ApxSniIgnored]);
        assert_eq!(Fault::ALL.iter().copied().collect::<FaultSet>().iter().count(), Fault::ALL.len());
    }
}
