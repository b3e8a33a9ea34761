//! Where other nodes of the log give commands to this one. Not a part of the interface: nobody else is answered.

use crate::engine::Engine;
use crate::node::peers::{self, PeerKey, Told};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

/// The route, for nodes that have this key.
pub fn router(engine: Engine, key: PeerKey) -> Router {
    let limit = DefaultBodyLimit::max(peers::MAX_BYTES);
    Router::new().route(peers::PATH, post(take)).layer(limit).with_state((engine, key))
}

async fn take(
    State((engine, key)): State<(Engine, PeerKey)>,
    Path(partition): Path<u32>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let said = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let asked = said(peers::MAC);
    if let Err(stranger) = key.admit(partition, (said(peers::WIRE), said(peers::AT), asked), &body, engine.now()) {
        tracing::warn!(%stranger, partition, "a command was refused that does not come from a node of this log");
        return StatusCode::FORBIDDEN.into_response();
    }
    // One that it can't read, a node can't decide either: it is told so before anything was decided.
    let Ok(command) = peers::command(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    let told = Told::of(engine.submit_as_decider(partition, command).await);
    match peers::told(&told) {
        Ok(answer) => {
            let proof = key.of_answer(partition, asked, &answer);
            ([(peers::MAC, proof)], answer).into_response()
        }
        // It may have been decided, so the one who gave it must not take it for undelivered: the connection says nothing.
        Err(error) => {
            tracing::error!(%error, "an answer to a node could not be written");
            std::future::pending().await
        }
    }
}
