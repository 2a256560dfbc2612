//! Every mistake that a scenario or drill can hold, by its text and place.

mod forward_only;
mod outside;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::database::{DatabaseFault, Securable};
use super::model::{Action, Covers, Engine, Fact, Fault, Heal, Plan, Side, StateKind, Trigger, When};
use super::{Input, Options, drill, scenario};
use crate::diagnostic::Diagnostic;
use crate::files::MemoryFiles;
use crate::gateway::control::Protocol;

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
    let input = Input { files: &files, variables: &variables, allow_host, records: false };
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
fn a_point_between_containers_is_one_of_a_rolling_deploy() {
    let rolling = |more: &str, at: &str| {
        let deploy = format!(
            "change:\n  - deploy: {{ service: api, replicas: 3 }}\n  \
                              - deploy: {{ service: api, env: {{ A: b }}, strategy: rolling{more} }}\n"
        );
        let text = with("change:\n", &format!("{deploy}  # the rest\n"));
        let from = text.find("  at: {").unwrap();
        let to = from + text[from..].find('\n').unwrap();
        format!("{}  at: {{ {at} }}{}", &text[..from], &text[to..])
    };
    let plan = plan(&rolling("", "step: 2, replica: 3"));
    assert_eq!(plan.failure.unwrap().point.trigger, Trigger::Replica { number: 3, side: Side::Before });
    for (more, at, said) in [
        ("", "step: 2, replica: 4", "there is no replica 4: step 2 replaces 3"),
        ("", "step: 2, replica: 0", "there is no replica 0"),
        ("", "step: 1, replica: 1", "step 1 does not replace containers one by one; aim at a `deploy`"),
        (", replicas: 2", "step: 2", "a rolling deploy replaces the containers that are there"),
    ] {
        let found = mistakes(&rolling(more, at));
        assert!(found.len() == 1 && found[0].contains(said), "{said}: {found:#?}");
    }
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
fn a_profile_that_no_service_has_is_refused() {
    let api = "  api:\n    image: shop:1\n";
    let compose = COMPOSE.replace(api, "  api:\n    image: shop:1\n    profiles: [web]\n");
    let of = |profile: &str| {
        let staging = format!("compose: compose.yaml\n  profiles: [{profile}]");
        plan_of(&with("compose: compose.yaml", &staging), &[("/s/compose.yaml", &compose)], false)
    };
    let mistakes = of("wbe").unwrap_err();
    assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
    assert_eq!(mistakes[0].place().to_string(), "s/scenario.yaml:5:14");
    assert_eq!(mistakes[0].message, "no service has the profile `wbe`");
    assert_eq!(mistakes[0].help, ["did you mean `web`?"]);
    assert_eq!(of("web").unwrap().project.profiles, ["web"]);
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
    one("step: 1, statement: 2", "step: 2, statement: 1", "nobody calls `db` through a gateway");
    one("step: 1, statement: 2", "step: 2, hold: after", "after the last step the change is finished");
    one("step: 1, statement: 2", "statement: 2", "`step` is missing");
    one("statement: 2 }", "log: x, after: 2s }", "one point has one of these: log, after");
    one("statement: 2 }", "log: x, hold: before }", "`log` is seen from outside: it cannot hold the change");
    one("statement: 2 }", "log: '(' }", "not a regular expression");
    one("statement: 2 }", "on: api, statement: 2 }", "step 1 is on `db`, not on `api`");
}

/// The scenario with two states that are compared with twins, and with one list for both or one for each.
fn with_twins(system: &str, data: &str) -> String {
    let twin = |text: &str| format!("{{ as_after: [ {{ sql: {{ on: db, text: '{text}' }} }} ] }}");
    with("  data: as_before", &format!("  schema: {}\n  data: {}", twin(system), twin(data)))
}

#[test]
fn each_distinct_list_of_reference_steps_has_a_twin_and_a_sweep_has_none() {
    let twins = |text: &str| plan_of(text, &[], false).unwrap().expect.twins().len();
    assert_eq!((twins(&with_twins("one", "one")), twins(&with_twins("one", "two"))), (1, 2));
    let text = with_twins("one", "two");
    let (files, variables) = (files(&text, &[]), BTreeMap::new());
    let input = Input { files: &files, variables: &variables, allow_host: false, records: true };
    let Err(mistakes) = scenario(input, Path::new("/s"), "s") else { panic!("it is swept") };
    let said: Vec<&str> = mistakes.iter().map(|one| one.message.as_str()).collect();
    assert!(
        said.len() == 2 && said[0].starts_with("`as_after` says where the whole change ends"),
        "{said:?}"
    );
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
    one("abort: {}", "limit: { service: db }", "nothing is limited; say `memory: 64mb`");
    one("abort: {}", "limit: { service: db, memory: 64 }", "expected a size such as `64mb`");
    one("abort: {}", "limit: { service: db, memory: 5mb }", "no engine limits memory to less than 6mb");
    one("abort: {}", "limit: { service: db, cpu_percent: 0 }", "that is a `pause`");
    one("[ { abort: {} } ]", "[]", "nothing is injected");
    one("[ { abort: {} } ]", "[ { abort: {} } ]\n  then: continue", "an aborted change cannot continue");
    one("abort: {}", "explode: {}", "unknown key `explode` in `inject`");
}

#[test]
fn a_store_is_observed_once_and_its_service_is_known() {
    let observing = |redis: &str| GOOD.replace("change:\n", &format!("  redis:\n{redis}change:\n"));
    let good = plan(&observing("    - { service: api, user: app }\n"));
    assert_eq!(good.stores["api"].words(), "Redis of api as app");
    assert_eq!(good.reach["api"], [6379]);
    assert_eq!(
        mistakes(&observing(
            "    - { service: ap }\n    - { service: db }\n    - { service: api, password: { env: NO } }\n"
        )),
        [
            "9: there is no service `ap` in the Compose files; did you mean `api`?",
            "10: `db` is observed already",
            "11: `NO` is set neither for service `api` nor here; export NO before you start Backout",
        ]
    );
    let stays = observing("    - { service: api }\n")
        .replace("[ { abort: {} } ]", "[ { pause: { service: api } } ]\n  heal: never");
    assert_eq!(
        mistakes(&stays),
        [
            "16: `api` is observed: with a fault that stays, its state cannot be read; say `before_rollback` or `after_rollback`"
        ]
    );
}

#[test]
fn a_mariadb_is_observed_and_clients_speak_to_it() {
    let text = GOOD
        .replace("engine: postgres", "engine: mariadb")
        .replace("  - sql: { id: migrate, on: db, file: up.sql }", "  - run: { id: migrate, service: api }")
        .replace("    - sql: { on: db, file: down.sql }", "    - run: { service: api }")
        .replace("step: 1, statement: 2", "step: 1, on: db, statement: 2")
        .replace("image: shop:1", "image: shop:1\n    # nothing");
    let except = "data: { as_before: { except: [ { table: beats, because: x } ] } }";
    let compose = COMPOSE.replace("    networks: [front, back]\n", "");
    let of = |text: &str| {
        let files = MemoryFiles::new([("/s/scenario.yaml", text), ("/s/compose.yaml", compose.as_str())]);
        let variables = BTreeMap::new();
        let input = Input { files: &files, variables: &variables, allow_host: false, records: false };
        scenario(input, Path::new("/s"), "s").map(|planned| planned.plan)
    };
    let good = of(&text.replace("data: as_before", except)).unwrap();
    assert_eq!((good.databases["db"].engine, good.databases["db"].port), (Engine::Mariadb, 3306));
    assert_eq!(good.gateways["db"].routes[0].protocol, crate::gateway::control::Protocol::Mysql);
    let covers = &good.expect.states[&StateKind::Data].except[0].covers;
    assert!(matches!(covers, Covers::Table { table, .. } if table == "shop.beats"), "{covers:?}");
    let wrong = of(&text.replace("abort: {}", "read_only: { service: db }")).unwrap_err();
    assert_eq!(wrong.len(), 1);
    assert!(wrong[0].message.starts_with("`db` is no PostgreSQL"), "{:?}", wrong[0]);
}

#[test]
fn a_sql_step_is_cut_as_its_server_reads_it() {
    let mariadb = GOOD.replace("engine: postgres", "engine: mariadb");
    let up = "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; END//\nDELIMITER ;\nUPDATE a SET b = 'it\\'s;';\n";
    let planned = plan_of(&mariadb, &[("/s/up.sql", up)], false).unwrap();
    let Action::Sql { statements, .. } = &planned.change[0].action else { panic!("not sql") };
    let texts: Vec<&str> = statements.iter().map(|statement| statement.text.as_str()).collect();
    assert_eq!(texts, ["CREATE PROCEDURE p() BEGIN SELECT 1; END", "UPDATE a SET b = 'it\\'s;'"]);
    let wrapped = mariadb.replace("file: up.sql }", "file: up.sql, transaction: true }");
    assert_eq!(
        mistakes(&wrapped),
        [
            "9: MariaDB commits by itself around `ALTER TABLE a ADD b int` on line 1: no transaction holds it; \
             leave out `transaction: true`, and see with a point after each statement what is left"
        ]
    );
}

#[test]
fn a_restore_names_a_backup_that_was_made_or_a_dump() {
    let backed = GOOD
        .replace("change:\n", "change:\n  - backup: { id: before, on: db }\n")
        .replace("step: 1", "step: 2");
    let restored = |step: &str| backed.replace("sql: { on: db, file: down.sql }", step);
    let planned = plan(&restored("restore: { on: db, backup: before }"));
    let Action::Restore(dump) = &planned.rollback.steps[0].action else { panic!("no restore") };
    assert_eq!(dump.command.last().unwrap(), "/tmp/backout-before.dump");
    assert!(!dump.command.iter().any(|word| word.contains("pw")), "a password is no argument");
    assert_eq!(dump.environment["PGPASSWORD"], "pw");
    assert_eq!(planned.rollback.steps[0].title, "restore db from the backup before");
    let from_file = plan(&restored("restore: { on: db, file: down.sql }"));
    assert!(
        matches!(&from_file.rollback.steps[0].action, Action::Sql { statements, .. } if statements.len() == 1)
    );
    assert_eq!(
        mistakes(&restored("restore: { on: db, backup: befor }")),
        [
            "17: no `backup` step before this one has the id `befor`; did you mean `before`?; make it in the seed \
             or the change: `- backup: { id: before, service: db }`"
        ]
    );
    assert_eq!(
        mistakes(&restored("restore: { on: db }")),
        ["17: `restore` takes a `backup` or a `file`; neither is given"]
    );
    assert_eq!(
        mistakes(&backed.replace("id: before", "id: a/b")),
        ["9: the name of a backup is that of a file; use letters, digits, `-` and `_`"]
    );
}

#[test]
fn keys_across_stores_come_from_what_is_observed() {
    let across = |every: &str, among: &str| {
        GOOD.replace("change:\n", "  redis: [ { service: api } ]\nchange:\n").replace(
            "  data: as_before\n",
            &format!(
                "  across:\n    - {{ name: n, always: true, every: {{ {every} }}, in: [ {{ {among} }} ] }}\n"
            ),
        )
    };
    let good = plan(&across("on: db, query: SELECT 1", "on: api, keys: 'order:*:new'"));
    let Fact::Across(found) = &good.expect.facts[0].fact else { panic!("not across") };
    assert_eq!(found.among[0].words(), "order:*:new on api");
    assert_eq!(good.expect.always.len(), 1, "it is watched as well");
    assert_eq!(
        mistakes(&across("on: db, query: SELECT 1, keys: x", "on: db, queue: q")),
        [
            "20: exactly one of `query`, `keys` and `queue` is given; a database has a query, a Redis keys, a \
             RabbitMQ a queue",
            "20: where in a message is the key?; say it as a JSON pointer: `at: /id`",
            "20: `db` is not observed under `observe.rabbitmq`; name it there: `rabbitmq: [ { service: db, … } ]`",
        ]
    );
    assert_eq!(
        mistakes(&across("on: api, keys: 'order:'", "on: db, query: SELECT 1")),
        ["20: a pattern of keys has one `*`, which stands for the key; write it as `order:*`"]
    );
}

#[test]
fn a_document_has_a_name_a_port_and_pointers() {
    let observing = |list: &str| GOOD.replace("change:\n", &format!("  documents:\n{list}change:\n"));
    let good = plan(&observing("    - { name: flags, service: api, get: /flags, ignore: [/at] }\n"));
    assert_eq!(good.stores["flags"].words(), "/flags of api");
    assert_eq!(good.reach["api"], [8080]);
    assert_eq!(
        mistakes(&observing(
            "    - { name: a.b, service: api, get: flags, ignore: [flags.at] }\n    - { name: x, service: db, get: / }\n"
        )),
        [
            "9: a path starts with `/`",
            "9: `a.b` is no name for a table of a report; use letters, digits, `-` and `_`",
            "9: a JSON pointer starts with `/`; write `/flags/at`",
            "10: service `db` names no port; say `port:` here, or `expose:` in Compose",
        ]
    );
}

#[test]
fn only_files_that_outlive_their_container_are_observed() {
    let compose = "services:
  db: { image: postgres:15, environment: { POSTGRES_PASSWORD: pw } }
  api: { image: 'shop:1', expose: ['8080'], tmpfs: [/run], volumes: [data:/data, '/data/own'] }
volumes: { data: {} }
";
    let observing = |files: &str| {
        let text = GOOD.replace("change:\n", &format!("  files:\n{files}change:\n"));
        let files = MemoryFiles::new([
            ("/s/scenario.yaml", text.as_str()),
            ("/s/compose.yaml", compose),
            ("/s/up.sql", "a; b; c"),
            ("/s/down.sql", "d"),
        ]);
        let variables = BTreeMap::new();
        let input = Input { files: &files, variables: &variables, allow_host: false, records: false };
        scenario(input, Path::new("/s"), "s").map(|planned| planned.plan)
    };
    let good = observing("    - { service: api, path: /data/ }\n    - { service: api, path: /data/own/x }\n")
        .unwrap();
    assert_eq!(good.stores.keys().collect::<Vec<_>>(), ["api:/data", "api:/data/own/x"]);
    let wrong = observing(
        "    - { service: api, path: data }
    - { service: api, path: /run/x }
    - { service: api, path: /etc }
    - { service: apy, path: /data }
    - { service: api, path: /data }
    - { service: api, path: /data/ }
",
    );
    let wrong = wrong.unwrap_err();
    let said: Vec<String> =
        wrong.iter().map(|one| format!("{}: {}", one.place().line, one.message)).collect();
    assert_eq!(
        said,
        [
            "9: `data` is no absolute path in the container",
            "10: `/run/x` of `api` lies on a tmpfs, which only its own container sees",
            "11: `/etc` of `api` lies on no volume or bind mount of the Compose file",
            "12: there is no service `apy` in the Compose files",
            "14: `api:/data` is observed already",
        ]
    );
}

#[test]
fn s16_tables_of_databases_have_a_schema_and_those_of_other_stores_have_not() {
    let except = "{ as_before: { except: [ { table: beats, because: x }, { table: api.db0, where: 'session:*', because: x } ] } }";
    let text = GOOD.replace("change:\n", "  redis: [ { service: api } ]\nchange:\n");
    let planned = plan(&text.replace("data: as_before", &format!("data: {except}")));
    let covered = planned.expect.states[&StateKind::Data].except.iter().map(|one| match &one.covers {
        Covers::Table { table, .. } => table.as_str(),
        other => panic!("{other:?}"),
    });
    assert_eq!(covered.collect::<Vec<_>>(), ["public.beats", "api.db0"]);
}

#[test]
fn faults_inside_a_database_say_what_they_mean() {
    one(
        "abort: {}",
        "lock: { service: api, table: a }",
        "`api` is not an observed database; known here: db; name it under `observe.databases`",
    );
    one("abort: {}", "lock: { service: db }", "`table` is missing");
    one(
        "abort: {}",
        "lock: { service: db, table: a, where: ' ' }",
        "leave `where` out to lock the whole table",
    );
    one("abort: {}", "lock: { service: db, table: a, rows: b }", "unknown key `rows` in `lock`");
    one(
        "abort: {}",
        "terminate_backend: { service: db }",
        "whose sessions are to be ended?; say so with `application:`",
    );
    one("abort: {}", "terminate_backend: { service: db, matching: '(' }", "13: not a regular expression");
    one(
        "abort: {}",
        "read_only: { service: bd }",
        "there is no service `bd` in the Compose files; did you mean `db`?",
    );
    let revoke = |privilege: &str| format!("revoke: {{ service: db, privilege: '{privilege}', from: app }}");
    one("abort: {}", &revoke("INSERT"), "`INSERT` is no privilege on one object; write it as in GRANT");
    one("abort: {}", &revoke("INSRT ON a"), "`INSRT` is no privilege on this object; did you mean `INSERT`?");
    one("abort: {}", &revoke("INSERT ON SCHEMA a"), "there are: USAGE, CREATE");
    one("abort: {}", &revoke("UPDATE (b) ON a"), "`UPDATE (B)` is no privilege on this object");
    let text = with("[ { abort: {} } ]", "[ { read_only: { service: db } } ]\n  heal: never");
    assert!(mistakes(&text)[0].contains("`db` is observed"), "{:?}", mistakes(&text));
}

#[test]
fn privileges_are_read_as_in_grant() {
    let revoked = |privilege: &str, from: &str| {
        let fault = format!("revoke: {{ service: db, privilege: '{privilege}', from: {from} }}");
        let planned = plan(&with("abort: {}", &fault)).failure.unwrap().faults.remove(0);
        let Fault::Database { fault: DatabaseFault::Revoke { privileges, on, from }, .. } = planned.fault
        else {
            panic!("{privilege}")
        };
        (privileges.join(" "), on, from)
    };
    let words = |privileges: &str, on: Securable, from: &str| (privileges.to_owned(), on, from.to_owned());
    let orders = || Securable::Relation("orders".to_owned());
    assert_eq!(revoked("insert,  UPDATE on orders", "app"), words("INSERT UPDATE", orders(), "app"));
    assert_eq!(revoked("SELECT ON TABLE orders", "Public"), words("SELECT", orders(), "public"));
    assert_eq!(
        revoked("temp ON DATABASE d", "app"),
        words("TEMPORARY", Securable::Database("d".to_owned()), "app")
    );
    assert_eq!(
        revoked("ALL ON SCHEMA shop", "app"),
        words("USAGE CREATE", Securable::Schema("shop".to_owned()), "app")
    );
}

#[test]
fn only_what_has_a_size_may_be_filled() {
    let stages = |service: &str, volume: &str| {
        let compose =
            format!("services: {{ db: {{ image: pg, {service} }} }}\nvolumes: {{ data: {volume} }}\n");
        let text = GOOD
            .replace("abort: {}", "fill_disk: { service: db, path: /data/pg }")
            .replace("password: { env: POSTGRES_PASSWORD } ", "")
            .replace("  - deploy: { service: api, image: 'shop:2' }\n", "");
        let files = MemoryFiles::new([
            ("/s/scenario.yaml", text.as_str()),
            ("/s/compose.yaml", &compose),
            ("/s/up.sql", "SELECT 1; SELECT 2"),
            ("/s/down.sql", "SELECT 1"),
        ]);
        let input = Input { files: &files, variables: &BTreeMap::new(), allow_host: false, records: false };
        let planned = scenario(input, Path::new("/s"), "s").map(|planned| planned.plan.failure);
        planned.map_err(|mistakes| {
            let line = |d: &Diagnostic| format!("{}: {}; {}", d.place().line, d.message, d.help.join("; "));
            mistakes.iter().map(line).collect::<Vec<_>>().join("\n")
        })
    };
    let sized = "{ driver_opts: { type: tmpfs, device: tmpfs, o: 'mode=700,size=64m' } }";
    for (service, volume) in [
        ("volumes: ['data:/data']", sized),
        ("tmpfs: ['/data:size=64m']", "{}"),
        ("volumes: [{ type: tmpfs, target: /data, tmpfs: { size: 64m } }]", "{}"),
        ("volumes: ['/data'], tmpfs: ['/data/pg:size=64m']", "{}"),
    ] {
        assert!(stages(service, volume).is_ok(), "{service}: {:?}", stages(service, volume));
    }
    for (service, volume, expected) in [
        (
            "hostname: h",
            "{}",
            "12: `/data/pg` is in the container's own file system, which is the host's disk; give it a tmpfs with a size: `tmpfs: [\"/data/pg:size=256m\"]`",
        ),
        (
            "volumes: ['data:/data']",
            "{}",
            "the volume `data` has no size: it would fill the host's disk; give it one: `volumes: { data: { driver_opts: { type: tmpfs, device: tmpfs, o: \"size=256m\" } } }`",
        ),
        ("tmpfs: [/data]", "{}", "the tmpfs under `/data/pg` has no size: it would fill the host's memory"),
        ("volumes: [/data]", "{}", "what is mounted under `/data/pg` lies on the host's disk"),
        (
            "tmpfs: ['/data:size=64m'], deploy: { replicas: 2 }",
            "{}",
            "`db` has 2 containers, each with its own tmpfs; only one would be filled",
        ),
        ("tmpfs: ['/dat:size=64m']", "{}", "is in the container's own file system"),
    ] {
        let found = stages(service, volume).unwrap_err();
        assert!(!found.contains('\n') && found.contains(expected), "{service}: {found}");
    }
    one("abort: {}", "fill_disk: { service: db, path: data }", "`data` is no absolute path in the container");
    one(
        "abort: {}",
        "fill_disk: { service: bd, path: /data }",
        "there is no service `bd` in the Compose files; did you mean `db`?",
    );
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
    plan(&with("data: as_before", &except("{ schema: audit, because: x }")));
    plan(&with("data: as_before", &except("{ schema: public, columns: [b], because: x }")));
    one(
        "data: as_before",
        &except("{ schema: public, because: x }"),
        "the change names public: an exception may not cover all of it",
    );
    one(
        "data: as_before",
        &except("{ schema: audit, where: 'a > 1', because: x }"),
        "a condition is about the rows of one table",
    );
    one(
        "data: as_before",
        &except("{ schema: audit, table: t, because: x }"),
        "an exception for data names a `table`, found table and schema",
    );
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
fn a_host_step_needs_the_drills_word_although_the_command_line_allows_it() {
    let text = with("deploy: { service: api, image: 'shop:2' }", "host: { command: [make] }");
    let drill_that = |says: &str| {
        let drill_file = format!("format: 1\nname: nightly\n{says}scenarios: [ {{ path: s }} ]\n");
        let files = files(&text, &[("/d.yaml", &drill_file)]);
        let (variables, arguments) = (BTreeMap::new(), [PathBuf::from("/d.yaml")]);
        let input = Input { files: &files, variables: &variables, allow_host: true, records: false };
        drill(&options(&arguments, input))
    };
    let refused = drill_that("").expect_err("nobody but the command line has allowed it");
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert_eq!(refused[0].place().to_string(), "s/scenario.yaml:10:5");
    assert!(refused[0].message.contains("a `host` step runs on this machine, and nobody has allowed it"));
    assert_eq!(
        refused[0].help,
        ["say `allow_host: true` in the drill and `--allow-host` on the command line"]
    );
    assert!(drill_that("allow_host: false\n").is_err());
    assert!(drill_that("allow_host: true\n").is_ok());
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
    let input = Input { files: &files, variables: &variables, allow_host: false, records: false };
    let found: Vec<String> =
        scenario(input, &inside, "s").unwrap_err().into_iter().map(|mistake| mistake.message).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|message| message.contains("leaves the root")), "{found:?}");
}

#[test]
fn s17_a_password_comes_from_the_service_or_the_runner_and_is_secret() {
    let (files, variables) = (files(GOOD, &[]), BTreeMap::new());
    let input = Input { files: &files, variables: &variables, allow_host: false, records: false };
    let planned = scenario(input, Path::new("/s"), "s").unwrap();
    assert!(planned.secrets.values.contains("pw"));
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

fn options<'a>(arguments: &'a [PathBuf], input: Input<'a>) -> Options<'a> {
    Options {
        arguments,
        input,
        control: true,
        hide_values: false,
        timeout_ms: None,
        sweep: None,
        lanes: None,
        usual_lanes: 1,
    }
}

fn drill_of(text: &str) -> Result<super::PlannedDrill, Vec<String>> {
    let files = files(GOOD, &[("/d.yaml", text)]);
    let variables = BTreeMap::new();
    let arguments = [PathBuf::from("/d.yaml")];
    let input = Input { files: &files, variables: &variables, allow_host: false, records: false };
    drill(&options(&arguments, input))
        .map_err(|mistakes| mistakes.into_iter().map(|mistake| mistake.message).collect())
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
    for lanes in [0, 65] {
        let lanes = format!("scenarios: [ {{ path: s }} ]\nlanes: {lanes}");
        assert!(wrong(&lanes).contains("`lanes` goes from 1 to 64"));
    }
    let gate = "gate: true\nscenarios: [ { path: s, should: fail, because: [data] } ]";
    assert!(wrong(gate).contains("a gate cannot ask for a failure"));
}

#[test]
fn what_is_spoken_at_a_point_is_known_from_its_kind() {
    let compose = "services:
  db: { image: pg, environment: { POSTGRES_PASSWORD: pw } }
  flags: { image: flags, expose: ['7000'] }
  job: { image: job }
";
    let spoken = |at: &str| {
        let text = with("sql: { id: migrate, on: db, file: up.sql }", "run: { service: job }")
            .replace("deploy: { service: api, image: 'shop:2' }", "run: { service: job }")
            .replace("{ step: 1, statement: 2 }", &format!("{{ step: 1, on: flags, {at} }}"));
        let planned = plan_of(&text, &[("/s/compose.yaml", compose)], false);
        let plan = planned.unwrap_or_else(|mistakes| panic!("{}", crate::diagnostic::render(&mistakes)));
        plan.gateways["flags"].routes[0].protocol
    };
    assert_eq!(spoken("request: PUT /checkout"), Protocol::Http);
    assert_eq!(spoken("command: DEL"), Protocol::Redis);
    assert_eq!(spoken("bytes: 9"), Protocol::Tcp);
}

const TRAFFIC: &str = "traffic:
  - name: orders
    rate: 20/s
    write: { http: { on: api, post: /orders, json: { id: '{{key}}' } } }
    read: { http: { on: api, get: '/orders/{{key}}' } }
    touches: [ { table: orders, key: id } ]
change:";

/// The good scenario with clients, of whom one text is replaced.
fn with_traffic(from: &str, to: &str) -> String {
    assert!(TRAFFIC.contains(from), "{from}");
    with("change:", &TRAFFIC.replacen(from, to, 1))
}

#[test]
fn clients_have_defaults_and_their_promises_are_judged() {
    let text =
        with_traffic("orders", "orders").replace("data: as_before", "data: as_before_plus_acknowledged");
    let plan = plan(&text);
    let traffic = &plan.traffic[0];
    assert_eq!((traffic.per_second, traffic.key.as_str(), traffic.timeout.as_secs()), (20.0, "{{uuid}}", 5));
    assert_eq!((traffic.read.share, traffic.touches[0].database.as_str()), (20.0, "db"));
    assert_eq!(traffic.write.shows, Some(serde_json::json!({ "id": "{{key}}" })));
    let data = &plan.expect.states[&StateKind::Data];
    assert_eq!(data.reference, super::model::Reference::BeforePlusAcknowledged);
    assert_eq!(plan.reach["api"], [8080]);
}

#[test]
fn what_is_wrong_with_clients_is_said_where_it_stands() {
    let only = |from: &str, to: &str, expected: &str| {
        let found = mistakes(&with_traffic(from, to));
        assert!(found.len() == 1 && found[0].contains(expected), "{to}: {found:#?}");
    };
    only("'/orders/{{key}}'", "'/orders/{{kee}}'", "nothing fills `{{kee}}`; did you mean `key`?");
    only("read: {", "read: { share: 100%,", "reads, updates and deletes are 100% of all requests");
    only("key: id }", "key: id, by: id }", "exactly one of `key`, `by` and `column`");
    only("key: id }", "key: id, invariant: 'SELECT true' }", "an invariant goes with `column`");
    only("write: {", "write: { key: fixed,", "every write would have this key");
    only(
        "get: '/orders/{{key}}' }",
        "get: /o }, sql: { on: db, text: x }",
        "a request is `http` or `sql`; both",
    );
    only("on: api, get", "on: apj, get", "there is no service `apj`");
    only("20/s", "0/s", "out of range");
    let nobody = mistakes(&with("data: as_before", "data: as_before_plus_acknowledged"));
    assert!(nobody.len() == 1 && nobody[0].contains("nobody writes: there is no traffic"), "{nobody:#?}");
}

const WATCHED: &str = "observe:\n  alerts: { service: api, port: 9093 }\n";

/// The good scenario with these alerts under `expect`, and this under `rollback.when`.
fn alerting(alerts: &str, when: &str) -> String {
    let expected = format!("expect:\n  alerts: [ {alerts} ]\n");
    let text = with("expect:\n", &expected).replace("observe:\n", WATCHED);
    text.replace("rollback:\n", &format!("rollback:\n  when: {when}\n"))
}

#[test]
fn an_alert_is_asked_for_by_its_name_and_labels_and_starts_the_rollback() {
    let text =
        alerting("{ name: Errors, labels: { severity: page }, fires_within: 20s }", "{ alert: Errors }");
    let plan = plan(&text);
    let alert = &plan.expect.alerts[0];
    assert_eq!((alert.fires_within.as_secs(), alert.resolves_within.as_secs()), (20, 120));
    let matchers = "&filter=alertname%3D%22Errors%22&filter=severity%3D%22page%22";
    assert!(alert.call.path.ends_with(matchers), "{}", alert.call.path);
    assert_eq!((alert.call.service.as_str(), alert.call.port), ("api", 9093));
    assert_eq!(plan.reach["api"], [9093]);
    assert_eq!(plan.rollback.when, When::Alert { alert: 0, within_ms: 120_000 });
}

#[test]
fn an_alert_that_starts_the_rollback_is_expected() {
    let text = with("observe:\n", WATCHED)
        .replace("rollback:\n", "rollback:\n  when: { alert: Errors, within: 9s }\n");
    let plan = plan(&text);
    let alert = &plan.expect.alerts[0];
    assert_eq!((alert.name.as_str(), alert.fires_within.as_secs(), alert.at.line), ("Errors", 9, 16));
}

#[test]
fn mistakes_about_alerts_are_named_with_a_way_out() {
    let only = |text: &str, expected: &str| {
        let found = mistakes(text);
        assert!(found.len() == 1 && found[0].contains(expected), "{found:#?}");
    };
    let good = || alerting("{ name: Errors }", "{ alert: Errors }");
    only(
        &good().replace(WATCHED, &WATCHED.replace("api", "apj")),
        "no service `apj` in the Compose files; did you mean `api`?",
    );
    only(
        &good().replace("alert: Errors", "alert: Erors"),
        "no alert `Erors` is expected; did you mean `Errors`?",
    );
    only(&good().replace("{ alert: Errors }", "{ within: 5m }"), "give one of: alert, http, sql, log");
    only(&good().replace("alert: Errors", "alert: Errors, within: 5s"), "may take 120 s to fire");
    only(&good().replace("alert: Errors", "alert: Errors, log: { service: api, matches: x }"), "not both");
    only(
        &good().replace(WATCHED, "observe:\n").replace("alert: Errors", "log: { service: api, matches: x }"),
        "no Alertmanager is observed",
    );
    let unbroken =
        good().replace("failure:\n  at: { step: 1, statement: 2 }\n  inject: [ { abort: {} } ]\n", "");
    only(&unbroken, "nothing fails, so there is nothing to notice");
}

#[test]
fn a_rollback_may_be_a_job_of_the_pipeline() {
    let pipeline = ("/s/.gitlab-ci.yml", "variables: { A: b }\ndown: { script: [psql --file=down.sql] }\n");
    let written = GOOD.split_once("  steps:").map(|(before, rest)| {
        let after = rest.split_once("\nexpect:").unwrap().1;
        format!("{before}  from: {{ file: .gitlab-ci.yml, job: down, service: api }}\nexpect:{after}")
    });
    let written = written.unwrap();
    let plan = plan_of(&written, &[pipeline], false)
        .unwrap_or_else(|all| panic!("{}", crate::diagnostic::render(&all)));
    let [step] = &plan.rollback.steps[..] else { panic!("{:?}", plan.rollback.steps) };
    assert_eq!(step.title, "job down of .gitlab-ci.yml in api");
    let Action::Run { service, .. } = &step.action else { panic!("{:?}", step.action) };
    let script = step.script().unwrap();
    assert!(script.contains("export A=\"b\"\n") && script.contains("\npsql --file=down.sql\n"), "{script}");
    assert_eq!((service.as_str(), step.timeout.as_secs()), ("api", 600));
    assert!(plan.digests.contains_key("s/.gitlab-ci.yml"), "{:?}", plan.digests);

    let wrong = |from: &str, to: &str| {
        let mistakes = plan_of(&written.replace(from, to), &[pipeline], false).unwrap_err();
        mistakes.iter().map(|one| format!("{} {}", one.message, one.help.join(" "))).collect::<Vec<_>>()
    };
    assert_eq!(
        wrong("job: down", "job: dwn"),
        ["there is no job `dwn` in s/.gitlab-ci.yml did you mean `down`?"]
    );
    assert_eq!(
        wrong("service: api }", "service: api, skip: [ { step: x, because: y } ] }"),
        ["there is no step `x` in the job `down` "]
    );
    assert_eq!(
        wrong("\nexpect:", "\n  steps: [ { wait: { healthy: api } } ]\nexpect:"),
        ["the way back has `steps` and `from` a job among other steps is a step: `- job: { … }`"]
    );
}

/// The good scenario with a job in the place of its rollback's steps.
fn from_a_job(said: &str) -> String {
    let (before, rest) = GOOD.split_once("  steps:").unwrap();
    let after = rest.split_once("\nexpect:").unwrap().1;
    format!(
        "{before}  from: {{ file: .github/workflows/back.yml, job: down, service: api{said} }}\nexpect:{after}"
    )
}

#[test]
fn what_of_a_job_is_not_run_is_in_the_plan_and_what_the_pipeline_says_of_time() {
    let workflow = "on: { workflow_dispatch: { inputs: { tag: {} } } }\njobs:\n  down:\n    timeout-minutes: 2\n    steps:\n      - uses: actions/checkout@v4\n      - uses: a/login@v1\n      \
                    - uses: ./ci/undo\n        with: { tag: '${{ inputs.tag }}' }\n";
    let action = "inputs: { tag: {} }\nruns:\n  using: composite\n  steps: [ { shell: sh, run: 'undo ${{ inputs.tag }}' } ]\n";
    let files = [("/s/.github/workflows/back.yml", workflow), ("/s/ci/undo/action.yml", action)];
    let given = ", given: { inputs: { tag: v1 } }, skip: [ { step: a/login, because: nothing is pushed } ]";
    let plan = plan_of(&from_a_job(given), &files, false)
        .unwrap_or_else(|all| panic!("{}", crate::diagnostic::render(&all)));
    let step = &plan.rollback.steps[0];
    assert_eq!(step.timeout.as_secs(), 120);
    assert!(step.script().unwrap().contains("\nundo v1\n"), "{:?}", step.script());
    let said: Vec<String> = plan.passed_over().collect();
    assert_eq!(said, ["rollback step 1 is run without a/login@v1: nothing is pushed"]);
    assert!(plan.digests.contains_key("s/ci/undo/action.yml"), "{:?}", plan.digests);
    let own = plan_of(&from_a_job(&format!("{given}, timeout: 9s")), &files, false).unwrap();
    assert_eq!(own.rollback.steps[0].timeout.as_secs(), 9);
    let mistakes = plan_of(&from_a_job(""), &files, false).unwrap_err();
    assert_eq!(mistakes.len(), 1, "an input that is not set is an empty text: {mistakes:?}");
}

#[test]
fn a_queue_that_is_expected_is_one_of_an_observed_rabbitmq() {
    let queue = |observed: &str, said: &str| {
        GOOD.replace("change:\n", &format!("{observed}change:\n"))
            .replace("  data: as_before\n", &format!("  queue: [ {{ {said} }} ]\n"))
    };
    let observed = "  rabbitmq: [ { service: api, user: u } ]\n";
    let good = plan(&queue(observed, "on: api, queue: orders, messages: 1, within: 3s"));
    let expected = &good.expect.facts[0];
    assert_eq!((expected.title.as_str(), expected.within.as_secs()), ("orders on api holds 1 message", 3));
    let good = plan(&queue(observed, "on: api, queue: orders"));
    assert!(
        matches!(good.expect.facts[0].fact, Fact::Queue { messages: 0, .. }),
        "none where nothing is said"
    );
    assert_eq!(
        mistakes(&queue("", "on: api, queue: orders")),
        [
            "18: `api` is not observed under `observe.rabbitmq`; name it there: `rabbitmq: [ { service: api, … } ]`"
        ]
    );
}

#[test]
fn what_the_impact_names_is_something_that_somebody_would_see() {
    let impact = |observed: &str, said: &str| {
        GOOD.replace("change:\n", &format!("{observed}impact: {{ {said} }}\nchange:\n"))
    };
    let all = "  redis: [ { service: api } ]\n  documents: [ { name: flags, service: api, get: /flags } ]\n";
    let good =
        plan(&impact(all, "services: [api], tables: [a, 'audit.*'], keys: ['cart:*'], documents: [flags]"));
    let declared = good.impact.expect("it is declared");
    let names: Vec<String> =
        declared.declared.iter().map(|one| format!("{} {}", one.kind.word(), one.name)).collect();
    assert_eq!(
        names,
        ["service api", "table public.a", "table audit.*", "key cart:*", "document flags"],
        "a table has its schema"
    );
    assert!(
        plan(GOOD).impact.is_none() && plan(&impact("", "")).impact.is_some(),
        "nothing is something to say"
    );
    assert_eq!(
        mistakes(&impact("", "services: [apy], keys: [x], queues: [''], files: [x], documents: [flag]")),
        [
            "8: there is no service `apy` in the Compose files; did you mean `api`?",
            "8: nothing is observed under `observe.redis`: nobody would see `x` touched; observe the store that it \
             is in, or leave it out",
            "8: a queue has a name",
            "8: `x` lies in no observed folder; name its folder under `observe.files`",
            "8: `flag` is not an observed document; name it under `observe.documents`",
        ]
    );
    let hosts = |name: &str| {
        impact(
            "  outside: [ { service: mail, protocol: smtp, clients: [api] } ]\n",
            &format!("hosts: [{name}]"),
        )
    };
    assert_eq!(plan(&hosts("mail")).impact.map(|impact| impact.declared[0].kind.word()), Some("host"));
    assert_eq!(
        mistakes(&hosts("mial")),
        ["9: `mial` does not stand for the outside; did you mean `mail`?; name it under `observe.outside`"]
    );
}
