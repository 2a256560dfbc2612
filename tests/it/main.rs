//! Everything that needs more than one module, or a real server, in one binary. What needs a Docker
//! engine fails without one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod alerts;
mod cleaning;
mod clients;
mod commands;
mod compose;
mod copies;
mod coverage;
mod database_faults;
mod delivery;
mod drills;
mod exactness;
mod files_state;
mod forward_only;
mod impact;
mod library;
mod lint;
mod mariadb_state;
mod messages;
mod outside;
mod postgres_any;
mod postgres_data;
mod postgres_faults;
mod postgres_glance;
mod postgres_large;
mod postgres_leftovers;
mod postgres_rows;
mod postgres_schema;
mod postgres_session;
mod postgres_split;
mod rabbitmq_state;
mod redis_state;
mod secrets;
mod stage;
mod steps;
mod stores;
mod support;
mod sweeps;
mod tidy;
mod traffic;
mod unseen;
mod wire_drills;
