//! A registry with one small image, behind a login.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

pub(super) struct Registry {
    pub(super) address: SocketAddr,
    /// The digest of its one manifest.
    pub(super) digest: String,
    asked: Arc<AtomicUsize>,
}

type Blobs = BTreeMap<String, (&'static str, Vec<u8>)>;

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

impl Registry {
    /// Serves `shop/api:v1` to whoever has the login.
    pub(super) async fn start(user: &str, password: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (blobs, digest) = image();
        let (blobs, asked) = (Arc::new(blobs), Arc::new(AtomicUsize::new(0)));
        let login = format!("Basic {}", encode(format!("{user}:{password}").as_bytes()));
        let counted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&blobs), login.clone(), Arc::clone(&counted)));
            }
        });
        Self { address, digest, asked }
    }

    /// How often a manifest was asked for.
    pub(super) fn manifests(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn serve(stream: TcpStream, blobs: Arc<Blobs>, login: String, asked: Arc<AtomicUsize>) {
    let mut stream = BufReader::new(stream);
    while let Some((method, path, authorization)) = request(&mut stream).await {
        let name = path.rsplit('/').next().unwrap_or_default();
        let (head, body) = if authorization.as_deref() != Some(login.as_str()) {
            ("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"test\"".to_owned(), b"{}".to_vec())
        } else if path == "/v2/" {
            ("200 OK".to_owned(), b"{}".to_vec())
        } else if let Some((kind, bytes)) = blobs.get(name) {
            asked.fetch_add(usize::from(path.contains("/manifests/")), Ordering::SeqCst);
            (
                format!("200 OK\r\nContent-Type: {kind}\r\nDocker-Content-Digest: {}", digest(bytes)),
                bytes.clone(),
            )
        } else {
            ("404 Not Found".to_owned(), b"{}".to_vec())
        };
        let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len());
        drop(stream.write_all(head.as_bytes()).await);
        if method != "HEAD" {
            drop(stream.write_all(&body).await);
        }
    }
}

/// Method, path and Authorization of the next request.
async fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, String, Option<String>)> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|length| *length > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut authorization = None;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok()?;
        match header.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                authorization = Some(value.to_owned());
            }
            Some(_) => {}
            None => return Some((method, path, authorization)),
        }
    }
}

/// An image with one file.
fn image() -> (Blobs, String) {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    tar.append_data(&mut header, "hello", b"hello".as_slice()).unwrap();
    let layer = tar.into_inner().unwrap();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/hello"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        "history": [{"created_by": "test"}],
    });
    let config = serde_json::to_vec(&config).unwrap();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": config.len(), "digest": digest(&config),
        },
        "layers": [{
            "mediaType": "application/vnd.docker.image.rootfs.diff.tar",
            "size": layer.len(), "digest": digest(&layer),
        }],
    });
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let own = digest(&manifest);
    let octets = "application/octet-stream";
    let blobs = [
        (digest(&config), (octets, config)),
        (digest(&layer), (octets, layer)),
        (own.clone(), (MANIFEST, manifest.clone())),
        ("v1".to_owned(), (MANIFEST, manifest)),
    ];
    (blobs.into(), own)
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn encode(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let number =
            (0..3).fold(0usize, |sum, index| sum << 8 | usize::from(*three.get(index).unwrap_or(&0)));
        let letter = |index: usize| {
            if index > three.len() { '=' } else { LETTERS[number >> (18 - 6 * index) & 63] as char }
        };
        (0..4).map(letter).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}
