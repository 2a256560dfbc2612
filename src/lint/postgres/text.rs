//! Names and texts of a tree's nodes.

use std::ops::Range;

use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::{SyntaxKind, SyntaxNode, SyntaxToken};

/// The bytes of a node.
pub(super) fn span(node: &impl AstNode) -> Range<usize> {
    let range = node.syntax().text_range();
    range.start().into()..range.end().into()
}

/// A node as one line without comments, folded to lower case but for quoted texts.
pub(super) fn flat(node: &SyntaxNode) -> String {
    let mut line = String::new();
    for token in node.descendants_with_tokens().filter_map(|element| element.into_token()) {
        if matches!(token.kind(), SyntaxKind::WHITESPACE | SyntaxKind::COMMENT) {
            continue;
        }
        let text = folded(&token);
        let is_word = |c: char| c.is_alphanumeric() || "_'\"$".contains(c);
        if line.ends_with(is_word) && text.starts_with(is_word) {
            line.push(' ');
        }
        line.push_str(&text);
    }
    line
}

fn folded(token: &SyntaxToken) -> String {
    let text = token.text();
    if text.contains(['\'', '"', '$']) { text.to_owned() } else { text.to_lowercase() }
}

/// A name as the server folds it, without the schema `public`.
pub(super) fn name(node: &impl AstNode) -> String {
    let tokens = node.syntax().descendants_with_tokens().filter_map(|element| element.into_token());
    let kept = tokens.filter(|token| !matches!(token.kind(), SyntaxKind::WHITESPACE | SyntaxKind::COMMENT));
    let name: String = kept.map(|token| unquoted(&token)).collect();
    name.strip_prefix("public.").map(str::to_owned).unwrap_or(name)
}

fn unquoted(token: &SyntaxToken) -> String {
    match token.text().strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => token.text().to_lowercase(),
    }
}

/// The names and other words in a node, up to REFERENCES: behind it stand those of another table.
pub(super) fn words(node: &SyntaxNode) -> Vec<String> {
    let tokens = node.descendants_with_tokens().filter_map(|element| element.into_token());
    let words =
        tokens.filter(|token| token.text().starts_with(|c: char| c.is_alphabetic() || "_\"".contains(c)));
    words.map(|token| unquoted(&token)).take_while(|word| word != "references").collect()
}

/// The name behind a word such as ON, as the server folds it.
pub(super) fn behind(node: &SyntaxNode, word: &str) -> Option<String> {
    let tokens = node.descendants_with_tokens().filter_map(|element| element.into_token());
    let solid = tokens.filter(|token| !matches!(token.kind(), SyntaxKind::WHITESPACE | SyntaxKind::COMMENT));
    let parts: Vec<String> =
        solid.map(|token| unquoted(&token)).skip_while(|part| part != word).skip(1).collect();
    // A name has dots between its parts.
    let mut end = 1;
    while parts.get(end).is_some_and(|part| part == ".") {
        end += 2;
    }
    let name = parts.get(..end)?.concat();
    Some(name.strip_prefix("public.").map(str::to_owned).unwrap_or(name))
}

/// The names of these nodes.
pub(super) fn names<N: AstNode>(nodes: impl Iterator<Item = N>) -> Vec<String> {
    nodes.map(|node| name(&node)).collect()
}

/// The functions that are called anywhere in a node, each with its first argument as written.
pub(super) fn calls(node: &SyntaxNode) -> Vec<(String, String)> {
    let calls = node.descendants().filter_map(ast::CallExpr::cast);
    let call = |call: ast::CallExpr| {
        let name = name(&call.expr()?);
        let name = name.strip_prefix("pg_catalog.").map(str::to_owned).unwrap_or(name);
        let arguments = call.arg_list()?;
        let first = arguments.args().next().map(|argument| flat(argument.syntax()));
        Some((name, first.unwrap_or_default()))
    };
    calls.filter_map(call).collect()
}
