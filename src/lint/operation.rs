//! What a statement or a step does, in words that are the same for every dialect: rules are written once.

use std::fmt;
use std::ops::Range;

/// One thing that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What is done.
    pub what: What,
    /// The bytes that say so.
    pub span: Range<usize>,
    /// The bytes of the whole statement.
    pub statement: Range<usize>,
}

/// Kinds of things with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// A table, also a foreign one.
    Table,
    /// A column of a table.
    Column,
    /// A constraint of a table.
    Constraint,
    /// An index.
    Index,
    /// A sequence, or what numbers a column.
    Sequence,
    /// A view, materialised or not.
    View,
    /// A type or a domain.
    Type,
    /// A schema.
    Schema,
    /// A database.
    Database,
    /// A function, procedure, trigger, policy or rule.
    Code,
    /// An extension.
    Extension,
    /// A role or user, or all that it owns.
    Role,
    /// A label of an enum.
    Label,
    /// A partition that is part of a table.
    Partition,
    /// Something else without rows: a publication, an operator, a server.
    Other,
}

impl Object {
    /// The word in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Column => "column",
            Self::Constraint => "constraint",
            Self::Index => "index",
            Self::Sequence => "sequence",
            Self::View => "view",
            Self::Type => "type",
            Self::Schema => "schema",
            Self::Database => "database",
            Self::Code => "routine or rule",
            Self::Extension => "extension",
            Self::Role => "role",
            Self::Label => "label",
            Self::Partition => "partition",
            Self::Other => "object",
        }
    }
}

/// Something with a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// What it is.
    pub object: Object,
    /// The table that it belongs to, for what belongs to one.
    pub of: Option<String>,
    /// Its name, as the server folds it, without the schema `public`.
    pub name: String,
}

impl Thing {
    /// Something that stands by itself.
    pub fn new(object: Object, name: impl Into<String>) -> Self {
        Self { object, of: None, name: name.into() }
    }

    /// Something of a table.
    pub fn of(object: Object, table: impl Into<String>, name: impl Into<String>) -> Self {
        Self { object, of: Some(table.into()), name: name.into() }
    }

    /// A table.
    pub fn table(name: impl Into<String>) -> Self {
        Self::new(Object::Table, name)
    }

    /// A column.
    pub fn column(table: impl Into<String>, name: impl Into<String>) -> Self {
        Self::of(Object::Column, table, name)
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Some(table) if self.name.is_empty() => {
                write!(f, "a {} of `{table}` without a name", self.object.word())
            }
            // Of the code of a table the table is not part of its name.
            Some(_) if self.object == Object::Code => write!(f, "{} `{}`", self.object.word(), self.name),
            Some(table) => write!(f, "{} `{table}.{}`", self.object.word(), self.name),
            None => write!(f, "{} `{}`", self.object.word(), self.name),
        }
    }
}

/// Rows that are read, as far as their text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// Where they are.
    pub table: String,
    /// The columns that are read as they are; none is all of them.
    pub columns: Option<Vec<String>>,
    /// The condition, flattened; none is every row.
    pub condition: Option<String>,
}

/// What something that is made belongs together with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ties {
    /// It goes when everything in one of these lists has gone: its table, or all its columns.
    pub goes_with: Vec<Vec<Thing>>,
    /// What comes and goes with it: the constraints of a column. A name that the server makes is empty.
    pub brings: Vec<Thing>,
    /// The words of its text, for what goes with CASCADE.
    pub mentions: Vec<String>,
    /// OR REPLACE: it may have been there in another form.
    pub redefines: bool,
    /// Whether a column says where in its table it stands; else it is the last.
    pub is_placed: bool,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Something comes to be.
    Creates {
        /// What.
        thing: Thing,
        /// Columns with their types, of a table or of itself.
        columns: Vec<(String, String)>,
        /// Nothing happens where the name is taken.
        if_not_exists: bool,
        /// What had the name is dropped.
        replaces: bool,
        /// It ends with the session.
        temporary: bool,
        /// What it belongs together with.
        ties: Ties,
    },
    /// A transaction begins in which a change of the schema ends it: MariaDB commits before and after each.
    Begins,
    /// A transaction ends.
    Ends,
    /// A sequence goes with a column from now on.
    Owns {
        /// The sequence.
        sequence: String,
        /// The column.
        by: Thing,
    },
    /// A column that must have a value comes to a table, and says none.
    NeedsValue(Thing),
    /// Something goes.
    Drops {
        /// What.
        thing: Thing,
        /// Nothing happens where there is none.
        if_exists: bool,
        /// What depends on it goes too.
        cascade: bool,
    },
    /// A column gets another type.
    Retypes {
        /// The column.
        column: Thing,
        /// The new type, flattened.
        to: String,
        /// How values are converted, where that is said.
        using: Option<String>,
        /// Whether all else of the column is said anew with it.
        whole: bool,
        /// Whether the server refuses values that do not fit, and changes none.
        strict: bool,
    },
    /// A name changes.
    Renames {
        /// What.
        thing: Thing,
        /// Its new name.
        to: String,
    },
    /// A column must have a value from now on.
    Requires(Thing),
    /// A column may be empty from now on.
    Allows(Thing),
    /// Rows are written to another table.
    Copies {
        /// Which.
        rows: Rows,
        /// Where they go.
        into: String,
    },
    /// A whole database is written elsewhere.
    BacksUp {
        /// Where it is kept.
        into: String,
    },
    /// A whole database becomes what it was when it was backed up.
    PutsBack {
        /// The database.
        database: String,
    },
    /// Rows come to a table.
    Inserts {
        /// Which table.
        table: String,
    },
    /// Values change.
    Updates {
        /// The table.
        table: String,
        /// The columns.
        columns: Vec<String>,
        /// Columns that get the value of another one of the same row: target and source.
        moved: Vec<(String, String)>,
        /// Which rows; none is all of them.
        condition: Option<String>,
    },
    /// Rows that have the key already are written over.
    Overwrites {
        /// The table.
        table: String,
        /// By what: `ON CONFLICT DO UPDATE`.
        how: &'static str,
    },
    /// Rows go.
    Deletes {
        /// The table.
        table: String,
        /// Which rows; none is all of them.
        condition: Option<String>,
    },
    /// All rows go at once.
    Truncates {
        /// The table.
        table: String,
        /// Tables that refer to it are emptied too.
        cascade: bool,
    },
    /// A sequence begins anew.
    Restarts {
        /// Which.
        sequence: String,
    },
    /// A table is no partition any more.
    Detaches(Thing),
    /// A table becomes a partition.
    Attaches(Thing),
    /// A table is no longer written to the log of the server.
    Unlogs {
        /// The table.
        table: String,
    },
    /// Somebody outside hears of it.
    Calls {
        /// What is called.
        whom: String,
    },
    /// It runs something whose text is elsewhere or not yet written.
    Hides {
        /// What: `DO`, `EXECUTE`, `SELECT repair()`.
        how: String,
    },
    /// A program runs.
    Runs {
        /// The command.
        command: String,
    },
    /// A volume goes with what is in it.
    RemovesVolume {
        /// Which, as far as it is said.
        volume: String,
        /// How.
        how: String,
    },
    /// A server gets a version that may rewrite its files.
    Upgrades {
        /// The service.
        service: String,
        /// Its image before.
        from: String,
        /// Its image then.
        to: String,
    },
    /// It is not SQL, and what it does is not read.
    NotRead {
        /// What it is: `3 migrations of Knex in db`.
        what: String,
        /// Why.
        why: String,
        /// The command that prints its SQL, where there is one.
        prints: Option<&'static str>,
    },
    /// A change that is not there, and whose rollback is.
    Absent,
    /// The text cannot be read.
    Unread {
        /// Why.
        why: String,
    },
    /// Nothing that a way back would have to bring back.
    Nothing,
}

impl What {
    /// Whether what it does is not in its text.
    pub fn is_unread(&self) -> bool {
        use What::{Absent, Hides, NotRead, PutsBack, Runs, Unread};
        matches!(self, Hides { .. } | Unread { .. } | Runs { .. } | PutsBack { .. } | NotRead { .. } | Absent)
    }

    /// The table that it is about, where it is about one.
    pub fn table(&self) -> Option<&str> {
        match self {
            Self::Creates { thing, .. } | Self::Drops { thing, .. } | Self::Renames { thing, .. } => {
                thing.of.as_deref().or((thing.object == Object::Table).then_some(thing.name.as_str()))
            }
            Self::NeedsValue(column) | Self::Requires(column) | Self::Allows(column) => column.of.as_deref(),
            Self::Retypes { column, .. } => column.of.as_deref(),
            Self::Copies { into: table, .. }
            | Self::Inserts { table }
            | Self::Updates { table, .. }
            | Self::Overwrites { table, .. }
            | Self::Deletes { table, .. }
            | Self::Truncates { table, .. } => Some(table),
            _ => None,
        }
    }

    /// Whether there is nothing in it that a way back would have to bring back.
    pub fn is_idle(&self) -> bool {
        matches!(self, Self::Nothing | Self::Begins | Self::Ends)
    }

    /// Whether it changes the schema.
    pub fn changes_schema(&self) -> bool {
        match self {
            Self::Creates { temporary, .. } => !temporary,
            Self::Drops { .. }
            | Self::NeedsValue(_)
            | Self::Retypes { .. }
            | Self::Renames { .. }
            | Self::Requires(_)
            | Self::Allows(_)
            | Self::Owns { .. }
            | Self::Truncates { .. }
            | Self::Detaches(_)
            | Self::Attaches(_) => true,
            _ => false,
        }
    }

    /// Whether it changes rows.
    pub fn changes_rows(&self) -> bool {
        use What::{Copies, Deletes, Inserts, Overwrites, Updates};
        matches!(self, Inserts { .. } | Updates { .. } | Overwrites { .. } | Deletes { .. } | Copies { .. })
    }

    /// Something comes to be, with nothing special about it.
    pub fn creates(thing: Thing) -> Self {
        Self::tied(thing, Ties::default())
    }

    /// Something comes to be that belongs together with something else.
    pub fn tied(thing: Thing, ties: Ties) -> Self {
        let (if_not_exists, replaces, temporary) = (false, false, false);
        Self::Creates { thing, columns: Vec::new(), if_not_exists, replaces, temporary, ties }
    }
}
