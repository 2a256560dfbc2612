//! A role or a user is dropped, or all that it owns.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::{Object, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "drop-role", page: include_str!("drop-role.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Drops { thing, .. } = what else { return None };
    if thing.object != Object::Role || past.made(thing) {
        return None;
    }
    let why = "its password, memberships and rights cannot be read back from anywhere";
    let instead = "take its right to log in (`ALTER ROLE … NOLOGIN`), and drop it in a later change";
    Some(Found::new(Class::NeedsKeptData, format!("drops {thing}"), why, instead))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;

    #[test]
    fn a_role_takes_its_password_and_rights_with_it() {
        check(RULE, "DROP ROLE app", &[(Class::NeedsKeptData, "drops role `app`")]);
        check(RULE, "CREATE ROLE app; DROP ROLE app", &[]);
        check_mariadb(RULE, "DROP USER app", &[(Class::NeedsKeptData, "drops role `app`")]);
    }
}
