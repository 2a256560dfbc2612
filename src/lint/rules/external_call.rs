//! Somebody outside hears of it.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::What;
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "external-call", page: include_str!("external-call.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Calls { whom } = what else { return None };
    if past.is_rollback() {
        return None;
    }
    let why = "what was said cannot be unsaid: mail is read, money is moved, other systems have acted on it";
    let instead = "call after the change is proven, with a key that makes a repeated call harmless, and write \
                   the compensation into the rollback";
    Some(Found::new(Class::Irreversible, format!("calls {whom}"), why, instead))
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn what_was_said_cannot_be_unsaid() {
        check(
            RULE,
            "COPY t TO PROGRAM 'curl -T - http://x'",
            &[(Class::Irreversible, "calls a program of the server")],
        );
        check(RULE, "SELECT pg_notify('a', 'b')", &[(Class::Irreversible, "calls `pg_notify()`")]);
        check(
            RULE,
            "SELECT dblink_exec('x', 'DELETE FROM t')",
            &[(Class::Irreversible, "calls `dblink_exec()`")],
        );
        check(RULE, "COPY t TO STDOUT", &[]);
    }
}
