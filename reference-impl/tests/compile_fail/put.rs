//! A worker can't write.

#[allow(unused_imports)]
use reference_impl::store::kv::{DeployHost, DeployLabel, TypedKey, WorkerKv};

async fn attempt(kv: WorkerKv, key: DeployLabel) {
    kv.put(&key, ()).await;
}

fn main() {}
