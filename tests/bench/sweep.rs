//! What one point of a sweep costs, read from the journals of real sweeps: ratios of one run, medians of
//! what alternates in it. Names on the command line choose: `cargo bench --bench sweep -- point`.
//!
//! - `point`: a database of about 1 GB. Putting it back, changing, aborting and rolling back; comparing,
//!   against one bare scan of the same rows in the same run; and all of it against removing, making and
//!   seeding the stage again and comparing then. `ROWS=300000` makes it smaller.
//! - `lanes`: a database of about 50 MB on one lane and on two.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop there")]
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Rows of about 1 GB, with their index.
const LARGE: u64 = 11_000_000;
const SMALL: u64 = 550_000;
const PAIRS: usize = 3;

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let all: [(&str, fn()); 2] = [("point", point), ("lanes", lanes)];
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, measure) in all {
        if named.is_empty() || named.iter().any(|wanted| wanted == name) {
            measure();
        }
    }
}

fn point() {
    let rows = std::env::var("ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(LARGE);
    let journal = sweep(rows, &["--lanes", "1"]);
    let cases: Vec<Case> = journal.cases().into_iter().filter_map(|run| Case::of(&journal, run)).collect();
    assert!(cases.len() >= 5, "only {} points stood on a stage that was put back", cases.len());
    let of = |measure: fn(&Case) -> f64| median(cases.iter().map(measure).collect());
    let (act, compare, bare) = (of(|case| case.act), of(|case| case.compare), of(|case| case.bare));
    let ratio = of(|case| case.compare / case.bare);
    let anew = journal.rebuilding();
    println!("points, rows                          {}, {rows}", cases.len());
    println!("put back, change, abort, roll back    {act:.2} s (at most 1.5)");
    println!("  of it put back                      {:.2} s", of(|case| case.put_back));
    println!("compare                               {compare:.2} s");
    println!("  of it after the failure             {:.2} s", of(|case| case.glance));
    println!("bare ROW query                        {bare:.2} s");
    println!("compare / bare query                  {ratio:.2} (at most 1.3)");
    println!("remove, make and seed the stage       {anew:.2} s");
    let whole = of(|case| case.act + case.compare);
    // What a point costs without a snapshot: the stage anew, and the same change and comparison.
    let without = anew + whole - of(|case| case.put_back);
    println!("without a snapshot / whole            {:.1} (at least 8)", without / whole);
}

fn lanes() {
    let mut ratios = Vec::new();
    for _ in 0..PAIRS {
        let pace = |lanes: &str| sweep(SMALL, &["--exhaustive", "--lanes", lanes]).points_per_minute();
        let (one, two) = (pace("1"), pace("2"));
        println!("points per minute: one lane {one:.1}, two lanes {two:.1}");
        ratios.push(two / one);
    }
    println!("two lanes / one lane                  {:.2} (at least 1.5)", median(ratios));
}

/// Seconds of one run on a stage that was put back.
struct Case {
    put_back: f64,
    act: f64,
    glance: f64,
    compare: f64,
    bare: f64,
}

impl Case {
    fn of(journal: &Journal, run: u64) -> Option<Self> {
        let at = |kind: &str| journal.at(run, kind);
        let reset = journal.event(run, "reset")?;
        let took = |event: &Value| event["took_ms"].as_f64().unwrap() / 1000.0;
        if !reset["rebuilt"].is_null() {
            return None;
        }
        let bare = took(journal.event(run, "observed")?);
        let (began, settled, waited) = (at("run_started"), at("settled"), at("waited"));
        let glanced = journal.captured(run, "failed");
        let glance = glanced - settled;
        let compared = at("observed") - bare;
        Some(Self {
            put_back: took(reset),
            act: settled - began + waited - glanced,
            glance,
            compare: glance + compared - waited,
            bare,
        })
    }
}

/// The records of a sweep.
struct Journal(Vec<Value>);

impl Journal {
    fn of_run(&self, run: u64) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |record| record["run"] == run)
    }

    fn record(&self, run: u64, kind: &str) -> Option<&Value> {
        self.of_run(run).find(|record| record["event"][kind].is_object())
    }

    fn event(&self, run: u64, kind: &str) -> Option<&Value> {
        self.record(run, kind).map(|record| &record["event"][kind])
    }

    /// When that happened first in a run, in seconds of the sweep.
    fn at(&self, run: u64, kind: &str) -> f64 {
        seconds(self.record(run, kind).unwrap())
    }

    fn captured(&self, run: u64, moment: &str) -> f64 {
        let found = self.of_run(run).find(|record| record["event"]["captured"]["moment"] == moment);
        seconds(found.unwrap())
    }

    fn runs(&self, is_meant: impl Fn(&Value) -> bool) -> Vec<u64> {
        let started = self.0.iter().filter(|record| is_meant(&record["event"]["run_started"]));
        started.map(|record| record["run"].as_u64().unwrap()).collect()
    }

    fn cases(&self) -> Vec<u64> {
        self.runs(|started| started["case"].is_object())
    }

    /// Removing a stage, and bringing another one up with its seeds.
    fn rebuilding(&self) -> f64 {
        let lane = self.runs(|started| started["kind"] == "lane")[0];
        let seeded = self
            .of_run(lane)
            .find(|record| record["event"]["operation_ended"]["operation"] == "seed")
            .unwrap();
        let ends = self.0.iter().filter(|record| record["event"]["run_ended"].is_object());
        let ended = self.at(lane, "run_ended");
        let before = ends.map(seconds).filter(|at| *at < ended).fold(0.0, f64::max);
        seconds(seeded) - self.at(lane, "run_started") + ended - before
    }

    fn points_per_minute(&self) -> f64 {
        let cases = self.cases();
        let surveyed = self.0.iter().find(|record| record["event"]["surveyed"].is_object()).unwrap();
        let ended = cases.iter().map(|run| self.at(*run, "run_ended")).fold(0.0, f64::max);
        cases.len() as f64 * 60.0 / (ended - seconds(surveyed))
    }
}

fn seconds(record: &Value) -> f64 {
    record["ms"].as_f64().unwrap() / 1000.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn sweep(rows: u64, arguments: &[&str]) -> Journal {
    let folder = tempfile::tempdir().unwrap();
    write_scenario(folder.path(), rows);
    let reports = folder.path().join("reports");
    let mut command = Command::new(env!("CARGO_BIN_EXE_backout"));
    command.args(["sweep", "--report-dir"]).arg(&reports).args(arguments).arg(folder.path());
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(0), "every point rolls back");
    let journal = std::fs::read_to_string(reports.join("journal.jsonl")).unwrap();
    Journal(journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// One table that is nearly all of the database, a small one, and a change of both.
fn write_scenario(folder: &Path, rows: u64) {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/images/postgres");
    let copied = Command::new("cp").arg("-a").arg(images).arg(folder).status().unwrap();
    assert!(copied.success());
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    write("compose.yaml", COMPOSE.to_owned());
    write("seed.sql", SEED.replace(":rows", &rows.to_string()));
    write("scenario.yaml", SCENARIO.replace(":rows", &rows.to_string()).replace(":bare", BARE));
    write("up.sql", UP.to_owned());
    write("down.sql", DOWN.to_owned());
}

/// The explicit row of semantic S13: columns in order of name, numbers with a scale as text.
const BARE: &str = "SELECT count(h) FROM (SELECT hash_record_extended(ROW(amount::text, created, customer, id, \
                    note, status), 0) AS h FROM orders) AS rows";

const COMPOSE: &str = "services:
  db:
    build: postgres
    environment: { POSTGRES_PASSWORD: staging-only, POSTGRES_DB: shop }
    shm_size: 256m
    healthcheck:
      test: [CMD, pg_isready, --quiet, --host=127.0.0.1, --username=postgres, --dbname=shop]
      interval: 300ms
      timeout: 3s
      retries: 60
";

const SEED: &str = "CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO customers SELECT g, 'customer ' || g FROM generate_series(1, 1000) g;
CREATE TABLE orders (id bigint PRIMARY KEY, created timestamptz NOT NULL, customer int NOT NULL,
    status text NOT NULL, amount numeric(10, 2) NOT NULL, note text);
INSERT INTO orders SELECT g, 'epoch'::timestamptz + g * '1 minute'::interval, g % 1000,
    (ARRAY['new', 'paid', 'sent'])[g % 3 + 1], g % 10000 / 100.0,
    CASE WHEN g % 4 = 0 THEN 'note ' || md5(g::text) END FROM generate_series(1, :rows) g;
VACUUM ANALYZE;
";

const UP: &str = "BEGIN;
ALTER TABLE orders ADD COLUMN source text;
INSERT INTO customers VALUES (1001, 'new');
COMMIT;
UPDATE customers SET name = upper(name) WHERE id = 1;
";

const DOWN: &str = "ALTER TABLE orders DROP COLUMN IF EXISTS source;
DELETE FROM customers WHERE id > 1000;
UPDATE customers SET name = 'customer 1' WHERE id = 1;
";

const SCENARIO: &str = "format: 1
name: large
summary: A change of a large database
staging:
  compose: compose.yaml
  seed: [ { sql: { service: db, file: seed.sql } } ]
observe:
  databases:
    - { service: db, engine: postgres, database: shop, user: postgres, password: { env: POSTGRES_PASSWORD } }
change:
  - sql: { service: db, file: up.sql }
failure:
  at: { step: 1, statement: 4, hold: before }
  inject: [ { abort: {} } ]
rollback:
  within: 60s
  steps: [ { sql: { service: db, file: down.sql } } ]
expect:
  sql:
    - { service: db, query: \":bare\", equals: \":rows\" }
";
