//! Drills whose state lies in stores that are no databases.

use serde_json::json;

use crate::support::backout::{checks, drill, run_of, scenario};

#[test]
fn a_key_that_the_way_back_forgets_is_found() {
    let (output, reports) = drill(&["tests/fixtures/stores/redis"]);
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let right = scenario(&card, "right");
    assert_eq!((&right["verdict"], &right["level"]), (&json!("pass"), &json!(2)), "{right:#}");
    let wrong = scenario(&card, "wrong");
    assert_eq!(checks(wrong, "fail"), ["data"]);
    let interrupted = run_of(wrong, "interrupted");
    assert_eq!((&interrupted["class"], &interrupted["effect"]), (&json!("silent"), &json!(true)));
    assert_eq!(interrupted["fault"][0]["acted"], true);
    let said = interrupted["findings"].to_string();
    assert!(said.contains("cache.db0") && said.contains("missing: key 'currency:1'"), "{interrupted:#}");
    assert!(reports.text("rows.jsonl").contains(r#""store":"cache","table":"cache.db0""#));
}

#[test]
fn a_file_that_comes_back_with_another_mode_is_found() {
    let (output, reports) = drill(&["tests/fixtures/stores/files"]);
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let right = scenario(&card, "right");
    assert_eq!((&right["verdict"], &right["level"]), (&json!("pass"), &json!(2)), "{right:#}");
    let wrong = scenario(&card, "wrong");
    assert_eq!(checks(wrong, "fail"), ["data"]);
    let said = run_of(wrong, "interrupted")["findings"].to_string();
    assert!(said.contains("app:/data: 1 of 4 rows changed: mode"), "{said}");
    assert!(said.contains("path 'prices.json'  mode '0640' → '0644'"), "{said}");
}

#[test]
fn a_flag_that_the_way_back_forgets_is_found_and_what_is_ignored_is_not() {
    let (output, reports) = drill(&["tests/fixtures/stores/documents"]);
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let right = scenario(&card, "right");
    assert_eq!((&right["verdict"], &right["level"]), (&json!("pass"), &json!(2)), "{right:#}");
    let wrong = scenario(&card, "wrong");
    assert_eq!(checks(wrong, "fail"), ["data"]);
    let said = run_of(wrong, "interrupted")["findings"].to_string();
    assert!(said.contains("pointer '/banner'  value 'spring' → 'summer'"), "{said}");
}

#[test]
fn values_that_a_migration_of_mariadb_has_lost_are_found() {
    let (output, reports) = drill(&["tests/fixtures/stores/mariadb"]);
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let right = scenario(&card, "right");
    assert_eq!((&right["verdict"], &right["level"]), (&json!("pass"), &json!(2)), "{right:#}");
    let wrong = scenario(&card, "wrong");
    assert_eq!(checks(wrong, "fail"), ["data"]);
    let interrupted = run_of(wrong, "interrupted");
    assert_eq!((&interrupted["class"], &interrupted["effect"]), (&json!("silent"), &json!(true)));
    let said = interrupted["findings"].to_string();
    assert!(said.contains("shop.orders: 2 of 3 rows changed: note"), "{said}");
    assert!(said.contains("id '1'  note 'gift wrap' → NULL"), "{said}");
}

#[test]
fn a_backup_of_mariadb_loses_what_was_ordered_since() {
    let (output, reports) = drill(&["tests/fixtures/stores/mariadb-restore"]);
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let restored = scenario(&card, "mariadb-restore");
    assert_eq!(checks(restored, "fail"), ["data", "promises"], "{}", output.stdout);
    let interrupted = run_of(restored, "interrupted");
    assert_eq!(
        interrupted["point"]["completed"], 2,
        "statements commit one by one: {:#}",
        interrupted["point"]
    );
    assert_eq!((&interrupted["fault"][0]["acted"], &interrupted["effect"]), (&json!(true), &json!(true)));
    assert_eq!((&interrupted["class"], &interrupted["state"]["schema"]), (&json!("silent"), &json!("same")));
    let said = interrupted["findings"].to_string();
    assert!(said.contains("acknowledged and gone"), "{said}");
    assert!(said.contains("rollback is not backup: `restore db from the backup before` took back"), "{said}");
    assert_eq!(
        run_of(restored, "idle")["verdict"],
        "pass",
        "what clients write moves nothing else: {card:#}"
    );
    let journal = reports.text("journal.jsonl");
    assert!(!journal.contains("keeps-it"), "the password reached the journal");
}

#[test]
fn a_message_that_the_way_back_forgets_is_found() {
    let (output, reports) = drill(&["tests/fixtures/stores/rabbitmq"]);
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let right = scenario(&card, "right");
    assert_eq!((&right["verdict"], &right["level"]), (&json!("pass"), &json!(2)), "{right:#}");
    let wrong = scenario(&card, "wrong");
    assert_eq!(checks(wrong, "fail"), ["data", "queue"]);
    let interrupted = run_of(wrong, "interrupted");
    assert_eq!((&interrupted["class"], &interrupted["effect"]), (&json!("silent"), &json!(true)));
    let said = interrupted["findings"].to_string();
    assert!(said.contains("mq.orders") && said.contains("missing: message 'order 7'"), "{interrupted:#}");
    assert!(said.contains("does not hold: orders on mq holds 1 message"), "{said}");
    assert!(said.contains("0 wait, 0 were delivered and are not acknowledged"), "{said}");
    assert!(reports.text("rows.jsonl").contains(r#""store":"mq","table":"mq.orders""#));
}

#[test]
fn an_order_that_is_in_no_store_any_more_is_found_when_it_goes() {
    let (output, reports) = drill(&["tests/fixtures/stores/announced/wrong"]);
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let wrong = scenario(&card, "wrong");
    assert_eq!(checks(wrong, "fail"), ["across", "always", "data"], "{}", output.stdout);
    let said = run_of(wrong, "interrupted")["findings"].to_string();
    assert!(said.contains("2 of 3 keys are in none of them: 2, 3"), "{said}");
    assert!(said.contains("every order is announced or processed"), "{said}");
    assert!(said.contains("first during the change") || said.contains("first after the failure"), "{said}");
    assert_eq!(
        run_of(wrong, "idle")["verdict"],
        "pass",
        "it holds before, and while nothing happens: {card:#}"
    );
}
