//! A gateway on an engine: who meets it, who does not, what it holds.

use std::time::{Duration, Instant};

use backout::gateway::call::Field;
use backout::gateway::control::{Mark, Order, Protocol, Report, Route, Side, Weather, What};
use backout::plan::model::Gateway as Wanted;
use backout::stage::docker::Options;
use backout::stage::{Gateway, OneShot, Stage};
use tokio::sync::mpsc::UnboundedReceiver;

use super::rig::{docker, options, project, read, shell, with_remote_stage, with_stage, words};

/// Says each line that it gets on its output, and back.
const ECHO: &str = "exec perl -MIO::Socket::INET -e '$| = 1; $s = IO::Socket::INET->new(LocalPort => 7000, \
                    Listen => 9, ReuseAddr => 1) or die; while ($c = $s->accept) { next if fork; \
                    $a = $c->peerhost; while (<$c>) { print \"$a $_\"; print $c \"you said $_\" } exit }'";

/// Sends a line for each argument and prints what comes back.
const CALL: &str = "until exec 3<>/dev/tcp/echo/7000; do :; done; for w in \"$@\"; do echo $w >&3; \
                    read -t 20 -u 3 a || exit 7; echo $a; done";

fn call(client: &str, lines: &[&str]) -> OneShot {
    let command = [&["bash", "-c", CALL, "call"], lines].concat();
    OneShot { service: client.to_owned(), command: Some(words(&command)), ..OneShot::default() }
}

fn gatewayed() -> Options {
    let route = Route { service: "echo".to_owned(), port: 7000, protocol: Protocol::Tcp, outside: None };
    let wanted = Wanted { routes: vec![route], clients: ["client".to_owned()].into(), ..Wanted::default() };
    Options { gateways: [("echo".to_owned(), wanted)].into(), ..options() }
}

fn services() -> backout::compose::Project {
    project(vec![("echo", shell(ECHO)), ("client", shell("sleep 1000")), ("other", shell("sleep 1000"))])
}

fn mark(what: What) -> Order {
    let mark = Mark { service: "echo".to_owned(), what, side: Side::Before, all: false };
    Order::Hold { mark, within_ms: 60_000 }
}

async fn next(reports: &mut UnboundedReceiver<Report>) -> Report {
    tokio::time::timeout(Duration::from_secs(20), reports.recv()).await.unwrap().unwrap()
}

async fn said(stage: &dyn Stage, request: &OneShot) -> (Vec<String>, i64) {
    let (lines, code) = read(stage.run_once(request).await.unwrap()).await;
    (lines.into_iter().map(|line| line.text).collect(), code)
}

#[tokio::test]
async fn only_the_named_client_meets_the_gateway() {
    with_stage(services(), gatewayed(), |stage, _| async move {
        stage.up(Duration::from_secs(30)).await.unwrap();
        let gateway = stage.gateway("echo").unwrap();
        assert!(stage.gateway("client").is_none());
        let (lines, code) = said(&stage, &call("other", &["direct"])).await;
        assert_eq!((lines, code), (vec!["you said direct".to_owned()], 0));
        let counts = gateway.order(Order::Count).await.unwrap().counts;
        assert!(counts.is_empty(), "{counts:?}");
        let (lines, code) = said(&stage, &call("client", &["a", "b"])).await;
        assert_eq!((lines, code), (vec!["you said a".to_owned(), "you said b".to_owned()], 0));
        let counts = gateway.order(Order::Count).await.unwrap().counts;
        assert_eq!((counts[0].connections, counts[0].bytes), (1, 4));
        let instances = stage.inspect().await.unwrap();
        assert_eq!(instances.keys().collect::<Vec<_>>(), ["client", "echo", "other"]);
    })
    .await;
}

/// A mail by hand, in step with the replies, to a name that no service has.
const MAIL: &str = "until exec 3<>/dev/tcp/mail/25; do :; done; hear() { read -t 20 -u 3 a || exit 7; echo $a; }; \
                    hear; for w in 'HELO me' 'MAIL FROM:<a@x>' 'RCPT TO:<b@y>' DATA; do echo $w >&3; hear; done; \
                    printf 'X-Order: 7\\r\\n\\r\\nsecret\\r\\n.\\r\\n' >&3; hear; echo QUIT >&3; hear";

#[tokio::test]
async fn mail_goes_no_further_than_the_gateway_which_tells_of_it() {
    let fields = [Field::Header("X-Order".to_owned())].into();
    let route =
        Route { service: "mail".to_owned(), port: 25, protocol: Protocol::Smtp, outside: Some(fields) };
    let wanted = Wanted { routes: vec![route], clients: ["client".to_owned()].into(), ..Wanted::default() };
    let options = Options { gateways: [("mail".to_owned(), wanted)].into(), ..options() };
    with_stage(services(), options, |stage, _| async move {
        stage.up(Duration::from_secs(30)).await.unwrap();
        let gateway = stage.gateway("mail").unwrap();
        let mut calls = gateway.calls();
        // A service that is up all the time, and not only a container of one step.
        let command = words(&["bash", "-c", MAIL]);
        let process = stage.exec("client", &command).await.unwrap();
        let (lines, code) = read(process).await;
        let codes: Vec<&str> = lines.iter().map(|line| &line.text[..3]).collect();
        assert_eq!((codes, code), (vec!["220", "250", "250", "250", "354", "250", "221"], 0), "{lines:?}");
        let Report::Calling(calling) = next(&mut calls).await else { panic!("no call") };
        assert_eq!((calling.method.as_str(), calling.path.as_str()), ("MAIL", "b@y"));
        let Report::Called(called) = next(&mut calls).await else { panic!("no end") };
        let content = called.content.unwrap();
        assert_eq!((called.number, called.status, content.bytes), (calling.number, Some(250), 22));
        let told: Vec<&str> = content.fields.values().map(String::as_str).collect();
        assert_eq!(told, ["7", "a@x"]);
    })
    .await;
}

async fn hold_at_a_byte(stage: &dyn Stage) {
    stage.up(Duration::from_secs(30)).await.unwrap();
    let gateway = stage.gateway("echo").unwrap();
    let mut reports = gateway.listen();
    gateway.order(Order::Begin { record: false, apart: Default::default() }).await.unwrap();
    gateway.order(mark(What::Bytes(6))).await.unwrap();
    let mut process = stage.run_once(&call("client", &["one", "two", "three"])).await.unwrap();
    let held = loop {
        match next(&mut reports).await {
            Report::Held(held) => break held,
            Report::Note(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((held.connection, held.count.bytes), (1, 6));
    gateway.order(Order::Sever).await.unwrap();
    assert_eq!(process.wait().await.unwrap().exit_code, 7);
    let heard = stage.tail("echo", 10).await.unwrap().join("|");
    assert!(heard.contains("one") && !heard.contains("two"), "{heard}");
}

#[tokio::test]
async fn what_is_held_back_never_reaches_the_server() {
    with_stage(services(), gatewayed(), |stage, _| async move { hold_at_a_byte(&stage).await }).await;
}

#[tokio::test]
async fn a_gateway_works_on_an_engine_elsewhere() {
    with_remote_stage(services(), gatewayed(), |stage| async move { hold_at_a_byte(&stage).await }).await;
}

async fn inject(gateway: &dyn Gateway, weather: Weather) -> String {
    let order = Order::Inject { fault: 1, service: "echo".to_owned(), weather };
    gateway.order(order).await.unwrap().evidence
}

#[tokio::test]
async fn faults_on_the_wire_heal_and_a_dead_gateway_comes_back_without_them() {
    let options = gatewayed();
    let name = format!("backout-{}.gateway.echo", options.run);
    with_stage(services(), options, |stage, _| async move {
        stage.up(Duration::from_secs(30)).await.unwrap();
        let gateway = stage.gateway("echo").unwrap();
        let refused = inject(&*gateway, Weather::Refuse).await;
        assert!(refused.contains("in force"), "{refused}");
        assert_eq!(said(&stage, &call("client", &["x"])).await.1, 7);
        let healed = gateway.order(Order::Heal { fault: 1 }).await.unwrap().evidence;
        assert_eq!(healed, "it acted 1 times");
        assert_eq!(said(&stage, &call("client", &["x"])).await.1, 0);
        inject(&*gateway, Weather::Refuse).await;
        docker(&["kill", &name]);
        docker(&["wait", &name]);
        let healed = gateway.order(Order::Heal { fault: 1 }).await.unwrap().evidence;
        assert!(healed.contains("started anew"), "{healed}");
        assert_eq!(said(&stage, &call("client", &["x"])).await.1, 0);
    })
    .await;
}

#[tokio::test]
async fn weather_slows_stops_and_cuts_what_passes_and_heals() {
    with_stage(services(), gatewayed(), |stage, _| async move {
        stage.up(Duration::from_secs(30)).await.unwrap();
        let gateway = stage.gateway("echo").unwrap();
        let began = Instant::now();
        inject(&*gateway, Weather::Delay { ms: 400, jitter_ms: 0 }).await;
        assert_eq!(said(&stage, &call("client", &["slow"])).await.1, 0);
        // There and back.
        assert!(began.elapsed() >= Duration::from_millis(800), "{:?}", began.elapsed());
        gateway.order(Order::Heal { fault: 1 }).await.unwrap();

        let evidence = inject(&*gateway, Weather::Blackhole).await;
        assert!(evidence.contains("in force"), "{evidence}");
        let mut process = stage.run_once(&call("client", &["lost", "found"])).await.unwrap();
        // It is connected and waits: nothing has come back, and nothing has been closed.
        while gateway.order(Order::Count).await.unwrap().counts.iter().all(|count| count.connections < 2) {}
        assert!(process.is_running().await.unwrap());
        assert!(!stage.tail("echo", 10).await.unwrap().join("|").contains("lost"));
        gateway.order(Order::Heal { fault: 1 }).await.unwrap();
        let (lines, code) = read(process).await;
        assert_eq!((lines.len(), code), (2, 0), "what waited went on");

        gateway.order(Order::Begin { record: false, apart: Default::default() }).await.unwrap();
        gateway.order(mark(What::Bytes(4))).await.unwrap();
        let mut process = stage.run_once(&call("client", &["one", "two"])).await.unwrap();
        gateway.held().await.unwrap();
        let evidence = inject(&*gateway, Weather::Cut { reset: true }).await;
        // The one before may not be quite gone.
        assert!(evidence.ends_with("connections to echo were ended"), "{evidence}");
        assert!(!evidence.starts_with("0 "), "{evidence}");
        assert_eq!(process.wait().await.unwrap().exit_code, 7);
    })
    .await;
}
