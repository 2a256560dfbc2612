//! The `backout` binary.
fn main() {}
