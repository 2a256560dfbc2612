//! What differs between two states, in the words of reports, and which exception covers it.

use std::collections::BTreeMap;

use super::explain::explain;
use super::timeline::State;
use crate::journal::event::RowsDiffer;
use crate::plan::Plan;
use crate::plan::model::{Covers, Exception, Reference, StateKind};
use crate::stage::ServiceState;
use crate::state::compare::{
    AttributeDifference, LeftoverChange, LeftoverDifference, SchemaDifference, SequenceChange,
    StoreDifferences, TableChange, TableDifference, compare,
};
use crate::state::model::{COLUMN_ORDER, Definition, LeftoverKind, ObjectKind, is_in_schema};
use crate::state::rows::{Cell, RowChange, RowDifference};
use crate::text::grouped;

/// How many rows of a table a report shows.
const EXAMPLES: usize = 20;
/// How many columns of a row a report shows.
const COLUMNS: usize = 6;

/// Something that is not the same.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    /// What, in the reader's terms: `public.orders`, `service api`.
    pub(super) subject: String,
    /// How, in one line.
    pub(super) message: String,
    pub(super) evidence: Vec<String>,
    /// Whether it is a difference by the semantics, or only shown (a sequence ahead).
    pub(super) counts: bool,
    /// Whether it cannot be told if it is one.
    pub(super) is_unknown: bool,
    /// The exception that covers it, by position.
    pub(super) covered_by: Option<usize>,
    /// Whether all that differs is values that became NULL.
    pub(super) lost_values: bool,
    /// Whether it is an object that does not do what it is there for: no exception covers that.
    is_unusable: bool,
    /// What an exception would name.
    names: Names,
}

/// What an exception for a difference names.
#[derive(Debug, Clone)]
enum Names {
    Service(String),
    Object(String),
    Table(String, Vec<String>),
    Sequence(String),
    Leftover(String),
}

impl Difference {
    fn new(names: Names, message: impl Into<String>) -> Self {
        let subject = match &names {
            Names::Service(name) => format!("service {name}"),
            Names::Sequence(name) => format!("sequence {name}"),
            Names::Object(name) | Names::Leftover(name) | Names::Table(name, _) => name.clone(),
        };
        let (evidence, message) = (Vec::new(), message.into());
        Self {
            subject,
            message,
            evidence,
            counts: true,
            is_unknown: false,
            covered_by: None,
            lost_values: false,
            is_unusable: false,
            names,
        }
    }

    fn covered(mut self, exceptions: &[Exception]) -> Self {
        let covering = exceptions.iter().position(|exception| self.is_named_by(&exception.covers));
        self.covered_by = covering.filter(|_| !self.is_unusable);
        self
    }

    /// Exceptions of tables are applied where the rows are: see [`tables`].
    fn is_named_by(&self, covers: &Covers) -> bool {
        match (&self.names, covers) {
            (Names::Service(name), Covers::Service(covered))
            | (Names::Object(name), Covers::Object(covered))
            | (Names::Sequence(name), Covers::Sequence(covered))
            | (Names::Leftover(name), Covers::Leftover(covered)) => name == covered,
            _ => false,
        }
    }

    /// The line to paste under `except:`.
    pub(super) fn exception(&self) -> String {
        let named = match &self.names {
            Names::Service(name) => format!("service: {name}"),
            Names::Object(name) => format!("object: {}", quoted(name)),
            Names::Table(table, columns) if columns.is_empty() => format!("table: {}", quoted(table)),
            Names::Table(table, columns) => {
                format!("table: {}, columns: [{}]", quoted(table), columns.join(", "))
            }
            Names::Sequence(name) => format!("sequence: {}", quoted(name)),
            Names::Leftover(name) => format!("leftover: {}", quoted(name)),
        };
        format!("{{ {named}, because: \"…\" }}")
    }
}

fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if plain { name.to_owned() } else { format!("'{}'", name.replace('\'', "''")) }
}

/// What an exception covers, in words.
pub(super) fn covered(covers: &Covers) -> String {
    match covers {
        Covers::Table { table, columns, condition } => {
            let columns =
                if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
            let rows = condition.as_ref().map_or_else(String::new, |condition| format!(" where {condition}"));
            format!("{table}{columns}{rows}")
        }
        Covers::Schema { schema, columns } if columns.is_empty() => format!("schema {schema}"),
        Covers::Schema { schema, columns } => format!("schema {schema} ({})", columns.join(", ")),
        Covers::Object(name) | Covers::Leftover(name) => name.clone(),
        Covers::Sequence(name) => format!("sequence {name}"),
        Covers::Service(name) => format!("service {name}"),
    }
}

/// Everything of one kind that differs.
pub(super) fn differences(
    kind: StateKind,
    plan: &Plan,
    before: &State,
    after: &State,
    rows: &[(String, RowsDiffer)],
) -> Vec<Difference> {
    let judged = plan.expect.states.get(&kind);
    let exceptions = judged.map_or(&[][..], |state| &state.except);
    let exact = judged.is_some_and(|state| state.reference == Reference::Exact);
    let mut found = match kind {
        StateKind::System => system(&before.system, &after.system),
        StateKind::Leftovers => strays(before, after),
        StateKind::Schema | StateKind::Data | StateKind::Sequences => Vec::new(),
    };
    let plus = judged.is_some_and(|state| state.reference == Reference::BeforePlusAcknowledged);
    for (database, store) in &before.stores {
        let Some(now) = after.stores.get(database) else { continue };
        let differ = compare(store, now);
        found.extend(match kind {
            StateKind::System => Vec::new(),
            StateKind::Schema => schema(&differ, judged.is_some_and(|state| state.column_order)),
            StateKind::Data => {
                let found = tables(&differ, exceptions, database, rows, crashes(plan, database));
                if plus { promised(plan, database, rows, found) } else { found }
            }
            StateKind::Sequences => sequences(&differ, exact),
            StateKind::Leftovers => leftovers(&differ, plan),
        });
    }
    if plus && kind == StateKind::Data {
        found.extend(halves(plan, rows));
    }
    found.into_iter().map(|one| if kind == StateKind::Data { one } else { one.covered(exceptions) }).collect()
}

fn system(
    before: &BTreeMap<String, ServiceState>,
    after: &BTreeMap<String, ServiceState>,
) -> Vec<Difference> {
    let mut found = Vec::new();
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let changes = match (before.get(name), after.get(name)) {
            (Some(was), Some(is)) => service_changes(was, is),
            (Some(_), None) => vec!["is gone".to_owned()],
            (None, _) => vec!["was not there before".to_owned()],
        };
        if let [first, rest @ ..] = &changes[..] {
            let more = if rest.is_empty() { String::new() } else { format!(", and {} more", rest.len()) };
            let names = Names::Service(name.clone());
            let mut difference = Difference::new(names, format!("{first}{more}"));
            difference.evidence = if rest.is_empty() { Vec::new() } else { changes };
            found.push(difference);
        }
    }
    found
}

/// S11: restarts are reported and never compared.
pub(super) fn service_changes(was: &ServiceState, is: &ServiceState) -> Vec<String> {
    let mut changes = Vec::new();
    let mut field = |name: &str, was: String, is: String| {
        if was != is {
            changes.push(format!("{name} {was} → {is}"));
        }
    };
    field("image", short(&was.image), short(&is.image));
    field("command", was.command.join(" "), is.command.join(" "));
    field("entrypoint", was.entrypoint.join(" "), is.entrypoint.join(" "));
    field("networks", was.networks.join(", "), is.networks.join(", "));
    field("replicas", was.replicas.to_string(), is.replicas.to_string());
    if !(was.health.is_well() && is.health.is_well()) {
        field("health", was.health.to_string(), is.health.to_string());
    }
    changes.extend(entries("env", &was.environment, &is.environment));
    changes.extend(entries("mount", &was.mounts, &is.mounts));
    changes
}

fn short(image: &str) -> String {
    image.trim_start_matches("sha256:").chars().take(12).collect()
}

fn entries(what: &str, was: &BTreeMap<String, String>, is: &BTreeMap<String, String>) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let changed = names.into_iter().filter(|name| was.get(*name) != is.get(*name));
    changed
        .map(|name| match (was.get(name), is.get(name)) {
            (Some(was), Some(is)) => format!("{what} {name} {was} → {is}"),
            (Some(was), None) => format!("{what} {name} is gone (was {was})"),
            (None, is) => format!("{what} {name} was not there (is {})", is.map_or("", String::as_str)),
        })
        .collect()
}

fn strays(before: &State, after: &State) -> Vec<Difference> {
    let came = after.strays.iter().filter(|stray| !before.strays.contains(stray));
    came.map(|stray| {
        let name = format!("{} {}", resource(stray.kind), stray.name);
        Difference::new(Names::Leftover(name), "was not there before")
    })
    .collect()
}

/// What something on the engine is called.
pub(super) fn resource(kind: crate::stage::ResourceKind) -> &'static str {
    use crate::stage::ResourceKind;
    match kind {
        ResourceKind::Container => "container",
        ResourceKind::Network => "network",
        ResourceKind::Volume => "volume",
        ResourceKind::Image => "image",
    }
}

/// Objects that differ. The order of columns is always said, and counts where it has to be exact.
fn schema(differ: &StoreDifferences, order_counts: bool) -> Vec<Difference> {
    differ.schema.iter().flat_map(|one| object(one, order_counts)).collect()
}

fn object(one: &SchemaDifference, order_counts: bool) -> Vec<Difference> {
    let new = |message: String| Difference::new(Names::Object(one.object.to_string()), message);
    let mut found = match (&one.before, &one.after) {
        (Some(_), None) => vec![new("is gone".to_owned())],
        (None, _) => vec![new("was not there before".to_owned())],
        (Some(_), Some(_)) => {
            let (order, others): (Vec<_>, Vec<_>) =
                one.attributes().into_iter().partition(|change| change.attribute == COLUMN_ORDER);
            let changes: Vec<String> = others.iter().map(attribute).collect();
            let changed = (!changes.is_empty()).then(|| new(changes.join(", ")));
            let moved = order.iter().map(|change| {
                let (was, is) = (change.before.unwrap_or_default(), change.after.unwrap_or_default());
                let message = format!("its columns stand in another order: {was} → {is}");
                Difference { counts: order_counts, ..new(message) }
            });
            changed.into_iter().chain(moved).collect()
        }
    };
    if let Some(how) = unusable(one) {
        found.iter_mut().for_each(|difference| {
            difference.is_unusable = true;
            difference.message = format!("{how}: {}", difference.message);
        });
    }
    found
}

fn attribute(change: &AttributeDifference<'_>) -> String {
    let (was, is) = (change.before.unwrap_or("none"), change.after.unwrap_or("none"));
    format!("{} {was} → {is}", change.attribute)
}

/// What makes an object worth nothing although it is there, where that was not so before (S27): no exception covers it.
fn unusable(one: &SchemaDifference) -> Option<&'static str> {
    let has = |attribute: &str, value: &str| {
        let is = |side: &Option<Definition>| {
            side.as_ref().and_then(|side| side.value(attribute)).is_some_and(|found| found == value)
        };
        is(&one.after) && !is(&one.before)
    };
    match one.object.kind {
        ObjectKind::Index if has("valid", "no") || has("ready", "no") => {
            Some("it is INVALID, as a build leaves it that was cut")
        }
        ObjectKind::Constraint if has("valid", "no") => Some("it is not validated"),
        ObjectKind::Constraint if has("enforced", "no") => Some("it is not enforced"),
        ObjectKind::Constraint if has("triggers", "disabled") => Some("its triggers are disabled"),
        ObjectKind::Trigger | ObjectKind::Rule | ObjectKind::EventTrigger if has("enabled", "no") => {
            Some("it is disabled")
        }
        _ => None,
    }
}

/// The tables of one database that differ, in the order in which they are compared; their rows were not.
pub(super) fn tables_of(plan: &Plan, database: &str, differ: &StoreDifferences) -> Vec<Difference> {
    let judged = plan.expect.states.get(&StateKind::Data);
    let exceptions = judged.map_or(&[][..], |state| &state.except);
    tables(differ, exceptions, database, &[], crashes(plan, database))
}

fn tables(
    differ: &StoreDifferences,
    exceptions: &[Exception],
    store: &str,
    rows: &[(String, RowsDiffer)],
    crashes: bool,
) -> Vec<Difference> {
    let found = differ.tables.iter().map(|one| {
        let difference = table(one, exceptions, store, rows);
        let emptied = one.unlogged && one.rows_after == Some(0);
        Difference { counts: difference.counts && !(crashes && emptied), ..difference }
    });
    found.collect()
}

/// Whether a fault of the plan may crash the server, which empties its unlogged tables (S14).
fn crashes(plan: &Plan, database: &str) -> bool {
    let faults = plan.failure.iter().flat_map(|failure| &failure.faults);
    let mut faults = faults.map(|planned| &planned.fault);
    faults.any(|fault| fault.may_crash() && fault.service() == Some(database))
}

fn table(
    one: &TableDifference,
    exceptions: &[Exception],
    store: &str,
    rows: &[(String, RowsDiffer)],
) -> Difference {
    let kept = rows.iter().find(|(of, rows)| of == store && rows.table == one.table);
    let kept = kept.map(|(_, rows)| rows);
    let columns = kept.map(changed_columns).unwrap_or_default();
    let mut message = one.summary().replacen(&one.table, "the table", 1);
    let mut evidence = Vec::new();
    let mut lost_values = false;
    if let Some(rows) = kept {
        if rows.not_kept.is_none() {
            message = match one.rows_after.filter(|_| only_changed(rows)) {
                Some(all) if columns.is_empty() => format!("{} of {all} rows changed", rows.counts.changed),
                Some(all) if matches!(one.change, TableChange::Rows) => {
                    format!("{} of {all} rows changed: {}", rows.counts.changed, columns.join(", "))
                }
                _ => format!("{message} ({})", counted(rows)),
            };
        }
        evidence.extend(rows.not_kept.iter().cloned());
        evidence.extend(rows.examples.iter().take(EXAMPLES).map(example));
        lost_values = !rows.examples.is_empty() && rows.examples.iter().all(has_only_lost_values);
    }
    if one.unlogged {
        evidence.push("the table is unlogged: a crash of the server empties it".to_owned());
    }
    evidence.extend(
        one.exception_error.iter().map(|error| format!("an exception could not be applied: {error}")),
    );
    let covering = exceptions.iter().position(|exception| match &exception.covers {
        Covers::Table { table, .. } => *table == one.table,
        Covers::Schema { schema, .. } => is_in_schema(&one.table, schema),
        Covers::Object(_) | Covers::Sequence(_) | Covers::Service(_) | Covers::Leftover(_) => false,
    });
    let names = Names::Table(one.table.clone(), columns);
    Difference {
        evidence,
        lost_values,
        covered_by: covering.filter(|_| one.excepted),
        ..Difference::new(names, message)
    }
}

fn only_changed(rows: &RowsDiffer) -> bool {
    rows.counts.changed > 0 && rows.counts.missing + rows.counts.extra == 0
}

fn counted(rows: &RowsDiffer) -> String {
    let counts =
        [(rows.counts.changed, "changed"), (rows.counts.missing, "missing"), (rows.counts.extra, "extra")];
    let shown: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    format!("rows: {}", shown.join(", "))
}

/// The columns in which rows changed; none when whole rows came or went.
fn changed_columns(rows: &RowsDiffer) -> Vec<String> {
    if rows.counts.missing + rows.counts.extra > 0 {
        return Vec::new();
    }
    let columns = rows.examples.iter().flat_map(|row| &row.columns).map(|column| column.name.clone());
    let columns: std::collections::BTreeSet<String> = columns.collect();
    columns.into_iter().collect()
}

fn has_only_lost_values(row: &RowDifference) -> bool {
    row.change == RowChange::Changed
        && row.columns.iter().all(|column| matches!(column.after, Cell::Null | Cell::Absent))
}

/// A row that differs, in one line.
pub(super) fn example(row: &RowDifference) -> String {
    let key: Vec<String> = row.key.iter().map(|(name, value)| format!("{name} {}", cell(value))).collect();
    let columns = row.columns.iter().take(COLUMNS).map(|column| match row.change {
        RowChange::Changed => format!("{} {} → {}", column.name, cell(&column.before), cell(&column.after)),
        RowChange::Missing => format!("{} {}", column.name, cell(&column.before)),
        RowChange::Extra => format!("{} {}", column.name, cell(&column.after)),
    });
    let columns: Vec<String> = columns.collect();
    let more = row.columns.len().saturating_sub(COLUMNS);
    let more = if more == 0 { String::new() } else { format!(", … {more} more") };
    let word = match row.change {
        RowChange::Changed => "",
        RowChange::Missing => "missing: ",
        RowChange::Extra => "extra: ",
    };
    format!("{word}{}  {}{more}", key.join(", "), columns.join(", ")).trim().to_owned()
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Absent => "‹no such column›".to_owned(),
        Cell::Null => "NULL".to_owned(),
        Cell::Value(text) if text.starts_with('‹') => text.clone(),
        Cell::Value(text) => match text.char_indices().nth(40) {
            Some((cut, _)) => format!("'{}…'", &text[..cut]),
            None => format!("'{text}'"),
        },
    }
}

fn sequences(differ: &StoreDifferences, exact: bool) -> Vec<Difference> {
    let found = differ.sequences.iter().map(|one| {
        let named = format!("sequence {} ", one.sequence);
        let message = one.summary().replacen(&named, "", 1);
        let ahead = matches!(one.change, SequenceChange::Ahead { .. });
        let names = Names::Sequence(one.sequence.clone());
        Difference { counts: exact || !ahead, ..Difference::new(names, message) }
    });
    found.collect()
}

/// The same, with what clients wrote taken into account: rows that their ledger explains do not count.
fn promised(
    plan: &Plan,
    database: &str,
    rows: &[(String, RowsDiffer)],
    found: Vec<Difference>,
) -> Vec<Difference> {
    let explained = found.into_iter().map(|mut difference| {
        let of_table =
            |rows: &&(String, RowsDiffer)| rows.0 == database && rows.1.table == difference.subject;
        let rows = rows.iter().find(of_table).map(|(_, rows)| rows);
        let Some(explained) = rows.and_then(|rows| explain(plan, database, rows)) else { return difference };
        if rows.is_some_and(|rows| rows.not_kept.is_some()) {
            difference.is_unknown = true;
            difference.message.push_str(", and its rows were not kept to tell what explains that");
        } else if explained.wrong.is_empty() {
            difference.counts = false;
            difference.message = format!("{} rows are what clients wrote", grouped(explained.rows));
            difference.evidence.clear();
        } else {
            difference.message = explained.wrong.join(", ");
            difference.evidence = explained.evidence;
        }
        difference
    });
    explained.collect()
}

/// Writes of unknown fate that were done by half.
fn halves(plan: &Plan, rows: &[(String, RowsDiffer)]) -> Option<Difference> {
    let halves = super::explain::halves(plan, rows);
    let first = halves.iter().next()?;
    let message = format!("{} unanswered writes are there by half", halves.len());
    let mut difference = Difference::new(Names::Table("writes".to_owned(), Vec::new()), message);
    difference.evidence =
        vec![format!("{first}  is in some of the tables that each write goes to, not in all")];
    Some(difference)
}

/// The names of the sessions that are there after and not before, as services keep them open.
pub(super) fn sessions(before: &State, after: &State) -> Vec<String> {
    let stores = before.stores.iter().filter_map(|(name, store)| Some((store, after.stores.get(name)?)));
    let differ = stores.flat_map(|(store, now)| compare(store, now).leftovers);
    let sessions = differ.filter(|one| one.leftover.kind == LeftoverKind::Session);
    sessions.map(|one| one.leftover.to_string()).collect()
}

fn leftovers(differ: &StoreDifferences, plan: &Plan) -> Vec<Difference> {
    let found = differ.leftovers.iter().map(|one| {
        let name = one.leftover.to_string();
        let message = one.summary().replacen(&name, "", 1);
        let message = message.trim_start_matches([':', ' ']).to_owned();
        let mut difference = Difference::new(Names::Leftover(name), message);
        // Sessions that services keep open for clients are explained by these (S15).
        let is_explained = plan.traffic.iter().any(|traffic| traffic.sessions.contains(&difference.subject));
        difference.counts = !went_by_itself(one) && !is_explained;
        difference.evidence.clone_from(&one.seen);
        difference
    });
    found.collect()
}

/// A session that has ended is nothing that was left behind.
fn went_by_itself(one: &LeftoverDifference) -> bool {
    matches!(one.change, LeftoverChange::Went { .. }) && one.leftover.kind.is_passing()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::model::{ObjectName, StoreCapture};
    use crate::verdict::testing::{place, plan, store};

    fn with(objects: &[(&str, &[(&str, &str)])]) -> State {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let object = |(name, attributes): &(&str, &[(&str, &str)])| {
            (ObjectName::try_from((*name).to_owned()).unwrap(), attributes.iter().map(pair).collect())
        };
        let store = StoreCapture { schema: objects.iter().map(object).collect(), ..store(1, "1") };
        State { stores: BTreeMap::from([("db".to_owned(), store)]), ..State::default() }
    }

    fn found(plan: &Plan, before: &State, after: &State) -> Vec<(String, bool, bool)> {
        let found = differences(StateKind::Schema, plan, before, after, &[]);
        found.into_iter().map(|one| (one.message, one.counts, one.covered_by.is_some())).collect()
    }

    fn excepting(object: &str) -> Plan {
        let mut plan = plan();
        let state = plan.expect.states.get_mut(&StateKind::Schema).unwrap();
        let covers = Covers::Object(object.to_owned());
        state.except.push(Exception { covers, because: "it may stay".to_owned(), at: place(5) });
        plan
    }

    #[test]
    fn s27_no_exception_covers_what_does_not_do_what_it_is_there_for() {
        let kinds = [
            ("index: public.a", "index public.a", "valid", "no", "it is INVALID"),
            ("constraint: public.t.c", "constraint public.t.c", "valid", "no", "it is not validated"),
            (
                "constraint: public.t.c",
                "constraint public.t.c",
                "triggers",
                "disabled",
                "its triggers are disabled",
            ),
            ("trigger: public.t.g", "trigger public.t.g", "enabled", "no", "it is disabled"),
        ];
        for (object, named, attribute, value, said) in kinds {
            let (sound, broken) = (with(&[(object, &[])]), with(&[(object, &[(attribute, value)])]));
            for before in [with(&[]), sound.clone()] {
                let found = found(&excepting(named), &before, &broken);
                assert!(found[0].0.starts_with(said) && found[0].1 && !found[0].2, "{object}: {found:?}");
            }
            assert_eq!(found(&excepting(named), &broken, &broken), [], "it was so before");
            assert!(found(&excepting(named), &with(&[]), &sound)[0].2, "{object}: a sound one is covered");
        }
    }

    #[test]
    fn s27_the_order_of_columns_is_always_said_and_counts_where_it_has_to_be_exact() {
        let order = |columns| with(&[("table: public.t", &[(COLUMN_ORDER, columns)])]);
        let said = "its columns stand in another order: id, note, paid → id, paid, note";
        let (before, after) = (order("id, note, paid"), order("id, paid, note"));
        assert_eq!(found(&plan(), &before, &after), [(said.to_owned(), false, false)]);
        let mut exact = plan();
        exact.expect.states.get_mut(&StateKind::Schema).unwrap().column_order = true;
        assert_eq!(found(&exact, &before, &after), [(said.to_owned(), true, false)]);
        assert_eq!(found(&exact, &before, &order("id, note")), [], "a column that is gone is named as such");
    }
}
