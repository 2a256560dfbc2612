//! Small trees for tests.

use std::path::Path;

use super::{Code, Form, Migration, Text, Tree, migrations, tree};

/// A tree of these files, on disk while it is read.
pub fn tree_of(files: &[(&str, &str)]) -> Tree {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        std::fs::write(path, text).unwrap();
    }
    tree(folder.path(), folder.path()).unwrap()
}

/// Its ways back as `path tool form`, by path.
pub(super) fn found(tree: &Tree) -> Vec<String> {
    let line = |migration: &Migration| {
        format!("{} {} {:?}", migration.path(), migration.tool.word(), migration.form)
    };
    let mut found: Vec<Migration> = migrations(tree);
    found.retain(|migration| migration.form != Form::Optional);
    found.sort_by(|one, other| one.path().cmp(other.path()));
    found.iter().map(line).collect()
}

/// The migrations with at least one half in SQL: what they do, an arrow, what takes it back.
pub(super) fn halves(tree: &Tree) -> Vec<String> {
    let text = |text: &Text| {
        let whole = &tree.text(&text.path).unwrap()[text.part.clone()];
        let lines = |text: &str| {
            let kept = text.lines().filter(|line| !line.starts_with("--")).map(str::trim);
            kept.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
        };
        match &text.code {
            Code::Sql => lines(whole),
            Code::Unmarked(unmarked) => lines(unmarked),
            Code::Foreign => "(code)".to_owned(),
        }
    };
    let line = |migration: &Migration| {
        let change = migration.change.as_ref().map_or("()".to_owned(), text);
        let back = migration.rollback.as_ref().map(|back| format!(" -> {}", text(back)));
        change + &back.unwrap_or_default()
    };
    let all = migrations(tree).iter().map(line).collect::<Vec<_>>();
    all.into_iter().filter(|line| line != "(code)").collect()
}
