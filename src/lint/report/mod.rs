//! Remarks for people and for machines: each format a function from what was found to a text.

mod github;
mod json;
mod sarif;
mod terminal;

pub use github::render as github;
pub use json::render as json;
pub use sarif::render as sarif;
pub use terminal::{brief, render as terminal, summary};
