//! The JSON Schemas of the file formats, draft 2020-12, made from the types that read or write them.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::coverage::Page;
use super::json::Scorecard;
use crate::scenario::{DrillFile, ScenarioFile};

/// Of `scenario.yaml`.
pub fn scenario() -> Value {
    let about = "What a drill rehearses: a staging system, a change, a failure in the middle of it, the \
                 rollback, and what must hold afterwards.";
    read::<ScenarioFile>("scenario", "A scenario of Backout", about)
}

/// Of a drill file.
pub fn drill() -> Value {
    let about = "Which scenarios run, and what they must reach.";
    read::<DrillFile>("drill", "A drill of Backout", about)
}

/// Of `scorecard.json`.
pub fn scorecard() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<Scorecard>().to_value();
    named(schema, "scorecard", "A scorecard of Backout", "What a drill has shown, with its evidence.")
}

/// Of what `coverage --format json` prints.
pub fn coverage() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<Page>().to_value();
    named(
        schema,
        "coverage",
        "An inventory of Backout",
        "What takes changes back, and what past runs show of it.",
    )
}

fn read<T: JsonSchema>(name: &str, title: &str, about: &str) -> Value {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value();
    named(schema, name, title, about)
}

/// Puts the schema under its own name, with what it is for in front.
fn named(schema: Value, name: &str, title: &str, about: &str) -> Value {
    let Value::Object(mut rest) = schema else { return schema };
    let mut named = Map::new();
    if let Some(dialect) = rest.remove("$schema") {
        named.insert("$schema".to_owned(), dialect);
    }
    named.insert("$id".to_owned(), format!("urn:backout:{name}:1").into());
    named.insert("title".to_owned(), title.into());
    named.insert("description".to_owned(), about.into());
    rest.remove("title");
    rest.remove("description");
    named.extend(rest);
    Value::Object(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::yaml::{Node, Value as Written};

    /// Reads a file of the repository.
    fn file(path: &str) -> String {
        std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR")))
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    #[track_caller]
    fn is_current(path: &str, format: &str, schema: &Value) {
        let renew = format!("renew it: cargo run -- schema {format} > {path}");
        assert!(file(path) == format!("{schema:#}\n"), "{path} is not what the types say; {renew}");
    }

    #[test]
    fn the_checked_in_schemas_are_current() {
        is_current("scenarios/scenario.schema.json", "scenario", &scenario());
        is_current("drills/drill.schema.json", "drill", &drill());
        is_current("drills/scorecard.schema.json", "scorecard", &scorecard());
    }

    #[test]
    fn each_schema_is_of_the_draft_it_names_and_says_what_it_is() {
        for schema in [scenario(), drill(), scorecard(), coverage()] {
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
            jsonschema::meta::validate(&schema).unwrap();
            for key in ["$id", "title", "description"] {
                assert!(schema[key].as_str().is_some_and(|text| !text.is_empty()), "{key}");
            }
        }
    }

    fn yaml(text: &str) -> Value {
        serde_yaml::from_str(text).unwrap()
    }

    /// Everything that a scenario can say, in its briefest form.
    const SCENARIO: &str = r#"
format: 1
name: everything
summary: one of each
risks: [schema]
secrets: [TOKEN]
mask: [orders.note]
staging: { compose: [a.yaml, b.yaml], profiles: [x], seed: [ { restore: { service: db, file: d.sql } } ], within: 2m }
observe:
  databases: [ { service: db, engine: postgres, database: d, user: u, password: { env: P }, port: 5432 } ]
  redis: [ { service: cache, port: 6379, user: u, password: { env: P } } ]
  rabbitmq: [ { service: mq, port: 15672, vhost: shop, user: u, password: { env: P }, depth_only: ['jobs.*'] } ]
  files: [ { service: app, path: /data } ]
  documents: [ { name: flags, service: api, port: 80, get: /flags, ignore: [/at] } ]
change:
  - sql: { id: up, service: db, file: up.sql, transaction: true, timeout: 30s }
  - run: { service: m, command: [migrate, 1, true], env: { A: 1, B: x } }
  - deploy: { service: api, image: a, env: { FLAG: null, PORT: 80 }, replicas: 2, until: started }
  - deploy: { service: api, build: { context: ., args: { V: 2 } } }
  - exec: { service: api, command: "echo x" }
  - http: { call: { service: api, post: /x, json: { a: [1] }, status: 201 } }
  - host: { command: ls }
  - wait: { healthy: api }
  - volume: { volume: v, tar: v.tar }
failure:
  at: { step: up, service: db, statement: 2, hold: after }
  inject: [ { abort: {} }, { kill: { service: db, signal: SIGTERM } }, { pause: { service: db } } ]
  then: continue
  heal: after_rollback
  settle: none
rollback:
  within: 60s
  give_up: 1m30s
  when: { http: { service: api, get: / }, within: 5s }
  may_refuse: when_nothing_applied
  steps: [ { sql: { service: db, text: SELECT 1 } } ]
expect:
  system: as_before
  schema: { as_before: { except: [ { object: index x, because: it was so } ] } }
  data: { as_after: [ { sql: { service: db, text: SELECT 1 } } ] }
  sequences: exact
  leftovers: { any: { because: none of our concern } }
  change: fails
  http: [ { service: api, get: /, status: 200, within: 10s } ]
  sql: [ { service: db, query: SELECT 1, equals: 1 } ]
  exec: [ { service: api, command: [true], exit_code: 1 } ]
  log: [ { service: api, absent: ERROR } ]
  recovery: { rto: 30s, rpo: 0s, lost: 0 }
"#;

    #[test]
    fn on_is_still_what_service_and_store_were_called_before() {
        let old = SCENARIO
            .replace("service: db, text", "on: db, text")
            .replace("{ service: api, get", "{ on: api, get");
        assert_eq!(wrong(&scenario(), &yaml(&old)), Vec::<String>::new());
        let read: Result<crate::scenario::ScenarioFile, _> = serde_yaml::from_str(&old);
        assert!(read.is_ok(), "{read:?}");
        refused("{ sql: { service: db, text", "{ sql: { service: db, on: db, text");
        refused("{ sql: { service: db, text", "{ sql: { text");
    }

    /// The keys and unquoted values of a file that are truth values to readers of YAML 1.1, and texts to us.
    fn truths_of_yaml_11(node: &Node, found: &mut Vec<String>) {
        let is_truth =
            |text: &str| ["y", "n", "yes", "no", "on", "off"].contains(&text.to_ascii_lowercase().as_str());
        if let Written::Scalar { text, plain: true } = &node.value
            && is_truth(text)
        {
            found.push(text.clone());
        }
        node.items().iter().for_each(|item| truths_of_yaml_11(item, found));
        for entry in node.entries() {
            // Quotes would stand in the span.
            let written = &entry.key_spot.source.text[entry.key_spot.span.clone()];
            found.extend(is_truth(written).then(|| written.to_owned()));
            truths_of_yaml_11(&entry.value, found);
        }
    }

    #[test]
    fn what_is_shipped_is_read_alike_by_readers_of_yaml_11() {
        let mut files = Vec::new();
        for folder in ["scenarios", "drills", "tests/fixtures", "src/app/starter"] {
            yaml_files(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
        }
        let ours = files.iter().filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name == "scenario.yaml" || path.parent().unwrap().ends_with("drills")
        });
        let mut seen = 0;
        for path in ours {
            // The starter has its name filled in when it is written.
            let text = std::fs::read_to_string(path).unwrap().replace("{{name}}", "name");
            let source = Source::new(path.display().to_string(), text);
            let mut found = Vec::new();
            truths_of_yaml_11(
                &crate::yaml::parse(&source, crate::yaml::Limits::default()).unwrap(),
                &mut found,
            );
            assert!(found.is_empty(), "{}: {found:?}", path.display());
            seen += 1;
        }
        assert!(seen >= 50, "only {seen} files were looked at");
        let readme = file("README.md");
        for block in readme.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            assert!(!block.contains("{ on: ") && !block.contains(", on: "), "{block}");
        }
    }

    fn yaml_files(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                yaml_files(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                found.push(path);
            }
        }
    }

    /// What stands in the place of a way back.
    const FORWARD_ONLY: &str = r#"
forward_only:
  because: it must go
  prechecks: [ { name: gate, steps: [ { exec: { service: api, command: gate } } ], broken_by: [ { exec: { service: api, command: harm } } ] } ]
  isolation: { as_before: [db], http: [ { service: api, get: / } ], always: [ { service: db, query: SELECT 1 } ] }
  recovery: { within: 60s, steps: [ { sql: { service: db, text: SELECT 1 } } ] }
"#;

    #[test]
    fn everything_that_a_scenario_can_say_validates() {
        let errors = wrong(&scenario(), &yaml(SCENARIO));
        assert!(errors.is_empty(), "{errors:#?}");
    }

    #[test]
    fn in_place_of_a_way_back_there_may_be_a_reason() {
        let (start, end) = (SCENARIO.find("rollback:").unwrap(), SCENARIO.find("expect:").unwrap());
        let forward = format!("{}{FORWARD_ONLY}{}", &SCENARIO[..start], &SCENARIO[end..]);
        assert_eq!(wrong(&scenario(), &yaml(&forward)), Vec::<String>::new());
        let unnamed = forward.replace("name: gate, ", "");
        assert!(!wrong(&scenario(), &yaml(&unnamed)).is_empty());
    }

    fn wrong(schema: &Value, instance: &Value) -> Vec<String> {
        let validator = jsonschema::draft202012::new(schema).unwrap();
        validator.iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    #[track_caller]
    fn refused(from: &str, to: &str) {
        assert!(SCENARIO.contains(from), "`{from}` is not in the scenario");
        assert_eq!(wrong(&scenario(), &yaml(SCENARIO)), Vec::<String>::new());
        let changed = yaml(&SCENARIO.replacen(from, to, 1));
        assert!(!wrong(&scenario(), &changed).is_empty(), "`{to}` in place of `{from}` is not refused");
    }

    #[test]
    fn what_the_reader_refuses_the_schema_refuses_too() {
        refused("format: 1", "format: 2");
        refused("name: everything", "nome: everything");
        refused("compose: [a.yaml, b.yaml]", "compose: []");
        refused("within: 2m", "within: 120");
        refused("within: 2m", "within: 2 parsecs");
        refused("statement: 2", "statement: two");
        refused("step: up", "step: 0");
        refused("hold: after", "hold: during");
        refused("{ abort: {} }", "{ abort: { hard: true } }");
        refused("{ pause: { service: db } }", "{ freeze: { service: db } }");
        refused("settle: none", "settle: never");
        refused("when: {", "when: { log: x, ");
        refused("system: as_before", "system: as_after");
        refused("because: it was so", "why: it was so");
        refused("leftovers: { any: {", "leftovers: { some: {");
        refused("get: /, status: 200", "get: /, status: ok");
        refused("- exec: {", "- sleep: {");
        refused("command: [migrate, 1, true]", "command: []");
        refused("rpo: 0s", "rpo: 0");
        refused("failure:", &format!("{FORWARD_ONLY}failure:"));
        refused("rollback:", "rolback:");
    }

    #[test]
    fn shipped_drills_and_scenarios_validate() {
        let folder = |path: &str| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let mut seen = 0;
        let mut folders = vec![folder("scenarios"), folder("drills")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                let name = entry.file_name().unwrap().to_string_lossy().into_owned();
                let in_drills = entry.parent().unwrap().ends_with("drills");
                let schema = match name.as_str() {
                    _ if entry.is_dir() => {
                        folders.push(entry);
                        continue;
                    }
                    "scenario.yaml" => scenario(),
                    name if in_drills && name.ends_with(".yaml") => drill(),
                    _ => continue,
                };
                let errors = wrong(&schema, &yaml(&std::fs::read_to_string(&entry).unwrap()));
                assert!(errors.is_empty(), "{}: {errors:#?}", entry.display());
                seen += 1;
            }
        }
        assert!(seen >= 9, "only {seen} files were looked at");
    }

    #[test]
    fn a_drill_of_the_wrong_shape_is_refused() {
        let good = "{ format: 1, name: nightly, scenarios: [ { path: p, should: fail, because: [data] } ] }";
        assert_eq!(wrong(&drill(), &yaml(good)), Vec::<String>::new());
        for (from, to) in
            [("should: fail", "should: pass"), ("path: p", "pfad: p"), ("format: 1", "format: 9")]
        {
            assert!(!wrong(&drill(), &yaml(&good.replace(from, to))).is_empty(), "{to}");
        }
    }
}
