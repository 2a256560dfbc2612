//! The sweep: the points that operations really have, found in a recording, and the runs that try them.
//! Points that cannot lead to different states are tried once.

mod list;
pub mod model;
mod reduce;
mod shape;
#[cfg(test)]
mod tests;

pub use list::{Recorded, list};
pub use model::{Case, Listed, Spot, Survey, Swept, Tried};
pub use reduce::survey;
