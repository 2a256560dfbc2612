//! What a way back is made of.

use schemars::JsonSchema;
use serde::Serialize;

/// A file that takes something back, or should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    /// Its path below the folder that was looked through. Where it is missing, that of the file which it
    /// should take back.
    pub path: String,
    /// Whose layout it follows.
    pub tool: Tool,
    /// The file that it takes back, where that is another one.
    pub up: Option<String>,
    /// What can be seen of it without running it.
    pub form: Form,
}

impl Artefact {
    /// An artefact that is one with what it takes back.
    pub(super) fn alone(path: &str, tool: Tool, form: Form) -> Self {
        Self { path: path.to_owned(), tool, up: None, form }
    }
}

/// Whose layout an artefact follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// `1_name.up.sql` and `1_name.down.sql`.
    GolangMigrate,
    /// The same in a Rust package that uses sqlx.
    Sqlx,
    /// One file with `-- migrate:up` and `-- migrate:down`.
    Dbmate,
    /// A folder with `up.sql` and `down.sql`.
    Diesel,
    /// `V1__name.sql` and `U1__name.sql`.
    Flyway,
    /// `downgrade()` of a revision.
    Alembic,
    /// `down` or `change` of a migration.
    Rails,
    /// The operations of a migration.
    Django,
    /// A Compose file that is laid over another to go back.
    Compose,
    /// A script whose name says it.
    Script,
}

impl Tool {
    /// Its name in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::GolangMigrate => "golang-migrate",
            Self::Sqlx => "sqlx",
            Self::Dbmate => "dbmate",
            Self::Diesel => "diesel",
            Self::Flyway => "Flyway",
            Self::Alembic => "Alembic",
            Self::Rails => "Rails",
            Self::Django => "Django",
            Self::Compose => "Compose",
            Self::Script => "script",
        }
    }

    /// Whether the tool itself picks its files out of a folder. What it does not pick runs only where it is
    /// named.
    pub fn picks(self) -> bool {
        !matches!(self, Self::Compose | Self::Script)
    }
}

/// What can be seen of an artefact without running it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It does something.
    Acts,
    /// It is there and does nothing.
    Empty,
    /// It says itself that there is no way back.
    Refuses,
    /// It is not there.
    Missing,
}
