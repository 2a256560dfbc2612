//! Sweeps end to end: every point of an unmodified psql, on a real PostgreSQL.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::backout::{Reports, backout, checks, drill, run_of, scenario, start};
use crate::support::edited::Edited;
use crate::support::sweeping::{events, failing, failures, outcomes, sweep, sweep_with_reports};

const RIGHT: &str = "unheard-commit/right";
const OWN: &str = "at: { step: 1, service: db, commit: 1, hold: after }\n  inject: [ { abort: {} } ]";

#[test]
fn s3_a_sweep_reaches_level_3_where_every_point_rolls_back() {
    let (output, card) = sweep(&["--lanes", "2", "scenarios/unheard-commit/right"]);
    let (stdout, right) = (&output.stdout, scenario(&card, RIGHT));
    assert_eq!((output.code, &right["verdict"], &right["level"]), (0, &json!("pass"), &json!(3)), "{stdout}");
    assert_eq!(right["counts"]["pass"], right["counts"]["points"]);
    assert_eq!(right["sweep"]["points"], right["counts"]["points"]);
    let told = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let again = "20 of 20 points roll back; the change can be made again after a rollback.";
    assert!(told.contains(again), "{stdout}");
    assert_eq!(right["sweep"]["again"]["verdict"], "pass");
    let again = run_of(right, "again");
    let (change, rollback) = (&again["again"]["change"]["result"], &again["again"]["rollback"]["exit_code"]);
    assert_eq!(
        (&again["change"]["result"], change, rollback),
        (&json!("interrupted"), &json!("ok"), &json!(0))
    );
    // Without a terminal each case says how far the sweep is.
    let end = "unheard-commit/right  sweep  9 of 9 tried: 9 pass, 0 fail, 0 unknown; 0 left";
    assert!(output.stderr.lines().any(|line| line == end), "{}", output.stderr);
    let begin = "unheard-commit/right  sweep  1 of 9 tried: 1 pass, 0 fail, 0 unknown; 8 left, about ";
    assert!(output.stderr.contains(begin), "{}", output.stderr);
    let operations: Vec<&Value> = right["runs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|run| run["kind"] == "interrupted")
        .map(|run| &run["point"]["operation"])
        .collect();
    assert!(operations.contains(&&json!("rollback")) && operations.contains(&&json!("change")));
}

/// What is seen after a failure is no more than it takes to see a difference, and a stage is put back.
#[test]
fn s2_a_point_inside_a_transaction_is_known_to_have_no_effect_without_reading_a_table() {
    let (output, reports) = sweep_with_reports(&["--lanes", "1", "scenarios/unheard-commit/right"]);
    assert_eq!(output.code, 0, "{}", output.stdout);
    let built: Vec<Value> =
        events(&reports, "reset").into_iter().map(|reset| reset["rebuilt"].clone()).collect();
    assert_eq!(built.iter().filter(|why| !why.is_null()).count(), 1, "{built:?}");
    let glances = events(&reports, "captured").into_iter().filter(|captured| captured["moment"] == "failed");
    let why: Vec<String> =
        glances.map(|glance| glance["stores"]["db"]["unread"]["public.orders"].to_string()).collect();
    for reason in ["\"nothing_committed\"", "\"enough\""] {
        assert!(why.iter().any(|why| why == reason), "{why:?}");
    }
    let card = reports.scorecard();
    let runs = scenario(&card, "unheard-commit/right")["runs"].as_array().unwrap().clone();
    let effects: Vec<Value> =
        runs.iter().filter(|run| run["kind"] == "interrupted").map(|run| run["effect"].clone()).collect();
    // The last is that of the change that is made again.
    let expected: Vec<Value> = why[..why.len() - 1].iter().map(|why| json!(why == "\"enough\"")).collect();
    assert_eq!(effects, expected, "{why:?}");
}

/// What a run leaves in the server, and nobody takes back, is put back with the server's volume.
#[test]
fn what_the_server_holds_besides_databases_is_put_back_from_copies() {
    let edited = Edited::of(RIGHT)
        .write(
            "../migrations/up.sql",
            "DROP ROLE IF EXISTS visitor;\nCREATE ROLE visitor;
ALTER SYSTEM SET log_statement = 'ddl';
UPDATE schema_version SET version = 2;
",
        )
        .write(
            "../migrations/down-by-looking.sql",
            "UPDATE schema_version SET version = 1;
",
        )
        .edit("scenario.yaml", "commit: 1", "statement: 4")
        .edit("scenario.yaml", "leftovers: none", "leftovers: { any: { because: a role may stay } }");
    let (output, reports) = sweep_with_reports(&edited.arguments(&["--lanes", "1"]));
    assert_eq!(output.code, 0, "{}", output.stdout);
    let resets = events(&reports, "reset");
    let reasons = |how: &str| resets.iter().filter_map(|reset| reset[how].as_str()).collect::<Vec<_>>();
    // The first, and the one after the run that showed that copies are needed.
    assert_eq!(reasons("rebuilt").len(), 2, "{resets:#?}");
    let restored = reasons("restored");
    assert!(restored.len() >= 3, "{resets:#?}");
    assert!(restored.iter().all(|why| why.contains("are not as they were")), "{restored:?}");
}

#[test]
fn a_sweep_finds_the_two_points_from_which_the_way_back_goes_wrong() {
    let (output, card) = sweep(&["--lanes", "2", "scenarios/unheard-commit/wrong"]);
    let wrong = scenario(&card, "unheard-commit/wrong");
    assert_eq!(output.code, 1);
    assert_eq!(
        failing(wrong),
        [
            "change step 1, after statement 4: COMMIT",
            "change step 1, before statement 5: INSERT INTO schema_version VALUES (2)"
        ]
    );
    assert!(failures(wrong).iter().all(|finding| finding.contains("is not as before")), "{wrong:#}");
    let told = output.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let sum = "20 of 22 points roll back; at 2 the rollback exits 0, and schema, data differ; \
               whether the change can be made again is not known.";
    assert!(told.contains(sum), "{}", output.stdout);
    assert_eq!(wrong["sweep"]["tried"], 8);
}

/// Fills every place that a run can leave something in: one run's leavings would be the next one's state.
#[test]
fn nothing_leaks_from_one_run_of_a_sweep_into_the_next() {
    let edited = Edited::of(RIGHT)
        .write(
            "../migrations/up.sql",
            "ALTER DATABASE shop SET work_mem = '8MB';\n\
             GRANT CREATE ON DATABASE shop TO PUBLIC;\n\
             COMMENT ON DATABASE shop IS 'changed';\n\
             INSERT INTO orders (customer) VALUES ('new');\n\
             CREATE ROLE visitor;\n\
             ALTER SYSTEM SET log_statement = 'ddl';\n",
        )
        .write(
            "../migrations/down-by-looking.sql",
            "ALTER DATABASE shop RESET work_mem;\n\
             REVOKE CREATE ON DATABASE shop FROM PUBLIC;\n\
             COMMENT ON DATABASE shop IS NULL;\n\
             DELETE FROM orders WHERE customer = 'new';\n\
             DROP ROLE IF EXISTS visitor;\n\
             ALTER SYSTEM RESET log_statement;\n",
        )
        .edit("scenario.yaml", "commit: 1", "statement: 5");
    let (output, card) = sweep(&edited.arguments(&["--lanes", "1"]));
    let (stdout, right) = (&output.stdout, scenario(&card, RIGHT));
    assert_eq!((output.code, failing(right)), (0, Vec::new()), "{stdout}");
    assert!(checks(right, "inconclusive").is_empty(), "{stdout}");
}

/// How often each case was walked to its end.
fn walked(journal: &str) -> BTreeMap<u64, usize> {
    let records: Vec<Value> = journal.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let ended = |run: &Value| {
        records.iter().any(|record| record["run"] == *run && record["event"]["run_ended"].is_object())
    };
    let captured = |run: &Value| {
        records.iter().any(|record| record["run"] == *run && record["event"]["captured"]["moment"] == "after")
    };
    let mut walked = BTreeMap::new();
    for record in &records {
        let case = &record["event"]["run_started"]["case"]["number"];
        if let Some(number) = case.as_u64().filter(|_| ended(&record["run"]) && captured(&record["run"])) {
            *walked.entry(number).or_default() += 1;
        }
    }
    walked
}

#[test]
fn a_sweep_that_was_stopped_goes_on_without_repeating_what_it_has_tried() {
    let reports = Reports::new();
    let right = "scenarios/unheard-commit/right";
    let arguments = ["sweep", "--lanes", "1", "--report-dir", reports.argument(), right];
    let mut child = start(&arguments);
    while walked(&reports.text("journal.jsonl")).len() < 2 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(reports.scorecard()["verdict"], "inconclusive");

    let output =
        backout(&["sweep", "--lanes", "1", "--resume", reports.argument(), "scenarios/unheard-commit/wrong"]);
    assert_eq!(output.code, 3, "another scenario is no continuation: {}", output.stdout);
    assert!(output.stderr.contains("not those that it was begun with"), "{}", output.stderr);

    let output = backout(&["sweep", "--lanes", "1", "--resume", reports.argument(), right]);
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    assert_eq!(scenario(&card, "unheard-commit/right")["level"], 3);
    let walked = walked(&reports.text("journal.jsonl"));
    assert!(walked.len() == 9 && walked.values().all(|times| *times == 1), "{walked:?}");
}

/// Walks the scenario without its control run; its interrupted run and the journal.
fn interrupted(edited: &Edited) -> (Value, String) {
    let (output, reports) = drill(&edited.arguments(&["--no-control"]));
    assert_eq!(output.code, 2, "{}\n{}", output.stdout, output.stderr);
    let run = run_of(scenario(&reports.scorecard(), edited.path()), "interrupted").clone();
    (run, reports.text("journal.jsonl"))
}

/// The error is answered in the server's place at the very statement at which the change is held.
#[test]
fn an_answer_at_a_point_is_what_the_client_hears_there() {
    let answer = "at: { step: 1, service: db, matching: \"UPDATE orders\" }\n  then: continue\n  \
                  inject: [ { answer: { service: db, code: \"57014\", message: drilled, once: true } } ]";
    let (run, journal) = interrupted(&Edited::of(RIGHT).edit("scenario.yaml", OWN, answer));
    assert_eq!(run["change"]["result"], "failed", "{run:#}");
    assert_eq!((&run["verdict"], &run["effect"]), (&json!("pass"), &json!(false)), "{run:#}");
    assert!(journal.contains("57014: drilled (by the gateway)"), "psql was not answered by the gateway");
    assert!(journal.contains("ERROR:  drilled"), "psql did not say what it heard");
    assert!(journal.contains("it acted 1 times"), "the fault did not say how often it acted");
}

/// Inside one long statement: what a killed index build leaves is what the rollback has to face.
#[test]
fn an_index_build_is_broken_while_the_server_reports_its_progress() {
    let point = "at: { step: 1, sql: { service: db, query: \"SELECT EXISTS (SELECT FROM pg_stat_progress_create_index)\" } }\n  \
                 inject: [ { terminate_backend: { service: db, matching: \"CREATE INDEX\" } } ]";
    let edited = Edited::of(RIGHT)
        .edit("../seed.sql", "generate_series(1, 500)", "generate_series(1, 300000)")
        .write("../migrations/up.sql", "CREATE INDEX CONCURRENTLY orders_by_customer ON orders (customer);\n")
        .write("../migrations/down-by-looking.sql", "DROP INDEX IF EXISTS orders_by_customer;\n")
        .edit("scenario.yaml", OWN, point);
    let (run, _) = interrupted(&edited);
    assert_eq!(
        (&run["effect"], &run["class"], &run["verdict"]),
        (&json!(true), &json!("restored"), &json!("pass")),
        "{run:#}"
    );
    assert_eq!(run["fault"][0]["kind"], "terminate_backend");
}

/// One committed statement, written down by what it does: as few points as a change can have.
fn smallest() -> Edited {
    Edited::of(RIGHT)
        .write("../migrations/up.sql", "INSERT INTO schema_version VALUES (2);\n")
        .write("../migrations/down-by-looking.sql", "DELETE FROM schema_version WHERE version = 2;\n")
}

#[test]
fn three_sweeps_of_one_change_differ_in_no_outcome() {
    let edited = smallest();
    let outcomes = |lanes: &str| {
        let (_, card) = sweep(&edited.arguments(&["--exhaustive", "--lanes", lanes]));
        outcomes(&card, edited.path())
    };
    let first = outcomes("1");
    assert_eq!(outcomes("1"), first);
    assert_eq!(outcomes("2"), first, "on two lanes");
}

/// What the rollback leaves is no difference by the scenario's own word, and is in the change's way.
#[test]
fn a_change_that_cannot_be_made_again_after_its_rollback_is_a_failure() {
    let edited = smallest()
        .write("../migrations/up.sql", "INSERT INTO schema_version VALUES (2);\nCREATE TABLE done ();\n")
        .edit("scenario.yaml", "  schema: as_before", "  schema: { any: { because: its marks may stay } }");
    let (output, card) = sweep(&edited.arguments(&["--lanes", "1"]));
    let right = scenario(&card, RIGHT);
    assert_eq!(
        (output.code, &right["verdict"], &right["level"]),
        (1, &json!("fail"), &json!(3)),
        "{right:#}"
    );
    assert_eq!((failing(right), checks(right, "fail")), (Vec::new(), vec!["again".to_owned()]));
    let again = run_of(right, "again");
    assert_eq!(again["again"]["change"]["result"], "failed", "{again:#}");
    assert!(again.to_string().contains("relation \\\"done\\\" already exists"), "{again:#}");
    let told = output.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains("made again after a rollback, the change does not end where it did."),
        "{}",
        output.stdout
    );
}

#[test]
fn at_every_point_a_fault_inside_the_database_acts_and_is_healed() {
    let lock = "at: { step: 1, service: db, commit: 1, hold: after }\n  \
                inject: [ { lock: { service: db, table: bystanders } } ]";
    let edited = smallest()
        .edit(
            "../seed.sql",
            "CREATE TABLE schema_version",
            "CREATE TABLE bystanders (id int);\nCREATE TABLE schema_version",
        )
        .edit("scenario.yaml", OWN, lock);
    let (output, card) = sweep(&edited.arguments(&["--lanes", "1"]));
    let right = scenario(&card, RIGHT);
    assert_eq!((output.code, failing(right)), (0, Vec::new()), "{}", output.stdout);
    assert_eq!((&right["level"], checks(right, "inconclusive")), (&json!(3), Vec::new()));
    let runs = right["runs"].as_array().unwrap();
    let broken: Vec<&Value> = runs.iter().filter(|run| run["point"].is_object()).collect();
    assert!(broken.len() > 4, "{right:#}");
    assert!(broken.iter().all(|run| run["fault"][0]["acted"] == true), "{right:#}");
}
