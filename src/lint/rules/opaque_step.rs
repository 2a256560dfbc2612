//! A program runs whose effects are not in its text.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::What;
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "opaque-step", page: include_str!("opaque-step.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Runs { command } = what else { return None };
    if past.is_rollback() {
        return None;
    }
    let why = "what a program does to rows, files and other systems cannot be read from its command";
    let instead = "lint what it has sent: `backout points SCENARIO`, and `backout lint RUN` of the run's folder; or its \
                   migrations with `backout lint DIR`";
    Some(Found::new(Class::Unknown, format!("runs `{command}`"), why, instead))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_unknown() {
        let what = What::Runs { command: "migrate up".to_owned() };
        let found = check(&what, &Past::default()).unwrap();
        assert_eq!((found.class, found.message.as_str()), (Class::Unknown, "runs `migrate up`"));
        assert_eq!(check(&What::Nothing, &Past::default()), None);
    }
}
