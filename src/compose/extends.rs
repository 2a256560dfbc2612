//! `extends`: a service over another one of the same file or of another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::load::Loader;
use super::merge::merge_service;
use super::scope::Scope;
use super::tree::is_unset;
use crate::yaml::{Entry, Node, Value};

/// More services than this do not extend each other in a row.
const LONGEST: usize = 64;

/// The tree with every `extends` of its services carried out.
pub(super) fn extend(loader: &mut Loader<'_>, mut tree: Node, path: &Path, scope: &Scope) -> Node {
    let here = File { path: path.to_path_buf(), tree: Rc::new(tree.clone()) };
    let mut extends = Extends { loader, scope, others: BTreeMap::new(), trail: Vec::new() };
    let Value::Mapping(sections) = &mut tree.value else { return tree };
    for section in sections.iter_mut().filter(|section| section.key == "services") {
        let Value::Mapping(services) = &mut section.value.value else { continue };
        for service in services {
            service.value = extends.extended(&here, service);
        }
    }
    tree
}

#[derive(Clone)]
struct File {
    path: PathBuf,
    tree: Rc<Node>,
}

struct Extends<'l, 'a> {
    loader: &'l mut Loader<'a>,
    scope: &'l Scope,
    /// Other files by their path as written, so that each is read once.
    others: BTreeMap<PathBuf, Option<File>>,
    /// The services that are being extended, each by the one before.
    trail: Vec<(PathBuf, String)>,
}

impl Extends<'_, '_> {
    fn extended(&mut self, here: &File, service: &Entry) -> Node {
        let Some(extends) = service.value.get("extends").filter(|extends| !extends.is_null()) else {
            return service.value.clone();
        };
        let own = without_extends(service.value.clone());
        self.loader.note_unset(extends);
        let step = (here.path.clone(), service.key.clone());
        if self.trail.contains(&step) || self.trail.len() >= LONGEST {
            let names: Vec<&str> = self.trail.iter().map(|(_, name)| name.as_str()).collect();
            let message = format!("services extend each other: {} → {}", names.join(" → "), service.key);
            self.loader.mistakes.push(extends.spot.mistake(message));
            return own;
        }
        self.trail.push(step);
        let base = self.base(here, extends);
        self.trail.pop();
        match base {
            Some(base) => merge_service(base, own, &mut self.loader.mistakes),
            None => own,
        }
    }

    /// The service that an `extends` names, itself extended.
    fn base(&mut self, here: &File, extends: &Node) -> Option<Node> {
        let file = match extends.get("file").filter(|file| !file.is_null()) {
            Some(named) => self.other(named)?,
            None => here.clone(),
        };
        let Some(named) = extends.get("service") else {
            self.loader.mistakes.push(extends.spot.mistake("`service` is missing").label("needs `service`"));
            return None;
        };
        let name = named.text().filter(|_| !is_unset(named))?;
        let services = file.tree.get("services").map(Node::entries).unwrap_or_default();
        match services.iter().find(|service| service.key == name) {
            Some(service) => Some(self.extended(&file, service)),
            None => {
                self.missing(named, name, &file);
                None
            }
        }
    }

    fn missing(&mut self, named: &Node, name: &str, file: &File) {
        self.loader.baseless = true;
        // It may stand in an included file that could not be read.
        if self.loader.complete {
            let known = file.tree.get("services").map(Node::entries).unwrap_or_default();
            let message = format!("there is no service `{name}` in {}", file.tree.spot.source.name);
            let mistake = named.spot.mistake(message);
            let known = known.iter().map(|service| service.key.as_str());
            self.loader.mistakes.push(mistake.suggest(name, known));
        }
    }

    fn other(&mut self, named: &Node) -> Option<File> {
        let written = named.text().filter(|_| !is_unset(named))?;
        let path = self.loader.scopes.path(&named.spot, written);
        if let Some(known) = self.others.get(&path) {
            return known.clone();
        }
        let file = self.loader.parsed(&path, &named.spot).map(|parsed| {
            let folder = path.parent().unwrap_or(&path).to_path_buf();
            let tree = self.loader.prepared(parsed.root, &self.scope.rebased(folder));
            File { path: parsed.path, tree: Rc::new(tree) }
        });
        self.others.insert(path, file.clone());
        file
    }
}

fn without_extends(mut service: Node) -> Node {
    if let Value::Mapping(entries) = &mut service.value {
        entries.retain(|entry| entry.key != "extends");
    }
    service
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{errors, errors_of, project, project_with, texts};

    #[test]
    fn a_service_extends_another_and_the_others_before_it() {
        let project = project(
            "
services:
  base: {image: i, environment: {A: 1, B: 1}, ports: ['80'], command: a}
  middle: {extends: base, environment: {B: 2}, ports: ['81']}
  last: {extends: {service: middle}, image: j, command: , privileged: !reset true}
",
        );
        let last = &project.services["last"];
        assert_eq!(last.image.as_deref(), Some("j"));
        assert_eq!(last.environment, texts([("A", "1"), ("B", "2")]));
        assert_eq!(last.ports.len(), 2);
        assert_eq!(last.command, None);
        assert_eq!(project.services["base"].ports.len(), 1);
    }

    #[test]
    fn a_service_of_another_file_keeps_its_folder() {
        let project = project_with(
            "services: {s: {extends: {file: common/base.yaml, service: api}, volumes: ['./own:/own']}}",
            &[
                (
                    "/shop/common/base.yaml",
                    "services: {api: {extends: {file: ../root.yaml, service: r}, build: ., env_file: e.env}, other: {image: '${UNSET}'}}",
                ),
                ("/shop/root.yaml", "services: {r: {volumes: ['./conf:/conf'], user: u}}"),
                ("/shop/common/Dockerfile", ""),
                ("/shop/common/e.env", "E=1"),
                ("/shop/conf/x", ""),
                ("/shop/own/x", ""),
            ],
        );
        let s = &project.services["s"];
        assert_eq!(s.build.as_ref().unwrap().context.to_str(), Some("/shop/common"));
        assert_eq!(s.environment, texts([("E", "1")]));
        assert_eq!(s.user.as_deref(), Some("u"));
        let mounts = serde_json::to_value(&s.mounts).unwrap();
        assert_eq!(mounts[0]["source"], json!({"bind": "/shop/conf"}));
        assert_eq!(mounts[1]["source"], json!({"bind": "/shop/own"}));
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        assert_eq!(
            errors("services: {s: {extends: bsae}, base: {image: i}}"),
            ["shop/compose.yaml:1:25 there is no service `bsae` in shop/compose.yaml · did you mean `base`?"]
        );
        let text = "services: {s: {image: i, extends: {file: b.yaml, service: zz}}, t: {image: i, extends: {file: c.yaml, service: x}}, u: {image: i, extends: {file: b.yaml}}}";
        assert_eq!(
            errors_of(&[("/shop/compose.yaml", text), ("/shop/b.yaml", "services: {y: {image: i}}")]),
            [
                "shop/compose.yaml:1:59 there is no service `zz` in shop/b.yaml · known here: y",
                "shop/compose.yaml:1:95 `shop/c.yaml` does not exist",
                "shop/compose.yaml:1:140 `service` is missing",
            ]
        );
    }

    #[test]
    fn a_dependency_of_another_file_must_exist_here() {
        let text = "services: {s: {extends: {file: b.yaml, service: x}}}";
        assert_eq!(
            errors_of(&[
                ("/shop/compose.yaml", text),
                ("/shop/b.yaml", "services: {x: {image: i, depends_on: [gone]}}")
            ]),
            ["shop/b.yaml:1:39 there is no service `gone` · known here: s"]
        );
    }

    #[test]
    fn circles_are_found_within_and_across_files() {
        let found = errors("services: {a: {image: i, extends: b}, b: {image: i, extends: a}}");
        assert_eq!(
            found,
            [
                "shop/compose.yaml:1:35 services extend each other: a → b → a",
                "shop/compose.yaml:1:62 services extend each other: b → a → b",
            ]
        );
        let found = errors_of(&[
            ("/shop/compose.yaml", "services: {a: {image: i, extends: {file: b.yaml, service: b}}}"),
            ("/shop/b.yaml", "services: {b: {image: i, extends: {file: compose.yaml, service: a}}}"),
        ]);
        assert_eq!(found, ["shop/compose.yaml:1:35 services extend each other: a → b → a"]);
    }

    #[test]
    fn an_unset_variable_is_named() {
        for (extends, place) in [("'${U?}'", "1:36"), ("{file: '${U?}', service: x}", "1:43")] {
            let found = errors(&format!("services: {{s: {{image: i, extends: {extends}}}}}"));
            let start = format!("shop/compose.yaml:{place} the variable `U`");
            assert!(found.len() == 1 && found[0].starts_with(&start), "{found:?}");
        }
    }
}
