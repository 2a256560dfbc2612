//! An observed PostgreSQL, reached through its stage.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::task::JoinHandle;

use super::harm::Harm;
use super::keys;
use super::shelf::{self, Shelf};
use crate::journal::event::RowsDiffer;
use crate::plan::across::Keys;
use crate::plan::database::DatabaseFault;
use crate::plan::model::{self, Covers, Exception, Statement};
use crate::run::{Acted, Database, Session, SqlFailure, Store};
use crate::sql;
use crate::stage::Stage;
use crate::state::compare::compare_leftovers;
use crate::state::model::StoreCapture;
use crate::state::postgres::{
    self, CaptureOptions, KeepRows, LOCKER, OwnBackends, PostgresTarget, Probed, Since, StoreError,
    TableException, Tables, template, template::Template,
};
use crate::traffic;

/// Our own connections carry this name; it is how they are told apart from leftovers (S15).
const OURS: &str = "backout";
/// An operation's connection: never excluded, so that what it leaves behind is seen.
const OPERATION: &str = "backout operation";
/// A connection of the traffic's clients: ours too.
const TRAFFIC: &str = "backout traffic";
/// For a probe's answer.
const PROBE: Duration = Duration::from_secs(10);
/// Between two looks at leftovers.
const PAUSE: Duration = Duration::from_millis(100);

/// Something that is being made in the background.
type Making = JoinHandle<Result<(), StoreError>>;

pub(super) struct Postgres {
    stage: Arc<dyn Stage>,
    database: model::Database,
    shelf: Shelf,
    template: Mutex<Option<Template>>,
    /// Whether it is there to be put back.
    resets: AtomicBool,
    /// Why the database could not be kept.
    uncopied: Mutex<Option<String>>,
    /// The copy that the next reset puts in the database's place, as it is being made.
    spare: Mutex<Option<Making>>,
    /// A moment at which everything was as in the capture that others are compared with.
    since: Mutex<Option<Since>>,
    harm: Harm,
}

impl Postgres {
    pub(super) fn new(stage: Arc<dyn Stage>, database: model::Database, shelf: Shelf) -> Self {
        let (template, resets, uncopied, spare, since, harm) = Default::default();
        Self { stage, database, shelf, template, resets, uncopied, spare, since, harm }
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

    async fn connect(&self, application_name: &str) -> Result<Box<dyn Session>, SqlFailure> {
        let failure = |message: String| SqlFailure { message, left_nothing: true };
        let target = self.target(application_name).await.map_err(failure)?;
        let session = postgres::Session::open(&target).await.map_err(|error| failure(error.to_string()))?;
        Ok(Box::new(Open(session)))
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

    /// What is ours inside the server, by exact name (S15).
    fn own(&self) -> OwnBackends {
        let application_names = [OURS, LOCKER, TRAFFIC].map(str::to_owned).into();
        let databases = [self.snapshot_name(), self.spare_name()].into_iter().flatten().collect();
        OwnBackends { application_names, databases, ..OwnBackends::default() }
    }

    fn template(&self) -> Option<Template> {
        self.template.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The database that holds everything as it was before; why there is none, otherwise.
    fn copy(&self) -> Result<String, String> {
        let uncopied = || self.uncopied.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match self.template() {
            Some(template) => Ok(template.name),
            None => Err(uncopied().unwrap_or_else(|| "none was made".to_owned())),
        }
    }

    /// Begins to make the copy for the next reset: the disk works while rows are compared.
    fn make_spare(&self, target: &PostgresTarget) {
        let Some(template) = self.template().filter(|_| self.resets.load(Ordering::Relaxed)) else { return };
        let target = target.clone();
        let making = tokio::spawn(async move { template::make_spare(&target, &template).await });
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(making);
    }

    /// Waits for that copy; whether there is one.
    async fn has_spare(&self) -> bool {
        let making = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        match making {
            Some(making) => matches!(making.await, Ok(Ok(()))),
            None => false,
        }
    }

    /// From now on, what is committed may make a difference.
    async fn is_as_before(&self, target: &PostgresTarget) -> Result<(), String> {
        let since = Since::now(target).await.map_err(|error| error.to_string())?;
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(since);
        Ok(())
    }

    async fn pids(&self, condition: &str) -> Result<Vec<i32>, String> {
        let query = format!(
            "SELECT pid FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend' \
             AND application_name NOT IN ('{OURS}', '{LOCKER}', '{TRAFFIC}') AND {condition}"
        );
        let rows = self.ask(&query).await?;
        Ok(rows.into_iter().filter_map(|row| row.into_iter().next()??.parse().ok()).collect())
    }
}

fn exceptions(except: &[Exception]) -> Vec<TableException> {
    let tables = except.iter().filter_map(|exception| match &exception.covers {
        Covers::Table { table, columns, condition } => {
            // Without columns and condition it is the whole table.
            let all = || columns.is_empty().then(|| "true".to_owned());
            let where_ = condition.clone().or_else(all);
            Some(TableException { of: Tables::Named(table.clone()), columns: columns.clone(), where_ })
        }
        Covers::Schema { schema, columns } => {
            let where_ = columns.is_empty().then(|| "true".to_owned());
            Some(TableException { of: Tables::In(schema.clone()), columns: columns.clone(), where_ })
        }
        Covers::Object(_) | Covers::Sequence(_) | Covers::Service(_) | Covers::Leftover(_) => None,
    });
    tables.collect()
}

#[async_trait]
impl Store for Postgres {
    async fn quiet(&self, before: &StoreCapture, within: Duration) -> Result<(), String> {
        let deadline = Instant::now() + within;
        loop {
            let target = self.target(OURS).await?;
            let now = postgres::leftovers(&target, &self.own()).await.map_err(|error| error.to_string())?;
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
                let dir = self.shelf.make(kept)?;
                let reference = reference.map(|reference| reference.tables.clone());
                Some(KeepRows { dir, max_bytes: shelf::ROOM, reference, copy: self.copy() })
            }
            None => None,
        };
        let options = CaptureOptions { exceptions: exceptions(except), keep_rows, own: self.own() };
        let target = self.target(OURS).await?;
        let Some(reference) = reference else {
            self.is_as_before(&target).await?;
            return postgres::capture(&target, &options).await.map_err(|error| error.to_string());
        };
        // Who copies the template has it for himself, and rows of large tables are read there.
        let is_read = keep.is_some() && reference.tables.values().any(|table| table.chunks.is_some());
        if is_read {
            self.has_spare().await;
        } else {
            self.make_spare(&target);
        }
        let captured = postgres::capture(&target, &options).await;
        if is_read {
            self.make_spare(&target);
        }
        captured.map_err(|error| error.to_string())
    }

    async fn is_large(&self) -> Result<bool, String> {
        let target = self.target(OURS).await?;
        postgres::is_large(&target, shelf::ROOM).await.map_err(|error| error.to_string())
    }

    async fn glance(&self, before: &StoreCapture, likely: &[&str]) -> Result<StoreCapture, String> {
        let target = self.target(OURS).await?;
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let glanced = postgres::glance(&target, &self.own(), before, since.as_ref(), likely).await;
        glanced.map_err(|error| error.to_string())
    }

    fn snapshot_name(&self) -> Option<String> {
        Some(format!("backout_seed_{}", self.database.database))
    }

    fn spare_name(&self) -> Option<String> {
        Some(format!("backout_next_{}", self.database.database))
    }

    async fn snapshot(&self, resets: bool) -> Result<(), String> {
        self.resets.store(resets, Ordering::Relaxed);
        let target = self.target(OURS).await?;
        let (name, spare) = (self.snapshot_name().unwrap_or_default(), self.spare_name().unwrap_or_default());
        let template = template::keep(&target, &name, &spare).await;
        let template = template.map_err(|error| {
            let why = error.to_string();
            *self.uncopied.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
            why
        })?;
        *self.template.lock().unwrap_or_else(PoisonError::into_inner) = Some(template);
        Ok(())
    }

    async fn reset(&self) -> Result<(), String> {
        let template = self.template().ok_or("nothing was kept")?;
        let target = self.target(OURS).await?;
        let spare = self.has_spare().await;
        let put_back = template::put_back(&target, &template, spare).await;
        put_back.map_err(|error| error.to_string())?;
        self.is_as_before(&target).await
    }

    async fn restored(&self, _: &StoreCapture) -> Result<(), String> {
        // The copy that was made ahead is gone with all the rest.
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.is_as_before(&self.target(OURS).await?).await
    }

    async fn keys(&self, keys: &Keys) -> Result<BTreeSet<String>, String> {
        match keys {
            Keys::Query(written) => keys::of_rows(self.ask(&keys::query(written)).await?),
            Keys::Named { .. } | Keys::Messages { .. } => Err("a database has a query".to_owned()),
        }
    }

    fn shown(&self, value: &str) -> String {
        self.shelf.shown(value)
    }

    fn forget(&self, kept: &str) {
        self.shelf.clear(kept);
    }

    async fn rows(
        &self,
        before: (&str, &StoreCapture),
        after: (&str, &StoreCapture),
        keys: &traffic::Keys,
    ) -> Result<Vec<RowsDiffer>, String> {
        self.shelf.differing(before, after, keys)
    }
}

#[async_trait]
impl Database for Postgres {
    async fn open(&self) -> Result<Box<dyn Session>, SqlFailure> {
        self.connect(OPERATION).await
    }

    async fn visit(&self) -> Result<Box<dyn Session>, SqlFailure> {
        self.connect(TRAFFIC).await
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

    async fn inject(&self, fault: &DatabaseFault, within: Duration) -> Result<Acted, String> {
        let target = self.target(OURS).await?;
        self.harm.inject(&target, fault, within).await
    }

    async fn heal(&self, fault: &DatabaseFault, within: Duration) -> Result<(), String> {
        self.harm.heal(fault, within, || self.target(OURS)).await
    }
}

struct Open(postgres::Session);

#[async_trait]
impl Session for Open {
    fn number(&self) -> i32 {
        self.0.backend_pid()
    }

    async fn execute(&mut self, statement: &Statement) -> Result<Vec<String>, SqlFailure> {
        let executed = self.send(statement).await?;
        let notices = executed.notices.iter();
        Ok(notices.map(|notice| format!("{}: {}", notice.severity, notice.message)).collect())
    }

    async fn ask(&mut self, statement: &Statement) -> Result<Vec<Option<String>>, SqlFailure> {
        let executed = self.send(statement).await?;
        Ok(executed.rows.into_iter().map(|row| row.into_iter().next().flatten()).collect())
    }

    async fn sever(self: Box<Self>) {
        self.0.sever().await;
    }

    async fn close(self: Box<Self>) {
        self.0.close().await;
    }
}

impl Open {
    async fn send(&mut self, statement: &Statement) -> Result<postgres::Executed, SqlFailure> {
        let sent = sql::Statement {
            text: statement.text.clone(),
            span: 0..statement.text.len(),
            line: statement.line,
            copy_data: statement.copy_data.clone(),
        };
        let sent = self.0.execute(&sent).await;
        sent.map_err(|error| SqlFailure { message: error.to_string(), left_nothing: error.left_nothing() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Place;

    #[test]
    fn s16_an_exception_that_nothing_narrows_covers_every_row() {
        let of = |columns: &[&str], condition: Option<&str>| {
            let covers = Covers::Table {
                table: "public.beats".to_owned(),
                columns: columns.iter().map(|name| (*name).to_owned()).collect(),
                condition: condition.map(str::to_owned),
            };
            let at = Place { file: "scenario.yaml".to_owned(), line: 1, column: 1 };
            let exception = Exception { covers, because: "a heartbeat".to_owned(), at };
            exceptions(&[exception]).remove(0).where_
        };
        assert_eq!(of(&[], None).as_deref(), Some("true"));
        assert_eq!(of(&["seen"], None), None);
        assert_eq!(of(&[], Some("id > 3")).as_deref(), Some("id > 3"));
    }
}
