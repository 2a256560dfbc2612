//! The state of everything at one moment, and the rows that differ between two.

use std::collections::BTreeMap;
use std::time::Duration;

use super::scribe::Scribe;
use super::walk::Ground;
use crate::journal::event::Moment;
use crate::journal::{Event, JournalError};
use crate::plan::model::{Exception, StateKind};
use crate::stage::ServiceState;
use crate::state::model::StoreCapture;

/// How long sessions, locks and temporary objects of clients may take to go away.
const QUIET: Duration = Duration::from_secs(5);

/// What was captured, as later comparisons need it.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) system: BTreeMap<String, ServiceState>,
    databases: BTreeMap<String, StoreCapture>,
    /// Under which name the rows were kept.
    kept: String,
}

/// Captures the state now. None when it could not be; the journal says why.
pub(super) async fn take(
    ground: &Ground,
    scribe: &Scribe,
    moment: Moment,
    before: Option<&Taken>,
) -> Result<Option<Taken>, JournalError> {
    let kept = format!("{}-{}", ground.run, name(moment));
    match attempt(ground, &kept, before).await {
        Ok((taken, strays)) => {
            let (system, databases) = (taken.system.clone(), taken.databases.clone());
            scribe.note(&Event::Captured { moment, system, databases, strays })?;
            Ok(Some(taken))
        }
        Err(error) => {
            scribe.note(&Event::CaptureFailed { moment, error })?;
            Ok(None)
        }
    }
}

async fn attempt(
    ground: &Ground,
    kept: &str,
    before: Option<&Taken>,
) -> Result<(Taken, Vec<crate::stage::Resource>), String> {
    let system = ground.stage.inspect().await.map_err(|error| error.to_string())?;
    let strays = ground.stage.strays().await.map_err(|error| error.to_string())?;
    let mut databases = BTreeMap::new();
    for (name, store) in &ground.stores {
        let before = before.and_then(|before| before.databases.get(name));
        if let Some(before) = before {
            store.quiet(before, QUIET).await?;
        }
        let capture = store.capture(Some(kept), before, exceptions(ground)).await;
        databases.insert(name.clone(), capture.map_err(|error| format!("{name}: {error}"))?);
    }
    Ok((Taken { system, databases, kept: kept.to_owned() }, strays))
}

/// Notes the rows that differ between two moments.
pub(super) async fn compare(
    ground: &Ground,
    scribe: &Scribe,
    (from, before): (Moment, &Taken),
    (to, after): (Moment, &Taken),
) -> Result<(), JournalError> {
    for (database, store) in &ground.stores {
        let (Some(old), Some(new)) = (before.databases.get(database), after.databases.get(database)) else {
            continue;
        };
        let differing = store.rows((&before.kept, old), (&after.kept, new)).await;
        match differing {
            Ok(tables) => {
                for rows in tables {
                    let database = database.clone();
                    scribe.note(&Event::RowsCompared { database, from, to, rows })?;
                }
            }
            Err(error) => {
                let message = format!("could not compare the rows of {database}: {error}");
                scribe.note(&Event::Trouble { message, evidence: Vec::new() })?;
            }
        }
    }
    Ok(())
}

fn exceptions(ground: &Ground) -> &[Exception] {
    ground.plan.expect.states.get(&StateKind::Data).map_or(&[], |state| &state.except)
}

fn name(moment: Moment) -> &'static str {
    match moment {
        Moment::Before => "before",
        Moment::Failed => "failed",
        Moment::After => "after",
    }
}
