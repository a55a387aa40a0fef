//! The handle that writes is out of reach.

#[allow(unused_imports)]
use reference_impl::store::kv::{DeployHost, DeployLabel, TypedKey, WorkerKv};

fn attempt(_: reference_impl::store::kv::namespace::ControlKv) {}

fn main() {}
