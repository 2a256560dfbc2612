//! Operations without a way back, named before anything runs.
//!
//! Pure: SQL and steps go in as text, remarks come out. [`read`] turns a dialect into [`operation`]s,
//! [`past`] knows what came before one, and each file of `rules/` holds one rule with its page beside it.

mod allow;
pub mod catalog;
pub mod commands;
pub mod compose;
pub mod layout;
mod mariadb;
pub mod model;
pub mod operation;
pub mod past;
mod postgres;
pub mod read;
pub mod report;
pub mod rules;
mod types;
pub mod unit;

pub use allow::unused;
pub use model::{Class, Remark};
pub use read::Dialect;
pub use unit::{Expected, Half, Linted, Part, Script, Types, Unit, judge, lint};
