//! What a scenario means: every name resolved, every default filled in, every mistake found.

pub mod model;

pub use model::Plan;
