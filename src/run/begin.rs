//! How a stage comes to its beginning, from which every run of a scenario starts: brought up and seeded, or
//! brought up on copies of one that was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::capture::{self, Taken};
use super::scribe::Scribe;
use super::seeded::{self, Begun, First, Seeded, Turn};
use super::walk::{Ground, Halt, Walk, keep, keep_large};
use super::world::Store;
use crate::journal::Event;
use crate::stage::{Copies, StageError};
use crate::state::model::StoreCapture;

/// A stage at its beginning.
pub(super) struct Beginning {
    pub(super) before: Taken,
    /// Why its stores cannot be put back inside their servers, where that was to be and is not so.
    pub(super) unkept: Option<String>,
    /// What holds what it holds.
    pub(super) begun: Option<Begun>,
    /// Whether it was not seeded itself.
    pub(super) on_copies: bool,
}

/// Who wants the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// One run: only what is too large to be kept outside is kept inside its server.
    Run,
    /// A sweep's runs: its stores are kept inside their servers, before the state is captured, so that what
    /// that leaves is there before each run.
    Lane,
    /// The same, and it is seeded whatever there is.
    Anew,
}

/// Brings a stage to its beginning, and captures that.
pub(super) async fn begin(
    ground: &Ground,
    scribe: &Scribe,
    seeded: &Seeded,
    wanted: Use,
) -> Result<Beginning, Halt> {
    let this = Begin { ground, scribe, seeded, wanted };
    if wanted == Use::Anew {
        return this.alone().await;
    }
    let inside = |(_, store): (&String, &Arc<dyn Store>)| store.snapshot_name().is_some();
    if wanted == Use::Lane && !ground.stores.iter().all(inside) {
        seeded.need();
    }
    match seeded.turn().await {
        Turn::First(first) => this.first(first).await,
        Turn::On(begun) => this.on(begun).await,
        Turn::Alone => this.alone().await,
    }
}

struct Begin<'a> {
    ground: &'a Ground,
    scribe: &'a Scribe,
    seeded: &'a Seeded,
    wanted: Use,
}

impl Begin<'_> {
    async fn alone(&self) -> Result<Beginning, Halt> {
        self.seed().await?;
        let (before, unkept) = self.capture().await?;
        Ok(Beginning { before, unkept, begun: None, on_copies: false })
    }

    /// Seeds the stage, and copies it for the others where that is possible and pays.
    async fn first(&self, first: First<'_>) -> Result<Beginning, Halt> {
        let took = self.seed().await?;
        let Some(why) = self.worth(&first, took)? else {
            let (before, unkept) = self.capture().await?;
            if first.needed {
                first.refuse();
            } else {
                first.offer(&before);
            }
            return Ok(Beginning { before, unkept, begun: None, on_copies: false });
        };
        let began = Instant::now();
        if let Err(error) = self.copy(&first).await? {
            self.note(false, error.to_string(), began)?;
            first.refuse();
            // Whatever was stopped for it may not be as it was.
            self.remove().await?;
            return self.alone().await;
        }
        self.note(true, why, began)?;
        let (before, unkept) = self.capture().await?;
        let begun = first.offer(&before);
        Ok(Beginning { before, unkept, begun, on_copies: false })
    }

    /// Why the stage is copied; none where it is not, and then the journal says why, where copies would pay.
    fn worth(&self, first: &First<'_>, (up, seed): (Duration, Duration)) -> Result<Option<String>, Halt> {
        let (plan, to_come) = (&self.ground.plan, self.seeded.to_come());
        let pays = !plan.seed.is_empty() && seeded::pays(up, seed, to_come);
        let times = format!("seeding took {} s and bringing up {} s", tenths(seed), tenths(up));
        let not = match seeded::elsewhere(plan) {
            Some(why) if first.needed || pays => why,
            // It would not be copied anyway.
            Some(_) => return Ok(None),
            None if first.needed => return Ok(Some("runs leave what only copies take back".to_owned())),
            None if pays => {
                return Ok(Some(format!("{times}, and {to_come} stages are to come")));
            }
            None if to_come == 0 || plan.seed.is_empty() => return Ok(None),
            None => format!("{times}: copies for {to_come} stages would take longer"),
        };
        self.note(false, not, Instant::now())?;
        Ok(None)
    }

    /// Copies the stage, and looks whether it still holds what it held: the copies do, or do not, as well.
    async fn copy(&self, first: &First<'_>) -> Result<Result<(), StageError>, Halt> {
        let Ground { stage, plan, run, .. } = self.ground;
        let held = match self.held().await {
            Ok(held) => held,
            Err(why) => return Ok(Err(StageError::new("keep", "the stage", why))),
        };
        match stage.keep(plan.up_within).await {
            Ok(copies) => first.hold(*run, stage, copies),
            Err(error) => return Ok(Err(error)),
        }
        for (store, before) in held {
            if let Err(why) = self.ground.stores[&store].restored(&before).await {
                return Ok(Err(StageError::new("keep", format!("store {store}"), why)));
            }
        }
        Ok(Ok(()))
    }

    /// What those stores hold that may keep some of it in memory only: whatever can be put back inside its
    /// server does not.
    async fn held(&self) -> Result<BTreeMap<String, StoreCapture>, String> {
        let mut held = BTreeMap::new();
        for (name, store) in &self.ground.stores {
            if store.snapshot_name().is_none() {
                let capture = store.capture(None, None, &[]).await;
                held.insert(name.clone(), capture.map_err(|error| format!("{name}: {error}"))?);
            }
        }
        Ok(held)
    }

    /// Begins on copies. What is not then as it was when they were made is seeded after all.
    async fn on(&self, begun: Begun) -> Result<Beginning, Halt> {
        self.scribe.note(&Event::OnCopies { of: self.seeded.of().to_owned(), run: begun.run })?;
        let began = Instant::now();
        let why = match self.stand_on(&begun.copies).await? {
            Ok(unkept) => match capture::begin(self.ground, self.scribe, Some(&begun.before)).await? {
                Ok(before) => {
                    return Ok(Beginning { before, unkept, begun: Some(begun), on_copies: true });
                }
                Err(why) => format!("a stage on the copies is not as the seeded one was: {why}"),
            },
            Err(error) => error.to_string(),
        };
        self.note(false, why, began)?;
        self.seeded.spoil();
        self.remove().await?;
        self.alone().await
    }

    async fn stand_on(&self, copies: &Copies) -> Result<Result<Option<String>, StageError>, Halt> {
        let Ground { stage, plan, .. } = self.ground;
        if let Err(error) = stage.up_on(copies, plan.up_within).await {
            return Ok(Err(error));
        }
        self.scribe.note(&Event::StageUp)?;
        self.keep().await.map(Ok)
    }

    /// Brings the stage up and seeds it; how long each took.
    async fn seed(&self) -> Result<(Duration, Duration), Halt> {
        let walk = Walk::new(self.ground, self.scribe);
        let began = Instant::now();
        walk.bring_up().await?;
        let up = began.elapsed();
        walk.seed().await?;
        Ok((up, began.elapsed().saturating_sub(up)))
    }

    async fn capture(&self) -> Result<(Taken, Option<String>), Halt> {
        let unkept = self.keep().await?;
        match capture::begin(self.ground, self.scribe, None).await? {
            Ok(taken) => Ok((taken, unkept)),
            Err(_) => Err(Halt::Trouble),
        }
    }

    async fn keep(&self) -> Result<Option<String>, Halt> {
        match self.wanted {
            Use::Run => keep_large(self.ground, self.scribe).await.map(|()| None),
            Use::Lane | Use::Anew => keep(self.ground, self.scribe).await,
        }
    }

    /// Removes a stage that is brought up once more.
    async fn remove(&self) -> Result<(), Halt> {
        let left = self.ground.stage.down().await;
        match left.first() {
            None => Ok(()),
            Some(error) => Walk::new(self.ground, self.scribe).trouble(error),
        }
    }

    fn note(&self, copied: bool, why: String, began: Instant) -> Result<(), Halt> {
        let (of, took_ms) = (self.seeded.of().to_owned(), crate::millis::of(began.elapsed()));
        Ok(self.scribe.note(&Event::Copied { of, copied, why, took_ms })?)
    }
}

fn tenths(span: Duration) -> String {
    format!("{:.1}", span.as_secs_f64())
}
