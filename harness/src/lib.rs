//! The isolation verification and fuzz harness.
