//! Stages that begin on copies of one that was seeded.

use serde_json::{Value, json};

use crate::support::backout::{Reports, drill};
use crate::support::edited::Edited;
use crate::support::sweeping::{events, outcomes, sweep_with_reports};

const RIGHT: &str = "unheard-commit/right";

/// One committed statement, and a seed that takes longer than bringing the stage up, also on a machine that is
/// busy: both are work, and the seed leaves nothing more than the other one does.
fn slow() -> Edited {
    smallest().edit(
        "../seed.sql",
        "VALUES (1);",
        "VALUES (1);\nSELECT count(md5(g::text)) FROM (SELECT generate_series(1, 20000000) AS g) AS work;",
    )
}

fn smallest() -> Edited {
    Edited::of(RIGHT)
        .write("../migrations/up.sql", "INSERT INTO schema_version VALUES (2);\n")
        .write("../migrations/down-by-looking.sql", "DELETE FROM schema_version WHERE version = 2;\n")
}

fn seeds(reports: &Reports) -> usize {
    events(reports, "operation_ended").iter().filter(|ended| ended["operation"] == "seed").count()
}

/// What each run began with, without what is of its stage alone.
fn beginnings(reports: &Reports) -> Vec<Value> {
    let captured = events(reports, "captured").into_iter().filter(|captured| captured["moment"] == "before");
    let held = captured.map(|captured| {
        let db = &captured["stores"]["db"];
        let tables: Vec<Value> = db["tables"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, table)| json!([name, table["raw"]]))
            .collect();
        let service = &captured["system"]["db"];
        let is = ["image", "command", "environment", "mounts", "networks", "health"]
            .map(|name| service[name].clone());
        json!([db["schema"], db["sequences"], tables, is])
    });
    held.collect()
}

#[test]
fn a_slow_seed_runs_once_in_a_drill_and_its_copies_are_the_same_as_seeding_anew() {
    let (output, copied) = drill(&slow().arguments(&[]));
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let (output, anew) = drill(&smallest().arguments(&[]));
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let decided = |reports: &Reports| {
        events(reports, "copied").iter().map(|one| one["copied"].as_bool().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((seeds(&copied), decided(&copied)), (1, vec![true]), "{:#?}", events(&copied, "copied"));
    assert_eq!((seeds(&anew), decided(&anew)), (4, vec![false]), "{:#?}", events(&anew, "copied"));
    let on = events(&copied, "on_copies");
    assert!(on.len() == 3 && on.iter().all(|on| on["run"] == 1), "{on:?}");
    let (copied, anew) = (beginnings(&copied), beginnings(&anew));
    assert_eq!((copied.len(), anew.len()), (4, 4));
    assert!(copied.iter().chain(&anew).all(|one| *one == anew[0]), "{copied:#?}\n{anew:#?}");
}

#[test]
fn a_slow_seed_runs_once_however_many_lanes_there_are_and_nothing_depends_on_them() {
    let edited = slow();
    let on = |lanes: &str| {
        let (output, reports) = sweep_with_reports(&edited.arguments(&["--lanes", lanes]));
        assert_eq!(output.code, 0, "{}", output.stdout);
        assert_eq!(seeds(&reports), 1, "{lanes} lanes: {:#?}", events(&reports, "copied"));
        let lanes = events(&reports, "run_started").iter().filter(|run| run["kind"] == "lane").count();
        (lanes, outcomes(&reports.scorecard(), edited.path()))
    };
    let (one, two) = (on("1"), on("2"));
    assert_eq!((one.0, two.0), (1, 2));
    assert_eq!(one.1, two.1);
}

/// What a run writes beside its volumes would be the next one's state.
#[test]
fn what_a_run_wrote_into_the_databases_container_is_not_there_in_the_next() {
    let edited = smallest().edit(
        "scenario.yaml",
        "change:\n",
        "change:\n  - exec: { service: db, command: [touch, /etc/left] }\n",
    );
    let edited = edited.edit(
        "scenario.yaml",
        "at: { step: 1, service: db, commit: 1",
        "at: { step: 2, service: db, commit: 1",
    );
    let (output, reports) = sweep_with_reports(&edited.arguments(&["--lanes", "1"]));
    assert_eq!(output.code, 0, "{}", output.stdout);
    let resets = events(&reports, "reset");
    let restored: Vec<&str> = resets.iter().filter_map(|reset| reset["restored"].as_str()).collect();
    let written = "service db: /etc/left was written in its container, not in a volume";
    assert!(restored.len() >= 3 && restored.iter().all(|why| *why == written), "{resets:#?}");
}
