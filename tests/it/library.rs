//! The shipped scenarios, pair by pair, as the nightly drill marks them: the wrong half fails for its reason and
//! no other, the right half passes. At one point each, with their controls; sweeps are in `tests/soak`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::backout::{Output, copy_of_scenarios, drill, run_of, scenario};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The lines of the nightly drill that name scenarios, each with its scenario.
fn nightly() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(repository().join("drills/nightly.yaml")).unwrap();
    let lines = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("path: ../scenarios/")?;
        let end = rest.find([',', ' ', '}'])?;
        Some((rest[..end].to_owned(), line.to_owned()))
    });
    lines.collect()
}

/// Drills what the nightly drill says of the scenarios in a folder, but without sweeps.
#[track_caller]
fn drilled(folder: &str, shown: &[&str]) -> (Output, Value) {
    part_of_the_night(
        folder,
        |line| line.replace(", sweep: reduced", "").replace("level: 3", "level: 2"),
        shown,
    )
}

/// Drills exactly what the nightly drill says of the scenarios in a folder.
#[track_caller]
fn swept(folder: &str, shown: &[&str]) -> (Output, Value) {
    part_of_the_night(folder, |line| line, shown)
}

/// Demands that all of it ends as marked and that the report shows this.
#[track_caller]
fn part_of_the_night(folder: &str, line: fn(String) -> String, shown: &[&str]) -> (Output, Value) {
    let lines = nightly().into_iter().filter(|(path, _)| Path::new(path).starts_with(folder));
    let lines: Vec<String> = lines.map(|(_, said)| line(said) + "\n").collect();
    assert!(!lines.is_empty(), "drills/nightly.yaml does not name {folder}");
    let copy = copy_of_scenarios();
    let file = copy.path().join("drills").join("part.yaml");
    std::fs::create_dir(copy.path().join("drills")).unwrap();
    std::fs::write(&file, format!("format: 1\nname: part\nscenarios:\n{}", lines.concat())).unwrap();
    let (output, reports) = drill(&["--root", copy.path().to_str().unwrap(), file.to_str().unwrap()]);
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    let told = output.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for text in shown {
        assert!(told.contains(text), "{text}\n{}", output.stdout);
    }
    let card = reports.scorecard();
    (output, card)
}

#[test]
fn every_shipped_scenario_is_drilled_and_says_its_story() {
    let mut found = Vec::new();
    let mut folders = vec![repository().join("scenarios")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.ends_with("scenario.yaml") {
                found.push(folder.strip_prefix(repository().join("scenarios")).unwrap().to_owned());
            }
        }
    }
    let drilled: Vec<PathBuf> = nightly().into_iter().map(|(path, _)| path.into()).collect();
    // It waits for people.
    found.retain(|path| path != Path::new("game-day"));
    for path in &found {
        assert!(drilled.contains(path), "drills/nightly.yaml does not name {}", path.display());
        let name = path.iter().next().unwrap();
        let story = repository().join("scenarios").join(name).join("README.md");
        assert!(story.exists(), "{} is missing", story.display());
    }
    assert_eq!(found.len(), drilled.len());
}

#[test]
fn a_dropped_column() {
    let (_, card) = drilled("drop-column", &["public.orders: 1000 of 1000 rows changed: note"]);
    let wrong = scenario(&card, "drop-column/wrong");
    assert_eq!(
        (&wrong["verdict"], &wrong["met"], &wrong["level"]),
        (&json!("fail"), &json!(true), &json!(0))
    );
    let interrupted = run_of(wrong, "interrupted");
    assert_eq!((&interrupted["class"], &interrupted["effect"]), (&json!("silent"), &json!(true)));
    assert_eq!(interrupted["rollback"]["exit_code"], 0);
    assert_eq!(
        (&interrupted["state"]["schema"], &interrupted["state"]["data"]),
        (&json!("same"), &json!("differs"))
    );
    let point = &interrupted["point"];
    assert_eq!([&point["statement"], &point["statements"], &point["completed"]], [3, 3, 2]);
    let fault = &interrupted["fault"][0];
    assert_eq!(
        (&fault["kind"], &fault["on"], &fault["acted"]),
        (&json!("abort"), &json!(null), &json!(true))
    );
    let right = scenario(&card, "drop-column/right");
    assert_eq!((&right["verdict"], &right["level"]), (&json!("pass"), &json!(2)), "{right:#}");
    assert_eq!(run_of(right, "interrupted")["class"], "restored");
}

#[test]
fn a_migration_that_stops_half_way() {
    let (_, card) = drilled("interrupted-migration", &["the rollback failed with exit code 1"]);
    let wrong = scenario(&card, "interrupted-migration/wrong");
    let stuck = run_of(wrong, "interrupted");
    assert_eq!(stuck["class"], "broken");
    assert_eq!(
        (&stuck["rollback"]["result"], &stuck["rollback"]["exit_code"]),
        (&json!("failed"), &json!(1))
    );
    assert!(stuck["rollback"]["error"].as_str().unwrap().contains("42704"), "{stuck:#}");
    let finished = run_of(wrong, "finished");
    assert_eq!(finished["verdict"], "pass", "run whole, the wrong down works: {finished:#}");
}

#[test]
fn a_release_that_never_becomes_healthy() {
    let (_, card) = drilled("bad-image", &[]);
    let bad = scenario(&card, "bad-image");
    assert_eq!(run_of(bad, "control")["state"]["system"], "differs");
    assert_eq!(run_of(bad, "interrupted")["class"], "restored");
}

#[test]
fn a_release_that_touches_what_is_not_its_own_yet() {
    let (_, card) = drilled("blue-green", &["taken_by NULL → 'green'", "no more than 0 may"]);
    let wrong = run_of(scenario(&card, "blue-green/wrong"), "interrupted");
    let findings = wrong["findings"].as_array().unwrap();
    let always = findings.iter().find(|finding| finding["check"] == "always").unwrap();
    assert!(always.to_string().contains("first during the change"), "before anybody switched: {always:#}");
    let right = scenario(&card, "blue-green/right");
    for kind in ["finished", "interrupted"] {
        let phases = run_of(right, kind)["traffic"][0]["phases"].as_array().unwrap();
        assert!(phases.iter().any(|phase| phase["name"] == "rollback"), "{phases:#?}");
        for failed in ["refused", "unknown", "failed_reads"] {
            assert!(phases.iter().all(|phase| phase[failed] == 0), "{kind}: {phases:#?}");
        }
    }
}

#[test]
fn a_rolling_release_that_stops_half_way() {
    let (_, card) = drilled("rolling", &["stopped before replica 2", "no more than 0 may"]);
    let right = run_of(scenario(&card, "rolling/right"), "interrupted");
    assert_eq!((&right["effect"], &right["class"]), (&json!(true), &json!("restored")), "one was replaced");
    let wrong = run_of(scenario(&card, "rolling/wrong"), "interrupted");
    assert_eq!(wrong["state"]["system"], "same", "all came back, and customers were turned away: {wrong:#}");
}

#[test]
fn a_canary_that_leaves_something_behind() {
    let (_, card) = drilled("canary", &["BROKEN"]);
    for kind in ["finished", "interrupted"] {
        let run = run_of(scenario(&card, "canary/wrong"), kind);
        assert_eq!((&run["state"]["system"], &run["rollback"]["exit_code"]), (&json!("same"), &json!(0)));
        let back = &run["traffic"][0]["read_back"];
        let (corrupt, all) = (back["corrupt"]["count"].as_u64(), back["acknowledged"].as_u64());
        assert!(corrupt > Some(3) && corrupt < all, "the canary's orders, and no others: {back:#}");
    }
}

#[test]
fn a_commit_that_nobody_heard_of() {
    let (_, card) = drilled("unheard-commit", &["column public.orders.status: was not there before"]);
    let wrong = run_of(scenario(&card, "unheard-commit/wrong"), "interrupted").clone();
    assert_eq!((&wrong["class"], &wrong["point"]["side"]), (&json!("silent"), &json!("after")));
}

#[test]
fn a_backup_that_is_taken_for_a_rollback() {
    let (_, card) = drilled("restore", &["rollback is not backup"]);
    let wrong = scenario(&card, "restore/wrong");
    for kind in ["finished", "interrupted"] {
        let run = run_of(wrong, kind);
        assert_eq!((&run["class"], &run["rollback"]["exit_code"]), (&json!("silent"), &json!(0)));
        let back = &run["traffic"][0]["read_back"];
        let count = |wrong: &str| back[wrong]["count"].as_u64().unwrap();
        assert!(
            0 < count("lost") && count("lost") <= back["acknowledged"].as_u64().unwrap(),
            "{kind}: {back:#}"
        );
        assert_eq!(count("phantom") + count("duplicated"), 0, "{kind}: {back:#}");
    }
    let finished = run_of(scenario(&card, "restore/right"), "finished").clone();
    let traffic = &finished["traffic"][0];
    assert!(traffic["read_back"]["acknowledged"].as_u64().unwrap() > 10, "{traffic:#}");
    let windows = traffic["windows"].as_array().unwrap();
    let seen = windows.iter().find(|one| one["name"] == "old code on the new schema");
    assert!(seen.is_some_and(|seen| seen["requests"].as_u64().unwrap() >= 5), "{traffic:#}");
    let phases = traffic["phases"].as_array().unwrap();
    let phases: Vec<&str> = phases.iter().map(|phase| phase["name"].as_str().unwrap()).collect();
    assert_eq!(phases[..2], ["before", "change"]);
    assert_eq!(phases.last(), Some(&"after"), "the service is seen once more when all is done");
    let rows = finished["rows"].as_array().unwrap();
    assert!(rows.iter().any(|rows| rows["extra"].as_u64() > Some(0)), "the orders are there: {rows:?}");
}

#[test]
fn a_column_that_is_renamed_under_running_code() {
    let (_, card) =
        drilled("rename-column", &["old code on the new schema fails:", "expand first, contract last"]);
    let wrong = scenario(&card, "rename-column/wrong");
    assert_eq!(run_of(wrong, "finished")["class"], "restored", "the way back works, and that is not enough");
}

#[test]
fn a_contract_step_under_running_code() {
    drilled(
        "contract",
        &[
            "public.coupons: the table held 2 rows and holds 0",
            "note 'order 1' → NULL",
            "amount '7.99' → '8.00'",
            "old code on the new schema fails:",
        ],
    );
}

#[test]
fn a_batch_job_that_is_killed_between_two_commits() {
    let (_, card) = drilled("batch-job", &["30 missing", "amount '7.99' → '8.79'"]);
    let right = run_of(scenario(&card, "batch-job/right"), "interrupted").clone();
    assert_eq!((&right["point"]["side"], &right["effect"]), (&json!("after"), &json!(true)));
}

#[test]
fn a_job_that_charges_customers_and_is_begun_again() {
    let (_, card) = drilled(
        "charge-twice",
        &["POST /charges on payments was done twice for 2", "not made up for by POST /refunds on payments"],
    );
    let right = run_of(scenario(&card, "charge-twice/right"), "interrupted").clone();
    assert_eq!((&right["point"]["side"], &right["verdict"]), (&json!("after"), &json!("pass")));
}

#[test]
fn an_image_that_goes_back_without_its_rows() {
    let (output, card) = drilled("image-back", &["holds 900 (rows: 100 missing)"]);
    let state = &run_of(scenario(&card, "image-back/wrong"), "finished")["state"];
    assert_eq!((&state["system"], &state["data"]), (&json!("same"), &json!("differs")));
    // Two facts, on two lines.
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert!(lines.iter().any(|line| line.starts_with(" system") && line.contains("as before")));
    assert!(lines.iter().any(|line| line.starts_with(" data") && line.contains("DIFFERS")));
}

#[test]
fn a_release_of_two_services_that_stops_after_the_first() {
    drilled(
        "half-deployed",
        &["env SHOP_VERSION 1 → 2", "service desk: env NEW_CHECKOUT was not there (is off)"],
    );
}

#[test]
fn a_flag_that_changes_what_is_written_where_others_read() {
    drilled("shared-flag", &["type 'hash' → 'string'", "body 'book=1' → '{\"book\": \"1\"}'", "corrupt:"]);
}

#[test]
fn a_rollback_job_that_is_green_although_it_failed() {
    let (_, card) = drilled("pipeline", &["job rollback of .gitlab-ci.yml in runner"]);
    let wrong = run_of(scenario(&card, "pipeline/wrong"), "finished").clone();
    assert_eq!((&wrong["class"], &wrong["rollback"]["exit_code"]), (&json!("silent"), &json!(0)));
}

#[test]
fn a_rollback_that_is_itself_interrupted() {
    let (_, card) =
        swept("interrupted-rollback", &["rollback step 1, after UPDATE orders SET amount = amount - 1"]);
    let wrong = scenario(&card, "interrupted-rollback/wrong");
    let own = run_of(wrong, "interrupted");
    assert_eq!(
        (&own["verdict"], &own["class"]),
        (&json!("pass"), &json!("restored")),
        "uninterrupted it works"
    );
    let right = scenario(&card, "interrupted-rollback/right");
    assert_eq!((&right["verdict"], &right["level"]), (&json!("pass"), &json!(3)), "{right:#}");
}

#[test]
fn messages_that_the_old_version_cannot_read() {
    let (_, card) = drilled("unread-messages", &["acknowledged and gone", "1 there more than once"]);
    let wrong = scenario(&card, "unread-messages/wrong");
    for kind in ["finished", "interrupted"] {
        let run = run_of(wrong, kind);
        assert_eq!((&run["class"], &run["rollback"]["exit_code"]), (&json!("silent"), &json!(0)), "{kind}");
        let back = &run["traffic"][0]["read_back"];
        assert_eq!(back["lost"]["count"], 0, "the orders are there, and nobody ships them: {back:#}");
    }
    let said = |kind| {
        let findings = run_of(wrong, kind)["findings"].as_array().unwrap();
        findings.iter().find(|found| found["check"] == "data").unwrap()["message"].to_string()
    };
    assert!(said("finished").contains("public.shipments:") && !said("finished").contains("more than once"));
    assert!(said("interrupted").contains("1 there more than once"), "{}", said("interrupted"));
    let point = &run_of(wrong, "interrupted")["point"];
    assert_eq!((&point["side"], &point["on"]), (&json!("after"), &json!("db")));
    let right = scenario(&card, "unread-messages/right");
    let queues = run_of(right, "interrupted")["findings"].as_array().unwrap();
    let queues: Vec<_> = queues.iter().filter(|found| found["check"] == "queue").collect();
    assert_eq!(queues.len(), 2);
    assert!(queues.iter().all(|found| found["outcome"] == "pass"), "{queues:?}");
}

#[test]
fn a_migration_that_touches_more_than_it_is_said_to() {
    let (_, card) = drilled(
        "wider-than-said",
        &["the change touches table public.customers (rows), which is not declared", "as declared"],
    );
    let wrong = scenario(&card, "wider-than-said/wrong");
    for kind in ["finished", "interrupted"] {
        assert_eq!(run_of(wrong, kind)["class"], "restored", "all of it comes back, and that is not enough");
    }
    let touched = |path: &str| scenario(&card, path)["impact"]["touched"].clone();
    let orders =
        json!({ "kind": "table", "name": "public.orders", "how": ["rows", "schema"], "declared": true });
    let api = json!({ "kind": "service", "name": "api", "how": ["env AMOUNT_COLUMN"], "declared": true });
    assert_eq!(touched("wider-than-said/right"), json!([api, orders]));
    let wrong = touched("wider-than-said/wrong");
    let undeclared: Vec<_> =
        wrong.as_array().unwrap().iter().filter(|one| one["declared"] == false).collect();
    assert_eq!(undeclared.len(), 1, "{wrong:#}");
    assert_eq!(undeclared[0]["name"], "public.customers");
}

#[test]
fn a_change_without_a_way_back_behind_gates_that_never_say_no() {
    let (_, card) = drilled(
        "forward-only",
        &["NEVER SAYS NO no version 1 is served", "NEVER SAYS NO a backup of the last hour"],
    );
    let says_no = |scenario: &Value| {
        let runs = scenario["runs"].as_array().unwrap().iter().filter(|run| run["kind"] == "precheck");
        let tried = runs.map(|run| {
            let (change, rollback) = (&run["change"]["result"], &run["rollback"]["result"]);
            assert_eq!((change, rollback), (&json!("not_invoked"), &json!("not_invoked")), "{run:#}");
            (run["precheck"]["name"].clone(), run["precheck"]["says_no"].clone())
        });
        tried.collect::<Vec<_>>()
    };
    let both = |says_no: bool| {
        let names = ["no version 1 is served", "a backup of the last hour"];
        names.map(|name| (json!(name), json!(says_no))).to_vec()
    };
    let (wrong, right) = (scenario(&card, "forward-only/wrong"), scenario(&card, "forward-only/right"));
    assert_eq!((says_no(wrong), says_no(right)), (both(false), both(true)));
    for half in [wrong, right] {
        let because = half["forward_only"]["because"].as_str().unwrap();
        assert!(because.starts_with("no copy of the notes may stay"), "{because}");
        let interrupted = run_of(half, "interrupted");
        assert_eq!((&interrupted["effect"], &interrupted["class"]), (&json!(true), &json!("restored")));
        assert_eq!(
            (&interrupted["recovery"]["gone"], &interrupted["recovery"]["rpo_seconds"]),
            (&json!(0), &json!(0.0))
        );
        assert!(interrupted["recovery"]["seconds"].as_f64() > Some(0.0), "{interrupted:#}");
        let findings = interrupted["findings"].as_array().unwrap();
        let isolated: Vec<&str> = findings
            .iter()
            .filter(|found| found["check"] == "isolation" && found["outcome"] == "pass")
            .filter_map(|found| found["message"].as_str())
            .collect();
        assert_eq!(isolated[0], "sessions as before, after the failure and at the end");
        assert!(isolated[1].starts_with("GET /healthz on api is 200, at each of"), "{isolated:?}");
    }
}

#[test]
fn a_restore_that_is_held_to_its_objectives() {
    let (_, card) = drilled("recovery", &["NOT AS ALLOWED all well", "are gone, of", "(allowed 0.0 s)"]);
    for kind in ["finished", "interrupted"] {
        let wrong = &run_of(scenario(&card, "recovery/wrong"), kind)["recovery"];
        let seconds = |key: &str| wrong[key].as_f64().unwrap();
        assert!(wrong["gone"].as_u64() > Some(0) && seconds("span_seconds") > 0.0, "{kind}: {wrong:#}");
        assert!(seconds("seconds") < seconds("rto_seconds"), "it is fast, and that is not enough: {wrong:#}");
        let right = &run_of(scenario(&card, "recovery/right"), kind)["recovery"];
        assert_eq!((&right["gone"], &right["span_seconds"]), (&json!(0), &json!(0.0)), "{kind}");
        assert!(right["seconds"].as_f64() < right["rto_seconds"].as_f64(), "{kind}: {right:#}");
    }
}
