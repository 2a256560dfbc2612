//! `$VAR`, `${VAR}` and their forms with a default, a requirement or an alternative.
//!
//! As the Compose specification has it: a variable that is not set and has no default is nothing, and that is
//! said.

/// Expressions inside each other's defaults.
const DEEPEST: usize = 16;

/// What a variable is set to.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A text with its variables replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Replaced {
    /// The text.
    pub(super) text: String,
    /// The expressions that stand for nothing because their variable is not set.
    pub(super) blank: Vec<Fault>,
}

/// An expression that has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The expression as written, such as `${VERSION}`.
    pub(super) expression: String,
    /// What is wrong with it.
    pub(super) message: String,
    /// What to do.
    pub(super) help: String,
}

/// The text with its variables replaced.
///
/// # Errors
/// Every expression that is wrong, or whose variable is required and not set.
pub(super) fn interpolate(text: &str, lookup: Lookup<'_>) -> Result<Replaced, Vec<Fault>> {
    let mut faults = Faults::default();
    let text = replace(text, lookup, DEEPEST, &mut faults);
    let Faults { wrong, blank } = faults;
    if wrong.is_empty() { Ok(Replaced { text, blank }) } else { Err(wrong) }
}

#[derive(Default)]
struct Faults {
    wrong: Vec<Fault>,
    blank: Vec<Fault>,
}

fn replace(text: &str, lookup: Lookup<'_>, depth: usize, faults: &mut Faults) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        replaced.push_str(&rest[..dollar]);
        rest = &rest[dollar..];
        let (length, value) = expression(rest, lookup, depth, faults);
        replaced.push_str(&value);
        rest = &rest[length..];
    }
    replaced.push_str(rest);
    replaced
}

/// The bytes of the expression that the text starts with, and its value.
fn expression(text: &str, lookup: Lookup<'_>, depth: usize, faults: &mut Faults) -> (usize, String) {
    let after = &text[1..];
    if after.starts_with('$') {
        return (2, "$".to_owned());
    }
    if after.starts_with('{') {
        return braced(text, lookup, depth, faults);
    }
    let name = name(after);
    if name.is_empty() {
        return (1, "$".to_owned());
    }
    let length = 1 + name.len();
    (length, lookup(name).unwrap_or_else(|| blank(faults, unset(&text[..length], name))))
}

fn braced(text: &str, lookup: Lookup<'_>, depth: usize, faults: &mut Faults) -> (usize, String) {
    let Some(end) = closing_brace(text) else {
        return (text.len(), fault(faults, malformed(text, "it has no closing brace")));
    };
    let whole = &text[..=end];
    let name = name(&text[2..]);
    let rest = &text[2 + name.len()..end];
    let value = match operator(rest) {
        _ if name.is_empty() => fault(faults, malformed(whole, "it does not start with a name")),
        _ if depth == 0 => fault(faults, malformed(whole, "it is nested too deeply")),
        _ if rest.is_empty() => lookup(name).unwrap_or_else(|| blank(faults, unset(whole, name))),
        Some((operator, word)) => {
            let word = |faults: &mut Faults| replace(word, lookup, depth - 1, faults);
            let set = lookup(name).filter(|value| !(operator.empty_is_unset && value.is_empty()));
            match (operator.kind, set) {
                ('+', Some(_)) => word(faults),
                ('+', None) => String::new(),
                (_, Some(value)) => value,
                ('-', None) => word(faults),
                (_, None) => {
                    let message = word(faults);
                    fault(faults, required(whole, name, &message))
                }
            }
        }
        None => fault(faults, malformed(whole, "a name is followed by `:-`, `-`, `:?`, `?`, `:+` or `+`")),
    };
    (end + 1, value)
}

struct Operator {
    kind: char,
    empty_is_unset: bool,
}

/// The operator at the start of what follows a name, and the word behind it.
fn operator(text: &str) -> Option<(Operator, &str)> {
    let (empty_is_unset, text) = match text.strip_prefix(':') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let kind = text.chars().next().filter(|kind| matches!(kind, '-' | '?' | '+'))?;
    Some((Operator { kind, empty_is_unset }, &text[1..]))
}

fn name(text: &str) -> &str {
    let starts = text.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic());
    let end = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    if starts { &text[..end] } else { "" }
}

fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 0;
    text.bytes().position(|byte| {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => return false,
        }
        open == 0
    })
}

fn fault(faults: &mut Faults, fault: Fault) -> String {
    faults.wrong.push(fault);
    String::new()
}

fn blank(faults: &mut Faults, fault: Fault) -> String {
    faults.blank.push(fault);
    String::new()
}

fn unset(expression: &str, name: &str) -> Fault {
    Fault {
        expression: expression.to_owned(),
        message: format!("the variable `{name}` is not set: nothing stands in its place, as in Compose"),
        help: format!(
            "set it in the environment, in `.env` or with --set {name}=…, or give a default: `${{{name}:-…}}`"
        ),
    }
}

fn required(expression: &str, name: &str, message: &str) -> Fault {
    let message = match message {
        "" => format!("the variable `{name}` is required"),
        message => format!("the variable `{name}` is required: {message}"),
    };
    let help = format!("set it in the environment, in `.env` or with --set {name}=…");
    Fault { expression: expression.to_owned(), message, help }
}

fn malformed(expression: &str, why: &str) -> Fault {
    Fault {
        expression: expression.to_owned(),
        message: format!("not a variable: {why}"),
        help: "write `$$` for a dollar sign".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lookup(name: &str) -> Option<String> {
        [("A", "1"), ("B", "two"), ("EMPTY", "")]
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    }

    fn text_of(text: &str, lookup: Lookup<'_>) -> Result<String, Vec<Fault>> {
        interpolate(text, lookup).map(|replaced| replaced.text)
    }

    #[test]
    fn every_form_has_its_value() {
        for (text, value) in [
            ("plain", "plain"),
            ("$A-${B}", "1-two"),
            ("${A}${B}", "1two"),
            ("$$A $${A} $$$A", "$A ${A} $1"),
            ("${A-x}${NONE-x}${EMPTY-x}", "1x"),
            ("${A:-x}${NONE:-x}${EMPTY:-x}", "1xx"),
            ("${A?m}${EMPTY?m}", "1"),
            ("${A:?m}", "1"),
            ("${A+x}${NONE+x}${EMPTY+x}", "xx"),
            ("${A:+x}${NONE:+x}${EMPTY:+x}", "x"),
            ("${NONE:-${ALSO:-$B}}", "two"),
            ("${NONE:-a:-b}${NONE:-}", "a:-b"),
            ("${NONE:-{\"k\": {}}}", "{\"k\": {}}"),
            ("5$ and $1 and $", "5$ and $1 and $"),
            ("pré$A€", "pré1€"),
        ] {
            assert_eq!(text_of(text, &lookup).as_deref(), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_has_no_value_says_why() {
        for (text, expression, message) in [
            ("${NONE?}", "${NONE?}", "the variable `NONE` is required"),
            ("${EMPTY:?set $A}", "${EMPTY:?set $A}", "the variable `EMPTY` is required: set 1"),
            ("${A", "${A", "not a variable: it has no closing brace"),
            ("${}", "${}", "not a variable: it does not start with a name"),
            ("${1A}", "${1A}", "not a variable: it does not start with a name"),
            ("${A!x}", "${A!x}", "not a variable: a name is followed by `:-`, `-`, `:?`, `?`, `:+` or `+`"),
        ] {
            let faults = interpolate(text, &lookup).unwrap_err();
            assert_eq!((&*faults[0].expression, &*faults[0].message), (expression, message), "{text}");
        }
    }

    #[test]
    fn a_variable_that_is_not_set_is_nothing_and_named() {
        for (text, value, blank) in [
            ("x$NONE.y", "x.y", &["$NONE"][..]),
            ("${NONE}", "", &["${NONE}"]),
            ("${A:-}${NONE:-${ALSO}}", "1", &["${ALSO}"]),
            ("$X $Y ${Z}", "  ", &["$X", "$Y", "${Z}"]),
            ("${NONE:-}${NONE-x}", "x", &[]),
        ] {
            let replaced = interpolate(text, &lookup).unwrap();
            let named: Vec<&str> = replaced.blank.iter().map(|blank| blank.expression.as_str()).collect();
            assert_eq!((replaced.text.as_str(), &named[..]), (value, blank), "{text}");
        }
    }

    #[test]
    fn all_faults_of_a_text_are_found() {
        assert_eq!(interpolate("${X?} ${Y?} ${Z", &lookup).unwrap_err().len(), 3);
    }

    #[test]
    fn deep_nesting_ends() {
        let text = "${X:-".repeat(100_000) + &"}".repeat(100_000);
        let faults = interpolate(&text, &lookup).unwrap_err();
        assert_eq!(faults[0].message, "not a variable: it is nested too deeply");
    }

    proptest! {
        #[test]
        fn doubled_dollars_give_the_text_back(text in ".*") {
            prop_assert_eq!(text_of(&text.replace('$', "$$"), &lookup), Ok(text));
        }

        #[test]
        fn a_set_variable_stands_for_its_value_in_every_form(value in ".+", word in "[^${}]*") {
            let lookup = |_: &str| Some(value.clone());
            for text in ["$V".to_owned(), "${V}".into(), format!("${{V:-{word}}}"), format!("${{V?{word}}}")] {
                prop_assert_eq!(text_of(&text, &lookup), Ok(value.clone()));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "[$}{A:?+ é-]*") {
            let _ = interpolate(&text, &lookup);
        }
    }
}
