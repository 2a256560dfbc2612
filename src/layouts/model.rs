//! A migration as its tool lays it out: what makes the change, and what takes it back.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;

/// A change with its way back, or one of the two where the other is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Whose layout it follows.
    pub tool: Tool,
    /// What makes the change.
    pub change: Option<Text>,
    /// What takes it back, where that is a text of its own.
    pub rollback: Option<Text>,
    /// What can be seen of the way back without running it.
    pub form: Form,
    /// Files that belong to it and are neither, such as what verifies it.
    pub also: Vec<String>,
}

impl Migration {
    /// A change and its way back, each a text of its own.
    pub(super) fn pair(tool: Tool, change: Text, rollback: Option<Text>, form: Form) -> Self {
        Self { tool, change: Some(change), rollback, form, also: Vec::new() }
    }

    /// One file that its tool turns into SQL, with the way back inside it.
    pub(super) fn code(path: &str, tool: Tool, form: Form) -> Self {
        Self::pair(tool, Text::code(path), None, form)
    }

    /// A way back whose change is not there.
    pub(super) fn alone(tool: Tool, rollback: Text, form: Form) -> Self {
        Self { tool, change: None, rollback: Some(rollback), form, also: Vec::new() }
    }

    /// The files that it is made of.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let texts = self.change.iter().chain(&self.rollback).map(|text| text.path.as_str());
        texts.chain(self.also.iter().map(String::as_str))
    }

    /// The path of the way back; where none is there, that of the change.
    pub fn path(&self) -> &str {
        let back = self.rollback.as_ref().or(self.change.as_ref());
        back.map_or("", |text| &text.path)
    }

    /// The file that is taken back, where that is another one than what takes it back.
    pub fn takes_back(&self) -> Option<&str> {
        let change = self.change.as_ref().map(|text| text.path.as_str())?;
        (change != self.path()).then_some(change)
    }
}

/// A file, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The file.
    pub path: String,
    /// The bytes that count; the whole file has all of them.
    pub part: Range<usize>,
    /// What is written there.
    pub code: Code,
}

impl Text {
    /// A file of SQL.
    pub(super) fn sql(path: &str, text: &str) -> Self {
        Self::part(path, 0..text.len())
    }

    /// A part of a file of SQL.
    pub(super) fn part(path: &str, part: Range<usize>) -> Self {
        Self { path: path.to_owned(), part, code: Code::Sql }
    }

    /// A file that its tool turns into SQL.
    pub(super) fn code(path: &str) -> Self {
        Self { path: path.to_owned(), part: 0..0, code: Code::Foreign }
    }

    /// A file of this kind: SQL where its name ends so, else something that a tool turns into SQL.
    pub(super) fn of_file(path: &str, text: &str) -> Self {
        if super::tree::is_sql(path) { Self::sql(path, text) } else { Self::code(path) }
    }
}

/// What a text is written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// SQL, as it stands there.
    Sql,
    /// SQL inside comments: the part with blanks for what marks it, byte for byte as long as the part.
    Unmarked(String),
    /// A program or a description, which its tool turns into SQL.
    Foreign,
}

/// Whose layout a migration follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// `1_name.up.sql` and `1_name.down.sql`.
    GolangMigrate,
    /// The same in a Rust package that uses sqlx.
    Sqlx,
    /// One file with `-- migrate:up` and `-- migrate:down`.
    Dbmate,
    /// One file with `-- +goose Up` and `-- +goose Down`, or a program in Go.
    Goose,
    /// One file with `-- +migrate Up` and `-- +migrate Down`.
    SqlMigrate,
    /// JavaScript with `pgm`, or one file with `-- Up Migration` and `-- Down Migration`.
    NodePgMigrate,
    /// A folder with `up.sql` and `down.sql`.
    Diesel,
    /// A folder with `migration.sql` and `down.sql`.
    Prisma,
    /// `V1__name.sql` and `U1__name.sql`.
    Flyway,
    /// `deploy/name.sql`, `revert/name.sql` and `verify/name.sql`.
    Sqitch,
    /// `name.sql` and `name.rollback.sql`, or steps in Python.
    Yoyo,
    /// Change sets in SQL with `--rollback`, in XML, YAML or JSON.
    Liquibase,
    /// SQL listed in `atlas.sum`, or an archive of texts.
    Atlas,
    /// `downgrade()` of a revision.
    Alembic,
    /// `down` or `change` of a migration.
    Rails,
    /// The operations of a migration.
    Django,
    /// `exports.down` with `knex`.
    Knex,
    /// `down()` with a `QueryRunner`.
    #[serde(rename = "typeorm")]
    TypeOrm,
    /// `down` with a `queryInterface`.
    Sequelize,
    /// `down()` of a migration in PHP.
    Laravel,
    /// `Down()` of a migration in C#.
    EfCore,
    /// `down` or `change` of a migration in Elixir.
    Ecto,
    /// A program with an `up` and a `down`, whose tool is not known here.
    Other,
    /// SQL that follows no layout: a change by itself.
    Plain,
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
            Self::Goose => "goose",
            Self::SqlMigrate => "sql-migrate",
            Self::NodePgMigrate => "node-pg-migrate",
            Self::Diesel => "diesel",
            Self::Prisma => "Prisma",
            Self::Flyway => "Flyway",
            Self::Sqitch => "sqitch",
            Self::Yoyo => "yoyo",
            Self::Liquibase => "Liquibase",
            Self::Atlas => "Atlas",
            Self::Alembic => "Alembic",
            Self::Rails => "Rails",
            Self::Django => "Django",
            Self::Knex => "Knex",
            Self::TypeOrm => "TypeORM",
            Self::Sequelize => "Sequelize",
            Self::Laravel => "Laravel",
            Self::EfCore => "EF Core",
            Self::Ecto => "Ecto",
            Self::Other => "another tool",
            Self::Plain => "plain SQL",
            Self::Compose => "Compose",
            Self::Script => "script",
        }
    }

    /// Whether the tool itself picks its files out of a folder. What it does not pick runs only where it is
    /// named.
    pub fn picks(self) -> bool {
        !matches!(self, Self::Compose | Self::Script | Self::Plain)
    }

    /// The command that prints the SQL of its migrations, where it has one.
    pub fn prints_sql(self) -> Option<&'static str> {
        Some(match self {
            Self::Alembic => "alembic upgrade --sql BASE:HEAD",
            Self::Django => "python manage.py sqlmigrate APP NAME",
            Self::EfCore => "dotnet ef migrations script",
            Self::Liquibase => "liquibase --show-banner=false update-sql",
            _ => return None,
        })
    }
}

/// What can be seen of a way back without running it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It does something.
    Acts,
    /// It is there and does nothing.
    Empty,
    /// It says itself that there is no way back.
    Refuses,
    /// It is not there, and should be.
    Missing,
    /// It is not there, and its layout has none as a rule.
    Optional,
}
