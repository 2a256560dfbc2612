//! The state of everything at one moment, and the rows that differ between two.

use std::collections::BTreeMap;
use std::time::Duration;

use super::scribe::Scribe;
use super::walk::Ground;
use crate::journal::event::Moment;
use crate::journal::{Event, JournalError};
use crate::plan::model::{Action, Exception, StateKind, Step};
use crate::stage::{Resource, ServiceState, StageError};
use crate::state::model::StoreCapture;

/// How long sessions, locks and temporary objects of clients may take to go away.
const QUIET: Duration = Duration::from_secs(5);

/// What was captured, as later comparisons need it.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken {
    pub(super) system: BTreeMap<String, ServiceState>,
    stores: BTreeMap<String, StoreCapture>,
    kept: Kept,
}

/// Where and when it was captured.
#[derive(Debug, Clone, Default)]
struct Kept {
    /// Under which name the rows were kept.
    name: String,
    /// When the capture began, in milliseconds of the drill.
    from_ms: u64,
}

impl Taken {
    /// What the stores held, by name.
    pub(super) fn stores(&self) -> &BTreeMap<String, StoreCapture> {
        &self.stores
    }

    /// What a store held.
    pub(super) fn store(&self, name: &str) -> Option<&StoreCapture> {
        self.stores.get(name)
    }

    /// Whether a stage holds the same in everything that another one is brought up and seeded for; what does
    /// not, otherwise. How often a service was restarted, and who is connected, is of the stage alone.
    fn is_as(&self, other: &Self) -> Result<(), String> {
        let is = |one: &ServiceState, two: &ServiceState| {
            ServiceState { restarts: 0, ..one.clone() } == ServiceState { restarts: 0, ..two.clone() }
        };
        let services = self.system.keys().chain(other.system.keys());
        let differs = |name: &&String| {
            let pair = self.system.get(*name).zip(other.system.get(*name));
            !pair.is_some_and(|(one, two)| is(one, two))
        };
        if let Some(service) = services.into_iter().find(differs) {
            return Err(format!("service {service} differs"));
        }
        for (name, mine) in &self.stores {
            let Some(theirs) = other.stores.get(name) else { return Err(format!("{name} differs")) };
            mine.holds_as(theirs).map_err(|what| format!("{name}: {what} differs"))?;
        }
        Ok(())
    }
}

/// Captures the state now. None when it could not be; the journal says why.
pub(super) async fn take(
    ground: &Ground,
    scribe: &Scribe,
    moment: Moment,
    before: Option<&Taken>,
) -> Result<Option<Taken>, JournalError> {
    let kept = Kept { name: format!("{}-{}", ground.run, name(moment)), from_ms: scribe.now_ms() };
    let attempted = attempt(ground, before, &Depth::Whole { kept: &kept.name }).await;
    note(scribe, moment, attempted, kept)
}

/// Captures the state at the beginning. Where it has to equal that of another stage and does not, the
/// difference, of which the journal is not told; else an error is in the journal.
pub(super) async fn begin(
    ground: &Ground,
    scribe: &Scribe,
    equal: Option<&Taken>,
) -> Result<Result<Taken, String>, JournalError> {
    let name = format!("{}-{}", ground.run, name(Moment::Before));
    let kept = Kept { name, from_ms: scribe.now_ms() };
    let attempted = attempt(ground, None, &Depth::Whole { kept: &kept.name }).await;
    if let (Some(equal), Ok((system, stores, _))) = (equal, &attempted) {
        let now = Taken { system: system.clone(), stores: stores.clone(), ..Taken::default() };
        if let Err(difference) = now.is_as(equal) {
            ground.stores.values().for_each(|store| store.forget(&kept.name));
            return Ok(Err(difference));
        }
    }
    let taken = note(scribe, Moment::Before, attempted, kept)?;
    Ok(taken.ok_or_else(|| "it could not be captured".to_owned()))
}

/// Looks after the failure whether anything differs from before (S2): no further than it takes to know.
/// `steps` are those that were broken.
pub(super) async fn glance(
    ground: &Ground,
    scribe: &Scribe,
    before: &Taken,
    steps: &[Step],
) -> Result<(), JournalError> {
    let attempted = attempt(ground, Some(before), &Depth::Glance { likely: &texts(steps) }).await;
    note(scribe, Moment::Failed, attempted, Kept::default()).map(drop)
}

/// How much of a database is read.
enum Depth<'a> {
    /// All of it; rows are kept under this name.
    Whole { kept: &'a str },
    /// What it takes to see a difference.
    Glance { likely: &'a [&'a str] },
}

/// The statements of steps.
fn texts(steps: &[Step]) -> Vec<&str> {
    let statements = steps.iter().filter_map(|step| match &step.action {
        Action::Sql { statements, .. } => Some(statements),
        _ => None,
    });
    statements.flatten().map(|statement| statement.text.as_str()).collect()
}

/// What was captured of services and stores, and what is there that nobody explains.
type Attempted =
    Result<(BTreeMap<String, ServiceState>, BTreeMap<String, StoreCapture>, Vec<Resource>), String>;

fn note(
    scribe: &Scribe,
    moment: Moment,
    attempted: Attempted,
    kept: Kept,
) -> Result<Option<Taken>, JournalError> {
    match attempted {
        Ok((system, stores, strays)) => {
            let taken = Taken { system: system.clone(), stores: stores.clone(), kept };
            scribe.note(&Event::Captured { moment, system, stores, strays })?;
            Ok(Some(taken))
        }
        Err(error) => {
            scribe.note(&Event::CaptureFailed { moment, error })?;
            Ok(None)
        }
    }
}

async fn attempt(ground: &Ground, before: Option<&Taken>, depth: &Depth<'_>) -> Attempted {
    // Most of this is waiting for the engine, and nobody waits for another's answer.
    let (system, strays, stores) =
        tokio::join!(ground.stage.inspect(), ground.stage.strays(), stores(ground, before, depth));
    let told = |error: StageError| error.to_string();
    Ok((system.map_err(told)?, stores?, strays.map_err(told)?))
}

async fn stores(
    ground: &Ground,
    before: Option<&Taken>,
    depth: &Depth<'_>,
) -> Result<BTreeMap<String, StoreCapture>, String> {
    let mut stores = BTreeMap::new();
    for (name, store) in &ground.stores {
        let before = before.and_then(|before| before.stores.get(name));
        if let Some(before) = before {
            store.quiet(before, QUIET).await?;
        }
        let capture = match (depth, before) {
            (Depth::Glance { likely }, Some(before)) => store.glance(before, likely).await,
            (Depth::Glance { .. }, None) => store.capture(None, None, exceptions(ground)).await,
            (Depth::Whole { kept }, _) => store.capture(Some(kept), before, exceptions(ground)).await,
        };
        stores.insert(name.clone(), capture.map_err(|error| format!("{name}: {error}"))?);
    }
    Ok(stores)
}

/// Notes the rows that differ between two moments.
pub(super) async fn compare(
    ground: &Ground,
    scribe: &Scribe,
    (from, before): (Moment, &Taken),
    (to, after): (Moment, &Taken),
) -> Result<(), JournalError> {
    let keys = ground.clients().keys(after.kept.from_ms);
    for (name, store) in &ground.stores {
        let (Some(old), Some(new)) = (before.stores.get(name), after.stores.get(name)) else {
            continue;
        };
        let differing = store.rows((&before.kept.name, old), (&after.kept.name, new), &keys).await;
        match differing {
            Ok(tables) => {
                for rows in tables {
                    let store = name.clone();
                    scribe.note(&Event::RowsCompared { store, from, to, rows })?;
                }
            }
            Err(error) => {
                let message = format!("could not compare the rows of {name}: {error}");
                scribe.note(&Event::Trouble { message, evidence: Vec::new() })?;
            }
        }
    }
    Ok(())
}

/// Rows that were kept for this run are not needed any more.
pub(super) fn forget(ground: &Ground) {
    for store in ground.stores.values() {
        for moment in [Moment::Failed, Moment::Back, Moment::Changed, Moment::After] {
            store.forget(&format!("{}-{}", ground.run, name(moment)));
        }
    }
}

fn exceptions(ground: &Ground) -> &[Exception] {
    ground.plan.expect.states.get(&StateKind::Data).map_or(&[], |state| &state.except)
}

fn name(moment: Moment) -> &'static str {
    match moment {
        Moment::Before => "before",
        Moment::Failed => "failed",
        Moment::Back => "back",
        Moment::Changed => "changed",
        Moment::After => "after",
    }
}
