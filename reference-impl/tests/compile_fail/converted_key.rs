//! A key can't be made of a string by conversion.

#[allow(unused_imports)]
use reference_impl::store::kv::{DeployHost, DeployLabel, TypedKey, WorkerKv};

fn attempt() -> DeployHost {
    "a.b:c".to_owned().into()
}

fn main() {}
