//! Two captures of a store, and everything that is not the same. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::model::{
    COLUMN_ORDER, Definition, Fingerprint, LeftoverName, Leftovers, ObjectName, SequenceState, StoreCapture,
    TableData,
};

/// Everything in which two captures differ; raw facts, exceptions only noted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoreDifferences {
    /// Objects of the schema.
    pub schema: Vec<SchemaDifference>,
    /// Rows of tables.
    pub tables: Vec<TableDifference>,
    /// Sequences, those ahead included.
    pub sequences: Vec<SequenceDifference>,
    /// What came and what went outside the schema.
    pub leftovers: Vec<LeftoverDifference>,
}

/// A schema object that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaDifference {
    /// The object.
    pub object: ObjectName,
    /// What defined it before; none if it was not there.
    pub before: Option<Definition>,
    /// What defines it now; none if it is gone.
    pub after: Option<Definition>,
}

/// One attribute of an object that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeDifference<'d> {
    /// The attribute: `type`, `default`, `definition` …
    pub attribute: &'d str,
    /// Its value before, if it had one.
    pub before: Option<&'d str>,
    /// Its value now, if it has one.
    pub after: Option<&'d str>,
}

impl AttributeDifference<'_> {
    /// A column that came or went is a difference of its own: of the order of columns counts that of those that are on
    /// both sides.
    fn says_something(&self) -> bool {
        if self.attribute != COLUMN_ORDER {
            return true;
        }
        let columns = |order: Option<&'_ str>| -> Vec<String> {
            order.unwrap_or_default().split(", ").map(str::to_owned).collect()
        };
        let (before, after) = (columns(self.before), columns(self.after));
        let in_both = |all: &[String], others: &[String]| -> Vec<String> {
            all.iter().filter(|column| others.contains(column)).cloned().collect()
        };
        in_both(&before, &after) != in_both(&after, &before)
    }
}

impl SchemaDifference {
    /// The attributes that differ, when the object is there on both sides.
    pub fn attributes(&self) -> Vec<AttributeDifference<'_>> {
        let (Some(before), Some(after)) = (&self.before, &self.after) else { return Vec::new() };
        let mut names: Vec<&str> =
            before.attributes().chain(after.attributes()).map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        let attributes = names.into_iter().map(|name| AttributeDifference {
            attribute: name,
            before: before.value(name),
            after: after.value(name),
        });
        attributes
            .filter(|attribute| attribute.before != attribute.after && attribute.says_something())
            .collect()
    }

    /// Whether an object that is on both sides is the same in all that is compared.
    fn is_empty(&self) -> bool {
        self.before.is_some() && self.after.is_some() && self.attributes().is_empty()
    }

    /// The difference in one line.
    pub fn summary(&self) -> String {
        match (&self.before, &self.after) {
            (Some(_), None) => format!("{} is gone", self.object),
            (None, _) => format!("{} was not there before", self.object),
            (Some(_), Some(_)) => {
                let changes = self.attributes().into_iter().map(|attribute| {
                    let (before, after) =
                        (attribute.before.unwrap_or("none"), attribute.after.unwrap_or("none"));
                    format!("{} {before} → {after}", attribute.attribute)
                });
                format!("{}: {}", self.object, changes.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A table whose rows differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDifference {
    /// The table.
    pub table: String,
    /// How it differs.
    pub change: TableChange,
    /// Its rows before; none if it was not there.
    pub rows_before: Option<u64>,
    /// Its rows now; none if it is gone.
    pub rows_after: Option<u64>,
    /// Whether nothing differs once the exceptions are left out.
    pub excepted: bool,
    /// Why the exceptions could not be applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception_error: Option<String>,
    /// Whether the server empties the table when it crashes: then its emptiness is the fault's doing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlogged: bool,
}

/// How the rows of a table differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableChange {
    /// The table is gone, and it held rows.
    Missing,
    /// The table was not there before, and it holds rows.
    Extra,
    /// Its rows lost or gained columns.
    Columns {
        /// The columns that are gone.
        lost: Vec<String>,
        /// The columns that came.
        gained: Vec<String>,
    },
    /// Its rows or their values are others.
    Rows,
}

impl TableDifference {
    /// The difference in one line.
    pub fn summary(&self) -> String {
        let (before, after) = (self.rows_before.unwrap_or(0), self.rows_after.unwrap_or(0));
        let table = &self.table;
        match &self.change {
            TableChange::Missing => format!("{table} is gone with its {before} rows"),
            TableChange::Extra => format!("{table} was not there before and holds {after} rows"),
            TableChange::Columns { lost, gained } => {
                let said =
                    [("lost", lost), ("gained", gained)].map(|(verb, columns)| match columns.is_empty() {
                        true => String::new(),
                        false => format!("{verb} {}", columns.join(", ")),
                    });
                let said: Vec<String> = said.into_iter().filter(|part| !part.is_empty()).collect();
                format!("the {after} rows of {table} {}", said.join(" and "))
            }
            TableChange::Rows if before == after => format!("the {after} rows of {table} are not as before"),
            TableChange::Rows => format!("{table} held {before} rows and holds {after}"),
        }
    }
}

/// A sequence that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceDifference {
    /// The sequence.
    pub sequence: String,
    /// How it differs.
    pub change: SequenceChange,
    /// Whether the server sets it back when it crashes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlogged: bool,
}

/// How a sequence differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SequenceChange {
    /// It is gone.
    Missing,
    /// It was not there before.
    Extra,
    /// Its type, bounds, owner or column are others.
    Definition {
        /// What defined it before.
        before: Definition,
        /// What defines it now.
        after: Definition,
    },
    /// It will give values that it gave before.
    Behind {
        /// The next value before.
        before: String,
        /// The next value now.
        after: String,
    },
    /// It will give values that its column already holds, and it did not before.
    BehindColumn {
        /// The next value now.
        next: String,
        /// How far its column has got.
        column_reaches: String,
    },
    /// It has gone on. Crashes and aborted transactions do that: shown, and no failure unless the
    /// sequences are to be exact.
    Ahead {
        /// The next value before.
        before: String,
        /// The next value now.
        after: String,
    },
}

impl SequenceDifference {
    /// Whether this is a failure when sequences need not be exact.
    pub fn is_wrong(&self) -> bool {
        !matches!(self.change, SequenceChange::Ahead { .. })
    }

    /// The difference in one line.
    pub fn summary(&self) -> String {
        let sequence = &self.sequence;
        match &self.change {
            SequenceChange::Missing => format!("sequence {sequence} is gone"),
            SequenceChange::Extra => format!("sequence {sequence} was not there before"),
            SequenceChange::Definition { before, after } => {
                format!("sequence {sequence} was: {before}; it is: {after}")
            }
            SequenceChange::Behind { before, after } => {
                format!("sequence {sequence} went back: its next value was {before} and is {after}")
            }
            SequenceChange::BehindColumn { next, column_reaches } => format!(
                "sequence {sequence} is behind its column: its next value is {next}, the column has reached \
                 {column_reaches}"
            ),
            SequenceChange::Ahead { before, after } => {
                format!("sequence {sequence} went on: its next value was {before} and is {after}")
            }
        }
    }
}

/// Something outside the schema that came, went or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftoverDifference {
    /// What it is.
    pub leftover: LeftoverName,
    /// How it differs.
    pub change: LeftoverChange,
    /// What was seen of it, for the reader.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<String>,
}

/// How something outside the schema differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverChange {
    /// There are more of it than before: left behind.
    Came {
        /// How many there were.
        before: u64,
        /// How many there are.
        after: u64,
    },
    /// There are fewer of it than before: removed too much.
    Went {
        /// How many there were.
        before: u64,
        /// How many there are.
        after: u64,
    },
    /// It is defined in another way.
    Changed {
        /// What defined it before.
        before: String,
        /// What defines it now.
        after: String,
    },
}

impl LeftoverDifference {
    /// The difference in one line.
    pub fn summary(&self) -> String {
        let leftover = &self.leftover;
        match &self.change {
            LeftoverChange::Came { before: 0, .. } => format!("{leftover} was not there before"),
            LeftoverChange::Came { before, after } => format!("{leftover}: {after}, and {before} before"),
            LeftoverChange::Went { after: 0, .. } => format!("{leftover} is gone"),
            LeftoverChange::Went { before, after } => format!("{leftover}: {after}, and {before} before"),
            LeftoverChange::Changed { before, after } => format!("{leftover}: {before} → {after}"),
        }
    }
}

/// Compares two captures of one store. Of tables whose rows were not read, nothing is said.
pub fn compare(before: &StoreCapture, after: &StoreCapture) -> StoreDifferences {
    let mut tables = compare_tables(&before.tables, &after.tables);
    tables.retain(|one| ![before, after].iter().any(|side| side.unread.contains_key(&one.table)));
    StoreDifferences {
        schema: compare_schema(&before.schema, &after.schema),
        tables,
        sequences: compare_sequences(&before.sequences, &after.sequences),
        leftovers: compare_leftovers(&before.leftovers, &after.leftovers),
    }
}

/// Every key of either map once, with what both sides hold for it.
fn pairs<'m, K: Ord, V>(
    before: &'m BTreeMap<K, V>,
    after: &'m BTreeMap<K, V>,
) -> impl Iterator<Item = (&'m K, Option<&'m V>, Option<&'m V>)> {
    let keys: BTreeMap<&K, ()> = before.keys().chain(after.keys()).map(|key| (key, ())).collect();
    keys.into_keys().map(|key| (key, before.get(key), after.get(key)))
}

/// Whether the objects of two schemas differ in anything that is compared; of the order of columns nothing is said.
pub fn has_another_schema(
    before: &BTreeMap<ObjectName, Definition>,
    after: &BTreeMap<ObjectName, Definition>,
) -> bool {
    let only_order = |one: &SchemaDifference| {
        let attributes = one.attributes();
        !attributes.is_empty() && attributes.iter().all(|attribute| attribute.attribute == COLUMN_ORDER)
    };
    before != after && compare_schema(before, after).iter().any(|one| !only_order(one))
}

fn compare_schema(
    before: &BTreeMap<ObjectName, Definition>,
    after: &BTreeMap<ObjectName, Definition>,
) -> Vec<SchemaDifference> {
    pairs(before, after)
        .filter(|(_, before, after)| before != after)
        .map(|(object, before, after)| SchemaDifference {
            object: object.clone(),
            before: before.cloned(),
            after: after.cloned(),
        })
        .filter(|difference| !difference.is_empty())
        .collect()
}

fn compare_tables(
    before: &BTreeMap<String, TableData>,
    after: &BTreeMap<String, TableData>,
) -> Vec<TableDifference> {
    pairs(before, after).filter_map(|(name, before, after)| compare_table(name, before, after)).collect()
}

fn compare_table(
    name: &str,
    before: Option<&TableData>,
    after: Option<&TableData>,
) -> Option<TableDifference> {
    let change = change(before.map(|data| &data.raw), after.map(|data| &data.raw))?;
    let error = |data: Option<&TableData>| data.and_then(|data| data.exception_error.clone());
    Some(TableDifference {
        table: name.to_owned(),
        change,
        rows_before: before.map(|data| data.raw.rows),
        rows_after: after.map(|data| data.raw.rows),
        excepted: is_excepted(before, after),
        exception_error: error(after).or_else(|| error(before)),
        unlogged: before.or(after).is_some_and(|data| data.unlogged),
    })
}

/// A table holds nothing that matters when it is not there or empty, whatever its columns.
fn change(before: Option<&Fingerprint>, after: Option<&Fingerprint>) -> Option<TableChange> {
    let rows = |fingerprint: Option<&Fingerprint>| fingerprint.map_or(0, |fingerprint| fingerprint.rows);
    if rows(before) == 0 && rows(after) == 0 {
        return None;
    }
    let (Some(before), Some(after)) = (before, after) else {
        return Some(if after.is_none() { TableChange::Missing } else { TableChange::Extra });
    };
    let without = |all: &[String], others: &[String]| -> Vec<String> {
        all.iter().filter(|name| !others.contains(name)).cloned().collect()
    };
    let (lost, gained) = (without(&before.columns, &after.columns), without(&after.columns, &before.columns));
    if before.rows > 0 && after.rows > 0 && !(lost.is_empty() && gained.is_empty()) {
        return Some(TableChange::Columns { lost, gained });
    }
    (before.rows != after.rows || before.sum != after.sum).then_some(TableChange::Rows)
}

/// Whether the exceptions explain the whole difference. A side without them has no such table.
fn is_excepted(before: Option<&TableData>, after: Option<&TableData>) -> bool {
    let remaining = |data: Option<&'_ TableData>| data.and_then(|data| data.excepted.clone());
    let (left, right) = (remaining(before), remaining(after));
    let applied = (before.is_none() || left.is_some()) && (after.is_none() || right.is_some());
    applied && change(left.as_ref(), right.as_ref()).is_none()
}

fn compare_sequences(
    before: &BTreeMap<String, SequenceState>,
    after: &BTreeMap<String, SequenceState>,
) -> Vec<SequenceDifference> {
    pairs(before, after)
        .flat_map(|(name, before, after)| {
            let unlogged = before.or(after).is_some_and(|sequence| sequence.unlogged);
            let changes = match (before, after) {
                (Some(before), Some(after)) => compare_sequence(before, after),
                (Some(_), None) => vec![SequenceChange::Missing],
                (None, _) => vec![SequenceChange::Extra],
            };
            let difference = move |change| SequenceDifference { sequence: name.clone(), change, unlogged };
            changes.into_iter().map(difference)
        })
        .collect()
}

fn compare_sequence(before: &SequenceState, after: &SequenceState) -> Vec<SequenceChange> {
    let mut changes = Vec::new();
    if before.definition != after.definition {
        let (before, after) = (before.definition.clone(), after.definition.clone());
        changes.push(SequenceChange::Definition { before, after });
    }
    changes.extend(compare_position(before, after));
    changes
}

fn compare_position(before: &SequenceState, after: &SequenceState) -> Option<SequenceChange> {
    let (was, is) = (before.next(), after.next());
    let moved = if after.increment < 0 { was - is } else { is - was };
    if moved < 0 {
        return Some(SequenceChange::Behind { before: was.to_string(), after: is.to_string() });
    }
    if after.is_behind_column() && !before.is_behind_column() {
        let column_reaches = after.column_reaches.map_or_else(String::new, |value| value.to_string());
        return Some(SequenceChange::BehindColumn { next: is.to_string(), column_reaches });
    }
    (moved > 0).then(|| SequenceChange::Ahead { before: was.to_string(), after: is.to_string() })
}

/// What came, went or changed between two looks.
pub fn compare_leftovers(before: &Leftovers, after: &Leftovers) -> Vec<LeftoverDifference> {
    let mut differences = Vec::new();
    for (name, before, after) in pairs(&before.found, &after.found) {
        let (count_before, count_after) = (before.map_or(0, |l| l.count), after.map_or(0, |l| l.count));
        let change = match (before, after) {
            _ if count_after > count_before => {
                LeftoverChange::Came { before: count_before, after: count_after }
            }
            _ if count_after < count_before => {
                LeftoverChange::Went { before: count_before, after: count_after }
            }
            (Some(before), Some(after)) if before.definition != after.definition => {
                LeftoverChange::Changed { before: before.definition.clone(), after: after.definition.clone() }
            }
            _ => continue,
        };
        let seen = after.or(before).map(|leftover| leftover.seen.clone()).unwrap_or_default();
        differences.push(LeftoverDifference { leftover: name.clone(), change, seen });
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::model::{Kept, Leftover, LeftoverKind, ObjectKind};

    fn fingerprint(rows: u64, sum: &str, columns: &[&str]) -> Fingerprint {
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        Fingerprint { rows, sum: sum.to_owned(), columns }
    }

    fn table(raw: Fingerprint, excepted: Option<Fingerprint>) -> TableData {
        TableData {
            raw,
            excepted,
            exception_error: None,
            unlogged: false,
            key: Vec::new(),
            kept: Kept::Nothing { because: String::new() },
            chunks: None,
        }
    }

    fn tables(data: TableData) -> BTreeMap<String, TableData> {
        BTreeMap::from([("public.t".to_owned(), data)])
    }

    #[track_caller]
    fn check_tables(
        before: BTreeMap<String, TableData>,
        after: BTreeMap<String, TableData>,
        expected: Option<(&str, bool)>,
    ) {
        let found = compare_tables(&before, &after);
        let found: Vec<(String, bool)> = found.iter().map(|d| (d.summary(), d.excepted)).collect();
        let expected: Vec<(String, bool)> =
            expected.map(|(text, e)| (text.to_owned(), e)).into_iter().collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn s13_rows_columns_and_tables_that_hold_rows_differ() {
        let one = || tables(table(fingerprint(1, "7", &["a", "b"]), None));
        check_tables(one(), one(), None);
        check_tables(
            one(),
            tables(table(fingerprint(1, "8", &["a", "b"]), None)),
            Some(("the 1 rows of public.t are not as before", false)),
        );
        check_tables(
            one(),
            tables(table(fingerprint(2, "7", &["a", "b"]), None)),
            Some(("public.t held 1 rows and holds 2", false)),
        );
        check_tables(
            one(),
            tables(table(fingerprint(1, "7", &["a", "c"]), None)),
            Some(("the 1 rows of public.t lost b and gained c", false)),
        );
        check_tables(one(), BTreeMap::new(), Some(("public.t is gone with its 1 rows", false)));
        check_tables(BTreeMap::new(), one(), Some(("public.t was not there before and holds 1 rows", false)));
    }

    #[test]
    fn s13_without_rows_neither_tables_nor_columns_are_data() {
        let empty = || tables(table(fingerprint(0, "0", &["a"]), None));
        check_tables(empty(), BTreeMap::new(), None);
        check_tables(empty(), tables(table(fingerprint(0, "0", &["b"]), None)), None);
    }

    #[test]
    fn s16_a_difference_is_excepted_only_if_nothing_else_differs() {
        let side = |raw: &str, rest: &str| {
            tables(table(fingerprint(1, raw, &["a", "b"]), Some(fingerprint(1, rest, &["a"]))))
        };
        let text = "the 1 rows of public.t are not as before";
        check_tables(side("7", "1"), side("8", "1"), Some((text, true)));
        check_tables(side("7", "1"), side("8", "2"), Some((text, false)));
        let mut refused = side("8", "1");
        refused.get_mut("public.t").unwrap().excepted = None;
        check_tables(side("7", "1"), refused, Some((text, false)));
    }

    fn sequence(last_value: i64, increment: i64, column_reaches: Option<i64>) -> SequenceState {
        SequenceState {
            definition: Definition::default(),
            increment,
            last_value,
            is_called: true,
            column_reaches,
            unlogged: false,
        }
    }

    #[track_caller]
    fn check_sequence(before: SequenceState, after: SequenceState, expected: Option<(&str, bool)>) {
        let map = |state| BTreeMap::from([("public.s".to_owned(), state)]);
        let found = compare_sequences(&map(before), &map(after));
        let found: Vec<(String, bool)> = found.iter().map(|d| (d.summary(), d.is_wrong())).collect();
        let expected: Vec<(String, bool)> =
            expected.map(|(text, e)| (text.to_owned(), e)).into_iter().collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn s14_ahead_is_shown_and_behind_is_wrong_in_the_sequences_own_direction() {
        check_sequence(sequence(5, 1, None), sequence(5, 1, None), None);
        let ahead = "sequence public.s went on: its next value was 6 and is 38";
        check_sequence(sequence(5, 1, None), sequence(37, 1, None), Some((ahead, false)));
        let behind = "sequence public.s went back: its next value was 6 and is 3";
        check_sequence(sequence(5, 1, None), sequence(2, 1, None), Some((behind, true)));
        let down = "sequence public.s went on: its next value was -6 and is -8";
        check_sequence(sequence(-5, -1, None), sequence(-7, -1, None), Some((down, false)));
    }

    #[test]
    fn s14_a_sequence_behind_its_column_is_wrong_unless_it_was_before() {
        let behind = "sequence public.s is behind its column: its next value is 6, the column has reached 9";
        check_sequence(sequence(5, 1, Some(5)), sequence(5, 1, Some(9)), Some((behind, true)));
        check_sequence(sequence(5, 1, Some(9)), sequence(5, 1, Some(9)), None);
        check_sequence(sequence(5, 1, None), sequence(5, 1, Some(5)), None);
    }

    #[test]
    fn s14_a_definition_differs_beside_the_position() {
        let mut changed = sequence(9, 1, None);
        changed.definition = Definition::from_iter([("cycle".to_owned(), "yes".to_owned())]);
        let map = |state| BTreeMap::from([("public.s".to_owned(), state)]);
        let found = compare_sequences(&map(sequence(5, 1, None)), &map(changed));
        assert_eq!(found.len(), 2);
        assert!(matches!(found[0].change, SequenceChange::Definition { .. }));
        let gone = compare_sequences(&map(sequence(5, 1, None)), &BTreeMap::new());
        assert_eq!(gone[0].summary(), "sequence public.s is gone");
    }

    #[test]
    fn s12_a_changed_object_names_the_attributes_that_changed() {
        let object = ObjectName { kind: ObjectKind::Column, name: "public.t.a".to_owned() };
        let schema = |attributes: &[(&str, &str)]| {
            let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            BTreeMap::from([(object.clone(), attributes.collect())])
        };
        let before = schema(&[("type", "integer"), ("null", "not allowed")]);
        let after = schema(&[("type", "bigint"), ("null", "not allowed"), ("default", "7")]);
        let found = compare_schema(&before, &after);
        assert_eq!(found[0].summary(), "column public.t.a: default none → 7, type integer → bigint");
        assert_eq!(compare_schema(&before, &BTreeMap::new())[0].summary(), "column public.t.a is gone");
        assert_eq!(
            compare_schema(&BTreeMap::new(), &before)[0].summary(),
            "column public.t.a was not there before"
        );
    }

    fn leftovers(count: u64, definition: &str) -> Leftovers {
        let name = LeftoverName { kind: LeftoverKind::Role, name: "app".to_owned() };
        let leftover = Leftover { count, definition: definition.to_owned(), seen: Vec::new() };
        let found = if count == 0 { BTreeMap::new() } else { BTreeMap::from([(name, leftover)]) };
        Leftovers { found, unseen: Vec::new() }
    }

    #[test]
    fn s15_what_came_went_or_changed_is_named() {
        let summary = |before: Leftovers, after: Leftovers| {
            compare_leftovers(&before, &after).first().map(LeftoverDifference::summary)
        };
        assert_eq!(summary(leftovers(1, "login"), leftovers(1, "login")), None);
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(summary(leftovers(0, ""), leftovers(1, "login")), said("role app was not there before"));
        assert_eq!(summary(leftovers(1, "login"), leftovers(0, "")), said("role app is gone"));
        assert_eq!(summary(leftovers(1, "login"), leftovers(3, "login")), said("role app: 3, and 1 before"));
        assert_eq!(summary(leftovers(1, "login"), leftovers(1, "")), said("role app: login → "));
    }
}
