//! Everything that needs more than one module, or a real server: one binary.

mod compose;
mod stage;
