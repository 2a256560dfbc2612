//! Semantic S8 against the two authorities: psql, which cuts files, and `pg_dump`, which writes them.

use std::sync::atomic::{AtomicU32, Ordering};

use backout::sql::{fingerprint, split};
use backout::state::compare::compare;
use backout::state::postgres::{CaptureOptions, capture};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use crate::support::postgres::{Database, LogEntry, server};

/// The statements that psql sends for each text, as the server logs them.
fn as_psql_cuts(texts: &[String]) -> Vec<Vec<String>> {
    static RUN: AtomicU32 = AtomicU32::new(0);
    let run = RUN.fetch_add(1, Ordering::Relaxed);
    let client = |at: usize| format!("psql-{run}-{at}-");
    // A quoted here-document leaves every character as it is (in bash; dash loses bytes at its near end).
    let one = |(at, text): (usize, &String)| {
        let options = format!("PGOPTIONS='-c log_statement=all' PGAPPNAME={}", client(at));
        let psql = format!("{options} psql -X -q -U postgres -f - postgres > /dev/null 2>&1");
        format!("{psql} <<'@@@'\n{text}\n@@@\n")
    };
    server().shell(
        &format!("cat > /tmp/texts{run}; bash /tmp/texts{run}; true"),
        &texts.iter().enumerate().map(one).collect::<String>(),
    );
    let log = server().log();
    (0..texts.len()).map(|at| statements(&log, &client(at))).collect()
}

fn statements(log: &[LogEntry], client: &str) -> Vec<String> {
    let sent = log.iter().filter(|entry| entry.client == client).filter_map(|entry| {
        let text = entry.text.strip_prefix("LOG:  statement: ");
        let sent = text.or_else(|| entry.text.strip_prefix("STATEMENT:  "))?;
        Some(fingerprint(sent.trim_end().trim_end_matches(';')))
    });
    // A statement that fails after it was parsed is logged twice.
    let mut sent: Vec<String> = sent.collect();
    sent.dedup();
    sent.into_iter().filter(|statement| !statement.is_empty()).collect()
}

fn as_we_cut(text: &str) -> Vec<String> {
    let mut ours: Vec<String> =
        split(text).unwrap().iter().map(|statement| fingerprint(&statement.text)).collect();
    ours.dedup();
    ours
}

#[test]
fn s8_files_are_cut_where_psql_cuts_them() {
    let texts = [
        "SELECT 1; SELECT 'a;''b'; SELECT E'\\';' ; SELECT $$;$$, $a$ $$;$a$;\nSELECT U&'\\0041;'",
        "SELECT 1 /* ; /* ; */ ; */ + 2; -- ;\nSELECT 1+--;\n2;SELECT 'x'\n';';",
        "CREATE FUNCTION pg_temp.f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END; SELECT 2;",
        "CREATE RULE r AS ON INSERT TO none DO (SELECT 1; SELECT 2); SELECT 3",
        "SELECT 1 AS \"a;\"\"b\"; SELECT a$b$c; SELECT 1;;; SELECT 2",
    ]
    .map(str::to_owned);
    let ours: Vec<Vec<String>> = texts.iter().map(|text| as_we_cut(text)).collect();
    assert_eq!(ours, as_psql_cuts(&texts));
}

fn fragment() -> impl Strategy<Value = String> {
    let fixed = vec![
        "SELECT",
        "select 1",
        ";",
        ";",
        ";\n",
        "a$b",
        "';'",
        "E'\\';'",
        "e'\\\\'",
        "$$;$$",
        "$q$ $$; $q$",
        "\";\"",
        "( ; )",
        "/* ; /* ' */ */",
        "-- ;\n",
        "\n",
        "1.5e3",
        "::",
        "x'1f'",
        "U&'\\0041;'",
        "'a'\n';'",
        "é",
        "CASE",
        "END",
        "create",
        "begin",
        "1",
        "E",
        "$",
        "$1",
        "n';'",
        "*/*;*/",
        "+",
        "--",
        "\n",
        "$é$;$é$",
    ];
    prop::sample::select(fixed).prop_map(str::to_owned)
}

#[test]
fn s8_random_texts_are_cut_where_psql_cuts_them() {
    let config = ProptestConfig { cases: 5, failure_persistence: None, ..ProptestConfig::default() };
    let glue = prop::sample::select(vec!["", " "]);
    let text = prop::collection::vec((fragment(), glue), 1..40)
        .prop_map(|parts| parts.iter().map(|(part, glue)| format!("{part}{glue}")).collect::<String>())
        // What is never closed is told apart elsewhere.
        .prop_filter("is closed", |text| split(text).is_ok());
    // The same texts every time: psql is the authority, and its versions differ in what no server accepts.
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let tried = TestRunner::new_with_rng(config, random).run(&prop::collection::vec(text, 100), |texts| {
        // One run of psql for all: a newline ends what a comment would swallow.
        let all = texts.join("\n;\n");
        prop_assert_eq!(as_we_cut(&all), as_psql_cuts(&[all]).remove(0));
        Ok(())
    });
    tried.unwrap();
}

#[tokio::test]
async fn s8_a_dump_is_restored_statement_by_statement_and_nothing_is_lost() {
    let (from, to) = (Database::new().await, Database::new().await);
    from.run(
        "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TABLE t (id serial PRIMARY KEY, note text, m mood, a numeric[]);
         INSERT INTO t (note, m, a) SELECT E'a\\tb;\\n\\\\.' || g, 'sad', '{1.0,2}' FROM generate_series(1, 50) g;
         CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN x; END; $$;
         CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END;
         CREATE VIEW v AS SELECT note FROM t WHERE note <> ';'; COMMENT ON TABLE t IS 'it''s; -- a table';
         CREATE TABLE p (a int) PARTITION BY RANGE (a); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (9);
         INSERT INTO p VALUES (1), (2); CREATE INDEX i ON t (lower(note)) WHERE id > 3; DELETE FROM t WHERE id = 7;",
    )
    .await;
    let dump = server().shell(&format!("pg_dump -U postgres {}", from.target.database), "");
    assert!(split(&dump).unwrap().iter().any(|statement| statement.copy_data.is_some()));
    // The dump empties the search path of its session.
    let mut session = to.session().await;
    for statement in split(&dump).unwrap() {
        session.execute(&statement).await.unwrap();
    }
    let options = CaptureOptions::default();
    let before = capture(&from.target, &options).await.unwrap();
    let mut after = capture(&to.target, &options).await.unwrap();
    after.schema.retain(|object, _| object.name != to.target.database);
    let found = compare(&before, &after);
    let schema: Vec<String> = found.schema.iter().map(|difference| difference.summary()).collect();
    assert_eq!(schema, [format!("database {} is gone", from.target.database)]);
    assert_eq!((found.tables, found.sequences), (vec![], vec![]));
}
