//! What belongs to one deployment: its network (CMP), database (NEO), bucket (OBJ), secrets (SEC), bootstrap password
//! (ADM) and custom domain (DOM).

use super::{Boundary, Claim, ClaimId, Milestone, Origin, Tier, at, derived, moves, stated};

pub(super) static CMP_1: Claim = Claim {
    id: ClaimId::Cmp1,
    statement: "A container can't reach another deployment's container directly, not even one of its own tenant.",
    threat: "Whoever runs code in one container talks to another behind its proxy, where nobody asks who he is.",
    origin: Origin::Stated,
    source: stated(
        "Per-deployment isolation",
        2,
        "Your container can't reach another deployment's container directly — they don't share a network.",
    ),
    boundary: Boundary::Compute,
    tier: Tier::PerDeployment,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[653, 923],
    controls: &["NIST-800-53:SC-7", "NIST-800-53:SC-39", "SOC2:CC6.1", "SOC2:CC6.6", "ISO27001:A.8.22"],
    moves: moves! {
        "CMP-1.connect-address", Fabric, "connect to another container's address";
        "CMP-1.connect-name", Fabric, "connect to another container by its internal name";
        "CMP-1.connect-sibling", Fabric, "connect to a container of the own tenant";
        "CMP-1.connect-ipv6", Fabric, "connect to a link-local or other IPv6 address of another container";
        "CMP-1.datagram", Fabric, "send datagrams and broadcasts to another container";
        "CMP-1.metadata-service", Fabric, "ask the host's metadata service for another deployment's data";
        "CMP-1.bind-address", Fabric, "bind another container's address and wait for its clients";
        "CMP-1.scan", Fabric, "scan the neighbourhood for listeners";
        "CMP-1.see-processes", Fabric, "list and signal another container's processes";
    },
    note: Some("On a model of the network the verdict is vacuous: only a real one can refuse a connection."),
};

pub(super) static CMP_2: Claim = Claim {
    id: ClaimId::Cmp2,
    statement: "Public HTTPS and platform calls with a key are the only ways from one deployment to another.",
    threat: "Two deployments share something that nobody guards, and one reads or changes the other through it.",
    origin: Origin::Stated,
    source: stated(
        "Per-deployment isolation",
        3,
        "The only ways one deployment can talk to another are via public HTTPS",
    ),
    boundary: Boundary::Compute,
    tier: Tier::PerDeployment,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[653, 668],
    controls: &["NIST-800-53:AC-4", "NIST-800-53:SC-4", "NIST-800-53:SC-7", "SOC2:CC6.6", "ISO27001:A.8.22"],
    moves: moves! {
        "CMP-2.shared-files", Fabric, "write a file and look for it in another container";
        "CMP-2.shared-temporary-files", Fabric, "use temporary folders, shared memory and sockets on the file system";
        "CMP-2.shared-environment", Fabric, "look for another deployment's variables in the own environment";
        "CMP-2.shared-process", Fabric, "share a process, a lock or a queue with another container";
        "CMP-2.internal-listener", Fabric, "connect to a listener of the platform that is not public";
        "CMP-2.plain-http", Fabric, "use a public host without TLS";
        "CMP-2.platform-call-without-key", KeyLookup, "make a platform call without a key";
        "CMP-2.platform-call-foreign-deployment", RouteScope,
            "make a platform call about another deployment with the own key";
    },
    note: Some("On a model of the network the verdict is vacuous, as with CMP-1."),
};

pub(super) static NEO_1: Claim = Claim {
    id: ClaimId::Neo1,
    statement: "Each deployment that declared a database has one of its own, and two deployments of one tool and \
                tenant have two.",
    threat: "What one deployment stores appears in another.",
    origin: Origin::Stated,
    source: stated(
        "Per-deployment isolation",
        5,
        "Two deployments of the same tool by the same tenant get two databases.",
    ),
    boundary: Boundary::Branch,
    tier: Tier::PerDeployment,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[653, 668],
    controls: &["NIST-800-53:SC-4", "NIST-800-53:SC-32", "SOC2:CC6.1", "ISO27001:A.8.3"],
    moves: moves! {
        "NEO-1.write-then-read-sibling", BranchLogin,
            "write in one deployment, read in another of the same tool and tenant";
        "NEO-1.write-then-read-foreign", BranchLogin,
            "write in one tenant's deployment, read in another tenant's of that tool";
        "NEO-1.same-names", BranchLogin, "use the same schema and table names in both and compare";
        "NEO-1.undeclared", BranchLogin, "reach a database from a deployment that declared none";
        "NEO-1.after-redeploy", BranchLogin, "redeploy one and look for the other's rows";
    },
    note: None,
};

pub(super) static NEO_2: Claim = Claim {
    id: ClaimId::Neo2,
    statement: "The database credentials of a deployment open its own database and nothing else.",
    threat: "A container turns its own connection string into a look at another tenant's data.",
    origin: Origin::Stated,
    source: stated("Per-deployment isolation", 6, "Data does not cross."),
    boundary: Boundary::Branch,
    tier: Tier::PerDeployment,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[250, 284],
    controls: &["NIST-800-53:AC-3", "NIST-800-53:AC-6", "SOC2:CC6.1", "SOC2:CC6.3", "ISO27001:A.8.2", "ISO27001:A.8.3"],
    moves: moves! {
        "NEO-2.login-foreign", BranchLogin, "log in to another deployment's database";
        "NEO-2.login-maintenance", BranchLogin, "log in to the server's own databases";
        "NEO-2.cross-database", BranchLogin, "query another database through a link or a foreign table";
        "NEO-2.set-role", BranchLogin, "become another deployment's role";
        "NEO-2.superuser-functions", BranchLogin, "read and write server files, run programs, end other sessions";
        "NEO-2.search-path", BranchLogin, "reach another schema through `search_path`";
        "NEO-2.extension", BranchLogin, "create an extension that runs with more rights";
        "NEO-2.large-object", BranchLogin, "read another's large objects";
        "NEO-2.notify", BranchLogin, "listen on another's channels";
        "NEO-2.advisory-lock", BranchLogin, "signal through advisory locks";
        "NEO-2.catalogue", BranchLogin, "read other databases' names, sessions and statements in the catalogue";
        "NEO-2.after-teardown", BranchLogin, "use credentials after the deployment was torn down";
    },
    note: None,
};

pub(super) static OBJ_1: Claim = Claim {
    id: ClaimId::Obj1,
    statement: "The bucket credentials of a deployment grant access to its own bucket only.",
    threat: "A container reads, replaces or lists another tenant's files with its own access key.",
    origin: Origin::Stated,
    source: stated("Per-deployment isolation", 8, "Credentials in your env grant access only to that bucket."),
    boundary: Boundary::Storage,
    tier: Tier::PerDeployment,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[639, 732],
    controls: &["NIST-800-53:AC-3", "NIST-800-53:AC-6", "SOC2:CC6.1", "ISO27001:A.8.3"],
    moves: moves! {
        "OBJ-1.get", BucketPolicy, "get an object of another bucket";
        "OBJ-1.put", BucketPolicy, "put an object into another bucket";
        "OBJ-1.delete", BucketPolicy, "delete an object of another bucket";
        "OBJ-1.list", BucketPolicy, "list another bucket, or all buckets";
        "OBJ-1.copy-source", BucketPolicy, "copy from another bucket into the own one";
        "OBJ-1.multipart", BucketPolicy, "begin, feed or finish a multipart upload in another bucket";
        "OBJ-1.presigned", BucketPolicy, "presign a URL for another bucket, or change a presigned one";
        "OBJ-1.path-against-host", BucketPolicy, "name one bucket in the host and another in the path";
        "OBJ-1.name-prefix", BucketPolicy, "hold a bucket whose name is a prefix of another's";
        "OBJ-1.key-traversal", BucketPolicy, "reach another bucket by dot segments and encoded slashes in a key";
        "OBJ-1.absent-against-foreign", BucketPolicy, "tell a foreign bucket from one that is not there";
    },
    note: None,
};

pub(super) static SEC_1: Claim = Claim {
    id: ClaimId::Sec1,
    statement: "Values of `system` and `integration` variables are stored encrypted with AES-256-GCM and stand \
                nowhere in plain text.",
    threat: "A dump, a backup or a log line hands over every tenant's secrets.",
    origin: Origin::Stated,
    source: stated(
        "Per-deployment isolation",
        9,
        "Each deployment's system and integration env vars are encrypted with AES-256-GCM in Postgres",
    ),
    boundary: Boundary::Secrets,
    tier: Tier::PerDeployment,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[311, 312, 532],
    controls: &[
        "NIST-800-53:SC-13",
        "NIST-800-53:SC-28",
        "SOC2:CC6.1",
        "SOC2:C1.1",
        "ISO27001:A.8.24",
        "ISO27001:A.8.12",
    ],
    moves: moves! {
        "SEC-1.column", Seal, "read the stored column";
        "SEC-1.dump", Seal, "search a dump of all tables for the plain text";
        "SEC-1.log", Seal, "search all logs, metrics and traces for the plain text";
        "SEC-1.error", Seal, "provoke an error that quotes the value";
        "SEC-1.backup", Seal, "search backups and write-ahead logs for the plain text";
        "SEC-1.deploy-log", Seal, "search a deployment's build and start logs for the plain text";
        "SEC-1.update", Seal, "change a value and look for the old one in plain text";
    },
    note: None,
};

pub(super) static SEC_2: Claim = Claim {
    id: ClaimId::Sec2,
    statement: "A deployment's secrets are presented to its own service and to no other, another deployment of the \
                same tool included.",
    threat: "One deployment starts with another's secrets in its environment.",
    origin: Origin::Stated,
    source: stated(
        "Per-deployment isolation",
        10,
        "Other deployments — even other deployments of the same tool — never see them.",
    ),
    boundary: Boundary::Secrets,
    tier: Tier::PerDeployment,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[200, 639],
    controls: &["NIST-800-53:AC-3", "NIST-800-53:SC-4", "SOC2:CC6.1", "ISO27001:A.8.3", "ISO27001:A.8.12"],
    moves: moves! {
        "SEC-2.foreign-key", EnvPresent, "fetch another deployment's values with the own key";
        "SEC-2.foreign-id", EnvPresent, "fetch values by another deployment's id";
        "SEC-2.sibling", EnvPresent, "fetch values of another deployment of the own tenant";
        "SEC-2.after-rename", EnvPresent, "take over a name and fetch what its former holder had";
        "SEC-2.after-teardown", EnvPresent, "fetch values after teardown";
        "SEC-2.redeploy-race", EnvPresent, "redeploy two deployments at once and compare what each was given";
        "SEC-2.dashboard-read", RouteScope, "read `system` and `integration` values through the dashboard";
        "SEC-2.dashboard-write", RouteScope, "write `system` and `integration` values through the dashboard";
    },
    note: None,
};

pub(super) static SEC_3: Claim = Claim {
    id: ClaimId::Sec3,
    statement: "A ciphertext opens in its own row and version only, under its own tenant's key, and no nonce is used \
                twice.",
    threat: "Who can write a row moves another tenant's ciphertext into his own and has the platform decrypt it for \
             him.",
    origin: Origin::Derived,
    source: derived(
        &[ClaimId::Sec1, ClaimId::Sec2],
        "A ciphertext that opens in another row is a secret presented to another service; a repeated nonce undoes the \
         cipher.",
    ),
    boundary: Boundary::Secrets,
    tier: Tier::PerTenant,
    held_from: Milestone::Edge,
    enforced_at: &[
        at("reference-impl/src/store/vault/mod.rs", "open"),
        at("reference-impl/src/store/vault/envelope.rs", "associated_data"),
    ],
    cwe: &[323, 345, 353],
    controls: &["NIST-800-53:SC-12", "NIST-800-53:SC-13", "NIST-800-53:SI-7", "SOC2:CC6.1", "ISO27001:A.8.24"],
    moves: moves! {
        "SEC-3.swap-rows", Aad, "swap the ciphertexts of two rows of one tenant";
        "SEC-3.swap-columns", Aad, "swap the ciphertexts of two columns";
        "SEC-3.swap-tables", Aad, "put a ciphertext into another table";
        "SEC-3.swap-tenants", Aad, "put another tenant's ciphertext into an own row";
        "SEC-3.swap-key-id", Aad, "name another key in the envelope";
        "SEC-3.older-version", Aad, "put an older ciphertext of the same row back";
        "SEC-3.field-boundaries", Aad, "move the boundary between two fields of the associated data";
        "SEC-3.bit-flip", Aad, "flip one bit of nonce, ciphertext or tag";
        "SEC-3.truncate", Aad, "cut ciphertext or tag short";
        "SEC-3.nonce-repeat", Seal, "encrypt equal values many times and look for an equal nonce";
        "SEC-3.nonce-restart", Seal, "restart between encryptions and look for an equal nonce";
        "SEC-3.rotation", Aad, "use a retired key, or an old envelope, after rotation";
    },
    note: None,
};

pub(super) static SEC_4: Claim = Claim {
    id: ClaimId::Sec4,
    statement: "Generated secrets of two deployments are never equal.",
    threat: "Who runs a tool himself learns the signing secret of everybody who runs that tool.",
    origin: Origin::Stated,
    source: stated("The boundary model", 0, "Generated secrets"),
    boundary: Boundary::Secrets,
    tier: Tier::PerDeployment,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[330, 1391],
    controls: &["NIST-800-53:IA-5", "NIST-800-53:SC-12", "SOC2:CC6.1", "ISO27001:A.5.17", "ISO27001:A.8.24"],
    moves: moves! {
        "SEC-4.same-tool", SecretGenerate, "deploy one tool many times and compare every pair";
        "SEC-4.across-tenants", SecretGenerate, "deploy one tool in two tenants and compare";
        "SEC-4.within-deployment", SecretGenerate, "compare the secrets of one deployment with each other";
        "SEC-4.concurrent", SecretGenerate, "deploy at once and compare";
        "SEC-4.after-restart", SecretGenerate, "restart the platform between deploys and compare";
        "SEC-4.destroyed", SecretGenerate, "compare with those of destroyed deployments";
    },
    note: None,
};

pub(super) static ADM_1: Claim = Claim {
    id: ClaimId::Adm1,
    statement: "The bootstrap administrator's password is generated for each deployment and never used again.",
    threat: "One tenant's bootstrap password opens another tenant's administration.",
    origin: Origin::Stated,
    source: stated("Per-deployment isolation", 12, "It's never reused across deployments."),
    boundary: Boundary::Secrets,
    tier: Tier::PerDeployment,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[330, 1392],
    controls: &["NIST-800-53:IA-5", "SOC2:CC6.1", "SOC2:CC6.2", "ISO27001:A.5.17"],
    moves: moves! {
        "ADM-1.same-tool", SecretGenerate, "deploy one tool many times and compare the passwords";
        "ADM-1.across-tenants", SecretGenerate, "deploy one tool in two tenants and compare";
        "ADM-1.redeploy", SecretGenerate, "redeploy under the name of a destroyed deployment and compare";
        "ADM-1.restart", SecretGenerate, "restart the platform between deploys and compare";
        "ADM-1.foreign-login", SecretGenerate, "sign in at another deployment of the tool with the own password";
    },
    note: None,
};

pub(super) static ADM_2: Claim = Claim {
    id: ClaimId::Adm2,
    statement: "The bootstrap password is stored encrypted and shown once, to the owner of its tenant.",
    threat: "A later visitor, a lesser member or another tenant reads the password of an administrator.",
    origin: Origin::Stated,
    source: stated(
        "Per-deployment isolation",
        11,
        "the password is generated per-deployment, encrypted, and shown to the tenant once",
    ),
    boundary: Boundary::Secrets,
    tier: Tier::PerDeployment,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[522, 256],
    controls: &["NIST-800-53:IA-5", "NIST-800-53:SC-28", "SOC2:CC6.1", "ISO27001:A.5.17", "ISO27001:A.8.24"],
    moves: moves! {
        "ADM-2.twice", AdminReveal, "ask for the password a second time";
        "ADM-2.concurrent", AdminReveal, "ask for the password many times at once";
        "ADM-2.crash", AdminReveal, "have the platform crash while the password is shown, then ask once more";
        "ADM-2.as-member", RoleCheck, "ask for the password as a member";
        "ADM-2.as-viewer", RoleCheck, "ask for the password as a viewer";
        "ADM-2.as-foreign-owner", RouteScope, "ask for the password as another tenant's owner";
        "ADM-2.by-get", RouteScope, "have a prefetched GET show or burn the password";
        "ADM-2.stored", Seal, "read the stored column";
        "ADM-2.other-routes", RouteScope, "look for the password in every other route, log and event";
    },
    note: None,
};

pub(super) static DOM_1: Claim = Claim {
    id: ClaimId::Dom1,
    statement: "A custom domain routes to one deployment of the tenant that proved to hold it, until that deployment \
                ends.",
    threat: "A stranger claims a tenant's domain, or one left dangling, and receives its visitors.",
    origin: Origin::Stated,
    source: stated("The boundary model", 0, "Worker Custom Domain"),
    boundary: Boundary::Domains,
    tier: Tier::PerDeployment,
    held_from: Milestone::Stores,
    enforced_at: &[],
    cwe: &[283, 672, 178],
    controls: &["NIST-800-53:AC-4", "NIST-800-53:SC-20", "SOC2:CC6.1", "ISO27001:A.8.20", "ISO27001:A.8.26"],
    moves: moves! {
        "DOM-1.no-proof", DomainChallenge, "claim a domain without a proof";
        "DOM-1.foreign-proof", DomainChallenge, "claim a domain with another tenant's proof";
        "DOM-1.old-proof", DomainChallenge, "claim a domain with the proof of an earlier claim";
        "DOM-1.parent-proof", DomainChallenge, "claim a domain with the proof of its parent or its sibling";
        "DOM-1.held-by-another", DomainClaim, "claim a domain that another tenant holds, with a proof";
        "DOM-1.race", DomainClaim, "claim one domain from two tenants at once";
        "DOM-1.platform-host", DomainClaim, "claim a host of the platform or of a deployment";
        "DOM-1.dangling", DomainClaim, "claim a domain that still points here after its deployment was torn down";
        "DOM-1.quarantine", DomainClaim, "claim a released domain while old entries can still be read";
        "DOM-1.case", DomainClaim, "claim a held domain in another case";
        "DOM-1.trailing-dot", DomainClaim, "claim a held domain with a trailing dot";
        "DOM-1.punycode", DomainClaim, "claim a held domain in another encoding of its letters";
        "DOM-1.spells-legacy", DomainClaim, "claim a domain that spells tenant and deployment of a legacy host";
    },
    note: None,
};
