//! A worker can't scan the namespace.

#[allow(unused_imports)]
use reference_impl::store::kv::{DeployHost, DeployLabel, TypedKey, WorkerKv};

async fn attempt(kv: WorkerKv) {
    kv.scan("deploy:").await;
}

fn main() {}
