//! Commands and health checks.

use super::model::Healthcheck;
use super::read::Reader;
use super::service::duration;
use super::{values, words};
use crate::yaml::{Node, Value};

/// A command: a list as it is, a text cut into words.
pub(super) fn command(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<String>> {
    match node.value {
        Value::Sequence(_) => Some(list(reader, node)),
        _ => reader.parsed(node, words::split),
    }
}

/// A health check.
pub(super) fn healthcheck(reader: &mut Reader<'_>, node: &Node) -> Option<Healthcheck> {
    reader.entries(node);
    let disabled = reader.at(node, "disable", |reader, node| reader.parsed(node, values::flag));
    let test = reader.at(node, "test", test).unwrap_or_default();
    Some(Healthcheck {
        test: if disabled == Some(true) { vec!["NONE".to_owned()] } else { test },
        interval_ms: duration(reader, node, "interval"),
        timeout_ms: duration(reader, node, "timeout"),
        start_period_ms: duration(reader, node, "start_period"),
        retries: reader.at(node, "retries", |reader, node| reader.parsed(node, values::integer)),
    })
}

fn test(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<String>> {
    if !matches!(node.value, Value::Sequence(_)) {
        return reader.text(node).map(|text| vec!["CMD-SHELL".to_owned(), text]);
    }
    let test = list(reader, node);
    match test.first().map(String::as_str) {
        None | Some("NONE" | "CMD" | "CMD-SHELL") => Some(test),
        Some(other) => {
            let mistake = node.spot.mistake(format!("a health test does not start with `{other}`"));
            reader.push(
                mistake.help("start the list with CMD, CMD-SHELL or NONE, or write one text for a shell"),
            );
            None
        }
    }
}

fn list(reader: &mut Reader<'_>, node: &Node) -> Vec<String> {
    reader.items(node).iter().filter_map(|item| reader.text(item)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_service_errors, service};
    use super::*;

    fn check(keys: &str) -> Healthcheck {
        service(&format!("healthcheck: {{{keys}}}")).healthcheck.unwrap()
    }

    #[test]
    fn a_health_check_is_read_as_the_engine_takes_it() {
        let shell = |text: &str| vec!["CMD-SHELL".to_owned(), text.to_owned()];
        assert_eq!(check("test: pg_isready || exit 1").test, shell("pg_isready || exit 1"));
        assert_eq!(check("test: [CMD-SHELL, a b]").test, shell("a b"));
        assert_eq!(check("test: [CMD, curl, -f]").test, ["CMD", "curl", "-f"]);
        assert_eq!(check("test: [NONE]").test, ["NONE"]);
        assert_eq!(check("disable: true, test: a").test, ["NONE"]);
        assert_eq!(
            check("interval: 1m30s, timeout: 500ms, start_period: 0s, retries: 3"),
            Healthcheck {
                test: Vec::new(),
                interval_ms: Some(90_000),
                timeout_ms: Some(500),
                start_period_ms: Some(0),
                retries: Some(3)
            }
        );
    }

    #[test]
    fn what_is_no_health_check_is_named() {
        assert_service_errors(&[
            (
                "healthcheck: {test: [curl, -f]}",
                "3:25 a health test does not start with `curl` · start the list with CMD, CMD-SHELL or NONE, or write one text for a shell",
            ),
            (
                "healthcheck: {interval: 5}",
                "3:29 `5` is not a duration; write for example 1m30s, 500ms or 2h",
            ),
            ("healthcheck: {retries: -1}", "3:28 -1 is out of range"),
            (
                "healthcheck: {tset: a}",
                "3:19 unknown key `tset` in `services.s.healthcheck` · did you mean `test`? · begin the name of an extension with `x-`",
            ),
            ("healthcheck: curl", "3:18 expected a mapping, found a single value"),
        ]);
    }
}
