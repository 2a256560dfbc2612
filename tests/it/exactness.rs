//! A hold is exact: fifty of them; `tests/soak` makes a thousand.

use crate::support::exactness::hold;

#[tokio::test]
async fn at_fifty_random_points_the_server_has_seen_no_statement_too_many_or_too_few() {
    let said = hold(50, 1).await;
    assert!(said.starts_with("50 holds"), "{said}");
}
