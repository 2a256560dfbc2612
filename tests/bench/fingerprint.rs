//! How long a capture of a large table takes, next to the bare query that it cannot do without, and next to
//! `pg_dump | sha256sum`. Prints ratios of one run; run it with `cargo bench --bench fingerprint`.
//!
//! `ROWS=300000` makes it smaller.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop there")]
#![expect(clippy::print_stdout, reason = "its figures are what a benchmark is for")]

use std::time::{Duration, Instant};

use backout::state::postgres::{CaptureOptions, KeepRows, capture};

use support::postgres::{Database, server};

#[expect(dead_code, reason = "shared with the integration tests, which need more of it")]
#[path = "../it/support/mod.rs"]
mod support;

/// The explicit row of semantic S13: columns in order of name, numbers with a scale as text.
const BARE: &str = "SELECT count(*), sum(hash_record_extended(
    ROW(amount::text, created, customer, id, note, status), 0)) FROM orders";
const TRIES: usize = 5;

#[tokio::main]
async fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let rows: u64 = std::env::var("ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(3_000_000);
    let database = Database::new().await;
    database.run(&fill(rows)).await;
    let (mut bare, mut captured) = (Vec::new(), Vec::new());
    for _ in 0..TRIES {
        bare.push(timed(database.run(BARE)).await);
        let whole = async { capture(&database.target, &CaptureOptions::default()).await.unwrap() };
        captured.push(timed(whole).await);
    }
    let (bare, captured) = (median(bare), median(captured));
    let peak = peak_memory();
    let started = Instant::now();
    server().shell(&format!("pg_dump -U postgres {} | sha256sum", database.target.database), "");
    let dumped = started.elapsed();
    println!("rows                                {rows}");
    println!("bare ROW query                      {bare:?}");
    println!("capture                             {captured:?}");
    println!("pg_dump | sha256sum                 {dumped:?}");
    println!("capture / bare query                {:.2} (at most 1.3)", ratio(captured, bare));
    println!("pg_dump | sha256sum / capture       {:.2} (at least 3)", ratio(dumped, captured));
    println!("peak memory of the runner           {peak} MiB (under 64)");
    keep(&database).await;
}

async fn keep(database: &Database) {
    let dir = tempfile::tempdir().unwrap();
    let keep_rows = Some(KeepRows { dir: dir.path().to_owned(), max_bytes: 1 << 40, reference: None });
    let options = CaptureOptions { keep_rows, ..CaptureOptions::default() };
    let kept = timed(async { capture(&database.target, &options).await.unwrap() }).await;
    println!("capture with all rows kept          {kept:?}, peak memory {} MiB", peak_memory());
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

async fn timed<T>(work: impl Future<Output = T>) -> Duration {
    let started = Instant::now();
    work.await;
    started.elapsed()
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
