//! `include`: other Compose files with their own folder and variables, below the file that names them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::load::{Loader, Parsed};
use super::merge;
use super::read::Reader;
use super::scope::{Scope, Variables};
use crate::files::{FileProblem, TEXT_LIMIT};
use crate::yaml::{Node, Spot, Value};

/// What an included file may bring.
const SECTIONS: [&str; 5] = ["services", "networks", "volumes", "secrets", "configs"];

/// The tree with everything that it includes; what it says itself wins.
pub(super) fn include(loader: &mut Loader<'_>, mut tree: Node) -> Node {
    let Some(list) = taken(&mut tree, "include") else { return tree };
    // The list is gone when the rest of the tree is looked through.
    loader.note_unset(&list);
    let wanted = wanted(loader, &tree, &list);
    for wanted in wanted {
        if let Some(included) = load(loader, &wanted) {
            tree = merge::merge(sections(included), tree, &mut loader.mistakes);
        }
    }
    tree
}

/// One item of `include`.
struct Wanted {
    paths: Vec<(PathBuf, Spot)>,
    folder: Option<PathBuf>,
    env_files: Vec<(PathBuf, Spot)>,
    outer: Scope,
}

fn taken(tree: &mut Node, key: &str) -> Option<Node> {
    let Value::Mapping(entries) = &mut tree.value else { return None };
    let position = entries.iter().position(|entry| entry.key == key)?;
    Some(entries.remove(position).value).filter(|value| !value.is_null())
}

fn wanted(loader: &mut Loader<'_>, tree: &Node, list: &Node) -> Vec<Wanted> {
    let mut reader = Reader::new(loader.files, &loader.scopes, tree, true);
    let mut wanted = Vec::new();
    for item in reader.items(list) {
        super::keys::check_include(item).into_iter().for_each(|mistake| reader.push(mistake));
        let outer = reader.scopes.of(&item.spot).clone();
        let folder = reader.at(item, "project_directory", Reader::text).map(|path| outer.base.join(path));
        let env_files = reader.at(item, "env_file", |reader, node| Some(paths(reader, node)));
        if let Some(paths) = reader.need(item, "path", |reader, node| Some(paths(reader, node))) {
            wanted.push(Wanted { paths, folder, env_files: env_files.unwrap_or_default(), outer });
        }
    }
    let (mistakes, remarks) = reader.into_findings();
    loader.remarks.extend(remarks);
    loader.mistakes.extend(mistakes);
    wanted
}

fn paths(reader: &mut Reader<'_>, list: &Node) -> Vec<(PathBuf, Spot)> {
    let mut paths = Vec::new();
    for item in reader.items(list) {
        if let Some(text) = reader.text(item) {
            paths.push((reader.scopes.path(&item.spot, &text), item.spot.clone()));
        }
    }
    paths
}

fn load(loader: &mut Loader<'_>, wanted: &Wanted) -> Option<Node> {
    let (first, spot) = wanted.paths.first()?;
    let folder = wanted.folder.clone().or(first.parent().map(Path::to_path_buf))?;
    let parsed: Vec<Parsed> =
        wanted.paths.iter().filter_map(|(path, spot)| loader.parsed(path, spot)).collect();
    if let Some(again) = parsed.iter().find(|file| loader.open.contains(&file.path)) {
        let name = again.root.spot.source.name.clone();
        let mistake = spot.mistake(format!("`{name}` includes itself"));
        loader.mistakes.push(mistake.label("closes the circle"));
        return None;
    }
    let own = variables(loader, wanted, &folder);
    let mut variables = own;
    variables.extend((*wanted.outer.variables).clone());
    loader.merged(parsed, &Scope { base: folder, variables: Arc::new(variables) })
}

/// Variables of the include's own environment files; those of the project win over them.
fn variables(loader: &mut Loader<'_>, wanted: &Wanted, folder: &Path) -> Variables {
    let outer = &wanted.outer.variables;
    if wanted.env_files.is_empty() {
        return loader.dotenv(folder, outer);
    }
    let mut variables = Variables::new();
    for (path, spot) in &wanted.env_files {
        match loader.files.read(path, TEXT_LIMIT) {
            Ok(source) => variables.extend(loader.variables(&source, outer)),
            Err(FileProblem::Outside { .. }) if path == Path::new("/dev/null") => {}
            Err(problem) => loader.mistakes.push(problem.at(spot)),
        }
    }
    variables
}

fn sections(mut tree: Node) -> Node {
    if let Value::Mapping(entries) = &mut tree.value {
        entries.retain(|entry| SECTIONS.contains(&entry.key.as_str()));
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::super::testing::{errors_of, project_with, texts};

    #[test]
    fn an_included_file_has_its_own_folder_and_variables() {
        let project = project_with(
            "
include:
  - db/compose.yaml
  - path: [api/one.yaml, api/two.yaml]
    project_directory: .
    env_file: api/own.env
services: {web: {image: web, depends_on: [db, api]}}
",
            &[
                ("/shop/.env", "V=project"),
                (
                    "/shop/db/compose.yaml",
                    "name: inner\nservices: {db: {image: \"db:${V}-${W}\", env_file: e.env}}\nvolumes: {d: }",
                ),
                ("/shop/db/.env", "V=ignored\nW=inner"),
                ("/shop/db/e.env", "E=1"),
                ("/shop/api/one.yaml", "services: {api: {image: \"api:${X}\", env_file: root.env}}"),
                ("/shop/api/two.yaml", "services: {api: {environment: {T: 2}}}"),
                ("/shop/api/own.env", "X=own"),
                ("/shop/root.env", "R=1"),
            ][..],
        );
        assert_eq!(project.services["db"].image.as_deref(), Some("db:project-inner"));
        assert_eq!(project.services["db"].environment, texts([("E", "1")]));
        assert_eq!(project.services["api"].image.as_deref(), Some("api:own"));
        assert_eq!(project.services["api"].environment, texts([("R", "1"), ("T", "2")]));
        assert!(project.volumes.contains_key("d") && project.services.contains_key("web"));
        assert!(project.ignored.is_empty(), "the name of an included file is not the project's");
    }

    #[test]
    fn a_file_that_is_read_twice_has_the_folder_of_each_reading() {
        let project = project_with(
            "include: [{path: sub/x.yaml, project_directory: .}]\nservices: {b: {extends: {file: sub/x.yaml, service: a}}}",
            &[
                ("/shop/sub/x.yaml", "services: {a: {image: i, env_file: e.env}}"),
                ("/shop/e.env", "E=outer"),
                ("/shop/sub/e.env", "E=inner"),
            ],
        );
        assert_eq!(project.services["a"].environment, texts([("E", "outer")]));
        assert_eq!(project.services["b"].environment, texts([("E", "inner")]));
    }

    #[test]
    fn the_file_that_includes_wins() {
        let project = project_with(
            "include: [a.yaml, b.yaml]\nservices: {s: {command: mine}}",
            &[
                ("/shop/a.yaml", "services: {s: {image: a, command: a, user: a}}"),
                ("/shop/b.yaml", "services: {s: {image: b, tty: true}}"),
            ],
        );
        let s = &project.services["s"];
        assert_eq!((s.image.as_deref(), s.user.as_deref(), s.tty), (Some("a"), Some("a"), true));
        assert_eq!(s.command.as_deref().unwrap(), ["mine"]);
    }

    #[test]
    fn a_file_that_is_included_twice_counts_once() {
        let project = project_with(
            "include: [a.yaml, b.yaml]",
            &[
                ("/shop/a.yaml", "include: [common.yaml]"),
                ("/shop/b.yaml", "include: [common.yaml]"),
                (
                    "/shop/common.yaml",
                    "services: {s: {image: i, cap_add: [A], volumes: ['v:/v']}}\nvolumes: {v: }",
                ),
            ],
        );
        assert_eq!((project.services["s"].cap_add.len(), project.services["s"].mounts.len()), (1, 1));
    }

    #[test]
    fn circles_and_missing_files_are_named() {
        let main = "include:\n  - a.yaml\n  - none.yaml\n  - {path: b.yaml, env_file: none.env}\n  - {pth: c.yaml}\nservices: {s: {image: i}}";
        assert_eq!(
            errors_of(&[
                ("/shop/compose.yaml", main),
                ("/shop/a.yaml", "include: [compose.yaml]"),
                ("/shop/b.yaml", "services: {t: {image: i}}"),
            ]),
            [
                "shop/a.yaml:1:11 `shop/compose.yaml` includes itself",
                "shop/compose.yaml:3:5 `shop/none.yaml` does not exist",
                "shop/compose.yaml:4:30 `shop/none.env` does not exist",
                "shop/compose.yaml:5:5 `path` is missing",
                "shop/compose.yaml:5:6 unknown key `pth` in `include` · did you mean `path`? · begin the name of an extension with `x-`",
            ]
        );
    }

    #[test]
    fn an_unset_variable_in_a_path_is_named() {
        let found = errors_of(&[("/shop/compose.yaml", "include: ['${U?}']\nservices: {s: {image: i}}")]);
        assert!(
            found.len() == 1 && found[0].starts_with("shop/compose.yaml:1:12 the variable `U`"),
            "{found:?}"
        );
    }
}
