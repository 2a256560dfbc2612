//! All integration tests, in one binary. Those that need a Docker engine fail without one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod postgres_data;
mod postgres_leftovers;
mod postgres_rows;
mod postgres_schema;
mod postgres_session;
mod postgres_split;
mod support;
