//! PostgreSQL 13 and later: sessions for operations and probes, and captures of what a database holds.

mod connect;
mod error;
mod probe;
mod session;
mod settle;

pub use connect::PostgresTarget;
pub use error::{Notice, SqlError, StoreError};
pub use probe::{Probed, probe};
pub use session::{Executed, Session, Severer};
pub use settle::{Lingering, wait_sessions_gone};
