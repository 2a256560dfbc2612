//! SQL text as PostgreSQL's own lexer reads it: tokens, statements, one-line display texts; and as
//! MariaDB's does, in `mariadb/`.
//!
//! Pure: nothing here talks to a server.

mod effect;
mod fingerprint;
mod lex;
pub mod mariadb;
mod split;
mod veil;
mod words;

pub use effect::{Deallocated, Effect, deallocated, effect};
pub use fingerprint::fingerprint;
pub use split::{SplitError, Statement, is_copy_out, is_transaction_control, split, split_message};
pub use veil::veil;
pub use words::words;
