//! How long captures of MariaDB, Redis and files take, next to reading the same by the means at hand:
//! `mariadb-dump | sha256sum`, `redis-cli --scan` with a DUMP of each key, `find` with `sha256sum`. Prints
//! ratios of one run; run it with `cargo bench --bench stores`.
//!
//! `ROWS`, `KEYS`, `FILES` and `MEGABYTES` make it smaller, 0 leaves a store out, `TRIES=1` is quicker.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop there")]
#![expect(clippy::print_stdout, reason = "its figures are what a benchmark is for")]
#![expect(dead_code, reason = "shared with the integration tests, of which this uses a part")]

use std::time::{Duration, Instant};

use backout::compose::model::{Mount, MountSource, Service, Volume};
use backout::gateway::control::Protocol;
use backout::stage::Stage;
use backout::stage::docker::DockerStage;
use backout::state::files::Reading;
use backout::state::gather::{Keeping, Wanted};
use backout::state::mariadb::{self, MariaTarget};
use backout::state::model::StoreCapture;
use backout::state::redis::{self, RedisTarget};

use rig::{options, output, project, shell, with_stage, words};
use wire::{Wire, with_wire};

#[path = "../it/stage/rig.rs"]
mod rig;
#[path = "../it/support/wire.rs"]
mod wire;

/// As in the integration tests.
mod stage {
    pub(crate) use crate::rig;
}

/// What a run may keep of rows.
const ROOM: u64 = 64 << 20;

#[tokio::main]
async fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let rows = parameter("ROWS", 2_000_000);
    if rows > 0 {
        with_wire("store", 3306, Protocol::Mysql, |wire| maria(wire, rows)).await;
    }
    let keys = parameter("KEYS", 1_000_000);
    if keys > 0 {
        with_wire("cache", 6379, Protocol::Redis, |wire| keys_of_redis(wire, keys)).await;
    }
    let (files, megabytes) = (parameter("FILES", 100_000), parameter("MEGABYTES", 2_000));
    if files > 0 {
        of_files(files, megabytes).await;
    }
    println!("peak memory of the runner              {} MiB (under 96)", peak_memory());
}

async fn maria(wire: Wire, rows: u64) {
    let fill = format!(
        "GRANT ALL ON *.* TO watch IDENTIFIED BY 'watch';
         CREATE TABLE orders (id bigint PRIMARY KEY, created datetime(6) NOT NULL, customer int NOT NULL,
            status varchar(16) NOT NULL, amount decimal(10, 2) NOT NULL, note text);
         INSERT INTO orders SELECT seq, '1970-01-01' + INTERVAL seq MINUTE, seq % 1000,
            ELT(seq % 3 + 1, 'new', 'paid', 'sent'), seq % 10000 / 100.0,
            IF(seq % 4 = 0, CONCAT('note ', MD5(seq)), NULL) FROM seq_1_to_{rows};
         ANALYZE TABLE orders;"
    );
    patiently(&wire, &format!("mariadb --user=root shop <<'END'\n{fill}\nEND")).await;
    let host = wire.stage.address("store", 3306).await.unwrap();
    let target = MariaTarget {
        host,
        database: "shop".to_owned(),
        user: "watch".to_owned(),
        password: Some("watch".to_owned()),
        ours: Vec::new(),
    };
    let (mut captures, mut dumps) = (Vec::new(), Vec::new());
    for _ in 0..tries() {
        let dir = tempfile::tempdir().unwrap();
        let keeping = Some(Keeping { folder: dir.path().to_owned(), room: ROOM });
        let wanted = mariadb::CaptureOptions { keeping, ..mariadb::CaptureOptions::default() };
        let (took, captured) = timed(mariadb::capture(&target, &wanted)).await;
        assert_eq!(captured.unwrap().tables["shop.orders"].raw.rows, rows);
        captures.push(took);
        let dump = "mariadb-dump --user=root --single-transaction shop | sha256sum";
        dumps.push(timed(patiently(&wire, dump)).await.0);
    }
    let (captured, dumped) = (median(captures), median(dumps));
    println!("MariaDB                                {rows} rows, captured in {captured:?}");
    println!("mariadb-dump | sha256sum / capture     {:.2} (at least 2)", ratio(dumped, captured));
}

/// Strings, hashes, lists and sorted sets.
const FILL: &str = "
local number = tonumber(ARGV[2])
for at = tonumber(ARGV[1]), number do
  local kind = at % 4
  if kind == 0 then redis.call('HSET', 'order:' .. at, 'status', 'paid', 'amount', at % 10000, 'note', redis.sha1hex(at))
  elseif kind == 1 then redis.call('RPUSH', 'list:' .. at, at, at + 1, at + 2)
  elseif kind == 2 then redis.call('ZADD', 'rank:' .. at, 1, 'a' .. at, 2, 'b' .. at)
  else redis.call('SET', 'session:' .. at, redis.sha1hex(at), 'EX', 1000000) end
end";

async fn keys_of_redis(wire: Wire, keys: u64) {
    // A script that takes long keeps the server from answering whoever asks for its health.
    const STEP: u64 = 20_000;
    let steps = (0..keys.div_ceil(STEP)).map(|step| {
        let (from, to) = (step * STEP + 1, keys.min((step + 1) * STEP));
        format!("redis-cli -e EVAL \"$fill\" 0 {from} {to} > /dev/null")
    });
    let fill = steps.collect::<Vec<_>>().join("\n");
    patiently(&wire, &format!("fill=$(cat <<'END'\n{FILL}\nEND\n)\n{fill}")).await;
    let host = wire.stage.address("cache", 6379).await.unwrap();
    let target = RedisTarget { host, user: None, password: None };
    let mut captures = Vec::new();
    for _ in 0..tries() {
        let dir = tempfile::tempdir().unwrap();
        let (took, captured) = timed(redis::capture(&target, "cache", &wanted(dir.path()))).await;
        assert_eq!(captured.unwrap().tables["cache.db0"].raw.rows, keys);
        captures.push(took);
    }
    let dump = "redis-cli --scan | sed 's/^/DUMP /' | redis-cli | sha256sum";
    let (dumped, captured) = (timed(patiently(&wire, dump)).await.0, median(captures));
    println!("Redis                                  {keys} keys, captured in {captured:?}");
    println!("redis-cli --scan and DUMP / capture    {:.2} (at least 5)", ratio(dumped, captured));
}

async fn of_files(files: u64, megabytes: u64) {
    let mount = Mount {
        target: "/data".to_owned(),
        source: MountSource::Volume("data".to_owned()),
        read_only: false,
    };
    let app = Service { mounts: vec![mount], ..shell("exec sleep infinity") };
    let volumes = [("data".to_owned(), Volume::default())].into();
    let project = backout::compose::Project { volumes, ..project(vec![("app", app)]) };
    with_stage(project, options(), |stage, _| async move {
        stage.up(Duration::from_secs(60)).await.unwrap();
        // No two files are the same, and none is a hole; a thousand in a folder.
        let (folders, each) = (files.div_ceil(1000), (megabytes * 1_000_000 / files).max(1));
        let files = folders * 1000;
        let fill = format!(
            "cd /data && for d in $(seq {folders}); do mkdir $d && head --bytes={} /dev/urandom |
             split --bytes={each} --suffix-length=3 --numeric-suffixes - $d/f || exit 1; done && echo filled",
            each * 1000
        );
        assert_eq!(output(&stage, "app", &fill).await, "filled");
        let (mut captures, mut found) = (Vec::new(), Vec::new());
        for _ in 0..tries() {
            let dir = tempfile::tempdir().unwrap();
            let (took, captured) = timed(folder(&stage, wanted(dir.path()))).await;
            assert!(captured.tables["app"].raw.rows > files);
            captures.push(took);
            let find = "find /data -type f -exec sha256sum {} + | wc -l";
            let (took, lines) = timed(output(&stage, "app", find)).await;
            assert_eq!(lines, files.to_string());
            found.push(took);
        }
        let (captured, found) = (median(captures), median(found));
        println!("files                                  {files} of {each} bytes, captured in {captured:?}");
        println!("find -exec sha256sum / capture         {:.2} (at least 1.5)", ratio(found, captured));
    })
    .await;
}

async fn folder(stage: &DockerStage, wanted: Wanted) -> StoreCapture {
    let mut reading = Reading::new("app", &wanted);
    let mut lines = stage.beside("app", &words(&["files", "/data"])).await.unwrap();
    while let Some(line) = lines.recv().await {
        reading.line(&line.text).unwrap();
    }
    reading.finish().unwrap()
}

/// As a run wants its first capture.
fn wanted(folder: &std::path::Path) -> Wanted {
    let keeping = Some(Keeping { folder: folder.to_owned(), room: ROOM });
    Wanted { keeping, ..Wanted::default() }
}

/// Runs a command inside the server's container, however long that takes.
async fn patiently(wire: &Wire, script: &str) {
    let process =
        wire.stage.exec(&wire.service, &words(&["bash", "-e", "-o", "pipefail", "-c", script])).await;
    let (lines, code) = rig::read(process.unwrap()).await;
    assert_eq!(code, 0, "{script}: {lines:?}");
}

fn tries() -> u64 {
    parameter("TRIES", 3).max(1)
}

fn parameter(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let started = Instant::now();
    let done = work.await;
    (started.elapsed(), done)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

/// The most memory that this process ever used, in MiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
