//! Drills end to end, on a real engine and a real PostgreSQL.

use std::path::PathBuf;

use serde_json::json;

use crate::support::backout::{backout, checks, copy_of_scenarios, drill, edit, run_of, scenario};

#[test]
fn s9_an_edited_down_script_changes_the_next_verdict() {
    let copy = copy_of_scenarios();
    let right = copy.path().join("scenarios/drop-column/right");
    edit(
        &right.join("down.sql"),
        "UPDATE orders SET note = kept.note",
        "UPDATE orders SET note = upper(kept.note)",
    );
    let (output, reports) = drill(&["--root", copy.path().to_str().unwrap(), right.to_str().unwrap()]);
    assert_eq!(output.code, 1, "{}", output.stderr);
    let card = reports.scorecard();
    assert_eq!(checks(scenario(&card, "drop-column/right"), "fail"), ["data"]);
}

#[test]
fn s10_a_rollback_that_forgets_an_environment_variable_is_caught() {
    let copy = copy_of_scenarios();
    let bad = copy.path().join("scenarios/bad-image");
    edit(
        &bad.join("scenario.yaml"),
        r#"env: { NEW_CHECKOUT: "off", CHECKOUT_URL: null }"#,
        r#"env: { NEW_CHECKOUT: "off" }"#,
    );
    let (output, reports) = drill(&["--root", copy.path().to_str().unwrap(), bad.to_str().unwrap()]);
    assert_eq!(output.code, 1, "{}", output.stderr);
    let card = reports.scorecard();
    let bad = scenario(&card, "bad-image");
    assert_eq!(checks(bad, "fail"), ["system"]);
    assert!(bad.to_string().contains("CHECKOUT_URL was not there"), "{bad:#}");
}

#[test]
fn s1_a_heartbeat_table_makes_the_scenario_unsound_with_the_exception_to_paste() {
    let copy = copy_of_scenarios();
    let folder = copy.path().join("scenarios/interrupted-migration");
    edit(
        &folder.join("compose.yaml"),
        "  api:",
        "  heartbeat:
    build: ../images/postgres
    entrypoint: [bash, -c]
    command: ['until psql -qc \"UPDATE beat SET at = clock_timestamp()\"; do sleep 0.1; done; while psql -qc \"UPDATE beat SET at = clock_timestamp()\"; do sleep 0.2; done']
    environment: { PGHOST: db, PGUSER: postgres, PGDATABASE: shop, PGPASSWORD: staging-only, PGAPPNAME: beat }

  api:",
    );
    edit(
        &folder.join("seed.sql"),
        "CREATE TABLE orders",
        "CREATE TABLE beat (id int PRIMARY KEY, at timestamptz);\nINSERT INTO beat VALUES (1, now());\nCREATE TABLE orders",
    );
    let right = folder.join("right");
    let root = copy.path().to_str().unwrap();
    let (output, reports) = drill(&["--root", root, right.to_str().unwrap()]);
    assert!([1, 2].contains(&output.code), "{}", output.stderr);
    let card = reports.scorecard();
    let idle = run_of(scenario(&card, "interrupted-migration/right"), "idle");
    assert_eq!(idle["verdict"], "inconclusive", "{idle:#}");
    let paste = "- { table: public.beat, columns: [at], because:";
    assert!(idle.to_string().contains(paste), "{idle:#}");

    // Pasted, with the sessions that come and go, it is sound again.
    edit(
        &right.join("scenario.yaml"),
        "  data: as_before",
        "  data: { as_before: { except: [ { table: beat, columns: [at], because: it beats } ] } }",
    );
    edit(
        &right.join("scenario.yaml"),
        "  leftovers: none",
        "  leftovers: { any: { because: the heart beats } }",
    );
    let (output, reports) = drill(&["--root", root, right.to_str().unwrap()]);
    let card = reports.scorecard();
    assert_eq!(output.code, 0, "{}\n{card:#}", output.stdout);
    assert_eq!(scenario(&card, "interrupted-migration/right")["level"], 2);
}

#[test]
fn s1_expectations_that_hold_without_the_rollback_are_called_vacuous() {
    let copy = copy_of_scenarios();
    let right = copy.path().join("scenarios/interrupted-migration/right");
    let file = right.join("scenario.yaml");
    edit(
        &file,
        "  schema: as_before\n  data: as_before",
        "  schema: { any: { because: x } }\n  data: { any: { because: x } }",
    );
    let (output, reports) = drill(&["--root", copy.path().to_str().unwrap(), right.to_str().unwrap()]);
    assert_eq!(output.code, 1, "{}", output.stderr);
    let card = reports.scorecard();
    let scenario = scenario(&card, "interrupted-migration/right");
    assert_eq!((checks(scenario, "fail"), &scenario["level"]), (vec!["vacuous".to_owned()], &json!(0)));
}

#[test]
fn a_journal_is_judged_again_without_an_engine_and_a_changed_one_is_refused() {
    let (output, reports) = drill(&["scenarios/interrupted-migration/right", "--no-control"]);
    assert_eq!(output.code, 2, "S1: without a control run nothing is proven: {}", output.stdout);
    let first = reports.text("scorecard.json");
    std::fs::remove_file(reports.path().join("scorecard.json")).unwrap();
    let mut judge = crate::support::backout::command(&["judge", reports.argument()]);
    let judged = crate::support::backout::run(judge.env("DOCKER_HOST", "unix:///nowhere"));
    assert_eq!(judged.code, 2, "{}", judged.stderr);
    assert_eq!(reports.text("scorecard.json"), first);

    let journal = reports.path().join("journal.jsonl");
    edit(&journal, "\"ending\":\"interrupted\"", "\"ending\":\"ok\"");
    let refused = backout(&["judge", reports.argument()]);
    assert_eq!(refused.code, 3);
    assert!(refused.stderr.contains("the journal was changed after it was written"), "{}", refused.stderr);
}

#[test]
fn s20_no_secret_reaches_a_journal_or_a_report_and_values_can_be_hidden() {
    let reports = crate::support::backout::Reports::new();
    let arguments =
        ["run", "--report-dir", reports.argument(), "--values", "hidden", "scenarios/drop-column/wrong"];
    let mut command = crate::support::backout::command(&arguments);
    let output = crate::support::backout::run(command.env("POSTGRES_PASSWORD", "hunter2-very-secret"));
    assert_eq!(output.code, 1, "{}", output.stderr);
    let mut looked = 0;
    for entry in walk(reports.path()) {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&entry).unwrap().permissions().mode() & 0o777;
        let text = String::from_utf8_lossy(&std::fs::read(&entry).unwrap()).into_owned();
        assert!(!text.contains("hunter2-very-secret"), "{}", entry.display());
        assert!(!text.contains("leave at door"), "{}", entry.display());
        assert_eq!(mode, 0o600, "{}", entry.display());
        looked += 1;
    }
    assert!(looked >= 5, "only {looked} files");
    assert!(
        !output.stdout.contains("gift wrap") && output.stdout.contains("‹text, 9 bytes, #"),
        "{}",
        output.stdout
    );
    assert!(reports.text("rows.jsonl").contains("‹text, 9 bytes, #"));
}

fn walk(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn s5_a_game_day_without_a_terminal_does_not_wait_and_is_inconclusive() {
    let (output, reports) = drill(&["scenarios/game-day"]);
    assert_eq!(output.code, 2, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let game = &card["scenarios"][0];
    assert_eq!((&game["verdict"], &game["level"]), (&json!("inconclusive"), &json!(1)), "{game:#}");
    let interrupted = run_of(game, "interrupted");
    assert_eq!(interrupted["point"]["held"], true, "{interrupted:#}");
    assert_eq!(interrupted["rollback"]["result"], "not_invoked");
    let said = "the rollback was not invoked: a facilitator starts it, and standard input is no terminal";
    let findings = interrupted["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["message"] == said), "{findings:#?}");
    let told: Vec<&str> = output.stdout.split_whitespace().collect();
    assert!(told.join(" ").contains(said), "{}", output.stdout);
}
