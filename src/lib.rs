//! Backout: rollback drills for staging.
pub mod compose;
pub mod diagnostic;
pub mod files;
pub mod millis;
pub mod outcome;
pub mod plan;
pub mod scenario;
pub mod secret;
pub mod sql;
pub mod stage;
pub mod yaml;
