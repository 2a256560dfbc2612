//! The stage on a Docker engine: the only importer of `bollard`.

mod client;
mod connect;
mod lines;
mod names;
mod order;
mod owner;
mod spec;

pub use client::Engine;
pub use connect::{NoEngine, Surroundings, connect};
pub use owner::Owner;
