//! What must hold across stores: each key of one is in at least one of others.

use std::collections::BTreeSet;

use super::fact::Seen;
use super::walk::Ground;
use crate::plan::across::{Across, KeySource};

/// How many keys that are missing are named.
const EXAMPLES: usize = 5;

/// One look. Keys on their way from one place to the next are nowhere for a moment, so those that are missing
/// are looked for twice.
pub(super) async fn look(ground: &Ground, across: &Across) -> Seen {
    let (all, first) = match missing(ground, across).await {
        Ok(found) => found,
        Err(error) => return Seen::unknown(error),
    };
    if all == 0 {
        let where_ = across.every.words();
        return Seen::unknown(format!("there is no key in {where_}: nothing is shown by that"));
    }
    if first.is_empty() {
        return Seen::observed(true, format!("each of {all} keys is there"));
    }
    match missing(ground, across).await {
        Ok((all, second)) => {
            let shown = |key: &String| ground.stores[&across.every.on].shown(key);
            judged(all, first.intersection(&second).map(shown).collect())
        }
        Err(error) => Seen::unknown(error),
    }
}

fn judged(all: usize, missing: Vec<String>) -> Seen {
    if missing.is_empty() {
        return Seen::observed(true, format!("each of {all} keys is there"));
    }
    let more = missing.len().saturating_sub(EXAMPLES);
    let named = missing.iter().take(EXAMPLES).cloned().collect::<Vec<_>>().join(", ");
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    Seen::observed(false, format!("{} of {all} keys are in none of them: {named}{rest}", missing.len()))
}

/// How many keys there are, and which are in none of the places. These are read last, in their order: what
/// goes on from one to the next is seen in one of them.
async fn missing(ground: &Ground, across: &Across) -> Result<(usize, BTreeSet<String>), String> {
    let mut keys = read(ground, &across.every).await?;
    let all = keys.len();
    for place in &across.among {
        if keys.is_empty() {
            break;
        }
        let there = read(ground, place).await?;
        keys.retain(|key| !there.contains(key));
    }
    Ok((all, keys))
}

async fn read(ground: &Ground, source: &KeySource) -> Result<BTreeSet<String>, String> {
    let store = ground.stores.get(&source.on).ok_or_else(|| format!("{} is not observed", source.on))?;
    store.keys(&source.keys).await.map_err(|error| format!("{}: {error}", source.words()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_missing_keys_are_named_and_the_rest_is_counted() {
        let keys = |count: usize| (1..=count).map(|key| key.to_string()).collect::<Vec<_>>();
        assert_eq!(judged(9, keys(0)).held, Some(true));
        let two = judged(9, keys(2));
        assert_eq!((two.held, two.what.as_str()), (Some(false), "2 of 9 keys are in none of them: 1, 2"));
        let seven = judged(9, keys(7)).what;
        assert_eq!(seven, "7 of 9 keys are in none of them: 1, 2, 3, 4, 5 and 2 more");
    }
}
