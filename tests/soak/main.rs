//! What takes long: run by hand with `cargo test --test soak`, and quoted where results are claimed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]
#![expect(dead_code, reason = "shared with the integration tests, of which this uses a part")]

#[path = "../it/support/backout.rs"]
mod backout;
#[path = "../it/support/killing.rs"]
mod killing;
#[path = "../it/support/traces.rs"]
mod traces;

#[test]
fn s21_twenty_kills_spread_over_a_drill_leave_nothing() {
    let length = killing::length_of_a_drill();
    for part in 1..=20 {
        killing::kill_at(length * part / 21);
    }
}
