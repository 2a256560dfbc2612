//! Which ways back have ever been walked: the rollback artefacts below a folder against past runs.
//!
//! What an artefact is, what it takes back, and when it takes nothing back, is said by [`crate::layouts`];
//! `state.rs` holds the artefacts against the history.

pub mod artefact;
pub mod state;

pub use artefact::{Artefact, inventory};
pub use state::{Coverage, Row, State, cover};
