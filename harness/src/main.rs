//! The `isolation` command.
fn main() {}
