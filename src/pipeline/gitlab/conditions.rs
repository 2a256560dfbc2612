//! The conditions of `rules` (docs.gitlab.com/ci/jobs/job_rules, *CI/CD variable expressions*). A variable whose value
//! nobody has said leaves them open.

use std::collections::BTreeSet;

use regex::RegexBuilder;

/// Whether something holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    /// It depends on these variables.
    Unknown(BTreeSet<String>),
}

impl Truth {
    fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, other) | (other, Self::Yes) => other,
            (Self::Unknown(some), Self::Unknown(others)) => {
                Self::Unknown(some.union(&others).cloned().collect())
            }
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, other) | (other, Self::No) => other,
            (Self::Unknown(some), Self::Unknown(others)) => {
                Self::Unknown(some.union(&others).cloned().collect())
            }
        }
    }

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            open @ Self::Unknown(_) => open,
        }
    }
}

/// The value of a variable, none where nobody has said it.
pub(super) type Values<'v> = &'v dyn Fn(&str) -> Option<String>;

/// Whether a condition holds.
///
/// # Errors
/// What is wrong with it, in a few words.
pub(super) fn holds(text: &str, values: Values<'_>) -> Result<Truth, String> {
    let mut parser = Parser { rest: text, values };
    let truth = parser.or()?;
    match parser.rest.trim() {
        "" => Ok(truth),
        rest => Err(format!("`{rest}` is not understood")),
    }
}

/// One side of a comparison.
enum Operand {
    Text(String),
    Pattern(String),
    Null,
    /// A variable whose value nobody has said.
    Open(String),
}

struct Parser<'p> {
    rest: &'p str,
    values: Values<'p>,
}

impl Parser<'_> {
    fn takes(&mut self, sign: &str) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn or(&mut self) -> Result<Truth, String> {
        let mut truth = self.and()?;
        while self.takes("||") {
            truth = truth.or(self.and()?);
        }
        Ok(truth)
    }

    fn and(&mut self) -> Result<Truth, String> {
        let mut truth = self.comparison()?;
        while self.takes("&&") {
            truth = truth.and(self.comparison()?);
        }
        Ok(truth)
    }

    fn comparison(&mut self) -> Result<Truth, String> {
        if self.takes("(") {
            let inner = self.or()?;
            return if self.takes(")") { Ok(inner) } else { Err("a `)` is missing".to_owned()) };
        }
        let left = self.operand()?;
        for sign in ["==", "!=", "=~", "!~"] {
            if self.takes(sign) {
                let right = self.operand()?;
                let truth = if sign.ends_with('~') { matches(&left, &right)? } else { equal(&left, &right) };
                return Ok(if sign.starts_with('!') { truth.not() } else { truth });
            }
        }
        Ok(match left {
            Operand::Text(text) => Truth::of(!text.is_empty()),
            Operand::Pattern(_) => Truth::Yes,
            Operand::Null => Truth::No,
            Operand::Open(name) => Truth::Unknown([name].into()),
        })
    }

    fn operand(&mut self) -> Result<Operand, String> {
        for quote in ['"', '\''] {
            if self.takes(&quote.to_string()) {
                return Ok(Operand::Text(self.until(quote)?));
            }
        }
        if self.takes("/") {
            let pattern = self.until('/')?;
            let flags = self.word();
            return Ok(Operand::Pattern(format!("/{pattern}/{flags}")));
        }
        if self.takes("$") {
            let braced = self.takes("{");
            let name = self.word();
            if name.is_empty() || (braced && !self.takes("}")) {
                return Err("a variable has no name".to_owned());
            }
            return Ok((self.values)(&name).map_or(Operand::Open(name), Operand::Text));
        }
        match self.word().as_str() {
            "null" => Ok(Operand::Null),
            _ => Err(format!("`{}` is no value", self.rest)),
        }
    }

    fn until(&mut self, end: char) -> Result<String, String> {
        let mut escaped = false;
        for (at, c) in self.rest.char_indices() {
            if c == end && !escaped {
                let text = self.rest[..at].to_owned();
                self.rest = &self.rest[at + c.len_utf8()..];
                return Ok(text);
            }
            escaped = c == '\\' && !escaped;
        }
        Err(format!("a `{end}` is missing"))
    }

    fn word(&mut self) -> String {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }
}

fn equal(left: &Operand, right: &Operand) -> Truth {
    match (left, right) {
        (Operand::Open(name), _) | (_, Operand::Open(name)) => Truth::Unknown([name.clone()].into()),
        (Operand::Text(left), Operand::Text(right)) | (Operand::Pattern(left), Operand::Pattern(right)) => {
            Truth::of(left == right)
        }
        (Operand::Null, Operand::Null) => Truth::Yes,
        _ => Truth::No,
    }
}

fn matches(left: &Operand, right: &Operand) -> Result<Truth, String> {
    let (text, pattern) = match (left, right) {
        (Operand::Open(name), _) | (_, Operand::Open(name)) => {
            return Ok(Truth::Unknown([name.clone()].into()));
        }
        (Operand::Text(text), Operand::Pattern(pattern) | Operand::Text(pattern)) => (text, pattern),
        _ => return Ok(Truth::No),
    };
    let Some((inner, flags)) = pattern.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')) else {
        return Ok(Truth::No);
    };
    let inner = inner.replace("\\/", "/");
    let mut builder = RegexBuilder::new(&inner);
    builder.case_insensitive(flags.contains('i')).multi_line(flags.contains('m'));
    builder.dot_matches_new_line(flags.contains('s'));
    let regex = builder.build().map_err(|_| format!("`{pattern}` is no pattern"))?;
    Ok(Truth::of(regex.is_match(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Result<Truth, String> {
        let values = |name: &str| match name {
            "BRANCH" => Some("main".to_owned()),
            "EMPTY" => Some(String::new()),
            "PATTERN" => Some("/^MA/i".to_owned()),
            _ => None,
        };
        holds(text, &values)
    }

    #[test]
    fn conditions_hold_as_gitlab_says() {
        for (text, truth) in [
            ("$BRANCH == \"main\"", Truth::Yes),
            ("$BRANCH == 'main' && $EMPTY", Truth::No),
            ("$EMPTY == null || $BRANCH", Truth::Yes),
            ("$EMPTY == \"\"", Truth::Yes),
            ("$BRANCH =~ /^ma/ && $BRANCH !~ /x\\/y/", Truth::Yes),
            ("$BRANCH =~ $PATTERN", Truth::Yes),
            ("$BRANCH =~ /MAIN/i", Truth::Yes),
            ("($BRANCH != \"main\" || $EMPTY) && $OTHER", Truth::No),
            ("$OTHER || $BRANCH == \"main\"", Truth::Yes),
            ("$OTHER == \"a\" && $BRANCH", Truth::Unknown(["OTHER".to_owned()].into())),
        ] {
            assert_eq!(said(text), Ok(truth), "{text}");
        }
        assert_eq!(said("$BRANCH ="), Err("`=` is not understood".to_owned()));
        assert_eq!(said("main"), Err("`` is no value".to_owned()));
        assert_eq!(said("$BRANCH =~ /(/"), Err("`/(/` is no pattern".to_owned()));
    }
}
