//! Faults inside an observed database.

use serde::{Deserialize, Serialize};

use super::context::Context;
use super::model::Fault;
use super::wire;
use crate::scenario::fault as file;

/// A fault inside an observed database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseFault {
    /// A session of ours holds a lock.
    Lock {
        /// The table.
        #[serde(serialize_with = "crate::secret::word")]
        table: String,
        /// The condition of the rows that are locked FOR UPDATE; none is an ACCESS EXCLUSIVE lock on the table.
        rows: Option<String>,
    },
    /// The server ends sessions. What is none says nothing about them.
    TerminateBackend {
        /// Their application name.
        #[serde(serialize_with = "crate::secret::word")]
        application: Option<String>,
        /// Their role.
        #[serde(serialize_with = "crate::secret::word")]
        user: Option<String>,
        /// A regular expression that matches in what they execute or have executed last.
        matching: Option<String>,
    },
    /// A role loses privileges.
    Revoke {
        /// In capitals.
        #[serde(serialize_with = "crate::secret::word")]
        privileges: Vec<String>,
        /// What they are on.
        on: Securable,
        /// The role; `public` is everybody.
        #[serde(serialize_with = "crate::secret::word")]
        from: String,
    },
    /// New sessions cannot write.
    ReadOnly,
}

/// What privileges are on, by its name in SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Securable {
    /// A table, view or sequence.
    Relation(#[serde(serialize_with = "crate::secret::word")] String),
    /// A schema.
    Schema(#[serde(serialize_with = "crate::secret::word")] String),
    /// A database.
    Database(#[serde(serialize_with = "crate::secret::word")] String),
}

impl DatabaseFault {
    /// Its word in YAML.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Lock { .. } => "lock",
            Self::TerminateBackend { .. } => "terminate_backend",
            Self::Revoke { .. } => "revoke",
            Self::ReadOnly => "read_only",
        }
    }

    /// Whether it acts on the operation's own sessions, so that without an operation there is nothing for it
    /// to act on.
    pub fn needs_an_operation(&self) -> bool {
        match self {
            Self::TerminateBackend { .. } => true,
            Self::Lock { .. } | Self::Revoke { .. } | Self::ReadOnly => false,
        }
    }
}

/// A fault inside a database, which must be observed: its user and password are needed.
fn inside(context: &mut Context<'_>, path: &str, service: &str, fault: DatabaseFault) -> Option<Fault> {
    let known = context.service(&format!("{path}.service"), service)
        && context.postgres(&format!("{path}.service"), service);
    known.then(|| Fault::Database { service: service.to_owned(), fault })
}

/// Resolves `lock`.
pub(super) fn lock(context: &mut Context<'_>, path: &str, written: &file::Lock) -> Option<Fault> {
    let rows = written.where_.as_ref().map(|rows| rows.trim().to_owned());
    if rows.as_deref() == Some("") {
        let diagnostic = context.wrong(&format!("{path}.where"), "the condition is empty");
        diagnostic.help.push("leave `where` out to lock the whole table".to_owned());
        return None;
    }
    inside(context, path, &written.service, DatabaseFault::Lock { table: written.table.clone(), rows })
}

/// Resolves `terminate_backend`.
pub(super) fn terminate(
    context: &mut Context<'_>,
    path: &str,
    written: &file::TerminateBackend,
) -> Option<Fault> {
    let file::TerminateBackend { service, application, user, matching } = written;
    if application.is_none() && user.is_none() && matching.is_none() {
        let diagnostic = context.wrong_key(path, "whose sessions are to be ended?");
        let help = "say so with `application:`, `user:` or `matching:`; an `sql` step is `application: backout operation`";
        diagnostic.help.push(help.to_owned());
        return None;
    }
    let matching = match matching {
        Some(text) => Some(wire::pattern_at(context, &format!("{path}.matching"), text)?.as_str().to_owned()),
        None => None,
    };
    let (application, user) = (application.clone(), user.clone());
    inside(context, path, service, DatabaseFault::TerminateBackend { application, user, matching })
}

/// Resolves `read_only`.
pub(super) fn read_only(context: &mut Context<'_>, path: &str, service: &str) -> Option<Fault> {
    inside(context, path, service, DatabaseFault::ReadOnly)
}

/// What can be granted on what.
const RELATION: [&str; 8] =
    ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "USAGE"];
const SCHEMA: [&str; 2] = ["USAGE", "CREATE"];
const DATABASE: [&str; 3] = ["CONNECT", "CREATE", "TEMPORARY"];

/// Resolves `revoke`.
pub(super) fn revoke(context: &mut Context<'_>, path: &str, written: &file::Revoke) -> Option<Fault> {
    let at = format!("{path}.privilege");
    let words: Vec<&str> = written.privilege.split_whitespace().collect();
    let on = words.iter().position(|word| word.eq_ignore_ascii_case("on"));
    let (listed, object) = on.map(|on| (words[..on].join(" "), &words[on + 1..])).unwrap_or_default();
    let (on, known) = match object {
        [kind, name] if kind.eq_ignore_ascii_case("schema") => {
            (Securable::Schema((*name).to_owned()), &SCHEMA[..])
        }
        [kind, name] if kind.eq_ignore_ascii_case("database") => {
            (Securable::Database((*name).to_owned()), &DATABASE[..])
        }
        [kind, name] if ["table", "sequence"].contains(&kind.to_ascii_lowercase().as_str()) => {
            (Securable::Relation((*name).to_owned()), &RELATION[..])
        }
        [name] => (Securable::Relation((*name).to_owned()), &RELATION[..]),
        _ => {
            let message = format!("`{}` is no privilege on one object", written.privilege);
            let help = "write it as in GRANT: `INSERT, UPDATE ON orders`, `USAGE ON SCHEMA shop`";
            context.wrong(&at, message).help.push(help.to_owned());
            return None;
        }
    };
    let privileges = privileges(context, &at, &listed, known)?;
    let from = match written.from.as_str() {
        role if role.eq_ignore_ascii_case("public") => "public".to_owned(),
        role => role.to_owned(),
    };
    inside(context, path, &written.service, DatabaseFault::Revoke { privileges, on, from })
}

fn privileges(context: &mut Context<'_>, at: &str, listed: &str, known: &[&str]) -> Option<Vec<String>> {
    let mut privileges = Vec::new();
    for written in listed.split(',').map(|one| one.trim().to_uppercase()) {
        let name = if written == "TEMP" { "TEMPORARY".to_owned() } else { written };
        if ["ALL", "ALL PRIVILEGES"].contains(&name.as_str()) {
            return Some(known.iter().map(ToString::to_string).collect());
        }
        if !known.contains(&name.as_str()) {
            let diagnostic = context.spot(at).mistake(format!("`{name}` is no privilege on this object"));
            let diagnostic = diagnostic.suggest(&name, known.iter().copied());
            context.mistakes.push(diagnostic.help(format!("there are: {}", known.join(", "))));
            return None;
        }
        privileges.push(name);
    }
    Some(privileges)
}
