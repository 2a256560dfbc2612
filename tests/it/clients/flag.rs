//! A feature flag, set by curl.

use backout::gateway::control::Protocol;

use super::Trial;
use crate::support::wire::with_wire;

/// Three requests on one connection; each `--next` forgets the options before it.
const COMMAND: &[&str] = &[
    "sh",
    "-c",
    "exec curl -fsS -X PUT -d on http://flags:8080/flags/checkout \
     --next -fsS http://flags:8080/flags \
     --next -fsS -X PUT -d 50 http://flags:8080/flags/share",
];

const TRIAL: Trial<'_> = Trial {
    command: COMMAND,
    reset: "curl -fsS -X DELETE -o /dev/null http://127.0.0.1:8080/flags",
    // Once no connection to port 8080 is established any more.
    state: "while grep -q ':1F90 [^ ]* 01 ' /proc/net/tcp; do :; done; curl -fsS http://127.0.0.1:8080/flags",
    state_when_held: "curl -fsS http://127.0.0.1:8080/flags",
};

#[tokio::test]
async fn a_feature_flag_set_by_curl() {
    with_wire("flags", 8080, Protocol::Http, |wire| async move {
        let talk = TRIAL.talk(&wire).await;
        assert_eq!(
            talk.asks,
            ["none commits: PUT /flags/checkout", "none: GET /flags", "none commits: PUT /flags/share"]
        );
        assert_eq!(talk.answers, ["ok committed: 201 Created", "ok: 200 OK", "ok committed: 201 Created"]);
        let one = r#"{"checkout": "on"}"#;
        let states = ["{}", one, one, r#"{"checkout": "on", "share": "50"}"#];
        TRIAL.sweep(&wire, 1..states.len(), &states).await;
    })
    .await;
}
