//! From the journal to the verdict. No I/O, no clock, no engine: the same journal gives the same
//! verdict years later.

mod accounting;
mod checks;
mod class;
mod deeds;
mod difference;
mod explain;
mod footprint;
#[cfg(test)]
pub(crate) mod forward_only_tests;
mod impact;
mod judge;
mod level;
pub mod model;
mod served;
mod sweep;
#[cfg(test)]
pub(crate) mod testing;

pub mod timeline;

pub use judge::{judge, of_run};
pub use model::{Class, Finding, RunVerdict, ScenarioVerdict, StateFact, Verdict};
pub use timeline::Timeline;
