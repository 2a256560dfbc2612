//! SQL text as MariaDB's and MySQL's own lexer reads it: statements, and what they do to a transaction.

mod body;
mod effect;
mod script;
mod statements;

pub use effect::{Effect, Yields, effect};
pub use script::{commits_by_itself, is_transaction_control, split};
pub use statements::{Dialect, Piece, cut, strip};
