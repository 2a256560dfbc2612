//! Shell text: variables that are set, and commands that run one after the other.

/// A script that grows.
#[derive(Debug, Default)]
pub(super) struct Script(String);

impl Script {
    /// Sets a variable for all that follows; the value is text for the shell, quotes included.
    pub(super) fn export(&mut self, name: &str, value: &str) {
        self.0.push_str(&format!("export {name}={value}\n"));
    }

    /// Adds commands.
    pub(super) fn line(&mut self, text: &str) {
        self.0.push_str(text.trim_end_matches('\n'));
        self.0.push('\n');
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}

/// A value that stays as it is.
pub(super) fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// A value in which `$NAME` and `${NAME}` stand for other variables, and nothing else is special.
pub(super) fn expanding(value: &str) -> String {
    let mut text = String::from("\"");
    let mut rest = value.chars().peekable();
    while let Some(c) = rest.next() {
        let is_command = c == '$' && rest.peek() == Some(&'(');
        if is_command || matches!(c, '"' | '\\' | '`') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
    text
}

/// Whether the shell takes this as the name of a variable.
pub(super) fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a real shell makes of a value.
    fn said(value: &str) -> String {
        let script = format!("NAME=there; printf %s {value}");
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_literal_is_what_was_written() {
        for text in ["plain", "it's", "$NAME", "`id`", "a \"b\" \\ c", "two\nlines"] {
            assert_eq!(said(&literal(text)), text);
        }
    }

    #[test]
    fn only_variables_expand() {
        assert_eq!(said(&expanding("is $NAME, ${NAME}")), "is there, there");
        for text in ["`id`", "$(id)", "a \"b\"", "c:\\d", "it's"] {
            assert_eq!(said(&expanding(text)), text);
        }
    }
}
