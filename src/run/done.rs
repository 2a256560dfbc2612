//! What a drill that is resumed has done already: whole runs, which are not repeated.

use std::collections::BTreeSet;

use super::walk::Due;
use crate::journal::event::{Moment, Operation, RunKind};
use crate::journal::{Event, Record};
use crate::sweep::{Case, Survey};

/// The whole runs of one scenario.
#[derive(Debug, Default)]
pub(super) struct Done {
    kinds: BTreeSet<RunKind>,
    /// The pre-checks whose conditions were broken, by position.
    prechecks: BTreeSet<u32>,
    /// The twins that were made, by position.
    twins: BTreeSet<u32>,
    /// The runs of cases, with their cases, the last of each.
    tried: Vec<(u32, u32)>,
    pub(super) survey: Option<Survey>,
}

impl Done {
    /// What the records of an earlier invocation say.
    pub(super) fn of(records: &[Record], scenario: &str) -> Self {
        let mut done = Self::default();
        let (mut captured, mut asked, mut ended) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for record in records {
            let run = record.run.unwrap_or_default();
            match &record.event {
                Event::Captured { moment: Moment::After, .. } => drop(captured.insert(run)),
                Event::OperationEnded { operation: Operation::Precheck, .. } => drop(asked.insert(run)),
                Event::RunEnded { .. } => drop(ended.insert(run)),
                Event::Surveyed { scenario: of, survey } if of == scenario => {
                    done.survey = Some((**survey).clone());
                }
                _ => {}
            }
        }
        for record in records {
            let run = record.run.unwrap_or_default();
            let Event::RunStarted { scenario: of, kind, case, precheck, twin } = &record.event else {
                continue;
            };
            let is_whole = if precheck.is_some() { asked.contains(&run) } else { captured.contains(&run) };
            if of == scenario && is_whole && ended.contains(&run) {
                let due = Due { kind: *kind, precheck: *precheck, twin: *twin };
                done.run(run, due, case.as_deref());
            }
        }
        done
    }

    fn run(&mut self, run: u32, due: Due, case: Option<&Case>) {
        match (case, due.precheck, due.twin) {
            (Some(case), _, _) => self.tried.push((run, case.number)),
            (None, Some(precheck), _) => drop(self.prechecks.insert(precheck)),
            (None, None, Some(twin)) => drop(self.twins.insert(twin)),
            (None, None, None) => drop(self.kinds.insert(due.kind)),
        }
    }

    pub(super) fn has(&self, due: Due) -> bool {
        match (due.precheck, due.twin) {
            (Some(precheck), _) => self.prechecks.contains(&precheck),
            (None, Some(twin)) => self.twins.contains(&twin),
            (None, None) => self.kinds.contains(&due.kind),
        }
    }

    /// The cases that are left: those that were not tried, and those whose first look is still in doubt.
    pub(super) fn left(&self, cases: Vec<Case>, doubted: impl Fn(u32) -> bool) -> Vec<Case> {
        let is_settled = |case: &Case| {
            let looks: Vec<u32> =
                self.tried.iter().filter(|(_, number)| *number == case.number).map(|(run, _)| *run).collect();
            match looks[..] {
                [] => false,
                [only] => !doubted(only),
                _ => true,
            }
        };
        cases.into_iter().filter(|case| !is_settled(case)).collect()
    }
}
