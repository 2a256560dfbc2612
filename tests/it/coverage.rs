//! `coverage`: what one real drill proves of the files that it used, and what it does not.

use std::path::Path;

use serde_json::Value;

use crate::support::backout::{Output, Reports, backout, copy_of_scenarios, drill};

/// The inventory of a folder against the runs of a drill.
fn coverage(folder: &Path, root: &Path, runs: &Reports, more: &[&str]) -> Output {
    let (folder, root) = (folder.display().to_string(), root.display().to_string());
    let mut arguments = vec!["coverage", &folder, "--root", &root, "--runs", runs.argument()];
    arguments.extend(more);
    backout(&arguments)
}

/// State and level of each artefact, as JSON tells them.
fn states(output: &Output) -> Vec<(String, String, Option<u64>)> {
    let page: Value = serde_json::from_str(&output.stdout).unwrap();
    let text = |artefact: &Value, key: &str| artefact[key].as_str().unwrap().to_owned();
    let row =
        |artefact: &Value| (text(artefact, "path"), text(artefact, "state"), artefact["level"].as_u64());
    page["artefacts"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn a_way_back_is_tested_by_a_run_until_it_or_its_change_is_edited() {
    let copy = copy_of_scenarios();
    let root = copy.path();
    let scenario = root.join("scenarios/drop-column");
    std::fs::remove_dir_all(scenario.join("wrong")).unwrap();
    let argument = scenario.join("right").display().to_string();
    let (output, runs) = drill(&["--root", root.to_str().unwrap(), &argument]);
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);

    let down = |state: &str| ("right/down.sql".to_owned(), state.to_owned(), Some(2));
    let json = |expected: i32| {
        let output = coverage(&scenario, root, &runs, &["--format", "json"]);
        assert_eq!(output.code, expected, "{}{}", output.stdout, output.stderr);
        states(&output)
    };
    assert_eq!(json(0), [down("tested")]);
    let table = coverage(&scenario, root, &runs, &[]);
    assert_eq!(table.code, 0);
    assert!(
        table.stdout.contains("1 of 1 rollback artefact tested as they are; 1 past run read"),
        "{}",
        table.stdout
    );
    assert_eq!(coverage(&scenario, root, &runs, &["--require-level", "3"]).code, 1);

    // What is tested is the pair: a change that does more needs a way back that does.
    let up = scenario.join("up.sql");
    let before = std::fs::read_to_string(&up).unwrap();
    std::fs::write(&up, before.clone() + "\nDROP TABLE orders;\n").unwrap();
    assert_eq!(json(1), [down("changed_since")]);
    std::fs::write(&up, before).unwrap();
    assert_eq!(json(0), [down("tested")]);

    let edited = scenario.join("right/down.sql");
    std::fs::write(&edited, std::fs::read_to_string(&edited).unwrap() + "\n-- later\n").unwrap();
    assert_eq!(json(1), [down("changed_since")]);

    std::fs::write(scenario.join("rollback.sh"), "#!/bin/sh\nkubectl rollout undo deploy/api\n").unwrap();
    let never = ("rollback.sh".to_owned(), "never".to_owned(), None);
    assert_eq!(json(1), [down("changed_since"), never]);

    // A run that cannot be read is named, and holds up nothing.
    std::fs::write(runs.path().join("journal.jsonl"), "{\"seq\":0\n").unwrap();
    let broken = coverage(&scenario, root, &runs, &[]);
    assert_eq!(broken.code, 1);
    assert!(broken.stdout.contains("was not read"), "{}", broken.stdout);
}

#[test]
fn migrations_of_other_tools_are_listed_with_what_takes_them_back() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        (
            "app/migrations/0002_kind.py",
            "def fill(apps, editor): pass\nclass Migration(migrations.Migration):\n    operations = [\n        migrations.AddField('unit', 'kind', models.CharField(max_length=9, default='x')),\n        migrations.RunPython(fill, migrations.RunPython.noop),\n    ]\n",
        ),
        (
            "database/migrations/1_add.php",
            "<?php\nreturn new class extends Migration {\n  public function up(): void { Schema::table('u', fn ($t) => $t->string('k')); }\n  public function down(): void { Schema::table('u', fn ($t) => $t->dropColumn('k')); }\n};",
        ),
        ("goose/1.sql", "-- +goose Up\nDROP TABLE a;\n"),
    ];
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let here = folder.path().display().to_string();
    let json = || states(&backout(&["coverage", &here, "--format", "json"]));
    let state = |path: &str, state: &str| (path.to_owned(), state.to_owned(), None);
    let known = [
        state("app/migrations/0002_kind.py", "never"),
        state("database/migrations/1_add.php", "never"),
        state("goose/1.sql", "missing"),
    ];
    assert_eq!(json(), known);
    std::fs::create_dir_all(folder.path().join("lua/migrations")).unwrap();
    std::fs::write(folder.path().join("lua/migrations/1.lua"), "return 1").unwrap();
    let text = backout(&["coverage", &here]).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("not known: 1 file in lua/migrations follows no layout that is known here"),
        "{text}"
    );
}

#[test]
fn s24_a_folder_that_is_not_there_is_a_wrong_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().display().to_string();
    assert_eq!(backout(&["coverage", "/no/such/folder"]).code, 3);
    assert_eq!(backout(&["coverage", &here, "--runs", "/no/such/folder"]).code, 3);
    assert_eq!(backout(&["coverage", &here, "--require-level", "5"]).code, 3);
    let nothing = backout(&["coverage", &here]);
    assert_eq!(nothing.code, 1);
    assert!(nothing.stdout.contains("no rollback artefact was found"), "{}", nothing.stdout);
}
