//! The gateway's process: listens on its routes, obeys orders from standard input, reports on standard
//! output, and ends when nobody gives orders any more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::board::Board;
use super::control::{Numbered, Order, Protocol, Report, Route, Weather};
use super::route::{Cut, Routed};
use super::smtp;

/// Runs the gateway until its standard input ends.
///
/// # Errors
/// When a port cannot be listened on.
pub async fn serve(routes: Vec<Route>) -> std::io::Result<()> {
    let (reports, said) = mpsc::unbounded_channel();
    let board = Arc::new(Board::new(reports));
    let mut gateway = Gateway { board: board.clone(), routes: Vec::new(), faults: BTreeMap::new() };
    for route in routes {
        let server = server(&route).await?;
        let listener = TcpListener::bind(("0.0.0.0", route.port)).await?;
        gateway.open(route, listener, server);
    }
    board.say(Report::Ready);
    let speaking = tokio::spawn(speak(said, tokio::io::stdout()));
    gateway.obey(BufReader::new(tokio::io::stdin())).await;
    speaking.abort();
    Ok(())
}

/// Where what a route leads to is reached: mail to the outside goes no further than here.
async fn server(route: &Route) -> std::io::Result<String> {
    if route.protocol == Protocol::Smtp && route.outside.is_some() {
        return Ok(smtp::sink().await?.to_string());
    }
    Ok(format!("{}:{}", route.service, route.port))
}

async fn speak(mut said: mpsc::UnboundedReceiver<Report>, mut out: impl AsyncWrite + Unpin) {
    let mut lines = Vec::new();
    while let Some(report) = said.recv().await {
        lines.clear();
        push(&mut lines, &report);
        while let Ok(report) = said.try_recv() {
            push(&mut lines, &report);
        }
        if out.write_all(&lines).await.is_err() || out.flush().await.is_err() {
            return;
        }
    }
}

fn push(lines: &mut Vec<u8>, report: &Report) {
    lines.extend(serde_json::to_vec(report).unwrap_or_default());
    lines.push(b'\n');
}

/// All routes, and the weather that was made.
struct Gateway {
    board: Arc<Board>,
    routes: Vec<Arc<Routed>>,
    /// The service of each fault.
    faults: BTreeMap<u32, String>,
}

impl Gateway {
    fn open(&mut self, route: Route, listener: TcpListener, server: String) {
        let routed = Arc::new(Routed::new(route, self.board.clone()));
        tokio::spawn(routed.clone().listen(listener, server));
        self.routes.push(routed);
    }

    async fn obey(&mut self, orders: impl AsyncBufRead + Unpin) {
        let mut lines = orders.lines();
        while let Ok(Some(line)) = lines.next_line().await {
            match serde_json::from_str::<Numbered>(&line) {
                Ok(Numbered { number, order }) => {
                    let report = match self.carry_out(order) {
                        Ok(evidence) => Report::Done { number, evidence, counts: self.board.counts() },
                        Err(why) => Report::Failed { number, why },
                    };
                    self.board.say(report);
                }
                Err(error) => self.board.say(Report::Note(format!("an order was not understood: {error}"))),
            }
        }
    }

    fn carry_out(&mut self, order: Order) -> Result<String, String> {
        match order {
            Order::Begin { record, apart } => {
                self.thaw();
                self.board.begin(record, apart);
                Ok(String::new())
            }
            Order::Hold { mark, within_ms } => {
                self.routes(&mark.service)?;
                self.board.want(mark, Duration::from_millis(within_ms))?;
                Ok(String::new())
            }
            Order::Release => {
                self.thaw();
                Ok(String::new())
            }
            Order::Sever => {
                let severed: usize = self.routes.iter().map(|route| route.sever_held()).sum();
                Ok(format!("{severed} held connections were reset"))
            }
            Order::Inject { fault, service, weather } => self.inject(fault, service, &weather),
            Order::Heal { fault } => self.heal(fault),
            Order::Count => Ok(String::new()),
        }
    }

    fn thaw(&self) {
        self.routes.iter().for_each(|route| route.thaw());
    }

    fn routes(&self, service: &str) -> Result<Vec<&Arc<Routed>>, String> {
        let routes: Vec<_> = self.routes.iter().filter(|route| route.route.service == service).collect();
        if routes.is_empty() {
            return Err(format!("no route leads to {service}"));
        }
        Ok(routes)
    }

    fn inject(&mut self, fault: u32, service: String, weather: &Weather) -> Result<String, String> {
        let routes = self.routes(&service)?;
        let open: usize = routes.iter().map(|route| route.open()).sum();
        if let Weather::Cut { reset } = weather {
            let how = if *reset { Cut::Reset } else { Cut::Fin };
            let cut: usize = routes.iter().map(|route| route.cut(how)).sum();
            return Ok(format!("{cut} connections to {service} were ended"));
        }
        for route in &routes {
            route.sky.inject(fault, weather.clone())?;
        }
        self.faults.insert(fault, service.clone());
        Ok(format!("in force for {open} open connections to {service} and all new ones"))
    }

    fn heal(&mut self, fault: u32) -> Result<String, String> {
        let Some(service) = self.faults.remove(&fault) else {
            return Ok("there was nothing to end".to_owned());
        };
        let acted: u64 = self.routes(&service)?.iter().filter_map(|route| route.sky.heal(fault)).sum();
        Ok(format!("it acted {acted} times"))
    }
}
