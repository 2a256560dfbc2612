//! Small trees for tests.

use std::path::Path;

use super::{Tree, inventory, tree};

/// A tree of these files, on disk while it is read.
pub(super) fn tree_of(files: &[(&str, &str)]) -> Tree {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        std::fs::write(path, text).unwrap();
    }
    tree(folder.path(), folder.path()).unwrap()
}

/// Its artefacts as `path tool form`.
pub(super) fn found(tree: &Tree) -> Vec<String> {
    let line = |artefact: &super::Artefact| {
        format!("{} {} {:?}", artefact.path, artefact.tool.word(), artefact.form)
    };
    inventory(tree).iter().map(line).collect()
}
