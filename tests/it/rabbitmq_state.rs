//! What is captured of a real RabbitMQ: queues and messages one by one, and everything that defines them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use backout::gateway::control::Protocol;
use backout::http::{Login, fetch_as};
use backout::plan::model::HttpCall;
use backout::stage::Stage;
use backout::state::compare::{StoreDifferences, compare};
use backout::state::gather::{Keeping, LeftOut, Wanted};
use backout::state::model::{Depth, StoreCapture};
use backout::state::rabbitmq::{Management, Scope, capture, depth};
use backout::state::rows::{RowDifference, diff};

use crate::support::wire::{Cast, Wire, with_cast};

const PORT: u16 = 15672;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The management interface as a user sees it.
struct Broker<'b> {
    address: SocketAddr,
    user: &'b str,
    password: &'b str,
}

#[async_trait]
impl Management for Broker<'_> {
    async fn ask(&self, path: &str, body: Option<String>) -> Result<(u16, String), String> {
        self.call(if body.is_some() { "POST" } else { "GET" }, path, body).await
    }
}

impl Broker<'_> {
    async fn call(&self, method: &str, path: &str, body: Option<String>) -> Result<(u16, String), String> {
        let call = HttpCall {
            service: "mq".to_owned(),
            port: PORT,
            method: method.to_owned(),
            path: format!("/api/{path}"),
            headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
            body,
            status: None,
            contains: None,
        };
        let login = Login { user: self.user, password: Some(self.password) };
        let answer = fetch_as(Some(login), self.address, &call, PATIENCE, 64 << 20).await?;
        Ok((answer.status, answer.body))
    }

    /// Does something for each line: `METHOD path body`.
    async fn does(&self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.splitn(3, ' ');
            let (method, path, body) = (words.next().unwrap(), words.next().unwrap(), words.next());
            let body = body.or((method != "DELETE").then_some("{}"));
            let (status, answer) = self.call(method, path, body.map(str::to_owned)).await.unwrap();
            assert!((200..300).contains(&status), "{line}: {status} {answer}");
            assert!(!answer.contains(r#""routed":false"#), "{line}: {answer}");
        }
    }
}

/// What is published, as a line of a script.
fn publish(queue: &str, payload: &str, properties: &str) -> String {
    let payload = serde_json::to_string(payload).unwrap();
    format!(
        r#"POST exchanges/%2F/amq.default/publish {{"routing_key": "{queue}", "payload": {payload}, "payload_encoding": "string", "properties": {properties}}}"#
    )
}

async fn with_broker<F: Future<Output = ()>>(test: impl FnOnce(Wire) -> F) {
    let server = ("mq", PORT, Protocol::Http);
    with_cast(&Cast { server, clients: &[], others: &[], environment: &[] }, test).await;
}

async fn broker(wire: &Wire) -> Broker<'static> {
    let address = wire.stage.address("mq", PORT).await.unwrap();
    Broker { address, user: "app", password: "app" }
}

fn scope() -> Scope {
    Scope { vhost: "/".to_owned(), depth_only: vec!["jobs.*".to_owned()] }
}

async fn capture_into(broker: &Broker<'_>, folder: &Path) -> StoreCapture {
    let keeping = Some(Keeping { folder: folder.to_owned(), room: 1 << 20 });
    capture(broker, "mq", &scope(), &Wanted { keeping, ..Wanted::default() }).await.unwrap()
}

/// What differs after a script, and its rows: table, change, key and columns.
async fn around(broker: &Broker<'_>, script: &str) -> (StoreDifferences, Vec<String>) {
    let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let was = capture_into(broker, before.path()).await;
    broker.does(script).await;
    let is = capture_into(broker, after.path()).await;
    let differ = compare(&was, &is);
    let mut rows = Vec::new();
    for table in differ.tables.iter().map(|one| &one.table) {
        let side =
            |store: &StoreCapture, folder: &Path| store.tables.contains_key(table).then(|| folder.to_owned());
        let (from, to) = (side(&was, before.path()), side(&is, after.path()));
        let counted = diff(table, from.as_deref(), to.as_deref(), &mut |row| {
            rows.push(line(table, &row));
            Ok(())
        });
        counted.unwrap();
    }
    (differ, rows)
}

fn line(table: &str, row: &RowDifference) -> String {
    let columns = row.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(" ");
    format!("{table} {:?} {:?} {columns}", row.change, row.key[0].1)
}

/// Everything but rows that differs, in one line each.
fn besides_rows(differ: &StoreDifferences) -> Vec<String> {
    let schema = differ.schema.iter().map(|one| one.summary());
    schema.chain(differ.leftovers.iter().map(|one| one.summary())).collect()
}

/// Two queues that are read and two that are not, with messages in each.
async fn seed(broker: &Broker<'_>) {
    broker
        .does(
            r#"PUT queues/%2F/orders {"durable": true}
               PUT queues/%2F/mail {"durable": true, "arguments": {"x-message-ttl": 3600000}}
               PUT queues/%2F/jobs.new {"durable": true}
               PUT queues/%2F/ledger {"durable": true, "arguments": {"x-queue-type": "quorum"}}"#,
        )
        .await;
    for number in 1..=3 {
        broker.does(&publish("orders", &format!("{{\"id\": {number}}}"), r#"{"delivery_mode": 2}"#)).await;
    }
    for queue in ["mail", "jobs.new", "ledger"] {
        broker.does(&publish(queue, "one", "{}")).await;
    }
}

/// The server takes its time to come up, so there is one for all that is looked at.
#[tokio::test]
async fn every_message_and_queue_differs_by_what_it_is_and_reading_changes_nothing() {
    with_broker(|wire| async move {
        let broker = broker(&wire).await;
        seed(&broker).await;
        what_a_consumer_holds_counts_and_its_queue_is_not_touched(&wire, &broker).await;
        what_may_not_be_seen_is_an_error_or_said(&broker).await;
        messages_of_a_pattern_are_left_out(&broker).await;
        broker.does("DELETE queues/%2F/orders/contents").await;
        for number in 1..=3 {
            broker
                .does(&publish("orders", &format!("{{\"id\": {number}}}"), r#"{"delivery_mode": 2}"#))
                .await;
        }
        for _ in 0..3 {
            let (differ, rows) = around(&broker, "").await;
            assert_eq!(differ, StoreDifferences::default(), "reading changes nothing: {rows:?}");
        }
        assert_eq!(taken(&broker, "orders", 9).await, [r#"{"id": 1}"#, r#"{"id": 2}"#, r#"{"id": 3}"#]);
        messages_differ(&broker).await;
        definitions_differ(&broker).await;
        what_is_not_read_counts_by_its_depth(&broker).await;
        random_edits_are_found(&broker).await;
    })
    .await;
}

/// Takes messages off a queue, in their order.
async fn taken(broker: &Broker<'_>, queue: &str, count: u32) -> Vec<String> {
    let body = format!(r#"{{"count": {count}, "ackmode": "ack_requeue_false", "encoding": "auto"}}"#);
    let (_, answer) = broker.call("POST", &format!("queues/%2F/{queue}/get"), Some(body)).await.unwrap();
    let messages: Vec<serde_json::Value> = serde_json::from_str(&answer).unwrap();
    messages.iter().map(|message| message["payload"].as_str().unwrap().to_owned()).collect()
}

async fn messages_differ(broker: &Broker<'_>) {
    let bytes = r#"POST exchanges/%2F/amq.default/publish {"routing_key": "orders", "payload": "/wAB", "payload_encoding": "base64", "properties": {}}"#;
    let other = r#"POST exchanges/%2F/amq.default/publish {"routing_key": "orders", "payload": "/wAC", "payload_encoding": "base64", "properties": {}}"#;
    let take =
        r#"POST queues/%2F/orders/get {"count": 1, "ackmode": "ack_requeue_false", "encoding": "auto"}"#;
    let purge = "DELETE queues/%2F/orders/contents";
    let with = |properties: &str| format!("{purge}\n{}", publish("orders", "x", properties));
    let through = r#"POST exchanges/%2F/amq.direct/publish {"routing_key": "new", "payload": "x", "payload_encoding": "string", "properties": {}}"#;
    for (change, row) in [
        (publish("orders", "a", "{}"), r#"mq.orders Extra Value("a") "#),
        (publish("orders", "a", "{}"), r#"mq.orders Extra Value("a") "#),
        (take.to_owned(), r#"mq.orders Missing Value("a") "#),
        (with("{}"), r#"mq.orders Missing Value("a") "#),
        (with(r#"{"headers": {"a": 1}}"#), r#"mq.orders Changed Value("x") properties"#),
        (with(r#"{"headers": {"a": "1"}}"#), r#"mq.orders Changed Value("x") properties"#),
        (with(r#"{"delivery_mode": 2, "priority": 3}"#), r#"mq.orders Changed Value("x") properties"#),
        (with("{}"), r#"mq.orders Changed Value("x") properties"#),
        (
            format!(
                "{purge}\nPOST bindings/%2F/e/amq.direct/q/orders {{\"routing_key\": \"new\"}}\n{through}"
            ),
            r#"mq.orders Changed Value("x") exchange routing_key"#,
        ),
        (format!("{purge}\n{bytes}"), r#"mq.orders Extra Value("/wAB") "#),
        (format!("{purge}\n{other}"), r#"mq.orders Extra Value("/wAC") "#),
        (
            format!("{purge}\n{}", publish("orders", "/wAC", "{}")),
            r#"mq.orders Changed Value("/wAC") encoding"#,
        ),
        (publish("mail", "two", "{}"), r#"mq.mail Extra Value("two") "#),
    ] {
        let (_, rows) = around(broker, &change).await;
        assert!(rows.iter().any(|found| found.starts_with(row)), "{change}: {rows:?}");
        assert!(rows.len() <= 2 && rows.iter().all(|found| !found.starts_with("mq ")), "{change}: {rows:?}");
    }
}

async fn definitions_differ(broker: &Broker<'_>) {
    let hash = r#"{"password": "hunter2hunter2", "tags": "management"}"#;
    let changed = r#"{"password": "hunter3hunter3", "tags": "management"}"#;
    let rights = r#"{"configure": "", "write": ".*", "read": ".*"}"#;
    let topic = r#"{"exchange": "amq.topic", "write": "a", "read": ".*"}"#;
    let policy = |limit: u32| {
        format!(
            r#"{{"pattern": "^none", "definition": {{"max-length": {limit}}}, "priority": 1, "apply-to": "queues"}}"#
        )
    };
    for (change, expected) in [
        (
            r#"PUT exchanges/%2F/shop {"type": "topic", "durable": true}"#.to_owned(),
            "exchange shop was not there before",
        ),
        (
            "DELETE exchanges/%2F/shop\nPUT exchanges/%2F/shop {\"type\": \"fanout\", \"durable\": false}"
                .to_owned(),
            "exchange shop: durable true → false, type topic → fanout",
        ),
        (
            r#"POST bindings/%2F/e/shop/q/orders {"routing_key": "new", "arguments": {"a": 1}}"#.to_owned(),
            "binding shop to queue orders by new~",
        ),
        (
            r#"POST bindings/%2F/e/shop/e/amq.topic {"routing_key": "all"}"#.to_owned(),
            "binding shop to exchange amq.topic by all was not there before",
        ),
        (
            "DELETE bindings/%2F/e/shop/e/amq.topic/all".to_owned(),
            "binding shop to exchange amq.topic by all is gone",
        ),
        (format!("PUT policies/%2F/short {}", policy(5)), "policy short was not there before"),
        (
            format!("PUT policies/%2F/short {}", policy(6)),
            r#"policy short: definition {"max-length":5} → {"max-length":6}"#,
        ),
        (
            format!("PUT operator-policies/%2F/short {}", policy(6)),
            "operator policy short was not there before",
        ),
        (
            r#"PUT vhost-limits/%2F/max-queues {"value": 99}"#.to_owned(),
            "parameter vhost-limits limits was not there before",
        ),
        (
            r#"PUT global-parameters/tier {"value": "gold"}"#.to_owned(),
            "parameter global tier was not there before",
        ),
        (format!("PUT users/clerk {hash}"), "role clerk was not there before"),
        (format!("PUT users/clerk {changed}"), "role clerk: tags"),
        (format!("PUT permissions/%2F/clerk {rights}"), "role clerk: tags"),
        (format!("PUT topic-permissions/%2F/clerk {topic}"), "role clerk: tags"),
        ("PUT vhosts/other {\"tags\": \"a\"}".to_owned(), "virtual host other was not there before"),
        ("DELETE vhosts/other".to_owned(), "virtual host other is gone"),
    ] {
        let (differ, rows) = around(broker, &change).await;
        let mut said = besides_rows(&differ);
        // Who makes a virtual host is given rights in it.
        said.retain(|line| !(expected.contains("virtual host") && line.starts_with("role app")));
        assert!(said.len() == 1 && said[0].starts_with(expected), "{change}: {said:?}");
        assert!(rows.is_empty() && !said[0].contains("hunter"), "{change}: {said:?} {rows:?}");
    }
    // A queue is an object, and a row of the store's own table.
    for (change, object, row) in [
        (
            r#"PUT queues/%2F/brief {"durable": false, "arguments": {"x-message-ttl": 1000}}"#,
            "queue brief was not there before",
            r#"mq Extra Value("brief") "#,
        ),
        (
            "DELETE queues/%2F/brief\nPUT queues/%2F/brief {\"durable\": true, \"arguments\": {\"x-message-ttl\": 2000}}",
            "queue brief: arguments {\"x-message-ttl\":1000} → {\"x-message-ttl\":2000}, durable false → true",
            "",
        ),
        ("DELETE queues/%2F/brief", "queue brief is gone", r#"mq Missing Value("brief") "#),
    ] {
        let (differ, rows) = around(broker, change).await;
        assert_eq!(besides_rows(&differ), [object], "{change}");
        assert!(rows.iter().all(|found| found.starts_with(row)) && rows.len() <= 1, "{change}: {rows:?}");
    }
}

async fn what_is_not_read_counts_by_its_depth(broker: &Broker<'_>) {
    let (_, rows) = around(broker, &publish("jobs.new", "two", "{}")).await;
    assert_eq!(rows, [r#"mq Changed Value("jobs.new") messages"#]);
    // The server tells late what a quorum queue holds: nothing is said of it.
    let (differ, _) = around(broker, &publish("ledger", "two", "{}")).await;
    assert_eq!(differ, StoreDifferences::default());
    let fill =
        r#"{"pattern": "^mail", "definition": {"max-length": 100}, "priority": 1, "apply-to": "queues"}"#;
    let (differ, rows) = around(broker, &format!("PUT policies/%2F/mail {fill}")).await;
    assert_eq!(besides_rows(&differ), ["policy mail was not there before"]);
    // Its messages are not taken for gone.
    assert_eq!(rows, [r#"mq Changed Value("mail") messages"#]);
    broker.does("DELETE policies/%2F/mail").await;
}

/// A few messages at random are added or taken, and exactly these are found.
async fn random_edits_are_found(broker: &Broker<'_>) {
    broker.does("DELETE queues/%2F/orders/contents").await;
    let mut random = 7_u32;
    let mut next = move |below: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % below
    };
    let mut held: Vec<String> = Vec::new();
    for round in 0..12 {
        let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let was = capture_into(broker, before.path()).await;
        let mut expected = held.clone();
        for _ in 0..next(5) {
            if next(3) == 0 && !held.is_empty() {
                assert_eq!(taken(broker, "orders", 1).await, [held.remove(0)], "the order is kept");
            } else {
                let body = format!("message {}", next(4));
                broker.does(&publish("orders", &body, "{}")).await;
                held.push(body);
            }
        }
        let is = capture_into(broker, after.path()).await;
        assert_eq!(is.tables["mq.orders"].raw.rows, held.len() as u64, "round {round}");
        let mut lost = held.clone();
        expected.retain(|old| match lost.iter().position(|new| new == old) {
            Some(at) => {
                lost.remove(at);
                false
            }
            None => true,
        });
        if compare(&was, &is).tables.is_empty() {
            assert!(expected.is_empty() && lost.is_empty(), "round {round}: {expected:?} {lost:?}");
            continue;
        }
        let counted = diff("mq.orders", Some(before.path()), Some(after.path()), &mut |_| Ok(()));
        let counted = counted.unwrap();
        assert_eq!((counted.missing, counted.extra), (expected.len() as u64, lost.len() as u64), "{round}");
    }
}

async fn what_a_consumer_holds_counts_and_its_queue_is_not_touched(wire: &Wire, broker: &Broker<'_>) {
    let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let was = capture_into(broker, before.path()).await;
    let deep = async |queue: &str| depth(broker, &scope(), queue).await.unwrap();
    assert_eq!(deep("orders").await, Some(Depth { waiting: 3, held: 0 }));
    assert_eq!(deep("nowhere").await, None);
    let consume = |queue: &'static str, wanted: &'static str| async move {
        let command = ["python3", "/programs/consume.py", queue, wanted].map(str::to_owned);
        let mut consumer = wire.stage.exec("mq", &command).await.unwrap();
        let line = tokio::time::timeout(PATIENCE, consumer.line()).await.unwrap().unwrap();
        assert_eq!(line.text, "holding");
        consumer
    };
    let consumer = consume("orders", "2").await;
    let owner = consume("reply", "exclusive").await;
    assert_eq!(
        deep("orders").await,
        Some(Depth { waiting: 1, held: 2 }),
        "nothing is done until it is acknowledged"
    );
    let is = capture_into(broker, after.path()).await;
    let differ = compare(&was, &is);
    assert_eq!(besides_rows(&differ), ["temporary object exclusive queue reply was not there before"]);
    let mut rows = Vec::new();
    let counted = diff("mq", Some(before.path()), Some(after.path()), &mut |row| {
        rows.push(row);
        Ok(())
    });
    assert_eq!((counted.unwrap().changed, differ.tables.len()), (1, 1));
    assert_eq!(line("mq", &rows[0]), r#"mq Changed Value("orders") messages unacknowledged"#);
    let now: Vec<String> = rows[0].columns.iter().map(|column| format!("{:?}", column.after)).collect();
    assert_eq!(now, [r#"Value("1, not compared: somebody consumes it")"#, r#"Value("2")"#]);
    drop((consumer, owner));
    // The shell that looks for the consumers is none of them.
    let ours = "grep -qs '[c]onsume.py' $process/cmdline && kill ${process#/proc/}";
    wire.inside(&format!("for process in /proc/[0-9]*; do {ours}; done; true")).await;
    gone(broker).await;
    assert_eq!(compare(&was, &capture_into(broker, after.path()).await), StoreDifferences::default());
}

/// Waits until nobody holds messages or owns a queue.
async fn gone(broker: &Broker<'_>) {
    let all_gone = async {
        loop {
            let (_, queues) = broker.call("GET", "queues/%2F?disable_stats=true", None).await.unwrap();
            let totals = "queues/%2F?disable_stats=true&enable_queue_totals=true";
            let (_, depths) = broker.call("GET", totals, None).await.unwrap();
            if !queues.contains("reply") && depths.contains("\"messages_ready\":3") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all_gone).await.unwrap();
}

async fn what_may_not_be_seen_is_an_error_or_said(broker: &Broker<'static>) {
    let user = |name: &str, tag: &str| {
        format!(
            "PUT users/{name} {{\"password\": \"pw\", \"tags\": \"{tag}\"}}\n\
             PUT permissions/%2F/{name} {{\"configure\": \"\", \"write\": \"\", \"read\": \".*\"}}"
        )
    };
    broker.does(&[user("low", "management"), user("maker", "policymaker")].join("\n")).await;
    broker.does("PUT users/blind {\"password\": \"pw\", \"tags\": \"policymaker\"}").await;
    let as_user = |user: &'static str, password: &'static str| Broker { user, password, ..*broker };
    let wanted = Wanted::default();
    let of = |broker: Broker<'static>| {
        let wanted = &wanted;
        async move { capture(&broker, "mq", &scope(), wanted).await }
    };
    for (user, password, words) in [
        ("app", "wrong", "overview: Login failed (status 401)"),
        ("low", "pw", "parameters: User not authorised"),
        ("blind", "pw", "exchanges/%2F: "),
    ] {
        let error = of(as_user(user, password)).await.unwrap_err();
        assert!(error.starts_with(words), "{user}: {error}");
    }
    let captured = of(as_user("maker", "pw")).await.unwrap();
    assert_eq!(captured.leftovers.unseen.len(), 1, "{:?}", captured.leftovers);
    assert!(captured.leftovers.unseen[0].starts_with("users: "), "{:?}", captured.leftovers);
    assert_eq!(captured.tables["mq.orders"].raw.rows, 3);
}

async fn messages_of_a_pattern_are_left_out(broker: &Broker<'_>) {
    let left_out = LeftOut { columns: Vec::new(), keys: vec!["ping*".to_owned()] };
    let except = BTreeMap::from([("mq.orders".to_owned(), left_out)]);
    let wanted = Wanted { except, ..Wanted::default() };
    let mut before = capture(broker, "mq", &scope(), &wanted).await.unwrap();
    for (body, excepted) in [("ping 1", true), ("pong", false)] {
        broker.does(&publish("orders", body, "{}")).await;
        let after = capture(broker, "mq", &scope(), &wanted).await.unwrap();
        let found = compare(&before, &after).tables;
        assert_eq!((found.len(), found[0].excepted), (1, excepted), "{body}");
        before = after;
    }
}
