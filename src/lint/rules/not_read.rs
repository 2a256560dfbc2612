//! Migrations that are no SQL.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::What;
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "not-read", page: include_str!("not-read.md"), check: Check::Operation(check) };

fn check(what: &What, _: &Past) -> Option<Found> {
    let What::NotRead { what, why, prints } = what else { return None };
    let instead = match prints {
        Some(command) => format!(
            "read what it will send: `{command} | backout lint -`; or what it has sent: `backout points SCENARIO`, and \
             `backout lint RUN` of the run's folder"
        ),
        None => "read what it has sent: `backout points SCENARIO`, and `backout lint RUN` of the run's folder; `backout \
                 lint -` reads SQL from whatever prints it"
            .to_owned(),
    };
    Some(Found::new(Class::Unknown, format!("{what}: not read"), why, &instead))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_read_is_unknown_and_says_how_to_read_what_is_sent() {
        let with = |prints| What::NotRead {
            what: "2 migrations of X in `m`".to_owned(),
            why: "w".to_owned(),
            prints,
        };
        let found = check(&with(Some("x sql")), &Past::default()).unwrap();
        assert_eq!(
            (found.class, found.message.as_str()),
            (Class::Unknown, "2 migrations of X in `m`: not read")
        );
        assert!(
            found.instead.starts_with("read what it will send: `x sql | backout lint -`"),
            "{}",
            found.instead
        );
        assert!(check(&with(None), &Past::default()).unwrap().instead.contains("backout lint -"));
    }
}
