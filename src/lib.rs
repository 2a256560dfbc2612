//! Backout: rollback drills for staging.
pub mod compose;
pub mod diagnostic;
pub mod files;
pub mod stage;
pub mod yaml;
