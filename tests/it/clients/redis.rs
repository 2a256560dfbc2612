//! A client of Redis.

use backout::gateway::control::Protocol;

use super::Trial;
use crate::support::wire::with_wire;

const TRIAL: Trial<'_> = Trial {
    command: &["sh", "-c", "exec redis-cli -e -h cache < flags.redis"],
    reset: "redis-cli -e flushall > /dev/null && redis-cli -e set cart:1 full > /dev/null",
    state: "until [ $(redis-cli client list | wc -l) = 1 ]; do :; done; \
            redis-cli mget flag:checkout flag:version cart:1 | paste -sd,",
    state_when_held: "redis-cli mget flag:checkout flag:version cart:1 | paste -sd,",
};

#[tokio::test]
async fn redis_cli() {
    with_wire("cache", 6379, Protocol::Redis, |wire| async move {
        let talk = TRIAL.talk(&wire).await;
        assert_eq!(
            talk.asks,
            [
                // For its own help.
                "none: COMMAND DOCS",
                "none commits: SET flag:checkout off",
                "none: MULTI",
                "open: SET flag:checkout on",
                "open: INCR flag:version",
                "open commits: EXEC",
                "none commits: DEL cart:1",
            ]
        );
        assert_eq!(
            talk.answers[1..],
            [
                "ok committed: OK",
                "ok: OK",
                "ok: QUEUED",
                "ok: QUEUED",
                "ok committed: 2 elements",
                "ok committed: 1"
            ]
        );
        let off = "off,,full";
        let states = [",,full", ",,full", off, off, off, off, "on,1,full", "on,1,"];
        TRIAL.sweep(&wire, 1..states.len(), &states).await;
    })
    .await;
}
