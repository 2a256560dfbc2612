//! Prepared statements and portals, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::gateway::reader::text_of;
use crate::sql::{Deallocated, Effect, effect, split_message};

/// The longest name that is kept, in bytes; the server itself tells names apart by 63.
const LONGEST: usize = 1024;
/// The most statements, and the most portals, of one connection.
const MOST: usize = 4096;
/// The most bytes of their texts.
const TEXTS: usize = 8 * 1024 * 1024;

/// A statement that was prepared.
#[derive(Debug)]
pub(super) struct Prepared {
    /// Its text.
    pub(super) text: String,
    /// What it does.
    pub(super) effect: Effect,
}

impl Prepared {
    /// From the text of a Parse message, which may have been cut.
    fn read(text: &[u8]) -> Self {
        let whole = String::from_utf8_lossy(text);
        let only = match split_message(&whole).as_deref() {
            Ok([]) => Some(String::new()),
            Ok([only]) => Some(text_of(only.text.as_bytes())),
            _ => None,
        };
        Self { effect: effect(&whole), text: only.unwrap_or_else(|| text_of(text)) }
    }

    /// One that was never seen: prepared by an SQL statement, perhaps.
    fn unknown(name: &[u8]) -> Self {
        Self { text: format!("prepared statement \"{}\"", text_of(name)), effect: Effect::Change }
    }

    /// A portal that was never bound: a cursor that an SQL statement declared.
    fn cursor(name: &[u8]) -> Self {
        Self { text: format!("portal \"{}\"", text_of(name)), effect: Effect::Read }
    }
}

/// A statement with its parameters.
#[derive(Debug)]
pub(super) struct Portal {
    /// What it runs.
    pub(super) statement: Arc<Prepared>,
    /// The number of the ask for it, once it was asked for.
    pub(super) ask: Option<u64>,
}

/// Everything that has a name; the one without is kept apart, as it is used most.
#[derive(Debug, Default)]
pub(super) struct Names {
    statement: Option<Arc<Prepared>>,
    statements: BTreeMap<Box<[u8]>, Arc<Prepared>>,
    texts: usize,
    portal: Option<Portal>,
    portals: BTreeMap<Box<[u8]>, Portal>,
}

impl Names {
    /// Parse.
    ///
    /// # Errors
    /// Too many, or too long names.
    pub(super) fn prepare(&mut self, name: &[u8], text: &[u8]) -> Result<(), String> {
        let prepared = Arc::new(Prepared::read(text));
        if name.is_empty() {
            self.statement = Some(prepared);
            return Ok(());
        }
        self.close_statement(name);
        self.texts += prepared.text.len();
        if self.texts > TEXTS {
            return Err(format!("prepared statements of more than {TEXTS} bytes"));
        }
        insert(&mut self.statements, name, prepared)
    }

    /// Bind.
    ///
    /// # Errors
    /// Too many, or too long names.
    pub(super) fn bind(&mut self, portal: &[u8], statement: &[u8]) -> Result<(), String> {
        let known =
            if statement.is_empty() { self.statement.as_ref() } else { self.statements.get(statement) };
        let statement = known.cloned().unwrap_or_else(|| Arc::new(Prepared::unknown(statement)));
        let bound = Portal { statement, ask: None };
        if portal.is_empty() {
            self.portal = Some(bound);
            return Ok(());
        }
        insert(&mut self.portals, portal, bound)
    }

    /// The portal that an Execute names.
    ///
    /// # Errors
    /// Too many, or too long names.
    pub(super) fn portal(&mut self, name: &[u8]) -> Result<&mut Portal, String> {
        let cursor = || Portal { statement: Arc::new(Prepared::cursor(name)), ask: None };
        if name.is_empty() {
            return Ok(self.portal.get_or_insert_with(cursor));
        }
        if !self.portals.contains_key(name) {
            insert(&mut self.portals, name, cursor())?;
        }
        Ok(self.portals.get_mut(name).expect("it was put there if it was missing"))
    }

    /// Close of a statement.
    pub(super) fn close_statement(&mut self, name: &[u8]) {
        if name.is_empty() {
            self.statement = None;
        } else if let Some(old) = self.statements.remove(name) {
            self.texts -= old.text.len();
        }
    }

    /// Close of a portal.
    pub(super) fn close_portal(&mut self, name: &[u8]) {
        if name.is_empty() {
            self.portal = None;
        } else {
            self.portals.remove(name);
        }
    }

    /// The end of a transaction, which takes its portals with it.
    pub(super) fn close_portals(&mut self) {
        self.portal = None;
        self.portals.clear();
    }

    /// DEALLOCATE, DISCARD.
    pub(super) fn deallocate(&mut self, what: &Deallocated) {
        match what {
            Deallocated::One(name) => self.close_statement(name.as_bytes()),
            Deallocated::All => {
                self.statements.clear();
                self.texts = 0;
            }
        }
    }
}

fn insert<T>(map: &mut BTreeMap<Box<[u8]>, T>, name: &[u8], value: T) -> Result<(), String> {
    if name.len() > LONGEST {
        return Err(format!("a name of more than {LONGEST} bytes"));
    }
    map.insert(name.into(), value);
    if map.len() > MOST { Err(format!("more than {MOST} prepared statements or portals")) } else { Ok(()) }
}
