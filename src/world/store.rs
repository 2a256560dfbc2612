//! An observed PostgreSQL, reached through its stage.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::journal::event::RowsDiffer;
use crate::plan::model::{Covers, Database, Exception, Statement};
use crate::run::{Session, SqlFailure, Store};
use crate::sql;
use crate::stage::Stage;
use crate::state::compare::{compare, compare_leftovers};
use crate::state::model::{Kept, StoreCapture};
use crate::state::postgres::{
    self, CaptureOptions, KeepRows, OwnBackends, PostgresTarget, Probed, StoreError, TableException,
};
use crate::state::rows::{self, Cell, RowDifference};

/// Our own connections carry this name; it is how they are told apart from leftovers (S15).
const OURS: &str = "backout";
/// An operation's connection: never excluded, so that what it leaves behind is seen.
const OPERATION: &str = "backout operation";
/// For a probe's answer.
const PROBE: Duration = Duration::from_secs(10);
/// How many bytes of rows are kept per capture.
const KEEP: u64 = 64 << 20;
/// How many rows of a table go into the journal.
const EXAMPLES: usize = 20;
/// Between two looks at leftovers.
const PAUSE: Duration = Duration::from_millis(100);

/// How row values are written.
#[derive(Debug, Clone, Default)]
pub(super) struct Showing {
    /// All of them as type, length and digest (S20).
    pub(super) hide: bool,
    /// These too: `table.column` or `table.*`.
    pub(super) mask: Vec<String>,
}

pub(super) struct Postgres {
    stage: Arc<dyn Stage>,
    database: Database,
    /// Rows are kept below this folder while the run lasts.
    work: PathBuf,
    /// Every row that differs is written here.
    rows: PathBuf,
    showing: Showing,
}

impl Postgres {
    pub(super) fn new(
        stage: Arc<dyn Stage>,
        database: Database,
        work: PathBuf,
        rows: PathBuf,
        showing: Showing,
    ) -> Self {
        Self { stage, database, work, rows, showing }
    }

    /// Asked again for each connection: a restart changes the port.
    async fn target(&self, application_name: &str) -> Result<PostgresTarget, String> {
        let address = self.stage.address(&self.database.service, self.database.port).await;
        Ok(PostgresTarget {
            host: address.map_err(|error| error.to_string())?,
            database: self.database.database.clone(),
            user: self.database.user.clone(),
            password: self.database.password.as_ref().map(|password| password.reveal().to_owned()),
            application_name: application_name.to_owned(),
        })
    }

    fn folder(&self, kept: &str) -> PathBuf {
        self.work.join(format!("{kept}-{}", self.database.service))
    }

    async fn ask(&self, query: &str) -> Result<Vec<Vec<Option<String>>>, String> {
        let target = self.target(OURS).await?;
        match postgres::probe(&target, query, PROBE).await {
            Ok(Probed::Answered(answer)) => Ok(answer.rows),
            Ok(Probed::Unknown { reason }) => Err(reason),
            Ok(Probed::Failed(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn pids(&self, condition: &str) -> Result<Vec<i32>, String> {
        let query = format!(
            "SELECT pid FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend' \
             AND application_name <> '{OURS}' AND {condition}"
        );
        let rows = self.ask(&query).await?;
        Ok(rows.into_iter().filter_map(|row| row.into_iter().next()??.parse().ok()).collect())
    }
}

fn own() -> OwnBackends {
    OwnBackends { application_names: [OURS.to_owned()].into(), ..OwnBackends::default() }
}

fn exceptions(except: &[Exception]) -> Vec<TableException> {
    let tables = except.iter().filter_map(|exception| match &exception.covers {
        Covers::Table { table, columns, condition } => {
            Some(TableException { table: table.clone(), columns: columns.clone(), where_: condition.clone() })
        }
        Covers::Object(_) | Covers::Sequence(_) | Covers::Service(_) | Covers::Leftover(_) => None,
    });
    tables.collect()
}

#[async_trait]
impl Store for Postgres {
    async fn open(&self) -> Result<Box<dyn Session>, SqlFailure> {
        let failure = |message: String| SqlFailure { message };
        let target = self.target(OPERATION).await.map_err(failure)?;
        let session = postgres::Session::open(&target).await.map_err(|error| failure(error.to_string()))?;
        Ok(Box::new(Open(session)))
    }

    async fn value(&self, query: &str) -> Result<Option<String>, String> {
        let rows = self.ask(query).await?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
    }

    async fn sessions(&self) -> Result<Vec<i32>, String> {
        self.pids("true").await
    }

    async fn busy(&self, known: &[i32]) -> Result<Vec<i32>, String> {
        let busy = self.pids("state <> 'idle'").await?;
        Ok(busy.into_iter().filter(|pid| !known.contains(pid)).collect())
    }

    async fn gone(&self, sessions: &[i32], within: Duration) -> Result<(), Vec<String>> {
        if sessions.is_empty() {
            return Ok(());
        }
        let target = self.target(OURS).await.map_err(|error| vec![error])?;
        match postgres::wait_sessions_gone(&target, sessions, within).await {
            Ok(left) if left.is_empty() => Ok(()),
            Ok(left) => {
                Err(left.into_iter().map(|one| format!("session {}: {}", one.pid, one.doing)).collect())
            }
            Err(error) => Err(vec![error.to_string()]),
        }
    }

    async fn quiet(&self, before: &StoreCapture, within: Duration) -> Result<(), String> {
        let deadline = Instant::now() + within;
        loop {
            let target = self.target(OURS).await?;
            let now = postgres::leftovers(&target, &own()).await.map_err(|error| error.to_string())?;
            let differing = compare_leftovers(&before.leftovers, &now);
            let passing = differing.iter().any(|one| one.leftover.kind.is_passing());
            if !passing || Instant::now() >= deadline {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn capture(
        &self,
        keep: Option<&str>,
        reference: Option<&StoreCapture>,
        except: &[Exception],
    ) -> Result<StoreCapture, String> {
        let keep_rows = match keep {
            Some(kept) => {
                let dir = self.folder(kept);
                std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
                let reference = reference.map(|reference| reference.tables.clone());
                Some(KeepRows { dir, max_bytes: KEEP, reference })
            }
            None => None,
        };
        let options = CaptureOptions { exceptions: exceptions(except), keep_rows, own: own() };
        let target = self.target(OURS).await?;
        postgres::capture(&target, &options).await.map_err(|error: StoreError| error.to_string())
    }

    async fn rows(
        &self,
        (before_kept, before): (&str, &StoreCapture),
        (after_kept, after): (&str, &StoreCapture),
    ) -> Result<Vec<RowsDiffer>, String> {
        let (from, to) = (self.folder(before_kept), self.folder(after_kept));
        let mut differing = Vec::new();
        for table in compare(before, after).tables.into_iter().filter(|table| !table.excepted) {
            let side = |store: &StoreCapture| store.tables.get(&table.table).map(|data| data.kept.clone());
            let not_kept = [side(before), side(after)].into_iter().flatten().find_map(|kept| match kept {
                Kept::Rows { .. } => None,
                Kept::Nothing { because } => Some(because),
            });
            let rows = match not_kept {
                Some(because) => {
                    RowsDiffer { table: table.table, not_kept: Some(because), ..RowsDiffer::default() }
                }
                None => {
                    let from = before.tables.contains_key(&table.table).then_some(from.as_path());
                    let to = after.tables.contains_key(&table.table).then_some(to.as_path());
                    self.differing(table.table, from, to)?
                }
            };
            differing.push(rows);
        }
        Ok(differing)
    }
}

impl Postgres {
    /// Writes every differing row to the file beside the report, and keeps the first ones.
    fn differing(&self, table: String, from: Option<&Path>, to: Option<&Path>) -> Result<RowsDiffer, String> {
        let mut file =
            open_private(&self.rows).map_err(|error| format!("{}: {error}", self.rows.display()))?;
        let mut examples = Vec::new();
        let counts = rows::diff(&table, from, to, &mut |difference| {
            use std::io::Write;
            let shown = self.showing.row(&table, difference);
            let line = serde_json::json!({ "database": self.database.service, "table": table, "row": shown });
            writeln!(file, "{line}")?;
            if examples.len() < EXAMPLES {
                examples.push(shown);
            }
            Ok(())
        });
        let counts = counts.map_err(|error| error.to_string())?;
        Ok(RowsDiffer { table, counts, examples, not_kept: None })
    }
}

fn open_private(path: &Path) -> std::io::Result<std::io::BufWriter<std::fs::File>> {
    use std::os::unix::fs::OpenOptionsExt;
    let file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    Ok(std::io::BufWriter::new(file))
}

impl Showing {
    fn row(&self, table: &str, mut row: RowDifference) -> RowDifference {
        for (name, value) in &mut row.key {
            self.cell(table, name, "key", value);
        }
        for column in &mut row.columns {
            self.cell(table, &column.name, &column.type_name, &mut column.before);
            self.cell(table, &column.name, &column.type_name, &mut column.after);
        }
        row
    }

    fn cell(&self, table: &str, column: &str, type_name: &str, cell: &mut Cell) {
        if let Cell::Value(value) = cell
            && (self.hide || self.is_masked(table, column))
        {
            *value = hidden(type_name, value);
        }
    }

    fn is_masked(&self, table: &str, column: &str) -> bool {
        let bare = table.strip_prefix("public.").unwrap_or(table);
        self.mask.iter().any(|mask| {
            mask.rsplit_once('.').is_some_and(|(masked, name)| {
                (masked == bare || masked == table) && (name == "*" || name == column)
            })
        })
    }
}

/// What a value is shown as when it may not be seen: equal values look equal.
fn hidden(type_name: &str, value: &str) -> String {
    let digest = Sha256::digest(value.as_bytes());
    format!("‹{type_name}, {} bytes, #{:02x}{:02x}›", value.len(), digest[0], digest[1])
}

struct Open(postgres::Session);

#[async_trait]
impl Session for Open {
    fn number(&self) -> i32 {
        self.0.backend_pid()
    }

    async fn execute(&mut self, statement: &Statement) -> Result<Vec<String>, SqlFailure> {
        let sent = sql::Statement {
            text: statement.text.clone(),
            span: 0..statement.text.len(),
            line: statement.line,
            copy_data: statement.copy_data.clone(),
        };
        match self.0.execute(&sent).await {
            Ok(executed) => {
                let notices = executed.notices.iter();
                Ok(notices.map(|notice| format!("{}: {}", notice.severity, notice.message)).collect())
            }
            Err(error) => Err(SqlFailure { message: error.to_string() }),
        }
    }

    async fn sever(self: Box<Self>) {
        self.0.sever().await;
    }

    async fn close(self: Box<Self>) {
        self.0.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(showing: &Showing, table: &str, column: &str) -> Cell {
        let mut cell = Cell::Value("gift wrap".to_owned());
        showing.cell(table, column, "text", &mut cell);
        cell
    }

    #[test]
    fn s20_hidden_values_are_told_by_length_and_digest() {
        let hide = Showing { hide: true, mask: Vec::new() };
        let Cell::Value(text) = shown(&hide, "public.orders", "note") else {
            panic!("a value stays a value")
        };
        assert!(text.starts_with("‹text, 9 bytes, #") && !text.contains("gift"), "{text}");
        assert_eq!(shown(&hide, "public.orders", "note"), Cell::Value(text));
    }

    #[test]
    fn s20_a_mask_covers_a_column_or_a_table() {
        let mask = Showing { hide: false, mask: vec!["orders.note".to_owned(), "customers.*".to_owned()] };
        let plain = Cell::Value("gift wrap".to_owned());
        assert_ne!(shown(&mask, "public.orders", "note"), plain);
        assert_ne!(shown(&mask, "public.customers", "name"), plain);
        assert_eq!(shown(&mask, "public.orders", "id"), plain);
        assert_eq!(shown(&mask, "audit.orders", "note"), plain);
    }
}
