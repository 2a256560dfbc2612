//! From the journal to the verdict. No I/O, no clock, no engine: the same journal gives the same
//! verdict years later.

mod checks;
mod class;
mod difference;
mod judge;
mod level;
pub mod model;
#[cfg(test)]
pub(crate) mod testing;
pub mod timeline;

pub use judge::judge;
pub use model::{Class, Finding, RunVerdict, ScenarioVerdict, StateFact, Verdict};
pub use timeline::Timeline;
