//! The functions of expressions, and how values compare.

use serde_json::Value;

use super::compile::Compiler;
use super::parse::{Expression, Operator};
use super::term::{Kind, Shell, Term, number, shown};

/// Calls a function.
pub(super) fn call(compiler: &mut Compiler<'_>, name: &str, arguments: &[Expression]) -> Term {
    match (name, arguments) {
        ("contains", [search, item]) => contains(compiler, search, item),
        ("startswith", [text, start]) => {
            texts(compiler, text, start, "begins", |text, start| text.starts_with(start))
        }
        ("endswith", [text, end]) => texts(compiler, text, end, "ends", |text, end| text.ends_with(end)),
        ("format", [pattern, values @ ..]) => format(compiler, pattern, values),
        ("join", [list]) => join(compiler, list, ","),
        ("join", [list, between]) => match compiler.known(between) {
            Some(between) => join(compiler, list, &shown(&between)),
            None => Term::Unknown,
        },
        ("tojson", [value]) => match compiler.known(value) {
            Some(value) => Term::Known(serde_json::to_string_pretty(&value).unwrap_or_default().into()),
            None => Term::Unknown,
        },
        ("fromjson", [text]) => from_json(compiler, text),
        _ => {
            let help = "put what takes a release back into `run` commands: those can be drilled";
            compiler.obstacle(format!("the function `{name}` is not evaluated"), help)
        }
    }
}

fn from_json(compiler: &mut Compiler<'_>, text: &Expression) -> Term {
    let Some(text) = compiler.known(text) else { return Term::Unknown };
    match serde_json::from_str(&shown(&text)) {
        Ok(value) => Term::Known(value),
        Err(error) => compiler.obstacle(format!("not JSON: {error}"), "give a text that `fromJSON` can read"),
    }
}

fn join(compiler: &mut Compiler<'_>, list: &Expression, between: &str) -> Term {
    match compiler.known(list) {
        Some(Value::Array(items)) => {
            Term::Known(items.iter().map(shown).collect::<Vec<_>>().join(between).into())
        }
        Some(one) => Term::Known(shown(&one).into()),
        None => Term::Unknown,
    }
}

/// A test of two texts, in which upper and lower case are the same.
fn texts(
    compiler: &mut Compiler<'_>,
    text: &Expression,
    part: &Expression,
    word: &str,
    holds: fn(&str, &str) -> bool,
) -> Term {
    let (text, part) = (compiler.term(text), compiler.term(part));
    if let (Term::Known(text), Term::Known(part)) = (&text, &part) {
        return Term::Known(holds(&shown(text).to_lowercase(), &shown(part).to_lowercase()).into());
    }
    match (text.shell(), part.shell()) {
        (Some(text), Some(part)) => Term::test(format!("{word} \"{}\" \"{}\"", text.text, part.text)),
        _ => Term::Unknown,
    }
}

fn contains(compiler: &mut Compiler<'_>, search: &Expression, item: &Expression) -> Term {
    let Term::Known(Value::Array(items)) = compiler.term(search) else {
        return texts(compiler, search, item, "holds", |search, item| search.contains(item));
    };
    match compiler.term(item) {
        Term::Known(item) => Term::Known(items.iter().any(|one| compare(Operator::Equal, one, &item)).into()),
        Term::Shell(item) => {
            let same = |one: &Value| {
                format!("same \"{}\" {}", item.text, crate::pipeline::script::literal(&shown(one)))
            };
            let tests: Vec<String> = items.iter().map(same).collect();
            if tests.is_empty() { Term::Known(false.into()) } else { any(&tests) }
        }
        Term::Unknown => Term::Unknown,
    }
}

fn any(tests: &[String]) -> Term {
    Term::test(format!("{{ {}; }}", tests.join(" || ")))
}

fn format(compiler: &mut Compiler<'_>, pattern: &Expression, values: &[Expression]) -> Term {
    let Some(pattern) = compiler.known(pattern).map(|pattern| shown(&pattern)) else { return Term::Unknown };
    let values: Vec<Term> = values.iter().map(|value| compiler.term(value)).collect();
    let Some(parts) = filled(&pattern, &values) else {
        return compiler.obstacle("not what `format` can fill in", "number its places from {0}");
    };
    let known: Option<Vec<String>> = parts.iter().map(known_text).collect();
    if let Some(known) = known {
        return Term::Known(known.concat().into());
    }
    let words: Option<Vec<Shell>> = parts.iter().map(Term::shell).collect();
    let Some(words) = words else { return Term::Unknown };
    let text: String = words.into_iter().map(|word| word.text).collect();
    let test = format!("[[ -n \"{text}\" ]]");
    Term::Shell(Shell { text, test, kind: Kind::Text })
}

fn known_text(term: &Term) -> Option<String> {
    match term {
        Term::Known(value) => Some(shown(value)),
        Term::Shell(_) | Term::Unknown => None,
    }
}

/// The pieces of a pattern: `{0}` is the first value, `{{` and `}}` are braces.
fn filled(pattern: &str, values: &[Term]) -> Option<Vec<Term>> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        let behind = &rest[at + 1..];
        if let Some(after) = behind.strip_prefix(brace) {
            text.push_str(brace);
            rest = after;
            continue;
        }
        let (place, after) = behind.split_once('}').filter(|_| brace == "{")?;
        parts.push(Term::Known(std::mem::take(&mut text).into()));
        parts.push(values.get(place.trim().parse::<usize>().ok()?)?.clone());
        rest = after;
    }
    text.push_str(rest);
    parts.push(Term::Known(text.into()));
    Some(parts)
}

/// What stands under a key of a value, or nothing.
pub(super) fn index(value: &Value, key: &Value) -> Value {
    let found = match (value, key) {
        (Value::Object(entries), Value::String(key)) => {
            entries.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.clone())
        }
        (Value::Array(items), Value::String(key)) => {
            let inside = items.iter().filter(|item| item.is_object());
            Some(inside.map(|item| index(item, &Value::from(key.as_str()))).collect())
        }
        (Value::Array(items), Value::Number(at)) => {
            at.as_u64().and_then(|at| items.get(usize::try_from(at).ok()?)).cloned()
        }
        _ => None,
    };
    found.unwrap_or(Value::Null)
}

/// Compares two values: texts without regard to case, values of different kinds as numbers.
pub(super) fn compare(operator: Operator, left: &Value, right: &Value) -> bool {
    use std::cmp::Ordering;
    let order = match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.to_lowercase().cmp(&right.to_lowercase())),
        (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => None,
        (left, right) => number(left).partial_cmp(&number(right)),
    };
    match operator {
        Operator::Equal => order == Some(Ordering::Equal),
        Operator::Less => order == Some(Ordering::Less),
        Operator::More => order == Some(Ordering::Greater),
        Operator::AtMost => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Operator::AtLeast => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        Operator::Unequal | Operator::And | Operator::Or => false,
    }
}
