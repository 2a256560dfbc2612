//! What a database held at one moment: plain data that goes into the journal.
//!
//! Everything is named; no object identifier, attribute number or physical order enters. Maps are ordered,
//! so that two captures of the same state are equal byte by byte.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use crate::secret;

/// One store at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreCapture {
    /// The server that was asked.
    pub server: ServerFacts,
    /// Every object of the schema by kind and name.
    pub schema: BTreeMap<ObjectName, Definition>,
    /// Every table that can hold rows: `schema.table` as SQL writes it.
    pub tables: BTreeMap<String, TableData>,
    /// Every sequence.
    pub sequences: BTreeMap<String, SequenceState>,
    /// What operations can leave behind outside the schema.
    pub leftovers: Leftovers,
    /// Tables whose rows were not read, and why; nothing is known of these. A glance leaves some out, and so does
    /// a queue that cannot be read without harm.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unread: BTreeMap<String, Unread>,
}

/// Why the rows of a table were not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unread {
    /// A difference had been seen elsewhere, and one is enough.
    Enough,
    /// No transaction has been committed since they were as before.
    NothingCommitted,
    /// They cannot be read without harm; what counts of them is a row of its store's own table.
    Unsafe,
}

impl StoreCapture {
    /// Whether it holds what another one holds: the same schema, sequences and rows; else what differs.
    pub fn holds_as(&self, other: &Self) -> Result<(), String> {
        let names = |capture: &Self| capture.tables.keys().cloned().collect::<Vec<_>>();
        if self.schema != other.schema || names(self) != names(other) {
            return Err("its schema".to_owned());
        }
        if self.sequences != other.sequences {
            return Err("a sequence".to_owned());
        }
        let differs = |(name, table): &(&String, &TableData)| table.raw != other.tables[*name].raw;
        self.tables.iter().find(differs).map_or(Ok(()), |(name, _)| Err(name.clone()))
    }

    /// The rows of all tables together.
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.raw.rows).sum()
    }
}

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Those that wait to be delivered.
    pub waiting: u64,
    /// Those that were delivered and are not acknowledged.
    pub held: u64,
}

/// Which server, database and role answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// The server's version as it writes it.
    #[serde(serialize_with = "crate::secret::word")]
    pub version: String,
    /// The observed database.
    #[serde(serialize_with = "crate::secret::word")]
    pub database: String,
    /// The role that observed.
    #[serde(serialize_with = "crate::secret::word")]
    pub user: String,
}

/// The kind of a schema object. The order is that of reports: containers before what they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each kind is named as its server's documentation names it")]
pub enum ObjectKind {
    Database,
    Extension,
    Schema,
    Table,
    PartitionedTable,
    ForeignTable,
    View,
    MaterializedView,
    Column,
    Constraint,
    Index,
    Sequence,
    Trigger,
    Event,
    Rule,
    Policy,
    Function,
    Procedure,
    Aggregate,
    WindowFunction,
    Enum,
    Domain,
    CompositeType,
    RangeType,
    BaseType,
    Cast,
    Operator,
    OperatorClass,
    OperatorFamily,
    Collation,
    Conversion,
    TextSearchConfiguration,
    TextSearchDictionary,
    StatisticsObject,
    Language,
    AccessMethod,
    EventTrigger,
    ForeignDataWrapper,
    ForeignServer,
    UserMapping,
    Publication,
    Subscription,
    DefaultPrivileges,
    SecurityLabel,
    Exchange,
    Queue,
    Binding,
    OperatorPolicy,
    Parameter,
}

impl ObjectKind {
    /// Every kind with its name, the one list that [`fmt::Display`] and parsing read.
    const NAMES: [(Self, &'static str); 49] = [
        (Self::Database, "database"),
        (Self::Extension, "extension"),
        (Self::Schema, "schema"),
        (Self::Table, "table"),
        (Self::PartitionedTable, "partitioned table"),
        (Self::ForeignTable, "foreign table"),
        (Self::View, "view"),
        (Self::MaterializedView, "materialized view"),
        (Self::Column, "column"),
        (Self::Constraint, "constraint"),
        (Self::Index, "index"),
        (Self::Sequence, "sequence"),
        (Self::Trigger, "trigger"),
        (Self::Event, "event"),
        (Self::Rule, "rule"),
        (Self::Policy, "policy"),
        (Self::Function, "function"),
        (Self::Procedure, "procedure"),
        (Self::Aggregate, "aggregate"),
        (Self::WindowFunction, "window function"),
        (Self::Enum, "enum"),
        (Self::Domain, "domain"),
        (Self::CompositeType, "composite type"),
        (Self::RangeType, "range type"),
        (Self::BaseType, "base type"),
        (Self::Cast, "cast"),
        (Self::Operator, "operator"),
        (Self::OperatorClass, "operator class"),
        (Self::OperatorFamily, "operator family"),
        (Self::Collation, "collation"),
        (Self::Conversion, "conversion"),
        (Self::TextSearchConfiguration, "text search configuration"),
        (Self::TextSearchDictionary, "text search dictionary"),
        (Self::StatisticsObject, "statistics object"),
        (Self::Language, "language"),
        (Self::AccessMethod, "access method"),
        (Self::EventTrigger, "event trigger"),
        (Self::ForeignDataWrapper, "foreign-data wrapper"),
        (Self::ForeignServer, "foreign server"),
        (Self::UserMapping, "user mapping"),
        (Self::Publication, "publication"),
        (Self::Subscription, "subscription"),
        (Self::DefaultPrivileges, "default privileges"),
        (Self::SecurityLabel, "security label"),
        (Self::Exchange, "exchange"),
        (Self::Queue, "queue"),
        (Self::Binding, "binding"),
        (Self::OperatorPolicy, "operator policy"),
        (Self::Parameter, "parameter"),
    ];

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMES.iter().find(|(kind, _)| kind == self);
        f.write_str(named.map_or("object", |(_, name)| name))
    }
}

/// A schema object by kind and name; in JSON the one string `kind: name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ObjectName {
    /// What it is.
    pub kind: ObjectKind,
    /// Its qualified name as SQL writes it, with argument types where names are overloaded.
    pub name: String,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

impl From<ObjectName> for String {
    fn from(object: ObjectName) -> Self {
        format!("{}: {}", object.kind, object.name)
    }
}

impl Serialize for ObjectName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        secret::word(&String::from(self.clone()), serializer)
    }
}

impl TryFrom<String> for ObjectName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (kind, name) = text.split_once(": ").ok_or_else(|| format!("no kind in `{text}`"))?;
        let kind = ObjectKind::parse(kind).ok_or_else(|| format!("unknown kind of object `{kind}`"))?;
        Ok(Self { kind, name: name.to_owned() })
    }
}

/// The attribute of a table that lists its columns as they stand, separated by `, `. Columns are compared by name:
/// what counts of it is only said where it is asked for.
pub const COLUMN_ORDER: &str = "column order";

/// What defines an object: attribute by attribute, so that a difference can name the one that changed. There are
/// tens of thousands of them, most with few attributes and defined as another one is: what is the same may be held
/// once, and an attribute takes no more than its texts. In JSON an object.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Definition(Arc<[(String, String)]>);

impl Definition {
    /// Names and values, in order of name.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of an attribute, if it has one.
    pub fn value(&self, attribute: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(name, _)| name.as_str().cmp(attribute));
        at.ok().map(|at| self.0[at].1.as_str())
    }
}

impl From<BTreeMap<String, String>> for Definition {
    fn from(attributes: BTreeMap<String, String>) -> Self {
        Self(attributes.into_iter().collect())
    }
}

impl From<Definition> for BTreeMap<String, String> {
    fn from(definition: Definition) -> Self {
        definition.0.iter().cloned().collect()
    }
}

impl FromIterator<(String, String)> for Definition {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(attributes: T) -> Self {
        attributes.into_iter().collect::<BTreeMap<_, _>>().into()
    }
}

impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (attribute, value)) in self.attributes().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{attribute} {value}")?;
        }
        Ok(())
    }
}

/// Whether somebody who wrote `schema.table`, or `table` for one in `public`, means this table.
///
/// `table` is a name as SQL writes it; quotes may be left out of what was written.
pub fn is_called(table: &str, written: &str) -> bool {
    let plain = |name: &str| name.replace("\"\"", "\u{1}").replace('"', "").replace('\u{1}', "\"");
    let names = [table.to_owned(), plain(table)];
    names.iter().any(|name| {
        name == written || name.strip_prefix("public.").is_some_and(|in_public| in_public == written)
    })
}

/// Whether a table, as SQL writes it, is in the schema that somebody wrote, with quotes or without.
pub fn is_in_schema(table: &str, written: &str) -> bool {
    let quoted = format!("\"{}\"", written.replace('"', "\"\""));
    [written, &quoted]
        .iter()
        .any(|schema| table.strip_prefix(schema).is_some_and(|behind| behind.starts_with('.')))
}

/// The rows of one table, as facts about them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableData {
    /// All rows and columns.
    pub raw: Fingerprint,
    /// The same without what the exceptions leave out; none for a table without exceptions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excepted: Option<Fingerprint>,
    /// Why the exceptions could not be applied, for instance because their column is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception_error: Option<String>,
    /// Whether the server empties this table when it crashes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlogged: bool,
    /// The columns that tell its rows apart; empty for a table without a key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(serialize_with = "crate::secret::word")]
    pub key: Vec<String>,
    /// Whether its rows were kept in a file.
    pub kept: Kept,
    /// The fingerprints of parts of it, by which a later capture finds the rows that differ. Only while the
    /// drill lasts: they say nothing that is worth its place in the journal.
    #[serde(skip)]
    pub chunks: Option<Arc<Chunks>>,
}

/// The rows of a table dealt out to chunks, and what each chunk sums up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunks {
    /// Which chunk a row is in.
    pub deal: Deal,
    /// The chunks that hold rows, in order of number.
    pub sums: Vec<ChunkSum>,
}

/// How rows are dealt out to chunks: by themselves alone, so that a row that is the same on two sides is in
/// the same chunk on both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deal {
    /// Chunk `n` holds the keys from `(first + n) * step` on; the first and the last have no end outwards.
    Range {
        /// The key: one column of whole numbers.
        column: String,
        /// How many keys belong together.
        step: i64,
        /// The first key of all, divided by the step.
        first: i64,
        /// The last key of all, divided by the step.
        last: i64,
    },
    /// All rows are in chunk 0.
    Whole,
    /// Chunk `n` holds the rows whose hash is `n` modulo the count.
    Hash {
        /// The columns that are hashed: the key; all of them where there is none.
        columns: Vec<String>,
        /// How many chunks there are: a power of two.
        count: i64,
    },
}

/// What one chunk sums up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkSum {
    /// Its number.
    pub chunk: u32,
    /// How many rows it holds.
    pub rows: u64,
    /// The sum of their hashes modulo 2^64.
    pub sum: u64,
}

/// The multiset of rows (column name → value), folded into one number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// How many rows there are.
    pub rows: u64,
    /// The sum of the rows' 64-bit hashes.
    #[serde(serialize_with = "crate::secret::word")]
    pub sum: String,
    /// The names of the columns that went in, in order of name.
    #[serde(serialize_with = "crate::secret::word")]
    pub columns: Vec<String>,
}

/// Whether the rows of a table were written to a file, so that they can be shown later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// They were.
    Rows {
        /// The size of the file.
        bytes: u64,
    },
    /// They were not, but the server has a copy of them: a later capture fetches those that differ.
    Copied,
    /// Of both sides, those that may differ from an earlier capture's.
    Differing {
        /// The size of this side's file.
        bytes: u64,
        /// What is not among them, where they are not all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rest: Option<String>,
    },
    /// They were not.
    Nothing {
        /// Why not.
        because: String,
    },
}

/// One sequence: what defines it and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceState {
    /// Type, start, increment, bounds, cycle, cache, owner and the column it belongs to.
    pub definition: Definition,
    /// The distance from one value to the next; negative for a descending sequence.
    pub increment: i64,
    /// The last value given out, or the first one to be.
    pub last_value: i64,
    /// Whether `last_value` has been given out.
    pub is_called: bool,
    /// The value farthest in the sequence's direction in the column it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column_reaches: Option<i64>,
    /// Whether the server sets it back when it crashes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlogged: bool,
}

impl SequenceState {
    /// The value that `nextval` would give, bounds and cycling aside.
    pub fn next(&self) -> i128 {
        let last = i128::from(self.last_value);
        if self.is_called { last + i128::from(self.increment) } else { last }
    }

    /// Whether the next value is one that the column already holds or has passed.
    pub fn is_behind_column(&self) -> bool {
        match self.column_reaches {
            Some(reached) if self.increment < 0 => self.next() >= i128::from(reached),
            Some(reached) => self.next() <= i128::from(reached),
            None => false,
        }
    }
}

/// What operations leave behind: sessions, locks, transactions, roles, settings …
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Leftovers {
    /// What is there, by kind and name.
    pub found: BTreeMap<LeftoverName, Leftover>,
    /// What the observing role is not allowed to see; nothing is known about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
}

/// The kind of something that can be left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverKind {
    /// A client's session.
    Session,
    /// A session with an open transaction.
    OpenTransaction,
    /// A granted lock on a user's relation, or an advisory lock.
    Lock,
    /// A transaction prepared for two-phase commit.
    PreparedTransaction,
    /// A temporary table, view or sequence.
    TemporaryObject,
    /// A role with its attributes and memberships; passwords are not looked at.
    Role,
    /// A database of the server.
    Database,
    /// A tablespace.
    Tablespace,
    /// A replication slot.
    ReplicationSlot,
    /// A setting made by ALTER SYSTEM, ALTER DATABASE or ALTER ROLE.
    Setting,
    /// A virtual host of the server.
    VirtualHost,
}

impl LeftoverKind {
    const NAMES: [(Self, &'static str); 11] = [
        (Self::Session, "session"),
        (Self::OpenTransaction, "open transaction"),
        (Self::Lock, "lock"),
        (Self::PreparedTransaction, "prepared transaction"),
        (Self::TemporaryObject, "temporary object"),
        (Self::Role, "role"),
        (Self::Database, "database"),
        (Self::Tablespace, "tablespace"),
        (Self::ReplicationSlot, "replication slot"),
        (Self::Setting, "setting"),
        (Self::VirtualHost, "virtual host"),
    ];

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// Whether it passes by itself, so that it is worth looking again before it is called a leftover.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Session | Self::OpenTransaction | Self::Lock | Self::TemporaryObject)
    }
}

impl fmt::Display for LeftoverKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMES.iter().find(|(kind, _)| kind == self);
        f.write_str(named.map_or("leftover", |(_, name)| name))
    }
}

/// Something that can be left behind, by kind and name; in JSON the one string `kind: name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct LeftoverName {
    /// What it is.
    pub kind: LeftoverKind,
    /// What identifies it from one moment to the next: never a process number or an address.
    pub name: String,
}

impl fmt::Display for LeftoverName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

impl From<LeftoverName> for String {
    fn from(leftover: LeftoverName) -> Self {
        format!("{}: {}", leftover.kind, leftover.name)
    }
}

impl Serialize for LeftoverName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        secret::word(&String::from(self.clone()), serializer)
    }
}

impl TryFrom<String> for LeftoverName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (kind, name) = text.split_once(": ").ok_or_else(|| format!("no kind in `{text}`"))?;
        let kind = LeftoverKind::parse(kind).ok_or_else(|| format!("unknown kind of leftover `{kind}`"))?;
        Ok(Self { kind, name: name.to_owned() })
    }
}

/// How often something is there, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Leftover {
    /// How many of this name there are.
    pub count: u64,
    /// What defines it and is compared: a role's attributes, a setting's value.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub definition: String,
    /// What is shown with it and not compared: process numbers, states, times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_name_and_is_found_by_it() {
        for (kind, name) in ObjectKind::NAMES {
            assert_eq!((ObjectKind::parse(name), kind.to_string().as_str()), (Some(kind), name));
        }
        for (kind, name) in LeftoverKind::NAMES {
            assert_eq!((LeftoverKind::parse(name), kind.to_string().as_str()), (Some(kind), name));
        }
    }

    #[test]
    fn names_are_keys_in_json_and_come_back() {
        let object = ObjectName { kind: ObjectKind::Column, name: "public.\"a: b\".c".to_owned() };
        let map = BTreeMap::from([(object, Definition::default())]);
        let json = serde_json::to_string(&map).unwrap();
        assert_eq!(json, r#"{"column: public.\"a: b\".c":{}}"#);
        assert_eq!(serde_json::from_str::<BTreeMap<ObjectName, Definition>>(&json).unwrap(), map);
        let wrong = serde_json::from_str::<BTreeMap<ObjectName, Definition>>(r#"{"colum: a":{}}"#);
        assert!(wrong.unwrap_err().to_string().contains("unknown kind of object `colum`"));
    }

    #[test]
    fn s16_a_table_is_meant_with_or_without_schema_and_quotes() {
        for written in ["public.t", "t"] {
            assert!(is_called("public.t", written), "{written}");
        }
        for written in ["app.\"My \"\"x\"\"\"", "app.My \"x\""] {
            assert!(is_called("app.\"My \"\"x\"\"\"", written), "{written}");
        }
        assert!(is_called("public.\"T\"", "\"T\"") && is_called("public.\"T\"", "T"));
        assert!(!is_called("app.t", "t") && !is_called("public.t", "T"));
    }

    #[test]
    fn s16_a_schema_is_meant_with_or_without_quotes_and_no_other() {
        assert!(is_in_schema("audit.t", "audit") && is_in_schema("\"My x\".t", "My x"));
        assert!(is_in_schema("\"My x\".t", "\"My x\""));
        assert!(!is_in_schema("audit2.t", "audit") && !is_in_schema("public.\"audit.t\"", "audit"));
    }

    fn sequence(increment: i64, last_value: i64, is_called: bool, reaches: Option<i64>) -> SequenceState {
        SequenceState {
            definition: Definition::default(),
            increment,
            last_value,
            is_called,
            column_reaches: reaches,
            unlogged: false,
        }
    }

    #[test]
    fn s14_a_sequence_is_behind_its_column_when_the_next_value_is_taken() {
        assert!(!sequence(1, 7, true, Some(7)).is_behind_column());
        assert!(sequence(1, 7, false, Some(7)).is_behind_column());
        assert!(sequence(-1, -7, false, Some(-7)).is_behind_column());
        assert!(!sequence(-1, -7, true, Some(-7)).is_behind_column());
        assert!(!sequence(1, 1, false, None).is_behind_column());
    }
}
