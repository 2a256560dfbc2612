//! Clients that write while a release is made and taken back, on real services.

use serde_json::Value;

use crate::support::backout::{checks, copy_of_scenarios, drill, edit, run_of, scenario};
use crate::support::edited::Edited;

fn finished(card: &Value, path: &str) -> Value {
    run_of(scenario(card, path), "finished").clone()
}

fn counted(traffic: &Value, wrong: &str) -> u64 {
    traffic["read_back"][wrong]["count"].as_u64().unwrap()
}

#[test]
fn old_code_that_fails_on_the_new_schema_is_found_in_its_window() {
    let copy = copy_of_scenarios();
    let restore = copy.path().join("scenarios/restore");
    let rename = "ALTER TABLE orders RENAME COLUMN amount TO total;\n";
    edit(&restore.join("up.sql"), "CREATE INDEX", &format!("{rename}CREATE INDEX"));
    let back = "DO $$ BEGIN ALTER TABLE orders RENAME COLUMN total TO amount; EXCEPTION WHEN undefined_column \
                THEN NULL; END $$;\n";
    edit(&restore.join("right/down.sql"), "DROP INDEX", &format!("{back}DROP INDEX"));
    let right = restore.join("right");
    let root = copy.path().to_str().unwrap();
    let (output, reports) = drill(&["--no-control", "--root", root, right.to_str().unwrap()]);
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let failed = checks(scenario(&card, "restore/right"), "fail");
    assert_eq!(failed, ["compatibility"], "{}", output.stdout);
    let window = &finished(&card, "restore/right")["traffic"][0]["windows"][0];
    assert_eq!(window["name"], "old code on the new schema");
    assert!(window["unknown"].as_u64().unwrap() + window["failed_reads"].as_u64().unwrap() > 0, "{window:#}");
}

#[test]
fn a_service_that_deceives_its_clients_is_found_out_and_its_deceit_named() {
    let (output, reports) = drill(&["--no-control", "tests/fixtures/liar"]);
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let finished = finished(&card, "liar");
    let traffic = finished["traffic"].as_array().unwrap();
    let wrongs = ["lost", "duplicated", "phantom", "corrupt", "stale"];
    let liars = ["forgets", "doubles", "refuses", "garbles", "hides"];
    for (liar, wrong) in liars.into_iter().zip(wrongs) {
        let told = traffic.iter().find(|traffic| traffic["name"] == liar).unwrap();
        let found: Vec<&str> = wrongs.into_iter().filter(|wrong| counted(told, wrong) > 0).collect();
        assert_eq!(found, [wrong], "{liar}: {told:#}");
    }
    let dies = traffic.iter().find(|traffic| traffic["name"] == "dies").unwrap();
    assert!(dies["read_back"]["unknown"].as_u64().unwrap() > 0, "{dies:#}");
    assert_eq!(wrongs.map(|wrong| counted(dies, wrong)), [0; 5], "what is unknown is never lost: {dies:#}");
}

#[test]
fn clients_may_speak_sql_and_what_must_always_hold_is_watched_meanwhile() {
    let column = "SELECT count(*) = 0 FROM information_schema.columns WHERE column_name = 'channel'";
    let always = format!(
        "leftovers: none\n  always:\n    - {{ service: db, query: SELECT count(*) >= 1000 FROM orders }}\n    \
         - {{ service: db, query: \"{column}\" }}"
    );
    let http = "http: { service: api, post: /orders, json: { customer: \"{{key}}\", amount: \"12.50\" } }\n      \
                acknowledged: { status: 201 }";
    let edited = Edited::of("restore/right")
        .edit("scenario.yaml", http, "sql: { service: db, text: \"INSERT INTO orders (customer, amount) VALUES ('{{key}}', 12.50)\" }")
        .edit(
            "scenario.yaml",
            "http: { service: api, put: \"/orders?customer={{key}}\", json: { amount: \"99.00\" } }",
            "sql: { service: db, text: \"UPDATE orders SET amount = 99 WHERE customer = '{{key}}'\" }",
        )
        .edit(
            "scenario.yaml",
            "http: { service: api, get: \"/orders?customer={{key}}\" }",
            "sql: { service: db, text: \"SELECT customer FROM orders WHERE customer = '{{key}}'\" }\n      shows: \"{{key}}\"",
        )
        .edit("scenario.yaml", "leftovers: none", &always);
    let arguments = edited.arguments(&["--no-control"]);
    let (output, reports) = drill(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let right = scenario(&card, edited.path());
    assert_eq!(checks(right, "fail"), ["always"], "{}", output.stdout);
    let run = run_of(right, "interrupted");
    let back = &run["traffic"][0]["read_back"];
    assert!(back["acknowledged"].as_u64() > Some(5), "{back:#}");
    assert_eq!((counted(&run["traffic"][0], "lost"), counted(&run["traffic"][0], "corrupt")), (0, 0));
    watched(run);
    // In the finished run clients get their turn between the new column and the new code.
    let evidence = watched(run_of(right, "finished"));
    assert!(evidence.starts_with("first during the change"), "{evidence}");
}

/// That the first of two things always held and the second did not; what was seen of the second.
fn watched(run: &Value) -> &str {
    let findings = run["findings"].as_array().unwrap();
    let always: Vec<&Value> = findings.iter().filter(|finding| finding["check"] == "always").collect();
    assert_eq!(always.iter().map(|finding| &finding["outcome"]).collect::<Vec<_>>(), ["pass", "fail"]);
    always[1]["evidence"][0].as_str().unwrap()
}
