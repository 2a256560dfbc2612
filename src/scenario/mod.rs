//! What the author of a scenario or drill wrote: typed, one to one with the file, nothing resolved.

pub mod drill;
pub mod expect;
pub mod failure;
pub mod file;
pub mod step;
pub mod timespan;

pub use drill::DrillFile;
pub use file::ScenarioFile;
pub use timespan::Timespan;
