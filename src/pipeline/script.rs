//! Shell text: variables that are set, and commands that run one after the other.

/// A script that grows.
#[derive(Debug, Default)]
pub(super) struct Script(String);

impl Script {
    /// Sets a variable for all that follows; the value is text for the shell, quotes included.
    pub(super) fn export(&mut self, name: &str, value: &str) {
        self.line(&format!("export {name}={value}"));
    }

    /// Adds commands.
    pub(super) fn line(&mut self, text: &str) {
        self.0.push_str(text.trim_end_matches('\n'));
        self.0.push('\n');
    }

    /// Adds a command that reads a text as it stands, under a word that occurs in no line of it.
    pub(super) fn reading(&mut self, command: &str, text: &str) {
        let mut end = "END".to_owned();
        while text.lines().any(|line| line == end) {
            end.push('_');
        }
        self.0.push_str(&format!("{command} <<'{end}'\n{text}"));
        if !text.ends_with('\n') && !text.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(&format!("{end}\n"));
    }

    /// Adds another script.
    pub(super) fn add(&mut self, script: &Self) {
        self.0.push_str(&script.0);
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}

/// A value that stays as it is.
pub(super) fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// A text that stays as it is, inside double quotes.
pub(super) fn inside_quotes(text: &str) -> String {
    let mut quoted = String::new();
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '`' | '$') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

/// Whether the shell takes this as the name of a variable.
pub(super) fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The variables that a script asks for, as `$NAME` or `${NAME…}`; a `$` that a backslash escapes asks for none.
pub(super) fn asked_for(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('$').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        let rest = rest.strip_prefix('{').map_or(rest, |rest| rest.trim_start_matches(['#', '!']));
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        Some(&rest[..length]).filter(|name| is_name(name) && !text[..at].ends_with('\\'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a real shell makes of a word.
    fn said(word: &str) -> String {
        let script = format!("NAME=there; printf %s {word}");
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_text_that_stays_as_it_is_is_what_was_written() {
        for text in ["plain", "it's", "$NAME", "`id`", "a \"b\" \\ c", "two\nlines"] {
            assert_eq!(said(&literal(text)), text);
            assert_eq!(said(&format!("\"{}\"", inside_quotes(text))), text);
        }
    }

    #[test]
    fn a_text_is_read_whatever_stands_in_it() {
        for text in ["a $b `c`\nEND\n", "END\nEND_\n", ""] {
            let mut script = Script::default();
            script.reading("cat", text);
            let output = std::process::Command::new("bash").args(["-c", &script.text()]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }

    #[test]
    fn the_variables_of_a_script_are_found() {
        let asked: Vec<&str> = asked_for("$A ${B:-x} ${#C} $(d) $1 \\$E \"$F\"").collect();
        assert_eq!(asked, ["A", "B", "C", "F"]);
    }
}
