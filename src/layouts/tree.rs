//! The files that are looked through.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Most bytes of a file that is looked into; migrations and scripts are written by hand.
const LIMIT: u64 = 4 << 20;

/// Folders that hold what others wrote, or what was built.
const STRANGERS: [&str; 6] = ["node_modules", "target", "vendor", "venv", "__pycache__", "backout-runs"];

/// The kinds of files of SQL.
const SQL: [&str; 4] = ["sql", "psql", "pgsql", "ddl"];

/// The other kinds of files that may be a way back, or say what one is.
const KINDS: [&str; 30] = [
    "sh", "bash", "zsh", "ksh", "fish", "ps1", "py", "rb", "pl", "yaml", "yml", "toml", "js", "ts", "mjs",
    "cjs", "mts", "cts", "php", "cs", "ex", "exs", "xml", "json", "go", "java", "kt", "plan", "sum", "fizz",
];

/// Names of folders that hold migrations.
const FOLDERS: [&str; 6] = ["migrations", "migration", "migrate", "changelog", "changelogs", "alembic"];

/// The files below a folder that may be a way back, or belong to one.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// The folder, absolute and without links.
    pub folder: PathBuf,
    /// The folder that paths of past runs are relative to.
    pub root: PathBuf,
    files: BTreeMap<String, File>,
    /// How many files are below each outermost folder that is named as one of migrations.
    named: BTreeMap<String, usize>,
}

#[derive(Debug, Clone, PartialEq)]
struct File {
    text: String,
    sha256: String,
}

impl Tree {
    /// The paths with their texts, sorted.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file.text.as_str()))
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(|file| file.text.as_str())
    }

    /// The SHA-256 of a file.
    pub fn sha256(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(|file| file.sha256.as_str())
    }

    /// The folders that are named as ones of migrations, with how many files are below each.
    pub(super) fn named_migrations(&self) -> impl Iterator<Item = (&str, usize)> {
        self.named.iter().map(|(folder, count)| (folder.as_str(), *count))
    }
}

/// Reads the files below a folder.
///
/// # Errors
/// The folder cannot be read.
pub fn tree(folder: &Path, root: &Path) -> io::Result<Tree> {
    let mut tree = empty(folder, root)?;
    walk(&tree.folder.clone(), true, &mut tree);
    Ok(tree)
}

/// Reads what may belong to files of this folder: what lies beside them, and for sqitch, which keeps each half
/// of a change in a folder of its own, beside their folder.
///
/// # Errors
/// The folder cannot be read.
pub fn around(folder: &Path) -> io::Result<Tree> {
    let folder = folder.canonicalize()?;
    let is_half = folder
        .file_name()
        .is_some_and(|name| ["deploy", "revert", "verify"].map(Some).contains(&name.to_str()));
    let above = folder.parent().filter(|above| is_half && above.join("sqitch.plan").is_file());
    let Some(above) = above else {
        let mut tree = empty(&folder, &folder)?;
        walk(&folder, false, &mut tree);
        return Ok(tree);
    };
    let mut tree = empty(above, above)?;
    for half in ["", "deploy", "revert", "verify"] {
        walk(&above.join(half), false, &mut tree);
    }
    Ok(tree)
}

fn empty(folder: &Path, root: &Path) -> io::Result<Tree> {
    let (folder, root) = (folder.canonicalize()?, root.canonicalize()?);
    // Unlike that of what lies below, an error of the folder itself is one of the command line.
    std::fs::read_dir(&folder)?;
    Ok(Tree { folder, root, files: BTreeMap::new(), named: BTreeMap::new() })
}

fn walk(folder: &Path, deep: bool, tree: &mut Tree) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(kind) = entry.file_type() else { continue };
        if name.starts_with('.') || STRANGERS.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() && deep {
            walk(&entry.path(), deep, tree);
        } else if entry.path().is_file() {
            add(&entry.path(), tree);
        }
    }
}

fn add(path: &Path, tree: &mut Tree) {
    let Ok(below) = path.strip_prefix(&tree.folder) else { return };
    let below = below.display().to_string();
    if let Some(named) = named_folder(&below) {
        *tree.named.entry(named.to_owned()).or_default() += 1;
    }
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let may_be =
        extension.is_empty() || SQL.contains(&extension.as_str()) || KINDS.contains(&extension.as_str());
    if !may_be || path.metadata().map_or(true, |metadata| metadata.len() > LIMIT) {
        return;
    }
    let Ok(bytes) = std::fs::read(path) else { return };
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    // What is not text is no script either; a lone odd byte in a comment does not matter.
    if bytes.contains(&0) {
        return;
    }
    let file = File { text: String::from_utf8_lossy(&bytes).into_owned(), sha256 };
    tree.files.insert(below, file);
}

/// The outermost folder of a path that is named as one of migrations.
fn named_folder(path: &str) -> Option<&str> {
    let (folder, _) = split(path);
    let mut end = 0;
    for part in folder.split('/').filter(|part| !part.is_empty()) {
        end += part.len();
        if FOLDERS.contains(&part.to_lowercase().as_str()) {
            return Some(&folder[..end]);
        }
        end += 1;
    }
    None
}

/// Whether a file holds SQL, by its name.
pub(super) fn is_sql(path: &str) -> bool {
    let kind = split(path).1.rsplit_once('.').map_or("", |(_, kind)| kind);
    SQL.contains(&kind.to_lowercase().as_str())
}

/// A path without the ending that says that it holds SQL.
pub(super) fn without_sql(path: &str) -> Option<&str> {
    is_sql(path).then(|| path.rsplit_once('.').map_or(path, |(stem, _)| stem))
}

/// Folder and name of a path.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// A name in a folder.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Whether a folder is another one or lies below it.
pub(super) fn is_below(folder: &str, other: &str) -> bool {
    folder
        .strip_prefix(other)
        .is_some_and(|rest| other.is_empty() || rest.is_empty() || rest.starts_with('/'))
}
