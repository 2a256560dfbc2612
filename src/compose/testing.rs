//! What the tests of this folder share: files in memory to projects and mistakes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::load::{Request, load};
use super::model::{Project, Service};
use crate::diagnostic::{Diagnostic, Source};
use crate::files::MemoryFiles;
use crate::yaml::Spot;

/// Loads files with absolute paths; those that begin with
/// `/shop/compose` are the project, in their order.
pub(super) fn load_files(
    files: &[(&str, &str)],
    environment: &[(&str, &str)],
    profiles: &[&str],
) -> Result<Project, Vec<Diagnostic>> {
    let spot = scenario();
    let named = files.iter().filter(|(path, _)| path.starts_with("/shop/compose"));
    let request = Request {
        files: named.map(|(path, _)| (PathBuf::from(path), spot.clone())).collect(),
        profiles: profiles.iter().map(|name| ((*name).to_owned(), spot.clone())).collect(),
        environment: environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        base: PathBuf::from("/"),
    };
    load(&MemoryFiles::new(files.iter().copied()), &request)
}

/// The place in a scenario that names Compose files.
pub(super) fn scenario() -> Spot {
    Spot { source: Source::new("scenario.yaml", "compose: …"), span: 9..12 }
}

/// A project of one file `/shop/compose.yaml`, beside `more` files.
#[track_caller]
pub(super) fn project_with(text: &str, more: &[(&str, &str)]) -> Project {
    let mut files = vec![("/shop/compose.yaml", text)];
    files.extend_from_slice(more);
    match load_files(&files, &[("HOST_SET", "from the host")], &[]) {
        Ok(project) => project,
        Err(mistakes) => panic!("{}", crate::diagnostic::render(&mistakes)),
    }
}

/// A project of one file.
#[track_caller]
pub(super) fn project(text: &str) -> Project {
    project_with(text, &[])
}

/// The service `s` with an image and the given further lines in flow style.
#[track_caller]
pub(super) fn service(keys: &str) -> Service {
    service_with(keys, &[])
}

/// The same beside `more` files.
#[track_caller]
pub(super) fn service_with(keys: &str, more: &[(&str, &str)]) -> Service {
    let mut project = project_with(&one_service(keys), more);
    project.services.remove("s").unwrap()
}

/// A file with the service `s` and things it may refer to; `keys` stand at line 3, column 5.
pub(super) fn one_service(keys: &str) -> String {
    format!(
        "services:\n  s: {{image: i,\n    {keys}}}\n  db: {{image: postgres}}\n\
         volumes: {{data: }}\nnetworks: {{back: }}\n\
         secrets: {{key: {{environment: HOST_SET}}}}\nconfigs: {{conf: {{content: x}}}}\n"
    )
}

/// What is wrong with files, as `place message · help`.
#[track_caller]
pub(super) fn errors_of(files: &[(&str, &str)]) -> Vec<String> {
    match load_files(files, &[("HOST_SET", "from the host")], &[]) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(shown).collect(),
    }
}

/// What is wrong with one file.
#[track_caller]
pub(super) fn errors(text: &str) -> Vec<String> {
    errors_of(&[("/shop/compose.yaml", text)])
}

/// What is wrong with the service `s`, without the file's name.
#[track_caller]
pub(super) fn service_errors(keys: &str) -> Vec<String> {
    let strip = |error: String| error.trim_start_matches("shop/compose.yaml:").to_owned();
    errors(&one_service(keys)).into_iter().map(strip).collect()
}

/// Holds each service to the one mistake beside it, and shows all that differ.
#[track_caller]
pub(super) fn assert_service_errors(table: &[(&str, &str)]) {
    let differ: Vec<String> = table
        .iter()
        .map(|(keys, error)| (keys, error, service_errors(keys)))
        .filter(|(_, error, found)| found != &[(**error).to_owned()])
        .map(|(keys, error, found)| {
            format!("{keys}\n  expected {error}\n  found    {}", found.join("\n           "))
        })
        .collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// Texts by name.
pub(super) fn texts<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// A mistake as `place message · help`.
pub(super) fn shown(mistake: &Diagnostic) -> String {
    let help: String = mistake.help.iter().map(|help| format!(" · {help}")).collect();
    format!("{} {}{help}", mistake.place(), mistake.message)
}
