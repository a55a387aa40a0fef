//! A tenant's rows are not reached by the tenant's name.

use reference_impl::TenantId;
use reference_impl::store::database::{Database, Db};

async fn attempt(database: Db, tenant: TenantId) {
    let _balance = database.balance(&tenant).await;
}

fn main() {}
