//! What statements may have changed: what they name, and whatever that reaches by foreign keys, triggers, functions
//! and views. It is told from texts, so it errs on the side of having been seen.

use std::collections::{BTreeMap, BTreeSet};

use crate::sql;
use crate::state::model::{Definition, ObjectKind, ObjectName};

/// The objects of a store by name.
type Schema<'a> = BTreeMap<&'a ObjectName, &'a Definition>;

/// What may have been changed.
pub(super) struct Reach<'a> {
    schema: &'a Schema<'a>,
    /// The names of tables and views, without their schemas.
    relations: BTreeSet<String>,
    /// What is named, in lower case.
    named: BTreeSet<String>,
    /// Whether a text is put together while it runs: then it may name anything.
    anything: bool,
}

impl<'a> Reach<'a> {
    /// What these statements reach.
    pub(super) fn of(texts: &[&str], schema: &'a Schema<'a>) -> Self {
        let relations = schema.keys().filter(|object| is_relation(object.kind));
        let relations = relations.filter_map(|object| own_name(&object.name)).collect();
        let mut reach = Self { schema, relations, named: BTreeSet::new(), anything: false };
        texts.iter().for_each(|text| reach.take(text));
        if !reach.named.is_empty() {
            while reach.spread() {}
        }
        reach
    }

    /// Whether an object of the schema may have been changed.
    pub(super) fn object(&self, object: &ObjectName) -> bool {
        let mut mentioned = self.parts(&object.name);
        if object.kind == ObjectKind::Column {
            // The column's own name is the same in many tables.
            return self.anything || mentioned.first().is_some_and(|table| self.named.contains(table));
        }
        let defined = self.schema.get(object).map(|definition| self.relations_of(definition));
        mentioned.extend(defined.into_iter().flatten());
        self.anything || mentioned.iter().any(|word| self.named.contains(word))
    }

    /// Whether the rows of a table may have been changed.
    pub(super) fn table(&self, table: &str) -> bool {
        self.anything || self.parts(table).iter().any(|word| self.named.contains(word))
    }

    /// Whether a sequence may have been changed; most are named after their table.
    pub(super) fn sequence(&self, sequence: &str) -> bool {
        let after_its_table = |name: &String| {
            self.relations.iter().any(|table| self.named.contains(table) && name.starts_with(table))
        };
        let parts = self.parts(sequence);
        self.anything || parts.iter().any(|word| self.named.contains(word) || after_its_table(word))
    }

    /// Whether a role, a setting or the like may have been changed.
    pub(super) fn setting(&self, words: &str) -> bool {
        // The first word is its kind.
        self.anything || sql::words(words).iter().skip(1).any(|word| self.named.contains(word))
    }

    fn take(&mut self, text: &str) {
        let words = sql::words(text);
        let first = first_word(text);
        let prepares = first == "prepare";
        if !(prepares || sql::effect(text).is_change() || self.calls(&words)) {
            return;
        }
        let runs_text = matches!(first.as_str(), "do" | "begin") && words.contains("execute");
        self.anything |= runs_text || (words.contains("drop") && words.contains("owned"));
        self.named.extend(words);
    }

    /// Whether a function of the store is called by name.
    fn calls(&self, words: &BTreeSet<String>) -> bool {
        let functions = self.schema.keys().filter(|object| is_routine(object.kind));
        functions.filter_map(|function| own_name(&function.name)).any(|name| words.contains(&name))
    }

    /// Adds what is reached in one step more; whether there was any.
    fn spread(&mut self) -> bool {
        let mut more = BTreeSet::new();
        let mut anything = self.anything;
        for (object, definition) in self.schema {
            let is_named = self.parts(&object.name).iter().any(|word| self.named.contains(word));
            match object.kind {
                kind if is_routine(kind) && is_named => {
                    let words = words_of(definition);
                    anything |= words.contains("execute");
                    more.extend(words);
                }
                ObjectKind::Trigger | ObjectKind::Rule | ObjectKind::View | ObjectKind::Event if is_named => {
                    more.extend(words_of(definition));
                }
                // Parts of a named whole.
                ObjectKind::Table | ObjectKind::PartitionedTable | ObjectKind::Constraint
                    if self.follows(object, definition) =>
                {
                    more.extend(self.parts(&object.name).into_iter().take(1));
                }
                _ => {}
            }
        }
        let before = (self.named.len(), self.anything);
        self.named.extend(more);
        self.anything = anything;
        (self.named.len(), self.anything) != before
    }

    /// Whether a table follows a named one: as its partition or heir, or by a foreign key that passes changes on.
    fn follows(&self, object: &ObjectName, definition: &Definition) -> bool {
        let named = |text: &str| {
            sql::words(text).iter().any(|word| self.relations.contains(word) && self.named.contains(word))
        };
        if object.kind != ObjectKind::Constraint {
            return definition.value("inherits").is_some_and(named);
        }
        let references = definition.value("definition").and_then(|text| text.split_once("REFERENCES"));
        references.is_some_and(|(_, target)| {
            ["CASCADE", "SET NULL", "SET DEFAULT"].iter().any(|action| target.contains(action))
                && named(target)
        })
    }

    /// The parts of a name in lower case, without its schema unless a schema was spoken of.
    fn parts(&self, name: &str) -> Vec<String> {
        let path = name.split('(').next().unwrap_or(name);
        let parts: Vec<String> = path.split('.').map(plain).collect();
        let qualified =
            parts.len() > 1 && !self.named.contains("schema") && !self.relations.contains(&parts[0]);
        parts.into_iter().skip(usize::from(qualified)).collect()
    }

    /// The tables and views that a definition mentions.
    fn relations_of(&self, definition: &Definition) -> Vec<String> {
        words_of(definition).into_iter().filter(|word| self.relations.contains(word)).collect()
    }
}

fn is_relation(kind: ObjectKind) -> bool {
    matches!(
        kind,
        ObjectKind::Table
            | ObjectKind::PartitionedTable
            | ObjectKind::ForeignTable
            | ObjectKind::View
            | ObjectKind::MaterializedView
    )
}

fn is_routine(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::Function | ObjectKind::Procedure | ObjectKind::WindowFunction)
}

fn words_of(definition: &Definition) -> BTreeSet<String> {
    definition.attributes().flat_map(|(_, value)| sql::words(value)).collect()
}

fn first_word(text: &str) -> String {
    let trimmed = sql::fingerprint(text);
    trimmed.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_lowercase()
}

/// The last part of a name, without argument types.
fn own_name(name: &str) -> Option<String> {
    name.split('(').next()?.rsplit('.').next().map(plain)
}

fn plain(name: &str) -> String {
    name.trim_matches('"').to_lowercase()
}
