//! Text to nodes. Anchors, aliases and merge keys (`<<`) are resolved; duplicate keys are mistakes.
//!
//! The events come from the YAML 1.2 parser below `serde_yaml`; plain scalars are resolved by the
//! core schema (YAML 1.2.2, 10.3.2), so `no` stays text and `0755` keeps its zero.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_yaml::granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Span};

use super::padded::Padded;
use crate::diagnostic::{Diagnostic, Source};

/// Lines of quoted texts that may be indented less than they should be.
const MOST_PADDED: usize = 200;

/// Bytes of a source.
#[derive(Debug, Clone)]
pub struct Spot {
    /// The text it lies in.
    pub source: Arc<Source>,
    /// The bytes.
    pub span: Range<usize>,
}

impl Spot {
    /// A mistake here.
    pub fn mistake(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(&self.source, self.span.clone(), message)
    }
}

/// A YAML value and where it was written.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it holds.
    pub value: Value,
    /// Where it was written.
    pub spot: Spot,
    /// A local tag such as `reset` for `!reset`.
    pub tag: Option<String>,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub enum Value {
    /// A scalar; `plain` ones (not quoted, not a block) may be null, a truth value or a number.
    Scalar {
        /// The text after YAML's escapes.
        text: String,
        /// Whether it stood without quotes.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping in the order of the file.
    Mapping(Vec<Entry>),
}

/// One `key: value` of a mapping.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// Where the key was written.
    pub key_spot: Spot,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The entries of a mapping, nothing for other kinds.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            Value::Scalar { .. } | Value::Sequence(_) => &[],
        }
    }

    /// The items of a list, nothing for other kinds.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Sequence(items) => items,
            Value::Scalar { .. } | Value::Mapping(_) => &[],
        }
    }

    /// The entry under a key of a mapping.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value under a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// Whether this is an empty or null plain scalar.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The node at a path of keys and list positions such as `["steps", "0", "sql"]`, or as much of
    /// that path as exists.
    pub fn nearest(&self, path: &[&str]) -> &Self {
        let Some((first, rest)) = path.split_first() else { return self };
        let child = match &self.value {
            Value::Mapping(_) => self.get(first),
            Value::Sequence(items) => first.parse::<usize>().ok().and_then(|index| items.get(index)),
            Value::Scalar { .. } => None,
        };
        child.map_or(self, |child| child.nearest(rest))
    }

    /// The same value for serde, plain scalars resolved.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Scalar { text, plain } => scalar(text, *plain),
            Value::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Value::Mapping(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect()
            }
        }
    }
}

/// How much a file may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of text.
    pub bytes: usize,
    /// Nodes after aliases are resolved.
    pub nodes: usize,
    /// Mappings and lists inside each other.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 20, nodes: 50_000, depth: 64 }
    }
}

/// Reads one YAML document.
///
/// # Errors
/// What is wrong with the text: syntax, duplicate keys, several documents, or a limit passed.
pub fn parse(source: &Arc<Source>, limits: Limits) -> Result<Node, Vec<Diagnostic>> {
    if source.text.len() > limits.bytes {
        let (is, may) = (source.text.len(), limits.bytes);
        return Err(vec![
            Diagnostic::whole(source, format!("the file holds {is} bytes; at most {may} are read"))
                .help("keep data in files of their own and name them from here"),
        ]);
    }
    let mut padded = Padded::new(&source.text);
    for _ in 0..MOST_PADDED {
        match attempt(source, &padded, limits) {
            Err(Stopped { shallow: Some(at), .. }) if padded.deepen(at) => {}
            Err(stopped) => return Err(stopped.mistakes),
            Ok(root) => return Ok(root),
        }
    }
    attempt(source, &padded, limits).map_err(|stopped| stopped.mistakes)
}

/// Why a text could not be read.
struct Stopped {
    mistakes: Vec<Diagnostic>,
    /// The byte at which a quoted text goes on that is not indented far enough.
    shallow: Option<usize>,
}

fn attempt(source: &Arc<Source>, padded: &Padded<'_>, limits: Limits) -> Result<Node, Stopped> {
    let text = padded.text();
    let mut builder = Builder::new(source, &text, padded, limits);
    let root = builder.document();
    let Builder { mut mistakes, shallow, .. } = builder;
    match root {
        Ok(root) if mistakes.is_empty() => Ok(root),
        Ok(_) => Err(Stopped { mistakes, shallow: None }),
        Err(fatal) => {
            mistakes.push(*fatal);
            Err(Stopped { mistakes, shallow })
        }
    }
}

type Fatal = Box<Diagnostic>;

/// The keys of a mapping, each with the line on which it was first given; 0 for one that was merged.
type Lines = BTreeMap<String, usize>;

struct Builder<'s> {
    source: &'s Arc<Source>,
    padded: &'s Padded<'s>,
    parser: Parser<'s, serde_yaml::granit_parser::StrInput<'s>>,
    limits: Limits,
    nodes: usize,
    anchors: BTreeMap<usize, Node>,
    mistakes: Vec<Diagnostic>,
    shallow: Option<usize>,
    /// Byte offset of each character, only for texts where they differ.
    bytes: Option<Vec<usize>>,
}

impl<'s> Builder<'s> {
    fn new(source: &'s Arc<Source>, text: &'s str, padded: &'s Padded<'s>, limits: Limits) -> Self {
        let bytes = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect());
        let parser = Parser::new_from_str(text);
        let (anchors, mistakes) = (BTreeMap::new(), Vec::new());
        Self { source, padded, parser, limits, nodes: 0, anchors, mistakes, shallow: None, bytes }
    }

    fn document(&mut self) -> Result<Node, Fatal> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                (Event::StreamEnd, _) => {
                    return Err(Box::new(Diagnostic::whole(self.source, "the file is empty")));
                }
                (event, span) => {
                    let root = self.node(event, span, 0)?;
                    self.end()?;
                    return Ok(root);
                }
            }
        }
    }

    fn end(&mut self) -> Result<(), Fatal> {
        loop {
            match self.next()? {
                (Event::DocumentEnd, _) => {}
                (Event::StreamEnd, _) => return Ok(()),
                (_, span) => return Err(self.fatal(&span, "a second YAML document; one is read")),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'s>, Span), Fatal> {
        match self.parser.next() {
            Some(Ok(pair)) => Ok(pair),
            Some(Err(error)) => {
                let at = self.byte(error.marker().index());
                self.shallow = matches!(error.kind(), ErrorKind::InvalidQuotedScalarIndent).then_some(at);
                Err(Box::new(Diagnostic::at(self.source, at..at, format!("not YAML: {}", error.info()))))
            }
            None => Err(Box::new(Diagnostic::whole(self.source, "the YAML ends too early"))),
        }
    }

    fn node(&mut self, event: Event<'s>, span: Span, depth: usize) -> Result<Node, Fatal> {
        self.count(1, &span)?;
        if depth > self.limits.depth {
            let message = format!("nested deeper than {} levels", self.limits.depth);
            return Err(self.fatal(&span, message));
        }
        let (anchor, tag, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                (anchor, tag, Value::Scalar { text: text.into_owned(), plain })
            }
            Event::SequenceStart(_, anchor, tag) => (anchor, tag, self.sequence(depth)?),
            Event::MappingStart(_, anchor, tag) => (anchor, tag, self.mapping(depth)?),
            Event::Alias(id) => return self.alias(id, &span),
            _ => return Err(self.fatal(&span, "not a value")),
        };
        let tag = tag.map(|tag| tag.suffix().to_owned()).filter(|tag| !tag.is_empty());
        let node = Node { value, spot: self.spot(&span), tag };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, Fatal> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::Sequence(items)),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, Fatal> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut lines = Lines::new();
        let mut merged = Vec::new();
        loop {
            let (event, span_of_key) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key_spot = self.spot(&span_of_key);
            let key = self.key(event, &span_of_key)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            if key == "<<" {
                merged.push(value);
            } else if let Some(line) = lines.get(&key) {
                self.mistakes.push(
                    key_spot
                        .mistake(format!("the key `{key}` is given twice"))
                        .label(format!("first on line {line}")),
                );
            } else {
                lines.insert(key.clone(), span_of_key.start.line());
                entries.push(Entry { key, key_spot, value });
            }
        }
        for node in merged {
            Self::merge(&mut entries, &mut lines, node)?;
        }
        Ok(Value::Mapping(entries))
    }

    fn key(&mut self, event: Event<'s>, span: &Span) -> Result<String, Fatal> {
        match event {
            Event::Scalar(text, ..) => Ok(text.into_owned()),
            Event::Alias(id) => match self.alias(id, span)?.value {
                Value::Scalar { text, .. } => Ok(text),
                Value::Sequence(_) | Value::Mapping(_) => Err(self.fatal(span, "a key must be a scalar")),
            },
            _ => Err(self.fatal(span, "a key must be a scalar")),
        }
    }

    /// Adds what a merge key brings; keys that stand in the mapping itself win.
    fn merge(entries: &mut Vec<Entry>, lines: &mut Lines, node: Node) -> Result<(), Fatal> {
        match node.value {
            Value::Mapping(brought) => {
                for entry in brought {
                    if !lines.contains_key(&entry.key) {
                        lines.insert(entry.key.clone(), 0);
                        entries.push(entry);
                    }
                }
                Ok(())
            }
            Value::Sequence(nodes) => {
                nodes.into_iter().try_for_each(|node| Self::merge(entries, lines, node))
            }
            Value::Scalar { .. } => {
                Err(Box::new(node.spot.mistake("a merge key `<<` takes a mapping or a list of mappings")))
            }
        }
    }

    fn alias(&mut self, id: usize, span: &Span) -> Result<Node, Fatal> {
        let Some(node) = self.anchors.get(&id).cloned() else {
            return Err(self.fatal(span, "an alias without its anchor"));
        };
        self.count(size(&node), span)?;
        Ok(node)
    }

    fn count(&mut self, nodes: usize, span: &Span) -> Result<(), Fatal> {
        self.nodes += nodes;
        if self.nodes <= self.limits.nodes {
            return Ok(());
        }
        let message = format!("the file unfolds to more than {} values", self.limits.nodes);
        let mut fatal = self.fatal(span, message);
        fatal.help.push("aliases that hold aliases grow quickly; write the values out".to_owned());
        Err(fatal)
    }

    fn fatal(&self, span: &Span, message: impl Into<String>) -> Fatal {
        Box::new(self.spot(span).mistake(message))
    }

    fn spot(&self, span: &Span) -> Spot {
        let span = self.byte(span.start.index())..self.byte(span.end.index());
        Spot { source: Arc::clone(self.source), span }
    }

    fn byte(&self, character: usize) -> usize {
        let byte = match &self.bytes {
            Some(bytes) => bytes.get(character).copied().unwrap_or(usize::MAX),
            None => character,
        };
        self.padded.original(byte).min(self.source.text.len())
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar { .. } => 0,
        Value::Sequence(items) => items.iter().map(size).sum(),
        Value::Mapping(entries) => entries.iter().map(|entry| size(&entry.value)).sum(),
    }
}

fn scalar(text: &str, plain: bool) -> serde_json::Value {
    use serde_json::Value as Json;
    if !plain {
        return Json::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Json::Null,
        "true" | "True" | "TRUE" => Json::Bool(true),
        "false" | "False" | "FALSE" => Json::Bool(false),
        _ => number(text).map_or_else(|| Json::String(text.to_owned()), Json::Number),
    }
}

fn number(text: &str) -> Option<serde_json::Number> {
    let digits = text.trim_start_matches(['-', '+']);
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit());
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if !numeric || leading_zero {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    text.parse::<f64>().ok().and_then(serde_json::Number::from_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, Vec<Diagnostic>> {
        parse(&Source::new("t.yaml", text), Limits::default())
    }

    fn errors(text: &str) -> Vec<String> {
        read(text).unwrap_err().into_iter().map(|d| format!("{} {}", d.place(), d.message)).collect()
    }

    #[test]
    fn a_quoted_text_may_go_on_without_being_indented_further() {
        for (text, value) in [
            ("a:\n  b:\n  - 'LONG=one\n  two'\n  c: é\n", "LONG=one two"),
            ("a:\n  b:\n  - \"one\n\ntwo \\\n  three\"\n  c: é\n", "one\ntwo three"),
            ("é: x\na:\n  b: ['one\ntwo', x]\n  c: é\n", "one two"),
        ] {
            let source = Source::new("a.yaml", text);
            let root = parse(&source, Limits::default()).unwrap();
            let a = root.get("a").unwrap();
            assert_eq!(a.get("b").unwrap().items()[0].text(), Some(value), "{text}");
            let c = &a.get("c").unwrap().spot;
            assert_eq!(&text[c.span.clone()], "é", "what follows stands where it is written");
        }
        let errors = errors("a: 'one\ntwo\nb: 1\n");
        assert_eq!(errors.len(), 1, "{errors:?}");
    }

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let json =
            read("a: no\nb: 0755\nc: 3\nd: 1.5\ne: ~\nf: true\ng: \"7\"\nh: 3306:3306\n").unwrap().to_json();
        assert_eq!(
            json,
            serde_json::json!({"a": "no", "b": "0755", "c": 3, "d": 1.5, "e": null, "f": true, "g": "7", "h": "3306:3306"})
        );
    }

    #[test]
    fn merge_keys_give_what_is_not_there_already() {
        let json = read("base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\n").unwrap().to_json();
        assert_eq!(json["use"], serde_json::json!({"x": 1, "y": 3}));
        let several = "a: &a {x: 1}\nb: &b {x: 2, z: 2}\nuse: {<<: [*a, *b], y: 3}\n";
        assert_eq!(read(several).unwrap().to_json()["use"], serde_json::json!({"x": 1, "y": 3, "z": 2}));
    }

    #[test]
    fn duplicate_keys_are_all_found_with_their_places() {
        assert_eq!(
            errors("a: 1\na: 2\nb:\n  c: 1\n  c: 2\n"),
            ["t.yaml:2:1 the key `a` is given twice", "t.yaml:5:3 the key `c` is given twice"]
        );
    }

    #[test]
    fn a_key_given_twice_is_found_among_a_hundred_thousand() {
        let mut text: String = (0..100_000).map(|number| format!("k{number}: 0\n")).collect();
        text.push_str("k99999: 1\nk7: 1\n");
        let limits = Limits { bytes: text.len(), nodes: 200_000, ..Limits::default() };
        let mistakes = parse(&Source::new("t.yaml", text), limits).unwrap_err();
        let found: Vec<String> =
            mistakes.iter().map(|one| format!("{} {:?}", one.message, one.label)).collect();
        assert_eq!(
            found,
            [
                "the key `k99999` is given twice Some(\"first on line 100000\")",
                "the key `k7` is given twice Some(\"first on line 8\")"
            ]
        );
    }

    #[test]
    fn an_alias_bomb_stops_at_the_limit() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for level in 1..9 {
            let refs = vec![format!("*a{}", level - 1); 9].join(",");
            text.push_str(&format!("a{level}: &a{level} [{refs}]\n"));
        }
        assert!(errors(&text)[0].contains("unfolds to more than 50000 values"));
    }

    #[test]
    fn deep_nesting_and_large_files_are_refused() {
        assert!(errors(&("[".repeat(200) + &"]".repeat(200)))[0].contains("nested deeper than 64 levels"));
        assert!(errors(&" ".repeat((1 << 20) + 1))[0].contains("the file holds 1048577 bytes"));
    }

    #[test]
    fn places_are_bytes_also_after_accents() {
        let node = read("é: ü\nkey: value\n").unwrap();
        let spot = &node.get("key").unwrap().spot;
        assert_eq!(&spot.source.text[spot.span.clone()], "value");
    }

    #[test]
    fn syntax_errors_have_a_place() {
        assert!(errors("a: [1, 2\nb: 3\n")[0].starts_with("t.yaml:"), "{:?}", errors("a: [1, 2\nb: 3\n"));
        assert_eq!(errors(""), ["t.yaml:1:1 the file is empty"]);
    }
}
