//! One socket, read by one pump and written by both.

use std::io;

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, Shutdown};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

/// A connected socket.
pub(super) struct Wire {
    stream: TcpStream,
    /// Held while bytes that belong together are written.
    writing: Mutex<()>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Without it the socket works, only slower.
        let _ = stream.set_nodelay(true);
        Self { stream, writing: Mutex::default() }
    }

    /// Adds what has arrived to the buffer's free room; 0 at the end.
    pub(super) async fn read(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        loop {
            self.stream.readable().await?;
            match self.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }

    fn try_read(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let room = buffer.capacity() - buffer.len();
        let mut read = 0;
        let tried = self.stream.try_io(Interest::READABLE, || {
            (_, read) = rustix::net::recv(&self.stream, spare_capacity(buffer), RecvFlags::empty())?;
            // Less than there was room for: there is no more now. To say so here saves asking for it.
            let is_all = read > 0 && read < room;
            if is_all { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(read) }
        });
        if read > 0 { Ok(read) } else { tried }
    }

    pub(super) async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        let _writing = self.writing.lock().await;
        while !bytes.is_empty() {
            match self.stream.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stream.writable().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Nothing more will be written.
    pub(super) fn end(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(&self.stream, Shutdown::Write)?)
    }

    /// It will be closed by a reset.
    pub(super) fn reset(&self) {
        // A socket that is gone needs none.
        let _ = self.stream.set_zero_linger();
    }
}
