//! Variables that a script asks for and that nothing here sets: a project of GitLab may, and then the job would run
//! with another value than here. Images set variables, too, so that this is said and not refused.

use super::variables::Variables;
use crate::pipeline::reading::{Reading, inside};
use crate::pipeline::script::asked_for;
use crate::yaml::Node;

/// What shells and systems set.
const SET_BY_SHELLS: [&str; 22] = [
    "BASHPID",
    "BASH_SOURCE",
    "EUID",
    "FUNCNAME",
    "HOME",
    "HOSTNAME",
    "IFS",
    "LANG",
    "LINENO",
    "LOGNAME",
    "OLDPWD",
    "OPTARG",
    "OPTIND",
    "PATH",
    "PIPESTATUS",
    "PPID",
    "PWD",
    "RANDOM",
    "REPLY",
    "SECONDS",
    "SHELL",
    "USER",
];

/// Notes those that a script asks for; the whole text is where they could be set.
pub(super) fn note(reading: &mut Reading<'_>, variables: &Variables, whole: &str, node: &Node) {
    for item in node.items() {
        note(reading, variables, whole, item);
    }
    for name in node.text().into_iter().flat_map(asked_for) {
        let of_gitlab = name.starts_with("CI_") || name.starts_with("GITLAB_");
        let is_written_large = name.starts_with(|c: char| c.is_ascii_uppercase())
            && !name.contains(|c: char| c.is_ascii_lowercase());
        let is_known = SET_BY_SHELLS.contains(&name) || variables.is_known(reading, name);
        if is_written_large && !of_gitlab && !is_known && !may_be_set(whole, name) {
            let because = "nothing here sets it, and in GitLab the project may";
            reading.pass_over(&inside(node, name), format!("${name}"), because);
        }
    }
}

/// Whether a script may set a variable itself, or does without it.
fn may_be_set(script: &str, name: &str) -> bool {
    script.match_indices(name).any(|(at, _)| {
        let (before, after) = (&script[..at], &script[at + name.len()..]);
        let inside_a_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_whole = !before.ends_with(inside_a_word) && !after.starts_with(inside_a_word);
        let has_other = before.ends_with("${") && after.starts_with([':', '-', '+', '=', '?']);
        let is_asked_for = before.ends_with('$') || before.ends_with("${");
        is_whole && (has_other || !is_asked_for)
    })
}
