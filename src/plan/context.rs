//! What every part of the plan's building needs: the tree for places, the project for names, and
//! the list of mistakes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::model::{Database, Engine};
use super::observe::Observed;
use crate::compose::Project;
use crate::diagnostic::{Diagnostic, Place, Source};
use crate::files::Files;
use crate::yaml::{Node, Spot};

/// Most bytes of an SQL file: its statements are part of the journal.
const SQL_LIMIT: u64 = 16 << 20;

/// Shared by the builders of one scenario.
pub(super) struct Context<'a> {
    pub(super) root: &'a Node,
    pub(super) folder: &'a Path,
    pub(super) files: &'a dyn Files,
    pub(super) project: &'a Project,
    pub(super) databases: BTreeMap<String, Database>,
    /// The other observed stores, by name.
    pub(super) stores: BTreeMap<String, Observed>,
    /// The Alertmanager that is asked for alerts: its service and port.
    pub(super) alertmanager: Option<(String, u16)>,
    /// Hosts of the outside that Backout itself is: no Compose service need have their names.
    pub(super) sinks: BTreeSet<String>,
    /// The backups that steps have made so far: their databases, by `id`.
    pub(super) backups: BTreeMap<String, String>,
    pub(super) allow_host: bool,
    /// Whether every part of the file could be read: only then is something missing missing.
    pub(super) is_whole: bool,
    pub(super) digests: BTreeMap<String, String>,
    pub(super) reach: BTreeMap<String, Vec<u16>>,
    pub(super) mistakes: Vec<Diagnostic>,
}

impl Context<'_> {
    /// The value at a path such as `rollback.steps.0.sql`.
    pub(super) fn spot(&self, path: &str) -> Spot {
        let (parent, last) = self.parent(path);
        parent.nearest(&[last]).spot.clone()
    }

    /// What holds the value at a path, and the value's key there. What the paths call `on` is `service` or `store`
    /// in newer files.
    fn parent<'p>(&self, path: &'p str) -> (&Node, &'p str) {
        let (parent, last) = path.rsplit_once('.').unwrap_or(("", path));
        let keys: Vec<&str> = parent.split('.').filter(|key| !key.is_empty()).collect();
        let parent = self.root.nearest(&keys);
        let names = if last == "on" { &["on", "service", "store"][..] } else { &[] };
        let written = names.iter().find(|name| parent.entry(name).is_some());
        (parent, written.copied().unwrap_or(last))
    }

    /// The key at a path, which is what a person looks for when the value is long.
    pub(super) fn key_spot(&self, path: &str) -> Spot {
        let (parent, last) = self.parent(path);
        parent.entry(last).map_or_else(|| self.spot(path), |entry| entry.key_spot.clone())
    }

    /// The place of the key at a path.
    pub(super) fn place(&self, path: &str) -> Place {
        let spot = self.key_spot(path);
        spot.source.place(spot.span.start)
    }

    /// Notes a mistake at the value of a path.
    pub(super) fn wrong(&mut self, path: &str, message: impl Into<String>) -> &mut Diagnostic {
        let diagnostic = self.spot(path).mistake(message);
        self.note(diagnostic)
    }

    /// Notes a mistake at the key of a path.
    pub(super) fn wrong_key(&mut self, path: &str, message: impl Into<String>) -> &mut Diagnostic {
        let diagnostic = self.key_spot(path).mistake(message);
        self.note(diagnostic)
    }

    fn note(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        self.mistakes.push(diagnostic);
        self.mistakes.last_mut().expect("one was just pushed")
    }

    /// Whether the project has this service; a mistake with a suggestion where it has not.
    pub(super) fn service(&mut self, path: &str, name: &str) -> bool {
        if self.project.services.contains_key(name) {
            return true;
        }
        let known: Vec<&str> = self.project.services.keys().map(String::as_str).collect();
        let diagnostic = self
            .spot(path)
            .mistake(format!("there is no service `{name}` in the Compose files"))
            .suggest(name, known);
        self.mistakes.push(diagnostic);
        false
    }

    /// Whether there is anything of this name that is called through a gateway.
    pub(super) fn callee(&mut self, path: &str, name: &str) -> bool {
        self.sinks.contains(name) || self.service(path, name)
    }

    /// Whether this service's database is observed.
    pub(super) fn database(&mut self, path: &str, name: &str) -> bool {
        if self.databases.contains_key(name) {
            return true;
        }
        let known: Vec<&str> = self.databases.keys().map(String::as_str).collect();
        let diagnostic = self
            .spot(path)
            .mistake(format!("`{name}` is not an observed database"))
            .suggest(name, known)
            .help("name it under `observe.databases`, with its user and password");
        self.mistakes.push(diagnostic);
        false
    }

    /// Whether this service's database is an observed PostgreSQL: the one that faults are known for.
    pub(super) fn postgres(&mut self, path: &str, name: &str) -> bool {
        if !self.database(path, name) {
            return false;
        }
        let is_postgres = self.databases.get(name).is_some_and(|known| known.engine == Engine::Postgres);
        if !is_postgres {
            let message = format!("`{name}` is no PostgreSQL: faults inside a database are for that");
            let help =
                "break the service (`kill`, `pause`), its wire (`cut`, `answer`) or the operation (`abort`)";
            self.wrong(path, message).help.push(help.to_owned());
        }
        is_postgres
    }

    /// Whether anything of this service is observed.
    pub(super) fn is_observed(&self, service: &str) -> bool {
        self.databases.contains_key(service) || self.stores.values().any(|store| store.service() == service)
    }

    /// The name of a table as the runner knows it: those of databases have a schema, which in MariaDB is
    /// the database.
    pub(super) fn table(&self, written: &str) -> String {
        let of_a_store = self.stores.keys().any(|store| {
            let behind = written.strip_prefix(store.as_str());
            behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('.'))
        });
        if of_a_store || written.contains('.') {
            return written.to_owned();
        }
        let mut databases = self.databases.values();
        match (databases.next(), databases.next()) {
            (Some(only), None) if only.engine == Engine::Mariadb => format!("{}.{written}", only.database),
            _ => format!("public.{written}"),
        }
    }

    /// The name of a table of this database as the runner knows it.
    pub(super) fn table_of(&self, database: &str, written: &str) -> String {
        match self.databases.get(database) {
            Some(known) if known.engine == Engine::Mariadb && !written.contains('.') => {
                format!("{}.{written}", known.database)
            }
            _ => written.to_owned(),
        }
    }

    /// Reads a file of the scenario and keeps its digest.
    pub(super) fn text(&mut self, path: &str, name: &str) -> Option<Arc<Source>> {
        let at = self.folder.join(name);
        match self.files.read(&at, SQL_LIMIT) {
            Ok(source) => {
                let digest = Sha256::digest(source.text.as_bytes());
                self.digests.insert(source.name.clone(), hex(&digest));
                Some(source)
            }
            Err(problem) => {
                let diagnostic = problem.at(&self.spot(path));
                self.mistakes.push(diagnostic);
                None
            }
        }
    }

    /// The absolute path of a file or folder of the scenario, which must exist below the root.
    pub(super) fn path(&mut self, path: &str, name: &str) -> Option<PathBuf> {
        match self.files.locate(&self.folder.join(name)) {
            Ok(found) => Some(found.path),
            Err(problem) => {
                let diagnostic = problem.at(&self.spot(path));
                self.mistakes.push(diagnostic);
                None
            }
        }
    }

    /// Whether a regular expression can be read.
    pub(super) fn pattern(&mut self, path: &str, pattern: &str) -> String {
        if let Err(error) = regex::Regex::new(pattern) {
            let last = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
            self.wrong(path, format!("not a regular expression: {}", last.trim_start_matches("error: ")));
        }
        pattern.to_owned()
    }

    /// Remembers that a port of a service must be reachable from the runner.
    pub(super) fn reach(&mut self, service: &str, port: u16) {
        let ports = self.reach.entry(service.to_owned()).or_default();
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
