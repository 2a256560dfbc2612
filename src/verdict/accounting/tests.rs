use std::collections::BTreeMap;

use super::*;
use crate::gateway::control::{Conversed, Count};
use crate::gateway::reader::{Answer, Ask, Kind, Transaction};
use crate::journal::event::{Ending, Event, Moment, Operation, RunKind};
use crate::plan::model::{Action, Gateway, Step};
use crate::verdict::model::{Gap, GapReason};
use crate::verdict::testing::{captured, entry, events, plan, run_of, step, store, verdict};

/// A change of one step that `job` runs, which calls `db` through the gateway.
fn by_job() -> Plan {
    let action = Action::Run { service: "job".to_owned(), command: None, environment: BTreeMap::new() };
    let gateway = Gateway { routes: Vec::new(), clients: ["job".to_owned()].into(), ..Gateway::default() };
    Plan {
        change: vec![Step { action, ..step("run job", &[], 15) }],
        gateways: BTreeMap::from([("db".to_owned(), gateway)]),
        ..plan()
    }
}

fn asked(text: &str) -> Conversed {
    let (kind, transaction) = (Kind::Statement, Transaction::None);
    let ask = Ask { kind, text: text.to_owned(), transaction, commits: true, rides: false };
    let answer = Answer { ok: true, said: String::new(), committed: true };
    Conversed { connection: 1, asked_us: 1, ask, answer: Some(answer) }
}

fn ended(operation: Operation) -> Event {
    Event::StepEnded {
        operation,
        step: 1,
        ending: Ending::Ok,
        exit_code: Some(0),
        error: None,
        tail: Vec::new(),
        statements: None,
        took_ms: 1,
    }
}

fn changed(tables: &[&str]) -> Changed {
    Changed { tables: tables.iter().map(|table| (*table).to_owned()).collect(), ..Changed::default() }
}

fn accounted(operation: Operation, changed: Changed) -> Event {
    let changed = if changed.is_empty() { BTreeMap::new() } else { [("db".to_owned(), changed)].into() };
    Event::Accounted { operation, step: 1, changed, unknown: BTreeMap::new() }
}

/// The objects that the store of these tests has.
fn with_schema(objects: &[(&str, &str)]) -> StoreCapture {
    let object = |(name, definition): &(&str, &str)| {
        let definition: Definition =
            [("definition".to_owned(), (*definition).to_owned())].into_iter().collect();
        (ObjectName::try_from((*name).to_owned()).unwrap(), definition)
    };
    StoreCapture { schema: objects.iter().map(object).collect(), ..store(1000, "1") }
}

/// A finished run whose change was seen to send these statements, and changed this.
fn finished(plan: &Plan, texts: &[&str], what: Changed, schema: &[(&str, &str)]) -> Vec<Gap> {
    let asks: Vec<Conversed> = texts.iter().map(|text| asked(text)).collect();
    let count = Count { service: "db".to_owned(), asks: asks.len() as u64, ..Count::default() };
    let conversed =
        Event::Conversed { operation: Operation::Change, step: 1, count, asks, notes: Vec::new() };
    let mut all = vec![
        captured(Moment::Before, with_schema(schema)),
        conversed,
        ended(Operation::Change),
        accounted(Operation::Change, what),
        ended(Operation::Rollback),
        accounted(Operation::Rollback, Changed::default()),
    ];
    all.extend(events(RunKind::Finished, store(1000, "1")).split_off(2));
    gaps_of(plan, all)
}

fn gaps_of(plan: &Plan, events: Vec<Event>) -> Vec<Gap> {
    let verdict = verdict(entry(plan.clone()), vec![(RunKind::Finished, events)]);
    verdict.scenarios.into_iter().next().unwrap().gaps
}

/// What is not explained of a change that was seen to send these statements.
fn unseen(texts: &[&str], tables: &[&str], schema: &[(&str, &str)]) -> Vec<String> {
    let gaps = finished(&by_job(), texts, changed(tables), schema);
    gaps.into_iter()
        .flat_map(|gap| match gap.why {
            GapReason::Unseen { what, .. } => what,
            other => panic!("{other:?}"),
        })
        .collect()
}

const ORDERS: (&str, &str) = ("table: public.orders", "");
const ITEMS: (&str, &str) = ("table: public.items", "");

#[test]
fn s26_what_no_statement_names_is_a_gap_of_its_step_and_store() {
    let gaps = finished(&by_job(), &["UPDATE customers SET a = 1"], changed(&["public.orders"]), &[]);
    let what = vec!["rows of public.orders".to_owned()];
    let why = GapReason::Unseen { store: "db".to_owned(), what };
    assert_eq!(gaps, [Gap { step: Some((Operation::Change, 1)), why }]);
}

#[test]
fn s26_a_statement_explains_what_it_names_and_reading_explains_nothing() {
    assert_eq!(unseen(&["update \"Orders\" set a = 1"], &["public.\"Orders\""], &[]), [""; 0]);
    assert_eq!(
        unseen(&["SELECT * FROM orders FOR UPDATE"], &["public.orders"], &[]),
        ["rows of public.orders"]
    );
    assert_eq!(
        unseen(&["INSERT INTO public.schema_migrations VALUES (1)"], &["public.orders"], &[]).len(),
        1
    );
    assert_eq!(unseen(&["DROP SCHEMA shop CASCADE"], &["shop.orders"], &[]), [""; 0]);
}

#[test]
fn s26_a_statement_reaches_what_keys_triggers_functions_and_parts_pass_on() {
    let passes = |definition| {
        unseen(
            &["DELETE FROM orders"],
            &["public.items"],
            &[ORDERS, ITEMS, ("constraint: public.items.of", definition)],
        )
    };
    assert_eq!(passes("FOREIGN KEY (o) REFERENCES public.orders(id) ON DELETE CASCADE"), [""; 0]);
    assert_eq!(passes("FOREIGN KEY (o) REFERENCES public.orders(id)"), ["rows of public.items"]);
    let triggered = [
        ORDERS,
        (
            "trigger: public.orders.told",
            "CREATE TRIGGER told AFTER UPDATE ON public.orders EXECUTE FUNCTION public.tell()",
        ),
        ("function: public.tell()", "BEGIN INSERT INTO items SELECT 1; RETURN NULL; END"),
    ];
    assert_eq!(unseen(&["UPDATE orders SET a = 1"], &["public.items"], &triggered), [""; 0]);
    let called = [("procedure: public.fill()", "BEGIN UPDATE items SET a = 1; END")];
    assert_eq!(unseen(&["CALL fill()"], &["public.items"], &called), [""; 0]);
    assert_eq!(unseen(&["SELECT fill()"], &["public.items"], &called), [""; 0]);
    assert_eq!(unseen(&["SELECT now()"], &["public.items"], &called), ["rows of public.items"]);
}

#[test]
fn s26_a_text_that_is_put_together_while_it_runs_may_reach_anything() {
    let text =
        "DO $$ BEGIN EXECUTE format('UPDATE %I SET a = 1', (SELECT relname FROM pg_class LIMIT 1)); END $$";
    assert_eq!(unseen(&[text], &["public.orders"], &[]), [""; 0]);
    assert_eq!(unseen(&["DO $$ BEGIN PERFORM 1; END $$"], &["public.orders"], &[]).len(), 1);
}

#[test]
fn s26_a_statement_that_commits_inside_itself_is_a_gap_with_a_probe() {
    let gaps = finished(
        &by_job(),
        &["CREATE INDEX CONCURRENTLY a ON orders (id)"],
        changed(&["public.orders"]),
        &[],
    );
    let why = GapReason::CommitsInside {
        store: "db".to_owned(),
        statement: "CREATE INDEX CONCURRENTLY a ON orders (id)".to_owned(),
        probe: "SELECT count(*) > 0 FROM pg_stat_progress_create_index".to_owned(),
    };
    assert_eq!(gaps, [Gap { step: Some((Operation::Change, 1)), why }]);
}

#[test]
fn s26_what_moves_by_itself_and_what_clients_write_is_nobodys_gap() {
    let finished = vec![
        captured(Moment::Before, store(1000, "1")),
        ended(Operation::Change),
        accounted(Operation::Change, changed(&["public.orders"])),
        captured(Moment::After, store(1000, "1")),
        Event::RunEnded { left: Vec::new() },
    ];
    let idle = |sum| (RunKind::Idle, events(RunKind::Idle, store(1000, sum)));
    let gaps = |idle, plan: Plan| {
        let runs = vec![(RunKind::Finished, finished.clone()), idle];
        verdict(entry(plan), runs).scenarios.into_iter().next().unwrap().gaps.len()
    };
    assert_eq!((gaps(idle("1"), by_job()), gaps(idle("2"), by_job())), (1, 0));
    let traffic = vec![crate::verdict::testing::traffic()];
    assert_eq!(gaps(idle("1"), Plan { traffic, ..by_job() }), 0);
}

#[test]
fn s26_messages_under_way_are_the_clients_where_there_are_any() {
    let broker = crate::plan::observe::RabbitMq {
        service: "db".to_owned(),
        port: 15672,
        vhost: "/".to_owned(),
        user: "watch".to_owned(),
        password: None,
        depth_only: Vec::new(),
        at: crate::verdict::testing::place(9),
    };
    let observed = crate::plan::observe::Observed::RabbitMq(broker);
    let plan = Plan { databases: BTreeMap::new(), stores: [("db".to_owned(), observed)].into(), ..by_job() };
    assert_eq!(finished(&plan, &[], changed(&["mq.orders"]), &[]).len(), 1, "nobody reads AMQP");
    let touch = crate::plan::traffic::Touch {
        database: "other".to_owned(),
        table: "orders".to_owned(),
        by: crate::plan::traffic::Belongs::One("id".to_owned()),
        at: crate::verdict::testing::place(3),
    };
    let traffic =
        crate::plan::traffic::Traffic { touches: vec![touch], ..crate::verdict::testing::traffic() };
    let plan = Plan { traffic: vec![traffic], ..plan };
    assert_eq!(finished(&plan, &[], changed(&["mq.orders"]), &[]), []);
}

#[test]
fn s26_a_store_that_could_not_be_looked_at_is_accounted_for_with_the_next_step_or_is_a_gap() {
    let mut plan = by_job();
    plan.change.push(Step { number: 2, ..step("sql on db: up.sql", &["UPDATE orders SET a = 1"], 16) });
    let unknown = Event::Accounted {
        operation: Operation::Change,
        step: 2,
        changed: BTreeMap::new(),
        unknown: BTreeMap::from([("db".to_owned(), "it is down".to_owned())]),
    };
    let second = match ended(Operation::Change) {
        Event::StepEnded { operation, ending, exit_code, error, tail, statements, took_ms, .. } => {
            Event::StepEnded { operation, step: 2, ending, exit_code, error, tail, statements, took_ms }
        }
        other => other,
    };
    let begin = vec![
        captured(Moment::Before, store(1000, "1")),
        ended(Operation::Change),
        accounted(Operation::Change, Changed::default()),
        second,
        unknown,
    ];
    let why = GapReason::Unknown { store: "db".to_owned(), why: "it is down".to_owned() };
    assert_eq!(gaps_of(&plan, begin.clone()), [Gap { step: Some((Operation::Change, 2)), why }]);
    let then = [ended(Operation::Rollback), accounted(Operation::Rollback, changed(&["public.orders"]))];
    assert_eq!(gaps_of(&plan, begin.into_iter().chain(then).collect()), []);
}

#[test]
fn s26_a_journal_that_does_not_say_what_steps_changed_is_no_evidence_above_level_2() {
    let events = vec![captured(Moment::Before, store(1000, "1")), ended(Operation::Change)];
    let run = run_of(RunKind::Finished, events);
    assert_eq!(gaps(&by_job(), &[&run], true), [Gap { step: None, why: GapReason::NotRecorded }]);
    assert_eq!(gaps(&by_job(), &[&run], false), [], "nobody asked for points");
}
