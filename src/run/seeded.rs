//! The seeded stage of a scenario, copied once for all of its runs: who seeds it, who begins on the copies,
//! and who removes them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::capture::Taken;
use super::world::Images;
use crate::plan::Plan;
use crate::plan::model::{Action, Fact};
use crate::stage::{Copies, Stage, StageError};

/// What the stages of one scenario begin on.
pub(super) struct Seeded {
    /// The digest of images, services and seed.
    of: String,
    state: watch::Sender<State>,
    /// Stages that are still to come.
    to_come: AtomicU32,
    /// What made the copies and removes them, whether or not they are used.
    keeper: Mutex<Option<Keeper>>,
}

/// A stage whose volumes were copied.
pub(super) struct Keeper {
    run: u32,
    stage: Arc<dyn Stage>,
    copies: Copies,
}

/// Copies, and the state in which a stage on them begins.
#[derive(Clone)]
pub(super) struct Begun {
    /// The run whose stage was copied.
    pub(super) run: u32,
    pub(super) copies: Copies,
    pub(super) before: Arc<Taken>,
}

#[derive(Clone)]
enum State {
    /// Nobody has seeded a stage yet. Whether copies are needed, even if they take longer than seeding.
    Open { needed: bool },
    /// Somebody does.
    Seeding,
    /// Here they are.
    Copied(Begun),
    /// Each stage is seeded by itself. Whether copies could be made, if they were needed.
    Apart { possible: bool },
}

/// What the next stage does.
pub(super) enum Turn<'a> {
    /// It is seeded, and may be copied.
    First(First<'a>),
    /// It begins on copies.
    On(Begun),
    /// It is seeded.
    Alone,
}

/// The right to say what becomes of the seeded stage. Dropped without a word, it is somebody else's turn.
pub(super) struct First<'a> {
    seeded: &'a Seeded,
    /// Whether copies are needed, even if they take longer than seeding.
    pub(super) needed: bool,
}

impl Seeded {
    /// Nothing is seeded yet.
    pub(super) fn new(of: String) -> Self {
        let state = watch::Sender::new(State::Open { needed: false });
        Self { of, state, to_come: AtomicU32::new(0), keeper: Mutex::default() }
    }

    /// The digest of what makes a seeded stage what it is.
    pub(super) fn of(&self) -> &str {
        &self.of
    }

    /// So many stages are to come.
    pub(super) fn expect(&self, stages: u32) {
        self.to_come.store(stages, Ordering::Relaxed);
    }

    /// Whose turn it is; waits while another stage is being seeded.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let left = |left: u32| Some(left.saturating_sub(1));
        let _ = self.to_come.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        let mut heard = self.state.subscribe();
        loop {
            let mut first = None;
            self.state.send_if_modified(|state| match *state {
                State::Open { needed } => {
                    (*state, first) = (State::Seeding, Some(needed));
                    true
                }
                State::Seeding | State::Copied(_) | State::Apart { .. } => false,
            });
            if let Some(needed) = first {
                return Turn::First(First { seeded: self, needed });
            }
            match heard.borrow_and_update().clone() {
                State::Copied(begun) => return Turn::On(begun),
                State::Apart { .. } => return Turn::Alone,
                State::Open { .. } | State::Seeding => {}
            }
            // The sender lives in `self`, so the wait ends only by another state.
            let _ = heard.changed().await;
        }
    }

    /// Copies are needed, even where they take longer than seeding.
    pub(super) fn need(&self) {
        self.state.send_if_modified(|state| match state {
            State::Apart { possible: true } => {
                *state = State::Open { needed: true };
                true
            }
            State::Open { needed } => !std::mem::replace(needed, true),
            State::Seeding | State::Copied(_) | State::Apart { possible: false } => false,
        });
    }

    /// From now on each stage is seeded by itself: a stage on the copies was not as it should be.
    pub(super) fn spoil(&self) {
        self.state.send_replace(State::Apart { possible: false });
    }

    /// Stages that are still to come.
    pub(super) fn to_come(&self) -> u32 {
        self.to_come.load(Ordering::Relaxed)
    }

    fn begun(&self, before: &Taken) -> Option<Begun> {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let Keeper { run, copies, .. } = keeper.as_ref()?;
        Some(Begun { run: *run, copies: copies.clone(), before: Arc::new(before.clone()) })
    }

    /// Nobody begins on the copies any more. What removes them, and the run that made them; nothing where
    /// there are none.
    pub(super) fn withdraw(&self) -> Option<(u32, Keeper)> {
        self.spoil();
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some((keeper.run, keeper))
    }
}

impl Keeper {
    /// Removes the copies; what could not be removed.
    pub(super) async fn discard(&self) -> Vec<StageError> {
        self.stage.discard(&self.copies).await
    }
}

impl First<'_> {
    /// These copies were made; from now on they are removed with the scenario.
    pub(super) fn hold(&self, run: u32, stage: &Arc<dyn Stage>, copies: Copies) {
        let keeper = Keeper { run, stage: Arc::clone(stage), copies };
        *self.seeded.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
    }

    /// The other stages begin on the copies, if there are any.
    pub(super) fn offer(self, before: &Taken) -> Option<Begun> {
        let begun = self.seeded.begun(before);
        let state = begun.clone().map_or(State::Apart { possible: true }, State::Copied);
        self.seeded.state.send_replace(state);
        begun
    }

    /// Each stage is seeded by itself, as this one is.
    pub(super) fn refuse(self) {
        self.seeded.spoil();
    }
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        let needed = self.needed;
        self.seeded.state.send_if_modified(|state| {
            let is_mine = matches!(state, State::Seeding);
            if is_mine {
                *state = State::Open { needed };
            }
            is_mine
        });
    }
}

/// The digest of what makes a seeded stage what it is: the images, the services, the seed with its files, and
/// what is observed of it.
pub(super) fn digest(plan: &Plan, images: &Images) -> String {
    let seed: Vec<&Action> = plan.seed.iter().map(|step| &step.action).collect();
    // What a tar file holds is not in the plan: no other scenario is taken to have the same.
    let only = seed.iter().any(|action| matches!(action, Action::Volume { .. })).then_some(&plan.path);
    let observed: Vec<&String> = plan.databases.keys().chain(plan.stores.keys()).collect();
    let text =
        serde_json::to_string(&(&plan.project, &plan.gateways, &images.services, seed, observed, only));
    // What cannot be written down is equal to nothing else.
    let text = text.unwrap_or_else(|error| format!("{}: {error}", plan.path));
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Why what a seed does is not all in the stage's volumes, where that is so.
pub(super) fn elsewhere(plan: &Plan) -> Option<String> {
    let holds = |service: &String| {
        let observed = plan.stores.values().any(|store| store.service() == service);
        plan.databases.contains_key(service) || observed || plan.stateless.contains(service)
    };
    let may_hold = |service: &String| {
        (!holds(service)).then(|| {
            format!("{service} may hold in memory what it was told (an observed store, and a service with `stateless: true`, does not)")
        })
    };
    plan.seed.iter().find_map(|step| {
        let why = match &step.action {
            Action::Host { .. } => Some("it works on this machine, outside of the stage".to_owned()),
            Action::Deploy(_) => Some("what a service runs is in no volume".to_owned()),
            Action::Http(call) => may_hold(&call.service),
            Action::Exec { service, .. } => may_hold(service),
            Action::Backup(_) => Some("a backup lies inside its service, and in no volume".to_owned()),
            Action::Run { .. } | Action::Sql { .. } | Action::Restore(_) | Action::Volume { .. } => None,
            Action::Wait(Fact::Http(call)) if call.method != "GET" => may_hold(&call.service),
            Action::Wait(_) => None,
        };
        why.map(|why| format!("seed step {} ({}) cannot be copied: {why}", step.number, step.title))
    })
}

/// Whether copies are made in less time than they save. Keeping a stage takes about as long as bringing it
/// up: it is stopped and started again; so does, at most, copying for each stage to come.
pub(super) fn pays(up: Duration, seed: Duration, to_come: u32) -> bool {
    seed * to_come > up * (to_come + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Project;
    use crate::stage::fake::FakeStage;

    fn stage() -> Arc<dyn Stage> {
        Arc::new(FakeStage::new(Project::default()))
    }

    fn seeded() -> Seeded {
        Seeded::new("digest".to_owned())
    }

    async fn first(seeded: &Seeded) -> First<'_> {
        match seeded.turn().await {
            Turn::First(first) => first,
            Turn::On(_) | Turn::Alone => panic!("it is not its turn"),
        }
    }

    #[tokio::test]
    async fn one_seeds_and_the_others_wait_for_its_copies() {
        let seeded = seeded();
        let turn = first(&seeded).await;
        let mut other = Box::pin(seeded.turn());
        assert!(futures_util::poll!(&mut other).is_pending());
        turn.hold(4, &stage(), Copies([("-data".to_owned(), "kept".to_owned())].into()));
        turn.offer(&Taken::default());
        let Turn::On(begun) = other.await else { panic!("there are copies") };
        assert_eq!((begun.run, begun.copies.0.len()), (4, 1));
        let (run, keeper) = seeded.withdraw().unwrap();
        assert_eq!((run, keeper.discard().await.len()), (4, 0));
        assert!(matches!(seeded.turn().await, Turn::Alone));
        assert!(seeded.withdraw().is_none(), "they are removed once");
    }

    #[tokio::test]
    async fn whoever_stops_half_way_leaves_the_turn_to_another() {
        let seeded = seeded();
        drop(first(&seeded).await);
        drop(first(&seeded).await);
    }

    #[tokio::test]
    async fn copies_that_did_not_pay_are_made_when_they_are_needed_and_those_that_cannot_be_are_not() {
        let seeded = seeded();
        first(&seeded).await.offer(&Taken::default());
        assert!(matches!(seeded.turn().await, Turn::Alone));
        seeded.need();
        let turn = first(&seeded).await;
        assert!(turn.needed);
        turn.refuse();
        seeded.need();
        assert!(matches!(seeded.turn().await, Turn::Alone));
    }

    #[test]
    fn copies_pay_where_seeding_takes_longer_than_bringing_up_and_others_follow() {
        let seconds = Duration::from_secs;
        assert!(pays(seconds(1), seconds(3), 1));
        assert!(!pays(seconds(1), seconds(2), 1));
        assert!(pays(seconds(1), seconds(2), 3));
        assert!(!pays(seconds(1), seconds(1), 100));
        assert!(!pays(seconds(1), seconds(100), 0));
    }
}
