//! Rails: a migration with `up` and `down`, or with a `change` that Rails turns round by itself.

use super::{Form, Migration, Tool, Tree, blocks};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    // Helpers of tests speak of migrations too; only a class is one.
    let is_class =
        |line: &str| line.trim_start().starts_with("class ") && line.contains("< ActiveRecord::Migration");
    let is_migration = |(path, text): &(&str, &str)| path.ends_with(".rb") && text.lines().any(is_class);
    let migrations = tree.texts().filter(is_migration);
    migrations.map(|(path, text)| Migration::code(path, Tool::Rails, form(text))).collect()
}

fn form(text: &str) -> Form {
    if let Some(down) = body(text, "down") {
        return match down.iter().find(|line| !["nil", "true"].contains(line)) {
            None => Form::Empty,
            Some(first) if first.starts_with("raise") => Form::Refuses,
            Some(_) => Form::Acts,
        };
    }
    match body(text, "change") {
        Some(change) if turns_round(&change) => Form::Acts,
        Some(_) => Form::Refuses,
        None => Form::Missing,
    }
}

/// Whether Rails knows how to undo what a `change` does; else it raises `IrreversibleMigration`.
fn turns_round(change: &[&str]) -> bool {
    // Within `reversible` the author says how; what else is beside it is not looked at.
    if change.iter().any(|line| line.starts_with("reversible")) {
        return true;
    }
    !change.iter().any(|line| {
        let (verb, rest) = line.split_once([' ', '(']).unwrap_or((line, ""));
        match verb {
            "execute" | "change_column" => true,
            // Without its type a column cannot be made again, and without its columns a table.
            "remove_column" => rest.matches(',').count() < 2,
            "drop_table" => !(rest.ends_with('{') || rest.contains(" do") || rest.contains("{ ")),
            _ => false,
        }
    })
}

/// The lines of a method, without comments.
fn body<'t>(text: &'t str, name: &str) -> Option<Vec<&'t str>> {
    let is_head = |line: &str| {
        let name_of = line.trim_start().strip_prefix("def ").map(|rest| rest.trim_start_matches("self."));
        name_of.is_some_and(|rest| rest.split([';', '(', ' ']).next().map(str::trim_end) == Some(name))
    };
    let mut lines = text.lines().skip_while(|line| !is_head(line));
    let head = lines.next()?;
    if head.trim_end().ends_with("end") && head.contains(';') {
        let inside = head.split_once(';').map_or("", |(_, inside)| inside);
        let inside = inside.trim_end().trim_end_matches("end").split(';').map(str::trim);
        return Some(inside.filter(|line| !line.is_empty()).collect());
    }
    Some(blocks::inside(head, lines))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, tree_of};

    #[test]
    fn a_migration_that_cannot_go_back_is_named() {
        let with = |inside: &str| format!("class A < ActiveRecord::Migration[7.1]\n{inside}\nend\n");
        let up = "  def up\n    execute 'DROP TABLE a'\n  end\n";
        let tree = tree_of(&[
            ("1.rb", &with(&format!("{up}\n  def down\n    create_table :a\n  end"))),
            (
                "2.rb",
                &with(&format!("{up}\n  def down\n    raise ActiveRecord::IrreversibleMigration\n  end")),
            ),
            ("3.rb", &with(&format!("{up}\n  def down\n    # nothing\n  end"))),
            ("4.rb", &with(up)),
            ("5.rb", &with("  def change\n    add_column :a, :b, :text\n  end")),
            ("6.rb", &with("  def change\n    execute 'DROP TABLE a'\n  end")),
            ("7.rb", &with("  def change\n    remove_column :a, :b\n  end")),
            ("8.rb", &with("  def change\n    remove_column :a, :b, :text\n  end")),
            ("9.rb", &with(&format!("{up}\n  def down; end"))),
            ("model.rb", "class A < ApplicationRecord\nend"),
            ("rails_helper.rb", "ActiveRecord::Migration.maintain_test_schema!\ndef down; end"),
        ]);
        assert_eq!(
            found(&tree),
            [
                "1.rb Rails Acts",
                "2.rb Rails Refuses",
                "3.rb Rails Empty",
                "4.rb Rails Missing",
                "5.rb Rails Acts",
                "6.rb Rails Refuses",
                "7.rb Rails Refuses",
                "8.rb Rails Acts",
                "9.rb Rails Empty",
            ]
        );
    }
}
