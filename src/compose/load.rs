//! Compose files to a project: read, replace variables, include, extend, merge, check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::canonical::canonical;
use super::model::{Project, Remark};
use super::project;
use super::read::Reader;
use super::scope::{Scope, Scopes, Variables};
use super::tree::{self, Unset};
use super::{dotenv, extends, include, interpolate, keys, merge};
use crate::diagnostic::{Diagnostic, Source};
use crate::files::{FileProblem, Files, TEXT_LIMIT, clean};
use crate::yaml::{Limits, Node, Spot, Value, parse};

/// Files that one project may be made of, each as often as it is included.
const MOST_FILES: usize = 500;

/// Files that may include each other in a row.
const DEEPEST: usize = 32;

/// What is to be loaded.
#[derive(Debug, Clone)]
pub struct Request {
    /// Compose files, later ones over earlier ones, each with the place that names it.
    pub files: Vec<(PathBuf, Spot)>,
    /// Profiles to activate, each with the place that names it; `*` activates all.
    pub profiles: Vec<(String, Spot)>,
    /// The runner's environment, and what was set on the command line.
    pub environment: BTreeMap<String, String>,
    /// Absolute folder in which the names of the files start.
    pub base: PathBuf,
}

/// Loads a project.
///
/// # Errors
/// Every mistake of every file, with its place.
pub fn load(files: &dyn Files, request: &Request) -> Result<Project, Vec<Diagnostic>> {
    let mut loader = Loader::new(files, request);
    let tree = loader.project(request);
    let complete = loader.complete && !loader.baseless;
    let Loader { scopes, unset, dotenv, mut remarks, mut mistakes, .. } = loader;
    let Some(mut tree) = tree else { return Err(in_order(mistakes)) };
    tree::drop_reset(&mut tree);
    mistakes.extend(unset.left_in(&tree));
    let (ignored, wrong) = keys::check(&tree);
    mistakes.extend(wrong);
    remarks.extend(unset.blank_in(&tree));
    let mut reader = Reader::new(files, &scopes, &tree, complete);
    let project = project::read(&mut reader, &request.profiles);
    let (wrong, more) = reader.into_findings();
    mistakes.extend(wrong);
    remarks.extend(more);
    explain(&mut mistakes, &remarks);
    let remarks = in_order(remarks).iter().map(Remark::of).collect();
    let project = Project { ignored, dotenv, remarks, ..project };
    if mistakes.is_empty() { Ok(project) } else { Err(in_order(mistakes)) }
}

/// A mistake in a line of which something was said is likely to come from that.
fn explain(mistakes: &mut [Diagnostic], remarks: &[Diagnostic]) {
    let line = |diagnostic: &Diagnostic| (diagnostic.place().file, diagnostic.place().line);
    for mistake in mistakes {
        let at = line(mistake);
        let causes = remarks.iter().filter(|remark| line(remark) == at);
        mistake.help.extend(causes.map(|cause| cause.message.clone()));
    }
}

/// The folder of the first file: relative paths start there, and its `.env` is read.
fn project_folder(request: &Request) -> PathBuf {
    let first = request.files.first().map(|(path, _)| request.base.join(path));
    clean(first.as_deref().and_then(Path::parent).unwrap_or(&request.base))
}

/// By file and place, each once: a service that is extended or included twice is wrong once.
fn in_order(mut mistakes: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let start = |d: &Diagnostic| d.span.as_ref().map_or(0, |span| span.start);
    mistakes
        .sort_by(|a, b| (&a.source.name, start(a), &a.message).cmp(&(&b.source.name, start(b), &b.message)));
    mistakes.dedup();
    mistakes
}

/// A file that was read and parsed, and nothing else.
pub(super) struct Parsed {
    /// Its real path.
    pub(super) path: PathBuf,
    /// Its tree as written.
    pub(super) root: Node,
}

/// Loads trees and notes what is wrong with them.
pub(super) struct Loader<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) scopes: Scopes,
    pub(super) mistakes: Vec<Diagnostic>,
    /// Files that are being loaded, each included by the one before.
    pub(super) open: Vec<PathBuf>,
    unset: Unset,
    /// What is said and is no mistake.
    pub(super) remarks: Vec<Diagnostic>,
    /// What the `.env` files of the project and of what it includes set.
    dotenv: BTreeSet<(String, String)>,
    /// Whether every file that was named could be read.
    pub(super) complete: bool,
    /// Whether a service lacks what it extends.
    pub(super) baseless: bool,
    /// How many files were read.
    read: usize,
}

impl<'a> Loader<'a> {
    fn new(files: &'a dyn Files, request: &Request) -> Self {
        let variables = Arc::new(request.environment.clone());
        Self {
            files,
            scopes: Scopes::new(Scope { base: project_folder(request), variables }),
            mistakes: Vec::new(),
            open: Vec::new(),
            unset: Unset::default(),
            remarks: Vec::new(),
            dotenv: BTreeSet::new(),
            complete: true,
            baseless: false,
            read: 0,
        }
    }

    fn project(&mut self, request: &Request) -> Option<Node> {
        let folder = project_folder(request);
        if request.files.is_empty() {
            self.mistakes.push(Diagnostic::whole(&Source::new("compose", ""), "no Compose file is named"));
        }
        let mut variables = self.dotenv(&folder, &request.environment);
        variables.extend(request.environment.clone());
        let parsed: Vec<Parsed> = request
            .files
            .iter()
            .filter_map(|(path, spot)| self.parsed(&request.base.join(path), spot))
            .collect();
        let name = project_name(&parsed, &folder, &variables);
        variables.entry("COMPOSE_PROJECT_NAME".to_owned()).or_insert(name);
        self.merged(parsed, &Scope { base: folder, variables: Arc::new(variables) })
    }

    /// The variables of the `.env` file in a folder, if there is one.
    pub(super) fn dotenv(&mut self, folder: &Path, outer: &Variables) -> Variables {
        match self.files.read(&folder.join(".env"), TEXT_LIMIT) {
            Ok(source) => self.variables(&source, outer),
            Err(FileProblem::Missing(_)) => Variables::new(),
            Err(problem) => {
                self.mistakes.push(problem.alone(&folder.join(".env")));
                Variables::new()
            }
        }
    }

    /// The variables of an environment file.
    pub(super) fn variables(&mut self, source: &Arc<Source>, outer: &Variables) -> Variables {
        let read = dotenv::parse(source, &|name| outer.get(name).cloned(), &mut self.remarks);
        let read = read.unwrap_or_else(|mistakes| {
            self.mistakes.extend(mistakes);
            Variables::new()
        });
        self.dotenv.extend(read.clone());
        read
    }

    /// Reads and parses a file that is named at a spot.
    pub(super) fn parsed(&mut self, path: &Path, spot: &Spot) -> Option<Parsed> {
        let parsed = self.opened(path, spot).and_then(|(path, source)| {
            let root = parse(&source, Limits::default())?;
            if matches!(root.value, Value::Mapping(_)) {
                return Ok(Parsed { path, root });
            }
            let mistake = root.spot.mistake("a Compose file is a mapping");
            Err(vec![mistake.help("begin with `services:`")])
        });
        self.complete &= parsed.is_ok();
        parsed.map_err(|mistakes| self.mistakes.extend(mistakes)).ok()
    }

    fn opened(&mut self, path: &Path, spot: &Spot) -> Result<(PathBuf, Arc<Source>), Vec<Diagnostic>> {
        self.read += 1;
        if self.read > MOST_FILES || self.open.len() > DEEPEST {
            let message = format!("more than {MOST_FILES} files, or {DEEPEST} inside each other");
            return Err(vec![spot.mistake(message).help("include each file once")]);
        }
        let located = self.files.locate(path).map_err(|problem| vec![problem.at(spot)])?;
        let source = self.files.read(path, TEXT_LIMIT).map_err(|problem| vec![problem.at(spot)])?;
        Ok((located.path, source))
    }

    /// One tree of several files, later ones over earlier ones.
    pub(super) fn merged(&mut self, parsed: Vec<Parsed>, scope: &Scope) -> Option<Node> {
        let mut merged: Option<Node> = None;
        for Parsed { path, root } in parsed {
            let tree = self.prepared(root, scope);
            self.open.push(path.clone());
            let tree = include::include(self, tree);
            self.open.pop();
            let tree = extends::extend(self, tree, &path, scope);
            merged = Some(match merged {
                Some(base) => merge::merge(base, tree, &mut self.mistakes),
                None => tree,
            });
        }
        merged
    }

    /// Notes variables without values in a part that does not stay in the tree.
    pub(super) fn note_unset(&mut self, part: &Node) {
        self.mistakes.extend(self.unset.left_in(part));
    }

    /// A file's tree with its variables replaced and in long form.
    pub(super) fn prepared(&mut self, mut root: Node, scope: &Scope) -> Node {
        self.scopes.add(&root.spot.source, scope.clone());
        tree::check_tags(&root, &mut self.mistakes);
        tree::replace_variables(&mut root, scope, &mut self.unset);
        canonical(root, &mut self.mistakes)
    }
}

/// What Compose would call the project: the last `name`, else the folder's.
fn project_name(parsed: &[Parsed], folder: &Path, variables: &Variables) -> String {
    let written = parsed.iter().rev().find_map(|file| file.root.get("name")?.text());
    let lookup = |name: &str| variables.get(name).cloned();
    let name =
        written.and_then(|name| interpolate::interpolate(name, &lookup).ok()).map(|replaced| replaced.text);
    let folder = || folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = name.unwrap_or_else(folder).to_lowercase();
    let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    name.chars().filter(allowed).collect::<String>().trim_start_matches(['_', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::model::{Attachment, Condition, MountSource};
    use super::super::testing::{errors, errors_of, project, project_with, scenario, texts};
    use super::*;
    use crate::files::MemoryFiles;
    use proptest::prelude::*;

    #[test]
    fn a_small_project_is_read_as_compose_reads_it() {
        let project = project_with(
            "
name: shop
services:
  db:
    image: postgres:15
    environment: {POSTGRES_PASSWORD: \"${PW}\"}
    volumes: [data:/var/lib/postgresql/data, \"./init:/docker-entrypoint-initdb.d:ro\"]
    healthcheck: {test: pg_isready, interval: 1s, retries: 30}
    networks: {back: {aliases: [database]}}
  api:
    build: ./api
    command: serve --port 8080
    environment: [DATABASE=db, HOST_SET, NOT_SET]
    ports: [\"8080:8080\"]
    depends_on: {db: {condition: service_healthy}}
    networks: [back]
volumes: {data: }
networks: {back: {internal: true}}
",
            &[("/shop/.env", "PW='p w'"), ("/shop/init/1.sql", ""), ("/shop/api/Dockerfile", "")],
        );
        let (db, api) = (&project.services["db"], &project.services["api"]);
        assert_eq!(db.environment, texts([("POSTGRES_PASSWORD", "p w")]));
        assert_eq!(db.mounts[0].source, MountSource::Volume("data".into()));
        assert_eq!(db.mounts[1].source, MountSource::Bind("/shop/init".into()));
        assert!(db.mounts[1].read_only && !db.mounts[0].read_only);
        assert_eq!(db.networks["back"], Attachment { aliases: vec!["database".into()] });
        assert_eq!(api.command.as_deref().unwrap(), ["serve", "--port", "8080"]);
        assert_eq!(api.environment, texts([("DATABASE", "db"), ("HOST_SET", "from the host")]));
        assert_eq!(api.depends_on["db"].condition, Condition::ServiceHealthy);
        assert_eq!(api.at.as_ref().unwrap().to_string(), "shop/compose.yaml:10:3");
        assert!(project.networks["back"].internal);
        assert!(!project.networks.contains_key("default"), "nobody uses it");
        assert_eq!(project.ignored[0].key, "name");
    }

    #[test]
    fn the_order_of_mappings_does_not_matter() {
        let one =
            project("services: {a: {image: i, environment: {A: 1, B: 2}}, b: {image: j}}\nvolumes: {v: }\n");
        let other =
            project("volumes: {v: }\nservices: {b: {image: j}, a: {environment: {B: 2, A: 1}, image: i}}\n");
        let without_places = |mut project: super::Project| {
            project.services.values_mut().for_each(|service| service.at = None);
            project
        };
        assert_eq!(without_places(one), without_places(other));
    }

    #[test]
    fn all_mistakes_are_found_at_once() {
        assert_eq!(
            errors(
                "services:\n  api:\n    image: ${TAG?}\n    privileged: true\n    imge: x\n    ports: [x]\n    depends_on: [dbb]\n  db: {}\n"
            ),
            [
                "shop/compose.yaml:3:12 the variable `TAG` is required · set it in the environment, in `.env` or with --set TAG=…",
                "shop/compose.yaml:4:5 `services.api.privileged` is refused: it reaches out of the staging system into the engine's host · add the capabilities it needs with `cap_add`",
                "shop/compose.yaml:5:5 unknown key `imge` in `services.api` · did you mean `image`? · begin the name of an extension with `x-`",
                "shop/compose.yaml:6:13 `x` is not a port; write for example 8080, 8080:80 or 127.0.0.1:53:53/udp",
                "shop/compose.yaml:7:18 there is no service `dbb` · did you mean `db`?",
                "shop/compose.yaml:8:3 the service `db` has neither `image` nor `build`",
            ]
        );
    }

    #[test]
    fn a_mistake_that_an_unset_variable_makes_says_so() {
        let found = errors("services: {s: {image: i, ports: ['$P']}}");
        let cause = "the variable `P` is not set: nothing stands in its place, as in Compose";
        assert!(found.len() == 1 && found[0].ends_with(cause), "{found:?}");
        let found = errors("services: {s: {image: $I}}");
        assert!(found.len() == 1 && found[0].contains("has neither `image` nor `build`"), "{found:?}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_where_the_scenario_names_it() {
        let found = errors_of(&[("/shop/compose.yaml", "[1]"), ("/shop/compose.b.yaml", "a: [")]);
        assert_eq!(found[0].split(':').next(), Some("shop/compose.b.yaml"));
        assert_eq!(found[1], "shop/compose.yaml:1:1 a Compose file is a mapping · begin with `services:`");
        let missing = Request {
            files: vec![("none.yaml".into(), scenario())],
            profiles: Vec::new(),
            environment: BTreeMap::new(),
            base: "/shop".into(),
        };
        let found = load(&MemoryFiles::default(), &missing).unwrap_err();
        assert_eq!(
            (found[0].place().to_string(), &*found[0].message),
            ("scenario.yaml:1:10".into(), "`shop/none.yaml` does not exist")
        );
        let nothing = load(&MemoryFiles::default(), &Request { files: Vec::new(), ..missing });
        assert_eq!(nothing.unwrap_err()[0].message, "no Compose file is named");
    }

    #[test]
    fn what_an_unreadable_file_may_hold_is_not_missed() {
        let text = "include: [none.yaml]\nservices: {s: {depends_on: [db], extends: x}}";
        assert_eq!(errors(text), ["shop/compose.yaml:1:11 `shop/none.yaml` does not exist"]);
    }

    #[test]
    fn large_files_alias_bombs_and_files_without_services_are_refused() {
        let large = format!("# {}", "x".repeat(1 << 20));
        assert_eq!(
            errors(&large),
            [
                "scenario.yaml:1:10 `shop/compose.yaml` holds 1048578 bytes; at most 1048576 are read · keep data in files of their own"
            ]
        );
        let mut bomb = String::from("x-0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for n in 1..9 {
            bomb.push_str(&format!("x-{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(",")));
        }
        assert!(errors(&bomb)[0].contains("unfolds to more than"), "{:?}", errors(&bomb));
        assert_eq!(
            errors("services: "),
            ["shop/compose.yaml:1:1 there is no service to run · name at least one below `services:`"]
        );
    }

    #[test]
    fn files_that_include_each_other_many_times_end() {
        let texts: Vec<(String, String)> = (0..30)
            .map(|n| (format!("/shop/f{n}.yaml"), format!("include: [f{}.yaml, ./f{}.yaml]", n + 1, n + 1)))
            .chain([("/shop/f30.yaml".into(), "services: {s: {image: i}}".into())])
            .collect();
        let mut files = vec![("/shop/compose.yaml", "include: [f0.yaml]")];
        files.extend(texts.iter().map(|(path, text)| (path.as_str(), text.as_str())));
        let found = errors_of(&files);
        assert!(found[0].contains("more than 500 files, or 32 inside each other"), "{found:?}");
    }

    /// YAML flow values out of the characters and words that the parsers care about.
    fn value() -> impl Strategy<Value = String> {
        let scalar = "[-a-z0-9:/.~=$%|é{}\\[\\]]{0,8}";
        let scalar = scalar.prop_map(|text| format!("\"{}\"", text.replace('\\', "")));
        let plain = prop::sample::select(vec![
            "", "3", "-1", "a", "true", "./a:/b", "80-90:80", "!reset a", "data:/d",
        ]);
        let leaf = prop_oneof![scalar, plain.prop_map(str::to_owned)];
        leaf.prop_recursive(3, 12, 3, |inner| {
            let key = prop::sample::select(known_names());
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3)
                    .prop_map(|items| format!("[{}]", items.join(", "))),
                prop::collection::btree_map(key, inner, 0..3).prop_map(mapping),
            ]
        })
    }

    fn mapping(entries: BTreeMap<&'static str, String>) -> String {
        let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        format!("{{{}}}", entries.join(", "))
    }

    /// The last names of all known keys.
    fn known_names() -> Vec<&'static str> {
        let keys = keys::documented_keys().iter();
        keys.filter_map(|key| key.path.rsplit('.').find(|name| !matches!(*name, "*" | "[]"))).collect()
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(
            service in prop::collection::btree_map(prop::sample::select(known_names()), value(), 0..4),
            over in prop::collection::btree_map(prop::sample::select(known_names()), value(), 0..4),
            rest in prop::collection::btree_map(prop::sample::select(vec!["networks", "volumes", "secrets", "include"]), value(), 0..2),
        ) {
            let one = format!("services: {{a: {}}}\n", mapping(service.clone()));
            let rest: String = rest.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
            let two = format!("services: {{a: {}, b: {}}}\n{rest}", mapping(over), mapping(service));
            for error in errors_of(&[("/shop/compose.yaml", &one), ("/shop/compose.two.yaml", &two)]) {
                prop_assert!(!error.is_empty());
            }
        }
    }
}
