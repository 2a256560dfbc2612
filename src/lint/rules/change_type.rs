//! A column gets a type that cannot hold every value.

use super::{Check, Found, Rule, kept_or_lost};
use crate::lint::model::Class;
use crate::lint::operation::What;
use crate::lint::past::Past;
use crate::lint::types::{Fit, fit};

pub(super) const RULE: Rule =
    Rule { name: "change-type", page: include_str!("change-type.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Retypes { column, to, using } = what else { return None };
    let table = column.of.as_deref().unwrap_or_default();
    if past.made(column) {
        return None;
    }
    let kept = past.keeps_column(table, &column.name);
    let before = past.type_of(column);
    let converts = using.as_ref().is_some_and(|using| !is_plain_cast(using, &column.name));
    let (class, why) = match before.map_or_else(|| from_anything(to), |before| fit(before, to)) {
        _ if converts => kept_or_lost(kept, "USING makes new values, and the old ones are nowhere"),
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
fn from_anything(to: &str) -> Fit {
    if ["text", "longtext"].contains(&to) { Fit::Holds } else { Fit::Unknown }
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
        let lossy = [(Class::Lossy, "makes column `t.a` from bigint integer")];
        check(
            RULE,
            "ALTER TABLE t ALTER a TYPE bigint; ALTER TABLE t ALTER a TYPE integer",
            &[(Class::Unknown, "makes column `t.a` bigint"), lossy[0]],
        );
        check_mariadb(
            RULE,
            "ALTER TABLE t MODIFY a VARCHAR(10)",
            &[(Class::Unknown, "makes column `t.a` varchar(10)")],
        );
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
