//! What a scenario means: every name resolved, every default filled in, every mistake found.

mod build;
mod context;
mod drill;
mod expect;
mod facts;
mod failure;
pub mod model;
mod steps;
#[cfg(test)]
mod tests;

pub use build::{FILE, Input, Planned, scenario};
pub use drill::{Options, PlannedDrill, drill};
pub use model::{DrillPlan, Plan};
