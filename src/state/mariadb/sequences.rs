//! Where numbers have got: AUTO_INCREMENT of tables, and sequences.

use std::collections::BTreeMap;

use super::connect::{Server, literal, quoted};
use crate::state::model::{Definition, SequenceState};

/// Every position, by `database.table.column` or `database.sequence`.
pub(super) async fn read(
    server: &mut Server,
    database: &str,
) -> Result<BTreeMap<String, SequenceState>, String> {
    let mut found = BTreeMap::new();
    let query = format!(
        "SELECT t.table_name, c.column_name, t.auto_increment FROM information_schema.tables t \
         JOIN information_schema.columns c ON c.table_schema = t.table_schema AND c.table_name = t.table_name \
         WHERE t.table_schema = {} AND c.extra LIKE '%auto_increment%'",
        literal(database)
    );
    for row in server.rows(&query).await? {
        let [Some(table), Some(column), next] = &row[..] else { continue };
        let reached = format!("SELECT MAX({}) FROM {}.{}", quoted(column), quoted(database), quoted(table));
        let reached = server.rows(&reached).await?;
        let reached = reached.into_iter().flatten().flatten().next().and_then(|text| text.parse().ok());
        let next = next.as_ref().and_then(|next| next.parse().ok()).unwrap_or(1);
        found.insert(format!("{database}.{table}.{column}"), state(next, 1, reached));
    }
    let query = format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = {} AND table_type = 'SEQUENCE'",
        literal(database)
    );
    for name in server.rows(&query).await?.into_iter().flatten().flatten() {
        let position =
            format!("SELECT next_not_cached_value, increment FROM {}.{}", quoted(database), quoted(&name));
        let row = server.rows(&position).await?.into_iter().next().unwrap_or_default();
        let mut numbers = row.into_iter().map(|text| text.and_then(|text| text.parse().ok()).unwrap_or(1));
        let (next, increment) = (numbers.next().unwrap_or(1), numbers.next().unwrap_or(1));
        found.insert(format!("{database}.{name}"), state(next, increment, None));
    }
    Ok(found)
}

fn state(next: i64, increment: i64, column_reaches: Option<i64>) -> SequenceState {
    let definition = Definition::default();
    SequenceState {
        definition,
        increment,
        last_value: next,
        is_called: false,
        column_reaches,
        unlogged: false,
    }
}
