//! Which points there are, and which of them are tried.

use proptest::prelude::*;

use super::*;
use crate::gateway::control::{Conversed, Side, What};
use crate::gateway::reader::{Answer, Ask, Kind, Transaction};
use crate::plan::Plan;
use crate::plan::model::{Action, Fault, Statement, Strategy, Trigger};
use crate::verdict::testing::plan;

/// A change of these statements, in an `sql` step.
fn sql(statements: &[&str]) -> Plan {
    let mut plan = plan();
    let Action::Sql { statements: sent, .. } = &mut plan.change[0].action else { panic!("not sql") };
    let statement = |text: &&str| Statement { text: (*text).to_owned(), ..sent[0].clone() };
    *sent = statements.iter().map(statement).collect();
    plan
}

/// A change of a `run` step.
fn run() -> Plan {
    let mut plan = plan();
    plan.change[0].action =
        Action::Run { service: "migrate".to_owned(), command: None, environment: Default::default() };
    plan
}

/// What psql would send, with the transactions that the server would have.
fn asks(texts: &[&str]) -> Vec<Conversed> {
    let mut open = false;
    let ask = |text: &&str| {
        let transaction = if open { Transaction::Open } else { Transaction::None };
        let commits = *text == "COMMIT" || (!open && *text != "BEGIN" && !text.starts_with("SELECT"));
        open = *text == "BEGIN" || (open && *text != "COMMIT");
        Conversed {
            connection: 1,
            asked_us: 0,
            ask: Ask { kind: Kind::Statement, text: (*text).to_owned(), transaction, commits, rides: false },
            answer: Some(Answer { ok: true, said: "OK".to_owned(), committed: commits }),
        }
    };
    texts.iter().map(ask).collect()
}

fn surveyed(texts: &[&str], exhaustive: bool) -> Survey {
    let asks = asks(texts);
    let recorded = Recorded { operation: Swept::Change, step: 1, service: "db", asks: &asks, is_cut: false };
    survey(&run(), &[recorded], exhaustive)
}

#[test]
fn a_rolling_deploy_is_broken_between_any_two_containers() {
    let mut plan = plan();
    let Action::Deploy(mut deploy) = crate::verdict::testing::deploy(1, "api").action else { panic!() };
    deploy.strategy = Strategy::Rolling(3);
    plan.change[0].action = Action::Deploy(deploy);
    for exhaustive in [true, false] {
        assert_eq!(tried(&survey(&plan, &[], exhaustive)), ["gap", "before replica 2", "before replica 3"]);
    }
}

/// The points of the change that are tried, as `before 2`.
fn tried(survey: &Survey) -> Vec<String> {
    let at_points = survey.cases.iter().filter(|case| case.tried != Tried::Again);
    let of_change = at_points.filter(|case| case.operation == Swept::Change);
    let place = |case: &Case| match &case.failure.point.trigger {
        Trigger::Step(_) => "gap".to_owned(),
        Trigger::Statement { number, side } => format!("{side:?} {number}").to_lowercase(),
        Trigger::Wire { mark, words } => {
            format!("{:?} {}", mark.side, words.trim_start_matches("statement ")).to_lowercase()
        }
        Trigger::Replica { number, side } => format!("{side:?} replica {number}").to_lowercase(),
        other => panic!("{other:?}"),
    };
    of_change.map(place).collect()
}

const MIGRATION: [&str; 6] =
    ["BEGIN", "ALTER TABLE a ADD b int", "UPDATE a SET b = 1", "COMMIT", "SELECT 1", "DROP TABLE c"];

#[test]
fn a_kill_anywhere_in_a_transaction_is_one_case_and_an_unheard_commit_another() {
    let survey = surveyed(&MIGRATION, false);
    assert_eq!(tried(&survey), ["gap", "before 4", "after 4", "before 5", "after 6"]);
    let stands_for = |case: u32| survey.points.iter().filter(|point| point.case == case).count();
    // before BEGIN; after BEGIN to before COMMIT; the commit; SELECT and before DROP; after DROP.
    assert_eq!((1..=5).map(stands_for).collect::<Vec<_>>(), [2, 6, 1, 3, 1]);
}

#[test]
fn an_sql_step_is_cut_as_its_conversation_would_be_and_its_end_is_no_point() {
    let survey = survey(&sql(&MIGRATION), &[], false);
    assert_eq!(tried(&survey), ["gap", "before 4", "after 4", "before 5"]);
}

#[test]
fn an_exhaustive_sweep_tries_every_point_on_both_sides() {
    let survey = surveyed(&MIGRATION, true);
    let of_change = survey.points.iter().filter(|point| point.operation == Swept::Change).count();
    assert_eq!((of_change, tried(&survey).len()), (13, 13));
}

#[test]
fn of_transactions_that_repeat_one_shape_four_are_tried() {
    let chunks: Vec<String> =
        (0..50).map(|n| format!("DELETE FROM orders WHERE id <= {}", n * 100)).collect();
    let mut texts: Vec<&str> = Vec::new();
    for chunk in &chunks {
        texts.extend(["BEGIN", chunk, "COMMIT"]);
    }
    let survey = surveyed(&texts, false);
    // Inside, unheard, and between two transactions: four of each, and the gap.
    assert_eq!(tried(&survey).len(), 13, "{:?}", tried(&survey));
    let unheard: Vec<String> =
        tried(&survey).into_iter().filter(|place| place.starts_with("after")).collect();
    assert_eq!(unheard, ["after 3", "after 6", "after 78", "after 150"]);
    assert!(survey.points.iter().all(|point| point.case > 0));
}

#[test]
fn different_transactions_that_end_alike_are_all_tried() {
    let mut texts = Vec::new();
    for change in [
        "ALTER TABLE a ADD b int",
        "UPDATE a SET b = 1",
        "DROP TABLE c",
        "CREATE INDEX i ON a (b)",
        "DROP VIEW v",
        "ANALYZE a",
    ] {
        texts.extend(["BEGIN", change, "COMMIT"]);
    }
    let unheard = tried(&surveyed(&texts, false)).into_iter().filter(|place| place.starts_with("after"));
    assert_eq!(unheard.count(), 6);
}

#[test]
fn a_migration_of_200_statements_in_five_transactions_is_tried_at_a_fifth_of_its_points_at_most() {
    let statements: Vec<String> = (0..200).map(|n| format!("ALTER TABLE t{n} ADD c{} int", n % 7)).collect();
    let mut texts: Vec<&str> = Vec::new();
    for transaction in statements.chunks(40) {
        texts.push("BEGIN");
        texts.extend(transaction.iter().map(String::as_str));
        texts.push("COMMIT");
    }
    let (reduced, exhaustive) = (surveyed(&texts, false), surveyed(&texts, true));
    let (reduced, exhaustive) = (tried(&reduced).len(), tried(&exhaustive).len());
    assert!(reduced * 5 <= exhaustive, "{reduced} of {exhaustive}");
}

#[test]
fn a_statement_is_found_again_by_its_shape_and_its_count() {
    let survey =
        surveyed(&["DELETE FROM a WHERE id = 1", "DELETE FROM a WHERE id = 2", "DELETE FROM b"], true);
    let marks: Vec<(String, u64)> = survey
        .cases
        .iter()
        .filter_map(|case| match &case.failure.point.trigger {
            Trigger::Wire { mark, .. } if mark.side == crate::gateway::control::Side::Before => {
                match &mark.what {
                    What::Matching(pattern, nth) => Some((pattern.clone(), *nth)),
                    other => panic!("{other:?}"),
                }
            }
            _ => None,
        })
        .collect();
    assert_eq!(marks[0].0, marks[1].0);
    assert_eq!(marks.iter().map(|(_, nth)| *nth).collect::<Vec<_>>(), [1, 2, 1]);
    let regex = regex::Regex::new(&marks[0].0).unwrap();
    assert!(regex.is_match("DELETE FROM a WHERE id = 77") && !regex.is_match("DELETE FROM b"));
}

#[test]
fn nothing_is_held_between_statements_of_one_message() {
    let mut asks = asks(&["CREATE TABLE a ()", "CREATE TABLE b ()", "CREATE TABLE c ()"]);
    asks[1].ask.rides = true;
    let recorded = Recorded { operation: Swept::Change, step: 1, service: "db", asks: &asks, is_cut: false };
    let survey = survey(&run(), &[recorded], true);
    assert_eq!(tried(&survey), ["gap", "before 1", "after 2", "before 3", "after 3"]);
}

#[test]
fn what_the_server_never_answered_has_no_point_after_it() {
    let mut asks = asks(&["CREATE TABLE a ()"]);
    asks[0].answer = None;
    let recorded = Recorded { operation: Swept::Change, step: 1, service: "db", asks: &asks, is_cut: false };
    assert_eq!(tried(&survey(&run(), &[recorded], true)), ["gap", "before 1"]);
}

#[test]
fn a_recording_that_was_cut_says_so_and_the_rollback_has_points_too() {
    let asks = asks(&["DROP TABLE c"]);
    let recorded = Recorded { operation: Swept::Change, step: 1, service: "db", asks: &asks, is_cut: true };
    let survey = survey(&run(), &[recorded], false);
    assert_eq!(survey.gaps, ["step 1 asked more of db than could be listed"]);
    assert!(survey.cases.iter().any(|case| case.operation == Swept::Rollback));
}

#[test]
fn a_scenario_without_a_failure_is_aborted_at_its_points() {
    let mut plan = run();
    plan.failure = None;
    let survey = survey(&plan, &[], false);
    assert!(
        survey.cases.iter().all(|case| case.failure.faults[0].fault == Fault::Abort && case.failure.stop)
    );
}

proptest! {
    /// Whatever is sent, every point has a case, each case tries a point that it stands for, and the
    /// cases of a reduced sweep are among those of the exhaustive one.
    #[test]
    fn reduction_forgets_no_point(picks in prop::collection::vec(0usize..6, 0..60)) {
        let words = ["BEGIN", "COMMIT", "UPDATE a SET b = 1", "UPDATE a SET b = 2", "SELECT 1", "DROP TABLE c"];
        let texts: Vec<&str> = picks.into_iter().map(|pick| words[pick]).collect();
        let (reduced, exhaustive) = (surveyed(&texts, false), surveyed(&texts, true));
        prop_assert_eq!(reduced.points.len(), exhaustive.points.len());
        for point in &reduced.points {
            prop_assert!(point.case >= 1 && point.case as usize <= reduced.cases.len());
        }
        let all = tried(&exhaustive);
        for place in tried(&reduced) {
            prop_assert!(all.contains(&place), "{place} is no point");
        }
        let last = reduced.points.iter().any(|point| point.side == Side::After);
        prop_assert!(texts.is_empty() || last);
    }
}

#[test]
fn each_case_knows_the_point_that_it_tries() {
    for exhaustive in [false, true] {
        let survey = surveyed(&MIGRATION, exhaustive);
        for case in &survey.cases {
            if let Tried::Point(at) = case.tried {
                assert_eq!(survey.points[at].case, case.number, "{case:?}");
            }
        }
    }
}

#[test]
fn the_change_is_made_again_once_after_the_scenarios_own_failure_unless_it_is_expected_to_fail() {
    let again = |plan: &Plan| -> Vec<Case> {
        let cases = survey(plan, &[], true).cases;
        cases.into_iter().filter(|case| case.tried == Tried::Again).collect()
    };
    let own = plan();
    assert_eq!(
        again(&own).iter().map(|case| Some(&case.failure)).collect::<Vec<_>>(),
        [own.failure.as_ref()]
    );
    let without = Plan { failure: None, ..plan() };
    let points = survey(&without, &[], true).points;
    let last = points.iter().rfind(|point| point.operation == Swept::Change).unwrap();
    assert!(matches!(&again(&without)[..], [case] if case.failure.point.step == last.step));
    let mut fails = plan();
    fails.expect.change_fails = true;
    assert!(again(&fails).is_empty());
}

#[test]
fn points_of_conversations_with_two_services_are_listed_in_the_order_in_which_they_were_held() {
    let at = |asks: Vec<Conversed>, times: [u64; 2]| -> Vec<Conversed> {
        asks.into_iter().zip(times).map(|(asked, asked_us)| Conversed { asked_us, ..asked }).collect()
    };
    let (first, second) =
        (at(asks(&["SELECT 1", "SELECT 4"]), [1, 4]), at(asks(&["SELECT 2", "SELECT 3"]), [2, 3]));
    let recorded =
        |service, asks| Recorded { operation: Swept::Change, step: 1, service, asks, is_cut: false };
    let survey = survey(&run(), &[recorded("db", &first), recorded("other", &second)], true);
    let texts = survey.points.iter().filter(|point| matches!(point.spot, Spot::Ask { .. }));
    let texts: Vec<&str> =
        texts.filter(|point| point.side == Side::Before).map(|point| point.text.as_str()).collect();
    assert_eq!(texts, ["SELECT 1", "SELECT 2", "SELECT 3", "SELECT 4"]);
}
