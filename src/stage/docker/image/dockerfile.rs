//! What a Dockerfile stands on, and the mark that its images carry. Pure.

use std::collections::{BTreeMap, BTreeSet};

/// On every image of a build, those between the steps too: by it a killed build's remains are found.
/// It never changes, so that the engine's layer cache stays good.
pub(in crate::stage::docker) const MARK: &str = "backout.build";

/// The images that a Dockerfile begins from, by reference: neither its own stages nor `scratch`, nor
/// what only the engine could work out.
pub(super) fn bases(dockerfile: &str, arguments: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut stages: BTreeSet<String> = BTreeSet::from(["scratch".to_owned()]);
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut bases = BTreeSet::new();
    for instruction in instructions(dockerfile) {
        let mut words = instruction.text.split_whitespace();
        match words.next().map(str::to_ascii_uppercase).as_deref() {
            Some("ARG") if bases.is_empty() && stages.len() == 1 => {
                declare(&mut known, words.next().unwrap_or_default(), arguments);
            }
            Some("FROM") => {
                let rest: Vec<&str> = words.filter(|word| !word.starts_with("--")).collect();
                let base = rest.first().map(|base| expand(base, &known)).unwrap_or_default();
                if !stages.contains(&base) && !base.is_empty() && !base.contains('$') {
                    bases.insert(base);
                }
                let name = rest.get(2).filter(|_| rest[1].eq_ignore_ascii_case("as"));
                // A stage without a name still ends the part where ARG means what FROM sees.
                stages.insert(name.map_or_else(|| format!("#{}", instruction.end), ToString::to_string));
            }
            _ => {}
        }
    }
    bases
}

/// The Dockerfile with the mark behind each FROM.
pub(super) fn marked(dockerfile: &str) -> String {
    let ends: BTreeSet<usize> = instructions(dockerfile)
        .into_iter()
        .filter(|instruction| {
            let first = instruction.text.split_whitespace().next();
            first.is_some_and(|word| word.eq_ignore_ascii_case("FROM"))
        })
        .map(|instruction| instruction.end)
        .collect();
    let mut marked = String::with_capacity(dockerfile.len() + 64);
    for (number, line) in dockerfile.lines().enumerate() {
        marked.push_str(line);
        marked.push('\n');
        if ends.contains(&number) {
            marked.push_str(&format!("LABEL {MARK}=1\n"));
        }
    }
    marked
}

/// One instruction, its lines joined.
struct Instruction {
    text: String,
    /// Its last line, from 0.
    end: usize,
}

fn instructions(dockerfile: &str) -> Vec<Instruction> {
    let escape = escape(dockerfile);
    let mut instructions = Vec::new();
    let mut open: Option<String> = None;
    for (end, line) in dockerfile.lines().enumerate() {
        let trimmed = line.trim();
        // Comments and empty lines do not end an instruction that goes on.
        if trimmed.starts_with('#') || trimmed.is_empty() {
            continue;
        }
        let mut text = open.take().unwrap_or_default();
        match trimmed.strip_suffix(escape) {
            Some(rest) => {
                text.push_str(rest);
                text.push(' ');
                open = Some(text);
            }
            None => {
                text.push_str(trimmed);
                instructions.push(Instruction { text, end });
            }
        }
    }
    instructions
}

/// The character that continues a line: a directive at the very top may change it.
fn escape(dockerfile: &str) -> char {
    let directives = dockerfile.lines().take_while(|line| line.trim_start().starts_with('#'));
    let directive = directives.filter_map(|line| line.trim_start_matches(['#', ' ']).split_once('='));
    let escape = directive
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("escape"))
        .map(|(_, value)| value.trim());
    if escape.last() == Some("`") { '`' } else { '\\' }
}

fn declare(known: &mut BTreeMap<String, String>, word: &str, arguments: &BTreeMap<String, String>) {
    let (name, default) = match word.split_once('=') {
        Some((name, default)) => (name, Some(default.trim_matches(['"', '\'']))),
        None => (word, None),
    };
    let value = arguments.get(name).cloned().or_else(|| default.map(|default| expand(default, known)));
    if let Some(value) = value {
        known.insert(name.to_owned(), value);
    }
}

/// Puts in `$NAME`, `${NAME}` and `${NAME:-default}`; what is not known stays.
fn expand(word: &str, known: &BTreeMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut rest = word;
    while let Some(dollar) = rest.find('$') {
        expanded.push_str(&rest[..dollar]);
        rest = &rest[dollar..];
        let (whole, name, default) = variable(rest);
        match known.get(name).map(String::as_str).or(default) {
            Some(value) => expanded.push_str(value),
            None => expanded.push_str(whole),
        }
        rest = &rest[whole.len()..];
    }
    expanded.push_str(rest);
    expanded
}

/// A variable at the start of a text: all of it, its name, and its default.
fn variable(text: &str) -> (&str, &str, Option<&str>) {
    if let Some(end) = text.strip_prefix("${").and_then(|inner| inner.find('}')) {
        let inner = &text[2..2 + end];
        let (name, default) =
            inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default)));
        return (&text[..end + 3], name, default);
    }
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let end = text[1..].find(|letter| !is_name(letter)).map_or(text.len(), |end| end + 1);
    (&text[..end], &text[1..end], None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(dockerfile: &str, expected: &[&str]) {
        let arguments = [("VERSION".to_owned(), "12".to_owned())].into();
        let found: Vec<String> = bases(dockerfile, &arguments).into_iter().collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn bases_are_what_from_names_but_no_stage_and_not_scratch() {
        check("FROM debian:bookworm-slim\nRUN true\n", &["debian:bookworm-slim"]);
        check(
            "from --platform=linux/amd64 a:1 as build\nFROM scratch\nCOPY --from=build /a /\nFROM build\n",
            &["a:1"],
        );
        check(
            "# syntax=x\nARG VERSION=11\nARG NAME=deb$VERSION\nFROM ${NAME}:${TAG:-slim}\n",
            &["deb12:slim"],
        );
        check("FROM $UNKNOWN\n", &[]);
        check("FROM \\\n  # why\n  debian\n", &["debian"]);
        check(
            "# escape=`\nFROM a\nRUN dir c:\\\nFROM b`\n:1\n",
            &["a", "b :1"].map(|base| base.split(' ').next().unwrap()),
        );
        check("RUN echo \\\nFROM nothing\nFROM real\n", &["real"]);
    }

    #[test]
    fn the_mark_stands_behind_each_from_and_nothing_else_changes() {
        let dockerfile = "ARG A=1\nFROM a AS one\nRUN x \\\n  y\nFROM \\\n  one\nCMD [\"z\"]";
        let expected = "ARG A=1\nFROM a AS one\nLABEL backout.build=1\nRUN x \\\n  y\nFROM \\\n  one\n\
                        LABEL backout.build=1\nCMD [\"z\"]\n";
        assert_eq!(marked(dockerfile), expected);
    }
}
