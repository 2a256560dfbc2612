//! Scripts and SQL files whose name says that they take something back.

use super::tree::{is_sql, join, split};
use super::{Form, Migration, Text, Tool, Tree, sql};

/// The words that say so.
const WORDS: [&str; 6] = ["rollback", "revert", "undo", "down", "downgrade", "backout"];
/// What before `down` means something else.
const OTHERS: [&str; 8] = ["tear", "shut", "count", "cool", "scale", "break", "slow", "spin"];
/// First words of names of what is done to a way back, or besides it.
const VERBS: [&str; 14] = [
    "add", "create", "generate", "gen", "make", "check", "test", "tests", "list", "show", "lint", "validate",
    "new", "write",
];
/// Last words of names of what is no way back itself.
const NOUNS: [&str; 11] =
    ["test", "tests", "spec", "helper", "helpers", "util", "utils", "reason", "log", "logs", "table"];
/// What scripts are written in.
const KINDS: [&str; 9] = ["sh", "bash", "zsh", "ksh", "fish", "ps1", "py", "rb", "pl"];

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    tree.texts().filter_map(|(path, text)| of_file(tree, path, text)).collect()
}

fn of_file(tree: &Tree, path: &str, text: &str) -> Option<Migration> {
    let name = split(path).1;
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, ""));
    let form = match kind {
        _ if is_sql(path) => sql::form(text),
        "" if text.starts_with("#!") => script_form(text),
        // Of these most are parts of a program.
        "py" | "rb" | "pl" if !is_program(text) => return None,
        kind if KINDS.contains(&kind) => script_form(text),
        _ => return None,
    };
    if !says_so(stem) {
        return None;
    }
    let rollback = Text::of_file(path, text);
    Some(match up(tree, path) {
        Some((up, text)) => Migration::pair(Tool::Script, Text::of_file(&up, text), Some(rollback), form),
        None => Migration::alone(Tool::Script, rollback, form),
    })
}

/// Whether a text runs by itself.
fn is_program(text: &str) -> bool {
    text.starts_with("#!") || text.contains("__main__")
}

/// Whether a name holds one of the words as what it is about: `add-down-migrations` adds something.
pub(super) fn says_so(stem: &str) -> bool {
    let words = words(stem);
    let is_number = |word: &String| word.trim_start_matches('v').chars().all(|c| c.is_ascii_digit());
    let said: Vec<&String> = words.iter().filter(|word| !is_number(word)).collect();
    let ends = [said.first(), said.last()].into_iter().flatten();
    if ends.clone().any(|word| VERBS.contains(&word.as_str()) || NOUNS.contains(&word.as_str())) {
        return false;
    }
    let before = |at: usize| at.checked_sub(1).map(|before| said[before].as_str()).unwrap_or_default();
    (0..said.len()).any(|at| {
        let is_down = said[at] == "down";
        let is_outer = at == 0 || at + 1 == said.len();
        let is_other = is_down && (OTHERS.contains(&before(at)) || !is_outer);
        let is_split = said[at] == "back" && before(at) == "roll";
        is_split || WORDS.contains(&said[at].as_str()) && !is_other
    })
}

/// The words of a name, written with signs between them or with capitals.
fn words(stem: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in stem.chars() {
        let begins = !c.is_alphanumeric() || c.is_uppercase() && was_small;
        if begins {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().expect("there is always one").extend(c.to_lowercase());
        }
        was_small = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The file that a `down` takes back, with its text: the one with `up` in its place, beside it or one folder
/// higher, where scenarios keep what their halves share.
fn up<'t>(tree: &'t Tree, path: &str) -> Option<(String, &'t str)> {
    let (folder, name) = split(path);
    let (before, after) = name.split_once("down")?;
    let kind = after.rsplit_once('.').map_or("", |(_, kind)| kind);
    // Of several ways back from one change, such as `down-by-hand.sql`, the change is plain `up.sql`.
    let ups = [format!("{before}up{after}"), format!("{before}up.{kind}")];
    let places = [folder, split(folder).0].map(|folder| ups.each_ref().map(|up| join(folder, up)));
    places.into_iter().flatten().find_map(|place| Some((place.clone(), tree.text(&place)?)))
}

fn script_form(text: &str) -> Form {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let idle = |line: &&str| {
        ["true", ":", "pass", "exit 0", "exit"].contains(line)
            || line.starts_with("set ")
            || line.starts_with("echo ")
    };
    let says = text.to_lowercase();
    let acts: Vec<&str> = lines.filter(|line| !idle(line)).collect();
    match &acts[..] {
        [] if says.contains("irreversible") || says.contains("cannot be undone") => Form::Refuses,
        [] => Form::Empty,
        [only] if ["exit 1", "false"].contains(only) => Form::Refuses,
        _ => Form::Acts,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, tree_of};
    use super::*;

    #[test]
    fn a_name_says_so_by_a_whole_word() {
        for name in ["rollback", "db_rollback_v2", "undoRelease", "down", "roll-back", "0001.down", "revert"]
        {
            assert!(says_so(name), "{name}");
        }
        for name in
            ["add-down-migrations", "test_rollback", "rollback_spec", "create_undo_log", "slow-down-requests"]
        {
            assert!(!says_so(name), "{name}");
        }
        for name in ["shutdown", "tear-down", "countDown", "download", "markdown", "reverted", "background"] {
            assert!(!says_so(name), "{name}");
        }
    }

    #[test]
    fn scripts_are_found_with_what_they_take_back() {
        let tree = tree_of(&[
            ("up.sql", "DROP TABLE a"),
            ("right/down.sql", "CREATE TABLE a (b int)"),
            ("bin/rollback", "#!/bin/sh\nkubectl rollout undo deploy/api\n"),
            ("bin/undo.sh", "#!/bin/sh\nset -e\n# to be written\n"),
            ("bin/revert.sh", "#!/bin/sh\necho 'not yet'\nexit 1\n"),
            ("bin/rollback.conf", "x"),
        ]);
        assert_eq!(
            found(&tree),
            [
                "bin/revert.sh script Refuses",
                "bin/rollback script Acts",
                "bin/undo.sh script Empty",
                "right/down.sql script Acts"
            ]
        );
        assert_eq!(find(&tree)[3].takes_back(), Some("up.sql"));
        let several =
            tree_of(&[("m/up.sql", "DROP TABLE a"), ("m/down-by-hand.sql", "CREATE TABLE a (b int)")]);
        assert_eq!(find(&several)[0].takes_back(), Some("m/up.sql"));
    }
}
