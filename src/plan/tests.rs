//! Every mistake that a scenario or drill can hold, by its text and place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::model::{Action, Heal, Plan, Trigger};
use super::{Input, Options, drill, scenario};
use crate::diagnostic::Diagnostic;
use crate::files::MemoryFiles;

const COMPOSE: &str = "services:
  db:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: pw }
  api:
    image: shop:1
    expose: ['8080']
    networks: [front, back]
networks: { front: {}, back: {} }
volumes: { data: {} }
";

const GOOD: &str = "format: 1
name: drop
staging:
  compose: compose.yaml
observe:
  databases:
    - { service: db, engine: postgres, database: shop, user: postgres, password: { env: POSTGRES_PASSWORD } }
change:
  - sql: { id: migrate, on: db, file: up.sql }
  - deploy: { service: api, image: 'shop:2' }
failure:
  at: { step: 1, statement: 2 }
  inject: [ { abort: {} } ]
rollback:
  steps:
    - sql: { on: db, file: down.sql }
expect:
  data: as_before
";

fn files<'a>(scenario: &'a str, more: &[(&'a str, &'a str)]) -> MemoryFiles {
    let mut all = vec![
        ("/s/scenario.yaml", scenario),
        ("/s/compose.yaml", COMPOSE),
        ("/s/up.sql", "ALTER TABLE a ADD b int;\nUPDATE a SET b = 1;\nALTER TABLE a ALTER b SET NOT NULL;\n"),
        ("/s/down.sql", "ALTER TABLE a DROP b;\n"),
    ];
    all.extend_from_slice(more);
    MemoryFiles::new(all)
}

fn plan_of(text: &str, more: &[(&str, &str)], allow_host: bool) -> Result<Plan, Vec<Diagnostic>> {
    let (files, variables) = (files(text, more), BTreeMap::new());
    let input = Input { files: &files, variables: &variables, allow_host };
    scenario(input, Path::new("/s"), "s").map(|planned| planned.plan)
}

#[track_caller]
fn plan(text: &str) -> Plan {
    match plan_of(text, &[], false) {
        Ok(plan) => plan,
        Err(mistakes) => panic!("{}", crate::diagnostic::render(&mistakes)),
    }
}

/// Place, message and help of every mistake.
#[track_caller]
fn mistakes(text: &str) -> Vec<String> {
    let mistakes = plan_of(text, &[], false).expect_err("the scenario has a mistake");
    let line = |d: &Diagnostic| {
        let help: String = d.help.iter().map(|help| format!("; {help}")).collect();
        format!("{}: {}{help}", d.place().line, d.message)
    };
    mistakes.iter().map(line).collect()
}

/// The good scenario with one text replaced.
fn with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replacen(from, to, 1)
}

#[track_caller]
fn one(from: &str, to: &str, expected: &str) {
    let found = mistakes(&with(from, to));
    assert!(found.len() == 1 && found[0].contains(expected), "{found:#?}");
}

#[test]
fn names_are_resolved_and_defaults_filled_in() {
    let plan = plan(GOOD);
    let failure = plan.failure.as_ref().unwrap();
    assert_eq!(plan.change[0].title, "sql on db: up.sql, 3 statements");
    assert_eq!(plan.change[0].timeout.as_secs(), 600);
    assert!(matches!(failure.point.trigger, Trigger::Statement { number: 2, .. }));
    assert_eq!((failure.faults[0].heal, failure.settle_ms), (Heal::BeforeRollback, Some(30_000)));
    assert_eq!((plan.rollback.within.as_secs(), plan.rollback.give_up.as_secs()), (600, 1800));
    assert_eq!(plan.expect.states.len(), 5);
    assert_eq!(plan.reach["db"], [5432]);
    assert_eq!(plan.digests.len(), 2);
}

#[test]
fn s8_a_transaction_wraps_the_statements_and_counts() {
    let plan = plan(&with("file: up.sql }", "file: up.sql, transaction: true }"));
    let Action::Sql { statements, .. } = &plan.change[0].action else { panic!("not sql") };
    let texts: Vec<&str> = statements.iter().map(|statement| statement.text.as_str()).collect();
    assert_eq!((texts.len(), texts[0], texts[4]), (5, "BEGIN", "COMMIT"));
}

#[test]
fn all_mistakes_of_a_file_are_found_at_once() {
    let text = GOOD
        .replace("on: db, file: up.sql", "on: bd, file: up.sql")
        .replace("service: api, image", "service: apj, image")
        .replace("file: down.sql", "file: dwn.sql");
    let found = mistakes(&text);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].starts_with("9: `bd` is not an observed database; did you mean `db`?"), "{found:#?}");
    assert!(found[1].starts_with("10: there is no service `apj` in the Compose files; did you mean `api`?"));
    assert!(found[2].starts_with("16: `s/dwn.sql` does not exist"), "{found:#?}");
}

#[test]
fn what_is_missing_is_said_with_a_way_out() {
    let found = mistakes("summary: x\n");
    let missing: Vec<&str> = found.iter().filter_map(|text| text.split('`').nth(1)).collect();
    assert_eq!(missing, ["format", "name", "staging", "change", "rollback", "expect"], "{found:#?}");
}

#[test]
fn unknown_and_duplicate_keys_are_refused() {
    one("change:", "chnge:", "unknown key `chnge`; did you mean `change`?");
    one("name: drop", "name: drop\nname: again", "the key `name` is given twice");
    one("format: 1", "format: 2", "format 2 is not known here");
    one("id: migrate", "idd: migrate", "unknown key `idd` in `sql`; did you mean `id`?");
}

#[test]
fn impossible_points_are_refused() {
    one("statement: 2 }", "statement: 4 }", "there is no statement 4: step 1 has 3");
    one("statement: 2 }", "statement: 0 }", "there is no statement 0");
    one("step: 1, statement: 2", "step: 3", "there is no step 3: the change has 2");
    one(
        "step: 1, statement: 2",
        "step: migrat",
        "no step of the change has the id `migrat`; did you mean `migrate`?",
    );
    one("step: 1, statement: 2", "step: 2, statement: 1", "step 2 is no `sql` step");
    one("step: 1, statement: 2", "step: 2, hold: after", "after the last step the change is finished");
    one("step: 1, statement: 2", "statement: 2", "`step` is missing");
    one("statement: 2 }", "log: x, after: 2s }", "one point has one of these: log, after");
    one("statement: 2 }", "log: x, hold: before }", "`log` is seen from outside: it cannot hold the change");
    one("statement: 2 }", "log: '(' }", "not a regular expression");
    one("statement: 2 }", "on: api, statement: 2 }", "step 1 is on `db`, not on `api`");
}

#[test]
fn durations_must_be_more_than_zero() {
    one("rollback:\n", "rollback:\n  within: 0s\n", "`0s` is zero");
    one("rollback:\n", "rollback:\n  within: -5s\n", "`-5s` is negative");
    one("rollback:\n", "rollback:\n  within: 10\n", "expected a length of time");
    one(
        "rollback:\n",
        "rollback:\n  within: 10s\n  give_up: 5s\n",
        "given up before its time `within` is over",
    );
}

#[test]
fn faults_must_be_possible() {
    one("abort: {}", "kill: { service: bd }", "there is no service `bd`");
    one(
        "abort: {}",
        "kill: { service: db, signal: SIGKIL }",
        "unknown signal `SIGKIL`; did you mean `SIGKILL`?",
    );
    one("abort: {}", "disconnect: { service: api }", "service `api` is on several networks: back, front");
    one(
        "abort: {}",
        "disconnect: { service: api, network: frnt }",
        "not on a network `frnt`; did you mean `front`?",
    );
    one("[ { abort: {} } ]", "[]", "nothing is injected");
    one("[ { abort: {} } ]", "[ { abort: {} } ]\n  then: continue", "an aborted change cannot continue");
    one("abort: {}", "explode: {}", "unknown key `explode` in `inject`");
}

#[test]
fn s5_a_fault_that_stays_on_an_observed_store_is_refused() {
    let text = with("[ { abort: {} } ]", "[ { pause: { service: db } } ]\n  heal: never");
    assert!(
        mistakes(&text)[0].contains("`db` is observed: with a fault that stays"),
        "{:?}",
        mistakes(&text)
    );
    plan(&with("[ { abort: {} } ]", "[ { pause: { service: api } } ]\n  heal: never"));
}

#[test]
fn an_expectation_says_something() {
    one("  data: as_before\n", "  {}\n", "nothing is expected");
    one("as_before", "as_befor", "unknown value `as_befor` in `data`; did you mean `as_before`?");
    one("data: as_before", "data: exact", "`exact` is for sequences");
    one("data: as_before", "http: [ { on: db, get: /x } ]", "service `db` names no port");
    one("data: as_before", "http: [ { on: api, gt: /x } ]", "unknown key `gt`");
}

#[test]
fn s16_exceptions_are_narrow_and_have_a_reason() {
    let except = |item: &str| format!("data: {{ as_before: {{ except: [ {item} ] }} }}");
    one("data: as_before", &except("{ table: t, because: '' }"), "a reason is missing");
    one("data: as_before", &except("{ table: t }"), "`because` is missing");
    one(
        "data: as_before",
        &except("{ object: t, because: x }"),
        "an exception for data names a `table`, found object",
    );
    one(
        "data: as_before",
        &except("{ table: a, because: x }"),
        "the change names public.a: an exception may not cover all of it",
    );
    plan(&with("data: as_before", &except("{ table: a, columns: [b], because: x }")));
    plan(&with("data: as_before", &except("{ table: other, because: x }")));
}

#[test]
fn steps_are_what_their_kind_needs() {
    one("file: down.sql", "text: ''", "there is no statement in it");
    one(", file: down.sql", "", "`sql` takes a `file` or a `text`; neither is given");
    one("file: down.sql", "text: '\\d'", "meta-command");
    one(", image: 'shop:2'", "", "this deploy changes nothing");
    one(
        "deploy: { service: api, image: 'shop:2' }",
        "wait: { timeout: 1s }",
        "exactly one fact is waited for, 0 are given",
    );
    one(
        "deploy: { service: api, image: 'shop:2' }",
        "volume: { volume: data, tar: up.sql }",
        "belongs under `staging.seed`",
    );
    one(
        "deploy: { service: api, image: 'shop:2' }",
        "http: { call: { on: api } }",
        "exactly one method is called, 0 are given",
    );
    one(
        "deploy: { service: api, image: 'shop:2' }",
        "sql: { id: migrate, on: db, text: SELECT }",
        "step 1 has this id already",
    );
    one(
        "file: up.sql }",
        "text: BEGIN, transaction: true }",
        "the SQL controls transactions itself: `BEGIN`",
    );
}

#[test]
fn host_steps_are_refused_unless_they_are_allowed() {
    let text = with("deploy: { service: api, image: 'shop:2' }", "host: { command: [make] }");
    assert!(mistakes(&text)[0].contains("a `host` step runs on this machine, and nobody has allowed it"));
    assert!(plan_of(&text, &[], true).is_ok());
}

#[test]
fn s18_a_path_that_leaves_the_root_is_refused_by_compose_and_steps() {
    use crate::files::RootedFiles;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let inside = root.join("in");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(root.join("secret.sql"), "SELECT 1").unwrap();
    std::fs::write(inside.join("scenario.yaml"), with("file: down.sql", "file: ../secret.sql")).unwrap();
    std::fs::write(inside.join("compose.yaml"), COMPOSE).unwrap();
    std::os::unix::fs::symlink(root.join("secret.sql"), inside.join("up.sql")).unwrap();
    let (files, variables) = (RootedFiles::new(&inside, &root).unwrap(), BTreeMap::new());
    let input = Input { files: &files, variables: &variables, allow_host: false };
    let found: Vec<String> =
        scenario(input, &inside, "s").unwrap_err().into_iter().map(|mistake| mistake.message).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|message| message.contains("leaves the root")), "{found:?}");
}

#[test]
fn s17_a_password_comes_from_the_service_or_the_runner_and_is_secret() {
    let (files, variables) = (files(GOOD, &[]), BTreeMap::new());
    let input = Input { files: &files, variables: &variables, allow_host: false };
    let planned = scenario(input, Path::new("/s"), "s").unwrap();
    assert!(planned.secrets.contains("pw"));
    assert!(!serde_json::to_string(&planned.plan.databases).unwrap().contains("\"pw\""));
    let found = mistakes(&with("env: POSTGRES_PASSWORD", "env: NO_SUCH"));
    assert!(found[0].contains("`NO_SUCH` is set neither for service `db` nor here"), "{found:?}");
}

#[test]
fn huge_and_binary_files_are_refused_before_they_are_parsed() {
    let huge = "#".repeat(50 << 20);
    assert!(mistakes(&huge)[0].contains("holds 52428800 bytes"), "{:.200}", mistakes(&huge)[0]);
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(",");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(mistakes(&text)[0].contains("unfolds to more than"));
}

fn drill_of(text: &str) -> Result<super::PlannedDrill, Vec<String>> {
    let files = files(GOOD, &[("/d.yaml", text)]);
    let variables = BTreeMap::new();
    let arguments = [PathBuf::from("/d.yaml")];
    let input = Input { files: &files, variables: &variables, allow_host: false };
    let options =
        Options { arguments: &arguments, input, control: true, hide_values: false, timeout_ms: None };
    drill(&options).map_err(|mistakes| mistakes.into_iter().map(|mistake| mistake.message).collect())
}

#[test]
fn s23_a_drill_says_what_its_scenarios_must_reach() {
    let head = "format: 1\nname: nightly\n";
    let planned =
        drill_of(&format!("{head}scenarios: [ {{ path: s, require: {{ level: 2 }} }} ]\n")).unwrap();
    assert_eq!((planned.plan.name.as_str(), planned.plan.scenarios[0].level), ("nightly", Some(2)));
    let wrong = |scenarios: &str| drill_of(&format!("{head}{scenarios}\n")).unwrap_err().join("; ");
    assert!(wrong("scenarios: []").contains("`scenarios` is missing or empty"));
    assert!(wrong("scenarios: [ { path: t } ]").contains("`t` does not exist"));
    assert!(wrong("scenarios: [ { path: s, should: fail } ]").contains("belong together"));
    assert!(
        wrong("scenarios: [ { path: s, should: fail, because: [dta] } ]").contains("there is no check `dta`")
    );
    assert!(wrong("scenarios: [ { path: s } ]\nlanes: 2").contains("`lanes` is 1"));
    let gate = "gate: true\nscenarios: [ { path: s, should: fail, because: [data] } ]";
    assert!(wrong(gate).contains("a gate cannot ask for a failure"));
}
