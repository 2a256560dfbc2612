//! The stage: one conformance body for the fake and for Docker, and what only Docker can show.

mod clean;
mod conformance;
mod docker;
mod images;
mod private;
mod registry;
mod rig;
