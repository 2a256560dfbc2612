//! The shipped scenarios, as they are inside the binary.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::diagnostic::Source;
use crate::files::clean;
use crate::yaml::{self, Limits};

/// Path below `scenarios/`, whether it may be executed, and bytes.
const FILES: &[(&str, bool, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// The file that makes a folder a scenario.
const SCENARIO: &str = "scenario.yaml";

/// A file of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// Its path below the library.
    pub path: &'static str,
    /// Whether it may be executed.
    pub runs: bool,
    /// What it holds.
    pub bytes: &'static [u8],
}

/// Every scenario with its summary.
pub fn scenarios() -> BTreeMap<&'static str, String> {
    let folder = |path: &'static str| path.strip_suffix(SCENARIO)?.strip_suffix('/');
    files().filter_map(|file| Some((folder(file.path)?, summary(file)))).collect()
}

/// The names by which something can be copied: scenarios, and the folders of pairs.
pub fn names() -> BTreeSet<&'static str> {
    let scenarios = scenarios();
    let pairs = scenarios.keys().filter_map(|path| path.rsplit_once('/')).map(|(pair, _)| pair);
    pairs.chain(scenarios.keys().copied()).collect()
}

/// The files of a scenario or a pair, and whatever they use of the library.
pub fn files_of(name: &str) -> Vec<File> {
    let mut found: BTreeMap<&str, File> = BTreeMap::new();
    let mut open: Vec<File> = files().filter(|file| belongs(name, file.path)).collect();
    while let Some(file) = open.pop() {
        if found.insert(file.path, file).is_none() {
            open.extend(used_by(file));
        }
    }
    found.into_values().collect()
}

fn files() -> impl Iterator<Item = File> {
    FILES.iter().map(|(path, runs, bytes)| File { path, runs: *runs, bytes })
}

/// Whether a file lies in the folder of this name. What the other half uses comes only where it is used.
fn belongs(name: &str, path: &str) -> bool {
    Path::new(path).starts_with(name)
}

/// The files that a text reaches by `../`.
fn used_by(file: File) -> Vec<File> {
    let Ok(text) = std::str::from_utf8(file.bytes) else { return Vec::new() };
    let folder = Path::new("/").join(file.path);
    let folder = folder.parent().unwrap_or(Path::new("/"));
    let apart = |c: char| !(c.is_alphanumeric() || "._-/".contains(c));
    let reached = text.split(apart).filter(|word| word.starts_with("../"));
    let reached: Vec<_> = reached.map(|word| clean(&folder.join(word))).collect();
    let is_reached = |path: &Path| reached.iter().any(|target| is_below(path, target));
    files().filter(|other| is_reached(&Path::new("/").join(other.path))).collect()
}

/// Whether a path is a target, or lies in the folder that it is. The whole library is no target: a comment
/// with too many dots must not bring everything.
fn is_below(path: &Path, target: &Path) -> bool {
    target.parent().is_some() && path.starts_with(target)
}

fn summary(file: File) -> String {
    let source = Source::new(file.path, String::from_utf8_lossy(file.bytes).into_owned());
    let root = yaml::parse(&source, Limits::default()).ok();
    root.and_then(|root| Some(root.get("summary")?.text()?.to_owned())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_and_pairs_have_names_and_summaries() {
        let names = names();
        for name in ["drop-column", "drop-column/right", "drop-column/wrong", "bad-image"] {
            assert!(names.contains(name), "{names:?}");
        }
        assert!(!names.contains("images"), "{names:?}");
        assert!(scenarios().values().all(|summary| !summary.is_empty()), "{:?}", scenarios());
    }

    #[test]
    fn what_a_scenario_uses_comes_with_it_and_nothing_else() {
        let paths = |name: &str| files_of(name).iter().map(|file| file.path).collect::<Vec<_>>();
        let half = paths("drop-column/right");
        for path in ["drop-column/compose.yaml", "drop-column/up.sql", "images/postgres/entrypoint"] {
            assert!(half.contains(&path), "{half:?}");
        }
        assert!(half.iter().all(|path| !path.contains("wrong") && !path.contains("debian")), "{half:?}");
        assert!(paths("drop-column").contains(&"drop-column/wrong/down.sql"));
        let borrowed = paths("game-day");
        assert!(borrowed.contains(&"bad-image/compose.yaml"), "{borrowed:?}");
        assert!(!borrowed.contains(&"bad-image/scenario.yaml"), "{borrowed:?}");
        assert!(paths("drop").is_empty() && paths("").len() == FILES.len());
    }
}
