//! A lane: one stage on which the runs of a sweep stand, one after the other. Between two runs it is put
//! back and not built anew, where that is sure to be the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;

use super::begin::{Use, begin};
use super::capture::Taken;
use super::scribe::Scribe;
use super::seeded::{Begun, Seeded};
use super::walk::{self, Ground, Halt, Observed};
use super::world::{Database, Images, Store, World};
use crate::journal::{Event, JournalError};
use crate::plan::Plan;
use crate::stage::{Stage, StageError};

/// What the stages of a scenario are made from.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) world: Arc<dyn World>,
    pub(super) plan: Arc<Plan>,
    pub(super) images: Images,
    /// What they begin on.
    pub(super) seeded: Arc<Seeded>,
    /// Where rows are kept while a run lasts.
    pub(super) work: std::path::PathBuf,
}

impl Site {
    /// A ground for a run on a stage of its own; nothing is created yet.
    pub(super) fn ground(&self, plan: &Arc<Plan>, run: u32, scribe: &Scribe) -> Result<Ground, StageError> {
        let stage = self.world.stage(plan, &self.images, run, Arc::new(scribe.clone()))?;
        let observed = self.observed(plan, &stage);
        Ok(self.ground_on(plan, run, stage, observed))
    }

    fn observed(&self, plan: &Plan, stage: &Arc<dyn Stage>) -> Observed {
        let databases = plan.databases.iter().map(|(name, database)| {
            let stage = Arc::clone(stage);
            (name.clone(), self.world.database(stage, database, plan, self.work.clone()))
        });
        let databases: BTreeMap<String, Arc<dyn Database>> = databases.collect();
        let stores = databases.iter().map(|(name, database)| {
            let store: Arc<dyn Store> = Arc::clone(database) as _;
            (name.clone(), store)
        });
        let mut stores: BTreeMap<String, Arc<dyn Store>> = stores.collect();
        stores.extend(plan.stores.iter().map(|(name, store)| {
            let stage = Arc::clone(stage);
            (name.clone(), self.world.store(stage, name, store, plan, self.work.clone()))
        }));
        Observed { stores, databases }
    }

    fn ground_on(&self, plan: &Arc<Plan>, run: u32, stage: Arc<dyn Stage>, observed: Observed) -> Ground {
        Ground::new(run, Arc::clone(plan), self.images.clone(), stage, Arc::clone(&self.world), observed)
    }
}

/// A stage that is standing.
struct Stand {
    ground: Ground,
    /// The state before each run.
    base: Taken,
    /// Whether no run has stood on it yet.
    fresh: bool,
    /// Why it cannot be put back.
    unkept: Option<String>,
    /// Copies that hold what it held before any run, if there are any.
    begun: Option<Begun>,
}

impl Stand {
    /// Whether every store holds what it held, after services were stopped and started again.
    async fn is_as_it_was(&self) -> Result<(), String> {
        let stores = self.ground.stores.iter().map(|(name, store)| async move {
            let restored = match self.base.store(name) {
                Some(before) => store.restored(before).await,
                None => Err("it was not captured".to_owned()),
            };
            restored.map_err(|why| format!("{name}: {why}"))
        });
        join_all(stores).await.into_iter().collect()
    }
}

/// A lane.
pub(super) struct Lane {
    site: Site,
    run: u32,
    scribe: Scribe,
    stand: Option<Stand>,
}

/// What made the stage as it was, where that took more than putting its databases back; and why.
#[derive(Default)]
struct Remade {
    rebuilt: Option<String>,
    restored: Option<String>,
}

impl Lane {
    /// A lane whose stage is named after this run; nothing is created yet.
    pub(super) fn new(site: Site, run: u32, scribe: Scribe) -> Self {
        Self { site, run, scribe, stand: None }
    }

    /// Makes the stage as it was before any run, and notes for a run how. With `anew` it is built anew
    /// whatever stands there.
    pub(super) async fn prepare(&mut self, scribe: &Scribe, anew: bool) -> Result<(), Halt> {
        let began = Instant::now();
        let Remade { rebuilt, restored } = match self.put_back(anew).await {
            Ok(()) => Remade::default(),
            Err(why) => self.remake(why, anew).await?,
        };
        let took_ms = crate::millis::of(began.elapsed());
        Ok(scribe.note(&Event::Reset { stage: self.run, rebuilt, restored, took_ms })?)
    }

    /// Puts all of the stage back from copies; where there are none, or a stage built anew is asked for,
    /// builds it. Copies are made as soon as a run has shown that it takes them.
    async fn remake(&mut self, why: String, anew: bool) -> Result<Remade, Halt> {
        if !anew && self.restore().await? {
            return Ok(Remade { restored: Some(why), ..Remade::default() });
        }
        let wanted = if anew { Use::Anew } else { Use::Lane };
        if self.stand.is_some() && !anew {
            self.site.seeded.need();
        }
        Ok(match self.build(wanted).await? {
            Some(run) => {
                let restored = format!("{why}, on copies of the stage of run {run}");
                Remade { restored: Some(restored), ..Remade::default() }
            }
            None => Remade { rebuilt: Some(why), ..Remade::default() },
        })
    }

    /// Whether the stage was put back from copies. They were made before its stores were kept inside their
    /// servers, so these are kept anew.
    async fn restore(&mut self) -> Result<bool, Halt> {
        let Some(stand) = self.stand.as_mut() else { return Ok(false) };
        let Some(begun) = &stand.begun else { return Ok(false) };
        let Ground { stage, plan, .. } = &stand.ground;
        if stage.restore(&begun.copies, plan.up_within).await.is_err() {
            return Ok(false);
        }
        if stand.unkept.is_none() {
            stand.unkept = walk::keep(&stand.ground, &self.scribe).await?;
        }
        Ok(stand.is_as_it_was().await.is_ok())
    }

    /// The ground for a run on this stage, with the run's own plan, and the state before it.
    pub(super) fn ground(&mut self, plan: &Arc<Plan>, run: u32) -> Option<(Ground, Taken)> {
        let stand = self.stand.as_mut()?;
        stand.fresh = false;
        let Ground { stage, stores, databases, .. } = &stand.ground;
        let observed = Observed { stores: stores.clone(), databases: databases.clone() };
        Some((self.site.ground_on(plan, run, Arc::clone(stage), observed), stand.base.clone()))
    }

    /// Removes the stage; returns what could not be removed.
    pub(super) async fn close(&mut self) -> Vec<StageError> {
        match self.stand.take() {
            Some(stand) => stand.ground.stage.down().await,
            None => Vec::new(),
        }
    }

    async fn put_back(&mut self, anew: bool) -> Result<(), String> {
        let Some(stand) = &mut self.stand else { return Err("it is the first".to_owned()) };
        if anew {
            return Err("a failure is looked at again".to_owned());
        }
        if stand.fresh {
            return Ok(());
        }
        if let Some(why) = &stand.unkept {
            return Err(why.clone());
        }
        let Ground { stage, stores, plan, databases, .. } = &stand.ground;
        for service in databases.keys() {
            if let Some(path) = stage.written(service).await.map_err(|error| error.to_string())? {
                return Err(format!(
                    "service {service}: {path} was written in its container, not in a volume"
                ));
            }
        }
        let mut kept: BTreeSet<String> = stores.keys().cloned().collect();
        kept.extend(plan.stateless.iter().cloned());
        stage.retire(&kept).await.map_err(|error| error.to_string())?;
        for (service, store) in stores {
            store.reset().await.map_err(|error| format!("{service}: {error}"))?;
        }
        stage.reinstate(plan.up_within).await.map_err(|error| error.to_string())
    }

    /// Makes the stage. The run whose copies it stands on; none where it was seeded.
    async fn build(&mut self, wanted: Use) -> Result<Option<u32>, Halt> {
        let left = self.close().await;
        if !left.is_empty() {
            return self.trouble(&left[0]);
        }
        let ground = match self.site.ground(&self.site.plan, self.run, &self.scribe) {
            Ok(ground) => ground,
            Err(error) => return self.trouble(&error),
        };
        let beginning = match begin(&ground, &self.scribe, &self.site.seeded, wanted).await {
            Ok(beginning) => beginning,
            Err(halt) => {
                ground.stage.down().await;
                return Err(halt);
            }
        };
        let on = beginning.begun.as_ref().filter(|_| beginning.on_copies).map(|begun| begun.run);
        let (base, unkept, begun) = (beginning.before, beginning.unkept, beginning.begun);
        self.stand = Some(Stand { ground, base, fresh: true, unkept, begun });
        Ok(on)
    }

    fn trouble<T>(&self, error: &StageError) -> Result<T, Halt> {
        let evidence = error.evidence.clone();
        self.scribe.note(&Event::Trouble { message: error.to_string(), evidence })?;
        Err(Halt::Trouble)
    }

    /// Notes its end.
    pub(super) fn end(&self, left: &[StageError]) -> Result<(), JournalError> {
        self.scribe.note(&Event::RunEnded { left: left.iter().map(ToString::to_string).collect() })
    }
}
