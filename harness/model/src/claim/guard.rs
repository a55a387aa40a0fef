//! The checks in the target that a move must reach.

use super::name::named_enum;

named_enum! {
    /// A check in the target. The reference sets a mark of this name when a request reaches it; outside, the refusal's
    /// fingerprint shows it.
    pub enum Guard {
        /// The HTTP parser, and the refusals of a method or a form of target that come before a host is read. It sets
        /// no mark: reached is shown by the refusal's fingerprint.
        Framing = "framing",
        /// The syntax of one host name was judged.
        HostSyntax = "host-syntax",
        /// All carriers of a host in one request were counted and compared: `Host` fields, absolute form, `:authority`.
        HostAgreement = "host-agreement",
        /// The name that the TLS client asked for was compared with the host.
        Sni = "sni",
        /// The host's class was decided: single-level, legacy, custom, or one that is never looked up.
        HostClass = "host-class",
        /// The routing entry of the host was looked up.
        RouteLookup = "route-lookup",
        /// The session cookie was sought among all cookies.
        CookieParse = "cookie-parse",
        /// A session token was checked.
        CookieVerify = "cookie-verify",
        /// A verified cookie's tenant was compared with the routing entry's.
        TenantMatch = "tenant-match",
        /// The deployment's status was judged.
        Status = "status",
        /// The path was compared with the reserved one.
        ReservedPath = "reserved-path",
        /// A request without a valid session was sent to sign in, or refused.
        SignIn = "sign-in",
        /// A sign-in code was presented for redemption.
        CodeRedeem = "code-redeem",
        /// Headers of a request were stripped before forwarding.
        RequestStrip = "request-strip",
        /// The identity headers were written.
        IdentityInject = "identity-inject",
        /// Headers of a container's response were filtered.
        ResponseFilter = "response-filter",
        /// A protocol upgrade was decided.
        Upgrade = "upgrade",
        /// A key of the key-value store was made from an identifier.
        KvKey = "kv-key",
        /// A worker read one key of the key-value store.
        KvGet = "kv-get",
        /// The raw path of a request to a provider was judged, before any parsing.
        PathGuard = "path-guard",
        /// The adapter was chosen from the host's label.
        Adapter = "adapter",
        /// A key was issued: its plain text existed once.
        KeyIssue = "key-issue",
        /// A bearer was sought and judged: missing, malformed, unknown, revoked, expired or good.
        KeyLookup = "key-lookup",
        /// A key's scope was compared with what was asked for.
        Scope = "scope",
        /// The chain from key over binding to connection was walked.
        BindingChain = "binding-chain",
        /// A connection's tenant, provider and status were compared with the key's and the adapter's.
        ConnectionMatch = "connection-match",
        /// A route was classed as free, metered or blocked, and its rate was sought.
        RouteClass = "route-class",
        /// An amount was reserved against a wallet.
        Hold = "hold",
        /// A hold was settled.
        Settle = "settle",
        /// A spend cap or an empty wallet was judged.
        SpendCap = "spend-cap",
        /// A write to the ledger was judged.
        LedgerAppend = "ledger-append",
        /// A payment customer was compared with the tenant.
        CustomerMatch = "customer-match",
        /// A connection's real credential was written into a request to its provider.
        CredentialInject = "credential-inject",
        /// A token was about to be vended.
        Vend = "vend",
        /// A webhook's secret was compared.
        WebhookSecret = "webhook-secret",
        /// A webhook's destination was decided.
        WebhookDelivery = "webhook-delivery",
        /// A secret was encrypted for storage.
        Seal = "seal",
        /// A ciphertext was opened against its row's identity and version.
        Aad = "aad",
        /// A secret was generated for a deployment.
        SecretGenerate = "secret-generate",
        /// Secrets were presented to a service.
        EnvPresent = "env-present",
        /// A bootstrap password was asked for.
        AdminReveal = "admin-reveal",
        /// A container's way to something outside it was judged.
        Fabric = "fabric",
        /// A login to a deployment's database, or a statement there, was judged.
        BranchLogin = "branch-login",
        /// A request to a bucket was judged.
        BucketPolicy = "bucket-policy",
        /// The proof of a custom domain was judged.
        DomainChallenge = "domain-challenge",
        /// The claim to a custom domain was judged.
        DomainClaim = "domain-claim",
        /// A name was refused because an old entry for it can still be read.
        Quarantine = "quarantine",
        /// A dashboard session was sought and judged.
        DashboardSession = "dashboard-session",
        /// A route's object was sought within the caller's tenant.
        RouteScope = "route-scope",
        /// A role was compared with what a change asks for.
        RoleCheck = "role-check",
        /// A request's origin was judged before a change.
        OriginCheck = "origin-check",
        /// The state of an authorisation flow was judged.
        OauthState = "oauth-state",
        /// An idempotency record was sought.
        Idempotency = "idempotency",
        /// An event stream was opened or resumed.
        StreamScope = "stream-scope",
        /// A rate limit was judged.
        RateLimit = "rate-limit",
        /// A row policy was applied to a read.
        RowPolicy = "row-policy",
        /// A grant was judged for a write.
        WriteGrant = "write-grant",
        /// A change of role was judged by the database.
        RoleGrant = "role-grant",
        /// A transaction was bound to a tenant's claim.
        ClaimBinding = "claim-binding",
        /// The trigger that compares the tenants of a binding ran.
        BindingTrigger = "binding-trigger",
        /// A workflow stood between two steps.
        WorkflowStep = "workflow-step",
        /// A tenant's share of a shared layer was enforced.
        Fairness = "fairness",
        /// An action of the other tenant took effect, so that there was something to observe.
        ForeignEffect = "foreign-effect",
    }
}
