//! A worker can't read a raw string.

#[allow(unused_imports)]
use reference_impl::store::kv::{DeployHost, DeployLabel, TypedKey, WorkerKv};

async fn attempt(kv: WorkerKv) {
    kv.get(&"deploy:acme-app".to_owned()).await;
}

fn main() {}
