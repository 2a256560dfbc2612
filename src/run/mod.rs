//! Walks through the runs of a drill and records what happens. It knows nothing of pass and fail.

mod act;
mod capture;
mod drill;
mod fact;
mod fault;
mod interrupt;
mod operation;
mod point;
mod scribe;
#[cfg(test)]
mod tests;
mod walk;
pub mod world;

pub use drill::{Ended, Options, drill};
pub use scribe::Scribe;
pub use world::{Answer, Images, Session, SqlFailure, Store, World};
