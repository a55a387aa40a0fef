//! Serves the reference implementation.
fn main() {}
