//! Tiny histories, written by hand, for the tests of checks and reports.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::model::Verdict;
use super::timeline::Timeline;
use crate::compose::Project;
use crate::compose::model::PullPolicy;
use crate::diagnostic::Place;
use crate::journal::Record;
use crate::journal::event::{Completed, Ending, Event, FORMAT, Moment, Operation, RunKind};
use crate::plan::DrillPlan;
use crate::plan::forward_only::{ForwardOnly, Isolation, Precheck};
use crate::plan::model::{
    Action, Database, Deploy, Engine, Entry, Expect, Expectation, Fact, Failure, Fault, Heal, Image, Plan,
    PlannedFault, Point, Reference, Rollback, Side, StateExpectation, StateKind, Statement, Step, Trigger,
    When,
};
use crate::stage::{Health, ServiceState};
use crate::state::model::{Fingerprint, Leftovers, ServerFacts, StoreCapture, TableData};
use crate::sweep::{Survey, Tried};

pub(crate) fn place(line: usize) -> Place {
    Place { file: "scenario.yaml".to_owned(), line, column: 3 }
}

pub(super) fn step(title: &str, statements: &[&str], line: usize) -> Step {
    let statement = |text: &&str| Statement { text: (*text).to_owned(), line: 1, copy_data: None };
    Step {
        number: 1,
        id: None,
        title: title.to_owned(),
        action: Action::Sql {
            database: "db".to_owned(),
            file: Some("x.sql".to_owned()),
            statements: statements.iter().map(statement).collect(),
        },
        timeout: Duration::from_secs(600),
        passed_over: Vec::new(),
        at: place(line),
    }
}

/// A change of three statements, aborted before the third; everything must be as before.
pub(crate) fn plan() -> Plan {
    let state = |line| StateExpectation {
        reference: Reference::Before,
        except: Vec::new(),
        column_order: false,
        at: place(line),
    };
    let fault = PlannedFault { fault: Fault::Abort, heal: Heal::BeforeRollback, at: place(21) };
    let point = Point {
        step: 1,
        trigger: Trigger::Statement { number: 3, side: Side::Before },
        within: Duration::from_secs(600),
        at: place(20),
    };
    Plan {
        path: "drop-column/right".to_owned(),
        name: "drop-column".to_owned(),
        summary: "a column is dropped".to_owned(),
        risks: vec!["schema".to_owned()],
        file: "scenario.yaml".to_owned(),
        folder: PathBuf::from("/s"),
        project: Project::default(),
        stateless: std::collections::BTreeSet::new(),
        up_within: Duration::from_secs(300),
        stores: BTreeMap::new(),
        databases: BTreeMap::from([(
            "db".to_owned(),
            Database {
                service: "db".to_owned(),
                engine: Engine::Postgres,
                port: 5432,
                database: "shop".to_owned(),
                user: "postgres".to_owned(),
                password: None,
                at: place(8),
            },
        )]),
        seed: Vec::new(),
        change: vec![step("sql on db: up.sql, 3 statements", &["BEGIN", "ALTER TABLE orders", "COMMIT"], 15)],
        failure: Some(Failure {
            point,
            faults: vec![fault],
            stop: true,
            settle_ms: Some(30_000),
            at: place(19),
        }),
        rollback: Rollback {
            within: Duration::from_secs(60),
            give_up: Duration::from_secs(180),
            when: When::AtOnce,
            may_refuse: false,
            steps: vec![step("sql on db: down.sql, 1 statement", &["ALTER TABLE orders"], 25)],
            at: place(24),
        },
        forward_only: None,
        expect: Expect {
            states: (30..).zip(StateKind::ALL).map(|(line, kind)| (kind, state(line))).collect(),
            change_fails: false,
            facts: Vec::new(),
            always: Vec::new(),
            alerts: Vec::new(),
            recovery: None,
            outside: Vec::new(),
            at: place(29),
        },
        traffic: Vec::new(),
        mask: Vec::new(),
        digests: BTreeMap::from([("x.sql".to_owned(), "ab".repeat(32))]),
        material: Default::default(),
        gateways: BTreeMap::new(),
        impact: None,
        outside: Vec::new(),
        lint: crate::lint::Linted::default(),
        reach: BTreeMap::new(),
    }
}

/// The same change without a way back: a fresh backup is asked for before it, and `billing` must not be touched.
pub(crate) fn forward() -> Plan {
    let fact = Fact::Healthy { service: "billing".to_owned() };
    let (within, title) = (Duration::ZERO, "billing is well".to_owned());
    let watched = Expectation { fact, within, title, at: place(54) };
    let forward_only = ForwardOnly {
        because: "the notes cannot be brought back".to_owned(),
        prechecks: vec![Precheck {
            name: "a fresh backup".to_owned(),
            steps: vec![step("exec in db: fresh-backup", &["SELECT"], 51)],
            broken_by: vec![step("exec in db: age-backup", &["UPDATE"], 52)],
            at: place(50),
        }],
        isolation: Some(Isolation {
            services: Default::default(),
            stores: ["billing".to_owned()].into(),
            always: vec![watched],
            at: place(53),
        }),
        recovers: true,
        at: place(49),
    };
    Plan { forward_only: Some(forward_only), ..plan() }
}

/// A run of that plan which tries its pre-check.
pub(super) fn tried_run(events: Vec<Event>) -> super::timeline::Run {
    let mut run = run_of(RunKind::Precheck, events);
    run.precheck = Some(0);
    run
}

/// A run of that plan.
pub(super) fn run_of(kind: RunKind, events: Vec<Event>) -> super::timeline::Run {
    let records = journal(entry(forward()), vec![(kind, events)]);
    Timeline::new(&records).expect("a journal begins with its plan").runs.remove(0)
}

/// Clients who write orders.
pub(crate) use crate::traffic::testing::traffic;

/// A step that deploys another image.
pub(crate) fn deploy(number: u32, service: &str) -> Step {
    let action = Action::Deploy(Deploy {
        service: service.to_owned(),
        image: Some(Image::Reference { name: "v2".to_owned(), pull: PullPolicy::Missing }),
        environment: BTreeMap::new(),
        command: None,
        entrypoint: None,
        replicas: None,
        strategy: crate::plan::model::Strategy::Recreate,
        until_well: true,
    });
    Step { number, action, ..step("deploy api", &[], 16) }
}

/// A run of which nothing is known.
pub(crate) fn run() -> super::timeline::Run {
    let records = journal(entry(plan()), vec![(RunKind::Interrupted, Vec::new())]);
    Timeline::new(&records).expect("a journal begins with its plan").runs.remove(0)
}

/// A database with one table `public.orders` of so many rows.
pub(crate) fn store(rows: u64, sum: &str) -> StoreCapture {
    let columns = vec!["id".to_owned(), "note".to_owned()];
    let raw = Fingerprint { rows, sum: sum.to_owned(), columns };
    StoreCapture {
        server: ServerFacts {
            version: "15.1".to_owned(),
            database: "shop".to_owned(),
            user: "postgres".to_owned(),
        },
        schema: BTreeMap::new(),
        tables: BTreeMap::from([("public.orders".to_owned(), TableData { raw, ..TableData::default() })]),
        sequences: BTreeMap::new(),
        leftovers: Leftovers::default(),
        unread: BTreeMap::new(),
    }
}

/// A captured state: one service `api` and one database.
pub(crate) fn captured(moment: Moment, store: StoreCapture) -> Event {
    let api =
        ServiceState { image: "sha256:1".to_owned(), health: Health::Healthy, ..ServiceState::default() };
    Event::Captured {
        moment,
        system: BTreeMap::from([("api".to_owned(), api)]),
        stores: BTreeMap::from([("db".to_owned(), store)]),
        strays: Vec::new(),
    }
}

/// An operation that ended so.
pub(crate) fn ended(operation: Operation, ending: Ending) -> Event {
    let exit_code = match ending {
        Ending::Ok => Some(0),
        Ending::Failed => Some(1),
        Ending::TimedOut | Ending::Interrupted => None,
    };
    let error = match ending {
        Ending::Failed => Some("42703 no such column".to_owned()),
        Ending::TimedOut => Some("not done after 600 s".to_owned()),
        Ending::Ok | Ending::Interrupted => None,
    };
    Event::OperationEnded {
        operation,
        ending,
        exit_code,
        failed_step: (ending != Ending::Ok).then_some(1),
        error,
        completed: Completed { steps: 0, statements: 2 },
        took_ms: 400,
    }
}

/// The events of a run that goes well, but for its state at the end.
pub(crate) fn events(kind: RunKind, after: StoreCapture) -> Vec<Event> {
    let mut events = vec![Event::StageUp, captured(Moment::Before, store(1000, "1"))];
    match kind {
        RunKind::Idle | RunKind::Reference | RunKind::Lane | RunKind::Precheck => {}
        RunKind::Control => events.push(ended(Operation::Change, Ending::Ok)),
        RunKind::Finished => {
            events.push(ended(Operation::Change, Ending::Ok));
            events.push(ended(Operation::Rollback, Ending::Ok));
        }
        RunKind::Interrupted | RunKind::Again => {
            let completed = Completed { steps: 0, statements: 2 };
            events.push(Event::PointReached { held: true, completed, text: "COMMIT".to_owned() });
            events.push(ended(Operation::Change, Ending::Interrupted));
            events.push(Event::FaultInjected {
                fault: 0,
                acted: true,
                in_time: true,
                evidence: "the operation ended".to_owned(),
                took_ms: 3,
            });
            events.push(Event::Settled { gone: true, lingering: Vec::new() });
            events.push(captured(Moment::Failed, store(1000, "2")));
            events.push(Event::Triggered {
                happened: true,
                seen: "the failure itself".to_owned(),
                took_ms: 1,
            });
            events.push(ended(Operation::Rollback, Ending::Ok));
        }
    }
    if kind == RunKind::Again {
        events.push(captured(Moment::Back, store(1000, "1")));
        events.push(ended(Operation::ChangeAgain, Ending::Ok));
        events.push(captured(Moment::Changed, store(1000, "3")));
        events.push(ended(Operation::RollbackAgain, Ending::Ok));
    }
    events.push(captured(Moment::After, after));
    events.push(Event::RunEnded { left: Vec::new() });
    events
}

/// A journal of these runs of one scenario.
pub(crate) fn journal(entry: Entry, runs: Vec<(RunKind, Vec<Event>)>) -> Vec<Record> {
    let scenario = entry.plan.path.clone();
    let plan = DrillPlan {
        name: "demo".to_owned(),
        scenarios: vec![entry],
        control: true,
        hide_values: false,
        timeout_ms: None,
        lanes: 1,
    };
    let (tool, owner) = ("backout 0.1.0".to_owned(), String::new());
    let mut all = vec![(None, Event::Started { format: FORMAT, tool, owner, plan: Box::new(plan) })];
    for (number, (kind, events)) in (1..).zip(runs) {
        all.push((
            Some(number),
            Event::RunStarted { scenario: scenario.clone(), kind, case: None, precheck: None, twin: None },
        ));
        all.extend(events.into_iter().map(|event| (Some(number), event)));
    }
    all.push((None, Event::Ended));
    let record = |(seq, (run, event)): (u64, (Option<u32>, Event))| Record {
        seq,
        at: "2026-01-01T03:12:00Z".to_owned(),
        ms: seq * 100,
        run,
        event,
        prev: String::new(),
    };
    (0..).zip(all).map(record).collect()
}

/// The verdict on a swept scenario in which all goes well, but for the cases that were tried: their
/// numbers, and what happened.
pub(crate) fn swept(survey: &Survey, tried: Vec<(u32, Vec<Event>)>) -> Verdict {
    let (numbers, tried): (Vec<u32>, Vec<_>) = tried.into_iter().unzip();
    let mut runs: Vec<_> = all_well().into_iter().filter(|(kind, _)| *kind != RunKind::Interrupted).collect();
    runs.extend(tried.into_iter().map(|events| (RunKind::Interrupted, events)));
    let mut records = journal(entry(plan()), runs);
    let mut numbers = numbers.into_iter();
    for record in &mut records {
        if let Event::RunStarted { kind: kind @ RunKind::Interrupted, case, .. } = &mut record.event {
            let number = numbers.next();
            let tried = survey.cases.iter().find(|case| Some(case.number) == number);
            if tried.is_some_and(|case| case.tried == Tried::Again) {
                *kind = RunKind::Again;
            }
            *case = tried.cloned().map(Box::new);
        }
    }
    let event = Event::Surveyed { scenario: plan().path, survey: Box::new(survey.clone()) };
    let surveyed = Record { event, ..records[0].clone() };
    records.insert(1, surveyed);
    super::judge(&Timeline::new(&records).expect("a journal begins with its plan"))
}

/// The runs of a scenario in which all goes well.
pub(crate) fn all_well() -> Vec<(RunKind, Vec<Event>)> {
    vec![
        (RunKind::Control, events(RunKind::Control, store(1000, "3"))),
        (RunKind::Finished, events(RunKind::Finished, store(1000, "1"))),
        (RunKind::Interrupted, events(RunKind::Interrupted, store(1000, "1"))),
        (RunKind::Idle, events(RunKind::Idle, store(1000, "1"))),
    ]
}

/// An entry that asks for nothing.
pub(crate) fn entry(plan: Plan) -> Entry {
    Entry { plan, level: None, should_fail: false, because: Vec::new(), sweep: None }
}

/// The verdict on such runs.
pub(crate) fn verdict(entry: Entry, runs: Vec<(RunKind, Vec<Event>)>) -> Verdict {
    super::judge(&Timeline::new(&journal(entry, runs)).expect("a journal begins with its plan"))
}
