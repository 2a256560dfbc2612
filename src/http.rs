//! HTTP to staging: the only importer of `reqwest`. No proxy, no redirect, no retry (S17).

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, Method, RequestBuilder, redirect};

use crate::plan::model::HttpCall;
use crate::run::{Answer, CallFailure, Caller};

/// How much of an answer's body is kept, in bytes.
const BODY: usize = 64 << 10;

/// Calls a service at an address.
///
/// # Errors
/// When there is no complete answer within the limit; the cause in words.
pub async fn call(address: SocketAddr, call: &HttpCall, limit: Duration) -> Result<Answer, String> {
    let client = client(0).map_err(|error| words(&error))?;
    let answered = send(&client, address, call, limit, BODY).await;
    answered.map(|(answer, _)| answer).map_err(|error| words(&error))
}

/// Calls a service for the whole of its answer's body, which may have so many bytes.
///
/// # Errors
/// As [`call`]; and when the body is larger.
pub async fn fetch(
    address: SocketAddr,
    call: &HttpCall,
    limit: Duration,
    most: usize,
) -> Result<Answer, String> {
    fetch_as(None, address, call, limit, most).await
}

/// The same as a user with a password.
///
/// # Errors
/// As [`fetch`].
pub async fn fetch_as(
    login: Option<Login<'_>>,
    address: SocketAddr,
    call: &HttpCall,
    limit: Duration,
    most: usize,
) -> Result<Answer, String> {
    let client = client(0).map_err(|error| words(&error))?;
    let request = request(&client, address, call, limit);
    let request = login.into_iter().fold(request, |request, login| login.on(request));
    match answer(request, most).await.map_err(|error| words(&error))? {
        (answer, true) => Ok(answer),
        (_, false) => Err(format!("the answer is larger than {most} bytes")),
    }
}

/// Who calls.
#[derive(Clone, Copy)]
pub struct Login<'l> {
    /// The user.
    pub user: &'l str,
    /// The password.
    pub password: Option<&'l str>,
}

impl Login<'_> {
    fn on(self, request: RequestBuilder) -> RequestBuilder {
        request.basic_auth(self.user, self.password)
    }
}

/// Calls over connections that are kept and used again.
pub struct Kept(Client);

impl Kept {
    /// None is open yet.
    ///
    /// # Errors
    /// When the client cannot be made; the cause in words.
    pub fn new() -> Result<Self, String> {
        client(usize::MAX).map(Self).map_err(|error| words(&error))
    }
}

#[async_trait]
impl Caller for Kept {
    async fn call(
        &self,
        address: SocketAddr,
        call: &HttpCall,
        limit: Duration,
    ) -> Result<Answer, CallFailure> {
        let answered = send(&self.0, address, call, limit, BODY).await.map(|(answer, _)| answer);
        answered.map_err(|error| match error.is_connect() {
            true => CallFailure::NotSent(words(&error)),
            false => CallFailure::Lost(words(&error)),
        })
    }
}

fn client(idle: usize) -> reqwest::Result<Client> {
    let client = Client::builder().no_proxy().redirect(redirect::Policy::none());
    client.retry(reqwest::retry::never()).pool_max_idle_per_host(idle).build()
}

/// The answer, and whether its body is whole.
async fn send(
    client: &Client,
    address: SocketAddr,
    call: &HttpCall,
    limit: Duration,
    most: usize,
) -> reqwest::Result<(Answer, bool)> {
    answer(request(client, address, call, limit), most).await
}

fn request(client: &Client, address: SocketAddr, call: &HttpCall, limit: Duration) -> RequestBuilder {
    let method = Method::from_bytes(call.method.as_bytes()).unwrap_or(Method::GET);
    let request = client.request(method, format!("http://{address}{}", call.path));
    let mut request = request.timeout(limit);
    // The service hears the name by which Compose knows it.
    request = request.header("host", format!("{}:{}", call.service, call.port));
    for (name, value) in &call.headers {
        request = request.header(name, value);
    }
    if let Some(body) = &call.body {
        request = request.body(body.clone());
    }
    request
}

/// The answer to a request, and whether its body is whole.
async fn answer(request: RequestBuilder, most: usize) -> reqwest::Result<(Answer, bool)> {
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    let (mut body, mut is_whole) = (Vec::new(), true);
    while let Some(chunk) = response.chunk().await? {
        let room = most.saturating_sub(body.len());
        is_whole &= chunk.len() <= room;
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok((Answer { status, body: String::from_utf8_lossy(&body).into_owned() }, is_whole))
}

/// The innermost cause says what happened; the outer layers only that something did.
fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("no answer: {cause}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn get(path: &str) -> HttpCall {
        HttpCall {
            service: "api".to_owned(),
            port: 8080,
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers: BTreeMap::from([("x-test".to_owned(), "1".to_owned())]),
            body: None,
            status: None,
            contains: None,
        }
    }

    /// Answers one connection with fixed bytes and returns what it was sent.
    async fn serve(answer: &'static str) -> (SocketAddr, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = socket.read(&mut request).await.unwrap();
            socket.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        (address, heard)
    }

    #[tokio::test]
    async fn s17_a_redirect_is_an_answer_and_the_host_is_the_service() {
        let (address, heard) =
            serve("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 2\r\n\r\nhi").await;
        let answer = call(address, &get("/x?y=1"), Duration::from_secs(5)).await.unwrap();
        assert_eq!(answer, Answer { status: 302, body: "hi".to_owned() });
        let heard = heard.await.unwrap().to_lowercase();
        assert!(heard.starts_with("get /x?y=1 http/1.1"), "{heard}");
        assert!(heard.contains("host: api:8080\r\n") && heard.contains("x-test: 1\r\n"), "{heard}");
    }

    #[tokio::test]
    async fn a_closed_port_and_half_an_answer_are_told_apart_from_a_status() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = listener.local_addr().unwrap();
        drop(listener);
        let error = call(closed, &get("/"), Duration::from_secs(5)).await.unwrap_err();
        assert!(error.contains("Connection refused"), "{error}");
        let (address, _heard) = serve("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf").await;
        assert!(call(address, &get("/"), Duration::from_secs(5)).await.is_err());
    }

    #[tokio::test]
    async fn a_body_that_is_wanted_whole_is_never_cut() {
        let of = |most| async move {
            let (address, _heard) = serve("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
            fetch(address, &get("/"), Duration::from_secs(5), most).await.map(|answer| answer.body)
        };
        assert_eq!(of(5).await, Ok("hello".to_owned()));
        assert_eq!(of(4).await, Err("the answer is larger than 4 bytes".to_owned()));
    }

    #[tokio::test]
    async fn silence_ends_at_the_limit() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let error = call(address, &get("/"), Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(error, "no answer in time");
    }
}
