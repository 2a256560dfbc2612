//! A change with its rollback, judged: the remarks of both, in the order of the text.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::allow;
use super::model::{Class, Remark};
use super::operation::{Operation, What};
use super::past::Past;
use super::read::{Dialect, operations};
use super::rules::{Astray, Check, Found, Pair, RULES, Rule};
use crate::diagnostic::{Diagnostic, Source};

/// A part of a text: a whole file, or one half of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The text.
    pub source: Arc<Source>,
    /// The part of it.
    pub part: Range<usize>,
    /// The SQL, where it stands in comments of that part: byte for byte as long, with blanks for the rest.
    pub unmarked: Option<Arc<str>>,
}

impl Script {
    /// A whole text.
    pub fn whole(source: &Arc<Source>) -> Self {
        Self { source: Arc::clone(source), part: 0..source.text.len(), unmarked: None }
    }

    /// The SQL of the part.
    pub fn sql(&self) -> &str {
        self.unmarked.as_deref().unwrap_or(&self.source.text[self.part.clone()])
    }
}

/// A change or a rollback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Half {
    /// SQL that is to be read.
    Sql(Script),
    /// What is known of it already.
    Done(Part),
}

impl Half {
    fn read(&self, dialect: Dialect) -> Part {
        match self {
            Self::Sql(script) => Part::read(script, dialect),
            Self::Done(part) => part.clone(),
        }
    }
}

/// Whether a change should have a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nobody asks for one.
    Nothing,
    /// Its name or its tool has a place for one.
    ByLayout,
    /// The changes beside it have one.
    AsNeighbours,
}

/// A change and its rollback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The change, in the order in which it is made.
    pub change: Vec<Half>,
    /// Its rollback, in the order in which it is made.
    pub rollback: Option<Vec<Half>>,
    /// Whether there should be one.
    pub expected: Expected,
}

/// The types of columns that were seen, by table and column.
pub type Types = BTreeMap<(String, String), String>;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linted {
    /// The remarks, those that somebody allowed too.
    pub remarks: Vec<Remark>,
    /// How many operations are in each class.
    pub counts: BTreeMap<Class, usize>,
}

impl Linted {
    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.remarks.is_empty()
    }

    /// Adds what was found elsewhere.
    pub fn extend(&mut self, other: Self) {
        self.remarks.extend(other.remarks);
        for (class, count) in other.counts {
            *self.counts.entry(class).or_default() += count;
        }
    }
}

/// Operations in the order in which they are done, with the text that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The text.
    pub script: Script,
    /// What it does.
    pub operations: Vec<Operation>,
    /// Whether its comments may allow something.
    pub has_comments: bool,
}

impl Part {
    /// A script of SQL.
    pub fn read(script: &Script, dialect: Dialect) -> Self {
        let operations = operations(dialect, script.sql(), script.part.start);
        // Comments that hold SQL are those of the change that they take back.
        Self { script: script.clone(), operations, has_comments: script.unmarked.is_none() }
    }
}

/// Judges a unit. What it says of columns is added to the types.
///
/// # Errors
/// Every `backout: allow` comment that is not right.
pub fn lint(unit: &Unit, dialect: Dialect, types: &mut Types) -> Result<Linted, Vec<Diagnostic>> {
    let read = |halves: &Vec<Half>| halves.iter().map(|half| half.read(dialect)).collect::<Vec<_>>();
    let (change, rollback) = (read(&unit.change), unit.rollback.as_ref().map(read));
    judge(&change, rollback.as_deref(), unit.expected, types)
}

/// Judges a change of several parts and its rollback.
///
/// # Errors
/// Every `backout: allow` comment that is not right.
pub fn judge(
    change: &[Part],
    rollback: Option<&[Part]>,
    expected: Expected,
    types: &mut Types,
) -> Result<Linted, Vec<Diagnostic>> {
    let all = |parts: &[Part]| parts.iter().flat_map(|part| part.operations.clone()).collect::<Vec<_>>();
    let done = all(change);
    let undone = rollback.map(all);
    let pair = Pair { change: &done, rollback: undone.as_deref(), expected };
    let (of_rollback, of_change): (Vec<_>, Vec<_>) =
        pairwise(&pair).into_iter().partition(|(_, one)| one.in_rollback);
    let mut mistakes = Vec::new();
    let mut past = Past::before_change(types);
    let mut linted = judge_parts(change, &mut past, &of_change, &mut mistakes);
    *types = past.into_types();
    if let Some(parts) = rollback {
        let mut past = Past::before_rollback(&done, types);
        let mut undone = judge_parts(parts, &mut past, &of_rollback, &mut mistakes);
        undone.remarks.iter_mut().for_each(|remark| remark.in_rollback = true);
        linted.extend(undone);
    }
    if mistakes.is_empty() { Ok(linted) } else { Err(mistakes) }
}

/// Judges one part after the other, and then what their comments allow.
fn judge_parts(
    parts: &[Part],
    past: &mut Past,
    astray: &[(&'static Rule, Astray)],
    mistakes: &mut Vec<Diagnostic>,
) -> Linted {
    let mut linted = Linted::default();
    let mut before = 0;
    for part in parts {
        let mut judged = judge_part(part, before, past, astray);
        if part.has_comments {
            let allowed = allow::apply(&part.script, &part.operations, &mut judged.remarks);
            mistakes.extend(allowed.err().unwrap_or_default());
        }
        linted.extend(judged);
        before += part.operations.len();
    }
    linted
}

fn pairwise(pair: &Pair<'_>) -> Vec<(&'static Rule, Astray)> {
    let each = RULES.iter().filter_map(|rule| match rule.check {
        Check::Pair(check) => Some(check(pair).into_iter().map(move |astray| (rule, astray))),
        Check::Operation(_) | Check::Comment => None,
    });
    each.flatten().collect()
}

/// Judges one operation after the other; so many came in the parts before.
fn judge_part(part: &Part, before: usize, past: &mut Past, astray: &[(&'static Rule, Astray)]) -> Linted {
    let mut linted = Linted::default();
    for (number, operation) in (before..).zip(&part.operations) {
        let mut found: Vec<(&Rule, Found)> = look(&operation.what, past);
        let pairs = astray.iter().filter(|(_, one)| one.operation == number);
        found.extend(pairs.map(|(rule, one)| (*rule, one.found.clone())));
        if past.is_change_unread() {
            found.iter_mut().for_each(|(_, found)| leave_open(found));
        }
        let worst = found.iter().map(|(_, found)| found.class).max().unwrap_or(Class::Reversible);
        *linted.counts.entry(worst).or_default() += 1;
        let remark = |(rule, found)| remark(&part.script.source, operation.span.clone(), rule, found);
        linted.remarks.extend(found.into_iter().map(remark));
        past.after(&operation.what);
    }
    linted
}

/// What a rollback takes away may be what a part of the change has made that is not read.
fn leave_open(found: &mut Found) {
    if found.class == Class::Lossy {
        found.class = Class::Unknown;
        found.why = format!("a part of the change is not read; if that did not make it, {}", found.why);
    }
}

/// What the rules say of one operation.
pub fn look(what: &What, past: &Past) -> Vec<(&'static Rule, Found)> {
    let each = RULES.iter().filter_map(|rule| match rule.check {
        Check::Operation(check) => check(what, past).map(|found| (rule, found)),
        Check::Pair(_) | Check::Comment => None,
    });
    each.collect()
}

/// A remark at a place of a text.
pub fn remark(source: &Arc<Source>, span: Range<usize>, rule: &Rule, found: Found) -> Remark {
    let text = source.text.get(span.clone()).unwrap_or_default();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = match line.char_indices().nth(100) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    };
    Remark {
        rule: rule.name.to_owned(),
        class: found.class,
        at: source.place(span.start),
        span,
        text,
        message: found.message,
        why: found.why,
        instead: found.instead,
        table: found.table,
        in_rollback: false,
        allowed: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(change: &str, rollback: Option<&str>) -> Unit {
        let script = |name: &str, text: &str| Half::Sql(Script::whole(&Source::new(name, text)));
        Unit {
            change: vec![script("up.sql", change)],
            rollback: rollback.map(|text| vec![script("down.sql", text)]),
            expected: Expected::ByLayout,
        }
    }

    #[track_caller]
    fn check(change: &str, rollback: Option<&str>, expected: &[&str]) {
        let linted = lint(&unit(change, rollback), Dialect::Postgres, &mut Types::new()).unwrap();
        let said = linted.remarks.iter().map(|remark| {
            let Remark { at, class, rule, text, .. } = remark;
            format!("{at} {} {rule}: {text}", class.word())
        });
        assert_eq!(said.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_remark_says_file_line_class_rule_and_text() {
        check(
            "BEGIN;\nALTER TABLE t\n  ADD b int,\n  DROP COLUMN a;\nCOMMIT;",
            Some("ALTER TABLE t DROP b, ADD a int"),
            &[
                "up.sql:4:3 lossy drop-column: DROP COLUMN a",
                "down.sql:1:23 reversible column-order: ADD a int",
            ],
        );
    }

    #[test]
    fn a_rollback_may_take_back_what_its_change_did_and_nothing_else() {
        check(
            "CREATE TABLE t (a int);\nINSERT INTO u VALUES (1);\nUPDATE v SET a = 1",
            Some("DELETE FROM u WHERE a = 1;\nUPDATE v SET a = 0;\nDROP TABLE t;\nDELETE FROM w"),
            &["up.sql:3:1 lossy update: UPDATE v SET a = 1", "down.sql:4:1 lossy delete: DELETE FROM w"],
        );
    }

    #[test]
    fn what_a_part_of_the_change_may_have_made_that_is_not_read_is_unknown() {
        check(
            "CREATE INDEX i ON v (a); DO 'x'",
            Some("DROP TABLE t; DROP INDEX i"),
            &["up.sql:1:26 unknown hidden-sql: DO 'x'", "down.sql:1:1 unknown drop-table: DROP TABLE t"],
        );
        check(
            "CREATE TABLE t (a int); CREATE INDEX i ON t (a)",
            Some("DROP TABLE t; DROP INDEX IF EXISTS i"),
            &[],
        );
    }

    #[test]
    fn types_are_known_from_earlier_changes() {
        let mut types = Types::new();
        lint(&unit("CREATE TABLE t (a int, b bigint)", Some("DROP TABLE t")), Dialect::Postgres, &mut types)
            .unwrap();
        let change = "ALTER TABLE t ALTER a TYPE bigint, ALTER b TYPE int";
        let back = "ALTER TABLE t ALTER a TYPE int, ALTER b TYPE bigint";
        let linted = lint(&unit(change, Some(back)), Dialect::Postgres, &mut types).unwrap();
        let said: Vec<(&str, &str)> =
            linted.remarks.iter().map(|remark| (remark.at.file.as_str(), remark.text.as_str())).collect();
        assert_eq!(said, [("up.sql", "ALTER b TYPE int"), ("down.sql", "ALTER a TYPE int")]);
    }

    #[test]
    fn every_operation_is_counted_once_in_its_worst_class() {
        let linted = lint(
            &unit("SELECT 1; DROP TABLE a; DO 'x'", Some("CREATE TABLE a (b int)")),
            Dialect::Postgres,
            &mut Types::new(),
        );
        let counts = linted.unwrap().counts;
        assert_eq!(counts[&Class::Reversible], 2);
        assert_eq!((counts[&Class::Lossy], counts[&Class::Unknown]), (1, 1));
    }
}
