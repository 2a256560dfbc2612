//! A Compose project, read and resolved: Compose files in, a [`Project`] out. Pure but for the
//! files it is handed.
//!
//! The way of a file: text → tree ([`crate::yaml`]) → variables replaced (`tree`, `interpolate`) →
//! long form (`canonical`) → `include`, `extends`, `merge` → checked against the table of keys
//! (`keys`) → [`model`] (`project`, `service` and its neighbours).

mod attachment;
mod build;
mod canonical;
mod command;
mod dotenv;
mod environment;
mod extends;
mod include;
mod interpolate;
mod keys;
mod load;
mod machine;
mod merge;
pub mod model;
mod mount;
mod order;
mod pattern;
mod port;
mod project;
mod read;
mod resources;
mod scope;
mod security;
mod service;
#[cfg(test)]
mod testing;
mod tree;
mod values;
mod words;

pub use keys::{Fate, Key, documented_keys, documented_keys_as_markdown};
pub use load::{Request, load};
pub use model::Project;
