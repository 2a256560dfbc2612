//! Does every table that the change touches hold rows? An empty one proves nothing.

use std::collections::BTreeSet;

use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::model::{Reference, StateKind};
use crate::state::model::{ObjectKind, StoreCapture};
use crate::verdict::model::Finding;
use crate::verdict::timeline::Run;

/// For the control run: what differs there is what the change touches.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run) -> Vec<Finding> {
    let judged = plan.expect.states.get(&StateKind::Data);
    let not_judged = judged.is_none_or(|state| matches!(state.reference, Reference::Any(_)));
    let (Some(before), Some(after)) = (run.before(), run.after()) else { return Vec::new() };
    if not_judged {
        return Vec::new();
    }
    let mut empty = Vec::new();
    for (name, store) in &before.stores {
        let Some(changed) = after.stores.get(name) else { continue };
        let touched = touched(store, changed);
        let tables =
            store.tables.iter().filter(|(table, data)| touched.contains(*table) && data.raw.rows == 0);
        empty.extend(tables.map(|(table, _)| format!("{name}: {table}")));
    }
    if empty.is_empty() {
        return Vec::new();
    }
    let message = "tables that the change touches are empty: their rows prove nothing";
    let finding = Finding::new(Check::Coverage, Outcome::Inconclusive, message).seen(empty);
    vec![finding.next("seed rows that look like production's")]
}

/// Tables whose columns or rows the change alters.
fn touched(before: &StoreCapture, after: &StoreCapture) -> BTreeSet<String> {
    let mut touched = BTreeSet::new();
    let names = before.schema.keys().chain(after.schema.keys());
    for object in names.filter(|object| object.kind == ObjectKind::Column) {
        if before.schema.get(object) != after.schema.get(object)
            && let Some((table, _)) = object.name.rsplit_once('.')
        {
            touched.insert(table.to_owned());
        }
    }
    touched
}
