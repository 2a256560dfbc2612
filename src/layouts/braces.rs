//! Just enough of languages with braces to find what a function does: JavaScript, TypeScript, PHP, C#, Go.

use super::Form;

/// Whose comments and texts are to be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    /// JavaScript and TypeScript.
    JavaScript,
    /// PHP, where `#` begins a comment too.
    Php,
    /// C#.
    CSharp,
    /// Go.
    Go,
}

/// A text without comments and without what its strings hold, which become `''`.
pub(super) fn bare(text: &str, language: Language) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(end) = comment_end(rest, language) {
            rest = &rest[end..];
        } else if ['\'', '"', '`'].contains(&first) {
            bare.push_str("''");
            rest = &rest[string_end(rest, first)..];
        } else {
            bare.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    bare
}

/// Where the comment ends that a text begins with.
fn comment_end(text: &str, language: Language) -> Option<usize> {
    let line = text.starts_with("//")
        || language == Language::Php && text.starts_with('#') && !text.starts_with("#[");
    if line {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    text.starts_with("/*").then(|| text.find("*/").map_or(text.len(), |at| at + 2))
}

/// Where the string ends that a text begins with, its closing quote included.
fn string_end(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            // Only between backticks a string goes on below; an apostrophe in a pattern does not open one.
            '\n' if quote == '\'' => return at,
            _ => {}
        }
    }
    text.len()
}

/// The bodies of what a bare text defines under a name: a method, a function, or a value that is one.
pub(super) fn function<'b>(bare: &'b str, name: &str) -> Option<&'b str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let each = bare.match_indices(name).filter(|(at, _)| {
        let before = &bare[..*at];
        let is_member = before.ends_with('.') && !before.ends_with("exports.");
        !before.ends_with(is_word) && !is_member && !before.ends_with("->")
    });
    let behind = each.map(|(at, _)| &bare[at + name.len()..]).filter(|rest| !rest.starts_with(is_word));
    behind.filter_map(|rest| defined(rest.trim_start())).next()
}

/// What is defined by the text behind a name.
fn defined(rest: &str) -> Option<&str> {
    if let Some(inside) = rest.strip_prefix('(') {
        return body(inside.get(closing(inside)?..)?);
    }
    let value = rest.strip_prefix(['=', ':'])?.trim_start().trim_start_matches("async").trim_start();
    if value.starts_with("function") {
        let inside = value.split_once('(')?.1;
        return body(inside.get(closing(inside)?..)?);
    }
    let Some(arrow) = value.find("=>") else { return constant(value) };
    let head = &value[..arrow];
    // A type stands between a name and its value: `down: Migration = async (db) => …`.
    if head.contains([';', '{', '\n']) && !head.contains('(') {
        return constant(value);
    }
    let expression = value[arrow + 2..].trim_start();
    match expression.strip_prefix('{') {
        Some(inside) => inside.get(..closing(inside)? - 1),
        None => expression.get(..expression.find([';', '\n']).unwrap_or(expression.len())),
    }
}

/// `exports.down = false`: a value that is no function.
fn constant(value: &str) -> Option<&str> {
    let word = value.split(|c: char| !c.is_alphanumeric()).next()?;
    ["false", "null", "undefined"].contains(&word).then_some(word)
}

/// The text between the braces that follow a list of parameters; none where it was a call.
fn body(behind: &str) -> Option<&str> {
    let open = behind.find(['{', ';', '=', '}'])?;
    if behind[..open].contains(['.', ',']) && !behind[..open].trim_start().starts_with([':', '(']) {
        return None;
    }
    match behind[open..].strip_prefix("=>") {
        Some(expression) => Some(expression.split(';').next().unwrap_or_default()),
        None => {
            let inside = behind[open..].strip_prefix('{')?;
            inside.get(..closing(inside)?.checked_sub(1)?)
        }
    }
}

/// Where what is open ends, its closing sign included.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return Some(at + 1),
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The arguments of a call, behind its opening bracket.
pub(super) fn arguments(text: &str) -> Vec<&str> {
    let inside = closing(text).map_or(text, |end| &text[..end - 1]);
    let (mut depth, mut from, mut found) = (0, 0, Vec::new());
    for (at, c) in inside.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(inside[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    found.push(inside[from..].trim());
    found.retain(|argument| !argument.is_empty());
    found
}

/// What a body does.
pub(super) fn form(body: &str) -> Form {
    let body = body.trim();
    if ["false"].contains(&body) || body.starts_with("throw ") || body.starts_with("panic(") {
        return Form::Refuses;
    }
    let statements = body.split([';', '\n']).map(str::trim).filter(|line| !line.is_empty());
    let acts = statements.filter(|line| !is_idle(line)).count();
    if acts == 0 { Form::Empty } else { Form::Acts }
}

fn is_idle(statement: &str) -> bool {
    const IDLE: [&str; 10] = [
        "return",
        "return null",
        "return nil",
        "return true",
        "return Promise.resolve()",
        "Promise.resolve()",
        "await Promise.resolve()",
        "null",
        "undefined",
        "return undefined",
    ];
    IDLE.contains(&statement)
        || statement.starts_with("console.")
        || statement == "''"
        || statement == "'use strict'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, name: &str, expected: Option<Form>) {
        let bare = bare(text, Language::JavaScript);
        assert_eq!(function(&bare, name).map(form), expected, "{text}");
    }

    #[test]
    fn functions_are_found_however_they_are_written() {
        for text in [
            "exports.down = function (knex) {\n  return knex.schema.dropTable('a');\n};",
            "exports.down = async (knex) => { await knex('a').del() }",
            "exports.down = pgm => pgm.dropTable('a');",
            "exports.down = (pgm) => {\n pgm.dropTable('a') }",
            "export async function down(knex: Knex): Promise<void> {\n  await x();\n}",
            "module.exports = { up: (q) => q.a(), down: (q) => q.dropTable('a') };",
            "module.exports = {\n  async up(q) { this.down('x') },\n  async down(q, S) { await q.b() }\n}",
            "class A { public async down(r: QueryRunner): Promise<void> { await r.query(`DROP`) } }",
            "const down = async (db: Kysely<any>): Promise<void> => { await db.schema.dropTable('a') }",
        ] {
            check(text, "down", Some(Form::Acts));
        }
    }

    #[test]
    fn what_does_nothing_and_what_refuses_is_told() {
        check("exports.down = () => {};", "down", Some(Form::Empty));
        check(
            "exports.down = function () { // drop(a)\n return Promise.resolve() };",
            "down",
            Some(Form::Empty),
        );
        check("async down() { throw new Error('no') }", "down", Some(Form::Refuses));
        check("exports.down = false;", "down", Some(Form::Refuses));
        check("export function up() { shut.down(); slowdown(); }", "down", None);
        check("exports.up = (pgm) => { down('x'); }", "down", None);
    }
}
