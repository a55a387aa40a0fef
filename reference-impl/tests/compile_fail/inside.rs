//! The namespace behind a handle is out of reach.

#[allow(unused_imports)]
use reference_impl::store::kv::{DeployHost, DeployLabel, TypedKey, WorkerKv};

fn attempt(kv: WorkerKv) {
    let _namespace = kv.0;
}

fn main() {}
