//! Backout: rollback drills for staging.
pub mod diagnostic;
