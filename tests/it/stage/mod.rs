//! The stage: one conformance body for the fake and for Docker, and what only Docker can show.

mod conformance;
mod docker;
mod rig;
