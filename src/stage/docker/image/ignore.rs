//! `.dockerignore`: which files of a build context are left out. Pure.

use regex::Regex;

/// The patterns of one file; the last that matches decides.
#[derive(Debug, Default)]
pub(super) struct Ignore(Vec<(Regex, bool)>);

impl Ignore {
    /// Reads the patterns.
    ///
    /// # Errors
    /// When a pattern is none, in words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let patterns = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        patterns.map(pattern).collect::<Result<Vec<_>, _>>().map(Self)
    }

    /// Whether a path, relative to the context and with slashes, is left out.
    pub(super) fn leaves_out(&self, path: &str) -> bool {
        let last = self.0.iter().rev().find(|(pattern, _)| pattern.is_match(path));
        last.is_some_and(|(_, out)| *out)
    }

    /// Whether nothing below a folder that is left out can come back in.
    pub(super) fn is_final(&self) -> bool {
        self.0.iter().all(|(_, out)| *out)
    }
}

fn pattern(line: &str) -> Result<(Regex, bool), String> {
    let (glob, out) = match line.strip_prefix('!') {
        Some(rest) => (rest.trim(), false),
        None => (line, true),
    };
    let parts: Vec<&str> = glob.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    // What matches a folder matches everything in it.
    let expression = format!("^{}(?:/.*)?$", translate(&parts.join("/")));
    let regex = Regex::new(&expression).map_err(|_| format!("`{line}` is not a pattern"))?;
    Ok((regex, out))
}

/// A glob as a regular expression: `**` goes over folders, `*` and `?` do not.
fn translate(glob: &str) -> String {
    let mut expression = String::new();
    let mut letters = glob.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '*' if letters.next_if_eq(&'*').is_some() => {
                let folder = letters.next_if_eq(&'/').is_some();
                let last = letters.peek().is_none();
                expression.push_str(if last || !folder { ".*" } else { "(?:.*/)?" });
            }
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '[' => {
                expression.push('[');
                expression.extend(letters.by_ref().take_while(|letter| *letter != ']'));
                expression.push(']');
            }
            '\\' => expression.push_str(&regex::escape(&letters.next().unwrap_or('\\').to_string())),
            other => expression.push_str(&regex::escape(&other.to_string())),
        }
    }
    expression
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(patterns: &str, out: &[&str], kept: &[&str]) {
        let ignore = Ignore::parse(patterns).unwrap();
        for path in out {
            assert!(ignore.leaves_out(path), "{path} stays with {patterns:?}");
        }
        for path in kept {
            assert!(!ignore.leaves_out(path), "{path} is left out by {patterns:?}");
        }
    }

    #[test]
    fn patterns_match_as_the_docker_command_matches_them() {
        check("", &[], &["a"]);
        check("# a\n\na", &["a", "a/b/c"], &["b/a", "ab"]);
        check("/a/", &["a/x"], &["b/a"]);
        check("*.log", &["x.log"], &["d/x.log"]);
        check("*/*.log", &["d/x.log"], &["x.log", "d/e/x.log"]);
        check("**/*.log", &["x.log", "d/e/x.log"], &["x.logs"]);
        check("a/**", &["a/b", "a/b/c"], &[]);
        check("a/**/b", &["a/b", "a/x/y/b"], &["ab", "a/xb"]);
        check("file?.[ch]", &["file1.c", "file1.h"], &["file.c", "file1.o"]);
        check("*\n!keep\n!d/keep", &["x", "d/x"], &["keep", "d/keep"]);
        check("d\n!d/in\nd/in/out", &["d/x", "d/in/out"], &["d/in", "d/in/y"]);
        check("a.b", &["a.b"], &["axb"]);
        check("./a", &["a"], &[]);
    }

    #[test]
    fn a_folder_may_be_skipped_only_where_nothing_comes_back() {
        assert!(Ignore::parse("a\nb").unwrap().is_final());
        assert!(!Ignore::parse("a\n!a/b").unwrap().is_final());
        assert_eq!(Ignore::parse("a[").unwrap_err(), "`a[` is not a pattern");
    }
}
