//! Several statements in one message.

use super::*;

const MORE: u16 = 2 | 8;

/// The reader's words for these texts and results.
fn answers(text: &str, results: &[&Talk]) -> Vec<(bool, String)> {
    let mut talk = logged_in(USUAL, [query(text)]);
    results.iter().for_each(|result| talk.extend(result.iter().cloned()));
    let heard = heard(&talk);
    assert_eq!(heard.asks().len(), heard.answers().len(), "{:?}", heard.said);
    heard.answers().into_iter().map(|answer| (answer.ok, answer.said.clone())).collect()
}

#[track_caller]
fn check(text: &str, results: &[&Talk], expected: &[&str]) {
    let answers = answers(text, results);
    assert_eq!(answers.iter().map(|(_, said)| said.as_str()).collect::<Vec<_>>(), expected);
}

fn bare(status: u16) -> Talk {
    vec![ok(1, 1, status)]
}

#[test]
fn each_statement_has_its_own_answer() {
    let text = "INSERT INTO t VALUES (1); SELECT 1; UPDATE t SET a=1";
    let expected = ["OK, 1 row affected", "result set", "OK, 1 row affected"];
    check(text, &[&bare(MORE), &rows(MORE, USUAL), &bare(2)], &expected);
    let heard = heard(&logged_in(USUAL, [query(text)]));
    assert_eq!(heard.asks().iter().map(|ask| ask.rides).collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn a_transaction_is_followed_through_a_message() {
    let text = "BEGIN; UPDATE t SET a=1; COMMIT; UPDATE t SET a=2";
    let mut talk = logged_in(USUAL, [query(text)]);
    talk.extend([ok(1, 0, MORE | 1), ok(2, 1, MORE | 1), ok(3, 0, MORE), ok(4, 1, 2)]);
    let heard = heard(&talk);
    let open: Vec<bool> = heard.asks().iter().map(|ask| ask.transaction == Transaction::Open).collect();
    assert_eq!(open, [false, true, true, false]);
    let committed: Vec<bool> = heard.answers().iter().map(|answer| answer.committed).collect();
    assert_eq!(committed, [false, false, true, true]);
    assert_eq!(heard.asks().iter().map(|ask| ask.commits).collect::<Vec<_>>(), committed);
}

#[test]
fn a_procedure_has_as_many_results_as_it_likes() {
    let set = rows(MORE, USUAL);
    check("CALL p()", &[&set, &set, &bare(2)], &["OK, 1 row affected"]);
    let text = "CALL p(); SELECT 1";
    check(text, &[&set, &set, &bare(MORE), &rows(2, USUAL)], &["OK, 1 row affected", "result set"]);
    check(text, &[&bare(MORE), &rows(2, USUAL)], &["OK, 1 row affected", "result set"]);
}

#[test]
fn an_error_ends_the_message() {
    let fault = vec![error(2, 1062, "#23000Duplicate")];
    let expected = ["OK, 1 row affected", "1062 (23000): Duplicate", "skipped"];
    check("UPDATE t SET a=1; INSERT INTO t VALUES (1); COMMIT", &[&bare(MORE), &fault], &expected);
}

#[test]
fn what_cannot_be_told_apart_is_said_to_be_together() {
    let text = "EXECUTE s; UPDATE t SET a=1; SELECT 1";
    let expected = ["result set, for several statements together"; 3];
    check(text, &[&rows(MORE, USUAL), &bare(MORE), &rows(2, USUAL)], &expected);
    let fault = vec![error(2, 1062, "#23000Duplicate")];
    let expected = ["1062 (23000): Duplicate, for several statements together"; 3];
    check(text, &[&rows(MORE, USUAL), &fault], &expected);
    // Without rows it is plain.
    check("EXECUTE s; SELECT 1", &[&bare(MORE), &rows(2, USUAL)], &["OK, 1 row affected", "result set"]);
}

#[test]
fn answers_that_do_not_fit_the_statements_end_with_the_message() {
    // As `sql_mode=ORACLE` would have it: one statement for the server, three for the reader.
    let text = "CREATE PROCEDURE p AS x INT; BEGIN NULL; END";
    let alone = "done, without an answer of its own";
    check(text, &[&bare(2)], &["OK, 1 row affected", alone, alone]);
    // More results than statements.
    check(
        "SELECT 1; SELECT 2",
        &[&bare(MORE), &bare(MORE), &rows(2, USUAL)],
        &["OK, 1 row affected", "result set"],
    );
}

#[test]
fn comments_alone_are_not_asked() {
    check("SELECT 1; -- done", &[&rows(MORE, USUAL), &vec![ok(9, 0, 2)]], &["result set"]);
    check("/* ping */", &[&vec![ok(1, 0, 2)]], &[]);
    check("/* ping */; SELECT 1", &[&vec![error(1, 1064, "#42000no")]], &["skipped"]);
    check("", &[&vec![error(1, 1065, "#42000Query was empty")]], &[]);
}

#[test]
fn the_first_ask_of_a_message_rides_with_nothing() {
    let heard = heard(&logged_in(USUAL, [query("/* ping */; SELECT 1; SELECT 2")]));
    assert_eq!(heard.asks().iter().map(|ask| ask.rides).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn one_message_is_one_statement_unless_both_sides_agreed() {
    let plain = USUAL & !flag::MULTI_STATEMENTS;
    let heard_plain = heard(&logged_in(plain, [query(" SELECT 1; SELECT 2 ;\n")]));
    assert_eq!(texts(&heard_plain), ["SELECT 1; SELECT 2"]);
    let allow = (UP, packet(0, &[0x1b, 0, 0]));
    let done = (DOWN, packet(1, &[0xfe, 0, 0, 2, 0]));
    let heard = heard(&logged_in(plain, [allow, done, query("SELECT 1; SELECT 2")]));
    assert_eq!(texts(&heard), ["SELECT 1", "SELECT 2"]);
}

#[test]
fn very_many_statements_end_in_one_that_holds_the_rest() {
    let text = "DO 1;".repeat(3000);
    let heard = heard(&logged_in(USUAL, [query(&text)]));
    assert_eq!(heard.asks().len(), 1025);
    assert!(heard.asks()[1024].text.starts_with("DO 1;DO 1;"));
}

#[test]
fn the_servers_mode_decides_where_strings_end() {
    let plain = 2 | 1 << 9;
    let talk = logged_in(USUAL, [query("SET sql_mode=x"), ok(1, 0, plain), query(r"SELECT '\'; SELECT 2")]);
    assert_eq!(texts(&heard(&talk))[1..], [r"SELECT '\'", "SELECT 2"]);
}
