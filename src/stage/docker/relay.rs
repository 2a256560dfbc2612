//! A port of a service on an engine elsewhere (S17): a listener on the runner's loopback, and for each
//! connection a command in the service's container that carries it over the engine's own stream.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};

use bollard::container::LogOutput;
use bollard::models::ExecConfig;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::client::{Engine, Input, Output};
use super::lines::Backlog;
use super::{DockerStage, Shared};
use crate::stage::StageError;

/// Carries standard input and output over a connection to a port of its own loopback, with whatever the
/// container has; ends with the connection.
const CARRY: &str = r#"
if command -v socat >/dev/null; then exec socat -t 60 - "TCP:127.0.0.1:$1"; fi
if command -v perl >/dev/null; then exec perl -MIO::Socket::INET -e '
    $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) or exit 9;
    sub carry { my ($in, $out) = @_; while (sysread $in, my $b, 65536) {
        for (my $o = 0; $o < length $b;) { $o += syswrite($out, $b, length($b) - $o, $o) || exit } } }
    if ($p = fork) { carry(\*STDIN, $s); shutdown $s, 1; waitpid $p, 0 }
    else { carry($s, \*STDOUT); kill 9, getppid }' "$1"; fi
if command -v bash >/dev/null; then exec bash -c '
    exec 3<>"/dev/tcp/127.0.0.1/$0" || exit 9
    me=$$; (cat <&3; kill -9 $me) & cat >&3; kill -9 $!' "$1"; fi
exec nc 127.0.0.1 "$1"
"#;

const CAN: &str = "command -v socat || command -v perl || command -v bash || command -v nc";

/// An open relay; it is closed with the stage.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    listener: AbortHandle,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl DockerStage {
    /// The address of a relay to a port of a service; none where the container has nothing to carry
    /// with.
    pub(super) async fn relay(&self, service: &str, port: u16) -> Result<Option<SocketAddr>, StageError> {
        let key = (service.to_owned(), port);
        if let Some(relay) = self.state().relays.get(&key) {
            return Ok(Some(relay.address));
        }
        let Some(container) = self.containers(service).into_iter().next() else { return Ok(None) };
        if !can_carry(self.engine(), &container).await? {
            return Ok(None);
        }
        let fail = |error: std::io::Error| {
            StageError::new("listen for", format!("service {service}"), error.to_string())
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        let task = tokio::spawn(listen(listener, Arc::downgrade(&self.0), service.to_owned(), port));
        let relay = Relay { address, listener: task.abort_handle() };
        Ok(Some(self.state().relays.entry(key).or_insert(relay).address))
    }
}

async fn listen(listener: TcpListener, stage: Weak<Shared>, service: String, port: u16) {
    while let Ok((stream, _)) = listener.accept().await {
        let Some(stage) = stage.upgrade().map(DockerStage) else { return };
        // A deploy may have made another container since.
        let Some(container) = stage.containers(&service).into_iter().next() else { continue };
        let engine = stage.engine().clone();
        tokio::spawn(async move {
            // What goes wrong closes the connection: that is all its other end can see.
            drop(carry(&engine, &container, port, stream).await);
        });
    }
}

async fn carry(engine: &Engine, container: &str, port: u16, stream: TcpStream) -> Result<(), StageError> {
    let command = ["sh", "-c", CARRY, "sh", &port.to_string()].map(str::to_owned);
    let config = ExecConfig {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        cmd: Some(command.to_vec()),
        ..ExecConfig::default()
    };
    let id = engine.create_exec(container, config).await?;
    let (output, input) = engine.start_exec_with_input(&id, container).await?;
    let (read, write) = stream.into_split();
    let up = tokio::spawn(send(read, input));
    receive(output, write).await;
    up.abort();
    Ok(())
}

async fn send(mut from: OwnedReadHalf, mut input: Input) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        if input.write_all(&piece[..length]).await.is_err() {
            return;
        }
        drop(input.flush().await);
    }
    drop(input.shutdown().await);
    // The stream carries both directions: it must not be closed before the answer has come.
    std::future::pending::<()>().await;
}

async fn receive(mut output: Output, mut to: OwnedWriteHalf) {
    while let Some(Ok(piece)) = output.next().await {
        if let LogOutput::StdOut { message } = piece
            && to.write_all(&message).await.is_err()
        {
            return;
        }
    }
}

async fn can_carry(engine: &Engine, container: &str) -> Result<bool, StageError> {
    let command = ["sh", "-c", CAN].map(str::to_owned);
    let config =
        ExecConfig { attach_stdout: Some(true), cmd: Some(command.to_vec()), ..ExecConfig::default() };
    let id = engine.create_exec(container, config).await?;
    Backlog::of(engine.start_exec(&id, container).await?).closed().await;
    Ok(engine.inspect_exec(&id, container).await?.exit_code == Some(0))
}
