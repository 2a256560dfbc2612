//! Where the clients' writes end up: as the scenario declares it, else as the idle run has shown it.

use std::collections::BTreeSet;

use super::difference::sessions;
use super::timeline::Run;
use crate::journal::event::{RowsDiffer, RunKind};
use crate::plan::Plan;
use crate::plan::traffic::{Belongs, Touch, Traffic};
use crate::traffic::Reach;

/// The plan with what the idle run has taught about its traffic.
pub(super) fn learnt(plan: &Plan, runs: &[&Run]) -> Plan {
    let mut plan = plan.clone();
    let idle = runs.iter().rev().find(|run| run.kind == RunKind::Idle && run.after().is_some());
    let (Some(idle), false) = (idle, plan.traffic.is_empty()) else { return plan };
    if let (Some(before), Some(after)) = (idle.before(), idle.after()) {
        let kept = sessions(before, after);
        plan.traffic.iter_mut().for_each(|traffic| traffic.sessions.extend(kept.iter().cloned()));
    }
    if plan.traffic.iter().all(|traffic| traffic.touches.is_empty()) {
        let first = &mut plan.traffic[0];
        first.touches =
            idle.rows.iter().flat_map(|(database, rows)| touches(first, database, rows)).collect();
    }
    plan
}

/// How the differing rows of one table belong to writes, where that explains all of them.
fn touches(traffic: &Traffic, database: &str, rows: &RowsDiffer) -> Vec<Touch> {
    let touch =
        |by| Touch { database: database.to_owned(), table: rows.table.clone(), by, at: traffic.at.clone() };
    let all = rows.counts.changed + rows.counts.missing + rows.counts.extra;
    let explains: Vec<&Reach> = rows.reach.iter().filter(|reach| reach.rows == all).collect();
    let one = explains.iter().find(|reach| reach.repeated.count == 0 && reach.lost.count == 0);
    if let Some(reach) = one {
        return vec![touch(Belongs::One(reach.column.clone()))];
    }
    if let Some(reach) = explains.first() {
        return vec![touch(Belongs::Many(reach.column.clone()))];
    }
    let altered: u64 = rows.altered.values().sum();
    if altered != all {
        return Vec::new();
    }
    let columns: BTreeSet<&str> = rows.altered.keys().flat_map(|set| set.split(", ")).collect();
    columns.into_iter().map(|column| touch(Belongs::Column(column.to_owned()))).collect()
}

/// What is declared or learnt of one table.
pub(super) fn of<'p>(plan: &'p Plan, database: &str, table: &str) -> Vec<&'p Belongs> {
    let touches = plan.traffic.iter().flat_map(|traffic| &traffic.touches);
    let of_table = touches
        .filter(|touch| touch.database == database && crate::state::model::is_called(table, &touch.table));
    of_table.map(|touch| &touch.by).collect()
}

/// Whether anything is known of where writes end up.
pub(super) fn is_known(plan: &Plan) -> bool {
    plan.traffic.iter().any(|traffic| !traffic.touches.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::event::Event;
    use crate::journal::event::Moment;
    use crate::outcome::Outcome;
    use crate::plan::model::{Reference, StateKind};
    use crate::state::rows::RowCounts;
    use crate::traffic::{Few, Found};
    use crate::verdict::Timeline;
    use crate::verdict::testing::{entry, events, journal, plan, store, traffic, verdict};

    fn reach(column: &str, rows: u64) -> Reach {
        Reach { column: column.to_owned(), rows, kept: rows, ..Reach::default() }
    }

    fn one(key: &str) -> Few {
        let found = Found { key: key.to_owned(), since_ms: 1, seen: String::new() };
        Few { count: 1, first: vec![found], from_ms: 1, to_ms: 1 }
    }

    fn extra(table: &str, extra: u64, reach: Vec<Reach>) -> RowsDiffer {
        let counts = RowCounts { extra, ..RowCounts::default() };
        RowsDiffer { table: table.to_owned(), counts, reach, ..RowsDiffer::default() }
    }

    fn writing() -> Plan {
        let mut plan = Plan { traffic: vec![traffic()], ..plan() };
        let data = plan.expect.states.get_mut(&StateKind::Data).unwrap();
        data.reference = Reference::BeforePlusAcknowledged;
        plan
    }

    /// A run whose rows differ so at its end.
    fn run_with(kind: RunKind, rows: Vec<RowsDiffer>) -> (RunKind, Vec<Event>) {
        let mut events = events(kind, store(1010, "2"));
        let end = events.len() - 1;
        let compared = rows.into_iter().map(|rows| {
            let store = "db".to_owned();
            Event::RowsCompared { store, from: Moment::Before, to: Moment::After, rows }
        });
        events.splice(end..end, compared);
        (kind, events)
    }

    fn learnt_from(rows: Vec<RowsDiffer>) -> Vec<(String, Belongs)> {
        let records = journal(entry(writing()), vec![run_with(RunKind::Idle, rows)]);
        let timeline = Timeline::new(&records).unwrap();
        let runs: Vec<&Run> = timeline.runs.iter().collect();
        let learnt = learnt(&writing(), &runs);
        learnt.traffic[0].touches.iter().map(|touch| (touch.table.clone(), touch.by.clone())).collect()
    }

    #[test]
    fn where_writes_end_up_is_learnt_from_the_idle_run() {
        let items = Reach { repeated: one("a"), ..reach("order_id", 20) };
        let stock = RowsDiffer {
            counts: RowCounts { changed: 3, ..RowCounts::default() },
            altered: [("qty".to_owned(), 3)].into(),
            ..extra("public.stock", 0, Vec::new())
        };
        let learnt = learnt_from(vec![
            extra("public.orders", 10, vec![reach("id", 10), reach("parent", 2)]),
            extra("public.items", 20, vec![items]),
            stock,
            extra("public.beats", 9, vec![reach("id", 4)]),
        ]);
        let expected = [
            ("public.orders", Belongs::One("id".to_owned())),
            ("public.items", Belongs::Many("order_id".to_owned())),
            ("public.stock", Belongs::Column("qty".to_owned())),
        ];
        assert_eq!(learnt, expected.map(|(table, by)| (table.to_owned(), by)));
    }

    /// How the finished run's data is judged, after an idle run with these rows.
    fn data_after(idle: Vec<RowsDiffer>, finished: Vec<RowsDiffer>) -> Outcome {
        let runs = vec![run_with(RunKind::Finished, finished), run_with(RunKind::Idle, idle)];
        let scenario = verdict(entry(writing()), runs).scenarios.remove(0);
        let run = scenario.run(RunKind::Finished).unwrap();
        let data = run.findings.iter().find(|finding| finding.check == crate::outcome::Check::Data);
        data.unwrap().outcome
    }

    #[test]
    fn what_clients_wrote_is_no_difference_and_what_nobody_wrote_is() {
        let orders = |rows, reached| vec![extra("public.orders", rows, vec![reach("id", reached)])];
        assert_eq!(data_after(orders(10, 10), orders(10, 10)), Outcome::Pass);
        assert_eq!(data_after(orders(10, 10), orders(10, 9)), Outcome::Fail);
    }

    #[test]
    fn a_footprint_neither_declared_nor_learnt_is_inconclusive() {
        let finished = vec![extra("public.orders", 10, vec![reach("id", 10)])];
        assert_eq!(data_after(Vec::new(), finished), Outcome::Inconclusive);
    }
}
