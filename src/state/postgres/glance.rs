//! Whether a database differs from an earlier capture, read no further than it takes to know.
//!
//! All is read as in a capture but the rows of tables. Those are read one table after the other, likely and
//! small ones first and more and more of these at once, until one differs: one difference is enough. They are not read at all where the schema
//! differs, or where no transaction has been committed since they were as before: rows change by committed
//! transactions only, and of each the server itself says what became of it. That is no statistics counter.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use super::batch;
use super::capture::{Failure, of_no_table, read_small};
use super::connect::{Link, PostgresTarget};
use super::error::StoreError;
use super::large_objects;
use super::leftovers::{self, OwnBackends};
use super::snapshot::Snapshot;
use super::tables::{self, Table};
use super::{schema, sequences};
use crate::state::compare::has_another_schema;
use crate::state::model::{Deal, StoreCapture, TableData, Unread};

const DOING: &str = "asking which transactions were committed";

/// A moment in the life of a server. What was committed before it is known; what was committed since can be
/// asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// The first transaction that may not have ended by then.
    transaction: u64,
    /// When the server was started, in seconds since 1970.
    started: String,
}

impl Since {
    /// Now.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn now(target: &PostgresTarget) -> Result<Self, StoreError> {
        let link = Link::open(target).await?;
        let query = "SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text,
                            extract(epoch FROM pg_catalog.pg_postmaster_start_time())::text";
        let row = link.client.query_one(query, &[]).await;
        link.close().await;
        let row = row.map_err(failed)?;
        let transaction: &str = row.try_get(0).map_err(failed)?;
        let transaction = transaction.parse();
        let transaction = transaction.map_err(|_| StoreError::Unsuitable(DOING.to_owned()))?;
        Ok(Self { transaction, started: row.try_get(1).map_err(failed)? })
    }

    /// Whether it is certain that no transaction has been committed since. A server that was started again
    /// may have lost or been given anything.
    async fn nothing_committed(&self, client: &Client) -> Result<bool, StoreError> {
        let Self { transaction, started } = self;
        let query = format!(
            "SELECT extract(epoch FROM pg_postmaster_start_time())::text = $1 AND NOT EXISTS (
               SELECT FROM generate_series({transaction}, pg_snapshot_xmax(pg_current_snapshot())::text::int8 - 1) x
               WHERE coalesce(pg_xact_status(x::text::xid8), 'forgotten') NOT IN ('aborted', 'in progress'))"
        );
        let row = client.query_one(&query, &[started]).await.map_err(failed)?;
        row.try_get(0).map_err(failed)
    }
}

/// Looks at a database until a difference from `before` is seen, or it is certain that there is none.
/// `since` is a moment at which it was as it was before. `likely` are texts that name the tables to read
/// first.
///
/// # Errors
/// As of [`super::capture`].
pub async fn glance(
    target: &PostgresTarget,
    own: &OwnBackends,
    before: &StoreCapture,
    since: Option<&Since>,
    likely: &[&str],
) -> Result<StoreCapture, StoreError> {
    let snapshot = Snapshot::open(target).await?;
    match read(&snapshot, own, before, since, likely).await {
        Ok(captured) => {
            snapshot.close().await;
            Ok(captured)
        }
        Err((error, table)) => Err(snapshot.explain(error, table.as_deref()).await),
    }
}

async fn read(
    snapshot: &Snapshot,
    own: &OwnBackends,
    before: &StoreCapture,
    since: Option<&Since>,
    likely: &[&str],
) -> Result<StoreCapture, Failure> {
    let client = snapshot.client();
    let server = snapshot.server().await.map_err(of_no_table)?;
    let listed = tables::list(client).await.map_err(of_no_table)?;
    let schema = schema::read(client, snapshot.version).await.map_err(of_no_table)?;
    let why = if has_another_schema(&before.schema, &schema) {
        Some(Unread::Enough)
    } else if let Some(since) = since
        && since.nothing_committed(client).await.map_err(of_no_table)?
    {
        Some(Unread::NothingCommitted)
    } else {
        None
    };
    let Rows { tables, unread } = rows(snapshot, before, &in_order(&listed, likely), why).await?;
    let sequences = sequences::read(client).await.map_err(of_no_table)?;
    let leftovers = leftovers::read(client, own).await.map_err(of_no_table)?;
    Ok(StoreCapture { server, schema, tables, sequences, leftovers, unread })
}

/// What was read of the tables, and what was not.
#[derive(Default)]
struct Rows {
    tables: BTreeMap<String, TableData>,
    unread: BTreeMap<String, Unread>,
}

async fn rows(
    snapshot: &Snapshot,
    before: &StoreCapture,
    listed: &[&Table],
    mut why: Option<Unread>,
) -> Result<Rows, Failure> {
    let mut rows = Rows::default();
    let differs = |name: &str, data: Option<&TableData>| {
        before.tables.get(name).map(|was| &was.raw) != data.map(|data| &data.raw)
    };
    let (mut left, mut most) = (listed, 1);
    while !left.is_empty() {
        let small = left.iter().take(most).take_while(|table| table.is_small()).count();
        let (group, behind) = left.split_at(small.max(1));
        (left, most) = (behind, (most * 2).min(batch::MOST));
        // A crash empties an unlogged table with no transaction; its emptiness alone is no difference.
        let (read, unread): (Vec<&Table>, Vec<&Table>) =
            group.iter().partition(|table| table.unlogged || why.is_none());
        rows.unread.extend(
            unread.into_iter().zip(why.into_iter().cycle()).map(|(table, why)| (table.name.clone(), why)),
        );
        let is_enough = |table: &Table, data: &TableData| !table.unlogged && differs(&table.name, Some(data));
        let read: Vec<(&Table, Option<&Deal>)> = read.into_iter().map(|table| (table, None)).collect();
        for ((table, _), (name, data)) in read.iter().zip(read_small(snapshot, &read).await?) {
            if is_enough(table, &data) {
                why = Some(Unread::Enough);
            }
            rows.tables.insert(name, data);
        }
    }
    if let Some(why) = why {
        rows.unread.insert(large_objects::NAME.to_owned(), why);
        return Ok(rows);
    }
    let large = large_objects::read(snapshot.client()).await;
    let large = large.map_err(|error| (error, Some("pg_largeobject".to_owned())))?;
    rows.tables.extend(large.map(|large| (large_objects::NAME.to_owned(), large)));
    Ok(rows)
}

/// The tables that must be read, then those that are named, each the smaller first.
fn in_order<'t>(listed: &'t [Table], likely: &[&str]) -> Vec<&'t Table> {
    let texts: Vec<String> = likely.iter().map(|text| text.to_lowercase()).collect();
    let is_named = |table: &Table| {
        let bare = table.name.rsplit('.').next().unwrap_or_default().trim_matches('"').to_lowercase();
        texts.iter().any(|text| text.contains(&bare))
    };
    let mut tables: Vec<&Table> = listed.iter().collect();
    tables.sort_by_cached_key(|table| (!table.unlogged, !is_named(table), table.size));
    tables
}

fn failed(error: tokio_postgres::Error) -> StoreError {
    StoreError::query(DOING, &error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, size: u64, unlogged: bool) -> Table {
        Table { name: name.to_owned(), unlogged, size, columns: Vec::new(), key: Vec::new() }
    }

    #[test]
    fn what_must_be_read_comes_first_then_what_is_named_then_what_is_small() {
        let listed = [
            table("public.large", 9, false),
            table("public.small", 1, false),
            table("app.\"Orders\"", 5, false),
            table("public.fleeting", 7, true),
        ];
        let order = in_order(&listed, &["UPDATE app.\"Orders\" SET a = 1"]);
        let names: Vec<&str> = order.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["public.fleeting", "app.\"Orders\"", "public.small", "public.large"]);
    }
}
