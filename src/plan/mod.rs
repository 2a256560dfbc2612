//! What a scenario means: every name resolved, every default filled in, every mistake found.

pub mod across;
pub mod alerts;
mod backup;
mod build;
mod context;
pub mod database;
mod disk;
mod drill;
mod expect;
mod facts;
mod failure;
pub mod forward_only;
mod gateways;
pub mod impact;
mod lint;
pub mod material;
pub mod model;
pub mod observe;
pub mod outside;
mod pipeline;
mod point;
pub mod recovery;
mod secrets;
mod statements;
mod steps;
#[cfg(test)]
mod tests;
pub mod traffic;
mod unseen;
mod wire;

pub use build::{FILE, Input, Planned, scenario};
pub use drill::{Options, PlannedDrill, drill};
pub use model::{DrillPlan, Plan};
pub use secrets::Secrets;
pub use unseen::unseen;
