//! SQL text as PostgreSQL's own lexer reads it: tokens, statements, one-line display texts.
//!
//! Pure: nothing here talks to a server.

mod fingerprint;
mod lex;
mod split;

pub use fingerprint::fingerprint;
pub use split::{SplitError, Statement, is_copy_out, is_transaction_control, split};
