//! Backout: rollback drills for staging.
pub mod diagnostic;
pub mod sql;
pub mod state;
