//! A Compose project, read and resolved: Compose files in, a [`Project`] out. Pure but for the
//! files it is handed.

pub mod model;

pub use model::Project;
