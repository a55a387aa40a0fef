//! The names of the claims.

use super::name::named_enum;
use super::{
    Claim, app_proxy, app_proxy_host, app_proxy_session, cells, connections, credentials, dashboard, database, hooks,
    keys_and_kv, lifecycle, load, noninterference, provider_proxy, wallet,
};

named_enum! {
    /// The name of a claim. The order is the register's.
    pub enum ClaimId {
        /// Containers do not reach each other.
        Cmp1 = "CMP-1",
        /// Public HTTPS and platform calls are the only ways across.
        Cmp2 = "CMP-2",
        /// A database per deployment.
        Neo1 = "NEO-1",
        /// Database credentials open one database.
        Neo2 = "NEO-2",
        /// Bucket credentials open one bucket.
        Obj1 = "OBJ-1",
        /// Secrets are encrypted at rest.
        Sec1 = "SEC-1",
        /// Secrets reach their own service only.
        Sec2 = "SEC-2",
        /// A ciphertext opens in its own place only.
        Sec3 = "SEC-3",
        /// Generated secrets differ.
        Sec4 = "SEC-4",
        /// Bootstrap passwords are never reused.
        Adm1 = "ADM-1",
        /// A bootstrap password is shown once.
        Adm2 = "ADM-2",
        /// A custom domain belongs to one deployment.
        Dom1 = "DOM-1",
        /// One wallet per tenant.
        Wal1 = "WAL-1",
        /// A deployment out of credits suspends alone.
        Wal2 = "WAL-2",
        /// The ledger adds up.
        Wal3 = "WAL-3",
        /// Customer and cards are one tenant's.
        Str1 = "STR-1",
        /// A connection is one tenant's.
        Con1 = "CON-1",
        /// Revocation and rebinding hold at the next request.
        Con2 = "CON-2",
        /// Only members see a deployment.
        Mem1 = "MEM-1",
        /// Roles bound what a member changes.
        Mem2 = "MEM-2",
        /// The app-proxy refuses a foreign cookie.
        Apx1 = "APX-1",
        /// Only an authentic, unexpired cookie counts.
        Apx2 = "APX-2",
        /// A container sees the verified identity.
        Apx3 = "APX-3",
        /// A container neither gets nor plants a session.
        Apx4 = "APX-4",
        /// A request reaches its own host's target only.
        Apx5 = "APX-5",
        /// A response reaches its own host's client only.
        Apx6 = "APX-6",
        /// The tenant is the key's.
        Prx1 = "PRX-1",
        /// The key's tenant is billed.
        Prx2 = "PRX-2",
        /// No cache of billable state is shared.
        Prx3 = "PRX-3",
        /// A key opens its own connections only.
        Prx4 = "PRX-4",
        /// The injected credential stays inside.
        Prx5 = "PRX-5",
        /// A request reaches the adapter's upstream only.
        Prx6 = "PRX-6",
        /// The binding chain decides whose token is vended.
        Crd1 = "CRD-1",
        /// A key's scope decides what it can ask for.
        Crd2 = "CRD-2",
        /// No refresh token and no foreign token leaves.
        Crd3 = "CRD-3",
        /// A webhook reaches the bound deployment only.
        Hks1 = "HKS-1",
        /// External ids can't be probed.
        Hks2 = "HKS-2",
        /// Keys are hashed, shown once, and end for good.
        Key1 = "KEY-1",
        /// An identifier can't leave its key prefix.
        Kv1 = "KV-1",
        /// A request can't enumerate the store.
        Kv2 = "KV-2",
        /// Stale entries never cross a tenant line.
        Kv3 = "KV-3",
        /// A user reads own rows only.
        Rls1 = "RLS-1",
        /// A user writes no row.
        Rls2 = "RLS-2",
        /// The service role is the platform's alone.
        Rls3 = "RLS-3",
        /// The database claim ends with its transaction.
        Rls4 = "RLS-4",
        /// The database refuses a binding across tenants.
        Rls5 = "RLS-5",
        /// Every dashboard route is scoped.
        Api1 = "API-1",
        /// Replay and stream state is per tenant.
        Api2 = "API-2",
        /// An authorisation flow binds to who began it.
        Api3 = "API-3",
        /// A tenant's page can't act with a visitor's session.
        Api4 = "API-4",
        /// Every step of a workflow keeps every claim.
        Lif1 = "LIF-1",
        /// A misbehaving deployment changes itself only.
        Blr1 = "BLR-1",
        /// Other tenants see noise only.
        Blr2 = "BLR-2",
        /// What one tenant sees depends on no other.
        Ni1 = "NI-1",
    }
}

impl ClaimId {
    /// The claim of this name.
    pub const fn claim(self) -> &'static Claim {
        match self {
            ClaimId::Cmp1 => &cells::CMP_1,
            ClaimId::Cmp2 => &cells::CMP_2,
            ClaimId::Neo1 => &cells::NEO_1,
            ClaimId::Neo2 => &cells::NEO_2,
            ClaimId::Obj1 => &cells::OBJ_1,
            ClaimId::Sec1 => &cells::SEC_1,
            ClaimId::Sec2 => &cells::SEC_2,
            ClaimId::Sec3 => &cells::SEC_3,
            ClaimId::Sec4 => &cells::SEC_4,
            ClaimId::Adm1 => &cells::ADM_1,
            ClaimId::Adm2 => &cells::ADM_2,
            ClaimId::Dom1 => &cells::DOM_1,
            ClaimId::Wal1 => &wallet::WAL_1,
            ClaimId::Wal2 => &wallet::WAL_2,
            ClaimId::Wal3 => &wallet::WAL_3,
            ClaimId::Str1 => &wallet::STR_1,
            ClaimId::Con1 => &connections::CON_1,
            ClaimId::Con2 => &connections::CON_2,
            ClaimId::Mem1 => &dashboard::MEM_1,
            ClaimId::Mem2 => &dashboard::MEM_2,
            ClaimId::Apx1 => &app_proxy::APX_1,
            ClaimId::Apx2 => &app_proxy_session::APX_2,
            ClaimId::Apx3 => &app_proxy::APX_3,
            ClaimId::Apx4 => &app_proxy_session::APX_4,
            ClaimId::Apx5 => &app_proxy_host::APX_5,
            ClaimId::Apx6 => &app_proxy_host::APX_6,
            ClaimId::Prx1 => &provider_proxy::PRX_1,
            ClaimId::Prx2 => &provider_proxy::PRX_2,
            ClaimId::Prx3 => &provider_proxy::PRX_3,
            ClaimId::Prx4 => &provider_proxy::PRX_4,
            ClaimId::Prx5 => &provider_proxy::PRX_5,
            ClaimId::Prx6 => &provider_proxy::PRX_6,
            ClaimId::Crd1 => &credentials::CRD_1,
            ClaimId::Crd2 => &credentials::CRD_2,
            ClaimId::Crd3 => &credentials::CRD_3,
            ClaimId::Hks1 => &hooks::HKS_1,
            ClaimId::Hks2 => &hooks::HKS_2,
            ClaimId::Key1 => &keys_and_kv::KEY_1,
            ClaimId::Kv1 => &keys_and_kv::KV_1,
            ClaimId::Kv2 => &keys_and_kv::KV_2,
            ClaimId::Kv3 => &keys_and_kv::KV_3,
            ClaimId::Rls1 => &database::RLS_1,
            ClaimId::Rls2 => &database::RLS_2,
            ClaimId::Rls3 => &database::RLS_3,
            ClaimId::Rls4 => &database::RLS_4,
            ClaimId::Rls5 => &database::RLS_5,
            ClaimId::Api1 => &dashboard::API_1,
            ClaimId::Api2 => &dashboard::API_2,
            ClaimId::Api3 => &dashboard::API_3,
            ClaimId::Api4 => &dashboard::API_4,
            ClaimId::Lif1 => &lifecycle::LIF_1,
            ClaimId::Blr1 => &load::BLR_1,
            ClaimId::Blr2 => &load::BLR_2,
            ClaimId::Ni1 => &noninterference::NI_1,
        }
    }
}
