//! The files that are looked through.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Most bytes of a file that is looked into; migrations and scripts are written by hand.
const LIMIT: u64 = 4 << 20;

/// Folders that hold what others wrote, or what was built.
const STRANGERS: [&str; 6] = ["node_modules", "target", "vendor", "venv", "__pycache__", "backout-runs"];

/// The kinds of files that may be a way back.
const KINDS: [&str; 13] =
    ["sql", "sh", "bash", "zsh", "ksh", "fish", "ps1", "py", "rb", "pl", "yaml", "yml", "toml"];

/// The files below a folder that may be a way back, or belong to one.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// The folder, absolute and without links.
    pub folder: PathBuf,
    /// The folder that paths of past runs are relative to.
    pub root: PathBuf,
    files: BTreeMap<String, File>,
}

#[derive(Debug, Clone, PartialEq)]
struct File {
    text: String,
    sha256: String,
}

impl Tree {
    /// The paths with their texts, sorted.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file.text.as_str()))
    }

    /// The text of a file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(|file| file.text.as_str())
    }

    /// The SHA-256 of a file.
    pub(super) fn sha256(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(|file| file.sha256.as_str())
    }
}

/// Reads the files below a folder.
///
/// # Errors
/// The folder cannot be read.
pub fn tree(folder: &Path, root: &Path) -> io::Result<Tree> {
    let (folder, root) = (folder.canonicalize()?, root.canonicalize()?);
    let mut tree = Tree { folder: folder.clone(), root, files: BTreeMap::new() };
    // Unlike that of what lies below, an error of the folder itself is one of the command line.
    std::fs::read_dir(&folder)?;
    walk(&folder, &mut tree);
    Ok(tree)
}

fn walk(folder: &Path, tree: &mut Tree) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(kind) = entry.file_type() else { continue };
        if name.starts_with('.') || STRANGERS.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            walk(&entry.path(), tree);
        } else if kind.is_file() {
            add(&entry.path(), tree);
        }
    }
}

fn add(path: &Path, tree: &mut Tree) {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let may_be = extension.is_empty() || KINDS.contains(&extension.as_str());
    if !may_be || path.metadata().map_or(true, |metadata| metadata.len() > LIMIT) {
        return;
    }
    let (Ok(bytes), Ok(below)) = (std::fs::read(path), path.strip_prefix(&tree.folder)) else { return };
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    // What is not text is no script either; a lone odd byte in a comment does not matter.
    if bytes.contains(&0) {
        return;
    }
    let file = File { text: String::from_utf8_lossy(&bytes).into_owned(), sha256 };
    tree.files.insert(below.display().to_string(), file);
}

/// Folder and name of a path.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// A name in a folder.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
