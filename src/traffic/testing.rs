//! A traffic for tests.

use std::time::Duration;

use crate::diagnostic::Place;
use crate::plan::model::HttpCall;
use crate::plan::traffic::{Mutation, Profile, Read, Request, Traffic};

fn call(method: &str, path: &str, body: Option<&str>) -> Request {
    Request::Http(HttpCall {
        service: "api".to_owned(),
        port: 8080,
        method: method.to_owned(),
        path: path.to_owned(),
        headers: [].into(),
        body: body.map(str::to_owned),
        status: None,
        contains: None,
    })
}

/// Orders that are made, changed, removed and looked at.
pub(crate) fn traffic() -> Traffic {
    let mutation = |request: Request, shows: Option<serde_json::Value>| Mutation {
        request,
        acknowledged: [].into(),
        refused: [].into(),
        share: 10.0,
        shows,
    };
    let shows = Some(serde_json::json!({ "note": "{{word}}" }));
    let body = Some(r#"{"note":"{{word}}"}"#);
    Traffic {
        name: "orders".to_owned(),
        per_second: 500.0,
        profile: Profile::Steady,
        timeout: Duration::from_secs(5),
        may_fail: None,
        key: "{{uuid}}".to_owned(),
        id: None,
        write: mutation(call("POST", "/orders/{{key}}", body), shows.clone()),
        update: Some(mutation(call("PUT", "/orders/{{key}}", body), shows)),
        delete: Some(mutation(call("DELETE", "/orders/{{key}}", None), None)),
        read: Read { request: call("GET", "/orders/{{key}}", None), shows: None, share: 20.0 },
        touches: Vec::new(),
        sessions: [].into(),
        at: Place { file: "scenario.yaml".to_owned(), line: 1, column: 1 },
    }
}
