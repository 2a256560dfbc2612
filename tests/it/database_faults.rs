//! Faults inside a database, in drills from end to end.

use serde_json::{Value, json};

use crate::support::backout::{checks, drill, run_of, scenario};
use crate::support::edited::Edited;

/// Runs the migration that commits, and then is met by these faults and goes on.
fn met_by(faults: &str) -> (String, Value) {
    let edited = Edited::of("unheard-commit/right")
        // A tool that waits for a lock without end would wait until its deadline.
        .edit(
            "../compose.yaml",
            "      PGDATABASE: shop\n",
            "      PGDATABASE: shop\n      PGOPTIONS: -c lock_timeout=1s\n",
        )
        .edit("scenario.yaml", "[ { abort: {} } ]", &format!("[ {faults} ]\n  then: continue"));
    let (output, reports) = drill(&edited.arguments(&[]));
    (format!("{}\n{}", output.stdout, output.stderr), reports.scorecard())
}

#[track_caller]
fn is_restored<'c>(card: &'c Value, said: &str) -> &'c Value {
    let scenario = scenario(card, "unheard-commit/right");
    assert_eq!(
        (&scenario["verdict"], &scenario["level"]),
        (&json!("pass"), &json!(2)),
        "{said}\n{scenario:#}"
    );
    assert_eq!(checks(scenario, "inconclusive"), [] as [&str; 0], "{said}");
    let interrupted = run_of(scenario, "interrupted");
    assert_eq!((&interrupted["class"], &interrupted["effect"]), (&json!("restored"), &json!(true)));
    assert_eq!(interrupted["change"]["result"], "failed", "{interrupted:#}");
    interrupted
}

#[test]
fn a_migration_that_meets_a_locked_table_fails_half_way_and_is_rolled_back() {
    let (said, card) = met_by("{ lock: { service: db, table: schema_version } }");
    let interrupted = is_restored(&card, &said);
    let fault = &interrupted["fault"][0];
    assert_eq!((&fault["kind"], &fault["on"], &fault["acted"]), (&json!("lock"), &json!("db"), &json!(true)));
    assert_eq!(interrupted["change"]["error"], "exit code 3", "{interrupted:#}");
}

#[test]
fn a_migration_whose_session_is_ended_on_a_database_turned_read_only_is_rolled_back() {
    let faults = "{ read_only: { service: db } }, { terminate_backend: { service: db, application: psql } }";
    let (said, card) = met_by(faults);
    let interrupted = is_restored(&card, &said);
    let evidence = |at: usize| interrupted["fault"][at]["evidence"].as_str().unwrap_or_default().to_owned();
    assert!(evidence(0).contains("read-only transaction"), "{interrupted:#}");
    assert!(evidence(1).contains("the server has ended session"), "{interrupted:#}");
    // The idle run has no operation, and so nobody whose session could be ended.
    let idle = run_of(scenario(&card, "unheard-commit/right"), "idle");
    assert_eq!((&idle["verdict"], &idle["fault"][1]["acted"]), (&json!("pass"), &json!(false)), "{idle:#}");
}

#[test]
fn what_was_revoked_is_granted_again_as_soon_as_a_killed_server_answers() {
    let revoke = "{ revoke: { service: db, privilege: CONNECT ON DATABASE shop, from: public } }";
    let (said, card) = met_by(&format!("{revoke}, {{ kill: {{ service: db }} }}"));
    let interrupted = is_restored(&card, &said);
    let evidence = interrupted["fault"][0]["evidence"].as_str().unwrap_or_default();
    assert!(evidence.contains("public has CONNECT on DATABASE shop no more"), "{interrupted:#}");
}

#[test]
fn a_lock_that_stays_until_after_the_rollback_is_not_taken_for_the_operations() {
    let lock = "{ lock: { service: db, table: schema_version, where: version = 1 } }";
    let end = "{ terminate_backend: { service: db, application: psql } }";
    let (said, card) = met_by(&format!("{lock}, {end} ]\n  heal: after_rollback\n  settle: 5s # ["));
    let interrupted = is_restored(&card, &said);
    assert_eq!(interrupted["fault"][0]["acted"], true, "{interrupted:#}");
}
