//! A caller keeps the scope and the grant that his key gave him.

use reference_impl::identity::key::{Caller, Grant};

fn attempt(mut caller: Caller, other: &Caller) -> Grant {
    caller.scope = other.scope().clone();
    caller.grant
}

fn main() {}
