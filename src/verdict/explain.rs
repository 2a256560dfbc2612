//! What the clients' ledger explains of a table's differing rows; and where the table breaks a promise.

use std::collections::BTreeSet;

use super::footprint;
use crate::journal::event::RowsDiffer;
use crate::plan::Plan;
use crate::plan::traffic::Belongs;
use crate::text::grouped;
use crate::traffic::{Few, Reach};

/// How many rows or keys of a kind are shown.
const SHOWN: usize = 3;

/// What is to be said of a table that clients write to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Explained {
    /// What nothing explains or what breaks a promise, in few words each; empty: all is as promised.
    pub(super) wrong: Vec<String>,
    /// Rows and keys to look at.
    pub(super) evidence: Vec<String>,
    /// How many rows the ledger explains.
    pub(super) rows: u64,
    /// How many rows nothing explains.
    pub(super) strange: u64,
    /// Which promises are broken, in few words each.
    pub(super) broken: BTreeSet<&'static str>,
}

/// None where clients do not write to the table.
pub(super) fn explain(plan: &Plan, database: &str, rows: &RowsDiffer) -> Option<Explained> {
    let touches = footprint::of(plan, database, &rows.table);
    if touches.is_empty() {
        return None;
    }
    let all = rows.counts.changed + rows.counts.missing + rows.counts.extra;
    let mut explained = Explained { rows: altered(&touches, rows), ..Explained::default() };
    for belongs in touches {
        let (column, is_one) = match belongs {
            Belongs::One(column) => (column, true),
            Belongs::Many(column) => (column, false),
            Belongs::Column(_) => continue,
        };
        let Some(reach) = rows.reach.iter().find(|reach| reach.column == *column) else { continue };
        explained.rows += reach.rows;
        explained.promises(reach, is_one);
        explained.evidence.extend(reach.strangers.iter().take(SHOWN).map(super::difference::example));
    }
    let strange = all.saturating_sub(explained.rows);
    explained.strange = strange;
    if strange > 0 {
        let plural = if strange == 1 { "row" } else { "rows" };
        let said = format!("{} {plural} that nothing explains", grouped(strange));
        explained.wrong.insert(0, said);
        if explained.evidence.is_empty() {
            explained.evidence = rows.examples.iter().take(SHOWN).map(super::difference::example).collect();
        }
    }
    Some(explained)
}

impl Explained {
    fn promises(&mut self, reach: &Reach, is_one: bool) {
        // A write need not have rows in a table that holds any number for each.
        let broken = [
            (is_one, &reach.lost, "acknowledged and gone"),
            (true, &reach.phantom, "refused or removed, and there"),
            (is_one, &reach.repeated, "there more than once"),
        ];
        for (counts, few, words) in broken {
            if counts && few.count > 0 {
                self.broken.insert(words);
                self.wrong.push(format!("{} {words}", grouped(few.count)));
                self.evidence.extend(keys(few, words));
            }
        }
    }
}

/// The first keys of a kind, a line each.
pub(super) fn keys(few: &Few, words: &str) -> Vec<String> {
    few.first.iter().take(SHOWN).map(|found| format!("{}  {words}", found.key)).collect()
}

/// Rows whose only other values are in columns that writes change.
fn altered(touches: &[&Belongs], rows: &RowsDiffer) -> u64 {
    let columns: BTreeSet<&str> = touches
        .iter()
        .filter_map(|belongs| match belongs {
            Belongs::Column(column) => Some(column.as_str()),
            Belongs::One(_) | Belongs::Many(_) => None,
        })
        .collect();
    let within = rows.altered.iter().filter(|(set, _)| set.split(", ").all(|one| columns.contains(one)));
    within.map(|(_, rows)| rows).sum()
}

/// Keys of unknown fate that are in some of the tables that hold one row for each key, and not in all: an
/// unknown write may have been done or not, but not by half.
pub(super) fn halves(plan: &Plan, rows: &[(String, RowsDiffer)]) -> BTreeSet<String> {
    let mut tables: Vec<&BTreeSet<String>> = Vec::new();
    for (database, rows) in rows {
        for belongs in footprint::of(plan, database, &rows.table) {
            let (column, is_one) = match belongs {
                Belongs::One(column) => (column, true),
                Belongs::Many(column) => (column, false),
                Belongs::Column(_) => continue,
            };
            // Where every write that must be there has rows, every write has.
            let reach = rows.reach.iter().find(|reach| reach.column == *column);
            let reach = reach.filter(|reach| is_one || (reach.kept > 0 && reach.lost.count == 0));
            tables.extend(reach.map(|reach| &reach.unknown));
        }
    }
    let all: BTreeSet<String> = tables.iter().flat_map(|keys| keys.iter().cloned()).collect();
    all.into_iter().filter(|key| !tables.iter().all(|keys| keys.contains(key))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::traffic::Touch;
    use crate::state::rows::RowCounts;
    use crate::traffic::Found;
    use crate::verdict::testing::{plan, traffic};

    fn touching(by: Belongs, table: &str) -> Touch {
        let at = crate::verdict::testing::place(3);
        Touch { database: "db".to_owned(), table: table.to_owned(), by, at }
    }

    fn planned(touches: Vec<Touch>) -> Plan {
        Plan { traffic: vec![crate::plan::traffic::Traffic { touches, ..traffic() }], ..plan() }
    }

    fn few(keys: &[&str]) -> Few {
        let first = keys.iter().map(|key| Found { key: (*key).to_owned(), since_ms: 1, seen: String::new() });
        Few { count: keys.len() as u64, first: first.collect(), from_ms: 1, to_ms: 1 }
    }

    fn extra(table: &str, extra: u64, reach: Reach) -> RowsDiffer {
        let counts = RowCounts { extra, ..RowCounts::default() };
        RowsDiffer { table: table.to_owned(), counts, reach: vec![reach], ..RowsDiffer::default() }
    }

    fn id(rows: u64) -> Reach {
        Reach { column: "id".to_owned(), rows, kept: rows, ..Reach::default() }
    }

    #[test]
    fn rows_of_promised_keys_are_explained_and_others_are_not() {
        let plan = planned(vec![touching(Belongs::One("id".to_owned()), "orders")]);
        let wrong = |reach, rows| explain(&plan, "db", &extra("public.orders", rows, reach)).unwrap().wrong;
        assert_eq!(wrong(id(5), 5), [] as [&str; 0]);
        assert_eq!(wrong(id(5), 7), ["2 rows that nothing explains"]);
        let gone = Reach { lost: few(&["a"]), ..id(5) };
        assert_eq!(wrong(gone, 5), ["1 acknowledged and gone"]);
        assert_eq!(explain(&plan, "db", &extra("public.other", 1, id(1))), None);
    }

    #[test]
    fn a_changed_column_is_explained_and_no_other() {
        let plan = planned(vec![touching(Belongs::Column("qty".to_owned()), "stock")]);
        let counts = RowCounts { changed: 3, ..RowCounts::default() };
        let altered = [("qty".to_owned(), 2), ("name, qty".to_owned(), 1)].into();
        let rows = RowsDiffer { table: "public.stock".to_owned(), counts, altered, ..RowsDiffer::default() };
        let explained = explain(&plan, "db", &rows).unwrap();
        assert_eq!(
            (explained.rows, &explained.wrong[..]),
            (2, &["1 row that nothing explains".to_owned()][..])
        );
    }

    #[test]
    fn an_unknown_write_is_there_in_all_its_tables_or_in_none() {
        let both = vec![
            touching(Belongs::One("id".to_owned()), "orders"),
            touching(Belongs::Many("order_id".to_owned()), "items"),
        ];
        let plan = planned(both);
        let unknown = |column: &str, keys: &[&str]| Reach {
            column: column.to_owned(),
            unknown: keys.iter().map(|key| (*key).to_owned()).collect(),
            ..id(4)
        };
        let rows = |items: &[&str]| {
            let orders = extra("public.orders", 4, unknown("id", &["u", "v"]));
            let items = extra("public.items", 8, unknown("order_id", items));
            vec![("db".to_owned(), orders), ("db".to_owned(), items)]
        };
        assert_eq!(halves(&plan, &rows(&["u", "v"])), BTreeSet::new());
        assert_eq!(halves(&plan, &rows(&["u"])), ["v".to_owned()].into());
    }
}
