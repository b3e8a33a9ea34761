//! `/mcp`: streamable HTTP, behind the same keys as the rest of the interface, and closed to foreign hosts and pages.
//!
//! What can't be read is answered as JSON-RPC says, so that a client's own reader understands it.

use super::{Assistant, Here};
use crate::http::AppState;
use crate::http::MAX_JSON;
use crate::http::auth::User;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

/// From where `/mcp` may be reached.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// Names that `Host` may have, with or without a port; none: any, which only a server with keys may allow.
    pub hosts: Vec<String>,
    /// Origins whose pages may call, `https://assistant.example`; a request with another `Origin` is refused.
    pub origins: Vec<String>,
}

impl Guard {
    /// For a server that listens there. On loopback only this machine's own names lead to it, so that no page of the web can reach it
    /// by a name that it makes resolve to this machine (DNS rebinding). Beyond, callers have keys, which such a page does not know.
    pub fn new(listens: SocketAddr, further_hosts: &[String], origins: &[String]) -> Self {
        let mut hosts: Vec<String> = further_hosts.to_vec();
        if listens.ip().is_loopback() || !hosts.is_empty() {
            hosts.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
            hosts.push(listens.ip().to_string());
        }
        // The server's own pages are no strangers.
        let own = listens.ip().is_loopback().then(|| format!("http://{listens}"));
        let named = listens.ip().is_loopback().then(|| format!("http://localhost:{}", listens.port()));
        Self { hosts, origins: origins.iter().cloned().chain(own).chain(named).collect() }
    }
}

/// The route of the assistant. `api` is [`crate::http::router`].
pub fn router(state: AppState, api: Router, guard: &Guard) -> Router {
    let assistant = Assistant::new(Arc::new(Here::new(api)));
    let config = StreamableHttpServerConfig::default()
        // No session holds anything, so there is none to steal, and any node answers any request.
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_cancellation_token(state.stop().clone())
        .with_allowed_hosts(guard.hosts.clone())
        .with_allowed_origins(guard.origins.clone())
        .enforce_origin_validation();
    let service =
        StreamableHttpService::new(move || Ok(assistant.clone()), Arc::new(NeverSessionManager::default()), config);
    Router::new()
        .route_service("/mcp", service)
        .layer(middleware::from_fn(as_json_rpc))
        .layer(middleware::from_fn_with_state(state, known))
}

/// Lets in who has a key with the role `user`, and notes whom.
async fn known(State(_): State<AppState>, User(caller): User, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// JSON-RPC 2.0: what came is not JSON.
const PARSE_ERROR: i32 = -32_700;
/// JSON-RPC 2.0: what came is JSON, but no message.
const INVALID_REQUEST: i32 = -32_600;
/// More of a refusal is not read.
const MOST_REFUSAL: usize = 64 * 1024;

/// Reads the message before the protocol's library does, and says of what it refuses in plain text the same as JSON-RPC does.
async fn as_json_rpc(request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_JSON).await else {
        let why = format!("the message has more than {MAX_JSON} bytes, or was broken off");
        return json_rpc_error(StatusCode::PAYLOAD_TOO_LARGE, &Value::Null, INVALID_REQUEST, &why);
    };
    let message: Value = match serde_json::from_slice(&bytes) {
        Ok(message) => message,
        Err(error) => {
            let why = format!("Parse error: {error}");
            return json_rpc_error(StatusCode::BAD_REQUEST, &Value::Null, PARSE_ERROR, &why);
        }
    };
    if !message.is_object() {
        let why = "a message is an object: several in one array are not taken";
        return json_rpc_error(StatusCode::BAD_REQUEST, &Value::Null, INVALID_REQUEST, why);
    }
    let id = message.get("id").filter(|id| id.is_string() || id.is_number()).cloned().unwrap_or_default();
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !response.status().is_client_error() || kind.starts_with("application/json") {
        return response;
    }
    let (head, body) = response.into_parts();
    let said = to_bytes(body, MOST_REFUSAL).await.unwrap_or_default();
    let mut answer = json_rpc_error(head.status, &id, INVALID_REQUEST, &String::from_utf8_lossy(&said));
    // What else the refusal says, such as `Allow`, stays.
    for (name, value) in head.headers.iter().filter(|(name, _)| !name.as_str().starts_with("content-")) {
        answer.headers_mut().insert(name, value.clone());
    }
    answer
}

fn json_rpc_error(status: StatusCode, id: &Value, code: i32, message: &str) -> Response {
    (status, Json(json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}))).into_response()
}
