//! Servers that answer with exactly the bytes that a test gives, right or wrong.

use std::future::Future;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server on a free port of loopback; gone with its test's runtime.
pub(super) struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Reads a request, hands the connection over; each connection takes one request.
    pub(super) async fn with<F, W>(answer: F) -> Self
    where
        F: Fn(TcpStream) -> W + Send + Sync + 'static,
        W: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (requests.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (seen, answer) = (seen.clone(), answer.clone());
                tokio::spawn(async move {
                    let request = read_request(&mut stream).await;
                    seen.lock().expect("not poisoned").push(request);
                    answer(stream).await;
                });
            }
        });
        Self { port, requests }
    }

    /// Answers every request with these bytes, then closes.
    pub(super) async fn answering_bytes(bytes: Vec<u8>) -> Self {
        let bytes = Arc::new(bytes);
        Self::with(move |mut stream| {
            let bytes = bytes.clone();
            async move {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
            }
        })
        .await
    }

    /// As [`Server::answering_bytes`].
    pub(super) async fn answering(text: &str) -> Self {
        Self::answering_bytes(text.as_bytes().to_vec()).await
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The requests as they came, head and body.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("not poisoned").clone()
    }
}

/// Head, and as much body as it announces.
pub(super) async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0u8; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let announced = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            if body.len() >= announced.and_then(|length| length.parse().ok()).unwrap_or(0) {
                break;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(n) => bytes.extend_from_slice(buffer.get(..n).expect("what was read")),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
