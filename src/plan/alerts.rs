//! Alerts: what the failure must set off and the rollback must end, and what starts the rollback.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::context::Context;
use super::model::{HttpCall, When};
use crate::diagnostic::Place;
use crate::scenario::expect::AlertExpectation;
use crate::scenario::timespan::Timespan;

/// How long an alert may take to fire, or to resolve, where nothing is said.
const WITHIN: Duration = Duration::from_secs(120);

/// An alert that is watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its name.
    #[serde(serialize_with = "crate::secret::word")]
    pub name: String,
    /// The question whose answer lists it while it fires.
    pub call: HttpCall,
    /// How long after the failure it may take to fire.
    #[serde(with = "crate::millis")]
    pub fires_within: Duration,
    /// How long after the rollback it may take to resolve.
    #[serde(with = "crate::millis")]
    pub resolves_within: Duration,
    /// Where it is written.
    pub at: Place,
}

/// Resolves `expect.alerts`; `fails` says whether the change is broken anywhere.
pub(super) fn build(context: &mut Context<'_>, expected: &[AlertExpectation], fails: bool) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for (index, written) in expected.iter().enumerate() {
        let path = format!("expect.alerts.{index}.name");
        if !fails && context.is_whole {
            let diagnostic = context.wrong(&path, "nothing fails, so there is nothing to notice");
            diagnostic.help.push("say under `failure` where the change is broken".to_owned());
        }
        let labels = written.labels.iter().map(|(label, value)| (label.as_str(), value.0.as_str()));
        let Some(call) = call(context, &path, &written.name, labels) else { continue };
        let span = |span: Option<Timespan>| span.map_or(WITHIN, |span| span.0);
        alerts.push(Alert {
            name: written.name.clone(),
            call,
            fires_within: span(written.fires_within),
            resolves_within: span(written.resolves_within),
            at: context.place(&path),
        });
    }
    alerts
}

/// What `alert` below `rollback.when` waits for: one of the expected alerts. Where none is expected, this one is from
/// here on.
pub(super) fn when(
    context: &mut Context<'_>,
    path: &str,
    (name, within): (&str, Duration),
    alerts: &mut Vec<Alert>,
) -> Option<When> {
    let when = path;
    let path = &format!("{when}.alert");
    if alerts.is_empty() {
        let call = call(context, path, name, [])?;
        let (name, at) = (name.to_owned(), context.place(path));
        alerts.push(Alert { name, call, fires_within: within, resolves_within: WITHIN, at });
    }
    let Some(position) = alerts.iter().position(|alert| alert.name == name) else {
        let known: Vec<&str> = alerts.iter().map(|alert| alert.name.as_str()).collect();
        let mistake = context.spot(path).mistake(format!("no alert `{name}` is expected"));
        let mistake = mistake.suggest(name, known).help("name it under `expect.alerts` too");
        context.mistakes.push(mistake);
        return None;
    };
    if within < alerts[position].fires_within {
        let allowed = alerts[position].fires_within.as_secs_f64();
        let message = format!("`{name}` may take {allowed} s to fire, and is waited for no longer than this");
        let diagnostic = context.wrong(&format!("{when}.within"), message);
        diagnostic.help.push("wait at least as long as `fires_within`".to_owned());
    }
    Some(When::Alert { alert: position, within_ms: crate::millis::of(within) })
}

/// The call that asks for one alert: what is silenced or inhibited reaches nobody.
fn call<'l>(
    context: &mut Context<'_>,
    path: &str,
    name: &'l str,
    labels: impl IntoIterator<Item = (&'l str, &'l str)>,
) -> Option<HttpCall> {
    if name.trim().is_empty() {
        let diagnostic = context.wrong(path, "an alert has a name");
        diagnostic.help.push("that of its rule in Prometheus".to_owned());
    }
    let Some((service, port)) = context.alertmanager.clone() else {
        let diagnostic =
            context.wrong(path, "no Alertmanager is observed that could be asked for this alert");
        diagnostic.help.push("name it: `observe: { alerts: { service: alertmanager } }`".to_owned());
        return None;
    };
    let mut query = "/api/v2/alerts?active=true&silenced=false&inhibited=false".to_owned();
    for (label, value) in [("alertname", name)].into_iter().chain(labels) {
        let _ = write!(query, "&filter={}", encoded(&format!("{label}={}", quoted(value))));
    }
    Some(HttpCall {
        service,
        port,
        method: "GET".to_owned(),
        path: query,
        headers: BTreeMap::new(),
        body: None,
        status: Some(200),
        contains: None,
    })
}

/// A value as Alertmanager's matchers quote it.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n"))
}

/// A text as a value of a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            other => {
                let _ = write!(encoded, "%{other:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matcher_survives_quotes_and_the_query() {
        assert_eq!(quoted(r#"a "b" \c"#), r#""a \"b\" \\c""#);
        assert_eq!(encoded("alertname=\"é x\""), "alertname%3D%22%C3%A9%20x%22");
    }
}
