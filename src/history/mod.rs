//! Past runs, as their journals tell of them.

mod folder;
mod run;

pub use folder::{History, Unread, read};
pub use run::{PastRun, PastScenario, past};
