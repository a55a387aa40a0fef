//! A key can't be made without its constructor.

#[allow(unused_imports)]
use reference_impl::store::kv::{DeployHost, DeployLabel, TypedKey, WorkerKv};

fn attempt() -> DeployLabel {
    DeployLabel("balance:x".to_owned())
}

fn main() {}
