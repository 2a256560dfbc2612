//! The text cannot be read.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::What;
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "not-understood", page: include_str!("not-understood.md"), check: Check::Operation(check) };

fn check(what: &What, _: &Past) -> Option<Found> {
    let What::Unread { why } = what else { return None };
    let instead = "write it in a simpler way; where it is right as it is, allow it with a reason";
    Some(Found::new(Class::Unknown, "is not understood", why, instead))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;

    #[test]
    fn what_cannot_be_read_is_never_safe() {
        check(RULE, "ALTER TABEL t DROP a", &[(Class::Unknown, "is not understood")]);
        check(RULE, "SELECT 'open", &[(Class::Unknown, "is not understood")]);
        check(RULE, "ALTER SYSTEM SET work_mem = '1GB'", &[(Class::Unknown, "is not understood")]);
        check_mariadb(RULE, "LOAD DATA INFILE 'x' INTO TABLE t", &[(Class::Unknown, "is not understood")]);
        check(RULE, "SELECT 1; INSERT INTO t VALUES (1)", &[]);
    }
}
