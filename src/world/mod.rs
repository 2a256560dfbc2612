//! The real outside: Docker, PostgreSQL, HTTP, the runner's own machine and its terminal.

mod harm;
mod host;
mod keys;
mod mariadb;
mod named;
mod observed;
mod real;
mod shelf;
mod store;

pub use real::{RealWorld, Settings};
