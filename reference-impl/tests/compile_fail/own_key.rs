//! No other crate can say what a key is.

#[allow(unused_imports)]
use reference_impl::store::kv::{DeployHost, DeployLabel, TypedKey, WorkerKv};

struct Anything;

impl TypedKey for Anything {
    type Entry = ();

    fn rendered(&self) -> &str {
        "balance:"
    }

    fn open(_: &reference_impl::store::kv::key::StoredValue) -> Option<std::sync::Arc<()>> {
        None
    }
}

fn main() {}
