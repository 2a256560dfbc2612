//! A volume goes with all that is in it.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::What;
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "remove-volume", page: include_str!("remove-volume.md"), check: Check::Operation(check) };

fn check(what: &What, _: &Past) -> Option<Found> {
    let What::RemovesVolume { volume, how } = what else { return None };
    let why = "every file in it is gone, databases included, or no longer where the service looks for it";
    let instead = "leave the volume, and remove it in a later change; keep a backup that was restored once";
    Some(Found::new(Class::Lossy, format!("{how} {volume}"), why, instead))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_that_goes_is_lossy() {
        let what = What::RemovesVolume { volume: "volume `data`".to_owned(), how: "removes".to_owned() };
        let found = check(&what, &Past::default()).unwrap();
        assert_eq!((found.class, found.message.as_str()), (Class::Lossy, "removes volume `data`"));
        assert_eq!(check(&What::Nothing, &Past::default()), None);
    }
}
