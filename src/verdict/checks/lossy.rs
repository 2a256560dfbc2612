//! Is every table whose rows the change may lose also looked at? What the lint names before anything runs and
//! no expectation covers, nobody would see.

use crate::lint::{Class, Remark};
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::model::{Covers, Reference, StateKind};
use crate::verdict::model::Finding;

/// For a scenario, from its plan.
pub(in crate::verdict) fn check(plan: &Plan) -> Vec<Finding> {
    let lossy = plan
        .lint
        .remarks
        .iter()
        .filter(|remark| remark.class >= Class::Lossy && !remark.in_rollback && remark.allowed.is_none());
    lossy.filter_map(|remark| finding(plan, remark)).collect()
}

fn finding(plan: &Plan, remark: &Remark) -> Option<Finding> {
    let table = remark.table.as_ref()?;
    let why = uncovered(plan, table)?;
    let message = format!("the change {}, and nobody looks: {why}", remark.message);
    let finding = Finding::new(Check::Lossy, Outcome::Inconclusive, message).at(&remark.at);
    let next = format!(
        "let `data` cover {table}; or say why it may be lost: `lint: {{ allow: [ {{ rule: {}, because: … }} ] }}`",
        remark.rule
    );
    Some(finding.seen(vec![remark.text.clone()]).next(next))
}

/// Why nobody would see rows of this table go; none where somebody would.
fn uncovered(plan: &Plan, table: &str) -> Option<String> {
    let Some(data) = plan.expect.states.get(&StateKind::Data) else {
        return Some("`data` is not judged".to_owned());
    };
    if let Reference::Any(because) = &data.reference {
        return Some(format!("`data` is not judged ({because})"));
    }
    let excepted = data.except.iter().find(|exception| match &exception.covers {
        Covers::Table { table: covered, columns, condition } => {
            is_same(covered, table) && columns.is_empty() && condition.is_none()
        }
        Covers::Schema { schema, columns } => {
            columns.is_empty() && table.split_once('.').map_or("public", |(schema, _)| schema) == schema
        }
        _ => false,
    });
    excepted.map(|exception| format!("{table} is excepted ({})", exception.because))
}

/// A name with its schema or database, and one as the SQL has it.
fn is_same(covered: &str, table: &str) -> bool {
    covered == table || covered.rsplit_once('.').is_some_and(|(_, bare)| bare == table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::model::Exception;
    use crate::verdict::testing::{place, plan};

    fn lossy(allowed: Option<&str>) -> Remark {
        Remark {
            rule: "drop-column".to_owned(),
            class: Class::Lossy,
            at: place(2),
            span: 0..1,
            text: "DROP COLUMN note".to_owned(),
            message: "drops column `orders.note`".to_owned(),
            why: String::new(),
            instead: String::new(),
            table: Some("orders".to_owned()),
            in_rollback: false,
            allowed: allowed.map(str::to_owned),
        }
    }

    #[track_caller]
    fn finds(change: impl FnOnce(&mut Plan), expected: &[&str]) {
        let mut plan = plan();
        plan.lint.remarks = vec![lossy(None)];
        change(&mut plan);
        let found: Vec<String> = check(&plan).into_iter().map(|finding| finding.message).collect();
        assert_eq!(found, expected);
    }

    fn data(plan: &mut Plan) -> &mut crate::plan::model::StateExpectation {
        plan.expect.states.get_mut(&StateKind::Data).unwrap()
    }

    #[test]
    fn what_is_compared_is_covered() {
        finds(|_| {}, &[]);
    }

    #[test]
    fn a_state_that_is_not_judged_covers_nothing() {
        let message = "the change drops column `orders.note`, and nobody looks: `data` is not judged (slow)";
        finds(|plan| data(plan).reference = Reference::Any("slow".to_owned()), &[message]);
    }

    #[test]
    fn a_table_that_is_excepted_is_not_covered_but_its_columns_are_something_else() {
        let exception = |table: &str, columns: &[&str]| Exception {
            covers: Covers::Table {
                table: table.to_owned(),
                columns: columns.iter().map(|column| (*column).to_owned()).collect(),
                condition: None,
            },
            because: "noise".to_owned(),
            at: place(1),
        };
        let message = "the change drops column `orders.note`, and nobody looks: orders is excepted (noise)";
        finds(|plan| data(plan).except.push(exception("public.orders", &[])), &[message]);
        finds(|plan| data(plan).except.push(exception("public.orders", &["seen_at"])), &[]);
        finds(|plan| data(plan).except.push(exception("public.others", &[])), &[]);
    }

    #[test]
    fn what_only_the_rollback_loses_is_no_loss_of_the_change() {
        finds(
            |plan| {
                data(plan).reference = Reference::Any("slow".to_owned());
                plan.lint.remarks[0].in_rollback = true;
            },
            &[],
        );
    }

    #[test]
    fn what_is_allowed_with_a_reason_is_no_finding() {
        let any = |plan: &mut Plan| data(plan).reference = Reference::Any("slow".to_owned());
        finds(
            |plan| {
                any(plan);
                plan.lint.remarks = vec![lossy(Some("a cache"))];
            },
            &[],
        );
    }
}
