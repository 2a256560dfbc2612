//! The rows of large tables that may differ: those in chunks that are not as before, of both sides. What they
//! were before is read in the copy of the database that its server keeps.
//!
//! Each side is read in a session of its own. One that is lost is opened again, and what it was reading is
//! read again: the copy does not change, and the capture's snapshot stays open and is shared.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::capture::{KeepRows, TableException, left_out};
use super::chunks::{self, Apart};
use super::connect::PostgresTarget;
use super::error::StoreError;
use super::keep::{Plan, write};
use super::snapshot::Snapshot;
use super::tables::{self, Table};
use crate::secret;
use crate::state::model::{Deal, Kept, TableData};
use crate::state::rows::BEFORE;

/// How often something is read before it is given up.
const ATTEMPTS: usize = 3;
/// How many tables are read.
const MOST: usize = 200;

/// A capture whose rows are compared with a reference.
pub(super) struct Differing<'c> {
    pub(super) snapshot: &'c Snapshot,
    pub(super) exceptions: &'c [TableException],
    pub(super) options: &'c KeepRows,
    pub(super) reference: &'c BTreeMap<String, TableData>,
}

/// A side, as its sessions see it.
struct Side {
    target: PostgresTarget,
    /// The snapshot that they share; none where nothing moves.
    shared: Option<String>,
    tables: Vec<Table>,
    /// Where its rows are written.
    dir: PathBuf,
}

/// Both sides, and how many bytes of a table may be written of each.
struct Sides {
    before: Side,
    after: Side,
    room: u64,
}

impl Differing<'_> {
    /// Keeps the rows of these tables that may differ, and of those that are gone.
    pub(super) async fn keep(
        &self,
        dealt: &[&Table],
        tables: &mut BTreeMap<String, TableData>,
    ) -> Result<(), StoreError> {
        let gone = self
            .reference
            .iter()
            .filter(|(name, was)| was.chunks.is_some() && was.raw.rows > 0 && !tables.contains_key(*name));
        let gone: Vec<&str> = gone.map(|(name, _)| name.as_str()).take(MOST).collect();
        let (dealt, more) = dealt.split_at(dealt.len().min(MOST));
        for table in more {
            let because = format!("those of {MOST} other tables that differ are shown");
            self.note(tables, &table.name, Kept::Nothing { because });
        }
        if dealt.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let (before, after) = match self.sides(dealt).await {
            Ok(sides) => sides,
            Err(error) => {
                let because = format!("what they were cannot be read: {error}");
                for table in dealt {
                    self.note(tables, &table.name, Kept::Nothing { because: because.clone() });
                }
                return Ok(());
            }
        };
        let room = self.options.max_bytes / (dealt.len() + gone.len()) as u64;
        let sides = Sides { before, after, room };
        for table in dealt {
            let now = &tables[&table.name];
            // What differs is known all the same.
            let kept = self.table(&sides, &table.name, now).await.unwrap_or_else(|error| Kept::Nothing {
                because: format!("the rows that differ could not be read: {error}"),
            });
            self.note(tables, &table.name, kept);
        }
        for name in gone {
            self.gone(&sides, name).await?;
        }
        Ok(())
    }

    fn note(&self, tables: &mut BTreeMap<String, TableData>, name: &str, kept: Kept) {
        if let Some(data) = tables.get_mut(name) {
            data.kept = kept;
        }
    }

    async fn sides(&self, dealt: &[&Table]) -> Result<(Side, Side), StoreError> {
        let copy = self.options.copy.clone().map_err(StoreError::Unsuitable)?;
        let target = PostgresTarget { database: copy, ..self.snapshot.target().clone() };
        let dir = self.options.dir.join(BEFORE);
        secret::files::folder(&dir).map_err(|error| StoreError::File {
            doing: "cannot make the folder".to_owned(),
            path: dir.display().to_string(),
            reason: error.to_string(),
        })?;
        let mut attempt = 1;
        let listed = loop {
            match list(&target).await {
                Err(error) if attempt < ATTEMPTS && error.is_passing() => attempt += 1,
                listed => break listed?,
            }
        };
        let before = Side { target, shared: None, tables: listed, dir };
        let after = Side {
            target: self.snapshot.target().clone(),
            shared: Some(self.snapshot.share().await?),
            tables: dealt.iter().map(|table| (*table).clone()).collect(),
            dir: self.options.dir.clone(),
        };
        Ok((before, after))
    }

    async fn table(&self, sides: &Sides, name: &str, now: &TableData) -> Result<Kept, StoreError> {
        let because = |why: &str| Ok(Kept::Nothing { because: format!("it is large, and {why}") });
        let Some(was) = self.reference.get(name) else { return because("it was not there before") };
        let Some(old) = sides.before.table(name) else { return because("the copy does not hold it") };
        let (Some(from), Some(to)) = (&was.chunks, &now.chunks) else {
            return because(match &now.exception_error {
                Some(_) => "its exceptions cannot be applied any more",
                None => "what told its rows apart is not there any more",
            });
        };
        let apart = chunks::apart(from, to);
        let mut some = fitting(&apart, old.size / was.raw.rows.max(1), sides.room);
        loop {
            let numbers: Vec<u32> = apart[..some].iter().map(|one| one.chunk).collect();
            let old = self.fetch(&sides.before, name, was, &from.deal, &numbers, sides.room).await?;
            let new = self.fetch(&sides.after, name, was, &from.deal, &numbers, sides.room).await?;
            match (old, new) {
                (Some(_), Some(bytes)) => {
                    return Ok(Kept::Differing { bytes, rest: rest(&apart, some) });
                }
                _ if some > 1 => some /= 2,
                _ => return because("so are its rows"),
            }
        }
    }

    /// The first rows of a table that is gone.
    async fn gone(&self, sides: &Sides, name: &str) -> Result<(), StoreError> {
        let was = &self.reference[name];
        let (Some(chunks), Some(old)) = (&was.chunks, sides.before.table(name)) else { return Ok(()) };
        let all = chunks.sums.iter().map(|sum| Apart { chunk: sum.chunk, rows: sum.rows });
        let all: Vec<Apart> = all.collect();
        let mut some = fitting(&all, old.size / was.raw.rows.max(1), sides.room);
        while some > 0 {
            let numbers: Vec<u32> = all[..some].iter().map(|one| one.chunk).collect();
            let read = self.fetch(&sides.before, name, was, &chunks.deal, &numbers, sides.room).await;
            if read.is_ok_and(|written| written.is_some()) {
                break;
            }
            some /= 2;
        }
        Ok(())
    }

    /// Writes the rows of some chunks of one side to its folder; none when there is no room for them.
    async fn fetch(
        &self,
        side: &Side,
        name: &str,
        was: &TableData,
        deal: &Deal,
        numbers: &[u32],
        room: u64,
    ) -> Result<Option<u64>, StoreError> {
        let Some(table) = side.table(name) else { return Ok(None) };
        let left_out = left_out(table, self.exceptions).unwrap_or_default();
        let plan = Plan::of(table, left_out, Some(was));
        let plan = match chunks::within(deal, table, numbers) {
            Some(within) => plan.within(within),
            None => plan,
        };
        let mut attempt = 1;
        loop {
            match side.read(&plan, room).await {
                Err(error) if attempt < ATTEMPTS && error.is_passing() => attempt += 1,
                read => return read,
            }
        }
    }
}

impl Side {
    fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    async fn read(&self, plan: &Plan<'_>, room: u64) -> Result<Option<u64>, StoreError> {
        let session = match &self.shared {
            Some(shared) => Snapshot::open_shared(&self.target, shared).await?,
            None => Snapshot::open(&self.target).await?,
        };
        match write(session.client(), plan, &self.dir, room).await {
            Ok(written) => {
                session.close().await;
                Ok(written)
            }
            Err(error) => Err(session.explain(error, None).await),
        }
    }
}

async fn list(target: &PostgresTarget) -> Result<Vec<Table>, StoreError> {
    let snapshot = Snapshot::open(target).await?;
    let listed = tables::list(snapshot.client()).await?;
    snapshot.close().await;
    Ok(listed)
}

/// How many of the chunks have room, about, when a row takes so many bytes.
fn fitting(apart: &[Apart], row: u64, mut room: u64) -> usize {
    let fitting = apart.iter().take_while(|one| {
        let left = room.checked_sub(one.rows.saturating_mul(row.max(1)));
        room = left.unwrap_or_default();
        left.is_some()
    });
    fitting.count().max(1).min(apart.len())
}

/// What is said of chunks that differ and were not fetched.
fn rest(apart: &[Apart], some: usize) -> Option<String> {
    let left = &apart[some..];
    let rows: u64 = left.iter().map(|one| one.rows).sum();
    let (of, all) = (left.len(), apart.len());
    (of > 0).then(|| {
        format!("shown are the rows of the first {some} parts that differ; {of} of {all} with up to {rows} rows are not")
    })
}
