//! Listening, until told to stop. HTTP/1.1; a client that does not get to the end of its headers is not waited for.

use super::state::AppState;
use axum::Router;
use axum::serve::Listener;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long requests under way may take to end.
const GRACE: Duration = Duration::from_secs(10);
/// How long the headers of a request may take, the wait for its first byte included.
const HEADERS: Duration = Duration::from_secs(60);

/// Serves until `stop` resolves; then takes no further request, ends streams of events, and waits for what is under way.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    state: AppState,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    run(listener, router, state.stop(), stop, HEADERS).await;
    Ok(())
}

async fn run(
    mut listener: TcpListener,
    router: Router,
    streams: &CancellationToken,
    stop: impl Future<Output = ()>,
    headers: Duration,
) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(headers);
    let connections = TaskTracker::new();
    let mut stop = pin!(stop);
    loop {
        // Waits out what an accept may fail for, such as a want of file descriptors.
        let (stream, _) = tokio::select! {
            accepted = Listener::accept(&mut listener) => accepted,
            () = &mut stop => break,
        };
        connections.spawn(connection(builder.clone(), stream, router.clone(), streams.clone()));
    }
    drop(listener);
    streams.cancel();
    connections.close();
    if tokio::time::timeout(GRACE, connections.wait()).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
}

/// One connection to its end; told to stop, it ends with the request under way.
async fn connection(builder: Builder<TokioExecutor>, stream: TcpStream, router: Router, stopping: CancellationToken) {
    let served = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut served = pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stopping.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn who_never_ends_its_headers_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (streams, stop) = (CancellationToken::new(), CancellationToken::new());
        let router = Router::new().route("/", get(|| async { "here" }));
        let served = tokio::spawn({
            let (streams, stop) = (streams.clone(), stop.clone());
            async move { run(listener, router, &streams, stop.cancelled_owned(), Duration::from_millis(200)).await }
        });
        for begun in ["", "P", "GET / HTTP/1.1\r\nhost: x\r\n"] {
            let mut slow = TcpStream::connect(address).await.expect("connects");
            slow.write_all(begun.as_bytes()).await.expect("sent");
            let mut quick = TcpStream::connect(address).await.expect("connects");
            quick.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("sent");
            let (mut said, mut heard) = (String::new(), Vec::new());
            quick.read_to_string(&mut said).await.expect("an answer");
            assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("here"), "{said}");
            // The end comes from the server: this side says nothing more, and does not close.
            let ended = tokio::time::timeout(Duration::from_secs(20), slow.read_to_end(&mut heard)).await;
            assert!(ended.is_ok(), "{begun:?} is waited for");
            assert!(!heard.starts_with(b"HTTP/1.1 200"), "{begun:?}");
        }
        stop.cancel();
        served.await.expect("ends");
        assert!(streams.is_cancelled());
    }
}
