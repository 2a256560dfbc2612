//! PostgreSQL 13 and later: sessions for operations and probes, and captures of what a database holds.

mod capture;
mod connect;
mod error;
mod fingerprint;
mod keep;
mod large_objects;
mod leftovers;
mod probe;
mod schema;
mod sequences;
mod session;
mod settle;
mod snapshot;
mod tables;

pub use capture::{CaptureOptions, KeepRows, TableException, capture};
pub use connect::PostgresTarget;
pub use error::{Notice, SqlError, StoreError};
pub use leftovers::{OwnBackends, leftovers};
pub use probe::{Probed, probe};
pub use session::{Executed, Session, Severer};
pub use settle::{Lingering, terminate_sessions, wait_sessions_gone};
