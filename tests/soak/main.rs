//! What takes long: run by hand with `cargo test --release --test soak -- --nocapture`, and quoted where
//! results are claimed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]
#![expect(clippy::print_stdout, reason = "its figures are what a soak is for")]
#![expect(dead_code, reason = "shared with the integration tests, of which this uses a part")]

#[path = "../it/support/backout.rs"]
mod backout;
#[path = "../it/support/exactness.rs"]
mod exactness;
mod fuzz;
#[path = "../it/support/killing.rs"]
mod killing;
mod large;
#[path = "../it/support/postgres.rs"]
mod postgres_server;
#[path = "../it/stage/rig.rs"]
mod rig;
#[path = "../it/support/sweeping.rs"]
mod sweeping;
#[path = "../it/support/traces.rs"]
mod traces;
#[path = "../it/support/wire.rs"]
mod wire;

/// As in the integration tests.
mod stage {
    pub(crate) use crate::rig;
}

#[test]
fn s21_twenty_kills_spread_over_a_drill_leave_nothing() {
    let length = killing::length_of_a_drill();
    for part in 1..=20 {
        killing::kill_at(length * part / 21);
    }
}

/// Every shipped scenario whose change or rollback is more than steps that are done or not.
#[test]
fn a_reduced_sweep_finds_every_failure_that_an_exhaustive_one_finds() {
    for path in [
        "drop-column/wrong",
        "drop-column/right",
        "interrupted-migration/wrong",
        "interrupted-migration/right",
        "unheard-commit/wrong",
        "unheard-commit/right",
    ] {
        let folder = format!("scenarios/{path}");
        let (_, reduced) = sweeping::sweep(&[folder.as_str()]);
        let (_, exhaustive) = sweeping::sweep(&["--exhaustive", &folder]);
        let [reduced, exhaustive] = [&reduced, &exhaustive].map(|card| backout::scenario(card, path));
        let tried = |scenario: &serde_json::Value| scenario["sweep"]["tried"].clone();
        println!("{path}: {} of {} points tried", tried(reduced), tried(exhaustive));
        assert_eq!(sweeping::failures(reduced), sweeping::failures(exhaustive), "{path}");
        assert_eq!(reduced["counts"], exhaustive["counts"], "{path}");
        assert_eq!(reduced["level"], exhaustive["level"], "{path}");
    }
}

/// With its sweeps; the integration tests try it scenario by scenario, at one point each.
#[test]
fn the_whole_nightly_drill_ends_as_its_marks_say() {
    let (output, _) = backout::drill(&["drills/nightly.yaml"]);
    println!("{}", output.stdout);
    assert_eq!(output.code, 0, "{}", output.stderr);
}

/// Level 3; 4 where clients write.
#[test]
fn every_right_half_is_proven_from_every_point() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let nightly = std::fs::read_to_string(root.join("drills/nightly.yaml")).unwrap();
    let paths = nightly.lines().filter_map(|line| line.split_once("path: ../")?.1.split_once(','));
    let halves = paths.map(|(path, _)| path).filter(|path| path.ends_with("/right"));
    let mut short = Vec::new();
    for path in halves {
        let text = std::fs::read_to_string(root.join(path).join("scenario.yaml")).unwrap();
        let wanted = if text.contains("\ntraffic:") { 4 } else { 3 };
        let (output, card) = sweeping::sweep(&[path]);
        let swept = backout::scenario(&card, path.trim_start_matches("scenarios/"));
        println!("{path}: {}, level {}, {}", swept["verdict"], swept["level"], swept["counts"]);
        if swept["verdict"] != "pass" || swept["level"].as_u64() < Some(wanted) {
            short.push(format!("{path}\n{}", output.stdout));
        }
    }
    assert!(short.is_empty(), "{}", short.join("\n"));
}

/// `SEED=7` repeats the choices of an earlier time.
#[tokio::test]
async fn at_a_thousand_random_points_the_server_has_seen_no_statement_too_many_or_too_few() {
    println!("{}", exactness::hold(1000, seed()).await);
}

/// From the environment, else from the clock; printed.
fn seed() -> u64 {
    let given = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = given.unwrap_or(clock.as_secs());
    println!("SEED={seed}");
    seed
}
