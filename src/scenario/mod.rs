//! What the author of a scenario or drill wrote: typed, one to one with the file, nothing resolved.

mod called_on;
pub mod drill;
pub mod expect;
pub mod failure;
pub mod fault;
pub mod file;
pub mod forward_only;
pub mod impact;
pub mod observe;
pub mod size;
pub mod step;
pub mod timespan;
pub mod traffic;

pub use drill::DrillFile;
pub use file::ScenarioFile;
pub use size::Size;
pub use timespan::Timespan;
