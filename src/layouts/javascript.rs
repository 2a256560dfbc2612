//! What migrations in JavaScript and TypeScript have in common: a file with an `up` and perhaps a `down`.

use super::braces::{self, Language};
use super::tree::split;
use super::{Form, Migration, Tool, Tree};

const KINDS: [&str; 6] = ["js", "ts", "mjs", "cjs", "mts", "cts"];

/// The migrations whose text holds one of these words.
pub(super) fn find(tree: &Tree, tool: Tool, words: &[&str]) -> Vec<Migration> {
    let is_one =
        |(path, text): &(&str, &str)| is_script(path) && words.iter().any(|word| text.contains(word));
    let files = tree.texts().filter(is_one);
    files.filter_map(|(path, text)| Some(Migration::code(path, tool, form(text)?))).collect()
}

fn is_script(path: &str) -> bool {
    let name = split(path).1;
    let kind = name.rsplit_once('.').map_or("", |(_, kind)| kind);
    let is_other = [".d.ts", ".test.", ".spec."].iter().any(|part| name.contains(part));
    KINDS.contains(&kind) && !is_other
}

/// The form of the `down` in a file with an `up`; none where that defines none.
pub(super) fn form(text: &str) -> Option<Form> {
    let bare = braces::bare(text, Language::JavaScript);
    braces::function(&bare, "up")?;
    Some(braces::function(&bare, "down").map_or(Form::Missing, braces::form))
}
