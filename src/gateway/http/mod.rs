//! Reads HTTP/1.1 (RFC 9112) between a client and a server: requests and their responses, one after
//! the other or pipelined, with bodies of any framing.
//!
//! Where two parsers could disagree about the end of a message (both lengths, a folded
//! Transfer-Encoding, a colon behind a space), nothing is guessed: the rest of the conversation is
//! opaque. What every lenient parser reads alike (bare line feeds, other folded fields, empty lines
//! before a message) is read.

mod body;
mod head;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};

use super::call::{Content, Field, Keeper};
use super::reader::{Answer, Ask, Kind, LOOK, Next, Reader, Refusal, Toward, Transaction, text_of};
use body::Body;
use head::{Fields, Request, Scan, Side, Status};

/// How many requests may wait for their responses.
const PIPELINE: usize = 4096;

/// Reads one HTTP/1.1 connection.
#[derive(Debug, Default)]
pub struct Http {
    client: Place,
    server: Place,
    asked: VecDeque<Asked>,
    /// The request whose head has been passed may keep its body back until it hears 100.
    waits: bool,
    refused: bool,
    /// The fields that are kept of requests; none where nothing is.
    keeps: Option<BTreeSet<Field>>,
    /// What is kept of the request that is passing.
    keeper: Option<Keeper>,
    /// What was kept of requests that have passed and were not told of.
    contents: VecDeque<Content>,
}

/// Where one direction is.
#[derive(Debug)]
enum Place {
    /// Before or inside a head.
    Head(Scan),
    /// The head in front, of this length, has been said; what follows it.
    Said(usize, Result<Body, String>),
    /// Inside a body.
    Body(Body),
    /// Behind a final response to a request whose body may or may not come.
    Doubt,
}

impl Default for Place {
    fn default() -> Self {
        Self::Head(Scan::default())
    }
}

/// What has to be known of a request to read its response.
#[derive(Debug, Clone, Copy)]
struct Asked {
    method: Method,
    commits: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Head,
    Connect,
    Other,
}

impl Http {
    /// A connection on which nothing has been said.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, keeping these fields of requests.
    pub fn keeping(fields: BTreeSet<Field>) -> Self {
        Self { keeps: Some(fields), ..Self::default() }
    }

    fn request(&mut self, unread: &[u8]) -> Next {
        let end = match end_of_head(&mut self.client, unread, Side::Request) {
            Ok(end) => end,
            Err(next) => return next,
        };
        if self.asked.len() == PIPELINE {
            return Next::Opaque(format!("more than {PIPELINE} requests without a response"));
        }
        match self.ask(&unread[..end]) {
            Ok(ask) => Next::Ask(ask),
            Err(why) => Next::Opaque(why),
        }
    }

    fn ask(&mut self, head: &[u8]) -> Result<Ask, String> {
        let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let request = head::request_line(line)?;
        let fields = head::fields(head)?;
        let body = body_of_request(&request, &fields)?;
        let commits = !matches!(request.method, b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE");
        let method = match request.method {
            b"HEAD" => Method::Head,
            b"CONNECT" => Method::Connect,
            _ => Method::Other,
        };
        self.asked.push_back(Asked { method, commits });
        self.keeper = self.keeps.as_ref().map(Keeper::new);
        if let Some(keeper) = &mut self.keeper {
            keeper.head(head);
        }
        self.waits = fields.expects && !body.is_over();
        self.client = Place::Said(head.len(), Ok(body));
        let text = text_of(&[request.method, b" ", request.target].concat());
        Ok(Ask { kind: Kind::Request, text, transaction: Transaction::None, commits, rides: false })
    }

    fn response(&mut self, unread: &[u8]) -> Next {
        if self.asked.is_empty() && head::blank(unread) == 0 && unread != b"\r" {
            return Next::Opaque("a response without a request".to_owned());
        }
        let end = match end_of_head(&mut self.server, unread, Side::Response) {
            Ok(end) => end,
            Err(next) => return next,
        };
        let head = &unread[..end];
        let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        match head::status_line(line) {
            Ok(status) if status.code < 200 && status.code != 101 => {
                self.server = Place::default();
                self.waits &= status.code != 100 || self.asked.len() > 1;
                Next::Pass(end)
            }
            Ok(status) => self.answer(&status, head),
            Err(why) => Next::Opaque(why),
        }
    }

    fn answer(&mut self, status: &Status<'_>, head: &[u8]) -> Next {
        let Some(asked) = self.asked.pop_front() else {
            return Next::Opaque("a response without a request".to_owned());
        };
        self.server = Place::Said(head.len(), body_of_response(status, head, asked.method));
        if self.waits && self.asked.is_empty() {
            self.client = Place::Doubt;
        }
        let ok = status.code < 400;
        let reason = text_of(status.reason);
        let said = format!("{} {}", status.code, reason.trim()).trim_end().to_owned();
        Next::Answer(Answer { ok, said, committed: ok && asked.commits })
    }
}

impl Reader for Http {
    fn next(&mut self, toward: Toward, unread: &[u8]) -> Next {
        if self.refused {
            return Next::Drop(unread.len());
        }
        let place = if toward == Toward::Server { &mut self.client } else { &mut self.server };
        let (head, mut body) = match place {
            Place::Head(_) if toward == Toward::Server => return self.request(unread),
            Place::Head(_) => return self.response(unread),
            Place::Doubt => {
                return Next::Opaque("a final response before the body it was to allow".to_owned());
            }
            Place::Said(_, Err(why)) => return Next::Opaque(std::mem::take(why)),
            Place::Said(head, Ok(body)) => (*head, *body),
            Place::Body(body) => (0, *body),
        };
        let keeper = self.keeper.as_mut().filter(|_| toward == Toward::Server);
        let taken = match body.take(&unread[head..], keeper) {
            Ok(taken) => taken,
            Err(_) if head > 0 => 0,
            Err(why) => return Next::Opaque(why),
        };
        *place = if body.is_over() { Place::default() } else { Place::Body(body) };
        if toward == Toward::Server && taken > 0 {
            self.waits = false;
        }
        if toward == Toward::Server && body.is_over() {
            self.contents.extend(self.keeper.take().map(Keeper::end));
        }
        Next::Pass(head + taken)
    }

    fn content(&mut self) -> Option<Content> {
        self.contents.pop_front()
    }

    /// Answers with a whole response of this status, 400 to 599, and closes: what the client sends
    /// from then on, the body of the request included, is dropped, and so is what the server says.
    /// Not possible while the response before is still on its way, because it would be cut in two.
    fn refuse(&mut self, refusal: &Refusal) -> Result<Vec<u8>, String> {
        let code: u16 = refusal.code.parse().map_err(|_| format!("`{}` is no HTTP status", refusal.code))?;
        if !(400..=599).contains(&code) {
            return Err(format!("{code} is no HTTP status of an error (400 to 599)"));
        }
        let (Place::Said(..), [asked]) = (&self.client, self.asked.make_contiguous()) else {
            return Err("no request waits alone for its response".to_owned());
        };
        if !matches!(&self.server, Place::Head(scan) if scan.is_fresh()) {
            return Err("the response before is still on its way".to_owned());
        }
        let body = if asked.method == Method::Head { "" } else { &refusal.message };
        let reason = reason(code);
        let length = refusal.message.len();
        self.asked.clear();
        self.refused = true;
        Ok(format!(
            "HTTP/1.1 {code} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .into_bytes())
    }
}

/// The length of the whole head in front, or what to say instead.
fn end_of_head(place: &mut Place, unread: &[u8], side: Side) -> Result<usize, Next> {
    let Place::Head(scan) = place else {
        return Err(Next::Opaque("a head inside a message".to_owned()));
    };
    let blank = if scan.is_fresh() { head::blank(unread) } else { 0 };
    if blank > 0 {
        return Err(Next::Pass(blank));
    }
    if unread == b"\r" {
        // Half of an empty line. It must not count as the beginning of a head.
        return Err(Next::More);
    }
    let look = &unread[..unread.len().min(LOOK)];
    match scan.find(look, side) {
        Ok(Some(end)) => Ok(end),
        Ok(None) if look.len() == LOOK => Err(Next::Opaque(format!("a head of more than {LOOK} bytes"))),
        Ok(None) => Err(Next::More),
        Err(why) => Err(Next::Opaque(why)),
    }
}

/// RFC 9112, section 6.3, for a request.
fn body_of_request(request: &Request<'_>, fields: &Fields) -> Result<Body, String> {
    match fields {
        Fields { coded: true, .. } if request.old => Err("Transfer-Encoding in HTTP/1.0".to_owned()),
        Fields { chunked: true, .. } => Ok(Body::CHUNKED),
        Fields { coded: true, .. } => Err("a request whose Transfer-Encoding is not chunked".to_owned()),
        Fields { length, .. } => Ok(Body::Length(length.unwrap_or(0))),
    }
}

/// RFC 9112, section 6.3, for a final response.
fn body_of_response(status: &Status<'_>, head: &[u8], method: Method) -> Result<Body, String> {
    if status.code == 101 {
        return Err("the connection has changed to another protocol (101)".to_owned());
    }
    if method == Method::Connect && (200..300).contains(&status.code) {
        return Err("a tunnel (CONNECT)".to_owned());
    }
    if method == Method::Head || matches!(status.code, 204 | 304) {
        return Ok(Body::NONE);
    }
    match head::fields(head)? {
        Fields { coded: true, .. } if status.old => Err("Transfer-Encoding in HTTP/1.0".to_owned()),
        Fields { chunked: true, .. } => Ok(Body::CHUNKED),
        Fields { coded: false, length: Some(length), .. } => Ok(Body::Length(length)),
        Fields { .. } => Ok(Body::UntilClose),
    }
}

/// What RFC 9110 calls the statuses that are likely to be answered on purpose.
fn reason(code: u16) -> &'static str {
    match code {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        409 => "Conflict",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        507 => "Insufficient Storage",
        _ => "Refused",
    }
}
