//! YAML with a place for every key and value, and every mistake of a file at once.
//!
//! `tree` turns text into nodes that know where they were written; `decode` turns nodes into
//! plain serde types. Both are pure.

mod decode;
mod padded;
mod tree;

pub use decode::{Decoded, decode, decode_partly};
pub use tree::{Entry, Limits, Node, Spot, Value, parse};
