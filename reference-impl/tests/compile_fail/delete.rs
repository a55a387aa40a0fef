//! A worker can't remove.

#[allow(unused_imports)]
use reference_impl::store::kv::{DeployHost, DeployLabel, TypedKey, WorkerKv};

async fn attempt(kv: WorkerKv, key: DeployLabel) {
    kv.delete(&key).await;
}

fn main() {}
