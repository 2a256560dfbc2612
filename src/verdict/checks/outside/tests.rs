//! Tiny histories of a change that charges orders at `payments` and writes to customers by `mail`.

use super::*;
use crate::gateway::call::{Calling, Content};
use crate::gateway::control::Protocol;
use crate::journal::event::{Event, Operation, OutsideCall, RunKind};
use crate::plan::outside::Outside;
use crate::verdict::model::ScenarioVerdict;
use crate::verdict::testing::{all_well, entry, journal, place, plan, run, verdict};
use crate::verdict::timeline::Timeline;

fn call(method: &str, path: &str) -> Call {
    let on = if method == "MAIL" { "mail" } else { "payments" };
    let idempotent_by = (on == "payments").then(|| Field::Header("Key".to_owned()));
    let key = Some(if on == "mail" { Field::Path } else { Field::Json("order".to_owned()) });
    Call { on: on.to_owned(), method: method.to_owned(), path: path.to_owned(), key, idempotent_by }
}

fn charging() -> Plan {
    let host =
        |service: &str, protocol, line| Outside { service: service.to_owned(), protocol, at: place(line) };
    let mut plan = plan();
    plan.outside = vec![host("payments", Protocol::Http, 3), host("mail", Protocol::Smtp, 4)];
    let refund = End::Compensated(call("POST", "/refunds"));
    let stays = End::Stays("it says sorry".to_owned());
    plan.expect.outside = vec![
        Effect { call: call("POST", "/charges"), end: refund, at: place(40) },
        Effect { call: call("MAIL", "*"), end: stays, at: place(41) },
    ];
    plan
}

/// `POST /charges 7 k1`: a call about an order, with the value by which it is known again, or `-`.
fn made(number: u64, (during, text, status): &(Option<Operation>, &str, Option<u16>)) -> OutsideCall {
    let words: Vec<&str> = text.split(' ').collect();
    let service = if words[0] == "MAIL" { "mail" } else { "payments" };
    let field = |words: &str, value: Option<&&str>| {
        value.filter(|value| **value != "-").map(|value| (words.to_owned(), (*value).to_owned()))
    };
    let fields = [field("json order", words.get(2)), field("header Key", words.get(3))];
    let (service, method, path) = (service.to_owned(), words[0].to_owned(), words[1].to_owned());
    OutsideCall {
        during: during.map(|operation| (operation, 1)),
        call: Calling { service, number, at_us: number * 1000, method, path },
        content: Some(Content {
            fields: fields.into_iter().flatten().collect(),
            bytes: 9,
            digest: String::new(),
        }),
        status: *status,
    }
}

const CHANGE: Option<Operation> = Some(Operation::Change);
const BACK: Option<Operation> = Some(Operation::Rollback);

fn heard(calls: &[(Option<Operation>, &str, Option<u16>)]) -> Run {
    let mut run = run();
    let calls = (1..).zip(calls).map(|(number, call)| OutsideCalled { round: 0, call: made(number, call) });
    run.outside.calls = calls.collect();
    run.outside.whole = ["payments".to_owned(), "mail".to_owned()].into();
    run
}

/// The findings that are no pass: outcome, line and message.
fn wrong(run: &Run) -> Vec<(Outcome, usize, String)> {
    let findings = check(&charging(), run);
    assert!(findings.iter().all(|found| found.check == Check::Outside));
    let wrong = findings.into_iter().filter(|found| found.outcome != Outcome::Pass);
    wrong.map(|found| (found.outcome, found.at.unwrap().line, found.message)).collect()
}

#[track_caller]
fn says(calls: &[(Option<Operation>, &str, Option<u16>)], expected: &[(Outcome, usize, &str)]) {
    let wrong = wrong(&heard(calls));
    let wrong: Vec<(Outcome, usize, &str)> =
        wrong.iter().map(|(outcome, line, message)| (*outcome, *line, message.as_str())).collect();
    assert_eq!(wrong, expected);
}

const OK: Option<u16> = Some(201);

#[test]
fn what_was_charged_once_and_refunded_once_passes_and_says_so() {
    let run = heard(&[
        (CHANGE, "POST /charges 7 k1", OK),
        (CHANGE, "GET /charges - -", Some(200)),
        (CHANGE, "MAIL a@x", Some(250)),
        (BACK, "POST /charges 7 k1", OK),
        (BACK, "POST /refunds 7 r1", OK),
    ]);
    assert_eq!(wrong(&run), []);
    let said: Vec<String> = check(&charging(), &run).into_iter().map(|found| found.message).collect();
    assert_eq!(
        said,
        [
            "POST /charges on payments: 1 key, each done and made up for once, by POST /refunds on payments",
            "mail to * on mail: 1, which may stay: it says sorry"
        ]
    );
    let told = verdicts(&charging(), &run);
    let parts: Vec<&str> = told.iter().map(|call| call.part.word()).collect();
    assert_eq!(parts, ["effect", "reads", "effect", "effect", "compensation"]);
    assert_eq!(
        (told[4].ms, told[4].key.as_deref(), told[4].during),
        (4, Some("7"), Some((Operation::Rollback, 1)))
    );
}

#[test]
fn what_was_charged_again_without_the_same_key_was_charged_twice() {
    let twice = "POST /charges on payments was done twice for 7";
    let missing =
        "POST /charges on payments was done for 7, and not made up for by POST /refunds on payments";
    for again in ["POST /charges 7 k2", "POST /charges 7"] {
        says(
            &[(CHANGE, "POST /charges 7 k1", OK), (BACK, again, OK)],
            &[(Outcome::Fail, 40, twice), (Outcome::Fail, 40, missing)],
        );
    }
    let run = heard(&[(CHANGE, "POST /charges 7 k1", OK), (BACK, "POST /charges 7 k2", OK)]);
    let found = check(&charging(), &run).remove(0);
    assert_eq!(
        found.evidence,
        [
            "change, step 1: POST /charges about 7 (k1) → 201",
            "rollback, step 1: POST /charges about 7 (k2) → 201"
        ]
    );
}

#[test]
fn a_call_without_an_answer_may_have_been_done() {
    says(
        &[(CHANGE, "POST /charges 7", None), (BACK, "POST /charges 7", OK), (BACK, "POST /refunds 7", OK)],
        &[
            (Outcome::Fail, 40, "POST /charges on payments may have been done twice for 7"),
            (
                Outcome::Inconclusive,
                40,
                "nobody can say whether POST /charges on payments was done and made up for, for 7",
            ),
        ],
    );
    says(&[(CHANGE, "POST /charges 7 k1", None), (BACK, "POST /refunds 7 r1", OK)], &[]);
    says(
        &[(CHANGE, "POST /charges 7 k1", Some(502))],
        &[(
            Outcome::Inconclusive,
            40,
            "nobody can say whether POST /charges on payments was done and made up for, for 7",
        )],
    );
}

#[test]
fn a_refund_of_nothing_and_a_second_refund_fail() {
    let often = "POST /refunds on payments made up more often for 7 than POST /charges on payments was done";
    says(&[(BACK, "POST /refunds 7 r1", OK)], &[(Outcome::Fail, 40, often)]);
    says(
        &[
            (CHANGE, "POST /charges 7 k1", OK),
            (BACK, "POST /refunds 7 r1", OK),
            (BACK, "POST /refunds 7 r2", OK),
        ],
        &[(Outcome::Fail, 40, often)],
    );
    says(
        &[
            (CHANGE, "POST /charges 7 k1", OK),
            (BACK, "POST /refunds 7 r1", None),
            (BACK, "POST /refunds 7 r1", OK),
        ],
        &[],
    );
}

#[test]
fn a_call_that_nobody_declared_fails_and_one_without_its_key_is_unknown() {
    let message = "payments was called, and nothing says what makes up for it: DELETE /cards, POST /payouts";
    says(
        &[(CHANGE, "POST /payouts 7", OK), (None, "DELETE /cards", Some(404))],
        &[(Outcome::Fail, 3, message)],
    );
    says(
        &[(CHANGE, "POST /charges", OK)],
        &[(Outcome::Inconclusive, 40, "nobody can say what 1 call was about")],
    );
    says(&[(CHANGE, "POST /charges", Some(400))], &[]);
}

#[test]
fn a_mail_that_may_stay_may_not_be_sent_twice_but_each_time_that_the_change_is_made() {
    let calls = [(CHANGE, "MAIL a@x", Some(250)), (Some(Operation::ChangeAgain), "MAIL a@x", Some(250))];
    says(&calls, &[(Outcome::Fail, 41, "mail to * on mail was done twice for a@x")]);
    let mut again = heard(&calls);
    again.outside.calls[1].round = 1;
    assert_eq!(wrong(&again), []);
}

#[test]
fn each_time_that_the_change_is_made_again_is_told_apart() {
    let step = |operation| Event::StepStarted { operation, step: 1, title: String::new() };
    let heard = |number| {
        let calls = vec![made(number, &TOLD)];
        Event::Outside { service: "mail".to_owned(), calls, notes: Vec::new(), last: false }
    };
    let events = vec![
        step(Operation::Change),
        heard(1),
        step(Operation::Rollback),
        step(Operation::ChangeAgain),
        heard(2),
        step(Operation::RollbackAgain),
        step(Operation::ChangeAgain),
        heard(3),
    ];
    let records = journal(entry(charging()), vec![(RunKind::Again, events)]);
    let run = Timeline::new(&records).unwrap().runs.remove(0);
    assert_eq!(run.outside.calls.iter().map(|called| called.round).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn what_was_not_heard_or_not_understood_is_never_a_pass() {
    let mut run = heard(&[]);
    run.outside.whole.remove("mail");
    run.outside.notes.push(("payments".to_owned(), "connection 1 is no longer understood: TLS".to_owned()));
    let expected = [
        (Outcome::Inconclusive, 3, "not every call to payments was understood".to_owned()),
        (Outcome::Inconclusive, 4, "nobody listened to calls to mail until the end".to_owned()),
    ];
    assert_eq!(wrong(&run), expected);
}

/// The verdict on a scenario whose runs made these calls.
fn scenario(
    calls: impl Fn(RunKind) -> Vec<(Option<Operation>, &'static str, Option<u16>)>,
) -> ScenarioVerdict {
    let runs = all_well().into_iter().map(|(kind, mut events)| {
        let made: Vec<OutsideCall> =
            (1..).zip(calls(kind)).map(|(number, call)| made(number, &call)).collect();
        for service in ["payments", "mail"] {
            let of = |call: &&OutsideCall| call.call.service == service;
            let (calls, notes) = (made.iter().filter(of).cloned().collect(), Vec::new());
            let at = events.len() - 2;
            events.insert(at, Event::Outside { service: service.to_owned(), calls, notes, last: true });
        }
        (kind, events)
    });
    verdict(entry(charging()), runs.collect()).scenarios.remove(0)
}

fn found(scenario: &ScenarioVerdict, outcome: Outcome) -> Vec<String> {
    let of = |found: &&Finding| found.outcome == outcome && found.check != Check::Vacuous;
    scenario
        .all_findings()
        .filter(of)
        .map(|found| format!("{}: {}", found.check.word(), found.message))
        .collect()
}

const CHARGED: (Option<Operation>, &str, Option<u16>) = (CHANGE, "POST /charges 7 k1", OK);
const TOLD: (Option<Operation>, &str, Option<u16>) = (CHANGE, "MAIL a@x", Some(250));
const REFUNDED: (Option<Operation>, &str, Option<u16>) = (BACK, "POST /refunds 7 r1", OK);

#[test]
fn the_control_run_fails_for_what_nobody_made_up_for_and_exercises_the_expectation() {
    let well = scenario(|kind| match kind {
        RunKind::Idle => vec![],
        RunKind::Control => vec![CHARGED, TOLD],
        _ => vec![CHARGED, TOLD, REFUNDED],
    });
    assert_eq!((well.outcome, well.level), (Outcome::Pass, 2), "{:?}", found(&well, Outcome::Fail));
    let control = well.run(RunKind::Control).unwrap();
    let vacuous = control.findings.iter().find(|found| found.check == Check::Vacuous).unwrap();
    assert!(vacuous.message.starts_with("without the rollback 2 of"), "{}", vacuous.message);
}

#[test]
fn what_is_called_by_itself_makes_a_scenario_unsound_and_what_is_never_called_proves_nothing() {
    let moving = scenario(|_| vec![CHARGED, TOLD, REFUNDED, (None, "POST /payouts 1", OK)]);
    let unsound = "unsound: on the untouched stage: payments was called, and nothing says what makes up for it: POST /payouts";
    assert_eq!(found(&moving, Outcome::Inconclusive), [unsound]);
    let silent = scenario(|_| vec![]);
    let untried = |what: &str| format!("outside: no run made a {what}: the expectation proves nothing");
    let expected = [untried("POST /charges on payments"), untried("mail to * on mail")];
    assert_eq!(found(&silent, Outcome::Inconclusive), expected);
}
