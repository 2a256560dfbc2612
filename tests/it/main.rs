//! Everything that needs more than one module, or a real server, in one binary. What needs a Docker
//! engine fails without one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod cleaning;
mod commands;
mod compose;
mod drills;
mod postgres_data;
mod postgres_leftovers;
mod postgres_rows;
mod postgres_schema;
mod postgres_session;
mod postgres_split;
mod stage;
mod steps;
mod support;
mod tidy;
