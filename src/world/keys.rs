//! Keys of stores as bounded sets of texts.

use std::collections::BTreeSet;

/// The most keys of one source.
pub(super) const MOST: usize = 100_000;

/// A query for the keys that another gives, and for one more than may be.
pub(super) fn query(written: &str) -> String {
    let written = written.trim().trim_end_matches(';');
    format!("SELECT * FROM (\n{written}\n) AS backout_keys LIMIT {}", MOST + 1)
}

/// The first column of rows. NULL is no key.
pub(super) fn of_rows(rows: Vec<Vec<Option<String>>>) -> Result<BTreeSet<String>, String> {
    bounded(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

/// Keys, unless they are too many.
pub(super) fn bounded(keys: Vec<String>) -> Result<BTreeSet<String>, String> {
    match keys.len() {
        0..=MOST => Ok(keys.into_iter().collect()),
        _ => Err(format!("more than {MOST} keys")),
    }
}
