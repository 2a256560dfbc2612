//! Ecto: a module in Elixir with `up` and `down`, or with a `change` that Ecto turns round by itself.

use super::{Form, Migration, Tool, Tree, blocks};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    let is_one = |(path, text): &(&str, &str)| {
        path.ends_with(".exs") && (text.contains("use Ecto.Migration") || text.contains(", :migration"))
    };
    let files = tree.texts().filter(is_one);
    files.filter_map(|(path, text)| Some(Migration::code(path, Tool::Ecto, form(text)?))).collect()
}

fn form(text: &str) -> Option<Form> {
    let change = body(text, "change");
    if change.is_none() && body(text, "up").is_none() {
        return None;
    }
    Some(match (body(text, "down"), change) {
        (Some(down), _) => down_form(&down),
        (None, Some(change)) if change.is_empty() => Form::Empty,
        (None, Some(change)) if turns_round(&change) => Form::Acts,
        (None, Some(_)) => Form::Refuses,
        (None, None) => Form::Missing,
    })
}

fn down_form(lines: &[&str]) -> Form {
    match lines.iter().find(|line| ![":ok", "nil", "flush()"].contains(line)) {
        None => Form::Empty,
        Some(first) if first.starts_with("raise") => Form::Refuses,
        Some(_) => Form::Acts,
    }
}

/// Whether Ecto knows how to undo what a `change` does; else it raises.
fn turns_round(change: &[&str]) -> bool {
    !change.iter().any(|line| {
        let one_sided = line.starts_with("execute") && !line.contains(',') && !line.ends_with('(');
        let bare_remove = line.starts_with("remove ") && line.matches(',').count() == 0;
        one_sided || bare_remove || line.starts_with("modify ") && !line.contains("from:")
    })
}

/// The lines of a function, without comments.
fn body<'t>(text: &'t str, name: &str) -> Option<Vec<&'t str>> {
    let is_head = |line: &&str| {
        let rest =
            line.trim_start().strip_prefix("def ").and_then(|rest| rest.trim_start().strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with([' ', ',', '(']))
    };
    let mut lines = text.lines().skip_while(|line| !is_head(line));
    let head = lines.next()?;
    if let Some((_, inline)) = head.split_once("do:") {
        return Some(vec![inline.trim()].into_iter().filter(|line| !line.is_empty()).collect());
    }
    Some(blocks::inside(head, lines))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, tree_of};

    #[test]
    fn what_goes_back_and_what_does_not_is_told() {
        let with = |inside: &str| format!("defmodule A do\n  use Ecto.Migration\n\n{inside}\nend\n");
        let up = "  def up do\n    execute \"X\"\n  end\n";
        let tree = tree_of(&[
            ("1.exs", &with("  def change do\n    alter table(:a) do\n      add :b, :text\n    end\n  end")),
            ("2.exs", &with("  def change do\n    execute \"DROP TABLE a\"\n  end")),
            ("3.exs", &with("  def change do\n    execute \"DROP TABLE a\", \"CREATE TABLE a ()\"\n  end")),
            ("4.exs", &with(&format!("{up}  def down do\n    drop table(:a)\n  end"))),
            ("5.exs", &with(&format!("{up}  def down, do: :ok"))),
            ("6.exs", &with(up)),
            ("7.exs", &with("  def change do\n    alter table(:a) do\n      remove :b\n    end\n  end")),
            ("test.exs", "defmodule T do\n  use ExUnit.Case\nend"),
        ]);
        assert_eq!(
            found(&tree),
            [
                "1.exs Ecto Acts",
                "2.exs Ecto Refuses",
                "3.exs Ecto Acts",
                "4.exs Ecto Acts",
                "5.exs Ecto Empty",
                "6.exs Ecto Missing",
                "7.exs Ecto Refuses"
            ]
        );
    }
}
