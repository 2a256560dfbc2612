//! Walks through the runs of a drill and records what happens. It knows nothing of pass and fail.

mod accounts;
mod across;
mod act;
mod always;
mod begin;
mod capture;
mod clients;
mod done;
mod drill;
mod fact;
mod fault;
mod interrupt;
mod lane;
mod operation;
mod outside;
mod point;
mod precheck;
mod scribe;
mod seeded;
mod signs;
mod sweep;
#[cfg(test)]
mod tests;
mod walk;
mod wire;
pub mod world;

pub use drill::{Doubts, Ended, Options, drill};
pub use scribe::Scribe;
pub use world::{Acted, Answer, CallFailure, Caller, Database, Images, Session, SqlFailure, Store, World};
