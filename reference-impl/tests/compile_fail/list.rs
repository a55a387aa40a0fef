//! A worker can't list the namespace.

#[allow(unused_imports)]
use reference_impl::store::kv::{DeployHost, DeployLabel, TypedKey, WorkerKv};

async fn attempt(kv: WorkerKv) {
    kv.list().await;
}

fn main() {}
