//! For machines: `{ "format": 1, "counts": …, "remarks": … }`.

use serde_json::{Value, json};

use crate::lint::model::Class;
use crate::lint::unit::Linted;

/// The version of this format.
const FORMAT: u32 = 1;

/// Everything that was found.
pub fn render(linted: &Linted) -> String {
    let count = |class: &Class| linted.counts.get(class).copied().unwrap_or_default();
    let counts = Class::ALL.iter().map(|class| (class.word().to_owned(), json!(count(class))));
    let remarks: Vec<Value> = linted
        .remarks
        .iter()
        .map(|remark| {
            json!({
                "rule": remark.rule,
                "class": remark.class,
                "file": remark.at.file,
                "line": remark.at.line,
                "column": remark.at.column,
                "text": remark.text,
                "message": remark.message,
                "why": remark.why,
                "instead": remark.instead,
                "allowed": remark.allowed,
            })
        })
        .collect();
    let counts: serde_json::Map<String, Value> = counts.collect();
    format!("{:#}\n", json!({ "format": FORMAT, "counts": counts, "remarks": remarks }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::report::sarif::tests::linted;

    #[test]
    fn every_class_is_counted_and_every_remark_complete() {
        let read: Value = serde_json::from_str(&render(&linted())).unwrap();
        assert_eq!(read["format"], 1);
        assert_eq!(
            read["counts"],
            json!({ "reversible": 1, "needs_kept_data": 0, "unknown": 0, "lossy": 2, "irreversible": 0 })
        );
        let remark = &read["remarks"][0];
        assert_eq!((&remark["rule"], &remark["class"]), (&json!("drop-table"), &json!("lossy")));
        assert_eq!((&remark["line"], &remark["column"]), (&json!(2), &json!(1)));
        assert_eq!((&remark["text"], &remark["allowed"]), (&json!("DROP TABLE a"), &Value::Null));
        assert_eq!(read["remarks"][1]["allowed"], "a cache");
    }
}
