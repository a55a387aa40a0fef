//! A worker can't read by prefix.

#[allow(unused_imports)]
use reference_impl::store::kv::{DeployHost, DeployLabel, TypedKey, WorkerKv};

async fn attempt(kv: WorkerKv) {
    kv.prefix("deploy:").await;
}

fn main() {}
