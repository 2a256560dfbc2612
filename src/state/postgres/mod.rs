//! PostgreSQL 13 and later: sessions for operations and probes, and captures of what a database holds.

mod batch;
mod capture;
mod chunks;
mod connect;
mod differing;
mod error;
mod faults;
mod fingerprint;
mod glance;
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
pub mod template;

pub use capture::{CaptureOptions, KeepRows, TableException, Tables, capture, is_large};
pub use connect::PostgresTarget;
pub use error::{Notice, SqlError, StoreError};
pub use faults::{FaultSeen, Granted, Kind, LOCKER, Lock, Privileges, ReadOnly, Sessions, terminate, unlock};
pub use glance::{Since, glance};
pub use leftovers::{OwnBackends, leftovers};
pub use probe::{Probed, probe};
pub use session::{Executed, Session, Severer};
pub use settle::{Lingering, terminate_sessions, wait_sessions_gone};
