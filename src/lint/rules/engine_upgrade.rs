//! A server gets a version that may rewrite its files.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::What;
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "engine-upgrade", page: include_str!("engine-upgrade.md"), check: Check::Operation(check) };

fn check(what: &What, _: &Past) -> Option<Found> {
    let What::Upgrades { service, from, to } = what else { return None };
    let why =
        "a newer server changes the files in its volume, and the older one does not start on them again";
    let instead = "dump first, and restore the dump in the rollback; or run the new server beside the old one, on a \
                   volume of its own";
    Some(Found::new(
        Class::Irreversible,
        format!("puts service `{service}` from `{from}` to `{to}`"),
        why,
        instead,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_from_a_newer_server_is_closed() {
        let what = What::Upgrades {
            service: "db".to_owned(),
            from: "postgres:14".to_owned(),
            to: "postgres:16".to_owned(),
        };
        let found = check(&what, &Past::default()).unwrap();
        assert_eq!(found.class, Class::Irreversible);
        assert_eq!(found.message, "puts service `db` from `postgres:14` to `postgres:16`");
        assert_eq!(check(&What::Nothing, &Past::default()), None);
    }
}
