//! `backout lint`: the corpus, both ways, and what each format and exit code says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::backout::{backout, command, run};

const CORPUS: &str = "tests/fixtures/lint";

/// Rules and classes, by file and line.
type Marks = BTreeMap<(String, u64), Vec<String>>;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// What the lint says of a folder or file.
fn said(dialect: &str, path: &str) -> Marks {
    let output = backout(&["lint", "--dialect", dialect, "--format", "json", path]);
    assert!(output.code <= 1, "{path}: {}", output.stderr);
    let read: Value = serde_json::from_str(&output.stdout).unwrap();
    let mut marks = Marks::new();
    for remark in read["remarks"].as_array().unwrap().iter().filter(|remark| remark["allowed"].is_null()) {
        let word = |key: &str| remark[key].as_str().unwrap().to_owned();
        let line = remark["line"].as_u64().unwrap();
        marks.entry((word("file"), line)).or_default().push(format!("{} {}", word("rule"), word("class")));
    }
    marks.values_mut().for_each(|words| words.sort());
    marks
}

/// What the comments of these files expect.
fn expected(path: &str) -> Marks {
    let mut found = Vec::new();
    let path = Path::new(path);
    if path.is_dir() {
        files(path, &mut found);
    } else {
        found.push(path.to_owned());
    }
    let mut marks = Marks::new();
    for file in found {
        let text = std::fs::read_to_string(&file).unwrap();
        for (line, comment) in (1..)
            .zip(text.lines())
            .filter_map(|(number, line)| line.split_once("-- expect: ").map(|(_, comment)| (number, comment)))
        {
            let mut words: Vec<String> = comment.split(", ").map(str::to_owned).collect();
            words.sort();
            marks.insert((file.display().to_string(), line), words);
        }
    }
    marks
}

#[track_caller]
fn check(dialect: &str, path: &str) {
    let path = format!("{CORPUS}/{path}");
    let (said, expected) = (said(dialect, &path), expected(&path));
    let missed = expected.iter().filter(|(place, words)| said.get(*place) != Some(*words));
    let alarms = said.iter().filter(|(place, words)| expected.get(*place) != Some(*words));
    let line = |what: &str, ((file, line), words): (&(String, u64), &Vec<String>)| {
        format!("{what} {file}:{line}: {}", words.join(", "))
    };
    let missed = missed.map(|one| line("missed", one));
    let wrong: Vec<String> = missed.chain(alarms.map(|one| line("false alarm", one))).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_planted_operation_is_found_with_its_rule_and_class_and_nothing_else() {
    for file in ["structure", "types", "rows", "hidden"] {
        check("postgres", &format!("planted/postgres/{file}.sql"));
    }
    check("postgres", "planted/postgres/pairs");
    check("mariadb", "planted/mariadb");
}

#[test]
fn in_the_safe_half_there_is_nothing_at_all() {
    check("postgres", "safe/postgres");
    check("mariadb", "safe/mariadb");
}

/// Statements by their semicolons at the ends of lines, comments left out.
fn statements(half: &str) -> usize {
    let mut found = Vec::new();
    files(&Path::new(CORPUS).join(half), &mut found);
    let ends = |line: &&str| line.split(" -- ").next().is_some_and(|code| code.trim_end().ends_with(';'));
    let count = |file: &PathBuf| std::fs::read_to_string(file).unwrap().lines().filter(ends).count();
    found.iter().map(count).sum()
}

#[test]
fn the_corpus_is_large_enough_and_plants_every_rule_of_sql() {
    let (planted, safe) = (statements("planted"), statements("safe"));
    assert!(planted >= 150 && safe >= 100, "{planted} planted, {safe} safe");
    let known: Vec<&str> = backout::lint::rules::RULES.iter().map(|rule| rule.name).collect();
    let planted = expected(&format!("{CORPUS}/planted"));
    let found: Vec<&str> = planted.values().flatten().filter_map(|words| words.split(' ').next()).collect();
    let missing: Vec<&&str> = known.iter().filter(|rule| !found.contains(*rule)).collect();
    assert_eq!(
        missing,
        [&"engine-upgrade", &"not-read", &"opaque-step", &"remove-volume"],
        "no SQL plants these"
    );
}

#[test]
fn s24_lint_exits_with_0_1_and_3() {
    let code = |arguments: &[&str]| backout(arguments).code;
    assert_eq!(code(&["lint", "tests/fixtures/lint/safe/postgres"]), 0);
    assert_eq!(code(&["lint", "tests/fixtures/lint/planted/postgres/rows.sql"]), 1);
    assert_eq!(code(&["lint", "no/such/file.sql"]), 3);
    assert_eq!(code(&["lint"]), 3);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("up.sql");
    std::fs::write(&file, "DROP TABLE a; -- backout: allow drop-table\n").unwrap();
    let output = backout(&["lint", file.to_str().unwrap()]);
    assert_eq!(output.code, 3);
    assert!(output.stderr.contains("what is allowed needs a reason"), "{}", output.stderr);
    // What can be taken back, or needs what is kept, is said and is no failure.
    std::fs::write(&file, "DROP INDEX a;\n-- backout: allow truncate because \"a cache\"\nTRUNCATE b;\n")
        .unwrap();
    std::fs::write(folder.path().join("down.sql"), "CREATE INDEX a ON t (a);\n").unwrap();
    let output = backout(&["lint", file.to_str().unwrap()]);
    assert_eq!(output.code, 0, "{}", output.stdout);
    let words = output.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("allowed: a cache"), "{}", output.stdout);
}

/// A folder of these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// The one remark on a folder of these files, in words.
#[track_caller]
fn not_read(files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    let output = backout(&["lint", "--format", "json", folder.path().to_str().unwrap()]);
    assert_eq!(output.code, 1, "{}{}", output.stdout, output.stderr);
    let read: Value = serde_json::from_str(&output.stdout).unwrap();
    let remarks = read["remarks"].as_array().unwrap();
    assert_eq!(remarks.len(), 1, "{read:#}");
    let word = |key: &str| remarks[0][key].as_str().unwrap();
    assert_eq!((word("rule"), word("class")), ("not-read", "unknown"));
    format!("{}; {}", word("message"), word("instead"))
}

#[test]
fn nothing_read_is_never_green() {
    let django = "class Migration(migrations.Migration):\n    operations = [migrations.AddField('a', 'b')]\n";
    let alembic = "revision = 'a'\ndown_revision = None\ndef upgrade():\n    op.drop_table('t')\ndef downgrade():\n    pass\n";
    let knex = "exports.up = (knex) => knex.schema.dropTable('t');\nexports.down = () => {};";
    let xml =
        "<databaseChangeLog><changeSet id='1'><dropTable tableName='t'/></changeSet></databaseChangeLog>";
    for (file, text, expected) in [
        ("shop/migrations/0001_a.py", django, "1 migration of Django in"),
        ("versions/a.py", alembic, "1 migration of Alembic in"),
        ("m/1.js", knex, "1 migration of Knex in"),
        ("c/log.xml", xml, "1 migration of Liquibase in"),
        ("m/1_a.sqlite.up.sql", "DROP TABLE t;", "1 migration of SQL for SQLite in"),
        ("notes.txt", "x", "nothing in"),
    ] {
        let said = not_read(&[(file, text)]);
        assert!(said.contains(expected) && said.contains("backout lint -"), "{file}: {said}");
    }
    assert!(
        not_read(&[("m/migrations/0001_a.py", django)]).contains("`python manage.py sqlmigrate APP NAME")
    );
    assert!(not_read(&[]).contains("nothing in"));
}

#[test]
fn sql_comes_from_a_pipe_and_a_name_may_say_whose_it_is() {
    let lint = |arguments: &[&str], input: &str| {
        let input_file = tempfile::tempfile().map(|mut file| {
            std::io::Write::write_all(&mut file, input.as_bytes()).unwrap();
            std::io::Seek::rewind(&mut file).unwrap();
            file
        });
        run(command(arguments).stdin(input_file.unwrap()).env("NO_COLOR", "1"))
    };
    let piped = lint(&["lint", "-"], "BEGIN;\nALTER TABLE t DROP COLUMN a;\nCOMMIT;\n");
    assert_eq!(piped.code, 1, "{}", piped.stderr);
    assert!(piped.stdout.contains("lossy: drops column `t.a`"), "{}", piped.stdout);
    assert!(piped.stdout.contains(" --> -:2:15") && piped.stdout.contains("^^^^"), "{}", piped.stdout);
    let nothing = lint(&["lint", "-"], "\n");
    assert_eq!(nothing.code, 1);
    assert!(nothing.stdout.contains("nothing in `-`: not read"), "{}", nothing.stdout);
    let folder = folder(&[
        ("1_a.mysql.up.sql", "ALTER TABLE `t` ADD COLUMN `a` int AFTER `b`;"),
        ("1_a.mysql.down.sql", "ALTER TABLE `t` DROP COLUMN `a`;"),
    ]);
    let output = backout(&["lint", folder.path().to_str().unwrap()]);
    assert!(!output.stdout.contains("it cannot be read"), "{}", output.stdout);
}

#[test]
fn a_file_by_itself_comes_with_its_other_half() {
    let sqitch = folder(&[
        ("sqitch.plan", "%project=a"),
        ("deploy/a.sql", "CREATE TABLE a (b int);"),
        ("revert/a.sql", "DROP TABLE a;"),
        ("verify/a.sql", "SELECT b FROM a;"),
    ]);
    let output = backout(&["lint", sqitch.path().join("deploy/a.sql").to_str().unwrap()]);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (0, "2 operations: 2 reversible\n"),
        "{}",
        output.stderr
    );
    let alone =
        folder(&[("1_a.up.sql", "CREATE TABLE a (b int);"), ("2_b.up.sql", "CREATE TABLE b (b int);")]);
    let output = backout(&["lint", alone.path().to_str().unwrap()]);
    assert!(
        output.stdout.contains("has no rollback") && !output.stdout.contains("neighbours"),
        "{}",
        output.stdout
    );
}

#[test]
fn a_rule_explains_itself_and_a_wrong_name_is_near_one() {
    let page = backout(&["lint", "--explain", "drop-column"]);
    assert_eq!(page.code, 0);
    assert!(page.stdout.starts_with("# drop-column\n\n## What it finds\n"), "{}", page.stdout);
    let wrong = backout(&["lint", "--explain", "drop-colum"]);
    assert_eq!(wrong.code, 3);
    assert!(wrong.stderr.contains("did you mean `drop-column`?"), "{}", wrong.stderr);
}

#[test]
fn the_terminal_shows_the_text_underlined_in_80_columns() {
    let output = run(command(&["lint", "scenarios/drop-column/wrong"]).env("NO_COLOR", "1"));
    assert_eq!(output.code, 0, "the values are kept: {}", output.stdout);
    for part in [
        "note[drop-column]: needs kept data: drops column `orders.note`",
        "--> scenarios/drop-column/up.sql:4:20",
        "ALTER TABLE orders DROP COLUMN note;",
        "^^^^^^^^^^^^^^^^",
    ] {
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
    assert!(output.stdout.lines().all(|line| line.chars().count() <= 80), "{}", output.stdout);
}

const SCENARIO: &str = r#"format: 1
name: steps
staging: { compose: compose.yaml }
observe:
  databases: [ { service: db, engine: postgres, database: d, user: u } ]
change:
  - sql: { service: db, text: "DELETE FROM t WHERE old" }
  - run: { service: api, command: [migrate, up] }
  - http: { call: { service: api, post: /charge } }
  - deploy: { service: db, image: "postgres:16" }
  - host: { command: [docker, volume, rm, shop_data] }
rollback: { steps: [ { sql: { service: db, text: "DROP TABLE IF EXISTS u" } } ] }
expect: { data: as_before }
"#;

fn scenario(more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let compose = "services:\n  db: { image: 'postgres:14' }\n  api: { image: 'api:1', expose: ['80'] }\n";
    std::fs::write(folder.path().join("compose.yaml"), compose).unwrap();
    std::fs::write(folder.path().join("scenario.yaml"), format!("{SCENARIO}{more}")).unwrap();
    folder
}

#[test]
fn the_steps_of_a_scenario_are_read_each_as_what_it_is() {
    let folder = scenario("");
    let said = said("postgres", folder.path().to_str().unwrap());
    let said: Vec<(u64, String)> =
        said.into_iter().map(|((_, line), words)| (line, words.join(", "))).collect();
    let expected = [
        (7, "delete lossy"),
        (8, "opaque-step unknown"),
        (9, "external-call irreversible"),
        (10, "engine-upgrade irreversible"),
        (11, "remove-volume lossy"),
        (12, "drop-table unknown, if-exists-in-rollback unknown"),
    ];
    let expected: Vec<(u64, String)> =
        expected.iter().map(|(line, words)| (*line, (*words).to_owned())).collect();
    assert_eq!(said, expected);
}

#[test]
fn a_scenario_allows_with_a_reason_and_check_and_plan_warn_of_the_rest() {
    let allow = "lint: { allow: [ { rule: delete, step: 1, because: \"old rows are copies\" } ] }\n";
    let folder = scenario(allow);
    let path = folder.path().to_str().unwrap();
    let check = backout(&["check", "--allow-host", path]);
    assert_eq!(check.code, 0, "{}", check.stderr);
    assert!(check.stdout.contains("allowed: old rows are copies"), "{}", check.stdout);
    assert!(check.stdout.contains("warning: "), "{}", check.stdout);
    assert!(backout(&["plan", "--allow-host", path]).stdout.contains("engine-upgrade"));
    let without = scenario("lint: { allow: [ { rule: delete, because: \"\" } ] }\n");
    let refused = backout(&["lint", without.path().to_str().unwrap()]);
    assert_eq!(refused.code, 3);
    assert!(refused.stderr.contains("what is allowed needs a reason"), "{}", refused.stderr);
    let unused = scenario("lint: { allow: [ { rule: truncate, because: x } ] }\n");
    let said = said("postgres", unused.path().to_str().unwrap());
    assert!(said.values().flatten().any(|words| words == "unused-allow reversible"), "{said:?}");
}

#[test]
fn a_compose_file_that_no_longer_keeps_what_another_does_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let old = "services:\n  db:\n    image: postgres:14\n    volumes: [ 'data:/var/lib', 'logs:/logs' ]\nvolumes: { data: {}, logs: {} }\n";
    let old = file("old.yaml", old);
    let new = "services:\n  db:\n    image: postgres:16\n    volumes: [ 'data:/elsewhere' ]\nvolumes: { data: {} }\n";
    let new = file("new.yaml", new);
    let changed = backout(&["lint", "--before", &old, &new]);
    assert_eq!(changed.code, 1, "{}", changed.stderr);
    let words = changed.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "lossy: no longer names volume `logs`",
        "lossy: no longer mounts volume `data` at /var/lib of service `db`",
        "irreversible: puts service `db` from `postgres:14` to `postgres:16`",
        "old.yaml:3:5",
    ] {
        assert!(words.contains(part), "{part}: {}", changed.stdout);
    }
    assert_eq!(backout(&["lint", "--before", &old, &old]).code, 0);
}
