//! The command line: what each command prints, and how it ends (S24).

use std::time::Instant;

use crate::support::backout::{backout, command, run};

#[test]
fn check_and_plan_touch_no_engine_and_say_what_would_run() {
    for arguments in [["check", "scenarios"], ["plan", "drills/nightly.yaml"], ["list", "scenarios"]] {
        let output = run(command(&arguments).env("DOCKER_HOST", "unix:///nowhere"));
        assert_eq!(output.code, 0, "{arguments:?}: {}", output.stderr);
        assert!(output.stdout.contains("drop-column/wrong"), "{}", output.stdout);
    }
    let plan = backout(&["plan", "scenarios/drop-column/right"]).stdout;
    assert!(plan.contains("held before statement 3 of step 1: ALTER TABLE orders_note_kept"), "{plan}");
    assert!(plan.lines().all(|line| !line.contains('\u{1b}')), "{plan}");
}

#[test]
fn s24_a_wrong_file_exits_with_3_and_shows_the_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("scenario.yaml"), "format: 1\nnmae: x\n").unwrap();
    let output = backout(&["run", folder.path().to_str().unwrap()]);
    assert_eq!(output.code, 3);
    for part in ["unknown key `nmae`", "scenario.yaml:2:1", "2 | nmae: x", "^^^^", "did you mean `name`?"] {
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
}

#[test]
fn s24_a_wrong_command_line_exits_with_3_and_help_with_0() {
    assert_eq!(backout(&["rnu"]).code, 3);
    assert_eq!(backout(&["run"]).code, 3);
    assert_eq!(backout(&["run", "/no/such/folder"]).code, 3);
    assert_eq!(backout(&["--help"]).code, 0);
    assert_eq!(backout(&["--version"]).code, 0);
    assert_eq!(backout(&["judge", "/no/such/run"]).code, 3);
}

#[test]
fn s24_without_an_engine_one_paragraph_and_4_in_under_a_second() {
    let began = Instant::now();
    let output =
        run(command(&["run", "scenarios/bad-image"]).env("DOCKER_HOST", "unix:///nowhere/docker.sock"));
    assert!(began.elapsed().as_millis() < 1000, "{:?}", began.elapsed());
    assert_eq!(output.code, 4);
    assert_eq!(output.stderr.trim().lines().count(), 1, "{}", output.stderr);
    assert!(
        output.stderr.contains("no Docker engine answers at unix:///nowhere/docker.sock"),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("systemctl start docker"), "{}", output.stderr);
}

#[test]
fn a_starter_scenario_is_valid_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let init = || run(command(&["init", "first"]).current_dir(folder.path()));
    let output = init();
    assert_eq!(output.code, 0, "{}", output.stderr);
    let check = run(command(&["check", "first"]).current_dir(folder.path()));
    assert_eq!(check.code, 0, "{}", check.stderr);
    let again = init();
    assert_eq!(again.code, 3);
    assert!(again.stderr.contains("`first` exists already; nothing was written"), "{}", again.stderr);
}

#[test]
fn completions_and_schemas_are_printed() {
    assert!(backout(&["completions", "bash"]).stdout.contains("_backout"));
    for format in ["scenario", "drill", "scorecard", "coverage"] {
        let schema: serde_json::Value = serde_json::from_str(&backout(&["schema", format]).stdout).unwrap();
        assert!(schema["properties"].is_object(), "{format}");
    }
}

#[test]
fn every_shipped_scenario_can_be_copied_and_checked_where_there_is_no_repository() {
    let library = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let folders = std::fs::read_dir(library).unwrap().map(|entry| entry.unwrap().path());
    let folders =
        folders.filter(|folder| folder.join("right").is_dir() || folder.join("scenario.yaml").is_file());
    let names: Vec<String> =
        folders.map(|folder| folder.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert!(names.len() >= 6, "{names:?}");
    for name in &names {
        let folder = tempfile::tempdir().unwrap();
        let output = run(command(&["init", "--from", name, "mine"]).current_dir(folder.path()));
        assert_eq!(output.code, 0, "{name}: {}", output.stderr);
        assert!(folder.path().join("mine").join(name).is_dir());
        assert!(folder.path().join("mine/scenario.schema.json").is_file(), "editors are pointed to it");
        let check = run(command(&["check", "--allow-host", "mine"]).current_dir(folder.path()));
        assert_eq!(check.code, 0, "{name}: {}", check.stderr);
        assert!(check.stdout.contains(name.as_str()), "{}", check.stdout);
    }
}

#[test]
fn a_copy_is_never_written_over_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let init = |name: &str| run(command(&["init", "--from", name]).current_dir(folder.path()));
    assert_eq!(init("drop-column").code, 0);
    assert_eq!(init("interrupted-migration").code, 0, "the images that both use are there already");
    let image = folder.path().join("scenarios/images/shop-api/shop.py");
    std::fs::write(&image, "mine").unwrap();
    let refused = init("restore");
    assert_eq!(refused.code, 3);
    assert!(refused.stderr.contains("scenarios/images/shop-api/shop.py"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&image).unwrap(), "mine");
    assert!(!folder.path().join("scenarios/restore").exists(), "nothing of it was written");
}

#[test]
fn an_unknown_name_is_answered_with_the_names_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(command(&["init", "--from", "drop-colum"]).current_dir(folder.path()));
    assert_eq!(output.code, 3);
    for part in
        ["did you mean `drop-column`?", "drop-column/right ", "the right way back brings its values back"]
    {
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
