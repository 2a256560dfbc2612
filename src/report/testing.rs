//! Verdicts for the tests of reports: one for each way in which a drill can end.

use crate::journal::event::{Ending, Event, Moment, Operation, RowsDiffer, RunKind};
use crate::plan::model::{Covers, Exception, Expectation, Fact, HttpCall, Reference, StateKind};
use crate::state::rows::{Cell, ColumnDifference, RowChange, RowCounts, RowDifference};
use crate::verdict::testing::{
    all_well, captured, ended, entry, events, journal, place, plan, store, verdict,
};
use crate::verdict::{Timeline, Verdict, judge};

type Runs = Vec<(RunKind, Vec<Event>)>;

/// The scenario's text, in which every line asks for something.
pub(crate) fn shown(file: &str) -> Option<String> {
    let lines = (1..60).map(|line| format!("  line_{line}: as_before   # of {file}\n"));
    (file == "scenario.yaml").then(|| lines.collect())
}

fn but(kind: RunKind, with: Vec<Event>) -> Runs {
    let others = all_well()
        .into_iter()
        .map(|(other, usual)| if other == kind { (other, with.clone()) } else { (other, usual) });
    others.collect()
}

/// All is well but for what becomes of some events of one kind of run.
fn replaced(kind: RunKind, with: impl Fn(Event) -> Option<Event>) -> Runs {
    but(kind, events(kind, store(1000, "1")).into_iter().filter_map(with).collect())
}

/// Rows that lost a value; the last value holds everything that can harm a report.
fn rows(count: u64, value: &str) -> Event {
    let row = |id: u64| RowDifference {
        change: RowChange::Changed,
        key: vec![("id".to_owned(), Cell::Value(id.to_string()))],
        columns: vec![ColumnDifference {
            name: "note".to_owned(),
            type_name: "text".to_owned(),
            before: Cell::Value(value.to_owned()),
            after: Cell::Null,
        }],
    };
    Event::RowsCompared {
        store: "db".to_owned(),
        from: Moment::Before,
        to: Moment::After,
        rows: RowsDiffer {
            table: "public.orders".to_owned(),
            counts: RowCounts { changed: count, missing: 0, extra: 0 },
            examples: (1..=count.min(20)).map(row).collect(),
            ..RowsDiffer::default()
        },
    }
}

fn silent(value: &str) -> Runs {
    let wrong = |kind| {
        let mut events = events(kind, store(1000, "9"));
        events.insert(events.len() - 1, rows(1000, value));
        events
    };
    let runs = all_well().into_iter().map(|(kind, usual)| match kind {
        RunKind::Finished | RunKind::Interrupted => (kind, wrong(kind)),
        _ => (kind, usual),
    });
    runs.collect()
}

/// What a program under test may print.
pub(crate) const HARM: &str =
    "\u{1b}[31m</pre><script>x</script> ]]> | `*_[a](b)@all \u{0}\u{202e}\u{7} & \"é\"";

fn broken() -> Runs {
    let said = |event: Event| match event {
        Event::OperationEnded { operation: Operation::Rollback, .. } => {
            Some(ended(Operation::Rollback, Ending::Failed))
        }
        Event::Captured { moment: Moment::After, .. } => Some(captured(Moment::After, store(1000, "2"))),
        other => Some(other),
    };
    let mut runs = replaced(RunKind::Interrupted, said);
    let tail = Event::StepEnded {
        operation: Operation::Rollback,
        step: 1,
        ending: Ending::Failed,
        exit_code: Some(1),
        error: Some("42703 no such column".to_owned()),
        tail: vec!["psql: error".to_owned(), HARM.to_owned()],
        statements: Some(0),
        took_ms: 20,
    };
    runs[2].1.insert(7, tail);
    runs
}

fn stopped_by(signal: &str) -> Verdict {
    let mut runs = all_well();
    runs.truncate(2);
    runs[1].1.truncate(3);
    let mut records = journal(entry(plan()), runs);
    let last = records.len() - 1;
    match signal {
        "SIGKILL" => records.truncate(last),
        name => records[last].event = Event::Signal { name: name.to_owned() },
    }
    judge(&Timeline::new(&records).expect("a journal begins with its plan"))
}

fn trouble() -> Runs {
    let trouble = Event::Trouble {
        message: "could not start the service db".to_owned(),
        evidence: vec!["the engine said: no space left on device".to_owned(), "docker logs: …".to_owned()],
    };
    but(RunKind::Interrupted, vec![trouble, Event::RunEnded { left: vec!["network backout-x".to_owned()] }])
}

fn with_facts() -> Verdict {
    let mut plan = plan();
    let call = HttpCall {
        service: "api".to_owned(),
        port: 80,
        method: "GET".to_owned(),
        path: "/a/very/long/path/that/names/everything/it/asks/for/in/one/word/and/then/some".to_owned(),
        headers: Default::default(),
        body: None,
        status: Some(200),
        contains: None,
    };
    plan.expect.facts.push(Expectation {
        title: format!("GET {} on api is 200", call.path),
        fact: Fact::Http(call),
        within: std::time::Duration::from_secs(5),
        at: place(36),
    });
    if let Some(state) = plan.expect.states.get_mut(&StateKind::System) {
        state.reference = Reference::Any("the base image moves".to_owned());
    }
    if let Some(state) = plan.expect.states.get_mut(&StateKind::Data) {
        let covers = Covers::Table { table: "public.beats".to_owned(), columns: Vec::new(), condition: None };
        let because = "a heartbeat, and nobody's data".to_owned();
        state.except.push(Exception { covers, because, at: place(33) });
    }
    let observed =
        |held, seen: &str| Event::Observed { expectation: 0, held, seen: seen.to_owned(), took_ms: 5060 };
    let runs = all_well().into_iter().map(|(kind, mut events)| {
        let seen = match kind {
            RunKind::Interrupted => observed(None, "connection refused"),
            RunKind::Finished => observed(Some(false), "status 503"),
            _ => observed(Some(true), "status 200"),
        };
        events.insert(events.len() - 1, seen);
        (kind, events)
    });
    verdict(entry(plan), runs.collect())
}

fn marked(runs: Runs, because: &[&str]) -> Verdict {
    let mut entry = entry(plan());
    entry.plan.path = "drop-column/wrong".to_owned();
    entry.should_fail = true;
    entry.because = because.iter().map(|check| (*check).to_owned()).collect();
    verdict(entry, runs)
}

/// Two scenarios, of which one is marked to fail.
fn two() -> Verdict {
    let mut both = marked(silent("gift wrap"), &["data"]);
    let mut right = entry(plan());
    right.level = Some(2);
    both.scenarios.extend(verdict(right, all_well()).scenarios);
    both.kept = vec!["api  http://127.0.0.1:49153".to_owned()];
    both
}

/// Every way in which a drill can end, by name.
pub(crate) fn cases() -> Vec<(&'static str, Verdict)> {
    let plain = |runs| verdict(entry(plan()), runs);
    let late = |event: Event| match event {
        Event::OperationEnded { operation: Operation::Rollback, .. } => {
            Some(ended(Operation::Rollback, Ending::TimedOut))
        }
        other => Some(other),
    };
    let nothing = |event: Event| match event {
        Event::Captured { moment: Moment::Failed, .. } => Some(captured(Moment::Failed, store(1000, "1"))),
        other => Some(other),
    };
    let no_state = |event: Event| match event {
        Event::Captured { moment: Moment::After, .. } => {
            let error = "could not connect: connection refused".to_owned();
            Some(Event::CaptureFailed { moment: Moment::After, error })
        }
        other => Some(other),
    };
    vec![
        ("all well", plain(all_well())),
        ("silent", plain(silent("gift wrap"))),
        ("harm", plain(silent(HARM))),
        ("broken", plain(broken())),
        ("late", plain(replaced(RunKind::Finished, late))),
        ("no effect", plain(replaced(RunKind::Interrupted, nothing))),
        ("unsound", plain(but(RunKind::Idle, events(RunKind::Idle, store(1001, "7"))))),
        ("vacuous", plain(but(RunKind::Control, events(RunKind::Control, store(1000, "1"))))),
        ("control unknown", plain(replaced(RunKind::Control, no_state))),
        ("trouble", plain(trouble())),
        ("signal", stopped_by("SIGINT")),
        ("timeout", stopped_by("timeout")),
        ("killed", stopped_by("SIGKILL")),
        ("facts", with_facts()),
        ("marked otherwise", marked(silent("x"), &["schema"])),
        ("marked and well", marked(all_well(), &["data"])),
        ("two", two()),
        ("forward only", crate::verdict::forward_only_tests::ungated()),
    ]
}
