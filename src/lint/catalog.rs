//! The things of a database while a change and its rollback go by: what was there before, what the change has
//! made, renamed and dropped, and what goes along with something else.
//!
//! Nothing is known of a database but what the two say. What they speak of and have not made was there before.

use super::operation::{Object, Thing, Ties, What};

/// Which of the two is going by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Side {
    /// The change.
    #[default]
    Change,
    /// Its rollback.
    Rollback,
}

/// Since when a thing is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Born {
    Before,
    In(Side),
}

/// One thing, under whatever name it has by now.
#[derive(Debug, Clone)]
struct Entry {
    object: Object,
    name: String,
    /// What it is part of, for a column, a constraint, a label.
    of: Option<usize>,
    born: Born,
    is_alive: bool,
    /// Whether it may have been there before although it looks new: IF NOT EXISTS, OR REPLACE.
    may_be_older: bool,
    temporary: bool,
    /// The thing when it was first spoken of.
    first: Thing,
    /// It goes when everything in one of these lists has gone.
    goes_with: Vec<Vec<usize>>,
    /// Words of its text, for what goes along with CASCADE.
    mentions: Vec<String>,
    /// The type of a column.
    of_type: String,
    /// The operations of the change by which it is not as before.
    made: Option<usize>,
    dropped: Option<usize>,
    renamed: Option<usize>,
    /// Whether it was the rollback that gave it its name.
    named_back: bool,
    retyped: Option<usize>,
    redefined: Option<usize>,
    /// And whether a value is required since.
    required: Option<(usize, bool)>,
    /// And whether it is attached since.
    attached: Option<(usize, bool)>,
}

/// Everything that was spoken of.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    entries: Vec<Entry>,
    side: Side,
    /// What the rollback drops and the change has not made, with the number of the operation.
    strangers: Vec<(usize, Thing, usize)>,
    /// Tables in which the rollback requires a value, by which it may answer a constraint.
    requires: Vec<Option<usize>>,
}

/// Something that is not as it was before the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    /// The operation of the change that did it.
    pub operation: usize,
    /// How it is left.
    pub how: Left,
    /// What, by the name that it had at first.
    pub thing: Thing,
    /// Whether it is known that it was there, or was not.
    pub is_sure: bool,
}

/// How a thing is not as it was before the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It is new.
    Made,
    /// It is gone.
    Dropped,
    /// It has another name.
    Renamed,
    /// A column has another type.
    Retyped,
    /// Its text was replaced.
    Redefined,
    /// A column requires a value.
    Required,
    /// A column requires none.
    Allowed,
    /// A partition is attached.
    Attached,
    /// A partition is detached.
    Detached,
}

impl Catalog {
    /// From now on it is the rollback that goes by.
    pub fn begin_rollback(&mut self) {
        self.side = Side::Rollback;
    }

    /// Whether it is the rollback that goes by.
    pub fn is_rollback(&self) -> bool {
        self.side == Side::Rollback
    }

    /// Whether a thing, or what it is part of, was made by the change or the rollback.
    pub fn made(&self, thing: &Thing) -> bool {
        let of = thing.of.as_ref().and_then(|of| self.holder(of));
        let part = of.is_some_and(|of| self.is_new(&self.entries[of]));
        let gone = self.is_rollback() && self.went_along(thing);
        part || self.find(thing).map_or(gone, |at| self.is_new(&self.entries[at]))
    }

    fn is_new(&self, entry: &Entry) -> bool {
        // A rollback may drop what its change made where there was none.
        entry.born != Born::Before && (!entry.may_be_older || self.is_rollback())
    }

    /// Whether the change requires a value in a column.
    pub fn requires(&self, column: &Thing) -> bool {
        self.find(column).is_some_and(|at| matches!(self.entries[at].required, Some((_, true))))
    }

    /// Whether the change has given a column another type.
    pub fn retyped(&self, column: &Thing) -> bool {
        self.find(column).is_some_and(|at| self.entries[at].retyped.is_some())
    }

    /// Whether the change has attached a partition.
    pub fn attached(&self, partition: &Thing) -> bool {
        self.find(partition).is_some_and(|at| matches!(self.entries[at].attached, Some((_, true))))
    }

    /// Takes note of an operation of the side that goes by.
    pub fn after(&mut self, number: usize, what: &What) {
        match what {
            What::Creates { thing, columns, if_not_exists, replaces, temporary, ties } => {
                let made = Made { thing, ties, may_be_older: *if_not_exists, temporary: *temporary };
                self.create(number, &made, *replaces);
                if let (Object::Column, [(_, of_type)]) = (thing.object, columns.as_slice())
                    && let Some(at) = self.find(thing)
                {
                    self.entries[at].of_type.clone_from(of_type);
                }
            }
            What::Drops { thing, if_exists, cascade } => self.drop(number, thing, *if_exists, *cascade),
            What::Renames { thing, to } => {
                let at = self.find_or_learn(thing);
                let is_change = self.side == Side::Change;
                let entry = &mut self.entries[at];
                to.clone_into(&mut entry.name);
                entry.named_back = !is_change;
                if is_change {
                    entry.renamed.get_or_insert(number);
                }
            }
            What::Retypes { column, whole, .. } => self.retype(number, column, *whole),
            What::Requires(column) => self.require(number, column, true),
            What::Allows(column) => self.require(number, column, false),
            What::Attaches(partition) => self.attach(number, partition, true),
            What::Detaches(partition) => self.attach(number, partition, false),
            What::Owns { sequence, by } => {
                let sequence = self.find_or_learn(&Thing::new(Object::Sequence, sequence));
                let owner = self.find_or_learn(by);
                self.entries[sequence].goes_with.push(vec![owner]);
            }
            _ => {}
        }
    }

    fn create(&mut self, number: usize, made: &Made<'_>, replaces: bool) {
        let known = self.find_exactly(made.thing).filter(|_| !made.thing.name.is_empty());
        if let Some(at) = known.filter(|_| made.ties.redefines || made.may_be_older) {
            if made.ties.redefines {
                self.redefine(number, at);
            }
            return;
        }
        if let Some(at) = known.filter(|_| replaces) {
            self.kill(at);
            self.entries[at].dropped = (self.side == Side::Change).then_some(number);
        }
        // It could not be made if it were still there: something took it along.
        let is_routine = made.thing.object == Object::Code && made.thing.of.is_none();
        if let Some(at) = known.filter(|_| !is_routine) {
            self.kill(at);
        }
        let at = self.add(made.thing, Born::In(self.side));
        let goes_with = made.ties.goes_with.iter();
        let goes_with = goes_with.map(|all| all.iter().map(|thing| self.needed(thing)).collect()).collect();
        let is_change = self.side == Side::Change;
        let entry = &mut self.entries[at];
        entry.goes_with = goes_with;
        entry.mentions.clone_from(&made.ties.mentions);
        entry.may_be_older = made.may_be_older || made.ties.redefines;
        entry.temporary = made.temporary;
        entry.made = is_change.then_some(number);
        for brought in &made.ties.brings {
            let with = self.add(brought, Born::In(self.side));
            self.entries[with].goes_with.push(vec![at]);
        }
    }

    /// A text takes the place of another. What came so, and may have been there before, is answered so too.
    fn redefine(&mut self, number: usize, at: usize) {
        let is_change = self.side == Side::Change;
        let entry = &mut self.entries[at];
        entry.redefined = (is_change && entry.born == Born::Before).then_some(number);
        entry.made = entry.made.filter(|_| is_change || !entry.may_be_older);
    }

    fn drop(&mut self, number: usize, thing: &Thing, if_exists: bool, cascade: bool) {
        let is_rollback = self.is_rollback();
        match self.find(thing) {
            Some(at) => {
                if self.entries[at].born == Born::Before {
                    self.note_drop(number, at, thing, if_exists);
                }
                self.kill(at);
            }
            // A part of something new: it was made with it.
            None if thing
                .of
                .as_ref()
                .and_then(|of| self.holder(of))
                .is_some_and(|of| self.entries[of].born != Born::Before) => {}
            None if is_rollback && self.went_along(thing) => {}
            None => {
                let at = self.learn(thing);
                self.entries[at].may_be_older = if_exists;
                self.note_drop(number, at, thing, if_exists);
                self.kill(at);
            }
        }
        if cascade {
            self.cascade(thing);
        }
    }

    fn note_drop(&mut self, number: usize, at: usize, thing: &Thing, if_exists: bool) {
        match self.side {
            Side::Change => self.entries[at].dropped = Some(number),
            // With IF EXISTS it is `if-exists-in-rollback` that says so.
            Side::Rollback if !if_exists => self.strangers.push((number, thing.clone(), at)),
            Side::Rollback => {}
        }
    }

    /// Whether something that the change made under this name is gone already: an index that a constraint made.
    fn went_along(&self, thing: &Thing) -> bool {
        let is_key = |object| matches!(object, Object::Index | Object::Constraint);
        let same = |entry: &Entry| {
            let unnamed = is_key(entry.object) && entry.name.is_empty() && thing.of.is_some();
            let named = same_name(&entry.name, &thing.name);
            entry.born != Born::Before
                && like(entry.object, thing.object)
                && (named || unnamed && self.is_part(entry, thing))
        };
        self.entries.iter().any(same)
    }

    fn retype(&mut self, number: usize, column: &Thing, whole: bool) {
        let at = self.find_or_learn(column);
        let is_change = self.side == Side::Change;
        let entry = &mut self.entries[at];
        entry.retyped = is_change.then(|| entry.retyped.unwrap_or(number));
        if whole && !is_change {
            entry.required = None;
        }
    }

    fn require(&mut self, number: usize, column: &Thing, value: bool) {
        let at = self.find_or_learn(column);
        let of = self.entries[at].of;
        if self.is_rollback() && value {
            self.requires.push(of);
        }
        let is_change = self.side == Side::Change;
        let entry = &mut self.entries[at];
        entry.required = match entry.required {
            Some((_, before)) if before != value => None,
            known if !is_change => known,
            known => known.or(Some((number, value))),
        };
    }

    fn attach(&mut self, number: usize, partition: &Thing, value: bool) {
        let at = self.find_or_learn(partition);
        let is_change = self.side == Side::Change;
        let entry = &mut self.entries[at];
        entry.attached = match entry.attached {
            Some((_, before)) if before != value => None,
            known if !is_change => known,
            known => known.or(Some((number, value))),
        };
    }

    /// What goes by itself with something that has gone.
    fn kill(&mut self, at: usize) {
        self.entries[at].is_alive = false;
        loop {
            let is_gone = |at: &usize| !self.entries[*at].is_alive;
            let follows = |entry: &Entry| {
                entry.is_alive
                    && (entry.of.as_ref().is_some_and(is_gone)
                        || entry.goes_with.iter().any(|all| !all.is_empty() && all.iter().all(is_gone)))
            };
            let Some(next) = self.entries.iter().position(follows) else { return };
            self.entries[next].is_alive = false;
        }
    }

    /// What goes with CASCADE, as far as it is new: what speaks of the thing, and what is in a schema.
    fn cascade(&mut self, thing: &Thing) {
        let bare = bare(&thing.name).to_owned();
        let inside = format!("{}.", thing.name);
        let follows = |entry: &Entry| {
            entry.is_alive
                && entry.born != Born::Before
                && (entry.mentions.contains(&bare)
                    || thing.object == Object::Schema && entry.name.starts_with(&inside)
                    || thing.object == Object::Type && bare_type(&entry.of_type) == bare)
        };
        while let Some(next) = self.entries.iter().position(follows) {
            self.kill(next);
        }
    }

    /// What is not as it was before the change, with the operation that did it.
    pub fn left(&self) -> Vec<Remains> {
        let all: Vec<Option<(usize, Left)>> = self.entries.iter().map(|entry| self.left_of(entry)).collect();
        // What is part of something new is left with it, or goes back with it.
        let is_new = |at: &usize| {
            let is_back = self.entries[*at].is_alive && self.entries[*at].named_back;
            let is_left = matches!(all[*at], Some((_, Left::Made | Left::Redefined)));
            self.entries[*at].born == Born::In(Side::Change) && (is_left || is_back)
        };
        let of_another = |entry: &Entry| entry.of.iter().chain(entry.goes_with.iter().flatten()).any(is_new);
        let remains = |(entry, left): (&Entry, &Option<(usize, Left)>)| {
            let (operation, how) = left.filter(|_| !of_another(entry))?;
            Some(Remains { operation, how, thing: entry.first.clone(), is_sure: !self.is_unsure(entry) })
        };
        let mut left: Vec<Remains> = self.entries.iter().zip(&all).filter_map(remains).collect();
        left.sort_by_key(|remains| remains.operation);
        left
    }

    /// Whether nobody knows if it was there before: it was dropped with IF EXISTS.
    fn is_unsure(&self, entry: &Entry) -> bool {
        let gone = |other: &Entry| other.born == Born::Before && !other.is_alive && other.may_be_older;
        match entry.born {
            Born::Before => gone(entry),
            Born::In(_) => self.entries.iter().any(|other| gone(other) && self.stands_for(entry, other)),
        }
    }

    /// Whether something has the place of another that is gone: its name, or for a key none, in the same table.
    fn stands_for(&self, entry: &Entry, gone: &Entry) -> bool {
        let whole = |of: Option<usize>| of.map(|of| self.entries[of].name.as_str());
        let same_whole = match (whole(entry.of), gone.first.of.as_deref()) {
            (Some(one), Some(other)) => same_name(one, other),
            _ => true,
        };
        let unnamed = entry.name.is_empty() && entry.of.is_some() && gone.first.of.is_some();
        like(entry.object, gone.object) && same_whole && (unnamed || same_name(&entry.name, &gone.first.name))
    }

    /// What the rollback drops that was there before the change, and stays away.
    pub fn strangers(&self) -> Vec<(usize, Thing)> {
        let is_away = |(_, thing, at): &&(usize, Thing, usize)| {
            !self.is_filled(thing) && !self.is_filled(&self.entries[*at].first) && !names_not_null(thing)
        };
        self.strangers.iter().filter(is_away).map(|(number, thing, _)| (*number, thing.clone())).collect()
    }

    fn left_of(&self, entry: &Entry) -> Option<(usize, Left)> {
        if entry.temporary || entry.object == Object::Label && entry.renamed.is_none() {
            return None;
        }
        if entry.born == Born::In(Side::Change) {
            return self.made_and_left(entry);
        }
        if entry.born == Born::In(Side::Rollback) {
            return None;
        }
        if !entry.is_alive {
            let number = entry.dropped?;
            return (!self.is_back(entry)).then_some((number, Left::Dropped));
        }
        let has_name = same_name(&entry.name, &entry.first.name);
        // Another has its place, and it has that of another.
        if !has_name && self.is_filled(&entry.first) {
            return None;
        }
        let required = |(number, value)| (number, if value { Left::Required } else { Left::Allowed });
        let attached = |(number, value)| (number, if value { Left::Attached } else { Left::Detached });
        let renamed = entry.renamed.filter(|_| !has_name).map(|number| (number, Left::Renamed));
        renamed
            .or(entry.retyped.map(|number| (number, Left::Retyped)))
            .or(entry.redefined.map(|number| (number, Left::Redefined)))
            .or(entry.required.map(required))
            .or(entry.attached.filter(|_| !self.has_gone(&entry.name)).map(attached))
    }

    /// How something that the change has made is left. What has the place of another by a new name that the rollback
    /// gave it is that one again.
    fn made_and_left(&self, entry: &Entry) -> Option<(usize, Left)> {
        let number = entry.made.filter(|_| entry.is_alive)?;
        let gone = |other: &&Entry| other.born == Born::Before && !other.is_alive && other.dropped.is_some();
        let instead = self.entries.iter().filter(gone).any(|other| self.stands_for(entry, other));
        match (instead, entry.named_back) {
            (true, true) => None,
            (true, false) => Some((number, Left::Redefined)),
            (false, _) => Some((number, Left::Made)),
        }
    }

    /// Whether a table of this name was made by the change and has gone, or was there and is attached no more.
    fn has_gone(&self, table: &str) -> bool {
        let mut same = self
            .entries
            .iter()
            .filter(|entry| entry.object == Object::Table && same_name(&entry.name, table));
        same.any(|entry| !entry.is_alive)
    }

    /// Whether something that was dropped has been brought back, by itself or with what it is part of.
    fn is_back(&self, entry: &Entry) -> bool {
        let whole = entry.first.of.as_ref().is_some_and(|of| self.is_remade(of));
        let is_key = matches!(entry.object, Object::Constraint | Object::Index);
        let by_value = entry.object == Object::Constraint && self.requires.contains(&entry.of);
        // What may not have been there is brought back by a change that has made it anew and takes that away.
        let idle = entry.may_be_older && self.was_made(&entry.first);
        whole
            || idle
            || names_not_null(&entry.first)
            || by_value
            || self.is_filled(&entry.first)
            || is_key && self.has_unnamed(entry)
    }

    /// Whether a table of this name was made by the rollback.
    fn is_remade(&self, table: &str) -> bool {
        let same = |entry: &Entry| entry.object == Object::Table && same_name(&entry.name, table);
        self.entries
            .iter()
            .any(|entry| entry.is_alive && entry.born == Born::In(Side::Rollback) && same(entry))
    }

    fn was_made(&self, thing: &Thing) -> bool {
        let made =
            |entry: &Entry| entry.born == Born::In(Side::Change) && same_name(&entry.first.name, &thing.name);
        self.entries.iter().any(|entry| made(entry) && entry.object == thing.object)
    }

    /// Whether something is there under a name.
    fn is_filled(&self, thing: &Thing) -> bool {
        let is_one = |at: &usize| {
            let entry = &self.entries[*at];
            entry.is_alive && like(entry.object, thing.object) && same_name(&entry.name, &thing.name)
        };
        let same_table = |at: &usize| match (&thing.of, self.entries[*at].of) {
            (Some(of), Some(table)) => same_name(&self.entries[table].name, of),
            _ => true,
        };
        (0..self.entries.len()).any(|at| is_one(&at) && same_table(&at))
    }

    /// Whether the rollback has made a key without a name in the same table.
    fn has_unnamed(&self, gone: &Entry) -> bool {
        let table = gone.first.of.as_deref();
        let is_one = |entry: &&Entry| {
            let is_key = matches!(entry.object, Object::Constraint | Object::Index);
            entry.is_alive && is_key && entry.name.is_empty() && entry.born == Born::In(Side::Rollback)
        };
        let same = |entry: &Entry| {
            let own = entry.of.map(|of| self.entries[of].name.as_str());
            table.is_none()
                || own.is_none()
                || own.zip(table).is_some_and(|(own, table)| same_name(own, table))
        };
        self.entries.iter().filter(is_one).any(same)
    }

    /// The thing with this name that is there by now; of several the last.
    fn find(&self, thing: &Thing) -> Option<usize> {
        self.find_exactly(thing).or_else(|| self.find_unnamed(thing))
    }

    fn find_exactly(&self, thing: &Thing) -> Option<usize> {
        let named = |exact: bool| {
            (0..self.entries.len()).rev().find(|at| {
                let entry = &self.entries[*at];
                let same = if exact { entry.name == thing.name } else { same_name(&entry.name, &thing.name) };
                entry.is_alive && like(entry.object, thing.object) && same && self.is_part(entry, thing)
            })
        };
        named(true).or_else(|| named(false))
    }

    /// A constraint or an index whose name the server has made.
    fn find_unnamed(&self, thing: &Thing) -> Option<usize> {
        if !matches!(thing.object, Object::Constraint | Object::Index) {
            return None;
        }
        (0..self.entries.len()).rev().find(|at| {
            let entry = &self.entries[*at];
            let is_one = entry.is_alive && entry.name.is_empty() && like(entry.object, thing.object);
            let by_name = || {
                let table = entry.of.map(|of| bare(&self.entries[of].name)).unwrap_or_default();
                let start: String = table.chars().take(20).collect();
                bare(&thing.name).starts_with(&start)
            };
            is_one && if thing.of.is_some() { self.is_part(entry, thing) } else { by_name() }
        })
    }

    /// Whether an entry is part of the table that a thing names; not everything is named with its table.
    fn is_part(&self, entry: &Entry, thing: &Thing) -> bool {
        match (&thing.of, entry.of) {
            (Some(of), Some(table)) => same_name(&self.entries[table].name, of),
            (Some(_), None) | (None, Some(_)) => {
                matches!(entry.object, Object::Index | Object::Constraint)
            }
            (None, None) => true,
        }
    }

    /// What something is part of, by its name.
    fn holder(&self, name: &str) -> Option<usize> {
        let holds = |entry: &Entry| {
            entry.is_alive
                && matches!(entry.object, Object::Table | Object::View | Object::Type)
                && same_name(&entry.name, name)
        };
        self.entries.iter().rposition(holds)
    }

    /// What something goes with; a view may stand where a table is named.
    fn needed(&mut self, thing: &Thing) -> usize {
        let table = self.holder(&thing.name).filter(|_| thing.object == Object::Table);
        table.unwrap_or_else(|| self.find_or_learn(thing))
    }

    fn find_or_learn(&mut self, thing: &Thing) -> usize {
        self.find_exactly(thing).unwrap_or_else(|| self.learn(thing))
    }

    /// A thing that was there before anybody spoke of it; part of something new it is new itself.
    fn learn(&mut self, thing: &Thing) -> usize {
        let holder = thing.of.as_ref().and_then(|of| self.holder(of));
        let born = holder.map_or(Born::Before, |of| self.entries[of].born);
        self.add(thing, born)
    }

    fn add(&mut self, thing: &Thing, born: Born) -> usize {
        let of = thing.of.as_ref().map(|of| self.holder(of).unwrap_or_else(|| self.learn(&Thing::table(of))));
        // A part is known by the name that its whole had at first.
        let holder = of.filter(|of| self.entries[*of].born == Born::Before);
        let whole = holder.map_or(thing.of.clone(), |of| Some(self.entries[of].first.name.clone()));
        let first = Thing { of: whole, ..thing.clone() };
        self.entries.push(Entry {
            object: thing.object,
            name: thing.name.clone(),
            of,
            born,
            is_alive: true,
            may_be_older: false,
            temporary: false,
            first,
            goes_with: Vec::new(),
            mentions: Vec::new(),
            of_type: String::new(),
            made: None,
            dropped: None,
            renamed: None,
            named_back: false,
            retyped: None,
            redefined: None,
            required: None,
            attached: None,
        });
        self.entries.len() - 1
    }
}

/// Something that is made.
struct Made<'a> {
    thing: &'a Thing,
    ties: &'a Ties,
    may_be_older: bool,
    temporary: bool,
}

/// Servers tell constraints and indexes apart by their uses: what one statement makes as one, another may drop as
/// the other.
fn like(one: Object, other: Object) -> bool {
    let is_key = |object| matches!(object, Object::Constraint | Object::Index);
    one == other || is_key(one) && is_key(other)
}

/// Whether a constraint is one that PostgreSQL 18 makes of NOT NULL: it comes and goes with that.
fn names_not_null(thing: &Thing) -> bool {
    thing.object == Object::Constraint && thing.name.ends_with("_not_null")
}

/// Whether two names may be those of one thing: one of them may leave out its schema.
fn same_name(one: &str, other: &str) -> bool {
    one == other || one.contains('.') != other.contains('.') && bare(one) == bare(other)
}

fn bare(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// A type without its schema and arguments.
fn bare_type(of: &str) -> String {
    bare(of.split(['(', '[', ' ']).next().unwrap_or_default()).to_owned()
}
