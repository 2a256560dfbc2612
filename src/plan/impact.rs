//! What a change is declared to touch.

use serde::{Deserialize, Serialize};

use super::context::Context;
use super::observe::Observed;
use super::outside::Outside;
use crate::diagnostic::Place;
use crate::scenario::impact as written;

/// What a change touches, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impact {
    /// The things that are named.
    pub declared: Vec<Declared>,
    /// Where it is written.
    pub at: Place,
}

/// Something that is named, or several things by a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// What it is.
    pub kind: Touchable,
    /// Its name as reports write it; a `*` stands for any text.
    #[serde(serialize_with = "crate::secret::word")]
    pub name: String,
    /// Where it is written.
    pub at: Place,
}

/// A kind of things that a change can touch.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Touchable {
    /// What a Compose service runs.
    Service,
    /// A table of a database, with its rows and what belongs to it.
    Table,
    /// A key in Redis.
    Key,
    /// A queue with its messages.
    Queue,
    /// A file in an observed folder.
    File,
    /// An observed document.
    Document,
    /// A host of the outside.
    Host,
    /// Anything else: functions, types, views, roles, exchanges, settings.
    Object,
}

impl Touchable {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Table => "table",
            Self::Key => "key",
            Self::Queue => "queue",
            Self::File => "file",
            Self::Document => "document",
            Self::Host => "host",
            Self::Object => "object",
        }
    }

    /// The list under `impact` that names such things.
    pub fn list(self) -> String {
        format!("{}s", self.word())
    }
}

impl Impact {
    /// The names of a kind, as they are declared.
    pub fn names(&self, kind: Touchable) -> Vec<String> {
        let of_kind = self.declared.iter().filter(|declared| declared.kind == kind);
        of_kind.map(|declared| declared.name.clone()).collect()
    }
}

/// Resolves `impact:`.
pub(super) fn build(context: &mut Context<'_>, written: &written::Impact, outside: &[Outside]) -> Impact {
    let lists = [
        (Touchable::Service, &written.services),
        (Touchable::Table, &written.tables),
        (Touchable::Key, &written.keys),
        (Touchable::Queue, &written.queues),
        (Touchable::File, &written.files),
        (Touchable::Document, &written.documents),
        (Touchable::Host, &written.hosts),
        (Touchable::Object, &written.objects),
    ];
    let mut declared = Vec::new();
    for (kind, names) in lists {
        for (index, name) in names.iter().enumerate() {
            let path = format!("impact.{}.{index}", kind.list());
            if name.trim().is_empty() {
                context.wrong(&path, format!("a {} has a name", kind.word()));
            } else if is_seen(context, &path, outside, kind, name) {
                let whole = kind == Touchable::Table && !name.contains('*');
                let name = if whole { context.table(name) } else { name.clone() };
                declared.push(Declared { kind, name, at: context.place(&path) });
            }
        }
    }
    Impact { declared, at: context.place("impact") }
}

/// Whether anybody would see it touched; a mistake where nobody would.
fn is_seen(context: &mut Context<'_>, path: &str, outside: &[Outside], kind: Touchable, name: &str) -> bool {
    let observes = |is: fn(&Observed) -> bool| context.stores.values().any(is);
    let (seen, list) = match kind {
        Touchable::Service => return context.service(path, name),
        Touchable::Document => return document(context, path, name),
        Touchable::File => return file(context, path, name),
        Touchable::Host => return host(context, path, outside, name),
        Touchable::Table => (!context.databases.is_empty(), "databases"),
        Touchable::Key => (observes(|store| matches!(store, Observed::Redis(_))), "redis"),
        Touchable::Queue => (observes(|store| matches!(store, Observed::RabbitMq(_))), "rabbitmq"),
        Touchable::Object => {
            (!context.databases.is_empty() || !context.stores.is_empty(), "databases, redis or rabbitmq")
        }
    };
    if !seen {
        let message =
            format!("nothing is observed under `observe.{list}`: nobody would see `{name}` touched");
        context.wrong(path, message).help.push("observe the store that it is in, or leave it out".to_owned());
    }
    seen
}

fn document(context: &mut Context<'_>, path: &str, name: &str) -> bool {
    let is_document = |(_, store): &(&String, &Observed)| matches!(store, Observed::Document(_));
    let known: Vec<&str> =
        context.stores.iter().filter(is_document).map(|(known, _)| known.as_str()).collect();
    if known.contains(&name) {
        return true;
    }
    let mistake = context.spot(path).mistake(format!("`{name}` is not an observed document"));
    let mistake = mistake.suggest(name, known).help("name it under `observe.documents`");
    context.mistakes.push(mistake);
    false
}

fn host(context: &mut Context<'_>, path: &str, outside: &[Outside], name: &str) -> bool {
    if outside.iter().any(|host| host.service == name) {
        return true;
    }
    let mistake = context.spot(path).mistake(format!("`{name}` does not stand for the outside"));
    let known = outside.iter().map(|host| host.service.as_str());
    context.mistakes.push(mistake.suggest(name, known).help("name it under `observe.outside`"));
    false
}

fn file(context: &mut Context<'_>, path: &str, name: &str) -> bool {
    let is_folder = |(_, store): &(&String, &Observed)| matches!(store, Observed::Folder(_));
    let known: Vec<String> =
        context.stores.iter().filter(is_folder).map(|(known, _)| known.clone()).collect();
    let seen = known.iter().any(|folder| name.starts_with(folder.as_str()));
    if !seen {
        let message = format!("`{name}` lies in no observed folder");
        let help = match known.first() {
            Some(folder) => format!("begin with the name of one: `{folder}/*`"),
            None => "name its folder under `observe.files`".to_owned(),
        };
        context.wrong(path, message).help.push(help);
    }
    seen
}
