//! Alembic: a revision in Python with `upgrade()` and `downgrade()`.

use super::{Form, Migration, Tool, Tree, python};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    let is_revision = |(path, text): &(&str, &str)| {
        path.ends_with(".py") && text.contains("down_revision") && text.contains("def upgrade(")
    };
    let revisions = tree.texts().filter(is_revision);
    revisions.map(|(path, text)| Migration::code(path, Tool::Alembic, form(text))).collect()
}

fn form(text: &str) -> Form {
    let bare = python::bare(text);
    let Some(body) = python::body(&bare, "downgrade") else { return Form::Missing };
    let idle = ["pass", "...", "return", "return None"];
    match body.iter().find(|line| !idle.contains(line)) {
        None => Form::Empty,
        Some(first) if first.starts_with("raise") => Form::Refuses,
        Some(_) => Form::Acts,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, tree_of};

    #[test]
    fn a_downgrade_that_passes_or_raises_is_named() {
        let with = |down: &str| {
            format!(
                "revision = 'b'\ndown_revision = 'a'\n\ndef upgrade():\n    op.drop_table('t')\n\n{down}\n"
            )
        };
        let tree = tree_of(&[
            ("v/1.py", &with("def downgrade() -> None:\n    op.create_table('t')")),
            ("v/2.py", &with("def downgrade():\n    \"\"\"Nothing.\"\"\"\n    # later\n    pass")),
            ("v/3.py", &with("def downgrade():\n    raise NotImplementedError('no way back')")),
            ("v/4.py", &with("")),
            ("v/env.py", "def run(): pass"),
        ]);
        assert_eq!(
            found(&tree),
            [
                "v/1.py Alembic Acts",
                "v/2.py Alembic Empty",
                "v/3.py Alembic Refuses",
                "v/4.py Alembic Missing"
            ]
        );
    }
}
