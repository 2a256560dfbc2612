//! What a service finds in its environment, and labels that come from files.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::dotenv;
use super::read::Reader;
use super::values;
use crate::diagnostic::Source;
use crate::files::{FileProblem, TEXT_LIMIT};
use crate::yaml::{Node, Value};

/// A service's environment, and the names whose values came from an `env_file`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Environment {
    pub(super) values: BTreeMap<String, String>,
    pub(super) secret: Vec<String>,
}

/// Reads `env_file` and `environment`; the latter wins, and later files win over earlier ones.
pub(super) fn environment(reader: &mut Reader<'_>, service: &Node) -> Environment {
    let own = reader.at(service, "environment", |reader, node| Some(own(reader, node))).unwrap_or_default();
    let files = reader.at(service, "env_file", |reader, node| Some(env_files(reader, node, &own)));
    let mut values = files.unwrap_or_default();
    let secret = values.keys().filter(|name| !own.contains_key(*name)).cloned().collect();
    values.extend(own);
    Environment { values, secret }
}

/// Labels from files of `NAME=value` lines.
pub(super) fn labels(reader: &mut Reader<'_>, list: &Node) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for item in reader.items(list) {
        labels.extend(env_file(reader, item, true, false, &labels.clone()));
    }
    labels
}

fn own(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, String> {
    let mut own = BTreeMap::new();
    for entry in reader.entries(node) {
        let value = match &entry.value {
            // Without a value it is the runner's; without that it is not set at all.
            value if value.is_null() => reader.scopes.of(&value.spot).lookup(&entry.key),
            value => reader.text(value),
        };
        own.extend(value.map(|value| (entry.key.clone(), value)));
    }
    own
}

fn env_files(
    reader: &mut Reader<'_>,
    list: &Node,
    own: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for item in reader.items(list) {
        let read = match item.value {
            Value::Mapping(_) => long(reader, item, own),
            _ => Some(env_file(reader, item, true, false, own)),
        };
        values.extend(read.unwrap_or_default());
    }
    values
}

fn long(
    reader: &mut Reader<'_>,
    item: &Node,
    own: &BTreeMap<String, String>,
) -> Option<BTreeMap<String, String>> {
    let required = reader.at(item, "required", |reader, node| reader.parsed(node, values::flag));
    let raw = reader.at(item, "format", |reader, node| reader.parsed(node, format)).unwrap_or(false);
    reader.need(item, "path", |reader, path| Some(env_file(reader, path, required.unwrap_or(true), raw, own)))
}

fn format(text: &str) -> Result<bool, String> {
    match text {
        "raw" => Ok(true),
        _ => Err(format!("unknown format `{text}`; known is raw")),
    }
}

fn env_file(
    reader: &mut Reader<'_>,
    node: &Node,
    required: bool,
    raw: bool,
    own: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let Some(source) = open(reader, node, required) else { return BTreeMap::new() };
    let scope = reader.scopes.of(&node.spot);
    let lookup = |name: &str| scope.lookup(name).or_else(|| own.get(name).cloned());
    let mut remarks = Vec::new();
    let read = match raw {
        true => dotenv::parse_raw(&source, &lookup),
        false => dotenv::parse(&source, &lookup, &mut remarks),
    };
    remarks.into_iter().for_each(|remark| reader.remark(remark));
    read.unwrap_or_else(|mistakes| {
        mistakes.into_iter().for_each(|mistake| reader.push(mistake));
        BTreeMap::new()
    })
}

fn open(reader: &mut Reader<'_>, node: &Node, required: bool) -> Option<Arc<Source>> {
    let written = reader.text(node)?;
    let path = reader.scopes.path(&node.spot, &written);
    match reader.files.read(&path, TEXT_LIMIT) {
        Ok(source) => Some(source),
        Err(FileProblem::Missing(_)) if !required => None,
        Err(problem) => {
            reader.push(problem.at(&node.spot));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{errors_of, one_service, service_with, texts};

    const FILES: [(&str, &str); 3] = [
        ("/shop/a.env", "A=file a\nB=file a\nHOST_SET\nU=${OWN}\n"),
        ("/shop/b.env", "B=\"file b\"\n"),
        ("/shop/raw.env", "R='$x'\n"),
    ];

    fn read(keys: &str) -> (std::collections::BTreeMap<String, String>, Vec<String>) {
        let service = service_with(keys, &FILES);
        (service.environment, service.secret_environment)
    }

    #[test]
    fn later_files_win_and_the_service_wins_over_files() {
        let (values, secret) = read("environment: {A: own, OWN: o}, env_file: [a.env, {path: b.env}]");
        let expected =
            [("A", "own"), ("B", "file b"), ("HOST_SET", "from the host"), ("OWN", "o"), ("U", "o")];
        assert_eq!(values, texts(expected));
        assert_eq!(secret, ["B", "HOST_SET", "U"], "only what came from a file");
    }

    #[test]
    fn variables_in_files_are_the_runners_before_they_are_the_services() {
        let files = [("/shop/a.env", "V=$HOST_SET")];
        let service = service_with("environment: {HOST_SET: own}, env_file: a.env", &files);
        assert_eq!(service.environment, texts([("HOST_SET", "own"), ("V", "from the host")]));
    }

    #[test]
    fn values_are_kept_as_they_are_written() {
        let (values, _) = read("environment: {N: 1.10, Z: 0755, T: true, E: '', NO: no, Q: '~', D: $$x}");
        let expected =
            [("N", "1.10"), ("Z", "0755"), ("T", "true"), ("E", ""), ("NO", "no"), ("Q", "~"), ("D", "$x")];
        assert_eq!(values, texts(expected));
    }

    #[test]
    fn a_name_without_value_is_the_runners_or_left_out() {
        for keys in ["environment: {HOST_SET: , NONE: }", "environment: [HOST_SET, NONE]"] {
            assert_eq!(read(keys).0, texts([("HOST_SET", "from the host")]), "{keys}");
        }
    }

    #[test]
    fn optional_files_may_be_missing_and_raw_ones_are_literal() {
        assert_eq!(read("env_file: [{path: none.env, required: false}]").0, texts([]));
        assert_eq!(read("env_file: [{path: raw.env, format: raw}]").0, texts([("R", "'$x'")]));
    }

    #[test]
    fn mistakes_in_files_are_shown_in_the_files() {
        let text = one_service("env_file: [bad.env, none.env, {path: bad.env, format: odd}]");
        let found = errors_of(&[("/shop/compose.yaml", &text), ("/shop/bad.env", "A=1\nB=${NONE?} x\n")]);
        assert_eq!(
            found.iter().map(|e| e.split(" · ").next().unwrap()).collect::<Vec<_>>(),
            [
                "shop/bad.env:2:3 the variable `NONE` is required",
                "shop/compose.yaml:3:25 `shop/none.env` does not exist",
                "shop/compose.yaml:3:59 unknown format `odd`; known is raw",
            ]
        );
    }
}
