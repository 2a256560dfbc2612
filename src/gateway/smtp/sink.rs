//! A server that takes every mail and passes none on: what stands behind a gateway for mail to the outside.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::content::Lines;

/// The longest line of a command, in bytes. RFC 5321 asks for 512.
const LINE: usize = 4096;

/// Takes mail for as long as the process lives; returns where.
///
/// # Errors
/// When no port can be listened on.
pub(in crate::gateway) async fn sink() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((client, _)) => drop(tokio::spawn(take(client))),
                // Out of file descriptors: some will be given back.
                Err(_) => tokio::task::yield_now().await,
            }
        }
    });
    Ok(address)
}

/// One conversation. Who breaks it off has said all that there is to hear.
async fn take(client: TcpStream) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let mut envelope = Envelope::default();
    client.write_all(b"220 backout takes mail and passes none on\r\n").await?;
    let mut line = Vec::new();
    loop {
        line.clear();
        if command(&mut client, &mut line).await? == 0 {
            return Ok(());
        }
        let reply = envelope.reply(&line);
        client.write_all(reply.as_bytes()).await?;
        match &reply[..3] {
            "354" => {
                content(&mut client).await?;
                envelope = Envelope::default();
                client.write_all(b"250 2.0.0 taken\r\n").await?;
            }
            "221" => return Ok(()),
            _ => {}
        }
    }
}

/// Reads a line; what is longer than any command ends the conversation.
async fn command(client: &mut BufReader<TcpStream>, line: &mut Vec<u8>) -> std::io::Result<usize> {
    use tokio::io::AsyncReadExt;
    let read = client.take(LINE as u64).read_until(b'\n', line).await?;
    if read == LINE {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    Ok(read)
}

async fn content(client: &mut BufReader<TcpStream>) -> std::io::Result<()> {
    let mut lines = Lines::default();
    loop {
        let bytes = client.fill_buf().await?;
        if bytes.is_empty() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let (taken, over) = lines.take(bytes, |_| {});
        client.consume(taken);
        if over {
            return Ok(());
        }
    }
}

/// What of a mail has been said before its content.
#[derive(Debug, Default)]
struct Envelope {
    sender: bool,
    recipient: bool,
}

impl Envelope {
    /// The reply to a command.
    fn reply(&mut self, line: &[u8]) -> &'static str {
        let text = String::from_utf8_lossy(line.trim_ascii()).to_ascii_uppercase();
        let word = text.split([' ', ':']).next().unwrap_or_default();
        match word {
            "EHLO" => {
                *self = Self::default();
                "250-backout\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"
            }
            "HELO" => {
                *self = Self::default();
                "250 backout\r\n"
            }
            "MAIL" if !text.starts_with("MAIL FROM:") => "501 5.5.4 MAIL FROM:<address>\r\n",
            "MAIL" if self.sender => "503 5.5.1 a mail is under way\r\n",
            "MAIL" => {
                self.sender = true;
                "250 2.1.0 ok\r\n"
            }
            "RCPT" if !text.starts_with("RCPT TO:") => "501 5.5.4 RCPT TO:<address>\r\n",
            "RCPT" if !self.sender => "503 5.5.1 MAIL first\r\n",
            "RCPT" => {
                self.recipient = true;
                "250 2.1.5 ok\r\n"
            }
            "DATA" if !self.recipient => "503 5.5.1 RCPT first\r\n",
            "DATA" => "354 go on, end with a line that is a dot\r\n",
            "RSET" => {
                *self = Self::default();
                "250 2.0.0 ok\r\n"
            }
            "NOOP" => "250 2.0.0 ok\r\n",
            "VRFY" => "252 2.5.2 it will be taken\r\n",
            "QUIT" => "221 2.0.0 bye\r\n",
            _ => "502 5.5.1 not here\r\n",
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn talk(said: &str) -> String {
        let mut client = TcpStream::connect(sink().await.unwrap()).await.unwrap();
        client.write_all(said.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        let mut heard = String::new();
        client.read_to_string(&mut heard).await.unwrap();
        heard
    }

    fn codes(heard: &str) -> Vec<&str> {
        heard.lines().filter(|line| line.as_bytes()[3] == b' ').map(|line| &line[..3]).collect()
    }

    #[tokio::test]
    async fn a_mail_is_taken_and_the_next_one_begins_anew() {
        let heard = talk(
            "EHLO x\r\nmail from:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nSubject: s\r\n\r\n..\r\n.\r\nDATA\r\nRSET\r\nNOOP\r\nQUIT\r\n",
        )
        .await;
        assert_eq!(
            codes(&heard),
            ["220", "250", "250", "250", "354", "250", "503", "250", "250", "221"],
            "{heard}"
        );
    }

    #[tokio::test]
    async fn commands_out_of_order_and_unknown_ones_are_refused() {
        let heard =
            talk("RCPT TO:<b@y>\r\nDATA\r\nMAIL x\r\nMAIL FROM:<a@x>\r\nMAIL FROM:<a@x>\r\nSTARTTLS\r\n")
                .await;
        assert_eq!(codes(&heard), ["220", "503", "503", "501", "250", "503", "502"], "{heard}");
        let long = format!("NOOP {}\r\n", "x".repeat(LINE));
        let mut client = TcpStream::connect(sink().await.unwrap()).await.unwrap();
        client.write_all(long.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        // It may be a reset: there is more to read than was read.
        let _ = client.read_to_end(&mut heard).await;
        assert!(heard.len() < 60, "nothing but the greeting");
    }
}
