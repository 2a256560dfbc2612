//! SARIF 2.1.0, as far as code scanning reads it.

use serde_json::{Value, json};

use crate::lint::model::{Class, Remark};
use crate::lint::rules::{RULES, Rule};
use crate::lint::unit::Linted;

/// A log with one run: every rule with its page, every remark as a result, and reasons as suppressions.
pub fn render(linted: &Linted) -> String {
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "backout lint",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": RULES.iter().map(rule).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": linted.remarks.iter().map(result).collect::<Vec<_>>(),
        }],
    });
    format!("{log:#}\n")
}

fn rule(rule: &Rule) -> Value {
    let finds = rule.page.lines().skip_while(|line| !line.starts_with("## ")).nth(1).unwrap_or_default();
    json!({
        "id": rule.name,
        "shortDescription": { "text": finds },
        "help": { "text": rule.page, "markdown": rule.page },
    })
}

fn result(remark: &Remark) -> Value {
    let level = match remark.class {
        Class::Reversible | Class::NeedsKeptData => "note",
        Class::Unknown => "warning",
        Class::Lossy | Class::Irreversible => "error",
    };
    let text = format!("{}: {}. Instead: {}", remark.message, remark.why, remark.instead);
    let suppressions =
        remark.allowed.iter().map(|because| json!({ "kind": "inSource", "justification": because }));
    json!({
        "ruleId": remark.rule,
        "ruleIndex": RULES.iter().position(|rule| rule.name == remark.rule),
        "level": level,
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&remark.at.file) },
            "region": {
                "startLine": remark.at.line,
                "startColumn": remark.at.column,
                "snippet": { "text": remark.text },
            },
        } }],
        "suppressions": suppressions.collect::<Vec<_>>(),
        "properties": { "class": remark.class },
    })
}

/// A path as a relative URI.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::lint::read::Dialect;
    use crate::lint::unit::{Expected, Half, Script, Types, Unit, lint};

    /// One reversible operation, one lossy, one lossy and allowed.
    pub(in crate::lint::report) fn linted() -> Linted {
        let text = "SELECT 1;\nDROP TABLE a;\nTRUNCATE t; -- backout: allow truncate because \"a cache\"\n";
        let unit = Unit {
            change: vec![Half::Sql(Script::whole(&Source::new("m/up,1.sql", text)))],
            rollback: None,
            expected: Expected::Nothing,
        };
        lint(&unit, Dialect::Postgres, &mut Types::new()).unwrap()
    }

    /// The properties that SARIF 2.1.0 requires (§3.13, §3.14, §3.18, §3.19, §3.27, §3.35), and those by which
    /// code scanning finds the line.
    #[test]
    fn the_log_has_what_the_format_requires() {
        let log: Value = serde_json::from_str(&render(&linted())).unwrap();
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        assert!(run["tool"]["driver"]["name"].is_string());
        assert_eq!(run["columnKind"], "unicodeCodePoints");
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        assert!(
            rules.iter().all(|rule| rule["id"].is_string() && !rule["shortDescription"]["text"].is_null())
        );
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len(), 2);
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
            assert!(result["message"]["text"].is_string());
            assert_eq!(result["level"], "error");
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(place["artifactLocation"]["uri"], "m/up%2C1.sql");
            assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
        }
        assert_eq!(results[0]["suppressions"], json!([]));
        assert_eq!(results[1]["suppressions"], json!([{ "kind": "inSource", "justification": "a cache" }]));
    }
}
