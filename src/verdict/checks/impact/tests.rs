//! Tiny histories of what a change left behind.

use std::collections::BTreeMap;

use super::*;
use crate::diagnostic::Place;
use crate::gateway::call::Calling;
use crate::journal::event::{Event, Moment, Named, Operation, OutsideCall, RowsDiffer, RunKind};
use crate::plan::impact::Declared;
use crate::plan::observe::{Observed, RabbitMq, Redis};
use crate::plan::traffic::{Belongs, Touch};
use crate::stage::{Health, ServiceState};
use crate::state::model::{
    Definition, Fingerprint, Leftover, LeftoverName, ObjectName, SequenceState, StoreCapture, TableData,
};
use crate::state::rows::RowCounts;
use crate::traffic::Reach;
use crate::verdict::model::ScenarioVerdict;
use crate::verdict::testing::{entry, events, place, plan, store, traffic, verdict};

fn declaring(declared: &[(Touchable, &str)]) -> Plan {
    let one =
        |(kind, name): &(Touchable, &str)| Declared { kind: *kind, name: (*name).to_owned(), at: place(7) };
    let declared = declared.iter().map(one).collect();
    Plan { impact: Some(Impact { declared, at: place(6) }), ..plan() }
}

/// A state with one service and these stores.
fn state(moment: Moment, image: &str, stores: &[(&str, StoreCapture)]) -> Event {
    let mut api =
        ServiceState { image: image.to_owned(), health: Health::Healthy, ..ServiceState::default() };
    api.environment.insert("FLAG".to_owned(), image.to_owned());
    Event::Captured {
        moment,
        system: BTreeMap::from([("api".to_owned(), api)]),
        stores: stores.iter().map(|(name, store)| ((*name).to_owned(), store.clone())).collect(),
        strays: Vec::new(),
    }
}

/// What a run of a kind left: from one state to another, and the rows that differ.
#[derive(Clone)]
struct Left {
    before: Event,
    after: Event,
    rows: Vec<(&'static str, RowsDiffer)>,
}

impl Left {
    /// In the database alone.
    fn in_db(after: StoreCapture) -> Self {
        let before = state(Moment::Before, "1", &[("db", store(1000, "1"))]);
        Self { before, after: state(Moment::After, "1", &[("db", after)]), rows: Vec::new() }
    }

    /// Nothing.
    fn nothing() -> Self {
        Self::in_db(store(1000, "1"))
    }

    /// In another store alone.
    fn in_store(name: &'static str, tables: [&[(&str, u64)]; 2], rows: Vec<RowsDiffer>) -> Self {
        let capture = |tables: &[(&str, u64)]| {
            let table = |(name, rows): &(&str, u64)| ((*name).to_owned(), table(*rows));
            StoreCapture { tables: tables.iter().map(table).collect(), ..store(0, "0") }
        };
        let before = state(Moment::Before, "1", &[(name, capture(tables[0]))]);
        let after = state(Moment::After, "1", &[(name, capture(tables[1]))]);
        Self { before, after, rows: rows.into_iter().map(|rows| (name, rows)).collect() }
    }

    fn events(self, kind: RunKind) -> (RunKind, Vec<Event>) {
        let rows = self.rows.into_iter().map(|(store, rows)| Event::RowsCompared {
            store: store.to_owned(),
            from: Moment::Before,
            to: Moment::After,
            rows,
        });
        let mut all: Vec<Event> = events(kind, store(1000, "1"));
        for event in &mut all {
            match event {
                Event::Captured { moment: Moment::Before, .. } => *event = self.before.clone(),
                Event::Captured { moment: Moment::After, .. } => *event = self.after.clone(),
                _ => {}
            }
        }
        let end = all.len() - 1;
        all.splice(end..end, rows);
        (kind, all)
    }
}

fn table(rows: u64) -> TableData {
    let raw = Fingerprint { rows, sum: rows.to_string(), columns: Vec::new() };
    TableData { raw, ..TableData::default() }
}

fn judged(plan: Plan, control: Left, idle: Left) -> ScenarioVerdict {
    let runs = vec![control.events(RunKind::Control), idle.events(RunKind::Idle)];
    verdict(entry(plan), runs).scenarios.remove(0)
}

/// Outcome and message of what is found.
fn found(plan: Plan, control: Left, idle: Left) -> Vec<(Outcome, String)> {
    let scenario = judged(plan, control, idle);
    let found = scenario.findings.into_iter().filter(|found| found.check == Check::Impact);
    found.map(|found| (found.outcome, found.message)).collect()
}

/// What is touched, with what of it.
fn touched(plan: Plan, control: Left, idle: Left) -> Vec<String> {
    let impact = judged(plan, control, idle).impact.expect("the control run was seen");
    let how = |one: &Touched| one.how.iter().cloned().collect::<Vec<_>>().join(", ");
    impact.touched.iter().map(|one| format!("{} ({})", one.words(), how(one))).collect()
}

fn two_tables() -> Left {
    let mut after = store(1000, "2");
    after.tables.insert("public.customers".to_owned(), table(4));
    Left::in_db(after)
}

#[test]
fn what_is_declared_and_touched_passes() {
    let plan = declaring(&[(Touchable::Table, "orders"), (Touchable::Table, "public.cust*")]);
    let message = "the change touches what is declared, 2 things".to_owned();
    assert_eq!(found(plan, two_tables(), Left::nothing()), [(Outcome::Pass, message)]);
}

#[test]
fn what_is_touched_and_not_declared_fails_with_what_was_seen() {
    let plan = declaring(&[(Touchable::Table, "orders")]);
    let scenario = judged(plan, two_tables(), Left::nothing());
    let finding = scenario.findings.iter().find(|found| found.check == Check::Impact).unwrap();
    assert_eq!(
        (finding.outcome, finding.message.as_str(), finding.at.as_ref()),
        (
            Outcome::Fail,
            "the change touches table public.customers (rows), which is not declared",
            Some(&place(6))
        )
    );
    assert_eq!(finding.evidence, ["public.customers was not there before and holds 4 rows"]);
    assert!(finding.next.as_ref().unwrap().contains("tables: [public.customers]"), "{finding:?}");
    assert_eq!(scenario.outcome, Outcome::Fail);
}

#[test]
fn what_is_declared_and_not_touched_is_shown_and_no_failure() {
    let plan = declaring(&[(Touchable::Table, "orders"), (Touchable::Service, "api")]);
    let scenario = judged(plan, Left::in_db(store(1000, "2")), Left::nothing());
    assert_eq!(scenario.impact.as_ref().unwrap().untouched, ["service api"]);
    let outcomes: Vec<Outcome> = scenario
        .findings
        .iter()
        .filter(|found| found.check == Check::Impact)
        .map(|found| found.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Pass]);
}

#[test]
fn without_a_declaration_it_is_shown_and_not_judged() {
    assert_eq!(found(plan(), two_tables(), Left::nothing()), []);
    assert_eq!(
        touched(plan(), two_tables(), Left::nothing()),
        ["table public.customers (rows)", "table public.orders (rows)"]
    );
}

#[test]
fn where_the_whole_change_was_not_seen_nobody_can_tell() {
    let scenario = verdict(entry(declaring(&[])), vec![Left::nothing().events(RunKind::Idle)]);
    let findings = &scenario.scenarios[0].findings;
    let finding = findings.iter().find(|found| found.check == Check::Impact).unwrap();
    assert_eq!(finding.outcome, Outcome::Inconclusive);
    assert!(scenario.scenarios[0].impact.is_none());
}

#[test]
fn what_moves_by_itself_is_not_laid_to_the_change() {
    let scenario =
        judged(declaring(&[(Touchable::Table, "customers")]), two_tables(), Left::in_db(store(1000, "3")));
    let impact = scenario.impact.unwrap();
    assert_eq!(impact.touched.len(), 1);
    assert_eq!((impact.moving, impact.untouched), (vec!["table public.orders".to_owned()], Vec::new()));
}

/// Clients wrote this many rows of so many that differ.
fn written(of: u64, by_clients: u64) -> Left {
    let reach = Reach { column: "id".to_owned(), rows: by_clients, kept: by_clients, ..Reach::default() };
    let counts = RowCounts { extra: of, ..RowCounts::default() };
    let rows =
        RowsDiffer { table: "public.orders".to_owned(), counts, reach: vec![reach], ..RowsDiffer::default() };
    Left { rows: vec![("db", rows)], ..Left::in_db(store(1000 + of, "2")) }
}

fn with_traffic() -> Plan {
    let mut traffic = traffic();
    traffic.touches = vec![Touch {
        database: "db".to_owned(),
        table: "public.orders".to_owned(),
        by: Belongs::One("id".to_owned()),
        at: place(3),
    }];
    Plan { traffic: vec![traffic], ..declaring(&[]) }
}

#[test]
fn what_clients_wrote_is_theirs_and_what_nobody_wrote_is_the_changes() {
    assert_eq!(found(with_traffic(), written(10, 10), written(3, 3))[0].0, Outcome::Pass);
    let strange = found(with_traffic(), written(10, 9), written(3, 3));
    assert_eq!(
        strange,
        [(Outcome::Fail, "the change touches table public.orders (rows), which is not declared".to_owned())]
    );
}

#[test]
fn rows_that_nobody_looked_at_may_be_the_clients() {
    let mut left = written(10, 10);
    left.rows[0].1.not_kept = Some("it is large".to_owned());
    let outcomes: Vec<Outcome> =
        found(with_traffic(), left, written(3, 3)).into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(outcomes, [Outcome::Inconclusive]);
}

#[test]
fn a_service_is_touched_by_what_it_runs() {
    let before = state(Moment::Before, "1", &[("db", store(1000, "1"))]);
    let after = state(Moment::After, "2", &[("db", store(1000, "1"))]);
    let left = Left { before, after, rows: Vec::new() };
    assert_eq!(touched(plan(), left, Left::nothing()), ["service api (env FLAG, image)"]);
}

fn object(kind: &str, name: &str) -> ObjectName {
    format!("{kind}: {name}").try_into().unwrap()
}

fn defined(attribute: &str, value: &str) -> Definition {
    Definition::from_iter([(attribute.to_owned(), value.to_owned())])
}

#[test]
fn what_belongs_to_a_table_is_the_table_and_the_rest_is_itself() {
    let mut after = store(1000, "1");
    let index = "CREATE INDEX i ON public.orders USING btree (id)";
    let role = LeftoverName::try_from("role: reporting".to_owned()).unwrap();
    let session = LeftoverName::try_from("session: api".to_owned()).unwrap();
    after.schema = [
        (object("column", "public.orders.note"), Definition::default()),
        (object("index", "public.i"), defined("definition", index)),
        (object("trigger", "public.orders.t"), Definition::default()),
        (object("trigger", "shop.other"), defined("table", "nowhere")),
        (object("function", "public.f()"), Definition::default()),
    ]
    .into();
    after.leftovers.found =
        [role, session].map(|name| (name, Leftover { count: 1, ..Default::default() })).into();
    assert_eq!(
        touched(plan(), Left::in_db(after), Left::nothing()),
        [
            "table public.orders (schema)",
            "object function public.f() (definition)",
            "object role reporting (definition)",
            "object trigger shop.other (definition)",
        ]
    );
}

#[test]
fn a_sequence_that_is_set_back_touches_its_table_and_one_that_goes_on_touches_nothing() {
    let sequence = |last_value| SequenceState {
        definition: defined("owned by", "public.orders.id"),
        increment: 1,
        last_value,
        is_called: true,
        column_reaches: None,
        unlogged: false,
    };
    let at = |last_value| {
        let mut store = store(1000, "1");
        store.sequences.insert("public.orders_id_seq".to_owned(), sequence(last_value));
        store
    };
    let left = |to| Left {
        before: state(Moment::Before, "1", &[("db", at(7))]),
        after: state(Moment::After, "1", &[("db", at(to))]),
        rows: Vec::new(),
    };
    assert_eq!(touched(plan(), left(3), Left::nothing()), ["table public.orders (sequence)"]);
    assert_eq!(touched(plan(), left(9), Left::nothing()), Vec::<String>::new());
}

fn redis(declared: &[(Touchable, &str)]) -> Plan {
    let at: Place = place(9);
    let cache = Redis { service: "cache".to_owned(), port: 6379, user: None, password: None, at };
    Plan {
        stores: [("cache".to_owned(), Observed::Redis(cache))].into(),
        databases: BTreeMap::new(),
        ..declaring(declared)
    }
}

/// Keys that differ: those that are declared by a pattern, and others.
fn keys(declared: &[(&str, u64)], others: &[&str], more: u64) -> Left {
    let named = Named {
        declared: declared.iter().map(|(pattern, rows)| ((*pattern).to_owned(), *rows)).collect(),
        others: others.iter().map(|name| (*name).to_owned()).collect(),
        more,
    };
    let rows = RowsDiffer { table: "cache.db0".to_owned(), named: Some(named), ..RowsDiffer::default() };
    Left::in_store("cache", [&[("cache.db0", 1)], &[("cache.db0", 9)]], vec![rows])
}

#[test]
fn keys_are_touched_one_by_one_or_by_what_declares_them() {
    let plan = || redis(&[(Touchable::Key, "cart:*")]);
    assert_eq!(found(plan(), keys(&[("cart:*", 50)], &[], 0), Left::nothing())[0].0, Outcome::Pass);
    let wider = found(plan(), keys(&[("cart:*", 50)], &["flag:new"], 3), Left::nothing());
    assert_eq!(
        wider,
        [
            (
                Outcome::Fail,
                "the change touches key 3 more in cache.db0 (content), which is not declared".to_owned()
            ),
            (Outcome::Fail, "the change touches key flag:new (content), which is not declared".to_owned()),
        ]
    );
}

#[test]
fn keys_that_were_not_looked_at_may_be_declared() {
    let mut left = keys(&[], &[], 0);
    left.rows[0].1.not_kept = Some("too many".to_owned());
    let outcomes: Vec<Outcome> = found(redis(&[(Touchable::Key, "cart:*")]), left, Left::nothing())
        .into_iter()
        .map(|(outcome, _)| outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Inconclusive]);
}

#[test]
fn messages_of_a_queue_touch_the_queue() {
    let mq = RabbitMq {
        service: "mq".to_owned(),
        port: 15672,
        vhost: "/".to_owned(),
        user: "app".to_owned(),
        password: None,
        depth_only: Vec::new(),
        at: place(9),
    };
    let plan = Plan { stores: [("mq".to_owned(), Observed::RabbitMq(mq))].into(), ..plan() };
    let left = Left::in_store("mq", [&[("mq.orders", 1)], &[("mq.orders", 2)]], Vec::new());
    assert_eq!(touched(plan, left, Left::nothing()), ["queue orders (messages)"]);
}

#[test]
fn whom_the_change_calls_outside_is_touched_and_whom_the_way_back_calls_is_not() {
    let call = |service: &str, during| OutsideCall {
        during: Some((during, 1)),
        call: Calling {
            service: service.to_owned(),
            number: 1,
            at_us: 1,
            method: "POST".to_owned(),
            path: "/charges".to_owned(),
        },
        content: None,
        status: Some(201),
    };
    let mut control = Left::nothing().events(RunKind::Control);
    let end = control.1.len() - 1;
    let heard = |service: &str, during| Event::Outside {
        service: service.to_owned(),
        calls: vec![call(service, during)],
        notes: Vec::new(),
        last: true,
    };
    let calls = [heard("payments", Operation::Change), heard("mail", Operation::Rollback)];
    control.1.splice(end..end, calls);
    let found = |plan: Plan| {
        let runs = vec![control.clone(), Left::nothing().events(RunKind::Idle)];
        let scenario = verdict(entry(plan), runs).scenarios.remove(0);
        let finding = scenario.findings.into_iter().find(|found| found.check == Check::Impact).unwrap();
        (finding.outcome, finding.message, finding.evidence)
    };
    let message = "the change touches host payments (POST), which is not declared".to_owned();
    assert_eq!(found(declaring(&[])), (Outcome::Fail, message, vec!["POST /charges".to_owned()]));
    assert_eq!(found(declaring(&[(Touchable::Host, "payments")])).0, Outcome::Pass);
}
