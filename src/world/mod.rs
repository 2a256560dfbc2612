//! The real outside: Docker, PostgreSQL, HTTP, the runner's own machine and its terminal.

mod host;
mod real;
mod store;

pub use real::{RealWorld, Settings};
