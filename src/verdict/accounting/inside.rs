//! Statements that commit inside themselves: what a kill in their middle leaves is a state of its own, and no point that
//! a gateway can hold lies there.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::model::Engine;
use crate::sql;
use crate::state::model::{Definition, ObjectKind, ObjectName};

/// The objects of a store by name.
type Schema<'a> = BTreeMap<&'a ObjectName, &'a Definition>;

/// Whether a statement, sent outside of a transaction, may make a part of what it does permanent.
pub(super) fn commits_inside(text: &str, engine: Engine, schema: &Schema<'_>) -> bool {
    let words = sql::words(text);
    let has = |word: &str| words.contains(word);
    match (first_word(text).as_str(), engine) {
        // Every statement of a procedure is a transaction of its own there, unless it begins one.
        ("call", Engine::Mariadb) => true,
        ("call", Engine::Postgres) => may_commit(&words, schema),
        ("do", Engine::Postgres) => has("commit") || has("call") && may_commit(&words, schema),
        ("create" | "drop" | "reindex" | "alter", Engine::Postgres) => has("concurrently"),
        ("vacuum", Engine::Postgres) => true,
        _ => false,
    }
}

/// A query that turns true while such a statement is at work, for a point of the scenario's own.
pub(super) fn probe(text: &str) -> String {
    let words = sql::words(text);
    let progress = match first_word(text).as_str() {
        "create" | "reindex" => Some("pg_stat_progress_create_index"),
        "vacuum" if words.contains("full") => Some("pg_stat_progress_cluster"),
        "vacuum" => Some("pg_stat_progress_vacuum"),
        _ => None,
    };
    match progress {
        Some(view) => format!("SELECT count(*) > 0 FROM {view}"),
        None => {
            let begins: String =
                text.trim_start().chars().take_while(|c| *c != '(' && *c != '\'').take(40).collect();
            format!(
                "SELECT count(*) > 0 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '{}%'",
                begins.trim_end()
            )
        }
    }
}

/// Whether a procedure that is named commits, itself or by one that it calls. One that is not known may.
fn may_commit(words: &BTreeSet<String>, schema: &Schema<'_>) -> bool {
    let procedures: BTreeMap<String, BTreeSet<String>> = schema
        .iter()
        .filter(|(object, _)| object.kind == ObjectKind::Procedure)
        .map(|(object, definition)| (own_name(&object.name), body(definition)))
        .collect();
    let mut named: BTreeSet<&String> = words.iter().filter(|word| procedures.contains_key(*word)).collect();
    if named.is_empty() {
        return true;
    }
    loop {
        let called = named.iter().flat_map(|name| &procedures[*name]);
        let called: BTreeSet<&String> = called.filter(|word| procedures.contains_key(*word)).collect();
        let all: BTreeSet<&String> = named.union(&called).copied().collect();
        if all.len() == named.len() {
            break;
        }
        named = all;
    }
    named.iter().any(|name| ["commit", "rollback"].iter().any(|word| procedures[*name].contains(*word)))
}

fn body(definition: &Definition) -> BTreeSet<String> {
    definition.value("definition").map(sql::words).unwrap_or_default()
}

fn own_name(name: &str) -> String {
    let path = name.split('(').next().unwrap_or(name);
    path.rsplit('.').next().unwrap_or(path).trim_matches('"').to_lowercase()
}

fn first_word(text: &str) -> String {
    let text = sql::fingerprint(text);
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, engine: Engine, procedures: &[(&str, &str)], expected: bool) {
        let owned: Vec<(ObjectName, Definition)> = procedures
            .iter()
            .map(|(name, body)| {
                let object = ObjectName { kind: ObjectKind::Procedure, name: (*name).to_owned() };
                (object, [("definition".to_owned(), (*body).to_owned())].into_iter().collect())
            })
            .collect();
        let schema = owned.iter().map(|(object, definition)| (object, definition)).collect();
        assert_eq!(commits_inside(text, engine, &schema), expected, "{text}");
    }

    #[test]
    fn what_commits_inside_itself_is_told_from_what_does_not() {
        let postgres = [
            ("CREATE UNIQUE INDEX CONCURRENTLY a ON t (b)", true),
            ("DROP INDEX CONCURRENTLY a", true),
            ("REINDEX TABLE CONCURRENTLY t", true),
            ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY", true),
            ("/* nightly */ VACUUM t", true),
            ("DO $$ BEGIN UPDATE t SET a = 1; COMMIT; UPDATE t SET a = 2; END $$", true),
            ("CREATE INDEX a ON t (b)", false),
            ("REFRESH MATERIALIZED VIEW CONCURRENTLY v", false),
            ("DO $$ BEGIN UPDATE t SET a = 1; END $$", false),
            ("COMMIT", false),
        ];
        for (text, expected) in postgres {
            check(text, Engine::Postgres, &[], expected);
        }
        check("CALL fill()", Engine::Mariadb, &[], true);
        check("CREATE INDEX a ON t (b)", Engine::Mariadb, &[], false);
    }

    #[test]
    fn a_procedure_commits_if_it_says_so_or_one_that_it_calls() {
        let quiet = ("public.fill()", "BEGIN UPDATE t SET a = 1; END");
        let loud = ("public.fill()", "BEGIN UPDATE t SET a = 1; COMMIT; END");
        let through = ("public.all()", "BEGIN CALL fill(); END");
        check("CALL fill()", Engine::Postgres, &[quiet], false);
        check("CALL public.fill()", Engine::Postgres, &[loud], true);
        check("CALL all()", Engine::Postgres, &[through, loud], true);
        check("CALL all()", Engine::Postgres, &[through, quiet], false);
        check("CALL unknown()", Engine::Postgres, &[quiet], true);
    }

    #[test]
    fn the_probe_is_true_while_the_statement_is_at_work() {
        assert_eq!(probe("VACUUM FULL t"), "SELECT count(*) > 0 FROM pg_stat_progress_cluster");
        let call =
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'CALL fill%'";
        assert_eq!(probe("CALL fill('x')"), call);
    }
}
