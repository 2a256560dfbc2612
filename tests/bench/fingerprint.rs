//! How long captures of a large table take, next to what they cannot do without and what others offer: the
//! bare query, `pg_dump | sha256sum`, and reladiff comparing the table with its copy. Prints ratios of one
//! run; run it with `cargo bench --bench fingerprint`.
//!
//! `ROWS=300000` makes it smaller, `TRIES=1` quicker. reladiff is `RELADIFF`, or what the path finds; without
//! one it is left out: `python3 -m venv v && v/bin/pip install reladiff psycopg2-binary`, then
//! `RELADIFF=v/bin/reladiff`.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop there")]
#![expect(clippy::print_stdout, reason = "its figures are what a benchmark is for")]

use std::process::Command;
use std::time::{Duration, Instant};

use backout::state::model::{Kept, StoreCapture};
use backout::state::postgres::{CaptureOptions, KeepRows, PostgresTarget, capture, template};
use backout::state::rows::{BEFORE, RowCounts, diff};

use postgres_server::{Database, server};

#[expect(dead_code, reason = "shared with the integration tests, which need more of it")]
#[path = "../it/support/postgres.rs"]
mod postgres_server;

/// The explicit row of semantic S13: columns in order of name, numbers with a scale as text.
const BARE: &str = "SELECT count(*), sum(hash_record_extended(
    ROW(amount::text, created, customer, id, note, status), 0)) FROM orders";
const COLUMNS: [&str; 5] = ["amount", "created", "customer", "note", "status"];
/// How many rows are changed, spread over the table.
const CHANGED: u64 = 1_000;
/// What a run may keep of rows.
const ROOM: u64 = 64 << 20;

#[tokio::main]
async fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let (rows, tries) = (parameter("ROWS", 10_000_000), parameter("TRIES", 3));
    let database = Database::new().await;
    database.run(&fill(rows)).await;
    let copy = format!("kept_{}", database.target.database);
    database.leave().await;
    let (kept, _) = timed(async { template::keep(&database.target, &copy, "unused").await.unwrap() }).await;

    let (mut bare, mut before, mut unchanged, mut changed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut first = None;
    for _ in 0..tries {
        bare.push(timed(database.run(BARE)).await.0);
        let (took, (was, _)) = timed(captured(&database.target, &copy, None)).await;
        before.push(took);
        let (took, (after, _)) = timed(captured(&database.target, &copy, Some(&was))).await;
        unchanged.push(took);
        assert_eq!(after.tables["public.orders"].raw, was.tables["public.orders"].raw);
        first = Some(was);
    }
    let dump = format!("pg_dump -U postgres {} | sha256sum", database.target.database);
    let (dumped, _) = timed(async { server().shell(&dump, "") }).await;
    let reladiff = reladiff(&database.target, &copy);
    let every = rows / CHANGED;
    database.run(&format!("UPDATE orders SET note = 'other' WHERE id % {every} = {every} / 2")).await;
    let mut named = RowCounts::default();
    for _ in 0..tries {
        let (took, (_, counts)) = timed(captured(&database.target, &copy, first.as_ref())).await;
        changed.push(took);
        named = counts;
    }
    let (bare, before) = (median(bare), median(before));
    let (unchanged, changed) = (before + median(unchanged), before + median(changed));

    println!("rows                                {rows}");
    println!("bare ROW query                      {bare:?}");
    println!("two captures, nothing changed       {unchanged:?}");
    println!("two captures, 1,000 rows changed    {changed:?}: {named:?}");
    println!("copy of the database                {kept:?}");
    println!("pg_dump | sha256sum                 {dumped:?}");
    println!("first capture / bare query          {:.2} (at most 1.3)", ratio(before, bare));
    println!("changed / unchanged                 {:.2} (at most 1.5)", ratio(changed, unchanged));
    println!("pg_dump | sha256sum / first capture {:.2} (at least 3)", ratio(dumped, before));
    match reladiff {
        Ok(took) => {
            println!(
                "reladiff / two captures             {:.2} (at least 3), {took:?}",
                ratio(took, unchanged)
            );
        }
        Err(why) => println!("reladiff                            not tried: {why}"),
    }
    println!("peak memory of the runner           {} MiB (under 96)", peak_memory());
    assert_eq!(named, RowCounts { changed: CHANGED, ..RowCounts::default() });
}

/// A capture as a run makes it, and the rows that it shows to differ from an earlier one.
async fn captured(
    target: &PostgresTarget,
    copy: &str,
    before: Option<&StoreCapture>,
) -> (StoreCapture, RowCounts) {
    let dir = tempfile::tempdir().unwrap();
    let reference = before.map(|before| before.tables.clone());
    let copy = Ok(copy.to_owned());
    let keep_rows = Some(KeepRows { dir: dir.path().to_owned(), max_bytes: ROOM, reference, copy });
    let options = CaptureOptions { keep_rows, ..CaptureOptions::default() };
    let captured = capture(target, &options).await.unwrap();
    let mut counts = RowCounts::default();
    if let Kept::Differing { rest, .. } = &captured.tables["public.orders"].kept {
        assert_eq!(*rest, None);
        let from = dir.path().join(BEFORE);
        counts = diff("public.orders", Some(&from), Some(dir.path()), &mut |_| Ok(())).unwrap();
    }
    (captured, counts)
}

/// How long reladiff takes to find that the table and its copy are the same; why it was not tried.
fn reladiff(target: &PostgresTarget, copy: &str) -> Result<Duration, String> {
    let program = std::env::var("RELADIFF").unwrap_or_else(|_| "reladiff".to_owned());
    let of = |database: &str| {
        let password = target.password.as_deref().unwrap_or_default();
        format!("postgresql://{}:{password}@{}/{database}", target.user, target.host)
    };
    let mut run = Command::new(&program);
    run.args([&of(&target.database), "orders", &of(copy), "orders", "--key-columns", "id"]);
    run.args(COLUMNS.iter().flat_map(|column| ["--columns", column]));
    let started = Instant::now();
    let output = run.output().map_err(|error| format!("cannot run {program}: {error}"))?;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() || !output.stdout.is_empty() {
        return Err(format!("{program} failed or found differences: {said}"));
    }
    Ok(started.elapsed())
}

fn parameter(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default).max(1)
}

fn fill(rows: u64) -> String {
    format!(
        "CREATE TABLE orders (id bigint PRIMARY KEY, created timestamptz NOT NULL, customer int NOT NULL,
            status text NOT NULL, amount numeric(10, 2) NOT NULL, note text);
         INSERT INTO orders SELECT g, 'epoch'::timestamptz + g * '1 minute'::interval, g % 1000,
            (ARRAY['new', 'paid', 'sent'])[g % 3 + 1], g % 10000 / 100.0,
            CASE WHEN g % 4 = 0 THEN 'note ' || md5(g::text) END FROM generate_series(1, {rows}) g;
         VACUUM ANALYZE orders;"
    )
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
