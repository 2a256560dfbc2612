//! A line to a server that can be cut as a killed client's is: the library that speaks the protocol says
//! good-bye whenever a connection is dropped.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Carries the bytes of one connection.
pub(super) struct Line {
    /// Where the connection is taken.
    pub(super) address: SocketAddr,
    carrying: JoinHandle<()>,
}

impl Line {
    /// A line to a server that answers.
    pub(super) async fn to(server: SocketAddr) -> io::Result<Self> {
        let mut server = TcpStream::connect(server).await?;
        server.set_nodelay(true)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let carrying = tokio::spawn(async move {
            let Ok((mut client, _)) = listener.accept().await else { return };
            // How a connection ends is seen by the one who holds it.
            let _ = client.set_nodelay(true);
            let _ = copy_bidirectional(&mut client, &mut server).await;
        });
        Ok(Self { address, carrying })
    }

    /// Closes the server's socket: nothing more is sent.
    pub(super) async fn cut(self) {
        self.carrying.abort();
        // It has ended, one way or the other.
        let _ = self.carrying.await;
    }
}
