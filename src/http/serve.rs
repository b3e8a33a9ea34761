//! Listening, until told to stop.

use super::state::AppState;
use axum::Router;
use std::future::Future;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long requests under way may take to end.
const GRACE: Duration = Duration::from_secs(10);

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
    let streams = state.stop().clone();
    let stopping = streams.clone();
    let stop = async move {
        stop.await;
        streams.cancel();
    };
    let served = axum::serve(listener, router).with_graceful_shutdown(stop);
    let late = async {
        stopping.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        ended = async { served.await } => ended,
        () = late => {
            tracing::warn!("some requests did not end in time");
            Ok(())
        }
    }
}
