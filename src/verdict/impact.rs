//! What the change touched: the difference between before and after the whole change in the control run, without
//! what clients and idling explain.

use std::collections::{BTreeMap, BTreeSet};

use super::difference::{example, resource, service_changes};
use super::explain::explain;
use super::model::{ImpactVerdict, Touched};
use super::timeline::{OutsideCalled, Run, State};
use crate::journal::event::{Moment, Operation, RowsDiffer, RunKind};
use crate::plan::Plan;
use crate::plan::impact::{Declared, Touchable};
use crate::plan::observe::Observed;
use crate::state::compare::{SequenceChange, StoreDifferences, TableDifference, compare};
use crate::state::gather::matches;
use crate::state::model::{Definition, ObjectKind, ObjectName, StoreCapture, is_called};

/// How many rows of a table are shown.
const SHOWN: usize = 5;

/// What the change touched; none where that was not seen.
pub(super) fn of(plan: &Plan, runs: &[&Run]) -> Option<ImpactVerdict> {
    let idle = runs.iter().rev().find(|run| run.kind == RunKind::Idle);
    let idle = idle.and_then(|run| touched(plan, run, Moment::After)).unwrap_or_default();
    let of_kind = |kind, moment| {
        let mut of_kind = runs.iter().filter(move |run| run.kind == kind);
        of_kind.find_map(|run| touched(plan, run, moment))
    };
    let all =
        of_kind(RunKind::Control, Moment::After).or_else(|| of_kind(RunKind::Finished, Moment::Changed))?;
    let (moving, touched): (BTreeMap<_, _>, _) = all.into_iter().partition(|(id, _)| idle.contains_key(id));
    let moving = moving.into_values().map(|one| one.words()).collect();
    let mut touched: Vec<Touched> = touched.into_values().collect();
    let mut untouched = Vec::new();
    if let Some(impact) = &plan.impact {
        for one in &mut touched {
            one.declared = Some(impact.declared.iter().any(|declared| covers(declared, one.kind, &one.name)));
        }
        let is_met = |declared: &&Declared| {
            let mut seen = touched
                .iter()
                .map(|one| (one.kind, &one.name))
                .chain(idle.keys().map(|(kind, name)| (*kind, name)));
            seen.any(|(kind, name)| covers(declared, kind, name))
        };
        let unmet = impact.declared.iter().filter(|declared| !is_met(declared));
        untouched = unmet.map(|declared| format!("{} {}", declared.kind.word(), declared.name)).collect();
    }
    Some(ImpactVerdict { touched, untouched, moving })
}

/// Whether something is what is declared. Of keys and files that a pattern covers, the pattern is the name.
fn covers(declared: &Declared, kind: Touchable, name: &str) -> bool {
    let in_public = || matches(&format!("public.{}", declared.name), name);
    let is_table = || is_called(name, &declared.name) || in_public();
    declared.kind == kind
        && (declared.name == name
            || matches(&declared.name, name)
            || (kind == Touchable::Table && is_table()))
}

/// Everything that is touched, by kind and name.
type Found = BTreeMap<(Touchable, String), Touched>;

/// What is not the same at a moment as before; none where that was not captured.
fn touched(plan: &Plan, run: &Run, moment: Moment) -> Option<Found> {
    let (before, after) = (run.before()?, run.states.get(&moment)?);
    let rows = if moment == Moment::After { &run.rows[..] } else { run.rows_at(moment) };
    let mut gather = Gather { plan, found: Found::new() };
    gather.services(before, after);
    gather.hosts(run);
    for (name, store) in &before.stores {
        let Some(now) = after.stores.get(name) else { continue };
        let rows: Vec<&RowsDiffer> = rows.iter().filter(|(of, _)| of == name).map(|(_, rows)| rows).collect();
        gather.store(name, (store, now), &rows);
    }
    let strays = after.strays.iter().filter(|stray| !before.strays.contains(stray));
    for stray in strays {
        gather.add(Touchable::Object, &format!("{} {}", resource(stray.kind), stray.name), "new");
    }
    Some(gather.found)
}

struct Gather<'p> {
    plan: &'p Plan,
    found: Found,
}

impl Gather<'_> {
    fn add(&mut self, kind: Touchable, name: &str, how: &str) -> &mut Touched {
        let touched = self.found.entry((kind, name.to_owned())).or_insert_with(|| Touched {
            kind,
            name: name.to_owned(),
            how: BTreeSet::new(),
            evidence: Vec::new(),
            declared: None,
            is_whole: true,
        });
        touched.how.insert(how.to_owned());
        touched
    }

    fn services(&mut self, before: &State, after: &State) {
        let names: BTreeSet<&String> = before.system.keys().chain(after.system.keys()).collect();
        for name in names {
            let changes = match (before.system.get(name), after.system.get(name)) {
                (Some(was), Some(is)) => service_changes(was, is),
                (Some(_), None) => vec!["gone".to_owned()],
                (None, _) => vec!["new".to_owned()],
            };
            for change in changes {
                let touched = self.add(Touchable::Service, name, short(&change));
                touched.evidence.push(change);
            }
        }
    }

    /// Whom the change has called outside, be it only to ask.
    fn hosts(&mut self, run: &Run) {
        for OutsideCalled { call: made, .. } in &run.outside.calls {
            if matches!(made.during, Some((Operation::Change, _))) {
                let touched = self.add(Touchable::Host, &made.call.service, &made.call.method);
                if touched.evidence.len() < SHOWN {
                    touched.evidence.push(format!("{} {}", made.call.method, made.call.path));
                }
            }
        }
    }

    fn store(&mut self, name: &str, (was, is): (&StoreCapture, &StoreCapture), rows: &[&RowsDiffer]) {
        let differ = compare(was, is);
        self.schema(&differ, (was, is));
        for table in &differ.tables {
            let of_table = rows.iter().find(|rows| rows.table == table.table).copied();
            self.table(name, table, of_table);
        }
        for one in &differ.sequences {
            // A position that has gone on is the trace of rows, which are looked at themselves.
            if !matches!(one.change, SequenceChange::Ahead { .. }) {
                let state = was.sequences.get(&one.sequence).or_else(|| is.sequences.get(&one.sequence));
                let owner = state.and_then(|state| owner(&state.definition, &tables(was, is)));
                match owner {
                    Some(table) => self.add(Touchable::Table, &table, "sequence"),
                    None => self.add(Touchable::Object, &format!("sequence {}", one.sequence), "sequence"),
                }
                .evidence
                .push(one.summary());
            }
        }
        for one in differ.leftovers.iter().filter(|one| !one.leftover.kind.is_passing()) {
            let touched = self.add(Touchable::Object, &one.leftover.to_string(), "definition");
            touched.evidence.push(one.summary());
        }
    }

    fn schema(&mut self, differ: &StoreDifferences, (was, is): (&StoreCapture, &StoreCapture)) {
        let tables = tables(was, is);
        for one in &differ.schema {
            let definition = one.before.as_ref().or(one.after.as_ref());
            let (kind, name, how) = match table_of(&one.object, definition, &tables) {
                Some(table) => (Touchable::Table, table, "schema"),
                None if one.object.kind == ObjectKind::Queue => {
                    (Touchable::Queue, one.object.name.clone(), "definition")
                }
                None => (Touchable::Object, one.object.to_string(), "definition"),
            };
            self.add(kind, &name, how).evidence.push(one.summary());
        }
    }

    /// Rows of a table, or of what stands for one.
    fn table(&mut self, store: &str, table: &TableDifference, rows: Option<&RowsDiffer>) {
        let name = &table.table;
        let written = rows.and_then(|rows| explain(self.plan, store, rows));
        if written.is_some() && !rows.is_some_and(is_whole) {
            let touched = self.add(Touchable::Table, name, "rows");
            touched.is_whole = false;
            touched.evidence.push("clients write there, and not every row was looked at".to_owned());
            return;
        }
        if written.as_ref().is_some_and(|written| written.wrong.is_empty()) {
            return;
        }
        let kind = match self.plan.stores.get(store) {
            None => Touchable::Table,
            Some(Observed::Document(_)) => Touchable::Document,
            Some(Observed::RabbitMq(_)) if name != store => {
                let queue = name.strip_prefix(&format!("{store}.")).unwrap_or(name);
                self.add(Touchable::Queue, queue, "messages").evidence.extend(seen(table, rows));
                return;
            }
            Some(Observed::RabbitMq(_)) => return self.named(Touchable::Queue, table, rows),
            Some(Observed::Redis(_)) => return self.named(Touchable::Key, table, rows),
            Some(Observed::Folder(_)) => return self.named(Touchable::File, table, rows),
        };
        let mut evidence = seen(table, rows);
        if let Some(written) = written {
            evidence = written.wrong.into_iter().chain(written.evidence).collect();
        }
        self.add(kind, name, "rows").evidence.extend(evidence);
    }

    /// Rows that have names of their own.
    fn named(&mut self, kind: Touchable, table: &TableDifference, rows: Option<&RowsDiffer>) {
        let how = if kind == Touchable::Queue { "depth" } else { "content" };
        let Some(named) = rows.and_then(|rows| rows.named.as_ref()).filter(|_| rows.is_some_and(is_whole))
        else {
            let touched = self.add(kind, &format!("some of {}", table.table), how);
            touched.is_whole = false;
            touched.evidence.extend(seen(table, rows));
            return;
        };
        for (pattern, count) in &named.declared {
            self.add(kind, pattern, how).evidence.push(format!("{count} of them"));
        }
        for name in &named.others {
            self.add(kind, name, how);
        }
        if named.more > 0 {
            self.add(kind, &format!("{} more in {}", named.more, table.table), how);
        }
    }
}

/// Whether every row that differs was looked at.
fn is_whole(rows: &RowsDiffer) -> bool {
    rows.not_kept.is_none()
}

fn seen(table: &TableDifference, rows: Option<&RowsDiffer>) -> Vec<String> {
    let examples = rows.iter().flat_map(|rows| &rows.examples).take(SHOWN).map(example);
    std::iter::once(table.summary()).chain(examples).collect()
}

/// What of a service is another, from the line that says how: `image`, `env SHOP_VERSION`.
fn short(change: &str) -> &str {
    let words = if change.starts_with("env ") || change.starts_with("mount ") { 2 } else { 1 };
    change.match_indices(' ').nth(words - 1).map_or(change, |(end, _)| &change[..end])
}

/// The tables of a store, on either side.
fn tables(was: &StoreCapture, is: &StoreCapture) -> BTreeSet<String> {
    let of_schema = was.schema.keys().chain(is.schema.keys()).filter(|object| is_table(object.kind));
    let of_rows = was.tables.keys().chain(is.tables.keys());
    of_schema.map(|object| &object.name).chain(of_rows).cloned().collect()
}

fn is_table(kind: ObjectKind) -> bool {
    use ObjectKind::{ForeignTable, MaterializedView, PartitionedTable, Table};
    matches!(kind, Table | PartitionedTable | ForeignTable | MaterializedView)
}

/// The table that an object is or belongs to.
fn table_of(
    object: &ObjectName,
    definition: Option<&Definition>,
    tables: &BTreeSet<String>,
) -> Option<String> {
    use ObjectKind::{Column, Constraint, Index, Policy, Rule, Trigger};
    if is_table(object.kind) {
        return Some(object.name.clone());
    }
    if !matches!(object.kind, Column | Constraint | Index | Policy | Rule | Trigger) {
        return None;
    }
    let is_inside = |table: &&String| {
        object.name.strip_prefix(table.as_str()).is_some_and(|behind| behind.starts_with('.'))
    };
    // An index of PostgreSQL and a trigger of MariaDB are named beside their table, which they say.
    tables
        .iter()
        .filter(is_inside)
        .max_by_key(|table| table.len())
        .cloned()
        .or_else(|| definition.and_then(|definition| owner(definition, tables)))
}

/// The table that a definition names.
fn owner(definition: &Definition, tables: &BTreeSet<String>) -> Option<String> {
    let bare = |table: &String| table.rsplit('.').next().unwrap_or_default().to_owned();
    let says = |attribute: &str, value: &str, table: &String| match attribute {
        "table" => value == bare(table) || value == table,
        "owned by" | "column" => {
            value.strip_prefix(table.as_str()).is_some_and(|behind| behind.starts_with('.'))
        }
        _ => format!("{value} ").contains(&format!(" ON {table} ")),
    };
    let named =
        tables.iter().filter(|table| definition.attributes().any(|(name, value)| says(name, value, table)));
    named.max_by_key(|table| table.len()).cloned()
}
