//! A column gets a type that cannot hold every value.

use super::{Check, Found, Rule, kept_or_lost};
use crate::lint::model::Class;
use crate::lint::operation::What;
use crate::lint::past::Past;
use crate::lint::types::{Fit, fit, is_refused};

pub(super) const RULE: Rule =
    Rule { name: "change-type", page: include_str!("change-type.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Retypes { column, to, using, strict, .. } = what else { return None };
    let table = column.of.as_deref().unwrap_or_default();
    if past.made(column) {
        return None;
    }
    let kept = past.keeps_column(table, &column.name);
    let before = past.type_of(column);
    let converts = using.as_ref().is_some_and(|using| !is_plain_cast(using, &column.name));
    let fits = before.map_or_else(|| from_anything(to, *strict), |before| fit(before, to));
    // A cast that is written out cuts what an assignment refuses.
    let refuses = *strict && (using.is_none() || !cuts(to)) && is_refused(before, to, using.is_some());
    let (class, why) = match fits {
        Fit::Holds if !converts => return None,
        _ if past.retyped(column) => (
            Class::Reversible,
            "what was there before fits; values that were written since and do not fit are cut or refused"
                .to_owned(),
        ),
        _ if converts => kept_or_lost(kept, "USING makes new values, and the old ones are nowhere"),
        _ if refuses => (
            Class::Reversible,
            "nothing is lost: PostgreSQL refuses values that do not fit, and the statement fails".to_owned(),
        ),
        Fit::Holds => return None,
        Fit::Loses => kept_or_lost(kept, "values that do not fit are cut, rounded or refused"),
        Fit::Unknown if kept.is_some() => kept_or_lost(kept, ""),
        Fit::Unknown => (Class::Unknown, "whether every value survives is not known from here".to_owned()),
    };
    let from = before.map(|before| format!(" from {before}")).unwrap_or_default();
    let instead = "add a column of the new type beside it, fill it, switch readers over, and drop the old one in a \
                   later change";
    Some(Found::new(class, format!("makes {column}{from} {to}"), why, instead).rows_of(table))
}

/// Nearly everything can be written as text and read back; of other types nobody knows.
fn from_anything(to: &str, strict: bool) -> Fit {
    // Where texts have no limit, every value fits.
    let holds = to == "longtext" || strict && ["text", "varchar", "character varying"].contains(&to);
    if holds { Fit::Holds } else { Fit::Unknown }
}

/// Whether a cast to this type, written out, makes a value that fits out of any.
fn cuts(to: &str) -> bool {
    ["varchar", "char", "bit"].iter().any(|start| to.starts_with(start))
}

/// `USING a::bigint` says no more than the type does.
fn is_plain_cast(using: &str, column: &str) -> bool {
    using == column
        || using.strip_prefix(column).is_some_and(|rest| rest.starts_with("::") && !rest.contains('('))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;
    use crate::lint::model::Class;

    #[test]
    fn a_narrower_type_is_lossy_where_the_one_before_is_known() {
        let lossy = [(Class::Lossy, "makes column `t.a` from numeric integer")];
        check(
            RULE,
            "ALTER TABLE t ALTER a TYPE numeric; ALTER TABLE t ALTER a TYPE integer",
            &[(Class::Unknown, "makes column `t.a` numeric"), lossy[0]],
        );
        check_mariadb(
            RULE,
            "ALTER TABLE t MODIFY a VARCHAR(10)",
            &[(Class::Unknown, "makes column `t.a` varchar(10)")],
        );
    }

    #[test]
    fn what_the_server_refuses_is_no_loss() {
        let note = |message| [(Class::Reversible, message)];
        check(RULE, "ALTER TABLE t ALTER a TYPE varchar(20)", &note("makes column `t.a` varchar(20)"));
        let known = "CREATE TABLE k (a int); ALTER TABLE t ALTER a TYPE text; ALTER TABLE t ALTER a TYPE int";
        check(RULE, known, &note("makes column `t.a` from text int"));
        let cut =
            "ALTER TABLE t ALTER a TYPE text; ALTER TABLE t ALTER a TYPE varchar(9) USING a::varchar(9)";
        check(RULE, cut, &[(Class::Lossy, "makes column `t.a` from text varchar(9)")]);
        check_mariadb(
            RULE,
            "ALTER TABLE t MODIFY a TEXT; ALTER TABLE t MODIFY a VARCHAR(9)",
            &[
                (Class::Unknown, "makes column `t.a` text"),
                (Class::Lossy, "makes column `t.a` from text varchar(9)"),
            ],
        );
    }

    #[test]
    fn a_rollback_may_give_the_old_type_back() {
        let read = |sql: &str| crate::lint::read::operations(crate::lint::Dialect::Postgres, sql, 0);
        let past = Past::before_rollback(
            &read("ALTER TABLE t ALTER a TYPE bigint"),
            &std::collections::BTreeMap::new(),
        );
        let found = |sql: &str| super::check(&read(sql)[0].what, &past).map(|found| found.class);
        assert_eq!(found("ALTER TABLE t ALTER a TYPE int"), Some(Class::Reversible));
        assert_eq!(found("ALTER TABLE t ALTER b TYPE int"), Some(Class::Unknown));
    }

    #[test]
    fn new_values_are_not_the_old_ones() {
        check(
            RULE,
            "ALTER TABLE t ALTER a TYPE text USING upper(a)",
            &[(Class::Lossy, "makes column `t.a` text")],
        );
        let kept = "CREATE TABLE k AS SELECT id, a FROM t; ALTER TABLE t ALTER a TYPE int USING length(a)";
        check(RULE, kept, &[(Class::NeedsKeptData, "makes column `t.a` int")]);
    }

    #[test]
    fn text_holds_everything_and_a_new_column_nothing() {
        check(RULE, "ALTER TABLE t ALTER a TYPE text, ALTER b TYPE text USING b::text", &[]);
        check(RULE, "CREATE TABLE t (a bigint); ALTER TABLE t ALTER a TYPE int", &[]);
    }
}
