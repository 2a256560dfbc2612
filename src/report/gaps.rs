//! Gaps in words: what a step did unseen, and what follows.

use crate::text::counted;
use crate::verdict::model::{Gap, GapReason};

/// How many changed things are named.
const NAMED: usize = 3;

/// The gap in one line.
pub fn words(gap: &Gap) -> String {
    let step = gap.step.map(|(operation, step)| format!("{} step {step}", operation.word()));
    let step = step.unwrap_or_else(|| "every step".to_owned());
    match &gap.why {
        GapReason::Unseen { store, what } => format!(
            "gap: {step} changed {store} ({}), which no statement that was seen explains: no point inside it was tried, \
             and the level is 2 at most",
            few(what)
        ),
        GapReason::CommitsInside { store, statement, probe } => format!(
            "gap: {step} sends {store} a statement that commits inside itself, `{statement}`: no point inside it was \
             tried, and the level is 2 at most; to break it there, aim at a probe: `failure: {{ at: {{ step: {}, sql: \
             {{ service: {store}, query: \"{probe}\" }} }} }}`",
            gap.step.map_or(1, |(_, number)| number)
        ),
        GapReason::Unknown { store, why } => format!(
            "gap: what {step} changed in {store} is not known ({why}): the level is 2 at most"
        ),
        GapReason::NotRecorded => {
            "gap: accounting not recorded: the journal does not say what each step changed, and the level is 2 at most"
                .to_owned()
        }
    }
}

fn few(what: &[String]) -> String {
    let named = what[..what.len().min(NAMED)].join(", ");
    match what.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {} more", counted(more, "object")),
    }
}
