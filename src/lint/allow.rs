//! `-- backout: allow RULE because "reason"`: what somebody has thought about, and why.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::model::Remark;
use super::operation::Operation;
use super::rules::{self, Found, RULES};
use super::unit::{Script, remark};
use crate::diagnostic::Diagnostic;
use crate::lint::model::Class;

/// Such a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Allow {
    rule: String,
    because: String,
    span: Range<usize>,
    /// The line of code that it is about.
    line: usize,
}

static COMMENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?:--|#)[ \t]*backout:[ \t]*allow\b[ \t]*([\w-]*)[ \t]*(because[ \t]*"([^"\n]*)")?[^\n]*"#)
        .expect("the expression is right")
});

/// Marks what the comments of a script allow; a comment that nothing needs becomes a remark of its own.
///
/// # Errors
/// Comments without a known rule or without a reason.
pub(super) fn apply(
    script: &Script,
    operations: &[Operation],
    remarks: &mut Vec<Remark>,
) -> Result<(), Vec<Diagnostic>> {
    let allows = comments(script)?;
    let source = &script.source;
    let line_of = |offset: usize| source.position(offset).0;
    for allow in allows {
        let mut used = false;
        for remark in remarks.iter_mut().filter(|remark| remark.rule == allow.rule) {
            let own = operations.iter().find(|operation| operation.span == remark.span);
            let statement = own.map(|operation| line_of(operation.statement.start));
            if remark.at.line == allow.line || statement == Some(allow.line) {
                remark.allowed = Some(allow.because.clone());
                used = true;
            }
        }
        if !used {
            let rule = rules::named("unused-allow").expect("there is such a rule");
            remarks.push(remark(source, allow.span.clone(), rule, unused(&allow.rule)));
        }
    }
    remarks.sort_by_key(|remark| remark.span.start);
    Ok(())
}

/// What is said of something allowed that nothing needs.
pub fn unused(rule: &str) -> Found {
    Found {
        class: Class::Reversible,
        message: format!("allows `{rule}`, and nothing there needs it"),
        why: "what it would cover tomorrow, nobody would see".to_owned(),
        instead: "remove it".to_owned(),
        table: None,
    }
}

fn comments(script: &Script) -> Result<Vec<Allow>, Vec<Diagnostic>> {
    let text = &script.source.text;
    let mut allows = Vec::new();
    let mut mistakes = Vec::new();
    for found in COMMENT.captures_iter(&text[script.part.clone()]) {
        let whole = found.get(0).expect("a match has a text");
        let span = script.part.start + whole.start()..script.part.start + whole.end();
        let rule = found.get(1).map_or("", |rule| rule.as_str()).to_owned();
        let because = found.get(3).map_or("", |because| because.as_str()).trim().to_owned();
        let mistake = |message: String| Diagnostic::at(&script.source, span.clone(), message);
        if rules::named(&rule).is_none() {
            let known = RULES.iter().map(|rule| rule.name);
            mistakes.push(mistake(format!("there is no rule `{rule}`")).suggest(&rule, known));
        } else if because.is_empty() {
            let help = format!("write it as `-- backout: allow {rule} because \"…\"`");
            mistakes.push(mistake("what is allowed needs a reason".to_owned()).help(help));
        } else {
            let line = line_of_code(script, span.clone());
            allows.push(Allow { rule, because, span, line });
        }
    }
    if mistakes.is_empty() { Ok(allows) } else { Err(mistakes) }
}

/// The line that a comment is about: its own, where there is code before it, else the next with code.
fn line_of_code(script: &Script, comment: Range<usize>) -> usize {
    let text = &script.source.text;
    let (own, _) = script.source.position(comment.start);
    let start = text[..comment.start].rfind('\n').map_or(0, |newline| newline + 1);
    if !text[start..comment.start].trim().is_empty() {
        return own;
    }
    let is_code = |line: &str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with("--") && !line.starts_with('#')
    };
    let below = text[comment.end..].lines().skip(1).position(is_code);
    below.map_or(own, |lines| own + 1 + lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Source, render};
    use crate::lint::read::Dialect;
    use crate::lint::unit::{Expected, Half, Types, Unit, lint};

    fn linted(text: &str) -> Result<Vec<Remark>, Vec<Diagnostic>> {
        let change = vec![Half::Sql(Script::whole(&Source::new("up.sql", text)))];
        let unit = Unit { change, rollback: None, expected: Expected::Nothing };
        lint(&unit, Dialect::Postgres, &mut Types::new()).map(|linted| linted.remarks)
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, Option<&str>)]) {
        let remarks = linted(text).unwrap();
        let said: Vec<(&str, Option<&str>)> =
            remarks.iter().map(|remark| (remark.rule.as_str(), remark.allowed.as_deref())).collect();
        assert_eq!(said, expected, "{text}");
    }

    #[test]
    fn a_comment_above_or_behind_allows_one_rule_with_its_reason() {
        let allowed = [("drop-table", Some("it is empty"))];
        check("-- backout: allow drop-table because \"it is empty\"\nDROP TABLE a;", &allowed);
        check("DROP TABLE a; -- backout: allow drop-table because \"it is empty\"", &allowed);
        check("-- backout: allow drop-table because \"it is empty\"\n\n-- more\nDROP TABLE\n a;", &allowed);
        let later = "-- backout: allow drop-column because \"moved\"\nALTER TABLE t\n ADD b int,\n DROP a";
        check(later, &[("drop-column", Some("moved"))]);
    }

    #[test]
    fn it_allows_nothing_else_and_says_so_when_nothing_needs_it() {
        let text = "-- backout: allow delete because \"x\"\nDROP TABLE a;\nDELETE FROM b";
        check(text, &[("unused-allow", None), ("drop-table", None), ("delete", None)]);
    }

    #[test]
    fn without_a_reason_or_a_known_rule_it_is_a_mistake() {
        let mistakes =
            linted("DROP TABLE a; -- backout: allow drop-table\n-- backout: allow drop-tabel because \"x\"");
        let drawn = render(&mistakes.unwrap_err());
        assert!(drawn.contains("what is allowed needs a reason"), "{drawn}");
        assert!(drawn.contains("did you mean `drop-table`?"), "{drawn}");
        assert!(linted("DROP TABLE a; -- backout: allow drop-table because \" \"").is_err());
    }
}
