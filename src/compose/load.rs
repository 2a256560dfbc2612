//! Compose files to a project: read, replace variables, include, extend, merge, check.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::canonical::canonical;
use super::model::Project;
use super::project;
use super::scope::{Scope, Scopes, Variables};
use super::tree::{self, Unset};
use super::{dotenv, extends, include, interpolate, keys, merge};
use crate::diagnostic::{Diagnostic, Source};
use crate::files::{FileProblem, Files, TEXT_LIMIT, clean};
use crate::yaml::{Limits, Node, Spot, Value, parse};

/// What is to be loaded.
#[derive(Debug, Clone)]
pub struct Request {
    /// Compose files, later ones over earlier ones, each with the place that names it.
    pub files: Vec<(PathBuf, Spot)>,
    /// Profiles to activate; `*` activates all.
    pub profiles: Vec<String>,
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
    let mut loader = Loader::new(files, project_folder(request));
    let tree = loader.project(request);
    let Loader { scopes, unset, mut mistakes, .. } = loader;
    let Some(mut tree) = tree else { return Err(in_order(mistakes)) };
    tree::drop_reset(&mut tree);
    mistakes.extend(unset.left_in(&tree));
    let (ignored, wrong) = keys::check(&tree);
    mistakes.extend(wrong);
    let (project, wrong) = project::read(files, &scopes, &tree, &request.profiles);
    mistakes.extend(wrong);
    if mistakes.is_empty() { Ok(Project { ignored, ..project }) } else { Err(in_order(mistakes)) }
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
}

impl<'a> Loader<'a> {
    fn new(files: &'a dyn Files, folder: PathBuf) -> Self {
        let outer = Scope { base: folder, variables: Arc::default() };
        Self {
            files,
            scopes: Scopes::new(outer),
            mistakes: Vec::new(),
            open: Vec::new(),
            unset: Unset::default(),
        }
    }

    fn project(&mut self, request: &Request) -> Option<Node> {
        let folder = project_folder(request);
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
        dotenv::parse(source, &|name| outer.get(name).cloned()).unwrap_or_else(|mistakes| {
            self.mistakes.extend(mistakes);
            Variables::new()
        })
    }

    /// Reads and parses a file that is named at a spot.
    pub(super) fn parsed(&mut self, path: &Path, spot: &Spot) -> Option<Parsed> {
        let opened = self
            .files
            .locate(path)
            .and_then(|located| self.files.read(path, TEXT_LIMIT).map(|source| (located.path, source)));
        let (path, source) = opened.map_err(|problem| self.mistakes.push(problem.at(spot))).ok()?;
        let root = parse(&source, Limits::default()).map_err(|wrong| self.mistakes.extend(wrong)).ok()?;
        if !matches!(root.value, Value::Mapping(_)) {
            let mistake = root.spot.mistake("a Compose file is a mapping");
            self.mistakes.push(mistake.help("begin with `services:`"));
            return None;
        }
        Some(Parsed { path, root })
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
    let name = written.and_then(|name| interpolate::interpolate(name, &lookup).ok());
    let folder = || folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = name.unwrap_or_else(folder).to_lowercase();
    let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    name.chars().filter(allowed).collect::<String>().trim_start_matches(['_', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::model::{Attachment, Condition, MountSource};
    use super::super::testing::{errors, errors_of, load_files, project, project_with, texts};

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
                "services:\n  api:\n    image: ${TAG}\n    privileged: true\n    imge: x\n    ports: [x]\n    depends_on: [dbb]\n  db: {}\n"
            ),
            [
                "shop/compose.yaml:3:12 the variable `TAG` is not set · set it in the environment, in `.env` or with --set TAG=…, or give a default: `${TAG:-…}` (Compose would put nothing here and go on)",
                "shop/compose.yaml:4:5 `services.api.privileged` is refused: it reaches out of the staging system into the engine's host · add the capabilities it needs with `cap_add`",
                "shop/compose.yaml:5:5 unknown key `imge` in `services.api` · did you mean `image`? · begin the name of an extension with `x-`",
                "shop/compose.yaml:6:13 `x` is not a port; write for example 8080, 8080:80 or 127.0.0.1:53:53/udp",
                "shop/compose.yaml:7:18 there is no service `dbb` · did you mean `db`?",
                "shop/compose.yaml:8:3 the service `db` has neither `image` nor `build`",
            ]
        );
    }
}
