//! What the gateway costs: `pgbench -S -c 4` through it while it is idle, next to the same through HAProxy
//! in TCP mode, in turns; and its memory with 200 connections and a gigabyte by COPY there and back.
//!
//! `cargo bench --bench gateway`; `SECONDS_EACH=20 ROUNDS=9` makes it longer.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop there")]
#![expect(clippy::print_stdout, reason = "its figures are what a benchmark is for")]
#![expect(dead_code, reason = "shared with the integration tests, of which this uses a part")]

#[path = "../it/stage/rig.rs"]
mod rig;
#[path = "../it/support/wire.rs"]
mod wire;

use backout::gateway::control::{Order, Protocol};
use wire::{CLIENT, Cast, Wire, with_cast};

/// As in the integration tests.
mod stage {
    pub(crate) use crate::rig;
}

/// Who runs pgbench; with the server's name it reaches the gateway.
const PGBENCH: &str = "pgbench";

#[tokio::main]
async fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let cast = Cast {
        server: ("db", 5432, Protocol::Postgres),
        clients: &[PGBENCH, CLIENT],
        others: &["haproxy"],
        environment: &[("LOG_STATEMENT", "none")],
    };
    with_cast(&cast, |wire| async move {
        speed(&wire).await;
        memory(&wire).await;
    })
    .await;
}

/// Transactions per second, and the latency that 99 of 100 stay below, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Figures {
    tps: f64,
    p99: f64,
}

async fn speed(wire: &Wire) {
    wire.inside("pgbench -iqs 10 -U postgres shop 2> /dev/null").await;
    wire.order(Order::Begin { record: false, apart: Default::default() }).await;
    let (mut tps, mut p99) = (Vec::new(), Vec::new());
    let rounds = number("ROUNDS", 5);
    for round in 0..rounds {
        // Whoever comes second finds warmer caches.
        let [gateway, haproxy] = if round % 2 == 0 {
            let gateway = bench(wire, "db").await;
            [gateway, bench(wire, "haproxy").await]
        } else {
            let haproxy = bench(wire, "haproxy").await;
            [bench(wire, "db").await, haproxy]
        };
        println!("gateway {gateway:.0?}, HAProxy {haproxy:.0?}");
        tps.push(gateway.tps / haproxy.tps);
        p99.push(gateway.p99 / haproxy.p99);
    }
    let cores = std::thread::available_parallelism().unwrap();
    println!("pgbench -S -c 4, {cores} cores, medians of {rounds} ratios of neighbouring runs:");
    println!("transactions per second, gateway / HAProxy    {:.2} (at least 1.0)", median(tps));
    println!("p99 of the latency, gateway / HAProxy         {:.2} (at most 1.1)", median(p99));
}

async fn bench(wire: &Wire, host: &str) -> Figures {
    let seconds = number("SECONDS_EACH", 8);
    let script = format!(
        "cd /tmp && rm -f log.* && pgbench -nS -c 4 -j 2 -T {seconds} -l --log-prefix=log -h {host} 2>&1 \
         | sed -n 's/^tps = \\([0-9.]*\\).*/\\1/p' && cut -d' ' -f3 log.* | sort -n \
         | awk '{{ all[NR] = $1 }} END {{ print all[int(NR * 0.99)] }}'"
    );
    let printed = wire.of(PGBENCH, &script).await;
    let figures: Vec<f64> = printed.lines().map(|line| line.parse().unwrap()).collect();
    let [tps, p99] = figures[..] else { panic!("{printed}") };
    Figures { tps, p99 }
}

async fn memory(wire: &Wire) {
    let idle = peak();
    wire.of(CLIENT, "python3 many.py").await;
    let count = wire.order(Order::Count).await.counts.remove(0);
    assert!(count.bytes > 1 << 30, "{count:?}");
    println!(
        "the gateway's memory at most                  {:.1} MiB with 200 connections and 1 GB by COPY (under 32), \
         {:.1} MiB before",
        peak(),
        idle
    );
}

/// The most memory that the gateway ever used, in MiB. Its image holds nothing to look with: somebody
/// else looks, among its processes.
fn peak() -> f64 {
    let among = format!("container:backout-test-{}-0.gateway.db", std::process::id());
    let label = ["--label", "backout.test=1"];
    let look = ["run", "--rm", "--pid", &among, "--user", "65534", label[0], label[1]];
    let status = rig::docker(&[&look[..], &[rig::BASE, "cat", "/proc/1/status"]].concat());
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

fn number(variable: &str, usual: u32) -> u32 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn median(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    f64::midpoint(ratios[(ratios.len() - 1) / 2], ratios[ratios.len() / 2])
}
