//! A table is emptied.

use super::{Check, Found, Rule, kept_or_lost};
use crate::lint::operation::What;
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "truncate", page: include_str!("truncate.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Truncates { table, cascade } = what else { return None };
    if past.made_table(table) || past.filled(table) {
        return None;
    }
    let kept = past.keeps_rows(table, None).filter(|_| !cascade);
    let lost = if *cascade {
        "all rows go, and those of every table that refers to it, which are not named"
    } else {
        "all rows go, and no log of the database brings them back"
    };
    let (class, why) = kept_or_lost(kept, lost);
    let instead = "keep the rows first: `CREATE TABLE kept AS TABLE orders`";
    Some(Found::new(class, format!("empties table `{table}`"), why, instead).rows_of(table))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;
    use crate::lint::model::Class;

    #[test]
    fn all_rows_go() {
        check(
            RULE,
            "TRUNCATE a, b",
            &[(Class::Lossy, "empties table `a`"), (Class::Lossy, "empties table `b`")],
        );
        check(
            RULE,
            "CREATE TABLE k AS SELECT * FROM a; TRUNCATE a",
            &[(Class::NeedsKeptData, "empties table `a`")],
        );
        check(
            RULE,
            "CREATE TABLE k AS SELECT * FROM a; TRUNCATE a CASCADE",
            &[(Class::Lossy, "empties table `a`")],
        );
        check(RULE, "CREATE TABLE a (id int); TRUNCATE a", &[]);
        check_mariadb(RULE, "TRUNCATE TABLE a", &[(Class::Lossy, "empties table `a`")]);
    }
}
