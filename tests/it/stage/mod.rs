//! The stage: one conformance body for the fake and for Docker, and what only Docker can show.

mod clean;
mod conformance;
mod docker;
mod faults;
mod gateway;
mod images;
mod keep;
mod private;
mod registry;
pub(crate) mod rig;
