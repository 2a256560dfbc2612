//! Whether the load generator keeps its time: 5,000 requests a second for ten seconds against a trivial HTTP
//! server on the same machine. Printed: how many were answered, how far 99 of 100 left behind their time
//! (asked: less than 5 ms), latency, and the memory of the whole process, server included (asked: 96 MiB).
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop there")]
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backout::diagnostic::Place;
use backout::http::Kept;
use backout::plan::model::HttpCall;
use backout::plan::traffic::{Mutation, Profile, Read, Request, Traffic};
use backout::run::{CallFailure, Caller};
use backout::traffic::{Clock, Histogram, Ledger, Load, Reply, Service, Turn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const RATE: f64 = 5000.0;
const FOR: Duration = Duration::from_secs(10);

fn main() {
    // `cargo test --benches` builds and calls this too; nothing is measured then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let load = Arc::new(Load {
        traffic: traffic(),
        ledger: Ledger::create(&folder.path().join("ledger.jsonl")).unwrap(),
        service: Arc::new(Direct { address: serve().await, caller: Kept::new().unwrap() }),
        clock: Clock { origin: Instant::now(), origin_ms: 0 },
        seed: "bench".to_owned(),
    });
    let turn = tokio::sync::watch::Sender::new(Turn::Serve);
    let resting = tokio::sync::watch::Sender::new(false);
    let driving = tokio::spawn(Arc::clone(&load).drive(turn.subscribe(), resting));
    tokio::time::sleep(FOR).await;
    turn.send_replace(Turn::End);
    let late = driving.await.unwrap().unwrap();
    let (mut behind, mut latency) = (Histogram::default(), Histogram::default());
    late.iter().for_each(|micros| behind.add(*micros));
    let entries = load.ledger.entries();
    entries.iter().filter_map(|entry| entry.took_us).for_each(|micros| latency.add(micros));
    let well = entries.iter().filter(|entry| entry.is_well()).count();
    let millis = |histogram: &Histogram, share| histogram.quantile(share).unwrap_or_default() as f64 / 1000.0;
    println!("requests: {} in {} s, {well} answered well", entries.len(), FOR.as_secs());
    println!("behind their time: p50 {:.2} ms, p99 {:.2} ms", millis(&behind, 0.5), millis(&behind, 0.99));
    println!("latency: p50 {:.2} ms, p99 {:.2} ms", millis(&latency, 0.5), millis(&latency, 0.99));
    println!("memory: {}", memory());
}

/// The most memory that the process held at once, as the kernel says it.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default().trim().to_owned()
}

/// Answers everything with 201.
async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket));
        }
    });
    address
}

async fn answer(mut socket: TcpStream) {
    let mut request = vec![0; 4096];
    while socket.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
        let answer = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}";
        if socket.write_all(answer).await.is_err() {
            return;
        }
    }
}

struct Direct {
    address: SocketAddr,
    caller: Kept,
}

#[async_trait]
impl Service for Direct {
    async fn send(&self, request: &Request, limit: Duration) -> Reply {
        let Request::Http(call) = request else { return Reply::NotSent("no SQL here".to_owned()) };
        match self.caller.call(self.address, call, limit).await {
            Ok(answer) => Reply::Answered { status: answer.status, body: answer.body },
            Err(CallFailure::NotSent(why)) => Reply::NotSent(why),
            Err(CallFailure::Lost(why)) => Reply::Lost(why),
        }
    }
}

fn call(method: &str, body: Option<&str>) -> Request {
    Request::Http(HttpCall {
        service: "api".to_owned(),
        port: 80,
        method: method.to_owned(),
        path: "/orders/{{key}}".to_owned(),
        headers: [].into(),
        body: body.map(str::to_owned),
        status: None,
        contains: None,
    })
}

fn traffic() -> Traffic {
    let write = Mutation {
        request: call("POST", Some(r#"{"note":"{{word}}"}"#)),
        acknowledged: [].into(),
        refused: [].into(),
        share: 0.0,
        shows: None,
    };
    Traffic {
        name: "orders".to_owned(),
        per_second: RATE,
        profile: Profile::Steady,
        may_fail: None,
        timeout: Duration::from_secs(5),
        key: "{{uuid}}".to_owned(),
        id: None,
        write,
        update: None,
        delete: None,
        read: Read { request: call("GET", None), shows: None, share: 20.0 },
        touches: Vec::new(),
        sessions: [].into(),
        at: Place { file: "bench".to_owned(), line: 1, column: 1 },
    }
}
