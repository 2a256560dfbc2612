//! Does what was seen of each step explain what the step changed (S26)? What is not explained is a gap: inside it no
//! point was tried, whatever a sweep says of the points that it knows.

mod inside;
mod reach;
mod seen;

use std::collections::{BTreeMap, BTreeSet};

use self::reach::Reach;
use self::seen::{Seen, seen};
use super::footprint;
use super::model::{Gap, GapReason};
use super::timeline::{Account, Run};
use crate::journal::event::{Operation, RunKind};
use crate::plan::Plan;
use crate::plan::observe::Observed;
use crate::sql;
use crate::state::changed::Changed;
use crate::state::model::{Definition, ObjectName, StoreCapture};

/// The steps of change and rollback of which something is not explained, as the finished run has shown them. `plan`
/// is the plan with what is known of the clients' writes. Where no points are listed (`all` is false), only stores
/// with a gateway count: to the others nobody has listened.
pub(super) fn gaps(plan: &Plan, runs: &[&Run], all: bool) -> Vec<Gap> {
    let finished = runs.iter().rev().find(|run| run.kind == RunKind::Finished);
    let Some(run) = finished.filter(|run| run.steps.iter().any(|step| counts(step.operation))) else {
        return Vec::new();
    };
    if !is_recorded(run) {
        let gap = Gap { step: None, why: GapReason::NotRecorded };
        return if all { vec![gap] } else { Vec::new() };
    }
    let of_store =
        |store| Books { plan, run, store, moving: moving(runs, store), schema: schema(runs, store) };
    let stores = plan.databases.keys().chain(plan.stores.keys());
    let stores = stores.filter(|store| all || plan.gateways.contains_key(*store));
    let mut gaps: Vec<Gap> = stores
        .flat_map(|store| {
            let books = of_store(store);
            [books.gaps(), books.committed_inside()].concat()
        })
        .collect();
    gaps.sort_by_key(|gap| gap.step);
    gaps
}

/// The operations whose steps have to account for what they changed.
fn counts(operation: Operation) -> bool {
    matches!(operation, Operation::Change | Operation::Rollback)
}

/// Whether every step that ended was looked at afterwards.
fn is_recorded(run: &Run) -> bool {
    let mut steps = run.steps.iter().filter(|step| counts(step.operation));
    steps.all(|ended| {
        let same = |account: &Account| (account.operation, account.step) == (ended.operation, ended.step);
        run.accounts.iter().any(same)
    })
}

/// The captures of a store in all runs.
fn captures<'r>(runs: &'r [&Run], store: &'r str) -> impl Iterator<Item = &'r StoreCapture> {
    runs.iter().flat_map(|run| run.states.values()).filter_map(move |state| state.stores.get(store))
}

/// What defines each object of a store, before the change or after it: whoever is named may reach others.
fn schema<'r>(runs: &'r [&Run], store: &'r str) -> BTreeMap<&'r ObjectName, &'r Definition> {
    captures(runs, store).flat_map(|capture| &capture.schema).collect()
}

/// What differs at the end of an idle run moves by itself.
fn moving(runs: &[&Run], store: &str) -> Changed {
    let idle = runs.iter().rev().find(|run| run.kind == RunKind::Idle && run.after().is_some());
    let of = |state: Option<&super::timeline::State>| state?.stores.get(store).cloned();
    let both = idle.and_then(|run| of(run.before()).zip(of(run.after())));
    both.map(|(before, after)| Changed::between(&before, &after)).unwrap_or_default()
}

/// What is known of one store in the finished run.
struct Books<'a> {
    plan: &'a Plan,
    run: &'a Run,
    store: &'a str,
    moving: Changed,
    schema: BTreeMap<&'a ObjectName, &'a Definition>,
}

impl Books<'_> {
    fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        // A store that could not be looked at is accounted for with the next step after which it can.
        let mut open: Vec<(&Account, &String)> = Vec::new();
        for account in &self.run.accounts {
            if let Some(why) = account.unknown.get(self.store) {
                open.push((account, why));
                continue;
            }
            let steps = open.drain(..).map(|(account, _)| account).chain([account]);
            let steps: Vec<(Operation, u32)> = steps.map(|one| (one.operation, one.step)).collect();
            if let Some(changed) = account.changed.get(self.store) {
                gaps.extend(self.gap(&steps, changed));
            }
        }
        gaps.extend(open.into_iter().map(|(account, why)| Gap {
            step: Some((account.operation, account.step)),
            why: GapReason::Unknown { store: self.store.to_owned(), why: why.clone() },
        }));
        gaps
    }

    /// The statements of each step that make a part of what they do permanent: no point lies inside them.
    fn committed_inside(&self) -> Vec<Gap> {
        let Some(database) = self.plan.databases.get(self.store) else { return Vec::new() };
        let mut gaps = Vec::new();
        for account in &self.run.accounts {
            let step = (account.operation, account.step);
            let texts = seen::statements_of(self.plan, self.run, self.store, step);
            let found: BTreeSet<&str> = texts
                .into_iter()
                .filter(|text| inside::commits_inside(text, database.engine, &self.schema))
                .collect();
            gaps.extend(found.into_iter().map(|text| Gap {
                step: Some(step),
                why: GapReason::CommitsInside {
                    store: self.store.to_owned(),
                    statement: sql::fingerprint(text),
                    probe: inside::probe(text),
                },
            }));
        }
        gaps
    }

    /// What these steps changed and nothing explains.
    fn gap(&self, steps: &[(Operation, u32)], changed: &Changed) -> Option<Gap> {
        let mut texts = Vec::new();
        for step in steps {
            match seen(self.plan, self.run, self.store, *step) {
                Seen::Everything => return None,
                Seen::Texts(more) => texts.extend(more),
            }
        }
        let unseen = self.unexplained(&Reach::of(&texts, &self.schema), changed);
        let step = steps.last().copied();
        (!unseen.is_empty()).then(|| Gap {
            step,
            why: GapReason::Unseen { store: self.store.to_owned(), what: unseen.into_iter().collect() },
        })
    }

    fn unexplained(&self, reach: &Reach<'_>, changed: &Changed) -> BTreeSet<String> {
        let Changed { objects, tables, sequences, settings } = changed;
        let moving = &self.moving;
        let objects = objects.keys().filter(|one| !moving.objects.contains_key(one) && !reach.object(one));
        let tables = tables.iter().filter(|one| !moving.tables.contains(one) && !reach.table(one));
        let tables = tables.filter(|one| !self.is_of_clients(one));
        let sequences =
            sequences.iter().filter(|one| !moving.sequences.contains(one) && !reach.sequence(one));
        let settings = settings.iter().filter(|one| !moving.settings.contains(one) && !reach.setting(one));
        let rows = tables.map(|table| format!("rows of {table}"));
        let sequences = sequences.map(|sequence| format!("sequence {sequence}"));
        let mut all: BTreeSet<String> = objects.map(ToString::to_string).collect();
        all.extend(rows.chain(sequences).chain(settings.cloned()));
        all
    }

    /// Whether clients write to a table, as far as that is known: the ledger is what tells their rows from others.
    fn is_of_clients(&self, table: &str) -> bool {
        let unknown = !self.plan.traffic.is_empty() && !footprint::is_known(self.plan);
        // What clients ask for passes through queues, where no ledger can follow it.
        let is_broker = matches!(self.plan.stores.get(self.store), Some(Observed::RabbitMq(_)));
        let under_way = is_broker && !self.plan.traffic.is_empty();
        unknown || under_way || !footprint::of(self.plan, self.store, table).is_empty()
    }
}

#[cfg(test)]
mod tests;
