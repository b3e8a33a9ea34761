//! Sources that misbehave, each on a port of its own: bytes are written by hand, as no HTTP server would.

#![allow(dead_code, reason = "each test uses a part")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How a site answers while it is broken.
#[derive(Debug, Clone)]
pub enum Fault {
    /// These bytes, then the connection ends.
    Says(Vec<u8>),
    /// A body that would be so long; its length is announced, or not.
    Huge { bytes: usize, announced: bool },
    /// One byte a second.
    Drips,
    /// The head of an answer at once, then one byte a second.
    DripsBody,
}

/// A site.
#[derive(Clone)]
pub struct Site {
    /// `http://127.0.0.1:port`.
    pub url: String,
    /// Whether it answers as it should.
    pub mended: Arc<AtomicBool>,
    /// The heads of the requests that it saw.
    pub heads: Arc<Mutex<Vec<String>>>,
    /// Bytes that it could send before the connection ended.
    pub sent: Arc<AtomicU64>,
}

/// A whole answer.
pub fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

impl Site {
    /// Opens a site that answers `good` when it is mended.
    pub async fn open(good: Vec<u8>, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let site = Self {
            url: format!("http://{}", listener.local_addr().expect("bound")),
            mended: Arc::new(AtomicBool::new(true)),
            heads: Arc::default(),
            sent: Arc::default(),
        };
        let here = site.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(here.clone().serve(stream, good.clone(), fault.clone()));
            }
        });
        site
    }

    /// So many requests came.
    pub fn asked(&self) -> usize {
        self.heads.lock().expect("nobody panics with it").len()
    }

    async fn serve(self, mut stream: TcpStream, good: Vec<u8>, fault: Fault) {
        let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read(&mut buffer).await {
                Ok(n) if n > 0 => head.extend_from_slice(buffer.get(..n).unwrap_or_default()),
                _ => return,
            }
        }
        self.heads.lock().expect("nobody panics with it").push(String::from_utf8_lossy(&head).into_owned());
        if self.mended.load(Ordering::SeqCst) {
            self.send(&mut stream, &good).await;
            return;
        }
        match fault {
            Fault::Says(bytes) => _ = self.send(&mut stream, &bytes).await,
            Fault::Huge { bytes, announced } => {
                let length = if announced { format!("Content-Length: {bytes}\r\n") } else { String::new() };
                let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{length}\r\n{{\"items\": [\"");
                let mut goes_on = self.send(&mut stream, head.as_bytes()).await;
                let block = vec![b'x'; 64 * 1024];
                for _ in 0..bytes / block.len() {
                    goes_on = goes_on && self.send(&mut stream, &block).await;
                }
            }
            Fault::Drips => self.drip(&mut stream, &answer("200 OK", "", &[b' '; 4096])).await,
            Fault::DripsBody => {
                let whole = answer("200 OK", "Content-Type: application/json\r\n", &[b' '; 4096]);
                let (head, body) = whole.split_at(whole.len() - 4096);
                if self.send(&mut stream, head).await {
                    self.drip(&mut stream, body).await;
                }
            }
        }
    }

    async fn drip(&self, stream: &mut TcpStream, bytes: &[u8]) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        for byte in bytes {
            tick.tick().await;
            if !self.send(stream, &[*byte]).await {
                return;
            }
        }
    }

    /// Whether the other side still takes it.
    async fn send(&self, stream: &mut TcpStream, bytes: &[u8]) -> bool {
        let sent = stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok();
        self.sent.fetch_add(if sent { bytes.len() as u64 } else { 0 }, Ordering::SeqCst);
        sent
    }
}
