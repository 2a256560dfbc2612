//! What a change touches in stores of several kinds, against what it is declared to touch.

use serde_json::{Value, json};

use crate::support::backout::{checks, drill, run_of, scenario};

fn messages(findings: &Value, check: &str) -> Vec<String> {
    let findings = findings.as_array().unwrap().iter().filter(|found| found["check"] == check);
    findings.map(|found| found["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_a_cascade_another_key_and_another_file_add_is_found_although_all_comes_back() {
    let (output, reports) = drill(&["tests/fixtures/impact"]);
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let found = scenario(&card, "impact");
    assert_eq!(checks(found, "fail"), ["impact"], "{}", output.stdout);
    for kind in ["finished", "interrupted"] {
        assert_eq!(run_of(found, kind)["class"], "restored", "{found:#}");
    }
    let wider = |what: &str| format!("the change touches {what}, which is not declared");
    assert_eq!(
        messages(&found["findings"], "impact"),
        [
            wider("table public.orders (rows)"),
            wider("key flag:new (content)"),
            wider("file app:/data/notes.txt (content)"),
            wider("object function public.seven() (definition)"),
        ]
    );
    let finding = found["findings"].as_array().unwrap().iter().find(|one| one["check"] == "impact").unwrap();
    assert_eq!(
        (&finding["at"]["line"], &finding["evidence"][1]),
        (&json!(27), &json!("missing: id '1'  customer '1', id '1'"))
    );
    let declared = |name: &str| {
        let touched = found["impact"]["touched"].as_array().unwrap();
        touched.iter().find(|one| one["name"] == name).map(|one| one["declared"].clone())
    };
    for name in ["public.customers", "cart:*", "app:/data/*.json"] {
        assert_eq!(declared(name), Some(json!(true)), "{:#}", found["impact"]);
    }
    assert_eq!(found["impact"]["untouched"], json!(["service cache"]), "said, and no failure");
    assert!(
        output.stdout.contains("the impact names 1 thing not touched here: service cache"),
        "{}",
        output.stdout
    );
    assert!(reports.text("report.md").contains("WIDER"), "the report for people says it too");
    assert!(reports.text("junit.xml").contains("which is not declared"), "and the one for CI");
}
