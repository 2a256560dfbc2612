//! Just enough of Python to find a function's body and a call's arguments.

/// A text without comments and without what its strings hold, which keep their quotes.
pub(super) fn bare(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| rest.starts_with(quote));
        if let Some(quote) = quote {
            let end = string_end(&rest[quote.len()..], quote) + quote.len();
            bare.push_str("''");
            rest = &rest[end..];
        } else if first == '#' {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else {
            bare.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    bare
}

/// Where a string ends, its closing quote included.
fn string_end(text: &str, quote: &str) -> usize {
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        if next == '\\' {
            at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8);
        } else if text[at..].starts_with(quote) {
            return at + quote.len();
        } else {
            at += next.len_utf8();
        }
    }
    text.len()
}

/// The statements of a function at the outermost level of a bare text, without its doc string.
pub(super) fn body<'b>(bare: &'b str, name: &str) -> Option<Vec<&'b str>> {
    let mut lines = bare.lines().skip_while(|line| !line.starts_with(&format!("def {name}(")));
    let head = lines.next()?;
    let behind = head.rsplit_once(':').map_or("", |(_, behind)| behind);
    let inside = lines.take_while(|line| line.trim().is_empty() || line.starts_with([' ', '\t', ')']));
    let all = std::iter::once(behind).chain(inside.filter(|line| !line.starts_with(')'))).map(str::trim);
    Some(all.filter(|line| !line.is_empty() && *line != "''").collect())
}

/// The arguments of every call of a function in a bare text: `RunSQL(a, b=(c, d))` gives `a` and `b=(c, d)`.
pub(super) fn calls<'b>(bare: &'b str, name: &str) -> Vec<Vec<&'b str>> {
    let head = format!("{name}(");
    bare.match_indices(&head).map(|(at, _)| arguments(&bare[at + head.len()..])).collect()
}

/// The elements of a list, behind its opening bracket.
pub(super) fn elements(text: &str) -> Vec<&str> {
    arguments(text)
}

fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut found) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth > 0 => depth -= 1,
            ')' | ']' => {
                found.push(text[from..at].trim());
                break;
            }
            ',' if depth == 0 => {
                found.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    found.retain(|argument| !argument.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_comments_do_not_count() {
        assert_eq!(bare("a('#(', \"\"\"b\n'\"\"\") # c\nd"), "a('', '') \nd");
        assert_eq!(bare(r"'it\'s' + 1"), "'' + 1");
    }

    #[test]
    fn a_body_ends_where_the_text_is_outermost_again() {
        let text = bare("def a() -> None:\n    \"\"\"Doc.\"\"\"\n    pass\n\nx = 1\ndef b(): pass\n");
        assert_eq!(body(&text, "a").unwrap(), ["pass"]);
        assert_eq!(body(&text, "b").unwrap(), ["pass"]);
        assert_eq!(body(&text, "c"), None);
    }

    #[test]
    fn arguments_are_told_apart_at_the_outermost_level() {
        assert_eq!(
            calls("[Run(f, [a, b], k=g(1, 2),), Run()]", "Run"),
            [vec!["f", "[a, b]", "k=g(1, 2)"], vec![]]
        );
    }
}
