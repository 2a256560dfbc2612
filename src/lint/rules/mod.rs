//! One rule per file, with its page beside it.

mod change_type;
mod column_order;
mod delete;
mod detach_partition;
mod drop_code;
mod drop_column;
mod drop_constraint;
mod drop_index;
mod drop_partition;
mod drop_role;
mod drop_schema;
mod drop_sequence;
mod drop_table;
mod drop_type;
mod engine_upgrade;
mod enum_value;
mod external_call;
mod hidden_sql;
mod if_exists_in_rollback;
mod mirror;
mod no_way_back;
mod not_null;
mod not_read;
mod not_understood;
mod opaque_step;
mod overwrite;
mod remove_volume;
mod rename;
mod restart_sequence;
#[cfg(test)]
mod testing;
mod transaction_around_ddl;
mod truncate;
mod unlogged;
mod unused_allow;
mod update;

use super::model::Class;
use super::operation::{Operation, What};
use super::past::Past;
use super::unit::Expected;

/// A rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name, such as `drop-column`.
    pub name: &'static str,
    /// Its page, in Markdown.
    pub page: &'static str,
    /// What it looks at.
    pub check: Check,
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// One operation and what came before it.
    Operation(fn(&What, &Past) -> Option<Found>),
    /// A change and its rollback.
    Pair(fn(&Pair<'_>) -> Vec<Astray>),
    /// Nothing by itself: who reads the comments says it.
    Comment,
}

/// What a rule has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Whether it can be taken back.
    pub class: Class,
    /// What it does.
    pub message: String,
    /// Why that cannot simply be taken back.
    pub why: String,
    /// The safe way.
    pub instead: String,
    /// The table whose rows it may lose.
    pub table: Option<String>,
}

impl Found {
    fn new(class: Class, message: impl Into<String>, why: impl Into<String>, instead: &str) -> Self {
        Self { class, message: message.into(), why: why.into(), instead: instead.to_owned(), table: None }
    }

    fn rows_of(mut self, table: &str) -> Self {
        self.table = Some(table.to_owned());
        self
    }
}

/// A change and its rollback, as operations; no rollback where there is none.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// What the change does.
    pub change: &'a [Operation],
    /// What its rollback does.
    pub rollback: Option<&'a [Operation]>,
    /// Whether there should be a rollback.
    pub expected: Expected,
}

/// Something that a change or its rollback does and the other does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Astray {
    /// Whether the operation is one of the rollback.
    pub in_rollback: bool,
    /// The operation's number there.
    pub operation: usize,
    /// What is wrong with it.
    pub found: Found,
}

/// Every rule, by name.
pub const RULES: &[Rule] = &[
    change_type::RULE,
    column_order::RULE,
    delete::RULE,
    detach_partition::RULE,
    drop_code::RULE,
    drop_column::RULE,
    drop_constraint::RULE,
    drop_index::RULE,
    drop_partition::RULE,
    drop_role::RULE,
    drop_schema::RULE,
    drop_sequence::RULE,
    drop_table::RULE,
    drop_type::RULE,
    engine_upgrade::RULE,
    enum_value::RULE,
    external_call::RULE,
    hidden_sql::RULE,
    if_exists_in_rollback::RULE,
    mirror::RULE,
    no_way_back::RULE,
    not_null::RULE,
    not_read::RULE,
    not_understood::RULE,
    opaque_step::RULE,
    overwrite::RULE,
    remove_volume::RULE,
    rename::RULE,
    restart_sequence::RULE,
    transaction_around_ddl::RULE,
    truncate::RULE,
    unlogged::RULE,
    unused_allow::RULE,
    update::RULE,
];

/// The rule with this name.
pub fn named(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

/// A class by whether something is kept: *lossy*, or *needs kept data* with where it lies.
fn kept_or_lost(kept: Option<&str>, lost: &str) -> (Class, String) {
    match kept {
        Some(place) => (Class::NeedsKeptData, format!("the way back needs what is kept in {place}")),
        None => (Class::Lossy, lost.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const HEADINGS: [&str; 4] = ["## What it finds", "## Why", "## Instead", "## When it says nothing"];

    #[test]
    fn every_rule_has_a_page_with_the_same_headings() {
        for rule in RULES {
            let lines: Vec<&str> = rule.page.lines().filter(|line| line.starts_with('#')).collect();
            let title = format!("# {}", rule.name);
            let expected: Vec<&str> = std::iter::once(title.as_str()).chain(HEADINGS).collect();
            assert_eq!(lines, expected, "{}", rule.name);
            let texts = rule.page.split("## ").skip(1);
            assert!(
                texts.clone().all(|text| text.lines().skip(1).any(|line| !line.is_empty())),
                "{}",
                rule.name
            );
        }
    }

    #[test]
    fn rules_stand_in_order_and_each_in_the_file_of_its_name() {
        assert!(RULES.is_sorted_by_key(|rule| rule.name));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lint/rules");
        for rule in RULES {
            assert!(folder.join(format!("{}.rs", rule.name.replace('-', "_"))).is_file(), "{}", rule.name);
        }
        let pages = std::fs::read_dir(folder).unwrap();
        let pages =
            pages.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "md"));
        assert_eq!(pages.count(), RULES.len());
    }
}
