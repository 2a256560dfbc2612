//! The files that change and rollback use, with their digests: what makes a run evidence of a file, as it
//! was then and of no other content.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::context::{Context, hex};
use super::model::{Action, Step};
use crate::compose::model::{MountSource, Service};
use crate::files::{FileKind, Files, clean};

/// Files of one scenario that are recorded at most: they are part of the journal's first line.
const MOST_FILES: usize = 2000;
/// Bytes of a file that are read at most.
const FILE_LIMIT: u64 = 16 << 20;
/// Bytes of all files that are read at most.
const ALL_LIMIT: u64 = 256 << 20;

/// The files that change and rollback use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Material {
    /// The folder that no path leaves (S18), absolute.
    #[serde(serialize_with = "crate::secret::word")]
    pub root: PathBuf,
    /// The files, by their path below the root.
    pub files: BTreeMap<String, File>,
    /// Files that were too many or too large to be recorded, by their path below the root.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[serde(serialize_with = "crate::secret::word")]
    pub left_out: BTreeSet<String>,
}

impl Material {
    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.left_out.is_empty()
    }
}

/// One file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// SHA-256 of what it held.
    #[serde(serialize_with = "crate::secret::word")]
    pub sha256: String,
    /// Whether it is a Compose file that describes the staging system.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub staging: bool,
    /// How the change uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Use>,
    /// How the rollback uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Use>,
}

/// How a step uses a file; the stronger one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// The step names it.
    Named,
    /// It lies in a folder that the step's tool is given, such as one of migrations.
    Folder,
}

/// Gathers what the steps of change and rollback use, and the Compose files.
pub(super) fn gather(context: &Context<'_>, compose: &[String], steps: [&[Step]; 2]) -> Material {
    let material = Material { root: context.files.root().to_owned(), ..Material::default() };
    let mut gatherer = Gatherer { context, material, read: 0 };
    for name in compose {
        gatherer.add(&context.folder.join(name), |file| file.staging = true);
    }
    let [change, rollback] = steps;
    for (path, how) in used(context, change) {
        gatherer.add(&path, |file| file.change = Some(how));
    }
    for (path, how) in used(context, rollback) {
        gatherer.add(&path, |file| file.rollback = Some(how));
    }
    gatherer.material
}

struct Gatherer<'a> {
    context: &'a Context<'a>,
    material: Material,
    read: u64,
}

impl Gatherer<'_> {
    fn add(&mut self, path: &Path, mark: impl FnOnce(&mut File)) {
        let Ok(located) = self.context.files.locate(path) else { return };
        let Ok(below) = located.path.strip_prefix(&self.material.root) else { return };
        let below = below.display().to_string();
        if !self.material.files.contains_key(&below) {
            match self.digest(&located.path) {
                Some(sha256) => {
                    let file = File { sha256, ..File::default() };
                    self.material.files.insert(below.clone(), file);
                }
                None => {
                    self.material.left_out.insert(below);
                    return;
                }
            }
        }
        self.material.files.get_mut(&below).map(mark);
    }

    fn digest(&mut self, path: &Path) -> Option<String> {
        if self.material.files.len() >= MOST_FILES || self.read > ALL_LIMIT {
            return None;
        }
        let bytes = self.context.files.bytes(path, FILE_LIMIT).ok()?;
        self.read += bytes.len() as u64;
        Some(hex(&Sha256::digest(&bytes)))
    }
}

/// The files that steps use, each with its strongest use.
fn used(context: &Context<'_>, steps: &[Step]) -> BTreeMap<PathBuf, Use> {
    let mut used = BTreeMap::new();
    for step in steps {
        for (path, how) in of_step(context, step) {
            let known = used.entry(path).or_insert(how);
            *known = how.min(*known);
        }
    }
    used
}

fn of_step(context: &Context<'_>, step: &Step) -> Vec<(PathBuf, Use)> {
    match &step.action {
        Action::Sql { file, .. } => file.iter().map(|file| (PathBuf::from(file), Use::Named)).collect(),
        Action::Run { service, command, .. } => {
            let Some(service) = context.project.services.get(service) else { return Vec::new() };
            let usual = service.command.as_deref().unwrap_or_default();
            let words = service.entrypoint.iter().flatten();
            let words: Vec<&String> = words.chain(command.as_deref().unwrap_or(usual)).collect();
            in_container(context.files, service, &paths(words))
        }
        Action::Exec { service, command, .. } => {
            let Some(service) = context.project.services.get(service) else { return Vec::new() };
            in_container(context.files, service, &paths(command))
        }
        Action::Host { command, .. } => on_host(context, &paths(command)),
        Action::Deploy(_)
        | Action::Backup(_)
        | Action::Restore(_)
        | Action::Http(_)
        | Action::Wait(_)
        | Action::Volume { .. } => Vec::new(),
    }
}

/// Whatever in the words of a command may be a path: options carry them behind `=`, shells in a text.
fn paths<'w>(words: impl IntoIterator<Item = &'w String>) -> Vec<&'w Path> {
    let apart = |c: char| c.is_whitespace() || "=,;:'\"()<>|&@".contains(c);
    let parts = words.into_iter().flat_map(|word| std::iter::once(word.as_str()).chain(word.split(apart)));
    parts.filter(|part| !part.is_empty() && *part != "/").map(Path::new).collect()
}

/// What a command on this machine names: files, and folders with what is in them.
fn on_host(context: &Context<'_>, paths: &[&Path]) -> Vec<(PathBuf, Use)> {
    let mut used = Vec::new();
    for path in paths {
        let Ok(located) = context.files.locate(&context.folder.join(path)) else { continue };
        match located.kind {
            FileKind::File => used.push((located.path, Use::Named)),
            FileKind::Folder => {
                let below = below(context.files, &located.path);
                used.extend(below.into_iter().map(|file| (file, Use::Folder)));
            }
            FileKind::Special => {}
        }
    }
    used
}

/// What a command in a container may read of the files that it is given by mounts, and by the folder that
/// its image is built from.
fn in_container(files: &dyn Files, service: &Service, paths: &[&Path]) -> Vec<(PathBuf, Use)> {
    let mut used = Vec::new();
    for mount in &service.mounts {
        let MountSource::Bind(source) = &mount.source else { continue };
        let named = paths.iter().filter_map(|path| mounted(service, source, &mount.target, path));
        used.extend(told_apart(files, source, &named.collect::<Vec<_>>()));
    }
    if let Some(build) = &service.build {
        let inside = below(files, &build.context);
        let is_named = |file: &&PathBuf| {
            let relative = file.strip_prefix(&build.context).unwrap_or(file);
            paths.iter().any(|path| path.ends_with(relative))
        };
        let named: Vec<PathBuf> = inside.iter().filter(is_named).cloned().collect();
        used.extend(told_apart(files, &build.context, &named));
    }
    used
}

/// The file of this machine that a path in a container leads to, if it lies below this mount.
fn mounted(service: &Service, source: &Path, target: &str, path: &Path) -> Option<PathBuf> {
    let working = service.working_dir.as_deref().unwrap_or("/");
    let inside = clean(&Path::new(working).join(path));
    match inside.strip_prefix(target) {
        Ok(rest) if rest.as_os_str().is_empty() => Some(source.to_owned()),
        Ok(rest) => Some(source.join(rest)),
        // Where the image's own working folder is not known, a relative path is looked for in the mount.
        Err(_) if path.is_relative() && service.working_dir.is_none() => Some(clean(&source.join(path))),
        Err(_) => None,
    }
}

/// The files of a folder: those that are named, and of the others those that do not lie beside a named one.
/// A command that names one script of a folder did not run its neighbours.
fn told_apart(files: &dyn Files, folder: &Path, named: &[PathBuf]) -> Vec<(PathBuf, Use)> {
    let inside = below(files, folder);
    let named: BTreeSet<&PathBuf> = inside.iter().filter(|file| named.contains(file)).collect();
    let spoken_for: BTreeSet<Option<&Path>> = named.iter().map(|file| file.parent()).collect();
    let how = |file: &PathBuf| match named.contains(file) {
        true => Some(Use::Named),
        false if spoken_for.contains(&file.parent()) => None,
        false => Some(Use::Folder),
    };
    inside.iter().filter_map(|file| Some((file.clone(), how(file)?))).collect()
}

/// The files below a folder, or the file itself. What is hidden is left out: the digest of a short secret
/// would tell it.
fn below(files: &dyn Files, path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(files, path, &mut found);
    found
}

fn walk(files: &dyn Files, path: &Path, found: &mut Vec<PathBuf>) {
    // One more than is recorded, so that leaving out is seen.
    if found.len() > MOST_FILES {
        return;
    }
    match files.locate(path).map(|located| located.kind) {
        Ok(FileKind::File) => found.push(path.to_owned()),
        Ok(FileKind::Folder) => {
            for inner in files.list(path) {
                let name = inner.file_name().unwrap_or_default().to_string_lossy();
                let is_link = inner.is_symlink();
                if !name.starts_with('.') && name != "node_modules" && !is_link {
                    walk(files, &inner, found);
                }
            }
        }
        Ok(FileKind::Special) | Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Input, Plan, scenario};
    use super::*;
    use crate::files::MemoryFiles;

    const COMPOSE: &str = "services:
  db: { image: 'postgres:15', environment: { POSTGRES_PASSWORD: pw } }
  migrate:
    image: migrate:1
    profiles: [tools]
    volumes: ['./migrations:/migrations:ro']
  baked: { build: ./tool, profiles: [tools] }
";

    fn plan(change: &str, rollback: &str) -> Plan {
        let text = format!(
            "format: 1
name: x
staging: {{ compose: compose.yaml }}
observe:
  databases:
    - {{ service: db, engine: postgres, database: shop, user: postgres, password: {{ env: POSTGRES_PASSWORD }} }}
change:
  - {change}
rollback:
  steps:
    - {rollback}
expect: {{ data: as_before }}
"
        );
        let files = MemoryFiles::new([
            ("/repo/s/scenario.yaml", text.as_str()),
            ("/repo/s/compose.yaml", COMPOSE),
            ("/repo/s/up.sql", "SELECT 1"),
            ("/repo/s/migrations/down-a.sql", "a"),
            ("/repo/s/migrations/down-b.sql", "b"),
            ("/repo/s/migrations/.secret", "s"),
            ("/repo/s/tool/Dockerfile", "FROM x"),
            ("/repo/s/tool/db/1.down.sql", "c"),
            ("/repo/s/rollback.sh", "d"),
        ]);
        let variables = BTreeMap::new();
        let input = Input { files: &files, variables: &variables, allow_host: true, records: false };
        match scenario(input, Path::new("/repo/s"), "s") {
            Ok(planned) => planned.plan,
            Err(mistakes) => panic!("{}", crate::diagnostic::render(&mistakes)),
        }
    }

    fn uses(plan: &Plan) -> Vec<(&str, Option<Use>, Option<Use>)> {
        let files = plan.material.files.iter().filter(|(_, file)| !file.staging);
        files.map(|(path, file)| (path.as_str(), file.change, file.rollback)).collect()
    }

    #[test]
    fn a_file_of_sql_and_the_compose_file_are_recorded_with_their_digests() {
        let plan = plan("sql: { on: db, file: up.sql }", "host: { command: [sh, rollback.sh] }");
        assert_eq!(
            uses(&plan),
            [("repo/s/rollback.sh", None, Some(Use::Named)), ("repo/s/up.sql", Some(Use::Named), None)]
        );
        assert!(plan.material.files["repo/s/compose.yaml"].staging);
        assert_eq!(plan.material.files["repo/s/up.sql"].sha256, plan.digests["repo/s/up.sql"]);
    }

    #[test]
    fn a_tool_that_is_given_a_folder_uses_all_of_it_but_not_what_is_hidden() {
        let plan = plan(
            "run: { service: migrate, command: [-path, /migrations, up] }",
            "run: { service: migrate, command: [-path, /migrations, down] }",
        );
        let folder = Some(Use::Folder);
        assert_eq!(
            uses(&plan),
            [
                ("repo/s/migrations/down-a.sql", folder, folder),
                ("repo/s/migrations/down-b.sql", folder, folder)
            ]
        );
    }

    #[test]
    fn a_command_that_names_a_file_does_not_use_its_neighbours() {
        let plan = plan(
            "sql: { on: db, text: SELECT 1 }",
            "run: { service: migrate, command: [--file=/migrations/down-b.sql] }",
        );
        assert_eq!(uses(&plan), [("repo/s/migrations/down-b.sql", None, Some(Use::Named))]);
    }

    #[test]
    fn what_an_image_is_built_from_is_used_by_what_runs_in_it() {
        let plan = plan(
            "sql: { on: db, text: SELECT 1 }",
            "run: { service: baked, command: [sh, -c, 'psql < /srv/db/1.down.sql'] }",
        );
        assert_eq!(
            uses(&plan),
            [
                ("repo/s/tool/Dockerfile", None, Some(Use::Folder)),
                ("repo/s/tool/db/1.down.sql", None, Some(Use::Named))
            ]
        );
    }

    #[test]
    fn a_plan_from_before_they_were_recorded_is_read() {
        let plan = plan("sql: { on: db, file: up.sql }", "sql: { on: db, file: up.sql }");
        let mut old = serde_json::to_value(&plan).unwrap();
        old.as_object_mut().unwrap().remove("material");
        let old: Plan = serde_json::from_value(old).unwrap();
        assert!(old.material.is_empty());
    }
}
